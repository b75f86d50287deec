"""Many GLGD runs in one call: many starts, many step sizes, many references.

The rows march side by side through one compiled loop, each on its own schedule. A row that needs
more than plain steps (a projection, a halving, its last step) is finished by itself, so that every
row ends with the same bytes as the run alone.
"""

import numpy as np

from ratiogan.solvers import loop
from ratiogan.solvers.glgd import GLGD
from ratiogan.solvers.marches import drive, march_of, rows_of
from ratiogan.solvers.rows import SideBySide
from ratiogan.solvers.steps import FusedSteps
from ratiogan.solvers.team import Team


def glgd_batch(
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
    record="log",
    threads=None,
):
    """GLGD on a batch: `real`, `gen` and `alpha` may each be a sequence, one item per row.

    Single values serve for every row. The step rule is "constant"; what is not said here is as in
    `glgd`.

    Parameters
    ----------
    real, gen : Distribution, str, or a sequence of them
    alpha : float, "auto", or a sequence of them
    record : "log", "auto", "all" or int
        Which steps to record; "log" is the powers of 2. Snapshots are not kept.
    threads : int, optional
        The rows are shared among at most so many; by default all cores above some 400,000 cells
        in all.

    Returns
    -------
    tuple of Solution
        One per row, each what `glgd` alone returns.

    Raises
    ------
    InputError
        If the sequences differ in length, or as in `glgd`.

    Examples
    --------
    >>> runs = glgd_batch(alpha=[0.5, 1.0, 1.5], grid=64)
    >>> [run.n_steps for run in runs]
    [90, 38, 20]
    """
    solvers = [
        GLGD(
            real=row["real"],
            gen=row["gen"],
            game=game,
            geometry=geometry,
            alpha=row["alpha"],
            tol=tol,
            max_steps=max_steps,
            grid=grid,
            domain=domain,
            singular=singular,
            threads=1,
        )
        for row in rows_of(real=real, gen=gen, alpha=alpha)
    ]
    # Rows of one length share an array; other games and geometries have no compiled step.
    groups = {}
    for solver in solvers:
        fused = isinstance(solver.rule, FusedSteps)
        groups.setdefault(solver.ratio.size if fused else id(solver), []).append(solver)
    records = {}
    with loop.deferred_interrupt() as interrupted:
        solvers[0].load_kernels()
        for group in groups.values():
            marches = [march_of(solver, record, False, interrupted) for solver in group]
            advance = _Side(group, threads).advance if len(group) > 1 else _alone(group[0])
            records.update(zip(map(id, group), drive(marches, advance), strict=True))
    for solver in solvers:
        solver.ratio = solver.ratio.copy()  # one Solution does not keep the whole batch alive
    return tuple(solver.solution(records[id(solver)]) for solver in solvers)


def _alone(solver):
    return lambda wanted: {row: solver.advance(steps) for row, steps in wanted.items()}


class _Side(SideBySide):
    """Runs whose R have one length, side by side; each keeps its own rule."""

    def __init__(self, solvers, threads):
        self.rules = [solver.rule for solver in solvers]
        ratio = np.stack([solver.ratio for solver in solvers])
        for solver, row in zip(solvers, ratio, strict=True):
            solver.ratio = row
        super().__init__(
            self.rules[0],
            ratio,
            _shared([rule.geometry.masses for rule in self.rules]),
            _shared([rule.along for rule in self.rules]),
            np.array([[rule.alpha, rule.total] for rule in self.rules]),
            np.array([[rule.lowest, rule.stop_below] for rule in self.rules]),
            Team(threads, ratio.size),
        )

    def advance(self, wanted):
        """Blocks of steps for the rows in `wanted`; the steps that stand, by row."""
        steps = np.zeros(len(self.rules), dtype=np.int64)
        for row, most in wanted.items():
            steps[row] = self.rules[row].planned(self.ratio.shape[1], most)
        self.run(steps)
        return {
            row: self.rules[row].concluded(
                self.ratio[row], self.before[row], int(steps[row]), *map(int, self.found[row])
            )
            for row in wanted
        }


def _shared(arrays):
    """(1, N) where all rows have the same values, else (B, N); read-only as kernels expect it."""
    same = all(np.array_equal(array, arrays[0]) for array in arrays[1:])
    stacked = arrays[0][None] if same else np.stack(arrays)
    stacked.flags.writeable = False
    return stacked
