"""Sources of any length, read a chunk of rows at a time: memory does not grow with the rows.

A file in NumPy's format is mapped anew for every chunk, so that the pages of the last one do not
count; text is parsed block by block.
"""

import io
import math
import os
import sys
from dataclasses import dataclass, field, replace

import numpy as np

from ratiogan import presets
from ratiogan._jit import jit
from ratiogan.catalogue import PRESETS
from ratiogan.errors import (
    CannotMeasure,
    InputError,
    InputTypeError,
    check_choice,
    check_integer,
)
from ratiogan.sources import MAX_LEVELS, file_suffix, holds_counts, samples_table
from ratiogan.spec import Spec, parse
from ratiogan.tables import (
    Table,
    TextReader,
    as_table,
    missing_field,
    read_npy,
    read_npz,
)
from ratiogan.twosample.scan import CHUNK

ROWS = 10_000  # drawn from a preset that does not say n


def open_source(source, stdin=None, stdin_format="csv", label="array"):
    """What a user names as a sample, opened but not read.

    Parameters
    ----------
    source : array_like, str, path or Spec
        Rows of samples, a preset, a file, or ``-`` for `stdin`. A preset wins over a file of the
        same name.
    stdin : file object, optional
    stdin_format : str, optional
        ``csv`` or ``npy``.
    label : str, optional
        What to call an array.

    Returns
    -------
    Spec, Rows, or dict
        A preset, rows, or the arrays of a file of counts.

    Raises
    ------
    InputError
        If the source is none of these, or an image.
    """
    if isinstance(source, Spec):
        return source
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if text == "-":
            return _open_stdin(stdin, check_choice("format", stdin_format, ("csv", "npy")))
        if isinstance(source, str) and text.partition(":")[0] in PRESETS:
            return parse(text)
        return _open_file(text)
    return _open_array(source, label)


def split_rows(spec, rows):
    """A preset without its `n`, and how many rows are to be drawn from it: `rows` if it has none.

    Examples
    --------
    >>> from ratiogan.spec import parse
    >>> spec, n = split_rows(parse("normal:sd=2,n=500"), 10_000)
    >>> str(spec), n
    ('normal:sd=2', 500)
    """
    options = {key: value for key, value in spec.options.items() if key != "n"}
    if "n" in spec.options:
        rows = check_integer("n", spec.options["n"], minimum=1)
    spec = Spec(spec.name, options)
    presets.resolved(spec)
    return spec, rows


def _open_stdin(stdin, kind):
    stdin = sys.stdin if stdin is None else stdin
    stdin = getattr(stdin, "buffer", stdin)
    if kind == "npy":
        # The array itself is all that is kept: what is in a pipe cannot be mapped.
        return Rows.of_table(read_npy(io.BytesIO(stdin.read()), "stdin"))
    reader = TextReader(stdin, "stdin", ".csv")
    return Rows(reader.source, reader.heading, None, lambda: _numbered(reader), is_text=True)


def _open_file(path):
    suffix = file_suffix(path)
    if suffix == ".png":
        raise InputError(
            f"{path} is an image, which has no rows.",
            argument="source",
            fix="Pass samples; for two images: ratiogan divergence.",
        )
    if suffix == ".npz":
        arrays = read_npz(path, path)
        return arrays if holds_counts(arrays) else Rows.of_table(samples_table(arrays, path))
    if suffix != ".npy":
        return _open_text(path, suffix)
    table = read_npy(path, path)
    if table.columns[0].dtype.kind in "US" or table.names:
        return Rows.of_table(table)
    heading = _heading(table)

    def mapped(start, stop):
        block = np.load(path, mmap_mode="r", allow_pickle=False)[start:stop]
        return block[:, np.newaxis] if block.ndim == 1 else block

    return Rows(path, heading, table.rows, _read_slices(heading, table.rows, mapped))


def _open_text(path, suffix):
    with _opened(path) as stream:
        heading = TextReader(stream, path, suffix).heading

    def tables():
        with _opened(path) as stream:
            yield from _numbered(TextReader(stream, path, suffix))

    return Rows(path, heading, None, tables, is_text=True)


def _numbered(reader):
    """The tables of a text, each with the number of its first row."""
    start = 0
    for table in reader.blocks():
        yield start, table
        start += table.rows


