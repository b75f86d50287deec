"""GLGD from the outside: the specified digits, the theory's rates, every way a run can end.

Oracles: a twin in NumPy and SciPy that imports nothing from the package, mpmath, closed forms.
"""

import math
import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh, null_space
from scipy.stats import norm

from ratiogan import presets
from ratiogan.catalogue import GAME_ROWS
from ratiogan.comparison import compare, steps_to_rms
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import Game
from ratiogan.games import game as make_game
from ratiogan.grid import Grid
from ratiogan.solvers.glgd import GLGD, glgd

PEARSON = "least-squares:a=-1,b=1,c=0"
CONVERGING = tuple(
    row for row in GAME_ROWS if make_game(row).convex and not make_game(row).has_kink
)
OWN = (lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))


def pair(w, r, v=None):
    """p_r and p_g with masses w and w R on cells of volume v."""
    v = np.ones_like(w) if v is None else v
    grid = Grid([np.concatenate([[0.0], np.cumsum(v)])])
    return Distribution.from_mass(w, grid), Distribution.from_mass(w * r, grid)


def default_problem():
    """The masses of the default problem, from SciPy's normal law."""
    edges = np.linspace(-4, 4, 1025)
    real = 0.6 * np.diff(norm.cdf(edges, -1.5, 0.7)) + 0.4 * np.diff(norm.cdf(edges, 1.5, 0.7))
    gen = np.diff(norm.cdf(edges, 0, 1.2))
    return real / real.sum(), gen / gen.sum(), np.diff(edges)


def twin(w, r, alpha, geometry, density=None, tol=1e-10):
    """Errors max|R-1| of the non-saturating game step by step, as one writes it."""
    errors = [np.abs(r - 1).max()]
    while errors[-1] >= tol:
        u = np.log1p(r)
        if geometry == "reference":
            r = r - alpha * (u - w @ u)
        elif geometry == "lebesgue":
            q = density * u
            r = r - alpha * (q - (w @ q) / (w @ density) * density)
        else:
            r = r * np.exp(-alpha * u)
            r = r / (w @ r)
        errors.append(np.abs(r - 1).max())
    return errors, r


def rate_row(solution):
    return next(p for p in solution.predictions if p.name.startswith("rate per step"))


# --- the default problem to the specified digits --------------------------------------------------


def test_the_default_run_prints_the_specified_digits():
    solution = glgd()
    assert solution.finding == ("CONVERGED in 38 steps: max|R-1| = 9.9e-11, below tol 1e-10.") and (
        solution.n_steps,
        solution.status.value,
    ) == (38, "converged")
    lines = [line.split() for line in solution.summary().splitlines()]
    for row in (
        "0 2.348e-01 9.083e-02 4.94e+00 1.12e+00 0.2977 631.0",
        "1 1.071e-01 3.897e-02 3.60e+00 7.46e-01 0.6338 715.1",
        "2 4.813e-02 1.795e-02 2.52e+00 4.88e-01 0.7924 733.4",
        "4 7.681e-03 3.208e-03 1.07e+00 1.85e-01 0.9340 720.6",
        "8 6.265e-05 3.060e-05 1.01e-01 1.59e-02 0.9950 697.6",
        "16 1.040e-09 5.197e-10 4.14e-04 6.45e-05 1.0000 694.8",
    ):
        assert row.split() in lines, row
    assert solution.trace.log_spaced().tolist() == [0, 1, 2, 4, 8, 16, 32, 38]
    # Costs keep their relative accuracy to the end: half the squared error times Phi'' = 1/2.
    last = solution.trace
    assert abs(last.cost[-1] / (0.25 * last.rms_error[-1] ** 2) - 1) < 1e-9
    assert abs(last.js[-1] / (0.125 * last.rms_error[-1] ** 2) - 1) < 1e-9
    rows = {p.name: p for p in solution.predictions}
    rate = rows["rate per step, 1 - alpha Phi''(1)"]
    assert rate.predicted == 0.5 and abs(rate.measured - 0.5) < 1e-6
    identity = rows["C(R0) - 2 log 2 = 2 KL(m||p_r)"]
    assert f"{identity.predicted:.9f}" == f"{identity.measured:.9f}" == "0.234794374"
    assert rows["generator cost g at the end"].text == "log 2"
    assert rows["discriminator cost d at the end"].text == "2 log 2"
    assert rows["E[Phi] never rises (alpha <= 1)"].measured == "yes (38 of 38 steps)"
    assert solution.options["alpha"] == 1.0 and solution.options["alpha_is_auto"]


