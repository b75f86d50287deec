"""The restarted Halpern iteration for the Manhattan metric, on one grid after another.

The iteration is Douglas-Rachford splitting, which is the primal-dual method preconditioned by the
Laplacian L = D^T D ("G-prox") with its two steps matched. Its one state is a flow s: the nearest
flow with the right divergence is s + D phi, phi = L^-1 (b - D^T s), and f = phi / tau is the
potential. It runs reflected, with restarts, from coarse grids to fine ones.
"""

import math

import numpy as np

from ratiogan._jit import kernel
from ratiogan.transport.bounds import lower_bound, upper_bound
from ratiogan.transport.flows import (
    cost,
    divergence,
    divergence_plane,
    no_flow,
    planes,
    project,
    refined_flow,
)
from ratiogan.transport.poisson import NeumannPoisson
from ratiogan.transport.straighten import straightened

# A restart of the Halpern iteration: the step has shrunk to the first share since the last one, or
# to the second and grows again, or so large a share of all steps has passed.
_SHRUNK, _TURNED, _LONG = 0.3, 0.9, 0.36
_MOST_RESCALED = 5.0
# tau over the mean flow of an edge and the mean slope along it: this share took the fewest steps
# over all pairs. What has moved since the last restart may ask for more or less, within a factor.
# (A flow of few strong edges among many weak ones is measured badly by any one mean; the exponent
# 3/2 stands between that of the weak edges, 1, and that of the strong ones, 2.)
_BALANCE, _POWER, _MOST_MOVED = 0.6, 1.5, 3.0
# The flow is straightened where the bounds are so many times too far apart and the relative gap
# falls slower than so much over the steps; not at once, and again after so many times the steps,
# which are many where it has saved less than this share of the gap.
_EXCESS, _SLOW, _FIRST_CUT, _SAVED, _SOON, _LATE = 10.0, 0.3, 20, 0.2, 1.5, 4.0
# Reflected in full (2) the error of a step may flip its sign for ever where the flow is free.
_REFLECTION = 1.9


