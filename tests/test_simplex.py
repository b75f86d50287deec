"""The network simplex against linear programmes, and its trees against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from ratiogan.errors import InputError
from ratiogan.transport.simplex import NetworkSimplex


def by_highs(supply, tail, head, cost):
    count = np.arange(tail.size)
    out = csr_matrix((np.ones(count.size), (tail, count)), (supply.size, count.size))
    into = csr_matrix((np.ones(count.size), (head, count)), (supply.size, count.size))
    return linprog(cost, A_eq=out - into, b_eq=supply, method="highs")


def check_tree(simplex):
    """Parents, ring, sizes, ends of subtrees, and flows that leave every node what it has."""
    root = simplex.units.size
    parent, thread, size, last = simplex._parent, simplex._thread, simplex._size, simplex._last
    order, node = [root], thread[root]
    while node != root:
        order.append(node)
        node = thread[node]
    assert sorted(order) == list(range(root + 1))
    place = np.argsort(order)
    assert (simplex._back[thread] == np.arange(root + 1)).all()
    below = np.ones(root + 1, dtype=int)
    end = np.arange(root + 1)
    for node in reversed(order):
        assert size[node] == below[node] and last[node] == end[node]
        if node != root:
            assert place[parent[node]] < place[node]
            below[parent[node]] += below[node]
            if place[end[node]] > place[end[parent[node]]]:
                end[parent[node]] = end[node]
            assert end[node] == order[place[node] + below[node] - 1]
    left = np.append(simplex.units, 0.0)
    for node in range(root):
        assert simplex._flow[node] > 0.0 or simplex._up[node]  # strongly feasible
        assert simplex._flow[node] >= 0.0
        away = simplex._flow[node] if simplex._up[node] else -simplex._flow[node]
        left[node] -= away
        left[parent[node]] += away
    assert (left[:-1] == 0.0).all()  # exactly: units are whole numbers


def check_optimal(simplex, supply, tail, head, cost):
    f = simplex.potential
    assert (f[head] - f[tail] <= cost + 1e-11).all()
    a, b, units = simplex.flow()
    left = supply.astype(float).copy()
    np.subtract.at(left, a, units * simplex.unit)
    np.add.at(left, b, units * simplex.unit)
    np.testing.assert_allclose(left, 0.0, atol=1e-13 * np.abs(supply).sum())
    assert simplex.cost == pytest.approx(-(supply * f).sum(), abs=1e-11)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("whole", [True, False])
def test_any_graph_against_a_linear_programme(seed, whole):
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 40))
    supply = rng.integers(-3, 4, nodes).astype(float) if whole else rng.standard_normal(nodes)
    supply[0] -= supply.sum()
    # A ring makes every flow possible; costs of whole numbers make bases degenerate.
    ring = np.arange(nodes)
    tail = np.append(ring, rng.integers(0, nodes, 4 * nodes))
    head = np.append(np.roll(ring, 1), rng.integers(0, nodes, 4 * nodes))
    kept = tail != head
    tail, head = tail[kept], head[kept]
    cost = rng.integers(0, 5, tail.size) * 1.0 if whole else rng.uniform(0, 5, tail.size)
    simplex = NetworkSimplex(supply, price=1000.0)
    simplex.add(tail, head, cost)
    simplex.solve()
    check_tree(simplex)
    assert simplex.unserved == 0.0
    assert simplex.cost == pytest.approx(by_highs(supply, tail, head, cost).fun, abs=1e-9)
    # Parts that nothing flows between hang on the root alone; potentials agree but for constants.
    check_optimal(simplex, supply, tail, head, cost)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_assignments_with_ties(sources, sinks, seed):
    rng = np.random.default_rng(seed)
    give, take = rng.integers(1, 4, sources) * 1.0, rng.integers(1, 4, sinks) * 1.0
    supply = np.concatenate([give * take.sum(), -take * give.sum()])
    tail, head = (ends.ravel() for ends in np.indices((sources, sinks)))
    head = head + sources
    cost = rng.integers(0, 3, tail.size) * 1.0
    simplex = NetworkSimplex(supply, price=10.0)
    simplex.add(tail, head, cost)
    simplex.solve()
    check_tree(simplex)
    check_optimal(simplex, supply, tail, head, cost)


def test_against_pot():
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(11)
    give, take = rng.random(150), rng.random(130)
    take *= give.sum() / take.sum()
    cost = rng.random((150, 130))
    tail, head = (ends.ravel() for ends in np.indices(cost.shape))
    simplex = NetworkSimplex(np.concatenate([give, -take]), price=2.0)
    simplex.add(tail, head + 150, cost.ravel())
    assert simplex.solve().cost == pytest.approx(ot.emd2(give, take, cost), rel=1e-12)


def test_arcs_added_later_and_a_good_guess():
    rng = np.random.default_rng(12)
    points = rng.random((120, 2))
    supply = np.append(rng.random(60), -rng.random(60))
    supply[60:] *= supply[:60].sum() / -supply[60:].sum()
    tail, head = (ends.ravel() for ends in np.indices((60, 60)))
    head = head + 60
    cost = np.hypot(*(points[tail] - points[head]).T)
    once = NetworkSimplex(supply, price=4.0)
    once.add(tail, head, cost)
    once.solve()
    parts = NetworkSimplex(supply, price=4.0)
    costs = []
    for part in np.array_split(rng.permutation(tail.size), 7):
        parts.add(tail[part], head[part], cost[part])
        parts.solve()
        check_tree(parts)
        costs.append(parts.cost + 8.0 * parts.unserved)
    assert parts.cost == pytest.approx(once.cost, rel=1e-13)
    assert np.all(np.diff(costs) <= 1e-12)
    guessed = NetworkSimplex(supply, price=4.0, potential=once.potential)
    guessed.add(tail, head, cost)
    assert guessed.solve().cost == pytest.approx(once.cost, rel=1e-13)
    assert guessed.n_pivots < once.n_pivots


def test_what_no_arc_serves_goes_over_the_root():
    simplex = NetworkSimplex(np.array([2.0, 1.0, -3.0]), price=5.0)
    simplex.add(np.array([0]), np.array([2]), np.array([1.0]))
    simplex.solve()
    assert simplex.unserved == 1.0 and simplex.cost == 2.0
    simplex.add(np.array([1]), np.array([2]), np.array([100.0]))
    assert simplex.solve().unserved == 1.0  # dearer than the root
    assert NetworkSimplex(np.zeros(0), price=1.0).solve().cost == 0.0
    assert NetworkSimplex(np.zeros(3), price=1.0).solve().unserved == 0.0


def test_pivots_can_be_limited():
    rng = np.random.default_rng(13)
    tail, head = (ends.ravel() for ends in np.indices((20, 20)))
    supply = np.append(np.ones(20), -np.ones(20))
    simplex = NetworkSimplex(supply, price=4.0)
    simplex.add(tail, head + 20, rng.random(400))
    whole = NetworkSimplex(supply, price=4.0)
    whole.add(simplex._tail, simplex._head, simplex._cost)
    whole.solve()
    for _ in range(1000):
        before = simplex.n_pivots
        simplex.solve(max_pivots=3)
        check_tree(simplex)
        if simplex.n_pivots == before:
            break
    assert simplex.cost == whole.cost


@pytest.mark.parametrize(
    ("supply", "price", "text"),
    [
        ([1.0, np.nan], 1.0, "finite"),
        ([1.0, -0.5], 1.0, "sum to 0"),
        ([1.0, -1.0], 0.0, "price"),
        ([1.0, -1.0], np.nan, "price"),
    ],
)
def test_what_is_refused(supply, price, text):
    with pytest.raises(InputError, match=text):
        NetworkSimplex(np.array(supply), price)
