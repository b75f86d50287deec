"""Minibatches on the cells: m draws from a distribution of N cells cost O(m), after O(N) once.

A draw inverts the running sum of the masses at a uniform number. A guide table (Chen and Asau 1974)
holds where to begin the search for each of N equal parts of [0, 1), so that on average fewer than
two cells are looked at.
"""

import numpy as np

from ratiogan._jit import inlined


def draw(masses, uniforms):
    """The cells that uniform numbers fall into.

    Parameters
    ----------
    masses : array (N,)
        Of the cells, >= 0; they need not sum to 1.
    uniforms : array (M,)
        In [0, 1).

    Returns
    -------
    array (M,) of int

    Examples
    --------
    >>> draw(np.array([0.5, 0.0, 0.25, 0.25]), np.array([0.0, 0.49, 0.5, 0.75, 0.999]))
    array([0, 0, 2, 3, 3])
    """
    masses = np.ascontiguousarray(masses, dtype=float)
    sums, guide = np.empty(masses.size), np.empty(masses.size, dtype=np.int64)
    found = np.empty(len(uniforms), dtype=np.int64)
    fill_guide(masses, sums, guide)
    look_up(sums, guide, np.asarray(uniforms, dtype=float), found)
    return found


# --- kernels -------------------------------------------------------------------------------------


@inlined
def fill_guide(masses, sums, guide):
    """Running sums, and for each of N parts of their range the first cell that reaches into it."""
    n = masses.size
    total = 0.0
    for i in range(n):
        total += masses[i]
        sums[i] = total
    cell = 0
    for part in range(n):
        start = total * (part / n)
        while cell < n - 1 and sums[cell] <= start:
            cell += 1
        guide[part] = cell


@inlined
def look_up(sums, guide, uniforms, found):
    """The first cell whose running sum is above each uniform number, into `found`."""
    n = sums.size
    for k in range(uniforms.size):
        wanted = uniforms[k] * sums[n - 1]
        # Rounding may carry the product into the next part: begin one earlier.
        cell = guide[max(int(uniforms[k] * n) - 1, 0)]
        while cell < n - 1 and sums[cell] <= wanted:
            cell += 1
        found[k] = cell


@inlined
def draw_rows(rows, uniforms, found):
    """As many different rows as there are uniform numbers, into `found`; shuffles `rows`.

    The first steps of Fisher and Yates' shuffle: in whatever order the rows lie, every subset is
    equally likely.
    """
    n = rows.size
    for k in range(uniforms.size):
        other = k + min(int(uniforms[k] * (n - k)), n - k - 1)
        rows[k], rows[other] = rows[other], rows[k]
        found[k] = rows[k]
