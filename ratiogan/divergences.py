"""Divergences between p_g and p_r: the table, and all of them at once for two distributions."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ratiogan._divergence_checks import RowCheck, table
from ratiogan._divergence_rows import ROWS, divergence_row
from ratiogan._divergence_sums import CORE, divergence_sums
from ratiogan._divergence_types import Divergence, Losses
from ratiogan.distribution import Distribution, restrict
from ratiogan.errors import InputError, check_choice
from ratiogan.presets import problem
from ratiogan.ratio import refuse_singular_mass
from ratiogan.text import html_table
from ratiogan.transport.certified import interval_text
from ratiogan.transport.distance import as_sources, wasserstein
from ratiogan.transport.line import wasserstein_line

__all__ = [
    "CORE",
    "ROWS",
    "Divergence",
    "DivergenceRecord",
    "Losses",
    "RowCheck",
    "divergence",
    "divergence_row",
    "divergence_sums",
    "table",
    "wasserstein_line",
]

LOG_2 = math.log(2.0)
MOST_CELLS = 1 << 16  # of several axes, up to which W1 is among the divergences
GROUND_TOL = 1e-2

# What has a unit, and what a mass without a counterpart makes infinite.
_LOGARITHMIC = ("kl_gen_real", "kl_real_gen", "jsd", "jeffreys", "bhattacharyya", "renyi")
_DIRECTIONS = {
    "kl_gen_real": "gen||real",
    "kl_real_gen": "real||gen",
    "chi2_pearson": "gen||real",
    "chi2_neyman": "real||gen",
    "renyi": "gen||real",
    "alpha": "gen||real",
}
LABELS = {
    "kl_gen_real": "KL(gen || real)",
    "kl_real_gen": "KL(real || gen)",
    "jsd": "JSD",
    "js_distance": "JS distance",
    "tv": "TV",
    "wasserstein": "Wasserstein-1",
    "jeffreys": "Jeffreys",
    "hellinger2": "Hellinger^2",
    "bhattacharyya": "Bhattacharyya",
    "chi2_pearson": "chi^2 (Pearson)",
    "chi2_neyman": "chi^2 (Neyman)",
    "triangular": "triangular",
    "renyi": "Renyi, order 1/2",
}


@dataclass(frozen=True, eq=False)
class DivergenceRecord:
    """All divergences between two distributions, as `divergence` measures them.

    Attributes
    ----------
    kl_gen_real, kl_real_gen, jsd, jeffreys : float
        KL(p_g||p_r), KL(p_r||p_g), the Jensen-Shannon divergence and the sum of both KL, in `unit`.
    js_distance : float
        sqrt(JSD), JSD in `unit`: what SciPy's ``jensenshannon`` returns.
    tv, hellinger2, triangular : float
        Total variation, 1 - sum sqrt(p_g p_r), sum (p_g - p_r)^2/(p_g + p_r).
    chi2_pearson, chi2_neyman : float
        sum (p_g - p_r)^2/p_r and sum (p_g - p_r)^2/p_g.
    bhattacharyya : float
        -log sum sqrt(p_g p_r), in `unit`.
    bayes_accuracy : float
        (1 + TV)/2, the best accuracy of a classifier for equal shares.
    unit : str
        ``nats`` or ``bits``.
    singular_mass, missing_mass : float
        Generator mass where p_r = 0, and real mass where p_g = 0.
    real, gen : Distribution
    """

    kl_gen_real: float
    kl_real_gen: float
    jsd: float
    js_distance: float
    jeffreys: float
    tv: float
    hellinger2: float
    chi2_pearson: float
    chi2_neyman: float
    triangular: float
    bhattacharyya: float
    bayes_accuracy: float
    unit: str
    singular_mass: float
    missing_mass: float
    real: Distribution = field(repr=False)
    gen: Distribution = field(repr=False)

    def alpha(self, alpha=0.5):
        """The alpha divergence (E[R^alpha] - 1)/(alpha(alpha-1)); alpha 0 and 1 are the KL."""
        if alpha in (0, 1):
            return (self.kl_gen_real if alpha == 1 else self.kl_real_gen) * self._per_unit
        return self.value(f"alpha:alpha={alpha!r}", unit="nats")

    def renyi(self, order=0.5):
        """The Renyi divergence log E[R^order]/(order - 1) of p_g from p_r, in `unit`.

        Order 1 is KL(gen || real), order 1/2 twice Bhattacharyya's distance, order 2
        log(1 + Pearson's chi^2).
        """
        if not (order > 0 and math.isfinite(order)):
            raise InputError(f"order must be positive and finite, got {order!r}.", argument="order")
        if order == 1:
            return self.kl_gen_real
        with np.errstate(all="ignore"):
            # E[R^order] - 1 for R near 1, the sum itself far from it: nothing cancels.
            less_one = order * (order - 1.0) * self.alpha(order)
            if abs(less_one) < 0.5:
                value = math.log1p(less_one)
            else:
                gen, real = self.gen.mass, self.real.mass
                both = (gen > 0) & (real > 0)
                terms = order * np.log(gen[both]) + (1.0 - order) * np.log(real[both])
                value = _log_sum_exp(terms)
                if order > 1 and self.singular_mass > 0:
                    value = math.inf
        return value / (order - 1.0) / self._per_unit

    def value(self, name, unit=None):
        """Any row of the table, such as ``"alpha:alpha=2"``, in nats unless told.

        See `divergence_row` for the names.
        """
        per = LOG_2 if unit == "bits" else 1.0
        return divergence_row(name).of(gen=self.gen.mass.ravel(), real=self.real.mass.ravel()) / per

    @property
    def wasserstein(self):
        """W1, mass at cell centres, in the unit of the data; None where there is none.

        On several axes the middle of an interval, see `transport`.
        """
        return None if self.transport is None else self.transport.value

    @cached_property
    def transport(self):
        """W1 as `wasserstein` returns it, solved when first asked for; on several axes to 1 %.

        None for categories, which have no distances, and beyond 65,536 cells of several axes: there
        it takes longer than all other divergences together, and is left to `wasserstein`.
        """
        grid = self.real.grid
        if any(axis.kind == "categories" for axis in grid.axes):
            return None
        if grid.ndim > 1 and grid.size > MOST_CELLS:
            return None
        return wasserstein(gen=self.gen, real=self.real, tol=GROUND_TOL)

    @property
    def _per_unit(self):
        return LOG_2 if self.unit == "bits" else 1.0

    @property
    def infinite(self):
        """Names of what is infinite, with the reason and the mass that causes it."""
        found = {}
        for name in LABELS:
            value = self._named(name)
            if value is not None and math.isinf(value):
                found[name] = self._because(name)
        return found

    def _named(self, name):
        return self.renyi() if name == "renyi" else getattr(self, name)

    def _because(self, name):
        causes = []
        if self.singular_mass > 0 and name != "kl_real_gen" and name != "chi2_neyman":
            causes.append((self.singular_mass, "gen lies where real has no mass"))
        if self.missing_mass > 0 and name != "kl_gen_real" and name != "chi2_pearson":
            causes.append((self.missing_mass, "real lies where gen has no mass"))
        if not causes:
            return {"because": "the number is larger than a float64 holds", "mass": None}
        text = " and ".join(f"{_percent(mass)} of {where}" for mass, where in causes)
        return {"because": text, "mass": max(mass for mass, _ in causes)}

    def to_dict(self):
        """{name: {"value", "direction", "unit", ...}} for JSON; infinite values say why."""
        infinite = self.infinite
        found = {}
        for name in LABELS:
            value = self._named(name)
            unit = self.unit if name in _LOGARITHMIC else None
            if name == "js_distance":
                unit = f"sqrt({self.unit})"
            elif name == "wasserstein":
                unit = "data"
            entry = {"value": value}
            if name == "wasserstein" and value is not None:
                entry["bounds"] = [self.transport.lower, self.transport.upper]
            if name in infinite:
                entry = {"value": None, "infinite": True, **infinite[name]}
            entry |= {"direction": _DIRECTIONS.get(name), "unit": unit}
            if name in _LARGEST:
                scale = {"jsd": 1.0, "js_distance": 0.5}.get(name, 0.0)
                entry["largest"] = _LARGEST[name] / self._per_unit**scale
            found[name] = entry
        found["renyi"]["order"] = 0.5
        return found

    @property
    def finding(self):
        """One sentence with the number to look at."""
        if self.tv == 0:
            return "EQUAL: p_g = p_r in every cell, all divergences are 0."
        share = _percent(self.jsd * self._per_unit / LOG_2)
        return (
            f"JSD is {_number(self.jsd)} {self.unit}, {share} of its maximum "
            f"{'log 2' if self.unit == 'nats' else '1 bit'}; the best classifier is right "
            f"{_percent(self.bayes_accuracy)} of the time."
        )

    def rows(self):
        """(label, number, what it is and what others print) per divergence, as printed."""
        return [
            (label, _number(self._named(name)), self._remark(name))
            for name, label in LABELS.items()
            if self._named(name) is not None
        ]

    def _remark(self, name):
        if name in self.infinite:
            return self.infinite[name]["because"]
        return _REMARKS[name](self)

    def summary(self):
        """The table of `ratiogan divergence` as text."""
        lines = []
        for label, number, text in self.rows():
            lines.append(f"  {label:<{_NUMBER_ENDS - 2 - len(number)}}{number}   {text}".rstrip())
        return "\n".join(lines)

    def _repr_html_(self):
        return html_table(["divergence", "value", "what it is"], self.rows())


_LARGEST = {
    "jsd": LOG_2,
    "js_distance": math.sqrt(LOG_2),
    "tv": 1.0,
    "hellinger2": 1.0,
    "triangular": 2.0,
}
_NUMBER_ENDS = 31  # column


def divergence(*, gen=None, real=None, unit="nats", base=None, singular="keep", threads=1):
    """All divergences between two exact distributions.

    Parameters
    ----------
    gen, real : Distribution, str or array, optional
        p_g and p_r on one grid: distributions, presets (`presets.problem` makes them; None is the
        default problem), or arrays of cell masses of one shape (cells 1 apart), which are
        normalised.
    unit : str
        ``nats`` or ``bits``, for what has a logarithm in it.
    base : float, optional
        2 for bits, e for nats: another way to say `unit`.
    singular : str
        What becomes of generator mass where p_r = 0: ``keep`` it (some divergences are then
        infinite), ``error``, or ``restrict`` p_g to the support of p_r and rescale it.
    threads : int
        The result does not depend on it.

    Returns
    -------
    DivergenceRecord

    Raises
    ------
    InputError
        For distributions on different grids, or masses that are none.
    SingularMassError
        With ``singular="error"``.

    Notes
    -----
    With samples, what is measured here is two estimated densities, without error bars: see
    `diagnose`.

    Examples
    --------
    >>> found = divergence(gen=[0.5, 0.5], real=[0.25, 0.75])
    >>> round(found.kl_gen_real, 6), round(found.jsd, 6), found.tv, found.wasserstein
    (0.143841, 0.033822, 0.25, 0.25)
    >>> divergence(gen=[0, 1], real=[1, 0], base=2).jsd
    1.0
    """
    unit = _checked_unit(unit, base)
    check_choice("singular", singular, ("keep", "error", "restrict"))
    real, gen = problem(*as_sources(real, gen))
    if singular == "restrict":
        gen = restrict(gen, real)
    lost = (real.mass == 0) & (gen.mass > 0)
    singular_mass = float(gen.mass.sum(where=lost))
    if singular == "error" and lost.any():
        refuse_singular_mass(singular_mass, np.flatnonzero(lost), real.grid)
    sums = divergence_sums(gen.mass.ravel(), real.mass.ravel(), threads=threads)[0]
    found = {name: float(value) for name, value in zip(CORE, sums, strict=True)}
    per = LOG_2 if unit == "bits" else 1.0
    return DivergenceRecord(
        kl_gen_real=found["kl-gen-real"] / per,
        kl_real_gen=found["kl-real-gen"] / per,
        jsd=found["jsd"] / per,
        js_distance=math.sqrt(found["jsd"] / per),
        jeffreys=found["jeffreys"] / per,
        tv=found["tv"],
        hellinger2=found["hellinger2"],
        chi2_pearson=found["chi2-pearson"],
        chi2_neyman=found["chi2-neyman"],
        triangular=found["triangular"],
        bhattacharyya=_bhattacharyya(found["hellinger2"], gen.mass, real.mass) / per,
        bayes_accuracy=0.5 * (1.0 + found["tv"]),
        unit=unit,
        singular_mass=singular_mass,
        missing_mass=float(real.mass.sum(where=gen.mass == 0)),
        real=real,
        gen=gen,
    )


def _checked_unit(unit, base):
    check_choice("unit", unit, ("nats", "bits"))
    if base is None:
        return unit
    if base not in (2, math.e):
        raise InputError(
            f"base must be 2 (bits) or e (nats), got {base!r}.", argument="base", fix="Pass base=2."
        )
    return "bits" if base == 2 else "nats"


def _bhattacharyya(hellinger2, gen, real):
    """-log sum sqrt(p_g p_r): from H^2 where that is small, from the sum where it is large."""
    if hellinger2 < 0.5:
        return -math.log1p(-hellinger2)
    both = (gen > 0) & (real > 0)
    return -_log_sum_exp(0.5 * (np.log(gen[both]) + np.log(real[both])))


def _log_sum_exp(terms):
    if terms.size == 0:
        return -math.inf
    top = float(terms.max())
    return top + math.log(float(np.exp(terms - top).sum()))


# --- how they are printed ------------------------------------------------------------------------


def _number(value):
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.6f}"
    return f"{value:.5e}" if math.isfinite(value) else str(value)


def _percent(share):
    return f"{100 * share:.3g}%"


def _jsd_remark(record):
    share = _percent(record.jsd * record._per_unit / LOG_2)
    in_nats = record.unit == "nats"
    other = record.jsd / LOG_2 if in_nats else record.jsd * LOG_2
    return (
        f"{record.unit}   {share} of its maximum {'log 2' if in_nats else '1'}; "
        f"{_number(other)} {'bits' if in_nats else 'nats'}"
    )


def _distance_remark(found):
    if found.is_exact:
        return "same unit as the data"
    return f"{found.metric}, in {interval_text(found.lower, found.upper)}; same unit as the data"


_REMARKS = {
    "kl_gen_real": lambda r: f"{r.unit}   scipy.stats.entropy(p_g, p_r{_base(r)})",
    "kl_real_gen": lambda r: f"{r.unit}   scipy.stats.entropy(p_r, p_g{_base(r)})",
    "jsd": _jsd_remark,
    "js_distance": lambda r: (
        "sqrt(JSD), what scipy.spatial.distance.jensenshannon"
        f"{'(base=2)' if r.unit == 'bits' else ''} returns"
    ),
    "tv": lambda r: (
        f"Bayes accuracy (1+TV)/2 = {_percent(r.bayes_accuracy)}; "
        f"L1 distance, without the 1/2: {_number(2.0 * r.tv)}"
    ),
    "wasserstein": lambda r: _distance_remark(r.transport),
    "jeffreys": lambda r: f"{r.unit}   sum of both KL; some print half of it",
    "hellinger2": lambda r: (
        f"H = {_number(math.sqrt(r.hellinger2))}; without the 1/2: {_number(2.0 * r.hellinger2)}"
    ),
    "bhattacharyya": lambda r: f"{r.unit}   -log(1 - H^2)",
    "chi2_pearson": lambda r: "sum (p_g - p_r)^2/p_r",
    "chi2_neyman": lambda r: "sum (p_g - p_r)^2/p_g, f-GAN's Pearson",
    "triangular": lambda r: "sum (p_g - p_r)^2/(p_g + p_r), at most 2; half of it is Le Cam's",
    "renyi": lambda r: f"{r.unit}   twice Bhattacharyya; order 2: {_number(r.renyi(2))}",
}


def _base(record):
    return ", base=2" if record.unit == "bits" else ""
