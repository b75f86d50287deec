"""Wasserstein GLGD on grids of 2 and 3 axes: what is proved of every step, and of W1 itself."""

import json
import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import ratiogan as rg
from ratiogan.catalogue import ALGORITHM_GEOMETRIES, ALGORITHM_STEPS
from ratiogan.cli.main import main
from ratiogan.errors import InputError
from ratiogan.plots.critic_maps import slopes
from ratiogan.solvers.wglgd import WGLGD, wglgd

RING = ("ring8", "ring8:thin=7")
RULES = [(g, s) for g in ALGORITHM_GEOMETRIES["wglgd"] for s in ALGORITHM_STEPS["wglgd"]]


def blobs(n=16, shift=(0.6, 0.3)):
    """N(0, 1) and the same moved by `shift`, sampled at the centres of n x n cells."""
    grid = rg.Grid.regular((n, n), (-4, -4), (4, 4))
    x, y = np.meshgrid(*grid.centres, indexing="ij")
    masses = [np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2)) for a, b in ((0, 0), shift)]
    return [rg.Distribution.from_mass(mass / mass.sum(), grid) for mass in masses]


def random_pair(seed, shape, empty=0.0):
    """Masses on uneven cells, a share of which have none on either side."""
    rng = np.random.default_rng(seed)
    grid = rg.Grid([np.cumsum(rng.uniform(0.5, 1.5, n + 1)) for n in shape])
    mass = rng.uniform(0.2, 1.0, (2, *shape)) * (rng.random(shape) >= empty)
    return [rg.Distribution.from_mass(m / m.sum(), grid) for m in mass]


def distances(grid):
    points = np.stack([c.ravel() for c in np.meshgrid(*grid.centres, indexing="ij")], axis=1)
    return cdist(points, points)


def away(geometry, w, r):
    """E[(R-1)^2], or KL(p_r||p_g) in `fisher`."""
    if geometry == "reference":
        return w @ (r - 1.0) ** 2
    return w @ -np.log(r)


# --- every step ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("geometry", "step"), RULES)
def test_what_is_proved_of_every_step(geometry, step):
    solver = WGLGD(*RING, geometry, step, grid="16x16")
    w = solver.real.mass.ravel()
    far = distances(solver.real.grid)
    states, critics, alphas, costs = [], [], [], []
    for _, r in solver.iter_states(8):
        states.append(r.ravel())
        critics.append(solver.descent.whole_critic.ravel())
        alphas.append(solver.descent.next_alpha)
        costs.append(solver.cost)
    assert np.all(w > 0)
    for k, (r, f, alpha, cost) in enumerate(zip(states, critics, alphas, costs, strict=True)):
        assert abs(w @ r - 1) < 1e-12 and r.min() >= 0
        assert abs(w @ f) < 1e-12
        assert cost == pytest.approx(w @ f - (w * r) @ f, rel=1e-10, abs=1e-15)
        assert np.all(np.abs(f[:, None] - f) <= far + 1e-12)  # 1-Lipschitz over all pairs
        q = w if geometry == "reference" else w * r
        var = q @ (f - q @ f) ** 2
        size = {"decay": solver.alpha / math.sqrt(k + 1), "constant": solver.alpha}
        assert alpha == pytest.approx(size.get(step, cost / var), rel=1e-10)
        if k + 1 == len(states):
            break
        here, there = (away(geometry, w, s) for s in (r, states[k + 1]))
        if geometry == "reference":
            assert there <= here - 2 * alpha * cost + alpha**2 * var + 1e-13
        else:
            log_moment = math.log((w * r) @ np.exp(alpha * (f - (w * r) @ f)))
            assert there == pytest.approx(here - alpha * cost + log_moment, abs=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (4, 5, 4)])
