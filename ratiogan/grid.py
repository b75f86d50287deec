"""Where things live: tensor grids of cells, one to three dimensions, even, uneven or counting."""

import math
import os
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from ratiogan._jit import jit
from ratiogan.errors import InputError, InputTypeError, check_choice, check_integer, check_number

KINDS = ("regular", "uneven", "counts", "categories")
MAX_COUNTS = 10_000  # cells of a counting axis that `Grid.pooled` makes of its own accord
FEW_INTEGERS = 50  # whole numbers with at most so many distinct values are counts

_BYTES_PER_CELL = 64  # eight arrays of one double: what a solver holds at once
_CHUNK = 1 << 16
_STRETCH = 2048  # values whose cells are guessed at once: they stay in the first-level cache
_MANY_CELLS = 1 << 14  # beyond, four histograms no longer fit in the second-level cache
# Fewest and most cells per axis that `auto` chooses, by number of axes.
_AUTO_CELLS = {1: (16, 1024), 2: (32, 128), 3: (16, 48)}


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a `Grid`: cells between increasing edges.

    Attributes
    ----------
    name : str
        What is measured along it.
    kind : str
        ``regular`` or ``uneven`` (an interval of the line), ``counts`` (one cell per integer) or
        ``categories`` (one cell per level).
    edges : ndarray, shape (size + 1,)
        Cell edges, read-only; value - 0.5 and value + 0.5 on a counting axis.
    levels : tuple of str
        Names of the categories, else empty.
    """

    name: str
    kind: str
    edges: np.ndarray
    levels: tuple = ()

    @property
    def size(self):
        """Number of cells."""
        return self.edges.size - 1

    @property
    def is_counting(self):
        """Whether the cells are values (volume 1) and not intervals."""
        return self.kind in ("counts", "categories")

    @property
    def low(self):
        """Lower end of an interval, first value of a counting axis."""
        return float(self.edges[0]) + (0.5 if self.is_counting else 0.0)

    @property
    def high(self):
        """Upper end of an interval, last value of a counting axis."""
        return float(self.edges[-1]) - (0.5 if self.is_counting else 0.0)

    @property
    def width(self):
        """The common cell width, or None on an uneven axis."""
        if self.is_counting:
            return 1.0
        return (self.high - self.low) / self.size if self.kind == "regular" else None

    @cached_property
    def centres(self):
        """Cell centres, shape (size,), read-only."""
        centres = self.edges[:-1] + self.edges[1:]
        centres *= 0.5
        centres.flags.writeable = False
        return centres

    @property
    def widths(self):
        """Cell widths, shape (size,); a view of one number where all are equal."""
        if self.width is None:
            return np.diff(self.edges)
        return np.broadcast_to(self.width, (self.size,))

    def encode(self, values):
        """Cell numbers of category names: -1 where the name is not a level.

        Parameters
        ----------
        values : sequence of str

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        code = {level: i for i, level in enumerate(self.levels)}
        return np.array([code.get(str(value), -1) for value in values], dtype=np.float64)

    def locate(self, values, index=None):
        """The cell of each value, or -1 outside.

        With `index`, the flat cell numbers along the axes before this one, it becomes those along
        the axes up to this one, in place.
        """
        if index is None:
            index = np.zeros(len(values), dtype=np.int64)
        # A contiguous copy: one compiled version, whatever the layout and type of the values.
        values = np.array(values, dtype=np.float64)
        _locate_kernel(values, self.edges, self._scale, index)
        return index

    @property
    def _scale(self):
        """1 / width where a quotient finds the cell; 0 to search (uneven or subnormal widths)."""
        scale = 0.0 if self.width is None else 1.0 / self.width
        return scale if math.isfinite(scale) else 0.0

    @cached_property
    def _slack(self):
        """How far (edge - low) / width is from the number of the edge, at most."""
        quotient = (self.edges - self.edges[0]) * self._scale
        return float(np.abs(quotient - np.arange(quotient.size)).max())

    def same_as(self, other):
        """Whether both axes have the same cells; names do not matter."""
        return self is other or (
            self.kind == other.kind
            and self.levels == other.levels
            and np.array_equal(self.edges, other.edges)
        )

    def to_dict(self):
        """The axis as it stands in the JSON output."""
        entry = {"name": self.name, "kind": self.kind, "low": self.low, "high": self.high}
        if self.levels:
            entry["levels"] = list(self.levels)
        return entry


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Grid:
    """A tensor product of one to three axes, each given by its cell edges.

    Parameters
    ----------
    edges : sequence of array_like
        Increasing cell edges, one array per axis.
    names : sequence of str, optional
        Names of the axes; ``y`` in 1-D, else ``y0``, ``y1``, ...
    kinds : sequence of str, optional
        Words of `Axis.kind`; found from the spacing if not given.
    levels : sequence of sequence of str, optional
        Names of the categories, per axis (empty for the others).

    Raises
    ------
    InputError
        If there are more than 3 axes, fewer than 2 cells, more cells than the memory of this
        machine can serve, edges that do not increase or are not finite, or kinds or levels that
        do not fit the edges.

    Examples
    --------
    >>> Grid([[0.0, 1.0, 3.0]]).volumes
    array([1., 2.])
    >>> Grid.regular((128, 128), -4, 4).describe()
    '128x128 cells on -4:4,-4:4'
    """

    axes: tuple

    def __init__(self, edges, names=None, kinds=None, levels=None):
        if isinstance(edges, (str, bytes)) or not np.iterable(edges):
            raise InputTypeError(
                f"edges must be a list of arrays, one per axis, got {edges!r}.", argument="edges"
            )
        edges = [_checked_edges(axis_edges, number) for number, axis_edges in enumerate(edges)]
        names = axis_names(names, len(edges))
        kinds = (kinds,) if isinstance(kinds, str) else kinds
        kinds = _one_per_axis("kinds", kinds, None, len(edges))
        levels = _one_per_axis("levels", levels, (), len(edges))
        levels = [tuple(axis_levels or ()) for axis_levels in levels]
        self._set_axes(
            Axis(name, _checked_kind(kind, e, axis_levels), e, axis_levels)
            for name, kind, e, axis_levels in zip(names, kinds, edges, levels, strict=True)
        )

    def _set_axes(self, axes):
        axes = tuple(axes)
        _check_size([axis.size for axis in axes])
        object.__setattr__(self, "axes", axes)

    @classmethod
    def _of(cls, axes):
        grid = cls.__new__(cls)
        grid._set_axes(axes)
        return grid

    @classmethod
    def regular(cls, shape, lower, upper, names=None):
        """Equal cells on a box.

        Parameters
        ----------
        shape : int or tuple of int
            Cells per axis.
        lower, upper : float or sequence of float
            Ends of the box; one number serves all axes.
        names : sequence of str, optional

        Returns
        -------
        Grid

        Examples
        --------
        >>> Grid.regular(4, 0, 1).edges
        (array([0.  , 0.25, 0.5 , 0.75, 1.  ]),)
        """
        shape = tuple(
            check_integer("shape", cells, minimum=1)
            for cells in (shape if np.iterable(shape) else (shape,))
        )
        _check_size(shape)
        lower, upper = _per_axis("lower", lower, shape), _per_axis("upper", upper, shape)
        names = axis_names(names, len(shape))
        return cls._of(
            Axis(name, "regular", _regular_edges(cells, low, high))
            for name, cells, low, high in zip(names, shape, lower, upper, strict=True)
        )

    @classmethod
    def counts(cls, low, high, name="y"):
        """One cell per integer from `low` to `high`, both included.

        Examples
        --------
        >>> Grid.counts(0, 10).describe()
        '11 counts 0..10'
        """
        low, high = check_integer("low", low), check_integer("high", high, minimum=low)
        _check_size((high - low + 1,))
        edges = np.arange(low, high + 2) - 0.5
        return cls._of([Axis(name, "counts", _frozen(edges))])

    @classmethod
    def categories(cls, levels, name="y"):
        """One cell per level; a sample of it holds the number of the level.

        Examples
        --------
        >>> Grid.categories(["cat", "dog"]).axes[0].encode(["dog", "cow"])
        array([ 1., -1.])
        """
        levels = tuple(str(level) for level in levels)
        if len(set(levels)) < len(levels):
            raise InputError("levels must differ, got a repeated one.", argument="levels")
        edges = np.arange(len(levels) + 1) - 0.5
        return cls._of([Axis(name, "categories", _frozen(edges), levels)])

    @classmethod
    def product(cls, *grids):
        """The grid whose axes are those of `grids`, in this order.

        Examples
        --------
        >>> Grid.product(Grid.regular(4, 0, 1), Grid.counts(0, 2)).shape
        (4, 3)
        """
        axes = [axis for grid in grids for axis in grid.axes]
        if len({axis.name for axis in axes}) < len(axes):
            names = axis_names(None, len(axes))
            axes = [
                Axis(name, axis.kind, axis.edges, axis.levels)
                for name, axis in zip(names, axes, strict=True)
            ]
        return cls._of(axes)

    @classmethod
    def pooled(cls, samples, words="auto", domain=None, names=None, levels=None, smooth=None):
        """Common cells for several samples.

        A column with `levels` is categories. Whole numbers with at most 50 distinct values are
        counts, from the least to the greatest value. All else is cut into equal cells of the range
        of the pooled sample, rounded outward to two or three figures. Their width is at most
        2 IQR n^(-1/(d+2)) (Freedman and Diaconis [1]_ for d = 1), but there are 16 to 1024 of them
        for one column, 32 to 128 for two, 16 to 48 for three.

        Where a KDE is to smooth the column, the range is widened by 3 of its bandwidths on each
        side: no sample loses more than 0.13 % of its kernel there, all together far less. The cells
        are then at most 1/4 of a bandwidth wide, within the same numbers of them.

        Parameters
        ----------
        samples : sequence of array_like, shape (n, d)
        words : text, int or sequence, optional
            What `cell_words` reads: a number of cells, ``auto``, ``counts`` or ``categories``, per
            column or for all.
        domain : sequence of (float, float) or None, optional
            Ends per column; None where the pooled range is to be taken.
        names : sequence of str, optional
        levels : sequence of tuple of str, optional
            Levels of the columns that hold categories, else empty.
        smooth : sequence of array_like, shape (d,), optional
            Bandwidths of the KDE of each sample; 0 where a column is not smoothed.

        References
        ----------
        .. [1] Freedman and Diaconis (1981), "On the histogram as a density estimator".

        Examples
        --------
        >>> Grid.pooled([[[0.0], [3.0]], [[1.0], [1.0]]]).describe()
        '4 counts 0..3'
        """
        samples = [as_rows(sample) for sample in samples]
        columns = samples[0].shape[1]
        if columns > 3:
            raise InputError(
                f"the samples have {columns} columns, a grid at most 3.",
                argument="samples",
                fix="Choose up to 3 of them.",
            )
        pools = [np.concatenate([sample[:, i] for sample in samples]) for i in range(columns)]
        summaries = [Summary.of(pool) for pool in pools]
        return cls.covering(summaries, words, domain, names, levels, smooth)

    @classmethod
    def covering(cls, summaries, words="auto", domain=None, names=None, levels=None, smooth=None):
        """The cells of `pooled`, from a `Summary` of each column: what is left of large samples.

        Examples
        --------
        >>> Grid.covering([Summary.of(np.arange(4.0))]).describe()
        '4 counts 0..3'
        """
        columns = len(summaries)
        words = broadcast_words(words, columns)
        domain = check_domain(domain, columns)
        names = axis_names(names, columns)
        levels = ((),) * columns if levels is None else levels
        smooth = np.zeros((1, columns)) if smooth is None else np.asarray(smooth, dtype=np.float64)
        grids = []
        for i, (word, summary) in enumerate(zip(words, summaries, strict=True)):
            spread = smooth[smooth[:, i] > 0, i]
            grids.append(
                _covering_axis(summary, word, domain[i], names[i], levels[i], spread, columns)
            )
        return cls._of(grid.axes[0] for grid in grids)

    @property
    def shape(self):
        """Cells per axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def size(self):
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.axes)

    @property
    def names(self):
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @property
    def edges(self):
        """Cell edges, a tuple of 1-D arrays."""
        return tuple(axis.edges for axis in self.axes)

    @property
    def centres(self):
        """Cell centres along each axis, a tuple of 1-D arrays."""
        return tuple(axis.centres for axis in self.axes)

    @property
    def is_uniform(self):
        """Whether all cells have the same volume."""
        return all(axis.width is not None for axis in self.axes)

    @property
    def volume(self):
        """The volume of every cell.

        Raises
        ------
        InputError
            If the volumes differ.
        """
        if not self.is_uniform:
            raise InputError("the cells of this grid differ in volume.", fix="Use volumes.")
        return math.prod(axis.width for axis in self.axes)

    @property
    def volumes(self):
        """Cell volumes, shape `shape`; a read-only view of one number on a uniform grid."""
        if self.is_uniform:
            return np.broadcast_to(self.volume, self.shape)
        volumes = np.ones(self.shape)
        for i, axis in enumerate(self.axes):
            volumes *= axis.widths.reshape([-1 if j == i else 1 for j in range(self.ndim)])
        return volumes

    def points(self):
        """Cell centres as rows, shape (size, ndim), in the order of a flattened mass array."""
        mesh = np.meshgrid(*self.centres, indexing="ij")
        return np.column_stack([coordinate.ravel() for coordinate in mesh])

    def locate(self, samples):
        """The cell of each sample: a cell holds its lower edge, and the last one its upper edge.

        Parameters
        ----------
        samples : array_like, shape (n, ndim), or (n,) in 1-D

        Returns
        -------
        ndarray of int64, shape (n,)
            Flat cell numbers; -1 outside the grid and for NaN.

        Examples
        --------
        >>> Grid.regular(4, 0, 1).locate([0.0, 0.25, 1.0, 1.1])
        array([ 0,  1,  3, -1])
        """
        samples = as_rows(samples)
        if samples.shape[1] != self.ndim:
            raise InputError(
                f"samples has {samples.shape[1]} columns, the grid {self.ndim} axes.",
                argument="samples",
            )
        index = np.zeros(len(samples), dtype=np.int64)
        for start in range(0, len(samples), _CHUNK):
            block = samples[start : start + _CHUNK]
            for i, axis in enumerate(self.axes):
                axis.locate(block[:, i], index[start : start + _CHUNK])
        return index

    def tally(self, samples, counts):
        """Add the samples to the counts of their cells, as `numpy.histogram` does.

        Parameters
        ----------
        samples : array_like, shape (n, ndim), or (n,) in 1-D
        counts : ndarray of int64, shape (size,)
            Modified in place.

        Returns
        -------
        outside, nans : int
            Samples that lie outside the grid, and samples with a NaN; neither is in `counts`.

        Examples
        --------
        >>> counts = np.zeros(4, dtype=np.int64)
        >>> Grid.regular(4, 0, 1).tally([0.0, 0.25, 1.0, 1.1, np.nan], counts)
        (1, 1)
        >>> counts
        array([1, 1, 0, 1])
        """
        samples = as_rows(samples)
        if samples.shape[1] != self.ndim:
            raise InputError(
                f"samples has {samples.shape[1]} columns, the grid {self.ndim} axes.",
                argument="samples",
            )
        outside, nans = 0, 0
        for start in range(0, len(samples), _CHUNK):
            block = samples[start : start + _CHUNK]
            axis = self.axes[0]
            if self.ndim == 1 and axis._scale and axis._slack < 0.25:
                values = np.ascontiguousarray(block[:, 0], dtype=np.float64)
                new, new_nans = _tally_kernel(values, axis.edges, axis._scale, axis._slack, counts)
            else:
                index = np.zeros(len(block), dtype=np.int64)
                for i, axis in enumerate(self.axes):
                    axis.locate(block[:, i], index)
                missed = _add_kernel(index, counts)
                new_nans = int(np.isnan(block).any(axis=1).sum()) if missed else 0
                new = missed - new_nans
            outside += new
            nans += new_nans
        return outside, nans

    def same_as(self, other):
        """Whether both grids have the same cells; names do not matter."""
        return self is other or (
            isinstance(other, Grid)
            and self.shape == other.shape
            and all(a.same_as(b) for a, b in zip(self.axes, other.axes, strict=True))
        )

    def __eq__(self, other):
        return self.same_as(other) if isinstance(other, Grid) else NotImplemented

    def __hash__(self):
        return hash(tuple((axis.kind, axis.size, axis.low, axis.high) for axis in self.axes))

    def __repr__(self):
        return f"<Grid: {self.describe()}>"

    def describe(self):
        """The grid in a few words.

        Examples
        --------
        >>> Grid.regular(1024, -4, 4).describe()
        '1024 cells on -4:4'
        """
        parts = []
        for kind, axes in groupby(self.axes, lambda axis: axis.kind if axis.is_counting else None):
            axes = list(axes)
            if kind == "counts":
                parts += [f"{axis.size} counts {axis.low:.0f}..{axis.high:.0f}" for axis in axes]
            elif kind == "categories":
                parts += [f"{axis.size} categories" for axis in axes]
            else:
                shape = "x".join(str(axis.size) for axis in axes)
                uneven = "uneven " if any(axis.kind == "uneven" for axis in axes) else ""
                ends = ",".join(f"{axis.low:g}:{axis.high:g}" for axis in axes)
                parts.append(f"{shape} {uneven}cells on {ends}")
        return " x ".join(parts)

    def to_dict(self):
        """The grid as it stands in the JSON output."""
        return {"shape": list(self.shape), "axes": [axis.to_dict() for axis in self.axes]}


def are_few(span, distinct, rows):
    """Whether whole numbers are counts: few distinct ones, close together or repeated.

    36 rows of flows in the hundreds are no counts, though they are whole and have 36 values.
    """
    return distinct <= FEW_INTEGERS and (span < FEW_INTEGERS or rows >= 2 * distinct)


@dataclass(frozen=True, eq=False)
class Summary:
    """What the cells of one column are chosen from.

    Attributes
    ----------
    low, high : float
        Least and greatest finite value.
    rows : int
        Number of finite values.
    part : float or None
        A value that is no whole number, if there is one.
    is_few : bool
        Whether all are whole numbers, and few in the sense of `are_few`.
    values : ndarray
        All finite values, or a sample of them, from which quartiles are taken.
    """

    low: float
    high: float
    rows: int
    part: float | None
    is_few: bool
    values: np.ndarray

    @classmethod
    def of(cls, values):
        """The summary of an array that fits in memory."""
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return cls(math.nan, math.nan, 0, None, False, finite)
        parts = finite[finite != np.floor(finite)]
        low, high = float(finite.min()), float(finite.max())
        distinct = np.unique(finite).size if parts.size == 0 else finite.size
        few = parts.size == 0 and are_few(high - low, distinct, finite.size)
        part = float(parts[0]) if parts.size else None
        return cls(low, high, finite.size, part, bool(few), finite)


def as_rows(samples):
    """Samples as a 2-D array (n, d); a vector is one column."""
    samples = np.asarray(samples)
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise InputError(
            f"samples must have shape (n, d) or (n,), got {samples.shape}.", argument="samples"
        )
    return samples


def cell_words(grid):
    """Read what a user writes for the cells: ``1024``, ``256x256``, ``64xautoxcounts``.

    Parameters
    ----------
    grid : text, int or sequence of them

    Returns
    -------
    tuple
        Per axis an int, ``auto``, ``counts`` or ``categories``.

    Examples
    --------
    >>> cell_words("64xautoxcounts")
    (64, 'auto', 'counts')
    """
    if isinstance(grid, str):
        parts = grid.strip().split("x")
    else:
        parts = grid if np.iterable(grid) else (grid,)
    words = []
    for part in parts:
        part = part.strip() if isinstance(part, str) else part
        if part in ("auto", "counts", "categories"):
            words.append(part)
            continue
        try:
            number = int(part) if isinstance(part, str) else check_integer("grid", part)
        except ValueError:
            raise InputError(
                f"grid must be auto, a number of cells, counts, categories, several of them "
                f"joined by x, or a file of edges (.npz), got {grid!r}.",
                argument="grid",
                fix="For example 1024, 256x256 or 64xautoxcounts.",
            ) from None
        words.append(check_integer("grid", number, minimum=1))
    if 1 in words:
        axis = f" on axis {words.index(1) + 1}" if len(words) > 1 else ""
        raise InputError(
            f"grid {'x'.join(map(str, words))} has 1 cell{axis}: each axis needs at least 2.",
            argument="grid",
            fix="Pass more cells, or leave that column out with --columns."
            if axis
            else "Pass more cells.",
        )
    return tuple(words)


def broadcast_words(grid, columns):
    """`cell_words`, one per column: a lone ``auto``, ``counts`` or ``categories`` serves all."""
    words = cell_words(grid)
    if len(words) == 1 and isinstance(words[0], str):
        words *= columns
    if len(words) != columns:
        raise InputError(
            f"grid {'x'.join(map(str, words))} has {plural(len(words), 'part')}, "
            f"the problem {plural(columns, 'column')}.",
            argument="grid",
            fix=f"Write {'x'.join(['128'] * columns)}, or auto.",
        )
    return words


def check_domain(domain, columns):
    """Ends per column, from text ``LOW:HIGH,LOW:HIGH``, pairs of numbers, or None.

    Returns
    -------
    tuple of (float, float) or None
        None where the domain is left open (``auto``).

    Examples
    --------
    >>> check_domain("-4:4,auto", 2)
    ((-4.0, 4.0), None)
    """
    if domain is None:
        return (None,) * columns
    if isinstance(domain, str):
        parts = domain.split(",")
    elif len(domain) == 2 and all(isinstance(end, (int, float)) for end in domain):
        parts = [domain]
    else:
        parts = list(domain)
    if len(parts) != columns:
        raise InputError(
            f"domain has {plural(len(parts), 'part')}, the problem {plural(columns, 'column')}.",
            argument="domain",
            fix=f"Write {','.join(['LOW:HIGH'] * columns)}.",
        )
    return tuple(_checked_ends(part) for part in parts)


def outward(low, high, parts=100):
    """Ends rounded away from each other, to 1/`parts` of the power of ten below the width.

    Examples
    --------
    >>> outward(-3.95, 3.95, parts=10)
    (-4.0, 4.0)
    """
    if not 0 < high - low < math.inf:
        return low, high
    exponent = math.floor(math.log10(high - low)) - round(math.log10(parts))
    # Multiply or divide by a whole power of ten: 41 / 10 is 4.1, 41 * 0.1 is not.
    power = 10.0 ** abs(exponent)
    if exponent < 0:
        low, high = math.floor(low * power) / power, math.ceil(high * power) / power
    else:
        low, high = math.floor(low / power) * power, math.ceil(high / power) * power
    return low, high


def available_memory():
    """Bytes of memory of this machine or container, infinite where it cannot be told."""
    limits = [math.inf]
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        pass
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            limits.append(int(file.read()))
    except (OSError, ValueError):
        pass
    return min(limits)


def _covering_axis(summary, word, ends, name, levels, spread, columns):
    """The one-axis grid of one column."""
    if levels:
        if word not in ("auto", "categories"):
            raise InputError(
                f"column {name} holds categories, which grid {word} cannot cut.",
                argument="grid",
                fix="Write auto or categories for it.",
            )
        if ends is not None:
            raise InputError(
                f"column {name} holds categories, which have no domain.",
                argument="domain",
                fix="Write auto for it.",
            )
        return Grid.categories(levels, name=name)
    if word == "categories":
        raise InputError(
            f"column {name} holds numbers, not categories.",
            argument="grid",
            fix=f"Pass --categorical {name}, or counts.",
        )
    if summary.rows == 0:
        raise InputError(f"column {name} has no finite value.", argument="samples")
    low, high = summary.low, summary.high
    if word == "auto" and summary.is_few and high - low < MAX_COUNTS:
        word = "counts"
    if word == "counts":
        if summary.part is not None:
            raise InputError(
                f"column {name} cannot be counts: {summary.part:g} is not a whole number.",
                argument="grid",
                fix="Write a number of cells, or auto.",
            )
        low, high = (low, high) if ends is None else ends
        return Grid.counts(math.ceil(low), math.floor(high), name=name)
    if ends is not None:
        low, high = ends
    else:
        margin = 3 * float(spread.max(initial=0.0))
        if low == high and margin == 0:
            raise InputError(
                f"column {name} has one value only ({low:g}), so there is no range to cut.",
                argument="domain",
                fix="Pass --domain LOW:HIGH.",
            )
        low, high = outward(low - margin, high + margin)
    if word == "auto":
        word = _auto_cells(summary, low, high, columns, float(spread.min(initial=math.inf)) / 4)
    return Grid.regular(word, low, high, names=[name])


def _auto_cells(summary, low, high, columns, width):
    """Cells of at most this width, and of the width that Freedman and Diaconis would take."""
    fewest, most = _AUTO_CELLS[columns]
    values = summary.values
    values = values[(values >= low) & (values <= high)]
    if values.size > 1:
        lower, upper = np.quantile(values, [0.25, 0.75])
        # A column with more than half its values equal has no quartile range: take the normal's.
        spread = float(upper - lower) or 1.349 * float(values.std())
        rows = summary.rows * (values.size / summary.values.size)
        width = min(width, 2 * spread * rows ** (-1 / (columns + 2)) or math.inf)
    return int(min(max(math.ceil((high - low) / width), fewest), most))


def _checked_ends(part):
    if part is None or part == "auto":
        return None
    if isinstance(part, str):
        low, colon, high = part.strip().partition(":")
        pair = (low, high) if colon else None
    else:
        pair = tuple(part) if np.iterable(part) and len(part) == 2 else None
    try:
        low, high = (check_number("domain", end) for end in pair)
    except (TypeError, ValueError):
        raise InputError(
            f"domain must be LOW:HIGH with two finite numbers, got {part!r}.",
            argument="domain",
            fix="For example -4:4.",
        ) from None
    if not low < high:
        raise InputError(
            f"domain must have LOW below HIGH, got {low:g}:{high:g}.", argument="domain"
        )
    return low, high


def _checked_edges(edges, number):
    try:
        edges = np.array(edges, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputTypeError(
            f"edges[{number}] must be an array of numbers.",
            argument="edges",
            fix="Pass a list with one array per axis.",
        ) from None
    if edges.ndim != 1 or edges.size < 2:
        raise InputError(
            f"edges[{number}] must be an array of at least 2 edges, got shape {edges.shape}.",
            argument="edges",
            fix="Pass a list with one array per axis.",
        )
    if not np.all(np.isfinite(edges)):
        raise InputError(
            f"edges[{number}] must be finite, got {edges[~np.isfinite(edges)][0]}.",
            argument="edges",
        )
    falls = np.flatnonzero(np.diff(edges) <= 0)
    if falls.size:
        i = falls[0]
        raise InputError(
            f"edges[{number}] must increase, but edge {i + 1} is {edges[i + 1]:g} "
            f"after {edges[i]:g}.",
            argument="edges",
        )
    return _frozen(edges)


def _check_size(shape):
    """Refuse more than 3 axes, fewer than 2 cells, and what does not fit in memory."""
    if not 1 <= len(shape) <= 3:
        raise InputError(
            f"a grid has 1 to 3 axes, got {len(shape)}.",
            argument="grid",
            fix="Choose up to 3 columns.",
        )
    size = math.prod(shape)
    if size < 2:
        raise InputError(
            f"a grid needs at least 2 cells, got {size}.",
            argument="grid",
            fix="Pass more cells or a wider domain.",
        )
    need, have = size * _BYTES_PER_CELL, available_memory()
    if need > have:
        raise InputError(
            f"a grid of {'x'.join(map(str, shape))} cells needs about {_bytes(need)} of memory, "
            f"this machine has {_bytes(have)}.",
            argument="grid",
            fix="Pass fewer cells.",
        )


def _regular_edges(cells, low, high):
    check_regular(cells, low, high)
    return _frozen(np.linspace(low, high, cells + 1))


def check_regular(cells, low, high):
    """Refuse ends that so many equal cells cannot have."""
    if not low < high or not math.isfinite(high - low):
        raise InputError(f"lower must be below upper, got {low:g} and {high:g}.", argument="lower")
    if (high - low) / cells <= 4 * math.ulp(max(abs(low), abs(high))):
        raise InputError(
            f"{cells} cells between {low!r} and {high!r} are narrower than numbers can tell.",
            argument="grid",
            fix="Pass fewer cells, or subtract a constant from the data.",
        )


def _kind(edges):
    width = (edges[-1] - edges[0]) / (edges.size - 1)
    slack = 8 * np.spacing(max(abs(edges[0]), abs(edges[-1])))
    return "regular" if np.max(np.abs(np.diff(edges) - width)) <= slack else "uneven"


def _one_per_axis(name, values, default, count):
    if values is None:
        return (default,) * count
    values = tuple(values)
    if len(values) != count:
        raise InputError(
            f"{name} must have one entry per axis, got {len(values)} for "
            f"{count} {'axis' if count == 1 else 'axes'}.",
            argument=name,
        )
    return values


def _checked_kind(kind, edges, levels):
    """The kind of an axis: found from the spacing if not given, else checked against the edges."""
    kind = _kind(edges) if kind is None else check_choice("kinds", kind, KINDS)
    if kind == "regular" and _kind(edges) != "regular":
        raise InputError(
            "kinds says regular, but the widths of the cells differ.",
            argument="kinds",
            fix="Say uneven, or leave kinds out.",
        )
    if kind in ("counts", "categories"):
        first = -0.5 if kind == "categories" else np.floor(edges[0]) + 0.5
        if not np.array_equal(edges, first + np.arange(edges.size)):
            raise InputError(
                f"kinds says {kind}, but the edges are not one apart, half-way between integers.",
                argument="kinds",
                fix=f"Pass edges {first:g}, {first + 1:g}, ...",
            )
    if len(levels) != (edges.size - 1 if kind == "categories" else 0):
        wanted = plural(edges.size - 1, "level") if kind == "categories" else "none"
        raise InputError(
            f"an axis of {kind} with {plural(edges.size - 1, 'cell')} needs "
            f"{wanted}, got {len(levels)}.",
            argument="levels",
        )
    return kind


def _per_axis(name, value, shape):
    values = tuple(value) if np.iterable(value) else (value,) * len(shape)
    if len(values) != len(shape):
        raise InputError(
            f"{name} has {len(values)} numbers, shape {len(shape)}.",
            argument=name,
            fix="Pass one number, or one per axis.",
        )
    return tuple(check_number(name, item) for item in values)


def axis_names(names, count):
    """Names of the axes: as given, else ``y``, or ``y0``, ``y1``, ... where there are several."""
    if names is None:
        return ("y",) if count == 1 else tuple(f"y{i}" for i in range(count))
    names = (names,) if isinstance(names, str) else tuple(str(name) for name in names)
    if len(names) != count:
        raise InputError(f"names has {len(names)} names for {count} axes.", argument="names")
    return names


def _frozen(array):
    array.flags.writeable = False
    return array


def plural(count, noun):
    """A number of things: ``1 column``, ``2 columns``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _bytes(amount):
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 1000 or unit == "TB":
            return f"{amount:.3g} {unit}"


