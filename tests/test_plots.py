"""Figures: what cli.md lists is drawn, can be read, and is the same file every time."""

import dataclasses
import io
import itertools
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure
from PIL import Image

import ratiogan as rg
from ratiogan import plots
from ratiogan.catalogue import PALETTE
from ratiogan.errors import InputError
from ratiogan.plots import fields, look
from ratiogan.plots.game import game_title
from ratiogan.plots.labels import LineLabels, spread
from ratiogan.plots.several import run_colours, short_labels
from ratiogan.spec import parse

COMMAND = ("ratiogan", "run", "glgd", "--seed", "0")
SLIDE = (1920, 1080)


@pytest.fixture(scope="module")
def descent():
    return rg.glgd()


@pytest.fixture(scope="module")
def collapse():
    return rg.alternating()


@pytest.fixture(scope="module")
def plane():
    return rg.glgd("ring8", "ring8:drop=4,thin=7", grid="32x32")


@pytest.fixture(scope="module")
def comparison():
    return rg.compare("glgd", "glgd:geometry=fisher", "glgd:alpha=0.02", "alternating", grid=128)


@pytest.fixture(scope="module")
def small(descent):
    """A figure that is quickly saved."""
    return plots.plot_ratio(descent).figure


def axes_of(figure):
    """Every axes, colour bars and insets too."""
    found = list(figure.axes)
    for ax in found:
        found += [child for child in ax.child_axes if child not in found]
    return found


def texts_of(figure):
    """Every text that is really drawn, with its box in pixels."""
    figure.draw_without_rendering()
    renderer = figure._get_renderer()
    texts = list(figure.texts)
    for ax in axes_of(figure):
        texts += [ax.title, ax._left_title, ax._right_title, *ax.texts]
        for labels in (child for child in ax.get_children() if isinstance(child, LineLabels)):
            texts += labels.texts
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * abs(high - low)
            texts.append(axis.label)
            for tick, place in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=True):
                if low - slack <= place <= high + slack:
                    texts += [tick.label1, tick.label2]
    return [
        (text, text.get_window_extent(renderer))
        for text in texts
        if text.get_visible() and text.get_text().strip()
    ]


def unreadable(figure):
    """Texts that reach outside the figure or overlap another one, as words."""
    items, found = texts_of(figure), []
    wide, high = figure.bbox.width, figure.bbox.height
    for text, box in items:
        if box.x0 < -1 or box.y0 < -1 or box.x1 > wide + 1 or box.y1 > high + 1:
            found.append(f"{text.get_text()!r} is clipped")
    for (one, a), (two, b) in itertools.combinations(items, 2):
        # The box of a text has room for accents and descenders, which may touch.
        slack = 0.12 * figure.dpi / 72 * min(one.get_fontsize(), two.get_fontsize())
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        upwards = min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > slack and upwards > 2 * slack:
            found.append(f"{one.get_text()!r} over {two.get_text()!r}")
    return found


def words(figure):
    return [text.get_text() for text, _ in texts_of(figure)]


def lines_of(ax, colour):
    return [line for line in ax.lines if same_color(line.get_color(), colour)]


def text_of(figure, gid):
    return next(text for text in figure.texts if text.get_gid() == gid)


