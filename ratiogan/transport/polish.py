"""W1 in the Euclidean metric to any precision: a network simplex on the pairs of cells that matter.

Of all pairs of cells an optimal plan uses hardly more than there are cells, and a good potential f
tells which may be among them: those with |x - y| - (f(y) - f(x)) near 0. The simplex works on
these and on arcs between near cells, which keep its potentials close to 1-Lipschitz. The
c-transform then finds the pairs that its potential violates, in proof or for the next round.

Both ends of the interval are proven in every round. The lower one is sum b f for an f that is
1-Lipschitz over all pairs, b = p_r - p_g; the upper one the cost of a plan with the right margins.
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan._jit import kernel
from ratiogan.errors import check_positive
from ratiogan.sums import ordered_sum
from ratiogan.transport.c_transform import c_transform, lipschitz, near_pairs
from ratiogan.transport.paths import merged, plan_cost
from ratiogan.transport.problem import Plan
from ratiogan.transport.simplex import NetworkSimplex

_MOST_ROUNDS = 100
_PAIRS, _MORE_PAIRS = 16, 2  # for each cell at the start, and in a round
_NEAR = 0.3  # how far from tight a pair of the start may be, over the distance of neighbours
_LONGEST = 2  # steps along an axis that an arc between near cells may take
_BENT = 0.1  # how far from tight such an arc may be, relative to its length
_INWARDS = 0.5  # the share of the best potential in the one that pairs are sought for
_ROUND_OFF = 1e-12  # of the width of the grid: a pair violated by less is not


@dataclass(frozen=True, eq=False)
class Polished:
    """An interval that holds W1, with what proves its ends.

    Attributes
    ----------
    lower, upper : float
        sum b potential, and the cost of the plan; infinite, without a plan, where max_rounds ended
        before there was one.
    potential : array, shape of the grid
        f with |f(x) - f(y)| <= |x - y| for all pairs of cells.
    plan : Plan, or None
        From cells with b < 0 to cells with b > 0.
    n_rounds, n_pivots, n_arcs : int
        Rounds of the simplex on the grid itself, pivots and arcs in them.
    reached : bool
        Whether the gap met `tol` or the floor of round-off.
    history : array (n, 2)
        Both bounds after every round.
    """

    lower: float
    upper: float
    potential: np.ndarray = field(repr=False)
    plan: Plan = field(repr=False)
    n_rounds: int
    n_pivots: int
    n_arcs: int
    reached: bool
    history: np.ndarray = field(repr=False)

    @property
    def gap(self):
        """upper - lower."""
        return self.upper - self.lower


def polish(b, centres, potential, plan=None, *, tol, floor=None, max_rounds=_MOST_ROUNDS):
    """Narrow the interval around W1 from a potential, and a plan if there is one.

    Solves min sum pi(x, y) |x - y| over plans pi that move b, and its dual, the greatest sum b f
    over |f(x) - f(y)| <= |x - y| for all pairs of cells.

    Parameters
    ----------
    b : array, 1 to 3 axes
        p_r - p_g, with sum 0 to round-off: what is moved goes from cells with b < 0 to b > 0.
    centres : sequence of arrays
        For each axis the ascending places of its cells, evenly spaced or not.
    potential : array, shape of `b`
        The nearer to an optimal f, the fewer pairs are to be looked at; it need not be Lipschitz.
    plan : Plan, optional
        Its pairs are among the first.
    tol : float
        Stop when (upper - lower) / upper <= tol.
    floor : float, optional
        A gap, in the unit of the cost, that counts as none; by default 2^-46 of the mass times
        the width of the grid: round-off.
    max_rounds : int
        Most rounds of the simplex.

    Returns
    -------
    Polished

    Raises
    ------
    InputError
        If tol is not positive, or the shapes do not fit.

    Notes
    -----
    The mass is rounded to multiples of 2^-51 of all that is moved, so that flows are exact; the
    margins of the plan are off by no more. Memory is some hundred numbers per cell. The number of
    rounds hardly grows with the grid, the time of a round does, like cells^1.5 or so.

    References
    ----------
    du Merle, Villeneuve, Desrosiers, Hansen 1999, "Stabilized column generation", Discrete
    Mathematics 194. Ben-Ameur, Neto 2007, "Acceleration of cutting-plane and column generation
    algorithms: applications to network design", Networks 49, for pairs sought between two
    potentials. Gottschlich, Schuhmacher 2014, "The shortlist method", PLoS ONE 9.

    Examples
    --------
    >>> import numpy as np
    >>> b = np.array([[-1.0, 0.0, 0.0], [-1.0, 2.0, 0.0]])
    >>> found = polish(b, [np.arange(2.0), np.arange(3.0)], np.zeros((2, 3)), tol=1e-9)
    >>> round(found.lower, 12), round(found.upper, 12)
    (2.414213562373, 2.414213562373)
    >>> found.plan.origin, found.plan.destination
    (array([0, 3]), array([4, 4]))
    """
    tol = check_positive("tol", tol)
    b = np.ascontiguousarray(b, dtype=float)
    centres = [np.ascontiguousarray(c, dtype=float) for c in centres]
    rounds = _Rounds(b, centres, np.asarray(potential, dtype=float), plan)
    if floor is None:
        floor = 2.0**-46 * 0.5 * np.abs(b).sum() * rounds.width
    history = []
    reached = False
    while len(history) < max_rounds and not reached:
        more = rounds.next(tol, floor)
        history.append((rounds.lower, rounds.upper))
        reached = rounds.close(tol, floor)
        if not more:
            break
    whole = c_transform(rounds.best, b < 0.0, centres)[0]
    return Polished(
        lower=rounds.lower,
        upper=rounds.upper,
        potential=whole,
        plan=rounds.plan,
        n_rounds=len(history),
        n_pivots=rounds.simplex.n_pivots,
        n_arcs=rounds.simplex.n_arcs,
        reached=reached,
        history=np.array(history).reshape(-1, 2),
    )


class _Rounds:
    """The simplex and its pairs, the best bounds and what proves them."""

    def __init__(self, b, centres, potential, plan):
        self.b, self.centres = b, centres
        self.less, self.more = b < 0.0, b > 0.0
        self.width = math.hypot(*(c[-1] - c[0] for c in centres))
        self.cells = np.flatnonzero(b)  # the nodes of the simplex
        self.node = np.full(b.size, -1)
        self.node[self.cells] = np.arange(self.cells.size)
        self.places = [
            c[k] for c, k in zip(centres, np.unravel_index(np.arange(b.size), b.shape), strict=True)
        ]
        # Known on all cells, the potential can steer the search for pairs.
        self.guide = c_transform(potential, self.less, centres)[0]
        self.lower, self.upper, self.plan = -math.inf, math.inf, None
        self.best = None
        self.offer(self.guide)
        # Over the root it is farther than between any two cells: the potential differs by no more
        # than two widths, the best among cells with b of one sign by one.
        self.simplex = NetworkSimplex(
            -b.ravel()[self.cells], 2.0 * self.width, self.best.ravel()[self.cells]
        )
        start = [self.tight(self.best, _NEAR * self.step, _PAIRS), self.between_near_cells()]
        if plan is not None:
            start.append((plan.origin, plan.destination))
        self.add(*(np.concatenate(cells) for cells in zip(*start, strict=True)))

    @property
    def step(self):
        """The mean distance of neighbours."""
        gaps = [np.diff(c) for c in self.centres if c.size > 1]
        return float(np.concatenate(gaps).mean()) if gaps else 1.0

    def offer(self, potential):
        """Keep the potential, made 1-Lipschitz, if it is the best."""
        found = np.where(self.b == 0.0, self.guide, lipschitz(potential, self.b, self.centres))
        lower = ordered_sum(found, self.b)
        if lower > self.lower:
            self.lower, self.best = lower, found

    def close(self, tol, floor):
        """Whether the gap is small enough."""
        if not self.upper < math.inf:
            return False
        return self.upper - self.lower <= max(tol * self.upper, floor)

    def next(self, tol, floor):
        """One round; False where nothing is left to be done."""
        simplex = self.simplex
        simplex.solve()
        if simplex.unserved == 0.0:
            plan = self.straight_plan()
            cost = plan_cost(plan, self.b, self.centres)
            if cost < self.upper:
                self.upper, self.plan = cost, plan
        if self.close(tol, floor):
            return False
        found = self.guide.copy()
        found.ravel()[self.cells] = simplex.potential
        between = _INWARDS * self.best + (1.0 - _INWARDS) * found
        self.offer(between)
        if self.close(tol, floor):
            return False
        self.offer(found)
        if self.close(tol, floor):
            return False
        small = _ROUND_OFF * self.width
        x, y = self.tight(between, -small, _MORE_PAIRS)
        f = found.ravel()
        worth = self.distance(x, y) - (f[y] - f[x]) < -small
        if np.count_nonzero(worth) < 10:
            x, y = self.tight(found, -small, _MORE_PAIRS)
        else:
            x, y = x[worth], y[worth]
        self.add(x, y)
        return x.size > 0

    def tight(self, potential, slack, most):
        """Pairs with |x - y| - (f(y) - f(x)) < slack, for every cell at both ends a few."""
        y, x = near_pairs(
            potential, self.less, self.centres, self.more, potential + slack, most, self.guide
        )
        x2, y2 = near_pairs(
            -potential, self.more, self.centres, self.less, slack - potential, most, -self.guide
        )
        return np.concatenate([x, x2]), np.concatenate([y, y2])

    def between_near_cells(self):
        """Arcs to the next cells, and those a little farther on that lie along the potential."""
        f, cells = self.best.ravel(), np.arange(self.b.size).reshape(self.b.shape)
        reach = [range(-min(_LONGEST, n - 1), min(_LONGEST, n - 1) + 1) for n in self.b.shape]
        found = []
        for step in itertools.product(*reach):
            if math.gcd(*step) != 1:
                continue
            around = list(zip(step, self.b.shape, strict=True))
            x = cells[tuple(slice(max(0, -s), n - max(0, s)) for s, n in around)].ravel()
            y = cells[tuple(slice(max(0, s), n - max(0, -s)) for s, n in around)].ravel()
            kept = (self.node[x] >= 0) & (self.node[y] >= 0)
            if max(map(abs, step)) > 1:
                away = self.distance(x, y)
                kept &= away - (f[y] - f[x]) <= _BENT * away
            found.append((x[kept], y[kept]))
        return tuple(np.concatenate(ends) for ends in zip(*found, strict=True))

    def add(self, x, y):
        key = np.sort(x * self.b.size + y)  # np.unique hashes, which is far slower
        key = key[np.append(True, key[1:] != key[:-1])[: key.size]]
        # In any order but a sorted one: a block of arcs should lie all over the grid.
        x, y = np.divmod(np.random.default_rng(0).permutation(key), self.b.size)
        self.simplex.add(self.node[x], self.node[y], self.distance(x, y))

    def distance(self, x, y):
        return np.sqrt(sum((c[x] - c[y]) ** 2 for c in self.places))

    def straight_plan(self):
        """The flow taken apart into paths from end to end; each is charged its straight length."""
        simplex = self.simplex
        tail, head, amount = simplex.flow()
        units = simplex.units
        order = np.argsort(tail, kind="stable")
        first = np.searchsorted(tail[order], np.arange(units.size + 1))
        most = 2 * (units.size + tail.size)
        plan = np.empty((most, 2), np.int64), np.empty(most)
        n = _paths(units.copy(), first, head[order], amount[order], *plan)
        ends = self.cells[plan[0][:n]]
        # Parcels that split on the way may have met again.
        mass = plan[1][:n] * simplex.unit
        return Plan(*merged(ends[:, 0], ends[:, 1], mass, self.b.size))


# --- kernel --------------------------------------------------------------------------------------


@kernel
def _paths(left, first, head, amount, ends, mass):
    """Take a flow without circles apart; fills `ends` and `mass`, and returns how many.

    `left` is what a node has over (> 0) or wants (< 0); the arcs out of node i are
    first[i] ... first[i + 1] - 1. Parcels wait at nodes in lists, and whole parcels are passed on.
    """
    n = left.size
    size = n + amount.size + mass.size
    origin, held, after = np.empty(size, np.int64), np.empty(size), np.empty(size, np.int64)
    here = np.full(n, -1)
    used = 0
    waits = np.zeros(n, np.int64)
    for a in range(head.size):
        waits[head[a]] += 1
    queue = np.empty(n, np.int64)
    end = 0
    for i in range(n):
        if waits[i] == 0:
            queue[end] = i
            end += 1
    count, at = 0, 0
    while at < end:
        i = queue[at]
        at += 1
        if left[i] > 0.0:
            origin[used], held[used], after[used] = i, left[i], here[i]
            here[i] = used
            used += 1
        while left[i] < 0.0 and here[i] >= 0:
            k = here[i]
            given = min(held[k], -left[i])
            ends[count, 0], ends[count, 1], mass[count] = origin[k], i, given
            count += 1
            left[i] += given
            held[k] -= given
            if held[k] == 0.0:
                here[i] = after[k]
        for a in range(first[i], first[i + 1]):
            j, want = head[a], amount[a]
            while want > 0.0 and here[i] >= 0:
                k = here[i]
                if held[k] <= want:
                    want -= held[k]
                    here[i] = after[k]
                    after[k] = here[j]
                    here[j] = k
                else:
                    origin[used], held[used], after[used] = origin[k], want, here[j]
                    here[j] = used
                    used += 1
                    held[k] -= want
                    want = 0.0
            waits[j] -= 1
            if waits[j] == 0:
                queue[end] = j
                end += 1
    return count
