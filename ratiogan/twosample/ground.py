"""Wasserstein-1 between two samples on cells of two or three axes: value, floor and p-value."""

import math

import numpy as np

from ratiogan.transport.euclidean import euclidean
from ratiogan.transport.manhattan import manhattan
from ratiogan.twosample import intervals
from ratiogan.twosample.estimate import Measured
from ratiogan.twosample.replicates import WASSERSTEIN, Replicates, quantile
from ratiogan.twosample.resample import halves, permutations

TOL = 5e-3  # of the value: far below what noise does to it
MOST_CELLS = 1200  # beyond, replicates would take longer than all the rest of a diagnosis
PERMUTATIONS, HALVES = 99, 16
_COARSE, _COARSE_STEPS = 0.05, 60  # of a replicate, and of what it is compared with
_TIES = 1 - 1e-12  # equal tables summed in another order


def measure_ground(real, gen, edges, *, metric="euclidean", level=0.95, rng=0, progress=None):
    """Measure Wasserstein-1 between two samples from their counts on a grid.

    The mass of every cell sits at its centre; the target is W1 of the true cell probabilities.

    Parameters
    ----------
    real, gen : int array, shape of the grid
    edges : sequence of arrays
        Per axis.
    metric : {"euclidean", "manhattan"}
    level : float, optional
        Of the interval. There are 99 permutations at any level: above 0.98 the interval starts at
        0 whatever the samples, see `can_exclude_0`.
    rng : int or numpy.random.Generator, optional
    progress : Progress, optional

    Returns
    -------
    Measured
        With `bounds`, which hold the value. Beyond 1,200 cells there are no replicates: estimate,
        floor and p-value are not known.

    Notes
    -----
    A replicate is solved to 5 % only. The permutation test is exact all the same: it compares what
    one and the same procedure gives for the rows as they are and for rows dealt out at random.
    Estimate and interval: see `intervals.ground`. Of 95 % intervals on 8 x 8 cells in the Manhattan
    metric, 400 simulated for each of ten pairs, 93 to 99 % held the truth (standard error at most
    1.3); 96 to 99 % of 100, for five, in the Euclidean one. The estimate is too low, by up to 1.4
    standard deviations, where the difference is of the size of the noise (``python -m benchmarks
    ground-coverage``).

    Examples
    --------
    >>> real, gen = np.full((4, 4), 100), np.full((4, 4), 100)
    >>> gen[0, 0] += 300
    >>> found = measure_ground(real, gen, [np.arange(5.0), np.arange(5.0)])
    >>> round(found.value, 3), found.pvalue
    (0.38, 0.01)
    """
    solve = manhattan if metric == "manhattan" else euclidean

    def solved(g, r, **options):
        return solve(g / g.sum(), r / r.sum(), edges, **options)

    found = solved(gen, real, tol=TOL)
    facts = {
        "name": WASSERSTEIN,
        "level": float(level),
        "value": float(found.value),
        "unit": "data",
        "bounds": (float(found.lower), float(found.upper)),
        "metric": metric,
    }
    if real.size > MOST_CELLS:
        nothing = {"estimate": math.nan, "floor": math.nan, "floor_upper": math.nan}
        return Measured(**facts, **nothing, ci=None, pvalue=None, resamples=0)

    def coarse(g, r):
        return solved(g, r, tol=_COARSE, max_steps=_COARSE_STEPS).value

    law = _replicates(real, gen, coarse, np.random.default_rng(rng), progress)
    value = coarse(gen, real)
    estimate, low, high = intervals.ground(facts["value"], value, law, level)
    pvalue = (1 + int(np.sum(law.null >= value * _TIES))) / (PERMUTATIONS + 1)
    estimate = max(estimate, 0.0)
    low = min(max(low, 0.0), estimate) if _excludes_0(pvalue, level) else 0.0
    return Measured(
        **facts,
        estimate=float(estimate),
        ci=(float(low), float(high)),
        floor=law.floor,
        floor_upper=quantile(law.null, 0.95),
        pvalue=pvalue,
        resamples=PERMUTATIONS,
    )


def can_exclude_0(level):
    """Whether any samples could get an interval that starts above 0 at this level.

    It does where the permutation test rejects at (1 - level)/2, and no p-value of m permutations is
    below 1/(m + 1).

    Parameters
    ----------
    level : float

    Returns
    -------
    bool

    Examples
    --------
    >>> can_exclude_0(0.98), can_exclude_0(0.99)
    (True, False)
    """
    return _excludes_0(1 / (PERMUTATIONS + 1), level)


def _excludes_0(pvalue, level):
    # 1 - 0.9 is less than 0.1 in doubles; p-values are 1/100 apart.
    return 2 * pvalue <= (1 - level) * (1 + 1e-12)


def _replicates(real, gen, cost, rng, progress):
    """`cost` on permutations, on halves of some of these, and on halves of both samples."""
    seeds = [int(seed) for seed in rng.integers(2**62, size=5)]
    reals, gens = permutations(real.ravel(), gen.ravel(), PERMUTATIONS, seeds[0])
    real_halves = halves(real.ravel(), seeds[1], HALVES)
    gen_halves = halves(gen.ravel(), seeds[2], HALVES)
    kinds = {
        "null": (gens, reals),
        "null_half": (
            halves(gens[:HALVES], seeds[3])[0],
            halves(reals[:HALVES], seeds[4])[0],
        ),
        "first": (gen_halves[0], real_halves[0]),
        "second": (gen_halves[1], real_halves[1]),
    }
    total = sum(len(tables) for tables, _ in kinds.values())
    found, done = {}, 0
    for kind, pair in kinds.items():
        found[kind] = np.empty(len(pair[0]))
        for i, (g, r) in enumerate(zip(*pair, strict=True)):
            found[kind][i] = cost(g.reshape(gen.shape), r.reshape(real.shape))
            done += 1
            if progress is not None:
                progress.rows(done, total, "transport problems")
    return Replicates(**found, drawn=np.empty(0), true=np.empty(0))
