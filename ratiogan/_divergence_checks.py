"""The table of divergences, verified: every statement of a row against brute force.

A row says more than its formula: its conjugate, its best critic, its price of singular mass, the
losses it comes from. Each is tried on s from 1e-3 to 1e3 by searching, not by differentiating.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan._divergence_rows import ROWS, divergence_row
from ratiogan._divergence_types import Divergence

LIMIT = 1e-9  # errors of a correct row stay below, relative to 1 + |value|

_S = np.concatenate([[0.0], np.logspace(-3, 3, 31)])
_ZOOMS = 12
_POINTS = 33


@dataclass(frozen=True)
class RowCheck:
    """What was tried on one row.

    Attributes
    ----------
    row : Divergence
    errors : dict of str to float
        The largest error of each check, relative to 1 + |value|.
    max_error : float
        The largest of them, NaN if one is.
    ok : bool
        Whether all stay below `LIMIT`.
    """

    row: Divergence
    errors: dict

    @property
    def name(self):
        """The row's name, parameters included."""
        return self.row.name

    @property
    def max_error(self):
        """The largest error, NaN if one is."""
        return float(np.max(list(self.errors.values())))

    @property
    def ok(self):
        """Whether the row holds."""
        return self.max_error <= LIMIT

    @property
    def wrong(self):
        """The checks that fail."""
        return tuple(name for name, error in self.errors.items() if not error <= LIMIT)

    def to_dict(self):
        """For JSON."""
        return {
            **self.row.to_dict(),
            "errors": dict(self.errors),
            "max_error": self.max_error,
            "ok": self.ok,
        }


def table(names=None):
    """The divergences of `ratiogan table`, each with its check.

    Parameters
    ----------
    names : str, Divergence or sequence of them, optional
        Which rows; all by default. A name may carry parameters: ``"alpha:alpha=2"``.

    Returns
    -------
    tuple of RowCheck
        ``.row`` (a `Divergence`), ``.errors``, ``.max_error``, ``.ok``.

    Raises
    ------
    InputError
        For an unknown name, with the nearest ones.

    Notes
    -----
    Tried are: f(1) = 0; convexity at midpoints; the conjugate against the largest t s - f(s) over
    s; the bound s T - f*(T) <= f(s) and its equality at T*(s); T* as a subgradient; f against the
    largest s T - f*(T) over T; where the row has losses, f against -inf over h of
    l_+(h) + s l_-(h), and that h*(s) attains it; f(0), f'(inf) and f''(1) against f.

    Examples
    --------
    >>> check = table("jsd")[0]
    >>> check.ok, check.row.formula
    (True, '.5 (s log s - (1+s) log((1+s)/2))')
    """
    if names is None:
        rows = ROWS.values()
    elif isinstance(names, (str, Divergence)):
        rows = [divergence_row(names)]
    else:
        rows = [divergence_row(name) for name in names]
    return tuple(_checked(row) for row in rows)


def _checked(row):
    with np.errstate(all="ignore"):
        errors = {
            "f(1) = 0": abs(float(row.f(1.0))),
            "convex": _convexity(row),
            "conjugate": _conjugate(row),
            "variational bound": _bound(row),
            "subgradient": _subgradient(row),
            "f from its conjugate": _from_conjugate(row),
            "limits": _limits(row),
            "curvature": _curvature(row),
        }
        if row.losses is not None:
            errors["brute force over h"], errors["h* attains it"] = _losses(row)
    return RowCheck(row, {name: float(error) for name, error in errors.items()})


def _largest(found, expected):
    """The largest error relative to 1 + |expected|; equal infinities are no error."""
    gap = np.where(found == expected, 0.0, np.abs(found - expected) / (1.0 + np.abs(expected)))
    return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


def _excess_over(values, bound):
    """By how much `values` lie above `bound`, relative to 1 + |bound|."""
    gap = np.where(values <= bound, 0.0, (values - bound) / (1.0 + np.abs(bound)))
    return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


def _search(value, low, high):
    """The largest value(x) for x in [low, high], per entry: a grid, then ever finer ones."""
    low, high = np.broadcast_arrays(np.asarray(low, dtype=float), np.asarray(high, dtype=float))
    share = np.linspace(0.0, 1.0, 20 * _POINTS + 1)
    best = np.full(low.shape, -np.inf)
    a, b = low, high
    for _ in range(_ZOOMS):
        x = a[..., None] + (b - a)[..., None] * share
        found = value(x)
        found = np.where(np.isnan(found), -np.inf, found)
        at = np.argmax(found, axis=-1)[..., None]
        best = np.maximum(best, np.take_along_axis(found, at, -1)[..., 0])
        step = (b - a) * (share[1] - share[0])
        centre = np.take_along_axis(x, at, -1)[..., 0]
        a, b = np.maximum(low, centre - 1.5 * step), np.minimum(high, centre + 1.5 * step)
        share = np.linspace(0.0, 1.0, _POINTS)
    return best


