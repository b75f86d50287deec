"""What every step of GLGD must keep: mass, sign, descent, and the rates of Newton and Armijo.

The bounds are those of design.md section 3; the formulas of u and Phi stand here once more, in
NumPy, so that nothing is judged by itself.
"""

import math
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from ratiogan.distribution import Distribution
from ratiogan.games import game as make_game
from ratiogan.grid import Grid
from ratiogan.ratio import Geometry
from ratiogan.solvers.glgd import GLGD, glgd
from ratiogan.solvers.steps import FusedSteps
from ratiogan.solvers.team import SOLO

NON_SATURATING = "non-saturating"
LEAST_SQUARES = "least-squares:a=0,b=1,c=1"
SQUARE = "square:generator=zero-sum"
SQUARE_FLIPPED = "square:generator=flipped"
ROOT = "exponential:generator=flipped"
INVERSE_ROOT = "concave:f=exponential"

# spec: (Phi with its minimum 0 at R = 1 up to a tangent, Phi', sup Phi'', sup R Phi'')
CONVEX = {
    NON_SATURATING: (lambda r: (1 + r) * np.log1p(r) - r, np.log1p, 1.0, 1.0),
    "minimax": (
        lambda r: r * np.log(r) - (1 + r) * np.log1p(r),
        lambda r: np.log(r / (1 + r)),
        math.inf,
        1.0,
    ),
    "maximum-likelihood": (lambda r: -np.log(r), lambda r: -1 / r, math.inf, math.inf),
    "logit": (lambda r: r * np.log(r) - r, np.log, math.inf, 1.0),
    LEAST_SQUARES: (
        lambda r: 0.5 * (r - 2 * np.log1p(r) - 1 / (1 + r)),
        lambda r: 0.5 * (r / (1 + r)) ** 2,
        4 / 27,  # R/(1+R)^3 at R = 1/2
        4 / 27,  # R^2/(1+R)^3 at R = 2
    ),
    SQUARE: (lambda r: 4 / (1 + r), lambda r: -4 / (1 + r) ** 2, 8.0, 32 / 27),
    SQUARE_FLIPPED: (
        lambda r: 4 * (r - 2 * np.log1p(r) - 1 / (1 + r)),
        lambda r: 4 * (r / (1 + r)) ** 2,
        32 / 27,
        32 / 27,
    ),
    ROOT: (lambda r: r**1.5 * 2 / 3, np.sqrt, math.inf, math.inf),
    INVERSE_ROOT: (lambda r: -2 * np.sqrt(r), lambda r: -1 / np.sqrt(r), math.inf, math.inf),
}
HALVED = tuple(spec for spec, (_, u, *_) in CONVEX.items() if make_game(spec).signal_at_zero < -9)
BOUNDED = tuple(spec for spec, (*_, top, _) in CONVEX.items() if math.isfinite(top))
LINEAR = ("reference", "lebesgue")
ROUND_OFF = 4 * np.finfo(float).eps


def pair(w, r, v=None):
    """p_r and p_g with masses w and w R on cells of volume v."""
    v = np.ones_like(w) if v is None else v
    grid = Grid([np.concatenate([[0.0], np.cumsum(v)])])
    return Distribution.from_mass(w, grid), Distribution.from_mass(w * r, grid)


def random_pair(seed, n=30, low=0.0, spread=1.5):
    """Rough densities, uneven cells and an R over a few decades."""
    rng = np.random.default_rng(seed)
    w = rng.dirichlet(np.full(n, 2.0))
    r = np.maximum(np.exp(rng.normal(0, spread, n)), low)
    return pair(w, r, rng.uniform(0.5, 2.0, n))


def excess(spec, w, r):
    """E[Phi(R)] - Phi(1) from the formulas above."""
    phi, *_ = CONVEX[spec]
    return float(w @ (phi(r) - phi(np.ones(1))))


def wide_pair(seed, n=256, low=1e-6, high=1e3):
    """R log-uniform on [low, high], with p_r such that E[R] = 1."""
    rng = np.random.default_rng(seed)
    r = np.exp(rng.uniform(math.log(low), math.log(high), n))
    r[:2] = low, high
    base = rng.uniform(0.1, 1.0, n)
    tilt = brentq(lambda t: float(np.sum(base * r**-t * (r - 1))), -3, 5)
    return pair(base * r**-tilt / np.sum(base * r**-tilt), r)


