"""The hyperparameter map: final KL and what became of each run over two settings of training."""

from dataclasses import replace

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, to_hex
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.fields import thin
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    CATEGORIES,
    DASHES,
    dress,
    log_axis,
    mix,
    new_axes,
    set_ticks,
    whole_steps,
)
from ratiogan.plots.several import plot_final
from ratiogan.spec import format_value, parse
from ratiogan.sweeps import COURSES, ROUND_OFF, level_text, ranked, sweep_map
from ratiogan.text import significant

# Colour and hatch of what became of a run: Okabe-Ito in the order in which things get worse.
_LOOKS = {
    "converged": ("#009E73", ""),
    "converging": ("#56B4E9", ""),
    "max-steps": ("#56B4E9", ".."),
    "stayed": ("#BBBBBB", ""),
    "stalled": ("#999999", "--"),
    "cycle": ("#E69F00", "//"),
    "rose": ("#CC79A7", "||"),
    "collapsed": ("#D55E00", "xx"),
    "hopping": ("#D55E00", "\\\\"),
    "diverged": ("#111111", ""),
    "interrupted": ("#FFFFFF", ""),
}
_WORDS = {
    "converging": "goes down",
    "stayed": "stays at start",
    "rose": "ends above start",
    "max-steps": "not below tol",
    "hopping": "collapsed, hops",
}
_SHORT = 18  # letters of a name beside the panels
_CROWDED = 0.6  # of the look's text: below that, numbers are shortened
_LEAST_DECADES = 0.5  # of the colour scale: runs that are alike look alike


def sweep_figure(figure, comparison, look):
    """The panels of a map: KL and courses above, the runs that tell most below."""
    axes = figure.subplots(2, 2)
    plot_sweep_levels(comparison, axes[0, 0], look)
    plot_sweep_courses(comparison, axes[0, 1], look)
    plot_sweep_runs(comparison, axes[1, 0], look)
    telling, _ = telling_runs(comparison)
    names = named_by_settings(comparison)
    plot_final(telling, axes[1, 1], look, "d", names=names, width=0.7)


