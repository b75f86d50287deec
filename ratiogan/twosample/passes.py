"""Passes over the rows of samples: their ranges, some of the rows, counts on cells.

`Here` makes them in this process; `cluster.counts` has the same three on workers.
"""

from dataclasses import dataclass

import numpy as np

from ratiogan.errors import InputError
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.rows import is_lazy
from ratiogan.twosample.scan import Scan, Spool, picked


class Stream:
    """The rows of one source as chunks, as often as asked for, seen through some steps.

    Parameters
    ----------
    reading : Reading
    steps : tuple of callables
        Each is called as ``step(chunk, reading)`` and returns another chunk.
    again : callable, optional
        Yields the chunks before the steps, where that is not ``reading.chunks``.
    """

    def __init__(self, reading, steps=(), again=None):
        self.reading = reading
        self.steps = steps
        self.sizes = ()  # rows in use of each part, once workers have scanned them
        self._again = again

    def through(self, *steps):
        """The same rows, seen through more steps."""
        stream = Stream(self.reading, (*self.steps, *steps), self._again)
        stream.sizes = self.sizes
        return stream

    def chunks(self):
        """Yield float64 arrays (m, columns), in order."""
        for chunk in self.reading.chunks() if self._again is None else self._again():
            for step in self.steps:
                chunk = step(chunk, self.reading)
            yield chunk

    def scan(self, progress=None):
        """The `Scan` of all rows; parsed text is kept for the passes that follow."""
        reading = self.reading
        if not reading.rows.is_text or self._again is not None:
            return scan_of(self.chunks(), reading.rows.rows, progress)
        spool = Spool(reading.width)

        def kept():
            for chunk in reading.chunks():
                spool.append(chunk)
                yield chunk

        self._again = kept
        try:
            return scan_of(self.chunks(), None, progress)
        finally:
            self._again = spool.chunks


def scan_of(chunks, rows=None, progress=None):
    """The `Scan` of some chunks, None if there are none."""
    scan = None
    for chunk in chunks:
        scan = Scan(chunk.shape[1]) if scan is None else scan
        scan.add(chunk)
        if progress is not None:
            progress.rows(scan.rows, rows, "rows read")
    return scan


@dataclass(frozen=True)
class Columns:
    """A step: some of the columns."""

    chosen: tuple

    def __call__(self, chunk, reading):
        if self.chosen == tuple(range(chunk.shape[1])):
            return chunk
        return np.ascontiguousarray(chunk[:, self.chosen])


@dataclass(frozen=True)
class Levels:
    """A step: texts become the numbers of their levels, -1 where they are none of them.

    Parameters
    ----------
    levels : tuple of tuple of str
        Per column; () where the levels are numbers.
    names : tuple of str
    """

    levels: tuple
    names: tuple

    def __call__(self, chunk, reading):
        if not any(reading.words):
            return chunk
        chunk = np.array(chunk)
        for i, (levels, words) in enumerate(zip(self.levels, reading.words, strict=False)):
            if words is None:
                continue
            if not levels:
                raise InputError(
                    f"column {self.names[i]} holds text in {reading.rows.source}, the cells are "
                    "numbers.",
                    argument="grid",
                    fix="Leave it out with --columns.",
                )
            chunk[:, i] = level_numbers(words, levels)[chunk[:, i].astype(np.int64)]
        return chunk


def level_numbers(words, levels):
    """The number of each word among the levels, -1 where it is none."""
    place = {name: float(number) for number, name in enumerate(levels)}
    return np.array([place.get(word, -1.0) for word in words])


class Here:
    """Passes in this process, source after source.

    Attributes
    ----------
    notes : list of str
        What happened on the way; here nothing ever does.
    """

    def __init__(self):
        self.notes = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def scans(self, streams, progress=None):
        """The `Scan` of each stream."""
        return [stream.scan(progress) for stream in streams]

    def picks(self, streams, wanted):
        """The rows of each stream at the places wanted (see `scan.strata`), as one array."""
        return [
            np.concatenate(picked(stream.chunks(), places))
            for stream, places in zip(streams, wanted, strict=True)
        ]

    def counts(self, streams, grid, progress=None):
        """The counts of all streams together."""
        total = None
        for stream in streams:
            rows = stream.reading.rows
            counts = Counts(grid, rows.source)
            for chunk in stream.chunks():
                counts.add(chunk)
                if progress is not None:
                    progress.rows(counts.rows, rows.rows, "rows counted")
            total = counts if total is None else total + counts
        return total


def passes_over(sources, scheduler=None, checkpoint=None):
    """Who makes the passes: this process, or workers where a scheduler says so.

    Dask collections among the sources are computed by the Dask client that is active, or by Dask's
    threads, also where no scheduler is named.

    Returns
    -------
    Here or Workers or Threads
        A context, which ends what was started for it.

    Raises
    ------
    InputError
        If there is a checkpoint without a scheduler, or the scheduler cannot be used.
    """
    if scheduler is None and checkpoint is not None:
        raise InputError(
            "checkpoint keeps what workers have finished, and no scheduler is named.",
            argument="checkpoint",
            fix="Add --scheduler local:2, or leave it out.",
        )
    if scheduler is None and not any(is_lazy(source) for source in sources):
        return Here()
    from ratiogan.cluster.counts import passes_on

    return passes_on(scheduler, checkpoint)
