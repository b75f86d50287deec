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
from ratiogan.catalogue import STEPS
from ratiogan.errors import InputError, check_choice, check_integer, check_number, check_positive
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, auto_alpha, density_ratio
from ratiogan.solution import Prediction, Solution, Status, Trace
from ratiogan.solvers import loop
from ratiogan.solvers.measure import measure
from ratiogan.solvers.steps import ArmijoSteps, ConstantSteps, FusedSteps, NewtonSteps
from ratiogan.solvers.team import Team

_RATE_WINDOW = (1e-8, 1e-4)  # of max|R-1|: linear already, round-off not yet
_RATE_STEPS = 5


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
    progress=None,
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
        Stop when max|R-1| is below. With 0 the run takes `max_steps` steps.
    max_steps : int
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
    progress : callable or True, optional
        Called as ``progress(step, max_steps, max_error, rate, seconds)``.

    Returns
    -------
    Solution

    Raises
    ------
    InputError
        For an argument that cannot be used.
    SingularMassError
        If the generator has mass where p_r = 0.

    References
    ----------
    Slide 001, "Algorithm 2: Generator Loss Gradient Descent"; Arjovsky and Bottou 2017, Theorem 2.5.

    Examples
    --------
    >>> solution = glgd(grid=64)
    >>> solution.status.value, solution.n_steps
    ('converged', 38)
    """
    solver = GLGD(
        real, gen, game, geometry, step, alpha, tol, max_steps,
        grid=grid, domain=domain, singular=singular, threads=threads,
    )  # fmt: skip
    return solver.solve(record=record, snapshots=snapshots, progress=progress)


class GLGD:
    """GLGD on one problem, to be solved at once or stepped; the arguments are those of `glgd`.

    Examples
    --------
    >>> solver = GLGD(grid=64)
    >>> for step, ratio in solver.iter_states(max_steps=2):
    ...     print(step, round(float(abs(ratio - 1).max()), 2))
    0 4.94
    1 3.6
    2 2.52
    """

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
        self.game = make_game(game)
        self.step_rule = check_choice("step", step, tuple(STEPS))
        self.tol = check_number("tol", tol)
        if self.tol < 0:
            raise InputError(f"tol must be at least 0, got {self.tol:g}.", argument="tol")
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        if alpha != "auto":
            alpha = check_positive("alpha", alpha, fix="Pass a positive step size, or auto.")
        real, gen = presets.problem(real, gen, grid, domain)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self._support = None if self.real.support.all() else self.real.support
        self.ratio = self._on_support(start.values)
        self.geometry = Geometry(
            geometry,
            _read_only(self._on_support(self.real.mass)),
            _read_only(self._on_support(self.real.density)) if geometry == "lebesgue" else None,
        )
        self.alpha_is_auto = alpha == "auto"
        self.alpha, self.alpha_reason = auto_alpha(self.game, self.geometry)
        if not self.alpha_is_auto:
            self.alpha, self.alpha_reason = alpha, "given"
        self.team = Team(threads, self.ratio.size)
        self.rule = self._make_rule()
        self._history = []
        self._max_error = math.nan
        self._start_errors = self._bound_numerators()

    def _bound_numerators(self):
        """What the global bounds of `reference` and `fisher` start from."""
        if self.geometry.name not in ("reference", "fisher"):
            return {}
        row = measure(make_game("maximum-likelihood"), self.geometry, self.ratio, self.team)
        # The cost of the maximum likelihood game is KL(p_r||p_g).
        return {"squares": row["rms_error"] ** 2, "kl_real_gen": row["cost"]}

    def _on_support(self, values):
        # A view where p_r covers the grid: large grids are not copied.
        return values.reshape(-1) if self._support is None else values[self._support]

    def _make_rule(self):
        kind = {"constant": ConstantSteps, "armijo": ArmijoSteps, "newton": NewtonSteps}
        chosen = kind[self.step_rule]
        if chosen is ConstantSteps and self.game.kernel and self.geometry.name != "logits":
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
        row = measure(self.game, self.geometry, self.ratio, self.team)
        row["projected"] = self.rule.projected
        row["halvings"] = self.rule.halvings
        self._max_error = row["max_error"]
        return row

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
        if not math.isfinite(row["max_error"]) or not math.isfinite(row["rms_error"]):
            return "diverged"
        if row["max_error"] < self.tol or (row["max_error"] == 0 and self.tol > 0):
            return "converged"
        if step == 0 and row["min_ratio"] == 0 and self._undefined_at_zero():
            return "undefined"
        if not self.geometry.is_linear and row["min_ratio"] == 0 and row["grad_norm"] < 1e-12:
            return "uncovered"
        if self.rule.stationary:
            return "stationary"
        if self.tol > 0 and not self.should_converge and self._has_settled(step, row):
            return "settled"
        return None

    def _undefined_at_zero(self):
        return self.game.signal_at_zero == -math.inf

    @property
    def local_rate(self):
        """The predicted factor per step of the slowest mode near R = 1."""
        return self.game.rate(self.alpha * self.geometry.slowest_density())

    @property
    def should_converge(self):
        """Whether the theory predicts convergence to R = 1 from nearby."""
        if self.step_rule != "constant":
            return self.game.converges
        fastest = self.game.rate(self.alpha * self.geometry.max_density)
        return self.game.converges and abs(fastest) < 1

    def _has_settled(self, step, row):
        """Whether a run that should not converge has shown what it does instead."""
        emptied = [k for k, _, lowest in self._history if lowest == 0]
        if emptied:
            return step >= 2 * emptied[0] + 50
        if step < 200:
            return False
        early = [rms for k, rms, _ in self._history if 2 * k < step]
        late = [rms for k, rms, _ in self._history if 2 * k >= step]
        return min(late) >= 0.5 * min(early) and row["rms_error"] <= 1.05 * late[0]

    def _on_grid(self, values):
        if self._support is None:
            return values.reshape(self.real.grid.shape)
        full = np.full(self.real.grid.shape, np.nan)
        full[self._support] = values
        return full

    # --- what the user asks for ---

    def iter_states(self, max_steps=None):
        """Yield (step, R on the grid) at step 0, 1, 2, .. without a stopping rule."""
        most = self.max_steps if max_steps is None else check_integer("max_steps", max_steps, 0)
        yield 0, self.state()
        for step in range(1, most + 1):
            self.advance(1)
            yield step, self.state()

    def solve(self, record="auto", snapshots="auto", progress=None):
        """Run to the end.

        Returns
        -------
        Solution
        """
        schedule = loop.record_schedule(record, self.ratio.size)
        keep = loop.keeps_snapshots(snapshots, self.ratio.size)
        compile_seconds = self._load_kernels()
        run = loop.run(
            self, max_steps=self.max_steps, schedule=schedule, snapshots=keep, progress=progress
        )
        return self._solution(run, compile_seconds)

    def _load_kernels(self):
        """Compile or load what the run needs, on two cells, so that it is not timed with it."""
        start = time.perf_counter()
        if self.game.kernel and not config.DISABLE_JIT:
            masses = _read_only(np.full(2, 0.5))
            geometry = Geometry(self.geometry.name, masses, masses)
            rule = type(self.rule)(self.game, geometry, 0.01, self.tol, self.team)
            rule.advance(np.array([0.9, 1.1]), 1)
            measure(self.game, geometry, np.ones(2), self.team)
        return time.perf_counter() - start

    def _solution(self, run, compile_seconds):
        columns = {name: [row[name] for row in run.rows] for name in run.rows[0]}
        trace = Trace(columns)
        status, as_predicted, finding = self._verdict(run, trace)
        ratio = self._on_grid(self.ratio)
        last = run.rows[-1]
        warnings = []
        if trace.min_ratio[-1] == 0 and not self.geometry.is_linear:
            warnings.append(
                f"R = 0 in {self._empty_text()}: in {self.geometry.name} such a cell stays empty, "
                "a dropped mode stays dropped. In reference it fills again."
            )
        return Solution(
            algorithm="glgd",
            ratio=ratio,
            discriminator=self.game.best_response(ratio),
            status=status,
            as_predicted=as_predicted,
            finding=finding,
            n_steps=run.n_steps,
            trace=trace,
            certificate={
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
            real=self.real,
            gen=self.gen,
            options={
                "game": self.game.spec,
                "geometry": self.geometry.name,
                "step": self.step_rule,
                "alpha": self.alpha,
                "alpha_is_auto": self.alpha_is_auto,
                "alpha_reason": self.alpha_reason,
                "tol": self.tol,
                "max_steps": self.max_steps,
            },
            seconds=run.seconds,
            compile_seconds=compile_seconds,
            snapshot_steps=run.snapshot_steps,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            predictions=self._predictions(status, trace),
            warnings=tuple(warnings),
            seed=None,
        )

    def _empty_text(self):
        empty = self.ratio == 0
        mass = float(self.geometry.masses[empty].sum())
        return f"{int(empty.sum())} of {empty.size} cells ({100 * mass:.2g}% of p_r)"

    def _verdict(self, run, trace):
        """Status, whether the theory predicts it, and the finding."""
        error, n = trace.max_error[-1], run.n_steps
        grew = f"|R-1| went from {trace.max_error[0]:.2g} to {error:.2g}"
        predicted = not self.should_converge
        if run.reason == "converged":
            text = f"CONVERGED in {n} steps: max|R-1| = {error:.1e}, below tol {self.tol:.0e}."
            return Status.CONVERGED, True, text
        if run.reason == "interrupted":
            text = f"INTERRUPTED at step {n}: max|R-1| = {error:.1e}."
            return Status.INTERRUPTED, False, text
        if run.reason == "diverged":
            text = f"DIVERGED at step {n}: R is no longer finite. Take a smaller alpha than {self.alpha:g}."
            return Status.DIVERGED, False, text
        if run.reason == "undefined":
            text = (
                f"STOPPED before step 1: R = 0 in {self._empty_text()}, where u = -inf and a step of "
                f"{self.game.spec} is undefined. non-saturating and least-squares run from here."
            )
            return Status.STALLED, False, text
        if run.reason == "uncovered":
            text = (
                f"SUPPORT NOT COVERED, as predicted: R = 0 in {self._empty_text()} stays 0 in "
                f"{self.geometry.name}; elsewhere R is constant, max|R-1| = {error:.2g}."
            )
            return Status.SUPPORT_NOT_COVERED, True, text
        if run.reason == "max-steps" and self.tol == 0:
            text = f"TOOK {n} steps, as asked: max|R-1| = {error:.1e}, JSD = {trace.js[-1]:.1e}."
            return Status.CONVERGING, True, text
        if predicted:
            return self._predicted_failure(trace, grew)
        if run.reason == "stationary":
            text = (
                f"STALLED at step {n}: max|R-1| = {error:.1e}, and no step lowers E[Phi] further; "
                f"tol {self.tol:.0e} is below what double precision reaches."
            )
            return Status.STALLED, False, text
        text = (
            f"NOT CONVERGED in {n} steps: max|R-1| = {error:.1e}, tol {self.tol:.0e}. "
            + self._remaining_text(trace)
        )
        return Status.MAX_STEPS, False, text

    def _predicted_failure(self, trace, grew):
        game = self.game
        error = trace.max_error[-1]
        if game.has_kink or game.converges:
            why = (
                f"the signal of {game.spec} jumps, so that steps of one size chatter"
                if game.has_kink
                else f"alpha Phi''(1) = {self.alpha * game.curvature_at_one:.3g}"
                f"{'' if self.geometry.max_density == 1 else ' / max p_r'} is above the limit 2"
            )
            text = f"NOT CONVERGING, as predicted: {grew} and stays there; {why}."
            return Status.CYCLE, True, text
        empty = f" (R = 0 in {100 * np.mean(self.ratio == 0):.2g}% of the cells)"
        text = (
            f"NOT CONVERGING, as predicted: |R-1| grew from {trace.max_error[0]:.2g} to "
            f"{error:.2g}{empty if self.ratio.min() == 0 else ''}. R = 1 is unstable for {game.spec}: "
            + (
                "its induced cost has Phi'' < 0 for R < 1. See: ratiogan explain lsgan-pearson"
                if game.curvature_at_one == 0 and float(game.curvature(0.5)) < 0
                else f"Phi''(1) = {game.curvature_at_one:.3g}."
            )
        )
        return Status.UNSTABLE, True, text

    def _remaining_text(self, trace):
        rate = _measured_rate(trace.step, trace.rms_error, slice(-min(len(trace), 20), None))
        error = trace.max_error[-1]
        if not 0 < rate < 1 or not error > self.tol > 0:
            return "Try --step newton."
        more = math.log(self.tol / error) / math.log(rate)
        return f"At {rate:.6g} per step it needs about {more:.2g} more, or --step newton."

    def _predictions(self, status, trace):
        game, geometry = self.game, self.geometry
        rows = []
        if self.step_rule == "constant" and game.converges:
            rows.append(self._rate_prediction(trace))
        if status is Status.CONVERGED:
            for name, predicted, measured, text in (
                ("generator cost g at the end", game.signal_at_one, trace.g[-1], "log 2"),
                (
                    "discriminator cost d at the end",
                    float(game.discriminator_cost(1.0)),
                    trace.d[-1],
                    "2 log 2",
                ),
            ):
                value = {"log 2": math.log(2), "2 log 2": 2 * math.log(2)}[text]
                rows.append(
                    _compared(name, predicted, measured, text if predicted == value else None)
                )
        named = _NAMED.get(game.formulas["cost_is"])
        if named is not None:
            total = _sum_over_cells(named, self.gen.mass.reshape(-1), self.real.mass.reshape(-1))
            left = "C(R0) - 2 log 2" if game.spec == "non-saturating" else "E[Phi(R0)] - Phi(1)"
            rows.append(
                _compared(f"{left} = {game.formulas['cost_is']}", total, trace.cost[0], None)
            )
        rows.extend(self._descent_predictions(trace))
        return tuple(rows)

    def _rate_prediction(self, trace):
        name = "rate per step, 1 - alpha Phi''(1)" + (
            " mu" if self.geometry.name == "lebesgue" else ""
        )
        low, high = _RATE_WINDOW
        window = np.flatnonzero((trace.max_error > low) & (trace.max_error < high))
        predicted = self.local_rate
        steps = trace.step[window[-1]] - trace.step[window[0]] if window.size else 0
        if steps < _RATE_STEPS:
            return Prediction(name, predicted, "not measurable", tolerance=1e-3)
        measured = _measured_rate(trace.step, trace.rms_error, window)
        return Prediction(name, predicted, measured, abs(measured - predicted), 1e-3)

    def _descent_predictions(self, trace):
        """E[Phi] never rises, and lies below the global bounds."""
        cost = trace.cost
        slack = 4 * np.finfo(float).eps * np.maximum(1.0, np.abs(cost[:-1]))
        falls = cost[1:] <= cost[:-1] + slack
        limit, why = self._monotone_limit()
        rows = [
            Prediction(
                f"E[Phi] never rises ({why})",
                "yes" if self.alpha <= limit * (1 + 1e-12) else "not guaranteed",
                _yes(falls),
            )
        ]
        bound = self._global_bound()
        if bound is not None:
            name, numerator = bound
            steps = trace.step[1:]
            below = cost[1:] <= numerator / (self.alpha * steps) + slack
            rows.append(Prediction(f"E[Phi]-min <= {name}", "yes", _yes(below)))
        return rows

    def _monotone_limit(self):
        """The largest alpha for which descent is guaranteed, and how the table says so."""
        if self.step_rule != "constant":
            return math.inf, "Armijo"
        if not self.geometry.is_linear:
            limit = 1.0 / self.game.sup_ratio_curvature if self.geometry.name == "fisher" else 0.0
            return limit, f"alpha <= {limit:.4g}" if limit else "checked"
        if self.game.signal_at_zero == -math.inf:
            return math.inf, "alpha halved where needed"
        if not self.game.convex:
            return 0.0, "checked"
        scale = self.geometry.max_density
        own, limit = (1.0 / self.game.slope_bound / scale, 2.0 / self.game.sup_curvature / scale)
        # The smaller limit, where it holds, also says that R >= 0 needed no projection.
        return limit, f"alpha <= {min(own, limit) if self.alpha <= own else limit:.4g}"

    def _global_bound(self):
        """The O(1/k) bound that holds at these settings: its formula, and the numerator."""
        if self.step_rule != "constant" or not self.game.convex:
            return None
        name, alpha = self.geometry.name, self.alpha
        start = self._start_errors
        if name == "reference" and alpha * self.game.sup_curvature <= 1:
            return "E[(R0-1)^2]/(2 alpha k)", 0.5 * start["squares"]
        if name == "fisher" and alpha * self.game.sup_ratio_curvature <= 1:
            return "KL(p_r||p_g0)/(alpha k)", start["kl_real_gen"]
        return None


def _read_only(values):
    # Numba compiles for read-only and for writable arrays apart: always the same kind here.
    values = values.view()
    values.flags.writeable = False
    return values


def _compared(name, predicted, measured, text):
    return Prediction(name, predicted, float(measured), abs(float(measured) - predicted), text=text)


def _yes(holds):
    total, kept = len(holds), int(np.count_nonzero(holds))
    return f"{'yes' if kept == total else 'NO'} ({kept} of {total} steps)"


def _measured_rate(steps, errors, rows):
    """Geometric mean of the error's factor per step over these rows."""
    steps, errors = steps[rows], errors[rows]
    if len(steps) < 2 or not errors[0] > 0:
        return math.nan
    return float((errors[-1] / errors[0]) ** (1.0 / (steps[-1] - steps[0])))


