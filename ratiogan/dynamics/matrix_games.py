"""Matrix games: mixed strategies on two simplices, their equilibria, and the ways they are played.

The generator is the row player: it mixes m actions by x, the discriminator n columns by y. As in
the literature ``payoff`` A is what the ROW player gains, x^T A y, and ``other`` B what the column
player gains, -A where nothing is said. So the generator minimises V = -x^T A y, which in a zero-sum
game is the x^T B y that the discriminator maximises. A state is x followed by y.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from ratiogan._jit import strict
from ratiogan.dynamics.march import ALTERNATING, EXTRAGRADIENT, OPTIMISTIC, SIMULTANEOUS
from ratiogan.dynamics.methods import ORDERS
from ratiogan.dynamics.vector_field import Conserved, Field, rank_tolerance
from ratiogan.errors import (
    InputError,
    InputTypeError,
    check_choice,
    check_integer,
    check_not_negative,
)

ROCK_PAPER_SCISSORS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
MATCHING_PENNIES = np.array([[1.0, -1.0], [-1.0, 1.0]])
for _constant in (ROCK_PAPER_SCISSORS, MATCHING_PENNIES):
    _constant.flags.writeable = False

PROCESSES = (
    "projected-gradient",
    "extragradient",
    "optimistic",
    "fictitious-play",
    "best-response",
)

_EPS = float(np.finfo(np.float64).eps)
_MOST_PAIRS = 200_000  # of supports: 10 x 10 actions, a second or two
_ON_SIMPLEX = 1e-9
_METHODS = {
    "simultaneous": SIMULTANEOUS,
    "alternating": ALTERNATING,
    "extragradient": EXTRAGRADIENT,
    "optimistic": OPTIMISTIC,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixGame(Field):
    """Two mixed strategies as one field; make one with `matrix_game`.

    The velocity is the projected gradient inside the simplices: x' = P A y, y' = P B^T x, P the
    Euclidean projection on {sum = 0}. A regulariser moves along the simplices as well: its gradient
    is projected. `replicator` is the other flow.

    Attributes
    ----------
    payoff : array (m, n)
        A, what the generator (row player) gains; it minimises -x^T A y.
    other : array (m, n)
        B, what the discriminator (column player) gains.
    conserved : Conserved or None
        By the projected gradient, while it stays inside: the squared distance to the interior
        equilibrium of a zero-sum game.

    Examples
    --------
    >>> game = matrix_game([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    >>> game.equilibria[0].round(3)
    array([0.333, 0.333, 0.333, 0.333, 0.333, 0.333])
    >>> game.velocity([1, 0, 0, 0, 1, 0])  # rock against paper
    array([-1.,  0.,  1.,  0.,  1., -1.])
    """

    payoff: np.ndarray = field(default=None, repr=False)
    other: np.ndarray = field(default=None, repr=False)

    def velocity(self, states):
        """P A y and P B^T x at one state or many, real or complex, regularisers included.

        Parameters
        ----------
        states : array (..., m + n)

        Returns
        -------
        array (..., m + n)
        """
        states = np.asarray(states)
        kind = complex if np.iscomplexobj(states) else float
        return states.astype(kind, copy=False) @ self._linear.T

    @property
    def actions(self):
        """The names of both players' actions, as figures write them.

        Returns
        -------
        pair of tuples of str
        """
        short = [name.partition("_")[2] or name for name in self.coordinates]
        return tuple(short[: self.n_gen]), tuple(short[self.n_gen :])

    @property
    def is_analytic(self):
        """Whether the velocity takes complex states, so that a complex step is exact."""
        return True

    @cached_property
    def tangent(self):
        """An orthonormal basis of the directions in which a state can move.

        Returns
        -------
        array (m + n, m + n - 2)
            The generator's m - 1 columns first.
        """
        m, n = self.payoff.shape
        basis = np.zeros((m + n, m + n - 2))
        basis[:m, : m - 1] = _tangent_basis(m)
        basis[m:, m - 1 :] = _tangent_basis(n)
        return basis

    def blocks(self, state):
        """J on the tangent space, as a list of one (J, m - 1, 1)."""
        return [(self.tangent.T @ self._linear @ self.tangent, self.n_gen - 1, 1)]

    def replicator_blocks(self, state):
        """As `blocks`, of `replicator`."""
        return [(self.replicator_jacobian(state), self.n_gen - 1, 1)]

    def nudged(self, point, size):
        """As `Field.nudged`, on the simplices."""
        away = np.cos(1.0 + np.arange(self.tangent.shape[1]))
        return point + size * self.tangent @ (away / np.linalg.norm(away))

    def rest_directions(self, point):
        """As `Field.rest_directions`, on the simplices; none at an equilibrium on their boundary.

        Inside, equilibria of a zero-sum game form a convex set: the kernel of J on the tangent
        space.
        """
        if np.min(point) <= _ON_SIMPLEX:
            return np.zeros((self.size, 0))
        matrix = self.blocks(point)[0][0]
        _, values, rows = np.linalg.svd(matrix)
        return self.tangent @ rows[values <= rank_tolerance(matrix)].T

    def unrest(self, point):
        """As `Field.unrest`: what a best response would gain, which is 0 at an equilibrium."""
        return float(self.gap(point)), "the gain of best responses"

    def check_state(self, state, name="start"):
        """`state` as two mixed strategies, one after the other.

        Raises
        ------
        InputError
            Unless both are at least 0 and sum to 1 within 1e-9. Nothing is normalised.
        """
        return _check_strategies(state, self.payoff.shape, self.coordinates, self.start, name)

    @property
    def value(self):
        """What the generator gains at an equilibrium of a zero-sum game, max_x min_y x^T A y.

        None where the game is not zero-sum.
        """
        if not self.zero_sum:
            return None
        x, y = self._split(self.equilibria[0])
        return float(x @ self.payoff @ y)

    def gap(self, states):
        """How much both players could gain in all by a best response; see `exploitability`.

        Parameters
        ----------
        states : array (..., m + n)

        Returns
        -------
        array (...)
        """
        return exploitability(states, self.payoff, self.other)

    def replicator(self, states):
        """The replicator equation at one state or many, real or complex, without regularisers.

        x_i' = x_i ((A y)_i - x^T A y) and y_j' = y_j ((B^T x)_j - x^T B y): what gains more than
        the average grows. The averages are taken over shares, x^T A y / sum x: on the simplices the
        same, and beside them the sums stay what they are. (As it stands, x^T A y < 0 would let what
        rounding adds to a sum grow like exp(-t x^T A y).)

        Parameters
        ----------
        states : array (..., m + n)

        Returns
        -------
        array (..., m + n)

        References
        ----------
        Taylor and Jonker 1978, "Evolutionary stable strategies and game dynamics"; for two players
        Hofbauer and Sigmund 1998, "Evolutionary games and population dynamics", chapter 10.

        Examples
        --------
        >>> game = matrix_game([[1, -1], [-1, 1]])
        >>> game.replicator([0.5, 0.5, 0.75, 0.25])
        array([ 0.25, -0.25,  0.  ,  0.  ])
        """
        x, y = self._split(np.asarray(states))
        moved = _compete(x, y @ self.payoff.T), _compete(y, x @ self.other)
        return np.concatenate(moved, axis=-1)

    def replicator_jacobian(self, state):
        """d `replicator` / d state on the tangent space, which the replicator never leaves.

        Parameters
        ----------
        state : array (m + n,)

        Returns
        -------
        array (m + n - 2, m + n - 2)
            In the basis `tangent`.

        Examples
        --------
        >>> game = rock_paper_scissors()
        >>> J = game.replicator_jacobian(game.equilibria[0])
        >>> np.abs(np.linalg.eigvals(J).imag * np.sqrt(3)).round(9)
        array([1., 1., 1., 1.])
        """
        x, y = self._split(np.asarray(state, dtype=float))
        m = self.n_gen
        full = np.zeros((self.size, self.size))
        for own, rest, mix, against, gains in (
            (slice(0, m), slice(m, None), x, y, self.payoff),
            (slice(m, None), slice(0, m), y, x, self.other.T),
        ):
            gain = gains @ against
            full[own, own] = np.diag(gain - mix @ gain) - np.outer(mix, gain)
            full[own, rest] = mix[:, None] * (gains - mix @ gains)
        return self.tangent.T @ full @ self.tangent

    @cached_property
    def replicator_conserved(self):
        """What the replicator equation conserves in a zero-sum game with an interior equilibrium.

        H = -sum x*_i log x_i - sum y*_j log y_j. For -d/dt sum x*_i log x_i is
        x^T A y - x*^T A y = (x - x*)^T A (y - y*), because A y* is the same for all actions. The
        column player's part is the same with B = -A; both cancel.

        Returns
        -------
        Conserved or None
        """
        point = _interior(self.equilibria)
        if point is None or not self.zero_sum:
            return None
        return Conserved("-x*.log x - y*.log y", lambda states: -(np.log(states) @ point))

    def _split(self, states):
        return states[..., : self.n_gen], states[..., self.n_gen :]

    def _analytic(self, state):
        return self._linear.copy()

    @cached_property
    def _linear(self):
        """The velocity is linear: this matrix times the state."""
        bare = _gradient_matrix(self.payoff, self.other)
        if not self.eta and not self.consensus:
            return bare
        # Downhill on consensus |v|^2/2 + eta |v_D|^2 (this one the generator alone), projected:
        # the gradients themselves do not sum to 0.
        along = self.tangent @ self.tangent.T
        m = self.n_gen
        push = self.consensus * (along @ bare.T @ bare)
        push[:m] += 2.0 * self.eta * (along @ bare[m:].T @ bare[m:])[:m]
        return bare - push


def matrix_game(payoff, other=None, *, spec="matrix", actions=None, start=None, **more):
    """A game of two mixed strategies.

    Parameters
    ----------
    payoff : array (m, n)
        A: the generator (rows) gains x^T A y.
    other : array (m, n), optional
        B: the discriminator (columns) gains x^T B y; default -A, a zero-sum game.
    spec : str
        What messages call it.
    actions : sequence of str, or pair of them, optional
        Names of the actions, of both players where they have the same.
    start : sequence of m + n numbers, optional
        Default the weights m, .., 2, 1 for x and 1, 2, .., n for y, as shares.
    **more
        Any other attribute of `Field`: ``alpha``, ``summary``, ..

    Returns
    -------
    MatrixGame
        Its `equilibria` are those of `nash_equilibria`, the largest supports first. In a zero-sum
        game that is too large for these, or in which none is found, the one of `maximin`; in a
        large game that is not zero-sum none.

    Raises
    ------
    InputError
        If the payoffs are no finite matrices of one shape, or leave a player a single action.

    Examples
    --------
    >>> chicken = matrix_game([[0, -1], [1, -9]], [[0, 1], [-1, -9]])
    >>> len(chicken.equilibria), chicken.equilibria[0]
    (3, array([0.88888889, 0.11111111, 0.88888889, 0.11111111]))
    """
    gains, others = _payoffs(payoff, other)
    m, n = gains.shape
    if min(m, n) < 2:
        raise InputError(
            f"payoff must leave each player two actions or more, got shape {gains.shape}.",
            argument="payoff",
            fix="Write a matrix of at least 2 x 2.",
        )
    zero_sum = bool(np.array_equal(others, -gains))
    coordinates = _coordinates(actions, m, n)
    if start is None:
        falling, rising = np.arange(m, 0.0, -1.0), np.arange(1.0, n + 1.0)
        start = np.concatenate([falling / falling.sum(), rising / rising.sum()])
        if exploitability(start, gains, others) < _ON_SIMPLEX:  # at rest: nothing would be seen
            start[:m] = start[:m][::-1]
    else:
        start = _check_strategies(start, (m, n), coordinates)
    points = [np.concatenate(pair) for pair in _equilibria(gains, others, zero_sum)]
    given = {
        "summary": f"{m} x {n} {'zero-sum' if zero_sum else 'bimatrix'} game",
        "formula": "x' = P A y, y' = P B^T x",
        "constraint": "the shares' sums",
        "kink": _on_boundary,
        "methods": ("replicator", "fictitious-play", "best-response", "projected-gradient"),
        "conserved": _distance_conserved(points) if zero_sum else None,
        **more,
    }
    return MatrixGame(
        spec=spec,
        coordinates=coordinates,
        n_gen=m,
        start=start,
        equilibria=tuple(points),
        zero_sum=zero_sum,
        payoff=gains,
        other=others,
        **given,
    )


def _on_boundary(point):
    """Why there is no Jacobian at an equilibrium on the boundary; None inside."""
    if np.min(point) > _ON_SIMPLEX:
        return None
    return "it lies on the boundary of the simplices, where steps are projected back"


def rock_paper_scissors(**more):
    """Rock, paper, scissors: what `matrix_game` makes of ``ROCK_PAPER_SCISSORS``.

    Examples
    --------
    >>> rock_paper_scissors().value
    0.0
    """
    given = {
        "spec": "rps",
        "summary": "rock, paper, scissors: each beats the one before",
        "actions": ("rock", "paper", "scissors"),
        "start": (0.5, 0.3, 0.2, 0.2, 0.5, 0.3),
    }
    return matrix_game(ROCK_PAPER_SCISSORS, **{**given, **more})


def matching_pennies(**more):
    """Matching pennies: what `matrix_game` makes of ``MATCHING_PENNIES``.

    Examples
    --------
    >>> matching_pennies().equilibria
    (array([0.5, 0.5, 0.5, 0.5]),)
    """
    given = {
        "spec": "matching-pennies",
        "summary": "matching pennies: the generator wants the same side, the discriminator not",
        "actions": ("heads", "tails"),
    }
    return matrix_game(MATCHING_PENNIES, **{**given, **more})


# --- equilibria ----------------------------------------------------------------------------------


def nash_equilibria(payoff, other=None):
    """All Nash equilibria of a nondegenerate bimatrix game, by support enumeration.

    In a nondegenerate game both supports have the same size. For each pair of them, two linear
    systems make all actions of a support equally good; an equilibrium is a solution that is nowhere
    negative and that no action outside the support beats.

    Both hold up to rounding: a system of condition number c gives its k + 1 unknowns to
    e = 4 (k + 1) eps c, for payoffs scaled to [-1, 1]. A system with e above sqrt(eps) = 1.5e-8
    counts as singular. Probabilities within e of 0 are set to 0, and equilibria that differ by less
    are one. A degenerate game has equilibria that are not isolated: of these some are found.

    Parameters
    ----------
    payoff, other : array (m, n)
        What the row and the column player gain; `other` is -payoff by default.

    Returns
    -------
    list of (x, y)
        Arrays (m,) and (n,); larger supports first.

    Raises
    ------
    InputError
        Above 200 000 pairs of supports, (m + n)!/(m! n!) - 1: 10 x 10 actions are still searched.

    References
    ----------
    Nisan, Roughgarden, Tardos and Vazirani 2007, "Algorithmic game theory", section 3.2.

    Examples
    --------
    >>> for x, y in nash_equilibria([[3, 0], [0, 2]], [[2, 0], [0, 3]]):
    ...     print(x, y)
    [0.6 0.4] [0.4 0.6]
    [1. 0.] [1. 0.]
    [0. 1.] [0. 1.]
    """
    gains, others = _payoffs(payoff, other)
    m, n = gains.shape
    if not _is_small(m, n):
        raise InputError(
            f"payoff of {m} x {n} actions has more than {_MOST_PAIRS} pairs of supports, too many "
            "to search.",
            argument="payoff",
            fix="For a zero-sum game call maximin(payoff), a linear programme.",
        )
    gains, others = _unit(gains), _unit(others)
    found = []
    for k in range(1, min(m, n) + 1):
        rows = np.array(list(combinations(range(m), k)))
        columns = np.array(list(combinations(range(n), k)))
        own = np.repeat(rows, len(columns), axis=0)
        against = np.tile(columns, (len(rows), 1))
        y, gain_x, error_y = _indifference(gains[own[:, :, None], against[:, None, :]])
        x, gain_y, error_x = _indifference(others[own[:, None, :], against[:, :, None]])
        error = np.maximum(error_x, error_y)
        whole_x, whole_y = np.zeros((len(own), m)), np.zeros((len(own), n))
        np.put_along_axis(whole_x, own, x, axis=1)
        np.put_along_axis(whole_y, against, y, axis=1)
        # A payoff that k probabilities average is off by at most k + 1 times their error.
        room = (k + 1) * error
        good = (
            (error <= math.sqrt(_EPS))
            & (x >= -error[:, None]).all(axis=1)
            & (y >= -error[:, None]).all(axis=1)
            & ((whole_y @ gains.T).max(axis=1) - gain_x <= room)
            & ((whole_x @ others).max(axis=1) - gain_y <= room)
        )
        for at in np.flatnonzero(good):
            pair = [np.where(mix > error[at], mix, 0.0) for mix in (whole_x[at], whole_y[at])]
            known = any(
                max(np.abs(mix - seen).max() for mix, seen in zip(pair, before, strict=True))
                <= error[at] + slack
                for before, slack in found
            )
            if not known:
                found.append((pair, error[at]))
    found.sort(key=lambda entry: -sum(np.count_nonzero(mix) for mix in entry[0]))
    return [tuple(pair) for pair, _ in found]


def maximin(payoff):
    """Optimal strategies of a zero-sum game of any size, by a linear programme.

    max v over x in the simplex with (x^T A)_j >= v; y are its multipliers (von Neumann 1928).
    Solved by HiGHS for payoffs scaled to [-1, 1]; its rounding is not repaired, except that what
    it leaves below 0 is 0.

    Parameters
    ----------
    payoff : array (m, n)
        A: the row player gains x^T A y, the column player loses it.

    Returns
    -------
    x, y : arrays (m,) and (n,)
    value : float
        x^T A y; it lies between min_j (x^T A)_j and max_i (A y)_i, which prove it.

    Examples
    --------
    >>> x, y, value = maximin([[3, -1], [-2, 1]])
    >>> x.round(6), y.round(6), round(value, 6)
    (array([0.428571, 0.571429]), array([0.285714, 0.714286]), 0.142857)
    """
    from scipy.optimize import linprog

    gains, _ = _payoffs(payoff, None)
    m, n = gains.shape
    scaled = _unit(gains)
    solved = linprog(
        np.append(np.zeros(m), -1.0),
        A_ub=np.column_stack([-scaled.T, np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(m), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, None)] * m + [(None, None)],
        method="highs",
    )
    if not solved.success:
        raise InputError(
            f"the linear programme of payoff was not solved: {solved.message}", argument="payoff"
        )
    # The largest of each keeps +0.0 for the -0.0 that multipliers come with.
    x = np.maximum(solved.x[:m], 0.0)
    y = np.maximum(-solved.ineqlin.marginals, 0.0)
    return x, y, float(x @ gains @ y)


def exploitability(states, payoff, other=None):
    """What both players could gain in all by a best response: 0 at equilibria and only there.

    max_i (A y)_i - x^T A y + max_j (B^T x)_j - x^T B y. In a zero-sum game this is the duality gap
    max_i (A y)_i - min_j (x^T A)_j.

    Parameters
    ----------
    states : array (..., m + n)
    payoff, other : array (m, n)

    Returns
    -------
    array (...)

    Examples
    --------
    >>> float(exploitability([1, 0, 0.5, 0.5], [[1, -1], [-1, 1]]))
    1.0
    """
    gains, others = _payoffs(payoff, other)
    states = np.asarray(states, dtype=float)
    x, y = states[..., : gains.shape[0]], states[..., gains.shape[0] :]
    best = (y @ gains.T).max(axis=-1) + (x @ others).max(axis=-1)
    if np.array_equal(others, -gains):
        return best
    return best - ((x @ (gains + others)) * y).sum(axis=-1)


# --- processes -----------------------------------------------------------------------------------


def march_game(game, process, start, rates, most, keep=None, order="simultaneous", gen_first=True):
    """Play a matrix game for `most` steps.

    Parameters
    ----------
    game : MatrixGame
        Its regularisers act in the gradient methods.
    process : str
        ``projected-gradient``, ``extragradient``, ``optimistic``, ``fictitious-play`` or
        ``best-response``.
    start : array (m + n,), or two ints
        Mixed strategies, or the pair of first actions.
    rates : float or two floats
        Step sizes of generator and discriminator; the last two processes have none.
    most : int
        Steps to take. A step moves both players, except in alternating best responses: there it
        is the move of one player.
    keep : int array (K,), optional
        The steps to record, rising, from 0 to `most`; default all.
    order : str
        ``simultaneous`` or ``alternating``; extragradient and optimistic steps are simultaneous.
    gen_first : bool
        Who moves first where players alternate.

    Returns
    -------
    steps_done : int
    states : array (K, m + n)
    moves : int array (K, 2) or None
        Actions played last, -1 where a strategy of the start is still mixed; None for gradients.
    gaps : array (K,)
        See `exploitability`.

    Raises
    ------
    InputError

    Examples
    --------
    >>> game = rock_paper_scissors()
    >>> done, states, moves, gaps = march_game(game, "extragradient", game.start, 0.2, 500)
    >>> states[-1].round(6), bool(gaps[-1] < 1e-6)
    (array([0.333333, 0.333333, 0.333333, 0.333333, 0.333333, 0.333333]), True)
    """
    check_choice("process", process, PROCESSES)
    check_choice("order", order, ORDERS)
    if process in ("fictitious-play", "best-response"):
        play = fictitious_play if process == "fictitious-play" else best_response
        states, moves, gaps = play(
            game.payoff, game.other, start, most, order=order, gen_first=gen_first, keep=keep
        )
        return most, states, moves, gaps
    method = order
    if process != "projected-gradient":
        method = process
        if order == "alternating":
            raise InputError(
                f"order of {process} must be simultaneous, got 'alternating'.",
                argument="order",
                fix="Take projected-gradient, or leave order out.",
            )
    start = _start_of(start, game.payoff, game.coordinates)
    states = _descend(game._linear, game.n_gen, method, start, rates, most, keep, gen_first)
    return most, states, None, game.gap(states)


def projected_gradient(
    payoff, other=None, start=None, steps=1000, *, alpha=0.1, method="simultaneous",
    gen_first=True, keep=None,
):  # fmt: skip
    """Each player steps up its gain and is projected back on its simplex.

    With v the gradients (A y, B^T x), z = (x, y) and Pi the Euclidean projection on both simplices:

    - ``simultaneous``: z <- Pi(z + alpha v(z));
    - ``alternating``: the same for one player, then for the other, which sees the move;
    - ``extragradient``: z <- Pi(z + alpha v(Pi(z + alpha v(z)))) (Korpelevich 1976);
    - ``optimistic``: z <- Pi(z + alpha (2 v - v of the step before)) (Daskalakis et al. 2018).

    Parameters
    ----------
    payoff, other : array (m, n)
    start : array (m + n,) or two ints, optional
        Mixed strategies or first actions; default both players' first.
    steps : int
    alpha : float or two floats
    method : str
    gen_first : bool
    keep : int array (K,), optional

    Returns
    -------
    states : array (K, m + n)
    gaps : array (K,)

    Raises
    ------
    InputError

    Examples
    --------
    >>> states, gaps = projected_gradient(MATCHING_PENNIES, steps=2000, method="optimistic")
    >>> states[-1].round(3)
    array([0.5, 0.5, 0.5, 0.5])
    """
    check_choice("method", method, tuple(_METHODS))
    gains, others = _payoffs(payoff, other)
    start = _start_of(start, gains)
    linear = _gradient_matrix(gains, others)
    states = _descend(linear, len(gains), method, start, alpha, steps, keep, gen_first)
    return states, exploitability(states, gains, others)


def fictitious_play(
    payoff, other=None, start=None, steps=1000, *, order="simultaneous", ties="first",
    gen_first=True, keep=None,
):  # fmt: skip
    """Each player answers what the other has played on average so far (Brown 1951).

    The state after k steps is the mean of the start and of k actions each. In a zero-sum game it
    approaches an equilibrium (Robinson 1951).

    Parameters
    ----------
    payoff, other : array (m, n)
    start : array (m + n,) or two ints, optional
        The first beliefs, or first actions; default both players' first action.
    steps : int
    order : str
        ``simultaneous``, or ``alternating``: the second player already knows the first one's action
        of this step.
    ties : str
        Among best actions the ``first`` or the ``last`` is played.
    gen_first : bool
        Who plays first in ``alternating``.
    keep : int array (K,), optional

    Returns
    -------
    states : array (K, m + n)
    moves : int array (K, 2)
        The actions that these steps added; -1 for a mixed start.
    gaps : array (K,)

    Raises
    ------
    InputError

    Examples
    --------
    >>> states, moves, gaps = fictitious_play(ROCK_PAPER_SCISSORS, steps=10_000, keep=[100, 10_000])
    >>> (gaps * np.sqrt([100, 10_000])).round(2)
    array([1.39, 1.34])
    """
    check_choice("order", order, ORDERS)
    check_choice("ties", ties, ("first", "last"))
    gains, others = _payoffs(payoff, other)
    start = _start_of(start, gains)
    steps, keep = _check_keep(steps, keep)
    states, moves = np.empty((keep.size, start.size)), np.empty((keep.size, 2), dtype=np.int64)
    _play_means(
        gains, others, order == "alternating", bool(gen_first), ties == "last", start,
        _pure(start, len(gains)), steps, keep, states, moves,
    )  # fmt: skip
    return states, moves, exploitability(states, gains, others)


def best_response(
    payoff, other=None, start=None, steps=100, *, order="simultaneous", gen_first=True, keep=None
):
    """Each player answers the other's present strategy by the first of its best actions.

    Parameters
    ----------
    payoff, other : array (m, n)
    start : array (m + n,) or two ints, optional
        Strategies, or first actions; default both players' first action.
    steps : int
        In ``simultaneous`` a step moves both players; in ``alternating`` one, in turn.
    order : str
    gen_first : bool
        Who moves first in ``alternating``.
    keep : int array (K,), optional

    Returns
    -------
    states : array (K, m + n)
    moves : int array (K, 2)
        Both players' present actions; -1 for a strategy that is still the mixed start.
    gaps : array (K,)

    Raises
    ------
    InputError

    Examples
    --------
    Rock, paper, scissors: the generator shows rock, then the discriminator moves first.

    >>> _, moves, _ = best_response(
    ...     ROCK_PAPER_SCISSORS, steps=7, order="alternating", gen_first=False
    ... )
    >>> moves.tolist()
    [[0, 0], [0, 1], [2, 1], [2, 0], [1, 0], [1, 2], [0, 2], [0, 1]]
    """
    check_choice("order", order, ORDERS)
    gains, others = _payoffs(payoff, other)
    start = _start_of(start, gains)
    steps, keep = _check_keep(steps, keep)
    states, moves = np.empty((keep.size, start.size)), np.empty((keep.size, 2), dtype=np.int64)
    _play_replies(
        gains, others, order == "alternating", bool(gen_first), start.copy(),
        _pure(start, len(gains)), steps, keep, states, moves,
    )  # fmt: skip
    return states, moves, exploitability(states, gains, others)


def project_simplex(points):
    """The nearest point of the simplex {x >= 0, sum x = 1} in the Euclidean distance.

    Parameters
    ----------
    points : array (..., n)

    Returns
    -------
    array (..., n)

    Raises
    ------
    InputError
        If a number is not finite.

    References
    ----------
    Michelot 1986, "A finite algorithm for finding the projection of a point onto the canonical
    simplex of R^n".

    Examples
    --------
    >>> project_simplex([0.5, 1.0, -3.0])
    array([0.25, 0.75, 0.  ])
    """
    points = np.array(points, dtype=float, ndmin=1)
    if points.shape[-1] < 1 or not np.isfinite(points).all():
        raise InputError(
            "points must be rows of one or more finite numbers, got "
            f"{'an empty row' if points.shape[-1] < 1 else 'NaN or inf'}.",
            argument="points",
        )
    for row in points.reshape(-1, points.shape[-1]):
        _project(row, 0, row.size)
    return points


# --- kernels: arrays are modified in place -------------------------------------------------------


@strict
def _project(z, a, b):
    """z[a:b] onto its simplex: max(z - shift, 0), the shift such that the sum is 1.

    Newton's method for the shift, from below: the sum is convex and has n kinks, so it ends after
    n rounds at most, mostly two or three.
    """
    top = z[a]
    for i in range(a + 1, b):
        top = max(top, z[i])
    # What stays above 0 lies within 1 of the largest: relative to it no digits are lost.
    shift = -1.0
    while True:
        total, count = -1.0, 0
        for i in range(a, b):
            if z[i] - top > shift:
                total += z[i] - top
                count += 1
        level = total / count
        if not level > shift:
            break
        shift = level
    for i in range(a, b):
        z[i] = max(z[i] - top - shift, 0.0)


@strict
def _gradient(linear, z, a, b, out):
    """Rows a to b of linear z."""
    for i in range(a, b):
        total = 0.0
        for j in range(z.size):
            total += linear[i, j] * z[j]
        out[i] = total


@strict
def _ascend(z, v, rates, m, a, b, out):
    """z + rates v of the coordinates from a to b, before projection."""
    for i in range(a, b):
        out[i] = z[i] + (rates[0] if i < m else rates[1]) * v[i]


@strict
def _march_gradients(linear, m, method, rates, gen_first, z, most, keep, out):
    """Projected gradient steps from `z`; the states at the steps `keep` go into `out`."""
    n = z.size
    v, ahead, last = np.empty(n), np.empty(n), np.empty(n)
    row = 0
    for step in range(most + 1):
        if row < keep.size and keep[row] == step:
            for i in range(n):
                out[row, i] = z[i]
            row += 1
        if step == most:
            break
        if method == ALTERNATING:
            for turn in range(2):
                a, b = (0, m) if (turn == 0) == gen_first else (m, n)
                _gradient(linear, z, a, b, v)
                _ascend(z, v, rates, m, a, b, z)
                _project(z, a, b)
            continue
        _gradient(linear, z, 0, n, v)
        if method == EXTRAGRADIENT:
            _ascend(z, v, rates, m, 0, n, ahead)
            _project(ahead, 0, m)
            _project(ahead, m, n)
            _gradient(linear, ahead, 0, n, v)
        elif method == OPTIMISTIC:
            for i in range(n):
                here = v[i]
                if step > 0:
                    v[i] = 2.0 * here - last[i]
                last[i] = here
        _ascend(z, v, rates, m, 0, n, z)
        _project(z, 0, m)
        _project(z, m, n)


@strict
def _best(belief, total, last_tie):
    """The place of the largest belief + total."""
    best = 0
    for i in range(1, belief.size):
        lead = (belief[i] + total[i]) - (belief[best] + total[best])
        if lead > 0.0 or (last_tie and lead == 0.0):
            best = i
    return best


@strict
def _play_means(
    gains, others, alternating, gen_first, last_tie, start, pair, most, keep, out, moves
):
    """Fictitious play; means go into `out`, actions into `moves`."""
    m, n = gains.shape
    belief_x, belief_y = np.zeros(m), np.zeros(n)
    for i in range(m):
        for j in range(n):
            belief_x[i] += gains[i, j] * start[m + j]
            belief_y[j] += others[i, j] * start[i]
    # Apart from the beliefs: for whole-number payoffs these sums, and with them ties, are exact.
    total_x, total_y = np.zeros(m), np.zeros(n)
    count = np.zeros(m + n)
    first, second = pair[0], pair[1]
    row = 0
    for step in range(most + 1):
        if row < keep.size and keep[row] == step:
            for i in range(m + n):
                out[row, i] = (start[i] + count[i]) / (step + 1.0)
            moves[row, 0], moves[row, 1] = first, second
            row += 1
        if step == most:
            break
        if not alternating or gen_first:
            first = _best(belief_x, total_x, last_tie)
        if not alternating or not gen_first:
            second = _best(belief_y, total_y, last_tie)
        if alternating and gen_first:
            for j in range(n):
                total_y[j] += others[first, j]
            second = _best(belief_y, total_y, last_tie)
            for i in range(m):
                total_x[i] += gains[i, second]
        elif alternating:
            for i in range(m):
                total_x[i] += gains[i, second]
            first = _best(belief_x, total_x, last_tie)
            for j in range(n):
                total_y[j] += others[first, j]
        else:
            for i in range(m):
                total_x[i] += gains[i, second]
            for j in range(n):
                total_y[j] += others[first, j]
        count[first] += 1.0
        count[m + second] += 1.0


@strict
def _reply(gains, z, m, gen):
    """The player's first best action against the other's strategy in `z`."""
    best, most = 0, -np.inf
    for action in range(m if gen else z.size - m):
        gain = 0.0
        for against in range(z.size - m if gen else m):
            if gen:
                gain += gains[action, against] * z[m + against]
            else:
                gain += gains[against, action] * z[against]
        if gain > most:
            best, most = action, gain
    return best


@strict
def _play_replies(gains, others, alternating, gen_first, z, pair, most, keep, out, moves):
    """Pure best responses from `z`; states go into `out`, actions into `moves`."""
    m = gains.shape[0]
    first, second = pair[0], pair[1]
    row = 0
    for step in range(most + 1):
        if row < keep.size and keep[row] == step:
            for i in range(z.size):
                out[row, i] = z[i]
            moves[row, 0], moves[row, 1] = first, second
            row += 1
        if step == most:
            break
        gen_moves = not alternating or (step % 2 == 0) == gen_first
        disc_moves = not alternating or not gen_moves
        # Both look before either moves.
        if gen_moves:
            first = _reply(gains, z, m, True)
        if disc_moves:
            second = _reply(others, z, m, False)
        if gen_moves:
            for i in range(m):
                z[i] = 1.0 if i == first else 0.0
        if disc_moves:
            for j in range(z.size - m):
                z[m + j] = 1.0 if j == second else 0.0


# --- what the functions above share --------------------------------------------------------------


def _descend(linear, m, method, start, rates, most, keep, gen_first):
    most, keep = _check_keep(most, keep)
    try:
        rates = np.broadcast_to(np.asarray(rates, dtype=float), (2,))
    except (TypeError, ValueError):
        raise InputTypeError(
            f"alpha must be one number or two, the generator's first, got {rates!r}.",
            argument="alpha",
        ) from None
    rates = np.array([check_not_negative("alpha", rate) for rate in rates])
    out = np.empty((keep.size, start.size))
    _march_gradients(
        linear, m, _METHODS[method], rates, bool(gen_first), start.copy(), most, keep, out
    )
    return out


def _payoffs(payoff, other):
    """Both matrices as arrays, checked."""
    gains = _as_payoff(payoff, "payoff")
    if other is None:
        return gains, -gains
    others = _as_payoff(other, "other")
    if others.shape != gains.shape:
        raise InputError(
            f"other must have the shape of payoff, {gains.shape}, got {others.shape}.",
            argument="other",
            fix="Its rows are the generator's actions too: write what the column player gains.",
        )
    return gains, others


def _as_payoff(values, name):
    try:
        array = np.array(values, dtype=float, order="C")
    except (TypeError, ValueError):
        raise InputTypeError(
            f"{name} must be a matrix of numbers, got {values!r}.", argument=name
        ) from None
    if np.ndim(values) != 2 or not array.size:
        raise InputError(
            f"{name} must be a matrix, one row per action of the generator, got shape "
            f"{np.shape(values)}.",
            argument=name,
            fix="Write for instance [[1, -1], [-1, 1]].",
        )
    if not np.isfinite(array).all():
        i, j = np.argwhere(~np.isfinite(array))[0]
        raise InputError(
            f"{name} must be finite, got {array[i, j]} at row {i}, column {j}.", argument=name
        )
    return array


def _check_strategies(state, shape, coordinates, example=None, name="start"):
    m, n = shape
    try:
        state = np.array(state, dtype=float)
    except (TypeError, ValueError):
        raise InputTypeError(
            f"{name} must be {m + n} numbers, got {state!r}.", argument=name
        ) from None
    if example is None:
        example = np.concatenate([np.full(m, 1.0 / m), np.full(n, 1.0 / n)])
    fix = f"Write for instance {','.join(f'{x:.4g}' for x in example)}."
    if max(m, n) > 6:
        fix = f"Write {m} shares that sum to 1, then {n}."
    if state.shape != (m + n,):
        raise InputError(
            f"{name} must have {m + n} numbers, the generator's {m} probabilities and the "
            f"discriminator's {n}, got shape {state.shape}.",
            argument=name,
            fix=fix,
        )
    wrong = ~((state >= 0.0) & np.isfinite(state))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"{name} must hold probabilities, got {coordinates[at]} = {state[at]:g}.",
            argument=name,
            fix=fix,
        )
    for player, part in (("generator", state[:m]), ("discriminator", state[m:])):
        total = float(part.sum())
        if abs(total - 1.0) > _ON_SIMPLEX:
            raise InputError(
                f"{name} must hold probabilities that sum to 1 for each player, got {total:.12g} "
                f"for the {player}.",
                argument=name,
                fix=fix,
            )
    return state


def _start_of(start, gains, coordinates=None):
    """Strategies from what a process was given: two actions, a state, or nothing."""
    m, n = gains.shape
    if start is None:
        start = (0, 0)
    elif not (isinstance(start, (tuple, list, np.ndarray)) and len(start) == 2 < m + n):
        return _check_strategies(start, (m, n), coordinates or _coordinates(None, m, n))
    state = np.zeros(m + n)
    for action, count, begin in zip(start, (m, n), (0, m), strict=True):
        action = check_integer("start", action, 0)
        if action >= count:
            raise InputError(
                f"start must be two actions below {m} and {n}, got {tuple(start)}.",
                argument="start",
                fix=f"Write two actions, or {m + n} probabilities.",
            )
        state[begin + action] = 1.0
    return state


def _pure(state, m):
    """Both players' actions where the strategies are pure, else -1."""
    parts = (state[:m], state[m:])
    return np.array([int(np.argmax(part)) if part.max() == 1.0 else -1 for part in parts])


def _check_keep(most, keep):
    most = check_integer("steps", most, 0)
    if keep is None:
        return most, np.arange(most + 1)
    kept = np.asarray(keep)
    if (
        kept.ndim != 1
        or kept.size == 0
        or kept.dtype.kind not in "iu"
        or (np.diff(kept.astype(np.int64)) <= 0).any()
        or kept[0] < 0
        or kept[-1] > most
    ):
        raise InputError(
            f"keep must be rising whole numbers from 0 to {most}, got {keep!r}.",
            argument="keep",
            fix="Leave it out to keep every step.",
        )
    return most, np.ascontiguousarray(kept, dtype=np.int64)


def _coordinates(actions, m, n):
    if actions is None:
        return (*(f"x{i + 1}" for i in range(m)), *(f"y{j + 1}" for j in range(n)))
    both = (actions, actions) if isinstance(actions[0], str) else tuple(actions)
    counts = tuple(len(names) for names in both)
    if counts != (m, n):
        raise InputError(
            f"actions must be {m} names for the generator and {n} for the discriminator, got "
            f"{' and '.join(map(str, counts))}.",
            argument="actions",
        )
    return tuple(
        f"{letter}_{name}" for letter, names in zip("xy", both, strict=True) for name in names
    )


def _is_small(m, n):
    # Pairs of equal sizes: sum over k of C(m, k) C(n, k) = C(m + n, m) - 1 (Vandermonde).
    return math.comb(m + n, m) - 1 <= _MOST_PAIRS


def _equilibria(gains, others, zero_sum):
    found = nash_equilibria(gains, others) if _is_small(*gains.shape) else []
    if not found and zero_sum:
        found = [maximin(gains)[:2]]
    return found


def _interior(points):
    return next((point for point in points if (np.asarray(point) > 0.0).all()), None)


def _distance_conserved(points):
    """|z - z*|^2: half its derivative is (x - x*)^T A (y - y*) plus the same with B = -A."""
    point = _interior(points)
    if point is None:
        return None
    return Conserved("|x - x*|^2 + |y - y*|^2", lambda states: ((states - point) ** 2).sum(axis=-1))


def _unit(matrix):
    """Shifted and scaled to [-1, 1], which leaves strategies alone; a constant becomes 0."""
    low, high = matrix.min(), matrix.max()
    half = high / 2.0 - low / 2.0
    return (matrix - (high / 2.0 + low / 2.0)) / (half if half > 0.0 else 1.0)


def _indifference(blocks):
    """Shares y with blocks y = gain for every row, and a bound of their rounding (inf: singular).

    Parameters
    ----------
    blocks : array (K, k, k)

    Returns
    -------
    y : array (K, k)
    gain, error : array (K,)
    """
    count, k, _ = blocks.shape
    system = np.zeros((count, k + 1, k + 1))
    system[:, :k, :k] = blocks
    system[:, :k, k] = -1.0
    system[:, k, :k] = 1.0
    singular = np.linalg.slogdet(system)[0] == 0.0
    system[singular] = np.eye(k + 1)
    inverse = np.linalg.inv(system)
    size = [np.abs(matrix).sum(axis=2).max(axis=1) for matrix in (system, inverse)]
    error = np.where(singular, np.inf, 4.0 * (k + 1) * _EPS * size[0] * size[1])
    return inverse[:, :k, k], inverse[:, k, k], error


def _compete(mix, gains):
    """mix_i (gain_i - average)."""
    average = (mix * gains).sum(axis=-1, keepdims=True) / mix.sum(axis=-1, keepdims=True)
    return mix * (gains - average)


def _tangent_basis(n):
    """An orthonormal basis of {sum = 0} in its columns (Helmert's): array (n, n - 1)."""
    basis = np.zeros((n, n - 1))
    for k in range(1, n):
        basis[:k, k - 1] = 1.0
        basis[k, k - 1] = -k
        basis[:, k - 1] /= math.sqrt(k * (k + 1.0))
    return basis


def _gradient_matrix(gains, others):
    """The matrix of (x, y) -> (P A y, P B^T x); P takes off the mean."""
    m, n = gains.shape
    matrix = np.zeros((m + n, m + n))
    matrix[:m, m:] = gains - gains.mean(axis=0)
    matrix[m:, :m] = (others - others.mean(axis=1, keepdims=True)).T
    return matrix
