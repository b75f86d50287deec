"""Figures of samples and of the table of divergences: all is shown, and all can be read."""

import matplotlib
import numpy as np
import pytest
import records
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from test_plots import SLIDE, axes_of, text_of, texts_of, unreadable, words

from ratiogan import plots
from ratiogan.catalogue import PALETTE
from ratiogan.plots import bars, divergences, regions, samples
from ratiogan.plots.regions import OVER, UNDER, Numbers

COMMAND = "ratiogan diagnose --real real.csv --gen gen.csv --seed 0"

DIAGNOSES = {
    "line": records.line,
    "whole numbers": records.whole_numbers,
    "names": records.names,
    "plane": records.ring,
    "space": lambda: records.ring(16, columns=3),
    "marginals": records.marginals,
}
EXTREME = {
    "two cells": lambda: records.line(2),
    "many cells": lambda: records.line(4096, 3000),
    "same": lambda: records.line(same=True),
    "identical": lambda: records.diagnosis(
        np.arange(40), np.arange(40), records.line(40, 100).grid, null=np.zeros(99)
    ),
    "one-sided": records.one_sided,
    "two names": lambda: records.names(2),
    "many names": lambda: records.names(40),
    "mixed axes": records.mixed,
    "fine plane": lambda: records.ring(64, rows=4000),
    "many marginals": lambda: records.marginals(12, word="the mean radius of the nucleus "),
    "two marginals": lambda: records.marginals(2),
    "a few rows": lambda: records.line(16, 6),
}
MODES = {
    "plane": records.ring_modes,
    "line": lambda: records.modes(records.line(), [-1.5, 1.5, 0.2, 3.0]),
    "one": lambda: records.modes(records.line(), [-1.5]),
    "thirty": lambda: records.modes(records.line(), np.linspace(-3.5, 3.5, 30)),
    "counts": lambda: records.modes(records.whole_numbers(), [0.0, 6.0]),
    "space": lambda: records.modes(records.ring(12, 3), [(2, 0, -1), (0, 2, -0.5)]),
    "classes": lambda: records.modes(None, range(10), "class"),
    "many classes": lambda: records.modes(None, range(80), "a long name of $class$"),
}


@pytest.fixture(scope="module")
def figures():
    """The figure of each usual diagnosis in style slide."""
    return {
        name: plots.diagnosis_figure(make(), command=COMMAND) for name, make in DIAGNOSES.items()
    }


@pytest.fixture(scope="module")
def table():
    from ratiogan.divergences import table

    return table()


def by_gid(ax, gid):
    return [child for child in ax.get_children() if child.get_gid() == gid]


def numbers_of(ax):
    """What the artists for numbers of regions and modes have written."""
    ax.figure.draw_without_rendering()
    artists = [child for child in ax.get_children() if isinstance(child, Numbers)]
    return [text.get_text() for artist in artists for text in artist.texts]


@pytest.mark.parametrize("name", DIAGNOSES)
def test_figures_of_diagnoses_can_be_read(figures, name):
    assert unreadable(figures[name]) == []


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("line", "paper"),
        ("names", "paper"),
        ("plane", "paper"),
        ("marginals", "paper"),
        ("space", "paper"),
        ("line", "dark"),
    ],
)
def test_other_styles_can_be_read_too(name, style):
    figure = plots.diagnosis_figure(DIAGNOSES[name](), style=style, command=COMMAND)
    assert unreadable(figure) == []
    ground = "#111111" if style == "dark" else "#FFFFFF"
    assert same_color(figure.get_facecolor(), ground)


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_diagnoses_can_be_read(name):
    figure = plots.diagnosis_figure(EXTREME[name](), command=COMMAND)
    assert unreadable(figure) == []
    limits = [limit for ax in figure.axes for limit in (*ax.get_xlim(), *ax.get_ylim())]
    assert np.isfinite(limits).all()


@pytest.mark.parametrize(
    ("name", "style"), [*((name, "slide") for name in MODES), ("plane", "paper"), ("line", "dark")]
)
def test_figures_of_modes_can_be_read(name, style):
    assert unreadable(plots.modes_figure(MODES[name](), style=style, command=COMMAND)) == []


@pytest.mark.parametrize("style", ["slide", "paper"])
def test_figure_of_the_table_can_be_read(table, style):
    assert unreadable(plots.table_figure(table, style=style, command="ratiogan table")) == []


