"""Two samples as a user names them: arrays, files, presets to draw from, or counts made before.

`read_pair` opens both sides, pairs their columns, refuses or drops what is missing, and scans them
once. The rows themselves are handed out a chunk at a time, as often as asked for.
"""

import math

import numpy as np

from ratiogan import presets
from ratiogan.errors import InputError, check_choice, check_integer
from ratiogan.grid import axis_names
from ratiogan.ratio import density_ratio
from ratiogan.sources import (
    MUCH_OUTSIDE,
    blaming,
    brief,
    check_widths,
    common_levels,
    pair_columns,
    percent,
    refuse_names,
)
from ratiogan.spec import Spec
from ratiogan.tables import listed
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.passes import passes_over
from ratiogan.twosample.projection import fit_projection
from ratiogan.twosample.reading import Reading
from ratiogan.twosample.rows import ROWS, Rows, open_source, split_rows
from ratiogan.twosample.sides import (
    Pair,
    seen_through,
    side_of_array,
    side_of_counts,
    side_of_rows,
    with_levels,
)

DEFAULT_REAL, DEFAULT_GEN = "ring8", "ring8:drop=4,thin=7"
ROWS_REAL = 20_000  # drawn from a preset as real that does not say n

_ROLES = ("real", "gen")
_OTHER = {"real": "gen", "gen": "real"}
_MATCHED_ROWS = 1_000_000  # rows whose moments a preset takes


def read_pair(
    real=None,
    gen=None,
    *,
    columns=None,
    categorical=(),
    nan="refuse",
    seed=0,
    group=None,
    labels_real=None,
    labels_gen=None,
    project=None,
    stdin=None,
    stdin_format="csv",
    passes=None,
):
    """Read two samples, with their columns paired.

    Parameters
    ----------
    real, gen : array_like, str, path or Counts, optional
        Rows of samples (n, d), a data frame, a Dask array or data frame, a file, ``-``, a preset to
        draw from, or counts. None for both is the example: `ring8` and `ring8:drop=4,thin=7`. A
        preset draws `n` rows if it says so (``normal:n=500``), else 20,000 as `real` and 10,000 as
        `gen`. Beside data in one column it takes the moments of those for the parameters it leaves
        open.
    columns : text or sequence, optional
        Names or 0-based numbers of the columns to use.
    categorical : text or sequence, optional
        Names or numbers of columns to treat as categories; text columns are.
    nan : str, optional
        ``refuse`` or ``drop`` rows with a field that is no finite number.
    seed : int, optional
        Of the rows that are drawn; `real` and `gen` have independent streams.
    group : text, optional
        Column with the class of each row, in both tables.
    labels_real, labels_gen : array_like, str or path, optional
        The classes instead, one per row, from somewhere else.
    project : text or array_like, optional
        ``pca:K``, or a (d, K) matrix or a file of it: many columns become K.
    stdin, stdin_format : optional
        What ``-`` reads: ``csv`` or ``npy``.
    passes : optional
        Who reads the rows: see `passes.passes_over`.

    Returns
    -------
    Pair

    Raises
    ------
    InputError
        If a source cannot be used, with the file, the line, the column and the fix; if one of the
        two is missing; if their columns do not fit.
    CannotMeasure
        If a source has no rows, or none without NaN.

    Examples
    --------
    >>> pair = read_pair([[0.0], [1.0], [2.0]], "normal:n=5")
    >>> print(*pair.header, sep="\\n")
    real  real array                  3 rows
    gen   normal:mean=1,sd=0.816      5 rows drawn (moments of real)
    """
    check_choice("nan", nan, ("refuse", "drop"))
    _check_both(real, gen)
    if real is None and gen is None:
        real, gen = DEFAULT_REAL, DEFAULT_GEN
    passes = passes_over((real, gen)) if passes is None else passes
    sources = {
        role: blaming(role, _opened, source, stdin, stdin_format, role)
        for role, source in (("real", real), ("gen", gen))
    }
    sizes = {"real": ROWS_REAL, "gen": ROWS}
    for role, source in sources.items():
        if isinstance(source, Spec):
            sources[role], sizes[role] = blaming(role, split_rows, source, sizes[role])
    labels = {"real": labels_real, "gen": labels_gen}
    warnings = []
    headings, groups = _chosen(sources, columns, group, labels, warnings)
    wanted = listed(categorical)
    readings = {
        role: _reading(sources[role], heading, wanted, nan, groups[role], labels[role], role)
        for role, heading in headings.items()
    }
    made = {role: blaming(role, side_of_rows, r, passes) for role, r in readings.items()}
    made.update({role: side_of_counts(s) for role, s in sources.items() if isinstance(s, Counts)})
    names, levels = _columns_of(sources, headings, readings)
    made = {
        role: with_levels(side, readings[role], tuple(names), levels) if role in readings else side
        for role, side in made.items()
    }
    notes = {}
    streams = np.random.SeedSequence(check_integer("seed", seed, minimum=0)).spawn(2)
    for role, stream in zip(_ROLES, streams, strict=True):
        if role not in made:
            rng = np.random.default_rng(stream)
            made[role], notes[role] = _drawn(role, sources, made, levels, sizes[role], rng)
    if not names:
        names = axis_names(None, made["real"].columns)
        levels = ((),) * made["real"].columns
    projection = None
    if project is not None:
        made, names, projection = _projected(made, names, levels, project)
        levels = ((),) * len(names)
    for role in _ROLES:
        counts = made[role].counts
        if counts is not None and counts.outside > MUCH_OUTSIDE * counts.rows:
            warnings.append(
                f"{percent(counts.outside / counts.rows)} of {role} lies outside the cells it was "
                "counted on: all numbers are about the rest."
            )
    return Pair(
        made["real"],
        made["gen"],
        tuple(names),
        tuple(levels),
        _header(made, notes),
        tuple(warnings),
        projection,
    )


