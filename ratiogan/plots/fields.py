"""Densities and ratios on the cells of a grid: profiles on a line, maps on a plane."""

from itertools import pairwise

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from ratiogan.grid import Grid
from ratiogan.plots.look import dress, fraction

MOST_POINTS = 4000  # of a drawn line: beyond it no pixel changes
FEW_CELLS = 64  # up to which a profile is drawn as steps, cell by cell
NICE_LIMITS = (1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 4.0, 8.0, 16.0, 32.0)


def on_plane(solution):
    """Whether the figure shows maps: two axes or more."""
    return solution.real.grid.ndim > 1


def flat_density(solution, ratio=None):
    """Density of p_r, or of p_g = R p_r, on the first two axes; a third one is summed out.

    Parameters
    ----------
    solution : Solution or Comparison
    ratio : ndarray, shape grid.shape, optional
        R; p_r itself if not given.
    """
    mass = solution.real.mass if ratio is None else gen_mass(solution, ratio)
    return flat_mass(mass) / _flat_volumes(solution.real.grid)


def flat_ratio(solution, ratio):
    """R on the first two axes, of the summed masses where there is a third; NaN where p_r = 0."""
    real = flat_mass(solution.real.mass)
    gen = flat_mass(gen_mass(solution, ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(real > 0, gen / real, np.nan)


def flat_mass(mass):
    """Masses on the first two axes."""
    return mass.sum(axis=tuple(range(2, mass.ndim))) if mass.ndim > 2 else mass


def _flat_volumes(grid):
    widths = [np.diff(edges) for edges in grid.edges[:2]]
    return widths[0] if len(widths) == 1 else np.outer(*widths)


def thin(x, y, most=MOST_POINTS):
    """At most `most` points of the line x, y: the least and greatest value of every block.

    Peaks of a single cell survive, which a plain stride would lose.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = thin(np.arange(1000.0), np.eye(1, 1000, 500)[0], most=20)
    >>> len(x) <= 20, float(y.max())
    (True, 1.0)
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most // 2 + 1).astype(int)
    keep = []
    for start, stop in pairwise(edges):
        block = np.nan_to_num(y[start:stop], nan=0.0, posinf=np.finfo(float).max)
        keep += sorted({start + int(block.argmin()), start + int(block.argmax())})
    return x[keep], y[keep]


def outline(grid, values, most=MOST_POINTS):
    """Points of a 1-D profile: steps for counts, categories and few cells, else cell centres."""
    axis = grid.axes[0]
    if axis.kind in ("counts", "categories") or axis.size <= FEW_CELLS:
        return np.repeat(grid.edges[0], 2)[1:-1], np.repeat(values, 2)
    return thin(grid.centres[0], values, most)


def top_of(real, rows):
    """The highest density to show: a collapsed generator is a spike and leaves at the top."""
    calm = [row.max() for row in rows if row.max() <= 2.5 * real.max()]
    return max([real.max(), *calm])


def place_axis(ax, grid, which="x", number=0):
    """Ticks and limits of a grid axis; levels by name, counts as whole numbers."""
    axis = grid.axes[number]
    drawn = ax.xaxis if which == "x" else ax.yaxis
    low, high = float(grid.edges[number][0]), float(grid.edges[number][-1])
    ax.set(**{f"{which}lim": (low, high)})
    if axis.kind == "categories":
        every = max(1, -(-axis.size // 8))
        names = [str(level) for level in axis.levels]
        drawn.set_major_locator(FixedLocator(range(0, axis.size, every)))
        drawn.set_major_formatter(FuncFormatter(lambda place, _: names[round(place)]))
    else:
        drawn.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=axis.kind == "counts"))


def within_sight(grid):
    """The grid to draw on: outer cells that reach out for far values are cut short, and say so.

    An outer cell keeps twice the width of its neighbour.
    """
    edges, names = [], []
    for axis in grid.axes:
        cut = axis.edges.copy()
        if axis.kind == "uneven" and axis.size > 2:
            cut[0] = max(cut[0], cut[1] - 2 * (cut[2] - cut[1]))
            cut[-1] = min(cut[-1], cut[-2] + 2 * (cut[-2] - cut[-3]))
        beyond = "" if np.array_equal(cut, axis.edges) else f" (to {axis.low:.3g}, {axis.high:.3g})"
        edges.append(cut)
        names.append((axis.name or "y") + beyond)
    if all(np.array_equal(cut, axis.edges) for cut, axis in zip(edges, grid.axes, strict=True)):
        return grid
    kinds, levels = zip(*((axis.kind, axis.levels) for axis in grid.axes), strict=True)
    return Grid(edges, names, kinds, levels)


def axis_name(grid, number=0):
    return grid.axes[number].name or "y"


def draw_map(ax, look, grid, values, heading, norm, cmap, labels=True):
    """One map of the plane; returns the mesh for a colour bar."""
    dress(ax, look, heading, axis_name(grid, 0) if labels else None, grid=None)
    shown = np.ma.masked_invalid(values)
    ax.set_facecolor("#999999")  # where there is no value: p_r = 0
    mesh = ax.pcolormesh(
        grid.edges[0], grid.edges[1], shown.T, norm=norm, cmap=cmap, rasterized=True
    )
    place_axis(ax, grid, "x", 0)
    place_axis(ax, grid, "y", 1)
    for axis in (ax.xaxis, ax.yaxis):
        if not isinstance(axis.get_major_locator(), FixedLocator):
            axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    ax.set_box_aspect(1)
    return mesh


def density_norm(*densities):
    """One linear scale from 0 for several densities, not ruled by a single spike."""
    return Normalize(0, max(float(np.nanmax(density)) for density in densities) or 1.0)


def ratio_norm(real, ratios):
    """Symmetric limits of log R: the least nice number that holds 99.9 % of the mass.

    At most 32, so that a mode at a third of its share still has a colour beside a dropped one.

    Parameters
    ----------
    real : ndarray, shape (n0, n1)
        Masses of p_r.
    ratios : sequence of arrays of the same shape
    """
    real = real.ravel()
    largest = 1.0
    for ratio in ratios:
        values = ratio.ravel()
        weight = np.where(np.isfinite(values), real * (1 + np.nan_to_num(values)) / 2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.exp(np.abs(np.log(values)))
        size = np.where(np.isnan(size), 1.0, size)
        order = np.argsort(size)
        share = np.cumsum(weight[order])
        if share.size and share[-1] > 0:
            place = min(np.searchsorted(share, 0.999 * share[-1]), share.size - 1)
            largest = max(largest, size[order][place])
    limit = next((nice for nice in NICE_LIMITS if nice >= largest), NICE_LIMITS[-1])
    return LogNorm(1 / limit, limit, clip=False)


def ratio_colour_bar(mesh, ax, look):
    """The colour bar of maps of R, beside the last of them: limits printed, 1 in the middle."""
    bar = colour_bar(mesh, ax, look, extend="both")
    limit = mesh.norm.vmax
    between = 2.0 ** (np.log2(limit) // 2)
    inner = [1 / between, 1, between] if limit >= 4 else [1]
    ticks = [1 / limit, *inner, limit]
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
    bar.ax.yaxis.set_minor_locator(FixedLocator([]))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: fraction(value)))
    return bar


def colour_bar(mesh, ax, look, **options):
    """A colour bar beside `ax`, as high as it is and part of its margin."""
    beside = ax.inset_axes([1.05, 0, 0.06, 1])
    bar = ax.figure.colorbar(mesh, cax=beside, **options)
    beside.tick_params(labelsize=look.text, labelcolor=look.ink, color=look.muted)
    bar.outline.set_visible(False)
    return bar


def kept(solution):
    """What was kept of R: the snapshots, or start and end where a run kept none.

    Returns
    -------
    steps : ndarray of int, shape (K,)
    ratios : sequence of K arrays of grid.shape
    """
    if len(solution.snapshots):
        return np.asarray(solution.snapshot_steps), solution.snapshots
    mass = solution.real.mass
    with np.errstate(divide="ignore", invalid="ignore"):
        start = np.where(mass > 0, solution.gen.mass / mass, np.nan)
    if solution.n_steps == 0:
        return np.zeros(1, dtype=np.int64), [start]
    return np.array([0, solution.n_steps]), [start, solution.ratio]


def shown_steps(steps, most=9):
    """Indices of the snapshots to draw: steps 0, 1, 2, 4, 8, .. and the last.

    A long run is shown at 0, 1 and powers of a larger base, so that at most `most` remain.

    Examples
    --------
    >>> shown_steps([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    [0, 1, 2, 4, 8, 10]
    """
    steps = np.asarray(steps)
    last = int(steps[-1])
    base = 2
    while last > 1 and 2 + np.log(last) / np.log(base) > most:
        base *= 2
    chosen = [0, 1]
    while chosen[-1] * base < last:
        chosen.append(chosen[-1] * base)
    if len(chosen) > 2 and last < chosen[-1] * base**0.3:
        chosen.pop()  # too near to the last
    chosen.append(last)
    return sorted({int(np.argmin(np.abs(steps - step))) for step in chosen})


def gen_mass(solution, ratio):
    """Masses of p_g = R p_r; 0 where R is no number."""
    return np.where(np.isfinite(ratio), solution.real.mass * np.nan_to_num(ratio, posinf=0), 0.0)