def _over_s(value, count):
    """The largest value(s) over s = 0 and s in [1e-12, 1e12], for `count` entries."""
    span = np.full(count, 12.0 * math.log(10.0))
    zero = value(np.zeros((count, 1)))[:, 0]
    return np.fmax(zero, _search(lambda x: value(np.exp(x)), -span, span))


def _convexity(row):
    a, b = _S[:, None], _S[None, :]
    mean = 0.5 * (row.f(a) + row.f(b))
    return _excess_over(row.f(0.5 * (a + b)), mean)


def _conjugate(row):
    t = row.optimal(_S)
    t = np.unique(t[np.isfinite(t)])
    middle = 0.5 * (t[1:] + t[:-1])
    t = np.concatenate([[t[0] - 1.0], t, middle])
    # Above f'(inf) the supremum is infinite: nothing to search.
    t = t[t <= row.slope_at_infinity]
    found = _over_s(lambda s: t[:, None] * s - row.f(s), t.size)
    return _largest(found, row.conjugate(t))


def _bound(row):
    inside = _S[np.isfinite(row.optimal(_S))]
    t = row.optimal(inside)
    tight = inside * t - row.conjugate(t)
    over = inside[:, None] * t[None, :] - row.conjugate(t)[None, :]
    loose = _excess_over(over, np.broadcast_to(row.f(inside)[:, None], over.shape))
    return max(_largest(tight, row.f(inside)), loose)


def _subgradient(row):
    inside = _S[np.isfinite(row.optimal(_S))][:, None]
    line = row.f(inside) + row.optimal(inside) * (_S[None, :] - inside)
    return _excess_over(line, np.broadcast_to(row.f(_S)[None, :], line.shape))


def _from_conjugate(row):
    """f(s) = sup over T of s T - f*(T), T anywhere between f'(0) and f'(inf)."""
    s = _S[1:]
    ends = row.optimal(np.array([1e-8, 1e8]))
    low = row.optimal(np.zeros(()))
    low = float(low) if np.isfinite(low) else float(ends[0])
    high = row.slope_at_infinity if np.isfinite(row.slope_at_infinity) else float(ends[1])
    if not high > low:
        return np.inf
    # T runs over many decades near one end: search in s first, then between the best T.
    x = np.logspace(-8, 8, 4001)
    t = np.unique(np.concatenate([[low], row.optimal(x), [high]]))
    values = s[:, None] * t - row.conjugate(t)
    at = np.argmax(np.where(np.isnan(values), -np.inf, values), axis=1)
    first = np.take_along_axis(values, at[:, None], 1)[:, 0]
    left, right = t[np.maximum(at - 1, 0)], t[np.minimum(at + 1, t.size - 1)]
    finer = _search(lambda T: s[:, None] * T - row.conjugate(T), left, right)
    return _largest(np.fmax(first, finer), row.f(s))


def _limits(row):
    """f(0) and f'(inf), and the stated range."""
    errors = [_largest(row.f(0.0), row.value_at_zero)]
    middle, far = (float(row.f(s) / s) for s in (1e150, 1e300))
    if math.isinf(row.slope_at_infinity):
        errors.append(0.0 if far > 2.0 or far > 1.2 * middle > 0 else np.inf)
    else:
        # Alpha near 1 comes close too slowly to be seen there: then it must still be on its way.
        gap, before = (abs(value - row.slope_at_infinity) for value in (far, middle))
        errors.append(0.0 if gap < 0.95 * before else gap)
    if math.isinf(row.value_at_zero):
        errors.append(0.0 if row.f(1e-300) > max(2.0, 1.2 * row.f(1e-150)) else np.inf)
    return max(errors)


def _curvature(row):
    """f''(1) by differences of eighth order; a kink has none, a straight piece 0."""
    step = 0.01
    weights = np.array([-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560])
    offsets = step * np.arange(5)
    values = row.f(1.0 + offsets) + row.f(1.0 - offsets)
    values[0] *= 0.5
    found = float(weights @ values) / step**2
    if math.isnan(row.curvature):
        jump = (row.f(1.0 + step) + row.f(1.0 - step)) / step
        return 0.0 if jump > 0.1 else np.inf
    return _largest(found, row.curvature)


def _losses(row):
    """f against -inf over h of the losses, and the losses at h* against that infimum."""
    losses = row.losses
    s = _S[1:]
    low, high = (math.copysign(min(abs(end), 1.0), end) for end in losses.domain)
    unbounded = math.isinf(losses.domain[1])

    def loss(x):
        h = np.tan(0.5 * math.pi * x) if unbounded else x
        return losses.plus(h) + s[:, None] * losses.minus(h)

    least = -_search(lambda x: -loss(x), np.full(s.size, low), np.full(s.size, high))
    best = losses.best(s)
    attained = losses.plus(best) + s * losses.minus(best)
    return _largest(losses.shift - least, row.f(s)), _largest(attained, least)
