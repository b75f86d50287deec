"""How often the intervals of R hold the truth, and how often a region is reported in error."""

import numpy as np

from benchmarks.timing import Row
from ratiogan import presets
from ratiogan.grid import Grid
from ratiogan.twosample.regions import find_regions, ratio_interval

# name: real, gen, rows of each, cells
PAIRS = {
    "dense cells": ("bimodal", "normal:mean=0,sd=1.2", 20_000, 10_000, Grid.regular(64, -4, 4)),
    "sparse cells": ("bimodal", "normal:mean=0,sd=1.2", 2000, 1000, Grid.regular(1024, -4, 4)),
    "one mode missing": (
        *("ring8", "ring8:drop=4,thin=7", 20_000, 10_000),
        Grid.regular((32, 32), -2.8, 2.8),
    ),
    "heavy tail": ("normal", "student-t:df=2", 20_000, 20_000, Grid.regular(256, -30, 30)),
    "slight shift": ("normal", "normal:mean=0.1", 20_000, 10_000, Grid.regular(64, -5, 5)),
    "counts": ("poisson:rate=3", "poisson:rate=3.2", 5000, 5000, Grid.counts(0, 20)),
    # R swings on the left and is 1 on the right: few regions out of many blocks.
    "equal half": ("uniform", "half-wave", 100_000, 100_000, Grid.regular(128, 0, 1)),
}


def ratio_intervals(quick):
    """Rows per pair: intervals of all cells, of the regions selected, and false discoveries."""
    runs = 40 if quick else 1000
    rng = np.random.default_rng(0)
    rows = []
    for name, pair in PAIRS.items():
        found = simulated(*pair, runs, rng)
        rows += [
            Row(f"{name}: intervals of cells that hold R", *found["cells"], target=">= 95"),
            Row(f"{name}: intervals of regions that hold R", *found["regions"], target=">= 95"),
            Row(f"{name}: regions on the wrong side of 1", *found["false"], target="<= 5"),
        ]
        alarms = simulated(pair[0], pair[0], *pair[2:], runs, rng)["any"]
        rows.append(Row(f"{name}: real against real with a region", *alarms, target="<= 5"))
    return rows


def simulated(real, gen, n_real, n_gen, grid, runs, rng):
    """Per cent of intervals and regions, with the unit, of `runs` pairs of samples.

    Shares of regions are means over the runs of the share in each (0 in a run without any), which
    is what false-discovery and false-coverage rates are.
    """
    p, q = (_masses(name, grid) for name in (real, gen))
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = q / p
    used = (p > 0) | (q > 0)
    held, wrong_side, outside, any_region = [], [], [], []
    for _ in range(runs):
        counts = rng.multinomial(n_real, p), rng.multinomial(n_gen, q)
        low, high = ratio_interval(*counts, n_real, n_gen)
        held.append(np.mean(((low <= truth) & (truth <= high))[used]))
        regions = find_regions(*counts, grid)
        ratios = [q[r.cells].sum() / p[r.cells].sum() for r in regions]
        missed = [not r.ci[0] <= ratio <= r.ci[1] for r, ratio in zip(regions, ratios, strict=True)]
        sides = [(r.ratio - 1) * (ratio - 1) <= 0 for r, ratio in zip(regions, ratios, strict=True)]
        outside.append(np.mean(missed) if missed else 0.0)
        wrong_side.append(np.mean(sides) if sides else 0.0)
        any_region.append(len(regions) > 0)
    return {
        "cells": (100 * float(np.mean(held)), "%"),
        "regions": (100 * (1 - float(np.mean(outside))), "%"),
        "false": (100 * float(np.mean(wrong_side)), "%"),
        "any": (100 * float(np.mean(any_region)), "%"),
    }


def _masses(name, grid):
    if name != "half-wave":
        return presets.preset(name, grid).mass.ravel()
    half = np.arange(grid.size // 2)
    wave = 0.95 * np.sin(8 * np.pi * half / grid.size) / grid.size
    return np.append(1 / grid.size + wave, np.full(grid.size - half.size, 1 / grid.size))
