"""Named distributions against SciPy, and the numbers of the default problem."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ratiogan import presets
from ratiogan.catalogue import PRESETS
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, InputTypeError
from ratiogan.grid import Grid
from ratiogan.presets import draw, matched, preset, problem
from ratiogan.spec import Spec

LAWS = {
    "normal": stats.norm(0, 1.2),
    "normal:mean=3,sd=0.2": stats.norm(3, 0.2),
    "uniform": stats.uniform(-2, 4),
    "laplace:mean=1,scale=0.5": stats.laplace(1, 0.5),
    "student-t": stats.t(3),
    "student-t:df=2.5,mean=1,scale=2": stats.t(2.5, 1, 2),
    "beta": stats.beta(2, 5),
    "beta:a=0.5,b=0.7": stats.beta(0.5, 0.7),
    "disjoint:side=right": stats.uniform(0.5, 1),
}


def cell_masses(law, edges):
    """Differences of SciPy's cdf, each from the side where the tail is small."""
    lower, upper = law.cdf(edges), law.sf(edges)
    return np.where(lower[1:] < 0.5, np.diff(lower), -np.diff(upper))


# ---- the default problem -------------------------------------------------------------------------


def test_default_problem_has_the_published_numbers():
    real, gen = problem()
    p, q = real.mass, gen.mass
    R, m = q / p, 0.5 * (p + q)
    assert real.grid == gen.grid == Grid.regular(1024, -4, 4)
    assert real.label == "bimodal:means=-1.5/1.5,sd=0.7,weights=0.6/0.4"
    assert gen.label == "normal:mean=0,sd=1.2"
    assert (f"{real.outside:.1e}", f"{gen.outside:.1e}") == ("1.8e-04", "8.6e-04")
    assert (round(R.min(), 4), round(R.max(), 2)) == (0.2977, 5.94)
    assert round(real.grid.centres[0][R.argmin()], 3) == -2.277
    jsd = 0.5 * (p @ np.log(p / m) + q @ np.log(q / m))
    numbers = [jsd, q @ np.log(R), -(p @ np.log(R)), 0.5 * np.abs(p - q).sum()]
    assert [round(float(x), 6) for x in numbers] == [0.090831, 0.416456, 0.359277, 0.365420]
    cells_in_use = [round(math.exp(side.entropy()), 1) for side in (real, gen)]
    assert cells_in_use == [694.8, 631.0]


def test_default_problem_is_that_of_scipy():
    real, gen = problem()
    edges = real.grid.edges[0]
    expected = 0.6 * cell_masses(stats.norm(-1.5, 0.7), edges)
    expected += 0.4 * cell_masses(stats.norm(1.5, 0.7), edges)
    np.testing.assert_allclose(real.mass, expected / expected.sum(), rtol=2e-12)
    expected = cell_masses(stats.norm(0, 1.2), edges)
    np.testing.assert_allclose(gen.mass, expected / expected.sum(), rtol=2e-12)


def test_default_problem_imports_neither_scipys_parts_nor_matplotlib():
    # Numba itself imports the top of scipy, so only its parts can be asked about.
    code = (
        "import sys; from ratiogan.presets import problem; problem(); "
        "print([m for m in sys.modules if m.startswith(('scipy.special', 'scipy.stats', "
        "'scipy.linalg', 'scipy.fft', 'matplotlib'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---- every preset --------------------------------------------------------------------------------


def test_the_table_is_that_of_the_catalogue():
    assert set(presets.FAMILIES) | set(presets.RELATIVE) == set(PRESETS)


@pytest.mark.parametrize("text", LAWS)
def test_masses_are_exact_differences_of_the_cdf(text):
    law = LAWS[text]
    for grid in (None, Grid([np.array([-30, -7, -1.0, -0.9, 0.1, 0.2, 0.6, 0.95, 4, 9])])):
        p = preset(text, grid)
        expected = cell_masses(law, p.grid.edges[0])
        # Differences of a cdf lose what the cell is narrower than the law.
        atol = 1e-15 / expected.sum()
        np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-12, atol=atol)
        below, above = law.cdf(p.grid.edges[0][0]), law.sf(p.grid.edges[0][-1])
        assert math.isclose(p.outside, below + above, rel_tol=1e-9, abs_tol=1e-15)
        assert p.kind == "preset" and math.isclose(p.mass.sum(), 1, rel_tol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-30, 30),
    st.floats(1e-3, 10),
    st.integers(2, 40),
    st.booleans(),
)
def test_gaussian_cells_are_accurate_at_any_width_and_distance(z, h, cells, even):
    mean, sd = 0.3, 0.7
    low, high = mean + sd * z, mean + sd * (z + h)
    edges = np.linspace(low, high, cells + 1)
    if not even:
        edges[1:-1] += 0.3 * (edges[1] - edges[0])
    grid = Grid([edges]) if not even else Grid.regular(cells, low, high)
    mass, outside = presets.FAMILIES["normal"].masses(grid, {"mean": mean, "sd": sd})
    law = stats.norm(mean, sd)
    expected = cell_masses(law, grid.edges[0])
    upper = np.maximum(law.cdf(edges[:-1]), law.cdf(edges[1:]))
    upper = np.where(edges[:-1] > mean, law.sf(edges[:-1]), upper)
    # The reference loses an ulp of the tail per cell, and the width of a cell the round-off of its
    # two edges.
    width = np.spacing(np.abs(edges).max()) / np.diff(edges).min()
    np.testing.assert_allclose(mass, expected, rtol=1e-10 + 8 * width, atol=1e-13 * upper.max())
    assert math.isclose(outside, law.cdf(low) + law.sf(high), rel_tol=1e-11)


