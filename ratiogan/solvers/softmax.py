"""The generator with one logit per cell: p_g ~ p_0 e^theta, its gradients, exact and estimated.

With u on the cells and q the masses of p_g, s_i(y) = [y = i] - q_i the score of theta_i,

    exact           dE_g[u]/dtheta_i = E_g[u s_i] = q_i (u_i - E_g u)
    score function  (1/m) sum_k (u(y_k) - b_k) s_i(y_k),   y_k drawn from q

is unbiased for b_k = 0, for any constant b_k = b, and for the mean of u over the other m - 1
samples (leave-one-out; Kool, van Hoof and Welling 2019), which makes it the sample covariance of u
and s_i. (The mean over all m samples, which is sometimes used, shrinks it by (m-1)/m.) With
c = u - b, or u - E_g u in the last case,

    m Var_i = E_g[c^2 s_i^2] - g_i^2,   leave-one-out: + (Var u q_i (1 - q_i) + g_i^2)/(m - 1)

(the variance of a sample covariance; Kendall and Stuart, "The Advanced Theory of Statistics").
"""

import numpy as np

from ratiogan._jit import inlined

EXACT, CONSTANT, LEAVE_ONE_OUT = range(3)


def score_variance(u, gen, batch, baseline=None, pool=None, squares=None):
    """Var of each component of the score-function estimate of dE_g[u]/dtheta.

    Parameters
    ----------
    u : array (N,)
        The generator's loss on the cells.
    gen : array (N,)
        q, the masses of p_g.
    batch : int
        m.
    baseline : float or None
        A constant b; None for the mean of the others (leave-one-out, m >= 2).
    pool, squares : callable, optional
        Where log R = A theta for K weights: values on the cells -> A^T values, and (A o A)^T
        values, arrays (K,). By default A is the identity.

    Returns
    -------
    array (K,)

    Examples
    --------
    >>> u, q = np.array([1.0, 3.0]), np.array([0.5, 0.5])
    >>> score_variance(u, q, 10, baseline=0.0), score_variance(u, q, 10, baseline=2.0)
    (array([0.1, 0.1]), array([0., 0.]))
    """
    pool = pool or np.asarray
    squares = squares or pool
    seen = np.where(gen > 0, u, 0.0)
    mean = np.sum(gen * seen)
    c = seen - (mean if baseline is None else baseline)
    weight, share = gen * c * c, pool(gen)
    gradient = pool(gen * (seen - mean))
    # The score of a weight at y is A_y less its mean, `share`.
    square = squares(weight) - 2.0 * share * pool(weight) + share**2 * np.sum(weight)
    variance = (square - gradient**2) / batch
    if baseline is None:
        spread = np.sum(gen * (seen - mean) ** 2) * (squares(gen) - share**2)
        variance += (spread + gradient**2) / (batch * (batch - 1.0))
    return np.maximum(variance, 0.0)  # a difference of squares: round-off may be below 0


# --- kernels -------------------------------------------------------------------------------------


@inlined
def exact_gradient(u, gen, gradient):
    """q_i (u_i - E_g u), into `gradient`; a cell without mass feels nothing."""
    mean = 0.0
    for i in range(gen.size):
        mean += gen[i] * (u[i] if gen[i] != 0.0 else 0.0)
    for i in range(gen.size):
        gradient[i] = gen[i] * ((u[i] if gen[i] != 0.0 else mean) - mean)


@inlined
def score_gradient(kind, baseline, u, gen, found, gradient):
    """Its estimate from the cells `found` of a minibatch, into `gradient`."""
    m = found.size
    whole = 0.0
    for k in range(m):
        whole += u[found[k]]
    if kind == LEAVE_ONE_OUT:
        # The weights u_k - b_k add up to 0: nothing is taken off any cell.
        gradient[:] = 0.0
        for k in range(m):
            gradient[found[k]] += (m * u[found[k]] - whole) / (m * (m - 1.0))
        return
    level = whole / m - baseline
    for i in range(gen.size):
        gradient[i] = -gen[i] * level
    for k in range(m):
        gradient[found[k]] += (u[found[k]] - baseline) / m
