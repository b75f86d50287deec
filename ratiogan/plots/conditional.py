"""Panels of a conditional run: the joint densities, log R on (x, y), and the JSD of every x."""

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from ratiogan.grid import Grid
from ratiogan.plots.descent import plot_convergence
from ratiogan.plots.fields import (
    axis_name,
    density_norm,
    draw_map,
    flat_density,
    flat_mass,
    flat_ratio,
    gen_mass,
    kept,
    outline,
    place_axis,
    ratio_colour_bar,
    ratio_norm,
)
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import DASHES, PREDICTED, dress, label_height, new_axes
from ratiogan.solvers.conditional import likely_rows
from ratiogan.text import significant
from ratiogan.trace import x_name, x_text

_MANY_STEPS = 10_000  # so many take too much room in words
_WIDEST = 24  # letters of a line in the panel of the error
_ROOM = 0.56  # of the height of the panel for the lines: the rest is for three lines of text


def conditional_figure(figure, solution, look):
    """The panels of a conditional run: five maps in a row, JSD by x and the error below."""
    grid = with_letters(solution.real.grid)
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.05))
    maps = list(rows[0].subgridspec(1, 5).subplots())
    steps, ratios = kept(solution)
    chosen = sorted({0, len(steps) - 1})
    real = flat_density(solution)
    start = flat_density(solution, ratios[0])
    norm = density_norm(real, start)
    shown = [("$p_r(x, y)$", real)]
    shown += [
        (f"$p_g$, step {_short_step(steps[i])}", flat_density(solution, ratios[i])) for i in chosen
    ]
    for number, (name, values) in enumerate(shown):
        draw_map(maps[number], look, grid, values, f"({'abc'[number]}) {name}", norm, "viridis")
    fields = [flat_ratio(solution, ratios[i]) for i in chosen]
    norm = ratio_norm(flat_mass(solution.real.mass), fields[:1])
    last = len(shown) + len(fields)
    for number, (i, ratio) in enumerate(zip(chosen, fields, strict=True), len(shown)):
        heading = f"({'abcde'[number]}) R, step {_short_step(steps[i])}"
        mesh = draw_map(maps[number], look, grid, ratio, heading, norm, "RdBu_r")
    label_height(maps[0], look, axis_name(grid, 1))
    for ax in maps[1:]:
        ax.tick_params(labelleft=False)
    for ax in maps[last:]:
        ax.remove()
    ratio_colour_bar(mesh, maps[last - 1], look)
    below = rows[1].subgridspec(1, 2, wspace=0.12).subplots()
    plot_conditionals(solution, below[0], look, "abcdef"[last])
    plot_convergence(solution, below[1], look, "bcdefg"[last])
    _fit(below[1], steps[-1])


def _fit(ax, last):
    """Words and ticks of the error's panel, half as wide as that of `glgd`, for a long run."""
    if last >= _MANY_STEPS:
        ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    for text in ax.texts:
        lines = text.get_text().split("\n")
        if text.get_gid() != "rate" or max(map(len, lines)) <= _WIDEST:
            continue
        folded = [line.replace(" per step", "\nper step") for line in lines]
        text.set_text("\n".join(folded))
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.15)


def _short_step(step):
    """The number of a step as it fits above a small map.

    Examples
    --------
    >>> [_short_step(n) for n in (133, 9999, 100_000, 12_345, 2_500_000)]
    ['133', '9999', '100k', '12.3k', '2.5M']
    """
    if step < _MANY_STEPS:
        return str(step)
    unit, letter = (1e6, "M") if step >= 1e6 else (1e3, "k")
    return f"{significant(step / unit)}{letter}"


def with_letters(grid):
    """The grid with axes called x and y where nobody gave them a name."""
    letters = ("x", "y") if grid.ndim == 2 else ("x", "y0", "y1")
    names = [
        letter if axis.name in ("", f"y{i}") else axis.name
        for i, (axis, letter) in enumerate(zip(grid.axes, letters, strict=True))
    ]
    levels = [axis.levels for axis in grid.axes]
    return Grid(grid.edges, names, [axis.kind for axis in grid.axes], levels)


