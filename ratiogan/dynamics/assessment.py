"""Is an equilibrium stable? Eigenvalues, the theorem that decides, its assumptions, step limits."""

import math
import time

import numpy as np

from ratiogan.catalogue import FIELDS
from ratiogan.dynamics.equilibria import (
    check_equilibrium,
    nearest_equilibrium,
    refined,
)
from ratiogan.dynamics.fields import parameter_matters, with_parameter
from ratiogan.dynamics.integrators import field_at, measured_factor, simulate
from ratiogan.dynamics.methods import check_method, method_of
from ratiogan.dynamics.records import (
    Assumption,
    EigenvaluePath,
    MethodStability,
    Stability,
    complex_text,
)
from ratiogan.dynamics.spectra import spectral_radius, step_limits
from ratiogan.dynamics.vector_field import rank_tolerance
from ratiogan.errors import InputError, check_number, check_positive
from ratiogan.spec import parse
from ratiogan.text import significant

MEASURED_STEPS = 500
WRITTEN_OUT = 8  # a larger Jacobian is not printed entry by entry
_COMPARED = 256  # a larger one is not compared with a dense one, which would take seconds
_FAR = 1e100  # squares of what is farther out overflow
_NUDGE = 1e-5  # how far from the equilibrium the measured run starts

# The parameter whose path is drawn where none is asked for.
_NATURAL = ("gamma", "eta", "sigma", "tau")


def stability(field, point=None, methods=(), alpha="auto", sweep=None):
    """The local stability of an equilibrium of a field.

    Parameters
    ----------
    field : str, Field or callable
        As for `ratiogan.dynamics.field`.
    point : sequence of float, optional
        The equilibrium; default the field's first, or one that is searched for from its start.
    methods : sequence of str
        Default flow (unless there is clipping), simultaneous, alternating, extragradient.
    alpha : float or "auto"
        The step size at which spectral radii are given.
    sweep : (str, list), optional
        A parameter of the field, and values between which the eigenvalues are followed; by
        default a parameter that the field's name sets, or the weight eta of the generator's
        regulariser eta \\|grad_D V\\|^2.

    Returns
    -------
    Stability

    Raises
    ------
    InputError
        If `point` is no equilibrium (with the residual), or there is no Jacobian.

    References
    ----------
    Nagarajan and Kolter 2017, "Gradient descent GAN optimization is locally stable"; Mescheder,
    Geiger and Nowozin 2018.

    Examples
    --------
    >>> found = stability("dirac:loss=gan,reg=r1,gamma=0.5")
    >>> found.verdict, found.eigenvalues.round(4)
    ('exponentially stable', array([-0.25+0.433j, -0.25-0.433j]))
    """
    with np.errstate(all="ignore"):
        return _stability(field, point, methods, alpha, sweep)


def _stability(field, point, methods, alpha, sweep):
    began = time.perf_counter()
    field = field_at(field, point)
    if point is None:
        point = nearest_equilibrium(field, field.start)
        if point is None:
            raise InputError(
                f"no equilibrium of {field.spec} was found near its start "
                f"{field.said(field.start)}.",
                argument="point",
                fix="Pass the point, or start nearer to it.",
            )
    else:
        point = field.check_state(point, "point")
        if np.abs(point).max() > _FAR:
            raise InputError(
                f"point must lie within {_FAR:g} of 0, got {field.said(point)}.", argument="point"
            )
        point = refined(field, point)
    residual = check_equilibrium(field, point)
    alpha = field.alpha if alpha == "auto" else check_positive("alpha", alpha)
    chosen = [_check_linear(method_of(text), field) for text in methods or _shown(field)]
    blocks = field.blocks(point)
    eigenvalues, multiplicities, errors = _eigenvalues(blocks, field.jacobian_error)
    neutral, modulo = field.neutral(point)
    verdict = _verdict(eigenvalues, errors, neutral)
    assumptions = _assumptions(field, point)
    rows = tuple(_assess(method, field, point, alpha) for method in chosen)
    small = field.size <= WRITTEN_OUT and len(blocks[0][0]) == field.size
    made = {
        "field": field, "point": point, "residual": residual,
        "jacobian": blocks[0][0] if small else None, "agreement": _agreement(field, point),
        "eigenvalues": eigenvalues, "multiplicities": multiplicities, "verdict": verdict,
        "neutral": neutral, "assumptions": assumptions, "alpha": alpha, "methods": rows,
        "theorem": _theorem(field, verdict, assumptions),
        "path": eigenvalue_path(field, point, sweep),
    }  # fmt: skip
    notes = [_replicator_note(field, point) for one in chosen if one.name == "replicator"]
    return Stability(
        **made,
        finding=_finding(made, modulo),
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )


