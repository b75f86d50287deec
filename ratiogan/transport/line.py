"""Wasserstein-1 on the line, exact and in one pass: the value, and the critic that attains it.

W1(p_r, p_g) = sup over 1-Lipschitz f of E_r[f] - E_g[f] = sum |F| dy with F = F_r - F_g, and the
critic has the slope -sign F. Where F = 0 any slope in [-1, 1] will do; 0 is taken.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ratiogan._jit import jit
from ratiogan.distribution import check_same_grid
from ratiogan.errors import InputError, check_choice
from ratiogan.sums import ordered_sum

_ROUND_OFF = 1e-9  # how far the sums of two masses may differ, relative to them


@dataclass(frozen=True, eq=False)
class LineTransport:
    """W1 of two distributions on one axis, with both sides of the duality.

    Attributes
    ----------
    value : float
        The primal side sum |F| dy, in the unit of the axis.
    critic : array (N,)
        f at the cell centres; its means over the cells where the mass is spread. E_r[f] = 0.
    """

    value: float
    critic: np.ndarray
    _real: np.ndarray
    _gen: np.ndarray

    @property
    def difference(self):
        """p_r - p_g, cell by cell."""
        return self._real - self._gen

    @cached_property
    def dual(self):
        """E_r[critic] - E_g[critic]: equal to `value` but for round-off."""
        return ordered_sum(self.critic, self.difference)

    @property
    def gap(self):
        """The distance between the two sides: round-off."""
        return abs(self.value - self.dual)

    @cached_property
    def signs(self):
        """-sign F (N - 1,): the critic's slopes from centre to centre, without round-off."""
        return 0.0 - np.sign(_ahead(self._real, self._gen))

    @cached_property
    def sign_changes(self):
        """How often the slope of the critic changes its sign, as F does, from cell to cell."""
        signs = self.signs[self.signs != 0]
        return int(np.count_nonzero(signs[1:] != signs[:-1]))


def transport_line(*, gen, real, mass="centre"):
    """W1 between two distributions on one axis, with its critic.

    Solves sup E_r[f] - E_g[f] over |f(x) - f(y)| <= |x - y|, and its dual, the cheapest transport.

    Parameters
    ----------
    gen, real : Distribution
        p_g and p_r on one grid of one axis.
    mass : {"centre", "spread"}
        Whether a cell's mass sits at its centre or evenly over the cell.

    Returns
    -------
    LineTransport
        In the unit of the axis.

    Raises
    ------
    InputError
        If the grids differ, have more than one axis or one of categories; or for spread mass on an
        axis of counts, whose values have no width.

    References
    ----------
    Villani 2003, "Topics in Optimal Transportation", theorem 2.18 and remark 2.19.

    Examples
    --------
    >>> from ratiogan import Distribution, Grid
    >>> grid = Grid.regular(4, 0, 4)
    >>> p_r = Distribution.from_mass([1, 0, 0, 0], grid)
    >>> p_g = Distribution.from_mass([0, 0, 0, 1], grid)
    >>> found = transport_line(gen=p_g, real=p_r)
    >>> found.value, found.dual, found.critic
    (3.0, 3.0, array([ 0., -1., -2., -3.]))
    """
    check_choice("mass", mass, ("centre", "spread"))
    check_same_grid(gen, real)
    points = line_points(real.grid, mass)
    value, critic = np.empty(1), np.empty((1, real.grid.size))
    _solve(_rows(real.mass), _rows(gen.mass), points, value, critic)
    return LineTransport(float(value[0]), critic[0], real.mass, gen.mass)


