"""Time of the replicates: 1,024 cells, 2e6 samples."""

import numpy as np

from benchmarks.timing import alternate, pin_to_one_core


def resampling(quick):
    """Rows: replicates and what is measured on them, beside NumPy's samplers."""
    pin_to_one_core()
    from ratiogan.divergences import divergence_sums
    from ratiogan.twosample.estimate import measure
    from ratiogan.twosample.resample import multinomials, permutations

    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.full(1024, 3.0), size=2)
    real, gen = rng.multinomial(1_000_000, p), rng.multinomial(1_000_000, q)

    def ours(m=1000):
        dealt = permutations(real, gen, m, 1)
        divergence_sums(dealt[1], dealt[0])
        divergence_sums(multinomials(gen, m, 2), multinomials(real, m, 3))

    def numpys(m=1000):
        dealt = rng.multivariate_hypergeometric(real + gen, int(gen.sum()), m, method="marginals")
        divergence_sums(dealt, real + gen - dealt)
        divergence_sums(
            rng.multinomial(gen.sum(), gen / gen.sum(), m),
            rng.multinomial(real.sum(), real / real.sum(), m),
        )

    def measured():
        measure(real, gen, resamples=1000)

    contenders = {"ours": ours, "numpy": numpys, "measure": measured}
    for call in contenders.values():
        call()
    found = alternate(contenders, 3 if quick else 9)
    return [
        found.row("1,000 bootstrap and 1,000 permutation replicates, all divergences", "ours",
                  target="<= 0.5"),
        found.row("measure with 1,000 permutations", "measure", target="<= 0.5"),
        found.ratio("the same replicates by NumPy / ours", "numpy", "ours"),
        _billion(measure),
    ]  # fmt: skip


def _billion(measure):
    """Counts that NumPy's hypergeometric law refuses."""
    counts = np.array([3_000_000_000, 2_000_000_000, 1_000_000_000, 500])

    def billion():
        measure(counts, counts, resamples=1000)

    found = alternate({"billion": billion}, 3)
    return found.row("measure of 6e9 rows in 4 cells", "billion", notes="NumPy refuses 1e9")
