"""The table of divergences, a row each.

Sources: Nowozin, Cseke and Tomioka 2016 (f-GAN, whose u is 1/R); slides 004, corrected (the losses
of a classifier); Lin 1991 (weighted JSD); Liese and Vajda 2006 (alpha).
"""

import math

import numpy as np

from ratiogan import _divergence_forms as forms
from ratiogan._divergence_forms import INF, LOG_2
from ratiogan._divergence_types import Divergence, Losses
from ratiogan.catalogue import DIVERGENCES
from ratiogan.errors import InputError, check_number
from ratiogan.games import game
from ratiogan.spec import format_number, resolve


def divergence_row(spec, **parameters):
    """The divergence named by `spec`.

    Parameters
    ----------
    spec : str or Divergence
        ``"jsd"``, ``"alpha:alpha=2"``; a `Divergence` is returned as it is.
    **parameters
        Override those in `spec`.

    Raises
    ------
    InputError
        For an unknown name or parameter, with the nearest names, or a parameter without a row.

    Examples
    --------
    >>> divergence_row("cw", c=0.4).name
    'cw:c=0.4'
    """
    if isinstance(spec, Divergence):
        return spec
    full = resolve(spec, DIVERGENCES, "divergence", "ratiogan table", **parameters)
    if full.name in ROWS and not full.options:
        return ROWS[full.name]
    return _FAMILIES[full.name](str(full), **full.options)


# --- rows with parameters ------------------------------------------------------------------------


def _alpha(name, alpha):
    a = check_number("alpha", alpha)
    if a in (0, 1):
        other = "kl-gen-real" if a == 1 else "kl-real-gen"
        raise InputError(
            f"alpha must not be 0 or 1, got {a:g}.", argument="alpha", fix=f"Its limit is {other}."
        )
    b = a * (a - 1.0)
    above = a > 1

    def near_one(d):
        # sum over k >= 2 of binom(a, k) d^k / b
        term, total = 0.5 * d * d, np.zeros_like(d)
        for k in range(2, 22):
            total = total + term
            term = term * d * (a - k) / (k + 1)
        return total

    def excess(d):
        near = np.abs(d) < 0.1 / max(1.0, abs(a))
        far = np.expm1(a * np.log1p(d)) / b - d / (a - 1.0)
        return np.where(near, near_one(np.where(near, d, 0.0)), far)

    top = INF if above or a < 0 else -1.0 / b
    number = format_number(a)
    return Divergence(
        name=name,
        meaning=f"alpha divergence, alpha = {number}",
        formula="(s^a - 1)/(a(a-1))",
        slope_at_infinity=INF if above else 0.0,
        value_at_zero=INF if a < 0 else -1.0 / b,
        conjugate_formula="s^a/a + 1/(a(a-1)), t=f'(s)",
        optimal_formula="s^(a-1)/(a-1)",
        range_text=f"[0, {'inf' if top == INF else format_number(float(f'{top:.6g}'))}]",
        curvature=1.0,
        metric_power=0.5 if a == 0.5 else None,
        slope_at_one=1.0 / (a - 1.0),
        _f=lambda s: (s**a - 1.0) / b,
        _conjugate=lambda t: np.abs((a - 1.0) * t) ** (a / (a - 1.0)) / a + 1.0 / b,
        _optimal=lambda s: s ** (a - 1.0) / (a - 1.0),
        note=f"a = {number}; a -> 1 is kl-gen-real, a -> 0 kl-real-gen; 1/2 is 4 H^2, 2 half of "
        "Pearson's chi^2, -1 half of Neyman's.",
        _excess=excess,
    )


