"""A Gaussian over the cells of a grid that keeps what is far away accurate.

The cosine transform of `capacity` is as exact as doubles are beside the largest value: far from all
mass it leaves round-off of either sign, of which there is no logarithm. Here every cell is a sum of
non-negative terms, accurate relative to itself, down to where the Gaussian itself underflows.
"""

import math

import numpy as np

from ratiogan._jit import kernel
from ratiogan.errors import InputError

REACH = 37.0  # sds beyond which e^(-x^2/2) times a mass is no normal double


class Blur:
    """Masses of the cells, convolved with a Gaussian that reflects at the ends of the axes.

    Parameters
    ----------
    grid : Grid
        Of equal cells along each axis.
    widths : tuple of float
        Its sd along each axis, in the unit of the axis.

    Notes
    -----
    The kernel is the Gaussian at the distances of the cells, divided by its sum. Masses keep their
    sum.

    Raises
    ------
    InputError
        For axes whose cells differ.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> blur = Blur(Grid.regular(5, 0, 5), (1.0,))
    >>> blur(np.array([1.0, 0.0, 0.0, 0.0, 0.0])).round(3)
    array([0.641, 0.296, 0.058, 0.005, 0.   ])
    """

    def __init__(self, grid, widths):
        self.shape = grid.shape
        self._taps = []
        for axis, width in zip(grid.axes, widths, strict=True):
            if axis.width is None:
                raise InputError(
                    f"discriminator kde needs cells of one size, and those of {axis.name} have "
                    "several.",
                    argument="discriminator",
                    fix="Take a regular grid, or discriminator cells.",
                )
            self._taps.append(_taps(axis.size, axis.width, width))

    def __call__(self, masses):
        """Flat masses of all cells, blurred."""
        values = np.ascontiguousarray(masses, dtype=float).reshape(self.shape)
        for number, taps in enumerate(self._taps):
            size, later = self.shape[number], int(np.prod(self.shape[number + 1 :]))
            out = np.empty(self.shape)
            work = np.empty((size + taps.size - 1) * later)
            lines = (-1, size * later)
            blur_lines(values.reshape(lines), size, taps, work, out.reshape(lines))
            values = out
        return values.reshape(-1)


def _taps(cells, width, sd):
    """Shares of the neighbours at distances -r..r; a reflected axis repeats after 2 N cells."""
    reach = math.ceil(REACH * sd / width)
    distance = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (distance * (width / sd)) ** 2)
    taps /= taps.sum()
    if taps.size <= 2 * cells:
        return taps
    # All that lies a whole period apart meets the same value.
    return np.bincount((distance + cells) % (2 * cells), taps, 2 * cells)


# --- kernels -------------------------------------------------------------------------------------


@kernel
def blur_lines(lines, n, taps, work, out):
    """Convolve lines of n cells, each with what lies along later axes, into `out`.

    `work` holds one line with its reflections. The inner loop runs over the cells of the line and
    of later axes together, so that it is long whatever the axis.
    """
    later = lines.shape[1] // n
    reach = taps.size // 2
    for line in range(lines.shape[0]):
        for i in range(work.size // later):
            place = (i - reach) % (2 * n)
            place = place if place < n else 2 * n - 1 - place
            for j in range(later):
                work[i * later + j] = lines[line, place * later + j]
        out[line, :] = 0.0
        for k in range(taps.size):
            tap, shift = taps[k], k * later
            for m in range(n * later):
                out[line, m] += tap * work[m + shift]
