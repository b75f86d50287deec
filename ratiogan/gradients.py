"""Where an optimal discriminator saturates, and where the critic of W1 does not.

A generator moves its points against the slope of a loss u(y): log(1 - D*) in the minimax game,
-log D* with the "log D trick", -f* in a WGAN. With D* = 1/(1+R) both slopes of D* follow from that
of log R,

    d/dy log(1 - D*) = D* d/dy log R,    d/dy (-log D*) = (1 - D*) d/dy log R,

in general R Phi''(R) d/dy log R for a game of the table: where p_g lives and p_r does not, D* = 0
takes away the first and leaves the second. The slope of f* is +1 or -1.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ratiogan.distribution import Distribution
from ratiogan.presets import problem
from ratiogan.text import html_table, table
from ratiogan.transport.line import LineTransport, line_points, transport_line

_NORMAL = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class Slope:
    """The slope of one generator loss u between neighbouring cells, and how much of p_g sees it.

    Attributes
    ----------
    loss : str
        u as it is written: ``log(1-D*)``.
    values : array (N - 1,)
        (u(y_(i+1)) - u(y_i))/(y_(i+1) - y_i). Infinite where u is on one side; NaN where it is on
        both, or where neither distribution has mass, so that D* may be anything.
    shares : array (N - 1,)
        The mass of p_g that sees each of them: half of each of the two cells, all of the outer half
        of the first and the last one.
    """

    loss: str
    values: np.ndarray
    shares: np.ndarray = field(repr=False)

    @cached_property
    def median(self):
        """At least half of p_g sees a slope of at most this size; NaN where half sees none."""
        sizes = np.where(self._seen, np.abs(self.values), np.inf)
        order = np.argsort(sizes, kind="stable")
        below = np.cumsum(self.shares[order])
        middle = sizes[order][np.searchsorted(below, 0.5 * below[-1])]
        return float(middle) if np.isfinite(middle) else np.nan

    @cached_property
    def mean(self):
        """E_g[du/dy]: the derivative of E_g[u] as all of p_g is shifted; NaN if some see none."""
        if self.none > 0:
            return np.nan
        return float(self.shares @ np.where(self.shares > 0, self.values, 0.0))

    @cached_property
    def zero(self):
        """The share of p_g that sees a slope of exactly 0."""
        return float(self.shares.sum(where=self.values == 0))

    @cached_property
    def none(self):
        """The share of p_g that sees no slope, for u is infinite there."""
        return float(self.shares.sum(where=~self._seen))

    @property
    def _seen(self):
        return np.isfinite(self.values)

    def agrees(self, other):
        """The share of p_g on which two slopes have the same sign, neither being 0."""
        with np.errstate(invalid="ignore"):
            return float(self.shares.sum(where=np.sign(self.values) * np.sign(other.values) == 1))


@dataclass(frozen=True, eq=False)
class Saturation:
    """The optimal discriminator and critic of two distributions, and the slopes they offer.

    Attributes
    ----------
    real, gen : Distribution
        p_r and p_g, on one axis.
    log_ratio : array (N,)
        log R: -inf where p_g = 0, +inf where p_r = 0, NaN where neither has mass.
    discriminator : array (N,)
        D* = 1/(1+R), from log R: 0 or 1 only where a double can hold nothing nearer.
    transport : LineTransport
        W1 and its critic, mass at the centres.
    places : array (N - 1,)
        Half way between neighbouring cell centres, where the slopes stand.
    discriminator_slope, critic_slope : array (N - 1,)
        Of D* and of f*; that of f* is -1, 0 or +1.
    minimax, non_saturating, wasserstein : Slope
        Of log(1 - D*), -log D* and -f*. A generator that descends its loss moves against them.
    """

    real: Distribution = field(repr=False)
    gen: Distribution = field(repr=False)
    log_ratio: np.ndarray = field(repr=False)
    discriminator: np.ndarray = field(repr=False)
    transport: LineTransport = field(repr=False)
    places: np.ndarray = field(repr=False)
    discriminator_slope: np.ndarray = field(repr=False)
    critic_slope: np.ndarray = field(repr=False)
    minimax: Slope
    non_saturating: Slope
    wasserstein: Slope

    @property
    def critic(self):
        """f* at the cell centres, with E_r[f*] = 0."""
        return self.transport.critic

    @property
    def losses(self):
        """The three slopes, the critic's last."""
        return self.minimax, self.non_saturating, self.wasserstein

    def share_at_zero(self):
        """The share of p_g on which D* is exactly 0 in double precision."""
        return float(self.gen.mass.sum(where=self.discriminator == 0))

    def share_at_one(self):
        """The share of p_r on which D* is exactly 1 in double precision."""
        return float(self.real.mass.sum(where=self.discriminator == 1))

    def share_rounded(self, dtype=np.float64):
        """The share of p_g on which 1 - D* is exactly 1 in the arithmetic of `dtype`.

        Who computes log(1 - D) from D, and not from its logit, finds it flat there.
        """
        one = np.ones((), dtype=dtype)
        rounded = one - self.discriminator.astype(dtype) == one
        return float(self.gen.mass.sum(where=rounded))

    @property
    def finding(self):
        """What half of p_g sees of each loss, and why, in two or three sentences."""
        if not np.any(self.transport.difference):
            return "EQUAL: p_g = p_r in every cell, D* = 1/2 and all three slopes are 0."
        said = "The median slope over p_g is " + ", ".join(
            f"{_number(slope.median)} for {slope.loss}" for slope in self.losses[:2]
        )
        said += f" and {_number(self.wasserstein.median)} for the critic."
        if self.non_saturating.none > 0:
            said += (
                f" On {_percent(self.non_saturating.none)} of p_g -log D* is infinite and has no"
                " slope."
            )
        else:
            said += (
                f" The first is the share D* of the slope of log R (median {self._median_d():.2g})"
                ", the second the rest."
            )
        return " ".join([said, *self._rounding()])

    def _median_d(self):
        order = np.argsort(self.discriminator)
        below = np.cumsum(self.gen.mass[order])
        return self.discriminator[order][np.searchsorted(below, 0.5 * below[-1])]

    def _rounding(self):
        single, double = (self.share_rounded(kind) for kind in (np.float32, np.float64))
        if single == 0:
            return []
        return [
            f"In single precision 1 - D* rounds to 1 on {_percent(single)} of p_g, in double on"
            f" {_percent(double)}."
        ]

    def rows(self):
        """Per loss: name, median and mean slope, shares of p_g that see 0, none, the critic's sign.

        Returns
        -------
        list of tuple of str
        """
        return [
            (
                slope.loss,
                _number(slope.median),
                _number(slope.mean),
                _percent(slope.zero),
                _percent(slope.none),
                _percent(slope.agrees(self.wasserstein)),
            )
            for slope in self.losses
        ]

    def summary(self):
        """The rows as a table of text, with what double precision makes of D*."""
        lines = [table(_HEADINGS, self.rows(), align="<>>>>>"), ""]
        for value, share, side, other in (
            (0, self.share_at_zero(), "p_g", "p_r"),
            (1, self.share_at_one(), "p_r", "p_g"),
        ):
            alone = self._alone(side)
            said = f"{other} = 0 there"
            if share > alone:
                said = f"{other} = 0 on {_percent(alone)}, the rest is rounding"
            where = f"on {_percent(share)} of {side}: {said}" if share else f"nowhere on {side}"
            lines.append(f"D* = {value} exactly {where}")
        return "\n".join(lines)

    def _alone(self, side):
        """The share of one distribution where the other has no mass."""
        one, other = (self.gen, self.real) if side == "p_g" else (self.real, self.gen)
        return float(one.mass.sum(where=other.mass == 0))

    def plot(self, style="slide", command=None):
        """The figure: D*, the critic and the slopes, as a Matplotlib ``Figure``."""
        from ratiogan import plots

        return plots.figure(self, style=style, command=command)

    def _repr_html_(self):
        return html_table(_HEADINGS, self.rows())


