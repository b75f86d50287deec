"""How every figure looks: sizes, colours, title and footer, dressed axes; no rcParams."""

import math
import re
import shlex
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
)

from ratiogan.catalogue import PALETTE, STYLES
from ratiogan.errors import check_choice

# Okabe-Ito in fixed order for categories (black is kept for predictions), and one dash pattern
# each, so that the lines can be told apart without their colours.
CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00")
DASHES = (
    "-",
    (0, (6, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1.2)),
    (0, (8, 1.5, 1.2, 1.5, 1.2, 1.5)),
    (0, (10, 3)),
)
PREDICTED = (0, (4, 2.5))


@dataclass(frozen=True)
class Look:
    """Sizes in inches and points, colours as hex."""

    name: str
    width: float
    height: float
    dpi: float
    text: float
    title: float
    footer: float
    line: float
    ink: str
    ground: str

    @property
    def grid(self):
        return mix(self.ink, self.ground, 0.86)

    @property
    def muted(self):
        return mix(self.ink, self.ground, 0.45)

    def colour(self, role):
        """The palette's colour; what is black on white is the ink of a dark figure."""
        return self.ink if role == "prediction" else PALETTE[role]

    def fade(self, colour, share):
        """From light (share 0) to the full colour, a little darker than it (share 1)."""
        if share < 0.8:
            most = 0.5 if self.ground != "#111111" else 0.38
            return mix(colour, self.ground, most * (1 - share / 0.8))
        return mix(colour, self.ink, 0.25 * (share - 0.8) / 0.2)

    def words(self, colour):
        """`colour`, moved towards the ink until text in it can be read."""
        ground = _luminance(self.ground)
        for step in range(15, 100, 5):
            word = mix(colour, self.ink, step / 100)
            light, dark = sorted((_luminance(word), ground), reverse=True)
            if (light + 0.05) / (dark + 0.05) > 4.5:  # what WCAG asks for of small text
                return word
        return self.ink


LOOKS = {
    "slide": Look("slide", 19.2, 10.8, 100, 20, 27, 9, 3.4, "#111111", "#FFFFFF"),
    "dark": Look("dark", 19.2, 10.8, 100, 20, 27, 9, 3.4, "#EEEEEE", "#111111"),
    "paper": Look("paper", 6.75, 4.9, 300, 9, 10, 9, 1.4, "#111111", "#FFFFFF"),
}


def look_of(style, ax=None):
    """The Look named `style`; None on a user's axes takes their own font size and colours."""
    if isinstance(style, Look):
        return style
    if style is None:
        if ax is None:
            return LOOKS["paper"]
        label = ax.xaxis.label
        text = label.get_fontsize()
        width, height = ax.figure.get_size_inches()
        ink, ground = to_hex(label.get_color()), to_hex(ax.get_facecolor())
        dpi = ax.figure.dpi
        return Look("own", width, height, dpi, text, 1.2 * text, text, text / 6, ink, ground)
    return LOOKS[check_choice("style", style, tuple(STYLES))]


def mix(colour, other, share):
    """`colour` with `share` of `other` mixed in.

    Examples
    --------
    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(to_rgb(colour), to_rgb(other), strict=True)
    return to_hex([(1 - share) * one + share * two for one, two in pairs])


def _luminance(colour):
    """Relative luminance of sRGB, as WCAG 2 defines it."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def version():
    """The version of ratiogan, for footers and metadata."""
    from ratiogan import __version__

    return __version__


def command_text(command):
    """A command as one line: a string as it is, a list of words quoted for the shell."""
    if command is None:
        return ""
    return command if isinstance(command, str) else shlex.join(str(word) for word in command)


def key_sentence(finding):
    """The first sentence of a finding that has a number, as one line.

    Examples
    --------
    >>> key_sentence("CONVERGED in 38 steps: max|R-1| = 9.9e-11. More in the\\ntable.")
    'CONVERGED in 38 steps: max|R-1| = 9.9e-11.'
    """
    text = " ".join(str(finding).split())
    said = ""
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z|])", text):
        said = f"{said} {sentence}".strip()
        if re.search(r"\d", sentence):
            return said
    return text


def _kept_together(text):
    """Without a place to break around = < >, and between log and 2."""
    text = re.sub(r" ([=<>]) ", "\u00a0\\1\u00a0", text)
    return text.replace("log 2", "log\u00a02")


