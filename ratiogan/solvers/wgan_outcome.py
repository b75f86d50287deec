"""What a WGAN run means: its status, its finding, and the predictions beside the measurements.

With the clip one thing is predicted of every turn, the bound on E_r f - E_g f: a run that breaks
it, or that is not finite, is not as predicted. Of W1 nothing is predicted, whatever it was at the
start: that it falls, rises, hovers or swings is told, and so is a `tol` that was not met.
"""

import math

import numpy as np

from ratiogan.solution import Prediction, Status
from ratiogan.solvers.levels import between, falls, hover, swings
from ratiogan.solvers.outcome import dropped_mass
from ratiogan.sums import ordered_sum

_ROUND_OFF = 1e-12  # by which the bound may seem to be missed, relative to clip times the range
_MOVED = 0.01  # share of the first W1 below which a change is none
_EXACT = 1e-6  # share of W1 below which a critic counts as exact


def outcome(solver, run, trace):
    """Status, prediction and words, as keyword arguments of `Solution`."""
    status, as_predicted, finding = _verdict(solver, run, trace)
    return {
        "status": status,
        "as_predicted": as_predicted,
        "finding": finding + dropped_mass(solver.gen),
        "predictions": _predictions(solver, trace),
        "warnings": _warnings(solver, trace),
        "notes": _notes(solver),
    }


def missed(trace, half_at_bound, arrived):
    """Median shares of W1 that the critic's estimate missed, and that clipping alone makes it miss.

    Over the turns after the weights grew from 0, while W1 still fell; None where there is none.
    """
    begin = trace.step[1] if half_at_bound is None and len(trace) > 1 else half_at_bound
    rows = (trace.step >= (begin or 1)) & (trace.step < max(arrived, (begin or 1) + 1))
    rows &= trace.cost > 0
    if not rows.any():
        return None
    cost = trace.cost[rows]
    return (
        float(np.median(1.0 - trace.estimate[rows] / cost)),
        float(np.median(1.0 - trace.ceiling[rows] / cost)),
    )


def _verdict(solver, run, trace):
    n, cost, first = run.n_steps, trace.cost[-1], trace.cost[0]
    many = f"{n} turn{'' if n == 1 else 's'}"
    if run.reason == "interrupted":
        return Status.INTERRUPTED, False, f"INTERRUPTED at turn {n}: W1 = {cost:.3g}."
    if run.reason == "diverged":
        text = f"DIVERGED at turn {n}: R or the critic is not finite. Take smaller learning rates."
        return Status.DIVERGED, False, text
    kept = bool(np.all(_below_the_bound(solver, trace)))
    if run.reason == "converged":
        text = f"CONVERGED in {many}: W1 = {cost:.1e}, below tol {solver.tol:.0e}."
        return Status.CONVERGED, kept, text
    level, arrived = hover(trace.step, trace.cost)
    if solver.alpha_gen == 0:
        text = f"The generator stays, as asked: W1 = {first:.4g} in {many}."
    elif np.all(np.abs(trace.cost - first) <= _MOVED * first):
        text = f"W1 STAYED within 1% of {first:.4g} in {many}: {_why_it_stays(solver)}."
    elif level > (1.0 + _MOVED) * first:
        text = f"W1 ROSE from {first:.3g} to {level:.3g}, its mean over the last quarter of {many}."
    elif falls(trace.step, trace.cost):
        text = f"W1 FELL from {first:.3g} to {cost:.3g} in {many}{_way_to_go(solver, n)}."
    else:
        text = _where_it_is(solver, trace)
    text += _about_the_critic(solver, trace, arrived)
    if not kept:
        text += " E_r f - E_g f was ABOVE the bound that clipping sets."
    if solver.tol == 0:
        return Status.CONVERGING, kept, text
    return Status.MAX_STEPS, kept, f"NOT BELOW tol {solver.tol:.0e}: {text}"


def _where_it_is(solver, trace):
    """In words, where a W1 that falls no longer is: at a level, or between two."""
    n, first = int(trace.step[-1]), trace.cost[0]
    level, arrived = hover(trace.step, trace.cost)
    low, high = between(trace.step, trace.cost, arrived)
    if swings(trace.step, trace.cost):
        least = int(np.argmin(trace.cost))
        return (
            f"W1 SWINGS between {low:.2g} and {high:.2g} ({_percent(low / first)} and "
            f"{_percent(high / first)} of the first) from turn {arrived} to turn {n}, at its least "
            f"{trace.cost[least]:.2g} at turn {trace.step[least]}."
        )
    text = (
        f"W1 FELL from {first:.3g} to {level:.2g} ({_percent(level / first)}) by turn {arrived}, "
        f"and hovers there until turn {n}, between {low:.2g} and {high:.2g}"
    )
    if solver.clip is not None and solver.batch is not None:
        text += f": minibatches of {solver.batch} get no nearer"
    return f"{text}."