def test_title_footer_and_size(figures):
    figure = figures["line"]
    assert tuple(figure.get_size_inches() * figure.dpi) == SLIDE
    assert text_of(figure, "title").get_text().startswith("DIFFERENT: JSD is 0.2")
    assert text_of(figure, "footer").get_text() == COMMAND
    sizes = {text.get_fontsize() for text, _ in texts_of(figure)}
    assert min(sizes - {9}) == 20


def test_letters_run_through_the_panels(figures):
    for name, letters in (("line", "abc"), ("names", "abc"), ("plane", "abcd"), ("space", "abcd")):
        shown = [ax.get_title(loc="left")[:3] for ax in figures[name].axes]
        assert sorted(shown) == [f"({letter})" for letter in letters]


def test_line_shows_both_samples_and_hatches_what_is_missing(figures):
    record = records.line()
    histograms = figures["line"].axes[0]
    for role, dashed in (("real", False), ("gen", True)):
        line = next(line for line in histograms.lines if line.get_label() == role)
        assert same_color(line.get_color(), PALETTE[role])
        assert (line.get_linestyle() == "--") == dashed
        share = getattr(record, role).counts / getattr(record, role).rows
        np.testing.assert_allclose(line.get_ydata()[::2], share / np.diff(record.grid.edges[0]))
    missing = [region for region in record.regions if region.verdict == "MISSING"]
    assert len(by_gid(histograms, "only real")) == len(missing) > 0


def test_zero_infinite_and_absent_ratios_have_their_own_mark():
    record = records.one_sided()
    ax = plots.plot_ratio_band(record, style="slide")
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[0] == "0" and names[-1] == "∞"
    assert len(by_gid(ax, "strip")) == 2
    (grey,) = by_gid(ax, "no data")
    np.testing.assert_allclose(grey.get_extents().transformed(ax.transData.inverted()).x0, 1.0)
    places = {name: tick for name, tick in zip(names, ax.get_yticks(), strict=True)}
    line = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert np.allclose(line[0].get_ydata(), places["0"])
    assert np.allclose(line[1].get_ydata(), places["∞"])
    low, high = ax.get_ylim()
    assert low < places["0"] < places["∞"] < high


def test_every_finite_ratio_lies_inside_the_panel():
    record = records.line()
    ax = plots.plot_ratio_band(record, style="slide")
    ratio = samples.cell_ratio(record)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    low, high = ax.get_ylim()
    assert low < ratio.min() and ratio.max() < high


def test_regions_are_shaded_by_their_side_and_numbered(figures):
    ax = figures["line"].axes[1]
    record = records.line()
    assert sorted(numbers_of(ax)) == sorted(str(region.number) for region in record.regions)
    assert {region.verdict for region in record.regions} == {"MISSING", "over-produced"}
    assert [text.get_text() for text in by_gid(ax, "side")] == ["over", "under", "grey:\nno rows"]
    assert len(by_gid(ax, "region")) == len(record.regions)


def test_numbers_of_many_regions_do_not_cover_one_another():
    rng = np.random.default_rng(0)
    grid = records.Grid.regular(60, 0, 1)
    real = np.full(60, 1000)
    gen = np.where(np.arange(60) % 2, 2000, 300) + rng.integers(0, 9, 60)
    record = records.diagnosis(real, gen, grid)
    figure = plots.diagnosis_figure(record)
    assert len(record.regions) > 30
    assert len(numbers_of(figure.axes[1])) >= 10 and unreadable(figure) == []


def test_null_panel_has_the_noise_the_value_and_the_interval(figures):
    record = records.line()
    ax = figures["line"].axes[2]
    (noise,) = by_gid(ax, "null")
    edges = noise.get_data().edges
    assert edges[0] <= record.null.min() and record.null.max() <= edges[-1]
    jsd = record.divergences["jsd"]
    assert by_gid(ax, "value")[0].get_xdata()[0] == jsd.value
    assert tuple(by_gid(ax, "ci")[0].get_xdata()) == jsd.ci
    assert by_gid(ax, "estimate")[0].get_xdata()[0] == jsd.estimate
    said = " ".join(words(ax.figure))
    assert f"raw value {jsd.value:.3g}" in said and "p = 0.01" in said
    assert "99 permutations" in said


