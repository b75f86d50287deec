"""What a GLGD run means: its status, its finding, and the predictions beside the measurements."""

import math

import numpy as np

from ratiogan.solution import Prediction, Status
from ratiogan.sums import SPAN, ordered_sum
from ratiogan.text import significant

_RATE_WINDOW = (1e-8, 1e-4)  # of max|R-1|: linear already, round-off not yet
_RATE_STEPS = 5
_FAR = 1e6  # R above this takes a linear step for ever
_NEAR = 0.5  # max|R-1| from which on the error falls by the local rate
_SLOWEST = 1 - 1e-6  # a factor per step that six digits still tell from 1
_NOTHING_LEFT = 1e-12  # max|R-1| that round-off alone can leave
_NOTHING_MUCH_LEFT = 1e-7  # the same where E[Phi], of its square, is what is compared


def verdict(solver, run, trace):
    """Status, whether the theory predicts it, and the finding."""
    error, n = trace.max_error[-1], run.n_steps
    if run.reason == "converged":
        text = (
            f"CONVERGED in {n} step{'' if n == 1 else 's'}{solver.everywhere}: "
            f"max|R-1| = {error:.1e}, below tol {solver.tol:.0e}."
        )
        return Status.CONVERGED, True, text
    if run.reason == "interrupted":
        text = f"INTERRUPTED at step {n}: max|R-1| = {error:.1e}."
        return Status.INTERRUPTED, False, text
    if run.reason == "diverged":
        text = f"DIVERGED at step {n}: R is not finite. Take alpha below {solver.alpha:g}."
        return Status.DIVERGED, not solver.should_converge, text
    if run.reason == "undefined":
        text = (
            f"STOPPED at step {n}: R = 0 in {empty_cells(solver)}, where u = -inf and a "
            f"step of {solver.game.spec} is undefined. non-saturating and least-squares run."
        )
        return Status.STALLED, False, text
    if run.reason == "uncovered":
        text = (
            f"SUPPORT NOT COVERED, as predicted: R = 0 in {empty_cells(solver)} stays 0 in "
            f"{solver.geometry.name}; elsewhere R is constant, max|R-1| = {error:.2g}."
        )
        return Status.SUPPORT_NOT_COVERED, True, text
    if run.reason == "max-steps" and solver.tol == 0:
        text = f"TOOK {n} steps, as asked: max|R-1| = {error:.1e}, JSD = {trace.js[-1]:.1e}."
        return Status.CONVERGING, True, text
    if run.reason == "stationary" and solver.tol == 0 and error < _NOTHING_LEFT:
        text = f"TOOK {n} steps, after which R repeats itself: max|R-1| = {error:.1e}."
        return Status.CONVERGED, True, text
    if not solver.should_converge:
        status, text = _predicted_failure(solver, run, trace)
        return status, True, text
    if run.reason == "stationary" and solver.step_rule == "newton" and solver.least_ratio() == 0:
        text = (
            f"STALLED at step {n}: R = 0 in {empty_cells(solver)}, where Phi'' = "
            f"{abs(solver.game.curvature(0.0)):g} leaves no Newton step. Take --step constant."
        )
        return Status.STALLED, False, text
    if run.reason == "stationary":
        text = (
            f"STALLED at step {n}: max|R-1| = {error:.1e}, and no step lowers E[Phi] further; "
            f"{_what_stalls(solver, error)}."
        )
        return Status.STALLED, False, text
    text = (
        f"NOT CONVERGED in {n} steps: max|R-1| = {error:.1e}, tol {solver.tol:.0e}. "
        + _remaining_text(solver, run, trace)
    )
    return Status.MAX_STEPS, False, text


def _what_stalls(solver, error):
    if error < _NOTHING_MUCH_LEFT:
        return f"tol {solver.tol:.0e} is below what double precision reaches"
    return f"what moves at R = {solver.least_ratio():.1e} is lost in round-off"


