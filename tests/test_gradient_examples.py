"""Two examples on gradients: slopes against the logit, and Arjovsky and Bottou's identity."""

import math
import runpy
from pathlib import Path

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats
from test_plots import SLIDE, text_of, unreadable

import ratiogan as rg

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LOSSES = runpy.run_path(str(EXAMPLES / "loss_against_logit.py"))
IDENTITY = runpy.run_path(str(EXAMPLES / "gradient_identity.py"))
SOME = np.array([-2.5, -1.0, -0.2, 0.0, 0.6, 1.75, 3.0])
NON_SATURATING = "KL(p_g||p_r) - 2 JSD"

# u as a function of the logit, once more, for mpmath.
TWINS = {
    "logit": lambda phi: -phi,
    "non-saturating": lambda phi: mpmath.log(1 + mpmath.exp(-phi)),
    "minimax": lambda phi: -mpmath.log(1 + mpmath.exp(phi)),
    "maximum-likelihood": lambda phi: -mpmath.exp(phi),
}


@pytest.fixture(scope="module")
def slopes():
    return LOSSES["slopes"]()


@pytest.fixture(scope="module")
def found():
    return {real: IDENTITY["slopes"](real) for real in IDENTITY["REALS"]}


@pytest.mark.parametrize("name", TWINS)
def test_slopes_in_the_logit(name, slopes):
    every = slice(None, None, 64)
    with mpmath.workdps(30):
        expected = [float(mpmath.diff(TWINS[name], phi)) for phi in LOSSES["LOGIT"][every]]
    np.testing.assert_allclose(slopes[name][every], expected, rtol=1e-9)
    formula = LOSSES["PREDICTIONS"][name][1]
    np.testing.assert_allclose(formula(LOSSES["LOGIT"][every]), expected, rtol=1e-13)


def test_non_saturating_and_minimax_add_up_to_the_logit_loss(slopes):
    both = slopes["non-saturating"] + slopes["minimax"]
    np.testing.assert_allclose(both, slopes["logit"], atol=1e-10)
    np.testing.assert_allclose(both, -1, atol=1e-10)


def test_each_loss_saturates_where_the_formula_says(slopes):
    flat = {name: LOSSES["flat_part"](values) for name, values in slopes.items()}
    edge = math.log(9)  # sigma(edge) = 0.9
    assert flat["logit"] is None
    assert flat["non-saturating"] == pytest.approx((edge, 6), abs=1e-4)
    assert flat["minimax"] == pytest.approx((-6, -edge), abs=1e-4)
    assert flat["maximum-likelihood"] == pytest.approx((-6, math.log(0.1)), abs=1e-4)


@pytest.mark.parametrize("coding", LOSSES["CODINGS"])
def test_least_squares_is_flat_at_one_point(coding):
    a, _, c = coding
    places = LOSSES["LINEAR"]
    values = LOSSES["slope"](lambda d: LOSSES["least_squares"](coding, d), places)
    np.testing.assert_allclose(values, places - c, atol=1e-12)
    assert places[np.abs(values) < 1e-9].tolist() == [c]
    assert np.interp(a, places, values) == pytest.approx(-1)


def test_divergences_are_those_of_an_integrator_and_of_cells():
    # Twice over: by adaptive quadrature, and by ratiogan's cells, which are 1/64 wide.
    means, sd, weights = IDENTITY["REALS"]["bimodal"]
    t = 0.7

    def log_p(y):
        return np.logaddexp.reduce([np.log(w) + stats.norm.logpdf(y, m, sd)
                                    for m, w in zip(means, weights, strict=True)])  # fmt: skip

    def log_q(y):
        return stats.norm.logpdf(y, t)

    def log_m(y):
        return np.logaddexp(log_p(y), log_q(y)) - math.log(2)

    def kl(one, two):
        def density(y):
            return math.exp(one(y)) * (one(y) - two(y))

        return integrate.quad(density, -14, 14, limit=400, epsabs=1e-13, points=[-1.5, t, 1.5])[0]

    mine = IDENTITY["divergences"]("bimodal", t)
    jsd = (kl(log_p, log_m) + kl(log_q, log_m)) / 2
    expected = {
        "KL(p_g||p_r)": kl(log_q, log_p),
        "KL(p_r||p_g)": kl(log_p, log_q),
        "2 JSD": 2 * jsd,
        NON_SATURATING: kl(log_q, log_p) - 2 * jsd,
        "2 KL(m||p_r)": 2 * kl(log_m, log_p),
    }
    for name, value in expected.items():
        assert mine[name] == pytest.approx(value, abs=1e-10), name
    assert mine[NON_SATURATING] == pytest.approx(mine["2 KL(m||p_r)"], abs=1e-14)
    grid = rg.Grid.regular(1024, -8, 8)
    cells = rg.divergence(
        gen=rg.preset("normal", grid, mean=t, sd=1), real=rg.preset("bimodal", grid)
    )
    assert cells.kl_gen_real == pytest.approx(mine["KL(p_g||p_r)"], rel=1e-3)
    assert 2 * cells.jsd == pytest.approx(mine["2 JSD"], rel=1e-3)


