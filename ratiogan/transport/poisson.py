"""The Neumann Laplacian of a grid graph, inverted by cosine transforms and one tridiagonal sweep.

Every projection on the flows with a given divergence is one such solve, and most of the time of a
transport on a grid goes into it. The cosine transform diagonalises all axes but the first; along
that one the system stays tridiagonal and is eliminated for all modes side by side, which costs
two passes over memory in the place of two transforms.
"""

import numpy as np

from ratiogan._jit import kernel

_MATRIX_UP_TO = 96  # a product with the cosine matrix beats the fast transform up to this length
# Multiplications of one product: OpenBLAS spreads larger ones over threads, which gain nothing here
# and wait for each other a thousand times too long where other work keeps the cores busy.
_ONE_THREAD = 2**18


class NeumannPoisson:
    """Solves L x = r on a grid graph, L = D^T D with D the differences along the edges.

    Every edge of an axis weighs the same, whatever the spacing of the grid: L is the Laplacian of
    the graph. x is unique up to a constant, and the mean of r, which no x can give, is ignored.

    Parameters
    ----------
    shape : (int, int, int)
        Cells per axis; axes of one cell are allowed.
    dtype : numpy.float32 or numpy.float64
        Of r and x; the factors are found in float64 in both cases.
    weights : (float, float, float)
        What an edge along each axis weighs: L = sum over axes of weight D^T D.

    Notes
    -----
    After the transforms r has modes (j, k) along the other two axes, and mode (j, k) of x solves
    (T + lambda_jk) x = r with T tridiagonal (-1, 2, -1) (1 in the corners) and
    lambda_jk = 4 sin^2(pi j / 2 n_1) + 4 sin^2(pi k / 2 n_2). Elimination is stable: the matrix is
    diagonally dominant. Mode (0, 0) is singular: the last cell is taken as 0 there.

    References
    ----------
    Strang 1999, "The discrete cosine transform", SIAM Review 41; Hockney 1965, J. ACM 12, for one
    axis left to elimination.

    Examples
    --------
    >>> solver = NeumannPoisson((3, 1, 1), np.float64)
    >>> x = solver.solve(np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1))
    >>> [float(round(value, 12)) for value in x.ravel()]
    [2.0, 1.0, 0.0]
    """

    def __init__(self, shape, dtype, weights=(1.0, 1.0, 1.0)):
        self.shape = tuple(shape)
        first = float(weights[0]) if self.shape[0] > 1 else 1.0
        self._scale = np.dtype(dtype).type(1.0 / first)
        self._factors = _elimination(self.shape, dtype, [w / first for w in weights[1:]])
        self._matrices = {
            axis: _cosines(self.shape[axis]).astype(dtype)
            for axis in (1, 2)
            if 1 < self.shape[axis] <= _MATRIX_UP_TO
        }
        self._spare = np.empty(self.shape, dtype) if self._matrices else None

    def solve(self, right):
        """Return x for L x = `right`; the array `right` is used up (x may lie in it)."""
        x = right
        for axis in (2, 1):
            x = self._transform(x, axis, forward=True)
        _eliminate(x.reshape(self.shape[0], -1), self._factors, self._scale)
        for axis in (1, 2):
            x = self._transform(x, axis, forward=False)
        return x

    def _transform(self, x, axis, forward):
        size = self.shape[axis]
        if size == 1:
            return x
        cosines = self._matrices.get(axis)
        if cosines is None:
            import scipy.fft  # here, because an import of SciPy is what a user waits for

            transform = scipy.fft.dct if forward else scipy.fft.idct
            return transform(x, axis=axis, norm="ortho", overwrite_x=True)
        matrix = cosines if forward else cosines.T
        target, self._spare = self._spare, x
        at_once = _ONE_THREAD // size**2
        if axis == 1:
            for k in range(0, x.shape[2], at_once):
                cut = np.s_[:, :, k : k + at_once]
                np.matmul(matrix, x[cut], out=target[cut])
            return target
        rows, onto = x.reshape(-1, size), target.reshape(-1, size)
        stacked = rows.shape[0] - rows.shape[0] % at_once
        if stacked:
            stack = (-1, at_once, size)
            np.matmul(rows[:stacked].reshape(stack), matrix.T, out=onto[:stacked].reshape(stack))
        if stacked < rows.shape[0]:
            np.matmul(rows[stacked:], matrix.T, out=onto[stacked:])
        return target


def _cosines(size):
    """The orthonormal matrix of the cosine transform: row k is mode k, shape (size, size)."""
    k = np.arange(size)
    # The angle is reduced in whole numbers: pi times a large number would have lost its digits.
    turns = (np.outer(k, 2 * k + 1) % (4 * size)) / (2 * size)
    matrix = np.cos(np.pi * turns) * np.sqrt(2.0 / size)
    matrix[0] = np.sqrt(1.0 / size)
    return matrix


def _elimination(shape, dtype, weights):
    """1/pivot of every cell of the first axis (rows) and every mode of the others (columns).

    The weights of the others are relative to that of the first.
    """
    first, *rest = shape
    waves = [
        4.0 * w * np.sin(0.5 * np.pi * np.arange(n) / n) ** 2
        for n, w in zip(rest, weights, strict=True)
    ]
    modes = np.add.outer(*waves).ravel()
    factors = np.empty((first, modes.size), dtype)
    # By how much a pivot is above 1, without the subtraction that would lose small modes.
    over = np.zeros(modes.size)
    for i in range(first):
        over = modes + over / (1.0 + over)
        pivot = 1.0 + over if i < first - 1 else over
        if i == first - 1:
            pivot[0] = np.inf
        factors[i] = 1.0 / pivot
    return factors


# --- kernel --------------------------------------------------------------------------------------


@kernel
def _eliminate(x, factors, scale):
    """Solve (T + lambda) x = scale r for every column of x, in place."""
    rows, columns = x.shape
    for k in range(columns):
        x[0, k] *= scale * factors[0, k]
    for i in range(1, rows):
        before = x[i - 1]
        row = x[i]
        factor = factors[i]
        for k in range(columns):
            row[k] = (scale * row[k] + before[k]) * factor[k]
    for i in range(rows - 2, -1, -1):
        after = x[i + 1]
        row = x[i]
        factor = factors[i]
        for k in range(columns):
            row[k] += after[k] * factor[k]
