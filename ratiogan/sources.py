"""What a user names as ``--real`` and ``--gen``: presets, tables, histograms and images.

`read_problem` turns two SOURCEs into two distributions on one grid, with the lines and records
that every output carries.
"""

import contextlib
import io
import os
import sys
from dataclasses import dataclass, replace

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import PRESETS
from ratiogan.distribution import Distribution, bandwidths, restrict
from ratiogan.errors import CannotMeasure, InputError, InputTypeError, check_choice, nearest
from ratiogan.grid import Grid, broadcast_words, check_domain, plural
from ratiogan.parquet import ParquetReader
from ratiogan.spec import Spec, format_number, parse
from ratiogan.tables import (
    TEXT_SUFFIXES,
    Table,
    as_table,
    listed,
    read_npy,
    read_npz,
    read_text,
    read_text_file,
    shorten,
)

SUFFIXES = (".npy", ".npz", *TEXT_SUFFIXES, ".parquet", ".png")
FEW_LEVELS = 50  # so many different texts may be categories in any number of rows
MAX_LEVELS = 1000  # more different texts than this are names, not categories
MUCH_OUTSIDE = 0.05  # share outside the domain that deserves a warning

_OTHER = {"real": "gen", "gen": "real"}


@dataclass(frozen=True)
class Problem:
    """Two distributions on one grid, and what to say about where they come from.

    Attributes
    ----------
    real, gen : Distribution
    header : list of str
        The lines ``real ...`` and ``gen ...`` of the text output.
    input : dict
        The object ``input`` of the JSON output.
    warnings : tuple of str
    """

    real: Distribution
    gen: Distribution
    header: list
    input: dict
    warnings: tuple = ()


def read_problem(
    real=None,
    gen=None,
    *,
    grid=None,
    domain=None,
    density=None,
    columns=None,
    categorical=(),
    nan="refuse",
    singular="error",
    stdin=None,
    stdin_format="csv",
    fewest=1,
):
    """Read the reference and the generator, on common cells.

    Parameters
    ----------
    real, gen : str, path, Spec or Distribution, optional
        A preset, a file, ``-`` for `stdin`, or None for the default problem. A preset wins over a
        file of the same name (``./normal`` is the file). The parameters that a preset leaves open
        are matched to the moments of the other source, if that is data.
    grid : text, int, tuple or Grid, optional
        ``auto``, ``1024``, ``256x256``, ``64xautoxcounts`` or a file of edges, ``edges.npz``.
    domain : text or pairs, optional
        ``LOW:HIGH``, joined by commas. By default the preset's own, or the pooled range of the
        samples, widened by 3 bandwidths where a KDE smooths.
    density : str, optional
        ``kde`` or ``histogram``; by default `kde` for continuous columns and `histogram` for
        counts and categories.
    columns : text or sequence, optional
        Names or 0-based numbers of the columns to use.
    categorical : text or sequence, optional
        Names or numbers of columns to treat as categories; text columns are.
    nan : str, optional
        ``refuse`` or ``drop`` rows with NaN or empty fields.
    singular : str, optional
        ``error`` leaves generator mass where p_r = 0 to `ratio.density_ratio`, which refuses it;
        ``restrict`` drops it here and says so.
    stdin : file object, optional
        What ``-`` reads; the standard input if not given.
    stdin_format : str, optional
        ``csv`` or ``npy``.
    fewest : int, optional
        How many columns a table must have: 2 for `conditional`.

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        If a source cannot be used: with the file, the line, the column and the fix.
    CannotMeasure
        If there are no rows, or all are NaN.

    Examples
    --------
    >>> for line in read_problem("normal", "laplace").header:
    ...     print(line)
    real  normal:mean=0,sd=1.2        outside the domain 5.7e-07
    gen   laplace:mean=0,scale=1      outside the domain 2.5e-03
    """
    check_choice("nan", nan, ("refuse", "drop"))
    check_choice("singular", singular, ("error", "restrict"))
    if density is not None:
        check_choice("density", density, ("kde", "histogram"))
    if all(isinstance(source, str) and source == "-" for source in (real, gen)):
        raise InputError(
            "--real and --gen cannot both be read from stdin.",
            argument="gen",
            fix="Write one of them to a file.",
        )
    real = presets.DEFAULT_REAL if real is None else real
    gen = presets.DEFAULT_GEN if gen is None else gen
    sources = {
        role: blaming(role, _read, source, stdin, stdin_format)
        for role, source in (("real", real), ("gen", gen))
    }
    grid = read_grid(grid)
    warnings = []
    tables = {role: source for role, source in sources.items() if isinstance(source, Table)}
    if tables:
        tables = _prepared(sources, tables, columns, categorical, warnings, fewest)
        made, samples = _estimated(sources, tables, grid, domain, density, nan)
    else:
        refuse_columns(columns=columns, categorical=categorical)
        made, samples = _given_cells(sources, grid, domain), {}
    p_r, p_g, notes = _completed(sources, made, samples, grid, domain)
    if singular == "restrict":
        p_g = restrict(p_g, p_r)
    return problem_of(p_r, p_g, float(p_g.mass.sum(where=p_r.mass == 0)), notes, warnings)


