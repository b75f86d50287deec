"""Manhattan transport on grids: the interval against exact solvers, its proofs by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, vstack

from benchmarks.manhattan import TOTAL, integers, pair
from ratiogan.errors import InputError
from ratiogan.transport import atoms
from ratiogan.transport import manhattan as module
from ratiogan.transport import problem as module_problem
from ratiogan.transport.atoms import transport_atoms
from ratiogan.transport.bounds import lower_bound
from ratiogan.transport.manhattan import manhattan
from ratiogan.transport.poisson import NeumannPoisson
from ratiogan.transport.problem import Problem
from ratiogan.transport.straighten import straightened

try:
    from ortools.graph.python import min_cost_flow
except ImportError:
    min_cost_flow = None

DOTMARK = Path(__file__).parent / "dotmark" / "class1_prob1_res32.txt"
KINDS = ("smooth", "rough", "white", "image", "atoms", "many atoms", "shift")


def even(shape):
    return [np.arange(n + 1.0) for n in shape]


def uneven(shape, seed=0):
    """Edges at whole even numbers, so that distances of centres are whole."""
    rng = np.random.default_rng(seed)
    return [2.0 * np.append(0, np.cumsum(rng.integers(1, 6, n))) for n in shape]


def edges_of_graph(shape, edges):
    """Cells at both ends of every edge of the grid, and its length."""
    number = np.arange(np.prod(shape)).reshape(shape)
    tails, heads, lengths = [], [], []
    for axis, along in enumerate(edges):
        gaps = np.diff((along[1:] + along[:-1]) / 2)
        tail = number.take(range(shape[axis] - 1), axis)
        tails.append(tail.ravel())
        heads.append(number.take(range(1, shape[axis]), axis).ravel())
        where = [-1 if a == axis else 1 for a in range(len(shape))]
        lengths.append(np.broadcast_to(gaps.reshape(where), tail.shape).ravel())
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(lengths)


def by_highs(gen, real, edges):
    """The optimum of the linear programme on the grid graph."""
    tails, heads, lengths = edges_of_graph(gen.shape, edges)
    count = np.arange(tails.size)
    into = csr_matrix((np.ones(count.size), (heads, count)), (gen.size, count.size))
    out = csr_matrix((np.ones(count.size), (tails, count)), (gen.size, count.size))
    both = vstack([(into - out).T, (out - into).T]).T
    wanted = (real - gen).ravel()
    return linprog(np.tile(lengths, 2), A_eq=both, b_eq=wanted, method="highs").fun


def exact(gen, real, edges):
    """The optimum by OR-tools' network simplex in whole numbers; without it by HiGHS."""
    if min_cost_flow is None:
        return by_highs(gen, real, edges)
    solver = min_cost_flow.SimpleMinCostFlow()
    tails, heads, lengths = edges_of_graph(gen.shape, edges)
    lengths = np.rint(lengths).astype(np.int64)
    bound = np.full(tails.size, TOTAL)
    solver.add_arcs_with_capacity_and_unit_cost(tails, heads, bound, lengths)
    solver.add_arcs_with_capacity_and_unit_cost(heads, tails, bound, lengths)
    solver.set_nodes_supplies(np.arange(gen.size), (gen - real).ravel())
    assert solver.solve() == solver.OPTIMAL
    return solver.optimal_cost()


def check_proof(found, gen, real, edges):
    """Both ends again from the flow and the critic alone, with NumPy."""
    difference = (real - gen).astype(float)
    scale = np.abs(difference).sum()
    cost, reached = 0.0, np.zeros(gen.shape)
    for axis, along in enumerate(edges):
        gaps = np.diff((along[1:] + along[:-1]) / 2)
        gaps = gaps.reshape([-1 if a == axis else 1 for a in range(gen.ndim)])
        assert np.all(np.abs(np.diff(found.critic, axis=axis)) <= gaps * (1 + 1e-12))
        flow = found.flow[axis]
        cost += float((np.abs(flow) * gaps).sum())
        around = [(1, 1) if a == axis else (0, 0) for a in range(gen.ndim)]
        reached -= np.diff(np.pad(flow, around), axis=axis)
    assert np.abs(reached - difference).max() <= 1e-12 * scale
    assert found.residual <= 1e-12 * scale
    assert cost == pytest.approx(found.upper, rel=1e-12)
    assert (difference * found.critic).sum() == pytest.approx(found.lower, rel=1e-10)
    assert abs((real * found.critic).sum()) <= 1e-12 * real.sum() * np.abs(found.critic).max()


