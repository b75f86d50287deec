"""The examples on theory, run and quoted; and parallel lines against closed forms."""

import ast
import math
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import integrate, optimize, stats
from scipy.spatial import distance
from test_plots import SLIDE, text_of, unreadable

import ratiogan as rg

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
LINES = runpy.run_path(str(EXAMPLES / "parallel_lines.py"))
LOG_2 = math.log(2)
SD = LINES["NOISE"]
THETAS = np.array([-1.0, -0.3, -0.025, 0.0, 0.05, 0.2, 0.5, 1.0])


@pytest.fixture(scope="module")
def noisy():
    return LINES["divergences"](SD, THETAS)


def numbers(text):
    return [float(word) for word in re.findall(r"\b\d+\.?\d*(?:e[+-]?\d+)?", text)]


ELSEWHERE = {"training_methods", "loss_surface", "foresighted"}  # test_dynamics_examples.py
NAMES = [n for n in runpy.run_path(str(EXAMPLES / "redraw.py"))["DRAWN"] if n not in ELSEWHERE]
GAP = r"\(to ([\d.]+e[+-]?\d+)\)"


def without_gaps(text):
    return re.sub(GAP, "", text)


def quoted(name):
    return re.search(rf"^\$ python examples/{name}.py\n(.*?)^```", README, re.M | re.S)[1]


@pytest.mark.parametrize("name", NAMES)
def test_script_prints_what_is_quoted_and_writes_its_figure(name, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},  # this tree, not an installed copy
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.sub(r"[\d.e+-]+", "", done.stdout) == re.sub(r"[\d.e+-]+", "", quoted(name))
    said, found = without_gaps(quoted(name)), without_gaps(done.stdout)
    # In the map of exact expectations adam circles R = 1 at a KL of 1e-9: there round-off decides.
    rel, least = (0.05, 1e-6) if name == "hyperparameter_map" else (0.02, 0)
    assert numbers(found) == pytest.approx(numbers(said), rel=rel, abs=least)
    # How near an interval is drawn around |theta| may differ from machine to machine.
    # What other examples leave between two ways to a number is round-off.
    gaps = re.findall(GAP, done.stdout)
    most = (1e-9, 1e-4) if name == "parallel_lines" else (1e-9,) * len(gaps)
    for gap, bound in zip(gaps, most, strict=True):
        assert 0 <= float(gap) <= bound
    assert gaps or name in ("two_gaussians", "hyperparameter_map")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]


@pytest.mark.parametrize("name", NAMES)
def test_kept_figure_is_small_and_says_what_made_it(name):
    path = EXAMPLES / f"{name}.png"
    assert path.stat().st_size < 150_000
    with Image.open(path) as figure:
        assert figure.size == SLIDE
        assert figure.info["Comment"] == f"python examples/{name}.py"
        assert figure.info["Software"].startswith("ratiogan ")
    assert f"]({name}.png)" in README and f"[{name}.py]({name}.py)" in README
    assert ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8")))


def test_lines_have_w1_theta_and_saturated_divergences():
    lower, upper = LINES["distances"](0, THETAS)
    np.testing.assert_allclose(lower, np.abs(THETAS), atol=1e-9)
    np.testing.assert_allclose(upper, np.abs(THETAS), atol=1e-9)
    assert np.all(lower <= np.abs(THETAS) + 1e-14)
    found = LINES["divergences"](0, THETAS)
    apart = THETAS != 0
    np.testing.assert_allclose(found["JSD"], np.where(apart, LOG_2, 0), atol=1e-15)
    np.testing.assert_allclose(found["TV"], np.where(apart, 1, 0), atol=1e-15)
    np.testing.assert_array_equal(found["KL"], np.where(apart, np.inf, 0))


def test_w1_of_the_lines_is_that_of_an_assignment():
    # Equal atoms: W1 is the best assignment, in either metric.
    real, gen = LINES["line"](0, 0), LINES["line"](0.3, 0)
    places = [side.grid.points()[side.mass.ravel() > 0] for side in (real, gen)]
    for metric in ("euclidean", "cityblock"):
        costs = distance.cdist(*places, metric)
        rows, columns = optimize.linear_sum_assignment(costs)
        assert costs[rows, columns].mean() == pytest.approx(0.3, abs=1e-14)


