"""R = p_g/p_r with its singular part, and the four geometries GLGD can descend in.

The gradient of g in R, the projection on the tangent space {E[d] = 0} and the step belong to one
geometry. Mixing two of them (the slides' P_o with the gradient of L2(p_r)) keeps E[R] = 1 but has
another fixed point than R = 1 (errata, seed 001).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ratiogan.catalogue import GEOMETRIES
from ratiogan.distribution import Distribution, check_same_grid, restrict
from ratiogan.errors import InputError, SingularMassError, check_choice
from ratiogan.sums import SPAN, folded, ordered_sum

ROUND_OFF = 1e-9  # how far E[R] may move in a step that should keep it


@dataclass(frozen=True, eq=False)
class Ratio:
    """The density ratio of two distributions on one grid.

    Attributes
    ----------
    values : array (grid.shape)
        R = p_g/p_r where p_r > 0, NaN elsewhere.
    real, gen : Distribution
        p_r and p_g.
    singular_mass : float
        Generator mass where p_r = 0: E[R] + singular_mass = 1.
    singular_cells : array of int
        Flat indices of the cells that hold it.
    """

    values: np.ndarray
    real: Distribution
    gen: Distribution
    singular_mass: float
    singular_cells: np.ndarray

    @property
    def support(self):
        """Where p_r > 0 (bool array of grid.shape)."""
        return self.real.support

    def discriminator(self):
        """The Bayes discriminator P(real | y) = 1/(1+R); 0 on the singular cells.

        NaN where neither distribution has mass.
        """
        f = 1.0 / (1.0 + self.values)
        f.reshape(-1)[self.singular_cells] = 0.0
        return f


def density_ratio(*, gen, real, singular="keep"):
    """R = p_g/p_r on the support of p_r, with the generator mass outside it.

    Parameters
    ----------
    gen, real : Distribution
        p_g and p_r, on the same grid.
    singular : {"keep", "error", "restrict"}
        What to do about generator mass where p_r = 0: keep it as a number, refuse, or drop it and
        rescale the rest.

    Raises
    ------
    InputError
        If the grids differ.
    SingularMassError
        With ``singular="error"``, saying how much lies where, and the remedies.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> grid = Grid.regular(4, 0, 1)
    >>> real = Distribution.from_mass([0.25, 0.25, 0.5, 0], grid)
    >>> gen = Distribution.from_mass([0.5, 0.25, 0, 0.25], grid)
    >>> R = density_ratio(gen=gen, real=real)
    >>> R.values, R.singular_mass
    (array([ 2.,  1.,  0., nan]), 0.25)
    """
    check_choice("singular", singular, ("keep", "error", "restrict"))
    check_same_grid(gen, real)
    if singular == "restrict":
        gen = restrict(gen, real)
    values = np.empty(real.grid.shape)
    covered = real.mass > 0
    if covered.all():
        np.divide(gen.mass, real.mass, out=values)
        cells, lost = np.empty(0, dtype=np.int64), 0.0
    else:
        values.fill(np.nan)
        np.divide(gen.mass, real.mass, out=values, where=covered)
        cells = np.flatnonzero(~covered & (gen.mass > 0))
        lost = float(gen.mass.reshape(-1)[cells].sum())
    if singular == "error" and cells.size:
        refuse_singular_mass(lost, cells, real.grid)
    return Ratio(values, real, gen, lost, cells)


def refuse_singular_mass(mass, cells, grid):
    """Raise the error for generator mass where p_r = 0."""
    where = f"cells {cells[0]}..{cells[-1]}" if cells.size > 1 else f"cell {cells[0]}"
    # Counts and categories are not smoothed.
    smooth = not all(axis.is_counting for axis in grid.axes)
    first = "--density kde" if smooth else "a --domain without those cells"
    raise SingularMassError(
        f"{100 * mass:.3g}% of the generator's mass lies where p_r = 0 ({where}): "
        "KL(gen || real) is infinite and R has no density there.",
        argument="gen",
        fix=f"Use {first}, or --singular restrict to drop that mass.",
    )


class Geometry:
    """An inner product on functions of the grid: gradient, projection, norm and step in it.

    All arrays are 1-D over the cells with p_r > 0.

    Parameters
    ----------
    name : {"reference", "lebesgue", "fisher", "logits"}
    masses : array (N,)
        w, the cell masses of p_r.
    density : array (N,), optional
        p_r itself, w over the cell volumes; `lebesgue` needs it.

    Examples
    --------
    >>> w = np.array([0.5, 0.5])
    >>> Geometry("reference", w).project(np.array([1.0, 3.0]), np.ones(2))
    array([-1.,  1.])
    """

    def __init__(self, name, masses, density=None):
        self.name = check_choice("geometry", name, tuple(GEOMETRIES))
        self.masses = masses
        self.density = density
        if name == "lebesgue" and density is None:
            raise InputError("the lebesgue geometry needs the density of p_r.", argument="density")

    @property
    def size(self):
        """How many cells it has."""
        return self.masses.size

    @property
    def is_linear(self):
        """Whether a step is a straight line in R, so that it may leave R >= 0."""
        return self.name in ("reference", "lebesgue")

    @cached_property
    def direction(self):
        """The function along which the mean is taken off: 1 in `reference`, p_r in `lebesgue`."""
        return self.density if self.name == "lebesgue" else np.ones_like(self.masses)

    @cached_property
    def mean_direction(self):
        """E of `direction`, without making it."""
        return ordered_sum(self.masses, self.density if self.name == "lebesgue" else None)

    @cached_property
    def max_density(self):
        """max p_r, by which `lebesgue` speeds up its densest cell; 1 elsewhere."""
        return float(self.density.max()) if self.name == "lebesgue" else 1.0

    def mean(self, a):
        """E[a] over p_r."""
        with np.errstate(invalid="ignore", over="ignore"):
            return ordered_sum(a, self.masses)

    def gradient(self, u, ratio):
        """The gradient of g(R, f) = E[R u] at fixed f in this geometry, before projection.

        `fisher` and `logits` give it as a function of y too: u, and R (u - E[Ru]).
        """
        if self.name == "lebesgue":
            return self.density * u
        if self.name == "logits":
            return seen(ratio, u) - ratio * self.mean(seen(ratio, u))
        return u

    def project(self, d, ratio):
        """P_0 d: the orthogonal projection on the tangent space {E[d] = 0}.

        In `reference` d - E[d]; in `lebesgue` d - E[d]/E[p_r] p_r; in `fisher` the tangent vector
        R (d - E[Rd]); in `logits` nothing is left to take off.
        """
        if self.name == "logits":
            return d
        if self.name == "fisher":
            return seen(ratio, d) - ratio * self.mean(seen(ratio, d))
        along = self.direction
        return d - self.mean(d) / self.mean(along) * along

    def step(self, ratio, u, alpha):
        """A step of size `alpha` along minus the projected gradient; it may leave R >= 0.

        Where round-off (less than 1e-9) moved E[R], a common factor brings it back to 1: it does
        not add up, and small cells keep their digits.
        """
        if self.is_linear:
            with np.errstate(invalid="ignore", over="ignore"):
                moved = ratio - alpha * self.project(self.gradient(u, ratio), ratio)
                drift = self.mean(moved) - 1.0
            return moved / (1.0 + drift) if abs(drift) < ROUND_OFF else moved
        with np.errstate(invalid="ignore", over="ignore"):
            grown = ratio * np.exp(-alpha * self.gradient(u, ratio))
            grown[ratio == 0] = 0.0  # an empty cell stays empty, also where u = -inf
            return grown / self.mean(grown)

    def clip(self, ratio):
        """The exact projection onto {R >= 0, E[R] = 1} in the norm of a linear geometry.

        R = max(0, R~ - t) in `reference`, max(0, R~ - t p_r) in `lebesgue`, with the one t for
        which E[R] = 1.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            clipped = self._clip(ratio)
            if not abs(self.mean(clipped) - 1.0) > ROUND_OFF:
                return clipped
            # After a huge step t cancels all digits but those of the highest cells. Their
            # distance from the highest has the same projection.
            height = ratio / self.direction
            return self._clip((height - height.max()) * self.direction)

    def _clip(self, shifted):
        off = np.inf
        while True:
            shifted = shifted - self._level(shifted) * self.direction
            clipped = np.maximum(0.0, shifted)
            # Where t is large its round-off moves E[R]: take off the rest.
            before, off = off, abs(self.mean(clipped) - 1.0)
            if not 1e-13 < off < 0.5 * before:
                return clipped

    def _level(self, ratio):
        """The t of `clip`: Newton's method from the left for a convex function of t.

        E[max(0, R~ - t p)] falls, piece by piece a line, so that every step takes more cells out
        and the last one is exact.
        """
        return newton_level(lambda t: self.level_sums(ratio, t))

    def level_sums(self, ratio, t):
        """E[R~] and E[p] over the cells with R~ > t p; NaN is passed on."""
        active = ~(ratio <= t * self.direction)
        return self.mean(np.where(active, ratio, 0.0)), self.mean(active * self.direction)

    @cached_property
    def slowest_density(self):
        """The smallest rate mu of `lebesgue`: sum w_i p_i/(p_i - mu) = 0, between the two
        smallest densities; 1 in the other geometries, where all modes contract alike.

        Near R = 1 the mode contracts by 1 - alpha Phi''(1) mu per step.
        """
        if self.name != "lebesgue" or self.size < 2:
            return 1.0
        return self._rate_between(*self.end_densities()[:2])

    @cached_property
    def fastest_density(self):
        """The largest rate mu of `lebesgue`, between the two largest densities; 1 elsewhere."""
        if self.name != "lebesgue" or self.size < 2:
            return 1.0
        return self._rate_between(*self.end_densities()[2:])

    def end_densities(self):
        """The two smallest densities and the two largest, ascending."""
        low = np.partition(self.density, 1)[:2]
        high = np.partition(self.density, -2)[-2:]
        return (*low.tolist(), *high.tolist())

    def _secular(self, mu):
        return folded(self.secular_sums(mu))

    def secular_sums(self, mu):
        """The sums of w p/(p - mu) over every span, of which no more is in memory at once."""
        spans = (slice(i, i + SPAN) for i in range(0, self.masses.size, SPAN))
        return np.array(
            [ordered_sum(self.density[k] / (self.density[k] - mu), self.masses[k]) for k in spans]
        )

    def _rate_between(self, low, high):
        """The root of the secular equation between two neighbouring densities."""
        low, high = float(low), float(high)
        # It rises from -inf just above the lower density to +inf just below the higher.
        while True:
            middle = 0.5 * (low + high)
            if not low < middle < high:
                return middle
            if self._secular(middle) > 0:
                high = middle
            else:
                low = middle


