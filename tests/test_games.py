"""The table of games against brute force, mpmath and the divergences its rows are named after."""

import dataclasses
import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

from ratiogan import catalogue, games
from ratiogan.errors import InputError
from ratiogan.games import Game, game

ROWS = (
    *catalogue.GAME_ROWS,
    "concave:f=logistic",
    "log:generator=zero-sum",
    "log:generator=flipped",
    "cw:generator=flipped,c=0.3",
    "cw:generator=zero-sum,c=0.8",
    "least-squares:a=-1,b=1,c=1",
    "least-squares:a=2,b=-1,c=-3",
    "least-squares:a=0,b=1,c=0.3",
)
SMOOTH = tuple(row for row in ROWS if not game(row).has_kink)
KINKED = tuple(row for row in ROWS if game(row).has_kink)
CONVEX = tuple(row for row in SMOOTH if game(row).convex)

RATIOS = np.concatenate([[1.0], np.exp(np.random.default_rng(0).uniform(-9, 9, 200))])
NEAR_ONE = 1.0 + np.array([1e-9, -1e-9, 1e-7, -1e-7, 1e-4, -1e-4, 0.2, -0.28, -0.3, 0.4, 0.42])

LOG, ONE = mpmath.log, mpmath.mpf(1)


def _square(r):
    return r - 2 * LOG(1 + r) - 1 / (1 + r)  # an integral of (R/(1+R))^2


def _least_squares(a, b, c):
    # (b-c+(a-c)R)/(1+R) = (a-c) + (b-a)/(1+R), squared and integrated
    p, q = mpmath.mpf(a - c), mpmath.mpf(b - a)
    return (
        lambda r: (p + q / (1 + r)) ** 2 / 2,
        lambda r: (p * p * r + 2 * p * q * LOG(1 + r) - q * q / (1 + r)) / 2,
    )


# The naive twin: u and an integral of it, as design.md's table has them, at 50 digits.
TWINS = {
    "non-saturating": (lambda r: LOG(1 + r), lambda r: (1 + r) * LOG(1 + r) - r),
    "minimax": (lambda r: LOG(r / (1 + r)), lambda r: r * LOG(r) - (1 + r) * LOG(1 + r)),
    "maximum-likelihood": (lambda r: -1 / r, lambda r: -LOG(r)),
    "logit": (lambda r: LOG(r), lambda r: r * LOG(r) - r),
    "least-squares:a=0,b=1,c=1": (lambda r: (r / (1 + r)) ** 2 / 2, lambda r: _square(r) / 2),
    "least-squares:a=-1,b=1,c=0": _least_squares(-1, 1, 0),
    "least-squares:a=-1,b=1,c=1": _least_squares(-1, 1, 1),
    "least-squares:a=2,b=-1,c=-3": _least_squares(2, -1, -3),
    "least-squares:a=0,b=1,c=0.3": _least_squares(0, 1, 0.3),
    "square:generator=zero-sum": (
        lambda r: -4 / (1 + r) ** 2,
        lambda r: 4 / (1 + r),
    ),
    "square:generator=flipped": (
        lambda r: 4 * (r / (1 + r)) ** 2,
        lambda r: 4 * _square(r),
    ),
    "concave:f=exponential": (lambda r: -1 / mpmath.sqrt(r), lambda r: -2 * mpmath.sqrt(r)),
    "exponential:generator=flipped": (
        lambda r: mpmath.sqrt(r),
        lambda r: 2 * r * mpmath.sqrt(r) / 3,
    ),
}
TWINS["concave:f=logistic"] = TWINS["minimax"]
TWINS["log:generator=zero-sum"] = TWINS["minimax"]
TWINS["log:generator=flipped"] = TWINS["non-saturating"]
TWINS["exponential:generator=zero-sum"] = TWINS["concave:f=exponential"]
TWINS["boosting:generator=zero-sum"] = TWINS["concave:f=exponential"]
TWINS["boosting:generator=flipped"] = TWINS["exponential:generator=flipped"]


def test_every_smooth_row_has_a_twin():
    assert set(SMOOTH) == set(TWINS)


def with_mpmath(function, ratio, digits=50):
    with mpmath.workdps(digits):
        return np.array([float(function(mpmath.mpf(float(r)))) for r in ratio])