def line_points(grid, mass="centre"):
    """Where the masses of a grid of one axis sit: N centres, or N + 1 edges for spread mass.

    Raises
    ------
    InputError
        If there is no line, or the mass cannot be spread on it.
    """
    if grid.ndim > 1:
        raise InputError(
            f"W1 on the line needs one axis, the grid has {grid.ndim}.",
            argument="grid",
            fix="Pass one column.",
        )
    axis = grid.axes[0]
    if axis.kind == "categories":
        raise InputError(
            f"the categories of {axis.name} have no distances, so there is no W1.",
            argument="grid",
            fix="Use a divergence, or an axis of numbers.",
        )
    if mass == "centre":
        return grid.centres[0]
    if axis.is_counting:
        raise InputError(
            f"{axis.name} counts: its values have no width that mass could be spread over.",
            argument="mass",
            fix="Pass mass=centre.",
        )
    return grid.edges[0]


def line_critics(real, gen, points):
    """W1 and critics of masses on the line.

    Parameters
    ----------
    real, gen : array (N,) or (B, N)
        Masses >= 0 of p_r and p_g; the rows of a pair sum alike. One row of one stands beside all
        rows of the other.
    points : array (N,) or (N + 1,)
        Ascending: N places of the masses, or the N + 1 edges of the cells they are spread over.

    Returns
    -------
    values : array () or (B,)
        W1, in the unit of `points`, for masses that sum to 1.
    critics : array (N,) or (B, N)
        f with sum real f = 0; for spread mass its means over the cells.

    Raises
    ------
    InputError
        For masses that are negative, not finite or do not sum alike, points that do not ascend,
        and shapes that do not fit.

    Notes
    -----
    F is summed from the left in the left half of the cells and from the right in the other, so
    that both tails keep their relative accuracy, and with it the slope its sign.

    Examples
    --------
    >>> values, critics = line_critics([[0.5, 0.5, 0]], [[0, 0.5, 0.5], [0.5, 0.5, 0]], [0, 1, 3])
    >>> values, critics
    (array([1.5, 0. ]), array([[ 0.5, -0.5, -2.5], [ 0. ,  0. ,  0. ]]))
    """
    real, gen, points, shape = _checked(real, gen, points)
    values = np.empty(max(len(real), len(gen)))
    critics = np.empty((values.size, real.shape[1]))
    _solve(real, gen, points, values, critics)
    return values.reshape(shape)[()], critics.reshape(*shape, -1)


def line_values(real, gen, points):
    """W1 of masses on the line, without the critics; arguments and errors as `line_critics`.

    Returns
    -------
    array () or (B,)

    Examples
    --------
    >>> float(line_values([1.0, 0.0], [0.0, 1.0], [0.0, 2.0]))
    2.0
    >>> float(line_values([1.0, 0.0], [0.5, 0.5], [0.0, 1.0, 2.0]))
    0.5
    """
    real, gen, points, shape = _checked(real, gen, points)
    values = np.empty(max(len(real), len(gen)))
    _solve(real, gen, points, values, np.empty((0, 0)))
    return values.reshape(shape)[()]


def wasserstein_line(*, gen, real):
    """W1 of two distributions on one axis, mass at cell centres: sum |F_g - F_r| dx.

    Parameters
    ----------
    gen, real : Distribution
        On one grid.

    Returns
    -------
    float or None
        In the unit of the axis; None in more dimensions, and for categories, which have no
        distances.

    Examples
    --------
    >>> from ratiogan import Distribution, Grid
    >>> grid = Grid.regular(4, 0, 4)
    >>> p_r = Distribution.from_mass([1, 0, 0, 0], grid)
    >>> wasserstein_line(gen=Distribution.from_mass([0, 0, 0, 1], grid), real=p_r)
    3.0
    """
    if gen.grid.ndim > 1 or gen.grid.axes[0].kind == "categories":
        return None
    value = np.empty(1)
    _solve(_rows(real.mass), _rows(gen.mass), line_points(real.grid), value, np.empty((0, 0)))
    return float(value[0])


def _rows(masses):
    # Numba compiles for read-only and for writable arrays apart: always the same kind here.
    rows = np.atleast_2d(np.ascontiguousarray(masses, dtype=float)).view()
    rows.flags.writeable = False
    return rows


