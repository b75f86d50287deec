"""R, its singular part and the four geometries, against quadrature-free definitions.

Oracles: SLSQP and the KKT conditions for the projection, a dense eigenproblem on a basis of the
tangent space for the rates, central differences in mpmath for gradients.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh, null_space
from scipy.optimize import minimize

from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import game
from ratiogan.grid import Grid
from ratiogan.ratio import Geometry, auto_alpha, density_ratio, lebesgue_rates

LINEAR = ("reference", "lebesgue")
GEOMETRIES = (*LINEAR, "fisher", "logits")


def problem(seed, n=7):
    """Masses, cell volumes and a positive R with E[R] = 1."""
    rng = np.random.default_rng(seed)
    w = rng.dirichlet(np.ones(n))
    v = rng.uniform(0.2, 3.0, n)
    r = rng.gamma(1.0, size=n) + 0.01
    return w, v, r / (w @ r)


def geometry_of(name, w, v):
    return Geometry(name, w, w / v if name == "lebesgue" else None)


def inner(name, a, b, w, v):
    """The inner product that a linear geometry is named after."""
    return float(np.sum((w if name == "reference" else v) * a * b))


positive = st.floats(1e-3, 1.0)


@st.composite
def outside_points(draw, most=9):
    """Masses, volumes and a point that may lie far outside {R >= 0, E[R] = 1}."""
    n = draw(st.integers(1, most))
    w = np.array(draw(st.lists(positive, min_size=n, max_size=n)))
    v = np.array(draw(st.lists(st.floats(0.1, 10.0), min_size=n, max_size=n)))
    r = np.array(draw(st.lists(st.floats(-20, 20), min_size=n, max_size=n)))
    return w / w.sum(), v, r


# --- R and its singular part ---------------------------------------------------------------------


def two_on(grid, real, gen):
    return {
        "real": Distribution.from_mass(real, grid),
        "gen": Distribution.from_mass(gen, grid),
    }


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_the_ratio_and_the_singular_mass_share_out_the_generator(seed):
    rng = np.random.default_rng(seed)
    real, gen = rng.random((2, 12)) * (rng.random((2, 12)) < 0.6) + 1e-300
    real[real < 1e-9] = 0.0
    real[0] = gen[5] = 1.0
    pair = two_on(Grid.regular(12, 0.0, 1.0), real, gen)
    R = density_ratio(**pair)
    w = pair["real"].mass
    assert abs(np.nansum(w * R.values) + R.singular_mass - 1.0) < 1e-15 * 12
    assert np.array_equal(np.isnan(R.values), w == 0)
    assert np.array_equal(R.singular_cells, np.flatnonzero((w == 0) & (pair["gen"].mass > 0)))
    np.testing.assert_allclose(R.values[w > 0] * w[w > 0], pair["gen"].mass[w > 0], rtol=1e-15)


def test_the_discriminator_is_the_posterior_of_real():
    real, gen = [0.25, 0.25, 0.5, 0, 0], [0.5, 0.25, 0, 0.25, 0]
    R = density_ratio(**two_on(Grid.regular(5, 0, 1), real, gen))
    # P(real | y) = p_r/(p_r + p_g): nothing is known where neither has mass
    np.testing.assert_array_equal(R.discriminator(), [1 / 3, 0.5, 1.0, 0.0, np.nan])
    assert R.support.tolist() == [True, True, True, False, False]


def test_singular_mass_is_refused_with_amount_cells_and_remedies():
    pair = two_on(Grid.regular(5, 0, 1), [1, 1, 0, 0, 2], [1, 1, 1, 1, 0])
    with pytest.raises(SingularMassError, match=r"50% of the generator's mass .* \(cells 2\.\.3\)"):
        density_ratio(**pair, singular="error")
    with pytest.raises(SingularMassError, match="--density kde, or --singular restrict"):
        density_ratio(**pair, singular="error")
    one = two_on(Grid.regular(5, 0, 1), [1, 1, 1, 0, 2], [1, 1, 1, 1, 0])
    with pytest.raises(SingularMassError, match=r"\(cell 3\)"):
        density_ratio(**one, singular="error")


def test_restrict_drops_singular_mass_and_rescales_the_rest():
    pair = two_on(Grid.regular(4, 0, 1), [1, 1, 2, 0], [3, 1, 0, 4])
    R = density_ratio(**pair, singular="restrict")
    assert R.singular_mass == 0 and R.singular_cells.size == 0
    np.testing.assert_allclose(R.values[:3], [3.0, 1.0, 0.0], rtol=1e-15)
    assert R.gen.restricted == 0.5


def test_different_grids_are_refused():
    real = Distribution.from_mass([1, 1], Grid.regular(2, 0, 1))
    gen = Distribution.from_mass([1, 1], Grid.regular(2, 0, 2))
    with pytest.raises(InputError, match="gen lives on 2 cells on 0:2, real on 2 cells on 0:1"):
        density_ratio(gen=gen, real=real)
    with pytest.raises(InputError, match="singular must be one of keep, error, restrict"):
        density_ratio(gen=real, real=real, singular="drop")


def test_geometries_check_their_input():
    with pytest.raises(InputError, match="Nearest: lebesgue"):
        Geometry("lebesque", np.ones(1))
    with pytest.raises(InputError, match="needs the density"):
        Geometry("lebesgue", np.ones(1))


# --- gradients and projections -------------------------------------------------------------------


@pytest.mark.parametrize("name", LINEAR)
def test_the_gradient_represents_the_differential_of_g(name):
    w, v, r = problem(1)
    u = np.log1p(r)
    d = np.random.default_rng(2).standard_normal(r.size)
    gradient = geometry_of(name, w, v).gradient(u, r)
    assert abs(inner(name, gradient, d, w, v) - w @ (u * d)) < 1e-14


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 30))
def test_the_projection_is_orthogonal_in_its_own_inner_product(name, seed, n):
    w, v, r = problem(seed, n)
    geometry = geometry_of(name, w, v)
    d = np.random.default_rng(seed + 1).standard_normal(n)
    inside = geometry.project(d, r)
    size = np.abs(d).max() / min(1.0, (w @ (w / v)))
    assert abs(w @ inside) < 1e-14 * size
    np.testing.assert_allclose(geometry.project(inside, r), inside, atol=1e-13 * size)
    # What is taken off is normal to every tangent vector.
    tangents = null_space(w[None])
    for tangent in tangents.T:
        assert abs(inner(name, d - inside, tangent, w, v)) < 1e-12 * size


def printed_cost(r, w):
    """C(R) = E[(1+R) log(1+R)], as slide 001 has it, in mpmath."""
    one = mpmath.mpf(1)
    return mpmath.fsum(wi * (one + ri) * mpmath.log(one + ri) for wi, ri in zip(w, r, strict=True))


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("seed", range(3))
def test_grad_g_and_grad_c_agree_after_the_projection_and_only_then(name, seed):
    # errata, seed 001: unprojected they differ by 1 in L2(p_r) and by p_r in L2(dy).
    w, v, r = problem(seed)
    geometry = geometry_of(name, w, v)
    grad_g = geometry.gradient(game("non-saturating").signal(r), r)
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -20
        slopes = []
        for i in range(r.size):
            up, down = ([mpmath.mpf(float(x)) for x in r] for _ in range(2))
            up[i] += h
            down[i] -= h
            slopes.append(float((printed_cost(up, w) - printed_cost(down, w)) / (2 * h)))
    # <grad C, e_i> = dC/dR_i in the inner product of the geometry
    grad_c = np.array(slopes) / (w if name == "reference" else v)
    np.testing.assert_allclose(
        geometry.project(grad_g, r), geometry.project(grad_c, r), atol=2e-15 * grad_c.max()
    )
    offset = np.ones_like(r) if name == "reference" else w / v
    np.testing.assert_allclose(grad_c - grad_g, offset, rtol=1e-13)


def test_a_signal_up_to_a_constant_gives_the_same_step():
    w, v, r = problem(3)
    u = np.log1p(r)
    for name in GEOMETRIES:
        geometry = geometry_of(name, w, v)
        np.testing.assert_allclose(
            geometry.step(r, u, 0.3), geometry.step(r, u + 5.0, 0.3), rtol=1e-13
        )


def test_the_mixed_geometry_keeps_the_mass_and_misses_one():
    # errata, seed 001: the gradient of L2(p_r) with the projection of L2(dy) stops where
    # log(1+R) = lambda p_r.
    w, v, r = problem(4, n=20)
    p = w / v
    lebesgue = Geometry("lebesgue", w, p)
    mixed = r.copy()
    for _ in range(20_000):
        mixed = mixed - 0.3 * lebesgue.project(np.log1p(mixed), mixed)
    assert abs(w @ mixed - 1.0) < 1e-11  # the mass test passes
    slopes = np.log1p(mixed) / p
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-8)
    assert np.abs(mixed - 1.0).max() > 0.3
    for name in LINEAR:
        geometry = geometry_of(name, w, v)
        step = geometry.step(np.ones(20), np.full(20, np.log(2.0)), 1.0)
        np.testing.assert_allclose(step, 1.0, rtol=1e-14)


@pytest.mark.parametrize("name", ("fisher", "logits"))
def test_multiplicative_gradients_are_those_on_log_ratios(name):
    # theta = log R, R = e^theta/E[e^theta]: dg/dtheta_i = w_i R_i (u_i - E[Ru]) at fixed f. In
    # E[.,.] that is q, and in the Fisher metric E[R .,.] it is u - E[Ru].
    w, v, r = problem(5)
    u = np.log1p(r)

    def g(theta):
        grown = np.exp(theta)
        return float(w @ (grown * u) / (w @ grown))

    h = 1e-6
    theta = np.log(r)
    basis = np.eye(r.size)
    slopes = np.array([(g(theta + h * e) - g(theta - h * e)) / (2 * h) for e in basis])
    metric = w * r if name == "fisher" else w
    direction = geometry_of(name, w, v).gradient(u, r)
    # Adding a constant to theta changes nothing.
    direction = direction - w @ (r * direction) if name == "fisher" else direction
    np.testing.assert_allclose(direction, slopes / metric, atol=1e-8)
    grown = r * np.exp(-0.7 * direction)
    np.testing.assert_allclose(
        geometry_of(name, w, v).step(r, u, 0.7), grown / (w @ grown), rtol=1e-13
    )


def test_the_tangent_vector_of_fisher_is_the_derivative_of_its_step():
    w, v, r = problem(6)
    u = np.log1p(r)
    geometry = geometry_of("fisher", w, v)
    h = 1e-6
    moved = (geometry.step(r, u, h) - geometry.step(r, u, -h)) / (2 * h)
    np.testing.assert_allclose(-geometry.project(u, r), moved, atol=1e-8)


@pytest.mark.parametrize("name", ("fisher", "logits"))
def test_an_empty_cell_stays_empty_whatever_it_feels(name):
    w, v, r = problem(7)
    r[2] = 0.0
    r /= w @ r
    with np.errstate(divide="ignore"):
        moved = geometry_of(name, w, v).step(r, np.log(r), 0.5)
    assert moved[2] == 0.0 and np.all(moved[np.arange(r.size) != 2] > 0)
    assert abs(w @ moved - 1.0) < 1e-15 * r.size


def test_a_step_that_overflows_comes_out_as_nan_without_a_warning():
    w, v, r = problem(8)
    moved = geometry_of("fisher", w, v).step(r, -1.0 / r, 1e6)
    assert np.isnan(moved).any()


# --- the exact projection ------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(outside_points())
def test_clip_meets_the_optimality_conditions(name, point):
    w, v, r = point
    clipped = geometry_of(name, w, v).clip(r)
    assert abs(w @ clipped - 1.0) < 1e-12
    assert np.all(clipped >= 0.0)
    # min |x - r|^2 over {x >= 0, E[x] = 1}: x - r + t q >= 0, and 0 where x > 0
    q = np.ones_like(w) if name == "reference" else w / v
    kept = clipped > 0
    t = (r[kept] - clipped[kept]) / q[kept]
    size = np.abs(t).max() + np.abs(r).max() / q.min()
    np.testing.assert_allclose(t, t[0], atol=1e-12 * size)
    assert np.all(r[~kept] - t[0] * q[~kept] <= 1e-12 * size * q.max())


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("seed", range(6))
def test_clip_is_what_slsqp_finds(name, seed):
    rng = np.random.default_rng(seed)
    w, v, _ = problem(seed, n=6)
    r = rng.normal(1.0, 2.0, 6)
    scale = w / w.max() if name == "reference" else v / v.max()
    found = minimize(
        lambda x: float(np.sum(scale * (x - r) ** 2)),
        np.ones(6),
        jac=lambda x: 2 * scale * (x - r),
        bounds=[(0, None)] * 6,
        constraints={"type": "eq", "fun": lambda x: w @ x - 1.0, "jac": lambda x: w},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    clipped = geometry_of(name, w, v).clip(r)
    assert (clipped == 0).any()
    np.testing.assert_allclose(clipped, found.x, atol=2e-6)
    assert np.sum(scale * (clipped - r) ** 2) <= found.fun * (1 + 1e-9)


@pytest.mark.parametrize("name", LINEAR)
def test_clip_leaves_a_feasible_point_alone(name):
    w, v, r = problem(9)
    np.testing.assert_allclose(geometry_of(name, w, v).clip(r), r, rtol=1e-13)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("size", (1e3, 1e8, 1e16, 1e60, 1e150, 1e300))
def test_clip_keeps_the_mass_however_far_out_it_starts(name, size):
    # Once E[R] was off by 1e-7 at 1e10, and at 1e17 no cell was left to keep.
    w, v, r = problem(10, n=50)
    clipped = geometry_of(name, w, v).clip(1.0 - size * (r - 1.0))
    assert abs(w @ clipped - 1.0) < 1e-12
    assert np.all(clipped >= 0.0)


def test_clip_shares_the_mass_among_equals_and_passes_nan_on():
    reference = Geometry("reference", np.full(4, 0.25))
    np.testing.assert_array_equal(reference.clip(np.array([7.0, 7.0, -1.0, -3.0])), [2, 2, 0, 0])
    np.testing.assert_array_equal(reference.clip(np.array([5.0, -5.0, -5.0, -5.0])), [4, 0, 0, 0])
    assert np.isnan(reference.clip(np.array([np.nan, 1.0, 1.0, -9.0]))).all()
    assert Geometry("reference", np.ones(1)).clip(np.array([-3.0])) == 1.0


# --- rates ---------------------------------------------------------------------------------------


def dense_rates(w, v):
    """Rates of R' = -P_0(p_r (R-1)) from the quadratic forms on a basis of {E[d] = 0}."""
    basis = null_space(w[None])
    # <d, P(p d)> in L2(dy) is sum v p d^2 = sum w d^2, and <d, d> is sum v d^2.
    return eigh(basis.T @ (w[:, None] * basis), basis.T @ (v[:, None] * basis), eigvals_only=True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 25))
