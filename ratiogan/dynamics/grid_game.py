"""The nonparametric game as a vector field: the ratio R and the logits phi of every cell.

Both players live in L2(p_r), whose masses w_i weigh the cells. With S = l_r'(phi) + R l_g'(phi),
the gradient of the discriminator's loss,

    R'   = -P_0 [u(phi) + 2 eta S l_g'(phi)]        P_0 d = d - E[d]
    phi' = -tau S

where tau says how much faster the discriminator is and eta is the weight of the generator's
eta |grad_phi V|^2 = eta E[S^2] (Nagarajan and Kolter 2017). Cells meet only in the mean of P_0: J
is a 2x2 block per cell and a projection, so that everything here but the dense J is O(N). Where all
cells are alike, as at R = 1, every tangent mode (E[d] = 0 for both players) solves

    lambda^2 + (tau a + 2 eta b^2) lambda + tau a Phi''(1) = 0

with a = l_r''(phi*) + l_g''(phi*), b = l_g'(phi*), and a Phi''(1) = -u'(phi*) b. A constant in phi
decays with -tau a, and E[R] = 1 is kept (eigenvalue 0).
"""

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ratiogan import presets
from ratiogan.distribution import Distribution
from ratiogan.dynamics.vector_field import Conserved, Field
from ratiogan.errors import (
    InputError,
    InputTypeError,
    check_integer,
    check_not_negative,
    check_positive,
)
from ratiogan.logits import AFFINE, IDENTITY, LINEAR, Logits, derivative, logits
from ratiogan.ratio import density_ratio
from ratiogan.spec import format_number

WASSERSTEIN = "wasserstein"
DENSE_CELLS = 1024  # most cells of which the Jacobian is written down
_ROUND_OFF = 1e-9  # how far E[R] of a start may be from 1


