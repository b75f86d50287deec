"""`wasserstein`: two bounds and what proves them; the laws of a distance; what is refused."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

import ratiogan as rg
from ratiogan.errors import InputError
from ratiogan.transport.certified import interval_ends
from ratiogan.transport.extension import ALL_PAIRS, extend, lipschitz_constant
from ratiogan.transport.paths import line_plan

METRICS = ("euclidean", "manhattan")
NAMES = {"euclidean": "euclidean", "manhattan": "cityblock"}


def places(grid):
    return np.stack(np.meshgrid(*grid.centres, indexing="ij"), axis=-1).reshape(-1, grid.ndim)


def random_pair(shape, seed, zeros=0.3):
    rng = np.random.default_rng(seed)
    grid = rg.Grid([np.cumsum(rng.uniform(0.5, 1.5, n + 1)) for n in shape])
    sides = []
    for _ in range(2):
        mass = rng.random(shape) * (rng.random(shape) > zeros)
        mass.flat[0] += 0.1
        sides.append(rg.Distribution.from_mass(mass, grid))
    return sides


def exact(real, gen, metric):
    """The transport problem between all cells, as one dense linear programme."""
    x = places(real.grid)
    n = len(x)
    rows = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    solved = linprog(
        cdist(x, x, NAMES[metric]).ravel(),
        A_eq=np.vstack(rows)[:-1],
        b_eq=np.concatenate([gen.mass.ravel(), real.mass.ravel()])[:-1],
        method="highs",
    )
    return solved.fun


# ---- the interval, and what proves it ------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(4, 5), (3, 3, 3)])
def test_interval_holds_the_optimum_of_the_linear_programme(shape, metric):
    for seed in range(3):
        real, gen = random_pair(shape, seed)
        found = rg.wasserstein(gen=gen, real=real, metric=metric, tol=1e-3)
        best = exact(real, gen, metric)
        assert found.lower <= best * (1 + 1e-12) and best <= found.upper * (1 + 1e-12)
        assert found.relative_gap <= 1e-3 and found.status.value == "converged"
        assert found.value == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(7,), (9, 8), (4, 5, 3)])
def test_both_ends_are_feasible_points(shape, metric):
    real, gen = random_pair(shape, 5)
    found = rg.wasserstein(gen=gen, real=real, metric=metric, plan=True)
    x, f = places(real.grid), found.critic.ravel()
    apart = cdist(x, x, NAMES[metric])
    assert np.all(np.abs(f[:, None] - f) <= apart * (1 + 1e-12) + 1e-13)
    assert found.critic_lipschitz <= 1 + 1e-12
    assert float((real.mass * found.critic).sum()) == pytest.approx(0, abs=1e-13)
    dual = float(((real.mass - gen.mass) * found.critic).sum())
    assert dual == pytest.approx(found.lower, rel=1e-12)
    plan = found.plan
    left = gen.mass.ravel().copy()
    np.subtract.at(left, plan.origin, plan.mass)
    assert plan.mass.min() > 0 and left.min() > -1e-14
    np.add.at(left, plan.destination, plan.mass)
    assert np.abs(left - real.mass.ravel()).max() < 1e-14
    cost = float(plan.mass @ apart[plan.origin, plan.destination])
    assert found.lower * (1 - 1e-12) <= cost <= found.upper * (1 + 1e-12)


@pytest.mark.parametrize("mass", ["centre", "spread"])
def test_line_is_exact(mass):
    real, gen = random_pair((30,), 1)
    found = rg.wasserstein(gen=gen, real=real, mass=mass)
    assert found.gap < 1e-14 and found.is_exact and found.n_steps == 0
    if mass == "centre":
        y = real.grid.centres[0]
        assert found.value == pytest.approx(wasserstein_distance(y, y, real.mass, gen.mass), 1e-12)
    points = np.linspace(-1, 40, 5001)
    values = found.critic_at(points)
    assert np.abs(np.diff(values)).max() <= np.diff(points).max() * (1 + 1e-9)
    if mass == "spread":
        # The mean of f over cells, weighted by what they hold, is the dual value.
        edges = real.grid.edges[0]
        inner = [np.linspace(a, b, 4001)[:-1] for a, b in itertools.pairwise(edges)]
        means = [found.critic_at(part + 0.5 * (part[1] - part[0])).mean() for part in inner]
        np.testing.assert_allclose(means, found.critic, atol=1e-6)
    else:
        np.testing.assert_allclose(found.critic_at(real.grid.centres[0]), found.critic, atol=1e-15)


def test_line_plan_and_flow_cost_what_w1_is():
    real, gen = random_pair((40,), 3)
    found = rg.wasserstein(gen=gen, real=real, plan=True, flow=True)
    y = real.grid.centres[0]
    cost = found.plan.mass @ np.abs(y[found.plan.origin] - y[found.plan.destination])
    assert cost == pytest.approx(found.value, rel=1e-13)
    assert np.abs(found.flow[0]) @ np.diff(y) == pytest.approx(found.value, rel=1e-13)
    carried = gen.mass.copy()
    carried[:-1] -= found.flow[0]
    carried[1:] += found.flow[0]
    np.testing.assert_allclose(carried, real.mass, atol=1e-15)
    assert not len(line_plan(np.zeros(5)))


def test_history_is_of_valid_intervals():
    real, gen = random_pair((16, 16), 2)
    found = rg.wasserstein(gen=gen, real=real, metric="manhattan", tol=1e-4)
    assert found.history.shape[1] == 3 and len(found.history)
    assert np.all(found.history[:, 1] <= found.upper * (1 + 1e-12))
    assert np.all(found.history[:, 2] >= found.lower * (1 - 1e-12))


# ---- laws of a distance --------------------------------------------------------------------------

shapes = st.sampled_from([(6,), (4, 4), (3, 4)])


@settings(max_examples=15, deadline=None)
@given(shapes, st.integers(0, 10**6), st.sampled_from(METRICS))
def test_symmetry_and_scale(shape, seed, metric):
    real, gen = random_pair(shape, seed)
    one = rg.wasserstein(gen=gen, real=real, metric=metric)
    other = rg.wasserstein(gen=real, real=gen, metric=metric)
    slack = 1e-12 * one.upper
    assert one.lower <= other.upper + slack and other.lower <= one.upper + slack
    wide = rg.Grid([7.0 * edges - 2.0 for edges in real.grid.edges])
    real, gen = (rg.Distribution.from_mass(side.mass, wide) for side in (real, gen))
    scaled = rg.wasserstein(gen=gen, real=real, metric=metric)
    assert scaled.lower <= 7 * one.upper + 7 * slack and 7 * one.lower <= scaled.upper + 7 * slack


@settings(max_examples=15, deadline=None)
@given(shapes, st.integers(0, 10**6), st.sampled_from(METRICS))
def test_triangle_inequality(shape, seed, metric):
    a, b = random_pair(shape, seed)
    c = rg.Distribution.from_mass(random_pair(shape, seed + 1)[0].mass, a.grid)
    way = rg.wasserstein(gen=a, real=b, metric=metric)
    first = rg.wasserstein(gen=a, real=c, metric=metric)
    second = rg.wasserstein(gen=c, real=b, metric=metric)
    assert way.lower <= (first.upper + second.upper) * (1 + 1e-12)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(METRICS),
)
def test_a_shift_costs_its_length(seed, shift, metric):
    rng = np.random.default_rng(seed)
    real = np.zeros((7, 7))
    real[:4, :4] = rng.random((4, 4))
    gen = np.roll(real, shift, axis=(0, 1))
    found = rg.wasserstein(gen=gen, real=real, metric=metric)
    length = sum(shift) if metric == "manhattan" else np.hypot(*shift)
    # No plan is shorter than the distance of the means, and the shift itself is one.
    assert found.lower <= length * (1 + 1e-12) + 1e-15
    assert found.upper >= length * (1 - 1e-12)
    assert found.relative_gap <= 1e-3


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(9,), (5, 5), (3, 3, 2)])
def test_identical_inputs_give_exactly_0(shape, metric):
    real, _ = random_pair(shape, 0)
    found = rg.wasserstein(gen=real, real=real, metric=metric, plan=True)
    assert found.lower == found.upper == found.value == found.relative_gap == 0
    assert not len(found.plan) and found.finding == "W1 = 0 exactly: p_g = p_r in every cell."


# ---- the gradient --------------------------------------------------------------------------------


def test_gradient_is_that_of_finite_differences_where_unique():
    real = rg.preset("bimodal", rg.Grid.regular(64, -4, 4))
    ratio = rg.density_ratio(gen=rg.preset("normal", real.grid), real=real).values
    found = rg.wasserstein(gen=rg.Distribution.from_mass(real.mass * ratio, real.grid), real=real)
    assert found.is_unique
    direction = np.random.default_rng(0).normal(size=64)
    direction -= real.mass @ direction
    step = 1e-7

    def cost(sign):
        mass = real.mass * (ratio + sign * step * direction)
        return rg.wasserstein(gen=rg.Distribution.from_mass(mass, real.grid), real=real).value

    measured = (cost(1) - cost(-1)) / (2 * step)
    assert measured == pytest.approx(real.mass @ (found.gradient * direction), rel=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_gradient_is_a_subgradient_everywhere(metric):
    real, gen = random_pair((4, 4), 8, zeros=0)
    found = rg.wasserstein(gen=gen, real=real, metric=metric)
    assert found.is_unique is None
    for seed in range(5):
        other, _ = random_pair((4, 4), 20 + seed, zeros=0)
        other = rg.Distribution.from_mass(other.mass, real.grid)
        rise = float((found.gradient * (other.mass - gen.mass)).sum())
        there = rg.wasserstein(gen=other, real=real, metric=metric)
        assert there.upper >= found.value + rise - found.gap - 1e-12


def test_critic_is_not_unique_where_the_distribution_functions_meet():
    pair = {"gen": [0.25, 0.25, 0.5], "real": [0.25, 0.5, 0.25]}
    assert not rg.wasserstein(**pair).is_unique


# ---- the critic as a function --------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 3)])
def test_critic_at_is_the_extension_over_all_cells(shape, metric):
    real, gen = random_pair(shape, 4)
    found = rg.wasserstein(gen=gen, real=real, metric=metric)
    x = places(real.grid)
    np.testing.assert_allclose(found.critic_at(x), found.critic.ravel(), atol=1e-12)
    points = np.random.default_rng(0).uniform(-5, 15, size=(200, len(shape)))
    apart = cdist(points, x, NAMES[metric])
    values = found.critic_at(points)
    np.testing.assert_allclose(values, (found.critic.ravel() + apart).min(axis=1), atol=1e-12)
    among = cdist(points, points, NAMES[metric])
    assert np.all(np.abs(values[:, None] - values) <= among + 1e-12)


@pytest.mark.parametrize("points", [[[0.0, np.nan]], [[0.0]], [0.0, 1.0]])
def test_critic_at_refuses_what_is_no_point(points):
    with pytest.raises(InputError, match="points must"):
        extend(np.zeros((2, 2)), [[0, 1], [0, 1]], points)


def test_lipschitz_constant_of_large_grids_is_an_upper_bound():
    n = int(np.sqrt(ALL_PAIRS)) + 1
    axes = [np.arange(n), np.arange(n)]
    cone = np.hypot(*np.meshgrid(*axes, indexing="ij"))
    assert lipschitz_constant(cone, axes) == pytest.approx(1, abs=1e-12)
    steep = cone.copy()
    steep[40, 40] += 0.5
    assert 1.4 < lipschitz_constant(steep, axes) < 1.6
    assert lipschitz_constant(cone[:20, :20], [a[:20] for a in axes]) == pytest.approx(1, abs=1e-12)


# ---- what is said, kept and refused --------------------------------------------------------------


def test_tolerances_that_are_not_reached_are_said_and_leave_an_interval():
    real, gen = random_pair((12, 12), 6)
    options = {"gen": gen, "real": real, "metric": "manhattan"}
    short = rg.wasserstein(**options, tol=1e-9, max_steps=3)
    assert short.status.value == "interval-only" and short.relative_gap > 1e-9
    assert "> tol 1e-09 after 3 steps): interval valid, try --max-steps 100." in short.finding
    near = rg.wasserstein(**options)
    assert short.lower <= near.upper and near.lower <= short.upper
    fine = rg.wasserstein(**options, tol=1e-300)
    assert fine.status.value == "interval-only" and fine.relative_gap < 1e-9
    assert "double precision" in fine.finding or "no further step" in fine.finding


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        (23.40123, 23.42049, ("23.4012", "23.4205")),
        (0.47147, 0.47153, ("0.4714700", "0.4715301")),
        (1.234561e-7, 1.235669e-7, ("1.23456e-07", "1.23567e-07")),
        (99.9403, 100.0597, ("99.940", "100.060")),
        (2.0, 2.0, ("2", "2")),
    ],
)
def test_ends_are_rounded_outwards(lower, upper, said):
    ends = interval_ends(lower, upper)
    assert float(ends[0]) <= lower * (1 + 1e-15) and float(ends[1]) >= upper * (1 - 1e-15)
    assert [float(end) for end in ends] == pytest.approx([float(end) for end in said], rel=1e-6)


def test_a_saved_result_can_be_checked_with_numpy_alone(tmp_path):
    real, gen = random_pair((6, 5), 7)
    found = rg.wasserstein(gen=gen, real=real, plan=True)
    found.save(tmp_path, command=["ratiogan", "wasserstein"])
    stored = np.load(tmp_path / "run.npz")  # pickle is off
    assert np.array_equal(stored["critic"], found.critic)
    assert np.array_equal(stored["plan_mass"], found.plan.mass)
    assert float(stored["lower"]) == found.lower and str(stored["metric"]) == "euclidean"
    meta = json.loads(str(stored["meta"]))
    assert meta["schema"] == "ratiogan-wasserstein" and meta["upper"] == found.upper
    with pytest.raises(InputError, match="no run but ratiogan wasserstein"):
        rg.load(tmp_path)


def test_json_and_text_hold_the_interval():
    found = rg.wasserstein(gen=[[0, 1], [1, 0]], real=[[2, 0], [0, 0]], metric="manhattan")
    assert found.value == 1 and found.to_dict()["metric"] == "manhattan"
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.summary().startswith("W1 = 1 exactly") and "W1 = 1" in repr(found)


SQUARE = [[0.5, 0.5], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gen": [0.5, 0.5], "real": SQUARE}, "same cells"),
        ({"gen": [[np.nan, 1], [0, 0]], "real": SQUARE}, "nan"),
        ({"gen": [[-1, 2], [0, 0]], "real": SQUARE}, "negative"),
        ({"gen": [[1, 1], [0, 0]], "real": SQUARE}, "sum alike, got 1 and 2"),
        ({"gen": [[0, 0], [0, 0]], "real": SQUARE}, "mass"),
        ({"tol": 0}, "tol must be above 0"),
        ({"tol": -1e-3}, "tol must be above 0"),
        ({"tol": np.nan}, "tol must be finite"),
        ({"metric": "eclidean"}, "Nearest: euclidean"),
        ({"mass": "center"}, "Nearest: centre"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"gen": SQUARE, "real": SQUARE, "mass": "spread"}, "mass must be centre on 2 axes"),
        ({"gen": SQUARE, "real": SQUARE, "flow": True}, "metric=manhattan"),
        ({"mass": "spread", "plan": True}, "plan between cells"),
        ({"real": "ring8", "gen": "normal"}, "ring8|normal"),
    ],
)
def test_refusals_name_the_argument(options, said):
    with pytest.raises(InputError, match=f"(?i){said}"):
        rg.wasserstein(**options)


@pytest.mark.parametrize("metric", METRICS)
def test_a_grid_too_large_for_the_memory_is_refused_with_what_it_needs(metric, monkeypatch):
    monkeypatch.setattr("ratiogan.transport.problem.available_memory", lambda: 1e5)
    real, gen = random_pair((40, 40), 0)
    with pytest.raises(InputError, match=r"40 ?x ?40 .* [kMG]B"):
        rg.wasserstein(real=real, gen=gen, metric=metric)


def test_a_notebook_shows_the_interval_and_the_figure():
    page = rg.wasserstein(gen=[1, 2, 1], real=[2, 1, 1])._repr_html_()
    assert "W1 = 0.25 exactly" in page and "data:image/png" in page


def test_different_grids_and_categories_are_refused():
    real = rg.preset("normal", rg.Grid.regular(8, -4, 4))
    gen = rg.preset("normal", rg.Grid.regular(8, -4, 5))
    with pytest.raises(InputError, match="one grid"):
        rg.wasserstein(real=real, gen=gen)
    cities = rg.Grid.categories(("Bern", "Oslo", "Rome"), name="city")
    sides = [rg.Distribution.from_mass(mass, cities) for mass in ([1, 2, 3], [3, 2, 1])]
    with pytest.raises(InputError, match="categories of city have no distances"):
        rg.wasserstein(real=sides[0], gen=sides[1])


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (5, 1, 5)])
def test_arrays_with_an_axis_of_one_cell(shape):
    rng = np.random.default_rng(4)
    gen, real = (mass / mass.sum() for mass in rng.random((2, *shape)))
    found = rg.wasserstein(gen=gen, real=real, tol=1e-6)
    flat = rg.wasserstein(gen=gen.reshape(-1), real=real.reshape(-1))
    if len(shape) == 2:
        assert found.value == pytest.approx(flat.value, rel=1e-12)
    assert found.status.value == "converged"


def test_the_line_too_says_what_round_off_hides():
    rng = np.random.default_rng(0)
    real = rng.random(30) + 0.1
    real /= real.sum()
    gen = real * (1.0 + 1e-12 * rng.normal(size=30))
    gen *= real.sum() / gen.sum()
    found = rg.wasserstein(gen=gen, real=real, tol=1e-6)
    assert found.status.value == "interval-only" and "round-off" in found.finding


def test_single_precision_is_taken_as_it_is():
    rng = np.random.default_rng(0)
    gen, real = (mass / mass.sum() for mass in rng.random((2, 16, 16), dtype=np.float32))
    assert rg.wasserstein(gen=gen, real=real).status.value == "converged"


@pytest.mark.parametrize("length", [1e-200, 1.0, 1e150])
@pytest.mark.parametrize("metric", METRICS)
def test_slope_and_extension_in_any_unit(length, metric):
    f = length * np.array([[0.0, 1.0], [1.0, 1.5]])
    places = [length * np.arange(2.0)] * 2
    steepest = lipschitz_constant(f, places, metric)
    assert steepest == pytest.approx(max(1.0, 1.5 / 2**0.5 if metric == "euclidean" else 1.0))
    at = extend(f, places, length * np.array([[0.5, 0.0], [3.0, 0.0]]), metric)
    assert at == pytest.approx(length * np.array([0.5, 3.0]), rel=1e-14)
