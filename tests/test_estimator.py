"""DensityRatio: what it learns, how it behaves as an estimator, and what it refuses."""

import numpy as np
import pytest

import ratiogan as rg
from ratiogan.distribution import Distribution, bandwidths
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.grid import Grid
from ratiogan.twosample.estimator import DensityRatio, binned_kde


def normal(rows, columns=1, seed=0, mean=0.0):
    return np.random.default_rng(seed).normal(mean, size=(rows, columns))


def test_histogram_ratio_by_hand():
    model = DensityRatio(grid=4, domain="0:4")
    same = model.fit(gen=[0.5, 1.5, 1.5, 3.5], real=[0.5, 0.5, 1.5, 2.5])
    assert same is model
    z = [0.1, 1.9, 2.5, 3.5, 4.0, 4.1, np.nan]
    np.testing.assert_array_equal(model.ratio(z), [0.5, 2, 0, np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(
        model.log_ratio(z)[:5], [np.log(0.5), np.log(2), -np.inf, np.inf, np.inf]
    )
    np.testing.assert_allclose(model.discriminator(z)[:5], [2 / 3, 1 / 3, 1, 0, 0])
    assert model.ratio_.singular_mass == 0.25 and model.grid_.size == 4
    assert model.n_effective_ == {"real": 4.0, "gen": 4.0} and model.n_features_in_ == 1


def test_what_lies_outside_is_not_forgotten():
    # Half of real lies outside: the densities in 0:1 are 1/2 and 1, so R = 2 and not 1.
    model = DensityRatio(grid=2, domain="0:1").fit(gen=[0.2, 0.7], real=[0.2, 0.7, 5, 6])
    np.testing.assert_allclose(model.ratio([0.2, 0.7]), 2)


def test_identical_samples_have_ratio_one():
    x = normal(300, 2)
    model = DensityRatio().fit(gen=x, real=x)
    assert (model.ratio(x) == 1).all() and (model.discriminator(x) == 0.5).all()


def test_swapping_the_samples_inverts_the_ratio():
    x, y = normal(500), normal(400, seed=1, mean=0.5)
    for method in ("histogram", "kde"):
        one = DensityRatio(method=method).fit(gen=y, real=x).ratio(x)
        other = DensityRatio(method=method).fit(gen=x, real=y).ratio(x)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(one, 1 / other, rtol=1e-12)


def test_the_truth_is_found():
    # Two Gaussians: log R = y/2 - 1/8. The rms error over |y| < 2 falls with the rows.
    z = np.linspace(-2, 2, 101)
    errors = {}
    for rows in (1000, 100_000):
        model = DensityRatio(method="kde").fit(
            gen=normal(rows, seed=1, mean=0.5), real=normal(rows)
        )
        errors[rows] = np.sqrt(np.mean((model.log_ratio(z) - (z / 2 - 1 / 8)) ** 2))
    assert errors[100_000] < 0.05 < errors[1000] < 0.4


# ---- weights -------------------------------------------------------------------------------------


def test_weights_are_repeated_rows():
    x, y = normal(50), normal(40, seed=1)
    times = np.random.default_rng(2).integers(0, 4, 50)
    options = {"grid": 16, "domain": "-4:4"}
    weighted = DensityRatio(**options).fit(gen=y, real=x, real_weights=times)
    repeated = DensityRatio(**options).fit(gen=y, real=np.repeat(x, times, axis=0))
    np.testing.assert_allclose(weighted.ratio(y), repeated.ratio(y), rtol=1e-13)
    assert weighted.n_effective_["real"] == pytest.approx(times.sum() ** 2 / (times**2).sum())
    assert weighted.n_effective_["gen"] == 40
    even = DensityRatio(**options).fit(gen=y, real=x, gen_weights=np.full(40, 0.3))
    assert even.n_effective_["gen"] == pytest.approx(40)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"gen_weights must have shape \(4,\), one per row, got \(3,\)"),
        ([1, -1, 1, 1], "gen_weights must be finite and not negative"),
        ([1, np.nan, 1, 1], "gen_weights must be finite and not negative"),
        ([1, np.inf, 1, 1], "gen_weights must be finite and not negative"),
        (np.zeros(4), "gen_weights must not be 0 everywhere"),
        (["a"] * 4, "gen_weights must be numbers"),
    ],
)
def test_refused_weights(weights, message):
    with pytest.raises(InputError, match=message):
        DensityRatio().fit(gen=normal(4), real=normal(4), gen_weights=weights)


# ---- the kernel estimate -------------------------------------------------------------------------


@pytest.mark.parametrize("domain", [(-6.0, 6.0), (-1.0, 2.0), (3.0, 60.0)])
@pytest.mark.parametrize("cells", [7, 64, 500])
def test_binned_kde_against_the_sum_over_all_rows(domain, cells):
    x = normal(400)
    grid = Grid.regular(cells, *domain)
    width = bandwidths(x)[0]
    weights = np.random.default_rng(1).random(400)
    for given in (None, weights):
        mass, outside = binned_kde(x[:, 0], given, grid.axes[0], width)
        exact = Distribution.from_samples(x, grid, weights=given, method="kde", bandwidth=width)
        expected = exact.mass * (1 - exact.outside)
        # A linear share between bins widens the variance by at most (1/16)^2/6 of the bandwidth's.
        np.testing.assert_allclose(mass, expected, rtol=0, atol=4e-4 * mass.max())
        # Interpolating a normal cdf over 1/16: (1/16)^2/8 times its curvature, at most 0.242.
        assert outside == pytest.approx(exact.outside, abs=1.2e-4)
        assert mass.sum() + outside == pytest.approx(1, abs=1e-12)
        # Never negative, and the tails are Gaussian tails, not the noise of an FFT: far out, at z
        # bandwidths, wider bins change log mass by (z/16)^2/12, below 0.5 up to z = 38.
        far = expected > 1e-290
        assert (mass >= 0).all()
        assert np.abs(np.log(mass[far] / expected[far])).max() < 0.5


