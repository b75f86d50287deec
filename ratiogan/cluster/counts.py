"""Passes over samples on workers: a task per part of a file or partition of a Dask collection.

Every part gives what `twosample.passes.Here` would have found in it, and the parts are put together
in the order of their rows: the results are those of one process, byte for byte, errors included.
"""

import hashlib
import itertools
import operator
import os
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from ratiogan.cluster.connection import check_scheduler, open_connection
from ratiogan.cluster.tasks import (
    Store,
    TaskFailed,
    add_pairs,
    open_folder,
    run_tasks,
    sent_once,
    sum_tasks,
)
from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.twosample.accumulate import Counts, joined_labels
from ratiogan.twosample.passes import Here, Stream, scan_of
from ratiogan.twosample.reading import Reading, Tally
from ratiogan.twosample.rows import Rows, open_file, partition_tables
from ratiogan.twosample.scan import picked

PART_BYTES = 1 << 26  # of a file that is read by one task; what cannot be split is read whole


def passes_on(scheduler=None, checkpoint=None):
    """Who makes the passes of a scheduler; None is the active Dask client, or Dask's threads.

    Raises
    ------
    InputError
        As `connection.connected` does, or if `checkpoint` is no folder for it.
    """
    if scheduler is not None:
        return Workers(check_scheduler(scheduler), checkpoint)
    try:
        from distributed import get_client

        client = get_client()
    except (ImportError, ValueError):  # not installed; no client is active
        return Threads()
    return Workers(client, takes_files=False)


