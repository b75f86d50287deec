"""The table of GAN games: two losses, and everything that follows from them pointwise in R.

A separable game is d(R, f) = E[l_r(f)] + E[R l_g(f)] for the discriminator and g(R, f) = E[R u(f)]
for the generator, E over p_r. Its best response f*(R), its signal u(f*(R)) = Phi'(R) and its
induced cost E[Phi(R)], which descent with f* held fixed really goes down, are functions of R alone:
a game is one row of a table. Sources: slides 001 (non-saturating), 002 (three generator losses),
004 (least squares, surrogate losses); Nagarajan and Kolter 2017 (concave f); Lim and Ye 2017
(hinge).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from ratiogan import _numeric
from ratiogan._jit import jit, kernel
from ratiogan._vmath import log, log1p, log1p_excess, log1p_finite
from ratiogan.catalogue import GAMES
from ratiogan.errors import InputError, check_choice, check_number
from ratiogan.spec import format_number, is_own_code, load_object, parse, resolve

# Codes of the signals that kernels are compiled for; (a, b, c) are a game's parameters there.
NON_SATURATING = 0  # log(1+R)
MINIMAX = 1  # log(R/(1+R))
MAXIMUM_LIKELIHOOD = 2  # -1/R
LOGIT = 3  # log R
RATIONAL = 4  # c ((a+bR)/(1+R))^2: least squares and square
STEP = 5  # b below R = a, c above, their mean at a: hinge, 0-1, cost-weighted
INVERSE_ROOT = 6  # -1/sqrt(R)
ROOT = 7  # sqrt(R)

# Codes of the discriminator's cost l_r(f*) + R l_g(f*).
CROSS_ENTROPY = 0  # (1+R) log(1+R) - R log R
HARMONIC = 1  # a R/(1+R)
MINIMUM = 2  # a min(b, R)
GEOMETRIC = 3  # a sqrt(R)

_2_64 = 2.0**64
_LOG_2_64 = 64.0 * math.log(2.0)


@dataclass(frozen=True, eq=False)
class Game:
    """One row of the table; make it with `game`, or from your own losses with `from_losses`.

    All methods are elementwise and take finite R >= 0: arrays of any shape, or a `Ratio`. E is the
    expectation over p_r, R = p_g/p_r, logarithms are natural.

    Attributes
    ----------
    spec : str
        The text that names this game on the command line.
    domain : str
        Omega_d, where f* takes its values.
    curvature_at_one : float
        Phi''(1), which sets the local rate 1 - alpha Phi''(1); NaN at a kink.
    signal_at_one, signal_at_zero : float
        u at R = 1 and its limit at R = 0, which may be -inf.
    sup_curvature, sup_ratio_curvature : float
        sup Phi'' and sup R Phi'' over R >= 0: the step bounds of the linear geometries and of
        ``fisher``.
    slope_bound : float
        sup (u(R) - u(0))/R: steps up to its inverse keep R >= 0 without projection. NaN where u
        is not non-decreasing.
    convex : bool
        Whether Phi is convex with its only minimum (on E[R] = 1) at R = 1.
    has_kink : bool
        Whether u jumps, so that constant steps chatter.

    Examples
    --------
    >>> game("non-saturating").curvature_at_one
    0.5
    >>> game("least-squares", a=-1, b=1, c=0).spec
    'least-squares:a=-1,b=1,c=0'
    """

    spec: str
    name: str
    domain: str
    formulas: dict
    curvature_at_one: float
    signal_at_one: float
    signal_at_zero: float
    sup_curvature: float
    sup_ratio_curvature: float
    slope_bound: float
    convex: bool
    has_kink: bool
    _best_response: Callable = field(repr=False)
    _losses: tuple = field(repr=False)  # l_r, l_g, u as functions of f
    kernel: tuple | None = field(default=None, repr=False)  # (code, a, b, c)
    discriminator_kernel: tuple | None = field(default=None, repr=False)  # (code, a, b)
    _numeric: object = field(default=None, repr=False)  # own losses: _numeric.Induced

    def best_response(self, ratio):
        """f*(R), the discriminator that minimises l_r(f) + R l_g(f) in every cell."""
        ratio = _ratios(ratio)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._best_response(ratio)

    def signal(self, ratio):
        """u(f*(R)) = Phi'(R), what the generator feels."""
        return self._evaluate("signal", ratio)

    def cost(self, ratio):
        """Phi(R), the representative with Phi' = u exactly and Phi(1) = 0 (nats).

        E[Phi(R)] is the divergence named in ``formulas["cost_is"]`` whenever E[R] = 1.
        """
        ratio = _ratios(ratio)
        return self.excess(ratio) + self.signal_at_one * (ratio - 1.0)

    def excess(self, ratio):
        """Phi(R) - Phi(1) - Phi'(1)(R-1), >= 0 for convex games, accurate near R = 1."""
        return self._evaluate("excess", ratio)

    def curvature(self, ratio):
        """Phi''(R); +inf at a kink."""
        return self._evaluate("curvature", ratio)

    def discriminator_cost(self, ratio):
        """l_r(f*(R)) + R l_g(f*(R)), the least loss of the discriminator in every cell."""
        return self._evaluate("discriminator_cost", ratio)

    def loss_real(self, f):
        """l_r(f), the discriminator's loss on real data."""
        return self._losses[0](np.asarray(f, dtype=np.float64))

    def loss_gen(self, f):
        """l_g(f), the discriminator's loss on generated data."""
        return self._losses[1](np.asarray(f, dtype=np.float64))

    def generator_loss(self, f):
        """u(f), the generator's loss on its own data."""
        return self._losses[2](np.asarray(f, dtype=np.float64))

    def _evaluate(self, what, ratio):
        ratio = _ratios(ratio)
        if self._numeric is not None:
            return getattr(self._numeric, what)(ratio)
        flat = np.ascontiguousarray(ratio).reshape(-1)
        out = np.empty_like(flat)
        code, *parameters = (
            self.discriminator_kernel if what == "discriminator_cost" else self.kernel
        )
        # Compiled code says nothing when it divides by 0; without compilation NumPy would.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            _elementwise(what, code)(flat, out, *parameters, *(0.0,) * (3 - len(parameters)))
        return out.reshape(ratio.shape)[()]

    @property
    def own_slopes(self):
        """For losses of your own: f -> (l_r', l_g', u'), their numerical slopes; None for a row."""
        return None if self._numeric is None else self._numeric.slopes

    @property
    def prediction(self):
        """Will GLGD reach R = 1? A word or two, as in `ratiogan games`."""
        if self.falls_at_one:
            return "NO, unstable"
        if self.has_kink:
            return "chatters" if self.convex else "not strict"
        if not self.curvature_at_one > 0:
            if self.convex:
                return "no, flat at R = 1"
            flat = not np.any(self.curvature(np.array([0.99, 1.01])))
            return "not strict" if flat else "NO, unstable"
        if not self.convex:
            return "locally"
        if not math.isfinite(self.sup_curvature):
            return "yes, stiff"
        return "yes, slowly" if self.curvature_at_one < 0.2 else "yes"

    @property
    def falls_at_one(self):
        """Whether u jumps down at R = 1, so that the least deviation grows."""
        if not self.has_kink:
            return False
        below, above = self.signal(np.array([1.0 - 1e-7, 1.0 + 1e-7]))
        return bool(above < below - 1e-5)

    @property
    def converges(self):
        """Whether small enough constant steps converge to R = 1 from nearby."""
        return self.curvature_at_one > 0 and not self.has_kink

    def rate(self, alpha):
        """Factor per step of every mode near R = 1 in `reference`, `fisher` and `logits`."""
        return 1.0 - alpha * self.curvature_at_one

    @classmethod
    def from_losses(
        cls,
        loss_real,
        loss_gen,
        generator_loss=None,
        domain=(0.0, 1.0),
        best_response=None,
        name="own",
    ):
        """A game from your own losses; f*, Phi' and Phi'' are found numerically.

        Parameters
        ----------
        loss_real, loss_gen : callable
            l_r(f) and l_g(f), the discriminator's losses on real and on generated data: arrays in,
            arrays of the same shape out.
        generator_loss : callable, optional
            u(f), what the generator minimises on its data. Default -l_g(f), the zero-sum game.
        domain : (float, float)
            The open interval of f; either end may be infinite.
        best_response : callable, optional
            f*(R), where you know it.
        name : str
            What messages call the game.

        Raises
        ------
        InputError
            If a loss returns NaN or another shape on the domain.

        Examples
        --------
        >>> losses = (lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
        >>> bool(abs(Game.from_losses(*losses).curvature_at_one - 0.5) < 1e-10)
        True
        """
        if name.partition(":")[0] in GAMES:
            raise InputError(
                f"{name} is a game of the table.", argument="name", fix="Choose another name."
            )
        if generator_loss is None:

            def generator_loss(f):
                return -loss_gen(f)

        induced = _numeric.Induced(loss_real, loss_gen, generator_loss, domain, best_response, name)
        low, high = (format_number(end) for end in domain)
        return cls(
            spec=name,
            name=name,
            domain=f"({low}, {high})",
            formulas={
                "best_response": "numerical" if best_response is None else "yours",
                "signal": "u(f*(R)), yours",
                "curvature": "numerical",
                "cost_is": "unnamed",
                "loss_real": "yours",
                "loss_gen": "yours",
                "generator_loss": "yours",
            },
            curvature_at_one=induced.curvature_at_one,
            signal_at_one=induced.signal_at_one,
            signal_at_zero=induced.signal_at_zero,
            sup_curvature=induced.sup_curvature,
            sup_ratio_curvature=induced.sup_ratio_curvature,
            slope_bound=induced.slope_bound,
            convex=induced.convex,
            has_kink=induced.has_kink,
            _best_response=induced.best_response,
            _losses=(loss_real, loss_gen, generator_loss),
            _numeric=induced,
        )


