"""Two parallel lines: which distance tells a generator how far off it is?

Example 1 of the Wasserstein GAN paper: p_r is uniform on {0} x [0, 1], p_g on {theta} x [0, 1].
Here both are cells of the plane, and every distance is computed, none is put in by hand. Then once
more with Gaussian noise on both, so that they overlap.
"""

from functools import cache

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    LOOKS,
    PREDICTED,
    dress,
    math_text,
    new_figure,
)

CELL = 0.025
THETA = CELL * np.arange(-40, 41)
SOME = THETA[::4]  # for W1
NOISE = 0.1  # sd
LOG_2 = np.log(2)
NAME = "parallel_lines"
COLOURS = {  # and dashes
    "JSD": ("#CC79A7", "-"),
    "TV": ("#E69F00", (0, (6, 1.5))),
    "KL": ("#7A6A00", (0, (1.2, 1.2))),
}


def cells(low, high):
    """Cells whose centres are the multiples of CELL."""
    first, last = round(low / CELL), round(high / CELL)
    return rg.Grid.regular(last - first + 1, (first - 0.5) * CELL, (last + 0.5) * CELL)


def blurred(grid, centre, sd):
    """Masses of a point with Gaussian noise."""
    if sd == 0:
        return 1.0 * (np.abs(grid.centres[0] - centre) < CELL / 2)
    return rg.preset("normal", grid, mean=centre, sd=sd).mass


@cache
def along(sd):
    """The axis along the lines, and the masses on it: the same for both."""
    grid = cells(-8 * sd, 1 + 8 * sd)
    places = grid.centres[0]
    on_line = places[(places > -CELL / 2) & (places < 1 + CELL / 2)]
    return grid, np.mean([blurred(grid, place, sd) for place in on_line], axis=0)


def line(theta, sd):
    """Uniform on {theta} x [0, 1], with noise of `sd` in both directions, out to 8 sd."""
    across = cells(-1 - 8 * sd, 1 + 8 * sd)
    grid, mass = along(sd)
    plane = np.outer(blurred(across, theta, sd), mass)
    return rg.Distribution.from_mass(plane / plane.sum(), rg.Grid.product(across, grid))


def distances(sd, thetas=SOME):
    """Both ends of the interval for W1 at every theta, shape (2, n)."""
    real = line(0, sd)
    tol = 1e-4 if sd else 1e-9
    # Mass moves along one axis: in the Euclidean metric W1 is the same.
    found = [
        rg.wasserstein(gen=line(theta, sd), real=real, metric="manhattan", tol=tol)
        for theta in thetas
    ]
    return np.array([[w1.lower for w1 in found], [w1.upper for w1 in found]])


def divergences(sd, thetas=THETA):
    """JSD, TV and KL(p_g || p_r) at every theta."""
    real = line(0, sd)
    found = [rg.divergence(gen=line(theta, sd), real=real) for theta in thetas]
    rows = np.array([(each.jsd, each.tv, each.kl_gen_real) for each in found])
    return dict(zip(COLOURS, rows.T, strict=True))


def sentences(bare, noisy):
    """What W1 and divergences of the lines, and with noise, show."""
    # By the ends of the intervals, not by their middles.
    off = [np.abs(w1 - np.abs(SOME)).max() for w1, _ in (bare, noisy)]
    apart = np.abs(THETA) > CELL / 2
    least = [f"{values[apart].min():.4g}" for values in bare[1].values()]
    at_zero = max(values[~apart].max() for values in bare[1].values())
    jsd, kl = noisy[1]["JSD"], noisy[1]["KL"]
    near = np.flatnonzero(THETA > 0.04)[0]
    full = np.flatnonzero((THETA > 0) & (jsd > 0.99 * LOG_2))[0]
    kl_off = np.abs(kl[apart] / (THETA[apart] ** 2 / (2 * NOISE**2)) - 1).max()
    return (
        f"Two lines theta apart: W1 = |theta| (to {off[0]:.0e}), while JSD = {least[0]} = log 2,"
        f" TV = {least[1]} and KL = {least[2]} for every theta but 0, where all are {at_zero:g}.",
        f"(W1 at {SOME.size} values of theta, the others at {THETA.size}.)",
        f"With noise of sd {NOISE:g} on both, W1 = |theta| still (to {off[1]:.0e}), KL ="
        f" theta^2/(2 sd^2) (to {kl_off:.1%}), and JSD tells theta while they overlap: it is"
        f" {jsd[near]:.4f} at {THETA[near]:.2g}, but from {THETA[full]:.2g} on above 99% of log 2,"
        " as flat as before.",
    )


