"""`ratiogan run training`: what is printed, written and refused."""

import json

import numpy as np
import pytest

import ratiogan as rg
from ratiogan import catalogue
from ratiogan.cli.main import main
from ratiogan.cli.options import OPTIONS
from ratiogan.explanations import EXPLANATIONS
from ratiogan.solvers.landmarks import minibatch_floor
from ratiogan.trace import LAYOUTS, step_word, trace_cells

QUICK = ("--grid", "64", "--max-steps", "200")


def run(capsys, *words):
    code = main(["run", "training", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys, *words):
    return json.loads(run(capsys, *QUICK, "--no-save", *words, "--json")[1])


def test_what_is_printed(capsys, tmp_path):
    folder = tmp_path / "run"
    code, text, errors = run(capsys, *QUICK, "-o", str(folder))
    lines = text.splitlines()
    assert code == 0 and errors == "" and text.isascii()
    assert max(len(line) for line in lines if str(folder) not in line) <= 120
    assert lines[0] == "ratiogan run training   seed 0   64 cells on -4:4"
    assert lines[3:6] == [
        "game  non-saturating, u = -log f     turns of 1 discriminator update, "
        "1 generator update, minibatch 64",
        "      adam, alpha 0.01 discriminator, 0.0002 generator     gradient exact",
        "      capacity 64 cells discriminator, 64 cells generator",
    ]
    assert lines[7].startswith("JSD FELL from 0.0906 to 0.08")
    heading = next(i for i, line in enumerate(lines) if line.startswith("  turn "))
    assert lines[heading].split() == (
        "turn g d JSD KL(gen||real) max|R-1| cells in use modes accuracy".split()
    )
    first = lines[heading + 1].split()
    assert first[:3] == ["0", "0.69315", "1.38629"] and first[-1] == "50.0%"
    # Numbers stand under the ends of their headings.
    for word in ("turn", "cells in use", "modes", "accuracy"):
        end = lines[heading].index(word) + len(word)
        assert lines[heading + 1][end - 1] != " " and lines[heading + 1][end : end + 1] in ("", " ")
    assert any(line.startswith("d >= E[d*], that of the best response") for line in lines)
    assert {path.name for path in folder.iterdir()} == {
        *("run.npz", "figure.png", "report.json", "log.txt")
    }
    assert rg.load(folder).algorithm == "training"


def test_settings_that_are_not_the_default_are_in_the_header(capsys):
    words = (
        *("--gen-loss", "minimax", "--batch", "16", "--data", "40", "--disc-cells", "8"),
        *("--disc-steps", "3", "--gradient", "score", "--baseline", "leave-one-out"),
        *("--inner-product", "fisher", "--optimizer", "sgd", "--disc-smooth", "0.3"),
    )
    text = " ".join(run(capsys, *QUICK, "--no-save", *words)[1].split())
    for said in (
        "game non-saturating gen-loss minimax, u = log(1-f)",
        "turns of 3 discriminator updates, 1 generator update, minibatch 16 of 40 rows of data",
        "sgd, alpha 0.01 discriminator, 0.0002 generator gradient score, baseline leave-one-out",
        "capacity 8 cells discriminator smoothed by 0.3, 64 cells generator inner product fisher",
    ):
        assert said in text
    text = run(capsys, *QUICK, "--no-save", "--disc-steps", "best", "--batch", "exact")[1]
    assert "turns of the best discriminator, 1 generator update, exact expectations" in text
    text = run(capsys, *QUICK, "--no-save", "--batch", "exact", "--data", "9")[1]
    assert "all 9 rows of data" in text
    plane = ("--real", "ring8", "--gen", "ring8:thin=7", "--grid", "16x16", "--max-steps", "5")
    text = run(capsys, *plane, "--no-save", "--disc-cells", "4x8")[1]
    assert "capacity 4x8 cells discriminator, 16x16 cells generator" in text


def test_options_are_the_arguments_of_python(capsys):
    words = ("--disc-cells", "8", "--alpha-gen", "0.01", "--gen-steps", "2", "--seed", "3")
    found = as_json(capsys, *words)
    same = rg.training(grid=64, max_steps=200, disc_cells=8, alpha_gen=0.01, gen_steps=2, rng=3)
    assert found["finding"] == same.finding
    assert found["certificate"]["js"] == same.certificate["js"]
    assert found["options"]["disc_cells"] == 8 and found["options"]["disc_steps"] == 1


def test_what_is_not_given_is_left_to_the_scenario(capsys, monkeypatch):
    seen = {}

    def training(**arguments):
        seen.update(arguments)
        return rg.glgd(grid=16)

    monkeypatch.setattr(rg, "training", training)
    main(
        [
            *("run", "training", "--scenario", "weak-discriminator", "--particles", "7"),
            *("--family", "particles", "--discriminator", "kde", "--bandwidth", "0.2"),
            *("--no-save", "--alpha-disc", "0"),
        ]
    )
    capsys.readouterr()
    assert seen.pop("real") is not None and seen.pop("gen") is not None
    assert seen == {
        "scenario": "weak-discriminator", "particles": 7, "family": "particles",
        "discriminator": "kde", "bandwidth": 0.2, "alpha_disc": 0.0, "rng": 0, "progress": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--batch 100 --data 50", "batch must be at most data, 50"),
        ("--disc-cells 2000", "disc_cells must be at most the cells of the grid, 1024, got 2000."),
        ("--disc-cells 3x3", "disc_cells needs one number per axis, got 2 for 1."),
        ("--disc-cells 0", "--disc-cells must be at least 1, got 0."),
        ("--gen-cells 8xa", "--gen-cells must be a number, got 'a'."),
        ("--disc-steps 0", "--disc-steps must be at least 1, got 0."),
        ("--disc-steps best", "disc_steps best solves for exact expectations, got batch 64."),
        ("--alpha-gen -1", "--alpha-gen must be at least 0, got -1."),
        ("--alpha-disc -1", "--alpha-disc must be at least 0, got -1."),
        ("--scenario helthy", 'no scenario "helthy". Nearest: healthy.'),
        ("--scenario wasserstein-gan", 'no scenario "wasserstein-gan". Nearest: wgan.'),
        ("--optimizer adm", 'no optimizer "adm". Nearest: adam.'),
        ("--game lsgan", 'no game "lsgan". Nearest: least-squares.'),
        ("--gen-loss minimx", 'no game "minimx". Nearest: minimax.'),
        ("--baseline leave-one", "--baseline must be a number, none, constant or leave-one-out"),
        ("--baseline nan", "--baseline must be"),
        ("--inner-product fish", "--inner-product must be one of reference, euclidean, fisher"),
        ("--family logit", "Nearest: logits."),
        ("--data 0", "--data must be at least 1, got 0."),
        ("--gen-smooth -1", "--gen-smooth must be at least 0, got -1."),
        ("--gradient score --batch exact", "gradient score needs minibatches, got batch exact."),
        ("--bandwidth 0", "--bandwidth must be above 0, got 0."),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, errors = run(capsys, *words.split())
    assert code == 2 and text == "" and errors.startswith("Error: ") and said in errors
    assert errors.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_lost_number_exits_5_and_writes_what_there_is(capsys, tmp_path):
    folder = tmp_path / "run"
    words = ("--optimizer", "sgd", "--alpha-disc", "1e200", "--game", "maximum-likelihood")
    code, text, _ = run(capsys, *QUICK, *words, "-o", str(folder))
    assert code == 5 and "\nDIVERGED at turn 1: the generator is not finite" in text
    assert {"run.npz", "figure.png", "report.json"} <= {path.name for path in folder.iterdir()}
    assert rg.load(folder).status.value == "diverged"


def test_rows_of_the_trace_are_cells_of_the_table():
    solution = rg.training(grid=32, max_steps=5)
    rows = trace_cells("training", solution.trace, solution.grid)
    assert len(rows) == 6 and all(len(row) == 9 for row in rows)
    assert len(LAYOUTS["training"].headings) == 9
    huge = rg.training(grid=32, optimizer="sgd", alpha_disc=1e150, max_steps=3)
    assert max(map(len, huge.summary().split("\n"))) <= 120
    assert step_word("training") == step_word("wgan") == "turn"
    assert "<table" in solution._repr_html_()


@pytest.mark.parametrize("kind", ["scenarios", "families", "discriminators", "inner-products"])
def test_names_are_listed_and_completed(kind, capsys):
    assert main(["list", kind]) == 0
    table = getattr(catalogue, kind.upper().replace("-", "_"))
    text = capsys.readouterr().out
    assert all(name in text and entry.summary in text for name, entry in table.items())
    option = OPTIONS["family" if kind == "families" else kind.removesuffix("s")]()
    found = {item.value for item in option.type.shell_complete(None, option, "")}
    assert found == set(table)


def test_words_beside_numbers_are_completed():
    for name, word in (("batch", "exact"), ("disc-steps", "best"), ("baseline", "constant")):
        option = OPTIONS[name]()
        assert word in {item.value for item in option.type.shell_complete(None, option, word[:2])}


def test_help_says_what_holds_for_every_command(capsys):
    main(["run", "wgan", "--help"])
    shared = " ".join(capsys.readouterr().out.split())
    main(["run", "training", "--help"])
    own = " ".join(capsys.readouterr().out.split())
    for command in ("training", "wgan"):
        defaults = catalogue.ALGORITHMS[command].defaults
        text = shared if command == "wgan" else own
        said = [defaults["optimizer"], f"{defaults['disc_steps']}", f"{defaults['batch']}"]
        assert all(word in text for word in said)
    assert "Default: 0.01; wgan: 5e-5." in own and "Default: 0.01; wgan: 5e-5." in shared
    assert "Default: 1; wgan: 5." in own and "Default: adam; wgan: rmsprop." in own


def test_interrupted_runs_speak_of_turns(capsys, monkeypatch):
    solution = rg.training(grid=16, max_steps=4)
    from dataclasses import replace

    from ratiogan.solution import Status

    stopped = replace(solution, status=Status.INTERRUPTED, as_predicted=False)
    monkeypatch.setattr(rg, "training", lambda **_: stopped)
    code, _, errors = run(capsys, "--no-save")
    assert code == 1 and 'stopped at turn 4, status "interrupted"' in errors
    assert np.isfinite(solution.trace.g).all()


def late(solution, column):
    return float(
        solution.trace[column][solution.trace.step >= 0.75 * solution.trace.step[-1]].mean()
    )


def test_numbers_of_the_pages_are_what_runs_give():
    pages = {name: page.statement + page.argument for name, page in EXPLANATIONS.items()}
    solved = {"batch": "exact", "disc_steps": "best", "optimizer": "sgd", "alpha_gen": 0.5}
    blind = rg.training(disc_cells=8, inner_product="fisher", max_steps=60, **solved)
    assert f"JSD is {blind.trace.js[-1]:.4f}" in pages["weak-discriminator"]
    assert f"max|R-1| {blind.trace.max_error[-1]:.1f}" in pages["weak-discriminator"]
    assert abs(blind.trace.d[-1] - 2 * np.log(2)) < 1e-15
    assert f"JSD of {minibatch_floor(rg.preset('bimodal'), 8, 64)[0]:.3f}" in pages["minibatch"]
    learnt = rg.training(data=300, alpha_disc=0.02, snapshots=False)
    assert f"{late(learnt, 'd_train'):.2f}" in pages["overfitting"]
    assert f"{late(learnt, 'd'):.2f}" in pages["overfitting"]
    seen = rg.training(scenario="overfit", snapshots=False)
    assert f"d = {late(seen, 'd_train'):.1f}" in pages["overfit"].replace("1.38", "1.4")
    assert 2.6 < late(seen, "d") < 2.9 and 0.11 < late(seen, "js") < 0.13  # as the page says
    ends = [rg.training(gen_cells=n, snapshots=False) for n in (8, 4)]
    for end in ends:
        for number in (late(end, "js"), late(end, "g"), late(end, "d")):
            assert f"{number:.3f}" in pages["weak-generator"]
