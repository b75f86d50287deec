"""The conditional game: every row is the run of p(y|x) alone, and the trace is their average."""

import json
import math
import re
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratiogan as rg
from ratiogan import plots, presets
from ratiogan.cli.main import main
from ratiogan.comparison import expand
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import Game
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, lebesgue_rates
from ratiogan.solvers import team
from ratiogan.solvers.conditional import Conditional, with_shares_of
from ratiogan.solvers.measure import measure, measure_rows
from ratiogan.solvers.rows import DIVERGED, REACHED, UNDEFINED
from ratiogan.solvers.steps import FusedSteps
from ratiogan.solvers.team import SOLO

# Games of every kind of signal: finite at R = 0, and -inf there.
GAMES = ("non-saturating", "least-squares:a=0,b=1,c=1", "minimax", "logit", "maximum-likelihood")
OWN = Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
GEOMETRIES = ("reference", "fisher", "lebesgue", "logits")


def pair(rows=5, cells=9, zeros=False, seed=0, same_x=False, spread=1.5):
    """p_r and p_g on an uneven joint grid; with `zeros` p_r = 0 in places, and for one whole x."""
    rng = np.random.default_rng(seed)
    real, gen = (rng.dirichlet(np.full(cells, spread), rows) + 1e-4 for _ in range(2))
    shares = rng.dirichlet(np.full(rows, 3.0)) + 0.01
    real *= shares[:, None]
    gen *= (shares if same_x else rng.dirichlet(np.full(rows, 3.0)) + 0.01)[:, None]
    if zeros:
        hole = rng.random((rows, cells)) < 0.3
        hole[:, 0] = False
        hole[rows // 2] = True
        real, gen = np.where(hole, 0, real), np.where(hole, 0, gen)
    edges = [np.cumsum(rng.uniform(0.2, 1, n + 1)) for n in (rows, cells)]
    grid = rg.Grid(edges)
    return rg.Distribution.from_mass(real, grid), rg.Distribution.from_mass(gen, grid)


def alone(real, gen, row, game="non-saturating", geometry="reference", alpha=1.0, **more):
    """`glgd` on p(y|x) of one row, with the step that this row has."""
    grid = rg.Grid(edges=real.grid.edges[1:])
    if geometry == "lebesgue":
        alpha = alpha * real.mass[row].sum() / np.diff(real.grid.edges[0])[row]
    p_r, p_g = (rg.Distribution.from_mass(side.mass[row], grid) for side in (real, gen))
    return rg.glgd(p_r, p_g, game, geometry, alpha=alpha, **more)


def rows_of(real):
    return np.flatnonzero(real.mass.reshape(len(real.mass), -1).sum(axis=1) > 0)


# --- every row is a run of its own ---------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.integers(1, 5), st.integers(2, 8), st.booleans(), st.sampled_from(GAMES),
    st.sampled_from(("reference", "fisher")), st.sampled_from((0.3, 1.0)), st.integers(0, 10**6),
)  # fmt: skip
def test_rows_are_independent_runs(rows, cells, zeros, game, geometry, alpha, seed):
    real, gen = pair(rows + 2 * zeros, cells, zeros, seed)
    found = rg.conditional(real, gen, game, geometry, alpha, max_steps=300)
    steps = 0
    for row in rows_of(real):
        one = alone(real, gen, row, game, geometry, alpha, max_steps=300)
        np.testing.assert_allclose(found.ratio[row], one.ratio, rtol=1e-9, atol=1e-12)
        steps = max(steps, one.n_steps)
    assert abs(found.n_steps - steps) <= (0 if steps < 300 else 300)
    empty = np.setdiff1d(np.arange(len(real.mass)), rows_of(real))
    assert np.isnan(found.ratio[empty]).all()


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("game", ["non-saturating", "least-squares:a=0,b=1,c=1"])
def test_in_lebesgue_row_x_runs_with_alpha_p_of_x(game, zeros):
    real, gen = pair(zeros=zeros)
    found = rg.conditional(real, gen, game, "lebesgue", max_steps=2000)
    alpha = found.options["alpha"]
    game = make_game(game)
    assert alpha == pytest.approx(0.5 / game.curvature_at_one / real.density.max())
    runs = [alone(real, gen, i, game, "lebesgue", alpha, max_steps=2000) for i in rows_of(real)]
    for row, one in zip(rows_of(real), runs, strict=True):
        np.testing.assert_allclose(found.ratio[row], one.ratio, rtol=1e-10, atol=1e-12)
    assert found.n_steps == max(run.n_steps for run in runs)
    paces = alpha * real.mass.sum(axis=1) / np.diff(real.grid.edges[0])
    said = f"from {paces[rows_of(real)].min():.3g} to {paces.max():.3g} here."
    assert found.notes == (f"In lebesgue row x runs with the step alpha p(x): {said}",)
    # The same step in joint terms: R - alpha P_0(p(x, y) u), projected in L2(dy) row by row.
    step = next(state for k, state in Conditional(
        real, gen, game, "lebesgue", alpha).iter_states(max_steps=1) if k == 1)  # fmt: skip
    start = next(iter(Conditional(real, gen, game, "lebesgue", alpha).iter_states(0)))[1]
    for row in rows_of(real):
        here = real.mass[row] > 0
        p, w, r = (a[row][here] for a in (real.density, real.mass, start))
        gradient = p * game.signal(r)
        moved = r - alpha * (gradient - (w @ gradient) / (w @ p) * p)
        if moved.min() >= 0:
            np.testing.assert_allclose(step[row][here], moved, rtol=1e-12)


