"""Tables from files: rows are samples, columns are features, numbers or texts.

CSV, TSV and TXT with an optional header, NPY and NPZ without pickles. Every field that is no number
is kept in mind with its line, so that a refusal can say where it is.
"""

import csv
import io
import zipfile
import zlib
from dataclasses import dataclass, field, replace

import numpy as np

from ratiogan.errors import CannotMeasure, InputError, nearest
from ratiogan.spec import format_number

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")

_BLOCK = 1 << 22  # bytes of text read at once

_READ_ERRORS = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)

# Spellings of a missing number; they do not vote on whether a column is text.
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}


@dataclass(frozen=True)
class Table:
    """Columns of one file.

    Attributes
    ----------
    source : str
        The file as the user named it.
    columns : list of ndarray, shape (rows,)
        Numbers, NaN where the field is none, or texts, empty where the field is.
    names : list of str or None
        The header.
    numbers : list of int
        0-based numbers of the columns in the file.
    lines : ndarray or None
        Line of each row in a text file.
    odd : dict
        (number of the column, row): the text of a field that is no number.
    """

    source: str
    columns: list
    names: list | None = None
    numbers: list = field(default_factory=list)
    lines: np.ndarray | None = None
    odd: dict = field(default_factory=dict)

    @property
    def rows(self):
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def name(self, i):
        """Column `i` as the user knows it: by its name, or its number in the file."""
        return self.names[i] if self.names else str(self.numbers[i])

    def select(self, wanted):
        """The columns with these names or 0-based numbers, in this order."""
        if wanted is None:
            return self
        wanted = wanted.split(",") if isinstance(wanted, str) else wanted
        chosen = [self._find(str(item).strip()) for item in wanted]
        if len(set(chosen)) < len(chosen):
            raise InputError(
                f"columns names one column of {self.source} twice.", argument="columns"
            )
        return self.take(chosen)

    def take(self, chosen):
        """The columns at these places."""
        return replace(
            self,
            columns=[self.columns[i] for i in chosen],
            names=self.names and [self.names[i] for i in chosen],
            numbers=[self.numbers[i] for i in chosen],
        )

    def _find(self, wanted):
        if self.names and wanted in self.names:
            return self.names.index(wanted)
        if wanted.isdecimal() and int(wanted) < len(self.columns):
            return int(wanted)
        near = nearest(wanted, self.names or [])
        known = self.names or [str(number) for number in self.numbers]
        raise InputError(
            f'{self.source} has no column "{wanted}".',
            argument="columns",
            fix=f"Nearest: {', '.join(near)}." if near else f"It has {shorten(known)}.",
        )

    def with_categories(self, wanted):
        """The same, with these columns as texts: 1.0 becomes "1"."""
        columns = list(self.columns)
        for i in [self._find(str(item)) for item in wanted]:
            if columns[i].dtype.kind != "U":
                texts = [format_number(v) if v == v else "" for v in columns[i].tolist()]
                columns[i] = np.array(texts, dtype=str)
        return replace(self, columns=columns)

    def without_missing(self, nan):
        """Rows without a missing field, and how many were dropped; NaN is refused unless `drop`.

        Raises
        ------
        InputError
            At the first missing field, with its line, its column and the number of such fields.
        CannotMeasure
            If no row, or no row without NaN, is there.
        """
        if self.rows == 0:
            raise CannotMeasure(f"{self.source} has no rows.", argument="source")
        missing = [
            column == "" if column.dtype.kind == "U" else ~np.isfinite(column)
            for column in self.columns
        ]
        for i, mask in enumerate(missing):
            if mask.all():
                raise CannotMeasure(
                    f"{self.source}, column {self.name(i)}: none of the {self.rows} rows holds "
                    "a number.",
                    argument="source",
                )
        bad = np.logical_or.reduce(missing)
        if not bad.any():
            return self, 0
        if nan == "refuse":
            self._refuse(missing, bad)
        if bad.all():
            raise CannotMeasure(
                f"{self.source} has no row without NaN or empty fields.", argument="source"
            )
        return replace(self, columns=[column[~bad] for column in self.columns]), int(bad.sum())

    def _refuse(self, missing, bad):
        row = int(np.argmax(bad))
        i = next(i for i, mask in enumerate(missing) if mask[row])
        value = self.columns[i][row]
        text = self.odd.get((self.numbers[i], row), str(value))
        total = int(sum(mask.sum() for mask in missing))
        where = f"row {row}" if self.lines is None else f"line {self.lines[row]}"
        raise missing_field(self.source, where, self.name(i), text, total)


