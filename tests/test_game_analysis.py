"""The answer to "will it converge?" for every kind of game."""

import json
import math

import numpy as np
import pytest

from ratiogan import catalogue, text
from ratiogan.errors import InputError
from ratiogan.game_analysis import RATIOS, analyse
from ratiogan.games import Game, game


def own(u):
    """Least-squares discriminator, f* = 1/(1+R), with any loss of the generator."""
    return Game.from_losses(lambda f: (f - 1) ** 2, lambda f: f**2, u, domain=(-math.inf, math.inf))


def test_the_sentence_of_the_specification():
    # u with Phi''(1) = 1/3 that stops rising at R = 4.2: u = v - v^2 / (2 v0), v = R/(1+R).
    top = 4.2 / 5.2
    scale = (1 / 3) / (0.25 * (1 - 0.5 / top))
    found = analyse(own(lambda f: scale * ((1 - f) - (1 - f) ** 2 / (2 * top))))
    assert found.sentence == (
        "PREDICTION: GLGD converges near R = 1 at 1 - alpha 0.3333 per step; "
        "not convex for R > 4.2, so far starts may not."
    )
    assert found.command == "ratiogan run glgd --game own"
    np.testing.assert_allclose(found.convex_on, (0.0, 4.2), rtol=1e-9)
    assert found.alpha == pytest.approx(1.5) and found.alpha_is_auto
    assert found.rate == pytest.approx(0.5)


@pytest.mark.parametrize(
    "spec, says, command",
    [
        (
            "non-saturating",
            "converges to R = 1 from any start if alpha < 2, at 1 - alpha 0.5 per step near it.",
            "ratiogan run glgd --game non-saturating",
        ),
        (
            "least-squares:a=0,b=1,c=1",
            "from any start if alpha < 13.5, at 1 - alpha 0.125 per step",
            "ratiogan run glgd --game least-squares:a=0,b=1,c=1",
        ),
        (
            "minimax",
            "stiff: Phi'' is unbounded as R -> 0, so constant steps must be short there, "
            "and geometry fisher is the cure",
            "ratiogan run glgd --game minimax --geometry fisher",
        ),
        (
            "maximum-likelihood",
            "step newton is the cure",
            "ratiogan run glgd --game maximum-likelihood --step newton",
        ),
        (
            "least-squares:a=-1,b=1,c=0",
            "R = 1 is unstable: Phi''(1) = 0 and Phi'' < 0 for R < 1",
            "ratiogan run glgd --game least-squares:a=-1,b=1,c=0 --gen near-real",
        ),
        (
            "least-squares:a=0,b=1,c=0",
            "leaves R = 1: Phi''(1) = -0.125, so small deviations grow by 1 + alpha 0.125",
            "ratiogan run glgd --game least-squares:a=0,b=1,c=0 --gen near-real",
        ),
        (
            "least-squares:a=-1,b=1,c=0.3",
            "at 1 - alpha 0.15 per step; not convex for R < 0.538, so far starts may not.",
            "ratiogan run glgd --game least-squares:a=-1,b=1,c=0.3",
        ),
        (
            "hinge",
            "chatters: u jumps by 2 at R = 1",
            "ratiogan run glgd --game hinge --alpha 0.1 --max-steps 200",
        ),
        (
            "cw:generator=zero-sum,c=0.3",
            "does not reach R = 1: u is the same everywhere for R < 2.33",
            "ratiogan run glgd --game cw:generator=zero-sum,c=0.3",
        ),
        (
            "cw:generator=flipped,c=0.8",
            "for R > 0.25",
            "ratiogan run glgd --game cw:generator=flipped,c=0.8",
        ),
    ],
)
def test_one_sentence_and_one_command_per_case(spec, says, command):
    found = analyse(spec)
    assert found.sentence.startswith("PREDICTION: ") and says in found.sentence
    assert found.command == command