def refuse_columns(**options):
    """Refuse options about the columns of a table where no source is one."""
    for option, value in options.items():
        if value:
            raise InputError(
                f"--{option} needs a table, and neither source is one.", argument=option
            )


def problem_of(real, gen, singular_mass=0.0, notes=None, warnings=()):
    """What to say about two distributions; of their masses nothing is asked.

    Parameters
    ----------
    real, gen : Distribution, or what has its facts
    singular_mass : float
        Generator mass where p_r = 0.
    notes : dict of str to str, optional
        What to say of `real` or `gen` instead of its label.
    warnings : sequence of str, optional
        What is said before.

    Returns
    -------
    Problem
    """
    warnings = list(warnings)
    if gen.restricted:
        warnings.append(
            f"{percent(gen.restricted)} of the generator's mass lay where p_r = 0 and was dropped, "
            "the rest rescaled (--singular restrict)."
        )
    for role, side in (("real", real), ("gen", gen)):
        if side.outside and side.outside > MUCH_OUTSIDE:
            warnings.append(
                f"{percent(side.outside)} of {role} lies outside the domain: all numbers are about "
                "the rest, rescaled."
            )
    record = _record(real, gen, singular_mass)
    return Problem(real, gen, _header(real, gen, notes or {}), record, tuple(warnings))


def percent(share):
    """A share in per cent, two figures.

    Examples
    --------
    >>> percent(0.0312), percent(1.2e-7)
    ('3.1%', '1.2e-05%')
    """
    return f"{100 * share:.2g}%"


def blaming(role, function, *arguments):
    """Call `function`; what it refuses is the fault of this role."""
    try:
        return function(*arguments)
    except InputError as error:
        if error.argument == "source":
            error.argument = role
        raise


# ---- reading one source --------------------------------------------------------------------------


def _read(source, stdin, stdin_format):
    """A Spec (preset), a Table, or a Distribution (counts, image, or given as such)."""
    if isinstance(source, (Distribution, Spec)):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise InputTypeError(
            f"a source must be a preset, a file or a Distribution, got {type(source).__name__}.",
            argument="source",
            fix="For samples: rg.Distribution.from_samples.",
        )
    text = os.fspath(source)
    if text == "-":
        return _read_stdin(stdin, check_choice("format", stdin_format, ("csv", "npy")))
    if isinstance(source, str) and text.partition(":")[0] in PRESETS:
        spec = parse(text)
        presets.resolved(spec)
        return spec
    return _read_file(text)


def _read_stdin(stdin, kind):
    stdin = sys.stdin if stdin is None else stdin
    data = getattr(stdin, "buffer", stdin).read()
    data = data.encode() if isinstance(data, str) else data
    if kind == "npy":
        return read_npy(io.BytesIO(data), "stdin")
    return read_text(data, "stdin", ".csv")


