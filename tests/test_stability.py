"""The stability record: the numbers of cli.md, verdicts, assumptions, critical values, files."""

import json
import math

import numpy as np
import pytest

import ratiogan
from ratiogan import dynamics
from ratiogan.dynamics import saving, simulate_several, stability
from ratiogan.errors import InputError

NAGARAJAN_KOLTER = ("I realisable", "II curvature", "III rank")


def held(found):
    return {item.name: item.holds for item in found.assumptions}


def row(found, method):
    return next(item for item in found.methods if item.method == method)


# --- cli.md --------------------------------------------------------------------------------------


def test_the_numbers_of_the_specification():
    found = stability("dirac:loss=gan,reg=r1,gamma=0.5", alpha=0.2)
    assert found.finding == (
        "EXPONENTIALLY STABLE at (0, 0): both eigenvalues have real part -0.25; simultaneous steps "
        "converge for alpha < 2."
    )
    np.testing.assert_array_equal(found.jacobian, [[0, -0.5], [0.5, -0.5]])
    expected = -0.25 + np.array([1j, -1j]) * math.sqrt(3) / 4
    np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-14)
    assert found.residual == 0 and found.agreement["complex step"] < 1e-15
    printed = {
        "simultaneous": (0.953939, 2.000, 1.000, 0.866025),
        "alternating": (0.948683, math.sqrt(20) - 2, 2.0, 0.0),
        "extragradient": (0.948209, 2.931142, 2.0, 0.0),
    }
    for method, numbers in printed.items():
        item = row(found, method)
        limits = (item.radius, item.largest_alpha, item.best_alpha, item.best_radius)
        np.testing.assert_allclose(limits, numbers, atol=5e-7)
        np.testing.assert_allclose(item.measured, item.radius, rtol=1e-10)
    flow = row(found, "flow")
    np.testing.assert_allclose([flow.rate, flow.measured], -0.25, rtol=1e-6)
    assert flow.cells()[-1] == "exp(-0.2500 t)"
    expected = (True, False, True, False, True)
    names = (*NAGARAJAN_KOLTER, "subspace", "linear in G")
    assert held(found) == dict(zip(names, expected, strict=True))
    assert found.theorem.endswith("the penalty supplies the damping.")


def test_the_trajectories_of_the_specification():
    methods = ["simultaneous", "alternating", "extragradient"]
    found = simulate_several("bilinear", methods, alpha=0.2)
    growing, cycling, shrinking = found.trajectories
    assert [run.status for run in found.trajectories] == ["unstable", "cycle", "converging"]
    factors = [math.sqrt(1.04), 1.0, math.sqrt(0.96**2 + 0.04)]
    for run, factor, end in zip(found.trajectories, factors, (1.8e4, 0.99, 5.6e-5), strict=True):
        np.testing.assert_allclose(run.factor_predicted, factor, rtol=1e-13)
        np.testing.assert_allclose(run.factor_measured, factor, rtol=1e-12)
        np.testing.assert_allclose(run.end_over_start, end, rtol=0.01)
        assert run.as_predicted and run.n_steps == 500
    assert cycling.conserved == "x^2+y^2-alpha x y" and cycling.drift < 1e-14
    assert growing.conserved == shrinking.conserved == "nothing"
    assert growing.cells()[4:6] == ("1.0198039", "1.0198039")
    assert shrinking.cells()[4:6] == ("0.9806121", "0.9806121")


