"""The c-transform on a grid: the least of values(y) + |x - y| over all cells y, for every cell x.

It makes a potential 1-Lipschitz in the Euclidean metric over all pairs of cells, which is what
turns it into a bound on W1. Three things keep the search over all pairs short. Sweeps over the
grid hand good candidates from neighbour to neighbour. Cells that another cell undercuts at their
own place can be nobody's minimum and are left out. What remains is a branch and bound over a
pyramid of minima, which mostly confirms the candidate.
"""

import numpy as np

from ratiogan._jit import jit, kernel
from ratiogan.errors import InputError


def c_transform(values, mask, centres, *, where=None):
    """The least of values(y) + |x - y| over the cells y of a mask, for all cells x of a grid.

    Parameters
    ----------
    values : array, 1 to 3 axes
        A potential, in the unit of `centres`. Outside `mask` it is not read.
    mask : boolean array, shape of `values`
        The cells y over which the minimum is taken; one at least.
    centres : sequence of arrays
        For each axis the ascending places of its cells, evenly spaced or not.
    where : boolean array, optional
        The cells x that are asked for; all by default.

    Returns
    -------
    transformed : array, shape of `values`
        min over y in `mask` of values(y) + |x - y|, exact to round-off; 1-Lipschitz. NaN where
        not asked for.
    nearest : integer array, shape of `values`
        The flat index of a cell y that attains it (where several do, one of them); -1 where not
        asked for.

    Raises
    ------
    InputError
        If shapes do not fit, the mask is empty, or a value in the mask is not finite.

    Notes
    -----
    The greatest of values(y) - |x - y| is what ``-c_transform(-values, mask, centres)[0]`` gives.
    Memory is some seven numbers per cell; time grows like the cells times the length of a side at
    worst, and hardly faster than the cells where `values` is nearly 1-Lipschitz.

    References
    ----------
    Danielsson 1980, "Euclidean distance mapping", Computer Graphics and Image Processing 14, for
    the sweeps; Villani 2003, "Topics in Optimal Transportation", section 1.2, for the transform.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[0.0, 9.0, 9.0], [9.0, 9.0, 3.5]])
    >>> mask = np.array([[True, False, False], [False, False, True]])
    >>> transformed, nearest = c_transform(values, mask, [np.arange(2.0), np.arange(3.0)])
    >>> transformed.round(3)
    array([[0.   , 1.   , 2.   ],
           [1.   , 1.414, 2.236]])
    >>> nearest
    array([[0, 0, 0],
           [0, 0, 0]])
    """
    values, mask, points = _ready(values, mask, centres, where)
    shape, shape3 = values.shape, tuple(c.size for c in points)
    start = np.where(mask, values, np.inf).reshape(shape3)
    best = start.copy()
    nearest = np.where(mask, np.arange(values.size).reshape(shape), -1).reshape(shape3)
    _sweep(best, nearest, start, *points)
    # Undercut at its own place, a cell is undercut everywhere: the triangle inequality.
    start[best < start] = np.inf
    asked = np.arange(values.size) if where is None else np.flatnonzero(where)
    least = best.reshape(-1, 1)[asked]
    cells = nearest.reshape(-1, 1)[asked]
    _Pyramid(start, best, points).search(asked, least, cells)
    if where is None:
        return least.reshape(shape), cells.reshape(shape)
    best, nearest = np.full(shape, np.nan), np.full(shape, -1)
    best.ravel()[asked], nearest.ravel()[asked] = least[:, 0], cells[:, 0]
    return best, nearest


def lipschitz(potential, b, centres):
    """A potential made 1-Lipschitz between the cells with b != 0, so that sum b f is greatest.

    First every cell with b > 0 is brought as high as those with b < 0 allow, then these as low as
    the first allow: from any 1-Lipschitz f on, sum b f grows at both.

    Parameters
    ----------
    potential, b : array, 1 to 3 axes
    centres : sequence of arrays
        For each axis the ascending places of its cells.

    Returns
    -------
    array
        0 where b is 0: nothing is said there.

    Examples
    --------
    >>> import numpy as np
    >>> lipschitz(np.array([1.0, 3.0, 9.0]), np.array([-1.0, 0.0, 1.0]), [np.arange(3.0)])
    array([1., 0., 3.])
    """
    more, less = b > 0.0, b < 0.0
    high = c_transform(potential, less, centres, where=more)[0]
    low = c_transform(-high, more, centres, where=less)[0]
    return np.where(more, high, np.where(less, -low, 0.0))


