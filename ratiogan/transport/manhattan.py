"""Wasserstein-1 in the Manhattan metric on a grid of 2 or 3 axes, with a proof of how near it is.

On the graph that joins neighbouring cells, transport is a flow along the edges: W1 is the least
sum h_e |M_e| over flows M with D^T M = b, b = p_r - p_g, and the greatest sum b f over potentials
with |D f| <= h_e. Both sides are approached at once; a flow whose divergence is exact bounds W1
from above, a potential that is exactly 1-Lipschitz, the critic, from below.

What differs on one line has but one flow, few atoms are solved one by one, and all else by a
restarted Halpern iteration (`ratiogan/transport/halpern.py`) from coarse grids to fine ones, in
float32; only the two bounds are found in float64.
"""

from dataclasses import dataclass

import numpy as np

from ratiogan.errors import check_integer, check_positive
from ratiogan.transport.atoms import few, transport_atoms
from ratiogan.transport.bounds import lower_bound, upper_bound
from ratiogan.transport.flows import entering, no_flow, route
from ratiogan.transport.halpern import Iteration
from ratiogan.transport.problem import GridTransport, Problem, check_memory, checked
from ratiogan.transport.simplex import NetworkSimplex

_SINGLE = 3e-5  # the relative gap that steps in float32 still reach, with something to spare
_COARSE_TOL, _COARSE_STEPS = 5e-4, 100
# Where a coarse grid is still so far from its end, it pays to go on there: steps are cheaper.
_HARD, _HARD_STEPS = 5e-3, 200
_BYTES = 200  # of memory that a cell needs at most, in float64 and three axes
_SIMPLEX_UP_TO = 1 << 14  # cells: a third of a second
_BEFORE_SIMPLEX = 300, 60  # steps where float32 may do, and where it cannot
_FIRST_LOOK = 5  # steps before the first look at the bounds


def manhattan(gen_mass, real_mass, edges, *, tol=1e-3, max_steps=2000, flow=False):
    """W1 in the Manhattan metric between masses on the cells of a grid, between two proven bounds.

    Solves min sum h_e |M_e| over flows with D^T M = p_r - p_g, and its dual, the greatest
    E_r[f] - E_g[f] over |f(x) - f(y)| <= |x - y|_1. The masses sit at the cell centres.

    Parameters
    ----------
    gen_mass, real_mass : array, 1 to 3 axes
        Cell masses >= 0 of p_g and p_r, which sum alike. (`gen_mass` is scaled by what round-off
        leaves between the sums, at most 1e-9 of them, and the last bits that are still over are
        taken off the cell that differs most.) W1 is for the masses as they are: sum 1 for a
        distance between distributions.
    edges : sequence of arrays
        For each axis its ascending cell edges, one more than cells; even or not.
    tol : float
        Stop when (upper - lower) / upper <= tol; or, not `reached`, where the gap is the round-off
        of the masses themselves (2^-50 of the mass times the width of the grid).
    max_steps : int
        Most steps on the grid itself. Coarser grids before it add the work of 35 steps, and where
        they are slow themselves that of 100.
    flow : bool
        Whether the result holds the flow too.

    Returns
    -------
    GridTransport
        In the unit of the axes. Equal masses give exactly 0.

    Raises
    ------
    InputError
        For masses that are negative, not finite, without any sum, or do not sum alike; shapes and
        edges that do not fit; tol <= 0; max_steps < 1.

    Notes
    -----
    The common mass min(p_r, p_g) is left in place, and the grid is cut down to the box of the
    cells where the masses differ: neither changes W1. A step costs two cosine transforms and two
    passes of elimination over the grid; memory is some 20 numbers per cell. Steps are taken in
    float32 down to a relative gap of 3e-5, and in float64 below that. In float64 a relative gap
    of 1e-9 is within reach of patience, 1e-12 is not, unless atoms are few: what is reached, the
    interval says.

    A heap of much mass amid fine noise is the hard case: the one straight way of the heap is
    found slowly by steps that suit the noise. There the flow is taken apart into paths, and those
    that take a detour are replaced (`straightened`).

    References
    ----------
    Jacobs, Leger, Li, Osher 2019, "Solving large-scale optimization problems with a convergence
    rate independent of grid size", SIAM J. Numer. Anal. 57 (G-prox). Lu, Yang 2024, "Restarted
    Halpern PDHG for linear programming", arXiv:2407.16144. Felzenszwalb, Huttenlocher 2012,
    "Distance transforms of sampled functions", Theory of Computing 8.

    Examples
    --------
    >>> import numpy as np
    >>> p_r, p_g = np.zeros((4, 4)), np.zeros((4, 4))
    >>> p_r[0, 0] = p_g[2, 3] = 1.0
    >>> found = manhattan(p_g, p_r, [np.arange(5.0), np.arange(5.0)])
    >>> found.lower, found.upper
    (5.0, 5.0)
    >>> float(found.critic[2, 3] - found.critic[0, 0])
    -5.0
    """
    gen, real, edges = checked(gen_mass, real_mass, edges)
    tol = check_positive("tol", tol)
    max_steps = check_integer("max_steps", max_steps, 1)
    check_memory(real.shape, _BYTES)
    problem = Problem.between(gen, real, edges)
    if problem is None:
        return GridTransport.nothing(real.shape, flow=flow)
    floor = 2.0**-50 * real.sum() * problem.width / problem.mass
    solved = _solve(problem, tol, floor, max_steps)
    flows = problem.flow(solved.flow)
    return GridTransport(
        lower=solved.lower * problem.unit,
        upper=solved.upper * problem.unit,
        critic=problem.critic(solved.potential, real),
        flow=flows if flow else None,
        plan=None,
        residual=float(np.abs(entering(flows) - (real - gen)).max()),
        n_steps=solved.steps,
        reached=solved.reached,
        history=np.array(solved.history) * [1.0, problem.unit, problem.unit],
    )


