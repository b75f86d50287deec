"""Masses against closed forms, SciPy and np.histogramdd; nothing is lost, nothing made up."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ratiogan import distribution as distribution_module
from ratiogan.distribution import Distribution, bandwidths, restrict
from ratiogan.errors import CannotMeasure, InputError, InputTypeError, SingularMassError
from ratiogan.grid import Grid

UNIT = Grid.regular(4, 0, 1)


def naive_kde(x, edges, width):
    """Sum over samples of differences of SciPy's normal cdf, on the accurate side."""
    total = np.zeros(len(edges) - 1)
    for value in x:
        z = (np.asarray(edges) - value) / width
        upper, lower = stats.norm.sf(z), stats.norm.cdf(z)
        total += np.where(z[:-1] >= 0, upper[:-1] - upper[1:], lower[1:] - lower[:-1])
    return total / len(x)


# ---- masses --------------------------------------------------------------------------------------


def test_masses_are_divided_by_their_sum_and_frozen():
    p = Distribution.from_mass([1, 0, 2, 1], UNIT)
    np.testing.assert_array_equal(p.mass, [0.25, 0, 0.5, 0.25])
    np.testing.assert_array_equal(p.density, [1, 0, 2, 1])
    np.testing.assert_array_equal(p.support, [True, False, True, True])
    np.testing.assert_array_equal(p.cdf, [0.25, 0.25, 0.75, 1])
    with pytest.raises(ValueError, match="read-only"):
        p.mass[0] = 1


def test_the_caller_keeps_his_array():
    mass = np.array([0.25, 0.25, 0.25, 0.25])
    p = Distribution.from_mass(mass, UNIT)
    mass[0] = 7
    assert p.mass[0] == 0.25


def test_masses_with_sum_one_are_kept_bit_for_bit():
    mass = np.random.default_rng(0).random(1000)
    once = Distribution.from_mass(mass, Grid.regular(1000, 0, 1))
    twice = Distribution.from_mass(once.mass.copy(), once.grid)
    np.testing.assert_array_equal(once.mass, twice.mass)
    assert once.with_label("p").mass is once.mass


def test_tiny_masses_are_scaled_without_loss():
    p = Distribution.from_mass([3e-320, 1e-320, 0, 0], UNIT)
    np.testing.assert_allclose(p.mass, [0.75, 0.25, 0, 0], rtol=1e-3)


def test_moments_and_entropy():
    p = Distribution.from_mass(np.ones((2, 4)), Grid.regular((2, 4), 0, (2, 8)))
    np.testing.assert_allclose(p.mean(), [1, 4])
    np.testing.assert_allclose(p.variance(), [0.25, 5])
    assert math.isclose(p.entropy(), math.log(8))
    point = Distribution.from_mass([0, 1, 0, 0], UNIT)
    assert point.entropy() == 0
    with pytest.raises(InputError, match="cdf needs 1 axis"):
        _ = p.cdf


@pytest.mark.parametrize(
    ("mass", "message"),
    [
        ([1, -1, 1, 1], r"not negative, got -1 in cell 1\."),
        ([1, math.nan, 1, math.nan], "got nan in cell 1, and 1 more cells"),
        ([1, 1, 1, math.inf], "got inf in cell 3"),
        ([0, 0, 0, 0], "must not be 0 in all cells"),
        ([1, 1], r"must have the grid's shape \(4,\), got \(2,\)"),
        ([1e308] * 4, "sum of the masses is infinite"),
    ],
)
def test_refused_masses(mass, message):
    with pytest.raises(InputError, match=message), np.errstate(over="ignore"):
        Distribution.from_mass(mass, UNIT)


def test_refused_types():
    with pytest.raises(InputTypeError, match="mass must be numbers"):
        Distribution.from_mass(list("abcd"), UNIT)
    with pytest.raises(InputTypeError, match="grid must be a Grid"):
        Distribution.from_mass([1, 1], [0, 1, 2])
    with pytest.raises(InputError, match=r"in cell \(1, 0\)"):
        Distribution.from_mass([[1, 1], [-1, 1]], Grid.regular((2, 2), 0, 1))


