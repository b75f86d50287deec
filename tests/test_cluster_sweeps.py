"""Comparisons on workers: the bytes of one process, whatever is lost on the way."""

import contextlib
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ratiogan import comparison, games, presets
from ratiogan.cli.main import main
from ratiogan.comparison import SOLVERS, compare, load_comparison
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, SingularMassError
from ratiogan.grid import Grid
from ratiogan.progress import Progress

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")

ROOT = Path(__file__).resolve().parent.parent
SMALL = {"grid": 48, "max_steps": 60}
MAP = {"alpha_gen": [1e-4, 1e-3, 1e-2], "disc_steps": [1, 5]}
OWN = """\
import numpy as np

FLOOR = 0.0


def loss_real(f):
    return FLOOR - np.log(f)


GAME = {
    "loss_real": loss_real,
    "loss_gen": lambda f: FLOOR - np.log1p(-f),
    "generator_loss": lambda f: -np.log(f),
}
"""


def slow(real, gen, game="non-saturating", geometry="reference", **options):
    time.sleep(0.3)
    return SOLVERS["glgd"](real, gen, game, geometry=geometry, **options)


def failing(real, gen, **options):
    raise ValueError("no luck today.\nReally.")


def losing(real, gen, **options):
    os._exit(1)


for solver in (slow, failing, losing):
    solver.__signature__ = inspect.signature(SOLVERS["glgd"])


def untimed(found):
    """A comparison without what its runs took."""
    runs = tuple(replace(run, seconds=0.0, compile_seconds=0.0) for run in found.runs)
    return replace(found, runs=runs)


