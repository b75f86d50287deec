"""The commands `table` and `divergence`, as a user types them."""

import json
import math
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from ratiogan import _divergence_checks
from ratiogan.catalogue import DIVERGENCES
from ratiogan.cli.main import main
from ratiogan.cli.names import schema_text
from ratiogan.divergences import ROWS, divergence_row
from ratiogan.explanations import find

PUBLISHED = """\
ratiogan divergence   real bimodal   gen normal   1024 cells on -4:4   exact: no sampling noise
  KL(gen || real)      0.416456   nats
  KL(real || gen)      0.359277   nats
  JSD                  0.090831   nats   13.1% of its maximum log 2; 0.131041 bits
  JS distance          0.301382   sqrt(JSD), what scipy.spatial.distance.jensenshannon returns
  TV                   0.365420   Bayes accuracy (1+TV)/2 = 68.3%
  Wasserstein-1        0.588179   same unit as the data
"""


def run(capsys, *words):
    code = main(list(words))
    captured = capsys.readouterr()
    assert captured.out.isascii()
    if not {"--json", "--markdown"} & set(words):
        assert all(len(line) <= 120 for line in captured.out.splitlines())
    return code, captured.out, captured.err


def as_json(capsys, *words):
    code, text, _ = run(capsys, *words, "--json")
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(found)
    assert found["exit_code"] == code
    return found


# ---- divergence ----------------------------------------------------------------------------------


def test_divergence_prints_the_published_numbers(capsys):
    code, text, errors = run(capsys, "divergence")
    assert code == 0 and errors == ""
    for printed, expected in zip(text.splitlines(), PUBLISHED.splitlines(), strict=False):
        assert printed.startswith(expected)
    assert text.endswith("again: ratiogan divergence --seed 0\n")
    # what others print for the same thing
    for said in ("L1 distance, without the 1/2: 0.730840", "scipy.stats.entropy(p_g, p_r)"):
        assert said in text


def test_divergence_in_bits(capsys):
    text = run(capsys, "divergence", "--unit", "bits")[1]
    assert "JSD                  0.131041   bits   13.1% of its maximum 1; 0.090831 nats" in text
    assert "jensenshannon(base=2)" in text
    assert "TV                   0.365420" in text
    found = as_json(capsys, "divergence", "--unit", "bits")
    assert found["unit"] == found["divergences"]["jsd"]["unit"] == "bits"
    assert found["divergences"]["jsd"]["largest"] == pytest.approx(1, rel=1e-15)
    assert found["divergences"]["tv"]["unit"] is None


def test_divergence_as_json_and_markdown_and_quiet(capsys):
    found = as_json(capsys, "divergence")
    assert found["kind"] == "divergence" and found["input"]["grid"]["shape"] == [1024]
    assert found["divergences"]["kl_gen_real"]["direction"] == "gen||real"
    assert found["divergences"]["wasserstein"]["value"] == pytest.approx(0.588179301, abs=1e-9)
    assert "| JSD | 0.090831 |" in run(capsys, "divergence", "--markdown")[1]
    quiet = run(capsys, "divergence", "-q")[1]
    assert quiet.startswith("JSD is 0.090831 nats, 13.1% of its maximum log 2")
    assert quiet.count("\n") == 1


def test_divergence_of_pieces_apart_is_infinite_and_says_why(capsys):
    words = ("divergence", "--real", "disjoint", "--gen", "disjoint")
    text = run(capsys, *words)[1]
    assert "KL(gen || real)           inf   100% of gen lies where real has no mass" in text
    assert "JSD                  0.693147" in text
    found = as_json(capsys, *words)["divergences"]
    assert found["chi2_neyman"]["value"] is None and found["chi2_neyman"]["infinite"] is True


def test_divergence_of_samples_says_that_noise_is_in_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("real", "gen"):
        np.save(f"{name}.npy", rng.normal(size=500))
    pair = ("--real", "real.npy", "--gen", "gen.npy")
    text = run(capsys, "divergence", *pair)[1]
    assert "of estimated densities" in text and "kde" in text and "ratiogan diagnose" in text
    assert as_json(capsys, "divergence", *pair)["input"]["density"] == "kde"


def test_divergence_writes_a_folder_where_it_is_told_to(capsys, tmp_path):
    folder = tmp_path / "out"
    code, text, _ = run(capsys, "divergence", "-o", str(folder))
    assert code == 0 and "wrote" in text
    assert {path.name for path in folder.iterdir()} == {"report.json", "log.txt"}
    assert run(capsys, "divergence", "-o", str(folder))[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--real", "bimodl"], "bimodal"),
        (["--unit", "bans"], "nats, bits"),
        (["--real", "missing.csv"], "missing.csv"),
        (["--real", "ring8", "--gen", "normal"], "normal"),
    ],
)
def test_divergence_refuses_in_a_sentence(capsys, words, said):
    code, _, errors = run(capsys, "divergence", *words)
    assert code == 2 and errors.startswith("Error: ") and said in errors


# ---- table ---------------------------------------------------------------------------------------


