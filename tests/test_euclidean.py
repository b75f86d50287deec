"""Euclidean transport on grids: the interval against exact solvers, its proofs by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from benchmarks.manhattan import TOTAL, pair
from ratiogan.errors import InputError
from ratiogan.transport.beckmann import BeckmannIteration
from ratiogan.transport.euclidean import WarmCritic, euclidean
from ratiogan.transport.problem import Problem

DOTMARK = Path(__file__).parent / "dotmark" / "class1_prob1_res32.txt"
KINDS = ("smooth", "rough", "white", "image", "atoms", "many atoms", "shift")


def even(shape):
    return [np.arange(n + 1.0) for n in shape]


def uneven(shape, seed=0):
    rng = np.random.default_rng(seed)
    return [np.append(0.0, np.cumsum(0.2 + rng.random(n))) for n in shape]


def centres_of(edges):
    return [0.5 * (e[1:] + e[:-1]) for e in edges]


def points_of(edges):
    grid = np.meshgrid(*centres_of(edges), indexing="ij")
    return np.column_stack([x.ravel() for x in grid])


def exact(gen, real, edges):
    """The optimum over all pairs by POT's network simplex."""
    difference = (real - gen).ravel()
    surplus, deficit = np.flatnonzero(difference < 0), np.flatnonzero(difference > 0)
    points = points_of(edges)
    away = np.linalg.norm(points[surplus][:, None] - points[deficit], axis=2)
    ot = pytest.importorskip("ot")
    given = -difference[surplus], difference[deficit]
    mass = given[0].sum()
    return mass * ot.emd2(given[0] / mass, given[1] / given[1].sum(), away, numItermax=10**7)


def check_proof(found, gen, real, edges):
    """Both ends again from the plan and the critic alone, with NumPy, over all pairs."""
    difference = (real - gen).ravel()
    points, f = points_of(edges), found.critic.ravel()
    plan, total = found.plan, real.sum()
    brought = np.bincount(plan.destination, plan.mass, f.size)
    taken = np.bincount(plan.origin, plan.mass, f.size)
    assert np.abs(brought - taken - difference).max() <= 1e-12 * total
    assert (plan.mass > 0.0).all()
    away = np.linalg.norm(points[plan.origin] - points[plan.destination], axis=1)
    assert found.upper == pytest.approx(plan.mass @ away, rel=1e-12)
    assert found.lower == pytest.approx(difference @ f, rel=1e-12, abs=1e-13 * total)
    steepest = 0.0
    for first in range(0, f.size, 256):
        apart = np.linalg.norm(points[first : first + 256, None] - points, axis=2)
        rise = np.abs(f[first : first + 256, None] - f)
        steepest = max(steepest, (rise[apart > 0] / apart[apart > 0]).max())
    assert steepest <= 1.0 + 1e-12
    assert found.residual <= 1e-12 * total
    assert abs((real * found.critic).sum()) <= 1e-11 * total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [16, 32])
def test_the_interval_holds_the_exact_optimum(kind, size):
    gen, real = (mass / TOTAL for mass in pair(kind, (size, size)))
    edges = even(gen.shape)
    found = euclidean(gen, real, edges, tol=1e-3, plan=True)
    best = exact(gen, real, edges)
    assert found.reached and found.relative_gap <= 1e-3
    assert found.lower <= best * (1.0 + 1e-11) and best <= found.upper * (1.0 + 1e-11)
    check_proof(found, gen, real, edges)


@pytest.mark.parametrize("kind", ["smooth", "rough", "image", "many atoms", "shift"])
def test_at_48_cells_to_a_side(kind):
    gen, real = (mass / TOTAL for mass in pair(kind, (48, 48)))
    found = euclidean(gen, real, even(gen.shape), tol=3e-3)
    best = exact(gen, real, even(gen.shape))
    assert found.reached
    assert found.lower <= best * (1.0 + 1e-11) and best <= found.upper * (1.0 + 1e-11)


@pytest.mark.parametrize("kind", ["smooth", "white", "shift"])
def test_one_in_ten_thousand_and_below(kind):
    gen, real = (mass / TOTAL for mass in pair(kind, (24, 24)))
    best = exact(gen, real, even(gen.shape))
    for tol in (1e-4, 1e-7):
        found = euclidean(gen, real, even(gen.shape), tol=tol, plan=True)
        assert found.reached and found.relative_gap <= tol
        assert found.lower <= best * (1.0 + 1e-11) and best <= found.upper * (1.0 + 1e-11)
    check_proof(found, gen, real, even(gen.shape))


@pytest.mark.parametrize("shape", [(12, 20), (1, 9), (9, 1), (1, 1), (2, 2), (5, 6, 7), (1, 8, 6)])
def test_uneven_axes_and_other_shapes(shape):
    rng = np.random.default_rng(3)
    gen, real = rng.random(shape), rng.random(shape)
    gen, real, edges = gen / gen.sum(), real / real.sum(), uneven(shape)
    found = euclidean(gen, real, edges, tol=1e-4, plan=True)
    best = exact(gen, real, edges) if max(shape) > 1 else 0.0
    assert found.reached
    assert found.lower <= best * (1.0 + 1e-11) and best <= found.upper * (1.0 + 1e-11)
    if best:
        check_proof(found, gen, real, edges)