@pytest.mark.parametrize("geometry", ["reference", "fisher", "lebesgue"])
@pytest.mark.parametrize("game", [*GAMES, "hinge", "square:generator=flipped"])
def test_rows_without_copies_take_the_bytes_of_the_row_alone(game, geometry):
    real, gen = pair(7, 13)
    alpha = 0.01 if game == "maximum-likelihood" else 1.5  # or it leaves the numbers
    solver = Conditional(real, gen, game, geometry, alpha=alpha, tol=0.0, max_steps=40)
    *_, (_, ratio) = solver.iter_states()
    fresh = Conditional(real, gen, game, geometry, alpha=alpha, tol=0.0)
    for row in range(7):
        own = fresh.geometry.row(row)
        rule = FusedSteps(fresh.game, own, alpha * fresh.geometry.pace[row], 0.0, SOLO)
        state = fresh.rule.rows[row].copy()
        for _ in range(40):
            rule.advance(state, 1)
        assert state.tobytes() == ratio[row].tobytes()


@pytest.mark.parametrize("geometry", ["reference", "fisher", "lebesgue"])
@pytest.mark.parametrize("record", [1, 7, "log"])
def test_rows_stop_at_the_same_step_however_steps_are_blocked(geometry, record):
    real, gen = pair(6, 11, zeros=True)
    whole = rg.conditional(real, gen, geometry=geometry, record="all", max_steps=3000)
    other = rg.conditional(real, gen, geometry=geometry, record=record, max_steps=3000)
    assert whole.n_steps == other.n_steps
    assert whole.ratio.tobytes() == other.ratio.tobytes()


def test_a_row_is_frozen_where_it_met_the_tolerance():
    real, gen = pair(4, 9)
    found = rg.conditional(real, gen, alpha=1.0, record="all", snapshots=True)
    lengths = [alone(real, gen, row).n_steps for row in range(4)]
    assert len(set(lengths)) > 1 and found.n_steps == max(lengths)
    final = {k: r for k, r in Conditional(real, gen, alpha=1.0).iter_states(max(lengths))}
    for row, steps in enumerate(lengths):
        assert final[steps][row].tobytes() == found.ratio[row].tobytes()
        assert final[steps - 1][row].tobytes() != found.ratio[row].tobytes()


@pytest.mark.parametrize("geometry", ["reference", "fisher"])
@pytest.mark.parametrize("game", GAMES)
def test_empty_generator_cells(game, geometry):
    """R = 0 at the start: regained, undefined or never covered, row by row as `glgd` has it."""
    real, gen = pair(4, 6, same_x=True)
    mass = gen.mass.copy()
    mass[1, 2] = mass[3, :2] = 0
    gen = rg.Distribution.from_mass(mass, gen.grid)
    found = rg.conditional(real, gen, game, geometry, alpha=0.5)
    runs = [alone(real, gen, row, game, geometry, 0.5) for row in range(4)]
    for row, one in enumerate(runs):
        np.testing.assert_allclose(found.ratio[row], one.ratio, rtol=1e-9, atol=1e-10)
    order = ("converged", "max-steps", "support-not-covered", "stalled", "diverged")
    ends = {run.status.value: run.as_predicted for run in runs}
    assert found.status.value == max(ends, key=order.index)
    assert found.as_predicted == ends[found.status.value]


def test_one_undefined_row_does_not_hold_up_the_others():
    real, gen = pair(3, 5, same_x=True)
    mass = gen.mass.copy()
    mass[1, 2] = 0
    solver = Conditional(real, rg.Distribution.from_mass(mass, gen.grid), "minimax")
    found = solver.solve()
    assert solver.rule.codes.tolist() == [REACHED, UNDEFINED, REACHED]
    assert found.status.value == "stalled"
    assert "2 of 3 x have met tol; farthest is x = " in found.finding


def test_a_step_that_overflows_ends_its_row_only():
    real, gen = pair(3, 5, same_x=True)
    solver = Conditional(real, gen, "maximum-likelihood", "fisher", alpha=1e4)
    solver.solve()
    assert DIVERGED in solver.rule.codes or (solver.rule.codes == REACHED).all()