@pytest.mark.parametrize("real", IDENTITY["REALS"])
@pytest.mark.parametrize("loss", IDENTITY["GAMES"])
def test_a_fixed_discriminator_has_the_slope_of_the_divergence(real, loss, found):
    left = IDENTITY["through_samples"](real, loss)
    for name in IDENTITY["GAMES"][loss][1]:
        np.testing.assert_allclose(left, found[real][name], atol=1e-9, rtol=0)


@pytest.mark.parametrize("real", IDENTITY["REALS"])
def test_slopes_are_central_differences(real, found):
    # Both sides once more: the loss of ratiogan's game at D* of t0, of samples moved by +-h; the
    # divergence at t0 +- h.
    names = {"-log D": "non-saturating", "log(1-D)": "minimax", "-D/(1-D)": "maximum-likelihood"}
    step = 1e-3
    # Beyond 7 sd D rounds to 1 or 0, and the loss is found from D here and not from its logit.
    z = np.arange(-7, 7, 1 / 64)
    weights = stats.norm.pdf(z) / 64
    for t0 in (-1.0, 0.0, 0.75):

        def moved(t, game, t0=t0):
            y = t + z
            log_p = IDENTITY["log_real"](real, y)[0]
            ratio = np.exp(stats.norm.logpdf(y, t0) - log_p)
            return weights @ game.generator_loss(game.best_response(ratio))

        for loss, name in names.items():
            game = rg.game(name)
            left = (moved(t0 + step, game) - moved(t0 - step, game)) / (2 * step)
            [mine] = IDENTITY["through_samples"](real, loss, np.array([t0]))
            assert left == pytest.approx(mine, abs=2e-5), (t0, name)
        ends = [IDENTITY["divergences"](real, t0 + s) for s in (step, -step)]
        [at] = np.flatnonzero(np.isclose(IDENTITY["START"], t0))
        for name, values in found[real].items():
            right = (ends[0][name] - ends[1][name]) / (2 * step)
            assert right == pytest.approx(values[at], abs=2e-6), (t0, name)


def test_slopes_of_gaussians_are_the_closed_ones(found):
    start = IDENTITY["START"]
    one, two = found["N(0, 1)"], found["bimodal"]
    np.testing.assert_allclose(one["KL(p_g||p_r)"], start, atol=1e-12)
    np.testing.assert_allclose(one["KL(p_r||p_g)"], start, atol=1e-12)
    np.testing.assert_allclose(two["KL(p_r||p_g)"], start + 0.3, atol=1e-12)  # E_r[y] = -0.3
    for real, each in found.items():
        both = sum(IDENTITY["through_samples"](real, loss) for loss in ("-log D", "log(1-D)"))
        np.testing.assert_allclose(both, each["KL(p_g||p_r)"], atol=1e-9)


def test_a_lagging_discriminator_breaks_the_identity(found):
    right = found["N(0, 1)"][NON_SATURATING]
    errors = {
        lag: np.abs(IDENTITY["through_samples"]("N(0, 1)", "-log D", lag=lag) - right)
        for lag in (0.5, 0.05, 0.005)
    }
    assert errors[0.5].min() > 0.2
    np.testing.assert_allclose(errors[0.05], 10 * errors[0.005], rtol=0.05)  # of first order
    # D* = 1/2 everywhere half a unit on, and what it says before that is the way from there.
    _, lagging, _ = IDENTITY["compared"](found["N(0, 1)"])
    away = IDENTITY["wrong_way"](right, lagging)
    np.testing.assert_allclose(away, np.arange(0.05, 0.46, 0.05), atol=1e-9)
    assert IDENTITY["through_samples"]("N(0, 1)", "-log D", np.array([0.5]), lag=0.5) == (
        pytest.approx(0, abs=1e-12)
    )

    def felt(y):  # at t0 = 0: d/dy log(1+R) = (1 - D*) (-1/2), with log R = -y/2 - 1/8
        return stats.norm.pdf(y) * -0.5 / (1 + math.exp(y / 2 + 1 / 8))

    assert np.interp(0, IDENTITY["START"], lagging) == (
        pytest.approx(integrate.quad(felt, -12, 12)[0], abs=1e-9)
    )


