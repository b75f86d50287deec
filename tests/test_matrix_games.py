"""Matrix games against nashpy, linear programmes, naive twins and what can be derived by hand."""

import math
import warnings
from fractions import Fraction

import nashpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import linprog

from ratiogan.dynamics.matrix_games import (
    MATCHING_PENNIES,
    ROCK_PAPER_SCISSORS,
    best_response,
    exploitability,
    fictitious_play,
    march_game,
    matching_pennies,
    matrix_game,
    maximin,
    nash_equilibria,
    project_simplex,
    projected_gradient,
    rock_paper_scissors,
)
from ratiogan.errors import InputError, InputTypeError

SHAPES = [(2, 2), (2, 3), (3, 2), (3, 3), (4, 3), (3, 4), (4, 4)]
RPS = ((0, -1, 1), (1, 0, -1), (-1, 1, 0))


def random_game(shape, zero_sum, seed):
    rng = np.random.default_rng([seed, *shape, zero_sum])
    gains = rng.standard_normal(shape)
    return gains, -gains if zero_sum else rng.standard_normal(shape)


def mixed(rng, m, n):
    return np.concatenate([rng.dirichlet(np.ones(m)), rng.dirichlet(np.ones(n))])


# --- equilibria ----------------------------------------------------------------------------------


@pytest.mark.parametrize("zero_sum", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_equilibria_like_nashpy(shape, zero_sum, seed):
    gains, others = random_game(shape, zero_sum, seed)
    ours = nash_equilibria(gains, None if zero_sum else others)
    theirs = nashpy.Game(gains, others)
    vertices = list(theirs.vertex_enumeration())
    with warnings.catch_warnings():
        # It wants zeros and best payoffs to the last bit, and so loses equilibria to rounding.
        warnings.simplefilter("ignore", RuntimeWarning)
        supports = list(theirs.support_enumeration())
    assert len(ours) == len(vertices) and len(ours) % 2 == 1
    for pair in vertices + supports:
        wanted = np.concatenate(pair)
        assert min(np.abs(wanted - np.concatenate(found)).max() for found in ours) < 1e-10
    for x, y in ours:
        assert exploitability(np.concatenate([x, y]), gains, others) < 1e-12


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_units_of_payoffs_do_not_matter(scale):
    gains, others = random_game((3, 4), False, 7)
    plain = nash_equilibria(gains, others)
    moved = nash_equilibria(scale * gains + 5.0 * scale, scale * others - scale)
    assert len(plain) == len(moved)
    for before, after in zip(plain, moved, strict=True):
        assert np.concatenate(before) == pytest.approx(np.concatenate(after), abs=1e-10)


def test_degenerate_games_give_some_equilibria():
    found = nash_equilibria(np.zeros((2, 3)))
    assert len(found) == 6  # all pairs of actions
    # Column 3 does what columns 1 and 2 do when mixed evenly.
    same = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    game = matrix_game(same)
    assert game.equilibria and game.gap(np.array(game.equilibria)).max() == 0.0


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (6, 4), (30, 20)])
def test_maximin_and_its_dual(shape):
    gains = np.random.default_rng(shape).uniform(-3.0, 5.0, shape)
    x, y, value = maximin(gains)
    m, n = shape
    # The other player's programme: least u with (A y)_i <= u.
    dual = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([gains, -np.ones(m)]),
        b_ub=np.zeros(m),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
    )
    assert value == pytest.approx(dual.fun, abs=1e-9)
    assert (x >= 0).all() and (y >= 0).all()
    assert (x.sum(), y.sum()) == pytest.approx((1.0, 1.0))
    assert (gains @ y).max() - (x @ gains).min() < 1e-9
    if max(shape) < 6:
        rows, columns = nashpy.Game(gains).linear_program()
        assert (x, y) == (pytest.approx(rows, abs=1e-7), pytest.approx(columns, abs=1e-7))
        assert matrix_game(gains).value == pytest.approx(value, abs=1e-12)