def missing_field(source, where, column, text, total):
    """The refusal of the first of `total` fields that hold no finite number."""
    if text in ("inf", "-inf"):
        what = f'"{text}" is not finite'
    else:
        what = f'"{text}" is not a number' if text else "the field is empty"
    plural = "" if total == 1 else "s"
    return InputError(
        f"{source} {where}, column {column}: {what}; {total} such field{plural}.",
        argument="nan",
        fix="Pass --nan drop to leave those rows out.",
    )


def read_text_file(path, suffix):
    """`read_text` of a file."""
    with opened(path, path) as stream:
        return read_text(stream.read(), path, suffix)


def read_text(data, source, suffix):
    """A table from the bytes of a CSV, TSV or TXT file.

    The first line is a header if none of its fields is a number. A column is text if fewer than
    half of its fields (``n/a`` and the like left aside) are numbers. Fields are separated by commas
    (.csv; semicolons if the first line has no comma), tabs (.tsv), or whatever of tab, comma,
    semicolon and spaces the first line shows (.txt). Blank lines are skipped.
    """
    return TextReader(io.BytesIO(data), source, suffix, size=max(1, len(data))).whole()


class TextReader:
    """A CSV, TSV or TXT file, read a block of rows at a time, as `read_text` reads all of it.

    The first block (4 MB) decides which columns are text.

    Parameters
    ----------
    stream : binary or text file
    source : str
        The file as the user named it.
    suffix : str
    size : int, optional
        Bytes per block.

    Attributes
    ----------
    names : list of str or None
        The header.
    width : int
        Number of columns.

    Raises
    ------
    InputError, CannotMeasure
        If it is no text, or has no rows.

    Examples
    --------
    >>> reader = TextReader(io.BytesIO(b"a,b\\n1,x\\n2,y\\n"), "ab.csv", ".csv")
    >>> reader.names, [table.columns[0].tolist() for table in reader.blocks()]
    (['a', 'b'], [[1.0, 2.0]])
    """

    def __init__(self, stream, source, suffix, size=_BLOCK):
        self.source = source
        self._texts = None
        self._blocks = self._decoded(stream, size)
        self._first = next((block for block in self._blocks if block[0].strip()), None)
        if self._first is None:
            raise CannotMeasure(f"{source} has no rows.", argument="source")
        start = next(line for line in io.StringIO(self._first[0]) if line.strip())
        self._separator = _separator(start.rstrip("\r\n"), suffix)
        first = _split(start.rstrip("\r\n"), self._separator)
        self.width = len(first)
        has_header = not any(_is_number(item) for item in first) and any(first)
        self.names = _header_names(first) if has_header else None

    def _decoded(self, stream, size):
        """Pairs (text, line before it) of whole rows."""
        line, encoding = 0, "utf-8-sig"
        for block in _whole_rows(stream, size):
            try:
                text = block.decode(encoding)
            except UnicodeDecodeError:
                raise InputError(
                    f"{self.source} is not a text file in UTF-8.",
                    argument="source",
                    fix="Check the suffix, or save it as UTF-8.",
                ) from None
            yield text.rstrip("\r\n"), line
            line, encoding = line + block.count(b"\n"), "utf-8"

    @property
    def heading(self):
        """A table without rows: to choose columns from. Its columns are their numbers."""
        numbers = list(range(self.width))
        return Table(self.source, numbers, self.names, numbers)

    def blocks(self):
        """The tables, one after the other; can be run through once."""
        yield self._table(*self._first, has_header=self.names is not None)
        self._first = None
        for text, line in self._blocks:
            if text.strip():
                yield self._table(text, line, has_header=False)

    def whole(self):
        """The table, where one block holds all."""
        return next(self.blocks())

    def _table(self, text, line, has_header):
        numbers = list(range(self.width))
        if not self._texts:
            values = _plain_numbers(text, self._separator, has_header, self.width)
            if values is not None:
                self._texts = frozenset()
                return Table(self.source, [values[:, i] for i in numbers], self.names, numbers)
        rows, lines = _fields(text, self._separator, self.source, self.width, line)
        rows, lines = rows[has_header:], lines[has_header:]
        table = Table(self.source, [], self.names, numbers, np.array(lines, dtype=np.int64))
        for i in numbers:
            is_text = None if self._texts is None else i in self._texts
            table.columns.append(_column([row[i] for row in rows], i, table.odd, is_text))
        if self._texts is None:
            self._texts = frozenset(i for i in numbers if table.columns[i].dtype.kind == "U")
        return table