# --- verdicts and theorems -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, verdict, theorem, assumptions",
    [
        ("linear-quadratic", "exponentially stable", "assumptions I to III hold", (1, 1, 1)),
        ("linear-pair", "exponentially stable", "assumptions I to III hold", (1, 1, 1)),
        ("linear-quadratic:f=linear", "marginal", "does not decide", (1, 0, 1)),
        ("linear-pair:f=linear", "marginal", "does not decide", (1, 0, 1)),
        ("dirac", "marginal", "the flow conserves theta^2 + psi^2, so its orbits close", (1, 0, 1)),
        ("dirac:loss=non-saturating", "marginal", "does not decide", (1, 0, 1)),
        ("dirac:reg=r1", "exponentially stable", "the penalty supplies the damping", (1, 0, 1)),
        ("dirac:reg=noise", "exponentially stable", "the noise supplies", (1, 0, 1)),
        ("dirac:reg=consensus", "exponentially stable", "the penalty supplies", (1, 0, 1)),
        ("dirac:reg=gradient-norm", "exponentially stable", "K - 2 eta P P^T < 0", (1, 0, 1)),
        ("dirac:reg=clip", "marginal", "does not decide", (1, 0, 1)),
        ("uniform-wgan", "marginal", "the flow conserves w^2 + a^2/2 - log|a|", (1, 0, 1)),
        ("uniform-wgan:eta=0.5", "exponentially stable", "K - 2 eta P P^T < 0", (1, 0, 1)),
        ("bilinear", "marginal", "the flow conserves x^2 + y^2", (None, 0, 1)),
        ("bilinear:matrix=1/2,rows=1", "marginal", "the flow conserves", (None, 0, 1)),
        ("bilinear:matrix=1/2,rows=2", "marginal", "the flow conserves", (None, 0, 0)),
    ],
)
def test_verdict_theorem_and_assumptions(spec, verdict, theorem, assumptions):
    found = stability(spec, methods=["simultaneous"])
    assert found.verdict == verdict
    assert theorem in found.theorem
    names = held(found)
    assert tuple(names[name] for name in NAGARAJAN_KOLTER) == assumptions
    assert found.verdict.upper().split()[0] in found.finding
    assert names["linear in G"] is (None if "non-saturating" in spec else True)


def test_a_saddle_is_unstable_and_says_by_how_much():
    found = stability(lambda z: np.array([z[0], -2 * z[1]]), methods=["simultaneous", "implicit"])
    assert found.verdict == "unstable" and "an eigenvalue has real part 1;" in found.finding
    assert found.theorem.startswith("Linearization theorem: an eigenvalue with positive real part")
    np.testing.assert_allclose(found.eigenvalues, [1, -2], atol=1e-9)
    assert row(found, "simultaneous").largest_alpha == 0.0


def test_a_line_of_equilibria_is_set_aside():
    found = stability(lambda z: np.array([z[1] - z[0], z[0] - z[1]]), point=[1.0, 1.0])
    assert found.verdict == "stable modulo equilibria" and found.neutral == 1
    assert "modulo a line of equilibria: all other eigenvalues have real part -2" in found.finding
    # On the rest, -2: simultaneous steps converge up to 1, best 1/2.
    item = row(found, "simultaneous")
    np.testing.assert_allclose([item.largest_alpha, item.best_alpha], [1, 0.5], rtol=1e-8)


def test_a_marginal_point_names_the_pair_on_the_imaginary_axis():
    # +-i, and -1 +- 5 i, which turns faster but is damped
    own = dynamics.field(
        lambda z: np.array([-z[2], -z[1] - 5 * z[3], z[0], 5 * z[1] - z[3]]), start=np.ones(4)
    )
    found = stability(own)
    assert found.verdict == "marginal"
    assert "eigenvalues such as +-1i, on the imaginary axis" in found.finding


def test_regularising_a_field_by_hand_keeps_the_game_without_it():
    found = stability(dynamics.uniform_wgan().regularised(eta=0.5))
    same = stability("uniform-wgan:eta=0.5")
    assert held(found) == held(same) and found.theorem == same.theorem
    assert found.finding == same.finding and found.field.conserved is None
    assert [round(at, 9) for at, _ in found.path.critical] == [1.5]


# --- what is refused -----------------------------------------------------------------------------


def test_a_point_that_is_no_equilibrium_is_refused_with_its_residual():
    # |v| = sqrt(2)/(1 + e)
    with pytest.raises(InputError, match=r"\(1, 1\) is no equilibrium of dirac.* is 0.38 there"):
        stability("dirac", point=[1.0, 1.0])
    with pytest.raises(InputError, match=r"Known: \(1, 0\); \(-1, 0\)"):
        stability("uniform-wgan", point=[1.01, 0.0])
    # A rounded one is taken for what it was.
    assert stability("uniform-wgan", point=[1.0001, 0.0]).point == pytest.approx([1.0, 0.0])
    with pytest.raises(InputError, match="point must have 2 numbers"):
        stability("dirac", point=[0.0])


