"""What all transports on grids share: the problem in its own units, and the way back."""

import itertools

import numpy as np
import pytest

from ratiogan.errors import InputError
from ratiogan.transport import problem as module
from ratiogan.transport.problem import GridTransport, Plan, Problem, check_memory, checked


def uneven(shape, seed=0):
    rng = np.random.default_rng(seed)
    return [np.cumsum(rng.uniform(0.5, 2.0, n + 1)) for n in shape]


def random_pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    pair = [rng.random(shape) for _ in range(2)]
    return [mass / mass.sum() for mass in pair]


def differing_inside(shape, box):
    """Masses that are equal outside `box`."""
    gen, real = np.ones(shape), np.ones(shape)
    inner = gen[box].shape
    a, b = random_pair(inner)
    gen[box] += a
    real[box] += b
    return gen / gen.sum(), real / real.sum()


@pytest.mark.parametrize("shape", [(9,), (7, 9), (5, 6, 7)])
def test_problem_is_balanced_and_in_its_own_units(shape):
    gen, real = random_pair(shape)
    problem = Problem.between(gen, real, uneven(shape))
    assert problem.b.ndim == 3 and problem.b.size == gen.size
    assert abs(problem.b.sum()) <= 1e-15
    assert np.abs(problem.b).sum() == pytest.approx(2.0, rel=1e-14)
    assert problem.axes == tuple(range(len(shape)))
    np.testing.assert_allclose(problem.b.reshape(shape) * problem.mass, real - gen, atol=1e-16)
    gaps = np.concatenate([np.diff(c) for c in problem.centres])
    assert gaps.mean() == pytest.approx(1.0, rel=1e-14)
    for axis, along in zip(problem.axes, uneven(shape), strict=True):
        points = problem.centres[[i for i, n in enumerate(problem.shape) if n > 1][axis]]
        centres = (along[1:] + along[:-1]) / 2
        np.testing.assert_allclose(points * problem.length, centres - centres[0], atol=1e-13)


def test_box_and_axes_of_one_cell():
    box = np.s_[2:3, 3:7, 1:4]
    gen, real = differing_inside((6, 9, 5), box)
    problem = Problem.between(gen, real, uneven((6, 9, 5)))
    assert problem.axes == (1, 2) and problem.shape == (4, 1, 3)
    assert problem.box == (slice(2, 3), slice(3, 7), slice(1, 4))
    whole = Problem.between(gen, real, uneven((6, 9, 5)), crop=False)
    assert whole.shape == (6, 9, 5)


def test_equal_masses_are_no_problem():
    gen, _ = random_pair((6, 7))
    assert Problem.between(gen, gen.copy(), uneven((6, 7))) is None
    nudged = gen.copy()
    nudged[2, 3] = np.nextafter(nudged[2, 3], 1.0)
    assert Problem.between(nudged, gen, uneven((6, 7))) is None  # one cell, by round-off


def test_critic_on_the_whole_grid_stays_1_lipschitz_with_mean_0():
    shape = (8, 9)
    gen, real = differing_inside(shape, np.s_[2:6, 3:8])
    problem = Problem.between(gen, real, uneven(shape))
    # 1-Lipschitz in the Euclidean metric, and so in the Manhattan metric
    potential = np.hypot(problem.centres[0][:, None, None] - 1.3, problem.centres[2] - 0.7)
    critic = problem.critic(potential, real)
    assert abs((real * critic).sum()) <= 1e-14
    centres = [(e[1:] + e[:-1]) / 2 for e in uneven(shape)]
    x, y = (c.ravel() for c in np.meshgrid(*centres, indexing="ij"))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    f = critic.ravel()
    assert np.all(np.abs(f[:, None] - f) <= distance * (1 + 1e-12))