def test_a_discriminator_that_follows_is_half_as_steep_again(found):
    # Near R = 1: E_r[R log(1+R)] has curvature 3/4, what is descended with D* held fixed 1/2.
    one = found["N(0, 1)"]
    follows, right = (np.gradient(one[name], IDENTITY["START"])[60]
                      for name in ("D* follows t", NON_SATURATING))  # fmt: skip
    assert IDENTITY["START"][60] == pytest.approx(0, abs=1e-12)
    assert follows / right == pytest.approx(1.5, rel=5e-3)
    assert right == pytest.approx(0.5, rel=5e-3)


def test_descent_ends_where_the_slope_turns_upwards(found):
    two = found["bimodal"]
    assert IDENTITY["ends"](two[NON_SATURATING]) == pytest.approx([-1.19, 1.04], abs=0.01)
    assert IDENTITY["ends"](two["2 JSD"]) == pytest.approx([-0.88], abs=0.01)
    assert IDENTITY["ends"](two["KL(p_r||p_g)"]) == pytest.approx([-0.3], abs=1e-9)


def test_reals_are_the_presets():
    means, sd, weights = IDENTITY["REALS"]["bimodal"]
    expected = rg.preset("bimodal")
    y = expected.grid.centres[0]
    density = sum(w * stats.norm.pdf(y, m, sd) for m, w in zip(means, weights, strict=True))
    np.testing.assert_allclose(expected.density, density, rtol=2e-3, atol=1e-5)


def test_figure_of_the_losses_can_be_read(slopes):
    figure = LOSSES["draw"](slopes, LOSSES["finding"](slopes), "make losses")
    assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert not unreadable(figure)
    title = text_of(figure, "title").get_text().replace("\n", " ")
    assert title.endswith("D = 0.01, −log D keeps 99% of the logit's slope and log(1−D) 1%")
    hatched = {patch.get_gid(): patch for patch in figure.axes[1].patches}
    assert set(hatched) == {"minimax saturates", "non-saturating saturates"}
    edges = [hatched[gid].get_extents().transformed(figure.axes[1].transData.inverted())
             for gid in sorted(hatched)]  # fmt: skip
    assert [edges[0].x1, edges[1].x0] == pytest.approx([-math.log(9), math.log(9)], abs=1e-3)
    dashes = {line.get_label(): str(line._dash_pattern) for line in figure.axes[1].lines[:4]}
    assert len(dashes) == len(set(dashes.values())) == 4


def test_figure_of_the_identity_can_be_read(found):
    curves = IDENTITY["compared"](found["N(0, 1)"])
    said = IDENTITY["finding"](found, curves)
    figure = IDENTITY["draw"](found, curves, said, "make identity")
    assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert not unreadable(figure)
    title = text_of(figure, "title").get_text().replace("\n", " ")
    assert title.startswith("With D* of t₀ held fixed, −log D has the slope of KL − 2 JSD (to ")
    assert title.endswith("); with D* of t₀ − 0.5 it is off by up to 0.40")
    for ax in figure.axes:
        named = [line for line in ax.lines if not line.get_label().startswith("_")]
        dashes = [str(line._dash_pattern) for line in named if line.get_marker() == "None"]
        assert len(set(dashes)) == len(dashes) == 3
    [hatched] = [patch for patch in figure.axes[3].patches if patch.get_gid() == "wrong way"]
    box = hatched.get_extents().transformed(figure.axes[3].transData.inverted())
    assert [box.x0, box.x1] == pytest.approx([0, 0.5], abs=1e-6)


@pytest.mark.parametrize("module", (LOSSES, IDENTITY))
def test_figure_goes_where_it_is_told(module, tmp_path, capsys):
    target = tmp_path / "figure.png"
    module["main"](str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
    assert capsys.readouterr().out.endswith(f"wrote {target}\n")