def shift_of(solver):
    """Distance of E[R] from 1."""
    return abs(float(solver.geometry.masses @ solver.ratio) - 1.0)


# --- mass and sign -------------------------------------------------------------------------------

STEPS = st.sampled_from(("constant", "armijo", "newton"))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.integers(2, 40),
    st.sampled_from((*CONVEX, "hinge", "least-squares:a=-1,b=1,c=0")),
    st.sampled_from((*LINEAR, "fisher", "logits")),
    STEPS,
    st.floats(0.01, 30.0),
)
def test_every_step_keeps_the_mass_and_the_sign(seed, n, spec, geometry, step, alpha):
    solver = GLGD(*random_pair(seed, n), game=spec, geometry=geometry, step=step, alpha=alpha)
    solution = solver.solve(record="all", snapshots=True) if n % 2 else None
    if solution is None:
        for _ in solver.iter_states(60):
            if solver.rule.stationary or not np.isfinite(solver.ratio).all():
                break  # the latter in fisher, at steps this large
            assert shift_of(solver) < 1e-12
            assert solver.ratio.min() >= 0.0
        return
    sound = np.isfinite(solution.trace.max_error)
    assert np.all(np.abs(solution.trace.mean_ratio[sound] - 1.0) < 1e-12)
    assert np.all(solution.trace.min_ratio[sound] >= 0.0)
    w = solver.geometry.masses
    for r in solution.snapshots[np.isfinite(solution.snapshots).all(axis=1)]:
        assert abs(w @ r - 1.0) < 1e-12 and r.min() >= 0.0


@pytest.mark.parametrize("geometry", LINEAR)
@pytest.mark.parametrize("alpha", (1e4, 1e10, 1e100, 1e300))
def test_the_mass_survives_steps_of_any_size(geometry, alpha):
    # Once E[R] was off by 2e-7 at alpha = 1e10, and from 1e17 on there was a traceback.
    solution = glgd(geometry=geometry, alpha=alpha, grid=64, max_steps=60)
    assert np.all(np.abs(solution.trace.mean_ratio - 1.0) < 1e-12)
    assert np.all(solution.trace.min_ratio >= 0.0)
    assert solution.trace.projected[-1] == solution.n_steps


def exact_projection(r, w, along):
    """max(0, r - t along) with E = 1, in rational numbers."""
    r, w, along = ([Fraction(x) for x in array.tolist()] for array in (r, w, along))
    order = sorted(range(len(r)), key=lambda i: r[i] / along[i], reverse=True)
    mass = width = Fraction(0)
    for i in order:
        mass, width = mass + w[i] * r[i], width + w[i] * along[i]
        if r[i] > (mass - 1) / width * along[i]:
            level = (mass - 1) / width
    return np.array([float(max(Fraction(0), x - level * q)) for x, q in zip(r, along, strict=True)])


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("alpha", (1.0, 1e3, 1e8, 1e16, 1e100, 1e290))
def test_the_projection_is_exact_after_steps_of_any_size(name, alpha):
    for seed in range(5):
        real, gen = random_pair(seed, n=40)
        w = real.mass
        geometry = Geometry(name, w, real.density)
        r = gen.mass / w
        far = geometry.step(r, np.log1p(r), alpha)
        clipped = geometry.clip(far)
        assert clipped.min() >= 0.0 and abs(w @ clipped - 1.0) < 1e-12
        along = real.density if name == "lebesgue" else np.ones_like(w)
        # Differences of cells cancel the digits that a step this long has shifted out.
        lost = 4 * np.finfo(float).eps * np.abs(far).max()
        np.testing.assert_allclose(
            clipped, exact_projection(far, w, along), rtol=1e-12, atol=1e-12 + min(lost, 1e-3)
        )


def test_a_step_too_large_for_doubles_ends_the_run():
    for geometry in ("fisher", "logits"):
        solution = glgd(geometry=geometry, alpha=1.7e308, grid=64)
        # alpha Phi''(1) is far above 2: that it diverges is what theory predicts.
        assert solution.status.value == "diverged" and solution.as_predicted
        assert "R is not finite. Take alpha below 1.7e+308" in solution.finding


@pytest.mark.parametrize("geometry", LINEAR)
def test_the_mass_does_not_drift_over_many_steps(geometry):
    solution = glgd(geometry=geometry, alpha=1e-3, grid=128, tol=0, max_steps=50_000)
    assert np.all(np.abs(solution.trace.mean_ratio - 1.0) < 1e-13)


