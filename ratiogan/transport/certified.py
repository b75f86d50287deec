"""W1 as it is handed back: the interval that holds it, critic and plan, in words and in a file."""

import json
import math
import os
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property

import numpy as np

from ratiogan.distribution import Distribution
from ratiogan.errors import InputError
from ratiogan.files import write_atomically
from ratiogan.solution import RUN_FILE, SCHEMA_VERSION, Status
from ratiogan.text import PROSE, html_block, html_table, jsonable, scientific, significant, wrap
from ratiogan.transport.extension import extend, lipschitz_constant, spread_critic
from ratiogan.transport.problem import Plan

EXACT = 4e-15  # relative gaps up to this are rounding
RESOLVED = 1e-12  # the relative gap that round-off in masses and distances can hide
_PLAN = ("origin", "destination", "mass")
_CHECKED = {
    "euclidean": "checked by an exact c-transform",
    "manhattan": "checked on all neighbouring cells",
}


def hidden(grid):
    """How much of W1 the round-off of masses that sum to 1 can hide, in the unit of the axes.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> hidden(Grid.regular(4, 0.0, 1.0)) * 2**50
    0.75
    """
    return 2.0**-50 * sum(float(c[-1] - c[0]) for c in grid.centres)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Wasserstein:
    """W1 between two distributions: what `wasserstein` returns.

    Attributes
    ----------
    lower, upper : float
        W1 lies between them, to round-off: E_r[f] - E_g[f] of the critic f, and the cost of a plan
        or a flow, in the unit of the axes.
    value : float
        The middle of the interval; on the line the cost, which is exact.
    metric : str
        ``euclidean`` or ``manhattan``: the same on the line.
    mass : str
        ``centre`` or ``spread``: where the mass of a cell sits.
    critic : array, shape of the grid
        f at the cell centres (its means over the cells, for spread mass), 1-Lipschitz over all
        pairs of cells, E_r[f] = 0.
    plan : Plan or None
        Where mass is moved, on request: `origin`, `destination` (cells of the flattened grid) and
        `mass`. What p_g and p_r have in common stays in place and is not listed.
    flow : tuple of arrays or None
        On request, one array per axis, an entry less on this axis: the mass that crosses from a
        cell to the next.
    status : Status
        ``converged``, or ``interval-only`` where the relative gap is above `tol`.
    n_steps : int
        Of the solver on the grid itself; 0 on the line.
    history : array (n, 3)
        Step, lower and upper bound, as they were found.
    residual : float
        By how much the mass of a cell is off after the plan or flow: round-off.
    cancelled : float
        Share of the mass that p_g and p_r have in common, 1 - TV: it stays where it is.
    tol, max_steps
        As asked for.
    seconds, compile_seconds : float
        Of solving, and of compiling or loading the kernels before it, once per process.
    real, gen : Distribution
    """

    lower: float
    upper: float
    value: float
    metric: str
    mass: str
    critic: np.ndarray
    plan: Plan | None
    flow: tuple | None
    status: Status
    n_steps: int
    history: np.ndarray
    residual: float
    cancelled: float
    tol: float
    max_steps: int
    seconds: float
    compile_seconds: float
    real: Distribution = field(repr=False)
    gen: Distribution = field(repr=False)

    @property
    def grid(self):
        """The cells that `critic` lives on."""
        return self.real.grid

    @property
    def gap(self):
        """upper - lower, in the unit of the axes."""
        return self.upper - self.lower

    @property
    def relative_gap(self):
        """The gap over the upper end; 0 where both are 0."""
        return self.gap / self.upper if self.upper > 0 else 0.0

    @property
    def is_exact(self):
        """Whether both ends agree to round-off."""
        return self.relative_gap <= EXACT and hidden(self.grid) <= RESOLVED * self.upper

    @property
    def gradient(self):
        """The gradient of W1 with respect to R, in L2(p_r): -f, shape of the grid.

        W1 with p_g = R p_r changes by E[gradient dR] for a small dR with E[dR] = 0. That holds
        where the critic is unique up to a constant on the cells with mass (`is_unique`). Where it
        is not, -f is a subgradient, one of many: W1(R') >= W1(R) + E[gradient (R' - R)] for all R',
        less `gap` where the interval is wider than round-off. In a cell with p_r = 0 it is the
        derivative with respect to the mass of p_g there.
        """
        return -self.critic

    @property
    def is_unique(self):
        """Whether the critic is unique up to a constant where there is mass; None: not known.

        On the line it is, if F_r = F_g nowhere between two cells with mass. In more dimensions
        that is not decided.
        """
        if self.grid.ndim > 1:
            return None
        ahead = np.cumsum(self.gen.mass - self.real.mass)[:-1]
        used = np.flatnonzero((self.real.mass > 0) | (self.gen.mass > 0))
        return bool(np.all(np.abs(ahead[used[0] : used[-1]]) > 1e-15))

    @cached_property
    def critic_lipschitz(self):
        """The steepest slope of the critic over pairs of cells: 1, or less; to round-off.

        See `extension.lipschitz_constant` for how it is measured.
        """
        return lipschitz_constant(self.critic, self.grid.centres, self.metric)

    def critic_at(self, points):
        """The critic as a function on all of space: 1-Lipschitz, and f itself at the cell centres.

        On the line f between the centres is straight, and beyond the ends constant (for spread
        mass f itself, whose means are `critic`). In more dimensions it is the least of
        f(y) + |x - y| over all cells y, in the metric of `metric`.

        Parameters
        ----------
        points : array (M, axes), or (M,) on the line

        Returns
        -------
        array (M,)

        Raises
        ------
        InputError
            For points that are not finite, or of another number of axes.

        References
        ----------
        McShane 1934, "Extension of range of functions", Bull. Amer. Math. Soc. 40.
        """
        points = np.asarray(points, dtype=float)
        if self.grid.ndim > 1:
            return extend(self.critic, self.grid.centres, points, self.metric)
        if points.ndim == 2 and points.shape[1] == 1:
            points = points[:, 0]
        if points.ndim != 1 or not np.isfinite(points).all():
            raise InputError(
                f"points must be finite numbers of shape (M,), got shape {points.shape}.",
                argument="points",
            )
        return np.interp(points, *self._nodes)

    @cached_property
    def _nodes(self):
        """Where the critic on the line has its corners, and its values there."""
        if self.mass == "spread":
            return spread_critic(self.real.mass - self.gen.mass, self.grid.edges[0], self.critic)
        return self.grid.centres[0], self.critic

    @property
    def share_of_diagonal(self):
        """The value over the distance between opposite corners of the grid."""
        return self.value / diagonal(self.grid, self.metric)

    @property
    def unit(self):
        """``pixels`` between images, else ``the unit of the data``."""
        images = self.real.kind == self.gen.kind == "image"
        return "pixels" if images else "the unit of the data"

    @property
    def finding(self):
        """One sentence with the number."""
        if self.upper == 0:
            return "W1 = 0 exactly: p_g = p_r in every cell."
        if self.upper <= hidden(self.grid):
            return (
                f"W1 = 0 to round-off: at most {scientific(self.upper)}, which the last bits of "
                "the masses can hide."
            )
        if self.is_exact:
            agree = max(self.relative_gap, 1e-15)
            sides = f"primal = dual to 1e-{math.floor(-math.log10(agree) + 1e-9)}"
            return f"W1 = {significant(self.value, 9)} exactly ({sides})."
        ends, gap = interval_text(self.lower, self.upper), scientific(self.relative_gap)
        if self.status is Status.CONVERGED:
            return (
                f"W1 is in {ends} (relative gap {gap} <= tol): a proof, both ends are feasible "
                "points."
            )
        if hidden(self.grid) > max(self.tol, RESOLVED) * self.upper:
            return (
                f"W1 is about {significant(self.value, 3)}, of which round-off of the masses alone "
                f"can hide {scientific(hidden(self.grid))}: tol {self.tol:g} cannot be proved."
            )
        steps = f"{self.n_steps} step{'' if self.n_steps == 1 else 's'}"
        return (
            f"W1 is in {ends} (relative gap {gap} > tol {self.tol:g} after {steps}): interval "
            f"valid, {self._advice()}"
        )

    def _advice(self):
        if self.tol < RESOLVED and self.relative_gap < 1e3 * RESOLVED:
            return "all that double precision can prove here."
        if self.n_steps < self.max_steps:
            return "no further step makes it narrower."
        return f"try --max-steps {_nice(max(5 * self.max_steps, 100))}."

    @property
    def sign_changes(self):
        """On the line: how often the slope of the critic changes its sign."""
        signs = np.sign(np.diff(self.critic))
        signs = signs[signs != 0]
        return int(np.count_nonzero(signs[1:] != signs[:-1]))

    def lines(self):
        """What proves both ends, and how large W1 is: the lines below the finding."""
        if self.grid.ndim == 1:
            changes = self.sign_changes
            return [f"critic slope +-1, {changes} change{'' if changes == 1 else 's'} of sign"]
        found = []
        if not self.is_exact:
            lower, upper = interval_ends(self.lower, self.upper)
            planned = self.plan is not None or self.metric == "euclidean"
            kind = "transport plan with marginals" if planned else "flow with divergence"
            found = [
                f"  lower   {lower}   1-Lipschitz critic, {_CHECKED[self.metric]}",
                f"  upper   {upper}   {kind} exact to {scientific(self.residual)}",
            ]
        share = f"{significant(self.share_of_diagonal)} of the diagonal"
        return [*found, f"  W1 in {self.unit}; {share}"] if self.upper > 0 else found

    def summary(self):
        """The finding, what proves both ends, and how large W1 is, as text."""
        return "\n".join([wrap(self.finding, PROSE), *self.lines()])

    def to_dict(self):
        """What ``--json`` adds to the envelope."""
        return jsonable(
            {
                "value": self.value,
                "lower": self.lower,
                "upper": self.upper,
                "gap": self.gap,
                "relative_gap": self.relative_gap,
                "metric": self.metric,
                "critic_lipschitz": self.critic_lipschitz,
                "cancelled": self.cancelled,
                "residual": self.residual,
                "share_of_diagonal": self.share_of_diagonal,
                "n_steps": self.n_steps,
            }
        )

    def save(self, path, command=None):
        """Write masses, cells, critic, interval, and plan and flow if there are any, to a ``.npz``.

        Its arrays: ``real``, ``gen``, ``critic`` (shape of the grid), ``edges_0``, ...,
        ``plan_origin``, ``plan_destination``, ``plan_mass``, ``flow_0``, ..., ``history``,
        ``lower``, ``upper``, ``metric`` and ``meta`` (JSON as text). No pickle.

        Parameters
        ----------
        path : str or path
            The file, or a folder, in which ``run.npz`` is written.
        command : sequence of str, optional
            The command line that made it.
        """
        path = os.fspath(path)
        target = os.path.join(path, RUN_FILE) if os.path.isdir(path) else path
        arrays = {
            "real": self.real.mass,
            "gen": self.gen.mass,
            **{f"edges_{i}": edges for i, edges in enumerate(self.grid.edges)},
            "critic": self.critic,
            "lower": np.float64(self.lower),
            "upper": np.float64(self.upper),
            "metric": np.array(self.metric),
            "history": self.history,
            "meta": np.array(json.dumps(self._meta(command), allow_nan=False)),
        }
        if self.plan is not None:
            arrays |= {f"plan_{k}": getattr(self.plan, k) for k in _PLAN}
        if self.flow is not None:
            arrays |= {f"flow_{i}": along for i, along in enumerate(self.flow)}
        write_atomically(target, lambda handle: np.savez(handle, **arrays))

    def _meta(self, command):
        import ratiogan  # for its version: the package itself stands above this module

        return {
            "schema": "ratiogan-wasserstein",
            "schema_version": SCHEMA_VERSION,
            "version": getattr(ratiogan, "__version__", None),
            "command": None if command is None else list(command),
            "finding": self.finding,
            "status": self.status.value,
            "mass": self.mass,
            "tol": self.tol,
            "max_steps": self.max_steps,
            "axes": [{"name": axis.name, "kind": axis.kind} for axis in self.grid.axes],
            "sources": {"real": self.real.label, "gen": self.gen.label},
            **self.to_dict(),
        }

    def plot(self, style="slide"):
        """The figure: on the line both distribution functions with the area W1 between them, and
        the critic; on the plane both densities, the critic with its rays, and the interval.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ratiogan import plots  # upward, as in `Solution.plot`

        return plots.figure(self, style=style)

    def __repr__(self):
        return f"<Wasserstein: {self.finding}>"

    def _repr_html_(self):
        rows = [(key, str(value)) for key, value in self.to_dict().items()]
        return html_block(self.finding, (html_table(("", ""), rows),), self.plot())


# --- in words ------------------------------------------------------------------------------------


def diagonal(grid, metric):
    """The distance between opposite corners of a grid.

    Examples
    --------
    >>> from ratiogan import Grid
    >>> diagonal(Grid.regular((3, 4), (0, 0), (3, 4)), "euclidean")
    5.0
    """
    widths = [axis.high - axis.low for axis in grid.axes]
    return float(sum(widths) if metric == "manhattan" else math.hypot(*widths))


def interval_ends(lower, upper):
    """Both ends with digits enough to tell them apart, rounded outwards.

    Examples
    --------
    >>> interval_ends(23.40123, 23.42049)
    ('23.4012', '23.4205')
    >>> interval_ends(1.234561e-7, 1.235669e-7)
    ('1.23456e-07', '1.23567e-07')
    """
    gap = upper - lower
    if not gap > 0:
        return f"{lower:.9g}", f"{upper:.9g}"
    place = math.floor(math.log10(gap)) - 2
    if upper > 0:
        place = max(place, math.floor(math.log10(upper)) - 15)
    texts = []
    for end, rounding in ((lower, ROUND_FLOOR), (upper, ROUND_CEILING)):
        rounded = Decimal(end).quantize(Decimal(1).scaleb(place), rounding=rounding)
        digits = max(0, rounded.adjusted() - place)
        short = 1e-4 <= upper < 1e9
        texts.append(f"{rounded:.{max(0, -place)}f}" if short else f"{rounded:.{digits}e}")
    return tuple(text.replace("e-", "e-0") if _one_digit(text) else text for text in texts)


def _one_digit(text):
    """Whether the exponent has one digit, where Python's floats are written with two."""
    return len(text.partition("e-")[2]) == 1


def interval_text(lower, upper):
    """``[23.4012, 23.4205]``."""
    return "[{}, {}]".format(*interval_ends(lower, upper))


def _nice(number):
    """Rounded to one digit, for advice."""
    size = 10 ** math.floor(math.log10(number))
    return round(number / size) * size
