"""Wasserstein GLGD: f <- the critic of W1, R <- R + alpha P_0 f.

The generator's gradient of W1 is -f*, so this is subgradient descent on W1 itself (slides
"Computing the GAN Equilibrium", "Wasserstein GAN"). W1 is convex in R but not smooth: the
subgradient does not shrink as R -> 1, so that a constant step ends in a cycle whose mean W1 is
(alpha/2) Var f*. In
`reference` with R >= 0 kept by projection every step satisfies

    |R' - 1|^2 <= |R - 1|^2 - 2 alpha W1 + alpha^2 Var f,

in `fisher` KL(p_r||p_g') = KL(p_r||p_g) - alpha W1 + log E_g[exp(alpha (f - E_g f))]; all that is
predicted here follows from these two lines. On the line the critic is exact. On grids of 2 and 3
axes any 1-Lipschitz f will do, near the best: both lines hold with E_r f - E_g f, which then bounds
W1 from below, in the place of W1.
"""

import math
import time

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import ALGORITHM_GEOMETRIES, ALGORITHM_STEPS
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, check_choice, check_integer, check_number, check_positive
from ratiogan.games import game as make_game
from ratiogan.grid import Grid
from ratiogan.ratio import Geometry, density_ratio
from ratiogan.solution import Solution, Trace
from ratiogan.solvers import loop
from ratiogan.solvers.grid_descent import GridDescent
from ratiogan.solvers.measure import measure
from ratiogan.solvers.subgradient import BEST, PROJECTED, LineDescent
from ratiogan.solvers.team import SOLO
from ratiogan.solvers.wglgd_outcome import outcome
from ratiogan.transport.line import line_points

LINE_STEPS = 2_000  # by default
GRID_STEPS, GRID_CELLS, FEWEST_STEPS = 200, 1 << 12, 20
# A constant step of this share of Polyak's first one ends near 1/20 of the W1 it started at.
_CONSTANT_SHARE = 0.1


