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

from ratiogan._jit import kernel
from ratiogan.catalogue import OPTIMIZERS
from ratiogan.errors import InputError, check_number
from ratiogan.spec import Spec, resolve

_CODES = {"sgd": 0, "momentum": 1, "rmsprop": 2, "adam": 3}


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


@kernel
def descend(code, constants, rate, gradient, weights, first, second, count, clip):
    """One step in place. The rule is chosen outside the loops, which stay vector code."""
    # Clipping is written so that NaN stays NaN.
    a, b, eps = constants
    count[0] += 1
    if code == 0:
        for i in range(weights.size):
            x = weights[i] - rate * gradient[i]
            x = clip if x > clip else x
            weights[i] = -clip if x < -clip else x
    elif code == 1:
        for i in range(weights.size):
            m = a * first[i] + gradient[i]
            first[i] = m
            x = weights[i] - rate * m
            x = clip if x > clip else x
            weights[i] = -clip if x < -clip else x
    elif code == 2:
        for i in range(weights.size):
            g = gradient[i]
            v = a * second[i] + (1.0 - a) * g * g
            second[i] = v
            x = weights[i] - rate * g / (math.sqrt(v) + eps)
            x = clip if x > clip else x
            weights[i] = -clip if x < -clip else x
    else:
        grown = 1.0 / (1.0 - a ** float(count[0]))
        spread = 1.0 / (1.0 - b ** float(count[0]))
        for i in range(weights.size):
            g = gradient[i]
            m = a * first[i] + (1.0 - a) * g
            v = b * second[i] + (1.0 - b) * g * g
            first[i] = m
            second[i] = v
            x = weights[i] - rate * (m * grown) / (math.sqrt(v * spread) + eps)
            x = clip if x > clip else x
            weights[i] = -clip if x < -clip else x
