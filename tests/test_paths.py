"""From a flow to a plan: margins kept, nothing dearer, straight where straight is possible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan.transport.bounds import upper_bound
from ratiogan.transport.flows import no_flow
from ratiogan.transport.paths import merged, plan_of_flow
from ratiogan.transport.problem import Problem


def problem_of(shape, seed, sparse=False):
    rng = np.random.default_rng(seed)
    gen, real = rng.random(shape), rng.random(shape)
    if sparse:
        gen, real = (x * (rng.random(shape) < 0.1) for x in (gen, real))
        gen.flat[0], real.flat[-1] = 1.0, 1.0
    edges = [np.append(0.0, np.cumsum(0.5 + rng.random(n))) for n in shape]
    return Problem.between(gen / gen.sum(), real / real.sum(), edges, crop=False), rng


def flow_of(problem, rng):
    """A flow of the right divergence with cycles in it, and its cost in the Manhattan metric."""
    flow = no_flow(problem.shape, np.float64)
    for axis, part in enumerate(flow):
        if problem.shape[axis] > 1:
            part[...] = rng.normal(size=part.shape) / part.size
            np.moveaxis(part, axis, 0)[-1] = 0.0
    cost, flow = upper_bound(flow, problem)
    return cost, flow


def margins(origin, destination, mass, cells):
    return np.bincount(destination, mass, cells) - np.bincount(origin, mass, cells)


def lengths(origin, destination, centres, order):
    shape = [c.size for c in centres]
    ends = [np.unravel_index(cells, shape) for cells in (origin, destination)]
    steps = [np.abs(c[i] - c[j]) for c, i, j in zip(centres, *ends, strict=True)]
    return np.linalg.norm(steps, ord=order, axis=0)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.one_of(
        st.tuples(st.integers(2, 9), st.integers(2, 9)),
        st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 4)),
    ),
    seed=st.integers(0, 10**6),
    sparse=st.booleans(),
)
def test_a_plan_has_the_margins_of_its_flow_and_costs_no_more(shape, seed, sparse):
    problem, rng = problem_of(shape, seed, sparse)
    cost, flow = flow_of(problem, rng)
    origin, destination, mass = plan_of_flow(flow, problem.b, problem.centres)
    b = problem.b.ravel()
    assert np.abs(margins(origin, destination, mass, b.size) - b).max() <= 1e-14
    assert (mass > 0.0).all() and (b[origin] < 0.0).all() and (b[destination] > 0.0).all()
    assert np.unique(origin * b.size + destination).size == origin.size
    # A way along the flow is no shorter than the distance of its ends.
    paid = mass @ lengths(origin, destination, problem.centres, 1)
    assert paid <= cost * (1.0 + 1e-12)


@pytest.mark.parametrize("end", [(7, 7), (7, 3), (2, 7), (0, 7)])
def test_from_one_cell_to_one_cell_every_way_is_straight(end):
    b = np.zeros((8, 1, 8))
    b[0, 0, 0], b[end[0], 0, end[1]] = -1.0, 1.0
    problem = Problem(b, [np.arange(8.0), np.zeros(1), np.arange(8.0)])
    _, flow = flow_of(problem, np.random.default_rng(0))
    origin, destination, mass = plan_of_flow(flow, b, problem.centres)
    assert (origin, destination) == ([0], [8 * end[0] + end[1]])
    assert mass == pytest.approx([1.0], rel=1e-13)


def test_a_translation_keeps_to_its_diagonal():
    # All mass of a square moves by (3, 2); the flow is the staircase field of that translation.
    rng = np.random.default_rng(5)
    gen = np.zeros((40, 40))
    gen[5:20, 5:20] = rng.random((15, 15))
    real = np.roll(gen, (12, 8), (0, 1))
    b = (real - gen)[:, None, :] / gen.sum()
    problem = Problem(b, [np.arange(40.0), np.zeros(1), np.arange(40.0)])
    flow = no_flow(b.shape, np.float64)
    for i, j in np.argwhere(gen):
        at = [i, j]
        for step in range(20):
            # 12 steps down and 8 to the right, evenly mixed: a digital straight line.
            down = (step + 1) * 12 // 20 > step * 12 // 20
            flow[0 if down else 2][at[0], 0, at[1]] += gen[i, j] / gen.sum()
            at[0 if down else 1] += 1
    origin, destination, mass = plan_of_flow(flow, b, problem.centres)
    paid = mass @ lengths(origin, destination, problem.centres, 2)
    moved = np.abs(b).sum() / 2
    # The mean displacement is fixed, (12, 8) for all that was there: no plan is cheaper.
    least = np.hypot(12, 8)
    assert least * (1.0 - 1e-12) <= paid <= least * 1.003
    assert moved <= 1.0


def test_long_lists_are_bundled_without_loss():
    # Everything flows through one row of cells: hundreds of packets side by side.
    b = np.zeros((60, 1, 60))
    b[:, 0, 0] = -1.0 / 60
    b[:, 0, -1] = 1.0 / 60
    problem = Problem(b, [np.arange(60.0), np.zeros(1), np.arange(60.0)])
    flow = no_flow(b.shape, np.float64)
    down = np.cumsum(np.full(60, 1.0 / 60))
    for k in range(59):  # to the row in the middle, along it, and out again
        flow[0][k, 0, 0] = down[k] if k < 30 else -(1.0 - down[k])
        flow[0][k, 0, -1] = -flow[0][k, 0, 0]
    flow[2][30, 0, :-1] = 1.0
    origin, destination, mass = plan_of_flow(flow, b, problem.centres)
    assert np.abs(margins(origin, destination, mass, b.size) - b.ravel()).max() <= 1e-15


def test_merged_adds_up_what_has_the_same_ends():
    origin, destination, mass = merged(
        np.array([3, 1, 3]), np.array([2, 0, 2]), np.array([1.0, 2.0, 4.0]), 5
    )
    assert (origin.tolist(), destination.tolist(), mass.tolist()) == ([1, 3], [0, 2], [2.0, 5.0])
