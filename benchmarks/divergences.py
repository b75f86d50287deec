"""All divergences in one pass against SciPy and NumPy, one after another or sharing logarithms."""

from benchmarks.timing import alternate, pin_to_one_core

_TARGETS = {"one by one": ">= 15", "shared": ">= 5"}  # times ratiogan at 1e6 cells, one core


def divergences(quick):
    """Rows for `divergence_sums` and its twins, everything pinned to one core."""
    pin_to_one_core()
    rows = []
    for size in (1_000, 1_000_000):
        rows += _against_others(size, quick)
    return rows


def _against_others(size, quick):
    import numpy as np

    from ratiogan.divergences import divergence_sums

    gen, real = _masses(size)
    twins = {"one by one": one_by_one(gen, real), "shared": _sharing_logarithms(gen, real)}
    calls = {"ratiogan": lambda: divergence_sums(gen, real)[0], **twins}
    for name, call in calls.items():
        np.testing.assert_allclose(call(), calls["ratiogan"](), rtol=1e-9, err_msg=name)
    times = max(1, 100_000 // size)
    found = alternate(
        {name: _repeated(call, times) for name, call in calls.items()}, 5 if quick else 15
    )
    label = f"{size:.0e} cells".replace("e+0", "e")
    large = size == 1_000_000
    per = times * size / 1e9
    return [
        found.row(f"{label}: ratiogan, all divergences, per cell", "ratiogan", per, "ns"),
        found.ratio(
            f"{label}: SciPy and NumPy one after another / ratiogan", "one by one", "ratiogan",
            target=_TARGETS["one by one"] if large else "",
        ),
        found.ratio(
            f"{label}: NumPy in place, sharing its logarithms / ratiogan", "shared", "ratiogan",
            target=_TARGETS["shared"] if large else "",
        ),
    ]  # fmt: skip


def _masses(size):
    """Two rough densities: R between 1e-5 and 1e5."""
    import numpy as np

    gen, real = np.random.default_rng(0).exponential(size=(2, size))
    return gen / gen.sum(), real / real.sum()


def _repeated(call, times):
    def run():
        for _ in range(times):
            call()

    return run


def one_by_one(q, p):
    """As each is found in a textbook, SciPy's where it has them."""
    import numpy as np
    from scipy.spatial.distance import jensenshannon
    from scipy.special import rel_entr

    def call():
        return (
            rel_entr(q, p).sum(),
            rel_entr(p, q).sum(),
            jensenshannon(q, p) ** 2,
            rel_entr(q, p).sum() + rel_entr(p, q).sum(),
            0.5 * np.abs(q - p).sum(),
            0.5 * ((np.sqrt(q) - np.sqrt(p)) ** 2).sum(),
            ((q - p) ** 2 / p).sum(),
            ((q - p) ** 2 / q).sum(),
            ((q - p) ** 2 / (q + p)).sum(),
        )

    return call


def _sharing_logarithms(q, p):
    """R, log R and log(1+R) once, every array in place, in workspaces that stay.

    It cancels near R = 1 and knows no empty cells: less than what it is compared with.
    """
    import numpy as np

    ratio, one, two, three = np.empty((4, q.size))

    def call():
        np.divide(q, p, out=ratio)
        log_ratio = np.log(ratio, out=one)
        kl = np.multiply(q, log_ratio, out=three).sum()
        reverse = -np.multiply(p, log_ratio, out=three).sum()
        log_sum = np.log1p(ratio, out=two)
        np.add(q, p, out=three)
        jsd = 0.5 * (kl - np.multiply(three, log_sum, out=three).sum()) + np.log(2.0)
        np.sqrt(ratio, out=two)
        np.subtract(two, 1.0, out=two)
        np.multiply(two, two, out=two)
        hellinger = 0.5 * np.multiply(two, p, out=two).sum()
        difference = np.subtract(ratio, 1.0, out=one)
        np.abs(difference, out=two)
        tv = 0.5 * np.multiply(two, p, out=two).sum()
        np.multiply(difference, difference, out=one)
        squares = np.multiply(one, p, out=one)
        pearson = squares.sum()
        neyman = np.divide(squares, ratio, out=two).sum()
        np.add(ratio, 1.0, out=three)
        triangular = np.divide(squares, three, out=two).sum()
        return kl, reverse, jsd, kl + reverse, tv, hellinger, pearson, neyman, triangular

    return call