def _whole_rows(stream, size):
    """Blocks of bytes that end where a row does: at a line's end, but not within quotes."""
    rest = b""
    while True:
        data = stream.read(size)
        data = data.encode() if isinstance(data, str) else data
        if not data:
            break
        if rest:
            cut = _row_end(rest)
            if not cut and len(rest) > 8 * size:
                # A lone quote in the middle of a field is no bracket: any line's end will do.
                cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
        rest += data
    if rest:
        yield rest


def _row_end(block):
    """Where the last whole row of a block ends; 0 if none does."""
    cut = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, cut)
    while cut and quotes % 2:
        before = block.rfind(b"\n", 0, cut - 1) + 1
        quotes -= block.count(b'"', before, cut)
        cut = before
    return cut


def read_npy(file, source):
    """A table from a .npy file: a path (the array is mapped, not read) or an open binary file."""
    if isinstance(file, str):
        with opened(file, source) as stream:
            check_magic(stream, source, b"\x93NUMPY", ".npy", "numpy.save")
    else:
        check_magic(file, source, b"\x93NUMPY", ".npy", "numpy.save")
    try:
        array = np.load(file, mmap_mode="r" if isinstance(file, str) else None, allow_pickle=False)
    except _READ_ERRORS as error:
        raise unreadable(source, error) from error
    return as_table(array, source)


def read_npz(path, source):
    """All arrays of a .npz file, by name."""
    with opened(path, source) as stream:
        check_magic(stream, source, b"PK", ".npz", "numpy.savez")
        try:
            archive = np.load(stream, allow_pickle=False)
            return {name: archive[name] for name in archive.files}
        except _READ_ERRORS as error:
            raise unreadable(source, error) from error


def as_table(array, source):
    """A table from an array (n,) or (n, d) of numbers or texts, or of records with such fields.

    Python objects are read as the fields of a text file are: numbers, texts, or missing (None).
    """
    if array.dtype.names and array.ndim == 1:
        parts = [as_table(array[name], source) for name in array.dtype.names]
        columns = [column for part in parts for column in part.columns]
        if len(columns) == len(parts):
            return Table(source, columns, list(array.dtype.names), list(range(len(columns))))
    if array.ndim not in (1, 2) or array.dtype.kind not in "buifUSO" or 0 in array.shape[1:]:
        fix = "Save such an array, one row per sample."
        if array.ndim > 2 and array.dtype.kind in "buif":
            fix = "Flatten each sample: x.reshape(len(x), -1)."
        raise InputError(
            f"{source} holds an array of {array.dtype} with shape {array.shape}: numbers or texts "
            "of shape (rows, columns) are needed.",
            argument="source",
            fix=fix,
        )
    array = array[:, np.newaxis] if array.ndim == 1 else array
    numbers = list(range(array.shape[1]))
    if array.dtype.kind == "S":
        array = array.astype(str)
    if array.dtype.kind == "O":
        odd = {}
        texts = [["" if v is None else str(v) for v in array[:, i]] for i in numbers]
        columns = [_column(column, i, odd) for i, column in enumerate(texts)]
        return Table(source, columns, None, numbers, odd=odd)
    return Table(source, [array[:, i] for i in numbers], None, numbers)


