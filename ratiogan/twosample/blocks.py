"""A hierarchy of blocks of cells, and the exact tests that tell where two samples differ.

The blocks are made from the pooled sample alone: at its peaks first, then halved again and again
at the pooled median. Given the pooled counts, which row is real and which generated is a matter of
chance where both densities agree, so the blocks do not depend on what is tested, and the exact
hypergeometric law holds in each of them. How the rows of one block divide between its halves says
nothing about how those of another do [1]_: the p-values are independent, and the false-discovery
rate of Benjamini and Hochberg [2]_ is controlled over all of them.

References
----------
.. [1] Ma and Soriano (2017), "Multi-resolution scanning for cross-sample differences".
.. [2] Benjamini and Hochberg (1997), "Multiple hypotheses testing with weights".
"""

import math

import numpy as np

from ratiogan._jit import kernel

_FEWEST = 20  # pooled rows in a block that is still halved


def leaves(counts_real, counts_gen, grid, basins, rate):
    """The coarsest blocks of cells that show every difference found.

    Problem solved: of the hierarchy of blocks below each basin, test for every block whether its
    two halves hold the same proportion of generated rows (and whether the basins do), at false-
    discovery rate `rate`; every level of the hierarchy has the same share of it. Blocks with a
    difference inside are cut, all others are kept whole.

    Parameters
    ----------
    counts_real, counts_gen : ndarray of int64, shape (K,)
        Rows per cell.
    grid : Grid
        Of K cells.
    basins : ndarray of int64, shape (K,)
        Where the hierarchy starts, numbered from 0; -1 for cells in no block.
    rate : float

    Returns
    -------
    block : ndarray of int64, shape (K,)
        Number of the block of each cell, from 0; -1 in none.
    strict : ndarray, shape (blocks,)
        The share of an error rate that falls to a block, if each level of the hierarchy has the
        same and each of its blocks as well: whatever blocks the search ends with, testing each at
        that share errs in any of them with that error rate at most.
    share : ndarray, shape (blocks,)
        What the search for blocks leaves of an error rate: 1 for an uncut basin, whose own rows are
        independent of how they divide inside; for a block that was cut out of a larger one the
        threshold of the test at its level over `rate`, at most 1. Empty where no difference was
        found, which is, under p_r = p_g, in all but a share `rate` of the cases.
    """
    deepest, parent, level = _hierarchy(counts_real + counts_gen, grid, basins)
    real = _node_counts(counts_real, deepest, parent)
    gen = _node_counts(counts_gen, deepest, parent)
    roots = np.flatnonzero(parent < 0)
    firsts = np.flatnonzero(parent >= 0)[::2]  # halves come in pairs
    above = parent[firsts]
    pvalues = same_share(gen[firsts], real[firsts], gen[above], real[above])
    stage = level[firsts]
    if roots.size > 1:
        whole = same_share(gen[roots], real[roots], gen[roots].sum(), real[roots].sum())
        pvalues, stage = np.append(whole, pvalues), np.append(np.zeros(roots.size, int), stage)
        above = np.append(np.full(roots.size, -1), above)
    rejected = discoveries(pvalues, rate, _equal_weights(stage))
    cut = np.zeros(parent.size, dtype=bool)
    cut[above[rejected & (above >= 0)]] = True
    for node in np.flatnonzero(parent >= 0)[::-1]:
        cut[parent[node]] |= cut[node]
    # Parents come before their halves.
    top = np.arange(parent.size)
    for node in np.flatnonzero(parent >= 0):
        if not cut[parent[node]]:
            top[node] = top[parent[node]]
    block = np.full(deepest.size, -1)
    inside = deepest >= 0
    blocks, block[inside] = np.unique(top[deepest[inside]], return_inverse=True)
    if not rejected.any():
        return block, np.zeros(0), np.zeros(0)
    share = np.ones(blocks.size)
    depth = level[blocks]
    tests = np.bincount(stage, minlength=depth.max() + 1)
    strict = 1 / (np.unique(level).size * np.bincount(level)[depth])
    below = depth > 0
    share[below] = rejected.sum() / (np.count_nonzero(tests) * tests[depth[below]])
    return block, strict, np.minimum(share, 1.0)


def discoveries(pvalues, rate, weights=None):
    """Which hypotheses are rejected at a false-discovery rate, after Benjamini and Hochberg.

    Parameters
    ----------
    pvalues : ndarray, shape (m,)
    rate : float
    weights : ndarray, shape (m,), optional
        With mean 1: p-values are divided by them.

    Returns
    -------
    ndarray of bool, shape (m,)

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.03, 0.9]), 0.05).tolist()
    [True, True, False]
    """
    scaled = pvalues if weights is None else pvalues / weights
    ordered = np.sort(scaled)
    below = np.flatnonzero(ordered <= rate * np.arange(1, ordered.size + 1) / ordered.size)
    if below.size == 0:
        return np.zeros(scaled.size, dtype=bool)
    return scaled <= ordered[below[-1]]


def same_share(gen, real, all_gen, all_real):
    """Two-sided exact p-values for one proportion of generated rows inside a block and outside.

    Problem solved: of all_gen + all_real rows a block holds gen + real; the probability, if it is
    a random choice of that many, of a `gen` at least as far out on its side, doubled, at most 1.

    Parameters
    ----------
    gen, real : ndarray of int64, shape (m,)
        Rows in the block.
    all_gen, all_real : int or ndarray of int64, shape (m,)
        Rows in all.

    Returns
    -------
    ndarray, shape (m,)

    Examples
    --------
    >>> same_share(np.array([0, 5]), np.array([4, 5]), 10, 10).round(3).tolist()
    [0.087, 1.0]
    """
    gen = np.array(gen, dtype=np.int64)
    shape = gen.shape
    columns = [
        np.array(np.broadcast_to(values, shape), dtype=np.int64)
        for values in (real, all_gen, all_real)
    ]
    pvalues = np.empty(shape)
    _hypergeometric_kernel(gen, *columns, pvalues)
    return pvalues


