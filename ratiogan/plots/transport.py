"""Panels of a Wasserstein run: the critic with its slopes, and W1 against step."""

import numpy as np

from ratiogan.plots.descent import plot_densities, positive
from ratiogan.plots.fields import axis_name, kept, place_axis, shown_steps, thin
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import DASHES, PREDICTED, dress, log_axis, new_axes
from ratiogan.transport.line import line_critics

MOST_CRITICS = 4  # lines that can be told apart


def transport_figure(figure, solution, look):
    """The panels of a Wasserstein run on the line: two above, W1 below."""
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1))
    upper = rows[0].subgridspec(1, 2).subplots()
    plot_densities(solution, upper[0], look)
    plot_critic(solution, upper[1], look)
    plot_cost(solution, rows[1].subgridspec(1, 1).subplots(), look)


def critics(solution, ratios):
    """The critic to each of `ratios` on the cells of the run, straight across cells without p_r.

    Parameters
    ----------
    solution : Solution
        On a grid of one axis.
    ratios : sequence of array (N,)

    Returns
    -------
    array (K, N)
    """
    centres = solution.real.grid.centres[0]
    here = solution.real.mass > 0
    real = solution.real.mass[here]
    rows = np.array([real * np.asarray(ratio)[here] for ratio in ratios])
    _, found = line_critics(real / real.sum(), rows / rows.sum(axis=1)[:, None], centres[here])
    return np.array([np.interp(centres, centres[here], row) for row in found])


def plot_critic(solution, ax=None, style=None, letter="b"):
    """The critic at the start and later, shaded where the slope of the last one is +1.

    Parameters
    ----------
    solution : Solution
        Of `wglgd`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    dress(ax, look, f"({letter}) critic $f$; slope +1 where shaded", axis_name(grid))
    place_axis(ax, grid)
    steps, ratios = kept(solution)
    chosen = np.asarray(shown_steps(steps))
    if len(chosen) > MOST_CRITICS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_CRITICS).round().astype(int)]
    rows = critics(solution, [ratios[index] for index in chosen])
    low, high = float(rows.min()), float(rows.max())
    room = 0.08 * (high - low) or 1.0
    ax.set_ylim(low - room, high + room)
    colour, x = look.colour("discriminator"), grid.centres[0]
    rises = np.append(np.diff(rows[-1]) > 0, False)
    ax.fill_between(
        x, 0, 1, where=rises | np.append(False, rises[:-1]), color=colour, alpha=0.14, linewidth=0,
        transform=ax.get_xaxis_transform(), gid="slope +1",
    )  # fmt: skip
    labels = LineLabels(ax, look, join=True)
    for order, (index, row) in enumerate(zip(chosen, rows, strict=True)):
        last = order == len(rows) - 1
        share = order / max(1, len(rows) - 1) if len(rows) > 1 else 0.8
        dash = "-" if last else DASHES[1 + order % (len(DASHES) - 1)]
        shade = look.fade(colour, share)
        ax.plot(x, row, color=shade, linestyle=dash, linewidth=look.line, label=f"{steps[index]}")
        text = f"{'step ' if order == 0 else ''}{steps[index]}"
        whole = row[np.linspace(0, len(row) - 1, min(len(row), 400)).astype(int)]
        labels.add(grid.edges[0][-1], row[-1:], text, shade, dash, whole)
    return ax


def cost_lines(solution):
    """Steps, from 1 on, W1 and the predicted floor; what a log axis cannot show is NaN."""
    trace = solution.trace
    return trace.step + 1.0, positive(trace.cost), positive(trace.floor)


def cost_limits(cost, floor):
    """Limits of a log axis for both, with room around them."""
    values = np.concatenate([cost, floor])
    values = values[np.isfinite(values)]
    if not values.size:
        return 1e-3, 10.0
    low, high = float(values.min()), float(values.max())
    room = max(high / low, 2.0) ** 0.08
    return low / room, high * room


def plot_cost(solution, ax=None, style=None, letter="c"):
    """W1 against step on log axes, with (alpha/2) Var f, at which no step gets nearer, dashed."""
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) $W_1$ before each step", "step, the first is 1")
    step, cost, floor = cost_lines(solution)
    log_axis(ax, *cost_limits(cost, floor))
    log_axis(ax, 1.0, max(float(step[-1]), 10.0), which="x")
    labels = LineLabels(ax, look)
    dotted = len(step) <= 12
    for name, values, role, dash in (
        ("$W_1$", cost, "gen", "-"),
        ("(α/2) Var f", floor, "prediction", PREDICTED),
    ):
        x, y = thin(step, values)
        colour = look.colour(role)
        ax.plot(
            x, y, color=colour, linestyle=dash, linewidth=look.line, label=name,
            marker="o" if dotted and dash == "-" else None, markersize=2 * look.line,
        )  # fmt: skip
        labels.add(x, y, name, colour, dash)
    if not np.isfinite(cost).any():
        ax.text(
            0.5, 0.5, "W1 = 0 exactly, from step 0", transform=ax.transAxes, ha="center",
            fontsize=look.text, color=look.ink,
        )  # fmt: skip
    return ax
