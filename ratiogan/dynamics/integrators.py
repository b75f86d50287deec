"""Trajectories of a field under one method, beside what the local analysis predicts."""

import math
import time
from dataclasses import replace

import numpy as np

from ratiogan.catalogue import METHODS
from ratiogan.dynamics import lanes, march
from ratiogan.dynamics.equilibria import nearest_equilibrium
from ratiogan.dynamics.fields import field as field_from
from ratiogan.dynamics.fields import with_parameter
from ratiogan.dynamics.matrix_games import PROCESSES, march_game
from ratiogan.dynamics.methods import check_method, method_of
from ratiogan.dynamics.records import Dynamics, Trajectory
from ratiogan.dynamics.spectra import radius_of
from ratiogan.dynamics.vector_field import Field
from ratiogan.errors import (
    InputError,
    check_integer,
    check_not_negative,
    check_positive,
)
from ratiogan.spec import Spec, parse
from ratiogan.text import significant

MOST_STEPS = 1_000_000_000
MOST_KEPT = 5000  # states of one trajectory; above, they are spread evenly over its steps
WINDOW = 400  # the last states, all of them: the factor is measured there
MARGINAL = 1e-12  # a predicted factor this near to 1 is 1
_FLOW_RTOL, _FLOW_ATOL = 1e-13, 1e-15
_LONGEST_FLOW = 1e5  # radians, so to say: half a minute
_KINK_RTOL, _KINK_ATOL = 1e-8, 1e-10  # across a jump of the velocity no step is of high order
_AT_POINT = 1e-6  # of the first distance: a run that rests farther off rests elsewhere
_ROUNDING = 1e-10  # states this near to an equilibrium are left out of a fit


def simulate(
    field,
    start=None,
    method=None,
    alpha="auto",
    alpha_gen=None,
    alpha_disc=None,
    gen_steps=1,
    disc_steps=1,
    max_steps=500,
    tol=1e-12,
):
    """Run one method on a field.

    Parameters
    ----------
    field : str, Field or callable
        As for `ratiogan.dynamics.field`.
    start : sequence of float, optional
        Default the field's own.
    method : str, optional
        As in ``ratiogan list methods``; default the field's first, for most ``simultaneous``.
    alpha : float or "auto"
        Step size of both players; ``auto`` is the field's. For a flow the time between two states.
    alpha_gen, alpha_disc : float, optional
        Of one of them.
    gen_steps, disc_steps : int
        Updates per turn; ``alternating`` only.
    max_steps : int
    tol : float
        Stop where the field's norm is below; steps of matrix games go on.

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        For an unknown field or method, a start off the domain, or a field that returns another
        shape or NaN there.

    Examples
    --------
    >>> orbit = simulate("bilinear", method="alternating", alpha=0.2)
    >>> orbit.status, bool(orbit.drift < 1e-14)
    ('cycle', True)
    """
    began = time.perf_counter()
    field = field_at(field, start)
    method = check_method(method_of(field.methods[0] if method is None else method), field)
    start = field.start.copy() if start is None else field.check_state(start)
    alpha_gen, alpha_disc = _step_sizes(field, method, alpha, alpha_gen, alpha_disc)
    turns = _turns(method, gen_steps, disc_steps)
    max_steps = _check_steps(max_steps)
    tol = check_not_negative("tol", tol)
    _check_start(field, start)
    with np.errstate(all="ignore"):  # what overflows is said in the record
        run = _run(field, method, start, alpha_gen, alpha_disc, turns, max_steps, tol)
        return _trajectory(field, method, alpha_gen, alpha_disc, turns, run, began)


