"""Manhattan transport on grids, certified to 1e-4, beside OR-tools' exact min-cost flow."""

import subprocess
import sys
import time
from itertools import repeat

from benchmarks.timing import Row, alternate, pin_to_one_core

TOL = 1e-4
KINDS = ("smooth", "field", "rough", "white", "image", "shift")
TOTAL = 10**7

_MEMORY = """
import resource

from benchmarks.manhattan import pair, solver

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
solver(pair("rough", (512, 512)))()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before)
"""


def manhattan(quick):
    """Rows for one core: times per kind of pair, ratios to OR-tools, memory."""
    pin_to_one_core()
    rows = [_compilation()]
    rows += _beside_or_tools((64, 64), ">= 8", 5)
    if quick:
        return rows
    rows += _beside_or_tools((256, 256), ">= 50", 1, ("field", "rough", "image"))
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
    uniform noise; image: discs with noise; shift: such an image, one pixel on; atoms, many atoms:
    a few cells, or some per row.
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


def _beside_or_tools(shape, target, rounds, kinds=KINDS):
    rows = []
    for kind in kinds:
        masses = pair(kind, shape)
        contenders = {"ratiogan": solver(masses)}
        contenders["ratiogan"]()
        if (other := _or_tools(masses)) is not None:
            contenders["OR-tools"] = other
        found = alternate(contenders, rounds)
        label = f"{_name(shape)}, {kind}"
        rows.append(found.row(f"{label}: ratiogan, certified 1e-4", "ratiogan"))
        if other is not None:
            rows.append(
                found.ratio(
                    f"{label}: OR-tools, exact / ratiogan", "OR-tools", "ratiogan", target=target
                )
            )
    return rows


def _alone(shape, target):
    rows = []
    for kind in KINDS:
        call = solver(pair(kind, shape))
        call()
        found = alternate({"ratiogan": call}, 5)
        name = f"{_name(shape)}, {kind}: ratiogan, certified 1e-4"
        rows.append(found.row(name, "ratiogan", target=target))
    return rows
