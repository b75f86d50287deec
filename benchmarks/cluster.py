"""GLGD on worker processes beside one process: what a step costs more, and what it costs at all."""

import math
import os
import time

from benchmarks.timing import Row, alternate

_SPAN = 1 << 20


def cluster(quick):
    """Rows: the overhead of a step, its growth with the workers, a large grid, the cost model."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        return [Row("needs pip install '.[dask]'", math.nan, "")]
    rows, latency = _overheads(quick)
    large, bandwidth = _large(quick)
    return [*rows, *large, *_predictions(latency, bandwidth)]


def _stepping(size, steps, threads=None, client=None):
    """A function that takes steps, and returns the seconds of each; R is made before."""
    from ratiogan.cluster.cells import sides_of
    from ratiogan.cluster.crew import Crew
    from ratiogan.cluster.grids import ChunkedGLGD
    from ratiogan.solvers.glgd import GLGD

    settings = {"alpha": 1e-3, "tol": 0, "max_steps": 10**6}  # so that no step is the last
    if client is None:
        solver = GLGD(grid=size, threads=threads, **settings)
    else:
        solver = ChunkedGLGD(
            Crew(client), *sides_of(grid=size), game="non-saturating", geometry="reference",
            step="constant", singular="error", **settings,
        )  # fmt: skip

    def take():
        left, start = steps, time.perf_counter()
        while left:
            left -= solver.advance(left)
        return (time.perf_counter() - start) / steps

    take.solver = solver
    take()
    return take


def _overheads(quick):
    """A chunk of one span for every worker: 0.7 ms of work, the rest is the way there and back."""
    from ratiogan.cluster import connected

    rounds, steps = (3, 64) if quick else (9, 256)
    rows, points = [], []
    for workers in (1, 2, 4) if quick else (1, 2, 4, 8):
        size = workers * _SPAN
        threads = min(workers, os.cpu_count() or 1)
        with connected(f"local:{workers}") as client:
            contenders = {
                "threads": _stepping(size, steps, threads=threads),
                "workers": _stepping(size, steps, client=client),
            }
            found = alternate(contenders, rounds)
        over = [b - a for a, b in zip(*found.times.values(), strict=True)]
        points.append((workers, sorted(over)[len(over) // 2]))
        found.times["over"] = over
        name = f"local:{workers}, a span each: more per step than {threads} thread(s)"
        target = "<= 5" if workers == 2 else ""
        rows.append(found.row(name, "over", 1e-3, "ms", target=target))
    return rows, points


def _large(quick):
    """A grid that takes its time: bandwidth counts."""
    from ratiogan.cluster import connected

    size, steps = (16_000_000, 15) if quick else (160_000_000, 15)
    cores = os.cpu_count() or 1
    rows = []
    with connected(f"local:{cores}") as client, connected("local:1") as one:
        contenders = {
            "threads": _stepping(size, steps, threads=cores),
            "workers": _stepping(size, steps, client=client),
            "one worker": _stepping(size, steps, client=one),
        }
        found = alternate(contenders, 3)
    label = f"{size:.2g} cells"
    rows += [found.row(f"{label}: {name}, per step", name, 1e-3, "ms") for name in contenders]
    rows.append(
        found.ratio(
            f"{label}: speed of local:{cores} over that of {cores} threads in one process",
            "threads", "workers", target=">= 0.8",
        )
    )  # fmt: skip
    bandwidth = 24 * size / sorted(found.times["workers"])[1] / cores
    rows.append(Row(f"{label}: 24 bytes a cell and step, of each worker", bandwidth / 1e9, "GB/s"))
    return rows, bandwidth


def _predictions(latency, bandwidth):
    """The model: 24 N/(workers bandwidth) + latency(workers), the latter a line."""
    import numpy as np

    slope, constant = np.polyfit(*np.array(latency).T, 1)
    constant = max(0.0, constant)
    rows = [
        Row("model: latency of a step, constant", 1e3 * constant, "ms"),
        Row("model: latency of a step, per worker", 1e3 * slope, "ms"),
    ]
    for workers in (10, 100):
        wait = constant + slope * workers
        for cells in (1e10, 1e12):
            work = 24 * cells / (workers * bandwidth)
            share = f"the sum takes {100 * wait / (wait + work):.2g}%"
            name = f"model: {cells:.0e} cells on {workers} workers, per step"
            rows.append(Row(name, work + wait, "s", notes=share))
        name = f"model: cells at which {workers} workers wait as long as they work"
        rows.append(Row(name, wait * workers * bandwidth / 24, "cells"))
    return rows
