"""A generator that looks ahead, beside one that does not.

Both meet the discriminator at its best response. The greedy one minimises V and puts all its mass
on one point; the foresighted one minimises V + eta |grad_D V|^2, the state in which V is small and
the discriminator has little to gain (slides "Gradient Descent GAN Optimization is Locally Stable",
"Foresighted generator"). In the minimax game its step is R - (1+R)^2 (u - lambda)/(2 eta), a step
of GLGD with 1/(2 eta) for its size: near R = 1 every deviation is multiplied by 1 - 2 Phi''(1)/eta,
it converges from nearby iff eta > Phi''(1) = 1/2, and eta -> 0 is the collapse.
"""

import sys

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import CATEGORIES, DASHES, LOOKS, PREDICTED, dress, log_axis, new_figure
from ratiogan.text import table

NAME = "foresighted"
GRID, STEPS = 256, 30
ETAS = (0.0, 0.4, 1.0, 2.0, 4.0)
SCAN = np.array([0.52, 0.55, 0.6, 0.7, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0, 4.0])


def runs():
    """The default problem, for every eta; 0 is the greedy generator."""
    return {
        eta: rg.dynamics.foresighted(game="minimax", eta=eta, max_steps=STEPS, grid=GRID)
        for eta in ETAS
    }


def factors():
    """Predicted and measured factor per step, from nearby."""
    near = [rg.dynamics.foresighted(gen="near-real", eta=eta, grid=GRID) for eta in SCAN]
    return np.array([[run.factor_predicted, run.factor_measured] for run in near])


def finding(found):
    """Collapse of the one, convergence of the other, as a sentence."""
    greedy, patient = found[0.0], found[2.0]
    return (
        f"Greedy, the generator ends its first step in {greedy.effective_cells[1]:.0f} of {GRID} "
        f"cells; with eta = {patient.eta:g} it reaches R = 1 to {patient.max_error[-1]:.0e} in "
        f"{patient.n_steps} steps"
    )


def rows(found):
    """How every one of them ends."""
    return [
        (
            f"{eta:g}",
            run.status,
            str(run.n_steps),
            f"{run.effective_cells[-1]:.1f}",
            f"{run.max_error[-1]:.1e}",
        )
        for eta, run in found.items()
    ]


def draw(found, scan, title, command):
    """Cells in use and max|R-1| against step; the factor against eta."""
    look = LOOKS["slide"]
    figure = new_figure(look, title, command)
    cells, errors, rate = figure.subplots(1, 3)
    for ax, heading, name, low, high in (
        (cells, "(a) cells in use", "effective_cells", 0.8, 400),
        (errors, "(b) max|R\u22121|", "max_error", 1e-11, 1e4),
    ):
        dress(ax, look, heading, "step")
        log_axis(ax, low, high)
        ax.set_xlim(0, STEPS)
        labels = LineLabels(ax, look, keys=True)
        for number, (eta, run) in enumerate(found.items()):
            colour, dash = CATEGORIES[number], DASHES[number]
            values = np.maximum(getattr(run, name), low)
            ax.plot(run.steps, values, color=colour, linestyle=dash, linewidth=look.line)
            labels.add(run.steps, values, f"η = {eta:g}" if eta else "greedy", colour, dash)
    dress(rate, look, "(c) factor per step near R = 1", "η")
    log_axis(rate, SCAN[0] / 1.1, SCAN[-1] * 1.1, "x")
    line = np.geomspace(SCAN[0] / 1.1, SCAN[-1] * 1.1, 200)
    rate.plot(line, 1 - 1 / line, color=look.ink, linestyle=PREDICTED, linewidth=look.line)
    rate.plot(SCAN, scan[:, 1], "o", color=CATEGORIES[1], markersize=3.5 * look.line)
    rate.axhline(0, color=look.muted, linewidth=look.line / 4)
    rate.text(
        1.5, -0.45, "dashed: 1 \u2212 1/η,\nconverges iff η > 1/2", fontsize=look.text,
        color=look.ink, va="center",
    )  # fmt: skip
    return plots.settled(figure)


def main(target=f"{NAME}.png"):
    found, scan = runs(), factors()
    said = finding(found)
    command = f"python examples/{NAME}.py"
    plots.save(draw(found, scan, f"{said}.", command), target, command)
    print(f"{said}.")
    print(table(("eta", "status", "steps", "cells", "max|R-1|"), rows(found), align="><>>>"))
    off = np.abs(scan[:, 0] - scan[:, 1]).max()
    print(f"factor near R = 1: predicted 1 - 1/eta, measured within {off:.0e} for {SCAN.size} eta")
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
