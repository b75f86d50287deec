"""Branch-free logarithms and exponential: ulps against mpmath, through the kernels' own flags."""

import math
import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest

from ratiogan._jit import kernel
from ratiogan._vmath import (
    _log_by_parts,
    exp,
    inverse_root,
    log,
    log1p,
    log1p_excess,
    log1p_finite,
    log1p_unit,
    log_finite,
)

MOST_ULPS = 2.0


# One loop each, as in the solvers: under reassociation, which would fold a compensation that a test
# of the bare function still shows.
@kernel
def loop_log(x, out):
    for i in range(x.size):
        out[i] = log(x[i])


@kernel
def loop_log1p(x, out):
    for i in range(x.size):
        out[i] = log1p(x[i])


@kernel
def loop_log1p_finite(x, out):
    for i in range(x.size):
        out[i] = log1p_finite(x[i])


@kernel
def loop_log_finite(x, out):
    for i in range(x.size):
        out[i] = log_finite(x[i])


@kernel
def loop_inverse_root(x, out):
    for i in range(x.size):
        out[i] = inverse_root(x[i])


@kernel
def loop_log1p_unit(x, out):
    for i in range(x.size):
        out[i] = log1p_unit(x[i])


@kernel
def loop_log1p_excess(x, out):
    for i in range(x.size):
        out[i] = log1p_excess(x[i])


@kernel
def loop_exp(x, out):
    for i in range(x.size):
        out[i] = exp(x[i])


# With and without the division: which of the two a machine's kernels use, its processor decides.
@kernel
def loop_divided(k, f, out):
    for i in range(f.size):
        out[i] = _log_by_parts(k[i], f[i], False)


@kernel
def loop_undivided(k, f, out):
    for i in range(f.size):
        out[i] = _log_by_parts(k[i], f[i], True)


def exact_excess(x):
    """x - log(1+x), by its series where the difference would need too many digits."""
    if abs(x) > 1e-5:
        return x - mpmath.log1p(x)
    return mpmath.fsum((-1) ** k * x**k / k for k in range(2, 12))


FUNCTIONS = {
    "log": log,
    "log_finite": log_finite,
    "log1p": log1p,
    "log1p_finite": log1p_finite,
    "log1p_unit": log1p_unit,
    "log1p_excess": log1p_excess,
    "inverse_root": inverse_root,
    "exp": exp,
}
LOOPS = {
    "log": loop_log,
    "log_finite": loop_log_finite,
    "log1p": loop_log1p,
    "log1p_finite": loop_log1p_finite,
    "log1p_unit": loop_log1p_unit,
    "log1p_excess": loop_log1p_excess,
    "inverse_root": loop_inverse_root,
    "exp": loop_exp,
}
EXACT = {
    "log": mpmath.log,
    "log_finite": mpmath.log,
    "log1p": mpmath.log1p,
    "log1p_finite": mpmath.log1p,
    "log1p_unit": mpmath.log1p,
    "log1p_excess": lambda x: exact_excess(x),
    "inverse_root": lambda x: 1 / mpmath.sqrt(x),
    "exp": mpmath.exp,
}


def run(name, x):
    x = np.atleast_1d(np.asarray(x, dtype=np.float64))
    out = np.empty_like(x)
    LOOPS[name](x, out)
    return out


def worst_ulps(name, x):
    """The largest error in units of the last place of the exact value, and where."""
    values = run(name, x)
    worst = (0.0, math.nan)
    with mpmath.workdps(60):
        for point, value in zip(x.tolist(), values.tolist(), strict=True):
            exact = EXACT[name](mpmath.mpf(point))
            error = float(abs(value - exact) / math.ulp(float(exact)))
            worst = max(worst, (error, point))
    return worst


def points(seed):
    """Positive arguments of every size, dense near 1 and at the ends of binades."""
    rng = np.random.default_rng(seed)
    every = np.ldexp(1.0 + rng.random(900), rng.integers(-1074, 1023, 900))
    around_one = 1.0 + rng.normal(size=300) * 10.0 ** rng.uniform(-16, -1, 300)
    middle = np.exp(rng.normal(scale=4.0, size=600))
    binades = np.ldexp(1.0, np.arange(-30, 31))
    edges = np.concatenate([binades, np.nextafter(binades, 0), np.nextafter(binades, np.inf)])
    root = np.sqrt(0.5) * binades  # where the mantissa is cut
    special = [5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308]
    cuts = np.concatenate([root, np.nextafter(root, 0), np.nextafter(root, np.inf)])
    return np.concatenate([every[every > 0], around_one, middle, edges, cuts, special])