def test_kde_moments():
    x = normal(2000)
    grid = Grid.regular(2000, -8, 8)
    mass, _ = binned_kde(x[:, 0], None, grid.axes[0], 0.3)
    y = grid.centres[0]
    assert mass @ y == pytest.approx(x.mean(), abs=1e-12)
    spread = mass @ y**2 - (mass @ y) ** 2
    assert spread == pytest.approx(x.var() + 0.09, rel=1e-3)


def test_kde_on_other_cells():
    x, y = normal(200, 2), normal(200, 2, seed=1)
    model = DensityRatio(grid="24x24", method="kde").fit(gen=y, real=x)
    expected = Distribution.from_samples(y, model.grid_, method="kde")
    np.testing.assert_array_equal(model.ratio_.gen.mass, expected.mass)
    counts = np.random.default_rng(0).poisson(3, size=(200, 1))
    model = DensityRatio(method="kde").fit(gen=counts, real=counts)
    assert model.grid_.axes[0].kind == "counts" and (model.ratio(counts) == 1).all()
    uneven = Grid([np.array([-3.0, -1, 0, 0.5, 4])])
    model = DensityRatio(uneven, method="kde", bandwidth=0.5).fit(gen=y[:, 0], real=x[:, 0])
    assert np.isfinite(model.ratio(np.linspace(-3, 4, 20))).all()


# ---- as an estimator -----------------------------------------------------------------------------


def test_parameters():
    model = DensityRatio(grid=32, method="kde")
    assert model.get_params() == {
        "grid": 32, "domain": None, "method": "kde", "bandwidth": None,
    }  # fmt: skip
    assert model.set_params(bandwidth=0.2, grid="auto") is model
    assert repr(model) == "DensityRatio(method='kde', bandwidth=0.2)"
    with pytest.raises(InputError, match=r'no parameter "bandwith".*Nearest: bandwidth'):
        model.set_params(bandwith=1)
    assert rg.DensityRatio is DensityRatio


def test_scikit_learn_can_clone_it():
    base = pytest.importorskip("sklearn.base")
    model = DensityRatio(grid=Grid.regular(4, 0, 1), method="kde", bandwidth=0.1)
    copy = base.clone(model)
    assert copy is not model and copy.get_params()["bandwidth"] == 0.1
    assert not hasattr(base.clone(copy.fit(gen=[0.2, 0.4], real=[0.3, 0.9])), "ratio_")


def test_fitting_changes_no_parameter_and_can_be_repeated():
    model = DensityRatio()
    before = model.get_params()
    model.fit(gen=normal(30, 2), real=normal(30, 2))
    model.fit(gen=normal(50), real=normal(60, seed=1))
    assert model.get_params() == before and model.n_features_in_ == 1


@pytest.mark.parametrize(
    ("gen", "real", "error", "message"),
    [
        (
            normal(5, 4),
            normal(5, 4),
            InputError,
            "real has 4 columns: cells serve at most 3.*score",
        ),
        (normal(5, 2), normal(5), InputError, "gen has 2 columns, real has 1"),
        ([1, np.nan, np.inf], [1, 2], InputError, "gen must be finite, but 2 of its rows are not"),
        ([], [1, 2], CannotMeasure, "gen has no rows"),
        (["a"], [1, 2], InputError, "gen must be an array of numbers"),
        (np.ones((2, 2, 2)), [1, 2], InputError, r"with shape \(2, 2, 2\)"),
        (3.0, [1, 2], InputError, r"with shape \(\)"),
        ([[1], [2, 3]], [1, 2], InputError, "gen must be an array with one row per sample"),
        ([1.5, 1.5], [1.5, 1.5], InputError, "has one value only"),
    ],
)
def test_refused_samples(gen, real, error, message):
    with pytest.raises(error, match=message):
        DensityRatio().fit(gen=gen, real=real)


def test_refused_parameters_and_points():
    x = normal(9)
    for options, message in (
        ({"method": "spline"}, "method must be one of histogram, kde"),
        ({"grid": Grid.regular(2, 0, 1), "domain": "0:1"}, "Leave domain out"),
        ({"grid": Grid.regular((2, 2), 0, 1)}, "the samples have 1 column, grid 2"),
        ({"grid": "8x8"}, "grid 8x8 has 2 parts"),
        ({"method": "kde", "bandwidth": -1}, "bandwidth must be above 0"),
        ({"grid": 4, "domain": "50:60"}, "none of the 9 rows of (real|gen) lies on"),
    ):
        with pytest.raises(InputError, match=message):
            DensityRatio(**options).fit(gen=x, real=x)
    model = DensityRatio(grid=4)
    with pytest.raises(InputError, match=r"not fitted. Call fit\(gen=, real=\) first"):
        model.ratio(x)
    model.fit(gen=x, real=x)
    with pytest.raises(InputError, match="z has 2 columns, the estimator was fitted on 1"):
        model.ratio(normal(3, 2))
    with pytest.raises(InputError, match="z must hold numbers"):
        model.ratio(["a"])
