"""The conditional game with its rows on workers: the bytes of one process, whatever happens."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ratiogan as rg
from ratiogan.cli.main import main
from ratiogan.errors import InputError
from ratiogan.solvers.conditional import Conditional
from ratiogan.solvers.rows import RowSteps
from ratiogan.solvers.team import SOLO

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")

from ratiogan.cluster import rows

OWN = """\
import numpy as np

GAME = {
    "loss_real": lambda f: -np.log(f),
    "loss_gen": lambda f: -np.log1p(-f),
    "generator_loss": lambda f: -np.log(f),
}
"""


def pair(x, y, zeros=False, seed=0):
    """p_r and p_g on an uneven joint grid; with `zeros` p_r = 0 in places, and for one whole x."""
    rng = np.random.default_rng(seed)
    real, gen = (rng.dirichlet(np.full(y, 1.5), x) + 1e-4 for _ in range(2))
    real *= rng.dirichlet(np.full(x, 3.0))[:, None] + 1e-3
    if zeros:
        hole = rng.random((x, y)) < 0.3
        hole[x // 3] = False  # a row with all cells beside rows with fewer
        hole[:, 0] = False
        hole[x // 2] = True
        real, gen = np.where(hole, 0, real), np.where(hole, 0, gen)
    grid = rg.Grid([np.cumsum(rng.uniform(0.2, 1, n + 1)) for n in (x, y)])
    return rg.Distribution.from_mass(real, grid), rg.Distribution.from_mass(gen, grid)


def assert_same(found, one):
    """All that a `Solution` holds, but the time it took."""
    for name in ("ratio", "discriminator", "snapshots", "snapshot_steps"):
        mine, other = (np.asarray(getattr(run, name)) for run in (found, one))
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        assert mine.tobytes() == other.tobytes(), name
    assert list(found.trace.columns) == list(one.trace.columns)
    for name, column in one.trace.columns.items():
        assert found.trace[name].tobytes() == column.tobytes(), name
    for name in (
        *("algorithm", "status", "as_predicted", "finding", "n_steps", "certificate", "seed"),
        *("predictions", "options", "warnings", "notes"),
    ):
        # As text: NaN is not equal to itself.
        assert repr(getattr(found, name)) == repr(getattr(one, name)), name
    for side in ("real", "gen"):
        assert getattr(found, side).mass.tobytes() == getattr(one, side).mass.tobytes()


SMALL = {"real": "fork", "gen": "independent", "grid": "200x24", "max_steps": 60}
CASES = {
    "reference": {},
    "fisher": {"geometry": "fisher"},
    "lebesgue": {"geometry": "lebesgue"},
    "logits": {"geometry": "logits", "grid": "70x12", "max_steps": 8},
    "halved": {"game": "minimax", "alpha": 3.0},
    "projected": {"game": "least-squares:a=0,b=1,c=1", "alpha": 1.5},
    "settles": {"game": "hinge", "max_steps": 300, "record": 5},
    "diverges": {"game": "maximum-likelihood", "alpha": 5.0, "geometry": "fisher"},
    "starts too far": {"real": "fork:sd=0.05", "max_steps": 120},
    "as many x as a group": {"grid": "64x24"},
    "a single x more": {"grid": "65x24"},
    "no snapshots, no tolerance": {"tol": 0, "snapshots": False, "record": "log"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_one_process(client, case):
    arguments = {**SMALL, **CASES[case]}
    found = rg.conditional(**arguments, scheduler=client)
    assert_same(found, rg.conditional(**arguments))


@pytest.mark.parametrize("geometry", ["reference", "fisher", "lebesgue"])
def test_rows_of_different_length(client, geometry):
    real, gen = pair(200, 13, zeros=True)
    arguments = {"geometry": geometry, "max_steps": 60, "singular": "restrict"}
    one = rg.conditional(real, gen, **arguments)
    for block_rows in (1, 100):
        found = rows.conditional(real, gen, **arguments, scheduler=client, block_rows=block_rows)
        assert_same(found, one)


def test_cells_that_stay_empty(client):
    real, gen = pair(130, 9)
    mass = gen.mass.copy()
    mass[70, 2] = mass[128, :3] = 0
    gen = rg.Distribution.from_mass(mass, gen.grid)
    for geometry, game in (("fisher", "non-saturating"), ("reference", "minimax")):
        found = rg.conditional(real, gen, game, geometry, record="log", scheduler=client)
        assert_same(found, rg.conditional(real, gen, game, geometry, record="log"))
    assert found.status.value == "stalled"


def test_two_axes_of_y_and_long_rows(client):
    rng = np.random.default_rng(1)
    grid = rg.Grid.regular((20, 50, 90), (0, 0, 0), (1, 1, 1))  # 4,500 cells of y: groups of 8
    real, gen = (rg.Distribution.from_mass(rng.random(grid.shape) + 0.1, grid) for _ in range(2))
    arguments = {"max_steps": 6, "snapshots": False}
    one = rg.conditional(real, gen, **arguments)
    assert_same(rows.conditional(real, gen, **arguments, scheduler=client, block_rows=8), one)


def test_games_of_ones_own_are_sent(client, tmp_path):
    own = rg.Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
    (tmp_path / "own.py").write_text(OWN)
    arguments = {**SMALL, "grid": "70x6", "max_steps": 5}
    for game in (own, f"{tmp_path / 'own.py'}:GAME"):
        found = rg.conditional(**arguments, game=game, scheduler=client)
        assert_same(found, rg.conditional(**arguments, game=game))


def test_a_part_of_the_rows_takes_the_steps_of_the_whole():
    """What a worker has: also where the longest row, or the densest cell, is elsewhere."""
    real, gen = pair(130, 11, zeros=True)
    for geometry in ("reference", "fisher", "lebesgue"):
        whole = Conditional(real, gen, geometry=geometry, singular="restrict")
        start = whole.ratio.copy()
        whole.rule.march(whole.ratio, 40)
        sums = whole.geometry.sums_over_x(whole.ratio)
        spans = whole.geometry.spans
        for first, last in ((0, 64), (64, len(spans))):
            part = whole.geometry.part(first, last)
            cells = slice(spans[first][0], spans[last - 1][1])
            ratio = start[cells].copy()
            rule = RowSteps(whole.game, part, whole.alpha, whole.tol, SOLO, ratio)
            rule.march(ratio, 40)
            assert ratio.tobytes() == whole.ratio[cells].tobytes()
            assert rule.codes.tolist() == whole.rule.codes[first:last].tolist()
            group = slice(first // 64, -(-last // 64))
            assert part.sums_over_x(ratio).tobytes() == sums[group].tobytes()


# --- losses ---


def test_a_killed_worker_costs_no_byte_and_is_told(client):
    arguments = {**SMALL, "game": "hinge", "tol": 0, "max_steps": 150, "record": 1}
    pid = sorted(client.run(os.getpid).items())[0][1]
    killed, told = [], []

    def kill(step, *_):
        if step >= 10 and not killed:
            killed.append(step)
            os.kill(pid, signal.SIGKILL)

    found = rows.conditional(
        **arguments, scheduler=client, block_rows=64, progress=kill, tell=told.append
    )
    assert killed and killed[0] < 150
    assert_same(found, rg.conditional(**arguments))
    assert "was lost with" in told[0] and "recorded operations" in told[1]


CLIENT = """
import os, signal, sys
from ratiogan.cluster import rows