def test_the_bounds_hold_the_exact_w1(shape):
    ot = pytest.importorskip("ot")
    real, gen = random_pair(3, shape, empty=0.2)
    solver = WGLGD(real, gen, step="polyak")
    cost = distances(real.grid)
    w = real.mass.ravel()
    for _, r in solver.iter_states(4):
        exact = ot.emd2(w, w * np.nan_to_num(r.ravel()), cost)
        assert solver.cost <= exact * (1 + 1e-9) <= solver.descent.upper * (1 + 2e-9)
        assert solver.descent.upper <= 1.3 * solver.cost  # near each other, even on a few cells


@pytest.mark.plain
def test_steps_that_leave_r_below_0_are_projected_exactly():
    real, gen = random_pair(5, (6, 6))
    solver = WGLGD(real, gen, alpha=2.0)
    ((_, before),) = solver.iter_states(0)
    f = solver.critic.copy()
    w, moved = real.mass.ravel(), before.ravel() + 2.0 * f
    assert moved.min() < 0
    low, high = moved.min() - 1.0, moved.max()
    for _ in range(200):
        t = 0.5 * (low + high)
        low, high = (t, high) if w @ np.maximum(moved - t, 0.0) > 1.0 else (low, t)
    *_, (_, after) = solver.iter_states(1)
    np.testing.assert_allclose(after.ravel(), np.maximum(moved - t, 0.0), atol=1e-12)


@pytest.mark.parametrize("geometry", ALGORITHM_GEOMETRIES["wglgd"])
def test_the_predictions_hold_at_every_step(geometry):
    run = wglgd(*RING, geometry, "polyak", grid="16x16", tol=0, max_steps=40, record="all")
    trace, start = run.trace, run.trace.rms_error[0]
    assert (run.status.value, run.as_predicted, run.n_steps) == ("converging", True, 40)
    assert np.all(trace.cost <= trace.upper) and "sign_changes" not in trace
    np.testing.assert_array_equal(trace.best, np.minimum.accumulate(trace.cost))
    if geometry == "reference":
        largest = np.maximum.accumulate(trace.grad_norm)
        assert np.all(trace.best <= start * largest / np.sqrt(trace.step + 1.0))
        assert np.sum(trace.cost[:-1] ** 2 / trace.grad_norm[:-1] ** 2) <= start**2 * (1 + 1e-12)
        assert np.all(np.diff(trace.rms_error) <= 1e-12)
        np.testing.assert_allclose(trace.floor, 0.5 * trace.cost)  # of a step a = W1/Var f
    for row in run.predictions:
        assert not str(row.measured).startswith("NO"), row


# --- where a run ends ----------------------------------------------------------------------------


@pytest.mark.parametrize(("geometry", "steps"), [("reference", 60), ("fisher", 2)])
def test_polyak_brings_back_a_gaussian_that_was_moved(geometry, steps):
    """In fisher the shift is a tilt along the critic, a plane: one step takes nearly all of it."""
    run = wglgd(*blobs(), geometry, "polyak", tol=0.01, max_steps=steps)
    assert run.status.value == "converged" and run.as_predicted
    assert run.trace.cost[0] == pytest.approx(math.hypot(0.6, 0.3), rel=2e-3)
    assert run.certificate["upper"] < 0.01
    assert f"in {run.n_steps} step" in run.finding and "W1 in [0.00" in run.finding


def test_lower_bounds_alone_end_no_run():
    """Between both bounds a run goes on: W1 is not proved to be below tol."""
    free = wglgd(*blobs(), step="polyak", tol=0, max_steps=40, record="all")
    low, high = free.trace.cost, free.trace.upper
    first = int(np.argmax(high < 0.02))
    tol = 0.5 * (low[first] + high[first])
    run = wglgd(*blobs(), step="polyak", tol=tol, max_steps=40, record="all")
    assert run.n_steps > first and run.trace.upper[-1] < tol
    np.testing.assert_array_equal(run.trace.cost, low[: run.n_steps + 1])


