"""GLGD on cells that lie in chunks on workers: the bytes of one process, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ratiogan as rg
from ratiogan import presets
from ratiogan.cli.main import main
from ratiogan.errors import InputError

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")

from ratiogan.cluster import cells, connected, grids, solution
from ratiogan.sums import SPAN

CELLS = SPAN + 200_003  # two spans, the second one not full


def assert_same(chunked, one):
    """All that a `Solution` holds, but the time it took."""
    whole = chunked.gather()
    for name in ("ratio", "discriminator", "snapshots", "snapshot_steps"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(one, name), strict=True)
    assert list(whole.trace.columns) == list(one.trace.columns)
    for name, column in one.trace.columns.items():
        np.testing.assert_array_equal(chunked.trace[name], column, err_msg=name, strict=True)
    for name in (
        *("algorithm", "status", "as_predicted", "finding", "n_steps", "certificate"),
        *("predictions", "options", "warnings", "notes"),
    ):
        assert getattr(whole, name) == getattr(one, name), name
    for side in ("real", "gen"):
        mine, other = getattr(whole, side), getattr(one, side)
        np.testing.assert_array_equal(mine.mass, other.mass)
        assert (mine.label, mine.outside, mine.restricted) == (
            *(other.label, other.outside, other.restricted),
        )


CASES = {
    "reference": {"max_steps": 20},
    "fisher": {"geometry": "fisher"},
    "lebesgue": {"geometry": "lebesgue", "max_steps": 12},
    "halved": {"game": "minimax", "max_steps": 12},
    "projected": {"alpha": 3.3, "max_steps": 10},
    "chattering": {"game": "hinge", "max_steps": 10},
    "projected often": {"game": "least-squares:a=-1,b=1,c=0", "max_steps": 8},
    "not converging, as predicted": {
        **{"game": "least-squares:a=-1,b=1,c=0", "gen": "near-real", "grid": 512, "max_steps": 60},
    },
    "in the plane": {
        **{"real": "ring8:sd=0.4", "gen": "ring8:sd=0.5", "grid": "1201x1000"},
        **{"domain": "-3:3,-3:3", "max_steps": 10},
    },
    "in the plane, lebesgue": {
        **{"real": "ring8:sd=0.4", "gen": "grid25:sd=0.5", "grid": "1201x1000"},
        **{"domain": "-3:3,-3:3", "max_steps": 5, "geometry": "lebesgue"},
    },
    "in the plane, fisher": {
        **{"real": "ring8:sd=0.2", "gen": "ring8:sd=0.3", "grid": "1201x1000"},
        **{"domain": "-3:3,-3:3", "max_steps": 5, "geometry": "fisher"},
    },
    "cells without p_r": {
        **{"real": "uniform:low=-1,high=2.5", "gen": "normal", "singular": "restrict"},
        **{"grid": 2 * CELLS, "domain": "-3:3", "max_steps": 8},
    },
    "relative to p_r": {"gen": "near-real", "max_steps": 6},
    "starts too far": {
        **{"real": "normal:sd=0.5", "gen": "normal:sd=3", "domain": "-12:12", "max_steps": 120},
    },
    "few cells": {"grid": 1024},
    "counts": {"real": "poisson", "gen": "poisson:rate=4", "grid": "counts"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_one_process(client, case):
    arguments = {"grid": CELLS, **CASES[case]}
    one = rg.glgd(**arguments)
    assert_same(grids.glgd(**arguments, scheduler=client, chunk_spans=1), one)


def test_threads_chunks_and_workers_do_not_matter(client):
    arguments = {"grid": 3 * SPAN + 5, "max_steps": 6}
    one = rg.glgd(**arguments, threads=1)
    np.testing.assert_array_equal(rg.glgd(**arguments, threads=2).ratio, one.ratio)
    for spans in (1, 2, 4):
        assert_same(grids.glgd(**arguments, scheduler=client, chunk_spans=spans), one)


def test_clients_of_one_process_do_not_mix(client):
    one = rg.glgd(grid=500)
    with connected("local:1") as other:
        for which in (other, client, other):
            assert_same(grids.glgd(grid=500, scheduler=which), one)


def test_uneven_cells(client):
    edges = np.linspace(-2, 2, CELLS + 1) ** 3 / 2
    grid = rg.Grid([edges])
    one = rg.glgd(grid=grid, geometry="lebesgue", max_steps=4)
    assert_same(
        grids.glgd(grid=grid, geometry="lebesgue", max_steps=4, scheduler=client, chunk_spans=1),
        one,
    )


def test_a_density_is_integrated_where_it_is_needed(client):
    def heavy(y):
        return 1 / (1 + y * y)

    grid = rg.Grid.regular(CELLS, -4, 4)
    real = "bimodal:means=-1/1,sd=0.8,weights=0.5/0.5"
    one = rg.glgd(real=real, gen=rg.Distribution.from_density(heavy, grid), max_steps=5)
    chunked = grids.glgd(
        real=real,
        gen=heavy,
        grid=CELLS,
        domain="-4:4",
        max_steps=5,
        scheduler=client,
        chunk_spans=1,
    )
    assert_same(chunked, one)
    plane = grids.glgd(
        real=lambda x, y: np.exp(-x * x - y * y),
        gen=lambda x, y: np.exp(-((x - 0.2) ** 2) - y * y),
        grid="40x30", domain="-2:2,-2:2", scheduler=client,
    )  # fmt: skip
    assert plane.status.value == "converged"


def test_samples_are_sent_in_parts(client):
    x = np.random.default_rng(0).normal(size=20)
    p_g = rg.Distribution.from_samples(x, rg.Grid.regular(CELLS, -4, 4), method="kde")
    one = rg.glgd(gen=p_g, geometry="fisher", max_steps=5)
    chunked = grids.glgd(gen=p_g, geometry="fisher", max_steps=5, scheduler=client, chunk_spans=1)
    assert_same(chunked, one)
    assert chunked.gen.rows == 20


def masses_of(spec, grid):
    return presets.family_of(spec).masses(grid, spec.options)[0]


@pytest.mark.parametrize(
    "spec", ["bimodal", "laplace", "student-t", "beta:a=2,b=3", "uniform:low=-0.3,high=0.9"]
)
def test_runs_of_cells_have_the_masses_they_have_in_the_whole(spec):
    real, _, grid = cells.sides_of(spec, spec, 30_011, "-0.5:1.5")
    whole = masses_of(real.source.spec, grid.whole())
    for start, stop in ((0, 1), (17, 4711), (30_010, 30_011), (0, 30_011)):
        np.testing.assert_array_equal(real.source.masses(grid, start, stop), whole[start:stop])


@pytest.mark.parametrize("spec", ["ring8", "grid25", "fork"])
def test_runs_of_cells_of_a_plane_begin_anywhere(spec):
    real, _, grid = cells.sides_of(spec, spec, "61x47")
    whole = masses_of(real.source.spec, grid.whole())
    for start, stop in ((0, 1), (17, 1234), (2000, 61 * 47)):
        found = real.source.masses(grid, start, stop)
        np.testing.assert_array_equal(found, whole.reshape(-1)[start:stop])


# --- losses ---


def test_a_killed_worker_costs_no_byte_and_is_told(client):
    arguments = {"grid": 3 * SPAN, "tol": 0, "max_steps": 60}
    one = rg.glgd(**arguments)
    pid = sorted(client.run(os.getpid).items())[0][1]
    killed, told = [], []

    def kill(step, *_):
        if step >= 8 and not killed:
            killed.append(step)
            os.kill(pid, signal.SIGKILL)

    chunked = grids.glgd(
        **arguments, scheduler=client, chunk_spans=1, progress=kill, tell=told.append
    )
    assert killed and killed[0] < 60
    assert_same(chunked, one)
    assert "was lost with" in told[0] and "recorded operations" in told[1]
    assert chunked.replayed == tuple(told)


CLIENT = """
import os, signal, sys
from ratiogan.cluster import grids

