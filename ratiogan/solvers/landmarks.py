"""What a training run is set beside: the modes of p_r, and what its minibatches show by themselves.

Both are functions of p_r and the settings alone, so that a figure of a saved run finds them again.
"""

import weakref

import numpy as np

from ratiogan.grid import Grid
from ratiogan.peaks import find_peaks
from ratiogan.solvers.capacity import Capacity
from ratiogan.solvers.minibatch import draw
from ratiogan.sums import ordered_sum

_PEAK_ROWS = 100_000  # rows of p_r that its modes have to stand out in
_MOST_CELLS = (2048, 256, 64)  # along each axis of 1, 2 and 3, among which modes are looked for
_MODE_MASS = 0.999  # of p_r that its modes hold together
_FOUND = weakref.WeakKeyDictionary()  # by p_r: this takes longer than all else of a start
_MOST_PAIRS = 400
_MOST_ROWS = 1 << 21  # that are drawn for a floor at most: a tenth of a second


def modes_of(real):
    """The mode of p_r that each cell belongs to: its basin, as far as 99.9% of p_r reaches.

    Parameters
    ----------
    real : Distribution

    Returns
    -------
    array of int, shape grid.shape
        0, 1, .. by persistence; -1 where there is none.

    Examples
    --------
    >>> from ratiogan import presets
    >>> int(modes_of(presets.preset("bimodal")).max()) + 1
    2
    """
    if real not in _FOUND:
        _FOUND[real] = _basins(real)
    return _FOUND[real]


def _basins(real):
    grid = real.grid
    most = _MOST_CELLS[min(grid.ndim, 3) - 1]
    # On a fine grid a peak is many cells wide: cells are joined, or the search takes its square.
    starts = [np.unique(np.linspace(0, n, min(n, most) + 1).astype(int)[:-1]) for n in grid.shape]
    mass = real.mass
    for axis, begin in enumerate(starts):
        mass = np.add.reduceat(mass, begin, axis=axis)
    edges = [
        np.append(axis.edges[begin], axis.edges[-1])
        for axis, begin in zip(grid.axes, starts, strict=True)
    ]
    coarse = grid
    if mass.shape != grid.shape:
        coarse = Grid(edges, grid.names)
    found = find_peaks(np.round(mass * _PEAK_ROWS), coarse).basins
    for axis, begin in enumerate(starts):
        wide = np.diff(np.append(begin, grid.shape[axis]))
        found = np.repeat(found, wide, axis=axis)
    # A mode is where p_r is, not all that lies on its side of the saddle.
    order = np.argsort(-real.density, axis=None, kind="stable")
    held = np.cumsum(real.mass.reshape(-1)[order]) - real.mass.reshape(-1)[order]
    found = found.reshape(-1).copy()
    found[order[held > _MODE_MASS]] = -1
    return found.reshape(grid.shape)


def minibatch_floor(real, cells, batch, level=0.95):
    """JSD of two minibatches of p_r on the discriminator's cells: all that a minibatch can tell.

    Parameters
    ----------
    real : Distribution
    cells : int or tuple of int
        The discriminator's, along each axis.
    batch : int
        Samples in either minibatch.
    level : float
        Share of the pairs between `low` and `high`.

    Returns
    -------
    mean, low, high : float
        In nats, over up to 400 pairs, always the same ones.

    Examples
    --------
    >>> from ratiogan import presets
    >>> [round(value, 3) for value in minibatch_floor(presets.preset("bimodal"), 8, 64)]
    [0.026, 0.005, 0.062]
    """
    support = real.mass > 0
    shares = Capacity(real.grid, support, cells).pool(real.mass[support])
    rng = np.random.default_rng(0)
    pairs = max(40, min(_MOST_PAIRS, _MOST_ROWS // (2 * batch)))
    found = [_jsd_of_rows(draw(shares, rng.random(2 * batch))) for _ in range(pairs)]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return float(np.mean(found)), float(low), float(high)


def _jsd_of_rows(rows):
    """JSD of the shares of the first half of the rows and of the second."""
    kinds, where = np.unique(rows, return_inverse=True)
    half = rows.size // 2
    one, two = (
        np.bincount(part, minlength=kinds.size) / half for part in (where[:half], where[half:])
    )
    middle = (one + two) / 2.0
    held = [(side[side > 0], middle[side > 0]) for side in (one, two)]
    return 0.5 * sum(ordered_sum(np.log(side / among), side) for side, among in held)
