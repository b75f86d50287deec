"""A sample whose rows are handed out a chunk at a time, and a pair of them."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ratiogan.errors import InputError, check_integer
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.projection import Projection
from ratiogan.twosample.scan import CHUNK, LOOK, Scan, scanned, stratified


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
    _chunks: object = field(default=None, repr=False)
    _scan: object = field(default=None, repr=False)
    _words: object = field(default=None, repr=False)
    _columns: tuple = field(default=(), repr=False)

    @property
    def columns(self):
        """Number of columns."""
        return len(self.low)

    def chunks(self):
        """Yield the rows as float64 arrays (m, columns), in order.

        Raises
        ------
        InputError
            If the source is counts, which have no rows.
        """
        if self._chunks is None:
            raise InputError(
                f"{self.label} holds counts, not samples.",
                argument="source",
                fix="Use the cells they were counted on.",
            )
        columns = list(self._columns)
        for chunk in self._chunks():
            whole = columns == list(range(chunk.shape[1]))
            yield chunk if whole else np.ascontiguousarray(chunk[:, columns])

    def sample(self, k, rng=0):
        """At most `k` of the rows, shape (<= k, columns): all of them, or one of each k-th part.

        Parameters
        ----------
        k : int
        rng : int or numpy.random.Generator
        """
        k = check_integer("k", k, minimum=1)
        return stratified(self.chunks(), self.rows, k, np.random.default_rng(rng))

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
        parts = [np.array(chunk[:, -1], dtype=np.int64) for chunk in self._chunks()]
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


def side_of_rows(reading):
    """A side of rows, scanned once; levels are still in the order in which they appeared."""
    scan, chunks = scanned(reading)
    count = reading.width - reading.has_class
    return Side(
        reading.rows.source,
        "samples",
        scan.rows,
        scan.low[:count],
        scan.high[:count],
        reading.dropped,
        _chunks=chunks,
        _scan=scan,
        _words=reading.words[-1] if reading.has_class else None,
        _columns=tuple(range(count)),
    )


def side_of_counts(counts):
    axes = counts.grid.axes
    low = np.array([axis.low for axis in axes])
    high = np.array([axis.high for axis in axes])
    return Side(counts.label, "counts", counts.rows, low, high, counts.dropped_nan, counts)


def with_levels(side, reading, levels):
    """The side with its texts as numbers of the common levels; -1 where a text is none of them."""
    maps = [None] * len(levels)
    low, high = side.low.copy(), side.high.copy()
    for i, names in enumerate(levels):
        if names:
            place = {name: float(number) for number, name in enumerate(names)}
            maps[i] = np.array([place.get(word, -1.0) for word in reading.words[i]])
            low[i], high[i] = maps[i].min(), maps[i].max()
    if not any(levels):
        return side
    stored = side._chunks

    def recoded():
        for chunk in stored():
            chunk = np.array(chunk)
            for i, table in enumerate(maps):
                if table is not None:
                    chunk[:, i] = table[chunk[:, i].astype(np.int64)]
            yield chunk

    return replace(side, low=low, high=high, _chunks=recoded)


def side_of_array(x, **facts):
    """A side whose rows are an array."""
    scan = Scan(x.shape[1])
    step = max(1, CHUNK // x.shape[1])

    def chunks():
        for start in range(0, len(x), step):
            yield x[start : start + step]

    for chunk in chunks():
        scan.add(chunk)
    return Side(
        rows=len(x),
        low=scan.low,
        high=scan.high,
        _chunks=chunks,
        _scan=scan,
        _columns=tuple(range(x.shape[1])),
        **facts,
    )


def seen_through(side, projection):
    """The side with its columns projected, scanned again; the class column stays the last."""
    stored, columns = side._chunks, list(side._columns)
    width = len(projection.names)

    def projected():
        for chunk in stored():
            yield np.column_stack([projection(chunk[:, columns]), chunk[:, len(columns) :]])

    scan = Scan(width)
    for chunk in projected():
        scan.add(np.ascontiguousarray(chunk[:, :width]))
    return replace(
        side,
        low=scan.low,
        high=scan.high,
        _chunks=projected,
        _scan=scan,
        _columns=tuple(range(width)),
    )
