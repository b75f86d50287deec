"""Hand-made records of two samples for the tests of figures and pages: no resampling, no reading.

They have what a figure reads, and numbers that fit together well enough to be drawn.
"""

from types import SimpleNamespace

import numpy as np
from scipy import ndimage, stats

from ratiogan.grid import Grid

LOG_2 = np.log(2.0)


def counts(values, label="x.csv"):
    values = np.asarray(values, dtype=np.int64)
    total = int(values.sum())
    return SimpleNamespace(counts=values, rows=total, inside=total, outside=0, label=label)


def jsd_of(real, gen):
    p, q = (np.ravel(side) / np.sum(side) for side in (real, gen))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(x > 0, x * np.log(x / middle), 0).sum() for x in (p, q)]
    return float(sum(parts) / 2)


def band(real, gen, level=0.95):
    """Clopper-Pearson for R, as design.md has it."""
    tail, n_real, n_gen = (1 - level) / 2, real.sum(), gen.sum()
    low = np.where(gen > 0, stats.beta.ppf(tail, np.maximum(gen, 1), real + 1), 0.0)
    high = np.where(real > 0, stats.beta.ppf(1 - tail, gen + 1, np.maximum(real, 1)), 1.0)
    with np.errstate(divide="ignore"):
        return n_real / n_gen * low / (1 - low), n_real / n_gen * high / (1 - high)


def measured(value, null, name="jsd", infinite=False):
    floor = float(np.mean(null)) if len(null) else 0.0
    spread = 2 * float(np.std(null)) + 0.05 * value if len(null) else 0.0
    return SimpleNamespace(
        name=name,
        value=None if infinite else value,
        estimate=max(value - floor, 0.0),
        ci=(max(value - floor - spread, 0.0), value - floor + spread),
        level=0.95,
        floor=floor,
        floor_upper=float(np.quantile(null, 0.95)) if len(null) else 0.0,
        pvalue=(1 + int(np.sum(null >= value))) / (len(null) + 1),
        resamples=len(null),
        direction=None,
        unit="nats",
        infinite=infinite,
        because="13.4% of real lies where gen has no sample" if infinite else None,
        mass=0.134 if infinite else None,
    )


def regions_of(real, gen, grid, most=40):
    """Neighbouring cells whose band at 99.9 % leaves 1 out, largest difference first."""
    low, high = band(real, gen, 0.999)
    found = []
    for sign, mask in ((1, low > 1), (-1, high < 1)):
        labels, count = ndimage.label(mask)
        for number in range(1, count + 1):
            cells = np.flatnonzero((labels == number).ravel())
            p, q = real.ravel()[cells].sum() / real.sum(), gen.ravel()[cells].sum() / gen.sum()
            ratio = q / p if p else np.inf
            verdict = (
                "over-produced" if sign > 0 else "MISSING" if q < 0.05 * p else "under-produced"
            )
            places = np.unravel_index(cells, grid.shape)
            centre = tuple(
                float(x[place].mean()) for x, place in zip(grid.centres, places, strict=True)
            )
            found.append((abs(p - q), cells, p, q, ratio, verdict, centre))
    found.sort(key=lambda one: -one[0])
    return tuple(
        SimpleNamespace(
            number=number, cells=cells, real_share=p, gen_share=q, ratio=ratio, verdict=verdict,
            ci=(0.5 * ratio, 2 * ratio), pvalue=1e-4, centre=centre,
            label="around (" + ", ".join(f"{x:.2f}" for x in centre) + ")",
        )
        for number, (_, cells, p, q, ratio, verdict, centre) in enumerate(found[:most], 1)
    )  # fmt: skip


def diagnosis(real, gen, grid, **changes):
    """A record of counts on a grid."""
    real, gen = (np.asarray(side, dtype=np.int64) for side in (real, gen))
    rng = np.random.default_rng(0)
    pool = (real + gen).ravel()
    draws = rng.multivariate_hypergeometric(pool, int(real.sum()), size=99, method="marginals")
    null = np.array([jsd_of(draw, pool - draw) for draw in draws])
    jsd = measured(jsd_of(real, gen), null)
    record = {
        "grid": grid,
        "real": counts(real, "real.csv"),
        "gen": counts(gen, "gen.csv"),
        "divergences": {
            "jsd": jsd,
            "tv": measured(0.2, null, "tv"),
            "kl-gen-real": measured(0.0, null, "kl-gen-real", infinite=True),
        },
        "null": null,
        "regions": regions_of(real, gen, grid),
        "classes": (),
        "columns": (),
        "pairs": (),
        "level": 0.95,
        "unit": "nats",
        "ratio_band": band(real, gen),
        "verdict": "different",
        "finding": (
            f"DIFFERENT: JSD is {jsd.estimate:.2g} nats, {100 * jsd.estimate / LOG_2:.2g}% of its "
            f"maximum log 2; noise alone would show {jsd.floor:.2g} (p = {jsd.pvalue:.2g})."
        ),
        "header": ("real  real.csv  20000 rows", "gen   gen.csv   10000 rows"),
        "warnings": (),
        "sensitivity": tuple(
            {"grid": f"{n}x{n}", "estimate": 0.06, "value": 0.064, "floor": 0.003, "pvalue": 0.01}
            for n in (16, 32, 64)
        ),
        "detectable": 0.0011,
        "precision_recall": SimpleNamespace(precision=0.998, recall=0.866),
        "projected": False,
        **changes,
    }
    return SimpleNamespace(**record)


