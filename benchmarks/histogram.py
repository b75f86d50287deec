"""Counting and density ratios beside what else there is, on one core."""

import time

import numpy as np

from benchmarks.timing import Row, alternate, pin_to_one_core

_SIZE = 10_000_000
_CELLS = (16, 128, 1024, 16_384)


def histogram(quick):
    """Rows for `Grid.tally` beside `numpy.histogram` with the same edges."""
    pin_to_one_core()
    from ratiogan.grid import Grid

    rng = np.random.default_rng(0)
    x = rng.normal(size=_SIZE // 10 if quick else _SIZE)
    rows = []
    for kind, values in (("", x), (", sorted", np.sort(x))):
        for cells in _CELLS if not kind else (1024,):
            grid = Grid.regular(cells, -4, 4)
            edges, counts = grid.edges[0], np.zeros(cells, dtype=np.int64)

            def ours(grid=grid, values=values, counts=counts):
                counts[:] = 0
                grid.tally(values, counts)

            def numpys(edges=edges, values=values):
                np.histogram(values, edges)

            ours()
            same = np.array_equal(counts, np.histogram(values, edges)[0])
            found = alternate({"ours": ours, "numpy": numpys}, 3 if quick else 9)
            name = f"{cells} cells{kind}"
            notes = "equal, value for value" if same else "COUNTS DIFFER"
            rows.append(found.row(f"{name}, per value", "ours", values.size / 1e9, "ns"))
            rows.append(
                found.ratio(
                    f"np.histogram / ours, {name}", "numpy", "ours", target=">= 2", notes=notes
                )
            )
    return rows


def density_ratio(quick):
    """Rows for `DensityRatio` beside densratio 0.4.0 (which also serves more than 3 columns)."""
    pin_to_one_core()
    try:
        from densratio import densratio
    except ImportError:
        return [Row("densratio is not installed: pip install densratio==0.4.0", float("nan"), "")]
    from ratiogan import DensityRatio

    rng = np.random.default_rng(0)
    size = 200 if quick else 5000
    real, gen = rng.normal(size=(size, 1)), rng.normal(0.5, 1.0, size=(size, 1))
    points = np.linspace(-2, 2, 401)[:, np.newaxis]
    truth = np.exp(0.5 * points[:, 0] - 0.125)
    start = time.perf_counter()
    theirs = densratio(gen, real, verbose=False)
    found = theirs.compute_density_ratio(points)
    seconds = time.perf_counter() - start
    rows = [
        Row(f"densratio, n = {size}, 1 column", seconds, "s", notes=_error(found, truth)),
    ]
    for method in ("histogram", "kde"):
        model = DensityRatio(method=method)

        def ours(model=model):
            model.fit(gen=gen, real=real).ratio(points)

        ours()
        times = alternate({"ours": ours}, 9)
        error = _error(model.ratio(points), truth)
        rows.append(
            times.row(f"DensityRatio {method}, n = {size}", "ours", 1e-3, "ms", notes=error)
        )
        taken = sorted(times.times["ours"])[4]
        rows.append(
            Row(f"densratio / DensityRatio {method}", seconds / taken, "x", target=">= 100")
        )
    return rows


def _error(found, truth):
    """The error that a user would see, where there are samples: |x| <= 2."""
    error = np.sqrt(np.mean((np.log(found) - np.log(truth)) ** 2))
    return f"rms error of log R {error:.3f}"