@dataclass(eq=False)
class _Solved:
    """Bounds of a `Problem` with what proves them; `flow` is padded to three arrays of cells."""

    lower: float
    upper: float
    potential: np.ndarray
    flow: list
    steps: int
    reached: bool
    history: list


def _solve(problem, tol, floor, max_steps):
    if floor >= problem.width:
        # All that differs is round-off: anything will do.
        flow, potential = no_flow(problem.shape, np.float64), np.zeros(problem.shape)
    elif len(problem.axes) == 1:
        flow, potential = _line(problem)
    else:
        sources, sinks = problem.b < 0.0, problem.b > 0.0
        if not few(np.count_nonzero(sources), np.count_nonzero(sinks), problem.b.size):
            return _descend(problem, tol, floor, max_steps)
        flow, potential = _by_atoms(problem, np.argwhere(sources), np.argwhere(sinks))
    lower, potential = lower_bound(potential, problem)
    upper, flow = upper_bound(flow, problem)
    return _bounded(lower, upper, potential, flow, 0, tol, floor, [])


def _bounded(lower, upper, potential, flow, steps, tol, floor, history):
    # Where round-off has them cross, the interval is from the one to the other.
    lower, upper = sorted((max(lower, 0.0), upper))
    reached = max(upper - lower, floor) <= tol * upper or upper <= floor
    history = [*history[:-1], (steps, lower, upper)]
    return _Solved(lower, upper, potential, flow, steps, reached, history)


def _line(problem):
    """On one axis there is but one flow, and its signs are the slopes of the critic."""
    flow = no_flow(problem.shape, np.float64)
    ahead = -np.cumsum(problem.b)
    ahead[-1] = 0.0
    flow[2][...] = ahead
    potential = np.zeros(problem.shape)
    potential[0, 0, 1:] = np.cumsum(np.sign(ahead[:-1]) * np.diff(problem.centres[2]))
    return flow, potential