def test_far_gaussian_tails_are_zero_and_not_negative():
    mass, _ = presets.FAMILIES["normal"].masses(Grid.regular(1000, -100, 100), {"mean": 0, "sd": 1})
    assert mass.min() == 0 and np.all(mass[np.abs(np.linspace(-99.9, 99.9, 1000)) < 37] > 0)


def test_many_narrow_cells_carry_no_noise():
    grid = Grid.regular(1 << 20, 0, 1)
    mass, _ = presets.FAMILIES["normal"].masses(grid, {"mean": 0, "sd": 1})
    expected = stats.norm.pdf(grid.centres[0]) * grid.volume
    np.testing.assert_allclose(mass, expected, rtol=1e-12)


def test_poisson_on_counts_and_on_intervals():
    p = preset("poisson:rate=2.5")
    k = np.arange(p.grid.size)
    expected = stats.poisson(2.5).pmf(k)
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-12)
    assert math.isclose(p.outside, stats.poisson(2.5).sf(k[-1]), rel_tol=1e-9)
    assert p.grid.axes[0].kind == "counts"
    q = preset("poisson:rate=2.5", Grid.regular(4, 0, 4))
    np.testing.assert_allclose(
        q.mass * (1 - q.outside), [*expected[:3], expected[3] + expected[4]], rtol=1e-12
    )
    large = preset("poisson:rate=1e4")
    assert large.outside < 1e-8 and math.isclose(large.mean()[0], 1e4, rel_tol=1e-6)


def test_ring_with_a_mode_dropped_and_one_thinned():
    real, gen = problem("ring8", gen="ring8:drop=4,thin=7")
    assert real.grid == Grid.regular((128, 128), -4, 4)
    assert real.mass.min() > 0 and gen.mass.min() > 0
    R = (gen.mass / real.mass).ravel()
    root = math.sqrt(2)
    modes = {1: (2, 0), 3: (0, 2), 4: (-root, root), 7: (0, -2), 8: (root, -root)}
    at = {number: R[real.grid.locate([centre])[0]] for number, centre in modes.items()}
    # 6 whole modes and one of 0.3 share the mass of 8.
    for number in (1, 3, 8):
        assert math.isclose(at[number], 8 / 6.3, rel_tol=1e-6)
    assert math.isclose(at[7], 0.3 * 8 / 6.3, rel_tol=1e-6)
    assert at[4] < 1e-6
    assert gen.label == "ring8:modes=8,radius=2,sd=0.2,drop=4,thin=7"


def test_two_dimensional_masses_are_sums_of_products():
    grid = Grid([np.linspace(-3, 3, 14), np.array([-4, -1, 0, 0.5, 3.0])])
    p = preset("grid25:side=3,spacing=1.5,sd=0.4,drop=5", grid)
    expected = np.zeros(grid.shape)
    for x in (-1.5, 0, 1.5):
        for y in (-1.5, 0, 1.5):
            if (x, y) != (0, 0):
                expected += np.outer(
                    cell_masses(stats.norm(x, 0.4), grid.edges[0]),
                    cell_masses(stats.norm(y, 0.4), grid.edges[1]),
                )
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-12)
    assert math.isclose(p.outside, 1 - expected.sum() / 8, rel_tol=1e-9)


