"""Which generator losses go flat, and where? Each loss u, and its slope, against the logit.

D = sigma(phi) with logit phi, so dD/dphi = D (1 - D), and with u a function of D the generator
sees du/dphi = u'(D) D (1 - D):

    -log D      non-saturating      -(1 - D)    flat where D accepts, phi large
    log(1 - D)  minimax             -D          flat where D rejects, phi small
    -D/(1 - D)  maximum likelihood  -e^phi      flat where D rejects, without bound where it accepts
    log((1 - D)/D)  logit           -1          nowhere flat: u = -phi, the sum of the first two

The least-squares loss (D - c)^2/2 has a D of its own, on the whole line; its slope D - c is flat at
one point only. A rejected sample, D = a, feels a - c = -1 with either coding (a, b, c) of the
slides, and one beyond c is pulled back. (D = sigma(phi) would bring the factor D (1 - D) back.)

The slopes drawn are differences of `rg.game(...).generator_loss`.
"""

import sys

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import LOOKS, PREDICTED, dress, new_figure
from ratiogan.plots.saturation import LOSSES
from ratiogan.text import table

NAME = "loss_against_logit"
LOGIT = np.linspace(-6, 6, 769)
LINEAR = np.linspace(-2, 2, 257)  # D of least squares
REJECTED = 0.01  # D
FLAT = 0.1  # a loss whose slope is smaller in size saturates
MINIMAX, NON_SATURATING, _ = LOSSES  # colours and dashes of the two Gaussians
LOOKS_OF = {
    "logit": ("#CC79A7", "-"),
    "non-saturating": NON_SATURATING,
    "minimax": MINIMAX,
    "maximum-likelihood": ("#7A6A00", (0, (6, 1.5, 1.2, 1.5))),
}
PREDICTIONS = {
    "logit": ("-1", lambda phi: -1.0 + 0 * phi),
    "non-saturating": ("-(1-D)", lambda phi: -sigmoid(-phi)),
    "minimax": ("-D", lambda phi: -sigmoid(phi)),
    "maximum-likelihood": ("-e^phi", lambda phi: -np.exp(phi)),
}
CODINGS = {
    (0, 1, 1): ("#009E73", "-"),
    (-1, 1, 0): ("#D55E00", (0, (6, 1.5))),
}


def sigmoid(phi):
    """D of a logit."""
    return 1 / (1 + np.exp(-phi))


def logit(d):
    """The logit of D."""
    return np.log(d / (1 - d))


def loss(name, phi):
    """u of a game of the table, as a function of the logit."""
    return rg.game(name).generator_loss(sigmoid(phi))


def least_squares(coding, d):
    """u of least squares with codes (a, b, c), as a function of D."""
    a, b, c = coding
    return rg.game("least-squares", a=a, b=b, c=c).generator_loss(d)


def slope(function, x, step=1 / 32):
    """The derivative, by the central difference of six values, whose error is O(step^6)."""
    one, two, three = (function(x + k * step) - function(x - k * step) for k in (1, 2, 3))
    return (45 * one - 9 * two + three) / (60 * step)


def slopes(phi=LOGIT):
    """du/dphi of every loss."""
    return {name: slope(lambda x, name=name: loss(name, x), phi) for name in LOOKS_OF}


def flat_part(values, phi=LOGIT):
    """The ends of the part of the axis where a monotone slope is below FLAT in size, or None."""
    size = np.abs(values)
    inside = size < FLAT
    if not inside.any():
        return None
    order = slice(None) if size[0] < size[-1] else slice(None, None, -1)
    edge = float(np.interp(FLAT, size[order], phi[order]))
    return (float(phi[0]), edge) if inside[0] else (edge, float(phi[-1]))


def rows(found):
    """Per loss: slope by formula and measured at both ends, where it saturates, the difference."""
    said = []
    for name, (formula, predicted) in PREDICTIONS.items():
        cells = []
        for d in (REJECTED, 1 - REJECTED):
            phi = np.array(logit(d))
            measured = slope(lambda x, name=name: loss(name, x), phi)
            cells += [f"{predicted(phi):.4g}", f"{measured:.4g}"]
        part = flat_part(found[name])
        where = "nowhere"
        if part:
            where = f"phi < {part[1]:.4g}" if part[0] == LOGIT[0] else f"phi > {part[0]:.4g}"
        # Relative to slopes above 1: that of maximum likelihood reaches e^6.
        expected = predicted(LOGIT)
        off = np.max(np.abs(found[name] - expected) / np.maximum(1, np.abs(expected)))
        said.append((name, formula, *cells, where, f"(to {off:.0e})"))
    return said


