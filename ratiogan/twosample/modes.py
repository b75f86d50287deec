"""Which modes of the real distribution, or which classes, the generator covers, thins or misses."""

import math

import numpy as np

from ratiogan.errors import InputError, check_fraction, check_positive
from ratiogan.grid import Grid
from ratiogan.peaks import find_peaks
from ratiogan.twosample.cells import bin_pair, lattice_step
from ratiogan.twosample.mode_report import (
    NOT_IN_REAL,
    Mode,
    Modes,
    finding_of,
    verdict_of,
    worst_first,
)
from ratiogan.twosample.places import place_label
from ratiogan.twosample.regions import check_rows, class_regions, ratio_interval
from ratiogan.twosample.samples import read_pair, seed_of

# Cells per axis on which peaks are looked for, by the number of interval axes: smoothing takes care
# of the noise, so there are more of them than a divergence should be measured on.
_CELLS = {1: 256, 2: 64, 3: 32}
_LOOK = 20_000  # rows of each sample that are looked at to tell rounded values


def modes(
    real=None,
    gen=None,
    *,
    grid=None,
    domain=None,
    covered=None,
    thinned=None,
    missing=None,
    level=0.95,
    group=None,
    rng=0,
    pair=None,
    **how_to_read,
):
    """Which modes of the real distribution the generator covers, thins out or misses.

    Problem solved: the modes are the peaks of the real density that stand out of its counting noise
    (`peaks.find_peaks`), each with the cells from which the density rises to it; or, with
    `group`, the classes. R = p_g / p_r of each has an exact interval, and the verdict follows from
    the interval: missing (upper end below `missing`), else thinned (upper end below `thinned`),
    else covered (lower end above `covered`), else unclear.

    Parameters
    ----------
    real, gen : array_like (n, d), path, text or Counts
        Rows are samples. A preset (``ring8:n=10000``) is drawn. None is the default problem.
    grid : Grid, text, int or tuple, optional
        By default 256 cells for one column, 64 per column for two, 32 for three; counts and
        categories one per value.
    domain : text or pairs, optional
    covered, thinned, missing : float, optional
        Thresholds on R; 0.5, 0.8 and 0.05.
    level : float, optional
        Of each interval.
    group : text, optional
        The column that holds the classes, in both tables.
    rng : int or numpy.random.Generator, optional
        0 is a seed.
    pair : Pair, optional
        Two sources already read, instead of `real` and `gen`.
    **how_to_read
        See `samples.read_pair`.

    Returns
    -------
    Modes

    Raises
    ------
    InputError
        If a source cannot be used, there are more than 3 columns and no classes, or the thresholds
        contradict each other.
    CannotMeasure
        If a sample has no rows.

    Examples
    --------
    >>> print(modes("ring8", "ring8:drop=4,thin=7").finding)
    6 of 8 modes covered, 1 thinned, 1 MISSING.
    """
    limits = _thresholds(covered, thinned, missing)
    level = check_fraction("level", level)
    seed = seed_of(rng)
    if pair is None:
        pair = read_pair(real, gen, group=group, seed=seed, **how_to_read)
    facts = {
        **dict(zip(("covered", "thinned", "missing"), limits, strict=True)),
        "level": level,
        "header": tuple(pair.header),
        "seed": seed,
    }
    if pair.real.classes is not None:
        return _of_classes(pair, group or "class", limits, facts)
    return _of_density(pair, grid, domain, limits, facts)


