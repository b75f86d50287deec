"""Manhattan transport on grids, certified to 1e-4, beside OR-tools' exact min-cost flow."""

import os
import subprocess
import sys
import time
from itertools import repeat

from benchmarks.timing import Rounds, Row, alternate, pin_to_one_core

TOL = 1e-4
KINDS = ("smooth", "field", "rough", "white", "heaps", "image", "many atoms", "shift")
SEEDS = (0, 1, 2)
TOTAL = 10**7

_MEMORY = """
import resource

from benchmarks.manhattan import pair, solver

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
solver(pair("rough", (512, 512)))()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before)
"""

_BUSY = """
import time

from benchmarks.manhattan import pair, solver

call = solver(pair("rough", (90, 90)))
call()
start = time.perf_counter()
for _ in range(10):
    call()
print(time.perf_counter() - start)
"""


def manhattan(quick):
    """Rows for one core: times per kind of pair, ratios to OR-tools, memory."""
    pin_to_one_core()
    rows = [_compilation()]
    rows += _beside_or_tools((64, 64), ">= 8", 3)
    rows += _among_threads()
    if quick:
        return rows
    kinds = ("smooth", "rough", "image", "many atoms", "shift")
    rows += _beside_or_tools((256, 256), ">= 50", 1, kinds, SEEDS[:1])
    rows += _alone((512, 512), "<= 1.2") + _alone((64, 64, 64), "<= 2")
    done = subprocess.run([sys.executable, "-c", _MEMORY], stdout=subprocess.PIPE, text=True)
    peak, before = (int(kilobytes) / 1024 for kilobytes in done.stdout.split())
    rows.append(
        Row(
            "512 x 512, rough: peak memory of the process", peak, "MB", target="<= 400",
            notes=f"{before:.0f} MB of it before the solve",
        )
    )  # fmt: skip
    return rows


def pair(kind, shape, seed=0):
    """Whole masses of p_g and p_r with the sum `TOTAL`.

    smooth: Gaussians; field, rough: exp of random fields with spectrum k^-2 and k^-1/2; white:
    uniform noise; heaps: such noise, a fifth of it on one cell at the border; image: discs with
    noise; shift: such an image, one pixel on; atoms, many atoms: a few cells, or some per row.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    x = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in shape], indexing="ij")

    def bump(centre, width):
        return np.exp(-sum((a - c) ** 2 for a, c in zip(x, centre, strict=False)) / 2 / width**2)

    def field(decay):
        waves = np.meshgrid(*[np.fft.fftfreq(n) * n for n in shape], indexing="ij")
        falling = (sum(k * k for k in waves) + 1.0) ** (-decay / 2)
        values = np.fft.ifftn(np.fft.fftn(rng.normal(size=shape)) * falling).real
        return np.exp((values - values.mean()) / values.std())

    def image():
        picture = 0.05 + 0.05 * rng.random(shape)
        for _ in range(12):
            centre, radius = rng.random(len(shape)), 0.05 + 0.2 * rng.random()
            inside = sum((a - c) ** 2 for a, c in zip(x, centre, strict=True)) < radius**2
            picture[inside] = rng.random()
        return picture

    def heaped(n):
        mass = rng.random(shape)
        mass[(0,) * (len(shape) - 1) + (n,)] += 0.25 * mass.sum()
        return mass

    def some(count):
        mass = np.zeros(shape)
        mass.flat[rng.integers(0, mass.size, count)] = 0.1 + rng.random(count)
        return mass

    if kind == "smooth":
        gen = bump((0.3, 0.3, 0.3), 0.1) + 0.5 * bump((0.7, 0.3, 0.5), 0.07) + 1e-3
        return integers(gen), integers(bump((0.6, 0.7, 0.4), 0.12) + 1e-3)
    if kind == "shift":
        picture = integers(image() * (x[0] < 1.0 - 1.0 / shape[0]))
        return picture, np.roll(picture, 1, axis=0)
    if kind == "heaps":
        return tuple(integers(heaped(n)) for n in (shape[-1] // 8, shape[-1] - shape[-1] // 8))
    counts = {"atoms": iter((6, 4)), "many atoms": repeat(4 * max(shape))}
    if kind in counts:
        return tuple(integers(some(next(counts[kind]))) for _ in range(2))
    make = {"field": lambda: field(2.0), "rough": lambda: field(0.5), "image": image}
    return tuple(integers(make.get(kind, lambda: rng.random(shape))()) for _ in range(2))


def integers(mass):
    """Whole numbers near the masses, with the sum `TOTAL`."""
    import numpy as np

    # What rounding leaves over is spread: heaped on one cell it would be another problem.
    return (
        np.diff(np.rint(np.cumsum(mass / mass.sum()) * TOTAL), prepend=0.0)
        .reshape(mass.shape)
        .astype(np.int64)
    )


def solver(masses):
    """A call that solves to `TOL`, and fails where that is not reached."""
    import numpy as np

    from ratiogan.transport import manhattan as module

    gen, real = (mass / TOTAL for mass in masses)
    edges = [np.arange(n + 1.0) for n in gen.shape]

    def call():
        if not module.manhattan(gen, real, edges, tol=TOL).reached:
            raise RuntimeError("the tolerance was not reached")

    return call


def _or_tools(masses):
    """OR-tools' network simplex on the grid graph; only the solve counts. None without it."""
    import numpy as np

    try:
        from ortools.graph.python.min_cost_flow import SimpleMinCostFlow
    except ImportError:
        return None
    gen, real = masses
    number = np.arange(gen.size).reshape(gen.shape)
    tails = np.concatenate([number.take(range(n - 1), a).ravel() for a, n in enumerate(gen.shape)])
    heads = np.concatenate([number.take(range(1, n), a).ravel() for a, n in enumerate(gen.shape)])
    bound, ones = np.full(tails.size, TOTAL), np.ones(tails.size, dtype=np.int64)

    def call():
        flow = SimpleMinCostFlow()
        flow.add_arcs_with_capacity_and_unit_cost(tails, heads, bound, ones)
        flow.add_arcs_with_capacity_and_unit_cost(heads, tails, bound, ones)
        flow.set_nodes_supplies(number.ravel(), (gen - real).ravel())
        start = time.perf_counter()
        if flow.solve() != flow.OPTIMAL:
            raise RuntimeError("OR-tools found no optimum")
        return time.perf_counter() - start

    return call


