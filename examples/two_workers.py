"""Counts, a sweep and a grid on two worker processes, one of which is killed: nothing changes.

Needs the extra `dask`: pip install '.[dask]'.
"""

import os
import signal

import numpy as np

import ratiogan as rg
from ratiogan.cluster import connected

PARTS, ROWS = 8, 50_000
CELLS, STEPS = 2_500_000, 60


def counts(client):
    """Histograms of parts on disk."""
    names = [f"part-{k}.npy" for k in range(PARTS)]
    for k, name in enumerate(names):
        rows = np.random.default_rng(k).normal(0.3 * (k % 2), 1.0, size=ROWS)
        np.save(name, rows)
    settings = {"grid": 512, "domain": "-4:4"}
    alone, spread = rg.count(names, **settings), rg.count(names, **settings, scheduler=client)
    same = spread == alone
    return f"counts: {spread.rows} rows of {PARTS} files on 512 cells, the same as alone: {same}."


def sweep(client):
    """A map of two settings of training, a task for every run."""
    settings = {
        "sweep": {"alpha_gen": [1e-4, 1e-3, 1e-2], "disc_steps": [1, 5]},
        **{"grid": 64, "max_steps": 2000},
    }
    alone = rg.compare("training", **settings)
    spread = rg.compare("training", **settings, scheduler=client)
    same = all(
        np.array_equal(a.ratio, b.ratio) and np.array_equal(a.trace.js, b.trace.js)
        for a, b in zip(alone.runs, spread.runs, strict=True)
    )
    return f"sweep: {spread.finding} The same as alone: {same}."


def grid(client):
    """GLGD on a grid in chunks; a worker is killed on the way."""
    victims = [next(iter(client.run(os.getpid).values()))]

    def kill(step, *_):
        if victims and step >= STEPS // 3:
            os.kill(victims.pop(), signal.SIGKILL)

    settings = {"grid": CELLS, "tol": 0, "max_steps": STEPS}
    alone = rg.glgd(**settings)
    spread = rg.glgd(**settings, scheduler=client, progress=kill)
    same = np.array_equal(spread.ratio, alone.ratio)
    lost = spread.replayed[-1].partition(" with")[0]
    return f"grid: {spread.finding} A worker was killed, {lost}; the same as alone: {same}."


if __name__ == "__main__":  # a worker process reads this file, and must not begin again
    with connected("local:2") as client:
        for task in (counts, sweep, grid):
            print(task(client))
