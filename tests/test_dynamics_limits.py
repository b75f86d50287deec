"""Where the local analysis has no say, or little: what is said then is true."""

import numpy as np
import pytest

from ratiogan import dynamics
from ratiogan.dynamics import simulate, simulate_batch, simulate_several, stability
from ratiogan.errors import InputError

ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]


def rotated(matrix):
    turned = ROTATION @ np.array(matrix, dtype=float) @ ROTATION.T
    return lambda z: turned @ z


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_starts_are_left_as_they_are(rows, order):
    starts = np.array(np.ones((rows, 2)), order=order)
    starts.flags.writeable = False
    states = simulate_batch("bilinear", starts, max_steps=5)
    np.testing.assert_array_equal(starts, 1.0)
    np.testing.assert_array_equal(states[:, 0], 1.0)


# --- at rest to first order only -----------------------------------------------------------------


def test_a_flat_direction_is_no_line_of_equilibria():
    slow = simulate(lambda z: -1e-4 * z**3, start=(1, 1), max_steps=200)
    assert slow.status == "max-steps" and slow.end_over_start == pytest.approx(0.998, abs=1e-3)
    for power, sign in ((3, -1.0), (3, 1.0), (5, 1.0)):
        found = stability(
            lambda z, p=power, s=sign: (s * z[0] ** p, -z[1]), methods=["simultaneous"]
        )
        assert (found.verdict, found.neutral) == ("marginal", 0)
        assert found.methods[0].largest_alpha == 0.0
    line = stability(lambda z: (0.0 * z[0], -z[1]), methods=["simultaneous"])
    assert (line.verdict, line.neutral) == ("stable modulo equilibria", 1)


def test_a_distance_is_the_distance():
    game = dynamics.matrix_game([[3, -1], [-2, 1]])
    run = simulate(game, method="flow", max_steps=100)
    expected = np.linalg.norm(run.states - run.equilibrium, axis=1)
    np.testing.assert_allclose(run.distance, expected, rtol=1e-12)
    np.testing.assert_allclose(run.distance, run.distance[0], rtol=1e-9)
    dominated = simulate("matrix-game:matrix=1/2/3/4", method="projected-gradient", max_steps=50)
    expected = np.linalg.norm(dominated.states - [0, 1, 1, 0], axis=1)
    np.testing.assert_allclose(dominated.distance, expected, atol=1e-12)
    assert dominated.status == "converged" and dominated.factor_predicted is None


# --- on the boundary of the simplices ------------------------------------------------------------


@pytest.mark.parametrize(
    "game", ["matrix-game:matrix=1/2/3/4", "matrix-game:matrix=3/0/5/1,other=3/5/0/1"]
)
def test_an_equilibrium_on_the_boundary_has_no_jacobian(game):
    with pytest.raises(InputError, match="on the boundary of the simplices"):
        stability(game)
    run = simulate(game, method="replicator", max_steps=400)
    assert run.status in ("converged", "converging") and run.as_predicted


def test_a_vertex_is_at_rest_and_no_equilibrium():
    run = simulate("rps", (1, 0, 0, 0, 1, 0), "replicator")
    assert run.status == "stalled" and "at no known equilibrium" in run.finding
    with pytest.raises(InputError, match=r"the gain of best responses is 1\.4"):
        stability("rps", (0.8, 0.1, 0.1, 0.1, 0.8, 0.1))
    with pytest.raises(InputError, match="leaves the simplices at step"):
        simulate("rps", (0.9, 0.05, 0.05, 0.05, 0.9, 0.05), "flow")


@pytest.mark.parametrize("method", ["fictitious-play", "best-response"])
def test_jumps_have_no_linear_map(method):
    with pytest.raises(InputError, match="no step size"):
        stability("rps", methods=[method])


def test_the_replicator_has_eigenvalues_of_its_own():
    found = stability("rps", methods=["replicator"])
    assert found.notes == (
        "The eigenvalues above are those of the projected gradient; the replicator's are 0.5774i, "
        "-0.5774i.",
    )
    uneven = simulate("rps", method="replicator", alpha_gen=0.1, alpha_disc=0.3)
    assert uneven.conserved == "nothing"


# --- small steps, large steps --------------------------------------------------------------------


def test_limits_of_weak_damping():
    for gamma in (1e-2, 1e-4):
        found = stability(f"dirac:reg=r1,gamma={gamma}", methods=["simultaneous"])
        # |1 + alpha lambda| < 1 iff alpha < -2 Re lambda/|lambda|^2 = gamma/(1/4)
        assert found.verdict == "exponentially stable"
        assert found.methods[0].largest_alpha == pytest.approx(4 * gamma, rel=1e-6)
    far = stability("bilinear:matrix=1/0/0/0.00001", methods=["extragradient"])
    assert far.methods[0].largest_alpha == pytest.approx(1.0, rel=1e-9)


def test_a_conserved_form_that_is_not_definite_holds_nothing():
    assert simulate("bilinear", method="alternating", alpha=2.1, max_steps=10).status == "unstable"
    jordan = simulate("bilinear", (1, 0.5), "alternating", alpha=2.0, max_steps=100)
    assert jordan.status == "unstable" and jordan.end_over_start > 100


def test_a_part_of_a_turn_shows_nothing():
    run = simulate(
        "matrix-game", (0.55, 0.45, 0.5, 0.5), "two-time-scale:ratio=2", 0.01, max_steps=100
    )
    assert run.status in ("max-steps", "cycle") and run.end_over_start > 1


# --- eigenvalues within their own errors ---------------------------------------------------------


@pytest.mark.parametrize(
    "velocity",
    [
        lambda z: (-z[1] - 1000 * z[0] ** 3, z[0]),  # a centre
        rotated([[0, -1, 1, 0], [1, 0, 0, 1], [0, 0, 0, -1], [0, 0, 1, 0]]),  # +-i, defective
        rotated(np.diag([1, 1, 1], 1)),  # nilpotent
    ],
    ids=["centre", "defective", "nilpotent"],
)
def test_what_lies_on_the_axis_is_marginal(velocity):
    n = 2 if np.size(velocity(np.ones(4))) == 2 else 4
    found = stability(velocity, point=np.zeros(n), methods=["simultaneous"])
    assert found.verdict == "marginal"


def test_small_fields_are_judged_by_their_own_size():
    with pytest.raises(InputError, match=r"\(0.5, 0.5\) is no equilibrium"):
        stability("bilinear:matrix=1e-10", point=(0.5, 0.5))
    tiny = stability("bilinear:matrix=1e-10")
    assert (tiny.verdict, tiny.neutral) == ("marginal", 0)
    assert "nothing moves nearby" in stability("bilinear:matrix=0").finding


# --- what cannot be asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stability("dirac", sweep=("loss", ["gan", "wgan"])), "must be a number"),
        (lambda: simulate_several("bilinear", ["no"], sweep=("beta", [1])), 'no method "no"'),
        (lambda: simulate("dirac:gamma=2"), "gamma plays no part in dirac with reg=none"),
        (lambda: simulate("dirac", method="two-time-scale", alpha_disc=0.1), "times ratio"),
        (lambda: stability(dynamics.nonparametric("cw:c=0.3")), "on the bound where updates"),
        (lambda: simulate(lambda z: z[5], start=(1, 2)), "failed at .*IndexError"),
    ],
)
def test_refused_in_one_sentence(call, said):
    with pytest.raises(InputError, match=said):
        call()