def game(spec, **parameters):
    """The game named by `spec`, a row of the table or your own.

    Parameters
    ----------
    spec : str or Game
        ``"non-saturating"``, ``"least-squares:a=-1,b=1,c=0"``, ``"path/to/file.py:NAME"`` (a
        `Game`, or a dict, class or object with ``loss_real``, ``loss_gen`` and perhaps
        ``generator_loss``, ``domain``, ``best_response``), or a `Game`, which is returned as it is.
    **parameters
        Override those in `spec`.

    Raises
    ------
    InputError
        For an unknown name or parameter, with the nearest names.

    Examples
    --------
    >>> float(game("minimax").best_response(1.0))
    0.5
    """
    own = isinstance(spec, Game) or is_own_code(spec)
    if own and parameters:
        raise InputError(
            f"{next(iter(parameters))} is a parameter of no game of your own.",
            argument=next(iter(parameters)),
            fix="Only games of the table take parameters.",
        )
    if isinstance(spec, Game):
        return spec
    if own:
        return _own_game(load_object(spec), spec)
    full = resolve(spec, GAMES, "game", "ratiogan games", **parameters)
    return _BUILDERS[full.name](full)


def check(game):
    """Largest error of a row against its losses, over R from 1e-3 to 1e3.

    f* is compared with a brute-force minimum of l_r(f) + R l_g(f), Phi' and Phi'' with central
    differences of Phi and Phi', u with the generator's loss at f*. What is returned is relative
    to 1 + |value|, and below 1e-6 for a correct row.
    """
    return _numeric.check_row(game)