@pytest.mark.parametrize("spec", SMOOTH)
def test_signal_and_curvature_against_mpmath(spec):
    row, (u, _) = game(spec), TWINS[spec]
    ratio = np.concatenate([RATIOS, [1e-300, 1e-20, 1e-12, 1e-6, 1e6, 1e12]])
    exact = with_mpmath(u, ratio)
    np.testing.assert_allclose(row.signal(ratio), exact, rtol=4e-15, atol=4e-15 * abs(exact[0]))
    bend = with_mpmath(lambda r: mpmath.diff(u, r, h=r * mpmath.mpf(10) ** -12), RATIOS)
    np.testing.assert_allclose(row.curvature(RATIOS), bend, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("spec", SMOOTH)
def test_excess_is_accurate_far_from_one_and_next_to_it(spec):
    row, (u, phi) = game(spec), TWINS[spec]
    ratio = np.concatenate([RATIOS, NEAR_ONE, [1e-300, 1e-20, 1e-12, 1e6, 1e12]])
    exact = with_mpmath(lambda r: phi(r) - phi(ONE) - u(ONE) * (r - 1), ratio)
    flat = 0.0 if row.curvature_at_one else 1e-15  # Phi''(1) = 0: two terms of order d^2 cancel
    slack = flat * np.minimum(1.0, (ratio - 1.0) ** 2)
    assert np.all(np.abs(row.excess(ratio) - exact) <= 1e-12 * np.abs(exact) + slack)
    assert row.excess(1.0) == 0.0 and row.cost(1.0) == 0.0


@pytest.mark.parametrize("spec", SMOOTH)
def test_cost_is_the_integral_of_the_signal(spec):
    row, (_, phi) = game(spec), TWINS[spec]
    exact = with_mpmath(lambda r: phi(r) - phi(ONE), RATIOS)
    np.testing.assert_allclose(row.cost(RATIOS), exact, rtol=1e-12, atol=1e-14)


def domain_of(row):
    low, high = (float(end) for end in row.domain.strip("[]()").split(","))
    t = np.linspace(-12, 12, 40001)
    if math.isinf(low):
        return np.sinh(t / 2)
    inner = low + (high - low) / (1.0 + np.exp(-t))
    return np.concatenate([[low, high], inner]) if row.domain[0] == "[" else inner


@pytest.mark.parametrize("spec", ROWS)
def test_the_best_response_minimises_the_discriminators_loss(spec):
    row = game(spec)
    f = domain_of(row)
    real, gen = row.loss_real(f), row.loss_gen(f)
    for ratio in (1e-3, 0.1, 0.5, 0.9, 1.1, 2.0, 30.0, 1e3):
        best = row.best_response(ratio)
        cost = row.loss_real(best) + ratio * row.loss_gen(best)
        assert cost <= np.min(real + ratio * gen) * (1 + 1e-14) + 1e-14
        np.testing.assert_allclose(row.discriminator_cost(ratio), cost, rtol=1e-12)


@pytest.mark.parametrize("spec", ROWS)
def test_the_signal_is_the_generators_loss_at_the_best_response(spec):
    row = game(spec)
    felt = row.generator_loss(row.best_response(RATIOS[1:]))
    np.testing.assert_allclose(row.signal(RATIOS[1:]), felt, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("spec", KINKED)
def test_kinked_rows_are_integrals_of_their_steps(spec):
    row = game(spec)
    at = row.kernel[1]
    low, high = row.signal(at * 0.999), row.signal(at * 1.001)
    assert row.signal(at) == 0.5 * (low + high) and row.signal(0.0) == low == row.signal_at_zero
    assert row.curvature(at) == math.inf and row.curvature(at * 1.1) == 0.0
    # Phi is linear on both sides of the kink.
    ratio = np.array([0.0, 0.3, 1.0, at, 4.0, 50.0])

    def phi(r):
        return low * np.minimum(r, at) + high * np.maximum(r - at, 0.0)

    np.testing.assert_allclose(row.cost(ratio), phi(ratio) - phi(1.0), rtol=1e-14, atol=1e-15)
    assert row.has_kink and row.convex == (at == 1.0)
    assert row.prediction == ("chatters" if at == 1.0 else "not strict")


# --- divergences ---------------------------------------------------------------------------------


def kl(p, q):
    return np.sum(rel_entr(p, q))


NAMED = {
    "2 KL(m||p_r)": lambda p, w: 2 * kl(0.5 * (p + w), w),
    "2 JSD": lambda p, w: kl(p, 0.5 * (p + w)) + kl(w, 0.5 * (p + w)),
    "KL(p_r||p_g)": lambda p, w: kl(w, p),
    "KL(p_g||p_r)": lambda p, w: kl(p, w),
    "2 TV": lambda p, w: np.sum(np.abs(p - w)),
    "TV": lambda p, w: 0.5 * np.sum(np.abs(p - w)),
    "triangular": lambda p, w: np.sum((p - w) ** 2 / (p + w)),
    "2 H^2": lambda p, w: np.sum((np.sqrt(p) - np.sqrt(w)) ** 2),
}
WITH_NAME = [row for row in ROWS if game(row).formulas["cost_is"] in NAMED]


@pytest.mark.parametrize("spec", WITH_NAME)
def test_the_induced_cost_is_the_divergence_it_is_named_after(spec):
    row = game(spec)
    rng = np.random.default_rng(3)
    for size in (2, 7, 400):
        p, w = rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size))
        expected = NAMED[row.formulas["cost_is"]](p, w)
        np.testing.assert_allclose(np.sum(w * row.cost(p / w)), expected, rtol=1e-12)
        np.testing.assert_allclose(np.sum(w * row.excess(p / w)), expected, rtol=1e-11)
    # A generator almost at p_r: the divergence is small and must not be round-off.
    p = w * (1 + 1e-9 * np.where(np.arange(400) % 2, 1, -1))
    if not row.has_kink:
        small = 0.5 * row.curvature_at_one * np.sum(w * (p / w - 1) ** 2)
        np.testing.assert_allclose(np.sum(w * row.excess(p / w)), small, rtol=1e-6)