def file_suffix(path):
    """The suffix of a file that can be read, in lower case; refuses what is none."""
    suffix = os.path.splitext(path)[1].lower()
    if not os.path.exists(path):
        if suffix in SUFFIXES or os.sep in path:
            raise InputError(f"{path} does not exist.", argument="source")
        near = nearest(path.partition(":")[0], PRESETS)
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise InputError(
            f'no preset or file "{path}".',
            argument="source",
            fix=f"{hint}See: ratiogan list presets",
        )
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder, not a file.", argument="source")
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path} has no suffix that says what it holds.",
            argument="source",
            fix=f"Rename it to one of {' '.join(SUFFIXES)}.",
        )
    return suffix


def _read_file(path):
    suffix = file_suffix(path)
    if suffix == ".png":
        return Distribution.from_image(path)
    if suffix == ".npy":
        return read_npy(path, path)
    if suffix == ".npz":
        return _from_npz(path)
    if suffix == ".parquet":
        return ParquetReader(path, path).whole()
    return read_text_file(path, suffix)


def _from_npz(path):
    """Samples, or counts with their edges."""
    arrays = read_npz(path, path)
    if holds_counts(arrays):
        histogram = Distribution.from_histogram(arrays["counts"], edges_grid(arrays, path))
        rows, outside = histogram.rows, int(arrays.get("outside", 0))
        if rows is None:
            return replace(histogram, label=path, kind="counts")
        rows += outside
        dropped = int(arrays.get("dropped_nan", 0))
        share = outside / rows if "outside" in arrays else None
        return replace(
            histogram, label=path, kind="counts", rows=rows, outside=share, dropped_nan=dropped
        )
    return samples_table(arrays, path)


def holds_counts(arrays):
    """Whether the arrays of a .npz file are counts and their edges."""
    return "counts" in arrays and "edges_0" in arrays


def samples_table(arrays, path):
    """The table of a .npz file: its one array of samples, or its columns."""
    if len(arrays) == 1:
        return as_table(next(iter(arrays.values())), path)
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise InputError(
            f"{path} holds {shorten(list(arrays))}: one array of samples, columns of one length, "
            "or counts with edges_0, ... are needed.",
            argument="source",
        )
    parts = [as_table(array, path).columns[0] for array in arrays.values()]
    return Table(path, parts, list(arrays), list(range(len(parts))))


def read_grid(grid):
    """A Grid, if that or a file of edges is given; words stay words."""
    if isinstance(grid, (str, os.PathLike)) and os.fspath(grid).lower().endswith(".npz"):
        path = os.fspath(grid)
        if not os.path.isfile(path):
            raise InputError(f"{path} is not a file.", argument="grid")
        return edges_grid(read_npz(path, path), path)
    return grid


def edges_grid(arrays, path):
    """The grid of edges_0, edges_1, ..., with `kinds`, `names` and `levels_0`, ... if present."""
    edges = []
    while f"edges_{len(edges)}" in arrays:
        edges.append(arrays[f"edges_{len(edges)}"])
    if not edges:
        raise InputError(
            f"{path} has no array edges_0: it holds {shorten(list(arrays)) or 'nothing'}.",
            argument="grid",
            fix="Save the edges of each column as edges_0, edges_1, ...",
        )
    texts = {
        key: [str(item) for item in np.atleast_1d(arrays[key])]
        for key in ("names", "kinds")
        if key in arrays
    }
    levels = [[str(v) for v in arrays.get(f"levels_{i}", ())] for i in range(len(edges))]
    return Grid(edges, **texts, levels=levels)


# ---- tables: which columns, and what they hold ---------------------------------------------------


def _prepared(sources, tables, columns, categorical, warnings, fewest=1):
    """The chosen columns of each table, paired with those of the other, texts where categories."""
    tables = {role: table.select(columns) for role, table in tables.items()}
    for role, table in tables.items():
        if len(table.columns) < fewest:
            names = shorten([table.name(i) for i in range(len(table.columns))])
            chosen = " chosen" if columns else ""
            have = f"{plural(len(table.columns), 'column')}{chosen} ({names})"
            raise InputError(
                f"{_title(role, table)} has {have}, p(y|x) needs two or three: x first, then y.",
                argument="columns" if columns else role,
                fix="Choose them with --columns x,y, or pass a table that has them.",
            )
    if len(tables) == 2:
        pair_columns(tables, warnings)
    check_widths(sources, tables)
    wanted = listed(categorical)
    return {role: table.with_categories(wanted) for role, table in tables.items()}