def _check_both(real, gen):
    if (real is None) != (gen is None):
        missing = "gen" if gen is None else "real"
        raise InputError(
            f"two samples are compared, and --{missing} is not given.",
            argument=missing,
            fix=f"Pass --{missing} with a file, or a preset such as normal.",
        )
    if all(isinstance(source, str) and source == "-" for source in (real, gen)):
        raise InputError(
            "--real and --gen cannot both be read from stdin.",
            argument="gen",
            fix="Write one of them to a file.",
        )


def _opened(source, stdin, stdin_format, role):
    """Rows, Counts or a Spec."""
    if isinstance(source, Counts):
        return source
    opened = open_source(source, stdin, stdin_format, f"{role} array")
    return Counts.from_arrays(opened, str(source)) if isinstance(opened, dict) else opened


# ---- which columns -------------------------------------------------------------------------------


def _chosen(sources, columns, group, labels, warnings):
    """The heading of each table with the columns in use, and the number of its group column."""
    tables = {role: s.heading for role, s in sources.items() if isinstance(s, Rows)}
    groups = dict.fromkeys(_ROLES)
    _check_labels(tables, group, labels)
    if group is not None:
        for role, table in tables.items():
            groups[role] = blaming(role, _group_column, table, group)
            if columns is None:
                rest = [i for i in range(len(table.columns)) if i != groups[role]]
                if not rest:
                    raise InputError(
                        f"{table.source} has no column beside {group}.", argument="group"
                    )
                tables[role] = table.take(rest)
    if columns is not None and not tables:
        raise InputError("--columns needs a table, and neither source is one.", argument="columns")
    tables = {role: table.select(columns) for role, table in tables.items()}
    if len(tables) == 2:
        pair_columns(tables, warnings)
    check_widths(sources, tables, most=math.inf)
    return tables, groups


def _check_labels(tables, group, labels):
    given = [role for role, value in labels.items() if value is not None]
    option = "group" if group is not None else f"labels_{given[0]}" if given else None
    if option is None:
        return
    if group is not None and given:
        raise InputError(
            "--group and --labels-real, --labels-gen name the classes twice.",
            argument="group",
            fix="Keep one of the two.",
        )
    if group is None and len(given) == 1:
        other = _OTHER[given[0]]
        raise InputError(
            f"--labels-{given[0]} needs --labels-{other} beside it.", argument=f"labels_{other}"
        )
    for role in _ROLES:
        if role not in tables:
            raise InputError(
                f"classes need rows with labels, and --{role} is no table.",
                argument=option,
                fix=f"Pass --{role} FILE.",
            )


def _group_column(table, group):
    try:
        return table.select([group]).numbers[0]
    except InputError as error:
        error.argument = "group"
        raise


def _reading(rows, heading, categorical, nan, group, labels, role):
    """The columns in use, as they are to be read; the class is the last of them."""
    numbers = list(heading.numbers)
    forced = []
    if categorical:
        forced = [rows.heading.select([item]).numbers[0] for item in categorical]
    texts = [*forced, *([] if group is None else [group])]
    codes = words = None
    if labels is not None:
        codes, words = blaming(f"labels_{role}", _label_codes, labels)
    if group is not None:
        numbers.append(group)
    reading = Reading(rows, numbers, tuple(texts), nan, codes)
    reading.words = [None] * (len(numbers) + (labels is not None))
    if labels is not None:
        reading.words[-1] = words
    reading.has_class = group is not None or labels is not None
    return reading


def _label_codes(labels):
    opened = open_source(labels, label="labels")
    if not isinstance(opened, Rows) or len(opened.heading.columns) != 1:
        raise InputError(
            "labels must be one column, a class per row.",
            argument="source",
            fix="Pass a file with that column only.",
        )
    reading = Reading(opened, [0], (0,))
    codes = np.concatenate([chunk[:, 0] for chunk in reading.chunks()])
    return codes, reading.words[0]