def test_every_row_is_named_or_says_that_it_is_not():
    texts = {game(row).formulas["cost_is"] for row in ROWS}
    assert texts - set(NAMED) == {"unnamed", "not convex", "not strict"}


# --- what the table states -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("non-saturating", 1 / 2),
        ("minimax", 1 / 2),
        ("maximum-likelihood", 1),
        ("logit", 1),
        ("least-squares:a=0,b=1,c=1", 1 / 8),
        ("least-squares:a=-1,b=1,c=0", 0),
        ("least-squares:a=2,b=-1,c=-3", 3 * (2 - 1 + 6) / 8),
        ("hinge", math.nan),
        ("concave:f=exponential", 1 / 2),
        ("concave:f=logistic", 1 / 2),
        ("0-1:generator=zero-sum", math.nan),
        ("square:generator=zero-sum", 1),
        ("square:generator=flipped", 1),
        ("cw:c=0.3", 0),
        ("exponential", 1 / 2),
        ("boosting:generator=flipped", 1 / 2),
    ],
)
def test_curvature_at_one_of_the_designs_table(spec, expected):
    row = game(spec)
    np.testing.assert_equal(row.curvature_at_one, expected)
    assert row.rate(0.5) == 1 - 0.5 * expected or math.isnan(expected)
    assert row.converges == (expected > 0)


def test_concave_f_has_the_designs_curvature_at_one():
    # f'(0)^2 / (2 |f''(0)|): -exp(-x) has f' = 1, f'' = -1; -log(1+exp(-x)) has 1/2, -1/4.
    assert game("concave:f=exponential").curvature_at_one == 1 / 2
    assert game("concave:f=logistic").curvature_at_one == (1 / 2) ** 2 / (2 * (1 / 4))


def test_the_logistic_concave_game_is_minimax_and_not_non_saturating():
    # design.md calls it the non-saturating row; its formula f'(-D)^2/-(f''(D)+R f''(-D)) at
    # D = -log R is 1/(R(1+R)), which is minimax.
    row, ratio = game("concave:f=logistic"), np.array([0.1, 0.5, 2.0, 7.0])

    def slope(x):
        return 1 / (1 + np.exp(x))

    def bend(x):
        return -np.exp(x) / (1 + np.exp(x)) ** 2

    d = row.best_response(ratio)
    by_formula = slope(-d) ** 2 / -(bend(d) + ratio * bend(-d))
    np.testing.assert_allclose(row.curvature(ratio), by_formula, rtol=1e-13)
    np.testing.assert_allclose(row.curvature(ratio), game("minimax").curvature(ratio), rtol=0)
    assert not np.allclose(row.curvature(ratio), game("non-saturating").curvature(ratio))
    np.testing.assert_allclose(row.signal(ratio), -np.log1p(np.exp(d)), rtol=1e-14)