def test_descent_figure_has_the_four_panels_of_the_specification(descent):
    figure = plots.figure(descent, command=COMMAND)
    densities, ratio, discriminator, convergence = figure.axes
    assert [ax.get_title(loc="left")[:3] for ax in figure.axes] == ["(a)", "(b)", "(c)", "(d)"]
    assert lines_of(densities, PALETTE["real"]) and densities.collections
    steps = ["step 0", "step 1", "step 2", "step 4", "step 8"]
    for ax in (densities, ratio, discriminator):
        labels = [line.get_label() for line in ax.lines if line.get_label().startswith("step")]
        assert labels[:5] == steps and labels[-1] == "step 38"
    assert ratio.get_yscale() == convergence.get_yscale() == "log"
    assert [line.get_label() for line in convergence.lines] == ["max_error", "rms_error", "cost"]
    levels = [line.get_ydata()[0] for ax in (ratio, discriminator) for line in dashed_lines(ax)]
    assert levels == [1.0, 0.5]
    triangle = next(patch for patch in convergence.patches if patch.get_gid() == "predicted slope")
    (x0, y0), (x1, y1) = triangle.get_xy()[:2]
    assert (y1 / y0) ** (1 / (x1 - x0)) == pytest.approx(0.5)
    said = next(text.get_text() for text in convergence.texts if text.get_gid() == "rate")
    assert said.startswith("predicted × 0.5 per step\nmeasured × 0.500")


def dashed_lines(ax):
    return [line for line in ax.lines if line.get_linestyle() == "--" and same_colour_black(line)]


def same_colour_black(line):
    return max(to_rgb(line.get_color())) < 0.1


def test_lines_fade_from_light_to_dark(descent):
    ax = plots.plot_ratio(descent)
    shades = [to_rgb(line.get_color()) for line in ax.lines if line.get_label().startswith("step")]
    sums = [sum(shade) for shade in shades]
    assert sums == sorted(sums, reverse=True) and sums[0] > sums[-1] + 0.5


def test_wherever_colour_differs_so_do_the_dashes(descent, comparison):
    for ax in (plots.plot_convergence(descent), plots.plot_errors(comparison)):
        drawn = [line for line in ax.lines if line.get_gid() != "predicted slope"]
        assert len({str(line._dash_pattern) for line in drawn}) == len(drawn)


def test_collapse_figure(collapse):
    figure = plots.figure(collapse, command=COMMAND)
    target, response, positions, cells = figure.axes
    assert [text.get_text() for text in target.texts if text.get_gid() == "next"] == [
        "next: all mass goes here"
    ]
    place = collapse.trace.position_0[1]
    assert any(np.allclose(line.get_xdata(), place) for line in target.lines)
    marked = next(line for line in response.lines if line.get_gid() == "argmax")
    assert marked.get_ydata()[0] == pytest.approx(collapse.trace.max_discriminator[0])
    start, end = (
        next(line for line in positions.lines if line.get_gid() == gid) for gid in ("start", "end")
    )
    assert same_color(start.get_markerfacecolor(), "#FFFFFF")
    assert same_color(end.get_markerfacecolor(), PALETTE["gen"])
    assert end.get_ydata()[0] == pytest.approx(collapse.trace.position_0[-1])
    assert cells.get_yscale() == "log"
    assert [line.get_label() for line in cells.lines] == ["glgd", "alternating"]
    assert same_color(cells.lines[0].get_color(), PALETTE["floor"])
    np.testing.assert_allclose(cells.lines[1].get_ydata()[1:], 1.0)


def test_plane_figure_has_five_maps_one_colour_bar_and_the_convergence(plane):
    figure = plots.figure(plane)
    maps = [ax for ax in axes_of(figure) if ax.collections and ax.get_title(loc="left")]
    headings = [ax.get_title(loc="left") for ax in figure.axes]
    assert headings[:3] == ["(a) $p_r$", "(b) $p_g$, step 0", "(c) R, step 0"]
    assert headings[5] == "(f) distance to $R = 1$" and len(maps) == 5
    norms = [ax.collections[0].norm for ax in figure.axes[2:5]]
    assert all(norm.vmin * norm.vmax == pytest.approx(1) for norm in norms)
    assert len({(norm.vmin, norm.vmax) for norm in norms}) == 1
    assert len([ax for ax in axes_of(figure) if ax not in figure.axes]) == 1
    assert {"1/32", "1", "32"} <= set(words(figure))


