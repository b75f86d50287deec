"""Counting a source of any length on common cells: one pass where the cells are known, else two."""

import glob
import math
import os

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import PRESETS
from ratiogan.errors import InputError, check_choice, check_integer
from ratiogan.grid import Grid, axis_names, broadcast_words, check_domain, plural
from ratiogan.sources import common_levels, read_grid
from ratiogan.spec import Spec
from ratiogan.tables import listed, shorten
from ratiogan.twosample.passes import Levels, Stream, passes_over
from ratiogan.twosample.reading import Reading
from ratiogan.twosample.rows import ROWS, open_source, split_rows
from ratiogan.twosample.scan import LOOK, strata


def count(
    source,
    *,
    grid="auto",
    domain=None,
    columns=None,
    categorical=(),
    nan="refuse",
    seed=0,
    stdin=None,
    stdin_format="csv",
    progress=None,
    scheduler=None,
    checkpoint=None,
):
    """Count a source of any length on the cells of a grid, a chunk of rows at a time.

    Cells that are known beforehand (a Grid, a file of edges, or numbers of cells with their domain)
    take one pass. Otherwise a first pass finds the range, and text is kept, parsed, in a temporary
    file until the second.

    Parameters
    ----------
    source : array_like, Dask collection, str, path, or list of str or path
        Rows of samples (n, d), a file, ``-``, or a preset to draw `n` rows from (10,000 unless it
        says). Several files are counted together; ``part-*.npy`` is all that match. A Dask array or
        data frame is counted partition by partition, never gathered.
    grid : Grid, text, int, tuple or path, optional
        ``auto``, ``1024``, ``256x256``, ``counts``, or a file of edges: one written by
        `Counts.save` will do, so that other machines count on the same cells.
    domain : text or pairs, optional
        ``LOW:HIGH`` per column; by default the range of the source.
    columns, categorical, nan : optional
        As in `read_pair`.
    seed : int, optional
        Of the rows drawn from a preset.
    stdin, stdin_format : optional
        What ``-`` reads: ``csv`` or ``npy``.
    progress : Progress, optional
    scheduler : str or distributed.Client, optional
        ``local:2`` counts files in two worker processes, ``tcp://HOST:PORT`` on a running cluster
        (see `cluster`), with the same counts. Arrays, presets and stdin are counted in this
        process. A Dask collection needs none: the active client is used, or Dask's threads.
    checkpoint : path, optional
        A folder that keeps the parts that workers have counted: a second call goes on with them.

    Returns
    -------
    Counts
        On at most 3 axes. What lies outside the cells is in `outside`, what was dropped in
        `dropped_nan`: nothing is lost without a number. Parts that were counted again, because a
        worker was lost, are named in `notes`.

    Raises
    ------
    InputError
        If the source or the cells cannot be used.
    CannotMeasure
        If there are no rows.

    Examples
    --------
    >>> count([0.1, 0.2, 0.9, 3.0], grid=2, domain="0:1")
    <Counts array: 4 rows on 2 cells on 0:1>
    """
    check_choice("nan", nan, ("refuse", "drop"))
    sources = _listed_sources(source)
    streams = np.random.SeedSequence(check_integer("seed", seed, minimum=0)).spawn(len(sources))
    with passes_over(sources, scheduler, checkpoint) as passes:
        readings = [
            _reading(item, columns, categorical, nan, stream, stdin, stdin_format)
            for item, stream in zip(sources, streams, strict=True)
        ]
        names = _common_names(readings)
        cells = _known_cells(read_grid(grid), domain, names, len(readings[0].numbers))
        samples = [Stream(reading) for reading in readings]
        if cells is None:
            cells = _found_cells(passes, samples, grid, domain, names, progress)
        step = Levels(tuple(axis.levels for axis in cells.axes), cells.names)
        total = passes.counts([sample.through(step) for sample in samples], cells, progress)
    total.dropped_nan = sum(reading.tally.dropped for reading in readings)
    total.notes = tuple(passes.notes)
    return total


def _listed_sources(source):
    """The sources one by one, patterns such as ``part-*.npy`` replaced by the files they match."""
    if not isinstance(source, (list, tuple)) or not source:
        source = [source]
    elif not all(isinstance(item, (str, os.PathLike)) for item in source):
        return [source]  # rows
    return [item for given in source for item in _matched(given)]