def simulate_batch(
    field,
    starts,
    method="simultaneous",
    alpha="auto",
    alpha_gen=None,
    alpha_disc=None,
    gen_steps=1,
    disc_steps=1,
    max_steps=500,
    every=1,
):
    """Many starts in one call: the states only.

    Parameters
    ----------
    field, method, alpha, alpha_gen, alpha_disc, gen_steps, disc_steps, max_steps
        As for `simulate`; no flows, and no methods of matrix games alone.
    starts : array (B, n)
    every : int
        Keep one of so many states; the last is always kept.

    Returns
    -------
    array (B, K, n)
        Not finite after a state whose velocity is not.

    Examples
    --------
    >>> starts = np.column_stack([np.linspace(0.5, 2, 1000), np.zeros(1000)])
    >>> simulate_batch("uniform-wgan", starts, max_steps=100, every=100).shape
    (1000, 2, 2)
    """
    starts = np.atleast_2d(np.asarray(starts, dtype=float))
    field = field_at(field, starts[0])
    method = check_method(method_of(method), field)
    if method.is_flow or hasattr(field, "payoff"):
        raise InputError(
            f"{method.name} on {field.spec} takes one start at a time.",
            argument="method",
            fix="Call simulate for every start.",
        )
    fits = starts.shape[1:] == (field.size,)
    inside = fits and (starts >= field.lower) & (starts <= field.upper) & np.isfinite(starts)
    if not np.all(inside):
        for i, start in enumerate(starts):  # to say which, and why
            field.check_state(start, f"starts[{i}]")
    alpha_gen, alpha_disc = _step_sizes(field, method, alpha, alpha_gen, alpha_disc)
    turns = _turns(method, gen_steps, disc_steps)
    max_steps = _check_steps(max_steps)
    every = check_integer("every", every, 1)
    keep = np.unique(np.append(np.arange(0, max_steps + 1, every), max_steps))
    if lanes.covers(method.field(field), method, turns):
        rates = method.rates(field, alpha_gen, alpha_disc)
        beta = (method.beta_gen, method.beta_disc)
        return lanes.run(field, method, starts, rates, beta, max_steps, keep)
    return _march(field, method, starts, alpha_gen, alpha_disc, turns, max_steps, 0.0, keep)[0]


def simulate_several(field, methods=(), sweep=None, **options):
    """Several methods on one field, or one per value of a parameter: a `Dynamics` record.

    Parameters
    ----------
    field : str, Field or callable
    methods : sequence of str
        Default those that the field names.
    sweep : (str, list), optional
        A parameter of `simulate` or of the field, and its values: one run per value and method.
    **options
        Of `simulate`.

    Returns
    -------
    Dynamics

    Examples
    --------
    >>> found = simulate_several("bilinear", ["simultaneous", "extragradient"], alpha=0.2)
    >>> [run.status for run in found.trajectories]
    ['unstable', 'converging']
    """
    base = field_at(field, options.get("start"))
    methods = ((methods,) if isinstance(methods, str) else tuple(methods)) or base.methods
    runs = []
    alternating = [spec for spec in methods if method_of(spec).code == march.ALTERNATING]
    for spec in methods:
        if alternating and spec not in alternating:  # turns are those of alternating steps
            own = {k: v for k, v in options.items() if k not in ("gen_steps", "disc_steps")}
        else:
            own = options
        if sweep is None:
            runs.append(simulate(base, method=spec, **own))
            continue
        key, values = sweep
        for value in values:
            run = _swept(base, spec, key, value, own)
            label = f"{key}={significant(value) if isinstance(value, float) else value}"
            label = label if len(methods) == 1 else f"{spec} {label}"
            runs.append(replace(run, label=label))
    return Dynamics(
        trajectories=tuple(runs),
        finding=_finding_of_all(runs),
        sweep=None if sweep is None else sweep[0],
    )


def _swept(base, method, key, value, options):
    if key in ("alpha", "alpha_gen", "alpha_disc", "gen_steps", "disc_steps", "max_steps"):
        return simulate(base, method=method, **{**options, key: value})
    parsed = parse(method_of(method).spec)
    if key in METHODS[parsed.name].defaults:
        named = Spec(parsed.name, {**parsed.options, key: value})
        return simulate(base, method=str(named), **options)
    return simulate(with_parameter(base, key, value), method=method, **options)