def test_a_constant_step_hovers_at_its_floor():
    run = wglgd(*RING, alpha=0.03, grid="16x16", max_steps=80)
    assert run.status.value == "max-steps" and run.as_predicted
    row = run.predictions[0]
    assert row.name.startswith("mean E_r f - E_g f, last") and row.name.endswith("(alpha/2) Var f")
    assert row.measured == pytest.approx(row.predicted, rel=0.3)
    assert "hovers at about" in run.finding and "no cycle is looked for" in run.summary()
    early = wglgd(*RING, alpha=0.003, grid="16x16", max_steps=5)
    assert "on its way to about" in early.finding


def test_along_one_axis_it_is_the_solver_of_the_line():
    line, plane = rg.Grid.regular(24, -4, 4), rg.Grid.regular((24, 8), (-4, 0), (4, 2.6))
    x = line.centres[0]
    masses = [np.exp(-0.5 * (x - mean) ** 2) for mean in (0, 0.8)]
    masses = [mass / mass.sum() for mass in masses]
    one = [rg.Distribution.from_mass(mass, line) for mass in masses]
    two = [rg.Distribution.from_mass(np.outer(mass, np.full(8, 1 / 8)), plane) for mass in masses]
    for geometry in ALGORITHM_GEOMETRIES["wglgd"]:
        thin, wide = (WGLGD(*pair, geometry, alpha=0.05) for pair in (one, two))
        assert wide.descent.upper == pytest.approx(thin.cost, rel=1e-6)
        for _ in zip(thin.iter_states(3), wide.iter_states(3), strict=True):
            assert wide.cost == pytest.approx(thin.cost, rel=1e-3)
            off = np.abs(wide.descent.whole_critic - thin.critic[:, None])
            assert masses[0] @ off.max(axis=1) < 1e-3


def test_one_axis_with_cells_is_a_line():
    flat = rg.Grid.regular((12, 1), (0, 0), (12, 1))
    masses = np.random.default_rng(0).dirichlet(np.ones(12), 2)
    line = [rg.Distribution.from_mass(m, rg.Grid.regular(12, 0, 12)) for m in masses]
    pair = [rg.Distribution.from_mass(m[:, None], flat) for m in masses]
    thin, wide = (wglgd(*p, alpha=0.01, max_steps=30) for p in (line, pair))
    np.testing.assert_array_equal(thin.ratio, wide.ratio[:, 0])
    assert "dual" in wide.certificate
    wide.plot()


def test_cells_without_reference_have_a_critic_but_no_r():
    real, gen = random_pair(7, (7, 6), empty=0.4)
    run = wglgd(real, gen, step="polyak", max_steps=10)
    assert np.array_equal(np.isnan(run.ratio), real.mass == 0) and np.isnan(run.ratio).any()
    f = run.discriminator.ravel()
    assert np.all(np.abs(f[:, None] - f) <= distances(real.grid) + 1e-12)
    assert run.certificate["critic_lipschitz"] == pytest.approx(1, abs=1e-9)
    lost = gen.mass + np.where(real.mass == 0, 0.01, 0)
    with pytest.raises(rg.errors.SingularMassError):
        wglgd(real, rg.Distribution.from_mass(lost / lost.sum(), real.grid))


def test_equal_distributions_are_there_at_once():
    for tol in (1e-10, 0):
        run = wglgd("ring8", "ring8", grid="8x8", tol=tol)
        assert (run.n_steps, run.status.value) == (0, "converged")
        assert run.certificate["upper"] == 0 and not run.discriminator.any()


@pytest.mark.plain
def test_empty_cells_stay_empty_in_fisher():
    real, gen = random_pair(2, (5, 5))
    hole = gen.mass.copy()
    hole[2, 2] = 0
    gen = rg.Distribution.from_mass(hole / hole.sum(), real.grid)
    run = wglgd(real, gen, "fisher", max_steps=5)
    assert run.status.value == "support-not-covered" and run.as_predicted
    assert wglgd(real, gen, step="polyak", max_steps=5).ratio[2, 2] > 0


