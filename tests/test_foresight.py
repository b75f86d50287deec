"""The foresighted generator, against SciPy's SLSQP, the closed step and the local analysis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ratiogan import presets
from ratiogan.catalogue import GAME_ROWS, STATUSES
from ratiogan.distribution import Distribution
from ratiogan.dynamics.foresight import foresighted, generator_step, water_filled
from ratiogan.errors import InputError
from ratiogan.games import game
from ratiogan.grid import Grid
from ratiogan.logits import logits

SMOOTH = tuple(row for row in GAME_ROWS if not game(row).has_kink)
RISING = tuple(row for row in SMOOTH if game(row).curvature_at_one > 0)


def default(cells):
    real, gen = presets.problem(grid=cells)
    return real.mass, gen.mass / real.mass


# --- one step ------------------------------------------------------------------------------------


def test_step_of_minimax_is_a_step_of_glgd():
    """R - (1+R)^2 (u - lambda)/(2 eta), lambda from E[R] = 1, where that stays positive."""
    w, ratio = default(64)
    u = np.log(ratio / (1 + ratio))
    for eta in (20.0, 100.0):
        size = (1 + ratio) ** 2 / (2 * eta)
        expected = ratio - size * (u - (w @ (size * u)) / (w @ size))
        assert expected.min() > 0
        np.testing.assert_allclose(
            generator_step(logits("minimax"), w, ratio, eta), expected, rtol=1e-12
        )


@pytest.mark.parametrize("eta", [0.02, 0.2, 2.0])
@pytest.mark.parametrize("row", ["minimax", "non-saturating", "least-squares", "exponential"])
def test_step_is_the_minimiser_that_slsqp_finds(row, eta):
    """min V + eta E[(grad_phi V)^2], the gradient by differences of the losses at fixed phi."""
    rng = np.random.default_rng(3)
    w, start = rng.dirichlet(np.ones(6)), rng.uniform(0.2, 2.0, 6)
    start /= w @ start
    losses, h = logits(row), 1e-5
    phi = losses.best(start)
    u = losses.generator_loss(phi)
    real, gen = (
        (loss(phi + h) - loss(phi - h)) / (2 * h) for loss in (losses.loss_real, losses.loss_gen)
    )

    def objective(ratio):
        return w @ (ratio * u) + eta * (w @ (real + ratio * gen) ** 2)

    found = minimize(
        objective, np.ones(6), method="SLSQP", bounds=[(0, None)] * 6,
        constraints={"type": "eq", "fun": lambda ratio: w @ ratio - 1},
        options={"ftol": 1e-15, "maxiter": 500},
    )  # fmt: skip
    ours = generator_step(losses, w, start, eta)
    np.testing.assert_allclose(ours, found.x, atol=2e-5)
    assert objective(ours) <= found.fun + 1e-8  # SLSQP leaves the constraint by about 1e-9
    assert ours.min() >= 0 and abs(w @ ours - 1) < 1e-14


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(-3, 3))
def test_water_filling_meets_its_optimality_conditions(seed, n, spread):
    rng = np.random.default_rng(seed)
    w, ratio = rng.dirichlet(np.ones(n)), rng.uniform(0, 3, n)
    u, rate = rng.normal(size=n), 10.0 ** (spread * rng.uniform(-1, 1, n))
    out = water_filled(w, ratio, u, rate)
    assert out.min() >= 0 and w @ out == pytest.approx(1.0, abs=1e-11)
    price = u + (out - ratio) / rate  # lambda in filled cells, no less in empty ones
    filled = out > 0
    tolerance = 1e-10 * (1 + np.abs(price).max())
    assert np.ptp(price[filled]) <= tolerance
    assert price.min() >= price[filled].max() - tolerance


def test_step_leaves_the_equilibrium_alone():
    w, _ = default(32)
    for row in SMOOTH:
        np.testing.assert_allclose(
            generator_step(logits(row), w, np.ones(32), 0.1), 1.0, rtol=1e-12
        )


def test_cells_without_generator_mass():
    """u = -inf takes all the mass, the limit of u -> -inf; b = inf keeps R = 0."""
    w, ratio = np.array([0.2, 0.3, 0.4, 0.1]), np.array([0.0, 2.0, 1.0, 0.0])
    out = generator_step(logits("minimax"), w, ratio, 1.0)
    np.testing.assert_allclose(out, np.array([1, 0, 0, 1]) / 0.3)
    near = np.where(ratio == 0, 1e-300, ratio)
    near[[0, 3]] = 1e-300
    # u is log R: as R -> 0 the limit is reached only logarithmically, for a small eta
    close = generator_step(logits("minimax"), w, near, 1e-3)
    np.testing.assert_allclose(close, out, atol=1e-12)
    out = generator_step(logits("exponential"), w, ratio, 1.0)
    assert out[0] == out[3] == 0 and w @ out == pytest.approx(1.0, abs=1e-14)


# --- eta from 0 to infinity ----------------------------------------------------------------------


def test_eta_to_zero_is_the_greedy_collapse():
    w, ratio = default(64)
    at = int(np.argmin(ratio))
    greedy = np.zeros(64)
    greedy[at] = 1 / w[at]
    for row in RISING:
        np.testing.assert_array_equal(generator_step(logits(row), w, ratio, 0.0), greedy)
        close = generator_step(logits(row), w, ratio, 1e-9)
        np.testing.assert_allclose(close, greedy, rtol=1e-12)


def test_greedy_run_collapses_and_hops_between_two_cells():
    found = foresighted(grid=64, eta=0.0)
    assert found.status == "cycle" and found.effective_cells[-1] == 1.0
    np.testing.assert_array_equal(np.count_nonzero(found.ratios[1:], axis=1), 1)
    assert foresighted(grid=64, eta=0.0, max_steps=1).status == "max-steps"
    assert foresighted(grid=64, eta=0.0, max_steps=2).status == "hopping"
    pearson = foresighted(grid=64, eta=0.0, game="least-squares:a=-1,b=1,c=0")
    assert pearson.status == "collapsed" and "no eta" in pearson.finding


@pytest.mark.parametrize("row", RISING)
def test_converges_from_nearby_iff_eta_exceeds_the_threshold(row):
    made = game(row)
    b = logits(row).slope_gen(logits(row).best(np.ones(1)))[0]
    threshold = made.curvature_at_one / (4 * b * b)
    inside, outside = (
        foresighted(gen="near-real", game=row, grid=32, eta=factor * threshold, max_steps=400)
        for factor in (1.05, 0.95)
    )
    assert inside.threshold == pytest.approx(threshold, rel=1e-14)
    assert inside.status == "converged" and inside.max_error[-1] < 1e-10
    assert outside.status != "converged" and outside.max_error[-1] > outside.max_error[0]
    for found, factor in ((inside, 1 - 2 / 1.05), (outside, 1 - 2 / 0.95)):
        assert found.factor_predicted == pytest.approx(factor, rel=1e-13)
        assert found.factor_measured == pytest.approx(factor, rel=5e-3)
        assert found.status in STATUSES and any(c.isdigit() for c in found.finding)
    assert abs(inside.factor_measured - inside.factor_predicted) < 1e-6


@pytest.mark.parametrize("row", ["non-saturating", "minimax", "maximum-likelihood", "logit"])
def test_threshold_is_phi_curvature_in_the_cross_entropy_games(row):
    assert foresighted(game=row, grid=8, max_steps=1).threshold == game(row).curvature_at_one


def test_twice_the_threshold_is_quadratic():
    found = foresighted(gen="near-real:amount=0.3", eta=1.0, grid=64)
    assert found.factor_predicted == 0.0 and found.status == "converged"
    errors = found.max_error[:4]
    assert found.n_steps <= 5 and np.all(errors[1:] < errors[:-1] ** 2)


def test_threshold_is_local():
    """From the default start minimax needs more than eta > Phi''(1): R falls to 0 in some cells."""
    far, safe = (foresighted(grid=64, eta=eta) for eta in (0.7, 2.0))
    assert far.status == "cycle" and "nearby only" in far.finding
    assert safe.status == "converged" and safe.factor_measured == pytest.approx(0.5, abs=1e-6)


def test_columns_of_the_record():
    found = foresighted(grid=32, eta=2.0)
    w, ratio = default(32)
    np.testing.assert_array_equal(found.ratios[0], ratio)
    for k in (0, 3, -1):
        r = found.ratios[k]
        p = w * r
        assert found.max_error[k] == np.abs(r - 1).max()
        assert found.effective_cells[k] == pytest.approx(np.exp(-np.sum(p * np.log(p))))
        value = w @ (np.log(1 / (1 + r)) + r * np.log(r / (1 + r)))
        assert found.value[k] == pytest.approx(value, rel=1e-12)
    assert found.value[-1] == pytest.approx(-2 * np.log(2))
    assert found.steps.tolist() == list(range(found.n_steps + 1))
    assert found.n_steps == found.steps[-1]


def test_long_runs_are_recorded_on_a_log_scale():
    found = foresighted(grid=16, eta=200.0, max_steps=1000)
    assert found.status == "max-steps" and found.steps[-1] == 1000 and found.steps.size <= 257
    assert found.ratios.shape == (found.steps.size, 16)


def test_slow_convergence_is_no_cycle():
    for eta in (0.50001, 1e6):
        found = foresighted(gen="near-real:amount=0.01", grid=16, eta=eta, max_steps=200)
        assert found.status == "max-steps"


def test_refusals():
    for row in ("hinge", "0-1", "cw"):
        with pytest.raises(InputError, match="jumps"):
            foresighted(game=row)
    with pytest.raises(InputError, match="eta must be at least 0"):
        foresighted(eta=-1)
    with pytest.raises(InputError, match="max_steps must be at least 1"):
        foresighted(max_steps=0)


def test_equal_distributions_converge_at_once():
    grid = Grid.regular(3, 0, 1)
    same = Distribution.from_mass([1, 2, 3], grid)
    found = foresighted(same, same)
    assert found.status == "converged" and found.n_steps == 0 and found.factor_measured is None