@pytest.mark.parametrize(
    ("geometry", "steps"), [("reference", 38), ("fisher", 34), ("lebesgue", 42_190)]
)
def test_the_default_run_is_its_twin(geometry, steps):
    w, p_g, v = default_problem()
    solution = glgd(geometry=geometry)
    alpha = 1.0 if geometry != "lebesgue" else float((v / w).min())
    errors, r = twin(w, p_g / w, alpha, geometry, w / v)
    # In the tails of lebesgue round-off of 1e-12 in R is 22 of its 42,190 steps.
    slack = 0.001 * steps if geometry == "lebesgue" else 0
    assert abs(solution.n_steps - steps) <= slack and abs(len(errors) - 1 - steps) <= slack
    assert abs(solution.options["alpha"] / alpha - 1) < 1e-12
    np.testing.assert_allclose(solution.ratio, r, atol=5e-12)
    last = min(solution.n_steps + 1, len(errors))
    recorded = solution.trace.step[solution.trace.step < last]
    found = solution.trace.max_error[: recorded.size]
    atol = 3e-12 if geometry == "lebesgue" else 1e-13
    np.testing.assert_allclose(found, np.array(errors)[recorded], rtol=1e-9, atol=atol)


def test_comparing_the_geometries_gives_the_specified_rates():
    comparison = compare("glgd", "glgd:geometry=fisher", "glgd:geometry=lebesgue")
    found = dict(zip(comparison.labels, comparison.runs, strict=True))
    expected = {
        "glgd": (38, 13, 0.5),
        "glgd:geometry=fisher": (34, 10, 0.5),
        "glgd:geometry=lebesgue": (42_166, 4496, 0.9994),
    }
    for label, (steps, to_rms, rate) in expected.items():
        run = found[label]
        assert abs(run.n_steps / steps - 1) < 1e-3, label
        # Where there are many, the step is interpolated between rows 2 % apart.
        assert abs(steps_to_rms(run)[0] / to_rms - 1) < 1e-3, label
        assert round(rate_row(run).predicted, 4) == round(rate_row(run).measured, 4) == rate
    assert comparison.finding.startswith("BEST: glgd:geometry=fisher (34 steps")


def test_the_columns_of_the_trace_from_their_definitions():
    w, p_g, v = default_problem()
    for geometry in ("reference", "lebesgue", "fisher", "logits"):
        solution = glgd(geometry=geometry, max_steps=3, tol=0)
        r = p_g / w
        for k in range(4):
            r = solution.snapshots[k]
            row = {name: column[k] for name, column in solution.trace.columns.items()}
            u, f = np.log1p(r), 1 / (1 + r)
            q = w * r
            expected = {
                "step": k,
                "cost": w @ ((1 + r) * np.log1p(r)) - 2 * math.log(2),
                "g": q @ u,
                "d": -(w @ np.log(f)) - q @ np.log1p(-f),
                "kl": q @ np.log(r),
                "js": 0.5 * (q @ np.log(2 * r / (1 + r)) + w @ np.log(2 / (1 + r))),
                "max_error": np.abs(r - 1).max(),
                "rms_error": math.sqrt(w @ (r - 1) ** 2),
                "min_ratio": r.min(),
                "max_ratio": r.max(),
                "mean_ratio": 1.0,
                "effective_support": math.exp(-(q @ np.log(q))),
                "gap_bound": w @ ((r - 1) * (u - w @ u)),
                "projected": 0,
                "halvings": 0,
            }
            p = w / v
            weight = {"reference": w, "lebesgue": w * p, "fisher": q, "logits": q * r}[geometry]
            mean = q @ u if geometry == "logits" else weight @ u / weight.sum()
            expected["grad_norm"] = math.sqrt(weight @ (u - mean) ** 2)
            assert set(row) == set(expected)
            for name, value in expected.items():
                assert abs(row[name] - value) < 1e-13 * (1 + abs(value)) * 10, (geometry, name)


# --- rates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", CONVERGING)
@pytest.mark.parametrize("geometry", ("reference", "fisher"))
@pytest.mark.parametrize("alpha", (0.1, 0.5))
def test_the_local_rate_of_every_strictly_convex_game(spec, geometry, alpha):
    # From N(0.3,1) against N(0,1); the rate by the definition, from the trace.
    solution = glgd(
        "normal:mean=0,sd=1",
        "normal:mean=0.3,sd=1",
        spec,
        geometry,
        alpha=alpha,
        grid=256,
        record="all",
    )
    trace, predicted = solution.trace, 1 - alpha * make_game(spec).curvature_at_one
    assert solution.status.value == "converged"
    window = np.flatnonzero((trace.max_error > 1e-8) & (trace.max_error < 1e-4))
    assert len(window) > 5
    e = trace.rms_error[window]
    measured = math.exp(np.mean(np.log(e[1:] / e[:-1])))
    assert abs(measured - predicted) < 1e-3
    row = rate_row(solution)
    assert row.predicted == predicted and abs(row.measured - measured) < 1e-12
    assert row.difference < row.tolerance == 1e-3


def test_a_rate_that_takes_too_few_steps_is_not_measurable():
    solution = glgd(alpha=1.99)
    assert abs(rate_row(solution).predicted - 0.005) < 1e-12
    assert rate_row(solution).measured == "not measurable"


