"""The conditional game with its rows R(.|x) spread over the workers of a Dask cluster.

Rows are runs of their own, so that a worker takes whole steps on whole rows and is asked only how
they fare. The solver is that of one process: what it decides, it decides on the numbers of all
rows, put together in their order.
"""

import math
import pickle
from dataclasses import dataclass

import numpy as np

from ratiogan.cluster.connection import check_place, open_connection, workers_of
from ratiogan.cluster.crew import Crew
from ratiogan.cluster.journal import Journal, going_on
from ratiogan.cluster.sweeps import packed, problem_digest, setting_text
from ratiogan.errors import InputError, check_integer
from ratiogan.games import GAMES
from ratiogan.games import game as make_game
from ratiogan.solvers.conditional import Conditional, joint_problem
from ratiogan.solvers.measure import measure_rows
from ratiogan.solvers.rows import RowsGeometry, RowsRule, RowSteps
from ratiogan.solvers.team import SOLO, Team

_MOST_CELLS = 1 << 24  # of a block
_BYTES = 72  # of a cell: R, R before, p_r and p(y|x), as they come and in rows of one length
# What a row of the trace is made of.
_KEYS = tuple(
    "cost g d kl js max_error rms_error min_ratio max_ratio mean_ratio grad_norm gap_bound "
    "entropy".split()
)


def conditional(
    real=None,
    gen=None,
    game="non-saturating",
    geometry="reference",
    alpha="auto",
    tol=1e-10,
    max_steps=100_000,
    *,
    scheduler,
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    progress=False,
    checkpoint=None,
    block_rows=None,
    tell=None,
):
    """`ratiogan.conditional` with the rows x of R spread over the workers of a scheduler.

    The joint grid fits here; steps and sums of rows are made by the workers, by the code of one
    process, and the result is that of one process to the byte, for any number of workers (of
    machines of one kind). A worker that is lost costs no result: its rows are sent again, and told
    what was done with the others.

    Parameters
    ----------
    real, gen, game, geometry, alpha, tol, max_steps, grid, domain, singular
        As for `ratiogan.conditional`.
    record, snapshots, progress
        As there. R is brought here for every snapshot, and at the end.
    scheduler : str or distributed.Client
        ``local:N``, ``tcp://HOST:PORT``, or a client.
    checkpoint : str or path, optional
        A folder of this run's own. If this process is lost, the same call goes on: what workers
        answered is read there (some 140 bytes a row of R for every row of the trace), and the
        steps are taken again.
    block_rows : int, optional
        At least so many rows are sent together; by default a block for every worker.
    tell : callable, optional
        Told one sentence when a worker is lost, and when its rows have caught up.

    Returns
    -------
    Solution

    Raises
    ------
    InputError, SingularMassError
        As `ratiogan.conditional`; and for a scheduler that does not answer, rows that workers have
        no room for, a checkpoint of another run.
    """
    check_place(scheduler, checkpoint)
    if block_rows is not None:
        block_rows = check_integer("block_rows", block_rows, minimum=1)
    real, gen = joint_problem(real, gen, grid, domain)
    asked = {
        "game": make_game(game), "geometry": geometry, "alpha": alpha, "tol": tol,
        "max_steps": max_steps, "singular": singular,
    }  # fmt: skip
    how = {"record": record, "snapshots": snapshots}
    connection = open_connection(scheduler)
    try:
        journal = None
        if checkpoint is not None:
            journal = Journal(checkpoint, _facts({**asked, **how}, real, gen))
        crew = Crew(connection.client, journal, tell)
        solver = SpreadConditional(crew, real, gen, **asked, block_rows=block_rows)
        with going_on(checkpoint):
            solution = solver.solve(**how, progress=progress)
        crew.close()
    finally:
        connection.close()
    return solution


def _facts(settings, real, gen):
    """What tells a run from another one."""
    return {
        "command": "conditional",
        "real": real.label,
        "gen": gen.label,
        "grid": real.grid.describe(),
        "digest of the problem": problem_digest(real, gen),
        **{name: setting_text(value) for name, value in settings.items()},
    }


class SpreadConditional(Conditional):
    """`Conditional` with its rows on workers.

    Parameters
    ----------
    crew : Crew
    *problem, **settings
        As for `Conditional`.
    block_rows : int, optional
    """

    def __init__(self, crew, *problem, block_rows=None, **settings):
        self.crew, self._block_rows = crew, block_rows
        super().__init__(*problem, **settings)

    def _make_rule(self):
        return _SpreadRows(
            self.crew, self.game, self.geometry, self.alpha, self.tol, self.ratio, self._block_rows
        )

    def load_kernels(self):
        """Compile or load the kernels on the workers, so that it is not timed with the run."""
        self.compile_seconds = self.crew.ask(max, "warm")

    def measure(self):
        """The trace row of the present R."""
        self.crew.begin_row()
        return super().measure()

    @property
    def is_catching_up(self):
        """Whether a journal still answers: then there is nothing to interrupt."""
        return self.crew.is_catching_up

    def _measured(self):
        rows, sums = self.crew.ask(_side_by_side, "measured")
        return dict(zip(_KEYS, rows, strict=True)), sums

    def state(self):
        """R on the grid, brought here."""
        return self._on_grid(self.crew.ask(np.concatenate, "gathered")).copy()

    def solution(self, run):
        """The `Solution` of a finished run (a `loop.Record`)."""
        self.crew.end_journal(run.reason == "interrupted")
        self.ratio = self.crew.ask(np.concatenate, "gathered")
        return super().solution(run)