def stop(step, *_):
    if step >= 40:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))

if __name__ == "__main__":
    found = rows.conditional("fork", "independent", "hinge", grid="200x24", max_steps=200, record=3,
                             scheduler="local:2", checkpoint=sys.argv[1], progress=stop)
    print(found.status.value)
"""


@pytest.mark.parametrize("word", ["SIGKILL", "SIGINT"])
def test_a_client_that_was_lost_goes_on_with_the_same_bytes(client, tmp_path, word):
    folder, script = tmp_path / "kept", tmp_path / "client.py"
    script.write_text(CLIENT)
    done = subprocess.run(
        [sys.executable, str(script), str(folder), word],
        capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )  # fmt: skip
    assert (done.returncode == -signal.SIGKILL) == (word == "SIGKILL"), done.stderr
    if word == "SIGINT":
        assert done.stdout == "interrupted\n", done.stderr
    journal = folder / "journal.jsonl"
    before = [json.loads(line)[0] for line in journal.read_text().splitlines()]
    assert before.count("advance") >= 13
    arguments = {**SMALL, "game": "hinge", "max_steps": 200, "record": 3}
    told = []
    found = rows.conditional(**arguments, scheduler=client, checkpoint=folder, tell=told.append)
    assert_same(found, rg.conditional(**arguments))
    assert "replayed 2 chunks of 2" in told[0]
    with pytest.raises(InputError, match=r"its alpha is 'auto', here it is 0\.5"):
        rg.conditional(**arguments, alpha=0.5, scheduler=client, checkpoint=folder)


# --- the command, and bad input ---


def test_the_command_prints_and_writes_what_it_does_in_one_process(client, tmp_path, capsys):
    printed, files = [], []
    for where, extra in (
        ("one", []),
        ("two", ["--scheduler", client.scheduler.address, "--checkpoint", str(tmp_path / "kept")]),
    ):
        folder = tmp_path / where
        command = ["run", "conditional", "--grid", "80x16", "--no-plot", "-o", str(folder)]
        assert main([*command, *extra]) == 0
        printed.append(capsys.readouterr().out.splitlines())
        files.append(np.load(folder / "run.npz"))
    assert printed[1][:-2] == printed[0][:-2]
    for name in files[0].files:
        if name != "meta":
            assert files[0][name].tobytes() == files[1][name].tobytes()
    assert (tmp_path / "kept" / "journal.jsonl").is_file()


def test_checkpoint_and_threads_need_the_right_place(capsys):
    with pytest.raises(InputError, match="there is no scheduler"):
        rg.conditional(grid="8x8", checkpoint="somewhere")
    with pytest.raises(InputError, match="threads are those of this process"):
        rg.conditional(grid="8x8", scheduler="local:2", threads=2)
    assert main(["run", "conditional", "--checkpoint", "somewhere"]) == 2
    assert not os.path.exists("somewhere")
    assert "there is no scheduler" in capsys.readouterr().err


def test_what_cannot_be_run_is_refused_in_one_sentence(client, monkeypatch):
    for arguments, sentence in (
        ({"grid": 64}, "the problem"),
        ({"geometry": "euclid"}, "geometry must be one of"),
        ({"alpha": -1}, "alpha must be"),
    ):
        with pytest.raises(InputError, match=sentence):
            rg.conditional(**arguments, scheduler=client)
    with pytest.raises(InputError, match="block_rows must be at least 1"):
        rows.conditional(scheduler=client, block_rows=0)
    known = rows.workers_of(client)
    small = {address: {**facts, "memory_limit": 10**4} for address, facts in known.items()}
    monkeypatch.setattr(rows, "workers_of", lambda _: small)
    with pytest.raises(InputError, match=r"80 rows of 16 cells are .* GB for each of 2 workers"):
        rg.conditional(grid="80x16", scheduler=client)