def log1p_points(seed):
    rng = np.random.default_rng(seed)
    small = rng.choice([-1.0, 1.0], 600) * 10.0 ** rng.uniform(-320, -0.5, 600)
    near_minus_one = -1.0 + 10.0 ** rng.uniform(-15.9, -1, 300)
    edges = np.array([-0.29, 0.41, -1 + 2.0**-53, -(2.0**-53), 2.0**-53, 2.0**52, 2.0**53, 2.0**54])
    edges = np.concatenate([edges, np.nextafter(edges, -1), np.nextafter(edges, np.inf)])
    x = np.concatenate([small, near_minus_one, points(seed + 1) - 1.0, points(seed + 2), edges])
    return x[x > -1.0]


@pytest.mark.parametrize("name", ["log", "log_finite", "inverse_root"])
def test_functions_of_positive_numbers_are_within_two_ulps(name):
    assert worst_ulps(name, points(1)) < (MOST_ULPS,)


def test_subnormal_numbers_are_within_two_ulps():
    rng = np.random.default_rng(7)
    x = np.ldexp(rng.integers(1, 2**52, 400) >> rng.integers(0, 52, 400), -1074)
    x = x[x > 0]
    assert x.max() < 2.2250738585072014e-308 and x.min() < 1e-322
    for name in ("log", "log_finite", "inverse_root"):
        assert worst_ulps(name, x) < (MOST_ULPS,), name


@pytest.mark.parametrize("loop", [loop_divided, loop_undivided], ids=["divided", "undivided"])
def test_both_ways_to_the_logarithm_are_within_two_ulps(loop):
    rng = np.random.default_rng(8)
    low, high = math.sqrt(0.5) - 1.0, math.sqrt(2.0) - 1.0
    f = np.concatenate(
        [
            rng.uniform(low, high, 2000),
            rng.choice([-1.0, 1.0], 600) * 10.0 ** rng.uniform(-320, -0.6, 600),
            [low, high, 0.0, 5e-324],
        ]
    )
    k = rng.integers(-1075, 1025, f.size).astype(float)
    k[::2] = rng.integers(-2, 3, k[::2].size)
    k[-4:] = 0.0
    for shift in (k, np.zeros_like(k)):
        out = np.empty_like(f)
        loop(shift, f, out)
        with mpmath.workdps(60):
            for power, part, value in zip(shift.tolist(), f.tolist(), out.tolist(), strict=True):
                exact = power * mpmath.log(2) + mpmath.log1p(part)
                ulps = float(abs(value - exact) / math.ulp(float(exact)))
                assert ulps < MOST_ULPS, (power, part)


def test_log1p_is_within_two_ulps():
    assert worst_ulps("log1p", log1p_points(2)) < (MOST_ULPS,)


def test_log1p_finite_is_within_two_ulps():
    x = log1p_points(3)
    assert worst_ulps("log1p_finite", x[x < 2.0**1022]) < (MOST_ULPS,)


def test_log1p_unit_is_within_two_ulps_on_its_interval():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.random(20_000), 10.0 ** -rng.uniform(0, 320, 5_000), [0.0, 1.0]])
    assert worst_ulps("log1p_unit", x) < (MOST_ULPS,)
    np.testing.assert_array_equal(run("log1p_unit", np.array([0.0, np.nan])), [0.0, np.nan])


def test_log1p_excess_keeps_its_relative_accuracy():
    x = log1p_points(4)
    x = x[np.abs(x) > 1e-150]  # x^2/2 must not underflow
    assert worst_ulps("log1p_excess", x) < (8.0,)
    assert np.all(run("log1p_excess", x) >= 0.0)


def test_exp_is_within_two_ulps():
    rng = np.random.default_rng(5)
    x = np.concatenate(
        [
            rng.uniform(-745.1, 709.78, 1500),
            rng.normal(size=500) * 10.0 ** rng.uniform(-18, 1, 500),
            math.log(2.0) * (np.arange(-40, 40) + 0.5),
            [0.0, -0.0, -745.13, -708.4, -708.3, 709.782712893384],
        ]
    )
    assert worst_ulps("exp", x) < (MOST_ULPS,)