def pair_columns(tables, warnings):
    """Put the columns of `gen` in the order of `real` where the names are the same."""
    real, gen = tables["real"], tables["gen"]
    if not (real.names and gen.names) or real.names == gen.names:
        return
    if sorted(real.names) == sorted(gen.names):
        tables["gen"] = gen.take([gen.names.index(name) for name in real.names])
    elif len(real.names) == len(gen.names):
        warnings.append(
            f"columns are paired by position: {shorten(real.names)} of {real.source} with "
            f"{shorten(gen.names)} of {gen.source}."
        )


def check_widths(sources, tables, most=3):
    """Refuse sources with different numbers of columns, and tables with more than `most`."""
    widths = {}
    for role, source in sources.items():
        if role in tables:
            widths[role] = len(tables[role].columns)
        elif hasattr(source, "grid"):  # masses or counts on cells
            widths[role] = source.grid.ndim
        else:
            widths[role] = presets.columns(source)
    known = {role: width for role, width in widths.items() if width is not None}
    if len(set(known.values())) > 1:
        titles = {role: _title(role, tables.get(role, sources[role])) for role in known}
        more = max(known, key=known.get)
        names = getattr(tables.get(more), "names", None)
        listed = {role: "" for role in known} | {more: f" ({shorten(names)})" if names else ""}
        plural = "" if known["gen"] == 1 else "s"
        export = "export the same columns, or " if len(tables) == 2 else ""
        fix = "choose two with as many columns."
        if tables:
            common = _common_columns(tables, min(known.values()))
            fix = f"{export}pass --columns {','.join(common)}."
        raise InputError(
            f"{titles['gen']} has {known['gen']} column{plural}{listed['gen']}, "
            f"{titles['real']} has {known['real']}{listed['real']}:",
            argument="columns",
            fix=fix,
        )
    table = next(iter(tables.values()), None)
    if table is not None and len(table.columns) > most:
        names = [table.name(i) for i in range(len(table.columns))]
        raise InputError(
            f"{table.source} has {len(names)} columns ({shorten(names)}), a grid at most {most}.",
            argument="columns",
            fix=f"Pass --columns {','.join(names[:2])}.",
        )


def _title(role, source):
    """An option with its value: ``--gen gen.csv``; ``gen array`` is what it is."""
    name = getattr(source, "source", None) or getattr(source, "label", source)
    return str(name) if str(name) == f"{role} array" else f"--{role} {name}"


def _common_columns(tables, width):
    """What to write for --columns: names both have, else numbers."""
    named = [table.names for table in tables.values() if table.names]
    if len(named) == len(tables):
        common = [name for name in named[0] if all(name in names for names in named)]
        if common:
            return common[:width]
    return [str(i) for i in range(width)]


def _levels(tables):
    """Per column the sorted texts of all tables, or () for numbers."""
    first = next(iter(tables.values()))
    levels = []
    for i in range(len(first.columns)):
        kinds = [(table.source, table.columns[i]) for table in tables.values()]
        texts = [
            (source, np.unique(column).tolist() if column.dtype.kind == "U" else None)
            for source, column in kinds
        ]
        levels.append(common_levels(first.name(i), texts))
        refuse_names(first.name(i), levels[-1], max(table.rows for table in tables.values()))
    return levels


def common_levels(column, texts):
    """The sorted texts of one column, () if it holds numbers.

    Parameters
    ----------
    column : str
    texts : list of (str, list of str or None)
        Per table its name and the texts in it; None where it holds numbers.

    Examples
    --------
    >>> common_levels("city", [("a.csv", ["Rome", "Oslo"]), ("b.csv", ["Bern"])])
    ('Bern', 'Oslo', 'Rome')
    """
    if all(found is None for _, found in texts):
        return ()
    if any(found is None for _, found in texts):
        (text, _), (number, _) = sorted(texts, key=lambda item: item[1] is None)
        raise InputError(
            f"column {column} holds text in {text} and numbers in {number}.",
            argument="categorical",
            fix=f"Pass --categorical {column} to treat both as categories.",
        )
    levels = sorted(set().union(*(found for _, found in texts)))
    if len(levels) > MAX_LEVELS:
        raise InputError(
            f"column {column} has {len(levels)} different texts, a category axis at "
            f"most {MAX_LEVELS}.",
            argument="columns",
            fix="Leave it out with --columns.",
        )
    return tuple(levels)


