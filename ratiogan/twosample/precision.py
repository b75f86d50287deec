"""Precision and recall of a generator, from the density ratio."""

from dataclasses import dataclass

import numpy as np

from ratiogan.errors import CannotMeasure

_SLOPES = 65  # odd: lambda = 1 is one of them


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """How much of gen is real, and how much of real gen makes.

    Attributes
    ----------
    precision : float
        1 - s: share of gen where real has mass.
    recall : float
        P_r(R > 0): share of real where gen has mass.
    f1 : float
        Their harmonic mean.
    curve : tuple of two float arrays
        (precision, recall) = (E[min(lambda, R)], E[min(lambda, R)]/lambda), lambda = tan of
        evenly spaced angles, increasing; at lambda = 1 both are 1 - TV.
    """

    precision: float
    recall: float
    f1: float
    curve: tuple


def precision_recall(real, gen):
    """Precision, recall and their curve, of masses or counts on common cells.

    Parameters
    ----------
    real, gen : array
        Counts or masses, each divided by its own sum.

    Returns
    -------
    PrecisionRecall

    Raises
    ------
    CannotMeasure
        If one of them is empty.

    Notes
    -----
    Sajjadi et al. 2018, in the letters of this project. Counts are taken as they are: in cells
    with few rows both numbers are too small, because a cell may be empty by chance.

    Examples
    --------
    >>> found = precision_recall([2, 1, 1, 0], [0, 2, 1, 1])
    >>> found.precision, found.recall
    (0.75, 0.5)
    >>> middle = len(found.curve[0]) // 2
    >>> round(float(found.curve[0][middle]), 12)  # 1 - TV
    0.5
    """
    p, q = (np.asarray(masses, float).ravel() for masses in (real, gen))
    for name, masses in (("real", p), ("gen", q)):
        if not masses.sum() > 0:
            raise CannotMeasure(f"{name} has no rows on these cells.", argument=name)
    p, q = p / p.sum(), q / q.sum()
    precision, recall = float(q[p > 0].sum()), float(p[q > 0].sum())
    slopes = np.tan(np.linspace(0.0, np.pi / 2, _SLOPES + 2)[1:-1])
    slopes[_SLOPES // 2] = 1.0
    curve = np.array([np.minimum(slope * p, q).sum() for slope in slopes])
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    return PrecisionRecall(precision, recall, f1, (curve, curve / slopes))
