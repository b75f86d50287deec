"""Games from your own losses: best response, signal, curvature and induced cost numerically.

`Induced` has the face of a row of the table of games; `check_row` holds a row against its losses.
"""

import math

import numpy as np

from ratiogan._losses import FIRST, call
from ratiogan._pointwise import Pointwise
from ratiogan._series import Table, as_flat, peak


class Induced:
    """Everything that follows from two losses and the generator's own, elementwise in R.

    Problem solved: f*(R) = argmin over the domain of l_r(f) + R l_g(f), Phi'(R) = u(f*(R)).
    R = 0 and R = inf take the limits, NaN and R < 0 give NaN.

    Parameters
    ----------
    loss_real, loss_gen, generator_loss : callable
        l_r, l_g and u: 1-D float arrays in, float arrays of the same shape out.
    domain : (float, float)
        The open interval of f; an end may be infinite. A minimum at a finite end is taken there.
    best_response : callable or None
        f*(R) where you know it; it is checked to be a minimum.
    name : str
        What messages call the game.

    Attributes
    ----------
    curvature_at_one : float
        Phi''(1); NaN where u jumps at R = 1.
    signal_at_one, signal_at_zero : float
        u at R = 1 (the mean of both sides of a jump) and its limit at R = 0, which may be -inf.
    sup_curvature, sup_ratio_curvature : float
        sup Phi'' and sup R Phi'' over R >= 0.
    slope_bound : float
        sup (u(R) - u(0))/R; NaN where u is not non-decreasing, inf where u(0) = -inf.
    convex : bool
        Whether u rises at R = 1 and falls nowhere in 1e-6 .. 1e6: E[Phi] is then convex with R = 1
        as its only minimum.
    convex_on : (float, float)
        The largest interval of R around 1 with Phi'' > 0, cut at 1e-6 and 1e6 and given as 0 and
        inf there; empty (1, 1) where Phi''(1) <= 0.
    has_kink : bool
        Whether u jumps at R = 1, or jumps elsewhere and is flat at R = 1.
    kinks : tuple of float
        All R where u jumps.

    Raises
    ------
    InputError
        Where a loss returns NaN, complex numbers or another shape on the domain, where no best
        response exists, or where `best_response` is not a minimum.

    Examples
    --------
    >>> own = Induced(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f), (0, 1))
    >>> bool(abs(own.signal(2.0) - np.log(3.0)) < 1e-14), own.signal_at_zero
    (True, 0.0)
    """

    def __init__(self, loss_real, loss_gen, generator_loss, domain, best_response=None, name="own"):
        self._losses = Pointwise(loss_real, loss_gen, generator_loss, domain, best_response, name)
        self._name = name
        self._table = Table(self._losses.at, self._losses.scale_of_signal)
        self._tails = {
            what: (self._table.tail(what, 0), self._table.tail(what, 1))
            for what in ("best_response", "signal", "curvature", "loss_gen")
        }
        self._set_signal_at_zero()
        self._facts()

    def best_response(self, ratio):
        """f*(R)."""
        return self._evaluate("best_response", ratio)

    def slopes(self, f):
        """l_r', l_g' and u' at f."""
        return self._losses.slopes(f)

    def signal(self, ratio):
        """u(f*(R)) = Phi'(R)."""
        return self._evaluate("signal", ratio)

    def curvature(self, ratio):
        """Phi''(R); +-inf at a jump of u."""
        return self._evaluate("curvature", ratio)

    def excess(self, ratio):
        """Phi(R) - Phi(1) - Phi'(1)(R-1), without cancellation near R = 1."""
        flat, shape = as_flat(ratio)
        out = self._table.excess(flat, self.signal_at_one)
        for side, mask in self._outside(flat):
            end = self._table.ends[side]
            at_end = self._table.excess(np.array([end]), self.signal_at_one)[0]
            tail = self._tails["signal"][side]
            out[mask] = at_end + tail.integral(flat[mask], end, self.signal_at_one)
        return out.reshape(shape)[()]

    def discriminator_cost(self, ratio):
        """l_r(f*(R)) + R l_g(f*(R))."""
        flat, shape = as_flat(ratio)
        out = self._table.values("discriminator_cost", flat)
        for side, mask in self._outside(flat):
            end = self._table.ends[side]
            at_end = self._table.values("discriminator_cost", np.array([end]))[0]
            # Its slope is l_g(f*): f* is a minimum.
            out[mask] = at_end + self._tails["loss_gen"][side].integral(flat[mask], end, 0.0)
        return out.reshape(shape)[()]

    def _evaluate(self, what, ratio):
        flat, shape = as_flat(ratio)
        if what == "best_response" and self._losses.best_response is not None:
            return call(self._losses.best_response, flat, "best_response", self._name, "R").reshape(
                shape
            )[()]
        out = self._table.values(what, flat)
        for side, mask in self._outside(flat):
            out[mask] = self._tails[what][side](flat[mask] / self._table.ends[side])
        if what == "best_response":
            out = np.clip(out, self._losses.domain.low, self._losses.domain.high)
        if self._table.jump_at_one:
            jump = self._table.jump_at_one * math.inf
            at_one = jump if what == "curvature" else 0.5 * sum(self._table.sides(what))
            out[flat == 1.0] = at_one
        return out.reshape(shape)[()]

    def _outside(self, ratio):
        """(side, mask) of the R >= 0 beyond either end of the table, where there are any."""
        low, high = self._table.ends
        for side, mask in enumerate(((ratio >= 0) & (ratio < low), ratio > high)):
            if mask.any():
                yield side, mask

    def _set_signal_at_zero(self):
        """u at R = 0: at argmin l_r where that is where the table leads, else its law's limit."""
        below, above = self._tails["signal"]
        limit, at_zero = below.limit, self._losses.signal_at_zero()
        if below.b and math.isfinite(limit) and abs(limit - at_zero) < 1e-3 * (1.0 + abs(limit)):
            self._tails["signal"] = (below.towards(at_zero), above)
        self.signal_at_zero = self._tails["signal"][0].limit

    # --- facts -----------------------------------------------------------------------------------

    def _facts(self):
        table = self._table
        at_one = self._losses.at(np.array([1.0]))
        kinks = table.jumps()
        if table.jump_at_one:
            self.signal_at_one = 0.5 * sum(table.sides("signal"))
            self.curvature_at_one = math.nan
        else:
            self.signal_at_one = float(at_one.signal[0])
            curvature = 0.5 * sum(table.sides("curvature"))
            near = np.exp(np.linspace(-1.0, 1.0, 9))
            zero = 1e-10 * np.max(np.abs(table.values("curvature", near)))
            self.curvature_at_one = curvature if abs(curvature) > zero else 0.0
        self.kinks = tuple(place for place, _ in kinks)
        self.has_kink = bool(table.jump_at_one) or bool(kinks and self.curvature_at_one == 0)
        ratio, curvature = table.samples("curvature")
        limits = [tail.limit for tail in self._tails["curvature"]]
        rises = any(jump > 0 for _, jump in kinks)
        self.sup_curvature = math.inf if rises else max(*limits, peak(self.curvature, ratio))
        limits_of_ratio = [table.tail("curvature", side, power=1).limit for side in (0, 1)]
        self.sup_ratio_curvature = (
            math.inf
            if rises
            else max(*limits_of_ratio, peak(lambda r: r * self.curvature(r), ratio))
        )
        core = (ratio >= 1e-6) & (ratio <= 1e6)
        non_decreasing = bool(np.all(curvature[core] >= 0)) and all(jump > 0 for _, jump in kinks)
        before, after = self.signal(np.array([0.95, 1.05])) - self.signal_at_one
        zero = 1e-10 * self._losses.scale_of_signal
        self.convex = bool(non_decreasing and before < -zero and after > zero)
        self.convex_on = self._convex_interval(ratio[core], curvature[core], kinks)
        self.slope_bound = math.nan
        if non_decreasing:
            self.slope_bound = math.inf
            if math.isfinite(self.signal_at_zero):
                after_jumps = [
                    (float(self.signal(place * (1.0 + 1e-8))) - self.signal_at_zero) / place
                    for place in self.kinks
                ]
                mean_slope = peak(
                    lambda r: (self.signal(r) - self.signal_at_zero) / r, ratio[ratio >= 1e-5]
                )
                self.slope_bound = max(limits[0], mean_slope, *after_jumps)

    def _convex_interval(self, ratio, curvature, kinks):
        if not (self.curvature_at_one > 0 or self._table.jump_at_one > 0):
            return (1.0, 1.0)
        bad = ratio[curvature <= 0]
        falls = [place for place, jump in kinks if jump < 0]
        below = max([r for r in (*bad, *falls) if r < 1], default=None)
        above = min([r for r in (*bad, *falls) if r > 1], default=None)
        ends = []
        for edge, open_end in ((below, 0.0), (above, math.inf)):
            if edge is None:
                ends.append(open_end)
                continue
            good = 1.0
            between = ratio[(ratio - edge) * (ratio - 1.0) < 0]
            if between.size:
                good = between[np.argmin(np.abs(between - edge))]
            for _ in range(60):
                middle = math.sqrt(edge * good)
                positive = self.curvature(middle) > 0
                edge, good = (edge, middle) if positive else (middle, good)
            ends.append(float(good))
        return tuple(ends)


