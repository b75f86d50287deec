"""A critic known on cells, as a function of every point; and its Lipschitz constant, measured.

The McShane extension f(x) = min over cells y of f(y) + |x - y| has the values of f on the cells and
is 1-Lipschitz on all of space, if f is so on the cells.
"""

import numpy as np

from ratiogan._jit import kernel
from ratiogan.errors import InputError
from ratiogan.transport.c_transform import c_transform

ALL_PAIRS = 1 << 14  # cells up to which all pairs are looked at one by one
_CHUNK = 1 << 16  # points at once


def extend(values, centres, points, metric="euclidean"):
    """Values on the cells of a grid extended to any points, as a 1-Lipschitz function.

    Parameters
    ----------
    values : array, 1 to 3 axes
        f at the cell centres, 1-Lipschitz there.
    centres : sequence of arrays
        For each axis the ascending places of its cells.
    points : array (M, axes)
        Anywhere, in the unit of `centres`.
    metric : {"euclidean", "manhattan"}

    Returns
    -------
    array (M,)
        min over all cells y of values(y) + d(x, y), exact to round-off.

    Raises
    ------
    InputError
        If the points are not finite or do not have a column per axis.

    References
    ----------
    McShane 1934, "Extension of range of functions", Bull. Amer. Math. Soc. 40.

    Examples
    --------
    >>> extend(np.array([[0.0, 1.0], [1.0, 2.0]]), [[0, 1], [0, 1]], [[0.5, 0.0], [3.0, 0.0]])
    array([0.5, 3. ])
    """
    values = np.asarray(values, dtype=float)
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != values.ndim:
        raise InputError(
            f"points must have shape (M, {values.ndim}), got {points.shape}.", argument="points"
        )
    if not np.isfinite(points).all():
        raise InputError("points must be finite.", argument="points")
    unit = _unit(centres)
    values, points = values / unit, points / unit
    centres = [np.asarray(c, dtype=float) / unit for c in centres]
    extra = 3 - values.ndim
    cells = np.ascontiguousarray(values.reshape((1,) * extra + values.shape))
    axes = [np.zeros(1)] * extra + [np.array(c, dtype=float) for c in centres]
    starts = [nearest(axis, points[:, a]) for a, axis in enumerate(axes[extra:])]
    least = cells.min(axis=2)
    found = np.empty(len(points))
    for first in range(0, len(points), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        x = np.zeros((len(points[chunk]), 3))
        start = np.zeros(x.shape, dtype=np.int64)
        x[:, extra:] = points[chunk]
        for a, index in enumerate(starts):
            start[:, extra + a] = index[chunk]
        _extend(cells, least, *axes, x, start, metric == "manhattan", found[chunk])
    return found * unit


def _unit(centres):
    """The mean distance of neighbours: in it squares neither overflow nor vanish."""
    gaps = [np.diff(np.asarray(c, dtype=float)) for c in centres]
    return float(np.concatenate(gaps).mean()) if sum(g.size for g in gaps) else 1.0


def nearest(centres, x):
    """The index of the nearest of ascending centres to each x.

    Examples
    --------
    >>> nearest(np.array([0.0, 1.0, 5.0]), np.array([-3.0, 2.9, 3.1]))
    array([0, 1, 2])
    """
    if centres.size == 1:
        return np.zeros(len(x), dtype=np.int64)
    return np.searchsorted(0.5 * (centres[1:] + centres[:-1]), x)


def spread_critic(difference, edges, means):
    """The critic for masses spread over the cells of the line, as a broken line.

    Its slope is -sign F, and F = F_r - F_g is straight within a cell.

    Parameters
    ----------
    difference : array (N,)
        p_r - p_g.
    edges : array (N + 1,)
    means : array (N,)
        The means of the critic over the cells, which set its level.

    Returns
    -------
    places, values : array (K,)
        Its corners, some of them on a straight piece.

    Examples
    --------
    >>> spread_critic(np.array([1.0, -1.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, -1.0]))
    (array([0., 1., 2.]), array([ 0.5, -0.5, -1.5]))
    """
    ahead = np.concatenate([[0.0], np.cumsum(difference)])
    ahead[-1] = 0.0
    left, right = ahead[:-1], ahead[1:]
    turns = np.flatnonzero(left * right < 0)
    share = left[turns] / (left[turns] - right[turns])
    between = edges[turns] + share * np.diff(edges)[turns]
    places = np.sort(np.concatenate([edges, between]))
    middle = np.interp(0.5 * (places[1:] + places[:-1]), edges, ahead)
    rises = -np.sign(middle) * np.diff(places)
    values = np.concatenate([[0.0], np.cumsum(rises)])
    heights = 0.5 * (values[1:] + values[:-1]) * np.diff(places)
    first = places[:-1] < edges[1]
    values += means[0] - heights[first].sum() / (edges[1] - edges[0])
    return places, values


def lipschitz_constant(values, centres, metric="euclidean"):
    """The steepest slope of values on the cells of a grid, over all pairs of cells.

    Parameters
    ----------
    values, centres, metric
        As for `extend`.

    Returns
    -------
    float
        Exact in the Manhattan metric, where the steepest pair are neighbours, and up to 16,384
        cells. Beyond, an upper bound: 1 where an exact c-transform changes nothing, else 1 and the
        largest change over the least distance between cells.

    Examples
    --------
    >>> f = np.array([[0.0, 1.0], [1.0, 2.0]])
    >>> lipschitz_constant(f, [[0, 1], [0, 1]], "manhattan")
    1.0
    >>> round(lipschitz_constant(f, [[0, 1], [0, 1]]), 6)
    1.414214
    """
    values = np.ascontiguousarray(values, dtype=float)
    axes = [np.array(c, dtype=float) for c in centres]
    unit = _unit(axes)
    values, axes = values / unit, [(c - c[0]) / unit for c in axes]
    if metric == "manhattan" or values.ndim == 1:
        slopes = [
            np.abs(np.diff(values, axis=a)).max(axis=tuple(b for b in range(values.ndim) if b != a))
            / np.diff(axis)
            for a, axis in enumerate(axes)
            if axis.size > 1
        ]
        return max((float(slope.max()) for slope in slopes), default=0.0)
    if values.size <= ALL_PAIRS:
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        x = np.zeros((3, values.size))
        x[: len(axes)] = places.T
        return float(_steepest(values.ravel(), *x))
    short = values - c_transform(values, np.ones(values.shape, dtype=bool), axes)[0]
    spacing = min(float(np.diff(axis).min()) for axis in axes if axis.size > 1)
    return 1.0 + max(float(short.max()), 0.0) / spacing


# --- kernels -------------------------------------------------------------------------------------


@kernel
def _extend(cells, least, c0, c1, c2, x, start, manhattan, found):
    """The least of cells + distance into `found`, for every row of x.

    The nearest cell is within twice its distance of the answer, so few rows of cells can beat it;
    `least` is the minimum of each row.
    """
    for m in range(x.shape[0]):
        p0, p1, p2 = x[m, 0], x[m, 1], x[m, 2]
        i, j, k = start[m, 0], start[m, 1], start[m, 2]
        a, b, c = abs(c0[i] - p0), abs(c1[j] - p1), abs(c2[k] - p2)
        best = cells[i, j, k] + (a + b + c if manhattan else np.sqrt(a * a + b * b + c * c))
        for i in range(c0.size):
            a = abs(c0[i] - p0)
            for j in range(c1.size):
                b = abs(c1[j] - p1)
                away = a + b if manhattan else np.sqrt(a * a + b * b)
                if least[i, j] + away >= best:
                    continue
                for k in range(c2.size):
                    c = abs(c2[k] - p2)
                    far = away + c if manhattan else np.sqrt(a * a + b * b + c * c)
                    best = min(best, cells[i, j, k] + far)
        found[m] = best


@kernel
def _steepest(f, x, y, z):
    """The largest |f_i - f_j| / |x_i - x_j| over all pairs of points."""
    square = 0.0
    for i in range(f.size):
        for j in range(i):
            a, b, c, rise = x[i] - x[j], y[i] - y[j], z[i] - z[j], f[i] - f[j]
            apart = a * a + b * b + c * c
            if rise * rise > square * apart:
                square = rise * rise / apart
    return np.sqrt(square)
