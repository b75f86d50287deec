"""Subgradient descent on W1 in R: the critic's turn, the step, and what the bounds sum up.

All bounds hold for any 1-Lipschitz f with its own dual value E_r[f] - E_g[f] <= W1 in the place of
W1: the exact critic of the line (here) and the one on grids (`ratiogan/solvers/grid_descent.py`)
share the step and the sums.
"""

import math

import numpy as np

from ratiogan._jit import kernel
from ratiogan._vmath import exp, log, log1p
from ratiogan.sums import ordered_sum
from ratiogan.transport.line import centre_critic

RULES = {"constant": 0, "decay": 1, "polyak": 2}
_LARGEST_BLOCK = 1 << 24  # steps times cells: a tenth of a second, so that Ctrl-C is answered
_ROUND_OFF = 1e-12  # by which a bound may seem to be missed, relative to itself


class Descent:
    """R on the cells with p_r > 0, its critic, and the sums that the bounds are made of.

    Parameters
    ----------
    geometry : Geometry
        `reference` or `fisher`; its masses are w.
    start : array (N,)
        R to begin with.
    rule : {"constant", "decay", "polyak"}
    tol : float
        `reached` says that W1 is below.

    Attributes
    ----------
    ratio, critic, gen : array (N,)
        R, f with E_r[f] = 0, and the masses of p_g = R p_r.
    alpha : float
        The step size; without a part in `polyak`.
    """

    exact = True  # whether the dual value is W1
    is_nothing = False  # whether what is left of W1 may be round-off alone
    length = None  # the farthest that two points are apart

    def __init__(self, geometry, start, rule, tol):
        self.geometry, self.rule, self.tol = geometry, rule, tol
        self.alpha = 1.0
        self.start = start
        self.ratio = start.copy()
        self.critic = np.empty_like(start)
        self.gen = np.empty_like(start)
        self.numbers = np.zeros(len(_NUMBERS))
        self.counts = np.zeros(len(_COUNTS), dtype=np.int64)
        self.numbers[BEST] = math.inf
        self.numbers[START] = self._distance()
        self.counts[STALE] = 1

    def _distance(self):
        """E[(R-1)^2], or KL(p_r||p_g) in `fisher`: what a step brings down."""
        w, r = self.geometry.masses, self.start
        if not self.is_fisher:
            return ordered_sum((r - 1.0) ** 2, w)
        with np.errstate(divide="ignore"):
            return float(np.sum(w * (r - 1.0 - np.log(r))))

    @property
    def is_fisher(self):
        return self.geometry.name == "fisher"

    @property
    def cost(self):
        """E_r[f] - E_g[f] at the present R: W1, or a lower bound on it."""
        return float(self.numbers[COST])

    @property
    def norm2(self):
        """|P_0 f|^2 at the present R: Var f over p_r, in `fisher` over p_g."""
        return float(self.numbers[NORM2])

    @property
    def steps(self):
        return int(self.counts[STEP])

    @property
    def period(self):
        """After how many steps R repeats itself; 0 while it has not."""
        return int(self.counts[PERIOD])

    @property
    def reached(self):
        return bool(self.counts[REACHED])

    @property
    def next_alpha(self):
        """The size of the step that comes next."""
        if self.rule == "polyak":
            return self.cost / self.norm2 if self.norm2 > 0 else 0.0
        return self.alpha / (math.sqrt(self.counts[STEP] + 1) if self.rule == "decay" else 1)

    def floor(self, alpha):
        """The dual value at which a step of this size gets no nearer to R = 1."""
        if not self.is_fisher or not alpha > 0:
            return 0.5 * alpha * self.norm2
        q = self.gen
        x = (alpha * (self.critic - ordered_sum(self.critic, q) / q.sum()))[q > 0]
        q, top = q[q > 0], x.max()
        with np.errstate(under="ignore"):
            if np.abs(x).max() < 0.1:
                return float(np.log1p(ordered_sum(np.expm1(x) - x, q)) / alpha)
            return float((math.log(ordered_sum(np.exp(x - top), q)) + top) / alpha)

    def project(self):
        """Bring R back to R >= 0 after a step that left it."""
        self.ratio[:] = self.geometry.clip(self.ratio)
        self.counts[PROJECTED] += 1

    def row(self):
        """The columns of the trace that this kind of critic has for itself."""
        raise NotImplementedError

    def certificate(self):
        """What can be recomputed from R and f alone."""
        raise NotImplementedError


