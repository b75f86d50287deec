"""One training run on the cells, to be solved at once or stepped: both players as arrays.

`training` is the function that users call; its docstring says what every argument means.
"""

import math
import numbers
import time

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import INNER_PRODUCTS
from ratiogan.errors import (
    InputError,
    check_choice,
    check_integer,
    check_not_negative,
    check_number,
)
from ratiogan.games import game as make_game
from ratiogan.logits import IDENTITY, logits
from ratiogan.ratio import Geometry, density_ratio
from ratiogan.solution import Solution, Trace
from ratiogan.solvers import loop, training_outcome
from ratiogan.solvers import training_turns as turns
from ratiogan.solvers.capacity import Capacity
from ratiogan.solvers.landmarks import modes_of
from ratiogan.solvers.measure import measure
from ratiogan.solvers.minibatch import draw, draw_rows, fill_guide, look_up
from ratiogan.solvers.optimizers import Memory, descend
from ratiogan.solvers.optimizers import optimizer as read_optimizer
from ratiogan.solvers.softmax import (
    CONSTANT,
    EXACT,
    LEAVE_ONE_OUT,
    exact_gradient,
    score_gradient,
    score_variance,
)
from ratiogan.solvers.team import SOLO
from ratiogan.sums import ordered_sum

_LARGEST_BLOCK = 1 << 23  # cells times updates: a tenth of a second, so that Ctrl-C is answered
_MOST_DRAWS = 1 << 20
_MOST_BYTES = 2e9  # that the draws of one turn may take
_COVERED = 0.5  # R of a mode that counts as covered


