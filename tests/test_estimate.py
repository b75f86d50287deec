"""Measured divergences: debiased, bounded, compared with noise; and their closed-form laws."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from ratiogan.divergences import CORE, divergence_row, divergence_sums
from ratiogan.errors import CannotMeasure, InputError, InputTypeError
from ratiogan.presets import draw
from ratiogan.twosample import replicates as module
from ratiogan.twosample.estimate import (
    Measured,
    detectable,
    floor_guess,
    measure,
    precision_recall,
)
from ratiogan.twosample.resample import permutations
from ratiogan.twosample.shrink import shrink

JSD = CORE.index("jsd")


@pytest.fixture(scope="module")
def ring():
    """The mock-up of cli.md: a mode missing, one thinned."""
    real, gen = draw("ring8", 20_000, rng=0), draw("ring8:drop=4,thin=7", 10_000, rng=1)
    edges = [np.linspace(-2.8, 2.8, 33)] * 2
    return tuple(np.histogram2d(*x.T, bins=edges)[0].astype(int).ravel() for x in (real, gen))


@pytest.fixture(scope="module")
def measured(ring):
    return measure(*ring)


def test_ring_as_in_the_mock_up(measured):
    jsd = measured["jsd"]
    assert jsd.estimate == pytest.approx(0.0604, abs=0.002)
    assert jsd.ci == pytest.approx((0.0574, 0.0634), abs=0.002)
    assert jsd.ci[0] < jsd.estimate < jsd.ci[1] < jsd.value
    assert jsd.value == pytest.approx(0.0674, abs=0.003)
    assert jsd.floor == pytest.approx(0.0070, abs=0.003)
    assert jsd.floor < jsd.floor_upper < 1.2 * jsd.floor
    assert jsd.pvalue == 1 / 2001 and jsd.resamples == 2000
    assert measured["tv"].value == pytest.approx(0.2203, abs=0.01)
    assert measured["tv"].estimate < measured["tv"].value
    assert tuple(measured) == CORE and len(measured.null) == 2000


def test_infinite_records_name_the_mass(ring, measured):
    real, gen = ring
    missed = real[gen == 0].sum() / real.sum()
    record = measured["kl-real-gen"].to_dict()
    assert record["value"] is None and record["infinite"] is True
    assert record["mass"] == pytest.approx(missed)
    assert record["because"] == f"{100 * missed:.3g}% of real lies where gen has no sample"
    assert record["direction"] == "real||gen"
    assert "of gen lies where real has no sample and" in measured["jeffreys"].because
    assert {n for n in measured if measured[n].infinite} == {
        "kl-gen-real", "kl-real-gen", "jeffreys", "chi2-pearson", "chi2-neyman"
    }  # fmt: skip
    json.dumps(measured.to_dict(), allow_nan=False)


def test_the_estimate_does_not_grow_with_the_grid(ring):
    """Raw values do: 0.067 on 32x32 cells, 0.086 on 64x64."""
    real, gen = draw("ring8", 20_000, rng=0), draw("ring8:drop=4,thin=7", 10_000, rng=1)
    found = []
    for cells in (16, 32, 64):
        edges = [np.linspace(-2.8, 2.8, cells + 1)] * 2
        counts = [np.histogram2d(*x.T, bins=edges)[0].astype(int) for x in (real, gen)]
        found.append(measure(*counts, names=("jsd", "tv"), resamples=400))
    estimates = [one["jsd"].estimate for one in found]
    assert max(estimates) - min(estimates) < 0.003
    assert found[2]["jsd"].value - found[0]["jsd"].value > 0.015
    tv = [one["tv"].estimate for one in found]
    assert max(tv) - min(tv) < 0.02 < found[2]["tv"].value - found[0]["tv"].value


@pytest.mark.parametrize("names", [None, ("alpha:alpha=0.5", "alpha:alpha=2", "cw:c=0.3")])
def test_value_against_scipy_and_the_table(names):
    real, gen = np.array([40, 30, 20, 10]), np.array([20, 30, 20, 40])
    found = measure(real, gen, names=names, resamples=50)
    p, q = real / real.sum(), gen / gen.sum()
    for name, one in found.items():
        expected = divergence_row(name).of(gen=q, real=p)
        assert one.value == pytest.approx(float(np.ravel(expected)[0]), abs=1e-14)
    if names is None:
        assert found["jsd"].value == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-12)
        assert found["kl-gen-real"].value == pytest.approx(stats.entropy(q, p), rel=1e-12)


def test_wasserstein():
    rng = np.random.default_rng(0)
    centres = np.array([0.0, 0.5, 2.0, 3.0, 7.0])
    real, gen = rng.multinomial(500, np.ones(5) / 5), rng.multinomial(300, np.arange(1, 6) / 15)
    one = measure(real, gen, centres=centres)["wasserstein"]
    expected = stats.wasserstein_distance(centres, centres, real, gen)
    assert one.value == pytest.approx(expected, rel=1e-12)
    assert one.ci[0] < one.estimate <= one.value < one.ci[1] and one.unit == "data"


def test_identical_counts():
    counts = np.array([0, 4, 60, 1, 12])
    for real, gen in ((counts, counts), (counts, 3 * counts)):
        for one in measure(real, gen, centres=np.arange(5.0), resamples=200).values():
            assert one.estimate == 0 and one.value == pytest.approx(0, abs=1e-15)
            assert one.pvalue == 1 and one.ci[0] == 0


def test_swapping_swaps_the_directions():
    rng = np.random.default_rng(1)
    real, gen = rng.integers(20, 90, 12), rng.integers(20, 90, 12)
    there, back = measure(real, gen), measure(gen, real)
    for one, other in (("kl-gen-real", "kl-real-gen"), ("chi2-pearson", "chi2-neyman")):
        assert there[one].value == pytest.approx(back[other].value, rel=1e-12)
        assert there[one].estimate == pytest.approx(back[other].estimate, rel=1e-3)
    for name in ("jsd", "tv", "hellinger2", "triangular", "jeffreys"):
        assert there[name].value == pytest.approx(back[name].value, rel=1e-12)
        assert there[name].pvalue == pytest.approx(back[name].pvalue, abs=0.05)


def test_unit_scales_what_has_a_logarithm():
    real, gen = np.array([40, 30, 30]), np.array([20, 40, 40])
    nats, bits = measure(real, gen, resamples=100), measure(real, gen, resamples=100, unit="bits")
    for name in ("jsd", "kl-gen-real", "jeffreys"):
        assert bits[name].unit == "bits"
        for field in ("estimate", "value", "floor", "floor_upper"):
            in_nats = getattr(nats[name], field)
            assert getattr(bits[name], field) * np.log(2) == pytest.approx(in_nats, rel=1e-12)
    assert bits["tv"] == nats["tv"] and bits["tv"].unit is None
    assert bits.null * np.log(2) == pytest.approx(nats.null, rel=1e-12)


def test_the_same_seed_gives_the_same_numbers(monkeypatch):
    real, gen = np.arange(1, 60), np.arange(60, 1, -1)
    one, two = measure(real, gen, rng=3), measure(real, gen, rng=3)
    assert one.to_dict() == two.to_dict() and (one.null == two.null).all()
    assert one["jsd"].ci != measure(real, gen, rng=4)["jsd"].ci
    monkeypatch.setattr(module, "_MEMORY", 59 * 7)  # replicates in blocks of 7
    blocks = measure(real, gen, rng=3)
    assert blocks["jsd"].ci == pytest.approx(one["jsd"].ci, rel=1e-12)
    assert (blocks.null == one.null).all()


def test_empty_cells_and_shape_play_no_part():
    real, gen = np.array([40, 30, 20, 10]), np.array([20, 30, 20, 40])
    table = np.array([[40, 0, 30], [20, 10, 0]]), np.array([[20, 0, 30], [20, 40, 0]])
    assert measure(*table, resamples=50).to_dict() == measure(real, gen, resamples=50).to_dict()


def test_real_against_real():
    """2,000 pairs of p_r against itself: at level 5 % at most 6.9 % are rejected.

    A binomial(2000, 0.05) exceeds 138 once in 10^4 seeds; the test is exact and a little
    conservative, because equal values count against it.
    """
    rng = np.random.default_rng(5)
    rejected = runs = 0
    for cells in (4, 30, 400):
        p = rng.dirichlet(np.full(cells, 1.0))
        for run in range(667):
            real, gen = rng.multinomial(300, p), rng.multinomial(200, p)
            null = divergence_sums(*permutations(real, gen, 99, run)[::-1])[:, JSD]
            value = divergence_sums(gen, real)[0, JSD]
            rejected += (1 + np.sum(null >= value * (1 - 1e-12))) / 100 <= 0.05
            runs += 1
    assert 0.03 < rejected / runs <= 0.069


def test_real_against_real_through_measure():
    """Of 200 pairs at most 22 have p <= 0.05 (once in 10^4 seeds more), and few exclude 0."""
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.full(50, 2.0))
    found = [
        measure(rng.multinomial(900, p), rng.multinomial(500, p), resamples=100, rng=run)
        for run in range(200)
    ]
    assert sum(one["jsd"].pvalue <= 0.05 for one in found) <= 22
    for name in ("jsd", "tv", "hellinger2"):
        assert sum(one[name].ci[0] > 0 for one in found) <= 15
        assert np.mean([one[name].estimate for one in found]) < 0.5 * found[0][name].floor


def test_a_collapsed_generator_is_rejected():
    real = np.full(100, 20)
    gen = np.zeros(100, int)
    gen[37] = 500
    one = measure(real, gen)["jsd"]
    assert one.pvalue == 1 / 2001
    truth = divergence_sums(gen, real)[0, JSD]
    assert one.ci[0] > 0.9 * truth


@pytest.mark.parametrize(("cells", "rows"), [(12, 4000), (64, 5000), (400, 6000)])
def test_intervals_hold_the_truth(cells, rows):
    """Of 60 intervals of each divergence at least 48 do.

    At a coverage of 90 %, the least measured, fewer than 48 come once in 300 seeds, at 95 % once
    in 10^5. The full simulation is ``python -m benchmarks coverage``.
    """
    edges = np.linspace(-2.4, 2.4, cells + 1)
    p = np.diff(0.6 * stats.norm(-1.5, 0.7).cdf(edges) + 0.4 * stats.norm(1.5, 0.7).cdf(edges))
    q = np.diff(stats.norm(0, 1.2).cdf(edges))
    p, q = p / p.sum(), q / q.sum()
    truth = dict(zip(CORE, divergence_sums(q, p)[0], strict=True))
    truth["wasserstein"] = stats.wasserstein_distance(edges[1:], edges[1:], p, q)
    rng = np.random.default_rng(7)
    inside = dict.fromkeys(truth, 0)
    for run in range(60):
        real, gen = rng.multinomial(rows, p), rng.multinomial(rows // 2, q)
        for name, one in measure(real, gen, centres=edges[1:], resamples=300, rng=run).items():
            assert one.infinite or one.ci[0] <= one.estimate <= one.ci[1]
            inside[name] += one.infinite or one.ci[0] <= truth[name] <= one.ci[1]
    assert min(inside.values()) >= 48, inside


def test_an_unbounded_divergence_with_thin_cells_has_no_upper_end():
    one = measure(np.array([100, 80, 3]), np.array([60, 70, 20]))
    assert one["kl-gen-real"].ci[1] == np.inf
    assert one["kl-gen-real"].to_dict()["ci"][1] is None
    assert np.isfinite(one["kl-real-gen"].ci[1])
    json.dumps(one.to_dict(), allow_nan=False)


def test_null_law_is_chi_square():
    """Dense cells, p_r = p_g: f''(1)/2 (1/n_r + 1/n_g) chi^2 with K - 1 degrees of freedom.

    Kolmogorov-Smirnov over 4,000 permutations; false alarm once in 10^3 seeds.
    """
    cells, rng = 20, np.random.default_rng(8)
    real, gen = (rng.multinomial(n, np.ones(cells) / cells) for n in (200_000, 100_000))
    null = divergence_sums(*permutations(real, gen, 4000, 0)[::-1])
    for j, name in enumerate(CORE):
        curvature = divergence_row(name).curvature
        if curvature > 0:
            unit = 0.5 * curvature * (1 / real.sum() + 1 / gen.sum())
            found = stats.kstest(null[:, j] / unit, stats.chi2(cells - 1).cdf)
            assert found.pvalue > 1e-3, name


@pytest.mark.parametrize("rows", [(20_000, 10_000), (500, 300), (200, 50)])
def test_floor_guess_against_permutations(rows):
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(200))
    real, gen = (rng.multinomial(n, p) for n in rows)
    null = divergence_sums(*permutations(real, gen, 1000, 0)[::-1])[:, JSD]
    assert floor_guess(real, gen) == pytest.approx(null.mean(), rel=0.02)


@pytest.mark.parametrize(("cells", "rows"), [(10, 3000), (100, 3000), (300, 1500)])
def test_detectable_is_found_four_times_in_five(cells, rows):
    """An even difference of that size: 400 runs are within 7 points of 80 % (3.5 deviations).

    From 300 cells with 10 pooled rows on, the plain chi^2 law would be off.
    """
    even = np.full(cells, 1 / cells)
    counts = np.full(cells, rows // cells)
    target = detectable(counts, counts)
    sign = np.where(np.arange(cells) % 2, 1.0, -1.0)
    low, high = 0.0, 1.0
    for _ in range(40):
        size = 0.5 * (low + high)
        jsd = divergence_sums(even * (1 + size * sign), even)[0, JSD]
        low, high = (size, high) if jsd < target else (low, size)
    rng = np.random.default_rng(10)
    found = 0
    for run in range(400):
        real = rng.multinomial(rows, even)
        gen = rng.multinomial(rows, even * (1 + size * sign))
        null = divergence_sums(*permutations(real, gen, 99, run)[::-1])[:, JSD]
        found += (1 + np.sum(null >= divergence_sums(gen, real)[0, JSD])) / 100 <= 0.05
    assert found / 400 == pytest.approx(0.8, abs=0.07)


def test_detectable_in_dense_cells_is_the_noncentral_law():
    counts = np.full(50, 100_000)
    shift = 0.125 * (2 / counts.sum())
    critical = stats.chi2(49).isf(0.05)
    noncentrality = detectable(counts, counts) / shift
    assert stats.ncx2(49, noncentrality).sf(critical) == pytest.approx(0.8, abs=1e-4)
    assert detectable(counts, counts, power=0.9) > detectable(counts, counts)
    assert detectable(np.array([50]), np.array([50])) == np.inf
    with pytest.raises(InputError, match="0 < level < power < 1"):
        detectable(counts, counts, level=0.9)


def test_counts_of_billions():
    real = np.array([3 * 10**9, 2 * 10**9, 10**9, 500])
    gen = np.array([3 * 10**9 + 400_000, 2 * 10**9 - 400_000, 10**9, 500])
    one = measure(real, gen)["jsd"]
    truth = divergence_sums(gen, real)[0, JSD]
    assert one.pvalue == 1 / 2001 and one.ci[0] < truth < one.ci[1]
    assert measure(real, real)["jsd"].pvalue == 1


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=12))
def test_any_counts(cells):
    real, gen = np.array(cells).T
    if min(real.sum(), gen.sum()) < 20:
        with pytest.raises(CannotMeasure):
            measure(real, gen)
        return
    found = measure(real, gen, centres=np.arange(len(real)), resamples=40)
    for one in found.values():
        assert 1 / 41 <= one.pvalue <= 1
        if not one.infinite:
            assert 0 <= one.ci[0] <= one.estimate <= one.ci[1]
            assert one.estimate <= one.value * (1 + 1e-12)
    json.dumps(found.to_dict(), allow_nan=False)


def test_shrunken_shares():
    """At p_r = p_g little scatter is left; a missing mode stays missing."""
    rng = np.random.default_rng(11)
    pooled = rng.multinomial(20_000, np.ones(200) / 200)
    gen = rng.binomial(pooled, 0.3)
    shares, drawn = shrink(pooled - gen, gen).draw(50, 0)
    assert np.std(shares) < 0.4 * np.std(gen / pooled)
    assert (drawn <= pooled).all()
    gen[:50] = 0
    shares, _ = shrink(pooled - gen, gen).draw(50, 0)
    assert shares[:, :50].max() < 0.05 and np.mean(shares[:, 50:]) == pytest.approx(0.3, abs=0.01)


def test_precision_and_recall():
    real, gen = np.array([50, 30, 20, 0]), np.array([0, 30, 60, 10])
    found = precision_recall(real, gen)
    assert (found.precision, found.recall) == pytest.approx((0.9, 0.5))
    assert found.f1 == pytest.approx(2 * 0.45 / 1.4)
    precision, recall = found.curve
    tv = 0.5 * np.abs(real / 100 - gen / 100).sum()
    middle = len(precision) // 2
    assert precision[middle] == pytest.approx(1 - tv) == recall[middle]
    assert (np.diff(precision) >= -1e-15).all() and (np.diff(recall) <= 1e-15).all()
    assert precision[-1] == pytest.approx(0.9) and recall[0] == pytest.approx(0.5)
    same = precision_recall(real, real)
    assert (same.precision, same.recall) == (1, 1)
    apart = precision_recall([1, 0], [0, 1])
    assert (apart.precision, apart.recall, apart.f1) == (0, 0, 0)
    with pytest.raises(CannotMeasure, match="gen has no rows"):
        precision_recall([1, 0], [0, 0])


@pytest.mark.parametrize(
    ("real", "gen", "options", "error", "message"),
    [
        ([30, 30], [2, 1], {}, CannotMeasure, "gen has 3 rows, 20 are needed"),
        ([1, 0], [20, 1], {}, CannotMeasure, "real has 1 row, 20 are needed"),
        ([], [], {}, InputTypeError, "whole counts"),
        ([30.0, 30], [30, 30], {}, InputTypeError, "real must be whole counts, got float64"),
        ([30, -1], [30, 30], {}, InputError, "real holds negative counts"),
        ([30, 30], [30, 30, 1], {}, InputError, "real has 2 cells, gen 3"),
        ([30, 30], [30, 30], {"level": 1.0}, InputError, "inside \\(0, 1\\)"),
        ([30, 30], [30, 30], {"unit": "bans"}, InputError, "unit must be"),
        ([30, 30], [30, 30], {"resamples": 3}, InputError, "at least 20"),
        ([30, 30], [30, 30], {"names": ("wasserstein",)}, InputError, "needs the centres"),
        ([30, 30], [30, 30], {"names": ("jds",)}, InputError, "jsd"),
        ([30, 30], [30, 30], {"centres": [1.0, 0.0]}, InputError, "2 increasing numbers"),
    ],
)
def test_refusals(real, gen, options, error, message):
    with pytest.raises(error, match=message):
        measure(np.array(real), np.array(gen), **options)


def test_records_are_frozen(measured):
    with pytest.raises(FrozenInstanceError):
        measured["jsd"].estimate = 0.0
    assert isinstance(measured["jsd"], Measured)
    assert list(measured["jsd"].to_dict()) == [
        "estimate", "ci", "level", "value", "floor", "floor_upper", "pvalue", "resamples",
        "direction", "unit",
    ]  # fmt: skip


@pytest.mark.plain
def test_plain():
    """Without compilation: the same numbers."""
    real, gen = np.array([30, 5, 12]), np.array([14, 14, 30])
    one = measure(real, gen, resamples=40)["jsd"]
    assert one.value == pytest.approx(jensenshannon(real, gen) ** 2)
    assert 0 <= one.ci[0] <= one.estimate < one.value < one.ci[1]
