"""Generator-loss gradient descent: f <- f*(R), R <- R - alpha P_0 grad g(R, f).

With f* held fixed the generator does not descend L(R) = g(R, f*(R)) but the induced cost E[Phi(R)],
Phi' = u(f*(R)), which for the non-saturating game is C(R) = 2 KL(m||p_r) up to a constant (slide
001, "GLGD"; errata for what the slide leaves out). It converges to R = 1 where Phi is strictly
convex.
"""

import math
import time

import numpy as np
from numba import config

from ratiogan import presets
from ratiogan.catalogue import ALGORITHM_STEPS
from ratiogan.errors import InputError, check_choice, check_integer, check_number, check_positive
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, auto_alpha, density_ratio
from ratiogan.solution import Solution, Trace
from ratiogan.solvers import loop, outcome
from ratiogan.solvers.measure import measure
from ratiogan.solvers.steps import (
    ArmijoSteps,
    ConstantSteps,
    FusedSteps,
    NewtonSteps,
    fits_one_pass,
)
from ratiogan.solvers.team import Team
from ratiogan.sums import folded, ordered_sum

# Norm of a projected gradient that no longer moves anything. Backtracking compares E[Phi], which
# is of its square.
_STATIONARY = {"constant": 1e-12, "armijo": 1e-7}
HOPELESS_STEPS = 100  # a run that `max_steps` steps cannot finish shows so many


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
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    threads=None,
    progress=False,
    scheduler=None,
    checkpoint=None,
):
    """Descend the generator's loss with the discriminator at its best response.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid, or preset specs. Without them the default
        problem: ``bimodal`` and ``normal``.
    game : str or Game
        The two players' losses.
    geometry : {"reference", "lebesgue", "fisher", "logits"}
        The inner product that gradient, projection and step belong to.
    step : {"constant", "armijo", "newton"}
        The step rule.
    alpha : float or "auto"
        The step size; "auto" is 1/(2 Phi''(1)), over max p_r in `lebesgue`: the error halves at
        every step near R = 1. In `newton` it plays no part.
    tol : float
        Stop when max|R-1| is below. With 0 the run takes `max_steps` steps, unless R repeats
        itself before.
    max_steps : int
        A linear geometry stops after 100 steps where R starts so high that these cannot suffice.
    grid, domain : optional
        The cells, where `real` and `gen` are presets.
    singular : {"error", "restrict"}
        What to do about generator mass where p_r = 0.
    record : "auto", "all" or int
        Which steps to record in the trace.
    snapshots : "auto" or bool
        Whether to keep R at log-spaced steps.
    threads : int, optional
        At most so many; by default all cores above some 100,000 cells. The result does not depend
        on it, to the byte.
    progress : callable, optional
        Called as ``progress(step, max_steps, max_error, rate, seconds)``.

    scheduler : str or distributed.Client, optional
        ``local:N`` or ``tcp://HOST:PORT``: R lies in chunks on Dask workers, and its grid may be
        larger than this machine (`cluster.glgd`, which has more to choose).
    checkpoint : str or path, optional
        A folder in which a run on a `scheduler` keeps what it needs to go on.

    Returns
    -------
    Solution
        On a `scheduler` a `cluster.ChunkedSolution`, whose R is not brought here unasked.

    Raises
    ------
    InputError
        For an argument that cannot be used.
    SingularMassError
        If the generator has mass where p_r = 0.

    References
    ----------
    Slide 001, "Algorithm 2: Generator Loss Gradient Descent"; Arjovsky and Bottou 2017, Theorem
    2.5.

    Examples
    --------
    >>> solution = glgd(grid=64)
    >>> solution.status.value, solution.n_steps
    ('converged', 38)
    """
    if scheduler is not None or checkpoint is not None:
        from ratiogan import cluster  # upward: only who asks for workers needs Dask

        refuse_threads(threads)
        return cluster.glgd(
            real, gen, game, geometry, step, alpha, tol, max_steps, grid=grid, domain=domain,
            singular=singular, record=record, snapshots=snapshots, progress=progress,
            scheduler=scheduler, checkpoint=checkpoint,
        )  # fmt: skip
    solver = GLGD(
        real, gen, game, geometry, step, alpha, tol, max_steps,
        grid=grid, domain=domain, singular=singular, threads=threads,
    )  # fmt: skip
    return solver.solve(record=record, snapshots=snapshots, progress=progress)