def _name(shape):
    return " x ".join(map(str, shape))


def _compilation():
    call = solver(pair("white", (16, 16)))
    start = time.perf_counter()
    call()
    taken = time.perf_counter() - start
    return Row("first call: kernels compiled, or loaded from the cache", taken, "s")


def _rounds(makers, shape, kind, rounds, seeds):
    """Alternating runs on pairs of several seeds, all in one: none is what parameters were set by.

    `makers` are functions from masses to a call; one that returns None is left out.
    """
    found = Rounds()
    for seed in seeds:
        masses = pair(kind, shape, seed)
        contenders = {name: make(masses) for name, make in makers.items()}
        contenders = {name: call for name, call in contenders.items() if call is not None}
        contenders["ratiogan"]()
        for name, times in alternate(contenders, rounds).times.items():
            found.times.setdefault(name, []).extend(times)
    return found


def _beside_or_tools(shape, target, rounds, kinds=KINDS, seeds=SEEDS):
    rows = []
    for kind in kinds:
        found = _rounds({"ratiogan": solver, "OR-tools": _or_tools}, shape, kind, rounds, seeds)
        label = f"{_name(shape)}, {kind}"
        rows.append(found.row(f"{label}: ratiogan, certified 1e-4", "ratiogan"))
        if "OR-tools" in found.times:
            rows.append(
                found.ratio(
                    f"{label}: OR-tools, exact / ratiogan", "OR-tools", "ratiogan", target=target
                )
            )
    return rows


def _among_threads():
    """What a process that may use all cores loses to threads of BLAS while others keep them busy.

    The sizes are those of products with the cosine matrix that BLAS would spread over threads.
    """
    if not hasattr(os, "sched_setaffinity"):
        return []
    times = {}
    for others in (0, os.cpu_count()):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(others)]
        for process in busy:
            os.sched_setaffinity(process.pid, range(os.cpu_count()))
        try:
            done = subprocess.run(
                [sys.executable, "-c", _BUSY], stdout=subprocess.PIPE, text=True,
                preexec_fn=lambda: os.sched_setaffinity(0, range(os.cpu_count())),
            )  # fmt: skip
        finally:
            for process in busy:
                process.kill()
        times[others] = float(done.stdout)
    return [
        Row(
            "90 x 90, rough: all cores busy / idle, all cores allowed",
            times[os.cpu_count()] / times[0], "x", target="<= 3",
        )
    ]  # fmt: skip


def _alone(shape, target):
    rows = []
    for kind in KINDS:
        found = _rounds({"ratiogan": solver}, shape, kind, 2, SEEDS)
        name = f"{_name(shape)}, {kind}: ratiogan, certified 1e-4"
        rows.append(found.row(name, "ratiogan", target=target))
    return rows