def field_at(field, start):
    """The field; of a bare function with as many coordinates as `start` has."""
    bare = callable(field) and not isinstance(field, Field)
    return field_from(field, **({"start": start} if bare and start is not None else {}))


# --- running -------------------------------------------------------------------------------------


def _check_steps(max_steps):
    max_steps = check_integer("max_steps", max_steps, 1)
    if max_steps > MOST_STEPS:
        raise InputError(
            f"max_steps must be at most {MOST_STEPS:,}, a minute or two, got {max_steps:,}.",
            argument="max_steps",
            fix="Go on from the last state of a shorter run.",
        )
    return max_steps


def _step_sizes(field, method, alpha, alpha_gen, alpha_disc):
    if method.ratio != 1.0 and alpha_disc is not None:
        raise InputError(
            f"alpha_disc is that of the generator times ratio with {method.name}.",
            argument="alpha_disc",
            fix="Leave one of the two out: take simultaneous, or alpha alone.",
        )
    alpha = field.alpha if alpha == "auto" else check_positive("alpha", alpha)
    gen = alpha if alpha_gen is None else check_positive("alpha_gen", alpha_gen)
    disc = alpha if alpha_disc is None else check_positive("alpha_disc", alpha_disc)
    return gen, disc


def _turns(method, gen_steps, disc_steps):
    turns = tuple(
        check_integer(name, value, 1)
        for name, value in (("gen_steps", gen_steps), ("disc_steps", disc_steps))
    )
    if turns != (1, 1) and method.code != march.ALTERNATING:
        raise InputError(
            f"gen_steps and disc_steps belong to alternating, the method is {method.name}.",
            argument="gen_steps" if gen_steps != 1 else "disc_steps",
            fix="Take method alternating.",
        )
    return turns


def _check_start(field, start):
    found = field.velocity(start)
    if not np.isfinite(found).all():
        raise InputError(
            f"the field {field.spec} is not finite at the start "
            f"{', '.join(f'{x:g}' for x in start[:6])}: it is "
            f"{', '.join(f'{x:g}' for x in found[:6])}.",
            argument="start",
            fix="Start inside its domain.",
        )


class _Run:
    """Kept steps and states, steps taken, how it ended."""

    def __init__(self, steps, states, n_steps, end, moves=None, gaps=None):
        self.steps, self.states = steps, states
        self.n_steps, self.end = n_steps, end
        self.moves, self.gaps = moves, gaps


def _kept_steps(last):
    if last + 1 <= MOST_KEPT:
        return np.arange(last + 1)
    spread = np.linspace(0, last, MOST_KEPT - WINDOW).round().astype(int)
    return np.unique(np.concatenate([spread, np.arange(max(0, last - WINDOW), last + 1)]))


def _run(field, method, start, alpha_gen, alpha_disc, turns, most, tol):
    if method.is_flow:
        return _flow(field, method, start, alpha_gen, alpha_disc, most, tol)
    if hasattr(field, "payoff"):
        return _matrix_run(field, method, start, alpha_gen, alpha_disc, most)
    keep = _kept_steps(most)
    start = start[None]
    states, steps, ends = _march(
        field, method, start, alpha_gen, alpha_disc, turns, most, tol, keep
    )
    last = int(steps[0])
    if last < most and keep.size <= most:  # the last states were not among those kept: once more
        keep = _kept_steps(max(last, 1))
        states, *_ = _march(field, method, start, alpha_gen, alpha_disc, turns, last, tol, keep)
    kept = keep[keep <= last]
    return _Run(kept, states[0, : kept.size], last, int(ends[0]))


