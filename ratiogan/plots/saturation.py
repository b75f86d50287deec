"""Panels of `saturation`: the optimal discriminator, the critic, and the slopes of their losses."""

import numpy as np
from matplotlib.patheffects import withStroke

from ratiogan.plots.fields import axis_name, outline, place_axis, thin
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import PREDICTED, dress, log_axis, log_ticks, new_axes, set_ticks

GHOST = 0.4  # height of the densities behind a line, as a share of the panel
DEPTH = 1e-30  # of the steepest slope: what is flatter is drawn at the bottom
BELOW = 0.08  # room below the least slope for one of exactly 0, as a share of the axis
# Colour and dashes of a loss; the critic has the colour of f.
LOSSES = (("#E69F00", (0, (6, 1.5))), ("#56B4E9", (0, (1.2, 1.2))), ("#009E73", "-"))
NAMES = {"log(1-D*)": "$\\log(1-D^*)$", "-log D*": "$-\\log D^*$", "-f*": "critic, $-f^*$"}


def saturation_panels(figure, found, look):
    """D* and the critic above, the slopes of the three losses below."""
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.15))
    upper = rows[0].subgridspec(1, 2).subplots()
    plot_optimal_discriminator(found, upper[0], look)
    plot_optimal_critic(found, upper[1], look)
    plot_slopes(found, rows[1].subgridspec(1, 1).subplots(), look)


