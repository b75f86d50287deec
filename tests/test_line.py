"""W1 on the line: against SciPy, POT, a naive twin and exact cases; and that primal is dual.

The naive twin sums F cell by cell with exact fractions.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

import ratiogan as rg
from ratiogan.divergences import wasserstein_line as as_before
from ratiogan.errors import InputError
from ratiogan.transport.line import (
    line_critics,
    line_points,
    line_values,
    transport_line,
    wasserstein_line,
)

SIZES = (1, 2, 3, 4, 5, 8, 33, 1000)


def random_pair(seed, n, zeros=False):
    """Uneven edges and two weighted laws, some of whose cells may be empty."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.exponential(size=n + 1)) - 0.3 * n
    p, q = rng.dirichlet(np.ones(n), size=2)
    if zeros and n > 2:
        for masses in (p, q):
            masses[rng.random(n) < 0.4] = 0.0
            masses[rng.integers(n)] += 0.1
            masses /= masses.sum()
    return edges, p, q


def naive(p, q, y):
    """sum |F| dy in exact arithmetic."""
    ahead, total = Fraction(0), Fraction(0)
    for k in range(len(y) - 1):
        ahead += Fraction(float(p[k])) - Fraction(float(q[k]))
        total += abs(ahead) * (Fraction(float(y[k + 1])) - Fraction(float(y[k])))
    return float(total)


def distributions(edges, p, q):
    grid = rg.Grid([edges])
    return rg.Distribution.from_mass(p, grid), rg.Distribution.from_mass(q, grid)


# --- the value -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("zeros", (False, True))
def test_the_value_is_what_scipy_and_a_naive_twin_find(n, zeros):
    for seed in range(5):
        edges, p, q = random_pair(seed, n, zeros)
        y = edges[:-1]
        value = line_values(p, q, y)
        assert value == pytest.approx(wasserstein_distance(y, y, p, q), rel=1e-12, abs=1e-15)
        assert value == pytest.approx(naive(p, q, y), rel=1e-12, abs=1e-15)
        assert line_critics(p, q, y)[0] == value


@pytest.mark.parametrize("n", SIZES)
def test_the_value_is_what_pot_finds(n):
    ot = pytest.importorskip("ot")
    for seed in range(5):
        edges, p, q = random_pair(seed, n, zeros=True)
        y = edges[:-1]
        expected = float(ot.wasserstein_1d(y, y, p, q))
        assert line_values(p, q, y) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_spread_mass_against_the_integral_of_f(n):
    for seed in range(5):
        edges, p, q = random_pair(seed, n, zeros=True)
        ahead = np.concatenate([[0.0], np.cumsum(p - q)])
        ahead[-1] = 0.0
        total = 0.0
        for a, b, width in zip(ahead[:-1], ahead[1:], np.diff(edges), strict=True):
            # The area of one trapezium, or of the two triangles on either side of the crossing.
            area = 0.5 * (abs(a) + abs(b)) if a * b >= 0 else 0.5 * (a * a + b * b) / abs(b - a)
            total += area * width
        assert line_values(p, q, edges) == pytest.approx(total, rel=1e-12, abs=1e-14)


def test_spread_mass_is_the_limit_of_mass_at_many_points():
    edges, p, q = random_pair(3, 12)
    many = 2000
    places = np.concatenate(
        [a + (np.arange(many) + 0.5) * (b - a) / many for a, b in itertools.pairwise(edges)]
    )
    fine = line_values(np.repeat(p / many, many), np.repeat(q / many, many), places)
    assert line_values(p, q, edges) == pytest.approx(fine, rel=1e-6)


@pytest.mark.plain
def test_exact_cases():
    assert line_values([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 3.0]) == 3.0
    values, critics = line_critics([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 3.0])
    assert values == 3.0 and critics.tolist() == [0.0, -1.0, -3.0]
    # One cell against its neighbour, spread: every point moves by one width.
    assert line_values([1.0, 0.0], [0.0, 1.0], [0.0, 2.0, 4.0]) == 2.0
    # Half of a cell's mass to the right: F falls from 0 to -1/2 and back.
    assert line_values([0.5, 0.5], [1.0, 0.0], [0.0, 1.0, 2.0]) == 0.5
    # A middle cell split to both sides: F changes its sign inside it.
    value, critic = line_critics([0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 2.0, 3.0])
    assert value == 0.75 and critic.tolist() == [-0.75, 0.0, -0.75]


