"""The losses of both players in the discriminator's logit phi, with their slopes.

A training step needs l_r, l_g and u as functions of what the discriminator's weights add up to, any
real number phi, and their derivatives. f = link(phi) lies in the game's Omega_d:

    Omega_d     link
    (0, 1)      f = sigmoid phi
    (-1, 1)     f = 2 sigmoid phi - 1 = tanh(phi/2)
    R           f = phi
    [-1, 1]     f = phi, clipped to [-1, 1] after every update

In phi five forms cover every row of the table of discriminators, and four every generator's loss:

    cross-entropy   softplus(-phi), softplus(phi)     the log row too: 1 +- h = 2 sigmoid(+-phi)
    quadratic       k (phi - b)^2, k (phi - a)^2      least squares, square
    hinge           max(0, 1 - phi), max(0, 1 + phi)
    exponential     e^(-k phi), e^(k phi)             boosting: k = 1/2
    linear          p (1 - phi), s (1 + phi)          0-1, cost-weighted

    u = a softplus(b x),  a e^(b x),  a x + b,  a (x - b)^2

where x is phi, or f where the generator's game is one of any real f and the discriminator's is not.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan._jit import inlined, jit, kernel
from ratiogan._vmath import exp, log, log1p_unit
from ratiogan.catalogue import GAMES
from ratiogan.errors import InputError
from ratiogan.games import Game
from ratiogan.games import game as make_game
from ratiogan.spec import resolve

CROSS_ENTROPY, QUADRATIC, HINGE, EXPONENTIAL, LINEAR = range(5)
SOFTPLUS, EXP, AFFINE, SQUARE = range(4)
IDENTITY, SIGMOID, TANH = range(3)
_NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Logits:
    """The two losses of a game and a generator's loss, in the logit; make it with `logits`.

    All methods are elementwise in phi.

    Attributes
    ----------
    game, gen_game : Game
        Whose discriminator's losses, and whose generator's loss, these are.
    disc : (int, (float, float, float)) or None
        Form and parameters of l_r and l_g for the kernels; None for your own game.
    gen : (int, int, float, float) or None
        Form, link, and parameters of u for the kernels; None if either game is your own.
    clip : float
        phi is clipped to [-clip, clip]; inf where f is any real number.

    Examples
    --------
    >>> both = logits("non-saturating")
    >>> both.slope_real(np.array([0.0])), both.generator_slope(np.array([0.0]))
    (array([-0.5]), array([-0.5]))
    """

    game: Game
    gen_game: Game
    disc: tuple | None
    gen: tuple | None
    clip: float
    _link: object = field(repr=False)

    def link(self, phi):
        """f, in the Omega_d of the game."""
        return self._link.value(np.asarray(phi, dtype=float))

    def unlink(self, f):
        """The logit of f: infinite at the ends of Omega_d."""
        return self._link.inverse(np.asarray(f, dtype=float))

    def loss_real(self, phi):
        """l_r, the discriminator's loss on real data."""
        return self._disc_values(phi, True)

    def loss_gen(self, phi):
        """l_g, the discriminator's loss on generated data."""
        return self._disc_values(phi, False)

    def slope_real(self, phi):
        """dl_r/dphi."""
        return self._disc_slopes(phi)[0]

    def slope_gen(self, phi):
        """dl_g/dphi."""
        return self._disc_slopes(phi)[1]

    def curvatures(self, phi):
        """d^2 l_r/dphi^2 and d^2 l_g/dphi^2; 0 between the corners of hinge and 0-1."""
        phi = np.asarray(phi, dtype=float)
        if self.disc is None:
            step = 6e-6 * np.maximum(1.0, np.abs(phi))
            above, below = self._disc_slopes(phi + step), self._disc_slopes(phi - step)
            return tuple((a - b) / (2.0 * step) for a, b in zip(above, below, strict=True))
        form, (p, _, _) = self.disc
        if form == CROSS_ENTROPY:
            share = _Link("(0, 1)").slope(phi)
            return share, share.copy()
        if form == EXPONENTIAL:
            return p * p * np.exp(-p * phi), p * p * np.exp(p * phi)
        flat = np.full_like(phi, 2.0 * p if form == QUADRATIC else 0.0)
        return flat, flat.copy()

    def generator_loss(self, phi):
        """u, the generator's loss on its own data."""
        phi = np.ascontiguousarray(phi, dtype=float)
        if self.gen is None:
            return np.asarray(self.gen_game.generator_loss(self._link.value(phi)))
        out = np.empty(phi.size)
        generator_values(*self.gen, phi.reshape(-1), out)
        return out.reshape(phi.shape)

    def generator_slope(self, phi):
        """du/dphi."""
        phi = np.ascontiguousarray(phi, dtype=float)
        if self.gen is None:
            own = self.gen_game.own_slopes
            f = self._link.value(phi)
            slope = _central(self.gen_game.generator_loss, f) if own is None else own(f)[2]
            return slope * self._link.slope(phi)
        out = np.empty(phi.size)
        generator_slopes(*self.gen, phi.reshape(-1), out)
        return out.reshape(phi.shape)

    def best(self, ratio):
        """The logit of the best response to R; infinite where R is 0 or infinite."""
        ratio = np.ascontiguousarray(ratio, dtype=float)
        if self.disc is None:
            return self._link.inverse(self.game.best_response(ratio))
        out = np.empty(ratio.size)
        best_logits(*self.disc, ratio.reshape(-1), out)
        return out.reshape(ratio.shape)

    def _disc_values(self, phi, real):
        phi = np.ascontiguousarray(phi, dtype=float)
        if self.disc is None:
            f = self._link.value(phi)
            return np.asarray(self.game.loss_real(f) if real else self.game.loss_gen(f))
        out = np.empty(phi.size)
        disc_values(*self.disc, phi.reshape(-1), real, out)
        return out.reshape(phi.shape)

    def _disc_slopes(self, phi):
        phi = np.ascontiguousarray(phi, dtype=float)
        if self.disc is None:
            f, rise = self._link.value(phi), self._link.slope(phi)
            real, gen, _ = self.game.own_slopes(f)
            return real * rise, gen * rise
        real, gen = np.empty(phi.size), np.empty(phi.size)
        disc_slopes(*self.disc, phi.reshape(-1), real, gen)
        return real.reshape(phi.shape), gen.reshape(phi.shape)