def plot_optimal_discriminator(found, ax=None, style=None, letter="a"):
    """D* = p_r/(p_r + p_g) over both densities, which have a scale of their own.

    Parameters
    ----------
    found : Saturation
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = found.real.grid
    dress(ax, look, f"({letter}) optimal discriminator $D^*$ over $p_r$, $p_g$", axis_name(grid))
    place_axis(ax, grid)
    ax.set_ylim(-0.04, 1.04)
    _ghosts(ax, look, found, names=True)
    x, y = outline(grid, found.discriminator)
    colour = look.colour("discriminator")
    ax.plot(x, y, color=colour, linewidth=look.line, label="D*")
    labels = LineLabels(ax, look)
    labels.add(x, y, "$D^*$", colour)
    return ax


def plot_optimal_critic(found, ax=None, style=None, letter="b"):
    """The critic f* of W1, shaded where its slope is +1."""
    ax, look = new_axes(ax, style)
    grid = found.real.grid
    heading = f"({letter}) critic $f^*$ of $W_1$"
    rises = found.critic_slope > 0
    if rises.any():
        heading += "; slope +1 where hatched"
    dress(ax, look, heading, axis_name(grid))
    place_axis(ax, grid)
    low, high = float(found.critic.min()), float(found.critic.max())
    room = 0.08 * (high - low) or 1.0
    ax.set_ylim(low - room, high + room)
    _ghosts(ax, look, found)
    colour = look.colour("discriminator")
    if rises.any():
        edges = np.concatenate([grid.edges[0][:1], found.places, grid.edges[0][-1:]])
        up = np.concatenate([rises[:1], rises, rises[-1:]])
        ax.fill_between(
            edges, 0, 1, where=up, step="mid", facecolor="none", edgecolor=look.grid, hatch="//",
            linewidth=0, transform=ax.get_xaxis_transform(), gid="slope +1", zorder=0.5,
        )  # fmt: skip
    ax.plot(*thin(grid.centres[0], found.critic), color=colour, linewidth=look.line, label="f*")
    LineLabels(ax, look).add(grid.edges[0][-1:], found.critic[-1:], "$f^*$", colour)
    return ax


def plot_slopes(found, ax=None, style=None, letter="c"):
    """The size of the slope of each loss, on a log axis.

    A slope of exactly 0 stands at the bottom; where a loss is infinite its line is broken.
    """
    ax, look = new_axes(ax, style)
    grid = found.real.grid
    heading = "what a generator sees: the size of the slope of each loss"
    dress(ax, look, f"({letter}) {heading}", axis_name(grid))
    place_axis(ax, grid)
    low, high, with_zero = slope_limits(found)
    log_axis(ax, low, high)
    if with_zero:
        clear = low * (high / low) ** BELOW
        ticks = [tick for tick in log_ticks(low, high) if tick[0] > clear]
        set_ticks(ax, [(low, "0"), *ticks])
    _ghosts(ax, look, found, names=True)
    labels = LineLabels(ax, look)
    for slope, (colour, dash) in zip(found.losses, LOSSES, strict=True):
        sizes = np.abs(slope.values)
        drawn = np.where(np.isfinite(sizes), np.where(sizes == 0, low, sizes), np.nan)
        within = bool(np.nanmin(drawn, initial=low) >= low)
        ax.plot(
            *thin(found.places, drawn), color=colour, linestyle=dash, linewidth=1.2 * look.line,
            label=slope.loss, clip_on=not within,
        )  # fmt: skip
        seen = np.flatnonzero(drawn >= low)
        if not seen.size:
            continue
        last = seen[-1]
        at_end = last == len(drawn) - 1
        remarks = {
            "0": sizes[last] == 0,
            "flatter beyond": not at_end and drawn[last + 1] < low,
            "none beyond": not at_end and np.isnan(drawn[last + 1]),
        }
        said = ", ".join(remark for remark, holds in remarks.items() if holds)
        name = NAMES[slope.loss] + (f": {said}" if said else "")
        x = grid.edges[0][-1:] if at_end else found.places[last : last + 1]
        labels.add(x, drawn[last : last + 1], name, colour, dash)
    return ax


def slope_limits(found):
    """Limits of a log axis for the slopes, and whether it has a place for 0 at the bottom.

    Returns
    -------
    low, high : float
        At most 30 decades apart.
    with_zero : bool
    """
    values = np.concatenate([np.abs(slope.values) for slope in found.losses])
    with_zero = bool(np.any(values == 0))
    values = values[np.isfinite(values) & (values > 0)]
    high = 2.0 * float(values.max(initial=0.0)) or 2.0
    low = max(float(values.min(initial=high)), DEPTH * high)
    low = 10.0 ** np.floor(np.log10(min(low, 1e-2 * high)))
    # Without a zero a little room too: no number of one axis beside that of the other.
    return low * (high / low) ** -(BELOW if with_zero else 0.5 * BELOW), high, with_zero


def _ghosts(ax, look, found, names=False):
    """Both densities as pale areas at the foot of the panel, on a scale of their own."""
    grid = found.real.grid
    centres = grid.centres[0]
    top = max(found.real.density.max(), found.gen.density.max()) / GHOST
    taken = np.nan
    for side, density, name, dash in (
        ("gen", found.gen.density / top, "$p_g$", PREDICTED),
        ("real", found.real.density / top, "$p_r$", "-"),
    ):
        colour = look.colour(side)
        x, y = outline(grid, density)
        foot = {"transform": ax.get_xaxis_transform(), "color": colour}
        ax.fill_between(x, y, alpha=0.2, linewidth=0, zorder=0.8, gid=name, **foot)
        ax.plot(x, y, linewidth=look.line / 3, linestyle=dash, zorder=0.9, **foot)
        if names:
            place = _middle(np.where(np.abs(centres - taken) < 0.1 * np.ptp(x), 0, density))
            taken = centres[place]
            # Inside the area if it is high enough, else above it.
            y = 0.42 * density[place] if density[place] > 0.6 * GHOST else density[place] + 0.09
            ax.text(
                taken, y, name, ha="center", va="center", fontsize=1.2 * look.text,
                color=look.words(colour), transform=ax.get_xaxis_transform(),
                path_effects=[withStroke(linewidth=look.text / 6, foreground=look.ground)],
            )  # fmt: skip


def _middle(density):
    """The cell in the middle of what is highest, be it a point or a plateau."""
    highest = np.flatnonzero(density >= 0.999 * density.max())
    highest = highest[highest - highest[0] == np.arange(highest.size)]
    return highest[highest.size // 2]