def test_large_games():
    gains = np.random.default_rng(0).standard_normal((11, 10))
    with pytest.raises(InputError, match=r"11 x 10 actions has more than 200000 .*maximin"):
        nash_equilibria(gains)
    game = matrix_game(gains)
    assert len(game.equilibria) == 1 and game.gap(game.equilibria[0]) < 1e-9
    game = matrix_game(gains, gains)
    assert game.equilibria == () and game.value is None


# --- the field -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_velocity_is_the_projected_gradient(weights):
    """Also with regularisers, whose gradients are taken by differences."""
    gains, others = random_game((3, 4), False, 1)
    eta, consensus = weights
    game = matrix_game(gains, others).regularised(eta, consensus)
    rng = np.random.default_rng(2)
    states = np.array([mixed(rng, 3, 4) for _ in range(5)])

    def bare(z):
        up = np.concatenate([gains @ z[3:], others.T @ z[:3]])
        return up - np.repeat([up[:3].mean(), up[3:].mean()], [3, 4])

    def penalty(z, gen):
        v = bare(z)
        return consensus * v @ v / 2.0 + (eta * v[3:] @ v[3:] if gen else 0.0)

    for z, got in zip(states, game.velocity(states), strict=True):
        down = np.array([
            (penalty(z + h, i < 3) - penalty(z - h, i < 3)) / 2e-4
            for i, h in enumerate(1e-4 * np.eye(7))
        ])  # fmt: skip
        down -= np.repeat([down[:3].mean(), down[3:].mean()], [3, 4])
        assert got == pytest.approx(bare(z) - down, abs=1e-9)
        assert (got[:3].sum(), got[3:].sum()) == pytest.approx((0.0, 0.0), abs=1e-13)
    dense = game.jacobian(states[0])
    assert game.is_analytic
    assert dense == pytest.approx(game.jacobian(states[0], "complex-step"), abs=1e-13)
    assert dense == pytest.approx(game.jacobian(states[0], "differences"), abs=1e-8)
    ((inner, n_gen, count),) = game.blocks(states[0])
    assert inner.shape == (5, 5) and (n_gen, count) == (2, 1)
    # The whole J has the same eigenvalues and a 0 per player.
    whole = np.sort_complex(np.linalg.eigvals(dense))
    parts = np.sort_complex(np.append(np.linalg.eigvals(inner), [0.0, 0.0]))
    assert np.abs(np.poly(whole) - np.poly(parts)).max() < 1e-10
    residual = game.velocity(states[1])
    solved = game.correct(states[0], np.full(7, 0.3), residual)
    assert solved - 0.3 * dense @ solved == pytest.approx(residual, abs=1e-13)
    assert solved[:3].sum() == pytest.approx(0.0, abs=1e-13)


def test_tangent_basis():
    basis = matrix_game(np.arange(20.0).reshape(4, 5) ** 2).tangent
    assert basis.T @ basis == pytest.approx(np.eye(7), abs=1e-15)
    assert np.abs(basis[:4].sum(axis=0)).max() < 1e-15
    assert not basis[:4, 3:].any() and not basis[4:, :3].any()


def test_eigenvalues_of_rock_paper_scissors():
    """On {sum = 0} A turns by a right angle and stretches by sqrt(3): A^2 = 11^T - 3 I.

    Both players' blocks are that A (B^T = A), for the replicator times x*_i = 1/3. So the projected
    gradient has +-i sqrt(3) twice, the replicator +-i/sqrt(3) twice.
    """
    game = rock_paper_scissors()
    middle = game.equilibria[0]
    assert middle == pytest.approx(np.full(6, 1 / 3), abs=1e-15)
    for matrix, size in (
        (game.blocks(middle)[0][0], math.sqrt(3.0)),
        (game.replicator_jacobian(middle), 1.0 / math.sqrt(3.0)),
    ):
        values = np.linalg.eigvals(matrix)
        assert np.abs(values.real).max() < 1e-14
        assert np.sort(values.imag) == pytest.approx([-size, -size, size, size], abs=1e-14)


def test_replicator_jacobian_like_a_complex_step():
    game = matrix_game(*random_game((3, 4), False, 3))
    z = mixed(np.random.default_rng(4), 3, 4)
    steps = z + 1e-30j * game.tangent.T
    dense = game.replicator(steps).imag.T / 1e-30
    assert game.replicator_jacobian(z) == pytest.approx(game.tangent.T @ dense, abs=1e-14)
    assert np.abs(dense[:3].sum(axis=0)).max() < 1e-14  # the simplex is not left


