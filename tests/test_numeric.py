"""Games from your own losses against the table of games, closed forms and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan import catalogue, games
from ratiogan._losses import Domain, Loss
from ratiogan._numeric import Induced
from ratiogan.errors import InputError, InputTypeError
from ratiogan.games import Game, game

INF = math.inf
LINE = (-INF, INF)
RATIOS = np.concatenate([np.geomspace(1e-6, 1e6, 400), 1.0 + np.array([1e-9, -1e-9, 1e-5, 0.0])])
METHODS = ("best_response", "signal", "curvature", "excess", "discriminator_cost")
ROWS = (*catalogue.GAME_ROWS, "concave:f=logistic", "log:generator=flipped")
SMOOTH = [row for row in ROWS if not game(row).has_kink]
KINKED = [row for row in ROWS if game(row).has_kink]
FACTS = (
    "curvature_at_one signal_at_one signal_at_zero sup_curvature sup_ratio_curvature slope_bound"
).split()


def from_row(spec):
    """The same game, found again from nothing but its losses and domain."""
    row = game(spec)
    domain = tuple(float(end) for end in row.domain.strip("[]()").split(","))
    return Induced(*row._losses, domain)


def minus_log(f):
    return -np.log(f)


def minus_log1p(f):
    return -np.log1p(-f)


def square(f):
    return f**2


def square_from_one(f):
    return (f - 1.0) ** 2


# --- the table, found again ----------------------------------------------------------------------


@pytest.mark.parametrize("spec", SMOOTH)
def test_smooth_rows_are_found_again(spec):
    row, own = game(spec), from_row(spec)
    for method in METHODS:
        exact, found = getattr(row, method)(RATIOS), getattr(own, method)(RATIOS)
        # Where a function crosses 0 only the size of what was added up can be asked for.
        size = np.abs(exact)
        if method != "excess":
            size = size + 1e-4 * np.max(np.abs(getattr(row, method)(np.array([0.5, 1.0, 2.0]))))
        elif row.curvature_at_one == 0:
            size = size + (RATIOS - 1.0) ** 2 * 1e-3
        assert np.max(np.abs(found - exact) / np.where(size > 0, size, 1.0)) < 1e-9, method
    for fact in FACTS:
        stated = getattr(row, fact)
        np.testing.assert_allclose(getattr(own, fact), stated, rtol=1e-8, atol=1e-9, err_msg=fact)
    assert (own.convex, own.has_kink, own.kinks) == (row.convex, False, ())
    if row.convex:
        assert own.convex_on == (0.0, INF)


@pytest.mark.parametrize("spec", KINKED)
def test_kinked_rows_are_found_again(spec):
    row, own = game(spec), from_row(spec)
    at = row.kernel[1]
    ratio = np.concatenate([RATIOS, [at * (1 - 1e-7), at * (1 + 1e-7)]])
    ratio = ratio[np.abs(ratio / at - 1) > 1e-8] if at != 1.0 else ratio
    for method in ("best_response", "signal", "excess", "discriminator_cost"):
        exact = getattr(row, method)(ratio)
        found = getattr(own, method)(ratio)
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-9, err_msg=method)
    for fact in FACTS:
        stated = getattr(row, fact)
        np.testing.assert_allclose(getattr(own, fact), stated, rtol=1e-8, atol=1e-12, err_msg=fact)
    assert (own.convex, own.has_kink, own.convex_on) == (row.convex, True, (1.0, 1.0))
    np.testing.assert_allclose(own.kinks, [at], rtol=1e-9)


@pytest.mark.parametrize("spec", ["non-saturating", "minimax", "logit", "least-squares"])
def test_the_laws_beyond_the_table(spec):
    row, own = game(spec), from_row(spec)
    ratio = np.array([0.0, 1e-40, 1e-16, 1e-11, 1e10, 1e14])
    for method in ("signal", "excess", "discriminator_cost"):
        exact = getattr(row, method)(ratio)
        found = getattr(own, method)(ratio)
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-9, err_msg=method)
    np.testing.assert_allclose(own.best_response([0.0, INF]), [1.0, 0.0], atol=1e-8)
    limit = {"minimax": 0.0, "least-squares": 0.5}.get(spec, INF)
    np.testing.assert_allclose(own.signal(INF), limit, atol=1e-9)


@given(a=st.floats(-2, 2), b=st.floats(-2, 2), c=st.floats(-2, 2))
@settings(max_examples=8, deadline=None)
def test_any_least_squares_codes(a, b, c):
    if abs(a - b) < 0.1:
        return
    row = game("least-squares", a=a, b=b, c=c)
    own = from_row(row.spec)
    ratio = np.geomspace(1e-4, 1e4, 60)
    top = np.max(np.abs(row.curvature(ratio)))
    np.testing.assert_allclose(own.signal(ratio), row.signal(ratio), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.curvature(ratio), row.curvature(ratio), atol=1e-10 * top)
    np.testing.assert_allclose(own.sup_curvature, row.sup_curvature, atol=1e-7 * top)


# --- losses as researchers write them ------------------------------------------------------------


def sigmoid(f):
    return 1.0 / (1.0 + np.exp(-f))


NON_SATURATING = {
    "naive sigmoid": (
        lambda f: -np.log(sigmoid(f)), lambda f: -np.log(1 - sigmoid(f)),
        lambda f: -np.log(sigmoid(f)), LINE, 1e-8,
    ),
    "softplus": (
        lambda f: np.logaddexp(0, -f), lambda f: np.logaddexp(0, f),
        lambda f: np.logaddexp(0, -f), LINE, 1e-9,
    ),
    "sharp softplus": (
        lambda f: np.log1p(np.exp(-100 * f)), lambda f: np.log1p(np.exp(100 * f)),
        lambda f: np.log1p(np.exp(-100 * f)), LINE, 2e-9,
    ),
    "log(1-f)": (minus_log, lambda f: -np.log(1 - f), minus_log, (0, 1), 1e-9),
    "abs, no complex step": (
        lambda f: -np.log(np.abs(f)), lambda f: -np.log(np.abs(1 - f)),
        lambda f: -np.log(np.abs(f)), (0, 1), 1e-9,
    ),
    "percent": (
        lambda f: -np.log(f / 100), lambda f: -np.log1p(-f / 100),
        lambda f: -np.log(f / 100), (0, 100), 1e-7,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", NON_SATURATING)
def test_one_game_written_in_many_ways(how):
    *losses, domain, accuracy = NON_SATURATING[how]
    row, own = game("non-saturating"), Induced(*losses, domain)
    for method in ("signal", "curvature", "excess"):
        exact = getattr(row, method)(RATIOS)
        error = np.abs(getattr(own, method)(RATIOS) - exact) / np.where(exact > 0, exact, 1.0)
        assert np.max(error) < accuracy, method
    assert own.convex and own.convex_on == (0.0, INF) and not own.has_kink
    np.testing.assert_allclose(
        [own.sup_curvature, own.sup_ratio_curvature, own.slope_bound], 1.0, rtol=1e-5
    )


def test_a_half_line_domain():
    # l_r = -log f, l_g = f: f* = 1/R, the losses of direct density-ratio estimation by KL.
    own = Induced(minus_log, lambda f: f, minus_log, (0, INF))
    np.testing.assert_allclose(own.best_response(RATIOS), 1 / RATIOS, rtol=1e-12)
    np.testing.assert_allclose(own.signal(RATIOS), np.log(RATIOS), rtol=1e-12, atol=1e-13)
    mirrored = Induced(lambda f: -np.log(-f), lambda f: -f, lambda f: -np.log(-f), (-INF, 0))
    np.testing.assert_allclose(mirrored.best_response(RATIOS), -1 / RATIOS, rtol=1e-12)
    assert own.signal_at_zero == mirrored.signal_at_zero == -INF


def test_a_known_best_response_is_used_and_checked():
    known = Induced(minus_log, minus_log1p, minus_log, (0, 1), lambda r: 1 / (1 + r))
    np.testing.assert_allclose(known.signal(RATIOS), np.log1p(RATIOS), rtol=1e-12)
    assert known.best_response(np.array([3.0]))[0] == 0.25
    for wrong in (lambda r: r / (1 + r), lambda r: 1.0001 / (1 + r), lambda r: 2 + 0 * r):
        with pytest.raises(InputError, match=r"best_response\(.*does not minimise"):
            Induced(minus_log, minus_log1p, minus_log, (0, 1), wrong)
    with pytest.raises(InputError, match=r"best_response must return an array"):
        Induced(minus_log, minus_log1p, minus_log, (0, 1), lambda r: 0.5)
    with pytest.raises(InputTypeError, match="best_response must be a function of R"):
        Induced(minus_log, minus_log1p, minus_log, (0, 1), 0.5)


def brute_force(real, gen, generator, f, ratio):
    cost = real(f)[:, None] + gen(f)[:, None] * ratio
    return generator(f[np.argmin(cost, axis=0)])


def test_of_several_minima_the_lowest_is_taken_and_its_jump_is_a_kink():
    def double_well(f):
        return (f**2 - 1.0) ** 2 - 0.1 * f

    own = Induced(double_well, lambda f: 0.3 * f, lambda f: -f, LINE)
    ratio = np.array([0.05, 0.2, 0.3, 0.36, 0.6, 2.0, 5.0])
    f = np.linspace(-3, 3, 600001)
    expected = brute_force(double_well, lambda f: 0.3 * f, lambda f: -f, f, ratio)
    np.testing.assert_allclose(own.signal(ratio), expected, atol=1e-5)
    # At R = 1/3 the linear terms cancel and both wells are equally deep.
    np.testing.assert_allclose(own.kinks, [1 / 3], rtol=1e-9)
    assert own.convex and not own.has_kink and own.sup_curvature == INF
    assert own.curvature(own.kinks[0]) == INF


@pytest.mark.parametrize("sign", [1, -1])
def test_a_jump_of_the_generators_loss(sign):
    # f* = 0.3 at R = 7/3: u jumps there.
    own = Induced(
        minus_log, minus_log1p, lambda f: -np.log(f) + sign * np.where(f < 0.3, 1.0, 0.0), (0, 1)
    )
    np.testing.assert_allclose(own.kinks, [7 / 3], rtol=1e-9)
    assert own.convex is (sign > 0)
    if sign < 0:
        np.testing.assert_allclose(own.convex_on, (0.0, 7 / 3), rtol=1e-9)
        assert math.isnan(own.slope_bound)
    ratio = np.array([0.5, 2.0, 3.0, 10.0])
    step = sign * np.where(ratio > 7 / 3, 1.0, 0.0)
    np.testing.assert_allclose(own.signal(ratio), np.log1p(ratio) + step, rtol=1e-10)
    expected = game("non-saturating").excess(ratio) + step * (ratio - 7 / 3)
    np.testing.assert_allclose(own.excess(ratio), expected, rtol=1e-8)


def test_a_best_response_held_at_the_ends_of_its_domain():
    own = Induced(square_from_one, square, square_from_one, (0.2, 0.8))
    f = np.clip(1 / (1 + RATIOS), 0.2, 0.8)
    np.testing.assert_allclose(own.best_response(RATIOS), f, rtol=1e-9)
    np.testing.assert_allclose(own.signal(RATIOS), (f - 1) ** 2, rtol=1e-9)
    np.testing.assert_allclose(own.convex_on, (0.25, 4.0), rtol=1e-9)
    assert own.convex and own.curvature(10.0) == 0.0


def huber(x):
    return np.where(np.abs(x) < 1, 0.5 * x * x, np.abs(x) - 0.5)


def test_losses_with_bends():
    def real(f):
        return huber(f - 1) + 0.1 * f**2

    own = Induced(real, lambda f: huber(f + 1), lambda f: -f, LINE)
    ratio = np.array([0.2, 0.5, 0.9, 1.1, 2.0, 10.0])
    f = np.where(ratio < 1, (1 - ratio) / 1.2, (1 - ratio) / (0.2 + ratio))
    np.testing.assert_allclose(own.best_response(ratio), f, rtol=1e-9)
    bend = np.where(ratio < 1, 1 / 1.2, 1.2 / (0.2 + ratio) ** 2)
    np.testing.assert_allclose(own.curvature(ratio), bend, rtol=1e-8)


def test_hinges_that_central_differences_smear_are_still_exact():
    def plus(x):
        return 0.5 * (x + np.abs(x))

    own = Induced(lambda h: plus(1 - h), lambda h: plus(1 + h), lambda h: -h, LINE)
    np.testing.assert_allclose(own.signal([0.01, 0.9, 1.1, 70.0]), [-1, -1, 1, 1], rtol=1e-9)
    assert own.kinks == (1.0,) and own.has_kink and own.convex and own.slope_bound > 1.9999


def test_locally_convex_with_the_interval():
    # u = f (1-f)^2 of f = 1/(1+R): u' changes sign where f = 1/3, at R = 2.
    own = Induced(square_from_one, square, lambda f: f * (1 - f) ** 2, LINE)
    assert own.curvature_at_one == pytest.approx(1 / 16, rel=1e-10) and not own.convex
    np.testing.assert_allclose(own.convex_on, (0.0, 2.0), rtol=1e-9)
    assert math.isnan(own.slope_bound)


def test_flat_and_falling_signals():
    constant = Induced(square_from_one, square, lambda f: 0 * f, LINE)
    assert (constant.curvature_at_one, constant.convex) == (0.0, False)
    cubic = Induced(square_from_one, square, lambda f: -((f - 0.5) ** 3), LINE)
    assert (cubic.curvature_at_one, cubic.convex, cubic.convex_on) == (0.0, True, (1.0, 1.0))
    falling = Induced(square_from_one, square, lambda f: f, LINE)
    assert falling.curvature_at_one == pytest.approx(-1 / 4) and not falling.convex


def test_shapes_and_values_out_of_range():
    own = Induced(minus_log, minus_log1p, minus_log, (0, 1))
    for method in METHODS:
        function = getattr(own, method)
        grid = np.linspace(0.1, 3, 24).reshape(2, 3, 4)
        assert function(grid).shape == (2, 3, 4) and np.ndim(function(2)) == 0
        np.testing.assert_array_equal(function(grid[:, :, ::-2]), function(grid)[:, :, ::-2])
        assert function(np.empty((0, 2))).shape == (0, 2)
        assert np.isnan(function(np.array([math.nan, -1.0, -1e-300]))).all()


# --- refusals ------------------------------------------------------------------------------------


def half(f):
    return f[: f.size // 2]


REFUSALS = {
    "nan": (lambda f: np.sqrt(f - 0.6), (0, 1), r"own: loss_real\(0\.5\) is nan, on the domain"),
    "nan on the line": (lambda f: np.sqrt(1 - f), LINE, r"loss_real\(1\..*is nan.*domain where"),
    "minus infinity": (lambda f: np.log(f * 0), (0, 1), r"is -inf"),
    "always infinite": (lambda f: INF + f, (0, 1), r"loss_real is infinite on the whole domain"),
    "scalar": (lambda f: 1.0, (0, 1), r"must return an array of the shape of f, .* got \(\)"),
    "shape": (half, (0, 1), r"must return an array of the shape of f"),
    "complex": (lambda f: f + 1j * f, (0, 1), r"must return real numbers, got complex128"),
    "text": (lambda f: f.astype(str), (0, 1), r"must return real numbers, got <U32"),
    "raises": (lambda f: math.log(f), (0, 1), r"loss_real failed on an array of .*TypeError"),
    "random": (
        lambda f: square(f) + np.random.default_rng().normal(size=f.shape),
        (0, 1),
        r"gives different values for the same f. Take the randomness out",
    ),
    "no function": (3, (0, 1), r"loss_real must be a function of f, got 3"),
    "falls for ever": (lambda f: -3 * f, LINE, r"keeps falling as f goes to infinity. Give a bou"),
    "order": (square, (1, 0), r"lower end first, got \(1, 0\)"),
    "no domain": (square, 3, r"domain must be two numbers"),
    "nan domain": (square, (0, math.nan), r"lower end first"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_cannot_be_used_is_refused_with_what_came(why):
    loss, domain, message = REFUSALS[why]
    with pytest.raises(InputError, match=message) as caught:
        Induced(loss, lambda f: 0.5 * f, lambda f: -f, domain)
    assert caught.value.argument in ("loss_real", "domain") and caught.value.fix


def test_each_loss_is_named():
    def bad(f):
        return np.sqrt(f - 0.5)

    with pytest.raises(InputError, match=r"loss_gen\(0\.4"):
        Induced(minus_log, bad, minus_log, (0, 1))
    with pytest.raises(InputError, match=r"mine: generator_loss\(0\.4"):
        Induced(minus_log, minus_log1p, bad, (0, 1), None, "mine")


def test_overflow_far_out_on_a_line_is_no_error():
    def logits(f):
        return np.log(np.exp(f) / (1 + np.exp(f)))  # inf/inf beyond 709

    own = Induced(lambda f: -logits(f), lambda f: -logits(-f), lambda f: -logits(f), LINE)
    np.testing.assert_allclose(own.signal(RATIOS), np.log1p(RATIOS), rtol=1e-8)


# --- derivatives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function, allowed",
    [
        (np.exp, True),
        (lambda f: np.maximum(0, 1 - f), True),
        (lambda f: np.where(f > 0, f**2, f**4), True),
        (lambda f: np.abs(f - 0.5) + f**2, False),
        (lambda f: np.real(f) ** 2, False),
        (lambda f: np.asarray(f, dtype=float) ** 2, False),
        (lambda f: np.logaddexp(0, f), False),
        (lambda f: np.hypot(1.0, np.abs(f)), False),
    ],
)
def test_complex_steps_are_used_only_where_they_are_right(function, allowed):
    assert Loss(function, "loss_real", Domain((-3, 3)), "own").complex_step is allowed


@pytest.mark.parametrize("wrap", [lambda f: f, np.abs])
def test_three_derivatives_up_to_the_ends_of_the_domain(wrap):
    loss = Loss(lambda f: -np.log(wrap(1 - f)), "loss_real", Domain((0, 1)), "own")
    distance = np.array([0.9, 0.3, 1e-3, 1e-6, 1e-8])
    f = 1 - distance
    distance = 1 - f  # as floats have it
    found = loss.derivatives(f)
    np.testing.assert_allclose(found.first, 1 / distance, rtol=1e-11)
    np.testing.assert_allclose(found.second, distance**-2, rtol=1e-9)
    np.testing.assert_allclose(found.third, 2 * distance**-3, rtol=1e-4)


# --- through the public face ---------------------------------------------------------------------


def test_check_holds_own_games_to_their_losses():
    own = Game.from_losses(
        minus_log, minus_log1p, lambda f: -np.log(f) + 0.3 * f, best_response=lambda r: 1 / (1 + r)
    )
    assert games.check(own) < 1e-6
    hinge = Game.from_losses(*game("hinge")._losses, domain=LINE)
    assert games.check(hinge) < 1e-6


def test_own_games_predict():
    def own(u):
        return Game.from_losses(square_from_one, square, u, domain=LINE)

    assert own(lambda f: square_from_one(f)).prediction == "yes"
    assert own(lambda f: 0.5 * square_from_one(f)).prediction == "yes, slowly"
    assert own(lambda f: f * (1 - f) ** 2).prediction == "locally"
    assert own(lambda f: f).prediction == "NO, unstable"
    assert own(lambda f: 0 * f).prediction == "not strict"
    assert own(lambda f: -((f - 0.5) ** 3)).prediction == "no, flat at R = 1"
    assert own(lambda f: -np.where(f > 0.5, 1.0, 0.0)).prediction == "chatters"
