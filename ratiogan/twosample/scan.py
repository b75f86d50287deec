"""One pass over the chunks of a sample: what must be known of all rows before they are counted.

Parsed text is kept for the passes that follow; what does not fit in a small buffer goes to a
temporary file.
"""

import math
import os
import tempfile
import weakref

import numpy as np

from ratiogan._jit import jit
from ratiogan.grid import FEW_INTEGERS, MAX_COUNTS, Summary, are_few

CHUNK = 1 << 18  # numbers in one chunk (2 MB)
LOOK = 100_000  # rows from which quartiles are taken

_BUFFER = 1 << 25  # bytes of parsed text that stay in memory


class Spool:
    """Parsed chunks that are needed again: in memory, or in a temporary file if they are many."""

    def __init__(self, columns):
        self.columns = columns
        self._kept = []
        self._size = 0
        self._file = None

    def append(self, chunk):
        """Keep a copy of a chunk (m, columns)."""
        self._kept.append(np.array(chunk, dtype=np.float64, order="C"))
        self._size += chunk.size * 8
        if self._size > _BUFFER:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="ratiogan-")
                weakref.finalize(self, self._file.close)
            self._file.seek(0, os.SEEK_END)
            for part in self._kept:
                self._file.write(part.data)
            self._kept, self._size = [], 0

    def chunks(self):
        """Yield the chunks, as often as asked for."""
        if self._file is not None:
            step = max(1, CHUNK // self.columns) * self.columns * 8
            position = 0
            while True:
                self._file.seek(position)
                data = self._file.read(step)
                if not data:
                    break
                position += len(data)
                yield np.frombuffer(data).reshape(-1, self.columns)
        yield from self._kept


class Scan:
    """Range and kind of every column, gathered in one pass.

    Attributes
    ----------
    rows : int
    low, high : ndarray, shape (columns,)
    """

    def __init__(self, columns):
        self.rows = 0
        self.low, self.high = np.full(columns, math.inf), np.full(columns, -math.inf)
        self._part = [None] * columns
        self._whole = [set() for _ in range(columns)]  # None once they are too many to list

    def add(self, x):
        """Take note of a chunk."""
        self.rows += len(x)
        _extremes(x, self.low, self.high)
        for i in range(x.shape[1]):
            if self._part[i] is None:
                self._note_whole(i, x[:, i])

    def __add__(self, other):
        """What one pass over both samples, one after the other, would have found."""
        both = Scan(len(self.low))
        both.rows = self.rows + other.rows
        both.low, both.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        for i, (mine, others) in enumerate(zip(self._whole, other._whole, strict=True)):
            both._part[i] = other._part[i] if self._part[i] is None else self._part[i]
            whole = None if mine is None or others is None else mine | others
            both._whole[i] = None if whole is None or len(whole) > FEW_INTEGERS else whole
        return both

    def _note_whole(self, i, column):
        parts = column[column != np.floor(column)]
        if parts.size:
            self._part[i] = float(parts[0])
        elif self._whole[i] is not None:
            low, high = column.min(), column.max()
            if high - low < MAX_COUNTS:
                marks = np.bincount((column - low).astype(np.int64))
                self._whole[i].update((np.flatnonzero(marks) + int(low)).tolist())
            if high - low >= MAX_COUNTS or len(self._whole[i]) > FEW_INTEGERS:
                self._whole[i] = None

    def summaries(self, look):
        """A `Summary` per column; `look` is a sample of the rows, shape (m, columns)."""
        return [
            Summary(
                float(self.low[i]),
                float(self.high[i]),
                self.rows,
                self._part[i],
                self._is_few(i),
                np.ascontiguousarray(look[:, i]),
            )
            for i in range(look.shape[1])
        ]

    def _is_few(self, i):
        whole = self._whole[i]
        if self._part[i] is not None or whole is None:
            return False
        return are_few(self.high[i] - self.low[i], len(whole), self.rows)


def strata(rows, k, rng):
    """Places of `k` rows, one in each of `k` equal stretches of `rows`, at random; None for all.

    Every row is as likely as any other, and no list of `rows` numbers is made.
    """
    if k >= rows:
        return None
    wanted = np.floor((np.arange(k) + rng.random(k)) * (rows / k)).astype(np.int64)
    return np.minimum(wanted, rows - 1)


def picked(chunks, wanted):
    """A list of arrays with the rows at the places `wanted`, which increase; None for all."""
    if wanted is None:
        return [np.array(chunk) for chunk in chunks]
    parts, start = [], 0
    for chunk in chunks:
        first, last = np.searchsorted(wanted, [start, start + len(chunk)])
        if last > first:
            parts.append(chunk[wanted[first:last] - start])
        start += len(chunk)
    return parts


def _extremes(x, low, high):
    """Lower `low` and raise `high` to the columns of x, which are finite. Modified in place."""
    if x.shape[1] == 1:
        low[0], high[0] = min(low[0], x.min()), max(high[0], x.max())
    else:
        _extremes_kernel(np.ascontiguousarray(x), low, high)


@jit
def _extremes_kernel(x, low, high):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j]
            low[j] = min(low[j], value)
            high[j] = max(high[j], value)