# --- no projection below the positivity bound, descent below 2/sup Phi'' ------------------------

POSITIVITY = {NON_SATURATING: 1.0, LEAST_SQUARES: 8.0, SQUARE: 1 / 8, SQUARE_FLIPPED: 1.0}


@pytest.mark.parametrize("geometry", LINEAR)
@pytest.mark.parametrize("spec", POSITIVITY)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_no_projection_up_to_the_bound(spec, geometry, seed, share):
    solver = GLGD(*random_pair(seed), game=spec, geometry=geometry)
    alpha = share * POSITIVITY[spec] / solver.geometry.max_density
    solution = glgd(
        *random_pair(seed), game=spec, geometry=geometry, alpha=alpha, tol=0, max_steps=40
    )
    assert solution.trace.projected[-1] == 0 and np.all(solution.trace.min_ratio >= 0)


@pytest.mark.parametrize("seed", range(5))
def test_beyond_the_bound_there_are_projections_and_still_no_rise(seed):
    # Nearly all mass in one cell keeps E[u] small, and R - 2 log(1+R) < 0 up to R = 2.5.
    rng = np.random.default_rng(seed)
    n = 300
    r = rng.uniform(0.0, 0.1, n)
    r[1:20] = rng.uniform(0.5, 2.0, 19)
    r[0] = n - r[1:].sum()
    start = pair(np.full(n, 1 / n), r)
    calm, rough = (glgd(*start, alpha=alpha, record="all") for alpha in (1.0, 2.0))
    assert calm.trace.projected[-1] == 0 and rough.trace.projected[-1] > 0
    for solution in (calm, rough):
        assert np.all(np.diff(solution.trace.cost) <= ROUND_OFF)


@pytest.mark.parametrize("geometry", LINEAR)
@pytest.mark.parametrize("spec", BOUNDED)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.3, 1.0))
def test_the_cost_never_rises_up_to_two_over_the_largest_curvature(spec, geometry, seed, share):
    solver = GLGD(*random_pair(seed, low=1e-4, spread=2.5), game=spec, geometry=geometry)
    scale = CONVEX[spec][2] * solver.geometry.max_density
    solver = GLGD(solver.real, solver.gen, spec, geometry, alpha=share * 2.0 / scale)
    w, before = solver.geometry.masses, math.inf
    for _ in solver.iter_states(50):
        cost = excess(spec, w, solver.ratio)
        assert cost <= before + ROUND_OFF * 10
        before = cost


@pytest.mark.parametrize("spec", HALVED)
@pytest.mark.parametrize("geometry", LINEAR)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.1, 20.0), st.sampled_from((1e-12, 1e-6, 1e-2)))
def test_steep_games_are_halved_and_never_touch_zero(spec, geometry, seed, alpha, low):
    solver = GLGD(*random_pair(seed, low=low, spread=4.0), spec, geometry, alpha=alpha)
    costs = []
    for _ in solver.iter_states(25):
        assert solver.ratio.min() > 0.0
        costs.append(solver.measure()["cost"])
    assert np.all(np.diff(costs) <= ROUND_OFF * np.maximum(1.0, costs[:-1]))
    assert solver.rule.projected == 0


@pytest.mark.parametrize("spec", ("minimax", "logit"))
def test_a_step_out_of_a_steep_cell_is_checked_too(spec):
    # Once only cells that a step led into were: R = 1e-6 leapt to 13, and E[Phi] rose tenfold.
    r = np.ones(100)
    r[0] = 1e-6
    solution = glgd(*pair(np.full(100, 0.01), r), game=spec, record="all")
    assert solution.status.value == "converged"
    assert np.all(np.diff(solution.trace.cost) <= ROUND_OFF)
    assert solution.trace.halvings[1] > 0


def test_bounded_blocks_look_at_the_first_and_at_the_last_state():
    # The same through blocks of any length: a run in blocks is the run step by step.
    real, gen = wide_pair(3, n=64)
    whole = glgd(real, gen, game="minimax", record="log")
    single = GLGD(real, gen, game="minimax")
    last = list(single.iter_states(whole.n_steps))[-1][1]
    np.testing.assert_array_equal(last, whole.ratio)


