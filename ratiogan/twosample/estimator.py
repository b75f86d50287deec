"""The density ratio as an estimator, in scikit-learn's manner: fit on two samples, ask anywhere."""

import inspect
import math

import numpy as np

from ratiogan._jit import jit
from ratiogan.distribution import Distribution, bandwidths
from ratiogan.errors import CannotMeasure, InputError, InputTypeError, check_choice, nearest
from ratiogan.grid import Grid, as_rows, plural
from ratiogan.ratio import density_ratio

METHODS = ("histogram", "kde")

_BINS_PER_WIDTH = 16  # bins per bandwidth of the binned KDE
_MOST_BINS = 1 << 17  # in all the cells, where a bandwidth is far below a cell
_REACH = 39.0  # bandwidths beyond which a Gaussian is below the smallest double
_TRUSTED = 1e-8  # of the largest cell: below, the round-off of an FFT would show
_SQRT_HALF = math.sqrt(0.5)


class DensityRatio:
    """Estimate R = p_g/p_r of two samples on the cells of a grid, for 1 to 3 columns.

    Parameters
    ----------
    grid : Grid, text, int or tuple, optional
        ``auto``, ``1024``, ``256x256``, ``counts``; common to both samples.
    domain : text or pairs, optional
        ``LOW:HIGH`` per column; by default the pooled range.
    method : str, optional
        ``histogram`` counts; ``kde`` smooths with a Gaussian on every row, each sample with its own
        bandwidth (by FFT on equal cells of one column, else axis by axis), but not the values of
        counting columns.
    bandwidth : float or sequence of float, optional
        Of the KDE, per column; Scott's rule if not given.

    Attributes
    ----------
    ratio_ : Ratio
        R with its singular part, both samples as distributions on the cells.
    grid_ : Grid
    n_effective_ : dict
        Rows of ``real`` and ``gen``; (sum w)^2 / sum w^2 where they are weighted.
    n_features_in_ : int
        Number of columns.

    Notes
    -----
    R is constant in each cell. It is the ratio of the densities themselves: where a part of a
    sample lies outside `domain`, the rest is not taken for the whole.

    Examples
    --------
    >>> real = [[0.1], [0.2], [0.3], [0.8]]
    >>> gen = [[0.1], [0.6], [0.7], [0.8]]
    >>> model = DensityRatio(grid=2, domain="0:1").fit(gen=gen, real=real)
    >>> model.ratio([[0.4], [0.9], [7.0]])
    array([0.33333333, 3.        ,        nan])
    """

    def __init__(self, grid="auto", domain=None, method="histogram", bandwidth=None):
        self.grid = grid
        self.domain = domain
        self.method = method
        self.bandwidth = bandwidth

    @classmethod
    def _names(cls):
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep=True):
        """The parameters of the constructor, by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params):
        """Change parameters of the constructor, and return the estimator.

        Raises
        ------
        InputError
            If there is no parameter of that name.
        """
        known = self._names()
        for name in params:
            if name not in known:
                near = nearest(name, known)
                raise InputError(
                    f'DensityRatio has no parameter "{name}".',
                    argument=name,
                    fix=f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(known)}.",
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, *, gen, real, gen_weights=None, real_weights=None):
        """Learn R from a sample of the generator and one of the reference.

        Parameters
        ----------
        gen, real : array_like, shape (n, d) or (n,)
            d = 1 to 3 columns.
        gen_weights, real_weights : array_like, shape (n,), optional
            Not negative, not all 0.

        Returns
        -------
        DensityRatio
            Itself.

        Raises
        ------
        InputError
            If the samples or weights cannot be used, or have more than 3 columns.
        CannotMeasure
            If a sample is empty, or none of it lies on the cells.
        """
        check_choice("method", self.method, METHODS)
        samples = {"real": _checked("real", real), "gen": _checked("gen", gen)}
        widths = {name: x.shape[1] for name, x in samples.items()}
        if widths["real"] != widths["gen"]:
            raise InputError(
                f"gen has {plural(widths['gen'], 'column')}, real has {widths['real']}.",
                argument="gen",
                fix="Pass the same columns of both.",
            )
        given = {"real": real_weights, "gen": gen_weights}
        weights = {
            name: _checked_weights(f"{name}_weights", given[name], len(samples[name]))
            for name in samples
        }
        cells = self._cells(samples, weights)
        made = {name: self._masses(samples[name], weights[name], cells, name) for name in samples}
        self.ratio_ = density_ratio(gen=made["gen"], real=made["real"])
        self.grid_ = cells
        self.n_effective_ = {
            name: float(len(x)) if weights[name] is None else _effective(weights[name])
            for name, x in samples.items()
        }
        self.n_features_in_ = cells.ndim
        scale = (1 - made["gen"].outside) / (1 - made["real"].outside)
        self._values = self.ratio_.values.ravel() * scale
        self._values[self.ratio_.singular_cells] = math.inf
        return self

    def ratio(self, z):
        """R = p_g/p_r at points.

        Parameters
        ----------
        z : array_like, shape (m, d), or (m,) for one column

        Returns
        -------
        ndarray, shape (m,)
            Infinite in a cell that only gen reached, 0 in one that only real did; NaN where neither
            did, outside the cells, and for NaN.
        """
        if not hasattr(self, "ratio_"):
            raise InputError("this DensityRatio is not fitted.", fix="Call fit(gen=, real=) first.")
        z = as_rows(z)
        if z.dtype.kind not in "buif":
            raise InputTypeError(f"z must hold numbers, got {z.dtype}.", argument="z")
        if z.shape[1] != self.n_features_in_:
            raise InputError(
                f"z has {plural(z.shape[1], 'column')}, the estimator was fitted on "
                f"{self.n_features_in_}.",
                argument="z",
            )
        cell = self.grid_.locate(z)
        return np.where(cell >= 0, self._values[cell], math.nan)

    def log_ratio(self, z):
        """log R at points, in nats: -inf where R = 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.ratio(z))

    def discriminator(self, z):
        """f = 1/(1+R), the probability that a point is real if half of all points are."""
        return 1.0 / (1.0 + self.ratio(z))

    def __repr__(self):
        defaults = inspect.signature(type(self).__init__).parameters
        given = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default
        ]
        return f"DensityRatio({', '.join(given)})"

    def _cells(self, samples, weights):
        if isinstance(self.grid, Grid):
            if self.domain is not None:
                raise InputError(
                    "grid is a Grid, which has a domain.",
                    argument="domain",
                    fix="Leave domain out.",
                )
            if self.grid.ndim != samples["real"].shape[1]:
                raise InputError(
                    f"the samples have {plural(samples['real'].shape[1], 'column')}, grid "
                    f"{self.grid.ndim}.",
                    argument="grid",
                )
            return self.grid
        smooth = None
        if self.method == "kde":
            smooth = [bandwidths(x, weights[name], self.bandwidth) for name, x in samples.items()]
        return Grid.pooled(list(samples.values()), self.grid, self.domain, smooth=smooth)

    def _masses(self, x, weights, cells, name):
        facts = {"weights": weights, "label": name}
        if self.method == "histogram" or cells.ndim > 1 or cells.axes[0].kind != "regular":
            method = "histogram" if self.method == "histogram" else "auto"
            return Distribution.from_samples(
                x, cells, method=method, bandwidth=self.bandwidth, **facts
            )
        spread = bandwidths(x, weights, self.bandwidth)
        mass, outside = binned_kde(x[:, 0], weights, cells.axes[0], spread[0])
        if not mass.any():
            raise CannotMeasure(
                f"none of the {len(x)} rows of {name} lies on {cells.describe()}.",
                argument=name,
                fix="Pass a wider domain.",
            )
        return Distribution(
            cells,
            mass,
            label=name,
            kind="samples",
            outside=outside,
            rows=len(x),
            density_method="kde",
            bandwidth=spread,
        )


