"""The GLGD step (non-saturating, reference, constant) against NumPy, JAX and the memory's speed."""

import os
from concurrent.futures import ThreadPoolExecutor

from benchmarks.timing import alternate, pin_to_one_core

SIZES = (1_000, 10_000, 100_000, 1_000_000, 16_000_000)
ALPHA = 1e-3  # small: no run settles while it is timed

# The floors of the project: how many times faster than the twins A and B, one core.
_AGAINST_A = {1_000: ">= 5", 10_000: ">= 2", 1_000_000: ">= 3"}
_AGAINST_B = {1_000: ">= 4.5", 10_000: ">= 1.7", 1_000_000: ">= 2"}


def one_core(quick):
    """Rows for one thread, everything pinned to one core."""
    pin_to_one_core()
    rows = []
    for size in SIZES[: 3 if quick else None]:
        rows += _against_others(size, 1, quick)
    return rows


def all_cores(quick):
    """Rows for all cores, and the triad on them."""
    cores = os.cpu_count() or 1
    rows = []
    for size in SIZES[2 : 4 if quick else None]:
        rows += _against_others(size, cores, quick)
    return rows


def problem(size):
    """R, w and p_r on `size` cells of [-4, 4]: two Gaussians on a floor, R between 0.8 and 1.4."""
    import numpy as np

    y = np.linspace(-4.0, 4.0, size)
    masses = np.exp(-0.5 * y * y) + 0.1
    masses /= masses.sum()
    ratio = np.exp(-0.5 * (y - 0.3) ** 2) + 0.1
    ratio /= ratio.sum() * masses
    density = masses * (size / 8.0)
    masses.flags.writeable = density.flags.writeable = False  # as the solver holds them
    return ratio, masses, density


def stepper(size, game="non-saturating", geometry="reference", threads=1):
    """A function that takes a block of steps as the solver does, and the steps in it."""
    from ratiogan import games
    from ratiogan.ratio import Geometry
    from ratiogan.solvers.steps import FusedSteps
    from ratiogan.solvers.team import Team

    ratio, masses, density = problem(size)
    rule = FusedSteps(
        games.game(game), Geometry(geometry, masses, density), ALPHA, 0.0, Team(threads, size)
    )
    steps = block_of(size)
    # Neither R > 0 nor the tolerance ends a block: every call does the same work.
    return (lambda: rule._run(ratio, steps, -1 << 62, -1)), steps


