"""W1 on the line, value and critic, against NumPy's cumsum, SciPy and POT."""

from benchmarks.timing import alternate, pin_to_one_core

SIZES = (10_000, 1_000_000)


def line(quick):
    """Rows for one thread, everything pinned to one core."""
    pin_to_one_core()
    rows = []
    for size in SIZES[: 1 if quick else None]:
        rows += _against_others(size, quick)
    return rows


def problem(size):
    """p_r and p_g on `size` uneven cells: random masses around two bumps, F with many zeros."""
    import numpy as np

    import ratiogan as rg

    rng = np.random.default_rng(0)
    grid = rg.Grid([np.cumsum(rng.exponential(size=size + 1))])
    y = np.linspace(-4.0, 4.0, size)
    real = np.exp(-0.5 * y * y) * rng.random(size)
    gen = np.exp(-0.5 * (y - 0.3) ** 2) * rng.random(size)
    return (
        rg.Distribution.from_mass(real / real.sum(), grid),
        rg.Distribution.from_mass(gen / gen.sum(), grid),
    )


def _against_others(size, quick):
    import numpy as np
    from scipy.stats import wasserstein_distance

    from ratiogan.transport.line import line_critics, transport_line, wasserstein_line

    real, gen = problem(size)
    y, p, q = real.grid.centres[0], real.mass, gen.mass

    def in_place():
        """The same from the same arrays, every pass in place where it can be."""
        ahead = p - q
        np.cumsum(ahead, out=ahead)
        ahead = ahead[:-1]
        gaps = np.diff(y)
        slopes = np.sign(ahead)
        np.abs(ahead, out=ahead)
        value = ahead @ gaps
        np.multiply(slopes, gaps, out=slopes)
        critic = np.zeros(size)
        np.cumsum(slopes, out=critic[1:])
        np.subtract(p @ critic, critic, out=critic)
        return _nothing(value, critic)

    def as_one_writes_it():
        ahead = np.cumsum(p - q)[:-1]
        gaps = np.diff(y)
        value = np.abs(ahead) @ gaps
        critic = np.concatenate([[0.0], np.cumsum(-np.sign(ahead) * gaps)])
        return _nothing(value, critic - p @ critic)

    contenders = {
        "ratiogan": lambda: _nothing(transport_line(gen=gen, real=real)),
        "checked": lambda: _nothing(line_critics(p, q, y)),
        "value": lambda: _nothing(wasserstein_line(gen=gen, real=real)),
        "in place": in_place,
        "as one writes it": as_one_writes_it,
        "SciPy": lambda: _nothing(wasserstein_distance(y, y, p, q)),
    }
    try:
        import ot

        contenders["POT"] = lambda: _nothing(ot.wasserstein_1d(y, y, p, q))
    except ImportError:
        pass
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 9)
    label, large = f"{size:.0e} cells".replace("e+0", "e"), size == SIZES[-1]
    rows = [
        found.row(f"{label}: value and critic of two Distributions", "ratiogan", 1e-3, "ms"),
        found.row(f"{label}: the same of arrays, checked first", "checked", 1e-3, "ms"),
        found.row(f"{label}: value alone", "value", 1e-3, "ms"),
        found.ratio(
            f"{label}: NumPy in place / ratiogan", "in place", "ratiogan",
            target=">= 4" if large else "", notes="value and critic, of the same arrays",
        ),
        found.ratio(
            f"{label}: NumPy as one writes it / ratiogan", "as one writes it", "ratiogan",
            notes="value and critic",
        ),
        found.ratio(
            f"{label}: SciPy / ratiogan", "SciPy", "ratiogan", target=">= 50" if large else "",
            notes="SciPy gives the value alone",
        ),
    ]  # fmt: skip
    if "POT" in contenders:
        rows.append(
            found.ratio(
                f"{label}: POT / ratiogan", "POT", "ratiogan", target=">= 50" if large else "",
                notes="POT gives the value alone",
            )
        )  # fmt: skip
    return rows


def _nothing(*results):
    """Drop the results: what a contender returns would be read as a time of its own."""