def _own_game(thing, spec):
    if not isinstance(thing, Game):
        known = ("loss_real", "loss_gen", "generator_loss", "domain", "best_response")
        if isinstance(thing, dict):
            parts = thing
        else:
            parts = {name: getattr(thing, name) for name in known if hasattr(thing, name)}
        missing = [name for name in known[:2] if name not in parts]
        if missing:
            raise InputError(
                f"{spec} is no game: it has no {' and no '.join(missing)}.",
                argument="game",
                fix="Make it with rg.Game.from_losses(loss_real, loss_gen, generator_loss).",
            )
        given = {name: parts[name] for name in known if name in parts}
        thing = Game.from_losses(**given, name=spec)
    values = {name: getattr(thing, name) for name in thing.__dataclass_fields__}
    return Game(**{**values, "spec": spec})


def _ratios(ratio):
    # A `Ratio` stands for its values.
    return np.asarray(getattr(ratio, "values", ratio), dtype=np.float64)


# --- the rows ------------------------------------------------------------------------------------

_CROSS_ENTROPY_LOSSES = (
    lambda f: -np.log(f),
    lambda f: -np.log1p(-f),
)


def _cross_entropy(spec, code, generator_loss, formulas, **facts):
    return Game(
        spec=str(spec),
        name=spec.name,
        domain="(0, 1)",
        formulas={
            "loss_real": "-log f",
            "loss_gen": "-log(1-f)",
            "best_response": "1/(1+R)",
            **formulas,
        },
        convex=True,
        has_kink=False,
        _best_response=lambda ratio: 1.0 / (1.0 + ratio),
        _losses=(*_CROSS_ENTROPY_LOSSES, generator_loss),
        kernel=(code, 0.0, 0.0, 0.0),
        discriminator_kernel=(CROSS_ENTROPY, 0.0, 0.0),
        **facts,
    )


def _non_saturating(spec):
    return _cross_entropy(
        spec,
        NON_SATURATING,
        lambda f: -np.log(f),
        {
            "generator_loss": "-log f",
            "signal": "log(1+R)",
            "curvature": "1/(1+R)",
            "cost_is": "2 KL(m||p_r)",
        },
        curvature_at_one=0.5,
        signal_at_one=math.log(2.0),
        signal_at_zero=0.0,
        sup_curvature=1.0,
        sup_ratio_curvature=1.0,
        slope_bound=1.0,
    )


