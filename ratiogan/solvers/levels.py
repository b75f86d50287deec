"""Where a quantity of a noisy run is: does it still fall, hover at a level, or swing?

All functions take the recorded turns (ascending) and the values there.
"""

import math

import numpy as np

_SWING = 2.0  # factor between the least and the most from which a smooth curve is a swing
_SMOOTH = 0.25  # von Neumann's ratio below which it is smooth: 1 for independent noise
_FALLEN = 1e-3  # share of it by which it must have fallen, too: less is said of what stays
_ERRORS = 3.0  # standard errors by which it must have fallen within the last quarter to fall still


def late(steps):
    """Which recorded turns are in the last quarter."""
    return steps >= 0.75 * steps[-1]


def hover(steps, values):
    """Mean over the last quarter of the turns, and the first recorded turn that was there.

    Examples
    --------
    >>> level, arrived = hover(np.array([0, 10, 30, 35, 40]), np.array([1.0, 0.5, 0.1, 0.2, 0.1]))
    >>> round(level, 3), arrived
    (0.133, 30)
    """
    level = float(np.mean(values[late(steps)]))
    return level, int(steps[np.argmax(values <= level)])


def falls(steps, values):
    """Whether it still falls: in the last quarter, and to where it has not been before.

    Examples
    --------
    >>> steps = np.arange(33)
    >>> falls(steps, 1.0 - 0.01 * steps), falls(steps, np.array([1.0, *([0.1, 0.2] * 16)]))
    (True, False)
    >>> falls(steps, 1.0 + 0.5**steps)
    False
    """
    last = values[late(steps)]
    if last.size < 2:
        return bool(values[-1] < values[0])
    if last.size > 2 and np.all(np.diff(last) < 0) and last[-1] < (1.0 - _FALLEN) * last[0]:
        return bool(last[-1] < values[~late(steps)].min(initial=math.inf))
    one, two = last[: last.size // 2], last[last.size // 2 :]
    error = math.sqrt(np.var(one) / one.size + np.var(two) / two.size)
    earlier = values[~late(steps)].min(initial=math.inf)
    lower = np.mean(one) - np.mean(two) > max(_ERRORS * error, _FALLEN * np.mean(two))
    return bool(lower and np.mean(two) < earlier)


def between(steps, values, arrived):
    """The least and the most of the recorded turns from `arrived` on."""
    seen = values[steps >= arrived]
    return float(seen.min()), float(seen.max())


def swings(steps, values):
    """Whether it has no level: from where it first was as low, it moves far, not as noise does.

    Examples
    --------
    >>> steps = np.arange(201)
    >>> swings(steps, np.append(1.0, 0.5 + 0.3 * np.cos(steps[:-1] / 20)))
    True
    >>> swings(steps, np.array([1.0, *([0.1, 0.2] * 100)]))
    False
    """
    _, arrived = hover(steps, values)
    seen = values[steps >= arrived]
    if seen.size < 3 or seen.max() <= _SWING * seen.min():
        return False
    # There and back: a curve that only rises, or one spike, is no swing.
    sides = np.sign(seen - np.mean(seen))
    crossings = int(np.count_nonzero(np.diff(sides[sides != 0])))
    if crossings < 2 or np.count_nonzero(sides > 0) < 2:
        return False
    return bool(np.mean(np.diff(seen) ** 2) < _SMOOTH * 2.0 * np.var(seen))