def test_an_overshooting_rate_is_given_by_its_size():
    row = rate_row(glgd(alpha=3.0))
    assert row.name == "rate per step, |1 - alpha Phi''(1)|" and row.predicted == 0.5
    assert abs(row.measured - 0.5) < 1e-3


LEBESGUE = [  # widths and densities of few cells; a factor on the automatic step
    ([1.0, 0.5], [1.0, 3.0], 1.0),
    ([1.0, 1.0], [2.0, 2.0], 1.0),  # equal densities: both linear geometries agree
    ([1.0, 1.0, 2.0], [0.2, 1.0, 0.4], 1.0),
    ([1.0, 0.6, 1.0, 1.0], [1.0, 1.0, 0.3, 0.6], 1.0),
    ([1.0, 0.6, 1.0, 1.0], [1.0, 1.0, 0.3, 0.6], 3.5),  # the fastest mode overshoots most
    ([0.1, 0.05, 0.08], [1.0, 2.0, 10.0], 1.0),
    ([0.1, 0.05, 0.08], [1.0, 2.0, 10.0], 5.0),  # beyond 2/max p_r, where it still converges
]


@pytest.mark.parametrize(("widths", "densities", "factor"), LEBESGUE)
@pytest.mark.parametrize("spec", ("non-saturating", "logit"))
def test_the_rate_of_lebesgue_is_that_of_the_secular_equation(widths, densities, factor, spec):
    v, p = np.array(widths), np.array(densities)
    w = v * p / (v @ p)
    start = pair(w, 1.0 + 0.05 * np.cos(np.arange(v.size) + 0.3), v)
    auto = GLGD(*start, game=spec, geometry="lebesgue").alpha
    alpha = factor * auto
    solution = glgd(*start, spec, "lebesgue", alpha=alpha, record="all")
    basis = null_space(w[None])
    rates = eigh(basis.T @ (w[:, None] * basis), basis.T @ (v[:, None] * basis), eigvals_only=True)
    factors = np.abs(1 - alpha * make_game(spec).curvature_at_one * rates)
    assert solution.status.value == "converged"
    row = rate_row(solution)
    assert abs(row.predicted - factors.max()) < 1e-12
    if row.measured != "not measurable":
        assert abs(row.measured - row.predicted) < 2e-3
    errors = solution.trace.rms_error
    last = errors[-3] / errors[-4]
    if factors.max() > 0.3 and np.sort(factors)[-2:][0] < 0.8 * factors.max():
        assert abs(last - factors.max()) < 2e-3


def test_a_long_step_on_few_cells_is_not_called_a_cycle():
    # Once max p_r stood for the fastest mode: "NOT CONVERGING, as predicted" on the way to R = 1.
    p = np.array([1.0, 2.0, 10.0])
    w = np.array([0.1, 0.1, 0.8])
    start = pair(w, np.array([0.5, 1.5, 1.0]), w / p)
    short = glgd(*start, geometry="lebesgue", alpha=0.5, max_steps=10)
    assert short.status.value == "max-steps" and not short.as_predicted
    assert glgd(*start, geometry="lebesgue", alpha=0.5).status.value == "converged"
    too_long = glgd(*start, geometry="lebesgue", alpha=2.0)
    assert too_long.status.value == "cycle" and too_long.as_predicted
    assert "alpha Phi''(1) mu = " in too_long.finding


@pytest.mark.parametrize("geometry", ("reference", "fisher", "logits"))
def test_linear_stability_ends_at_four(geometry):
    # In logits from nearby only: far away its steps are multiplied by R and overflow.
    start = presets.problem("bimodal", "near-real" if geometry == "logits" else "normal", 64)
    below = glgd(*start, geometry=geometry, alpha=3.9, max_steps=5000)
    above = glgd(*start, geometry=geometry, alpha=4.2, max_steps=5000)
    assert below.status.value == "converged"
    assert above.status.value == "cycle" and above.as_predicted
    assert "alpha Phi''(1) = 2.1 is above the limit 2" in above.finding


def test_least_squares_with_the_right_codes_converges_slowly():
    solution = glgd(game="least-squares:a=0,b=1,c=1", alpha=1.0, grid=128)
    row = rate_row(solution)
    assert row.predicted == 1 - 1 / 8 and abs(row.measured - 7 / 8) < 1e-6


# --- identities ----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 40))
def test_the_cost_is_twice_the_divergence_of_the_mixture(seed, n):
    # C(R) - 2 log 2 = 2 KL(m||p_r), errata, in mpmath from the masses
    rng = np.random.default_rng(seed)
    real, gen = pair(rng.dirichlet(np.ones(n)) + 1e-6, np.exp(rng.normal(0, 2, n)))
    row = GLGD(real, gen).measure()
    with mpmath.workdps(40):
        total = mpmath.mpf(0)
        for a, b in zip(real.mass.tolist(), gen.mass.tolist(), strict=True):
            m = (mpmath.mpf(a) + mpmath.mpf(b)) / 2
            total += 2 * m * mpmath.log(m / mpmath.mpf(a))
        assert abs(row["cost"] - total) < 1e-12
        # 2 KL(m||p_r) = KL(p_g||p_r) - 2 JSD
        assert abs(row["cost"] - (row["kl"] - 2 * row["js"])) < 1e-12


