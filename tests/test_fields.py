"""Built-in fields against sympy and quadrature, their eigenvalues against the literature."""

import functools

import numba
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ratiogan import dynamics
from ratiogan.catalogue import FIELDS
from ratiogan.dynamics import march, simulate
from ratiogan.dynamics.vector_field import Field
from ratiogan.errors import InputError

# --- the naive twin: V as a formula, differentiated by sympy ------------------------------------

NOISE = sp.Symbol("noise", real=True)  # N(0, 1)
THETA, PSI, A, B, U, W = sp.symbols("theta psi a b u w")  # no assumptions: sqrt(psi^2) is |psi|
CONCAVE = {
    "logistic": lambda t: -sp.log(1 + sp.exp(-t)),
    "linear": lambda t: t,
    "exponential": lambda t: -sp.exp(-t),
}
LOSSES = {"gan": "logistic", "wgan": "linear", "exponential": "exponential"}


def descent(loss, value, gen, disc):
    """(-grad_G loss, grad_D V)."""
    return sp.Matrix([*(-sp.diff(loss, z) for z in gen), *(sp.diff(value, z) for z in disc)])


def dirac(loss, **options):
    f = CONCAVE[LOSSES.get(loss, "logistic")]
    reg, gamma = options.get("reg", "none"), sp.Float(options.get("gamma", 1.0))
    fake, real = THETA, sp.Integer(0)
    if reg == "noise":
        fake, real = THETA + options["sigma"] * NOISE, options["sigma"] * NOISE
    value = f(fake * PSI) + f(-real * PSI)
    penalty = {
        "r1": gamma * PSI**2 / 2,
        "r2": gamma * PSI**2 / 2,
        "gp": gamma * (sp.sqrt(PSI**2) - sp.Float(options.get("target", 1.0))) ** 2 / 2,
    }.get(reg, 0)
    cost = -f(-fake * PSI) if loss == "non-saturating" else value
    if reg == "gradient-norm":
        cost += options["eta"] * sp.diff(value, PSI) ** 2
    v = descent(cost, value - penalty, [THETA], [PSI])
    if reg == "consensus":
        v -= gamma * v.jacobian([THETA, PSI]).T * v
    return (THETA, PSI), v


def uniform(eta=0.0):
    x = sp.Symbol("x", real=True)
    mean = [sp.integrate(W * y**2, (x, -1, 1)) / 2 for y in (x, A * x)]
    value = mean[0] - mean[1]
    return (A, W), descent(value + eta * sp.diff(value, W) ** 2, value, [A], [W])


def linear_pair(f, mean=1.0, sd=0.5):
    x, f = mean + sd * NOISE, CONCAVE[f]
    value = f(W * x) + f(-W * A * x)
    return (A, W), descent(value, value, [A], [W])


def linear_quadratic(f, mean=0.0, sd=1.0):
    x, fake, f = mean + sd * NOISE, A * NOISE + B, CONCAVE[f]
    value = f(U * x + W * x**2) + f(-U * fake - W * fake**2)
    return (A, B, U, W), descent(value, value, [A, B], [U, W])


def bilinear(matrix):
    x, y = (
        sp.Matrix(sp.symbols(f"{name}:{size}"))
        for name, size in zip("xy", matrix.shape, strict=True)
    )
    value = (x.T * sp.Matrix(matrix) * y)[0]
    return (*x, *y), descent(value, value, list(x), list(y))


DIRAC = [
    dict(loss=loss, **reg)
    for loss in ("gan", "non-saturating", "wgan", "exponential")
    for reg in (
        {},
        dict(reg="r1", gamma=0.5),
        dict(reg="r2", gamma=3.0),
        dict(reg="gp", gamma=0.7, target=0.4),
        dict(reg="noise", sigma=0.6),
        dict(reg="consensus", gamma=0.8),
    )
] + [dict(loss=loss, reg="gradient-norm", eta=0.3) for loss in ("gan", "wgan", "exponential")]
TALL = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]])
TWINS = {
    **{dynamics.dirac(**given).spec: functools.partial(dirac, **given) for given in DIRAC},
    "bilinear": lambda: bilinear(np.ones((1, 1))),
    "bilinear:matrix=1/-2/0.5/0/3/1.5,rows=2": lambda: bilinear(TALL),
    "uniform-wgan": uniform,
    "uniform-wgan:eta=0.5": lambda: uniform(0.5),
    **{f"linear-pair:f={f}": functools.partial(linear_pair, f) for f in CONCAVE},
    "linear-quadratic:f=logistic": lambda: linear_quadratic("logistic"),
    "linear-quadratic:f=linear,mean=0.4,sd=1.5": lambda: linear_quadratic("linear", 0.4, 1.5),
    "linear-quadratic:f=exponential,sd=0.5": lambda: linear_quadratic("exponential", 0.0, 0.5),
}

