"""WGAN, algorithm 1 as printed: a critic with clipped weights, RMSProp, minibatches.

Each turn takes `disc_steps` (n_critic) ascent steps of the critic on E_r f - E_g f, clips its
weights after each, and then one descent step of the generator on -E_g f. (The slide prints
"t = 0, .., n_critic", which would be one more; its text says n_critic.) The exact critic of W1
stands beside the clipped one, so that what clipping and n_critic steps miss is a number.
"""

import math
import numbers
import time

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import CRITICS
from ratiogan.errors import (
    InputError,
    check_choice,
    check_integer,
    check_not_negative,
    check_positive,
)
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, density_ratio
from ratiogan.solution import Solution, Trace
from ratiogan.solvers import loop, wgan_outcome, wgan_turns
from ratiogan.solvers.critics import clipped_maximum, critic_values, lipschitz
from ratiogan.solvers.measure import measure
from ratiogan.solvers.minibatch import fill_guide
from ratiogan.solvers.optimizers import Memory
from ratiogan.solvers.optimizers import optimizer as read_optimizer
from ratiogan.solvers.team import SOLO
from ratiogan.sums import ordered_sum
from ratiogan.transport.line import line_critics, line_points

LOSSES = ("wasserstein", "non-saturating", "minimax")
FAMILIES = {"cells": "score", "shift": "pathwise"}  # each with its estimate from a minibatch
INNER_PRODUCTS = ("euclidean", "reference")
_LARGEST_BLOCK = 1 << 24  # cells times updates: a tenth of a second, so that Ctrl-C is answered
_MOST_DRAWS = 1 << 20


def wgan(
    real=None,
    gen=None,
    critic="slopes",
    clip=0.01,
    alpha_disc=5e-5,
    alpha_gen=5e-5,
    disc_steps=5,
    batch=64,
    optimizer="rmsprop",
    loss="wasserstein",
    max_steps=50_000,
    *,
    family="cells",
    gradient="exact",
    gen_steps=1,
    inner_product="euclidean",
    tol=0.0,
    rng=0,
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    progress=False,
):
    """Train a critic with clipped weights and a generator in turns, beside the exact W1.

    The defaults are the paper's: both learning rates 5e-5, clip 0.01, minibatches of 64, 5 critic
    updates per turn. They move a logit by 5e-5 per turn: the default problem, whose log R spans 3,
    takes some 30,000 turns.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid of one axis, or preset specs. Without them the
        default problem: ``bimodal`` and ``normal``.
    critic : {"slopes", "relu"}
        f piecewise linear with its slopes as weights, or sum_j w_j max(0, y - b_j) with a kink at
        every centre but the last. Both start at 0.
    clip : float or None
        Weights are clipped to [-clip, clip] after every update; None clips nothing.
    alpha_disc, alpha_gen : float
        The learning rates; one alpha in the paper. With alpha_gen = 0 the generator stays.
    disc_steps, gen_steps : int
        Updates of critic (n_critic) and generator per turn.
    batch : int or None
        Size m of the minibatches from p_r and p_g, fresh for every update; None or "exact" for
        expectations over the cells.
    optimizer : str or Optimizer
        Of both players: ``rmsprop``, ``sgd``, ``momentum``, ``adam``, with their constants.
    loss : {"wasserstein", "non-saturating", "minimax"}
        In the last two f is the logit of a discriminator: the critic ascends E_r[log sigmoid f] +
        E_g[log(1 - sigmoid f)], the generator descends E_g[-log sigmoid f], or
        E_g[log(1 - sigmoid f)].
    max_steps : int
        Most turns.
    family : {"cells", "shift"}
        Of generators: one logit per cell, R = e^theta/E[e^theta]; or one number theta, p_g moved as
        a whole (the parallel lines of the paper), whose mass stays at the last cell it would leave.
    gradient : {"exact", "score", "pathwise"}
        Of the generator given f: the sum over all cells; or its estimate from a minibatch, by
        score function (`cells`; no baseline, f with E_r f = 0) or through the samples (`shift`).
    inner_product : {"euclidean", "reference"}
        Whether a gradient in theta is what autodiff gives, or divided by the cell's share of p_r.
    tol : float
        Stop when W1, in the unit of the axis, is below at a recorded turn. With 0 the run takes
        `max_steps` turns. A tol that is not met is told (status ``max-steps``), and as predicted:
        of a practical algorithm and a number of turns nothing more is promised than the bound.
    rng : None, int or Generator
    grid, domain, singular, record, snapshots, progress : optional
        As in `wglgd`.

    Returns
    -------
    Solution
        Its trace has W1 as ``cost``, ``value`` E_r f - E_g f of the clipped critic, the ``bound``
        that clipping sets to it, ``estimate`` value/Lip(f) <= W1 with ``lipschitz`` Lip(f), its
        ``ceiling`` for the best weights there are, ``agreement`` (correlation of f with the exact
        critic under p_g), ``at_bound`` (share of the weights that sit at the clip), and `glgd`'s
        columns that speak of R. ``discriminator`` is f, with E_r[f] = 0 (a logit as it is).
        ``as_predicted`` is False if a value is above its bound, or not finite; W1 may rise.

    Raises
    ------
    InputError
        For an argument that cannot be used, and for a grid that is no line.
    SingularMassError
        If the generator has mass where p_r = 0.

    Notes
    -----
    What keeps W1 from 0 at the end is the noise of the minibatches, which the critic's few updates
    do not average out: the default problem on 64 cells hovers at 0.0117 +- 0.0006 with m = 64 (mean
    of the last 12,500 turns, and its standard deviation over five seeds), at 0.0059 +- 0.001 with
    m = 1,024 and 0.0070 +- 0.0003 with 25 updates (three seeds each), and at 4e-5 with exact
    expectations.

    References
    ----------
    Arjovsky, Chintala and Bottou 2017, "Wasserstein Generative Adversarial Networks", algorithm 1;
    slides "Computing the GAN Equilibrium", "Method 3: Wasserstein Practical Algorithm".

    Examples
    --------
    >>> run = wgan(grid=64, batch=None, alpha_gen=0.0, max_steps=20)
    >>> trace = run.trace
    >>> round(float(trace.cost[-1]), 4), round(float(trace.value[-1]) / 0.01, 4)
    (0.5879, 0.5879)
    """
    solver = WGAN(
        real, gen, critic, clip, alpha_disc, alpha_gen, disc_steps, batch, optimizer, loss,
        max_steps, family=family, gradient=gradient, gen_steps=gen_steps,
        inner_product=inner_product, tol=tol, rng=rng, grid=grid, domain=domain, singular=singular,
    )  # fmt: skip
    return solver.solve(record=record, snapshots=snapshots, progress=progress)