def test_w1_with_noise_is_theta_in_both_metrics():
    thetas = np.array([0.05, 0.4, 1.0])
    lower, upper = LINES["distances"](SD, thetas)
    assert np.all(lower <= thetas + 1e-12) and np.all(thetas <= upper + 1e-12)
    assert np.all(upper - lower <= 1.01e-4 * upper)
    # The first coordinate is 1-Lipschitz in both metrics, and the shift is a plan: no more, no
    # less than theta, whatever the solver says.
    real, gen = LINES["line"](0, SD), LINES["line"](0.4, SD)
    means = [side.mass.sum(axis=1) @ side.grid.centres[0] for side in (real, gen)]
    assert means[1] - means[0] == pytest.approx(0.4, abs=1e-13)


def test_euclidean_solver_agrees():
    for theta, sd in ((0.3, 0), (0.2, SD)):
        real, gen = LINES["line"](0, sd), LINES["line"](theta, sd)
        found = rg.wasserstein(gen=gen, real=real, metric="euclidean", tol=2e-2)
        assert found.lower - 1e-12 <= theta <= found.upper + 1e-12


def test_divergences_with_noise_are_those_of_two_gaussians(noisy):
    ratio = np.abs(THETAS) / SD
    # A cell is sd/4 wide; what is lost inside cells is of the order of its square.
    np.testing.assert_allclose(noisy["TV"], [math.erf(x / 8**0.5) for x in ratio], atol=5e-3)
    np.testing.assert_allclose(noisy["KL"], 0.5 * ratio**2, rtol=6e-3)

    def jsd(shift):
        def density(y):
            p, q = stats.norm.pdf(y), stats.norm.pdf(y, shift)
            m = (p + q) / 2
            return (p * np.log(p / m) + q * np.log(q / m)) / 2

        return integrate.quad(density, -12, shift + 12, limit=200, points=[0, shift])[0]

    np.testing.assert_allclose(noisy["JSD"], [jsd(x) for x in ratio], rtol=6e-3, atol=1e-12)
    # Small shifts are seen as theta^2/(8 sd^2), large ones hardly: what is left is exponential.
    assert noisy["JSD"][2] == pytest.approx(ratio[2] ** 2 / 8, rel=0.02)
    assert LOG_2 - noisy["JSD"][-1] < 2e-6


def test_noise_along_the_lines_changes_nothing(noisy):
    # p_r and p_g share the factor along the lines, which drops out of every divergence.
    across = LINES["cells"](-1 - 8 * SD, 1 + 8 * SD)
    gen, real = (rg.preset("normal", across, mean=mean, sd=SD).mass for mean in (0.2, 0))
    expected = distance.jensenshannon(gen, real) ** 2
    assert noisy["JSD"][5] == pytest.approx(expected, rel=1e-10)
    assert noisy["TV"][5] == pytest.approx(np.abs(gen - real).sum() / 2, rel=1e-10)
    assert noisy["KL"][5] == pytest.approx(stats.entropy(gen, real), rel=1e-10)


def test_figure_can_be_read():
    w1 = np.abs(np.tile(LINES["SOME"], (2, 1)))
    bare, noisy = ((w1, LINES["divergences"](sd)) for sd in (0, SD))
    said = LINES["sentences"](bare, noisy)
    figure = LINES["draw"](bare, noisy, said[0], "make lines")
    assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert not unreadable(figure)
    title = text_of(figure, "title").get_text().replace("\n", " ")
    assert title == (
        "Two lines θ apart: W1 = |θ| (to 0e+00), while JSD = 0.6931 = log 2, TV = 1 and KL = ∞ for"
        " every θ but 0, where all are 0."
    )
    assert text_of(figure, "footer").get_text() == "make lines"
    jumps = {line.get_label(): line for line in figure.axes[2].lines}
    np.testing.assert_allclose(np.nanmax(jumps["JSD"].get_ydata()), LOG_2)
    smooth = {line.get_label(): line for line in figure.axes[3].lines}
    np.testing.assert_array_equal(smooth["TV"].get_ydata(), noisy[1]["TV"])
    dashes = {str(smooth[name]._dash_pattern) for name in ("JSD", "TV", "KL")}
    assert len(dashes) == 3