# The trapezoidal rule: exact to rounding for functions analytic in a strip, times a Gaussian.
GRID = np.linspace(-11.0, 11.0, 1201)
MASS = np.exp(-(GRID**2) / 2) / np.sqrt(2 * np.pi) * (GRID[1] - GRID[0])


def twin(spec):
    """Velocity and Jacobian as functions of a state: derivatives by sympy, E by quadrature."""
    names, v = TWINS[spec]()
    entries = sp.lambdify((*names, NOISE), [*v, *v.jacobian(names)], cse=True)
    random = v.has(NOISE)

    def at(state):
        found = entries(*state, GRID if random else 0.0)
        if random:
            found = [np.sum(MASS * part) for part in found]
        n = len(names)
        return np.array(found[:n], dtype=float), np.reshape(found[n:], (n, n)).astype(float)

    return at


def points(field, count=4, seed=0):
    # Off 0, where gp has its kink, and small, so that 40 nodes resolve f' under the Gaussian.
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.5, (count, field.size)) * rng.choice([-1, 1], (count, field.size))


@pytest.mark.parametrize("spec", TWINS)
def test_velocity_and_jacobian_against_sympy(spec):
    field, at = dynamics.field(spec), twin(spec)
    # Gauss and Hermite's 40 nodes: the poles of the logistic f' limit it to 1e-8 where
    # D(x) = u x + w x^2 is steep in the tails; for everything else they give rounding.
    tol = 1e-8 if spec == "linear-quadratic:f=logistic" else 1e-12
    for state in points(field):
        velocity, jacobian = at(state)
        np.testing.assert_allclose(field.velocity(state), velocity, rtol=tol, atol=tol)
        np.testing.assert_allclose(field.jacobian(state), jacobian, rtol=tol, atol=tol)


def test_every_field_of_two_players_has_a_twin():
    mine = {spec.partition(":")[0] for spec in TWINS}
    assert mine == set(FIELDS) - {"rps", "matrix-game", "nonparametric"}


def test_linear_quadratic_wgan_is_the_polynomial_that_its_integrals_are():
    # E D(x) - E D(G) = u (m - b) + w (m^2 + s^2 - a^2 - b^2).
    a, b, u, w = state = np.array([1.3, -0.4, 0.7, 2.0])
    found = dynamics.linear_quadratic("linear", 0.4, 1.5).velocity(state)
    expected = [2 * w * a, u + 2 * w * b, 0.4 - b, 0.4**2 + 1.5**2 - a**2 - b**2]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


# --- at the equilibrium --------------------------------------------------------------------------

SLOPE = {"gan": (1 / 2, -1 / 4), "non-saturating": (1 / 2, -1 / 4)}
SLOPE |= {"wgan": (1.0, 0.0), "exponential": (1.0, -1.0)}  # f'(0), f''(0)


def pair(middle, inside):
    root = np.sqrt(complex(inside))
    return [middle + root, middle - root]


def same_values(found, expected, tol=1e-13):
    apart = np.abs(np.subtract.outer(found, np.asarray(expected)))
    assert apart[linear_sum_assignment(apart)].max() < tol


@pytest.mark.parametrize("loss", SLOPE)
@pytest.mark.parametrize(
    "reg, eigenvalues",
    [
        ("none", lambda c, k, s, b: pair(0, -(s**2))),
        ("r1,gamma={}", lambda c, k, s, b: pair(-c / 2, c**2 / 4 - s**2)),
        ("r2,gamma={}", lambda c, k, s, b: pair(-c / 2, c**2 / 4 - s**2)),
        ("noise,sigma={}", lambda c, k, s, b: pair(b * c**2, b**2 * c**4 - s**2)),
        ("consensus,gamma={}", lambda c, k, s, b: pair(-c * s**2, -(s**2))),
        ("gradient-norm,eta={}", lambda c, k, s, b: pair(-c * s**2, c**2 * s**4 - s**2)),
    ],
)
@pytest.mark.parametrize("weight", [0.3, 1.7])
def test_eigenvalues_of_the_dirac_gan_are_those_of_mescheder_et_al(loss, reg, eigenvalues, weight):
    field = dynamics.field(f"dirac:loss={loss},reg={reg.format(weight)}")
    found = np.linalg.eigvals(field.jacobian([0.0, 0.0]))
    same_values(found, eigenvalues(weight, None, *SLOPE[loss]))


@pytest.mark.parametrize("eta", [0.0, 0.25, 1.0, 1.6, 5.0])
@pytest.mark.parametrize("a", [1.0, -1.0])
def test_eigenvalues_of_the_uniform_wgan(eta, a):
    found = np.linalg.eigvals(dynamics.uniform_wgan(eta).jacobian([a, 0.0]))
    same_values(found, pair(-4 * eta / 9, 4 / 9 * (4 * eta**2 / 9 - 1)))


