"""The nonparametric game itself as a field: R and the discriminator's logit phi on cells.

Both players live in L2(p_r), E over p_r. The discriminator descends d(R, phi) = E[l_r(phi)] +
E[R l_g(phi)], the generator E[R u(phi)] on the tangent space {E[d] = 0}:

    phi' = -tau (l_r'(phi) + R l_g'(phi))
    R'   = -P_0 (u(phi) + 2 eta (l_r'(phi) + R l_g'(phi)) l_g'(phi)),   P_0 d = d - E[d]

eta is the weight of E[(grad_D V)^2]. At R = 1 every cell is alike: with a = l_r'' + l_g'',
b = l_g' and c = u' there, all tangent modes share one block

    [[-2 eta b^2, -(c + 2 eta a b)], [-tau b, -tau a]]

(eta = 0: lambda^2 + tau a lambda + tau a Phi''(1) = 0, since Phi''(1) = -b c/a), a constant in phi
decays as -tau a, and E[R] never moves.
"""

from dataclasses import dataclass, field

import numpy as np

from ratiogan.dynamics.vector_field import Conserved, Field
from ratiogan.errors import InputError, check_integer, check_not_negative, check_positive
from ratiogan.logits import logits
from ratiogan.presets import problem
from ratiogan.spec import Spec

MOST_DENSE = 512  # cells; a dense Jacobian of more would fill hundreds of megabytes
_MASS = 1e-9  # E[R] of a start may be off 1 by so much