_HEADINGS = ("loss", "median slope", "mean slope", "see 0", "see none", "with the critic")


def saturation(*, gen=None, real=None, grid=None, domain=None):
    """The slopes that an optimal discriminator and an optimal critic offer to a generator.

    Compares, between all neighbouring cells of a line, d/dy of log(1 - D*), of -log D* and of -f*,
    where D* = p_r/(p_r + p_g) and f* is the critic of W1. Any two distributions will do: where they
    do not overlap R = p_g/p_r is 0 or infinite.

    Parameters
    ----------
    gen, real : Distribution or str, optional
        p_g and p_r on one grid of one axis, or presets; by default the default problem.
    grid, domain : optional
        Of two presets, as for `presets.problem`.

    Returns
    -------
    Saturation
        Slopes per unit of the axis, masses at the cell centres.

    Raises
    ------
    InputError
        If the grids differ, have more than one axis or one of categories.

    Notes
    -----
    The slopes are the exact difference quotients of the losses, found from those of log R without
    cancellation, so that they keep their relative accuracy where D* itself is 0 or 1 to all digits.
    For Gaussians of equal variance log R is linear: -log D* is as steep as log R itself where p_g
    lives, only log(1 - D*) and D* are flat. For disjoint supports log(1 - D*) is exactly flat and
    -log D* infinite; in double precision a Gaussian's mass, too, is 0 beyond 38 standard
    deviations. The critic's slope is 0 where both distribution functions agree exactly.

    References
    ----------
    Goodfellow et al. 2014, "Generative Adversarial Networks", NeurIPS (both losses). Arjovsky,
    Chintala, Bottou 2017, "Wasserstein Generative Adversarial Networks", ICML, section 3 with its
    figure of two Gaussians.

    Examples
    --------
    >>> found = saturation(
    ...     real="normal:mean=-3,sd=1", gen="normal:mean=3,sd=1", domain="-8:8"
    ... )
    >>> [f"{slope.median:.3g}" for slope in found.losses]
    ['9.14e-08', '6', '1']
    >>> from ratiogan import Distribution, Grid
    >>> grid = Grid.regular(4, 0, 4)
    >>> p_r = Distribution.from_mass([0.5, 0.5, 0, 0], grid)
    >>> found = saturation(real=p_r, gen=Distribution.from_mass([0, 0, 0.5, 0.5], grid))
    >>> for slope in found.losses:
    ...     print(slope.loss, slope.values)
    log(1-D*) [nan inf  0.]
    -log D* [ 0. inf nan]
    -f* [1. 1. 1.]
    """
    real, gen = problem(real, gen, grid, domain)
    points = line_points(real.grid)
    found = transport_line(gen=gen, real=real)
    p, q = real.mass, gen.mass
    log_ratio = _log_quotient(q, p)
    start, end = log_ratio[:-1], log_ratio[1:]
    with np.errstate(invalid="ignore"):
        rise = _log_quotient(q[1:], q[:-1]) - _log_quotient(p[1:], p[:-1])
        rise = np.where(np.isfinite(start) & np.isfinite(end), rise, end - start)
    discriminator = _sigmoid(-log_ratio)
    gaps = np.diff(points)
    critic_slope = found.signs  # and not the differences of f*, which are rounded

    shares = 0.5 * (q[1:] + q[:-1])
    shares[0] += 0.5 * q[0]
    shares[-1] += 0.5 * q[-1]
    return Saturation(
        real=real,
        gen=gen,
        log_ratio=log_ratio,
        discriminator=discriminator,
        transport=found,
        places=points[:-1] + 0.5 * gaps,
        discriminator_slope=_discriminator_rise(discriminator, start, end, rise) / gaps,
        critic_slope=critic_slope,
        # log(1 - D*) = -softplus(-log R) and -log D* = softplus(log R).
        minimax=Slope("log(1-D*)", (0.0 - _softplus_rise(-start, -end, -rise)) / gaps, shares),
        non_saturating=Slope("-log D*", _softplus_rise(start, end, rise) / gaps, shares),
        wasserstein=Slope("-f*", 0.0 - critic_slope, shares),
    )


