"""Methods against closed forms of the literature, against the march, and against naive twins."""

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import brentq

from ratiogan import dynamics
from ratiogan.dynamics import simulate, simulate_batch, simulate_several
from ratiogan.dynamics.integrators import WINDOW
from ratiogan.dynamics.methods import method_of
from ratiogan.dynamics.spectra import spectral_radius, step_limits
from ratiogan.errors import InputError

XY = np.array([[0.0, -1.0], [1.0, 0.0]])
SMALL = np.array([0.05, 0.2, 0.45, 0.7, 1.3])


def radius(method, alphas, jacobian=XY):
    return spectral_radius(method_of(method), [(jacobian, 1, 1)], alphas)


# --- spectral radii on xy, A = 1 -----------------------------------------------------------------


def optimistic(a):
    # lambda^2 - (1 + 2 i a) lambda + i a = 0: real root of 1 - 4 a^2 up to a = 1/2.
    root = np.sqrt(np.abs(1 - 4 * a * a))
    return np.where(a <= 0.5, np.sqrt((1 + root) / 2), np.hypot(0.5, a + root / 2))


@pytest.mark.parametrize(
    "method, expected",
    [
        ("simultaneous", lambda a: np.sqrt(1 + a**2)),
        ("alternating", lambda a: 1 + 0 * a),
        ("alternating:first=disc", lambda a: 1 + 0 * a),
        ("implicit", lambda a: 1 / np.sqrt(1 + a**2)),
        ("extragradient", lambda a: np.sqrt((1 - a**2) ** 2 + a**2)),
        ("optimistic", optimistic),
        ("consensus:gamma=0.4", lambda a: np.hypot(1 - 0.4 * a, a)),
        # J = [[-2 eta, -1], [1, 0]], eigenvalues -eta +- i sqrt(1 - eta^2)
        ("regularised:eta=0.6", lambda a: np.hypot(1 - 0.6 * a, 0.8 * a)),
        ("two-time-scale:ratio=3", lambda a: np.sqrt(1 + 3 * a**2)),
    ],
)
def test_spectral_radius_on_xy(method, expected):
    chosen = method_of(method)
    jacobian = chosen.field(dynamics.bilinear()).jacobian([0.0, 0.0])
    np.testing.assert_allclose(radius(method, SMALL, jacobian), expected(SMALL), rtol=1e-13)


def test_alternating_leaves_the_unit_circle_at_two():
    # trace 2 - a^2, determinant 1: complex of modulus 1 up to a = 2, real and unstable above.
    np.testing.assert_allclose(radius("alternating", [1.99, 2.5]), [1, 4.0], rtol=1e-12)


@pytest.mark.parametrize("beta", np.linspace(-0.95, 0.95, 20))
def test_simultaneous_momentum_is_unstable_on_xy_for_every_beta(beta):
    # Gidel et al. 2019, theorem 4.
    assert radius(f"momentum:beta={beta}", np.geomspace(1e-3, 5, 40)).min() > 1


def test_negative_momentum_in_turn_converges_on_xy():
    # Gidel et al. 2019, theorem 5: beta = -1/2, for steps up to some bound.
    alphas = np.geomspace(1e-2, 1.0, 20)
    assert radius("momentum:beta=-0.5,order=alternating", alphas).max() < 1
    assert radius("momentum:beta=0.5,order=alternating", alphas).min() > 1


@pytest.mark.parametrize("beta", [-0.5, 0.3])
def test_momentum_in_turn_has_the_characteristic_polynomial_of_its_recurrence(beta):
    # x+ = x - a y + b (x - x-), y+ = y + a x+ + b (y - y-), solved by x, y ~ z^t.
    z, a, b = sp.symbols("z a b")
    heavy = z**2 - (1 + b) * z + b
    polynomial = sp.Matrix([[heavy, a * z], [-a * z**2, heavy]]).det()
    assert sp.expand(polynomial - (z - 1) ** 2 * (z - b) ** 2 - a**2 * z**3) == 0  # Gidel et al.
    method = method_of(f"momentum:beta={beta},order=alternating")
    for alpha in SMALL:
        expected = sp.Poly(polynomial.subs({a: alpha, b: beta}), z).all_coeffs()
        found = np.poly(method.update(XY, 1, np.array([alpha, alpha])))
        np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-13)


