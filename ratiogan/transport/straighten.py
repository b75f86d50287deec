"""A flow with its detours cut off: the mass of each path goes straight to where the path ends.

A flow along edges is a sum of paths from cells of surplus to cells of deficit. Where such a path
turns back, a straight one costs less. The steps of an iteration over the whole grid find that out
slowly, because a loop of many edges pulls at each of them by little; here it takes one pass.
"""

import numpy as np

from ratiogan._jit import jit


def straightened(flow, b):
    """The flow without loops and with every path that takes a detour replaced.

    Parameters
    ----------
    flow : list of three arrays
        Entry i along its axis is the mass that crosses from cell i to i + 1, the last is 0; an
        axis of one cell has an array (1, 1, 1).
    b : array (n0, n1, n2)
        The divergence of the flow: p_r - p_g. What round-off leaves over is not moved.

    Returns
    -------
    list of three arrays
        A flow with this divergence, to round-off, that costs no more, however long each edge is.

    Examples
    --------
    >>> b = np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]).reshape(2, 1, 3)
    >>> down = np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]]).reshape(2, 1, 3)
    >>> along = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]).reshape(2, 1, 3)
    >>> straightened([down, np.zeros((1, 1, 1)), along], b)[2].reshape(2, 3)
    array([[1., 1., 0.],
           [0., 0., 0.]])
    """
    size = b.size
    left = np.zeros((3, size))
    for part, onto in zip(flow, left, strict=True):
        if part.size == size:
            onto[:] = part.ravel()
    found = np.zeros((3, size))
    _straighten(left.reshape(3 * size), b.ravel().copy(), b.shape, found.reshape(3 * size))
    return [onto[: part.size].reshape(part.shape) for part, onto in zip(flow, found, strict=True)]


# --- kernels -------------------------------------------------------------------------------------
# Edge a * cells + x leads from cell x one cell on along axis a.


@jit
def _straighten(flow, b, shape, found):
    """Take `flow` (and `b`) apart path by path, and add every path to `found`, straight."""
    cells = b.size
    stride = (shape[1] * shape[2], shape[2], 1)
    place = np.full(cells, -1)  # of a cell on the path
    path, edges = np.empty(cells + 1, np.int64), np.empty(cells + 1, np.int64)
    for start in range(cells):
        while b[start] < 0.0:
            length, end = _walk(flow, b, start, stride, place, path, edges)
            for k in range(length + 1):
                place[path[k]] = -1
            if not b[end] > 0.0:
                break  # the rest is round-off
            mass = min(-b[start], b[end])
            for k in range(length):
                mass = min(mass, abs(flow[edges[k]]))
            steps = 0
            x, y = start, end
            for axis in range(3):
                steps += abs(x // stride[axis] - y // stride[axis])
                x, y = x % stride[axis], y % stride[axis]
            for k in range(length):
                moved = mass if flow[edges[k]] > 0.0 else -mass
                flow[edges[k]] -= moved
                if steps == length:
                    found[edges[k]] += moved
            if steps < length:
                _send(found, start, end, mass, cells, stride)
            b[start] += mass
            b[end] -= mass


@jit
def _walk(flow, b, start, stride, place, path, edges):
    """Follow the strongest flow from `start` to a cell that wants mass; loops are cancelled.

    Returns the number of edges and the last cell, which wants nothing where the flow ends.
    """
    cells = b.size
    length, x = 0, start
    path[0], place[x] = x, 0
    while True:
        best, edge, onwards = 0.0, -1, -1
        for axis in range(3):
            ahead = axis * cells + x
            if flow[ahead] > best:
                best, edge, onwards = flow[ahead], ahead, x + stride[axis]
            if x >= stride[axis] and -flow[ahead - stride[axis]] > best:
                edge, onwards = ahead - stride[axis], x - stride[axis]
                best = -flow[edge]
        if edge < 0:
            return length, x
        edges[length] = edge
        length += 1
        path[length], x = onwards, onwards
        if place[x] >= 0:
            first = place[x]
            for k in range(first, length):
                best = min(best, abs(flow[edges[k]]))
            for k in range(first, length):
                flow[edges[k]] -= best if flow[edges[k]] > 0.0 else -best
                place[path[k + 1]] = -1
            length = first
            place[x] = first
        elif b[x] > 0.0:
            return length, x
        else:
            place[x] = length


@jit
def _send(flow, start, end, mass, cells, stride):
    """Add `mass` to the flow from `start` to `end`, along the last axis first."""
    x = start
    for axis in range(2, -1, -1):
        to = end % stride[axis - 1] if axis > 0 else end
        here = x % stride[axis - 1] if axis > 0 else x
        steps = to // stride[axis] - here // stride[axis]
        for _ in range(abs(steps)):
            if steps > 0:
                flow[axis * cells + x] += mass
                x += stride[axis]
            else:
                x -= stride[axis]
                flow[axis * cells + x] -= mass
