"""Many runs in one call: one set of arguments per row, and the drivers of their loops.

Rows are independent of one another. `drive` advances them in rounds, for solvers whose rows are
one compiled call; `drive_apart` hands whole rows to threads, for those that are a call each. In
neither does a row wait for its end before the next begins: Ctrl-C finds all of them equally far.
"""

import math
import threading
import time
from collections import deque

import numpy as np

from ratiogan.distribution import Distribution
from ratiogan.errors import InputError
from ratiogan.solvers import loop

_REPORT_SECONDS = 0.1


def rows_of(single=(), **arguments):
    """One dict of arguments per row: sequences have one item for each, other values serve all.

    An array of two dimensions or more is one value.

    Parameters
    ----------
    single : collection of str
        Names of arguments of which a tuple is one value, not one item per row.

    Raises
    ------
    InputError
        If the sequences differ in length, or are empty.

    Examples
    --------
    >>> rows_of(alpha=[0.5, 1.0], game="minimax")
    [{'alpha': 0.5, 'game': 'minimax'}, {'alpha': 1.0, 'game': 'minimax'}]
    """
    lengths = {
        name: len(value)
        for name, value in arguments.items()
        if not isinstance(value, (str, Distribution))
        and not (name in single and isinstance(value, tuple))
        and np.ndim(value if not isinstance(value, (list, tuple)) else [0]) == 1
    }
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(
            f"the sequences must be equally long and not empty: {found}.",
            argument=next(iter(lengths)),
            fix="Pass one item per row, or a single value for all rows.",
        )
    count = max(lengths.values(), default=1)
    return [
        {name: value[i] if name in lengths else value for name, value in arguments.items()}
        for i in range(count)
    ]


def march_of(solver, record, snapshots, interrupted, progress=None):
    """The loop of one solver, as `loop.marching` has it.

    `record` and `snapshots` are what users pass.
    """
    cells = solver.ratio.size
    return loop.marching(
        solver,
        solver.max_steps,
        loop.record_schedule(record, cells),
        loop.keeps_snapshots(snapshots, cells),
        progress,
        interrupted,
    )


def drive(marches, advance):
    """Run generators of `loop.marching` in rounds; their records in order.

    ``advance(wanted)`` takes {row: steps wanted} and returns {row: steps taken}.
    """
    records = [None] * len(marches)
    taken = dict.fromkeys(range(len(marches)))
    while taken:
        wanted = {}
        for row, steps in taken.items():
            try:
                wanted[row] = marches[row].send(steps)
            except StopIteration as end:
                records[row] = end.value
        taken = advance(wanted) if wanted else {}
    return records


def drive_apart(marches, solvers, team):
    """Run generators of `loop.marching`, each row by whichever thread is free; their records.

    A row that has come to its next recorded step queues up behind the others, so that all are
    about equally far, and no thread waits for a slow row. ``seconds`` of a record is the time that
    was spent on that row alone.
    """
    records = [None] * len(marches)
    waiting = deque((row, None) for row in range(len(marches)))
    spent = [0.0] * len(marches)
    failed = threading.Event()

    def work():
        while not failed.is_set():
            try:
                row, taken = waiting.popleft()
            except IndexError:  # those left are in other threads' hands
                return
            start = time.perf_counter()
            try:
                taken = solvers[row].advance(marches[row].send(taken))
                waiting.append((row, taken))
            except StopIteration as end:
                records[row] = end.value
            except BaseException:
                failed.set()
                raise
            finally:
                spent[row] += time.perf_counter() - start

    team.in_each(work, len(marches))
    for record, seconds in zip(records, spent, strict=True):
        record.seconds = seconds
    return records


class Tally:
    """What a caller's ``progress`` is told of many rows: steps of all, and the best max|R-1|.

    Parameters
    ----------
    progress : callable or None
        As for `loop.run`; called by one thread at a time.
    most : sequence of int
        The most steps of every row.
    """

    def __init__(self, progress, most):
        self.progress = progress
        self.total = sum(most)
        self.steps = [0] * len(most)
        self.errors = [math.inf] * len(most)
        self.lock = threading.Lock()
        self.last = 0.0

    def of_row(self, row):
        """The ``progress`` of one row; None where nobody wants to know."""
        if self.progress is None:
            return None

        def note(step, max_steps, max_error, rate, seconds):
            with self.lock:
                self.steps[row] = step
                self.errors[row] = max_error if max_error == max_error else math.inf
                if seconds - self.last < _REPORT_SECONDS:
                    return
                self.last = seconds
                self.progress(sum(self.steps), self.total, min(self.errors), math.nan, seconds)

        return note
