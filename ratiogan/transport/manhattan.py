"""Wasserstein-1 in the Manhattan metric on a grid of 2 or 3 axes, with a proof of how near it is.

On the graph that joins neighbouring cells, transport is a flow along the edges: W1 is the least
sum h_e |M_e| over flows M with D^T M = b, b = p_r - p_g, and the greatest sum b f over potentials
with |D f| <= h_e. Both sides are approached at once; a flow whose divergence is exact bounds W1
from above, a potential that is exactly 1-Lipschitz, the critic, from below.

The iteration is Douglas-Rachford splitting, which is the primal-dual method preconditioned by the
Laplacian L = D^T D ("G-prox") with its two steps matched. Its one state is a flow s: the nearest
flow with the right divergence is s + D phi, phi = L^-1 (b - D^T s), and f = phi / tau is the
potential. It runs as a reflected Halpern iteration with restarts, from coarse grids to fine ones,
in float32; only the two bounds are found in float64.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan._jit import jit, kernel
from ratiogan.errors import InputError, check_integer, check_positive
from ratiogan.transport.atoms import few, transport_atoms
from ratiogan.transport.poisson import NeumannPoisson

_ROUND_OFF = 1e-9  # how far the sums of two masses may differ, relative to them
_SINGLE = 3e-5  # the relative gap that steps in float32 still reach, with something to spare
_COARSEST = 8  # cells on the longest axis
_COARSE_TOL, _COARSE_STEPS = 5e-4, 100
_FIRST_LOOK = 5  # steps before the first look at the bounds

# A restart of the Halpern iteration: the step has shrunk to the first share since the last one, or
# to the second and grows again, or so large a share of all steps has passed.
_SHRUNK, _TURNED, _LONG = 0.3, 0.9, 0.36
_MOST_RESCALED = 5.0
# tau over |M| / |D f|, at which both would weigh alike: half took the fewest steps over all pairs.
_BALANCE = 0.5
# Reflected in full (2) the error of a step may flip its sign for ever where the flow is free.
_REFLECTION = 1.9


@dataclass(frozen=True, eq=False)
class ManhattanTransport:
    """An interval that holds W1, with the flow and the critic that prove its ends.

    Attributes
    ----------
    lower, upper : float
        sum (p_r - p_g) critic and the cost of the flow, in the unit of the axes: W1 lies between
        them, to round-off.
    critic : array, shape of the grid
        f with |f(x) - f(y)| <= |x - y|_1 for all pairs of cells, and E_r[f] = 0.
    flow : tuple of arrays, or None
        On request, one array per axis: the mass that crosses from a cell to the next along it,
        one entry less on this axis. It carries p_g over into p_r.
    residual : float
        The largest mass of a cell by which the divergence of the flow is off: round-off.
    n_steps : int
        On the grid itself; 0 where atoms were few enough to be solved one by one.
    reached : bool
        Whether the relative gap met `tol`. The interval holds in any case.
    """

    lower: float
    upper: float
    critic: np.ndarray = field(repr=False)
    flow: tuple | None = field(repr=False)
    residual: float
    n_steps: int
    reached: bool

    @property
    def value(self):
        """The middle of the interval: at most half the gap from W1."""
        return 0.5 * (self.lower + self.upper)

    @property
    def gap(self):
        """upper - lower, in the unit of the axes."""
        return self.upper - self.lower

    @property
    def relative_gap(self):
        """The gap over the upper bound; 0 where both bounds are 0."""
        return self.gap / self.upper if self.upper > 0.0 else 0.0


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
        Stop when (upper - lower) / upper <= tol, or when the gap is the round-off of the masses
        themselves (2^-50 of the mass times the width of the grid).
    max_steps : int
        Most steps on the grid itself. Coarser grids before it add a third of their work at most.
    flow : bool
        Whether the result holds the flow too.

    Returns
    -------
    ManhattanTransport
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
    passes of elimination over the grid; memory is some 15 numbers per cell. Steps are taken in
    float32 down to a relative gap of 3e-5, and in float64 below that. In float64 a relative gap
    of 1e-9 is within reach of patience, 1e-12 is not, unless atoms are few.

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
    gen, real, edges = _checked(gen_mass, real_mass, edges)
    tol = check_positive("tol", tol)
    max_steps = check_integer("max_steps", max_steps, 1)
    total = real.sum()
    difference = _balanced(real - gen * (total / gen.sum()))
    centres = [0.5 * (e[:-1] + e[1:]) for e in edges]
    if not difference.any():
        still = tuple(np.zeros(_one_less(real.shape, a)) for a in range(real.ndim))
        return ManhattanTransport(
            0.0, 0.0, np.zeros(real.shape), still if flow else None, 0.0, 0, True
        )
    box = _box(difference)
    problem = _Problem.scaled(
        difference[box], [c[cut] for c, cut in zip(centres, box, strict=True)]
    )
    width = sum(c[-1] - c[0] for c in centres)
    solved = _solve(problem, tol, 2.0**-50 * total * width / problem.unit, max_steps)
    critic = _whole(solved.potential.reshape(difference[box].shape), box, real.shape)
    critic *= problem.length
    critic -= (real * critic).sum() / total
    return ManhattanTransport(
        lower=solved.lower * problem.unit,
        upper=solved.upper * problem.unit,
        critic=critic,
        flow=_whole_flow(solved.flow, problem, box, real.shape) if flow else None,
        residual=solved.residual * problem.mass,
        n_steps=solved.steps,
        reached=solved.reached,
    )


def _checked(gen_mass, real_mass, edges):
    """Both masses and the edges as arrays of doubles."""
    masses = {}
    for name, given in (("gen_mass", gen_mass), ("real_mass", real_mass)):
        mass = np.ascontiguousarray(given, dtype=float)
        if not 1 <= mass.ndim <= 3 or not mass.size:
            raise InputError(
                f"{name} must have 1 to 3 axes of cells, got shape {mass.shape}.", argument=name
            )
        # NaN compares as False: a minimum that is not >= 0 is refused too.
        if not mass.min() >= 0.0 or not mass.max() < math.inf:
            worst = mass.min() if not mass.min() >= 0.0 else mass.max()
            raise InputError(f"{name} must be finite and >= 0, got {worst:g}.", argument=name)
        if not 0.0 < mass.sum() < math.inf:
            raise InputError(f"{name} sums to {mass.sum():g}: there is no mass.", argument=name)
        masses[name] = mass
    gen, real = masses.values()
    if gen.shape != real.shape:
        raise InputError(
            f"gen_mass has shape {gen.shape}, real_mass {real.shape}.",
            argument="gen_mass",
            fix="Bring both on one grid.",
        )
    if abs(gen.sum() - real.sum()) > _ROUND_OFF * real.sum():
        raise InputError(
            f"the masses must sum alike, got {gen.sum():g} (gen_mass) and {real.sum():g}.",
            argument="gen_mass",
            fix="Divide each by its sum.",
        )
    edges = [np.asarray(along, dtype=float) for along in edges]
    expected = tuple((n + 1,) for n in real.shape)
    if tuple(along.shape for along in edges) != expected:
        got = ", ".join(str(along.shape) for along in edges)
        raise InputError(
            f"edges must have the shapes {', '.join(map(str, expected))}, got {got}.",
            argument="edges",
        )
    for along in edges:
        if not (np.all(np.diff(along) > 0.0) and np.all(np.isfinite(along))):
            raise InputError("edges must ascend and be finite.", argument="edges")
    return gen, real, edges


def _balanced(difference):
    """The differences with the sum 0: without it no flow has them as its divergence."""
    if np.count_nonzero(difference) < 2:
        return np.zeros_like(difference)  # one cell alone differs by round-off only
    difference.flat[np.abs(difference).argmax()] -= difference.sum()
    return difference


def _one_less(shape, axis):
    return tuple(n - (a == axis) for a, n in enumerate(shape))


def _box(difference):
    """The smallest box of cells with all that differs: no shortest path need leave it."""
    box = []
    for axis in range(difference.ndim):
        others = tuple(a for a in range(difference.ndim) if a != axis)
        used = np.flatnonzero(difference.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)


def _whole(potential, box, shape):
    """The potential outside its box: the value at the nearest cell of it, so still 1-Lipschitz."""
    around = [(cut.start, n - cut.stop) for cut, n in zip(box, shape, strict=True)]
    return np.pad(potential, around, mode="edge")


def _whole_flow(flows, problem, box, shape):
    """The flow on the whole grid, one array per axis of it, in the unit of the masses."""
    found = []
    for axis in range(len(shape)):
        whole = np.zeros(_one_less(shape, axis))
        if axis in problem.axes:
            cut = tuple(slice(c.start, c.stop - (a == axis)) for a, c in enumerate(box))
            place = _PLACES[len(problem.axes)][problem.axes.index(axis)]
            part = flows[place].take(range(problem.shape[place] - 1), place)
            whole[cut] = problem.mass * part.reshape(whole[cut].shape)
        found.append(whole)
    return tuple(found)


# --- the problem, in units of its own ------------------------------------------------------------

# Where the axes of a problem of 1 to 3 axes stand among three: elimination wants the first, fast
# loops the last.
_PLACES = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is left to transport on a grid of three axes, some of one cell.

    Attributes
    ----------
    b : array (n0, n1, n2)
        p_r - p_g over `mass`: its absolute values sum to 2.
    centres : list of three arrays
        Over `length`, the mean distance of neighbours.
    axes : tuple of int
        The axes of the caller that have more than one cell.
    """

    b: np.ndarray
    centres: list
    axes: tuple = ()
    mass: float = 1.0
    length: float = 1.0

    @classmethod
    def scaled(cls, difference, centres):
        axes = tuple(a for a, n in enumerate(difference.shape) if n > 1)
        shape, points = [1, 1, 1], [np.zeros(1)] * 3
        steps = np.concatenate([np.diff(c) for c in centres])
        length = float(steps.mean())
        for place, axis in zip(_PLACES[len(axes)], axes, strict=True):
            shape[place] = difference.shape[axis]
            points[place] = (centres[axis] - centres[axis][0]) / length
        mass = 0.5 * float(np.abs(difference).sum())
        b = np.ascontiguousarray(difference.reshape(shape)) / mass
        return cls(b, points, axes, mass, length)

    @property
    def shape(self):
        return self.b.shape

    @property
    def gaps(self):
        """Distances of neighbours along the three axes; a 0 stands for the edge there is not."""
        return [np.append(np.diff(c), 0.0) for c in self.centres]

    @property
    def unit(self):
        """What a cost of 1 here is to the caller."""
        return self.mass * self.length

    def coarser(self):
        """The problem on pairs of cells, or None where it says nothing about this one."""
        if max(self.shape) <= _COARSEST:
            return None
        b, centres = self.b, list(self.centres)
        for axis, n in enumerate(self.shape):
            if n > _COARSEST // 2:
                b = np.add.reduceat(b, np.arange(0, n, 2), axis=axis)
                c = centres[axis]
                centres[axis] = np.append(0.5 * (c[0 : n - n % 2 : 2] + c[1::2]), c[n - n % 2 :])
        # What is moved within the pairs alone is unseen there.
        seen = np.abs(b).sum() > 1e-6 and b.min() < 0.0 < b.max()
        return _Problem(b, centres) if seen else None