def draw(bare, noisy, title, command):
    """The lines, W1, and the divergences without and with noise."""
    look = LOOKS["slide"]
    figure = new_figure(look, title.replace("theta", "θ").replace("inf", "∞"), command)
    (lines_ax, w1_ax), (bare_ax, noisy_ax) = figure.subplots(2, 2)
    draw_lines(lines_ax, look)
    draw_w1(w1_ax, look, bare[0], noisy[0])
    draw_divergences(bare_ax, look, bare[1], "(c) divergences of the lines", jump=True)
    draw_divergences(
        noisy_ax, look, noisy[1], f"(d) with noise of sd {NOISE:g} on both", jump=False
    )
    for ax in (lines_ax, w1_ax, bare_ax, noisy_ax):
        ax.set(xlim=(-1, 1), ylim=(-0.05, 1.3), xticks=np.linspace(-1, 1, 5))
        ax.set_yticks([0, 0.5, 1])
    return plots.settled(figure)


def draw_lines(ax, look, theta=0.6):
    """p_r at 0, p_g at theta, and the way between them."""
    dress(ax, look, math_text("(a) p_r on the line at 0, p_g on that at θ"), "$y_1$", grid=None)
    for place, role, dash, name in ((0, "real", "-", "$p_r$"), (theta, "gen", PREDICTED, "$p_g$")):
        colour = look.colour(role)
        ax.plot([place, place], [0, 1], color=colour, linewidth=2 * look.line, linestyle=dash)
        ax.text(place, 1.06, name, ha="center", fontsize=1.2 * look.text, color=look.words(colour))
    ax.annotate(
        "", (0.02, 0.5), (theta - 0.02, 0.5),
        arrowprops={"arrowstyle": "<->", "color": look.ink, "linewidth": look.line / 2},
    )  # fmt: skip
    ax.text(theta / 2, 0.55, "θ", ha="center", fontsize=1.2 * look.text, color=look.ink)


def draw_w1(ax, look, bare, noisy):
    """The intervals of W1, too short to be seen, as dots and rings on |theta|."""
    dress(ax, look, "(b) $W_1$", "θ")
    ax.plot(
        THETA, np.abs(THETA), color=look.colour("prediction"), linestyle=PREDICTED,
        linewidth=look.line / 2,
    )  # fmt: skip
    for w1, size, fill in ((noisy, 5, "none"), (bare, 2.4, look.colour("discriminator"))):
        ax.plot(
            SOME, w1.mean(axis=0), "o", clip_on=False,
            color=look.colour("discriminator"), markerfacecolor=fill, markersize=size * look.line,
            markeredgewidth=look.line / 2,
        )  # fmt: skip
    ax.text(
        0, 0.75, "dots: the lines\nrings: with noise\ndashed: |θ|", ha="center",
        fontsize=look.text, color=look.ink,
    )  # fmt: skip


def draw_divergences(ax, look, found, heading, jump):
    """JSD, TV and KL against theta; `jump` marks that they leap at theta = 0."""
    dress(ax, look, heading, "θ")
    zero = np.abs(THETA) < CELL / 2
    labels = LineLabels(ax, look)
    for name, (colour, dash) in COLOURS.items():
        values = np.where(zero & jump, np.nan, found[name])
        values = np.where(np.isfinite(values), values, np.nan)
        ax.plot(THETA, values, color=colour, linestyle=dash, linewidth=look.line, label=name)
        if name == "KL":
            said = "KL = ∞ for all θ but 0" if jump else "KL = θ²/(2 sd²)"
            ax.text(
                0 if jump else 0.2, 1.15, said, ha="center" if jump else "left",
                fontsize=look.text, color=look.words(colour),
            )  # fmt: skip
            continue
        said = {"JSD": "JSD = log 2", "TV": "TV = 1"}[name] if jump else name
        labels.add(THETA[-1:], values[-1:], said, colour, dash)
        if jump:
            ax.plot(
                [0], values[-1:], "o", color=look.ground, markeredgecolor=colour,
                markersize=3 * look.line, markeredgewidth=look.line / 2, zorder=3,
            )  # fmt: skip
    if jump:
        ax.plot([0], found["JSD"][zero], "o", color=look.ink, markersize=3 * look.line)
        ax.text(0.07, 0.1, "all are 0 at θ = 0", fontsize=look.text, color=look.ink)


def main():
    bare, noisy = ((distances(sd), divergences(sd)) for sd in (0, NOISE))
    said = sentences(bare, noisy)
    command = f"python examples/{NAME}.py"
    plots.save(draw(bare, noisy, said[0], command), f"{NAME}.png", command)
    print(*said)
    print(f"wrote {NAME}.png")


if __name__ == "__main__":
    main()