def block_of(size):
    """The longest block the solver runs between two looks at R."""
    from ratiogan.solvers import steps

    return max(1, min(steps.LONGEST_BLOCK, steps.LARGEST_BLOCK // size))


def repeated(function, times):
    """A function that calls `function` so often."""

    def call():
        for _ in range(times):
            function()

    return call


def _against_others(size, cores, quick):
    ours, steps = stepper(size, threads=cores)
    twin_a, twin_b, logarithm = _numpy_twins(size, steps)
    contenders = {"ratiogan": ours, "A": twin_a, "B": twin_b, "log1p": logarithm}
    jax = _jax_twin(size, steps)
    if jax is not None:
        contenders["JAX"] = jax
    if cores > 1:
        contenders["triad"] = _triad(size, steps, cores)
    times = max(1, 4_000_000 // (size * steps))  # some 4 ms a call at the least
    contenders = {name: repeated(call, times) for name, call in contenders.items()}
    contenders["solver"], solver_steps = _solver(size, cores, quick)
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 9)

    per = times * steps * size / 1e9
    both = cores > 1
    label = f"{_text(size)} cells"
    largest = both and size == SIZES[-1]
    rows = [
        found.row(f"{label}: ratiogan, per cell and step", "ratiogan", per, "ns"),
        found.row(
            f"{label}: rg.glgd, by Solution.seconds", "solver", solver_steps * size / 1e9, "ns",
            notes="with two trace rows, a copy per block and blocks that grow from 1",
        ),
        found.ratio(
            f"{label}: NumPy as one writes it (A) / ratiogan", "A", "ratiogan",
            target="" if both else _AGAINST_A.get(size, ""),
        ),
        found.ratio(
            f"{label}: NumPy in place (B) / ratiogan", "B", "ratiogan",
            target=">= 4" if largest else "" if both else _AGAINST_B.get(size, ""),
        ),
        found.ratio(
            f"{label}: ratiogan / np.log1p(R, out=u) alone", "ratiogan", "log1p",
            target="<= 1" if not both and size == 10_000 else "",
        ),
    ]  # fmt: skip
    if jax is not None:
        rows.append(found.ratio(f"{label}: JAX jit, float64 / ratiogan", "JAX", "ratiogan"))
    if both:
        # 24 bytes per cell: T read and written, w read; a read and written, b read.
        share = f"{label}: share of the triad's bandwidth"
        rows.append(
            found.ratio(share, "triad", "ratiogan", 100, "%", target=">= 70" if largest else "")
        )
        if largest:
            rows.append(_rate(found, f"{label}: bandwidth of ratiogan", "ratiogan", 24 * per))
            rows.append(_rate(found, f"{label}: bandwidth of the triad", "triad", 24 * per))
    return rows


def _rate(found, name, contender, gigabytes):
    row = found.row(name, contender, gigabytes, "GB/s")
    row.value, row.low, row.high = 1 / row.value, 1 / row.high, 1 / row.low
    return row


def _text(size):
    mantissa, exponent = f"{size:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _numpy_twins(size, steps):
    import numpy as np

    ratio, w, _ = problem(size)
    a = ALPHA

    def as_one_writes_it():
        R = ratio
        for _ in range(steps):
            u = np.log1p(R)
            R = R - a * (u - w @ u)

    in_place, u = ratio.copy(), np.empty(size)

    def in_place_with_out():
        R = in_place
        for _ in range(steps):
            np.log1p(R, out=u)
            np.subtract(u, w @ u, out=u)
            np.multiply(u, a, out=u)
            np.subtract(R, u, out=R)

    def logarithm_alone():
        for _ in range(steps):
            np.log1p(ratio, out=u)

    return as_one_writes_it, in_place_with_out, logarithm_alone


def _jax_twin(size, steps):
    """`steps` steps in one compiled call with donated buffers, or None without JAX."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    import jax.numpy as jnp

    start, masses, _ = problem(size)
    w = jnp.asarray(masses)

    def step(_, R):
        u = jnp.log1p(R)
        return R - ALPHA * (u - jnp.dot(w, u))

    run = jax.jit(lambda R: jax.lax.fori_loop(0, steps, step, R), donate_argnums=0)
    state = [jnp.asarray(start)]

    def call():
        state[0] = run(state[0]).block_until_ready()

    return call


def _triad(size, steps, cores):
    """a += s*b on all cores, as often as there are steps."""
    import numba
    import numpy as np

    @numba.njit(nogil=True)
    def triad(a, b, s):
        for i in range(a.size):
            a[i] += s * b[i]

    a, b = np.zeros(size), np.ones(size)
    parts = [slice(k * size // cores, (k + 1) * size // cores) for k in range(cores)]
    pool = ThreadPoolExecutor(cores)

    def call():
        for _ in range(steps):
            list(pool.map(lambda part: triad(a[part], b[part], 1e-9), parts))

    return call


def _solver(size, threads, quick):
    """rg.glgd for a fixed number of steps, by its own clock (``Solution.seconds``)."""
    import ratiogan as rg

    ratio, masses, _ = problem(size)
    grid = rg.Grid.regular(size, -4, 4)
    real = rg.Distribution.from_mass(masses, grid)
    gen = rg.Distribution.from_mass(masses * ratio, grid)
    steps = max(16, min(2_000, (20_000_000 if quick else 100_000_000) // size))

    def call():
        return rg.glgd(
            real=real, gen=gen, alpha=ALPHA, tol=0, max_steps=steps, record=steps,
            snapshots=False, threads=threads,
        ).seconds  # fmt: skip

    return call, steps
