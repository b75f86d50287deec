"""Counts on the cells of a grid: filled a chunk at a time, added up, saved, and merged.

A histogram is all that the two-sample numbers need. It can be built where the data are, on as many
machines as there are, and the sum of the parts is exactly the histogram of the whole.
"""

import json
import os

import numpy as np

from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, InputTypeError, check_choice
from ratiogan.files import write_atomically
from ratiogan.grid import Grid, as_rows
from ratiogan.sources import edges_grid, holds_counts
from ratiogan.tables import read_npz

_MOST_ROWS = 2**62


class Counts:
    """How many samples each cell holds, and how many lie outside; more can be added at any time.

    Parameters
    ----------
    grid : Grid
    label : str, optional
        Where the samples come from.

    Attributes
    ----------
    counts : ndarray of int64, shape grid.shape
    outside : int
        Rows that lie in no cell.
    dropped_nan : int
        Rows left out because of NaN.
    notes : tuple of str
        What happened while they were counted: parts that were begun again.

    Examples
    --------
    >>> counts = Counts(Grid.regular(4, 0, 1)).add([0.1, 0.9, 1.0, 7.0])
    >>> counts.counts, counts.outside, counts.rows
    (array([1, 0, 0, 2]), 1, 4)
    """

    def __init__(self, grid, label="samples"):
        if not isinstance(grid, Grid):
            raise InputTypeError(
                f"grid must be a Grid, got {type(grid).__name__}.",
                argument="grid",
                fix="Make one with Grid.regular(shape, lower, upper).",
            )
        self.grid = grid
        self.label = label
        self.counts = np.zeros(grid.shape, dtype=np.int64)
        self.outside = 0
        self.dropped_nan = 0
        self.notes = ()

    @property
    def inside(self):
        """Rows in the cells."""
        return int(self.counts.sum())

    @property
    def rows(self):
        """Rows counted, in the cells or outside; without those that hold NaN."""
        return self.inside + self.outside

    def add(self, x, nan="refuse"):
        """Count more samples, in place.

        A cell holds its lower edge, and the last one its upper edge, exactly as `numpy.histogram`
        has it. An infinite value lies outside.

        Parameters
        ----------
        x : array_like, shape (m, ndim), or (m,) in 1-D
            Numbers; numbers of levels on an axis of categories.
        nan : str, optional
            ``refuse`` rows with NaN, or ``drop`` them, counted in `dropped_nan`.

        Returns
        -------
        Counts
            Itself.

        Raises
        ------
        InputError
            If the columns do not fit, or NaN is refused; nothing has been counted then.
        """
        check_choice("nan", nan, ("refuse", "drop"))
        x = as_rows(x)
        if x.dtype.kind not in "buif":
            raise InputTypeError(f"x must hold numbers, got {x.dtype}.", argument="x")
        if x.shape[1] != self.grid.ndim:
            raise InputError(
                f"x has {x.shape[1]} columns, the grid of {self.label} {self.grid.ndim} axes.",
                argument="x",
            )
        new = np.zeros(self.grid.size, dtype=np.int64)
        outside, nans = self.grid.tally(x, new)
        if nans and nan == "refuse":
            row = int(np.argmax(np.isnan(x).any(axis=1)))
            raise InputError(
                f"x holds NaN in {nans} row{'' if nans == 1 else 's'}, the first is row {row}.",
                argument="x",
                fix='Pass nan="drop" to leave those rows out.',
            )
        self.counts += new.reshape(self.grid.shape)
        self.outside += outside
        self.dropped_nan += nans
        return self

    def on(self, grid, counts, label=None):
        """The same rows on other cells: what lies outside and was dropped stays as it is.

        Parameters
        ----------
        grid : Grid
        counts : array_like of int, shape grid.shape
        label : str, optional

        Returns
        -------
        Counts
        """
        counts = _checked_counts(counts, grid, self.label)
        made = Counts(grid, self.label if label is None else label)
        made.counts, made.outside, made.dropped_nan = counts, self.outside, self.dropped_nan
        return made

    def __add__(self, other):
        """Both together; the cells must be the same."""
        if not isinstance(other, Counts):
            return NotImplemented
        if not other.grid.same_as(self.grid):
            raise InputError(
                f"{self.label} is counted on {self.grid.describe()}, "
                f"{other.label} on {other.grid.describe()}: counts add up on the same cells only.",
                argument="counts",
                fix="Count all with one --grid and --domain, or --grid FILE.npz of the first.",
            )
        total = self.on(
            self.grid, self.counts + other.counts, joined_labels(self.label, other.label)
        )
        total.outside += other.outside
        total.dropped_nan += other.dropped_nan
        return total

    def __radd__(self, other):
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __eq__(self, other):
        if not isinstance(other, Counts):
            return NotImplemented
        return (
            self.grid.same_as(other.grid)
            and np.array_equal(self.counts, other.counts)
            and (self.outside, self.dropped_nan) == (other.outside, other.dropped_nan)
        )

    __hash__ = None

    def __repr__(self):
        return f"<Counts {self.label}: {self.rows} rows on {self.grid.describe()}>"

    def distribution(self):
        """The shares of the rows in the cells, as a `Distribution` of kind ``counts``.

        Raises
        ------
        InputError
            If no row lies in a cell.
        """
        rows = self.rows
        if self.inside == 0:
            raise InputError(
                f"none of the {rows} rows of {self.label} lies on {self.grid.describe()}.",
                argument="counts",
                fix="Count them on a wider --domain.",
            )
        return Distribution(
            self.grid,
            self.counts,
            label=self.label,
            kind="counts",
            outside=self.outside / rows,
            rows=rows,
            dropped_nan=self.dropped_nan,
        )

    def to_dict(self):
        """What was counted, and on which cells; the counts themselves are in the file."""
        return {
            "source": self.label,
            "rows": self.rows,
            "inside": self.inside,
            "outside": self.outside,
            "dropped_nan": self.dropped_nan,
            "cells_in_use": int(np.count_nonzero(self.counts)),
            "grid": self.grid.to_dict(),
        }

    def save(self, path, command=None):
        """Write the counts and their cells to a .npz file, whole or not at all.

        Parameters
        ----------
        path : str or path
        command : list of str, optional
            What makes the file again, kept in it.
        """
        from ratiogan import __version__

        axes = self.grid.axes
        meta = {"version": __version__, "label": self.label, "command": command}
        arrays = {
            "counts": self.counts,
            **{f"edges_{i}": axis.edges for i, axis in enumerate(axes)},
            **{f"levels_{i}": np.array(a.levels) for i, a in enumerate(axes) if a.levels},
            "kinds": np.array([axis.kind for axis in axes]),
            "names": np.array([axis.name for axis in axes]),
            "outside": np.array(self.outside),
            "rows": np.array(self.rows),
            "dropped_nan": np.array(self.dropped_nan),
            "meta": np.array(json.dumps(meta)),
        }
        write_atomically(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path):
        """Read what `save` wrote, or any .npz file with `counts` and `edges_0`, ...

        Raises
        ------
        InputError
            If the file cannot be read, or does not hold counts of whole rows.
        """
        path = os.fspath(path)
        return cls.from_arrays(read_npz(path, path), path)

    @classmethod
    def from_arrays(cls, arrays, label):
        """The counts in the arrays of a .npz file."""
        if not holds_counts(arrays):
            raise InputError(
                f"{label} holds no counts: it has {', '.join(arrays) or 'nothing'}.",
                argument="source",
                fix="Make one: ratiogan count SOURCE -o counts.npz.",
            )
        grid = edges_grid(arrays, label)
        made = cls(grid, label)
        made.counts = _checked_counts(arrays["counts"], grid, label)
        made.outside = _whole_number(arrays, "outside", label)
        made.dropped_nan = _whole_number(arrays, "dropped_nan", label)
        if "rows" in arrays and _whole_number(arrays, "rows", label) != made.rows:
            raise InputError(
                f"{label} says it holds {arrays['rows']} rows, but its counts add up to "
                f"{made.rows}.",
                argument="source",
                fix="Count again: the file was changed.",
            )
        return made