class LineDescent(Descent):
    """On one axis, where the critic is exact and costs no more than a step.

    Examples
    --------
    >>> from ratiogan.ratio import Geometry
    >>> geometry, points = Geometry("reference", np.full(2, 0.5)), np.array([0.5, 1.0])
    >>> walk = LineDescent(geometry, np.array([1.5, 0.5]), "polyak", 0.0, points)
    >>> walk.advance(0), walk.cost, walk.critic.tolist()
    (0, 0.125, [-0.25, 0.25])
    >>> walk.advance(1), walk.ratio.tolist()
    (1, [1.0, 1.0])
    """

    def __init__(self, geometry, start, rule, tol, points):
        super().__init__(geometry, start, rule, tol)
        self.points = points
        self.length = float(points[-1] - points[0])
        self._saved = np.full_like(start, np.nan)

    def advance(self, n, cycles=True):
        """Take up to `n` steps in place, with `cycles` until R repeats itself; returns how many.

        It repeats itself to the last bit in `reference`; to 1e-12 of itself in `fisher`, whose
        every step rounds an exponential.
        """
        # With a step that shrinks, an R seen before does not bring back what followed it.
        taken, negative = _line_steps(
            self.points, self.geometry.masses, self.ratio, self.gen, self.critic, self._saved,
            RULES[self.rule], self.is_fisher, self.alpha, self.tol,
            min(n, max(1, _LARGEST_BLOCK // self.ratio.size)),
            cycles and self.rule != "decay", self.numbers, self.counts,
        )  # fmt: skip
        if negative:
            self.project()
            self.advance(0, cycles)
        return taken

    def row(self):
        signs = np.sign(np.diff(self.critic))
        signs = signs[signs != 0]
        return {"sign_changes": int(np.count_nonzero(signs[1:] != signs[:-1]))}

    def certificate(self):
        w, q = self.geometry.masses, self.gen
        dual = ordered_sum(self.critic, w) - ordered_sum(self.critic, q)
        slopes = np.abs(np.diff(self.critic)) / np.diff(self.points)
        return {
            "cost": self.cost,
            "dual": dual,
            "gap": abs(self.cost - dual),
            "critic_lipschitz": float(slopes.max(initial=0.0)),
        }

    def over_one_period(self):
        """W1 and its floor at every step of the cycle R is in, and whether none was projected."""
        ratio, numbers, counts = self.ratio.copy(), self.numbers.copy(), self.counts.copy()
        costs, floors = [], []
        for _ in range(self.period):
            costs.append(self.cost)
            floors.append(self.floor(self.alpha))
            self.advance(1, False)
        whole = counts[PROJECTED] == self.counts[PROJECTED]
        self.ratio, self.counts[STALE] = ratio, 1
        self.advance(0, False)
        self.numbers, self.counts = numbers, counts
        return np.array(costs), np.array(floors), bool(whole)


# --- kernels -------------------------------------------------------------------------------------

# Places in the arrays `numbers` and `counts`, where a block of steps leaves what it found.
_NUMBERS = tuple(range(8))
COST, NORM2, BEST, LARGEST, START, ALPHAS, SPENT, SQUARES = _NUMBERS
_COUNTS = tuple(range(8))
STEP, SAVED_AT, PERIOD, PROJECTED, MISSED, MISSED_POLYAK, REACHED, STALE = _COUNTS


@kernel
def _line_steps(
    points, masses, ratio, gen, critic, saved, rule, fisher, alpha, tol, n, cycles, numbers, counts
):
    """Look at R where that is due, then take up to `n` steps, in place.

    Returns
    -------
    taken : int
    negative : bool
        Whether the last one left R >= 0, so that it has to be projected and looked at.
    """
    taken = 0
    while True:
        if counts[STALE]:
            for i in range(ratio.size):
                gen[i] = masses[i] * ratio[i]
            cost = centre_critic(masses, gen, points, critic)
            look(masses, gen, critic, fisher, tol, cost, numbers, counts)
            if cycles:
                _remember(ratio, saved, fisher, counts)
            if counts[REACHED] or counts[PERIOD] or not numbers[COST] < math.inf:
                return taken, False
        if taken == n:
            return taken, False
        negative = take(masses, ratio, gen, critic, rule, fisher, alpha, numbers, counts)
        taken += 1
        if negative:
            return taken, True


@kernel
def take(masses, ratio, gen, critic, rule, fisher, alpha, numbers, counts):
    """One step, in place, and what the bounds say of it; whether it left R >= 0."""
    cost, norm2 = numbers[COST], numbers[NORM2]
    size = alpha
    if rule == 1:
        size = alpha / math.sqrt(counts[STEP] + 1.0)
    elif rule == 2:
        size = cost / norm2 if norm2 > 0.0 else 0.0
    lowest = 0.0
    if fisher:
        spent = _tilt(masses, ratio, gen, critic, size)
    else:
        spent = size * size * norm2
        for i in range(ratio.size):
            ratio[i] += size * critic[i]
            lowest = min(lowest, ratio[i])
    counts[STEP] += 1
    counts[STALE] = 1
    numbers[ALPHAS] += size
    numbers[SPENT] += spent
    if norm2 > 0.0:
        numbers[SQUARES] += cost * cost / norm2
    total = (1.0 if fisher else 2.0) * numbers[ALPHAS]
    bound = numbers[START] + numbers[SPENT]
    if numbers[BEST] * total > bound * (1.0 + _ROUND_OFF):
        counts[MISSED] += 1
    return lowest < 0.0


@kernel
def _tilt(masses, ratio, gen, critic, size):
    """R <- R exp(size f)/E[.] in place; returns log E_g[exp(size (f - E_g f))]."""
    top, bottom = -math.inf, math.inf
    whole = mean = 0.0
    for i in range(ratio.size):
        # An empty cell stays empty: its f must not set the scale.
        if ratio[i] > 0.0:
            top = max(top, critic[i])
            bottom = min(bottom, critic[i])
        whole += gen[i]
        mean += gen[i] * critic[i]
    mean /= whole
    grown = excess = 0.0
    small = size * (top - bottom) < 0.1
    if small:
        # log E[e^x] of an x near 0: from e^x - 1 - x, for the rest would cancel.
        for i in range(ratio.size):
            x = size * (critic[i] - mean)
            series = 1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0))
            series = 1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * series))
            excess += gen[i] / whole * (0.5 * x * x * series if gen[i] > 0.0 else 0.0)
    for i in range(ratio.size):
        ratio[i] *= exp(size * (min(critic[i], top) - top))
        grown += masses[i] * ratio[i]
    for i in range(ratio.size):
        ratio[i] /= grown
    return log1p(excess) if small else log(grown / whole) + size * (top - mean)