@pytest.mark.parametrize(
    "name, x, expected",
    [
        ("log", 0.0, -math.inf),
        ("log", -0.0, -math.inf),
        ("log", math.inf, math.inf),
        ("log", 1.0, 0.0),
        ("log", -1.0, math.nan),
        ("log", -math.inf, math.nan),
        ("log1p", -1.0, -math.inf),
        ("log1p", 0.0, 0.0),
        ("log1p", -0.0, 0.0),
        ("log1p", math.inf, math.inf),
        ("log1p", -1.5, math.nan),
        ("log1p", -math.inf, math.nan),
        ("log1p", 5e-324, 5e-324),
        ("log1p_finite", 0.0, 0.0),
        ("log_finite", 1.0, 0.0),
        ("inverse_root", 4.0, 0.5),
        ("log1p_excess", 0.0, 0.0),
        ("log1p_excess", -1.0, math.inf),
        ("log1p_excess", -2.0, math.nan),
        ("exp", 0.0, 1.0),
        ("exp", math.inf, math.inf),
        ("exp", -math.inf, 0.0),
        ("exp", 709.9, math.inf),
        ("exp", 1e300, math.inf),
        ("exp", -746.5, 0.0),
        ("exp", -1e300, 0.0),
    ],
)
def test_special_values(name, x, expected):
    np.testing.assert_equal(run(name, x)[0], expected)


@pytest.mark.parametrize("name", ["log", "log1p", "log1p_excess", "exp"])
def test_nan_comes_out_as_nan_wherever_it_stands_in_a_vector(name):
    for at in range(9):
        x = np.full(9, 0.5)
        x[at] = math.nan
        np.testing.assert_array_equal(np.isnan(run(name, x)), np.isnan(x))


@pytest.mark.parametrize("name", list(LOOPS))
def test_the_bare_function_agrees_with_the_loop(name):
    x = np.array([1e-9, 0.1, 0.5, 1.0, 3.0, 700.0])
    x = x[:4] if name == "log1p_unit" else x
    bare = np.array([FUNCTIONS[name](point) for point in x])
    np.testing.assert_allclose(run(name, x), bare, rtol=1e-15)


def test_exp_undoes_log():
    x = np.exp(np.random.default_rng(6).uniform(-600, 600, 300))
    np.testing.assert_allclose(run("exp", run("log", x)), x, rtol=3e-13)


WITHOUT_COMPILATION = """
import mpmath
import numpy as np
from ratiogan import _vmath, games
mpmath.mp.dps = 40
x = np.array([0.0, 1e-9, 0.5, 1.0, 2.0, 1e9, np.inf, np.nan])
with np.errstate(all="ignore"):
    np.testing.assert_allclose([_vmath.log(a) for a in x], np.log(x), rtol=1e-15)
    np.testing.assert_allclose([_vmath.log1p(a) for a in x], np.log1p(x), rtol=1e-15)
    np.testing.assert_allclose([_vmath.log1p_finite(a) for a in x], np.log1p(x), rtol=1e-15)
    np.testing.assert_allclose([_vmath.exp(a) for a in x], np.exp(x), rtol=1e-15)
    small = np.array([1e-12, -1e-5, 9e-4, 1.1e-3, 0.3, -0.9])
    exact = [float(mpmath.mpf(a) - mpmath.log1p(mpmath.mpf(a))) for a in small]
    np.testing.assert_allclose([_vmath.log1p_excess(a) for a in small], exact, rtol=1e-11)
    for a in x[1:-2]:
        np.testing.assert_allclose(_vmath.log_finite(a), np.log(a), rtol=1e-15)
        np.testing.assert_allclose(_vmath.inverse_root(a), a**-0.5, rtol=1e-15)
        for way in (True, False):
            value = _vmath._log_by_parts(-3.0, 0.1, way)
            np.testing.assert_allclose(value, np.log(1.1 / 8), rtol=1e-15)
    for bits in (0.1, -3.0, 1e300):
        assert _vmath.from_bits(_vmath.as_bits(bits)) == bits
    R = np.array([0.0, 0.5, 1.0, 2.0])
    for spec in ("non-saturating", "minimax", "least-squares", "hinge"):
        row = games.game(spec)
        assert np.isfinite(row.excess(R)).all() and row.excess(R)[2] == 0.0, spec
        assert np.isnan(row.signal(np.nan))
"""


def test_without_compilation_numpy_stands_in():
    outcome = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILATION],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