@pytest.mark.parametrize("geometry", ["reference", "logits"])
def test_games_and_geometries_that_are_not_compiled(geometry):
    real, gen = pair(4, 7, zeros=True)
    for game in (OWN, "non-saturating"):
        found = rg.conditional(real, gen, game, geometry, 0.7)
        runs = [alone(real, gen, row, game, geometry, 0.7) for row in rows_of(real)]
        for row, one in zip(rows_of(real), runs, strict=True):
            np.testing.assert_allclose(found.ratio[row], one.ratio, atol=1e-12)
        assert found.n_steps == max(run.n_steps for run in runs)
        # In logits one row is lost in round-off far from R = 1, here as there.
        assert found.status.value == max(run.status.value for run in runs)


@pytest.mark.plain
def test_a_naive_twin():
    """The non-saturating game in NumPy, nothing of the package."""
    real, gen = pair(6, 8)
    w = real.mass / real.mass.sum(axis=1, keepdims=True)
    r = gen.mass / gen.mass.sum(axis=1, keepdims=True) / w
    steps = 0
    moving = np.ones(6, dtype=bool)
    while moving.any():
        u = np.log1p(r)
        r = np.where(moving[:, None], r - 0.8 * (u - (w * u).sum(axis=1, keepdims=True)), r)
        moving &= np.abs(r - 1).max(axis=1) >= 1e-6
        steps += 1
    found = rg.conditional(real, gen, alpha=0.8, tol=1e-6)
    assert found.n_steps == steps
    np.testing.assert_allclose(found.ratio, r, rtol=1e-13)


@pytest.mark.parametrize("shape", [(40, 30), (3, 9000)])
def test_the_same_bytes_on_any_number_of_threads(shape):
    real, gen = pair(*shape)
    runs = [rg.conditional(real, gen, threads=threads, record="log") for threads in (1, 2, 3, 7)]
    for run in runs[1:]:
        assert run.ratio.tobytes() == runs[0].ratio.tobytes()
        assert run.trace == runs[0].trace


