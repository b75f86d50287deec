"""Panels of a comparison: the error of every run, where they end, how many steps they took."""

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from ratiogan.plots.descent import fill_real, positive, rate_of
from ratiogan.plots.fields import (
    axis_name,
    density_norm,
    draw_map,
    flat_density,
    on_plane,
    outline,
    place_axis,
    thin,
    top_of,
)
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    CATEGORIES,
    DASHES,
    PREDICTED,
    dress,
    log_axis,
    log_ticks,
    math_text,
    mix,
    new_axes,
    set_ticks,
    whole_steps,
)
from ratiogan.plots.training import block_means
from ratiogan.spec import format_value, parse
from ratiogan.sweeps import are_training
from ratiogan.trace import step_word

LOG_LOG = 30  # the ratio of steps beyond which the step axis is logarithmic


def several_figure(figure, comparison, look):
    """The panels of a comparison: 2 x 2."""
    axes = figure.subplots(2, 2)
    plot_errors(comparison, error_columns(comparison)[0], axes[0, 0], look, "a")
    plot_errors(comparison, "rms_error", axes[0, 1], look, "b")
    plot_final(comparison, axes[1, 0], look)
    (plot_left if by_jsd(comparison) else plot_steps)(comparison, axes[1, 1], look)


# Column of the trace: what it is called.
ERROR_NAMES = {
    "js": "JSD of p_g and p_r",
    "max_error": "max|R\u22121|",
    "rms_error": "rms|R\u22121| in L2(p_r)",
}


def by_jsd(comparison):
    """Whether the runs are drawn by JSD: beside training, and where none met a tolerance."""
    met = any(run.status.value == "converged" for run in comparison.runs)
    return comparison.by_jsd and not met


def error_columns(comparison):
    """The two errors of a comparison that are drawn against step."""
    return ("js" if by_jsd(comparison) else "max_error", "rms_error")


def unit_of(comparison):
    """What a step of all runs is called."""
    words = {step_word(run.algorithm) for run in comparison.runs}
    return words.pop() if len(words) == 1 else "step"


