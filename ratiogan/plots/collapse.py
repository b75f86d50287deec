"""Panels of an alternating-minimization run: where all the mass goes, and that it stays there."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patheffects import withStroke

from ratiogan.plots.descent import fill_real, responses
from ratiogan.plots.fields import (
    axis_name,
    colour_bar,
    density_norm,
    draw_map,
    flat_density,
    kept,
    on_plane,
    outline,
    place_axis,
)
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import dress, fraction, label_height, log_axis, mix, new_axes, whole_steps
from ratiogan.trace import place_text

NEXT = "next: all mass goes here"


def collapse_figure(figure, solution, look):
    """The panels of an alternating run: 2 x 2; on the plane three maps, and (d) below them."""
    if on_plane(solution):
        rows = figure.add_gridspec(2, 1, height_ratios=(1.25, 1))
        axes = [*rows[0].subgridspec(1, 3).subplots(), rows[1].subgridspec(1, 1).subplots()]
    else:
        axes = figure.subplots(2, 2).ravel()
    for plot, ax in zip(
        (plot_target, plot_response, plot_positions, plot_cells_in_use), axes, strict=True
    ):
        plot(solution, ax, look)


def places(solution):
    """Where the generator is: the centre of its cell at every recorded step, NaN if spread out.

    Returns
    -------
    ndarray, shape (rows, ndim)
    """
    cells = np.asarray(solution.trace.cell, dtype=np.int64)
    grid = solution.real.grid
    index = np.unravel_index(np.maximum(cells, 0), grid.shape)
    where = np.stack(
        [np.asarray(c, dtype=float)[i] for c, i in zip(grid.centres, index, strict=True)], axis=1
    )
    where[cells < 0] = np.nan
    return where


def first_place(solution):
    """The centre of the cell that all mass goes to in the first step; None without a step."""
    where = places(solution)
    found = np.flatnonzero(np.isfinite(where[:, 0]))
    return where[found[0]] if found.size else None


def plot_target(solution, ax=None, style=None, letter="a"):
    """p_r and the starting p_g, with the place where all mass goes next."""
    ax, look = new_axes(ax, style)
    grid, place = solution.real.grid, first_place(solution)
    if on_plane(solution):
        real = flat_density(solution)
        start = flat_density(solution, kept(solution)[1][0])
        draw_map(
            ax, look, grid, real, f"({letter}) $p_r$; lines: $p_g$, step 0",
            density_norm(real), "viridis",
        )  # fmt: skip
        ax.contour(
            grid.centres[0], grid.centres[1], start.T, 4, colors="white",
            linewidths=0.4 * look.line,
        )  # fmt: skip
        if place is not None:
            _star(ax, look, place)
            _say_place(ax, look, grid, place)
        return ax
    dress(ax, look, f"({letter}) $p_r$ and $p_g$ at step 0", axis_name(grid))
    real, start = solution.real.density, solution.gen.density
    fill_real(ax, look, grid, real)
    colour = look.colour("gen")
    x, y = outline(grid, start)
    ax.plot(x, y, color=colour, linewidth=look.line, linestyle=(0, (6, 1.5)), label="p_g")
    place_axis(ax, grid)
    ax.set_ylim(0, 1.42 * max(real.max(), start.max()))
    centres = grid.centres[0]
    # Each name stands at the highest cell of its density where it is far above the other.
    for density, other, name, role in (
        (real, start, "$p_r$", "real"),
        (start, real, "$p_g$", "gen"),
    ):
        at = int(np.argmax(density - other))
        ax.annotate(
            name, (centres[at], density[at]), xytext=(0, 0.25 * look.text),
            textcoords="offset points", ha="center", va="bottom", fontsize=1.15 * look.text,
            color=look.words(look.colour(role)),
        )  # fmt: skip
    if place is not None:
        _arrow_line(ax, look, grid, place[0])
    return ax


def _arrow_line(ax, look, grid, x):
    """The vertical line at argmax f, with its words at the top on the side that has room."""
    ax.axvline(x, ymax=0.86, color=look.ink, linewidth=0.8 * look.line)
    ax.plot(
        [x], [0.86], marker="v", markersize=3.4 * look.line, color=look.ink, clip_on=False,
        transform=ax.get_xaxis_transform(),
    )  # fmt: skip
    low, high = grid.edges[0][0], grid.edges[0][-1]
    share = (x - low) / (high - low)
    align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
    ax.text(
        x, 0.9, NEXT, transform=ax.get_xaxis_transform(), ha=align, va="bottom",
        fontsize=look.text, color=look.ink, gid="next",
    )  # fmt: skip


def _star(ax, look, place):
    ax.plot(
        [place[0]], [place[1]], marker="*", markersize=8 * look.line, color="#E69F00",
        markeredgecolor="#111111", markeredgewidth=0.4 * look.line, zorder=5,
    )  # fmt: skip


def _say_place(ax, look, grid, place):
    low, high = grid.edges[0][0], grid.edges[0][-1]
    left = place[0] < (low + high) / 2
    bottom = place[1] < (grid.edges[1][0] + grid.edges[1][-1]) / 2
    ax.annotate(
        NEXT.replace("all ", "all\n"), (place[0], place[1]),
        xytext=((0.9 if left else -0.9) * look.text, 0), textcoords="offset points",
        ha="left" if left else "right", va="bottom" if bottom else "top", fontsize=look.text,
        color="#FFFFFF", gid="next", linespacing=1.0,
        path_effects=[withStroke(linewidth=look.text / 5, foreground="#111111")],
    )  # fmt: skip


def plot_response(solution, ax=None, style=None, letter="b"):
    """The discriminator's best response to the starting generator, its choice marked."""
    ax, look = new_axes(ax, style)
    grid, place = solution.real.grid, first_place(solution)
    heading = f"({letter}) discriminator $f^*(R)$, step 0"
    before = responses(solution, kept(solution)[1][:1])
    if before is None:  # an own game: what is kept is the last response
        heading = f"({letter}) discriminator $f^*(R)$, at the end"
    values = np.asarray(solution.discriminator if before is None else before[0], dtype=float)
    finite = values[np.isfinite(values)]
    colour = look.colour("discriminator")
    if on_plane(solution):
        if values.ndim > 2:
            values = np.ma.masked_invalid(values).mean(axis=2).filled(np.nan)
        cmap = LinearSegmentedColormap.from_list(
            "f", [look.ground, colour, mix(colour, "#000", 0.6)]
        )
        norm = Normalize(finite.min(initial=0.0), finite.max(initial=0.0) or 1.0)
        mesh = draw_map(ax, look, grid, values, heading, norm, cmap)
        colour_bar(mesh, ax, look)
        if place is not None:
            _star(ax, look, place)
        return ax
    dress(ax, look, heading, axis_name(grid))
    x, y = outline(grid, values)
    ax.plot(x, y, color=colour, linewidth=look.line, label="f*")
    place_axis(ax, grid)
    low, high = finite.min(initial=0.0), finite.max(initial=1.0)
    span = high - low or 1.0
    ax.set_ylim(low - 0.04 * span, high + 0.16 * span)
    if place is not None and before is not None:
        at = int(np.argmin(np.abs(grid.centres[0] - place[0])))
        ax.axvline(place[0], color=look.ink, linewidth=0.8 * look.line)
        ax.plot(
            place[0], values[at], marker="o", markersize=4 * look.line, color=colour,
            markeredgecolor=look.ink, clip_on=False, zorder=5, gid="argmax",
        )  # fmt: skip
        # For other games than cross-entropy the generator's choice need not be argmax f.
        name = "argmax f" if values[at] >= finite.max() * (1 - 1e-12) else "argmin u(f)"
        row = int(np.argmax(np.asarray(solution.trace.cell) >= 0))
        said = place_text(solution.trace, row, grid)
        if grid.axes[0].kind != "categories":
            said = said.replace("-", "\u2212")
        left = place[0] - x[0] < (x[-1] - x[0]) / 2
        ax.annotate(
            f"{name}: f = {values[at]:.3g} at {said}", (place[0], 0.99),
            xycoords=ax.get_xaxis_transform(), xytext=((0.4 if left else -0.4) * look.text, 0),
            textcoords="offset points", ha="left" if left else "right", va="top",
            fontsize=look.text, color=look.ink,
        )  # fmt: skip
    return ax