# ---- densities -----------------------------------------------------------------------------------


def test_density_is_integrated_exactly_for_polynomials():
    p = Distribution.from_density(lambda y: y**9, Grid([[0.0, 0.5, 0.6, 1.0]]))
    np.testing.assert_allclose(p.mass, np.diff(np.array([0, 0.5, 0.6, 1]) ** 10), rtol=1e-13)
    assert p.outside is None


def test_density_in_two_dimensions_factorises():
    grid = Grid([[0.0, 1.0, 3.0], np.linspace(-2, 2, 9)])
    p = Distribution.from_density(lambda x, y: np.exp(-x) * stats.norm.pdf(y), grid)
    x = np.exp(-np.array([0.0, 1.0])) - np.exp(-np.array([1.0, 3.0]))
    y = np.diff(stats.norm.cdf(grid.edges[1]))
    expected = np.outer(x, y)
    # 5 points leave f^(10) h^11 4e-13 of the cell of width 2: below 1e-9 of it.
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-9)


def test_cdf_gives_exact_masses_and_the_rest():
    grid = Grid.regular(64, -2, 3)
    p = Distribution.from_density(None, grid, cdf=stats.norm.cdf)
    expected = np.diff(stats.norm.cdf(grid.edges[0]))
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-14)
    assert math.isclose(p.outside, 1 - expected.sum(), rel_tol=1e-12)
    q = Distribution.from_density(stats.norm.pdf, grid)
    np.testing.assert_allclose(p.mass, q.mass, rtol=1e-12)


def test_on_counts_a_density_is_a_probability():
    p = Distribution.from_density(stats.poisson(3).pmf, Grid.counts(0, 40))
    np.testing.assert_allclose(p.mass, stats.poisson(3).pmf(np.arange(41)), rtol=1e-14)


@pytest.mark.parametrize(
    ("pdf", "message"),
    [
        (lambda y: -y, "finite and not negative, got -.* in cell 0"),
        (lambda y: np.log(-y), "finite and not negative, got nan"),
        (lambda y: np.where(y > 0.5, np.inf, 1.0), "got inf in cell 2"),
        (lambda y: math.exp(y), "pdf must accept 1 array"),
        (lambda y: np.ones(3), "one number per point"),
    ],
)
def test_refused_densities(pdf, message):
    with pytest.raises(InputError, match=message), np.errstate(invalid="ignore"):
        Distribution.from_density(pdf, UNIT)


def test_cdf_is_for_one_axis():
    with pytest.raises(InputError, match="cdf needs a grid with 1 axis, got 2"):
        Distribution.from_density(None, Grid.regular((2, 2), 0, 1), cdf=stats.norm.cdf)


# ---- histograms and samples ----------------------------------------------------------------------


def test_histogram_keeps_empty_cells_empty():
    p = Distribution.from_histogram([2, 0, 6], Grid.counts(0, 2))
    np.testing.assert_array_equal(p.mass, [0.25, 0, 0.75])
    assert (p.rows, p.kind) == (8, "histogram")


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_counts_are_those_of_numpy(ndim):
    rng = np.random.default_rng(ndim)
    x = rng.normal(size=(5000, ndim))
    edges = [np.sort(rng.normal(size=9)) for _ in range(ndim)]
    p = Distribution.from_samples(x, Grid(edges))
    counts, _ = np.histogramdd(x, edges)
    np.testing.assert_array_equal(p.mass, counts / counts.sum())
    assert p.outside == (5000 - counts.sum()) / 5000
    assert (p.rows, p.density_method, p.kind) == (5000, "histogram", "samples")
    weights = rng.random(5000)
    p = Distribution.from_samples(x, Grid(edges), weights=weights)
    counts, _ = np.histogramdd(x, edges, weights=weights)
    np.testing.assert_allclose(p.mass, counts / counts.sum(), rtol=1e-12)
    assert math.isclose(p.outside, 1 - counts.sum() / weights.sum(), rel_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=60), st.integers(2, 9))
