"""Labels at the ends of their lines, spread so that none overlaps another."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform


def spread(wanted, height, low, high):
    """Positions nearest to `wanted`, at least `height` apart, inside low..high.

    Neighbours that would overlap are pooled into a block around the mean of what they want, as in
    isotonic regression. If there is no room for all they are spaced evenly.

    Parameters
    ----------
    wanted : sequence of float, shape (n,)
    height, low, high : float
        In one unit; a label reaches half a height to both sides of its position.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> spread([5.0, 5.0, 9.0], 2.0, 0.0, 10.0).tolist()
    [4.0, 6.0, 9.0]
    """
    wanted = np.asarray(wanted, dtype=float)
    count = len(wanted)
    if not count:
        return wanted
    low, high = low + height / 2, high - height / 2
    if (count - 1) * height >= high - low:
        middle = (low + high) / 2
        half = max(high - low, 0) / 2
        places = np.linspace(middle - half, middle + half, count)
        result = np.empty(count)
        result[np.argsort(wanted, kind="stable")] = places
        return result
    order = np.argsort(wanted, kind="stable")
    # Without the spacing, what is left of the problem is to be monotone: pool violators.
    target = np.clip(wanted[order], low, high) - height * np.arange(count)
    blocks = []
    for value in target:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, n), (two, m) = blocks[-2:]
            blocks[-2:] = [[(n * one + m * two) / (n + m), n + m]]
    level = np.concatenate([np.full(n, value) for value, n in blocks])
    level = np.clip(level, low, high - height * (count - 1))
    result = np.empty(count)
    result[order] = level + height * np.arange(count)
    return result


MOST_INSIDE = 5  # lines that end inside the axes and can still be labelled there


class LineLabels(Artist):
    """The labels of the lines of one Axes, placed anew whenever it is drawn.

    A label stands right of its anchor, a point of its line; anchors at the right end of the axes
    put it into the margin, after a short piece of the line itself, which shows its dashes.
    Labels that would cover one another are moved up or down; those of consecutive lines that
    cannot be told apart are joined (``8 to 38``) when `join` is set. With `keys`, or where more
    than five lines end inside, all labels stand in the margin, in their order, after a piece of
    their line.
    """

    def __init__(self, ax, look, join=False, keys=False):
        super().__init__()
        self.look = look
        self.join = join
        self.keys = keys
        self.rows = []
        self.texts = []
        self.lines = []
        self.set_zorder(6)
        ax.add_artist(self)
        self.set_clip_on(False)

    def add(self, x, y, text, colour, dash="-", whole=None):
        """Label the last finite point of x, y; nothing if there is none.

        `whole` is the line's height at places common to all lines, to tell which coincide.
        """
        x, y = np.atleast_1d(x), np.atleast_1d(y)
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if self.axes.get_yscale() == "log":
            good = good[y[good] > 0]
        if good.size:
            last = good[-1]
            self.rows.append((float(x[last]), float(y[last]), text, colour, dash, whole))

    def get_children(self):
        return [*self.texts, *self.lines]

    def _joined(self, places, near):
        """Consecutive lines that are nowhere `near` pixels apart share one label."""
        joined = []
        for row, place in zip(self.rows, places, strict=True):
            if self.join and joined and self._apart(joined[-1][0][5], row[5]) < near:
                joined[-1][2] = row[2]
            else:
                joined.append([row, place, None])
        return joined

    def _apart(self, one, two):
        high = [
            self.axes.transData.transform(np.column_stack([np.ones(len(line)), line]))[:, 1]
            for line in (one, two)
        ]
        gap = np.abs(high[0] - high[1])
        return np.max(gap[np.isfinite(gap)], initial=0.0)

    def _place(self, renderer):
        look, box = self.look, self.axes.bbox
        self.texts, self.lines = [], []
        if not self.rows:
            return
        pixels = self.axes.figure.dpi / 72
        height = 1.22 * look.text * pixels
        data = np.array([row[:2] for row in self.rows])
        places = self.axes.transData.transform(data)
        places[:, 1] = np.clip(places[:, 1], box.y0, box.y1)
        joined = self._joined(places, 0.35 * height)

        inside = [place[0] < box.x1 - 0.03 * box.width for _, place, _ in joined]
        keys = self.keys or sum(inside) > MOST_INSIDE
        if keys:
            middle = (box.y0 + box.y1) / 2
            inside = [False] * len(joined)
            # All want the middle, and are spread from there in their order, the first on top.
            joined = [[row, (place[0], middle), upto] for row, place, upto in joined[::-1]]
        gaps = [(0.35 if within else 1.75) * look.text * pixels for within in inside]
        shrink = min(1.0, box.height / (height * max(1, sum(not within for within in inside))))
        size, height = look.text * shrink, height * shrink
        items = []
        for (row, place, upto), within, gap in zip(joined, inside, gaps, strict=True):
            words = row[2] if upto is None else f"{row[2]} to {upto}"
            left = (place[0] if within else box.x1) + gap
            wide = renderer.get_text_width_height_descent(
                words, FontProperties(size=size), "$" in words
            )[0]
            items.append([left, left + wide, place, words, row, within])

        for group in _columns(items):
            # Those in the margin may reach half a line beyond the axes at the top and bottom.
            reach = 0.0 if any(item[5] for item in group) else height / 2
            tops = spread([item[2][1] for item in group], height, box.y0 - reach, box.y1 + reach)
            for item, y in zip(group, tops, strict=True):
                self._make(item, y, size, pixels, keys)

    def _make(self, item, y, size, pixels, keys):
        look = self.look
        left, _, (x0, y0), words, (_, _, _, colour, dash, _), within = item
        halo = [withStroke(linewidth=size / 6, foreground=look.ground)]
        text = Text(
            left, y, words, fontsize=size, color=look.words(colour), va="center_baseline",
            ha="left", path_effects=halo if within else None,
        )  # fmt: skip
        em = look.text * pixels
        if within:
            far = abs(y - y0) > 0.9 * em
            path = [(x0, y0), (left - 0.1 * em, y)] if far else []
        else:
            edge = self.axes.bbox.x1
            start = y if keys else y0
            path = [
                (edge if not keys else edge + 0.3 * em, start),
                (edge + 0.4 * em, y),
                (left - 0.2 * em, y),
            ]
        for artist in [text]:
            self._adopt(artist)
            self.texts.append(artist)
        if path:
            x, y = np.transpose(path)
            line = Line2D(
                x, y, color=colour, linestyle=dash, linewidth=0.8 * look.line,
                solid_capstyle="butt",
            )  # fmt: skip
            if within:
                line.set(linewidth=look.line / 4, linestyle="-")
            self._adopt(line)
            self.lines.append(line)

    def _adopt(self, artist):
        artist.set_figure(self.axes.figure)
        artist.set_transform(IdentityTransform())
        artist.set_clip_on(False)

    def draw(self, renderer):
        if not self.get_visible():
            return
        self._place(renderer)
        for child in [*self.lines, *self.texts]:
            child.draw(renderer)
        self.stale = False

    def get_window_extent(self, renderer=None):
        renderer = renderer or self.axes.figure._get_renderer()
        self._place(renderer)
        boxes = [text.get_window_extent(renderer) for text in self.texts]
        return Bbox.union(boxes) if boxes else Bbox.null()

    def get_tightbbox(self, renderer=None):
        box = self.get_window_extent(renderer)
        return box if self.texts else None  # an empty box would count as a point at infinity


def _columns(items):
    """Split into groups whose horizontal extents overlap, each to be spread on its own."""
    groups, end = [], -np.inf
    for item in sorted(items, key=lambda item: item[0]):
        if item[0] < end:
            groups[-1].append(item)
        else:
            groups.append([item])
        end = max(end, item[1])
    return groups
