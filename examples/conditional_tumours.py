"""Tumours: a generator with the right marginals that has nothing to say about the radius.

569 tumours (scikit-learn's `breast_cancer`): x is the mean radius, y the mean of the concave points
of the contour. The generator takes the radii as they are and deals the concave points out at
random: every test of x alone or of y alone finds nothing, and y given x is wrong nearly everywhere.
The same from the shell, on the two files that this script writes:

    ratiogan run conditional --real tumours.csv --gen shuffled.csv \
        --grid 48x48 --domain 5:29,-0.04:0.24 --geometry fisher
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import ratiogan as rg


def main():
    tumours = load_breast_cancer()
    names = list(tumours.feature_names)
    points = tumours.data[:, [names.index("mean radius"), names.index("mean concave points")]]
    shuffled = points.copy()
    shuffled[:, 1] = np.random.default_rng(0).permutation(points[:, 1])
    for name, rows in (("tumours.csv", points), ("shuffled.csv", shuffled)):
        np.savetxt(name, rows, delimiter=",", header="radius,concave", comments="", fmt="%.5g")

    grid = rg.Grid.regular((48, 48), (5, -0.04), (29, 0.24), names=("radius", "concave"))
    real, gen = (
        rg.Distribution.from_samples(rows, grid, method="kde") for rows in (points, shuffled)
    )
    run = rg.conditional(real=real, gen=gen, geometry="fisher")
    before, after = (np.corrcoef(rows.T)[0, 1] for rows in (points, shuffled))
    trace = run.trace
    large = int(np.argmin(abs(grid.centres[0] - 20)))
    radius = grid.centres[0][large]
    mean = [(side.mass[large] @ grid.centres[1]) / side.mass[large].sum() for side in (real, gen)]
    print(
        f"{len(points)} tumours, their concave points dealt out at random: y alone has a JSD of"
        f" {trace.js_marginal[0]:.0e}, y given the radius {trace.js[0]:.3f} on average and"
        f" {trace.js_worst[0]:.2f} at worst, at {trace.worst_x[0]:.1f}. The correlation falls from"
        f" {before:.2f} to {after:.2f}: at a radius of {radius:.1f} the mean of y is"
        f" {mean[0]:.3f}, the generator's {mean[1]:.3f}. GLGD mends every radius in {run.n_steps}"
        f" steps: max|R-1| = {run.max_error:.1e}."
    )
    print("wrote tumours.csv shuffled.csv")


if __name__ == "__main__":
    main()