# --- the table's "never rises" and the global bounds ---------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from(BOUNDED), st.floats(0.1, 1.0))
def test_the_bound_of_reference_holds_at_every_step(seed, spec, share):
    real, gen = random_pair(seed, spread=1.5)
    alpha = share / CONVEX[spec][2]
    solver = GLGD(real, gen, spec, alpha=alpha)
    start = float(real.mass @ (solver.ratio - 1.0) ** 2)
    for k, _ in solver.iter_states(60):
        if k:
            assert excess(spec, real.mass, solver.ratio) <= start / (2 * alpha * k) + ROUND_OFF


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from([spec for spec, (*_, top) in CONVEX.items() if math.isfinite(top)]),
    st.floats(0.1, 1.0),
)
def test_the_bound_of_fisher_holds_at_every_step(seed, spec, share):
    real, gen = random_pair(seed, spread=2.5)
    alpha = share / CONVEX[spec][3]
    solver = GLGD(real, gen, spec, "fisher", alpha=alpha)
    start = float(real.mass @ np.log(real.mass / gen.mass))
    before = math.inf
    for k, _ in solver.iter_states(60):
        cost = excess(spec, real.mass, solver.ratio)
        assert cost <= before + ROUND_OFF * 10
        before = cost
        if k:
            assert cost <= start / (alpha * k) + ROUND_OFF * 10


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_the_non_saturating_range_shrinks_and_the_error_with_it(seed, alpha):
    real, gen = random_pair(seed, spread=2.0)
    solver = GLGD(real, gen, alpha=alpha)
    low, high = solver.ratio.min(), solver.ratio.max()
    start, top = math.sqrt(real.mass @ (solver.ratio - 1.0) ** 2), high
    for k, _ in solver.iter_states(60):
        assert solver.ratio.max() <= high * (1 + 1e-14) and solver.ratio.min() >= low * (1 - 1e-14)
        low, high = solver.ratio.min(), solver.ratio.max()
        error = math.sqrt(real.mass @ (solver.ratio - 1.0) ** 2)
        assert error <= (1 - alpha / (1 + top)) ** k * start + 1e-14


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from(tuple(CONVEX)),
    st.sampled_from((*LINEAR, "fisher", "logits")),
)
def test_the_certificate_bounds_the_cost_at_every_step(seed, spec, geometry):
    real, gen = random_pair(seed)
    solution = glgd(real, gen, spec, geometry, max_steps=40, tol=0, record="all")
    trace = solution.trace
    sound = np.isfinite(trace.max_error)
    assert np.all(trace.gap_bound[sound] >= trace.cost[sound] * (1 - 1e-9) - 1e-15)
    # recomputed from R alone
    r, w = solution.ratio, real.mass
    if sound[-1]:
        u = CONVEX[spec][1](r)
        covariance = w @ ((r - 1.0) * (u - w @ u))
        assert abs(trace.gap_bound[-1] - covariance) < 1e-13 * (1 + np.abs(u).max())
        assert trace.gap_bound[-1] == solution.certificate["gap_bound"]


def test_the_prediction_rows_say_what_the_steps_did():
    real, gen = random_pair(5)
    below = {p.name: p for p in glgd(real, gen, alpha=1.0).predictions}
    assert below["E[Phi] never rises (alpha <= 1)"].predicted == "yes"
    assert below["E[Phi]-min <= E[(R0-1)^2]/(2 alpha k)"].measured.startswith("yes")
    above = {p.name: p for p in glgd(real, gen, alpha=3.0).predictions}
    assert above["E[Phi] never rises (alpha <= 2)"].predicted == "not guaranteed"
    assert not any("alpha k" in name for name in above)
    fisher = {p.name: p for p in glgd(real, gen, geometry="fisher", alpha=0.5).predictions}
    assert fisher["E[Phi]-min <= KL(p_r||p_g0)/(alpha k)"].measured.startswith("yes")


# --- Newton --------------------------------------------------------------------------------------

NEWTON_STEPS = {
    NON_SATURATING: (15, 1e-12),
    "logit": (15, 1e-12),
    "minimax": (20, 1e-12),
    "maximum-likelihood": (40, 1e-11),
}


@pytest.mark.parametrize("spec", NEWTON_STEPS)
@pytest.mark.parametrize("seed", range(4))
def test_newton_is_done_in_the_promised_number_of_steps(spec, seed):
    most, tol = NEWTON_STEPS[spec]
    real, gen = wide_pair(seed)
    assert (gen.mass / real.mass).min() < 1.1e-6 and (gen.mass / real.mass).max() > 900
    solution = glgd(real, gen, game=spec, step="newton", tol=tol)
    assert solution.status.value == "converged" and solution.n_steps <= most
    assert solution.max_error < tol


