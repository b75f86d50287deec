"""Is it the metric? One change at a time to WGAN's algorithm 1, over several seeds.

The slides ask two questions of the algorithm: does it converge better because of the Wasserstein
metric, or because of the other changes (clipped critic, RMSProp, five critic updates)? And is
clipping not just regularisation? On the line the exact W1 stands beside every run, so that both
have an answer in numbers. Two pairs: the default problem, one logit per cell; and two Gaussians
that share 3e-11 of their mass, the generator one number, by which p_g is shifted.

    python examples/wgan_ablation.py            # some minutes; writes wgan_ablation.png

A run counts by the mean W1 over its last quarter, as a share of W1 at the start. Where "tuned"
stands the learning rates are the best of a short list on a seed of their own, else the paper's.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

import ratiogan as rg
from ratiogan.plots.look import dress, finish, look_of, new_figure
from ratiogan.plots.saving import save
from ratiogan.text import table, wrap

COMMAND = "python examples/wgan_ablation.py"
SEEDS = range(5)
TUNING_SEED = 100
PAIRS = {
    "overlapping": dict(grid=128, max_steps=40_000),
    "disjoint": dict(
        real="normal:mean=-1,sd=0.15", gen="normal:mean=1,sd=0.15", domain="-2:2", grid=128,
        family="shift", max_steps=60_000,
    ),
}  # fmt: skip
FREE = dict(clip=None)
RATES = [dict(alpha_disc=rate) for rate in (5e-5, 5e-4, 5e-3)]
SGD = dict(optimizer="sgd", inner_product="reference")


def pairs_of(disc, overlapping, disjoint):
    """Lists of learning rates for sgd, which has a scale of its own for either generator."""
    return {
        name: [dict(alpha_disc=a, alpha_gen=b) for a in disc for b in rates]
        for name, rates in (("overlapping", overlapping), ("disjoint", disjoint))
    }


SLOW, FAST = "critic's rate 5e-6", "critic's rate 5e-4"

# Name: (what is changed, rates to choose from), in the order of the table.
VARIANTS = {
    "algorithm 1 as printed": ({}, None),
    SLOW: (dict(alpha_disc=5e-6), None),
    FAST: (dict(alpha_disc=5e-4), None),
    "exact expectations": (dict(batch=None), None),
    "loss: non-saturating": (dict(loss="non-saturating"), None),
    "loss: minimax": (dict(loss="minimax"), None),
    "no clipping": (FREE, None),
    "no clipping, tuned": (FREE, RATES),
    "no clipping, non-saturating": (dict(loss="non-saturating", **FREE), None),
    "no clipping, non-saturating, tuned": (dict(loss="non-saturating", **FREE), RATES),
    "no clipping, minimax, tuned": (dict(loss="minimax", **FREE), RATES),
    "n_critic 1": (dict(disc_steps=1), None),
    "n_critic 25": (dict(disc_steps=25), None),
    "relu critic": (dict(critic="relu"), None),
    "sgd": (SGD, None),
    "sgd, tuned": (SGD, pairs_of((0.1, 1.0), (1e-2, 1e-1), (5e-3, 5e-2))),
    "plain GAN: sgd, non-saturating, no clipping, tuned": (
        dict(loss="non-saturating", **FREE, **SGD),
        pairs_of((1.0, 10.0), (1e-4, 1e-3, 1e-2), (5e-5, 5e-4, 5e-3)),
    ),
    "plain GAN: sgd, minimax, no clipping, same rates": (
        dict(loss="minimax", **FREE, **SGD),
        pairs_of((1.0,), (1e-3,), (5e-5,)),
    ),
    "plain GAN: sgd, minimax, no clipping, tuned": (
        dict(loss="minimax", **FREE, **SGD),
        pairs_of((1.0, 10.0), (1e-4, 1e-3, 1e-2), (5e-4, 5e-2, 5e0)),
    ),
    "sgd, minimax, clipped, tuned": (
        dict(loss="minimax", **SGD),
        pairs_of((0.1, 1.0), (2e-2, 2e-1), (1e-2, 1e-1)),
    ),
}


def left(pair, changes, rng, **options):
    """Mean W1 over the last quarter of the turns, as a share of W1 at the start."""
    run = rg.wgan(**PAIRS[pair], **changes, **options, rng=rng, snapshots=False)
    late = run.trace.step >= 0.75 * run.trace.step[-1]
    cost = run.trace.cost
    return float(cost[late].mean() / cost[0]) if np.isfinite(cost).all() else np.inf


def measured(pool):
    """{(variant, pair): (rates, array over the seeds)}."""
    jobs = {}
    for pair in PAIRS:
        for name, (changes, rates) in VARIANTS.items():
            listed = rates[pair] if isinstance(rates, dict) else rates or [{}]
            tuning = [pool.submit(left, pair, changes, TUNING_SEED, **rate) for rate in listed]
            jobs[name, pair] = changes, listed, tuning if len(listed) > 1 else []
    found = {}
    for (name, pair), (changes, listed, tuning) in jobs.items():
        best = listed[int(np.argmin([job.result() for job in tuning]))] if tuning else listed[0]
        runs = [pool.submit(left, pair, changes, seed, **best) for seed in SEEDS]
        found[name, pair] = best, runs
    return {
        key: (best, np.array([r.result() for r in runs])) for key, (best, runs) in found.items()
    }


def percent(values):
    """Mean, and standard deviation over the seeds."""
    return f"{100 * values.mean():.2g} +- {100 * values.std(ddof=1):.1g} %"


def rates_text(changes, best):
    """The learning rates that are not the paper's."""
    best = {**{key: rate for key, rate in changes.items() if key.startswith("alpha")}, **best}
    names = {"alpha_disc": "critic", "alpha_gen": "generator"}
    return ", ".join(f"{names[key]} {value:g}" for key, value in best.items()) or "5e-05 both"


