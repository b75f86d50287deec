"""How often the intervals of divergences hold the truth, for pairs whose divergences are known.

The intervals of R are in ``ratio_coverage``.
"""

import numpy as np
from scipy import stats

from benchmarks.timing import Row

# name: (how to make masses (p_r, p_g, centres), rows of real and gen)
PAIRS = {
    "dense, 32 cells": (lambda: _line(_BIMODAL, _WIDE, 32), (1000, 1000)),
    "dense, 64 cells": (lambda: _line(_BIMODAL, _WIDE, 64), (5000, 5000)),
    "dense, 12 cells in the middle": (lambda: _line(_BIMODAL, _WIDE, 12, -2.4, 2.4), (4000, 2000)),
    "unequal n": (lambda: _line(_BIMODAL, _WIDE, 128), (50_000, 1000)),
    "sparse, 10 rows a cell": (lambda: _line(_BIMODAL, _WIDE, 1024), (5000, 5000)),
    "sparse, 3 rows a cell": (lambda: _line(_BIMODAL, _WIDE, 1024), (2000, 1000)),
    "a mode missing, 32x32": (lambda: _ring(32), (20_000, 10_000)),
    "a mode missing, few rows": (lambda: _ring(32), (3000, 3000)),
    "a mode missing, 64x64": (lambda: _ring(64), (20_000, 10_000)),
    "heavy tail, t(3) and t(2)": (lambda: _line(_T3, stats.t(2), 128, -30, 30), (3000, 3000)),
    "heavy tail and normal": (lambda: _line(_T3, stats.norm(), 256, -30, 30), (10_000, 10_000)),
    "far apart": (lambda: _line(stats.norm(), stats.norm(3), 64, -4, 7), (2000, 2000)),
    "four categories": (lambda: _categories(), (300, 200)),
    "counts": (lambda: _counts(), (1000, 1000)),
    "Dirichlet(1/2), 500 cells": (lambda: _dirichlet(0.5, 500), (4000, 2000)),
    "Dirichlet(5), 40 cells": (lambda: _dirichlet(5.0, 40), (4000, 2000)),
    "near equality, 16 cells": (
        lambda: _line(stats.norm(), stats.norm(0.02), 16),
        (20_000, 20_000),
    ),
    "near equality, 64 cells": (lambda: _line(stats.norm(), stats.norm(0.05), 64), (5000, 5000)),
    "near equality, 1024 cells": (
        lambda: _line(stats.norm(), stats.norm(0.05), 1024),
        (5000, 5000),
    ),
    "equal, 64 cells": (lambda: _line(stats.norm(), stats.norm(), 64), (2000, 5000)),
    "equal, 1024 cells": (lambda: _line(stats.norm(), stats.norm(), 1024), (3000, 3000)),
}  # fmt: skip
QUICK = ("dense, 32 cells", "four categories")


def coverage(quick):
    """Rows: coverage of the 95 % intervals, by divergence and pair."""
    rows = []
    for name in QUICK if quick else PAIRS:
        for divergence, found in simulate(name, 100 if quick else 400).items():
            rows.append(_row(f"{name}: {divergence}", found))
        for divergence in ("jsd", "tv"):
            for method, covered in rivals(name, divergence, 50 if quick else 200).items():
                rows.append(Row(f"{name}: {divergence}, {method}", 100 * covered, "%"))
    return rows


def rivals(name, divergence, runs, m=200, seed=1):
    """Coverage of the 95 % intervals that were not chosen.

    ``percentile``, ``basic``, ``shifted``: of the bootstrap, as it is, mirrored at the value of the
    counts, moved by twice its bias. ``value - floor``: less the mean of permutations, with the
    bootstrap's standard error. ``mean``: of that and of 2 value - value on half-samples.
    """
    from ratiogan.divergences import CORE, divergence_sums
    from ratiogan.twosample.resample import halves, multinomials, permutations

    make, sizes = PAIRS[name]
    p, q, _ = make()
    one = CORE.index(divergence)
    truth = divergence_sums(q, p)[0, one]
    rng = np.random.default_rng(seed)
    covered = {}
    for run in range(runs):
        real, gen = rng.multinomial(sizes[0], p), rng.multinomial(sizes[1], q)
        value = divergence_sums(gen, real)[0, one]
        dealt = permutations(real, gen, m, run)
        floor = divergence_sums(dealt[1], dealt[0])[:, one].mean()
        half = divergence_sums(halves(gen, run, m)[0], halves(real, run + 10**6, m)[0])[:, one]
        drawn = multinomials(gen, m, run), multinomials(real, m, run + 10**6)
        boot = divergence_sums(*drawn)[:, one]
        low, high = np.quantile(boot, [0.025, 0.975])
        shift, width = 2 * (boot.mean() - value), 1.96 * boot.std()
        middle = 0.5 * (value - floor + 2 * value - half.mean())
        for method, ends in {
            "percentile": (low, high),
            "basic": (2 * value - high, 2 * value - low),
            "shifted": (low - shift, high - shift),
            "value - floor": (value - floor - width, value - floor + width),
            "mean": (middle - width, middle + width),
        }.items():
            inside = max(ends[0], 0.0) <= truth <= max(ends[1], 0.0)
            covered[method] = covered.get(method, 0.0) + float(inside) / runs
    return covered