def contains(found, value):
    slack = 1e-12 if min_cost_flow else 1e-8  # HiGHS is exact to its own tolerance
    return found.lower <= value * (1 + slack) and value <= found.upper * (1 + slack)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (32, 32), (64, 64), (16, 37), (8, 8, 8)])
def test_interval_holds_the_exact_optimum(kind, shape):
    gen, real = pair(kind, shape)
    found = manhattan(gen, real, even(shape), tol=1e-4, flow=True)
    assert contains(found, exact(gen, real, even(shape)))
    assert found.reached and found.relative_gap <= 1e-4
    check_proof(found, gen, real, even(shape))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(16, 16), (48, 48), (9, 7, 10)])
def test_uneven_axes(kind, shape):
    gen, real = pair(kind, shape, seed=1)
    edges = uneven(shape)
    found = manhattan(gen, real, edges, tol=1e-4, max_steps=4000, flow=True)
    assert contains(found, exact(gen, real, edges))
    assert found.reached
    check_proof(found, gen, real, edges)


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (4, 5, 6)])
def test_against_a_linear_programme(shape):
    gen, real = (mass / TOTAL for mass in pair("white", shape, seed=2))
    edges = uneven(shape, seed=3)
    found = manhattan(gen, real, edges, tol=1e-6)
    expected = by_highs(gen, real, edges)
    assert found.lower <= expected * (1 + 1e-9) and expected <= found.upper * (1 + 1e-9)
    assert found.reached


@pytest.mark.plain
@pytest.mark.parametrize("kind", ["smooth", "atoms", "many atoms"])
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 3)])
def test_small_grids_as_plain_python_too(kind, shape):
    gen, real = pair(kind, shape)
    edges = uneven(shape)
    found = manhattan(gen, real, edges, tol=1e-3, flow=True)
    assert contains(found, exact(gen, real, edges))
    assert found.reached
    check_proof(found, gen, real, edges)


@pytest.mark.parametrize("kind", KINDS)
def test_critic_is_1_lipschitz_over_all_pairs(kind):
    shape = (16, 16)
    for edges in (even(shape), uneven(shape)):
        found = manhattan(*pair(kind, shape), edges)
        centres = [(e[1:] + e[:-1]) / 2 for e in edges]
        x, y = (c.ravel() for c in np.meshgrid(*centres, indexing="ij"))
        distance = np.abs(x[:, None] - x) + np.abs(y[:, None] - y)
        f = found.critic.ravel()
        apart = distance > 0
        assert (np.abs(f[:, None] - f)[apart] / distance[apart]).max() <= 1 + 1e-12


def test_equal_masses_are_exactly_0():
    mass = np.random.default_rng(0).random((20, 30))
    found = manhattan(mass, mass.copy(), even(mass.shape), flow=True)
    assert (found.value, found.lower, found.upper, found.gap) == (0.0, 0.0, 0.0, 0.0)
    assert found.relative_gap == 0.0 and found.reached and found.n_steps == 0
    assert not found.critic.any() and not any(part.any() for part in found.flow)
    assert [part.shape for part in found.flow] == [(19, 30), (20, 29)]


def test_masses_equal_but_for_round_off():
    mass = np.random.default_rng(0).random((20, 30))
    found = manhattan(mass / 3, mass * (1 / 3), even(mass.shape))
    assert 0.0 <= found.lower <= found.upper <= 1e-12
    assert found.reached
    # one cell alone
    nudged = mass.copy()
    nudged[3, 4] = np.nextafter(nudged[3, 4], 2)
    assert manhattan(nudged, mass, even(mass.shape)).upper <= 1e-12