def _columns_of(sources, headings, readings):
    """Names and levels of the columns in use; nothing where both sources are presets."""
    counts = [s for s in sources.values() if isinstance(s, Counts)]
    grid = counts[0].grid if counts else None
    for other in counts[1:]:
        if not other.grid.same_as(grid):
            raise InputError(
                f"{counts[0].label} is counted on {grid.describe()}, {other.label} on "
                f"{other.grid.describe()}: both must have the same cells.",
                argument="gen",
                fix="Count both with one --grid and --domain.",
            )
    if not headings:
        if grid is None:
            return (), ()
        return grid.names, tuple(axis.levels for axis in grid.axes)
    named = next((heading for heading in headings.values() if heading.names), None)
    first = next(iter(headings.values()))
    count = len(first.numbers)
    names = tuple(named.names) if named else axis_names(None, count)
    levels = []
    for i in range(count):
        found = [
            (reading.rows.source, None if reading.words[i] is None else list(reading.words[i]))
            for reading in readings.values()
        ]
        if grid is not None and grid.axes[i].levels:
            found.insert(0, (counts[0].label, list(grid.axes[i].levels)))
            common_levels(first.name(i), found)
            levels.append(grid.axes[i].levels)
            continue
        levels.append(common_levels(first.name(i), found))
        refuse_names(first.name(i), levels[-1], max(r.tally.seen for r in readings.values()))
    if named is None and grid is not None:
        names = grid.names
    return names, tuple(levels)


# ---- from sources to sides -----------------------------------------------------------------------


def _drawn(role, sources, made, levels, n, rng):
    """A side drawn from a preset, and what to say about its parameters."""
    spec, other = sources[role], _OTHER[role]
    if any(levels):
        raise InputError(
            f"{spec.name} gives numbers, {made[other].label} holds categories.", argument=role
        )
    note = ""
    if spec.name in presets.RELATIVE:
        reference = sources["real"]
        if role == "real" or not isinstance(reference, Spec):
            raise InputError(
                f"{spec.name} is drawn beside a preset only: it needs a density to depart from.",
                argument=role,
                fix="Pass a preset as --real, or a sample as --gen.",
            )
        x = _beside_real(spec, reference, n, rng)
    else:
        beside = made.get(other)
        if beside is not None and beside.kind != "preset" and beside.columns == 1:
            spec, is_matched = presets.matched(spec, *_values(beside))
            note = f"moments of {other}" if is_matched else ""
        if role == "gen" and spec.name == "disjoint" and "side" not in spec.options:
            spec = Spec(spec.name, {**spec.options, "side": "right"})
        x = presets.draw(spec, n, rng)
    label = presets.label(presets.resolved(spec))
    return side_of_array(x, label=label, kind="preset"), note


def _values(side):
    """Values and weights whose moments are those of a side, and whose range is its range."""
    if side.counts is not None:
        return side.counts.grid.centres[0], side.counts.counts.astype(np.float64)
    values = side.sample(_MATCHED_ROWS)[:, 0]
    if len(values) < side.rows:
        values = np.append(values, [side.low[0], side.high[0]])
    return values, None


def _beside_real(spec, reference, n, rng):
    """Rows of p_r, kept with probability R / max R, R constant in each cell of the default grid."""
    real = presets.preset(reference)
    ratio = density_ratio(gen=presets.generator(spec, real), real=real).values.ravel()
    most, parts, found = float(np.nanmax(ratio)), [], 0
    while found < n:
        x = presets.draw(reference, 2 * n, rng)
        cell = real.grid.locate(x)
        x = x[(cell >= 0) & (rng.random(len(x)) * most < ratio[cell])]
        parts.append(x)
        found += len(x)
    return np.concatenate(parts)[:n]


def _projected(made, names, levels, project):
    for side in made.values():
        if side.counts is not None:
            raise InputError(
                f"{side.label} holds counts, which cannot be projected.",
                argument="project",
                fix="Pass the samples.",
            )
    if any(levels):
        texts = ", ".join(name for name, words in zip(names, levels, strict=True) if words)
        raise InputError(
            f"column {texts} holds categories, which cannot be projected.",
            argument="project",
            fix="Leave it out with --columns.",
        )
    projection = fit_projection(project, list(made.values()), names)
    return (
        {role: seen_through(side, projection) for role, side in made.items()},
        projection.names,
        projection,
    )


def _header(made, notes):
    """The lines of `real` and `gen`: label, rows, and what was left out."""
    width = max(len(_label(side)) for side in made.values())
    lines = []
    for role in _ROLES:
        side = made[role]
        plural = "" if side.rows == 1 else "s"
        drawn = " drawn" if side.kind == "preset" else ""
        text = f"{side.rows} row{plural}{drawn}"
        if notes.get(role):
            text += f" ({notes[role]})"
        if side.dropped_nan:
            text += f" ({side.dropped_nan} with NaN dropped)"
        if side.counts is not None:
            text += f", counted on {side.counts.grid.describe()}"
            if side.counts.outside:
                text += f" ({side.counts.outside} outside)"
        lines.append(f"{role:<6}{_label(side):<{width}}      {text}")
    return lines


def _label(side):
    return brief(side.label) if side.kind == "preset" else side.label


def seed_of(rng):
    """The seed of everything drawn: an int as it is, of a Generator its next number."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    return check_integer("rng", rng, minimum=0)