def refuse_names(column, levels, rows):
    """Refuse texts that hardly ever repeat: names, or numbers in another notation.

    Parameters
    ----------
    column : str
    levels : sequence of str
    rows : int
        Of the longest table.
    """
    if len(levels) > FEW_LEVELS and 2 * len(levels) > rows:
        raise InputError(
            f'column {column} has {len(levels)} different texts in {rows} rows ("{levels[0]}", ..):'
            " these are no categories.",
            argument="columns",
            fix="Numbers need a decimal point and commas, tabs or semicolons between them; leave "
            "names out with --columns.",
        )


def _as_samples(table, levels):
    """The table as an array (rows, columns), texts as numbers of levels."""
    x = np.empty((table.rows, len(table.columns)))
    for i, (column, names) in enumerate(zip(table.columns, levels, strict=True)):
        x[:, i] = np.searchsorted(names, column) if names else column
    return x


# ---- from sources to distributions ---------------------------------------------------------------


def _estimated(sources, tables, grid, domain, density, nan):
    """Distributions of the tables, on common cells; and the samples."""
    cleaned = {role: blaming(role, table.without_missing, nan) for role, table in tables.items()}
    tables = {role: table for role, (table, _) in cleaned.items()}
    levels = _levels(tables)
    samples = {role: _as_samples(table, levels) for role, table in tables.items()}
    made = _given_cells(sources, grid, domain)
    if made:
        grid = next(iter(made.values())).grid
    method = density or "auto"
    if not isinstance(grid, Grid):
        named = next((table for table in tables.values() if table.names), None)
        grid = Grid.pooled(
            list(samples.values()),
            _words(grid, sources, samples),
            check_domain(domain, len(levels)),
            names=named and named.names,
            levels=levels,
            smooth=None if method == "histogram" else _smooth(tables, samples, levels),
        )
    elif domain is not None:
        raise InputError(
            "the cells given have their own domain.", argument="domain", fix="Leave out --domain."
        )
    for role, x in samples.items():
        table, dropped = cleaned[role]
        with _naming(table):
            made[role] = Distribution.from_samples(
                x, grid, method=method, label=table.source, dropped_nan=dropped
            )
    return made, samples


def _words(grid, sources, samples):
    """Words for the cells; whole numbers beside a ``poisson`` are counts, however many differ."""
    width = next(iter(samples.values())).shape[1]
    words = broadcast_words("auto" if grid is None else grid, width)
    beside = any(
        isinstance(source, Spec) and source.name == "poisson" for source in sources.values()
    )
    if beside and words == ("auto",):
        if all(np.array_equal(x, np.floor(x)) for x in samples.values()):
            return ("counts",)
    return words


@contextlib.contextmanager
def _naming(table):
    """Say of which file no bandwidth follows; a command has no other way than a histogram."""
    try:
        yield
    except CannotMeasure as error:
        if error.argument != "bandwidth":
            raise
        raise CannotMeasure(
            f"{table.source}: {error.message}", argument="density", fix="Pass --density histogram."
        ) from None


def _smooth(tables, samples, levels):
    """Bandwidths per sample and column; 0 for categories and for columns of one value."""
    spreads = []
    for role, x in samples.items():
        smooth = [not names and np.ptp(x[:, i]) > 0 for i, names in enumerate(levels)]
        with _naming(tables[role]):
            spreads.append(bandwidths(x, smooth=smooth) if any(smooth) else (0.0,) * len(levels))
    return spreads


