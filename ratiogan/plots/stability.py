"""The figure of local stability: eigenvalues of J, their paths, spectral radius by step size."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator

from ratiogan.plots.dynamics import MARKERS, complex_axes
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    PREDICTED,
    dress,
    log_axis,
    mix,
    new_axes,
    wrap,
)
from ratiogan.plots.phase import greek
from ratiogan.plots.several import run_colours
from ratiogan.text import significant

MOST_NUMBERS = 8  # rows of a Jacobian that is written down
MOST_NAMED = 4  # eigenvalues (of a pair one) that are written down
STABLE = "#009E73"
MARKS = ("◆", "■", "▲", "▼")
_MARKERS = ("D", "s", "^", "v")
_TOP = 1.5  # of the radius: above it nothing is read off


def stability_figure(figure, result, look):
    """The panels of a `Stability`: eigenvalues and their paths (or J) above, radii below."""
    table = result.jacobian is not None and len(result.jacobian) <= MOST_NUMBERS
    second = plot_paths if result.path is not None else plot_jacobian if table else None
    # Grids within the grid: what stands beside one row takes no room of the other.
    above, below = figure.add_gridspec(2, 1, height_ratios=[1.25, 1])
    places = above.subgridspec(1, 2 if second else 1)
    plot_eigenvalues(result, figure.add_subplot(places[0]), look, "a")
    if second:
        second(result, figure.add_subplot(places[1]), look, "b")
    ax = figure.add_subplot(below.subgridspec(1, 1)[0])
    plot_radii(result, ax, look, "c" if second else "b")


def number_words(value):
    """A number of three digits with a real minus.

    Examples
    --------
    >>> number_words(-0.25), number_words(1e-17)
    ('−0.25', '0')
    """
    text = f"{0.0 if abs(value) < 1e-14 else value:.3g}"
    return text.replace("-", "\u2212")


def _limits(values):
    """Limits of a plane that shows all values and 0, and whether both axes are of one size."""
    points = np.append(values[np.isfinite(values)], 0.0)
    low = np.array([points.real.min(), points.imag.min()])
    high = np.array([points.real.max(), points.imag.max()])
    size = (high - low).max() or 1.0
    equal = (high - low).min() > size / 8 or (high - low).min() < 1e-9 * size
    room = np.where(equal, 0.25 * size, np.maximum(0.25 * (high - low), 1e-9 * size))
    return low - room, high + room, equal


def _half_plane(ax, look, low, high, equal):
    """Axes of a complex plane with Re < 0 shaded; right of 0 there is a little room too."""
    far = -1e3 * max(1e-3, *np.abs([low, high]).ravel())
    ax.axvspan(far, 0, color=mix(STABLE, look.ground, 0.84), zorder=0.2, gid="stable")
    ax.axvline(0, color=look.ink, linestyle=PREDICTED, linewidth=0.5 * look.line, zorder=1.2)
    complex_axes(ax, look, low, high, equal)


def plot_eigenvalues(result, ax=None, style=None, letter="a"):
    """Eigenvalues of J in the complex plane, the stable half plane shaded, repeated ones counted.

    Parameters
    ----------
    result : Stability
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) eigenvalues of J; shaded: stable")
    values = np.asarray(result.eigenvalues, dtype=complex)
    colour = look.colour("gen")
    ax.plot(
        values.real, values.imag, "o", color=colour, zorder=3, gid="eigenvalues",
        markeredgecolor=look.ground, markeredgewidth=0.2 * look.line,
        markersize=(3.6 if len(values) <= 16 else 2.2) * look.line,
    )  # fmt: skip
    labels = LineLabels(ax, look)
    size = np.abs(values).max(initial=0.0)
    upper = np.flatnonzero(values.imag >= -1e-12 * size)
    repeated = np.asarray(result.multiplicities) > 1
    for at in upper:
        value, times = values[at], f"× {result.multiplicities[at]}" if repeated[at] else ""
        words = f"{times} ({complex_words(value, size)})" if times else complex_words(value, size)
        if len(upper) > MOST_NAMED:
            words = times if repeated.sum() <= 2 * MOST_NAMED else ""
        if words:
            labels.add([value.real], [value.imag], f" {words}", colour, "-")
    _half_plane(ax, look, *_limits(values))
    return ax


