"""The built-in fields, each a game from the literature, and the way to one of your own.

V is what the discriminator maximises. Velocities are (theta_G', theta_D') = (-grad_G of the
generator's loss, grad_D V). Sources: slides "Challenges for GAN Optimization" (xy), slides
"Gradient Descent GAN Optimization is Locally Stable" and Nagarajan and Kolter 2017 (uniform,
linear-quadratic, linear pair), Mescheder, Geiger and Nowozin 2018 (Dirac-GAN, its regularisers).
"""

import math

import numpy as np

from ratiogan.catalogue import FIELDS
from ratiogan.dynamics import grid_game, march, matrix_games
from ratiogan.dynamics.vector_field import Conserved, Field, field_of
from ratiogan.errors import (
    InputError,
    InputTypeError,
    check_choice,
    check_integer,
    check_not_negative,
    check_number,
    check_positive,
)
from ratiogan.spec import Spec, is_own_code, load_object, parse, resolve

LOSSES = {"logistic": march.LOGISTIC, "linear": march.LINEAR, "exponential": march.EXPONENTIAL}
DIRAC_LOSSES = {
    "gan": ("logistic", True),
    "non-saturating": ("logistic", False),
    "wgan": ("linear", True),
    "exponential": ("exponential", True),
}
# What each regulariser of the Dirac-GAN takes.
_USED = {
    "none": (), "r1": ("gamma",), "r2": ("gamma",), "gp": ("gamma", "target"),
    "noise": ("sigma",), "clip": ("clip",), "consensus": ("gamma",), "gradient-norm": ("eta",),
}  # fmt: skip
REGULARISERS = tuple(_USED)


def field(spec, **parameters):
    """The field named by `spec`, or your own.

    Parameters
    ----------
    spec : str, Field or callable
        ``"dirac:loss=gan,reg=r1,gamma=0.5"``, ``"path/to/file.py:NAME"`` (a `Field`, or a function
        ``velocity(z)``), a `Field`, which is returned as it is, or a function.
    **parameters
        Override those in `spec`; for a function of your own, arguments of `field_of`.

    Returns
    -------
    Field

    Raises
    ------
    InputError
        For an unknown name or parameter, with the nearest names.

    Examples
    --------
    >>> field("dirac:loss=wgan").spec
    'dirac:loss=wgan,reg=none'
    """
    if isinstance(spec, Field):
        return spec
    if callable(spec):
        return field_of(spec, **{"name": getattr(spec, "__name__", "own"), **parameters})
    if not isinstance(spec, (str, Spec)):
        raise InputTypeError(
            f"a field must be a name, a Field or a function, got {type(spec).__name__}.",
            argument="field",
            fix="See: ratiogan list fields",
        )
    if is_own_code(spec) and ":" not in str(spec).rpartition(".py:")[0]:
        thing = load_object(spec)
        if isinstance(thing, Field):
            return thing
        return field_of(thing, **{"name": str(spec), **parameters})
    given = parse(spec)
    game = parameters.pop("game", None) if given.name == "nonparametric" else None
    resolve(given, FIELDS, "field", "ratiogan list fields", **parameters)
    if game is not None:
        parameters["game"] = game
    return _BUILDERS[given.name](**{**given.options, **parameters})