def _minimax(spec):
    return _cross_entropy(
        spec,
        MINIMAX,
        lambda f: np.log1p(-f),
        {
            "generator_loss": "log(1-f)",
            "signal": "log(R/(1+R))",
            "curvature": "1/(R(1+R))",
            "cost_is": "2 JSD",
        },
        curvature_at_one=0.5,
        signal_at_one=-math.log(2.0),
        signal_at_zero=-math.inf,
        sup_curvature=math.inf,
        sup_ratio_curvature=1.0,
        slope_bound=math.inf,
    )


def _maximum_likelihood(spec):
    return _cross_entropy(
        spec,
        MAXIMUM_LIKELIHOOD,
        lambda f: -f / (1.0 - f),
        {
            "generator_loss": "-f/(1-f)",
            "signal": "-1/R",
            "curvature": "1/R^2",
            "cost_is": "KL(p_r||p_g)",
        },
        curvature_at_one=1.0,
        signal_at_one=-1.0,
        signal_at_zero=-math.inf,
        sup_curvature=math.inf,
        sup_ratio_curvature=math.inf,
        slope_bound=math.inf,
    )


def _logit(spec):
    return _cross_entropy(
        spec,
        LOGIT,
        lambda f: np.log1p(-f) - np.log(f),
        {
            "generator_loss": "log((1-f)/f)",
            "signal": "log R",
            "curvature": "1/R",
            "cost_is": "KL(p_g||p_r)",
        },
        curvature_at_one=1.0,
        signal_at_one=0.0,
        signal_at_zero=-math.inf,
        sup_curvature=math.inf,
        sup_ratio_curvature=1.0,
        slope_bound=math.inf,
    )


def _rational_facts(a, b, c):
    """Facts of u = c v^2, v = (a+bR)/(1+R): Phi'' = 2c (b-a)(a+bR)/(1+R)^3."""

    def curvature(ratio):
        return 2.0 * c * (b - a) * (a + b * ratio) / (1.0 + ratio) ** 3

    def slope(ratio):
        return c * (b - a) * (2.0 * a + (a + b) * ratio) / (1.0 + ratio) ** 2

    def best(function, stationary):
        # Largest value on R >= 0: at 0, at the stationary point, or the limit 0 at infinity.
        points = [0.0] + [point for point in stationary if math.isfinite(point) and point > 0]
        return max([0.0] + [function(point) for point in points])

    turning = (b - 3.0 * a) / (2.0 * b) if b else math.inf
    rises = c * (b - a) * a >= 0 and c * (b - a) * b >= 0
    return {
        "curvature_at_one": curvature(1.0) + 0.0,  # no -0.0
        "signal_at_one": c * ((a + b) / 2.0) ** 2,
        "signal_at_zero": c * a * a,
        "sup_curvature": best(curvature, [turning]),
        "sup_ratio_curvature": best(
            lambda r: r * curvature(r), _ratio_curvature_turning_points(a, b)
        ),
        "slope_bound": best(slope, [(b - 3.0 * a) / (a + b)] if a + b else [])
        if rises
        else math.nan,
        "convex": bool(rises and curvature(1.0) > 0),
    }


def _ratio_curvature_turning_points(a, b):
    # d/dR of R (a+bR)/(1+R)^3 = 0  <=>  a + 2(b-a) R - b R^2 = 0
    return [float(root.real) for root in np.roots([-b, 2.0 * (b - a), a]) if abs(root.imag) < 1e-12]


def _least_squares(spec):
    a, b, c = (check_number(key, spec.options[key]) for key in "abc")
    if a == b:
        raise InputError(
            f"least-squares needs different codes a and b, got a = b = {a:g}.",
            argument="game",
            fix="Take a=0,b=1,c=1.",
        )
    classic = (a, b, c) == (0, 1, 1)
    pearson = (a, b, c) == (-1, 1, 0)
    numerator = _linear_text(b, a)
    return Game(
        spec=str(spec),
        name=spec.name,
        domain="(-inf, inf)",
        formulas={
            "loss_real": _square_text(b),
            "loss_gen": _square_text(a),
            "generator_loss": _square_text(c),
            "best_response": "1/(1+R)" if classic else f"{numerator}/(1+R)",
            "signal": ".5 (R/(1+R))^2" if classic else f".5 ({_linear_text(b - c, a - c)}/(1+R))^2",
            "curvature": "R/(1+R)^3"
            if classic
            else "2(R-1)/(1+R)^3"
            if pearson
            else f"{_linear_text((a - b) * (b - c), (a - b) * (a - c))}/(1+R)^3",
            "cost_is": "not convex" if pearson else "unnamed",
        },
        has_kink=False,
        _best_response=lambda ratio: (b + a * ratio) / (1.0 + ratio),
        _losses=(
            lambda f: 0.5 * (f - b) ** 2,
            lambda f: 0.5 * (f - a) ** 2,
            lambda f: 0.5 * (f - c) ** 2,
        ),
        kernel=(RATIONAL, b - c, a - c, 0.5),
        discriminator_kernel=(HARMONIC, 0.5 * (a - b) ** 2, 0.0),
        **_rational_facts(b - c, a - c, 0.5),
    )