def test_no_sample_is_lost(x, cells):
    grid = Grid.regular(cells, -1, 1)
    inside = sum(-1 <= value <= 1 for value in x)
    if inside == 0:
        with pytest.raises(CannotMeasure, match=r"none of the .* rows"):
            Distribution.from_samples(x, grid)
        return
    p = Distribution.from_samples(x, grid)
    assert p.outside == pytest.approx(1 - inside / len(x), abs=1e-15)
    np.testing.assert_allclose(p.mass * inside, np.round(p.mass * inside), atol=1e-9)
    assert math.isclose(p.mass.sum(), 1, rel_tol=1e-14)


def test_many_rows_are_read_in_blocks(monkeypatch):
    x = np.random.default_rng(0).normal(size=1000)
    whole = Distribution.from_samples(x, Grid.regular(16, -1, 1))
    monkeypatch.setattr(distribution_module, "_CHUNK", 64)
    np.testing.assert_array_equal(
        Distribution.from_samples(x, Grid.regular(16, -1, 1)).mass, whole.mass
    )


def test_whole_weights_are_repeated_rows():
    x, weights = np.array([0.1, 0.3, 0.9]), np.array([1, 3, 2])
    for method in ("histogram", "kde"):
        p = Distribution.from_samples(x, UNIT, weights=weights, method=method, bandwidth=0.2)
        q = Distribution.from_samples(np.repeat(x, weights), UNIT, method=method, bandwidth=0.2)
        np.testing.assert_allclose(p.mass, q.mass, rtol=1e-13)
        assert math.isclose(p.outside, q.outside, rel_tol=1e-12, abs_tol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": []}, CannotMeasure, "no rows"),
        ({"x": [0.5, math.nan]}, InputError, "x must be finite, got nan in row 1, column 0"),
        ({"x": ["a"]}, InputTypeError, "x must hold numbers"),
        ({"x": [[0.5, 0.5]]}, InputError, "x has 2 columns, the grid 1 axes"),
        ({"x": [5.0]}, CannotMeasure, "none of the 1 rows"),
        ({"x": [0.5], "weights": [1, 1]}, InputError, r"weights must have shape \(1,\)"),
        ({"x": [0.5], "weights": [-1]}, InputError, "weights must be finite, not negative"),
        ({"x": [0.5], "weights": [0]}, InputError, "not all 0"),
        ({"x": [0.5], "method": "spline"}, InputError, "method must be one of"),
        ({"x": [0.5], "method": "kde"}, CannotMeasure, "at least 2 rows, got 1"),
        ({"x": [0.5, 0.5], "method": "kde"}, CannotMeasure, "one value only"),
        ({"x": [0.1, 0.5], "method": "kde", "bandwidth": 0}, InputError, "must be above 0"),
        ({"x": [0.1, 0.5], "method": "kde", "bandwidth": [1, 1]}, InputError, "2 numbers for 1"),
    ],
)
def test_refused_samples(arguments, error, message):
    with pytest.raises(error, match=message):
        Distribution.from_samples(grid=UNIT, **arguments)


# ---- kernel density estimates --------------------------------------------------------------------


def test_kde_is_the_sum_of_exact_cell_probabilities():
    x = np.random.default_rng(2).normal(size=50)
    grid = Grid([np.sort(np.concatenate([np.linspace(-3, 3, 20), [0.01, 0.5]]))])
    p = Distribution.from_samples(x, grid, method="kde", bandwidth=0.3)
    expected = naive_kde(x, grid.edges[0], 0.3)
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-12)
    assert math.isclose(p.outside, 1 - expected.sum(), rel_tol=1e-9)
    assert (p.density_method, p.bandwidth) == ("kde", (0.3,))