@pytest.mark.parametrize("spec", CONVEX)
def test_newton_converges_quadratically(spec):
    # log e_{k+1} against log e_k over the last steps above round-off: slope 2.
    errors = []
    for seed in range(3):
        trace = glgd(*random_pair(seed, spread=0.5), game=spec, step="newton", tol=1e-14).trace
        e = trace.max_error
        inside = np.flatnonzero((e[:-1] < 0.05) & (e[1:] > 1e-13))
        errors += [(e[k], e[k + 1]) for k in inside]
    before, after = np.log(np.array(errors)).T
    assert len(before) >= 3
    assert np.all(after < 2 * before + math.log(10.0))  # e' <= 10 e^2
    if len(before) > 3:
        assert 1.8 < np.polyfit(before, after, 1)[0] < 2.4


@pytest.mark.parametrize("spec", (NON_SATURATING, "minimax", LEAST_SQUARES))
def test_a_newton_step_solves_the_quadratic_model(spec):
    # min <u, d> + 1/2 <Phi'' d, d> on {E[d] = 0}: the KKT matrix solved densely.
    real, gen = random_pair(2, n=8, spread=0.1)
    solver = GLGD(real, gen, spec, step="newton")
    r, w = solver.ratio.copy(), real.mass
    u = CONVEX[spec][1](r)
    h = 1e-6
    bend = (CONVEX[spec][1](r + h) - CONVEX[spec][1](r - h)) / (2 * h)
    matrix = np.block([[np.diag(w * bend), w[:, None]], [w[None], np.zeros((1, 1))]])
    direction = np.linalg.solve(matrix, np.append(-w * u, 0.0))[:8]
    solver.advance(1)
    np.testing.assert_allclose(solver.ratio, r + direction, rtol=1e-7)


def test_newton_is_the_same_in_every_geometry():
    runs = [
        glgd(*random_pair(1), step="newton", geometry=name)
        for name in (*LINEAR, "fisher", "logits")
    ]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.ratio, runs[0].ratio)


@pytest.mark.parametrize("spec", ("maximum-likelihood", INVERSE_ROOT, "minimax", "logit"))
@pytest.mark.parametrize("low", (1e-12, 1e-20, 1e-30))
def test_steep_starts_are_left_by_every_rule(spec, low):
    # Once Newton's own round-off in E[d] emptied the cell, and 60 halvings were too few.
    r = np.ones(50)
    r[0] = low
    for step in ("constant", "armijo", "newton"):
        solution = glgd(*pair(np.full(50, 0.02), r), game=spec, step=step, max_steps=1000)
        assert solution.status.value == "converged", step
        assert solution.n_steps < 250
        assert np.all(np.diff(solution.trace.cost) <= ROUND_OFF * 100)


def test_newton_says_where_it_has_no_step():
    r = np.ones(10)
    r[:2] = 0.0
    start = pair(np.full(10, 0.1), r)
    for spec in (LEAST_SQUARES, ROOT):
        solution = glgd(*start, game=spec, step="newton")
        assert solution.status.value == "stalled" and not solution.as_predicted
        assert "R = 0 in 2 of 10 cells (20% of p_r)" in solution.finding
        assert "Take --step constant" in solution.finding
    assert glgd(*start, step="newton").status.value == "converged"  # Phi''(0) = 1
    # A signal without any curvature leaves none either.
    for r in ([1.0, 1.0], [0.5, 1.5]):
        for spec in ("hinge", "0-1", "cw:c=0.3"):
            solution = glgd(*pair(np.full(2, 0.5), np.array(r)), spec, step="newton", tol=0)
            np.testing.assert_array_equal(solution.ratio, r)


# --- Armijo --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", CONVEX)
@pytest.mark.parametrize("geometry", ("reference", "fisher"))
def test_armijo_converges_in_every_convex_game(spec, geometry):
    for seed in range(3):
        solution = glgd(*wide_pair(seed, n=64), spec, geometry, step="armijo", max_steps=3000)
        assert solution.status.value == "converged", solution.finding
        costs = solution.trace.cost
        assert np.all(np.diff(costs) <= ROUND_OFF * np.maximum(1.0, costs[:-1]))