def _replicator_note(field, point):
    values = _eigenvalues(field.replicator_blocks(point))[0]
    return (
        "The eigenvalues above are those of the projected gradient; the replicator's are "
        f"{', '.join(dict.fromkeys(complex_text(value) for value in values))}."
    )


def _check_linear(method, field):
    """Refuse a method that has no step size and no linear map near an equilibrium."""
    if method.name in ("fictitious-play", "best-response"):
        raise InputError(
            f"{method.name} jumps between pure actions: it has no step size, and no eigenvalues.",
            argument="method",
            fix=f"See what it does: ratiogan dynamics {field.spec} --method {method.name}",
        )
    return check_method(method, field)


def _shown(field):
    """The methods where none is asked for; no flow where there is clipping, which it cannot do."""
    clipped = np.isfinite([*field.lower, *field.upper]).any()
    return (*(() if clipped else ("flow",)), "simultaneous", "alternating", "extragradient")


# --- eigenvalues ---------------------------------------------------------------------------------


def _eigenvalues(blocks, relative_error=0.0):
    """Eigenvalues of every block, the largest real part first; how often each occurs, how far each
    may be off where J is off by `relative_error` of its size."""
    values, counts, errors = [], [], []
    for matrix, _, count in blocks:
        found, off = _with_errors(matrix, relative_error)
        values.append(found)
        errors.append(off)
        counts.append(np.full(len(matrix), count))
    values, counts, errors = (np.concatenate(parts) for parts in (values, counts, errors))
    order = np.lexsort((-values.imag, -np.abs(values.imag).round(12), -values.real.round(12)))
    return values[order], counts[order], errors[order]


def _with_errors(matrix, relative):
    """Eigenvalues, and bounds on their errors of first order: the size of the error of J times the
    condition of the eigenvalue; for an eigenvalue that is (nearly) defective its n-th root."""
    values, right = np.linalg.eig(matrix)
    size = float(np.linalg.norm(matrix, 2)) if matrix.size else 0.0
    worst = size * relative ** (1.0 / max(1, len(matrix)))
    try:
        left = np.linalg.inv(right)
    except np.linalg.LinAlgError:
        return values.astype(complex), np.full(len(values), worst)
    condition = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=0)
    return values.astype(complex), np.minimum(condition * size * relative, worst)


def _verdict(values, errors, neutral):
    """The word for it, once the directions of the subspace of equilibria are set aside.

    A real part smaller than its own error is 0.
    """
    kept = np.argsort(np.abs(values), kind="stable")[neutral:]
    real = values.real[kept]
    real = np.where(np.abs(real) <= errors[kept], 0.0, real)
    if (real > 0).any():
        return "unstable"
    if not real.size or (real == 0).any():
        return "marginal"
    return "stable modulo equilibria" if neutral else "exponentially stable"


def _others(values, neutral):
    """The eigenvalues but for the `neutral` smallest, which are those of other equilibria."""
    return values[np.argsort(np.abs(values), kind="stable")][neutral:]