def mode_order(centres, shares):
    """The order in which modes are numbered.

    From left to right in 1-D. In 2-D counter-clockwise from the right where they lie on a ring (3
    or more, none nearer to the mean of the centres than half of the farthest), row by row from the
    upper left where they fill a rectangle of rows and columns. Else, and in 3-D, by falling share.

    Parameters
    ----------
    centres : ndarray, shape (K, d)
    shares : ndarray, shape (K,)

    Returns
    -------
    ndarray of int64, shape (K,)
        The place in `centres` of mode 1, 2, ...

    Examples
    --------
    >>> ring = np.array([[0.0, 1.0], [1.0, 0.01], [-1.0, 0.0]])
    >>> mode_order(ring, np.ones(3)).tolist()
    [1, 0, 2]
    """
    by_share = np.lexsort((np.arange(len(shares)), -np.asarray(shares)))
    if centres.shape[1] == 1:
        return np.argsort(centres[:, 0], kind="stable")
    if centres.shape[1] != 2 or len(centres) < 3:
        return by_share
    away = centres - centres.mean(axis=0)
    distance = np.hypot(*away.T)
    if distance.min() > 0.5 * distance.max():
        angle = np.arctan2(away[:, 1], away[:, 0]) % (2 * np.pi)
        ordered = np.sort(angle)
        gaps = np.diff(np.append(ordered, ordered[0] + 2 * np.pi))
        # Half a gap of slack: a mode straight to the right comes first, not sometimes last.
        return np.argsort((angle + gaps.min() / 2) % (2 * np.pi), kind="stable")
    row, column = _lines(-centres[:, 1]), _lines(centres[:, 0])
    place = row * (column.max() + 1) + column
    if np.array_equal(np.sort(place), np.arange((row.max() + 1) * (column.max() + 1))):
        return np.argsort(place)
    return by_share


def _lines(values):
    """Which group each value is in: sorted, they are cut at gaps above a third of the widest."""
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order])
    group = np.zeros(len(values), dtype=np.int64)
    group[order[1:]] = np.cumsum(gaps > gaps.max() / 3)
    return group


def _thresholds(covered, thinned, missing):
    covered = 0.5 if covered is None else check_positive("covered", covered)
    thinned = 0.8 if thinned is None else check_positive("thinned", thinned)
    missing = 0.05 if missing is None else check_positive("missing", missing)
    for name, limit in (("covered", covered), ("thinned", thinned)):
        if limit <= missing:
            raise InputError(
                f"{name} must be above missing, got {limit:g} and {missing:g}.",
                argument=name,
                fix="Pass for instance --missing 0.05 --covered 0.5 --thinned 0.8.",
            )
    return covered, thinned, missing


def _of_classes(pair, group, limits, facts):
    """One row per class of either sample."""
    found = class_regions(pair.real.classes, pair.gen.classes, name=group, level=facts["level"])
    rows = [
        Mode(
            number=int(region.cells[0]) + 1,
            label=region.label,
            centre=region.centre,
            real_count=region.real_count,
            gen_count=region.gen_count,
            real_share=region.real_share,
            gen_share=region.gen_share,
            ratio=region.ratio,
            ci=region.ci,
            verdict=verdict_of(region.ci, limits) if region.real_count else NOT_IN_REAL,
        )
        for region in found
    ]
    return Modes(
        modes=worst_first(rows),
        finding=finding_of(rows, "class", "classes"),
        group=group,
        rows=(len(pair.real.classes), len(pair.gen.classes)),
        input=pair.input_record(),
        warnings=tuple(pair.warnings),
        **facts,
    )


