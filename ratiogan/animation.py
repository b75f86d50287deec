"""Animations of a result: a GIF, or one self-contained page that replays what was kept of the run.

Both draw the scene of `ratiogan.plots.scene`. No algorithm runs in the page.
"""

import html
import io
import json
import math
import os
import re
from dataclasses import replace
from importlib import resources

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Polygon
from PIL import Image

from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    PREDICTED,
    command_text,
    dress,
    finish,
    label_height,
    look_of,
    math_text,
    new_figure,
    set_ticks,
    version,
)
from ratiogan.plots.scene import ALPHABET, SHADES, scene

GIF_FRAMES = 60
GIF_WIDTH = 1280  # pixels: a third of the bytes of 1920, and as sharp on a slide that moves
GIF_SECONDS = 7.0
HOLD = 2000  # milliseconds that the last frame stands
MOST_BYTES = 295_000
# Points of a line, states and cells along a side of a map, until the page is small enough.
SIZES = (
    (400, 120, 64), (300, 120, 56), (200, 120, 48), (150, 120, 40), (120, 100, 36), (100, 80, 32),
    (80, 60, 28), (60, 50, 24), (50, 40, 20), (40, 30, 16), (30, 20, 12), (20, 12, 8),
)  # fmt: skip


def animate(result, path, command=None, style="slide"):
    """Write the animation of a result.

    Parameters
    ----------
    result : Solution, Comparison or Dynamics
    path : str or path
        ``FILE.gif``, or ``FILE.html`` for a page with play, pause, step and scrub.
    command : str or sequence of str, optional
        The command line that made the result.
    style : str
        ``slide``, ``paper`` or ``dark``.

    Raises
    ------
    InputError
        If the suffix is neither .gif nor .html, or the folder does not exist.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in (".gif", ".html"):
        raise InputError(
            f'an animation must end in .gif or .html, got "{os.fspath(path)}".',
            argument="path",
            fix="Write FILE.gif or FILE.html.",
        )
    look = look_of(style)
    make = _gif if suffix == ".gif" else _page
    write_atomically(path, make(result, look, command))


# --- the page ------------------------------------------------------------------------------------


def _page(result, look, command):
    template = resources.files("ratiogan").joinpath("player.html").read_text(encoding="utf-8")
    for points, frames, cells in SIZES:
        shown = scene(result, look, command, points, frames, cells)
        parts = {"TITLE": html.escape(shown["title"]), "SCENE": _json(shown)}
        # In one pass: what is filled in is never read as a template.
        page = re.sub(r"@@(TITLE|SCENE)@@", lambda found, parts=parts: parts[found[1]], template)
        content = page.encode("utf-8")
        if len(content) <= MOST_BYTES:
            break
    return content


def _json(value):
    """Strict JSON that cannot end the script element it stands in."""
    text = json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value):
    """Four digits of every number, null for what is none, null for a frame like the last one."""
    if isinstance(value, dict):
        plain = {key: _plain(item) for key, item in value.items()}
        frames = plain.get("frames")
        if frames:
            plain["frames"] = [
                None if number and frame == frames[number - 1] else frame
                for number, frame in enumerate(frames)
            ]
        return plain
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        number = float(f"{value:.4g}")
        return int(number) if number == int(number) and abs(number) < 1e6 else number
    return value


# --- the GIF -------------------------------------------------------------------------------------


def _gif(result, look, command):
    look = replace(look, dpi=GIF_WIDTH / look.width)
    shown = scene(result, look, command, points=1000, frames=GIF_FRAMES, cells=128)
    figure = new_figure(look, shown["title"], command)
    count = len(shown["panels"])
    # The last of an odd number has its row for itself.
    rows = figure.add_gridspec(-(-count // 2), 2)
    places = [(i // 2, slice(None) if i == count - 1 and count % 2 else i % 2)
              for i in range(count)]  # fmt: skip
    axes = [figure.add_subplot(rows[place]) for place in places]
    panels = [
        DRAWERS[panel["type"]](ax, look, panel)
        for ax, panel in zip(axes, shown["panels"], strict=True)
    ]
    counter = panels[0].ax.text(
        1, 1.02, "", transform=panels[0].ax.transAxes, ha="right", va="bottom", weight="bold",
        fontsize=look.text, color=look.ink, gid="step",
    )  # fmt: skip
    moving = [artist for panel in panels for artist in panel.moving] + [counter]
    for panel in panels:
        panel.show(0)
    finish(figure)
    # What stands still is drawn once; a frame is a copy of it with the rest on top.
    for artist in moving:
        artist.set_animated(True)
    canvas = figure.canvas
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    pictures = []
    for k, step in enumerate(shown["steps"]):
        for panel in panels:
            panel.show(k)
        counter.set_text(f"{shown['unit']} {step}")
        canvas.restore_region(ground)
        for artist in sorted(moving, key=lambda artist: artist.get_zorder()):
            artist.axes.draw_artist(artist)
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    return _gif_bytes(pictures, f"ratiogan {version()}: {command_text(command)}")


def _gif_bytes(pictures, comment):
    """The frames as an endless GIF, in one palette taken from the first, middle and last."""
    count = len(pictures)
    some = [np.asarray(pictures[k]) for k in sorted({0, count // 2, count - 1})]
    palette = Image.fromarray(np.concatenate(some)).quantize(256, Image.Quantize.FASTOCTREE)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    each = min(350, max(100, round(1000 * GIF_SECONDS / count)))
    buffer = io.BytesIO()
    frames[0].save(
        buffer, format="GIF", save_all=True, append_images=frames[1:], loop=0,
        duration=[each] * (count - 1) + [HOLD], comment=comment.encode("utf-8", "replace"),
    )  # fmt: skip
    return buffer.getvalue()


class _Plot:
    """The lines of one panel; ``show`` moves them to a state."""

    def __init__(self, ax, look, panel):
        self.ax, self.look, self.panel = ax, look, panel
        _prepare(ax, look, panel)
        self.lines, self.growing, self.dots = [], [], []
        # More names than fit at the ends stand in the margin from the start, and do not move.
        ends = [one for one in panel["series"] if not one.get("silent")]
        self.labels = LineLabels(ax, look, keys=len(ends) > 5 or panel.get("plane", False))
        if panel.get("plane"):
            ax.set_box_aspect(1)
        for one in panel["series"]:
            self._line(one)
        for mark in panel["marks"]:
            self._mark(mark)
        moving = [*self.lines, *self.growing, *self.dots]
        self.moving = [self.labels, *(line for line, _ in moving)]

    def _line(self, one):
        ax, look, colour = self.ax, self.look, one["colour"]
        dash = _dashes(one)
        y = one["frames"][0] if "frames" in one else one["y"]
        width = look.line * one["width"]
        marker = "o" if one.get("points") else None
        (line,) = ax.plot(
            one["x"], y, color=colour, linestyle=dash, linewidth=width, marker=marker,
            markersize=2 * look.line,
        )  # fmt: skip
        if one.get("fill"):
            ax.fill_between(one["x"], y, color=colour, alpha=0.22, linewidth=0)
        if "frames" in one:
            self.lines.append((line, one["frames"]))
        if "upto" in one:
            self.growing.append((line, one))
        if "dots" in one:
            (dot,) = ax.plot(
                [], [], "o", color=colour, markeredgecolor=look.ink, clip_on=False, zorder=6,
                markersize=4 * look.line, in_layout=False,
            )  # fmt: skip
            self.dots.append((dot, one["dots"]))

    def _mark(self, mark):
        ax, look = self.ax, self.look
        if mark["kind"] == "path":
            ax.plot(
                mark["x"], mark["y"], color=look.ink, linestyle=PREDICTED,
                linewidth=0.7 * look.line, zorder=3,
            )  # fmt: skip
        elif mark["kind"] == "area":
            corners = np.column_stack([mark["x"], mark["y"]])
            ax.add_patch(Polygon(corners, color=mark["colour"], alpha=0.35, linewidth=0))
            x, y = corners[int(np.argmax(corners[:, 0]))]
            ax.text(
                (x + corners[0, 0]) / 2, y, math_text(mark["text"]), fontsize=look.text,
                color=look.ink, ha="center", va="center",
            )  # fmt: skip
        else:
            ax.text(
                0.99, 0.99, "\n".join(mark["text"]), transform=ax.transAxes, ha="right", va="top",
                fontsize=look.text, color=look.ink, linespacing=1.2,
            )  # fmt: skip

    def show(self, k):
        for line, frames in self.lines:
            line.set_ydata(frames[k])
        for line, one in self.growing:
            line.set_data(one["x"][: one["upto"][k]], one["y"][: one["upto"][k]])
        for dot, (x, y) in self.dots:
            inside = np.isfinite(x[k]) and np.isfinite(y[k]) and y[k] <= self.panel["y"]["high"]
            dot.set_data([x[k]], [y[k]])
            dot.set_visible(bool(inside and x[k] >= self.panel["x"]["low"]))
        self.labels.rows = []
        for one in self.panel["series"]:
            if not one.get("silent"):
                y = one["frames"][k] if "frames" in one else one["y"]
                name = math_text(one["name"])
                self.labels.add(one["x"], y, name, one["colour"], _dashes(one))


class _Map:
    """One map with its colour bar; ``show`` colours its cells."""

    def __init__(self, ax, look, panel):
        self.ax, self.panel = ax, panel
        _prepare(ax, look, panel, grid=None)
        ax.set_box_aspect(1)
        ax.set_facecolor("#999999")
        self.mesh = ax.pcolormesh(
            panel["xedges"], panel["yedges"], self._values(0),
            cmap=ListedColormap(panel["palette"]), vmin=0, vmax=SHADES - 1,
        )  # fmt: skip
        beside = ax.inset_axes([1.05, 0, 0.06, 1])
        beside.imshow(
            np.arange(SHADES)[:, None], aspect="auto", origin="lower", extent=(0, 1, 0, 1),
            cmap=self.mesh.get_cmap(),
        )  # fmt: skip
        beside.yaxis.tick_right()
        beside.set_xticks([])
        scale = panel["scale"]
        number = np.log if scale["log"] else float
        low, high = number(scale["low"]), number(scale["high"])
        ticks = [((number(value) - low) / (high - low), text) for value, text in scale["ticks"]]
        set_ticks(beside, ticks)
        beside.tick_params(labelsize=look.text, labelcolor=look.ink, color=look.muted)
        for spine in beside.spines.values():
            spine.set_visible(False)
        self.moving = [self.mesh] if len(panel["frames"]) > 1 else []
        if "dots" in panel:
            self.trail = ax.plot([], [], color="#FFFFFF", linewidth=0.4 * look.line)[0]
            self.dot = ax.plot(
                [], [], "o", color="#E69F00", markeredgecolor="#111111", clip_on=False,
                markersize=4 * look.line, in_layout=False,
            )[0]  # fmt: skip
            self.moving += [self.trail, self.dot]

    def _values(self, k):
        letters = self.panel["frames"][min(k, len(self.panel["frames"]) - 1)]
        shape = (len(self.panel["yedges"]) - 1, len(self.panel["xedges"]) - 1)
        level = np.array([ALPHABET.find(letter) for letter in letters], dtype=float).reshape(shape)
        return np.ma.masked_less(level, 0)

    def show(self, k):
        if len(self.panel["frames"]) > 1:
            self.mesh.set_array(self._values(k))
        if "dots" in self.panel:
            x, y = self.panel["dots"]
            self.dot.set_data([x[k]], [y[k]])
            if self.panel.get("trail"):
                self.trail.set_data(x[: k + 1], y[: k + 1])


class _Bars:
    """Bars that do not move."""

    moving = ()

    def __init__(self, ax, look, panel):
        self.ax, self.panel = ax, panel
        _prepare(ax, look, panel, grid="x")
        size = look.text * min(1, 9 / len(panel["names"]))
        rows = zip(panel["values"], panel["colours"], panel["met"], panel["texts"], strict=True)
        for place, (value, colour, met, text) in enumerate(rows):
            ax.barh(
                place, value, height=0.62, color=colour if met else look.ground, edgecolor=colour,
                hatch=None if met else "//", linewidth=0.4 * look.line,
            )  # fmt: skip
            ax.annotate(
                text, (value, place), xytext=(0.3 * look.text, 0), textcoords="offset points",
                va="center_baseline", fontsize=size, color=look.ink,
            )  # fmt: skip
        ax.set_ylim(len(panel["names"]) - 0.4, -0.6)
        set_ticks(ax, list(enumerate(panel["names"])))
        ax.tick_params(axis="y", length=0, labelsize=size)

    def show(self, k):
        pass


def _dashes(one):
    """The dashes of a line of the scene, in line widths as Matplotlib wants them."""
    return (0, [float(part) / 3 for part in one["dash"].split()]) if one["dash"] else "-"


def _prepare(ax, look, panel, grid="both"):
    """Heading, scales, limits and ticks of a panel."""
    dress(ax, look, math_text(panel["heading"]), panel["x"]["label"], grid)
    for which in ("x", "y"):
        axis = panel.get(which)
        if axis is None:
            continue
        ax.set(**{f"{which}scale": "log" if axis["log"] else "linear"})
        ax.set(**{f"{which}lim": (axis["low"], axis["high"])})
        set_ticks(ax, axis["ticks"], which)
    if panel.get("y", {}).get("label"):
        label_height(ax, look, panel["y"]["label"])


DRAWERS = {"plot": _Plot, "map": _Map, "bars": _Bars}