@dataclass(eq=False)
class _Solved:
    """Bounds of a `_Problem` with what proves them; `flow` is padded to three arrays of cells."""

    lower: float
    upper: float
    potential: np.ndarray
    flow: list
    residual: float
    steps: int
    reached: bool


def _solve(problem, tol, floor, max_steps):
    if floor >= sum(c[-1] for c in problem.centres):
        # All that differs is round-off: anything will do.
        flow, potential = _no_flow(problem.shape, np.float64), np.zeros(problem.shape)
    elif len(problem.axes) == 1:
        flow, potential = _line(problem)
    else:
        sources, sinks = problem.b < 0.0, problem.b > 0.0
        if not few(np.count_nonzero(sources), np.count_nonzero(sinks), problem.b.size):
            return _descend(problem, tol, floor, max_steps)
        flow, potential = _by_atoms(problem, np.argwhere(sources), np.argwhere(sinks))
    lower, potential = _lower_bound(potential, problem)
    upper, flow, residual = _upper_bound(flow, problem)
    return _solved(lower, upper, potential, flow, residual, 0, tol, floor)


def _solved(lower, upper, potential, flow, residual, steps, tol, floor):
    lower = min(max(lower, 0.0), upper)  # beyond it by round-off only
    reached = upper - lower <= max(tol * upper, floor)
    return _Solved(lower, upper, potential, flow, residual, steps, reached)


