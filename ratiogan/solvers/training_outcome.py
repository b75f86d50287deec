"""What a training run means: its status, its finding, and the predictions beside the measurements.

Of a practical algorithm and a number of turns theory promises one thing at every turn: no
discriminator does better than the best response, E[d*] <= d. A run that breaks it, or that is lost
to a NaN, is not as predicted; that JSD falls, hovers, swings, stays, or that the generator
collapses is told, and named in the status.
"""

import numpy as np

from ratiogan.solution import Prediction, Status
from ratiogan.solvers.levels import between, falls, hover, late, swings
from ratiogan.solvers.outcome import compared, dropped_mass
from ratiogan.solvers.training_turns import DISC_LOST
from ratiogan.text import significant

_ROUND_OFF = 1e-12  # by which d may seem to be below its least value, relative to it
_MOVED = 0.01  # share of the first JSD below which a change is none
_FEW = 0.1  # share of p_r's effective support below which the generator has collapsed
_APART = 0.05  # by what share d on data and on fresh samples differ when it overfits
_ALIKE = 0.02  # by what share a loss may differ from its equilibrium value and look like it
_GONE = 1e-6  # share of the first JSD below which nothing is left to swing
_SHORT = 100  # turns before which nothing is said to stall
_NOTHING = 1e-10  # a JSD that needs no falling
_NEAR = 2.0  # times the JSD of as many samples of p_r: about as near as a histogram comes


def outcome(solver, run, trace):
    """Status, prediction and words, as keyword arguments of `Solution`."""
    status, as_predicted, finding = _verdict(solver, run, trace)
    return {
        "status": status,
        "as_predicted": as_predicted,
        "finding": finding + dropped_mass(solver.gen),
        "predictions": () if run.reason == "diverged" else predictions(solver, trace),
        "warnings": _warnings(solver),
        "notes": _notes(solver, trace),
    }


def _verdict(solver, run, trace):
    n, first = run.n_steps, trace.js[0]
    turns = f"{n} turn{'' if n == 1 else 's'}"
    kept = bool(np.all(_above_the_least(trace)))
    if run.reason == "interrupted":
        text = f"INTERRUPTED at turn {n}: JSD = {significant(trace.js[-1], 3)}."
        return Status.INTERRUPTED, False, text
    if run.reason == "diverged":
        return Status.DIVERGED, False, _lost(solver, n)
    if run.reason == "converged":
        text = f"CONVERGED in {turns}: JSD = {trace.js[-1]:.1e}, below tol {solver.tol:.0e}."
        return Status.CONVERGED, kept, text
    status, text = _course(solver, trace, turns, first)
    for sentence in (_counted(solver, trace), _blind(solver, trace), _overfits(trace)):
        text += f" {sentence}" if sentence else ""
    if not kept:
        text += " d was BELOW the least that any discriminator reaches."
    if solver.tol == 0:
        return status, kept, text
    status = Status.MAX_STEPS if status is Status.CONVERGING else status
    return status, kept, f"NOT BELOW tol {solver.tol:.0e}: {text}"