def _square_text(code):
    """.5 (f - code)^2 as a reader writes it."""
    if code == 0:
        return ".5 f^2"
    return f".5 (f{'-' if code > 0 else '+'}{format_number(abs(code))})^2"


def _linear_text(constant, slope):
    """c + s R as a reader writes it."""
    constant, slope = round(constant, 12), round(slope, 12)  # 1 - 0.9 is 0.1 to a reader
    if slope == 0:
        return format_number(constant)
    size = "" if abs(slope) == 1 else format_number(abs(slope))
    if constant == 0:
        return f"{'-' if slope < 0 else ''}{size}R"
    return f"({format_number(constant)}{'-' if slope < 0 else '+'}{size}R)"


def _step_facts(at, low, high):
    """Facts of a signal that is `low` below R = at and `high` above."""
    mean = 0.5 * (low + high)
    return {
        "curvature_at_one": math.nan if at == 1.0 else 0.0,
        "signal_at_one": mean if at == 1.0 else low if at > 1.0 else high,
        "signal_at_zero": low,
        "sup_curvature": math.inf,
        "sup_ratio_curvature": math.inf,
        "slope_bound": (high - low) / at,
        "convex": at == 1.0,
        "has_kink": True,
        "kernel": (STEP, at, low, high),
    }


def _hinge(spec):
    return Game(
        spec=str(spec),
        name=spec.name,
        domain="(-inf, inf)",
        formulas={
            "loss_real": "max(0, 1-h)",
            "loss_gen": "max(0, 1+h)",
            "generator_loss": "-h",
            "best_response": "sign(1-R)",
            "signal": "sign(R-1)",
            "curvature": "atom 2 at R=1",
            "cost_is": "2 TV",
        },
        _best_response=lambda ratio: np.sign(1.0 - ratio),
        _losses=(
            lambda h: np.maximum(0.0, 1.0 - h),
            lambda h: np.maximum(0.0, 1.0 + h),
            lambda h: -h,
        ),
        discriminator_kernel=(MINIMUM, 2.0, 1.0),
        **_step_facts(1.0, -1.0, 1.0),
    )


_INVERSE_ROOT_FACTS = {
    "curvature_at_one": 0.5,
    "signal_at_one": -1.0,
    "signal_at_zero": -math.inf,
    "sup_curvature": math.inf,
    "sup_ratio_curvature": math.inf,
    "slope_bound": math.inf,
    "convex": True,
    "has_kink": False,
    "kernel": (INVERSE_ROOT, 0.0, 0.0, 0.0),
}
_ROOT_FACTS = {
    **_INVERSE_ROOT_FACTS,
    "signal_at_one": 1.0,
    "signal_at_zero": 0.0,
    "kernel": (ROOT, 0.0, 0.0, 0.0),
}
_INVERSE_ROOT_TEXT = {"signal": "-R^(-1/2)", "curvature": ".5 R^(-3/2)", "cost_is": "2 H^2"}
_ROOT_TEXT = {"signal": "R^(1/2)", "curvature": ".5 R^(-1/2)", "cost_is": "unnamed"}


