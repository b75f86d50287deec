"""A batch of training runs is its rows: the same bytes as every run alone, on any threads."""

import signal

import numpy as np
import pytest

from ratiogan import presets
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import Game
from ratiogan.solvers.team import Team
from ratiogan.solvers.training import training
from ratiogan.solvers.training_batch import training_batch
from tests.test_batch import assert_same, random_pairs

SMALL = {"grid": 48, "max_steps": 300}

# What each row of a batch has of its own; every kind of row that has a compiled turn.
BATCHES = {
    "rates": {"alpha_gen": [1e-5, 1e-3, 1e-2, 0.3], "alpha_disc": [0.01, 0.1, 1.0, 0.01]},
    "updates": {"disc_steps": [1, 2, 5, 20], "gen_steps": [2, 1, 1, 3]},
    "minibatches": {"batch": [1, 16, "exact", 64], "data": [None, 50, 20, None]},
    "games": {"game": ["minimax", "least-squares:a=-1,b=1,c=0", "logit", "non-saturating"]},
    "seeds": {"rng": [0, 1, np.random.default_rng(2)]},
    "rules": {"optimizer": ["sgd", "adam", "rmsprop"], "inner_product": ["euclidean"] * 3},
    "capacity": {"disc_cells": [None, 4, 12], "gen_cells": [6, None, (3,)]},
    "score": {"gradient": ["score", "exact"], "baseline": ["leave-one-out", "none"]},
    "ends": {"max_steps": [1, 70, 400], "tol": [0.0, 0.05, 0.0], "alpha_gen": [0.01] * 3},
    "kinds": {"family": ["ratio", "logits"], "batch": ["exact", "exact"]},
}


def alone(values, row, **common):
    """The same run by `training`."""
    return training(**{**common, **{name: value[row] for name, value in values.items()}})


def assert_all_same(runs, values, **common):
    assert len(runs) == len(next(iter(values.values())))
    for row, run in enumerate(runs):
        single = alone(values, row, **common)
        assert_same(run, single)
        assert run.snapshot_steps.tolist() == single.snapshot_steps.tolist()
        assert run.snapshots.tobytes() == single.snapshots.tobytes()
        assert run.seed == single.seed and run.notes == single.notes


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("name", BATCHES)
def test_rows_are_the_single_runs(name, threads):
    values = BATCHES[name]
    runs = training_batch(threads=threads, **{**SMALL, **values})
    assert_all_same(runs, values, **{k: v for k, v in SMALL.items() if k not in values})


def test_more_threads_than_rows_and_more_rows_than_threads():
    values = {"alpha_gen": [1e-4 * 2**k for k in range(7)]}
    expected = training_batch(threads=1, **SMALL, **values)
    for threads in (3, 16):
        for one, other in zip(
            training_batch(threads=threads, **SMALL, **values), expected, strict=True
        ):
            assert_same(one, other)


def test_rows_that_are_not_compiled():
    own = Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
    values = {
        "game": [own, "minimax", "non-saturating"],
        "disc_smooth": [0.0, 0.3, 0.0],
        "gen_smooth": [0.0, 0.0, 0.2],
    }
    common = {"grid": 32, "max_steps": 40}
    assert_all_same(training_batch(threads=2, **common, **values), values, **common)


def test_starts_references_and_records():
    reals, gens = random_pairs(3)
    values = {"real": reals, "gen": gens}
    for record, snapshots in (("log", True), (50, True), ("all", True)):
        common = {"max_steps": 120, "record": record, "snapshots": snapshots}
        assert_all_same(training_batch(**common, **values), values, **common)
    runs = training_batch(grid=48, max_steps=5, snapshots=False)
    assert len(runs) == 1 and runs[0].snapshots.size == 0
    sizes = training_batch(grid=[16, 48, 16], max_steps=5)
    assert [run.ratio.size for run in sizes] == [16, 48, 16]
    assert sizes[0].real is sizes[2].real  # a problem is read once


def test_tuples_are_one_value_per_axis():
    grid = presets.problem("ring8", "ring8:drop=4", grid=(8, 8))
    runs = training_batch(*grid, disc_cells=(2, 4), alpha_gen=[0.01, 0.02], max_steps=20)
    assert [run.options["disc_cells"] for run in runs] == ["2x4", "2x4"]
    runs = training_batch(*grid, disc_cells=[2, (2, 4)], max_steps=20)
    assert [run.options["disc_cells"] for run in runs] == ["2x2", "2x4"]


