"""Is it the metric? WGAN's algorithm 1 with one change at a time, over several seeds.

The slides ask two questions of the algorithm: does it converge better because of the Wasserstein
metric, or because of the other changes (clipped critic, RMSProp, five critic updates)? And is
clipping not just regularisation? On the line the exact W1 stands beside every run, so that both
have an answer in numbers. Two pairs: the default problem, one logit per cell; and two Gaussians
that share 6e-7 of their mass, the generator one number, by which p_g is shifted.

    python examples/wgan_ablation.py            # some minutes; writes wgan_ablation.png

First the printed rates, with one change each; then all eight combinations of loss, clip and
optimizer, each with the best rates of critic and generator that a search by factors of ten finds
on a seed of its own. It ends where no factor of ten, up or down, of one rate or of both does
better, so that the best is never at the edge of what was tried, or where less than 0.1 % is left;
further away there may be better ones. The inner product is that of autodiff (euclidean) throughout.
A run counts by its W1 over the second half of its turns, as a share of W1 at the start.
"""

import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

import ratiogan as rg
from ratiogan.plots.look import dress, finish, look_of, new_figure
from ratiogan.plots.saving import save
from ratiogan.text import table, wrap

COMMAND = "python examples/wgan_ablation.py"
TURNS, RECORD = 80_000, 400
SEEDS = range(3)
TUNING_SEED = 100
LEAST = 0.1  # % of the first W1: what is below is not told apart, nor tuned further
SWING = 1.75  # by what factor W1 of 8,000 turns may differ from that of others and be one level
PAIRS = {
    "overlapping": dict(grid=64),
    "disjoint": dict(
        real="normal:mean=-0.75,sd=0.15", gen="normal:mean=0.75,sd=0.15", domain="-2:2", grid=64,
        family="shift",
    ),
}  # fmt: skip
NON_SATURATING, FREE, SGD = dict(loss="non-saturating"), dict(clip=None), dict(optimizer="sgd")

FIRST = "algorithm 1 as printed"
# What is changed at the printed rates, which are 5e-5 for both players.
PRINTED = {
    FIRST: {},
    "loss non-saturating": NON_SATURATING,
    "loss minimax": dict(loss="minimax"),
    "no clip": FREE,
    "no clip, non-saturating": {**FREE, **NON_SATURATING},
    "n_critic 1": dict(disc_steps=1),
    "exact expectations": dict(batch=None),
}
KEPT = ("clip", "no clip")
# Loss, clip and optimizer in all combinations: any two rows that differ in one word compare it.
TUNED = {
    f"{rule}, {kept}, {loss}": {
        **(SGD if rule == "sgd" else {}),
        **(FREE if kept == "no clip" else {}),
        **(NON_SATURATING if loss == "non-saturating" else {}),
    }
    for rule in ("rmsprop", "sgd")
    for kept in KEPT
    for loss in ("wasserstein", "non-saturating")
}
# Where the search begins, as powers of ten times 5e-5: sgd has no scale of its own.
BEGIN = {"rmsprop": (0, 0), "sgd": (4, 2)}
# Sgd on the disjoint pair without noise: (loss, clip) at one rate of the critic, and these.
VANISHING = tuple((loss, kept) for kept in (None, 0.01) for loss in ("non-saturating", "minimax"))
VANISHING_DISC, VANISHING_GEN = 1.0, (5e-5, 5e-4, 5e-3, 5e-2)


@dataclass
class End:
    """W1 over the second half of the turns, % of the first W1: a row for each seed."""

    curves: np.ndarray
    rates: tuple  # critic, generator

    @property
    def means(self):
        return self.curves.mean(axis=1)

    @property
    def swings(self):
        """Whether parts of 8,000 turns, which average the noise, differ: in most of the seeds."""
        parts = np.maximum([part.mean(axis=1) for part in np.array_split(self.curves, 5, 1)], LEAST)
        return bool(np.median(parts.max(axis=0) / parts.min(axis=0)) > SWING)

    @property
    def range(self):
        low, high = self.curves.min(), self.curves.max()
        return "-" if high < LEAST else f"{number(low)} to {number(high)}"

    def __str__(self):
        """The level with its scatter; a range where there is no level."""
        if self.swings:
            return f"{number(self.curves.min())} to {number(self.curves.max())}"
        mean = self.means.mean()
        if mean < LEAST or len(self.means) == 1:
            return number(mean)
        return f"{mean:.2g} +- {self.means.std(ddof=1):.1g}"


def number(x):
    if x < LEAST:
        return f"<{LEAST:g}"
    return f"{x:.2g}" if x < 99.5 else f"{x:.0f}"