def _weighted(name, w):
    w = check_number("w", w)
    if not 0 < w < 1:
        raise InputError(f"w must lie between 0 and 1, got {w:g}.", argument="w")
    v = 1.0 - w

    def excess(d):
        # with L(x) = x - log(1+x): nothing of first order is left
        inner = forms.log1p_excess(w * d)
        near = np.abs(d) < 0.1
        small = np.where(near, d, 0.0)
        lead = w * v * small * small
        close = lead - w * (1.0 + small) * (forms.log1p_excess(small) - inner) + v * inner
        return np.where(near, close, f(1.0 + d))

    def f(s):
        m = v + w * s
        return w * forms.log_times(s, s / m) - v * np.log(m)

    top = -w * math.log(w) - v * math.log(v)
    return Divergence(
        name=name,
        meaning="weighted JSD: the information on the label of one draw",
        formula="w s log s - (v+ws) log(v+ws)",
        slope_at_infinity=-w * math.log(w),
        value_at_zero=-v * math.log(v),
        conjugate_formula="v log(v/(1 - w exp(t/w)))",
        optimal_formula="w log(s/(v+ws))",
        range_text=f"[0, {top:.4g}]",
        curvature=w * v,
        metric_power=0.5 if w == 0.5 else None,
        _f=f,
        _conjugate=lambda t: v * np.log(v / (1.0 - w * np.exp(t / w))),
        _optimal=lambda s: w * np.log(s / (v + w * s)),
        note=f"w = {format_number(w)} is the share of p_g in the mixture, v = 1-w; w = 1/2 is jsd. "
        "Its largest value is the entropy of (w, v).",
        logarithmic=True,
        _excess=excess,
    )


def _cost_weighted(name, c):
    rule = game("cw", c=c)
    c = float(c)
    at, gap = (1.0 - c) / c, abs(1.0 - 2.0 * c)
    slope_at_one = -2.0 * c if c < 0.5 else 0.0 if c > 0.5 else -c

    def f(s):
        return np.maximum(1.0 - 2.0 * c * s, 2.0 * c - 1.0) - gap

    def excess(d):
        # zero around R = 1 but for c = 1/2
        rest = 1.0 - 2.0 * c
        beyond = c * d - rest if c <= 0.5 else rest - c * d
        return 0.5 * np.abs(d) if c == 0.5 else 2.0 * np.where(beyond < 0, 0.0, beyond)

    return Divergence(
        name=name,
        meaning="TV" if c == 0.5 else "not strict",
        formula="|1-c-cs| - cs + c - |1-2c|",
        slope_at_infinity=0.0,
        value_at_zero=1.0 - gap,
        conjugate_formula="t(1-c)/c + 1-2c + |1-2c|",
        optimal_formula="-2c 1{s < (1-c)/c}",
        range_text=f"[0, {1.0 - gap:.4g}]",
        curvature=math.nan if c == 0.5 else 0.0,
        slope_at_one=slope_at_one,
        _f=f,
        _conjugate=lambda t: t * at + 1.0 - 2.0 * c + gap,
        _optimal=lambda s: np.where(np.isnan(s), s, np.where(s < at, -2.0 * c, 0.0)),
        strict=c == 0.5,
        metric_power=1.0 if c == 0.5 else None,
        losses=Losses(
            rule.loss_real,
            rule.loss_gen,
            rule.best_response,
            "(1-c)(1-h)",
            "c(1+h)",
            "sgn(1-c-cs)",
            (-1.0, 1.0),
            shift=2.0 * min(c, 1.0 - c),
            printed="l+- = (1/2 - (1/2 - c))(1 -+ h); f without its bars",
        ),
        note=f"c = {format_number(c)}. It is 0 for p_g close to p_r unless c = 1/2: not a strict "
        "divergence.",
        _excess=excess,
    )


_FAMILIES = {"alpha": _alpha, "js-weighted": _weighted, "cw": _cost_weighted}


# --- rows of their own ---------------------------------------------------------------------------


def _surrogate(name, formulas, **more):
    rule = game(name)
    texts = rule.formulas
    return {
        **formulas,
        "losses": Losses(
            rule.loss_real,
            rule.loss_gen,
            rule.best_response,
            **{
                "plus_text": texts["loss_real"].replace("log(", "ln("),
                "minus_text": texts["loss_gen"].replace("log(", "ln("),
                **more,
            },
        ),
    }


def _kl_to_mixture():
    def excess(d):
        x = 0.5 * d
        near = np.abs(x) < 0.1
        small = np.where(near, x, 0.0)
        close = 2.0 * (small * small - (1.0 + small) * forms.log1p_excess(small))
        return np.where(near, close, 2.0 * ((1.0 + x) * np.log1p(x) - x))

    return {
        "logarithmic": True,
        "meaning": "2 KL(m || real), m = (p_r + p_g)/2",
        "formula": "(1+s) log((1+s)/2)",
        "slope_at_infinity": INF,
        "value_at_zero": -LOG_2,
        "conjugate_formula": "2 exp(t-1) - t",
        "optimal_formula": "1 + log((1+s)/2)",
        "range_text": "[0, inf]",
        "curvature": 0.5,
        "slope_at_one": 1.0,
        "_f": lambda s: (1.0 + s) * np.log(0.5 * (1.0 + s)),
        "_conjugate": lambda t: 2.0 * np.exp(t - 1.0) - t,
        "_optimal": lambda s: 1.0 + np.log(0.5 * (1.0 + s)),
        "note": "What descent on the non-saturating generator loss minimises.",
        "_excess": excess,
    }