def near_pairs(values, mask, centres, where, limit, most, guide=None):
    """The pairs (x, y) with values(y) + |x - y| below a limit at x, the least of them for every x.

    Parameters
    ----------
    values, mask, centres
        As for `c_transform`.
    where : boolean array
        The cells x that are asked for.
    limit : array, shape of `values`
        What values(y) + |x - y| must stay below at x.
    most : int
        At most so many pairs for each x.
    guide : array, shape of `values`, optional
        What resembles the transform, to steer the search; `values` by default.

    Returns
    -------
    x, y : integer arrays (n,)
        Flat indices.

    Raises
    ------
    InputError
        As for `c_transform`.

    Examples
    --------
    >>> import numpy as np
    >>> values, every = np.zeros(4), np.ones(4, dtype=bool)
    >>> x, y = near_pairs(values, every, [np.arange(4.0)], every, np.full(4, 1.5), 2)
    >>> x
    array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> y
    array([0, 1, 1, 2, 2, 3, 3, 2])
    """
    values, mask, points = _ready(values, mask, centres, where)
    shape3 = tuple(c.size for c in points)
    start = np.where(mask, values, np.inf).reshape(shape3)
    guide = np.ascontiguousarray(values if guide is None else guide, dtype=float)
    asked = np.flatnonzero(where)
    least = np.repeat(np.asarray(limit, dtype=float).reshape(-1, 1)[asked], most, axis=1)
    cells = np.full(least.shape, -1)
    _Pyramid(start, guide.reshape(shape3), points).search(asked, least, cells)
    found = cells >= 0
    return np.repeat(asked, found.sum(axis=1)), cells[found]


def _ready(values, mask, centres, where):
    """Checked arrays of `values` and `mask`, and the places on three axes, some of one cell."""
    values = np.ascontiguousarray(values, dtype=float)
    mask = np.ascontiguousarray(mask, dtype=bool)
    centres = [np.ascontiguousarray(c, dtype=float) for c in centres]
    _check(values, mask, centres, where)
    return values, mask, [np.zeros(1)] * (3 - values.ndim) + centres


def _check(values, mask, centres, where):
    if not 1 <= values.ndim <= 3:
        raise InputError(
            f"values must have 1 to 3 axes, got shape {values.shape}.", argument="values"
        )
    for name, given in (("mask", mask), ("where", where)):
        if given is not None and np.shape(given) != values.shape:
            raise InputError(
                f"{name} must have the shape of values, {values.shape}, got {np.shape(given)}.",
                argument=name,
            )
    if tuple(c.shape for c in centres) != tuple((n,) for n in values.shape):
        raise InputError(
            f"centres must have one place per cell of {values.shape}, got "
            f"{', '.join(str(c.shape) for c in centres)}.",
            argument="centres",
        )
    if not mask.any():
        raise InputError("mask must hold one cell at least, got none.", argument="mask")
    if not np.isfinite(values[mask]).all():
        raise InputError("values must be finite inside the mask.", argument="values")