@pytest.mark.parametrize("shape", [(40, 40), (12, 13, 14)])
def test_two_cells(shape):
    gen, real = np.zeros(shape), np.zeros(shape)
    gen[(1,) * len(shape)] = real[tuple(n - 3 for n in shape)] = 2.0
    found = manhattan(gen, real, even(shape), tol=1e-12, flow=True)
    assert found.lower == found.upper == 2.0 * sum(n - 4 for n in shape)
    check_proof(found, gen, real, even(shape))


def test_common_mass_changes_nothing():
    gen, real = pair("atoms", (32, 32))
    common = integers(np.random.default_rng(5).random((32, 32)))
    alone = manhattan(gen, real, even((32, 32)))
    assert manhattan(gen + common, real + common, even((32, 32))).upper == alone.upper


def test_what_differs_on_one_line_is_exact():
    gen, real = np.ones((30, 30)), np.ones((30, 30))
    rng = np.random.default_rng(0)
    gen[:, 7], real[:, 7] = (integers(rng.random(30)) for _ in range(2))
    edges = uneven((30, 30))
    found = manhattan(gen, real, edges, tol=1e-13, flow=True)
    centres = (edges[0][1:] + edges[0][:-1]) / 2
    expected = (np.abs(np.cumsum(gen - real, axis=0)[:-1, 7]) * np.diff(centres)).sum()
    assert found.lower == pytest.approx(expected, rel=1e-14)
    assert found.upper == pytest.approx(expected, rel=1e-14)
    check_proof(found, gen, real, edges)
    alone = manhattan(gen[:, 7], real[:, 7], edges[:1])
    assert alone.value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_heaps_amid_fine_noise(seed):
    # Along the edge of the grid the heaps have one shortest path; steps alone bend the flow back
    # to it so slowly that they were 1,453, and on finer grids the tolerance was not reached.
    shape = (96, 96)
    gen, real = pair("white", shape, seed)
    gen[0, 12] += TOTAL // 4
    real[0, 84] += TOTAL // 4
    found = manhattan(gen, real, even(shape), tol=1e-3, max_steps=400, flow=True)
    assert found.reached and contains(found, exact(gen, real, even(shape)))
    check_proof(found, gen, real, even(shape))


def test_dotmark():
    # W1 is symmetric: which of the two images is p_g does not matter.
    supply, demand = np.loadtxt(DOTMARK).reshape(2, 32, 32)
    gen, real = supply, -demand
    found = manhattan(gen, real, even((32, 32)), tol=1e-5, flow=True)
    assert found.reached
    # published to nine digits
    assert found.lower <= 340.5440125 and 340.5440115 <= found.upper
    check_proof(found, gen, real, even((32, 32)))


def test_history_narrows_to_the_result():
    gen, real = pair("rough", (48, 48))
    found = manhattan(gen, real, even((48, 48)), tol=1e-4)
    steps, lower, upper = found.history.T
    assert steps.size > 2 and np.all(np.diff(steps) > 0)
    assert np.all(np.diff(lower) >= 0) and np.all(lower <= upper)
    assert tuple(found.history[-1]) == (found.n_steps, found.lower, found.upper)
    assert manhattan(gen, gen, even((48, 48))).history.tolist() == [[0, 0, 0]]
    atoms_only = manhattan(*pair("atoms", (20, 20)), even((20, 20)))
    assert tuple(atoms_only.history[0]) == (0, atoms_only.lower, atoms_only.upper)


def test_beyond_double_precision_says_what_is_reached():
    gen, real = (mass / TOTAL for mass in pair("smooth", (12, 12)))
    found = manhattan(gen, real, even((12, 12)), tol=1e-17, max_steps=3000)
    assert not found.reached
    assert 0.0 < found.relative_gap <= 1e-8
    assert contains(found, exact(*pair("smooth", (12, 12)), even((12, 12))) / TOTAL)


