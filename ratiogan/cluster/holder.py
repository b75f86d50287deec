"""What lives on a worker: some chunks of R, and what can be asked of them.

A chunk is a run of spans. Everything asked of it is a method of `Chunk` that takes and returns
plain numbers, or the sums of its spans; the client puts these together in the order of the grid, so
that it comes to the numbers of one process. What changes a chunk depends on those numbers alone:
told them again, a new chunk becomes the same.
"""

import math
import platform
from dataclasses import dataclass

import numpy as np

from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry
from ratiogan.solvers import outcome
from ratiogan.solvers.glgd import GLGD
from ratiogan.solvers.measure import chunk_sums, group_totals
from ratiogan.solvers.steps import (
    CODES,
    NO_LIMIT,
    FusedSteps,
    distance_bits,
    farthest,
)
from ratiogan.solvers.team import Team
from ratiogan.sums import SPAN, group_sums, span_sums


@dataclass(frozen=True)
class Recipe:
    """How a chunk is made from its source.

    Attributes
    ----------
    grid : LongGrid
    real, gen : PresetMasses, DensityMasses or GivenMasses
        What the worker needs of them.
    start, stop : int
        Cells of the grid.
    divisors : pair of tuple of float
        What the masses of real, and of gen, are divided by, one after the other.
    skip, take : int
        Which of the cells with p_r > 0 are its own; `take` None for all cells as they come.
    gen_divisors : tuple of float
        What those of gen are divided by then.
    """

    grid: object
    real: object
    gen: object
    start: int
    stop: int
    divisors: tuple = ((), ())
    skip: int = 0
    take: int | None = None
    gen_divisors: tuple = ()

    def made(self, threads):
        """The chunk, on a worker of so many threads."""
        return Chunk(self, threads)

    def spans(self):
        """Cells of the grid, and their masses of real and gen, a span of the grid at a time."""
        skip, left = self.skip, self.take
        for first in range(self.start, self.stop, SPAN):
            last = min(first + SPAN, self.stop)
            flat = np.arange(first, last)
            parts = []
            for source, divisors in zip((self.real, self.gen), self.divisors, strict=True):
                values = np.array(source.masses(self.grid, first, last), dtype=np.float64)
                for divisor in divisors:
                    values /= divisor
                parts.append(values)
            if left is not None:
                covered = np.flatnonzero(parts[0] > 0)
                own = covered[skip:][:left]
                skip = max(0, skip - covered.size)
                left -= own.size
                flat, parts = flat[own], [part[own] for part in parts]
            for divisor in self.gen_divisors:
                parts[1] /= divisor
            yield flat, *parts

    def arrays(self):
        """The masses of real and gen."""
        size = self.stop - self.start if self.take is None else self.take
        real, gen = np.empty(size), np.empty(size)
        filled = 0
        for flat, *parts in self.spans():
            cells = slice(filled, filled + flat.size)
            real[cells], gen[cells] = parts
            filled += flat.size
        return real, gen


@dataclass(frozen=True)
class Rules:
    """What all chunks share once the numbers of the whole grid are known."""

    game: str
    geometry: str
    alpha: float
    tol: float
    total: float
    stretch: int
    lowest: int