class Trainer(loop.Solver):
    """Training with a generator that lives on the cells; arguments as `training`.

    Examples
    --------
    >>> solver = Trainer(grid=64, batch="exact", disc_steps="best", alpha_gen=0.5, optimizer="sgd")
    >>> for step, ratio in solver.iter_states(max_steps=2):
    ...     print(step, round(float(abs(ratio - 1).max()), 2))
    0 4.9
    1 1.33
    2 0.6
    """

    name = "training"
    families = ("logits", "ratio")
    samples = None  # how many, where the generator consists of samples
    floor = 0.0  # JSD that counting leaves between p_r and as many samples of it
    places = None  # of those samples

    def __init__(
        self,
        real=None,
        gen=None,
        game="non-saturating",
        gen_loss=None,
        alpha_disc=0.01,
        alpha_gen=2e-4,
        disc_steps=1,
        gen_steps=1,
        batch=64,
        optimizer="adam",
        max_steps=20_000,
        *,
        family="logits",
        data=None,
        disc_cells=None,
        gen_cells=None,
        disc_smooth=0.0,
        gen_smooth=0.0,
        gradient="exact",
        baseline="none",
        inner_product="reference",
        tol=0.0,
        rng=0,
        grid=None,
        domain=None,
        singular="error",
    ):
        self.family = check_choice("family", family, self.families)
        self.losses = logits(game, gen_loss)
        self._read_rates(alpha_disc, alpha_gen, disc_steps, gen_steps, optimizer)
        self._read_batch(batch, data)
        self.gradient = check_choice("gradient", gradient, ("exact", "score"))
        self.baseline = _baseline(baseline, self.losses)
        self.inner_product = check_choice("inner_product", inner_product, tuple(INNER_PRODUCTS))
        self.tol = check_not_negative("tol", tol)
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        self._refuse_what_does_not_go_together(gen_cells, gen_smooth)
        self._read_problem(real, gen, grid, domain, singular)
        self._read_rng(rng)
        self._read_capacities(disc_cells, disc_smooth, gen_cells, gen_smooth)
        self._prepare()
        self._check_room()
        begun = time.perf_counter()
        self._restart()
        self.compile_seconds = time.perf_counter() - begun

    # --- reading the arguments ---

    def _read_rates(self, alpha_disc, alpha_gen, disc_steps, gen_steps, optimizer):
        self.alpha_disc = check_not_negative("alpha_disc", alpha_disc)
        self.alpha_gen = check_not_negative("alpha_gen", alpha_gen)
        best = isinstance(disc_steps, str) and disc_steps == "best"
        self.disc_steps = None if best else check_integer("disc_steps", disc_steps, minimum=1)
        self.gen_steps = check_integer("gen_steps", gen_steps, minimum=1)
        self.rule = read_optimizer(optimizer)

    def _read_batch(self, batch, data):
        exact = batch is None or (isinstance(batch, str) and batch == "exact")
        self.batch = None if exact else check_integer("batch", batch, minimum=1)
        self.rows = None if data is None else check_integer("data", data, minimum=1)
        if self.rows is not None and self.batch is not None and self.batch > self.rows:
            raise InputError(
                f"batch must be at most data, {self.rows}: its rows are drawn without "
                f"replacement, got {self.batch}.",
                argument="batch",
                fix=f"Pass batch {self.rows} or less, or more data.",
            )
        if self.disc_steps is None and not exact:
            raise InputError(
                f"disc_steps best solves for exact expectations, got batch {self.batch}.",
                argument="disc_steps",
                fix="Pass batch exact, or a number of updates.",
            )
        if self.disc_steps is None and self.rows is not None:
            raise InputError(
                "disc_steps best has no finite answer between the rows of data.",
                argument="disc_steps",
                fix="Take a number of updates, or leave data out.",
            )

    def _refuse_what_does_not_go_together(self, gen_cells, gen_smooth):
        if self.gradient == "score" and self.batch is None:
            raise InputError(
                "gradient score needs minibatches, got batch exact.",
                argument="gradient",
                fix="Pass gradient exact, or batch 64.",
            )
        said = "leave-one-out" if self.baseline is None else f"{self.baseline:g}"
        if self.gradient == "exact" and self.baseline != 0.0:
            raise InputError(
                f"baseline {said} belongs to gradient score, got gradient exact.",
                argument="baseline",
                fix="Pass gradient score, or baseline none.",
            )
        if self.baseline is None and self.batch == 1:
            raise InputError(
                "baseline leave-one-out needs a batch of 2 or more, got 1.",
                argument="baseline",
                fix="Pass a larger batch, or baseline none.",
            )
        if self.family != "ratio":
            return
        for wrong, what in (
            (self.gradient == "score", "gradient score: it has no score"),
            (gen_cells is not None or gen_smooth, "gen_cells or gen_smooth: it is R itself"),
            (self.inner_product == "fisher", "inner_product fisher: it steps in L2(p_r)"),
        ):
            if wrong:
                raise InputError(
                    f"family ratio takes no {what}.",
                    argument="family",
                    fix="Take family logits.",
                )

    def _check_room(self):
        """Refuse minibatches that one turn's draws would not fit in memory."""
        need = 8 * (self._draws + 4 * (self.batch or 0))
        if need > _MOST_BYTES:
            raise InputError(
                f"batch {self.batch} takes {need / 1e9:.3g} GB for the draws of one turn.",
                argument="batch",
                fix="Pass fewer samples, or batch exact.",
            )

    def _read_problem(self, real, gen, grid, domain, singular):
        real, gen = presets.problem(real, gen, grid, domain)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self.support = self.real.mass > 0
        self._numbers = np.flatnonzero(self.support)  # of the cells, on the grid
        masses = self.real.mass[self.support].copy()
        masses.flags.writeable = False
        self.geometry = Geometry("reference", masses)
        self.start = start.values[self.support]
        self._measured_by = make_game("non-saturating")  # R's own numbers: KL, JSD, max|R-1|
        self._basins = modes_of(self.real)[self.support]
        self.real_support = effective_support(masses)
        self.n_modes = int(self._basins.max(initial=-1)) + 1

    def _read_capacities(self, disc_cells, disc_smooth, gen_cells, gen_smooth):
        self.disc_capacity = Capacity(self.real.grid, self.support, disc_cells, disc_smooth, "disc")
        self.gen_capacity = Capacity(self.real.grid, self.support, gen_cells, gen_smooth, "gen")
        if self.disc_steps is None and self.disc_capacity.factors is not None:
            raise InputError(
                "disc_steps best has no closed form with disc_smooth.",
                argument="disc_steps",
                fix="Take a number of updates, or disc_smooth 0.",
            )

    def _read_rng(self, rng):
        self.seed = int(rng) if isinstance(rng, numbers.Integral) else None
        try:
            self._rng = np.random.default_rng(rng)
        except (TypeError, ValueError):
            raise InputError(
                f"rng must be None, a whole number from 0 on or a Generator, got {rng!r}.",
                argument="rng",
                fix="Pass rng=0.",
            ) from None
        self._rng_state = self._rng.bit_generator.state

    # --- the arrays ---

    def _prepare(self):
        """What no turn changes, in the order in which the kernels take it."""
        masses = self.geometry.masses.copy()
        base = masses * self.start
        disc, gen = self.disc_capacity, self.gen_capacity
        euclidean = self.inner_product == "euclidean"
        scales = [
            np.ones(player.size) if euclidean else 1.0 / _shares(player, masses)
            for player in (disc, gen)
        ]
        if self.inner_product == "fisher":
            scales[1] = np.ones(gen.size)  # divided by the shares of p_g at each update
        self._fixed = (masses, base, disc.block, gen.block, *scales)
        kind = EXACT
        if self.gradient == "score":
            kind = LEAVE_ONE_OUT if self.baseline is None else CONSTANT
        self._codes = (
            *(self.batch or 0, int(self.rows is not None), kind, _INNER_CODES[self.inner_product]),
            *(int(self.family == "ratio"), self.disc_steps or 0, self.gen_steps),
        )
        self._draws = turns.draws_per_turn(
            self.disc_steps or 0, self.gen_steps, self.batch or 0, kind != EXACT
        )
        self._fast = (
            self.disc_steps is not None
            and self.losses.disc is not None
            and self.losses.gen is not None
            and disc.factors is None
            and gen.factors is None
        )
        self._kernel = self._choose_kernel() if self._fast else None

    def _choose_kernel(self):
        """The compiled turns: in fewer passes over the cells where nothing stands in the way."""
        single = self.disc_steps == 1 and self.gen_steps == 1 and self.batch is None
        plain = self.disc_capacity.plain and self.gen_capacity.plain
        form, link = self.losses.gen[:2]
        if single and plain and link == IDENTITY and self.family == "logits":
            return turns.expected_turns(self.losses.disc[0], form, self.rule.code)
        return turns.take_turns

    def _restart(self):
        """Begin at p_g and phi = 0 again; the arrays of an earlier run stay as they are."""
        self._rng.bit_generator.state = self._rng_state
        masses, base, *rest = self._fixed
        rows, seen, sums, guide = self._draw_data(masses)
        self.cells = (seen, masses, base, *rest, sums, guide)
        disc, gen = self.disc_capacity, self.gen_capacity
        n = masses.size
        start = self.start.copy() if self.family == "ratio" else np.zeros(gen.size)
        self.state_ = (np.zeros(disc.size), np.zeros(n), start, base.copy(), np.zeros(1), rows)
        drawn = self._forget(disc.size, gen.size)
        self._work = (
            *(np.empty(n) for _ in range(3)),
            *(np.empty(disc.size), np.empty(gen.size), np.empty(n), np.empty(n, dtype=np.int64)),
            *drawn,
        )
        self._advance(0)

    def _draw_data(self, masses):
        """The data set, as cells and as masses, and what draws from the latter."""
        rows, seen = np.zeros(0, dtype=np.int64), masses
        if self.rows is not None:
            rows = draw(masses, self._rng.random(self.rows))
            seen = np.bincount(rows, minlength=masses.size) / self.rows
        sums, guide = np.empty(masses.size), np.empty(masses.size, dtype=np.int64)
        fill_guide(seen, sums, guide)
        return rows, seen, sums, guide

    def _forget(self, *sizes):
        """New memories for both players' weights; returns room for their minibatches."""
        self._memories = tuple(
            (memory.first, memory.second, memory.count) for memory in map(Memory, sizes)
        )
        self.lost = None
        self._max_error = math.nan
        return [np.empty(self.batch or 0, dtype=np.int64) for _ in range(2)]

    @property
    def ratio(self):
        """R = p_g/p_r on the cells with p_r > 0."""
        return self.state_[3] / self.geometry.masses

    @property
    def phi(self):
        """The discriminator's logits on the cells with p_r > 0."""
        return self.state_[1]

    # --- what the loop asks for ---

    @property
    def compiled(self):
        """Whether its turns are one compiled call, beside which other threads can run."""
        return self._fast

    @property
    def halted(self):
        """Whether the loop should look now: the next turn would lose a number."""
        return self.lost is not None

    def advance(self, n):
        """Take up to `n` turns in place; returns how many."""
        work = self.geometry.masses.size * ((self.disc_steps or 1) + 2 * self.gen_steps)
        block = min(n, max(1, _LARGEST_BLOCK // work))
        if self._draws:
            block = min(block, max(1, _MOST_DRAWS // self._draws))
        return self._advance(block)

    def _advance(self, n):
        """`n` turns; if one loses a number, only those before it, and what it was is noted."""
        before = self._copied()
        uniforms = self._rng.random((n, self._draws))
        taken, lost = self._turns(uniforms)
        if lost == turns.ALL_TAKEN:
            return n
        with np.errstate(over="ignore", invalid="ignore"):
            self.reached = [float(np.nanmax(np.abs(one), initial=0.0)) for one in self._signals()]
        self._put_back(before)
        self._turns(uniforms[:taken])
        self.lost = lost
        return taken

    def _signals(self):
        """phi and u where p_g has mass: what overflows when a number is lost."""
        here = self.state_[3] != 0
        return self.phi[here], self.losses.generator_loss(self.phi)[here]

    def _turns(self, uniforms):
        if self._fast:
            form, parameters = self.losses.disc
            return self._kernel(
                ((form, parameters, self.losses.clip), self.losses.gen), self.cells, self.state_,
                self._memories, self._work, (self.rule.code, self.rule.constants), self._codes,
                (self.alpha_disc, self.alpha_gen), self.baseline or 0.0, uniforms, len(uniforms),
            )  # fmt: skip
        for turn, drawn in enumerate(uniforms):
            with np.errstate(over="ignore", invalid="ignore"):  # what is lost is looked for
                lost = self._turn(drawn)
            if lost != turns.ALL_TAKEN:
                return turn, lost
        return len(uniforms), turns.ALL_TAKEN

    def _turn(self, drawn):
        """One turn of a game of your own, or with a Gaussian, out of the same pieces."""
        batch = self.batch or 0
        begin = 2 * batch * (self.disc_steps or 0)
        if not self._update_discriminator(drawn[:begin]):
            return turns.DISC_LOST
        sampled = batch if self._codes[2] != EXACT else 0
        for _ in range(self.gen_steps):
            if not self._update_generator(drawn[begin : begin + sampled]):
                return turns.GEN_LOST
            begin += sampled
        return turns.ALL_TAKEN

    def _update_discriminator(self, drawn):
        """All of its updates in a turn; False if a weight is lost."""
        weights, phi, _, gen = self.state_[:4]
        gradient, batch = self._work[3], self.batch or 0
        if self.disc_steps is None:
            shares = [self.disc_capacity.pool(mass) for mass in (self.cells[0], gen)]
            weights[:] = self.losses.best(shares[1] / shares[0])
            phi[:] = self.disc_capacity.spread(weights)
        for step in range(self.disc_steps or 0):
            ascent = self._ascent(drawn[2 * batch * step : 2 * batch * (step + 1)])
            gradient[:] = self.disc_capacity.pool(ascent) * self.cells[5]
            self._descend(self.alpha_disc, gradient, weights, 0, self.losses.clip)
            phi[:] = self.disc_capacity.spread(weights)
            if not np.isfinite(weights).all():
                return False
        return True

    def _update_generator(self, drawn):
        """One of its updates; False if p_g is lost."""
        _, phi, theta, gen, centre = self.state_[:5]
        gradient = self._work[4]
        gradient[:] = self._gen_gradient(self.losses.generator_loss(phi), drawn)
        self._descend(self.alpha_gen, gradient, theta, 1, math.inf)
        if self.family == "ratio":
            if not turns.project(self.geometry.masses, theta):
                return False
            gen[:] = self.geometry.masses * theta
            return True
        logs = self.gen_capacity.spread(theta)
        return turns.place(logs, self.cells[4], self.cells[2], centre, self._work[2], gen)

    def _ascent(self, drawn):
        """How E_r[l_r] + E_g[l_g] grows with phi, cell by cell."""
        real, gen = self.cells[0], self.state_[3]
        slopes = self.losses.slope_real(self.phi), self.losses.slope_gen(self.phi)
        if self.batch is None:
            return real * slopes[0] + gen * slopes[1]
        found, other = self._draw_real(drawn[: self.batch]), self._work[8]
        other[:] = draw(gen, drawn[self.batch :])
        ascent = np.empty(real.size)
        turns.sampled_ascent(found, other, *slopes, ascent)
        return ascent

    def _draw_real(self, uniforms):
        """The cells of a minibatch: fresh, or rows of the data set."""
        found = self._work[7]
        if self.rows is not None:
            draw_rows(self.state_[5], uniforms, found)
        else:
            look_up(*self.cells[7:9], uniforms, found)
        return found

    def _gen_gradient(self, u, drawn=()):
        """The gradient of E_g[u] in the generator's weights."""
        masses, gen = self.geometry.masses, self.state_[3]
        cells = np.empty(gen.size)
        if self.family == "ratio":
            return masses * (u - _dot(masses, u)) * self.cells[6]
        if len(drawn):
            kind, found = self._codes[2], draw(gen, drawn)
            score_gradient(kind, self.baseline or 0.0, u, gen, found, cells)
        else:
            exact_gradient(u, gen, cells)
        gradient = self.gen_capacity.pool(cells) * self.cells[6]
        if self.inner_product == "fisher":
            return _over(gradient, self.gen_capacity.pool(gen))
        return gradient

    def _descend(self, rate, gradient, weights, player, clip):
        descend(
            self.rule.code, self.rule.constants, rate, gradient, weights,
            *self._memories[player], clip,
        )  # fmt: skip

    def measure(self):
        """The trace row of the present R and discriminator."""
        row = measure(self._measured_by, self.geometry, self.ratio, SOLO)
        self._max_error = row["max_error"]
        about_r = ("kl", "js", "max_error", "rms_error", "min_ratio", "max_ratio", "mean_ratio")
        return {
            **self._players(),
            **{name: row[name] for name in (*about_r, "effective_support")},
            **self._coverage(),
        }

    def _players(self):
        """The losses of both players, how good the discriminator is, and how steep either is."""
        seen, masses, gen, phi = self.cells[0], self.cells[1], self.state_[3], self.phi
        losses = self.losses
        with np.errstate(over="ignore", invalid="ignore"):
            real_loss, gen_loss = losses.loss_real(phi), losses.loss_gen(phi)
            u = losses.generator_loss(phi)
            on_gen = _expected(gen, gen_loss)
            right = np.sign(gen_loss - real_loss)  # 1 where phi says real
            accuracy = 0.5 + 0.25 * (_dot(masses, right) - _dot(gen, right))
            disc = self.disc_capacity
            ascent = seen * losses.slope_real(phi) + gen * losses.slope_gen(phi)
            disc_gradient = disc.pool(ascent)
            best = self._least_cost(masses, gen)
        return {
            "g": _expected(gen, u),
            "d": _expected(masses, real_loss) + on_gen,
            "d_train": _expected(seen, real_loss) + on_gen,
            "d_best": best,
            "accuracy": accuracy,
            "disc_gradient": _norm(disc_gradient, self.cells[5]),
            **self._gen_slope(u),
        }

    def _least_cost(self, masses, gen):
        """E[d*]: the least d of a discriminator of this many cells."""
        real, other = (_shares(self.disc_capacity, mass, whole=True) for mass in (masses, gen))
        return _dot(real, self.losses.game.discriminator_cost(other / real))

    def _gen_slope(self, u):
        """Norm of the exact gradient of the generator, and the sd of its estimate in that norm."""
        masses, gen, player = self.geometry.masses, self.state_[3], self.gen_capacity
        if self.family == "ratio":
            gradient = masses * (u - _dot(masses, u))
            return {"gen_gradient": _norm(gradient, self.cells[6]), "gen_noise": 0.0}
        u = np.where(gen > 0, u, 0.0)
        gradient = player.pool(gen * (u - _dot(gen, u)))
        natural = self.inner_product == "fisher"
        shares = player.pool(gen) if natural else None
        noise = 0.0
        if self.gradient == "score":
            maps = player.pool, player.pool_squares
            variance = score_variance(u, gen, self.batch, self.baseline, *maps)
            scaled = _over(variance, shares) if natural else variance * self.cells[6]
            noise = math.sqrt(float(np.sum(scaled)))
        along = _over(gradient, shares) if natural else gradient * self.cells[6]
        with np.errstate(over="ignore", invalid="ignore"):
            return {"gen_gradient": math.sqrt(_dot(gradient, along)), "gen_noise": noise}

    def _coverage(self):
        """How many modes of p_r have half of their share or more, and where p_g is highest."""
        modes = np.arange(self.n_modes)
        shares = [
            np.bincount(self._basins + 1, mass, self.n_modes + 1)[1:]
            for mass in (self.state_[3], self.cells[1])
        ]
        covered = int(np.count_nonzero(shares[0] >= _COVERED * shares[1])) if modes.size else 0
        return {"modes": covered, "cell": int(self._numbers[np.argmax(self.state_[3])])}

    def state(self):
        """A copy of R on the grid."""
        return self._on_grid(self.ratio)

    def progress(self):
        """max|R-1| as last measured, and no rate."""
        return self._max_error, math.nan

    def check(self, step, row):
        """A reason to stop at this row, or None."""
        if self.lost is not None:
            return "diverged"
        return "converged" if row["js"] < self.tol else None

    def _discriminator(self):
        """f on the grid."""
        return self._on_grid(self.losses.link(self.phi))

    def _on_grid(self, values):
        full = np.full(self.real.grid.shape, np.nan)
        full[self.support] = values
        return full

    def _copied(self):
        return [array.copy() for array in (*self.state_, *self._memories[0], *self._memories[1])]

    def _put_back(self, before):
        arrays = (*self.state_, *self._memories[0], *self._memories[1])
        for array, copy in zip(arrays, before, strict=True):
            array[...] = copy

    # --- what the user asks for ---

    def load_kernels(self):
        """Compile or load what is left to load, so that it is not timed with the run."""
        start = time.perf_counter()
        self.measure()
        self.compile_seconds += time.perf_counter() - start

    def solution(self, run):
        """What a run of the loop comes to."""
        rows = run.rows
        if len(rows) > 1 and rows[-1]["step"] == rows[-2]["step"]:
            rows = rows[:-1]  # the turn that was lost is not there to be recorded
        trace = Trace({name: [row[name] for row in rows] for name in rows[0]})
        last = rows[-1]
        return Solution(
            algorithm=self.name,
            ratio=self._on_grid(self.ratio),
            discriminator=self._discriminator(),
            n_steps=run.n_steps,
            trace=trace,
            certificate={
                key: last[key]
                for key in ("mean_ratio", "min_ratio", "max_error", "js", "g", "d", "d_best")
            },
            real=self.real,
            gen=self.gen,
            options=self.options(),
            seconds=run.seconds,
            compile_seconds=self.compile_seconds,
            snapshot_steps=run.snapshot_steps,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            seed=self.seed,
            particles=self.places,
            **training_outcome.outcome(self, run, trace),
        )

    def options(self):
        """The settings as plain values."""
        disc, gen = self.disc_capacity, self.gen_capacity
        return {
            "game": self.losses.game.spec,
            "gen_loss": self.losses.gen_game.spec,
            "family": self.family,
            "alpha_disc": self.alpha_disc,
            "alpha_gen": self.alpha_gen,
            "disc_steps": self.disc_steps or "best",
            "gen_steps": self.gen_steps,
            "batch": self.batch or "exact",
            "data": self.rows,
            "disc_cells": _as_text(disc.cells),
            "gen_cells": _as_text(gen.cells),
            "disc_smooth": disc.smooth,
            "gen_smooth": gen.smooth,
            "optimizer": self.rule.spec,
            "gradient": self.gradient,
            "baseline": "leave-one-out" if self.baseline is None else self.baseline,
            "inner_product": self.inner_product,
            "tol": self.tol,
            "max_steps": self.max_steps,
        }


_INNER_CODES = {
    "euclidean": turns.EUCLIDEAN,
    "reference": turns.REFERENCE,
    "fisher": turns.FISHER,
}


def _baseline(value, losses):
    """The constant taken off u; None for leave-one-out."""
    if value == "leave-one-out":
        return None
    if value in ("none", None):
        return 0.0
    if value == "constant":
        return float(losses.generator_loss(losses.best(np.ones(1)))[0])  # u at R = 1
    return check_number("baseline", value)


def _shares(capacity, masses, whole=False):
    """Masses of the blocks that the weights of a player stand for."""
    if not capacity.pooled or (whole and capacity.factors is not None):
        return masses
    return np.bincount(capacity.block, masses, capacity.size)


def effective_support(masses):
    """exp(entropy): how many cells of equal mass would be as many."""
    positive = masses[masses > 0]
    return math.exp(-ordered_sum(np.log(positive), positive))


def _expected(masses, values):
    """Sum masses values, where a cell without mass adds nothing."""
    return _dot(masses, np.where(masses > 0, values, 0.0))


def _dot(a, b):
    """Sum a b by NumPy's own sum: that of a BLAS depends on how many threads it has."""
    return float(np.sum(a * b))


def _over(values, shares):
    """values/shares, 0 where there is no share."""
    with np.errstate(over="ignore"):
        return np.divide(values, shares, out=np.zeros_like(values), where=shares > 0)


def _norm(gradient, scale):
    """Of a gradient whose components are to be multiplied by `scale`; inf where that is too large.

    A discriminator that is about to diverge is measured as well.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return math.sqrt(_dot(gradient, scale * gradient))


def _as_text(cells):
    return cells[0] if len(cells) == 1 else "x".join(map(str, cells))
