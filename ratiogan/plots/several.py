"""Panels of a comparison: the error of every run, where they end, how many steps they took."""

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator

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
    mix,
    new_axes,
    whole_steps,
)
from ratiogan.spec import format_value, parse

LOG_LOG = 30  # the ratio of steps beyond which the step axis is logarithmic


def several_figure(figure, comparison, look):
    """The panels of a comparison: 2 x 2."""
    axes = figure.subplots(2, 2)
    plot_errors(comparison, "max_error", axes[0, 0], look, "a")
    plot_errors(comparison, "rms_error", axes[0, 1], look, "b")
    plot_final(comparison, axes[1, 0], look)
    plot_steps(comparison, axes[1, 1], look)


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
    names = {"max_error": "max|R\u22121|", "rms_error": "rms|R\u22121| in L2($p_r$)"}
    runs = comparison.runs
    counts = [max(1, run.n_steps) for run in runs]
    logarithmic = max(counts) > LOG_LOG * min(counts)
    dress(ax, look, f"({letter}) {names[column]}", "step")
    series = [errors_of(run, column) for run in runs]
    values = np.concatenate([y[np.isfinite(y)] for _, y in series] or [np.ones(1)])
    low, high = max(values.min(initial=1.0), 1e-40), min(values.max(initial=1e-3), 1e40)
    margin = (high / low) ** 0.06
    log_axis(ax, low / margin, high * margin)
    if logarithmic:
        log_axis(ax, 0.9, max(counts), "x")
    else:
        whole_steps(ax, look, max(counts))
    labels = LineLabels(ax, look)
    for run, (x, y), name, (colour, dash) in zip(
        runs, series, short_labels(comparison.labels), run_colours(len(runs)), strict=True
    ):
        shown = x > 0 if logarithmic else x >= 0
        x, y = thin(x[shown], y[shown])
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        labels.add(x, y, name, colour, dash)
        _predicted(ax, look, x, y, rate_of(run)[0])
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
    # A run that collapsed is a spike: it leaves the panel at the top, the others fill it.
    top = 1.25 * top_of(real.density, rows)
    labels = LineLabels(ax, look, keys=True)
    for row, name, (colour, dash) in zip(rows, names, run_colours(len(rows)), strict=True):
        x, y = outline(grid, row)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=width * look.line, label=name)
        labels.add(x[-1:], y[-1:], name, colour, dash)
        if row.max() > top:
            at = int(np.argmax(row))
            left = at < row.size / 2
            ax.annotate(
                f"up to {row.max():.3g}", (grid.centres[0][at], 0.985 * top),
                xytext=((0.4 if left else -0.4) * look.text, 0), textcoords="offset points",
                va="top", ha="left" if left else "right", fontsize=look.text,
                color=look.words(colour),
                path_effects=[withStroke(linewidth=look.text / 6, foreground=look.ground)],
            )  # fmt: skip
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
    order = comparison.ranking
    runs = [comparison.runs[i] for i in order]
    colours = [run_colours(len(runs))[i] for i in order]
    dress(ax, look, f"({letter}) steps to tolerance", "steps", grid="x")
    counts = np.array([max(1, run.n_steps) for run in runs], dtype=float)
    places = np.arange(len(runs))
    size = look.text * min(1, 9 / max(1, len(runs)))
    log_axis(ax, 0.8, 2 * counts.max(), "x")
    for place, run, count, (colour, _) in zip(places, runs, counts, colours, strict=True):
        met = run.status.value == "converged"
        ax.barh(
            place, count, height=0.62, color=colour if met else look.ground, edgecolor=colour,
            hatch=None if met else "//", linewidth=0.4 * look.line,
        )  # fmt: skip
        said = f"{run.n_steps}" if met else f"not met in {run.n_steps}"
        ax.annotate(
            said, (count, place), xytext=(0.3 * look.text, 0), textcoords="offset points",
            va="center_baseline", fontsize=size, color=look.ink, gid="steps",
        )  # fmt: skip
    ax.set_ylim(len(runs) - 0.4, -0.6)
    ax.yaxis.set_major_locator(FixedLocator(places))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_yticklabels([short_labels(comparison.labels)[i] for i in order], fontsize=size)
    ax.tick_params(axis="y", length=0)
    return ax
