"""More columns than a grid can hold: every column and every pair of columns by itself."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ratiogan.errors import CannotMeasure
from ratiogan.grid import Grid
from ratiogan.tables import shorten
from ratiogan.twosample.cells import bin_pair
from ratiogan.twosample.estimate import Measured, measure

_FIRST_LOOK = 200  # permutations of every column and pair
_PAIR_CELLS = 8  # per axis that is not categories
_MOST_PAIRED = 64  # columns: beyond, the pairs are left out


@dataclass(frozen=True)
class Marginal:
    """How far one column, or one pair of columns, tells the samples apart.

    Attributes
    ----------
    names : tuple of str
        One or two columns.
    measured : Measured
        The JSD.
    pvalue_adjusted : float
        Benjamini and Hochberg, over all columns and pairs.
    different : bool
        Whether that is at most 1 - level.
    """

    names: tuple
    measured: Measured
    pvalue_adjusted: float
    different: bool

    @property
    def rank(self):
        """Sorts the worst first."""
        return self.pvalue_adjusted, -self.measured.estimate

    def to_dict(self):
        """What stands in the JSON."""
        return {
            "names": list(self.names),
            "jsd": self.measured.to_dict(),
            "pvalue_adjusted": self.pvalue_adjusted,
            "different": self.different,
        }


def compare_marginals(pair, level, resamples, seed, unit, progress=None):
    """Compare every column, then every pair of columns, under one false-discovery control.

    A p-value of m permutations is never below 1/(m+1), which is too coarse where thousands of pairs
    are corrected for. So all are looked at with a few permutations, and those that none of them
    reached are measured again, with as many as the correction may ask for; the p-value is then that
    of the new permutations. A p-value at or below t is one of the first look, or of the second and
    then also of the first: either way its probability is t at most. The control over columns and
    pairs together assumes that they depend on each other positively, as a column and its own pairs
    do (Benjamini and Yekutieli 2001).

    Parameters
    ----------
    pair : Pair
    level : float
        False-discovery rate 1 - `level`.
    resamples : int
        Permutations of the second look, at least.
    seed : int
    unit : str

    Returns
    -------
    columns, pairs : tuple of Marginal
        Worst first.
    warnings : tuple of str
        What was left out: columns of one value, and the pairs of more than 64 columns.
    """
    from scipy.stats import false_discovery_control

    pair, warnings = _varying(pair)
    singles = [_one_column(pair.take((i,))) for i in range(len(pair.names))]
    groups = [(i,) for i in range(len(singles))]
    counted = [counts for _, *counts in singles]
    if len(singles) <= _MOST_PAIRED:
        groups += list(combinations(range(len(singles)), 2))
        counted += _pair_counts(pair, [_few_cells(grid.axes[0]) for grid, *_ in singles])
    else:
        warnings.append(
            f"pairs of columns are compared for up to {_MOST_PAIRED} columns, not {len(singles)}: "
            "choose some with --columns, or add --project pca:2."
        )
    looks = []
    for counts in counted:
        looks.append(_jsd(counts, level, _FIRST_LOOK, seed, unit))
        if progress is not None:
            progress.rows(len(looks), len(groups), "comparisons")
    suspects = [i for i, look in enumerate(looks) if look.pvalue <= 1 / (_FIRST_LOOK + 1)]
    if suspects:
        needed = math.ceil(2 * len(groups) / ((1 - level) * len(suspects)))
        for number, i in enumerate(suspects):
            looks[i] = _jsd(counted[i], level, max(resamples, needed), seed + 1, unit)
            if progress is not None:
                progress.rows(number + 1, len(suspects), "second looks")
    adjusted = false_discovery_control([look.pvalue for look in looks])
    found = [
        Marginal(
            tuple(pair.names[i] for i in group),
            look,
            float(p),
            bool(p <= 1 - level),
        )
        for group, look, p in zip(groups, looks, adjusted, strict=True)
    ]
    found.sort(key=lambda marginal: marginal.rank)
    return (
        tuple(marginal for marginal in found if len(marginal.names) == 1),
        tuple(marginal for marginal in found if len(marginal.names) == 2),
        tuple(warnings),
    )


def _varying(pair):
    """The pair without columns that hold one value, the same in both samples; and a warning."""
    same = [
        i
        for i in range(len(pair.names))
        if pair.real.low[i] == pair.real.high[i] == pair.gen.low[i] == pair.gen.high[i]
    ]
    if not same:
        return pair, []
    kept = [i for i in range(len(pair.names)) if i not in same]
    if not kept:
        raise CannotMeasure("every column holds one value, the same in both samples.")
    names = shorten([pair.names[i] for i in same])
    text = f"left out, one value in both samples: {names}."
    return pair.take(kept), [text]


def _one_column(pair):
    binned = bin_pair(pair)
    return binned.grid, binned.real.counts, binned.gen.counts


def _few_cells(axis):
    """The axis with neighbours joined: two columns together are soon sparse.

    Categories have no neighbours and stay as they are.
    """
    if axis.kind == "categories" or axis.size <= _PAIR_CELLS:
        return axis
    step = -(-axis.size // _PAIR_CELLS)
    return Grid([np.append(axis.edges[:-1:step], axis.edges[-1])]).axes[0]


def _pair_counts(pair, axes):
    """Real and gen counts of every pair of columns, in the order of `combinations`."""
    found = []
    for side in (pair.real, pair.gen):
        sums = [np.zeros(a.size * b.size, dtype=np.int64) for a, b in combinations(axes, 2)]
        for chunk in side.chunks():
            places = [axis.locate(chunk[:, i]) for i, axis in enumerate(axes)]
            for total, (i, j) in zip(sums, combinations(range(len(axes)), 2), strict=True):
                inside = (places[i] >= 0) & (places[j] >= 0)
                index = places[i][inside] * axes[j].size + places[j][inside]
                total += np.bincount(index, minlength=total.size)
        found.append(sums)
    return list(zip(*found, strict=True))


def _jsd(counts, level, resamples, seed, unit):
    real, gen = counts
    return measure(
        real.ravel(),
        gen.ravel(),
        names=("jsd",),
        level=level,
        resamples=resamples,
        rng=seed,
        unit=unit,
    )["jsd"]