def draw(found, said):
    """Every seed a dot: where W1 ends, one row per variant, one panel per pair."""
    look = look_of("slide")
    figure = new_figure(look, said, COMMAND)
    axes = figure.subplots(1, len(PAIRS), sharey=True)
    names = list(VARIANTS)
    for ax, pair, letter in zip(axes, PAIRS, "ab", strict=True):
        dress(ax, look, f"({letter}) {pair}", "W1 at the end, % of the start")
        for row, name in enumerate(names):
            values = np.maximum(100 * found[name, pair][1], 1.2e-3)  # what is less, at the edge
            role = "floor" if "sgd" in name else "gen" if "no clipping" in name else "discriminator"
            full = name.endswith(("tuned", "same rates"))
            colour = look.colour(role)
            ax.plot(
                values, np.full(values.size, -row) + np.linspace(-0.18, 0.18, values.size), "o",
                color=colour, markersize=11, markerfacecolor=colour if full else look.ground,
                markeredgewidth=2.2,
            )  # fmt: skip
        first = 100 * found[names[0], pair][1].mean()
        ax.axvline(first, color=look.ink, linestyle=(0, (4, 2.5)), linewidth=look.line / 2)
        ax.set_xscale("log")
        ax.set_xlim(1e-3, 250)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator([0.001, 0.01, 0.1, 1, 10, 100]))
        ax.xaxis.set_major_formatter(FixedFormatter(["0.001", "0.01", "0.1", "1", "10", "100"]))
    axes[0].text(
        1.3e-3, -0.5, "hollow: the paper's rates\nfull: rates tuned", va="center",
        fontsize=0.8 * look.text, color=look.muted,
    )  # fmt: skip
    axes[0].yaxis.set_major_locator(FixedLocator([-row for row in range(len(names))]))
    axes[0].yaxis.set_major_formatter(FixedFormatter(names))
    axes[0].tick_params(axis="y", labelsize=0.8 * look.text)
    axes[0].set_ylim(-len(names) + 0.4, 0.6)
    return finish(figure)


