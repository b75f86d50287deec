"""`check`: limits on what is measured between two samples, for a gate that must not be fooled.

A limit is tested at the unfavourable end of the interval: a generator passes when the data show
that it keeps the limit, not when they fail to show the opposite.
"""

import math
from dataclasses import dataclass
from functools import cached_property

from ratiogan.catalogue import LIMITS
from ratiogan.errors import CannotMeasure, InputError, check_choice, check_number
from ratiogan.sources import MUCH_OUTSIDE, percent
from ratiogan.twosample.diagnosis import diagnose_pair
from ratiogan.twosample.estimate import measure
from ratiogan.twosample.modes import modes
from ratiogan.twosample.samples import read_pair, seed_of

BOUNDS = ("upper", "lower", "value")
FROM_MODES = ("coverage", "missing-modes")


@dataclass(frozen=True)
class Checked:
    """One limit and what was measured.

    Attributes
    ----------
    name : str
    side : str
        ``max`` or ``min``.
    limit : float
    estimate : float or None
        None where it could not be measured; infinite where a divergence is.
    ci : (float, float) or None
    tested : float or None
        The end of the interval that was compared with the limit.
    bound : str
        Which end that is: ``upper``, ``lower`` or ``value``.
    passed : bool or None
    because : str or None
        Why it could not be measured, or why it is infinite.
    """

    name: str
    side: str
    limit: float
    estimate: float | None = None
    ci: tuple | None = None
    tested: float | None = None
    bound: str = "value"
    passed: bool | None = None
    because: str | None = None

    def line(self, width):
        """The line of the report."""
        if self.passed is None:
            return f"CANNOT MEASURE {self.name}: {self.because}"
        ends = "" if self.ci is None else f" [{_short(self.ci[0])}, {_short(self.ci[1])}]"
        text = f"{'ok  ' if self.passed else 'FAIL'}  {self.name:<{width}}  "
        text += f"{_short(self.estimate)}{ends}   limit {self.limit:g}"
        if self.passed:
            return text
        if self.because:
            return f"{text}   ({self.because})"
        what = "" if self.bound == "value" else f"{self.bound} end "
        sign = ">" if self.side == "max" else "<"
        return f"{text}   ({what}{self.tested:.3g} {sign} {self.limit:g})"

    def to_dict(self):
        """What stands in the JSON."""
        measured = None
        if self.estimate is not None:
            ends = None if self.ci is None else list(self.ci)
            measured = {"estimate": self.estimate, "ci": ends, "tested": self.tested}
        return {
            "name": self.name,
            "side": self.side,
            "limit": self.limit,
            "bound": self.bound,
            "measured": measured,
            "passed": self.passed,
            "because": self.because,
        }


@dataclass(frozen=True)
class Check:
    """All limits of one `check`.

    Attributes
    ----------
    checks : tuple of Checked
    finding : str
    exit_code : int
        0 if all hold, 3 if one fails, 4 if one could not be measured.
    """

    checks: tuple
    unit: str = "nats"
    input: dict | None = None
    warnings: tuple = ()

    @property
    def passed(self):
        """Whether every limit was measured and holds."""
        return all(found.passed for found in self.checks)

    @property
    def exit_code(self):
        """0, 3 or 4: what `ratiogan check` exits with."""
        if any(found.passed is None for found in self.checks):
            return 4
        return 0 if self.passed else 3

    @property
    def finding(self):
        """One sentence: passed, failed, or what could not be measured."""
        missing = [found.name for found in self.checks if found.passed is None]
        failed = [found.name for found in self.checks if found.passed is False]
        if missing:
            return f"CANNOT MEASURE {', '.join(missing)}."
        if failed:
            return f"FAILED: {', '.join(failed)} ({len(failed)} of {len(self.checks)} limits)."
        count = len(self.checks)
        return "PASSED: 1 limit holds." if count == 1 else f"PASSED: all {count} limits hold."

    def summary(self):
        """A line per limit, then the exit code."""
        width = max(len(found.name) for found in self.checks)
        return "\n".join([*(f.line(width) for f in self.checks), f"exit {self.exit_code}"])

    def to_dict(self):
        """What ``--json`` adds to the envelope."""
        return {"checks": [found.to_dict() for found in self.checks]}

    def __repr__(self):
        return f"<Check: {self.finding}>"