def _march(field, method, starts, alpha_gen, alpha_disc, turns, most, tol, keep):
    """States (B, K, n) at the steps `keep`, steps taken and ends of every start."""
    stepped_on = method.field(field)
    rates = method.rates(field, alpha_gen, alpha_disc)
    beta = np.where(np.arange(field.size) < field.n_gen, method.beta_gen, method.beta_disc)
    rows, n = starts.shape
    out = np.full((rows, keep.size, n), np.nan)
    steps, ends = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    code, parameters, run_rows = _loop_of(stepped_on)
    shared = (
        code, parameters, field.n_gen, stepped_on.eta, stepped_on.consensus, method.code, rates,
        beta.astype(float), *turns, method.gen_first, field.lower, field.upper,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        run_rows(*shared, starts.copy(), tol, most, keep, out, steps, ends)
    return out, steps, ends


def _loop_of(field):
    """Code and parameters of a field, and the loop over starts that runs it."""
    if field.kernel is not None:
        return *field.kernel, march.march_rows
    if hasattr(field.own, "py_func"):
        return 0, np.zeros(1), march.compiled_march(field.own)
    # One state at a time needs no leading axes.
    velocity = field.velocity if field.own is None else field.felt
    one = march.march_of(velocity, field.correct, field.norm)

    def rows(*arguments):
        *shared, states, tol, most, keep, out, steps, ends = arguments
        for i, state in enumerate(states):
            steps[i], _, ends[i] = one(*shared, state, tol, most, keep, out[i])

    return 0, np.zeros(1), rows


def _flow(field, method, start, alpha_gen, alpha_disc, most, tol):
    """The continuous flow by an eighth-order Runge-Kutta method, tight tolerances."""
    from scipy.integrate import solve_ivp

    if field.size <= 64:
        fastest = max(float(np.abs(matrix).max()) for matrix, _, _ in field.blocks(start))
        turns = alpha_gen * most * fastest * max(1.0, alpha_disc / alpha_gen)
        if not turns <= _LONGEST_FLOW:
            raise InputError(
                f"a flow over a time of {alpha_gen * most:.3g}, in which {field.spec} moves by "
                f"{turns:.3g} times its size, is too long.",
                argument="alpha",
                fix="Take a smaller alpha or fewer steps: a flow has no other use for them.",
            )
    keep = _kept_steps(most)
    stretch = method.rates(field, 1.0, alpha_disc / alpha_gen)
    velocity = field.replicator if method.name == "replicator" else field.velocity

    def derivative(_, state):
        return stretch * velocity(state)

    smooth = field.kink is None or hasattr(field, "payoff")
    rtol, atol = (_FLOW_RTOL, _FLOW_ATOL) if smooth else (_KINK_RTOL, _KINK_ATOL)
    times = alpha_gen * keep
    found = solve_ivp(
        derivative, (0.0, times[-1]), start, method="DOP853", rtol=rtol, atol=atol, t_eval=times
    )
    states = np.reshape(found.y, (field.size, -1)).T  # a list where not even a step was taken
    steps = keep[: len(states)]
    if hasattr(field, "payoff") and (states < -1e-9).any():
        left = int(np.argmax((states < -1e-9).any(axis=1)))
        raise InputError(
            f"the flow of the projected gradient leaves the simplices at step {steps[left]}.",
            argument="method",
            fix="Take replicator or projected-gradient, or start nearer to the equilibrium.",
        )
    finite = np.isfinite(states).all(axis=1)
    ended = march.ALL_STEPS if found.success and finite.all() else march.NOT_FINITE
    states, steps = states[finite], steps[finite]
    sizes = np.array([field.norm(velocity(state)) for state in states])
    if (sizes < tol).any():
        last = int(np.argmax(sizes < tol))
        return _Run(steps[: last + 1], states[: last + 1], int(steps[last]), march.AT_REST)
    return _Run(steps, states, int(steps[-1]), ended)


def _matrix_run(field, method, start, alpha_gen, alpha_disc, most):
    keep = _kept_steps(most)
    process = method.name if method.name in PROCESSES else "projected-gradient"
    order = method.order
    done, states, moves, gaps = march_game(
        method.field(field), process, start, method.player_rates(alpha_gen, alpha_disc), most,
        keep, order, method.gen_first,
    )  # fmt: skip
    return _Run(keep, states, done, march.ALL_STEPS, moves, gaps)


# --- judging -------------------------------------------------------------------------------------


def _trajectory(field, method, alpha_gen, alpha_disc, turns, run, began):
    """The record of a run: what the local analysis predicts of it, beside what it did."""
    point = nearest_equilibrium(field, run.states[-1], run.states[0])
    multipliers, predicted = _local(field, method, point, alpha_gen, alpha_disc, turns)
    distance, measured = np.full(len(run.states), np.nan), None
    if point is not None:
        away = field.away(run.states, point)
        distance = np.linalg.norm(away, axis=1)
        measured = measured_factor(run.steps, away, method.code in _REMEMBERING)
    text, values, definite = _conserved(field, method, alpha_gen, alpha_disc, turns, run.states)
    if values is not None and not np.isfinite(values).all():
        text, values = "nothing", None
    drift = None if values is None else float(np.max(np.abs(values - values[0])))
    kept = drift is not None and drift <= 1e-8 * max(1.0, float(np.max(np.abs(values))))
    status = _status(run, distance, predicted, kept and definite, _turns_round(multipliers))
    if run.end == march.AT_REST and point is not None:
        near = distance[-1] <= _AT_POINT * (1.0 + distance[0])
        status = "converged" if near else "stalled"
    made = {
        "field": field, "method": method.spec, "label": method.spec,
        "alpha_gen": alpha_gen, "alpha_disc": alpha_disc * method.ratio,
        "steps": run.steps, "states": run.states, "n_steps": run.n_steps, "status": status,
        "as_predicted": run.n_steps == 0 or _as_predicted(status, predicted), "equilibrium": point,
        "distance": distance, "multipliers": multipliers, "factor_predicted": predicted,
        "factor_measured": measured, "end_over_start": _over(distance), "conserved": text,
        "conserved_values": values, "drift": drift, "moves": run.moves, "gaps": run.gaps,
        "seconds": time.perf_counter() - began,
    }  # fmt: skip
    made["finding"] = _finding(method, {**made, "at_rest": run.end == march.AT_REST})
    return Trajectory(**made)


def _local(field, method, point, alpha_gen, alpha_disc, turns):
    """Multipliers of one step at the equilibrium and the factor they predict; none where there is
    no Jacobian."""
    nothing = np.empty(0, dtype=complex), None
    if point is None or method.name in ("fictitious-play", "best-response"):
        return nothing
    stepped_on = method.field(field)
    if stepped_on.kink is not None and stepped_on.kink(point) is not None:
        return nothing
    multipliers = method.multipliers(field, point, alpha_gen, alpha_disc, *turns)
    return multipliers, float(radius_of(multipliers, method.neutral(field, point)))


def _as_predicted(status, predicted):
    """Whether the outcome is what the predicted factor says of runs that start nearby.

    A factor above 1 says that it leaves, not where to; one below 1 that it arrives.
    """
    if predicted is None:
        return True
    if predicted > 1.0 + MARGINAL:
        return status != "converged"
    return predicted >= 1.0 - MARGINAL or status in ("converged", "converging", "max-steps")


_REMEMBERING = (march.OPTIMISTIC, march.MOMENTUM, march.MOMENTUM_IN_TURN)


def _over(distance):
    if not distance.size or not distance[0] > 0:
        return math.nan
    return float(distance[-1] / distance[0])


def measured_factor(steps, away, remembers=False):
    """The factor per step of the distance, out of the states less the equilibrium.

    That of the linear map fitted to the last states, on the few directions in which they move; a
    method that remembers its last state is fitted on pairs of states. Where no linear map fits,
    far from the equilibrium, that of the largest distances of an earlier and a later stretch.
    None where there are too few states, or they do not move.
    """
    sizes = np.linalg.norm(away, axis=1)
    moving = np.isfinite(sizes) & (sizes > _ROUNDING)
    count = int(np.argmin(moving)) if not moving.all() else len(moving)
    if count < 16:
        return None
    gaps = np.flatnonzero(np.diff(steps[:count]) != 1)
    # The second half, where terms of second order count for less, of what there is.
    first = max(gaps[-1] + 1 if gaps.size else 0, count - WINDOW, min(count // 2, count - 32))
    fitted = _fitted_map(away[first:count], remembers)
    if fitted is not None:
        return float(np.abs(np.linalg.eigvals(fitted)).max())
    quarter = count // 4
    early, late = sizes[quarter : 2 * quarter], sizes[count - quarter : count]
    span = steps[count - quarter + np.argmax(late)] - steps[quarter + np.argmax(early)]
    return float((late.max() / early.max()) ** (1.0 / span)) if span else None


def _fitted_map(window, remembers):
    """The linear map from each state to the next, on the fewest directions that it takes.

    Further directions hold rounding and terms of second order, for which any map would be found.
    None where no map fits.
    """
    if len(window) < 12:
        return None
    if remembers:
        window = np.concatenate([window[1:], window[:-1]], axis=1)
    sizes = np.linalg.norm(window, axis=1)
    # States of a decaying run count alike.
    before, after = window[:-1] / sizes[:-1, None], window[1:] / sizes[:-1, None]
    _, strength, directions = np.linalg.svd(before, full_matrices=False)
    # Where steps are below rounding, states stand still a hundred roundings off.
    noise = 100.0 * np.finfo(float).eps * float(np.linalg.norm(1.0 / sizes[:-1]))
    directions = directions[strength > max(1e-9 * strength[0], noise)][:12]
    maps, misfits = [], []
    for count in range(1, len(directions) + 1):
        kept = directions[:count]
        maps.append(np.linalg.lstsq(before @ kept.T, after @ kept.T, rcond=None)[0])
        left = after - before @ kept.T @ maps[-1] @ kept
        misfits.append(np.linalg.norm(left) / np.linalg.norm(after))
    for tolerance in (1e-10, 1e-8, 1e-6, 1e-4):
        for fitted, misfit in zip(maps, misfits, strict=True):
            if misfit < tolerance:
                return fitted
    return None


def _conserved(field, method, alpha_gen, alpha_disc, turns, states):
    """What this method conserves on this field: text, values along the states, and whether its
    levels are bounded."""
    equal = alpha_gen == alpha_disc
    if method.name == "replicator" and equal and field.replicator_conserved is not None:
        return field.replicator_conserved.text, field.replicator_conserved.value(states), True
    if method.name == "flow" and equal and field.conserved is not None:
        return field.conserved.text, field.conserved.value(states), True
    matrix = field.cross_matrix
    if method.code == march.ALTERNATING and matrix is not None and turns == (1, 1):
        x, y = states[:, : field.n_gen], states[:, field.n_gen :]
        sign = 1.0 if method.gen_first else -1.0
        cross = np.einsum("ki,ij,kj->k", x, matrix, y)
        values = np.sum(x * x, axis=1) / alpha_gen + np.sum(y * y, axis=1) / alpha_disc
        values = (values - sign * cross) * min(alpha_gen, alpha_disc)
        steepest = float(np.linalg.norm(matrix, 2)) * math.sqrt(alpha_gen * alpha_disc)
        bounded = steepest < 2.0 - 1e-12  # else the form is no longer definite
        names = field.coordinates
        one = len(names) == 2 and matrix[0, 0] == 1
        a, b = names if one else ("|x|", "|y|")
        product = f"{a} {b}" if one else "x.Ay"
        if alpha_gen == alpha_disc:
            return f"{a}^2+{b}^2{'-' if sign > 0 else '+'}alpha {product}", values, bounded
        text = f"{a}^2/alpha_gen+{b}^2/alpha_disc{'-' if sign > 0 else '+'}{product}"
        return text, values, bounded
    return "nothing", None, False


def _turns_round(multipliers):
    """Whether steps can turn about the equilibrium; where nothing is known they may."""
    return not multipliers.size or bool(
        np.any((np.abs(multipliers.imag) > 1e-12) | (multipliers.real < 0.0))
    )


def _status(run, distance, predicted, kept, turning):
    """The code of what became of a run; `kept` where a conserved quantity tells an orbit."""
    if run.end == march.AT_REST:
        return "converged"
    if run.end == march.NOT_FINITE:
        return "diverged"
    if run.end == march.NO_SOLUTION:
        return "stalled"
    if run.gaps is not None:
        distance = run.gaps if not np.isfinite(distance).all() else distance
    if len(distance) < 8 or not np.isfinite(distance).all():
        return "max-steps"
    # Envelopes, so that the phase of an orbit plays no part.
    quarter = len(distance) // 4
    early, late = distance[quarter : 2 * quarter].max(), distance[-quarter:].max()
    if late == 0.0:
        return "converged"
    if early == 0.0:
        return "unstable"
    change = math.log(late / early)
    if kept and abs(change) < 1.0:
        return "cycle"
    if abs(change) < 0.02:
        # A slow spiral is told from an orbit by agreeing with its prediction.
        span = float(run.steps[-quarter:].mean() - run.steps[quarter : 2 * quarter].mean())
        expected = span * math.log(predicted) if predicted else 0.0
        if abs(expected) < 1e-6 or abs(change - expected) > 0.5 * abs(expected):
            return "cycle" if turning else "max-steps"
    # Less than a turn shows nothing: both stretches must agree with the whole.
    whole = math.log(distance[-1] / distance[0]) if distance[0] > 0 < distance[-1] else change
    if change * whole < 0:
        return "cycle" if turning and abs(change) < 0.2 else "max-steps"
    return "converging" if change < 0 else "unstable"


_PHRASES = {
    "converged": "reaches the equilibrium",
    "converging": "comes nearer",
    "cycle": "goes round",
    "unstable": "moves away",
    "diverged": "ends where numbers overflow or the velocity is not finite",
    "stalled": "stops: its implicit equation has no solution that Newton finds",
    "elsewhere": "rests, but at no known equilibrium",
    "max-steps": "goes on",
}


def _finding(method, made):
    """One sentence with a number in it."""
    steps = made["n_steps"]
    status = made["status"]
    when = f"at step {steps}" if status in ("diverged", "stalled") else f"after {steps} steps"
    phrase = _PHRASES["elsewhere" if made["at_rest"] and status == "stalled" else status]
    said = f"{status.upper()} {when}: {method.spec} {phrase}"
    if math.isfinite(made["end_over_start"]):
        said += f", distance x {significant(made['end_over_start'])}"
    period = _period(made["moves"])
    if period == 1:
        said += ", the actions stay"
    elif period:
        said += f", the pair of actions repeats every {period} moves"
    elif made["gaps"] is not None:
        said += f", gap {significant(made['gaps'][-1])}"
    factors = [
        f"{word} {made[f'factor_{word}']:.7g}"
        for word in ("predicted", "measured")
        if made[f"factor_{word}"] is not None
    ]
    return f"{said}; factor per step {', '.join(factors)}." if factors else f"{said}."


def _period(moves):
    """After how many moves the last pairs of actions repeat; 0 where they do not."""
    if moves is None or len(moves) < 4:
        return 0
    half = len(moves) // 2
    for period in range(1, min(half, 64) + 1):
        if np.array_equal(moves[-half:], moves[-half - period : len(moves) - period]):
            return period
    return 0


def _finding_of_all(runs):
    """The sentence for several runs: what each of them does."""
    if len(runs) == 1:
        return runs[0].finding
    words = {
        "converged": "converges", "converging": "comes nearer", "cycle": "cycles",
        "unstable": "moves away", "diverged": "diverges", "stalled": "stalls",
        "max-steps": "goes on",
    }  # fmt: skip
    said = []
    for run in runs:
        how = words[run.status]
        if math.isfinite(run.end_over_start):
            how += f" (x {significant(run.end_over_start)})"
        said.append(f"{run.label} {how}")
    steps = runs[0].n_steps
    same = all(run.n_steps == steps for run in runs)
    after = (
        f"after {steps} steps" if same else f"after at most {max(r.n_steps for r in runs)} steps"
    )
    return f"{after}: {', '.join(said)}."
