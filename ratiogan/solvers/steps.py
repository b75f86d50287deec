"""The step rules of GLGD: each moves R, on the cells with p_r > 0, by up to n steps.

A rule is an object with ``advance(ratio, n) -> steps taken``; it works in place, keeps E[R] = 1 and
R >= 0, and counts projections and halvings.
"""

import math
from functools import cache

import numpy as np

from ratiogan._jit import exact, jit, kernel, prefetch, wide_vectors
from ratiogan._vmath import as_bits, exp, from_bits, inverse_root, log_finite
from ratiogan.games import INVERSE_ROOT, LOGIT, MINIMAX, STEP, signal
from ratiogan.solvers.measure import INFINITY_BITS, measure
from ratiogan.sums import CHUNK, chunk_count, in_order, ordered_sum

# A block takes about a third of a second at the most, so that Ctrl-C and progress are answered.
LONGEST_BLOCK = 256
LARGEST_BLOCK = 1 << 28  # steps times cells
_MOST_HALVINGS = 1100  # down to the smallest double: u(0+) = -inf is that steep
_LARGEST_BITS = 0x7FFFFFFFFFFFFFFF
SMALLEST_BITS = -0x8000000000000000
NO_LIMIT = -1 << 62
# Beyond the second-level cache, memory is asked for 256 cells ahead, 64 at a time: the arithmetic
# of a step fills the processor's window, so that it does not see the next cache lines coming.
FAR = 100_000
_AHEAD, SHORT, _LINE = 256, 64, 8
_LARGEST_FUSED = 1e3
_ROUND_OFF = 1e-12  # how far E[R] may be from 1
_COST_ERROR = 6e-16  # of E[Phi] - Phi(1), a sum of non-negative terms, relative to itself


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
        self.before = None  # room for a copy of R, made when first needed
        self.halves = False  # whether a step is shortened until it is admissible
        self.stationary = False  # no admissible step moves R any more
        self.reached = False  # max|R-1| is below tol

    def cost(self, ratio):
        """E[Phi(R)] - Phi(1)."""
        return measure(self.game, self.geometry, ratio, self.team)["cost"]

    # What is done to whole arrays; on a grid that lies on other machines it is done there.

    def _least(self, ratio):
        return float(ratio.min())

    def _copy(self, ratio):
        return ratio.copy()

    def _put(self, ratio, other):
        ratio[:] = other

    def _equal(self, ratio, other):
        return np.array_equal(ratio, other)

    def _look(self, ratio):
        self.reached = float(np.max(np.abs(ratio - 1.0))) < self.tol

    def _signal(self, ratio):
        # u - u(1) makes the same step, and cancels nothing near R = 1.
        return self.game.signal(ratio) - self.game.signal_at_one

    def _keeps_mass(self, ratio):
        return abs(self.geometry.mean(ratio) - 1.0) <= _ROUND_OFF

    def _halved(self, ratio, candidate):
        """The first of alpha, alpha/2, .. whose step keeps R > 0 and does not raise E[Phi]."""
        before = self.cost(ratio)
        u = self._signal(ratio)
        alpha = self.alpha
        for _ in range(_MOST_HALVINGS):
            sound = self._least(candidate) > 0 and self._keeps_mass(candidate)
            if sound and not self._rose(before, self.cost(candidate)):
                return candidate
            alpha *= 0.5
            self.halvings += 1
            candidate = self.geometry.step(ratio, u, alpha)
        self.stationary = True
        return ratio

    @staticmethod
    def _rose(before, after):
        return not after <= before * (1.0 + _COST_ERROR)


class ConstantSteps(Rule):
    """R <- step(R, u(f*(R)), alpha), projected or halved where the linear geometries need it."""

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        # Games with u(0+) = -inf are never projected to R = 0: their step is halved instead.
        self.halves = geometry.is_linear and game.signal_at_zero == -math.inf

    def advance(self, ratio, n):
        """Take one step in place."""
        before = ratio.copy()
        self._settle(ratio, before, self.geometry.step(before, self._signal(before), self.alpha))
        self.stationary = self.stationary or np.array_equal(ratio, before)
        self._look(ratio)
        return 1

    def _settle(self, ratio, before, candidate):
        """Store one step, made admissible."""
        if self.halves:
            candidate = self._halved(before, candidate)
        elif self.geometry.is_linear and not (
            self._least(candidate) >= 0 and self._keeps_mass(candidate)
        ):
            candidate = self.geometry.clip(candidate)
            self.projected += 1
        self._put(ratio, candidate)