def wglgd(
    real=None,
    gen=None,
    geometry="reference",
    step="constant",
    alpha="auto",
    tol=1e-10,
    max_steps="auto",
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
        p_r and the p_g to start from, on one grid of 1 to 3 axes of numbers, or preset specs.
        Without them the default problem: ``bimodal`` and ``normal``.
    geometry : {"reference", "fisher"}
        The inner product that projection and step belong to: R + alpha f, projected onto R >= 0
        where it must be, or R exp(alpha f)/E[R exp(alpha f)].
    step : {"constant", "decay", "polyak"}
        alpha; alpha/sqrt(k) at the k-th step; W1/|P_0 f|^2 in the norm of the geometry (on grids
        the bound on W1 from below).
    alpha : float or "auto"
        The step size, in 1/(unit of the axis); "auto" is Polyak's first step for `decay`, a
        tenth of it for `constant`. In `polyak` it plays no part.
    tol : float
        Stop when W1, in the unit of the axis, is below; on grids its bound from above. With 0 the
        run takes `max_steps` steps, unless R repeats itself before.
    max_steps : int or "auto"
        "auto" is 2000 on the line. On grids 200, beyond 4,096 cells fewer in proportion, 20 at
        least: a critic of 64 x 64 cells takes some 0.1 s, one of 256 x 256 some 3 s.
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
        that speak of R. ``discriminator`` is the critic, with E_r[f] = 0. On grids ``cost`` is the
        bound on W1 from below, E_r f - E_g f, ``upper`` the one from above (instead of
        ``sign_changes``), and the critic is given on the cells with p_r = 0 too.

    Raises
    ------
    InputError
        For an argument that cannot be used; categories, which have no distances; and more than
        three axes.
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
    >>> solution = wglgd("ring8", "ring8:thin=7", step="polyak", grid="16x16", max_steps=5)
    >>> bool(0 < solution.certificate["lower"] <= solution.certificate["upper"] < 0.1)
    True
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
        max_steps="auto",
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
        if max_steps != "auto":
            max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        self.alpha_is_auto = isinstance(alpha, str) and alpha == "auto"
        if not self.alpha_is_auto:
            alpha = check_positive("alpha", alpha, fix="Pass a positive step size, or auto.")
        real, gen = presets.problem(real, gen, grid, domain)
        points = points_of(real.grid)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self.support = self.real.mass > 0
        self.points = None if points is None else _read_only(points[self.support.ravel()])
        self.max_steps = default_steps(real.grid) if max_steps == "auto" else max_steps
        self.geometry = Geometry(geometry, _read_only(self.real.mass[self.support]))
        self._start = start.values[self.support]
        self._game = make_game("non-saturating")  # measures R: JSD, cells in use, max|R-1|
        self.alpha = 1.0
        self.compile_seconds = self._prepare()
        self.descent = None
        self._restart()
        if self.alpha_is_auto:
            alpha, self.alpha_reason = self._auto_alpha()
        else:
            self.alpha_reason = "given"
        self.alpha = self.descent.alpha = alpha

    def _prepare(self):
        """Compile or load the kernels on a few cells, so that it is not timed with the run."""
        begun = time.perf_counter()
        w = _read_only(np.full(4, 0.25))
        few = Geometry(self.geometry.name, w), np.array([1.5, 1.5, 0.5, 0.5]), self.step_rule, 0.0
        if self.points is not None:
            descent = LineDescent(*few, _read_only(np.arange(4.0)))
        else:
            ndim = self.real.grid.ndim
            shape = (2, 2) + (1,) * (ndim - 2)
            cells = Grid.regular(shape, (0,) * ndim, shape)
            descent = GridDescent(*few, Distribution.from_mass(np.full(shape, 0.25), cells))
            descent.advance(0)
            descent.row()
        descent.advance(1)
        measure(self._game, *few[:2], SOLO)
        return time.perf_counter() - begun

    def _auto_alpha(self):
        # Both scale as they must: alpha has the unit 1/length.
        first = self.cost / self.norm2 if self.norm2 > 0 else 1.0
        if self.step_rule == "constant":
            return _CONSTANT_SHARE * first, "a tenth of W1/|P_0 f|^2 at the start"
        return first, "W1/|P_0 f|^2 at the start"

    def _restart(self):
        """Begin at p_g again; the arrays of an earlier run stay as they are."""
        self._max_error = math.nan
        if self.descent is not None and not self.descent.steps and not self.descent.exact:
            self.descent.alpha = self.alpha
            return  # still there, and the first critic of a grid is the dearest
        begin = self.geometry, self._start, self.step_rule, self.tol
        if self.points is not None:
            self.descent = LineDescent(*begin, self.points)
        else:
            self.descent = GridDescent(*begin, self.real)
        self.descent.alpha = self.alpha
        self.descent.advance(0)

    @property
    def ratio(self):
        """R on the cells with p_r > 0."""
        return self.descent.ratio

    @property
    def critic(self):
        """f on the cells with p_r > 0, with E_r[f] = 0."""
        return self.descent.critic

    @property
    def cost(self):
        """W1 at the present R, in the unit of the axis; on grids its bound from below."""
        return self.descent.cost

    @property
    def norm2(self):
        """|P_0 f|^2 at the present R: Var f over p_r, in `fisher` over p_g."""
        return self.descent.norm2

    # --- what the loop asks for ---

    @property
    def halted(self):
        """Whether the loop should look at R now."""
        over = self.descent.reached or self._repeats
        return over or self.norm2 == 0 or not math.isfinite(self.cost)

    @property
    def _repeats(self):
        """Whether no step brings anything new: R comes back, or round-off is all that is left."""
        return self.descent.period > 0 or self.descent.is_nothing

    def advance(self, n):
        """Take up to `n` steps in place; returns how many."""
        return self.descent.advance(n)

    def measure(self):
        """The trace row of the present R."""
        row = measure(self._game, self.geometry, self.ratio, SOLO)
        self._max_error = row["max_error"]
        alpha = self.descent.next_alpha
        about_r = ("js", "kl", "max_error", "rms_error", "min_ratio", "max_ratio", "mean_ratio")
        return {
            "cost": self.cost,
            "best": float(self.descent.numbers[BEST]),
            "alpha": alpha,
            "floor": self.descent.floor(alpha),
            **{name: row[name] for name in (*about_r, "effective_support")},
            "grad_norm": math.sqrt(max(self.norm2, 0.0)),
            **self.descent.row(),
            "projected": int(self.descent.counts[PROJECTED]),
        }

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
        proved = row.get("upper", row["cost"])
        if proved < self.tol or (proved == 0 and self.tol > 0):
            return "converged"
        if self._repeats or row["cost"] == 0:
            return "repeats"
        return None

    def _on_grid(self, values):
        full = np.full(self.real.grid.shape, np.nan)
        full[self.support] = values
        return full

    # --- what the user asks for ---

    def one_step(self):
        """Take one step, without looking for cycles."""
        self.descent.advance(1, False)

    def load_kernels(self):
        """Nothing is left to load: `__init__` did."""

    def solution(self, run):
        """What a run of the loop comes to."""
        trace = Trace({name: [row[name] for row in run.rows] for name in run.rows[0]})
        last = run.rows[-1]
        critic = self._on_grid(self.critic) if self.descent.exact else self.descent.whole_critic
        return Solution(
            algorithm=self.name,
            ratio=self._on_grid(self.ratio),
            discriminator=critic,
            n_steps=run.n_steps,
            trace=trace,
            certificate={
                **{key: last[key] for key in ("mean_ratio", "min_ratio", "max_error")},
                **self.descent.certificate(),
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
            seed=None,
            **outcome(self, run, trace),
        )


def points_of(grid):
    """Where the cells are, if they lie on one line; None on a grid of two and three axes.

    Raises
    ------
    InputError
        For categories, and for more than three axes.
    """
    for axis in grid.axes:
        if axis.kind == "categories":
            raise InputError(
                f"the categories of {axis.name} have no distances, so there is no W1.",
                argument="grid",
                fix="Use a divergence, or columns of numbers.",
            )
    if grid.ndim > 3:
        raise InputError(
            f"wglgd needs a grid of 1 to 3 axes, got {grid.ndim}.",
            argument="grid",
            fix="Pass fewer columns.",
        )
    if grid.ndim == 1:
        return line_points(grid)
    long = [centres for centres in grid.centres if centres.size > 1]
    if len(long) > 1:
        return None
    return long[0] if long else grid.centres[0]


def default_steps(grid):
    """Most steps unless told: on a grid about as much work on any, in half a minute or so.

    Examples
    --------
    >>> [default_steps(Grid.regular((n, n), (0, 0), (1, 1))) for n in (16, 64, 128, 512)]
    [200, 200, 50, 20]
    """
    if points_of(grid) is not None:
        return LINE_STEPS
    return max(FEWEST_STEPS, GRID_STEPS * GRID_CELLS // max(grid.size, GRID_CELLS))


def _read_only(values):
    # Numba compiles for read-only and for writable arrays apart: always the same kind here.
    values = np.ascontiguousarray(values).view()
    values.flags.writeable = False
    return values
