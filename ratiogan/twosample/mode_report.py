"""The verdict on each mode or class, and the report of `modes`."""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan.text import html_table, jsonable, wrap
from ratiogan.twosample.regions import MISSING, interval_text, ratio_interval

COVERED, THINNED, UNCLEAR = "covered", "thinned", "unclear"
NOT_IN_REAL = "not in real"

_SHOWN = 40
_BAR = 10  # characters per unit of R
WORST = (MISSING, THINNED, UNCLEAR, COVERED, NOT_IN_REAL)


@dataclass(frozen=True)
class Mode:
    """One mode of the real density, or one class.

    Attributes
    ----------
    number : int
        From 1, see `mode_order`; classes count in the order of their names.
    label : str
        Where it is, or the name of the class.
    centre : tuple of float
        Mean of the real rows around the peak, where the smoothed density is above a quarter of
        it; the peak itself along counts and categories.
    real_count, gen_count : int
        Rows in its basin: all cells from which the density rises to this peak.
    real_share, gen_share : float
    ratio : float
        R = gen_share / real_share.
    ci : tuple of float
        Exact interval, see `regions.ratio_interval`.
    verdict : str
        ``covered``, ``thinned``, ``MISSING``, ``unclear``, or ``not in real`` for a class of
        the generator alone.
    """

    number: int
    label: str
    centre: tuple
    real_count: int
    gen_count: int
    real_share: float
    gen_share: float
    ratio: float
    ci: tuple
    verdict: str

    def bar(self):
        """R as a bar: ten characters for 1, ``=`` beyond, dots for what is lacking.

        What lacks is rounded up, so that only R >= 1 fills the bar.
        """
        if self.ratio >= 1:
            over = "=" * round(min(_BAR, _BAR * (self.ratio - 1)))
            return "|" + "#" * _BAR + over + (">" if self.ratio > 2 else "")
        full = math.floor(_BAR * self.ratio)
        return "|" + ("#" * full).ljust(_BAR, ".") if full else "|"

    def to_dict(self):
        """The mode as it stands in the JSON output."""
        names = ("number", "label", "centre", "real_count", "gen_count", "real_share", "gen_share")
        return jsonable({name: getattr(self, name) for name in (*names, "ratio", "ci", "verdict")})


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Modes:
    """What `modes` found.

    Attributes
    ----------
    modes : tuple of Mode
        Worst first.
    finding : str
    level : float
        Of each interval.
    covered, thinned, missing : float
        The thresholds on R.
    gap : float or None
        Persistence of the first peak that is noise over that of the last mode; None for classes.
    elsewhere : float
        Share of gen where real has no density, in no mode.
    grid : Grid or None
        None for classes.
    basins : ndarray of int64, shape grid.shape, or None
        Number of the mode of each cell; 0 in none.
    real, gen : Counts or None
    rows : (int, int)
        Real and gen rows in all.
    group : str or None
        What the classes are called.
    input : dict
    header, warnings : tuple of str
    seed : int
    """

    modes: tuple
    finding: str
    level: float
    covered: float
    thinned: float
    missing: float
    gap: float | None = None
    elsewhere: float = 0.0
    grid: object = None
    basins: np.ndarray | None = None
    real: object = None
    gen: object = None
    rows: tuple = (0, 0)
    group: str | None = None
    input: dict
    header: tuple = ()
    warnings: tuple = ()
    seed: int = 0

    def __repr__(self):
        return f"<Modes: {self.finding}>"

    def __len__(self):
        return len(self.modes)

    def __iter__(self):
        return iter(self.modes)

    @property
    def coverage(self):
        """Share of the modes that are covered, with an interval for all of them together."""
        low, high = self._joint_intervals()
        count = max(1, len(low))
        sure = np.sum((low > self.covered) & (high >= self.thinned)) / count
        possible = np.sum((high > self.covered) & (high >= self.thinned)) / count
        found = sum(mode.verdict == COVERED for mode in self.modes) / count
        return {"estimate": found, "ci": [float(sure), float(possible)], "level": self.level}

    @property
    def missing_modes(self):
        """Number of the modes that are missing, with an interval for all of them together."""
        low, high = self._joint_intervals()
        found = sum(mode.verdict == MISSING for mode in self.modes)
        ends = [int(np.sum(high < self.missing)), int(np.sum(low < self.missing))]
        return {"estimate": found, "ci": ends, "level": self.level}

    def _joint_intervals(self):
        """Intervals for R that hold for all modes of real at once with probability `level`."""
        modes = [mode for mode in self.modes if mode.verdict != NOT_IN_REAL]
        if not modes:
            return np.zeros(0), np.zeros(0)
        counts = np.array([(mode.real_count, mode.gen_count) for mode in modes]).T
        return ratio_interval(*counts, *self.rows, 1 - (1 - self.level) / len(modes))

    def to_dict(self):
        """What ``--json`` prints below its envelope."""
        return jsonable(
            {
                "finding": self.finding,
                "modes": [mode.to_dict() for mode in self.modes],
                "coverage": self.coverage,
                "missing_modes": self.missing_modes,
                "thresholds": {
                    "covered": self.covered,
                    "thinned": self.thinned,
                    "missing": self.missing,
                },
                "persistence_gap": self.gap,
                "elsewhere": self.elsewhere,
            }
        )

    def summary(self, all_rows=False):
        """The report as text: the finding, the table, and what its words mean.

        Parameters
        ----------
        all_rows : bool
            Every mode instead of the 40 worst.
        """
        shown = self.modes if all_rows else self.modes[:_SHOWN]
        lines = [*wrap(self.finding, 118).split("\n"), "", self._headings(shown)]
        lines += [self._line(mode, shown) for mode in shown]
        if len(shown) < len(self.modes):
            lines.append(f"   ... {len(self.modes) - len(shown)} more (-v)")
        lines += [
            f"covered: lower end of R above {self.covered:g}; thinned: upper end below "
            f"{self.thinned:g}; missing: upper end below {self.missing:g}",
            "(--covered, --thinned, --missing change these; anything else is called unclear)",
        ]
        return "\n".join([*lines, *self._notes()])

    def _notes(self):
        notes = []
        if self.group is None:
            notes.append(f"modes found in the real sample by persistence ({self._found()})")
        if self.elsewhere >= 0.0005:
            notes.append(
                f"{100 * self.elsewhere:.1f}% of gen lies in no mode: there is no real row near it"
            )
        return notes

    def _found(self):
        count = len(self.modes)
        after = _ordinal(count + 1)
        if not self.gap:
            return f"{count} found; there is no {after}"
        gap = f"{self.gap:.2f}" if self.gap >= 0.005 else "less than 0.01"
        return f"{count} found; the {after} has persistence {gap} of the {_ordinal(count)}"

    def _headings(self, shown):
        first = "  mode   centre" if self.group is None else f"  {self.group}"
        return (
            f"{first:<{self._left(shown)}}{'real':>11}{'gen':>8}{'R':>7}     "
            f"{100 * self.level:g}% interval"
        )

    def _left(self, shown):
        """Width of the columns that say which mode it is."""
        return max(len(self._who(mode)) for mode in shown)

    def _who(self, mode):
        if self.group is not None:
            return f"  {mode.label:<20}"
        return f"  {mode.number:>2}    {mode.label:<14}"

    def _line(self, mode, shown):
        ratio = f"{mode.ratio:.2f}"
        return (
            f"{self._who(mode):<{self._left(shown)}}{100 * mode.real_share:>10.1f}%"
            f"{100 * mode.gen_share:>7.1f}%{ratio:>8}   {interval_text(mode.ci):<14}   "
            f"{mode.verdict:<7}   {mode.bar()}"
        ).rstrip()

    def plot(self, style="slide"):
        """The figure: where the modes are, and R of each with its interval."""
        from ratiogan import plots  # upward: a result must be able to show itself

        return plots.figure(self, style=style)

    def _repr_html_(self):
        rows = [
            (
                *(mode.label, f"{100 * mode.real_share:.1f}%", f"{100 * mode.gen_share:.1f}%"),
                *(f"{mode.ratio:.2f}", interval_text(mode.ci), mode.verdict),
            )
            for mode in self.modes
        ]
        headings = ("mode", "real", "gen", "R", f"{100 * self.level:g}% interval", "")
        return f"<p>{self.finding}</p>{html_table(headings, rows)}"