def assert_same(found, expected):
    assert untimed(found) == untimed(expected)
    assert found.finding == expected.finding and found.summary() == expected.summary()
    for one, other in zip(found.runs, expected.runs, strict=True):
        for name in ("ratio", "discriminator", "snapshots", "particles"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
            assert not getattr(one, name).flags.writeable
        for name, column in other.trace.columns.items():
            assert one.trace[name].tobytes() == column.tobytes(), name


@contextlib.contextmanager
def once_kept(folder, count, act, *arguments):
    """Call ``act(*arguments)`` while the block runs, once a checkpoint holds so many runs."""
    over = threading.Event()

    def watch():
        while not over.wait(0.01):
            if len(list(folder.glob("task-*.npz"))) >= count:
                act(*arguments)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


PLANS = {
    "the default": ((), SMALL),
    "a mix": (
        ("glgd", "glgd:step=newton", "alternating", "wglgd", "wgan", "training:batch=8"),
        {**SMALL, "seed": 3},
    ),
    "ties are drawn": (("alternating", "alternating:ties=first"), {**SMALL, "real": "uniform"}),
    "conditional": (("conditional", "conditional:geometry=fisher"), {"grid": "6x16"}),
    "a map of training": (("training",), {**SMALL, "sweep": MAP, "seed": 1}),
    "other records": (
        ("training:batch=exact", "training:family=particles,particles=40,batch=8"),
        {**SMALL, "record": 20, "snapshots": False, "threads": 2},
    ),
    "a scenario": (("training:scenario=weak-generator",), {"max_steps": 30}),
}


@pytest.mark.parametrize("plan", PLANS)
def test_runs_on_workers_are_those_of_one_process(client, plan):
    specs, settings = PLANS[plan]
    found = compare(*specs, **settings, scheduler=client)
    assert_same(found, compare(*specs, **settings))
    assert found.warnings == () and not found.interrupted
    assert all(run.real is found.real for run in found.runs if run.real.mass is found.real.mass)


def test_a_worker_killed_in_the_middle_changes_nothing(client, monkeypatch, tmp_path):
    sweep = {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    expected = compare("glgd", sweep=sweep, **SMALL)
    marker, whole = str(tmp_path / "killed"), SOLVERS["glgd"]

    def dying(real, gen, alpha="auto", **options):
        if alpha == 0.3 and not os.path.exists(marker):
            Path(marker).touch()
            time.sleep(0.3)  # so that the scheduler hears of its begin
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(real, gen, alpha=alpha, **options)

    dying.__signature__ = slow.__signature__
    monkeypatch.setitem(comparison.SOLVERS, "glgd", dying)
    found = compare("glgd", sweep=sweep, **SMALL, scheduler=client)
    assert os.path.exists(marker)
    assert_same(found, expected)
    assert ("glgd:alpha=0.3", 2) in found.repeated
    assert any(
        warning.startswith("glgd:alpha=0.3 was begun 2 times: its worker was lost")
        for warning in found.warnings
    )


def test_runs_that_fail_lose_no_others(client, monkeypatch, tmp_path):
    expected = compare("glgd", "glgd:geometry=fisher", **SMALL)
    monkeypatch.setitem(comparison.SOLVERS, "alternating", failing)
    specs = ("glgd", "alternating", "glgd:geometry=fisher")
    found = compare(*specs, **SMALL, scheduler=client)
    assert untimed(replace(found, failures=())) == untimed(expected)
    assert found.failures == (("alternating", "ValueError: no luck today"),)
    assert found.warnings == ("alternating failed: ValueError: no luck today.",)
    found.save(tmp_path)
    assert load_comparison(tmp_path) == found
    with pytest.raises(ValueError, match="no luck today"):
        compare("alternating", **SMALL, scheduler=client)


def test_a_run_that_kills_its_workers_is_told_in_a_few_words(client, monkeypatch, capsys):
    monkeypatch.setitem(comparison.SOLVERS, "glgd", losing)
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    where = ["--scheduler", client.scheduler.address, "--grid", "48", "--no-save"]
    assert main(["compare", "glgd", *where]) == 1
    assert capsys.readouterr().err.startswith("Error: every worker that began it died, perhaps")


def test_the_command_says_which_runs_failed(client, monkeypatch, capsys):
    monkeypatch.setitem(comparison.SOLVERS, "alternating", failing)
    where = ["--scheduler", client.scheduler.address, "--grid", "48", "--no-save"]
    assert main(["compare", *where]) == 1
    out, err = capsys.readouterr()
    assert "BEST: glgd" in out
    assert "1 of 2 runs failed; the others are kept\n" in err
    assert "Warning: alternating failed: ValueError: no luck today.\n" in err


def test_refused_input_is_the_sentence_of_one_process(client):
    grid = Grid.regular(4, 0, 1)
    real, gen = (Distribution.from_mass(m, grid) for m in ([1, 1, 1, 0], [1, 1, 1, 1]))
    refusals = [
        (("glgd", "alternating"), {"real": real, "gen": gen}, SingularMassError),
        (("training", "training:disc_steps=best"), SMALL, InputError),
        (("training:alpha_gen=-1",), SMALL, InputError),
        (("glgd", "training:family=logits,optimizer=foo"), SMALL, InputError),
    ]
    for specs, settings, kind in refusals:
        with pytest.raises(kind) as here:
            compare(*specs, **settings)
        with pytest.raises(kind) as there:
            compare(*specs, **settings, scheduler=client)
        assert str(there.value) == str(here.value)
        assert there.value.argument == here.value.argument and there.value.fix == here.value.fix


def test_an_interrupt_keeps_the_runs_that_are_finished(client, monkeypatch, tmp_path):
    sweep = {"alpha": [0.05 * k for k in range(1, 19)]}
    expected = compare("glgd", sweep=sweep, **SMALL)
    monkeypatch.setitem(comparison.SOLVERS, "glgd", slow)
    with once_kept(tmp_path, 2, os.kill, os.getpid(), signal.SIGINT):
        found = compare("glgd", sweep=sweep, **SMALL, scheduler=client, checkpoint=tmp_path)
    assert found.interrupted and 0 < len(found.runs) < len(expected.runs)
    kept = [expected.labels.index(label) for label in found.labels]
    assert kept == sorted(kept)
    runs = tuple(expected.runs[i] for i in kept)
    assert_same(
        replace(found, interrupted=False), replace(expected, runs=runs, labels=found.labels)
    )


def test_an_interrupted_command_writes_what_is_finished(client, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(comparison.SOLVERS, "glgd", slow)
    words = ["--sweep", "alpha=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1", "--grid", "48", "--no-plot"]
    words += ["--checkpoint", str(tmp_path / "kept"), "--out", str(tmp_path / "out")]
    with once_kept(tmp_path / "kept", 2, os.kill, os.getpid(), signal.SIGINT):
        where = ["--scheduler", client.scheduler.address]
        assert main(["compare", "glgd", *words, *where]) == 1
    kept = load_comparison(tmp_path / "out")
    assert kept.interrupted and 0 < len(kept.runs) < 10
    said = f"stopped after {len(kept.runs)} run"
    assert said in capsys.readouterr().err


def test_a_checkpoint_outlives_the_process_that_asked(client, tmp_path):
    """Killed while its runs are under way, it is resumed here, with the same result."""
    rates = [1e-4 * 2**k for k in range(6)]
    folder = tmp_path / "kept"
    asked = [
        *("compare", "training", "--sweep", f"alpha_gen={','.join(map(str, rates))}"),
        *("--grid", "64", "--max-steps", "10000", "--no-save"),
        *("--scheduler", "local:2", "--checkpoint", str(folder)),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "ratiogan", *asked],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while len(list(folder.glob("task-*.npz"))) < 2:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("task-*.npz")}
    assert 2 <= len(kept) < len(rates)
    settings = {"sweep": {"alpha_gen": rates}, "grid": 64, "max_steps": 10_000}
    found = compare("training", **settings, scheduler=client, checkpoint=folder)
    assert_same(found, compare("training", **settings))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(folder.glob("task-*.npz"))) == len(rates)
    with pytest.raises(InputError, match="of other work: its seed is 0, here it is 1"):
        compare("training", **settings, seed=1, scheduler=client, checkpoint=folder)


def test_a_checkpoint_of_other_settings_is_refused(client, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    settings = {
        "grid": 32,
        "game": f"{own}:GAME",
        "scheduler": client,
        "checkpoint": tmp_path / "k",
    }
    first = compare("glgd", max_steps=5, **settings)
    assert compare("glgd", max_steps=5, **settings) == first
    with pytest.raises(InputError, match="digest of the settings"):
        compare("glgd", max_steps=6, **settings)
    own.write_text(OWN.replace("0.0", "0.5"))
    with pytest.raises(InputError, match="digest of the settings"):
        compare("glgd", max_steps=5, **settings)


def test_a_checkpoint_needs_a_scheduler(tmp_path):
    with pytest.raises(InputError, match=r"there is no scheduler\. Add --scheduler local:2"):
        compare(checkpoint=tmp_path)
    assert main(["compare", "--checkpoint", str(tmp_path), "--no-save"]) == 2


def test_a_scheduler_is_checked_before_anything_is_read():
    with pytest.raises(InputError, match="scheduler must be local:N"):
        compare(real="missing.csv", scheduler="local:0")


def test_without_the_extra_it_is_named(monkeypatch):
    for name in ("distributed", "cloudpickle"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"Install it: pip install 'ratiogan\[dask\]'"):
        compare(**SMALL, scheduler="local:2")


def test_games_of_ones_own_go_by_value(client, tmp_path, monkeypatch):
    """A worker has another folder, and need not see the file."""
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    specs = ("glgd:game=own.py:GAME", "training:game=own.py:GAME,batch=8")
    expected = compare(*specs, **SMALL)
    own = games.game("own.py:GAME")
    assert_same(compare(*specs, **SMALL, scheduler=client), expected)
    os.unlink("own.py")
    swept = {"sweep": {"game": [own, "minimax"]}, **SMALL}
    assert_same(compare("glgd", **swept, scheduler=client), compare("glgd", **swept))


def test_losses_that_cannot_be_sent_are_refused(client):
    lock = threading.Lock()

    def loss(f):
        with lock:
            return -np.log(f)

    own = games.Game.from_losses(loss, lambda f: -np.log1p(-f), name="locked")
    with pytest.raises(InputError, match=r"glgd:game=locked cannot be sent to workers \(TypeError"):
        compare("glgd", sweep={"game": [own]}, **SMALL, scheduler=client)


def test_progress_counts_runs(client, monkeypatch, capsys):
    heard = []
    compare(**SMALL, scheduler=client, progress=lambda *row: heard.append(row))
    assert [row[:2] for row in heard] == [(1, 2), (2, 2)]
    assert all(len(row) == 5 and row[4] > 0 for row in heard)
    monkeypatch.setattr(Progress, "patience", 0.0)
    monkeypatch.setattr(Progress, "interval", 0.0)
    compare(**SMALL, scheduler=client, progress=True)
    assert "compare  1 of 2 runs  about " in capsys.readouterr().err
    line = Progress("compare", None)
    assert line.row_line(40, 64, "runs", 2.0, held=40) == "compare  40 of 64 runs"
    assert line.row_line(44, 64, "runs", 8.0, held=40) == "compare  44 of 64 runs  about 40 s left"


def test_a_large_problem_is_no_part_of_every_task(client):
    """Dask's warning of large tasks would be an error here."""
    real, gen = presets.problem(grid=1_000_000)
    found = compare("glgd", "glgd:alpha=0.5", "glgd:alpha=0.7", real=real, gen=gen, max_steps=2, scheduler=client)  # fmt: skip # noqa: E501
    assert all(run.real is real and run.gen is gen for run in found.runs)