def _by_atoms(problem, sources, sinks):
    """Few atoms: their plan, each pair of it sent along the axes in turn."""
    points = [
        np.column_stack([c[k] for c, k in zip(problem.centres, at.T, strict=True)])
        for at in (sources, sinks)
    ]
    masses = [np.abs(problem.b[tuple(at.T)]) for at in (sources, sinks)]
    plan, _, at_sinks = transport_atoms(*masses, *points)
    flow = no_flow(problem.shape, np.float64)
    route(plan, sources, sinks, *flow)
    # The sources follow from the sinks, as every other cell does.
    potential = np.full(problem.shape, -np.inf)
    potential[tuple(sinks.T)] = at_sinks
    return flow, potential


def _descend(problem, tol, floor, max_steps):
    """From the coarsest grid to the finest, in float32, then in float64 if `tol` asks for it."""
    state = None
    for level in reversed(problem.levels()[1:]):
        state = Iteration.warm(level, np.float32, state)
        state.run(max(tol, _COARSE_TOL), 0.0, _COARSE_STEPS, first_look=0)
        if state.upper - state.lower > _HARD * state.upper:
            state.run(max(tol, _COARSE_TOL), 0.0, _HARD_STEPS, first_look=0)
    state = Iteration.warm(problem, np.float32, state)
    small = problem.b.size <= _SIMPLEX_UP_TO
    # What float32 cannot reach, and what takes long, is for the simplex where that is quick.
    share = min(max_steps, _BEFORE_SIMPLEX[tol < _SINGLE]) if small else max_steps
    if not small and tol < _SINGLE:
        share = (max_steps + 1) // 2  # float64 has the other half
    target = max(tol, _SINGLE)
    while True:
        state.run(target, floor, share, _FIRST_LOOK)
        upper, flow = upper_bound(state.flow(), problem)
        solved = _bounded(
            state.lower, upper, state.best, flow, state.steps, tol, floor, state.history
        )
        if solved.reached or solved.upper - solved.lower <= floor or state.steps >= max_steps:
            return solved
        if small:
            return _by_simplex(problem, solved, tol, floor)
        state, share, target = state.in_double(), max_steps, tol


def _by_simplex(problem, solved, tol, floor):
    """The optimum by the network simplex on the edges of the grid; it counts as one step."""
    cells = np.arange(problem.b.size).reshape(problem.shape)
    tails, heads, lengths = [], [], []
    for axis, gap in enumerate(problem.gaps):
        tails.append(cells.take(range(gap.size - 1), axis).ravel())
        heads.append(cells.take(range(1, gap.size), axis).ravel())
        along = [-1 if a == axis else 1 for a in range(3)]
        lengths.append(np.broadcast_to(gap[:-1].reshape(along), problem.shape_less(axis)).ravel())
    ends, onto, away = (np.concatenate(parts) for parts in (tails, heads, lengths))
    simplex = NetworkSimplex(-problem.b.ravel(), 2.0 * problem.width, solved.potential.ravel())
    simplex.add(np.append(ends, onto), np.append(onto, ends), np.append(away, away))
    tail, head, amount = simplex.solve().flow()
    flow = no_flow(problem.shape, np.float64)
    for axis, part in enumerate(flow):
        step = problem.b.strides[axis] // problem.b.itemsize
        for start, end, sign in ((tail, head, 1.0), (head, tail, -1.0)):
            here = end - start == step if problem.shape[axis] > 1 else np.zeros(end.size, bool)
            np.add.at(part.reshape(-1), start[here], sign * simplex.unit * amount[here])
    lower, potential = lower_bound(simplex.potential.reshape(problem.shape), problem)
    upper, flow = upper_bound(flow, problem)
    if lower < solved.lower:
        lower, potential = solved.lower, solved.potential
    if upper > solved.upper:
        upper, flow = solved.upper, solved.flow
    history = [*solved.history, ()]
    return _bounded(lower, upper, potential, flow, solved.steps + 1, tol, floor, history)