def merge(*sources):
    """The sum of several counts on the same cells.

    Parameters
    ----------
    *sources : Counts, str or path
        Counts, or files of them.

    Returns
    -------
    Counts

    Raises
    ------
    InputError
        If a file is no counts, or the cells differ.

    Examples
    --------
    >>> grid = Grid.regular(2, 0, 1)
    >>> merge(Counts(grid).add([0.1]), Counts(grid).add([0.2, 3.0])).rows
    3
    """
    if len(sources) == 1 and isinstance(sources[0], (list, tuple)):
        sources = sources[0]
    if not sources:
        raise InputError("merge needs counts to add up, got none.", argument="sources")
    total = None
    for source in sources:
        counts = source if isinstance(source, Counts) else Counts.load(source)
        total = counts if total is None else total + counts
    return total


def joined_labels(*labels):
    """One label for several: the first, and how many more."""
    first, _, rest = labels[0].partition(" and ")
    if all(label == labels[0] for label in labels):
        return labels[0]
    more = int(rest.split()[0]) if rest.endswith(" more") else 0
    return f"{first} and {more + len(labels) - 1} more"


def _checked_counts(counts, grid, label):
    counts = np.asarray(counts)
    if counts.shape != grid.shape:
        raise InputError(
            f"{label} holds counts of shape {counts.shape} for cells of shape {grid.shape}.",
            argument="source",
        )
    whole = counts.astype(np.int64) if counts.dtype.kind in "uif" else None
    if whole is None or not np.array_equal(whole, counts) or whole.min() < 0:
        raise InputError(
            f"{label} holds counts that are not whole numbers from 0 on.",
            argument="source",
            fix="For weights or masses: Distribution.from_mass.",
        )
    if float(whole.sum(dtype=np.float64)) > _MOST_ROWS:
        raise InputError(
            f"{label} holds more than {_MOST_ROWS:.0e} rows, which 64-bit counts cannot add up.",
            argument="source",
        )
    return whole


def _whole_number(arrays, name, label):
    value = np.asarray(arrays.get(name, 0))
    if value.ndim or value.dtype.kind not in "iu" or value < 0:
        raise InputError(
            f"{label}: {name} must be a whole number from 0 on, got {value}.", argument="source"
        )
    return int(value)