def test_a_thousand_rows_of_a_thousand_cells():
    grid = rg.Grid.regular((1000, 1024), (0, -4), (1, 4))
    real, gen = rg.problem("fork:sd=1", "independent", grid)
    solver = Conditional(real, gen)
    found = solver.solve()
    assert found.status.value == "converged" and found.max_error < 1e-10
    assert solver.team.threads == min(team._cores(), 1_024_000 // team.CELLS_PER_THREAD)
    assert found.ratio.tobytes() == rg.conditional(real, gen, threads=1).ratio.tobytes()
    assert found.seconds < 10  # a twentieth of a second per core where nobody else works


# --- the trace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("zeros", [False, True])
def test_the_trace_averages_the_rows(geometry, zeros):
    real, gen = pair(5, 9, zeros)
    gen, _ = with_shares_of(real, gen)
    found = rg.conditional(real, gen, geometry=geometry, alpha=0.5, max_steps=3, tol=0)
    rows = rows_of(real)
    shares = real.mass.sum(axis=1)[rows]
    traces = [alone(real, gen, i, geometry=geometry, alpha=0.5, max_steps=3, tol=0).trace
              for i in rows]  # fmt: skip
    for column in ("cost", "g", "d", "kl", "js", "gap_bound", "mean_ratio"):
        expected = shares @ np.array([trace[column] for trace in traces])
        np.testing.assert_allclose(found.trace[column], expected, rtol=1e-11, err_msg=column)
    rms = np.sqrt(shares @ np.array([trace.rms_error**2 for trace in traces]))
    np.testing.assert_allclose(found.trace.rms_error, rms, rtol=1e-11)
    for column, pick in (("max_error", max), ("min_ratio", min), ("max_ratio", max)):
        expected = [pick(values) for values in zip(*(t[column] for t in traces), strict=True)]
        np.testing.assert_allclose(found.trace[column], expected, rtol=1e-12)
    js = np.array([trace.js for trace in traces])
    np.testing.assert_allclose(found.trace.js_worst, js.max(axis=0), rtol=1e-11)
    kl = np.array([trace.kl for trace in traces])
    np.testing.assert_allclose(found.trace.kl_worst, kl.max(axis=0), rtol=1e-11)
    x = real.grid.centres[0][rows]
    assert found.trace.worst_x.tolist() == x[js.argmax(axis=0)].tolist()
    assert (found.trace.constraint_error < 1e-12).all()
    # What a joint norm and a joint entropy are, straight from their definitions.
    q = gen.mass[gen.mass > 0]
    assert found.trace.effective_support[0] == pytest.approx(math.exp(-(q @ np.log(q))))
    pace = shares / np.diff(real.grid.edges[0])[rows] if geometry == "lebesgue" else 1.0
    norms = shares @ (pace * np.array([trace.grad_norm[0] ** 2 for trace in traces]))
    assert found.trace.grad_norm[0] == pytest.approx(math.sqrt(norms))


@pytest.mark.parametrize("zeros", [False, True])
def test_divergences_are_those_of_every_row(zeros):
    real, gen = pair(6, 10, zeros)
    found = rg.conditional(real, gen)
    rows = rows_of(real)
    y = rg.Grid(edges=[real.grid.edges[1]])
    records = [
        rg.divergence(
            real=rg.Distribution.from_mass(real.mass[i], y),
            gen=rg.Distribution.from_mass(gen.mass[i], y),
        )
        for i in rows
    ]
    js, kl = (np.array([float(getattr(r, k)) for r in records]) for k in ("jsd", "kl_gen_real"))
    shares = real.mass.sum(axis=1)[rows]
    trace = found.trace
    assert trace.js[0] == pytest.approx(shares @ js)
    assert trace.kl[0] == pytest.approx(shares @ kl)
    assert (trace.js_worst[0], trace.kl_worst[0]) == pytest.approx((js.max(), kl.max()))
    assert trace.worst_x[0] == real.grid.centres[0][rows[js.argmax()]]
    # The y-marginal of p_r(x) p_g(y|x), and what convexity says about it.
    given_x = gen.mass[rows] / gen.mass[rows].sum(axis=1, keepdims=True)
    marginal = rg.divergence(
        real=rg.Distribution.from_mass(real.mass.sum(axis=0), y),
        gen=rg.Distribution.from_mass(shares @ given_x, y),
    )
    assert trace.js_marginal[0] == pytest.approx(float(marginal.jsd))
    assert (trace.js_marginal <= trace.js * (1 + 1e-12)).all()
    last = {key: found.certificate[key] for key in ("js", "js_worst", "js_marginal", "worst_x")}
    assert last == {key: trace[key][-1] for key in last}
    drawn = plots.conditional.conditional_divergences(real.mass, gen.mass)
    np.testing.assert_allclose(drawn[rows], js, rtol=1e-9)
    assert np.isnan(np.delete(drawn, rows)).all()


def test_a_marginal_match_is_no_conditional_match():
    found = rg.conditional(grid="16x64")
    trace = found.trace
    assert trace.js_marginal[0] < 1e-30 and trace.js[0] > 0.03
    # The average KL(p_r(.|x)||p_g(.|x)) of the independent generator is the mutual information.
    p = found.real.mass
    product = np.outer(p.sum(axis=1), p.sum(axis=0))
    information = float(np.sum(p * np.log(p / product)))
    start = rg.conditional(found.real, found.gen, "maximum-likelihood", "fisher", max_steps=1)
    assert start.trace.cost[0] == pytest.approx(information)
    assert trace.js_worst[-1] < 1e-20
    assert "the y-marginals agreed (JSD < 1e-12) while p(y|x) differed by JSD 0.03" in found.finding
    assert "at worst (x = 0.969)" in found.finding


@pytest.mark.plain
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_rows_of_the_trace_are_those_of_measure(geometry, own):
    game = OWN if own else make_game("minimax")
    rng = np.random.default_rng(0)
    masses = rng.dirichlet(np.ones(7), 4)
    density = masses * 3
    ratio = rng.uniform(0.1, 3, (4, 7))
    masses.flags.writeable = density.flags.writeable = False
    found = measure_rows(game, geometry, ratio, masses, density)
    for row in range(4):
        one = measure(game, Geometry(geometry, masses[row], density[row]), ratio[row])
        for key, value in one.items():
            assert found[key][row] == pytest.approx(value, rel=1e-12, abs=1e-15), key


# --- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", ["reference", "fisher", "logits", "lebesgue"])
def test_predictions_hold(geometry):
    real, gen = pair(4, 6, spread=8.0, same_x=True)
    found = rg.conditional(real, gen, geometry=geometry, max_steps=20_000)
    assert found.status.value == "converged" and found.as_predicted
    for row in found.predictions:
        if row.tolerance is not None and not isinstance(row.measured, str):
            assert row.difference < row.tolerance, row
        elif isinstance(row.measured, str) and row.predicted == "yes":
            assert row.measured.startswith("yes"), row


def test_the_rates_of_lebesgue_are_those_of_the_rows():
    real, gen = pair(5, 7, zeros=True)
    geometry = Conditional(real, gen, geometry="lebesgue").geometry
    rates = []
    for i in range(len(geometry.counts)):
        row = geometry.row(i)
        if row.masses.size > 1:
            rates.extend(lebesgue_rates(row.masses, row.density) * geometry.x_density[i])
    assert geometry.slowest_density == pytest.approx(min(rates))
    assert geometry.fastest_density == pytest.approx(max(rates))
    assert geometry.max_density == real.density.max()


def test_a_step_too_long_for_some_rows_is_judged_row_by_row():
    real, gen = pair(4, 6, same_x=True)
    geometry = Conditional(real, gen, geometry="lebesgue").geometry
    fastest = [geometry.row(i).fastest_density * geometry.x_density[i] for i in range(4)]
    alpha = 4.0 / np.sort(fastest)[1:3].mean()  # alpha Phi''(1) mu is above 2 in two of the rows
    solver = Conditional(real, gen, geometry="lebesgue", alpha=alpha, max_steps=3000)
    found = solver.solve()
    assert sorted(solver.rows_should_converge.tolist()) == [False, False, True, True]
    assert found.status.value == "cycle" and found.as_predicted
    for row in range(4):
        one = alone(real, gen, row, geometry="lebesgue", alpha=alpha, max_steps=3000)
        assert (one.status.value != "cycle") == solver.rows_should_converge[row]


# --- what is asked for, and what is refused ------------------------------------------------------


def test_another_x_marginal_is_used_with_p_r_of_x_and_told():
    real, gen = pair(4, 6)
    found = rg.conditional(real, gen)
    same, difference = with_shares_of(real, gen)
    assert found.certificate["x_difference"] == difference
    assert difference == pytest.approx(
        0.5 * np.abs(real.mass.sum(axis=1) - gen.mass.sum(axis=1)).sum()
    )
    np.testing.assert_allclose(same.mass.sum(axis=1), real.mass.sum(axis=1), rtol=1e-14)
    assert (
        f"p_g(x) differs from p_r(x) by TV {difference:.3g}: only p_g(y|x) is used"
        in (found.warnings[0])
    )
    quiet = rg.conditional(real, same)
    assert quiet.warnings == () and quiet.n_steps == found.n_steps
    assert with_shares_of(real, same)[0] is same


def test_an_x_without_p_r_is_left_out():
    real, gen = pair(5, 6, zeros=True, same_x=True)
    mass = gen.mass.copy()
    mass[2, 1] = 0.1  # generator mass there is none of the game's business
    found = rg.conditional(real, rg.Distribution.from_mass(mass, gen.grid))
    assert np.isnan(found.ratio[2]).all() and found.status.value == "converged"
    assert "1 of 5 x have p_r(x) = 0 and are left out." in found.warnings
    assert "p_g(x) differs from p_r(x) by TV" in found.warnings[0]


def test_generator_mass_where_p_r_is_nothing():
    real, gen = pair(4, 6, zeros=True)
    mass = gen.mass + 0.01
    mass[2] = 0
    gen = rg.Distribution.from_mass(mass, gen.grid)
    with pytest.raises(SingularMassError, match="of the generator's mass lies where p_r = 0"):
        rg.conditional(real, gen)
    found = rg.conditional(real, gen, singular="restrict")
    assert found.status.value == "converged"
    assert "of the generator's mass, where p_r = 0, was dropped" in found.finding
    for row in rows_of(real):
        y = rg.Grid(edges=[real.grid.edges[1]])
        kept = np.where(real.mass[row] > 0, gen.mass[row], 0)
        one = rg.glgd(
            rg.Distribution.from_mass(real.mass[row], y), rg.Distribution.from_mass(kept, y)
        )
        np.testing.assert_allclose(found.ratio[row], one.ratio, atol=1e-12)


def without_row():
    real, gen = pair(4, 6)
    mass = gen.mass.copy()
    mass[1:3] = 0
    return {"real": real, "gen": rg.Distribution.from_mass(mass, gen.grid)}


def only_elsewhere():
    real, gen = pair(4, 6)
    mass = real.mass.copy()
    mass[1, 3] = 0
    other = gen.mass.copy()
    other[1] = 0
    other[1, 3] = 0.1
    sides = (rg.Distribution.from_mass(side, real.grid) for side in (mass, other))
    return {**dict(zip(("real", "gen"), sides, strict=True)), "singular": "restrict"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda: {"real": "normal", "gen": "normal"}, r"needs a grid of 2 or 3 axes, .* got 1\."),
        (lambda: {"real": "normal"}, "independent has the marginals of x and y, and p_r has 1 col"),
        (without_row, r"no mass at x = .* and 1 more, where p_r\(x\) > 0 \(.*% of p_r\): p_g"),
        (only_elsewhere, r"no mass at x = \S+ where p_r\(y\|x\) > 0, where p_r\(x\) > 0"),
        (lambda: {"tol": -1}, "tol must be at least 0, got -1"),
        (lambda: {"tol": "small"}, "tol"),
        (lambda: {"alpha": 0}, "alpha must be above 0"),
        (lambda: {"alpha": float("nan")}, "alpha must be finite"),
        (lambda: {"max_steps": 0}, "max_steps"),
        (lambda: {"geometry": "euclidean"}, "geometry"),
        (lambda: {"game": "lsgan"}, "Nearest: least-squares"),
        (lambda: {"singular": "keep"}, "singular"),
        (lambda: {"threads": 0}, "threads"),
        (lambda: {"record": "some"}, "record must be"),
        (lambda: {"gen": "normal"}, "normal has 1 column, the problem 2"),
    ],
)  # fmt: skip
def test_input_is_checked(arguments, message):
    arguments = {"grid": "4x6", **arguments()}
    if isinstance(arguments.get("real"), rg.Distribution):
        del arguments["grid"]
    elif arguments.get("real") == "normal":
        arguments["grid"] = 8
    with pytest.raises(InputError, match=message):
        rg.conditional(**arguments)


