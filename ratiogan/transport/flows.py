"""Flows on the edges between neighbouring cells: divergence, projection, cost, finer grids.

A flow is a list of three arrays of the shape of the cells: entry i along their axis is the mass
that crosses from cell i to i + 1, and the last is 0. An axis of one cell has an array (1, 1, 1),
which is not looked at.
"""

import numpy as np

from ratiogan._jit import jit, kernel


def no_flow(shape, dtype):
    """One array per axis: the flow from each cell to the next along it, 0 from the last."""
    return [np.zeros(shape if n > 1 else (1, 1, 1), dtype) for n in shape]


def entering(flows):
    """What enters each cell of a grid less what leaves it.

    Parameters
    ----------
    flows : tuple of arrays
        One per axis of the grid: the mass that crosses from a cell to the next along it, one
        entry less on this axis.

    Examples
    --------
    >>> entering((np.array([[0.0, 0.5]]), np.array([[0.5], [0.0]])))
    array([[-0.5,  0. ],
           [ 0. ,  0.5]])
    """
    total = 0.0
    for axis, along in enumerate(flows):
        ends = [(0, 0)] * along.ndim
        total = total - np.diff(np.pad(along, [*ends[:axis], (1, 1), *ends[axis + 1 :]]), axis=axis)
    return total


def refined_flow(part, axis, shape):
    """The flow along one axis on a finer grid.

    A face shares its flow among the faces it falls into; between the two parts of one cell flows
    the mean of what enters it and what leaves it.
    """
    if shape[axis] == 1:
        return np.zeros((1, 1, 1))
    for a, n in enumerate(shape):
        if part.shape[a] == n:
            continue
        if a != axis:
            pair = np.arange(n) // 2
            share = (1.0 / np.bincount(pair))[pair]
            part = part.take(pair, a) * share.reshape([-1 if c == a else 1 for c in range(3)])
        else:
            old = np.moveaxis(part, a, 0)
            new = np.zeros((n, *old.shape[1:]), part.dtype)
            new[1::2] = old[: n // 2]
            new[0::2] = 0.5 * old
            new[2::2] += 0.5 * old[:-1]
            new[-1] = 0.0
            part = np.moveaxis(new, 0, a)
    return np.ascontiguousarray(part)


# --- kernels -------------------------------------------------------------------------------------


@jit
def planes(x):
    """An array of cells as (n0, n1 n2)."""
    return x.reshape(x.shape[0], x.shape[1] * x.shape[2])


@kernel
def divergence_plane(s0, s1, s2, b, right, i, row):
    """b - D^T s on the cells i of the first axis, `row` of them in a row."""
    plane = right[i]
    given = b[i]
    s = s2[i]
    plane[0] = given[0] + s[0]
    for k in range(1, plane.size):
        plane[k] = given[k] + s[k] - s[k - 1]
    if row < plane.size:
        s = s1[i]
        for k in range(plane.size):
            plane[k] += s[k]
        beside = plane[row:]
        for k in range(beside.size):
            beside[k] -= s[k]
    if b.shape[0] > 1:
        s = s0[i]
        for k in range(plane.size):
            plane[k] += s[k]
        if i > 0:
            s = s0[i - 1]
            for k in range(plane.size):
                plane[k] -= s[k]


@kernel
def divergence(s0, s1, s2, b, right):
    """b - D^T s into `right`."""
    row = b.shape[2]
    s0, s1, s2, b, right = planes(s0), planes(s1), planes(s2), planes(b), planes(right)
    for i in range(b.shape[0]):
        divergence_plane(s0, s1, s2, b, right, i, row)


@kernel
def project(s0, s1, s2, phi, share):
    """s <- s + share D phi, in place."""
    n0, n1, n2 = phi.shape
    for i in range(n0):
        for j in range(n1):
            q = phi[i, j]
            if n2 > 1:
                s = s2[i, j]
                for k in range(n2 - 1):
                    s[k] += share * (q[k + 1] - q[k])
            if j < n1 - 1:
                s = s1[i, j]
                p = phi[i, j + 1]
                for k in range(n2):
                    s[k] += share * (p[k] - q[k])
            if i < n0 - 1:
                s = s0[i, j]
                p = phi[i + 1, j]
                for k in range(n2):
                    s[k] += share * (p[k] - q[k])


@kernel
def cost(s0, s1, s2, phi, h0, h1, h2):
    """sum h_e |s + D phi|."""
    n0, n1, n2 = phi.shape
    total = 0.0
    for i in range(n0):
        for j in range(n1):
            q = phi[i, j]
            if n2 > 1:
                s = s2[i, j]
                for k in range(n2 - 1):
                    total += h2[k] * abs(s[k] + (q[k + 1] - q[k]))
            if j < n1 - 1:
                s = s1[i, j]
                p = phi[i, j + 1]
                part = 0.0
                for k in range(n2):
                    part += abs(s[k] + (p[k] - q[k]))
                total += h1[j] * part
            if i < n0 - 1:
                s = s0[i, j]
                p = phi[i + 1, j]
                part = 0.0
                for k in range(n2):
                    part += abs(s[k] + (p[k] - q[k]))
                total += h0[i] * part
    return total


@kernel
def route(plan, sources, sinks, s0, s1, s2):
    """Add what `plan` moves to the flow, each pair along the last axis first."""
    for i in range(plan.shape[0]):
        for j in range(plan.shape[1]):
            mass = plan[i, j]
            if mass > 0.0:
                x, y, z = sources[i]
                to_x, to_y, to_z = sinks[j]
                sign = mass if to_z > z else -mass
                for k in range(min(z, to_z), max(z, to_z)):
                    s2[x, y, k] += sign
                sign = mass if to_y > y else -mass
                for k in range(min(y, to_y), max(y, to_y)):
                    s1[x, k, to_z] += sign
                sign = mass if to_x > x else -mass
                for k in range(min(x, to_x), max(x, to_x)):
                    s0[k, to_y, to_z] += sign
