"""A loss of your own as a function of f: values checked, three derivatives, domain and scan.

Derivatives are complex steps where the function allows it (checked against central differences:
np.abs breaks them without a word), else central differences of eighth order. Their steps are
powers of 2, so that f + k h is exact however near f is to an end of its domain, and shrink where
half the step gives another value: beside a kink.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from ratiogan.errors import InputError, InputTypeError

EPS = float(np.finfo(np.float64).eps)
_FAR = 50.0  # beyond |f| = _FAR on an infinite domain a loss may overflow to NaN

# Central differences of eighth order: weights of g(f + k h), k = 1..4, for three derivatives.
FIRST = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
_SECOND = np.array([8 / 5, -1 / 5, 8 / 315, -1 / 560])
_SECOND_CENTRE = -205 / 72
_THIRD = np.array([-61 / 30, 169 / 120, -3 / 10, 7 / 240])


class Domain:
    """The open domain of f: its scan, dense towards both ends, and its local length scale."""

    def __init__(self, domain):
        try:
            low, high = (float(end) for end in domain)
        except (TypeError, ValueError):
            raise InputTypeError(
                f"domain must be two numbers (low, high), got {domain!r}.",
                argument="domain",
                fix="Pass domain=(0, 1).",
            ) from None
        if not low < high:
            raise InputError(
                f"domain must have its lower end first, got ({low:g}, {high:g}).",
                argument="domain",
                fix="Pass domain=(low, high); an end may be float('inf').",
            )
        self.low, self.high = low, high
        self.points = self._scan()
        self.near = np.abs(self.points) <= _FAR
        self.near |= math.isfinite(low) and math.isfinite(high)

    def _scan(self):
        t = np.linspace(-40.0, 40.0, 801)
        low, high = self.low, self.high
        if math.isfinite(low) and math.isfinite(high):
            share = np.exp(-np.logaddexp(0.0, np.abs(t)))  # of the width, to the nearer end
            f = np.where(t < 0, low + (high - low) * share, high - (high - low) * share)
        elif math.isfinite(low):
            f = low + np.exp(t)
        elif math.isfinite(high):
            f = high - np.exp(-t)
        else:
            f = np.sinh(t)
        f = np.unique(f)
        f = f[(f > low) & (f < high)]
        # Differences need some 1000 floats between neighbours.
        return f[self.scale(f) > 1024.0 * np.spacing(np.abs(f))]

    def scale(self, f):
        """Length over which a smooth loss changes at f; the distance to the ends at most."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            return (f - self.low) * (self.high - f) / (self.high - self.low)
        if math.isfinite(self.low):
            return f - self.low
        if math.isfinite(self.high):
            return self.high - f
        return np.hypot(1.0, f)


@dataclass(frozen=True)
class Derivatives:
    """A loss and its derivatives at some f, and the round-off of the first two."""

    value: np.ndarray
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    first_noise: np.ndarray
    second_noise: np.ndarray