def late_cost(pair, changes, seed=0, rates=(5e-5, 5e-5)):
    """W1 over the second half of the turns, % of the first; inf where it is not finite."""
    run = rg.wgan(
        **PAIRS[pair], **changes, alpha_disc=rates[0], alpha_gen=rates[1], rng=seed,
        max_steps=TURNS, record=RECORD, snapshots=False,
    )  # fmt: skip
    if run.n_steps < TURNS:
        return np.full(1, np.inf)
    return 100.0 * run.trace.cost[run.trace.step >= TURNS // 2] / run.trace.cost[0]


def end(pair, changes, rates=(5e-5, 5e-5)):
    """One run per seed; only one where nothing is drawn."""
    seeds = SEEDS if changes.get("batch", 64) else [0]
    return End(np.array([late_cost(pair, changes, seed, rates) for seed in seeds]), rates)


def tuned(pair, changes, begin):
    """The rates from which no factor of ten, of one or both, leads to less W1; or to `LEAST`."""
    known = {}

    def level(place):
        if place not in known:
            known[place] = float(late_cost(pair, changes, TUNING_SEED, rates_at(place)).mean())
        return known[place]

    best = begin
    while level(best) >= LEAST:
        disc, gen = best
        around = [(disc + i, gen + j) for i in (0, 1, -1) for j in (0, 1, -1)]
        least = min(around, key=level)
        if not level(least) < level(best):
            break
        best = least
    return rates_at(best)


def rates_at(place):
    return tuple(float(f"{5e-5 * 10.0**power:.3g}") for power in place)


def measured(pool):
    """{(row, pair): End}."""

    def tuned_end(pair, changes, begin):
        return end(pair, changes, tuned(pair, changes, begin))

    jobs = {}
    for pair in PAIRS:
        for name, changes in TUNED.items():
            begin = BEGIN[name.split(",")[0]]
            jobs[name, pair] = pool.submit(tuned_end, pair, changes, begin)
        for name, changes in PRINTED.items():
            jobs[name, pair] = pool.submit(end, pair, changes)
    return {key: job.result() for key, job in jobs.items()}


def vanishing(rate):
    """For each of `VANISHING` the End of exact sgd on the disjoint pair."""
    return [
        end("disjoint", dict(loss=loss, clip=kept, batch=None, **SGD), (VANISHING_DISC, rate))
        for loss, kept in VANISHING
    ]


# --- words ---------------------------------------------------------------------------------------


def apart(one, other):
    """How two levels compare: their difference with two standard errors, or in words."""
    if one.swings or other.swings:
        return f"{one} against {other}"
    means = one.means.mean(), other.means.mean()
    if max(means) < LEAST:
        return f"both below {LEAST:g}"
    error = 2.0 * math.sqrt(sum(np.var(end.means, ddof=1) / end.means.size for end in (one, other)))
    there = "no clear difference" if abs(means[0] - means[1]) <= error else "a difference"
    return f"{one} against {other}, {there}: {means[0] - means[1]:+.2g} +- {error:.1g}"


def answers(found, vanished):
    """Both questions of the slides, answered with the numbers of the table."""

    def pairs(name):
        return " and ".join(str(found[name, pair]) for pair in PAIRS)

    def contrast(one, other):
        both = [f"{apart(found[one, pair], found[other, pair])} ({pair})" for pair in PAIRS]
        return "; ".join(both)

    def losses(ways):
        return contrast(f"{ways}, non-saturating", f"{ways}, wasserstein")

    texts = [
        "Is it the metric? Another loss, nothing else changed. Clip and printed rates: "
        f"non-saturating {contrast('loss non-saturating', FIRST)}. Both rates tuned: "
        f"{losses('rmsprop, clip')}. Without the clip, tuned: {losses('rmsprop, no clip')}.",
        "Is it the other changes? One critic update instead of five, printed rates: "
        f"{pairs('n_critic 1')}. Exact expectations: {pairs('exact expectations')}. Sgd instead of "
        f"RMSProp, both tuned: {contrast('sgd, clip, wasserstein', 'rmsprop, clip, wasserstein')}. "
        "A plain GAN (sgd, no clip, non-saturating; five critic updates still), tuned: "
        f"{pairs('sgd, no clip, non-saturating')}.",
        "Is clipping just regularisation? The Wasserstein loss without it, printed rates: "
        f"{pairs('no clip')}; tuned: {pairs('rmsprop, no clip, wasserstein')} with RMSProp, "
        f"{pairs('sgd, no clip, wasserstein')} with sgd.",
    ]
    first = VANISHING_GEN[0]
    ends = dict(zip(VANISHING, vanished[first], strict=True))
    met = [
        rate for rate in VANISHING_GEN if np.mean(vanished[rate][1].means) < 1.0
    ]  # minimax, no clip
    texts.append(
        f"Vanishing gradients, at one rate of the generator ({first:g}): without the clip the "
        f"non-saturating loss leaves {ends['non-saturating', None]}, minimax "
        f"{ends['minimax', None]}; with it {ends['non-saturating', 0.01]} and "
        f"{ends['minimax', 0.01]}."
        + (f" Minimax without the clip leaves less than 1 from {min(met):g} on." if met else "")
    )
    return texts


def heading(found):
    """The title: both losses with the clip, then without it, on the overlapping pair."""

    def left(kept, loss):
        one = found[f"rmsprop, {kept}, {loss}", "overlapping"]
        return str(one) if one.swings else number(one.means.mean())

    ways = [[left(kept, loss) for loss in ("wasserstein", "non-saturating")] for kept in KEPT]
    return (
        f"Wasserstein loss, non-saturating loss: {ways[0][0]} and {ways[0][1]}% of W1 are left "
        f"with the clip, {ways[1][0]} and {ways[1][1]}% without it (overlapping pair, RMSProp, "
        "rates tuned)."
    )


def tables(found, vanished):
    """What is printed: a table per pair, and that of the vanishing gradients."""
    texts = []
    for pair in PAIRS:
        rows = []
        for name in (*PRINTED, *TUNED):
            one = found[name, pair]
            rates = "{:g}, {:g}".format(*one.rates)
            rows.append((name, str(one), one.range, rates))
        heads = (pair, "left, %", "least to most, %", "rates")
        texts.append(table(heads, rows))
    heads = [
        "generator's rate",
        *(f"{loss}, {'clip' if c else 'no clip'}" for loss, c in VANISHING),
    ]
    rows = [(f"{rate:g}", *map(str, ends)) for rate, ends in vanished.items()]
    texts.append(table(heads, rows))
    return texts


# --- figure --------------------------------------------------------------------------------------


def draw(found, said):
    """Every seed a dot, a line from its least to its most W1; a panel for each pair.

    Only what is below `LEAST` stands at the left edge.
    """
    look = look_of("slide")
    figure = new_figure(look, said, COMMAND)
    axes = figure.subplots(1, len(PAIRS), sharey=True)
    names = (*PRINTED, *TUNED)
    places = {name: -row - 0.6 * (name in TUNED) for row, name in enumerate(names)}
    for ax, pair, letter in zip(axes, PAIRS, "ab", strict=True):
        dress(ax, look, f"({letter}) {pair}: W1 left", "% of the first W1")
        for name in names:
            one = found[name, pair]
            role = "gen" if "no clip" in name else "discriminator"
            colour, y = look.colour(role), places[name]
            low, high = (max(x, LEAST) for x in (one.curves.min(), one.curves.max()))
            ax.plot([low, high], [y, y], color=colour, linewidth=look.line, alpha=0.5)
            values = np.maximum(one.means, LEAST)
            ax.plot(
                values, np.full(values.size, y), "o", color=colour, markersize=10,
                markerfacecolor=look.ground if one.swings else colour, markeredgewidth=2.2,
                clip_on=False,
            )  # fmt: skip
        ax.axhline(0.5 * (places[names[len(PRINTED) - 1]] + places[names[len(PRINTED)]]),
                   color=look.muted, linewidth=1)  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlim(LEAST, 200)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator([LEAST, 1, 10, 100]))
        ax.xaxis.set_major_formatter(FixedFormatter([f"<{LEAST:g}", "1", "10", "100"]))
    for name, said in ((FIRST, "printed rates"), (next(iter(TUNED)), "both rates tuned")):
        axes[1].text(180, places[name] - 0.05, said, ha="right", va="center", fontsize=look.text,
                     color=look.muted)  # fmt: skip
    axes[1].text(
        180, places[list(TUNED)[4]], "dot: mean of a seed\nline: least to most\nhollow: no level",
        ha="right", va="center", fontsize=look.text, color=look.muted,
    )  # fmt: skip
    axes[0].yaxis.set_major_locator(FixedLocator([places[name] for name in names]))
    axes[0].yaxis.set_major_formatter(FixedFormatter(names))
    axes[0].tick_params(axis="y", labelsize=look.text)
    axes[0].set_ylim(min(places.values()) - 0.6, 0.6)
    return finish(figure)


def report(found, vanished):
    """Everything that is printed, but for the name of the figure."""
    *main_tables, last = tables(found, vanished)
    head = (
        f"W1 over the second half of {TURNS:,} turns, % of the first W1, {len(SEEDS)} seeds: mean "
        "+- standard deviation (a range where it swings or still falls), then the least and the "
        "most of any seed; learning rates of critic and generator."
    )
    parts = [wrap(head), *main_tables]
    parts += [
        f"disjoint, sgd, exact expectations, critic's rate {VANISHING_DISC:g}",
        last,
        *map(wrap, answers(found, vanished)),
    ]
    return "\n\n".join(parts)


def main(target="wgan_ablation.png"):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = measured(pool)
    print(report(found, {rate: vanishing(rate) for rate in VANISHING_GEN}))
    save(draw(found, heading(found)), target, COMMAND)
    print(f"\nwrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