def wrap(text, size, width, renderer, weight="normal"):
    """Break `text` at blanks into lines at most `width` pixels wide; a longer word is cut.

    Never around = < >, which belong to what stands beside them. `size` is in points; the width of
    the letters is measured, not guessed from their number.
    """
    font = FontProperties(size=size, weight=weight)

    @cache
    def wide(word):
        return renderer.get_text_width_height_descent(word, font, False)[0]

    # Widths add up but for kerning, which the factor covers; a word is then measured only once.
    width, gap = 0.99 * width, wide("x x") - wide("xx")
    lines, line, used = [], "", 0.0
    for word in _kept_together(text).split(" "):
        if line and used + gap + wide(word) > width:
            lines.append(line)
            line = ""
        while wide(word) > width and len(word) > 1:
            ends = np.cumsum([wide(letter) for letter in word])
            cut = max(1, int(np.searchsorted(ends, width)))
            lines.append(word[:cut])
            word = word[cut:]
        used = used + gap + wide(word) if line else wide(word)
        line = f"{line} {word}" if line else word
    lines = [*lines, line] if line else lines
    return [line.replace("\u00a0", " ") for line in lines]


def shorten(lines, most):
    """At most `most` lines; what is left out is marked."""
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-2] + " …"]


def balanced(text, size, width, renderer, weight):
    """As `wrap`, in as few lines, but about equally long: no last line of one word."""
    lines = wrap(text, size, width, renderer, weight)
    narrow, wide = width / 2, width
    for _ in range(8):
        middle = (narrow + wide) / 2
        tried = wrap(text, size, middle, renderer, weight)
        if len(tried) <= len(lines):
            lines, wide = tried, middle
        else:
            narrow = middle
    return lines


def new_figure(look, title, command=None):
    """A Figure with its title (wrapped, left) and footer; its constrained layout leaves room."""
    figure = Figure(
        figsize=(look.width, look.height),
        dpi=look.dpi,
        facecolor=look.ground,
        edgecolor=look.ground,
        layout="constrained",
    )
    renderer = FigureCanvasAgg(figure).get_renderer()
    pixels = look.dpi / 72
    high = look.height * look.dpi
    margin = 0.9 * look.text * pixels
    wide = look.width * look.dpi - 2 * margin
    left = margin / (look.width * look.dpi)

    size = look.title
    lines = wrap(title, size, wide, renderer, "bold")
    while len(lines) > 3 and size > look.text:
        size = max(look.text, 0.9 * size)
        lines = wrap(title, size, wide, renderer, "bold")
    lines = shorten(balanced(title, size, wide, renderer, "bold"), 6)
    top = 1 - margin * 0.7 / high
    figure.text(
        left, top, "\n".join(lines), size=size, weight="bold", color=look.ink, va="top",
        parse_math=False, linespacing=1.15, gid="title",
    )  # fmt: skip
    title_end = top - len(lines) * 1.25 * size * pixels / high

    right = f"ratiogan {version()}"
    room = wide - 1.15 * look.footer * pixels * len(right) * 0.62
    # In full it stands in the file's metadata.
    said = shorten(wrap(command_text(command), look.footer, room, renderer), 3)
    bottom = margin * 0.4 / high
    figure.text(
        left, bottom, "\n".join(said), size=look.footer, color=look.muted, va="bottom",
        parse_math=False, linespacing=1.15, gid="footer",
    )  # fmt: skip
    figure.text(
        1 - left, bottom, right, size=look.footer, color=look.muted, va="bottom", ha="right",
        parse_math=False, gid="version",
    )  # fmt: skip
    footer_end = bottom + max(1, len(said)) * 1.3 * look.footer * pixels / high

    pad = 0.5 * look.text / 72
    figure.get_layout_engine().set(
        rect=(0.25 * left, footer_end, 1 - 0.5 * left, title_end - footer_end),
        w_pad=pad, h_pad=0.8 * pad, wspace=0.02, hspace=0.02,
    )  # fmt: skip
    return figure


