"""Alternating minimization: f <- argmin d(R, f), R <- argmin g(R, f), which collapses onto a point.

With f fixed, g(R, f) = E[R u(f)] is linear in R, so its minimiser over {R >= 0, E[R] = 1} is an
extreme point: all generator mass in a cell where u is smallest (slide 001, "Alternating
Minimization"; errata: argmax f = argmin R for the cross-entropy games).
"""

import math
import numbers
import time

import numpy as np

from ratiogan import presets
from ratiogan.catalogue import TIES
from ratiogan.errors import check_choice, check_integer
from ratiogan.games import game as make_game
from ratiogan.ratio import Geometry, density_ratio
from ratiogan.solution import Prediction, Solution, Status, Trace
from ratiogan.solvers import loop
from ratiogan.solvers.glgd import GLGD
from ratiogan.solvers.measure import measure
from ratiogan.solvers.outcome import dropped_mass
from ratiogan.sums import ordered_sum
from ratiogan.trace import place_text

_AT_ONE = 1e-12  # R = 1/sum(w) is 1 to round-off


def alternating(
    real=None,
    gen=None,
    game="non-saturating",
    ties="random",
    max_steps=12,
    *,
    rng=0,
    grid=None,
    domain=None,
    singular="error",
    snapshots="auto",
    progress=False,
):
    """Let both players minimise in turn, each exactly.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid, or preset specs. Without them the default
        problem.
    game : str or Game
        The two players' losses.
    ties : {"first", "random", "split"}
        Which cell takes the mass when several attain the least u: the first, one at random, or all
        of them in proportion to p_r.
    max_steps : int
    rng : None, int or Generator
        For ``ties="random"``.
    grid, domain : optional
        The cells, where `real` and `gen` are presets.
    singular : {"error", "restrict"}
        What to do about generator mass where p_r = 0.
    snapshots : "auto" or bool
        Whether to keep R at every step.
    progress : bool or callable
        As in `glgd`.

    Returns
    -------
    Solution
        Its trace has the columns ``cell`` (-1 while the mass is spread out), ``position_0``, ..,
        ``max_discriminator`` (max f*), ``ties`` (cells that attain the least u),
        ``js``, ``effective_support``, ``g``, and ``glgd_effective_support``, what GLGD has at the
        same step of the same problem.

    References
    ----------
    Slide 001, "Algorithm 1: Alternating Minimization".

    Examples
    --------
    >>> solution = alternating(grid=64, ties="first")
    >>> solution.status.value, float(solution.trace.effective_support[1])
    ('cycle', 1.0)
    """
    solver = Alternating(
        real, gen, game, ties, max_steps, rng=rng, grid=grid, domain=domain, singular=singular
    )
    return solver.solve(snapshots=snapshots, progress=progress)