@kernel
def look(masses, gen, critic, fisher, tol, cost, numbers, counts):
    """What is known once the critic has had its turn: |P_0 f|^2, the least cost, Polyak's bound."""
    mean = whole = norm2 = 0.0
    if fisher:
        for i in range(critic.size):
            mean += gen[i] * critic[i]
            whole += gen[i]
        mean /= whole
        for i in range(critic.size):
            norm2 += gen[i] * (critic[i] - mean) ** 2
    else:
        for i in range(critic.size):
            norm2 += masses[i] * critic[i] * critic[i]
    numbers[COST], numbers[NORM2] = cost, norm2
    numbers[BEST] = min(numbers[BEST], cost)
    numbers[LARGEST] = max(numbers[LARGEST], norm2)
    # Squared: W1^2 (k+1) <= E[(R0-1)^2] max Var f.
    promised = numbers[START] * numbers[LARGEST] * (1.0 + _ROUND_OFF)
    if numbers[BEST] * numbers[BEST] * (counts[STEP] + 1.0) > promised:
        counts[MISSED_POLYAK] += 1
    counts[REACHED] = cost < tol
    counts[STALE] = 0


@kernel
def _remember(ratio, saved, fisher, counts):
    """Whether R was seen before (Brent 1980)."""
    step = counts[STEP]
    slack = _ROUND_OFF if fisher else 0.0
    for i in range(ratio.size):
        if not abs(ratio[i] - saved[i]) <= slack * ratio[i]:
            break
    else:
        counts[PERIOD] = step - counts[SAVED_AT]
    if counts[PERIOD] == 0 and step >= 2 * counts[SAVED_AT]:
        counts[SAVED_AT] = step
        saved[:] = ratio
