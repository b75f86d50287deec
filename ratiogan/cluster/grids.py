"""GLGD on a grid that lies in chunks on the workers of a Dask cluster.

The solver is that of one process. It asks its questions about all cells through `Crew`, and the
sums are formed in the same order, so that the same numbers come out, whatever the workers.
"""

import json
import math
import time
from dataclasses import replace
from functools import cached_property
from itertools import chain

import numpy as np

from ratiogan.catalogue import GEOMETRIES
from ratiogan.cluster.cells import sides_of
from ratiogan.cluster.connection import check_place, open_connection, workers_of
from ratiogan.cluster.crew import Crew
from ratiogan.cluster.holder import Recipe, Rules
from ratiogan.cluster.journal import Journal, going_on
from ratiogan.cluster.solution import ChunkedSolution, coarse_bounds
from ratiogan.distribution import is_one, refuse_restriction
from ratiogan.errors import InputError, check_choice, check_integer
from ratiogan.games import game as make_game
from ratiogan.grid import plural
from ratiogan.presets import refuse_empty
from ratiogan.ratio import ROUND_OFF, Geometry, newton_level, refuse_singular_mass
from ratiogan.solvers.glgd import GLGD
from ratiogan.solvers.measure import row_of, totals
from ratiogan.solvers.outcome import NAMED
from ratiogan.solvers.steps import (
    FAR,
    LARGEST_BLOCK,
    LONGEST_BLOCK,
    SHORT,
    ConstantSteps,
    FusedSteps,
    bits_of,
    distance_bits,
    fits_one_pass,
)
from ratiogan.solvers.team import SOLO
from ratiogan.sums import CHUNK, SPAN, folded, in_order, span_count

_MOST_SPANS = 16  # of a chunk: 16.8 million cells, 134 MB an array
_BYTES = 40  # of a cell: p_r, R, R before, and room for the arithmetic of a step in question
_FILLED = 0.9  # of its limit at the most: Dask ends a worker soon above
_REPEATS = 16  # as in `FusedSteps.concluded`
_ANSWERED = 4  # how much longer than on one machine a block may be: Ctrl-C waits for its end


def glgd(
    real=None,
    gen=None,
    game="non-saturating",
    geometry="reference",
    step="constant",
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
    chunk_spans=None,
    tell=None,
):
    """`ratiogan.glgd` on the workers of a scheduler: R in chunks there, never gathered unasked.

    Problem solved: the same descent on more cells than one machine holds. A step is one pass over
    every chunk, by the kernel of one process, and a sum of one number per 1,048,576 cells, which
    comes here. All sums are formed in the order of the grid: the result is, to the byte, that of
    one process, for any number of workers (of machines of one kind).

    A worker that is lost costs no result: its chunks are made again from their source, and told the
    sums of the steps so far.

    Parameters
    ----------
    real, gen : str, Distribution or callable, optional
        As for `glgd`, or a density ``pdf(y)`` (``pdf(y0, y1)``) that workers integrate over their
        cells; `grid` and `domain` are needed then. What is given as masses must fit here.
    game, geometry, alpha, tol, max_steps, grid, domain, singular, record, snapshots, progress
        As for `glgd`; a game with a compiled pass, in `reference`, `lebesgue` or `fisher`.
    step : {"constant"}
    scheduler : str or distributed.Client
        ``local:N``, ``tcp://HOST:PORT``, or a client.
    checkpoint : str or path, optional
        A folder of this run's own. If this process is lost, the same call goes on: what workers
        answered is read there, and the chunks are computed again from their source.
    chunk_spans : int, optional
        Cells of a chunk in units of 1,048,576; by default up to 16, and a chunk for every worker.
    tell : callable, optional
        Told one sentence when a worker is lost, and when its chunks have caught up.

    Returns
    -------
    ChunkedSolution

    Raises
    ------
    InputError
        For an argument that cannot be used, a scheduler that does not answer, a chunk that no
        worker has room for, a checkpoint of another run.
    SingularMassError
        If the generator has mass where p_r = 0.

    References
    ----------
    Slide 001, "Algorithm 2: Generator Loss Gradient Descent".
    """
    check_place(scheduler, checkpoint)
    if chunk_spans is not None:
        chunk_spans = check_integer("chunk_spans", chunk_spans, minimum=1)
    asked = {
        "game": game, "geometry": geometry, "step": step, "alpha": alpha, "tol": tol,
        "max_steps": max_steps, "singular": singular,
    }  # fmt: skip
    connection = open_connection(scheduler)
    try:
        sides = sides_of(real, gen, grid, domain)
        journal = None
        if checkpoint is not None:
            facts = {"command": "glgd", **asked, "game": make_game(game).spec, "record": record}
            journal = Journal(checkpoint, {**facts, "snapshots": snapshots, **_facts_of(*sides)})
        crew = Crew(connection.client, journal, tell)
        solver = ChunkedGLGD(crew, *sides, **asked, chunk_spans=chunk_spans)
        with going_on(checkpoint):
            solution = solver.solve(record=record, snapshots=snapshots, progress=progress)
    except BaseException:
        connection.close()
        raise
    solution._connection = connection
    return solution