class _Pyramid:
    """Bounds over blocks of 1, 2, 4, ... cells along every axis, all levels in one array.

    A block is bounded by a plane below its values: with any slope g, centre c and half widths h,
    and m = min over its cells of values(y) - g (y - c), convexity of the distance gives
    values(y) + |x - y| >= m + |x - c| - sum |g + e| h, where e is the direction from x to c.
    The slope that serves is the one of the transform; along a ray, where many cells nearly tie,
    it is close to -e, and the bound is tight up to curvature.

    Attributes
    ----------
    planes : array (blocks, 4)
        m and g, level after level, each in C order.
    sizes : integer array (levels, 3)
    first : integer array (levels,)
        Where a level starts in `planes`.
    middle, half : arrays
        Centre and half width of each block, axis by axis within a level.
    place : integer array (levels, 3)
        Where they start in `middle` and `half`.
    """

    def __init__(self, values, guide, points):
        sizes, middle, half = [], [], []
        size, step = values.shape, 1
        while True:
            sizes.append(size)
            for c in points:
                low = c[::step]
                high = c[np.minimum(np.arange(0, c.size, step) + step, c.size) - 1]
                middle.append(0.5 * (low + high))
                half.append(0.5 * (high - low))
            if max(size) == 1:
                break
            size, step = tuple((n + 1) // 2 for n in size), 2 * step
        self.sizes = np.array(sizes)
        blocks = self.sizes.prod(axis=1)
        self.first = np.cumsum(blocks) - blocks
        self.middle, self.half = np.concatenate(middle), np.concatenate(half)
        counts = self.sizes.ravel()
        self.place = (np.cumsum(counts) - counts).reshape(-1, 3)
        self.planes = np.zeros((blocks.sum(), 4))
        self.planes[:, 0] = np.inf
        self._points = points
        _plane(values, guide, *points, self.planes, self.sizes, self.first, self.middle, self.place)

    def search(self, asked, least, cells):
        """For each cell asked for the least values(y) + |x - y| below what `least` holds.

        Parameters
        ----------
        asked : integer array (n,)
            Flat indices.
        least, cells : arrays (n, k)
            In ascending order along a row; better ones replace what they hold, in place.
        """
        _search(
            asked,
            least,
            cells,
            *self._points,
            self.planes,
            self.sizes,
            self.first,
            self.middle,
            self.half,
            self.place,
        )


# --- kernels -------------------------------------------------------------------------------------


@jit
def _offer(best, nearest, start, u, v, w, i, j, k, a, b, c):
    """Let cell (i, j, k) try the candidate of the cell (a, b, c)."""
    y = nearest[a, b, c]
    if y < 0 or y == nearest[i, j, k]:
        return
    n1, n2 = best.shape[1], best.shape[2]
    p = y // (n1 * n2)
    q = (y // n2) % n1
    r = y % n2
    d0, d1, d2 = u[i] - u[p], v[j] - v[q], w[k] - w[r]
    cost = start[p, q, r] + np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
    if cost < best[i, j, k]:
        best[i, j, k] = cost
        nearest[i, j, k] = y


@kernel
def _sweep(best, nearest, start, u, v, w):
    """Hand candidates over the grid, forth and back; `best` and `nearest` change in place."""
    n0, n1, n2 = best.shape
    for turn in range(2):
        step = 1 - 2 * turn
        for s in range(n0):
            i = s if turn == 0 else n0 - 1 - s
            a = i - step
            for t in range(n1):
                j = t if turn == 0 else n1 - 1 - t
                if 0 <= a < n0:
                    for b in range(max(j - 1, 0), min(j + 2, n1)):
                        for k in range(n2):
                            for c in range(max(k - 1, 0), min(k + 2, n2)):
                                _offer(best, nearest, start, u, v, w, i, j, k, a, b, c)
                b = j - step
                if 0 <= b < n1:
                    for k in range(n2):
                        for c in range(max(k - 1, 0), min(k + 2, n2)):
                            _offer(best, nearest, start, u, v, w, i, j, k, i, b, c)
                for k in range(1, n2):
                    _offer(best, nearest, start, u, v, w, i, j, k, i, j, k - 1)
                for k in range(n2 - 2, -1, -1):
                    _offer(best, nearest, start, u, v, w, i, j, k, i, j, k + 1)


@kernel
def _plane(values, guide, u, v, w, planes, sizes, first, middle, place):
    """Fill in the slopes and then the heights of the planes of all blocks."""
    n0, n1, n2 = values.shape
    levels = sizes.shape[0]
    cells = np.zeros(planes.shape[0])
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                if not np.isfinite(values[i, j, k]):
                    continue
                at = (i * n1 + j) * n2 + k
                planes[at, 0] = values[i, j, k]
                cells[at] = 1.0
                planes[at, 1] = _slope(
                    guide[max(i - 1, 0), j, k],
                    guide[min(i + 1, n0 - 1), j, k],
                    u[max(i - 1, 0)],
                    u[min(i + 1, n0 - 1)],
                )
                planes[at, 2] = _slope(
                    guide[i, max(j - 1, 0), k],
                    guide[i, min(j + 1, n1 - 1), k],
                    v[max(j - 1, 0)],
                    v[min(j + 1, n1 - 1)],
                )
                planes[at, 3] = _slope(
                    guide[i, j, max(k - 1, 0)],
                    guide[i, j, min(k + 1, n2 - 1)],
                    w[max(k - 1, 0)],
                    w[min(k + 1, n2 - 1)],
                )
    for level in range(1, levels):
        m0, m1, m2 = sizes[level - 1]
        s1, s2 = sizes[level, 1], sizes[level, 2]
        for p in range(m0):
            for q in range(m1):
                for r in range(m2):
                    child = first[level - 1] + (p * m1 + q) * m2 + r
                    block = first[level] + ((p // 2) * s1 + q // 2) * s2 + r // 2
                    cells[block] += cells[child]
                    for a in range(1, 4):
                        planes[block, a] += cells[child] * planes[child, a]
        for block in range(first[level], first[level] + sizes[level].prod()):
            if cells[block] > 0.0:
                for a in range(1, 4):
                    planes[block, a] /= cells[block]
    for level in range(1, levels):
        m0, m1, m2 = sizes[level]
        at0, at1, at2 = place[level]
        for i in range(n0):
            p = i >> level
            d0 = u[i] - middle[at0 + p]
            for j in range(n1):
                q = j >> level
                d1 = v[j] - middle[at1 + q]
                for k in range(n2):
                    r = k >> level
                    block = first[level] + (p * m1 + q) * m2 + r
                    d2 = w[k] - middle[at2 + r]
                    height = values[i, j, k] - (
                        planes[block, 1] * d0 + planes[block, 2] * d1 + planes[block, 3] * d2
                    )
                    planes[block, 0] = min(planes[block, 0], height)


@jit
def _slope(before, after, low, high):
    """The slope between two places, which may be one."""
    return (after - before) / (high - low) if high > low else 0.0


@kernel
def _search(asked, least, cells, u, v, w, planes, sizes, first, middle, half, place):
    """Fill `least` and `cells`, row by row in ascending order, with what undercuts their last."""
    n1, n2 = v.size, w.size
    top = sizes.shape[0] - 1
    most = least.shape[1]
    stack = np.empty((8 * (top + 1), 4), np.int64)
    for row in range(asked.size):
        cell = asked[row]
        x0, x1, x2 = u[cell // (n1 * n2)], v[(cell // n2) % n1], w[cell % n2]
        found = least[row, most - 1]
        if top == 0 and planes[0, 0] < found:
            least[row, 0], cells[row, 0] = planes[0, 0], 0
        stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = top, 0, 0, 0
        height = min(top, 1)
        while height > 0:
            height -= 1
            level = stack[height, 0] - 1
            p0, q0, r0 = 2 * stack[height, 1], 2 * stack[height, 2], 2 * stack[height, 3]
            m0, m1, m2 = sizes[level, 0], sizes[level, 1], sizes[level, 2]
            at0, at1, at2 = place[level, 0], place[level, 1], place[level, 2]
            for p in range(p0, min(p0 + 2, m0)):
                d0 = middle[at0 + p] - x0
                h0 = half[at0 + p]
                for q in range(q0, min(q0 + 2, m1)):
                    d1 = middle[at1 + q] - x1
                    h1 = half[at1 + q]
                    for r in range(r0, min(r0 + 2, m2)):
                        block = first[level] + (p * m1 + q) * m2 + r
                        bound = planes[block, 0]
                        if level == 0 and bound >= found:
                            continue
                        d2 = middle[at2 + r] - x2
                        distance = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
                        bound += distance
                        if level == 0:
                            if bound < found:
                                s = most - 1
                                while s > 0 and least[row, s - 1] > bound:
                                    least[row, s], cells[row, s] = (
                                        least[row, s - 1],
                                        cells[row, s - 1],
                                    )
                                    s -= 1
                                least[row, s], cells[row, s] = bound, block
                                found = least[row, most - 1]
                            continue
                        scale = 1.0 / distance if distance > 0.0 else 0.0
                        bound -= (
                            abs(planes[block, 1] + scale * d0) * h0
                            + abs(planes[block, 2] + scale * d1) * h1
                            + abs(planes[block, 3] + scale * d2) * half[at2 + r]
                        )
                        if bound < found:
                            stack[height, 0] = level
                            stack[height, 1] = p
                            stack[height, 2] = q
                            stack[height, 3] = r
                            height += 1
