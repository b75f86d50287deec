"""Regions that are over- or under-produced, as marks: spans of a line, outlines on a map, numbers.

Two colours, and two directions of hatching for those who see no colours.
"""

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import mix

OVER, UNDER = "#B2182B", "#2166AC"  # the ends of the map of log R
HATCH = {OVER: "\\\\", UNDER: "//"}


def colour_of(region):
    """Red where there is too much of the generator, blue where too little.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> colour_of(SimpleNamespace(verdict="MISSING")) == UNDER
    True
    """
    return OVER if region.verdict == "over-produced" else UNDER


def marked(diagnosis, regions, axes):
    """Which cells of the plane (or line) of `axes` each region covers, seen from the side.

    Cells where neither sample has a row are left out: a region may reach far over empty ground.

    Returns
    -------
    list of ndarray of bool
    """
    grid = diagnosis.grid
    known = (np.asarray(diagnosis.real.counts) + np.asarray(diagnosis.gen.counts)).ravel() > 0
    masks = []
    for region in regions:
        cells = np.asarray(region.cells, dtype=np.int64)
        places = np.unravel_index(cells[known[cells]], grid.shape)
        mask = np.zeros(tuple(grid.shape[axis] for axis in axes), dtype=bool)
        mask[tuple(places[axis] for axis in axes)] = True
        masks.append(mask)
    return masks


def runs(mask):
    """Start and stop of every stretch of True.

    Examples
    --------
    >>> runs([True, True, False, True])
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, dtype=int), [0]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def shade(ax, look, edges, mask, colour):
    """The cells of `mask` shaded over the whole height of the panel."""
    for start, stop in runs(mask):
        ax.axvspan(
            edges[start], edges[stop], facecolor=mix(colour, look.ground, 0.78), edgecolor="none",
            linewidth=0, zorder=0.6, gid="region",
        )  # fmt: skip


def outline_cells(ax, look, edges, mask):
    """The border of the cells of `mask` on a map, dark with a light rim: seen on any colour."""
    padded = np.pad(mask, 1)
    lines = []
    for axis, along in ((0, 1), (1, 0)):
        turns = np.diff(padded, axis=axis)
        turns = turns[:, 1:-1] if axis == 0 else turns[1:-1].T
        for number, row in enumerate(turns):
            at = edges[axis][number]
            for start, stop in runs(row):
                ends = [(at, edges[along][start]), (at, edges[along][stop])]
                lines.append(ends if axis == 0 else [(y, x) for x, y in ends])
    border = LineCollection(
        lines, colors="#111111", linewidths=0.8 * look.line, capstyle="projecting", zorder=4,
        path_effects=[withStroke(linewidth=1.5 * look.line, foreground="#FFFFFF")], gid="region",
    )  # fmt: skip
    ax.add_collection(border, autolim=False)


def hatch_cells(ax, look, edges, mask, pattern, gid):
    """Hatch the cells of `mask` on a map, in as few rectangles as there are stretches."""
    corners = []
    for column, row in enumerate(mask):
        left, right = edges[0][column], edges[0][column + 1]
        for start, stop in runs(row):
            low, high = edges[1][start], edges[1][stop]
            corners.append([(left, low), (right, low), (right, high), (left, high)])
    if corners:
        ax.add_collection(
            PolyCollection(
                corners, facecolor="none", edgecolor=mix("#FFFFFF", "#777777", 0.35),
                hatch=pattern, linewidth=0, zorder=2, gid=gid,
            ),
            autolim=False,
        )  # fmt: skip


class Numbers(LineLabels):
    """Numbers of regions, each at the first of its places where it covers no other.

    One that finds no place is left out: the table has them all.
    """

    def __init__(self, ax, look):
        super().__init__(ax, look)
        self.set_in_layout(False)

    def add(self, text, places, colour=None):
        """`places` are (x, y) in pixels shifts: (x, y, dx, dy) with dx, dy in text heights."""
        self.rows.append((text, places, colour))

    def _place(self, renderer):
        look, box, figure = self.look, self.axes.bbox, self.axes.figure
        self.texts, self.lines, taken = [], [], []
        em = look.text * figure.dpi / 72
        for text, places, colour in self.rows:
            wide, high, _ = renderer.get_text_width_height_descent(
                text, FontProperties(size=look.text, weight="bold"), False
            )
            for x, y, dx, dy in places:
                x, y = self._pixels(x, y)
                x = min(max(x + dx * em, box.x0 + wide / 2), box.x1 - wide / 2)
                y = y + dy * em
                mine = (x - 0.6 * wide, y - 0.65 * high, x + 0.6 * wide, y + 0.65 * high)
                inside = box.y0 <= mine[1] and mine[3] <= box.y1
                if inside and not any(_cover(mine, other) for other in taken):
                    taken.append(mine)
                    self._write(text, x, y, colour)
                    break

    def _pixels(self, x, y):
        return self.axes.transData.transform((x, y))

    def _write(self, text, x, y, colour):
        look = self.look
        word = Text(
            x, y, text, fontsize=look.text, weight="bold", ha="center", va="center_baseline",
            color="#FFFFFF" if colour is None else look.words(colour),
            path_effects=[
                withStroke(
                    linewidth=look.text / 6,
                    foreground="#111111" if colour is None else look.ground,
                )
            ],
        )  # fmt: skip
        self._adopt(word)
        self.texts.append(word)


class NumbersAbove(Numbers):
    """Numbers along the top of a panel; `y` is a height of the axes, 0 to 1."""

    def _pixels(self, x, y):
        return self.axes.get_xaxis_transform().transform((x, y))


def _cover(one, two):
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def number_on_map(numbers, region, mask, edges):
    """Give a region's number the middle of its largest stretch, and places around its box."""
    x, y = np.nonzero(mask)
    centres = [(edge[:-1] + edge[1:]) / 2 for edge in edges]
    middle = np.median(x), np.median(y)
    nearest = np.argmin((x - middle[0]) ** 2 + (y - middle[1]) ** 2)
    at = centres[0][x[nearest]], centres[1][y[nearest]]
    left, right = edges[0][x.min()], edges[0][x.max() + 1]
    low, high = edges[1][y.min()], edges[1][y.max() + 1]
    places = [
        (at[0], high, 0, 0.7),
        (at[0], low, 0, -0.7),
        (right, at[1], 0.7, 0),
        (left, at[1], -0.7, 0),
    ]
    # A region that its number would hide has it beside it.
    places.insert(0 if len(x) > 6 else len(places), (*at, 0, 0))
    numbers.add(str(region.number), places)