def fits_one_pass(game, geometry, alpha):
    """Whether `FusedSteps` can take these steps: there is a kernel, and E[R] = 1 to round-off.

    In a linear geometry the stored T = R - alpha u takes its mean off one step late. Where alpha u
    dwarfs R, that difference has lost the digits of R, and E[R] = 1 with them.
    """
    small = not geometry.is_linear or alpha * geometry.max_density <= _LARGEST_FUSED
    return game.kernel is not None and geometry.name != "logits" and small


class FusedSteps(ConstantSteps):
    """The same in one pass over the cells per step, for games with a kernel.

    A block of steps runs on without looking back. When a step inside it left R > 0, might have
    raised E[Phi], met the tolerance or lost a number, the block is run again from its start up to
    just there: the same operations, so the same bytes.
    """

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        self.block = 1
        self.stop_below = bits_of(tol)
        # Only `lebesgue` reads it; elsewhere w stands in, and no array is made.
        p = geometry.density if geometry.name == "lebesgue" else geometry.masses
        self.along = p
        self.total = 1.0 if geometry.name == "fisher" else geometry.mean_direction
        # By the size of the whole problem, so that threads do not change the order of the sums.
        self.stretch = SHORT if geometry.size > FAR else CHUNK
        self.lowest = self._lowest_bits()

    def _lowest_bits(self):
        """The bits of the R below which a step is looked at."""
        if not self.geometry.is_linear:
            return NO_LIMIT  # a multiplicative step keeps R >= 0
        if self.halves:
            scale = self.alpha * self.geometry.max_density
            return bits_of(certified_ratio(self.game, scale))
        return 0

    def planned(self, cells, n):
        """How many of `n` steps to take before looking again."""
        return min(n, self.block, LONGEST_BLOCK, max(1, LARGEST_BLOCK // cells))

    def advance(self, ratio, n):
        """Take a block of at most `n` steps in place."""
        if self.before is None:
            self.before = np.empty_like(ratio)
        np.copyto(self.before, ratio)
        n = self.planned(ratio.size, n)
        found = self._run(ratio, n, self.lowest, self.stop_below)
        return self.concluded(ratio, self.before, n, *found)

    def concluded(self, ratio, before, n, taken, low, largest):
        """Keep of a block what stands, and make the step in question admissible.

        Parameters
        ----------
        ratio, before : array (N,)
            After the block, changed in place; and before it.
        n : int
            Steps asked for.
        taken, low, largest : int
            Where it stopped, and the bits of min R and max|R-1| there.

        Returns
        -------
        int
            Steps that stand.
        """
        in_question = low < self.lowest or largest >= INFINITY_BITS
        if self.halves and taken == 1:
            # From a cell that low a step may raise E[Phi] wherever it leads.
            in_question = in_question or bits_of(self._least(before)) < self.lowest
        # Whole up to the step in question, which is taken by itself next time.
        whole = taken - 1 if in_question and taken > 1 else taken
        if in_question and n > 1:
            self._put(ratio, before)
            self._run(ratio, whole, NO_LIMIT, -1)
        if in_question:
            if taken == 1:
                self._settle(ratio, before, self._copy(ratio))
                self._look(ratio)
            self.block = 1
        else:
            self.reached = largest < self.stop_below
            self.block *= 2
        if in_question or n >= 16:
            self.stationary = self.stationary or self._equal(ratio, before)
        return whole

    def _run(self, ratio, n, lowest, stop_below):
        """`n` steps in place; the steps taken, and the bits of min R and max|R-1| at the last."""
        neutral = 1.0 if self.geometry.name == "fisher" else 0.0
        if not self.is_shared:
            found, _ = self._pass(ratio, neutral, n, True, lowest, stop_below)
            return found
        # The sum over all chunks is needed between any two steps.
        shift, taken = neutral, n
        witness = self._witness(ratio, shift) if n > 1 and stop_below > 0 else None
        for step in range(n):
            if step > 0 and witness is not None:
                if self._distance_of(witness, ratio, shift) < stop_below:
                    taken = step
                    break
            judged = lowest if step > 0 else NO_LIMIT
            _, parts = self._pass(ratio, shift, 1, False, judged, stop_below)
            total = in_order(parts)
            if step > 0 and not abs(total) < math.inf:
                return step, SMALLEST_BITS, INFINITY_BITS
            shift = 1.0 / total if neutral else (1.0 - total) / self.total
        (_, low, largest), _ = self._pass(ratio, shift, 0, True, lowest, stop_below)
        return taken, low, largest

    @property
    def is_shared(self):
        """Whether several threads (or machines) share a step."""
        return self.team.threads > 1

    def _pass(self, ratio, shift, n, settle, lowest, stop_below):
        """`n` steps by all threads at once; what was found, and the sums of all chunks."""
        scalars = np.array([[self.alpha, shift, self.total]])
        limits = np.array([[lowest, stop_below]])
        parts = np.empty((1, chunk_count(ratio.size)))

        def work(chunks, cells):
            found = np.empty((1, 3), dtype=np.int64)
            run_rows(
                self,
                ratio[None, cells],
                self.geometry.masses[None, cells],
                self.along[None, cells],
                scalars,
                np.array([n]),
                settle,
                limits,
                parts[:, chunks],
                found,
            )
            return found[0]

        found = np.stack(self.team.over_chunks(work, ratio.size))
        return (int(found[0, 0]), int(found[:, 1].min()), int(found[:, 2].max())), parts[0]

    def _witness(self, ratio, shift):
        """A cell with the largest |R-1|: as long as it is beyond tol, so is the maximum."""
        found = farthest(CODES[self.geometry.name], ratio, self.along, shift)
        return found if found >= 0 else None

    def _distance_of(self, witness, ratio, shift):
        return distance_bits(self.geometry.name, ratio[witness], shift, self.along[witness])


def run_rows(rule, ratio, masses, along, scalars, steps, settle, limits, parts, found):
    """Up to `steps` steps on every row of `ratio`, in place, with the game and geometry of `rule`.

    Parameters
    ----------
    rule : FusedSteps
    ratio : array (B, N)
    masses, along : array (1 or B, N)
        w, and the direction of the projection.
    scalars : array (B, 3)
        alpha, the shift before the first step, and E of `along`.
    steps : int64 array (B,)
        Below 0 the row is left alone.
    settle : bool
        Whether to leave R behind, or T with its mean still to be taken off.
    limits : int64 array (B, 2)
        A row stops before the step after which min R is below the first bits, or max|R-1| below
        the second, or not finite.
    parts : array (B, chunks)
        Partial sums of the last step.
    found : int64 array (B, 3)
        Steps taken, bits of min R and of max|R-1|, written here.
    """
    compiled = _kernel(CODES[rule.geometry.name], rule.game.kernel[0])
    compiled(
        ratio, masses, along, scalars, steps, settle, rule.game.kernel[1:], limits, parts, found,
        rule.stretch,
    )  # fmt: skip


def distance_bits(geometry, t, shift, p):
    """The bits of |R-1| of one cell from its T, once the mean of the step is known."""
    return bits_of(abs(settled(CODES[geometry], t, shift, p) - 1.0))


def certified_ratio(game, alpha):
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
        u = self._signal(ratio)
        alpha = self.trial
        if alpha < self.alpha and np.array_equal(self.geometry.step(ratio, u, alpha), ratio):
            alpha = self.alpha  # one steep cell had left a trial too short to move any other
        for _ in range(_MOST_HALVINGS):
            candidate = self.geometry.step(ratio, u, alpha)
            projected = False
            if not self.geometry.is_linear:
                # A cell that was empty before stays so in a multiplicative step.
                admissible = np.array_equal(candidate > 0, ratio > 0)
            elif self.game.signal_at_zero == -math.inf:
                admissible = candidate.min() > 0 and self._keeps_mass(candidate)
            else:
                projected = not (candidate.min() >= 0 and self._keeps_mass(candidate))
                candidate = self.geometry.clip(candidate) if projected else candidate
                admissible = True
            # E[Phi] must fall by a tenth of what the slope promises (half of it is the optimum
            # of a parabola).
            wanted = row["cost"] * (1 + _COST_ERROR) - 0.1 * alpha * row["grad_norm"] ** 2
            if admissible and self.cost(candidate) <= wanted:
                self.stationary = np.array_equal(candidate, ratio)
                ratio[:] = candidate
                self._look(ratio)
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
            total = np.float64(ordered_sum(stiffness, w))  # may be 0
            level = ordered_sum(u * stiffness, w) / total
            direction = -(u - level) * stiffness
            # E[d] = 0 only to round-off: take it off, least where Phi'' holds a cell fast.
            direction -= ordered_sum(direction, w) / total * stiffness
            shrink = np.min(np.where(direction < 0, -ratio / direction, np.inf))
            slope = ordered_sum((u - level) * direction, w)
        length = min(1.0, 0.99 * float(shrink))
        before = self.cost(ratio)
        if not (slope < 0 and length > 0):
            self.stationary = True
            return 1
        for _ in range(_MOST_HALVINGS):
            candidate = ratio + length * direction
            after = self.cost(candidate)
            if after <= before * (1 + _COST_ERROR) + 1e-4 * length * slope:
                ratio[:] = candidate
                self._look(ratio)
                return 1
            length *= 0.5
            self.halvings += 1
        self.stationary = True
        return 1


# --- kernels -------------------------------------------------------------------------------------

REFERENCE, LEBESGUE, FISHER = 0, 1, 2
CODES = {"reference": REFERENCE, "lebesgue": LEBESGUE, "fisher": FISHER}


@jit
def settled(geometry, t, shift, p):
    """R from the stored T, once the mean of its step is known."""
    if geometry == LEBESGUE:
        return t + shift * p
    return t * shift if geometry == FISHER else t + shift


@exact
def distance(r):
    """The bits of |r-1|, r rounded: T shift - 1 in one rounding would be another number."""
    return as_bits(abs(r - 1.0))


@jit
def finite_signal(code, r, a, b, c):
    """`signal` for 0 < r < inf only, where that is faster; to rounding in units of max(1, |u|)."""
    if code == MINIMAX:
        return log_finite(r / (1.0 + r))
    if code == LOGIT:
        return log_finite(r)
    if code == INVERSE_ROOT:
        return -inverse_root(r)
    return signal(code, r, a, b, c)


@jit
def descended(geometry, code, r, p, alpha, a, b, c):
    """T = the step from R without its projection."""
    u = finite_signal(code, r, a, b, c)
    if geometry == LEBESGUE:
        return r - alpha * (p * u)
    if geometry == FISHER:
        if code == STEP:
            # Three factors for the whole grid: LLVM takes them out of the loop.
            low, middle, high = exp(-alpha * b), exp(-0.5 * alpha * (b + c)), exp(-alpha * c)
            above = high if r > a else middle
            return r * (low if r < a else above)
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
    def passes(
        states, masses, along, scalars, steps, settle, parameters, limits, parts, found, block
    ):
        wide_vectors()
        a, b, c = parameters
        for row in range(states.shape[0]):
            n = steps[row]
            if n < 0:
                continue
            T = states[row]
            w = masses[row % masses.shape[0]]
            p = along[row % along.shape[0]]
            alpha, shift, mean = scalars[row, 0], scalars[row, 1], scalars[row, 2]
            stop_below = limits[row, 1]
            # As long as the cell that was farthest from 1 is beyond tol, max|R-1| is.
            witness = -1
            if n > 1 and stop_below > 0:
                witness = farthest(geometry, T, p, shift)
            taken = n
            lost = False
            for step in range(n):
                if step > 0 and witness >= 0:
                    r = settled(geometry, T[witness], shift, p[witness])
                    if distance(r) < stop_below:
                        taken = step
                        break
                # The start is not judged; a pass that does not settle is one of many.
                lowest = -np.inf
                if limits[row, 0] >= 0 and (step > 0 or not settle):
                    lowest = from_bits(limits[row, 0])
                for k in range(parts.shape[1]):
                    part = 0.0
                    for first in range(k * CHUNK, min((k + 1) * CHUNK, T.size), block):
                        if block < CHUNK:
                            for i in range(first + _AHEAD, first + _AHEAD + block, _LINE):
                                prefetch(T, i)
                                prefetch(w, i)
                                if geometry == LEBESGUE:
                                    prefetch(p, i)
                        cells = T[first : first + block]
                        weights = w[first : first + block]
                        densities = weights
                        if geometry == LEBESGUE:  # every slice costs
                            densities = p[first : first + block]
                        for i in range(cells.size):
                            r = settled(geometry, cells[i], shift, densities[i])
                            t = descended(geometry, code, r, densities[i], alpha, a, b, c)
                            # NaN spoils the sum, and so tells of a low R. A minimum of its own
                            # would make LLVM unroll the loop half as far: 1.3 times slower.
                            t = t if r >= lowest else np.nan
                            cells[i] = t
                            part += weights[i] * t
                    parts[row, k] = part
                total = in_order(parts[row])
                if step > 0 and not abs(total) < np.inf:
                    taken, lost = step, True
                    break
                shift = 1.0 / total if geometry == FISHER else (1.0 - total) / mean
            low = np.int64(SMALLEST_BITS if lost else _LARGEST_BITS)
            largest = np.int64(INFINITY_BITS if lost else 0)
            if settle and not lost:
                for k in range(parts.shape[1]):
                    cells = T[k * CHUNK : (k + 1) * CHUNK]
                    densities = p[k * CHUNK : (k + 1) * CHUNK]
                    for i in range(cells.size):
                        r = settled(geometry, cells[i], shift, densities[i])
                        bits_r = as_bits(r)
                        low = bits_r if bits_r < low else low
                        bits_d = distance(r)
                        largest = bits_d if bits_d > largest else largest
                        cells[i] = r
            found[row, 0] = taken
            found[row, 1] = low
            found[row, 2] = largest

    return passes


@jit
def farthest(geometry, T, p, shift):
    """A cell with the largest |R-1|."""
    largest = np.int64(0)
    for i in range(T.size):
        bits = distance(settled(geometry, T[i], shift, p[i]))
        largest = bits if bits > largest else largest
    for i in range(T.size):
        if distance(settled(geometry, T[i], shift, p[i])) == largest:
            return i
    return -1