def finish(figure):
    """Settle the layout once and freeze it, so that what is saved is what was measured."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def new_axes(ax, style):
    """The given axes, or the only axes of a new Figure; with the Look to draw them in."""
    if ax is None:
        look = look_of(style)
        figure = Figure(figsize=(look.width / 2, look.height / 2), dpi=look.dpi, layout="tight")
        FigureCanvasAgg(figure)
        figure.set_facecolor(look.ground)
        return figure.add_subplot(), look
    return ax, look_of(style, ax)


def dress(ax, look, heading, x=None, grid="both"):
    """Heading above the left end, thin grid, no top or right spine, text in the look's size."""
    ax.set_facecolor(look.ground)
    ax.set_title(heading, loc="left", fontsize=look.text, color=look.ink, pad=0.35 * look.text)
    if x:
        ax.set_xlabel(x, fontsize=look.text, color=look.ink, labelpad=0.1 * look.text)
    ax.tick_params(
        which="both", labelsize=look.text, labelcolor=look.ink, color=look.muted,
        width=look.line / 4, length=look.text / 4, pad=look.text / 5,
    )  # fmt: skip
    ax.tick_params(which="minor", length=0)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(look.muted)
        spine.set_linewidth(look.line / 4)
    ax.set_axisbelow(True)
    ax.grid(False, which="both")
    if grid:
        ax.grid(True, axis=grid, which="major", color=look.grid, linewidth=look.line / 5)
    return ax


def label_height(ax, look, name):
    """The name of the vertical axis: upright if it is short, else along the axis."""
    short = len(name) < 3
    ax.set_ylabel(
        name, fontsize=look.text, color=look.ink, rotation=0 if short else 90,
        ha="right" if short else "center",
    )  # fmt: skip


def whole_steps(ax, look, last):
    """Whole numbers on the step axis, from 0 to `last`, a little room left of 0."""
    last = max(int(last), 1)
    ax.set_xlim(-0.02 * last, last)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def log_axis(ax, low, high, which="y", halves=False):
    """A log axis from `low` to `high` that always has ticks; `halves` as for `log_ticks`."""
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    set_ticks(ax, log_ticks(low, high, halves), which)


def set_ticks(ax, ticks, which="y"):
    """Ticks at given values with given texts, as `log_ticks` makes them."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_minor_locator(NullLocator())
    axis.set_major_locator(FixedLocator([value for value, _ in ticks]))
    axis.set_major_formatter(FixedFormatter([math_text(text) for _, text in ticks]))


def log_ticks(low, high, halves=False):
    """Ticks of a log axis: decades, or round numbers on a short one.

    With `halves` powers of two, written 1/4 1/2 1 2 4, as ratios are said.

    Returns
    -------
    list of (float, str)
        A decade is written ``10^-3``.

    Examples
    --------
    >>> [text for _, text in log_ticks(0.2, 5, halves=True)]
    ['1/4', '1/2', '1', '2', '4']
    >>> [text for _, text in log_ticks(1e-10, 2)]
    ['10^-10', '10^-8', '10^-6', '10^-4', '10^-2', '10^0']
    """
    spans = high / low
    every = 2 if spans < 80 else 4 if spans < 400 else 8
    twos = [every**power for power in range(-9, 10) if low <= every**power <= high]
    if halves and 3 <= len(twos) <= 7:
        return [(float(value), fraction(value)) for value in twos]
    if spans < 5:
        values = [value for value in MaxNLocator(5).tick_values(low, high) if low <= value <= high]
        return [(float(value), f"{value:.4g}") for value in values]
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if spans < 200:
        tens = [digit * 10.0**power for power in range(first - 1, last + 1) for digit in (1, 2, 5)]
        return [(value, f"{value:g}") for value in tens if low <= value <= high]
    stride = max(1, math.ceil((last - first + 1) / 6))
    return [(10.0**power, f"10^{power}") for power in range(last, first - 1, -stride)][::-1]


def math_text(text):
    """Plain text with p_r, p_g and 10^-3 as Matplotlib sets them.

    Examples
    --------
    >>> math_text("ratio R = p_g/p_r"), math_text("10^-3")
    ('ratio R = $p_g$/$p_r$', '$10^{-3}$')
    """
    text = re.sub(r"\b(p_[rg])\b", r"$\1$", text)
    return re.sub(r"\b10\^(-?\d+)", r"$10^{\1}$", text)


def fraction(value):
    """A ratio as it is said: 1/8, 1/2, 1, 4, 1.05.

    Examples
    --------
    >>> [fraction(x) for x in (0.125, 1.0, 8.0, 1.05, 1e5)]
    ['1/8', '1', '8', '1.05', '1e+05']
    """
    if 0 < value < 1 and abs(1 / value - round(1 / value)) < 1e-9 and value > 1e-4:
        return f"1/{round(1 / value)}"
    return f"{value:.4g}"


def factor_text(value):
    """A factor per step with the digits that tell it from 1, at most seven.

    Examples
    --------
    >>> [factor_text(x) for x in (0.5, 0.5000002, 0.999412345, 1.0198039027)]
    ['0.5', '0.5000002', '0.9994123', '1.019804']
    """
    return f"{value:.7g}"