def logits(game, gen_loss=None):
    """The losses of a game in the discriminator's logit, the generator's from another on request.

    Parameters
    ----------
    game : str or Game
        The discriminator's game.
    gen_loss : str or Game, optional
        The game whose generator's loss u is used. Its u must be a function of the same f: a game
        of the same Omega_d, or one of any real f.

    Returns
    -------
    Logits

    Raises
    ------
    InputError
        If u of `gen_loss` is no function of this discriminator's f.
    """
    game = make_game(game)
    gen_game = game if gen_loss is None else make_game(gen_loss)
    row, other = _row_of(game), _row_of(gen_game)
    link = _Link(game.domain if row is None else row["domain"])
    gen = None
    if row is not None and other is not None:
        if other["domain"] == row["domain"]:
            gen = (other["gen"][0], IDENTITY, *other["gen"][1:])
        elif other["domain"] in ("R", "[-1, 1]"):
            gen = (other["gen"][0], link.code, *other["gen"][1:])
    if gen_game is not game and gen is None and not _covers(gen_game, game):
        raise InputError(
            f"gen_loss {gen_game.spec} is a loss of f in {gen_game.domain}, the discriminator of "
            f"{game.spec} gives f in {game.domain}.",
            argument="gen_loss",
            fix="Take a generator's loss of the same domain, or least-squares.",
        )
    return Logits(
        game=game,
        gen_game=gen_game,
        disc=None if row is None else row["disc"],
        gen=gen,
        clip=1.0 if row is not None and row["domain"] == "[-1, 1]" else math.inf,
        _link=link,
    )


