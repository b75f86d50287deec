"""First-order optimizers: sgd, momentum, rmsprop and adam, as their papers and PyTorch have them.

Each turns a gradient g into a direction and moves the weights by minus `rate` times it:

    sgd        g
    momentum   m,  m <- beta m + g
    rmsprop    g/(sqrt v + eps),  v <- rho v + (1 - rho) g^2
    adam       m^/(sqrt v^ + eps),  m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
               m^ = m/(1 - beta1^t),  v^ = v/(1 - beta2^t) at the t-th step

m and v begin at 0. A gradient that does not change gives rmsprop and adam a direction of size 1
whatever its own size (as long as that is well above eps); but rmsprop, which takes nothing off for
v = 0 at the start, begins with steps of 1/sqrt(1 - rho) = 10.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan._jit import inlined, jit
from ratiogan.catalogue import OPTIMIZERS
from ratiogan.errors import InputError, check_number
from ratiogan.spec import Spec, resolve

SGD, MOMENTUM, RMSPROP, ADAM = range(4)
_CODES = {"sgd": SGD, "momentum": MOMENTUM, "rmsprop": RMSPROP, "adam": ADAM}


@dataclass(frozen=True)
class Optimizer:
    """One rule with its constants; it holds no state, see `Memory`.

    Attributes
    ----------
    name : str
        sgd, momentum, rmsprop or adam.
    constants : tuple of 3 floats
        What the kernel takes: two factors of memory in [0, 1), and eps > 0; 0 where the rule has
        none. Without them the rule's defaults.

    Raises
    ------
    InputError
        For an unknown name, and constants that are none.

    Examples
    --------
    >>> Optimizer("rmsprop")
    Optimizer(name='rmsprop', constants=(0.99, 0.0, 1e-08))
    """

    name: str
    constants: tuple = None

    def __post_init__(self):
        found = resolve(str(self.name), OPTIMIZERS, "optimizer", "ratiogan list optimizers")
        if self.name not in _CODES:
            raise InputError(
                f"Optimizer takes a name without parameters, got {str(self.name)!r}.",
                argument="optimizer",
                fix=f"Write optimizer({str(self.name)!r}).",
            )
        given = self.constants
        if given is None:
            given = _as_three(found.options)
        try:
            a, b, eps = given
        except (TypeError, ValueError):
            raise InputError(
                f"constants of {self.name} must be 3 numbers, got {given!r}.",
                argument="optimizer",
                fix="Write optimizer(SPEC), which puts them in order.",
            ) from None
        for key, value in zip(found.options, _in_order(self.name, (a, b, eps)), strict=True):
            value = check_number(key, value)
            if key == "eps" and not value > 0:
                raise InputError(
                    f"eps of {self.name} must be above 0, got {value:g}.",
                    argument="optimizer",
                    fix="A gradient that was always 0 would give 0/0.",
                )
            if key != "eps" and not 0 <= value < 1:
                raise InputError(
                    f"{key} of {self.name} must be at least 0 and below 1, got {value:g}.",
                    argument="optimizer",
                )
        object.__setattr__(self, "constants", (float(a), float(b), float(eps)))

    @property
    def code(self):
        """The number by which the kernel knows the rule."""
        return _CODES[self.name]

    @property
    def spec(self):
        """NAME:key=value, with what differs from the default."""
        keys = tuple(OPTIMIZERS[self.name].defaults)
        values = dict(zip(keys, _in_order(self.name, self.constants), strict=True))
        given = {k: v for k, v in values.items() if v != OPTIMIZERS[self.name].defaults[k]}
        return str(Spec(self.name, given))

    def steps_to(self, distance):
        """How many steps of rate 1 it takes to move by `distance` along an unchanging gradient.

        Well above eps. For sgd and momentum, whose steps are as long as the gradient, NaN.

        Examples
        --------
        >>> optimizer("rmsprop").steps_to(200.0), optimizer("adam").steps_to(200.0)
        (98, 200)
        """
        if self.name == "adam":
            return math.ceil(distance)
        if self.name != "rmsprop" or not math.isfinite(distance):
            return math.nan
        rho, gone, steps = self.constants[0], 0.0, 0
        while gone < distance * (1.0 - 1e-12):
            steps += 1
            gone += 1.0 / math.sqrt(1.0 - rho**steps)
            if rho**steps < 1e-17:
                return steps + math.ceil(distance - gone)
        return steps


def optimizer(spec):
    """The `Optimizer` of a spec such as ``rmsprop`` or ``adam:beta1=0.5``.

    Parameters
    ----------
    spec : str or Optimizer

    Returns
    -------
    Optimizer

    Raises
    ------
    InputError
        If the name or a key is unknown; for factors outside [0, 1), and eps that is not above 0.

    References
    ----------
    Polyak 1964; Tieleman and Hinton 2012, "Lecture 6.5: RMSProp"; Kingma and Ba 2015, "Adam: a
    method for stochastic optimization", algorithm 1.

    Examples
    --------
    >>> optimizer("adam:beta1=0.5")
    Optimizer(name='adam', constants=(0.5, 0.999, 1e-08))
    """
    if isinstance(spec, Optimizer):
        return spec
    found = resolve(str(spec), OPTIMIZERS, "optimizer", "ratiogan list optimizers")
    return Optimizer(found.name, _as_three(found.options))


def _as_three(options):
    """The constants by name as the kernel takes them."""
    kept = [value for key, value in options.items() if key != "eps"]
    return (*(*kept, 0.0, 0.0)[:2], options.get("eps", 0.0))


def _in_order(name, constants):
    """The constants of a rule in the order of its keys."""
    first, second, eps = constants
    return {"sgd": (), "momentum": (first,), "rmsprop": (first, eps)}.get(
        name, (first, second, eps)
    )


class Memory:
    """What an optimizer remembers of earlier gradients: m and v, and how many there were.

    Parameters
    ----------
    size : int
        Number of weights.
    """

    __slots__ = ("count", "first", "second")

    def __init__(self, size):
        self.first = np.zeros(size)
        self.second = np.zeros(size)
        self.count = np.zeros(1, dtype=np.int64)


def update(rule, rate, gradient, weights, memory, clip=math.inf):
    """Move `weights` by minus `rate` times the direction of `rule`, in place.

    Parameters
    ----------
    rule : Optimizer
    rate : float
        The learning rate; a negative one ascends.
    gradient, weights : array (N,)
        In one unit: the direction of rmsprop and adam has none.
    memory : Memory
        Of N weights, changed in place.
    clip : float
        Afterwards weights are clipped to [-clip, clip].

    Examples
    --------
    >>> weights, memory = np.zeros(2), Memory(2)
    >>> update(optimizer("rmsprop"), 0.01, np.array([3.0, -5e-4]), weights, memory)
    >>> weights.round(4)
    array([-0.1,  0.1])
    """
    descend(
        rule.code, rule.constants, rate, gradient, weights, memory.first, memory.second,
        memory.count, clip,
    )  # fmt: skip


# --- kernels -------------------------------------------------------------------------------------


@jit
def direction(code, a, b, scale, eps, g, m, v):
    """Where one weight goes per rate, and its new m and v; `code` is a constant where compiled.

    `scale` and `eps` are those of `unbiased`.
    """
    if code == SGD:
        return g, m, v
    if code == MOMENTUM:
        m = a * m + g
        return m, m, v
    if code == RMSPROP:
        v = a * v + (1.0 - a) * g * g
        return g / (math.sqrt(v) + eps), m, v
    m = a * m + (1.0 - a) * g
    v = b * v + (1.0 - b) * g * g
    return scale * m / (math.sqrt(v) + eps), m, v


@jit
def unbiased(code, a, b, eps, count):
    """What adam's m^/(sqrt v^ + eps) at the `count`-th step is to m/(sqrt v + eps): a factor, eps.

    1 and eps itself for the other rules.
    """
    if code != ADAM:
        return 1.0, eps
    # beta^t through its logarithm: a power takes as long as a hundred cells. 0^t is 0.
    log_a = math.log(a) if a > 0.0 else -math.inf
    log_b = math.log(b) if b > 0.0 else -math.inf
    root = math.sqrt(-math.expm1(count * log_b))
    return -root / math.expm1(count * log_a), eps * root


@jit
def clipped(x, clip):
    """x in [-clip, clip]; NaN stays NaN."""
    x = clip if x > clip else x
    return -clip if x < -clip else x


@inlined
def descend(code, constants, rate, gradient, weights, first, second, count, clip):
    """One step in place. The rule is chosen outside the loops, which stay vector code."""
    a, b, eps = constants
    count[0] += 1
    scale, eps = unbiased(code, a, b, eps, count[0])
    if code == SGD:
        for i in range(weights.size):
            weights[i] = clipped(weights[i] - rate * gradient[i], clip)
    elif code == MOMENTUM:
        for i in range(weights.size):
            way, first[i], _ = direction(MOMENTUM, a, b, 1.0, eps, gradient[i], first[i], 0.0)
            weights[i] = clipped(weights[i] - rate * way, clip)
    elif code == RMSPROP:
        for i in range(weights.size):
            way, _, second[i] = direction(RMSPROP, a, b, 1.0, eps, gradient[i], 0.0, second[i])
            weights[i] = clipped(weights[i] - rate * way, clip)
    else:
        for i in range(weights.size):
            way, first[i], second[i] = direction(
                ADAM, a, b, scale, eps, gradient[i], first[i], second[i]
            )
            weights[i] = clipped(weights[i] - rate * way, clip)