def _sum_over_cells(term, gen, real):
    """sum term(p_g, p_r) over the cells with p_r > 0, a slice at a time."""
    total = 0.0
    for first in range(0, real.size, 1 << 16):
        g, r = gen[first : first + (1 << 16)], real[first : first + (1 << 16)]
        with np.errstate(divide="ignore", invalid="ignore"):
            total += float(np.sum(np.where(r > 0, term(g, r), 0.0)))
    return total


def _relative_entropy(p, q):
    return np.where(p > 0, p * np.log(p / q), 0.0)


# The divergences that induced costs are, straight from the masses: the other side of the identity
# E[Phi(R)] - Phi(1) = D that a run prints.
_NAMED = {
    "2 KL(m||p_r)": lambda g, r: 2 * _relative_entropy(0.5 * (g + r), r),
    "2 JSD": lambda g, r: _relative_entropy(g, 0.5 * (g + r)) + _relative_entropy(r, 0.5 * (g + r)),
    "KL(p_r||p_g)": lambda g, r: _relative_entropy(r, g),
    "KL(p_g||p_r)": _relative_entropy,
    "2 TV": lambda g, r: np.abs(g - r),
    "TV": lambda g, r: 0.5 * np.abs(g - r),
    "triangular": lambda g, r: (g - r) ** 2 / (g + r),
    "2 H^2": lambda g, r: (np.sqrt(g) - np.sqrt(r)) ** 2,
}