def test_comparison_figure(comparison):
    figure = plots.figure(comparison)
    largest, rms, final, bars = figure.axes
    # 38 steps against thousands: both axes logarithmic.
    assert largest.get_xscale() == rms.get_xscale() == "log"
    colours = [colour for colour, _ in run_colours(4)]
    for ax in (largest, rms, final):
        assert all(lines_of(ax, colour) for colour in colours)
    slopes = [line for line in largest.lines if line.get_gid() == "predicted slope"]
    assert len(slopes) == 3
    assert bars.get_xscale() == "log" and len(bars.patches) == 4
    assert [patch.get_hatch() for patch in bars.patches] == [None, None, None, "//"]
    assert bars.get_yticklabels()[0].get_text() == "fisher"
    assert {"fisher", "alternating"} <= set(words(figure))


def test_comparison_of_like_runs_is_semilogarithmic():
    ax = plots.plot_errors(rg.compare("glgd", "glgd:geometry=fisher", grid=64))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")


def test_game_figure_shades_what_repels():
    figure = plots.game_figure(rg.game("least-squares:a=-1,b=1,c=0"), command="ratiogan games")
    assert len(figure.axes) == 3
    for ax in figure.axes:
        assert ax.get_xscale() == "log" and ax.get_xlim() == (1e-2, 1e2)
        (red,) = (patch for patch in ax.patches if patch.get_gid() == "negative curvature")
        assert red.get_x() == pytest.approx(1e-2)
        assert red.get_x() + red.get_width() == pytest.approx(1.0, rel=0.02)
        assert any(line.get_xdata()[0] == 1.0 for line in ax.lines)
    assert "Φ''(1) = 0" in text_of(figure, "title").get_text()
    calm = plots.plot_game(rg.game("non-saturating"), "excess")
    assert not any(patch.get_gid() for patch in calm.patches)


def test_a_kink_is_an_atom_of_the_curvature():
    ax = plots.plot_game(rg.game("hinge"), "curvature")
    assert [text.get_text() for text in ax.texts] == ["an atom of 2\nat R = 1"]


def test_titles_of_games_have_their_number():
    title = {name: game_title(rg.game(name)) for name in ("logit", "minimax", "cw")}
    assert title["minimax"] == "minimax: near R = 1 a GLGD step multiplies the error by 1 − 0.5 α."
    assert title["logit"].endswith("by 1 − α.")
    assert "at R = 2.333 and is flat at R = 1" in title["cw"]


def test_title_is_the_finding_and_footer_the_command(descent, collapse):
    figure = plots.figure(descent, command=COMMAND)
    assert text_of(figure, "title").get_text().replace("\n", " ") == descent.finding
    footer = text_of(figure, "footer")
    assert (footer.get_text(), footer.get_fontsize()) == ("ratiogan run glgd --seed 0", 9)
    assert text_of(figure, "version").get_text() == f"ratiogan {rg.__version__}"
    title = text_of(plots.figure(collapse), "title").get_text().replace("\n", " ")
    assert title.startswith("COLLAPSED at step 1") and title in collapse.finding


def test_key_sentence_goes_on_until_there_is_a_number():
    assert look.key_sentence("It stalled. After 3 steps.\nThen more.") == (
        "It stalled. After 3 steps."
    )


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
def test_sizes_and_colours_of_the_styles(descent, style):
    figure = plots.figure(descent, style=style)
    sizes = sorted({text.get_fontsize() for text, _ in texts_of(figure)})
    if style == "paper":
        assert figure.get_size_inches()[0] == 6.75 and sizes[0] == 9
    else:
        # Points of a slide as high as the picture: 1080 px are 10.8 in.
        assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE and sizes[:2] == [9, 20]
    ground = "#111111" if style == "dark" else "#FFFFFF"
    assert all(same_color(ax.get_facecolor(), ground) for ax in figure.axes)
    assert same_color(figure.get_facecolor(), ground)