def _line(problem):
    """On one axis there is but one flow, and its signs are the slopes of the critic."""
    flow = _no_flow(problem.shape, np.float64)
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
    flow = _no_flow(problem.shape, np.float64)
    _route(plan, sources, sinks, *flow)
    # The sources follow from the sinks, as every other cell does.
    potential = np.full(problem.shape, -np.inf)
    potential[tuple(sinks.T)] = at_sinks
    return flow, potential


# --- bounds --------------------------------------------------------------------------------------


def _lower_bound(potential, problem):
    """The bound by a potential made 1-Lipschitz, and this potential.

    f(x) = max over sinks y of f(y) - |x - y|_1, then f(x) = min over sources of f(y) + |x - y|_1:
    the first keeps every sink at least as high and is 1-Lipschitz everywhere, and so all sources
    are as low as the sinks allow; the second raises the sinks to what these sources allow.
    """
    b, gaps = problem.b, problem.gaps
    f = potential.astype(np.float64)
    for sign in (1.0, -1.0):
        _turn(f, b, sign)
        _distance_transform(f, *gaps)
    return float(np.dot(b.ravel(), f.ravel())), f


def _upper_bound(flow, problem):
    """The bound by a flow of float64 with its divergence made exact, in place.

    Returns
    -------
    cost : float
    flow : list of arrays
    off : float
        By how much the divergence of a cell is still off, at most.
    """
    right = np.empty(problem.shape)
    _divergence(*flow, problem.b, right)
    phi = NeumannPoisson(problem.shape, np.float64).solve(right)
    _project(*flow, phi, 1.0)
    _divergence(*flow, problem.b, right)
    cost = _cost(*flow, np.zeros_like(phi), *problem.gaps)
    return cost, flow, float(np.abs(right).max())