def _agreement(field, point):
    """The largest difference of the Jacobian in use from those found in other ways."""
    if field.size > _COMPARED:
        return {}
    blocks = field.blocks(point)
    if len(blocks) > 1 or len(blocks[0][0]) != field.size:
        return _agreement_of_blocks(field, point, blocks)
    matrix = blocks[0][0]
    ways = {"central differences": "differences"}
    if field.is_analytic:
        ways = {"complex step": "complex-step", **ways}
    return {
        name: float(np.abs(field.jacobian(point, how) - matrix).max()) for name, how in ways.items()
    }


def _agreement_of_blocks(field, point, blocks):
    """Blocks stand for a dense Jacobian with the same eigenvalues, nearest to nearest."""
    dense = np.linalg.eigvals(field.jacobian(point, "differences"))
    values = [np.repeat(np.linalg.eigvals(matrix), count) for matrix, _, count in blocks]
    values = np.concatenate(values).astype(complex)
    # A dense Jacobian may have more zeros: directions off the set that the field lives on.
    values = np.append(values, np.zeros(max(0, dense.size - values.size)))
    from scipy.optimize import linear_sum_assignment

    apart = np.abs(values[:, None] - dense[None, :])
    return {"dense eigenvalues": float(apart[linear_sum_assignment(apart)].max())}


def eigenvalue_path(field, point, sweep=None, count=161):
    """The eigenvalues of J against one parameter of the field; None where it has none.

    Parameters
    ----------
    field : Field
    point : array (n,)
        The equilibrium that is followed.
    sweep : (str, list), optional
    count : int
        Points of the path, besides the values of the sweep.

    Returns
    -------
    EigenvaluePath or None
    """
    key, values, make = _path_parameter(field, point, sweep)
    if key is None:
        return None
    low, high = min(values), max(values)
    grid = np.unique(np.concatenate([np.linspace(low, high, count), values]))

    def at(value):
        made = make(float(value))
        if made.kink is not None and made.kink(point) is not None:
            return None
        place = nearest_equilibrium(made, point)
        place = point if place is None else place
        matrices = [matrix for matrix, _, _ in made.blocks(place)]
        if not all(np.isfinite(matrix).all() for matrix in matrices):
            return None
        return np.concatenate([np.linalg.eigvals(matrix) for matrix in matrices]).astype(complex)

    found = [(value, at(value)) for value in grid]
    found = [(value, numbers) for value, numbers in found if numbers is not None]
    if len(found) < 2:
        return None
    rows = [np.sort_complex(found[0][1])]
    for _, numbers in found[1:]:
        rows.append(_matched(rows[-1], rows[-2] if len(rows) > 1 else rows[-1], numbers))
    grid = np.array([value for value, _ in found])
    rows = np.array(rows)
    given = () if sweep is None else tuple(values)
    return EigenvaluePath(key, grid, rows, _critical(grid, rows, at), given)


def _path_parameter(field, point, sweep):
    """Name and values of the parameter, and how a field with another value is made."""

    def remade(key):
        return lambda value: with_parameter(field, key, value)

    def more_regularised(value):
        return field.regularised(eta=value - field.eta)

    own = FIELDS[field.name].defaults if field.name in FIELDS else {}
    if sweep is not None:
        key, values = sweep
        values = [check_number(f"sweep of {key}", value) for value in values]
        if key == "eta" and not (key in own and parameter_matters(field, key)):
            return key, values, more_regularised
        low, high = (with_parameter(field, key, values[0] + more) for more in (0.0, 1.0))
        if key in own and low.spec == high.spec:
            raise InputError(
                f"{key} makes no difference to {field.spec}.",
                argument="sweep",
                fix="Sweep a parameter that it uses, or eta.",
            )
        return key, values, remade(key)
    options = parse(field.spec).options if field.name in FIELDS else {}
    for key in _NATURAL:
        if float(options.get(key, 0)) > 0 and (key, options[key]) != ("tau", 1):
            return key, [0.1 if key == "tau" else 0.0, 4.0 * float(options[key])], remade(key)
    if 0 < field.n_gen < field.size and not hasattr(field, "payoff"):
        scale = _cross_scale(field, point)
        if scale > 0:
            return "eta", [0.0, 2.0 / scale], more_regularised
    return None, (), None