@dataclass(frozen=True, eq=False, kw_only=True)
class GridGame(Field):
    """The nonparametric game; make it with `ratiogan.dynamics.nonparametric`.

    Attributes
    ----------
    game_spec : str
        The game, or ``wasserstein``.
    weights : array (N,)
        Masses of p_r on its support.
    tau : float
        How many times faster the discriminator moves.
    losses : object
        Slopes and curvatures of l_r and l_g, u and its slope, as functions of phi.
    """

    game_spec: str
    weights: np.ndarray
    tau: float = 1.0
    losses: object = field(repr=False)

    @property
    def source(self):
        return {"spec": self.spec, "more": {"game": self.game_spec}}

    @property
    def cells(self):
        """How many cells there are."""
        return self.n_gen

    def velocity(self, states):
        """As `Field.velocity`."""
        states = np.asarray(states, dtype=float)
        ratio, phi = states[..., : self.cells], states[..., self.cells :]
        with np.errstate(over="ignore", invalid="ignore"):
            real, gen = self.losses.slopes(phi)
            uphill = real + ratio * gen
            moves = -self._project(self.losses.signal(phi))
            answers = -self.tau * uphill
            extra, more = 0.0, 0.0
            if self.consensus:  # J^T v of the bare field, in L2(p_r)
                curved = self._curvature(ratio, phi)
                extra = self.consensus * self._project(self.tau * gen * answers)
                more = self.losses.signal_slope(phi) * moves + self.tau * curved * answers
                more = self.consensus * more
            if self.eta:
                extra = extra - 2.0 * self.eta * self._project(uphill * gen)
        return np.concatenate([moves + extra, answers + more], axis=-1)

    def jacobian(self, state, how="analytic"):
        """As `Field.jacobian`, dense.

        Raises
        ------
        InputError
            Above `MOST_DENSE` cells, where `closed_form` has the eigenvalues.
        """
        if self.cells > MOST_DENSE:
            raise InputError(
                f"a dense Jacobian of {2 * self.cells} x {2 * self.cells} is not made: at most "
                f"{MOST_DENSE} cells, got {self.cells}.",
                argument="cells",
                fix="Call closed_form() for all eigenvalues of any number of cells.",
            )
        if how != "analytic" or self.consensus:
            return super().jacobian(state, "differences")
        a, b, c, d = self._derivatives(np.asarray(state, dtype=float))
        top = np.concatenate([np.diag(a), np.diag(b)], axis=1)
        top -= np.concatenate([self.weights * a, self.weights * b])
        bottom = self.tau * np.concatenate([np.diag(d), np.diag(c)], axis=1)
        return -np.concatenate([top, bottom])

    def norm(self, velocity):
        """In L2(p_r), of both players together."""
        squares = velocity[: self.cells] ** 2 + velocity[self.cells :] ** 2
        return float(np.sqrt(np.dot(self.weights, squares)))

    def away(self, states, point):
        """As `Field.away`, in coordinates whose Euclidean length is that of L2(p_r)."""
        away = np.asarray(states, dtype=float) - point
        if self.losses.curvature_at(point[self.cells :]) == 0.0:
            # A critic's constant is free.
            away[..., self.cells :] -= (away[..., self.cells :] @ self.weights)[..., None]
        return away * np.sqrt(np.tile(self.weights, 2))

    def nudged(self, point, size):
        """As `Field.nudged`, on the tangent space."""
        wave = np.cos(1.0 + np.arange(2 * self.cells))
        wave[: self.cells] = self._project(wave[: self.cells])
        return point + size * wave

    def correct(self, state, rates, residual):
        """As `Field.correct`: 2 x 2 per cell, and one number for the mean that P_0 takes off."""
        a, b, c, d = self._derivatives(state)
        n = self.cells
        gen, disc = rates[:n], rates[n:] * self.tau
        top, right, left, low = 1.0 + gen * a, gen * b, disc * d, 1.0 + disc * c
        det = top * low - right * left

        def solve(first, second):
            return (low * first - right * second) / det, (top * second - left * first) / det

        ratio, phi = solve(residual[:n], residual[n:])
        moved, answered = solve(gen, np.zeros(n))
        taken = np.dot(self.weights, a * ratio + b * phi)
        mean = taken / (1.0 - np.dot(self.weights, a * moved + b * answered))
        return np.concatenate([ratio + mean * moved, phi + mean * answered])

    def blocks(self, state):
        """The blocks of J at R = 1 on E[R] = 1, and how often each occurs; else one dense block."""
        state = np.asarray(state, dtype=float)
        if not all(np.allclose(state, point, atol=1e-9) for point in self.equilibria[:1]):
            return super().blocks(state)
        phi = state[self.cells : self.cells + 1]
        b = float(self.losses.slopes(phi)[1][0])
        c = float(self.losses.signal_slope(phi)[0])
        a = float(sum(self.losses.curvatures(phi))[0])
        pair = np.array([[0.0, -c], [-self.tau * b, -self.tau * a]])
        constant = -self.tau * a
        if self.consensus:
            pair = pair - self.consensus * pair.T @ pair
            constant -= self.consensus * (self.tau * a) ** 2
        pair -= 2.0 * self.eta * b * np.array([[b, a], [0.0, 0.0]])
        return [(pair, 1, self.cells - 1), (np.array([[constant]]), 0, 1)]

    def neutral(self, point):
        """As `Field.neutral`: a critic's constant is free, a discriminator's is not."""
        free = self.losses.curvature_at(point[self.cells :]) == 0.0
        return (1, "the critic's constant") if free else (0, "")

    def said(self, point):
        """As `Field.said`; the equilibrium by its name."""
        at_rest = np.allclose(point, self.equilibria[0], atol=1e-9)
        if at_rest:
            return f"R = 1, phi = {point[self.cells]:.6g}"
        return f"{self.cells} values of R and of phi"

    def closed_form(self):
        """All 2 N eigenvalues of J at R = 1.

        Returns
        -------
        values : complex array (4,)
            The pair of the tangent modes, the constant in phi, and the constraint's 0.
        counts : int array (4,)
            How often each occurs.
        """
        blocks = self.blocks(self.equilibria[0])
        values = np.concatenate([np.linalg.eigvals(matrix) for matrix, _, _ in blocks])
        counts = np.concatenate([np.full(len(matrix), count) for matrix, _, count in blocks])
        return np.append(values, 0.0).astype(complex), np.append(counts, 1)

    def check_state(self, state, name="start"):
        """As `Field.check_state`: R >= 0 and E[R] = 1."""
        state = super().check_state(state, name)
        ratio = state[: self.cells]
        if ratio.min() < 0:
            raise InputError(
                f"{name} is off the domain: R must be at least 0, got {ratio.min():g}.",
                argument=name,
            )
        mass = float(np.dot(self.weights, ratio))
        if abs(mass - 1.0) > _MASS:
            raise InputError(
                f"{name} is off the domain: E[R] must be 1, got {mass:.9g}.",
                argument=name,
                fix="Divide R by it.",
            )
        return state

    def _project(self, values):
        return values - (values @ self.weights)[..., None]

    def _curvature(self, ratio, phi):
        real, gen = self.losses.curvatures(phi)
        return real + ratio * gen

    def _derivatives(self, state):
        """Of u + 2 eta uphill l_g' by R and by phi, of uphill by phi and by R, cell by cell."""
        ratio, phi = state[: self.cells], state[self.cells :]
        real, gen = self.losses.slopes(phi)
        curved = self._curvature(ratio, phi)
        by_ratio = 2.0 * self.eta * gen * gen
        by_phi = self.losses.signal_slope(phi)
        if self.eta:
            bent = self.losses.curvatures(phi)[1]
            by_phi = by_phi + 2.0 * self.eta * (curved * gen + (real + ratio * gen) * bent)
        return by_ratio, by_phi, curved, gen


