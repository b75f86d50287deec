"""What does a generator with a parameter descend while the discriminator is held fixed?

A sample is y = g_t(z) = t + z with z ~ N(0, 1), so that p_gt = N(t, 1); D* = 1/(1+R) belongs to
one t0, R = p_gt0/p_r. The left side of Arjovsky and Bottou's identity goes through the samples,

    d/dt E_z[u(D*(t + z))] = E_z[u'(phi) phi'(t0 + z)] at t = t0,  phi = log D*/(1-D*) = -log R.

Now u(D*(R)) = Phi'(R) for a cost Phi, and with d/dt p_gt = -d/dy p_gt an integration by parts gives

    integral p_g d/dy Phi'(R) dy = integral Phi'(R) d/dt p_g dy = d/dt E_r[Phi(R)],

and E_r[Phi(R)] is a divergence, but for a constant: 2 KL(m||p_r) = KL(p_g||p_r) - 2 JSD for -log D,
m = (p_r + p_g)/2; 2 JSD for log(1-D); KL(p_r||p_g) for -D/(1-D). The first two add up to
KL(p_g||p_r), which for p_r = N(0, 1) is t^2/2 with slope t.

The right side is found from the divergences alone: they are summed up and differentiated in t.
D* must be that of t0 and must not move with t: else d/dt passes through D* too, and what is
descended is E_g[-log D*] = E_r[R log(1+R)]. D* of t0 - 0.5 tells the way from where p_g was.
"""

import sys

import numpy as np

from ratiogan import plots
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    DASHES,
    LOOKS,
    PREDICTED,
    dress,
    log_axis,
    log_ticks,
    math_text,
    new_figure,
    set_ticks,
)
from ratiogan.plots.saturation import LOSSES
from ratiogan.text import table

NAME = "gradient_identity"
START = np.linspace(-3, 3, 121)  # t0
LAG = 0.5
SHORTER = (0.05, 0.005)
# The trapezoidal rule is exact to all digits for functions as smooth as these, which vanish at
# both ends.
CELL = 1 / 32
NOISE = np.arange(-16, 16 + CELL, CELL)  # z
PLACES = np.arange(-20, 20 + CELL, CELL)  # y
REALS = {  # means, sd and weights of p_r
    "N(0, 1)": ((0.0,), 1.0, (1.0,)),
    "bimodal": ((-1.5, 1.5), 0.7, (0.6, 0.4)),  # the preset's
}
MINIMAX, NON_SATURATING, _ = LOSSES  # colours and dashes of the two Gaussians
# Per loss: its slope in the logit, and the divergences whose slope it takes.
GAMES = {
    "-log D": (lambda phi: -sigmoid(-phi), ("KL(p_g||p_r) - 2 JSD", "2 KL(m||p_r)")),
    "log(1-D)": (lambda phi: -sigmoid(phi), ("2 JSD",)),
    "-D/(1-D)": (lambda phi: -np.exp(phi), ("KL(p_r||p_g)",)),
}
LOOKS_OF = {
    "-log D": NON_SATURATING,
    "log(1-D)": MINIMAX,
    "-D/(1-D)": ("#7A6A00", (0, (6, 1.5, 1.2, 1.5))),
}
LAGGING = ("#D55E00", (0, (8, 1.5, 1.2, 1.5, 1.2, 1.5)))


def sigmoid(phi):
    """1/(1 + e^-phi), which overflows nowhere."""
    return np.exp(-np.logaddexp(0, -phi))


def log_gaussian(y, mean, sd=1.0):
    """The log density of N(mean, sd^2); `mean` may be complex."""
    return -0.5 * ((y - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))


def log_real(real, y):
    """log p_r, and its slope in y."""
    means, sd, weights = REALS[real]
    parts = [np.log(w) + log_gaussian(y, m, sd) for m, w in zip(means, weights, strict=True)]
    total = np.logaddexp.reduce(parts)
    pull = sum(np.exp(part - total) * (m - y) for part, m in zip(parts, means, strict=True))
    return total, pull / sd**2


