"""Figures and animations of dynamics and stability: all is shown, and all can be read."""

import functools
import json
import logging
import re

import dynamics_records as records
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color
from PIL import Image
from test_animation import scene_of
from test_plots import SLIDE, text_of, unreadable

from ratiogan import plots
from ratiogan.animation import animate
from ratiogan.plots import dynamics, phase, simplex, stability
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import look_of
from ratiogan.plots.scene import scene

COMMAND = "ratiogan dynamics bilinear --method simultaneous --alpha 0.2"
FIGURES = {
    "spirals": records.spirals,
    "many runs": records.sweep,
    "curved": records.damped,
    "forty coordinates": lambda: records.spread_out(20),
    "three actions": records.game,
    "no equilibrium": records.nowhere,
    "overflow": lambda: records.spirals(alpha=3.0, n_steps=700),
    "stability": records.stability,
    "stability of four": lambda: records.stability(path=False, pairs=2),
    "stability of sixteen": lambda: records.stability(path=False, pairs=8),
    "marginal": lambda: records.stability(damping=0.0),
}


record = functools.cache(lambda name: FIGURES[name]())


def drawn(name, style="slide"):
    """The figure of one example, drawn once for all tests."""
    return _drawn(name, style)


@functools.cache
def _drawn(name, style):
    return plots.figure(record(name), style=style, command=COMMAND)


@pytest.fixture(scope="module")
def spirals():
    return record("spirals")


@pytest.fixture(scope="module")
def figure():
    return drawn("spirals")


def by_gid(ax, gid):
    return [child for child in ax.get_children() if child.get_gid() == gid]


def labels_of(ax):
    ax.figure.draw_without_rendering()
    artists = [child for child in ax.get_children() if isinstance(child, LineLabels)]
    return [text.get_text().strip() for artist in artists for text in artist.texts]


@pytest.mark.parametrize(
    ("name", "style"),
    [
        *((name, "slide") for name in FIGURES if name not in ("curved", "stability", "marginal")),
        *((name, "paper") for name in ("curved", "three actions", "stability")),
    ],
)
def test_no_text_overlaps_or_is_clipped(name, style, caplog):
    with caplog.at_level(logging.WARNING):
        assert unreadable(drawn(name, style)) == []
    assert not caplog.records  # Matplotlib complains of nothing


def test_dynamics_figure_has_the_panels_of_the_specification(spirals, figure):
    portrait, multipliers, distance = figure.axes
    assert [ax.get_title(loc="left")[:3] for ax in figure.axes] == ["(a)", "(b)", "(c)"]
    assert text_of(figure, "title").get_text().replace("\n", " ") == spirals.finding
    assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert len(by_gid(portrait, "run")) == 3
    assert any(isinstance(child, LineCollection) for child in portrait.collections)
    assert len(by_gid(portrait, "nullcline")) == 2
    (cross,) = by_gid(portrait, "equilibrium")
    assert cross.get_xydata().tolist() == [[0, 0]]
    for mark in by_gid(portrait, "start"):
        assert same_color(mark.get_markerfacecolor(), "#FFFFFF")
    for mark in by_gid(portrait, "end"):
        assert same_color(mark.get_markerfacecolor(), mark.get_color())
    names = ["simultaneous", "alternating", "extragradient"]
    assert set(names) | {"x' = 0", "y' = 0"} == set(labels_of(portrait))
    assert set(labels_of(multipliers)) == set(names)
    for marks, run in zip(by_gid(multipliers, "multipliers"), spirals.trajectories, strict=True):
        np.testing.assert_allclose(marks.get_xdata(), run.multipliers.real)
        np.testing.assert_allclose(marks.get_ydata(), run.multipliers.imag)
    (circle,) = by_gid(multipliers, "unit circle")
    assert (circle.center, circle.radius) == ((0, 0), 1)
    assert distance.get_yscale() == "log" and len(by_gid(distance, "predicted")) == 3
    assert "simultaneous × 1.0198" in labels_of(distance)
    assert "alternating × 1.0000" in labels_of(distance)
    assert "alternating keeps x^2+y^2−alpha x y to 3e−15" in distance.get_xlabel()


def test_wherever_colour_differs_so_do_dashes_and_marks():
    figure = drawn("many runs")
    portrait, multipliers, _ = figure.axes
    assert len({str(line._dash_pattern) for line in by_gid(portrait, "run")}) == 7
    assert len({line.get_marker() for line in by_gid(multipliers, "multipliers")}) == 7
    assert {"alpha=0.02", "alpha=1.2"} <= set(labels_of(portrait))


