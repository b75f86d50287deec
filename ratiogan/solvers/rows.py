"""Rows of R that take their steps side by side: one compiled call for all of them.

`SideBySide` is the call; `RowSteps` the step rule of a game with one constraint E[R(.|x)] = 1 per
x, whose rows keep in step and are each frozen where the row alone would stop.
"""

from copy import copy
from functools import cached_property

import numpy as np

from ratiogan.ratio import Geometry
from ratiogan.solvers.measure import INFINITY_BITS
from ratiogan.solvers.steps import (
    FAR,
    LARGEST_BLOCK,
    LONGEST_BLOCK,
    SHORT,
    ConstantSteps,
    FusedSteps,
    Rule,
    bits_of,
    certified_ratio,
    fits_one_pass,
    run_rows,
)
from ratiogan.solvers.team import SOLO
from ratiogan.sums import CHUNK, chunk_count, ordered_sum

# What a row is doing; the larger, the more it says about the run as a whole.
ACTIVE, REACHED, STATIONARY, SETTLED, UNCOVERED, UNDEFINED, DIVERGED = range(7)
ENDINGS = ("", "converged", "stationary", "settled", "uncovered", "undefined", "diverged")
_REPEATS = 16  # after so many steps a row that has not changed never will
_GROUPED, _GROUPED_WIDE = 64, 8  # neighbouring x that are summed by themselves


class SideBySide:
    """Rows of one length in arrays (B, N), and the call that takes steps on them.

    Parameters
    ----------
    rule : FusedSteps
        Its game and geometry are those of every row.
    ratio : array (B, N)
        R, changed in place.
    masses, along : array (1 or B, N)
        w, and the direction of the projection; read-only.
    scalars : array (B, 2)
        alpha, and E of `along`.
    limits : int64 array (B, 2)
        As for `steps.run_rows`.
    team : Team
    """

    def __init__(self, rule, ratio, masses, along, scalars, limits, team):
        self.rule = rule
        self.ratio, self.before = ratio, np.empty_like(ratio)
        self.masses, self.along = masses, along
        neutral = np.full(len(ratio), 1.0 if rule.geometry.name == "fisher" else 0.0)
        self.scalars = np.column_stack([scalars[:, 0], neutral, scalars[:, 1]])
        self.limits = limits
        self.parts = np.empty((len(ratio), chunk_count(ratio.shape[1])))
        self.found = np.empty((len(ratio), 3), dtype=np.int64)
        self.team = team

    def run(self, steps):
        """Up to ``steps[row]`` steps on every row, none where that is below 1; fills `found`.

        `before` holds R of these rows as it was. The threads share the rows that move.
        """
        steps = np.where(steps > 0, steps, -1)
        moving = np.flatnonzero(steps > 0)

        def part(array, rows):
            return array if len(array) == 1 else array[rows]

        def work(share):
            rows = slice(moving[share][0], moving[share][-1] + 1)
            if len(moving[share]) == rows.stop - rows.start:
                self.before[rows] = self.ratio[rows]
            else:
                self.before[moving[share]] = self.ratio[moving[share]]
            run_rows(
                self.rule,
                self.ratio[rows],
                part(self.masses, rows),
                part(self.along, rows),
                self.scalars[rows],
                steps[rows],
                True,
                self.limits[rows],
                self.parts[rows],
                self.found[rows],
            )

        self.team.over_rows(work, len(moving))