def verdict_of(ci, limits=(0.5, 0.8, 0.05)):
    """The verdict that an interval for R allows; `limits` are covered, thinned and missing.

    Examples
    --------
    >>> [verdict_of(ci) for ci in ((0, 0.003), (0.6, 0.7), (0.6, 0.9), (0.4, 0.9))]
    ['MISSING', 'thinned', 'covered', 'unclear']
    """
    covered, thinned, missing = limits
    low, high = ci
    if high < missing:
        return MISSING
    if high < thinned:
        return THINNED
    return COVERED if low > covered else UNCLEAR


def worst_first(rows):
    return tuple(sorted(rows, key=lambda m: (WORST.index(m.verdict), m.ratio, m.number)))


def finding_of(rows, one, many):
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in WORST}
    total = len(rows) - counts[NOT_IN_REAL]
    parts = [f"{counts[COVERED]} of {total} {one if total == 1 else many} covered"]
    parts += [f"{counts[v]} {v}" for v in (THINNED, UNCLEAR, MISSING) if counts[v]]
    if counts[NOT_IN_REAL]:
        parts.append(f"{counts[NOT_IN_REAL]} of gen not in real")
    return f"{', '.join(parts)}."


def _ordinal(number):
    """``9th``, ``2nd``, ...

    Examples
    --------
    >>> [_ordinal(n) for n in (2, 9, 11, 21)]
    ['2nd', '9th', '11th', '21st']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