def complex_words(value, size=1.0):
    """An eigenvalue, with its conjugate where it is not real.

    Examples
    --------
    >>> complex_words(-0.25 + 0.433j), complex_words(-1 + 0j)
    ('−0.25 ± 0.433i', '−1')
    """
    real = number_words(value.real if abs(value.real) > 1e-12 * size else 0.0)
    if abs(value.imag) <= 1e-12 * size:
        return real
    imaginary = f"{number_words(abs(value.imag))}i"
    return f"±{imaginary}" if real == "0" else f"{real} ± {imaginary}"


def plot_paths(result, ax=None, style=None, letter="b"):
    """Eigenvalues of J as one parameter of the field varies, from light to dark.

    Parameters
    ----------
    result, ax, style
        As for `plot_eigenvalues`. `result.path` must be there.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    path = result.path
    key, values = greek(path.key), np.asarray(path.values, dtype=float)
    span = f"{number_words(values[0])} to {number_words(values[-1])}"
    dress(ax, look, f"({letter}) {key} from {span}, hollow to filled")
    eigenvalues = np.asarray(path.eigenvalues, dtype=complex)
    colour = look.colour("gen")
    shades = [look.fade(colour, share) for share in np.linspace(0, 1, max(2, len(values) - 1))]
    for column in eigenvalues.T:
        points = np.column_stack([column.real, column.imag])
        ax.add_collection(
            LineCollection(
                np.stack([points[:-1], points[1:]], axis=1), colors=shades, zorder=2.5,
                linewidths=1.2 * look.line, capstyle="round", gid="path",
            ),
            autolim=False,
        )  # fmt: skip
    for place, face, gid in ((0, look.ground, "start"), (-1, shades[-1], "end")):
        ax.plot(
            eigenvalues[place].real, eigenvalues[place].imag, "o", color=shades[-1],
            markerfacecolor=face, linestyle="none", markersize=2.8 * look.line, zorder=3.5,
            markeredgewidth=0.5 * look.line, gid=gid,
        )  # fmt: skip
    said = ["real part"]
    renderer = ax.figure._get_renderer()
    wide = 0.42 * ax.figure.bbox.width
    for at, (value, words) in enumerate(path.critical[: len(MARKS)]):
        there = [np.interp(value, values, column.real) + 1j * np.interp(value, values, column.imag)
                 for column in eigenvalues.T]  # fmt: skip
        ax.plot(
            np.real(there), np.imag(there), _MARKERS[at], color=look.ink, linestyle="none",
            markeredgecolor=look.ground, markersize=3.2 * look.line, zorder=4, gid="critical",
            markeredgewidth=0.3 * look.line,
        )  # fmt: skip
        text = f"{MARKS[at]} {key} = {number_words(value)}: {words}"
        said += wrap(text, look.text, wide, renderer)[:2]
    _half_plane(ax, look, *_limits(eigenvalues.ravel()))
    ax.set_xlabel(
        "\n".join(said), fontsize=look.text, color=look.ink, linespacing=1.3, parse_math=False
    )
    return ax


def plot_jacobian(result, ax=None, style=None, letter="b"):
    """The Jacobian as a small map with its numbers: red what raises, blue what lowers.

    Parameters
    ----------
    result, ax, style
        As for `plot_eigenvalues`. `result.jacobian` must be there.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) Jacobian: row' by column", grid=None)
    matrix = np.asarray(result.jacobian, dtype=float)
    n = len(matrix)
    most = float(np.abs(matrix).max()) or 1.0
    for (row, column), value in np.ndenumerate(matrix):
        hue = "#B2182B" if value > 0 else "#2166AC"
        share = abs(value) / most
        colour = mix(hue, look.ground, 1 - 0.45 * share)
        ax.fill(
            column + np.array([-0.48, 0.48, 0.48, -0.48]),
            row + np.array([-0.48, -0.48, 0.48, 0.48]),
            color=colour if value else mix(look.ink, look.ground, 0.95), linewidth=0,
        )  # fmt: skip
        ax.text(
            column, row, number_words(value), ha="center", va="center", color=look.ink, gid="cell",
            fontsize=look.text * min(1.0, 4.5 / n),
        )  # fmt: skip
    names = [greek(name) for name in result.field.coordinates]
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    ax.xaxis.set_major_locator(FixedLocator(range(n)))
    ax.yaxis.set_major_locator(FixedLocator(range(n)))
    ax.set_xticklabels(names)
    ax.set_yticklabels([f"{name}'" for name in names])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def plot_radii(result, ax=None, style=None, letter="c"):
    """Spectral radius of every method's update against its step size; below 1 it converges.

    On the line at 1 every method's largest stable step size is marked, on its curve the best one;
    a vertical line stands at the chosen step size.

    Parameters
    ----------
    result, ax, style
        As for `plot_eigenvalues`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) spectral radius of one step; dot: least, bar: limit", "α")
    shown = [one for one in result.methods if len(one.alphas)]
    alphas = np.concatenate([one.alphas for one in shown] or [np.array([0.1, 1.0])])
    radii = np.concatenate([one.radii for one in shown] or [np.array([0.5, 1.0])])
    first, last = _alphas_in_sight(result, shown, alphas)
    log_axis(ax, first, last, "x")
    seen = radii[(alphas >= first) & (alphas <= last) & np.isfinite(radii)]
    low, high = seen.min(initial=1.0), min(seen.max(initial=1.0), _TOP)
    room = 0.06 * max(high - low, 1e-3)
    side = 1 if np.log(result.alpha / first) < 0.15 * np.log(last / first) else -1
    ax.set_ylim(low - room, high + room)
    ax.axhline(
        1, color=look.ink, linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=2.2, gid="one"
    )
    ax.axvline(result.alpha, color=look.muted, linewidth=0.6 * look.line, zorder=1.5, gid="alpha")
    ax.annotate(
        f"α = {significant(result.alpha, 3)}", (result.alpha, 0.03), va="bottom",
        ha="left" if side > 0 else "right",
        xycoords=ax.get_xaxis_transform(), xytext=(0.3 * side * look.text, 0), fontsize=look.text,
        textcoords="offset points", color=look.ink,
        path_effects=[withStroke(linewidth=look.text / 6, foreground=look.ground)],
    )  # fmt: skip
    labels = LineLabels(ax, look, keys=True)
    for at, (one, (colour, dash)) in enumerate(zip(shown, run_colours(len(shown)), strict=True)):
        ax.plot(
            one.alphas, one.radii, color=colour, linestyle=dash, linewidth=0.8 * look.line,
            label=one.method, zorder=2.5,
        )  # fmt: skip
        labels.add(one.alphas, one.radii, f"{one.method}{limit_words(one)}", colour, dash)
        if 0 < one.largest_alpha < np.inf:
            ax.plot(
                [one.largest_alpha], [1.0], "|", color=colour, markersize=7 * look.line, zorder=3,
                markeredgewidth=1.1 * look.line, gid="limit",
            )  # fmt: skip
        if np.isfinite(one.best_alpha):
            ax.plot(
                [one.best_alpha], [one.best_radius], MARKERS[at % len(MARKERS)], color=colour,
                markeredgecolor=look.ground, markersize=3 * look.line, zorder=3.5, gid="best",
                markeredgewidth=0.2 * look.line, clip_on=False,
            )  # fmt: skip
    return ax


def _alphas_in_sight(result, shown, alphas):
    """The part of the axis on which something happens: limits, best steps and the chosen one."""
    places = [result.alpha]
    for one in shown:
        places += [at for at in (one.largest_alpha, one.best_alpha) if 0 < at < np.inf]
    if len(places) == 1:  # no limits: where radii leave 1
        places.append(float(np.exp(np.log(alphas).mean())))
    return (
        max(min(places) / 10, min(alphas.min(), result.alpha / 2)),
        min(max(places) * 4, max(alphas.max(), result.alpha * 2)),
    )


def limit_words(one):
    """For which step sizes a method converges, as the labels have it."""
    if np.isnan(one.largest_alpha):
        return ""
    if one.largest_alpha == 0:
        return ": never"
    if np.isinf(one.largest_alpha):
        return ": every α"
    return f": α < {significant(one.largest_alpha, 3)}"