def _cross_scale(field, point):
    """The largest singular value of the cross term: its inverse is a critical eta of a WGAN."""
    sizes = [
        np.linalg.norm(matrix[n_gen:, :n_gen], 2)
        for matrix, n_gen, _ in field.blocks(point)
        if 0 < n_gen < len(matrix)
    ]
    return max(sizes, default=0.0)


def _matched(last, before, numbers):
    """The eigenvalues in the order that continues their paths: nearest to where they head."""
    from scipy.optimize import linear_sum_assignment

    ahead = 2.0 * last - before
    _, order = linear_sum_assignment(np.abs(ahead[:, None] - numbers[None, :]))
    return numbers[order]


def _critical(values, rows, at):
    """Where a complex pair becomes real, or the other way, and where stability is won or lost."""
    scale = max(float(np.abs(rows).max()), 1e-300)

    def pairs(numbers):
        return int(np.sum(np.abs(numbers.imag) > 1e-7 * scale))

    def growing(numbers):
        # What stays 0 along the whole path is a subspace of equilibria.
        return int(np.sum((np.abs(numbers) > 1e-9 * scale) & (numbers.real > 1e-10 * scale)))

    found = []
    for name, count in (("pairs", pairs), ("growing", growing)):
        counts = [count(row) for row in rows]
        for i in np.flatnonzero(np.diff(counts)):
            low, high = values[i], values[i + 1]
            for _ in range(60):
                middle = 0.5 * (low + high)
                numbers = at(middle)
                if numbers is None:
                    break
                low, high = (middle, high) if count(numbers) == counts[i] else (low, middle)
            more = counts[i + 1] > counts[i]
            text = {
                ("pairs", False): "a pair becomes real",
                ("pairs", True): "a real pair becomes complex",
                ("growing", False): "stability is won",
                ("growing", True): "stability is lost",
            }[name, more]
            found.append((float(0.5 * (low + high)), text))
    return tuple(sorted(found))


# --- methods -------------------------------------------------------------------------------------


def _assess(method, field, point, alpha):
    """One row: the radius at alpha, the limits, and a run near the equilibrium."""
    blocks = method.blocks(field, point)
    neutral = method.neutral(field, point)
    measured = _measure(method, field, point, alpha)
    nothing = np.empty(0)
    if method.is_flow:
        others = _others(_eigenvalues(blocks)[0], neutral)
        rate = float(others.real.max()) if others.size else 0.0
        measured = None if measured is None else math.log(measured) / alpha
        return MethodStability(
            method.spec, None, math.nan, math.nan, math.nan, measured, rate, nothing, nothing
        )
    radius = float(spectral_radius(method, blocks, alpha, neutral)[0])
    largest, best, least, alphas, radii = step_limits(
        method, blocks, neutral, error=field.jacobian_error
    )
    return MethodStability(method.spec, radius, largest, best, least, measured, None, alphas, radii)


def _measure(method, field, point, alpha):
    """The factor per step of a run that starts near the equilibrium; None if there is none."""
    start = field.nudged(point, _NUDGE)
    try:
        run = simulate(field, start, method.spec, alpha, max_steps=MEASURED_STEPS, tol=0.0)
    except InputError:  # a flow over too long a time, or one that leaves the simplices
        return None
    away = field.away(run.states, point)
    sizes = np.linalg.norm(away, axis=1)
    # Up to where it leaves the neighbourhood in which it is linear, or comes near its rounding:
    # some 1e-16 of a step, 1e-13 of a flow.
    floor = 1e-4 if method.is_flow else 1e-5
    near = (sizes < 1e3 * sizes[0]) & (sizes > floor * sizes[0])
    last = int(np.argmin(near)) if not near.all() else len(near)
    remembers = len(run.multipliers) > sum(len(m) for m, _, _ in field.blocks(point))
    return measured_factor(run.steps[:last], away[:last], remembers)