def plot_positions(solution, ax=None, style=None, letter="c"):
    """Where the generator is at every step, with p_r along the axis; on the plane, its path."""
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    where = places(solution)
    steps = np.asarray(solution.trace.step)
    there = np.isfinite(where[:, 0])
    colour = look.colour("gen")
    if on_plane(solution):
        real = flat_density(solution)
        draw_map(
            ax, look, grid, real, f"({letter}) path of the generator", density_norm(real), "viridis"
        )
        x, y, colour = where[there, 0], where[there, 1], "#FFFFFF"
    else:
        dress(ax, look, f"({letter}) position of the generator", "step")
        place_axis(ax, grid, "y")
        last = max(int(steps[-1]), 1)
        room = 0.13 * last
        profile_y, profile = outline(grid, solution.real.density)
        left = -room
        ax.fill_betweenx(
            profile_y, left, left + 0.85 * room * profile / profile.max(),
            color=look.colour("real"), alpha=0.35, linewidth=0,
        )  # fmt: skip
        whole_steps(ax, look, last)
        ax.set_xlim(left, 1.02 * last)
        ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= last])
        label_height(ax, look, axis_name(grid))
        top = int(np.argmax(solution.real.density))
        ax.annotate(
            "$p_r$", (left + 0.38 * room, grid.centres[0][top]), ha="center", va="center",
            fontsize=look.text, color=look.words(look.colour("real")),
        )  # fmt: skip
        if not there[0]:
            low, high = _central(grid, solution.gen.mass)
            bottom, top = ax.get_ylim()
            ax.set_ylim(bottom, top + 0.15 * (top - bottom))
            ax.plot(
                [0, 0], [low, high], color=colour, linewidth=1.6 * look.line, alpha=0.6,
                linestyle=(0, (1.2, 0.6)),
            )  # fmt: skip
            ax.annotate(
                "step 0: spread out", (0, 1), xycoords=ax.get_xaxis_transform(),
                xytext=(0, -0.1 * look.text), textcoords="offset points", va="top",
                fontsize=look.text,
                color=look.words(colour),
            )  # fmt: skip
        x, y = steps[there], where[there, 0]
    ax.plot(x, y, color=colour, linewidth=0.35 * look.line, zorder=4)
    small = max(1.2, 3.2 - 0.02 * len(x)) * look.line
    ax.plot(x, y, linestyle="none", marker="o", markersize=small, color=colour, zorder=5)
    # Start hollow, end filled.
    hollow = "#111111" if on_plane(solution) else look.ground
    for place, face, name in ((0, hollow, "start"), (-1, colour, "end")):
        if len(x):
            ax.plot(
                x[place], y[place], marker="o", markersize=1.5 * small, markerfacecolor=face,
                markeredgecolor=colour if name == "start" else hollow,
                markeredgewidth=0.6 * look.line, zorder=6, gid=name, clip_on=False,
            )  # fmt: skip
    return ax