def _opened(path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", argument="source") from error


def _open_array(source, label):
    """An array, a list of rows, or a data frame (anything with `columns` and `to_numpy`)."""
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        names = [str(name) for name in source.columns]
        parts = [as_table(np.asarray(source[name]), label).columns[0] for name in source.columns]
        return Rows.of_table(Table(label, parts, names, list(range(len(parts)))))
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise InputTypeError(
            f"a sample must be an array with one row per sample: {error}.", argument="source"
        ) from error
    if array.ndim == 0:
        raise InputTypeError(
            f"a sample must be an array, a file or a preset, got {_brief(source)}.",
            argument="source",
            fix="Pass one row per sample.",
        )
    if array.size == 0 and 0 in array.shape[:1]:
        raise CannotMeasure(f"{label} has no rows.", argument="source")
    table = as_table(array, label)
    if array.dtype.kind not in "buif" or array.dtype.names:
        return Rows.of_table(table)
    block = array[:, np.newaxis] if array.ndim == 1 else array
    heading = _heading(table)

    def sliced(start, stop):
        return block[start:stop]

    return Rows(label, heading, len(block), _read_slices(heading, len(block), sliced))


def _brief(value):
    return repr(value) if isinstance(value, (int, float, np.generic)) else type(value).__name__


def _heading(table):
    numbers = list(range(len(table.columns)))
    return Table(table.source, numbers, table.names, numbers)


def _read_slices(heading, rows, read):
    """A function that yields tables of consecutive rows of a two-dimensional array."""

    def tables():
        step = max(1, CHUNK // len(heading.columns))
        for start in range(0, rows, step):
            block = read(start, min(start + step, rows))
            yield start, replace(heading, columns=[block[:, i] for i in heading.numbers])

    return tables


@dataclass
class Rows:
    """An opened table: its heading, and its rows.

    Attributes
    ----------
    source : str
    heading : Table
        Names and numbers of the columns; columns are chosen from it.
    rows : int or None
        Number of rows, None where only the end will tell.
    tables : callable
        Yields (number of the first row, Table).
    is_text : bool
        Whether the rows must be parsed: slow, and from a stream possible once only.
    """

    source: str
    heading: Table
    rows: int | None
    tables: object
    is_text: bool = False

    @classmethod
    def of_table(cls, table):
        """The rows of a table in memory."""
        if table.rows == 0:
            raise CannotMeasure(f"{table.source} has no rows.", argument="source")

        def tables():
            step = max(1, CHUNK // len(table.columns))
            for start in range(0, table.rows, step):
                odd = {(i, r - start): text for (i, r), text in table.odd.items()}
                part = [column[start : start + step] for column in table.columns]
                yield start, replace(table, columns=part, odd=odd)

        return cls(table.source, _heading(table), table.rows, tables)


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
    seen : int
        Rows of the last complete pass.
    dropped : int
        Rows left out in the last pass.
    has_class : bool
        Whether the last column is the class of the row.
    """

    rows: Rows
    numbers: list
    texts: tuple = ()
    nan: str = "refuse"
    labels: np.ndarray | None = None
    words: list = field(default_factory=list)
    dropped: int = 0
    seen: int = 0
    has_class: bool = False
    _missing: int = field(default=0, init=False, repr=False)
    _first: tuple = field(default=None, init=False, repr=False)
    _good: np.ndarray = field(default=0, init=False, repr=False)

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
        self.words = self.words or [None] * len(self.numbers)
        self._missing, self._first, self._good, self.dropped = 0, None, 0, 0
        seen = 0
        for start, table in self.rows.tables():
            chosen = [table.columns[i] for i in self.numbers]
            x = self._encoded(chosen, table)
            if self.labels is not None:
                part = self.labels[start : start + len(x)]
                if len(part) < len(x):
                    self._refuse_labels(None)
                x = np.column_stack([x, part])
            seen += len(x)
            x = self._cleaned(x, table, start)
            if len(x):
                yield x
        if self.labels is not None and len(self.labels) != seen:
            self._refuse_labels(seen)
        self.seen = seen
        self._judge(seen)

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
        x = np.empty((table.rows if table.rows else len(columns[0]), len(columns)))
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
        if self.words[i] is None:
            self.words[i] = {}
        words = self.words[i]
        found, place = np.unique(column, return_inverse=True)
        for word in found.tolist():
            if word and word not in words:
                words[word] = len(words)
        if len(words) > MAX_LEVELS:
            raise InputError(
                f"column {self._name(i)} of {self.rows.source} has more than {MAX_LEVELS} "
                "different texts, a category axis at most that many.",
                argument="columns",
                fix="Leave it out with --columns.",
            )
        codes = np.array([words.get(word, math.nan) for word in found.tolist()])
        return codes[place]

    def _name(self, i):
        numbers = [*self.numbers, "labels"]
        heading = self.rows.heading
        return "labels" if numbers[i] == "labels" else heading.name(numbers[i])

    def _cleaned(self, x, table, start):
        bad = _count_missing(x)
        if not bad:
            self._good = self._good + len(x)
            return x
        finite = np.isfinite(x)
        keep = finite.all(axis=1)
        self._missing += bad
        self._good = self._good + finite.sum(axis=0)
        self.dropped += int(len(x) - keep.sum())
        if self._first is None:
            row = int(np.argmin(keep))
            i = int(np.argmin(finite[row]))
            where = f"row {start + row}" if table.lines is None else f"line {table.lines[row]}"
            self._first = where, self._name(i), self._field(x, table, row, i)
        return x[keep]

    def _field(self, x, table, row, i):
        if i >= len(self.numbers) or table.columns[self.numbers[i]].dtype.kind == "U":
            return ""
        return table.odd.get((self.numbers[i], row), str(float(x[row, i])))

    def _judge(self, seen):
        source = self.rows.source
        if seen == 0:
            raise CannotMeasure(f"{source} has no rows.", argument="source")
        for i, good in enumerate(np.atleast_1d(self._good)):
            if good == 0:
                raise CannotMeasure(
                    f"{source}, column {self._name(i)}: none of the {seen} rows holds a number.",
                    argument="source",
                )
        if self._missing and self.nan == "refuse":
            raise missing_field(source, *self._first, self._missing)
        if self.dropped == seen:
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