def test_the_rates_of_lebesgue_solve_the_eigenproblem(seed, n):
    w, v, _ = problem(seed, n)
    p = w / v
    expected = dense_rates(w, v)
    geometry = Geometry("lebesgue", w, p)
    tolerance = 1e-12 * p.max()
    np.testing.assert_allclose(lebesgue_rates(w, p), expected, atol=tolerance)
    assert abs(geometry.slowest_density - expected[0]) < tolerance
    assert abs(geometry.fastest_density - expected[-1]) < tolerance
    # The rates interlace the densities.
    ordered = np.sort(p)
    assert np.all(expected >= ordered[:-1] - tolerance)
    assert np.all(expected <= ordered[1:] + tolerance)


@pytest.mark.parametrize(
    "densities",
    ([1.0, 3.0], [2.0, 2.0], [1.0, 1.0, 5.0], [1.0, 5.0, 5.0], [0.3] * 6, [1e-9, 1.0, 1e3, 1e3]),
)
def test_the_rates_of_equal_and_of_few_densities(densities):
    p = np.array(densities)
    v = np.linspace(1.0, 2.0, p.size)
    v /= v @ p
    w = v * p
    geometry = Geometry("lebesgue", w, p)
    expected = dense_rates(w, v)
    assert abs(geometry.slowest_density - expected[0]) < 1e-12 * p.max()
    assert abs(geometry.fastest_density - expected[-1]) < 1e-12 * p.max()