T3 = math.sqrt(3.0)  # 2R(R-1)/(1+R)^3 is largest at R = 2 + sqrt(3)


@pytest.mark.parametrize(
    "spec, slope, top, ratio_top",
    [
        ("non-saturating", 1, 1, 1),
        ("minimax", math.inf, math.inf, 1),
        ("maximum-likelihood", math.inf, math.inf, math.inf),
        ("logit", math.inf, math.inf, 1),
        ("least-squares:a=0,b=1,c=1", 1 / 8, 4 / 27, 4 / 27),
        ("least-squares:a=-1,b=1,c=0", math.nan, 2 / 27, 2 * (2 + T3) * (1 + T3) / (3 + T3) ** 3),
        ("square:generator=zero-sum", 8, 8, 32 / 27),
        ("square:generator=flipped", 1, 32 / 27, 32 / 27),
        ("exponential:generator=zero-sum", math.inf, math.inf, math.inf),
        ("boosting:generator=flipped", math.inf, math.inf, math.inf),
        ("hinge", 2, math.inf, math.inf),
    ],
)
def test_step_bounds_are_suprema(spec, slope, top, ratio_top):
    row = game(spec)
    ratio = np.exp(np.linspace(-16, 16, 200001))
    ratio = ratio[np.abs(ratio - 1) > 1e-6] if row.has_kink else ratio
    np.testing.assert_allclose(row.slope_bound, slope, rtol=1e-14)
    np.testing.assert_allclose(row.sup_curvature, top, rtol=1e-14)
    np.testing.assert_allclose(row.sup_ratio_curvature, ratio_top, rtol=1e-14)
    if math.isfinite(top):
        np.testing.assert_allclose(np.max(row.curvature(ratio)), row.sup_curvature, rtol=1e-6)
        np.testing.assert_allclose(
            np.max(ratio * row.curvature(ratio)), row.sup_ratio_curvature, rtol=1e-6
        )
    if math.isfinite(slope):
        steepest = np.max((row.signal(ratio) - row.signal_at_zero) / ratio)
        assert steepest <= slope * (1 + 1e-9)
        assert steepest >= slope * (1 - (1e-3 if row.has_kink else 1e-5))


@pytest.mark.parametrize(
    "spec, largest",
    [
        ("non-saturating", 1.0),
        ("least-squares:a=0,b=1,c=1", 8.0),
        ("square:generator=zero-sum", 1 / 8),
        ("square:generator=flipped", 1.0),
    ],
)
def test_steps_up_to_the_positivity_bound_keep_the_ratio_non_negative(spec, largest):
    row = game(spec)
    assert row.slope_bound == 1 / largest
    rng = np.random.default_rng(7)
    lowest = []
    for _ in range(300):
        w, p = rng.dirichlet(np.full(6, 0.3)), rng.dirichlet(np.full(6, 0.3))
        ratio = p[w > 1e-9] / w[w > 1e-9]
        w = w[w > 1e-9] / w[w > 1e-9].sum()
        ratio = ratio / np.sum(w * ratio)
        u = row.signal(ratio)
        assert np.min(ratio - largest * (u - np.sum(w * u))) >= -1e-12 * np.max(ratio)
        lowest.append(np.min(ratio - 1.2 * largest * (u - np.sum(w * u)) + 0 * w))
    # Not by luck: with all mean taken off, a longer step does cross 0 at the steepest R.
    r = np.exp(np.linspace(-12, 3, 4001))
    assert np.min(r - 1.2 * largest * (row.signal(r) - row.signal_at_zero)) < 0


