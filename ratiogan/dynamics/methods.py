"""The methods that take steps, and the linear map that each of them is near an equilibrium.

With J the Jacobian there and H the diagonal matrix of step sizes, M = H J:

    simultaneous    I + M
    alternating     (I + M_D)^n_d (I + M_G)^n_g, M_G and M_D the players' rows of M
    implicit        (I - M)^-1
    extragradient   I + M + M^2
    optimistic      (z, last) -> (z + 2 M z - M last, z)
    momentum        (z, last) -> (z + M z + B (z - last), z), B = diag(beta)
    regularised, consensus   simultaneous, on another field
    flow            e^M

Sources: Gidel et al. 2019 (momentum, alternating), Korpelevich 1976 and Mokhtari et al. 2020
(extragradient, optimistic), Nagarajan and Kolter 2017 (regularised), Mescheder, Nowozin and Geiger
2017 (consensus), Heusel et al. 2017 (two time scales).
"""

from dataclasses import dataclass

import numpy as np

from ratiogan.catalogue import METHODS
from ratiogan.dynamics import march
from ratiogan.errors import (
    InputError,
    check_choice,
    check_not_negative,
    check_number,
    check_positive,
)
from ratiogan.spec import Spec, resolve

MATRIX_GAMES_ONLY = ("replicator", "fictitious-play", "best-response", "projected-gradient")
ORDERS = ("simultaneous", "alternating")


@dataclass(frozen=True)
class Method:
    """One method with its parameters; make it with `method_of`.

    Attributes
    ----------
    spec : str
        Canonical: parameters only where they are not the default.
    code : int
        For the march; -1 for flows and what only matrix games have.
    beta_gen, beta_disc : float
    gen_first : bool
    eta, consensus : float
        What is added to the field's own.
    ratio : float
        Of the discriminator's step size to the generator's.
    """

    spec: str
    name: str
    code: int = -1
    beta_gen: float = 0.0
    beta_disc: float = 0.0
    gen_first: bool = True
    order: str = "simultaneous"
    eta: float = 0.0
    consensus: float = 0.0
    ratio: float = 1.0

    @property
    def is_flow(self):
        """Whether time is continuous."""
        return self.name in ("flow", "replicator")

    def field(self, field):
        """The field that this method steps on."""
        if not (self.eta or self.consensus):
            return field
        return field.regularised(eta=self.eta, consensus=self.consensus)

    def blocks(self, field, point):
        """The blocks of J of what this method follows, at an equilibrium of `field`."""
        if self.name == "replicator":
            return field.replicator_blocks(point)
        return self.field(field).blocks(point)

    def neutral(self, field, point):
        """How many multipliers are 1 because equilibria lie side by side."""
        if self.name == "replicator":
            return 0
        return self.field(field).neutral(point)[0]

    def rates(self, field, alpha_gen, alpha_disc=None):
        """Step sizes per coordinate; for arrays of alpha with one more axis in front."""
        alpha_disc = alpha_gen if alpha_disc is None else alpha_disc
        sizes = (field.n_gen, field.size - field.n_gen)
        return per_coordinate(*sizes, alpha_gen, self.ratio * np.asarray(alpha_disc))

    def player_rates(self, alpha_gen, alpha_disc):
        """Step sizes of both players."""
        return alpha_gen, self.ratio * alpha_disc

    def update(self, jacobian, n_gen, rates, gen_steps=1, disc_steps=1):
        """The linear map of one step near an equilibrium.

        Parameters
        ----------
        jacobian : array (n, n)
            Of the field that this method steps on.
        n_gen : int
        rates : array (..., n)
            Step sizes per coordinate.
        gen_steps, disc_steps : int
            Updates per turn of `alternating`.

        Returns
        -------
        array (..., s, s)
            s = n, or 2 n for methods that remember the last state.

        Examples
        --------
        >>> import numpy as np
        >>> xy = np.array([[0.0, -1.0], [1.0, 0.0]])
        >>> map = method_of("simultaneous").update(xy, 1, np.array([0.1, 0.1]))
        >>> bool(abs(abs(np.linalg.eigvals(map)).max() - np.sqrt(1.01)) < 1e-15)
        True
        """
        n = len(jacobian)
        step = rates[..., :, None] * jacobian
        one = np.broadcast_to(np.eye(n), step.shape)
        gen = (np.arange(n) < n_gen).astype(float)[:, None]
        disc = 1.0 - gen
        if self.code == march.SIMULTANEOUS:
            return one + step
        if self.code == march.ALTERNATING:
            moves = [
                np.linalg.matrix_power(one + gen * step, gen_steps),
                np.linalg.matrix_power(one + disc * step, disc_steps),
            ]
            first, second = moves if self.gen_first else moves[::-1]
            return second @ first
        if self.code == march.IMPLICIT:
            return _inverse(one - step)
        if self.code == march.EXTRAGRADIENT:
            return one + step + step @ step
        if self.code == march.OPTIMISTIC:
            return _with_memory(one + 2.0 * step, -step)
        if self.code not in (march.MOMENTUM, march.MOMENTUM_IN_TURN):
            raise ValueError(f"{self.name} has no linear map")
        beta = np.diag(np.where(np.arange(n) < n_gen, self.beta_gen, self.beta_disc)) + 0.0 * step
        if self.code == march.MOMENTUM:
            return _with_memory(one + step + beta, -beta)
        first, second = (gen, disc) if self.gen_first else (disc, gen)
        now, before = one + first * (step + beta), -first * beta
        later = one + second * step
        return _with_memory(later @ now + second * beta, later @ before - second * beta)

    def multipliers(self, field, point, alpha_gen, alpha_disc=None, gen_steps=1, disc_steps=1):
        """Eigenvalues of one step at an equilibrium, block by block.

        Returns
        -------
        complex array (m,)
            Each block's once, however often it occurs.
        """
        found = []
        for matrix, n_gen, _ in self.blocks(field, point):
            rates = per_coordinate(
                n_gen, len(matrix) - n_gen, alpha_gen,
                self.ratio * (alpha_gen if alpha_disc is None else alpha_disc),
            )  # fmt: skip
            if self.is_flow:
                found.append(np.exp(np.linalg.eigvals(rates[:, None] * matrix)))
                continue
            update = self.update(matrix, n_gen, rates, gen_steps, disc_steps)
            finite = np.isfinite(update).all()
            found.append(np.linalg.eigvals(update) if finite else np.full(len(update), np.inf))
        return np.concatenate(found).astype(complex)