def test_tight_tolerance_is_met_in_double():
    gen, real = pair("white", (24, 24))
    found = manhattan(gen, real, even((24, 24)), tol=1e-8, max_steps=20_000, flow=True)
    assert found.reached and found.relative_gap <= 1e-8
    assert contains(found, exact(gen, real, even((24, 24))))
    check_proof(found, gen, real, even((24, 24)))


@pytest.mark.parametrize("kind", ["rough", "shift"])
def test_not_reached_says_so_and_still_holds(kind):
    gen, real = pair(kind, (32, 32))
    for steps in (1, 7):
        found = manhattan(gen, real, even((32, 32)), tol=1e-9, max_steps=steps, flow=True)
        assert not found.reached and found.n_steps == steps
        assert found.relative_gap > 1e-9
        assert contains(found, exact(gen, real, even((32, 32))))
        check_proof(found, gen, real, even((32, 32)))


def test_movement_within_pairs_of_cells_is_seen():
    # on every coarser grid the masses are equal
    gen, real = np.ones((64, 64)), np.ones((64, 64))
    gen[::2] += 1.0
    real[1::2] += 1.0
    found = manhattan(gen, real, even((64, 64)), tol=1e-4)
    assert contains(found, 2048.0) and found.reached


# --- theory --------------------------------------------------------------------------------------


def small_masses(count, shape=(7, 6)):
    numbers = st.lists(
        st.integers(0, 20), min_size=math.prod(shape), max_size=math.prod(shape)
    ).filter(any)
    return st.tuples(*[numbers.map(lambda v: as_mass(v, shape)) for _ in range(count)])


def as_mass(values, shape):
    mass = np.array(values, dtype=float).reshape(shape)
    return mass / mass.sum()


@settings(max_examples=40)
@given(small_masses(2))
def test_symmetry(masses):
    p, q = masses
    there, back = manhattan(p, q, even(p.shape)), manhattan(q, p, even(p.shape))
    assert there.lower <= back.upper * (1 + 1e-12) and back.lower <= there.upper * (1 + 1e-12)


@settings(max_examples=40)
@given(small_masses(3))
def test_triangle_inequality(masses):
    p, q, r = masses
    through = manhattan(p, q, even(p.shape)).upper + manhattan(q, r, even(p.shape)).upper
    assert manhattan(p, r, even(p.shape)).lower <= through + 1e-13


@settings(max_examples=30)
@given(small_masses(2), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.floats(1e-9, 1e9))
def test_scales_with_lengths_and_masses_and_not_with_place(masses, length, place, weight):
    p, q = masses
    found = manhattan(p, q, even(p.shape))
    edges = [length * (along + place) for along in even(p.shape)]
    other = manhattan(weight * p, weight * q, edges)
    slack = 1e-9 * found.upper + 1e-13
    assert other.lower / (length * weight) <= found.upper + slack
    assert found.lower <= other.upper / (length * weight) + slack