def stop(step, *_):
    if step >= 20:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))

if __name__ == "__main__":
    found = grids.glgd(grid=1_100_000, tol=0, max_steps=60, record=7, scheduler="local:2",
                       checkpoint=sys.argv[1], chunk_spans=1, progress=stop)
    print(found.status.value)
"""


@pytest.mark.parametrize("word", ["SIGKILL", "SIGINT"])
def test_a_client_that_was_lost_goes_on_with_the_same_bytes(client, tmp_path, word):
    folder = tmp_path / "kept"
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    done = subprocess.run(
        [sys.executable, str(script), str(folder), word],
        capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )  # fmt: skip
    assert (done.returncode == -signal.SIGKILL) == (word == "SIGKILL"), done.stderr
    asked = [json.loads(line)[0] for line in (folder / "journal.jsonl").read_text().splitlines()]
    marched = asked.count("march")
    assert 20 <= marched < 60
    if word == "SIGINT":
        assert done.stdout == "interrupted\n"
    else:  # killed in the middle of a line
        with open(folder / "journal.jsonl", "a") as file:
            file.write('["march", [0.0')
    arguments = {"grid": 1_100_000, "tol": 0, "max_steps": 60, "record": 7}
    told = []
    chunked = grids.glgd(
        **arguments, scheduler=client, checkpoint=folder, chunk_spans=1, tell=told.append
    )
    assert_same(chunked, rg.glgd(**arguments))
    assert "replayed 2 chunks of 2" in told[0]
    with pytest.raises(InputError, match="is of other work: its alpha is auto, here it is"):
        grids.glgd(**arguments, alpha=0.5, scheduler=client, checkpoint=folder)
    # A third call finds all answers; only the chunks are made again, and only if they are asked.
    again = grids.glgd(**arguments, scheduler=client, checkpoint=folder)
    assert again.trace.cost.tolist() == chunked.trace.cost.tolist()


def test_a_checkpoint_goes_on_with_other_workers(client, tmp_path, monkeypatch):
    # So that a block has more steps the more workers there are, as on 1e8 cells.
    monkeypatch.setattr(grids, "LARGEST_BLOCK", 1 << 12)
    arguments = {"grid": 10_000, "max_steps": 30, "tol": 0, "record": "log"}
    kept = tmp_path / "kept"
    first = grids.glgd(**arguments, scheduler=client, checkpoint=kept)
    lines = (kept / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (kept / "journal.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    with connected("local:1") as alone:
        assert_same(grids.glgd(**arguments, scheduler=alone, checkpoint=kept), first.gather())


def test_another_density_does_not_go_on_with_a_checkpoint(client, tmp_path):
    def around(mean):
        return lambda y: np.exp(-((y - mean) ** 2))

    arguments = {"grid": 500, "domain": "-4:4", "scheduler": client, "checkpoint": tmp_path / "c"}
    first = grids.glgd(gen=around(0.0), **arguments)
    assert grids.glgd(gen=around(0.0), **arguments).finding == first.finding
    with pytest.raises(InputError, match="is of other work: its gen is density"):
        grids.glgd(gen=around(1.5), **arguments)


def test_a_worker_lost_between_two_layouts(client):
    """`restrict` lays the chunks out twice, and the first ones must be gone by then."""
    arguments = {
        **{"real": "uniform:low=-1,high=2.5", "gen": "normal", "singular": "restrict"},
        **{"grid": 3 * SPAN, "domain": "-3:3", "max_steps": 3},
    }
    one = rg.glgd(**arguments)
    crew, load = grids.Crew, grids.Crew.load
    pid = sorted(client.run(os.getpid).items())[0][1]
    loads = []

    def killing(self, recipes):
        loads.append(len(recipes))
        if len(loads) == 2:
            os.kill(pid, signal.SIGKILL)
            time.sleep(1)  # the client knows by then
        load(self, recipes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "load", killing)
        found = grids.glgd(**arguments, scheduler=client, chunk_spans=1)
    assert len(loads) == 2
    assert_same(found, one)


def test_what_was_freed_is_not_waited_for():
    with rg.glgd(grid=100, scheduler="local:1") as freed:
        assert freed.ratio.shape == (100,)
    with pytest.raises(InputError, match=r"R was freed by close\(\)"):
        freed.summary()


# --- what is not done by accident ---


def test_large_runs_are_neither_moved_nor_saved_unasked(client, tmp_path, monkeypatch):
    monkeypatch.setattr(solution, "GATHERED", 1000)
    cells = 4096 * 305
    chunked = grids.glgd(grid=cells, geometry="fisher", scheduler=client)
    with pytest.raises(InputError, match=r"too many to be moved by accident.*gather\(\)"):
        _ = chunked.ratio
    coarse = chunked.coarse()
    assert coarse.ratio.shape == (4096,)
    assert coarse.real.mass.sum() == pytest.approx(1, abs=1e-14)
    assert np.abs(coarse.ratio - 1).max() < 1e-10
    start = rg.glgd(grid=4096, max_steps=1).gen.mass
    np.testing.assert_allclose(coarse.gen.mass, start, rtol=1e-9)
    assert "sums over the 1249280 of the run" in chunked.summary()
    assert chunked.save(tmp_path, chunks=False) == ["run.npz"]
    names = chunked.save(tmp_path)
    assert names == ["chunk-0000.npz", "chunk-0001.npz", "chunks.json", "run.npz"]
    parts = list(solution.read_chunks(tmp_path))
    np.testing.assert_array_equal(
        np.concatenate([ratio for _, ratio, _ in parts]), chunked.gather().ratio
    )
    assert np.concatenate([numbers for numbers, *_ in parts]).tolist() == list(range(cells))
    assert rg.load(tmp_path).finding == chunked.finding


def test_the_command_prints_and_writes_what_it_does_in_one_process(client, tmp_path, capsys):
    address = client.scheduler.address
    printed, files = [], []
    for where, extra in (("one", []), ("two", ["--scheduler", address])):
        folder = tmp_path / where
        assert main(["run", "glgd", "--grid", "300", "--no-plot", "-o", str(folder), *extra]) == 0
        printed.append(capsys.readouterr().out.splitlines())
        files.append(np.load(folder / "run.npz"))
    assert printed[1][0] == f"{printed[0][0]}   2 workers, 1 chunk"
    assert printed[1][1:-2] == printed[0][1:-2]
    for name in files[0].files:
        if name != "meta":
            np.testing.assert_array_equal(files[0][name], files[1][name])


def test_the_command_saves_a_large_run_whole_in_a_folder_of_its_own_only(
    client, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    command = ["run", "glgd", "--grid", str(CELLS), "--geometry", "fisher", "--no-plot"]
    command += ["--scheduler", client.scheduler.address]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "R itself (0.01 GB) was not saved" in out
    assert sorted(os.listdir("ratiogan-runs/glgd-001")) == ["log.txt", "report.json", "run.npz"]
    assert main([*command, "-o", "whole", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["timing"]["workers"] == 2
    assert found["input"]["grid"]["shape"] == [CELLS]
    assert {"chunks.json", "chunk-0000.npz", "run.npz"} <= set(os.listdir("whole"))
    assert main(["plot", "whole", "-o", "figure.png"]) == 0


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"step": "newton"}, "constant steps .* got step newton"),
        ({"geometry": "logits"}, "got geometry logits"),
        ({"alpha": 1e5, "geometry": "reference"}, "steps up to 1e3"),
        ({"real": lambda y: y, "gen": "normal"}, "a density needs its cells"),
        (
            {"real": lambda y: y, "gen": "normal", "grid": 100, "domain": "-1:1"},
            r"pdf must be finite and not negative, got -0.999.* in cell 0",
        ),
        (
            {"gen": lambda y: np.where(y > 0.9, -1, 1), "grid": 2 * SPAN, "domain": "-1:1"},
            r"pdf must be finite and not negative, got -1 in cell 1992295",
        ),
        ({"real": "normal:mean=90", "domain": "-1:1"}, "has no mass on"),
        ({"chunk_spans": 0}, "chunk_spans must be at least 1"),
        ({"grid": "20x20"}, "the problem"),
        (
            {"real": "uniform:low=-1,high=1", "gen": "normal", "domain": "-2:2"},
            r"of the generator's mass lies where p_r = 0 \(cells 0",
        ),
        ({"grid": 4 * 10**17}, "narrower than numbers can tell|a grid needs"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(client, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        grids.glgd(**arguments, scheduler=client)


def test_a_game_of_ones_own_is_refused(client, tmp_path):
    loss = '{"loss_real": lambda f: -np.log(f), "loss_gen": lambda f: -np.log1p(-f)}'
    (tmp_path / "own.py").write_text(f"import numpy as np\nloss = {loss}\n")
    with pytest.raises(InputError, match=r"got game .*own\.py:loss.*leave out the scheduler"):
        grids.glgd(game=f"{tmp_path}/own.py:loss", scheduler=client)


def test_chunks_beyond_the_memory_of_a_worker_are_refused(client, monkeypatch):
    known = grids.workers_of(client)
    small = {address: {**facts, "memory_limit": 10**7} for address, facts in known.items()}
    monkeypatch.setattr(grids, "workers_of", lambda _: small)
    with pytest.raises(InputError, match=r"a chunk of 1048576 cells needs .* GB, the worker tcp"):
        grids.glgd(grid=2 * SPAN, scheduler=client, chunk_spans=1)


def test_checkpoint_and_threads_need_the_right_place(capsys):
    with pytest.raises(InputError, match="there is no scheduler"):
        rg.glgd(grid=16, checkpoint="somewhere")
    with pytest.raises(InputError, match="threads are those of this process"):
        rg.glgd(grid=16, scheduler="local:2", threads=2)
    assert main(["run", "glgd", "--checkpoint", "somewhere"]) == 2
    assert not os.path.exists("somewhere")
    for algorithm in ("glgd", "conditional"):
        assert main(["run", algorithm, "--scheduler", "local:2", "--threads", "2"]) == 2
        assert "threads are those of this process" in capsys.readouterr().err
    assert main(["run", "glgd", "--scheduler", "local"]) == 2
    assert "local:N or tcp://HOST:PORT" in capsys.readouterr().err


def test_a_worker_that_cannot_write_is_named(client, tmp_path):
    chunked = grids.glgd(grid=64, scheduler=client)
    (tmp_path / "chunk-0000.npz").mkdir()
    with pytest.raises(InputError, match=r"the machine .* cannot write .*chunk-0000"):
        chunked.save(tmp_path)