def test_scotts_rule_is_that_of_scipy():
    rng = np.random.default_rng(3)
    x, weights = rng.normal(size=200), rng.random(200)
    kde = stats.gaussian_kde(x)
    (width,) = bandwidths(x[:, None])
    assert math.isclose(width, kde.factor * x.std(ddof=1), rel_tol=1e-13)
    p = Distribution.from_samples(x, Grid.regular(200, -6, 6), method="kde")
    q = Distribution.from_density(kde, p.grid)
    np.testing.assert_allclose(p.mass, q.mass, rtol=1e-10)
    weighted = stats.gaussian_kde(x, weights=weights)
    (width,) = bandwidths(x[:, None], weights)
    assert math.isclose(width, math.sqrt(weighted.covariance[0, 0]), rel_tol=1e-12)


@pytest.mark.parametrize("ndim", [2, 3])
def test_kde_is_a_product_along_the_axes(ndim):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, ndim))
    widths = [0.3, 0.5, 0.4][:ndim]
    edges = [np.linspace(-3, 3, 6 + i) for i in range(ndim)]
    p = Distribution.from_samples(x, Grid(edges), method="kde", bandwidth=widths)
    expected = np.zeros(p.grid.shape)
    for row in x:
        parts = [naive_kde([v], e, w) for v, e, w in zip(row, edges, widths, strict=True)]
        expected += parts[0][:, None] * parts[1] if ndim == 2 else np.einsum("i,j,k", *parts)
    expected /= len(x)
    np.testing.assert_allclose(p.mass, expected / expected.sum(), rtol=1e-12)
    assert math.isclose(p.outside, 1 - expected.sum(), rel_tol=1e-9)


def test_kde_in_blocks_is_the_same(monkeypatch):
    x = np.random.default_rng(5).normal(size=(100, 2))
    grids = (Grid.regular(16, -2, 2), Grid.regular((8, 8), -2, 2))
    whole = [Distribution.from_samples(x[:, : g.ndim], g, method="kde") for g in grids]
    monkeypatch.setattr(distribution_module, "_BLOCK", 100)
    for p, grid in zip(whole, grids, strict=True):
        q = Distribution.from_samples(x[:, : grid.ndim], grid, method="kde")
        np.testing.assert_allclose(p.mass, q.mass, rtol=1e-13)
        assert math.isclose(p.outside, q.outside, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("grid", "tolerance"),
    [(Grid.regular(64, -5, 5), 3e-4), (Grid.regular((24, 24), -5, 5), 1e-2)],
)
def test_kde_of_many_rows_gathers_them_in_strips(monkeypatch, grid, tolerance):
    x = np.random.default_rng(6).normal(size=(30_000, grid.ndim))
    quick = Distribution.from_samples(x, grid, method="kde")
    monkeypatch.setattr(distribution_module, "_EXACT_ROWS", 10**6)
    exact = Distribution.from_samples(x, grid, method="kde")
    # Cells up to some 5 bandwidths from the nearest row: z^2 1e-5, or z/512.
    seen = exact.mass > 1e-9
    np.testing.assert_allclose(quick.mass[seen], exact.mass[seen], rtol=tolerance)
    assert 0.5 * np.abs(quick.mass - exact.mass).sum() < 2e-5


def test_kde_is_positive_as_far_as_doubles_reach_and_no_further():
    p = Distribution.from_samples(
        [0.0, 0.1], Grid.regular(200, -50, 50), method="kde", bandwidth=1.0
    )
    z = np.abs(p.grid.centres[0])
    assert np.all(p.mass[z < 37] > 0) and np.all(p.mass[z > 40] == 0)
    far = 200 - 30  # the cell 34.5:35
    expected = naive_kde([0.0, 0.1], p.grid.edges[0], 1.0)
    assert math.isclose(p.mass[far], expected[far], rel_tol=1e-9)