def test_what_was_not_measured_is_said():
    record = records.line()
    record.divergences = {}
    assert "not measured" in plots.plot_null(record, style="slide").get_title(loc="left")


def test_map_is_symmetric_and_marks_what_one_sample_lacks(figures):
    record = records.ring()
    ax = next(ax for ax in figures["plane"].axes if "(c)" in ax.get_title(loc="left"))
    mesh = next(child for child in ax.collections if hasattr(child, "get_coordinates"))
    assert mesh.norm.vmin * mesh.norm.vmax == pytest.approx(1) and mesh.cmap.name == "RdBu_r"
    real, gen = record.real.counts, record.gen.counts
    values = mesh.get_array().reshape(real.T.shape).T
    np.testing.assert_array_equal(values.mask, (real == 0) & (gen == 0))
    assert (values[(real > 0) & (gen == 0)] < mesh.norm.vmin).all()
    assert (values[(real == 0) & (gen > 0)] > mesh.norm.vmax).all()
    (zero,), (infinite,) = by_gid(ax, "R = 0"), by_gid(ax, "R infinite")
    assert (zero.get_hatch(), infinite.get_hatch()) == ("//", "\\\\")
    for hatched, mask in ((zero, (gen == 0) & (real > 0)), (infinite, (real == 0) & (gen > 0))):
        boxes = [path.get_extents() for path in hatched.get_paths()]
        area = sum(box.width * box.height for box in boxes)
        assert area == pytest.approx(mask.sum() * record.grid.volume)
    assert len(by_gid(ax, "region")) == len(record.regions)
    assert set(numbers_of(ax)) <= {str(region.number) for region in record.regions}
    assert {"1", "2"} <= set(numbers_of(ax))
    bar = axes_of(figures["plane"])
    ticks = [text.get_text() for ax in bar for text in ax.get_yticklabels()]
    assert "1/32" in ticks and "32" in ticks


def test_outline_follows_the_cells():
    ax = Figure().add_subplot()
    look = plots.look_of("paper")
    mask = np.zeros((3, 3), dtype=bool)
    mask[1, 1] = mask[1, 2] = True
    edges = (np.arange(4.0), np.arange(4.0))
    regions.outline_cells(ax, look, edges, mask)
    (border,) = by_gid(ax, "region")
    length = sum(np.abs(np.diff(path.vertices, axis=0)).sum() for path in border.get_paths())
    assert length == 6.0


def test_names_keep_their_ends_when_they_are_cut():
    figure = plots.diagnosis_figure(records.names())
    shown = [text.get_text().replace("\\$", "$") for text in figure.axes[0].get_yticklabels()]
    assert len(set(shown)) == 10 and shown[7].startswith("a rather") and shown[7].endswith("r 7")
    said = [text.get_text() for text in figure.axes[1].texts]
    assert "∞" in said and "no rows" in said and "0" in said


def test_marginals_are_sorted_and_hollow_where_not_different():
    record = records.marginals(12)
    ax = plots.plot_marginals(record.columns, style="slide")
    found = [patch for patch in ax.patches if patch.get_height() == pytest.approx(0.66)]
    widths = [patch.get_width() for patch in found]
    assert widths == sorted(widths, reverse=True)
    times = sorted(one.measured.value / one.measured.floor for one in record.columns)[::-1]
    np.testing.assert_allclose(widths, times)
    hollow = sum(patch.get_hatch() is not None for patch in found)
    assert hollow == sum(not one.different for one in record.columns)


def test_a_column_without_noise_or_number_is_drawn():
    columns = list(records.marginals(3).columns)
    columns[0].measured.floor = columns[0].measured.floor_upper = 0.0
    columns[1].measured.value = None
    ax = plots.plot_marginals(columns, style="slide")
    assert "not measured" in [text.get_text() for text in ax.texts]
    assert np.isfinite(ax.get_xlim()).all()


def test_modes_are_full_half_or_empty():
    figure = plots.modes_figure(records.ring_modes())
    chart, rows = figure.axes
    for fill in ("full", "left", "none", "unclear"):
        assert len(by_gid(chart, f"mark {fill}")) == len(by_gid(rows, f"mark {fill}")) == 2
    assert sorted(numbers_of(chart)) == [str(number) for number in range(1, 9)]
    lines = [line.get_xdata()[0] for line in by_gid(rows, "threshold")]
    assert sorted(lines) == [0.05, 0.5, 0.8, 1.0]
    assert [text.get_text() for text in rows.get_yticklabels()] == [
        "4",
        "8",
        "1",
        "5",
        "2",
        "6",
        "3",
        "7",
    ]