class Chunk:
    """Some spans of R, with p_r.

    Parameters
    ----------
    recipe : Recipe
    threads : int
    """

    def __init__(self, recipe, threads=1):
        self.recipe = recipe
        self.masses, self.ratio = recipe.arrays()  # until `begin` that is gen
        self.before = self.candidate = None
        self.geometry = self.rule = None
        self.team = Team(threads)

    # --- making R ---

    def masses_sums(self):
        """The sums of real and gen."""
        return span_sums(self.masses), span_sums(self.ratio)

    def divide_masses(self, real, gen):
        """Divide them by numbers of the whole grid."""
        for array, divisors in ((self.masses, real), (self.ratio, gen)):
            for divisor in divisors:
                array /= divisor

    def support(self):
        """Per span how many cells have p_r > 0; the sums of gen there, and elsewhere; and where."""
        counts, kept, lost, places = [], [], [], []
        for first in range(0, self.masses.size, SPAN):
            covered = self.masses[first : first + SPAN] > 0
            gen = self.ratio[first : first + SPAN]
            counts.append(int(np.count_nonzero(covered)))
            kept += span_sums(np.where(covered, gen, 0.0)).tolist()
            lost += span_sums(np.where(covered, 0.0, gen)).tolist()
            bad = np.flatnonzero(~covered & (gen > 0))
            if bad.size:
                places += [self.recipe.start + first + int(bad[i]) for i in (0, -1)]
        bad = [
            (self.recipe.start + int(cells[0]), float(array[cells[0]]), cells.size)
            for array in (self.masses, self.ratio)
            for cells in [np.flatnonzero(~((array >= 0) & np.isfinite(array)))]
            if cells.size
        ]
        return counts, kept, lost, places, bad

    def start_sums(self, names):
        """The sums of named divergences of gen and real."""
        return [outcome.divergence_sums(name, self.ratio, self.masses) for name in names]

    def begin(self, name, volume):
        """Make R of the two masses, and the geometry of these cells."""
        self.ratio /= self.masses
        self.masses.flags.writeable = False
        density = None
        if name == "lebesgue":
            density = self.masses / volume if volume is not None else self._uneven_density()
            density.flags.writeable = False
        self.geometry = Geometry(name, self.masses, density)

    def _uneven_density(self):
        grid, volumes = self.recipe.grid, []
        for flat, *_ in self.recipe.spans():
            if flat.size:
                rows, skip = grid.rows_of(int(flat[0]), int(flat[-1]) + 1)
                volumes.append(rows.volumes.reshape(-1)[flat - flat[0] + skip])
        return self.masses / np.concatenate(volumes)

    def direction_sums(self):
        """The sums of E of the direction of the projection."""
        return span_sums(self.masses, self.geometry.density)

    def end_densities(self):
        """Its two smallest densities and its two largest; its only one is both."""
        density = self.geometry.density
        if density.size > 1:
            return self.geometry.end_densities()
        return float(density[0]), math.inf, -math.inf, float(density[0])

    def secular_sums(self, mu):
        """As `Geometry.secular_sums`."""
        return self.geometry.secular_sums(mu)

    def set_rules(self, rules):
        """Be ready for steps."""
        self.rule = _ChunkRule(rules, self.geometry, self.team)

    # --- steps ---

    def keep(self):
        """Remember R as it is."""
        if self.before is None:
            self.before = np.empty_like(self.ratio)
        np.copyto(self.before, self.ratio)

    def witness(self, shift):
        """The bits of the largest |R-1|, and where."""
        code = CODES[self.rule.geometry.name]
        place = farthest(code, self.ratio, self.rule.along, shift)
        if place < 0:
            return -1, -1
        t, p = self.ratio[place], self.rule.along[place]
        return distance_bits(self.rule.geometry.name, t, shift, p), place

    def march(self, shift, lowest, place=None):
        """A step; the sums of T, and T and the direction at one place, if it is here."""
        _, parts = self.rule._pass(self.ratio, shift, 1, False, lowest, -1)
        seen = None
        if place is not None:
            seen = float(self.ratio[place]), float(self.rule.along[place])
        return group_sums(parts), seen

    def settle(self, shift):
        """Take the mean of the last step off; the bits of min R and max|R-1|."""
        (_, low, largest), _ = self.rule._pass(self.ratio, shift, 0, True, NO_LIMIT, -1)
        return low, largest

    # --- whole arrays, by name ---

    def put(self, name, other):
        """Copy one into another."""
        np.copyto(getattr(self, name), getattr(self, other))

    def copy(self, name):
        """Make the candidate a copy of it."""
        self.candidate = getattr(self, name).copy()

    def drop(self):
        """Free what only a step in question needs."""
        self.candidate = None

    def least(self, name):
        """The smallest value."""
        return float(getattr(self, name).min())

    def equal(self, name, other):
        """Whether two are the same."""
        return np.array_equal(getattr(self, name), getattr(self, other))

    def largest_error(self, name):
        """max|R-1|."""
        return float(np.max(np.abs(getattr(self, name) - 1.0)))

    def mean_sums(self, name):
        """The sums of E."""
        with np.errstate(invalid="ignore", over="ignore"):
            return span_sums(getattr(self, name), self.masses)

    def measured(self, name):
        """The sums and extremes of a trace row."""
        ratio = getattr(self, name)
        return group_totals(*chunk_sums(self.rule.game, self.geometry, ratio, self.team))

    def empty(self):
        """How many cells have R = 0, and the sums of their p_r."""
        empty = self.ratio == 0
        return int(empty.sum()), span_sums(empty, self.masses)

    def signal_sums(self):
        """The sums of E[u]."""
        with np.errstate(all="ignore"):
            return span_sums(self.rule.game.signal(self.ratio), self.masses)

    def starts_too_far(self, alpha, steps, lowest):
        """As `outcome.cannot_finish`."""
        return outcome.cannot_finish(
            self.rule.game, self.ratio, self.geometry.density, alpha, steps, lowest
        )

    # --- a step in question: the same expressions as in `Geometry` and `Rule` ---

    def gradient_sums(self, name):
        """The sums of E of the gradient, before projection."""
        with np.errstate(invalid="ignore", over="ignore"):
            return span_sums(self._gradient(name), self.masses)

    def descend(self, name, alpha, level):
        """The candidate: a step from it along the projected gradient; the sums of its E."""
        ratio = getattr(self, name)
        with np.errstate(invalid="ignore", over="ignore"):
            direction = self._gradient(name) - level * self.geometry.direction
            self.candidate = ratio - alpha * direction
        return self.mean_sums("candidate")

    def _gradient(self, name):
        ratio = getattr(self, name)
        return self.geometry.gradient(self.rule._signal(ratio), ratio)

    def scale(self, factor):
        """Divide the candidate."""
        self.candidate /= factor

    def highest(self):
        """The largest value of the candidate over the direction."""
        return float((self.candidate / self.geometry.direction).max())

    def lower_heights(self, highest):
        """Measure the candidate from there."""
        heights = self.candidate / self.geometry.direction - highest
        self.candidate = heights * self.geometry.direction

    def level_sums(self, level):
        """As `Geometry.level_sums`."""
        active = ~(self.candidate <= level * self.geometry.direction)
        with np.errstate(invalid="ignore", over="ignore"):
            return (
                span_sums(np.where(active, self.candidate, 0.0), self.masses),
                span_sums(active * self.geometry.direction, self.masses),
            )

    def lower(self, level):
        """Take a level off the candidate; the sums of E of what is above 0."""
        with np.errstate(invalid="ignore", over="ignore"):
            self.candidate = self.candidate - level * self.geometry.direction
            return span_sums(np.maximum(0.0, self.candidate), self.masses)

    def cut(self):
        """Leave of the candidate what is above 0."""
        self.candidate = np.maximum(0.0, self.candidate)

    # --- what is looked at ---

    def gathered(self):
        """R itself."""
        return self.ratio

    def coarse_start(self, bounds):
        """p_g at the start on coarser cells, before `begin`; `bounds` as for `coarse_sums`."""
        return self._coarse(bounds, lambda cells: (self.ratio[cells],))[0]

    def coarse_sums(self, bounds):
        """p_r and p_g now on coarser cells.

        `bounds` has for every axis the cells at which a coarser one begins, and their number.
        """

        def masses(cells):
            real = self.masses[cells]
            return real, real * self.ratio[cells]

        return self._coarse(bounds, masses)

    def _coarse(self, bounds, masses):
        """Sums on coarser cells of what ``masses(cells)`` gives, a span at a time."""
        shape = tuple(len(ends) - 1 for ends in bounds)
        sums = 0.0
        for flat, cells in self._spans():
            found = [
                _coarse_sums(mass, flat, bounds, self.recipe.grid, shape) for mass in masses(cells)
            ]
            sums = sums + np.array(found)
        return sums

    def _spans(self):
        """The cells of the grid, and their place in the chunk, a span at a time."""
        if self.recipe.take is None:
            for first in range(0, self.masses.size, SPAN):
                last = min(first + SPAN, self.masses.size)
                yield self.recipe.start + np.arange(first, last), slice(first, last)
            return
        done = 0
        for flat, *_ in self.recipe.spans():
            yield flat, slice(done, done + flat.size)
            done += flat.size

    def save(self, path):
        """Write R and p_r of these cells; what went wrong, or None."""
        cells = np.array([self.recipe.start, self.recipe.stop])
        if self.recipe.take is not None:
            cells = np.concatenate([flat for flat, *_ in self.recipe.spans()])
        arrays = {"cells": cells, "ratio": self.ratio, "real": self.masses}
        try:
            write_atomically(path, lambda handle: np.savez(handle, **arrays))
        except (OSError, InputError) as error:
            return f"the machine {platform.node()} cannot write {path}: {error}"
        return None


