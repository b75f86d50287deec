"""The examples on games of few parameters: what the page quotes is what they print and show."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ratiogan.cli.main import main

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## Games of few parameters")[1].split("\n## ")[0]
QUOTED = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", SECTION, re.M)
COMMANDS = [(line, out) for line, out in QUOTED if line.startswith("ratiogan ")]
PICTURES = runpy.run_path(str(EXAMPLES / "redraw.py"))["DYNAMICS"]


def numbers(text):
    return [float(word) for word in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[+-]?\d+)?", text)]


@pytest.mark.parametrize(("line", "quoted"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_a_command_says_what_the_page_says(line, quoted, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*line.split()[1:], "--no-save"]) == 0
    assert numbers(capsys.readouterr().out) == pytest.approx(numbers(quoted), rel=0.02)


@pytest.mark.parametrize("name", ["training_methods", "foresighted"])
def test_a_script_prints_what_the_page_says(name, capsys, tmp_path):
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    example["main"](str(tmp_path / f"{name}.png"))
    printed = capsys.readouterr().out
    [quoted] = [out for line, out in QUOTED if line.endswith(f"{name}.py")]
    left, right = (text.split("\nwrote ")[0] for text in (printed, quoted))
    assert re.sub(r"[\d.e+-]+", "#", left).split() == re.sub(r"[\d.e+-]+", "#", right).split()
    # What is left of a distance after 5,000 steps is e^-250: its digits are rounding.
    big = [pair for pair in zip(numbers(left), numbers(right), strict=True) if pair[1] > 1e-6]
    assert np.allclose(*zip(*big, strict=True), rtol=0.05)


def test_the_moving_surface():
    example = runpy.run_path(str(EXAMPLES / "loss_surface.py"))
    found = example["run"]()
    [quoted] = [out for line, out in QUOTED if line.endswith("loss_surface.py")]
    assert quoted.startswith(f"{example['finding'](found)}.\n")
    radius = np.hypot(*found.states.T)
    assert radius[-1] / radius[0] == pytest.approx(1.01**63, rel=1e-12)
    with Image.open(EXAMPLES / "loss_surface.gif") as film:
        assert film.n_frames == example["STEPS"] // example["EVERY"] + 1


def test_every_picture_is_there_and_says_its_command():
    shown = re.findall(r"\]\((\w+)\.png\)", SECTION)
    assert {*PICTURES, "training_methods", "loss_surface", "foresighted"} == set(shown)
    for name in shown:
        with Image.open(EXAMPLES / f"{name}.png") as figure:
            command = PICTURES.get(name, f"python examples/{name}.py").split(" -o ")[0]
            assert figure.info["Comment"].startswith(command)
