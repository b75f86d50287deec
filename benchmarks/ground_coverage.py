"""How often the intervals of Wasserstein-1 on cells of two axes hold the truth."""

import math
import time

import numpy as np
from scipy.stats import norm

from benchmarks.timing import Row

SIDE = 8
EDGES = np.linspace(-4.0, 5.0, SIDE + 1)
RING_EDGES = np.linspace(-2.6, 2.6, SIDE + 1)
# name: (how to make masses (p_r, p_g) and the edges of both axes, rows of real and gen). The rule
# was chosen on the first six in the Manhattan metric.
PAIRS = {
    "equal": (lambda: _normals(0.0, 1.0), (400, 400)),
    "moved by 0.1 sd": (lambda: _normals(0.1, 1.0), (400, 400)),
    "moved by 0.4 sd": (lambda: _normals(0.4, 1.0), (400, 400)),
    "1.3 times as wide": (lambda: _normals(0.0, 1.3), (400, 400)),
    "moved by 3 sd": (lambda: _normals(3.0, 1.0), (400, 400)),
    "a mode missing, one thin": (lambda: _rings(), (1000, 500)),
    "Dirichlet(1/2)": (lambda: _dirichlets(), (1000, 500)),
    "moved by 0.4 sd, few rows": (lambda: _normals(0.4, 1.0), (60, 60)),
    "moved by 0.2 sd, unequal n": (lambda: _normals(0.2, 1.0), (1000, 200)),
    "0.7 times as wide": (lambda: _normals(0.0, 0.7), (400, 400)),
}
EUCLIDEAN = ("equal", "moved by 0.4 sd", "1.3 times as wide", "a mode missing, one thin",
             "Dirichlet(1/2)")  # fmt: skip
QUICK = ("equal", "moved by 0.4 sd")
RUNS = {"manhattan": 400, "euclidean": 100}
QUICK_RUNS = {"manhattan": 40, "euclidean": 10}


def ground_coverage(quick):
    """Rows: coverage of the 95 % intervals by pair and metric, beside its standard error."""
    rows = []
    for name in QUICK if quick else PAIRS:
        for metric, runs in (QUICK_RUNS if quick else RUNS).items():
            if metric == "euclidean" and name not in EUCLIDEAN:
                continue
            found = simulate(name, metric, runs)
            rows.append(
                Row(
                    f"{name}: {metric}, {runs} runs",
                    100 * found["covered"],
                    "%",
                    target=">= 90",
                    notes=f"se {100 * found['error']:.1f}, width {found['width']:.1f} sd, bias "
                    f"{found['bias']:+.1f} sd, above 0 in {100 * found['found']:.0f} %",
                )
            )
    return rows


def simulate(name, metric, runs, level=0.95, seed=1):
    """Coverage, width and bias of `measure_ground` for one pair.

    Parameters
    ----------
    name : str
        One of PAIRS.
    metric : {"manhattan", "euclidean"}
    runs : int
    level : float, optional
    seed : int, optional

    Returns
    -------
    dict of float
        ``covered``, the share of intervals that hold W1 of the masses, and ``error``, its standard
        error (with one success and one failure added, lest it be 0 at 100 %); ``width`` of the
        interval and ``bias`` of the estimate in standard deviations of W1 of the counts;
        ``found``, the share of intervals above 0; ``seconds`` in all.
    """
    from ratiogan.twosample.ground import measure_ground

    make, sizes = PAIRS[name]
    p, q, edges = make()
    truth = true_value(p, q, edges, metric)
    rng = np.random.default_rng(seed)
    start, seen = time.perf_counter(), []
    for run in range(runs):
        real, gen = (
            rng.multinomial(n, mass.ravel()).reshape(mass.shape)
            for n, mass in zip(sizes, (p, q), strict=True)
        )
        one = measure_ground(real, gen, [edges, edges], metric=metric, level=level, rng=run)
        seen.append((*one.ci, one.estimate, one.value))
    low, high, estimate, value = np.array(seen).T
    covered = np.sum((low <= truth) & (truth <= high))
    near = (covered + 1) / (runs + 2)
    return {
        "truth": truth,
        "covered": float(covered / runs),
        "error": math.sqrt(near * (1 - near) / runs),
        "width": float(np.mean(high - low) / value.std()),
        "bias": float((estimate.mean() - truth) / value.std()),
        "found": float(np.mean(low > 0)),
        "seconds": time.perf_counter() - start,
    }


def true_value(p, q, edges, metric):
    """W1 of two tables of masses, to 1e-5 of it."""
    from ratiogan.transport.euclidean import euclidean
    from ratiogan.transport.manhattan import manhattan

    solve = manhattan if metric == "manhattan" else euclidean
    return solve(q, p, [edges, edges], tol=1e-5).value


def _normals(shift, sd):
    """Standard normal, and the same moved along both axes and widened."""
    lines = [np.diff(norm.cdf(EDGES)), np.diff(norm.cdf(EDGES, shift, sd))]
    return *(np.outer(line, line) / line.sum() ** 2 for line in lines), EDGES


def _rings():
    from ratiogan.grid import Grid
    from ratiogan.presets import preset

    grid = Grid.regular((SIDE, SIDE), (-2.6, -2.6), (2.6, 2.6))
    masses = [preset(name, grid=grid).mass for name in ("ring8", "ring8:drop=4,thin=7")]
    return *(mass / mass.sum() for mass in masses), RING_EDGES


def _dirichlets():
    rng = np.random.default_rng(7)
    masses = [rng.dirichlet(np.full(SIDE**2, 0.5)).reshape(SIDE, SIDE) for _ in range(2)]
    return *masses, EDGES


def text(runs=None):
    """The table of the README as Markdown, printed as it grows."""
    runs = runs or RUNS
    lines = ["| pair | rows | " + " | ".join(f"{m}, {n} runs" for m, n in runs.items()) + " |"]
    lines.append("|" + "---|" * (len(runs) + 2))
    print("\n".join(lines))
    for name, (_, sizes) in PAIRS.items():
        cells = []
        for metric, n in runs.items():
            if metric == "euclidean" and name not in EUCLIDEAN:
                cells.append("-")
                continue
            found = simulate(name, metric, n)
            cells.append(
                f"{100 * found['covered']:.1f} +- {100 * found['error']:.1f}"
                f" ({found['width']:.1f} sd)"
            )
        lines.append(f"| {name} | {sizes[0]}, {sizes[1]} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)