def _coarse_sums(mass, flat, bounds, grid, shape):
    """The sums of the masses of these cells on coarser ones, in one array."""
    if len(bounds) == 1:
        # Ascending cells: one run after the other.
        starts = np.searchsorted(flat, bounds[0])
        held = np.flatnonzero(np.diff(starts))
        sums = np.zeros(shape)
        if held.size:
            sums[held] = np.add.reduceat(mass, starts[held])
        return sums
    coarse = [
        np.searchsorted(ends, place, side="right") - 1
        for ends, place in zip(bounds, np.unravel_index(flat, grid.shape), strict=True)
    ]
    return np.bincount(np.ravel_multi_index(coarse, shape), mass, math.prod(shape))


class _ChunkRule(FusedSteps):
    """The steps of one chunk, with the numbers of the whole grid."""

    def __init__(self, rules, geometry, team):
        self.game = make_game(rules.game)
        self.geometry = geometry
        self.along = geometry.masses if geometry.density is None else geometry.density
        self.alpha, self.tol, self.total = rules.alpha, rules.tol, rules.total
        self.stretch, self.lowest = rules.stretch, rules.lowest
        self.team = team


class Holder:
    """The chunks of one worker; a Dask actor."""

    def __init__(self, threads):
        self.threads = threads
        self.chunks = {}

    def adopt(self, number, recipe, log):
        """Make a chunk, and do with it what was done with the others so far."""
        self.chunks[number] = chunk = recipe.made(self.threads)
        for name, arguments in log:
            getattr(chunk, name)(*arguments)

    def warm(self, game, geometry):
        """Load what a step needs."""
        GLGD(game=game, geometry=geometry, grid=2).load_kernels()

    def forget(self):
        """Free all chunks."""
        self.chunks.clear()

    def ask(self, numbers, name, arguments, own):
        """Call a method of these chunks; {number: reply}. `own` are arguments of single ones."""
        return {
            number: getattr(self.chunks[number], name)(*arguments, *own.get(number, ()))
            for number in numbers
        }
