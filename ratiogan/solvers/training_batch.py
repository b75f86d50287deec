"""Many training runs in one call: many learning rates, many N_d, many seeds.

The rows are independent, and a compiled call for each releases the GIL: threads share them, and
every row ends with the same bytes as the run alone.
"""

import copy

import numpy as np

from ratiogan import presets
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError
from ratiogan.solvers import loop
from ratiogan.solvers.marches import Tally, drive_apart, march_of, rows_of
from ratiogan.solvers.team import Team
from ratiogan.solvers.training import trainer

# Of these a tuple is one value, a number per axis; a list has one item per row.
_TUPLES = ("grid", "domain", "disc_cells", "gen_cells", "bandwidth")


def training_batch(
    real=None,
    gen=None,
    game=None,
    *,
    rng=0,
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    progress=False,
    threads=None,
    **arguments,
):
    """`training` on a batch: every argument may be a sequence, one item per row.

    Sequences are paired row by row, not combined: all are equally long, and row i takes the i-th
    item of each. Single values serve for every row. A tuple in `grid`, `domain`, `disc_cells`,
    `gen_cells` or `bandwidth` is a single value, one number per axis, and so is an array of two
    dimensions, such as the places of `particles`; a list has one item per row.

    Parameters
    ----------
    real, gen, game, rng, grid, domain, singular : optional
        As in `training`, or a sequence. A Generator is copied, for every row anew: it stands where
        it stood afterwards, and the rows draw the same numbers.
    record, snapshots : optional
        As in `training`, the same for all rows.
    progress : bool or callable
        As in `training`; steps are those of all rows together, max|R-1| is the best row's.
    threads : int, optional
        The rows are shared among at most so many; by default all cores where that pays. Rows of
        your own games, of a Gaussian and of particles are not compiled: with such a row there is
        one thread.
    **arguments
        Any other argument of `training`: `alpha_gen`, `alpha_disc`, `disc_steps`, `batch`, ...

    Returns
    -------
    tuple of Solution
        One per row, each what `training` alone returns; ``seconds`` is the row's own time. After
        Ctrl-C all rows that were not at their end are there with status ``interrupted``.

    Raises
    ------
    InputError
        If the sequences differ in length, or as in `training`.
    SingularMassError
        As in `training`.

    Examples
    --------
    >>> runs = training_batch(alpha_gen=[1e-4, 1e-3], grid=64, max_steps=500)
    >>> [round(float(run.trace.kl[-1]), 3) for run in runs]
    [0.361, 0.078]
    """
    if "scenario" in arguments:
        raise InputError(
            "training_batch takes no scenario: each has companions of its own.",
            argument="scenario",
            fix="Call training(scenario=...) for each.",
        )
    solvers = [
        _solver(row)
        for row in _with_problems(
            rows_of(
                _TUPLES,
                **{"real": real, "gen": gen, "game": game, "rng": rng},
                **{"grid": grid, "domain": domain, "singular": singular, **arguments},
            )
        )
    ]
    team = Team(threads, sum(solver.ratio.size * solver.max_steps for solver in solvers))
    if not all(solver.compiled for solver in solvers):
        team = Team(1)  # Python's turns gain nothing, and your losses may not expect it
    with (
        loop.reporting(progress, "training") as report,
        loop.deferred_interrupt() as interrupted,
    ):
        solvers[0].load_kernels()
        tally = Tally(report, [solver.max_steps for solver in solvers])
        marches = [
            march_of(solver, record, snapshots, interrupted, tally.of_row(row))
            for row, solver in enumerate(solvers)
        ]
        records = drive_apart(marches, solvers, team)
    return tuple(solver.solution(found) for solver, found in zip(solvers, records, strict=True))


def _solver(arguments):
    given = {name: value for name, value in arguments.items() if value is not None}
    if isinstance(given.get("rng"), np.random.Generator):
        given["rng"] = copy.deepcopy(given["rng"])
    return trainer(**given)


def _with_problems(rows):
    """The rows with p_r and p_g as distributions, each problem read once for all rows."""
    known = {}
    for row in rows:
        names = ("real", "gen", "grid", "domain")
        key = tuple(_key(row[name]) for name in names)
        done = isinstance(row["real"], Distribution) and isinstance(row["gen"], Distribution)
        if done:
            continue
        if key not in known:
            known[key] = presets.problem(*(row[name] for name in names))
        row["real"], row["gen"] = known[key]
        row["grid"] = row["domain"] = None
    return rows


def _key(value):
    """What equal problems have in common: numbers and words by value, all else by identity."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_key, value))
    plain = isinstance(value, (str, int, float, type(None)))
    return (type(value), value) if plain else ("object", id(value))