# --- the critic ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("spread", (False, True))
def test_primal_is_dual_and_the_critic_is_feasible(n, spread):
    for seed in range(5):
        edges, p, q = random_pair(seed, n, zeros=True)
        points = edges if spread else edges[:-1]
        value, f = line_critics(p, q, points)
        scale = max(1.0, points[-1] - points[0])
        assert abs(f @ (p - q) - value) <= 1e-12 * scale
        assert abs(f @ p) <= 1e-13 * scale
        places = 0.5 * (edges[1:] + edges[:-1]) if spread else points
        # Means over cells of a 1-Lipschitz function are 1-Lipschitz in the centres.
        assert np.all(np.abs(np.diff(f)) <= np.diff(places) + 1e-14 * scale)


def test_the_slope_is_minus_the_sign_of_f_and_0_where_it_vanishes():
    p = np.array([0.25, 0.25, 0.0, 0.0, 0.5, 0.0])
    q = np.array([0.0, 0.5, 0.0, 0.0, 0.0, 0.5])
    y = np.array([0.0, 1.0, 3.0, 4.0, 6.0, 7.0])
    value, f = line_critics(p, q, y)
    assert (np.diff(f) / np.diff(y)).tolist() == [-1.0, 0.0, 0.0, 0.0, -1.0]
    assert value == 0.75


@pytest.mark.parametrize("seed", range(4))
def test_the_critic_attains_what_a_linear_programme_finds(seed):
    edges, p, q = random_pair(seed, 9)
    y = edges[:-1]
    rises = np.diff(np.eye(9), axis=0)
    found = linprog(
        q - p,
        A_ub=np.concatenate([rises, -rises]),
        b_ub=np.tile(np.diff(y), 2),
        A_eq=p[None],
        b_eq=[0.0],
        bounds=(None, None),
    )
    value, f = line_critics(p, q, y)
    assert -found.fun == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(f, found.x, atol=1e-8)