def _course(solver, trace, turns, first):
    """Status and sentence on where JSD went."""
    step, js = trace.step, trace.js
    level, arrived = hover(step, js)
    start, end = significant(first, 3), significant(level, 3)
    plural = "" if solver.n_modes == 1 else "s"
    modes = f"{_late_median(trace, 'modes'):.0f} of {solver.n_modes} mode{plural} covered"
    if solver.alpha_gen == 0:
        return Status.CONVERGING, f"The generator stays, as asked: JSD = {start} in {turns}."
    in_use = _late_median(trace, "effective_support")
    few = in_use < _FEW * solver.real_support
    if few and in_use < (1.0 - _FEW) * trace.effective_support[0]:
        return _collapse(solver, trace, turns, f"{modes}, JSD {end}")
    if max(first, js.max()) < _NOTHING:
        return (
            Status.CONVERGING,
            f"R = 1 from the start: JSD stays below {_NOTHING:.0e} in {turns}.",
        )
    if first > _NOTHING and np.all(np.abs(js - first) <= _MOVED * first):
        return _stays(solver, trace, f"JSD stayed within 1% of {start} in {turns}")
    if step[-1] < _SHORT:
        last = significant(js[-1], 3)
        return Status.CONVERGING, f"JSD WENT from {start} to {last} in {turns}; {modes}."
    if level > (1.0 + _MOVED) * first:
        least = int(np.argmin(js))
        way = f"ROSE from {start}"
        if js[least] < (1.0 - _MOVED) * first:
            way = f"FELL from {start} to {significant(js[least], 3)} by turn {step[least]} and ROSE"
        text = f"JSD {way} to {end}, its mean over the last quarter of {turns}; {modes}."
        return Status.CONVERGING, text
    if falls(step, js):
        last = significant(js[-1], 3)
        text = f"JSD FELL from {start} to {last} in {turns}, and still falls; {modes}."
        return Status.CONVERGING, text
    if js[late(step)].max() <= _GONE * first:
        mean = f"{level:.1e}, the mean of the last quarter of {turns}"
        return Status.CONVERGING, f"JSD FELL from {start} to {mean}; {modes}."
    ends = between(step, js, arrived)
    low, high = (significant(value, 2) for value in ends)
    if low == high:
        low, high = (significant(value, 4) for value in ends)
    between_ends = f"between {low} and {high}" if low != high else f"at {low}"
    if swings(step, js):
        text = f"JSD SWINGS {between_ends} from turn {arrived} to turn {step[-1]}"
        return Status.CYCLE, f"{text}, after {start} at the start; {modes}."
    if level > (1.0 - _MOVED) * first:
        text = f"JSD HOVERS about where it began, {start}, {between_ends} in {turns}"
        return Status.CONVERGING, f"{text}; {modes}."
    text = (
        f"JSD FELL from {start} to {significant(level, 2)} by turn {arrived}, and hovers there "
        f"until turn {step[-1]}, {between_ends}; {modes}."
    )
    return Status.CONVERGING, text


def _collapse(solver, trace, turns, rest):
    """A generator in few cells, which may move on or stay."""
    of_real = "p_r" if solver.samples is None else f"{solver.samples} samples of p_r"
    in_use = _late_median(trace, "effective_support")
    text = (
        f"COLLAPSED within {turns}: the generator uses {in_use:.1f} cells, {of_real} "
        f"{solver.real_support:.0f}; {rest}."
    )
    places = np.unique(trace.cell[late(trace.step)]).size
    if places == 1:
        return Status.COLLAPSED, text
    hops = f"It hops: its highest cell was {places} different ones in the last quarter."
    return Status.HOPPING, f"{text} {hops}"


def _stays(solver, trace, stayed):
    """A JSD that hardly moved: stalled, or not yet on its way."""
    still = trace.step[-1] >= _SHORT or trace.gen_gradient[-1] == 0
    status = Status.STALLED if still else Status.CONVERGING
    word = "STALLED: " if status is Status.STALLED else ""
    if solver.samples is None:
        slope = f"the generator's gradient is {trace.gen_gradient[-1]:.1e}"
        return status, f"{word}{stayed}; {slope}."
    # Where supports are apart JSD says nothing of samples that are on their way.
    moved = f"the particles moved by {significant(solver.moved, 2)} (rms)"
    if solver.moved > _MOVED * solver.real_spread or trace.js[0] < _NEAR * solver.floor:
        return Status.CONVERGING, f"{stayed}, while {moved}."
    speed = f"their rms speed is {trace.gen_gradient[-1]:.1e}"
    return status, f"{word}{stayed}; {moved}, and {speed}."


def _lost(solver, n):
    """After which turn a number was lost, to what, and what helps."""
    phi, u = solver.reached
    if solver.lost == DISC_LOST:
        what = f"the discriminator's weights are not finite (|phi| reached {phi:.2g})"
        fix = "Take a smaller alpha_disc."
    else:
        what = f"the generator is not finite (|u| reached {u:.2g})"
        fix = "Take a smaller alpha_gen, or a bounded generator's loss."
        empty = solver.state_[3] == 0
        if solver.family == "ratio" and empty.any() and solver.losses.game.signal_at_zero < -1e300:
            share = 100 * float(np.sum(solver.geometry.masses[empty]))
            what = (
                f"R = 0 in {int(empty.sum())} of {empty.size} cells ({share:.2g}% of p_r), where "
                f"u = -inf"
            )
            fix = "non-saturating and least-squares run from there."
    return f"DIVERGED at turn {n + 1}: {what}. The trace ends at turn {n}. {fix}"


def _counted(solver, trace):
    """What counting leaves of JSD, where a histogram of samples is that close."""
    level, _ = hover(trace.step, trace.js)
    if solver.samples is None or not level < _NEAR * solver.floor:
        return ""
    return (
        f"The histogram of {solver.samples} independent samples of p_r has JSD "
        f"{significant(solver.floor, 2)}."
    )