# --- the iteration -------------------------------------------------------------------------------


def _descend(problem, tol, floor, max_steps):
    """From the coarsest grid to the finest, in float32, then in float64 if `tol` asks for it."""
    levels = [problem]
    while (coarser := levels[-1].coarser()) is not None:
        levels.append(coarser)
    state = None
    for level in reversed(levels[1:]):
        state = _Iteration.warm(level, np.float32, state)
        state.run(max(tol, _COARSE_TOL), 0.0, _COARSE_STEPS, first_look=0)
    state = _Iteration.warm(problem, np.float32, state)
    # Where float32 stalls, float64 still has half of the steps.
    share = max_steps if tol >= _SINGLE else (max_steps + 1) // 2
    while True:
        state.run(tol if tol >= _SINGLE else _SINGLE, floor, share, _FIRST_LOOK)
        flow = state.flow()
        upper, flow, residual = _upper_bound(flow, problem)
        solved = _solved(state.lower, upper, state.best, flow, residual, state.steps, tol, floor)
        if solved.reached or state.steps >= max_steps:
            return solved
        state, share = state.in_double(), max_steps


class _Iteration:
    """Restarted Halpern iteration on one grid; `run` until its bounds meet.

    Attributes
    ----------
    lower : float
        The best lower bound so far.
    best : array (n0, n1, n2)
        The 1-Lipschitz potential that gives it.
    upper : float
        The cost of the present flow, its divergence exact to the precision of the iteration.
    steps : int
    """

    def __init__(self, problem, dtype, s, tau):
        self.problem, self.dtype = problem, dtype
        self.poisson = NeumannPoisson(problem.shape, dtype)
        self.b = problem.b.astype(dtype)
        self.s, self.tau = s, tau
        self.anchor = [x.copy() for x in s]
        self.right = np.empty(problem.shape, dtype)
        _divergence(*s, self.b, self.right)
        self.phi = self.poisson.solve(self.right)
        self.right = np.empty(problem.shape, dtype)
        if tau is None:
            # At the start s = 0: the flow D phi stands to the slopes as it will at the end.
            self.tau = self._size(self.phi) / math.sqrt(_squares(problem))
        self.share, self.bounds = dtype(_REFLECTION), self._bounds()
        self.lower, self.upper, self.best = -math.inf, math.inf, None
        self.steps = self.since = 0
        self.first = self.last = math.inf

    @classmethod
    def warm(cls, problem, dtype, coarse):
        """Start from the end on a coarser grid, or from nothing where `coarse` is None."""
        if coarse is None:
            return cls(problem, dtype, _no_flow(problem.shape, dtype), None)
        flow = [
            _refined_flow(part, axis, problem.shape).astype(dtype)
            for axis, part in enumerate(coarse.flow())
        ]
        potential = coarse.phi / coarse.tau
        for axis in range(3):
            potential = _refined(
                potential, axis, coarse.problem.centres[axis], problem.centres[axis]
            )
        # A cell that is cut in two leaves each part half of its edge, and half of its flow for
        # every other axis that is cut.
        halved = [m < n for m, n in zip(coarse.problem.shape, problem.shape, strict=True)]
        tau = coarse.tau * 0.5 ** max(sum(halved) - 2, 0)
        _project(*flow, np.ascontiguousarray(potential, dtype=dtype), dtype(-tau))
        return cls(problem, dtype, flow, tau)

    def in_double(self):
        """The same iteration, carried on in float64."""
        carried = _Iteration(
            self.problem, np.float64, [x.astype(np.float64) for x in self.s], self.tau
        )
        carried.lower, carried.best, carried.steps = self.lower, self.best, self.steps
        return carried

    def flow(self):
        """The flow s + D phi in float64."""
        flow = [x.astype(np.float64) for x in self.s]
        _project(*flow, self.phi.astype(np.float64), 1.0)
        return flow

    def run(self, tol, floor, max_steps, first_look):
        """Step until upper - lower meets `tol` or `floor`, or `max_steps` are done."""
        look = self.steps + first_look
        while True:
            if self.steps >= min(look, max_steps):
                self._look()
                gap = self.upper - self.lower
                if gap <= max(tol * self.upper, floor) or self.steps >= max_steps:
                    return
                look = self.steps + self._patience(gap / (tol * self.upper))
            self._step()

    def _patience(self, excess):
        """Steps until the next look at a gap that is so many times too large."""
        # It falls like 1/steps or faster.
        return int(min(max(5.0, 0.4 * self.steps * (excess - 1.0)), 10.0 + self.steps / 8.0))

    def _look(self):
        problem = self.problem
        lower, potential = _lower_bound(self.phi / self.tau, problem)
        if lower > self.lower:
            self.lower, self.best = lower, potential
        self.upper = _cost(*self.s, self.phi, *problem.gaps)

    def _step(self):
        weight = self.dtype((self.since + 1) / (self.since + 2))
        flows, slopes, moved = _halpern(
            *self.s, *self.anchor, self.phi, self.b, *self.bounds, self.share, weight, self.right
        )
        self.phi, self.right = self.poisson.solve(self.right), self.phi
        self.steps += 1
        self.since += 1
        if self.since == 1:
            self.first = moved
        turned = moved <= _TURNED**2 * self.first and moved > self.last
        long = self.since >= max(10, _LONG * self.steps)
        self.last = moved
        if self.since > 1 and (moved <= _SHRUNK**2 * self.first or turned or long):
            self._restart(_BALANCE * math.sqrt(flows / slopes) if min(flows, slopes) > 0.0 else 1.0)

    def _restart(self, ratio):
        """Anchor the iteration here, with tau times `ratio`."""
        ratio = min(max(ratio, 1.0 / _MOST_RESCALED), _MOST_RESCALED)
        if abs(ratio - 1.0) > 0.05:
            # Flow and potential stay: s = M - tau D f.
            _project(*self.s, self.phi, self.dtype(1.0 - ratio))
            self.phi *= self.dtype(ratio)
            self.tau *= ratio
            self.bounds = self._bounds()
        for anchor, now in zip(self.anchor, self.s, strict=True):
            anchor[...] = now
        self.since, self.last = 0, math.inf

    def _bounds(self):
        """tau h_e, as `_halpern` takes it."""
        h0, h1, h2 = ((self.tau * h).astype(self.dtype) for h in self.problem.gaps)
        return h0, np.repeat(h1, h2.size), np.tile(h2, h1.size)

    def _size(self, phi):
        return math.sqrt(sum(float((np.diff(phi, axis=a) ** 2).sum()) for a in range(3)))