def _concave(spec):
    name = check_choice("f", spec.options["f"], ("exponential", "logistic"))
    if name == "logistic":
        # V = E[F(D)] + E[R F(-D)] with F = -log(1+exp(-x)) is the minimax game in the logit D.
        base = _minimax(spec)
        values = {key: getattr(base, key) for key in base.__dataclass_fields__}
        return Game(
            **{
                **values,
                "domain": "(-inf, inf)",
                "formulas": {
                    **base.formulas,
                    "loss_real": "log(1+exp(-D))",
                    "loss_gen": "log(1+exp(D))",
                    "generator_loss": "-log(1+exp(D))",
                    "best_response": "-log R",
                },
                "_best_response": lambda ratio: -np.log(ratio),
                "_losses": (
                    lambda d: np.logaddexp(0.0, -d),
                    lambda d: np.logaddexp(0.0, d),
                    lambda d: -np.logaddexp(0.0, d),
                ),
            }
        )
    return Game(
        spec=str(spec),
        name=spec.name,
        domain="(-inf, inf)",
        formulas={
            "loss_real": "exp(-D)",
            "loss_gen": "exp(D)",
            "generator_loss": "-exp(D)",
            "best_response": "-.5 log R",
            **_INVERSE_ROOT_TEXT,
        },
        _best_response=lambda ratio: -0.5 * np.log(ratio),
        _losses=(lambda d: np.exp(-d), np.exp, lambda d: -np.exp(d)),
        discriminator_kernel=(GEOMETRIC, 2.0, 0.0),
        **_INVERSE_ROOT_FACTS,
    )


def _margin(ratio):
    return (1.0 - ratio) / (1.0 + ratio)


def _surrogate(spec):
    generator = check_choice("generator", spec.options["generator"], ("zero-sum", "flipped"))
    flipped = generator == "flipped"
    cost = check_number("c", spec.options.get("c", 0.5))
    if not 0 < cost < 1:
        raise InputError(
            f"the cost weight c must lie between 0 and 1, got {cost:g}.", argument="game"
        )
    row = _SURROGATE_ROWS[spec.name](cost)
    plus, minus, plus_text, minus_text = row["losses"]
    facts = row["flipped" if flipped else "zero-sum"]
    return Game(
        spec=str(spec),
        name=spec.name,
        domain=row["domain"],
        formulas={
            "loss_real": plus_text,
            "loss_gen": minus_text,
            "generator_loss": plus_text if flipped else f"-{minus_text}",
            "best_response": row["margin"],
            **facts["text"],
        },
        _best_response=row["best_response"],
        _losses=(plus, minus, plus if flipped else lambda h: -minus(h)),
        discriminator_kernel=row["discriminator"],
        **facts["facts"],
    )


def _facts_of(base, **text):
    names = (
        "curvature_at_one signal_at_one signal_at_zero sup_curvature sup_ratio_curvature "
        "slope_bound convex has_kink kernel"
    ).split()
    shared = {key: base.formulas[key] for key in ("signal", "curvature", "cost_is")}
    return {"facts": {key: getattr(base, key) for key in names}, "text": {**shared, **text}}


def _zero_one_row(_):
    return {
        "losses": (
            lambda h: 0.5 * (1.0 - h),
            lambda h: 0.5 * (1.0 + h),
            ".5 (1-h)",
            ".5 (1+h)",
        ),
        "domain": "[-1, 1]",
        "margin": "sign(1-R)",
        "best_response": lambda ratio: np.sign(1.0 - ratio),
        "discriminator": (MINIMUM, 1.0, 1.0),
        "zero-sum": {
            "facts": _step_facts(1.0, -1.0, 0.0),
            "text": {"signal": "-1{R<1}", "curvature": "atom 1 at R=1", "cost_is": "TV"},
        },
        "flipped": {
            "facts": _step_facts(1.0, 0.0, 1.0),
            "text": {"signal": "1{R>1}", "curvature": "atom 1 at R=1", "cost_is": "TV"},
        },
    }


def _log_row(_):
    return {
        "losses": (
            lambda h: math.log(2.0) - np.log1p(h),
            lambda h: math.log(2.0) - np.log1p(-h),
            "log(2/(1+h))",
            "log(2/(1-h))",
        ),
        "domain": "(-1, 1)",
        "margin": "(1-R)/(1+R)",
        "best_response": _margin,
        "discriminator": (CROSS_ENTROPY, 0.0, 0.0),
        "zero-sum": _facts_of(_minimax(parse("minimax"))),
        "flipped": _facts_of(_non_saturating(parse("non-saturating"))),
    }


def _square_row(_):
    return {
        "losses": (lambda h: (1.0 - h) ** 2, lambda h: (1.0 + h) ** 2, "(1-h)^2", "(1+h)^2"),
        "domain": "(-inf, inf)",
        "margin": "(1-R)/(1+R)",
        "best_response": _margin,
        "discriminator": (HARMONIC, 4.0, 0.0),
        "zero-sum": {
            "facts": {
                **_rational_facts(2.0, 0.0, -1.0),
                "has_kink": False,
                "kernel": (RATIONAL, 2.0, 0.0, -1.0),
            },
            "text": {
                "signal": "-4/(1+R)^2",
                "curvature": "8/(1+R)^3",
                "cost_is": "triangular",
            },
        },
        "flipped": {
            "facts": {
                **_rational_facts(0.0, 2.0, 1.0),
                "has_kink": False,
                "kernel": (RATIONAL, 0.0, 2.0, 1.0),
            },
            "text": {
                "signal": "4 R^2/(1+R)^2",
                "curvature": "8 R/(1+R)^3",
                "cost_is": "unnamed",
            },
        },
    }


