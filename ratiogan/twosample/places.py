"""Places on a grid in words and figures."""

import math

import numpy as np


def place_label(grid, centre, low=None, high=None):
    """Where a region or a point is: values of discrete axes, coordinates of the others.

    Of a region, from `low` to `high`, an interval in 1-D, else what it lies around; of a point its
    coordinates.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> place_label(Grid.counts(0, 99, name="age"), (42.0,), (40.0,), (45.0,))
    'age 40..45'
    """
    is_point = low is None
    low, high = (centre, centre) if is_point else (low, high)
    parts = [
        value_text(axis, first, last)
        for axis, first, last in zip(grid.axes, low, high, strict=True)
        if axis.is_counting
    ]
    intervals = [i for i, axis in enumerate(grid.axes) if not axis.is_counting]
    if len(intervals) == 1 and is_point:
        name = grid.axes[intervals[0]].name
        parts.append(f"{name} {point_text(grid, centre)[1:-1].strip()}")
    elif len(intervals) == 1:
        i = intervals[0]
        axis = grid.axes[i]
        ends = "..".join(_number(end, axis) for end in (low[i], high[i]))
        parts.append(f"{axis.name} {ends}")
    elif intervals:
        parts.append(f"{'' if is_point else 'around '}{point_text(grid, centre)}")
    return ", ".join(parts)


def value_text(axis, first, last):
    """Values of a counting axis in words: ``class 7``, ``age 40`` or ``age 40..45``."""
    if axis.kind == "categories":
        return f"{axis.name} {axis.levels[int(first)]}"
    return f"{axis.name} {first:.0f}" + (f"..{last:.0f}" if last > first else "")


def point_text(grid, point):
    """The interval coordinates of a point in brackets, padded so that columns of them line up."""
    coordinates = []
    for axis, value in zip(grid.axes, point, strict=True):
        if not axis.is_counting:
            ends = (axis.low, axis.high, *axis.centres[[0, -1]].tolist())
            width = max(len(_number(end, axis)) for end in ends)
            width = max(width, len(_number(-abs(axis.centres[0]), axis)))
            coordinates.append(f"{_number(value, axis):>{width}}")
    return f"({', '.join(coordinates)})"


def _number(value, axis):
    """A coordinate with the decimals that a fifth of a cell needs (of the median one)."""
    width = float(np.median(axis.widths))
    decimals = min(12, max(0, math.ceil(-math.log10(0.2 * width))))
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"
