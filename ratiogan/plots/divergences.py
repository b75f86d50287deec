"""The figure of `table`: generators f and their conjugates on one scale, those alike as one line.

c(s-1) added to f changes no divergence, so the tangent at s = 1 is taken off; divided by f''(1) all
rows with a curvature are then (s-1)^2/2 near s = 1.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import CATEGORIES, PREDICTED, dress, mix, new_axes
from ratiogan.plots.several import run_colours

LAST = 4.0  # s of the last point drawn
TOP = 3.0
ENDS = (-2.0, 2.0)  # t of the conjugates
POINTS = 801
ALIKE = 1e-9
MOST_NAMED = 2  # names of rows that share a line


def row_of(row):
    """The `Divergence` of a `RowCheck`, or the row itself."""
    return getattr(row, "row", row)


def scale_of(row):
    """What f is divided by: f''(1); 1 where there is a kink or nothing curves at s = 1."""
    return row.curvature if np.isfinite(row.curvature) and row.curvature > 0 else 1.0


def scaled(row, s):
    """[f(s) - f'(1) (s-1)] / f''(1)."""
    return (row.f(s) - row.slope_at_one * (s - 1)) / scale_of(row)


def scaled_conjugate(row, t):
    """The conjugate of `scaled`: [f*(f''(1) t + f'(1)) - f'(1)] / f''(1)."""
    scale, slope = scale_of(row), row.slope_at_one
    return (row.conjugate(scale * t + slope) - slope) / scale


def groups_of(rows):
    """Rows that are one line once they are scaled, highest at the right end first.

    Returns
    -------
    list of list of Divergence
    """
    s = np.linspace(0.01, LAST, 200)
    groups = []
    for row in map(row_of, rows):
        line = scaled(row, s)
        for other, members in groups:
            if np.allclose(other, line, rtol=ALIKE, atol=ALIKE):
                members.append(row)
                break
        else:
            groups.append((line, [row]))
    groups.sort(key=lambda group: -group[0][-1])
    return [members for _, members in groups]


def name_of(group):
    """The names of rows that share a line; * where f''(1) is no positive number.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> name_of([Row(name="tv", curvature=float("nan"))])
    'tv *'
    """
    names = [row.name for row in group]
    more = len(names) - MOST_NAMED
    said = ", ".join(names[:MOST_NAMED]) + (f" (+{more})" if more > 0 else "")
    curved = np.isfinite(group[0].curvature) and group[0].curvature > 0
    return said if curved else f"{said} *"


def table_title(rows):
    """How many rows hold, and how many lines they are, as one sentence."""
    groups = groups_of(rows)
    count = f"{len(rows)} divergence{'' if len(rows) == 1 else 's'}"
    said = ""
    if rows and hasattr(rows[0], "ok"):
        good = sum(row.ok for row in rows)
        said = f"{good} of {len(rows)} rows hold. "
    if len(rows) == 1:
        row = row_of(rows[0])
        low, high = (f"{end:.4g}".replace("inf", "∞") for end in row.range)
        near = "a kink at R = 1" if np.isnan(row.curvature) else f"f''(1) = {row.curvature:.4g}"
        return f"{said}{row.name} lies between {low} and {high}; {near}."
    return (
        f"{said}{count}, {len(groups)} different f: near R = 1 all that curve there are "
        "f''(1)/2 E[(R\u22121)²]."
    )


def table_panels(figure, rows, look):
    """f on the left with the names, f* on the right in the same colours and dashes."""
    axes = figure.subplots(1, 2, width_ratios=(1, 1))
    plot_generators(rows, axes[0], look)
    plot_conjugates(rows, axes[1], look, names=False)


def plot_generators(rows, ax=None, style=None, letter="a", names=True):
    """f(s) of every row, its tangent at 1 taken off and scaled to f''(1) = 1.

    Parameters
    ----------
    rows : sequence of RowCheck or Divergence
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.
    names : bool
        Whether to name the lines in the margin.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    s = np.linspace(0, LAST, POINTS)
    groups = groups_of(rows)
    starred = any(name_of(group).endswith("*") for group in groups)
    under = "s = R" + ("    * not scaled" if starred else "")
    dress(ax, look, f"({letter}) f(s), scaled to f''(1) = 1", under)
    ax.set(xlim=(0, LAST), ylim=(-0.03 * TOP, TOP))
    ax.axvline(1.0, color=look.ink, linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=2.2)
    _lines(ax, look, groups, s, scaled, names)
    return ax


def plot_conjugates(rows, ax=None, style=None, letter="b", names=True):
    """f*(t) of every row, scaled as f is; a line ends where f* becomes infinite."""
    ax, look = new_axes(ax, style)
    t = np.linspace(*ENDS, POINTS)
    dress(ax, look, f"({letter}) conjugate f*(t)", "t")
    ax.set(xlim=ENDS, ylim=(-1.6, TOP))
    ax.axvline(0.0, color=look.ink, linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=2.2)
    _lines(ax, look, groups_of(rows), t, scaled_conjugate, names)
    return ax


def _lines(ax, look, groups, x, function, names):
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    labels = LineLabels(ax, look, keys=True)
    for number, (group, (_, dash)) in enumerate(zip(groups, run_colours(len(groups)), strict=True)):
        # Towards the ink, not towards black: a second round must be seen on a dark ground too.
        turn, place = divmod(number, len(CATEGORIES))
        colour = mix(CATEGORIES[place], look.ink, min(0.7, 0.35 * turn))
        y = np.asarray(function(group[0], x), dtype=float)
        y = np.where(np.isfinite(y), y, np.nan)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=0.8 * look.line, label=group[0].name)
        if function is scaled_conjugate:
            _end(ax, look, x, y, colour)
        if names:
            labels.add(x[-1:], np.nan_to_num(y[-1:], nan=TOP), name_of(group), colour, dash)


def _end(ax, look, x, y, colour):
    """A ring where f* becomes infinite inside the panel."""
    known = np.flatnonzero(np.isfinite(y))
    if known.size and known[-1] < len(x) - 1 and y[known[-1]] < ax.get_ylim()[1]:
        ax.plot(
            x[known[-1]], y[known[-1]], "o", color=look.ground, markeredgecolor=colour,
            markersize=2.4 * look.line, markeredgewidth=0.5 * look.line, zorder=4, gid="end",
        )  # fmt: skip