def test_tuples_and_arrays_of_two_dimensions_are_one_value():
    plane = {"real": "ring8", "gen": "ring8:drop=4", "max_steps": 3}
    runs = training_batch(grid=(8, 6), domain=((-4, 4), (-4, 4)), alpha_gen=[1e-3, 1e-2], **plane)
    assert [run.ratio.shape for run in runs] == [(8, 6)] * 2
    assert runs[0].real is runs[1].real
    runs = training_batch(grid=16, domain=([-5, 5],), alpha_gen=[1e-3, 1e-2], max_steps=3)
    assert [float(run.grid.edges[0][0]) for run in runs] == [-5.0, -5.0]
    samples = {"family": "particles", "discriminator": "kde", "max_steps": 3}
    places = np.linspace(-1, 1, 20)[:, None]
    runs = training_batch(grid=16, particles=places, **samples)
    assert len(runs) == 1 and runs[0].particles.shape == (20, 1)
    runs = training_batch(
        "ring8", "ring8:drop=4", grid=(8, 8), bandwidth=(0.8, 0.9), particles=30, **samples
    )
    assert len(runs) == 1 and runs[0].options["bandwidth"] is not None


def test_one_generator_gives_every_row_the_same_numbers():
    rng = np.random.default_rng(5)
    before = rng.bit_generator.state
    runs = training_batch(rng=rng, alpha_gen=[1e-3, 1e-3], **SMALL)
    assert runs[0].ratio.tobytes() == runs[1].ratio.tobytes()
    assert rng.bit_generator.state == before
    assert not np.shares_memory(runs[0].ratio, runs[1].ratio)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha_gen": []}, "equally long and not empty: alpha_gen has 0"),
        ({"alpha_gen": [1, 2], "batch": [8] * 3}, "alpha_gen has 2, batch has 3"),
        ({"alpha_gen": [1.0, -1.0]}, "alpha_gen must be at least 0, got -1"),
        ({"game": ["minimax", "minmax"]}, "Nearest: minimax"),
        ({"threads": 0}, "threads must be"),
        ({"record": "none"}, "record must be"),
    ],
)
def test_input_is_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        training_batch(grid=16, max_steps=2, **arguments)


def test_mass_where_there_is_none_of_p_r():
    with pytest.raises(SingularMassError, match="% of the generator's mass"):
        training_batch("disjoint:side=left", "uniform", grid=32, alpha_gen=[1e-3, 1e-2])


def test_progress_counts_the_steps_of_all_rows():
    seen = []
    training_batch(
        grid=256,
        alpha_gen=[1e-4, 1e-3, 1e-3],
        disc_steps=20,
        max_steps=2000,
        threads=2,
        progress=lambda *told: seen.append(told),
    )
    assert seen, "the run takes longer than the time between two reports"
    steps, most, errors, rates, seconds = zip(*seen, strict=True)
    assert list(steps) == sorted(steps) and steps[-1] <= 6000 == most[0]
    assert np.all(np.diff(seconds) > 0) and np.isnan(rates).all() and min(errors) > 0


@pytest.mark.parametrize("threads", (1, 2))
def test_ctrl_c_keeps_what_every_row_has(threads):
    def press(*told):
        signal.raise_signal(signal.SIGINT)

    # A short row is finished long before the first report.
    most = [10, 10**7, 10**7]
    runs = training_batch(grid=64, max_steps=most, threads=threads, progress=press)
    assert [run.status.value for run in runs[1:]] == ["interrupted"] * 2
    assert runs[0].n_steps == 10 and runs[0].status.value != "interrupted"
    for run in runs:
        assert run.trace.step[-1] == run.n_steps < 10**7
        assert abs(run.real.mass @ run.ratio - 1.0) < 1e-12


def test_an_error_in_one_thread_ends_the_others():
    def fail(*told):
        raise RuntimeError("my own progress failed")

    with pytest.raises(RuntimeError, match="my own"):
        training_batch(grid=64, alpha_gen=[1e-4] * 4, max_steps=10**7, threads=2, progress=fail)


def test_a_team_calls_each_of_its_threads_once():
    calls = []
    Team(3).in_each(lambda: calls.append(1), 2)
    assert len(calls) == 2
    Team(1).in_each(lambda: calls.append(1), 5)
    assert len(calls) == 3