def through_samples(real, loss, start=START, lag=0.0):
    """E_z[u'(phi) phi'(t0 + z)], with D* of t0 - lag: what the generator feels at every t0."""
    y = start[:, None] + NOISE
    log_p, slope_p = log_real(real, y)
    mean = start[:, None] - lag
    phi = log_p - log_gaussian(y, mean)
    # d/dy log N(mean, 1) = mean - y
    felt = GAMES[loss][0](phi) * (slope_p - (mean - y))
    return CELL * felt @ np.exp(log_gaussian(NOISE, 0))


def divergences(real, t):
    """The divergences of p_gt and p_r, each from its definition; `t` may be complex."""
    log_p, log_q = log_real(real, PLACES)[0], log_gaussian(PLACES, t)
    p, q = np.exp(log_p), np.exp(log_q)
    m = (p + q) / 2
    log_m = np.log(m)

    def kl(density, log_density, log_other):
        return CELL * np.sum(density * (log_density - log_other))

    jsd = (kl(p, log_p, log_m) + kl(q, log_q, log_m)) / 2
    return {
        "KL(p_g||p_r)": kl(q, log_q, log_p),
        "-2 JSD": -2 * jsd,
        "2 JSD": 2 * jsd,
        "KL(p_g||p_r) - 2 JSD": kl(q, log_q, log_p) - 2 * jsd,
        "2 KL(m||p_r)": 2 * kl(m, log_m, log_p),
        "KL(p_r||p_g)": kl(p, log_p, log_q),
        # What is descended if D* follows t: E_g[-log D*].
        "D* follows t": CELL * np.sum(q * (np.log(2 * m) - log_p)),
    }


def slopes(real, start=START):
    """d/dt of every divergence: its imaginary part at t + ih over h, h tiny."""
    step = 1e-30
    found = [divergences(real, t + 1j * step) for t in start]
    return {name: np.array([row[name].imag for row in found]) / step for name in found[0]}


def rows(real, found):
    """Per loss and divergence: both sides at t0 = 1, and the largest difference at any t0."""
    said = []
    for loss, (_, names) in GAMES.items():
        left = through_samples(real, loss)
        for name in names:
            at = [np.interp(1, START, side) for side in (found[name], left)]
            off = np.abs(left - found[name]).max()
            said.append((real, loss, name, *(f"{x:.6f}" for x in at), f"(to {off:.0e})"))
    return said


def compared(found):
    """Slopes of N(0, 1) with D* of t0, with one that lags, and with one that follows t."""
    lagging = through_samples("N(0, 1)", "-log D", lag=LAG)
    return found["KL(p_g||p_r) - 2 JSD"], lagging, found["D* follows t"]


def ends(values):
    """Where descent stops: t0 at which the slope turns from - to +."""
    at = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    low, high = values[at], values[at + 1]
    return START[at] + (START[at + 1] - START[at]) * low / (low - high)


def wrong_way(right, lagging):
    """The t0 at which a D* that lags sends the generator away."""
    return START[(right * lagging < 0) & (np.minimum(np.abs(right), np.abs(lagging)) > 1e-9)]


def finding(found, curves):
    """Both sides of the identity, and what a lag does; a sentence with its numbers."""
    off = max(
        np.abs(through_samples(real, "-log D") - found[real]["KL(p_g||p_r) - 2 JSD"]).max()
        for real in REALS
    )
    right, lagging, _ = curves
    return (
        "With D* of t0 held fixed, -log D has the slope of KL(p_g||p_r) - 2 JSD"
        f" (to {off:.0e}); with D* of t0 - {LAG:g} it is off by up to"
        f" {np.abs(lagging - right).max():.2f}"
    )