def _cost_weighted_row(c):
    at = (1.0 - c) / c
    return {
        "losses": (
            lambda h: (1.0 - c) * (1.0 - h),
            lambda h: c * (1.0 + h),
            f"{1 - c:.3g} (1-h)",
            f"{c:.3g} (1+h)",
        ),
        "domain": "[-1, 1]",
        "margin": f"sign({1 - c:.3g}-{c:.3g}R)",
        "best_response": lambda ratio: np.sign(1.0 - c - c * ratio),
        "discriminator": (MINIMUM, 2.0 * c, at),
        "zero-sum": {
            "facts": _step_facts(at, -2.0 * c, 0.0),
            "text": {
                "signal": f"-{2 * c:.3g} 1{{R<{at:.3g}}}",
                "curvature": f"atom {2 * c:.2g}, R={at:.2g}",
                "cost_is": "not strict",
            },
        },
        "flipped": {
            "facts": _step_facts(at, 0.0, 2.0 * (1.0 - c)),
            "text": {
                "signal": f"{2 * (1 - c):.3g} 1{{R>{at:.3g}}}",
                "curvature": f"atom {2 * (1 - c):.2g}, R={at:.2g}",
                "cost_is": "not strict",
            },
        },
    }


def _root_row(losses, domain, margin, best_response):
    return {
        "losses": losses,
        "domain": domain,
        "margin": margin,
        "best_response": best_response,
        "discriminator": (GEOMETRIC, 2.0, 0.0),
        "zero-sum": {"facts": _INVERSE_ROOT_FACTS, "text": _INVERSE_ROOT_TEXT},
        "flipped": {"facts": _ROOT_FACTS, "text": _ROOT_TEXT},
    }


def _exponential_row(_):
    losses = (lambda h: np.exp(-h), np.exp, "exp(-h)", "exp(h)")
    return _root_row(losses, "(-inf, inf)", "-.5 log R", lambda ratio: -0.5 * np.log(ratio))


def _boosting_row(_):
    losses = (
        lambda h: np.sqrt((1.0 - h) / (1.0 + h)),
        lambda h: np.sqrt((1.0 + h) / (1.0 - h)),
        "sqrt((1-h)/(1+h))",
        "sqrt((1+h)/(1-h))",
    )
    return _root_row(losses, "(-1, 1)", "(1-R)/(1+R)", _margin)


_SURROGATE_ROWS = {
    "0-1": _zero_one_row,
    "log": _log_row,
    "square": _square_row,
    "cw": _cost_weighted_row,
    "exponential": _exponential_row,
    "boosting": _boosting_row,
}

_BUILDERS = {
    "non-saturating": _non_saturating,
    "minimax": _minimax,
    "maximum-likelihood": _maximum_likelihood,
    "logit": _logit,
    "least-squares": _least_squares,
    "hinge": _hinge,
    "concave": _concave,
    **dict.fromkeys(_SURROGATE_ROWS, _surrogate),
}


# --- kernels: scalars in, scalars out; `code` is a constant wherever they are compiled ------------


@jit
def signal(code, r, a, b, c):
    """u(f*(r)); for code NON_SATURATING r must be finite and > -1 (`log1p_finite`)."""
    if code == NON_SATURATING:
        return log1p_finite(r)
    if code == MINIMAX:
        return -log1p_inverse(r)
    if code == MAXIMUM_LIKELIHOOD:
        return -1.0 / r
    if code == LOGIT:
        return log(r)
    if code == RATIONAL:
        v = (a + b * r) / (1.0 + r)
        return c * v * v
    if code == STEP:
        above = c if r > a else 0.5 * (b + c)
        value = b if r < a else above
        return value if r == r else r
    if code == INVERSE_ROOT:
        return -1.0 / np.sqrt(r)
    return np.sqrt(r)


@jit
def log1p_inverse(r):
    """log(1 + 1/r), also for subnormal r, whose inverse overflows."""
    tiny = r < 1e-300
    scaled = log1p(1.0 / (r * _2_64 if tiny else r))
    return scaled + _LOG_2_64 if tiny else scaled


