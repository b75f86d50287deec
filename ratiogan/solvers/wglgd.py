"""Wasserstein GLGD: f <- the critic of W1, R <- R + alpha P_0 f.

The generator's gradient of W1 is -f*, so this is subgradient descent on W1 itself (slides
"Computing the GAN Equilibrium", "Wasserstein GAN"). W1 is convex in R but not smooth: the
subgradient does not shrink as R -> 1, so that a constant step ends in a cycle whose mean W1 is
(alpha/2) Var f*. In
`reference` with R >= 0 kept by projection every step satisfies

    |R' - 1|^2 <= |R - 1|^2 - 2 alpha W1 + alpha^2 Var f,

in `fisher` KL(p_r||p_g') = KL(p_r||p_g) - alpha W1 + log E_g[exp(alpha (f - E_g f))]; all that is
predicted here follows from these two lines.
"""

import math
import time

import numpy as np

from ratiogan import presets
from ratiogan._jit import kernel
from ratiogan._vmath import exp, log, log1p
from ratiogan.catalogue import ALGORITHM_GEOMETRIES, ALGORITHM_STEPS
from ratiogan.errors import InputError, check_choice, check_integer, check_number, check_positive
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, density_ratio
from ratiogan.solution import Prediction, Solution, Status, Trace
from ratiogan.solvers import loop
from ratiogan.solvers.measure import measure
from ratiogan.solvers.outcome import dropped_mass
from ratiogan.solvers.team import SOLO
from ratiogan.transport.line import centre_critic, line_points

_RULES = {"constant": 0, "decay": 1, "polyak": 2}
_CONSTANT_SHARE = (
    0.1  # of Polyak's first step: a constant one ends near 1/20 of the W1 it started at
)
_FAR = 1e2  # R above this drains for long: a step takes off alpha |f| only
_LARGEST_BLOCK = 1 << 24  # steps times cells: a tenth of a second, so that Ctrl-C is answered
_LONGEST_CYCLE = 10_000  # steps over which a cycle is averaged
_ROUND_OFF = 1e-12  # by which a bound may seem to be missed, relative to itself
_NOTHING_LEFT = 1e-12  # W1, in units of the range of the axis, that round-off alone can leave


def wglgd(
    real=None,
    gen=None,
    geometry="reference",
    step="constant",
    alpha="auto",
    tol=1e-10,
    max_steps=2_000,
    *,
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    progress=False,
):
    """Descend the Wasserstein-1 distance with the critic at its best response.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid of one axis, or preset specs. Without them the
        default problem: ``bimodal`` and ``normal``.
    geometry : {"reference", "fisher"}
        The inner product that projection and step belong to: R + alpha f, projected onto R >= 0
        where it must be, or R exp(alpha f)/E[R exp(alpha f)].
    step : {"constant", "decay", "polyak"}
        alpha; alpha/sqrt(k) at the k-th step; W1/|P_0 f|^2 in the norm of the geometry.
    alpha : float or "auto"
        The step size, in 1/(unit of the axis); "auto" is Polyak's first step for `decay`, a
        tenth of it for `constant`. In `polyak` it plays no part.
    tol : float
        Stop when W1, in the unit of the axis, is below. With 0 the run takes `max_steps` steps,
        unless R repeats itself before.
    max_steps : int
    grid, domain : optional
        The cells, where `real` and `gen` are presets.
    singular : {"error", "restrict"}
        What to do about generator mass where p_r = 0.
    record : "auto", "all" or int
        Which steps to record in the trace.
    snapshots : "auto" or bool
        Whether to keep R at log-spaced steps.
    progress : bool or callable, optional
        As in `glgd`.

    Returns
    -------
    Solution
        Its trace has W1 as ``cost``, the least so far as ``best``, the ``alpha`` of the next step,
        ``floor`` (half of alpha times Var f: the mean W1 of steps that get no nearer),
        ``grad_norm`` |P_0 f|, ``sign_changes`` of the critic's slope, and of `glgd`'s columns those
        that speak of R. ``discriminator`` is the critic, with E_r[f] = 0.

    Raises
    ------
    InputError
        For an argument that cannot be used, and for a grid that is no line.
    SingularMassError
        If the generator has mass where p_r = 0.

    References
    ----------
    Slides "Computing the GAN Equilibrium", "Wasserstein GAN"; Polyak 1969, "Minimization of
    unsmooth functionals"; Nesterov 2004, "Introductory Lectures on Convex Optimization", section
    3.2.

    Examples
    --------
    >>> solution = wglgd("normal:mean=0,sd=1", "normal:mean=0.3,sd=1", alpha=0.1, domain="-8:8")
    >>> solution.status.value, round(float(solution.trace.cost[-1]), 4)
    ('cycle', 0.0509)
    >>> wglgd(geometry="fisher", step="polyak", grid=64, tol=1e-3).status.value
    'converged'
    """
    solver = WGLGD(
        real, gen, geometry, step, alpha, tol, max_steps,
        grid=grid, domain=domain, singular=singular,
    )  # fmt: skip
    return solver.solve(record=record, snapshots=snapshots, progress=progress)