def conditional_divergences(real, gen):
    """The JSD of p_g(y|x) and p_r(y|x) for every x, nats; NaN where one of them has no mass.

    Parameters
    ----------
    real, gen : ndarray
        Masses; x is the first axis.

    Examples
    --------
    >>> conditional_divergences(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[3.0, 3.0], [1, 0]]))
    array([0.        , 0.21576155])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = (
            rows / rows.sum(axis=1, keepdims=True)
            for rows in (mass.reshape(len(mass), -1) for mass in (real, gen))
        )
        middle = 0.5 * (p + q)
        parts = [np.where(side > 0, side * np.log(side / middle), 0.0 * side) for side in (p, q)]
        return np.maximum(0.5 * (parts[0] + parts[1]).sum(axis=1), 0.0)


def conditional_rows(solution, ratios):
    """`conditional_divergences` of p_r and each R p_r."""
    mass = solution.real.mass
    return [conditional_divergences(mass, gen_mass(solution, ratio)) for ratio in ratios]


def plot_conditionals(solution, ax=None, style=None, letter="f"):
    """The JSD of p(y|x) against x at the start, on the way and at the end; its worst x marked.

    The worst of the likeliest x, which hold 99.9 % of p_r(x): in tails the line may be higher.

    Dashed the average over p(x) at the start, and the JSD of the y-marginals there, which says
    little about either.

    Parameters
    ----------
    solution : Solution
        Of `conditional`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.
    letter : str
        Of the panel.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = with_letters(solution.real.grid)
    dress(ax, look, f"({letter}) JSD of p(y|x), nats", axis_name(grid))
    steps, ratios = kept(solution)
    rows = conditional_rows(solution, ratios)
    chosen = _told_apart(rows)
    highest = max(float(np.nanmax(rows[i], initial=0.0)) for i in chosen)
    top = max(highest, 1e-12) / _ROOM
    labels = LineLabels(ax, look)
    for order, i in enumerate(chosen):
        share = order / max(1, len(chosen) - 1)
        final = i == len(rows) - 1
        shade = look.fade(look.colour("gen"), share if len(chosen) > 1 else 1.0)
        dash = "-" if final else DASHES[1 + order % (len(DASHES) - 1)]
        x, y = outline(grid, rows[i])
        ax.plot(x, y, color=shade, linestyle=dash, linewidth=look.line, label=f"step {steps[i]}")
        labels.add(grid.edges[0][-1], y[np.isfinite(y)][-1:], f"step {steps[i]}", shade, dash)
    place_axis(ax, grid)
    ax.set_ylim(-0.04 * top, top)
    # Above the lines there are words: no tick says that a JSD may lie there, beyond log 2 even.
    ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0.0, max(highest, 1e-12))
    ax.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if 0 <= tick <= highest]))
    average = solution.trace.js[0]
    ax.axhline(average, color=look.ink, linestyle=PREDICTED, linewidth=0.6 * look.line)
    said = [
        f"average {_short(average)} (dashed)",
        f"y-marginals {_short(solution.trace.js_marginal[0])}",
    ]
    likely = likely_rows(flat_x(solution))
    if np.nanmax(rows[0], initial=0.0) > 0:
        worst = int(np.nanargmax(np.where(likely, rows[0], -1.0)))
        x = float(grid.centres[0][worst])
        ax.plot(
            x, rows[0][worst], "o", color=look.colour("gen"), markersize=3 * look.line,
            clip_on=False, zorder=5, gid="worst",
        )  # fmt: skip
        said.insert(0, f"worst at {x_name(grid.axes[0])} = {x_text(x, grid.axes[0])} (dot)")
    said[0] = f"step {steps[0]}: {said[0]}"
    ax.text(
        0.02, 0.99, "\n".join(said), transform=ax.transAxes, va="top", fontsize=look.text,
        color=look.ink, linespacing=1.15, gid="levels",
    )  # fmt: skip
    return ax


def flat_x(solution):
    """p_r(x) as masses."""
    mass = solution.real.mass
    return mass.reshape(len(mass), -1).sum(axis=1)


def _told_apart(rows, most=4):
    """Indices of the first and last row, and of some between whose mean falls by a half each."""
    means = [float(np.nanmean(row)) for row in rows]
    chosen = [0]
    for i in range(1, len(rows) - 1):
        if len(chosen) < most - 1 and means[i] <= 0.5 * means[chosen[-1]]:
            chosen.append(i)
    return sorted({*chosen, len(rows) - 1})


def _short(value):
    return "0" if value < 1e-15 else f"{value:.2g}"
