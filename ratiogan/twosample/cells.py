"""Common cells for two samples: chosen from the pooled sample, not from either one.

Cells that follow one sample's own gaps make it look different from any other: both samples are
counted on the same cells. Where those are chosen here, the only thing asked about the difference of
the samples is whether it is ten times what noise shows, which it is not if there is none.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan.divergences import CORE, divergence_sums
from ratiogan.errors import InputError
from ratiogan.grid import Grid, Summary, broadcast_words, check_domain
from ratiogan.sources import read_grid
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.estimate import floor_guess

# Cells per axis, by the number of interval axes: where `auto` starts, and the most it takes.
_START = {0: 1, 1: 16, 2: 16, 3: 8}
_MOST = {0: 1, 1: 1024, 2: 128, 3: 32}
_FEWEST = 4
_ROWS_PER_CELL = 5  # of the smaller sample, on the coarsest cells
_NOISY = 0.1  # share of the value that may be floor before `auto` refines no further
_USUAL = 3.0  # interquartile ranges beyond the quartiles, where a normal has all but 3e-6
_STRETCHED = 4.0  # times that range
_FINEST = 1 << 22  # cells; more are counted where asked for, but not beside finer ones
_JSD = CORE.index("jsd")


@dataclass(frozen=True)
class Binned:
    """Two samples counted on the same cells, and on cells half and twice as wide.

    Attributes
    ----------
    real, gen : Counts
    others : tuple of (Counts, Counts)
        Real and gen on the coarser cells, then on the finer ones, as far as there are such cells.
    is_auto : bool
        Whether the number of cells was chosen here.
    positions : ndarray, shape (cells,), or None
        In 1-D, where the pooled rows of each cell lie on the average (the centre of an empty cell,
        and of all cells that are equal); None in several dimensions and for categories.
    """

    real: Counts
    gen: Counts
    others: tuple = ()
    is_auto: bool = False

    positions: np.ndarray | None = None

    @property
    def grid(self):
        """The common cells."""
        return self.real.grid


def bin_pair(pair, grid=None, domain=None, progress=None):
    """Count both samples of a pair on common cells.

    Parameters
    ----------
    pair : Pair
        Of at most 3 columns.
    grid : Grid, text, int or tuple, optional
        ``auto`` takes one cell per value for a column of whole numbers with 5 rows for each; else
        16 cells per axis (8 in 3-D, fewer for small samples), halved until the JSD that noise alone
        shows exceeds a tenth of the JSD of the counts. Rounded values fill such cells evenly. Where
        far values would leave most cells empty, the cells have equal shares of the pooled rows.
    domain : text or pairs, optional
        By default the pooled range.
    progress : Progress, optional

    Returns
    -------
    Binned

    Raises
    ------
    InputError
        If there are more than 3 columns, or a source that is counts already has other cells.
    """
    columns = len(pair.names)
    if columns > 3:
        raise InputError(
            f"a grid has at most 3 axes, the samples have {columns} columns.",
            argument="columns",
            fix="Pass --project pca:2, or --columns with at most 3 of them.",
        )
    grid = read_grid(grid)
    fixed = [side.counts for side in (pair.real, pair.gen) if side.counts is not None]
    if fixed:
        return _on_given_cells(pair, _the_cells(fixed, grid, domain), progress)
    if isinstance(grid, Grid):
        if domain is not None:
            raise InputError(
                "the cells given have their own domain.",
                argument="domain",
                fix="Leave out --domain.",
            )
        return _on_given_cells(pair, grid, progress)
    words = broadcast_words("auto" if grid is None else grid, columns)
    finest, is_free, level = _finest(pair, words, check_domain(domain, columns))
    pyramid = [_counted(pair, finest, progress)]
    while any(_can_halve(pyramid[-1][0].grid, is_free)):
        pyramid.append(_coarser(pyramid[-1], is_free))
    is_auto = level is None
    if is_auto:
        level = _chosen(pyramid, is_free)
    others = [pyramid[i] for i in (level + 1, level - 1) if 0 <= i < len(pyramid)]
    chosen = pyramid[level]
    return Binned(*chosen, tuple(others), is_auto, _positions(pair, chosen[0].grid))


def _the_cells(fixed, grid, domain):
    cells = fixed[0].grid
    for other in (*(counts.grid for counts in fixed), *([grid] if isinstance(grid, Grid) else ())):
        if not other.same_as(cells):
            raise InputError(
                f"the sources are counted on different cells: {cells.describe()} and "
                f"{other.describe()}.",
                argument="grid",
                fix="Count both with one --grid and --domain.",
            )
    if domain is not None or not (grid is None or isinstance(grid, Grid) or grid == "auto"):
        raise InputError(
            f"{fixed[0].label} has its own cells ({cells.describe()}).",
            argument="grid",
            fix="Leave out --grid and --domain.",
        )
    return cells


def _on_given_cells(pair, grid, progress):
    pyramid = [_counted(pair, grid, progress)]
    if any(_can_halve(grid, (True,) * grid.ndim)):
        pyramid.append(_coarser(pyramid[0], (True,) * grid.ndim))
    return Binned(*pyramid[0], tuple(pyramid[1:]), positions=_positions(pair, grid))


def _finest(pair, words, ends):
    """The finest cells worth counting on, which axes may be halved, and how often to halve them.

    That is None where the data are to choose.
    """
    summaries = [
        _together(*both) for both in zip(pair.real.summaries(), pair.gen.summaries(), strict=True)
    ]
    _refuse_constants(pair, summaries)
    if pair.levels == ((),):
        words = _with_counts(words, summaries, min(pair.real.rows, pair.gen.rows))
    plain = Grid.covering(summaries, words, ends, names=pair.names, levels=pair.levels)
    is_free = tuple(not axis.is_counting for axis in plain.axes)
    count = sum(is_free)
    is_auto = any(is_free) and all(
        word == "auto" for word, free in zip(words, is_free, strict=True) if free
    )
    sizes = []
    for axis, word in zip(plain.axes, words, strict=True):
        free = _MOST[count] if is_auto else 4 * _START[count]
        sizes.append(axis.size if axis.is_counting else free if word == "auto" else word)
    doubled = [2 * size if free else size for size, free in zip(sizes, is_free, strict=True)]
    finer = any(is_free) and math.prod(doubled) <= _FINEST
    parts = []
    for i, (axis, cells) in enumerate(zip(plain.axes, doubled if finer else sizes, strict=True)):
        if axis.is_counting:
            parts.append(Grid([axis.edges], [axis.name], [axis.kind], [axis.levels]))
            continue
        low, high = ends[i] or (axis.low, axis.high)
        step = lattice_step(summaries[i].values) if is_auto and ends[i] is None else None
        if step is not None:
            low, high, cells = _aligned(summaries[i].low, summaries[i].high, step, cells)
        elif is_auto and ends[i] is None and is_stretched(summaries[i]):
            parts.append(Grid([_even_shares(summaries[i], cells)], [axis.name]))
            continue
        parts.append(Grid.regular(cells, low, high, names=[axis.name]))
    return Grid.product(*parts), is_free, None if is_auto else int(finer)


def is_stretched(summary):
    """Whether a few far values stretch the range so much that equal cells would see nothing."""
    lower, upper = np.quantile(summary.values, (0.25, 0.75))
    usual = (1 + 2 * _USUAL) * (upper - lower)
    return 0 < _STRETCHED * usual < summary.high - summary.low


def _even_shares(summary, cells):
    """Edges of cells with equally many of the pooled rows each, from the least to the greatest."""
    while cells > _FEWEST:
        edges = np.quantile(summary.values, np.linspace(0, 1, cells + 1))
        edges[0], edges[-1] = summary.low, summary.high
        if np.all(np.diff(edges) > 0):
            return edges
        cells //= 2
    return np.linspace(summary.low, summary.high, cells + 1)


def _refuse_constants(pair, summaries):
    for name, levels, summary in zip(pair.names, pair.levels, summaries, strict=True):
        if not levels and summary.low == summary.high:
            raise InputError(
                f"column {name} has one value only ({summary.low:g}), the same in both samples: "
                "nothing can differ there.",
                argument="columns",
                fix="Leave it out with --columns.",
            )


def _with_counts(words, summaries, rows):
    """``auto`` for one column of whole numbers is counts, where these have rows enough."""
    [summary, *others] = summaries
    if others or words != ("auto",) or summary.part is not None or not summary.rows:
        return words
    span = summary.high - summary.low + 1
    return ("counts",) if span <= min(_MOST[1], rows / _ROWS_PER_CELL) else words


def lattice_step(values):
    """The step of values that are rounded, None where most of them differ.

    Numbers rounded to 0.1, say, would fill cells of 0.15 with one value and two in turn: a comb
    that no density has.

    Examples
    --------
    >>> lattice_step([0.1, 0.4, 0.4, 0.1, 0.2, 0.2, 0.4, 0.4])
    0.1
    """
    levels = np.unique(values)
    steps = np.diff(levels)
    if not 2 <= levels.size <= np.size(values) / 2:
        return None
    step = float(steps.min())
    even = np.allclose(steps / step, np.round(steps / step), rtol=0, atol=1e-3)
    return step if even else None


def _aligned(low, high, step, most):
    """Ends and number of at most some `most` cells with equally many rounded values each.

    Joined in twos again and again they keep equal widths.
    """
    values = round((high - low) / step) + 1
    each = 2 ** max(0, math.ceil(math.log2(values / most)))
    cells = math.ceil(values / each)
    whole = 2 ** max(0, math.floor(math.log2(cells / _FEWEST)))
    cells = math.ceil(cells / whole) * whole
    return low - 0.5 * step, low + (cells * each - 0.5) * step, cells


def _together(one, other):
    """The summary of two samples of one column."""
    return Summary(
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        rows=one.rows + other.rows,
        part=other.part if one.part is None else one.part,
        is_few=one.is_few and other.is_few,
        values=np.concatenate([one.values, other.values]),
    )


def _counted(pair, grid, progress):
    return tuple(side.counted(grid, progress) for side in (pair.real, pair.gen))


def _positions(pair, grid):
    if grid.ndim > 1 or grid.axes[0].kind == "categories":
        return None
    centres = grid.centres[0]
    sides = [side for side in (pair.real, pair.gen) if side.counts is None]
    if grid.is_uniform or len(sides) < 2:
        return centres
    sums, counts = np.zeros(grid.size), np.zeros(grid.size)
    for side in sides:
        for chunk in side.chunks():
            place = grid.locate(chunk)
            inside = place >= 0
            sums += np.bincount(place[inside], chunk[inside, 0], minlength=grid.size)
            counts += np.bincount(place[inside], minlength=grid.size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), centres)


def _can_halve(grid, is_free):
    return [
        free and axis.size % 2 == 0 and axis.size // 2 >= _FEWEST
        for axis, free in zip(grid.axes, is_free, strict=True)
    ]


def _coarser(pair, is_free):
    """Both counts with neighbouring cells joined along the axes that are long enough."""
    grid = pair[0].grid
    joined = _can_halve(grid, is_free)
    edges = [
        axis.edges[::2] if join else axis.edges
        for axis, join in zip(grid.axes, joined, strict=True)
    ]
    coarse = Grid(
        edges,
        grid.names,
        [axis.kind for axis in grid.axes],
        [axis.levels for axis in grid.axes],
    )
    return tuple(_joined(counts, coarse, joined) for counts in pair)


def _joined(counts, coarse, joined):
    values = counts.counts
    for axis, join in enumerate(joined):
        if join:
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], 2), axis=axis)
    return counts.on(coarse, values)


def _chosen(pyramid, is_free):
    """The level of the pyramid where refining would leave more noise than a tenth."""
    count = sum(is_free)
    rows = min(counts.rows for counts in pyramid[0])
    start = _START[count]
    while start > _FEWEST and start**count * _ROWS_PER_CELL > rows:
        start //= 2
    level = len(pyramid) - 1
    while level > 1 and max(_free_sizes(pyramid[level][0].grid, is_free)) < start:
        level -= 1
    # The finest level is only there to be compared with.
    while level > 1 and _noise_share(*pyramid[level]) < _NOISY:
        level -= 1
    return level


def _free_sizes(grid, is_free):
    return [axis.size for axis, free in zip(grid.axes, is_free, strict=True) if free]


def _noise_share(real, gen):
    value = divergence_sums(gen.counts.ravel(), real.counts.ravel())[0, _JSD]
    floor = floor_guess(real.counts.ravel(), gen.counts.ravel())
    return floor / value if value > 0 else np.inf
