"""What a generator sees of D* and of the critic: exact slopes, and which of the claims hold."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import integrate, stats
from test_plots import SLIDE, text_of, unreadable, words

from ratiogan import Distribution, Grid, InputError, density_ratio, game, plots, preset
from ratiogan.gradients import Slope, saturation
from ratiogan.transport.line import transport_line

GAUSSIANS = {"real": "normal:mean=-3,sd=1", "gen": "normal:mean=3,sd=1", "domain": "-8:8"}


@pytest.fixture(scope="module")
def gaussians():
    return saturation(**GAUSSIANS)


def pair(real, gen, edges=None):
    grid = Grid.regular(len(real), 0, len(real)) if edges is None else Grid([edges])
    real, gen = (np.asarray(side, dtype=float) for side in (real, gen))
    return {
        "real": Distribution.from_mass(real / real.sum(), grid),
        "gen": Distribution.from_mass(gen / gen.sum(), grid),
    }


def naive(real, gen):
    """D* and the difference quotients of it and of both losses, with 400 digits."""
    with mpmath.workdps(400):
        points = [mpmath.mpf(float(y)) for y in real.grid.centres[0]]
        masses = [[mpmath.mpf(float(x)) for x in side.mass] for side in (real, gen)]
        one = [p / (p + q) for p, q in zip(*masses, strict=True)]
        rest = [q / (p + q) for p, q in zip(*masses, strict=True)]
        lines = (
            one,
            [mpmath.log(x) if x else -mpmath.inf for x in rest],
            [-mpmath.log(x) if x else mpmath.inf for x in one],
        )
        cells = range(len(points) - 1)
        quotients = [
            [float((line[i + 1] - line[i]) / (points[i + 1] - points[i])) for i in cells]
            for line in lines
        ]
        return [float(x) for x in one], *quotients


mass = st.one_of(
    st.floats(0.5, 2.0), st.floats(-300, 0).map(lambda power: 10.0**power), st.just(1.0)
)


@settings(max_examples=40)
@given(masses=st.lists(st.tuples(mass, mass, st.floats(0.1, 2.0)), min_size=2, max_size=8))
def test_slopes_are_those_of_high_precision(masses):
    real, gen, widths = np.transpose(masses)
    sides = pair(real, gen, np.concatenate([[0.0], np.cumsum(widths)]))
    found = saturation(**sides)
    discriminator, *lines = naive(**sides)
    np.testing.assert_allclose(found.discriminator, discriminator, rtol=1e-12)
    # Round-off of a mass moves log R by 1e-16, and a slope of 0 by as much.
    for slope, expected in zip(
        (found.discriminator_slope, found.minimax.values, found.non_saturating.values),
        lines,
        strict=True,
    ):
        np.testing.assert_allclose(slope, expected, rtol=2e-12, atol=1e-300)


def test_slopes_of_gaussians_are_the_closed_forms(gaussians):
    # log R = 6 y: the slope of log(1-D*) is 6/(1+R), that of -log D* 6 R/(1+R).
    y = gaussians.places
    np.testing.assert_allclose(gaussians.minimax.values, 6 / (1 + np.exp(6 * y)), rtol=2e-3)
    np.testing.assert_allclose(gaussians.non_saturating.values, 6 / (1 + np.exp(-6 * y)), rtol=2e-3)
    np.testing.assert_array_equal(gaussians.wasserstein.values, 1.0)
    np.testing.assert_allclose(gaussians.discriminator_slope, -1.5 / np.cosh(3 * y) ** 2, rtol=6e-3)


def test_distance_to_the_closed_form_falls_with_the_square_of_the_cells():
    errors = []
    for cells in (256, 512, 1024):
        found = saturation(**GAUSSIANS, grid=cells)
        y = found.places
        errors.append(np.abs(found.minimax.values / (6 / (1 + np.exp(6 * y))) - 1).max())
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(2, abs=0.02)


@pytest.mark.parametrize("distance", [1.0, 4.0, 6.0])
def test_only_the_minimax_slope_vanishes_where_gaussians_are_far_apart(distance):
    found = saturation(
        real=f"normal:mean={-distance / 2},sd=1",
        gen=f"normal:mean={distance / 2},sd=1",
        domain="-9:9",
    )
    # At the mean of p_g log R = distance^2/2; both slopes are monotone there.
    expected = distance / (1 + np.exp(distance**2 / 2))
    assert found.minimax.median == pytest.approx(expected, rel=0.07)
    assert found.non_saturating.median == pytest.approx(distance - expected, rel=5e-3)
    assert found.wasserstein.median == 1
    assert found.transport.value == pytest.approx(distance, rel=1e-6)


def test_mean_slope_is_the_derivative_under_a_shift(gaussians):
    def density(y):
        return stats.norm.pdf(y, 3)

    expected = integrate.quad(lambda y: density(y) * 6 / (1 + np.exp(6 * y)), -8, 10)[0]
    assert gaussians.minimax.mean == pytest.approx(expected, rel=1e-3)
    assert gaussians.non_saturating.mean == pytest.approx(6 - expected, rel=1e-3)
    # Between cells: E_g[u] with p_g a cell to the right, less that with p_g a cell to the left.
    found = saturation(**pair([1, 2, 3, 4, 5, 6], [0, 0, 1, 2, 0, 0]))
    f = -found.critic
    gen = found.gen.mass
    central = 0.5 * (gen[:-1] @ f[1:] - gen[1:] @ f[:-1])
    assert found.wasserstein.mean == pytest.approx(central, abs=1e-15)


def test_slope_of_the_log_d_trick_grows_where_p_g_is_wider():
    found = saturation(real="normal:mean=-3,sd=1", gen="normal:mean=3,sd=2", domain="-8:12")
    y = found.places
    exact = (y + 3) - (y - 3) / 4  # of log R
    far = y > 2
    np.testing.assert_allclose(found.non_saturating.values[far], exact[far], rtol=1e-3)
    np.testing.assert_allclose(
        found.minimax.values + found.non_saturating.values,
        np.diff(found.log_ratio) / np.diff(found.real.grid.centres[0]),
        rtol=1e-9,
        atol=1e-10,
    )


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_slopes_are_those_of_the_table_of_games(name):
    real, gen = (preset(spec, Grid.regular(4001, -4, 4)) for spec in ("bimodal", "normal"))
    found = saturation(real=real, gen=gen)
    ratio = np.exp(0.5 * (found.log_ratio[1:] + found.log_ratio[:-1]))
    rise = np.diff(found.log_ratio) / np.diff(real.grid.centres[0])
    expected = ratio * game(name).curvature(ratio) * rise  # R Phi''(R) d/dy log R
    slope = found.minimax if name == "minimax" else found.non_saturating
    np.testing.assert_allclose(slope.values, expected, rtol=1e-4, atol=1e-9)


def test_discriminator_and_critic_are_those_of_their_modules():
    real, gen = (preset(spec, Grid.regular(200, -4, 4)) for spec in ("bimodal", "normal"))
    found = saturation(real=real, gen=gen)
    expected = density_ratio(gen=gen, real=real).discriminator()
    np.testing.assert_allclose(found.discriminator, expected, rtol=1e-14)
    critic = transport_line(gen=gen, real=real).critic
    np.testing.assert_array_equal(found.critic, critic)
    steps = np.diff(critic) / np.diff(real.grid.centres[0])
    np.testing.assert_allclose(found.critic_slope, steps, atol=1e-12)
    assert set(found.critic_slope) == {-1.0, 1.0}
    # The slopes of D* and of f* do not always point the same way: half of a cell's mass sees the
    # slope to its left, half that to its right.
    alike = 1.0 * (np.diff(expected) * found.critic_slope > 0)
    agreement = gen.mass @ (np.append(alike, alike[-1]) + np.append(alike[0], alike)) / 2
    assert 0.8 < agreement < 0.9
    assert found.minimax.agrees(found.wasserstein) == pytest.approx(agreement, abs=1e-12)
    assert found.minimax.agrees(found.minimax) == pytest.approx(1, abs=1e-12)


def test_slope_of_the_critic_survives_cells_below_its_round_off():
    # f* is of the order of 1: between cells 1e-19 wide its differences are 0 or far too large.
    sides = pair([3, 1, 1, 1, 2], [1, 2, 1, 1, 3], np.append(0.0, 10.0 ** np.arange(-20, 1, 5)))
    found = saturation(**sides)
    ahead = np.cumsum([2, -1, 0, 0])  # F in eighths: 2, 1, 1, 1
    np.testing.assert_array_equal(found.critic_slope, -np.sign(ahead))
    assert np.diff(found.critic)[0] != -np.diff(sides["real"].grid.centres[0])[0]


def test_disjoint_supports_leave_a_slope_to_the_critic_only():
    found = saturation(**pair([1, 1, 0, 0, 0], [0, 0, 0, 1, 1]))
    nan, inf = np.nan, np.inf
    np.testing.assert_array_equal(found.log_ratio, [-inf, -inf, nan, inf, inf])
    np.testing.assert_array_equal(found.discriminator, [1, 1, nan, 0, 0])
    np.testing.assert_array_equal(found.discriminator_slope, [0, nan, nan, 0])
    np.testing.assert_array_equal(found.minimax.values, [nan, nan, nan, 0])
    np.testing.assert_array_equal(found.non_saturating.values, [0, nan, nan, nan])
    np.testing.assert_array_equal(found.wasserstein.values, 1.0)
    assert found.minimax.median == 0 and np.isnan(found.non_saturating.median)
    assert (found.share_at_zero(), found.share_at_one()) == (1, 1)
    assert found.non_saturating.none == 1 and np.isnan(found.minimax.mean)
    assert "none for -log D*" in found.finding
    assert "On 100% of p_g -log D* is infinite" in found.finding


def test_cells_of_one_side_beside_shared_ones():
    found = saturation(**pair([1, 1, 0], [0, 1, 1]))
    np.testing.assert_array_equal(found.discriminator, [1, 0.5, 0])
    np.testing.assert_array_equal(found.discriminator_slope, [-0.5, -0.5])
    np.testing.assert_allclose(found.minimax.values, [np.inf, np.log(2)])
    np.testing.assert_allclose(found.non_saturating.values, [np.log(2), np.inf])
    assert found.minimax.shares.tolist() == [0.25, 0.75]
    assert found.minimax.none == 0.25 and found.non_saturating.none == 0.75


def test_double_precision_is_told_from_the_truth():
    # R = 1e320 is no double, and D* = 1e-320 still is one; below 5e-324 it is not.
    found = saturation(**pair([1, 1e-320], [1, 1.0]))
    assert found.discriminator[1] == pytest.approx(2e-320, rel=1e-3)
    assert found.share_at_zero() == 0 and found.share_rounded() == pytest.approx(0.5)
    # log R is 0.69 and 736.1, for p_r = (1, 1e-320) and p_g = (1/2, 1/2) to all digits.
    expected = 320 * np.log(10) - np.log(2) - np.log(1.5)
    assert found.non_saturating.values[0] == pytest.approx(expected, rel=1e-6)
    found = saturation(**pair([1, 5e-324], [1e-3, 1.0]))
    assert found.share_at_zero() == 0
    assert 0 < found.minimax.values[0] < np.inf
    # The masses of Gaussians far apart are 0 to double precision, and so the supports disjoint.
    far = saturation(real="normal:mean=-30,sd=1", gen="normal:mean=30,sd=1", domain="-40:40")
    assert far.share_at_zero() == pytest.approx(1) and far.minimax.median == 0


def test_what_rounds_to_one(gaussians):
    y, gen = gaussians.real.grid.centres[0], gaussians.gen.mass
    # 1 - D is 1 from D <= 2^-54 (2^-25) on, half of the last place below 1: ties go to even.
    for kind, bits in ((np.float64, 54), (np.float32, 25)):
        below = 6 * y > bits * np.log(2)
        assert gaussians.share_rounded(kind) == pytest.approx(gen[below].sum(), abs=0.01)
    assert "In single precision 1 - D* rounds to 1 on 54.4% of p_g" in gaussians.finding


def test_equal_distributions():
    found = saturation(**pair([1, 2, 3], [1, 2, 3]))
    assert found.finding.startswith("EQUAL")
    for slope in found.losses:
        np.testing.assert_array_equal(slope.values, 0)
        assert slope.zero == pytest.approx(1) and slope.median == 0
    np.testing.assert_array_equal(found.discriminator, 0.5)


def test_median_is_weighted_by_p_g():
    shares = np.array([0.1, 0.6, 0.3])
    assert Slope("u", np.array([5.0, -2.0, 0.0]), shares).median == 2
    # 60 % see none: of at least half of p_g no slope can be said.
    assert np.isnan(Slope("u", np.array([5.0, np.nan, 0.0]), shares).median)
    assert Slope("u", np.array([5.0, 1.0, np.nan]), shares).median == 1


def test_default_problem_and_table():
    found = saturation()
    assert found.real.label.startswith("bimodal")
    text = found.summary()
    assert text.isascii() and max(map(len, text.splitlines())) <= 120
    assert "-log D*" in text and "0.571" in text
    assert found.finding.isascii()
    assert "<td>-log D*</td>" in found._repr_html_()


def test_refusals():
    grid = Grid.regular((2, 2), (0, 0), (1, 1))
    plane = Distribution.from_mass(np.full((2, 2), 0.25), grid)
    with pytest.raises(InputError, match="needs one axis, the grid has 2"):
        saturation(real=plane, gen=plane)
    names = Distribution.from_mass([0.5, 0.5], Grid.categories(["a", "b"]))
    with pytest.raises(InputError, match="have no distances"):
        saturation(real=names, gen=names)
    one, other = pair([1, 1], [1, 1]), pair([1, 1, 1], [1, 1, 1])
    with pytest.raises(InputError, match="one grid"):
        saturation(real=one["real"], gen=other["gen"])


FIGURES = {
    "gaussians": GAUSSIANS,
    "default": {},
    "disjoint": {"real": "disjoint", "gen": "disjoint"},
    "wide": {"real": "normal:mean=-3,sd=1", "gen": "normal:mean=3,sd=2", "domain": "-8:12"},
    "equal": {"real": "normal", "gen": "normal"},
    "counts": {"real": "poisson:rate=3", "gen": "poisson:rate=20", "domain": "0:40"},
}


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
@pytest.mark.parametrize("name", FIGURES)
def test_figure_can_be_read(name, style):
    kind = {"grid": "counts"} if name == "counts" else {}
    figure = saturation(**FIGURES[name], **kind).plot(style=style, command="make two")
    assert isinstance(figure, Figure)
    if style != "paper":
        assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert not unreadable(figure)
    assert text_of(figure, "footer").get_text() == "make two"


def test_figure_shows_what_was_found(gaussians):
    figure = plots.figure(gaussians)
    discriminator, critic, slopes = figure.axes
    title = text_of(figure, "title").get_text().replace("\n", " ")
    assert title == plots.look.key_sentence(gaussians.finding)
    assert title.endswith("6 for -log D* and 1 for the critic.")
    (line,) = (line for line in discriminator.lines if line.get_label() == "D*")
    np.testing.assert_array_equal(line.get_ydata(), gaussians.discriminator)
    (line,) = (line for line in critic.lines if line.get_label() == "f*")
    np.testing.assert_array_equal(line.get_ydata(), gaussians.critic)
    assert slopes.get_yscale() == "log"
    drawn = {line.get_label(): line for line in slopes.lines}
    dashes = {str(drawn[slope.loss]._dash_pattern) for slope in gaussians.losses}
    assert len(dashes) == 3
    for slope in gaussians.losses:
        np.testing.assert_allclose(drawn[slope.loss].get_ydata(), np.abs(slope.values))
    turning = plots.plot_optimal_critic(saturation())
    assert any(area.get_gid() == "slope +1" for area in turning.collections)


def test_figure_says_what_has_no_slope():
    ax = plots.plot_slopes(saturation(**FIGURES["disjoint"]), style="slide")
    said = words(ax.figure)
    assert "$-\\log D^*$: 0, none beyond" in said and "$\\log(1-D^*)$: 0" in said
    assert "0" in said  # the place on the axis
    ax = plots.plot_slopes(saturation(**FIGURES["wide"]), style="slide")
    assert "$\\log(1-D^*)$: flatter beyond" in words(ax.figure)