def bilinear(matrix=1.0, rows=None):
    """The xy game, V = x^T A y: x minimises, y maximises.

    Simultaneous steps multiply the radius by sqrt(1 + alpha^2) (for A = 1), alternating ones keep
    x^2 + y^2 - alpha x y; only the flow runs in circles.

    Parameters
    ----------
    matrix : array-like
        A, of any shape (m, n), or its entries row by row where `rows` is given (on the command
        line separated by ``/``). A number stands for a matrix of one entry.
    rows : int, optional
        Of a flat `matrix`; default the square root of its length.

    References
    ----------
    Slides "Challenges for GAN Optimization", f = x y; Gidel et al. 2019.

    Examples
    --------
    >>> bilinear().jacobian([0, 0])
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    entries = _matrix(matrix, rows)
    m, n = entries.shape
    one = entries.size == 1
    options = {} if one and entries[0, 0] == 1 else {"matrix": tuple(entries.ravel().tolist())}
    if m != n and options:
        options["rows"] = m
    names = ("x", "y") if one else (*_numbered("x", m), *_numbered("y", n))
    return Field(
        spec=str(Spec("bilinear", options)),
        summary="the xy game, V = x^T A y",
        formula="x' = -y, y' = x" if one else "x' = -A y, y' = A^T x",
        coordinates=names,
        n_gen=m,
        start=np.ones(m + n),
        equilibria=(np.zeros(m + n),),
        conserved=Conserved(
            "x^2 + y^2" if one else "|x|^2 + |y|^2", lambda z: np.sum(np.square(z), axis=-1)
        ),
        kernel=(march.BILINEAR, np.array([m, n, *entries.ravel()], dtype=float)),
    )


def dirac(loss="gan", reg="none", gamma=1.0, sigma=1.0, target=1.0, clip=1.0, eta=1.0):
    """The Dirac-GAN: p_g is a point at theta, p_r the point 0, D(x) = psi x.

    V = f(theta psi) + f(0), up to the sign of the argument, with f(t) = -log(1 + e^-t) (``gan``,
    ``non-saturating``), f(t) = t (``wgan``) or -e^-t (``exponential``). The flow without penalty
    runs in circles: J has the eigenvalues +- f'(0) i.

    Parameters
    ----------
    loss : str
        ``gan``, ``non-saturating`` (the generator ascends f(-theta psi) instead), ``wgan``,
        ``exponential``.
    reg : str
        ``none``; ``r1`` and ``r2`` (the same here), gamma psi^2/2; ``gp``, gamma
        (\\|psi\\| - target)^2/2, which has no Jacobian at psi = 0; ``noise`` of sd sigma on both
        distributions; ``clip``, \\|psi\\| <= clip; ``consensus`` gamma \\|v\\|^2/2 of both;
        ``gradient-norm`` eta \\|grad_D V\\|^2 for the generator.
    gamma, sigma, target, clip, eta : float
        Parameters of the regularisers named above.

    References
    ----------
    Mescheder, Geiger and Nowozin 2018, "Which training methods for GANs do actually converge?",
    section 2 and appendix.

    Examples
    --------
    >>> dirac(loss="gan", reg="r1", gamma=0.5).jacobian([0, 0])
    array([[ 0. , -0.5],
           [ 0.5, -0.5]])
    """
    check_choice("loss", loss, tuple(DIRAC_LOSSES))
    check_choice("reg", reg, REGULARISERS)
    form, saturating = DIRAC_LOSSES[loss]
    values = {
        "gamma": check_not_negative("gamma", gamma),
        "sigma": check_not_negative("sigma", sigma),
        "target": check_not_negative("target", target),
        "clip": check_positive("clip", clip),
        "eta": check_not_negative("eta", eta),
    }
    used = _USED[reg]
    idle = [name for name in values if name not in used and values[name] != 1.0]
    if idle:
        raise InputError(
            f"{idle[0]} plays no part in dirac with reg={reg}.",
            argument=idle[0],
            fix=f"Leave it out, or take a reg that has it{_which(idle[0])}.",
        )
    penalty = {"r1": march.SQUARED_SLOPE, "r2": march.SQUARED_SLOPE}.get(reg, march.FREE)
    strength = values["gamma"]
    if reg == "gp":
        penalty = march.SLOPE_TO_TARGET
    elif reg == "noise":
        penalty, strength = march.NOISE, values["sigma"]
    parameters = np.array([LOSSES[form], float(saturating), penalty, strength, values["target"]])
    options = {"loss": loss, "reg": reg, **{name: values[name] for name in used}}
    argument = "theta psi" if saturating else "-theta psi"
    slope = {"logistic": "1/(1 + e^t)", "linear": "1", "exponential": "e^-t"}[form]
    terms = {
        "r1": " - gamma psi", "r2": " - gamma psi", "gp": " - gamma (|psi| - target) sign psi",
        "noise": ", both averaged over the noise", "clip": ", |psi| clipped",
        "consensus": ", both less gamma J^T v", "gradient-norm": ", theta' less eta grad |psi'|^2",
    }.get(reg, "")  # fmt: skip
    bound = values["clip"] if reg == "clip" else np.inf
    free = reg == "none" and saturating
    return Field(
        spec=str(Spec("dirac", options)),
        summary="Dirac-GAN: p_g a point at theta, p_r the point 0, D(x) = psi x",
        formula=f"theta' = -psi f'({argument}), psi' = theta f'(theta psi){terms}; f'(t) = {slope}",
        coordinates=("theta", "psi"),
        n_gen=1,
        start=np.array([1.0, min(1.0, bound)]),
        equilibria=(np.zeros(2),),
        zero_sum=saturating,
        conserved=Conserved("theta^2 + psi^2", lambda z: np.sum(np.square(z), axis=-1))
        if free
        else None,
        eta=values["eta"] if reg == "gradient-norm" else 0.0,
        consensus=values["gamma"] if reg == "consensus" else 0.0,
        lower=np.array([-np.inf, -bound]),
        upper=np.array([np.inf, bound]),
        bare=None if reg in ("none", "clip") else dirac(loss),
        damping="noise" if reg == "noise" else "penalty",
        matched="theta = 0 puts the point of p_g onto that of p_r, and psi = 0 makes D = 0",
        kernel=(march.DIRAC, parameters),
        kink=_kink_of_slope_penalty
        if reg == "gp" and values["gamma"] and values["target"]
        else None,
    )


def _which(parameter):
    having = [reg for reg, names in _USED.items() if parameter in names]
    return f": {', '.join(having)}"


def _kink_of_slope_penalty(state):
    if state[1] == 0.0:
        return (
            "WGAN-GP's penalty (|psi| - target)^2 has a kink at psi = 0, where its slope jumps by "
            "2 gamma target: there is no Jacobian, only trajectories"
        )
    return None


def uniform_wgan(eta=0.0):
    """A WGAN that learns the uniform distribution on [-1, 1]: D(x) = w x^2, G(z) = a z.

    V = w (1 - a^2)/3, z uniform on [-1, 1]. Equilibria w = 0, a = +-1 with eigenvalues +-2i/3: the
    flow conserves w^2 + a^2/2 - log\\|a\\| and runs in closed orbits.

    Parameters
    ----------
    eta : float
        Weight of the regulariser eta \\|grad_D V\\|^2 of the generator; eigenvalues
        -4 eta/9 +- (2/3) sqrt(4 eta^2/9 - 1), critical at eta = 3/2.

    References
    ----------
    Nagarajan and Kolter 2017, section 3.3; slides "Gradient Descent GAN Optimization is Locally
    Stable".

    Examples
    --------
    >>> uniform_wgan().velocity([1.0, 0.0])
    array([0., 0.])
    """
    eta = check_not_negative("eta", eta)
    third = 1.0 / 3.0
    return Field(
        spec=str(Spec("uniform-wgan", {"eta": eta} if eta else {})),
        summary="WGAN on the uniform distribution: D(x) = w x^2, G(z) = a z",
        formula="a' = 2 w a/3, w' = (1 - a^2)/3",
        coordinates=("a", "w"),
        n_gen=1,
        start=np.array([1.5, 0.5]),
        equilibria=(np.array([1.0, 0.0]), np.array([-1.0, 0.0])),
        conserved=None
        if eta
        else Conserved(
            "w^2 + a^2/2 - log|a|",
            lambda z: z[..., 1] ** 2 + z[..., 0] ** 2 / 2 - np.log(np.abs(z[..., 0])),
        ),
        eta=eta,
        bare=uniform_wgan() if eta else None,
        matched="a = 1 makes G(z) uniform on [-1, 1], as p_r is, and w = 0 makes D = 0",
        kernel=(march.UNIFORM, np.array([third])),
    )


def linear_pair(f="logistic", mean=1.0, sd=0.5):
    """The smallest GAN that is concave for both players: D(x) = w x, G(z) = a z.

    V = E f(w x) + E f(-w a z), x and z from N(mean, sd^2), f concave: V is concave in w and in a,
    although a minimises it. At the equilibrium a = 1, w = 0 its second derivative in a is 0.

    Parameters
    ----------
    f : str
        ``logistic``, ``linear`` or ``exponential``.
    mean, sd : float
        Of the data and of the latent variable.

    References
    ----------
    Slides "Gradient Descent GAN Optimization is Locally Stable", "Why is proving GAN stability
    hard?".

    Examples
    --------
    >>> linear_pair().jacobian([1, 0]).round(4) + 0.0
    array([[ 0.   ,  0.5  ],
           [-0.5  , -0.625]])
    """
    check_choice("f", f, tuple(LOSSES))
    mean, sd = check_number("mean", mean), check_not_negative("sd", sd)
    return Field(
        spec=str(Spec("linear-pair", {"f": f, "mean": mean, "sd": sd})),
        summary="D(x) = w x, G(z) = a z: V is concave in w and in a",
        formula="a' = E[w z f'(-w a z)], w' = E[x f'(w x)] - E[a z f'(-w a z)]",
        coordinates=("a", "w"),
        n_gen=1,
        start=np.array([1.5, 0.5]),
        equilibria=(np.array([1.0, 0.0]),),
        matched="a = 1 gives G(z) the law of the data, and w = 0 makes D = 0",
        concave=True,
        kernel=(march.LINEAR_PAIR, np.array([LOSSES[f], mean, sd])),
    )


def linear_quadratic(f="logistic", mean=0.0, sd=1.0):
    """The linear-quadratic GAN: D(x) = u x + w x^2, G(z) = a z + b, z from N(0, 1).

    V = E f(D(x)) + E f(-D(G(z))), x from N(mean, sd^2). With the logistic f its equilibrium a = sd,
    b = mean, D = 0 is exponentially stable; with the linear f (a WGAN) it is not.

    Parameters
    ----------
    f : str
        ``logistic``, ``linear`` or ``exponential``.
    mean, sd : float
        Of the data.

    References
    ----------
    Nagarajan and Kolter 2017, section 3.3 and appendix.

    Examples
    --------
    >>> linear_quadratic().coordinates
    ('a', 'b', 'u', 'w')
    """
    check_choice("f", f, tuple(LOSSES))
    mean, sd = check_number("mean", mean), check_positive("sd", sd)
    return Field(
        spec=str(Spec("linear-quadratic", {"f": f, "mean": mean, "sd": sd})),
        summary="linear-quadratic GAN: D(x) = u x + w x^2, G(z) = a z + b",
        formula="grad of V = E f(D(x)) + E f(-D(a z + b))",
        coordinates=("a", "b", "u", "w"),
        n_gen=2,
        start=np.array([1.3 * sd, mean + 0.3, 0.1, -0.1]),
        equilibria=(np.array([sd, mean, 0.0, 0.0]), np.array([-sd, mean, 0.0, 0.0])),
        matched="a = sd, b = mean give G(z) the law of the data, and u = w = 0 makes D = 0",
        kernel=(march.LINEAR_QUADRATIC, np.array([LOSSES[f], mean, sd])),
    )


def with_parameter(field_, key, value):
    """The same field with another value of one parameter.

    Raises
    ------
    InputError
        If it has no such parameter, or is your own.
    """
    if field_.name not in FIELDS:
        raise InputError(
            f"{key} cannot be varied: {field_.spec} is no built-in field.",
            argument="sweep",
            fix="Sweep alpha or a parameter of the method, such as regularised's eta.",
        )
    source = field_.source
    return field(source["spec"], **{**source["more"], key: value})


def parameter_matters(field_, key):
    """Whether another value of this parameter makes another field."""
    try:
        low, high = (with_parameter(field_, key, value) for value in (0.5, 0.75))
    except InputError:
        return False
    return low.spec != high.spec


def _numbers(name, values):
    try:
        entries = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputTypeError(f"{name} must hold numbers, got {values!r}.", argument=name) from None
    if not entries.size or not np.isfinite(entries).all():
        raise InputError(f"{name} must hold finite numbers.", argument=name)
    return entries


def _matrix(entries, rows, name="matrix"):
    """A matrix, or its entries row by row; a number stands for 1 x 1."""
    entries = _numbers(name, entries)
    if entries.ndim == 2:
        return entries
    if entries.ndim > 2:
        raise InputError(f"{name} must have two axes, got {entries.ndim}.", argument=name)
    count = math.isqrt(entries.size) if rows is None else check_integer("rows", rows, 1)
    if entries.size % count or (rows is None and count**2 != entries.size):
        shape = "square matrix" if rows is None else f"{count} rows of equal length"
        raise InputError(
            f"{name} has {entries.size} entries, which are no {shape}.",
            argument=name,
            fix=f"Write {name}=1/2/3/4 for [[1, 2], [3, 4]], {name}=1/2/3/4/5/6,rows=2 for "
            "[[1, 2, 3], [4, 5, 6]].",
        )
    return entries.reshape(count, -1)


def _numbered(letter, count):
    return (letter,) if count == 1 else tuple(f"{letter}{i + 1}" for i in range(count))


def matrix_game(matrix=None, other=None, rows=None, spec=None, actions=None):
    """Any game of two players with finitely many actions: mixed strategies x and y.

    Parameters
    ----------
    matrix : array-like (m, n), or its entries row by row
        What x (the first player, the generator) gains: x^T A y. Default matching pennies.
    other : array-like, optional
        What y gains; default -A, the zero-sum game.
    rows : int, optional
        Of flat entries; default the square root of their number.
    spec : str, optional
        What the command line calls it.
    actions : sequence of str, optional
        Names of the actions, where both players have the same.

    Returns
    -------
    MatrixGame

    Examples
    --------
    >>> matrix_game([[1, -1], [-1, 1]]).equilibria[0]
    array([0.5, 0.5, 0.5, 0.5])
    """
    entries = matrix_games.MATCHING_PENNIES if matrix is None else _matrix(matrix, rows)
    second = None if other is None else _matrix(other, rows, "other")
    if spec is None:
        options = {"matrix": tuple(entries.ravel().tolist())}
        if second is not None:
            options["other"] = tuple(second.ravel().tolist())
        if entries.shape[0] != entries.shape[1]:
            options["rows"] = entries.shape[0]
        spec = str(Spec("matrix-game", options))
    return matrix_games.matrix_game(entries, second, spec=spec, actions=actions)


_BUILDERS = {
    "bilinear": bilinear,
    "dirac": dirac,
    "uniform-wgan": uniform_wgan,
    "linear-pair": linear_pair,
    "linear-quadratic": linear_quadratic,
    "rps": matrix_games.rock_paper_scissors,
    "matrix-game": matrix_game,
    "nonparametric": grid_game.nonparametric,
}