@jit
def excess(code, r, a, b, c):
    """Phi(r) - Phi(1) - Phi'(1)(r-1), without cancellation near r = 1."""
    d = r - 1.0
    if code == NON_SATURATING:
        return 2.0 * entropy_excess(0.5 * d)
    if code == MINIMAX:
        return two_jensen_shannon(r)
    if code == MAXIMUM_LIKELIHOOD:
        # R - 1 has lost R below 1e-16: log R itself where there is no cancellation
        near = (d > -0.29) & (d < 0.41)
        return log1p_excess(d if near else 0.0) if near else d - log(r)
    if code == LOGIT:
        return entropy_excess(d)
    if code == RATIONAL:
        # u = c (b + (a-b) q)^2, q = 1/(1+r), integrated term by term.
        slope = a - b
        tail = 0.25 * d * (d / (2.0 + d))
        return -c * slope * (2.0 * b * log1p_excess(0.5 * d) + slope * tail)
    if code == STEP:
        if a == 1.0:
            return 0.5 * (c - b) * abs(d)
        beyond = r - a if a > 1.0 else a - r
        value = (c - b) * (beyond if beyond > 0.0 else 0.0)
        return value if r == r else r
    if code == INVERSE_ROOT:
        v = d / (1.0 + np.sqrt(r))
        return v * v
    root = np.sqrt(r)
    v = d / (1.0 + root)
    return v * v * (2.0 * root + 1.0) / 3.0


@jit
def curvature(code, r, a, b, c):
    """Phi''(r)."""
    if code == NON_SATURATING:
        return 1.0 / (1.0 + r)
    if code == MINIMAX:
        return 1.0 / (r * (1.0 + r))
    if code == MAXIMUM_LIKELIHOOD:
        return 1.0 / (r * r)
    if code == LOGIT:
        return 1.0 / r
    if code == RATIONAL:
        one = 1.0 + r
        return 2.0 * c * (b - a) * (a + b * r) / (one * one * one)
    if code == STEP:
        value = np.inf if r == a else 0.0
        return value if r == r else r
    if code == INVERSE_ROOT:
        return 0.5 / (r * np.sqrt(r))
    return 0.5 / np.sqrt(r)


@jit
def discriminator_cost(code, r, a, b, c):
    """l_r(f*(r)) + r l_g(f*(r))."""
    if code == CROSS_ENTROPY:
        return log1p(r) + r * log1p_inverse(r if r != 0.0 else 1.0)
    if code == HARMONIC:
        return a * (r / (1.0 + r))
    if code == MINIMUM:
        value = a * (r if r < b else b)
        return value if r == r else r
    return a * np.sqrt(r)


@jit
def entropy_excess(d):
    """(1+d) log(1+d) - d = R log R - R + 1 with d = R - 1: the summand of KL(p_g||p_r)."""
    # Both branches are computed on arguments that suit them, and one is kept: a loop that calls
    # this stays vector code.
    near = (d > -0.29) & (d < 0.41)
    small = d if near else 0.0
    close = small * small - (1.0 + small) * log1p_excess(small)
    r = 1.0 + d
    far = r * log(r if r != 0.0 else 1.0) - d
    return close if near else far


@jit
def two_jensen_shannon(r):
    """R log(2R/(1+R)) + log(2/(1+R)): the summand of 2 JSD."""
    d = r - 1.0
    near = (d > -0.29) & (d < 0.41)
    small = d if near else 0.0
    close = 0.5 * small * small - (1.0 + small) * log1p_excess(small)
    close = close + (2.0 + small) * log1p_excess(0.5 * small)
    # log(2R/(1+R)) directly, 0 log 0 = 0; R/(1+R) is 1 at infinity.
    share = 2.0 * r / (1.0 + r) if r < 1e300 else 2.0
    far = r * log(share if share != 0.0 else 1.0) - log1p(0.5 * d)
    far = far if r == r else r
    return close if near else far


@cache
def _elementwise(what, code):
    if what == "signal":

        @kernel
        def apply(ratio, out, a, b, c):
            for i in range(ratio.size):
                if code == NON_SATURATING:
                    out[i] = log1p(ratio[i])
                else:
                    out[i] = signal(code, ratio[i], a, b, c)

    elif what == "excess":

        @kernel
        def apply(ratio, out, a, b, c):
            for i in range(ratio.size):
                out[i] = excess(code, ratio[i], a, b, c)

    elif what == "curvature":

        @kernel
        def apply(ratio, out, a, b, c):
            for i in range(ratio.size):
                out[i] = curvature(code, ratio[i], a, b, c)

    else:

        @kernel
        def apply(ratio, out, a, b, c):
            for i in range(ratio.size):
                out[i] = discriminator_cost(code, ratio[i], a, b, c)

    return apply