# --- words ---------------------------------------------------------------------------------------


def _assumptions(field, point):
    """Those of Nagarajan and Kolter's theorem, on the game without its penalty."""
    game = field.bare if field.bare is not None else field
    without = f" without the {field.damping}" if field.bare is not None else ""
    if not 0 < game.n_gen < game.size or hasattr(game, "payoff"):
        return ()
    bends, pulls, rests, idle = [], [], [], 0
    for matrix, n_gen, count in game.blocks(point):
        tol = rank_tolerance(matrix)
        curved, cross = matrix[n_gen:, n_gen:], matrix[n_gen:, :n_gen]
        curvatures = np.linalg.eigvalsh(0.5 * (curved + curved.T))
        bends.extend(curvatures)
        if n_gen:
            singular = np.linalg.svd(cross, compute_uv=False) if cross.size else np.zeros(n_gen)
            pulls.extend(np.append(singular, np.zeros(n_gen - singular.size)))
        if matrix[:n_gen, :n_gen].size:
            rests.append(float(np.abs(matrix[:n_gen, :n_gen]).max()))
        # Idle: where the discriminator's curvature, or the pull on the generator, is 0.
        slack = n_gen - np.linalg.matrix_rank(cross, tol=tol) if n_gen else 0
        idle += count * (int(np.sum(curvatures > -tol)) + int(slack))
    tol = 1e-9 * max(1.0, *(abs(x) for x in bends))
    strict, full = bool(max(bends) < -tol), bool(min(pulls) > tol)
    neutral, _ = game.neutral(point)
    flat = max(rests, default=0.0)
    found = (
        Assumption(
            "I realisable", "p_g = p_r at the equilibrium, and D = 0 there",
            bool(game.matched) or None, game.matched or "not known for this field",
        ),
        Assumption(
            "II curvature", f"the discriminator's Hessian{without} is negative definite", strict,
            f"its largest eigenvalue is {significant(max(bends) + 0.0)}",
        ),
        Assumption(
            "III rank", "the cross term grad_G grad_D V has full column rank", full,
            f"its smallest singular value is {significant(min(pulls))}",
        ),
        Assumption(
            "subspace", "where II or III fail, they do so along equilibria only",
            None if strict and full else bool(idle == neutral),
            f"{idle} flat, {neutral} of equilibria",
        ),
        Assumption(
            "linear in G",
            "grad^2_G V = 0 at the equilibrium"
            + (", though V is concave in both players" if game.concave else ""),
            bool(flat <= tol) if game.zero_sum else None,
            f"its largest entry is {significant(flat)}",
        ),
    )  # fmt: skip
    return (*found, _damping(field, point)) if field.eta else found


def _damping(field, point):
    """The condition under which the regulariser makes J Hurwitz for its eta.

    With P of full column rank J is similar to [[K - 2 eta P P^T, P], [-P^T, 0]], which is Hurwitz
    where K - 2 eta P P^T < 0 (errata.md, 003; the derivation is in the tests).
    """
    worst = -math.inf
    for matrix, n_gen, _ in (field.bare or field.regularised(eta=-field.eta)).blocks(point):
        curved, cross = matrix[n_gen:, n_gen:], matrix[n_gen:, :n_gen]
        if curved.size:
            damped = 0.5 * (curved + curved.T) - 2.0 * field.eta * cross @ cross.T
            worst = max(worst, float(np.linalg.eigvalsh(damped).max()))
    return Assumption(
        "regulariser", "K - 2 eta P P^T is negative definite (K, P: II and III)", worst < 0.0,
        f"its largest eigenvalue is {significant(worst + 0.0)}",
    )  # fmt: skip