class Loss:
    """One of the user's functions of f, with checked values and three derivatives."""

    def __init__(self, function, argument, domain, game):
        if not callable(function):
            raise InputTypeError(
                f"{game}: {argument} must be a function of f, got {function!r}.",
                argument=argument,
                fix="Pass a function that takes and returns an array.",
            )
        self.function, self.argument, self.domain, self.game = function, argument, domain, game
        self.on_scan = self._check(domain)
        near = np.abs(self.on_scan[domain.near])
        self.typical = float(np.median(near[np.isfinite(near)]))
        self.complex_step = self._allows_complex_step()

    def value(self, f):
        return call(self.function, f, self.argument, self.game, "f")

    def slope(self, f):
        """l'(f)."""
        if self.complex_step:
            return self._complex_slope(f)
        return self._converged(self.value, f, (_first_difference,))[0][0]

    def derivatives(self, f):
        """l, l', l'', l''' and the round-off of the first two derivatives."""
        value = self.value(f)
        if self.complex_step:
            first = self._complex_slope(f)
            found, noise = self._converged(
                self._complex_slope, f, (_first_difference, _second_difference)
            )
            return Derivatives(value, first, found[0], found[1], np.zeros_like(value), noise[0])
        found, noise = self._converged(
            self.value, f, (_first_difference, _second_difference, _third_difference)
        )
        return Derivatives(value, *found, *noise[:2])

    def _check(self, domain):
        values = self.value(domain.points)
        if not np.array_equal(values, self.value(domain.points), equal_nan=True):
            raise InputError(
                f"{self.game}: {self.argument} gives different values for the same f.",
                argument=self.argument,
                fix="Take the randomness out of it.",
            )
        bad = np.isnan(values) | (values == -np.inf)
        if bad.any() and self.argument == "generator_loss":
            bad = np.isnan(values)  # u may be -inf at an end
        bad &= domain.near
        if bad.any():
            at = np.flatnonzero(bad)[np.argmin(_distance(domain, bad))]
            raise InputError(
                f"{self.game}: {self.argument}({domain.points[at]:.6g}) is {values[at]}, on the "
                f"domain ({domain.low:g}, {domain.high:g}).",
                argument=self.argument,
                fix="Give the domain where the loss is finite, or write the loss without overflow "
                "(np.log1p, np.logaddexp, np.expm1).",
            )
        if not np.isfinite(values[domain.near]).any():
            raise InputError(
                f"{self.game}: {self.argument} is infinite on the whole domain "
                f"({domain.low:g}, {domain.high:g}).",
                argument=self.argument,
                fix="Check its sign and the domain.",
            )
        return np.where(np.isnan(values), np.inf, values)

    def _complex_slope(self, f):
        step = 1e-40 * self.domain.scale(f)
        with np.errstate(all="ignore"):
            return np.imag(self.function(f + 1j * step)) / step

    def _allows_complex_step(self):
        """Whether f + ih gives the value and the derivative that real arithmetic gives."""
        f, rules = self.domain.points[self.domain.near][::3], (_first_difference,)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # float64 of a complex number warns
                value = np.asarray(self.function(f + 1e-40j * self.domain.scale(f)))
                if value.shape != f.shape or not np.iscomplexobj(value):
                    return False
                real, steps = self.value(f), self._complex_slope(f)
                step = self._first_step(f)
                (central,), (noise,) = self._differences(self.value, f, step, rules)
                (other,), _ = self._differences(self.value, f, 0.5 * step, rules)
                size = np.abs(central) + np.abs(steps) + 1e-3 * np.abs(real) / self.domain.scale(f)
                # Kinks and round-off, where differences disagree among themselves, prove nothing.
                usable = np.isfinite(steps + real) & (noise + np.abs(central - other) < 1e-7 * size)
                agree = np.abs(steps - central) <= 1e-6 * size
                agree &= np.abs(value.real - real) <= 1e-9 * (1.0 + np.abs(real))
        except Exception:  # whatever a user's function raises on complex numbers
            return False
        return bool(np.mean(usable) > 0.2 and np.mean(agree[usable]) > 0.98)

    def _converged(self, function, f, rules):
        """Differences with the step that agrees best with half of itself, per point and rule.

        Long steps have the least round-off; beside a kink only short ones do not reach across it.
        """
        step, todo = self._first_step(f), np.arange(f.size)
        best = np.full((len(rules), 3, f.size), np.inf)  # value, round-off, gap to half the step
        for _ in range(5):
            whole, noise = self._differences(function, f[todo], step[todo], rules)
            half, half_noise = self._differences(function, f[todo], 0.5 * step[todo], rules)
            rough = np.zeros(todo.size, dtype=bool)
            for i in range(len(rules)):
                gap = np.abs(whole[i] - half[i])
                off = gap > 1e-9 * np.abs(half[i]) + 4.0 * (noise[i] + half_noise[i])
                value, _, last = best[i][:, todo]
                move = np.abs(whole[i] - value)
                # Round-off may agree by chance; but then the step moves by more than the last gap.
                sound = np.isinf(last) | (move <= 4.0 * last) | (move > 1e-4 * np.abs(whole[i]))
                better = sound & (gap < 0.1 * last)
                found = np.stack([whole[i], noise[i] + np.where(off, gap, 0.0), gap])
                best[i][:, todo[better]] = found[:, better]
                if i < max(1, len(rules) - 1):  # the highest only helps to remove a rounding
                    rough |= off
            todo = todo[rough]
            todo = todo[step[todo] > 64.0 * np.spacing(np.abs(f[todo]))]
            if not todo.size:
                break
            step[todo] *= 0.125
        best[~np.isfinite(best)] = np.nan
        return best[:, 0], best[:, 1]

    def _first_step(self, f):
        """The longest step of differences: a power of 2, so that f + k h is exact."""
        return np.exp2(np.floor(np.log2(self.domain.scale(f) / 128.0)))

    def _differences(self, function, f, step, rules):
        """Derivatives of `function` at f with one step per point, and their round-off."""
        points = f + np.arange(-4, 5)[:, None] * step
        with np.errstate(all="ignore"):
            values = function(points.ravel()).reshape(points.shape)
            size = np.max(np.abs(values), axis=0)
            if function == self.value:
                size = size + 0.1 * self.typical  # what is small may be a difference in the loss
            found = [rule(values, step) for rule in rules]
            orders = range(1, len(rules) + 1)
            noise = [2.0**order * EPS * size / step**order for order in orders]
        return found, noise


def _first_difference(values, step):
    return FIRST @ (values[5:] - values[3::-1]) / step


def _second_difference(values, step):
    return (_SECOND_CENTRE * values[4] + _SECOND @ (values[5:] + values[3::-1])) / step**2


def _third_difference(values, step):
    return _THIRD @ (values[5:] - values[3::-1]) / step**3


def _distance(domain, mask):
    """How far points lie from the middle of the domain: messages name the most ordinary one."""
    f = domain.points[mask]
    return -domain.scale(f) if math.isfinite(domain.low + domain.high) else np.abs(f)


def call(function, x, argument, game, letter):
    """function(x) as float64 of the same shape, refused with what came."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(function(x.copy()))
    except Exception as error:
        raise InputError(
            f"{game}: {argument} failed on an array of {x.size} values of {letter}: "
            f"{type(error).__name__}: {error}.",
            argument=argument,
            fix="Write it with NumPy functions that take arrays.",
        ) from error
    if value.shape != x.shape:
        raise InputError(
            f"{game}: {argument} must return an array of the shape of {letter}, {x.shape}, got "
            f"{value.shape}.",
            argument=argument,
            fix=f"Write it elementwise; a constant c is c + 0 * {letter}.",
        )
    if np.iscomplexobj(value) or value.dtype.kind not in "fiub":
        raise InputError(
            f"{game}: {argument} must return real numbers, got {value.dtype} "
            f"({value.flat[0]} at {letter} = {x.flat[0]:.6g}).",
            argument=argument,
            fix="Check its powers and logarithms on the domain.",
        )
    return value.astype(np.float64)


def check_callable(best_response, game):
    if best_response is not None and not callable(best_response):
        raise InputTypeError(
            f"{game}: best_response must be a function of R, got {best_response!r}.",
            argument="best_response",
            fix="Pass a function that takes and returns an array, or leave it out.",
        )
    return best_response