def _facts_of(real, gen, grid):
    """What tells a problem from another one."""
    return {
        "grid": json.dumps(grid.to_dict()),
        "real": f"{real.label} {real.source.fingerprint(grid)}",
        "gen": f"{gen.label} {gen.source.fingerprint(grid)}",
    }


class ChunkedGLGD(GLGD):
    """GLGD with R on workers.

    Parameters
    ----------
    crew : Crew
    real, gen : Side
    grid : LongGrid
    game, geometry, step, alpha, tol, max_steps, singular, chunk_spans
        As for `glgd`.
    """

    def __init__(
        self,
        crew,
        real,
        gen,
        grid,
        *,
        game,
        geometry,
        step,
        alpha,
        tol,
        max_steps,
        singular,
        chunk_spans=None,
    ):
        self._check(game, step, alpha, tol, max_steps, singular)
        check_choice("geometry", geometry, tuple(GEOMETRIES))
        self._refuse_others(step, geometry)
        self.crew = crew
        self.real, self.gen, self.grid = real, gen, grid
        self.singular = singular
        self._alpha = alpha
        self._name = geometry
        self._spans = chunk_spans
        self._moved = False
        self.compile_seconds = 0.0
        self._make()

    def _refuse_others(self, step, geometry):
        """What a pass over a chunk cannot do."""
        what = None
        if step != "constant":
            what, argument, fix = f"step {step}", "step", "Take step constant."
        elif geometry == "logits":
            what, argument, fix = "geometry logits", "geometry", "Take fisher."
        elif self.game.kernel is None:
            what, argument, fix = f"game {self.game.spec}", "game", "Take one of: ratiogan games."
        if what is not None:
            raise InputError(
                f"a scheduler runs constant steps of the games with a compiled pass, in "
                f"reference, lebesgue and fisher; got {what}.",
                argument=argument,
                fix=f"{fix} Or leave out the scheduler.",
            )

    # --- making R on the workers ---

    def _make(self):
        """Masses, R and the step rule, as `GLGD` makes them in one place."""
        self._lay_out()
        crew, name = self.crew, self._name
        names = [n for n in (self.game.formulas["cost_is"], "KL(p_r||p_g)") if n in NAMED]
        self._start = dict(zip(names, crew.ask(_totals, "start_sums", names), strict=True))
        self.coarse_gen = crew.ask(sum, "coarse_start", coarse_bounds(self.grid))
        volume = self.grid.volume if self.grid.is_uniform else None
        crew.change(_nothing, "begin", name, volume)
        self.geometry = _Geometry(name, crew, self.size)
        self._choose_alpha(self._alpha)
        if not fits_one_pass(self.game, self.geometry, self.alpha):
            raise InputError(
                f"a scheduler runs steps up to 1e3 over the largest density, got alpha "
                f"{self.alpha:g}.",
                argument="alpha",
                fix="Take a smaller one, or leave out the scheduler.",
            )
        self.rule = self._make_rule()
        crew.change(_nothing, "set_rules", self.rule.rules)
        self._history, self._look_at = [], 0
        self._is_hopeless = False
        self._max_error = self._most = math.nan

    def _lay_out(self):
        """Chunks of all cells with p_r > 0, and the numbers their masses are divided by."""
        crew, cells = self.crew, self.grid.size
        self._load(self._recipes(cells))
        real_total, gen_total = crew.ask(_totals, "masses_sums")
        divisors = tuple(
            self._divisors(role, side, total)
            for role, side, total in (
                ("real", self.real, real_total),
                ("gen", self.gen, gen_total),
            )
        )
        crew.change(_nothing, "divide_masses", *divisors)
        # Divided by a sum of rounded numbers, they may add up to 1 not quite.
        sums = crew.ask(_totals, "masses_sums")
        again = tuple(
            (total,) if side.source.is_scaled and not is_one(total) else ()
            for side, total in zip((self.real, self.gen), sums, strict=True)
        )
        if any(again):
            crew.change(_nothing, "divide_masses", *again)
        divisors = tuple(a + b for a, b in zip(divisors, again, strict=True))
        counts, kept, lost, places, _ = crew.ask(_support, "support")
        self._size = sum(counts)
        if places and self.singular == "error":
            refuse_singular_mass(lost, np.array(places), self.grid)
        if self._size == cells:
            return
        if places and kept == 0:
            refuse_restriction()
        if places:
            self.gen = replace(self.gen, restricted=lost)
        then = (kept,) if places and not is_one(kept) else ()
        self._load(self._covered_recipes(counts, divisors, then))

    def _load(self, recipes):
        self._check_memory(recipes)
        self.recipes = recipes
        self.crew.load(recipes)

    @property
    def size(self):
        """How many cells R has."""
        return self._size

    def _chunk_cells(self, cells):
        spans, workers = span_count(cells), max(1, self.crew.size)
        rounds = -(-spans // (workers * _MOST_SPANS))
        chosen = self._spans or -(-spans // (workers * rounds))
        return SPAN * self.crew.remember("chunk", chosen)

    def _recipes(self, cells):
        step = self._chunk_cells(cells)
        return [
            Recipe(
                self.grid,
                self.real.source.part(first, min(first + step, cells)),
                self.gen.source.part(first, min(first + step, cells)),
                first,
                min(first + step, cells),
            )
            for first in range(0, cells, step)
        ]

    def _covered_recipes(self, counts, divisors, gen_divisors):
        """Chunks of the cells with p_r > 0, numbered through, as one process has them in memory."""
        before = np.append(0, np.cumsum(counts))  # such cells before each span of the grid
        step = self._chunk_cells(int(before[-1]))
        recipes = []
        for first in range(0, int(before[-1]), step):
            last = min(first + step, int(before[-1]))
            begin = int(np.searchsorted(before, first, side="right")) - 1
            end = int(np.searchsorted(before, last, side="left"))
            start, stop = begin * SPAN, min(end * SPAN, self.grid.size)
            recipes.append(
                Recipe(
                    self.grid,
                    self.real.source.part(start, stop),
                    self.gen.source.part(start, stop),
                    start,
                    stop,
                    divisors,
                    first - int(before[begin]),
                    last - first,
                    gen_divisors,
                )
            )
        return recipes

    def _divisors(self, role, side, total):
        """What masses are divided by so that they add up to 1, as in a `Distribution`."""
        if not (total > 0 and math.isfinite(total)):
            *_, bad = self.crew.ask(_support, "support")
            if bad:
                raise InputError(
                    f"{role} must be finite and not negative, got {bad[0][1]:g} in cell "
                    f"{bad[0][0]}.",
                    argument=role,
                )
            if hasattr(side.source, "spec"):
                refuse_empty(side.source.spec, self.grid)
            raise InputError(f"{role} must not be 0 in all cells.", argument=role)
        return (total,) if side.source.is_scaled or not is_one(total) else ()

    def _check_memory(self, recipes):
        """Refuse chunks that no worker has room for."""
        workers = workers_of(self.crew.client)
        cells = max(recipe.stop - recipe.start for recipe in recipes)
        share = -(-len(recipes) // len(workers)) * cells
        for address, known in workers.items():
            limit = _FILLED * (known.get("memory_limit") or math.inf)
            need = _BYTES * cells
            if need > limit:
                raise InputError(
                    f"a chunk of {cells} cells needs {need / 1e9:.2g} GB, the worker {address} "
                    f"has room for {limit / 1e9:.2g} GB.",
                    argument="chunk_spans" if self._spans else "scheduler",
                    fix="Take smaller chunks, or workers with more memory.",
                )
            if 24 * share > limit:
                raise InputError(
                    f"{self.grid.describe()} on {plural(len(workers), 'worker')} take "
                    f"{24 * share / 1e9:.2g} GB on each, the worker {address} has room for "
                    f"{limit / 1e9:.2g} GB.",
                    argument="grid",
                    fix="Take fewer cells, or more workers.",
                )

    def _make_rule(self):
        return _Steps(self.game, self.geometry, self.alpha, self.tol, self.crew)

    # --- what `GLGD` does with arrays ---

    def advance(self, n):
        return self.rule.advance("ratio", n)

    def measure(self):
        """The trace row of the present R."""
        self.crew.begin_row()
        return self._noted(row_of(self._name, *self.crew.ask(_measured, "measured", "ratio")))

    def least_ratio(self):
        return self.crew.ask(min, "least", "ratio")

    def empty_cells(self):
        count, mass = self.crew.ask(_emptied, "empty")
        return count, self.size, mass

    def start_divergence(self, name):
        return self._start[name]

    def _starts_too_far(self):
        lowest = self.game.signal_at_zero
        if not math.isfinite(lowest):
            lowest = self.crew.ask(_total, "signal_sums")
        return self.crew.ask(any, "starts_too_far", self.alpha, self.max_steps, lowest)

    def state(self):
        """R, gathered; NaN where p_r = 0."""
        values = self.crew.ask(np.concatenate, "gathered")
        return self._spread(values)

    @property
    def is_catching_up(self):
        """Whether a journal still answers: then there is nothing to interrupt."""
        return self.crew.is_catching_up

    def load_kernels(self):
        """Compile or load the kernels on the workers, so that it is not timed with the run."""
        start = time.perf_counter()
        if not self.is_catching_up:
            self.crew.warm(self.game.spec, self._name)
        self.compile_seconds = time.perf_counter() - start

    def _restart(self):
        if self._moved:
            self._make()
        self._moved = True
        self._history, self._look_at = [], 0

    def solution(self, run):
        """The `ChunkedSolution` of a finished run (a `loop.Record`)."""
        facts = self._facts(run)
        self.crew.end_journal(run.reason == "interrupted")
        return ChunkedSolution(self, facts, run.snapshots)

    # --- what is looked at afterwards ---

    def _spread(self, values):
        """Values of the cells with p_r > 0 on the whole grid; NaN elsewhere."""
        if values.size == self.grid.size:
            return values.reshape(self.grid.shape)
        real = self.real.distribution(self.grid.whole())
        full = np.full(self.grid.shape, np.nan)
        full[real.support] = values
        return full


class _Geometry(Geometry):
    """The geometry of cells that are elsewhere; functions on them go by the names of `Chunk`."""

    def __init__(self, name, crew, size):
        super().__init__(name, None, density=True)  # there is one, where it is needed
        self.crew, self._size = crew, size

    @property
    def size(self):
        return self._size

    @cached_property
    def mean_direction(self):
        return self.crew.ask(_total, "direction_sums")

    @cached_property
    def _ends(self):
        return self.crew.ask(_extreme_pairs, "end_densities")

    def end_densities(self):
        return self._ends

    @cached_property
    def max_density(self):
        return self._ends[3] if self.name == "lebesgue" else 1.0

    def _secular(self, mu):
        return self.crew.ask(_total, "secular_sums", mu)

    def mean(self, a):
        return self.crew.ask(_total, "mean_sums", a)

    def step(self, ratio, u, alpha):
        """Makes the candidate; the expressions are those of `Geometry.step`."""
        level = self.crew.ask(_total, "gradient_sums", ratio) / self.mean_direction
        drift = self.crew.change(_total, "descend", ratio, alpha, level) - 1.0
        if abs(drift) < ROUND_OFF:
            self.crew.change(_nothing, "scale", 1.0 + drift)
        return "candidate"

    def clip(self, ratio):
        """Projects the candidate, a copy of R; the expressions are those of `Geometry.clip`."""
        with np.errstate(invalid="ignore", over="ignore"):
            if abs(self._cut() - 1.0) > ROUND_OFF:
                self.crew.change(_nothing, "put", ratio, "ratio")
                highest = self.crew.ask(max, "highest")
                self.crew.change(_nothing, "lower_heights", highest)
                self._cut()
        self.crew.change(_nothing, "cut")
        return ratio

    def _cut(self):
        off = math.inf
        while True:
            level = newton_level(lambda t: self.crew.ask(_totals, "level_sums", t))
            mean = self.crew.change(_total, "lower", level)
            before, off = off, abs(mean - 1.0)
            if not 1e-13 < off < 0.5 * before:
                return mean


class _Steps(FusedSteps):
    """The steps of `FusedSteps` on cells that are elsewhere: only the sums come here."""

    is_shared = True

    def __init__(self, game, geometry, alpha, tol, crew):
        ConstantSteps.__init__(self, game, geometry, alpha, tol, SOLO)
        self.crew = crew
        self._workers = crew.remember("workers", crew.size)  # also when the client goes on
        self.block = 1
        self.stop_below = bits_of(tol)
        self.total = 1.0 if geometry.name == "fisher" else geometry.mean_direction
        self.stretch = SHORT if geometry.size > FAR else CHUNK
        self.lowest = self._lowest_bits()
        self._place = self._seen = None

    def planned(self, cells, n):
        """As on one machine, but some steps more on large grids: the workers share them."""
        most = max(1, LARGEST_BLOCK // cells)
        if most < _REPEATS:
            # Below the length of a block after which a run is found to repeat itself.
            most = min(_REPEATS - 1, max(1, _ANSWERED * LARGEST_BLOCK * self._workers // cells))
        return min(n, self.block, LONGEST_BLOCK, most)

    @property
    def rules(self):
        """What a chunk has to know of it."""
        return Rules(
            self.game.spec, self.geometry.name, self.alpha, self.tol, self.total, self.stretch,
            self.lowest,
        )  # fmt: skip

    def advance(self, ratio, n):
        n = self.planned(self.geometry.size, n)
        self.crew.change(_nothing, "keep")
        return self.concluded(
            ratio, "before", n, *self._run(ratio, n, self.lowest, self.stop_below)
        )

    def concluded(self, *arguments):
        taken = super().concluded(*arguments)
        if self._has_candidate:
            self.crew.change(_nothing, "drop")
            self._has_candidate = False
        return taken

    _has_candidate = False

    def _pass(self, ratio, shift, n, settle, lowest, stop_below):
        if settle:
            low, largest = self.crew.change(_ends_of, "settle", shift)
            return (n, low, largest), None
        own = {} if self._place is None else {self._place[0]: (self._place[1],)}
        total, self._seen = self.crew.change(_marched, "march", shift, lowest, own=own)
        return None, np.array([total])

    def _run(self, *arguments):
        self._place = self._seen = None
        return super()._run(*arguments)

    def _witness(self, ratio, shift):
        self._place = self.crew.ask(_farthest, "witness", shift)
        return self._place

    def _distance_of(self, witness, ratio, shift):
        t, p = self._seen
        return distance_bits(self.geometry.name, t, shift, p)

    # Arrays by name.

    def cost(self, ratio):
        found = self.crew.ask(_measured, "measured", ratio)
        return row_of(self.geometry.name, *found)["cost"]

    def _signal(self, ratio):
        return None  # formed where the step is

    def _least(self, ratio):
        return self.crew.ask(min, "least", ratio)

    def _copy(self, ratio):
        self._has_candidate = True
        self.crew.change(_nothing, "copy", ratio)
        return "candidate"

    def _put(self, ratio, other):
        self.crew.change(_nothing, "put", ratio, other)

    def _equal(self, ratio, other):
        return self.crew.ask(all, "equal", ratio, other)

    def _look(self, ratio):
        self.reached = self.crew.ask(max, "largest_error", ratio) < self.tol


# ---- what is made of the replies of all chunks ---------------------------------------------------


def _nothing(replies):
    return None


def _total(replies):
    return folded(np.concatenate(replies))


def _totals(replies):
    """The totals of several sums."""
    return [folded(np.concatenate(sums)) for sums in zip(*replies, strict=True)]


def _marched(replies):
    sums = np.concatenate([reply[0] for reply in replies])
    seen = next((reply[1] for reply in replies if reply[1] is not None), None)
    return float(in_order(sums)), seen


def _measured(replies):
    sums, bits = (np.concatenate(parts) for parts in zip(*replies, strict=True))
    sums, extremes = totals(sums, bits)
    return sums.tolist(), list(map(float, extremes))


def _ends_of(replies):
    return min(low for low, _ in replies), max(largest for _, largest in replies)


def _farthest(replies):
    """The chunk and the place of the largest |R-1|; None where there is none."""
    largest = max(bits for bits, _ in replies)
    if largest < 0:
        return None
    return next((k, place) for k, (bits, place) in enumerate(replies) if bits == largest)


def _extreme_pairs(replies):
    pairs = np.array(replies)
    low = np.sort(np.concatenate([pairs[:, 0], pairs[:, 1]]))[:2]
    high = np.sort(np.concatenate([pairs[:, 2], pairs[:, 3]]))[-2:]
    return (*low.tolist(), *high.tolist())


def _emptied(replies):
    return sum(count for count, _ in replies), folded(np.concatenate([s for _, s in replies]))


def _support(replies):
    counts, kept, lost, places, bad = zip(*replies, strict=True)
    places = list(chain(*places))
    return (
        list(chain(*counts)),
        folded(np.concatenate(kept)),
        folded(np.concatenate(lost)),
        [places[0], places[-1]] if places else [],
        list(chain(*bad)),
    )
