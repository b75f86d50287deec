"""Grids of any size, described but not laid out, and the masses of any run of their cells.

A grid of 4e8 cells has 3.2 GB of edges. Here a regular axis is its size and its ends; edges, and
the masses of presets and densities, are made for a run of cells at a time, and are then the very
numbers that they are among all cells in one place.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan import presets
from ratiogan.cluster.tasks import digest
from ratiogan.distribution import Distribution, cell_name, integrated
from ratiogan.errors import InputError, InputTypeError
from ratiogan.grid import Axis, Grid, axis_names, broadcast_words, check_domain, check_regular
from ratiogan.solution import DISTRIBUTION_FIELDS

_BLOCK = 1 << 20
_LOOKED_AT = 200  # cells of a density
MOST_CELLS = 1 << 53  # beyond, an edge is no longer low + i * step


class LongAxis(Axis):
    """A regular axis without its edges.

    Examples
    --------
    >>> axis = LongAxis("y", 4, 0.0, 1.0)
    >>> axis.part(1, 3).edges, axis.part(1, 3).width
    (array([0.25, 0.5 , 0.75]), 0.25)
    """

    def __init__(self, name, cells, low, high):
        check_regular(cells, low, high)
        for field, value in {
            "name": name,
            "kind": "regular",
            "levels": (),
            "cells": cells,
            "ends": (float(low), float(high)),
        }.items():
            object.__setattr__(self, field, value)

    size = property(lambda self: self.cells)
    low = property(lambda self: self.ends[0])
    high = property(lambda self: self.ends[1])

    def part(self, first, last):
        """The cells first..last - 1 as an `Axis` with the edges and the width they have here."""
        # As numpy.linspace has them: i * step + low, the last one as given.
        edges = np.arange(first, last + 1) * ((self.high - self.low) / self.size) + self.low
        if last == self.size:
            edges[-1] = self.high
        return _Part(self.name, "regular", edges, (), self.width)


@dataclass(frozen=True, eq=False)
class _Part(Axis):
    """Some cells of an axis, whose width is that of the whole axis."""

    cell: float | None = None

    @property
    def width(self):
        return self.cell


class LongGrid(Grid):
    """A grid whose cells nobody holds all at once; only its description may be asked for.

    Parameters
    ----------
    axes : sequence of Axis
    """

    def __init__(self, axes):
        object.__setattr__(self, "axes", tuple(map(_shortened, axes)))

    @property
    def row(self):
        """Cells of one row: of all axes but the first."""
        return math.prod(self.shape[1:])

    def rows_of(self, start, stop):
        """The rows that hold these cells, as a `Grid`, and the place of the first cell in it."""
        first, last = start // self.row, -(-stop // self.row)
        axis = self.axes[0]
        if isinstance(axis, LongAxis):
            part = axis.part(first, last)
        else:
            part = _Part(axis.name, axis.kind, axis.edges[first : last + 1], (), axis.width)
        # One cell is no grid for a user, but may be the last of one.
        grid = Grid.__new__(Grid)
        object.__setattr__(grid, "axes", (part, *(self._laid_out(a) for a in self.axes[1:])))
        return grid, start - first * self.row

    @staticmethod
    def _laid_out(axis):
        return axis.part(0, axis.size) if isinstance(axis, LongAxis) else axis

    def whole(self):
        """The same grid with its edges, where the memory of this machine can serve it."""
        return Grid.product(
            *(
                Grid.regular(axis.size, axis.low, axis.high, names=[axis.name])
                if isinstance(axis, LongAxis)
                else Grid([axis.edges], [axis.name], [axis.kind], [axis.levels])
                for axis in self.axes
            )
        )


def _shortened(axis):
    """The axis without its edges, where these are those of equal cells."""
    if axis.kind != "regular" or isinstance(axis, LongAxis):
        return axis
    found = LongAxis(axis.name, axis.size, axis.low, axis.high)
    blocks = range(0, axis.size, _BLOCK)
    ends = ((first, min(first + _BLOCK, axis.size)) for first in blocks)
    same = all(np.array_equal(found.part(*e).edges, axis.edges[e[0] : e[1] + 1]) for e in ends)
    return found if same else axis


def long_grid(real, grid=None, domain=None):
    """The cells of a problem whose reference is a preset or a density, as `presets.problem` has it.

    Parameters
    ----------
    real : Spec or callable
    grid : Grid, int, tuple or text, optional
    domain : text or pairs, optional

    Examples
    --------
    >>> from ratiogan.presets import resolved
    >>> long_grid(resolved("bimodal"), 400_000_000).describe()
    '400000000 cells on -4:4'
    """
    if isinstance(grid, Grid):
        if domain is not None:
            raise InputError(
                "grid is a Grid, which has a domain.", argument="domain", fix="Leave domain out."
            )
        return LongGrid(grid.axes)
    if callable(real):
        if grid is None or domain is None:
            raise InputError(
                "a density needs its cells.",
                argument="grid",
                fix='Pass grid=400_000_000, domain="-4:4", say, or a Grid.',
            )
        columns = len(grid.split("x") if isinstance(grid, str) else np.atleast_1d(grid))
        own, cells, is_counting, names = [(None, None)] * columns, None, False, ()
    else:
        family = presets.family_of(real)
        columns, names, is_counting = family.columns, family.names, family.is_counting
        own = np.broadcast_to(family.domain(real.options), (columns, 2)).tolist()
        cells = presets.CELLS[columns]
    words = broadcast_words("auto" if grid is None else grid, columns)
    names = axis_names(names or None, columns)
    axes = []
    for word, ends, (own_low, own_high), name in zip(
        words, check_domain(domain, columns), own, names, strict=True
    ):
        low, high = (own_low, own_high) if ends is None else ends
        if low is None or (callable(real) and isinstance(word, str) and word != "counts"):
            raise InputError(
                "a density needs a number of cells and a domain on every axis.",
                argument="grid",
                fix='Pass grid=1024, domain="-4:4", say.',
            )
        if word == "categories":
            raise InputError(
                f"{real.name} has no categories.", argument="grid", fix="Write a number of cells."
            )
        if word == "counts" or (word == "auto" and is_counting):
            axes += Grid.counts(math.ceil(low), math.floor(high), name=name).axes
            continue
        if is_counting and ends is None:
            low, high = low - 0.5, high + 0.5
        axes.append(LongAxis(name, cells if word == "auto" else word, low, high))
    found = LongGrid(axes)
    if not 2 <= found.size <= MOST_CELLS:
        raise InputError(f"a grid needs 2 to {MOST_CELLS:.0e} cells, got {found.size}.")
    return found


# ---- where masses come from ----------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """A distribution on a `LongGrid`, as a recipe, with the facts of a `Distribution`.

    Attributes
    ----------
    source : PresetMasses, DensityMasses or GivenMasses
    grid : LongGrid
    label, kind, outside, rows, dropped_nan, density_method, bandwidth, restricted
        As of a `Distribution`; of a preset `outside` is what the ends of the grid tell.
    given : Distribution or None
        What it was, if it was more than a recipe.
    """

    source: object
    grid: object
    label: str
    kind: str
    outside: float | None = None
    rows: int | None = None
    dropped_nan: int = 0
    density_method: str | None = None
    bandwidth: tuple | None = None
    restricted: float = 0.0
    given: Distribution | None = None

    @property
    def facts(self):
        """The facts of a `Distribution`."""
        return {name: getattr(self, name) for name in DISTRIBUTION_FIELDS}

    def distribution(self, grid):
        """All of it, on the same grid with its edges."""
        if self.given is not None:
            return self.given
        if isinstance(self.source, PresetMasses):
            return presets.preset(self.source.spec, grid)
        return Distribution.from_density(self.source.pdf, grid)


@dataclass(frozen=True)
class PresetMasses:
    """The cell masses of a preset, before they are divided by their sum."""

    spec: object
    is_scaled = True  # always divided by the sum, as `presets.preset` does

    def masses(self, grid, start, stop):
        """Of the cells start..stop - 1 of a `LongGrid`."""
        rows, skip = grid.rows_of(start, stop)
        mass, _ = presets.family_of(self.spec).masses(rows, self.spec.options)
        return mass.reshape(-1)[skip : skip + stop - start]

    def part(self, start, stop):
        """What a worker needs for these cells."""
        return self

    def fingerprint(self, grid):
        """What tells it from others."""
        return str(self.spec)


@dataclass(frozen=True)
class DensityMasses:
    """A density, integrated over each cell as `Distribution.from_density` does."""

    pdf: object
    is_scaled = False  # divided by the sum unless that is 1 to round-off

    def masses(self, grid, start, stop):
        """Of the cells start..stop - 1 of a `LongGrid`."""
        rows, skip = grid.rows_of(start, stop)

        def name_of(cell):
            return cell_name(start - skip + cell, grid)

        return integrated(self.pdf, rows, name_of).reshape(-1)[skip : skip + stop - start]

    def part(self, start, stop):
        """What a worker needs for these cells."""
        return self

    def fingerprint(self, grid):
        """What tells it from others: its masses in some cells, for its code says less."""
        steps = np.linspace(0, grid.size - 1, _LOOKED_AT).astype(np.int64)
        return digest(self.masses(grid, k, k + 1).tobytes() for k in steps.tolist())


@dataclass(frozen=True)
class GivenMasses:
    """Masses that somebody holds: the cells from `offset` on."""

    values: np.ndarray
    offset: int = 0
    is_scaled = False

    def masses(self, grid, start, stop):
        """Of the cells start..stop - 1 of a `LongGrid`."""
        return self.values[start - self.offset : stop - self.offset]

    def part(self, start, stop):
        """What a worker needs for these cells: a copy, not the whole array."""
        return GivenMasses(self.values[start:stop].copy(), start)

    def fingerprint(self, grid):
        """What tells it from others."""
        return digest([self.values.tobytes()])


def sides_of(real=None, gen=None, grid=None, domain=None):
    """A reference and a generator as recipes on one `LongGrid`: what `presets.problem` is for.

    Presets and densities stay recipes, and a preset beside a density keeps its own parameters.
    Distributions, and presets that are relative to p_r, are
    made here and sent to the workers in parts.

    Parameters
    ----------
    real, gen : str, Spec, callable or Distribution, optional
        A callable is a density, ``pdf(y)`` or ``pdf(y0, y1)``.
    grid, domain : optional
        The cells, as for `glgd`; those of a Distribution if one is given.

    Returns
    -------
    real, gen : Side
    grid : LongGrid
    """
    real = presets.DEFAULT_REAL if real is None else real
    gen = presets.DEFAULT_GEN if gen is None else gen
    for role, source in (("real", real), ("gen", gen)):
        if not (callable(source) or isinstance(source, Distribution)):
            presets.resolved(source)
        elif isinstance(source, type):
            raise InputTypeError(f"{role} must be a density, got a class.", argument=role)
    needs_all = any(isinstance(source, Distribution) for source in (real, gen)) or (
        not callable(gen) and presets.resolved(gen).name in presets.RELATIVE
    )
    if needs_all:
        # On the cells of what is given, or on those of p_r where the generator is made from it.
        if not any(isinstance(source, Distribution) for source in (real, gen)):
            grid = long_grid(real if callable(real) else presets.resolved(real), grid, domain)
            grid, domain = grid.whole(), None
        if callable(real) or callable(gen):
            cells = next((s.grid for s in (real, gen) if isinstance(s, Distribution)), grid)
            real, gen = (
                Distribution.from_density(s, cells) if callable(s) else s for s in (real, gen)
            )
        real, gen = presets.problem(real, gen, grid, domain)
        cells = LongGrid(real.grid.axes)
        return _given(real, cells), _given(gen, cells), cells
    if not callable(real):
        real = presets.resolved(real)
        presets.family_of(real)
    cells = long_grid(real, grid, domain)
    return _recipe(real, cells, "real"), _recipe(gen, cells, "gen"), cells


def _given(side, grid):
    facts = {name: getattr(side, name) for name in DISTRIBUTION_FIELDS}
    return Side(GivenMasses(side.mass.reshape(-1)), grid, given=side, **facts)


def _recipe(source, grid, role):
    if callable(source):
        return Side(DensityMasses(source), grid, "density", "density")
    spec = presets.in_role(source, role)
    family = presets.family_of(spec)
    presets.check_columns(spec, family, grid)
    # Two cells with the ends of the grid: what lies outside does not depend on those between.
    ends = Grid.product(
        *(
            Grid.regular(2, axis.low, axis.high)
            if isinstance(axis, LongAxis)
            else Grid([axis.edges])
            for axis in grid.axes
        )
    )
    _, outside = family.masses(ends, spec.options)
    return Side(PresetMasses(spec), grid, presets.label(spec), "preset", outside)