def _predicted_failure(solver, run, trace):
    """Status and finding of a run that the theory says does not reach R = 1."""
    game, error, n = solver.game, trace.max_error[-1], run.n_steps
    if run.reason == "stationary" and solver.step_rule != "constant":
        what = (
            "Phi'' leaves no Newton step"
            if solver.step_rule == "newton"
            else "E[Phi] falls no more"
        )
        text = f"STALLED at step {n}, as predicted for {game.spec}: {what}; max|R-1| = {error:.2g}."
        return Status.STALLED, text
    text = "NOT CONVERGING, as predicted: "
    went = f"from {trace.max_error[0]:.2g} to {error:.2g}"
    if solver.is_unstable:
        count, cells, _ = solver.empty_cells()
        empty = f" (R = 0 in {100 * count / cells:.2g}% of the cells)" if count else ""
        grew = "grew" if error > trace.max_error[0] else "went"
        text += f"|R-1| {grew} {went}{empty}. R = 1 is unstable for {game.spec}: "
        if game.has_kink:
            text += "its signal falls there."
        elif game.curvature_at_one != 0:
            text += f"Phi''(1) = {game.curvature_at_one:.3g} is not positive."
        else:
            text += "its induced cost has Phi'' < 0 for R < 1."
            if game.name == "least-squares":
                text += " See: ratiogan explain lsgan-pearson"
        return Status.UNSTABLE, text
    stays = " and stays there" if run.reason == "settled" else f" in {n} steps"
    text += f"max|R-1| went {went}{stays}; "
    if game.has_kink and game.convex:
        text += f"the signal of {game.spec} jumps at R = 1, so steps of one size chatter."
        return Status.CYCLE, text
    if game.has_kink:
        text += f"Phi of {game.spec} is flat around R = 1, so it does not tell p_g from p_r there."
        return Status.STALLED, text
    if not game.converges:
        text += f"Phi''(1) = 0 for {game.spec}, so no linear force brings R back: it creeps."
        return Status.MAX_STEPS, text
    scale = " mu" if solver.geometry.name == "lebesgue" else ""
    value = solver.alpha * game.curvature_at_one * solver.geometry.fastest_density
    place = "at" if math.isclose(value, 2.0) else "above"
    text += f"alpha Phi''(1){scale} = {value:.3g} is {place} the limit 2."
    return Status.CYCLE, text


def _remaining_text(solver, run, trace):
    """What to expect of more steps, and what would help.

    How many more is said only where the local rate holds: far from R = 1 a step takes off about
    alpha log R, and the factor per step says nothing.
    """
    error, most = trace.max_error[-1], float(trace.max_ratio[0])
    if starts_far(solver, most):
        enough = f", so {solver.max_steps} will not do" if run.reason == "hopeless" else ""
        return (
            f"R starts at {most:.1e} where p_r has almost no mass, and a step takes off about "
            f"alpha log R{enough}: use {' or '.join(solver.cures)}, or leave those tails out with "
            "--domain."
        )
    newton = solver.step_rule == "newton"
    if not error < _NEAR:
        lowest, highest = significant(trace.min_ratio[-1]), significant(trace.max_ratio[-1])
        cure = "" if newton else f", or take {solver.cures[-1]}"
        return f"R is still far from 1, from {lowest} to {highest}: allow more steps{cure}."
    near = np.flatnonzero(~(trace.max_error < _NEAR))
    first = max(len(trace) - 20, near[-1] + 1 if near.size else 0)
    rate = _measured_rate(trace.step, trace[solver.rated], slice(first, None))
    if math.isnan(rate):
        return "Allow more steps." if newton else f"Allow more steps, or take {solver.cures[-1]}."
    if not 0 < rate < _SLOWEST or not error > solver.tol > 0:
        return "Allow more steps." if newton else f"Try {solver.cures[-1]}."
    more = math.log(solver.tol / error) / math.log(rate)
    text = f"At {rate:.6g} per step it needs about {more:.2g} more"
    return f"{text}." if newton else f"{text}, or {solver.cures[-1]}."


def starts_far(solver, most):
    """Whether R starts so high that steps of a linear geometry hardly move it."""
    return solver.geometry.is_linear and solver.step_rule == "constant" and most > _FAR