def test_two_cells_have_one_rate():
    # sum w p/(p - mu) = 0 with w = 1/2 each: mu = 2 p q/(p + q), the harmonic mean
    geometry = Geometry("lebesgue", np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    assert geometry.slowest_density == geometry.fastest_density == 1.5


def test_the_other_geometries_contract_all_modes_alike():
    w, v, _ = problem(11)
    for name in ("reference", "fisher", "logits"):
        geometry = geometry_of(name, w, v)
        assert geometry.slowest_density == geometry.fastest_density == geometry.max_density == 1.0
    assert Geometry("lebesgue", np.ones(1), np.array([2.0])).slowest_density == 1.0


@pytest.mark.parametrize("name", GEOMETRIES)
def test_one_step_contracts_every_mode_by_its_rate(name):
    # The Jacobian of the step map at R = 1 by central differences, its modes on {E[d] = 0}.
    w, v, _ = problem(12, n=6)
    geometry = geometry_of(name, w, v)
    basis = null_space(w[None])
    h, alpha = 1e-5, 0.3

    def step(r):
        return geometry.step(r, np.log1p(r), alpha)

    columns = [(step(1 + h * d) - step(1 - h * d)) / (2 * h) for d in basis.T]
    modes = np.sort(np.linalg.eigvals(basis.T @ np.array(columns).T).real)
    mu = dense_rates(w, v) if name == "lebesgue" else np.ones(5)
    np.testing.assert_allclose(modes, np.sort(1 - alpha * 0.5 * mu), atol=1e-9)


def test_auto_alpha_halves_the_error_per_step_at_the_fastest_cell():
    w, v, _ = problem(13)
    p = w / v
    reference, lebesgue = Geometry("reference", w), Geometry("lebesgue", w, p)
    assert auto_alpha(game("non-saturating"), reference) == (1.0, "1/(2 Phi''(1))")
    assert auto_alpha(game("least-squares"), reference)[0] == 4.0
    assert auto_alpha(game("logit"), lebesgue) == (0.5 / p.max(), "1/(2 Phi''(1) max p_r)")
    assert auto_alpha(game("hinge"), reference) == (0.5, "0.5, because Phi''(1) is undefined")
    flat = "least-squares:a=-1,b=1,c=0"
    assert auto_alpha(game(flat), reference) == (0.5, "0.5, because Phi''(1) is 0")
    assert auto_alpha(game(flat), lebesgue)[0] == 0.5 / p.max()