@pytest.mark.parametrize(
    ("spec", "divergence"),
    [
        ("minimax", lambda g, r: g * np.log(2 * g / (g + r)) + r * np.log(2 * r / (g + r))),
        ("maximum-likelihood", lambda g, r: r * np.log(r / g)),
        ("logit", lambda g, r: g * np.log(g / r)),
        ("hinge", lambda g, r: np.abs(g - r)),
        ("square:generator=zero-sum", lambda g, r: (g - r) ** 2 / (g + r)),
        ("concave:f=exponential", lambda g, r: (np.sqrt(g) - np.sqrt(r)) ** 2),
    ],
)
def test_the_table_of_predictions_holds_the_cost_against_its_divergence(spec, divergence):
    real, gen = presets.problem(grid=200)
    solution = glgd(real, gen, spec, max_steps=5)
    total = float(np.sum(divergence(gen.mass, real.mass)))
    row = next(p for p in solution.predictions if p.name.startswith("E[Phi(R0)] - Phi(1) = "))
    assert abs(row.predicted - total) < 1e-13 and row.difference < 1e-13


@pytest.mark.parametrize("alpha", (0.3, 0.7, 1.0))
def test_logit_in_fisher_walks_the_annealing_path(alpha):
    # p_k ~ p_r^(1-q) p_0^q with q = (1-alpha)^k: one exact step at alpha = 1
    real, gen = presets.problem(grid=300)
    solver = GLGD(real, gen, "logit", "fisher", alpha=alpha)
    for k, r in solver.iter_states(25):
        q = (1 - alpha) ** k
        path = real.mass ** (1 - q) * gen.mass**q
        np.testing.assert_allclose(r, path / path.sum() / real.mass, rtol=1e-12)
    assert glgd(real, gen, "logit", "fisher", alpha=1.0).n_steps == 1


def test_newton_and_glgd_meet_at_the_same_costs():
    # g = log 2 and d = 2 log 2 at the end, whatever the road
    for step in ("constant", "armijo", "newton"):
        trace = glgd(step=step, grid=128).trace
        assert abs(trace.g[-1] - math.log(2)) < 1e-10
        assert abs(trace.d[-1] - 2 * math.log(2)) < 1e-10


# --- the unstable game ---------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "low", "high"), [(0.1, 10, 30), (0.01, 300, 600)])
def test_the_pearson_codes_leave_equilibrium(size, low, high):
    # Gaussian perturbations on 1,024 equal cells, alpha = 0.5: |R-1| > 0.9 within about 15..25
    # and about 350..500 steps.
    for seed in range(6):
        r = 1 + size * np.random.default_rng(seed).standard_normal(1024)
        solution = glgd(*pair(np.full(1024, 1 / 1024), r), PEARSON, alpha=0.5, record="all")
        far = solution.trace.step[solution.trace.max_error > 0.9]
        assert far.size and low <= far[0] <= high
        assert solution.status.value == "unstable" and solution.as_predicted
        assert solution.finding.startswith("NOT CONVERGING, as predicted: |R-1| grew from 0.")
        assert "See: ratiogan explain lsgan-pearson" in solution.finding


def test_two_equal_cells_leave_by_the_cubic_law():
    # errata, seed 004: r' = 2 r^3/(4-r^2)^2 for R = 1 +- r, and the chi^2 grows monotonically
    half = np.array([0.5, 0.5])
    alpha, r = 0.5, 0.2
    solver = GLGD(*pair(half, np.array([1 + r, 1 - r])), PEARSON, alpha=alpha)
    for _, ratio in solver.iter_states(150):
        assert abs(ratio[0] - (1 + r)) < 1e-13 and abs(ratio[1] - (1 - r)) < 1e-13
        r += alpha * 2 * r**3 / (4 - r * r) ** 2
    assert r > 0.23


def test_near_equilibrium_the_force_is_quadratic():
    # delta' = -(delta^2 - E[delta^2])/8, to third order in delta
    rng = np.random.default_rng(4)
    w = rng.dirichlet(np.ones(9))
    d = rng.standard_normal(9)
    d -= w @ d
    errors = []
    for size in (1e-2, 1e-3):
        delta = size * d
        solver = GLGD(*pair(w, 1 + delta), PEARSON, alpha=1.0)
        solver.advance(1)
        predicted = -(delta**2 - w @ delta**2) / 8
        errors.append(np.abs(solver.ratio - 1 - delta - predicted).max())
    assert 2.9 < math.log10(errors[0] / errors[1]) < 3.1