def test_table_prints_24_rows_and_the_losses_all_verified(capsys):
    code, text, errors = run(capsys, "table")
    assert code == 0 and errors == ""
    lines = text.splitlines()
    assert lines[0].startswith("ratiogan table   24 divergences   D_f = E[f(s)], s = p_g/p_r")
    rows = [line.split() for line in lines if line.endswith(" yes")]
    assert [row[0] for row in rows] == [row.name for row in ROWS.values()]
    assert all(float(row[-2]) < 1e-9 for row in rows)
    for start in (
        "  kl-gen-real        s log s                         inf       exp(t-1)                 "
        "[0, inf]       ",
        "  jsd                .5 (s log s - (1+s) log((1+s)/2))  .5 log 2  -.5 log(2 - exp(2t))  "
        "[0, log 2]     ",
        "  0-1            1{h<0}             1{h>=0}            sgn(1-s)        1 - min(1, s)    ",
        "  cw:c=0.3       (1-c)(1-h)         c(1+h)             sgn(1-c-cs)     |1-c-cs| - cs + c",
        "all 24 rows hold (brute-force minimum over h, conjugate, variational bound, convexity).",
        "5 are printed wrongly in the slides: 0-1, log, square, cw:c=0.3, boosting.",
    ):
        assert any(line.startswith(start) for line in lines), start


def test_table_exits_3_where_a_row_fails(capsys, monkeypatch):
    wrong = {**ROWS, "jsd": replace(ROWS["jsd"], slope_at_infinity=0.5)}
    monkeypatch.setattr(_divergence_checks, "ROWS", wrong)
    code, text, _ = run(capsys, "table")
    assert code == 3 and "1 of 24 rows FAIL: jsd (" in text
    (row,) = [line for line in text.splitlines() if line.startswith("  jsd ")]
    assert row.endswith(" NO")
    assert as_json(capsys, "table")["exit_code"] == 3


@pytest.mark.parametrize("name", [*ROWS, "alpha:alpha=2", "cw:c=0.5", "js-weighted:w=0.1"])
def test_table_of_one_row_says_all_of_it(capsys, name):
    row = divergence_row(name)
    code, text, _ = run(capsys, "table", name)
    assert code == 0
    assert text.startswith(f"ratiogan table {row.name} ") and f"{row.name} holds:" in text
    assert row.formula in text and row.optimal_formula in text
    if row.losses is not None:
        assert row.losses.plus_text in text and row.losses.best_text in text
    found = as_json(capsys, "table", name)["divergences"]
    assert len(found) == 1 and found[0]["formula"] == row.formula and found[0]["ok"]


def test_table_says_what_the_slides_print(capsys):
    text = run(capsys, "table", "square")[1]
    assert "f = -s/(1+s) + 1/2; f of these losses is 4 times the printed" in text
    assert "in the slides    as here" in run(capsys, "table", "exponential")[1]


def test_table_in_bits_json_and_markdown(capsys):
    text = run(capsys, "table", "--unit", "bits")[1]
    (row,) = [line for line in text.splitlines() if line.startswith("  jsd ")]
    assert "[0, 1]" in row
    found = as_json(capsys, "table", "--unit", "bits")
    ranges = {row["name"]: row["range"] for row in found["divergences"]}
    assert ranges["jsd"] == [0, pytest.approx(1)] and ranges["triangular"] == [0, 2]
    assert ranges["kl-gen-real"][1] == {"value": None, "infinite": True}
    assert len(as_json(capsys, "table")["divergences"]) == 24
    markdown = run(capsys, "table", "--markdown")[1]
    assert markdown.count("\n| ") == 24 + 6 + 1 and "| hellinger2 |" in markdown
    assert run(capsys, "table", "-q")[1].startswith("all 24 rows hold")


def test_table_draws_its_figure(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, _ = run(capsys, "table", "jsd", "-o", "one")
    assert code == 0
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"figure.png", "report.json", "log.txt"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jds", 'no divergence "jds". Nearest: jsd.'),
        ("kl", "Nearest: kl-gen-real, kl-real-gen."),
        ("alpha:beta=2", "Known: alpha."),
        ("alpha:alpha=1", "Its limit is kl-gen-real."),
    ],
)
def test_table_refuses_with_the_nearest_name(capsys, name, said):
    code, _, errors = run(capsys, "table", name)
    assert code == 2 and said in errors


# ---- names ---------------------------------------------------------------------------------------


def test_every_divergence_is_listed_and_explained(capsys):
    text = run(capsys, "list", "divergences")[1]
    for name in DIVERGENCES:
        assert f"  {name} " in text
        assert find(name) is not None, name
        if name not in ("alpha",):  # there it is the step size; alpha-divergence is this one
            assert find(name).kind in ("divergence", "word", "game"), name
    assert find("alpha:alpha=0.5").name == "alpha-divergence"


def test_help_says_what_it_is(capsys):
    for name in ("table", "divergence"):
        code, text, _ = run(capsys, name, "--help")
        assert code == 0 and f"ratiogan {name}" in text and "Exit codes" in text


def test_log_2_is_the_largest_jsd_in_the_json(capsys):
    found = as_json(capsys, "divergence", "--real", "disjoint", "--gen", "disjoint")
    jsd = found["divergences"]["jsd"]
    assert jsd["largest"] == math.log(2) and jsd["value"] <= jsd["largest"]