def _theorem(field, verdict, assumptions):
    """The theorem that decides, as a sentence."""
    names = {item.name: item.holds for item in assumptions}
    plain = bool(names) and field.zero_sum and names["linear in G"]
    apply = plain and field.bare is None
    strict = names.get("II curvature") and names.get("III rank")
    if verdict == "exponentially stable":
        if apply and names["I realisable"] and strict:
            though = ", although V is concave for both players" if field.concave else ""
            return (
                "Nagarajan and Kolter 2017: assumptions I to III hold, so simultaneous gradient "
                f"descent is locally exponentially stable{though}."
            )
        if plain and names.get("regulariser") and names["III rank"]:
            return (
                "The regulariser eta |grad_D V|^2: K - 2 eta P P^T < 0 and P of full column rank "
                "make J Hurwitz, for every eta > 0 that does (Nagarajan and Kolter 2017; the "
                "slides' 'when eta not too large' is sufficient, not necessary)."
            )
        why = f"; the {field.damping} supplies the damping" if field.bare is not None else ""
        return (
            "Linearization theorem: all eigenvalues have negative real parts, so it is "
            f"exponentially stable{why}."
        )
    if verdict == "stable modulo equilibria":
        return (
            "All eigenvalues but those along the subspace of equilibria have negative real parts: "
            "exponentially stable modulo that subspace (Nagarajan and Kolter 2017, relaxed "
            "assumptions)."
        )
    if verdict == "unstable":
        return "Linearization theorem: an eigenvalue with positive real part makes it unstable."
    if field.conserved is not None:
        orbits = "its orbits close" if field.size == 2 else "it keeps its distance"
        return (
            "The linearization theorem does not decide; the flow conserves "
            f"{field.conserved.text}, so {orbits}: stable, not asymptotically."
        )
    return "The linearization theorem does not decide: an eigenvalue lies on the imaginary axis."


_VERDICTS = {
    "exponentially stable": "EXPONENTIALLY STABLE",
    "stable modulo equilibria": "STABLE",
    "marginal": "MARGINAL",
    "unstable": "UNSTABLE",
}


def _finding(made, modulo):
    """The verdict with its numbers, and what it means for steps."""
    field, verdict = made["field"], made["verdict"]
    values, counts = made["eigenvalues"], made["multiplicities"]
    said = f"{_VERDICTS[verdict]} at {field.said(made['point'])}"
    some = "both eigenvalues have" if counts.sum() == 2 else f"all {counts.sum()} eigenvalues have"
    if made["neutral"]:
        said += f" modulo {modulo}"
        some = "all other eigenvalues have"
    real = _others(values, made["neutral"]).real
    if not real.size:
        return f"{said}: nothing moves nearby."
    if verdict == "unstable":
        parts = [f"an eigenvalue has real part {significant(real.max(), 4)}"]
    elif verdict == "marginal":
        axis = np.abs(values.real) <= 1e-9 * np.abs(values).max()
        turning = float(np.abs(values.imag[axis]).max(initial=0.0))
        part = f"eigenvalues such as +-{significant(turning, 4)}i" if turning else "one is 0"
        if counts.sum() == 2 and turning:
            part = f"the eigenvalues are +-{significant(turning, 4)}i"
        parts = [f"{part}, on the imaginary axis" if turning else part]
    else:
        parts = [f"{some} real part {_upto(real)}"]
    steps = [row for row in made["methods"] if row.radius is not None]
    if steps:
        parts.append(_limit_text(steps[0]))
    return f"{said}: {'; '.join(parts)}."


def _upto(real):
    """The real parts: one number, or what they are at most."""
    worst = float(real.max())
    if np.ptp(real) <= 1e-9 * max(1.0, abs(worst)):
        return significant(worst, 4)
    return f"at most {significant(worst, 4)}"


def _limit_text(row):
    if row.largest_alpha == 0.0:
        if math.isfinite(row.best_radius) and row.best_radius < 1:
            return f"{row.method} steps converge for some alpha, not for all small ones"
        return f"{row.method} steps converge for no alpha"
    if math.isinf(row.largest_alpha):
        return f"{row.method} steps converge for every alpha"
    return f"{row.method} steps converge for alpha < {significant(row.largest_alpha, 4)}"