@pytest.mark.parametrize("geometry", ("lebesgue", "logits"))
def test_armijo_converges_from_mild_starts_in_the_slow_geometries(geometry):
    for spec in CONVEX:
        solution = glgd(*random_pair(1, n=6, spread=0.5), spec, geometry, step="armijo")
        assert solution.status.value == "converged", solution.finding


def test_every_armijo_step_falls_by_a_tenth_of_its_slope():
    # sufficient decrease, with ||P_0 grad||^2 from its definition
    real, gen = random_pair(8)
    for geometry in LINEAR:
        solver = GLGD(real, gen, geometry=geometry, step="armijo")
        w, v = real.mass, real.grid.volumes
        p = w / v
        for _ in range(12):
            before = solver.ratio.copy()
            u = np.log1p(before)
            gradient = u - w @ u if geometry == "reference" else p * (u - (w * p) @ u / (w @ p))
            square = np.sum((w if geometry == "reference" else v) * gradient**2)
            solver.advance(1)
            alpha = 0.5 * solver.rule.trial
            fall = excess(NON_SATURATING, w, before) - excess(NON_SATURATING, w, solver.ratio)
            assert fall >= 0.1 * alpha * square * (1 - 1e-9) - 1e-15
            if solver.rule.projected == 0:
                np.testing.assert_allclose(solver.ratio, before - alpha * gradient, atol=1e-13)


def test_armijo_stops_where_doubles_end():
    solution = glgd(step="armijo", tol=1e-17, grid=64, max_steps=2000)
    assert solution.status.value in ("stalled", "converged") and solution.n_steps < 100
    assert solution.max_error < 1e-14


# --- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("geometry", "step"),
    [
        ("reference", "constant"),
        ("lebesgue", "constant"),
        ("logits", "constant"),
        ("reference", "armijo"),
        ("reference", "newton"),
    ],
)
def test_a_run_stops_at_the_first_step_below_tol_whatever_is_recorded(geometry, step):
    # Once the rules without a compiled loop were looked at only at recorded steps.
    options = {"geometry": geometry, "step": step, "grid": 16, "tol": 1e-6, "domain": "-2:2"}
    every = glgd(record="all", **options)
    first = int(np.argmax(every.trace.max_error < 1e-6))
    assert every.n_steps == first
    for record in ("log", "auto", 7):
        run = glgd(record=record, **options)
        assert run.n_steps == first and run.trace.step[-1] == first
        np.testing.assert_array_equal(run.ratio, every.ratio)


def test_an_own_game_stops_where_its_built_in_twin_does():
    own = make_game(NON_SATURATING).from_losses(
        lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f)
    )
    for alpha in (1.0, 0.1):
        run, built_in = (glgd(game=game, alpha=alpha, grid=64) for game in (own, NON_SATURATING))
        assert run.n_steps == built_in.n_steps
        np.testing.assert_allclose(run.ratio, built_in.ratio, atol=1e-9)


def test_the_certified_ratio_is_where_descent_stops_being_sure():
    # alpha Phi''(R) <= 2 from there on, for every game that is halved
    for spec in HALVED:
        for alpha in (0.1, 1.0, 7.0):
            geometry = Geometry("reference", np.full(2, 0.5))
            rule = FusedSteps(make_game(spec), geometry, alpha, 1e-10, SOLO)
            lowest = float(np.int64(rule.lowest).view(np.float64))
            assert alpha * make_game(spec).curvature(lowest) <= 2.0
            assert alpha * make_game(spec).curvature(lowest * 0.999) > 2.0


THREADS_OF_BLAS = """
import hashlib
import numpy as np
from ratiogan import Distribution, Grid, glgd
x = np.random.default_rng(0).normal(size=40_000)
p_g = Distribution.from_samples(
    x, Grid.regular(40_000, -9, 9), method="kde", weights=np.linspace(1, 2, x.size)
)
found = hashlib.sha256(p_g.mass.tobytes())
for how in ({"step": "newton"}, {"step": "armijo"}, {"geometry": "logits", "max_steps": 20}):
    run = glgd(real="student-t", gen=p_g, **how)
    found.update(run.ratio.tobytes() + run.trace.cost.tobytes())
print(found.hexdigest())
"""


def test_long_runs_do_not_depend_on_the_threads_of_blas():
    """Its products of vectors are shared among threads from 10,000 numbers on."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", THREADS_OF_BLAS],
            capture_output=True, text=True, check=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(printed) == 1 and len(printed.pop()) == 65
