"""Equilibria: the known ones, those that are searched for, and whether a point is one."""

import numpy as np

from ratiogan.errors import InputError

AT_REST = 1e-9  # of the size of the field: a velocity below counts as none
_NEAR = 1e-10
_ROUNDED = 1e-3


def nearest_equilibrium(field, *states):
    """The equilibrium nearest to the first finite one of the states.

    Where the field knows none, one is searched for from each of them.

    Returns
    -------
    array (n,) or None
    """
    states = [np.asarray(state, dtype=float) for state in states if np.isfinite(state).all()]
    if field.equilibria:
        state = states[0] if states else field.start
        return min(field.equilibria, key=lambda at: float(field.distance(state[None], at)[0]))
    for state in states:
        found = find_equilibrium(field, state)
        if found is not None:
            return found
    return None


def find_equilibrium(field, near):
    """A point near `near` at which the velocity is 0, by Levenberg and Marquardt; None if none.

    Examples
    --------
    >>> from ratiogan.dynamics.vector_field import field_of
    >>> spiral = field_of(lambda z: (1 - z[1], z[0] - 2))
    >>> find_equilibrium(spiral, [0.0, 0.0]).round(6)
    array([2., 1.])
    """
    from scipy.optimize import root

    with np.errstate(all="ignore"):
        try:
            found = root(field.velocity, near, method="lm", options={"xtol": 1e-15, "ftol": 1e-15})
        except (ValueError, np.linalg.LinAlgError):
            return None
        point = np.where(np.abs(found.x) < _NEAR, 0.0, found.x)  # 1e-13 is said as 0
        off, exact = residual(field, found.x), residual(field, point)
    if min(off, exact) > AT_REST:
        return None
    return point if exact <= off else found.x


def refined(field, point):
    """`point`, or the equilibrium that it is a rounded copy of: within a thousandth of its size."""
    if residual(field, point) <= AT_REST or hasattr(field, "payoff"):
        return point
    found = find_equilibrium(field, point)
    if found is None:
        return point
    off = float(np.linalg.norm(found - point))
    return found if off <= _ROUNDED * (1.0 + float(np.linalg.norm(point))) else point


def residual(field, point):
    """How far from rest, over the size of the field near `point`; inf where it is not finite.

    That size is the largest entry of J, times 1 + |point|, and the speed at the field's start: a
    field may be flat at its equilibrium.
    """
    off, _ = field.unrest(point)
    if off == 0.0:
        return 0.0
    if not np.isfinite(off):
        return np.inf
    with np.errstate(all="ignore"):
        steepest = max(
            (float(np.abs(matrix).max(initial=0.0)) for matrix, _, _ in field.blocks(point)),
            default=0.0,
        )
        speed = field.norm(field.velocity(field.start)) / (1.0 + float(np.linalg.norm(field.start)))
    size = (1.0 + float(np.linalg.norm(point))) * max(steepest, speed)
    return off / size if size > 0 else np.inf


def _has_corner(field, point):
    """Whether one-sided slopes differ however short the way: a function of your own may do that."""
    gaps = []
    for step in (1e-3, 1e-6):
        ways = step * np.eye(field.size)
        above, below = field.velocity(point + ways), field.velocity(point - ways)
        gaps.append(np.abs(above + below - 2.0 * field.velocity(point)).max() / step)
    # Of a smooth field the gap shrinks with the step.
    return bool(gaps[1] > 1e-3 * np.abs(field.jacobian(point)).max() and gaps[1] > 0.5 * gaps[0])


def check_equilibrium(field, point):
    """`point`, if it is an equilibrium at which there is a Jacobian.

    Raises
    ------
    InputError
        With the residual, or why there is no Jacobian.
    """
    reason = None if field.kink is None else field.kink(point)
    if reason is not None:
        raise InputError(
            f"the Jacobian of {field.spec} at {field.said(point)} does not decide: {reason}.",
            argument="field",
            fix=f"See what it does: ratiogan dynamics {field.command}",
        )
    off, what = field.unrest(point)
    if field.own is not None and off <= AT_REST and _has_corner(field, point):
        raise InputError(
            f"the field {field.spec} has a corner at {field.said(point)}: the slopes of its "
            "velocity to both sides differ, and there is no Jacobian.",
            argument="field",
            fix=f"See what it does: ratiogan dynamics {field.command}",
        )
    if residual(field, point) > AT_REST:
        known = "; ".join(field.said(at) for at in field.equilibria[:3])
        if not known:
            found = find_equilibrium(field, point)
            known = "" if found is None else ",".join(f"{x:.9g}" for x in found)
        raise InputError(
            f"{field.said(point)} is no equilibrium of {field.spec}: {what} is {off:.3g} there.",
            argument="point",
            fix=f"Known: {known}." if known else "Leave it out, and one is searched for.",
        )
    return off