def sentences(found, curves):
    """Closed forms, where each loss ends, and how far D* of another t0, or one that moves, errs."""
    right, lagging, follows = curves
    kl = found["N(0, 1)"]["KL(p_g||p_r)"]
    both = sum(through_samples("N(0, 1)", loss) for loss in ("-log D", "log(1-D)"))
    forward = found["bimodal"]["KL(p_r||p_g)"]
    means, _, weights = REALS["bimodal"]
    mean = np.dot(means, weights)
    stops = {
        loss: " and ".join(f"{t:.2f}" for t in ends(found["bimodal"][names[0]]))
        for loss, (_, names) in GAMES.items()
    }
    away = wrong_way(right, lagging)
    at = [np.interp(0, START, lagging), np.interp(LAG, START, lagging)]
    near = np.flatnonzero(START > 1e-9)[0]
    return (
        f"N(0, 1): KL(p_g||p_r) = t^2/2 has slope t0 (to {np.abs(kl - START).max():.0e}), as -log D"
        f" and log(1-D) together (to {np.abs(both - START).max():.0e}).",
        f"bimodal: KL(p_r||p_g) has slope t0 - E_r[y] = t0 + {-mean:.1f} (to"
        f" {np.abs(forward - START + mean).max():.0e}). Descent ends at t ="
        f" {', '.join(f'{at} for {loss}' for loss, at in stops.items())}.",
        f"N(0, 1), D* of t0 - {LAG:g}: at t0 = 0, where p_g = p_r, the slope is {at[0]:.4f} instead"
        f" of 0, from {away[0]:.2f} to {away[-1]:.2f} it has the wrong sign, and at {LAG:g} it is"
        f" {abs(at[1]):.4f}.",
        f"N(0, 1), D* follows t: {follows[near] / right[near]:.3f} times as steep at t0 ="
        f" {START[near]:.2f} (at 0 by theory 3/2: E_r[R log(1+R)] has curvature 3/4, 2 KL(m||p_r)"
        " 1/2).",
    )


def draw(found, curves, title, command):
    """The identity and its two parts, other losses, and D* of another t0, far and near."""
    look = LOOKS["slide"]
    kept_together = " − 2 JSD".replace(" ", "\u00a0")
    title = title.replace("t0", "t₀").replace("-log", "−log").replace(" - 0.5", " − 0.5")
    title = title.replace("(p_g||p_r) - 2 JSD", kept_together)
    figure = new_figure(look, title, command)
    (parts_ax, games_ax), (off_ax, lag_ax) = figure.subplots(2, 2)
    for ax in (parts_ax, off_ax):
        ax.set(xlim=(-3, 3), xticks=range(-3, 4))
    draw_parts(parts_ax, look, found["N(0, 1)"])
    draw_games(games_ax, look, found["bimodal"])
    draw_errors(off_ax, look, curves)
    draw_lag(lag_ax, look, curves)
    return plots.settled(figure)


