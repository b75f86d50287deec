"""WGAN: both clipped critics against linear programming, every gradient, and how a run can end.

The naive twin takes the same turns in NumPy, from the same uniform numbers; of the package it has
no more than the distributions.
"""

import json
import math
import runpy
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

import ratiogan as rg
from ratiogan.cli.main import main
from ratiogan.errors import InputError, SingularMassError
from ratiogan.solvers import critics, wgan_turns
from ratiogan.solvers.minibatch import draw
from ratiogan.solvers.wgan import LOSSES, WGAN, wgan

KINDS = ("slopes", "relu")


def random_pair(seed, n=20, even=False):
    rng = np.random.default_rng(seed)
    widths = np.ones(n) if even else rng.exponential(size=n) + 0.05
    grid = rg.Grid([np.concatenate([[0.0], np.cumsum(widths)])])
    return [rg.Distribution.from_mass(rng.dirichlet(np.ones(n)), grid) for _ in range(2)]


def features(kind, y):
    """(N, N) matrix: what weight j adds to f at every point."""
    columns = [np.ones_like(y)]
    for j in range(1, y.size):
        rise = np.maximum(0.0, y - y[j - 1])
        columns.append(np.minimum(rise, y[j] - y[j - 1]) if kind == "slopes" else rise)
    return np.array(columns).T


# --- the critics ---------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradient_are_those_of_the_features(kind):
    real, gen = random_pair(0, n=9)
    y, ascent = real.grid.centres[0], real.mass - gen.mass
    weights, matrix = np.random.default_rng(1).normal(size=9), features(kind, y)
    np.testing.assert_allclose(critics.critic_values(kind, weights, y), matrix @ weights)
    for a in (ascent, real.mass):  # balanced and not
        found = np.empty(9)
        critics.back(a, 1.0, np.diff(y), kind == "relu", False, found)
        np.testing.assert_allclose(found, matrix.T @ a, atol=1e-14)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 25), st.sampled_from(KINDS), st.floats(1e-3, 10))
def test_the_best_clipped_weights_are_those_of_linear_programming(seed, n, kind, clip):
    real, gen = random_pair(seed, n)
    y = real.grid.centres[0]
    value, weights = critics.clipped_maximum(kind, real.mass, gen.mass, y, clip)
    reward = features(kind, y).T @ (real.mass - gen.mass)
    found = linprog(-reward[1:], bounds=(-clip, clip))
    assert value == pytest.approx(-found.fun, rel=1e-9, abs=1e-14)
    assert np.abs(weights).max() <= clip
    f = critics.critic_values(kind, weights, y)
    assert (real.mass - gen.mass) @ f == pytest.approx(value, rel=1e-12, abs=1e-15)
    if kind == "slopes":
        exact = wasserstein_distance(y, y, real.mass, gen.mass)
        assert value == pytest.approx(clip * exact, rel=1e-11)
        assert critics.lipschitz(f, y) <= clip * (1 + 1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_the_relu_maximum_is_an_integral_of_the_distribution_functions(seed):
    real, gen = random_pair(seed, 12)
    y = real.grid.centres[0]
    ahead = np.cumsum(gen.mass - real.mass)[:-1] * np.diff(y)  # of F_g - F_r
    expected = sum(abs(ahead[j:].sum()) for j in range(y.size - 1))
    value, _ = critics.clipped_maximum("relu", real.mass, gen.mass, y)
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("clip", "disc_steps", "alpha"), [(0.01, 1, 1e3), (0.3, 5, 1e3), (2.0, 3, 1e4)]
)
def test_trained_to_the_end_it_is_the_best_there_is(kind, clip, disc_steps, alpha):
    """`alpha` is huge because eps = 1e-8 slows gradients near round-off, in the tails."""
    run = wgan(
        grid=64, critic=kind, clip=clip, disc_steps=disc_steps, alpha_disc=alpha, alpha_gen=0.0,
        batch=None, max_steps=40,
    )  # fmt: skip
    y, real, gen = run.grid.centres[0], run.real.mass, run.gen.mass
    reward = features(kind, y).T @ (real - gen)
    best = -linprog(-reward[1:], bounds=(-clip, clip)).fun
    assert run.trace.value[-1] == pytest.approx(best, rel=1e-9)
    assert run.trace.bound[-1] == pytest.approx(best, rel=1e-9)
    if kind == "slopes":
        exact = wasserstein_distance(y, y, real, gen)
        assert run.trace.value[-1] / clip == pytest.approx(exact, rel=1e-12)
        assert run.trace.cost[-1] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("clip", "disc_steps"), [(0.01, 5), (0.02, 5), (0.01, 1), (0.005, 20)])
