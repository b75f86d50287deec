"""Several training runs judged together: which setting is best, and the map of two settings.

A training run hovers, so its last value says little: all numbers here are means over the last
quarter of the recorded turns.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan.solvers.landmarks import modes_of
from ratiogan.solvers.levels import hover, late
from ratiogan.spec import format_value, parse
from ratiogan.text import WIDTH, markdown_table, significant, table, wrap

# What became of a run: its letter in a map, its words in the legend.
COURSES = {
    "converged": ("c", "converged"),
    "converging": ("c", "converging: ends below its start"),
    "stayed": ("=", "stayed: ends within 1% of its start"),
    "rose": ("r", "risen: ends above its start"),
    "cycle": ("o", "cycle"),
    "stalled": ("S", "stalled"),
    "collapsed": ("C", "collapsed"),
    "hopping": ("H", "hopping: collapsed, and moving on"),
    "diverged": ("D", "diverged"),
    "max-steps": ("m", "not below tol"),
    "interrupted": ("i", "interrupted"),
}
# How a finding counts them: courses, the verb for one run, and for several.
_VERBS = (
    (("collapsed", "hopping"), "collapses", "collapse"),
    (("cycle",), "cycles", "cycle"),
    (("rose",), "ends above its start", "end above their start"),
    (("stayed",), "stays within 1% of its start", "stay within 1% of their start"),
    (("there",), "was below tol at its start", "were below tol at their start"),
    (("stalled",), "stalls", "stall"),
    (("diverged",), "diverges", "diverge"),
    (("interrupted",), "was interrupted", "were interrupted"),
)
_AXES = ("alpha_gen", "alpha_disc")  # what a map has across, if it is swept
ROUND_OFF = 1e-16  # a KL below is that of the masses' last digits
_MOVED = 0.01  # share of the first JSD below which a change is none
_NOTHING = 1e-10  # a JSD below which no change is told


def column_of(runs):
    """What training runs are judged by: KL(p_g || p_r), or JSD where samples made it infinite."""
    standing = [run for run in runs if run.status.value != "diverged"]
    finite = all(math.isfinite(_late(run, "kl")) for run in standing)
    return "kl" if finite else "js"


def late_levels(runs):
    """Mean of that column over the last quarter of each run; infinite for a run that was lost.

    Examples
    --------
    >>> from ratiogan.solvers.training import training
    >>> run = training(grid=64, alpha_gen=0.001, max_steps=2000)
    >>> column_of([run]), late_levels([run]).round(3).tolist()
    ('kl', [0.004])
    """
    column = column_of(runs)
    levels = [_late(run, column) if run.status.value != "diverged" else math.inf for run in runs]
    return np.array([level if level == level else math.inf for level in levels])


def _late(run, column):
    return hover(run.trace.step, run.trace[column])[0]


def course_of(run):
    """A key of `COURSES`: the status, but where the turns ran out what the values say.

    ``rose`` is a run whose JSD ends above its start, ``stayed`` one that ends where it began.
    """
    code = run.status.value
    if code not in ("converging", "max-steps"):
        return code
    return {"above": "rose", "at": "stayed"}.get(end_of(run), code)


def end_of(run):
    """Where the JSD ends, its mean over the last quarter: below, at or above its start.

    At it is within 1%.

    Examples
    --------
    >>> from ratiogan.solvers.training import training
    >>> [end_of(training(grid=64, alpha_gen=rate, max_steps=300)) for rate in (0.001, 0, 0.3)]
    ['below', 'at', 'above']
    """
    first, level = float(run.trace.js[0]), _late(run, "js")
    room = max(_MOVED * first, _NOTHING)
    return "above" if level > first + room else "at" if level >= first - room else "below"


def are_training(runs):
    """Whether all runs are training runs, so that they are judged as such."""
    return all(run.algorithm == "training" for run in runs)


def ranked(runs):
    """Indices of training runs, the smallest late level first; those that were lost come last."""
    levels = np.maximum(late_levels(runs), ROUND_OFF)
    return tuple(sorted(range(len(runs)), key=lambda i: levels[i]))


def finding_of(labels, runs):
    """Which training run was best, and what became of the others, as one sentence."""
    levels = np.maximum(late_levels(runs), ROUND_OFF)
    best, name = int(np.argmin(levels)), NAMES[column_of(runs)]
    count = len(runs)
    happened = _happened(runs)
    finite = [level for level in levels if level < math.inf]
    if not finite:
        return f"NONE STOOD: {happened}."
    low, high = level_text(min(finite)), level_text(max(finite))
    as_others = ""
    if count > 1 and low == high:
        as_others = ", as the others" if len(finite) == count else ", as all that stood"
        as_others = "" if len(finite) == 1 else as_others
    text = f"BEST of {count}: {_called(labels, runs, best)} ({name} {low}{as_others})"
    parts = [text, happened or "all end below their start"]
    if low != high:
        decades = math.log10(max(finite) / min(finite))
        spans = f"{name} spans {significant(decades, 2)} decades"
        parts.append(spans if decades >= 1 else f"{name} from {low} to {high}")
    return "; ".join(parts) + "."


def _happened(runs):
    """How many runs collapse, cycle and so on; nothing where all end below their start."""
    courses = [
        "there" if run.status.value == "converged" and not run.n_steps else course_of(run)
        for run in runs
    ]
    happened = []
    for which, one, several in _VERBS:
        number = sum(course in which for course in courses)
        if number:
            whole = "" if happened else f" of {len(runs)}"
            happened.append(f"{number}{whole} {one if number == 1 else several}")
    return ", ".join(happened)


def _called(labels, runs, best):
    """What tells a run from the others; its spec where nothing does."""
    specs = [parse(label).options for label in labels]
    keys = dict.fromkeys(key for spec in specs for key in spec)
    missing = object()
    own = {}
    for key in keys:
        if len({format_value(spec.get(key, missing)) for spec in specs}) > 1:
            # What its spec leaves open is in the options of the run.
            value = specs[best].get(key, runs[best].options.get(key, missing))
            own |= {} if value is missing else {key: value}
    return ", ".join(f"{key}={value_text(value)}" for key, value in own.items()) or labels[best]


def table_of(labels, runs, order):
    """Headings and rows of text cells: what a training run came to in its last quarter.

    KL, JSD, cells in use and modes covered are those of p_g there; `order` is that of the rows.
    """
    headings = ["run", "status", "ends", "turns", "KL", "JSD", "cells in use", "modes"]
    return headings, [_row(labels[i], runs[i]) for i in order]


# What a row says of where the JSD ended; nothing of a run that was lost.
_ENDS = {"below": "below its start", "at": "at its start", "above": "above its start"}


def _row(label, run):
    lost = run.status.value == "diverged"
    levels = ["-" if lost else level_text(_late(run, column)) for column in ("kl", "js")]
    counts = [
        "-"
        if lost or column not in run.trace
        else f"{np.median(run.trace[column][late(run.trace.step)]):{form}}"
        for column, form in (("effective_support", ".1f"), ("modes", ".0f"))
    ]
    ends = "-" if lost else _ENDS[end_of(run)]
    return [label, run.status.value, ends, str(run.n_steps), *levels, *counts]


def table_text(headings, rows, real):
    """`table_of` for a terminal; labels that leave no room stand on lines of their own."""
    shown = table(headings, rows, align="<<<>>>>>").split("\n")
    if max(map(len, shown)) + 2 > WIDTH:
        rest = table(headings[1:], [row[1:] for row in rows], align="<<>>>>>").split("\n")
        shown = [f"    {rest[0]}"]
        for row, line in zip(rows, rest[1:], strict=True):
            shown += [row[0], f"    {line}"]
    cells, modes = float(np.exp(real.entropy())), int(modes_of(real).max(initial=-1)) + 1
    of_real = f"p_r uses {cells:.0f} cells and has {modes} mode{'' if modes == 1 else 's'}."
    said = f"KL(p_g||p_r) and JSD: means over the last quarter of the turns. {of_real}"
    return "\n".join([*(f"  {line}" for line in shown), "", wrap(said)])


@dataclass(frozen=True)
class SweepMap:
    """Training runs whose specs differ in two settings, all combinations of their values.

    Attributes
    ----------
    row_key, column_key : str
    rows, columns : tuple
        Their values, in order: numbers first.
    index : int array (len(rows), len(columns))
        The number of the run with these values.
    """

    row_key: str
    column_key: str
    rows: tuple
    columns: tuple
    index: np.ndarray

    def levels(self, runs):
        """The late level of every cell."""
        return late_levels(runs)[self.index]

    def courses(self, runs):
        """`course_of` every cell, as a nested list."""
        return [[course_of(runs[i]) for i in row] for row in self.index]

    def table(self, runs):
        """Headings and rows of text cells: the late level and the letter of what became of it."""
        headings = [
            f"{self.row_key} \\ {self.column_key}",
            *map(value_text, self.columns),
        ]
        levels = late_levels(runs)
        rows = [
            [
                value_text(value),
                *(f"{level_text(levels[i])} {COURSES[course_of(runs[i])][0]}" for i in row),
            ]
            for value, row in zip(self.rows, self.index, strict=True)
        ]
        return headings, rows

    def text(self, runs):
        """The map as plain text: as many columns side by side as a line holds."""
        headings, rows = self.table(runs)
        label = max(len(row[0]) for row in (headings, *rows))
        wide = 3 + max(len(cell) for row in (headings, *rows) for cell in row[1:])
        most = max(1, (WIDTH - 2 - label) // wide)
        blocks = []
        for first in range(1, len(headings), most):
            part = slice(first, first + most)
            cells = [[row[0], *row[part]] for row in (headings, *rows)]
            drawn = table(cells[0], cells[1:], align=">" * len(cells[0]))
            blocks.append("\n".join(f"  {line}" for line in drawn.split("\n")))
        return "\n\n".join([_caption(runs), *blocks, wrap(self.legend(runs))])

    def markdown(self, runs):
        """The same for a Markdown page."""
        return f"{_caption(runs)}\n\n{markdown_table(*self.table(runs))}\n\n{self.legend(runs)}"

    def legend(self, runs):
        """What the letters of this map mean."""
        seen = {course for row in self.courses(runs) for course in row}
        said = [f"{COURSES[c][0]} {COURSES[c][1]}" for c in COURSES if c in seen]
        return "; ".join(said) + "."


NAMES = {"kl": "KL", "js": "JSD"}


def _caption(runs):
    what = "KL(p_g||p_r)" if column_of(runs) == "kl" else "JSD"
    return f"{what}, mean over the last quarter of the turns, and what became of the run:"


def level_text(level):
    """A KL in two digits; ``-`` for a run that was lost.

    Examples
    --------
    >>> [level_text(x) for x in (4.882, 0.0351, 1.53e-6, 1e-30, float("inf"))]
    ['4.9', '0.035', '1.5e-06', '< eps', '-']
    """
    if level <= ROUND_OFF:
        return "< eps"
    return "-" if not math.isfinite(level) else f"{level:#.2g}".rstrip(".")


def sweep_map(comparison):
    """The map of a comparison whose runs are all combinations of two settings, else None.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    SweepMap or None
    """
    if not are_training(comparison.runs):
        return None
    specs = [parse(label).options for label in comparison.labels]
    keys = [
        key
        for key in specs[0]
        if all(key in spec for spec in specs) and len({str(spec[key]) for spec in specs}) > 1
    ]
    if len(keys) != 2:
        return None
    values = {
        key: tuple(sorted({str(s[key]): s[key] for s in specs}.values(), key=_order))
        for key in keys
    }
    if len(specs) != len(values[keys[0]]) * len(values[keys[1]]):
        return None
    across = next((key for key in _AXES if key in keys), None)
    if across is None:
        across = max(keys, key=lambda key: len(values[key]))
    (along,) = (key for key in keys if key != across)
    place = {(str(s[along]), str(s[across])): i for i, s in enumerate(specs)}
    if len(place) != len(specs):
        return None
    index = np.array([[place[str(r), str(c)] for c in values[across]] for r in values[along]])
    return SweepMap(along, across, values[along], values[across], index)


def value_text(value):
    """A swept value as a heading: the digits of 3 * 1e-4 beyond the sixth are nobody's."""
    return f"{value:.6g}" if isinstance(value, float) else format_value(value)


def _order(value):
    """Numbers in their order, then words as they come in the alphabet."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (0, value, "") if number else (1, 0, str(value))