def newton_level(sums):
    """The root t of a - t b = 1, where `sums` gives a and b of the cells that t leaves above 0."""
    level = -np.inf
    while True:
        above, along = sums(level)
        if not along > 0:
            return level
        found = (above - 1.0) / along
        if found != found:
            return found
        if not found > level:
            return level
        level = found


def seen(ratio, u):
    """R u, where a cell without generator mass feels nothing: 0 (-inf) = 0."""
    with np.errstate(invalid="ignore"):
        return np.where(ratio > 0, ratio * u, 0.0)


def lebesgue_rates(masses, density):
    """All N-1 rates mu_j of GLGD in `lebesgue` near R = 1, ascending.

    Mode j contracts by 1 - alpha Phi''(1) mu_j per step; the mu_j interlace the densities and are
    the eigenvalues of diag(p) projected on {E[d] = 0} in L2(dy). Dense: meant for small grids.

    Examples
    --------
    >>> lebesgue_rates(np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    array([1.5])
    """
    # Coordinates x_i = sqrt(v_i) d_i make L2(dy) Euclidean; there the normal is sqrt(v) p.
    normal = np.sqrt(masses * density)
    normal = normal / np.linalg.norm(normal)
    inside = np.eye(masses.size) - np.outer(normal, normal)
    return np.linalg.eigvalsh(inside @ (density[:, None] * inside))[1:]


def auto_alpha(game, geometry):
    """The default step and the reason for it: 1/(2 Phi''(1)), over max p_r in `lebesgue`.

    The error then halves at every step near R = 1. Where Phi''(1) is 0, negative or undefined,
    0.5 over max p_r.

    Returns
    -------
    alpha : float
    reason : str
    """
    at_one = game.curvature_at_one
    scale = geometry.max_density
    if at_one > 0:
        reason = "1/(2 Phi''(1))" if scale == 1.0 else "1/(2 Phi''(1) max p_r)"
        return 0.5 / at_one / scale, reason
    value = "undefined" if np.isnan(at_one) else f"{at_one + 0.0:g}"
    return 0.5 / scale, f"0.5, because Phi''(1) is {value}"