@pytest.mark.parametrize(
    ("shape", "start"), [((1, 8), "gen"), ((5, 1), "gen"), ((2, 2), "real"), ((3, 4, 2), "gen")]
)
def test_small_and_degenerate_problems(shape, start):
    rng = np.random.default_rng(0)
    grid = rg.Grid.regular(shape, (0,) * len(shape), (1,) * len(shape))
    real, gen = (rg.Distribution.from_mass(rng.random(shape) + 0.05, grid) for _ in range(2))
    found = rg.conditional(real, real if start == "real" else gen)
    assert found.status.value == "converged"
    assert found.n_steps == 0 or 1 not in (start == "real", shape[1])
    assert found.ratio.shape == shape
    rows = (found.ratio * real.mass).reshape(shape[0], -1).sum(axis=1)
    np.testing.assert_allclose(rows, real.mass.reshape(shape[0], -1).sum(axis=1), rtol=1e-12)
    plots.figure(found)


def test_a_fixed_number_of_steps():
    found = rg.conditional(grid="4x8", tol=0, max_steps=7)
    assert found.n_steps == 7 and found.status.value == "converging"
    again = Conditional(grid="4x8", tol=0, max_steps=7)
    assert again.solve().ratio.tobytes() == again.solve().ratio.tobytes() == found.ratio.tobytes()
    *_, (step, ratio) = again.iter_states()
    assert step == 7 and ratio.tobytes() == found.ratio.tobytes()