def test_the_way_to_the_bound_takes_the_predicted_turns(clip, disc_steps):
    """Without noise all slopes arrive at once, but for the few with gradients near eps."""
    run = wgan(
        grid=64, clip=clip, disc_steps=disc_steps, batch=None, alpha_gen=0.0, max_steps=400,
        record="all",
    )  # fmt: skip
    arrived = run.trace.step[np.argmax(run.trace.at_bound >= 0.5)]
    by_name = {p.name: p for p in run.predictions}
    plain = by_name["turns from f = 0 to the clip, clip/(alpha n_critic)"]
    early = by_name["the same without noise, from v = 0: long first steps"]
    assert float(plain.predicted) == pytest.approx(clip / (5e-5 * disc_steps))
    assert plain.measured == early.measured == str(arrived)
    assert abs(int(early.predicted) - arrived) <= 1
    assert run.trace.value[-1] == pytest.approx(run.trace.bound[-1], rel=1e-3)


# --- gradients -----------------------------------------------------------------------------------


def solver_with_critic(seed=0, **options):
    """A solver whose critic is not 0, its weights drawn."""
    real, gen = random_pair(seed, n=8)
    solver = WGAN(real, gen, rng=0, **options)
    weights = np.random.default_rng(seed + 1).normal(size=8)
    solver.weights[:] = weights
    solver.values[:] = features(solver.critic, solver.points) @ weights
    return solver


def signal(loss, f):
    if loss == "wasserstein":
        return -f
    return np.logaddexp(0.0, -f) if loss == "non-saturating" else -np.logaddexp(0.0, f)


def generated(solver, theta):
    """The masses of p_g, slowly."""
    y, w = solver.points, solver.geometry.masses
    if solver.family == "cells":
        q = w * np.exp(theta - theta.max())
        return q / q.sum()
    q = np.zeros_like(w)
    for mass, place in zip(solver.gen.mass, np.clip(y + theta[0], y[0], y[-1]), strict=True):
        i = min(np.searchsorted(y, place, side="right") - 1, y.size - 2)
        share = (place - y[i]) / (y[i + 1] - y[i])
        q[i] += mass * (1 - share)
        q[i + 1] += mass * share
    return q


def central(function, x, h=1e-5):
    rows = np.eye(x.size) * h
    return np.array([(function(x + d) - function(x - d)) / (2 * h) for d in rows])


@pytest.mark.plain
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("generator", ("cells", "shift"))
def test_the_generators_gradient_by_finite_differences(loss, generator):
    solver = solver_with_critic(loss=loss, family=generator, batch=None)
    if generator == "shift":
        solver.theta[0] = 0.123  # not at a kink
    wgan_turns.place(solver.problem, solver._state, generator == "shift")
    np.testing.assert_allclose(solver.gen_masses, generated(solver, solver.theta), atol=1e-15)
    u = signal(loss, solver.values)
    expected = central(lambda theta: generated(solver, theta) @ u, solver.theta)
    wgan_turns.gen_gradient(solver.problem, solver._state, solver._work, solver._codes, np.empty(0))
    np.testing.assert_allclose(solver._work[5], expected, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("generator", "gradient"), [("cells", "score"), ("shift", "pathwise")])