def listed(wanted):
    """Names from a text with commas, or from a list of names and numbers.

    Examples
    --------
    >>> listed("age, city"), listed(["age", 3]), listed(None)
    (['age', 'city'], ['age', '3'], [])
    """
    items = wanted.split(",") if isinstance(wanted, str) else wanted or ()
    return [str(item).strip() for item in items]


def shorten(names, most=8):
    """Names joined by commas, the first few of many."""
    return ", ".join(names[:most]) + (f", ... ({len(names)})" if len(names) > most else "")


def opened(path, source):
    """An open binary file, or a refusal that calls it `source`."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(
            f"{source} cannot be read: {error.strerror}.", argument="source"
        ) from error


def check_magic(stream, source, magic, suffix, writer):
    """Refuse a file that is not what its suffix says, before NumPy takes it for a pickle."""
    head = stream.read(len(magic))
    stream.seek(0)
    if head != magic:
        raise InputError(
            f"{source} is not a {suffix} file.",
            argument="source",
            fix=f"Check the suffix, or save it with {writer}.",
        )


def unreadable(
    source, error, fix="Save numbers or texts (not Python objects) with numpy, completely."
):
    """The refusal of a file that a library cannot read."""
    return InputError(
        f"{source} cannot be read: {str(error).rstrip('.') or type(error).__name__}.",
        argument="source",
        fix=fix,
    )


def _separator(line, suffix):
    """The character between fields; None for blanks."""
    if suffix == ".tsv":
        return "\t"
    if suffix == ".csv":
        return ";" if ";" in line and "," not in line else ","
    return next((mark for mark in "\t,;" if mark in line), None)


def _split(line, separator):
    if separator is None:
        return line.split()
    return [item.strip() for item in next(csv.reader([line], delimiter=separator))]


def _header_names(first):
    return [name or str(i) for i, name in enumerate(first)]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain_numbers(text, separator, has_header, width):
    """All rows at once where every field is a finite number, else None."""
    blank = len(text) - len(text.lstrip("\r\n"))
    body = io.StringIO(text[blank:])
    if has_header:
        body.readline()
    if blank + body.tell() == len(text):
        return np.empty((0, width))
    try:
        values = np.loadtxt(body, delimiter=separator, comments=None, quotechar='"', ndmin=2)
    except ValueError:
        return None
    if values.size == 0 or values.shape[1] != width or not np.all(np.isfinite(values)):
        return None
    return values


def _fields(text, separator, source, width, before=0):
    """Fields of every row, and its line, counted on from `before`; blank lines are skipped."""
    rows, lines = [], []
    try:
        if separator is None:
            numbered = ((line.split(), i) for i, line in enumerate(text.splitlines(), 1))
        else:
            reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
            numbered = (([item.strip() for item in row], reader.line_num) for row in reader)
        for row, line in numbered:
            if not row or (len(row) == 1 and not row[0] and width > 1):
                continue
            if len(row) != width:
                raise InputError(
                    f"{source} line {before + line} has {len(row)} fields, the first line {width}.",
                    argument="source",
                    fix="Make all rows equally long.",
                )
            rows.append(row)
            lines.append(before + line)
    except csv.Error as error:
        raise InputError(
            f"{source} line {before + reader.line_num} cannot be read: {error}.", argument="source"
        ) from error
    return rows, lines


def _column(texts, number, odd, is_text=None):
    """A column as numbers or as texts; fields that are no numbers are noted in `odd`.

    Where `is_text` does not say which, the fields vote.
    """
    if is_text:
        return np.array(texts, dtype=str)
    values = np.empty(len(texts))
    strange = {}
    for row, text in enumerate(texts):
        try:
            values[row] = float(text)
        except ValueError:
            values[row] = np.nan
            strange[row] = text
    words = sum(text.lower() not in _MISSING for text in strange.values())
    if is_text is None and words > len(texts) - len(strange):
        return np.array(texts, dtype=str)
    odd.update({(number, row): text for row, text in strange.items()})
    return values
