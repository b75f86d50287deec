"""The conditional game: p(y|x) on a joint grid, with one constraint E[R(.|x)] = 1 for every x.

Real and generated share p(x); the discriminator sees pairs (x, y). Its best response, signal and
induced cost are those of R(y|x) = p_g(y|x)/p_r(y|x), pair by pair, and the cost is an average over
p(x): so it is GLGD on a batch of independent rows. What a row needs is in `rows`.
"""

import math
from dataclasses import replace
from functools import cached_property

import numpy as np

from ratiogan import presets
from ratiogan.distribution import restrict
from ratiogan.errors import InputError, check_choice
from ratiogan.ratio import Geometry
from ratiogan.solution import Prediction, Status
from ratiogan.solvers import outcome
from ratiogan.solvers.glgd import GLGD, refuse_threads
from ratiogan.solvers.measure import measure, measure_rows
from ratiogan.solvers.rows import REACHED, RowsGeometry, RowSteps
from ratiogan.sums import ordered_sum
from ratiogan.text import significant
from ratiogan.trace import x_name, x_text

_NO_SLOPE = 1e-12  # norm of a projected gradient that no longer moves anything
_ROUND_OFF = 1e-12  # between two sums of the same masses
_NOTHING = 1e-30  # a JSD that the round-off of the masses leaves
_NO_CELLS = "Use --density kde, fewer cells of x, or a --domain without them."
_NO_ROWS = {
    "categories": "Leave their rows out of --real, or pass a generator that has some there.",
    "counts": "Use a --domain without them, or pass a generator that has rows there.",
}
_BULK = 0.999  # of p(x): the worst x is sought among those that hold it
_KEPT = ("kl", "js", "kl_worst", "js_worst", "worst_x", "js_marginal", "constraint_error")