def refuse_threads(threads):
    """Refuse a number of threads beside a scheduler."""
    if threads is not None:
        raise InputError(
            "threads are those of this process, on a scheduler each worker has its own.",
            argument="threads",
            fix="Leave it out.",
        )


class GLGD(loop.Solver):
    """GLGD on one problem, to be solved at once or stepped; the arguments are those of `glgd`.

    Examples
    --------
    >>> solver = GLGD(grid=64)
    >>> for step, ratio in solver.iter_states(max_steps=2):
    ...     print(step, round(float(abs(ratio - 1).max()), 2))
    0 4.9
    1 3.57
    2 2.5
    """

    name = "glgd"
    everywhere = ""  # where it converged, in the finding
    cures = ("--geometry fisher", "--step newton")  # of slow steps: the first of tails, the last
    rated = "rms_error"  # the column whose factor per step is measured

    def __init__(
        self,
        real=None,
        gen=None,
        game="non-saturating",
        geometry="reference",
        step="constant",
        alpha="auto",
        tol=1e-10,
        max_steps=100_000,
        *,
        grid=None,
        domain=None,
        singular="error",
        threads=None,
    ):
        self._check(game, step, alpha, tol, max_steps, singular)
        real, gen = presets.problem(real, gen, grid, domain)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self._support = None if self.real.support.all() else self.real.support
        self.ratio, self._moved = self._on_support(start.values), False
        self.geometry = self._make_geometry(
            geometry,
            _read_only(self._on_support(self.real.mass)),
            _read_only(self._on_support(self.real.density)) if geometry == "lebesgue" else None,
        )
        self._choose_alpha(alpha)
        self.team = Team(threads, self.ratio.size)
        self.rule = self._make_rule()
        self._history, self._look_at = [], 0
        self._is_hopeless = False
        self._max_error = self._most = math.nan
        self.compile_seconds = 0.0

    def _check(self, game, step, alpha, tol, max_steps, singular):
        """Refuse what cannot be used, whatever the distributions are."""
        self.game = make_game(game)
        self.step_rule = check_choice("step", step, ALGORITHM_STEPS["glgd"])
        self.tol = check_number("tol", tol)
        if self.tol < 0:
            raise InputError(f"tol must be at least 0, got {self.tol:g}.", argument="tol")
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        self.alpha_is_auto = isinstance(alpha, str) and alpha == "auto"
        if not self.alpha_is_auto:
            check_positive("alpha", alpha, fix="Pass a positive step size, or auto.")

    def _choose_alpha(self, alpha):
        self.alpha, self.alpha_reason = auto_alpha(self.game, self.geometry)
        if not self.alpha_is_auto:
            self.alpha, self.alpha_reason = float(alpha), "given"

    def _on_support(self, values):
        # A view where p_r covers the grid: large grids are not copied.
        return values.reshape(-1) if self._support is None else values[self._support]

    _make_geometry = Geometry

    def _make_rule(self):
        kind = {"constant": ConstantSteps, "armijo": ArmijoSteps, "newton": NewtonSteps}
        chosen = kind[self.step_rule]
        if chosen is ConstantSteps and fits_one_pass(self.game, self.geometry, self.alpha):
            chosen = FusedSteps
        return chosen(self.game, self.geometry, self.alpha, self.tol, self.team)

    # --- what the loop asks for ---

    @property
    def halted(self):
        """Whether the loop should look at R now: it met the tolerance, or no step can move it."""
        return self.rule.stationary or self.rule.reached

    def advance(self, n):
        """Take up to `n` steps in place; returns how many."""
        return self.rule.advance(self.ratio, n)

    def measure(self):
        """The trace row of the present R."""
        return self._noted(measure(self.game, self.geometry, self.ratio, self.team))

    def _noted(self, row):
        row["projected"] = self.rule.projected
        row["halvings"] = self.rule.halvings
        self._max_error, self._most = row["max_error"], row["max_ratio"]
        return row

    # --- questions about all cells at once ---

    def least_ratio(self):
        """min R."""
        return float(self.ratio.min())

    def empty_cells(self):
        """How many cells have R = 0, of how many, and their share of p_r."""
        empty = self.ratio == 0
        return int(empty.sum()), empty.size, ordered_sum(empty, self.geometry.masses)

    def start_divergence(self, name):
        """A named divergence of p_g at the start and p_r."""
        gen, real = self._on_support(self.gen.mass), self._on_support(self.real.mass)
        return folded(outcome.divergence_sums(name, gen, real))

    def _starts_too_far(self):
        lowest = self.game.signal_at_zero
        if not math.isfinite(lowest):
            lowest = self.geometry.mean(self.game.signal(self.ratio))
        return outcome.cannot_finish(
            self.game, self.ratio, self.geometry.density, self.alpha, self.max_steps, lowest
        )

    def state(self):
        """A copy of R on the grid."""
        return self._on_grid(self.ratio).copy()

    def progress(self):
        """max|R-1| and the rate per step as last measured."""
        rate = math.nan
        if len(self._history) > 1:
            (first, before, _), (last, after, _) = self._history[-2:]
            if before > 0 and last > first:
                rate = (after / before) ** (1 / (last - first))
        return self._max_error, rate

    def check(self, step, row):
        """A reason to stop at this row, or None."""
        self._history.append((step, row["rms_error"], row["min_ratio"]))
        if not math.isfinite(row["max_error"]):
            return "diverged"
        if row["max_error"] < self.tol or (row["max_error"] == 0 and self.tol > 0):
            return "converged"
        if row["min_ratio"] == 0 and not self._regains_cells:
            # Backtracking cannot compare costs that are infinite before and after.
            if self._is_straight or (self.step_rule == "armijo" and math.isinf(row["cost"])):
                return "undefined"
            if row["grad_norm"] < _STATIONARY[self.step_rule] or self.rule.stationary:
                return "uncovered"
        if self.rule.stationary:
            return "stationary"
        if self._cannot_finish(step):
            return "hopeless"
        if self.tol > 0 and step >= self._look_at and not self.should_converge:
            # No more often than "auto" records: a look takes as long as the history.
            self._look_at = step + step // 50
            if self._has_settled(step, row):
                return "settled"
        return None

    def _cannot_finish(self, step):
        """Whether R started too high for `max_steps` linear steps, and enough is shown of it."""
        if step == 0:
            far = outcome.starts_far(self, self._most) and self.should_converge
            self._is_hopeless = self.tol > 0 and far and self._starts_too_far()
        return self._is_hopeless and step >= HOPELESS_STEPS

    @property
    def _is_straight(self):
        """Whether a step is a straight line in R."""
        return self.geometry.is_linear or self.step_rule == "newton"

    @property
    def _regains_cells(self):
        """Whether a cell with R = 0 can fill again."""
        return self._is_straight and self.game.signal_at_zero > -math.inf

    @property
    def local_rate(self):
        """The predicted factor per step of the slowest mode near R = 1."""
        slow = self.game.rate(self.alpha * self.geometry.slowest_density)
        if abs(slow) >= abs(self.game.rate(self.alpha * self.geometry.max_density)):
            return slow
        fast = self.game.rate(self.alpha * self.geometry.fastest_density)
        return slow if abs(slow) >= abs(fast) else fast

    @property
    def should_converge(self):
        """Whether the theory predicts convergence to R = 1 from nearby."""
        if self.step_rule != "constant":
            return self.game.converges
        if not self.game.converges:
            return False
        if self.rule.halves:
            return True  # the step is shortened until E[Phi] falls
        # No mode is faster than max p_r; on few cells the fastest is slower than that.
        return (
            abs(self.game.rate(self.alpha * self.geometry.max_density)) < 1
            or abs(self.game.rate(self.alpha * self.geometry.fastest_density)) < 1
        )

    def _has_settled(self, step, row):
        """Whether a run that should not converge has shown what it does instead."""
        emptied = [k for k, _, lowest in self._history if lowest == 0]
        if emptied:
            return step >= 2 * emptied[0] + 50
        if step < 200 or (self.is_unstable and row["max_error"] < 0.9):
            return False
        early = [rms for k, rms, _ in self._history if 2 * k < step]
        late = [rms for k, rms, _ in self._history if 2 * k >= step]
        return min(late) >= 0.5 * min(early) and row["rms_error"] <= 1.05 * late[0]

    @property
    def is_unstable(self):
        """Whether R = 1 itself repels, however small the step."""
        game = self.game
        return game.falls_at_one or not (game.converges or game.has_kink or game.convex)

    def _on_grid(self, values):
        if self._support is None:
            return values.reshape(self.real.grid.shape)
        full = np.full(self.real.grid.shape, np.nan)
        full[self._support] = values
        return full

    # --- what the user asks for ---

    def _restart(self):
        """Begin at p_g again; the arrays of an earlier run stay as they are."""
        if self._moved:
            self.ratio = self._on_support(density_ratio(gen=self.gen, real=self.real).values)
            self.rule = self._make_rule()
        self._moved = True
        self._history, self._look_at = [], 0

    @property
    def progress_tol(self):
        """Where max|R-1| should arrive; None where steps are counted."""
        return self.tol or None

    def load_kernels(self):
        """Compile or load what the run needs, on two cells, so that it is not timed with it."""
        start = time.perf_counter()
        if self.game.kernel and not config.DISABLE_JIT:
            self._try_kernels()
        self.compile_seconds = time.perf_counter() - start

    def _try_kernels(self):
        masses = _read_only(np.full(2, 0.5))
        geometry = Geometry(self.geometry.name, masses, masses)
        rule = type(self.rule)(self.game, geometry, 0.01, self.tol, self.team)
        rule.advance(np.array([0.9, 1.1]), 1)
        measure(self.game, geometry, np.ones(2), self.team)

    def solution(self, run):
        """The `Solution` of a finished run (a `loop.Record`)."""
        self.rule.before = None  # on a large grid its room is wanted for f*
        ratio = self._on_grid(self.ratio)
        return Solution(
            ratio=ratio,
            discriminator=self.game.best_response(ratio),
            real=self.real,
            gen=self.gen,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            **self._facts(run),
        )

    def _facts(self, run):
        """The fields of its `Solution` that are no arrays over the cells."""
        columns = {name: [row[name] for row in run.rows] for name in run.rows[0]}
        trace = Trace(columns)
        status, as_predicted, finding = outcome.verdict(self, run, trace)
        last = run.rows[-1]
        warnings = []
        if trace.min_ratio[-1] == 0 and not self.geometry.is_linear:
            warnings.append(
                f"R = 0 in {outcome.empty_cells(self)}: in {self.geometry.name} such a cell stays "
                "empty, a dropped mode stays dropped. In reference it fills again."
            )
        return {
            "algorithm": self.name,
            "status": status,
            "as_predicted": as_predicted,
            "finding": finding + outcome.dropped_mass(self.gen),
            "n_steps": run.n_steps,
            "trace": trace,
            "certificate": {
                key: last[key]
                for key in (
                    "mean_ratio",
                    "min_ratio",
                    "max_error",
                    "grad_norm",
                    "cost",
                    "gap_bound",
                )
            },
            "options": {
                "game": self.game.spec,
                "geometry": self.geometry.name,
                "step": self.step_rule,
                "alpha": self.alpha,
                "alpha_is_auto": self.alpha_is_auto,
                "alpha_reason": self.alpha_reason,
                "tol": self.tol,
                "max_steps": self.max_steps,
            },
            "seconds": run.seconds,
            "compile_seconds": self.compile_seconds,
            "snapshot_steps": run.snapshot_steps,
            "predictions": outcome.predictions(self, status, trace),
            "warnings": tuple(warnings),
            "seed": None,
        }


def _read_only(values):
    # Numba compiles for read-only and for writable arrays apart: always the same kind here.
    values = values.view()
    values.flags.writeable = False
    return values