def test_disjoint_pieces_do_not_touch():
    real, gen = problem("disjoint", "disjoint")
    assert real.grid == gen.grid and not np.any(real.support & gen.support)
    assert "side=left" in real.label and "side=right" in gen.label
    same = problem("disjoint", "disjoint:side=left")
    np.testing.assert_array_equal(same[0].mass, same[1].mass)


@pytest.mark.parametrize("real", ["bimodal", "poisson", "ring8"])
def test_near_real_is_a_wave_of_zero_mean(real):
    p, q = problem(real, "near-real:amount=0.05")
    wave = (q.mass / p.mass - 1) / 0.05
    assert abs(np.vdot(p.mass, wave)) < 1e-12
    assert 0.9 < np.abs(wave).max() < 1.2
    small = problem(real, "near-real:amount=1e-6")[1]
    np.testing.assert_allclose((small.mass / p.mass - 1) / 1e-6, wave, atol=1e-6)


def test_equal_presets_are_equal_bit_for_bit():
    real, gen = problem("normal", "normal")
    np.testing.assert_array_equal(real.mass, gen.mass)


@pytest.mark.parametrize("name", presets.FAMILIES)
def test_draws_follow_the_masses(name):
    p = preset(name)
    x = draw(name, 4000, rng=0)
    assert x.shape == (4000, p.grid.ndim)
    if name == "student-t":
        # Its mean converges slowly: compare the medians.
        assert abs(np.median(x)) < 4 / math.sqrt(4000)
    else:
        error = np.sqrt(p.variance() / 4000)
        assert np.all(np.abs(x.mean(axis=0) - p.mean()) < 4 * error)
    np.testing.assert_array_equal(x, draw(name, 4000, rng=np.random.default_rng(0)))


def test_grids_and_domains():
    assert preset("normal").grid == Grid.regular(1024, -6, 6)
    assert preset("normal", 64).grid == Grid.regular(64, -6, 6)
    assert preset("poisson", 64).grid == Grid.regular(64, -0.5, 19.5)
    assert problem("normal:mean=2,sd=1", "laplace")[1].grid == Grid.regular(1024, -3, 7)
    assert problem(domain="-3:3", grid=100)[0].grid == Grid.regular(100, -3, 3)
    assert problem("normal", grid="counts")[0].grid == Grid.counts(-6, 6)
    given_grid = Grid.regular(10, -1, 1)
    assert problem(grid=given_grid)[1].grid is given_grid
    p = Distribution.from_mass(np.ones(10), given_grid)
    assert problem(p, "normal:mean=0,sd=1")[1].grid is given_grid


# ---- matching to data ----------------------------------------------------------------------------


def test_moments_are_matched():
    x = np.random.default_rng(0).gamma(2.0, 1.5, size=500)
    assert matched("normal", x)[0].options == pytest.approx({"mean": x.mean(), "sd": x.std()})
    assert matched("laplace", x)[0].options["scale"] == pytest.approx(x.std() / math.sqrt(2))
    t = matched("student-t:df=5", x)[0].options
    assert stats.t(5, t["mean"], t["scale"]).std() == pytest.approx(x.std())
    assert matched("uniform", x)[0].options == pytest.approx({"low": x.min(), "high": x.max()})
    assert matched("poisson", np.round(x))[0].options["rate"] == pytest.approx(np.round(x).mean())
    share = x / 20
    b = stats.beta(**matched("beta", share)[0].options)
    assert (b.mean(), b.std()) == pytest.approx((share.mean(), share.std()))


def test_only_unset_parameters_are_matched():
    x = np.array([1.0, 2.0, 6.0])
    assert matched("normal:sd=2", x) == (Spec("normal", {"mean": 3.0, "sd": 2}), True)
    assert matched("normal:mean=0,sd=2", x)[1] is False
    assert matched("ring8", x)[1] is False
    assert matched("bimodal:sd=0.1", x)[1] is False


def test_weights_count():
    x, weights = np.array([0.0, 1.0, 5.0]), np.array([1, 3, 2])
    assert matched("normal", x, weights)[0].options == pytest.approx(
        matched("normal", np.repeat(x, weights))[0].options
    )


