"""Which training methods for GANs do actually converge? The Dirac-GAN, regulariser by regulariser.

The generator is a point at theta, the data a point at 0, the discriminator psi x: the smallest GAN
there is (Mescheder, Geiger and Nowozin 2018). Every variant starts at (1, 1) and takes 5,000 steps
of size 0.1, both players at once and one after the other. Beside the distance that is left stand
the eigenvalues of its flow at (0, 0): it converges exponentially where their real parts are
negative, and only there. (The flow of the non-saturating GAN creeps in: d(theta^2 + psi^2)/dt =
2 t (f'(t) - f'(-t)) < 0 with t = theta psi, without any rate.) WGAN-GP has no Jacobian there, and
clipping is inactive: only the runs tell.
"""

import sys

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.look import CATEGORIES, DASHES, LOOKS, dress, new_figure
from ratiogan.text import table

NAME = "training_methods"
VARIANTS = {
    "GAN": "dirac",
    "non-saturating GAN": "dirac:loss=non-saturating",
    "WGAN": "dirac:loss=wgan",
    "WGAN, clipped weight": "dirac:loss=wgan,reg=clip",
    "WGAN-GP": "dirac:loss=wgan,reg=gp,target=0.3",
    "GAN + instance noise": "dirac:reg=noise",
    "GAN + consensus": "dirac:reg=consensus",
    "GAN + R1 (or R2)": "dirac:reg=r1",
    "GAN + gradient norm": "dirac:reg=gradient-norm",
}
PLAYED = ("simultaneous", "alternating")
STEPS, ALPHA = 5_000, 0.1
SHOWN = 1_500  # steps drawn
HEADINGS = {"yes": "converges", "no": "does not", "creeps)": "creeps"}


def runs():
    """Both ways to take steps, for every variant."""
    return {
        name: [
            rg.dynamics.simulate(spec, method=method, alpha=ALPHA, max_steps=STEPS, tol=0.0)
            for method in PLAYED
        ]
        for name, spec in VARIANTS.items()
    }


def converges(run):
    """Whether the distance has shrunk to nothing at a rate, not just crept."""
    return run.end_over_start < 1e-6


def eigenvalues(spec):
    """Those of the flow at (0, 0) as text; a dash where there is no Jacobian."""
    field = rg.dynamics.field(spec)
    if field.kink is not None:
        return "no Jacobian"
    value = np.linalg.eigvals(field.jacobian(np.zeros(2)))[0]
    real = f"{value.real:.4g}" if abs(value.real) > 1e-12 else "0"
    return f"{real} +- {abs(value.imag):.4g}i" if value.imag else f"{real}, {value.real:.4g}"


def rows(found):
    """Variant, eigenvalues, what is left of the distance, converges or not."""
    return [
        (
            name,
            eigenvalues(VARIANTS[name]),
            *(f"{run.end_over_start:.2g}" for run in both),
            verdict(both),
        )
        for name, both in found.items()
    ]


def verdict(both):
    """Yes, no, or that one of the two creeps in."""
    if all(map(converges, both)):
        return "yes"
    creeping = [run.method for run in both if run.status == "converging"]
    return f"no ({' and '.join(creeping)} creeps)" if creeping else "no"


def finding(found):
    """How many of them converge, as a sentence."""
    yes = [name for name, both in found.items() if all(map(converges, both))]
    return (
        f"Of {len(found)} ways to train the Dirac-GAN {len(yes)} converge: "
        f"{', '.join(yes[:-1])} and {yes[-1]}"
    )


def draw(found, title, command):
    """One phase portrait per variant."""
    look = LOOKS["slide"]
    figure = new_figure(look, title, command)
    for ax, (name, both) in zip(figure.subplots(3, 3).flat, found.items(), strict=True):
        dress(ax, look, f"{name}: {HEADINGS[verdict(both).split()[-1]]}", grid="")
        ax.set(xlim=(-2.6, 2.6), ylim=(-2.1, 2.1), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        ax.plot([0], [0], "+", color=look.ink, markersize=5 * look.line, markeredgewidth=look.line)
        for number, run in enumerate(both):
            theta, psi = run.states[:SHOWN].T
            colour = CATEGORIES[number]
            ax.plot(
                theta, psi, color=colour, linestyle=DASHES[number], linewidth=0.5 * look.line,
                label=run.method,
            )  # fmt: skip
            ax.plot([theta[-1]], [psi[-1]], "o", color=colour, markersize=3 * look.line, zorder=5)
        ax.plot(
            [1], [1], "o", color=look.ink, markerfacecolor=look.ground, markersize=3 * look.line,
            markeredgewidth=look.line / 2, zorder=5,
        )  # fmt: skip
    first = figure.axes[0]
    for number, method in enumerate(PLAYED):
        first.text(
            0.03, 0.95 - 0.88 * number, method, transform=first.transAxes, fontsize=look.text,
            color=look.words(CATEGORIES[number]), va="top" if not number else "bottom",
            bbox={"facecolor": look.ground, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    figure.axes[6].set_xlabel("generator θ", fontsize=look.text)
    figure.axes[3].set_ylabel("discriminator ψ", fontsize=look.text)
    return plots.settled(figure)


def main(target=f"{NAME}.png"):
    found = runs()
    said = finding(found)
    command = f"python examples/{NAME}.py"
    plots.save(draw(found, f"{said}.", command), target, command)
    print(f"{said}.")
    headings = ("", "eigenvalues", *(f"{method}: left" for method in PLAYED), "converges")
    print(table(headings, rows(found), align="<<>><"))
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