class _Losses:
    """A game's losses in the logit, with the derivatives that the field needs."""

    def __init__(self, game):
        self.both = logits(game)
        self.spec = self.both.game.spec
        self.start = float(self.both.best(np.ones(1))[0])

    def slopes(self, phi):
        return self.both.slope_real(phi), self.both.slope_gen(phi)

    def curvatures(self, phi):
        return self.both.curvatures(phi)

    def signal(self, phi):
        return self.both.generator_loss(phi)

    def signal_slope(self, phi):
        return self.both.generator_slope(phi)

    def curvature_at(self, phi):
        return float(sum(self.curvatures(phi[:1]))[0])


class _Wasserstein:
    """The Wasserstein game's without its Lipschitz constraint, which is idle near f = 0."""

    spec = "wasserstein"
    start = 0.0
    both = None

    def slopes(self, phi):
        return -np.ones_like(phi), np.ones_like(phi)

    def curvatures(self, phi):
        return np.zeros_like(phi), np.zeros_like(phi)

    def signal(self, phi):
        return -phi

    def signal_slope(self, phi):
        return -np.ones_like(phi)

    def curvature_at(self, phi):
        return 0.0


def nonparametric(game="non-saturating", cells=64, tau=1.0, eta=0.0, real=None, gen=None):
    """The field of a game on a grid.

    Parameters
    ----------
    game : str or Game
    cells : int
        Of the default problem; ignored where distributions are given.
    tau, eta : float
    real, gen : str or Distribution, optional
        As for `glgd`.

    Returns
    -------
    GridGame
    """
    cells = check_integer("cells", cells, 2)
    tau, eta = check_positive("tau", tau), check_not_negative("eta", eta)
    given = [side for side in (real, gen) if side is not None and not isinstance(side, str)]
    p_r, p_g = problem(real, gen, None if given else cells)
    held = p_r.mass.ravel() > 0
    weights = p_r.mass.ravel()[held]
    if p_g.mass.ravel()[~held].sum() > 0:
        raise InputError(
            "gen has mass where real has none: R is no state of the game there.",
            argument="gen",
            fix="Take a real that covers it.",
        )
    losses = _Wasserstein() if game == "wasserstein" else _Losses(game)
    n = weights.size
    options = {"cells": n, "tau": tau, **({"eta": eta} if eta else {})}
    rest = np.full(n, losses.start + 0.0)
    clip = np.inf if losses.both is None else losses.both.clip
    mean_field = losses.spec == "wasserstein"
    return GridGame(
        spec=str(Spec("nonparametric", options)),
        game_spec=losses.spec,
        summary=f"the game {losses.spec} on {n} cells, both players in L2(p_r)",
        formula="R' = -P_0 u(phi), phi' = -tau (l_r'(phi) + R l_g'(phi))",
        coordinates=tuple(f"R{i}" for i in range(n)) + tuple(f"phi{i}" for i in range(n)),
        n_gen=n,
        start=np.concatenate([p_g.mass.ravel()[held] / weights, rest]),
        equilibria=(np.concatenate([np.ones(n), rest]),),
        zero_sum=mean_field or _is_zero_sum(losses),
        conserved=_energy(weights, tau) if mean_field and not eta else None,
        eta=eta,
        bare=nonparametric(game, cells, tau, 0.0, real, gen) if eta else None,
        matched="R = 1 is p_g = p_r, and phi* is the discriminator's answer to it",
        kink=_kink(losses),
        constraint="E[R] = 1",
        lower=np.concatenate([np.full(n, -np.inf), np.full(n, -clip)]),
        upper=np.concatenate([np.full(n, np.inf), np.full(n, clip)]),
        weights=weights,
        tau=tau,
        losses=losses,
    )


def _is_zero_sum(losses):
    """Whether u = -l_g but for a constant."""
    phi = np.linspace(-0.9, 0.9, 7)
    return bool(np.allclose(losses.signal_slope(phi), -losses.slopes(phi)[1], atol=1e-9))


def _energy(weights, tau):
    """What the Wasserstein game's flow conserves."""
    n = weights.size

    def value(states):
        ratio, critic = states[..., :n] - 1.0, states[..., n:]
        centred = critic - (critic @ weights)[..., None]
        return tau * (np.square(ratio) @ weights) + np.square(centred) @ weights

    text = "E[(R-1)^2] + Var f" if tau == 1 else "tau E[(R-1)^2] + Var f"
    return Conserved(text, value)


def _kink(losses):
    """Why the game has no Jacobian at its equilibrium, as a function of the state; or None."""
    game = None if losses.both is None else losses.both.game
    if game is None or (np.isfinite(game.curvature_at_one) and not game.has_kink):
        return None
    reason = (
        f"the losses of {game.spec} are straight lines with corners, so that its best response "
        "jumps: it has no curvature a, only trajectories"
    )
    return lambda state: reason