def test_a_kink_has_no_jacobian():
    spec = "dirac:loss=wgan,reg=gp"
    with pytest.raises(InputError, match=r"has a kink at psi = 0.*only trajectories"):
        stability(spec)
    # Without weight, or without a slope to reach, there is no kink.
    assert stability(f"{spec},gamma=0").verdict == "marginal"
    smooth, r1 = (
        stability(f"{spec},gamma=0.5,target=0"),
        stability("dirac:loss=wgan,reg=r1,gamma=0.5"),
    )
    np.testing.assert_array_equal(smooth.jacobian, r1.jacobian)


def test_a_field_without_equilibrium_says_so():
    with pytest.raises(InputError, match="no equilibrium of drift was found near its start"):
        stability(dynamics.field(lambda z: np.array([1.0 + z[1] ** 2, 1.0]), name="drift"))


def test_an_equilibrium_that_is_not_known_is_searched_for():
    found = stability(lambda z: np.array([1 - z[1] - 0.1 * z[0], z[0] - 2]))
    np.testing.assert_allclose(found.point, [2.0, 0.8], rtol=1e-9)
    np.testing.assert_allclose(found.eigenvalues.real, -0.05, rtol=1e-7)


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, sweep, critical",
    [
        ("uniform-wgan", None, 1.5),
        ("uniform-wgan:eta=0.5", None, 1.5),
        ("uniform-wgan", ("eta", [0, 1, 4]), 1.5),
        ("dirac:reg=r1,gamma=0.5", None, 1.0),
        ("dirac:loss=wgan,reg=r2,gamma=1", None, 2.0),
        ("dirac:reg=gradient-norm,eta=1", None, 2.0),
        ("dirac:loss=wgan,reg=gradient-norm,eta=0.3", None, 1.0),
        ("dirac:reg=noise,sigma=1", None, math.sqrt(2)),  # |f''| s^2 = f'
        ("dirac", ("eta", [0, 5]), 2.0),
    ],
)
def test_a_pair_becomes_real_at_the_critical_value(spec, sweep, critical):
    path = stability(spec, sweep=sweep, methods=["simultaneous"]).path
    assert [what for _, what in path.critical] == ["a pair becomes real"]
    np.testing.assert_allclose(path.critical[0][0], critical, rtol=1e-11)
    # Continuous: neighbours differ by what a square root does over one step.
    steps = np.abs(np.diff(path.eigenvalues, axis=0)).max()
    assert steps < 3 * math.sqrt(np.diff(path.values).max())
    if sweep is not None:
        assert np.isin(sweep[1], path.values).all()


def test_sweeping_what_a_field_does_not_use_is_refused():
    with pytest.raises(InputError, match="gamma plays no part in dirac with reg=none"):
        stability("dirac", sweep=("gamma", [0.5, 1.0]))
    with pytest.raises(InputError, match='has no parameter "gamma"'):
        stability("uniform-wgan", sweep=("gamma", [0.5, 1.0]))


# --- measured against predicted ------------------------------------------------------------------

METHODS = (
    *("flow", "simultaneous", "alternating", "alternating:first=disc", "implicit"),
    *("extragradient", "optimistic", "momentum:beta=-0.3", "momentum:beta=0.2,order=alternating"),
    *("consensus:gamma=0.5", "regularised", "two-time-scale:ratio=3"),
)


