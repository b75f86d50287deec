"""The outer loop by itself, with solvers that only count; then Ctrl-C on a real one."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from ratiogan.errors import InputError
from ratiogan.solvers import loop
from ratiogan.solvers.glgd import GLGD, glgd


class Counter:
    """Counts its steps; halts at `end`, takes at most `stride` steps at once."""

    is_catching_up = False

    def __init__(self, end=None, stride=1):
        self.end, self.stride, self.step = end, stride, 0
        self.asked, self.measured = [], []

    @property
    def halted(self):
        return self.step == self.end

    def advance(self, n):
        self.asked.append(n)
        taken = min(n, self.stride)
        if self.end is not None:
            taken = min(taken, self.end - self.step)
        self.step += taken
        return taken

    def measure(self):
        self.measured.append(self.step)
        return {"value": 10 * self.step}

    def check(self, step, row):
        assert step == self.step and row == {"step": step, "value": 10 * step}
        return "done" if self.halted else None

    def state(self):
        return np.array([float(self.step)])

    def progress(self):
        return 0.5, 0.25


def drive(solver, max_steps=100, record="all", snapshots=False, progress=None):
    schedule = loop.record_schedule(record, 10)
    return loop.run(
        solver, max_steps=max_steps, schedule=schedule, snapshots=snapshots, progress=progress
    )


# --- advancing and recording ---------------------------------------------------------------------


@pytest.mark.parametrize("stride", (1, 3, 1000))
@pytest.mark.parametrize("record", ("all", "auto", "log", 7))
def test_it_records_the_scheduled_steps_and_the_last(stride, record):
    run = drive(Counter(stride=stride), 45, record)
    expected = {"all": range(46), "auto": range(46), "log": [0, 1, 2, 4, 8, 16, 32, 45]}
    steps = expected.get(record, [*range(0, 43, 7), 45])
    assert [row["step"] for row in run.rows] == list(steps)
    assert run.reason == "max-steps" and run.n_steps == 45
    assert run.seconds >= 0 and run.snapshots == []


def test_it_never_asks_for_more_than_the_next_recorded_step():
    solver = Counter(stride=5)
    drive(solver, 20, 8)
    assert solver.asked == [8, 3, 8, 3, 4]


@pytest.mark.parametrize("record", ("all", "log", 50))
def test_a_halt_between_recorded_steps_is_seen_at_once(record):
    solver = Counter(end=13, stride=4)
    run = drive(solver, 100, record)
    assert run.reason == "done" and run.n_steps == 13 and run.rows[-1]["step"] == 13
    assert solver.measured == sorted(set(solver.measured))  # no step is recorded twice


def test_a_reason_at_the_start_takes_no_step():
    solver = Counter(end=0)
    run = drive(solver, 100, snapshots=True)
    assert solver.asked == [] and run.n_steps == 0 and run.reason == "done"
    assert run.snapshot_steps == [0]


def test_max_steps_beats_a_schedule_that_leaps_over_it():
    run = drive(Counter(stride=1000), 5, 100)
    assert [row["step"] for row in run.rows] == [0, 5]


def test_schedules():
    def first(n, record, cells=10):
        return list(itertools.islice(loop.record_schedule(record, cells), n))

    auto = first(400, "auto")
    assert auto[:100] == list(range(1, 101))
    assert all(1 < b / a <= 1.03 for a, b in itertools.pairwise(auto[100:]))
    assert first(5, "auto", loop.DENSE_CELLS + 1) == first(5, "log") == [1, 2, 4, 8, 16]
    assert first(3, "all") == [1, 2, 3] and first(3, 4) == [4, 8, 12]
    assert first(3, np.int64(2)) == [2, 4, 6]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("never", '"auto", "log", "all" or a whole number, got \'never\''),
        (0, "record must be at least 1, got 0"),
        (2.5, "record must be a whole number, got 2.5"),
    ],
)
def test_record_is_checked(record, message):
    with pytest.raises(InputError, match=message):
        loop.record_schedule(record, 10)
    with pytest.raises(InputError, match="record"):
        glgd(grid=8, record=record)


# --- snapshots -----------------------------------------------------------------------------------


def test_snapshots_are_log_spaced_copies_of_recorded_states():
    run = drive(Counter(stride=1000), 100_000, "auto", snapshots=True)
    steps = run.snapshot_steps
    assert steps[:9] == list(range(9)) and steps[-1] == 100_000
    assert 60 < len(steps) < 120
    assert [float(state[0]) for state in run.snapshots] == steps
    assert set(steps) <= {row["step"] for row in run.rows}
    ratios = [b / a for a, b in itertools.pairwise(steps[9:-1])]
    assert max(ratios) < 1.3


def test_snapshots_on_a_sparse_schedule_come_once_per_recorded_step():
    run = drive(Counter(stride=1000), 1000, 100, snapshots=True)
    assert run.snapshot_steps == [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]


def test_whether_snapshots_are_kept():
    assert loop.keeps_snapshots("auto", 1024) and not loop.keeps_snapshots("auto", 10**6)
    assert loop.keeps_snapshots(True, 10**9) and not loop.keeps_snapshots(False, 2)
    with pytest.raises(InputError, match='snapshots must be "auto", True or False'):
        loop.keeps_snapshots("yes", 2)
    with pytest.raises(InputError, match="snapshots"):
        glgd(grid=8, snapshots="yes")


# --- progress and interruption -------------------------------------------------------------------


class Slow(Counter):
    def advance(self, n):
        time.sleep(0.03)
        return super().advance(n)


def test_progress_is_told_at_most_ten_times_a_second():
    calls = []
    drive(Slow(), 20, progress=lambda *told: calls.append(told))
    assert len(calls) >= 2
    assert all(b[-1] - a[-1] > 0.09 for a, b in itertools.pairwise(calls))
    for step, most, error, rate, seconds in calls:
        assert 0 < step <= 20 and most == 20 and (error, rate) == (0.5, 0.25) and seconds > 0.09


class Pressed(Counter):
    """Presses Ctrl-C itself in the middle of its step `at`."""

    def __init__(self, at, times=1):
        super().__init__(stride=2)
        self.at, self.times = at, times

    def advance(self, n):
        taken = super().advance(n)
        if self.step >= self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        return taken


@pytest.mark.parametrize("record", ("all", 1000))
def test_ctrl_c_ends_the_run_after_the_step_in_hand(record):
    before = signal.getsignal(signal.SIGINT)
    run = drive(Pressed(at=6), 1000, record, snapshots=True)
    assert run.reason == "interrupted"
    assert run.n_steps == run.rows[-1]["step"] == run.snapshot_steps[-1] == 6
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_is_not_held_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        drive(Pressed(at=6, times=2))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_press_between_the_check_and_the_first_step_repeats_no_row():
    answers = iter([False])
    solver = Counter()
    march = loop.marching(solver, 100, itertools.count(1), False, None, lambda: next(answers, True))
    wanted = next(march)
    with pytest.raises(StopIteration) as end:
        march.send(solver.advance(wanted))
    assert [row["step"] for row in end.value.value.rows] == [0, 1]


def test_other_threads_run_without_a_signal_handler():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(drive(Counter(), 5)))
    thread.start()
    thread.join()
    assert runs[0].reason == "max-steps"


def test_an_interrupted_run_is_kept_and_consistent():
    pressed = []

    def press(*told):
        pressed.append(told)
        signal.raise_signal(signal.SIGINT)

    solver = GLGD(alpha=1e-9, tol=0, max_steps=10**12)
    solution = solver.solve(progress=press)
    assert len(pressed) == 1
    assert solution.status.value == "interrupted" and not solution.as_predicted
    assert solution.finding.startswith(f"INTERRUPTED at step {solution.n_steps}: max|R-1| = ")
    assert solution.n_steps == solution.trace.step[-1] == solution.snapshot_steps[-1] > 0
    np.testing.assert_array_equal(solution.snapshots[-1], solution.ratio)
    assert abs(solution.real.mass @ solution.ratio - 1.0) < 1e-12
    assert solution.max_error == solution.trace.max_error[-1]
    assert solution.ratio.min() >= 0
    # The same state as a run that was asked for so many steps.
    again = glgd(alpha=1e-9, tol=0, max_steps=solution.n_steps)
    np.testing.assert_array_equal(again.ratio, solution.ratio)


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to a process here")
def test_ctrl_c_from_the_terminal_leaves_a_solution():
    code = (
        "from ratiogan.solvers.glgd import glgd; print('started', flush=True);"
        "s = glgd(alpha=1e-9, grid=64, tol=0, max_steps=10**12, record='log');"
        "print(s.status.value, s.n_steps == s.trace.step[-1], flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "started\n"
        time.sleep(2.0)
        child.send_signal(signal.SIGINT)
        output, _ = child.communicate(timeout=60)
    assert output == "interrupted True\n" and child.returncode == 0