@pytest.mark.parametrize("geometry", ALGORITHM_GEOMETRIES["wglgd"])
def test_steps_that_are_far_too_long(geometry):
    real, gen = random_pair(2, (5, 5))
    run = wglgd(real, gen, geometry, alpha=1e300, max_steps=12)
    assert abs(run.certificate["mean_ratio"] - 1) < 1e-9 and run.ratio.min() >= 0


def test_a_run_can_be_repeated():
    solver = WGLGD(*RING, grid="12x12", step="polyak", max_steps=4)
    first, second = solver.solve(), solver.solve()
    third = wglgd(*RING, grid="12x12", step="polyak", max_steps=4)
    assert first.trace == second.trace == third.trace
    np.testing.assert_array_equal(first.ratio, second.ratio)
    np.testing.assert_array_equal(first.ratio, third.ratio)


def test_how_many_steps_by_default():
    assert wglgd("ring8", "ring8", grid="8x8").options["max_steps"] == 200
    assert wglgd("ring8", "ring8").options["max_steps"] == 50  # 128 x 128
    assert wglgd("normal", "normal").options["max_steps"] == 2000


def test_what_has_no_distances_is_refused():
    levels = rg.Grid.product(rg.Grid.categories(["a", "b"]), rg.Grid.regular(4, 0, 1))
    flat = rg.Distribution.from_mass(np.full((2, 4), 1 / 8), levels)
    with pytest.raises(InputError, match="have no distances"):
        wglgd(flat, flat)


# --- files, commands, figures --------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    return wglgd(*RING, grid="16x16", step="polyak", max_steps=20)


def test_a_saved_run_comes_back_equal(run, tmp_path):
    run.save(tmp_path / "run.npz")
    again = rg.load(tmp_path / "run.npz")
    assert again == run and again.summary() == run.summary()


def test_the_command_prints_the_interval_and_follows_the_schema(tmp_path, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    from importlib import resources

    words = ["run", "wglgd", "--real", RING[0], "--gen", RING[1], "--grid", "16x16"]
    words += ["--max-steps", "10"]
    folder = tmp_path / "out"
    assert not main([*words, "-o", str(folder)])
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if str(folder) not in line]
    assert max(map(len, lines)) <= 120 and said.out.isascii() and "W1 in [" in said.out
    assert {path.name for path in folder.iterdir()} == {
        *("run.npz", "figure.png", "report.json", "log.txt")
    }
    assert not main([*words, "--no-save", "--json"])
    found = json.loads(capsys.readouterr().out)
    schema = json.loads(resources.files("ratiogan.cli").joinpath("schema.json").read_text())
    jsonschema.validate(found, schema)
    assert found["certificate"]["lower"] <= found["certificate"]["upper"]
    assert len(found["trace"]["upper"]) == len(found["trace"]["step"])


def test_the_figure_has_maps_of_critic_and_slope(run):
    from ratiogan import plots

    axes = [ax for ax in plots.figure(run).axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left")[:3] for ax in axes] == [f"({a})" for a in "abcdef"]
    critic, slope, cost = axes[3:]
    f = critic.collections[0].get_array().T
    np.testing.assert_array_equal(np.ravel(f), run.discriminator.ravel())
    assert len(critic.collections) > 1  # lines of equal f
    assert slope.collections[0].norm.vmax == 1
    assert slopes(run)[1:-1, 1:-1].max() < 1.083 and slopes(run).max() < 1.4143
    assert cost.get_xscale() == cost.get_yscale() == "log"
    np.testing.assert_allclose(cost.lines[0].get_ydata(), run.trace.cost)
    np.testing.assert_allclose(cost.lines[1].get_ydata(), run.trace.floor)
    assert any(patch.get_gid() == "interval" for patch in cost.collections)


def test_three_axes_have_a_figure_too():
    run = wglgd(*random_pair(1, (4, 5, 4)), step="polyak", max_steps=3)
    assert slopes(run).shape == (4, 5)
    run.plot("paper")
