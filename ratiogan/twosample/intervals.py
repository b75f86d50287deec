"""From what replicates show to an estimate and an interval: one rule per kind of divergence.

A divergence of counts is too large. How much too large depends on the pair; the rules differ
in how that is judged, and were chosen by measuring coverage (``python -m benchmarks coverage``,
``ground`` by ``python -m benchmarks ground-coverage``).

``smooth``
    f''(1) > 0 and the divergence is bounded: signal and noise add. The bias is that of counts
    drawn from the shrunken shares (`shrink.shrink`); the variance at a true divergence D runs
    on a line from the permutation's at D = 0 to the half-samples' at the estimate, and the
    interval holds every D that is not rejected with it. A part of the distance to the estimate of
    half-samples, 2 V - V_half (18 %), counts as a standard error of the bias.
``kink``
    TV and others with a corner at R = 1: signal and noise add in squares, so that noise vanishes
    where |R - 1| is large. Bias and its standard error as for `smooth`.
``distance``
    Wasserstein-1: noise and signal add in squares, noise is that of the permutations.
``ground``
    Wasserstein-1 on several axes: how noise adds depends on the pair. The counts exceed the truth
    by something between 0 and the floor (W1 is convex, and a distance). Half-samples say how much
    at most: they take it to fall as slowly as the floor does, while it falls faster where signal is
    above noise. The interval allows for all between 0 and that.
``unbounded``
    KL, Jeffreys, chi^2: expansion to second order in the counts (the delta method).

Where the permutation test does not reject at (1 - level)/2, the interval starts at 0, unless some
replicates are infinite: the test of that divergence then has little power.
"""

import numpy as np
from scipy.special import ndtri

_SMOOTH = 1.15  # on the standard error: bias and variance are themselves estimates
_BIAS_DOUBT = 0.18
_KINK = 1.15
_KINK_BIAS = 0.2
_DISTANCE = 1.04
_GROUND = 1.2  # the variance is that of 16 halvings


def quantile(level):
    """Two-sided quantile of the normal law: 1.96 at 0.95."""
    return float(ndtri(0.5 + level / 2))


def smooth(value, law, level):
    """Estimate and interval of a bounded divergence with f''(1) > 0.

    Parameters
    ----------
    value : float
        The divergence of the counts.
    law : Replicates
    level : float

    Returns
    -------
    estimate, low, high : float
        Unclipped.
    """
    floor, noise = law.floor, law.noise
    # Near R = 1 half-samples show twice the variance that is due to noise alone, in dense cells;
    # law.order is 2 there (the floor falls as 1/n), and nearer 1.4 in sparse ones.
    share = min(max((law.order - np.sqrt(2.0)) / 0.4, 0.0), 1.0)
    spread = max(law.spread - share * noise, noise) * _SMOOTH**2
    estimate = value - law.bias
    doubt = _BIAS_DOUBT * abs(estimate - (2 * value - law.half))
    low, high = _score(estimate, floor, noise * _SMOOTH**2, spread, doubt, quantile(level))
    return estimate, low, high


def _score(estimate, floor, noise, spread, doubt, z):
    """The D with (estimate - D)^2 <= z^2 (noise + slope D), and a doubt added to its width."""
    if estimate > z * np.sqrt(spread):
        slope = (spread - noise) / estimate
    else:
        # Too near 0 to read the slope off: that of the noncentral chi^2 law.
        slope = 2.0 * noise / floor if floor > 0 else 0.0
    middle = estimate + z * z * slope / 2
    width = z * np.sqrt(noise + slope * max(estimate, 0.0) + (z * slope) ** 2 / 4)
    width = np.hypot(width, z * doubt)
    return middle - width, middle + width


def kink(value, law, level):
    """Estimate and interval of a divergence with a corner at R = 1; as `smooth`."""
    shrunken = min(max(value - law.bias, 0.0), value)
    estimate = shrunken
    if not law.rejects(value, level):
        estimate = min(shrunken, _beyond(value, law.floor))
    share = max(law.bias, 0.0) / law.floor if law.floor > 0 else 0.0
    deviation = np.sqrt(law.spread) * _KINK * (1.0 + _KINK_BIAS * share)
    doubt = _BIAS_DOUBT * abs(shrunken - (2 * value - law.half))
    deviation = quantile(level) * np.hypot(deviation, doubt)
    noise2 = value**2 - shrunken**2
    low = np.sqrt(max(max(value - deviation, 0.0) ** 2 - noise2, 0.0))
    high = np.sqrt(max((value + deviation) ** 2 - noise2, 0.0))
    return estimate, low, max(high, estimate)


def distance(value, law, level):
    """Estimate and interval of Wasserstein-1; as `smooth`."""
    deviation = quantile(level) * np.sqrt(law.spread) * _DISTANCE
    # Near equality the law is skewed: half-samples know by how much.
    high = max(value + deviation, law.quantile_of_halves(0.5 + level / 2))
    return _beyond(value, law.floor), value - deviation, high


def ground(value, coarse, law, level):
    """Estimate and interval of Wasserstein-1 on several axes; as `smooth`.

    If the bias falls as a power of n, and halving raises it by `law.order` as it does the floor,
    half-samples exceed the value by order - 1 times the bias. That is the most it can be, and what
    the estimate is less by; the upper end allows for none at all. `coarse` is the value as it was
    solved on the replicates.
    """
    bias = (law.half - coarse) / (max(law.order, np.sqrt(2.0)) - 1.0)
    bias = min(max(bias, 0.0), law.floor)
    width = quantile(level) * np.sqrt(law.spread) * _GROUND
    return value - bias, value - bias - width, value + width


def _beyond(value, floor):
    return float(np.sqrt(max(value**2 - floor**2, 0.0)))


def unbounded(value, row, real, gen, level):
    """Estimate and interval of a divergence that may be infinite, where the counts' is finite.

    Parameters
    ----------
    value : float
    row : Divergence
    real, gen : int array (K,)
        Counts.
    level : float

    Returns
    -------
    estimate, low, high : float
    """
    real_n, gen_n = real.sum(), gen.sum()
    both = (real > 0) & (gen > 0)
    p, q = real[both] / real_n, gen[both] / gen_n
    ratio = q / p
    slope = row.optimal(ratio)
    step = 1e-4
    curvature = row.optimal(ratio * (1 + step)) - row.optimal(ratio * (1 - step))
    curvature = curvature / (2 * step * ratio)
    bias = 0.5 * float(np.sum(curvature * (ratio / gen_n + ratio**2 / real_n)))
    spread = _variance(slope, q) / gen_n + _variance(row.f(ratio) - ratio * slope, p) / real_n
    unit = 0.5 * row.curvature * (1.0 / real_n + 1.0 / gen_n)
    degrees = max(len(real) - 1, 1)
    floor, noise = unit * degrees, 2.0 * unit**2 * degrees
    spread = max(spread - noise, noise) * _SMOOTH**2
    estimate = value - bias
    doubt = _BIAS_DOUBT * abs(bias)
    low, high = _score(estimate, floor, noise * _SMOOTH**2, spread, doubt, quantile(level))
    return estimate, low, high


def _variance(values, masses):
    mean = float(masses @ values)
    return float(masses @ (values - mean) ** 2) + (1.0 - masses.sum()) * mean**2