def line(cells=60, rows=20000, seed=0, same=False, kind="regular"):
    """Two modes, of which gen has dropped one and moved the other."""
    rng = np.random.default_rng(seed)
    grid = Grid.regular(cells, -4, 4)
    x = np.concatenate([rng.normal(-1.5, 0.5, rows), rng.normal(1.5, 0.5, rows)])
    y = x[::2] if same else rng.normal(1.2, 0.7, rows)
    return diagnosis(*(np.histogram(side, grid.edges[0])[0] for side in (x, y)), grid)


def one_sided(rows=3000):
    """Supports that do not touch, with cells between them where neither has a row."""
    grid = Grid.regular(30, 0, 3)
    real, gen = np.zeros((2, 30), dtype=int)
    real[:10], gen[20:] = rows // 10, rows // 10
    return diagnosis(real, gen, grid)


def whole_numbers(rows=5000, seed=0):
    rng = np.random.default_rng(seed)
    grid = Grid.counts(0, 25, name="visits")
    real, gen = rng.negative_binomial(1, 0.25, rows), rng.poisson(3, rows)
    return diagnosis(*(np.bincount(side[side < 26], minlength=26) for side in (real, gen)), grid)


def names(count=10, seed=0, rows=5000):
    """Categories with long names and $ in them: one without gen, one without real, one of none."""
    rng = np.random.default_rng(seed)
    levels = tuple(f"a rather long $name$ of category number {i}" for i in range(count))
    grid = Grid.categories(levels, name="occupation of the head of the household")
    p, q = rng.dirichlet(np.ones(count) * 3), rng.dirichlet(np.ones(count) * 3)
    q[0] = 0
    if count > 3:
        p[2] = p[3] = q[3] = 0
    real, gen = (rng.multinomial(rows, side / side.sum()) for side in (p, q))
    return diagnosis(real, gen, grid)


def ring(cells=32, columns=2, rows=20000, seed=0):
    """Eight modes, of which gen lacks one and thins another."""
    rng = np.random.default_rng(seed)
    grid = Grid.regular((cells,) * columns, (-3,) * columns, (3,) * columns)
    weights = np.ones(8), np.array([1, 1, 1, 0, 1, 1, 0.3, 1])
    sides = []
    for weight, size in zip(weights, (rows, rows // 2), strict=True):
        mode = rng.choice(8, size, p=weight / weight.sum())
        angle = 2 * np.pi * mode / 8
        parts = [2 * np.cos(angle), 2 * np.sin(angle), mode / 4 - 1][:columns]
        samples = np.column_stack(parts) + rng.normal(0, 0.2, (size, columns))
        sides.append(np.histogramdd(samples, grid.edges)[0])
    return diagnosis(*sides, grid)


def mixed(seed=0):
    """A counting axis beside categories with long names."""
    rng = np.random.default_rng(seed)
    levels = [f"a long name of level {i}" for i in range(12)]
    grid = Grid.product(Grid.counts(0, 9, name="visits"), Grid.categories(levels, name="job"))
    real, gen = (rng.poisson(20 * rng.random(grid.shape)) for _ in range(2))
    return diagnosis(real, gen, grid)


def marginals(columns=8, seed=0, word="col"):
    """More columns than a grid holds."""
    rng = np.random.default_rng(seed)

    def one(*chosen):
        floor = rng.uniform(0.001, 0.004)
        null = floor * rng.uniform(0.5, 1.5, 99)
        value = float(floor * rng.lognormal(0.5, 1))
        return SimpleNamespace(
            names=chosen, measured=measured(value, null), pvalue_adjusted=0.02,
            different=value > 1.6 * floor, grid="16",
        )  # fmt: skip

    labels = [f"{word}{i}" for i in range(columns)]
    pairs = [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
    base = vars(line(4, 100))
    return SimpleNamespace(
        **{
            **base,
            "grid": None,
            "real": None,
            "gen": None,
            "divergences": {},
            "regions": (),
            "null": np.empty(0),
            "sensitivity": (),
            "precision_recall": None,
            "columns": tuple(one(label) for label in labels),
            "pairs": tuple(one(*pair) for pair in pairs),
        }
    )


VERDICTS = (
    ("MISSING", 0.0, (0.0, 0.003)),
    ("thinned", 0.36, (0.325, 0.397)),
    ("unclear", 0.6, (0.45, 0.9)),
    ("covered", 1.24, (1.17, 1.33)),
)


def modes(record, centres, label="around"):
    """Modes at given centres with every verdict; without a place if the record is None."""
    found = tuple(
        SimpleNamespace(
            number=number, centre=tuple(np.atleast_1d(centre)), ratio=ratio, ci=ci,
            verdict=verdict, label=f"{label} {number}", real_share=0.12, gen_share=0.1,
        )
        for number, centre in enumerate(centres, 1)
        for verdict, ratio, ci in [VERDICTS[number % 4]]
    )  # fmt: skip
    return SimpleNamespace(
        modes=tuple(sorted(found, key=lambda mode: mode.ratio)),
        grid=record and record.grid,
        real=record and record.real,
        gen=record and record.gen,
        covered=0.5,
        thinned=0.8,
        missing=0.05,
        level=0.95,
        finding="6 of 8 modes covered, 1 thinned, 1 MISSING.",
    )


def ring_modes():
    angle = 2 * np.pi * np.arange(8) / 8
    return modes(ring(), np.column_stack([2 * np.cos(angle), 2 * np.sin(angle)]))