@dataclass(frozen=True, eq=False, kw_only=True)
class GridGame(Field):
    """The nonparametric game on the cells of p_r; make it with `nonparametric`.

    A state is R in every cell, then phi in every cell. The velocity is defined for every real R:
    it lies in the tangent space E[R'] = 0, and nothing keeps R >= 0.

    Attributes
    ----------
    masses : array (N,)
        w, the masses of p_r in the cells where it has some.
    cells : int array (N,)
        Which cells of the grid of `real` they are, as flat indices.
    real : Distribution
        p_r.
    losses : Logits
        Both players' losses in the logit.
    game_spec : str
        The game, a row of the table, your own or ``"wasserstein"``.
    tau : float
        How many times faster the discriminator moves.

    Examples
    --------
    >>> game = nonparametric("minimax", cells=32)
    >>> game.closed_form()[0][:2]
    array([-0.25+0.4330127j, -0.25-0.4330127j])
    """

    masses: np.ndarray = field(repr=False)
    cells: np.ndarray = field(repr=False)
    real: Distribution = field(repr=False)
    losses: Logits = field(repr=False)
    game_spec: str = "non-saturating"
    tau: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.eta or self.consensus:
            object.__setattr__(self, "conserved", None)

    # --- facts at the equilibrium ---

    @property
    def bend(self):
        """a = l_r'' + l_g'' at phi*: what brings the discriminator back."""
        phi = self._best_logit()
        return float((self.losses.curvature_real(phi) + self.losses.curvature_gen(phi))[0])

    @property
    def pull(self):
        """b = l_g' at phi*: how the discriminator feels R."""
        return float(self.losses.slope_gen(self._best_logit())[0])

    @property
    def product(self):
        """a Phi''(1) = -u' b at phi*: the determinant of a tangent mode, over tau."""
        return -float(self.losses.generator_slope(self._best_logit())[0]) * self.pull

    @property
    def critical_eta(self):
        """The eta from which on the tangent modes are real.

        (2 sqrt(tau a Phi''(1)) - tau a)/(2 b^2), and 0 where they are real without.
        """
        inside = self.tau * self.product
        if not inside > 0:
            return 0.0
        return max(0.0, (2.0 * math.sqrt(inside) - self.tau * self.bend) / (2.0 * self.pull**2))

    @property
    def critical_tau(self):
        """The tau from which on the tangent modes are real: 4 Phi''(1)/a where eta = 0.

        inf where a = 0: then no speed of the discriminator stops the rotation.
        """
        a, damping = self.bend, 2.0 * self.eta * self.pull**2
        if not self.product > 0:
            return 0.0
        if not a > 0:
            return math.inf
        # (tau a + damping)^2 = 4 tau product, the larger root.
        half = 2.0 * self.product - a * damping
        inside = half * half - (a * damping) ** 2
        return (half + math.sqrt(inside)) / (a * a) if inside >= 0 and half > 0 else 0.0

    def closed_form(self):
        """The eigenvalues of J at R = 1, phi = phi*, for any number of cells.

        Returns
        -------
        eigenvalues : complex array (4,)
            The two of every tangent mode, that of a constant in phi, and the constraint's 0.
        multiplicities : int array (4,)
            N-1, N-1, 1, 1.

        Raises
        ------
        InputError
            Where phi* lies on a bound of the discriminator: updates are clipped there.

        Examples
        --------
        >>> values, counts = nonparametric("wasserstein", cells=4096, eta=1.0).closed_form()
        >>> values.real.tolist(), counts.tolist()
        ([-1.0, -1.0, 0.0, 0.0], [4095, 4095, 1, 1])
        """
        phi = self._best_logit()
        if not np.abs(phi[0]) < self.losses.clip:
            raise InputError(_clipped(self), argument="game", fix="Simulate it instead.")
        tau, eta, a, b = self.tau, self.eta, self.bend, self.pull
        trace, determinant = -(tau * a + 2.0 * eta * b * b), tau * self.product
        constant = -tau * a
        if self.consensus:
            block = self._cell_blocks(np.ones(1), phi)[1][:, :, 0]
            trace = block[0, 0] + block[1, 1]
            determinant = block[0, 0] * block[1, 1] - block[0, 1] * block[1, 0]
            constant -= self.consensus * (tau * a) ** 2
        root = np.sqrt(complex(0.25 * trace * trace - determinant))
        values = np.array([0.5 * trace + root, 0.5 * trace - root, constant, 0.0]) + 0.0
        rest = self.masses.size - 1
        return values, np.array([rest, rest, 1, 1])

    # --- what Field promises ---

    @property
    def source(self):
        """As `Field.source`; a run on distributions of your own is not kept."""
        usual = presets.problem(None, None, self.cells.size)[0]
        if not np.array_equal(usual.mass.ravel()[self.cells], self.masses):
            raise InputError(
                "a run on distributions of your own cannot be kept.",
                argument="field",
                fix="Keep its states with numpy.save.",
            )
        return {"spec": self.spec, "more": {"game": self.game_spec}}

    @property
    def command(self):
        """As `Field.command`, with the game."""
        return f"{self.spec} --game {self.game_spec}"

    def away(self, states, point):
        """As `Field.away`, in coordinates whose Euclidean length is that of L2(p_r)."""
        gen, disc = self._split(np.asarray(states, dtype=float) - point)
        if self.bend == 0.0:
            disc = self._centred(disc)
        weights = np.sqrt(self.masses)
        return np.concatenate([weights * gen, weights * disc], axis=-1)

    def nudged(self, point, size):
        """As `Field.nudged`, on the tangent space."""
        gen, disc = self._split(np.cos(1.0 + np.arange(self.size)))
        return point + size * np.concatenate([self._centred(gen), disc])

    def neutral(self, point):
        """As `Field.neutral`: a critic's constant is free, a discriminator's is not."""
        return (1, "the critic's constant") if self.bend == 0.0 else (0, "")

    def said(self, point):
        """As `Field.said`; the equilibrium by its name."""
        if np.allclose(point, self.equilibria[0], atol=1e-9):
            return f"R = 1, phi = {point[-1] + 0.0:.6g}"
        return f"{self.n_gen} values of R and of phi"

    def velocity(self, states):
        """The velocity at one state or many, regularisers included.

        Parameters
        ----------
        states : array (..., 2N)

        Returns
        -------
        array (..., 2N)

        Raises
        ------
        InputTypeError
            For complex states.
        """
        if np.iscomplexobj(states):
            raise InputTypeError(
                "a state of the nonparametric game must be real, got complex numbers.",
                argument="states",
                fix='Take jacobian(state) or jacobian(state, "differences").',
            )
        states = np.asarray(states, dtype=float)
        ratio, phi = self._split(states)
        out = np.empty(states.shape)
        gen, disc = self._split(out)
        with np.errstate(over="ignore", invalid="ignore"):
            fall = self._of(self.losses.slope_gen, phi)
            excess = self._of(self.losses.slope_real, phi) + ratio * fall
            push = self._of(self.losses.generator_loss, phi)
            disc[:] = -self.tau * excess
            if self.consensus:
                bare = -self._centred(push)
                rise = self._of(self.losses.generator_slope, phi)
                bend = self._of(self.losses.curvature_real, phi)
                bend += ratio * self._of(self.losses.curvature_gen, phi)
                push = push - self.consensus * self.tau * fall * disc
                disc += self.consensus * (rise * bare + self.tau * bend * disc)
            if self.eta:
                push = push + 2.0 * self.eta * excess * fall
            gen[:] = -self._centred(push)
        return out

    def jacobian(self, state, how="analytic"):
        """d velocity / d state, written down: for at most 1,024 cells.

        Parameters
        ----------
        state : array (2N,)
        how : str
            ``analytic`` or ``differences`` (central, of second order).

        Returns
        -------
        array (2N, 2N)

        Raises
        ------
        InputError
            For more cells, or a complex step.
        """
        if self.masses.size > DENSE_CELLS:
            raise InputError(
                f"a Jacobian is written down for at most {DENSE_CELLS:,} cells, the game has "
                f"{self.masses.size:,}.",
                argument="cells",
                fix="closed_form() has its eigenvalues at R = 1 for any number of cells.",
            )
        if how == "complex-step":
            raise InputError(
                "the nonparametric game takes real states only.",
                argument="how",
                fix='Pass how="analytic" or "differences".',
            )
        return super().jacobian(state, how)

    def norm(self, velocity):
        """The length of a velocity in L2(p_r): sqrt(E[R'^2] + E[phi'^2])."""
        gen, disc = self._split(np.asarray(velocity))
        return float(np.sqrt(np.dot(self.masses, gen * gen + disc * disc)))

    def correct(self, state, rates, residual):
        """x with (I - rates J) x = residual, exactly and in O(N).

        J = Pi (A + c g h^T), Pi = 1 - 1_R w^T: a 2x2 system per cell, and the two means m = E[(A +
        c g h^T) x] over R and s = h^T x by the formula of Sherman, Morrison and Woodbury.
        """
        n = self.masses.size
        ratio, phi = self._split(np.asarray(state, dtype=float))
        steps = np.stack(self._split(np.broadcast_to(np.asarray(rates, dtype=float), (2 * n,))))
        with np.errstate(all="ignore"):
            bare, block = self._cell_blocks(ratio, phi)
            ahead = np.eye(2)[:, :, None] - steps[:, None] * block
            determinant = ahead[0, 0] * ahead[1, 1] - ahead[0, 1] * ahead[1, 0]

            def solve(right):
                return np.stack(
                    [
                        (ahead[1, 1] * right[0] - ahead[0, 1] * right[1]) / determinant,
                        (ahead[0, 0] * right[1] - ahead[1, 0] * right[0]) / determinant,
                    ]
                )

            # g and h of B^T Pi B = B^T B - g h^T, B the block without regularisers
            feel = self.consensus * bare[0]
            unit = np.stack([np.ones(n), np.zeros(n)])
            parts = [solve(np.stack(self._split(np.asarray(residual, dtype=float))))]
            parts.append(solve(steps * feel))
            parts.append(-solve(steps * unit))

            def means(x):
                return (
                    np.dot(self.masses, (bare[0] * x).sum(axis=0)),
                    np.dot(self.masses, (block[0] * x).sum(axis=0)),
                )

            (s0, m0), (s1, m1), (s2, m2) = (means(x) for x in parts)
            own = np.dot(self.masses, feel[0])
            # s = s0 + s s1 + m s2,  m = m0 + s (m1 + own) + m m2
            least = (1.0 - s1) * (1.0 - m2) - s2 * (m1 + own)
            s = (s0 * (1.0 - m2) + s2 * m0) / least
            m = ((1.0 - s1) * m0 + (m1 + own) * s0) / least
            return (parts[0] + s * parts[1] + m * parts[2]).reshape(-1)

    def blocks(self, state):
        """J as independent blocks: a list of (J, generator's coordinates in it, how many).

        Where R and phi are the same in all cells: the 2x2 block of the N-1 tangent modes and that
        of a constant in phi; the 0 off E[R] = 1 is left out. Elsewhere the dense J.
        """
        ratio, phi = self._split(np.asarray(state, dtype=float))
        if np.ptp(ratio) > 1e-12 or np.ptp(phi) > 1e-12:
            return super().blocks(state)
        bare, felt = self._cell_blocks(ratio[:1], phi[:1])
        # A constant does not move R: consensus has no part of it to work against.
        constant = felt[1, 1] + self.consensus * bare[0, 1] ** 2
        return [
            (felt[:, :, 0] + 0.0, 1, self.masses.size - 1),
            (constant[None] + 0.0, 0, 1),
        ]

    def check_state(self, state, name="start"):
        """`state` as an array with R >= 0 and E[R] = 1.

        Raises
        ------
        InputError
        """
        state = super().check_state(state, name)
        ratio, _ = self._split(state)
        if ratio.min() < 0:
            at = int(np.argmin(ratio))
            raise InputError(
                f"{name} must have R >= 0, got R = {ratio[at]:g} in cell {at}.",
                argument=name,
                fix="Divide masses of p_g by those of p_r.",
            )
        total = float(np.dot(self.masses, ratio))
        if abs(total - 1.0) > _ROUND_OFF:
            raise InputError(
                f"{name} must have E[R] = 1 over p_r, got {total:.10g}.",
                argument=name,
                fix="Divide R by its expectation, start[:N] /= field.masses @ start[:N].",
            )
        return state

    # --- inside ---

    def _best_logit(self):
        return self.equilibria[0][-1:]

    def _split(self, states):
        n = self.masses.size
        return states[..., :n], states[..., n:]

    def _of(self, loss, phi):
        # Losses of your own take 1-D arrays.
        return np.asarray(loss(phi.reshape(-1))).reshape(phi.shape)

    def _centred(self, values):
        return values - np.sum(values * self.masses, axis=-1, keepdims=True)

    def _cell_blocks(self, ratio, phi):
        """Per cell, before the projection: (2, 2, N) of the bare game, and of the felt one.

        J = Pi (felt + consensus g h^T) with g the first row of the bare block, h^T = w^T of it.
        """
        at = self.losses
        fall, rise = at.slope_gen(phi), at.generator_slope(phi)
        real_bend, gen_bend = at.curvature_real(phi), at.curvature_gen(phi)
        excess, bend = at.slope_real(phi) + ratio * fall, real_bend + ratio * gen_bend
        zero = np.zeros_like(phi)
        bare = np.array([[zero, -rise], [-self.tau * fall, -self.tau * bend]])
        felt = bare.copy()
        felt[0, 0] -= 2.0 * self.eta * fall * fall
        felt[0, 1] -= 2.0 * self.eta * (bend * fall + excess * gen_bend)
        if self.consensus:
            gen = -self._centred(at.generator_loss(phi))
            disc = -self.tau * excess
            third = derivative(at.curvature_real, phi) + ratio * derivative(at.curvature_gen, phi)
            # the change of J^T in J^T v
            turn = np.array([[zero, self.tau * gen_bend * disc]] * 2)
            turn[1, 0] = self.tau * gen_bend * disc
            turn[1, 1] = derivative(at.generator_slope, phi) * gen + self.tau * third * disc
            felt += self.consensus * (turn - np.einsum("kin,kjn->ijn", bare, bare))
        return bare, felt

    def _analytic(self, state):
        n = self.masses.size
        ratio, phi = self._split(np.asarray(state, dtype=float))
        bare, felt = self._cell_blocks(ratio, phi)
        dense = np.zeros((2, n, 2, n))
        cell = np.arange(n)
        for i in range(2):
            for j in range(2):
                dense[i, cell, j, cell] = felt[i, j]
        dense = dense.reshape(2 * n, 2 * n)
        if self.consensus:
            row = (self.masses * bare[0]).reshape(-1)
            dense += self.consensus * np.outer(bare[0].reshape(-1), row)
        dense[:n] -= self.masses @ dense[:n]
        return dense