@jit
def _locate_kernel(x, edges, scale, index):
    """Replace index by index * size + cell of x, or by -1 outside. Modified in place: index.

    `scale` is 1 / width where the cells are equal, 0 to search.
    """
    size = edges.size - 1
    for i in range(x.size):
        value = x[i]
        if index[i] < 0 or not (edges[0] <= value <= edges[size]):
            index[i] = -1
            continue
        if scale > 0.0:
            # The quotient may be off by one cell at an edge: the edges themselves decide.
            cell = min(int((value - edges[0]) * scale), size - 1)
            while value < edges[cell]:
                cell -= 1
            while cell < size - 1 and value >= edges[cell + 1]:
                cell += 1
        else:
            cell = min(np.searchsorted(edges, value, side="right") - 1, size - 1)
        index[i] = index[i] * size + cell


@jit
def _add_kernel(index, counts):
    """Add 1 at each index, and return how many are below 0. Modified in place: counts."""
    missed = 0
    for i in range(index.size):
        if index[i] < 0:
            missed += 1
        else:
            counts[index[i]] += 1
    return missed


@jit
def _tally_kernel(x, edges, scale, slack, counts):
    """Add the values to equal cells; return how many lie outside, and how many are NaN.

    Modified in place: counts. The quotient (value - low) * scale grows with the value, and at every
    edge it is within `slack` of the number of that edge. So its whole part is the cell, unless its
    fraction is within `slack` of 0 or 1: then the edges themselves decide. Four histograms in turn,
    because two neighbours in one cell would wait for each other.
    """
    size = edges.size - 1
    parts = 4 if size <= _MANY_CELLS else 1
    part = np.zeros((parts, size + 1), dtype=np.uint32)
    a, b, c, d = part[0], part[1 % parts], part[2 % parts], part[3 % parts]
    cell = np.empty(_STRETCH, dtype=np.uint32)
    outside, nans = 0, 0
    for start in range(0, x.size, _STRETCH):
        block = x[start : start + _STRETCH]
        _guess_cells(block, edges[0], scale, slack, size, cell)
        whole = block.size // 4 * 4
        for i in range(0, whole, 4):
            a[cell[i]] += np.uint32(1)
            b[cell[i + 1]] += np.uint32(1)
            c[cell[i + 2]] += np.uint32(1)
            d[cell[i + 3]] += np.uint32(1)
        for i in range(whole, block.size):
            a[cell[i]] += np.uint32(1)
        doubtful = 0
        for k in range(parts):
            doubtful += part[k, size]
            part[k, size] = 0
        if doubtful:
            new, new_nans = _tally_doubtful(block, edges, scale, cell, counts)
            outside += new
            nans += new_nans
    for k in range(parts):
        for j in range(size):
            counts[j] += part[k, j]
    return outside, nans


@jit
def _guess_cells(x, low, scale, slack, size, cell):
    """The cell of each value where the quotient alone tells, else `size`. In place: cell."""
    top, none = 1.0 - slack, float(size)
    for i in range(x.size):
        quotient = (x[i] - low) * scale
        whole = np.floor(quotient)
        rest = quotient - whole
        sure = (rest > slack) & (rest < top) & (quotient >= 0.0) & (quotient < none)
        cell[i] = np.uint32(np.int32(whole if sure else none))


@jit
def _tally_doubtful(x, edges, scale, cell, counts):
    """Add the values whose cell is not known yet; return how many lie outside or are NaN."""
    size = edges.size - 1
    outside, nans = 0, 0
    for i in range(x.size):
        if cell[i] < size:
            continue
        value = x[i]
        if value != value:
            nans += 1
            continue
        if not (edges[0] <= value <= edges[size]):
            outside += 1
            continue
        place = min(int((value - edges[0]) * scale), size - 1)
        while value < edges[place]:
            place -= 1
        while place < size - 1 and value >= edges[place + 1]:
            place += 1
        counts[place] += 1
    return outside, nans
