"""A sample whose rows are handed out a chunk at a time, and a pair of them."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ratiogan.errors import InputError, check_integer
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.passes import Columns, Here, Levels, Stream, level_numbers
from ratiogan.twosample.projection import Projection
from ratiogan.twosample.reading import Reading
from ratiogan.twosample.rows import open_source
from ratiogan.twosample.scan import LOOK, strata


@dataclass(frozen=True, eq=False)
class Side:
    """One sample: what is known about all of its rows, and the rows a chunk at a time.

    Attributes
    ----------
    label : str
        The source as the user named it.
    kind : str
        ``samples``, ``preset`` (drawn), or ``counts``.
    rows : int
        Rows in use, without those dropped.
    low, high : ndarray, shape (columns,)
        Exact range of each column; level numbers of categories.
    dropped_nan : int
        Rows left out because a field is no finite number.
    counts : Counts or None
        The counts of a source that has no rows any more.
    """

    label: str
    kind: str
    rows: int
    low: np.ndarray
    high: np.ndarray
    dropped_nan: int = 0
    counts: Counts | None = None
    _stream: Stream = field(default=None, repr=False)
    _passes: object = field(default=None, repr=False)
    _scan: object = field(default=None, repr=False)
    _words: object = field(default=None, repr=False)
    _columns: tuple = field(default=(), repr=False)

    @property
    def columns(self):
        """Number of columns."""
        return len(self.low)

    def chunks(self):
        """The rows, one after the other, as float64 arrays (m, columns), in order.

        Raises
        ------
        InputError
            If the source is counts, which have no rows.
        """
        return self._seen.chunks()

    @property
    def _seen(self):
        """The rows with the columns in use."""
        if self._stream is None:
            raise InputError(
                f"{self.label} holds counts, not samples.",
                argument="source",
                fix="Use the cells they were counted on.",
            )
        return self._stream.through(Columns(self._columns))

    def sample(self, k, rng=0):
        """At most `k` of the rows, shape (<= k, columns): all of them, or one of each k-th part.

        Parameters
        ----------
        k : int
        rng : int or numpy.random.Generator
        """
        k = check_integer("k", k, minimum=1)
        wanted = strata(self.rows, k, np.random.default_rng(rng))
        seen = self._seen
        return self._passes.picks([seen], [wanted])[0]

    def counted(self, grid, progress=None):
        """The counts of all rows on the cells of a grid; those given, if the source was counts."""
        if self.counts is not None:
            return self.counts
        return self._passes.counts([self._seen], grid, progress)

    def summaries(self):
        """A `grid.Summary` per column: exact but for quartiles, taken from 100,000 rows."""
        look = self.sample(LOOK, 0)
        made = self._scan.summaries(np.empty((1, len(self._scan.low))))
        return [
            replace(made[j], values=np.ascontiguousarray(look[:, i]))
            for i, j in enumerate(self._columns)
        ]

    @cached_property
    def classes(self):
        """The class of each row in use, array of str; None where no group was named."""
        if self._words is None:
            return None
        parts = [np.array(chunk[:, -1], dtype=np.int64) for chunk in self._stream.chunks()]
        return np.array(list(self._words))[np.concatenate(parts)]

    def take(self, columns):
        """The same sample with some of its columns only."""
        columns = list(columns)
        if self.counts is not None:
            raise InputError(
                f"{self.label} holds counts on {self.counts.grid.describe()}: their columns cannot "
                "be separated.",
                argument="columns",
                fix="Count the columns wanted.",
            )
        return replace(
            self,
            low=self.low[columns],
            high=self.high[columns],
            _columns=tuple(self._columns[i] for i in columns),
        )


@dataclass(frozen=True, eq=False)
class Pair:
    """Two samples with the same columns.

    Attributes
    ----------
    real, gen : Side
    names : tuple of str
        Names of the columns.
    levels : tuple of tuple of str
        Per column the names of its categories, () where it holds numbers.
    header : list of str
        The lines ``real ...`` and ``gen ...`` of the text output.
    warnings : tuple of str
    projection : Projection or None
        How many columns became few.
    """

    real: Side
    gen: Side
    names: tuple
    levels: tuple
    header: list
    warnings: tuple = ()
    projection: Projection | None = None

    def take(self, columns):
        """The pair with some of its columns only, by place."""
        columns = list(columns)
        return replace(
            self,
            real=self.real.take(columns),
            gen=self.gen.take(columns),
            names=tuple(self.names[i] for i in columns),
            levels=tuple(self.levels[i] for i in columns),
        )

    def input_record(self, real=None, gen=None):
        """The object ``input`` of the JSON output.

        Parameters
        ----------
        real, gen : Counts, optional
            What was counted: gives ``outside``, ``singular_mass`` (the share of gen in cells
            without real rows) and ``grid``.
        """
        record = {}
        for role, side, counts in (("real", self.real, real), ("gen", self.gen, gen)):
            counts = side.counts if counts is None else counts
            record[role] = {
                "source": side.label,
                "type": side.kind,
                "rows": side.rows,
                "dropped_nan": side.dropped_nan,
                "outside": counts.outside / counts.rows if counts and counts.rows else None,
            }
        record["gen"]["singular_mass"] = None
        if real is not None and gen is not None and gen.inside:
            lost = int(gen.counts[real.counts == 0].sum())
            record["gen"]["singular_mass"] = lost / gen.inside
        record["grid"] = None if real is None else real.grid.to_dict()
        record["density"] = None
        return record


def side_of_rows(reading, passes):
    """A side of rows, scanned once; levels are still in the order in which they appeared."""
    stream = Stream(reading)
    [scan] = passes.scans([stream])
    count = reading.width - reading.has_class
    return Side(
        reading.rows.source,
        "samples",
        scan.rows,
        scan.low[:count],
        scan.high[:count],
        reading.tally.dropped,
        _stream=stream,
        _passes=passes,
        _scan=scan,
        _words=reading.words[-1] if reading.has_class else None,
        _columns=tuple(range(count)),
    )


def side_of_counts(counts):
    axes = counts.grid.axes
    low = np.array([axis.low for axis in axes])
    high = np.array([axis.high for axis in axes])
    return Side(counts.label, "counts", counts.rows, low, high, counts.dropped_nan, counts)


def with_levels(side, reading, names, levels):
    """The side with its texts as numbers of the common levels; -1 where a text is none of them."""
    if not any(levels):
        return side
    low, high = side.low.copy(), side.high.copy()
    for i, known in enumerate(levels):
        if known:
            found = level_numbers(reading.words[i], known)
            low[i], high[i] = found.min(), found.max()
    return replace(side, low=low, high=high, _stream=side._stream.through(Levels(levels, names)))


def side_of_array(x, label, kind):
    """A side whose rows are an array."""
    rows = open_source(x, label=label)
    return replace(side_of_rows(Reading(rows, list(range(x.shape[1]))), Here()), kind=kind)


@dataclass(frozen=True)
class Projected:
    """A step: the columns in use projected; the class column stays the last."""

    projection: Projection
    columns: tuple

    def __call__(self, chunk, reading):
        rest = chunk[:, len(self.columns) :]
        return np.column_stack([self.projection(chunk[:, self.columns]), rest])


def seen_through(side, projection):
    """The side with its columns projected, scanned again."""
    stream = side._stream.through(Projected(projection, side._columns))
    columns = tuple(range(len(projection.names)))
    [scan] = side._passes.scans([stream.through(Columns(columns))])
    return replace(
        side,
        low=scan.low,
        high=scan.high,
        _stream=stream,
        _scan=scan,
        _columns=columns,
    )