def nonparametric(
    game="non-saturating", cells=64, tau=1.0, eta=0.0, real=None, gen=None, *, domain=None
):
    """The nonparametric game on a grid as a field: R and phi in every cell.

    Parameters
    ----------
    game : str or Game
        A row of the table, your own, or ``"wasserstein"``: V = E[f] - E[R f] with f any function on
        the cells (no Lipschitz bound, which is not felt near f = 0).
    cells : int
        Of the grid, where `real` and `gen` are presets.
    tau : float
        How many times faster the discriminator moves.
    eta : float
        Weight of the generator's eta |grad_phi V|^2.
    real, gen : Distribution or str, optional
        p_r, and the p_g to start from; without them the default problem.
    domain : optional
        Of the grid, where `real` and `gen` are presets.

    Returns
    -------
    GridGame
        It starts at R = p_g/p_r with phi = phi*(1) everywhere, a discriminator that knows nothing.

    Raises
    ------
    InputError
        For an unknown game, or generator mass where p_r = 0.

    Examples
    --------
    >>> field = nonparametric("maximum-likelihood", cells=32, tau=8)
    >>> field.spec, field.closed_form()[0][:3].real.round(3).tolist()
    ('nonparametric:cells=32,tau=8', [-2.0, -2.0, -4.0])
    """
    tau, eta = check_positive("tau", tau), check_not_negative("eta", eta)
    grid = None
    if not isinstance(real, Distribution) and not isinstance(gen, Distribution):
        grid = check_integer("cells", cells, minimum=2)
    losses, game_spec = _losses_of(game)
    real, gen = presets.problem(real, gen, grid, domain)
    start = density_ratio(gen=gen, real=real, singular="error")
    support = np.flatnonzero(real.mass.reshape(-1) > 0)
    if support.size < 2:
        raise InputError(
            "the nonparametric game needs p_r in at least 2 cells, it lies in 1.",
            argument="real",
            fix="Take a finer grid.",
        )
    masses = real.mass.reshape(-1)[support]
    n = masses.size
    best = float(losses.best(np.ones(1))[0])
    clip = np.full(n, losses.clip)
    free = np.full(n, np.inf)
    spec = f"nonparametric:cells={cells if grid else real.mass.size},tau={format_number(tau)}"
    return GridGame(
        spec=spec + (f",eta={format_number(eta)}" if eta else ""),
        summary=f"the game of {game_spec} itself: R and phi in {n:,} cells, both in L2(p_r)",
        formula=(
            "R' = f - E f, f' = tau (1 - R)"
            if game_spec == WASSERSTEIN
            else "R' = -(u(phi) - E u), phi' = -tau (l_r'(phi) + R l_g'(phi))"
        ),
        coordinates=tuple(f"{name}{i}" for name in ("R", "phi") for i in range(n)),
        n_gen=n,
        start=np.concatenate([start.values.reshape(-1)[support], np.full(n, best)]),
        equilibria=(np.concatenate([np.ones(n), np.full(n, best)]),),
        alpha=0.1,
        zero_sum=_is_zero_sum(losses),
        conserved=_conserved(masses, tau) if game_spec == WASSERSTEIN else None,
        eta=eta,
        lower=np.concatenate([-free, -clip]),
        upper=np.concatenate([free, clip]),
        bare=nonparametric(game, cells, tau, 0.0, real, gen) if eta else None,
        constraint="E[R] = 1",
        matched=_matched(losses, best),
        kink=None
        if losses.game is None or not losses.game.has_kink
        else partial(_kink, losses, game_spec),
        masses=masses,
        cells=support,
        real=real,
        losses=losses,
        game_spec=game_spec,
        tau=tau,
    )