def test_counts_are_smoothed_only_on_request_and_categories_never():
    grid = Grid.product(Grid.counts(0, 4), Grid.categories("ab"))
    x = np.array([[0, 0], [4, 0], [2, 1], [2, 1]])
    plain = Distribution.from_samples(x, grid, method="auto")
    assert plain.density_method == "histogram" and plain.mass[1, 0] == 0
    smooth = Distribution.from_samples(x, grid, method="kde")
    assert smooth.bandwidth[0] > 0 and smooth.bandwidth[1] == 0
    assert np.all(smooth.mass > 0)
    expected = naive_kde([0, 4], grid.edges[0], smooth.bandwidth[0])
    np.testing.assert_allclose(
        smooth.mass[:, 0] / smooth.mass[:, 0].sum(), expected / expected.sum(), rtol=1e-12
    )


def test_samples_outside_the_grid_still_reach_into_it():
    p = Distribution.from_samples([-0.1, 0.5], UNIT, method="kde", bandwidth=0.1)
    assert p.outside == pytest.approx(0.5 * stats.norm.cdf(1.0), rel=1e-5)


def test_auto_grid_of_a_sample():
    x = np.random.default_rng(7).normal(size=500)
    assert Distribution.from_samples(x).outside == 0
    smooth = Distribution.from_samples(x, method="kde")
    assert 0 < smooth.outside < 1e-4
    assert smooth.grid.axes[0].width <= smooth.bandwidth[0] / 4


# ---- images --------------------------------------------------------------------------------------


def test_image_axes_run_right_and_up():
    p = Distribution.from_image([[0, 0, 4], [3, 1, 0]])
    assert p.grid.describe() == "3x2 cells on 0:3,0:2"
    assert p.mass[0, 0] == 3 / 8 and p.mass[2, 1] == 4 / 8
    assert (p.kind, p.outside) == ("image", 0.0)


def test_colours_become_luma_and_transparency_none():
    image = np.zeros((2, 2, 4))
    image[0, 0] = [1, 1, 1, 1]
    image[1, 1] = [0, 1, 0, 0.5]
    image[0, 1] = [1, 1, 1, 0]
    p = Distribution.from_image(image)
    np.testing.assert_allclose(p.mass[1, 0] / p.mass[0, 1], 0.587 / 2)
    assert p.mass[1, 1] == 0


def test_image_files(tmp_path):
    from matplotlib.image import imsave

    grey = np.array([[0, 255], [128, 64]], dtype=np.uint8)
    path = tmp_path / "density.png"
    imsave(path, np.dstack([grey] * 3))
    p = Distribution.from_image(path)
    np.testing.assert_allclose(p.mass, grey[::-1].T / grey.sum(), rtol=1e-6)
    assert p.label == str(path)


def test_refused_images(tmp_path):
    with pytest.raises(InputError, match="image must have shape"):
        Distribution.from_image(np.zeros(5))
    with pytest.raises(InputError, match="must not be 0 in all cells"):
        Distribution.from_image(np.zeros((2, 2)))
    with pytest.raises(InputError, match="does not exist"):
        Distribution.from_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match="not an image that can be read"):
        Distribution.from_image(tmp_path / "text.png")


# ---- restriction ---------------------------------------------------------------------------------


def test_restrict_drops_singular_mass_and_says_how_much():
    real = Distribution.from_mass([1, 1, 0, 0], UNIT)
    gen = Distribution.from_mass([1, 2, 1, 0], UNIT, label="g")
    kept = restrict(gen, real)
    np.testing.assert_allclose(kept.mass, [1 / 3, 2 / 3, 0, 0])
    assert (kept.restricted, kept.label) == (0.25, "g")
    assert restrict(real, gen) is real
    with pytest.raises(SingularMassError, match="nothing is left"):
        restrict(Distribution.from_mass([0, 0, 1, 1], UNIT), real)
    with pytest.raises(InputError, match="must live on one grid"):
        restrict(Distribution.from_mass([1, 1], Grid.regular(2, 0, 1)), real)
