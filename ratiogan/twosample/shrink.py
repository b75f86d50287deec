"""What the cells' true shares may be, learnt from all cells together.

Counts exaggerate: where the generator is right, x_g of t = x_r + x_g pooled rows still scatter
around the share rho = n_g/(n_r + n_g). Given t, x_g is binomial(t, pi) with pi the true share. How
the pi are spread over the cells is estimated from all of them at once (the law under which the
counts are likeliest: Kiefer and Wolfowitz 1956, by EM), and that law, given the counts of a cell,
says where its pi lies (empirical Bayes). Cells with about as many rows share a law: in the tails
the ratio is another than in the bulk.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ratiogan._jit import kernel
from ratiogan.twosample.resample import mixed_binomials

_STRATA = 4
_FEWEST = 64  # cells of a stratum
_SPARSE = 8  # pooled rows below which cells share one law
_LOOKED_AT = 512  # different counts of a stratum that its law is learnt from
_ROUNDS = 100  # of EM: bounded divergences no longer move by then


@dataclass(frozen=True, eq=False)
class Shares:
    """The law of the true share of every cell.

    Attributes
    ----------
    points : float array (M,)
        Possible values of pi, from 0 to 1.
    chances : float array (U, M)
        Cumulative laws, one for each different (t, x_g).
    rows : int array (K,)
        Which of them is that of a cell.
    pooled : int array (K,)
    """

    points: np.ndarray
    chances: np.ndarray
    rows: np.ndarray
    pooled: np.ndarray

    def draw(self, m, seed, first=0):
        """`m` draws of the true shares of all cells and of counts x_g that follow them.

        Returns
        -------
        shares : float array (m, K)
        gen : int array (m, K)
        """
        return mixed_binomials(self.chances, self.points, self.rows, self.pooled, m, seed, first)


def shrink(real, gen):
    """Learn the law of the true shares from counts.

    Parameters
    ----------
    real, gen : int array (K,)
        Counts; every cell has some.

    Returns
    -------
    Shares

    Examples
    --------
    Ten cells that scatter as chance has it: no true share strays far from 1/2.

    >>> real = np.array([52, 49, 47, 55, 50, 46, 51, 50, 53, 47])
    >>> shares, _ = shrink(real, 100 - real).draw(1000, seed=0)
    >>> bool(abs(shares - 0.5).mean() < abs(real / 100 - 0.5).mean())
    True
    """
    pooled = real + gen
    pairs, rows, times = np.unique(
        np.stack([pooled, gen], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    t, x = pairs.T.astype(float)
    points = _points(x / t, t * times, gen.sum() / pooled.sum())
    likelihood = _likelihood(t, x, points)
    chances = np.empty_like(likelihood)
    for part in _strata(t, times):
        step = -(-len(range(*part.indices(len(t)))) // _LOOKED_AT)
        learnt = slice(part.start, part.stop, step)
        law = np.full(len(points), 1.0 / len(points))
        _learn_kernel(likelihood[learnt], times[learnt].astype(float), law, _ROUNDS)
        chances[part] = np.cumsum(likelihood[part] * law, axis=1)
    chances /= chances[:, -1:]
    return Shares(points, chances, rows.ravel(), pooled)


def _points(found, weights, rho):
    """Where pi may lie: all over [0, 1], at rho, and where the cells' own shares are dense."""
    order = np.argsort(found, kind="stable")
    own = found[order]
    if len(own) > 101:
        reached = np.cumsum(weights[order])
        middle = (reached - 0.5 * weights[order]) / reached[-1]
        own = np.interp(np.linspace(0.0, 1.0, 101), middle, own)
    even = np.sin(np.linspace(0.0, np.pi / 2, 49)) ** 2
    return np.unique(np.concatenate([even, [0.0, rho, 1.0], own]))


def _likelihood(t, x, points):
    """Chance of x of t at every point, relative to the likeliest point."""
    with np.errstate(divide="ignore", invalid="ignore"):
        heads = np.where(x[:, None] > 0, x[:, None] * np.log(points), 0.0)
        tails = np.where((t - x)[:, None] > 0, (t - x)[:, None] * np.log1p(-points), 0.0)
    logs = heads + tails
    return np.exp(logs - logs.max(axis=1, keepdims=True))


def _strata(t, times):
    """Slices of the pairs, which are sorted by t, with about as many cells in each.

    Pairs with the same t stay together, and so do all the sparse ones: a law cannot be learnt
    from single rows alone.
    """
    cells = times.sum()
    parts = int(min(_STRATA, max(1, cells // _FEWEST)))
    reached = np.cumsum(times)
    wanted = np.searchsorted(reached, cells * np.arange(1, parts) / parts)
    first = np.searchsorted(t, np.maximum(t[wanted], _SPARSE))
    bounds = np.unique([0, *first, len(t)])
    return [slice(int(a), int(b)) for a, b in pairwise(bounds)]


@kernel
def _learn_kernel(likelihood, times, law, rounds):
    """EM for the law on the points, in place; `times` counts the cells of each row."""
    new = np.empty_like(law)
    cells = times.sum()
    for _ in range(rounds):
        new[:] = 0.0
        for i in range(len(times)):
            chance = 0.0
            for k in range(len(law)):
                chance += likelihood[i, k] * law[k]
            scale = times[i] / chance
            for k in range(len(law)):
                new[k] += likelihood[i, k] * scale
        for k in range(len(law)):
            law[k] *= new[k] / cells
