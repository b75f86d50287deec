"""The command line end to end: grammar, output, exit codes, files, errors, start-up."""

import dataclasses
import io
import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

import ratiogan
from ratiogan.cli import output
from ratiogan.cli.frame import EXIT_CODES, LazyGroup
from ratiogan.cli.main import cli, main
from ratiogan.cli.options import OPTIONS
from ratiogan.progress import Progress

PROGRAM = [sys.executable, "-m", "ratiogan"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(ratiogan.__file__))}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RATIOGAN_THREADS", raising=False)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Run a command line in this process: (exit code, stdout, stderr)."""

    def run(text):
        code = main(shlex.split(text))
        return code, *capsys.readouterr()

    return run


def written(folder):
    """Every file below a folder."""
    return sorted(
        os.path.relpath(os.path.join(where, name), folder)
        for where, _, names in os.walk(folder)
        for name in names
    )


def commands(group=cli, path=()):
    """(path, command) of every command."""
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        yield (*path, name), command
        if isinstance(command, LazyGroup):
            yield from commands(command, (*path, name))


COMMANDS = {" ".join(path): command for path, command in commands()}


# ---- welcome, help, version ----------------------------------------------------------------------


def test_welcome_shows_three_commands_that_exist(call):
    code, out, err = call("")
    assert code == 0 and err == ""
    first, *rest = out.splitlines()
    assert first.startswith(f"ratiogan {ratiogan.__version__}: ")
    shown = re.findall(r"^  ratiogan (.*?)   ", "\n".join(rest), re.MULTILINE)
    assert len(shown) == 4
    for line in shown[:3]:
        assert line in COMMANDS
    assert "ratiogan explain glgd" in out


def test_version_and_module(call):
    assert call("--version") == (0, f"ratiogan {ratiogan.__version__}\n", "")
    assert call("run glgd --version")[1] == f"ratiogan {ratiogan.__version__}\n"
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout == f"ratiogan {ratiogan.__version__}\n" and done.returncode == 0


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_has_exit_codes_and_only_known_options(call, name):
    code, out, err = call(f"{name} --help")
    assert code == 0 and err == ""
    assert call(f"{name} -h")[1] == out
    assert out.isascii() and max(map(len, out.splitlines())) <= 120
    for number, text in EXIT_CODES.items():
        assert re.search(rf"^  {number}  {re.escape(text)}$", out, re.MULTILINE)
    known = {
        word for build in OPTIONS.values() for word in (*build().opts, *build().secondary_opts)
    }
    known |= {"-h", "--help", "--"}
    assert (
        set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*(?=[\s,]|$)", out.split("Exit codes")[0]))
        <= known
    )


@pytest.mark.parametrize("name", [n for n, c in COMMANDS.items() if not isinstance(c, LazyGroup)])
def test_help_has_one_sentence_and_one_example(call, name):
    command = COMMANDS[name]
    out = call(f"{name} --help")[1]
    assert command.example in out and name in command.example
    assert command.help.rstrip('"').endswith((".", "?")) and ". " not in command.help


def test_the_examples_work_as_printed(call):
    order = [
        "run glgd",
        "run alternating",
        "compare",
        "games",
        "plot",
        "animate",
        "explain",
        "list",
    ]
    for name in order:
        program, *words = shlex.split(COMMANDS[name].example)
        code, _, err = call(shlex.join(words))
        assert (program, code, err) == ("ratiogan", 0, ""), name
    assert written("ratiogan-runs/glgd-001") == [
        "figure.png", "log.txt", "report.json", "run.npz",
    ]  # fmt: skip


def test_a_group_without_a_command_shows_what_it_has(call):
    code, out, err = call("run")
    assert code == 0 and err == "" and "glgd" in out and "alternating" in out


# ---- start-up ------------------------------------------------------------------------------------

WITHOUT_NUMBERS = [
    "", "--version", "--help", "list", "list presets", "list schema", "explain", "explain glgd",
    "explain 0.693", "completion", "completion bash", "completion zsh", "completion fish", "run",
    "run glgd --help", "run alternating --help", "compare --help", "games --help", "plot --help",
    "run glgd --game lsgan", "run glgd --geometry fishr", "frobnicate", "explain --json",
]  # fmt: skip