@pytest.mark.parametrize("shape", [(9,), (8, 9), (6, 5, 7)])
def test_flow_on_the_whole_grid_has_the_divergence(shape):
    box = tuple(slice(1, n - 2) for n in shape)
    gen, real = differing_inside(shape, box)
    problem = Problem.between(gen, real, uneven(shape))
    # along the cells in a row, back and forth: any flow that brings b will do
    flow = [np.zeros(problem.shape) if n > 1 else np.zeros((1, 1, 1)) for n in problem.shape]
    left = problem.b.copy()
    for axis in (2, 1, 0):
        if problem.shape[axis] > 1:
            flow[axis][...] = -np.cumsum(left, axis=axis)
            last = flow[axis][tuple(np.s_[-1:] if a == axis else np.s_[:] for a in range(3))]
            rest = -last.copy()
            last[...] = 0.0
            left = np.zeros_like(left)
            left[tuple(np.s_[-1:] if a == axis else np.s_[:] for a in range(3))] = rest
    whole = problem.flow(flow)
    brought = np.zeros(shape)
    for axis, part in enumerate(whole):
        assert part.shape == tuple(n - (a == axis) for a, n in enumerate(shape))
        around = [(1, 1) if a == axis else (0, 0) for a in range(len(shape))]
        brought -= np.diff(np.pad(part, around), axis=axis)
    np.testing.assert_allclose(brought, real - gen, atol=1e-15)


@pytest.mark.parametrize("shape", [(33, 20), (9, 17, 12), (100,)])
def test_coarser_problems_hold_the_same_mass(shape):
    gen, real = random_pair(shape)
    levels = Problem.between(gen, real, uneven(shape)).levels()
    assert max(levels[-1].shape) <= 8
    for fine, coarse in itertools.pairwise(levels):
        assert abs(coarse.b.sum()) <= 1e-14
        assert all(m in (n, (n + 1) // 2) for n, m in zip(fine.shape, coarse.shape, strict=True))
        assert [c.size for c in coarse.centres] == list(coarse.shape)
        assert np.abs(coarse.b).sum() <= np.abs(fine.b).sum() * (1 + 1e-14)
        for c, along in zip(coarse.centres, fine.centres, strict=True):
            assert along[0] <= c[0] and c[-1] <= along[-1] and np.all(np.diff(c) > 0)


def test_what_moves_within_pairs_of_cells_is_not_coarsened_away():
    gen, real = np.ones((16, 16)), np.ones((16, 16))
    gen[::2] += 1.0
    real[1::2] += 1.0
    problem = Problem.between(gen, real, uneven((16, 16)))
    assert problem.coarser() is None and problem.levels() == [problem]


def test_result_for_equal_masses_and_its_properties():
    still = GridTransport.nothing((3, 4), flow=True, plan=True)
    assert (still.value, still.gap, still.relative_gap, still.reached) == (0.0, 0.0, 0.0, True)
    assert [part.shape for part in still.flow] == [(2, 4), (3, 3)] and len(still.plan) == 0
    assert GridTransport.nothing((3, 4)).flow is None
    found = GridTransport(3.0, 4.0, None, None, None, 0.0, 5, False, np.zeros((1, 3)))
    assert (found.value, found.gap, found.relative_gap) == (3.5, 1.0, 0.25)
    assert len(Plan(np.zeros(2, int), np.ones(2, int), np.ones(2))) == 2


def test_memory_is_checked_before_it_is_used(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: 2e9)
    check_memory((1000, 1000), 2000)
    with pytest.raises(InputError, match=r"1001 x 1000 cells needs about 2 GB .* 2 GB\. Merge"):
        check_memory((1001, 1000), 2000)


def test_checked_gives_doubles():
    gen, real, edges = checked([[1, 2]], [[2, 1]], [[0, 1], [0, 1, 2]])
    assert gen.dtype == real.dtype == float and [e.dtype for e in edges] == [float, float]
    with pytest.raises(InputError, match="gen_mass sums to inf"):
        checked([1e308, 1e308], [1e308, 1e308], [[0, 1, 2]])