@pytest.mark.plain
def test_replicator_by_hand():
    gains, others = random_game((2, 3), False, 5)
    game = matrix_game(gains, others)
    z = mixed(np.random.default_rng(6), 2, 3)
    x, y = z[:2], z[2:]
    mean_x = sum(x[i] * gains[i, j] * y[j] for i in range(2) for j in range(3))
    mean_y = sum(x[i] * others[i, j] * y[j] for i in range(2) for j in range(3))
    wanted = [x[i] * (sum(gains[i, j] * y[j] for j in range(3)) - mean_x) for i in range(2)]
    wanted += [y[j] * (sum(others[i, j] * x[i] for i in range(2)) - mean_y) for j in range(3)]
    assert game.replicator(z) == pytest.approx(wanted, abs=1e-15)
    many = np.broadcast_to(z, (4, 3, 5))
    assert game.replicator(many).shape == game.velocity(many).shape == (4, 3, 5)
    assert game.gap(many).shape == (4, 3)


@pytest.mark.parametrize("payoff", [ROCK_PAPER_SCISSORS, [[3, -1], [-2, 1]]])
def test_flows_conserve(payoff):
    game = matrix_game(payoff)
    start = rock_paper_scissors().start if game.size == 6 else game.start
    flow = solve_ivp(
        lambda t, z: game.replicator(z), (0, 200), start, method="DOP853", rtol=1e-12, atol=1e-13
    )
    values = game.replicator_conserved.value(flow.y.T)
    assert np.abs(values - values[0]).max() < 1e-9
    assert np.abs(flow.y.T - start).max() > 0.1
    # Also where an average gain is below 0, under which an error of the sum could grow.
    assert np.abs(flow.y[: game.n_gen].sum(axis=0) - 1.0).max() < 1e-13
    assert np.abs(flow.y[game.n_gen :].sum(axis=0) - 1.0).max() < 1e-13
    # The projected gradient, where it stays inside: on a circle that touches no face.
    middle = game.equilibria[0]
    flow = solve_ivp(
        lambda t, z: game.velocity(z), (0, 20), middle + 0.2 * (start - middle), rtol=1e-10,
        atol=1e-12,
    )  # fmt: skip
    assert flow.y.min() > 0.0
    values = game.conserved.value(flow.y.T)
    assert np.abs(values - values[0]).max() < 1e-9


def test_nothing_is_conserved_without_an_interior_equilibrium():
    game = matrix_game([[2, 1], [0, -1]])
    assert game.conserved is None and game.replicator_conserved is None
    game = matrix_game([[3, 0], [0, 2]], [[2, 0], [0, 3]])
    assert game.equilibria[0].min() > 0 and not game.zero_sum
    assert game.conserved is None and game.replicator_conserved is None


# --- the projection ------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_projection_meets_its_conditions(point):
    """z - p = lambda 1 - mu with mu >= 0 and mu p = 0, p in the simplex: one p alone has that."""
    z = np.array(point)
    p = project_simplex(z)
    scale = 1e-15 * (8.0 + np.abs(z).max())
    assert (p >= 0).all() and abs(p.sum() - 1.0) < 1e-14
    rest = z - p
    level = rest[p > 0].mean()
    assert np.abs(rest[p > 0] - level).max() <= 4 * scale
    assert (rest <= level + 4 * scale).all()


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6), st.integers(0, 2**32 - 1))
def test_no_point_of_the_simplex_is_nearer(point, seed):
    z = np.array(point)
    p = project_simplex(z)
    others = np.random.default_rng(seed).dirichlet(np.ones(z.size), 50)
    others = np.vstack([others, np.eye(z.size), p + 1e-3 * (others - p)])
    assert ((p - z) @ (p - z) <= ((others - z) ** 2).sum(axis=1) + 1e-13).all()


