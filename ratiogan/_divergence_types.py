"""What one divergence is: its generator f and everything that follows from it.

D_f = E[f(R)] + f'(inf) s over p_r, R = p_g/p_r, s the generator mass where p_r = 0, f convex with
f(1) = 0; in nats. Sources: Csiszar 1967; Nguyen, Wainwright and Jordan 2009 (critics and losses).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ratiogan._divergence_sums import CORE, divergence_sums, normalised

INF = math.inf


@dataclass(frozen=True, eq=False)
class Losses:
    """The classifier behind a row: f(s) = shift - inf_h [l_+(h) + s l_-(h)].

    Attributes
    ----------
    plus_text, minus_text, best_text : str
        l_+(h) on real data, l_-(h) on generated data, and the margin h*(s) that minimises.
    domain : (float, float)
        Where h lives, ends included; for open ends the losses there are infinite.
    shift : float
        What makes f(1) = 0.
    printed : str or None
        What the slides print instead, where that is wrong.
    scale : float
        The f of these losses over the f printed in the slides.
    """

    plus: Callable = field(repr=False)
    minus: Callable = field(repr=False)
    best: Callable = field(repr=False)
    plus_text: str
    minus_text: str
    best_text: str
    domain: tuple
    shift: float
    printed: str | None = None
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Divergence:
    """One row of the table; make it with `divergence_row`.

    Attributes
    ----------
    name : str
        The text that names it on the command line, parameters included.
    formula, conjugate_formula, optimal_formula : str
        f(s), f*(t) = sup_s [t s - f(s)], and T*(s) = f'(s), the best critic of
        D_f = sup_T E_g[T] - E_r[f*(T)].
    meaning : str
        What D_f is called.
    slope_at_infinity, value_at_zero : float
        f'(inf), the price of generator mass where p_r = 0, and f(0), that of real mass without
        generator.
    range_text : str
        The least and the largest D_f.
    curvature : float
        f''(1); near R = 1, D_f = f''(1)/2 E[(R-1)^2]. NaN at a kink.
    metric_power : float or None
        D_f to this power is a metric.
    strict : bool
        Whether D_f = 0 only for p_g = p_r.
    logarithmic : bool
        Whether D_f has a unit, nats or bits.
    core : (str, float) or None
        A column of `CORE` and the factor that makes it this row.
    losses : Losses or None
    note : str
        What to know beside the formula.

    Examples
    --------
    >>> from ratiogan.divergences import divergence_row
    >>> row = divergence_row("jsd")
    >>> row.slope_at_infinity == 0.5 * math.log(2), row.curvature
    (True, 0.25)
    >>> round(divergence_row("alpha:alpha=2").of(gen=[0.5, 0.5], real=[0.25, 0.75]), 12)
    0.166666666667
    """

    name: str
    meaning: str
    formula: str
    slope_at_infinity: float
    value_at_zero: float
    conjugate_formula: str
    optimal_formula: str
    range_text: str
    curvature: float
    _f: Callable = field(repr=False)
    _conjugate: Callable = field(repr=False)
    _optimal: Callable = field(repr=False)
    slope_at_one: float = 0.0
    metric_power: float | None = None
    strict: bool = True
    logarithmic: bool = False
    core: tuple | None = None
    losses: Losses | None = None
    note: str = ""
    _excess: Callable | None = field(default=None, repr=False)

    @property
    def range(self):
        """The least and the largest D_f: 0 and f(0) + f'(inf)."""
        return 0.0, self.value_at_zero + self.slope_at_infinity

    def f(self, s):
        """The generator at s >= 0 (array or number)."""
        s = np.asarray(s, dtype=np.float64)
        with np.errstate(all="ignore"):
            return self._f(s)[()]

    def conjugate(self, t):
        """f*(t) = sup over s >= 0 of t s - f(s): inf above f'(inf), -f(0) below f'(0)."""
        t = np.asarray(t, dtype=np.float64)
        with np.errstate(all="ignore"):
            low = self._optimal(np.zeros(()))
            value = np.where(t <= low, -self.value_at_zero, self._conjugate(t))
            value = np.where(t > self.slope_at_infinity, INF, value)
            return np.where(np.isnan(t), t, value)[()]

    def optimal(self, s):
        """T*(s) = f'(s), one subgradient where f has a kink; the limit at s = 0."""
        s = np.asarray(s, dtype=np.float64)
        with np.errstate(all="ignore"):
            return self._optimal(s)[()]

    def of(self, *, gen, real):
        """D_f of masses or counts, per row (nats).

        Parameters
        ----------
        gen, real : array (K,) or (B, K)
            Cell masses or counts of p_g and p_r; every row is divided by its own sum.

        Returns
        -------
        float or array (B,)
            ``inf`` where it is infinite, NaN where there is a NaN; round-off beyond the largest
            value is taken off.
        """
        single = np.ndim(gen) < 2 and np.ndim(real) < 2
        if self.core is not None:
            name, factor = self.core
            values = factor * divergence_sums(gen, real)[:, CORE.index(name)]
        else:
            values = self._from_excess(*normalised(gen, real))
        return float(values[0]) if single else values

    def _from_excess(self, p_gen, p_real, d):
        """E[f(R) - f'(1)(R-1)] + (f'(inf) - f'(1)) s, d = R - 1: accurate near R = 1."""
        with np.errstate(all="ignore"):
            # Also where R overflows: p_r f(R) is f'(inf) p_g to the last digit.
            singular = (p_real == 0) | np.isinf(d)
            inside = p_real * self._excess(np.where(singular, 0.0, d))
            price = self.slope_at_infinity - self.slope_at_one
            outside = np.where(singular & (p_gen > 0), p_gen, 0.0)
            outside = np.where(outside > 0, price * outside, 0.0)
        values = (np.where(singular & ~np.isnan(p_gen), 0.0, inside) + outside).sum(axis=1)
        largest = self.range[1]
        return np.where(values > largest, largest, values)

    def to_dict(self):
        """For JSON."""
        found = {
            "name": self.name,
            "meaning": self.meaning,
            "formula": self.formula,
            "slope_at_infinity": self.slope_at_infinity,
            "value_at_zero": self.value_at_zero,
            "conjugate": self.conjugate_formula,
            "optimal": self.optimal_formula,
            "range": list(self.range),
            "curvature": self.curvature,
            "metric_power": self.metric_power,
            "strict": self.strict,
            "logarithmic": self.logarithmic,
            "note": self.note,
            "losses": None,
        }
        if self.losses is not None:
            found["losses"] = {
                "plus": self.losses.plus_text,
                "minus": self.losses.minus_text,
                "best": self.losses.best_text,
                "shift": self.losses.shift,
                "printed": self.losses.printed,
                "scale": self.losses.scale,
            }
        return found