def _squares(problem):
    """sum h_e^2 over all edges."""
    cells = problem.b.size
    return sum(
        cells // n * float((h**2).sum()) for n, h in zip(problem.shape, problem.gaps, strict=True)
    )


def _no_flow(shape, dtype):
    """One array per axis: the flow from each cell to the next along it, 0 from the last."""
    return [np.zeros(shape if n > 1 else (1, 1, 1), dtype) for n in shape]


def _refined(potential, axis, coarse, fine):
    """Interpolated along one axis, at its ends too."""
    if coarse.size == fine.size:
        return potential
    if coarse.size == 1:
        return np.repeat(potential, fine.size, axis)
    left = np.clip(np.searchsorted(coarse, fine) - 1, 0, coarse.size - 2)
    share = ((fine - coarse[left]) / (coarse[left + 1] - coarse[left])).astype(potential.dtype)
    share = share.reshape([-1 if a == axis else 1 for a in range(3)])
    low, high = potential.take(left, axis), potential.take(left + 1, axis)
    high -= low
    high *= share
    return high + low


def _refined_flow(part, axis, shape):
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
# Arrays of flow have the shape of the cells; entry i along their axis is the edge from cell i to
# i + 1, and the last is 0. An axis of one cell has an array (1, 1, 1), which is not looked at.


