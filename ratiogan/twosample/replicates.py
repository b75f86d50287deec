"""Divergences on replicates of two samples: permuted, halved, and drawn from shrunken shares."""

from dataclasses import dataclass

import numpy as np

from ratiogan.divergences import CORE, divergence_row, divergence_sums
from ratiogan.twosample.resample import halves, permutations
from ratiogan.twosample.shrink import shrink

WASSERSTEIN = "wasserstein"

_MEMORY = 1 << 21  # cells of replicates held at a time


@dataclass(frozen=True, eq=False)
class Replicates:
    """One divergence on replicates of two tables of counts.

    Attributes
    ----------
    null : float array (m,)
        On permutations.
    null_half : float array
        On half-samples of permutations.
    first, second : float array
        On the two halves of both samples.
    drawn, true : float array
        On counts drawn from the shrunken shares, and on these shares themselves.
    """

    null: np.ndarray
    null_half: np.ndarray
    first: np.ndarray
    second: np.ndarray
    drawn: np.ndarray
    true: np.ndarray

    @property
    def floor(self):
        """Mean under the null."""
        return float(self.null.mean())

    @property
    def noise(self):
        """Variance under the null."""
        with np.errstate(invalid="ignore"):  # infinite ones: nan, and nothing asks for it
            return float(self.null.var())

    @property
    def order(self):
        """By how much halving the samples raises the floor: 2 where it falls as 1/n."""
        return float(self.null_half.mean()) / self.floor if self.floor > 0 else 2.0

    @property
    def half(self):
        """Mean on half-samples."""
        return float(0.5 * (self.first.mean() + self.second.mean()))

    @property
    def spread(self):
        """Variance of the divergence of the counts: what is odd in the choice of the half."""
        return float(np.var(0.5 * (self.first - self.second)))

    @property
    def bias(self):
        """By how much counts drawn from the shrunken shares exceed them."""
        return float(np.mean(self.drawn - self.true))

    def rejects(self, value, level):
        """Whether the permutation test rejects at (1 - level)/2."""
        return bool(value > quantile(self.null, 0.5 + level / 2))

    def quantile_of_halves(self, level):
        """Of the divergence on half-samples, which scatter about the counts as these do."""
        return quantile(np.concatenate([self.first, self.second]), level)


def quantile(values, share):
    """One of the values: between two of them there may be an infinite one."""
    return float(np.quantile(values, share, method="higher"))


def all_replicates(real, gen, names, centres, m, rng):
    """Divergences on all kinds of replicates.

    Parameters
    ----------
    real, gen : int array (K,)
        Counts; every cell has some.
    names : tuple of str
        J divergences.
    centres : float array (K,) or None
    m : int
        Permutations; a quarter as many half-samples and draws.
    rng : numpy.random.Generator

    Returns
    -------
    list of float array (., J)
        In the order of the fields of `Replicates`.
    """
    seeds = [int(seed) for seed in rng.integers(2**62, size=6)]
    shares = shrink(real, gen)
    few, fewer = max(m // 4, 10), max(m // 8, 10)
    rows = max(1, _MEMORY // len(real))
    found = [[] for _ in range(6)]

    def keep(slot, gens, reals):
        found[slot].append(measured_on(gens, reals, names, centres))

    for start in range(0, m, rows):
        size = min(rows, m - start)
        r, g = permutations(real, gen, size, seeds[0], start)
        keep(0, g, r)
        size = min(size, fewer - start)
        if size > 0:
            keep(1, halves(g[:size], seeds[1], first=start)[0],
                 halves(r[:size], seeds[2], first=start)[0])  # fmt: skip
    for start in range(0, few, rows):
        size = min(rows, few - start)
        r, r_rest = halves(real, seeds[3], size, start)
        g, g_rest = halves(gen, seeds[4], size, start)
        keep(2, g, r)
        keep(3, g_rest, r_rest)
        share, g = shares.draw(size, seeds[5], start)
        pooled = shares.pooled
        keep(4, g, pooled - g)
        keep(5, pooled * share, pooled * (1 - share))
    return [np.concatenate(parts) for parts in found]


def measured_on(gen, real, names, centres):
    """Divergences of rows of counts or masses (B, K): an array (B, J), in nats."""
    gen, real = np.atleast_2d(gen), np.atleast_2d(real)
    out = np.empty((len(gen), len(names)))
    core = [j for j, name in enumerate(names) if name in CORE]
    if core:
        out[:, core] = divergence_sums(gen, real)[:, [CORE.index(names[j]) for j in core]]
    for j, name in enumerate(names):
        if name == WASSERSTEIN:
            out[:, j] = _on_a_line(gen, real, centres)
        elif name not in CORE:
            out[:, j] = divergence_row(name).of(gen=gen, real=real)
    return out


def _on_a_line(gen, real, centres):
    """W1 = sum |F_g - F_r| dx of masses at the centres."""
    q = np.cumsum(gen, axis=1) / gen.sum(axis=1, keepdims=True)
    p = np.cumsum(real, axis=1) / real.sum(axis=1, keepdims=True)
    return np.abs(q - p)[:, :-1] @ np.diff(centres)