def _of_density(pair, grid, domain, limits, facts):
    """One row per peak of the real density."""
    binned = _binned(pair, grid, domain)
    real, gen, grid = binned.real, binned.gen, binned.grid
    check_rows(real.inside, gen.inside)
    peaks = find_peaks(real.counts, grid)
    count = len(peaks.cells)
    basins = peaks.basins.ravel()
    sums = [
        np.bincount(basins[basins >= 0], side.counts.ravel()[basins >= 0], count).astype(np.int64)
        for side in (real, gen)
    ]
    centres = np.array([_centre(i, peaks, real.counts, grid) for i in range(count)])
    order = mode_order(centres, sums[0])
    number = np.empty(count, dtype=np.int64)
    number[order] = np.arange(1, count + 1)
    low, high = ratio_interval(*sums, real.inside, gen.inside, facts["level"])
    rows = []
    for i in range(count):
        shares = sums[0][i] / real.inside, sums[1][i] / gen.inside
        ci = float(low[i]), float(high[i])
        rows.append(
            Mode(
                number=int(number[i]),
                label=place_label(grid, centres[i]),
                centre=tuple(centres[i].tolist()),
                real_count=int(sums[0][i]),
                gen_count=int(sums[1][i]),
                real_share=float(shares[0]),
                gen_share=float(shares[1]),
                ratio=float(shares[1] / shares[0]),
                ci=ci,
                verdict=verdict_of(ci, limits),
            )
        )
    return Modes(
        modes=worst_first(rows),
        finding=finding_of(rows, "mode", "modes"),
        gap=peaks.gap,
        elsewhere=1 - float(sums[1].sum() / gen.inside),
        grid=grid,
        basins=np.append(number, 0)[peaks.basins],
        real=real,
        gen=gen,
        rows=(real.inside, gen.inside),
        input={**pair.input_record(), "grid": grid.to_dict()},
        warnings=(*pair.warnings, *_warnings(real, gen, count)),
        **facts,
    )


def _binned(pair, grid, domain):
    """Both samples on common cells, fine enough for peaks where the choice is free."""
    binned = bin_pair(pair, grid, domain)
    if isinstance(grid, Grid) or grid not in (None, "auto") or not binned.is_auto:
        return binned
    cells = _CELLS.get(sum(not axis.is_counting for axis in binned.grid.axes))
    if cells is None:
        return binned
    looks = [side.sample(_LOOK, np.random.default_rng(0)) for side in (pair.real, pair.gen)]
    looks = np.concatenate(looks)
    if domain is not None:
        looks = looks[:0]  # inside a domain that was asked for the cells cannot be moved
    parts = [
        Grid([axis.edges], [axis.name], [axis.kind], [axis.levels])
        if axis.is_counting
        else Grid([_even_edges(looks[:, i], axis, cells)], [axis.name])
        for i, axis in enumerate(binned.grid.axes)
    ]
    return bin_pair(pair, Grid.product(*parts))


def _even_edges(values, axis, cells):
    """Edges of about `cells` equal cells, each with as many values where those are rounded ones."""
    if axis.kind == "uneven":  # far values stretch the range: the outer cells reach out for them
        inner = np.quantile(values, (0.001, 0.999))
        edges = np.linspace(*inner, cells + 1)
        edges[0], edges[-1] = axis.low, axis.high
        return edges
    step = lattice_step(values)
    if step is not None:
        width = step * max(1, math.ceil((axis.high - axis.low) / (cells * step)))
        least = values.min()
        first = least - step * (0.5 + math.ceil((least - axis.low) / step))
        # An even number of them, so that two can be joined; at most two lie beyond the range.
        return first + width * np.arange(2 * math.ceil((axis.high - first) / width / 2) + 1)
    return np.linspace(axis.low, axis.high, cells + 1)


def _centre(i, peaks, counts, grid):
    """Mean of the real rows around peak `i`, where the smoothed density is above a quarter of it.

    On counting axes the value with most rows there: a mean of counts or categories is none of them.
    """
    peak = peaks.cells[i]
    index = np.unravel_index(peak, grid.shape)
    near = (peaks.basins == i) & (peaks.smooth >= 0.25 * peaks.smooth[index])
    weights = counts[near] if counts[near].any() else np.ones(np.count_nonzero(near))
    index = [along[np.argmax(weights)] for along in np.nonzero(near)]
    return [
        axis.centres[place] if axis.is_counting else np.average(axis.centres[along], None, weights)
        for axis, place, along in zip(grid.axes, index, np.nonzero(near), strict=True)
    ]


def _warnings(real, gen, count):
    warnings = []
    if count == 1:
        warnings.append(
            "real has one mode only: ratiogan diagnose shows where inside it the samples differ."
        )
    for name, side in (("real", real), ("gen", gen)):
        if side.outside:
            warnings.append(
                f"{side.outside} of {side.rows} rows of {name} lie outside the domain and in no "
                "mode: shares are of the rows inside."
            )
    return warnings
