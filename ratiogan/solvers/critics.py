"""Critics on the line whose weights are clipped: their values, their gradient, their best weights.

Both are linear in their weights, f = bias + sum over the cells to the left of (slope x gap). In
`slopes` the weights are the slopes themselves; in `relu`, f = bias + sum_j w_j max(0, y - b_j) with
a kink b_j at every centre but the last, the slope is the running sum of the weights. With
F = F_r - F_g between the cells, over |w| <= c

    max E_r f - E_g f = c sum |F| dy = c W1               (slopes)
                      = c sum_j |integral_{b_j}^inf F dy|   (relu)

because either is a linear programme over a box: every weight sits at c times the sign of its
gradient. The second is another metric between distributions, however far it is trained.
"""

import numpy as np

from ratiogan._jit import inlined
from ratiogan.catalogue import CRITICS
from ratiogan.errors import check_choice


def critic_values(kind, weights, points):
    """f at `points`.

    Parameters
    ----------
    kind : {"slopes", "relu"}
    weights : array (N,)
        The bias, then one weight for every point but the last.
    points : array (N,)
        Ascending.

    Returns
    -------
    array (N,)

    Examples
    --------
    >>> critic_values("slopes", np.array([0.0, 1.0, -1.0]), np.array([0.0, 1.0, 3.0]))
    array([ 0.,  1., -1.])
    >>> critic_values("relu", np.array([0.0, 1.0, -2.0]), np.array([0.0, 1.0, 3.0]))
    array([ 0.,  1., -1.])
    """
    relu = check_choice("critic", kind, tuple(CRITICS)) == "relu"
    values = np.empty(len(points))
    evaluate(np.asarray(weights, dtype=float), np.diff(points), relu, values)
    return values


def clipped_maximum(kind, real, gen, points, clip=1.0):
    """The most that E_r f - E_g f can be with weights in [-clip, clip], and weights that reach it.

    Parameters
    ----------
    kind : {"slopes", "relu"}
    real, gen : array (N,)
        Masses of p_r and p_g, of one sum.
    points : array (N,)
    clip : float

    Returns
    -------
    value : float
        In the unit of `points` times that of the weights.
    weights : array (N,)
        Their bias is 0; where the gradient is 0 so is the weight.

    Examples
    --------
    >>> value, weights = clipped_maximum("slopes", [1, 0, 0], [0, 0, 1], [0.0, 1.0, 3.0], 0.5)
    >>> value, weights
    (1.5, array([ 0. , -0.5, -0.5]))
    """
    relu = check_choice("critic", kind, tuple(CRITICS)) == "relu"
    ascent = np.asarray(real, dtype=float) - np.asarray(gen, dtype=float)
    gradient = np.empty(len(points))
    back(ascent, 1.0, np.diff(points), relu, True, gradient)
    return clip * float(np.abs(gradient).sum()), clip * np.sign(gradient)


def lipschitz(values, points):
    """The steepest slope of f, linear between the points."""
    return float(np.max(np.abs(np.diff(values)) / np.diff(points), initial=0.0))


# --- kernels -------------------------------------------------------------------------------------


@inlined
def evaluate(weights, gaps, relu, values):
    """f from its weights, into `values`."""
    level = weights[0]
    slope = 0.0
    values[0] = level
    for j in range(1, values.size):
        slope = slope + weights[j] if relu else weights[j]
        level += slope * gaps[j - 1]
        values[j] = level


@inlined
def back(ascent, scale, gaps, relu, balanced, gradient):
    """The gradient in the weights of scale x sum ascent f, into `gradient`.

    `balanced`: the ascent sums to 0. Then each half of the cells is summed from its own end, which
    keeps the digits of both tails; the bias has no gradient. An ascent of whole numbers is summed
    exactly: what should be 0 is, and rmsprop does not make steps of it.
    """
    n = ascent.size
    half = n // 2 if balanced else 0
    tail = 0.0
    for j in range(n - 1, half, -1):
        tail += ascent[j]
        gradient[j] = tail * scale * gaps[j - 1]
    if balanced:
        head = 0.0
        for j in range(1, half + 1):
            head += ascent[j - 1]
            gradient[j] = -head * scale * gaps[j - 1]
        gradient[0] = 0.0
    else:
        gradient[0] = (tail + ascent[0]) * scale
    if relu:
        gone = 0.0
        for j in range(n - 1, 0, -1):
            gone += gradient[j]
            gradient[j] = gone