def rings(ax, look, values, colour):
    """The left side at every tenth t0 that is in the panel."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    x, y = START[::10], values[::10]
    seen = (left - 1e-9 < x) & (x < right + 1e-9) & (low < y) & (y < high)
    ax.plot(
        x[seen], y[seen], "o", color=colour, markerfacecolor="none", label="samples",
        markersize=3.2 * look.line, markeredgewidth=look.line / 1.5, zorder=4, clip_on=False,
    )  # fmt: skip


def draw_lines(ax, look, lines):
    """Lines against t0 as far as they are in the panel, labelled where they leave it, and zero."""
    ax.axhline(0, color=look.muted, linewidth=look.line / 4, zorder=1)
    labels = LineLabels(ax, look)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    across = (left - 1e-9 < START) & (right + 1e-9 > START)
    for values, said, colour, dash in lines:
        seen = across & (low < values) & (values < high)
        ax.plot(START, values, color=colour, linestyle=dash, linewidth=look.line, label=said)
        labels.add(START[seen], values[seen], said, colour, dash)


def draw_parts(ax, look, found):
    """KL pulls, -2 JSD pushes, and their sum is what -log D gives."""
    dress(ax, look, math_text("(a) d/dt for p_r = N(0, 1): KL pulls, −2 JSD pushes"), "$t_0$")
    ax.set(ylim=(-3.3, 3.3), yticks=[-3, 0, 3])
    lines = [
        (found["KL(p_g||p_r)"], "KL", "#CC79A7", "-"),
        (found["-2 JSD"], "−2 JSD", *MINIMAX),
        (found["KL(p_g||p_r) - 2 JSD"], "sum", look.colour("prediction"), PREDICTED),
    ]
    draw_lines(ax, look, lines)
    rings(ax, look, through_samples("N(0, 1)", "-log D"), NON_SATURATING[0])
    ax.text(
        -2.8, 1.9, "rings: −log D\nthrough samples", va="center", fontsize=look.text,
        color=look.ink,
    )  # fmt: skip


def draw_games(ax, look, found):
    """Three losses through the samples on the slopes of their divergences, and where they end."""
    dress(ax, look, math_text("(b) p_r bimodal; dots: where descent ends"), "$t_0$")
    ax.set(xlim=(-2, 2), xticks=range(-2, 3), ylim=(-1, 1.2), yticks=[-1, 0, 1])
    shown = {"-log D": "−log D", "log(1-D)": "log(1−D)", "-D/(1-D)": "−D/(1−D)"}
    lines = [(found[GAMES[loss][1][0]], shown[loss], *how) for loss, how in LOOKS_OF.items()]
    draw_lines(ax, look, lines)
    for (loss, (colour, _)), (values, *_) in zip(LOOKS_OF.items(), lines, strict=True):
        rings(ax, look, through_samples("bimodal", loss), colour)
        stops = ends(values)
        ax.plot(stops, 0 * stops, "o", color=colour, markersize=3.6 * look.line, zorder=5)
    ax.text(
        -0.5, -0.7, "lines: d/dt of the divergence\nrings: through samples", va="center",
        fontsize=look.text, color=look.ink,
    )  # fmt: skip


def draw_errors(ax, look, curves):
    """By how much a lag errs: in proportion to it, and without one by round-off."""
    dress(ax, look, math_text("(c) error of −log D by the lag of D*, p_r = N(0, 1)"), "$t_0$")
    log_axis(ax, 1e-17, 3)
    set_ticks(ax, [(1e-17, "0"), *log_ticks(1e-16, 3)])
    right = curves[0]
    labels = LineLabels(ax, look)
    for share, lag, dash in zip((1, 0.5, 0.2), (LAG, *SHORTER), DASHES, strict=False):
        values = np.abs(through_samples("N(0, 1)", "-log D", lag=lag) - right)
        colour = look.fade(LAGGING[0], share)
        ax.plot(START, values, color=colour, linestyle=dash, linewidth=look.line, label=f"{lag}")
        labels.add(START, values, f"lag {lag:g}", colour, dash)
    off = np.abs(through_samples("N(0, 1)", "-log D") - right)
    # An axis of logarithms has no place for a difference of exactly 0 but its lower end.
    ax.plot(
        START, np.maximum(off, 1e-17), ".", color=NON_SATURATING[0], markersize=3 * look.line,
        label="0", clip_on=False,
    )  # fmt: skip
    ax.text(
        0, 1e-12, "D* of $t_0$: round-off", ha="center", fontsize=look.text,
        color=look.words(NON_SATURATING[0]),
    )  # fmt: skip


def draw_lag(ax, look, curves):
    """Near p_g = p_r: a D* that lags sends the generator away, one that follows is too steep."""
    dress(ax, look, "(d) slope of −log D near $t_0$ = 0, D* of another t", "$t_0$")
    ax.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1], ylim=(-1.1, 1.1), yticks=[-1, 0, 1])
    right, lagging, follows = curves
    away = wrong_way(right, lagging)
    # Up to the neighbouring t0, at which one of the two is 0.
    gap = START[1] - START[0]
    ax.axvspan(
        away[0] - gap, away[-1] + gap, facecolor="none", edgecolor=look.grid, hatch="//",
        linewidth=0, zorder=0.5, gid="wrong way",
    )  # fmt: skip
    lines = [
        (follows, "D* moves too", "#009E73", "-"),
        (right, "D* of $t_0$", look.colour("prediction"), PREDICTED),
        (lagging, f"D* of $t_0$ − {LAG:g}", *LAGGING),
    ]
    draw_lines(ax, look, lines)
    ax.text(
        away.mean(), -0.7, "it lags:\nwrong way", ha="center", va="center",
        fontsize=look.text, color=look.words(LAGGING[0]),
        bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 2},
    )  # fmt: skip


def main(target=f"{NAME}.png"):
    found = {real: slopes(real) for real in REALS}
    curves = compared(found["N(0, 1)"])
    said = finding(found, curves)
    command = f"python examples/{NAME}.py"
    plots.save(draw(found, curves, said, command), target, command)
    print(f"{said}.")
    headings = ("p_r", "loss", "divergence", "its slope at t0 = 1", "through samples", "")
    lines = [row for real in REALS for row in rows(real, found[real])]
    print(table(headings, lines, align="<<<>>>"))
    print(*sentences(found, curves), sep="\n")
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
