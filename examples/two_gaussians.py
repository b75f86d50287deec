"""Two Gaussians: which slopes does an optimal discriminator leave to the generator?

The Wasserstein GAN paper draws that D* saturates while the critic does not. Do the generator's
gradients vanish with it? That of log(1 - D*) does; that of -log D*, the "log D trick", does not
while the two overlap, and is gone where they do not.
"""

import ratiogan as rg
from ratiogan import plots

NAME = "two_gaussians"


def main():
    two = rg.saturation(
        real="normal:mean=-3,sd=1", gen="normal:mean=3,sd=1", grid=1024, domain="-8:8"
    )
    command = f"python examples/{NAME}.py"
    plots.save(two.plot(command=command), f"{NAME}.png", command)
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