@kernel
def _step_edges(s, anchor, phi, onwards, bound, share, weight, sums):
    """One step on the edges between cells and those as far onwards; bound 0: there is no edge.

    s <- anchor + weight (s + share (g - clip(s + 2 g)) - anchor), g = D phi: what the projection
    on the flows of given divergence and the shrinkage of the cost, reflected, differ by.
    """
    flows = slopes = moved = weight - weight  # a zero of the same precision
    for k in range(s.size):
        t = bound[k]
        g = onwards[k] - phi[k]
        g = g if t > 0 else weight - weight
        now = s[k]
        y = now + g + g
        y = y if y < t else t
        y = y if y > -t else -t
        flow = now + g
        d = g - y
        flows += flow * flow
        slopes += g * g
        moved += d * d
        a = anchor[k]
        s[k] = a + weight * (now + share * d - a)
    sums[0] += flows
    sums[1] += slopes
    sums[2] += moved


@kernel
def _divergence_plane(s0, s1, s2, b, right, i, row):
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


@jit
def _planes(x):
    """An array of cells as (n0, n1 n2)."""
    return x.reshape(x.shape[0], x.shape[1] * x.shape[2])


@kernel
def _halpern(s0, s1, s2, a0, a1, a2, phi, b, t0, t1, t2, share, weight, right):
    """A step of the iteration: s in place, b - D^T s into `right`.

    The bounds of an edge are t0 by the cell of the first axis, t1 and t2 by the cell of a plane.

    Returns
    -------
    flows, slopes, moved : float
        Squared sums of the flow s + D phi, of D phi, and of the step.
    """
    row = b.shape[2]
    s0, s1, s2 = _planes(s0), _planes(s1), _planes(s2)
    a0, a1, a2 = _planes(a0), _planes(a1), _planes(a2)
    phi, b, right = _planes(phi), _planes(b), _planes(right)
    sums = np.zeros(3)
    bound = np.empty_like(t2)
    cells = t2.size
    for i in range(b.shape[0]):
        q = phi[i]
        _step_edges(s2[i, : cells - 1], a2[i], q, q[1:], t2, share, weight, sums)
        if row < cells:
            _step_edges(s1[i, : cells - row], a1[i], q, q[row:], t1, share, weight, sums)
        if i < b.shape[0] - 1:
            bound[:] = t0[i]
            _step_edges(s0[i], a0[i], q, phi[i + 1], bound, share, weight, sums)
        _divergence_plane(s0, s1, s2, b, right, i, row)
    return sums[0], sums[1], sums[2]