@pytest.mark.parametrize(
    ("name", "style"),
    [
        *itertools.product(("descent", "comparison"), ("slide", "paper")),
        ("collapse", "slide"),
        ("plane", "slide"),
    ],
)
def test_no_text_overlaps_or_is_clipped(name, style, request):
    result = request.getfixturevalue(name)
    assert unreadable(plots.figure(result, style=style, command=COMMAND)) == []


EXTREME = {
    "one step": lambda: rg.glgd(max_steps=1, grid=64),
    "two cells": lambda: rg.glgd(grid=2),
    "same": lambda: rg.glgd("normal", "normal", grid=64),
    "counts": lambda: rg.glgd("poisson", "poisson:rate=5"),
    "one step to the end": lambda: rg.glgd(game="logit", geometry="fisher", alpha=1, grid=64),
    "unstable": lambda: rg.glgd(gen="near-real", game="least-squares:a=-1,b=1,c=0", grid=128),
    "oscillating": lambda: rg.glgd(alpha=3, grid=128),
    "no snapshots": lambda: rg.glgd(grid=64, snapshots=False),
    "many runs": lambda: rg.compare("glgd", sweep="alpha=0.3,0.5,0.7,0.9,1.1,1.3,2,3", grid=64),
    "collapse on the plane": lambda: rg.alternating("ring8", "ring8:drop=4", grid="24x24"),
    "long hops": lambda: rg.alternating(max_steps=120, grid=64),
    "compare on the plane": lambda: rg.compare(
        "glgd", "alternating", real="ring8", gen="ring8:thin=3", grid="24x24"
    ),
}