@pytest.mark.parametrize(
    "spec, word",
    [
        ("non-saturating", "yes"),
        ("minimax", "yes, stiff"),
        ("maximum-likelihood", "yes, stiff"),
        ("logit", "yes, stiff"),
        ("least-squares:a=0,b=1,c=1", "yes, slowly"),
        ("least-squares:a=-1,b=1,c=0", "NO, unstable"),
        ("least-squares:a=0,b=1,c=0", "NO, unstable"),
        ("least-squares:a=0,b=1,c=0.7", "locally"),
        ("hinge", "chatters"),
        ("cw:c=0.3", "not strict"),
    ],
)
def test_the_word_for_what_will_happen(spec, word):
    assert game(spec).prediction == word


@pytest.mark.parametrize("spec", CONVEX)
@given(ratio=st.floats(1e-9, 1e9), other=st.floats(1e-9, 1e9))
@settings(max_examples=25, deadline=None)
def test_convex_rows_rise_and_lie_above_their_tangent(spec, ratio, other):
    row = game(spec)
    assert row.excess(ratio) >= 0.0 and row.curvature(ratio) > 0.0
    low, high = sorted((ratio, other))
    slack = 4e-16 * (abs(row.signal(low)) + abs(row.signal(high)))
    assert row.signal(low) <= row.signal(high) + slack
    # Certificate of every convex game: Phi(R) - Phi(1) <= (u(R) - u(1)) (R - 1).
    gap = (row.signal(ratio) - row.signal_at_one) * (ratio - 1.0)
    assert row.excess(ratio) <= gap * (1 + 1e-9) + 1e-15 * abs(ratio - 1.0)


# --- degenerate input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, limit",
    [
        ("non-saturating", 0.0),
        ("minimax", -math.inf),
        ("maximum-likelihood", -math.inf),
        ("logit", -math.inf),
        ("least-squares:a=0,b=1,c=1", 0.0),
        ("least-squares:a=-1,b=1,c=0", 0.5),
        ("square:generator=zero-sum", -4.0),
        ("exponential:generator=zero-sum", -math.inf),
        ("exponential:generator=flipped", 0.0),
        ("hinge", -1.0),
    ],
)
def test_limits_at_zero(spec, limit):
    row = game(spec)
    assert row.signal(0.0) == limit == row.signal_at_zero
    assert not np.isnan(
        [row.excess(0.0), row.discriminator_cost(0.0), row.best_response(0.0)]
    ).any()


@pytest.mark.parametrize(
    "spec, cost",
    [
        ("non-saturating", 1 - math.log(2) - 1 + math.log(2) + (1 - math.log(2))),
        ("minimax", math.log(2)),
        ("maximum-likelihood", math.inf),
        ("logit", 1.0),
        ("exponential:generator=zero-sum", 1.0),
        ("square:generator=zero-sum", 1.0),
        ("hinge", 1.0),
    ],
)
def test_the_excess_of_an_empty_cell(spec, cost):
    np.testing.assert_allclose(game(spec).excess(0.0), cost, rtol=1e-14)


@pytest.mark.parametrize("spec", ROWS)
@pytest.mark.parametrize("method", ["signal", "cost", "excess", "curvature", "discriminator_cost"])
def test_nan_comes_out_as_nan(spec, method):
    ratio = np.array([0.5, math.nan, 1.0, 1.0, math.nan, 3.0, 0.2, math.nan, 9.0])
    found = getattr(game(spec), method)(ratio)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(ratio))


@pytest.mark.parametrize("method", ["signal", "cost", "excess", "curvature", "discriminator_cost"])
def test_any_shape_goes_in_and_comes_out(method):
    function = getattr(game("non-saturating"), method)
    grid = np.linspace(0.1, 3, 24).reshape(2, 3, 4)
    assert function(grid).shape == (2, 3, 4)
    np.testing.assert_array_equal(function(grid[:, ::2, ::-1]), function(grid)[:, ::2, ::-1])
    np.testing.assert_array_equal(function(grid.tolist()), function(grid))
    assert np.ndim(function(2)) == 0 and function(np.empty((0, 3))).shape == (0, 3)


def test_the_input_is_left_alone():
    ratio = np.array([0.0, 0.5, 2.0])
    ratio.flags.writeable = False
    for method in ("best_response", "signal", "cost", "excess", "curvature", "discriminator_cost"):
        getattr(game("logit"), method)(ratio)