def conditional(
    real=None,
    gen=None,
    game="non-saturating",
    geometry="reference",
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
    """Descend the generator's loss of a conditional game, for every x at once.

    The generator makes y given x, the discriminator sees (x, y), real and generated share p(x). The
    cost E[Phi(R)] = sum_x p(x) E[Phi(R(.|x)) | x] has one constraint E[R(.|x)] = 1 per x, so that
    row x of R descends for itself: what `glgd` does with p_r(.|x) and p_g(.|x), with the same alpha
    in every row. Only in `lebesgue`, L2(dx dy), the gradient p_r(x, y) u holds a factor p(x): there
    row x runs with step alpha p(x).

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid of 2 or 3 axes: x is the first, y the others. Of
        `gen` only p_g(y|x) is used, with p_r(x); a difference between p_g(x) and p_r(x) is told as
        a warning. Without them ``fork``, and beside it ``independent``: p_r(x) p_r(y).
    game : str or Game
        The two players' losses.
    geometry : {"reference", "lebesgue", "fisher", "logits"}
        The inner product that gradient, projection and step belong to.
    alpha : float or "auto"
        The step size; "auto" is 1/(2 Phi''(1)), over max p_r(x, y) in `lebesgue`.
    tol : float
        A row stops at the step at which its max|R-1| is below, and the run when all rows have. With
        0 the run takes `max_steps` steps, unless R repeats itself before.
    max_steps : int
        A linear geometry stops after 100 steps where R starts so high that these cannot suffice, as
        in the tails of a KDE: take `fisher`.
    grid, domain : optional
        The cells, where `real` and `gen` are presets.
    singular : {"error", "restrict"}
        What to do about generator mass where p_r(y|x) = 0 at an x with p_r(x) > 0: refuse it, or
        drop it and rescale the rest of that row.
    record : "auto", "all" or int
        Which steps to record in the trace.
    snapshots : "auto" or bool
        Whether to keep R at log-spaced steps.
    threads : int, optional
        They share the rows; by default all cores above some 400,000 cells. The result does not
        depend on it, to the byte.
    progress : callable, optional
        Called as ``progress(step, max_steps, max_error, rate, seconds)``.
    scheduler : str or distributed.Client, optional
        ``local:N`` or ``tcp://HOST:PORT``: the rows are spread over Dask workers
        (`cluster.conditional`). The result does not depend on it, to the byte.
    checkpoint : str or path, optional
        A folder in which a run on a `scheduler` keeps what it needs to go on.

    Returns
    -------
    Solution
        ``ratio`` is R(y|x) on the joint cells, NaN where p_r(x, y) = 0; the rows of an x with
        p_r(x) = 0 are left out. The columns of the trace that `glgd` has are averages over p(x)
        (max_error, min_ratio and max_ratio extremes, effective_support that of p(x, y)). Besides
        them ``kl_worst`` and ``js_worst``, the largest conditional divergences (nats) among the
        likeliest x that hold 99.9 % of p(x) together (tails of next to no mass say nothing),
        ``worst_x``, the centre of the x with that JSD (of a category its number), ``js_marginal``,
        the JSD of p_g(y) and p_r(y), and ``constraint_error``, max over x of abs(E[R(.|x)] - 1).

    Raises
    ------
    InputError
        For an argument that cannot be used, a grid of one axis, and an x with p_r(x) > 0 where the
        generator has no mass: p_g(y|x) is not defined there.
    SingularMassError
        If the generator has mass where p_r(y|x) = 0.

    References
    ----------
    Slide 001, "Conditional Generative Adversarial Network": the discriminator takes pairs (y, x).
    Mirza and Osindero 2014.

    Examples
    --------
    >>> solution = conditional(grid="8x64")
    >>> solution.status.value, bool(solution.max_error < 1e-10)
    ('converged', True)
    >>> trace = solution.trace  # at the start p_g(y) was right, and p_g(y|x) was not
    >>> bool(trace.js_marginal[0] < 1e-15), round(float(trace.js[0]), 3), float(trace.worst_x[0])
    (True, 0.039, 0.9375)
    """
    if scheduler is not None or checkpoint is not None:
        from ratiogan import cluster  # upward: only who asks for workers needs Dask

        refuse_threads(threads)
        return cluster.conditional(
            real, gen, game, geometry, alpha, tol, max_steps, grid=grid, domain=domain,
            singular=singular, record=record, snapshots=snapshots, progress=progress,
            scheduler=scheduler, checkpoint=checkpoint,
        )  # fmt: skip
    solver = Conditional(
        real, gen, game, geometry, alpha, tol, max_steps,
        grid=grid, domain=domain, singular=singular, threads=threads,
    )  # fmt: skip
    return solver.solve(record=record, snapshots=snapshots, progress=progress)


class Conditional(GLGD):
    """The conditional game on one problem; the arguments are those of `conditional`.

    Stepped by hand it has no end, but a row that has met `tol` stays where it is: with 0 none does.

    Attributes
    ----------
    x_difference : float
        Total variation between the x-marginals of `gen` as it was given and of `real`.
    left_out : int
        How many x have p_r(x) = 0.

    Examples
    --------
    >>> solver = Conditional(grid="4x16")
    >>> for step, ratio in solver.iter_states(max_steps=1):
    ...     print(step, ratio.shape, round(float(abs(ratio - 1).max()), 1))
    0 (4, 16) 79.2
    1 (4, 16) 75.4
    """

    name = "conditional"
    everywhere = " for every x"
    cures = ("--geometry fisher",)
    rated = "max_error"  # the average is soon that of rows that have stopped

    def __init__(
        self,
        real=None,
        gen=None,
        game="non-saturating",
        geometry="reference",
        alpha="auto",
        tol=1e-10,
        max_steps=100_000,
        *,
        grid=None,
        domain=None,
        singular="error",
        threads=None,
    ):
        check_choice("singular", singular, ("error", "restrict"))
        real, gen = joint_problem(real, gen, grid, domain)
        gen, self.x_difference = with_shares_of(real, gen, singular)
        super().__init__(
            real, gen, game, geometry, "constant", alpha, tol, max_steps, threads=threads
        )
        x = self.real.grid.axes[0]
        self.x = x.centres[self._used]
        self.left_out = int(x.size - len(self._used))
        self._likely = likely_rows(self.geometry.shares)

    def _make_geometry(self, name, masses, density):
        x = self.real.grid.axes[0]
        counts = self.real.support.reshape(x.size, -1).sum(axis=1)
        self._used = np.flatnonzero(counts)
        y = self.real.grid.size // x.size
        columns = None if (counts == y).all() else np.flatnonzero(self.real.support) % y
        used = counts[self._used], x.widths[self._used]
        return RowsGeometry(name, masses, density, *used, y, columns)

    def _make_rule(self):
        return RowSteps(self.game, self.geometry, self.alpha, self.tol, self.team, self.ratio)

    def _try_kernels(self):
        masses, density = np.full(4, 0.25), np.ones(4)
        masses.flags.writeable = density.flags.writeable = False
        counts, widths = np.array([2, 2]), np.full(2, 0.5)
        geometry = RowsGeometry(self.geometry.name, masses, density, counts, widths)
        rule = RowSteps(self.game, geometry, 0.01, self.tol, self.team, np.array([0.9, 1.1] * 2))
        rule.advance(np.empty(4), 1)
        measure_rows(self.game, geometry.name, rule.rows, rule.masses, rule.density)
        measure(self.game, Geometry("reference", rule.masses[0]), rule.rows[0])

    def measure(self):
        """The trace row of the present R: averages over p(x), and the worst x."""
        rule, geometry, shares = self.rule, self.geometry, self.geometry.shares
        found, gen_sums = self._measured()
        self._errors, self._found = found["max_error"], found
        worst = int(np.argmax(np.where(self._likely, found["js"], -1.0)))
        with np.errstate(invalid="ignore", over="ignore"):
            average = {
                key: ordered_sum(found[key], shares)
                for key in ("cost", "g", "d", "kl", "js", "mean_ratio", "gap_bound")
            }
            # The entropy of p(x, y) from those of p(y|x).
            entropy = found["entropy"] + np.log(shares) * found["mean_ratio"]
            slopes = geometry.pace * found["grad_norm"] ** 2
            row = {
                **{key: average[key] for key in ("cost", "g", "d", "kl", "js")},
                "max_error": float(found["max_error"].max()),
                "rms_error": math.sqrt(ordered_sum(found["rms_error"] ** 2, shares)),
                "min_ratio": float(found["min_ratio"].min()),
                "max_ratio": float(found["max_ratio"].max()),
                "mean_ratio": average["mean_ratio"],
                "effective_support": float(np.exp(-ordered_sum(entropy, shares))),
                "grad_norm": math.sqrt(ordered_sum(slopes, shares)),
                "gap_bound": average["gap_bound"],
                "kl_worst": float(found["kl"][self._likely].max()),
                "js_worst": float(found["js"][worst]),
                "worst_x": float(self.x[worst]),
                "js_marginal": self._marginal_divergence(gen_sums),
                "constraint_error": float(np.abs(found["mean_ratio"] - 1.0).max()),
                "projected": rule.projected,
                "halvings": rule.halvings,
            }
        self._max_error, self._most = row["max_error"], row["max_ratio"]
        # One NaN of many is the minimum of an array: which one depends on where it lies in memory.
        return {key: value if value == value else math.nan for key, value in row.items()}

    def _measured(self):
        """What `measure_rows` finds in every row, and p_r R summed over groups of x."""
        rule, geometry = self.rule, self.geometry
        found = measure_rows(
            self.game, geometry.name, rule.rows, rule.masses, rule.density, self.team
        )
        return found, geometry.sums_over_x(self.ratio)

    @cached_property
    def _real_marginal(self):
        return self.geometry.sums_over_x().sum(axis=0)

    def _marginal_divergence(self, gen_sums):
        """The JSD of p_g(y) and p_r(y)."""
        real, gen = self._real_marginal, gen_sums.sum(axis=0)
        here = real > 0
        masses = real[here]
        masses.flags.writeable = False
        ratio = gen[here] / masses
        return measure(self.game, Geometry("reference", masses), ratio)["js"]

    def check(self, step, row):
        """A reason to stop at this row, or None."""
        self._history.append((step, row["rms_error"], row["min_ratio"]))
        found = self._found
        self.rule.find_uncovered(found["min_ratio"], found["grad_norm"] < _NO_SLOPE)
        if self.tol > 0 and not self.rows_should_converge.all():
            self._past.append((step, found["rms_error"]))
            newly = (found["min_ratio"] == 0) & np.isnan(self._emptied)
            self._emptied[newly] = step
            if step >= self._look_at:
                self._look_at = step + step // 50
                self.rule.settle(~self.rows_should_converge & self._rows_have_settled(step))
        ending = self.rule.ending
        return "hopeless" if ending is None and self._cannot_finish(step) else ending

    def _restart(self):
        super()._restart()
        self._past, self._emptied = [], np.full(len(self.x), np.nan)

    @cached_property
    def rows_should_converge(self):
        """`should_converge` for every row: in `lebesgue` each has a pace of its own."""
        if self.geometry.name != "lebesgue" or not self.game.converges or self.rule.halves:
            return np.full(len(self.x), self.should_converge)
        found = np.empty(len(self.x), dtype=bool)
        for i, pace in enumerate((self.alpha * self.geometry.pace).tolist()):
            row = self.geometry.row(i)
            rates = (self.game.rate(pace * row.max_density),)
            if not abs(rates[0]) < 1:
                rates = (self.game.rate(pace * row.fastest_density),)
            found[i] = abs(rates[0]) < 1
        return found

    def _rows_have_settled(self, step):
        """As `GLGD._has_settled`, for every row."""
        settled = step >= 2 * self._emptied + 50
        if step < 200:
            return settled
        steps = np.array([k for k, _ in self._past])
        rms = np.array([values for _, values in self._past])
        early, late = rms[2 * steps < step], rms[2 * steps >= step]
        goes_on = late.min(axis=0) >= 0.5 * early.min(axis=0)
        goes_on &= rms[-1] <= 1.05 * late[0]
        if self.is_unstable:
            goes_on &= self._errors >= 0.9
        return np.where(np.isnan(self._emptied), goes_on, settled)

    def solution(self, run):
        """The `Solution` of a finished run (a `loop.Record`)."""
        found = super().solution(run)
        last = run.rows[-1]
        certificate = {
            **found.certificate,
            **{key: last[key] for key in _KEPT},
            "x_difference": self.x_difference,
        }
        return replace(
            found,
            finding=self._finding(found),
            certificate=certificate,
            warnings=(*self._warnings(), *found.warnings),
            notes=(*found.notes, *self._notes()),
            predictions=(*found.predictions, _convexity(found.trace)),
        )

    def _unfinished(self):
        """How many rows have not met the tolerance, where some have."""
        done = int(np.count_nonzero(self.rule.codes == REACHED))
        total = len(self.rule.codes)
        if not 0 < done < total:
            return []
        worst = int(np.argmax(np.where(self.rule.codes == REACHED, -1.0, self._errors)))
        return [f"{done} of {total} x have met tol; farthest is {self._place(worst)}."]

    def _finding(self, found):
        """How the run ended, and how far apart p_g(y|x), and p_g(y), were at the start."""
        trace = found.trace
        js, most, marginal = trace.js[0], trace.js_worst[0], trace.js_marginal[0]
        worst = int(np.argmin(np.abs(self.x - trace.worst_x[0])))
        apart = (
            f"p(y|x) differed by JSD {significant(js)} on average, {significant(most)} at worst "
            f"({self._place(worst)})"
        )
        if marginal < _ROUND_OFF <= js:
            start = f"t the start the y-marginals agreed (JSD < {_ROUND_OFF:.0e}) while {apart}."
        else:
            start = f"t the start the y-marginals differed by JSD {significant(marginal)}, {apart}."
        if found.status is Status.CONVERGED:
            return f"{found.finding.removesuffix('.')}; a{start}"
        return " ".join([found.finding, *self._unfinished(), f"A{start}"])

    def _place(self, row):
        """The x of a row, in words."""
        axis = self.real.grid.axes[0]
        return f"{x_name(axis)} = {x_text(self.x[row], axis)}"

    def _notes(self):
        steps = self.alpha * self.geometry.pace
        if self.geometry.name == "lebesgue" and steps.max() > steps.min() * (1 + _ROUND_OFF):
            slow, fast = significant(steps.min()), significant(steps.max())
            yield f"In lebesgue row x runs with the step alpha p(x): from {slow} to {fast} here."
        if not self._likely.all():
            likely, total = np.count_nonzero(self._likely), len(self._likely)
            yield f"The worst x is that of {likely} of {total}, which hold 99.9% of p(x)."

    def _warnings(self):
        if self.x_difference > _ROUND_OFF:
            yield (
                f"p_g(x) differs from p_r(x) by TV {significant(self.x_difference)}: only p_g(y|x) "
                "is used, with p_r(x)."
            )
        if self.left_out:
            total = self.real.grid.shape[0]
            yield f"{self.left_out} of {total} x have p_r(x) = 0 and are left out."


def likely_rows(shares):
    """Which x are among the likeliest that hold 99.9 % of p(x) together; ties are kept.

    Parameters
    ----------
    shares : array (B,)
        p(x) as masses.

    Examples
    --------
    >>> likely_rows(np.array([0.0004, 0.3, 0.6992, 0.0004])).tolist()
    [False, True, True, False]
    """
    falling = np.sort(shares)[::-1]
    place = np.searchsorted(np.cumsum(falling), _BULK * shares.sum())
    return shares >= falling[min(place, len(falling) - 1)] * (1 - _ROUND_OFF)


def _convexity(trace):
    """The y-marginal is an average over x, and JSD is convex: it is the smaller of the two."""
    holds = trace.js_marginal <= trace.js * (1 + _ROUND_OFF) + _NOTHING
    measured = outcome.share_of(holds, trace)
    return Prediction("JSD of y <= average JSD of p(y|x)", "yes", measured)


def joint_problem(real=None, gen=None, grid=None, domain=None):
    """As `presets.problem`, with defaults of two columns."""
    default_real, default_gen = presets.defaults(["conditional"])
    real = default_real if real is None else real
    return presets.problem(real, default_gen if gen is None else gen, grid, domain)


def with_shares_of(real, gen, singular="error"):
    """The generator p_r(x) p_g(y|x), and the total variation between p_g(x) and p_r(x).

    Parameters
    ----------
    real, gen : Distribution
        On one grid of 2 or 3 axes; x is the first.
    singular : {"error", "restrict"}
        With `restrict` generator mass where p_r = 0 is dropped first.

    Returns
    -------
    gen : Distribution
    x_difference : float

    Raises
    ------
    InputError
        If there is one axis only, or an x with p_r(x) > 0 where p_g(x) = 0.

    Examples
    --------
    >>> from ratiogan import Distribution, Grid
    >>> grid = Grid.counts(0, 1), Grid.counts(0, 1)
    >>> real = Distribution.from_mass([[0.25, 0.25], [0.25, 0.25]], Grid.product(*grid))
    >>> gen = Distribution.from_mass([[0.1, 0.3], [0.6, 0.0]], Grid.product(*grid))
    >>> joint, difference = with_shares_of(real, gen)
    >>> joint.mass.tolist(), round(difference, 12)
    ([[0.125, 0.375], [0.5, 0.0]], 0.1)
    """
    if real.grid.ndim < 2:
        raise InputError(
            "conditional needs a grid of 2 or 3 axes, x first and then y, got 1.",
            argument="real",
            fix="Pass two columns of a table (--columns x,y), or the preset fork.",
        )
    count = real.grid.shape[0]
    given = gen.mass.reshape(count, -1).sum(axis=1)
    if singular == "restrict":
        gen = restrict(gen, real)
    wanted = real.mass.reshape(count, -1).sum(axis=1)
    held = gen.mass.reshape(count, -1).sum(axis=1)
    missing = np.flatnonzero((wanted > 0) & ~(held > 0))
    if missing.size:
        axis = real.grid.axes[0]
        where = f"{x_name(axis)} = {x_text(axis.centres[missing[0]], axis)}"
        more = f" and {missing.size - 1} more" if missing.size > 1 else ""
        left = "" if given[missing[0]] == 0 else " where p_r(y|x) > 0"
        raise InputError(
            f"the generator has no mass at {where}{more}"
            f"{left}, where p_r(x) > 0 ({100 * wanted[missing].sum():.2g}% of p_r): p_g(y|x) is "
            "not defined there.",
            argument="gen",
            fix=_NO_ROWS.get(axis.kind, _NO_CELLS),
        )
    difference = 0.5 * float(np.abs(given - wanted).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(wanted > 0, wanted / held, 0.0)
    if np.abs(factor[wanted > 0] - 1.0).max() > _ROUND_OFF or (held[wanted == 0] > 0).any():
        mass = gen.mass * factor.reshape(-1, *[1] * (real.grid.ndim - 1))
        gen = replace(gen, mass=mass)
    return gen, difference