def _ahead(real, gen):
    """F between the cells, from the nearer end."""
    difference = real - gen
    half = (difference.size - 1) // 2
    return np.concatenate([np.cumsum(difference[:half]), -np.cumsum(difference[:half:-1])[::-1]])


def _checked(real, gen, points):
    """Masses as arrays (B, N) of doubles, the points, and the shape of the values."""
    points = np.ascontiguousarray(points, dtype=float).view()
    points.flags.writeable = False
    if points.ndim != 1 or not points.size or not np.all(np.diff(points) > 0):
        raise InputError("points must be ascending numbers.", argument="points")
    if not (math.isfinite(points[0]) and math.isfinite(points[-1])):
        raise InputError("points must be finite.", argument="points")
    rows = {"real": real, "gen": gen}
    shape = ()
    for name, masses in rows.items():
        masses = np.asarray(masses, dtype=float)
        if masses.ndim not in (1, 2) or masses.shape[-1] not in (points.size, points.size - 1):
            raise InputError(
                f"{name} has shape {masses.shape}, points {points.shape}: there must be a place, "
                "or two edges, for every mass.",
                argument=name,
            )
        # NaN compares as False: a minimum that is not >= 0 is refused too.
        if masses.size and not masses.min() >= 0:
            what = "a NaN" if np.isnan(masses).any() else f"the mass {masses.min():g}"
            raise InputError(f"{name} holds {what}; masses are >= 0.", argument=name)
        if masses.ndim == 2:
            shape = (max((masses.shape[0], *shape)),)
        rows[name] = _rows(masses)
    real, gen = rows["real"], rows["gen"]
    if real.shape[1] != gen.shape[1]:
        raise InputError(f"real has {real.shape[1]} masses, gen {gen.shape[1]}.", argument="gen")
    if not (real.size and gen.size):
        raise InputError("there is no mass.", argument="real")
    if len(real) != len(gen) and 1 not in (len(real), len(gen)):
        raise InputError(f"real has {len(real)} rows, gen {len(gen)}.", argument="gen")
    sums = real.sum(axis=1), gen.sum(axis=1)
    total = np.maximum(*sums)
    with np.errstate(invalid="ignore"):
        alike = (np.abs(sums[0] - sums[1]) <= _ROUND_OFF * total) & (total < math.inf)
    if not alike.all():
        row = int(np.argmin(alike))
        pair = " and ".join(f"{side[row % len(side)]:g}" for side in sums)
        raise InputError(
            f"the masses of real and gen must sum alike, got {pair}.",
            argument="gen",
            fix="Divide each by its sum.",
        )
    return real, gen, points, shape


# --- kernels -------------------------------------------------------------------------------------


def _solve(real, gen, points, values, critics):
    spread = points.size == real.shape[1] + 1
    rows = _spread_rows if spread else _centre_rows
    rows(real, gen, points, values, critics)


@jit
def _centre_rows(real, gen, points, values, critics):
    """W1 of every row into `values`; critics too, where there is room for them."""
    for row in range(values.size):
        p = real[row if real.shape[0] > 1 else 0]
        q = gen[row if gen.shape[0] > 1 else 0]
        if critics.shape[0]:
            values[row] = centre_critic(p, q, points, critics[row])
        else:
            values[row] = _centre_value(p, q, points)


@jit
def _spread_rows(real, gen, edges, values, critics):
    """The same for masses spread over the cells."""
    for row in range(values.size):
        p = real[row if real.shape[0] > 1 else 0]
        q = gen[row if gen.shape[0] > 1 else 0]
        if critics.shape[0]:
            values[row] = _spread_critic(p, q, edges, critics[row])
        else:
            values[row] = _spread_critic(p, q, edges, np.empty(0))


@jit
def slope(ahead):
    """-sign F."""
    return (1.0 if ahead < 0.0 else 0.0) - (1.0 if ahead > 0.0 else 0.0)


