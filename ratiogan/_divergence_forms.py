"""Formulas that several rows of the table of divergences share, for arrays s >= 0.

A form is the part of a `Divergence` that follows from f: f(s), its limits, conjugate and slope.
"""

import math

import numpy as np

from ratiogan.spec import format_number

LOG_2 = math.log(2.0)
INF = math.inf


def log_times(s, x):
    """s log x with 0 log 0 = 0; NaN stays."""
    return s * np.log(np.where(s == 0, 1.0, x))


def log1p_excess(x):
    """x - log(1+x), accurate near 0."""
    near = np.abs(x) < 0.1
    small = np.where(near, x, 0.0)
    series = np.zeros_like(small)
    for k in range(18, 1, -1):
        series = (-1.0) ** k / k + small * series
    return np.where(near, small * small * series, x - np.log1p(x))


def _wright_omega(z):
    """The w > 0 with w + log w = z: W(e^z), also where e^z overflows."""
    z = np.asarray(z, dtype=np.float64)
    w = np.where(z < 1, np.exp(np.minimum(z, 1.0)), np.maximum(z, 1.0))
    w = np.where(z > 3, z - np.log(np.maximum(z, 1.0)), w)
    for _ in range(8):
        # Newton for w + log w; below z = -40 the start is exact
        w = np.where(z > -40, w * (1.0 + z - np.log(w)) / (1.0 + w), w)
    return w


def kl():
    return {
        "logarithmic": True,
        "formula": "s log s",
        "slope_at_infinity": INF,
        "value_at_zero": 0.0,
        "conjugate_formula": "exp(t-1)",
        "optimal_formula": "1 + log s",
        "range_text": "[0, inf]",
        "curvature": 1.0,
        "slope_at_one": 1.0,
        "_f": lambda s: log_times(s, s),
        "_conjugate": lambda t: np.exp(t - 1.0),
        "_optimal": lambda s: 1.0 + np.log(s),
        "core": ("kl-gen-real", 1.0),
    }


def reverse_kl():
    return {
        "logarithmic": True,
        "formula": "-log s",
        "slope_at_infinity": 0.0,
        "value_at_zero": INF,
        "conjugate_formula": "-1 - log(-t)",
        "optimal_formula": "-1/s",
        "range_text": "[0, inf]",
        "curvature": 1.0,
        "slope_at_one": -1.0,
        "_f": lambda s: -np.log(s),
        "_conjugate": lambda t: -1.0 - np.log(-t),
        "_optimal": lambda s: -1.0 / s,
        "core": ("kl-real-gen", 1.0),
    }


def two_jensen_shannon(s):
    return log_times(s, 2.0 * s / (1.0 + s)) - np.log1p(0.5 * (s - 1.0))


def jsd():
    return {
        "logarithmic": True,
        "formula": ".5 (s log s - (1+s) log((1+s)/2))",
        "slope_at_infinity": 0.5 * LOG_2,
        "value_at_zero": 0.5 * LOG_2,
        "conjugate_formula": "-.5 log(2 - exp(2t))",
        "optimal_formula": ".5 log(2s/(1+s))",
        "range_text": "[0, log 2]",
        "curvature": 0.25,
        "_f": lambda s: 0.5 * two_jensen_shannon(s),
        "_conjugate": lambda t: -0.5 * np.log(2.0 - np.exp(2.0 * t)),
        "_optimal": lambda s: 0.5 * np.log(2.0 * s / (1.0 + s)),
        "metric_power": 0.5,
        "core": ("jsd", 1.0),
    }


def jeffreys_conjugate(t):
    w = _wright_omega(1.0 - t)
    return w + 1.0 / w + t - 2.0


def neyman():
    return {
        "formula": "(s-1)^2/s",
        "slope_at_infinity": 1.0,
        "value_at_zero": INF,
        "conjugate_formula": "2 - 2 sqrt(1-t)",
        "optimal_formula": "1 - 1/s^2",
        "range_text": "[0, inf]",
        "curvature": 2.0,
        "_f": lambda s: (s - 1.0) * ((s - 1.0) / s),
        "_conjugate": lambda t: 2.0 - 2.0 * np.sqrt(1.0 - t),
        "_optimal": lambda s: 1.0 - 1.0 / (s * s),
        "core": ("chi2-neyman", 1.0),
    }


def cross_entropy(**more):
    """2 JSD in the form that -inf_h of two logarithmic losses has."""
    return {
        "logarithmic": True,
        "slope_at_infinity": 0.0,
        "value_at_zero": 2.0 * LOG_2,
        "conjugate_formula": "-log(1-exp(t)) - 2 log 2",
        "optimal_formula": "log(s/(1+s))",
        "range_text": "[0, 2 log 2]",
        "curvature": 0.5,
        "slope_at_one": -LOG_2,
        "_f": lambda s: 2.0 * LOG_2 - np.log1p(s) - s * np.log1p(1.0 / np.where(s == 0, 1.0, s)),
        "_conjugate": lambda t: -np.log(-np.expm1(t)) - 2.0 * LOG_2,
        "_optimal": lambda s: np.log(s / (1.0 + s)),
        "metric_power": 0.5,
        "core": ("jsd", 2.0),
        **more,
    }


def two_hellinger(**more):
    """2 H^2 in the form that -inf_h of exponential losses has."""
    return {
        "formula": "2 - 2 sqrt(s)",
        "meaning": "2 H^2",
        "slope_at_infinity": 0.0,
        "value_at_zero": 2.0,
        "conjugate_formula": "-2 - 1/t",
        "optimal_formula": "-1/sqrt(s)",
        "range_text": "[0, 2]",
        "curvature": 0.5,
        "slope_at_one": -1.0,
        "_f": lambda s: 2.0 - 2.0 * np.sqrt(s),
        "_conjugate": lambda t: 1.0 / np.abs(t) - 2.0,
        "_optimal": lambda s: -1.0 / np.sqrt(s),
        "metric_power": 0.5,
        "core": ("hellinger2", 2.0),
        **more,
    }


def triangular(slope, formula, conjugate_formula, optimal_formula):
    """(s-1)^2/(s+1) plus (slope - 1)(s-1)."""
    c = slope - 1.0
    return {
        "meaning": "triangular discrimination",
        "formula": formula,
        "slope_at_infinity": slope,
        "value_at_zero": 1.0 - c,
        "conjugate_formula": conjugate_formula,
        "optimal_formula": optimal_formula,
        "range_text": "[0, 2]",
        "curvature": 1.0,
        "slope_at_one": c,
        "_f": lambda s: (s - 1.0) * ((s - 1.0) / (s + 1.0)) + c * (s - 1.0),
        "_conjugate": lambda t: 4.0 - (t - c) - 4.0 * np.sqrt(1.0 - (t - c)) + c,
        "_optimal": lambda s: 1.0 - 4.0 / (1.0 + s) ** 2 + c,
        "metric_power": 0.5,
        "core": ("triangular", 1.0),
    }


def hellinger(half):
    """half (sqrt(s) - 1)^2."""
    return {
        "slope_at_infinity": half,
        "value_at_zero": half,
        "range_text": f"[0, {format_number(2.0 * half)}]",
        "curvature": 0.5 * half,
        "_f": lambda s: half * (np.sqrt(s) - 1.0) ** 2,
        "_conjugate": lambda t: half * t / (half - t),
        "_optimal": lambda s: half * (1.0 - 1.0 / np.sqrt(s)),
        "metric_power": 0.5,
        "core": ("hellinger2", 2.0 * half),
    }