def check_row(game):
    """Largest error of a row against its own losses, relative to 1 + |value|.

    For R from 1e-3 to 1e3, jumps of u left out: f* against a numerical minimum of
    l_r(f) + R l_g(f), its cost too; u against the generator's loss at f*; Phi' and Phi'' against
    eighth-order differences of Phi and Phi'; the discriminator's cost against the losses; and the
    stated facts (Phi''(1), u(1), u(0), the suprema, `convex`) against samples.

    Parameters
    ----------
    game : ratiogan.Game

    Returns
    -------
    float
        Below 1e-6 for a correct row.
    """
    ratio = np.exp(np.linspace(math.log(1e-3), math.log(1e3), 241))
    kinks = _kinks_of(game)
    for place in kinks:
        ratio = ratio[np.abs(np.log(ratio / place)) > 0.05]
    low, high = (float(end) for end in game.domain.strip("[]()").split(","))
    losses = Pointwise(*game._losses, (low, high), None, game.name)
    with np.errstate(all="ignore"):
        f = game.best_response(ratio)
        signal, curvature = game.signal(ratio), game.curvature(ratio)
        direct = losses.at(ratio)
        step = 0.004
        points = ratio * np.exp(step * np.arange(-4, 5))[:, None]
        costs, signals = game.cost(points), game.signal(points)
        weights = np.concatenate([-FIRST[::-1], [0.0], FIRST]) / step
        pairs = [
            (f, direct.best_response),
            (signal, game.generator_loss(f)),
            (ratio * signal, weights @ costs),
            (ratio * curvature, weights @ signals),
            (game.discriminator_cost(ratio), game.loss_real(f) + ratio * game.loss_gen(f)),
            (game.discriminator_cost(ratio), direct.discriminator_cost),
            *_fact_pairs(game, kinks),
        ]
    return max(_relative(stated, measured) for stated, measured in pairs)