class WGAN(loop.Solver):
    """WGAN on one problem, to be solved at once or stepped; arguments as `wgan`.

    Examples
    --------
    >>> solver = WGAN(grid=64, alpha_gen=0.01, batch=None)
    >>> for step, ratio in solver.iter_states(max_steps=2):
    ...     print(step, round(solver.cost, 3))
    0 0.588
    1 0.529
    2 0.478
    """

    name = "wgan"

    def __init__(
        self,
        real=None,
        gen=None,
        critic="slopes",
        clip=0.01,
        alpha_disc=5e-5,
        alpha_gen=5e-5,
        disc_steps=5,
        batch=64,
        optimizer="rmsprop",
        loss="wasserstein",
        max_steps=50_000,
        *,
        family="cells",
        gradient="exact",
        gen_steps=1,
        inner_product="euclidean",
        tol=0.0,
        rng=0,
        grid=None,
        domain=None,
        singular="error",
    ):
        self.critic = check_choice("critic", critic, tuple(CRITICS))
        self.loss = check_choice("loss", loss, LOSSES)
        self.family = check_choice("family", family, tuple(FAMILIES))
        self.gradient = check_choice("gradient", gradient, ("exact", FAMILIES[family]))
        self.inner_product = check_choice("inner_product", inner_product, INNER_PRODUCTS)
        self.clip = _clip(clip)
        self.alpha_disc = check_positive("alpha_disc", alpha_disc)
        self.alpha_gen = check_not_negative("alpha_gen", alpha_gen)
        self.disc_steps = check_integer("disc_steps", disc_steps, minimum=1)
        self.gen_steps = check_integer("gen_steps", gen_steps, minimum=1)
        self.batch = None if batch in (None, "exact") else check_integer("batch", batch, minimum=1)
        if self.batch is None and gradient != "exact":
            raise InputError(
                f"gradient {gradient} needs minibatches, got batch exact.",
                argument="gradient",
                fix="Pass gradient=exact, or batch=64.",
            )
        self.rule = read_optimizer(optimizer)
        self.tol = check_not_negative("tol", tol)
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        real, gen = presets.problem(real, gen, grid, domain)
        points = line_points(real.grid)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self.support = self.real.mass > 0
        if family == "shift" and not (self.support.all() and points.size > 1):
            raise InputError(
                "family shift moves mass anywhere on the axis, so p_r must be above 0 in all "
                "of two cells or more.",
                argument="family",
                fix="Take a p_r without empty cells, or family cells.",
            )
        self.points = points[self.support].copy()
        self.seed = int(rng) if isinstance(rng, numbers.Integral) else None
        self._rng = np.random.default_rng(rng)
        self._rng_state = self._rng.bit_generator.state
        masses = self.real.mass[self.support].copy()
        masses.flags.writeable = False
        self.geometry = Geometry("reference", masses)
        self._game = make_game("non-saturating")  # measures R: JSD, cells in use, max|R-1|
        self._prepare(start.values[self.support])
        begun = time.perf_counter()
        self._restart()
        self.compile_seconds = time.perf_counter() - begun

    def _prepare(self, ratio):
        """What no turn changes, in the order in which the kernel takes it."""
        masses = self.geometry.masses.copy()
        base = masses * ratio
        guides = []
        for row in (masses, base):
            sums, guide = np.empty(row.size), np.empty(row.size, dtype=np.int64)
            fill_guide(row, sums, guide)
            guides += [sums, guide]
        with np.errstate(divide="ignore"):
            self._start = np.log(ratio) if self.family == "cells" else np.zeros(1)
        self.problem = (self.points, np.diff(self.points), masses, base, *guides)
        sampled = self.gradient != "exact"
        self._codes = (
            *(int(self.critic == "relu"), LOSSES.index(self.loss)),
            *(int(self.family == "shift"), int(sampled)),
            int(self.inner_product == "reference" and self.family == "cells"),
            *(self.batch or 0, self.disc_steps, self.gen_steps),
        )
        clip = math.inf if self.clip is None else self.clip
        self._rates = (self.alpha_disc, self.alpha_gen, clip)
        self._draws = wgan_turns.draws_per_turn(
            self.disc_steps, self.gen_steps, self.batch or 0, sampled
        )

    def _restart(self):
        """Begin at p_g and f = 0 again; the arrays of an earlier run stay as they are."""
        n = self.points.size
        self._rng.bit_generator.state = self._rng_state
        self.weights, self.theta = np.zeros(n), self._start.copy()
        self.gen_masses, self.values = self.problem[3].copy(), np.zeros(n)
        self._memories = tuple(
            (memory.first, memory.second, memory.count)
            for memory in (Memory(n), Memory(self.theta.size))
        )
        drawn = [np.empty(self.batch or 0, dtype=np.int64) for _ in range(2)]
        self._work = (
            *(np.empty(n) for _ in range(3)),
            *(np.empty(n, dtype=np.int64), np.empty(n), np.empty(self.theta.size)),
            *drawn,
        )
        self._counts = np.array([0, -1], dtype=np.int64)
        self._max_error = math.nan
        self._advance(0)

    @property
    def _state(self):
        return self.weights, self.theta, self.gen_masses, self.values

    @property
    def ratio(self):
        """R = p_g/p_r on the cells with p_r > 0."""
        return self.gen_masses / self.geometry.masses

    @property
    def cost(self):
        """W1 at the present R, in the unit of the axis."""
        return self._exact()[0]

    def _exact(self):
        """W1 and its critic."""
        q = self.gen_masses
        if not np.isfinite(q).all():
            return math.nan, np.full(q.size, math.nan)
        value, critic = line_critics(self.geometry.masses, q, self.points)
        return float(value), critic

    # --- what the loop asks for ---

    @property
    def halted(self):
        """Whether the loop should look at R now."""
        return not math.isfinite(self.gen_masses[0] + self.values[-1])

    def advance(self, n):
        """Take up to `n` turns in place; returns how many."""
        work = self.points.size * (self.disc_steps + 2 * self.gen_steps)
        block = min(n, max(1, _LARGEST_BLOCK // work))
        if self._draws:
            block = min(block, max(1, _MOST_DRAWS // self._draws))
        return self._advance(block)

    def _advance(self, n):
        uniforms = self._rng.random((n, self._draws))
        wgan_turns.take_turns(
            self.problem, self._state, *self._memories, self._work,
            (self.rule.code, self.rule.constants), self._codes, self._rates, uniforms,
            self._counts, n,
        )  # fmt: skip
        return n

    def measure(self):
        """The trace row of the present R and critic."""
        row = measure(self._game, self.geometry, self.ratio, SOLO)
        self._max_error = row["max_error"]
        cost, exact = self._exact()
        w, q, f = self.geometry.masses, self.gen_masses, self.values
        value, steepest = ordered_sum(w - q, f), lipschitz(f, self.points)
        bound, ceiling = self._limits(cost)
        about_r = ("js", "kl", "max_error", "rms_error", "min_ratio", "max_ratio", "mean_ratio")
        limit = self._rates[2]
        return {
            "cost": cost,
            "value": value,
            "bound": bound,
            "estimate": value / steepest if steepest > 0 else 0.0,
            "ceiling": ceiling,
            "lipschitz": steepest,
            "agreement": _correlation(f, exact, q),
            "at_bound": float(np.mean(np.abs(self.weights[1:]) >= limit)) if f.size > 1 else 0.0,
            **{name: row[name] for name in (*about_r, "effective_support")},
            "shift": float(self.theta[0]) if self.family == "shift" else 0.0,
        }

    def _limits(self, cost):
        """The most that clipping leaves of E_r f - E_g f, and of that over Lip(f)."""
        if self.clip is None:
            return math.inf, cost
        if self.critic == "slopes":
            return self.clip * cost, cost
        w, q = self.geometry.masses, self.gen_masses
        bound, weights = clipped_maximum("relu", w, q, self.points, self.clip)
        steepest = lipschitz(critic_values("relu", weights, self.points), self.points)
        return bound, bound / steepest if steepest > 0 else 0.0

    def state(self):
        """A copy of R on the grid."""
        return self._on_grid(self.ratio)

    def progress(self):
        """max|R-1| as last measured, and no rate."""
        return self._max_error, math.nan

    def check(self, step, row):
        """A reason to stop at this row, or None."""
        if not all(math.isfinite(row[name]) for name in ("cost", "value", "max_error")):
            return "diverged"
        return "converged" if row["cost"] < self.tol else None

    def _on_grid(self, values):
        full = np.full(self.real.grid.shape, np.nan)
        full[self.support] = values
        return full

    # --- what the user asks for ---

    def load_kernels(self):
        """Compile or load what is left to load, so that it is not timed with the run."""
        start = time.perf_counter()
        self.measure()
        self.compile_seconds += time.perf_counter() - start

    @property
    def half_at_bound(self):
        """After which turn half of the weights first sat at the clip; None while they have not."""
        found = int(self._counts[wgan_turns.HALF_AT_BOUND])
        return None if found < 0 or self.clip is None else found

    def solution(self, run):
        """What a run of the loop comes to."""
        trace = Trace({name: [row[name] for row in run.rows] for name in run.rows[0]})
        f, last = self.values, run.rows[-1]
        if self.loss == "wasserstein":
            f = f - ordered_sum(f, self.geometry.masses)
        outcome = wgan_outcome.outcome(self, run, trace)
        return Solution(
            algorithm=self.name,
            ratio=self._on_grid(self.ratio),
            discriminator=self._on_grid(f),
            n_steps=run.n_steps,
            trace=trace,
            certificate={
                **{key: last[key] for key in ("mean_ratio", "min_ratio", "max_error", "cost")},
                **{key: last[key] for key in ("value", "bound", "lipschitz")},
            },
            real=self.real,
            gen=self.gen,
            options={
                "critic": self.critic,
                "clip": self.clip,
                "alpha_disc": self.alpha_disc,
                "alpha_gen": self.alpha_gen,
                "disc_steps": self.disc_steps,
                "gen_steps": self.gen_steps,
                "batch": self.batch or "exact",
                "optimizer": self.rule.spec,
                "loss": self.loss,
                "family": self.family,
                "gradient": self.gradient,
                "inner_product": self.inner_product,
                "tol": self.tol,
                "max_steps": self.max_steps,
            },
            seconds=run.seconds,
            compile_seconds=self.compile_seconds,
            snapshot_steps=run.snapshot_steps,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            seed=self.seed,
            **outcome,
        )


def _clip(value):
    if value is None or value == "none":
        return None
    return check_positive("clip", value, fix="Pass a number such as 0.01, or none.")


def _correlation(f, g, weights):
    """Of two functions under masses; NaN where one of them is constant."""
    f, g = f - ordered_sum(f, weights), g - ordered_sum(g, weights)
    size = math.sqrt(ordered_sum(f**2, weights) * ordered_sum(g**2, weights))
    return ordered_sum(f * g, weights) / size if size > 0 else math.nan