def _checked(name, x):
    """A sample as numbers (n, d) with d <= 3."""
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise InputTypeError(
            f"{name} must be an array with one row per sample: {error}.", argument=name
        ) from error
    if x.ndim not in (1, 2) or x.dtype.kind not in "buif":
        raise InputTypeError(
            f"{name} must be an array of numbers with shape (n, d), got {x.dtype} with shape "
            f"{x.shape}.",
            argument=name,
        )
    x = as_rows(x)
    if x.shape[1] > 3:
        raise InputError(
            f"{name} has {x.shape[1]} columns: cells serve at most 3.",
            argument=name,
            fix="Choose or project columns, or pass the scores of your discriminator instead.",
        )
    if len(x) == 0:
        raise CannotMeasure(f"{name} has no rows.", argument=name)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if bad.size:
        raise InputError(
            f"{name} must be finite, but {bad.size} of its rows are not, the first is row "
            f"{bad[0]}.",
            argument=name,
            fix="Leave them out.",
        )
    return x.astype(np.float64)


def _checked_weights(name, weights, rows):
    if weights is None:
        return None
    try:
        weights = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputTypeError(f"{name} must be numbers.", argument=name) from None
    if weights.shape != (rows,):
        raise InputError(
            f"{name} must have shape ({rows},), one per row, got {weights.shape}.", argument=name
        )
    if not (np.all(weights >= 0) and np.isfinite(weights.sum())):
        raise InputError(f"{name} must be finite and not negative.", argument=name)
    if not weights.any():
        raise InputError(f"{name} must not be 0 everywhere.", argument=name)
    return weights


