"""The step rules of GLGD: each moves R, on the cells with p_r > 0, by up to n steps.

A rule is an object with ``advance(ratio, n) -> steps taken``; it works in place, keeps E[R] = 1 and
R >= 0, and counts projections and halvings.
"""

import math
from functools import cache

import numpy as np

from ratiogan._jit import jit, kernel, wide_vectors
from ratiogan._vmath import as_bits, exp
from ratiogan.games import signal
from ratiogan.solvers.measure import INFINITY_BITS, measure
from ratiogan.solvers.team import CHUNK, chunk_count

# A block takes about 50 ms at the most, so that Ctrl-C and progress are answered.
_LONGEST_BLOCK = 256
_LARGEST_BLOCK = 1 << 26  # steps times cells
_MOST_HALVINGS = 60
_LARGEST_BITS = 0x7FFFFFFFFFFFFFFF


def bits_of(value):
    """The 64 bits of a float64 as an int, ordered like the values (for values >= 0)."""
    return int(np.float64(value).view(np.int64))


class Rule:
    """What all step rules share."""

    def __init__(self, game, geometry, alpha, tol, team):
        self.game = game
        self.geometry = geometry
        self.alpha = alpha
        self.tol = tol
        self.team = team
        self.projected = 0  # steps that had to be projected onto R >= 0
        self.halvings = 0
        self.stationary = False  # no admissible step moves R any more
        self.reached = False  # max|R-1| is below tol

    def cost(self, ratio):
        """E[Phi(R)] - Phi(1)."""
        return measure(self.game, self.geometry, ratio, self.team)["cost"]

    def _halved(self, ratio, candidate):
        """The first of alpha, alpha/2, .. whose step keeps R > 0 and does not raise E[Phi]."""
        before = self.cost(ratio)
        u = self.game.signal(ratio)
        alpha = self.alpha
        for _ in range(_MOST_HALVINGS):
            if candidate.min() > 0 and not self._rose(before, self.cost(candidate)):
                return candidate
            alpha *= 0.5
            self.halvings += 1
            candidate = self.geometry.step(ratio, u, alpha)
        self.stationary = True
        return ratio

    @staticmethod
    def _rose(before, after):
        return not after <= before + 4 * np.finfo(float).eps * max(1.0, abs(before))