# --- names and parameters ------------------------------------------------------------------------


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(InputError, match=r'no game "non-saturatng". Nearest: non-saturating'):
        game("non-saturatng")
    with pytest.raises(InputError, match="Nearest: least-squares"):
        game("lest-squares")
    with pytest.raises(InputError, match="ratiogan games"):
        game("qqqq")


def test_parameters_are_checked():
    with pytest.raises(InputError, match=r'has no parameter "d". Known: a, b, c'):
        game("least-squares:d=1")
    with pytest.raises(InputError, match=r'"minimax" has no parameter "a". Known: none'):
        game("minimax", a=1)
    with pytest.raises(InputError, match="different codes a and b, got a = b = 2"):
        game("least-squares", a=2, b=2)
    with pytest.raises(InputError, match="a must be a number, got 'x'"):
        game("least-squares:a=x")
    with pytest.raises(InputError, match="b must be finite"):
        game("least-squares", b=math.inf)
    with pytest.raises(InputError, match=r"f must be one of exponential, logistic, got 'cubic'"):
        game("concave:f=cubic")
    with pytest.raises(InputError, match="Nearest: boosting"):
        game("bosting")
    with pytest.raises(InputError, match="generator must be one of zero-sum, flipped"):
        game("square", generator="other")
    with pytest.raises(InputError, match=r"between 0 and 1, got 1"):
        game("cw:c=1")


def test_specs_are_canonical_and_read_back():
    for spec in ROWS:
        assert game(spec).spec == spec
        assert game(game(spec)).spec == spec
    assert game("least-squares").spec == "least-squares:a=0,b=1,c=1"
    assert game("least-squares:a=-1", c=0).spec == "least-squares:a=-1,b=1,c=0"
    row = game("minimax")
    assert game(row) is row


def test_the_catalogue_and_the_table_know_the_same_names():
    assert set(catalogue.GAMES) == set(games._BUILDERS)
    for name in catalogue.GAMES:
        assert game(name).name == name
    # The log rows are minimax and non-saturating again: `ratiogan games` does not repeat them.
    assert {game(row).name for row in catalogue.GAME_ROWS} == set(catalogue.GAMES) - {"log"}


# --- the printed formulas ------------------------------------------------------------------------

FUNCTIONS = {"log": np.log, "sign": np.sign, "sqrt": np.sqrt, "exp": np.exp}


def as_function(text, variable):
    """A printed formula as a function: implied products and ^ made explicit."""
    text = re.sub(r"1\{([^}]*)\}", r"(1.0 where(\1))", text)
    text = re.sub(r"log ([RfhD])", r"log(\1)", text)
    tokens = re.findall(r"\d*\.?\d+|[A-Za-z]+|[-+*/^()<>,]", text)
    assert "".join(tokens) == text.replace(" ", "").replace("{", "").replace("}", ""), text
    code = ""
    for before, token in zip(["", *tokens], tokens, strict=False):
        operand = before == ")" or re.fullmatch(r"[\d.]+", before) or before == variable
        if operand and re.fullmatch(r"[\d.]+|[A-Za-z]+|\(", token):
            code += "*"
        code += "**" if token == "^" else token
    names = {**FUNCTIONS, "max": np.maximum, "where": lambda x: np.asarray(x, dtype=float)}
    return lambda x: eval(code, names, {variable: x})


@pytest.mark.parametrize("spec", ROWS)
def test_the_printed_formulas_are_the_functions(spec):
    row = game(spec)
    ratio = np.array([0.05, 0.3, 0.8, 1.3, 1.9, 6.0, 40.0])
    for what in ("best_response", "signal", "curvature"):
        text = row.formulas[what]
        if text.startswith("atom"):
            size, place = map(
                float, re.fullmatch(r"atom ([\d.]+)(?: at |, )R=([\d.]+)", text).groups()
            )
            jump = row.signal(place * 1.1) - row.signal(place * 0.9)
            np.testing.assert_allclose(size, jump, rtol=5e-3)
            continue
        printed = as_function(text, "R")(ratio)
        np.testing.assert_allclose(printed, getattr(row, what)(ratio), rtol=1e-12, atol=1e-15)
    f = row.best_response(ratio)
    variable = re.search(r"(?<![a-z])[fhD](?![a-z])", row.formulas["loss_real"]).group()
    for what in ("loss_real", "loss_gen", "generator_loss"):
        printed = as_function(row.formulas[what].replace("--", "+"), variable)(f)
        constant = np.broadcast_to(printed, f.shape)
        np.testing.assert_allclose(constant, getattr(row, what)(f), rtol=1e-11, atol=1e-13)