@pytest.mark.parametrize("steps", [(1, 0), (0, 3), (2, 2)])
def test_shift(steps):
    p = np.zeros((40, 40))
    p[5:25, 5:25] = np.random.default_rng(1).random((20, 20))
    p /= p.sum()
    found = manhattan(p, np.roll(p, steps, (0, 1)), even(p.shape), tol=1e-4)
    assert contains(found, sum(steps)) and found.reached


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 1, 6), (1, 1, 7), (4, 3, 5), (3, 1, 131), (2, 130, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poisson_against_a_dense_inverse(shape, dtype):
    tails, heads, _ = edges_of_graph(shape, even(shape))
    count = np.arange(tails.size)
    ends = np.zeros((count.size, np.prod(shape)))
    ends[count, heads], ends[count, tails] = 1.0, -1.0
    right = np.random.default_rng(0).normal(size=shape)
    expected = np.linalg.lstsq(ends.T @ ends, (right - right.mean()).ravel(), rcond=None)[0]
    x = NeumannPoisson(shape, dtype).solve((right - right.mean()).astype(dtype)).ravel()
    assert x.dtype == dtype
    error = np.abs(x - x.mean() - (expected - expected.mean())).max()
    assert error <= 1e4 * np.finfo(dtype).eps * np.abs(expected).max()


@pytest.mark.parametrize("counts", [(1, 6), (6, 1), (5, 7), (20, 20)])
def test_atoms_against_a_linear_programme(counts):
    n, m = counts
    rng = np.random.default_rng(n * m)
    supply, demand = rng.integers(1, 9, n).astype(float), rng.integers(1, 9, m).astype(float)
    if counts == (20, 20):
        supply[:] = demand[:] = 1.0  # every step of the search has ties
    demand *= supply.sum() / demand.sum()
    x, y = rng.integers(0, 9, (n, 2)).astype(float), rng.integers(0, 9, (m, 2)).astype(float)
    plan, at_supply, at_demand = transport_atoms(supply, demand, x, y)
    distance = np.abs(x[:, None] - y).sum(axis=2)
    margins = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    both = np.concatenate([supply, demand])
    expected = linprog(distance.ravel(), A_eq=margins, b_eq=both, method="highs").fun
    assert (plan * distance).sum() == pytest.approx(expected, rel=1e-10)
    assert demand @ at_demand - supply @ at_supply == pytest.approx(expected, rel=1e-10)
    assert np.all(at_demand - at_supply[:, None] <= distance + 1e-12)
    assert plan.min() >= 0.0
    np.testing.assert_allclose(plan.sum(axis=1), supply, atol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=0), demand, atol=1e-12)


def test_atoms_and_steps_agree(monkeypatch):
    gen, real = pair("atoms", (32, 32))
    at_once = manhattan(gen, real, even((32, 32)))
    monkeypatch.setattr(module, "few", lambda *counts: False)
    found = manhattan(gen, real, even((32, 32)), tol=1e-4)
    assert at_once.n_steps == 0 and found.n_steps > 0
    assert found.reached and contains(found, at_once.value)


def test_few_atoms_are_counted():
    assert atoms.few(1, 10**6, 10) and not atoms.few(1000, 1000, 64 * 64)


