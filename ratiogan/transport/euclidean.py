"""Wasserstein-1 in the Euclidean metric on a grid of 2 or 3 axes, with a proof of how near it is.

W1 is the least sum of mass times distance over plans that carry p_g into p_r, and the greatest
sum b f, b = p_r - p_g, over potentials with |f(x) - f(y)| <= |x - y| for ALL pairs of cells. Any
plan bounds it from above, any such potential, the critic, from below.

Both come from one iteration that knows only neighbours (`ratiogan/transport/beckmann.py`): its
potential is made 1-Lipschitz over all pairs by an exact c-transform, its flow is taken apart into
straight ways (`ratiogan/transport/paths.py`). The longer the ways, in cells, the closer the two
bounds come. Where that is not close enough, a network simplex on the pairs that matter goes on
(`ratiogan/transport/polish.py`).
"""

import numpy as np

from ratiogan.errors import check_integer, check_positive
from ratiogan.sums import ordered_sum
from ratiogan.transport.beckmann import BeckmannIteration
from ratiogan.transport.bounds import upper_bound
from ratiogan.transport.c_transform import c_transform, lipschitz
from ratiogan.transport.paths import line_plan, margins_off, plan_cost, plan_of_flow
from ratiogan.transport.polish import polish
from ratiogan.transport.problem import GridTransport, Plan, Problem, check_memory, checked
from ratiogan.transport.simplex import NetworkSimplex

_COARSE_STEPS = 40  # on every coarser grid
_FIRST_LOOK = 30  # steps before the first look at the bounds
_PAIRS = 16  # of atoms, per cell: so many are solved at once, sooner than a grid is
_MOST_PAIRS = 1 << 20  # some 100 MB
_DOUBLINGS = 3  # of the steps: worth it where, at the present pace, so many would do
_WARM_STEPS, _MOST_WARM_STEPS = 12, 240  # of a critic that follows its p_g
_BYTES = {1: 700, 2: 1_100, 3: 2_500}  # of memory per cell by number of axes, by measurement


def euclidean(gen_mass, real_mass, edges, *, tol=1e-3, max_steps=2000, plan=False):
    """W1 in the Euclidean metric between masses on the cells of a grid, between two proven bounds.

    Solves min sum pi(x, y) |x - y| over plans pi with margins p_g and p_r, and its dual, the
    greatest E_r[f] - E_g[f] over |f(x) - f(y)| <= |x - y| for all pairs of cells. The masses sit
    at the cell centres.

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
        Stop when (upper - lower) / upper <= tol. Where the gap is the round-off of the masses
        themselves (2^-50 of the mass times the width of the grid) steps end too; a `tol` below
        it is never reached.
    max_steps : int
        Most steps on the grid itself; a round of the network simplex counts as one.
    plan : bool
        Whether the result holds the plan too.

    Returns
    -------
    GridTransport
        In the unit of the axes. Equal masses give exactly 0.

    Raises
    ------
    InputError
        For masses that are negative, not finite, without any sum, or do not sum alike; shapes and
        edges that do not fit; tol <= 0; max_steps < 1; a grid too large for the memory there is.

    Notes
    -----
    The common mass min(p_r, p_g) is left in place, and the grid is cut down to the box of the
    cells where the masses differ: neither changes W1.

    References
    ----------
    Beckmann 1952, "A continuous model of transportation", Econometrica 20. Jacobs, Leger, Li,
    Osher 2019, "Solving large-scale optimization problems with a convergence rate independent of
    grid size", SIAM J. Numer. Anal. 57. Kantorovich and Rubinstein 1958.

    Examples
    --------
    >>> import numpy as np
    >>> p_r, p_g = np.zeros((5, 5)), np.zeros((5, 5))
    >>> p_r[0, 0] = p_g[3, 4] = 1.0
    >>> found = euclidean(p_g, p_r, [np.arange(6.0), np.arange(6.0)], plan=True)
    >>> round(found.lower, 12), round(found.upper, 12)
    (5.0, 5.0)
    >>> found.plan.origin, found.plan.destination
    (array([19]), array([0]))
    """
    check_memory(np.shape(real_mass), _BYTES.get(np.ndim(real_mass), 0))
    gen, real, edges = checked(gen_mass, real_mass, edges)
    tol = check_positive("tol", tol)
    max_steps = check_integer("max_steps", max_steps, 1)
    problem = Problem.between(gen, real, edges)
    if problem is None:
        return GridTransport.nothing(real.shape, plan=plan)
    floor = 2.0**-50 * real.sum() * problem.width / problem.mass
    search = _Search(problem, tol, floor, max_steps)
    search.run()
    unit, moved = problem.unit, problem.plan(search.plan)
    return GridTransport(
        lower=search.lower * unit,
        upper=search.upper * unit,
        critic=problem.critic(whole_critic(search.potential, problem), real),
        flow=None,
        plan=moved if plan else None,
        residual=float(np.abs(margins_off(moved, real - gen)).max()),
        n_steps=search.steps,
        reached=search.reached,
        history=np.array(search.history) * [1.0, unit, unit],
    )


