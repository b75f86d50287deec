"""The examples on real data: what they print is true, and is what their command line prints."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")
REDRAW = runpy.run_path(str(EXAMPLES / "redraw.py"))


def console():
    lines = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", TEXT, re.M)
    return {line.split()[1].removeprefix("examples/"): (line, out) for line, out in lines[::2]}, [
        shlex.split(line) for line, _ in lines[1::2]
    ]


def numbers(text):
    """All numbers of a text but the 1 of R-1; percentages as they are written."""
    return [float(word) for word in re.findall(r"(?<!R-)\b\d+\.?\d*(?:e[+-]?\d+)?", text)]


def call(words, folder):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},  # this tree, not an installed copy
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_both(name, folder):
    """The sentence of a script, and the JSON report of its command on the files it wrote."""
    sentence = call([EXAMPLES / f"{name}.py"], folder)
    quoted = console()[0][f"{name}.py"][1]
    assert re.sub(r"\d", "", quoted) == re.sub(r"\d", "", sentence)
    report = call(["-m", *REDRAW["command_of"](name), "--json", "--no-save"], folder)
    assert not os.path.exists(folder / "ratiogan-runs")
    return numbers(sentence), numbers(quoted), json.loads(report)


def test_doctor_visits(tmp_path):
    pytest.importorskip("statsmodels", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("doctor_visits", tmp_path)
    visits = np.loadtxt(tmp_path / "visits.csv", skiprows=1)
    kept = visits[visits <= 30]
    poisson = stats.poisson(visits.mean())
    gen = poisson.pmf(np.arange(31)) / poisson.cdf(30)
    real = np.bincount(kept.astype(int)) / len(kept)
    expected = [30, 100 * real[0], 100 * real[10:].sum(), visits.mean()]
    expected += [100 * gen[0], 100 * gen[10:].sum(), 0, gen[0] / real[0], 4, gen[4] / real[4]]
    expected += [report["n_steps"], report["trace"]["max_error"][-1]]
    assert said == pytest.approx(expected, rel=0.04) == quoted
    assert report["status"]["code"] == "converged"
    assert report["input"]["gen"]["source"].startswith("poisson:rate=2.86")
    assert report["input"]["real"]["outside"] == pytest.approx((visits > 30).mean())


def test_digits(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `examples`")
    said, quoted, report = run_both("digits", tmp_path)
    line, _, _, best, _, neighbours, steps, first, last = said
    assert line == pytest.approx(50, abs=2)
    assert best == pytest.approx(61.5, abs=2)
    assert neighbours == pytest.approx(best, abs=2)
    assert said[:7] == pytest.approx(quoted[:7], rel=0.04)
    # The two files have the same moments, and the command takes as many steps as the script.
    digits, gaussian = (
        np.loadtxt(tmp_path / name, delimiter=",", skiprows=1)
        for name in ("digits.csv", "gaussian.csv")
    )
    assert gaussian.mean(axis=0) == pytest.approx(digits.mean(axis=0), abs=1)
    assert gaussian.std(axis=0) == pytest.approx(digits.std(axis=0), rel=0.05)
    assert report["status"]["code"] == "converged"
    assert steps == report["n_steps"]
    assert [first, last] == pytest.approx(
        [report["trace"]["max_error"][i] for i in (0, -1)], rel=0.5
    )


@pytest.mark.parametrize("name", REDRAW["EXAMPLES"])
def test_page_quotes_the_script_and_its_command(name):
    scripts, commands = console()
    command = REDRAW["command_of"](name)
    assert scripts[f"{name}.py"][1].endswith(".csv\n")
    assert command in commands
    assert "--seed" not in command  # the default, which the figure's footer spells out


@pytest.mark.parametrize("name", [*REDRAW["EXAMPLES"], "glgd"])
def test_figure_is_small_and_says_what_made_it(name):
    path = EXAMPLES / f"{name}.png"
    assert path.stat().st_size < 150_000
    with Image.open(path) as figure:
        said = figure.info
    words = shlex.split(REDRAW["FIRST"]) if name == "glgd" else REDRAW["command_of"](name)
    assert said["Comment"] == shlex.join([*words, "--seed", "0"])
    assert said["Software"].startswith("ratiogan ")


def test_first_picture_is_that_of_the_readme():
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert f"&& .venv/bin/{REDRAW['FIRST']}\n" in readme
    assert "(examples/glgd.png)" in readme
