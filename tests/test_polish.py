"""Polished intervals against exact solvers, and their proofs by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.manhattan import KINDS, pair
from ratiogan.errors import InputError
from ratiogan.transport.polish import polish
from ratiogan.transport.problem import Plan, Problem


def problem(kind, shape, edges=None, seed=0):
    gen, real = (mass / mass.sum() for mass in pair(kind, shape, seed))
    return Problem.between(gen, real, edges or [np.arange(n + 1.0) for n in shape])


def polished(whole, tol):
    """From nothing."""
    return polish(whole.b, whole.centres, np.zeros(whole.shape), tol=tol)


def distances(centres):
    points = np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, len(centres))
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))


def exact(b, centres):
    ot = pytest.importorskip("ot")
    b = b.ravel()
    give, take = np.flatnonzero(b < 0.0), np.flatnonzero(b > 0.0)
    supply, demand = -b[give], b[take]
    costs = np.ascontiguousarray(distances(centres)[np.ix_(give, take)])
    demand = demand * (supply.sum() / demand.sum())
    return ot.emd2(supply, demand, costs, numItermax=10_000_000)


def check_proof(found, b, centres):
    """Both ends again from the plan and the potential alone."""
    apart = distances(centres)
    f, plan = found.potential.ravel(), found.plan
    assert (plan.mass > 0.0).all()
    # With what would put right the last bits of the margins.
    paid = plan.mass @ apart[plan.origin, plan.destination]
    assert paid <= found.upper <= paid * (1.0 + 1e-11)
    left = b.ravel().copy()
    np.add.at(left, plan.origin, plan.mass)
    np.subtract.at(left, plan.destination, plan.mass)
    assert np.abs(left).max() <= 1e-14 * b.size**0.5
    assert b.ravel() @ f >= found.lower - 1e-12 * found.upper
    assert (np.abs(f[:, None] - f[None]) <= apart * (1.0 + 1e-12) + 1e-12).all()
    assert found.lower <= found.upper


@pytest.mark.parametrize("kind", KINDS)
def test_exact_like_pot(kind):
    whole = problem(kind, (24, 24))
    found = polished(whole, tol=1e-12)
    value = exact(whole.b, whole.centres)
    assert found.reached
    assert found.lower == pytest.approx(value, rel=1e-11)
    assert found.upper == pytest.approx(value, rel=1e-11)
    check_proof(found, whole.b, whole.centres)


@pytest.mark.parametrize("kind", ["smooth", "rough", "many atoms"])
@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_a_tolerance_is_met_and_the_interval_holds(kind, tol):
    whole = problem(kind, (30, 20), seed=1)
    found = polished(whole, tol=tol)
    value = exact(whole.b, whole.centres)
    assert found.reached and found.gap <= tol * found.upper
    assert found.lower <= value * (1 + 1e-12) and value <= found.upper * (1 + 1e-12)
    check_proof(found, whole.b, whole.centres)


@pytest.mark.parametrize("shape", [(9, 8, 7), (17, 12), (40,)])
def test_uneven_grids_of_any_number_of_axes(shape):
    rng = np.random.default_rng(2)
    edges = [np.cumsum(rng.uniform(0.2, 2.0, n + 1)) for n in shape]
    whole = problem("rough", shape, edges)
    found = polished(whole, tol=1e-11)
    assert found.reached
    assert found.upper == pytest.approx(exact(whole.b, whole.centres), rel=1e-10)
    check_proof(found, whole.b, whole.centres)


def test_from_a_potential_and_a_plan():
    whole = problem("image", (20, 20))
    b, centres = whole.b, whole.centres
    best = polished(whole, tol=1e-12)
    rng = np.random.default_rng(3)
    near = best.potential + 0.05 * rng.standard_normal(b.shape)
    # The plan that sends every cell's surplus everywhere alike is feasible, and poor.
    give, take = np.flatnonzero(b.ravel() < 0.0), np.flatnonzero(b.ravel() > 0.0)
    poor = Plan(np.repeat(give, 3), rng.choice(take, 3 * give.size), np.ones(3 * give.size))
    for plan in (None, best.plan, poor):
        found = polish(b, centres, near, plan, tol=1e-12)
        assert found.upper == pytest.approx(best.upper, rel=1e-11)
        check_proof(found, b, centres)
    warm = polish(b, centres, best.potential, best.plan, tol=1e-12)
    assert warm.reached and warm.n_rounds <= 2


def test_a_limit_on_rounds_leaves_a_valid_interval():
    whole = problem("rough", (20, 20))
    value = exact(whole.b, whole.centres)
    short = polish(whole.b, whole.centres, np.zeros(whole.b.shape), tol=1e-12, max_rounds=1)
    assert not short.reached and short.n_rounds == 1 == len(short.history)
    assert short.lower <= value * (1 + 1e-12) and value <= short.upper * (1 + 1e-12)
    long = polish(whole.b, whole.centres, np.zeros(whole.b.shape), tol=1e-12)
    assert long.reached
    lower, upper = long.history.T
    assert (np.diff(lower) >= 0.0).all() and (np.diff(upper[np.isfinite(upper)]) <= 0.0).all()


def test_two_cells():
    b = np.array([[1.0, 0.0], [0.0, -1.0]])
    found = polish(b, [np.array([0.0, 3.0]), np.array([0.0, 4.0])], np.zeros((2, 2)), tol=1e-9)
    assert found.lower == found.upper == 5.0
    assert found.plan.origin == [3] and found.plan.destination == [0]


def test_shift_of_all_mass():
    # Every plan to the right is optimal, so that bases are as degenerate as they can be.
    b = np.zeros((12, 30))
    b[:, 0], b[:, -1] = -1.0, 1.0
    found = polish(b, [np.arange(12.0), np.arange(30.0)], np.zeros(b.shape), tol=1e-12)
    assert found.lower == pytest.approx(12 * 29.0, rel=1e-13)
    assert found.upper == pytest.approx(12 * 29.0, rel=1e-13)


def test_dotmark():
    """The optimum that Zanetti and Gondzio 2023 publish for their first pair of images."""
    given = np.loadtxt(Path(__file__).parent / "dotmark" / "class1_prob1_res32.txt")
    gen, real = given[:1024].reshape(32, 32), -given[1024:].reshape(32, 32)
    whole = Problem.between(gen, real, [np.arange(33.0)] * 2)
    found = polished(whole, tol=1e-10)
    assert found.upper * whole.unit == pytest.approx(287.418856, abs=1e-6)
    assert found.lower * whole.unit == pytest.approx(287.418856, abs=1e-6)


def test_what_is_refused():
    for tol in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="tol"):
            polish(np.array([1.0, -1.0]), [np.arange(2.0)], np.zeros(2), tol=tol)