def test_projection_keeps_digits_far_away():
    z = 1e12 + np.array([0.0, 0.25, -7.0])
    assert project_simplex(z).tolist() == [0.375, 0.625, 0.0]
    assert project_simplex(np.zeros((2, 3, 4))).tolist() == np.full((2, 3, 4), 0.25).tolist()


# --- processes -----------------------------------------------------------------------------------


def nearest(z):
    """The projection by bisection of its level."""
    low, high = z.min() - 1.0, z.max()
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if np.maximum(z - middle, 0).sum() > 1.0 else (low, middle)
    return np.maximum(z - low, 0.0)


def naive_gradients(gains, others, z, rates, method, gen_first, steps):
    m = len(gains)

    def up(z):
        return np.concatenate([rates[0] * gains @ z[m:], rates[1] * others.T @ z[:m]])

    def both(z):
        return np.concatenate([nearest(z[:m]), nearest(z[m:])])

    path, before = [z], None
    for _ in range(steps):
        if method == "simultaneous":
            z = both(z + up(z))
        elif method == "extragradient":
            z = both(z + up(both(z + up(z))))
        elif method == "optimistic":
            now = up(z)
            z, before = both(z + 2 * now - (now if before is None else before)), now
        else:
            for gen in (gen_first, not gen_first):
                part = slice(0, m) if gen else slice(m, None)
                z = z.copy()
                z[part] = nearest((z + up(z))[part])
        path.append(z)
    return np.array(path)


@pytest.mark.plain
@pytest.mark.parametrize("gen_first", [True, False])
@pytest.mark.parametrize("method", ["simultaneous", "alternating", "extragradient", "optimistic"])
def test_gradients_like_a_naive_twin(method, gen_first):
    gains, others = random_game((3, 4), False, 11)
    start = mixed(np.random.default_rng(12), 3, 4)
    wanted = naive_gradients(gains, others, start, (0.2, 0.3), method, gen_first, 40)
    keep = [0, 1, 2, 3, 10, 40]
    states, gaps = projected_gradient(
        gains, others, start, 40, alpha=(0.2, 0.3), method=method, gen_first=gen_first, keep=keep
    )
    assert states == pytest.approx(wanted[keep], abs=1e-12)
    assert (wanted == 0.0).any()  # a face was met
    process, order = {
        "simultaneous": ("projected-gradient", "simultaneous"),
        "alternating": ("projected-gradient", "alternating"),
    }.get(method, (method, "simultaneous"))
    done, again, moves, same = march_game(
        matrix_game(gains, others), process, start, (0.2, 0.3), 40, keep, order, gen_first
    )
    assert done == 40 and moves is None
    assert (again == states).all() and (same == gaps).all()
    assert start.tolist() == wanted[0].tolist()  # the caller's start is left alone


def test_gradients_on_rock_paper_scissors():
    """Simultaneous steps leave, by sqrt(1 + 3 alpha^2) a step while inside; the two corrections of
    it come to the equilibrium, by the factors of their linear recursions with +-i sqrt(3)."""
    game, alpha = rock_paper_scissors(), 0.1
    start = game.start

    def distances(method, most):
        states, _ = projected_gradient(game.payoff, None, start, most, alpha=alpha, method=method)
        return np.linalg.norm(states - 1 / 3, axis=1), states

    distance, states = distances("simultaneous", 2000)
    inside = int(np.argmax((states == 0.0).any(axis=1)))
    assert inside > 10
    growth = distance[1:inside] / distance[: inside - 1]
    assert growth == pytest.approx(math.sqrt(1.0 + 3.0 * alpha**2), abs=1e-12)
    # From then on it goes round along the faces.
    assert ((states[inside:] == 0.0).any(axis=1)).mean() > 0.5 and distance[-500:].min() > 0.5

    turn = 1j * math.sqrt(3.0) * alpha
    distance, _ = distances("extragradient", 1000)
    factor = abs(1.0 + turn + turn**2)
    assert distance[1000] < 1e-6
    assert (distance[800] / distance[200]) ** (1 / 600) == pytest.approx(factor, abs=1e-9)
    distance, _ = distances("optimistic", 1000)
    factor = np.abs(np.roots([1.0, -1.0 - 2.0 * turn, turn])).max()
    assert distance[1000] < 1e-6
    assert (distance[800] / distance[200]) ** (1 / 600) == pytest.approx(factor, abs=1e-9)


