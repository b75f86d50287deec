"""The figure of a diagnosis: histograms, R with its regions, the JSD and what noise shows."""

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.bars import marginals_panels, plot_level_ratios, plot_share_rows
from ratiogan.plots.fields import FEW_CELLS, axis_name, place_axis, thin
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import PREDICTED, dress, log_ticks, mix, new_axes, set_ticks
from ratiogan.plots.regions import (
    HATCH,
    OVER,
    UNDER,
    NumbersAbove,
    colour_of,
    marked,
    runs,
    shade,
)
from ratiogan.plots.sample_maps import pairs_panels, plane_panels
from ratiogan.twosample.regions import MISSING

GEN_DASH = (0, (6, 1.5))
STRIP = 0.075  # of a panel's height: where R = 0, or infinite, is drawn
MOST_STEPS = 1500  # cells of a profile that is drawn as steps


def diagnosis_panels(figure, diagnosis, look):
    """The panels of a diagnosis, by the number and kind of its columns."""
    if diagnosis.grid is None:
        marginals_panels(figure, diagnosis, look)
    elif diagnosis.grid.ndim > 1:
        draw = plane_panels if diagnosis.grid.ndim == 2 else pairs_panels
        null = draw(figure, diagnosis, look)
        # Half the width of a paper is too little for words in one line.
        wide = diagnosis.grid.ndim == 3 or look.width > 0.9 * look.text
        plot_null(diagnosis, null, look, letter="d", wide=wide)
    elif diagnosis.grid.axes[0].kind == "categories":
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.05))
        plot_share_rows(diagnosis, axes[0], look)
        plot_level_ratios(diagnosis, axes[1], look)
        plot_null(diagnosis, axes[2], look)
    else:
        cells = figure.add_gridspec(2, 2, width_ratios=(1.7, 1))
        plot_histograms(diagnosis, figure.add_subplot(cells[0, 0]), look)
        plot_ratio_band(diagnosis, figure.add_subplot(cells[1, 0]), look)
        plot_null(diagnosis, figure.add_subplot(cells[:, 1]), look)


def shares(counts):
    """Counts as shares of the rows inside the domain; all 0 if there are none."""
    values = np.asarray(counts.counts, dtype=float)
    return values / max(values.sum(), 1.0)


def cell_ratio(diagnosis):
    """R of every cell: inf where only gen has rows, NaN where neither has."""
    real, gen = shares(diagnosis.real), shares(diagnosis.gen)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((real > 0) | (gen > 0), gen / real, np.nan)


def profile(edges, values, most=MOST_STEPS):
    """Points of a profile: steps, or where cells are too many to be seen the ends of blocks."""
    if len(values) <= most:
        return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)
    return thin((edges[:-1] + edges[1:]) / 2, values, most)