@pytest.mark.parametrize(
    "spec",
    [
        *("dirac:reg=r1,gamma=0.5", "dirac", "linear-quadratic", "linear-quadratic:f=exponential"),
        *("uniform-wgan", "uniform-wgan:eta=0.5", "linear-pair", "dirac:loss=non-saturating"),
        *("bilinear", "bilinear:matrix=1/-2/0.5/0/3/1.5,rows=2"),
    ],
)
def test_measured_is_predicted_for_every_method(spec):
    for item in stability(spec, methods=METHODS, alpha=0.1).methods:
        if item.rate is not None:
            # Runs start 2e-5 off, where terms of second order are a few 1e-5 of the first.
            np.testing.assert_allclose(item.measured, item.rate, rtol=1e-4, atol=1e-6)
        elif item.radius < 1.05:  # above, the run soon leaves where it is linear
            np.testing.assert_allclose(item.measured, item.radius, rtol=1e-5)


# --- text, JSON, files ---------------------------------------------------------------------------

SHOWN = (
    *("uniform-wgan:eta=0.5", "dirac:reg=clip", "bilinear:matrix=1/-2/0.5/0/3/1.5,rows=2"),
    "linear-quadratic:f=linear,mean=0.123456789,sd=1.23456789",
)


@pytest.mark.parametrize("spec", SHOWN)
def test_records_are_plain_text_and_strict_json(spec):
    analysed = stability(spec, methods=METHODS[1:] if "clip" in spec else METHODS)
    simulated = simulate_several(spec, METHODS[1:], max_steps=40)
    for record in (analysed, simulated):
        text = record.summary()
        assert text.isascii() and max(map(len, text.split("\n"))) <= 120
        assert record.finding.isascii() and record.finding.endswith(".")
        again = json.loads(json.dumps(record.to_dict(), allow_nan=False))
        assert again == record.to_dict()
    assert len(analysed.to_dict()["methods"]) == len(analysed.methods)


def test_wide_tables_are_broken():
    methods = [
        "alternating:first=disc",
        "momentum:beta_gen=0.25,beta_disc=-0.125,order=alternating",
    ]
    found = simulate_several("bilinear", methods, alpha_gen=0.2, alpha_disc=0.1)
    lines = found.summary().split("\n")
    assert max(map(len, lines)) <= 120
    assert "      conserved: x^2/alpha_gen+y^2/alpha_disc+x y, drift" in found.summary()
    assert all(f"  {method}" in lines for method in methods)
    matrix = np.random.default_rng(0).normal(size=(4, 4)) * 1e-3
    text = stability(dynamics.bilinear(matrix)).summary()
    assert max(map(len, text.split("\n"))) <= 120


def test_json_of_what_is_not_finite():
    runs = simulate_several("uniform-wgan", ["simultaneous", "implicit"], alpha=10.0)
    assert runs.trajectories[0].status == "diverged"
    json.dumps(runs.to_dict(), allow_nan=False)
    json.dumps(stability("bilinear", methods=["implicit"]).to_dict(), allow_nan=False)


@pytest.mark.parametrize("field", ["dirac:loss=wgan,reg=gp", "uniform-wgan", "file"])
def test_a_record_is_read_back_from_its_file(field, tmp_path):
    if field == "file":
        (tmp_path / "mine.py").write_text("def turn(z):\n    return -z[1], z[0]\n")
        field = f"{tmp_path / 'mine.py'}:turn"
    methods = ["simultaneous", "momentum:beta=-0.5,order=alternating", "flow"]
    made = simulate_several(field, methods, max_steps=30, sweep=("alpha", [0.1, 0.3]))
    saving.save(made, tmp_path, ["ratiogan", "dynamics"])
    found = ratiogan.load(tmp_path / "run.npz")
    assert found.finding == made.finding and found.sweep == "alpha"
    assert found.summary() == made.summary() and found.to_dict() == made.to_dict()
    for one, other in zip(found.trajectories, made.trajectories, strict=True):
        for name in ("steps", "states", "distance", "multipliers"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.field.spec == other.field.spec and one.label == other.label


def test_a_diverged_record_is_read_back_too(tmp_path):
    made = simulate_several("uniform-wgan", ["simultaneous"], alpha=10.0)
    saving.save(made, tmp_path / "run.npz")
    found = ratiogan.load(tmp_path / "run.npz")
    assert found.summary() == made.summary() and found.to_dict() == made.to_dict()