def telling_runs(comparison):
    """The best, the median and the worst run as a comparison, and what they are called."""
    order = ranked(comparison.runs)
    places = dict.fromkeys((0, (len(order) - 1) // 2, len(order) - 1))
    names = ["best", "median", "worst"] if len(places) == 3 else ["best", "worst"][: len(places)]
    chosen = [order[place] for place in places]
    kept = replace(
        comparison,
        runs=tuple(comparison.runs[i] for i in chosen),
        labels=tuple(comparison.labels[i] for i in chosen),
    )
    return kept, names


def named_by_settings(comparison):
    """Best, median and worst with their two settings, where those are short.

    Returns
    -------
    list of str
        ``best 0.001, 20``: the setting across, then the one along; or the plain names.
    """
    (telling, names), found = telling_runs(comparison), sweep_map(comparison)
    full = []
    for label, name in zip(telling.labels, names, strict=True):
        options = parse(label).options
        parts = [
            significant(value, 3) if isinstance(value, float) else format_value(value)
            for value in (options[found.column_key], options[found.row_key])
        ]
        full.append(f"{name} {', '.join(parts)}")
    return full if max(map(len, full)) <= _SHORT else names


def plot_sweep_levels(comparison, ax=None, style=None, letter="a"):
    """KL(p_g || p_r) of the last quarter of every run, as a map on a log colour scale.

    Parameters
    ----------
    comparison : Comparison
        Of training runs: all combinations of two settings.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    found = sweep_map(comparison)
    levels = np.maximum(found.levels(comparison.runs), ROUND_OFF)
    dress(ax, look, f"({letter}) KL($p_g$||$p_r$), last quarter; best framed", grid=None)
    shown = levels[np.isfinite(levels)]
    low, high = (shown.min(), shown.max()) if shown.size else (1e-3, 1.0)
    room = max(0.0, _LEAST_DECADES - np.log10(high / low)) / 2
    norm = LogNorm(low / 10**room, high * 10**room)
    cmap = colormaps["viridis"]
    wide, high = _cell_room(look, found)
    texts = [level_text(level) if np.isfinite(level) else "lost" for level in levels.ravel()]
    if _fitting(look, texts, wide) < _CROWDED * look.text:
        texts = [
            "D" if text == "lost" else "0" if text == "< eps" else short_number(level, 1)
            for text, level in zip(texts, levels.ravel(), strict=True)
        ]
    size = min(_fitting(look, texts, wide), 0.62 * high)
    texts = np.reshape(texts, levels.shape)
    for (row, column), level in np.ndenumerate(levels):
        lost = not np.isfinite(level)
        colour = look.ground if lost else to_hex(cmap(float(norm(max(level, norm.vmin)))))
        _cell(ax, look, row, column, colour, "xx" if lost else "")
        ax.text(
            column, row, texts[row, column], fontsize=size, ha="center", va="center",
            color=look.ink if lost else _ink_on(colour), gid="cell",
            bbox=_patch(colour) if lost else None,
        )  # fmt: skip
    best = comparison.ranking[0]
    (row, column) = np.argwhere(found.index == best)[0]
    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", zorder=4,
            linewidth=1.4 * look.line, clip_on=False, gid="best",
        )
    )  # fmt: skip
    _map_axes(ax, look, found, comparison, other=True)
    _scale(ax, look, norm, cmap)
    return ax


def plot_sweep_courses(comparison, ax=None, style=None, letter="b"):
    """What became of every run, as a map: colour, hatch and letter, and beside it what they mean.

    Parameters
    ----------
    comparison, ax, style : optional
        As for `plot_sweep_levels`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    found = sweep_map(comparison)
    dress(ax, look, f"({letter}) what became of the run", grid=None)
    wide, high = _cell_room(look, found)
    size = min(look.text, 0.9 * wide, 0.62 * high)
    courses = found.courses(comparison.runs)
    for row, several in enumerate(courses):
        for column, course in enumerate(several):
            colour, hatch = _LOOKS.get(course, ("#FFFFFF", ""))
            _cell(ax, look, row, column, colour, hatch)
            letter_of, _ = COURSES.get(course, ("?", course))
            ax.text(
                column, row, letter_of, fontsize=size, ha="center", va="center", gid="cell",
                weight="bold", color=_ink_on(colour), bbox=_patch(colour) if hatch else None,
            )  # fmt: skip
    seen = [course for course in COURSES if any(course in several for several in courses)]
    labels = LineLabels(ax, look, keys=True)
    right = len(found.columns) - 0.5
    for course in seen:
        colour, _ = _LOOKS[course]
        shade = look.ink if course in ("diverged", "interrupted") else colour
        words = f"{COURSES[course][0]}  {_WORDS.get(course, course)}"
        labels.add([right], [0.0], words, shade, "-")
    _map_axes(ax, look, found, comparison)
    return ax


def plot_sweep_runs(comparison, ax=None, style=None, letter="c"):
    """JSD against turn of the best, the median and the worst run.

    Parameters
    ----------
    comparison, ax, style : optional
        As for `plot_sweep_levels`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    telling, plain = telling_runs(comparison)
    names, found = named_by_settings(comparison), sweep_map(comparison)
    by = "" if names == plain else f" by {_named(found.column_key)}, {_named(found.row_key)}"
    most = "; dotted: log 2" if by else ", dotted: log 2, its largest value"
    dress(ax, look, f"({letter}) JSD{by}{most}", "turn")
    series = []
    for run in telling.runs:
        js = np.asarray(run.trace.js, dtype=float)
        series.append((run.trace.step, np.where(js > 0, js, np.nan)))
    values = np.concatenate([js[np.isfinite(js)] for _, js in series])
    low = max(values.min(initial=0.1), 1e-16)
    log_axis(ax, 0.7 * low, 1.2)
    whole_steps(ax, look, max(run.n_steps for run in telling.runs))
    if look.width < 10:
        ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], integer=True))
    ax.axhline(
        np.log(2), color=look.muted, linestyle=DASHES[2], linewidth=0.5 * look.line, zorder=1.5
    )
    labels = LineLabels(ax, look)
    for (step, js), name, colour, dash in zip(series, names, CATEGORIES, DASHES, strict=False):
        x, y = thin(step, js)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=0.7 * look.line, label=name)
        labels.add(x, y, name, colour, dash)
    return ax


def _cell(ax, look, row, column, colour, hatch):
    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor=colour, linewidth=0.6 * look.line,
            edgecolor=look.ground, zorder=2,
        )
    )  # fmt: skip
    if hatch:
        ax.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5), 1, 1, fill=False, linewidth=0, hatch=hatch, zorder=2.5,
                edgecolor=mix(colour, "#000000" if _is_light(colour) else "#FFFFFF", 0.45),
            )
        )  # fmt: skip


def _patch(colour):
    """What keeps the hatch away from a letter."""
    return {"boxstyle": "circle,pad=0.2", "facecolor": colour, "edgecolor": "none"}


def _is_light(colour):
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue > 0.45


def _ink_on(colour):
    return "#111111" if _is_light(colour) else "#FFFFFF"


def short_number(value, digits):
    """A number in `digits` digits, with an exponent where that is shorter.

    Examples
    --------
    >>> [short_number(x, 1) for x in (0.0001, 0.0432, 0.5, 6.31, 2e-5)]
    ['1e-4', '0.04', '0.5', '6', '2e-5']
    """
    plain = f"{value:.{digits}g}"
    number, _, power = f"{value:.{digits - 1}e}".partition("e")
    number = number.rstrip("0").rstrip(".") if "." in number else number
    forms = [plain.replace("e-0", "e-").replace("e+0", "e"), f"{number}e{int(power)}"]
    return min(forms, key=len)


def _cell_room(look, found):
    """Width and height in points of a cell, in a panel of a 2 x 2 figure."""
    share = 0.31 if look.width > 10 else 0.255  # beside the labels, which take as much of either
    wide = share * look.width * 72 / len(found.columns)
    return wide, 0.29 * look.height * 72 / len(found.rows)


def _fitting(look, texts, wide):
    """The size at which all texts stand in `wide` points with a little room."""
    return min(look.text, 0.88 * wide / (0.64 * max(map(len, texts))))


def _scale(ax, look, norm, cmap):
    """The colour scale, as a strip right of the map."""
    strip = ax.inset_axes([1.025, 0.0, 0.03, 1.0])
    dress(strip, look, "", grid=None)
    levels = np.geomspace(norm.vmin, norm.vmax, 257)
    strip.pcolormesh([0, 1], levels, np.sqrt(levels[:-1] * levels[1:])[:, None], norm=norm,
                     cmap=cmap, rasterized=True)  # fmt: skip
    log_axis(strip, norm.vmin, norm.vmax)
    strip.yaxis.tick_right()
    strip.set_xticks([])
    for spine in strip.spines.values():
        spine.set_visible(False)


def _map_axes(ax, look, found, comparison, other=False):
    """The values of both settings beside the cells; `other`: with the alpha_disc of alpha_gen."""
    ax.set_xlim(-0.5, len(found.columns) - 0.5)
    ax.set_ylim(-0.5, len(found.rows) - 0.5)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    columns, name = found.columns, _named(found.column_key)
    rates = {run.options.get("alpha_disc") for run in comparison.runs}
    if other and found.column_key == "alpha_gen" and len(rates) == 1:
        name = rf"{name}, at $\alpha_{{disc}}$ = {format_value(*rates)}"
    wide, _ = _cell_room(look, found)
    texts = [
        significant(value, 3) if isinstance(value, float) else format_value(value)
        for value in columns
    ]
    if _fitting(look, texts, wide) < look.text:
        texts = [
            short_number(value, 3) if isinstance(value, float) else text
            for value, text in zip(columns, texts, strict=True)
        ]
    set_ticks(ax, [(i, text) for i, text in enumerate(texts)], "x")
    set_ticks(ax, [(i, format_value(value)) for i, value in enumerate(found.rows)])
    ax.tick_params(axis="x", labelsize=_fitting(look, texts, wide), length=0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(name, fontsize=look.text, color=look.ink, labelpad=0.1 * look.text)
    short = found.row_key == "disc_steps"
    ax.set_ylabel(
        _named(found.row_key), fontsize=look.text, color=look.ink, rotation=0 if short else 90,
        ha="right" if short else "center", va="center",
    )  # fmt: skip


def _named(key):
    """A setting as the axes name it."""
    letters = {"disc_steps": "$N_d$", "alpha_gen": r"$\alpha_{gen}$"}
    return {**letters, "alpha_disc": r"$\alpha_{disc}$", "batch": "batch $m$"}.get(key, key)
