"""Parquet files, read some rows at a time: columns of numbers and texts. pyarrow does it."""

from dataclasses import replace

import numpy as np

from ratiogan.errors import CannotMeasure, InputError
from ratiogan.tables import Table, check_magic, opened, unreadable


class ParquetReader:
    """A .parquet file, read some rows of a row group at a time.

    Columns of text are categories, missing values are NaN or empty. The index that pandas keeps
    beside the columns is none of them.

    Parameters
    ----------
    path : str
    source : str
        The file as the user named it.

    Attributes
    ----------
    heading : Table
        Without rows: to choose columns from.
    rows : int
    groups : int
        Row groups.

    Raises
    ------
    InputError
        If pyarrow is missing, or the file is no such file.
    """

    def __init__(self, path, source):
        self.path, self.source = path, source
        with self._opened() as file:
            schema = file.schema_arrow
            index = (schema.pandas_metadata or {}).get("index_columns", ())
            kept = [field for field in schema if field.name not in index]
            self.rows, self.groups = file.metadata.num_rows, file.num_row_groups
        names = [field.name for field in kept]
        if not names or self.rows == 0:
            raise CannotMeasure(f"{source} has no rows.", argument="source")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"{source} has two columns of the name {twice}.",
                argument="source",
                fix="Rename one of them.",
            )
        numbers = list(range(len(names)))
        self.heading = Table(source, numbers, names, numbers)

    def _opened(self):
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise InputError(
                f"{self.source} needs pyarrow, which cannot be imported ({error}).",
                argument="source",
                fix="Install it: pip install 'ratiogan[dask]'.",
            ) from error
        with opened(self.path, self.source) as stream:
            check_magic(stream, self.source, b"PAR1", ".parquet", "DataFrame.to_parquet")
        try:
            return parquet.ParquetFile(self.path)
        except (ValueError, OSError) as error:  # pyarrow's own are among them
            raise unreadable(self.source, error, "Write it again, completely.") from error

    def tables(self, numbers, groups, size):
        """Yield the tables of some row groups, `size` rows each, None for columns not wanted."""
        names = [self.heading.names[i] for i in numbers]
        with self._opened() as file:
            # Group by group: a batch over two groups would depend on where a part begins.
            for group in groups:
                try:
                    for batch in file.iter_batches(size, row_groups=[group], columns=names):
                        columns = [None] * len(self.heading.names)
                        for number, name in zip(numbers, names, strict=True):
                            columns[number] = self._column(name, batch.column(name))
                        yield replace(self.heading, columns=columns)
                except (ValueError, OSError) as error:
                    if isinstance(error, InputError):
                        raise
                    raise unreadable(self.source, error, "Write it again, completely.") from error

    def _column(self, name, values):
        """One column as numbers or texts."""
        import pyarrow
        from pyarrow import types

        kind = values.type
        inner = kind.value_type if types.is_dictionary(kind) else kind
        if types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner):
            texts = values.cast(pyarrow.string()).fill_null("")
            return texts.to_numpy(zero_copy_only=False).astype(str)
        tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
        if types.is_null(kind) or any(test(inner) for test in tests):
            numbers = values.cast(pyarrow.float64(), safe=False)
            return numbers.to_numpy(zero_copy_only=False)
        raise InputError(
            f"{self.source}, column {name} holds {kind}: numbers or texts are needed.",
            argument="columns",
            fix="Leave it out with --columns.",
        )

    def whole(self):
        """The table, all of it at once."""
        numbers = self.heading.numbers
        parts = list(self.tables(numbers, range(self.groups), max(1, self.rows)))
        columns = [np.concatenate([part.columns[i] for part in parts]) for i in numbers]
        return replace(self.heading, columns=columns)