def test_the_flow_turns_by_alpha():
    found = method_of("flow").multipliers(dynamics.bilinear(), np.zeros(2), 0.3)
    np.testing.assert_allclose(np.sort_complex(found), np.exp([-0.3j, 0.3j]), rtol=1e-14)


# --- largest and best steps ----------------------------------------------------------------------

DAMPED = np.array([[0.0, -0.5], [0.5, -0.5]])  # Dirac-GAN, r1, gamma = 1/2: -1/4 +- i sqrt(3)/4


@pytest.mark.parametrize(
    "method, jacobian, largest, best, least",
    [
        ("simultaneous", XY, 0.0, np.nan, np.nan),
        ("alternating", XY, 0.0, np.nan, np.nan),
        ("implicit", XY, np.inf, np.inf, 0.0),
        ("extragradient", XY, 1.0, 1 / math.sqrt(2), math.sqrt(3) / 2),
        ("optimistic", XY, 1 / math.sqrt(3), 0.5, 1 / math.sqrt(2)),
        # 2 p/(p^2 + q^2), p/(p^2 + q^2), q/sqrt(p^2 + q^2) for -p +- i q
        ("simultaneous", DAMPED, 2.0, 1.0, math.sqrt(3) / 2),
        # trace 2 - a/2 - a^2/4, determinant 1 - a/2 (Jury); both are 0 at a = 2
        ("alternating", DAMPED, math.sqrt(20) - 2, 2.0, 0.0),
        # 1 + m + m^2 = 0 at m = exp(2 i pi/3), which J has the argument of
        ("extragradient", DAMPED, None, 2.0, 0.0),
        ("simultaneous", 3.0 * np.diag([-1.0, -2.0]), 1 / 3, 2 / 9, 1 / 3),
    ],
)
def test_step_limits(method, jacobian, largest, best, least):
    found = step_limits(method_of(method), [(jacobian, 1, 1)])
    if largest is not None:
        # A radius below 1 - 1e-13 counts as stable: that moves a limit of slope 1 by 1e-13.
        np.testing.assert_allclose(found[0], largest, rtol=1e-12)
    # The bottom of a valley is flat; a double eigenvalue is off by the root of rounding.
    np.testing.assert_allclose(found[1], best, rtol=1e-7)
    np.testing.assert_allclose(found[2], least, rtol=1e-9, atol=0.03 if best == np.inf else 1e-7)


def test_extragradient_limit_on_the_damped_game_is_a_root_of_its_modulus():
    values = np.linalg.eigvals(DAMPED)
    modulus = lambda a: np.abs(1 + a * values + (a * values) ** 2).max() - 1  # noqa: E731
    largest = step_limits(method_of("extragradient"), [(DAMPED, 1, 1)])[0]
    np.testing.assert_allclose(largest, brentq(modulus, 2.5, 3.5), rtol=1e-12)


def test_a_step_at_which_an_implicit_equation_is_singular_is_no_step():
    # I - alpha J is singular at alpha = 1; beyond 2 the step contracts, though J is unstable.
    found = radius("implicit", [0.5, 1.0, 4.0], np.eye(2))
    np.testing.assert_array_equal(found, [2.0, np.inf, 1 / 3])
    assert step_limits(method_of("implicit"), [(np.eye(2), 1, 1)])[0] == 0.0


# --- the update map is what the march does -------------------------------------------------------

MAPPED = (
    *("simultaneous", "implicit", "extragradient", "optimistic", "consensus:gamma=0.3"),
    *("regularised:eta=0.2", "two-time-scale:ratio=3", "momentum:beta=-0.4"),
    *("momentum:beta_gen=0.2,beta_disc=-0.6", "momentum:beta=-0.5,order=alternating"),
    *("momentum:beta_gen=0.3,beta_disc=-0.2,order=alternating", "alternating"),
    "alternating:first=disc",
)
WIDE = "bilinear:matrix=1/-2/0.5/0/3/1.5,rows=2"
DENSE = np.random.default_rng(5).normal(size=(5, 5))


