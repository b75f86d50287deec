"""The Nile before and after 1898: what do 28 and 72 values allow one to say?

Yearly flow at Aswan from 1871 to 1970 (statsmodels' `nile`); it fell when the rains changed around
1898. The 72 later years, cut in two, show what such samples cannot say. The figure:

    ratiogan diagnose --real before.csv --gen after.csv -o nile
"""

import numpy as np
from statsmodels.datasets import nile

import ratiogan as rg


def main():
    year, flow = nile.load_pandas().data[["year", "volume"]].to_numpy().T
    before, after = flow[year <= 1898], flow[year > 1898]
    for name, values in (("before", before), ("after", after)):
        np.savetxt(f"{name}.csv", values, fmt="%d", header="flow", comments="")

    found = rg.diagnose(before, after)
    jsd = found.jsd
    coarse, fine = found.sensitivity[0], found.sensitivity[-1]
    early, late = np.split(after, 2)
    halves = rg.diagnose(early, late)
    print(
        f"{before.size} years up to 1898 and {after.size} after it: {found.verdict}"
        f" (p = {jsd.pvalue:.4f}), but JSD = {jsd.estimate:.2f} may be anything in"
        f" [{jsd.ci[0]:.2f}, {jsd.ci[1]:.2f}], and from {coarse['grid']} to {fine['grid']} cells"
        f" the estimate moves from {coarse['estimate']:.2f} to {fine['estimate']:.2f}, the raw"
        f" value from {coarse['value']:.2f} to {fine['value']:.2f}; less than"
        f" {found.detectable:.2f} is easily overlooked. First against second half of the later"
        f" years: {halves.verdict} (p = {halves.jsd.pvalue:.2f}), which leaves room for a JSD of"
        f" {halves.jsd.ci[1]:.2f}."
    )
    print("wrote before.csv after.csv")


if __name__ == "__main__":
    main()
