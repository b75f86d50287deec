"""Capacity: how finely a player can tell places apart.

A player of K cells has one weight for each of K blocks of the grid's cells; with a width s its
function is those blocks composed with a Gaussian of sd s. Both are one linear map A from weights to
the grid, and gradients come back through its transpose. The Gaussian reflects at the ends of the
axes: the cosine transform (FFT) makes it diagonal, so that it is symmetric, keeps constants, and is
e^(-(pi k s/L)^2/2) on the k-th cosine of an axis of length L.
"""

import math

import numpy as np

from ratiogan.errors import InputError, check_integer, check_number


class Capacity:
    """The map from a player's weights to its values on the cells with p_r > 0.

    Parameters
    ----------
    grid : Grid
    support : array (grid.shape) of bool
        The cells with p_r > 0.
    cells : int or tuple of int, optional
        How many blocks along each axis; one number counts for every axis. By default the grid's.
    smooth : float
        Sd of the Gaussian in the unit of the axes; 0 for none.
    player : str
        disc or gen: messages name the arguments ``disc_cells`` and ``disc_smooth``.

    Attributes
    ----------
    block : int64 array (N,)
        The weight that each cell with p_r > 0 has.
    size : int
        Number of weights: blocks without any p_r have none.
    plain : bool
        Whether there is one weight for each cell, and no Gaussian.

    Raises
    ------
    InputError
        For more blocks than cells, and a Gaussian on axes that have no equal cells.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> map = Capacity(Grid.regular(6, 0, 6), np.ones(6, dtype=bool), cells=2)
    >>> map.spread(np.array([1.0, 5.0])), map.pool(np.arange(6.0))
    (array([1., 1., 1., 5., 5., 5.]), array([ 3., 12.]))
    """

    def __init__(self, grid, support, cells=None, smooth=0.0, player="disc"):
        self.support = support
        self.shape = grid.shape
        self.cells = _per_axis(cells, grid, f"{player}_cells")
        self.smooth = check_number(f"{player}_smooth", smooth)
        if not self.smooth >= 0:
            raise InputError(
                f"{player}_smooth must be at least 0, got {self.smooth:g}.",
                argument=f"{player}_smooth",
                fix="Pass the sd of a Gaussian in the unit of the axis, or 0.",
            )
        block = np.zeros(grid.shape, dtype=np.int64)
        for axis, (count, n) in enumerate(zip(self.cells, grid.shape, strict=True)):
            along = np.arange(n) * count // n
            block = block * count + along.reshape(
                [-1 if i == axis else 1 for i in range(grid.ndim)]
            )
        used, block = np.unique(block[support], return_inverse=True)
        self.block, self.size = block.reshape(-1).astype(np.int64), used.size
        self.pooled = self.size < self.block.size
        self.factors = _factors(grid, self.smooth, f"{player}_smooth") if self.smooth else None
        self._squares = None  # of all of A, which is large: made when first asked for
        self.plain = not self.pooled and self.factors is None

    def spread(self, weights):
        """A weights: the function on the cells with p_r > 0.

        Parameters
        ----------
        weights : array (size,)

        Returns
        -------
        array (N,)
        """
        values = weights[self.block] if self.pooled else weights
        return values if self.factors is None else self._smoothed(values)

    def pool(self, values):
        """A^T values: the sums that a gradient on the cells is to the weights."""
        if self.factors is not None:
            values = self._smoothed(values)
        if not self.pooled:
            return values
        return np.bincount(self.block, values, self.size)

    def pool_squares(self, values):
        """(A o A)^T values: sums weighted by the squares of A's entries."""
        if self.factors is None:
            return self.pool(values)
        if self._squares is None:
            rows = np.eye(self.size)
            self._squares = np.array([self.spread(row) for row in rows]) ** 2
        return self._squares @ values

    def _smoothed(self, values):
        from scipy.fft import dctn, idctn  # start-up: most runs need no transform

        full = np.zeros(self.shape)
        full[self.support] = values
        return idctn(self.factors * dctn(full, norm="ortho"), norm="ortho")[self.support]


def _per_axis(cells, grid, argument):
    """How many blocks along each axis."""
    if cells is None:
        return grid.shape
    counts = tuple(cells) if isinstance(cells, (tuple, list)) else (cells,) * grid.ndim
    if len(counts) != grid.ndim:
        raise InputError(
            f"{argument} needs one number per axis, got {len(counts)} for {grid.ndim}.",
            argument=argument,
            fix="Pass one number for all axes, or one for each.",
        )
    counts = tuple(check_integer(argument, count, minimum=1) for count in counts)
    if any(count > n for count, n in zip(counts, grid.shape, strict=True)):
        raise InputError(
            f"{argument} must be at most the cells of the grid, "
            f"{'x'.join(map(str, grid.shape))}, got {'x'.join(map(str, counts))}.",
            argument=argument,
            fix="Take fewer, or a finer grid.",
        )
    return counts


def _factors(grid, smooth, argument):
    """What the Gaussian does to the cosines of all axes."""
    factors = 1.0
    for number, axis in enumerate(grid.axes):
        widths = np.diff(axis.edges)
        if axis.kind == "categories" or np.ptp(widths) > 1e-9 * widths.mean():
            raise InputError(
                f"{argument} needs cells of one size, and those of {axis.name} have several.",
                argument=argument,
                fix="Take a regular grid, or --disc-cells and --gen-cells instead.",
            )
        along = np.exp(-0.5 * (math.pi * np.arange(axis.size) * smooth / widths.sum()) ** 2)
        factors = factors * _along(along, number, grid.ndim)
    return factors


def _along(values, axis, ndim):
    """Values of one axis, shaped to be combined with those of the others."""
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])
