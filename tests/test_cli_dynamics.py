"""The commands `dynamics` and `stability`, as a user types them."""

import json
import os

import numpy as np
import pytest
from PIL import Image

import ratiogan as rg
from ratiogan.cli.main import main

THREE = [
    *("--method", "simultaneous", "--method", "alternating", "--method", "extragradient"),
    *("--alpha", "0.2"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_dynamics_writes_a_run_that_can_be_drawn_again(capsys):
    assert main(["dynamics", "bilinear", *THREE]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.split("\n"))) <= 120
    assert sorted(os.listdir("ratiogan-runs/dynamics-001")) == [
        *("figure.png", "log.txt", "report.json", "run.npz")
    ]
    with Image.open("ratiogan-runs/dynamics-001/figure.png") as figure:
        assert figure.size == (1920, 1080)
        assert figure.info["Comment"].startswith("ratiogan dynamics bilinear --method simultaneous")
    found = rg.load("ratiogan-runs/dynamics-001")
    assert [run.status for run in found.trajectories] == ["unstable", "cycle", "converging"]
    assert all(line in printed for line in found.summary().split("\n"))
    assert main(["plot", "ratiogan-runs/dynamics-001", "-o", "again.svg", "-q"]) == 0
    assert main(["animate", "ratiogan-runs/dynamics-001", "-o", "run.html", "-q"]) == 0
    assert os.path.getsize("run.html") < 300_000 and os.path.exists("again.svg")


def test_a_sweep_has_one_run_per_value(capsys):
    words = ["dynamics", "dirac:reg=r1", "--sweep", "gamma=0.1,2,10", "--alpha", "0.05", "--json"]
    assert main([*words, "--no-save"]) == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    assert [row["label"] for row in methods] == ["gamma=0.1", "gamma=2", "gamma=10"]
    for row, gamma in zip(methods, (0.1, 2.0, 10.0), strict=True):
        roots = np.roots([1.0, gamma, 0.25])
        assert row["factor"]["predicted"] == pytest.approx(max(abs(1 + 0.05 * roots)), rel=1e-9)


@pytest.mark.parametrize("key", ["alpha=0.1,0.2", "beta=-0.3,0.2"])
def test_steps_and_methods_are_swept_too(key, capsys):
    words = ["dynamics", "bilinear", "--method", "momentum", "--sweep", key, "--no-save", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)["methods"]
    assert len({row["factor"]["predicted"] for row in found}) == 2


def test_turns_and_rates_of_both_players(capsys):
    words = [
        "dynamics",
        "dirac",
        "--method",
        "alternating",
        "--disc-steps",
        "3",
        "--gen-steps",
        "2",
    ]
    assert main([*words, "--alpha-gen", "0.1", "--alpha-disc", "0.3", "--no-save", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["methods"]
    assert (row["alpha_gen"], row["alpha_disc"]) == (0.1, 0.3)


def test_what_should_converge_and_does_not_exits_5(capsys):
    # Stable near a = 1 for alpha < 1, but not from there.
    words = ["dynamics", "uniform-wgan:eta=0.5", "--start", "8,0", "--alpha", "0.9", "--no-save"]
    assert main([*words, "--max-steps", "60"]) == 5
    assert "not as predicted" in capsys.readouterr().err


def test_the_game_of_a_grid_takes_its_losses(capsys):
    assert main(["stability", "nonparametric:cells=32", "--game", "logit", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    values = [(row["re"], row["im"], row["multiplicity"]) for row in found["eigenvalues"]]
    assert values[0] == (pytest.approx(-0.25), pytest.approx(7**0.5 / 4), 31)
    assert found["verdict"] == "exponentially stable" and found["neutral"] == 0
    assert main(["dynamics", "nonparametric:cells=16", "--game", "wasserstein", "--no-save"]) == 0
    assert "E[(R-1)^2]" not in capsys.readouterr().out  # of the flow alone


def test_own_fields(folder, capsys):
    (folder / "my_field.py").write_text("def spiral(z):\n    return -z[1] - 0.1 * z[0], z[0]\n")
    assert main(["stability", "my_field.py:spiral", "-q"]) == 0
    assert "EXPONENTIALLY STABLE at (0, 0)" in capsys.readouterr().out
    words = ["dynamics", "my_field.py:spiral", "--method", "flow", "--start", "1,0"]
    assert main([*words, "-o", "own"]) == 0
    loaded = rg.load("own").trajectories[0]
    # exp(-0.05 t) of t = 50
    assert loaded.end_over_start == pytest.approx(np.exp(-2.5), rel=0.1)
    (folder / "bad.py").write_text(
        "def three(z):\n    return 1, 2, 3\ndef nan(z):\n    return z / 0\n"
    )
    capsys.readouterr()
    assert main(["dynamics", "bad.py:three"]) == 2
    assert "returned an array of shape (3,), 2 numbers are needed" in capsys.readouterr().err
    with np.errstate(all="ignore"):
        assert main(["dynamics", "bad.py:nan"]) == 2
    assert "is not finite at its start" in capsys.readouterr().err


REFUSED = {
    "unknown field": (["dynamics", "bilinaer"], "Nearest: bilinear"),
    "unknown method": (["dynamics", "--method", "extra-gradient"], "Nearest: extragradient"),
    "unknown parameter": (["dynamics", "dirac:gama=1"], "Known: loss, reg, gamma"),
    "start too long": (["dynamics", "--start", "1,2,3"], "must have 2 numbers (x, y)"),
    "start no number": (["dynamics", "--start", "1,a"], "--start must be a number, got 'a'"),
    "start off the domain": (
        ["dynamics", "dirac:reg=clip,loss=wgan", "--start", "0,2"],
        "psi must lie in [-1, 1]",
    ),
    "start off the simplex": (
        ["dynamics", "rps", "--start", "1,1,0,1,0,0"],
        "probabilities that sum to 1",
    ),
    "no equilibrium": (
        ["stability", "uniform-wgan", "--point", "0.5,0"],
        "|velocity| is 0.25 there. Known: (1, 0); (-1, 0)",
    ),
    "no Jacobian": (["stability", "dirac:reg=gp"], "has a kink at psi = 0"),
    "kinked game": (["stability", "nonparametric", "--game", "hinge"], "piecewise linear"),
    "unknown game": (["stability", "nonparametric", "--game", "minmax"], "Nearest: minimax"),
    "game of no grid": (["dynamics", "dirac", "--game", "minimax"], "belongs to the field"),
    "matrix games only": (["dynamics", "--method", "replicator"], "is for matrix games"),
    "no flow": (["dynamics", "dirac:reg=clip", "--method", "flow"], "does not know its clipping"),
    "turns": (["dynamics", "--disc-steps", "2"], "belong to alternating"),
    "two sweeps": (
        ["dynamics", "--sweep", "alpha=1", "--sweep", "matrix=1"],
        "--sweep takes one key",
    ),
    "sweep of nothing": (["dynamics", "--sweep", "gamma=1,2"], "gamma"),
    "a rate of 0": (["dynamics", "--alpha-gen", "0"], "alpha_gen must be above 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_sentence_and_leaves_nothing(name, capsys):
    words, said = REFUSED[name]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1, error
    assert not os.path.exists("ratiogan-runs")