def _covers(gen_game, game):
    """Whether one of them is somebody's own, and its u takes the other's f."""
    if _row_of(gen_game) is not None and _row_of(game) is not None:
        return False
    (low, high), (least, most) = (_ends(one.domain) for one in (gen_game, game))
    return low <= least and most <= high


def _ends(domain):
    """Both ends of a domain as the table writes it."""
    words = {"R": "(-inf, inf)"}.get(domain, domain).strip("()[]").split(",")
    return tuple(float(word) for word in words)


class _Link:
    """phi -> f onto a domain, its slope, and its inverse."""

    def __init__(self, domain):
        self.low, self.high = _ends(domain)
        if domain == "[-1, 1]":
            self.low, self.high = -math.inf, math.inf  # the clip keeps it inside
        self.code = {(0.0, 1.0): SIGMOID, (-1.0, 1.0): TANH}.get((self.low, self.high), IDENTITY)

    def value(self, phi):
        low, high = self.low, self.high
        with np.errstate(over="ignore"):
            if math.isfinite(low) and math.isfinite(high):
                small = np.exp(-np.abs(phi))
                share = np.where(phi < 0, small, 1.0) / (1.0 + small)
                return low + (high - low) * share
            if math.isfinite(low):
                return low + np.exp(phi)
            return high - np.exp(-phi) if math.isfinite(high) else phi

    def slope(self, phi):
        with np.errstate(over="ignore"):
            if math.isfinite(self.low) and math.isfinite(self.high):
                small = np.exp(-np.abs(phi))
                return (self.high - self.low) * small / (1.0 + small) ** 2
            if math.isfinite(self.low):
                return np.exp(phi)
            return np.exp(-phi) if math.isfinite(self.high) else np.ones_like(phi)

    def inverse(self, f):
        low, high = self.low, self.high
        with np.errstate(divide="ignore"):
            if math.isfinite(low) and math.isfinite(high):
                return np.log(f - low) - np.log(high - f)
            if math.isfinite(low):
                return np.log(f - low)
            return -np.log(high - f) if math.isfinite(high) else np.asarray(f, dtype=float)


def _central(function, f):
    """Central difference of a built-in loss that stands beside somebody's own discriminator."""
    step = 6e-6 * np.maximum(1.0, np.abs(f))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (function(f + step) - function(f - step)) / (2.0 * step)


def _row_of(game):
    """Forms and parameters of a game of the table; None for your own."""
    if game.own_slopes is not None:
        return None
    found = resolve(game.spec, GAMES, "game", "ratiogan games")
    return _ROWS[found.name](found.options)


def _cross_entropy(gen, domain="(0, 1)"):
    return {"domain": domain, "disc": (CROSS_ENTROPY, _NONE), "gen": gen}


def _least_squares(o):
    a, b, c = (float(o[key]) for key in "abc")
    return {"domain": "R", "disc": (QUADRATIC, (0.5, b, a)), "gen": (SQUARE, 0.5, c)}


def _concave(o):
    if o["f"] == "logistic":
        return _cross_entropy((SOFTPLUS, -1.0, 1.0), "R")
    return {"domain": "R", "disc": (EXPONENTIAL, (1.0, 0.0, 0.0)), "gen": (EXP, -1.0, 1.0)}


def _log(o):
    return _cross_entropy((SOFTPLUS, *_either(o, (-1.0, 1.0), (1.0, -1.0))), "(-1, 1)")


def _square(o):
    gen = (SQUARE, *_either(o, (-1.0, -1.0), (1.0, 1.0)))
    return {"domain": "R", "disc": (QUADRATIC, (1.0, 1.0, -1.0)), "gen": gen}


def _exponential(o, scale=1.0, domain="R"):
    gen = (EXP, *_either(o, (-1.0, scale), (1.0, -scale)))
    return {"domain": domain, "disc": (EXPONENTIAL, (scale, 0.0, 0.0)), "gen": gen}