class RowsGeometry(Geometry):
    """The geometry of p(x, y) with one constraint E[R(.|x)] = 1 per x.

    Its inner product is that of `Geometry` on the joint cells, and so are masses, density and the
    largest density; gradient, projection and step belong to the rows, each with p(y|x). In
    `lebesgue` the joint density p(x) p(y|x) puts a factor p(x) before the gradient of row x, so
    that the row runs with alpha p(x); the other geometries have the same alpha in every row.

    Parameters
    ----------
    name : str
    masses : array (M,)
        The joint masses where p_r > 0, row after row.
    density : array (M,) or None
        The joint density; `lebesgue` needs it.
    counts : int array (B,)
        How many cells each row has.
    widths : array (B,)
        The lengths of the cells of x: p(x) is the mass of a row over its width.
    y_cells : int, optional
        How many cells y has; by default those of the longest row.
    columns : int array (M,), optional
        Which of them each cell is, where rows do not have all.

    Attributes
    ----------
    longest : int
        Cells of the longest row: as many as `RowSteps` gives to all of them.
    """

    def __init__(self, name, masses, density, counts, widths, y_cells=None, columns=None):
        super().__init__(name, masses, density)
        self.counts, self.widths = counts, widths
        self.longest = int(counts.max())
        self.y_cells, self.columns = y_cells or self.longest, columns
        starts = np.append(0, np.cumsum(counts))
        self.spans = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
        self.shares = np.array([masses[first:last].sum() for first, last in self.spans])
        self.x_density = self.shares / widths

    def part(self, first, last):
        """The rows first..last - 1, with what makes their steps those they have in the whole."""
        cells = slice(self.spans[first][0], self.spans[last - 1][1])
        density, columns = (None if a is None else a[cells] for a in (self.density, self.columns))
        rows = slice(first, last)
        part = RowsGeometry(
            self.name, self.masses[cells], density, self.counts[rows], self.widths[rows],
            self.y_cells, columns,
        )  # fmt: skip
        part.longest, part.max_density = self.longest, self.max_density
        return part

    @property
    def group(self):
        """How many neighbouring x `sums_over_x` sums by themselves."""
        return _GROUPED if self.y_cells <= CHUNK else _GROUPED_WIDE

    def sums_over_x(self, ratio=None):
        """The sums of w, or of w R, over every group of x: array (groups, y_cells).

        Who holds whole groups can sum them alone; the sum over all groups is the marginal of y.
        """
        sums = np.empty((-(-len(self.spans) // self.group), self.y_cells))
        for k, row in enumerate(sums):
            spans = self.spans[k * self.group : (k + 1) * self.group]
            cells = slice(spans[0][0], spans[-1][1])
            mass = self.masses[cells] if ratio is None else self.masses[cells] * ratio[cells]
            if self.columns is None:
                row[:] = mass.reshape(-1, self.y_cells).sum(axis=0)
            else:
                row[:] = np.bincount(self.columns[cells], mass, self.y_cells)
        return sums

    def row(self, i):
        """The geometry of p(y|x) in row i."""
        cells = slice(*self.spans[i])
        masses = self.masses[cells] / self.shares[i]
        along = self.density[cells] / self.x_density[i] if self.name == "lebesgue" else None
        masses.flags.writeable = False
        if along is not None:
            along.flags.writeable = False
        return Geometry(self.name, masses, along)

    @cached_property
    def pace(self):
        """The factor of alpha in every row: p(x) in `lebesgue`, else 1."""
        return self.x_density if self.name == "lebesgue" else np.ones_like(self.shares)

    @cached_property
    def slowest_density(self):
        """The smallest rate mu of `lebesgue` over all rows; 1 in the other geometries."""
        return self._rate(lambda row: row.slowest_density, min, lambda p: np.partition(p, 1)[:2], 1)

    @cached_property
    def fastest_density(self):
        """The largest rate mu of `lebesgue` over all rows; 1 in the other geometries."""
        return self._rate(
            lambda row: row.fastest_density, max, lambda p: -np.partition(p, -2)[-2:][::-1], -1
        )

    def _rate(self, of, best, ends, sign):
        """The extreme rate over rows of two cells and more; each lies between two densities."""
        rows = np.flatnonzero(self.counts > 1)
        if self.name != "lebesgue" or not rows.size:
            return 1.0
        low, high = np.array([ends(self.density[slice(*self.spans[i])]) for i in rows]).T
        # A row whose rate cannot be the extreme one is not asked.
        return best(of(self.row(i)) * self.x_density[i] for i in rows[low <= high.min()].tolist())


class RowsRule(Rule):
    """What is decided about the rows of a game with one constraint per x, wherever they are.

    Parameters
    ----------
    game : Game
    geometry : RowsGeometry
    alpha, tol : float
    team : Team

    Attributes
    ----------
    codes : int array (B,)
        ACTIVE, or what the row came to.
    """

    def __init__(self, game, geometry, alpha, tol, team):
        super().__init__(game, geometry, alpha, tol, team)
        self.halves = geometry.is_linear and game.signal_at_zero == -np.inf
        self.is_fused = fits_one_pass(game, geometry, alpha)
        self.codes = np.full(len(geometry.counts), ACTIVE)

    def planned(self, n):
        """How many of `n` steps to take before looking again."""
        # What is not compiled takes a step at a time, so that Ctrl-C is answered.
        if not self.is_fused:
            return 1
        cells = len(self.codes) * self.geometry.longest
        return min(n, LONGEST_BLOCK, max(1, LARGEST_BLOCK // cells))

    def concluded(self, n, taken):
        """How many of `n` steps the rows have taken together; each has taken `taken` at most."""
        self._judge()
        return n if (self.codes == ACTIVE).any() else max(1, taken)

    def mark(self, rows, code):
        """End these rows (bool array (B,)), with what they came to."""
        self.codes[rows] = code
        self._judge()

    def find_uncovered(self, lowest, slope):
        """Mark rows that a multiplicative step moves no more, though cells are empty.

        Parameters
        ----------
        lowest, slope : array (B,)
            min R, and whether the norm of the projected gradient is next to nothing.
        """
        if not self.geometry.is_linear:
            empty = (lowest == 0) & np.isin(self.codes, (ACTIVE, STATIONARY))
            self.mark(empty & (slope | (self.codes == STATIONARY)), UNCOVERED)

    def settle(self, rows):
        """Stop these rows: they will not converge, and have shown what they do instead."""
        self.mark(rows & (self.codes == ACTIVE), SETTLED)

    @property
    def ending(self):
        """What the rows came to as a whole: a reason to stop, or None."""
        return None if (self.codes == ACTIVE).any() else ENDINGS[self.codes.max()]

    def _judge(self):
        moving = (self.codes == ACTIVE).any()
        self.reached = bool((self.codes == REACHED).all())
        self.stationary = not moving and not self.reached


class RowSteps(RowsRule):
    """R(.|x) <- step(R(.|x), u, alpha) for every x, each row until it meets the tolerance.

    Rows that need no more than plain steps are one compiled call; a row with a step in question
    (projected, halved, a number lost) is concluded by the rule of the row alone.

    Parameters
    ----------
    game : Game
    geometry : RowsGeometry
    alpha, tol : float
    team : Team
    ratio : array (M,)
        R where p_r > 0, row after row; `advance` keeps it up to date.

    Attributes
    ----------
    rows : array (B, N)
        R. Rows with fewer cells than others end in copies of one of their own cells, which weigh
        nothing.
    masses, density : array (B, N)
        p(y|x) as masses, and as densities in `lebesgue` (masses elsewhere); read-only.
    """

    def __init__(self, game, geometry, alpha, tol, team, ratio):
        super().__init__(game, geometry, alpha, tol, team)
        count, width = len(geometry.counts), geometry.longest
        self.own = None  # which cells of the arrays are no copies; None: all
        if (geometry.counts < width).any():
            self.own = np.arange(width) < geometry.counts[:, None]
        self.rows = self._spread(ratio) if self.own is not None else ratio.reshape(count, width)
        self.masses = self._spread(geometry.masses) / geometry.shares[:, None]
        self.density = self.masses
        if geometry.name == "lebesgue":
            self.density = self._spread(geometry.density) / geometry.x_density[:, None]
        if self.own is not None:
            # A copy of a cell that holds generator mass: R is finite there, and above 0.
            cell = np.argmax(np.where(self.own, self.masses * self.rows, -1.0), axis=1)
            self.copies = np.nonzero(~self.own)
            self.origin = self.copies[0], cell[self.copies[0]]
            self.rows[self.copies] = self.rows[self.origin]
            if self.density is not self.masses:
                self.density[self.copies] = self.density[self.origin]
        self.masses.flags.writeable = self.density.flags.writeable = False
        lowest = self.rows.min(axis=1)
        error = np.abs(self.rows - 1.0).max(axis=1)
        if self.halves:
            self.codes[lowest == 0] = UNDEFINED
        self.codes[(error < tol) | ((error == 0) & (tol > 0))] = REACHED
        self.least = np.ascontiguousarray(lowest).view(np.int64)
        self.block = np.ones(count, dtype=np.int64)
        self._alone = {}
        self.side = self._side() if self.is_fused else None
        self._judge()

    def _spread(self, values):
        """Values of the cells, row after row, as an array (B, N)."""
        if self.own is None:
            return values.reshape(len(self.geometry.counts), -1).copy()
        spread = np.zeros(self.own.shape)
        spread[self.own] = values
        return spread

    def _side(self):
        geometry = self.geometry
        alphas = self.alpha * geometry.pace
        along = self.density if geometry.name == "lebesgue" else [None] * len(self.masses)
        totals = np.array([ordered_sum(*row) for row in zip(self.masses, along, strict=True)])
        if geometry.name == "fisher":
            totals = np.ones_like(totals)
        if not geometry.is_linear:
            lowest = np.full(len(alphas), -1 << 62)
        elif self.halves:
            sizes = alphas * (self.density.max(axis=1) if geometry.name == "lebesgue" else 1.0)
            sizes, which = np.unique(sizes, return_inverse=True)
            lowest = np.array([bits_of(certified_ratio(self.game, a)) for a in sizes])[which]
        else:
            lowest = np.zeros(len(alphas), dtype=np.int64)
        limits = np.column_stack([lowest, np.full(len(alphas), bits_of(self.tol))])
        scalars = np.column_stack([alphas, totals])
        # By the length that all rows have here, and not by the own one of the first.
        rule = copy(self._rule(0))
        rule.stretch = SHORT if geometry.longest > FAR else CHUNK
        return SideBySide(rule, self.rows, self.masses, self.density, scalars, limits, self.team)

    def _rule(self, row):
        """The step rule of one row alone, on its own cells."""
        if row not in self._alone:
            kind = FusedSteps if self.is_fused else ConstantSteps
            alpha = self.alpha * self.geometry.pace[row]
            self._alone[row] = kind(self.game, self.geometry.row(row), alpha, self.tol, SOLO)
        return self._alone[row]

    def advance(self, ratio, n):
        """Take up to `n` steps in place on every row that still moves; returns how many."""
        n = self.planned(n)
        return self.concluded(n, self.march(ratio, n))

    def march(self, ratio, n):
        """Take `n` steps on every row that moves so long; the most that one of them took."""
        taken = np.zeros(len(self.codes), dtype=np.int64)
        while True:
            left = np.where(self.codes == ACTIVE, n - taken, 0)
            if not left.any():
                break
            taken += self._march(left) if self.side else self._walk(left)
            if self.own is not None:
                self.rows[self.copies] = self.rows[self.origin]
        if self.own is not None:
            ratio[:] = self.rows[self.own]
        self.projected = sum(rule.projected for rule in self._alone.values())
        self.halvings = sum(rule.halvings for rule in self._alone.values())
        return int(taken.max())

    def _march(self, left):
        """A block of steps on all rows with some left; how many of each stand."""
        steps = np.minimum(left, self.block)
        self.side.run(steps)
        moving = steps > 0
        taken, low, largest = self.side.found.T
        lowest = self.side.limits[:, 0]
        doubtful = (low < lowest) | (largest >= INFINITY_BITS)
        if self.halves:
            # From a cell that low a step may raise E[Phi] wherever it leads.
            doubtful |= (taken == 1) & (self.least < lowest)
        calm, doubtful = moving & ~doubtful, moving & doubtful
        whole = np.where(moving, taken, 0)
        for row in np.flatnonzero(doubtful).tolist():
            numbers = int(steps[row]), *map(int, self.side.found[row])
            whole[row] = self._conclude(row, *numbers)
        self.least[calm] = low[calm]
        self.block[calm] = np.minimum(2 * self.block[calm], LONGEST_BLOCK)
        self.codes[calm & (largest < bits_of(self.tol))] = REACHED
        still = calm & (steps >= _REPEATS) & (self.codes == ACTIVE)
        still &= self.rows[:, 0] == self.side.before[:, 0]
        for row in np.flatnonzero(still).tolist():
            if np.array_equal(self.rows[row], self.side.before[row]):
                self.codes[row] = STATIONARY
        return whole

    def _conclude(self, row, *numbers):
        """Keep of a block what stands, as the row alone would."""
        rule, cells = self._rule(row), slice(self.geometry.counts[row])
        ratio, before = self.rows[row, cells], self.side.before[row, cells]
        whole = rule.concluded(ratio, before, *numbers)
        self.block[row] = 1
        self.least[row] = bits_of(ratio.min())
        self._settle_code(row, rule, ratio)
        return whole

    def _walk(self, left):
        """One step on all rows with some left, row by row: games and geometries not compiled."""
        for row in np.flatnonzero(left).tolist():
            rule, ratio = self._rule(row), self.rows[row, : self.geometry.counts[row]]
            rule.advance(ratio, 1)
            self._settle_code(row, rule, ratio)
        return np.minimum(left, 1)

    def _settle_code(self, row, rule, ratio):
        if not np.isfinite(ratio).all():
            self.codes[row] = DIVERGED
        elif rule.reached:
            self.codes[row] = REACHED
        elif rule.stationary:
            self.codes[row] = STATIONARY
        rule.reached = False