def test_a_run_that_leaves_does_not_flatten_the_others(spirals, figure):
    outward = spirals.trajectories[0].states
    portrait = figure.axes[0]
    assert np.abs(outward).max() > 300 > 10 > max(np.abs(portrait.get_xlim()))
    # One that grows and then stays is shown as a whole.
    angle = np.linspace(0, 60, 900)
    size = np.minimum(0.01 * np.exp(angle), 1.0)
    ring = np.column_stack([size * np.cos(angle), size * np.sin(angle)])
    assert phase.view_of([ring], (0, 0))[0, 1] > 1.0


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [((-np.inf, 0.0), (np.inf, np.inf), (0.0, 1.12)), ((-1, -1), (1, 1), (-1, 1))],
)
def test_nothing_is_shown_beyond_the_bounds(lower, upper, expected):
    turn = np.linspace(0, 7, 50)
    view = phase.view_of([np.column_stack([np.cos(turn), np.sin(turn)])], (0, 0), lower, upper)
    np.testing.assert_allclose(view[1], expected, atol=0.01)


@pytest.mark.parametrize(
    "path", [[[np.nan, 1.0]], [[0.0, 0.0]], [[1e-9, 0.0], [0.0, 1e300]], [[5.0, 5.0], [5.0, 5.0]]]
)
def test_any_path_has_a_view(path):
    for centre in (None, (0.0, 0.0)):
        view = phase.view_of([np.array(path)], centre)
        assert np.isfinite(view).all() and np.all(view[:, 1] > view[:, 0])


def test_far_points_move_in_along_their_ray_and_break_the_line():
    view = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    path = np.array([[0.5, 0.5], [1e300, 2e300], [3e300, 1e300], [0.1, 0.2]])
    moved = phase.within_reach(path, view, 10.0)
    np.testing.assert_allclose(moved[[0, 1, 3]], [[0.5, 0.5], [5, 10], [0.1, 0.2]])
    assert np.isnan(moved[2]).all()


def test_predicted_line_is_that_of_the_linear_map(spirals):
    for run in spirals.trajectories[::2]:
        steps, values = dynamics.predicted_line(run)
        slope = np.log(values[1] / values[0]) / (steps[1] - steps[0])
        assert np.exp(slope) == pytest.approx(run.factor_predicted)
        assert values[0] == pytest.approx(run.distance[0], rel=0.02)
    huge = records.spirals(("simultaneous",), alpha=3.0, n_steps=900).trajectories[0]
    steps, values = dynamics.predicted_line(huge)
    assert np.isfinite(values).all()
    assert np.log(values[1] / values[0]) / steps[1] == pytest.approx(np.log(10) / 2)
    assert dynamics.predicted_line(records.nowhere().trajectories[0]) is None


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1.0198039, "× 1.0198"), (1.0, "× 1.0000"), (1.00005, "× 1.000050"), (0.9, "× 0.9000"),
     (1e-3, "× 0.001"), (1e-7, "× 1e−07"), (250.0, "× 250"), (np.inf, ""), (None, "")],
)  # fmt: skip
def test_factors_have_the_digits_that_tell_them_from_one(factor, said):
    run = records.record(records.bilinear(), "simultaneous", [[1.0, 0.5]], factor_predicted=factor)
    assert dynamics.factor_words(run) == said


def test_all_near_one_are_shown_with_a_piece_of_the_circle():
    result = records.spirals(alpha=0.01)
    ax = plots.plot_multipliers(result)
    ax.figure.draw_without_rendering()
    assert 0.9 < ax.get_xlim()[0] < 1 < ax.get_xlim()[1] < 1.1
    wide = plots.plot_multipliers(records.spirals(alpha=1.0))
    wide.figure.draw_without_rendering()
    assert wide.get_xlim()[0] < -1 and wide.get_aspect() == 1


def test_without_a_jacobian_there_are_no_multipliers():
    result = records.nowhere()
    figure = drawn("no equilibrium")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "(a) from hollow to filled", "(b) speed"
    ]  # fmt: skip
    ax = plots.plot_multipliers(result)
    assert [text.get_text() for text in ax.texts] == ["no Jacobian here"]


def test_of_many_coordinates_both_distances_are_the_portrait():
    portrait = drawn("forty coordinates").axes[0]
    assert portrait.get_xscale() == portrait.get_yscale() == "log"
    run = record("forty coordinates").trajectories[0]
    path = by_gid(portrait, "run")[0].get_xydata()
    np.testing.assert_allclose(path[7], np.linalg.norm(run.states[7].reshape(2, 20), axis=1))
    some = plots.plot_portrait(records.spread_out(3))
    assert "the other 4 at the equilibrium" in some.get_xlabel()


def test_three_actions_are_corners_and_best_responses_jump_between_them():
    figure = drawn("three actions")
    gen, disc, distance = figure.axes
    names = [text.get_text() for text in by_gid(gen, "action")]
    assert names == ["rock", "paper", "scissors"]
    assert by_gid(gen, "jump") and by_gid(disc, "jump")
    assert labels_of(gen) == [] and set(labels_of(disc)) == {"simultaneous", "best-response"}
    assert distance.get_title(loc="left") == "(c) distance to equilibrium"
    assert not by_gid(plots.plot_simplex(records.game(moves=False)), "jump")
    corners = simplex.strategies(np.eye(6), 0)[:3]
    np.testing.assert_allclose(corners, simplex.CORNERS)
    (cross,) = by_gid(gen, "equilibrium")
    np.testing.assert_allclose(cross.get_xydata()[0], simplex.CORNERS.mean(axis=0))