def _steps(o, plus, minus):
    gen = (AFFINE, *_either(o, (-minus, -minus), (-plus, plus)))
    return {"domain": "[-1, 1]", "disc": (LINEAR, (plus, minus, 0.0)), "gen": gen}


def _either(o, zero_sum, flipped):
    return flipped if o["generator"] == "flipped" else zero_sum


_ROWS = {
    "non-saturating": lambda o: _cross_entropy((SOFTPLUS, 1.0, -1.0)),
    "minimax": lambda o: _cross_entropy((SOFTPLUS, -1.0, 1.0)),
    "maximum-likelihood": lambda o: _cross_entropy((EXP, -1.0, 1.0)),
    "logit": lambda o: _cross_entropy((AFFINE, -1.0, 0.0)),
    "least-squares": _least_squares,
    "hinge": lambda o: {"domain": "R", "disc": (HINGE, _NONE), "gen": (AFFINE, -1.0, 0.0)},
    "concave": _concave,
    "0-1": lambda o: _steps(o, 0.5, 0.5),
    "log": _log,
    "square": _square,
    "cw": lambda o: _steps(o, 1.0 - float(o["c"]), float(o["c"])),
    "exponential": _exponential,
    "boosting": lambda o: _exponential(o, 0.5, "(-1, 1)"),
}


# --- kernels: the form is chosen outside the loops, which stay vector code ------------------------


@jit
def sigmoid(x):
    """1/(1 + e^-x), without overflow."""
    small = exp(-abs(x))
    return (1.0 if x >= 0.0 else small) / (1.0 + small)


@jit
def softplus(x):
    """log(1 + e^x) = -log sigmoid(-x)."""
    return softplus_of(x, exp(-abs(x)))


@jit
def softplus_of(x, small):
    """`softplus` where e^-|x| is known."""
    return (x if x > 0.0 else 0.0) + log1p_unit(small)


@jit
def logistic_slopes(x, small):
    """-sigmoid(-x) and sigmoid(x), where e^-|x| is known: the slopes of cross-entropy."""
    share = 1.0 / (1.0 + small)
    rest = small * share
    return -(rest if x >= 0.0 else share), share if x >= 0.0 else rest


@jit
def slope_pair(form, p, q, s, x):
    """dl_r/dphi and dl_g/dphi at x; `form` is a constant wherever this is compiled."""
    if form == CROSS_ENTROPY:
        return logistic_slopes(x, exp(-abs(x)))
    if form == QUADRATIC:
        return 2.0 * p * (x - q), 2.0 * p * (x - s)
    if form == HINGE:
        # At a kink the mean of both sides; NaN stays NaN.
        real = -0.5 if x == 1.0 else 0.0 if x > 1.0 else -1.0
        gen = 0.5 if x == -1.0 else 0.0 if x < -1.0 else 1.0
        return real + 0.0 * x, gen + 0.0 * x
    if form == EXPONENTIAL:
        return -p * exp(-p * x), p * exp(p * x)
    return -p + 0.0 * x, q + 0.0 * x


@jit
def generator_value(form, a, b, x):
    """u at x; `form` is a constant wherever this is compiled."""
    if form == SOFTPLUS:
        return a * softplus(b * x)
    if form == EXP:
        return a * exp(b * x)
    if form == AFFINE:
        return a * x + b
    off = x - b
    return a * off * off


@kernel
def disc_values(form, parameters, phi, real, out):
    """l_r (`real`) or l_g, into `out`."""
    p, q, s = parameters
    sign = -1.0 if real else 1.0
    if form == CROSS_ENTROPY:
        for i in range(phi.size):
            out[i] = softplus(sign * phi[i])
    elif form == QUADRATIC:
        target = q if real else s
        for i in range(phi.size):
            off = phi[i] - target
            out[i] = p * off * off
    elif form == HINGE:
        for i in range(phi.size):
            x = 1.0 + sign * phi[i]
            out[i] = 0.0 if x < 0.0 else x
    elif form == EXPONENTIAL:
        for i in range(phi.size):
            out[i] = exp(sign * p * phi[i])
    else:
        weight = p if real else q
        for i in range(phi.size):
            out[i] = weight * (1.0 + sign * phi[i])