class WGLGD(loop.Solver):
    """Wasserstein GLGD on one problem, to be solved at once or stepped; arguments as `wglgd`.

    Examples
    --------
    >>> solver = WGLGD(grid=64, step="polyak")
    >>> for step, ratio in solver.iter_states(max_steps=2):
    ...     print(step, round(solver.cost, 3))
    0 0.588
    1 0.34
    2 0.27
    """

    name = "wglgd"

    def __init__(
        self,
        real=None,
        gen=None,
        geometry="reference",
        step="constant",
        alpha="auto",
        tol=1e-10,
        max_steps=2_000,
        *,
        grid=None,
        domain=None,
        singular="error",
    ):
        check_choice("geometry", geometry, ALGORITHM_GEOMETRIES["wglgd"])
        self.step_rule = check_choice("step", step, ALGORITHM_STEPS["wglgd"])
        self.tol = check_number("tol", tol)
        if self.tol < 0:
            raise InputError(f"tol must be at least 0, got {self.tol:g}.", argument="tol")
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        self.alpha_is_auto = isinstance(alpha, str) and alpha == "auto"
        if not self.alpha_is_auto:
            alpha = check_positive("alpha", alpha, fix="Pass a positive step size, or auto.")
        real, gen = presets.problem(real, gen, grid, domain)
        points = line_points(real.grid)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self.support = self.real.mass > 0
        self.points = _read_only(points[self.support])
        self.geometry = Geometry(geometry, _read_only(self.real.mass[self.support]))
        self._start = start.values[self.support]
        self._game = make_game("non-saturating")  # measures R: JSD, cells in use, max|R-1|
        self.alpha = 1.0
        begun = time.perf_counter()
        self._restart()
        self.compile_seconds = time.perf_counter() - begun
        if self.alpha_is_auto:
            alpha, self.alpha_reason = self._auto_alpha()
        else:
            self.alpha_reason = "given"
        self.alpha = alpha

    def _auto_alpha(self):
        # Both scale as they must: alpha has the unit 1/length.
        first = self.cost / self.norm2 if self.norm2 > 0 else 1.0
        if self.step_rule == "constant":
            return _CONSTANT_SHARE * first, "a tenth of W1/|P_0 f|^2 at the start"
        return first, "W1/|P_0 f|^2 at the start"

    def _restart(self):
        """Begin at p_g again; the arrays of an earlier run stay as they are."""
        self.ratio = self._start.copy()
        self.critic = np.empty_like(self.ratio)
        self._gen_masses = np.empty_like(self.ratio)
        self._saved = np.full_like(self.ratio, np.nan)
        self._numbers = np.zeros(len(_NUMBERS))
        self._counts = np.zeros(len(_COUNTS), dtype=np.int64)
        self._max_error = math.nan
        self._numbers[BEST] = math.inf
        self._numbers[START] = self._distance()
        self._counts[STALE] = 1
        self._advance(0, False)

    def _distance(self):
        """E[(R-1)^2], or KL(p_r||p_g) in `fisher`: what a step brings down."""
        w, r = self.geometry.masses, self._start
        if self.geometry.name == "reference":
            return float(w @ (r - 1.0) ** 2)
        with np.errstate(divide="ignore"):
            return float(np.sum(w * (r - 1.0 - np.log(r))))

    @property
    def cost(self):
        """W1 at the present R, in the unit of the axis."""
        return float(self._numbers[COST])

    @property
    def norm2(self):
        """|P_0 f|^2 at the present R: Var f over p_r, in `fisher` over p_g."""
        return float(self._numbers[NORM2])

    @property
    def period(self):
        """After how many steps R repeats itself; 0 while it has not.

        To the last bit in `reference`; to 1e-12 of itself in `fisher`, whose every step rounds an
        exponential.
        """
        return int(self._counts[PERIOD])

    # --- what the loop asks for ---

    @property
    def halted(self):
        """Whether the loop should look at R now."""
        over = bool(self._counts[REACHED]) or self.period > 0
        return over or self.norm2 == 0 or not math.isfinite(self.cost)

    def advance(self, n):
        """Take up to `n` steps in place; returns how many."""
        return self._advance(min(n, max(1, _LARGEST_BLOCK // self.ratio.size)), True)

    def _advance(self, n, looks_for_cycles):
        # With a step that shrinks, an R seen before does not bring back what followed it.
        taken, negative = _steps(
            self.points, self.geometry.masses, self.ratio, self._gen_masses, self.critic,
            self._saved, _RULES[self.step_rule], self.geometry.name == "fisher", self.alpha,
            self.tol, n, looks_for_cycles and self.step_rule != "decay", self._numbers,
            self._counts,
        )  # fmt: skip
        if negative:
            self.ratio[:] = self.geometry.clip(self.ratio)
            self._counts[PROJECTED] += 1
            self._advance(0, looks_for_cycles)
        return taken

    def measure(self):
        """The trace row of the present R."""
        row = measure(self._game, self.geometry, self.ratio, SOLO)
        self._max_error = row["max_error"]
        alpha = self._next_alpha()
        about_r = ("js", "kl", "max_error", "rms_error", "min_ratio", "max_ratio", "mean_ratio")
        return {
            "cost": self.cost,
            "best": float(self._numbers[BEST]),
            "alpha": alpha,
            "floor": self._floor(alpha),
            **{name: row[name] for name in (*about_r, "effective_support")},
            "grad_norm": math.sqrt(max(self.norm2, 0.0)),
            "sign_changes": self._sign_changes(),
            "projected": int(self._counts[PROJECTED]),
        }

    def _next_alpha(self):
        if self.step_rule == "polyak":
            return self.cost / self.norm2 if self.norm2 > 0 else 0.0
        return self.alpha / (math.sqrt(self._counts[STEP] + 1) if self.step_rule == "decay" else 1)

    def _floor(self, alpha):
        """The W1 at which a step of this size gets no nearer to R = 1."""
        if self.geometry.name == "reference" or not alpha > 0:
            return 0.5 * alpha * self.norm2
        q = self._gen_masses
        x = (alpha * (self.critic - (q @ self.critic) / q.sum()))[q > 0]
        q, top = q[q > 0], x.max()
        with np.errstate(under="ignore"):
            if np.abs(x).max() < 0.1:
                return float(np.log1p(q @ (np.expm1(x) - x)) / alpha)
            return float((math.log(q @ np.exp(x - top)) + top) / alpha)

    def _sign_changes(self):
        rises = np.diff(self.critic)
        signs = np.sign(rises)
        signs = signs[signs != 0]
        return int(np.count_nonzero(signs[1:] != signs[:-1]))

    def state(self):
        """A copy of R on the grid."""
        return self._on_grid(self.ratio)

    def progress(self):
        """max|R-1| as last measured, and no rate: W1 falls like 1/sqrt(k), or stays."""
        return self._max_error, math.nan

    def check(self, step, row):
        """A reason to stop at this row, or None."""
        if not (math.isfinite(row["cost"]) and math.isfinite(row["max_error"])):
            return "diverged"
        if row["cost"] < self.tol or (row["cost"] == 0 and self.tol > 0):
            return "converged"
        if self.period or row["cost"] == 0:
            return "repeats"
        return None

    def _on_grid(self, values):
        full = np.full(self.real.grid.shape, np.nan)
        full[self.support] = values
        return full

    # --- what the user asks for ---

    def one_step(self):
        """Take one step, without looking for cycles."""
        self._advance(1, False)

    def load_kernels(self):
        """Compile or load what is left to load, so that it is not timed with the run."""
        start = time.perf_counter()
        measure(self._game, self.geometry, self.ratio, SOLO)
        self.compile_seconds += time.perf_counter() - start

    def solution(self, run):
        """What a run of the loop comes to."""
        trace = Trace({name: [row[name] for row in run.rows] for name in run.rows[0]})
        ratio, critic = self._on_grid(self.ratio), self._on_grid(self.critic)
        w, q = self.geometry.masses, self._gen_masses
        dual = float(w @ self.critic - q @ self.critic)
        slopes = np.abs(np.diff(self.critic)) / np.diff(self.points)
        numbers, counts = self._numbers.copy(), self._counts.copy()
        cycle = self._over_the_cycle()
        status, as_predicted, finding = self._verdict(run, trace, counts, cycle)
        last = run.rows[-1]
        warnings = []
        if self.geometry.name == "fisher" and trace.min_ratio[-1] == 0:
            warnings.append(
                f"R = 0 in {int(np.count_nonzero(np.nan_to_num(ratio, nan=1.0) == 0))} of {w.size} "
                "cells: in fisher such a cell stays empty. In reference it fills again."
            )
        return Solution(
            algorithm=self.name,
            ratio=ratio,
            discriminator=critic,
            status=status,
            as_predicted=as_predicted,
            finding=finding + dropped_mass(self.gen),
            n_steps=run.n_steps,
            trace=trace,
            certificate={
                **{key: last[key] for key in ("mean_ratio", "min_ratio", "max_error", "cost")},
                "dual": dual,
                "gap": abs(last["cost"] - dual),
                "critic_lipschitz": float(slopes.max(initial=0.0)),
                "grad_norm": last["grad_norm"],
            },
            real=self.real,
            gen=self.gen,
            options={
                "geometry": self.geometry.name,
                "step": self.step_rule,
                "alpha": None if self.step_rule == "polyak" else self.alpha,
                "alpha_is_auto": self.alpha_is_auto,
                "alpha_reason": self.alpha_reason,
                "tol": self.tol,
                "max_steps": self.max_steps,
            },
            seconds=run.seconds,
            compile_seconds=self.compile_seconds,
            snapshot_steps=run.snapshot_steps,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            predictions=self._predictions(status, numbers, counts, cycle),
            warnings=tuple(warnings),
            seed=None,
            notes=self._notes(status),
        )

    def _over_the_cycle(self):
        """Mean W1, its floor, and the least W1 over one period; None where there is no cycle."""
        if not 1 < self.period <= _LONGEST_CYCLE or self.step_rule != "constant":
            return None
        ratio, numbers, counts = self.ratio.copy(), self._numbers.copy(), self._counts.copy()
        costs, floors = [], []
        for _ in range(self.period):
            costs.append(self.cost)
            floors.append(self._floor(self.alpha))
            self._advance(1, False)
        whole = counts[PROJECTED] == self._counts[PROJECTED]
        self.ratio, self._counts[STALE] = ratio, 1
        self._advance(0, False)
        self._numbers, self._counts = numbers, counts
        return float(np.mean(costs)), float(np.mean(floors)), min(costs), whole

    # --- what it means ---

    def _verdict(self, run, trace, counts, cycle):
        """Status, whether the theory predicts it, and the finding."""
        n, cost, best = run.n_steps, trace.cost[-1], trace.best[-1]
        steps = f"{n} step{'' if n == 1 else 's'}"
        kept = not (counts[MISSED] or (self._has_polyak_bound and counts[MISSED_POLYAK]))
        if run.reason == "converged":
            text = f"CONVERGED in {steps}: W1 = {cost:.1e}, below tol {self.tol:.0e}."
            return Status.CONVERGED, True, text
        if run.reason == "interrupted":
            return Status.INTERRUPTED, False, f"INTERRUPTED at step {n}: W1 = {cost:.3g}."
        if run.reason == "diverged":
            text = f"DIVERGED at step {n}: R is not finite. Take alpha below {self.alpha:g}."
            return Status.DIVERGED, False, text
        span = float(self.points[-1] - self.points[0])
        if run.reason == "repeats" and cost <= _NOTHING_LEFT * span:
            text = f"TOOK {steps}, after which R repeats itself: W1 = {cost:.1e}."
            return Status.CONVERGED if self.tol == 0 else Status.STALLED, self.tol == 0, text
        if self.geometry.name == "fisher" and trace.min_ratio[-1] == 0:
            text = (
                f"SUPPORT NOT COVERED, as predicted: cells with R = 0 stay empty in fisher; W1 = "
                f"{cost:.3g} after {steps}."
            )
            return Status.SUPPORT_NOT_COVERED, True, text
        if cycle is not None:
            mean, _, _, whole = cycle
            law = " = (alpha/2) Var f*" if self.geometry.name == "reference" and whole else ""
            text = (
                f"CYCLE{', as predicted' if kept else ''}: by step {n} R repeats itself every "
                f"{self.period} steps, with mean W1 = {mean:.4g}{law}."
            )
            return Status.CYCLE, kept, text
        if run.reason == "repeats":
            text = f"STALLED at step {n}: R repeats itself at W1 = {cost:.3g}."
            return Status.STALLED, False, text
        if self.tol == 0:
            text = f"TOOK {steps}, as asked: W1 = {cost:.3g}, at its least {best:.3g}."
            return Status.CONVERGING, True, text
        text = f"NOT BELOW tol {self.tol:.0e} in {steps}: W1 = {cost:.3g}, at its least {best:.3g}"
        if not kept:
            return Status.MAX_STEPS, False, f"{text}, ABOVE the bound that theory sets."
        return Status.MAX_STEPS, True, f"{text}; {self._expected(trace)}."

    @property
    def _has_polyak_bound(self):
        return self.step_rule == "polyak" and self.geometry.name == "reference"

    def _expected(self, trace):
        """What theory lets one expect of a run whose steps ran out."""
        if self.step_rule == "constant":
            floor = trace.floor[-1]
            law = " = (alpha/2) Var f*" if self.geometry.name == "reference" else ""
            if trace.cost[-1] > 2.0 * floor:
                return f"on its way to about {floor:.3g}{law}, where steps of this size end"
            return f"as predicted, a constant step hovers at about {floor:.3g}{law}"
        if self.geometry.name == "reference" and trace.max_ratio[0] > _FAR:
            return (
                f"R started at {trace.max_ratio[0]:.1e}, and a step takes off about alpha |f|: use "
                "--geometry fisher, or leave the tails out with --domain"
            )
        return "as predicted, a subgradient step promises no more than 1/sqrt(k)"

    def _predictions(self, status, numbers, counts, cycle):
        rows = []
        steps = int(counts[STEP])
        reference = self.geometry.name == "reference"
        if cycle is not None:
            mean, floor, _, whole = cycle
            law = "(alpha/2) Var f*" if reference else "log E_g[exp(alpha (f - E_g f))]/alpha"
            # Where R >= 0 had to be kept by projection, a step also falls by what that takes.
            sign = "=" if whole else "<="
            off = abs(floor - mean) if whole else None
            rows.append(Prediction(f"mean W1 of the cycle {sign} {law}", floor, mean, off))
        if not steps:
            return tuple(rows)
        if self._has_polyak_bound:
            rows.append(
                Prediction(
                    "min W1 <= |R0-1| max sd(f)/sqrt(k+1)",
                    "yes",
                    _kept(steps + 1, counts[MISSED_POLYAK]),
                )
            )
            rows.append(
                Prediction(
                    "sum of W1^2/Var f <= E[(R0-1)^2]",
                    f"<= {numbers[START]:.6g}",
                    f"{numbers[SQUARES]:.6g}",
                )
            )
        if math.isfinite(numbers[START]):
            bound = (
                "(E[(R0-1)^2] + sum alpha^2 Var f)/(2 sum alpha)"
                if reference
                else "(KL(p_r||p_g0) + sum alpha floor)/sum alpha"
            )
            rows.append(Prediction(f"min W1 <= {bound}", "yes", _kept(steps, counts[MISSED])))
        return tuple(rows)

    def _notes(self, status):
        if status is not Status.CYCLE:
            return ()
        return (
            "Why: the slope of the critic is +-1 however close R is to 1, so a step of one size "
            "overshoots: the critic changes sign and takes it back.",
        )


def _kept(total, missed):
    missed = int(missed)
    return f"{'NO' if missed else 'yes'} ({total - missed} of {total} steps)"


def _read_only(values):
    # Numba compiles for read-only and for writable arrays apart: always the same kind here.
    values = np.ascontiguousarray(values).view()
    values.flags.writeable = False
    return values


# --- kernels -------------------------------------------------------------------------------------

# Places in the arrays `numbers` and `counts`, where a block of steps leaves what it found.
_NUMBERS = tuple(range(8))
COST, NORM2, BEST, LARGEST, START, ALPHAS, SPENT, SQUARES = _NUMBERS
_COUNTS = tuple(range(8))
STEP, SAVED_AT, PERIOD, PROJECTED, MISSED, MISSED_POLYAK, REACHED, STALE = _COUNTS


@kernel
def _steps(
    points, masses, ratio, gen, critic, saved, rule, fisher, alpha, tol, n, cycles, numbers, counts
):
    """Look at R where that is due, then take up to `n` steps, in place.

    Returns
    -------
    taken : int
    negative : bool
        Whether the last one left R >= 0, so that it has to be projected and looked at.
    """
    taken = 0
    while True:
        if counts[STALE]:
            _look(points, masses, ratio, gen, critic, saved, fisher, tol, cycles, numbers, counts)
            if counts[REACHED] or counts[PERIOD] or not numbers[COST] < math.inf:
                return taken, False
        if taken == n:
            return taken, False
        cost, norm2 = numbers[COST], numbers[NORM2]
        size = alpha
        if rule == 1:
            size = alpha / math.sqrt(counts[STEP] + 1.0)
        elif rule == 2:
            size = cost / norm2 if norm2 > 0.0 else 0.0
        lowest = 0.0
        if fisher:
            spent = _tilt(masses, ratio, gen, critic, size)
        else:
            spent = size * size * norm2
            for i in range(ratio.size):
                ratio[i] += size * critic[i]
                lowest = min(lowest, ratio[i])
        taken += 1
        counts[STEP] += 1
        counts[STALE] = 1
        numbers[ALPHAS] += size
        numbers[SPENT] += spent
        if norm2 > 0.0:
            numbers[SQUARES] += cost * cost / norm2
        total = (1.0 if fisher else 2.0) * numbers[ALPHAS]
        bound = numbers[START] + numbers[SPENT]
        if numbers[BEST] * total > bound * (1.0 + _ROUND_OFF):
            counts[MISSED] += 1
        if lowest < 0.0:
            return taken, True


@kernel
def _tilt(masses, ratio, gen, critic, size):
    """R <- R exp(size f)/E[.] in place; returns log E_g[exp(size (f - E_g f))]."""
    top, bottom = -math.inf, math.inf
    whole = mean = 0.0
    for i in range(ratio.size):
        # An empty cell stays empty: its f must not set the scale.
        if ratio[i] > 0.0:
            top = max(top, critic[i])
            bottom = min(bottom, critic[i])
        whole += gen[i]
        mean += gen[i] * critic[i]
    mean /= whole
    grown = excess = 0.0
    small = size * (top - bottom) < 0.1
    if small:
        # log E[e^x] of an x near 0: from e^x - 1 - x, for the rest would cancel.
        for i in range(ratio.size):
            x = size * (critic[i] - mean)
            series = 1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0))
            series = 1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * series))
            excess += gen[i] / whole * (0.5 * x * x * series if gen[i] > 0.0 else 0.0)
    for i in range(ratio.size):
        ratio[i] *= exp(size * (min(critic[i], top) - top))
        grown += masses[i] * ratio[i]
    for i in range(ratio.size):
        ratio[i] /= grown
    return log1p(excess) if small else log(grown / whole) + size * (top - mean)


