"""Exact intervals for R, the hierarchy of blocks, and the regions made of them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, hypergeom

from ratiogan import presets
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.grid import Grid
from ratiogan.twosample import blocks
from ratiogan.twosample.places import place_label
from ratiogan.twosample.regions import (
    class_regions,
    find_regions,
    in_order,
    interval_text,
    ratio_interval,
)

RING = Grid.regular((32, 32), -2.8, 2.8)
LINE = Grid.regular(64, -4, 4)


def counts_of(real, gen, n_real, n_gen, grid, seed):
    rng = np.random.default_rng(seed)
    p, q = (presets.preset(name, grid).mass.ravel() for name in (real, gen))
    return rng.multinomial(n_real, p), rng.multinomial(n_gen, q), p, q


# ---- intervals -----------------------------------------------------------------------------------


@given(
    st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.8, 0.95, 0.999]),
    st.integers(1, 5000), st.integers(1, 5000),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_interval_is_clopper_pearson(real, gen, level, n_real, n_gen):
    low, high = ratio_interval(real, gen, n_real, n_gen, level)
    if real + gen == 0:
        assert (low, high) == (0.0, math.inf)
        return
    ends = binomtest(gen, real + gen).proportion_ci(level, "exact")
    factor = n_real / n_gen
    assert low == pytest.approx(factor * ends.low / (1 - ends.low), rel=1e-7)
    if real == 0:
        assert high == math.inf
    else:
        assert high == pytest.approx(factor * ends.high / (1 - ends.high), rel=1e-7)


def test_interval_inverts_when_the_samples_swap():
    real, gen = np.array([0, 5, 120, 3]), np.array([4, 9, 80, 0])
    low, high = ratio_interval(real, gen, 1000, 700)
    other_low, other_high = ratio_interval(gen, real, 700, 1000)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(low, 1 / other_high, rtol=1e-12)
        np.testing.assert_allclose(high, 1 / other_low, rtol=1e-12)


def test_interval_of_a_billion_rows_keeps_its_digits():
    low, high = ratio_interval(10**9, 10, 10**9, 10**9)
    # Poisson limits of a count of 10.
    assert (low * 1e9, high * 1e9) == pytest.approx((4.795389, 18.390356), rel=1e-5)


def test_interval_covers_at_every_cell():
    """The exact interval holds R in at least 95 % of the cells: here 64 x 200 of them."""
    held = []
    for seed in range(200):
        real, gen, p, q = counts_of("bimodal", "normal:mean=0,sd=1.2", 2000, 1000, LINE, seed)
        low, high = ratio_interval(real, gen, 2000, 1000)
        held.append((low <= q / p) & (q / p <= high))
    assert np.mean(held) >= 0.95


def test_interval_needs_rows():
    with pytest.raises(CannotMeasure, match="gen has no rows"):
        ratio_interval([1], [0], 1, 0)


# ---- tests and the hierarchy ---------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 80), st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_hypergeometric_pvalue(gen, real, more_gen, more_real):
    every = hypergeom(gen + real + more_gen + more_real, gen + more_gen, gen + real)
    expected = min(1.0, 2 * min(every.cdf(gen), every.sf(gen - 1)))
    found = blocks.same_share([gen], [real], gen + more_gen, real + more_real)
    assert found[0] == pytest.approx(expected, rel=1e-9)


def test_hypergeometric_pvalue_of_large_counts():
    found = blocks.same_share([501_000, 503_000], [500_000, 500_000], 10**6, 10**6)
    law = [hypergeom(2 * 10**6, 10**6, t) for t in (1_001_000, 1_003_000)]
    expected = [2 * one.sf(x - 1) for one, x in zip(law, (501_000, 503_000), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_discoveries_are_those_of_benjamini_and_hochberg(pvalues):
    pvalues = np.array(pvalues)
    adjusted = false_discovery_control(pvalues)
    clear = np.abs(adjusted - 0.05) > 1e-12
    found = blocks.discoveries(pvalues, 0.05)
    np.testing.assert_array_equal(found[clear], (adjusted <= 0.05)[clear])


def test_hierarchy_depends_on_the_pooled_counts_alone_and_halves_them():
    rng = np.random.default_rng(0)
    pooled = rng.poisson(30, RING.size)
    basins = np.zeros(RING.size, dtype=np.int64)
    deepest, parent, level = blocks._hierarchy(pooled, RING, basins)
    sums = blocks._node_counts(pooled, deepest, parent)
    assert sums[0] == pooled.sum() and (parent[1:] >= 0).all()
    halves = sums[1:].reshape(-1, 2)
    above = parent[1:].reshape(-1, 2)
    np.testing.assert_array_equal(halves.sum(axis=1), sums[above[:, 0]])
    assert (above[:, 0] == above[:, 1]).all() and (halves > 0).all()
    assert np.abs(halves[:7, 0] / halves[:7].sum(axis=1) - 0.5).max() < 0.05
    np.testing.assert_array_equal(level[1:].reshape(-1, 2)[:, 0], level[above[:, 0]] + 1)


def test_hierarchy_never_splits_categories():
    grid = Grid.categories("abc")
    deepest, parent, _ = blocks._hierarchy(np.array([50, 60, 70]), grid, np.array([0, 1, 2]))
    assert deepest.tolist() == [0, 1, 2] and (parent == -1).all()


# ---- regions -------------------------------------------------------------------------------------


def test_ring_with_a_mode_dropped_and_one_thinned():
    real, gen, *_ = counts_of("ring8", "ring8:drop=4,thin=7", 20_000, 10_000, RING, 1)
    regions = find_regions(real, gen, RING)
    assert [r.number for r in regions] == list(range(1, 9))
    first, second, *rest = regions
    assert first.verdict == "MISSING" and first.ratio < 0.001 and first.ci[1] < 0.005
    assert first.centre == pytest.approx((-math.sqrt(2), math.sqrt(2)), abs=0.02)
    assert second.verdict == "under-produced" and 0.32 < second.ratio < 0.40
    assert second.centre == pytest.approx((0, -2), abs=0.02)
    assert {r.verdict for r in rest} == {"over-produced"}
    assert all(1.15 < r.ratio < 1.40 and r.ci[0] > 1 for r in rest)
    assert first.label.startswith("around (-1.4")
    assert sum(r.real_share for r in regions) == pytest.approx(1, abs=0.01)


def test_default_problem_names_both_modes_and_the_gap():
    grid = Grid.regular(256, -4, 4)
    real, gen, *_ = counts_of("bimodal", "normal:mean=0,sd=1.2", 20_000, 10_000, grid, 0)
    gap, large, small = find_regions(real, gen, grid)[:3]
    assert (gap.verdict, large.verdict, small.verdict) == (
        *("over-produced", "under-produced", "under-produced"),
    )
    assert gap.low[0] < 0 < gap.high[0]
    assert large.low[0] < -1.5 < large.high[0] and small.low[0] < 1.5 < small.high[0]
    assert gap.label == f"y {gap.low[0]:.3f}..{gap.high[0]:.3f}"


def test_slight_shift_is_two_regions():
    real, gen, *_ = counts_of("normal", "normal:mean=0.15", 20_000, 20_000, LINE, 0)
    left, right = sorted(find_regions(real, gen, LINE), key=lambda r: r.low)
    assert left.verdict == "under-produced" and right.verdict == "over-produced"
    assert left.high[0] <= right.low[0]


def test_heavy_tails_are_found_on_both_sides():
    grid = Grid.regular(256, -30, 30)
    real, gen, *_ = counts_of("normal", "student-t:df=2", 20_000, 20_000, grid, 0)
    tails = [r for r in find_regions(real, gen, grid) if abs(r.centre[0]) > 3]
    assert {r.centre[0] > 0 for r in tails} == {True, False}
    assert all(r.verdict == "over-produced" for r in tails)


def test_swapping_the_samples_inverts_the_regions():
    real, gen, *_ = counts_of("bimodal", "normal:mean=0,sd=1.2", 9000, 9000, LINE, 3)
    there = {tuple(r.cells): r for r in find_regions(real, gen, LINE)}
    back = {tuple(r.cells): r for r in find_regions(gen, real, LINE)}
    assert there.keys() == back.keys() and there
    for cells, region in there.items():
        assert region.ratio == pytest.approx(1 / back[cells].ratio)
        assert region.ci == pytest.approx(tuple(1 / x for x in back[cells].ci[::-1]))


@pytest.mark.parametrize("grid", [LINE, RING, Grid.counts(0, 20), Grid.categories("abcdef")])
def test_identical_counts_have_no_region(grid):
    counts = np.random.default_rng(0).poisson(20, grid.size)
    assert find_regions(counts, counts, grid) == ()
    assert find_regions(counts, 3 * counts, grid) == ()


@pytest.mark.parametrize(
    ("name", "rows", "grid"),
    [("normal", 3000, LINE), ("ring8", 3000, RING), ("poisson", 1000, Grid.counts(0, 20))],
)
def test_real_against_real_seldom_shows_a_region(name, rows, grid):
    """At most 5 % of pairs show one. 12 or more of 120 then happen in 1 of 60 suites at the most.

    The seed is fixed, so this one is not among them.
    """
    found = [
        len(find_regions(*counts_of(name, name, rows, rows, grid, seed)[:2], grid)) > 0
        for seed in range(120)
    ]
    assert sum(found) < 12


def test_few_regions_lie_on_the_wrong_side_and_intervals_hold():
    """At most 5 % of each, as means of the shares in a run: 60 runs, seeds fixed."""
    wrong, missed = [], []
    for seed in range(60):
        real, gen, p, q = counts_of("bimodal", "bimodal:sd=0.75", 10_000, 5000, LINE, seed)
        found = find_regions(real, gen, LINE)
        true = [q[r.cells].sum() / p[r.cells].sum() for r in found]
        pairs = list(zip(found, true, strict=True))
        wrong.append(np.mean([(r.ratio > 1) != (t > 1) for r, t in pairs] or [0]))
        missed.append(np.mean([not r.ci[0] <= t <= r.ci[1] for r, t in pairs] or [0]))
    assert np.mean(wrong) <= 0.05 and np.mean(missed) <= 0.05


def test_intervals_exclude_one():
    for seed in range(10):
        real, gen, *_ = counts_of("normal", "normal:mean=0.08", 10_000, 10_000, LINE, seed)
        for region in find_regions(real, gen, LINE):
            assert not region.ci[0] <= 1 <= region.ci[1]


def test_categories_stay_apart_and_have_their_words():
    grid = Grid.categories(["cat", "dog", "cow"], name="animal")
    regions = find_regions([500, 300, 200], [0, 500, 500], grid)
    assert [(r.label, r.verdict) for r in regions] == [
        ("animal cat", "MISSING"),
        ("animal cow", "over-produced"),
        ("animal dog", "over-produced"),
    ]


def test_counts_have_their_words():
    grid = Grid.counts(0, 9, name="visits")
    real = np.array([5000, 1000, 800, 600, 400, 200, 100, 50, 20, 10])
    gen = np.array([1000, 2000, 1600, 600, 400, 200, 100, 50, 20, 10])
    labels = {r.label: r.verdict for r in find_regions(real, gen, grid)}
    assert labels["visits 0"] == "under-produced"
    assert any(label.startswith("visits 1..") for label in labels)


def test_mixed_columns_say_level_and_interval():
    grid = Grid.product(Grid.categories("ab", name="group"), Grid.regular(8, 0, 8, names=["x"]))
    label = place_label(grid, (1.0, 2.5), (1.0, 2.0), (1.0, 4.0))
    assert label == "group b, x 2.0..4.0"


def test_label_has_no_negative_zero():
    assert place_label(RING, (-1e-9, 2.0), (0, 0), (0, 0)) == "around ( 0.00,  2.00)"


def test_only_gen_has_rows_there():
    real, gen = np.array([500, 500, 0, 0]), np.array([400, 400, 100, 100])
    region = find_regions(real, gen, Grid.regular(4, 0, 1))[0]
    assert region.ratio == math.inf and region.ci[1] == math.inf and region.ci[0] > 1
    entry = region.to_dict()
    assert entry["ratio"] == {"value": None, "infinite": True}
    json.dumps(entry, allow_nan=False)


def test_regions_refuse_what_are_no_counts():
    with pytest.raises(CannotMeasure, match="real has no rows"):
        find_regions(np.zeros(64), np.ones(64), LINE)
    with pytest.raises(InputError, match="one number per cell"):
        find_regions(np.ones(3), np.ones(64), LINE)
    with pytest.raises(InputError, match="whole numbers"):
        find_regions(np.full(64, 0.5), np.ones(64), LINE)
    with pytest.raises(InputError, match="rate must lie between 0 and 1"):
        find_regions(np.ones(64), np.ones(64), LINE, rate=5)


# ---- classes -------------------------------------------------------------------------------------


def test_classes_of_either_sample_are_there():
    real = ["3"] * 400 + ["7"] * 400 + ["10"] * 200
    gen = ["3"] * 500 + ["10"] * 250 + ["99"] * 250
    found = {r.label: r for r in class_regions(real, gen, name="digit")}
    assert found["digit 7"].verdict == "MISSING" and found["digit 7"].number == 1
    assert found["digit 99"].verdict == "over-produced" and found["digit 99"].ratio == math.inf
    assert set(found) == {"digit 3", "digit 7", "digit 10", "digit 99"}


def test_equal_classes_are_not_called_different():
    labels = ["a", "b"] * 500
    assert {r.verdict for r in class_regions(labels, labels)} == {"no difference found"}
    with pytest.raises(CannotMeasure, match="gen has no rows"):
        class_regions(labels, [])


def test_names_in_order():
    assert in_order(["b", "10", "9"]) == ["10", "9", "b"]
    assert interval_text((1e-5, math.inf)) == "[1e-05, inf]"


def test_joining_true_regions_makes_no_false_one():
    # Left of the middle R swings between 0.05 and 1.95, right of it R = 1. When many true blocks
    # join into two regions, one false block among them would be a third of what is reported.
    # A false region has a chance of 5 % at most per run: 8 or more of 40 have one of 0.04 %.
    cells = np.arange(128)
    p = np.full(128, 1 / 128)
    q = p * np.where(cells < 64, 1 + 0.95 * np.sin(2 * np.pi * cells / 32), 1.0)
    q /= q.sum()
    false = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(100_000, p), rng.multinomial(100_000, q)
        found = find_regions(*counts, Grid.regular(128, 0, 1))
        assert len(found) >= 4
        ratios = [q[region.cells].sum() / p[region.cells].sum() for region in found]
        false += any(
            (ratio - 1) * (region.ratio - 1) < 1e-12
            for ratio, region in zip(ratios, found, strict=True)
        )
    assert false <= 7