@kernel
def _divergence(s0, s1, s2, b, right):
    """b - D^T s into `right`."""
    row = b.shape[2]
    s0, s1, s2, b, right = _planes(s0), _planes(s1), _planes(s2), _planes(b), _planes(right)
    for i in range(b.shape[0]):
        _divergence_plane(s0, s1, s2, b, right, i, row)


@kernel
def _project(s0, s1, s2, phi, share):
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
def _cost(s0, s1, s2, phi, h0, h1, h2):
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
def _turn(f, b, sign):
    """-f where b has this sign, infinity elsewhere, in place."""
    f, b = f.reshape(f.size), b.reshape(b.size)
    for k in range(f.size):
        f[k] = -f[k] if sign * b[k] > 0.0 else np.inf


@kernel
def _distance_transform(f, h0, h1, h2):
    """f(x) <- min over y of f(y) + |x - y|_1, in place: there and back along each axis."""
    n0, n1, n2 = f.shape
    rows = f.reshape(n0 * n1, n2)
    first = 0
    # Four rows at once: within one, every minimum waits for the last.
    while first + 4 <= n0 * n1:
        a = rows[first]
        b = rows[first + 1]
        c = rows[first + 2]
        d = rows[first + 3]
        for k in range(1, n2):
            h = h2[k - 1]
            a[k] = min(a[k], a[k - 1] + h)
            b[k] = min(b[k], b[k - 1] + h)
            c[k] = min(c[k], c[k - 1] + h)
            d[k] = min(d[k], d[k - 1] + h)
        for k in range(n2 - 2, -1, -1):
            h = h2[k]
            a[k] = min(a[k], a[k + 1] + h)
            b[k] = min(b[k], b[k + 1] + h)
            c[k] = min(c[k], c[k + 1] + h)
            d[k] = min(d[k], d[k + 1] + h)
        first += 4
    for row in range(first, n0 * n1):
        a = rows[row]
        for k in range(1, n2):
            a[k] = min(a[k], a[k - 1] + h2[k - 1])
        for k in range(n2 - 2, -1, -1):
            a[k] = min(a[k], a[k + 1] + h2[k])
    for i in range(n0):
        for j in range(1, n1):
            _lower_row(f[i, j], f[i, j - 1], h1[j - 1])
        for j in range(n1 - 2, -1, -1):
            _lower_row(f[i, j], f[i, j + 1], h1[j])
    for i in range(1, n0):
        for j in range(n1):
            _lower_row(f[i, j], f[i - 1, j], h0[i - 1])
    for i in range(n0 - 2, -1, -1):
        for j in range(n1):
            _lower_row(f[i, j], f[i + 1, j], h0[i])


@kernel
def _lower_row(row, beside, gap):
    for k in range(row.size):
        other = beside[k] + gap
        row[k] = other if other < row[k] else row[k]


@kernel
def _route(plan, sources, sinks, s0, s1, s2):
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