TURNS = [(method, (1, 1)) for method in MAPPED] + [
    (method, turns)
    for method in ("alternating", "alternating:first=disc")
    for turns in ((3, 1), (1, 2), (2, 3))
]


@pytest.mark.parametrize("method, turns", TURNS)
@pytest.mark.parametrize("field", [WIDE, "dense"])
def test_powers_of_the_update_are_the_steps_from_unit_vectors(method, turns, field):
    own = field == "dense"
    made = dynamics.field(lambda z: DENSE @ z, start=np.ones(5)) if own else dynamics.field(field)
    chosen, alphas = method_of(method), (0.11, 0.07)
    alphas = alphas if chosen.ratio == 1.0 else (0.11, None)  # it sets that of the discriminator
    # Of a linear field the steps from unit vectors are the columns of the map.
    states = simulate_batch(made, np.eye(5), method, 0.11, *alphas, *turns, max_steps=4)
    jacobian = DENSE if own else made.jacobian(np.zeros(5))
    if own and (chosen.eta or chosen.consensus):
        disc = np.diag([0.0, 0.0, 1.0, 1.0, 1.0])
        extra = chosen.consensus * DENSE.T @ DENSE
        extra += 2 * chosen.eta * (np.eye(5) - disc) @ DENSE.T @ disc @ DENSE
        jacobian = DENSE - extra
    elif not own:
        jacobian = chosen.field(made).jacobian(np.zeros(5))
    update = chosen.update(jacobian, made.n_gen, chosen.rates(made, *alphas), *turns)
    state = np.tile(np.eye(5), (len(update) // 5, 1))  # at first the last state is the state
    # The regularisers of an own field are made of differences.
    tol = 1e-8 if own and (chosen.eta or chosen.consensus) else 2e-14
    for k in range(5):
        np.testing.assert_allclose(states[:, k].T, state[:5], rtol=0, atol=tol)
        state = update @ state


# --- what is exact on xy -------------------------------------------------------------------------


def test_simultaneous_steps_grow_by_exactly_the_same_factor():
    run = simulate("bilinear", [0.3, -1.0], alpha=0.2, max_steps=400)
    sizes = np.hypot(*run.states.T)
    np.testing.assert_allclose(sizes[1:] / sizes[:-1], math.sqrt(1.04), rtol=1e-14)
    assert run.status == "unstable" and run.as_predicted


@pytest.mark.parametrize("first, sign", [("gen", 1.0), ("disc", -1.0)])
def test_alternating_steps_keep_an_ellipse_for_ever(first, sign):
    method, alphas = f"alternating:first={first}", dict(alpha_gen=0.3, alpha_disc=0.1)
    run = simulate("bilinear", [1.0, 0.5], method, 0.2, max_steps=100_000)
    x, y = run.states.T
    ellipse = x**2 + y**2 - sign * 0.2 * x * y
    np.testing.assert_allclose(ellipse, ellipse[0], rtol=3e-13)  # 1e5 roundings, at random
    assert run.status == "cycle" and run.drift < 3e-13 and f"{'+-'[sign > 0]}alpha x y" in (
        run.conserved
    )  # fmt: skip
    run = simulate("bilinear", [1.0, 0.5], method, **alphas, max_steps=100_000)
    x, y = run.states.T
    ellipse = x**2 / 0.3 + y**2 / 0.1 - sign * x * y
    np.testing.assert_allclose(ellipse, ellipse[0], rtol=3e-13)  # 1e5 roundings, at random
    assert run.drift < 3e-13


def test_alternating_steps_keep_an_ellipse_of_a_matrix():
    run = simulate(WIDE, method="alternating", alpha=0.05, max_steps=20_000)
    matrix = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]])
    x, y = run.states[:, :2], run.states[:, 2:]
    cross = np.einsum("ki,ij,kj->k", x, matrix, y)
    ellipse = np.sum(run.states**2, axis=1) - 0.05 * cross
    np.testing.assert_allclose(ellipse, ellipse[0], rtol=1e-12)
    np.testing.assert_allclose(run.conserved_values - run.conserved_values[0], 0, atol=1e-12)


# --- naive twins on the nonlinear Dirac-GAN ------------------------------------------------------