def test_stability_figure_has_the_panels_of_the_specification():
    result, figure = record("stability"), drawn("stability")
    plane, paths, radii = figure.axes
    (stable,) = by_gid(plane, "stable")
    assert stable.get_x() + stable.get_width() == 0
    (points,) = by_gid(plane, "eigenvalues")
    np.testing.assert_allclose(points.get_xdata(), [-0.25, -0.25])
    assert labels_of(plane) == ["−0.25 ± 0.433i"]
    assert "γ = 1: the pair becomes real" in paths.get_xlabel()
    (critical,) = by_gid(paths, "critical")
    np.testing.assert_allclose(critical.get_xdata(), -0.5, atol=0.02)
    shades = [sum(colour[:3]) for colour in by_gid(paths, "path")[0].get_colors()]
    assert shades[0] > shades[-1] + 0.5
    assert radii.get_xscale() == "log"
    (chosen,) = by_gid(radii, "alpha")
    assert chosen.get_xdata() == [0.2, 0.2]
    limits = [one.largest_alpha for one in result.methods if 0 < one.largest_alpha < np.inf]
    assert [line.get_xdata()[0] for line in by_gid(radii, "limit")] == limits
    assert len(by_gid(radii, "best")) == 4
    assert "implicit: every α" in labels_of(radii)
    assert not any(name.startswith("flow") for name in labels_of(radii))


def test_without_a_path_the_jacobian_is_written_down_where_it_fits():
    small = drawn("stability of four")
    assert [len(by_gid(ax, "cell")) for ax in small.axes] == [0, 16, 0]
    assert labels_of(small.axes[0]) == ["× 2 (−0.25 ± 0.433i)"]
    assert len(drawn("stability of sixteen").axes) == 2


def test_never_stable_is_said():
    assert "simultaneous: never" in labels_of(drawn("marginal").axes[-1])


def test_numbers_of_eigenvalues():
    assert stability.complex_words(0.5j) == "±0.5i"
    assert stability.complex_words(-1e-17 + 1j) == "±1i"


def test_dark_is_dark():
    figure = drawn("stability", "dark")
    assert all(same_color(ax.get_facecolor(), "#111111") for ax in figure.axes)


def test_same_result_same_bytes():
    again = plots.figure(records.game(), command=COMMAND)
    made = [plots.figure_bytes(one, "svg") for one in (drawn("three actions"), again)]
    assert made[0] == made[1]


# --- animations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "panels"),
    [("spirals", 2), ("three actions", 3), ("forty coordinates", 2), ("overflow", 2),
     ("no equilibrium", 2), ("many runs", 2)],
)  # fmt: skip
def test_page_is_small_and_its_paths_grow(name, panels, tmp_path):
    animate(record(name), tmp_path / "a.html", command=COMMAND)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(text.encode("utf-8")) < 300_000
    assert not re.search(r"https?:|//[a-z]|@import|fetch\(|XMLHttp", text)
    shown = scene_of(text)
    count = len(shown["steps"])
    assert len(shown["panels"]) == panels and 1 <= count <= 120 and shown["unit"] == "step"
    for panel in shown["panels"]:
        for one in panel["series"]:
            assert len(one["x"]) == len(one["y"]) <= 400
            assert len(one["upto"]) == count == len(one["dots"][0]) == len(one["dots"][1])
            assert one["upto"][0] == 1 and one["upto"][-1] <= len(one["x"])
            assert one["upto"] == sorted(one["upto"])


def test_page_shows_the_states_of_the_run(spirals):
    shown = json.loads(json.dumps(scene(spirals, look_of("slide"))))
    run = spirals.trajectories[1]
    plane, distance = shown["panels"]
    for k in (0, 40, len(shown["steps"]) - 1):
        step = shown["steps"][k]
        for (x, y), expected in (
            ((plane["series"][1]["dots"]), run.states[step]),
            ((distance["series"][1]["dots"]), [step, run.distance[step]]),
        ):
            np.testing.assert_allclose([x[k], y[k]], expected)
        # The line ends at the dot.
        end = plane["series"][1]["upto"][k] - 1
        ends = [plane["series"][1][side][end] for side in "xy"]
        np.testing.assert_allclose(ends, run.states[step])
    portrait = drawn("spirals").axes[0]
    assert (plane["x"]["low"], plane["x"]["high"]) == pytest.approx(portrait.get_xlim())
    assert (plane["y"]["low"], plane["y"]["high"]) == pytest.approx(portrait.get_ylim())


def test_gif_plays_the_run(tmp_path):
    animate(records.spirals(n_steps=3), tmp_path / "a.gif", command=COMMAND)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size == (1280, 720) and image.n_frames == 4
        first = np.asarray(image.convert("RGB"), dtype=int)
        image.seek(3)
        last = np.asarray(image.convert("RGB"), dtype=int)
    assert np.abs(first - last).max() > 100