def naive_play(gains, others, start, alternating, last, gen_first, steps):
    """Fictitious play in fractions."""
    m, n = len(gains), len(gains[0])
    x, y = [Fraction(v) for v in start[:m]], [Fraction(v) for v in start[m:]]

    def pick(scores):
        best = max(scores)
        places = [i for i, score in enumerate(scores) if score == best]
        return places[-1 if last else 0]

    def row():
        return pick([sum(Fraction(gains[i][j]) * y[j] for j in range(n)) for i in range(m)])

    def column():
        return pick([sum(Fraction(others[i][j]) * x[i] for i in range(m)) for j in range(n)])

    actions = []
    for _ in range(steps):
        if not alternating:
            i, j = row(), column()
            x[i] += 1
            y[j] += 1
        elif gen_first:
            i = row()
            x[i] += 1
            j = column()
            y[j] += 1
        else:
            j = column()
            y[j] += 1
            i = row()
            x[i] += 1
        actions.append([i, j])
    return actions, [float(v / (steps + 1)) for v in x + y]


@pytest.mark.plain
@pytest.mark.parametrize("gen_first", [True, False])
@pytest.mark.parametrize("ties", ["first", "last"])
@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_fictitious_play_in_fractions(order, ties, gen_first):
    bimatrix = ([[2, 0, 1], [0, 1, 2]], [[1, 2, 0], [2, 0, 1]])
    for gains, others, start in (
        (RPS, (-np.array(RPS)).tolist(), [1, 0, 0, 0, 0, 1]),
        (*bimatrix, [0.25, 0.75, 0.5, 0.125, 0.375]),
    ):
        wanted, mean = naive_play(
            gains, others, start, order == "alternating", ties == "last", gen_first, 120
        )
        states, moves, _ = fictitious_play(
            gains, others, start, 120, order=order, ties=ties, gen_first=gen_first
        )
        assert moves[1:].tolist() == wanted
        assert states[-1] == pytest.approx(mean, abs=1e-15)
        assert states[0].tolist() == start
    assert moves[0].tolist() == [-1, -1]  # the last start was mixed


@pytest.mark.parametrize(("ties", "constant"), [("first", 4 / 3), ("last", 2 * math.sqrt(2) / 3)])
def test_fictitious_play_takes_the_square_root(ties, constant):
    """From rock against rock both play alike. With a the best score, a run takes 3a steps, a cycle
    of three 9a. A switch in the order of the ties costs nothing, one against it (first: to paper
    and to scissors, last: to rock) needs a to grow by 1: da/dk = c/(9a) with c = 2 and 1, hence
    a = sqrt(2 c k)/3, and the gap is 2a/k.
    """
    keep = np.unique(np.geomspace(1e4, 1e6, 4001).astype(int))
    states, moves, gaps = fictitious_play(RPS, None, (0, 0), 10**6, ties=ties, keep=keep)
    assert (moves[:, 0] == moves[:, 1]).all()
    slope, _ = np.polyfit(np.log(keep), np.log(gaps), 1)
    assert slope == pytest.approx(-0.5, abs=5e-4)  # asked: 0.02
    # a is a whole number: the constant within 2/sqrt(k).
    assert np.abs(gaps * np.sqrt(keep) - constant).max() < 2.0 / 100.0
    assert np.abs(states[-1] - 1 / 3).max() < 2e-3
    duality = (states[:, 3:] @ ROCK_PAPER_SCISSORS.T).max(axis=1) - (
        states[:, :3] @ ROCK_PAPER_SCISSORS
    ).min(axis=1)
    assert gaps == pytest.approx(duality, abs=1e-16)


