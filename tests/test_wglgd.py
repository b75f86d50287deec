"""Wasserstein GLGD: the predicted cycles and bounds, and every way a run can end.

The naive twin takes the same steps in NumPy and imports nothing from the package.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

import ratiogan as rg
from ratiogan.catalogue import ALGORITHM_GEOMETRIES, ALGORITHM_STEPS
from ratiogan.cli.main import main
from ratiogan.errors import InputError, SingularMassError
from ratiogan.ratio import Geometry
from ratiogan.solvers.wglgd import WGLGD, wglgd

STANDARD = "normal:mean=0,sd=1"


def shifted(mean, **options):
    """From N(mean, 1) against N(0, 1) on -8:8."""
    return wglgd(STANDARD, f"normal:mean={mean},sd=1", domain="-8:8", **options)


def random_pair(seed, n=20):
    rng = np.random.default_rng(seed)
    grid = rg.Grid([np.cumsum(rng.exponential(size=n + 1))])
    p, q = rng.dirichlet(np.ones(n), size=2)
    return rg.Distribution.from_mass(p, grid), rg.Distribution.from_mass(q, grid)


def critic_of(w, r, y):
    d = w - w * r
    # In the right tail 1 - F has digits that F has lost.
    left, right = np.cumsum(d)[:-1], -np.cumsum(d[::-1])[::-1][1:]
    ahead = np.where(np.arange(w.size - 1) < w.size // 2, left, right)
    f = np.concatenate([[0.0], np.cumsum(-np.sign(ahead) * np.diff(y))])
    return f - w @ f


def project(w, r):
    """Onto {R >= 0, E[R] = 1} in L2(w), by bisection on t in max(0, R - t)."""
    low, high = r.min() - 1.0, r.max()
    for _ in range(200):
        t = 0.5 * (low + high)
        low, high = (t, high) if w @ np.maximum(r - t, 0.0) > 1.0 else (low, t)
    return np.maximum(r - t, 0.0)


def twin(w, r, y, geometry, step, alpha, n):
    """W1 before each of `n` steps and after the last, and R."""
    costs = []
    for k in range(n + 1):
        f = critic_of(w, r, y)
        costs.append(w @ f - (w * r) @ f)
        if k == n:
            return np.array(costs), r
        q = w if geometry == "reference" else w * r
        norm2 = q @ (f - q @ f) ** 2
        size = {"constant": alpha, "decay": alpha / math.sqrt(k + 1), "polyak": costs[-1] / norm2}
        if geometry == "fisher":
            r = r * np.exp(size[step] * f)
            r = r / (w @ r)
        else:
            r = r + size[step] * f
            r = r if r.min() >= 0 else project(w, r)


# --- the twin ------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", ALGORITHM_GEOMETRIES["wglgd"])
@pytest.mark.parametrize("step", ALGORITHM_STEPS["wglgd"])
def test_a_run_is_its_twin(geometry, step):
    for seed in range(3):
        real, gen = random_pair(seed)
        options = dict(geometry=geometry, step=step, alpha=0.02, tol=0, max_steps=15, record="all")
        run = wglgd(real, gen, **options)
        w, y = real.mass, real.grid.centres[0]
        n = run.n_steps
        costs, r = twin(w, gen.mass / w, y, geometry, step, 0.02, n)
        np.testing.assert_allclose(run.trace.cost, costs, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(run.ratio, r, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(run.discriminator, critic_of(w, r, y), atol=1e-11)
        assert run.trace.cost[0] == pytest.approx(
            wasserstein_distance(y, y, real.mass, gen.mass), rel=1e-12
        )


@pytest.mark.plain
@pytest.mark.parametrize("geometry", ALGORITHM_GEOMETRIES["wglgd"])
def test_a_short_run_without_compiler(geometry):
    real, gen = random_pair(1, n=6)
    run = wglgd(real, gen, geometry, alpha=0.05, tol=0, max_steps=5, record="all")
    costs, r = twin(
        real.mass, gen.mass / real.mass, real.grid.centres[0], geometry, "constant", 0.05, 5
    )
    np.testing.assert_allclose(run.trace.cost, costs, rtol=1e-9)
    np.testing.assert_allclose(run.ratio, r, rtol=1e-9, atol=1e-12)


def test_where_r_would_fall_below_0_it_is_projected_exactly():
    real, gen = random_pair(2)
    solver = WGLGD(real, gen, alpha=0.5)
    states = [r for _, r in solver.iter_states(1)]
    moved = states[0] + 0.5 * critic_of(real.mass, states[0], real.grid.centres[0])
    assert moved.min() < 0
    expected = Geometry("reference", real.mass).clip(moved)
    np.testing.assert_allclose(states[1], expected, atol=1e-13)
    assert states[1].min() == 0 and abs(real.mass @ states[1] - 1) < 1e-14


# --- what the theory predicts --------------------------------------------------------------------


@pytest.mark.parametrize("alpha", (0.05, 0.1, 0.2))
def test_a_constant_step_ends_in_an_exact_two_cycle(alpha):
    run = shifted(0.3, alpha=alpha)
    assert run.status.value == "cycle" and run.as_predicted
    states = [r for _, r in WGLGD(run.real, run.gen, alpha=alpha).iter_states(run.n_steps + 2)]
    assert np.array_equal(states[-1], states[-3]) and not np.array_equal(states[-1], states[-2])
    w, y = run.real.mass, run.grid.centres[0]
    f, back = (critic_of(w, states[k], y) for k in (-2, -1))
    np.testing.assert_allclose(f, -back, atol=1e-12)
    mean = np.mean([w @ g - (w * states[k]) @ g for g, k in ((f, -2), (back, -1))])
    assert mean == pytest.approx(0.5 * alpha * (w @ f**2), rel=1e-12)
    row = run.predictions[0]
    assert row.name == "mean W1 of the cycle = (alpha/2) Var f*"
    assert row.measured == pytest.approx(mean, rel=1e-12) and row.difference < 1e-15
    assert "repeats itself every 2 steps" in run.finding


def test_in_fisher_the_mean_of_the_cycle_is_the_log_moment():
    run = shifted(0.3, alpha=0.1, geometry="fisher")
    assert run.status.value == "cycle" and run.as_predicted
    row = run.predictions[0]
    assert row.difference < 1e-13 and row.predicted == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(("mean", "steps"), [(1.0, 10_000), (0.3, 20_000)])
def test_polyaks_bound_holds_at_every_step(mean, steps):
    run = shifted(mean, step="polyak", tol=0, max_steps=steps, record="all", snapshots=False)
    k = run.trace.step
    best = np.minimum.accumulate(run.trace.cost)
    np.testing.assert_array_equal(best, run.trace.best)
    start = run.trace.rms_error[0]
    largest = np.maximum.accumulate(run.trace.grad_norm)
    assert np.all(best <= start * largest / np.sqrt(k + 1.0))
    spent = np.cumsum(run.trace.cost**2 / run.trace.grad_norm**2)
    assert spent[-2] <= start**2 * (1 + 1e-12)
    assert np.all(np.diff(run.trace.rms_error) <= 1e-12)  # R never gets farther from 1
    rows = {p.name: p.measured for p in run.predictions}
    assert rows["min W1 <= |R0-1| max sd(f)/sqrt(k+1)"].startswith("yes")
    assert float(rows["sum of W1^2/Var f <= E[(R0-1)^2]"]) == pytest.approx(spent[-2], rel=1e-5)


@pytest.mark.parametrize(("mean", "tol", "most"), [(1.0, 1e-3, 10_000), (0.3, 1e-6, 100_000)])
def test_polyak_gets_there(mean, tol, most):
    run = shifted(mean, step="polyak", tol=tol, max_steps=most)
    assert run.status.value == "converged" and run.as_predicted and run.trace.cost[-1] < tol


def test_in_fisher_a_gaussian_shift_takes_two_steps():
    """Sampled at the centres the start is an exact tilt: R = exp(y - 1/2)/E[.]."""
    grid = rg.Grid.regular(1024, -8, 8)
    y = grid.centres[0]
    masses = [np.exp(-0.5 * (y - mean) ** 2) for mean in (0, 1)]
    real, gen = (rg.Distribution.from_mass(mass / mass.sum(), grid) for mass in masses)
    run = wglgd(real, gen, "fisher", "polyak", tol=1e-14)
    assert run.n_steps == 2 and run.status.value == "converged"
    assert run.max_error < 1e-13


@given(
    st.integers(0, 10**6),
    st.integers(2, 30),
    st.sampled_from(ALGORITHM_GEOMETRIES["wglgd"]),
    st.sampled_from(ALGORITHM_STEPS["wglgd"]),
    st.floats(1e-4, 10),
)
def test_the_bounds_hold_and_mass_is_kept(seed, n, geometry, step, alpha):
    real, gen = random_pair(seed, n)
    run = wglgd(real, gen, geometry, step, alpha, max_steps=60)
    assert abs(real.mass @ run.ratio - 1) < 1e-12 and run.ratio.min() >= 0
    assert run.as_predicted, run.finding
    for row in run.predictions:
        assert not str(row.measured).startswith("NO"), row
        if "of the cycle =" in row.name:
            assert row.difference <= 1e-12 * max(1.0, row.predicted)
    assert run.certificate["gap"] <= 1e-12 * (1 + run.certificate["cost"])
    assert run.certificate["critic_lipschitz"] <= 1 + 1e-9
    # The floor is what steps of this size hover at: half of alpha times Var f.
    if geometry == "reference":
        half = 0.5 * run.trace.alpha * run.trace.grad_norm**2
        np.testing.assert_allclose(run.trace.floor, half, rtol=1e-9, atol=1e-300)


def test_decay_shrinks_its_step_and_outlives_the_cycle():
    run = shifted(0.3, step="decay", alpha=0.2, max_steps=3000)
    assert run.trace.alpha == pytest.approx(0.2 / np.sqrt(run.trace.step + 1))
    assert run.status.value == "max-steps" and run.as_predicted
    assert run.trace.best[-1] < 0.2 * shifted(0.3, alpha=0.2).predictions[0].predicted


# --- how a run can end ---------------------------------------------------------------------------


def test_automatic_steps_scale_with_the_axis():
    real, gen = random_pair(4)
    wide = rg.Grid([100.0 * real.grid.edges[0]])
    pair = [rg.Distribution.from_mass(d.mass, wide) for d in (real, gen)]
    for step, share in (("constant", 0.1), ("decay", 1.0)):
        run, far = wglgd(real, gen, step=step), wglgd(*pair, step=step)
        first = run.trace.cost[0] / run.trace.grad_norm[0] ** 2
        assert run.options["alpha"] == pytest.approx(share * first, rel=1e-12)
        assert far.options["alpha"] == pytest.approx(1e-2 * run.options["alpha"], rel=1e-9)
        assert run.options["alpha_is_auto"]


def test_equal_distributions_are_there_at_once():
    for geometry in ALGORITHM_GEOMETRIES["wglgd"]:
        run = wglgd("normal", "normal", geometry, grid=64)
        assert (run.n_steps, run.status.value, run.trace.cost[0]) == (0, "converged", 0.0)
        run = wglgd("normal", "normal", geometry, grid=64, tol=0, step="polyak")
        assert run.status.value == "converged" and not run.discriminator.any()


def test_one_cell_and_two_cells():
    grid = rg.Grid.regular(2, 0, 2)
    one = rg.Distribution.from_mass([1.0, 0.0], grid)  # one cell with p_r > 0
    assert wglgd(one, one).status.value == "converged"
    real, gen = (rg.Distribution.from_mass(m, grid) for m in ([0.5, 0.5], [0.2, 0.8]))
    run = wglgd(real, gen, step="polyak")
    assert run.n_steps == 1 and run.max_error < 1e-10


def test_a_fixed_number_of_steps():
    run = wglgd(grid=64, tol=0, max_steps=7)
    assert (run.n_steps, run.status.value, run.as_predicted) == (7, "converging", True)
    assert run.finding.startswith("TOOK 7 steps, as asked: W1 = ")


def test_empty_cells_stay_empty_in_fisher_and_fill_in_reference():
    grid = rg.Grid.regular(4, 0, 4)
    real, gen = (rg.Distribution.from_mass(m, grid) for m in ([1, 1, 1, 1], [2, 2, 0, 0]))
    run = wglgd(real, gen, "fisher", alpha=0.1, max_steps=50)
    assert run.status.value == "support-not-covered" and run.as_predicted
    assert run.ratio[2:].tolist() == [0, 0] and "stays empty" in run.warnings[0]
    run = wglgd(real, gen, step="polyak", tol=1e-6)
    assert run.status.value == "converged"


def test_steps_that_are_far_too_long():
    run = wglgd(grid=64, alpha=1e300, max_steps=20)
    assert abs(run.certificate["mean_ratio"] - 1) < 1e-9 and run.ratio.min() >= 0
    assert run.status.value == "cycle"
    run = wglgd(grid=64, geometry="fisher", alpha=1e300, max_steps=20)
    assert run.status.value == "support-not-covered" and np.isfinite(run.ratio).all()


def test_cells_without_reference_are_bridged():
    grid = rg.Grid.regular(5, 0, 5)
    real = rg.Distribution.from_mass([1, 1, 0, 1, 1], grid)
    gen = rg.Distribution.from_mass([2, 1, 0, 1, 0], grid)
    run = wglgd(real, gen, step="polyak", tol=1e-8, max_steps=5000)
    assert run.status.value == "converged"
    assert np.isnan(run.ratio[2]) and np.isnan(run.discriminator[2])
    assert run.trace.cost[0] == pytest.approx(1.0)
    lost = rg.Distribution.from_mass([1, 1, 1, 1, 0], grid)
    with pytest.raises(SingularMassError, match="25% of the generator's mass"):
        wglgd(real, lost)
    assert "25% of the generator's mass" in wglgd(real, lost, singular="restrict").finding


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"step": "newton"}, "step must be one of constant, decay, polyak"),
        ({"geometry": "lebesgue"}, "geometry must be one of reference, fisher"),
        ({"alpha": 0}, "alpha must be"),
        ({"tol": -1}, "tol must be at least 0"),
        ({"tol": math.nan}, "tol"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_what_cannot_be_used_is_refused(options, match):
    with pytest.raises(InputError, match=match):
        wglgd(**options)


def test_glgd_has_none_of_these_steps():
    for step in ("decay", "polyak"):
        with pytest.raises(InputError, match="step must be one of constant, armijo, newton"):
            rg.glgd(step=step)


# --- files, comparisons, commands ----------------------------------------------------------------


@pytest.mark.parametrize("step", ALGORITHM_STEPS["wglgd"])
def test_a_saved_run_comes_back_equal(tmp_path, step):
    run = wglgd(grid=64, step=step, max_steps=40)
    run.save(tmp_path / "run.npz")
    again = rg.load(tmp_path / "run.npz")
    assert again == run and again.summary() == run.summary()


def test_the_row_of_the_comparison_has_the_specified_digits():
    found = rg.compare("glgd", "wglgd:step=polyak")
    rows = [line.split() for line in found.summary().splitlines()]
    assert "wglgd:step=polyak - max-steps 2000 - - - 8.0e-02 6.7e-06".split() in rows
    assert found.as_predicted


def test_comparisons_know_what_it_has():
    swept = rg.compare("wglgd", "glgd", sweep="alpha=0.1,0.2", game="minimax", grid=32)
    assert [run.algorithm for run in swept.runs] == ["wglgd"] * 2 + ["glgd"] * 2
    for spec, match in (
        ("wglgd:game=minimax", '"wglgd" has no parameter "game"'),
        ("wglgd:step=armijo", "step must be one of constant, decay, polyak"),
        ("glgd:step=polyak", "step must be one of constant, armijo, newton"),
        ("wglgd:geometry=logits", "geometry must be one of reference, fisher"),
    ):
        with pytest.raises(InputError, match=match):
            rg.compare(spec)


def run_command(words, capsys):
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    return code or 0, capsys.readouterr()


def test_the_command_prints_writes_and_exits_0_on_the_predicted_cycle(tmp_path, capsys):
    folder = tmp_path / "out"
    code, said = run_command(["run", "wglgd", "--grid", "128", "-o", str(folder)], capsys)
    assert code == 0, said.err
    # The command at the end holds the path of this test's folder.
    lines = [line for line in said.out.splitlines() if str(folder) not in line]
    assert max(map(len, lines)) <= 120 and said.out.isascii()
    assert any(line.startswith("CYCLE, as predicted: by step") for line in lines)
    assert {path.name for path in folder.iterdir()} == {
        *("run.npz", "figure.png", "report.json", "log.txt")
    }
    assert rg.load(folder).algorithm == "wglgd"


@pytest.mark.parametrize("words", (["--step", "polyak"], ["--geometry", "fisher"], []))
def test_the_json_follows_the_schema(words, capsys):
    jsonschema = pytest.importorskip("jsonschema")
    import json
    from importlib import resources

    words = ["run", "wglgd", "--grid", "64", "--no-save", "--json", *words]
    code, said = run_command(words, capsys)
    found = json.loads(said.out)
    schema = json.loads(resources.files("ratiogan.cli").joinpath("schema.json").read_text())
    jsonschema.validate(found, schema)
    assert code == 0 and found["kind"] == "run" and found["exit_code"] == 0
    assert found["predictions"] and found["certificate"]["critic_lipschitz"] == pytest.approx(1)


def test_a_command_that_cannot_run_says_why(capsys):
    code, said = run_command(["run", "wglgd", "--step", "newton"], capsys)
    assert code == 2 and "step must be one of constant, decay, polyak" in said.err


def test_the_figure_shows_the_critic_and_the_floor():
    from ratiogan import plots

    run = wglgd(grid=128)
    densities, critic, cost = plots.figure(run).axes
    assert [ax.get_title(loc="left")[:3] for ax in (densities, critic, cost)] == [
        *("(a)", "(b)", "(c)")
    ]
    assert cost.get_xscale() == cost.get_yscale() == "log"
    cost_line, floor = cost.lines[:2]
    np.testing.assert_allclose(cost_line.get_ydata(), run.trace.cost)
    np.testing.assert_allclose(floor.get_ydata(), run.trace.floor)
    np.testing.assert_allclose(critic.lines[-1].get_ydata(), run.discriminator, atol=1e-12)
    assert any(patch.get_gid() == "slope +1" for patch in critic.collections)


def test_the_replay_has_its_panels(tmp_path):
    run = wglgd(grid=64, step="polyak", max_steps=30)
    run.animate(tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "W1 before each step" in page and len(page) < 300_000