def _losses_of(game):
    """Both players' losses in the logit, and the game's text."""
    if isinstance(game, str) and game.strip() == WASSERSTEIN:
        # l_r = -f, l_g = f up to constants, u = -f: linear, without the clip of the 0-1 row.
        linear = Logits(
            game=None,
            gen_game=None,
            disc=(LINEAR, (1.0, 1.0, 0.0)),
            gen=(AFFINE, IDENTITY, -1.0, 0.0),
            clip=math.inf,
            _link=None,
        )
        return linear, WASSERSTEIN
    losses = logits(game)
    return losses, losses.game.spec


def _conserved(masses, tau):
    def value(states):
        states = np.asarray(states)
        ratio, f = states[..., : masses.size], states[..., masses.size :]
        f = f - np.sum(masses * f, axis=-1, keepdims=True)
        return np.sum(masses * (tau * (ratio - 1.0) ** 2 + f * f), axis=-1)

    weight = "" if tau == 1 else f"{format_number(tau)} "
    return Conserved(text=f"{weight}E[(R-1)^2] + E[(f-E f)^2]", value=value)


def _is_zero_sum(losses):
    """Whether u = -l_g up to a constant."""
    phi = np.linspace(-0.9, 0.9, 7)  # inside every bound
    both = losses.generator_loss(phi) + losses.loss_gen(phi)
    return bool(np.ptp(both) <= 1e-12 * (1.0 + np.abs(both).max()))