def cannot_finish(game, ratio, density, alpha, steps, lowest):
    """Whether R is so high in some cell that these steps of a linear geometry do not reach R = 1.

    A step takes alpha (u(R) - E[u]) off R, for log-type games about alpha log R, and u falls with
    R: from R it takes at least (R - 1)/(alpha (u(R) - E[u])) steps.

    Parameters
    ----------
    game : Game
    ratio, density : array (N,)
        R, and the direction of the projection; None for 1.
    alpha : float
    steps : int
    lowest : float
        E[u], or what it is no less than: u(0).
    """
    far = ratio > _FAR
    with np.errstate(all="ignore"):
        fall = alpha * (game.signal(ratio[far]) - lowest)
        if density is not None:
            fall = fall * density[far]
        return bool((ratio[far] - 1.0 > steps * fall).any())


def dropped_mass(gen):
    """What `restrict` left out of the generator, as a sentence for the finding."""
    if not gen.restricted:
        return ""
    return f" {100 * gen.restricted:.3g}% of the generator's mass, where p_r = 0, was dropped."


def predictions(solver, status, trace):
    """The rows of the table "predicted, measured, difference"."""
    game = solver.game
    rows = []
    if solver.step_rule == "constant" and game.converges:
        rows.append(_rate_prediction(solver, trace))
    if status is Status.CONVERGED:
        for name, predicted, measured in (
            ("generator cost g at the end", game.signal_at_one, trace.g[-1]),
            ("discriminator cost d at the end", game.discriminator_cost(1.0), trace.d[-1]),
        ):
            rows.append(compared(name, float(predicted), measured))
    cost_is = game.formulas["cost_is"]
    if cost_is in NAMED:
        left = "C(R0) - 2 log 2" if game.spec == "non-saturating" else "E[Phi(R0)] - Phi(1)"
        total = solver.start_divergence(cost_is)
        rows.append(compared(f"{left} = {cost_is}", total, trace.cost[0]))
    rows.extend(_descent_predictions(solver, trace))
    return tuple(rows)


def _rate_prediction(solver, trace):
    rate = "1 - alpha Phi''(1)" + (" mu" if solver.geometry.name == "lebesgue" else "")
    name = f"rate per step, {rate if solver.local_rate >= 0 else f'|{rate}|'}"
    low, high = _RATE_WINDOW
    window = np.flatnonzero((trace.max_error > low) & (trace.max_error < high))
    predicted = abs(solver.local_rate)
    steps = trace.step[window[-1]] - trace.step[window[0]] if window.size else 0
    shortened = window.size and trace.halvings[window[-1]] > trace.halvings[window[0]]
    if steps < _RATE_STEPS or shortened:
        return Prediction(name, predicted, "not measurable", tolerance=1e-3)
    measured = _measured_rate(trace.step, trace[solver.rated], window)
    return Prediction(name, predicted, measured, abs(measured - predicted), 1e-3)


def _descent_predictions(solver, trace):
    """E[Phi] never rises, and lies below the global bounds."""
    cost = trace.cost
    slack = 4 * np.finfo(float).eps * np.maximum(1.0, np.abs(cost[:-1])) * np.diff(trace.step)
    falls = cost[1:] <= cost[:-1] + slack
    limit, why = _monotone_limit(solver)
    rows = [
        Prediction(
            f"E[Phi] never rises ({why})",
            "yes" if solver.alpha <= limit * (1 + 1e-12) else "not guaranteed",
            share_of(falls, trace),
        )
    ]
    bound = _global_bound(solver, trace)
    if bound is not None:
        name, numerator = bound
        steps = trace.step[1:]
        below = cost[1:] <= numerator / (solver.alpha * steps) + slack
        rows.append(Prediction(f"E[Phi]-min <= {name}", "yes", share_of(below, trace)))
    return rows