def regularised(curved, cross, eta):
    """J of errata.md, 003, the discriminator first: K, P and 2 eta from |grad_D V|^2, no 1/2."""
    one = np.eye(len(curved))
    lower = np.hstack([-cross.T @ (one + 2 * eta * curved), -2 * eta * cross.T @ cross])
    return np.vstack([np.hstack([curved, cross]), lower])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("eta", [1e-2, 0.5, 30.0])
def test_the_regularised_jacobian_is_similar_to_a_damped_one(seed, eta):
    rng = np.random.default_rng(seed)
    gen = int(rng.integers(1, 4))
    disc = gen + int(rng.integers(0, 3))
    root, cross = rng.normal(size=(disc, disc)), rng.normal(size=(disc, gen))
    damping = -root @ root.T - 2 * eta * cross @ cross.T
    damped = np.block([[damping, cross], [-cross.T, np.zeros((gen, gen))]])
    found = np.linalg.eigvals(regularised(-root @ root.T, cross, eta))
    same_values(found, np.linalg.eigvals(damped), 1e-8 * np.abs(found).max())
    # It is (T J T^-1 with T = [[1, 0], [2 eta P^T, 1]]), and Hurwitz as the damping is < 0.
    change = np.eye(disc + gen)
    change[disc:, :disc] = 2 * eta * cross.T
    similar = change @ regularised(-root @ root.T, cross, eta) @ np.linalg.inv(change)
    np.testing.assert_allclose(similar, damped, atol=1e-12 * np.abs(damped).max() ** 2)
    assert found.real.max() < 0


