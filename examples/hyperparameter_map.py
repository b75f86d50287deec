"""The hyperparameter map: "highly sensitive to the hyperparameter selections", counted.

Practical training (algorithm 2 of the slides) on the default problem: p_r has two modes, p_g begins
as one Gaussian. Over alpha_gen and N_d with adam, on minibatches of 64 and with exact expectations;
and over both learning rates with least squares and sgd, where a discriminator can diverge.
"""

import numpy as np

import ratiogan as rg
from ratiogan import plots
from ratiogan.plots.look import LOOKS, new_figure
from ratiogan.sweeps import course_of, late_levels, sweep_map

NAME = "hyperparameter_map"
SEEDS = 3
TURNS, CELLS = 4000, 256
RATES = [3e-6, 3e-5, 3e-4, 3e-3, 3e-2, 0.3]
STEPS = {"alpha_gen": RATES, "disc_steps": [1, 2, 5, 20]}
BOTH = {"alpha_gen": [1e-3, 0.01, 0.1, 1.0, 10.0], "alpha_disc": [1e-3, 0.01, 0.1, 0.5, 1.0, 3.0]}
LEAST_SQUARES = "training:game=least-squares,optimizer=sgd,batch=exact"


def compared(spec, sweep, seed=0):
    """All combinations, in one batched call."""
    return rg.compare(spec, sweep=sweep, seed=seed, grid=CELLS, max_steps=TURNS)


def collapsed(found):
    """How many runs of a map collapse."""
    return sum(course_of(run) in ("collapsed", "hopping") for run in found.runs)


def over_seeds(maps):
    """What the maps of several seeds have in common, as a sentence."""
    drawn = sweep_map(maps[0])
    levels = np.array([drawn.levels(found.runs) for found in maps])
    cells = [np.unravel_index(np.argmin(level), level.shape) for level in levels]
    best = {f"alpha_gen {drawn.columns[j]:g}, N_d {drawn.rows[i]}" for i, j in cells}
    counts = [collapsed(found) for found in maps]
    courses = np.array([drawn.courses(found.runs) for found in maps])
    same = int(np.sum(np.all(courses == courses[0], axis=0)))
    column = drawn.columns.index(3e-3)
    gain = levels[:, 0, column] / levels[:, -1, column]
    spread = levels.max(axis=(1, 2)) / levels.min(axis=(1, 2))
    first = maps[0].runs[0].trace.kl[0]
    return (
        f"Over {len(maps)} seeds the best of {len(maps[0].runs)} is {' or '.join(sorted(best))}, "
        f"with KL {between(levels.min(axis=(1, 2)))}; the worst is {between(spread, '.0f')} times "
        f"that, {between(counts, 'd')} collapse, and {same} end alike for every seed. At alpha_gen "
        f"0.003, N_d = 20 instead of 1 lowers KL {between(gain, '.0f')} times; at 3e-06 no N_d "
        f"gets it below {levels[:, :, 0].min():.2f} (it begins at {first:.2f})."
    )


def between(values, form=".2g"):
    """The range of what the seeds gave; one number where they agree."""
    ends = dict.fromkeys((format(min(values), form), format(max(values), form)))
    return " to ".join(ends)


def border(found):
    """Where least squares with sgd diverges, beside what the slope of its gradient says."""
    drawn = sweep_map(found)
    lost = np.array(drawn.courses(found.runs)) == "diverged"
    every = [rate for rate, row in zip(drawn.rows, lost, strict=True) if row.all()]
    none = [rate for rate, row in zip(drawn.rows, lost, strict=True) if not row.any()]
    return (
        "A discriminator of least squares overshoots where alpha_disc (1 + R) > 2, which from "
        "alpha_disc 1 on is wherever R > 1. Every run diverges at "
        f"{', '.join(f'{rate:g}' for rate in every)}; none does at "
        f"{', '.join(f'{rate:g}' for rate in none)}."
    )


def draw(batch, squares, title, command):
    """KL and course of two maps."""
    look = LOOKS["slide"]
    figure = new_figure(look, title, command)
    axes = figure.subplots(2, 2)
    for row, (found, words) in enumerate(
        ((batch, "adam, minibatches of 64"), (squares, "least squares, sgd, exact"))
    ):
        plots.plot_sweep_levels(found, axes[row, 0], look, "ac"[row])
        plots.plot_sweep_courses(found, axes[row, 1], look, "bd"[row])
        axes[row, 1].set_title(
            f"({'bd'[row]}) {words}", loc="left", fontsize=look.text, color=look.ink
        )
    return plots.settled(figure)


def main(target=f"{NAME}.png"):
    maps = [compared("training", STEPS, seed) for seed in range(SEEDS)]
    exact = compared("training:batch=exact", STEPS)
    squares = compared(LEAST_SQUARES, BOTH)
    for words, found in (
        ("Minibatches of 64, adam, alpha_disc 0.01", maps[0]),
        ("The same with exact expectations", exact),
        ("Least squares, sgd, exact expectations", squares),
    ):
        print(f"{words}. {found.finding}")
        print(sweep_map(found).text(found.runs))
        print()
    print(over_seeds(maps))
    levels = [late_levels(found.runs) for found in (maps[0], exact)]
    print(
        f"With exact expectations the best KL is {min(levels[1]):.1g} instead of "
        f"{min(levels[0]):.1g}, and {collapsed(exact)} of {len(exact.runs)} collapse all the same."
    )
    print(border(squares))
    worst = max(levels[0]) / min(levels[0])
    title = (
        f"The same {TURNS} turns of training end at KL {min(levels[0]):.2g} or "
        f"{max(levels[0]):.2g}, {worst:.0f} times as much: it is alpha_gen, alpha_disc and N_d "
        f"that decide"
    )
    command = f"python examples/{NAME}.py"
    plots.save(draw(maps[0], squares, title, command), target, command)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