@jit
def centre_critic(p, q, y, f):
    """W1 of the masses p and q at y; f is written with sum p f = 0."""
    # Both ends run side by side: a sum waits for its last addition, so two take no longer than
    # one.
    last = y.size - 1
    half = last // 2
    ahead = behind = cost = cost_right = mean = mean_right = mass = mass_right = 0.0
    low = high = 0.0  # f on its way from the left, and from the right
    for k in range(last - half):
        j = last - k
        behind += q[j] - p[j]
        gap = y[j] - y[j - 1]
        f[j] = high
        mean_right += p[j] * high
        mass_right += p[j]
        cost_right += abs(behind) * gap
        high -= slope(behind) * gap
        if k < half:
            ahead += p[k] - q[k]
            gap = y[k + 1] - y[k]
            f[k] = low
            mean += p[k] * low
            mass += p[k]
            cost += abs(ahead) * gap
            low += slope(ahead) * gap
    # They meet in the cell `half`, which counts to the right.
    f[half] = high
    mean_right += p[half] * high
    mass_right += p[half]
    step = low - high
    mass += mass_right
    level = (mean + (mean_right + step * mass_right)) / mass if mass > 0.0 else 0.0
    for k in range(half):
        f[k] -= level
    step -= level
    for k in range(half, last + 1):
        f[k] += step
    return cost + cost_right


@jit
def _centre_value(p, q, y):
    """W1 alone."""
    # Both ends side by side: a sum waits for its last addition, so two take no longer than one.
    last = y.size - 1
    half = last // 2
    ahead = behind = cost = cost_right = 0.0
    for k in range(half):
        j = last - k
        behind += q[j] - p[j]
        cost_right += abs(behind) * (y[j] - y[j - 1])
        ahead += p[k] - q[k]
        cost += abs(ahead) * (y[k + 1] - y[k])
    if last - half > half:
        behind += q[half + 1] - p[half + 1]
        cost_right += abs(behind) * (y[half + 1] - y[half])
    return cost + cost_right


@jit
def _across(a, b):
    """What F, straight from a to b over a cell of width 1, does there.

    Returns
    -------
    cost, rise, mean : float
        The integral of |F|; by how much f rises, and its mean above its value at the left edge.
    """
    if (a < 0.0 and b > 0.0) or (a > 0.0 and b < 0.0):
        # F crosses 0 inside: f turns there.
        t = a / (a - b)
        s = slope(a)
        return (
            0.5 * (abs(a) * t + abs(b) * (1.0 - t)),
            s * (2.0 * t - 1.0),
            s * (t * (2.0 - t) - 0.5),
        )
    s = slope(a if a != 0.0 else b)
    return 0.5 * (abs(a) + abs(b)), s, 0.5 * s


@jit
def _spread_critic(p, q, edges, f):
    """W1 of the masses p and q spread between the edges; the means of f, if there is room."""
    cells = p.size
    half = cells // 2
    wanted = f.size > 0
    ahead = behind = cost = mean = mean_right = mass = mass_right = 0.0
    low = high = 0.0
    for k in range(cells - half):
        j = cells - 1 - k
        at_edge = behind
        behind += q[j] - p[j]
        width = edges[j + 1] - edges[j]
        area, rise, middle = _across(behind, at_edge)
        cost += area * width
        high -= rise * width
        if wanted:
            f[j] = high + middle * width
            mean_right += p[j] * f[j]
            mass_right += p[j]
        if k < half:
            at_edge = ahead
            ahead += p[k] - q[k]
            width = edges[k + 1] - edges[k]
            area, rise, middle = _across(at_edge, ahead)
            cost += area * width
            if wanted:
                f[k] = low + middle * width
                mean += p[k] * f[k]
                mass += p[k]
            low += rise * width
    if wanted:
        step = low - high
        mass += mass_right
        level = (mean + (mean_right + step * mass_right)) / mass if mass > 0.0 else 0.0
        for k in range(cells):
            f[k] += (step if k >= half else 0.0) - level
    return cost