def _monotone_limit(solver):
    """The largest alpha for which descent is guaranteed, and how the table says so."""
    if solver.step_rule != "constant":
        return math.inf, "Armijo"
    if not solver.geometry.is_linear:
        limit = 1.0 / solver.game.sup_ratio_curvature if solver.geometry.name == "fisher" else 0.0
        return limit, f"alpha <= {limit:.4g}" if limit else "checked"
    if solver.game.signal_at_zero == -math.inf:
        return math.inf, "alpha halved where needed"
    if not solver.game.convex or solver.game.has_kink:
        return 0.0, "checked"
    scale = solver.geometry.max_density
    own, limit = (1.0 / solver.game.slope_bound / scale, 2.0 / solver.game.sup_curvature / scale)
    if not limit > 0:
        return 0.0, "checked"
    # The smaller limit, where it holds, also says that R >= 0 needed no projection.
    return limit, f"alpha <= {min(own, limit) if solver.alpha <= own else limit:.4g}"


def _global_bound(solver, trace):
    """The O(1/k) bound that holds at these settings: its formula, and the numerator."""
    if solver.step_rule != "constant" or not solver.game.convex:
        return None
    name, alpha = solver.geometry.name, solver.alpha
    if name == "reference" and alpha * solver.game.sup_curvature <= 1:
        return "E[(R0-1)^2]/(2 alpha k)", 0.5 * trace.rms_error[0] ** 2
    if name == "fisher" and alpha * solver.game.sup_ratio_curvature <= 1:
        return "KL(p_r||p_g0)/(alpha k)", solver.start_divergence("KL(p_r||p_g)")
    return None


def empty_cells(solver):
    """How many cells have R = 0, and their share of p_r, in words."""
    count, cells, mass = solver.empty_cells()
    return f"{count} of {cells} cells ({100 * mass:.2g}% of p_r)"


_LOGARITHMS = {k * math.log(2): f"{'' if k == 1 else k} log 2".strip() for k in (1, 2)}


def compared(name, predicted, measured):
    """A row of the table of two numbers and their difference."""
    measured = float(measured)
    text = next((t for v, t in _LOGARITHMS.items() if math.isclose(v, predicted)), None)
    return Prediction(name, predicted, measured, abs(measured - predicted), text=text)


def share_of(holds, trace):
    """How often a statement held, in words: ``yes (38 of 38 steps)``."""
    total, kept = len(holds), int(np.count_nonzero(holds))
    if not total:
        return "no step taken"
    what = "steps" if trace.step[-1] == total else "recorded steps"
    return f"{'yes' if kept == total else 'NO'} ({kept} of {total} {what})"


def _measured_rate(steps, errors, rows):
    """Geometric mean of the error's factor per step over these rows."""
    steps, errors = steps[rows], errors[rows]
    if len(steps) < 2 or not 0 < errors[0] < math.inf:
        return math.nan
    return float((errors[-1] / errors[0]) ** (1.0 / (steps[-1] - steps[0])))


def divergence_sums(name, gen, real):
    """The sums of a named divergence over every span of the cells with p_r > 0."""
    sums = []
    for first in range(0, real.size, SPAN):
        g, r = gen[first : first + SPAN], real[first : first + SPAN]
        with np.errstate(divide="ignore", invalid="ignore"):
            sums.append(ordered_sum(np.where(r > 0, NAMED[name](g, r), 0.0)))
    return np.array(sums)


def _relative_entropy(p, q):
    return np.where(p > 0, p * np.log(p / q), 0.0)


# The divergences that induced costs are, straight from the masses: the other side of the identity
# E[Phi(R)] - Phi(1) = D that a run prints.
NAMED = {
    "2 KL(m||p_r)": lambda g, r: 2 * _relative_entropy(0.5 * (g + r), r),
    "2 JSD": lambda g, r: _relative_entropy(g, 0.5 * (g + r)) + _relative_entropy(r, 0.5 * (g + r)),
    "KL(p_r||p_g)": lambda g, r: _relative_entropy(r, g),
    "KL(p_g||p_r)": _relative_entropy,
    "2 TV": lambda g, r: np.abs(g - r),
    "TV": lambda g, r: 0.5 * np.abs(g - r),
    "triangular": lambda g, r: (g - r) ** 2 / (g + r),
    "2 H^2": lambda g, r: (np.sqrt(g) - np.sqrt(r)) ** 2,
}