def test_bimodal_is_found_again():
    x = draw("bimodal:means=-2/3,sd=0.6,weights=0.3/0.7", 20_000, rng=1)[:, 0]
    options = matched("bimodal", x)[0].options
    assert options["means"] == pytest.approx((-2, 3), abs=0.03)
    assert options["sd"] == pytest.approx(0.6, abs=0.02)
    assert options["weights"] == pytest.approx((0.3, 0.7), abs=0.01)
    two_values = matched("bimodal", np.array([0.0, 0.0, 1.0]))[0].options
    assert two_values["sd"] > 0 and sum(two_values["weights"]) == pytest.approx(1)


def test_a_preset_beside_data_adapts_and_beside_a_preset_does_not():
    x = np.random.default_rng(0).normal(5, 2, size=1000)
    data = Distribution.from_samples(x, Grid.regular(40, -3, 13))
    gen = problem(data, "normal")[1]
    assert gen.mean()[0] == pytest.approx(data.mean()[0], abs=0.01)
    beside = problem(preset("normal:mean=5,sd=2"), "normal")[1]
    assert beside.label == "normal:mean=0,sd=1.2"


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nrmal", 'no preset "nrmal". Nearest: normal'),
        ("normal:mu=1", 'preset "normal" has no parameter "mu". Known: mean, sd'),
        ("normal:sd=0", "sd must be above 0, got 0"),
        ("normal:sd=wide", "sd must be a number, got 'wide'"),
        ("normal:mean=inf", "mean must be finite"),
        ("uniform:low=2,high=1", "low must be below high, got 2 and 1"),
        ("beta:a=-1", "a must be above 0"),
        ("poisson:rate=0", "rate must be above 0"),
        ("bimodal:means=1", "1 means and 2 weights"),
        ("bimodal:weights=0.6/0.6", "add up to 1, got 0.6/0.6"),
        ("ring8:drop=9", "drop must name modes 1 to 8, got 9"),
        ("ring8:thin=1.5", "thin must name modes 1 to 8, got 1.5"),
        ("ring8:modes=2,drop=1/2", "drop leaves no mode"),
        ("ring8:modes=2.5", "modes must be a whole number, got 2.5"),
        ("disjoint:side=up", "side must be one of left, right"),
        ("disjoint:gap=0", "gap must be above 0"),
        ("near-real", "cannot stand alone. Use it as gen"),
    ],
)
def test_refused_presets(text, message):
    with pytest.raises(InputError, match=message):
        preset(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("ring8", None),
            "the problem 2. Choose one with 2, .* Without --gen the generator is normal",
        ),
        (("near-real",), "cannot stand alone"),
        (("bimodal", "near-real:amount=1"), "amount must lie between -1 and 1, got 1"),
        (("uniform", "near-real", 3), "the wave of near-real vanishes"),
        (("bimodal", "near-real:amount=0.99,waves=1", 2), "makes near-real negative on 2 cells"),
        (("bimodal", None, Grid.regular(4, 0, 1), "0:1"), "Leave domain out"),
        (("bimodal", "uniform:low=50,high=60"), "has no mass on 1024 cells on -4:4"),
        (("bimodal", None, "categories"), "bimodal has no categories"),
        ((preset("normal"), None, 64), "grid and domain are those of the distribution"),
        ((preset("normal"), preset("bimodal")), "must live on one grid"),
    ],
)
def test_refused_problems(arguments, message):
    with pytest.raises(InputError, match=message):
        problem(*arguments)


def test_refused_types_grids_and_draws():
    with pytest.raises(InputTypeError, match="must be a preset's name or a Distribution"):
        problem(3)
    with pytest.raises(InputError, match="the grid holds categories"):
        preset("normal", Grid.categories("ab"))
    with pytest.raises(InputError, match="n must be at least 1"):
        draw("normal", 0)
    with pytest.raises(InputError, match="cannot stand alone"):
        draw("near-real", 10)


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("normal", [2.0, 2.0], "all values are equal"),
        ("beta", [0.5, 3.0], "beta lives on 0:1, the data run from 0.5 to 3"),
        ("beta", [0.0, 1.0], "only 0 and 1"),
        ("poisson", [-1.0, 3.0], "no negative values, the data reach -1"),
        ("student-t:df=2", [0.0, 1.0], "df=2 has no variance"),
    ],
)
def test_refused_matches(text, values, message):
    with pytest.raises(InputError, match=message):
        matched(text, np.array(values))


def test_parameters_may_be_numpy_numbers():
    assert preset("poisson", rate=np.float64(2.5)).label == "poisson:rate=2.5"