def test_a_skewed_start_creeps_in_like_one_over_t():
    # delta_1' = -(1-w)(delta_1^2 - delta_2^2)/8 on two unequal cells
    w = np.array([0.1, 0.9])
    d = np.array([0.9, -0.1])
    solver = GLGD(*pair(w, 1 + 0.01 * d), PEARSON, alpha=1.0)
    steps = 200_000
    for _ in range(steps // 500):
        taken = 0
        while taken < 500:
            taken += solver.advance(500 - taken)
    rate = 0.9 * (1 - (1 / 9) ** 2) / 8
    assert abs(1 / (solver.ratio[0] - 1) / (1 / 0.009 + rate * steps) - 1) < 1e-2


# --- own games -----------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", ("reference", "lebesgue", "fisher", "logits"))
@pytest.mark.parametrize("step", ("constant", "armijo", "newton"))
def test_an_own_game_follows_the_built_in_one(geometry, step):
    options = {"geometry": geometry, "step": step, "grid": 64, "record": "all", "max_steps": 60}
    own = glgd(game=Game.from_losses(*OWN), **options)
    built_in = glgd(game="non-saturating", **options)
    assert (own.n_steps, own.status) == (built_in.n_steps, built_in.status)
    for k in range(0, len(own.snapshot_steps), 5):
        np.testing.assert_allclose(own.snapshots[k], built_in.snapshots[k], atol=1e-9)
    for name in ("cost", "g", "d", "kl", "js", "grad_norm", "gap_bound"):
        np.testing.assert_allclose(own.trace[name], built_in.trace[name], atol=1e-9)


def test_an_own_game_from_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "class Mine:\n"
        "    loss_real = staticmethod(lambda f: -np.log(f))\n"
        "    loss_gen = staticmethod(lambda f: -np.log1p(-f))\n"
        "    generator_loss = staticmethod(lambda f: -np.log(f))\n"
        "mine = Mine()\n"
    )
    run = glgd(game=f"{path}:mine", grid=64)
    assert run.options["game"] == f"{path}:mine"
    built_in = glgd(grid=64)
    assert run.n_steps == built_in.n_steps
    np.testing.assert_allclose(run.ratio, built_in.ratio, atol=1e-9)
    with pytest.raises(InputError, match="absent"):
        glgd(game=f"{path}:absent", grid=64)


# --- degenerate input ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", ("constant", "armijo", "newton"))
@pytest.mark.parametrize("geometry", ("reference", "lebesgue", "fisher", "logits"))
def test_equal_distributions_take_no_step(geometry, step):
    for spec in (*GAME_ROWS, PEARSON):
        solution = glgd("bimodal", "bimodal", spec, geometry, step, grid=32)
        assert solution.n_steps == 0 and solution.status.value == "converged"
        assert solution.finding.startswith("CONVERGED in 0 steps: max|R-1| = 0.0e+00")
        np.testing.assert_array_equal(solution.ratio, 1.0)


def test_disjoint_supports_are_refused_with_the_remedies():
    with pytest.raises(SingularMassError, match=r"^100% of the generator's mass .*cells \d+\.\."):
        glgd("disjoint", "disjoint")
    with pytest.raises(SingularMassError, match=r"^70.*--density kde, or --singular restrict"):
        glgd("disjoint")
    with pytest.raises(InputError, match=r"none|no mass|nothing"):
        glgd("disjoint", "disjoint", singular="restrict")


def test_cells_without_reference_are_left_out():
    w = np.array([0.3, 0.0, 0.5, 0.2])
    solution = glgd(*pair(w, np.array([2.0, 7.0, 0.2, 1.5])))
    assert solution.status.value == "converged"
    np.testing.assert_array_equal(np.isnan(solution.ratio), w == 0)
    np.testing.assert_array_equal(np.isnan(solution.discriminator), w == 0)
    assert np.isnan(solution.snapshots[:, 1]).all()
    without = glgd(*pair(w[w > 0], np.array([2.0, 0.2, 1.5])))
    np.testing.assert_array_equal(solution.ratio[w > 0], without.ratio)


def test_restricting_drops_the_singular_mass():
    grid = Grid.regular(4, 0, 1)
    real = Distribution.from_mass([1, 1, 2, 0], grid)
    gen = Distribution.from_mass([1, 1, 1, 1], grid)
    solution = glgd(real, gen, singular="restrict")
    assert solution.status.value == "converged" and solution.gen.restricted == 0.25
    np.testing.assert_allclose(solution.snapshots[0][:3], [4 / 3, 4 / 3, 2 / 3])


EMPTY = pair(np.full(50, 0.02), np.where(np.arange(50) < 10, 0.0, np.linspace(0.5, 2.0, 50)))