def test_its_estimate_from_minibatches_is_unbiased(loss, generator, gradient):
    solver = solver_with_critic(loss=loss, family=generator, gradient=gradient, batch=4)
    exact = solver_with_critic(loss=loss, family=generator)
    rows = []
    for one in (solver, exact):
        one.theta[:] = np.linspace(0.1, 0.7, one.theta.size)
        wgan_turns.place(one.problem, one._state, generator == "shift")
    arguments = (exact.problem, exact._state, exact._work, exact._codes, np.empty(0))
    wgan_turns.gen_gradient(*arguments)
    rng = np.random.default_rng(5)
    for _ in range(4000):
        wgan_turns.gen_gradient(
            solver.problem, solver._state, solver._work, solver._codes, rng.random(4)
        )
        rows.append(solver._work[5].copy())
    error = np.std(rows, axis=0) / math.sqrt(len(rows))
    assert np.all(np.abs(np.mean(rows, axis=0) - exact._work[5]) <= 4 * error + 1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_critics_ascent_by_finite_differences(loss, kind):
    """One sgd step of rate 1 with exact expectations is the gradient."""
    solver = solver_with_critic(
        loss=loss, critic=kind, optimizer="sgd", alpha_disc=1.0, alpha_gen=0.0, disc_steps=1,
        clip=None, batch=None,
    )  # fmt: skip
    w, q, before = solver.geometry.masses, solver.gen_masses.copy(), solver.weights.copy()
    matrix = features(kind, solver.points)

    def gain(weights):
        f = matrix @ weights
        if loss == "wasserstein":
            return (w - q) @ f
        return -w @ np.logaddexp(0.0, -f) - q @ np.logaddexp(0.0, f)

    solver.one_step()
    np.testing.assert_allclose(solver.weights - before, central(gain, before), atol=1e-8)


# --- the twin ------------------------------------------------------------------------------------


def twin(run_options, real, gen, uniforms, critic, loss, generator, sampled):
    """R-free naive turns: masses of p_g, and the critic, after each turn."""
    y, w, base = real.grid.centres[0], real.mass, gen.mass
    m, clip, n_critic = (run_options[key] for key in ("batch", "clip", "disc_steps"))
    matrix = features(critic, y)
    weights, v = np.zeros(y.size), np.zeros(y.size)
    theta = np.log(base / w) if generator == "cells" else np.zeros(1)
    v_gen, q = np.zeros_like(theta), base.copy()
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731

    class Plain:  # what `generated` reads
        points, gen = y, None
        geometry = type("G", (), {"masses": w})

    Plain.family, Plain.gen = generator, rg.Distribution.from_mass(base, real.grid)

    def cells(masses, numbers):
        return np.searchsorted(np.cumsum(masses), numbers * masses.sum(), side="right")

    for row in uniforms:
        for t in range(n_critic):
            first = cells(w, row[2 * m * t : 2 * m * t + m])
            second = cells(q, row[2 * m * t + m : 2 * m * (t + 1)])
            f, ascent = matrix @ weights, np.zeros(y.size)
            for i, j in zip(first, second, strict=True):
                ascent[i] += (1 if loss == "wasserstein" else sigmoid(-f[i])) / m
                ascent[j] -= (1 if loss == "wasserstein" else sigmoid(f[j])) / m
            g = matrix.T @ ascent
            if loss == "wasserstein":
                g[0] = 0.0
            v = 0.99 * v + 0.01 * g**2
            step = run_options["alpha_disc"] * g / (np.sqrt(v) + 1e-8)
            weights = np.clip(weights + step, -clip, clip)
        f = matrix @ weights
        u = signal(loss, f - w @ f if loss == "wasserstein" else f)
        if generator == "cells" and sampled:
            drawn = cells(q, row[2 * m * n_critic :])
            g = -q * u[drawn].mean()
            for i in drawn:
                g[i] += u[i] / m
        elif generator == "cells":
            g = q * (u - q @ u)
        else:
            slopes = np.diff(u) / np.diff(y)
            places = y + theta[0]
            if sampled:
                places = places[cells(base, row[2 * m * n_critic :])]
            inside = (places >= y[0]) & (places < y[-1])
            at = np.clip(np.searchsorted(y, places, side="right") - 1, 0, y.size - 2)
            g = np.array([(np.full(m, 1 / m) if sampled else base) @ (slopes[at] * inside)])
        v_gen = 0.99 * v_gen + 0.01 * g**2
        theta = theta - run_options["alpha_gen"] * g / (np.sqrt(v_gen) + 1e-8)
        q = generated(Plain, theta)
        yield q, f


@pytest.mark.parametrize("critic", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("generator", ("cells", "shift"))
@pytest.mark.parametrize("sampled", (False, True))
def test_turns_are_those_of_the_twin(critic, loss, generator, sampled):
    real, gen = random_pair(3, n=12)
    options = dict(batch=7, clip=0.01, disc_steps=3, alpha_disc=1e-3, alpha_gen=0.02)
    gradient = {"cells": "score", "shift": "pathwise"}[generator] if sampled else "exact"
    solver = WGAN(
        real,
        gen,
        critic=critic,
        loss=loss,
        family=generator,
        gradient=gradient,
        rng=2,
        **options,
    )
    uniforms = np.random.default_rng(2).random((6, 7 * (6 + sampled)))
    states = solver.iter_states(6)
    next(states)
    for (_, ratio), (q, f) in zip(
        states, twin(options, real, gen, uniforms, critic, loss, generator, sampled), strict=True
    ):
        # Where a gradient should be 0 the twin has round-off, over eps = 1e-8.
        np.testing.assert_allclose(ratio * real.mass, q, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(solver.values, f, rtol=1e-8, atol=1e-10)


@pytest.mark.plain
def test_a_short_run_without_compiler():
    real, gen = random_pair(4, n=6)
    run = wgan(real, gen, batch=3, max_steps=2, alpha_gen=0.01, disc_steps=2)
    options = dict(batch=3, clip=0.01, disc_steps=2, alpha_disc=5e-5, alpha_gen=0.01)
    uniforms = np.random.default_rng(0).random((2, 12))
    *_, (q, _) = twin(options, real, gen, uniforms, "slopes", "wasserstein", "cells", False)
    np.testing.assert_allclose(run.ratio * real.mass, q, rtol=1e-9)


# --- minibatches ---------------------------------------------------------------------------------


@pytest.mark.plain
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_draws_invert_the_running_sum(seed, n):
    rng = np.random.default_rng(seed)
    masses = rng.dirichlet(np.full(n, 0.1)) * rng.integers(0, 2, n)
    masses[rng.integers(n)] += 0.1
    uniforms = rng.random(50)
    sums = np.cumsum(masses)
    expected = np.minimum(np.searchsorted(sums, uniforms * sums[-1], side="right"), n - 1)
    found = draw(masses, uniforms)
    np.testing.assert_array_equal(found, expected)
    assert np.all(masses[found] > 0)


def test_the_seed_makes_the_run():
    one, same, other = (wgan(grid=32, max_steps=300, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.ratio, same.ratio)
    assert one.trace == same.trace and one.seed == 1
    assert not np.array_equal(one.ratio, other.ratio)
    # Neither blocks nor what is recorded changes the draws.
    every = wgan(grid=32, max_steps=300, rng=1, record="all")
    np.testing.assert_array_equal(every.ratio, one.ratio)
    solver = WGAN(grid=32, rng=1)
    twice = [list(solver.iter_states(5))[-1][1] for _ in range(2)]
    np.testing.assert_array_equal(*twice)


# --- what the theory predicts --------------------------------------------------------------------


def test_the_clip_is_a_unit_not_a_strength():
    """clip and alpha_disc times 4: every weight, and the estimate, times 4, to the last bit."""
    options = dict(grid=64, alpha_gen=0.0, max_steps=60)
    one = wgan(clip=0.01, alpha_disc=5e-5, **options)
    four = wgan(clip=0.04, alpha_disc=2e-4, **options)
    np.testing.assert_array_equal(4 * one.trace.value, four.trace.value)
    np.testing.assert_array_equal(one.trace.estimate, four.trace.estimate)
    # The generator's rmsprop takes the size out again, up to its eps.
    moving = dict(grid=64, max_steps=4000, snapshots=False, batch=None)
    one, four = wgan(**moving), wgan(clip=0.04, alpha_disc=2e-4, **moving)
    np.testing.assert_allclose(one.trace.cost, four.trace.cost, rtol=1e-3)


def test_a_clipped_logit_makes_any_loss_the_wasserstein_loss():
    """-log sigmoid f = log 2 - f/2 + O(f^2), |f| <= clip times the range of the axis."""
    runs = [wgan(grid=64, loss=loss, max_steps=4000, snapshots=False) for loss in LOSSES]
    for other in runs[1:]:
        np.testing.assert_allclose(other.trace.cost, runs[0].trace.cost, rtol=0.01)
        assert runs[0].trace.cost[-1] < 0.8 * runs[0].trace.cost[0]


def test_the_bound_is_kept_at_every_turn():
    for kind in KINDS:
        for batch in (16, None):
            run = wgan(
                grid=48, critic=kind, batch=batch, max_steps=300, alpha_gen=0.01, record="all"
            )
            assert np.all(run.trace.value <= run.trace.bound * (1 + 1e-9) + 1e-15)
            assert np.all(run.trace.estimate <= run.trace.cost * (1 + 1e-9) + 1e-15)
            assert np.all(run.trace.ceiling <= run.trace.cost * (1 + 1e-9))
            row = next(p for p in run.predictions if p.name.startswith("E_r f - E_g f"))
            assert row.measured == "yes (301 of 301 turns)"


def test_as_printed_it_falls_and_hovers():
    run = wgan(grid=64)
    assert run.status.value == "converging" and run.as_predicted and run.n_steps == 50_000
    assert run.finding.startswith("W1 FELL from 0.588 to 0.01")
    assert "and hovers there until turn 50000, between 0.00" in run.finding
    assert ": minibatches of 64 get no nearer. The" in run.finding
    late = run.trace.step > 37_500
    assert 0.003 < run.trace.cost[late].mean() < 0.03
    row = next(p for p in run.predictions if p.name.startswith("turns until W1 hovers"))
    assert 0.7 < int(row.measured) / int(row.predicted) < 1.4
    y, w = run.grid.centres[0], run.real.mass
    assert run.trace.cost[-1] == pytest.approx(
        wasserstein_distance(y, y, w, w * run.ratio), rel=1e-9
    )
    assert run.discriminator @ w == pytest.approx(0, abs=1e-12)
    assert abs(run.discriminator[1:] - run.discriminator[:-1]).max() <= 0.01 * np.diff(y)[0] * 1.001


def test_what_keeps_it_from_0_is_the_noise_of_the_minibatches():
    run = wgan(grid=64, batch="exact", snapshots=False)
    assert run.trace.cost[run.trace.step > 45_000].mean() < 1e-3
    # It falls no longer: at the size of a step it hovers too, and no minibatch is to blame.
    assert "hovers there until turn 50000, between " in run.finding
    assert "minibatches" not in run.finding
    assert "missed nothing of W1" in run.finding
    run = wgan(grid=64, batch="exact", snapshots=False, max_steps=10_000)
    assert "in 10000 turns: at about 5e-05 per step the whole way takes 298" in run.finding
    run = wgan(grid=64, batch="exact", snapshots=False, max_steps=33_000)
    assert "in 33000 turns, and still falls." in run.finding


def test_what_swings_is_not_said_to_hover():
    """Without the clip W1 was 0.13 at turn 17,000, twice that later, and falls again at the end."""
    run = wgan(grid=64, clip=None, snapshots=False)
    cost = run.trace.cost
    least = int(np.argmin(cost))
    assert run.finding.startswith("W1 SWINGS between 0.13 and 0.38 (22% and 64% of the first)")
    assert f"at its least {cost[least]:.2g} at turn {run.trace.step[least]}." in run.finding
    assert run.trace.step[least] < 25_000 < 0.75 * run.n_steps and "hovers" not in run.finding


def test_the_shift_generator_walks_to_a_disjoint_reference():
    """0.1 at a step of 0.002: the parallel lines, with the gradient through the samples."""
    pair = dict(real="normal:mean=-1,sd=0.1", gen="normal:mean=1,sd=0.1", domain="-2:2", grid=80)
    for gradient in ("exact", "pathwise"):
        run = wgan(**pair, family="shift", gradient=gradient, alpha_gen=2e-3, max_steps=1500)
        assert run.trace.cost[0] == pytest.approx(2.0, rel=1e-3)
        assert run.trace.shift[-1] == pytest.approx(-2.0, abs=0.1)
        assert run.trace.cost[-1] < 0.1


def test_a_sure_discriminator_stops_the_minimax_generator():
    """At one pair of rates; a clip makes both losses alike, and as slow as minimax without it."""
    pair = dict(
        real="normal:mean=-1,sd=0.1", gen="normal:mean=1,sd=0.1", domain="-2:2", grid=80,
        family="shift", max_steps=1500, snapshots=False,
    )  # fmt: skip
    plain = dict(optimizer="sgd", alpha_disc=10.0, alpha_gen=2e-3)
    stuck = wgan(**pair, **plain, clip=None, loss="minimax")
    assert stuck.trace.cost[-1] > 1.95 and "STAYED" in stuck.finding
    assert wgan(**pair, **plain, clip=None, loss="non-saturating").trace.cost[-1] < 0.2
    both = [wgan(**pair, **plain, loss=loss).trace.cost[-1] for loss in LOSSES[1:]]
    assert both[0] == pytest.approx(both[1], rel=1e-3) and min(both) > 1.95
    # Rates of its own, or an optimizer that takes the size out of a gradient, move minimax.
    faster = dict(plain, alpha_gen=0.5)
    for freed in (
        wgan(**pair, **faster, loss="minimax"),
        wgan(**pair, clip=None, loss="minimax", alpha_disc=1e-3, alpha_gen=2e-3),
    ):
        assert freed.trace.cost[-1] < 0.2, freed.finding


def test_what_is_shifted_beyond_the_axis_stays_at_its_end():
    solver = WGAN(grid=16, family="shift")
    solver.theta[0] = 100.0
    wgan_turns.place(solver.problem, solver._state, True)
    assert solver.gen_masses[-1] == pytest.approx(1.0) and not solver.gen_masses[:-1].any()


# --- how a run can end ---------------------------------------------------------------------------


def test_a_tolerance_is_met_or_said_not_to_be():
    run = wgan(grid=64, alpha_gen=5e-3, tol=0.1)
    assert run.status.value == "converged" and run.trace.cost[-1] < 0.1
    assert run.finding.startswith("CONVERGED in ")
    run = wgan(grid=64, tol=1e-6, max_steps=50)
    assert run.status.value == "max-steps" and run.finding.startswith("NOT BELOW tol 1e-06: W1 ")
    assert run.as_predicted


def test_a_seed_of_any_integer_type_is_kept():
    assert wgan(grid=16, max_steps=2, rng=np.int64(3)).seed == 3
    assert rg.alternating(grid=16, max_steps=2, rng=np.int64(3)).seed == 3


def test_nothing_but_the_bound_is_predicted():
    """W1 may rise, from any start: what is not as predicted is a broken bound, or NaN."""
    run = wgan("normal", "normal:mean=0.05", grid=64, alpha_gen=0.05, max_steps=400)
    assert run.finding.startswith("W1 ROSE from ") and run.as_predicted
    run = wgan(grid=32, optimizer="sgd", clip=None, alpha_disc=1e200, alpha_gen=1e200, max_steps=20)
    assert run.finding.startswith("DIVERGED") and not run.as_predicted


def test_sgd_at_the_printed_rates_stays_where_it_is():
    run = wgan(grid=64, optimizer="sgd", max_steps=500)
    assert run.finding.startswith("W1 STAYED within 1% of 0.5879 in 500 turns: sgd")
    assert not any("alpha n_critic" in p.name for p in run.predictions)


def test_without_clipping_the_wasserstein_critic_grows():
    short, long = (wgan(grid=32, clip=None, alpha_gen=0, max_steps=n) for n in (300, 1200))
    assert long.certificate["lipschitz"] > 2.5 * short.certificate["lipschitz"]
    assert "has no maximum" in long.warnings[0]
    assert np.isinf(long.trace.bound).all() and long.as_predicted


def test_equal_distributions_one_cell_and_two():
    run = wgan("normal", "normal", grid=32, max_steps=50)
    assert run.trace.cost[0] == 0 and run.as_predicted
    grid = rg.Grid.regular(2, 0, 2)
    one = rg.Distribution.from_mass([1.0, 0.0], grid)
    assert wgan(one, one, max_steps=3).trace.cost[-1] == 0
    real, gen = (rg.Distribution.from_mass(m, grid) for m in ([0.5, 0.5], [0.2, 0.8]))
    run = wgan(real, gen, alpha_gen=1e-3, max_steps=2000)
    assert run.trace.cost[-1] < 0.05


def test_empty_cells():
    grid = rg.Grid.regular(5, 0, 5)
    real = rg.Distribution.from_mass([1, 1, 0, 1, 1], grid)
    gen = rg.Distribution.from_mass([2, 1, 0, 1, 0], grid)
    run = wgan(real, gen, max_steps=200, alpha_gen=0.01)
    assert np.isnan(run.ratio[2]) and np.isnan(run.discriminator[2])
    assert run.ratio[4] == 0 and "R = 0 in 1 of 4 cells" in run.warnings[0]
    lost = rg.Distribution.from_mass([1, 1, 1, 1, 0], grid)
    with pytest.raises(SingularMassError, match="25% of the generator's mass"):
        wgan(real, lost)
    assert "25%" in wgan(real, lost, singular="restrict", max_steps=5).finding
    with pytest.raises(InputError, match="family shift moves mass anywhere"):
        wgan(real, gen, family="shift")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"critic": "relo"}, "critic must be one of slopes, relu"),
        ({"loss": "hinge"}, "loss must be one of wasserstein, non-saturating, minimax"),
        ({"clip": 0}, "clip must be above 0, got 0. Pass a number such as 0.01, or none"),
        ({"clip": math.nan}, "clip must be finite"),
        ({"alpha_disc": 0}, "alpha_disc must be above 0"),
        ({"alpha_gen": -1}, "alpha_gen must be at least 0, got -1"),
        ({"disc_steps": 0}, "disc_steps must be at least 1"),
        ({"gen_steps": 1.5}, "gen_steps must be a whole number"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"batch": "all"}, "batch must be a whole number"),
        ({"batch": None, "gradient": "score"}, "gradient score needs minibatches"),
        ({"gradient": "pathwise"}, "gradient must be one of exact, score"),
        ({"family": "shift", "gradient": "score"}, "gradient must be one of exact, pathwise"),
        ({"family": "net"}, "family must be one of cells, shift"),
        ({"inner_product": "fisher"}, "inner_product must be one of"),
        ({"optimizer": "adagrad"}, 'no optimizer "adagrad"'),
        ({"tol": -1}, "tol must be at least 0"),
        ({"max_steps": 0}, "max_steps"),
        ({"real": "ring8", "gen": "ring8"}, "needs one axis"),
    ],
)
def test_what_cannot_be_used_is_refused(options, match):
    with pytest.raises(InputError, match=match):
        wgan(**options)