def pull(theta, psi):
    slope = 1 / (1 + math.exp(theta * psi))
    return np.array([-psi * slope, theta * slope])


def push(z, alpha=0.3):
    return alpha * pull(*z)


def twin_simultaneous(z, last):
    return z + push(z)


def twin_alternating(z, last):
    x = z[0] + push(z)[0]
    return np.array([x, z[1] + push((x, z[1]))[1]])


def twin_alternating_disc(z, last):
    y = z[1] + push(z)[1]
    return np.array([z[0] + push((z[0], y))[0], y])


def twin_implicit(z, last):
    found = z
    for _ in range(200):  # alpha times the slope of v is below 1: a contraction
        found = z + push(found)
    return found


def twin_extragradient(z, last):
    return z + push(z + push(z))


def twin_optimistic(z, last):
    return z + 2 * push(z) - push(last)


def twin_momentum(z, last):
    return z + push(z) - 0.4 * (z - last)


def twin_momentum_in_turn(z, last):
    x = z[0] + push(z)[0] - 0.4 * (z - last)[0]
    return np.array([x, z[1] + push((x, z[1]))[1] - 0.4 * (z - last)[1]])


def twin_two_time_scale(z, last):
    return z + np.array([1, 10]) * push(z)


def gradient(function, z, step=1e-3):
    """By differences of sixth order."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    moves = step * np.eye(2)
    return np.array(
        [
            sum(w * (function(z + k * d) - function(z - k * d)) for k, w in weights.items()) / step
            for d in moves
        ]
    )


def twin_consensus(z, last):
    return z + push(z) - 0.3 * 0.5 * gradient(lambda at: np.sum(pull(*at) ** 2) / 2, z)


def twin_regularised(z, last):
    slope = gradient(lambda at: pull(*at)[1] ** 2, z)
    return z + push(z) - 0.3 * 0.5 * slope * np.array([1, 0])


STEPPED = {
    "simultaneous": twin_simultaneous,
    "alternating": twin_alternating,
    "alternating:first=disc": twin_alternating_disc,
    "implicit": twin_implicit,
    "extragradient": twin_extragradient,
    "optimistic": twin_optimistic,
    "momentum:beta=-0.4": twin_momentum,
    "momentum:beta=-0.4,order=alternating": twin_momentum_in_turn,
    "consensus:gamma=0.5": twin_consensus,
    "regularised:eta=0.5": twin_regularised,
    "two-time-scale": twin_two_time_scale,
}


@pytest.mark.parametrize("method", STEPPED)
def test_trajectories_of_naive_twins(method):
    run = simulate("dirac", [0.8, -0.6], method, 0.3, max_steps=50)
    z = last = np.array([0.8, -0.6])
    for state in run.states[1:]:
        z, last = STEPPED[method](z, last), z
        np.testing.assert_allclose(state, z, rtol=0, atol=1e-12 * (1 + np.abs(z).max()))


def test_implicit_steps_solve_their_equation():
    for field, start, alpha in (("dirac", [2.0, -1.5], 3.0), ("uniform-wgan", [1.5, 0.5], 0.4)):
        run = simulate(field, start, "implicit", alpha, max_steps=100, tol=0.0)
        left = run.states[1:] - run.states[:-1] - alpha * run.field.velocity(run.states[1:])
        np.testing.assert_allclose(left, 0, atol=2e-15 * (1 + np.abs(run.states).max()))


IN_LANES = ("simultaneous", "extragradient", "optimistic", "momentum:beta=-0.4", *MAPPED[-2:])
BATCHES = [
    *(("linear-quadratic", method) for method in MAPPED),
    *(("dirac:reg=r1,gamma=0.3", method) for method in IN_LANES),
    *(("uniform-wgan", "alternating"), ("bilinear", "simultaneous")),
    ("dirac:loss=non-saturating,reg=gp", "simultaneous"),
]


@pytest.mark.parametrize("field, method", BATCHES)
def test_a_batch_is_its_rows(field, method):
    made = dynamics.field(field)
    starts = made.start + 0.1 * np.random.default_rng(0).normal(size=(3, made.size))
    states = simulate_batch(made, starts, method, 0.05, max_steps=60, every=7)
    assert states.shape == (3, 10, made.size)  # 0, 7, .., 56 and 60
    for row, start in zip(states, starts, strict=True):
        run = simulate(made, start, method, 0.05, max_steps=60, tol=0.0)
        expected = run.states[[*range(0, 60, 7), 60]]
        # Two coordinates go through vector code, with an exp and an order of its own.
        tol = 0.0 if made.size > 2 else 1e-13
        np.testing.assert_allclose(row, expected, rtol=tol, atol=tol)


# --- flows ---------------------------------------------------------------------------------------


def level(z):
    return z[..., 1] ** 2 + z[..., 0] ** 2 / 2 - np.log(np.abs(z[..., 0]))


@pytest.mark.parametrize(
    "field, value", [("dirac", lambda z: np.sum(z**2, axis=-1)), ("uniform-wgan", level)]
)
def test_flows_conserve(field, value):
    run = simulate(field, method="flow", alpha=0.2, max_steps=300)
    np.testing.assert_allclose(value(run.states), value(run.states[0]), rtol=1e-11)
    assert run.drift < 1e-11 and run.status == "cycle"


def test_orbits_of_the_uniform_wgan_close():
    # From a' = 2 w a/3 on a level c: the period is 2 int 3 da/(2 a sqrt(c - a^2/2 + log a)).
    start = np.array([1.5, 0.5])
    c = level(start)
    low, high = (
        brentq(lambda a: a * a / 2 - math.log(a) - c, *ends) for ends in ((0.1, 1), (1, 3))
    )
    middle, half = (low + high) / 2, (high - low) / 2

    def share(s):
        a = middle + half * math.sin(s)
        return half * math.cos(s) * 3 / (a * math.sqrt(c - a * a / 2 + math.log(a)))

    end = math.pi / 2 - 1e-9
    period = quad(share, -end, end, epsabs=1e-11)[0]
    run = simulate("uniform-wgan", start, "flow", period / 100, max_steps=100)
    np.testing.assert_allclose(run.states[-1], start, atol=1e-7)
    assert np.abs(run.states[1:-1] - start).max(axis=1).min() > 1e-3


@pytest.mark.parametrize("eta", [0.25, 0.5, 1.0])
def test_regularised_uniform_wgan_spirals_in_at_the_rate_of_its_eigenvalues(eta):
    run = simulate(f"uniform-wgan:eta={eta}", [1 + 1e-5, 0.0], "flow", 0.1, max_steps=300)
    assert run.status == "converging" and run.as_predicted
    measured = math.log(run.factor_measured) / 0.1
    np.testing.assert_allclose(measured, -4 * eta / 9, rtol=1e-5)
    np.testing.assert_allclose(run.factor_predicted, math.exp(-0.1 * 4 * eta / 9), rtol=1e-14)


# --- what does not converge ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["simultaneous", "alternating", "alternating:first=disc"])
@pytest.mark.parametrize("reg", ["gp", "clip", "gp,gamma=0.3", "clip,clip=0.5"])
def test_gradient_penalty_and_clipping_do_not_converge(reg, method):
    # Mescheder et al. 2018, section 2: neither WGAN-GP nor clipping finds the equilibrium.
    run = simulate(f"dirac:loss=wgan,reg={reg}", method=method, alpha=0.1, max_steps=100_000)
    assert run.status == "cycle" and run.as_predicted and run.n_steps == 100_000
    assert run.distance.min() > 0.2
    if "clip" in reg:
        assert np.abs(run.states[:, 1]).max() == run.field.upper[1]


def test_the_flow_of_a_gradient_penalty_crosses_its_kink_and_cycles():
    # Of DOP853 with the tightest tolerances the step at the kink is shorter than rounding.
    run = simulate("dirac:loss=wgan,reg=gp", method="flow", max_steps=400)
    assert run.status == "cycle" and run.n_steps == 400 and run.factor_predicted is None
    assert np.sum(np.diff(np.sign(run.states[:, 1])) != 0) > 3


# --- how runs end --------------------------------------------------------------------------------


def test_a_run_stops_where_the_field_is_small():
    run = simulate("dirac:reg=r1", alpha=0.2, tol=1e-6)
    speeds = np.linalg.norm(run.field.velocity(run.states), axis=1)
    assert run.status == "converged" and len(run.states) == run.n_steps + 1
    assert speeds[-1] < 1e-6 and speeds[:-1].min() >= 1e-6
    flow = simulate("dirac:reg=r1", method="flow", alpha=0.2, tol=1e-6)
    assert (
        flow.status == "converged" and np.linalg.norm(flow.field.velocity(flow.states[-1])) < 1e-6
    )


def test_a_run_that_is_no_longer_finite_says_so():
    run = simulate("uniform-wgan", alpha=10.0)
    assert run.status == "diverged" and run.n_steps < 20
    assert "DIVERGED at step" in run.finding
    batch = simulate_batch("uniform-wgan", [[1.5, 0.5]], alpha=10.0, max_steps=30)
    assert not np.isfinite(batch[0, -1]).any()


@pytest.mark.parametrize("steps", [5_100, 60_000])
def test_long_runs_keep_their_last_states(steps):
    run = simulate("bilinear", method="alternating", alpha=0.01, max_steps=steps)
    assert len(run.steps) <= 5_000 and run.steps[0] == 0 and run.steps[-1] == steps
    assert (np.diff(run.steps)[-WINDOW:] == 1).all() and (np.diff(run.steps) > 0).all()
    np.testing.assert_allclose(run.factor_measured, 1.0, rtol=1e-9)


def test_a_long_run_that_stops_early_keeps_its_last_states_too():
    run = simulate("dirac:reg=r1", alpha=0.01, max_steps=10**6, tol=1e-9)
    assert run.status == "converged" and run.n_steps < 10**5
    assert run.steps[-1] == run.n_steps and (np.diff(run.steps)[-WINDOW:] == 1).all()
    np.testing.assert_allclose(run.factor_measured, run.factor_predicted, rtol=1e-9)


def test_a_run_too_short_to_be_judged_is_not_against_the_prediction():
    run = simulate("bilinear", method="extragradient", max_steps=3)
    assert run.status == "max-steps" and run.as_predicted


def test_factors_leave_the_subspace_of_equilibria_aside():
    # A of 2 x 3 has a kernel: along it nothing moves, and nothing converges.
    run = simulate(WIDE, method="extragradient", alpha=0.1, max_steps=600)
    np.testing.assert_allclose(run.factor_measured, run.factor_predicted, rtol=1e-7)
    assert run.factor_predicted < 1 and run.status in ("converging", "converged")
    assert np.linalg.norm(run.states[-1]) > 0.1 and run.distance[-1] < 1e-2


# --- names and parameters ------------------------------------------------------------------------


def test_several_methods_and_sweeps():
    found = simulate_several("dirac", ["momentum:beta=0.2"], sweep=("beta", [-0.5, 0.5]))
    assert [run.method for run in found.trajectories] == ["momentum:beta=-0.5", "momentum"]
    found = simulate_several("dirac:reg=r1", sweep=("gamma", [0.5, 2.0]), max_steps=50)
    assert [run.label for run in found.trajectories] == ["gamma=0.5", "gamma=2"]
    assert found.trajectories[1].field.spec == "dirac:loss=gan,reg=r1,gamma=2"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "simultanous"}, "Nearest: simultaneous"),
        ({"method": "momentum:betta=1"}, 'has no parameter "betta"'),
        ({"method": "alternating:first=both"}, "first must be one of gen, disc"),
        ({"method": "replicator"}, "method replicator is for matrix games"),
        ({"gen_steps": 2}, "gen_steps and disc_steps belong to alternating"),
        ({"alpha": 0.0}, "alpha"),
        ({"max_steps": 0}, "max_steps"),
        ({"tol": -1.0}, "tol"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        simulate("bilinear", **options)


def test_the_flow_of_a_clipped_field_is_refused():
    with pytest.raises(InputError, match="does not know its clipping"):
        simulate("dirac:reg=clip", method="flow")
    with pytest.raises(InputError, match="takes one start at a time"):
        simulate_batch("bilinear", [[1.0, 0.0]], method="flow")
