"""Subgradient descent on W1 on grids of 2 and 3 axes, with a critic that is proved, not exact.

Every step has a 1-Lipschitz f of its own, near the best: E_r[f] - E_g[f] bounds W1 from below, and
takes its place in every bound. What is left to W1 itself is bounded by a plan, from above.
"""

import math

import numpy as np

from ratiogan.solvers.subgradient import REACHED, RULES, STALE, Descent, look, take
from ratiogan.sums import ordered_sum
from ratiogan.transport.euclidean import WarmCritic
from ratiogan.transport.extension import lipschitz_constant

_REST = 2.0**-45  # W1, in units of the diagonal, that the round-off of the masses can leave


class GridDescent(Descent):
    """On a grid of 2 or 3 axes; each critic starts from the one of the last step.

    Parameters
    ----------
    geometry, start, rule, tol
        As for `Descent`; R on the cells with p_r > 0, in C order.
    real : Distribution
        p_r, on all cells.

    Attributes
    ----------
    whole_critic : array (grid.shape)
        f on all cells, those with p_r = 0 as well.

    Examples
    --------
    >>> from ratiogan import Distribution, Grid
    >>> from ratiogan.ratio import Geometry
    >>> real = Distribution.from_mass(np.full((2, 2), 0.25), Grid.regular((2, 2), (0, 0), (2, 2)))
    >>> start, masses = np.array([2.0, 0.0, 2.0, 0.0]), Geometry("reference", real.mass.ravel())
    >>> walk = GridDescent(masses, start, "polyak", 0.0, real)
    >>> walk.advance(0), round(walk.cost, 6), round(walk.upper, 6), walk.critic.round(6).tolist()
    (0, 0.5, 0.5, [-0.5, 0.5, -0.5, 0.5])
    """

    exact = False

    def __init__(self, geometry, start, rule, tol, real):
        super().__init__(geometry, start, rule, tol)
        self.real, self.support = real, real.mass > 0
        centres = real.grid.centres
        self.length = math.hypot(*(float(c[-1] - c[0]) for c in centres))
        self._search = WarmCritic(real.mass, real.grid.edges)
        self._upper = None
        self.least_upper = math.inf
        self.whole_critic = np.zeros(real.grid.shape)
        self.passed = []  # per step: the dual value, and the floor of the step taken there

    @property
    def upper(self):
        """A bound on W1 at the present R from above, proved by a plan."""
        if self._upper is None:
            self._upper = max(self._search.upper(), self.cost)
            self.least_upper = min(self.least_upper, self._upper)
        return self._upper

    @property
    def is_nothing(self):
        """Whether what is left of W1 may be round-off alone."""
        return not self.cost > _REST * self.length

    def advance(self, n, cycles=True):
        """Take one step in place, or none: a critic takes long enough. Returns how many.

        No cycles are looked for: an R seen before would not bring the same critic back.
        """
        self._look()
        if n < 1 or self.reached or self.is_nothing or not math.isfinite(self.cost):
            return 0
        self.passed.append((self.cost, self.floor(self.next_alpha)))
        negative = take(
            self.geometry.masses, self.ratio, self.gen, self.critic, RULES[self.rule],
            self.is_fisher, self.alpha, self.numbers, self.counts,
        )  # fmt: skip
        if negative:
            self.project()
        self._look()
        return 1

    def _look(self):
        """The critic's turn, where R has changed."""
        if not self.counts[STALE]:
            return
        w = self.geometry.masses
        self.gen[:] = w * self.ratio
        mass = np.zeros(self.real.grid.shape)
        mass[self.support] = self.gen
        _, whole = self._search(mass)
        f = whole[self.support]
        mean = ordered_sum(f, w) / float(w.sum())
        self.whole_critic = whole - mean
        self.critic[:] = f - mean
        cost = max(0.0, ordered_sum(w - self.gen, self.critic))
        self._upper = None
        # The bound from above decides; without a lower one there is no need to ask for it.
        look(w, self.gen, self.critic, self.is_fisher, self.tol, cost, self.numbers, self.counts)
        if self.counts[REACHED]:
            self.counts[REACHED] = self.upper < self.tol

    def row(self):
        return {"upper": self.upper}

    def certificate(self):
        return {
            "lower": self.cost,
            "upper": self.upper,
            "gap": self.upper - self.cost,
            "critic_lipschitz": lipschitz_constant(self.whole_critic, self.real.grid.centres),
        }