def _about_the_critic(solver, trace, arrived):
    gone = missed(trace, solver.half_at_bound, arrived)
    if gone is None:
        return ""
    whole, clipping = gone
    share = "nothing" if whole < _EXACT else _percent(whole)
    text = f" The critic's estimate value/Lip missed {share} of W1 on the way"
    if clipping > _EXACT:
        text += f"; with the best clipped weights it misses {_percent(clipping)}"
    return f"{text}."


def _percent(share):
    return f"{100 * share:.2g}%"


def _why_it_stays(solver):
    if solver.rule.name in ("sgd", "momentum"):
        return f"{solver.rule.name} moves weights by the learning rate times a small gradient"
    return "allow more turns, or larger learning rates"


def _way_to_go(solver, n):
    turns = _turns_to_go(solver)
    if turns < n or not math.isfinite(turns):
        return ", and still falls"
    return f": at about {solver.alpha_gen:g} per step the whole way takes {turns:.0f}"


def _turns_to_go(solver):
    """Turns in which theta gets from p_g to p_r at one alpha_gen per step; NaN for sgd."""
    speed = solver.alpha_gen * solver.gen_steps
    if solver.rule.name in ("sgd", "momentum") or speed == 0:
        return math.nan
    if solver.family == "shift":
        masses, base = solver.problem[2:4]
        return abs(ordered_sum(masses - base, solver.points)) / speed
    start = solver.problem[3] / solver.problem[2]
    with np.errstate(divide="ignore"):
        # Up to a constant, so that both ends of log R go half of the way.
        return float(np.ptp(np.log(start))) / 2.0 / speed


def _below_the_bound(solver, trace):
    """Where E_r f - E_g f keeps the bound, up to round-off."""
    span = float(solver.points[-1] - solver.points[0])
    slack = _ROUND_OFF * np.maximum(trace.lipschitz, 0.0) * span
    return trace.value <= trace.bound + slack


def _predictions(solver, trace):
    rows = []
    if solver.clip is not None:
        if solver.loss == "wasserstein":
            rows += _turns_to_the_bound(solver)
        law = "clip W1" if solver.critic == "slopes" else "clip sum_j |int F|"
        kept = _below_the_bound(solver, trace)
        good = int(np.count_nonzero(kept))
        what = "turns" if trace.step[-1] + 1 == len(trace) else "recorded turns"
        said = f"{'yes' if kept.all() else 'NO'} ({good} of {len(kept)} {what})"
        rows.append(Prediction(f"E_r f - E_g f <= {law}", "yes", said))
    turns = _turns_to_go(solver)
    if math.isfinite(turns) and trace.cost[0] > 0:
        level, arrived = hover(trace.step, trace.cost)
        shift = solver.family == "shift"
        far = "|E_r y - E_g y|/alpha_gen" if shift else "range(log R0)/(2 alpha_gen)"
        there = arrived > 0 and level < trace.cost[0] and not falls(trace.step, trace.cost)
        rows.append(
            Prediction(
                f"turns until W1 hovers, about {far}",
                f"{turns:.0f}",
                str(arrived) if there else f"not in {trace.step[-1]}",
            )
        )
    return tuple(rows)


def _turns_to_the_bound(solver):
    """From 0 to the clip: at one alpha per update, and with the first, longer steps of rmsprop."""
    updates = solver.clip / solver.alpha_disc
    reached = solver.half_at_bound
    measured = "not reached" if reached is None else str(reached)
    if solver.rule.name in ("sgd", "momentum"):
        return []
    rows = [
        (
            f"{updates / solver.disc_steps:.4g}",
            "turns from f = 0 to the clip, clip/(alpha n_critic)",
        )
    ]
    if solver.rule.name == "rmsprop":
        early = math.ceil(solver.rule.steps_to(updates) / solver.disc_steps)
        rows.append((str(early), "the same without noise, from v = 0: long first steps"))
    return [Prediction(name, predicted, measured) for predicted, name in rows]


def _warnings(solver, trace):
    warnings = []
    empty = int(np.count_nonzero(solver.gen_masses == 0))
    if empty and solver.family == "cells":
        warnings.append(
            f"R = 0 in {empty} of {solver.gen_masses.size} cells: theta = -inf there, and no loss "
            "brings it back."
        )
    if solver.clip is None and solver.loss == "wasserstein":
        warnings.append(
            "without clipping E_r f - E_g f has no maximum: the critic grows as long as it is "
            f"trained, its steepest slope is {trace.lipschitz[-1]:.3g} now."
        )
    return tuple(warnings)


def _notes(solver):
    if solver.loss != "wasserstein":
        if solver.clip is None:
            return ()
        return (
            "Why: where |f| is small -log sigmoid f = log 2 - f/2 + f^2/8: a clipped logit makes "
            "any of the losses the Wasserstein loss to first order.",
        )
    if solver.clip is None:
        return ()
    if solver.critic == "slopes":
        return (
            "Why: slopes in [-clip, clip] are clip times the 1-Lipschitz functions, so the maximum "
            "is clip W1: what the estimate misses is the error of n_critic noisy steps.",
        )
    return (
        "Why: weights in [-clip, clip] are not the 1-Lipschitz functions: the maximum, clip sum_j "
        "|int_{b_j} F|, is another metric, and more training of the critic does not bring W1.",
    )