def _excess_at(losses, best):
    """S at R = 1 and phi*."""
    phi = np.array([best])
    return float((losses.slope_real(phi) + losses.slope_gen(phi))[0])


def _matched(losses, best):
    if abs(_excess_at(losses, best)) > 1e-9:
        return ""
    level = "phi = 0" if best == 0 else f"phi - {format_number(round(best, 12))} = 0"
    return f"R = 1 is p_g = p_r in every cell, and D = 0 is {level}, the best response to it"


def _clipped(game):
    phi = float(game.equilibria[0][-1])
    return (
        f"{game.game_spec} has no eigenvalues at R = 1: its best response phi* = {phi:g} lies on "
        "the bound, where updates are clipped."
    )


def _kink(losses, name, state):
    """Why the Jacobian of a game with kinks does not decide."""
    phi = np.asarray(state, dtype=float)[-1:]
    if not np.abs(phi[0]) < losses.clip:
        return (
            f"the best response of {name} to R = 1 is phi* = {phi[0]:g}, on the bound where "
            "updates are clipped: the velocity has no derivative there"
        )
    swing = math.sqrt(abs(float((losses.generator_slope(phi) * losses.slope_gen(phi))[0])))
    return (
        f"the losses of {name} are piecewise linear, without a second derivative that would hold "
        "phi at its best response, which jumps at R = 1: until phi reaches a kink the game is the "
        f"Wasserstein game, with eigenvalues +-{'' if swing == 1 else f'{swing:.3g}'}i sqrt(tau)"
    )
