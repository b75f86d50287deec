"""Where a generator puts too much or too little: exact intervals for R, and regions of cells."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ratiogan.errors import CannotMeasure, InputError, check_fraction
from ratiogan.peaks import find_peaks
from ratiogan.text import jsonable
from ratiogan.twosample.blocks import discoveries, leaves
from ratiogan.twosample.places import place_label

MISSING = "MISSING"
_NONE_BELOW = 0.05  # R below this, with its whole interval, counts as none at all

UNDER, OVER, UNKNOWN = "under-produced", "over-produced", "no difference found"


@dataclass(frozen=True)
class Region:
    """Cells where R differs from 1, or one class.

    Attributes
    ----------
    number : int
        From 1, worst first.
    centre : tuple of float
        Mean of the pooled rows; the cell with most of them where the mean lies outside the region.
    low, high : tuple of float
        Ends of the region along each axis; first and last value of counts and categories.
    cells : ndarray of int64
        Flat numbers of its cells.
    real_count, gen_count : int
        Rows in it.
    real_share, gen_share : float
        The same as shares of all rows on the grid.
    ratio : float
        R = gen_share / real_share; inf where only gen has rows.
    ci : tuple of float
        Interval for R, see `find_regions`.
    pvalue : float
        Exact and two-sided, of R = 1.
    verdict : str
        ``MISSING`` (the upper end of `ci` lies below 0.05), ``under-produced``, ``over-produced``,
        or, of a class, ``no difference found``.
    label : str
        Where it is, in words.
    """

    number: int
    centre: tuple
    low: tuple
    high: tuple
    cells: np.ndarray
    real_count: int
    gen_count: int
    real_share: float
    gen_share: float
    ratio: float
    ci: tuple
    pvalue: float
    verdict: str
    label: str

    def to_dict(self):
        """The region as it stands in the JSON output."""
        return jsonable(
            {
                "number": self.number,
                "label": self.label,
                "verdict": self.verdict,
                "centre": self.centre,
                "low": self.low,
                "high": self.high,
                "cells": len(self.cells),
                "real_count": self.real_count,
                "gen_count": self.gen_count,
                "real_share": self.real_share,
                "gen_share": self.gen_share,
                "ratio": self.ratio,
                "ci": self.ci,
                "pvalue": self.pvalue,
            }
        )


def ratio_interval(real, gen, n_real, n_gen, level=0.95):
    """Exact interval for R = p_g / p_r in cells or regions, elementwise.

    Problem solved: of t = real + gen rows in a cell, gen ~ Bin(t, pi) with
    pi = n_gen R / (n_real + n_gen R); the Clopper-Pearson interval [1]_ of pi, seen as one of R.
    It holds for cells chosen before looking at which rows are generated.

    Parameters
    ----------
    real, gen : array_like of int, shape (...)
        Rows of each sample in the cell.
    n_real, n_gen : int
        Rows in all.
    level : float or array_like, optional
        Confidence level.

    Returns
    -------
    low, high : ndarray, shape (...)
        Without real rows `high` is inf, without gen rows `low` is 0.

    Raises
    ------
    CannotMeasure
        If a sample has no rows.

    References
    ----------
    .. [1] Clopper and Pearson (1934), "The use of confidence or fiducial limits".

    Examples
    --------
    >>> low, high = ratio_interval([2592, 0, 0], [0, 3, 0], 20000, 10000)
    >>> high.round(4).tolist(), low.round(4).tolist()
    ([0.0028, inf, inf], [0.0, 0.8265, 0.0])
    """
    from scipy.special import betaincinv

    check_rows(n_real, n_gen)
    real, gen = np.asarray(real, dtype=np.float64), np.asarray(gen, dtype=np.float64)
    tail = (1 - np.asarray(level, dtype=np.float64)) / 2
    # pi / (1 - pi) needs both parts accurate: 1 - pi is the same quantile from the other side.
    with np.errstate(divide="ignore", invalid="ignore"):
        low = betaincinv(gen, real + 1, tail) / _upper(real + 1, gen, tail)
        high = _upper(gen + 1, real, tail) / betaincinv(real, gen + 1, tail)
    factor = n_real / n_gen
    return np.where(gen > 0, factor * low, 0.0), np.where(real > 0, factor * high, np.inf)


def find_regions(counts_real, counts_gen, grid, *, rate=0.05, level=0.95):
    """Regions where the generator over- or under-produces, worst first.

    Problem solved: which parts of the space have R > 1 or R < 1, when single cells hold too few
    rows to tell. The cells are gathered around the peaks of the pooled sample and cut only where
    the samples differ inside (`blocks.leaves`); each block is tested for R = 1 (exact, two-sided
    binomial) at its share of `rate` among all blocks that there could be; blocks of one sign that
    touch become one region, unless they hold two peaks or two categories. As no false block is
    among them but in a share `rate` of the cases, joining true ones makes none false either; a
    control over blocks alone would not outlive the joining.

    Parameters
    ----------
    counts_real, counts_gen : array_like of int, shape grid.shape or (K,)
        Rows per cell.
    grid : Grid
    rate : float, optional
        The probability that R of any region is not on the side of 1 that is said, at most: so it
        bounds the false-discovery rate, too.
    level : float, optional
        Of the intervals shown a share `level` holds the true R: each is the exact one of level
        1 - (1 - level) a, where a is k/m for k selected of m blocks [1]_, or, for blocks that were
        cut out of larger ones, the threshold of that test over `rate` if that is less.

    Returns
    -------
    tuple of Region
        ``MISSING`` ones first, then by the share of rows that is misplaced.

    Raises
    ------
    CannotMeasure
        If a sample has no rows on the grid.

    References
    ----------
    .. [1] Benjamini and Yekutieli (2005), "False discovery rate-adjusted multiple confidence
       intervals for selected parameters".

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> real, gen = np.array([400, 400, 10, 190]), np.array([400, 0, 10, 190])
    >>> [region.label for region in find_regions(real, gen, Grid.regular(4, 0, 1))]
    ['y 0.25..0.50', 'y 0.00..0.25', 'y 0.75..1.00']
    """
    real, gen = _flat_counts("real", counts_real, grid), _flat_counts("gen", counts_gen, grid)
    rate, level = check_fraction("rate", rate), check_fraction("level", level)
    check_rows(real.sum(), gen.sum())
    peaks = find_peaks((real + gen).reshape(grid.shape), grid)
    block, strict, share = leaves(real, gen, grid, peaks.basins.ravel(), rate)
    if share.size == 0:
        return ()
    inside = block >= 0
    count = int(block.max()) + 1
    sums = [np.bincount(block[inside], x[inside], count).astype(np.int64) for x in (real, gen)]
    pvalues = _binomial_pvalues(*sums, int(real.sum()), int(gen.sum()))
    chosen = pvalues <= rate * strict
    sign = np.sign(sums[1] * float(real.sum()) - sums[0] * float(gen.sum()))
    label = _merged(block.reshape(grid.shape), chosen, sign, block[peaks.cells], grid)
    share = np.minimum(share, chosen.sum() / count)
    label = label.ravel()
    order = np.argsort(label, kind="stable")[np.count_nonzero(label < 0) :]
    groups = np.split(order, np.cumsum(np.bincount(label[order]))[:-1]) if order.size else []
    rows = int(real.sum()), int(gen.sum())
    regions = []
    for cells in groups:
        miss = (1 - level) * share[block[cells]].min()
        regions.append(_region(cells, real, gen, rows, grid, 1 - miss))
    return _ranked(regions)


def class_regions(real, gen, *, name="class", level=0.95):
    """One region per class, worst first; classes that only one sample has are among them.

    Parameters
    ----------
    real, gen : array_like of str, shape (rows,)
        The class of each row.
    name : str, optional
        What the classes are called: the label is ``class 7``.
    level : float, optional
        Of each interval. A verdict other than ``no difference found`` is one of false-discovery
        rate 1 - level over all classes.

    Returns
    -------
    tuple of Region
        `cells` holds the number of the class in the order of the sorted names.

    Raises
    ------
    CannotMeasure
        If a sample has no rows.

    Examples
    --------
    >>> [one.label for one in class_regions(["a"] * 50 + ["b"] * 50, ["a"] * 50 + ["c"] * 50)]
    ['class b', 'class c', 'class a']
    """
    level = check_fraction("level", level)
    sides = [np.asarray(side).astype(str) for side in (real, gen)]
    check_rows(*(side.size for side in sides))
    names = in_order(np.unique(np.concatenate([np.unique(side) for side in sides])))
    place = {word: i for i, word in enumerate(names)}
    counts = []
    for side in sides:
        words, found = np.unique(side, return_counts=True)
        total = np.zeros(len(names), dtype=np.int64)
        total[[place[word] for word in words.tolist()]] = found
        counts.append(total)
    rows = [int(total.sum()) for total in counts]
    differs = discoveries(_binomial_pvalues(*counts, *rows), 1 - level)
    regions = []
    for i, word in enumerate(names):
        facts = _facts(int(counts[0][i]), int(counts[1][i]), *rows, level)
        if not differs[i]:
            facts["verdict"] = UNKNOWN
        where = {"centre": (float(i),), "low": (float(i),), "high": (float(i),)}
        regions.append(Region(0, cells=np.array([i]), label=f"{name} {word}", **where, **facts))
    return _ranked(regions)


def in_order(names):
    """Names in the order people expect: numbers by size, else the alphabet.

    Examples
    --------
    >>> in_order(["10", "9"])
    ['9', '10']
    """
    names = [str(name) for name in names]
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def ratio_text(value):
    """R, or an end of its interval: three decimals below 1, three figures above.

    Examples
    --------
    >>> [ratio_text(x) for x in (0.0, 0.00285, 0.32512, 1.2649, 12.34, float("inf"))]
    ['0', '0.003', '0.325', '1.26', '12.3', 'inf']
    """
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    if value < 0.0005:
        return f"{value:.0e}"
    return f"{value:.3f}" if value < 0.9995 else f"{value:.2f}" if value < 10 else f"{value:.3g}"


def interval_text(ends):
    """An interval for R in brackets.

    Examples
    --------
    >>> interval_text((0.0, 0.00285))
    '[0, 0.003]'
    """
    return f"[{ratio_text(ends[0])}, {ratio_text(ends[1])}]"


# ---- from counts to regions ----------------------------------------------------------------------


def _flat_counts(role, counts, grid):
    counts = np.asarray(counts)
    if counts.size != grid.size:
        raise InputError(
            f"counts_{role} must have one number per cell ({grid.size}), got {counts.size}.",
            argument=f"counts_{role}",
            fix="Count on the same grid.",
        )
    whole = counts.ravel().astype(np.int64)
    if not np.array_equal(whole, counts.ravel()) or whole.min() < 0:
        raise InputError(
            f"counts_{role} must be whole numbers, not negative.",
            argument=f"counts_{role}",
            fix="Pass rows per cell, not shares.",
        )
    return whole


def check_rows(n_real, n_gen):
    """Refuse a sample without rows on the grid."""
    for role, rows in (("real", n_real), ("gen", n_gen)):
        if not rows > 0:
            raise CannotMeasure(
                f"{role} has no rows on the grid: R = p_g / p_r cannot be measured.",
                argument=role,
                fix="Pass a --domain that holds both samples.",
            )


def _upper(a, b, tail):
    """The upper quantile of Beta(a, b): 1 minus the lower one of Beta(b, a), without the minus."""
    from scipy.special import betainccinv

    return betainccinv(a, b, tail)


def _binomial_pvalues(real, gen, n_real, n_gen):
    """Two-sided exact p-values of R = 1: the tail beyond the count, doubled."""
    from scipy.special import betainc, betaincc

    share = n_gen / (n_real + n_gen)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(gen > 0, betainc(np.maximum(gen, 1), real + 1.0, share), 1.0)
        most = np.where(real > 0, betaincc(gen + 1.0, np.maximum(real, 1), share), 1.0)
    return np.minimum(1.0, 2 * np.minimum(least, most))


def _merged(block, chosen, sign, peak_blocks, grid):
    """Region number of each cell, -1 in none: chosen blocks of one sign that touch."""
    count = chosen.size
    leader = np.arange(count)
    peaks = np.bincount(peak_blocks, minlength=count)

    def find(i):
        while leader[i] != i:
            i = leader[i]
        return i

    for i, j in _contacts(block, count, grid):
        i, j = find(i), find(j)
        if i == j or not (chosen[i] and chosen[j]) or sign[i] != sign[j] or peaks[i] + peaks[j] > 1:
            continue
        leader[j] = i
        peaks[i] += peaks[j]
    region = np.full(count + 1, -1)
    leaders = np.array([find(i) for i in np.flatnonzero(chosen)], dtype=np.int64)
    region[np.flatnonzero(chosen)] = np.unique(leaders, return_inverse=True)[1]
    return region[block]


def _contacts(block, count, grid):
    """Pairs of blocks that touch, those with the longest border first."""
    pairs = []
    for axis in range(block.ndim):
        if grid.axes[axis].kind == "categories":
            continue
        first = np.moveaxis(block, axis, 0)[:-1].ravel()
        second = np.moveaxis(block, axis, 0)[1:].ravel()
        touch = (first != second) & (first >= 0) & (second >= 0)
        low = np.minimum(first, second)[touch]
        pairs.append(low * count + np.maximum(first, second)[touch])
    codes, lengths = np.unique(np.concatenate(pairs or [np.zeros(0, int)]), return_counts=True)
    order = np.argsort(-lengths, kind="stable")
    return [(int(code) // count, int(code) % count) for code in codes[order]]


def _region(cells, real, gen, rows, grid, level):
    """The region of these cells, not yet numbered."""
    pooled = (real + gen)[cells]
    index = np.unravel_index(cells, grid.shape)
    used = pooled > 0
    centre, low, high = [], [], []
    for axis, along in zip(grid.axes, index, strict=True):
        centre.append(_middle(axis, along, pooled))
        first, last = along[used].min(), along[used].max()
        ends = axis.centres if axis.is_counting else axis.edges[:-1]
        low.append(float(ends[first]))
        high.append(float(axis.centres[last] if axis.is_counting else axis.edges[last + 1]))
    if int(grid.locate([centre])[0]) not in cells:
        heaviest = int(np.argmax(pooled))
        centre = [
            float(axis.centres[along[heaviest]])
            for axis, along in zip(grid.axes, index, strict=True)
        ]
    facts = _facts(int(real[cells].sum()), int(gen[cells].sum()), *rows, level)
    return Region(
        number=0,
        centre=tuple(centre),
        low=tuple(low),
        high=tuple(high),
        cells=cells,
        label=place_label(grid, centre, low, high),
        **facts,
    )


def _middle(axis, along, pooled):
    """Mean coordinate of the rows; where cells are unequal the median, as a far one is wide."""
    if axis.kind != "uneven":
        return float(pooled @ axis.centres[along] / pooled.sum())
    order = np.argsort(along, kind="stable")
    total = np.cumsum(pooled[order])
    return float(axis.centres[along[order[np.searchsorted(total, 0.5 * total[-1])]]])


def _facts(real, gen, n_real, n_gen, level):
    low, high = (float(end) for end in ratio_interval(real, gen, n_real, n_gen, level))
    real_share, gen_share = real / n_real, gen / n_gen
    verdict = OVER if gen_share > real_share else UNDER
    return {
        "real_count": real,
        "gen_count": gen,
        "real_share": real_share,
        "gen_share": gen_share,
        "ratio": gen_share / real_share if real else math.inf,
        "ci": (low, high),
        "pvalue": float(_binomial_pvalues(np.array(real), np.array(gen), n_real, n_gen)),
        "verdict": MISSING if high < _NONE_BELOW else verdict,
    }


def _ranked(regions):
    """Numbered, missing ones first, then by the share of rows that is misplaced."""
    regions = sorted(
        regions,
        key=lambda r: (
            r.verdict != MISSING,
            r.verdict == UNKNOWN,
            -abs(r.gen_share - r.real_share),
        ),
    )
    return tuple(replace(region, number=i + 1) for i, region in enumerate(regions))
