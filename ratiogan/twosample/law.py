"""What noise alone shows, in closed form: no replicates.

For p_r = p_g any f-divergence of counts is about f''(1)/2 (1/n_r + 1/n_g) chi^2_{K-1} in dense
cells. In sparse ones it is less: a cell with a single row shows the same whichever sample the row
is of. Here the pooled count t of a cell is taken as given, and the divergence as the sum of
(t/n) phi(x/t), x ~ binomial(t, rho), rho = n_g/n.
"""

import numpy as np
from scipy.special import chdtri, chndtrinc, gammaln

from ratiogan.errors import InputError, check_number

_FEW = 60  # pooled rows up to which a cell's law is summed exactly


def detectable(real, gen, *, level=0.05, power=0.8):
    """The JSD that the permutation test finds with a given probability (nats).

    Parameters
    ----------
    real, gen : int array
        Counts on common cells: only the pooled counts and the numbers of rows are used.
    level : float, optional
        Of the test.
    power : float, optional

    Returns
    -------
    float
        For a difference spread over all cells alike: with the noncentral chi^2 law of scale a and
        k degrees of freedom that has the mean and the variance of the null law, the D = a
        lambda/g at which P(chi^2_k(lambda) > its critical value) = `power`. g is the share of D
        that counts as sparse as these show, 1 in dense cells.

    Raises
    ------
    InputError
        If `level` or `power` is not inside (0, 1), or the power is below the level.

    Examples
    --------
    >>> round(detectable(np.full(64, 200), np.full(64, 200)), 5)
    0.00065
    """
    level, power = check_number("level", level), check_number("power", power)
    if not 0 < level < power < 1:
        raise InputError(
            f"level and power must satisfy 0 < level < power < 1, got {level:g} and {power:g}.",
            argument="power",
        )
    mean, variance, gain = _null(real, gen)
    if variance == 0 or gain == 0:
        return np.inf  # one cell, or a row a cell: nothing can be seen
    scale, degrees = variance / (2 * mean), 2 * mean**2 / variance
    critical = chdtri(degrees, level)
    return float(scale * chndtrinc(critical, degrees, 1 - power) / gain)


def floor_guess(real, gen):
    """The mean JSD that noise alone shows on these cells (nats).

    Parameters
    ----------
    real, gen : int array
        Counts on common cells.

    Returns
    -------
    float
        Close to the mean over permutations, without drawing any.

    Examples
    --------
    >>> round(floor_guess(np.full(64, 200), np.full(64, 200)), 5)  # 63/8 (2/12800) = 0.00123
    0.00123
    """
    return _null(real, gen)[0]


def _null(real, gen):
    """Mean and variance of the JSD under the null, and how much of a small JSD shows."""
    real, gen = np.asarray(real).ravel(), np.asarray(gen).ravel()
    n = float(real.sum() + gen.sum())
    rho = float(gen.sum() / n)
    pooled, times = np.unique((real + gen)[real + gen > 0], return_counts=True)
    # The totals are given too, which takes away the share of one cell in K.
    bound = 1.0 - pooled / n
    dense = 0.125 / (n * rho * (1 - rho))  # f''(1)/2 (1/n_r + 1/n_g), per cell
    mean, variance, gain = np.full((3, len(pooled)), 1.0)
    mean, variance = mean * dense * bound, variance * 2 * dense**2 * bound
    for j, t in enumerate(pooled[pooled <= _FEW]):
        mean[j], variance[j], gain[j] = _cell(int(t), rho, n)
        mean[j] *= bound[j]
        variance[j] *= bound[j]
    gain = float(np.sum(gain * times * pooled) / n)
    return float(mean @ times), float(variance @ times), gain


def _cell(t, rho, n):
    """Exact mean and variance of (t/n) phi(x/t), and its curvature relative to phi's."""

    def law(trials):
        k = np.arange(trials + 1)
        logs = gammaln(trials + 1) - gammaln(k + 1) - gammaln(trials - k + 1)
        return np.exp(logs + k * np.log(rho) + (trials - k) * np.log1p(-rho))

    values = _phi(np.arange(t + 1) / t, rho)
    chances = law(t)
    mean = float(chances @ values)
    variance = float(chances @ (values - mean) ** 2)
    gain = 0.0
    if t > 1:
        curvature = 0.25 / (rho**2 * (1 - rho) ** 2)  # phi''(rho)
        gain = t * (t - 1) * float(law(t - 2) @ np.diff(values, 2)) / curvature
    return t / n * mean, (t / n) ** 2 * variance, gain


def _phi(share, rho):
    """The JSD per unit of pooled mass, where gen has `share` of the rows."""
    a, b = (1 - share) / (1 - rho), share / rho
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(x > 0, x * np.log(2 * x / (a + b)), 0.0) for x in (a, b)]
    return 0.5 * (parts[0] + parts[1])