class ConstantSteps(Rule):
    """R <- step(R, u(f*(R)), alpha), projected or halved where the linear geometries need it."""

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        self.block = 1
        self.before = None
        # Games with u(0+) = -inf are never projected to R = 0: their step is halved instead.
        self.halves = geometry.is_linear and game.signal_at_zero == -math.inf

    def advance(self, ratio, n):
        n = min(n, self.block, _LONGEST_BLOCK, max(1, _LARGEST_BLOCK // ratio.size))
        if self.before is None:
            self.before = np.empty_like(ratio)
        np.copyto(self.before, ratio)
        taken, smooth = self._descend(ratio, self.before, n)
        self.block = self.block * 2 if smooth else 1
        if taken >= 16 or not smooth:
            self.stationary = self.stationary or np.array_equal(ratio, self.before)
        return taken

    def _descend(self, ratio, before, n):
        """Take up to n steps; the second value says whether they were all ordinary."""
        u = self.game.signal(before)
        self._settle(ratio, before, self.geometry.step(before, u, self.alpha))
        return 1, True

    def _settle(self, ratio, before, candidate):
        """Store one step, made admissible."""
        if self.halves:
            candidate = self._halved(before, candidate)
        elif self.geometry.is_linear and candidate.min() < 0:
            candidate = self.geometry.clip(candidate)
            self.projected += 1
        ratio[:] = candidate


class FusedSteps(ConstantSteps):
    """The same in one pass over the cells per step, for games with a kernel.

    A block of steps runs on without looking back. When a step inside it left R > 0, might have
    raised E[Phi], met the tolerance or lost a number, the block is run again from its start up to
    just there: the same operations, so the same bytes.
    """

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        self.stop_below = bits_of(tol)
        # `lebesgue` on equal cells: p_r is w over one volume, so w serves for both.
        p = geometry.density if geometry.name == "lebesgue" else geometry.masses
        self.along = p
        if geometry.name == "fisher":
            self.total = 1.0
        elif geometry.name == "lebesgue":
            self.total = float(geometry.masses @ p)
        else:
            self.total = float(geometry.masses.sum())
        if not geometry.is_linear:
            self.lowest = -1 << 62  # a multiplicative step keeps R >= 0
        elif self.halves:
            self.lowest = bits_of(_certified_ratio(game, alpha * geometry.max_density))
        else:
            self.lowest = 0

    def _descend(self, ratio, before, n):
        taken, low, largest = self._run(ratio, n, self.lowest, self.stop_below)
        in_question = low < self.lowest or largest >= INFINITY_BITS
        # Whole up to the step in question, which is taken by itself next time.
        whole = taken - 1 if in_question and taken > 1 else taken
        if whole < n:
            ratio[:] = before
            self._run(ratio, whole, -1 << 62, -1)
        if not in_question:
            self.reached = largest < self.stop_below
            return whole, True
        if taken == 1:
            self._settle(ratio, before, ratio.copy())
        return whole, False

    def _run(self, ratio, n, lowest, stop_below):
        """`n` steps in place; the steps taken, and the bits of min R and max|R-1| at the last."""
        geometry = self.geometry
        compiled = _kernel(_CODES[geometry.name], self.game.kernel[0])
        neutral = 1.0 if geometry.name == "fisher" else 0.0
        parts = np.empty(chunk_count(ratio.size))

        def passes(shift, n, settle):
            def work(chunks, cells):
                return compiled(
                    ratio[cells], geometry.masses[cells], self.along[cells], self.alpha, shift, n,
                    settle, self.total, self.game.kernel[1:], lowest, stop_below, parts[chunks],
                )  # fmt: skip

            found = self.team.over_chunks(work, ratio.size)
            return found[0][0], min(f[1] for f in found), max(f[2] for f in found)

        if self.team.threads == 1:
            return passes(neutral, n, True)
        # With threads the sum over all chunks is needed between any two steps.
        shift = neutral
        for step in range(n):
            _, low, largest = passes(shift, 1, False)
            if step > 0 and (low < lowest or largest < stop_below or largest >= INFINITY_BITS):
                return step, low, largest
            total = _in_order(parts)
            shift = 1.0 / total if neutral else (1.0 - total) / self.total
        _, low, largest = passes(shift, 0, True)
        return n, low, largest


def _certified_ratio(game, alpha):
    """The smallest R above which alpha Phi'' <= 2, so that a step cannot raise E[Phi].

    For games whose Phi'' falls in R; below it E[Phi] is compared step by step.
    """
    low, high = 1e-300, 1e300
    if alpha * float(game.curvature(low)) <= 2:
        return low
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low) * math.sqrt(high)
        if alpha * float(game.curvature(middle)) <= 2:
            high = middle
        else:
            low = middle
    return high


class ArmijoSteps(Rule):
    """Backtracking on E[Phi]: twice the last step, halved until E[Phi] falls enough."""

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        self.trial = alpha

    def advance(self, ratio, n):
        row = measure(self.game, self.geometry, ratio, self.team)
        u = self.game.signal(ratio)
        alpha = self.trial
        for _ in range(_MOST_HALVINGS):
            candidate = self.geometry.step(ratio, u, alpha)
            projected = False
            if self.geometry.is_linear and candidate.min() < 0:
                projected = self.game.signal_at_zero > -math.inf
                if projected:
                    candidate = self.geometry.clip(candidate)
            admissible = projected or candidate.min() > 0 or self.game.signal_at_zero > -math.inf
            # E[Phi] must fall by a tenth of what the slope promises (half of it is the optimum
            # of a parabola).
            wanted = row["cost"] - 0.1 * alpha * row["grad_norm"] ** 2
            if admissible and self.cost(candidate) <= wanted:
                ratio[:] = candidate
                self.projected += projected
                self.trial = 2.0 * alpha
                return 1
            alpha *= 0.5
            self.halvings += 1
        self.stationary = True
        return 1


class NewtonSteps(Rule):
    """d = -(u - lambda)/Phi'', lambda = E[u/Phi'']/E[1/Phi''], damped.

    The step is min(1, 0.99 of the way to R = 0), then halved until E[Phi] falls (Armijo). It is
    the Newton step on {E[R] = 1}, the same in every geometry.
    """

    def advance(self, ratio, n):
        w = self.geometry.masses
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u = self.game.signal(ratio)
            stiffness = 1.0 / self.game.curvature(ratio)
            level = float(w @ (u * stiffness)) / float(w @ stiffness)
            direction = -(u - level) * stiffness
            shrink = np.min(np.where(direction < 0, -ratio / direction, np.inf))
        # A step of length zero moves nothing, and E[d] = 0 only to round-off: take it off.
        direction -= float(w @ direction) / float(w.sum())
        slope = float(w @ ((u - level) * direction))
        length = min(1.0, 0.99 * float(shrink))
        before = self.cost(ratio)
        if not (slope < 0 and length > 0):
            self.stationary = True
            return 1
        for _ in range(_MOST_HALVINGS):
            candidate = ratio + length * direction
            after = self.cost(candidate)
            if after <= before + 1e-4 * length * slope:
                ratio[:] = candidate
                return 1
            length *= 0.5
            self.halvings += 1
        self.stationary = True
        return 1


# --- kernels -------------------------------------------------------------------------------------

REFERENCE, LEBESGUE, FISHER = 0, 1, 2
_CODES = {"reference": REFERENCE, "lebesgue": LEBESGUE, "fisher": FISHER}


@jit
def settled(geometry, t, shift, p):
    """R from the stored T, once the mean of its step is known."""
    if geometry == LEBESGUE:
        return t + shift * p
    return t * shift if geometry == FISHER else t + shift


@jit
def descended(geometry, code, r, p, alpha, a, b, c):
    """T = the step from R without its projection."""
    u = signal(code, r, a, b, c)
    if geometry == LEBESGUE:
        return r - alpha * (p * u)
    if geometry == FISHER:
        grown = r * exp(-alpha * u)
        return grown if r > 0.0 else 0.0  # an empty cell stays empty, also where u = -inf
    return r - alpha * u


@cache
def _kernel(geometry, code):
    """Passes over a run of chunks, compiled for one geometry and one game.

    The array holds T, the state before its mean is taken off; reading it, R = T + shift (T times
    shift in `fisher`, T + shift p in `lebesgue`), where shift comes from the sum over the step
    before. So a step is one pass: one signal, 24 bytes a cell. Taking shift = 1 - E[T] rather than
    alpha E[u] is the projection onto {E[R] = 1} itself, so that round-off does not add up.
    """

    @kernel
    def passes(T, w, p, alpha, shift, n, settle, mean, parameters, lowest, stop_below, parts):
        wide_vectors()
        a, b, c = parameters
        low = np.int64(_LARGEST_BITS)
        largest = np.int64(0)
        for step in range(n):
            total = 0.0
            low = np.int64(_LARGEST_BITS)
            largest = np.int64(0)
            for k in range(parts.size):
                states = T[k * CHUNK : (k + 1) * CHUNK]
                weights = w[k * CHUNK : (k + 1) * CHUNK]
                densities = p[k * CHUNK : (k + 1) * CHUNK]
                part = 0.0
                for i in range(states.size):
                    r = settled(geometry, states[i], shift, densities[i])
                    bits_r = as_bits(r)
                    low = bits_r if bits_r < low else low
                    bits_d = as_bits(abs(r - 1.0))
                    largest = bits_d if bits_d > largest else largest
                    t = descended(geometry, code, r, densities[i], alpha, a, b, c)
                    states[i] = t
                    part += weights[i] * t
                parts[k] = part
                total += part
            if step > 0 and (low < lowest or largest < stop_below or largest >= INFINITY_BITS):
                return step, low, largest
            shift = 1.0 / total if geometry == FISHER else (1.0 - total) / mean
        if settle:
            low = np.int64(_LARGEST_BITS)
            largest = np.int64(0)
            for k in range(parts.size):
                states = T[k * CHUNK : (k + 1) * CHUNK]
                densities = p[k * CHUNK : (k + 1) * CHUNK]
                for i in range(states.size):
                    r = settled(geometry, states[i], shift, densities[i])
                    bits_r = as_bits(r)
                    low = bits_r if bits_r < low else low
                    bits_d = as_bits(abs(r - 1.0))
                    largest = bits_d if bits_d > largest else largest
                    states[i] = r
        return n, low, largest

    return passes


@jit
def _in_order(parts):
    total = 0.0
    for k in range(parts.size):
        total += parts[k]
    return total