def apart(one, other):
    """Difference of two means in %, and twice its standard error."""
    error = np.sqrt(one.var(ddof=1) / one.size + other.var(ddof=1) / other.size)
    return f"{100 * (one.mean() - other.mean()):+.2g} +- {200 * error:.1g}"


def answers(found):
    """Both questions of the slides, answered with the numbers of the table."""

    def ends(name):
        return {pair: found[name, pair][1] for pair in PAIRS}

    def both(name):
        return " and ".join(percent(values) for values in ends(name).values())

    def minus(name, other):
        return " and ".join(apart(ends(name)[pair], ends(other)[pair]) for pair in PAIRS)

    first = "algorithm 1 as printed"
    return (
        "All numbers: W1 at the end in % of W1 at the start, overlapping and disjoint pair.",
        "Is it the Wasserstein metric? No. Algorithm 1 ends at "
        f"{both(first)}; with the same clipped critic and RMSProp the non-saturating loss differs "
        f"from it by {minus('loss: non-saturating', first)} and the minimax loss by "
        f"{minus('loss: minimax', first)} (two standard errors). Without the clip, at the printed "
        f"rates, the non-saturating loss ends at {both('no clipping, non-saturating')}; with the "
        f"critic's rate tuned at {both('no clipping, non-saturating, tuned')}.",
        "Is it the optimizer, is it n_critic? sgd at the printed rates stays at "
        f"{both('sgd')}; at rates of its own (and gradients over p_r) it ends at "
        f"{both('sgd, tuned')}. One critic update instead of five: {both('n_critic 1')}. "
        f"A critic's rate ten times smaller or larger: {both(SLOW)}, or {both(FAST)}. "
        f"Exact expectations instead of minibatches: {both('exact expectations')}; it is "
        "their noise that keeps algorithm 1 where it ends.",
        "Is clipping just regularisation? Not under the Wasserstein loss: without it there is no "
        f"maximum to train towards, and the run ends at {both('no clipping')}, and at "
        f"{both('no clipping, tuned')} with the best of three rates. It sets the metric as well: "
        f"clipped weights of ReLUs instead of slopes end at {both('relu critic')}. Under the "
        "GAN losses it is: they have a best discriminator without it.",
        "Vanishing gradients: plain descent with the minimax loss, at the rates at which the "
        "non-saturating loss ends at "
        f"{both('plain GAN: sgd, non-saturating, no clipping, tuned')}, ends at "
        f"{both('plain GAN: sgd, minimax, no clipping, same rates')}.",
    )


def main(target="wgan_ablation.png"):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = measured(pool)
    rows = [
        (name, *(text for pair in PAIRS for text in cells(changes, *found[name, pair])))
        for name, (changes, _) in VARIANTS.items()
    ]
    headings = ["change", *(text for pair in PAIRS for text in (pair, "learning rates"))]
    print(f"W1 at the end, % of the start, {len(SEEDS)} seeds: mean +- standard deviation\n")
    print(table(headings, rows))
    for text in answers(found):
        print(f"\n{wrap(text)}")
    save(draw(found, heading(found)), target, COMMAND)
    print(f"\nwrote {target}")


def heading(found):
    """The title: where the three losses end with the clipped critic."""
    names = ("algorithm 1 as printed", "loss: non-saturating", "loss: minimax")
    ranges = []
    for pair in PAIRS:
        means = sorted(100 * found[name, pair][1].mean() for name in names)
        ranges.append(f"{means[0]:.2g} to {means[-1]:.2g}%")
    return (
        "Not the metric: with the same clipped critic and RMSProp three losses end alike, "
        f"at {' and '.join(ranges)} of the first W1."
    )


def cells(changes, best, values):
    return percent(values), rates_text(changes, best)


if __name__ == "__main__":
    main(*sys.argv[1:])