def finding(found):
    """What is left of the slope where D rejects a sample; a sentence with its numbers."""
    phi = logit(REJECTED)
    kept = {name: np.interp(phi, LOGIT, values) for name, values in found.items()}
    share = {name: 100 * kept[name] / kept["logit"] for name in ("non-saturating", "minimax")}
    return (
        f"When the discriminator confidently rejects a sample, D = {REJECTED}, -log D keeps "
        f"{share['non-saturating']:.0f}% of the logit's slope and log(1-D) {share['minimax']:.0f}%"
    )


def least_squares_sentence(coding):
    """Where the parabola is flat, and what a rejected sample feels."""
    a, _, c = coding
    values = slope(lambda d: least_squares(coding, d), LINEAR)
    flat = LINEAR[np.abs(values) < 1e-9]
    at_fake = np.interp(a, LINEAR, values)
    off = np.abs(values - (LINEAR - c)).max()
    return (
        f"least squares {coding}: slope D - c (to {off:.0e}), 0 at {flat.size} point, D ="
        f" {flat[0]:g} = c; a rejected sample, D = a = {a}, feels {at_fake:.4g}"
    )


def draw(found, title, command):
    """Losses and slopes: cross-entropy against the logit above, least squares against D below."""
    look = LOOKS["slide"]
    figure = new_figure(look, title.replace("-log", "−log").replace("1-D", "1−D"), command)
    upper, lower = figure.add_gridspec(2, 1, height_ratios=(1.25, 1))
    loss_ax, slope_ax = upper.subgridspec(1, 2, width_ratios=(1, 1.35)).subplots()
    square_ax, line_ax = lower.subgridspec(1, 2, width_ratios=(1, 1.35)).subplots()
    draw_losses(loss_ax, look)
    draw_slopes(slope_ax, look, found)
    draw_squares(square_ax, look)
    draw_lines(line_ax, look)
    return plots.settled(figure)


def place_logits(ax):
    """Ticks at round values of D, written below their logits."""
    at = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    said = [f"{round(logit(d), 1):g}\n{d:g}".replace("-", "−") for d in at]
    ax.set(xlim=(LOGIT[0], LOGIT[-1]))
    ax.set_xticks(logit(at), said)


def draw_losses(ax, look):
    """u against the logit."""
    dress(ax, look, "(a) generator's loss u", "logit φ, and D = σ(φ)")
    place_logits(ax)
    ax.set(ylim=(-6.5, 6.5), yticks=[-5, 0, 5])
    labels = LineLabels(ax, look)
    for name, (colour, dash) in LOOKS_OF.items():
        values = loss(name, LOGIT)
        ax.plot(LOGIT, values, color=colour, linestyle=dash, linewidth=1.2 * look.line, label=name)
        if name != "maximum-likelihood":
            labels.add(LOGIT, values, name, colour, dash)
    name_maximum_likelihood(ax, look, 1.25, -5.2)


def name_maximum_likelihood(ax, look, x, y):
    """Left of its line, which leaves the panel where the others have half their way to go."""
    ax.text(
        x, y, "maximum\nlikelihood", ha="right", va="center", fontsize=look.text,
        color=look.words(LOOKS_OF["maximum-likelihood"][0]), linespacing=1,
    )  # fmt: skip


