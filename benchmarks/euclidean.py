"""Euclidean transport on grids with certified gaps, beside POT's exact network simplex."""

import subprocess
import sys
import time

from benchmarks.manhattan import TOTAL, pair
from benchmarks.timing import Rounds, Row, alternate, pin_to_one_core

KINDS = ("smooth", "field", "rough", "white", "image", "shift", "many atoms")
SEEDS = (0, 1)

_MEMORY = """
import resource

from benchmarks.euclidean import solver
from benchmarks.manhattan import pair

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
solver(pair("field", (512, 512)), 4e-3)()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before)
"""


def euclidean(quick):
    """Rows for one core: times per kind of pair and tolerance, ratios to POT, memory."""
    pin_to_one_core()
    rows = [_compilation()]
    rows += _beside_pot((64, 64), 3e-3, ">= 8", 3)
    rows += _alone((64, 64), 1e-4, "<= 4")
    if quick:
        return rows
    rows += _beside_pot((128, 128), 3e-3, ">= 80", 1, kinds=("image", "rough"), seeds=(0,))
    rows += _alone((128, 128), 1e-4, "<= 40")
    rows += _alone((256, 256), 3e-3, "<= 5")
    # Short ways, in cells, are left to the network simplex, which takes minutes on these grids.
    rows += _alone((512, 512), 4e-3, "<= 25", ("smooth", "field", "rough", "image", "shift"))
    rows += _alone((64, 64, 64), 1e-2, "<= 60", ("smooth", "field", "image"))
    done = subprocess.run([sys.executable, "-c", _MEMORY], stdout=subprocess.PIPE, text=True)
    peak, before = (int(kilobytes) / 1024 for kilobytes in done.stdout.split())
    rows.append(
        Row(
            "512 x 512, field: peak memory of the process", peak, "MB", target="<= 400",
            notes=f"{before:.0f} MB of it before the solve",
        )
    )  # fmt: skip
    return rows


def solver(masses, tol):
    """A call that solves to `tol`, and fails where that is not reached."""
    import numpy as np

    from ratiogan.transport import euclidean as module

    gen, real = (mass / TOTAL for mass in masses)
    edges = [np.arange(n + 1.0) for n in gen.shape]

    def call():
        if not module.euclidean(gen, real, edges, tol=tol, plan=True).reached:
            raise RuntimeError("the tolerance was not reached")

    return call


def _pot(masses):
    """POT's network simplex on what is left of the masses; only the solve counts."""
    import numpy as np

    try:
        import ot
    except ImportError:
        return None
    gen, real = masses
    difference = (real - gen).ravel()
    surplus, deficit = np.flatnonzero(difference < 0), np.flatnonzero(difference > 0)
    places = np.argwhere(np.ones(gen.shape)).astype(float)
    away = np.zeros((surplus.size, deficit.size))
    for along in places.T:
        away += (along[surplus][:, None] - along[deficit]) ** 2
    np.sqrt(away, out=away)
    moved = -difference[surplus] / -difference[surplus].sum()
    wanted = difference[deficit] / difference[deficit].sum()

    def call():
        start = time.perf_counter()
        ot.emd2(moved, wanted, away, numItermax=10**9, numThreads=1)
        return time.perf_counter() - start

    return call


def _name(shape):
    return " x ".join(map(str, shape))


def _compilation():
    call = solver(pair("white", (16, 16)), 1e-5)
    start = time.perf_counter()
    call()
    taken = time.perf_counter() - start
    return Row("first call: kernels compiled, or loaded from the cache", taken, "s")


def _rounds(makers, shape, kind, rounds, seeds):
    found = Rounds()
    for seed in seeds:
        masses = pair(kind, shape, seed)
        contenders = {name: make(masses) for name, make in makers.items()}
        contenders = {name: call for name, call in contenders.items() if call is not None}
        for name, times in alternate(contenders, rounds).times.items():
            found.times.setdefault(name, []).extend(times)
    return found


def _beside_pot(shape, tol, target, rounds, kinds=KINDS, seeds=SEEDS):
    rows = []
    for kind in kinds:
        makers = {"ratiogan": lambda masses: solver(masses, tol), "POT": _pot}
        found = _rounds(makers, shape, kind, rounds, seeds)
        label = f"{_name(shape)}, {kind}"
        rows.append(found.row(f"{label}: ratiogan, certified {tol:g}", "ratiogan"))
        if "POT" in found.times:
            rows.append(
                found.ratio(f"{label}: POT, exact / ratiogan", "POT", "ratiogan", target=target)
            )
    return rows


def _alone(shape, tol, target, kinds=KINDS):
    rows = []
    for kind in kinds:
        makers = {"ratiogan": lambda masses: solver(masses, tol)}
        found = _rounds(makers, shape, kind, 1, SEEDS)
        name = f"{_name(shape)}, {kind}: ratiogan, certified {tol:g}"
        rows.append(found.row(name, "ratiogan", target=target))
    return rows
