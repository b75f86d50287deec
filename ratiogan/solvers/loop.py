"""The one outer loop: advance, record, stop.

A solver is an object with ``advance(n)``, ``measure()`` and ``check(step, row)``. It takes as many
steps at once as it likes up to the next recorded one, and never counts them itself.
"""

import math
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from ratiogan.errors import InputError, check_integer
from ratiogan.progress import Progress
from ratiogan.trace import step_word

DENSE_CELLS = 1 << 17  # up to so many cells a trace row costs little beside a step
SNAPSHOT_CELLS = 1 << 16  # up to so many cells all snapshots fit in some 50 MB
_PROGRESS_SECONDS = 0.1


@dataclass
class Record:
    """What one run left behind: rows of the trace, copies of R, and why it ended."""

    rows: list = field(default_factory=list)
    snapshot_steps: list = field(default_factory=list)
    snapshots: list = field(default_factory=list)
    reason: str = "max-steps"
    n_steps: int = 0
    seconds: float = 0.0


class Solver:
    """What a solver offers its user, on top of what the loop asks of it.

    It has a `name`, ``_restart()``, ``state()``, ``load_kernels()`` and ``solution(run)`` as well.
    """

    name = None
    is_catching_up = False  # with what was done before: Ctrl-C waits for its end
    progress_tol = None  # where the error should arrive, for the time left

    @property
    def size(self):
        """How many cells R has."""
        return self.ratio.size

    def one_step(self):
        """Take one step, whatever `advance` would take at once."""
        self.advance(1)

    def iter_states(self, max_steps=None):
        """Yield (step, R on the grid) at step 0, 1, 2, .. without a stopping rule."""
        most = self.max_steps if max_steps is None else check_integer("max_steps", max_steps, 0)
        self._restart()
        yield 0, self.state()
        for step in range(1, most + 1):
            self.one_step()
            yield step, self.state()

    def solve(self, record="auto", snapshots="auto", progress=False):
        """Run to the end.

        Returns
        -------
        Solution
        """
        schedule = record_schedule(record, self.size)
        keep = keeps_snapshots(snapshots, self.size)
        self._restart()
        with reporting(progress, self.name, self.progress_tol) as report:
            finished = run(
                self,
                max_steps=self.max_steps,
                schedule=schedule,
                snapshots=keep,
                progress=report,
                prepare=self.load_kernels,
            )
        return self.solution(finished)


@contextmanager
def reporting(progress, name, tol=None):
    """What ``progress=`` means: nothing, a line on stderr (True), or the caller's own function."""
    if progress is True:
        with Progress(name, tol, unit=step_word(name)) as line:
            yield line
    else:
        yield progress or None


def run(solver, *, max_steps, schedule, snapshots, progress=None, prepare=None):
    """Drive `solver` until it has a reason to stop.

    Parameters
    ----------
    solver : object
        ``advance(n)`` takes at most n steps and returns how many it took (at least 1);
        ``measure()`` gives a trace row; ``check(step, row)`` a reason to stop, or None;
        ``halted`` says that it wants to be checked now, ``is_catching_up`` that Ctrl-C must wait;
        ``state()`` is a copy of what a snapshot
        keeps; ``progress()`` is max|R-1| and the rate.
    max_steps : int
    schedule : iterable of int
        The steps to record, ascending.
    snapshots : bool
        Whether to keep snapshots, at most about 100 of them, log-spaced.
    progress : callable, optional
        Called as ``progress(step, max_steps, max_error, rate, seconds)``.
    prepare : callable, optional
        Called before the first step: compiling must not be torn by Ctrl-C either.

    Returns
    -------
    Record
    """
    with deferred_interrupt() as interrupted:
        if prepare is not None:
            prepare()
        march = marching(solver, max_steps, schedule, snapshots, progress, interrupted)
        try:
            wanted = next(march)
            while True:
                wanted = march.send(solver.advance(wanted))
        except StopIteration as end:
            return end.value


def marching(solver, max_steps, schedule, snapshots, progress, interrupted):
    """The loop itself, as a generator: yields how many steps it wants, is sent how many were taken.

    So one driver can advance one solver, or many side by side. Its return value is the `Record`.
    """
    record = Record()
    start = last_report = time.perf_counter()
    steps = iter(schedule)
    kept = _with_powers_of_two(log_spaced(first=16, ratio=1.15))
    next_kept = 0
    step = 0
    while True:
        row = {"step": step, **solver.measure()}
        record.rows.append(row)
        reason = solver.check(step, row)
        if reason is None and step >= max_steps:
            reason = "max-steps"
        if reason is None and interrupted() and not solver.is_catching_up:
            reason = "interrupted"
        if snapshots and (step >= next_kept or reason is not None):
            record.snapshot_steps.append(step)
            record.snapshots.append(solver.state())
            while next_kept <= step:
                next_kept = next(kept)
        if reason is not None:
            break
        target = min(next(s for s in steps if s > step), max_steps)
        while True:
            step += yield target - step
            now = time.perf_counter()
            if progress is not None and now - last_report > _PROGRESS_SECONDS:
                last_report = now
                progress(step, max_steps, *solver.progress(), now - start)
            if solver.halted or step >= target:
                break
            if interrupted() and not solver.is_catching_up:
                break
    record.reason, record.n_steps = reason, step
    record.seconds = time.perf_counter() - start
    return record


def _with_powers_of_two(steps):
    """These ascending steps, and every power of 2, as the printed tables have them."""
    power = 1
    for step in steps:
        while power < step:
            yield power
            power *= 2
        power = power * 2 if power == step else power
        yield step


def log_spaced(first, ratio):
    """1, 2, .., `first`, then growing by `ratio`."""
    yield from range(1, first + 1)
    step = first
    while True:
        step = max(step + 1, math.ceil(step * ratio))
        yield step


def oddly_spaced(first, ratio):
    """As `log_spaced`, in odd strides: what alternates from step to step shows both its sides."""
    yield from range(1, first + 1)
    step = first
    while True:
        step += int(step * (ratio - 1.0)) | 1
        yield step


def record_schedule(record, cells):
    """The steps to record: "auto", "log", "all" or every so many.

    "auto" is every step up to 100 and then steps 2 % apart; on grids above 131,072 cells, where a
    trace row costs more than a step, the powers of 2, which are "log".
    """
    if record == "auto":
        dense = cells <= DENSE_CELLS
        return _with_powers_of_two(oddly_spaced(100, 1.02)) if dense else log_spaced(2, 2.0)
    if record == "log":
        return log_spaced(2, 2.0)
    if record == "all":
        return count(1)
    if isinstance(record, str):
        raise InputError(
            f'record must be "auto", "log", "all" or a whole number, got {record!r}.',
            argument="record",
        )
    every = check_integer("record", record, minimum=1)
    return count(every, every)


def keeps_snapshots(snapshots, cells):
    """Whether a run keeps snapshots: "auto" is yes up to 65,536 cells."""
    if snapshots == "auto":
        return cells <= SNAPSHOT_CELLS
    if not isinstance(snapshots, bool):
        raise InputError(
            f'snapshots must be "auto", True or False, got {snapshots!r}.', argument="snapshots"
        )
    return snapshots


@contextmanager
def deferred_interrupt():
    """Hold back Ctrl-C until the solver is between two steps.

    Yields a function that says whether it was pressed. A second Ctrl-C interrupts at once.
    """
    pressed = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def remember(number, frame):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.getsignal(signal.SIGINT)
    if before is None or before is signal.SIG_IGN:  # not Python's to change, or meant to be ignored
        yield lambda: False
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