def test_axes_of_very_different_units():
    gen, real = (mass / TOTAL for mass in pair("smooth", (24, 24)))
    edges = [np.linspace(0.0, 1e3, 25), np.linspace(0.0, 1.0, 25)]
    found = euclidean(gen, real, edges, tol=1e-3, plan=True)
    best = exact(gen, real, edges)
    assert found.lower <= best * (1.0 + 1e-11) and best <= found.upper * (1.0 + 1e-11)
    check_proof(found, gen, real, edges)


@pytest.mark.parametrize("narrow", [1e-4, 1e-9, 1e-13])
def test_an_axis_that_is_next_to_nothing(narrow):
    rng = np.random.default_rng(0)
    gen, real = rng.random((2, 6, 6))
    gen, real = gen / gen.sum(), real / real.sum()
    edges = [narrow * np.arange(7.0), np.arange(7.0)]
    found = euclidean(gen, real, edges, tol=1e-6)
    # Two transports on the line bound it: of what is left along the long axis, and both.
    long = wasserstein_distance(np.arange(6), np.arange(6), gen.sum(axis=0), real.sum(axis=0))
    assert found.reached
    assert found.upper >= long * (1 - 1e-12) and found.lower <= long + 6 * narrow


def test_mass_that_the_simplex_rounds_away_stays_in_the_upper_end():
    # 20,000 cells, each below the unit of the simplex: what they cost together is 1e-10.
    gen, real = np.zeros((2, 200, 200))
    gen[:, :100] = real[:, 100:] = 2.0**-54
    gen[50, 50] = real[50, 51] = 1.0
    found = euclidean(gen, real, even((200, 200)), tol=1e-11)
    assert found.lower <= found.upper
    assert float(((real - gen) * found.critic).sum()) == pytest.approx(found.lower, rel=1e-13)
    assert found.upper >= 1.0 + 9e-11 and not found.reached


def test_what_round_off_hides_is_not_called_reached():
    rng = np.random.default_rng(0)
    real = rng.random((9, 9)) + 0.1
    real /= real.sum()
    gen = real * (1.0 + 1e-12 * rng.normal(size=real.shape))
    assert not euclidean(gen, real, even((9, 9)), tol=1e-6).reached
    same = euclidean(gen * 3, gen * 3 * (1 + 2e-16), even((9, 9)))
    assert same.reached and same.upper <= 1e-12


def test_mass_times_length_must_be_a_number():
    rng = np.random.default_rng(0)
    gen, real = rng.random((2, 5, 5))
    real *= gen.sum() / real.sum()
    for mass, length in ((1e300, 1e10), (1e-200, 1e-100)):
        with pytest.raises(InputError, match="beyond double precision"):
            euclidean(mass * gen, mass * real, [length * e for e in even((5, 5))])
    ulps = 1.0 + np.arange(6) * 2.0**-52
    with pytest.raises(InputError, match="centres coincide"):
        euclidean(gen, real, [ulps, np.arange(6.0)])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.integers(-20, 20))
def test_scaling_of_masses_and_lengths(seed, power):
    rng = np.random.default_rng(seed)
    gen, real = rng.random((2, 8, 8))
    real *= gen.sum() / real.sum()
    found = euclidean(gen, real, even((8, 8)), tol=1e-3)
    factor = 2.0**power
    longer = euclidean(gen, real, [factor * e for e in even((8, 8))], tol=1e-3)
    heavier = euclidean(factor * gen, factor * real, even((8, 8)), tol=1e-3)
    for other in (longer, heavier):
        assert other.lower == pytest.approx(factor * found.lower, rel=1e-12)
        assert other.upper == pytest.approx(factor * found.upper, rel=1e-12)


def test_equal_masses_give_exactly_zero():
    mass = np.random.default_rng(0).random((7, 7))
    found = euclidean(mass, mass.copy(), even((7, 7)), plan=True)
    assert (found.lower, found.upper, len(found.plan), found.reached) == (0.0, 0.0, 0, True)
    assert not found.critic.any()


def test_the_published_optimum(dotmark):
    gen, real = dotmark
    found = euclidean(gen, real, even((32, 32)), tol=1e-6)
    assert found.reached
    # Printed with six decimals.
    assert found.lower <= 287.418856 + 5e-7 and found.upper >= 287.418856 - 5e-7


@pytest.fixture
def dotmark():
    numbers = np.loadtxt(DOTMARK)
    return -numbers[1024:].reshape(32, 32), numbers[:1024].reshape(32, 32)


def test_max_steps_leaves_a_valid_interval():
    gen, real = (mass / TOTAL for mass in pair("white", (32, 32)))
    found = euclidean(gen, real, even((32, 32)), tol=1e-4, max_steps=10, plan=True)
    assert not found.reached and found.n_steps <= 10
    best = exact(gen, real, even((32, 32)))
    assert found.lower < best < found.upper
    check_proof(found, gen, real, even((32, 32)))