class _Search:
    """Narrows the interval until it meets `tol` or `floor`, or `max_steps` are done."""

    def __init__(self, problem, tol, floor, max_steps):
        self.problem, self.tol, self.floor, self.max_steps = problem, tol, floor, max_steps
        self.lower, self.upper, self.steps = -np.inf, np.inf, 0
        self.potential = self.plan = None
        self.history = []

    @property
    def reached(self):
        met = max(self.upper - self.lower, self.floor) <= self.tol * self.upper
        return met or self.upper <= self.floor

    @property
    def over(self):
        """Whether nothing is to be won: `tol` is met, or what is left is round-off."""
        return self.reached or self.upper - self.lower <= self.floor

    def offer(self, potential, plan):
        """Keep the better of what there is and what comes, side by side."""
        problem = self.problem
        potential = lipschitz(potential, problem.b, problem.centres)
        lower = ordered_sum(potential, problem.b)
        if lower > self.lower:
            self.lower, self.potential = lower, potential
        upper = plan_cost(plan, problem.b, problem.centres)
        if upper < self.upper:
            self.upper, self.plan = upper, plan
        # Where round-off has them cross, the interval is from the one to the other.
        self.lower, self.upper = sorted((max(self.lower, 0.0), self.upper))
        self.history.append((self.steps, self.lower, self.upper))

    def run(self):
        problem = self.problem
        if len(problem.axes) == 1:
            self.offer(*_line(problem))
            return
        pairs = np.count_nonzero(problem.b < 0.0) * np.count_nonzero(problem.b > 0.0)
        if pairs <= min(_PAIRS * problem.b.size, _MOST_PAIRS):
            self.offer(*_by_atoms(problem))
            return
        state = _from_coarse_grids(problem)
        look, gap = _FIRST_LOOK, np.inf
        while True:
            state.run(min(look, self.max_steps) - state.steps)
            self.steps = state.steps
            self.offer(state.potential(), plan_of(state.edge_flow(), problem))
            gap, before = self.upper - self.lower, gap
            if self.over or self.steps >= self.max_steps:
                return
            pace = gap / before if before < np.inf else 0.5
            if gap * pace**_DOUBLINGS > self.tol * self.upper:
                break
            look *= 2
        self.polish()

    def polish(self):
        """Go on by the network simplex, where every round counts as a step."""
        found = polish(
            self.problem.b, self.problem.centres, self.potential, self.plan,
            tol=self.tol, floor=self.floor, max_rounds=self.max_steps - self.steps,
        )  # fmt: skip
        for lower, upper in found.history:
            self.steps += 1
            self.history.append((self.steps, max(lower, self.lower), min(upper, self.upper)))
        if found.lower > self.lower:
            self.lower, self.potential = found.lower, found.potential
        if found.upper < self.upper:
            self.upper, self.plan = found.upper, found.plan
        self.lower, self.upper = sorted((self.lower, self.upper))