@pytest.mark.parametrize("spec", ("non-saturating", "least-squares", "exponential", "hinge"))
def test_empty_cells_fill_again_where_the_signal_is_finite(spec):
    game = f"{spec}:generator=flipped" if spec == "exponential" else spec
    for geometry in ("reference", "lebesgue"):
        solution = glgd(*EMPTY, game, geometry, max_steps=20_000)
        assert solution.ratio.min() > 0.1
        if spec != "hinge":
            assert solution.status.value == "converged"
        else:
            assert solution.status.value == "cycle" and solution.as_predicted


@pytest.mark.parametrize("spec", ("minimax", "maximum-likelihood", "logit", "concave"))
def test_a_step_from_empty_cells_is_undefined_where_the_signal_is_not(spec):
    for options in ({}, {"geometry": "lebesgue"}, {"step": "newton"}, {"step": "armijo"}):
        solution = glgd(*EMPTY, spec, **options)
        assert solution.n_steps == 0 and solution.status.value == "stalled"
        assert not solution.as_predicted
        assert "STOPPED at step 0: R = 0 in 10 of 50 cells (20% of p_r)" in solution.finding
        assert "non-saturating and least-squares run" in solution.finding
        np.testing.assert_array_equal(solution.ratio, solution.snapshots[0])


@pytest.mark.parametrize("spec", ("non-saturating", "minimax", "maximum-likelihood", "logit"))
@pytest.mark.parametrize("geometry", ("fisher", "logits"))
@pytest.mark.parametrize("step", ("constant", "armijo"))
def test_multiplicative_geometries_do_not_regain_empty_cells(spec, geometry, step):
    solution = glgd(*EMPTY, spec, geometry, step, alpha=0.2, max_steps=3000)
    if (spec, step) == ("maximum-likelihood", "armijo"):
        # KL(p_r||p_g) is infinite and stays so: nothing to compare.
        assert solution.status.value == "stalled" and solution.n_steps == 0
        return
    assert solution.status.value == "support-not-covered" and solution.as_predicted
    assert "R = 0 in 10 of 50 cells (20% of p_r) stays 0" in solution.finding
    assert any("a dropped mode stays dropped" in warning for warning in solution.warnings)
    np.testing.assert_array_equal(solution.ratio[:10], 0.0)
    np.testing.assert_allclose(solution.ratio[10:], 1.25, atol=1e-6)
    assert abs(solution.trace.mean_ratio - 1).max() < 1e-12


def test_one_cell_and_two_cells():
    grid = Grid.regular(3, 0, 1)
    one = Distribution.from_mass([0, 1, 0], grid)
    for geometry in ("reference", "lebesgue", "fisher", "logits"):
        solution = glgd(one, one, geometry=geometry)
        assert solution.n_steps == 0 and solution.status.value == "converged"
        for step in ("constant", "armijo", "newton"):
            two = glgd(
                *pair(np.array([0.3, 0.7]), np.array([2.0, 4 / 7])), "minimax", geometry, step
            )
            assert two.status.value == "converged", (geometry, step)


@pytest.mark.parametrize(
    "grid",
    [
        Grid([[0.0, 0.1, 0.5, 0.6, 3.0, 3.01]]),
        Grid.counts(0, 6),
        Grid.categories(["a", "b", "c"]),
        Grid.regular((5, 7), (0, 0), (1, 2)),
        Grid.regular((3, 4, 2), (0, 0, 0), (1, 1, 1)),
        Grid.product(Grid.counts(0, 3), Grid([[0.0, 1.0, 3.0]])),
    ],
    ids=lambda grid: grid.describe(),
)
@pytest.mark.parametrize("geometry", ("reference", "lebesgue", "fisher", "logits"))
def test_every_kind_of_grid(grid, geometry):
    rng = np.random.default_rng(1)
    w = rng.dirichlet(np.full(grid.size, 5.0)).reshape(grid.shape)
    real = Distribution.from_mass(w, grid)
    gen = Distribution.from_mass(w * rng.uniform(0.5, 2.0, grid.shape), grid)
    solution = glgd(real, gen, geometry=geometry)
    assert solution.status.value == "converged" and solution.ratio.shape == grid.shape
    assert solution.snapshots.shape == (len(solution.snapshot_steps), *grid.shape)
    if geometry != "logits":
        flat = w.reshape(-1)
        p = flat / grid.volumes.reshape(-1)
        errors, _ = twin(flat, gen.mass.reshape(-1) / flat, solution.options["alpha"], geometry, p)
        assert solution.n_steps == len(errors) - 1