def test_the_history_ends_with_the_result_and_only_narrows():
    gen, real = (mass / TOTAL for mass in pair("rough", (32, 32)))
    found = euclidean(gen, real, even((32, 32)), tol=1e-4)
    steps, lower, upper = found.history.T
    assert (np.diff(steps) > 0).all()
    assert (np.diff(lower) >= 0).all() and (np.diff(upper) <= 0).all()
    assert (steps[-1], lower[-1], upper[-1]) == (found.n_steps, found.lower, found.upper)


def test_what_cannot_be_used_is_refused():
    mass = np.ones((4, 4))
    with pytest.raises(InputError, match="tol"):
        euclidean(mass, mass, even((4, 4)), tol=0.0)
    with pytest.raises(InputError, match="max_steps"):
        euclidean(mass, mass, even((4, 4)), max_steps=0)
    # An array of one value stands for so many cells.
    huge = np.broadcast_to(np.ones(1), (300_000, 300_000))
    with pytest.raises(InputError, match="GB"):
        euclidean(huge, huge, even(huge.shape))


# --- the iteration -------------------------------------------------------------------------------


@pytest.mark.parametrize("edges", [even((10, 14)), uneven((10, 14), 1), even((5, 6, 7))])
def test_the_flow_of_the_iteration_meets_its_bound_from_the_potential(edges):
    """Weak duality of the discrete problem by hand: sum b f <= cost, equal at the end."""
    shape = tuple(e.size - 1 for e in edges)
    rng = np.random.default_rng(1)
    gen, real = rng.random(shape), rng.random(shape)
    problem = Problem.between(gen / gen.sum(), real / real.sum(), edges, crop=False)
    state = BeckmannIteration(problem)
    state.run(3000)
    potential = state.potential()
    lengths = problem.gaps
    steepest = 0.0
    for forwards in (True, False):
        squares = np.zeros(problem.shape)
        for axis, gap in enumerate(lengths):
            if gap.size > 1:
                slope = np.diff(potential, axis=axis)
                slope = slope / np.expand_dims(gap[:-1], [a for a in range(3) if a != axis])
                pad = [(0, 0)] * 3
                pad[axis] = (0, 1) if forwards else (1, 0)
                squares += np.pad(slope, pad) ** 2
        steepest = max(steepest, float(np.sqrt(squares.max())))
    flow = [x.astype(float) for x in state.flow()]
    ratios = [r.astype(float) for r in state.ratios]
    cost = 0.0
    for part in (0, 3):
        squares = np.zeros(problem.shape)
        for axis in range(3):
            if problem.shape[axis] > 1:
                ratio = ratios[axis] if part == 0 else np.append(1.0, ratios[axis][:-1])
                other = [a for a in range(3) if a != axis]
                squares += (flow[part + axis] * np.expand_dims(ratio, other)) ** 2
        cost += np.sqrt(squares).sum()
    value = float((problem.b * potential).sum()) / max(steepest, 1.0)
    assert value <= cost * (1.0 + 1e-5)
    assert value == pytest.approx(cost, rel=5e-3)
    # The flow carries b, to single precision.
    right = problem.b.copy()
    for axis, part in enumerate(state.edge_flow()):
        if problem.shape[axis] > 1:
            right += part
            moved = np.moveaxis(right, axis, 0)
            moved[1:] -= np.moveaxis(part, axis, 0)[:-1]
    assert np.abs(right).max() <= 1e-5 * np.abs(problem.b).max()


def test_a_warm_critic_follows_its_generator():
    shape = (24, 24)
    _, real = (mass / TOTAL for mass in pair("smooth", shape))
    critic = WarmCritic(real, even(shape))
    for seed in range(4):
        gen = pair("image", shape, seed)[0] / TOTAL
        lower, f = critic(gen)
        upper = critic.upper()
        assert lower == pytest.approx(float(((real - gen) * f).sum()), rel=1e-11)
        assert lower <= exact(gen, real, even(shape)) <= upper
        assert upper - lower <= 0.02 * upper
    assert critic(real) == (0.0, pytest.approx(np.zeros(shape)))
    assert critic.upper() == 0.0


def test_what_is_the_same_along_one_axis_is_transport_on_the_other():
    rng = np.random.default_rng(2)
    gen, real = rng.random((2, 20))
    gen, real = gen / gen.sum(), real / real.sum()
    found = euclidean(
        np.repeat(gen[:, None], 5, 1) / 5, np.repeat(real[:, None], 5, 1) / 5, even((20, 5)),
        tol=1e-6,
    )  # fmt: skip
    on_the_line = wasserstein_distance(np.arange(20), np.arange(20), gen, real)
    assert found.lower <= on_the_line * (1 + 1e-12) and on_the_line <= found.upper * (1 + 1e-12)
    assert found.relative_gap <= 1e-6