class Iteration:
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
    history : list of (int, float, float)
        Step, lower and upper bound at every look.
    """

    def __init__(self, problem, dtype, s, tau):
        self.problem, self.dtype = problem, dtype
        self.poisson = NeumannPoisson(problem.shape, dtype)
        self.b = problem.b.astype(dtype)
        self.s, self.tau = s, tau
        self.right = np.empty(problem.shape, dtype)
        divergence(*s, self.b, self.right)
        self.phi = self.poisson.solve(self.right)
        self.right = np.empty(problem.shape, dtype)
        if tau is None:
            # At the start s = 0: the flow D phi stands to the slopes as it will at the end.
            self.tau = self._size(self.phi) / math.sqrt(_squares(problem))
        self.share, self.bounds = dtype(_REFLECTION), self._bounds()
        self.anchor, self.anchor_phi = [x.copy() for x in s], self.phi.copy()
        self.lower, self.upper, self.best = -math.inf, math.inf, None
        self.steps = self.since = 0
        self.history = []
        self.first = self.last = math.inf

    @classmethod
    def warm(cls, problem, dtype, coarse):
        """Start from the end on a coarser grid, or from nothing where `coarse` is None."""
        if coarse is None:
            return cls(problem, dtype, no_flow(problem.shape, dtype), None)
        flow = [
            refined_flow(part, axis, problem.shape).astype(dtype)
            for axis, part in enumerate(coarse.flow())
        ]
        potential = coarse.phi / coarse.tau
        for axis in range(3):
            potential = refined(
                potential, axis, coarse.problem.centres[axis], problem.centres[axis]
            )
        # A cell that is cut in two leaves each part half of its edge, and half of its flow for
        # every other axis that is cut.
        halved = [m < n for m, n in zip(coarse.problem.shape, problem.shape, strict=True)]
        tau = coarse.tau * 0.5 ** max(sum(halved) - 2, 0)
        project(*flow, np.ascontiguousarray(potential, dtype=dtype), dtype(-tau))
        return cls(problem, dtype, flow, tau)

    def in_double(self):
        """The same iteration, carried on in float64."""
        carried = Iteration(
            self.problem, np.float64, [x.astype(np.float64) for x in self.s], self.tau
        )
        carried.lower, carried.best, carried.steps = self.lower, self.best, self.steps
        carried.history = self.history
        return carried

    def flow(self):
        """The flow s + D phi in float64."""
        flow = [x.astype(np.float64) for x in self.s]
        project(*flow, self.phi.astype(np.float64), 1.0)
        return flow

    def run(self, tol, floor, max_steps, first_look):
        """Step until upper - lower meets `tol` or `floor`, or `max_steps` are done."""
        look, straighten = self.steps + first_look, self.steps + _FIRST_CUT
        while True:
            if self.steps >= min(look, max_steps):
                self._look()
                gap = self.upper - self.lower
                if gap <= max(tol * self.upper, floor) or self.steps >= max_steps:
                    return
                look = self.steps + self._patience(gap / (tol * self.upper))
                if self.steps >= straighten and gap > self.upper * max(
                    _EXCESS * tol, _SLOW / self.steps
                ):
                    saved = self._straighten()
                    straighten = self.steps * (_SOON if saved > _SAVED * gap else _LATE)
            self._step()

    def _patience(self, excess):
        """Steps until the next look at a gap that is so many times too large."""
        # It falls like 1/steps or faster.
        return int(min(max(5.0, 0.4 * self.steps * (excess - 1.0)), 10.0 + self.steps / 8.0))

    def _look(self):
        problem = self.problem
        lower, potential = lower_bound(self.phi / self.tau, problem)
        if lower > self.lower:
            self.lower, self.best = lower, potential
        self.upper = cost(*self.s, self.phi, *problem.gaps)
        self.history.append((self.steps, self.lower, self.upper))

    def _straighten(self):
        """Cut the detours off the flow and start anew from it; the potential stays."""
        upper, flow = upper_bound(self.flow(), self.problem)
        straight = straightened(flow, self.problem.b)
        saved = upper - cost(*straight, np.zeros(self.problem.shape), *self.problem.gaps)
        for s, part in zip(self.s, straight, strict=True):
            s[...] = part
        project(*self.s, self.phi, self.dtype(-1.0))
        divergence(*self.s, self.b, self.right)
        self.phi, self.right = self.poisson.solve(self.right), self.phi
        self._restart(self.tau)
        return saved

    def _step(self):
        weight = self.dtype((self.since + 1) / (self.since + 2))
        moved = _halpern(
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
            self._restart(self._balanced())

    def _balanced(self):
        """tau as flow and slopes, and what has moved since the last restart, ask for."""
        edges = sum(self.b.size - self.b.size // n for n in self.b.shape)
        flows, slopes, moved_flow, moved_slopes = _sizes(
            *self.s, *self.anchor, self.phi, self.anchor_phi, _POWER
        )
        if not min(flows, slopes, moved_flow, moved_slopes) > 0.0:
            return self.tau
        tau = _BALANCE * (flows / edges) ** (1.0 / _POWER) / math.sqrt(slopes / edges) * self.tau
        if self.since >= 10:
            moved = math.sqrt(moved_flow / moved_slopes) * self.tau / tau
            tau *= min(max(math.sqrt(moved), 1.0 / _MOST_MOVED), _MOST_MOVED)
        return min(max(tau, self.tau / _MOST_RESCALED), self.tau * _MOST_RESCALED)

    def _restart(self, tau):
        """Anchor the iteration here, with this tau."""
        ratio = tau / self.tau
        if abs(ratio - 1.0) > 0.05:
            # Flow and potential stay: s = M - tau D f.
            project(*self.s, self.phi, self.dtype(1.0 - ratio))
            self.phi *= self.dtype(ratio)
            self.tau *= ratio
            self.bounds = self._bounds()
        for anchor, now in zip(self.anchor, self.s, strict=True):
            anchor[...] = now
        self.anchor_phi[...] = self.phi
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


def refined(potential, axis, coarse, fine):
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


# --- kernels -------------------------------------------------------------------------------------


@kernel
def _step_edges(s, anchor, phi, onwards, bound, share, weight):
    """One step on the edges between cells and those as far onwards; bound 0: there is no edge.

    s <- anchor + weight (s + share (g - clip(s + 2 g)) - anchor), g = D phi: what the projection
    on the flows of given divergence and the shrinkage of the cost, reflected, differ by.
    """
    moved = weight - weight  # a zero of the same precision
    for k in range(s.size):
        t = bound[k]
        g = onwards[k] - phi[k]
        g = g if t > 0 else weight - weight
        now = s[k]
        y = now + g + g
        y = y if y < t else t
        y = y if y > -t else -t
        d = g - y
        moved += d * d
        a = anchor[k]
        s[k] = a + weight * (now + share * d - a)
    return moved


@kernel
def _halpern(s0, s1, s2, a0, a1, a2, phi, b, t0, t1, t2, share, weight, right):
    """A step of the iteration: s in place, b - D^T s into `right`.

    The bounds of an edge are t0 by the cell of the first axis, t1 and t2 by the cell of a plane.

    Returns
    -------
    float
        The squared length of the step.
    """
    row = b.shape[2]
    s0, s1, s2 = planes(s0), planes(s1), planes(s2)
    a0, a1, a2 = planes(a0), planes(a1), planes(a2)
    phi, b, right = planes(phi), planes(b), planes(right)
    moved = 0.0
    bound = np.empty_like(t2)
    cells = t2.size
    for i in range(b.shape[0]):
        q = phi[i]
        moved += _step_edges(s2[i, : cells - 1], a2[i], q, q[1:], t2, share, weight)
        if row < cells:
            moved += _step_edges(s1[i, : cells - row], a1[i], q, q[row:], t1, share, weight)
        if i < b.shape[0] - 1:
            bound[:] = t0[i]
            moved += _step_edges(s0[i], a0[i], q, phi[i + 1], bound, share, weight)
        divergence_plane(s0, s1, s2, b, right, i, row)
    return moved


@kernel
def _sizes(s0, s1, s2, a0, a1, a2, phi, before, power):
    """sum |s + D phi|^power, sum (D phi)^2, and the squares of how both moved since a, before."""
    n0, n1, n2 = phi.shape
    sums = np.zeros(4)
    if n0 > 1:
        _add_sizes(s0, a0, phi, before, 1, n0, n1 * n2, power, sums)
    if n1 > 1:
        _add_sizes(s1, a1, phi, before, n0, n1, n2, power, sums)
    if n2 > 1:
        _add_sizes(s2, a2, phi, before, n0 * n1, n2, 1, power, sums)
    return sums[0], sums[1], sums[2], sums[3]


@kernel
def _add_sizes(s, a, phi, before, outer, size, inner, power, sums):
    """The edges along the middle one of three axes."""
    s, a = s.reshape(outer, size, inner), a.reshape(outer, size, inner)
    phi, before = phi.reshape(outer, size, inner), before.reshape(outer, size, inner)
    for i in range(outer):
        for j in range(size - 1):
            for k in range(inner):
                slope = np.float64(phi[i, j + 1, k] - phi[i, j, k])
                slope_before = np.float64(before[i, j + 1, k] - before[i, j, k])
                flow, flow_before = s[i, j, k] + slope, a[i, j, k] + slope_before
                sums[0] += abs(flow) ** power
                sums[1] += slope * slope
                sums[2] += (flow - flow_before) ** 2
                sums[3] += (slope - slope_before) ** 2