def _row(name, found):
    notes = "" if found.get("finite", 1) == 1 else f"finite in {100 * found['finite']:.0f} %"
    if "width" in found:
        notes = f"width {found['width']:.1f} sd, bias {found['bias']:+.1f} sd  {notes}"
    return Row(name, 100 * found["covered"], "%", target=">= 90", notes=notes.strip())


def simulate(name, runs, resamples=400, level=0.95, seed=1):
    """Coverage, mean width and bias of `measure`, for each divergence of one pair.

    Returns
    -------
    dict of dict
        ``covered``: share of the intervals that hold the divergence of the masses, among the runs
        in which the divergence of the counts was finite (``finite``); ``width`` and ``bias`` of
        the estimate in standard deviations of the divergence of the counts.
    """
    from ratiogan.twosample.estimate import measure

    make, sizes = PAIRS[name]
    p, q, centres = make()
    truth = true_values(p, q, centres)
    rng = np.random.default_rng(seed)
    found = {divergence: [] for divergence in truth}
    for _ in range(runs):
        real, gen = rng.multinomial(sizes[0], p), rng.multinomial(sizes[1], q)
        measured = measure(real, gen, centres=centres, level=level, resamples=resamples, rng=rng)
        for divergence, one in measured.items():
            if not one.infinite:
                found[divergence].append((*one.ci, one.estimate, one.value))
    return {
        divergence: _summary(np.array(seen), truth[divergence], runs)
        for divergence, seen in found.items()
        if len(seen) > runs // 10 and np.isfinite(truth[divergence])
    }


def _summary(seen, truth, runs):
    low, high, estimate, value = seen.T
    spread = value.std()
    return {
        "covered": float(np.mean((low <= truth) & (truth <= high))),
        "finite": len(seen) / runs,
        "width": float(np.mean(high - low) / spread),
        "bias": float((estimate.mean() - truth) / spread),
        "below": float(np.mean(truth < low)),
        "above": float(np.mean(high < truth)),
    }


def true_values(p, q, centres):
    """The divergences of two tables of masses, by name."""
    from ratiogan.divergences import CORE, divergence_sums

    truth = dict(zip(CORE, divergence_sums(q, p)[0], strict=True))
    if centres is not None:
        truth["wasserstein"] = float(np.abs(np.cumsum(q - p))[:-1] @ np.diff(centres))
    return truth


class _Mixture:
    def cdf(self, x):
        return 0.6 * stats.norm(-1.5, 0.7).cdf(x) + 0.4 * stats.norm(1.5, 0.7).cdf(x)


_BIMODAL, _WIDE, _T3 = _Mixture(), stats.norm(0, 1.2), stats.t(3)


def _line(real, gen, cells, low=-4.0, high=4.0):
    edges = np.linspace(low, high, cells + 1)
    p, q = np.diff(real.cdf(edges)), np.diff(gen.cdf(edges))
    return p / p.sum(), q / q.sum(), (edges[1:] + edges[:-1]) / 2


def _ring(side):
    from ratiogan.grid import Grid
    from ratiogan.presets import preset

    grid = Grid.regular((side, side), (-2.6, -2.6), (2.6, 2.6))
    masses = [preset(name, grid=grid).mass.ravel() for name in ("ring8", "ring8:drop=4,thin=7")]
    return *(mass / mass.sum() for mass in masses), None


def _categories():
    return np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.4, 0.35, 0.15, 0.1]), None


def _counts():
    k = np.arange(16)
    p, q = stats.poisson(3).pmf(k), stats.nbinom(3, 0.5).pmf(k)
    return p / p.sum(), q / q.sum(), k.astype(float)


def _dirichlet(concentration, cells):
    rng = np.random.default_rng(7)
    return *(rng.dirichlet(np.full(cells, concentration)) for _ in range(2)), None


def text(runs=400):
    """The table as Markdown: one line per pair, one column per divergence."""
    columns = ("jsd", "tv", "hellinger2", "triangular", "kl-gen-real", "kl-real-gen", "jeffreys",
               "chi2-pearson", "chi2-neyman", "wasserstein")  # fmt: skip
    lines = [f"| pair | rows | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 2)]
    for name, (_, sizes) in PAIRS.items():
        found = simulate(name, runs)
        cells = [f"{100 * found[c]['covered']:.0f}" if c in found else "-" for c in columns]
        lines.append(f"| {name} | {sizes[0]}, {sizes[1]} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)
