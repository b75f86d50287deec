"""Panels of a W1: distribution functions, critic, rays of the plan, and the shrinking interval."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.fields import (
    FEW_CELLS,
    axis_name,
    colour_bar,
    density_norm,
    draw_map,
    flat_mass,
    place_axis,
    thin,
)
from ratiogan.plots.look import DASHES, dress, label_height, new_axes, set_ticks

MOST_RAYS = 60
MOST_BARS = 24


def distance_figure(figure, result, look):
    """The panels of a `Wasserstein`: two on the line, four on the plane."""
    if result.grid.ndim == 1:
        upper, lower = figure.subplots(2, 1, sharex=True)
        plot_distributions(result, upper, look)
        plot_line_critic(result, lower, look)
        return
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.05))
    left = halves[0].subgridspec(2, 1, height_ratios=(1, 0.95))
    plot_masses(result, left[0].subgridspec(1, 2).subplots(), look)
    plot_interval(result, figure.add_subplot(left[1].subgridspec(1, 1)[0]), look)
    plot_rays(result, figure.add_subplot(halves[1].subgridspec(1, 1)[0]), look)


def plot_distributions(result, ax=None, style=None, letter="a"):
    """Both distribution functions, the area between them shaded: that is W1.

    Parameters
    ----------
    result : Wasserstein
        On a grid of one axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = result.grid
    dress(ax, look, f"({letter}) distribution functions; the area between them is $W_1$")
    place_axis(ax, grid)
    ax.set_ylim(-0.03, 1.03)
    x = grid.edges[0]
    real, gen = (np.concatenate([[0.0], side.cdf]) for side in (result.real, result.gen))
    if result.mass == "centre":
        # All the mass of a cell at its centre: a step there.
        x = np.repeat(grid.centres[0], 2)
        real, gen = (np.repeat(side, 2)[1:-1] for side in (real, gen))
        x, real, gen = (
            np.concatenate([[first], line, [last]])
            for line, first, last in ((x, *grid.edges[0][[0, -1]]), (real, 0, 1), (gen, 0, 1))
        )
    ax.fill_between(
        x, real, gen, color=look.colour("discriminator"), alpha=0.25, linewidth=0, gid="W1"
    )
    place = int(np.argmax(np.abs(real - gen)))
    for line, other, role, name, dash in (
        (real, gen, "real", "$F_r$", "-"),
        (gen, real, "gen", "$F_g$", DASHES[1]),
    ):
        colour = look.colour(role)
        ax.plot(
            *(thin(x, line) if grid.size > FEW_CELLS else (x, line)),
            color=colour, linestyle=dash, linewidth=look.line, label=name,
        )  # fmt: skip
        # Where they are furthest apart, the upper one to its upper left, the other below it.
        up = line[place] > other[place] or (line[place] == other[place] and role == "real")
        ax.annotate(
            name, (x[place], line[place]), xytext=(-0.5 if up else 0.5, 0.3 if up else -0.3),
            textcoords="offset fontsize", ha="right" if up else "left",
            va="bottom" if up else "top", fontsize=look.text, color=look.words(colour),
        )  # fmt: skip
    return ax


def plot_line_critic(result, ax=None, style=None, letter="b"):
    """The critic on the line, shaded where its slope is +1."""
    ax, look = new_axes(ax, style)
    grid = result.grid
    dress(ax, look, f"({letter}) critic $f$, $E_r[f] = 0$; slope +1 where shaded", axis_name(grid))
    place_axis(ax, grid)
    low, high = grid.edges[0][[0, -1]]
    x = np.unique(np.concatenate([np.linspace(low, high, 400), grid.centres[0]]))
    f = result.critic_at(x)
    room = 0.08 * float(np.ptp(f)) or 1.0
    ax.set_ylim(f.min() - room, f.max() + room)
    colour = look.colour("discriminator")
    rises = np.append(np.diff(f) > 0.5 * np.diff(x), False)
    ax.fill_between(
        x, 0, 1, where=rises | np.append(False, rises[:-1]), color=colour, alpha=0.14, linewidth=0,
        transform=ax.get_xaxis_transform(), gid="slope +1",
    )  # fmt: skip
    ax.plot(*thin(x, f), color=colour, linewidth=look.line, label="critic")
    ax.axhline(0.0, color=look.muted, linewidth=look.line / 4)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return ax


def plot_masses(result, maps, style=None, letters="ab"):
    """p_r and p_g on one scale, in the two axes `maps`; a third axis is summed out."""
    _, look = new_axes(maps[0], style)
    grid = result.grid
    area = np.outer(*(np.diff(edges) for edges in grid.edges[:2]))
    sides = [flat_mass(side.mass) / area for side in (result.real, result.gen)]
    norm = density_norm(*sides)
    for ax, values, name, letter in zip(maps, sides, ("p_r", "p_g"), letters, strict=True):
        draw_map(ax, look, grid, values, f"({letter}) ${name}$", norm, "viridis")
    label_height(maps[0], look, axis_name(grid, 1))
    maps[1].tick_params(labelleft=False)
    return maps


