"""Rows as numbers: chosen columns of a source, texts by their numbers, without what is missing."""

import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan._jit import jit
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.sources import MAX_LEVELS
from ratiogan.tables import Table, missing_field
from ratiogan.twosample.rows import Rows


@dataclass
class Tally:
    """What became of the rows of a source, or of some of its pieces; tallies add up in order.

    Attributes
    ----------
    seen, dropped : int
        Rows read, and rows left out of them.
    missing : int
        Fields that hold no finite number.
    first : (int or None, int, str, str) or None
        The first of these: its line, its row, its column and what stands there.
    good : ndarray or 0
        Per column the fields that do hold one.
    """

    seen: int = 0
    dropped: int = 0
    missing: int = 0
    first: tuple | None = None
    good: object = 0

    def __add__(self, other):
        first = self.first
        if first is None and other.first is not None:
            line, row, *rest = other.first
            first = (line, self.seen + row, *rest)
        return Tally(
            self.seen + other.seen,
            self.dropped + other.dropped,
            self.missing + other.missing,
            first,
            self.good + other.good,
        )


@dataclass
class Reading:
    """Chosen columns of some `Rows` as numbers, without the rows that miss one.

    Texts become numbers in the order in which they first appear: `words` holds them.

    Parameters
    ----------
    rows : Rows
    numbers : sequence of int
        Columns of the file, in the order in which they are wanted.
    texts : sequence of int, optional
        Columns of the file to read as texts.
    nan : str
        ``refuse`` or ``drop`` rows with a field that is no finite number.
    labels : ndarray of float, shape (rows,), optional
        One more column, from elsewhere.

    Attributes
    ----------
    words : list of (dict or None)
        Per column the texts seen so far and their numbers; None for a column of numbers.
    tally : Tally
        Of the last pass.
    has_class : bool
        Whether the last column is the class of the row.
    """

    rows: Rows
    numbers: list
    texts: tuple = ()
    nan: str = "refuse"
    labels: np.ndarray | None = None
    words: list = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    has_class: bool = False

    def __post_init__(self):
        self.texts = (*self.texts, *self.rows.texts)
        self.words = self.words or [None] * len(self.numbers)

    @property
    def width(self):
        """Number of columns of a chunk."""
        return len(self.numbers) + (self.labels is not None)

    def chunks(self):
        """Yield float64 arrays (m, columns), read-only by courtesy.

        Raises
        ------
        InputError
            At the end, if fields are missing and `nan` is ``refuse``: the first of them, with its
            line and column, and how many there are.
        CannotMeasure
            If a column holds no number at all, or nothing is left.
        """
        yield from self.some_chunks(0, self.rows.pieces)
        if self.labels is not None and len(self.labels) != self.tally.seen:
            self._refuse_labels(self.tally.seen)
        self.judge()

    def some_chunks(self, first, last):
        """Yield the chunks of some pieces; whether they will do is left to `judge`."""
        self.tally = Tally()
        for table in self.rows.tables(self.numbers, first, last):
            x = self._encoded([table.columns[i] for i in self.numbers], table)
            if self.labels is not None:
                part = self.labels[self.tally.seen : self.tally.seen + len(x)]
                if len(part) < len(x):
                    self._refuse_labels(None)
                x = np.column_stack([x, part])
            x = self._cleaned(x, table)
            if len(x):
                yield x

    def _refuse_labels(self, seen):
        rows = f"{seen} rows" if seen is not None else "more rows"
        raise InputError(
            f"{self.rows.source} has {rows}, its labels are {len(self.labels)}.",
            argument="labels",
            fix="Give one label per row.",
        )

    def _encoded(self, columns, table):
        if len(columns) == 1 and columns[0].dtype == np.float64 and not self.texts:
            return np.ascontiguousarray(columns[0])[:, np.newaxis]
        x = np.empty((len(columns[0]), len(columns)))
        for i, (number, column) in enumerate(zip(self.numbers, columns, strict=True)):
            if number in self.texts and column.dtype.kind != "U":
                one = Table("", [column], None, [0]).with_categories(["0"])
                column = one.columns[0]
            if column.dtype.kind == "U":
                x[:, i] = self._codes(i, column)
            else:
                x[:, i] = column
        return x

    def _codes(self, i, column):
        found, place = np.unique(column, return_inverse=True)
        found = found.tolist()
        self.learn(i, [word for word in found if word])
        codes = np.array([self.words[i].get(word, math.nan) for word in found])
        return codes[place]

    def learn(self, i, words):
        """Give numbers to texts of column `i` that have none yet."""
        if self.words[i] is None:
            self.words[i] = {}
        known = self.words[i]
        for word in words:
            known.setdefault(word, len(known))
        if len(known) > MAX_LEVELS:
            raise InputError(
                f"column {self._name(i)} of {self.rows.source} has more than {MAX_LEVELS} "
                "different texts, a category axis at most that many.",
                argument="columns",
                fix="Leave it out with --columns.",
            )

    def _name(self, i):
        numbers = [*self.numbers, "labels"]
        heading = self.rows.heading
        return "labels" if numbers[i] == "labels" else heading.name(numbers[i])

    def _cleaned(self, x, table):
        missing = _count_missing(x)
        if not missing:
            self.tally += Tally(len(x), good=len(x))
            return x
        finite = np.isfinite(x)
        keep = finite.all(axis=1)
        row = int(np.argmin(keep))
        i = int(np.argmin(finite[row]))
        line = None if table.lines is None else int(table.lines[row])
        first = line, row, self._name(i), self._field(x, table, row, i)
        dropped = int(len(x) - keep.sum())
        self.tally += Tally(len(x), dropped, missing, first, finite.sum(axis=0))
        return x[keep]

    def _field(self, x, table, row, i):
        if i >= len(self.numbers) or table.columns[self.numbers[i]].dtype.kind == "U":
            return ""
        return table.odd.get((self.numbers[i], row), str(float(x[row, i])))

    def judge(self):
        """Refuse what the tally of all pieces shows: see `chunks`."""
        source, tally = self.rows.source, self.tally
        if tally.seen == 0:
            raise CannotMeasure(f"{source} has no rows.", argument="source")
        for i, good in enumerate(np.atleast_1d(tally.good)):
            if good == 0:
                raise CannotMeasure(
                    f"{source}, column {self._name(i)}: none of the {tally.seen} rows holds a "
                    "number.",
                    argument="source",
                )
        if tally.missing and self.nan == "refuse":
            line, row, column, text = tally.first
            where = f"row {row}" if line is None else f"line {line}"
            raise missing_field(source, where, column, text, tally.missing)
        if tally.dropped == tally.seen:
            raise CannotMeasure(
                f"{source} has no row without NaN or empty fields.", argument="source"
            )


def _count_missing(x):
    return _missing_kernel(np.ascontiguousarray(x).reshape(-1))


@jit
def _missing_kernel(x):
    """How many values are not finite."""
    missing = 0
    for i in range(x.size):
        missing += not (abs(x[i]) < np.inf)
    return missing