# --- files, comparisons, commands ----------------------------------------------------------------


@pytest.mark.parametrize("options", ({}, {"clip": None}, {"critic": "relu", "batch": "exact"}))
def test_a_saved_run_comes_back_equal(tmp_path, options):
    run = wgan(grid=32, max_steps=40, **options)
    run.save(tmp_path / "run.npz")
    again = rg.load(tmp_path / "run.npz")
    assert again == run and again.summary() == run.summary()
    assert max(map(len, run.summary().splitlines())) <= 120 and run.summary().isascii()


def test_comparisons_know_what_it_has():
    swept = rg.compare("wgan:max_steps=20", sweep="clip=0.01,0.1", grid=32)
    assert [run.options["clip"] for run in swept.runs] == [0.01, 0.1]
    assert "wgan:max_steps=20,clip=0.1" in swept.summary()
    # All runs have W1: it is told, not only how far R is from 1.
    late = [run.trace.cost[run.trace.step >= 15] for run in swept.runs]
    said = swept.summary().partition("W1, mean of the last quarter (least to most): ")[2]
    for cost in late:
        assert f" {cost.mean():.3g} ({cost.min():.2g} to {cost.max():.2g})" in f" {said}"
    with pytest.raises(InputError, match='"wgan" has no parameter "game"'):
        rg.compare("wgan:game=minimax")


