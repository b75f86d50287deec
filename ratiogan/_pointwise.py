"""Best response, signal and curvature at given R, straight from three losses.

For every R the best response minimises l_r(f) + R l_g(f): it is the global minimum on a scan of the
domain (800 points, finer towards its ends), refined by bisection on the sign of the derivative, so
that a kink is found as exactly as a root. Several local minima are allowed; where the lowest
changes place, f* and u jump. Then Phi' = u(f*) and, by the implicit function theorem,
Phi'' = -u'(f*) l_g'(f*) / (l_r''(f*) + R l_g''(f*)).
"""

import math

import numpy as np

from ratiogan._losses import EPS, Domain, Loss, call, check_callable
from ratiogan._series import Values
from ratiogan.errors import InputError


class Pointwise:
    """The losses of a game and what follows from them at any finite R > 0.

    Parameters are those of `ratiogan._numeric.Induced`.

    Examples
    --------
    >>> losses = (lambda f: (f - 1) ** 2, lambda f: f**2, lambda f: -(f**2))
    >>> values = Pointwise(*losses, (-np.inf, np.inf)).at(np.array([1.0, 3.0]))
    >>> values.best_response.round(12).tolist()
    [0.5, 0.25]
    """

    def __init__(self, loss_real, loss_gen, generator_loss, domain, best_response=None, name="own"):
        self.domain = domain = Domain(domain)
        losses = {"loss_real": loss_real, "loss_gen": loss_gen, "generator_loss": generator_loss}
        self._real, self._gen, self._generator = (
            Loss(function, argument, domain, name) for argument, function in losses.items()
        )
        self.best_response = check_callable(best_response, name)
        self._game = name
        pair = (self._real, self._gen)
        self._cost_on_scan = np.stack([loss.on_scan for loss in pair])
        self._slope_on_scan = np.stack([loss.slope(domain.points) for loss in pair])
        self._ends = [
            end if math.isinf(end) or self._is_finite_at(end) else domain.points[at]
            for end, at in ((domain.low, 0), (domain.high, -1))
        ]
        self.scale_of_signal = 0.0
        core = self.at(np.exp(np.linspace(-2.0, 2.0, 9)))
        self._check_bounded(core)
        self.scale_of_signal = float(np.max(np.abs(core.signal[np.isfinite(core.signal)])))

    def slopes(self, f):
        """l_r', l_g' and u' at f (1-D), inside the domain."""
        with np.errstate(all="ignore"):
            return tuple(loss.slope(f) for loss in (self._real, self._gen, self._generator))

    def at(self, ratio):
        """All quantities at finite R > 0 (1-D), from the losses themselves."""
        with np.errstate(all="ignore"):
            f, inside = self._minimise(ratio)
            if self.best_response is not None:
                f, inside = self._check_given(ratio, f)
            real, gen = self._real.derivatives(f), self._gen.derivatives(f)
            u = self._generator.derivatives(f)
            slope = real.first + ratio * gen.first
            bend = real.second + ratio * gen.second
            # f is a float: near an end of the domain its last bit matters. One Newton step in
            # exact differences removes it from u and Phi'' (to second order).
            shift = -slope / bend
            resolution = 8.0 * np.spacing(np.abs(f)) + 1e-5 * self.domain.scale(f)
            smooth = inside & (bend > 0) & (np.abs(shift) <= resolution)
            slope_noise = EPS * (np.abs(real.first) + ratio * np.abs(gen.first))
            slope_noise += real.first_noise + ratio * gen.first_noise
            smooth &= ~self._is_kink(f, ratio, slope_noise)
            shift = np.where(smooth, shift, 0.0)
            slope_u = u.first + shift * u.second
            slope_g = gen.first + shift * gen.second
            bend = bend + shift * (real.third + ratio * gen.third)
            response = -slope_g / bend  # df*/dR
            noise = slope_noise / bend
            signal = np.where(smooth, u.value + shift * u.first, u.value)
            curvature = np.where(smooth, slope_u * response, 0.0)
            curvature_noise = (
                np.abs(response) * u.first_noise
                + np.abs(slope_u / bend) * gen.first_noise
                + np.abs(curvature / bend) * (real.second_noise + ratio * gen.second_noise)
                + 8.0 * EPS * np.abs(curvature)
            )
            # A flat stretch of u must not come out as curvature of either sign.
            flat = np.abs(slope_u) <= 4.0 * u.first_noise
            curvature = np.where(smooth & flat & (u.first_noise > 0), 0.0, curvature)
            return Values(
                best_response=f + shift,
                signal=signal,
                curvature=curvature,
                discriminator_cost=real.value + ratio * gen.value,
                loss_gen=np.where(smooth, gen.value + shift * gen.first, gen.value),
                noise={
                    "best_response": np.where(smooth, noise, 0.0) + EPS * np.abs(f),
                    "signal": np.where(smooth, noise * np.abs(slope_u), 0.0)
                    + 4.0 * EPS * (np.abs(signal) + self.scale_of_signal),
                    "curvature": np.where(smooth, curvature_noise, 0.0),
                    "discriminator_cost": 4.0
                    * EPS
                    * (
                        np.abs(real.value)
                        + self._real.typical
                        + ratio * (np.abs(gen.value) + self._gen.typical)
                    ),
                },
            )

    def signal_at_zero(self):
        """u at the minimum of l_r alone, which is f*(0); NaN where that is not to be had."""
        with np.errstate(all="ignore"):
            f, inside = self._minimise(np.array([0.0]))
            if not inside[0]:
                f = np.where(f > self.domain.points[0], self.domain.high, self.domain.low)
            return float(self._generator.value(f)[0])

    def _minimise(self, ratio):
        """argmin of l_r + R l_g, and whether it lies inside the domain rather than at an end."""
        scan = self.domain.points
        best = np.concatenate(
            [self._on_scan(part) for part in np.split(ratio, range(512, ratio.size, 512))]
        )
        at_low, at_high = best == 0, best == scan.size
        low, high = scan[np.maximum(best - 1, 0)], scan[np.minimum(best, scan.size - 1)]
        wide_low = scan[np.maximum(best - 2, 0)]
        wide_high = scan[np.minimum(best + 1, scan.size - 1)]
        for _ in range(64):
            middle = low + 0.5 * (high - low)
            falls = self._slope(middle, ratio) < 0
            low = np.where(falls, middle, low)
            high = np.where(falls, high, middle)
        # Of the two last floats the lower cost; a kink is one of them.
        f = np.where(self._cost(low, ratio) <= self._cost(high, ratio), low, high)
        if not (self._real.complex_step and self._gen.complex_step):
            f = self._prefer_kink(f, ratio, wide_low, wide_high)
        f = np.where(at_low, self._ends[0], np.where(at_high, self._ends[1], f))
        return f, ~(at_low | at_high)

    def _on_scan(self, ratio):
        """Where the lowest minimum lies: at the low end 0, before scan point k, at the high end."""
        cost = self._cost_on_scan[0] + ratio[:, None] * self._cost_on_scan[1]
        slope = self._slope_on_scan[0] + ratio[:, None] * self._slope_on_scan[1]
        # Slopes tell floats near an end apart that costs do not; where they overflow, costs do.
        lowest = np.argmin(np.where(np.isnan(cost), np.inf, cost), axis=1)
        beyond = np.arange(cost.shape[1]) - lowest[:, None]
        falls = np.where(np.isnan(slope), beyond < 0, slope < 0)
        minima = np.full((ratio.size, cost.shape[1] + 1), np.inf)
        turns = falls[:, :-1] & ~falls[:, 1:]
        minima[:, 1:-1] = np.where(turns, np.fmin(cost[:, :-1], cost[:, 1:]), np.inf)
        minima[:, 0] = np.where(falls[:, 0], np.inf, cost[:, 0])
        minima[:, -1] = np.where(falls[:, -1], cost[:, -1], np.inf)
        return np.argmin(np.where(np.isnan(minima), np.inf, minima), axis=1)

    def _slope(self, f, ratio):
        return self._real.slope(f) + ratio * self._gen.slope(f)

    def _is_kink(self, f, ratio, noise):
        """Whether the cost has a corner at f: then f stays where it is when R changes."""
        rises = []
        for reach in (1e-5, 1e-3):
            step = np.maximum(reach * self.domain.scale(f), 6.4e6 * reach * np.spacing(np.abs(f)))
            rises.append(self._slope(f + step, ratio) - self._slope(f - step, ratio))
        # The rise of a smooth slope over a hundredth of the way is a hundredth.
        return (10.0 * rises[0] > rises[1]) & (rises[0] > 100.0 * noise)

    def _is_finite_at(self, f):
        f = np.array([f])
        losses = (self._real, self._gen, self._generator)
        return all(np.isfinite(loss.value(f)[0]) for loss in losses)

    def _cost(self, f, ratio):
        return self._real.value(f) + ratio * self._gen.value(f)

    def _prefer_kink(self, f, ratio, first, last):
        """Golden section, for kinks that central differences smear: kept where it lies lower."""
        reach = 1e-3 * self.domain.scale(f)
        low, high = np.maximum(first, f - reach), np.minimum(last, f + reach)
        golden = 0.5 * (math.sqrt(5.0) - 1.0)
        for _ in range(75):
            left, right = high - golden * (high - low), low + golden * (high - low)
            falls = self._cost(left, ratio) > self._cost(right, ratio)
            low, high = np.where(falls, left, low), np.where(falls, high, right)
        other = 0.5 * (low + high)
        size = np.abs(self._real.value(f)) + ratio * np.abs(self._gen.value(f))
        lower = self._cost(other, ratio) < self._cost(f, ratio) - 16.0 * EPS * size
        return np.where(lower, other, f)

    def _check_given(self, ratio, found):
        """The user's f*, refused where it is not a minimum."""
        given = call(self.best_response, ratio, "best_response", self._game, "R")
        excess = self._cost(given, ratio) - self._cost(found, ratio)
        size = np.abs(self._real.value(found)) + ratio * np.abs(self._gen.value(found))
        outside = (given < self.domain.low) | (given > self.domain.high)
        # The losses' own round-off is all that far out, where one of them dwarfs the other.
        wrong = outside | ~(excess <= 1e-12 * (ratio + 1.0 / ratio) * size + 1e-300)
        if wrong.any():
            at = int(np.argmin(np.where(wrong, np.abs(np.log(ratio)), np.inf)))
            r = f"{ratio[at]:.4g}"
            raise InputError(
                f"{self._game}: best_response({r}) = {given[at]:.6g} does not minimise "
                f"loss_real(f) + {r} loss_gen(f), which is lower by {excess[at]:.2g} at "
                f"f = {found[at]:.6g}.",
                argument="best_response",
                fix="Correct it, or leave it out: it is then found numerically.",
            )
        return given, (given > self.domain.low) & (given < self.domain.high)

    def _check_bounded(self, values):
        """Refuse losses without a minimum: they fall for ever towards an infinite end."""
        f = values.best_response
        if np.isfinite(f).all():
            return
        side = "infinity" if f[~np.isfinite(f)][0] > 0 else "minus infinity"
        raise InputError(
            f"{self._game}: the discriminator has no best response near R = 1, because "
            f"loss_real(f) + R loss_gen(f) keeps falling as f goes to {side}.",
            argument="domain",
            fix="Give a bounded domain=(low, high), or check the signs of the losses.",
        )
