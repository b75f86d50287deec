"""Panels of a WGAN run: exact and trained critic, W1 estimate against exact, clipping error."""

import numpy as np

from ratiogan.plots.descent import plot_densities, positive
from ratiogan.plots.fields import axis_name, outline, place_axis, thin
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import DASHES, PREDICTED, dress, log_axis, new_axes
from ratiogan.plots.transport import cost_limits, critics


def wgan_figure(figure, solution, look):
    """The panels of a WGAN run: 2 x 2."""
    axes = figure.subplots(2, 2)
    plot_densities(solution, axes[0, 0], look, unit="turn", keys=True)
    plot_critics(solution, axes[0, 1], look)
    plot_estimate(solution, axes[1, 0], look)
    plot_clipping_error(solution, axes[1, 1], look)


def plot_critics(solution, ax=None, style=None, letter="b"):
    """The exact critic at the end, the trained one, and the trained one over its steepest slope.

    Parameters
    ----------
    solution : Solution
        Of `wgan`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid, real = solution.real.grid, solution.real.mass
    alike = float(solution.trace.agreement[-1])
    said = "" if np.isnan(alike) else f", correlation {alike:.2f}".replace("-", "\u2212")
    dress(ax, look, f"({letter}) critics at the end{said}", axis_name(grid))
    place_axis(ax, grid)
    here = real > 0
    centres = grid.centres[0]
    f = solution.discriminator[here] - real[here] @ solution.discriminator[here]
    f = np.interp(centres, centres[here], f)
    steepest = float(solution.trace.lipschitz[-1])
    rows = [
        ("exact", critics(solution, [solution.ratio])[0], "discriminator", "-"),
        ("trained / Lip", f / steepest if steepest > 0 else f, "gen", DASHES[1]),
        ("trained", f, "floor", DASHES[2]),
    ]
    low = min(float(row.min()) for _, row, _, _ in rows)
    high = max(float(row.max()) for _, row, _, _ in rows)
    room = 0.08 * (high - low) or 1.0
    ax.set_ylim(low - room, high + room)
    labels = LineLabels(ax, look)
    for name, row, role, dash in rows:
        colour = look.colour(role)
        x, y = outline(grid, row)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        labels.add(grid.edges[0][-1], row[-1:], name, colour, dash)
    return ax


def estimate_lines(solution):
    """Turns, W1 after them and the critic's estimate; what a log axis cannot show is NaN.

    That is the start as well, where no turn was taken.
    """
    trace = solution.trace
    return _turns(trace), positive(trace.cost), positive(trace.estimate)


def _turns(trace):
    """The recorded turns; NaN for turn 0, which a log axis has no place for."""
    return np.where(trace.step > 0, trace.step.astype(float), np.nan)


def plot_estimate(solution, ax=None, style=None, letter="c"):
    """W1, and the estimate value/Lip of the trained critic, against turn on log axes.

    Parameters
    ----------
    solution : Solution
        Of `wgan`.
    ax, style : optional
        As for `plot_critics`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    turn, cost, estimate = estimate_lines(solution)
    dress(ax, look, f"({letter}) $W_1$, exact and as the critic has it", "turn")
    # At the end the estimate may be next to nothing, or negative: that does not set the scale.
    with np.errstate(invalid="ignore"):
        log_axis(ax, *cost_limits(cost, np.where(estimate > 0.2 * cost, estimate, np.nan)))
    log_axis(ax, 1.0, np.fmax(turn[-1], 10.0), which="x")
    labels = LineLabels(ax, look)
    for name, values, role, dash in (
        ("exact", cost, "discriminator", "-"),
        ("value/Lip", estimate, "gen", DASHES[1]),
    ):
        colour = look.colour(role)
        x, y = thin(turn, values)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        # An estimate below the axes ends there: its label stands at the line's last point in them.
        inside = np.where(y >= ax.get_ylim()[0], y, np.nan)
        labels.add(x, inside, name, colour, dash)
    if not solution.trace.estimate[-1] > 0:
        ax.text(
            0.03, 0.06, "value/Lip is negative at the end", transform=ax.transAxes,
            fontsize=look.text, color=look.words(look.colour("gen")),
        )  # fmt: skip
    return ax


def error_lines(solution):
    """Turns, the share of W1 that the critic misses, and that its best weights miss.

    The error is cut at 1: beyond it the critic points the wrong way.
    """
    trace = solution.trace
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where(trace.cost > 0, 1.0 - trace.estimate / trace.cost, np.nan)
        clipping = np.where(trace.cost > 0, 1.0 - trace.ceiling / trace.cost, np.nan)
    clipping = np.where(clipping > 1e-9, clipping, np.nan)  # no more than round-off: slopes
    return _turns(trace), positive(np.minimum(whole, 1.0)), clipping


def plot_clipping_error(solution, ax=None, style=None, letter="d"):
    """The share of W1 that the trained critic misses, against turn on log axes.

    Dashed what its best weights would miss: the part of it that is clipping, not training.

    Parameters
    ----------
    solution : Solution
        Of `wgan`.
    ax, style : optional
        As for `plot_critics`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    turn, whole, clipping = error_lines(solution)
    dress(ax, look, f"({letter}) share of $W_1$ that the critic misses", "turn")
    seen = whole[np.isfinite(whole)]
    low = max(float(np.min(seen, initial=0.5)), 1e-6) if seen.size else 1e-2
    log_axis(ax, 0.7 * low, 1.5)
    log_axis(ax, 1.0, np.fmax(turn[-1], 10.0), which="x")
    labels = LineLabels(ax, look)
    exact = solution.options["critic"] == "slopes" or solution.options["clip"] is None
    for name, values, role, dash in (
        ("trained", whole, "gen", "-"),
        ("best weights", clipping, "prediction", PREDICTED),
    ):
        if name == "best weights" and exact:
            continue
        colour = look.colour(role)
        x, y = thin(turn, values)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        labels.add(x, y, name, colour, dash)
    if exact and solution.options["clip"] is not None:
        ax.text(
            0.47, 0.86, "slopes: clipping alone misses nothing", transform=ax.transAxes,
            ha="center", fontsize=look.text, color=look.muted,
        )  # fmt: skip
    return ax