def run_command(words, capsys):
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    return code or 0, capsys.readouterr()


def test_the_command_prints_and_writes(tmp_path, capsys):
    folder = tmp_path / "out"
    words = ["run", "wgan", "--grid", "64", "--max-steps", "400", "-o", str(folder)]
    code, said = run_command(words, capsys)
    assert code == 0, said.err
    lines = [line for line in said.out.splitlines() if str(folder) not in line]
    assert max(map(len, lines)) <= 120 and said.out.isascii()
    assert lines[3] == (
        "critic  slopes, clip 0.01     turns of 5 critic updates, 1 generator update, minibatch 64"
    )
    assert lines[4] == ("        rmsprop, alpha 5e-05 critic, 5e-05 generator     gradient exact")
    assert any(line.startswith("W1 FELL from 0.588 to 0.57") for line in lines)
    assert {path.name for path in folder.iterdir()} == {
        *("run.npz", "figure.png", "report.json", "log.txt")
    }
    assert rg.load(folder).algorithm == "wgan"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--critic", "relu", "--optimizer", "adam:beta1=0.5", "--batch", "exact"],
        ["--clip", "none", "--gradient", "score", "--alpha-gen", "0", "--disc-steps", "2"],
    ],
)
def test_the_json_follows_the_schema(words, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    words = ["run", "wgan", "--grid", "32", "--max-steps", "60", "--no-save", "--json", *words]
    code, said = run_command(words, capsys)
    found = json.loads(said.out)
    schema = json.loads(resources.files("ratiogan.cli").joinpath("schema.json").read_text())
    jsonschema.validate(found, schema)
    assert code == 0 and found["kind"] == "run" and found["certificate"]["lipschitz"] > 0
    assert found["options"]["batch"] == ("exact" if "exact" in words else 64)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--critic", "rely"], "--critic must be one of slopes, relu, got 'rely'. Nearest: relu."),
        (["--clip", "off"], "--clip must be a number, got 'off'"),
        (["--batch", "0"], "--batch must be at least 1, got 0."),
        (["--optimizer", "adm"], 'no optimizer "adm". Nearest: adam.'),
        (["--batch", "exact", "--gradient", "score"], "gradient score needs minibatches"),
    ],
)
def test_a_command_that_cannot_run_says_why(words, match, capsys):
    code, said = run_command(["run", "wgan", *words], capsys)
    assert code == 2 and match in said.err