@pytest.mark.parametrize("shape", [(70, 1, 90), (2, 90, 40), (30, 40, 200), (5, 1, 200)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poisson_in_blocks_against_differences(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape)
    right = np.zeros(shape)
    for axis in range(3):
        slopes = np.diff(x, axis=axis)
        around = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        right -= np.diff(np.pad(slopes, around), axis=axis)
    found = NeumannPoisson(shape, dtype).solve(right.astype(dtype)).astype(float)
    assert np.abs(found - found.mean() - (x - x.mean())).max() <= 2e3 * np.finfo(dtype).eps


def test_products_stay_below_the_size_that_threads_share(monkeypatch):
    sizes = []
    product = np.matmul

    def counted(a, b, out):
        sizes.append(a.shape[-2] * a.shape[-1] * b.shape[-1])
        return product(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    for shape in ((96, 1, 96), (3, 90, 95), (200, 1, 64)):
        NeumannPoisson(shape, np.float32).solve(np.ones(shape, np.float32))
    assert sizes and max(sizes) <= 2**18


def random_flow(rng, shape):
    """A flow with noise, loops and detours, and its divergence."""
    flow, b = [], np.zeros(shape)
    for axis, n in enumerate(shape):
        part = rng.normal(size=shape) if n > 1 else np.zeros((1, 1, 1))
        if n > 1:
            part[tuple(np.s_[-1:] if a == axis else np.s_[:] for a in range(3))] = 0.0
            b += np.roll(part, 1, axis) - part
        flow.append(part)
    return flow, b


@pytest.mark.plain
@pytest.mark.parametrize("shape", [(6, 1, 7), (4, 3, 5), (1, 1, 8)])
def test_straightened_flow_brings_the_same_and_costs_no_more(shape):
    rng = np.random.default_rng(0)
    flow, b = random_flow(rng, shape)
    kept = [part.copy() for part in flow]
    straight = straightened(flow, b)
    assert all(np.array_equal(a, c) for a, c in zip(flow, kept, strict=True))
    brought = np.zeros(shape)
    for axis, part in enumerate(straight):
        if shape[axis] > 1:
            assert not part.take(-1, axis).any()
            brought += np.roll(part, 1, axis) - part
    np.testing.assert_allclose(brought, b, atol=1e-13)
    for lengths in (np.ones(3), np.array([1.0, 3.0, 0.5])):
        costs = [
            sum(h * np.abs(part).sum() for h, part in zip(lengths, parts, strict=True))
            for parts in (flow, straight)
        ]
        assert costs[1] <= costs[0] * (1 + 1e-13)


def test_straightened_flow_without_loops_or_detours_stays():
    b = np.zeros((3, 1, 3))
    b[0, 0, 0], b[2, 0, 2] = -1.0, 1.0
    down, along = np.zeros((3, 1, 3)), np.zeros((3, 1, 3))
    down[0, 0, 1] = down[1, 0, 2] = along[0, 0, 0] = along[1, 0, 1] = 1.0
    straight = straightened([down, np.zeros((1, 1, 1)), along], b)
    assert np.array_equal(straight[0], down) and np.array_equal(straight[2], along)


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e20])
def test_lower_bound_of_a_potential_far_from_0(offset):
    # Beside 1e20 a distance is lost; the bound was then above W1.
    gen, real = (mass / TOTAL for mass in pair("white", (12, 12)))
    problem = Problem.between(gen, real, even((12, 12)))
    potential = np.random.default_rng(0).normal(size=problem.shape) * max(1.0, abs(offset)) + offset
    lower, f = lower_bound(potential, problem)
    assert lower * problem.unit <= by_highs(gen, real, even((12, 12))) * (1 + 1e-9)
    for axis in (0, 2):
        assert np.abs(np.diff(f, axis=axis)).max() <= 1 + 1e-12


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"gen_mass": np.full((3, 4), np.nan)}, "gen_mass must be finite and >= 0, got nan"),
        ({"real_mass": np.full((3, 4), np.inf)}, "real_mass must be finite and >= 0, got inf"),
        ({"real_mass": -np.ones((3, 4))}, "real_mass must be finite and >= 0, got -1"),
        ({"real_mass": np.zeros((3, 4))}, "there is no mass"),
        ({"gen_mass": np.ones((4, 3))}, r"gen_mass has shape \(4, 3\), real_mass \(3, 4\)"),
        ({"gen_mass": np.full((3, 4), 1.1)}, "must sum alike, got 13.2 .* Divide each"),
        ({"gen_mass": np.ones((2, 2, 2, 2))}, "1 to 3 axes"),
        ({"gen_mass": np.ones((0, 4))}, "1 to 3 axes"),
        ({"edges": even((3, 3))}, r"edges must have the shapes \(4,\), \(5,\), got \(4,\), \(4,\)"),
        ({"edges": even((3,))}, "edges must have the shapes"),
        ({"edges": [np.arange(4.0), np.zeros(5)]}, "edges must ascend"),
        ({"edges": [np.arange(4.0), np.array([0, 1, 2, 3, np.inf])]}, "ascend and be finite"),
        ({"tol": 0}, "tol must be above 0"),
        ({"tol": np.nan}, "tol must be finite"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
    ],
)
def test_bad_input(change, match):
    real = np.arange(12.0).reshape(3, 4)
    given = {"gen_mass": real[::-1], "real_mass": real, "edges": even((3, 4)), **change}
    if np.shape(given["gen_mass"]) == (3, 4) and "gen_mass" in change and "sum" in match:
        given["real_mass"] = np.ones((3, 4))
    with pytest.raises(InputError, match=match) as raised:
        manhattan(**given)
    assert raised.value.argument in {*change, "real_mass", "gen_mass"}


def test_a_grid_too_large_for_memory_is_refused_with_what_it_would_need(monkeypatch):
    monkeypatch.setattr(module_problem, "available_memory", lambda: 100_000)
    real = np.ones((30, 40))
    with pytest.raises(InputError, match=r"30 x 40 cells needs about 0\.00024 GB") as raised:
        manhattan(real[::-1], real, even((30, 40)))
    assert "this machine has 0.0001 GB" in str(raised.value)
