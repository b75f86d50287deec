"""Transport between few atoms, solved to the end by successive shortest paths.

A few cells of mass on a wide grid are where an iteration over the whole grid is at its slowest,
because its potentials have a peak at every atom; and where the transport problem itself is small.
"""

import numpy as np

from ratiogan._jit import jit

# Work of one cell in the steps that this saves, over the work of one pair of atoms in one search:
# the searches are about as many as there are atoms, and each may look at all pairs.
_WORTH = 1000


def few(sources, sinks, cells):
    """Whether so many atoms are solved sooner one by one than on a grid of so many cells.

    Examples
    --------
    >>> few(10, 10, 64 * 64), few(500, 500, 64 * 64), few(1, 4000, 64 * 64)
    (True, False, True)
    """
    return min(sources, sinks) == 1 or (sources + sinks) ** 3 <= _WORTH * cells


def transport_atoms(supply, demand, places_supply, places_demand):
    """The cheapest transport between atoms in the Manhattan metric, with its potentials.

    Solves min sum_ij pi_ij d_ij over pi >= 0 with the given margins, d_ij = |x_i - y_j|_1, by
    successive shortest paths with reduced costs (Dijkstra on the dense graph).

    Parameters
    ----------
    supply : array (n,)
        Masses > 0 to be moved away.
    demand : array (m,)
        Masses > 0 to be brought; they sum as `supply` does, to round-off.
    places_supply, places_demand : array (n, axes) and (m, axes)
        Where the atoms lie.

    Returns
    -------
    plan : array (n, m)
        pi_ij. What round-off leaves over is not moved.
    potential_supply, potential_demand : array (n,) and (m,)
        f at the atoms: f_j - f_i <= d_ij, with equality where pi_ij > 0 (to round-off).

    References
    ----------
    Edmonds and Karp 1972, J. ACM 19; Ahuja, Magnanti, Orlin 1993, "Network flows", section 9.7.

    Examples
    --------
    >>> plan, at_supply, at_demand = transport_atoms(
    ...     np.array([1.0]), np.array([0.25, 0.75]), np.array([[0.0, 0.0]]),
    ...     np.array([[1.0, 0.0], [0.0, 2.0]])
    ... )
    >>> plan, at_demand - at_supply
    (array([[0.25, 0.75]]), array([1., 2.]))
    """
    n, m = supply.size, demand.size
    distance = np.zeros((n, m))
    for a, b in zip(places_supply.T, places_demand.T, strict=True):
        distance += np.abs(a[:, None] - b)
    if n == 1:
        return demand[None, :].astype(float), np.zeros(1), distance[0]
    if m == 1:
        return supply[:, None].astype(float), -distance[:, 0], np.zeros(1)
    plan = np.zeros((n, m))
    at_supply, at_demand = np.zeros(n), distance.min(axis=0)
    _shortest_paths(
        np.array(supply, dtype=float), np.array(demand, dtype=float), distance, plan, at_supply,
        at_demand,
    )  # fmt: skip
    return plan, at_supply, at_demand


# --- kernel --------------------------------------------------------------------------------------


@jit
def _shortest_paths(supply, demand, distance, plan, at_supply, at_demand):
    """Move all of `supply` (used up, as is `demand`); plan and potentials are written in place.

    Each round searches from one source for the nearest sink that still wants mass, along edges of
    length d_ij + f_i - f_j >= 0 forwards and 0 backwards (where the plan has mass), and moves as
    much as the path bears.
    """
    n, m = distance.shape
    near_supply, near_demand = np.empty(n), np.empty(m)
    done_supply, done_demand = np.empty(n, np.bool_), np.empty(m, np.bool_)
    into_supply, into_demand = np.empty(n, np.int64), np.empty(m, np.int64)
    for start in range(n):
        while supply[start] > 0.0:
            near_supply[:] = np.inf
            near_demand[:] = np.inf
            done_supply[:] = False
            done_demand[:] = False
            near_supply[start] = 0.0
            end = -1
            while end < 0:
                best, source, sink = np.inf, -1, -1
                for i in range(n):
                    if not done_supply[i] and near_supply[i] < best:
                        best, source = near_supply[i], i
                for j in range(m):
                    if not done_demand[j] and near_demand[j] < best:
                        best, sink = near_demand[j], j
                if sink >= 0:
                    done_demand[sink] = True
                    if demand[sink] > 0.0:
                        end = sink
                    for i in range(n):
                        if plan[i, sink] > 0.0 and best < near_supply[i]:
                            near_supply[i] = best
                            into_supply[i] = sink
                elif source >= 0:
                    done_supply[source] = True
                    for j in range(m):
                        reduced = distance[source, j] + at_supply[source] - at_demand[j]
                        # below 0 by round-off only
                        length = best + (reduced if reduced > 0.0 else 0.0)
                        if length < near_demand[j]:
                            near_demand[j] = length
                            into_demand[j] = source
                else:
                    return  # no sink wants more: the rest is round-off
            reach = near_demand[end]
            for i in range(n):
                if near_supply[i] < reach:
                    at_supply[i] += near_supply[i] - reach
            for j in range(m):
                if near_demand[j] < reach:
                    at_demand[j] += near_demand[j] - reach
            _move(start, end, supply, demand, plan, into_supply, into_demand)


@jit
def _move(start, end, supply, demand, plan, into_supply, into_demand):
    """Move what the path from `start` to `end` bears."""
    amount = min(supply[start], demand[end])
    sink = end
    while into_demand[sink] != start:
        source = into_demand[sink]
        sink = into_supply[source]
        amount = min(amount, plan[source, sink])
    sink = end
    while True:
        source = into_demand[sink]
        plan[source, sink] += amount
        if source == start:
            break
        sink = into_supply[source]
        plan[source, sink] -= amount
    supply[start] -= amount
    demand[end] -= amount
