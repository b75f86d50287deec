"""Spectral radii of methods against their step size: largest stable and best step."""

import numpy as np

from ratiogan.dynamics.methods import per_coordinate

# A radius counts as below 1 where it is so by more than what eigenvalues of a few dozen entries
# are off by rounding.
ROUNDING = 1e-13
# Up to here it cannot be told from 1: eigenvalues of small steps are 1 plus next to nothing.
_ONE = 2e-15
_GRID = np.geomspace(1e-6, 1e3, 721)


def spectral_radius(method, blocks, alphas, neutral=0, gen_steps=1, disc_steps=1):
    """The spectral radius of one step at every step size.

    Parameters
    ----------
    method : Method
    blocks : list of (J, generator's coordinates, how many)
        Of the field that the method steps on.
    alphas : array (K,)
    neutral : int
        Dimensions of the subspace of equilibria: so many multipliers at 1 do not count.

    Returns
    -------
    array (K,)
    """
    alphas = np.atleast_1d(np.asarray(alphas, dtype=float))
    found = []
    for matrix, n_gen, _ in blocks:
        rates = per_coordinate(n_gen, len(matrix) - n_gen, alphas, method.ratio * alphas)
        with np.errstate(all="ignore"):
            update = method.update(matrix, n_gen, rates, gen_steps, disc_steps)
        finite = np.isfinite(update).all(axis=(-2, -1))
        update[~finite] = 0.0
        values = np.linalg.eigvals(update)
        values[~finite] = np.inf
        found.append(values)
    return radius_of(np.concatenate(found, axis=-1), neutral)


def radius_of(multipliers, neutral=0):
    """The largest size of multipliers (..., m), but for the `neutral` ones nearest to 1."""
    if neutral >= multipliers.shape[-1]:
        return np.zeros(multipliers.shape[:-1])
    order = np.argsort(np.abs(multipliers - 1.0), axis=-1)
    kept = np.take_along_axis(multipliers, order[..., neutral:], axis=-1)
    return np.abs(kept).max(axis=-1)


def step_limits(method, blocks, neutral=0, gen_steps=1, disc_steps=1, error=0.0):
    """The largest stable step size, the best one, and the curve between.

    `error` is how far J may be off: a radius that is nearer to 1 counts as 1.

    Returns
    -------
    largest : float
        Every smaller step converges; 0 where small ones do not, inf where all (up to 1,000 over
        the largest eigenvalue) do.
    best, least : float
        The step of least radius and that radius; NaN where no step converges, inf where it is the
        larger the better.
    alphas, radii : array
    """
    sizes = [np.abs(np.linalg.eigvals(matrix)) for matrix, _, _ in blocks]
    scale = np.concatenate(sizes).max(initial=0.0)
    alphas = _GRID / scale if scale > 0 else _GRID

    def radius(alpha):
        return spectral_radius(method, blocks, alpha, neutral, gen_steps, disc_steps)

    radii = radius(alphas)
    margin = max(ROUNDING, error)
    stable = radii < 1.0 - margin
    first = int(np.argmax(stable)) if stable.any() else 0
    if (radii[:first] <= 1.0 + _ONE).all():
        stable[:first] = stable[first]
    largest = 0.0
    if stable.all():
        largest = np.inf
    elif stable[0]:
        at = int(np.argmin(stable))
        low, high = alphas[at - 1], alphas[at]
        while high - low > 4e-16 * high:
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            if radius(middle)[0] < 1.0:
                low = middle
            else:
                high = middle
        largest = low
    if not stable.any():
        return largest, np.nan, np.nan, alphas, radii
    at = int(np.argmin(radii))
    if at == alphas.size - 1:  # the larger the better
        return largest, np.inf, float(radii[at]), alphas, radii
    best, least = _least(radius, alphas[max(at - 1, 0)], alphas[min(at + 1, alphas.size - 1)])
    if radii[at] < least:
        best, least = alphas[at], radii[at]
    return largest, float(best), float(least), alphas, radii


def _least(function, low, high):
    """The least value of a function with one valley between `low` and `high`: golden section."""
    share = (np.sqrt(5.0) - 1.0) / 2.0
    inner, outer = high - share * (high - low), low + share * (high - low)
    at_inner, at_outer = function(inner)[0], function(outer)[0]
    for _ in range(60):
        if at_inner <= at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - share * (high - low)
            at_inner = function(inner)[0]
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + share * (high - low)
            at_outer = function(outer)[0]
    middle = 0.5 * (low + high)
    return middle, function(middle)[0]
