"""Scenarios: named settings of `training`, each of which reproduces one slide.

A scenario is played with the settings of its table entry, which the user's options override, beside
one or two companions that differ in one thing. What it says at the end is a sentence with the
numbers of this run; if they do not bear it out the sentence begins with NOT SEEN, and the run is
not as predicted.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ratiogan.catalogue import SCENARIOS as NAMES
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, nearest
from ratiogan.logits import logits
from ratiogan.solution import Prediction, Status, Trace
from ratiogan.solvers.levels import late
from ratiogan.solvers.softmax import score_variance
from ratiogan.solvers.training_outcome import equilibrium, near
from ratiogan.solvers.wgan import WGAN
from ratiogan.sums import ordered_sum
from ratiogan.text import significant

_PROBLEM = ("real", "gen", "grid", "domain")
_SETTLED = 0.1  # share of the first JSD that counts as learned
_FAR = 0.1  # max|R-1| from which R is far from 1
_BEYOND = 1.5  # the samples of lsgan that start beyond the data


@dataclass(frozen=True)
class Told:
    """What a scenario makes of its run: whether it was seen, in a sentence, and the numbers."""

    seen: bool
    sentence: str
    predictions: tuple = ()


@dataclass(frozen=True)
class Scenario:
    """Settings, companions that differ in one thing, and what is told of them.

    Attributes
    ----------
    settings : dict
        Arguments of `training`.
    tell : callable
        ``tell(solver, run, others) -> Told``: `run` is the Solution, `others` those of the
        companions by name.
    companions : dict of str to dict
        What each companion changes.
    solver : callable or None
        A solver of its own, where it is not training.
    """

    settings: dict
    tell: Callable
    companions: dict = field(default_factory=dict)
    solver: Callable | None = None


def play(name, given, build, rng, **how):
    """Run a scenario and its companions.

    Parameters
    ----------
    name : str
    given : dict
        The user's own arguments, which override the scenario's.
    build : callable
        Makes a solver of arguments.
    rng : None, int or Generator
        For the run and, from the same state, for its companions.
    **how
        ``record``, ``snapshots``, ``progress``.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        For an unknown name, with the nearest ones.
    """
    if not isinstance(name, str) or name not in SCENARIOS:
        near = nearest(str(name), SCENARIOS)
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise InputError(
            f'no scenario "{name}".',
            argument="scenario",
            fix=f"{hint}See: ratiogan list scenarios",
        )
    scenario = SCENARIOS[name]
    build = scenario.solver or build
    settings = dict(scenario.settings)
    if any(isinstance(given.get(key), Distribution) for key in ("real", "gen")) or (
        "real" in given and "gen" in given
    ):
        settings = {key: value for key, value in settings.items() if key not in ("grid", "domain")}
    options = {**settings, **given}
    known = inspect.signature(build).parameters
    foreign = [key for key in given if scenario.solver and key not in known]
    if foreign:
        raise InputError(
            f"scenario {name} takes no {foreign[0]}.",
            argument=foreign[0],
            fix=f"Leave it out; see: ratiogan run {build.name} --help",
        )
    # One seed for all of them: they differ in one thing only.
    whole = isinstance(rng, (int, np.integer))
    seed = rng if whole else int(np.random.default_rng(rng).integers(1 << 62))
    solver = build(rng=seed, **options)
    _check_axes(name, solver)
    # Companions first: what cannot be run is refused before anything takes its time.
    beside = {
        key: build(rng=seed, **{**options, **_kept(changes, given)})
        for key, changes in scenario.companions.items()
    }
    run = solver.solve(**how)
    run = replace(run, options={"scenario": name, **run.options})
    if run.status in (Status.INTERRUPTED, Status.DIVERGED):
        return run
    others = {}
    for key, companion in beside.items():
        others[key] = companion.solve(record=how.get("record", "auto"), snapshots=False)
        if others[key].status is Status.INTERRUPTED:
            return replace(others[key], options=run.options)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = scenario.tell(solver, run, others)
    columns = {
        f"js {key}": one.trace.js
        for key, one in others.items()
        if np.array_equal(one.trace.step, run.trace.step)
    }
    sentence = told.sentence
    if not told.seen:
        sentence = f"NOT SEEN with these settings: {NAMES[name].summary}. {run.finding}"
    return replace(
        run,
        trace=Trace({**run.trace.columns, **columns}),
        finding=sentence,
        as_predicted=bool(run.as_predicted and told.seen),
        predictions=(*told.predictions, *run.predictions),
        notes=(*run.notes, f"The run by itself: {run.finding}") if told.seen else run.notes,
    )


def _kept(changes, given):
    """What a companion changes; a setting of `given` that it would contradict is its own again."""
    exact = {"data": None} if changes.get("disc_steps") == "best" and "data" in given else {}
    smooth = {"disc_smooth": 0.0} if changes.get("disc_steps") == "best" else {}
    return {**changes, **exact, **(smooth if "disc_smooth" in given else {})}


def _check_axes(name, solver):
    """Samples on a line have a way to go; on the plane these sentences mean nothing."""
    if SCENARIOS[name].settings.get("family") == "particles" and solver.real.grid.ndim != 1:
        raise InputError(
            f"scenario {name} is about samples on a line, got {solver.real.grid.ndim} axes.",
            argument="scenario",
            fix="Pass sources of one column, or family particles without a scenario.",
        )


def own_problem(name):
    """What a scenario sets of real, gen, grid and domain, as arguments; {} for most of them.

    Examples
    --------
    >>> own_problem("maximum-likelihood"), own_problem("healthy")
    ({'gen': 'normal:mean=-1,sd=1'}, {})
    """
    settings = SCENARIOS[name].settings if name in SCENARIOS else {}
    return {key: settings[key] for key in _PROBLEM if key in settings}


def shared_problem(names):
    """The problem that several scenarios (or None) have in common, as arguments.

    Raises
    ------
    InputError
        If they have different ones.
    """
    names = list(names)
    problems = [own_problem(name) for name in names]
    other = next((i for i, one in enumerate(problems) if one != problems[0]), None)
    if other is not None:
        one, two = (names[i] or "no scenario" for i in (0, other))
        raise InputError(
            f"scenarios have problems of their own, and those of {one} and {two} differ.",
            argument="scenario",
            fix="Run them one by one, or pass --real and --gen for all.",
        )
    return problems[0] if problems else {}


# --- what is told --------------------------------------------------------------------------------


def _mean(run, column):
    """Mean of a column over the last quarter of the turns."""
    return float(np.mean(run.trace[column][late(run.trace.step)]))


def _median(run, column):
    return float(np.median(run.trace[column][late(run.trace.step)]))


def _number(value, digits=3):
    return significant(value, digits)


def _healthy(solver, run, others):
    g, d = equilibrium(solver)
    first, level = run.trace.js[0], _mean(run, "js")
    seen = near(_mean(run, "g"), g) and near(_mean(run, "d"), d) and level <= _SETTLED * first
    return Told(
        seen,
        f"HEALTHY: g hovers at {_mean(run, 'g'):.4f} ({_name(g)}) and d at {_mean(run, 'd'):.4f} "
        f"({_name(d)}), and not only the losses are right: JSD fell from {_number(first)} to "
        f"{_number(level, 2)}.",
    )


def _name(value):
    """A value at equilibrium as it is written."""
    for times, text in ((1, "log 2"), (2, "2 log 2")):
        if math.isclose(value, times * math.log(2.0)):
            return f"{text} = {value:.4f}"
    return f"{value:.4g} at R = 1"


def _weak_discriminator(solver, run, others):
    g, d = equilibrium(solver)
    off = max(abs(run.trace.g[-1] - g), abs(run.trace.d[-1] - d))
    error, cells = run.trace.max_error[-1], solver.disc_capacity.size
    masses, start = solver.geometry.masses, solver.start
    mean = solver.disc_capacity.pool(masses * start) / solver.disc_capacity.pool(masses)
    end = start / mean[solver.disc_capacity.block]
    gap = float(np.max(np.abs(solver.ratio - end)))
    return Told(
        off < 1e-9 and error > _FAR,
        f"LOOKS GOOD, BUT: the losses are {_name(g)} and {_name(d)} to {off:.0e}, and yet max|R-1| "
        f"= {_number(error)}, JSD = {_number(run.trace.js[-1])}: a discriminator of {cells} cells "
        f"cannot see what is left within them.",
        (Prediction("R at the end - R_0/E[R_0 | cell], largest", 0.0, gap, gap),),
    )


def _too_few(solver, run, others):
    more = others["N_d = 50"]
    cells, full = _median(run, "effective_support"), _median(more, "effective_support")
    seen = cells < 0.1 * solver.real_support < full
    seen = seen and _median(more, "modes") == solver.n_modes
    return Told(
        seen,
        f"MODE COLLAPSE: with {_updates(run)} per turn the generator ends in {cells:.1f} cells "
        f"(p_r: {solver.real_support:.0f}), {_median(run, 'modes'):.0f} of {solver.n_modes} modes "
        f"covered, JSD {_number(_mean(run, 'js'), 2)}; with {_updates(more)}, all else the same, "
        f"in {full:.0f} cells, {_median(more, 'modes'):.0f} of {solver.n_modes} modes, JSD "
        f"{_number(_mean(more, 'js'), 2)}.",
    )


def _updates(run):
    count = run.options["disc_steps"]
    return f"{count} discriminator step{'' if count == 1 else 's'}"


def _overfit(solver, run, others):
    fresh = others["fresh rows"]
    data, new = _mean(run, "d_train"), _mean(run, "d")
    least = int(np.argmin(run.trace.js))
    level, other = _mean(run, "js"), _mean(fresh, "js")
    return Told(
        bool(new > 1.2 * data and level > 1.2 * run.trace.js[least] and level > 2.0 * other),
        f"OVERFITS: on its {solver.rows} rows the discriminator's loss d is {_number(data)}, on "
        f"fresh samples {_number(new)}. JSD fell from {_number(run.trace.js[0])} to "
        f"{_number(run.trace.js[least], 2)} by turn {run.trace.step[least]} and rose to "
        f"{_number(level, 2)}; with a fresh minibatch at every step it is {_number(other, 2)}.",
    )


def _weak_generator(solver, run, others):
    best, full = others["best of its kind"], others["all cells"]
    level, bound, other = _mean(run, "js"), float(best.trace.js[-1]), _mean(full, "js")
    return Told(
        abs(level - bound) < 0.1 * bound and bound > 2.0 * other,
        f"UNDERFITS: JSD stays at {_number(level)}. A generator of {solver.gen_capacity.size} "
        f"cells that descends its own cost E[Phi] exactly, with the discriminator solved, ends at "
        f"{_number(bound)}; one logit for every cell gets to {_number(other, 2)}.",
        (Prediction("JSD of exact descent with this capacity", bound, level, abs(level - bound)),),
    )


def _maximum_likelihood(solver, run, others):
    if solver.gradient == "exact":
        return Told(False, "")
    start, w = solver.start, solver.geometry.masses
    q = w * start
    noise, slopes = [], []
    for spec in ("maximum-likelihood", "non-saturating"):
        u = logits(spec).generator_loss(logits(spec).best(start))
        slopes.append(_slope(u, q))
        variance = score_variance(u, q, solver.batch, solver.baseline)
        noise.append(math.sqrt(float(np.sum(variance / w))) / _size(slopes[-1], w))
    exact = float(np.max(np.abs(slopes[0] - (q - w))))
    end = solver.state_[3]
    trained = _slope(solver.losses.generator_loss(solver.phi), end)
    off = _size(trained - (end - w), w) / _size(end - w, w)
    ends = [
        _mean(one, "gen_noise") / _mean(one, "gen_gradient")
        for one in (run, others["non-saturating"])
    ]
    return Told(
        exact < 1e-12 and off > 0.1 and noise[0] > 2.0 * noise[1] and ends[0] > 2.0 * ends[1],
        f"NOISY: with the best response the generator's gradient is that of maximum likelihood, "
        f"p_g - p_r, to {exact:.0e}; with the discriminator as trained it is off by "
        f"{_number(off, 2)} times its size. From {solver.batch} samples its standard deviation is "
        f"{_number(noise[0])} times its size at the start, {_number(ends[0], 2)} times in the last "
        f"quarter; that of the non-saturating one is {_number(noise[1])} and "
        f"{_number(ends[1], 2)} times.",
    )


def _saturating(solver, run, others):
    other = others["non-saturating"]
    ways = [_way(solver, one.particles) for one in (run, other)]
    speeds = [float(one.trace.gen_gradient[0]) for one in (run, other)]
    game = run.options["game"]
    return Told(
        ways[0] < 0.05 and ways[1] > 0.95,
        f"SATURATED: in {run.n_steps} turns the {game} samples went {_percent(ways[0])} of the "
        f"way to the data, the non-saturating ones {_percent(ways[1])}, with the same optimal "
        f"discriminator: it rejects all of them, and there the {game} loss has a slope of "
        f"{speeds[0]:.1e}, the other of {_number(speeds[1])} (rms, at the start).",
    )


def _way(solver, places):
    """Which share of the way from the mean of p_g to that of p_r the mean of samples has gone."""
    points = solver.real.grid.points()[:, 0]
    start, goal = (ordered_sum(points, one.mass) for one in (solver.gen, solver.real))
    return (float(places[:, 0].mean()) - start) / (goal - start) if goal != start else math.nan


def _percent(share):
    return f"{100 * share:.2g}%" if abs(share) < 0.1 else f"{100 * share:.0f}%"


def _lsgan(solver, run, others):
    points = solver.real.grid.points()[:, 0]
    start = solver.first_places[:, 0]
    beyond = start > _BEYOND
    if not beyond.any():
        return Told(False, "")
    moved, ends = {}, {}
    for name, one in {"(-1, 1, 0)": run, **others}.items():
        places = one.particles[:, 0]
        moved[name] = float(np.mean((places - start)[beyond]))
        ends[name] = float(np.mean(np.interp(places[beyond], points, one.discriminator)))
    pulled = moved["(-1, 1, 0)"]
    away = min(moved["non-saturating"], moved["minimax"])
    stays = abs(moved["(0, 1, 1)"])
    return Told(
        pulled < -1.0 and away > 0.1 and stays < 0.5 and abs(ends["(-1, 1, 0)"]) < 0.2,
        f"PULLED to the boundary: the samples beyond the data least squares (-1, 1, 0) moved by "
        f"{pulled:+.2f}, to D = {ends['(-1, 1, 0)']:.2f} (the boundary: 0); (0, 1, 1), which "
        f"wants D = 1, by {moved['(0, 1, 1)']:+.2f}, to {ends['(0, 1, 1)']:.2f}; non-saturating "
        f"{moved['non-saturating']:+.2f} and minimax {moved['minimax']:+.2f}, away. u' = D - c is "
        f"flat at one point only.",
    )


def _mixture(solver, run, others):
    cross, other = others["non-saturating"], others["(-1, 1, 0)"]
    levels = [_mean(one, "js") for one in (run, cross, other)]
    cells = [_median(one, "effective_support") for one in (run, cross, other)]
    modes = [_median(one, "modes") for one in (run, cross)]
    seen = levels[0] < 0.8 * levels[1] and levels[0] < 0.8 * levels[2]
    return Told(
        seen and modes[0] == solver.n_modes,
        f"SPREADS OUT: with least squares (0, 1, 1) the samples cover {modes[0]:.0f} of "
        f"{solver.n_modes} modes in {cells[0]:.0f} cells, JSD {_number(levels[0], 2)}; "
        f"non-saturating {modes[1]:.0f} in {cells[1]:.0f} cells, JSD {_number(levels[1], 2)}; "
        f"least squares (-1, 1, 0), which has no restoring force at R = 1, {cells[2]:.0f} cells, "
        f"JSD {_number(levels[2], 2)}.",
    )


def _wgan(solver, run, others):
    first, level = run.trace.cost[0], _mean(run, "cost")
    return Told(
        level < _SETTLED * first,
        f"W1 FELL from {_number(first)} to {_number(level, 2)} ({_percent(level / first)}), its "
        f"mean over the last quarter of {run.n_steps} turns, with a critic of clipped weights and "
        f"minibatches of {run.options['batch']}.",
    )


def _slope(u, gen):
    """dE_g[u]/dtheta of the generator with one logit per cell."""
    return gen * (u - ordered_sum(u, gen))


def _size(values, masses):
    """Norm of a gradient in theta in the inner product of p_r."""
    return math.sqrt(float(np.sum(values**2 / masses)))


_PARTICLES = {"family": "particles", "particles": 1000}

SCENARIOS = {
    "healthy": Scenario({}, _healthy),
    "weak-discriminator": Scenario(
        {
            "disc_cells": 8, "batch": "exact", "disc_steps": "best", "optimizer": "sgd",
            "inner_product": "fisher", "alpha_gen": 1.0, "max_steps": 400,
        },
        _weak_discriminator,
    ),
    "too-few-discriminator-steps": Scenario(
        {"alpha_gen": 0.05, "alpha_disc": 0.05, "disc_steps": 1, "max_steps": 3000},
        _too_few,
        {"N_d = 50": {"disc_steps": 50}},
    ),
    "overfit": Scenario({"data": 1000}, _overfit, {"fresh rows": {"data": None}}),
    "weak-generator": Scenario(
        {"gen_cells": 4},
        _weak_generator,
        {
            "best of its kind": {
                "batch": "exact", "disc_steps": "best", "optimizer": "sgd",
                "inner_product": "fisher", "alpha_gen": 1.0, "max_steps": 400,
            },
            "all cells": {"gen_cells": None},
        },
    ),
    "saturating": Scenario(
        {
            **_PARTICLES, "game": "minimax", "discriminator": "kde", "max_steps": 300,
            "real": "normal:mean=2,sd=0.5", "gen": "normal:mean=-2,sd=0.5", "domain": "-6:6",
        },
        _saturating,
        {"non-saturating": {"game": "non-saturating"}},
    ),
    "maximum-likelihood": Scenario(
        {
            "game": "maximum-likelihood", "gradient": "score", "baseline": "leave-one-out",
            "gen": "normal:mean=-1,sd=1",
        },
        _maximum_likelihood,
        {"non-saturating": {"game": "non-saturating"}},
    ),
    "lsgan": Scenario(
        {
            **_PARTICLES, "game": "least-squares:a=-1,b=1,c=0", "disc_cells": 2,
            "optimizer": "sgd", "batch": "exact", "alpha_disc": 0.3, "disc_steps": 20,
            "alpha_gen": 0.02, "max_steps": 400, "real": "normal:mean=0,sd=0.4",
            "gen": "bimodal:means=-2/2.5,sd=0.3,weights=0.85/0.15", "domain": "-5:5",
        },
        _lsgan,
        {
            "(0, 1, 1)": {"game": "least-squares"},
            "non-saturating": {"game": "non-saturating"},
            "minimax": {"game": "minimax"},
        },
    ),
    "mixture-1d": Scenario(
        {
            **_PARTICLES, "game": "least-squares", "disc_smooth": 0.4, "alpha_gen": 0.003,
            "max_steps": 3000, "grid": 256, "domain": "-5:5", "gen": "normal:mean=0,sd=0.5",
            "real": "bimodal:means=-2/2,sd=0.5,weights=0.5/0.5",
        },
        _mixture,
        {
            "non-saturating": {"game": "non-saturating"},
            "(-1, 1, 0)": {"game": "least-squares:a=-1,b=1,c=0"},
        },
    ),
    "wgan": Scenario({}, _wgan, solver=WGAN),
}  # fmt: skip