def plot_histograms(diagnosis, ax=None, style=None, letter="a"):
    """Both histograms as steps; where the generator has nothing, the real one is hatched.

    Parameters
    ----------
    diagnosis : Diagnosis
        Of one column of numbers.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = diagnosis.grid
    counting = grid.axes[0].is_counting
    dress(ax, look, f"({letter}) {'share of the rows' if counting else 'density'}", axis_name(grid))
    place_axis(ax, grid)
    edges, widths = grid.edges[0], np.diff(grid.edges[0])
    real, gen = (shares(side) / widths for side in (diagnosis.real, diagnosis.gen))
    top = max(real.max(), gen.max(), 1e-300)
    ax.set_ylim(0, 1.1 * top)
    x, y = profile(edges, real)
    ax.fill_between(x, y, color=look.colour("real"), alpha=0.2, linewidth=0)
    labels = LineLabels(ax, look, keys=True)
    for role, values, dash in (("real", real, "-"), ("gen", gen, GEN_DASH)):
        x, y = profile(edges, values)
        colour = look.colour(role)
        width = look.line * (0.8 if len(values) <= 4 * FEW_CELLS else 0.5)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=width, label=role)
        labels.add(x[-1:], y[-1:], role, colour, dash)
    missing = [region for region in diagnosis.regions if region.verdict == MISSING]
    for mask in marked(diagnosis, missing, (0,)):
        _hatch_under(ax, look, edges, np.where(mask, real, 0.0), "real", UNDER)
    _hatch_under(ax, look, edges, np.where(real > 0, 0.0, gen), "gen", OVER)
    return ax


def _hatch_under(ax, look, edges, values, role, hatch):
    """Hatch the area under `values`, where it is not 0."""
    for start, stop in runs(values > 0):
        x, y = profile(edges[start : stop + 1], values[start:stop])
        ax.fill_between(
            x, y, facecolor="none", edgecolor=look.colour(role), hatch=HATCH[hatch], linewidth=0,
            gid=f"only {role}", zorder=1.8,
        )  # fmt: skip


def plot_ratio_band(diagnosis, ax=None, style=None, letter="b"):
    """R with its exact band on a log axis, regions shaded and numbered, the line R = 1.

    R = 0 and R = infinity have a strip of their own at the bottom and the top; where neither
    sample has a row the panel is grey.
    """
    ax, look = new_axes(ax, style)
    grid = diagnosis.grid
    edges = grid.edges[0]
    percent = f"{100 * diagnosis.level:.4g}%"
    dress(ax, look, f"({letter}) $R = p_g/p_r$ with {percent} band, by cell", axis_name(grid))
    place_axis(ax, grid)
    ratio = cell_ratio(diagnosis)
    band = [np.asarray(end, dtype=float).ravel() for end in diagnosis.ratio_band]
    masks = marked(diagnosis, diagnosis.regions, (0,))
    strips = _strips(ax, look, ratio, band, rows=1 if masks else 0)
    for region, mask in zip(diagnosis.regions, masks, strict=True):
        shade(ax, look, edges, mask, colour_of(region))
    empty = np.isnan(ratio)
    for start, stop in runs(empty):
        ax.axvspan(
            edges[start], edges[stop], facecolor=mix(look.colour("floor"), look.ground, 0.45),
            edgecolor="none", linewidth=0, zorder=0.8, gid="no data",
        )  # fmt: skip
    ax.axhline(1.0, color=look.ink, linestyle=PREDICTED, linewidth=0.7 * look.line, zorder=3)
    colour = look.colour("ratio")
    for start, stop in runs(~empty):
        part = slice(start, stop)
        ends = edges[start : stop + 1]
        x, low = profile(ends, strips(band[0][part]))
        _, high = profile(ends, strips(band[1][part]))
        if stop - start > MOST_STEPS:
            x, low = _envelope(ends, strips(band[0][part]), np.minimum)
            _, high = _envelope(ends, strips(band[1][part]), np.maximum)
        ax.fill_between(x, low, high, color=colour, alpha=0.3, linewidth=0, zorder=2)
        x, y = profile(ends, strips(ratio[part]))
        thick = look.line * (1 if len(ratio) <= 4 * FEW_CELLS else 0.5)
        ax.plot(x, y, color=mix(colour, look.ink, 0.25), linewidth=thick, zorder=2.5)
    numbers = NumbersAbove(ax, look)
    for region, mask in zip(diagnosis.regions, masks, strict=True):
        middle = float(np.median(grid.centres[0][mask]))
        numbers.add(str(region.number), [(middle, 1.0, 0, -0.75)], colour_of(region))
    _sides(ax, look, diagnosis.regions, empty.any())
    return ax


def _envelope(edges, values, extreme):
    """The extreme of blocks of cells, as steps: a band must not be drawn narrower than it is."""
    starts = np.linspace(0, len(values), MOST_STEPS // 2 + 1).astype(int)
    ends = np.append(edges[starts[:-1]], edges[-1])
    return profile(ends, extreme.reduceat(values, starts[:-1]))


def _strips(ax, look, ratio, band, rows):
    """Set the log axis with its strips; returns what places 0 and infinity in them."""
    values = np.concatenate([ratio, *band])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = min(values.min(initial=1.0), 0.5), max(values.max(initial=1.0), 2.0)
    margin = (high / low) ** 0.04
    low, high = low / margin, high * margin
    known = ~np.isnan(ratio)
    below = bool((ratio[known] == 0).any() or (band[0][known] == 0).any())
    above = bool(np.isinf(ratio[known]).any() or np.isinf(band[1][known]).any())
    head = rows * 1.5 * look.text / 72 / (0.34 * look.height)
    inner = 1 - STRIP * (below + above) - head
    per = np.log(high / low) / inner
    strip = np.exp(STRIP * per)
    bottom, top = low / strip if below else low, high * strip if above else high
    ax.set(yscale="log", ylim=(bottom, top * np.exp(head * per)))
    # Not so near to a strip that its name would cover the strip's.
    near = np.exp(0.045 * per)
    first, last = low * (near if below else 1), high / (near if above else 1)
    ticks = [tick for tick in log_ticks(low, high, halves=True) if first <= tick[0] <= last]
    if below:
        ticks.insert(0, (low / np.sqrt(strip), "0"))
    if above:
        ticks.append((high * np.sqrt(strip), "∞"))
    set_ticks(ax, ticks)
    for start, stop, wanted in ((bottom, low, below), (high, top, above)):
        if wanted:
            ax.axhspan(start, stop, facecolor=look.grid, edgecolor="none", zorder=0.4, gid="strip")

    def placed(rows):
        with np.errstate(divide="ignore"):
            rows = np.where(rows > 0, rows, low / np.sqrt(strip))
        return np.where(np.isinf(rows), high * np.sqrt(strip), rows)

    return placed


def _sides(ax, look, regions, empty):
    """What the shading means, in the margin: once for each colour that is there."""
    used = {colour_of(region) for region in regions}
    low, high = np.log(ax.get_ylim())
    one = -low / (high - low)
    at_end = 0.02 if one > 0.5 else 0.88
    for colour, text, place in (
        (OVER, "over", one + 0.09),
        (UNDER, "under", one - 0.09),
        (look.muted, "grey:\nno rows", at_end),
    ):
        if colour in used or (empty and colour == look.muted):
            ax.text(
                1.015, place, text, transform=ax.transAxes, fontsize=look.text,
                va="bottom" if place == at_end else "center", color=look.words(colour), gid="side",
            )  # fmt: skip


def plot_null(diagnosis, ax=None, style=None, letter="c", wide=False):
    """The JSD: what noise alone shows as a grey histogram, the value seen, the estimate's interval.

    The estimate is the value less what noise adds, so it may stand left of it.

    Parameters
    ----------
    wide : bool
        Whether the panel is wide and low, so that words may stand in one line.
    """
    ax, look = new_axes(ax, style)
    jsd = diagnosis.divergences.get("jsd")
    known = jsd is not None and jsd.value is not None
    said = f"JSD, p = {jsd.pvalue:.2g}" if known else "JSD: not measured"
    dress(ax, look, f"({letter}) {said}", grid="x")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if not known:
        ax.set_xticks([])
        return ax
    name = f"{jsd.unit}, {jsd.resamples} permutations" if jsd.resamples else jsd.unit
    ax.set_xlabel(name, fontsize=look.text, color=look.ink)
    null = np.asarray(diagnosis.null, dtype=float)
    null = null[np.isfinite(null)]
    places = np.array([jsd.value, jsd.estimate, *jsd.ci, *null])
    low, high = min(places.min(), 0.0), places.max()
    span = high - low or 1.0
    low, high = low - 0.03 * span, high + 0.06 * span
    ax.set(xlim=(low, high), ylim=(0, 1))
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    span = high - low
    few, many = (0.3, 0.6) if wide else (0.45, np.inf)  # room for words in two lines, in one
    # Beside whatever stands at this height, so that no line runs through the words.
    ends = min(jsd.ci[0], jsd.value), max(jsd.ci[1], jsd.value)
    room = max(ends[0] - low, high - ends[1]) / span
    if null.size:
        tall = 0.4 if not wide else 0.3 if room > few else 0.15
        _noise(ax, look, null, span, tall)
        said = f"noise alone {jsd.floor:.3g}\n95% below {jsd.floor_upper:.3g}"
        side = jsd.floor, jsd.floor if high - jsd.floor > few * span else high
        _say(ax, look, side, tall + 0.02, said, look.words(look.colour("floor")), "bottom")
    ax.plot([jsd.value] * 2, [0, 0.84], color=look.ink, linewidth=look.line, gid="value")
    _say(ax, look, (jsd.value,) * 2, 0.86, f"raw value {jsd.value:.3g}", look.ink, "bottom")
    colour = look.colour("gen")
    ax.plot(jsd.ci, [0.7] * 2, color=colour, linewidth=1.4 * look.line, gid="ci")
    ax.plot(
        [jsd.estimate], [0.7], "o", color=colour, markersize=3.6 * look.line, clip_on=False,
        markeredgecolor=look.ground, gid="estimate",
    )  # fmt: skip
    said = f"estimate {jsd.estimate:.3g}", f"[{jsd.ci[0]:.3g}, {jsd.ci[1]:.3g}]"
    said = (" " if room > many else "\n").join(said)
    if room > few:
        _say(ax, look, ends, 0.7, said, look.words(colour), "center")
    else:
        _say(ax, look, (jsd.estimate,) * 2, 0.665, said, look.words(colour), "top")
    return ax


def _noise(ax, look, null, span, tall):
    """The permuted values as a grey histogram, at least as wide as can be seen."""
    low, high = null.min(), null.max()
    if high - low < 0.004 * span:
        middle = (low + high) / 2
        low, high = middle - 0.002 * span, middle + 0.002 * span
    heights, edges = np.histogram(null, bins=max(1, min(40, null.size // 10)), range=(low, high))
    ax.stairs(
        tall * heights / heights.max(), edges, fill=True, facecolor=look.colour("floor"),
        edgecolor=look.colour("floor"), linewidth=look.line / 3, gid="null", zorder=2,
    )  # fmt: skip


def _say(ax, look, ends, y, text, colour, align):
    """Words beside the stretch `ends`, on the side that has more room."""
    low, high = ax.get_xlim()
    left = high - ends[1] > ends[0] - low
    shift = 0.5 if align == "center" else 0.0
    ax.annotate(
        text, (ends[1] if left else ends[0], y), textcoords="offset points",
        xytext=((shift if left else -shift) * look.text, 0), va=align, color=colour,
        ha="left" if left else "right", fontsize=look.text, linespacing=1.15,
        path_effects=[withStroke(linewidth=look.text / 5, foreground=look.ground)],
    )  # fmt: skip
