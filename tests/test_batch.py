"""A batch is its rows: the same bytes as every run alone."""

import signal

import numpy as np
import pytest

from ratiogan import presets
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, SingularMassError
from ratiogan.games import Game
from ratiogan.grid import Grid
from ratiogan.solvers.batch import glgd_batch
from ratiogan.solvers.glgd import glgd

GRID = Grid([np.concatenate([[0.0], np.cumsum(np.linspace(0.5, 2.0, 40))])])


def random_pairs(count, seed=0, grid=GRID, spread=1.0):
    rng = np.random.default_rng(seed)
    n = grid.size
    pairs = []
    for _ in range(count):
        w = rng.dirichlet(np.full(n, 3.0))
        r = np.exp(rng.normal(0, spread, n))
        pairs.append([Distribution.from_mass(mass, grid) for mass in (w, w * r)])
    return [list(side) for side in zip(*pairs, strict=True)]


def assert_same(run, alone):
    """Equal in everything that is not time."""
    for name in ("ratio", "discriminator"):
        assert getattr(run, name).tobytes() == getattr(alone, name).tobytes(), name
    assert run.trace == alone.trace
    for name in ("n_steps", "status", "as_predicted", "finding", "predictions", "options"):
        assert getattr(run, name) == getattr(alone, name), name
    assert run.warnings == alone.warnings and run.certificate == alone.certificate


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("geometry", ("reference", "lebesgue", "fisher", "logits"))
def test_many_starts_and_references_are_the_single_runs(geometry, threads):
    reals, gens = random_pairs(5)
    options = {"geometry": geometry, "max_steps": 3000}
    runs = glgd_batch(reals, gens, threads=threads, **options)
    for run, real, gen in zip(runs, reals, gens, strict=True):
        assert_same(run, glgd(real, gen, record="log", snapshots=False, threads=1, **options))


@pytest.mark.parametrize("game", ("non-saturating", "minimax", "least-squares:a=-1,b=1,c=0"))
@pytest.mark.parametrize("record", ("log", "auto", "all", 7))
def test_many_step_sizes_are_the_single_runs(game, record):
    # From gentle to projected, halved, cycling and unstable: the rows part company early.
    alphas = [0.05, 0.7, 1.0, 2.0, 4.5, 40.0]
    (real,), (gen,) = random_pairs(1, spread=2.0)
    runs = glgd_batch(real, gen, game, alpha=alphas, record=record, max_steps=2000)
    statuses = set()
    for run, alpha in zip(runs, alphas, strict=True):
        assert_same(
            run,
            glgd(real, gen, game, alpha=alpha, record=record, snapshots=False, max_steps=2000),
        )
        assert run.options["alpha"] == alpha
        statuses.add(run.status.value)
    if game == "non-saturating":
        assert statuses == {"converged", "cycle"}


def test_one_reference_is_shared_and_a_matrix_of_rows_is_not_mixed_up():
    (real,), (gen,) = random_pairs(1)
    starts = [gen, presets.preset("normal", GRID, mean=20, sd=9), real, gen]
    runs = glgd_batch(real, starts)
    assert [run.gen for run in runs] == starts
    assert runs[2].n_steps == 0
    assert_same(runs[0], glgd(real, gen, record="log", snapshots=False))
    assert runs[0].ratio.tobytes() == runs[3].ratio.tobytes()


def test_rows_of_different_sizes_and_supports():
    holes = np.ones(40)
    holes[3:9] = 0.0
    small = Grid.regular(7, 0, 1)
    reals, gens = random_pairs(2)
    reals += [Distribution.from_mass(reals[0].mass * holes, GRID)]
    gens += [Distribution.from_mass(gens[0].mass * holes, GRID)]
    reals += [Distribution.from_mass(np.ones(7), small)]
    gens += [Distribution.from_mass(np.arange(7.0), small)]
    runs = glgd_batch(reals, gens, game="least-squares")
    for run, real, gen in zip(runs, reals, gens, strict=True):
        assert_same(run, glgd(real, gen, "least-squares", record="log", snapshots=False))
    assert np.isnan(runs[2].ratio[3:9]).all()


def test_games_without_a_kernel():
    own = Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
    reals, gens = random_pairs(2)
    runs = glgd_batch(reals, gens, own, alpha=[0.5, 1.0])
    for run, real, gen, alpha in zip(runs, reals, gens, (0.5, 1.0), strict=True):
        assert_same(run, glgd(real, gen, own, alpha=alpha, record="log", snapshots=False))


def test_specs_and_restriction():
    runs = glgd_batch("bimodal", ["normal", "normal:mean=1", "uniform"], grid=64)
    assert [run.gen.label for run in runs][1] == "normal:mean=1,sd=1.2"
    with pytest.raises(SingularMassError, match="% of the generator's mass"):
        glgd_batch("disjoint", ["disjoint:side=left", "uniform"], grid=64)
    kept = glgd_batch("disjoint:side=left", ["uniform", "normal"], grid=64, singular="restrict")
    assert all(run.gen.restricted > 0 for run in kept)


def test_single_values_make_one_row():
    runs = glgd_batch(grid=32)
    assert len(runs) == 1
    assert_same(runs[0], glgd(grid=32, record="log", snapshots=False))
    arrays = glgd_batch(alpha=np.array([0.5, 1.0]), grid=32)
    assert [run.options["alpha"] for run in arrays] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": []}, "equally long and not empty: alpha has 0"),
        ({"alpha": [1, 2], "gen": ["normal"] * 3}, "gen has 3, alpha has 2. Pass one item per row"),
        ({"alpha": [1.0, -1.0]}, "alpha must be above 0, got -1"),
        ({"alpha": [1.0, float("nan")]}, "alpha must be finite"),
        ({"gen": ["normal", "nromal"]}, "Nearest: normal"),
    ],
)
def test_input_is_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        glgd_batch(grid=16, **arguments)


def test_rows_do_not_share_memory_with_each_other():
    runs = glgd_batch(alpha=[0.5, 0.5], grid=32)
    assert not np.shares_memory(runs[0].ratio, runs[1].ratio)
    assert not runs[0].ratio.flags.writeable


def test_ctrl_c_ends_every_row_with_what_it_has():
    real, gen = presets.problem(grid=512)

    class Pressing(Game):
        """The non-saturating game, whose 30th look at u presses Ctrl-C."""

        looks = 0

        def signal(self, ratio):
            Pressing.looks += 1
            if Pressing.looks == 30:
                signal.raise_signal(signal.SIGINT)
            return np.log1p(ratio)

    own = Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
    pressing = Pressing(**{name: getattr(own, name) for name in own.__dataclass_fields__})
    runs = glgd_batch(real, gen, pressing, alpha=[0.01, 0.02], tol=0, max_steps=10**6)
    for run in runs:
        assert run.status.value == "interrupted" and run.trace.step[-1] == run.n_steps < 100
        assert abs(real.mass @ run.ratio - 1.0) < 1e-12