@inlined
def disc_slopes(form, parameters, phi, real, gen):
    """dl_r/dphi and dl_g/dphi, into `real` and `gen`."""
    p, q, s = parameters
    if form == CROSS_ENTROPY:
        for i in range(phi.size):
            real[i], gen[i] = slope_pair(CROSS_ENTROPY, p, q, s, phi[i])
    elif form == QUADRATIC:
        for i in range(phi.size):
            real[i], gen[i] = slope_pair(QUADRATIC, p, q, s, phi[i])
    elif form == HINGE:
        for i in range(phi.size):
            real[i], gen[i] = slope_pair(HINGE, p, q, s, phi[i])
    elif form == EXPONENTIAL:
        for i in range(phi.size):
            real[i], gen[i] = slope_pair(EXPONENTIAL, p, q, s, phi[i])
    else:
        for i in range(phi.size):
            real[i], gen[i] = slope_pair(LINEAR, p, q, s, phi[i])


@kernel
def best_logits(form, parameters, ratio, out):
    """The logit that minimises l_r + R l_g, into `out`."""
    p, q, s = parameters
    if form == CROSS_ENTROPY:
        for i in range(ratio.size):
            out[i] = -log(ratio[i])
    elif form == QUADRATIC:
        for i in range(ratio.size):
            out[i] = (q + s * ratio[i]) / (1.0 + ratio[i])
    elif form == EXPONENTIAL:
        for i in range(ratio.size):
            out[i] = -log(ratio[i]) / (2.0 * p)
    else:
        low, high = (1.0, 1.0) if form == HINGE else (p, q)
        for i in range(ratio.size):
            gain = low - high * ratio[i]
            out[i] = 0.0 * gain + (0.0 if gain == 0.0 else 1.0 if gain > 0.0 else -1.0)


@inlined
def _linked(link, phi, out):
    """x = link(phi), into `out`."""
    if link == SIGMOID:
        for i in range(phi.size):
            out[i] = sigmoid(phi[i])
    elif link == TANH:
        for i in range(phi.size):
            out[i] = 2.0 * sigmoid(phi[i]) - 1.0
    else:
        for i in range(phi.size):
            out[i] = phi[i]


@inlined
def generator_values(form, link, a, b, phi, out):
    """u, into `out`."""
    _linked(link, phi, out)
    if form == SOFTPLUS:
        for i in range(phi.size):
            out[i] = generator_value(SOFTPLUS, a, b, out[i])
    elif form == EXP:
        for i in range(phi.size):
            out[i] = generator_value(EXP, a, b, out[i])
    elif form == AFFINE:
        for i in range(phi.size):
            out[i] = generator_value(AFFINE, a, b, out[i])
    else:
        for i in range(phi.size):
            out[i] = generator_value(SQUARE, a, b, out[i])


@kernel
def generator_slopes(form, link, a, b, phi, out):
    """du/dphi, into `out`."""
    _linked(link, phi, out)
    if form == SOFTPLUS:
        for i in range(phi.size):
            out[i] = a * b * sigmoid(b * out[i])
    elif form == EXP:
        for i in range(phi.size):
            out[i] = a * b * exp(b * out[i])
    elif form == AFFINE:
        for i in range(phi.size):
            out[i] = a + 0.0 * out[i]
    else:
        for i in range(phi.size):
            out[i] = 2.0 * a * (out[i] - b)
    if link != IDENTITY:
        scale = 1.0 if link == SIGMOID else 2.0
        for i in range(phi.size):
            share = sigmoid(phi[i])
            out[i] *= scale * share * sigmoid(-phi[i])
