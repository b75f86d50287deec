"""What every transport on a grid starts from, in units of its own, and what it returns.

The common mass of p_g and p_r is left in place and the grid is cut down to the box of the cells
where they differ: neither changes W1, in the Manhattan metric or in the Euclidean. What is left
is scaled, so that a solver meets one size of masses and lengths, and is laid on three axes.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ratiogan.errors import InputError
from ratiogan.grid import available_memory

_ROUND_OFF = 1e-9  # how far the sums of two masses may differ, relative to them
_SMALLEST = 1e-290  # costs below lose digits as denormal numbers
_COARSEST = 8  # cells on the longest axis


# --- what is returned ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Plan:
    """Which mass is moved where; what p_g and p_r share stays in place and is not listed.

    Attributes
    ----------
    origin, destination : array (n,), int64
        Cells by their number in the flattened grid (last axis fastest): from one where p_g > p_r
        to one where p_r > p_g.
    mass : array (n,)
        What is moved, > 0, in the unit of the masses.
    """

    origin: np.ndarray
    destination: np.ndarray
    mass: np.ndarray

    def __len__(self):
        return self.mass.size


@dataclass(frozen=True, eq=False)
class GridTransport:
    """An interval that holds W1 on a grid, with what proves its ends.

    Attributes
    ----------
    lower, upper : float
        sum (p_r - p_g) critic and the cost of the flow or plan, in the unit of the axes: W1 lies
        between them, to round-off.
    critic : array, shape of the grid
        f with |f(x) - f(y)| <= |x - y| for all pairs of cells, and E_r[f] = 0.
    flow : tuple of arrays, or None
        One array per axis: the mass that crosses from a cell to the next along it, one entry less
        on this axis. It carries p_g over into p_r.
    plan : Plan, or None
        The mass that goes from cell to cell.
    residual : float
        The largest mass of a cell by which the divergence of the flow, or a margin of the plan,
        is off: round-off.
    n_steps : int
        On the grid itself; 0 where the problem was small enough to be solved at once.
    reached : bool
        Whether the relative gap met `tol`, and round-off of the masses (2^-50 of them times the
        width of the grid) hides no more; or all of W1 is no more than that. The interval holds in
        any case.
    history : array (n, 3)
        Step, lower and upper bound at every look at them on the grid itself: the last row is the
        result, the rows before it are exact to the precision of the steps only.
    """

    lower: float
    upper: float
    critic: np.ndarray = field(repr=False)
    flow: tuple | None = field(repr=False)
    plan: Plan | None = field(repr=False)
    residual: float
    n_steps: int
    reached: bool
    history: np.ndarray = field(repr=False)

    @classmethod
    def nothing(cls, shape, *, flow=False, plan=False):
        """The result for equal masses: nothing moves."""
        none = np.empty(0, dtype=np.int64)
        return cls(
            lower=0.0,
            upper=0.0,
            critic=np.zeros(shape),
            flow=_no_flow(shape) if flow else None,
            plan=Plan(none, none.copy(), np.empty(0)) if plan else None,
            residual=0.0,
            n_steps=0,
            reached=True,
            history=np.zeros((1, 3)),
        )

    @property
    def value(self):
        """The middle of the interval: at most half the gap from W1."""
        return 0.5 * (self.lower + self.upper)

    @property
    def gap(self):
        """upper - lower, in the unit of the axes."""
        return self.upper - self.lower

    @property
    def relative_gap(self):
        """The gap over the upper bound; 0 where both bounds are 0."""
        return self.gap / self.upper if self.upper > 0.0 else 0.0


# --- checks --------------------------------------------------------------------------------------


def checked(gen_mass, real_mass, edges):
    """Both masses and the edges as arrays of doubles, or the refusal of what does not fit.

    Raises
    ------
    InputError
        For masses that are negative, not finite, without any sum, or do not sum alike; shapes and
        edges that do not fit.
    """
    masses = {}
    for name, given in (("gen_mass", gen_mass), ("real_mass", real_mass)):
        mass = np.ascontiguousarray(given, dtype=float)
        if not 1 <= mass.ndim <= 3 or not mass.size:
            raise InputError(
                f"{name} must have 1 to 3 axes of cells, got shape {mass.shape}.", argument=name
            )
        # NaN compares as False: a minimum that is not >= 0 is refused too.
        if not mass.min() >= 0.0 or not mass.max() < math.inf:
            worst = mass.min() if not mass.min() >= 0.0 else mass.max()
            raise InputError(f"{name} must be finite and >= 0, got {worst:g}.", argument=name)
        with np.errstate(over="ignore"):
            total = mass.sum()
        if not 0.0 < total < math.inf:
            why = "there is no mass" if total == 0.0 else "that is too large a number"
            raise InputError(f"{name} sums to {total:g}: {why}.", argument=name)
        masses[name] = mass
    gen, real = masses.values()
    if gen.shape != real.shape:
        raise InputError(
            f"gen_mass has shape {gen.shape}, real_mass {real.shape}.",
            argument="gen_mass",
            fix="Bring both on one grid.",
        )
    if abs(gen.sum() - real.sum()) > _ROUND_OFF * real.sum():
        raise InputError(
            f"the masses must sum alike, got {gen.sum():g} (gen_mass) and {real.sum():g}.",
            argument="gen_mass",
            fix="Divide each by its sum.",
        )
    edges = [np.asarray(along, dtype=float) for along in edges]
    expected = tuple((n + 1,) for n in real.shape)
    if tuple(along.shape for along in edges) != expected:
        got = ", ".join(str(along.shape) for along in edges)
        raise InputError(
            f"edges must have the shapes {', '.join(map(str, expected))}, got {got}.",
            argument="edges",
        )
    for along in edges:
        if not (np.all(np.diff(along) > 0.0) and np.all(np.isfinite(along))):
            raise InputError("edges must ascend and be finite.", argument="edges")
        if not np.all(np.diff(middles(along)) > 0.0):
            raise InputError(
                f"cells near {along[0]:g} are too narrow for double precision: their centres "
                "coincide.",
                argument="edges",
                fix="Move the origin into the domain.",
            )
    return gen, real, edges


def middles(edges):
    """The centres of cells, also where the sum of two edges would overflow."""
    return 0.5 * edges[:-1] + 0.5 * edges[1:]


def check_memory(shape, per_cell):
    """Refuse a grid whose solve would not fit into memory, before anything is allocated.

    Parameters
    ----------
    shape : tuple of int
    per_cell : float
        Bytes that the solve needs for each cell.
    """
    need, have = math.prod(shape) * per_cell, available_memory()
    if need > have:
        raise InputError(
            f"transport on {' x '.join(map(str, shape))} cells needs about {need / 1e9:.3g} GB of "
            f"memory, this machine has {have / 1e9:.3g} GB.",
            argument="gen_mass",
            fix="Merge cells, or cut the grid down.",
        )


# --- the problem, in units of its own ------------------------------------------------------------

# Where the axes of a problem of 1 to 3 axes stand among three: elimination wants the first, fast
# loops the last.
_PLACES = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}


@dataclass(frozen=True, eq=False)
class Problem:
    """What is left to transport on a grid of three axes, some of one cell.

    Attributes
    ----------
    b : array (n0, n1, n2)
        p_r - p_g over `mass`, with sum 0: its absolute values sum to 2.
    centres : list of three arrays
        Over `length`, the mean distance of neighbours, from 0 on.
    axes : tuple of int
        The axes of the caller that have more than one cell.
    mass, length : float
        What a 1 here is to the caller.
    box : tuple of slices
        Where `b` lies on the caller's grid.
    outer : tuple of int
        The shape of the caller's grid.

    Examples
    --------
    >>> import numpy as np
    >>> gen, real = np.ones((6, 4)), np.ones((6, 4))
    >>> gen[1, 1] = real[3, 2] = 5.0
    >>> problem = Problem.between(gen, real, [np.arange(7.0), np.arange(5.0)])
    >>> problem.shape, problem.axes, problem.mass, problem.box
    ((3, 1, 2), (0, 1), 4.0, (slice(1, 4, None), slice(1, 3, None)))
    """

    b: np.ndarray
    centres: list
    axes: tuple = ()
    mass: float = 1.0
    length: float = 1.0
    box: tuple = ()
    outer: tuple = ()

    @classmethod
    def between(cls, gen, real, edges, crop=True):
        """The problem of masses that `checked` has seen, or None where nothing is to be moved.

        With `crop` it is cut down to the box of the cells that differ. gen is scaled by what
        round-off leaves between the sums, and the last bits that are still over are taken off the
        cell that differs most.
        """
        difference = _balanced(real - gen * (real.sum() / gen.sum()))
        if not difference.any():
            return None
        box = _box(difference) if crop else tuple(slice(0, n) for n in difference.shape)
        centres = [middles(e)[cut] for e, cut in zip(edges, box, strict=True)]
        difference = difference[box]
        axes = tuple(a for a, n in enumerate(difference.shape) if n > 1)
        shape, points = [1, 1, 1], [np.zeros(1)] * 3
        length = float(np.concatenate([np.diff(c) for c in centres]).mean())
        for place, axis in zip(_PLACES[len(axes)], axes, strict=True):
            shape[place] = difference.shape[axis]
            points[place] = (centres[axis] - centres[axis][0]) / length
        mass = 0.5 * float(np.abs(difference).sum())
        if not _SMALLEST < mass * length < math.inf:
            raise InputError(
                f"mass times length is about {mass * length:.3g}, beyond double precision.",
                argument="edges",
                fix="Divide the masses by their sum, or take another unit of length.",
            )
        b = np.ascontiguousarray(difference.reshape(shape)) / mass
        return cls(b, points, axes, mass, length, box, real.shape)

    @property
    def shape(self):
        return self.b.shape

    def shape_less(self, axis):
        """The shape of the edges along an axis."""
        return tuple(n - (a == axis) for a, n in enumerate(self.shape))

    @cached_property
    def gaps(self):
        """Distances of neighbours along the three axes; a 0 stands for the edge there is not."""
        return [np.append(np.diff(c), 0.0) for c in self.centres]

    @property
    def width(self):
        """The farthest that two cells are apart in the Manhattan metric."""
        return float(sum(c[-1] for c in self.centres))

    @property
    def unit(self):
        """What a cost of 1 here is to the caller."""
        return self.mass * self.length

    def coarser(self):
        """The problem on pairs of cells, or None where it says nothing about this one."""
        if max(self.shape) <= _COARSEST:
            return None
        b, centres = self.b, list(self.centres)
        for axis, n in enumerate(self.shape):
            if n > _COARSEST // 2:
                b = np.add.reduceat(b, np.arange(0, n, 2), axis=axis)
                c = centres[axis]
                centres[axis] = np.append(0.5 * (c[0 : n - n % 2 : 2] + c[1::2]), c[n - n % 2 :])
        # What is moved within the pairs alone is unseen there.
        seen = np.abs(b).sum() > 1e-6 and b.min() < 0.0 < b.max()
        return Problem(b, centres) if seen else None

    def levels(self):
        """This problem and the coarser ones, finest first."""
        found = [self]
        while (coarser := found[-1].coarser()) is not None:
            found.append(coarser)
        return found

    # --- back to the caller -------------------------------------------------------------------

    def critic(self, potential, real):
        """The potential of the box on the caller's grid, in his unit, with E_r[f] = 0.

        Outside its box it has the value at the nearest cell of it. It stays 1-Lipschitz: the way
        to the nearest point of a box shortens no distance, in either metric.
        """
        inside = potential.reshape([cut.stop - cut.start for cut in self.box])
        around = [(cut.start, n - cut.stop) for cut, n in zip(self.box, self.outer, strict=True)]
        critic = np.pad(inside, around, mode="edge")
        critic *= self.length
        critic -= (real / real.sum() * critic).sum()
        return critic

    def flow(self, flows):
        """The flow on the caller's grid, one array per axis of it, in the unit of the masses.

        Parameters
        ----------
        flows : list of three arrays
            Entry i along its axis is the flow from cell i to i + 1; the last is not looked at.
        """
        found = _no_flow(self.outer)
        for place, axis in zip(_PLACES[len(self.axes)], self.axes, strict=True):
            cut = tuple(slice(c.start, c.stop - (a == axis)) for a, c in enumerate(self.box))
            part = flows[place].take(range(self.shape[place] - 1), place)
            found[axis][cut] = self.mass * part.reshape(found[axis][cut].shape)
        return found

    def plan(self, plan):
        """The plan between cells of the box as one between cells of the caller's grid."""
        inside = [cut.stop - cut.start for cut in self.box]
        found = []
        for cells in (plan.origin, plan.destination):
            at = np.unravel_index(cells, inside)
            moved = [k + cut.start for k, cut in zip(at, self.box, strict=True)]
            found.append(np.ravel_multi_index(moved, self.outer))
        return Plan(*found, plan.mass * self.mass)


def _no_flow(shape):
    """One array of zeros per axis, one entry less along it."""
    return tuple(
        np.zeros([n - (a == axis) for a, n in enumerate(shape)]) for axis in range(len(shape))
    )


def _balanced(difference):
    """The differences with the sum 0: without it no flow has them as its divergence."""
    if np.count_nonzero(difference) < 2:
        return np.zeros_like(difference)  # one cell alone differs by round-off only
    difference.flat[np.abs(difference).argmax()] -= difference.sum()
    return difference


def _box(difference):
    """The smallest box of cells with all that differs: no shortest path need leave it."""
    box = []
    for axis in range(difference.ndim):
        others = tuple(a for a in range(difference.ndim) if a != axis)
        used = np.flatnonzero(difference.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)
