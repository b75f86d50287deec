"""Rows with a name: R of classes and modes with intervals, shares, the JSD of many columns."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.look import (
    PREDICTED,
    dress,
    log_axis,
    mix,
    new_axes,
    set_ticks,
)
from ratiogan.plots.regions import OVER, UNDER, clip

MOST_ROWS = 20
MOST_RATIO = 6.0  # where the axis of R ends at the latest; a longer bar has an arrow


def row_size(look, count):
    """Text size for `count` rows: smaller where they are many."""
    return look.text * min(1.0, MOST_ROWS / max(1, count))


def name_rows(ax, look, names, width, size=None):
    """The names of the rows, first on top, cut to `width` letters."""
    size = size or row_size(look, len(names))
    renderer = ax.figure._get_renderer()
    room = width * 0.6 * size * ax.figure.dpi / 72
    spare = max(0.0, 6 - len(names)) / 2  # a few rows stay as narrow as six
    ax.set_ylim(len(names) - 0.4 + spare, -0.6 - spare)
    set_ticks(ax, [(place, "") for place in range(len(names))])
    ax.set_yticklabels([clip(name, size, room, renderer) for name in names], fontsize=size)
    ax.tick_params(axis="y", length=0, labelsize=size)


def note_left_out(ax, count):
    """Say under the axis how many rows are not shown."""
    if count > 0:
        ax.set_xlabel(f"{ax.get_xlabel()}\n… and {count} more, not shown", linespacing=1.3)


def ratio_axis(ax, look, rows, lines=(1.0,)):
    """A linear axis of R from 0 that holds the intervals, with a line at 1 and at thresholds.

    It ends at the largest of `rows` and their ends up to 6; beyond it there is an arrow.
    """
    ends = np.array([value for _, ratio, ci, *_ in rows for value in (ratio, *ci)], dtype=float)
    ends = ends[np.isfinite(ends)]
    high = min(max(1.25, *lines, ends.max(initial=1.0)), MOST_RATIO) * 1.05
    ax.set_xlim(-0.01 * high, high)
    for line in lines:
        dashes = PREDICTED if line == 1 else (0, (1.2, 1.6))
        width = 0.7 if line == 1 else 0.5
        ax.axvline(
            line, color=look.ink, linestyle=dashes, linewidth=width * look.line, zorder=2.4,
            gid="threshold",
        )  # fmt: skip
    step = 1.0 if high > 2.2 else 0.5
    wanted = [*sorted(lines, key=lambda line: line != 1), *np.arange(0, high, step)]
    ticks = []
    for value in wanted:  # the thresholds first, what is too near to one of them not
        if all(abs(value - other) > 0.09 * high for other, _ in ticks):
            ticks.append((float(value), f"{value:.3g}"))
    set_ticks(ax, sorted(ticks), "x")
    return high


def ratio_rows(ax, look, rows, lines=(1.0,), size=None):
    """R of every row as a bar with its interval and a dot.

    Parameters
    ----------
    rows : sequence of (name, ratio, ci, colour, fill, said)
        `fill` is as for `verdict_mark`; `said` stands right of the row.
    """
    size = size or row_size(look, len(rows))
    high = ratio_axis(ax, look, rows, lines)
    for place, (_, ratio, ci, colour, fill, said) in enumerate(rows):
        ratio, ends = float(ratio), np.asarray(ci, dtype=float)
        if np.isnan(ratio):
            said = said or "no rows"
        else:
            ax.barh(
                place, min(ratio, high), height=0.66, color=mix(colour, look.ground, 0.62),
                linewidth=0, zorder=1.5,
            )  # fmt: skip
            ax.plot(
                np.minimum(ends, high), [place] * 2, color=look.ink, linewidth=0.6 * look.line,
                zorder=3, gid="ci", solid_capstyle="butt",
            )  # fmt: skip
            # An arrow at the edge is a value, or the end of an interval, that lies beyond it.
            beyond = ratio > high
            if beyond or ends[1] > high:
                ax.plot(
                    [high], [place], ">", color=look.ink, markersize=0.5 * size, clip_on=False,
                    zorder=5, gid="beyond",
                )  # fmt: skip
            if not beyond:
                verdict_mark(ax, look, ratio, place, colour, fill, 0.62 * size)
        ax.annotate(
            said, (1, place), xycoords=("axes fraction", "data"), xytext=(0.5 * look.text, 0),
            textcoords="offset points", va="center_baseline", fontsize=size, color=look.ink,
            gid="said",
        )  # fmt: skip


def verdict_mark(ax, look, x, y, colour, fill, size, ground=None, rim=None):
    """A dot that is full, half (left) or empty (none); a diamond for what is unclear."""
    ground = ground or look.ground
    ax.plot(
        [x], [y], "D" if fill == "unclear" else "o", markersize=size, linestyle="none",
        fillstyle="left" if fill == "left" else "full",
        markerfacecolor=colour if fill in ("full", "left") else ground, markerfacecoloralt=ground,
        markeredgecolor=colour if rim else mix(colour, look.ink, 0.3),
        markeredgewidth=0.7 * look.line, path_effects=rim, zorder=4, clip_on=False,
        gid=f"mark {fill}",
    )  # fmt: skip


def said_of(value):
    """A ratio in a few letters.

    Examples
    --------
    >>> [said_of(x) for x in (0, 0.0312, 1.274, 31.4, float("inf"))]
    ['0', '0.031', '1.27', '31.4', '∞']
    """
    value = float(value)
    if np.isinf(value):
        return "∞"
    digits = 1 if value < 0.01 else 2 if value < 1 else 3
    return f"{value:.{digits}g}"


def interval_said(ratio, ci):
    """R and its interval as they stand beside a row."""
    ratio = "no rows" if np.isnan(ratio) else said_of(ratio)
    return f"{ratio}  [{said_of(ci[0])}, {said_of(ci[1])}]"


# --- the cells of a categories axis ---------------------------------------------------------------


def shown_levels(diagnosis):
    """Cells of a categories axis to show, in their order: the most telling where they are many."""
    real, gen = (np.asarray(side.counts, dtype=float) for side in (diagnosis.real, diagnosis.gen))
    apart = np.abs(real / max(real.sum(), 1.0) - gen / max(gen.sum(), 1.0))
    return np.sort(np.argsort(-apart, kind="stable")[:MOST_ROWS])


def plot_share_rows(diagnosis, ax=None, style=None, letter="a"):
    """Shares of the categories in both samples, as pairs of bars; missing ones hatched."""
    ax, look = new_axes(ax, style)
    axis = diagnosis.grid.axes[0]
    heading = clip(axis.name, look.text, 0.19 * look.width * look.dpi, ax.figure._get_renderer())
    dress(ax, look, f"({letter}) {heading}", "share: real solid, gen hatched", grid="x")
    chosen = shown_levels(diagnosis)
    for role, side, shift, hatch in (
        ("real", diagnosis.real, -0.2, None),
        ("gen", diagnosis.gen, 0.2, "//"),
    ):
        values = np.asarray(side.counts, dtype=float)
        values = 100 * values / max(values.sum(), 1.0)
        colour = look.colour(role)
        ax.barh(
            np.arange(len(chosen)) + shift, values[chosen], height=0.38, linewidth=0.4 * look.line,
            color=colour if hatch is None else mix(colour, look.ground, 0.5), edgecolor=colour,
            hatch=hatch, label=role,
        )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    name_rows(ax, look, [axis.levels[i] for i in chosen], 18)
    note_left_out(ax, axis.size - len(chosen))
    return ax


def plot_level_ratios(diagnosis, ax=None, style=None, letter="b"):
    """R of the categories with exact intervals; red where over-, blue where under-produced."""
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) $R = p_g/p_r$", "R", grid="x")
    chosen = shown_levels(diagnosis)
    real, gen = (np.asarray(side.counts, dtype=float) for side in (diagnosis.real, diagnosis.gen))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (gen / max(gen.sum(), 1.0)) / (real / max(real.sum(), 1.0))
    low, high = (np.asarray(end, dtype=float).ravel() for end in diagnosis.ratio_band)
    rows = []
    colours = region_colours(diagnosis, look)
    for i in chosen:
        colour, fill = colours.get(int(i), (look.muted, "full"))
        said = "no rows" if np.isnan(ratio[i]) else said_of(ratio[i])
        rows.append(("", ratio[i], (low[i], high[i]), colour, fill, said))
    ratio_rows(ax, look, rows)
    name_rows(ax, look, ["" for _ in chosen], 1)
    return ax


def region_colours(diagnosis, look):
    """Colour and fill of the cells that lie in a region, by flat index."""
    colours = {}
    for region in diagnosis.regions:
        over = region.verdict == "over-produced"
        fill = "none" if region.verdict == "MISSING" else "full"
        for cell in np.asarray(region.cells).tolist():
            colours[cell] = (OVER if over else UNDER, fill)
    return colours


# --- more columns than a grid holds ---------------------------------------------------------------


def marginals_panels(figure, diagnosis, look):
    """The columns, and the pairs of columns, side by side, worst first."""
    axes = figure.subplots(1, 2)
    plot_marginals(diagnosis.columns, axes[0], look, "a", "columns")
    plot_marginals(diagnosis.pairs, axes[1], look, "b", "pairs")


def plot_marginals(marginals, ax=None, style=None, letter="a", what="columns"):
    """JSD over its noise floor of columns or pairs, worst first; hollow where not different.

    The dashed line is what noise alone shows, the tick on each bar what noise exceeds in 5 % of
    samples.

    Parameters
    ----------
    marginals : sequence of Marginal
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) {what}, JSD at the right", "JSD / noise (tick: 95% of noise)", "x")
    times = np.array([_times(one.measured.value, one.measured.floor) for one in marginals])
    order = np.argsort(-np.nan_to_num(times, nan=-1.0), kind="stable")[:MOST_ROWS]
    finite = times[order][np.isfinite(times[order])]
    most = max(2.0, finite.max(initial=1.0))
    least = min(0.5, finite[finite > 0].min(initial=1.0))
    if most / least > 30:
        log_axis(ax, least / 1.2, most * 1.6, "x")
    else:
        ax.set_xlim(0, 1.12 * most)
        ax.xaxis.set_major_locator(MaxNLocator(5))
    edge = ax.get_xlim()[1]
    ax.axvline(1.0, color=look.ink, linestyle=PREDICTED, linewidth=0.7 * look.line, zorder=3)
    size = row_size(look, len(order))
    for place, i in enumerate(order):
        one = marginals[i]
        colour = look.colour("ratio")
        ax.barh(
            place, min(np.nan_to_num(times[i], nan=0.0, posinf=edge), edge), height=0.66,
            color=colour if one.different else look.ground, edgecolor=mix(colour, look.ink, 0.25),
            hatch=None if one.different else "//", linewidth=0.4 * look.line, zorder=2,
        )  # fmt: skip
        upper = _times(one.measured.floor_upper, one.measured.floor)
        if np.isfinite(upper) and upper < edge:
            ax.plot([upper] * 2, [place - 0.33, place + 0.33], color=look.ink,
                    linewidth=0.6 * look.line, zorder=4, gid="noise")  # fmt: skip
        value = one.measured.value
        ax.annotate(
            "not measured" if value is None else f"{value:.2g}", (1, place),
            xycoords=("axes fraction", "data"), xytext=(0.4 * look.text, 0),
            textcoords="offset points", va="center_baseline", fontsize=size, color=look.ink,
        )  # fmt: skip
    name_rows(ax, look, [_joined(ax, marginals[i].names, size) for i in order], 20, size)
    note_left_out(ax, len(marginals) - len(order))
    return ax


def _joined(ax, names, size):
    """The names of a pair, each cut to its half of the room."""
    room = 20 * 0.6 * size * ax.figure.dpi / 72
    if len(names) == 1:
        return names[0]
    renderer = ax.figure._get_renderer()
    cut = [clip(name, size, 0.42 * room, renderer).replace(r"\$", "$") for name in names]
    return " × ".join(cut)


def _times(value, floor):
    """value / floor: infinite where noise shows nothing and NaN where nothing was measured."""
    if value is None or floor is None:
        return np.nan
    if floor > 0:
        return value / floor
    return np.inf if value > 0 else np.nan
