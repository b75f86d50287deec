"""The batched conditional step: 1,000 rows of 1,024 cells, on one thread and on two, beside NumPy.

How much two threads can gain on this machine at this moment is what a loop of nothing but
arithmetic gains, timed in the same rounds.
"""

import os

from benchmarks.timing import alternate

ROWS, CELLS, STEPS = 1_000, 1_024, 64
ALPHA = 1e-3  # small: no row meets its tolerance while it is timed
STRIP = 32  # rows that the NumPy twin keeps in the second-level cache


def conditional(quick):
    """Rows for one thread and two, in turn."""
    import ratiogan as rg

    rows, steps = (200, 16) if quick else (ROWS, STEPS)
    threads = min(2, os.cpu_count() or 1)
    real, gen = problem(rows)
    contenders = {
        "one": stepper(real, gen, 1, steps),
        "two": stepper(real, gen, threads, steps),
        "arithmetic, one": arithmetic(1),
        "arithmetic, two": arithmetic(threads),
        "solve, one": lambda: rg.conditional(real, gen, threads=1).seconds,
        "solve, two": lambda: rg.conditional(real, gen, threads=threads).seconds,
        "trace row, one": trace_row(real, gen, 1),
        "trace row, two": trace_row(real, gen, threads),
        "NumPy": numpy_twin(real, gen, rows, steps),
        "NumPy in strips": numpy_twin(real, gen, STRIP, steps),
    }
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 9)
    per = rows * CELLS * steps / 1e9
    label = f"{rows:,} x {CELLS:,} cells, {steps} steps a call"
    target = "" if quick else ">= 1.6"
    return [
        found.row(f"{label}: one thread, per cell and step", "one", per, "ns"),
        found.row(f"{label}: two threads", "two", per, "ns"),
        found.ratio("two threads instead of one", "one", "two", target=target),
        found.ratio(
            "the same, a loop of arithmetic only", "arithmetic, one", "arithmetic, two",
            notes="what this machine has to give",
        ),
        found.ratio("NumPy in place / ratiogan, one thread", "NumPy", "one"),
        found.ratio(f"NumPy in place, {STRIP} rows at a time / ratiogan", "NumPy in strips", "one"),
        found.row("rg.conditional to tol 1e-10, one thread", "solve, one", 1.0, "s"),
        found.row("rg.conditional to tol 1e-10, two threads", "solve, two", 1.0, "s"),
        found.row("a row of the trace, one thread", "trace row, one", 1e-3, "ms"),
        found.row("a row of the trace, two threads", "trace row, two", 1e-3, "ms"),
    ]  # fmt: skip


def problem(rows):
    """p(y|x) a Gaussian on a floor that moves with x, p_g(y|x) a wider one that moves less."""
    import numpy as np

    import ratiogan as rg

    grid = rg.Grid.regular((rows, CELLS), (0, -4), (1, 4))
    x, y = grid.centres[0][:, None], grid.centres[1]
    real = np.exp(-0.5 * (y - x) ** 2) + 0.1
    gen = np.exp(-0.4 * (y - 0.5 * x) ** 2) + 0.1
    sides = (side / side.sum(axis=1, keepdims=True) for side in (real, gen))
    return tuple(rg.Distribution.from_mass(side, grid) for side in sides)


def stepper(real, gen, threads, steps):
    """A function that takes a block of steps as the solver does."""
    from ratiogan.solvers.conditional import Conditional

    solver = Conditional(real, gen, alpha=ALPHA, tol=0.0, threads=threads)
    solver.rule.block[:] = steps

    def call():
        assert solver.advance(steps) == steps

    return call


def trace_row(real, gen, threads):
    from ratiogan.solvers.conditional import Conditional

    solver = Conditional(real, gen, threads=threads)
    return lambda: solver.measure() and None


def numpy_twin(real, gen, strip, steps):
    """The step in NumPy, in place, `strip` rows at a time: w u once, its sums, one array beside."""
    import numpy as np

    masses = real.mass / real.mass.sum(axis=1, keepdims=True)
    ratio = gen.mass / gen.mass.sum(axis=1, keepdims=True) / masses
    signal, mean = np.empty((strip, CELLS)), np.empty((strip, 1))

    def call():
        for first in range(0, len(ratio), strip):
            r, w = ratio[first : first + strip], masses[first : first + strip]
            u, m = signal[: len(r)], mean[: len(r)]
            for _ in range(steps):
                np.log1p(r, out=u)
                np.einsum("ij,ij->i", w, u, out=m[:, 0])
                np.subtract(u, m, out=u)
                np.multiply(u, ALPHA, out=u)
                np.subtract(r, u, out=r)

    return call


def arithmetic(threads):
    """The same amount of additions and multiplications on any number of threads, no memory."""
    import numba
    import numpy as np

    from ratiogan.solvers.team import Team

    @numba.njit(nogil=True)
    def spin(a, times):
        for _ in range(times):
            for i in range(a.size):
                x = a[i]
                for _ in range(8):
                    x = x * 0.999 + 1e-3
                a[i] = x

    team, arrays = Team(threads), np.ones((16, 1_024))

    def work(rows):
        for row in arrays[rows]:
            spin(row, 2_000)

    return lambda: team.over_rows(work, len(arrays)) and None