@pytest.mark.parametrize(
    "u, says",
    [
        (lambda f: 0 * f, "does not move near R = 1: u is constant there"),
        (lambda f: -((f - 0.5) ** 3), "creeps to R = 1 slower than at any rate"),
        (lambda f: np.where(f > 0.5, 1.0, 0.0), "leaves R = 1: u falls by 1 there"),
        (lambda f: -f - np.where(f > 0.4, 1.0, 0.0), "u jumps at R = 1.5, where steps chatter"),
        (lambda f: f * (1 - f) ** 2, "not convex for R > 2,"),
        (lambda f: -((f - 0.5) ** 2), "R = 1 is unstable: Phi''(1) = 0 and Phi'' < 0 for R > 1"),
        (
            lambda f: (1 - f) / 2 - 4 * (0.5 - f) ** 3,
            "not convex for R < 0.42 and R > 2.38",
        ),
    ],
)
def test_own_games_of_every_kind(u, says):
    assert says in analyse(own(u)).sentence


def test_a_given_step_is_judged():
    found = analyse("non-saturating", alpha=1.5)
    assert (found.alpha, found.alpha_is_auto, found.rate) == (1.5, False, 0.25)
    assert found.command == "ratiogan run glgd --game non-saturating --alpha 1.5"
    found = analyse("non-saturating", alpha=5)
    assert found.rate == -1.5
    assert found.sentence == (
        "PREDICTION: alpha 5 is too long: the error grows by the factor 1.5 per step near R = 1; "
        "alpha < 4 converges there."
    )
    assert analyse("hinge", alpha=0.3).command == (
        "ratiogan run glgd --game hinge --max-steps 200 --alpha 0.3"
    )
    for wrong in (0, -1, math.nan):
        with pytest.raises(InputError, match="alpha must be"):
            analyse("non-saturating", alpha=wrong)


@pytest.mark.parametrize("spec", catalogue.GAME_ROWS)
def test_every_row_is_answered_in_plain_ascii(spec):
    found, row = analyse(spec), game(spec)
    assert found.sentence.isascii() and found.sentence.endswith(".")
    np.testing.assert_array_equal(found.ratios, RATIOS)
    np.testing.assert_array_equal(found.signal, row.signal(RATIOS))
    low, high = found.convex_on
    assert low <= 1.0 <= high
    inside = [r for r in RATIOS if low < r < high]
    assert np.all(row.curvature(np.array(inside)) > 0)
    good = row.convex and not row.has_kink
    assert good == ("from any start" in found.sentence)
    auto = 0.5 / row.curvature_at_one if row.curvature_at_one > 0 else 0.5
    assert found.alpha == auto
    json.dumps(text.jsonable(found.to_dict()), allow_nan=False)


def test_the_largest_step_is_where_descent_ends():
    # On two cells a step of 2/sup Phi'' from the steepest pair still does not raise E[Phi].
    for spec in ("non-saturating", "least-squares:a=0,b=1,c=1"):
        row, found = game(spec), analyse(spec)
        rng = np.random.default_rng(1)
        for _ in range(200):
            w, p = rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(2))
            ratio = p / w
            u = row.signal(ratio)
            after = ratio - 0.999 * found.largest_alpha * (u - np.sum(w * u))
            if np.all(after >= 0):
                before = np.sum(w * row.excess(ratio))
                assert np.sum(w * row.excess(after)) <= before * (1 + 1e-12)


def test_a_path_with_a_blank_is_quoted(tmp_path):
    folder = tmp_path / "my games"
    folder.mkdir()
    file = folder / "my_gan.py"
    file.write_text(
        "import numpy as np\n"
        "loss = dict(loss_real=lambda f: -np.log(f), loss_gen=lambda f: -np.log1p(-f))\n"
    )
    found = analyse(f"{file}:loss")
    assert found.command.endswith(f"--game '{file}:loss' --geometry fisher")
