"""Two Gaussians: which slopes does an optimal discriminator leave to the generator?

The Wasserstein GAN paper draws that D* saturates while the critic does not. Do the generator's
gradients vanish with it? That of log(1 - D*) does; that of -log D*, the "log D trick", does not
while the two overlap, and is gone where they do not.
"""

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.look import LOOKS, new_figure
from ratiogan.plots.saturation import saturation_panels

NAME = "two_gaussians"
DISTANCE = 6  # sd
EXPONENT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(value):
    """0.000123 as 1.2×10⁻⁴, 6 as 6."""
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.2g}"
    exponent = int(np.floor(np.log10(value)))
    return f"{value / 10.0**exponent:.2g}×10{str(exponent).translate(EXPONENT)}"


def draw(found, command):
    """D*, the critic and the slopes, under a title that is set and not typed."""
    minimax, trick, critic = (power_of_ten(slope.median) for slope in found.losses)
    title = (
        f"Two Gaussians {DISTANCE} sd apart: log(1 − D*) leaves the generator a median slope of "
        f"{minimax}, −log D* one of {trick}, the critic {critic}"
    )
    look = LOOKS["slide"]
    figure = new_figure(look, title, command)
    saturation_panels(figure, found, look)
    return plots.settled(figure)


def main():
    two = rg.saturation(
        real=f"normal:mean={-DISTANCE / 2:g},sd=1",
        gen=f"normal:mean={DISTANCE / 2:g},sd=1",
        grid=1024,
        domain="-8:8",
    )
    command = f"python examples/{NAME}.py"
    plots.save(draw(two, command), f"{NAME}.png", command)
    # The same two Gaussians, cut off 2 sd from their means: nothing overlaps.
    cut = []
    for side, low, high in ((two.real, -5, -1), (two.gen, 1, 5)):
        y = side.grid.centres[0]
        kept = side.mass * ((y > low) & (y < high))
        cut.append(rg.Distribution.from_mass(kept / kept.sum(), side.grid))
    apart = rg.saturation(real=cut[0], gen=cut[1])
    print(two.finding)
    print(two.summary())
    print()
    print("Cut off at 2 sd:", apart.finding)
    print(f"wrote {NAME}.png")


if __name__ == "__main__":
    main()
