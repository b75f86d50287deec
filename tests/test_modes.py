"""Peaks by persistence, and the modes or classes that a generator covers, thins or misses."""

import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import binom, norm

from ratiogan import presets
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.grid import Grid
from ratiogan.peaks import _peaks_at, deviations, find_peaks
from ratiogan.twosample.mode_report import Mode, verdict_of
from ratiogan.twosample.modes import mode_order, modes


def histogram(x, cells):
    grid = Grid.regular((cells,) * x.shape[1], x.min(), x.max())
    return np.bincount(grid.locate(x), minlength=grid.size).reshape(grid.shape), grid


def naive_persistence(height):
    """Births and deaths of the islands above every height, by labelling each cut anew."""
    around = np.ones((3,) * height.ndim)
    born, lost = {}, []
    for cut in sorted(set(height[height > 0].ravel()), reverse=True):
        label, count = ndimage.label(height >= cut, around)
        for number in range(1, count + 1):
            inside = [cell for cell in born if label[cell] == number]
            if not inside:
                cells = np.argwhere(label == number)
                born[tuple(cells[0])] = cut
                continue
            inside.sort(key=lambda cell: -born[cell])
            for cell in inside[1:]:
                lost.append((born.pop(cell), cut))
    return np.array([*lost, *((top, 0) for top in born.values())], dtype=float).T


@given(st.integers(0, 10_000), st.sampled_from([(12,), (5, 5), (3, 3, 3)]))
@settings(max_examples=15, deadline=None)
def test_persistence_is_that_of_all_cuts(seed, shape):
    counts = np.random.default_rng(seed).permutation(np.arange(np.prod(shape))).reshape(shape)
    counts[counts < 4] = 0
    grid = Grid.product(*[Grid.counts(0, size - 1) for size in shape])  # not smoothed
    found = np.sort(_peaks_at(counts.astype(float), grid, 0.0, 1).persistence)[::-1]
    expected = np.sort(deviations(*naive_persistence(counts)))[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("high", "low"), [(40, 12), (9, 0), (300, 250)])
def test_deviations_are_those_of_the_exact_test(high, low):
    """The normal tail at the signed root is that of the conditional binomial, to a factor 2."""
    exact = binom.sf(high - 1, high + low, 0.5)
    assert norm.sf(deviations(np.array([high]), np.array([low]))[0]) == pytest.approx(exact, rel=1)


@pytest.mark.parametrize("rows", [2000, 20_000, 1_000_000])
@pytest.mark.parametrize(
    ("name", "count", "cells"),
    [("ring8", 8, 64), ("grid25", 25, 64), ("normal", 1, 256), ("bimodal", 2, 256),
     ("uniform", 1, 256)],
)  # fmt: skip
def test_number_of_modes(name, count, cells, rows):
    for seed in range(1 if rows > 20_000 else 6):
        found = find_peaks(*histogram(presets.draw(name, rows, seed), cells))
        assert len(found.cells) == count, seed
        assert found.margin > found.threshold
        assert set(np.unique(found.basins)) - {-1} == set(range(count))


@pytest.mark.parametrize("rows", [2000, 50_000])
def test_corners_of_a_cube_are_eight_modes(rows):
    rng = np.random.default_rng(0)
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    x = corners[rng.integers(8, size=rows)] + 0.2 * rng.standard_normal((rows, 3))
    assert len(find_peaks(*histogram(x, 24)).cells) == 8
    assert len(find_peaks(*histogram(rng.standard_normal((rows, 3)), 24)).cells) == 1


