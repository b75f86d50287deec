"""The figure of `modes`: where they are, which of them the generator covers, R of each."""

import numpy as np
from matplotlib.patheffects import withStroke

from ratiogan.plots.bars import (
    interval_said,
    name_rows,
    note_left_out,
    ratio_rows,
    row_size,
    verdict_mark,
)
from ratiogan.plots.fields import axis_name, density_norm, draw_map, place_axis
from ratiogan.plots.look import dress, label_height, new_axes
from ratiogan.plots.regions import OVER, UNDER, Numbers, level_ticks
from ratiogan.plots.samples import profile, shares

MOST_MODES = 25
# How the mark of a verdict is filled, and how it is written.
MARKS = {
    "covered": ("full", "●"),
    "thinned": ("left", "◐"),
    "MISSING": ("none", "○"),
    "unclear": ("unclear", "◇"),
    "not in real": ("full", "●"),
}


def modes_panels(figure, modes, look):
    """The modes on their map or line beside their bars; only bars for classes."""
    if getattr(modes, "grid", None) is None:
        plot_mode_bars(modes, figure.subplots(), look)
        return
    axes = figure.subplots(1, 2, width_ratios=(1.2, 1))
    draw = plot_modes_line if modes.grid.ndim == 1 else plot_modes_map
    draw(modes, axes[0], look)
    plot_mode_bars(modes, axes[1], look, letter="b")


def mark_of(mode):
    """How the mark of a mode is filled: full, left, none or unclear."""
    return MARKS.get(mode.verdict, MARKS["unclear"])[0]


def colour_of(mode, look):
    """The generator's where covered, blue where too little, red where only gen is, grey unclear."""
    if mode.verdict in ("thinned", "MISSING"):
        return UNDER
    if mode.verdict == "not in real":
        return OVER
    return look.colour("gen") if mode.verdict == "covered" else look.muted


def _key(modes, look):
    """The marks that are there, with their words; in two lines on paper."""
    there = {mode.verdict for mode in modes.modes}
    said = [f"{mark} {verdict}" for verdict, (_, mark) in MARKS.items() if verdict in there]
    lines = [said] if look.width > 0.9 * look.text else [said[:2], said[2:]]
    return "\n".join("    ".join(line) for line in lines if line)


def plot_modes_map(modes, ax=None, style=None, letter="a"):
    """The real density with a mark on every mode: full covered, half thinned, empty missing.

    Parameters
    ----------
    modes : Modes
        On a grid of two axes or three; the third is summed out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = modes.grid
    values = shares(modes.real)
    values = values.sum(axis=tuple(range(2, values.ndim)))
    density = values / np.outer(*(np.diff(edges) for edges in grid.edges[:2]))
    heading = f"({letter}) $p_r$ and its modes"
    draw_map(ax, look, grid, density, heading, density_norm(density), "viridis")
    label_height(ax, look, axis_name(grid, 1))
    ax.set_xlabel(f"{axis_name(grid)}\n{_key(modes, look)}", linespacing=1.4)
    ax.set_anchor("N")
    for number in (0, 1):
        level_ticks(ax, look, grid.axes[number], number, 0.5 * look.height)
    rim = [withStroke(linewidth=1.8 * look.line, foreground="#111111")]
    numbers = Numbers(ax, look)
    size = 0.9 * look.text
    for mode in modes.modes:
        x, y = mode.centre[:2]
        verdict_mark(ax, look, x, y, "#FFFFFF", mark_of(mode), size, ground="none", rim=rim)
        _beside(numbers, mode, x, y)
    return ax


def _beside(numbers, mode, x, y):
    """The number of a mode, on whichever side of its mark there is room."""
    far = 0.7 + 0.35 * len(str(mode.number))
    sides = ((far, 0), (-far, 0), (0, 1.1), (0, -1.1), (far, 0.9), (-far, 0.9))
    places = [(x, y, *side) for side in sides]
    numbers.add(str(mode.number), places)


def plot_modes_line(modes, ax=None, style=None, letter="a"):
    """The real histogram with a mark on every mode, as on a map."""
    ax, look = new_axes(ax, style)
    grid = modes.grid
    dress(ax, look, f"({letter}) $p_r$ and its modes", axis_name(grid))
    place_axis(ax, grid)
    edges = grid.edges[0]
    density = shares(modes.real) / np.diff(edges)
    x, y = profile(edges, density)
    colour = look.colour("real")
    ax.fill_between(x, y, color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, y, color=colour, linewidth=0.6 * look.line, label="p_r")
    top = float(density.max(initial=0.0)) or 1.0
    ax.set_ylim(0, 1.2 * top)
    ax.set_xlabel(f"{axis_name(grid)}\n{_key(modes, look)}", linespacing=1.4)
    level_ticks(ax, look, grid.axes[0], 0, 0.5 * look.width)
    numbers = Numbers(ax, look)
    for mode in modes.modes:
        x = float(np.atleast_1d(mode.centre)[0])
        cell = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, density.size - 1)
        y = float(density[cell])
        verdict_mark(
            ax, look, x, y, colour_of(mode, look), mark_of(mode), 0.9 * look.text
        )  # fmt: skip
        numbers.add(
            str(mode.number), [(x, y, dx, dy) for dx, dy in ((0, 1.1), (0, 2.1), (1, 0), (-1, 0))],
            look.ink,
        )  # fmt: skip
    return ax


def plot_mode_bars(modes, ax=None, style=None, letter="a"):
    """R of every mode or class with its interval, in the order of the table.

    Lines at 1 and at the thresholds below which a mode is missing or thinned, above which it is
    covered.
    """
    ax, look = new_axes(ax, style)
    percent = f"{100 * modes.level:.4g}%"
    dotted = (
        f"dotted: missing {modes.missing:g}, covered {modes.covered:g}, thinned {modes.thinned:g}"
    )
    name = f"R = gen / real\n{dotted}"
    dress(ax, look, f"({letter}) R with {percent} interval", name, grid="x")
    shown = list(modes.modes)[:MOST_MODES]
    size = row_size(look, len(shown))
    numbered = getattr(modes, "grid", None) is not None
    rows = [
        (
            "", mode.ratio, mode.ci, colour_of(mode, look), mark_of(mode),
            f"{interval_said(mode.ratio, mode.ci)}  {mode.verdict}",
        )
        for mode in shown
    ]  # fmt: skip
    ratio_rows(ax, look, rows, (1.0, modes.covered, modes.thinned, modes.missing), size)
    names = [str(mode.number) if numbered else mode.label for mode in shown]
    name_rows(ax, look, names, 24, size)
    note_left_out(ax, len(modes.modes) - len(shown))
    return ax