def _given_cells(sources, grid, domain):
    """Sources that are distributions already; their cells are those of the problem."""
    made = {role: s for role, s in sources.items() if isinstance(s, Distribution)}
    if not made:
        return made
    first = next(iter(made.values()))
    words_given = grid is not None and not isinstance(grid, Grid) and grid != "auto"
    if domain is not None or words_given:
        raise InputError(
            f"{first.label} has its own cells ({first.grid.describe()}).",
            argument="grid",
            fix="Leave out --grid and --domain.",
        )
    for other in (*made.values(), *([grid] if isinstance(grid, Grid) else [])):
        cells = getattr(other, "grid", other)
        if not cells.same_as(first.grid):
            raise InputError(
                f"{first.label} has {first.grid.describe()}, "
                f"{getattr(other, 'label', '--grid')} {cells.describe()}: "
                "both must have the same cells.",
                argument="grid",
            )
    return made


def _completed(sources, made, samples, grid, domain):
    """Both distributions: presets are put beside what is `made`; and notes for the header."""
    if not made:
        return *presets.problem(sources["real"], sources["gen"], grid, domain), {}
    notes = {}
    cells = next(iter(made.values())).grid
    for role in ("real", "gen"):
        if role in made:
            continue
        spec, other = sources[role], _OTHER[role]
        if cells.ndim == 1 and made[other].kind != "preset":
            weights = None if other in samples else made[other].mass
            values = samples[other][:, 0] if other in samples else cells.centres[0]
            if cells.axes[0].kind != "categories":
                found, is_matched = presets.matched(spec, values, weights)
                if is_matched:
                    spec = found
                    notes[role] = f"{brief(presets.label(found))} (moments of {other})"
        if role == "real":
            made[role] = presets.preset(spec, cells)
        else:
            made[role] = presets.generator(spec, made["real"])
    return made["real"], made["gen"], notes


# ---- what is said about them ---------------------------------------------------------------------


def brief(label):
    """A preset with its numbers to three figures."""
    spec = parse(label)
    return str(Spec(spec.name, {key: _rounded(value) for key, value in spec.options.items()}))


def _rounded(value):
    if isinstance(value, tuple):
        return tuple(_rounded(item) for item in value)
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _header(real, gen, notes):
    """The lines of `real` and `gen`: label, how it was estimated, and what was left out."""
    sides = (("real", real), ("gen", gen))
    titles = {role: notes.get(role) or side.label + _estimate(side) for role, side in sides}
    width = max(len(title) for title in titles.values())
    lines = []
    for role, side in sides:
        remarks = []
        if side.outside is not None:
            remarks.append(f"outside the domain {side.outside:.1e}".replace("0.0e+00", "0"))
        if side.restricted:
            remarks.append(f"{percent(side.restricted)} where p_r = 0 dropped")
        lines.append(f"{role:<6}{titles[role]:<{width}}      {', '.join(remarks)}".rstrip())
    return lines


def _estimate(side):
    """How samples became masses: `` 20190 rows, kde (Scott, bandwidth 0.2)``."""
    if side.rows is None:
        return ""
    text = f"  {side.rows} row{'' if side.rows == 1 else 's'}"
    if side.dropped_nan:
        text += f" ({side.dropped_nan} with NaN dropped)"
    if side.density_method == "kde":
        widths = "/".join(format_number(float(f"{w:.2g}")) for w in side.bandwidth if w)
        text += f", kde (Scott, bandwidth {widths})"
    elif side.density_method:
        text += f", {side.density_method}"
    return text


def _record(real, gen, singular_mass):
    """The object `input` of the JSON output."""
    sides = {}
    for role, side in (("real", real), ("gen", gen)):
        sides[role] = {
            "source": side.label,
            "type": side.kind,
            "rows": side.rows,
            "dropped_nan": side.dropped_nan,
            "outside": side.outside,
        }
    sides["gen"]["singular_mass"] = singular_mass
    if gen.restricted:
        sides["gen"]["restricted"] = gen.restricted
    methods = {side.density_method for side in (real, gen)} - {None}
    density = "kde" if "kde" in methods else next(iter(methods), None)
    return {**sides, "grid": real.grid.to_dict(), "density": density}