# --- check ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ROWS)
def test_check_passes_every_row(spec):
    assert games.check(game(spec)) < 1e-6


MUTATIONS = {
    "best response": lambda row: {"_best_response": lambda r: row.best_response(1.0 / r)},
    "real loss": lambda row: {"_losses": (row._losses[1], row._losses[1], row._losses[2])},
    "generator's loss": lambda row: {"_losses": (*row._losses[:2], lambda f: -row._losses[2](f))},
    "signal": lambda row: {"kernel": (row.kernel[0], row.kernel[1] + 0.01, *row.kernel[2:])},
    "another signal": lambda row: {"kernel": (games.LOGIT, 0.0, 0.0, 0.0)},
    "discriminator": lambda row: {"discriminator_kernel": (games.HARMONIC, 0.51, 0.0)},
    "curvature at one": lambda row: {"curvature_at_one": 0.13},
    "signal at one": lambda row: {"signal_at_one": -row.signal_at_one},
    "signal at zero": lambda row: {"signal_at_zero": -math.inf},
    "supremum": lambda row: {"sup_curvature": math.inf},
    "ratio supremum": lambda row: {"sup_ratio_curvature": 0.2},
    "slope bound": lambda row: {"slope_bound": 0.2},
    "convex": lambda row: {"convex": False},
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_check_catches_a_wrong_entry(what):
    row = game("least-squares:a=0,b=1,c=1")
    assert games.check(row) < 1e-6
    assert games.check(dataclasses.replace(row, **MUTATIONS[what](row))) > 1e-3


@pytest.mark.parametrize("spec", catalogue.GAME_ROWS)
def test_check_catches_a_swapped_sign_in_every_row(spec):
    row = game(spec)
    real, gen, generator = row._losses
    flipped = dataclasses.replace(row, _losses=(real, gen, lambda f: -generator(f)))
    assert games.check(flipped) > 1e-3
    wrong = dataclasses.replace(row, _best_response=lambda r: -row._best_response(r))
    assert games.check(wrong) > 1e-3


# --- own losses through the public face ----------------------------------------------------------


def test_a_game_of_your_own_from_a_file(tmp_path):
    file = tmp_path / "my_gan.py"
    file.write_text(
        "import numpy as np\n"
        "class loss:\n"
        "    def loss_real(f): return -np.log(f)\n"
        "    def loss_gen(f): return -np.log1p(-f)\n"
        "as_dict = dict(loss_real=lambda f: (f - 1) ** 2, loss_gen=lambda f: f**2,\n"
        "               generator_loss=lambda f: (f - 1) ** 2, domain=(-np.inf, np.inf))\n"
        "half = dict(loss_real=np.log)\n"
    )
    own = game(f"{file}:loss")
    assert isinstance(own, Game) and own.spec == f"{file}:loss" and own.domain == "(0, 1)"
    np.testing.assert_allclose(own.signal(RATIOS), game("minimax").signal(RATIOS), rtol=1e-12)
    assert own.prediction == "yes, stiff"  # zero-sum when no generator_loss is given
    as_dict = game(f"{file}:as_dict")
    assert as_dict.domain == "(-inf, inf)" and as_dict.prediction == "yes"
    with pytest.raises(InputError, match=r"half is no game: it has no loss_gen"):
        game(f"{file}:half")
    with pytest.raises(InputError, match=r'has no "los". Nearest: loss'):
        game(f"{file}:los")


def test_an_own_game_that_chatters_says_so():
    own = Game.from_losses(
        lambda h: np.maximum(0.0, 1.0 - h),
        lambda h: np.maximum(0.0, 1.0 + h),
        lambda h: -h,
        domain=(-np.inf, np.inf),
    )
    assert own.has_kink and own.prediction == "chatters" and math.isnan(own.curvature_at_one)
    ratio = np.array([0.0, 0.3, 1.0, 4.0])
    for method in ("signal", "cost", "best_response", "discriminator_cost"):
        np.testing.assert_allclose(
            getattr(own, method)(ratio), getattr(game("hinge"), method)(ratio), atol=1e-14
        )