class Alternating(loop.Solver):
    """Alternating minimization on one problem; the arguments are those of `alternating`."""

    name = "alternating"

    def __init__(
        self,
        real=None,
        gen=None,
        game="non-saturating",
        ties="random",
        max_steps=12,
        *,
        rng=0,
        grid=None,
        domain=None,
        singular="error",
    ):
        self.game = make_game(game)
        self.ties = check_choice("ties", ties, tuple(TIES))
        self.max_steps = check_integer("max_steps", max_steps, minimum=1)
        check_choice("singular", singular, ("error", "restrict"))
        self.seed = int(rng) if isinstance(rng, numbers.Integral) else None
        self._rng = np.random.default_rng(rng)
        real, gen = presets.problem(real, gen, grid, domain)
        start = density_ratio(gen=gen, real=real, singular=singular)
        self.real, self.gen = start.real, start.gen
        self._cells = np.flatnonzero(self.real.mass.reshape(-1) > 0)
        self.masses = self.real.mass.reshape(-1)[self._cells]
        self.geometry = Geometry("reference", self.masses)
        self._start = start.values.reshape(-1)[self._cells]
        self.halted = False
        self._restart()

    def _restart(self):
        """Begin at p_g again."""
        self.ratio = self._start
        self._respond()

    def _respond(self):
        """The discriminator's turn: then u is known, and the cells where it is least."""
        with np.errstate(divide="ignore"):
            u = self.game.signal(self.ratio)
        self._tied = np.flatnonzero(u == u.min())

    # --- what the loop asks for ---

    def advance(self, n):
        """The generator's turn, then the discriminator's."""
        if self.ties == "split":
            chosen = self._tied
        elif self.ties == "first":
            chosen = self._tied[:1]
        else:
            chosen = self._rng.choice(self._tied, size=1)
        self.ratio = np.zeros_like(self.ratio)
        self.ratio[chosen] = 1.0 / self.masses[chosen].sum()
        self._respond()
        return 1

    def measure(self):
        """The trace row of the present R."""
        row = measure(self.game, self.geometry, self.ratio)
        occupied = np.flatnonzero(self.ratio)
        single = occupied.size == 1
        cell = int(self._cells[occupied[0]]) if single else -1
        place = np.unravel_index(max(cell, 0), self.real.grid.shape)
        positions = {
            f"position_{axis}": float(centres[i]) if single else math.nan
            for axis, (centres, i) in enumerate(zip(self.real.grid.centres, place, strict=True))
        }
        responses = self.game.best_response(self.ratio)
        return {
            "cell": cell,
            **positions,
            "max_discriminator": float(np.max(responses)),
            "ties": int(self._tied.size),
            **{key: row[key] for key in ("js", "effective_support", "g", "max_error", "rms_error")},
        }

    def state(self):
        """A copy of R on the grid."""
        full = np.full(self.real.grid.size, np.nan)
        full[self._cells] = self.ratio
        return full.reshape(self.real.grid.shape)

    def progress(self):
        """max|R-1| now, and no rate."""
        return float(np.abs(self.ratio - 1).max()), math.nan

    def check(self, step, row):
        """Only the number of steps ends a run."""
        return None

    # --- what the user asks for ---

    def solve(self, snapshots="auto", progress=False):
        """Run to the end.

        Returns
        -------
        Solution
        """
        keep = loop.keeps_snapshots(snapshots, self.ratio.size)
        self._restart()
        contrast = self._glgd_supports()
        with loop.reporting(progress, self.name) as report:
            run = loop.run(
                self,
                max_steps=self.max_steps,
                schedule=loop.record_schedule("all", self.ratio.size),
                snapshots=keep,
                progress=report,
            )
        rows = [
            {**row, "glgd_effective_support": contrast[min(row["step"], len(contrast) - 1)]}
            for row in run.rows
        ]
        trace = Trace({name: [row[name] for row in rows] for name in rows[0]})
        status, finding = self._verdict(run, trace)
        ratio = self.state()
        return Solution(
            algorithm=self.name,
            ratio=ratio,
            discriminator=self.game.best_response(ratio),
            status=status,
            as_predicted=run.reason != "interrupted" and self._as_predicted(trace),
            finding=finding + dropped_mass(self.gen),
            n_steps=run.n_steps,
            trace=trace,
            certificate={
                "mean_ratio": ordered_sum(self.ratio, self.masses),
                "effective_support": float(trace.effective_support[-1]),
                "max_error": float(trace.max_error[-1]),
            },
            real=self.real,
            gen=self.gen,
            options={"game": self.game.spec, "ties": self.ties, "max_steps": self.max_steps},
            seconds=run.seconds,
            snapshot_steps=run.snapshot_steps,
            snapshots=np.stack(run.snapshots) if run.snapshots else None,
            predictions=self._predictions(trace),
            seed=self.seed,
            notes=(
                "Why: with f fixed, g(R, f) is linear in R, so its minimiser is an extreme point: "
                "a delta at argmax f.",
            ),
        )

    def _glgd_supports(self):
        """What GLGD has in use at each step, for contrast (non-saturating, alpha auto)."""
        start = time.perf_counter()
        solver = GLGD(self.real, self.gen)
        supports = []
        for _ in solver.iter_states(self.max_steps):
            supports.append(solver.measure()["effective_support"])
            if time.perf_counter() - start > 1.0:
                break  # on a large grid the first steps say enough
        return supports

    @property
    def _collapses(self):
        """Whether a step must end in one cell of several, as far as the tie rule goes."""
        return self.ties != "split" and self.masses.size > 1

    def _as_predicted(self, trace):
        if not self._collapses or len(trace) < 2:
            return True
        return bool(np.all(trace.effective_support[1:] < 1.0 + 1e-9))

    def _predictions(self, trace):
        rows = []
        steps = len(trace) - 1
        if steps < 1:
            return ()
        at_one = trace.max_error < _AT_ONE
        if self._collapses:
            rows.append(
                Prediction("cells in use after one step", "1", f"{trace.effective_support[1]:.3f}")
            )
            moved = int(np.count_nonzero(np.diff(trace.cell) != 0))
            if self.game.convex:
                rows.append(
                    Prediction(
                        "next point avoids the present one", "always", f"{moved} of {steps} steps"
                    )
                )
        if at_one[0]:
            name, predicted = "from R = 1", "leaves at step 1" if self._collapses else "stays there"
            left = np.flatnonzero(~at_one)
            measured = f"leaves at step {left[0]}" if left.size else "stays there"
        else:
            # Where u is flat around R = 1 (cost-weighted), split can tie everywhere.
            flat = self.game.has_kink and not self.game.convex and not self._collapses
            name, predicted = "R = 1 is reached", "possible" if flat else "never"
            reached = np.flatnonzero(at_one)
            measured = f"at step {reached[0]}" if reached.size else f"never in {steps} steps"
        rows.append(Prediction(name, predicted, measured))
        return tuple(rows)

    def _verdict(self, run, trace):
        n = run.n_steps
        if run.reason == "interrupted":
            return Status.INTERRUPTED, f"INTERRUPTED at step {n}."
        cells = trace.cell
        stays = cells[1] >= 0 and bool(np.all(cells[1:] == cells[1]))
        if np.all(trace.max_error < _AT_ONE):
            why = f"all {self.masses.size} cells tie, and split keeps them all"
            if self.masses.size == 1:
                why = "p_r has only one cell"
            return Status.CONVERGED, f"STAYED AT R = 1: {why}."
        if trace.max_error[-1] < _AT_ONE:
            first = int(np.argmax(trace.max_error < _AT_ONE))
            return (
                Status.CONVERGED,
                f"REACHED R = 1 at step {first}: all cells tie in u, and split keeps them all.",
            )
        if not self._collapses and not stays:
            least = float(trace.effective_support[1:].min())
            most = float(trace.effective_support[1:].max())
            return (
                Status.CYCLE,
                f"CYCLE: split alternates between {least:.3g} and {most:.3g} cells in use "
                f"of {self.masses.size}; R = 1 is not reached in {n} steps.",
            )
        where = place_text(trace, 1, self.real.grid)
        start = (
            f"COLLAPSED at step 1: all generator mass is in 1 of {self.masses.size} cells "
            f"({where}, where {self._least_text(trace.ties[0])})"
        )
        visited = len(set(cells[1:].tolist()))
        if n == 1:
            return Status.COLLAPSED, start + "."
        if stays:
            return Status.COLLAPSED, start + f", and stays there for {n} steps."
        # Rounded down: it must not read as if log 2 had been reached.
        low, high = (math.floor(1e4 * x(trace.js[1:])) / 1e4 for x in (np.min, np.max))
        tail = f"JSD between {low:.4f} and {high:.4f} of log 2 = 0.6931."
        if n >= 5 and np.all(cells[4:] == cells[2:-2]):
            return (
                Status.CYCLE,
                f"{start}, and from then on it is in a 2-cycle of two cells: {n} steps, {tail}",
            )
        return (
            Status.HOPPING,
            f"{start}, and from then on it hops: {n} steps, {visited} different cells, {tail}",
        )

    def _least_text(self, ties):
        if ties > 1:
            return f"u was least, as in {ties - 1} others"
        return "R was smallest" if self.game.convex else "R was nearest 1"