def _zero_one_losses():
    # Margins at 0 count as generated: then inf over h is min(1, s) at every s.
    return Losses(
        lambda h: np.where(h < 0, 1.0, 0.0),
        lambda h: np.where(h >= 0, 1.0, 0.0),
        lambda s: np.sign(1.0 - s),
        "1{h<0}",
        "1{h>=0}",
        "sgn(1-s)",
        (-1.0, 1.0),
        shift=1.0,
        printed="l+- = (1 -+ h)/2, f = |s-1|/2, h* = sgn(s-1): the sign of h* is wrong",
    )


def _fgan(u_formula, formulas, meaning):
    return {
        **formulas,
        "meaning": meaning,
        "note": f"f-GAN prints f(u) = {u_formula} with u = p_r/p_g = 1/s, its P being real; here "
        "f(s) = s f(1/s), the same number.",
    }


def _rows():
    log_texts = ("-ln(1+s) - s ln((1+s)/s) + 2 ln 2", "2 JSD")
    cross = {"formula": log_texts[0], "meaning": log_texts[1]}
    yield "kl-gen-real", {"meaning": "KL(gen || real)", **forms.kl()}
    yield "kl-real-gen", {"meaning": "KL(real || gen)", **forms.reverse_kl()}
    yield "jsd", {"meaning": "Jensen-Shannon divergence", **forms.jsd()}
    yield (
        "jeffreys",
        {
            "logarithmic": True,
            "meaning": "KL(gen || real) + KL(real || gen)",
            "formula": "(s-1) log s",
            "slope_at_infinity": INF,
            "value_at_zero": INF,
            "conjugate_formula": "v+1/v+t-2, v=W(exp(1-t))",
            "optimal_formula": "log s + 1 - 1/s",
            "range_text": "[0, inf]",
            "curvature": 2.0,
            "_f": lambda s: (s - 1.0) * np.log(s),
            "_conjugate": forms.jeffreys_conjugate,
            "_optimal": lambda s: np.where(s == 0, -INF, np.log(s) + 1.0 - 1.0 / s),
            "core": ("jeffreys", 1.0),
            "note": "W is Lambert's function.",
        },
    )
    yield (
        "tv",
        {
            "meaning": "total variation, the largest difference in probability of an event",
            "formula": ".5 |s-1|",
            "slope_at_infinity": 0.5,
            "value_at_zero": 0.5,
            "conjugate_formula": "t",
            "optimal_formula": ".5 sgn(s-1)",
            "range_text": "[0, 1]",
            "curvature": math.nan,
            "_f": lambda s: 0.5 * np.abs(s - 1.0),
            "_conjugate": lambda t: 1.0 * t,
            "_optimal": lambda s: 0.5 * np.sign(s - 1.0),
            "metric_power": 1.0,
            "core": ("tv", 1.0),
        },
    )
    yield (
        "hellinger2",
        {
            "meaning": "H^2 = 1 - sum sqrt(p_g p_r), the squared Hellinger distance",
            "formula": ".5 (sqrt(s) - 1)^2",
            "conjugate_formula": "t/(1-2t)",
            "optimal_formula": ".5 (1 - 1/sqrt(s))",
            **forms.hellinger(0.5),
        },
    )
    yield (
        "chi2-pearson",
        {
            "meaning": "Pearson's chi^2, sum (p_g - p_r)^2/p_r",
            "formula": "(s-1)^2",
            "slope_at_infinity": INF,
            "value_at_zero": 1.0,
            "conjugate_formula": "t + t^2/4",
            "optimal_formula": "2(s-1)",
            "range_text": "[0, inf]",
            "curvature": 2.0,
            "_f": lambda s: (s - 1.0) ** 2,
            "_conjugate": lambda t: t + 0.25 * t * t,
            "_optimal": lambda s: 2.0 * (s - 1.0),
            "core": ("chi2-pearson", 1.0),
        },
    )
    yield "chi2-neyman", {"meaning": "Neyman's chi^2, sum (p_g - p_r)^2/p_g", **forms.neyman()}
    yield (
        "triangular",
        forms.triangular(1.0, "(s-1)^2/(s+1)", "4 - t - 4 sqrt(1-t)", "1 - 4/(1+s)^2"),
    )
    yield "alpha", None
    yield "js-weighted", None
    yield "kl-mix-real", _kl_to_mixture()
    yield "fgan-kl", _fgan("u log u", forms.reverse_kl(), "KL(real || gen)")
    yield "fgan-reverse-kl", _fgan("-log u", forms.kl(), "KL(gen || real)")
    yield "fgan-pearson", _fgan("(u-1)^2", forms.neyman(), "chi2-neyman")
    yield (
        "fgan-hellinger",
        _fgan(
            "(sqrt(u) - 1)^2",
            {
                "formula": "(sqrt(s) - 1)^2",
                "conjugate_formula": "t/(1-t)",
                "optimal_formula": "1 - 1/sqrt(s)",
                **forms.hellinger(1.0),
            },
            "2 H^2",
        ),
    )
    yield (
        "fgan-js",
        _fgan(
            "u log u - (1+u) log((1+u)/2)",
            {
                **forms.jsd(),
                "formula": "s log s - (1+s) log((1+s)/2)",
                "slope_at_infinity": LOG_2,
                "value_at_zero": LOG_2,
                "conjugate_formula": "-log(2 - exp(t))",
                "optimal_formula": "log(2s/(1+s))",
                "range_text": "[0, 2 log 2]",
                "curvature": 0.5,
                "_f": forms.two_jensen_shannon,
                "_conjugate": lambda t: -np.log(2.0 - np.exp(t)),
                "_optimal": lambda s: np.log(2.0 * s / (1.0 + s)),
                "core": ("jsd", 2.0),
            },
            "2 JSD",
        ),
    )
    gan = _fgan("u log u - (1+u) log(1+u)", forms.cross_entropy(**cross), "2 JSD")
    yield "fgan-gan", {**gan, "note": gan["note"].replace("the same number", "plus 2 log 2")}
    yield (
        "0-1",
        {
            "meaning": "TV",
            "formula": "1 - min(1, s)",
            "slope_at_infinity": 0.0,
            "value_at_zero": 1.0,
            "conjugate_formula": "t",
            "optimal_formula": "-1{s < 1}",
            "range_text": "[0, 1]",
            "curvature": math.nan,
            "slope_at_one": -0.5,
            "_f": lambda s: 1.0 - np.minimum(1.0, s),
            "_conjugate": lambda t: 1.0 * t,
            "_optimal": lambda s: np.where(np.isnan(s), s, np.where(s < 1, -1.0, 0.0)),
            "metric_power": 1.0,
            "core": ("tv", 1.0),
            "losses": _zero_one_losses(),
        },
    )
    margin = {"best_text": "(1-s)/(1+s)"}
    yield (
        "log",
        _surrogate(
            "log",
            forms.cross_entropy(**cross),
            **margin,
            domain=(-1.0, 1.0),
            shift=2.0 * LOG_2,
            printed="l+- = ln(2/(1+h)) for both signs; f without + 2 ln 2",
        ),
    )
    yield (
        "square",
        _surrogate(
            "square",
            {
                **forms.triangular(0.0, "2 - 4s/(1+s)", "2 - t - 4 sqrt(-t)", "-4/(1+s)^2"),
                "meaning": "triangular",
            },
            **margin,
            domain=(-INF, INF),
            shift=2.0,
            printed="f = -s/(1+s) + 1/2",
            scale=4.0,
        ),
    )
    yield "cw", None
    yield (
        "exponential",
        _surrogate(
            "exponential",
            forms.two_hellinger(),
            best_text="-.5 ln s",
            domain=(-INF, INF),
            shift=2.0,
        ),
    )
    yield (
        "boosting",
        _surrogate(
            "boosting",
            forms.two_hellinger(),
            **margin,
            domain=(-1.0, 1.0),
            shift=2.0,
            printed="l+- = sqrt((1+h)/(1+-h))",
        ),
    )


def _built():
    rows = {}
    for name, values in _rows():
        if values is None:
            full = resolve(name, DIVERGENCES, "divergence", "ratiogan table")
            rows[name] = _FAMILIES[name](str(full), **full.options)
        else:
            rows[name] = Divergence(name=name, **values)
    return rows


ROWS = _built()
