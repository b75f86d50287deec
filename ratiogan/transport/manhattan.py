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
from ratiogan.transport.flows import no_flow, route
from ratiogan.transport.halpern import Iteration
from ratiogan.transport.problem import GridTransport, Problem, check_memory, checked

_SINGLE = 3e-5  # the relative gap that steps in float32 still reach, with something to spare
_COARSE_TOL, _COARSE_STEPS = 5e-4, 100
# Where a coarse grid is still so far from its end, it pays to go on there: steps are cheaper.
_HARD, _HARD_STEPS = 5e-3, 200
_BYTES = 200  # of memory that a cell needs at most, in float64 and three axes
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
    return GridTransport(
        lower=solved.lower * problem.unit,
        upper=solved.upper * problem.unit,
        critic=problem.critic(solved.potential, real),
        flow=problem.flow(solved.flow) if flow else None,
        plan=None,
        residual=solved.residual * problem.mass,
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
    residual: float
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
    upper, flow, residual = upper_bound(flow, problem)
    return _bounded(lower, upper, potential, flow, residual, 0, tol, floor, [])


def _bounded(lower, upper, potential, flow, residual, steps, tol, floor, history):
    lower = min(max(lower, 0.0), upper)  # beyond it by round-off only
    # Where all that is moved is round-off, no part of it can be told.
    reached = upper - lower <= tol * upper or upper <= floor
    history = [*history[:-1], (steps, lower, upper)]
    return _Solved(lower, upper, potential, flow, residual, steps, reached, history)


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
    # Where float32 stalls, float64 still has half of the steps.
    share = max_steps if tol >= _SINGLE else (max_steps + 1) // 2
    while True:
        state.run(tol if tol >= _SINGLE else _SINGLE, floor, share, _FIRST_LOOK)
        flow = state.flow()
        upper, flow, residual = upper_bound(flow, problem)
        solved = _bounded(
            state.lower, upper, state.best, flow, residual, state.steps, tol, floor, state.history
        )
        if solved.reached or solved.upper - solved.lower <= floor or state.steps >= max_steps:
            return solved
        state, share = state.in_double(), max_steps
