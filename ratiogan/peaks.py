"""Peaks of a histogram that stand out of its counting noise, and the basin of each.

The density is cut at every height from the top down: a peak is born where a new island appears and
dies where its island meets a higher one. The difference of the two heights is its persistence
(0-dimensional persistent homology of the superlevel sets [1]_, basins as in ToMATo [2]_). Here the
difference is measured by the test of two counts for one rate, so that what counts as a peak
follows from the number of rows and not from a tuned threshold.

References
----------
.. [1] Edelsbrunner, Letscher and Zomorodian (2002), "Topological persistence and simplification".
.. [2] Chazal, Guibas, Oudot and Skraba (2013), "Persistence-based clustering in Riemannian
   manifolds".
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ratiogan._jit import kernel

FALSE_PEAKS = 0.01  # at most this share of flat densities shows a second peak

_COARSEST = 1 / 8  # of the axis: wider smoothing would flatten two modes side by side into one
_TRUNCATE = 3.0  # sd: where the smoothing kernel ends
_LEAST = 0.3  # cells: a narrower kernel smooths nothing
# Cells: a thin ridge across the cells is a row of peaks in the bare counts, as their edges cut it
# more or less in the middle; smoothed by this much it is even to 1 in 10,000.
_FINEST = math.sqrt(0.5)


@dataclass(frozen=True)
class Peaks:
    """What `find_peaks` found.

    Attributes
    ----------
    cells : ndarray of int64, shape (K,)
        Flat cell number of each peak, highest persistence first.
    persistence : ndarray, shape (P,)
        Of every peak, in standard deviations of the counting noise; the first K are those of
        `cells`, the others follow, both descending.
    threshold : float
        What noise alone reaches.
    basins : ndarray of int64, shape grid.shape
        Number of the peak each cell belongs to, 0 to K - 1; -1 where the smoothed density is 0.
    smooth : ndarray, shape grid.shape
        The smoothed counts.
    width : float
        Sd of the smoothing in cells of the longest axis; 0 for none.
    """

    cells: np.ndarray
    persistence: np.ndarray
    threshold: float
    basins: np.ndarray
    smooth: np.ndarray
    width: float

    @property
    def margin(self):
        """Persistence of the last peak that is no noise; 0 where there is none."""
        return float(self.persistence[len(self.cells) - 1]) if len(self.cells) else 0.0

    @property
    def gap(self):
        """Persistence of the first peak that is noise over that of the last that is none.

        0 where no other peak is there.
        """
        count = len(self.cells)
        return (
            float(self.persistence[count]) / self.margin if count < len(self.persistence) else 0.0
        )


def find_peaks(counts, grid):
    """Peaks of the density behind a histogram.

    Problem solved: the local maxima whose persistence is more than the counting noise of
    independent rows shows in one of 100 flat densities. The histogram is smoothed by Gaussians of
    several widths (0.7, 1, 1.4, ... cells; none too along counts); at each width the smoothed count
    divided by the sum of the squared weights is a count again, as large as its own variance. The
    persistence of a peak is how many standard deviations its count and that of its saddle are
    apart: the signed root of the likelihood ratio of one Poisson rate for both. The width at which
    most peaks stand out is taken, of several such the one where the last of them does so most.
    Cells of one category are not beside those of another: each category with rows has a peak of its
    own.

    Parameters
    ----------
    counts : ndarray of int, shape grid.shape
        Independent rows per cell.
    grid : Grid

    Returns
    -------
    Peaks

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> counts = np.array([2, 50, 90, 40, 5, 1, 30, 70, 30, 3])
    >>> find_peaks(counts, Grid.regular(10, 0, 1)).cells.tolist()
    [2, 7]
    """
    counts = np.asarray(counts, dtype=np.float64).reshape(grid.shape)
    widths = _widths(grid)
    # Two widths per octave see nearly the same.
    tries = (len(widths) + 1) / 2
    found = [_peaks_at(counts, grid, width, tries) for width in widths]
    return max(found, key=lambda peaks: (len(peaks.cells), peaks.margin))


def deviations(high, low):
    """By how many standard deviations two counts differ that are Poisson with one rate.

    Parameters
    ----------
    high, low : ndarray
        Counts, high >= low >= 0, high > 0.

    Returns
    -------
    ndarray
        sqrt(2 (high log(2 high / (high + low)) + low log(2 low / (high + low)))).

    Examples
    --------
    >>> deviations(np.array([110.0, 9.0]), np.array([90.0, 0.0])).round(3).tolist()
    [1.415, 3.532]
    """
    from scipy.special import xlogy

    mean = 0.5 * (high + low)
    # The excess over the mean cancels where both are alike: never below 0.
    deviance = xlogy(high, high / mean) + xlogy(low, low / mean)
    return np.sqrt(2.0 * np.maximum(deviance, 0.0))


def noise_threshold(patches, ndim=1, tries=1):
    """Persistence, in standard deviations, that noise alone rarely reaches.

    On a line every low patch parts the peaks on its two sides, so that any two of the extremes may
    be compared: of n = `patches` independent windows' worth of a smooth random function there are
    about 3 n, by Rice's formula at 3 standard deviations, so 4.5 n^2 comparisons. In the plane and
    in space a path leads around a low patch, and only the peaks themselves count, 9 n of them or
    so; but rows may lie along a curve there, and n^1.5 are taken. Each is significant at
    `FALSE_PEAKS` over their number and that of the tries (Bonferroni, normal law).

    Examples
    --------
    >>> round(noise_threshold(100), 2), round(noise_threshold(100, ndim=2), 2)
    (5.05, 4.26)
    """
    from scipy.special import ndtri

    comparisons = 4.5 * patches**2 if ndim == 1 else patches**1.5
    return float(-ndtri(FALSE_PEAKS / (tries * max(1.0, comparisons))))


def _widths(grid):
    """Widths of the smoothing, in cells of the longest axis: 0.7, 1, 1.4, ..."""
    widths = [0.0] if any(axis.is_counting for axis in grid.axes) else []
    step = _FINEST
    while not widths or _longest(grid) * _COARSEST >= step:
        widths.append(step)
        step *= math.sqrt(2)
    return widths


def _ordered(grid):
    return sum(axis.kind != "categories" for axis in grid.axes)


def _longest(grid):
    return max((axis.size for axis in grid.axes if axis.kind != "categories"), default=0)


def _smoothed(counts, grid, width):
    """The smoothed counts, and the sum of the squared weights of the smoothing.

    Beyond the ends of the grid there is nothing: a density falls off there, and no peak arises.
    """
    from scipy.ndimage import convolve1d

    smooth, weight = counts, 1.0
    for i, axis in enumerate(grid.axes):
        sd = width * axis.size / max(1, _longest(grid))
        if not axis.is_counting:
            sd = max(sd, _FINEST)
        if axis.kind == "categories" or sd < _LEAST:
            continue
        reach = math.ceil(_TRUNCATE * sd)
        window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd) ** 2)
        window /= window.sum()
        weight *= float(window @ window)
        smooth = convolve1d(smooth, window, axis=i, mode="constant", cval=0.0)
    return smooth, weight


def _peaks_at(counts, grid, width, tries):
    """Peaks of the histogram smoothed at one width, one of `tries`."""
    smooth, weight = _smoothed(counts, grid, width)
    height = np.pad(smooth / weight, 1)
    shape, height = height.shape, height.ravel()
    order = np.argsort(-height, kind="stable")[: np.count_nonzero(height)]
    peak, death = np.full(height.size, -1), np.zeros(height.size)
    island, host = peak.copy(), peak.copy()
    _flood_kernel(order, height, _neighbours(shape, grid), peak, island, host, death)
    peaks = order[peak[order] == order]
    persistence = deviations(height[peaks], death[peaks])
    peaks = peaks[np.argsort(-persistence, kind="stable")]
    persistence = -np.sort(-persistence)
    threshold = noise_threshold(order.size * weight, _ordered(grid), tries)
    # The first peak of each category holds its rows, however low it is.
    slab = _slabs(peaks, shape, grid)
    lasting = persistence > threshold
    lasting[np.unique(slab, return_index=True)[1]] = True
    kept = np.concatenate([np.flatnonzero(lasting), np.flatnonzero(~lasting)])
    peaks, persistence, count = peaks[kept], persistence[kept], int(lasting.sum())
    number = np.full(height.size + 1, -1)
    number[peaks[:count]] = np.arange(count)
    # Downwards in height every host has its number before its guests ask for it.
    for lost in peaks[count:][np.argsort(-height[peaks[count:]], kind="stable")]:
        chain = host[lost]
        while chain >= 0 and number[chain] < 0:
            chain = host[chain]
        number[lost] = number[chain]
    inner = (slice(1, -1),) * grid.ndim
    basins = number[peak].reshape(shape)[inner]
    cells = np.ravel_multi_index(
        [index - 1 for index in np.unravel_index(peaks[:count], shape)], grid.shape
    )
    basins = _with_islets(basins, smooth > 0, cells, grid)
    return Peaks(cells, persistence, threshold, basins, smooth, width)


def _neighbours(shape, grid):
    """Steps to the neighbours of a cell, diagonal ones too, never to another category."""
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    moves = [(0,) if axis.kind == "categories" else (-1, 0, 1) for axis in grid.axes]
    steps = [
        sum(move * stride for move, stride in zip(way, strides, strict=True))
        for way in itertools.product(*moves)
    ]
    return np.array([step for step in steps if step], dtype=np.int64)


def _slabs(cells, shape, grid):
    """One number per combination of categories."""
    slab = np.zeros(len(cells), dtype=np.int64)
    for index, axis in zip(np.unravel_index(cells, shape), grid.axes, strict=True):
        if axis.kind == "categories":
            slab = slab * (axis.size + 2) + index
    return slab


def _with_islets(basins, filled, peaks, grid):
    """Cells of islands without a lasting peak join the nearest basin of their category."""
    from scipy.ndimage import distance_transform_edt

    if not (filled & (basins < 0)).any():
        return basins
    apart = [i for i, axis in enumerate(grid.axes) if axis.kind == "categories"]
    ordered = [n for i, n in enumerate(grid.shape) if i not in apart]
    slabs = np.moveaxis(basins, apart, range(len(apart))).reshape(-1, *ordered).copy()
    for slab in slabs:
        if (slab < 0).any() and (slab >= 0).any():
            nearest = distance_transform_edt(slab < 0, return_distances=False, return_indices=True)
            slab[...] = slab[tuple(nearest)]
    front = [grid.shape[i] for i in apart] + ordered
    joined = np.moveaxis(slabs.reshape(front), range(len(apart)), apart)
    return np.where(filled, joined, -1)


@kernel
def _flood_kernel(order, height, steps, peak, island, host, death):
    """Raise the cells one by one, highest first, and note where islands arise and meet.

    Modified in place: peak (of each cell, by steepest ascent), island (union-find over peaks),
    host (the peak on the other side of the saddle where an island ends), death (its height). All
    are flat over a grid with a border of height 0, -1 (death: 0) at first.
    """
    for cell in order:
        best = -1
        for step in steps:
            other = cell + step
            if peak[other] >= 0 and (best < 0 or height[other] > height[best]):
                best = other
        if best < 0:
            peak[cell] = cell
            island[cell] = cell
            continue
        peak[cell] = peak[best]
        root = peak[best]
        while island[root] != root:
            root = island[root]
        for step in steps:
            other = cell + step
            if peak[other] < 0 or other == cell:
                continue
            far = peak[other]
            while island[far] != far:
                island[far] = island[island[far]]
                far = island[far]
            if far == root:
                continue
            if height[far] <= height[root]:
                host[far] = peak[cell]
                death[far] = height[cell]
                island[far] = root
            else:
                host[root] = peak[other]
                death[root] = height[cell]
                island[root] = far
                root = far
