"""Sources of any length, read a chunk of rows at a time: memory does not grow with the rows.

A file in NumPy's format is mapped anew for every chunk, so that the pages of the last one do not
count; text is parsed block by block.
"""

import io
import os
import sys
from dataclasses import dataclass, replace

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import PRESETS
from ratiogan.errors import (
    CannotMeasure,
    InputError,
    InputTypeError,
    check_choice,
    check_integer,
)
from ratiogan.grid import plural
from ratiogan.parquet import ParquetReader
from ratiogan.sources import file_suffix, holds_counts, samples_table
from ratiogan.spec import Spec, parse
from ratiogan.tables import (
    Table,
    TextReader,
    as_table,
    opened,
    read_npy,
    read_npz,
    shorten,
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
        return open_file(text)
    if is_lazy(source):
        return _open_lazy(source, label)
    return _open_array(source, label)


def is_lazy(source):
    """Whether a source is a Dask array or data frame: rows that are computed when asked for."""
    return hasattr(source, "__dask_graph__")


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
    return Rows(reader.source, reader.heading, None, lambda *_: reader.blocks(), is_text=True)


def open_file(path, source=None):
    """The rows of a file, or the arrays of a file of counts.

    Parameters
    ----------
    path : str
    source : str, optional
        What messages call it, where that is not `path`.

    Returns
    -------
    Rows or dict
    """
    source = path if source is None else source
    suffix = file_suffix(path)
    if suffix == ".png":
        raise InputError(
            f"{source} is an image, which has no rows.",
            argument="source",
            fix="Pass samples; for two images: ratiogan divergence.",
        )
    if suffix == ".npz":
        arrays = read_npz(path, source)
        if holds_counts(arrays):
            return arrays
        return replace(Rows.of_table(samples_table(arrays, source)), origin=path)
    if suffix == ".parquet":
        return _open_parquet(path, source)
    if suffix != ".npy":
        return _open_text(path, source, suffix)
    table = read_npy(path, source)
    if table.columns[0].dtype.kind in "US" or table.names:
        return replace(Rows.of_table(table), origin=path)

    def mapped(start, stop):
        block = np.load(path, mmap_mode="r", allow_pickle=False)[start:stop]
        return block[:, np.newaxis] if block.ndim == 1 else block

    return replace(_sliced(_heading(table), table.rows, mapped), origin=path)


def _open_text(path, source, suffix):
    with opened(path, source) as stream:
        heading = TextReader(stream, source, suffix).heading

    def tables(*_):
        with opened(path, source) as stream:
            yield from TextReader(stream, source, suffix).blocks()

    return Rows(source, heading, None, tables, is_text=True, origin=path)


def _open_parquet(path, source):
    reader = ParquetReader(path, source)

    def tables(numbers, first, last):
        step = max(1, CHUNK // max(1, len(numbers)))
        return reader.tables(numbers, range(first, last), step)

    return Rows(source, reader.heading, reader.rows, tables, pieces=reader.groups, origin=path)


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
    return _sliced(_heading(table), len(block), lambda start, stop: block[start:stop])


def _brief(value):
    return repr(value) if isinstance(value, (int, float, np.generic)) else type(value).__name__


def _heading(table):
    numbers = list(range(len(table.columns)))
    return Table(table.source, numbers, table.names, numbers)


def _sliced(heading, rows, read):
    """The rows of a two-dimensional array, of which `read` gets a stretch: a piece per chunk."""
    step = max(1, CHUNK // len(heading.columns))

    def tables(numbers, first, last):
        for start in range(first * step, min(last * step, rows), step):
            block = read(start, min(start + step, rows))
            yield replace(heading, columns=[block[:, i] for i in heading.numbers])

    return Rows(heading.source, heading, rows, tables, pieces=max(1, -(-rows // step)))


# ---- Dask's collections: nothing of Dask is imported for them ------------------------------------


def _open_lazy(collection, label):
    """A Dask array or data frame: a piece per partition, computed when it is asked for."""
    kind = type(collection)  # a Delayed itself has any attribute
    if hasattr(kind, "columns"):
        collection = collection.to_frame() if collection.ndim == 1 else collection
        names = [str(name) for name in collection.columns]
        # A partition alone cannot tell: its texts may all be missing, or look like numbers.
        texts = [i for i, dtype in enumerate(collection.dtypes) if _is_text(dtype)]
        rows, width, token = None, len(names), collection._name
    elif hasattr(kind, "rechunk"):
        rows, *others = collection.shape or (None,)
        rows = None if rows != rows else rows
        # An array of that shape and type, of no size: refused as any other would be.
        as_table(np.broadcast_to(np.zeros((), collection.dtype), (1, *others)), label)
        if others:
            collection = collection.rechunk({1: -1})
        names, texts, token = None, (), collection.name
        width = others[0] if others else 1
    else:
        raise InputTypeError(
            f"a sample must be a Dask array or data frame, got {_brief(collection)}.",
            argument="source",
            fix="Pass one row per sample.",
        )
    numbers = list(range(width))
    heading = Table(label, numbers, names, numbers)
    partitions = list(np.ravel(collection.to_delayed()))

    def tables(numbers, first, last):
        for number in range(first, last):
            value = partitions[number].compute()
            yield from partition_tables(value, number, heading, texts)

    return Rows(
        label,
        heading,
        rows,
        tables,
        pieces=len(partitions),
        partitions=partitions,
        texts=tuple(texts),
        name=token,
    )


def _is_text(dtype):
    categories = getattr(dtype, "categories", None)
    return getattr(dtype if categories is None else categories.dtype, "kind", "O") in "OUST"


def partition_tables(value, number, heading, texts):
    """The tables of one partition of a Dask collection, which may be empty.

    Parameters
    ----------
    value : ndarray or data frame
    number : int
        Which partition it is.
    heading : Table
        Of the whole collection.
    texts : sequence of int
        Its columns of text.

    Raises
    ------
    InputError
        If the partition has other columns.
    """
    names = [str(name) for name in value.columns] if hasattr(value, "columns") else None
    width = len(names) if names else 1 if value.ndim == 1 else value.shape[1]
    if names != heading.names or width != len(heading.columns):
        known = heading.names or plural(len(heading.columns), "column")
        found = names or plural(width, "column")
        raise InputError(
            f"partition {number} of {heading.source} has {_said(found)}, the first {_said(known)}.",
            argument="source",
            fix="Give all partitions the same columns.",
        )
    if not len(value):
        return
    if names is None:
        table = as_table(value, heading.source)
    else:
        columns = [value.iloc[:, i] for i in range(width)]
        columns = [
            _texts(column)
            if i in texts
            else as_table(np.asarray(column), heading.source).columns[0]
            for i, column in enumerate(columns)
        ]
        table = replace(heading, columns=columns)
    yield from Rows.of_table(table).tables()


def _said(columns):
    return columns if isinstance(columns, str) else f"the columns {shorten(columns)}"


def _texts(column):
    """A column of a data frame as texts, empty where it has none."""
    missing, values = np.asarray(column.isna()), np.asarray(column, dtype=object)
    texts = ["" if m else str(v) for v, m in zip(values.tolist(), missing.tolist(), strict=True)]
    return np.array(texts, dtype=str)


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
        ``tables(numbers, first, last)`` yields the tables of some of the pieces; columns other than
        `numbers` may be missing.
    is_text : bool
        Whether the rows must be parsed: slow, and from a stream possible once only.
    pieces : int
        Parts that can be read by themselves.
    origin : str or None
        The file, if it is one: it can be opened elsewhere.
    partitions : list or None
        Those of a Dask collection, a piece each.
    texts : tuple of int
        Columns that are read as texts whatever they look like.
    name : str
        What tells a Dask collection from others.
    """

    source: str
    heading: Table
    rows: int | None
    tables: object
    is_text: bool = False
    pieces: int = 1
    origin: str | None = None
    partitions: list | None = None
    texts: tuple = ()
    name: str = ""

    @classmethod
    def of_table(cls, table):
        """The rows of a table in memory."""
        if table.rows == 0:
            raise CannotMeasure(f"{table.source} has no rows.", argument="source")

        def tables(*_):
            step = max(1, CHUNK // len(table.columns))
            for start in range(0, table.rows, step):
                odd = {(i, r - start): text for (i, r), text in table.odd.items()}
                part = [column[start : start + step] for column in table.columns]
                yield replace(table, columns=part, odd=odd)

        return cls(table.source, _heading(table), table.rows, tables)