def test_a_run_is_kept(tmp_path):
    found = rg.conditional(grid="4x8")
    found.save(tmp_path)
    assert rg.load(tmp_path) == found
    assert "JSD of y" in found.summary() and "JSD of y" in found._repr_html_()
    assert found.trace.log_spaced()[0] == 0
    strict = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert strict["trace"]["js_marginal"][0] < 1e-30


def test_comparisons():
    [(label, algorithm, options)] = expand(["conditional:geometry=fisher,alpha=0.5"])
    assert (label, algorithm) == ("conditional:geometry=fisher,alpha=0.5", "conditional")
    assert options["geometry"] == "fisher" and "step" not in options
    both = rg.compare("conditional", "conditional:geometry=fisher", grid="8x16")
    assert both.real.label.startswith("fork") and both.as_predicted
    assert "BEST: conditional:geometry=fisher (" in both.finding and "W1" not in both.summary()
    mixed = rg.compare("conditional", "glgd", real="fork", gen="independent", grid="8x16")
    assert {run.algorithm for run in mixed.runs} == {"conditional", "glgd"}
    plots.figure(mixed)
    with pytest.raises(InputError, match=r"conditional.* has no"):
        expand(["conditional:step=newton"])


# --- presets -------------------------------------------------------------------------------------


def test_fork_is_exact():
    integrate = pytest.importorskip("scipy.integrate")
    stats = pytest.importorskip("scipy.stats")
    real = rg.preset("fork:spread=1.5,sd=0.4", rg.Grid.regular((5, 7), (0, -2), (1, 2)))
    x, y = real.grid.edges

    def area(i, j):
        def share(at):
            cells = (stats.norm.cdf(y[j : j + 2], c, 0.4) for c in (-1.5 * at, 1.5 * at))
            return 0.5 * sum(float(np.diff(c)[0]) for c in cells)

        return integrate.quad(share, x[i], x[i + 1], epsabs=1e-14)[0]

    exact = np.array([[area(i, j) for j in range(7)] for i in range(5)])
    assert real.outside == pytest.approx(1 - exact.sum(), rel=1e-10)
    np.testing.assert_allclose(real.mass, exact / exact.sum(), rtol=1e-9)
    rows = presets.draw("fork", 40_000, rng=0)
    assert rows.shape == (40_000, 2) and rows[:, 0].min() >= 0 and rows[:, 0].max() <= 1
    late = rows[rows[:, 0] > 0.9, 1]
    assert np.abs(late).mean() == pytest.approx(1.2 * 0.95, rel=0.03)
    assert rg.preset("fork").grid.names == ("x", "y")


def test_beyond_0_to_1_fork_has_nothing():
    real = rg.preset("fork", rg.Grid.regular((4, 8), (-1, -3), (1, 3)))
    assert (real.mass[:2] == 0).all() and real.outside < 0.01
    found = rg.conditional(real, "independent")
    assert "2 of 4 x have p_r(x) = 0 and are left out." in found.warnings


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 2)])
def test_independent_has_both_marginals(shape):
    rng = np.random.default_rng(0)
    grid = rg.Grid.regular(shape, (0,) * len(shape), (1,) * len(shape))
    real = rg.Distribution.from_mass(rng.random(shape), grid)
    gen = presets.generator("independent", real)
    y = tuple(range(1, len(shape)))
    np.testing.assert_allclose(gen.mass.sum(axis=y), real.mass.sum(axis=y), rtol=1e-14)
    np.testing.assert_allclose(gen.mass.sum(axis=0), real.mass.sum(axis=0), rtol=1e-14)
    assert rg.conditional(real, gen).trace.js_marginal[0] < 1e-30


# --- the command line, figures and animations ----------------------------------------------------