@pytest.mark.parametrize("critic", KINDS)
def test_the_figure_shows_both_critics_and_the_clipping_error(critic):
    from ratiogan import plots

    run = wgan(grid=100, critic=critic, max_steps=500)
    densities, critics_panel, estimate, error = plots.figure(run).axes
    assert [ax.get_title(loc="left")[:3] for ax in plots.figure(run).axes] == [
        *("(a)", "(b)", "(c)", "(d)")
    ]
    exact, rescaled, clipped = (line.get_ydata() for line in critics_panel.lines[:3])
    f = run.discriminator
    np.testing.assert_allclose(clipped, f, atol=1e-12)
    np.testing.assert_allclose(rescaled, f / run.certificate["lipschitz"], atol=1e-12)
    y = run.grid.centres[0]
    assert np.abs(np.diff(exact) / np.diff(y)).max() == pytest.approx(1)
    # The state after k turns stands at k: the start has no place on a log axis.
    turn, cost = (estimate.lines[0].get_data()[i][-100:] for i in (0, 1))
    np.testing.assert_array_equal(turn, run.trace.step[-100:])
    np.testing.assert_allclose(cost, run.trace.cost[-100:])
    assert [line.get_label() for line in critics_panel.lines[1:3]] == ["trained / Lip", "trained"]
    assert error.get_yscale() == estimate.get_xscale() == "log"
    assert len(error.lines) == (1 if critic == "slopes" else 2)
    assert densities.get_xlabel() == "y"