def _by_atoms(problem):
    """Few atoms: potential and plan of the network simplex on all pairs of them."""
    b = problem.b.ravel()
    surplus, deficit = np.flatnonzero(b < 0.0), np.flatnonzero(b > 0.0)
    places = [
        c[k]
        for c, k in zip(
            problem.centres, np.unravel_index(range(b.size), problem.shape), strict=True
        )
    ]
    away = np.sqrt(sum((x[surplus][:, None] - x[deficit]) ** 2 for x in places))
    cells = np.concatenate([surplus, deficit])
    start, end = np.indices(away.shape).reshape(2, -1)
    simplex = NetworkSimplex(-b[cells], 2.0 * problem.width)
    simplex.add(start, end + surplus.size, away.ravel())
    origin, destination, amount = simplex.solve().flow()
    potential = np.zeros(problem.shape)
    potential.ravel()[cells] = simplex.potential
    return potential, Plan(cells[origin], cells[destination], amount * simplex.unit)


class WarmCritic:
    """The Euclidean critic for one p_g after another against the same p_r, each from the last.

    Parameters
    ----------
    real_mass : array, 2 or 3 axes
    edges : sequence of arrays
        For each axis its ascending cell edges.
    tol : float
        Steps go on while a dozen of them raise the bound by more than this share of it.

    Attributes
    ----------
    steps : int
        Taken in the last call.

    Examples
    --------
    >>> import numpy as np
    >>> p_r, p_g = np.full((4, 4), 1 / 16), np.zeros((4, 4))
    >>> p_g[0, 0] = 1.0
    >>> critic = WarmCritic(p_r, [np.arange(5.0), np.arange(5.0)])
    >>> lower, f = critic(p_g)
    >>> bool(abs(lower - ((p_r - p_g) * f).sum()) < 1e-12), round(lower, 3)
    (True, 2.406)
    """

    def __init__(self, real_mass, edges, tol=1e-3):
        self.real, self.edges, self.tol = np.asarray(real_mass, float), edges, tol
        self.state, self.problem, self.steps = None, None, 0

    def __call__(self, gen_mass):
        """A lower bound on W1 and the 1-Lipschitz f that proves it: E_r[f] - E_g[f], E_r[f] = 0."""
        problem = Problem.between(gen_mass, self.real, self.edges, crop=False)
        self.problem, self.steps = problem, 0
        if problem is None:
            return 0.0, np.zeros(self.real.shape)
        if self.state is None:
            self.state = _from_coarse_grids(problem)
        else:
            self.state.retarget(problem)
        best, found = 0.0, np.zeros(problem.shape)
        while self.steps < _MOST_WARM_STEPS:
            self.state.run(_WARM_STEPS)
            self.steps += _WARM_STEPS
            potential = lipschitz(self.state.potential(), problem.b, problem.centres)
            lower, before = ordered_sum(potential, problem.b), best
            if lower > best:
                best, found = lower, potential
            if lower <= before * (1.0 + self.tol):
                break
        f = problem.critic(whole_critic(found, problem), self.real)
        return best * problem.unit, f

    def upper(self):
        """An upper bound on W1 for the p_g of the last call: the cost of a plan."""
        if self.problem is None:
            return 0.0
        plan = plan_of(self.state.edge_flow(), self.problem)
        return plan_cost(plan, self.problem.b, self.problem.centres) * self.problem.unit


def _from_coarse_grids(problem):
    state = None
    for level in reversed(problem.levels()[1:]):
        state = BeckmannIteration.warm(level, state)
        state.run(_COARSE_STEPS)
    return BeckmannIteration.warm(problem, state)


def whole_critic(potential, problem):
    """A potential that is known where b != 0, on all cells: as low as those with b > 0 allow."""
    return -c_transform(-potential, problem.b > 0.0, problem.centres)[0]


def plan_of(flow, problem):
    """The plan of a flow between neighbours, whose divergence is made exact first."""
    _, flow = upper_bound(flow, problem)
    return Plan(*plan_of_flow(flow, problem.b, problem.centres))


def _line(problem):
    """On one axis mass is moved in order, and the signs of its flow are the potential's slopes."""
    plan = line_plan(problem.b.ravel())
    potential = np.zeros(problem.shape)
    ahead = -np.cumsum(problem.b)[:-1]
    potential[0, 0, 1:] = np.cumsum(np.sign(ahead) * np.diff(problem.centres[2]))
    return potential, plan