def test_a_ratio_beyond_the_axis_has_an_arrow_and_its_number():
    record = records.modes(None, range(4), "class")
    for mode, ratio in zip(record.modes, (np.inf, 50.0, 0.0, np.nan), strict=True):
        mode.ratio, mode.ci = ratio, (0.0, np.inf)
    figure = plots.modes_figure(record)
    (ax,) = figure.axes
    assert len(by_gid(ax, "beyond")) == 3
    said = [text.get_text() for text in by_gid(ax, "said")]
    assert said[0].startswith("∞  [0, ∞]") and said[1].startswith("50")
    assert said[3].startswith("no rows") and ax.get_xlim()[1] < 10
    assert unreadable(figure) == []


def test_table_is_scaled_to_one_curvature(table):
    s = 1 + np.array([-1e-3, 1e-3])
    for check in table:
        row = check.row
        if np.isfinite(row.curvature) and row.curvature > 0:
            np.testing.assert_allclose(divergences.scaled(row, s), 0.5e-6, rtol=3e-3)


def test_conjugate_of_the_scaled_f_is_the_best_over_s(table):
    s = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 200_001)])
    for check in table:
        row, t = check.row, 0.2
        best = np.max(t * s - divergences.scaled(row, s))
        if t * divergences.scale_of(row) + row.slope_at_one < row.slope_at_infinity:
            found = divergences.scaled_conjugate(row, np.array([t]))[0]
            assert found == pytest.approx(best, abs=1e-4), row.name  # s is 7e-5 apart


def test_rows_alike_share_a_line_and_all_are_there(table):
    groups = divergences.groups_of(table)
    assert sorted(row.name for group in groups for row in group) == sorted(c.name for c in table)
    together = {row.name: number for number, group in enumerate(groups) for row in group}
    assert together["kl-gen-real"] == together["fgan-reverse-kl"] != together["kl-real-gen"]
    assert together["triangular"] == together["square"]
    figure = plots.table_figure(table)
    first = figure.axes[0]
    lines = [line for line in first.lines if len(line.get_xdata()) > 2]
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in lines}
    assert len(lines) == len(looks) == len(groups)


def test_figure_of_one_row_says_its_range(table):
    tv = [check for check in table if check.name == "tv"]
    title = text_of(plots.table_figure(tv), "title").get_text().replace("\n", " ")
    assert title == "1 of 1 rows hold. tv lies between 0 and 1; a kink at R = 1."


def test_panels_draw_on_the_axes_they_are_given(table):
    record, figure = records.line(), Figure()
    for draw in (plots.plot_histograms, plots.plot_ratio_band, plots.plot_null):
        ax = figure.add_subplot()
        assert draw(record, ax) is ax
    for draw in (plots.plot_generators, plots.plot_conjugates):
        ax = figure.add_subplot()
        assert draw(table, ax) is ax
    ax = figure.add_subplot()
    assert plots.plot_ratio_map(records.ring(), ax) is ax
    for draw in (plots.plot_modes_map, plots.plot_mode_bars):
        ax = figure.add_subplot()
        assert draw(records.ring_modes(), ax) is ax


def test_figure_finds_the_drawing_of_a_record():
    assert len(plots.figure(records.marginals()).axes) == 2
    assert "modes" in text_of(plots.figure(records.ring_modes()), "title").get_text()


def test_nothing_of_matplotlib_is_changed(table):
    before = dict(matplotlib.rcParams)
    plots.figure_bytes(plots.diagnosis_figure(records.ring(16, rows=500)), "svg", COMMAND)
    plots.figure_bytes(plots.table_figure(table[:2]), "pdf")
    assert dict(matplotlib.rcParams) == before


def test_same_record_same_bytes():
    one, two = (
        plots.figure_bytes(plots.diagnosis_figure(records.line(16, 200)), "svg") for _ in range(2)
    )
    assert one == two


def test_colours_of_the_two_sides():
    region = records.line().regions[0]
    assert regions.colour_of(region) == (OVER if region.verdict == "over-produced" else UNDER)
    assert bars.said_of(0.00078) == "0.0008"