@given(eta=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_it_is_hurwitz_for_every_eta_that_damps_what_the_discriminator_does_not(eta, seed):
    # K is 0 along one direction and P covers it: K - 2 eta P P^T < 0, although K is not.
    rng = np.random.default_rng(seed)
    curved, cross = np.diag([0.0, -1.0, -2.0]), rng.normal(size=(3, 2))
    cross[0] = [1.0, 0.5]
    values = np.linalg.eigvals(regularised(curved, cross, eta))
    assert values.real.max() < 0


@pytest.mark.parametrize("spec", ["linear-quadratic", "linear-pair", "uniform-wgan"])
def test_regularised_fields_have_the_jacobian_of_the_errata(spec):
    field = dynamics.field(spec)
    point, g = field.equilibria[0], field.n_gen
    bare = field.jacobian(point)
    found = field.regularised(eta=0.7).jacobian(point)
    swap = np.r_[g : field.size, :g]
    expected = regularised(bare[g:, g:], bare[g:, :g], 0.7)
    np.testing.assert_allclose(found[np.ix_(swap, swap)], expected, atol=1e-13)


def test_v_is_concave_for_both_players_and_flat_for_the_generator_at_the_equilibrium():
    field = dynamics.linear_pair("logistic")
    assert field.jacobian([1.0, 0.0])[0, 0] == 0.0
    for state in np.random.default_rng(0).normal(size=(50, 2)) * 3:
        jacobian = field.jacobian(state)
        assert jacobian[0, 0] > 0 > jacobian[1, 1]  # -V_aa and V_ww: V is concave in both


# --- three ways to one Jacobian ------------------------------------------------------------------


@pytest.mark.parametrize("spec", TWINS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=5)
def test_analytic_complex_step_and_differences_agree(spec, seed):
    field = dynamics.field(spec)
    state = points(field, 1, seed)[0] * 3.0
    analytic = field.jacobian(state)
    scale = 1.0 + np.abs(analytic).max()
    stepped, differences = (field.jacobian(state, how) for how in ("complex-step", "differences"))
    np.testing.assert_allclose(stepped, analytic, atol=1e-13 * scale)
    # h^4/30 = 1e-14 times fifth derivatives; those of e^(-w x^2) bring w^5 x^10 at nodes x to 8.
    np.testing.assert_allclose(
        differences, analytic, atol=(1e-3 if "exp" in spec else 1e-6) * scale
    )


# --- your own ------------------------------------------------------------------------------------

OWN = """
import numpy as np
from ratiogan import dynamics

def spiral(z):
    slope = 1.0 / (1.0 + np.exp(z[0] * z[1]))
    return -z[1] * slope, z[0] * slope - 0.5 * z[1]

built = dynamics.dirac(reg="r1", gamma=0.5)
number = 7
"""


def own(tmp_path, name):
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    return f"{file}:{name}"


def spiral(z):
    slope = 1.0 / (1.0 + np.exp(z[0] * z[1]))
    return np.array([-z[1] * slope, z[0] * slope - 0.5 * z[1]])


def test_an_own_field_is_the_built_in_one(tmp_path):
    built = dynamics.dirac(reg="r1", gamma=0.5)
    mine = [spiral, own(tmp_path, "spiral"), own(tmp_path, "built"), built]
    for field in map(dynamics.field, mine):
        states = points(field, 6).reshape(2, 3, 2)
        np.testing.assert_allclose(field.velocity(states), built.velocity(states), rtol=1e-14)
        np.testing.assert_allclose(
            field.jacobian(states[0, 0]), built.jacobian(states[0, 0]), atol=1e-9
        )
        for method in ("simultaneous", "implicit", "regularised", "momentum:order=alternating"):
            expected = simulate(built, [1.0, 0.5], method, max_steps=30)
            found = simulate(field, [1.0, 0.5], method, max_steps=30)
            np.testing.assert_allclose(found.states, expected.states, atol=1e-10)
    assert dynamics.field(own(tmp_path, "spiral")).spec.endswith("mine.py:spiral")
    assert dynamics.field(built) is built


def test_a_field_that_numba_compiled_is_the_built_in_one():
    built, mine = dynamics.dirac(reg="r1", gamma=0.5), dynamics.field(numba.njit(spiral))
    assert march.compiled_march(mine.own) is march.compiled_march(mine.own)  # seconds, once
    for method in ("alternating", "implicit"):
        expected = simulate(built, [1.0, 0.5], method, max_steps=30)
        found = simulate(mine, [1.0, 0.5], method, max_steps=30)
        np.testing.assert_allclose(found.states, expected.states, atol=1e-10)


@pytest.mark.parametrize(
    "velocity, more, message",
    [
        (lambda z: [1.0, 2.0, 3.0], {}, r"returned an array of shape \(3,\), 2 numbers are needed"),
        (lambda z: 1.0, {}, "returned 1.0, 2 numbers are needed"),
        (lambda z: ("a", "b"), {}, "2 numbers are needed"),
        (lambda z: None, {}, "returned None, 2 numbers are needed"),
        (lambda z: [np.nan, 0.0], {}, r"is not finite at its start \[1.0, 0.5\]: \[nan, 0.0\]"),
        (lambda z: z, {"n_gen": 3}, "n_gen must be at most 2, got 3"),
        (lambda z: z, {"n_gen": -1}, "n_gen"),
        (7, {}, "a field must be a name, a Field or a function, got int"),
    ],
)
def test_own_fields_are_checked(velocity, more, message):
    with pytest.raises(InputError, match=message):
        dynamics.field(velocity, **more)


@pytest.mark.parametrize(
    "spec, message",
    [
        ("dirak", 'no field "dirak". Nearest: dirac'),
        ("dirac:gama=1", 'has no parameter "gama"'),
        ("dirac:loss=hinge", "loss must be one of gan, non-saturating, wgan, exponential"),
        ("dirac:reg=r3", "reg must be one of none, r1"),
        ("dirac:reg=r1,gamma=-1", "gamma"),
        ("dirac:reg=clip,clip=0", "clip"),
        ("linear-quadratic:sd=0", "sd"),
        ("linear-pair:f=cubic", "f must be one of logistic, linear, exponential"),
        ("bilinear:matrix=1/2/3/4/5,rows=2", "5 entries, which are no 2 rows of equal length"),
        ("bilinear:matrix=1/2/3", "3 entries"),
        ("bilinear:matrix=1/a", "matrix must hold numbers"),
    ],
)
def test_names_and_parameters_are_checked(spec, message):
    with pytest.raises(InputError, match=message):
        dynamics.field(spec)


def test_a_file_that_holds_no_field_is_refused(tmp_path):
    with pytest.raises(InputError, match="must be a function velocity"):
        dynamics.field(own(tmp_path, "number"))
    with pytest.raises(InputError, match=r'has no "spirale". Nearest: spiral'):
        dynamics.field(own(tmp_path, "spirale"))


def test_states_are_checked():
    field = dynamics.dirac(loss="wgan", reg="clip", clip=0.5)
    for start, message in (
        ([1.0], r"start must have 2 numbers \(theta, psi\), got shape \(1,\)"),
        ([1.0, 0.6], r"psi must lie in \[-0.5, 0.5\] and be finite, got 0.6"),
        ([np.nan, 0.0], "theta must lie in .* and be finite, got nan"),
        ("ab", "start must be 2 numbers"),
    ):
        with pytest.raises(InputError, match=message):
            simulate(field, start)
    with pytest.raises(InputError, match="2 coordinates"):
        field.velocity([1.0, 2.0, 3.0, 4.0])


def test_specs_are_canonical_and_read_back():
    for spec in TWINS:
        made = dynamics.field(spec)
        again = dynamics.field(made.spec)
        assert isinstance(again, Field) and again.spec == made.spec
        state = points(made, 1)[0]
        np.testing.assert_array_equal(again.velocity(state), made.velocity(state))