def test_counts_and_their_lebesgue_measure():
    # Cells of volume 1: p_r is w itself.
    solution = glgd("poisson:rate=3", "poisson:rate=4", geometry="lebesgue", tol=0, max_steps=1)
    real, gen = solution.real.mass, solution.gen.mass
    q = real * np.log1p(gen / real)
    expected = gen / real - solution.options["alpha"] * (q - (real @ q) / (real @ real) * real)
    np.testing.assert_allclose(solution.ratio, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"game": "lsgan"}, 'no game "lsgan". Nearest: least-squares. See: ratiogan games'),
        ({"geometry": "euclidean"}, "geometry must be one of reference, lebesgue, fisher, logits"),
        ({"geometry": "fischer"}, "Nearest: fisher"),
        ({"step": "newtn"}, "Nearest: newton"),
        ({"alpha": 0}, "alpha must be above 0, got 0. Pass a positive step size, or auto"),
        ({"alpha": -1}, "alpha must be above 0, got -1"),
        ({"alpha": float("nan")}, "alpha must be finite, got nan"),
        ({"alpha": "big"}, "alpha must be a number, got 'big'"),
        ({"alpha": np.array([1.0, 2.0])}, "alpha must be a number"),
        ({"tol": -1e-3}, "tol must be at least 0, got -0.001"),
        ({"tol": float("nan")}, "tol must be finite"),
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
        ({"max_steps": 2.5}, "max_steps must be a whole number, got 2.5"),
        ({"singular": "drop"}, "singular must be one of error, restrict"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"real": "nromal"}, "Nearest: normal"),
        ({"real": "ring8", "gen": "normal"}, "normal has 1 column, the problem 2"),
    ],
)
def test_input_is_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        glgd(**{"grid": 8 if "real" not in arguments else None, **arguments})


def test_masses_that_are_not_numbers_do_not_get_this_far():
    grid = Grid.regular(3, 0, 1)
    for mass in ([1, np.nan, 1], [1, np.inf, 1], [1, -1, 1], [0, 0, 0]):
        with pytest.raises(InputError, match="mass"):
            Distribution.from_mass(mass, grid)


# --- how a run ends ------------------------------------------------------------------------------


def test_running_out_of_steps_estimates_how_many_are_left():
    solution = glgd(max_steps=25)
    assert solution.status.value == "max-steps" and not solution.as_predicted
    assert solution.n_steps == 25
    text = solution.finding
    assert text.startswith("NOT CONVERGED in 25 steps: max|R-1| = 8.1e-07, tol 1e-10. At 0.50")
    more = float(text.split("about ")[1].split(" more")[0])
    assert abs(25 + more - 38) < 1.5 and text.endswith("or --step newton.")
    slow = glgd(geometry="lebesgue", max_steps=20_000).finding
    assert abs(20_000 + float(slow.split("about ")[1].split(" more")[0]) - 42_190) < 800
    newton = glgd(step="newton", max_steps=3).finding
    assert "newton" not in newton.split("more")[1]


def test_a_fixed_number_of_steps():
    solution = glgd(tol=0, max_steps=12)
    assert solution.status.value == "converging" and solution.as_predicted
    assert solution.finding.startswith("TOOK 12 steps, as asked: max|R-1| = 6.") and (
        solution.n_steps == 12
    )
    # When nothing moves any more, there is nothing to ask for.
    ended = glgd(tol=0, grid=64)
    assert ended.status.value == "converged" and ended.as_predicted and ended.n_steps < 5000
    assert ended.finding.startswith("TOOK ") and ended.max_error < 1e-14


def test_a_tolerance_below_double_precision_stalls():
    for step in ("constant", "armijo", "newton"):
        solution = glgd(tol=1e-18, step=step, grid=64)
        if solution.status.value == "converged":
            assert solution.max_error == 0.0  # R = 1 to the last bit
        else:
            assert solution.status.value == "stalled" and not solution.as_predicted
            assert solution.max_error < 1e-14 and "double precision" in solution.finding


def test_divergence_is_an_overflow_in_a_multiplicative_geometry():
    # exp(alpha/R) at R = 1e-3: the linear geometries keep R <= 1/w whatever happens.
    start = pair(np.full(10, 0.1), np.array([1e-3] + [1.0] * 9))
    solution = glgd(*start, "maximum-likelihood", "fisher", alpha=1.0)
    assert solution.status.value == "diverged" and not solution.as_predicted
    assert solution.finding.startswith("DIVERGED at step 1: R is not finite. Take alpha below 1")
    assert np.isnan(solution.ratio).any() and np.isnan(solution.trace.max_error[-1])
    small = glgd(*start, "maximum-likelihood", "fisher", alpha=5e-3, max_steps=10_000)
    assert small.status.value == "converged"


def test_a_huge_finite_ratio_has_not_diverged():
    # E[(R-1)^2] overflows at R = 1e160: once that read as "R is not finite".
    w = np.array([1e-170, 0.5, 0.5])
    solution = glgd(*pair(w, np.array([1e169, 1.0, 1.0])), max_steps=50)
    assert solution.status.value == "max-steps" and np.isinf(solution.trace.rms_error[0])
    newton = glgd(*pair(w, np.array([1e169, 1.0, 1.0])), step="newton")
    assert newton.status.value in ("converged", "max-steps", "stalled")


@pytest.mark.parametrize("geometry", ("reference", "lebesgue", "fisher"))
def test_kinked_games_chatter(geometry):
    solution = glgd(game="hinge", geometry=geometry, grid=64)
    assert solution.status.value == "cycle" and solution.as_predicted
    assert "the signal of hinge jumps at R = 1, so steps of one size chatter" in solution.finding
    # No closer than one step: |R-1| stays above about alpha p_r.
    assert solution.max_error > 1e-3