def draw_slopes(ax, look, found):
    """du/dphi, hatched where a loss saturates, with what is left of it where D rejects."""
    dress(
        ax, look, f"(b) its slope du/dφ; hatched where smaller than {FLAT:g} in size",
        "logit φ, and D = σ(φ)",
    )  # fmt: skip
    place_logits(ax)
    ax.set(ylim=(-2.1, 0.12), yticks=[-2, -1, 0])
    for name, hatch, said in (
        ("minimax", "//", "D rejects:\nmax. likelihood\nand minimax\nsaturate"),
        ("non-saturating", "\\\\", "D accepts:\nnon-saturating\nsaturates"),
    ):
        low, high = flat_part(found[name])
        ax.axvspan(
            low, high, facecolor="none", edgecolor=look.grid, hatch=hatch,
            linewidth=0, zorder=0.5, gid=f"{name} saturates",
        )  # fmt: skip
        ax.text(
            (low + high) / 2, -1.56, said, ha="center", va="center", fontsize=look.text,
            color=look.ink, linespacing=1.1,
            bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    labels = LineLabels(ax, look)
    for name, (colour, dash) in LOOKS_OF.items():
        values = np.where(found[name] > -2.1, found[name], np.nan)
        ax.plot(LOGIT, values, color=colour, linestyle=dash, linewidth=1.2 * look.line, label=name)
        if name != "maximum-likelihood":
            labels.add(LOGIT, values, name, colour, dash)
    name_maximum_likelihood(ax, look, 0.3, -1.7)
    phi = logit(REJECTED)
    for name, below in (("non-saturating", False), ("minimax", True)):
        value = np.interp(phi, LOGIT, found[name])
        colour = LOOKS_OF[name][0]
        ax.plot([phi], [value], "o", color=colour, markersize=3.6 * look.line, zorder=5)
        ax.annotate(
            f"{value:.2f}".replace("-", "−"), (phi, value),
            xytext=(0, (-0.6 if below else 0.6) * look.text), textcoords="offset points",
            ha="center", va="top" if below else "bottom", fontsize=look.text,
            color=look.words(colour),
            bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 1},
        )  # fmt: skip


def draw_squares(ax, look):
    """The parabola of both codings, with the place that it leads to."""
    dress(ax, look, "(c) least squares (a, b, c): u = ½(D − c)²", "D, on the whole line")
    ax.set(xlim=(-2, 2), ylim=(-0.2, 4.7), xticks=[-2, -1, 0, 1, 2], yticks=[0, 2, 4])
    labels = LineLabels(ax, look)
    for coding, (colour, dash) in CODINGS.items():
        values = least_squares(coding, LINEAR)
        ax.plot(LINEAR, values, color=colour, linestyle=dash, linewidth=1.2 * look.line)
        ax.plot([coding[2]], [0], "o", color=colour, markersize=3.6 * look.line, zorder=5)
        labels.add(LINEAR, values, f"{coding}".replace("-", "−"), colour, dash)


def draw_lines(ax, look):
    """Its slope, 0 at one point, and -1 for a sample that D takes for fake."""
    dress(ax, look, "(d) its slope D − c: 0 at one point only, D = c", "D, on the whole line")
    ax.set(xlim=(-2, 2), ylim=(-3.2, 2.2), xticks=[-2, -1, 0, 1, 2], yticks=[-3, -2, -1, 0, 1, 2])
    ax.axhline(0, color=look.ink, linestyle=PREDICTED, linewidth=0.5 * look.line, zorder=1)
    labels = LineLabels(ax, look)
    for coding, (colour, dash) in CODINGS.items():
        a, _, c = coding
        values = slope(lambda d, coding=coding: least_squares(coding, d), LINEAR)
        ax.plot(LINEAR, values, color=colour, linestyle=dash, linewidth=1.2 * look.line)
        ax.plot([c], [0], "o", color=colour, markersize=3.6 * look.line, zorder=5)
        ax.plot(
            [a], [np.interp(a, LINEAR, values)], "o", color=colour, markersize=3.6 * look.line,
            markerfacecolor=look.ground, markeredgewidth=look.line / 1.5, zorder=5,
        )  # fmt: skip
        labels.add(LINEAR, values, f"{coding}".replace("-", "−"), colour, dash)
    ax.text(
        0.3, -2.1, "rings: D rejects,\nD = a; slope −1",
        fontsize=look.text, color=look.ink, va="center",
    )  # fmt: skip


def main(target=f"{NAME}.png"):
    found = slopes()
    said = finding(found)
    command = f"python examples/{NAME}.py"
    plots.save(draw(found, said, command), target, command)
    print(f"{said}.")
    headings = ("loss", "slope", "D = 0.01", "measured", "D = 0.99", "measured", "saturates", "")
    print(table(headings, rows(found), align="<<>>>>>>"))
    off = np.abs(found["non-saturating"] + found["minimax"] - found["logit"]).max()
    print(f"non-saturating + minimax = logit at every phi (to {off:.0e})")
    for coding in CODINGS:
        print(least_squares_sentence(coding))
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