@kernel
def _look(points, masses, ratio, gen, critic, saved, fisher, tol, cycles, numbers, counts):
    """The critic's turn, the bounds, and whether R was seen before (Brent 1980)."""
    for i in range(ratio.size):
        gen[i] = masses[i] * ratio[i]
    cost = centre_critic(masses, gen, points, critic)
    mean = whole = norm2 = 0.0
    if fisher:
        for i in range(ratio.size):
            mean += gen[i] * critic[i]
            whole += gen[i]
        mean /= whole
        for i in range(ratio.size):
            norm2 += gen[i] * (critic[i] - mean) ** 2
    else:
        for i in range(ratio.size):
            norm2 += masses[i] * critic[i] * critic[i]
    numbers[COST], numbers[NORM2] = cost, norm2
    numbers[BEST] = min(numbers[BEST], cost)
    numbers[LARGEST] = max(numbers[LARGEST], norm2)
    step = counts[STEP]
    # Squared: W1^2 (k+1) <= E[(R0-1)^2] max Var f.
    promised = numbers[START] * numbers[LARGEST] * (1.0 + _ROUND_OFF)
    if numbers[BEST] * numbers[BEST] * (step + 1.0) > promised:
        counts[MISSED_POLYAK] += 1
    counts[REACHED] = cost < tol
    counts[STALE] = 0
    if not cycles:
        return
    slack = _ROUND_OFF if fisher else 0.0
    for i in range(ratio.size):
        if not abs(ratio[i] - saved[i]) <= slack * ratio[i]:
            break
    else:
        counts[PERIOD] = step - counts[SAVED_AT]
    if counts[PERIOD] == 0 and step >= 2 * counts[SAVED_AT]:
        counts[SAVED_AT] = step
        saved[:] = ratio