def level_ticks(ax, look, axis, number, room):
    """Names of categories as ticks: cut, turned or thinned out until they fit `room` inches.

    Parameters
    ----------
    axis : Axis
        Of kind ``categories``; other kinds are left alone.
    number : int
        0 for the horizontal axis, 1 for the vertical one.
    """
    if axis.kind != "categories":
        return
    names = [str(level) for level in axis.levels]
    size, drawn = look.text, ax.yaxis if number else ax.xaxis
    slots = max(1, int(room * 72 / (1.25 * size)))
    every = -(-len(names) // slots)
    shown = list(range(0, len(names), every))
    renderer = ax.figure._get_renderer()
    wide = 72 / ax.figure.dpi * max(_width(names[i], size, renderer) for i in shown)
    turned = number == 0 and 1.1 * wide * len(shown) > 72 * room
    most = (7 if turned else 8) * size * ax.figure.dpi / 72
    drawn.set_ticks(shown, [clip(names[i], size, most, renderer) for i in shown])
    if turned:
        ax.tick_params(axis="x", labelrotation=90)


def _width(text, size, renderer):
    return renderer.get_text_width_height_descent(text, FontProperties(size=size), False)[0]


def clip(text, size, width, renderer):
    """`text`, its middle left out if it is wider than `width` pixels; a mark stands there.

    Names often differ only at their ends. $ is escaped: names come from files and are no
    mathematics.
    """
    whole = " ".join(str(text).split())
    if _width(whole, size, renderer) <= width:
        return whole.replace("$", r"\$")
    low, high = 1, len(whole) - 1  # letters that fit, and that may fit
    while low < high:
        middle = (low + high + 1) // 2
        if _width(_middle_out(whole, middle), size, renderer) <= width:
            low = middle
        else:
            high = middle - 1
    return _middle_out(whole, low).replace("$", r"\$")


def _middle_out(text, keep):
    tail = keep // 2
    return text[: keep - tail].rstrip() + "…" + text[len(text) - tail :].lstrip()