@pytest.mark.parametrize("draw", ["standard_normal", "random", "standard_cauchy"])
@pytest.mark.parametrize("shape", [(300, 1), (300, 2), (3000, 1), (3000, 2)])
def test_noise_is_no_mode(draw, shape):
    """At most 1 % of samples of a density with one peak show a second one: none of 20 here."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        x = np.clip(getattr(rng, draw)(size=shape), -50, 50) if "cauchy" in draw else None
        x = getattr(rng, draw)(shape) if x is None else x
        inner = np.abs(x).max(axis=1) < 50
        assert len(find_peaks(*histogram(x[inner], 64)).cells) == 1


def test_basins_meet_in_the_valley():
    x = presets.draw("bimodal", 100_000, 0)
    counts, grid = histogram(x, 256)
    basins = find_peaks(counts, grid).basins
    border = grid.centres[0][:-1][(basins[:-1] >= 0) & (np.diff(basins) != 0)]
    assert border.size == 1 and abs(border[0] - 0.1) < 0.3


def test_categories_are_modes_of_their_own():
    grid = Grid.product(Grid.categories("abc"), Grid.regular(16, 0, 1))
    counts = np.zeros(grid.shape, dtype=int)
    counts[0], counts[2, 3] = 100, 2
    found = find_peaks(counts, grid)
    assert len(found.cells) == 2
    assert set(found.basins[2, 3:4]) == {1} and (found.basins[1] == -1).all()


# ---- names and verdicts --------------------------------------------------------------------------


def test_modes_have_the_numbers_of_the_presets():
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(8) / 8
    ring = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    line = np.arange(-4.0, 5.0, 2.0)
    square = np.array([(x, y) for y in line[::-1] for x in line])
    for centres in (ring, square):
        for _ in range(20):
            found = rng.permutation(len(centres))
            seen = centres[found] + 0.05 * rng.standard_normal(centres.shape)
            assert (found[mode_order(seen, np.ones(len(seen)))] == np.arange(len(seen))).all()


def test_other_modes_are_numbered_by_their_share():
    centres = np.array([(0.0, 0.0), (1.0, 5.0), (2.0, 0.3), (0.4, 9.0), (0.2, 2.0)])
    assert mode_order(centres, np.array([1, 5, 2, 4, 3])).tolist() == [1, 3, 4, 2, 0]
    assert mode_order(np.array([[3.0], [1.0]]), np.array([9, 1])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ci", "limits", "verdict"),
    [
        ((0.0, 0.049), (0.5, 0.8, 0.05), "MISSING"),
        ((0.0, 0.05), (0.5, 0.8, 0.05), "thinned"),
        ((0.51, 0.9), (0.5, 0.8, 0.05), "covered"),
        ((0.51, 0.79), (0.5, 0.8, 0.05), "thinned"),
        ((0.5, 0.8), (0.5, 0.8, 0.05), "unclear"),
        ((0.0, 0.05), (0.5, 0.8, 0.1), "MISSING"),
    ],
)
def test_verdicts(ci, limits, verdict):
    assert verdict_of(ci, limits) == verdict


@pytest.mark.parametrize(
    ("ratio", "bar"),
    [(0.0, "|"), (0.36, "|###......."), (0.99, "|#########."), (1.0, "|##########"),
     (1.24, "|##########=="), (1.27, "|##########==="), (5.0, "|" + 10 * "#" + 10 * "=" + ">")],
)  # fmt: skip
def test_bar(ratio, bar):
    assert Mode(1, "", (), 0, 0, 0, 0, ratio, (0, 1), "covered").bar() == bar


# ---- the report ----------------------------------------------------------------------------------


def test_ring_report_is_the_one_of_the_specification():
    found = modes("ring8", "ring8:drop=4,thin=7,n=10000", rng=0)
    lines = found.summary().split("\n")
    assert lines[0] == found.finding == "6 of 8 modes covered, 1 thinned, 1 MISSING."
    assert lines[2] == (
        "  mode   centre              real     gen      R     95% interval"
    )  # fmt: skip
    worst, thinned, covered = (line.split() for line in lines[3:6])
    assert (worst[0], worst[-2:], worst[-3][-1]) == ("4", ["MISSING", "|"], "]")
    assert lines[3].startswith("   4    (-1.4") and "0.0%    0.00   [" in lines[3]
    assert (thinned[0], thinned[-2:]) == ("7", ["thinned", "|###......."])
    assert covered[-2] == "covered" and covered[-1].startswith("|##########=")
    assert len({line.index("|") for line in lines[3:11]}) == 1
    assert lines[11].startswith("covered: lower end of R above 0.5; thinned: upper end below 0.8;")
    assert "(8 found; " in lines[13] and "9th" in lines[13]
    assert all(line.isascii() and len(line) <= 120 for line in lines)
    assert {mode.number for mode in found} == set(range(1, 9))
    assert found.coverage == {"estimate": 0.75, "ci": [0.75, 0.75], "level": 0.95}
    assert found.missing_modes["estimate"] == 1
    assert found.basins.shape == found.grid.shape
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("dropped", [(3,), (1, 13, 25), (2, 7, 8, 9, 14, 20)])
def test_dropped_modes_are_named(dropped):
    found = modes("grid25", f"grid25:drop={'/'.join(map(str, dropped))}", rng=5)
    missing = [mode.number for mode in found if mode.verdict == "MISSING"]
    assert sorted(missing) == list(dropped) and len(found) == 25
    assert found.finding.startswith(f"{25 - len(dropped)} of 25 modes covered")


def test_few_rows_are_unclear_not_covered():
    rng = np.random.default_rng(0)
    real = presets.draw("ring8", 4000, rng)
    found = modes(real, presets.draw("ring8", 12, rng))
    assert {mode.verdict for mode in found} <= {"unclear", "covered", "thinned"}
    assert any(mode.verdict == "unclear" for mode in found)
    low, high = found.coverage["ci"]
    assert low <= found.coverage["estimate"] <= high <= 1 and low < high


def test_one_mode_says_what_to_do_instead():
    found = modes("normal", "normal")
    assert found.finding == "1 of 1 mode covered."
    assert "diagnose" in found.warnings[0] and "(1 found; " in found.summary()


def test_rows_in_no_mode_are_reported():
    rng = np.random.default_rng(0)
    real = presets.draw("ring8", 5000, rng)
    gen = np.concatenate([presets.draw("ring8", 4500, rng), rng.normal(30, 0.1, (500, 2))])
    found = modes(real, gen, grid=(128, 128))
    assert found.elsewhere == pytest.approx(0.1, abs=0.002)
    assert re.search(r"^10\.\d% of gen lies in no mode", found.summary(), re.M)


def test_rounded_values_are_no_comb():
    rng = np.random.default_rng(0)
    for decimals, scale in ((0, 15), (1, 1)):
        draw = [np.round(rng.normal(40, scale, 5000), decimals) for _ in range(2)]
        assert len(modes(*draw)) == 1


def test_counts_and_one_column_are_labelled_in_words():
    assert modes("poisson:rate=6", "poisson:rate=4").modes[0].label.startswith("y ")
    found = modes("bimodal", "normal:mean=0,sd=1.2")
    assert [mode.number for mode in sorted(found, key=lambda mode: mode.centre)] == [1, 2]
    assert re.fullmatch(r"y -1\.[45]\d+", min(found, key=lambda mode: mode.centre).label)


def classes_file(path, names):
    path.write_text("x,class\n" + "".join(f"{i % 7}.5,{name}\n" for i, name in enumerate(names)))
    return str(path)


def test_classes_are_rows_in_the_words_of_the_user(tmp_path):
    real = classes_file(tmp_path / "real.csv", ["cat"] * 450 + ["dog"] * 450 + ["cow"] * 100)
    gen = classes_file(
        tmp_path / "gen.csv", ["cat"] * 800 + ["dog"] * 10 + ["cow"] * 90 + ["ox"] * 100
    )
    found = modes(real, gen, group="class")
    verdicts = {mode.label: mode.verdict for mode in found}
    assert verdicts == {
        "class dog": "MISSING",
        "class cow": "covered",
        "class cat": "covered",
        "class ox": "not in real",
    }
    assert found.finding == "2 of 3 classes covered, 1 MISSING, 1 of gen not in real."
    assert found.coverage["estimate"] == pytest.approx(2 / 3)
    text = found.summary()
    assert text.isascii() and "  class dog" in text and "persistence" not in text
    assert found.modes[-1].ratio == np.inf
    json.dumps(found.to_dict(), allow_nan=False)


# ---- refusals ------------------------------------------------------------------------------------


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(InputError, match="covered must be above missing"):
        modes(covered=0.04)
    with pytest.raises(InputError, match="thinned must be above missing"):
        modes(missing=0.9, covered=0.95)
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        modes(level=95)


def test_four_columns_are_refused_with_advice():
    x = np.random.default_rng(0).standard_normal((100, 4))
    with pytest.raises(InputError, match="pca:2"):
        modes(x, x)


def test_no_rows_cannot_be_measured():
    x = np.random.default_rng(0).standard_normal((100, 1))
    with pytest.raises(CannotMeasure):
        modes(x, x[:0])
    with pytest.raises(CannotMeasure, match="gen has no rows"):
        modes(x, x + 100, grid=(8,), domain=((-3, 3),))
