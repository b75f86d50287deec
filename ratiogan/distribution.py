"""Probability masses on the cells of a grid: from densities, samples, histograms and images."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ratiogan._jit import jit
from ratiogan.errors import (
    CannotMeasure,
    InputError,
    InputTypeError,
    SingularMassError,
    check_choice,
    check_positive,
)
from ratiogan.grid import Grid, as_rows
from ratiogan.sums import ordered_sum

METHODS = ("histogram", "kde", "auto")

# Gauss-Legendre on [-1/2, 1/2], 5 points: exact for polynomials of degree 9 within a cell.
_NODES, _WEIGHTS = (array / 2 for array in np.polynomial.legendre.leggauss(5))
_CHUNK = 1 << 20  # rows read at once
_BLOCK = 1 << 22  # numbers in one block of kernel rows (32 MB)
_STRIPS_1D, _STRIPS = 64, 256  # per bandwidth
_EXACT_ROWS = 20_000  # up to so many rows the KDE sums over every row
_SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True, eq=False)
class Distribution:
    """Cell masses (>= 0, sum 1) on a `Grid`.

    Parameters
    ----------
    grid : Grid
    mass : array_like, shape grid.shape
        Cell masses. They are divided by their sum, unless it is 1 to round-off; nothing is added
        to empty cells and nothing is clipped.
    label : str
        Where it comes from, as a user would write it (``normal:mean=0,sd=1.2``).
    kind : str
        ``preset``, ``samples``, ``counts``, ``image``, ``histogram``, ``density`` or ``mass``.
    outside : float, optional
        Share of the original mass that fell outside the grid; None where it is not known.
    rows : int, optional
        Number of samples.
    dropped_nan : int
        Rows left out because of NaN.
    density_method : str, optional
        How samples became masses: ``kde`` or ``histogram``.
    bandwidth : tuple of float, optional
        Of the KDE, per axis, in units of the axis; 0 where an axis was not smoothed.
    restricted : float
        Share dropped by `restrict`.

    Raises
    ------
    InputError
        If a mass is negative or not finite (the cell is named), or all are 0.

    Examples
    --------
    >>> Distribution(Grid([[0.0, 1.0, 3.0]]), [1, 3]).density
    array([0.25 , 0.375])
    """

    grid: Grid
    mass: np.ndarray
    label: str = "mass"
    kind: str = "mass"
    outside: float | None = None
    rows: int | None = None
    dropped_nan: int = 0
    density_method: str | None = None
    bandwidth: tuple | None = None
    restricted: float = 0.0

    def __post_init__(self):
        if not isinstance(self.grid, Grid):
            raise InputTypeError(f"grid must be a Grid, got {self.grid!r}.", argument="grid")
        object.__setattr__(self, "mass", _checked_mass(self.mass, self.grid))

    @classmethod
    def from_mass(cls, mass, grid, *, label="mass"):
        """Cell masses as given, divided by their sum.

        Examples
        --------
        >>> Distribution.from_mass([1, 3], Grid.regular(2, 0, 1)).mass
        array([0.25, 0.75])
        """
        return cls(grid, mass, label=label, kind="mass")

    @classmethod
    def from_density(cls, pdf, grid, cdf=None, *, label="density"):
        """Integrate a density over every cell.

        By 5-point Gauss-Legendre quadrature along each axis, or exactly, as differences of `cdf`.
        On counting axes `pdf` is taken at the values themselves: it is a probability there. The
        masses are then divided by their sum: the distribution is the one restricted to the grid.

        Parameters
        ----------
        pdf : callable or None
            ``pdf(y)``, or ``pdf(y0, y1)`` with one argument per axis; must accept arrays that
            broadcast against each other. Not used if `cdf` is given.
        grid : Grid
        cdf : callable, optional
            Cumulative distribution function of one variable (1-D grids only).
        label : str, optional

        Returns
        -------
        Distribution
            With `outside` if `cdf` is given, else None: the scale of `pdf` is not known.

        Examples
        --------
        >>> p = Distribution.from_density(lambda y: 2 * y, Grid.regular(2, 0, 1))
        >>> p.mass
        array([0.25, 0.75])
        """
        if cdf is not None:
            if grid.ndim != 1:
                raise InputError(
                    f"cdf needs a grid with 1 axis, got {grid.ndim}.",
                    argument="cdf",
                    fix="Pass pdf instead.",
                )
            values = np.asarray(_called(cdf, "cdf", grid.edges), dtype=np.float64)
            outside = float(values[0] + (1 - values[-1]))
            return cls(grid, np.diff(values), label=label, kind="density", outside=outside)
        return cls(grid, integrated(pdf, grid), label=label, kind="density")

    @classmethod
    def from_histogram(cls, counts, grid, *, label="histogram"):
        """Cell counts, divided by their sum: an empty cell keeps mass 0.

        Examples
        --------
        >>> Distribution.from_histogram([2, 0, 6], Grid.counts(0, 2)).mass
        array([0.25, 0.  , 0.75])
        """
        counts = np.asarray(counts)
        rows = int(counts.sum()) if counts.dtype.kind in "iu" else None
        return cls(grid, counts, label=label, kind="histogram", rows=rows)

    @classmethod
    def from_samples(
        cls,
        x,
        grid="auto",
        *,
        weights=None,
        method="histogram",
        bandwidth=None,
        label="samples",
        dropped_nan=0,
    ):
        """Estimate the masses from samples.

        `histogram` counts: an empty cell keeps mass 0. `kde` puts a Gaussian on every sample, the
        same on all, independent along the axes, and adds up its exact cell probabilities
        (differences of the error function, uneven cells included); categories are never smoothed.
        `auto` smooths intervals and counts the values of counting axes.

        The sum runs over all rows up to 20,000 of them. Beyond that the rows are first gathered in
        strips, at the mean of each strip: of 1/64 of the bandwidth on one axis, where a cell at z
        bandwidths from the rows then changes by about z^2 1e-5 of its mass; of 1/256 along each of
        several axes, where a row moves by at most 1/512 of a bandwidth, and a cell that a single
        row serves changes by z/512 of its mass at most (cells with many rows by far less).

        Where the Gaussian itself falls below the smallest double, 38 bandwidths from the nearest
        sample, the mass is 0: none is made up.

        Parameters
        ----------
        x : array_like, shape (n, d) or (n,)
            Category columns hold numbers of levels.
        grid : Grid or ``auto``, optional
            `auto` is ``Grid.pooled([x])``; for a KDE with 3 bandwidths of margin and cells of at
            most 1/4 of the bandwidth.
        weights : array_like, shape (n,), optional
            Not negative.
        method : str, optional
        bandwidth : float or sequence of float, optional
            Standard deviation of the Gaussian per axis; Scott's rule if not given [1]_.
        label : str, optional
        dropped_nan : int, optional
            Rows left out before, kept for the record.

        Returns
        -------
        Distribution
            `outside` is the share of samples, or of the kernels' mass, that left the grid.

        Raises
        ------
        CannotMeasure
            If there are no rows, none inside the grid, or too few for a bandwidth.

        References
        ----------
        .. [1] Scott (1992), "Multivariate Density Estimation": sd n^(-1/(d+4)).

        Examples
        --------
        >>> p = Distribution.from_samples([0.1, 0.2, 0.9, 5.0], Grid.regular(2, 0, 1))
        >>> p.mass, p.outside
        (array([0.66666667, 0.33333333]), 0.25)
        """
        check_choice("method", method, METHODS)
        x = _checked_samples(x)
        weights = _checked_weights(weights, len(x))
        if not isinstance(grid, Grid):
            spread = bandwidths(x, weights, bandwidth) if method != "histogram" else None
            grid = Grid.pooled([x], grid, smooth=spread and [spread])
        if x.shape[1] != grid.ndim:
            raise InputError(
                f"x has {x.shape[1]} columns, the grid {grid.ndim} axes.", argument="x"
            )
        smooth = smoothed_axes(grid, method)
        facts = {"label": label, "kind": "samples", "rows": len(x), "dropped_nan": dropped_nan}
        if any(smooth):
            spread = bandwidths(x, weights, bandwidth, smooth=smooth, names=grid.names)
            mass, outside = _kernel_masses(x, weights, grid, spread)
            facts |= {"density_method": "kde", "bandwidth": spread}
        else:
            mass, outside = _counted(x, weights, grid)
            facts |= {"density_method": "histogram"}
        if not mass.any():
            raise CannotMeasure(
                f"none of the {len(x)} rows of {label} lies on the grid ({grid.describe()}).",
                argument="x",
                fix="Pass a wider domain.",
            )
        return cls(grid, mass, outside=outside, **facts)

    @classmethod
    def from_image(cls, image, *, label=None):
        """An image as a 2-D density: bright pixels hold much mass, black ones none.

        Axis 0 runs to the right and axis 1 upwards, in pixels from the lower left corner. Colours
        are reduced to their luma (0.299 R + 0.587 G + 0.114 B); a transparent pixel holds no mass.

        Parameters
        ----------
        image : array_like, shape (height, width) or (height, width, 3 or 4), or path of a PNG
        label : str, optional

        Examples
        --------
        >>> Distribution.from_image([[0, 0], [3, 1]]).mass
        array([[0.75, 0.  ],
               [0.25, 0.  ]])
        """
        if isinstance(image, str) or hasattr(image, "__fspath__"):
            label = label or str(image)
            image = _read_image(image)
        pixels = np.asarray(image, dtype=np.float64)
        if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            # Opacity is a weight between 0 and 1 whatever the scale of the colours.
            opacity = pixels[..., -1] / (pixels[..., -1].max() or 1.0)
            pixels = pixels[..., :-1] * opacity[..., np.newaxis]
        if pixels.ndim == 3 and pixels.shape[2] in (1, 3):
            luma = (1.0,) if pixels.shape[2] == 1 else (0.299, 0.587, 0.114)
            pixels = pixels @ np.array(luma)
        if pixels.ndim != 2:
            raise InputError(
                f"image must have shape (height, width) or (height, width, 3 or 4), "
                f"got {np.shape(image)}.",
                argument="image",
            )
        mass = pixels[::-1].T
        grid = Grid.regular(mass.shape, 0, mass.shape, names=("x", "y"))
        return cls(grid, mass, label=label or "image", kind="image", outside=0.0)

    @property
    def density(self):
        """Mass per volume, shape grid.shape."""
        return self.mass / (self.grid.volume if self.grid.is_uniform else self.grid.volumes)

    @property
    def support(self):
        """Where the mass is above 0, shape grid.shape."""
        return self.mass > 0

    @property
    def cdf(self):
        """Mass up to and including each cell, shape (size,); 1-D only."""
        if self.grid.ndim != 1:
            raise InputError(f"cdf needs 1 axis, this grid has {self.grid.ndim}.")
        return np.cumsum(self.mass)

    def mean(self):
        """Mean of the cell centres, shape (ndim,)."""
        return np.array([ordered_sum(y, marginal) for marginal, y in self._marginals()])

    def variance(self):
        """Variance of the cell centres along each axis, shape (ndim,)."""
        means = self.mean()
        return np.array(
            [
                ordered_sum((y - mean) ** 2, marginal)
                for mean, (marginal, y) in zip(means, self._marginals(), strict=True)
            ]
        )

    def entropy(self):
        """Entropy of the masses in nats; its exponential is the number of cells in use."""
        mass = self.mass[self.mass > 0]
        return max(0.0, -ordered_sum(np.log(mass), mass))

    def with_label(self, label):
        """The same masses under another name."""
        return replace(self, label=label)

    def _marginals(self):
        for i, centres in enumerate(self.grid.centres):
            others = tuple(j for j in range(self.grid.ndim) if j != i)
            yield self.mass.sum(axis=others), centres

    def __repr__(self):
        return f"<Distribution {self.label}, {self.grid.describe()}>"


def restrict(gen, real):
    """Drop the generator's mass where the reference has none, and rescale the rest.

    Parameters
    ----------
    gen, real : Distribution
        On one grid.

    Returns
    -------
    Distribution
        `gen` itself if there is no such mass, else a new one with `restricted` set to its amount.

    Raises
    ------
    SingularMassError
        If nothing would be left.

    Examples
    --------
    >>> grid = Grid.regular(3, 0, 3)
    >>> real = Distribution.from_mass([1, 1, 0], grid)
    >>> gen = restrict(Distribution.from_mass([1, 2, 1], grid), real)
    >>> gen.mass, gen.restricted
    (array([0.33333333, 0.66666667, 0.        ]), 0.25)
    """
    check_same_grid(gen, real)
    kept = np.where(real.mass > 0, gen.mass, 0.0)
    total = ordered_sum(kept)
    dropped = ordered_sum(np.where(real.mass > 0, 0.0, gen.mass))
    if dropped == 0:
        return gen
    if total == 0:
        refuse_restriction()
    return replace(gen, mass=kept, restricted=dropped)


def refuse_restriction():
    """Raise the error for a generator of which `restrict` would leave nothing."""
    raise SingularMassError(
        "all of the generator's mass lies where p_r = 0: nothing is left to restrict to.",
        argument="singular",
        fix="Use --density kde, or a wider reference.",
    )


def check_same_grid(gen, real):
    """Refuse two distributions on different grids."""
    if not gen.grid.same_as(real.grid):
        raise InputError(
            f"gen and real must live on one grid: gen lives on {gen.grid.describe()}, "
            f"real on {real.grid.describe()}.",
            argument="gen",
            fix="Put both on one grid.",
        )


def smoothed_axes(grid, method):
    """Per axis, whether `Distribution.from_samples` puts a kernel on it."""
    smooth = {
        "histogram": (),
        "kde": ("regular", "uneven", "counts"),
        "auto": ("regular", "uneven"),
    }[method]
    return tuple(axis.kind in smooth for axis in grid.axes)


def bandwidths(x, weights=None, bandwidth=None, *, smooth=None, names=None):
    """Bandwidth per column: as given, or by Scott's rule, sd n^(-1/(d+4)).

    `d` is the number of smoothed columns, sd divides by n - 1, and n of weighted samples is
    (sum w)^2 / sum w^2. A column that is not smoothed gets 0.

    Examples
    --------
    >>> bandwidths(np.array([[0.0], [2.0]]), bandwidth=0.5)
    (0.5,)
    """
    columns = x.shape[1]
    smooth = (True,) * columns if smooth is None else smooth
    if bandwidth is not None:
        given = tuple(bandwidth) if np.iterable(bandwidth) else (bandwidth,) * columns
        if len(given) != columns:
            raise InputError(
                f"bandwidth has {len(given)} numbers for {columns} columns.", argument="bandwidth"
            )
        given = [check_positive("bandwidth", width) for width in given]
        return tuple(width if on else 0.0 for width, on in zip(given, smooth, strict=True))
    if weights is None:
        rows, mean = float(len(x)), x.mean(axis=0)
        square = x.var(axis=0)
    else:
        share = weights / weights.sum()
        rows = 1 / ordered_sum(share, share)
        mean = np.array([ordered_sum(column, share) for column in x.T])
        square = np.array([ordered_sum(column, share) for column in ((x - mean) ** 2).T])
    if rows < 2:
        raise CannotMeasure(
            f"a bandwidth needs at least 2 rows, got {rows:g}.",
            argument="bandwidth",
            fix="Pass bandwidth=, or use --density histogram.",
        )
    spread = np.sqrt(square * (rows / (rows - 1))) * rows ** (-1 / (sum(smooth) + 4))
    widths = []
    for i, on in enumerate(smooth):
        # A column of equal values has a spread of round-off only.
        if on and spread[i] <= 1e-12 * abs(mean[i]):
            name = names[i] if names else i
            raise CannotMeasure(
                f"column {name} has one value only ({mean[i]:g}): no bandwidth follows from it.",
                argument="bandwidth",
                fix="Pass bandwidth=, or use --density histogram.",
            )
        widths.append(float(spread[i]) if on else 0.0)
    return tuple(widths)


def _checked_mass(mass, grid):
    """A read-only array of grid.shape with sum 1; a copy unless it is one already."""
    source = mass
    mass = np.asarray(mass)
    if mass.dtype.kind not in "buif":
        raise InputTypeError(
            f"mass must be numbers, got an array of {mass.dtype}.", argument="mass"
        )
    if mass.shape != grid.shape:
        raise InputError(
            f"mass must have the grid's shape {grid.shape}, got {mass.shape}.", argument="mass"
        )
    least, total = mass.min(), ordered_sum(mass)
    if not (least >= 0 and math.isfinite(total)):
        bad = np.flatnonzero(~((mass >= 0) & np.isfinite(mass)))
        if bad.size == 0:
            raise InputError("the sum of the masses is infinite.", argument="mass")
        value = mass.flat[bad[0]]
        more = f", and {bad.size - 1} more cells" if bad.size > 1 else ""
        raise InputError(
            f"mass must be finite and not negative, got {value:g} in cell "
            f"{cell_name(bad[0], grid)}{more}.",
            argument="mass",
        )
    if total == 0:
        raise InputError("mass must not be 0 in all cells.", argument="mass")
    is_whole = is_one(total)
    is_ours = mass is source and mass.flags.owndata and not mass.flags.writeable
    if is_whole and is_ours and mass.dtype == np.float64:
        return mass
    mass = np.array(mass, dtype=np.float64, order="C")
    if not is_whole:
        if total < 1e-290:
            # Dividing by a subnormal sum loses digits: bring the masses to scale first.
            mass *= 1e290
            total = ordered_sum(mass)
        mass /= total
    mass.flags.writeable = False
    return mass


def is_one(total):
    """Whether masses with this sum need not be divided by it."""
    return abs(total - 1) <= 1e-14


def cell_name(index, grid):
    """A flat cell number as a user counts cells: ``17``, or ``(3, 4)``."""
    if grid.ndim == 1:
        return str(int(index))
    return str(tuple(int(i) for i in np.unravel_index(index, grid.shape)))


def _checked_samples(x):
    x = as_rows(x)
    if len(x) == 0:
        raise CannotMeasure("the sample has no rows.", argument="x")
    if x.dtype.kind not in "buif":
        raise InputTypeError(
            f"x must hold numbers, got {x.dtype}.", argument="x", fix="Encode categories first."
        )
    for start in range(0, len(x), _CHUNK):
        bad = np.argwhere(~np.isfinite(x[start : start + _CHUNK]))
        if bad.size:
            row, column = bad[0]
            raise InputError(
                f"x must be finite, got {x[start + row, column]} in row {start + row}, "
                f"column {column}.",
                argument="x",
                fix="Leave those rows out.",
            )
    return x


def _checked_weights(weights, rows):
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (rows,):
        raise InputError(
            f"weights must have shape ({rows},), one per row, got {weights.shape}.",
            argument="weights",
        )
    if not (np.all(weights >= 0) and np.isfinite(weights.sum()) and weights.any()):
        raise InputError("weights must be finite, not negative and not all 0.", argument="weights")
    return weights


def _called(function, name, arguments):
    try:
        return function(*arguments)
    except TypeError as error:
        raise InputTypeError(
            f"{name} must accept {len(arguments)} array(s), but failed: {error}.",
            argument=name,
            fix=f"Wrap it: np.vectorize({name}).",
        ) from error


def integrated(pdf, grid, name_of=None):
    """Integral of `pdf` over every cell; `name_of` names a bad one, if not by its number here."""
    rules = [((0.0,), (1.0,)) if axis.is_counting else (_NODES, _WEIGHTS) for axis in grid.axes]
    mass = np.zeros(grid.shape)
    for choice in np.ndindex(*(len(nodes) for nodes, _ in rules)):
        points, factor = [], 1.0
        for i, (axis, (nodes, node_weights)) in enumerate(zip(grid.axes, rules, strict=True)):
            along = axis.centres + nodes[choice[i]] * axis.widths
            points.append(along.reshape([-1 if j == i else 1 for j in range(grid.ndim)]))
            factor *= node_weights[choice[i]]
        values = np.asarray(_called(pdf, "pdf", points), dtype=np.float64)
        try:
            values = np.broadcast_to(values, grid.shape)
        except ValueError:
            raise InputError(
                f"pdf must return one number per point ({grid.shape}), got {values.shape}.",
                argument="pdf",
                fix="Take one argument per axis.",
            ) from None
        if not np.all(values >= 0) or np.isinf(values).any():
            bad = np.flatnonzero(~(values >= 0) | np.isinf(values))[0]
            raise InputError(
                f"pdf must be finite and not negative, got {values.flat[bad]:g} in cell "
                f"{name_of(bad) if name_of else cell_name(bad, grid)}.",
                argument="pdf",
            )
        mass += factor * values
    mass *= grid.volumes
    return mass


def _counted(x, weights, grid):
    """Mass (or counts) per cell, and the share of rows or weights outside."""
    if weights is None:
        counts = np.zeros(grid.size, dtype=np.int64)
        outside, _ = grid.tally(x, counts)
        return counts.reshape(grid.shape), outside / len(x)
    mass = np.zeros(grid.size)
    for start in range(0, len(x), _CHUNK):
        index = grid.locate(x[start : start + _CHUNK])
        inside = index >= 0
        part = weights[start : start + _CHUNK][inside]
        mass += np.bincount(index[inside], part, minlength=grid.size)
    # Outside is a share of what was given, never of a rounded difference below 0.
    lost = max(0.0, 1.0 - float(mass.sum()) / float(weights.sum()))
    return mass.reshape(grid.shape), lost if lost > 1e-14 else 0.0


def _kernel_masses(x, weights, grid, spread):
    """Sum over the rows of the product over axes of cell probabilities, and what is outside."""
    x = np.asarray(x, dtype=np.float64)
    weights = np.ones(len(x)) if weights is None else weights
    weights = weights / weights.sum()
    if grid.ndim == 1:
        return _kernel_masses_1d(x[:, 0], weights, grid.axes[0], spread[0])
    tables, losses, rows = [], [], []
    for i, axis in enumerate(grid.axes):
        atoms, _, row = _atoms(x[:, i], weights, spread[i], _STRIPS)
        table, lost = _cell_probabilities(axis, atoms, spread[i])
        tables.append(table)
        losses.append(lost)
        rows.append(row)
    with np.errstate(divide="ignore"):
        inside = sum(np.log1p(-lost)[row] for lost, row in zip(losses, rows, strict=True))
    # Rows with one position on axis 0 are added up before the product with that axis.
    order = np.argsort(rows[0], kind="stable")
    mass = np.zeros((grid.shape[0], grid.size // grid.shape[0]))
    step = max(1, _BLOCK // max(mass.shape))
    for start in range(0, weights.size, step):
        block = order[start : start + step]
        rest = tables[1][rows[1][block]] * weights[block, np.newaxis]
        if grid.ndim == 3:
            third = tables[2][rows[2][block]]
            rest = (rest[:, :, np.newaxis] * third[:, np.newaxis, :]).reshape(len(rest), -1)
        positions, firsts = np.unique(rows[0][block], return_index=True)
        mass += tables[0][positions].T @ np.add.reduceat(rest, firsts)
    return mass.reshape(grid.shape), ordered_sum(-np.expm1(inside), weights)


def _kernel_masses_1d(values, weights, axis, width):
    atoms, share, _ = _atoms(values, weights, width, _STRIPS_1D)
    mass, outside = np.zeros(axis.size), 0.0
    step = max(1, _BLOCK // axis.size)
    for start in range(0, atoms.size, step):
        block = slice(start, start + step)
        table, lost = _cell_probabilities(axis, atoms[block], width)
        mass += share[block] @ table
        outside += ordered_sum(lost, share[block])
    return mass, outside


def _atoms(values, weights, width, strips):
    """Rows gathered in strips: positions, weights of the positions, position of each row."""
    if len(values) <= _EXACT_ROWS or width == 0:
        atoms, row = np.unique(values, return_inverse=True)
        return atoms, np.bincount(row, weights), row
    strip = np.floor((values - values.min()) * (strips / width))
    _, row = np.unique(strip, return_inverse=True)
    share = np.bincount(row, weights)
    count = np.bincount(row)
    # Weighted mean; a strip whose rows weigh nothing needs a position all the same.
    plain = np.bincount(row, values) / count
    with np.errstate(invalid="ignore"):
        atoms = np.where(share > 0, np.bincount(row, weights * values) / share, plain)
    return atoms, share, row


def _cell_probabilities(axis, atoms, width):
    """Table (atoms, cells) of what each kernel puts in each cell, and what it puts outside."""
    table = np.zeros((atoms.size, axis.size))
    lost = np.zeros(atoms.size)
    if width == 0:
        index = axis.locate(atoms)
        inside = index >= 0
        table[np.flatnonzero(inside), index[inside]] = 1.0
        lost[~inside] = 1.0
    else:
        _gaussian_rows(np.array(atoms), axis.edges, 1.0 / width, table, lost)
    return table, lost


def _read_image(path):
    try:
        from matplotlib.image import imread

        return imread(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.", argument="image") from None
    except Exception as error:
        raise InputError(
            f"{path} is not an image that can be read ({type(error).__name__}).",
            argument="image",
            fix="Pass a PNG file.",
        ) from error


@jit
def _gaussian_rows(atoms, edges, precision, table, lost):
    """Cell probabilities of a Gaussian of sd 1/precision at each atom.

    Modified in place: table (atoms, cells) and lost (atoms), the mass beyond both ends. Each cell
    is a difference of the tail areas on its own side of the atom, so that it stays accurate (and
    positive) far out.
    """
    cells = edges.size - 1
    for i in range(atoms.size):
        z = (edges[0] - atoms[i]) * precision
        tail = 0.5 * math.erfc(abs(z) * _SQRT_HALF)
        lost[i] = tail if z < 0.0 else 1.0 - tail
        for j in range(cells):
            z_next = (edges[j + 1] - atoms[i]) * precision
            if z_next < -39.0 or z > 39.0:
                # The tail area is below the smallest double.
                z, tail = z_next, 0.0
                continue
            tail_next = 0.5 * math.erfc(abs(z_next) * _SQRT_HALF)
            if z >= 0.0:
                table[i, j] = tail - tail_next
            elif z_next <= 0.0:
                table[i, j] = tail_next - tail
            else:
                table[i, j] = 1.0 - tail - tail_next
            z, tail = z_next, tail_next
        lost[i] += tail if z >= 0.0 else 1.0 - tail