@pytest.mark.plain
def test_best_responses_repeat_every_six_moves():
    """A shows rock, B answers paper, A scissors, B rock, A paper, B scissors, A rock."""
    states, moves, gaps = best_response(RPS, None, (0, 0), 40, order="alternating", gen_first=False)
    rock, paper, scissors = 0, 1, 2
    assert moves[:8].tolist() == [
        [rock, rock], [rock, paper], [scissors, paper], [scissors, rock], [paper, rock],
        [paper, scissors], [rock, scissors], [rock, paper],
    ]  # fmt: skip
    loop = moves[1:]  # the start itself was no answer
    for period in range(1, 7):
        repeats = (loop[period:] == loop[:-period]).all()
        assert repeats == (period == 6)
    assert (states.reshape(-1, 2, 3).argmax(axis=2) == moves).all()
    assert set(states.ravel()) == {0.0, 1.0}
    assert (gaps == 2.0).all()  # either could win where it now loses or not


@pytest.mark.plain
@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_best_responses_by_hand(order):
    gains, others = random_game((3, 4), False, 21)
    start = mixed(np.random.default_rng(22), 3, 4)
    _, moves, _ = best_response(gains, others, start, 9, order=order)
    x, y, wanted = start[:3], start[3:], [[-1, -1]]
    for step in range(9):
        i, j = wanted[-1]
        reply_i, reply_j = int(np.argmax(gains @ y)), int(np.argmax(x @ others))
        if order == "simultaneous" or step % 2 == 0:
            i = reply_i
        if order == "simultaneous" or step % 2 == 1:
            j = reply_j
        x = np.eye(3)[i] if i >= 0 else x
        y = np.eye(4)[j] if j >= 0 else y
        wanted.append([i, j])
    assert moves.tolist() == wanted


def test_a_single_action_has_nothing_to_decide():
    states, moves, gaps = fictitious_play([[2.0]], steps=3)
    assert states.tolist() == [[1, 1]] * 4 and moves.tolist() == [[0, 0]] * 4 and not gaps.any()
    ((x, y),) = nash_equilibria([[2.0]])
    assert (x.tolist(), y.tolist()) == ([1], [1])


def test_best_responses_stay_at_a_pure_equilibrium():
    prisoners = [[-1, -3], [0, -2]]
    states, moves, gaps = best_response(prisoners, np.transpose(prisoners), (0, 0), 3)
    assert moves[1:].tolist() == [[1, 1]] * 3 and gaps[1:].tolist() == [0.0] * 3
    assert states[-1].tolist() == [0, 1, 0, 1]


def test_gap_of_a_bimatrix_game_is_the_sum_of_regrets():
    gains, others = random_game((3, 4), False, 31)
    z = mixed(np.random.default_rng(32), 3, 4)
    x, y = z[:3], z[3:]
    regrets = max(gains @ y) - x @ gains @ y + max(x @ others) - x @ others @ y
    assert exploitability(z, gains, others) == pytest.approx(regrets, abs=1e-15)


def test_march_game_gives_what_the_functions_give():
    game = matching_pennies()
    keep = np.array([0, 3, 50])
    for process, play in (("fictitious-play", fictitious_play), ("best-response", best_response)):
        done, *got = march_game(game, process, game.start, None, 50, keep, "alternating", False)
        wanted = play(
            MATCHING_PENNIES, None, game.start, 50, order="alternating", gen_first=False, keep=keep
        )
        assert done == 50 and got[0].shape == (3, 4) and got[1].shape == (3, 2)
        assert all((a == b).all() for a, b in zip(got, wanted, strict=True))


# --- what is built and what is refused -----------------------------------------------------------


def test_built_games():
    game = rock_paper_scissors(alpha=0.05)
    assert game.name == "rps" and game.alpha == 0.05 and game.zero_sum
    assert game.coordinates[:4] == ("x_rock", "x_paper", "x_scissors", "y_rock")
    assert game.start.tolist() == [0.5, 0.3, 0.2, 0.2, 0.5, 0.3] and game.value == 0.0
    assert game.check_state(game.start) == pytest.approx(game.start)
    assert (game.lower == -np.inf).all() and (game.upper == np.inf).all()
    game = matrix_game([[1, 2, 0], [0, 1, 3]], spec="mine", actions=(("a", "b"), ("c", "d", "e")))
    assert game.coordinates == ("x_a", "x_b", "y_c", "y_d", "y_e")
    assert game.start == pytest.approx([2 / 3, 1 / 3, 1 / 6, 2 / 6, 3 / 6])
    assert matrix_game([[1, 2], [0, 1]]).coordinates == ("x1", "x2", "y1", "y2")
    assert not ROCK_PAPER_SCISSORS.flags.writeable


