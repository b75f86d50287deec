"""Alternating minimization: linear in R, so it jumps from one extreme point to another.

The naive twin minimises sum w R u(f*) over the extreme points of {R >= 0, E[R] = 1} one by one.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import norm

from ratiogan import presets
from ratiogan.catalogue import GAME_ROWS
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import game as make_game
from ratiogan.grid import Grid
from ratiogan.solvers.alternating import Alternating, alternating
from ratiogan.solvers.glgd import GLGD

PEARSON = "least-squares:a=-1,b=1,c=0"
RISING = tuple(row for row in GAME_ROWS if make_game(row).convex)  # u grows with R
SMOOTH = tuple(row for row in RISING if not make_game(row).has_kink)


def two_on(grid, real, gen):
    return Distribution.from_mass(real, grid), Distribution.from_mass(gen, grid)


def random_pair(seed, n=20):
    rng = np.random.default_rng(seed)
    return two_on(Grid.regular(n, 0, 1), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n)))


# --- the default problem -------------------------------------------------------------------------


def test_the_default_run_prints_the_specified_digits():
    solution = alternating()
    lines = [line.split() for line in solution.summary().splitlines()]
    table = [
        "0 (spread out) 0.7706 1 0.0908 631.0 1.024",
        "1 y = -2.277 1.0000 1023 0.6877 1.0 6.543",
        "2 y = 2.809 1.0000 1023 0.6917 1.0 8.078",
        "3 y = 1.090 1.0000 1023 0.6875 1.0 6.502",
        "4 y = 0.082 1.0000 1023 0.6912 1.0 7.737",
        "cells in use after one step 1 1.000",
        "next point avoids the present one always 12 of 12 steps",
        "R = 1 is reached never never in 12 steps",
    ]
    for row in table:
        assert row.split() in lines, row
    assert solution.finding == (
        "COLLAPSED at step 1: all generator mass is in 1 of 1024 cells (y = -2.277, where R was "
        "smallest), and from then on it hops: 12 steps, 12 different cells, JSD between 0.6839 "
        "and 0.6930 of log 2 = 0.6931."
    )
    assert solution.status.value == "hopping" and solution.as_predicted and solution.seed == 0


def test_the_columns_of_the_default_run_from_the_definitions():
    solution = alternating()
    edges = np.linspace(-4, 4, 1025)
    real = 0.6 * np.diff(norm.cdf(edges, -1.5, 0.7)) + 0.4 * np.diff(norm.cdf(edges, 1.5, 0.7))
    gen = np.diff(norm.cdf(edges, 0, 1.2))
    real, gen = real / real.sum(), gen / gen.sum()
    centres = 0.5 * (edges[1:] + edges[:-1])
    trace = solution.trace
    assert trace.cell[1] == np.argmin(gen / real)
    for k in range(13):
        c = trace.cell[k]
        p = gen if k == 0 else np.eye(1024)[c]
        r = p / real
        kept = p > 0
        m = 0.5 * (p + real)
        js = 0.5 * np.sum(p[kept] * np.log(p[kept] / m[kept])) + 0.5 * real @ np.log(real / m)
        assert abs(trace.js[k] - js) < 1e-12
        support = math.exp(-np.sum(p[kept] * np.log(p[kept])))
        assert abs(trace.effective_support[k] - support) < 1e-9
        assert abs(trace.g[k] - np.sum(p[kept] * np.log1p(r[kept]))) < 1e-12
        assert abs(trace.max_discriminator[k] - (1 / (1 + r)).max()) < 1e-14
        assert trace.ties[k] == (1 if k == 0 else 1023)
        if k:
            assert trace.position_0[k] == centres[c]


def test_glgd_beside_it_is_glgd():
    contrast = alternating(grid=64).trace.glgd_effective_support
    solver = GLGD(grid=64)
    own = [solver.measure()["effective_support"] for _ in solver.iter_states(12)]
    np.testing.assert_array_equal(contrast, own)


# --- each turn against the definition ------------------------------------------------------------


@pytest.mark.parametrize("spec", (*RISING, PEARSON))
@pytest.mark.parametrize("ties", ("first", "random"))
def test_every_turn_of_the_generator_minimises_its_linear_loss(spec, ties):
    game = make_game(spec)
    solver = Alternating(*random_pair(3), game=spec, ties=ties)
    w = solver.masses
    before = None
    for step, r in solver.iter_states(8):
        if step:
            assert np.count_nonzero(r) == 1 and abs(w @ r - 1.0) < 1e-15
            u = game.signal(before)
            # E[R u] at the extreme point e_i/w_i is u_i.
            assert u[np.argmax(r)] == u.min()
            if ties == "first":
                assert np.argmax(r) == np.argmin(u)
        before = r
    assert step == 8


@pytest.mark.parametrize("seed", range(3))
def test_the_first_turn_is_what_a_linear_programme_finds(seed):
    real, gen = random_pair(seed, n=12)
    r = gen.mass / real.mass
    found = linprog(real.mass * np.log1p(r), A_eq=real.mass[None], b_eq=[1.0])
    solution = alternating(real, gen, max_steps=1)
    np.testing.assert_allclose(solution.ratio, found.x, atol=1e-9)


def test_split_shares_the_mass_in_proportion_to_the_reference():
    real, gen = two_on(Grid.regular(4, 0, 1), [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.4, 0.3])
    states = [r for _, r in Alternating(real, gen, ties="split").iter_states(2)]
    np.testing.assert_allclose(states[1], [0, 0, 0, 2.5])
    np.testing.assert_allclose(states[2], [1 / 0.6, 1 / 0.6, 1 / 0.6, 0])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.integers(2, 30),
    st.sampled_from(("first", "random", "split")),
    st.sampled_from((*RISING, PEARSON)),
)
def test_the_mass_is_kept_and_the_collapse_is_complete(seed, n, ties, spec):
    solution = alternating(*random_pair(seed, n), spec, ties, max_steps=6, rng=seed)
    w = solution.real.mass
    assert np.all(np.abs(solution.snapshots @ w - 1.0) < 1e-12)
    assert np.all(solution.snapshots >= 0)
    if ties != "split":
        assert np.all(np.abs(solution.trace.effective_support[1:] - 1.0) < 1e-12)
        assert np.all(solution.trace.cell[1:] >= 0)
    assert solution.as_predicted and solution.n_steps == 6
    assert np.all(solution.trace.max_error > 1e-9)  # R = 1 is never reached


# --- the tie rules -------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SMOOTH)
def test_first_falls_into_a_two_cycle_of_cells(spec):
    solution = alternating(game=spec, ties="first", grid=64)
    cells = solution.trace.cell
    assert solution.status.value == "cycle" and "2-cycle of two cells" in solution.finding
    np.testing.assert_array_equal(cells[4:], cells[2:-2])
    assert set(cells[2:].tolist()) == {0, 1} or 0 in cells[2:]


def test_random_wanders_by_its_seed():
    runs = {seed: alternating(grid=64, rng=seed).trace.cell.tolist() for seed in (0, 1, 2)}
    assert runs[0] != runs[1] != runs[2]
    assert alternating(grid=64, rng=0).trace.cell.tolist() == runs[0]
    assert alternating(grid=64, rng=np.random.default_rng(1)).trace.cell.tolist() == runs[1]
    assert alternating(grid=64, rng=1).seed == 1
    assert alternating(grid=64, rng=np.random.default_rng(1)).seed is None


@pytest.mark.parametrize("spec", RISING)
def test_the_next_point_avoids_the_present_one(spec):
    solution = alternating(game=spec, grid=64, max_steps=40)
    assert np.all(np.diff(solution.trace.cell) != 0)
    row = {p.name: p for p in solution.predictions}["next point avoids the present one"]
    assert row.measured == "40 of 40 steps"


@pytest.mark.parametrize("spec", (*GAME_ROWS, PEARSON))
def test_only_split_leaves_one_alone(spec):
    same = presets.preset("normal", 50)
    for ties in ("first", "random", "split"):
        solution = alternating(same, same, game=spec, ties=ties)
        row = {p.name: p for p in solution.predictions}["from R = 1"]
        if ties == "split":
            assert np.all(solution.trace.max_error < 1e-12)
            assert solution.status.value == "converged"
            assert solution.finding.startswith("STAYED AT R = 1: all 50 cells tie")
            assert row.predicted == row.measured == "stays there"
        else:
            assert solution.trace.max_error[1] > 1
            assert row.predicted == row.measured == "leaves at step 1"


@pytest.mark.parametrize("spec", SMOOTH)
def test_split_alternates_between_one_cell_and_all_others(spec):
    solution = alternating(game=spec, ties="split", grid=64)
    support = solution.trace.effective_support[1:]
    assert np.all(np.abs(support[::2] - 1.0) < 1e-12) and np.all(support[1::2] > 30)
    np.testing.assert_array_equal(solution.snapshots[1], solution.snapshots[3])
    np.testing.assert_array_equal(solution.snapshots[2], solution.snapshots[4])
    assert solution.status.value == "cycle" and "split alternates between 1 and" in solution.finding


@pytest.mark.parametrize("ties", ("first", "random", "split"))
def test_least_squares_with_codes_around_the_target_stays_where_it_collapsed(ties):
    real, gen = presets.problem(grid=200)
    nearest = int(np.argmin(((1 - gen.mass / real.mass) / (1 + gen.mass / real.mass)) ** 2))
    solution = alternating(real, gen, game=PEARSON, ties=ties)
    assert set(solution.trace.cell[1:].tolist()) == {nearest}
    assert solution.status.value == "collapsed" and solution.as_predicted
    assert "where R was nearest 1), and stays there for 12 steps" in solution.finding


def test_a_game_with_a_step_says_that_many_cells_tied():
    solution = alternating(game="hinge", grid=64)
    below = int(np.sum(solution.snapshots[0] < 1))
    assert solution.trace.ties[0] == below > 1
    assert f"where u was least, as in {below - 1} others" in solution.finding


# --- other grids and inputs ----------------------------------------------------------------------


@pytest.mark.parametrize("ties", ("first", "random", "split"))
def test_two_dimensions(ties):
    real, gen = presets.problem("ring8", "ring8:drop=4", (32, 32))
    solution = alternating(real, gen, ties=ties)
    trace = solution.trace
    single = trace.cell >= 0
    if ties == "split":
        assert solution.status.value == "cycle" and not single.all()
    else:
        assert single[1:].all() and np.all(np.abs(trace.effective_support[1:] - 1) < 1e-12)
    for k in np.flatnonzero(single):
        place = np.unravel_index(trace.cell[k], (32, 32))
        assert trace.position_0[k] == real.grid.centres[0][place[0]]
        assert trace.position_1[k] == real.grid.centres[1][place[1]]
        assert (
            np.argmax(solution.snapshots[list(solution.snapshot_steps).index(k)]) == trace.cell[k]
        )
    assert np.isnan(trace.position_0[~single]).all() and solution.ratio.shape == (32, 32)
    if ties != "split":
        here = np.unravel_index(np.argmin(gen.mass / real.mass), (32, 32))
        x, y = (float(c[i]) for c, i in zip(real.grid.centres, here, strict=True))
        assert f"({x:.3f}, {y:.3f}), where R was smallest" in solution.finding


def test_cells_without_reference_stay_out():
    grid = Grid.regular(4, 0, 1)
    real, gen = two_on(grid, [0.5, 0, 0.25, 0.25], [0.25, 0, 0.5, 0.25])
    solution = alternating(real, gen, ties="first")
    np.testing.assert_array_equal(np.isnan(solution.ratio), [False, True, False, False])
    assert set(solution.trace.cell[1:].tolist()) <= {0, 2, 3} and solution.trace.cell[1] == 0
    singular = two_on(grid, [0.5, 0, 0.25, 0.25], [0.25, 0.5, 0.25, 0])
    with pytest.raises(SingularMassError, match=r"50% of the generator's mass .*cell 1"):
        alternating(*singular)
    restricted = alternating(*singular, singular="restrict")
    assert restricted.gen.restricted == 0.5 and restricted.trace.cell[1] == 3


def test_one_cell_and_two_cells():
    grid = Grid.regular(3, 0, 1)
    one = Distribution.from_mass([0, 1, 0], grid)
    for ties in ("first", "random", "split"):
        solution = alternating(one, one, ties=ties)
        assert solution.status.value == "converged" and solution.as_predicted
    pair = two_on(Grid.regular(2, 0, 1), [1, 3], [1, 1])
    for ties in ("first", "random", "split"):
        solution = alternating(*pair, ties=ties)
        assert solution.status.value == "cycle" and solution.as_predicted
        np.testing.assert_array_equal(solution.trace.cell, [-1] + [1, 0] * 6)


def test_a_single_step_makes_no_claim_about_later_ones():
    for ties in ("first", "random", "split"):
        solution = alternating(max_steps=1, ties=ties, grid=64)
        assert solution.status.value == "collapsed" and solution.n_steps == 1
        assert "stays" not in solution.finding and "hops" not in solution.finding


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"ties": "frist"},
            "ties must be one of first, random, split, got 'frist'. Nearest: first",
        ),
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
        ({"game": "lsgan"}, "Nearest: least-squares"),
        ({"singular": "keep"}, "singular must be one of error, restrict"),
        ({"real": "disjoint", "gen": "disjoint"}, "100% of the generator's mass"),
    ],
)
def test_input_is_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        alternating(**arguments)


def test_every_step_is_recorded_and_kept():
    solution = alternating(grid=32, max_steps=20)
    np.testing.assert_array_equal(solution.trace.step, np.arange(21))
    np.testing.assert_array_equal(solution.snapshot_steps[:9], np.arange(9))
    np.testing.assert_array_equal(solution.snapshots[-1], solution.ratio)
    assert alternating(grid=32, snapshots=False).snapshots.shape == (0, 32)
    np.testing.assert_allclose(solution.discriminator, 1 / (1 + solution.ratio))
    assert solution.certificate["effective_support"] == solution.trace.effective_support[-1]
    assert abs(solution.certificate["mean_ratio"] - 1.0) < 1e-15
