"""The nonparametric game as a field, against a naive twin, NumPy's eigenvalues and SciPy's flow.

The twin writes the velocity of one state with loops over the cells, from central differences of the
losses alone.
"""

import time

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ratiogan import presets
from ratiogan.catalogue import GAME_ROWS
from ratiogan.distribution import Distribution
from ratiogan.dynamics.grid_game import nonparametric
from ratiogan.dynamics.march import IMPLICIT, march_of
from ratiogan.errors import InputError, InputTypeError, SingularMassError
from ratiogan.games import Game, game
from ratiogan.grid import Grid
from ratiogan.logits import logits

SMOOTH = tuple(row for row in GAME_ROWS if not game(row).has_kink)
KINKED = tuple(row for row in GAME_ROWS if game(row).has_kink)
WGAN = "wasserstein"
OWN = Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))


def twin(field, state, eta=0.0):
    """The velocity, one cell after the other; the losses' slopes by differences."""
    n, losses, w, h = field.masses.size, field.losses, field.masses, 1e-6

    def slope(loss, x):
        x = np.array([x])
        return float((loss(x + h) - loss(x - h))[0]) / (2.0 * h)

    push, disc = [], []
    for ratio, phi in zip(state[:n], state[n:], strict=True):
        fall = slope(losses.loss_gen, phi)
        excess = slope(losses.loss_real, phi) + ratio * fall
        push.append(losses.generator_loss(np.array([phi]))[0] + 2.0 * eta * excess * fall)
        disc.append(-field.tau * excess)
    mean = sum(w[i] * push[i] for i in range(n))
    return np.array([mean - one for one in push] + disc)


def apart(values, others):
    """Hausdorff distance of two sets of complex numbers."""
    gaps = np.abs(np.asarray(values)[:, None] - np.asarray(others)[None, :])
    return max(gaps.min(axis=0).max(), gaps.min(axis=1).max())


def disturbed(field, seed=0, size=0.2):
    return field.start + size * np.random.default_rng(seed).normal(size=field.size)


# --- the velocity and what is derived from it ----------------------------------------------------


@pytest.mark.parametrize("eta", [0.0, 0.7])
@pytest.mark.parametrize("row", [*SMOOTH, WGAN])
def test_velocity_is_the_twins(row, eta):
    field = nonparametric(row, cells=7, tau=1.5, eta=eta)
    state = disturbed(field)
    expected = twin(field, state, eta)
    np.testing.assert_allclose(field.velocity(state), expected, rtol=1e-7, atol=1e-8)


def test_velocity_takes_leading_axes_and_keeps_the_mass():
    field = nonparametric("minimax", cells=9, eta=0.3).regularised(consensus=0.2)
    states = np.stack([[disturbed(field, k) for k in (0, 1)] for _ in range(3)])
    found = field.velocity(states)
    assert found.shape == states.shape
    np.testing.assert_array_equal(found[2, 1], field.velocity(states[2, 1]))
    np.testing.assert_allclose(found[..., :9] @ field.masses, 0.0, atol=1e-15)


def test_eta_is_the_gradient_of_the_squared_gradient():
    """-eta P_0 grad_R E[(grad_phi V)^2], the gradient in L2(p_r) by differences of E[.]."""
    field, h = nonparametric("minimax", cells=6, eta=0.4), 1e-6
    bare, state, w = nonparametric("minimax", cells=6), disturbed(field), field.masses

    def squared(state):
        return w @ bare.velocity(state)[6:] ** 2

    steps = h * np.eye(12)[:6]
    gradient = np.array([(squared(state + s) - squared(state - s)) / (2 * h) for s in steps]) / w
    expected = -0.4 * (gradient - w @ gradient)
    np.testing.assert_allclose(
        (field.velocity(state) - bare.velocity(state))[:6], expected, rtol=1e-7, atol=1e-9
    )