def test_the_gradient_of_the_value_in_r_is_minus_the_critic():
    edges, p, _ = random_pair(5, 40)
    y, rng = edges[:-1], np.random.default_rng(0)
    q = rng.dirichlet(np.ones(40))
    _, f = line_critics(p, q, y)
    assert np.abs(np.cumsum(p - q)[:-1]).min() > 1e-4  # unique: F vanishes nowhere
    ratio = q / p
    for _ in range(5):
        d = rng.normal(size=40)
        d -= p @ d  # E[R] stays 1
        h = 1e-6
        ends = [line_values(p, p * (ratio + s * d), y) for s in (h, -h)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(-(p * d) @ f, rel=1e-7)
        # Spread mass has the same gradient, with the means of f.
        _, means = line_critics(p, q, edges)
        ends = [line_values(p, p * (ratio + s * d), edges) for s in (h, -h)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(-(p * d) @ means, rel=1e-6)


def test_both_tails_keep_their_relative_accuracy():
    """F at the right end is a sum of tiny masses, not what 1 - 1 leaves of them."""
    n = 400
    y = np.linspace(-20, 20, n)
    p, q = np.exp(-0.5 * y * y), np.exp(-0.5 * (y - 0.3) ** 2)
    _, f = line_critics(p / p.sum(), q / q.sum(), y)
    assert np.all(np.abs(np.diff(f) / np.diff(y) + 1.0) < 1e-11)


# --- properties ----------------------------------------------------------------------------------

laws = st.lists(st.integers(0, 20), min_size=2, max_size=12)


@given(laws, laws, laws, st.integers(0, 10**6), st.booleans())
def test_shift_scale_symmetry_and_the_triangle(one, two, three, seed, spread):
    n = min(map(len, (one, two, three)))
    edges = random_pair(seed, n)[0]
    points = edges if spread else edges[:-1]
    p, q, r = (np.array(law[:n], float) + (np.arange(n) == 0) for law in (one, two, three))
    p, q, r = p / p.sum(), q / q.sum(), r / r.sum()
    value = line_values(p, q, points)
    size = 1e-12 * (points[-1] - points[0])
    assert line_values(q, p, points) == value
    assert abs(line_values(p, q, points + 2.5) - value) <= 10 * size
    assert abs(line_values(p, q, 4.0 * points) - 4.0 * value) <= 4 * size
    assert abs(line_values(p[::-1], q[::-1], -points[::-1]) - value) <= size
    assert value <= line_values(p, r, points) + line_values(r, q, points) + size
    assert line_values(p, p, points) == 0.0
    assert not line_critics(p, p, points)[1].any()


@pytest.mark.plain
def test_rows_of_a_batch_are_the_single_runs():
    rng = np.random.default_rng(2)
    y = np.cumsum(rng.exponential(size=8))
    p, q = rng.dirichlet(np.ones(7), size=4), rng.dirichlet(np.ones(7), size=4)
    for points in (y[:-1], y):
        values, critics = line_critics(p, q, points)
        assert values.shape == (4,) and critics.shape == (4, 7)
        for row in range(4):
            value, critic = line_critics(p[row], q[row], points)
            assert value == values[row] and np.array_equal(critic, critics[row])
        np.testing.assert_array_equal(line_values(p, q, points), values)
        shared, _ = line_critics(p[0], q, points)
        assert shared[2] == line_values(p[0], q[2], points)
    assert line_values(p[:1], q[:1], y).shape == (1,)


# --- distributions -------------------------------------------------------------------------------


def test_two_distributions():
    real, gen = distributions(*random_pair(1, 50))
    found = transport_line(gen=gen, real=real)
    assert found.value == wasserstein_line(gen=gen, real=real) == as_before(gen=gen, real=real)
    assert found.gap <= 1e-14 and found.dual == pytest.approx(found.value, abs=1e-14)
    assert found.value == line_values(real.mass, gen.mass, real.grid.centres[0])
    spread = transport_line(gen=gen, real=real, mass="spread")
    assert spread.value == line_values(real.mass, gen.mass, real.grid.edges[0])
    slopes = np.sign(np.diff(found.critic))
    assert found.sign_changes == np.count_nonzero(slopes[1:] != slopes[:-1])


def test_the_default_problem_has_the_specified_digits():
    real, gen = rg.problem()
    found = transport_line(gen=gen, real=real)
    assert f"{found.value:.9f}" == "0.588179301" and found.sign_changes == 3
    assert found.gap < 1e-15


def test_counts_and_categories():
    counts = rg.Grid.counts(0, 3)
    p = rg.Distribution.from_mass([1, 0, 0, 1], counts)
    q = rg.Distribution.from_mass([0, 1, 1, 0], counts)
    assert transport_line(gen=q, real=p).value == 1.0
    with pytest.raises(InputError, match="values have no width"):
        transport_line(gen=q, real=p, mass="spread")
    levels = rg.Grid.categories(["a", "b"])
    p = rg.Distribution.from_mass([1, 0], levels)
    assert wasserstein_line(gen=p, real=p) is None
    with pytest.raises(InputError, match="no distances"):
        transport_line(gen=p, real=p)
    plane = rg.Grid.regular((2, 2), (0, 0), (1, 1))
    with pytest.raises(InputError, match="needs one axis, the grid has 2"):
        line_points(plane)


@pytest.mark.parametrize(
    ("real", "gen", "points", "match"),
    [
        ([0.5, 0.5], [0.5, 0.5], [1.0, 0.0], "ascending"),
        ([0.5, 0.5], [0.5, 0.5], [0.0, math.nan], "ascending"),
        ([0.5, 0.5], [0.5, 0.5], [0.0, math.inf], "finite"),
        ([0.5, 0.5], [0.5, 0.5], [], "ascending"),
        ([0.5, math.nan], [0.5, 0.5], [0.0, 1.0], "real holds a NaN"),
        ([0.5, 0.5], [1.5, -0.5], [0.0, 1.0], "gen holds the mass -0.5"),
        ([0.5, 0.5], [0.5, 0.6], [0.0, 1.0], "must sum alike, got 1 and 1.1"),
        ([0.5, math.inf], [0.5, 0.5], [0.0, 1.0], "must sum alike"),
        ([0.5, 0.5], [0.5, 0.5], [0.0, 1.0, 2.0, 3.0], "a place, or two edges, for every mass"),
        ([0.5, 0.5], [1.0], [0.0, 1.0], "real has 2 masses, gen 1"),
        ([[0.5, 0.5]] * 2, [[0.5, 0.5]] * 3, [0.0, 1.0], "real has 2 rows, gen 3"),
        ([], [], [0.0], "no mass"),
    ],
)
def test_what_cannot_be_measured_is_refused(real, gen, points, match):
    for function in (line_values, line_critics):
        with pytest.raises(InputError, match=match):
            function(real, gen, points)