RATES = [2e-5, 5e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
MAPS = {
    "4x4": ({"alpha_gen": RATES[::2], "disc_steps": [1, 2, 5, 20]}, {"max_steps": 400}),
    "8x6": ({"alpha_gen": RATES, "disc_steps": [1, 2, 4, 8, 16, 32]}, {"max_steps": 100}),
    "2x2": ({"alpha_gen": [1e-3, 1e-2], "disc_steps": [1, 5]}, {"max_steps": 300}),
    "words": ({"batch": [16, 64, "exact"], "optimizer": ["adam", "sgd"]}, {"max_steps": 60}),
    "lost": (
        {"alpha_gen": [1e-3, 0.1], "alpha_disc": [0.1, 1e3]},
        {"max_steps": 300, "game": "least-squares", "optimizer": "sgd", "batch": "exact"},
    ),
    "round-off": (
        {"alpha_gen": [0.5, 1.0], "gen_steps": [1, 2]},
        {"max_steps": 200, "optimizer": "sgd", "batch": "exact", "disc_steps": "best"},
    ),
}


def map_of(name, **problem):
    sweep, common = MAPS[name]
    return rg.compare("training", sweep=sweep, **{"grid": 64, **problem, **common})


@pytest.mark.parametrize("style", ("slide", "paper", "dark"))
@pytest.mark.parametrize("name", MAPS)
def test_maps_can_be_read(name, style):
    figure = plots.figure(map_of(name), style=style, command=COMMAND)
    assert unreadable(figure) == []


@pytest.mark.parametrize("style", ("slide", "paper"))
def test_a_map_on_the_plane_can_be_read(style):
    compared = map_of("2x2", real="ring8", gen="ring8:drop=4", grid="24x24")
    assert unreadable(plots.figure(compared, style=style, command=COMMAND)) == []


def test_a_map_shows_the_numbers_of_its_runs():
    compared = map_of("4x4")
    figure = plots.figure(compared)
    ax = figure.axes[0]
    shown = {
        text.get_position(): float(text.get_text()) for text in ax.texts if text.get_gid() == "cell"
    }
    for i, run in enumerate(compared.runs):
        late = run.trace.step >= 300
        # The first key goes with the outer loop.
        assert shown[i // 4, i % 4] == pytest.approx(run.trace.kl[late].mean(), rel=0.05)
    (frame,) = (patch for patch in ax.patches if patch.get_gid() == "best")
    best = compared.ranking[0]
    assert frame.get_xy() == (best // 4 - 0.5, best % 4 - 0.5)
    # The same axis for both maps; the one alpha_disc is said once.
    for beside in figure.axes[:2]:
        ticks = [float(text.get_text()) for text in beside.get_xticklabels()]
        assert ticks == pytest.approx(RATES[::2])
    assert "0.01" in ax.get_xlabel() and "0.01" not in figure.axes[1].get_xlabel()
    best = parse(compared.labels[compared.ranking[0]]).options
    name = f"best {best['alpha_gen']:.3g}, {best['disc_steps']}"
    for panel in figure.axes[2:4]:
        assert name in [line.get_label() for line in panel.lines]


def test_a_sweep_of_one_setting_keeps_the_figure_of_a_comparison():
    compared = rg.compare("training", sweep="alpha_gen=1e-3,1e-2", grid=64, max_steps=50)
    assert len(plots.figure(compared).axes) == 4
    assert plots.figure(compared).axes[0].get_title(loc="left").startswith("(a) JSD")


@pytest.mark.parametrize("style", ("slide", "paper", "dark"))
def test_spikes_of_several_runs_stand_below_one_another(style):
    compared = rg.compare("training", sweep="alpha_gen=1e-3,0.1,0.3", grid=200, max_steps=300)
    assert unreadable(plots.figure(compared, style=style)) == []


def test_panels_of_a_map_draw_on_the_axes_they_are_given():
    compared = map_of("2x2")
    for name in ("plot_sweep_levels", "plot_sweep_courses", "plot_sweep_runs"):
        ax = Figure().add_subplot()
        assert getattr(plots, name)(compared, ax=ax) is ax
        assert getattr(plots, name)(compared).get_title(loc="left")


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_runs_can_be_read_too(name):
    assert unreadable(plots.figure(EXTREME[name](), command=COMMAND)) == []


def test_numbers_that_cannot_be_drawn_are_left_out(descent):
    ratio = descent.ratio.copy()
    ratio[:3] = np.nan, np.inf, 0.0
    columns = {name: column.copy() for name, column in descent.trace.columns.items()}
    columns["max_error"][-1] = np.nan
    columns["cost"][-1] = np.inf
    broken = dataclasses.replace(
        descent,
        ratio=ratio,
        snapshots=np.array([descent.snapshots[0], ratio]),
        snapshot_steps=np.array([0, 38]),
        trace=type(descent.trace)(columns),
    )
    figure = plots.figure(broken)
    assert unreadable(figure) == []
    limits = [limit for ax in figure.axes for limit in (*ax.get_xlim(), *ax.get_ylim())]
    assert np.isfinite(limits).all()


def test_three_axes_are_summed_to_two():
    rng = np.random.default_rng(0)
    grid = rg.Grid.regular((6, 5, 4), (0, 0, 0), (1, 1, 1))
    real, gen = (rg.Distribution.from_mass(rng.random((6, 5, 4)), grid) for _ in range(2))
    solution = rg.glgd(real, gen, max_steps=3)
    assert unreadable(plots.figure(solution)) == []
    np.testing.assert_allclose(fields.flat_density(solution).sum() / 30, 1.0)
    flat = fields.flat_ratio(solution, solution.snapshots[0])
    np.testing.assert_allclose(flat, gen.mass.sum(axis=2) / real.mass.sum(axis=2))


def test_long_text_is_wrapped_and_never_clipped(descent):
    long = dataclasses.replace(descent, finding="A finding of 7 " + "very long words " * 40)
    command = ["ratiogan", "run", "--real", "x" * 500, "--gen", "b $5_ {\\q} ü"]
    for style in ("slide", "paper"):
        figure = plots.figure(long, style=style, command=command)
        assert unreadable(figure) == []


def test_panels_draw_on_the_axes_they_are_given(descent, collapse, comparison):
    figure = Figure()
    for result, names in (
        (descent, ("plot_densities", "plot_ratio", "plot_discriminator", "plot_convergence")),
        (collapse, ("plot_target", "plot_response", "plot_positions", "plot_cells_in_use")),
        (comparison, ("plot_errors", "plot_final", "plot_steps")),
    ):
        for name in names:
            ax = figure.add_subplot()
            size = ax.xaxis.label.get_fontsize()
            assert getattr(plots, name)(result, ax=ax) is ax
            # No style: the user's own font size.
            assert ax.title.get_fontsize() > 0 and ax.xaxis.label.get_fontsize() == size


def test_own_code_is_not_run_again_for_a_figure(descent):
    options = {**descent.options, "game": "missing/file.py:loss"}
    figure = plots.figure(dataclasses.replace(descent, options=options))
    (line,) = (one for one in figure.axes[2].lines if one.get_label().startswith("step"))
    np.testing.assert_allclose(line.get_ydata(), descent.discriminator)


def test_rcparams_are_left_alone(descent, small, tmp_path):
    before = dict(matplotlib.rcParams)
    plots.figure(descent)
    for suffix in ("png", "svg"):
        plots.save(small, tmp_path / f"figure.{suffix}", COMMAND)
    assert dict(matplotlib.rcParams) == before


def test_users_rcparams_do_not_crop_a_saved_figure(small):
    with matplotlib.rc_context({"savefig.bbox": "tight", "savefig.dpi": 50}):
        image = Image.open(io.BytesIO(plots.figure_bytes(small, "png")))
    assert image.size == tuple(np.rint(small.get_size_inches() * small.dpi))


def test_pyplot_is_not_imported():
    import subprocess
    import sys

    code = (
        "import sys, ratiogan.plots, ratiogan.animation; print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_files_say_what_made_them(small, tmp_path):
    maker, command = f"ratiogan {rg.__version__}", "ratiogan run glgd --seed 0"
    plots.save(small, tmp_path / "a.png", COMMAND)
    with Image.open(tmp_path / "a.png") as image:
        info = image.info
    assert (info["Software"], info["Comment"]) == (maker, command)
    plots.save(small, tmp_path / "a.svg", COMMAND)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    said = [node.text for node in root.iter() if node.text]
    assert maker in said and command in said
    plots.save(small, tmp_path / "a.pdf", COMMAND)
    content = (tmp_path / "a.pdf").read_bytes()
    assert maker.encode() in content and command.encode() in content


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(suffix):
    def drawn():
        figure = Figure(figsize=(3, 2))
        figure.add_subplot().plot([1, 2], [3, 4], marker="o")
        return plots.figure_bytes(figure, suffix, COMMAND)

    assert drawn() == drawn()


def test_unknown_suffix_and_style_are_refused(descent, small, tmp_path):
    with pytest.raises(InputError, match=r"png, svg or pdf, got \"jpg\""):
        plots.save(small, tmp_path / "a.jpg")
    with pytest.raises(InputError, match="style must be one of slide, paper, dark"):
        plots.figure(descent, style="poster")


@settings(max_examples=80, deadline=None)
@given(wanted=st.lists(st.floats(-50, 150), min_size=1, max_size=12), height=st.floats(0.1, 8.0))
def test_spread_labels_keep_apart_in_order_and_inside(wanted, height):
    places = spread(wanted, height, 0.0, 100.0)
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(places[order]) >= height - 1e-9)
    assert places.min() >= height / 2 - 1e-9 and places.max() <= 100 - height / 2 + 1e-9
    # Labels that are free stay where they want to be.
    inside = np.clip(wanted, height / 2, 100 - height / 2)
    if len(wanted) == 1 or np.min(np.diff(np.sort(inside))) >= height:
        np.testing.assert_allclose(places, inside)


def test_spread_is_the_least_squares_solution():
    from scipy.optimize import minimize

    wanted, height = np.array([1.0, 1.5, 2.0, 9.0, 9.4]), 1.0
    found = minimize(
        lambda y: np.sum((y - wanted) ** 2),
        np.arange(5.0) * 2,
        method="SLSQP",
        bounds=[(0.5, 9.5)] * 5,
        constraints=[
            {"type": "ineq", "fun": lambda y, i=i: y[i + 1] - y[i] - height} for i in range(4)
        ],
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(spread(wanted, height, 0, 10), found.x, atol=1e-5)


def test_more_labels_than_room_are_spaced_evenly():
    places = spread(np.zeros(30), 10.0, 0.0, 100.0)
    np.testing.assert_allclose(np.diff(places), 90 / 29)


def test_steps_shown_are_powers():
    assert fields.shown_steps(range(39)) == [0, 1, 2, 4, 8, 16, 38]
    long = fields.shown_steps(range(42191))
    assert long[:3] == [0, 1, 8] and long[-1] == 42190 and len(long) <= 9
    assert fields.shown_steps([0]) == [0]


def test_thinned_lines_keep_their_spikes():
    y = np.zeros(100_000)
    y[77_777] = 3.0
    x, thinned = fields.thin(np.arange(100_000), y)
    assert len(x) <= 4000 and thinned.max() == 3.0
    assert x[np.argmax(thinned)] == 77_777


def test_labels_of_runs_drop_what_is_common():
    labels = ["glgd:game=minimax,geometry=fisher", "glgd:game=logit,geometry=fisher"]
    assert short_labels(labels) == ["minimax", "logit"]
    assert short_labels(["glgd:alpha=0.5,step=constant", "glgd:alpha=0.5,step=newton"]) == [
        "constant",
        "newton",
    ]


def test_runs_keep_their_own_look_up_to_many():
    assert len(set(map(str, run_colours(21)))) == 21


@pytest.mark.parametrize("solve", [rg.glgd, rg.alternating])
def test_a_run_of_a_game_from_losses_can_be_drawn(solve, tmp_path):
    own = rg.Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f))
    run = solve(game=own, grid=32, max_steps=3)
    panel = run.plot().axes[2 if solve is rg.glgd else 1]
    final = panel.lines[-1].get_ydata()
    assert np.nanmax(final) == pytest.approx(np.nanmax(run.discriminator))
    assert "<img" in run._repr_html_()
    run.animate(tmp_path / "own.html")
    assert (tmp_path / "own.html").stat().st_size > 0


def test_the_name_of_negative_curvature_is_clear_of_the_lines():
    figure = plots.game_figure(rg.game("least-squares:a=-1,b=1,c=0"))
    figure.draw_without_rendering()
    ax = figure.axes[0]
    [label] = [text for text in ax.texts if text.get_gid() == "Phi'' < 0"]
    box = label.get_window_extent()
    for line in ax.lines:
        if len(line.get_xdata()) == 2 and line.get_ydata()[0] != line.get_ydata()[1]:
            continue  # R = 1
        points = line.get_transform().transform(line.get_xydata())
        x = np.linspace(box.x0, box.x1, 50)
        y = np.interp(x, points[:, 0], points[:, 1], left=np.nan, right=np.nan)
        assert not np.any((y > box.y0) & (y < box.y1))


def test_labels_leave_crowded_densities_for_the_margin():
    grid = rg.Grid.counts(0, 30)
    run = rg.glgd(real=rg.preset("poisson", grid, rate=1), gen=rg.preset("poisson", grid, rate=2))
    figure = run.plot()
    figure.draw_without_rendering()
    ax = figure.axes[0]
    [labels] = [child for child in ax.get_children() if isinstance(child, LineLabels)]
    assert all(text.get_window_extent().x0 > ax.bbox.x1 for text in labels.texts)
    assert not unreadable(figure)


def test_figure_and_text_name_the_same_place():
    run = rg.alternating(ties="first", max_steps=3)
    [said] = [text for text in words(run.plot()) if "argmax f: " in text]
    place = said.partition(" at ")[2].replace("\u2212", "-")
    assert place.startswith("y = ") and place in run.summary()