def plot_rays(result, ax=None, style=None, letter="d"):
    """Map of the critic with the 60 heaviest rays of the plan, where there is one.

    A ray runs from where p_g has too much (hollow) to where p_r has more (full); its width grows
    with its mass. Along it the critic rises by its length. Of three axes the critic is the mean
    over the last.
    """
    ax, look = new_axes(ax, style)
    grid, f = result.grid, result.critic
    averaged = ""
    if f.ndim > 2:
        f, averaged = f.mean(axis=2), f"mean over {axis_name(grid, 2)}; "
    most = float(np.abs(f).max()) or 1.0
    rays = rays_of(result)
    rays_too = "" if rays is None else f", {len(rays)} heaviest rays"
    heading = f"({letter}) critic $f${rays_too}"
    mesh = draw_map(ax, look, grid, f, heading, Normalize(-most, most), "BrBG")
    ax.set_anchor("N")
    label_height(ax, look, axis_name(grid, 1))
    colour_bar(mesh, ax, look)
    if rays is not None and len(rays):
        origin, destination, mass = rays.origin, rays.destination, rays.mass
        width = look.line * (0.15 + 0.45 * np.sqrt(mass / mass.max()))
        pairs = np.stack([origin, destination], axis=1)
        ax.add_collection(
            LineCollection(pairs, colors=look.fade("#111111", 0.8), linewidths=width, gid="rays")
        )
        size = 12 * look.line * width
        ax.scatter(
            *origin.T, s=size, facecolor="#FFFFFF", edgecolor=look.colour("gen"), zorder=3,
            linewidth=0.4 * look.line, gid="origins",
        )  # fmt: skip
        ax.scatter(
            *destination.T, s=size, facecolor=look.colour("real"), edgecolor="#FFFFFF", zorder=3.1,
            linewidth=0.2 * look.line, gid="destinations",
        )  # fmt: skip
        ax.set_xlabel(
            f"{axis_name(grid, 0)}\n{averaged}mass goes from hollow to full dots",
            fontsize=look.text, color=look.ink, linespacing=1.4,
        )  # fmt: skip
    return ax


class Rays:
    """The heaviest rays of a plan on the first two axes: `origin`, `destination` (n, 2), `mass`."""

    def __init__(self, origin, destination, mass):
        self.origin, self.destination, self.mass = origin, destination, mass

    def __len__(self):
        return len(self.mass)


def rays_of(result, most=MOST_RAYS):
    """The `most` heaviest rays of the plan of a `Wasserstein`; None without a plan."""
    if result.plan is None:
        return None
    heavy = np.sort(np.argsort(-result.plan.mass, kind="stable")[:most])
    ends = []
    for cells in (result.plan.origin[heavy], result.plan.destination[heavy]):
        index = np.unravel_index(cells, result.grid.shape)[:2]
        places = zip(result.grid.centres[:2], index, strict=True)
        ends.append(np.stack([centres[at] for centres, at in places], axis=1))
    return Rays(*ends, result.plan.mass[heavy])


def intervals(result):
    """Steps, and the best lower and upper bound up to each: both only get better.

    Returns
    -------
    steps, lower, upper : array (n,)
    """
    history = np.asarray(result.history, dtype=float).reshape(-1, 3)
    if not len(history):
        history = np.array([[result.n_steps, result.lower, result.upper]])
    steps = history[:, 0]
    lower, upper = np.maximum.accumulate(history[:, 1]), np.minimum.accumulate(history[:, 2])
    lower[-1], upper[-1] = max(lower[-1], result.lower), min(upper[-1], result.upper)
    if len(steps) > MOST_BARS:
        chosen = np.geomspace(1, len(steps), MOST_BARS).round().astype(int) - 1
        chosen = np.unique(chosen)
        steps, lower, upper = steps[chosen], lower[chosen], upper[chosen]
    return steps, lower, upper


def plot_interval(result, ax=None, style=None, letter="c"):
    """The interval that holds W1, as an error bar that shrinks over the steps."""
    ax, look = new_axes(ax, style)
    steps, lower, upper = intervals(result)
    dress(ax, look, f"({letter}) interval that holds $W_1$, at step")
    colour = look.colour("prediction")
    # One place per look: a round of the network simplex narrows more than many steps before it.
    places = np.arange(len(steps))
    ax.set_xlim(-0.5, len(steps) - 0.5)
    every = -(-len(steps) // 8)
    shown = places[::-1][::every]
    set_ticks(ax, [(float(at), f"{steps[at]:.0f}") for at in shown[::-1]], which="x")
    ax.axhspan(lower[-1], upper[-1], color=look.colour("floor"), alpha=0.3, linewidth=0)
    half = 0.5 * (upper - lower)
    ax.errorbar(
        places, lower + half, yerr=half, fmt="none", ecolor=colour, elinewidth=0.7 * look.line,
        capsize=2.2 * look.line, capthick=0.7 * look.line, gid="interval",
    )  # fmt: skip
    # The first bars may reach far: what is told is how the later ones close in.
    middle = 0.5 * (lower[-1] + upper[-1])
    reach = max(float(np.quantile(upper - lower, 0.75)), 3 * float(upper[-1] - lower[-1]))
    reach = reach or 0.1 * middle or 1.0
    ax.set_ylim(middle - reach, middle + reach)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.ticklabel_format(axis="y", useOffset=False)
    return ax
