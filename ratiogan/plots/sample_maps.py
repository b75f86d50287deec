"""Maps of a diagnosis of two or three columns: densities, log R with its regions outlined."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np

from ratiogan.plots.fields import (
    axis_name,
    density_norm,
    draw_map,
    ratio_colour_bar,
    ratio_norm,
)
from ratiogan.plots.look import label_height, new_axes
from ratiogan.plots.regions import (
    Numbers,
    hatch_cells,
    level_ticks,
    marked,
    number_on_map,
    outline_cells,
)

MOST_OUTLINED = 40


def plane_panels(figure, diagnosis, look):
    """Both densities over the JSD, the map of R beside them; returns the axes of the JSD."""
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.05))
    left = halves[0].subgridspec(2, 1, height_ratios=(1, 0.95))
    maps = left[0].subgridspec(1, 2).subplots()
    plot_sample_densities(diagnosis, maps, look)
    null = figure.add_subplot(left[1].subgridspec(1, 1)[0])
    plot_ratio_map(diagnosis, figure.add_subplot(halves[1].subgridspec(1, 1)[0]), look)
    return null


def pairs_panels(figure, diagnosis, look):
    """Maps of R of the three pairs of columns over the JSD; returns the axes of the JSD."""
    rows = figure.add_gridspec(2, 1, height_ratios=(1.25, 1))
    maps = rows[0].subgridspec(1, 3).subplots()
    pairs = list(combinations(range(3), 2))
    norm = max((_norm(*flat(diagnosis, axes)[1:]) for axes in pairs), key=lambda norm: norm.vmax)
    headings = ("(a) $R = p_g/p_r$", "(b) hatched: 0 or ∞", "(c) grey: no rows")
    for ax, axes, heading in zip(maps, pairs, headings, strict=True):
        _ratio_map(diagnosis, ax, look, heading, axes, norm, bar=ax is maps[-1])
    return figure.add_subplot(rows[1].subgridspec(1, 1)[0])


def flat(diagnosis, axes):
    """Grid and shares of real and gen on two of the columns; the others are summed out."""
    grid = diagnosis.grid
    others = tuple(axis for axis in range(grid.ndim) if axis not in axes)
    plane = SimpleNamespace(
        axes=tuple(grid.axes[axis] for axis in axes),
        edges=tuple(grid.edges[axis] for axis in axes),
        names=tuple(grid.names[axis] for axis in axes),
    )
    sides = []
    for counts in (diagnosis.real, diagnosis.gen):
        values = np.asarray(counts.counts, dtype=float).sum(axis=others)
        sides.append(values / max(values.sum(), 1.0))
    return plane, *sides


def plot_sample_densities(diagnosis, maps, style=None, letters="ab"):
    """p_r and p_g of the samples on one scale, in the two axes `maps`."""
    _, look = new_axes(maps[0], style)
    grid, real, gen = flat(diagnosis, (0, 1))
    area = np.outer(*(np.diff(edges) for edges in grid.edges))
    norm = density_norm(real / area, gen / area)
    for ax, values, name, letter in zip(maps, (real, gen), ("p_r", "p_g"), letters, strict=True):
        draw_map(ax, look, grid, values / area, f"({letter}) ${name}$", norm, "viridis")
        _name_levels(ax, look, grid, 0.28 * look.height)
    label_height(maps[0], look, axis_name(grid, 1))
    maps[1].tick_params(labelleft=False)
    return maps


def plot_ratio_map(diagnosis, ax=None, style=None, letter="c", axes=(0, 1)):
    """Map of log R, regions outlined and numbered as in the table.

    Hatched where only one sample has rows, ``/`` for R = 0 and ``\\`` for R infinite; grey where
    neither has.
    """
    ax, look = new_axes(ax, style)
    _, real, gen = flat(diagnosis, axes)
    ratio = _ratio(real, gen)
    heading = f"({letter}) $R = p_g/p_r$"
    _ratio_map(diagnosis, ax, look, heading, axes, _norm(real, gen), bar=True)
    marks = [
        said
        for said, mask in (
            ("// R = 0", ratio == 0),
            ("\\\\ R = ∞", np.isinf(ratio)),
            ("grey: no rows", np.isnan(ratio)),
        )
        if mask.any()
    ]
    if marks:
        ax.set_xlabel(f"{ax.get_xlabel()}\n{'    '.join(marks)}", linespacing=1.4)
    return ax


def _ratio(real, gen):
    """R of shares: inf where only gen has rows, NaN where neither has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((real > 0) | (gen > 0), gen / real, np.nan)


def _norm(real, gen):
    return ratio_norm(real, [_ratio(real, gen)])


def _ratio_map(diagnosis, ax, look, heading, axes, norm, bar):
    grid, real, gen = flat(diagnosis, axes)
    ratio = _ratio(real, gen)
    only_real, only_gen = ratio == 0, np.isinf(ratio)
    # Beyond the limits, so that they take the colour of the end, which is then hatched.
    shown = np.where(only_real, norm.vmin / 2, np.where(only_gen, norm.vmax * 2, ratio))
    mesh = draw_map(ax, look, grid, shown, heading, norm, "RdBu_r")
    ax.set_anchor("N")
    hatch_cells(ax, look, grid.edges, only_real, "//", "R = 0")
    hatch_cells(ax, look, grid.edges, only_gen, "\\\\", "R infinite")
    label_height(ax, look, axis_name(grid, 1))
    share = 0.5 if diagnosis.grid.ndim == 2 else 0.3
    _name_levels(ax, look, grid, share * look.height)
    if bar:
        ratio_colour_bar(mesh, ax, look)
    regions = diagnosis.regions[:MOST_OUTLINED]
    numbers = Numbers(ax, look)
    for region, mask in zip(regions, marked(diagnosis, regions, axes), strict=True):
        outline_cells(ax, look, grid.edges, mask)
        number_on_map(numbers, region, mask, grid.edges)


def _name_levels(ax, look, grid, room):
    for number, axis in enumerate(grid.axes):
        level_ticks(ax, look, axis, number, room)
