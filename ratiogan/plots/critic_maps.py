"""Panels of a Wasserstein run on the plane: maps of densities, critic and slope; W1 by step."""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.descent import positive
from ratiogan.plots.fields import (
    axis_name,
    colour_bar,
    density_norm,
    draw_map,
    flat_density,
    kept,
)
from ratiogan.plots.look import label_height, new_axes
from ratiogan.plots.transport import cost_lines, plot_cost

CONTOURS = 9  # lines of equal f, at most


def critic_map_figure(figure, solution, look):
    """The panels of `wglgd` on a grid: five maps in a row, W1 below."""
    grid = solution.real.grid
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.05))
    maps = list(rows[0].subgridspec(1, 5).subplots())
    steps, ratios = kept(solution)
    shown = [
        ("$p_r$", flat_density(solution)),
        (f"$p_g$, step {steps[0]}", flat_density(solution, ratios[0])),
        (f"$p_g$, step {steps[-1]}", flat_density(solution, ratios[-1])),
    ]
    # The scale is that of p_r and of the start: a peak that a step leaves would hide both.
    norm = density_norm(*(values for _, values in shown[:2]))
    for ax, letter, (name, values) in zip(maps[:3], "abc", shown, strict=True):
        draw_map(ax, look, grid, values, f"({letter}) {name}", norm, "viridis")
    plot_critic_map(solution, maps[3], look)
    plot_slope_map(solution, maps[4], look)
    label_height(maps[0], look, axis_name(grid, 1))
    for ax in maps[1:]:
        ax.tick_params(labelleft=False)
    plot_bounds(solution, rows[1].subgridspec(1, 1).subplots(), look)


def plane_critic(solution):
    """The critic on the first two axes: its mean over a third one."""
    f = np.asarray(solution.discriminator)
    return f.mean(axis=2) if f.ndim > 2 else f


def slopes(solution):
    """|slope| of the critic in the cells, by differences of neighbours; its mean over a third axis.

    Returns
    -------
    array (n0, n1)
        At most 1, up to what differences miss: between cells they see up to 1.08, in the corners
        of the grid, where they are one-sided, up to sqrt(2).
    """
    f = np.asarray(solution.discriminator)
    parts = [
        np.gradient(f, centres, axis=axis)
        for axis, centres in enumerate(solution.real.grid.centres)
        if centres.size > 1
    ]
    size = np.sqrt(sum((part**2 for part in parts), np.zeros(f.shape)))
    return size.mean(axis=2) if size.ndim > 2 else size


def plot_critic_map(solution, ax=None, style=None, letter="d"):
    """The critic at the end as a map, with lines of equal f; the line f = 0 is the thicker.

    Parameters
    ----------
    solution : Solution
        Of `wglgd`, on a grid of 2 or 3 axes; of three the mean over the last.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid, f = solution.real.grid, plane_critic(solution)
    most = float(np.nanmax(np.abs(f))) or 1.0
    heading = f"({letter}) critic $f$"
    mesh = draw_map(ax, look, grid, f, heading, Normalize(-most, most), "BrBG")
    if min(f.shape) > 1 and np.ptp(f) > 0:
        levels = MaxNLocator(CONTOURS - 1, steps=[1, 2, 5, 10]).tick_values(f.min(), f.max())
        widths = [look.line * (0.5 if abs(level) < 1e-12 * most else 0.22) for level in levels]
        ax.contour(
            *grid.centres[:2], f.T, levels=levels, colors="#111111", linewidths=widths,
            linestyles="-", alpha=0.8,
        )  # fmt: skip
    colour_bar(mesh, ax, look)
    return ax


def plot_slope_map(solution, ax=None, style=None, letter="e"):
    """|slope| of the critic: 1 wherever mass has to pass, less only where none does.

    Parameters
    ----------
    solution : Solution
        As for `plot_critic_map`.
    ax, style : optional
        As for `plot_critic_map`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    heading = f"({letter}) $|$slope of $f|$"
    mesh = draw_map(ax, look, grid, slopes(solution), heading, Normalize(0, 1), "magma")
    colour_bar(mesh, ax, look)
    return ax


def plot_bounds(solution, ax=None, style=None, letter="f"):
    """W1 against step on log axes, from below as a line, up to the bound from above shaded.

    Dashed (alpha/2) Var f, at which no step gets nearer.

    Parameters
    ----------
    solution : Solution
        As for `plot_critic_map`.
    ax, style : optional
        As for `plot_critic_map`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    plot_cost(solution, ax, look, letter)
    if "upper" not in solution.trace:
        return ax  # but one axis with more than one cell: W1 is exact
    ax.set_title(
        f"({letter}) $W_1$ before each step: a bound from below, shaded up to one from above",
        loc="left", fontsize=look.text, color=look.ink, pad=0.35 * look.text,
    )  # fmt: skip
    step, low, _ = cost_lines(solution)
    ax.fill_between(
        step, low, positive(solution.trace.upper), color=look.colour("gen"), alpha=0.35,
        linewidth=0, gid="interval",
    )  # fmt: skip
    return ax