def run_colours(count):
    """One colour and one dash pattern per run; no pair comes twice for up to 48 runs."""
    seven = len(CATEGORIES)
    shades = [mix(CATEGORIES[i % seven], "#000000", 0.35 * (i // seven % 3)) for i in range(count)]
    return list(zip(shades, [DASHES[(i + i // seven) % seven] for i in range(count)], strict=True))


def short_labels(labels):
    """Run specs without what they have in common, if that still tells them apart.

    Examples
    --------
    >>> short_labels(["glgd", "glgd:geometry=fisher", "alternating"])
    ['glgd', 'fisher', 'alternating']
    >>> short_labels(["glgd:alpha=0.5", "glgd:alpha=2"])
    ['alpha=0.5', 'alpha=2']
    """
    specs = [parse(label) for label in labels]
    common = set.intersection(*(set(spec.options.items()) for spec in specs))
    short = []
    for spec in specs:
        parts = [
            value if isinstance(value, str) else f"{key}={format_value(value)}"
            for key, value in spec.options.items()
            if (key, value) not in common
        ]
        short.append(" ".join(parts) or spec.name)
    clipped = [text if len(text) <= 20 else text[:19] + "…" for text in short]
    if len(set(clipped)) < len(labels):
        clipped = [f"run {number}" for number in range(1, len(labels) + 1)]
    return clipped


def plot_errors(comparison, column="max_error", ax=None, style=None, letter="a"):
    """One error column of every run against step, with the predicted slopes dashed.

    The step axis is logarithmic when the runs' numbers of steps differ by more than 30 times.
    """
    ax, look = new_axes(ax, style)
    runs = comparison.runs
    counts = [max(1, run.n_steps) for run in runs]
    logarithmic = max(counts) > LOG_LOG * min(counts)
    dress(ax, look, f"({letter}) {math_text(ERROR_NAMES[column])}", unit_of(comparison))
    series = [errors_of(run, column) for run in runs]
    values = np.concatenate([y[np.isfinite(y)] for _, y in series] or [np.ones(1)])
    low, high = max(values.min(initial=1.0), 1e-40), min(values.max(initial=1e-3), 1e40)
    margin = (high / low) ** 0.06
    log_axis(ax, low / margin, high * margin)
    if logarithmic:
        log_axis(ax, 0.9, max(counts), "x")
    else:
        whole_steps(ax, look, max(counts))
        if look.width < 10 and max(map(len, short_labels(comparison.labels))) > 12:
            ax.xaxis.set_major_locator(
                MaxNLocator(2, steps=[1, 2, 5, 10], integer=True)
            )  # the labels take the room
    labels = LineLabels(ax, look)
    for run, (x, y), name, (colour, dash) in zip(
        runs, series, short_labels(comparison.labels), run_colours(len(runs)), strict=True
    ):
        shown = x > 0 if logarithmic else x >= 0
        x, y = thin(x[shown], y[shown])
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        labels.add(x, y, name, colour, dash)
        factor = rate_of(run)[0]
        # Near R = 1 JSD is quadratic in R - 1.
        _predicted(ax, look, x, y, factor**2 if factor and column == "js" else factor)
    return ax


def errors_of(run, column):
    """Steps and one error of a run; NaN where it is not positive and finite, or was not kept."""
    steps = np.asarray(run.trace.columns["step"], dtype=float)
    return steps, positive(run.trace.columns.get(column, np.full(steps.size, np.nan)))


def _predicted(ax, look, x, y, factor):
    """The predicted slope as a dashed line beside the end of the run."""
    good = np.flatnonzero(np.isfinite(y))
    if factor is None or not 0 < abs(factor) < 1 or good.size < 4:
        return
    end, level = x[good[-1]], np.log10(y[good[-1]])
    decades = -np.log10(abs(factor))
    low, high = np.log10(ax.get_ylim())
    wide = min(0.4 * end, 0.4 * (high - low) / decades)
    line = np.linspace(end - wide, end, 50)
    first, last = ax.get_xlim()
    beside = 1.12 * line if ax.get_xscale() == "log" else line + 0.015 * (last - first)
    ax.plot(
        beside, 10 ** (level + decades * (end - line)), color=look.colour("prediction"),
        linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=3.5, gid="predicted slope",
    )  # fmt: skip


def plot_final(comparison, ax=None, style=None, letter="c", names=None, width=1.0):
    """The final p_g of every run over p_r; on the plane p_r and up to three maps beside it.

    `names` are what the runs are called, by default what tells their specs apart; `width` is that
    of their lines, relative to the look's.
    """
    ax, look = new_axes(ax, style)
    real = comparison.real
    grid = real.grid
    names = names or short_labels(comparison.labels)
    if on_plane(comparison):
        return _final_maps(comparison, ax, look, letter, names)
    dress(ax, look, f"({letter}) final $p_g$ over $p_r$ (filled)", axis_name(grid))
    fill_real(ax, look, grid, real.density)
    place_axis(ax, grid)
    rows = [flat_density(comparison, run.ratio) for run in comparison.runs]
    # Minibatches leave their noise in every cell: of training the means of blocks are drawn.
    blocks = are_training(comparison.runs)
    lines = [block_means(grid, row)[:2] if blocks else outline(grid, row) for row in rows]
    # A run that collapsed is a spike: it leaves the panel at the top, the others fill it.
    top = 1.25 * top_of(real.density, [y for _, y in lines])
    labels = LineLabels(ax, look, keys=True)
    below = 0.985 * top
    for number, (row, (x, y), name, (colour, dash)) in enumerate(
        zip(rows, lines, names, run_colours(len(rows)), strict=True)
    ):
        ax.plot(
            x, y, color=colour, linestyle=dash, linewidth=width * look.line, label=name,
            zorder=2.5 - 0.4 * number / len(rows) if blocks else 2,
        )  # fmt: skip
        labels.add(x[-1:], y[-1:], name, colour, dash)
        if y.max() > top:
            at = int(np.argmax(row))
            left = at < row.size / 2
            ax.annotate(
                f"up to {row.max():.3g}", (grid.centres[0][at], below),
                xytext=((0.4 if left else -0.4) * look.text, 0), textcoords="offset points",
                va="top", ha="left" if left else "right", fontsize=look.text,
                color=look.words(colour),
                path_effects=[withStroke(linewidth=look.text / 6, foreground=look.ground)],
            )  # fmt: skip
            below -= top * 1.25 * look.text / (0.27 * 72 * look.height)  # the next stands below
    ax.set_ylim(0, top)
    return ax


def _final_maps(comparison, ax, look, letter, names):
    """p_r and the final p_g of the best three runs, side by side; a spike is ringed."""
    dress(ax, look, f"({letter}) final $p_g$ beside $p_r$", grid=None)
    ax.set_axis_off()
    real = flat_density(comparison)
    best = comparison.ranking[:3]
    shown = [("$p_r$", real)]
    shown += [(names[i], flat_density(comparison, comparison.runs[i].ratio)) for i in best]
    grid, wide = comparison.real.grid, 1 / len(shown)
    room = 0.27 * look.width * 72 * wide  # points below each map
    size = min(look.text, room / (0.6 * max(len(names[i]) for i in best)))
    for number, (name, density) in enumerate(shown):
        inner = ax.inset_axes([number * wide, 0, 0.92 * wide, 1])
        inner.set_anchor("NW")
        draw_map(inner, look, grid, density, "", density_norm(real), "viridis", labels=False)
        inner.set_xticks([])
        inner.set_yticks([])
        inner.set_xlabel(name, fontsize=size, color=look.ink)
        if density.max() > 10 * real.max():
            at = np.unravel_index(int(np.argmax(density)), density.shape)
            inner.plot(
                [grid.centres[0][at[0]]], [grid.centres[1][at[1]]], "o", markerfacecolor="none",
                markeredgecolor="#FFFFFF", markersize=5 * look.line, markeredgewidth=look.line / 2,
                clip_on=False,
            )  # fmt: skip
    return ax


def plot_steps(comparison, ax=None, style=None, letter="d"):
    """Steps to tolerance as bars on a log axis, best run on top; hatched where it was not met."""
    ax, look = new_axes(ax, style)
    runs = [comparison.runs[i] for i in comparison.ranking]
    dress(ax, look, f"({letter}) steps to tolerance", "steps", grid="x")
    counts = np.array([max(1, run.n_steps) for run in runs], dtype=float)
    log_axis(ax, 0.8, 2 * counts.max(), "x")
    met = [run.status.value == "converged" for run in runs]
    said = [
        f"{run.n_steps}" if reached else f"not met in {run.n_steps}"
        for run, reached in zip(runs, met, strict=True)
    ]
    return _bars(comparison, ax, look, counts, said, met)


def plot_left(comparison, ax=None, style=None, letter="d"):
    """JSD left, the mean of the last quarter, as bars on a log axis; between least and most a line.

    Parameters
    ----------
    comparison : Comparison
        With runs of `training` in it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) {LEFT}", "JSD", grid="x")
    left = [comparison.jsd_left()[i] for i in comparison.ranking]
    low, high = left_limits(left)
    log_axis(ax, low, high, "x")
    if look.width < 10:  # beside the names there is room for decades only
        decades = [
            (value, text)
            for value, text in log_ticks(low, high)
            if abs(np.log10(value) - round(np.log10(value))) < 1e-9
        ]
        set_ticks(ax, decades[:: -(-len(decades) // 3) or 1], "x")
    means = np.maximum([mean for mean, _, _ in left], low)
    _bars(comparison, ax, look, means, [f"{mean:.2g}" for mean, _, _ in left], [True] * len(left))
    for place, (_, least, most) in enumerate(left):
        ax.plot(
            [max(least, low), max(most, low)], [place + 0.42] * 2, color=look.ink,
            linewidth=0.5 * look.line, gid="range",
        )  # fmt: skip
    return ax


LEFT = "JSD left, mean of the last quarter"


def left_limits(left):
    """Limits of the axis of what is left, from (mean, least, most) of each run."""
    values = np.maximum([value for row in left for value in row], 1e-20)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return 0.3 * low, 3.0 * high


def _bars(comparison, ax, look, values, said, full):
    """One bar for each run, the best on top, with words at its end; hatched where not `full`."""
    order = comparison.ranking
    places = np.arange(len(order))
    size = look.text * min(1, 9 / max(1, len(order)))
    colours = [run_colours(len(order))[i][0] for i in order]
    for place, value, words, filled, colour in zip(
        places, values, said, full, colours, strict=True
    ):
        ax.barh(
            place, value, height=0.62, color=colour if filled else look.ground, edgecolor=colour,
            hatch=None if filled else "//", linewidth=0.4 * look.line,
        )  # fmt: skip
        ax.annotate(
            words, (value, place), xytext=(0.3 * look.text, 0), textcoords="offset points",
            va="center_baseline", fontsize=size, color=look.ink, gid="steps",
        )  # fmt: skip
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.yaxis.set_major_locator(FixedLocator(places))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_yticklabels([short_labels(comparison.labels)[i] for i in order], fontsize=size)
    ax.tick_params(axis="y", length=0)
    return ax
