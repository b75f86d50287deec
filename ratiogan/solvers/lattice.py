"""Multilinear interpolation between the nodes of a lattice, and its transpose.

A point between nodes y_j and y_(j+1) of an axis has the shares 1 - t and t of them, with
t = (y - y_j)/(y_(j+1) - y_j); in several dimensions the shares of the axes multiply. The value of a
function at a point is the sum of its values at the corners by these shares, and a sample adds its
shares to the corners: one is the transpose of the other, so gradients in the values at the nodes
belong to the interpolation exactly.
"""

import numpy as np

from ratiogan._jit import kernel


class Lattice:
    """The nodes of a tensor product of axes, 1 to 3 of them.

    Parameters
    ----------
    nodes : sequence of arrays (K_i,)
        Increasing; along an axis with a single node nothing varies.
    clip : bool
        Beyond the outer nodes the value is that of the outer node; by default it is extrapolated
        linearly.

    Examples
    --------
    >>> line = Lattice([np.array([0.0, 1.0, 3.0])])
    >>> spots = line.spots(np.array([[0.5], [2.0], [4.0]]))
    >>> line.values(np.array([0.0, 1.0, 2.0]), spots)
    array([0.5, 1.5, 2.5])
    >>> line.slopes(np.array([0.0, 1.0, 2.0]), spots).ravel()
    array([1. , 0.5, 0.5])
    >>> line.deposit(np.ones(3), spots)
    array([0.5, 0.5, 2. ])
    """

    def __init__(self, nodes, clip=False):
        nodes = [np.ascontiguousarray(axis, dtype=float) for axis in nodes]
        self.shape = tuple(axis.size for axis in nodes)
        self.size = int(np.prod(self.shape))
        self._nodes = np.concatenate(nodes)
        self._sizes = np.array(self.shape)
        self._starts = np.concatenate(([0], np.cumsum(self._sizes)[:-1]))
        self._strides = np.array([int(np.prod(self.shape[i + 1 :])) for i in range(len(nodes))])
        # One quotient finds the gap where all are equal, up to the rounding of the nodes.
        gaps = [np.diff(axis) for axis in nodes]
        equal = [gap.size and np.ptp(gap) <= 1e-9 * gap.mean() for gap in gaps]
        self._scales = np.array(
            [1.0 / gap.mean() if one else 0.0 for gap, one in zip(gaps, equal, strict=True)]
        )
        self._clip = bool(clip)

    def spots(self, points):
        """Where points (m, ndim) lie: for each axis the node before, t, and 1/gap."""
        found = (
            np.empty(points.shape, dtype=np.int64),
            np.empty(points.shape),
            np.empty(points.shape),
        )
        find_spots(points, self._nodes, self._starts, self._sizes, self._scales, self._clip, *found)
        return found

    def values(self, values, spots):
        """The function of these values at the nodes (flat), at every spot: array (m,)."""
        out = np.empty(len(spots[0]))
        gather(values, self._strides, spots[0], spots[1], out)
        return out

    def slopes(self, values, spots):
        """Its gradient there: array (m, ndim). On a node, that of the cell above."""
        out = np.empty(spots[0].shape)
        gather_slopes(values, self._strides, *spots, out)
        return out

    def deposit(self, amounts, spots):
        """Amounts (m,) at the spots, given to the nodes by their shares: flat array."""
        sums = np.zeros(self.size)
        scatter(amounts, self._strides, spots[0], spots[1], sums)
        return sums


# --- kernels -------------------------------------------------------------------------------------


@kernel
def find_spots(points, nodes, starts, sizes, scales, clip, first, share, steep):
    """The node before each point along each axis, t and 1/gap, into the last three."""
    for a in range(points.shape[1]):
        start, size = starts[a], sizes[a]
        if size == 1:
            for k in range(points.shape[0]):
                first[k, a], share[k, a], steep[k, a] = 0, 0.0, 0.0
            continue
        for k in range(points.shape[0]):
            y = points[k, a]
            if scales[a] > 0.0:
                j = int((y - nodes[start]) * scales[a])
            else:
                j = np.searchsorted(nodes[start : start + size], y, side="right") - 1
            j = min(max(j, 0), size - 2)
            # The quotient may be off by one at a node: the nodes themselves decide.
            while j > 0 and y < nodes[start + j]:
                j -= 1
            while j < size - 2 and y >= nodes[start + j + 1]:
                j += 1
            gap = nodes[start + j + 1] - nodes[start + j]
            t = (y - nodes[start + j]) / gap
            if clip:
                t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
            first[k, a], share[k, a], steep[k, a] = j, t, 1.0 / gap


@kernel
def gather(values, strides, first, share, out):
    """Sum over the corners of share times value, into `out`."""
    ndim = first.shape[1]
    for k in range(first.shape[0]):
        total = 0.0
        for corner in range(1 << ndim):
            weight, where = 1.0, 0
            for a in range(ndim):
                up = (corner >> a) & 1
                weight *= share[k, a] if up else 1.0 - share[k, a]
                where += (first[k, a] + up) * strides[a]
            # A corner without a share may not be there (one node), or be infinite.
            if weight != 0.0:
                total += weight * values[where]
        out[k] = total


@kernel
def gather_slopes(values, strides, first, share, steep, out):
    """The gradient of `gather` in the point, into `out`."""
    ndim = first.shape[1]
    for k in range(first.shape[0]):
        for b in range(ndim):
            total = 0.0
            for corner in range(1 << ndim):
                weight, where = steep[k, b], 0
                for a in range(ndim):
                    up = (corner >> a) & 1
                    if a != b:
                        weight *= share[k, a] if up else 1.0 - share[k, a]
                    elif not up:
                        weight = -weight
                    where += (first[k, a] + up) * strides[a]
                if weight != 0.0:
                    total += weight * values[where]
            out[k, b] = total


@kernel
def scatter(amounts, strides, first, share, sums):
    """The transpose of `gather`: amounts, added to the corners by their shares."""
    ndim = first.shape[1]
    for k in range(first.shape[0]):
        for corner in range(1 << ndim):
            weight, where = 1.0, 0
            for a in range(ndim):
                up = (corner >> a) & 1
                weight *= share[k, a] if up else 1.0 - share[k, a]
                where += (first[k, a] + up) * strides[a]
            if weight != 0.0:
                sums[where] += weight * amounts[k]
