"""Doctor visits against two generators: what does Poisson miss, and a negative binomial still?

20,190 person-years of the RAND health insurance experiment (statsmodels' `randhie`), one count
each. One generator is Poisson with the sample's mean, the other negative binomial with its mean and
variance; each draws as many rows. The cells are the counts themselves. The figure shows the second
generator:

    ratiogan diagnose --real visits.csv --gen negative_binomial.csv --grid counts -o visits
"""

import numpy as np
from statsmodels.datasets import randhie

import ratiogan as rg

MANY = 20


def main():
    visits = randhie.load_pandas().data["mdvis"].to_numpy(int)
    mean, variance = visits.mean(), visits.var()
    size = mean**2 / (variance - mean)
    rng = np.random.default_rng(0)
    poisson = rng.poisson(mean, visits.size)
    negative_binomial = rng.negative_binomial(size, size / (size + mean), visits.size)
    samples = {"visits": visits, "poisson": poisson, "negative_binomial": negative_binomial}
    for name, values in samples.items():
        np.savetxt(f"{name}.csv", values, fmt="%d", header="visits", comments="")

    none, many = (
        [f"{np.mean(of(values)):.2%}" for values in samples.values()]
        for of in (lambda values: values == 0, lambda values: values >= MANY)
    )
    first, second = (
        rg.diagnose(visits, gen, grid="counts") for gen in (poisson, negative_binomial)
    )
    few = second.regions[0]
    print(
        f"Of the person-years {none[0]} have no visit and {many[0]} have {MANY} or more; Poisson"
        f" with the sample's mean makes {none[1]} and {many[1]}, JSD {said(first.jsd)}; a"
        f" negative binomial with its mean and variance makes {none[2]} and {many[2]}, JSD"
        f" {said(second.jsd)}: the tail is there, but zeros are too many, and of"
        f" {few.low[0]:.0f} to {few.high[0]:.0f} visits it makes only R = {few.ratio:.2f}"
        f" [{few.ci[0]:.2f}, {few.ci[1]:.2f}] of what there is."
    )
    print("wrote visits.csv poisson.csv negative_binomial.csv")


def said(measured):
    low, high = measured.ci
    return f"{measured.estimate:.4f} [{low:.4f}, {high:.4f}]"


if __name__ == "__main__":
    main()
