"""Steps of games of few parameters: one long run, many starts, fields of your own, eigenvalues.

The Python loops are written as one would: plain floats for one start, a NumPy array per state for
a field that takes and returns arrays, and NumPy over all starts at once, in place.
"""

import math

from benchmarks.timing import alternate

STEPS, STARTS, ALPHA, GAMMA = 1_000_000, 1_000, 0.01, 0.1


def dynamics(quick):
    """Rows for long runs and for batches, in turn."""
    import numba
    import numpy as np

    import ratiogan as rg

    steps = 100_000 if quick else STEPS
    turns = steps // STARTS
    spec = f"dirac:loss=gan,reg=r1,gamma={GAMMA}"
    start = np.array([1.0, 0.5])
    starts = np.column_stack([np.linspace(0.5, 2.0, STARTS), np.linspace(-1.0, 1.0, STARTS)])

    def velocity(z):
        rise = 1.0 / (1.0 + np.exp(z[0] * z[1]))
        return np.array([-z[1] * rise, z[0] * rise - GAMMA * z[1]])

    own = rg.dynamics.field(velocity, start=start)
    compiled = rg.dynamics.field(numba.njit(velocity), start=start)
    few = steps // 100

    def one_after_the_other(count):
        for z in starts[:count]:
            state = z
            for _ in range(turns):
                state = state + ALPHA * velocity(state)

    def one_run(method):
        return lambda: (
            rg.dynamics.simulate(spec, start, method, ALPHA, max_steps=steps, tol=0.0).seconds
        )

    grid = rg.dynamics.nonparametric(cells=4096)
    contenders = {
        "plain floats": lambda: plain_floats(*start, steps),
        **{name: one_run(name) for name in METHODS},
        "own": lambda: rg.dynamics.simulate_batch(
            own, start[None], alpha=ALPHA, max_steps=few, every=few
        ),
        "own compiled": lambda: rg.dynamics.simulate_batch(
            compiled, start[None], alpha=ALPHA, max_steps=steps, every=steps
        ),
        "batch": lambda: rg.dynamics.simulate_batch(
            spec, starts, alpha=ALPHA, max_steps=turns, every=turns
        ),
        "batch, alternating": lambda: rg.dynamics.simulate_batch(
            spec, starts, "alternating", alpha=ALPHA, max_steps=turns, every=turns
        ),
        "array loop": lambda: one_after_the_other(STARTS // 100),
        "NumPy over starts": lambda: over_starts(starts, turns),
        "closed form": grid.closed_form,
    }
    # What a contender returns is taken for its own time: only single runs have one.
    contenders = {
        name: call if name in METHODS else quietly(call) for name, call in contenders.items()
    }
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 9)
    label = f"{steps:,} steps of a Dirac-GAN"
    target = "" if quick else "<= 0.1"
    whole = f"{STARTS:,} starts, {turns:,} steps"
    return [
        *(
            found.row(f"{label}: {name}", name, unit="s", target=target) for name in METHODS
        ),
        found.ratio("plain Python floats / ratiogan, simultaneous", "plain floats", METHODS[0]),
        found.row("a field in Python, per step", "own", few / 1e6, "us"),
        found.row("the same compiled by Numba, per step", "own compiled", steps / 1e9, "ns"),
        found.row(f"{whole}: per start and step", "batch", steps / 1e9, "ns"),
        found.row("the same, alternating", "batch, alternating", steps / 1e9, "ns"),
        found.ratio(
            "a Python loop with an array per state / batch", "array loop", "batch", factor=100.0,
            target="" if quick else ">= 100",
        ),
        found.ratio("a Python loop with plain floats / batch", "plain floats", "batch"),
        found.ratio("NumPy over all starts, in place / batch", "NumPy over starts", "batch"),
        found.row(
            "eigenvalues of the nonparametric game, N = 4,096", "closed form", 1e-3, "ms",
            target="<= 10",
        ),
    ]  # fmt: skip


METHODS = ("simultaneous", "alternating", "extragradient", "optimistic", "momentum", "implicit")


def quietly(call):
    """The same call, whose result is nobody's."""

    def called():
        call()

    return called


def plain_floats(theta, psi, steps):
    """The same run in plain Python."""
    exp = math.exp
    theta, psi = float(theta), float(psi)
    for _ in range(steps):
        rise = 1.0 / (1.0 + exp(theta * psi))
        theta, psi = theta - ALPHA * psi * rise, psi + ALPHA * (theta * rise - GAMMA * psi)
    return theta, psi


def over_starts(starts, steps):
    """All starts at once in NumPy, in place."""
    import numpy as np

    theta, psi = starts.T.copy()
    rise, gen, disc = (np.empty_like(theta) for _ in range(3))
    for _ in range(steps):
        np.multiply(theta, psi, out=rise)
        np.exp(rise, out=rise)
        rise += 1.0
        np.reciprocal(rise, out=rise)
        rise *= ALPHA
        np.multiply(psi, rise, out=gen)
        np.multiply(theta, rise, out=disc)
        psi *= 1.0 - ALPHA * GAMMA
        psi += disc
        theta -= gen
    return theta, psi