def _equal_weights(stage):
    """Weights with mean 1 that give every level the same sum."""
    if stage.size == 0:
        return np.ones(0)
    size = np.bincount(stage)
    return stage.size / (np.count_nonzero(size) * size[stage])


def _node_counts(counts, deepest, parent):
    inside = deepest >= 0
    sums = np.zeros(parent.size, dtype=np.int64)
    np.add.at(sums, deepest[inside], counts[inside])
    for node in np.flatnonzero(parent >= 0)[::-1]:
        sums[parent[node]] += sums[node]
    return sums


def _hierarchy(pooled, grid, basins):
    """Halve the basins at pooled medians, level by level.

    Returns
    -------
    deepest : ndarray of int64, shape (K,)
        The smallest block of each cell, -1 in none.
    parent, level : ndarray of int64, shape (blocks,)
        Of each block; -1 and 0 for a basin. Halves follow each other, after their parent.
    """
    places = np.indices(grid.shape).reshape(grid.ndim, -1)
    places = [p for p, axis in zip(places, grid.axes, strict=True) if axis.kind != "categories"]
    deepest = basins.astype(np.int64)
    count = int(deepest.max()) + 1
    parent, level, depth = [np.full(count, -1)], [np.zeros(count, dtype=np.int64)], 0
    cells = np.flatnonzero((deepest >= 0) & (pooled > 0))
    empty = np.flatnonzero((deepest >= 0) & (pooled == 0))
    while cells.size and places:
        depth += 1
        nodes, node = np.unique(deepest[cells], return_inverse=True)
        axis, cut = _medians(node, nodes.size, pooled[cells], [p[cells] for p in places])
        halves = np.flatnonzero(axis >= 0)
        if halves.size == 0:
            break
        first = np.full(count, -1)
        first[nodes[halves]] = count + 2 * np.arange(halves.size)
        where = np.full(count, 0)
        where[nodes], limit = axis, np.zeros(count, dtype=np.int64)
        limit[nodes] = cut
        for group in (cells, empty):
            old = deepest[group]
            moved = first[old] >= 0
            group, old = group[moved], old[moved]
            place = np.array(places)[where[old], group]
            deepest[group] = first[old] + (place > limit[old])
        parent.append(np.repeat(nodes[halves], 2))
        level.append(np.full(2 * halves.size, depth))
        cells = cells[deepest[cells] >= count]
        count += 2 * halves.size
    return deepest, np.concatenate(parent), np.concatenate(level)


def _medians(node, count, weight, places):
    """The axis along which each block is halved, and the last place of its first half.

    The axis is the one along which its rows are spread most, in cells; -1 where the block holds
    few rows, or all of them in one place.
    """
    total = np.bincount(node, weight, count)
    spread = []
    for place in places:
        mean = np.bincount(node, weight * place, count) / total
        spread.append(np.bincount(node, weight * (place - mean[node]) ** 2, count))
    axis = np.argmax(spread, axis=0)
    axis[(np.max(spread, axis=0) <= 0) | (total < _FEWEST)] = -1
    place = np.array(places)[axis[node], np.arange(node.size)]
    order = np.lexsort((place, node))
    node, place, weight = node[order], place[order], weight[order]
    below = np.cumsum(weight) - (np.cumsum(total) - total)[node]
    # Only after the last cell of a place, and with rows on both sides.
    ends = np.append((node[1:] != node[:-1]) | (place[1:] != place[:-1]), True)
    ends &= below < total[node]
    off = np.abs(below - 0.5 * total[node])[ends]
    node, place = node[ends], place[ends]
    best = np.lexsort((off, node))[::-1]
    cut = np.zeros(count, dtype=np.int64)
    cut[node[best]] = place[best]  # the last one written is the nearest to the median
    return axis, cut


@kernel
def _hypergeometric_kernel(gen, real, all_gen, all_real, pvalues):
    """Doubled tail probabilities of the hypergeometric law. Modified in place: pvalues."""
    for i in range(gen.size):
        x, t = gen[i], gen[i] + real[i]
        good, bad = all_gen[i], all_real[i]
        every = good + bad
        log_mass = (
            math.lgamma(good + 1.0)
            - math.lgamma(x + 1.0)
            - math.lgamma(good - x + 1.0)
            + math.lgamma(bad + 1.0)
            - math.lgamma(t - x + 1.0)
            - math.lgamma(bad - t + x + 1.0)
            - math.lgamma(every + 1.0)
            + math.lgamma(t + 1.0)
            + math.lgamma(every - t + 1.0)
        )
        mass = math.exp(log_mass)
        # From x outwards on its own side of the mean, until the terms no longer count.
        term, tail, k = mass, mass, float(x)
        if x * float(every) <= float(t) * good:
            while k > 0.0 and bad - t + k > 0.0 and term > 1e-17 * tail:
                term *= k * (bad - t + k) / ((t - k + 1.0) * (good - k + 1.0))
                tail += term
                k -= 1.0
        else:
            while k < t and k < good and term > 1e-17 * tail:
                term *= (t - k) * (good - k) / ((k + 1.0) * (bad - t + k + 1.0))
                tail += term
                k += 1.0
        other = 1.0 - tail + mass
        pvalues[i] = min(1.0, 2.0 * min(tail, other))