def test_interior_equilibrium_comes_first():
    game = matrix_game([[3, 0], [0, 2]], [[2, 0], [0, 3]])
    assert len(game.equilibria) == 3 and game.equilibria[0].min() > 0.0


@pytest.mark.parametrize(
    ("payoff", "other", "message"),
    [
        ([1, 2], None, r"payoff must be a matrix, .* got shape \(2,\)"),
        ([[]], None, r"payoff must be a matrix, .* got shape \(1, 0\)"),
        ([["a", 1]], None, "payoff must be a matrix of numbers"),
        ([[1, np.nan], [0, 1]], None, "payoff must be finite, got nan at row 0, column 1"),
        ([[1, 2]], None, r"two actions or more, got shape \(1, 2\)"),
        (
            [[1, 2], [3, 4]],
            [[1, 2]],
            r"other must have the shape of payoff, \(2, 2\), got \(1, 2\)",
        ),
    ],
)
def test_payoffs_refused(payoff, other, message):
    with pytest.raises(InputError, match=message):
        matrix_game(payoff, other)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([0.5, 0.5, 0.5], r"must have 4 numbers, the generator's 2 .* got shape \(3,\)"),
        ([1.5, -0.5, 0.5, 0.5], "must hold probabilities, got x_tails = -0.5"),
        ([0.5, np.nan, 0.5, 0.5], "must hold probabilities, got x_tails = nan"),
        ([0.5, 0.5, 0.5, 0.4], "sum to 1 for each player, got 0.9 for the discriminator"),
        (["a", 0, 0, 0], "start must be 4 numbers"),
    ],
)
def test_starts_refused(start, message):
    game = matching_pennies()
    with pytest.raises(InputError, match=message):
        game.check_state(start)
    with pytest.raises(InputError, match=message):
        march_game(game, "optimistic", start, 0.1, 10)


def test_rounding_of_a_start_is_let_through():
    game = matching_pennies()
    start = [0.5, 0.5 + 1e-10, 0.1, 0.9]
    assert game.check_state(start).tolist() == start
    with pytest.raises(InputError, match="sum to 1"):
        game.check_state([0.5, 0.5 + 1e-8, 0.1, 0.9])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"process": "best"}, InputError, "process must be one of"),
        ({"order": "both"}, InputError, "order must be one of simultaneous, alternating"),
        (
            {"process": "extragradient", "order": "alternating"},
            InputError,
            "order of extragradient must be simultaneous",
        ),
        ({"start": (0, 2)}, InputError, "start must be two actions below 2 and 2"),
        ({"start": (0, 0.5)}, InputTypeError, "start must be a whole number"),
        ({"rates": -0.1}, InputError, "alpha must be at least 0"),
        ({"rates": (1, 2, 3)}, InputTypeError, "alpha must be one number or two"),
        ({"most": 2.5}, InputTypeError, "steps must be a whole number"),
        ({"keep": [0, 11]}, InputError, "keep must be rising whole numbers from 0 to 10"),
        ({"keep": [3, 1]}, InputError, "keep must be rising"),
        ({"keep": [0.5]}, InputError, "keep must be rising"),
    ],
)
def test_marches_refused(given, error, message):
    start = (0, 0)
    arguments = {"process": "projected-gradient", "start": start, "rates": 0.1, "most": 10}
    with pytest.raises(error, match=message):
        march_game(matching_pennies(), **{**arguments, **given})


def test_other_arguments_refused():
    with pytest.raises(InputError, match="method must be one of"):
        projected_gradient(RPS, method="implicit")
    with pytest.raises(InputError, match="ties must be one of first, last"):
        fictitious_play(RPS, ties="random")
    with pytest.raises(InputError, match="actions must be 3 names for the generator"):
        matrix_game(RPS, actions=("rock", "paper"))
    with pytest.raises(InputError, match="finite numbers, got NaN or inf"):
        project_simplex([1.0, np.inf])
