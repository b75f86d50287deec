"""The figure of one GAN game: its signal, its induced cost and the cost's curvature against R."""

import numpy as np

from ratiogan.plots.look import PREDICTED, dress, factor_text, log_axis, mix, new_axes

LOW, HIGH = 1e-2, 1e2
# E[R] = 1 leaves linear terms of Phi free, so the cost is drawn above its tangent at R = 1: what
# descent feels, and a minimum there wherever Phi is convex.
PARTS = (
    ("signal", "signal $u = Φ'(R)$"),
    ("excess", "cost $Φ$ above its tangent"),
    ("curvature", "curvature $Φ''(R)$"),
)
REPELS = "#C00000"


def game_title(game):
    """What the curvature at 1 means for GLGD, as one sentence with its number."""
    curvature = game.curvature_at_one
    kink = kink_of(game)
    if kink is not None:
        place, jump = kink
        if place == 1:
            return f"{game.spec}: Φ' jumps by {jump:.3g} at R = 1, so constant steps chatter there."
        return (
            f"{game.spec}: Φ' jumps by {jump:.3g} at R = {place:.4g} and is flat at R = 1, "
            "so nothing drives R to 1."
        )
    if not np.isfinite(curvature):
        return f"{game.spec}: Φ''(1) is not defined, so theory predicts no rate."
    said = factor_text(abs(curvature))
    if curvature > 0:
        rate = "α" if said == "1" else f"{said} α"
        least = "" if game.convex else ", but Φ'' < 0 elsewhere: far starts may fail"
        return (
            f"{game.spec}: near R = 1 a GLGD step multiplies the error by 1 \u2212 {rate}{least}."
        )
    if curvature < 0:
        return f"{game.spec}: Φ''(1) = \u2212{said} < 0, so R = 1 repels and GLGD leaves it."
    return f"{game.spec}: Φ''(1) = 0, so no linear force brings R back to 1."


def kink_of(game):
    """Where u jumps, and by how much; None where it does not."""
    if not game.has_kink:
        return None
    ratio = np.geomspace(LOW, HIGH, 802)
    values = np.asarray(game.signal(ratio), dtype=float)
    at = int(np.argmax(np.abs(np.diff(values))))
    low, high = ratio[at], ratio[at + 1]
    for _ in range(60):
        middle = (low + high) / 2
        if game.signal(middle) == values[at]:
            low = middle
        else:
            high = middle
    place = 1.0 if abs(high - 1) < 1e-9 else float(high)
    return place, float(values[at + 1] - values[at])


def game_panels(figure, game, look):
    """Signal, cost and curvature side by side."""
    axes = figure.subplots(1, 3)
    for ax, (part, _), letter in zip(axes, PARTS, "abc", strict=True):
        plot_game(game, part, ax, look, letter)