def per_coordinate(n_gen, n_disc, gen, disc):
    """One number per coordinate, out of one for each player; both may be arrays of one shape."""
    gen, disc = np.broadcast_arrays(np.asarray(gen, dtype=float), np.asarray(disc, dtype=float))
    return np.stack([gen] * n_gen + [disc] * n_disc, axis=-1)


def method_of(spec):
    """The method named by `spec`.

    Raises
    ------
    InputError
        For an unknown name or parameter, with the nearest names.

    Examples
    --------
    >>> method_of("momentum:beta=-0.5").beta_gen
    -0.5
    """
    if isinstance(spec, Method):
        return spec
    full = resolve(spec, METHODS, "method", "ratiogan list methods")
    defaults, given = METHODS[full.name].defaults, full.options
    told = {key: value for key, value in given.items() if value != defaults[key]}
    parts = {"spec": str(Spec(full.name, told)), "name": full.name}
    if full.name == "alternating":
        parts["gen_first"] = check_choice("first", given["first"], ("gen", "disc")) == "gen"
        parts["order"] = "alternating"
    elif full.name == "momentum":
        beta = check_number("beta", given["beta"])
        for player in ("beta_gen", "beta_disc"):
            own = given[player]
            parts[player] = beta if own is None else check_number(player, own)
    elif full.name == "consensus":
        parts["consensus"] = check_not_negative("gamma", given["gamma"])
    elif full.name == "regularised":
        parts["eta"] = check_not_negative("eta", given["eta"])
    elif full.name == "two-time-scale":
        parts["ratio"] = check_positive("ratio", given["ratio"])
    if "order" in given:
        parts["order"] = check_choice("order", given["order"], ORDERS)
    code = _CODES.get(full.name, -1)
    if full.name == "momentum" and parts["order"] == "alternating":
        code = march.MOMENTUM_IN_TURN
    return Method(code=code, **parts)


def check_method(method, field):
    """Refuse a method that this field does not have."""
    matrix_game = hasattr(field, "payoff")
    if method.name in MATRIX_GAMES_ONLY and not matrix_game:
        raise InputError(
            f"method {method.name} is for matrix games, {field.spec} is none.",
            argument="method",
            fix="Take simultaneous, alternating or flow; or a field such as rps.",
        )
    if matrix_game and method.name in ("implicit", "momentum"):
        raise InputError(
            f"method {method.name} does not know the simplices of {field.spec}.",
            argument="method",
            fix=f"Take {', '.join(MATRIX_GAMES_ONLY)}, alternating, extragradient or optimistic.",
        )
    if method.name == "flow" and np.isfinite([*field.lower, *field.upper]).any():
        raise InputError(
            f"the flow of {field.spec} does not know its clipping.",
            argument="method",
            fix="Take a method that takes steps, such as simultaneous.",
        )
    return method


_CODES = {
    "simultaneous": march.SIMULTANEOUS,
    "alternating": march.ALTERNATING,
    "implicit": march.IMPLICIT,
    "extragradient": march.EXTRAGRADIENT,
    "optimistic": march.OPTIMISTIC,
    "momentum": march.MOMENTUM,
    "consensus": march.SIMULTANEOUS,
    "regularised": march.SIMULTANEOUS,
    "two-time-scale": march.SIMULTANEOUS,
    "projected-gradient": march.SIMULTANEOUS,
}


def _inverse(matrices):
    """The inverses of matrices (..., n, n); infinite where there is none."""
    singular = np.linalg.det(matrices) == 0.0
    one = np.eye(matrices.shape[-1])
    found = np.linalg.inv(np.where(singular[..., None, None], one, matrices))
    return np.where(singular[..., None, None], np.inf, found)


def _with_memory(now, before):
    """The map of (z, last) with z' = now z + before last."""
    one = np.broadcast_to(np.eye(now.shape[-1]), now.shape)
    top = np.concatenate([now, before], axis=-1)
    return np.concatenate([top, np.concatenate([one, 0.0 * one], axis=-1)], axis=-2)
