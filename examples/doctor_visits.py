"""Doctor visits against a Poisson generator: which zeros, and which tail, does it miss?

20,190 person-years of the RAND health insurance experiment (statsmodels' `randhie`), one count
each; the 0.4% with more than 30 visits are left out, and counted in the header of the run. The
generator is Poisson with the sample's mean. The same run from the shell, on the file that this
script writes:

    ratiogan run glgd --real visits.csv --gen poisson --domain 0:30
"""

from statsmodels.datasets import randhie

import ratiogan as rg


def main():
    visits = randhie.load_pandas().data["mdvis"].astype(int).rename("visits")
    visits.to_csv("visits.csv", index=False)

    grid = rg.Grid.counts(0, 30, name="visits")
    real = rg.Distribution.from_samples(visits.to_numpy(), grid)
    gen = rg.preset("poisson", grid, rate=float(visits.mean()))
    ratio = rg.density_ratio(gen=gen, real=real).values
    run = rg.glgd(real=real, gen=gen)

    many = slice(10, None)
    print(
        f"Of the person-years with up to 30 visits {real.mass[0]:.1%} have none and"
        f" {real.mass[many].sum():.1%} ten or more; a Poisson generator with the sample's mean,"
        f" {visits.mean():.2f}, makes {gen.mass[0]:.1%} and {gen.mass[many].sum():.2%}: at 0"
        f" visits R = {ratio[0]:.2f}, and at 4, where it puts its surplus, R = {ratio[4]:.1f}."
        f" GLGD mends it in {run.n_steps} steps: max|R-1| = {abs(run.ratio - 1).max():.1e}."
    )
    print("wrote visits.csv")


if __name__ == "__main__":
    main()