def _central(grid, mass, share=0.95):
    """The interval of a 1-D grid that leaves out equal tails."""
    below = np.cumsum(mass)
    first, last = np.searchsorted(below, [(1 - share) / 2, (1 + share) / 2])
    centres = grid.centres[0]
    return centres[min(first, mass.size - 1)], centres[min(last, mass.size - 1)]


def contrast_of(solution):
    """Steps and cells in use of GLGD on the same problem, up to the last step; None if not kept."""
    trace = solution.trace.columns
    if "glgd_effective_support" not in trace:
        return None
    x = np.asarray(trace["step"], dtype=float)
    y = np.asarray(trace["glgd_effective_support"], dtype=float)
    good = np.isfinite(y)
    return (x[good], y[good]) if good.any() else None


def plot_cells_in_use(solution, ax=None, style=None, letter="d"):
    """exp(entropy of p_g) against step; GLGD on the same problem in grey, for contrast."""
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) cells in use, of {solution.real.grid.size}", "step")
    step = np.asarray(solution.trace.step)
    last = max(int(step[-1]), 1)
    cells = np.maximum(np.asarray(solution.trace.effective_support, dtype=float), 1.0)
    log_axis(ax, 0.8, 1.6 * max(solution.real.grid.size, 2))
    whole_steps(ax, look, last)
    labels = LineLabels(ax, look)
    contrast = contrast_of(solution)
    if contrast is not None:
        x, y = contrast
        grey = look.colour("floor")
        ax.plot(x, y, color=grey, linewidth=look.line, linestyle=(0, (6, 1.5)), label="glgd")
        labels.add(x, y, "GLGD", grey, (0, (6, 1.5)))
    colour = look.colour("gen")
    marker = "o" if step.size <= 40 else None
    ax.plot(
        step, cells, color=colour, linewidth=look.line, marker=marker,
        markersize=2.4 * look.line, label="alternating", clip_on=False, zorder=4,
    )  # fmt: skip
    labels.add(step, cells, "alternating", colour, "-")
    final = cells[-1]
    ax.annotate(
        f"{fraction(final)} cell{'' if final == 1 else 's'}", (step[-1], final),
        xytext=(-0.3 * look.text, 0.5 * look.text), textcoords="offset points", ha="right",
        va="bottom", fontsize=look.text, color=look.words(colour),
    )  # fmt: skip
    return ax