def test_consensus_is_the_gradient_of_the_squared_velocity():
    field, h = nonparametric("non-saturating", cells=5, tau=2.0), 1e-6
    felt, state, w = field.regularised(consensus=0.3), disturbed(field), field.masses

    def energy(state):
        return 0.5 * field.norm(field.velocity(state)) ** 2

    steps = h * np.eye(10)
    gradient = np.array([(energy(state + s) - energy(state - s)) / (2 * h) for s in steps])
    gradient /= np.concatenate([w, w])
    gradient[:5] -= w @ gradient[:5]
    np.testing.assert_allclose(
        felt.velocity(state) - field.velocity(state), -0.3 * gradient, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("consensus", [0.0, 0.4])
@pytest.mark.parametrize("row", [*SMOOTH, WGAN])
def test_jacobian_is_the_one_by_differences(row, consensus):
    field = nonparametric(row, cells=6, tau=1.5, eta=0.3).regularised(consensus=consensus)
    state = disturbed(field)
    exact = field.jacobian(state)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(exact, field.jacobian(state, "differences"), atol=1e-8 * scale)


@pytest.mark.parametrize("consensus", [0.0, 0.4])
@pytest.mark.parametrize("row", ["minimax", "least-squares", "boosting", WGAN])
def test_correct_solves_the_dense_system(row, consensus):
    field = nonparametric(row, cells=8, tau=1.5, eta=0.3).regularised(consensus=consensus)
    rng, state = np.random.default_rng(1), disturbed(field)
    rates, residual = np.repeat([0.3, 0.8], 8), rng.normal(size=16)
    matrix = np.eye(16) - rates[:, None] * field.jacobian(state)
    np.testing.assert_allclose(
        field.correct(state, rates, residual), np.linalg.solve(matrix, residual), rtol=1e-10
    )


def test_implicit_steps_solve_their_equation():
    field = nonparametric("minimax", cells=16)
    go = march_of(field.velocity, field.correct, field.norm)
    z, out, rates = field.start.copy(), np.empty((1, 32)), np.full(32, 0.5)
    go(0, np.empty(0), 16, 0.0, 0.0, IMPLICIT, rates, 0.0, 1, 1, True, field.lower, field.upper, z,
       0.0, 1, np.array([1]), out)  # fmt: skip
    np.testing.assert_allclose(z, field.start + 0.5 * field.velocity(z), atol=1e-14)
    assert abs(field.masses @ z[:16] - 1.0) < 1e-14


def test_norm_is_that_of_the_reference():
    field = nonparametric(cells=5)
    v = np.arange(10.0)
    total = sum(w * (v[i] ** 2 + v[5 + i] ** 2) for i, w in enumerate(field.masses))
    assert field.norm(v) == pytest.approx(total**0.5, rel=1e-15)


# --- eigenvalues ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", SMOOTH)
def test_tangent_modes_solve_the_quadratic(row):
    """lambda^2 + a lambda + a Phi''(1) = 0, N-1 times; -a for a constant phi, 0 for E[R]."""
    n, made = 9, game(row)
    field = nonparametric(row, cells=n)
    a, slope = field.bend, made.curvature_at_one
    phi, h = field.equilibria[0][-1:], 1e-4
    losses = logits(row)
    by_hand = sum(
        (loss(phi + h) - 2.0 * loss(phi) + loss(phi - h))[0] / h**2
        for loss in (losses.loss_real, losses.loss_gen)
    )
    assert a == pytest.approx(by_hand, rel=1e-6)
    assert field.product == pytest.approx(a * slope, rel=1e-14, abs=1e-15)
    values, counts = field.closed_form()
    assert counts.tolist() == [n - 1, n - 1, 1, 1]
    for value in values[:2]:
        assert abs(value * value + a * value + a * slope) < 1e-14 * max(1.0, a * a)
    np.testing.assert_allclose(values[2:], [-a, 0.0], atol=1e-15)
    expected = np.repeat(values, counts)
    # A double root, a = 4 Phi''(1), is resolved to the square root of the error only.
    power = 0.5 if a == 4.0 * slope else 1.0
    for how, error in (("analytic", 1e-13), ("differences", 1e-9)):
        found = np.linalg.eigvals(field.jacobian(field.equilibria[0], how))
        assert apart(found, expected) < 10.0 * error**power
        for value, count in zip(values, counts, strict=True):
            near = np.count_nonzero(np.abs(found - value) < 1e-3)
            same = np.abs(values - value) < 1e-3
            assert near == counts[same].sum(), (row, value, count)


@pytest.mark.parametrize(
    ("row", "a"),
    [
        ("non-saturating", 0.5),
        ("minimax", 0.5),
        ("maximum-likelihood", 0.5),
        ("logit", 0.5),
        ("log", 0.5),
        ("boosting", 0.5),
        ("least-squares:a=0,b=1,c=1", 2.0),
        ("least-squares:a=-3,b=2,c=1", 2.0),
        ("concave:f=exponential", 2.0),
        ("concave:f=logistic", 0.5),
        ("exponential", 2.0),
        ("square", 4.0),
    ],
)
def test_curvature_of_the_discriminator(row, a):
    assert nonparametric(row, cells=4).bend == a


@pytest.mark.parametrize(
    ("row", "imaginary"),
    [
        ("non-saturating", 3**0.5 / 4),
        ("minimax", 3**0.5 / 4),
        ("maximum-likelihood", 7**0.5 / 4),
        ("logit", 7**0.5 / 4),
    ],
)
def test_eigenvalues_of_the_cross_entropy_games(row, imaginary):
    values, _ = nonparametric(row).closed_form()
    np.testing.assert_allclose(values[:2], [-0.25 + 1j * imaginary, -0.25 - 1j * imaginary])


@pytest.mark.parametrize("row", [row for row in SMOOTH if game(row).curvature_at_one > 0])
def test_a_fast_discriminator_stops_the_rotation(row):
    slope = game(row).curvature_at_one
    tau = nonparametric(row).critical_tau
    assert tau == pytest.approx(4.0 * slope / nonparametric(row).bend, rel=1e-14)
    assert np.abs(nonparametric(row, tau=tau * (1 - 1e-6)).closed_form()[0].imag).max() > 1e-6
    assert not nonparametric(row, tau=tau * (1 + 1e-12)).closed_form()[0].imag.any()
    slow = max(nonparametric(row, tau=1e6).closed_form()[0][:2].real)
    assert slow == pytest.approx(-slope, rel=1e-4)


@pytest.mark.parametrize("eta", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("consensus", [0.0, 0.5])
@pytest.mark.parametrize("row", ["minimax", "least-squares", "exponential", WGAN])
def test_closed_form_blocks_and_dense_jacobian_agree(row, consensus, eta):
    field = nonparametric(row, cells=6, tau=1.7, eta=eta).regularised(consensus=consensus)
    point = field.equilibria[0]
    values, counts = field.closed_form()
    dense = np.linalg.eigvals(field.jacobian(point))
    # A Jordan block, the critic's constant and the constraint, is resolved to sqrt(eps) only.
    assert apart(dense, values) < (1e-7 if row == WGAN else 1e-12)
    blocks = field.blocks(point)
    # Blocks are those of the states: the constraint's 0 is off E[R] = 1.
    assert sum(count * matrix.shape[0] for matrix, _, count in blocks) == field.size - 1
    found = np.concatenate([np.linalg.eigvals(matrix) for matrix, _, _ in blocks])
    assert apart(np.append(found, 0.0), values) < 1e-12
    assert [(n_gen, count) for _, n_gen, count in blocks] == [(1, 5), (0, 1)]
    assert counts.sum() == field.size


def test_eta_adds_damping_and_leaves_the_product():
    field = nonparametric("minimax", eta=0.6, tau=2.0)
    first, second = field.closed_form()[0][:2]
    assert (first + second).real == pytest.approx(-(2.0 * 0.5 + 2.0 * 0.6 * 0.25))
    assert (first * second).real == pytest.approx(2.0 * 0.25)


@pytest.mark.parametrize("row", ["minimax", "maximum-likelihood", WGAN])
def test_critical_eta_is_where_the_rotation_stops(row):
    eta = nonparametric(row).critical_eta
    below, above = (nonparametric(row, eta=eta * f).closed_form()[0] for f in (0.999, 1.001))
    assert below.imag.any() and not above.imag.any()
    assert nonparametric("least-squares").critical_eta == 0.0  # a > 4 Phi''(1): real without


def test_wgan_by_the_theorem_of_seed_003():
    assert nonparametric(WGAN).critical_eta == 1.0
    assert np.array_equal(nonparametric(WGAN).closed_form()[0], [1j, -1j, 0, 0])
    for eta in (0.2, 1.0, 3.0):
        root = np.sqrt(complex(eta * eta - 1.0))
        values, _ = nonparametric(WGAN, eta=eta).closed_form()
        np.testing.assert_allclose(values, [-eta + root, -eta - root, 0, 0], atol=1e-15)
    # The critic's constant moves nothing.
    field = nonparametric(WGAN, cells=5, eta=0.5)
    shifted = disturbed(field)
    shifted[5:] += 3.0
    np.testing.assert_allclose(field.velocity(shifted), field.velocity(disturbed(field)))


def test_many_cells_cost_nothing():
    field = nonparametric(cells=4096)
    field.closed_form()
    started = time.perf_counter()
    values, counts = field.closed_form()
    assert time.perf_counter() - started < 0.01
    assert counts[0] == 4095 and values.size == 4


# --- the flow ------------------------------------------------------------------------------------


def flow(field, start, time_to):
    return solve_ivp(
        lambda t, z: field.velocity(z), (0, time_to), start, "DOP853", rtol=1e-11, atol=1e-12,
        t_eval=np.linspace(0, time_to, 9),
    ).y.T  # fmt: skip


@pytest.mark.parametrize("tau", [1.0, 2.5])
def test_wgan_flow_conserves_and_closes(tau):
    field = nonparametric(WGAN, cells=12, tau=tau)
    start = field.start.copy()
    start[12:] = np.linspace(-1, 1, 12)
    states = flow(field, start, 2.0 * np.pi / tau**0.5)
    kept = field.conserved.value(states)
    np.testing.assert_allclose(kept, kept[0], rtol=1e-9)
    ratio, f, w = start[:12], start[12:], field.masses
    by_hand = tau * (w @ (ratio - 1) ** 2) + w @ f**2 - (w @ f) ** 2
    assert kept[0] == pytest.approx(by_hand, rel=1e-13)
    np.testing.assert_allclose(states[-1], start, atol=1e-8)


def test_wgan_flow_spirals_in_with_eta():
    field = nonparametric(WGAN, cells=12, eta=0.5)
    assert field.conserved is None and nonparametric(WGAN).regularised(eta=1.0).conserved is None
    states = flow(field, field.start, 12.0)
    kept = nonparametric(WGAN, cells=12).conserved.value(states)
    assert kept[-1] < 1e-3 * kept[0]


def test_flow_near_equilibrium_decays_at_the_predicted_rate():
    field = nonparametric("minimax", cells=10, tau=8.0)
    point, w = field.equilibria[0], field.masses
    values, vectors = np.linalg.eig(field.blocks(point)[0][0])
    k = int(np.argmax(values.real))
    mode = np.linspace(-1, 1, 10)
    mode -= w @ mode
    start = point + 1e-6 * np.concatenate([x * mode for x in vectors[:, k].real])
    end = flow(field, start, 2.0)[-1]
    expected = point + np.exp(2.0 * values[k].real) * (start - point)
    np.testing.assert_allclose(end - point, expected - point, atol=1e-11)


# --- what a field says of itself -----------------------------------------------------------------


def test_default_start_and_equilibrium():
    field = nonparametric(cells=32)
    real, gen = presets.problem(grid=32)
    np.testing.assert_array_equal(field.start[:32], gen.mass / real.mass)
    np.testing.assert_array_equal(field.start[32:], 0.0)
    assert field.spec == "nonparametric:cells=32,tau=1" and field.game_spec == "non-saturating"
    assert (field.n_gen, field.alpha, field.coordinates[31:33]) == (32, 0.1, ("R31", "phi0"))
    assert nonparametric(eta=0.5, tau=2).spec == "nonparametric:cells=64,tau=2,eta=0.5"
    np.testing.assert_array_equal(field.check_state(field.start), field.start)


@pytest.mark.parametrize("row", [*SMOOTH, "hinge", WGAN])
def test_equilibrium_is_at_rest(row):
    field = nonparametric(row, cells=8)
    assert field.norm(field.velocity(field.equilibria[0])) < 1e-15
    assert field.matched


@pytest.mark.parametrize("row", [*GAME_ROWS, WGAN])
def test_zero_sum_is_read_off_the_losses(row):
    expected = row in ("minimax", "hinge", WGAN) or "zero-sum" in row or "concave" in row
    expected |= row.startswith("0-1")  # (1-h)/2 = 1 - (1+h)/2: flipped is zero-sum too
    assert nonparametric(row, cells=4).zero_sum == expected


@pytest.mark.parametrize("row", KINKED)
def test_kinks_are_told(row):
    field = nonparametric(row, cells=4)
    reason = field.kink(field.equilibria[0])
    if row.startswith("cw"):
        assert "on the bound" in reason and field.matched == ""
        with pytest.raises(InputError, match=r"phi\* = 1 lies on the bound"):
            field.closed_form()
    else:
        assert "piecewise linear" in reason
        # As the reason says, inside the piece it is the Wasserstein game.
        swing = 1.0 if row == "hinge" else 0.5
        np.testing.assert_allclose(field.closed_form()[0][:2], [1j * swing, -1j * swing])
        assert f"+-{'' if swing == 1 else swing}i" in reason


@pytest.mark.parametrize("row", [*SMOOTH, WGAN])
def test_smooth_games_have_no_kink(row):
    field = nonparametric(row, cells=4)
    assert field.kink is None


def test_clipped_discriminators_have_bounds():
    field = nonparametric("0-1", cells=3)
    np.testing.assert_array_equal(field.upper, [np.inf] * 3 + [1.0] * 3)
    np.testing.assert_array_equal(field.lower, [-np.inf] * 3 + [-1.0] * 3)


def test_losses_of_your_own():
    own, row = nonparametric(OWN, cells=5, eta=0.2), nonparametric(cells=5, eta=0.2)
    states = np.stack([disturbed(row, k) for k in range(2)])
    np.testing.assert_allclose(own.velocity(states), row.velocity(states), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(own.closed_form()[0], row.closed_form()[0], atol=1e-8)
    losses = logits(OWN)
    phi = np.linspace(-2, 2, 9)
    for name in ("curvature_real", "curvature_gen"):
        exact = getattr(logits("non-saturating"), name)(phi)
        np.testing.assert_allclose(getattr(losses, name)(phi), exact, atol=1e-8)


@pytest.mark.parametrize("row", SMOOTH)
def test_curvatures_of_the_losses(row):
    losses, phi, h = logits(row), np.linspace(-3, 3, 25), 1e-5
    for second, first in (("curvature_real", "slope_real"), ("curvature_gen", "slope_gen")):
        slope = getattr(losses, first)
        np.testing.assert_allclose(
            getattr(losses, second)(phi), (slope(phi + h) - slope(phi - h)) / (2 * h), rtol=1e-7,
            atol=1e-9,
        )  # fmt: skip


def test_empty_cells_are_left_out_and_two_axes_are_as_good():
    grid = Grid.regular((2, 3), (0, 0), (1, 1))
    real = Distribution.from_mass([[0.2, 0, 0.3], [0.1, 0.4, 0]], grid)
    gen = Distribution.from_mass([[0.3, 0, 0.2], [0.4, 0.1, 0]], grid)
    field = nonparametric(WGAN, real=real, gen=gen)
    assert field.cells.tolist() == [0, 2, 3, 4] and field.size == 8
    np.testing.assert_allclose(field.start[:4], [1.5, 2 / 3, 4, 0.25])
    assert field.spec == "nonparametric:cells=6,tau=1"


def test_refusals():
    field = nonparametric(cells=4)
    with pytest.raises(InputError, match=r"must have E\[R\] = 1 over p_r, got 2"):
        field.check_state(np.concatenate([2 * np.ones(4), np.zeros(4)]))
    low = np.ones(4)
    low[0] = -0.5
    with pytest.raises(InputError, match=r"must have R >= 0, got R = -0\.5 in cell 0"):
        field.check_state(np.concatenate([low, np.zeros(4)]))
    with pytest.raises(InputError, match="must have 8 numbers"):
        field.check_state(np.ones(3))
    with pytest.raises(InputError, match=r"at most 1,024 cells, the game has 1,025.*closed_form"):
        large = nonparametric(cells=1025)
        large.jacobian(large.equilibria[0])
    with pytest.raises(InputError, match="real states only"):
        field.jacobian(field.start, "complex-step")
    with pytest.raises(InputTypeError, match="must be real, got complex"):
        field.velocity(field.start + 0j)
    with pytest.raises(InputError, match="tau must be above 0"):
        nonparametric(tau=0)
    with pytest.raises(InputError, match="eta must be at least 0"):
        nonparametric(eta=-1)
    with pytest.raises(InputError, match="no game"):
        nonparametric("wassertein")
    with pytest.raises(InputError, match="cells must be at least 2"):
        nonparametric(cells=1)
    with pytest.raises(SingularMassError):
        nonparametric(real="disjoint", gen="disjoint")
    grid = Grid.regular(2, 0, 1)
    one = Distribution.from_mass([1, 0], grid)
    with pytest.raises(InputError, match="at least 2 cells"):
        nonparametric(real=one, gen=one)


def test_blocks_away_from_equilibrium_are_the_dense_jacobian():
    field = nonparametric(cells=4)
    state = disturbed(field)
    ((matrix, n_gen, count),) = field.blocks(state)
    np.testing.assert_array_equal(matrix, field.jacobian(state))
    assert (n_gen, count) == (4, 1)