# ---- what runs on a worker -----------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """Some pieces of a source, and how to read them: all that a worker is told.

    Attributes
    ----------
    path : str or None
        The file, None for a partition of a Dask collection, whose value is handed over beside it.
    heading : Table
        Of the whole source, which must be that of the part.
    first, last : int
        The pieces.
    numbers, texts, nan
        As in `Reading`.
    steps : tuple
        As in `Stream`.
    """

    path: str | None
    heading: object
    first: int
    last: int
    numbers: tuple
    texts: tuple
    nan: str
    steps: tuple

    def stream(self, value):
        """The rows of the part, not judged."""
        rows = self._rows_of_value(value) if self.path is None else self._rows_of_file()
        reading = Reading(rows, list(self.numbers), self.texts, self.nan)
        return Stream(reading, self.steps, lambda: reading.some_chunks(self.first, self.last))

    def _rows_of_value(self, value):
        def tables(numbers, first, last):
            return partition_tables(value, first, self.heading, self.texts)

        return Rows(self.heading.source, self.heading, None, tables)

    def _rows_of_file(self):
        source = self.heading.source
        if not os.access(self.path, os.R_OK):
            raise InputError(
                f"{source}: the worker {_worker()} cannot read {self.path}.",
                argument="source",
                fix="Put it where all workers see it, under the same path.",
            )
        rows = open_file(self.path, source)
        found = getattr(rows, "heading", None)
        if found is None or (found.names, found.numbers) != (
            self.heading.names,
            self.heading.numbers,
        ):
            raise InputError(
                f"{source}: the worker {_worker()} finds another table in {self.path}.",
                argument="source",
                fix="Let all machines see the same files.",
            )
        return rows


def _worker():
    from distributed import get_worker

    try:
        return get_worker().address
    except ValueError:  # Dask's threads
        return "here"


@dataclass(frozen=True)
class Note:
    """What a task says of its part.

    Attributes
    ----------
    tally : Tally
    words : list of (dict or None)
        As in `Reading`.
    found : object
        The scan, or the rows picked.
    refusal : InputError or None
        Why it could not be read: returned, since what a task raises is tried again.
    """

    tally: Tally = None
    words: list = ()
    found: object = None
    refusal: InputError | None = None


def scan_part(part, value):
    """The scan of a part."""
    return _noted(part, value, lambda stream: scan_of(stream.chunks()))


def pick_part(part, wanted, value):
    """A list of arrays with some of the rows of a part."""
    return _noted(part, value, lambda stream: picked(stream.chunks(), wanted))


def count_part(part, grid, value):
    """A note, and the counts of a part on the cells of a grid, those outside the last of them."""
    counts = Counts(grid, part.heading.source)

    def count(stream):
        for chunk in stream.chunks():
            counts.add(chunk)

    note = _noted(part, value, count)
    return note, np.append(counts.counts.ravel(), counts.outside)


def _noted(part, value, question):
    try:
        stream = part.stream(value)
        found = question(stream)
    except InputError as refusal:
        return Note(refusal=refusal)
    return Note(stream.reading.tally, stream.reading.words, found)


# ---- what puts the parts together ----------------------------------------------------------------


class _Merge:
    """Notes of all parts, taken in the order of the rows however they come."""

    def __init__(self, parts, progress, what):
        self.found = {}  # number of the part -> what was found
        self._parts = parts
        self._progress, self._what = progress, what
        self._waiting = {}
        self._next = self._done = 0

    def __call__(self, number, note):
        self._waiting[number] = note
        self._done += 1
        if self._progress is not None:
            self._progress.rows(self._done, len(self._parts), self._what)
        while self._next in self._waiting:
            self._take(self._next, self._waiting.pop(self._next))
            self._next += 1

    def _take(self, number, note):
        if note.refusal is not None:
            raise note.refusal
        stream, part = self._parts[number]
        reading = stream.reading
        reading.tally = note.tally if part.first == 0 else reading.tally + note.tally
        for i, words in enumerate(note.words):
            if words is not None:
                reading.learn(i, words)
        self.found[number] = note.found
        if part.last == reading.rows.pieces:
            rows = reading.rows.rows
            if rows not in (None, reading.tally.seen):
                raise InputError(
                    f"the workers find {reading.tally.seen} rows in {reading.rows.source}, here it "
                    f"has {rows}.",
                    argument="source",
                    fix="Let all machines see the same files.",
                )
            reading.judge()


class _Elsewhere:
    """The passes of `Here`, made elsewhere for sources that can be read there."""

    def __init__(self, takes_files):
        self.notes = []
        self._here = Here()
        self._takes_files = takes_files

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def scans(self, streams, progress=None):
        """The `Scan` of each stream."""
        parts = self._parts(streams)
        found = self._run(scan_part, parts, [()] * len(parts), progress, "parts read")
        own = _by_stream(parts, found)
        scans = []
        for stream in streams:
            if stream not in own:
                scans.extend(self._here.scans([stream], progress))
                continue
            stream.sizes = tuple(0 if scan is None else scan.rows for scan in own[stream])
            some = [scan for scan in own[stream] if scan is not None]
            scans.append(sum(some[1:], some[0]))
        return scans

    def picks(self, streams, wanted):
        """The rows of each stream at the places wanted, as one array."""
        parts, arguments = self._parts(streams), []
        for stream, places in zip(streams, wanted, strict=True):
            ends = np.cumsum((0, *stream.sizes))
            for start, end in itertools.pairwise(ends):
                if places is None:
                    arguments.append((None,))
                    continue
                first, last = np.searchsorted(places, [start, end])
                arguments.append((places[first:last] - start,))
        found = self._run(pick_part, parts, arguments, None, "parts read")
        own = _by_stream(parts, found)
        picks = []
        for stream, places in zip(streams, wanted, strict=True):
            if stream in own:
                picks.append(np.concatenate([rows for some in own[stream] for rows in some]))
            else:
                picks.extend(self._here.picks([stream], [places]))
        return picks

    def counts(self, streams, grid, progress=None):
        """The counts of all streams together."""
        parts = self._parts(streams)
        total = Counts(grid, reduce(joined_labels, (s.reading.rows.source for s in streams)))
        if parts:
            numbers = self._sum(parts, grid, progress)
            total.counts = numbers[:-1].reshape(grid.shape)
            total.outside = int(numbers[-1])
        ours = [stream for stream in streams if not self._can_take(stream)]
        if ours:
            others = self._here.counts(ours, grid, progress)
            total.counts += others.counts
            total.outside += others.outside
        return total

    def _can_take(self, stream):
        rows = stream.reading.rows
        if stream.reading.labels is not None:  # they lie here
            return False
        return rows.partitions is not None or (self._takes_files and rows.origin is not None)

    def _parts(self, streams):
        """Pairs (stream, Part) in the order of the rows."""
        parts = []
        for stream in streams:
            if not self._can_take(stream):
                continue
            reading = stream.reading
            rows = reading.rows
            each = 1
            if rows.partitions is None:
                each = max(1, rows.pieces * PART_BYTES // max(1, os.path.getsize(rows.origin)))
            for first in range(0, rows.pieces, each):
                last = min(first + each, rows.pieces)
                path = None if rows.origin is None else os.path.abspath(rows.origin)
                part = Part(
                    path,
                    rows.heading,
                    first,
                    last,
                    tuple(reading.numbers),
                    reading.texts,
                    reading.nan,
                    stream.steps,
                )
                parts.append((stream, part))
        return parts


def _by_stream(parts, found):
    """Stream -> what was found in its parts, in their order."""
    own = {}
    for number, (stream, _) in enumerate(parts):
        own.setdefault(stream, []).append(found[number])
    return own


def _rows(parts, arguments):
    """What each task is called with; the partition is the last of it."""
    return [
        (part, *own, stream.reading.rows.partitions and stream.reading.rows.partitions[part.first])
        for (stream, part), own in zip(parts, arguments, strict=True)
    ]


class Workers(_Elsewhere):
    """Passes on the workers of a Dask client.

    Attributes
    ----------
    notes : list of str
        Parts that were begun more than once.
    """

    def __init__(self, scheduler, checkpoint=None, takes_files=True):
        super().__init__(takes_files)
        self._scheduler, self._connection = scheduler, None
        self._checkpoint = None if checkpoint is None else os.fspath(checkpoint)
        self._counted = 0  # passes of counting so far
        if checkpoint is not None:
            open_folder(self._checkpoint, {"kind": "counts"})

    def __exit__(self, *exception):
        if self._connection is not None:
            self._connection.close()

    def _parts(self, streams):
        # Not before the sources are open: a slip in their names needs no cluster.
        if self._connection is None:
            self._connection = open_connection(self._scheduler)
        return super()._parts(streams)

    def _run(self, function, parts, arguments, progress, what):
        merge = _Merge(parts, progress, what)
        rows = _rows(parts, arguments)
        outcome = run_tasks(self._connection.client, function, rows, on_done=merge)
        self._conclude(outcome, parts)
        return merge.found

    def _sum(self, parts, grid, progress):
        merge = _Merge(parts, progress, "parts counted")
        client = self._connection.client
        outcome = sum_tasks(
            client,
            count_part,
            _rows(parts, [(sent_once(client, grid),)] * len(parts)),
            store=self._store(parts, grid),
            on_done=merge,
        )
        self._conclude(outcome, parts)
        return outcome.total

    def _conclude(self, outcome, parts):
        """Stop where a part is missing; say which were begun again."""
        if outcome.interrupted:
            kept = ""
            if self._checkpoint is not None:
                kept = (
                    f"; {len(outcome.results)} of {len(parts)} parts are kept in "
                    f"{self._checkpoint}, the same command goes on with them"
                )
            raise KeyboardInterrupt(f"interrupted{kept}.")
        if outcome.failures:
            number, error = min(outcome.failures.items())
            more = len(outcome.failures) - 1
            others = f" (and {more} more)" if more else ""
            raise TaskFailed(
                f"{_said(parts, number)}{others} could not be read on the workers: "
                f"{type(error).__name__}: {str(error).strip().splitlines()[0].rstrip('.')}.",
                argument="source",
                fix="The counts without it would be wrong: run again, or without a scheduler.",
            )
        why = "a worker was lost" if outcome.lost else "it failed at first"
        for number, times in outcome.repeated.items():
            self.notes.append(f"{_said(parts, number)} was begun {times} times: {why}.")
        if outcome.lost and not outcome.repeated:
            self.notes.append("a worker was lost: what it held was computed again where needed.")

    def _store(self, parts, grid):
        """Where the parts of this pass are kept."""
        if self._checkpoint is None:
            return None
        folder = os.path.join(self._checkpoint, f"pass-{self._counted:03d}")
        self._counted += 1
        return Store(folder, _facts(parts, grid), _save, _load)


def _said(parts, number):
    return f"part {number + 1} of {len(parts)} ({parts[number][0].reading.rows.source})"


def _facts(parts, grid):
    """What the counts of parts depend on."""
    digest = hashlib.sha256()
    for stream, part in parts:
        status = None if part.path is None else os.stat(part.path)
        digest.update(repr((
            stream.reading.rows.name if part.path is None else part.path,
            None if status is None else (status.st_size, status.st_mtime_ns),
            part.first,
            part.last,
        )).encode())  # fmt: skip
    cells = hashlib.sha256()
    for axis in grid.axes:
        cells.update(repr((axis.kind, axis.levels)).encode() + axis.edges.tobytes())
    part = parts[0][1]
    return {
        "source": f"{joined_labels(*(part.heading.source for _, part in parts))} "
        f"({len(parts)} parts, state {digest.hexdigest()[:12]})",
        "grid": f"{grid.describe()} ({cells.hexdigest()[:12]})",
        "columns": ",".join(map(str, part.numbers)),
        "categorical": ",".join(map(str, part.texts)),
        "nan": part.nan,
        "steps": hashlib.sha256(repr(part.steps).encode()).hexdigest()[:12],
    }


def _save(result, path):
    """Keep the counts of a part; a refusal is none."""
    note, numbers = result
    if note.refusal is not None:
        return
    line, row, column, text = note.tally.first or (None, -1, "", "")
    arrays = {
        "numbers": numbers,
        "tally": np.array([note.tally.seen, note.tally.dropped, note.tally.missing]),
        "good": np.atleast_1d(note.tally.good),
        "place": np.array([-1 if line is None else line, row]),
        "field": np.array([column, text]),
    }
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))


def _load(path):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            line, row = arrays["place"].tolist()
            first = (None if line < 0 else line, row, *arrays["field"].tolist())
            tally = Tally(*arrays["tally"].tolist(), None if row < 0 else first, arrays["good"])
            return Note(tally), arrays["numbers"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"checkpoint: {path} is damaged.", argument="checkpoint", fix="Remove this file."
        ) from error


class Threads(_Elsewhere):
    """Passes over Dask collections by Dask's own threads: no client is active."""

    def __init__(self):
        super().__init__(takes_files=False)

    def _run(self, function, parts, arguments, progress, what):
        merge = _Merge(parts, progress, what)
        self._tell(merge, self._calls(function, parts, arguments))
        return merge.found

    def _sum(self, parts, grid, progress):
        from dask import delayed

        calls = self._calls(count_part, parts, [(grid,)] * len(parts))
        pairs = calls
        while len(pairs) > 1:
            sums = [
                delayed(add_pairs)(*both) for both in zip(pairs[::2], pairs[1::2], strict=False)
            ]
            pairs = sums + pairs[2 * len(sums) :]
        first = delayed(operator.itemgetter(0))
        return self._tell(
            _Merge(parts, progress, "parts counted"), [first(call) for call in calls], *pairs
        )[0][1]

    @staticmethod
    def _calls(function, parts, arguments):
        from dask import delayed

        return [
            delayed(partial(function, *row[:-1]), pure=False)(row[-1])
            for row in _rows(parts, arguments)
        ]

    @staticmethod
    def _tell(merge, notes, *others):
        """Compute the notes and tell them; the others' values."""
        import dask

        values = dask.compute(*notes, *others)
        for number, note in enumerate(values[: len(notes)]):
            merge(number, note)
        return values[len(notes) :]