def _fact_pairs(game, kinks):
    """What a row states next to what its functions show."""
    yield game.signal_at_one, game.signal(1.0)
    yield game.cost(1.0), 0.0
    if not math.isnan(game.curvature_at_one):
        yield game.curvature_at_one, game.curvature(1.0)
    near_zero = np.array([1e-9, 1e-12])
    drift = np.diff(game.signal(near_zero))[0]
    yield game.signal_at_zero, (-math.inf if drift < -1e-3 else game.signal(0.0))
    ratio = np.exp(np.linspace(-18.0, 18.0, 9001))
    for place in kinks:
        ratio = ratio[np.abs(np.log(ratio / place)) > 1e-3]
    curvature = game.curvature(ratio)
    before, after = game.signal(np.array([0.95, 1.05])) - game.signal_at_one
    strict = before < -1e-10 and after > 1e-10
    yield float(game.convex), float(strict and np.all(ratio * curvature >= -1e-12))
    if math.isfinite(game.signal_at_zero) and not math.isnan(game.slope_bound):

        def mean_slope(r):
            return (game.signal(r) - game.signal_at_zero) / r

        sampled = max(peak(mean_slope, ratio[ratio > 1e-6]), curvature[0])
        yield game.slope_bound, (math.inf if _grows(mean_slope(ratio)) else sampled)
    if kinks:
        return
    for stated, power in ((game.sup_curvature, 0), (game.sup_ratio_curvature, 1)):

        def bend(r, power=power):
            return r**power * game.curvature(r)

        yield stated, (math.inf if _grows(bend(ratio)) else max(0.0, peak(bend, ratio)))


def _grows(values):
    """Whether samples on a log grid still grow where they end."""
    return max(values[0] / values[250], values[-1] / values[-251]) > 1.1


def _kinks_of(game):
    """R in 1e-3 .. 1e3 where the signal of a row jumps."""
    if not game.has_kink:
        return []
    edges = np.exp(np.linspace(-7.0, 7.0, 1402))
    values = game.signal(edges)
    places = []
    for at in np.flatnonzero(np.abs(np.diff(values)) > 1e-2):
        low, high = edges[at], edges[at + 1]
        for _ in range(60):
            middle = 0.5 * (low + high)
            nearer = abs(game.signal(middle) - values[at]) < abs(
                game.signal(middle) - values[at + 1]
            )
            low, high = (middle, high) if nearer else (low, middle)
        places.append(high)
    return places


def _relative(stated, measured):
    stated, measured = np.atleast_1d(stated), np.atleast_1d(measured)
    with np.errstate(invalid="ignore"):
        error = np.abs(stated - measured) / (1.0 + np.abs(stated))
    error = np.where(stated == measured, 0.0, error)  # equal infinities
    return float(np.max(np.where(np.isnan(error), np.inf, error)))