def test_a_game_that_is_flat_at_one_says_so():
    solution = glgd(game="cw:c=0.3", grid=64)
    assert solution.status.value == "stalled" and solution.as_predicted
    assert "is flat around R = 1, so it does not tell p_g from p_r there" in solution.finding


def test_a_long_trace_of_a_run_that_never_settles_takes_no_square_of_its_length():
    # It crept in for ever, and every row looked back over all rows before it: minutes.
    w = np.array([0.1, 0.9])
    looks = []

    class Counting(GLGD):
        def _has_settled(self, step, row):
            looks.append(step)
            return super()._has_settled(step, row)

    solver = Counting(*pair(w, np.array([1.9, 0.9])), PEARSON, max_steps=20_000)
    solution = solver.solve(record="all", snapshots=False)
    assert len(solution.trace) == solution.n_steps + 1 and len(looks) < 600


# --- options, stepping, memory -------------------------------------------------------------------


def test_states_can_be_stepped_through():
    solver = GLGD(grid=64)
    states = dict(solver.iter_states(40))
    assert list(states) == list(range(41))
    solution = glgd(grid=64, record="all")
    for k, snapshot in zip(solution.snapshot_steps, solution.snapshots, strict=True):
        np.testing.assert_array_equal(states[k], snapshot)
    # Copies: what is done to a state does not come back.
    copy = GLGD(grid=64)
    for _, state in copy.iter_states(3):
        state[:] = -7.0
    np.testing.assert_array_equal(copy.ratio, states[3])
    with pytest.raises(InputError, match="max_steps"):
        next(GLGD(grid=8).iter_states(-1))


def test_what_was_handed_out_stays_as_it_is():
    solver = GLGD(grid=64, max_steps=3)
    first = solver.solve()
    before = first.ratio.copy()
    list(solver.iter_states(5))
    second = solver.solve()
    np.testing.assert_array_equal(first.ratio, before)
    np.testing.assert_array_equal(second.ratio, before)
    assert second.trace == first.trace and second.predictions == first.predictions
    assert not first.ratio.flags.writeable


@pytest.mark.parametrize("record", ("all", "log", 5))
def test_what_is_recorded_does_not_change_the_run(record):
    plain, other = glgd(), glgd(record=record, snapshots=False)
    np.testing.assert_array_equal(plain.ratio, other.ratio)
    assert other.n_steps == plain.n_steps and other.trace.step[-1] == 38
    steps = {"all": range(39), "log": [0, 1, 2, 4, 8, 16, 32, 38], 5: [*range(0, 36, 5), 38]}
    np.testing.assert_array_equal(other.trace.step, list(steps[record]))
    assert other.snapshots.shape == (0, 1024) and other.snapshot_steps.size == 0


def test_snapshots_are_the_states():
    solution = glgd(grid=32)
    np.testing.assert_array_equal(solution.snapshots[0], solution.gen.mass / solution.real.mass)
    np.testing.assert_array_equal(solution.snapshots[-1], solution.ratio)
    assert solution.snapshot_steps[-1] == solution.n_steps
    assert glgd(grid=70_000, max_steps=3).snapshots.shape[0] == 0
    assert glgd(grid=70_000, max_steps=3, snapshots=True).snapshots.shape[0] == 4


def test_the_solution_is_whole_and_read_only():
    solution = glgd(grid=32)
    np.testing.assert_allclose(solution.discriminator, 1 / (1 + solution.ratio), rtol=1e-15)
    for array in (solution.ratio, solution.discriminator, solution.trace.cost):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    w, r = solution.real.mass, solution.ratio
    certificate = solution.certificate
    assert abs(certificate["mean_ratio"] - w @ r) < 1e-15
    assert certificate["max_error"] == np.abs(r - 1).max() == solution.max_error
    assert certificate["min_ratio"] == r.min()
    assert certificate["gap_bound"] >= certificate["cost"] >= 0
    assert solution.seed is None and solution.warnings == ()
    assert solution.seconds > 0 and solution.compile_seconds >= 0


MEMORY = """
import sys
from ratiogan import presets
from ratiogan.solvers.glgd import glgd
def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
glgd(grid=64)
n = 4_000_000
real, gen = presets.problem(grid=n)
high = status("VmHWM")
before = status("VmRSS")
solution = glgd(real, gen, max_steps=5)
print((max(status("VmHWM"), before) - before) / (8 * n), (high - before) / (8 * n))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")
def test_the_solve_takes_five_arrays_of_memory_at_most():
    # slow: 3 s. A fresh process; 4e6 cells stand for the 1.6e7 of the benchmark.
    found = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    peak, earlier = (float(word) for word in found.stdout.split())
    assert peak <= max(5.0, earlier)