def test_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "conditional", "--grid", "16x32", "--animate", "a.gif"]) == 0
    text = capsys.readouterr().out
    assert text.isascii() and max(map(len, text.splitlines())) <= 120
    lines = text.splitlines()
    assert lines[0] == "ratiogan run conditional   seed 0   16x32 cells on 0:1,-2.4:2.4"
    assert lines[5].startswith("CONVERGED in ") and " steps for every x: max|R-1| = " in lines[5]
    assert "rate per step, 1 - alpha Phi''(1)       0.5              0.50000" in text
    folder = tmp_path / "ratiogan-runs" / "conditional-001"
    assert {path.name for path in folder.iterdir()} == {
        *("run.npz", "figure.png", "report.json", "log.txt"),
    }
    assert (tmp_path / "a.gif").stat().st_size > 1000
    assert main(["plot", str(folder), "-o", "b.svg"]) == 0
    assert main(["animate", str(folder), "-o", "c.html"]) == 0
    assert "JSD of p(y|x), nats" in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--gen", "fork:spread=0.2"], 0, "differed by JSD"),
        (["--game", "hinge"], 0, "NOT CONVERGING, as predicted"),
        (["--max-steps", "3"], 5, "NOT CONVERGED in 3 steps"),
        (["--geometry", "lebesgue", "--max-steps", "40"], 5, "--geometry fisher"),
        (["--tol", "0", "--max-steps", "3"], 0, "TOOK 3 steps, as asked"),
        (["--real", "normal", "--gen", "normal", "--grid", "64"], 2, "got 1. Pass two columns"),
        (["--real", "wide.csv", "--gen", "wide.csv"], 2, "has 4 columns"),
        (["--real", "one.csv", "--gen", "wide.csv"], 2, "one.csv has 1 column (b), p(y|x) needs"),
        (
            ["--real", "row.csv", "--gen", "two.csv"],
            4,
            "row.csv: a bandwidth needs at least 2 rows",
        ),
        (["--grid", "64x1"], 2, "grid 64x1 has 1 cell on axis 2: each axis needs at least 2"),
    ],
)
def test_exit_codes(arguments, code, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(50, 4))
    np.savetxt("wide.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    np.savetxt("one.csv", rows[:, :1], header="b", comments="")
    for name, few in (("two.csv", rows[:, :2]), ("row.csv", rows[:1, :2])):
        np.savetxt(name, few, delimiter=",", header="a,b", comments="")
    assert main(["run", "conditional", "--grid", "8x16", "--no-save", *arguments]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert (code in (2, 4)) == captured.err.startswith("Error: ")


def test_tables(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    rows = np.column_stack([x, x + rng.normal(size=400), rng.normal(size=400)])
    shuffled = rows.copy()
    shuffled[:, 1] = rng.permutation(shuffled[:, 1])
    for name, table in (("real.csv", rows), ("gen.csv", shuffled)):
        np.savetxt(name, table, delimiter=",", header="age,visits,other", comments="")
    command = ["run", "conditional", "--real", "real.csv", "--gen", "gen.csv", "--no-save"]
    assert main([*command, "--columns", "age,visits", "--geometry", "fisher", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["certificate"]["js_worst"] < 1e-15 and "at worst (age = " in found["finding"]
    assert found["trace"]["js"][0] > 20 * found["trace"]["js_marginal"][0]


def test_tables_are_smoothed_and_take_fisher(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    for name, y in (("real.csv", x + rng.normal(size=300)), ("gen.csv", rng.normal(size=300))):
        np.savetxt(name, np.column_stack([x, y]), delimiter=",", header="a,b", comments="")
    command = ["run", "conditional", "--real", "real.csv", "--gen", "gen.csv", "--no-save"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "geometry fisher, Fisher-Rao (for a KDE)" in out and "CONVERGED in" in out
    assert "geometry fisher was taken: real and gen are KDEs" in err.replace("\n", " ")
    # In the usual one it is plain at the start that 100,000 steps will not do.
    assert main([*command, "--geometry", "reference", "-q"]) == 5
    out, err = capsys.readouterr()
    assert out.startswith("NOT CONVERGED in 100 steps") and "so 100000 will not do: use" in out
    assert "was taken" not in err
    assert main([*command, "--density", "histogram", "--singular", "restrict"]) in (0, 2, 5)
    assert "was taken" not in capsys.readouterr().err


def test_a_category_is_refused_by_name():
    grid = rg.Grid.product(rg.Grid.categories("abc", name="class"), rg.Grid.counts(0, 1))
    real = rg.Distribution.from_mass(np.full((3, 2), 1 / 6), grid)
    gen = rg.Distribution.from_mass([[0.25, 0.25], [0.25, 0.25], [0, 0]], grid)
    with pytest.raises(InputError, match=r"no mass at class = c, .*Leave their rows out"):
        with_shares_of(real, gen)


def test_the_worst_x_is_none_of_next_to_no_mass():
    grid = rg.Grid.regular((4, 2), (0, 0), (4, 1))
    shares = np.array([5e-4, 0.5, 0.4990, 5e-4])[:, None]
    real = rg.Distribution.from_mass(shares * [[0.5, 0.5]], grid)
    gen = shares * np.array([[0.99, 0.01], [0.4, 0.6], [0.3, 0.7], [0.99, 0.01]])
    found = rg.conditional(real, rg.Distribution.from_mass(gen, grid))
    assert found.trace.worst_x[0] == 2.5 and "at worst (x = 2.5)" in found.finding
    assert any("of 2 of 4, which hold 99.9% of p(x)" in note for note in found.notes)
    ax = plots.plot_conditionals(found)
    [dot] = [drawn for drawn in ax.lines if drawn.get_gid() == "worst"]
    assert dot.get_xdata()[0] == 2.5
    assert dot.get_ydata()[0] == pytest.approx(found.trace.js_worst[0])


@pytest.mark.parametrize(
    ("steps", "said"),
    [(10, "still far from 1, from"), (100, "Allow more steps"), (120, "At 0.5")],
)
def test_more_steps_are_foretold_near_1_only(steps, said):
    found = rg.conditional(max_steps=steps)
    assert said in found.finding
    assert ("it needs about" in found.finding) == (steps == 120)
    if steps == 120:
        [more] = re.findall(r"about (\d+) more", found.finding)
        assert 120 + int(more) == pytest.approx(rg.conditional().n_steps, abs=2)


@pytest.mark.parametrize("geometry", ["reference", "lebesgue"])
@pytest.mark.parametrize("game", ["non-saturating", "minimax"])
def test_a_run_that_no_step_count_finishes_stops_soon(game, geometry):
    grid = rg.Grid.regular((2, 3), (0, 0), (1, 1))
    real = rg.Distribution.from_mass([[0.25, 0.25, 1e-12], [0.25, 0.25, 1e-12]], grid)
    gen = rg.Distribution.from_mass(np.full((2, 3), 1 / 6), grid)
    for solve in (rg.conditional, rg.glgd):
        found = solve(real, gen, game, geometry)
        assert (found.n_steps, found.status.value) == (100, "max-steps")
        assert "so 100000 will not do" in found.finding
        assert solve(real, gen, game, geometry, max_steps=10).n_steps == 10
        assert solve(real, gen, game, geometry, max_steps=200, tol=0).n_steps == 200
        assert solve(real, gen, "non-saturating", "fisher").status.value == "converged"


@pytest.mark.parametrize("style", ["slide", "paper"])
def test_the_figure_of_a_long_run_can_be_read(style):
    from tests.test_plots import unreadable

    found = rg.conditional("fork", geometry="lebesgue", max_steps=20_000, grid="16x32")
    figure = plots.figure(found, style=style, command=["ratiogan", "run", "conditional"])
    assert unreadable(figure) == []
    for ax in figure.axes:
        if ax.get_title(loc="left").startswith("(f)"):
            assert max(ax.get_yticks()) <= math.log(2)


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
def test_the_figure_can_be_read(style):
    from tests.test_plots import unreadable

    rng = np.random.default_rng(0)
    grid = rg.Grid.product(
        rg.Grid.categories(["north", "south", "west"], name="region"), rg.Grid.counts(0, 5)
    )
    real, gen = (rg.Distribution.from_mass(rng.random((3, 6)), grid) for _ in range(2))
    for found in (
        rg.conditional(grid="32x32", geometry="fisher"),
        rg.conditional(real, gen),
        rg.conditional("fork", "fork", grid="8x8"),
        rg.conditional(grid="8x8", max_steps=1),
    ):
        figure = plots.figure(found, style=style, command=["ratiogan", "run", "conditional"])
        assert unreadable(figure) == []


@pytest.mark.parametrize("name", ["a.gif", "a.html"])
def test_animations_with_an_x_left_out(name, tmp_path):
    real = rg.preset("fork", rg.Grid.regular((6, 12), (-1, -3), (1, 3)))
    found = rg.conditional(real, "independent")
    found.animate(tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000
    assert np.isnan(plots.conditional.conditional_rows(found, found.snapshots)[0][:3]).all()
    plots.figure(found)


def test_ctrl_c_keeps_what_was_done():
    def press(*_):
        signal.raise_signal(signal.SIGINT)

    found = rg.conditional(grid="64x64", alpha=1e-4, progress=press, record="log")
    assert found.status.value == "interrupted"
    assert 0 < found.n_steps == found.trace.step[-1] < 100_000
    rows = (found.ratio * found.real.mass).sum(axis=1)
    np.testing.assert_allclose(rows, found.real.mass.sum(axis=1), rtol=1e-12)


def test_the_worst_x_is_marked():
    found = rg.conditional(grid="16x32")
    ax = plots.plot_conditionals(found)
    [dot] = [drawn for drawn in ax.lines if drawn.get_gid() == "worst"]
    assert dot.get_xdata()[0] == found.trace.worst_x[0]
    assert dot.get_ydata()[0] == pytest.approx(found.trace.js_worst[0])
    [said] = [text.get_text() for text in ax.texts if text.get_gid() == "levels"]
    assert said == "step 0: worst at x = 0.969 (dot)\naverage 0.039 (dashed)\ny-marginals 0"