def _blind(solver, trace):
    """Whether both losses look like equilibrium although R is far from it."""
    if solver.disc_capacity.plain or trace.step[-1] < _SHORT:
        return ""
    level, _ = hover(trace.step, trace.js)
    ends = zip(equilibrium(solver), (_late_mean(trace, "g"), _late_mean(trace, "d")), strict=True)
    alike = all(near(value, at_one) for at_one, value in ends)
    # Of a discriminator that sees all of it, d* is below 2 log 2 by twice the JSD.
    least = equilibrium(solver)[1] - _late_mean(trace, "d_best")
    if not alike or level < max(1e-3, _NEAR * solver.floor):
        return ""
    if solver.samples is not None:
        return (
            "Both losses are at their equilibrium values all the same: the discriminator does not "
            "see what is left."
        )
    if not least < 0.2 * level:
        return ""
    return (
        f"Both losses are at their equilibrium values all the same: the discriminator's "
        f"{solver.disc_capacity.size} cells cannot see what is left."
    ).replace("discriminator's 1 cells", "discriminator's only cell")


def _overfits(trace):
    """How far d on the data and on fresh samples are apart, where that is far."""
    data, fresh = _late_mean(trace, "d_train"), _late_mean(trace, "d")
    if not fresh - data > _APART * abs(data):
        return ""
    return (
        f"The discriminator OVERFITS: d = {significant(data, 3)} on its data, "
        f"{significant(fresh, 3)} on fresh samples."
    )


def near(value, at_one):
    """Whether a loss is at its equilibrium value, to 2% of it; or to 0.02, where that is 0."""
    return abs(value - at_one) <= _ALIKE * (abs(at_one) or 1.0)


def equilibrium(solver):
    """g and d at R = 1 with the discriminator solved."""
    game, losses = solver.losses.game, solver.losses
    at_one = losses.best(np.ones(1))
    return float(losses.generator_loss(at_one)[0]), float(game.discriminator_cost(1.0))


def predictions(solver, trace):
    """The rows of the table "predicted, measured, difference"."""
    at_one = equilibrium(solver)
    rows = [
        compared(f"{name}, mean of the last quarter", value, _late_mean(trace, column))
        for name, value, column in (
            ("generator cost g", at_one[0], "g"),
            ("discriminator cost d", at_one[1], "d"),
        )
    ]
    kept = _above_the_least(trace)
    good = int(np.count_nonzero(kept))
    what = "turns" if trace.step[-1] + 1 == len(trace) else "recorded turns"
    said = f"{'yes' if kept.all() else 'NO'} ({good} of {len(kept)} {what})"
    rows.append(Prediction("d >= E[d*], that of the best response", "yes", said))
    return tuple(rows)


def _above_the_least(trace):
    """Where d is at least what the best response reaches, up to round-off."""
    return trace.d >= trace.d_best - _ROUND_OFF * np.maximum(1.0, np.abs(trace.d_best))


def _late_mean(trace, column):
    return float(np.mean(trace[column][late(trace.step)]))


def _late_median(trace, column):
    return float(np.median(trace[column][late(trace.step)]))


def _warnings(solver):
    if solver.samples is not None:
        return tuple(_of_particles(solver))
    empty = int(np.count_nonzero(solver.state_[3] == 0))
    if not empty or solver.family != "logits":
        return ()
    return (
        f"R = 0 in {empty} of {solver.state_[3].size} cells: the logits never bring them back.",
    )


def _of_particles(solver):
    """How many are held at the edge, where p_r = 0, and out of sight of the discriminator."""
    n = solver.samples
    if solver.held():
        yield (
            f"{solver.held()} of {n} particles would have left the domain and were held at its "
            "edge: take a wider domain."
        )
    if solver.outside() > 0:
        yield (
            f"{solver.outside():.2%} of the particles are where p_r = 0: R does not show them, JSD "
            "counts them."
        )
    if solver.blind():
        yield (
            f"{solver.blind()} of {n} particles see no slope: they are more than 37 bandwidths "
            "away from all of p_r."
        )


def _notes(solver, trace):
    notes = []
    if solver.gradient == "score":
        ratio = _late_mean(trace, "gen_noise") / max(_late_mean(trace, "gen_gradient"), 1e-300)
        notes.append(
            f"The score-function estimate from {solver.batch} samples has a standard deviation "
            f"of {significant(ratio, 3)} times the generator's gradient (last quarter)."
        )
    return tuple(notes)