def _log_quotient(above, below):
    """log(above/below) of masses >= 0, to a few ulp; NaN for 0/0."""
    with np.errstate(all="ignore"):
        quotient = above / below
        near = (quotient >= 0.5) & (quotient <= 2.0)
        safe = (quotient >= _NORMAL) & (quotient < np.inf)
        far = np.where(safe, np.log(quotient), np.log(above) - np.log(below))
        return np.where(near, np.log1p((above - below) / below), far)


def _sigmoid(x):
    """1/(1 + e^-x), accurate relative to itself down to the smallest double."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus_rise(start, end, rise):
    """log(1 + e^end) - log(1 + e^start), where `rise` is end - start without its round-off."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        size = np.abs(rise)
        # A short rise from two values that agree in many digits.
        short = np.log1p(_sigmoid(np.minimum(start, end)) * np.expm1(size))
        far = np.logaddexp(0.0, end) - np.logaddexp(0.0, start)
        return np.where(size <= 1.0, np.sign(rise) * short, far)


def _discriminator_rise(discriminator, start, end, rise):
    """D*(end) - D*(start) as a product, which does not cancel where D* is near 1."""
    with np.errstate(invalid="ignore", under="ignore"):
        low, high = np.minimum(start, end), np.maximum(start, end)
        size = _sigmoid(-low) * _sigmoid(high) * -np.expm1(-np.abs(rise))
        # Both infinite: nothing rises; neither has mass: NaN.
        return np.where(np.isnan(rise), np.diff(discriminator), -np.sign(rise) * size)


def _number(value):
    return "none" if np.isnan(value) else f"{value:.3g}"


def _percent(share):
    return "<0.001%" if 0 < share < 1e-5 else f"{100 * share:.3g}%"