class _SpreadRows(RowsRule):
    """The steps of rows that are elsewhere."""

    def __init__(self, crew, game, geometry, alpha, tol, ratio, block_rows):
        super().__init__(game, geometry, alpha, tol, SOLO)
        self.crew = crew
        sent = game.spec if _is_built_in(game) else packed(f"game {game.spec}", game)
        step = crew.remember("block", block_rows or self._rows_of_a_block())
        step = geometry.group * -(-step // geometry.group)
        recipes = []
        for first in range(0, len(geometry.spans), step):
            last = min(first + step, len(geometry.spans))
            cells = slice(geometry.spans[first][0], geometry.spans[last - 1][1])
            recipes.append(
                Recipe(sent, geometry.part(first, last), alpha, tol, ratio[cells], first, last)
            )
        self._check_memory(step, len(recipes))
        crew.load(recipes)
        self.codes = crew.ask(np.concatenate, "ends")
        self._judge()

    def _rows_of_a_block(self):
        """One block for a worker, if it is not too large."""
        most = max(1, _MOST_CELLS // self.geometry.longest)
        return min(most, -(-len(self.codes) // max(1, self.crew.size)))

    def _check_memory(self, rows, blocks):
        workers = workers_of(self.crew.client)
        need = _BYTES * self.geometry.longest * rows * -(-blocks // max(1, len(workers)))
        for address, known in workers.items():
            limit = known.get("memory_limit") or math.inf
            if need > limit:
                raise InputError(
                    f"{len(self.codes)} rows of {self.geometry.longest} cells are "
                    f"{need / 1e9:.2g} GB for each of {len(workers)} workers, the worker {address} "
                    f"has {limit / 1e9:.2g} GB.",
                    argument="grid",
                    fix="Take fewer cells, or more workers.",
                )

    def advance(self, ratio, n):
        """Take up to `n` steps on every row that still moves; returns how many."""
        n = self.planned(n)
        taken, self.codes, self.projected, self.halvings = self.crew.change(_moved, "advance", n)
        return self.concluded(n, taken)

    def mark(self, rows, code):
        """End these rows, with what they came to."""
        if rows.any():
            self.crew.change(_nothing, "mark", np.flatnonzero(rows), code)
            super().mark(rows, code)


def _is_built_in(game):
    return game.spec.partition(":")[0] in GAMES


# ---- on a worker ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How a block of rows is made.

    Attributes
    ----------
    game : str or bytes
        The spec of a game of the table, or your own.
    geometry : RowsGeometry
        Of these rows, by `RowsGeometry.part`.
    alpha, tol : float
    ratio : array (M,)
        R at the start.
    first, last : int
        Which rows of the whole they are.
    """

    game: object
    geometry: RowsGeometry
    alpha: float
    tol: float
    ratio: np.ndarray
    first: int
    last: int

    def made(self, threads):
        """The block, on a worker of so many threads."""
        return Block(self, threads)


class Block:
    """Some rows of R.

    Parameters
    ----------
    recipe : Recipe
    threads : int
    """

    def __init__(self, recipe, threads=1):
        game = recipe.game
        self.game = make_game(game) if isinstance(game, str) else pickle.loads(game)
        self.geometry = recipe.geometry
        self.first, self.last = recipe.first, recipe.last
        self.ratio, self.team = recipe.ratio.copy(), Team(threads)
        self.rule = RowSteps(
            self.game, self.geometry, recipe.alpha, recipe.tol, self.team, self.ratio
        )

    def warm(self):
        """Load what a step needs; the seconds it took."""
        toy = Conditional(game=self.game, geometry=self.geometry.name, grid=(2, 2))
        toy.load_kernels()
        return toy.compile_seconds

    def ends(self):
        """What the rows came to."""
        return self.rule.codes.astype(np.int8)

    def advance(self, n):
        """Up to `n` steps; the most that a row took, what the rows came to, and what it cost."""
        taken = self.rule.march(self.ratio, n)
        return taken, self.ends(), self.rule.projected, self.rule.halvings

    def mark(self, rows, code):
        """As `RowsRule.mark`, with the numbers that rows have in the whole."""
        mine = rows[(rows >= self.first) & (rows < self.last)] - self.first
        self.rule.codes[mine] = code

    def measured(self):
        """What is found in every row, and p_r R summed over groups of x."""
        rule = self.rule
        found = measure_rows(
            self.game, self.geometry.name, rule.rows, rule.masses, rule.density, self.team
        )
        return np.stack([found[key] for key in _KEYS]), self.geometry.sums_over_x(self.ratio)

    def gathered(self):
        """R itself."""
        return self.ratio


# ---- what is made of the replies of all blocks ---------------------------------------------------


def _nothing(replies):
    return None


def _side_by_side(replies):
    rows, sums = zip(*replies, strict=True)
    return np.concatenate(rows, axis=1), np.concatenate(sums)


def _moved(replies):
    taken, codes, projected, halvings = zip(*replies, strict=True)
    return max(taken), np.concatenate(codes), sum(projected), sum(halvings)
