"""The loss surface that moves: what player A of f = x y sees while player B plays.

A minimises x y in x, B maximises it in y. To A the loss is a line of slope y; every move of B tilts
it. Gradient descent on a surface that stands still would be at its end after a few steps; here the
downhill side changes with the sign of y, and the steps of both together go round. The GIF shows
simultaneous steps of size 0.1 (slides "Challenges for GAN Optimization", "Non-stationary loss
surface"); the picture shows four of its frames.
"""

import io
import sys

import numpy as np
from PIL import Image

import ratiogan as rg
from ratiogan import plots
from ratiogan.files import write_atomically
from ratiogan.plots.look import LOOKS, PREDICTED, dress, new_figure

NAME = "loss_surface"
ALPHA, STEPS, EVERY = 0.1, 126, 3
REACH = 2.2
STILL = (0, 18, 36, 54)  # steps of the picture
WIDE = 800  # pixels of the GIF


def run():
    """Simultaneous steps from (1, 1): a turn takes about 2 pi/alpha = 63 of them."""
    return rg.dynamics.simulate("bilinear", alpha=ALPHA, max_steps=STEPS)


def finding(found):
    """How often the downhill side changed, and by how much the radius grew."""
    x, y = found.states.T
    changes = int(np.sum(np.sign(y[1:]) != np.sign(y[:-1])))
    radius = np.hypot(x, y)
    return (
        f"In {found.n_steps} steps of size {ALPHA} player A's downhill side changes {changes} "
        f"times, and the radius grows by {radius[-1] / radius[0]:.3f} = "
        f"(1 + {ALPHA}^2)^{found.n_steps // 2}"
    )


def draw_loss(ax, look, found, step):
    """A's loss x y as a function of x, y as it is at this step; where A stands and is pushed."""
    x, y = found.states[step]
    dress(ax, look, f"step {step}: y = {y:.2f}".replace("-", "\u2212"), "x")
    ax.set(xlim=(-REACH, REACH), ylim=(-3.4, 3.4), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    line = np.array([-REACH, REACH])
    for before in range(max(0, step - 4 * EVERY), step, EVERY):
        shade = look.fade(look.colour("gen"), 0.5 * (1 - (step - before) / (5 * EVERY)))
        ax.plot(line, found.states[before, 1] * line, color=shade, linewidth=0.5 * look.line)
    ax.plot(line, y * line, color=look.colour("gen"), linewidth=look.line)
    ax.plot([x], [x * y], "o", color=look.ink, markersize=4 * look.line, zorder=5)
    ahead = x - 6 * ALPHA * y
    ax.annotate(
        "", (ahead, y * ahead), (x, x * y), zorder=6,
        arrowprops={"arrowstyle": "-|>", "color": look.ink, "linewidth": 0.8 * look.line},
    )  # fmt: skip
    return ax


def draw_plane(ax, look, found, step):
    """Where both players are, and have been."""
    dress(ax, look, "both players", "x", grid="")
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    ax.set_aspect("equal")
    ax.axhline(0, color=look.muted, linestyle=PREDICTED, linewidth=look.line / 4)
    ax.plot(*found.states[: step + 1].T, color=look.colour("gen"), linewidth=look.line)
    ax.plot(
        *found.states[0], "o", color=look.ink, markerfacecolor=look.ground,
        markersize=3.5 * look.line, markeredgewidth=look.line / 2,
    )  # fmt: skip
    ax.plot(*found.states[step], "o", color=look.ink, markersize=4 * look.line)


def picture(found, title, command):
    """Four moments."""
    look = LOOKS["slide"]
    figure = new_figure(look, title, command)
    for ax, step in zip(figure.subplots(1, len(STILL), sharey=True), STILL, strict=True):
        draw_loss(ax, look, found, step)
    figure.axes[0].set_ylabel("player A's loss x y", fontsize=look.text)
    return plots.settled(figure)


def animation(found, target):
    """The loss and the plane side by side, as a GIF."""
    look = LOOKS["slide"]
    images = []
    for step in range(0, STEPS + 1, EVERY):
        figure = new_figure(look, "To player A the loss surface moves whenever B does")
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        draw_loss(left, look, found, step)
        left.set_ylabel("player A's loss x y", fontsize=look.text)
        draw_plane(right, look, found, step)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=look.dpi * WIDE / 1920)
        image = Image.open(png).convert("RGB")
        images.append(image.quantize(64, dither=Image.Dither.NONE))
    stored = io.BytesIO()
    images[0].save(
        stored, format="GIF", save_all=True, append_images=images[1:], duration=120, loop=0,
        optimize=True,
    )  # fmt: skip
    write_atomically(target, stored.getvalue())


def main(target=f"{NAME}.png", moving=f"{NAME}.gif"):
    found = run()
    said = finding(found)
    command = f"python examples/{NAME}.py"
    plots.save(picture(found, f"{said}.", command), target, command)
    animation(found, moving)
    print(f"{said}.")
    print(f"wrote {target} {moving}")


if __name__ == "__main__":
    main(*sys.argv[1:])