def test_text_commands_import_nothing_numerical():
    script = f"""
import shlex, sys
from ratiogan.cli.main import main
for text in {WITHOUT_NUMBERS!r}:
    main(shlex.split(text))
    for name in ("numpy", "numba", "scipy", "matplotlib"):
        if name in sys.modules:
            sys.exit(f"{{text!r}} imports {{name}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr


COMPLETIONS = [
    ("ratiogan ", 1, {"run", "compare", "games", "explain", "list", "plot"}),
    ("ratiogan run ", 2, {"glgd", "alternating"}),
    ("ratiogan run glgd --real bi", 4, {"bimodal"}),
    ("ratiogan run glgd --gen near", 4, {"near-real"}),
    ("ratiogan run glgd --game l", 4, {"least-squares", "logit"}),
    ("ratiogan run glgd --geometry f", 4, {"fisher"}),
    ("ratiogan run glgd --max", 3, {"--max-steps"}),
    ("ratiogan run alternating --ties s", 4, {"split"}),
    ("ratiogan compare alt", 2, {"alternating"}),
    ("ratiogan games hin", 2, {"hinge"}),
    ("ratiogan explain lsg", 2, {"lsgan-pearson"}),
    ("ratiogan list pre", 2, {"presets"}),
    ("ratiogan completion z", 2, {"zsh"}),
]


@pytest.mark.parametrize(("words", "position", "expected"), COMPLETIONS)
def test_names_are_completed(words, position, expected):
    from click.shell_completion import BashComplete

    complete = BashComplete(cli, {}, "ratiogan", "_RATIOGAN_COMPLETE")
    incomplete = words.split(" ")[position]
    found = {item.value for item in complete.get_completions(words.split()[1:position], incomplete)}
    assert expected <= found
    assert all(name.startswith(incomplete) for name in found)


def test_completion_answers_the_shell_without_numbers():
    environment = {
        **ENVIRONMENT,
        "_RATIOGAN_COMPLETE": "bash_complete",
        "COMP_WORDS": "ratiogan run glgd --game hi",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ratiogan"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.stdout.split() == ["plain,hinge"]
    assert not re.search(r"\b(numpy|numba|scipy|matplotlib)\b", done.stderr)


# ---- what is printed -----------------------------------------------------------------------------


def test_run_glgd_prints_header_finding_tables_and_how_to_make_it_again(call):
    code, out, err = call("run glgd --no-save")
    lines = out.splitlines()
    assert code == 0 and err == ""
    assert lines[0] == "ratiogan run glgd   seed 0   1024 cells on -4:4"
    assert lines[1].startswith("real  bimodal:means=-1.5/1.5,sd=0.7,weights=0.6/0.4 ")
    assert lines[1].endswith("outside the domain 1.8e-04")
    assert lines[2].startswith("gen   normal:mean=0,sd=1.2 ") and lines[2].endswith("8.6e-04")
    assert lines[3] == (
        "game  non-saturating, u = -log f     geometry reference, L2(p_r)     "
        "step constant, alpha 1 (auto)"
    )
    assert lines[4] == ""
    assert lines[5] == "CONVERGED in 38 steps: max|R-1| = 9.9e-11, below tol 1e-10."
    assert re.fullmatch(r"wrote nothing \(--no-save\)   \d+\.\d s", lines[-2])
    assert lines[-1] == "again: ratiogan run glgd --no-save --seed 0"


def test_run_alternating_prints_its_tie_rule(call):
    code, out, _ = call("run alternating --no-save --ties first")
    assert code == 0
    assert out.startswith("ratiogan run alternating   seed 0   1024 cells on -4:4\n")
    assert "\ngame  non-saturating     ties first\n\n" in out
    assert out.endswith("again: ratiogan run alternating --no-save --ties first --seed 0\n")


def test_compare_prints_one_row_per_run(call):
    code, out, _ = call("compare glgd glgd:geometry=fisher --no-save")
    assert code == 0
    assert out.splitlines()[0] == (
        "ratiogan compare   2 runs   real bimodal   gen normal   1024 cells on -4:4   seed 0"
    )
    assert out.splitlines()[2].startswith("BEST: glgd:geometry=fisher (34 steps")
    code, out, _ = call(
        "compare glgd --sweep alpha=0.5,1 --sweep geometry=reference,fisher --no-save"
    )
    assert code == 0 and "   4 runs   " in out


def test_compare_as_markdown(call):
    code, out, _ = call("compare glgd glgd:geometry=fisher --no-save --markdown")
    assert code == 0 and "| run | alpha |" in out and "|---|" in out


MAP = (
    "compare training --sweep alpha_gen=1e-4,1e-2,0.3 --sweep disc_steps=1,8 "
    "--max-steps 300 --grid 64"
)


def test_compare_prints_a_map_of_two_settings_of_training(call):
    code, out, err = call(f"{MAP} --no-save")
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[2].startswith("BEST of 6: alpha_gen=0.01, disc_steps=8 (KL 0.0")
    assert "KL(p_g||p_r), mean over the last quarter of the turns" in lines[4]
    assert lines[6].split() == ["disc_steps", "\\", "alpha_gen", "0.0001", "0.01", "0.3"]
    assert [line.split()[0] for line in lines[7:9]] == ["1", "8"]
    assert [line.split()[2::2] for line in lines[7:9]] == [["c", "o", "H"], ["c", "c", "C"]]
    assert lines[10].startswith("c converging: ends below its start; o cycle; C collapsed; H hop")
    assert "cells in use" not in out and max(map(len, lines[:-1])) <= 120
    assert "cells in use" in call(f"{MAP} --no-save -v")[1]
    code, out, _ = call(f"{MAP} --no-save --markdown")
    assert "| disc_steps \\ alpha_gen | 0.0001 | 0.01 | 0.3 |" in out


def test_a_map_is_the_same_on_any_threads_drawn_paged_and_read_again(call):
    outs = [call(f"{MAP} --no-save --threads {threads}")[1] for threads in (1, 2)]
    same = [out.replace("--threads 1", "--threads 2").splitlines()[:-2] for out in outs]
    assert same[0] == same[1]
    code, out, _ = call(f"{MAP} -o folder --html page.html")
    assert code == 0 and os.path.isfile("folder/figure.png")
    assert os.path.getsize("page.html") < 300_000
    code, again, _ = call("plot folder -o figure.png")
    assert code == 0 and out.splitlines()[2] in again
    assert call("animate folder -o run.html")[0] == 0


def test_games_lists_every_row_checked(call):
    from ratiogan.catalogue import GAME_ROWS

    code, out, err = call("games")
    assert code == 0 and err == ""
    assert out.startswith(f"ratiogan games   {len(GAME_ROWS)} GAN games   E over p_r")
    assert "(all rows checked numerically)" in out.splitlines()[0]
    for spec in GAME_ROWS:
        assert spec in out
    assert os.listdir() == []
    assert "| game | best resp. f* |" in call("games --markdown")[1]


def test_a_game_of_your_own_is_answered_in_one_screen(call):
    with open("my_gan.py", "w") as file:
        file.write(
            "import numpy as np\n"
            "class loss:\n"
            "    loss_real = staticmethod(lambda f: -np.log(f))\n"
            "    loss_gen = staticmethod(lambda f: -np.log(1 - f))\n"
            "    generator_loss = staticmethod(lambda f: -np.log(f))\n"
        )
    code, out, err = call("games my_gan.py:loss")
    assert code == 0 and err == ""
    assert len(out.splitlines()) < 40
    assert "Phi''(1)" in out and "PREDICTION: " in out
    assert "test it: ratiogan run glgd --game my_gan.py:loss" in out
    assert re.search(r"1e-0?3|0\.001", out) and "1000" in out
    code, out, _ = call("run glgd --game my_gan.py:loss --no-save -q")
    assert code == 0 and out.startswith("CONVERGED in 38 steps")


def test_games_writes_only_where_it_is_told(call):
    code, out, _ = call("games hinge -o folder")
    assert code == 0 and written("folder") == ["figure.png", "log.txt", "report.json"]
    assert "wrote folder/  (figure.png report.json log.txt)" in out


@pytest.mark.parametrize(
    "text",
    [
        "run glgd --no-save -v",
        "run glgd --no-save --game cw:generator=zero-sum,c=0.3 --max-steps 50",
        "run alternating --no-save",
        "compare glgd glgd:geometry=fisher alternating --no-save",
        "games",
        "games least-squares:a=-1,b=1,c=0",
        "explain",
        "list presets",
    ],
)
def test_stdout_is_ascii_and_at_most_120_columns(call, text):
    _, out, _ = call(text)
    assert out.isascii() and out.endswith("\n") and not re.search(r"[ \t]$", out, re.MULTILINE)
    lines = [line for line in out.splitlines() if not line.startswith("again: ")]
    assert max(map(len, lines)) <= 120


def test_quiet_prints_the_finding_only(call):
    assert call("run glgd --no-save -q") == (
        0,
        "CONVERGED in 38 steps: max|R-1| = 9.9e-11, below tol 1e-10.\n",
        "",
    )


def test_verbose_prints_every_recorded_row_and_timings(call):
    brief, full = (call(f"run glgd --no-save {flag}")[1] for flag in ("", "-v"))
    assert len(full.splitlines()) == len(brief.splitlines()) + 39 - 8 + 1
    assert re.search(r"^solver \d", full, re.MULTILINE)


def test_the_again_line_makes_the_same_output(call):
    _, first, _ = call("run alternating --no-save --grid 64 --real 'normal:mean=0,sd=1' --seed 5")
    line = first.splitlines()[-1]
    assert line.startswith("again: ratiogan ")
    _, second, _ = call(line.removeprefix("again: ratiogan "))
    timeless = [re.sub(r"\d+\.\d s", "", text) for text in (first, second)]
    assert timeless[0] == timeless[1]


def test_names_that_need_quotes_are_quoted(call):
    np.save("two words.npy", np.random.default_rng(0).normal(size=(200, 1)))
    _, out, _ = call("run glgd --real 'two words.npy' --gen normal --no-save")
    assert out.splitlines()[-1] == (
        "again: ratiogan run glgd --real 'two words.npy' --gen normal --no-save --seed 0"
    )


# ---- exit codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "finding"),
    [
        ("run glgd", 0, "CONVERGED in 38 steps"),
        ("run alternating", 0, "COLLAPSED at step 1"),
        (
            "run glgd --game least-squares:a=-1,b=1,c=0 --gen near-real",
            0,
            "NOT CONVERGING, as pred",
        ),
        ("run glgd --geometry lebesgue --max-steps 100", 5, "NOT CONVERGED in 100 steps"),
        ("run glgd --tol 0 --max-steps 5", 0, "TOOK 5 steps"),
        ("compare glgd alternating", 0, "BEST: glgd"),
    ],
)
def test_a_predicted_outcome_is_a_success(call, text, code, finding):
    found, out, _ = call(f"{text} --no-save -q")
    assert found == code
    assert out.startswith(finding)


def test_a_row_that_is_not_what_its_losses_say_exits_3(call, monkeypatch):
    from ratiogan import games

    monkeypatch.setattr(games, "check", lambda game: 0.1 if game.name == "hinge" else 0.0)
    code, out, _ = call("games")
    assert code == 3 and "NOT as their losses say: hinge" in out
    assert call("games hinge")[0] == 3


# ---- refusals: exit code, one sentence, nothing on disk ------------------------------------------

REFUSALS = [
    ("glgd", 2, 'no command "glgd". '),
    ("compere", 2, 'no command "compere". Nearest: compare.* See: ratiogan --help'),
    ("run glg", 2, 'no algorithm "glg". Nearest: glgd, wglgd. See: ratiogan run --help'),
    ("run glgd --seeed 1", 2, "ratiogan run glgd has no option --seeed. Nearest: --seed"),
    ("run glgd --ties first", 2, "ratiogan run glgd has no option --ties."),
    ("run glgd extra", 2, "unexpected extra argument"),
    ("run glgd --alpha", 2, "requires an argument"),
    ("run glgd --real bimodl", 2, "Nearest: bimodal"),
    ("run glgd --real normal:mu=1", 2, 'no parameter "mu". Known: mean, sd.'),
    ("run glgd --game minimacs", 2, 'no game "minimacs". Nearest: minimax. See: ratiogan games'),
    ("run glgd --game least-squares:d=1", 2, "Known: a, b, c."),
    ("games minimacs", 2, "Nearest: minimax"),
    ("compare glgd:geometry=fishr", 2, "Nearest: fisher"),
    ("compare glgx", 2, 'no algorithm "glgx". Nearest: glgd'),
    ("compare glgd --sweep alpha", 2, "--sweep must read KEY=V1,V2"),
    ("compare glgd --sweep alpha=1 --sweep alpha=2", 2, "--sweep names one key twice"),
    ("compare glgd --sweep alpah=1,2", 2, "Nearest: alpha"),
    ("compare training --sweep alpha_gen=1,-1", 2, "alpha_gen must be at least 0"),
    ("compare glgd glgd", 2, "asked for twice"),
    ("run glgd --geometry fishr", 2, "--geometry must be one of .* Nearest: fisher"),
    ("run glgd --step newtn", 2, "Nearest: newton"),
    ("run glgd --density kdr", 2, "Nearest: kde"),
    ("run glgd --style slid", 2, "Nearest: slide"),
    ("run glgd --grid 1", 2, "grid"),
    ("run glgd --grid many", 2, "grid"),
    ("run glgd --grid 1000000x1000000x1000000 --real ring8 --gen ring8", 2, "grid|GRID|cells"),
    ("run glgd --grid 10000000000000", 2, "memory|cells"),
    ("run glgd --domain 4:-4", 2, "domain"),
    ("run glgd --alpha 0", 2, "--alpha must be above 0, got 0. Pass a number"),
    ("run glgd --alpha nan", 2, "--alpha must be finite"),
    ("run glgd --alpha=-1", 2, "--alpha must be above 0, got -1"),
    ("run glgd --alpha big", 2, "--alpha must be a number, got 'big'"),
    ("run glgd --tol=-1", 2, "--tol must be at least 0"),
    ("run glgd --max-steps 0", 2, "--max-steps must be at least 1, got 0"),
    ("run glgd --max-steps 1.5", 2, "--max-steps must be a whole number"),
    ("run glgd --seed=-1", 2, "--seed must be at least 0"),
    ("run glgd --threads 0", 2, "--threads must be at least 1"),
    ("run glgd --real missing.csv", 2, "missing.csv"),
    ("run glgd --real nan.csv --gen normal", 2, "nan.csv.* 2 .*--nan drop"),
    ("run glgd --real empty.csv --gen normal", 4, "no rows"),
    ("run glgd --real two.csv --gen one.csv", 2, "2 columns.* 1|1 column.* 2"),
    ("run glgd --real disjoint:side=left --gen disjoint:side=right", 2, "100% of the generator's"),
    ("run glgd --game missing.py:loss", 2, "missing.py is not a file"),
    ("run glgd --game bad.py:nan", 2, "is nan"),
    ("run glgd --game bad.py:shape", 2, "shape"),
    ("run glgd --game bad.py:nothing", 2, "no loss_real|has no"),
    ("run glgd --game bad.py:shap", 2, 'has no "shap". Nearest: shape'),
    ("plot", 2, "plot needs a saved RUN. Make one: ratiogan run glgd."),
    ("plot nowhere", 2, "nowhere"),
    ("plot broken.npz", 2, "broken.npz is damaged"),
    ("plot one.csv", 2, "one.csv is not a run.npz"),
    ("plot broken.npz -o figure.jpg", 2, "must end in .png or .svg or .pdf"),
    ("plot broken.npz -o figure.png --figure-format svg", 2, "disagree"),
    ("animate broken.npz -o movie.mp4", 2, "must end in .gif or .html"),
    ("run glgd --animate movie.mp4", 2, "--animate movie.mp4 must end in .gif or .html"),
    ("run glgd --html page.txt", 2, "--html page.txt must end in .html. Write page.html."),
    ("run glgd --html missing/page.html", 2, "there is no folder missing"),
    ("run glgd --no-save -o folder", 2, "--no-save and --out disagree"),
    ("run glgd -o one.csv", 2, "--out one.csv is a file, a folder is needed"),
    ("run glgd -o one.csv/below", 2, "one.csv is not a folder"),
    ("run glgd -o full", 2, "full exists; choose another --out, or --force."),
    ("compare glgd -o full", 2, "full exists; choose another --out, or --force."),
    ("games hinge -o full", 2, "full exists; choose another --out, or --force."),
    ("run glgd --html one.html", 2, "one.html exists; choose another --html, or --force."),
    ("explain nothing-known", 2, 'nothing is known about "nothing-known"'),
    ("list presetz", 2, "Nearest: presets"),
    ("completion tcsh", 2, "bash, zsh, fish"),
]


@pytest.fixture
def inputs(in_an_empty_folder):
    """Bad and good inputs, and a folder that is not empty."""
    files = {
        "nan.csv": "y\n1.0\nn/a\n2.0\n\nnan\n0.5\n".replace("\n\n", "\n"),
        "empty.csv": "y\n",
        "one.csv": "y\n1.0\n2.0\n0.5\n",
        "two.csv": "x,y\n1.0,2.0\n2.0,1.0\n0.5,3.0\n",
        "broken.npz": "PK\x03\x04 this is no archive",
        "one.html": "mine",
        "full/mine.txt": "mine",
        "bad.py": (
            "import numpy as np\n"
            "class nan:\n"
            "    loss_real = staticmethod(lambda f: f * np.nan)\n"
            "    loss_gen = staticmethod(lambda f: f)\n"
            "class shape:\n"
            "    loss_real = staticmethod(lambda f: np.zeros(3))\n"
            "    loss_gen = staticmethod(lambda f: f)\n"
            "class nothing:\n"
            "    pass\n"
        ),
    }
    for name, text in files.items():
        path = in_an_empty_folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return in_an_empty_folder


@pytest.mark.parametrize(("text", "code", "message"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_bad_input_gets_one_sentence_and_leaves_nothing(call, inputs, text, code, message):
    before = written(inputs)
    found, out, err = call(text)
    assert (found, out) == (code, "")
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert re.search(message, err), err
    assert [name for name in written(inputs) if "__pycache__" not in name] == before


def test_the_game_that_everybody_misspells(call):
    assert call("run glgd --game lsgan")[2] == (
        'Error: no game "lsgan". Nearest: least-squares. See: ratiogan games\n'
    )


def test_a_folder_that_cannot_be_written(call, in_an_empty_folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    for text in ("run glgd", "run glgd -o folder", "plot x -o figure.png"):
        code, out, err = call(text)
        assert (code, out) == (2, "") and "no permission in" in err
    assert os.listdir() == []


def test_threads_from_the_environment_are_checked(call, monkeypatch):
    monkeypatch.setenv("RATIOGAN_THREADS", "none")
    code, _, err = call("run glgd --no-save -q")
    assert code == 2 and "RATIOGAN_THREADS" in err
    monkeypatch.setenv("RATIOGAN_THREADS", "1")
    assert call("run glgd --no-save -q")[0] == 0


# ---- files ---------------------------------------------------------------------------------------


def test_default_folders_are_numbered_and_never_in_the_way(call):
    for number in (1, 2):
        code, out, _ = call("run glgd --grid 64 --no-plot")
        folder = f"ratiogan-runs/glgd-00{number}"
        assert code == 0 and f"wrote {folder}/  (run.npz report.json log.txt)   " in out
        assert written(folder) == ["log.txt", "report.json", "run.npz"]
    os.rename("ratiogan-runs/glgd-002", "ratiogan-runs/glgd-041")
    call("run alternating --grid 64 --no-plot")
    call("run glgd --grid 64 --no-plot")
    assert sorted(os.listdir("ratiogan-runs")) == [
        "alternating-001",
        "glgd-001",
        "glgd-041",
        "glgd-042",
    ]


def test_the_log_is_what_was_printed(call):
    _, out, _ = call("run glgd --grid 64 -o runs/first --no-plot")
    with open("runs/first/log.txt") as file:
        assert file.read() == out
    _, out, _ = call("run glgd --grid 64 -o runs/second --no-plot -q")
    with open("runs/second/log.txt") as file:
        assert file.read() != out


def test_the_saved_run_knows_its_command(call):
    call("run glgd --grid 64 -o first --no-plot")
    run = ratiogan.load("first")
    assert run.command == tuple("ratiogan run glgd --grid 64 -o first --no-plot --seed 0".split())
    assert run.n_steps == 38


def test_force_replaces_files_of_ours_only(call):
    call("run glgd --grid 64 -o folder --no-plot")
    with open("folder/notes.txt", "w") as file:
        file.write("mine")
    code, _, err = call("run glgd --grid 32 -o folder --no-plot")
    assert code == 2 and "folder exists" in err
    assert ratiogan.load("folder").grid.size == 64
    assert call("run glgd --grid 32 -o folder --no-plot --force")[0] == 0
    assert ratiogan.load("folder").grid.size == 32
    assert written("folder") == ["log.txt", "notes.txt", "report.json", "run.npz"]


def test_files_are_written_whole_and_in_order(call, monkeypatch):
    names = []
    replace = os.replace

    def remember(source, target):
        assert os.path.dirname(source) == os.path.dirname(target)
        names.append(os.path.basename(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", remember)
    call("run glgd --grid 64 -o folder --figure-format svg")
    assert names == ["run.npz", "report.json", "figure.svg", "log.txt"]


def test_a_full_disk_is_one_sentence(call, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, out, err = call("run glgd --grid 64 --no-plot")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"Error: .*No space left on device\.\n", err)
    assert os.listdir() == []


def test_a_figure_that_fails_leaves_nothing(call, monkeypatch):
    from ratiogan import plots

    monkeypatch.setattr(plots, "figure", lambda *a, **k: 1 / 0)
    code, _, err = call("run glgd --grid 64")
    assert code == 1 and err.startswith("Error: internal error: ZeroDivisionError")
    assert os.listdir() == []


def test_plot_and_animate_read_a_saved_run(call):
    call("run glgd --grid 64 --no-plot -o folder")
    code, out, _ = call("plot folder")
    assert code == 0 and "CONVERGED in 38 steps" in out and "wrote nothing (add -o" in out
    code, out, _ = call("plot folder/run.npz -o figure.png --style paper")
    assert code == 0 and re.search(r"^wrote figure\.png ", out, re.MULTILINE)
    with open("figure.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert call("plot folder -o figure.png")[0] == 2
    assert call("plot folder -o figure.png --force")[0] == 0
    assert call("plot folder -o figure --figure-format svg")[0] == 0
    assert os.path.isfile("figure.svg")
    code, out, _ = call("animate folder -o run.html")
    assert code == 0 and os.path.getsize("run.html") < 300_000
    assert "wrote nothing" in call("animate folder")[1]


def test_plot_reads_a_comparison(call):
    call("compare glgd glgd:geometry=fisher --grid 64 --no-plot -o folder")
    code, out, _ = call("plot folder -o figure.png")
    assert code == 0 and "BEST: " in out and os.path.isfile("figure.png")


def test_plot_without_a_run_names_the_newest(call):
    call("run glgd --grid 64 --no-plot")
    assert "Try: ratiogan plot ratiogan-runs/glgd-001." in call("plot")[2]


def test_the_figure_says_what_made_it(call):
    from PIL import Image

    call("run glgd --grid 64 -o folder")
    with Image.open("folder/figure.png") as image:
        found = image.info
    assert found["Software"] == f"ratiogan {ratiogan.__version__}"
    assert found["Comment"] == "ratiogan run glgd --grid 64 -o folder --seed 0"


# ---- trouble on the way --------------------------------------------------------------------------


def test_an_internal_error_is_one_sentence_and_a_traceback_only_on_demand(call, monkeypatch):
    def boom(**options):
        raise RuntimeError("boom")

    monkeypatch.setattr(ratiogan, "glgd", boom)
    code, out, err = call("run glgd")
    assert (code, out) == (1, "")
    assert err == (
        "Error: internal error: RuntimeError: boom; please report it; -v shows the traceback.\n"
    )
    code, _, err = call("run glgd -v")
    assert code == 1 and "Traceback" in err
    assert os.listdir() == []


def test_an_interrupted_run_is_kept(call, monkeypatch):
    solve = ratiogan.glgd

    def stopped(**options):
        return dataclasses.replace(
            solve(**options), status=ratiogan.Status.INTERRUPTED, as_predicted=False
        )

    monkeypatch.setattr(ratiogan, "glgd", stopped)
    code, out, err = call("run glgd --grid 64 --no-plot")
    assert code == 1
    assert err == 'stopped at step 38; run.npz holds it, status "interrupted"\n'
    assert ratiogan.load("ratiogan-runs/glgd-001").status is ratiogan.Status.INTERRUPTED
    assert "again: " in out


def test_an_interrupt_before_there_is_anything_to_keep(call, monkeypatch):
    def stopped(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(ratiogan, "glgd", stopped)
    assert call("run glgd") == (1, "", "Error: interrupted; nothing more was written.\n")
    assert os.listdir() == []


def test_a_reader_that_leaves_early_is_no_error():
    pipe = f"{shlex.join(PROGRAM)} explain --json | head -n 1"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_what_the_terminal_cannot_show_is_escaped(monkeypatch, in_an_empty_folder):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    output.write("donn\u00e9es\n")
    assert narrow.buffer.getvalue() == b"donn\\xe9es\n"


# ---- colour and progress -------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colour_only_on_a_terminal_and_never_against_no_color(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.colours(Terminal()) and not output.colours(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.colours(Terminal())


def test_colour_carries_no_meaning_of_its_own(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    report = output.Report("run", finding="CONVERGED.", body=["CONVERGED.", "table"])
    painted = output.paint(report.text(), report)
    assert painted != report.text()
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == report.text()


def test_progress_waits_is_rare_and_cleans_up():
    terminal = Terminal()
    with Progress("glgd", 1e-10, terminal) as progress:
        progress(10, 1000, 0.5, 0.9, 0.5)
        assert terminal.getvalue() == ""
        progress(12400, 100000, 3.1e-5, 0.9994, 1.1)
        first = terminal.getvalue()
        assert first.startswith("\rglgd  step 12 400  max|R-1| 3.1e-05  rate 0.9994  about ")
        progress(12401, 100000, 3.1e-5, 0.9994, 1.2)
        assert terminal.getvalue() == first
        progress(12500, 100000, 3.0e-5, float("nan"), 1.4)
        assert "rate" not in terminal.getvalue().removeprefix(first)
    width = max(map(len, terminal.getvalue().split("\r")))
    assert terminal.getvalue().endswith("\r" + " " * width + "\r")


def test_progress_only_where_somebody_looks(monkeypatch):
    class Job:
        quiet = False

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with output.progress_of(Job, "glgd") as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with output.progress_of(Job, "glgd") as progress:
        assert callable(progress)
    Job.quiet = True
    with output.progress_of(Job, "glgd") as progress:
        assert progress is None


def test_steps_left_are_those_to_tol_or_to_the_end():
    progress = Progress("glgd", 1e-10, Terminal())
    assert progress.steps_left(10, 1000, 1e-9, 0.1) == pytest.approx(1)
    assert progress.steps_left(990, 1000, 1.0, 0.99) == 10
    assert progress.steps_left(990, 1000, 1.0, float("nan")) == 10
    assert "about 10 min left" in progress.line(100, 700, 1.0, 1.5, 100.0)
    turns = Progress("training", None, Terminal(), unit="turn")
    assert turns.line(1500, 2000, 1.0, None, 3.0).startswith("training  turn 1 500  max|R-1|")


def test_warnings_go_to_stderr(call):
    job = type("Job", (), {"quiet": False, "verbose": False})
    output.warn(["a", "b", "c", "d"], job)
    assert call("--version")[2] == "Warning: a\nWarning: b\nWarning: c\n(1 more warnings: -v)\n"
    job.quiet = True
    output.warn(["a"], job)
    assert call("--version")[2] == ""


# ---- one folder, one file, one execution ---------------------------------------------------------


def test_a_run_replaces_an_earlier_comparison(call):
    assert call("compare glgd glgd:geometry=fisher --grid 16 --no-plot -o d")[0] == 0
    assert call("run glgd --game minimax --grid 16 --no-plot -o d --force")[0] == 0
    assert "comparison.json" not in written("d")
    code, out, _ = call("plot d")
    assert code == 0 and "glgd:geometry=fisher" not in out


def test_a_foreign_comparison_json_is_kept(call, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "comparison.json").write_text("[1]")
    assert call("run glgd --grid 16 --no-plot -o d --force")[0] == 0
    assert (tmp_path / "d" / "comparison.json").read_text() == "[1]"


def test_animation_and_report_need_two_files(call):
    code, _, err = call("run glgd --animate a.html --html ./a.html")
    assert code == 2 and "--animate and --html both name ./a.html" in err
    assert written(".") == []


@pytest.mark.parametrize("given, threads", [("", None), ("--threads 1", 1)])
def test_json_says_only_threads_that_were_asked_for(call, given, threads):
    for command in ("run glgd --grid 16 --no-save", "list games"):
        out = call(f"{command} --json {given}")[1]
        assert json.loads(out)["timing"]["threads"] == threads


def test_a_grid_file_with_two_kinds_for_one_axis(call):
    np.savez("e.npz", edges_0=np.linspace(-4, 4, 9), kinds=["regular", "regular"])
    code, _, err = call("run glgd --grid e.npz --no-save")
    assert code == 2 and "kinds must have one entry per axis, got 2 for 1 axis" in err


def test_own_code_runs_once(call, tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "with open('log', 'a') as log: log.write('x')\n"
        "GAME = {'loss_real': lambda f: -np.log(f), 'loss_gen': lambda f: -np.log1p(-f)}\n"
    )
    _, out, _ = call("run glgd --game own.py:GAME --grid 16 --max-steps 2 --no-save")
    assert "game  own.py:GAME" in out
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.parametrize("typed, wanted", [("", 1e-10), ("--tol 1e-3", 1e-3), ("--tol 0", None)])
def test_progress_heads_for_the_tolerance(call, monkeypatch, typed, wanted):
    from ratiogan.cli import run

    seen = []
    progress_of = run.progress_of
    monkeypatch.setattr(run, "progress_of", lambda *a: seen.append(a[2]) or progress_of(*a))
    call(f"run glgd --grid 16 --max-steps 2 --no-save {typed}")
    assert seen == [wanted]