def test_the_replay_has_its_panels(tmp_path):
    run = wgan(grid=64, max_steps=200)
    run.animate(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "W1 before each turn" in page and len(page) < 300_000


# --- the ablation of the examples ----------------------------------------------------------------

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ABLATION = runpy.run_path(str(EXAMPLES / "wgan_ablation.py"))
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("$ python examples/wgan_ablation.py\n")[2].partition("\n```")[0]


def table_row(name, *after):
    """The cells of a quoted row, of the first table after all of these words."""
    text = TABLE
    for words in after:
        text = text.partition(words)[2]
    line = next(line for line in text.splitlines() if line.startswith(f"{name}   "))
    return [cell for cell in line.split("   ") if cell.strip()]


@pytest.mark.parametrize("pair", ("overlapping", "disjoint"))
def test_the_quoted_table_has_the_row_of_exact_expectations(pair):
    end = ABLATION["end"](pair, ABLATION["PRINTED"]["exact expectations"])
    cells = [cell.strip() for cell in table_row("exact expectations", f"\n{pair}   ")]
    assert cells[1:3] == [str(end), end.range] and end.means.mean() < 0.1


def test_the_quoted_table_has_what_gradients_leave():
    for rate in ABLATION["VANISHING_GEN"][:2]:
        found = [float(np.mean(end.means)) for end in ABLATION["vanishing"](rate)]
        quoted = [cell.strip() for cell in table_row(f"{rate:g}", "\ngenerator's rate")][1:]
        for value, cell in zip(found, quoted, strict=True):
            assert value < 0.1 if cell == "<0.1" else value == pytest.approx(float(cell), abs=0.6)


def test_a_quoted_level_is_that_of_its_seed():
    """One seed of a row without the clip, which moves in step in all of them."""
    costs = ABLATION["late_cost"]("overlapping", ABLATION["PRINTED"]["no clip"], seed=0)
    end = ABLATION["End"](costs[None], (5e-5, 5e-5))
    low, high = map(float, table_row("no clip", "\noverlapping   ")[1].split(" to "))
    assert end.swings and costs.min() == pytest.approx(low, rel=0.1)
    assert costs.max() == pytest.approx(high, rel=0.1)


def test_the_search_for_rates_leaves_the_edge():
    """A made-up valley with its floor at (3, -2): found from afar, and from within."""
    tuned = ABLATION["tuned"]
    spaces = tuned.__globals__
    real, asked = spaces["late_cost"], []

    def valley(pair, changes, seed, rates):
        asked.append(rates)
        place = np.log10(np.array(rates) / 5e-5)
        return np.array([1.0 + (place[0] - 3) ** 2 + (place[1] + 2) ** 2])

    try:
        spaces["late_cost"] = valley
        assert tuned("overlapping", {}, (0, 0)) == ABLATION["rates_at"]((3, -2))
    finally:
        spaces["late_cost"] = real
    assert max(rate for rate, _ in asked) == 0.5 and min(rate for _, rate in asked) == 5e-8


def test_words_and_figure_of_the_ablation_follow_its_numbers():
    rng = np.random.default_rng(0)
    found = {}
    for name in (*ABLATION["PRINTED"], *ABLATION["TUNED"]):
        for pair in ABLATION["PAIRS"]:
            wave = 40 + 30 * np.sin(np.arange(100) / 12)
            level = wave if name == "no clip" else 2.0 + 0.2 * rng.random((3, 100))
            found[name, pair] = ABLATION["End"](np.broadcast_to(level, (3, 100)), (5e-5, 5e-5))
    vanished = {rate: [found["no clip", "disjoint"]] * 4 for rate in ABLATION["VANISHING_GEN"]}
    text = ABLATION["report"](found, vanished)
    assert max(map(len, text.splitlines())) <= 120 and text.isascii()
    assert "no clear difference" in text and "10 to 70" in text
    assert ": 2.1 and 2.1% of W1 are left with the clip" in ABLATION["heading"](found)
    assert len(ABLATION["draw"](found, "x").axes) == 2
