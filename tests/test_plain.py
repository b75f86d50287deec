"""The kernels say the same compiled and as plain Python.

`.ci/run` runs these a second time with NUMBA_DISABLE_JIT=1; so they are small.
"""

import numpy as np
import pytest

import ratiogan as rg
from ratiogan.catalogue import GAME_ROWS, GEOMETRIES

pytestmark = pytest.mark.plain

RATIO = np.array([0.2, 0.5, 0.9, 1.5, 3.0, 40.0])

# u = Phi' and Phi'' of every smooth row, as the table of the theory has them.
SMOOTH = {
    "non-saturating": (lambda r: np.log(1 + r), lambda r: 1 / (1 + r)),
    "minimax": (lambda r: np.log(r / (1 + r)), lambda r: 1 / (r * (1 + r))),
    "maximum-likelihood": (lambda r: -1 / r, lambda r: 1 / r**2),
    "logit": (np.log, lambda r: 1 / r),
    "least-squares:a=0,b=1,c=1": (lambda r: (r / (1 + r)) ** 2 / 2, lambda r: r / (1 + r) ** 3),
    "least-squares:a=-1,b=1,c=0": (
        lambda r: ((1 - r) / (1 + r)) ** 2 / 2,
        lambda r: 2 * (r - 1) / (1 + r) ** 3,
    ),
    "concave:f=exponential": (lambda r: -(r**-0.5), lambda r: r**-1.5 / 2),
    "square:generator=zero-sum": (
        lambda r: -4 / (1 + r) ** 2,
        lambda r: 8 / (1 + r) ** 3,
    ),
    "square:generator=flipped": (
        lambda r: 4 * (r / (1 + r)) ** 2,
        lambda r: 8 * r / (1 + r) ** 3,
    ),
    "exponential:generator=zero-sum": (lambda r: -(r**-0.5), lambda r: r**-1.5 / 2),
    "exponential:generator=flipped": (np.sqrt, lambda r: r**-0.5 / 2),
    "boosting:generator=zero-sum": (lambda r: -(r**-0.5), lambda r: r**-1.5 / 2),
    "boosting:generator=flipped": (np.sqrt, lambda r: r**-0.5 / 2),
}

# u of the rows with a jump.
JUMPS = {
    "hinge": lambda r: np.sign(r - 1),
    "0-1:generator=zero-sum": lambda r: np.where(r < 1, -1.0, 0.0),
    "0-1:generator=flipped": lambda r: np.where(r > 1, 1.0, 0.0),
    "cw:generator=zero-sum,c=0.3": lambda r: np.where(r < 7 / 3, -0.6, 0.0),
}


def test_every_row_is_here():
    assert {*SMOOTH, *JUMPS} == set(GAME_ROWS)


@pytest.mark.parametrize("spec", SMOOTH)
def test_smooth_games(spec):
    signal, curvature = SMOOTH[spec]
    game = rg.game(spec)
    np.testing.assert_allclose(game.signal(RATIO), signal(RATIO), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(game.curvature(RATIO), curvature(RATIO), rtol=1e-13)
    h = 1e-5 * RATIO
    slope = (game.excess(RATIO + h) - game.excess(RATIO - h)) / (2 * h)
    np.testing.assert_allclose(slope + game.signal_at_one, signal(RATIO), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("spec", JUMPS)
def test_games_that_jump(spec):
    np.testing.assert_array_equal(rg.game(spec).signal(RATIO), JUMPS[spec](RATIO))


def naive_step(ratio, w, density, geometry, alpha):
    """One step of the non-saturating game, as the theory writes it."""
    u = np.log(1 + ratio)
    if geometry == "reference":
        return ratio - alpha * (u - w @ u)
    if geometry == "lebesgue":
        d = density * u
        return ratio - alpha * (d - (w @ d) / (w @ density) * density)
    if geometry == "logits":
        u = ratio * (u - w @ (ratio * u))
    new = ratio * np.exp(-alpha * u)
    return new / (w @ new)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_glgd_steps(geometry):
    real, gen = rg.problem(grid=24)
    w, ratio = real.mass, gen.mass / real.mass
    for _ in range(5):
        ratio = naive_step(ratio, w, real.density, geometry, 0.4)
    run = rg.glgd(real=real, gen=gen, geometry=geometry, alpha=0.4, tol=0, max_steps=5)
    assert run.n_steps == 5
    np.testing.assert_allclose(run.ratio, ratio, rtol=1e-12)


@pytest.mark.parametrize("step", ["constant", "armijo", "newton"])
def test_glgd_converges(step):
    run = rg.glgd(grid=24, step=step)
    assert run.status is rg.Status.CONVERGED
    assert abs(run.ratio - 1).max() < 1e-10


def test_alternating_collapses():
    run = rg.alternating(grid=24, ties="first", max_steps=3)
    start = run.gen.mass / run.real.mass
    assert run.trace.cell[1] == start.argmin()
    assert run.trace.effective_support[1] == pytest.approx(1)