def _effective(weights):
    share = weights / weights.sum()
    return 1.0 / float(share @ share)


def binned_kde(values, weights, axis, spread):
    """Cell masses of a Gaussian KDE on equal cells, from rows gathered in bins.

    Every row is shared by the two nearest of the bins, 1/16 of a bandwidth apart, so that its
    position is kept and the variance grows by 1/1500 of the bandwidth's square at most (more only
    where that took over 131,072 bins: there the cells hide what the bins blur). The bins are
    convolved with the cell probabilities of the Gaussian by FFT; a cell below 1e-8 of the largest,
    where the FFT's round-off would show (or be negative), is summed directly.

    Parameters
    ----------
    values : ndarray, shape (n,)
    weights : ndarray, shape (n,), or None
    axis : Axis
        A ``regular`` one.
    spread : float
        Standard deviation of the Gaussian.

    Returns
    -------
    mass : ndarray, shape (axis.size,)
    outside : float
        Share of the kernels' mass that lies outside the cells.
    """
    weights = np.full(len(values), 1 / len(values)) if weights is None else weights / weights.sum()
    parts = math.ceil(_BINS_PER_WIDTH * axis.width / spread)
    parts = max(1, min(parts, _MOST_BINS // axis.size))
    step = axis.width / parts
    place = (values - axis.low) / step - 0.5
    reach = math.ceil(_REACH * spread / step)
    near = (place >= -reach) & (place <= axis.size * parts + reach)
    far = float(weights[~near].sum())
    if not near.any():
        return np.zeros(axis.size), far
    place, weights = place[near], weights[near]
    low = math.floor(place.min())
    below = np.floor(place - low)
    above = (place - low - below) * weights
    below = below.astype(np.int64)
    bins = np.bincount(below, weights - above, below.max() + 2) + np.bincount(
        below + 1, above, below.max() + 2
    )
    mass, lost = _smoothed(bins, low, parts, step / spread, axis.size)
    return mass, lost + far


def _smoothed(bins, low, parts, step, cells):
    """Cell masses from the bins of one axis, and what lies outside."""
    offsets = np.arange((cells - 1) * parts - low, -low - bins.size, -1, dtype=np.float64)
    table = np.empty(offsets.size)
    _cell_masses(offsets, parts, step, table)
    # mass_i = sum_j bins_j table(i parts - low - j), with the offset descending along `table`.
    table = table[::-1]
    size = 1 << (bins.size + table.size - 1).bit_length()
    full = np.fft.irfft(np.fft.rfft(bins, size) * np.fft.rfft(table, size), size)
    mass = full[bins.size - 1 : bins.size - 1 + (cells - 1) * parts + 1 : parts].copy()
    doubtful = np.flatnonzero(~(mass > _TRUSTED * mass.max()))
    used = np.flatnonzero(bins)
    _sum_directly(doubtful, used, bins, table, bins.size - 1, parts, mass)
    lost = np.empty(bins.size)
    _losses(low, parts * cells, step, lost)
    return mass, float(bins @ lost)


@jit
def _between(low, high):
    """Mass of a standard normal between two points, accurate in both tails."""
    low, high = low * _SQRT_HALF, high * _SQRT_HALF
    if low >= 0.0:
        return 0.5 * (math.erfc(low) - math.erfc(high))
    if high <= 0.0:
        return 0.5 * (math.erfc(-high) - math.erfc(-low))
    return 0.5 * (math.erf(high) - math.erf(low))


@jit
def _cell_masses(offsets, parts, step, table):
    """Mass in a cell whose lower edge is `offset` bins above the edge of the row's bin."""
    for k in range(offsets.size):
        low = (offsets[k] - 0.5) * step
        table[k] = _between(low, low + parts * step)


@jit
def _losses(low, bins, step, lost):
    """Mass that a row in each bin puts below the first cell and above the last."""
    for j in range(lost.size):
        centre = (low + j + 0.5) * step
        lost[j] = 0.5 * (
            math.erfc(centre * _SQRT_HALF) + math.erfc((bins * step - centre) * _SQRT_HALF)
        )


@jit
def _sum_directly(doubtful, used, bins, table, zero, parts, mass):
    """Replace the mass of the doubtful cells by its sum over the bins in use. In place: mass."""
    for i in doubtful:
        total = 0.0
        for j in used:
            total += bins[j] * table[zero + i * parts - j]
        mass[i] = total