def check(
    real=None,
    gen=None,
    *,
    max=(),
    min=(),
    bound=None,
    covered=0.5,
    thinned=0.8,
    missing=0.05,
    rng=0,
    grid=None,
    domain=None,
    level=0.95,
    resamples=2000,
    unit="nats",
    **how_to_read,
):
    """Test limits on what is measured between two samples.

    Parameters
    ----------
    real, gen : array_like, path, text or Counts
        As for `diagnose`.
    max, min : mapping or sequence of (name, limit)
        Names: every divergence of `ratiogan table`, ``wasserstein``, ``p-value``, ``precision``,
        ``recall``, ``coverage`` (the share of modes that are covered), ``missing-modes``.
    bound : str, optional
        ``upper``, ``lower`` or ``value``: which end of the interval is tested. By default the
        upper one for `max`, the lower one for `min`.
    covered, thinned, missing : float, optional
        Thresholds on R, as for `modes`.
    grid, domain, level, resamples, unit
        As for `diagnose`.
    **how_to_read
        How the sources are read, see `samples.read_pair`.

    Returns
    -------
    Check
        ``exit_code`` is 0, 3 if a limit fails, or 4 if one could not be measured.

    Examples
    --------
    >>> print(check("normal", "normal:mean=1", max={"jsd": 0.02}).finding)
    FAILED: jsd (1 of 1 limits).
    """
    limits = [("max", *pair) for pair in _pairs(max)] + [("min", *pair) for pair in _pairs(min)]
    if not limits:
        raise InputError(
            "check needs a limit.",
            argument="max",
            fix="Pass --max jsd=0.02 or --min coverage=0.95.",
        )
    if bound is not None:
        check_choice("bound", bound, BOUNDS)
    for side, name, limit in limits:
        check_choice("limit", name, LIMITS)
        check_number(f"{side} {name}", limit)
    seed = seed_of(rng)
    pair = read_pair(real, gen, seed=seed, **how_to_read)
    common = {"grid": grid, "domain": domain, "level": level}
    asked = any(name == "wasserstein" for _, name, _ in limits)
    metric = "euclidean" if asked else None
    measures = _Measures(
        pair,
        {**common, "resamples": resamples, "unit": unit, "seed": seed, "metric": metric},
        {**common, "covered": covered, "thinned": thinned, "missing": missing, "rng": seed},
    )
    checks = tuple(_checked(measures, *limit, bound) for limit in limits)
    return Check(checks, unit, measures.input, measures.warnings)


def _short(value):
    """Three decimals; whole numbers as they are, small ones with two digits."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.2g}" if 0 < value < 0.01 else f"{value:.3f}"


def _pairs(limits):
    return list(limits.items()) if hasattr(limits, "items") else list(limits)


def _checked(measures, side, name, limit, bound):
    try:
        estimate, ci, because = measures.of(name)
    except CannotMeasure as error:
        return Checked(name, side, limit, because=error.message.rstrip("."))
    ends = {"upper": ci and ci[1], "lower": ci and ci[0], "value": estimate}
    end = bound or {"max": "upper", "min": "lower"}[side]
    end = end if ci is not None else "value"
    tested = ends[end]
    passed = tested <= limit if side == "max" else tested >= limit
    return Checked(name, side, limit, estimate, ci, tested, end, bool(passed), because)


class _Measures:
    """What is measured, each only if a limit asks for it."""

    def __init__(self, pair, for_diagnose, for_modes):
        self.pair = pair
        self.for_diagnose = for_diagnose
        self.for_modes = for_modes

    def of(self, name):
        """(estimate, interval or None, reason why it is infinite or None)."""
        if len(self.pair.names) > 3 and not (name in FROM_MODES and self.has_classes):
            raise CannotMeasure(
                f"the samples have {len(self.pair.names)} columns, a joint comparison needs <= 3 "
                "(--project pca:2, or --columns)."
            )
        if name in FROM_MODES:
            return self._of_modes(name)
        self._refuse_outside()
        if name == "p-value":
            return self.diagnosis.jsd.pvalue, None, None
        if name in ("precision", "recall"):
            return self._of_support(name)
        measured = self.diagnosis.divergences.get(name) or self._of_row(name)
        if measured.infinite:
            return math.inf, None, f"infinite: {measured.because}"
        if measured.pvalue is None:
            raise CannotMeasure(f"{name} is not resampled on so many cells (--grid 32x32).")
        return measured.estimate, measured.ci, None

    @property
    def has_classes(self):
        return self.pair.real.classes is not None

    @property
    def warnings(self):
        """Those of the sources and of all that was measured, each once."""
        made = [self.__dict__[name] for name in ("diagnosis", "_modes") if name in self.__dict__]
        texts = [text for found in (self.pair, *made) for text in found.warnings]
        return tuple(dict.fromkeys(texts))

    @property
    def input(self):
        """The sources, with the cells and what lies outside where these are known."""
        found = self.__dict__.get("diagnosis") or self.__dict__.get("_modes")
        return self.pair.input_record() if found is None else found.input

    def _refuse_outside(self):
        for role in ("real", "gen"):
            counts = getattr(self.diagnosis, role)
            if counts.outside > MUCH_OUTSIDE * counts.rows:
                share = percent(counts.outside / counts.rows)
                raise CannotMeasure(f"{share} of {role} lies outside the domain.")

    @cached_property
    def diagnosis(self):
        return diagnose_pair(self.pair, **self.for_diagnose)

    def _of_row(self, name):
        found = self.diagnosis
        if name == "wasserstein":
            raise CannotMeasure("Wasserstein-1 of samples is measured for columns of numbers.")
        return measure(
            found.real.counts.ravel(),
            found.gen.counts.ravel(),
            names=(name,),
            level=found.level,
            resamples=found.resamples,
            rng=found.seed,
            unit=found.unit,
        )[name]

    def _of_support(self, name):
        """A share, and its exact binomial interval for the support as it was seen."""
        from scipy.stats import binomtest

        found = self.diagnosis
        own, other = (found.gen, found.real) if name == "precision" else (found.real, found.gen)
        inside = int(own.counts[other.counts > 0].sum())
        interval = binomtest(inside, own.inside).proportion_ci(found.level, "exact")
        return inside / own.inside, (float(interval.low), float(interval.high)), None

    def _of_modes(self, name):
        found = self._modes
        measured = found.coverage if name == "coverage" else found.missing_modes
        return measured["estimate"], tuple(measured["ci"]), None

    @cached_property
    def _modes(self):
        return modes(pair=self.pair, **self.for_modes)
