"""Sums whose association is fixed: the same bytes on one thread, on many, and on many machines.

Cells are summed in chunks of 4,096, these in groups of 256, those in groups of 256 again, and so
on. Who holds a *span*, the cells of one group, can sum them alone: the sums of all spans, put
together in order, lead to the same number as all cells in one place.
"""

import numpy as np

from ratiogan._jit import jit

CHUNK = 4096
GROUP = 256
SPAN = CHUNK * GROUP
_BLOCK = 16 * CHUNK  # cells whose products are formed at once: they stay in the second-level cache


def chunk_count(cells):
    """How many chunks cover so many cells."""
    return -(-cells // CHUNK)


def span_count(cells):
    """How many spans cover so many cells."""
    return -(-cells // SPAN)


@jit
def in_order(parts):
    """The sum of the sums of chunks (or of spans), group by group, for kernels.

    Examples
    --------
    >>> float(in_order(np.array([1.0, 2.0, 3.0])))
    6.0
    """
    level = parts
    while level.size > GROUP:
        level = group_sums(level)
    total = 0.0
    for k in range(level.size):
        total += level[k]
    return total


@jit
def group_sums(parts):
    """The sum of every group of 256: of all chunks of a span, the sum of the span."""
    sums = np.empty(-(-parts.size // GROUP))
    for group in range(sums.size):
        total = 0.0
        for k in range(group * GROUP, min((group + 1) * GROUP, parts.size)):
            total += parts[k]
        sums[group] = total
    return sums


def chunk_sums(values, weights=None):
    """The sum of every chunk of an array in memory order, or of its product with `weights`.

    Parameters
    ----------
    values, weights : array of any shape, of one size

    Returns
    -------
    array (chunks,)
    """
    values = values.reshape(-1)
    weights = None if weights is None else weights.reshape(-1)
    sums = np.empty(chunk_count(values.size))
    for first in range(0, values.size, _BLOCK):
        block = values[first : first + _BLOCK]
        if weights is not None:
            block = block * weights[first : first + _BLOCK]
        chunk = first // CHUNK
        sums[chunk : chunk + chunk_count(block.size)] = _sums_of(block, CHUNK)
    return sums


def _sums_of(values, count):
    """The sum of every `count` values, the last ones fewer."""
    whole = values.size // count * count
    sums = values[:whole].reshape(-1, count).sum(axis=1, dtype=np.float64)
    if whole == values.size:
        return sums
    return np.append(sums, values[whole:].sum(dtype=np.float64))


def span_sums(values, weights=None):
    """The sum of every span, as `ordered_sum` forms it on its way."""
    return _sums_of(chunk_sums(values, weights), GROUP)


def folded(parts):
    """The sum of `span_sums`.

    Without a compiled kernel, which the first command of the day would have to wait for.
    """
    while parts.size > GROUP:
        parts = _sums_of(parts, GROUP)
    return float(parts.sum())


def ordered_sum(values, weights=None):
    """The sum of an array, or of its product with `weights`.

    Examples
    --------
    >>> ordered_sum(np.ones((3, 5000)))
    15000.0
    """
    return folded(span_sums(values, weights))