def plot_game(game, part, ax=None, style=None, letter="a"):
    """One function of a game against R on a log axis, R = 1 marked, Phi'' < 0 shaded red.

    Parameters
    ----------
    game : Game
    part : str
        ``signal``, ``excess`` (the induced cost above its tangent at R = 1) or ``curvature``.
    ax, style
        As for every panel.
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) {dict(PARTS)[part]}", "R")
    log_axis(ax, LOW, HIGH, "x")
    ratio = np.geomspace(LOW, HIGH, 802)  # an even number: R = 1, where u may jump, is none of them
    values = np.asarray(getattr(game, part)(ratio), dtype=float)
    values = np.where(np.isfinite(values), values, np.nan)
    _limits(ax, ratio, values, part)
    _shade(ax, look, ratio, values, np.asarray(game.curvature(ratio), dtype=float))
    ax.axvline(1.0, color=look.ink, linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=2.2)
    if ax.get_yscale() != "log":
        ax.axhline(0, color=look.muted, linewidth=look.line / 4)
    colours = {
        "signal": look.colour("gen"),
        "excess": mix(look.colour("gen"), look.ink, 0.35),
        "curvature": look.ink,
    }
    kink = kink_of(game)
    if kink is not None and part == "signal":  # a jump is a jump, not a steep line
        values[np.searchsorted(ratio, kink[0])] = np.nan
    ax.plot(ratio, values, color=colours[part], linewidth=look.line, label=part)
    if kink is not None and part == "curvature":
        _atom(ax, look, *kink)
    else:
        _mark(ax, look, float(getattr(game, part)(1.0)), colours[part])
    return ax


def _limits(ax, ratio, values, part):
    """All values where they are of one size; those near R = 1 where the ends run away."""
    finite = values[np.isfinite(values)]
    if (
        part == "curvature"
        and finite.size
        and finite.min() > 0
        and finite.max() > 99 * finite.min()
    ):
        log_axis(ax, finite.min() / 1.5, finite.max() * 1.5)
        return
    near = (ratio >= 0.1) & (ratio <= (4 if part == "excess" else 10)) & np.isfinite(values)
    if not near.any():
        return
    low, high = values[near].min(), values[near].max()
    span = high - low or 1.0
    low, high = max(finite.min(), low - 0.6 * span), min(finite.max(), high + 0.6 * span)
    low, high = min(low, 0.0), max(high, 0.0)
    span = high - low or 1.0
    ax.set_ylim(low - 0.06 * span, high + 0.14 * span)
    if low == high:
        ax.set_yticks([0])


def _shade(ax, look, ratio, values, curvature):
    """Red where Phi'' < 0, hatched too, with its name."""
    finite = np.abs(curvature[np.isfinite(curvature)])
    negative = curvature < -1e-9 * finite.max(initial=0.0)  # not the round-off of a numerical Phi''
    if not negative.any():
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], negative.astype(int), [0]])))
    spans = [(start, stop - 1) for start, stop in edges.reshape(-1, 2)]
    for start, stop in spans:
        ax.axvspan(
            ratio[start], ratio[stop], facecolor=mix(REPELS, look.ground, 0.8),
            edgecolor=look.ground, hatch="//", linewidth=0, zorder=0.5, gid="negative curvature",
        )  # fmt: skip
    start, stop = max(spans, key=lambda span: span[1] - span[0])
    middle = (start + stop) // 2
    ax.text(
        ratio[middle], _clear_height(ax, look, ratio, values, middle), "Φ'' < 0",
        transform=ax.get_xaxis_transform(), ha="center", va="center", fontsize=look.text,
        color=look.words(REPELS), gid="Phi'' < 0",
    )  # fmt: skip


def _clear_height(ax, look, ratio, values, middle):
    """Where words at `ratio[middle]` are clear of the line and of zero, in heights of the axes.

    At the bottom or the top, whichever is further from the line, else as near to it as can be.
    """
    box = ax.get_window_extent()
    em = look.text * ax.figure.dpi / 72
    height = 1.3 * em / box.height
    reach = 2.5 * em / box.width * np.log(HIGH / LOW)
    near = np.abs(np.log(ratio / ratio[middle])) < reach
    lines = np.append(values[near], [] if ax.get_yscale() == "log" else [0.0])
    points = ax.transData.transform(np.column_stack([np.ones(lines.size), lines]))
    taken = ax.transAxes.inverted().transform(points)[:, 1]
    taken = taken[np.isfinite(taken)]
    places = np.linspace(0.03 + height / 2, 0.97 - height / 2, 40)
    low, high = ax.get_ylim()
    if values[middle] < (low + high) / 2:
        places = places[::-1]
    gaps = np.abs(places[:, None] - taken).min(axis=1, initial=np.inf)
    clear = np.flatnonzero(gaps > 0.6 * height)
    return places[clear[0] if clear.size else np.argmax(gaps)]


def _mark(ax, look, value, colour):
    """The value at R = 1 as a dot with its number."""
    if not np.isfinite(value):
        return
    ax.plot([1.0], [value], "o", color=colour, markersize=3.4 * look.line, zorder=5)
    # Right of the dot, on the side of the line that is free: above where it falls, else below it.
    line = ax.lines[-2]
    x, y = line.get_data()
    rises = np.interp(2.0, x, np.nan_to_num(y)) >= value
    said = f"{value + 0.0:.4g} at R = 1".replace("-", "\u2212")
    ax.annotate(
        said, (1.0, value), xytext=(0.5 * look.text, (-0.4 if rises else 0.4) * look.text),
        textcoords="offset points", ha="left", va="top" if rises else "bottom",
        fontsize=look.text, color=look.ink, gid="value at 1",
    )  # fmt: skip


def _atom(ax, look, place, jump):
    """A jump of u is a point mass of Phi'': an upright arrow with its size."""
    up = ax.get_xaxis_transform()
    ax.plot([place, place], [0.3, 0.8], color=look.ink, linewidth=1.2 * look.line, transform=up)
    ax.plot([place], [0.8], "^", color=look.ink, markersize=4.5 * look.line, transform=up)
    ax.text(
        place, 0.86, f"an atom of {jump:.3g}\nat R = {place:.4g}", transform=up, ha="center",
        va="bottom", fontsize=look.text, color=look.ink, gid="atom",
        bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 1},
    )  # fmt: skip