def _matched(source):
    if not isinstance(source, str) or not any(mark in source for mark in "*?["):
        return [source]
    if os.path.exists(source) or source.partition(":")[0] in PRESETS:
        return [source]
    found = sorted(glob.glob(source, recursive=True))
    if not found:
        raise InputError(
            f'no file matches "{source}".', argument="source", fix="Check the folder it is in."
        )
    return found


def _reading(source, columns, categorical, nan, stream, stdin, stdin_format):
    """One source with its columns chosen."""
    opened = open_source(source, stdin, stdin_format)
    if isinstance(opened, dict):
        raise InputError(
            f"{source} holds counts already.",
            argument="source",
            fix="Add them up: ratiogan merge FILE FILE -o FILE.",
        )
    if isinstance(opened, Spec):
        spec, rows = split_rows(opened, ROWS)
        x = presets.draw(spec, rows, np.random.default_rng(stream))
        opened = open_source(x, label=presets.label(presets.resolved(spec)))
    heading = opened.heading.select(columns)
    forced = [opened.heading.select([item]).numbers[0] for item in listed(categorical)]
    return Reading(opened, list(heading.numbers), tuple(forced), nan)


def _common_names(readings):
    """The names of the columns, None if no source has any; sources in another order are sorted."""
    first = readings[0]
    count = len(first.numbers)
    names = None
    for reading in readings:
        heading = reading.rows.heading
        if len(reading.numbers) != count:
            raise InputError(
                f"{reading.rows.source} has {plural(len(reading.numbers), 'column')}, "
                f"{first.rows.source} {count}: counts add up for the same columns only.",
                argument="columns",
                fix="Pass --columns.",
            )
        if not heading.names:
            continue
        own = [heading.names[i] for i in reading.numbers]
        if names is None:
            names = own
        elif own != names and sorted(own) == sorted(names):
            reading.numbers = [reading.numbers[own.index(name)] for name in names]
        elif own != names:
            raise InputError(
                f"{reading.rows.source} has the columns {shorten(own)}, others {shorten(names)}.",
                argument="columns",
                fix="Pass --columns.",
            )
    if count > 3:
        known = names or [str(i) for i in first.numbers]
        raise InputError(
            f"{first.rows.source} has {count} columns ({shorten(known)}), a grid at most 3.",
            argument="columns",
            fix=f"Pass --columns {','.join(known[:2])}.",
        )
    return names


def _known_cells(grid, domain, names, columns):
    """The cells, if they do not depend on the source; else None."""
    if isinstance(grid, Grid):
        if domain is not None:
            raise InputError(
                "the cells given have their own domain.",
                argument="domain",
                fix="Leave out --domain.",
            )
        if grid.ndim != columns:
            raise InputError(
                f"the cells given have {grid.ndim} axes, the source {columns} columns.",
                argument="grid",
                fix="Choose as many with --columns.",
            )
        return grid
    words = broadcast_words("auto" if grid is None else grid, columns)
    ends = check_domain(domain, columns)
    if any(
        end is None or word in ("auto", "categories") for end, word in zip(ends, words, strict=True)
    ):
        return None
    names = axis_names(names, columns)
    parts = []
    for word, (low, high), name in zip(words, ends, names, strict=True):
        if word == "counts":
            parts.append(Grid.counts(math.ceil(low), math.floor(high), name=name))
        else:
            parts.append(Grid.regular(word, low, high, names=[name]))
    return Grid.product(*parts)


def _found_cells(passes, samples, grid, domain, names, progress):
    """Cells for all sources together."""
    readings = [sample.reading for sample in samples]
    columns = len(readings[0].numbers)
    scans = passes.scans(samples, progress)
    total = scans[0]
    for scan in scans[1:]:
        total = total + scan
    looks = passes.picks(
        samples,
        [
            strata(scan.rows, max(1, LOOK * scan.rows // total.rows), np.random.default_rng(0))
            for scan in scans
        ],
    )
    levels = []
    for i in range(columns):
        texts = [
            (reading.rows.source, None if reading.words[i] is None else list(reading.words[i]))
            for reading in readings
        ]
        levels.append(common_levels(readings[0].rows.heading.name(readings[0].numbers[i]), texts))
    summaries = total.summaries(np.concatenate(looks))
    words = "auto" if grid is None else grid
    return Grid.covering(summaries, words, domain, names, levels)
