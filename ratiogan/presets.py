"""Named distributions, integrated exactly over the cells of a grid.

One table, `FAMILIES`: for each name of `catalogue.PRESETS` the columns it has, its own domain, its
cell masses, a sampler, and the parameters with the moments of given data. Neither SciPy nor a
compiled kernel is needed for the Gaussian ones: the default problem must start quickly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ratiogan.catalogue import PRESETS
from ratiogan.distribution import Distribution
from ratiogan.errors import (
    InputError,
    InputTypeError,
    check_choice,
    check_integer,
    check_number,
    check_positive,
)
from ratiogan.grid import Grid, broadcast_words, check_domain, outward
from ratiogan.spec import Spec, parse, resolve
from ratiogan.sums import ordered_sum

DEFAULT_REAL, DEFAULT_GEN = "bimodal", "normal"
JOINT_REAL, JOINT_GEN = "fork", "independent"  # where y is conditioned on x
THINNED = 0.3  # share that a thinned mode keeps

_BLOCK = 1 << 16
_SQRT_HALF = math.sqrt(0.5)
CELLS = {1: 1024, 2: 128}
_EXAMPLES = {1: "normal", 2: "ring8:drop=4"}


@dataclass(frozen=True)
class Family:
    """What a preset can do; `options` is the dict of its parameters.

    `domain(options)` gives (low, high), the same for every column, or one such pair per column;
    `masses(grid, options)` the cell masses and the mass outside; `sample(options, n, rng)` an array
    (n, columns); `match(options, unset, values, weights)` parameters with the moments of the
    values. `names` are those of the columns, where they have some.
    """

    domain: Callable
    masses: Callable
    sample: Callable
    match: Callable | None = None
    columns: int = 1
    is_counting: bool = False
    names: tuple = ()


def preset(name, grid=None, **parameters):
    """A named distribution on a grid.

    Parameters
    ----------
    name : str or Spec
        ``NAME[:key=value,...]``, see ``ratiogan list presets``.
    grid : Grid, int, tuple or text, optional
        By default 1024 cells (128 x 128 for two columns, counts for ``poisson``) on the domain of
        the preset.
    **parameters
        Override those of `name`.

    Returns
    -------
    Distribution
        Cell masses are differences of the cumulative distribution, divided by their sum;
        `outside` is what was cut off.

    Raises
    ------
    InputError
        If the name or a parameter is not known, or there is no mass on the grid.

    Examples
    --------
    >>> p = preset("normal", mean=0, sd=1.2)
    >>> p.label, p.grid.describe()
    ('normal:mean=0,sd=1.2', '1024 cells on -6:6')
    """
    spec = resolved(name, **parameters)
    family = family_of(spec)
    if not isinstance(grid, Grid):
        grid = default_grid(spec, grid)
    check_columns(spec, family, grid)
    mass, outside = family.masses(grid, spec.options)
    total = ordered_sum(mass)
    if not total > 0:
        refuse_empty(spec, grid)
    mass /= total
    mass.flags.writeable = False
    return Distribution(grid, mass, label=label(spec), kind="preset", outside=outside)


def check_columns(spec, family, grid):
    """Refuse a grid that the preset has no masses on."""
    if grid.ndim != family.columns:
        fix = f"Choose one with {grid.ndim}, for example {_EXAMPLES.get(grid.ndim, 'a file')}."
        if spec.name == DEFAULT_GEN:
            fix += f" Without --gen the generator is {DEFAULT_GEN}."
        raise InputError(
            f"{spec.name} has {_columns(family.columns)}, the problem {grid.ndim}.",
            argument="gen",
            fix=fix,
        )
    if any(axis.kind == "categories" for axis in grid.axes):
        raise InputError(f"{spec.name} gives numbers, the grid holds categories.", argument="grid")


def refuse_empty(spec, grid):
    """Raise the error for a preset whose mass lies elsewhere."""
    raise InputError(
        f"{label(spec)} has no mass on {grid.describe()}.",
        argument="domain",
        fix="Pass a domain that holds it.",
    )


def problem(real=None, gen=None, grid=None, domain=None):
    """A reference and a generator on one grid.

    Parameters
    ----------
    real, gen : str, Spec or Distribution, optional
        By default ``bimodal`` and ``normal``, the default problem. A preset beside a Distribution
        that is not one takes the moments of that for the parameters it does not name; ``disjoint``
        takes the right piece as `gen`, the left one as `real`, unless told.
    grid : Grid, int, tuple or text, optional
        Of two presets: by default 1024 cells (128 x 128).
    domain : text or pairs of numbers, optional
        Of two presets: by default the domain of `real`.

    Returns
    -------
    real, gen : Distribution

    Examples
    --------
    >>> real, gen = problem()
    >>> round(float((gen.mass / real.mass).min()), 4)
    0.2977
    """
    real = DEFAULT_REAL if real is None else real
    gen = DEFAULT_GEN if gen is None else gen
    given = [source for source in (real, gen) if isinstance(source, Distribution)]
    if given:
        if domain is not None or (grid is not None and not isinstance(grid, Grid)):
            raise InputError(
                "grid and domain are those of the distribution given.",
                argument="grid",
                fix="Leave them out.",
            )
        grid = given[0].grid if grid is None else grid
        for source in given:
            if not source.grid.same_as(grid):
                raise InputError(
                    f"real and gen must live on one grid, got {source.grid.describe()} "
                    f"and {grid.describe()}.",
                    argument="grid",
                    fix="Make both on the same Grid.",
                )
    else:
        real = resolved(real)
        family_of(real)
        if isinstance(grid, Grid) and domain is not None:
            raise InputError(
                "grid is a Grid, which has a domain.", argument="domain", fix="Leave domain out."
            )
        if not isinstance(grid, Grid):
            grid = default_grid(real, grid, domain)
    if not isinstance(real, Distribution):
        real = preset(_beside(real, gen), grid)
    if not isinstance(gen, Distribution):
        gen = generator(_beside(gen, real), real)
    return real, gen


def defaults(algorithms=()):
    """The names of the default problem: of y given x where all `algorithms` are conditional.

    Examples
    --------
    >>> defaults(["glgd"]), defaults(["conditional"])
    (('bimodal', 'normal'), ('fork', 'independent'))
    """
    joint = set(algorithms) == {"conditional"}
    return (JOINT_REAL, JOINT_GEN) if joint else (DEFAULT_REAL, DEFAULT_GEN)


def generator(name, real):
    """The preset `name` on the grid of `real`, in the role of the generator.

    Here ``near-real`` and ``independent`` are known, and ``disjoint`` takes the right piece unless
    told.
    """
    spec = resolved(name)
    if spec.name in RELATIVE:
        return RELATIVE[spec.name](real, spec)
    return preset(in_role(name, "gen"), real.grid)


def is_preset(source):
    """Whether a source is a preset: its text, or None for that of the default problem."""
    return source is None or (isinstance(source, (str, Spec)) and _given(source).name in PRESETS)


def in_role(name, role):
    """The preset `name` as `real` or as `gen`: what a role decides."""
    if role == "gen" and resolved(name).name == "disjoint" and "side" not in _given(name).options:
        return resolved(name, side="right")
    return resolved(name)


def matched(name, values, weights=None):
    """A preset whose unset parameters are matched to the moments of data.

    Mean and standard deviation (``normal``, ``laplace``, ``student-t`` at its df), mean
    (``poisson``), mean and variance (``beta``), the range (``uniform``); ``bimodal`` without any
    parameter is fitted by maximum likelihood (`_two_gaussians`). Other presets stay as they are.

    Parameters
    ----------
    name : str or Spec
    values : ndarray, shape (n,)
    weights : ndarray, shape (n,), optional

    Returns
    -------
    spec : Spec
    is_matched : bool
        Whether a parameter was taken from the data.

    Examples
    --------
    >>> str(matched("poisson", np.array([1.0, 2.0, 6.0]))[0])
    'poisson:rate=3'
    """
    spec = resolved(name)
    given = _given(name).options
    unset = [key for key in spec.options if key not in given]
    match = FAMILIES[spec.name].match if spec.name in FAMILIES else None
    if match is None or not unset:
        return spec, False
    weights = np.ones(len(values)) if weights is None else weights
    found = match(spec.options, unset, np.asarray(values, dtype=float), weights / weights.sum())
    found = {key: _tidy(value) for key, value in found.items() if key in unset}
    return Spec(spec.name, {**spec.options, **found}), bool(found)


def draw(name, n, rng=None):
    """Samples of a preset.

    Parameters
    ----------
    name : str or Spec
    n : int
    rng : None, int or numpy.random.Generator
        0 is a seed.

    Returns
    -------
    ndarray, shape (n, columns)

    Examples
    --------
    >>> draw("ring8:drop=4", 3, rng=0).shape
    (3, 2)
    """
    spec = resolved(name)
    n = check_integer("n", n, minimum=1)
    values = family_of(spec).sample(spec.options, n, np.random.default_rng(rng))
    return np.asarray(values, dtype=np.float64).reshape(n, -1)


def default_grid(name, grid=None, domain=None):
    """The cells of a preset: 1024, 128x128 or counts on its own domain, unless told.

    Examples
    --------
    >>> default_grid("poisson").describe()
    '20 counts 0..19'
    """
    spec = resolved(name)
    family = family_of(spec)
    words = broadcast_words("auto" if grid is None else grid, family.columns)
    own = np.broadcast_to(family.domain(spec.options), (family.columns, 2)).tolist()
    grids = []
    ends_of = zip(words, check_domain(domain, family.columns), own, strict=True)
    for word, ends, (own_low, own_high) in ends_of:
        low, high = (own_low, own_high) if ends is None else ends
        if word == "categories":
            raise InputError(
                f"{spec.name} has no categories.", argument="grid", fix="Write a number of cells."
            )
        if word == "counts" or (word == "auto" and family.is_counting):
            grids.append(Grid.counts(math.ceil(low), math.floor(high)))
            continue
        if family.is_counting and ends is None:
            low, high = low - 0.5, high + 0.5
        grids.append(Grid.regular(CELLS[family.columns] if word == "auto" else word, low, high))
    product = Grid.product(*grids)
    if not family.names:
        return product
    return Grid(product.edges, family.names, [axis.kind for axis in product.axes])


def columns(name):
    """Number of columns of a preset; None for one that has those of the reference."""
    spec = resolved(name)
    return FAMILIES[spec.name].columns if spec.name in FAMILIES else None


def resolved(name, **parameters):
    """The preset with all its parameters, as `spec.resolve` reads it."""
    if not isinstance(name, (str, Spec)):
        raise InputTypeError(
            "a source must be a preset's name or a Distribution, got "
            f"{name if isinstance(name, (int, float)) else type(name).__name__}.",
            argument="real",
            fix='Pass "normal:mean=0,sd=1.2", say, or Distribution.from_samples(samples, grid).',
        )
    return resolve(name, PRESETS, "preset", "ratiogan list presets", **parameters)


def label(spec):
    """The canonical text of a resolved preset, without what does not shape the distribution."""
    shape = {
        key: value
        for key, value in spec.options.items()
        if key != "n" and not (isinstance(value, (tuple, str)) and value in ((), "none"))
    }
    return str(Spec(spec.name, shape))


def _given(name):
    return name if isinstance(name, Spec) else parse(name)


def family_of(spec):
    """The `Family` of a resolved preset."""
    if spec.name not in FAMILIES:
        raise InputError(
            f"{spec.name} is a generator relative to the reference: it cannot stand alone.",
            argument="real",
            fix=f"Use it as gen: --gen {spec.name}.",
        )
    return FAMILIES[spec.name]


def _beside(name, other):
    """The preset `name`, matched to `other` if that is a distribution of data."""
    if not isinstance(other, Distribution) or other.kind == "preset" or other.grid.ndim != 1:
        return name
    given, (spec, is_matched) = _given(name), matched(name, other.grid.centres[0], other.mass)
    # Pass on only what was found: what a role decides (`disjoint`) must still count as unset.
    return spec if is_matched else given


def _near_real(real, spec):
    """p_r (1 + amount wave): the wave is sin(2 pi waves F), F the cdf of p_r at mid-cell.

    With several axes it is the product of the axes' waves, F their marginal cdfs. Its mean under
    p_r is subtracted, so that the masses add up to 1, and |wave| <= 1 up to that mean.
    """
    amount = check_number("amount", spec.options["amount"])
    if not abs(amount) < 1:
        raise InputError(f"amount must lie between -1 and 1, got {amount:g}.", argument="amount")
    turns = 2 * math.pi * check_positive("waves", spec.options["waves"])
    ndim, wave = real.grid.ndim, 1.0
    for i in range(ndim):
        marginal = real.mass.sum(axis=tuple(j for j in range(ndim) if j != i))
        phase = np.cumsum(marginal)
        phase -= 0.5 * marginal
        phase *= turns
        np.sin(phase, out=phase)
        wave = wave * phase.reshape([-1 if j == i else 1 for j in range(ndim)])
    wave -= np.vdot(real.mass, wave)
    if np.abs(wave[real.mass > 0]).max() < 1e-6:
        raise InputError(
            f"the wave of near-real vanishes on {real.grid.describe()}.",
            argument="waves",
            fix="Pass other waves, for example near-real:waves=1.",
        )
    wave *= amount
    wave += 1.0
    wave *= real.mass
    if wave.min() < 0:
        raise InputError(
            f"amount {amount:g} makes near-real negative on {real.grid.describe()}.",
            argument="amount",
            fix="Pass one closer to 0.",
        )
    wave.flags.writeable = False
    return Distribution(real.grid, wave, label=label(spec), kind="preset", outside=real.outside)


def _independent(real, spec):
    """p_r(x) p_r(y), x the first axis and y all others: both marginals are exact."""
    if real.grid.ndim < 2:
        raise InputError(
            f"independent has the marginals of x and y, and p_r has {_columns(1)}.",
            argument="gen",
            fix="Pass a real with two, for example fork.",
        )
    rows = real.mass.reshape(real.grid.shape[0], -1)
    mass = np.outer(rows.sum(axis=1), rows.sum(axis=0)).reshape(real.grid.shape)
    mass /= mass.sum()
    mass.flags.writeable = False
    return Distribution(real.grid, mass, label=label(spec), kind="preset", outside=real.outside)


def _columns(count):
    return f"{count} column{'' if count == 1 else 's'}"


def _numbers(name, value):
    """A parameter that is a number or several, as a tuple of floats."""
    values = value if isinstance(value, (tuple, list, np.ndarray)) else (value,)
    return tuple(check_number(name, item) for item in values)


# ---- cell masses ---------------------------------------------------------------------------------


def _gaussian_mixture(grid, centres, sd, shares):
    """Masses of a mixture of isotropic Gaussians, and what lies outside.

    Parameters
    ----------
    centres : ndarray, shape (K, ndim)
    sd : float
    shares : ndarray, shape (K,)
    """
    if grid.ndim == 1:
        mass, outside = np.zeros(grid.size), 0.0
        for (centre,), share in zip(centres, shares, strict=True):
            _add_gaussian(grid.axes[0], centre, sd, share, mass)
            outside += share * _gaussian_outside(grid.axes[0], centre, sd)
        return mass, outside
    tables = [np.zeros((len(shares), axis.size)) for axis in grid.axes]
    inside = np.zeros(len(shares))
    for k, centre in enumerate(centres):
        for axis, position, table in zip(grid.axes, centre, tables, strict=True):
            _add_gaussian(axis, position, sd, 1.0, table[k])
            inside[k] += math.log1p(-min(_gaussian_outside(axis, position, sd), 1 - 1e-16))
    # Mode after mode, a block of rows at a time: what a cell holds does not depend on the others,
    # as it might in a matrix product.
    mass = np.zeros(grid.shape)
    step = max(1, _BLOCK // grid.axes[1].size)
    for first in range(0, grid.axes[0].size, step):
        rows = slice(first, first + step)
        for share, along, across in zip(shares, *tables, strict=True):
            mass[rows] += (share * along[rows, np.newaxis]) * across
    return mass, float(-(np.asarray(shares) @ np.expm1(inside)))


def _gaussian_outside(axis, mean, sd):
    below = math.erfc((mean - axis.edges[0]) / sd * _SQRT_HALF)
    above = math.erfc((axis.edges[-1] - mean) / sd * _SQRT_HALF)
    return 0.5 * (below + above)


def _add_gaussian(axis, mean, sd, share, mass):
    """Add `share` times the cell masses of N(mean, sd^2) to `mass`, block by block.

    A cell of width h at z, in units of sd, holds phi(z) h (1 + He2(z) h^2/24 + He4(z) h^4/1920 +
    He6(z) h^6/322560 + ...). Where h <= 0.05 and h |z| <= 0.1 the series stops there to 1e-16:
    faster than two error functions and, for narrow cells, free of their cancellation. Elsewhere
    the mass is a difference of the tail areas on the cell's own side of the mean. With a column of
    means (K, 1), and of shares, `mass` has a row for each.
    """
    for start in range(0, axis.size, _BLOCK):
        edges = axis.edges[start : start + _BLOCK + 1]
        out = mass[..., start : start + _BLOCK]
        z = edges[:-1] + edges[1:]
        z *= 0.5
        z = z - mean
        z /= sd
        h = (np.diff(edges) if axis.width is None else axis.width) / sd
        square, h2 = z * z, h * h
        narrow = (square * h2 <= 0.01) & (h <= 0.05)
        wide = ~narrow & (np.abs(z) <= 39 + h)
        series = ((square - 15) * square + 45) * square - 15
        series *= h2 / 322560
        series += ((square - 6) * square + 3) / 1920
        series *= h2
        series += (square - 1) / 24
        series *= h2
        series += 1
        square *= -0.5
        series *= np.exp(square, out=square)
        series *= h * (share / math.sqrt(2 * math.pi))
        if not narrow.all():
            series[~narrow] = 0.0
            ends = (edges - mean) / (sd * math.sqrt(2))
            lows, highs = ends[..., :-1][wide].tolist(), ends[..., 1:][wide].tolist()
            areas = [_gaussian_cell(low, high) for low, high in zip(lows, highs, strict=True)]
            series[wide] = np.broadcast_to(share, series.shape)[wide] * areas
        out += series


def _gaussian_cell(low, high):
    """P(low < Z sqrt(1/2) < high) for a standard normal Z, accurate in both tails."""
    if low >= 0:
        return 0.5 * (math.erfc(low) - math.erfc(high))
    if high <= 0:
        return 0.5 * (math.erfc(-high) - math.erfc(-low))
    return 0.5 * (math.erf(high) - math.erf(low))


def _symmetric(grid, centre, scale, tail):
    """Masses of a law symmetric about `centre` from its upper tail area in units of `scale`."""
    z = (grid.edges[0] - centre) / scale
    area = tail(np.abs(z))
    mass = np.abs(np.diff(area))
    across = np.flatnonzero((z[:-1] < 0) & (z[1:] > 0))
    mass[across] = 1 - area[across] - area[across + 1]
    below = area[0] if z[0] < 0 else 1 - area[0]
    above = area[-1] if z[-1] > 0 else 1 - area[-1]
    return mass, float(below + above)


def _interval(grid, low, high):
    """Masses of the uniform law on low..high."""
    overlap = np.clip(grid.edges[0], low, high)
    mass = np.diff(overlap)
    mass /= high - low
    return mass, max(0.0, 1 - float(overlap[-1] - overlap[0]) / (high - low))


# ---- the families --------------------------------------------------------------------------------


def _normal_parameters(o):
    return check_number("mean", o["mean"]), check_positive("sd", o["sd"])


def _normal_domain(o):
    mean, sd = _normal_parameters(o)
    return mean - 5 * sd, mean + 5 * sd


def _normal_masses(grid, o):
    mean, sd = _normal_parameters(o)
    return _gaussian_mixture(grid, ((mean,),), sd, (1.0,))


def _normal_sample(o, n, rng):
    return rng.normal(*_normal_parameters(o), size=n)


def _moments(values, weights):
    mean = float(weights @ values)
    sd = math.sqrt(float(weights @ (values - mean) ** 2))
    if sd <= 1e-12 * abs(mean):
        raise InputError(
            f"all values are equal ({mean:g}): no preset can be matched to them.",
            argument="gen",
            fix="Give its parameters.",
        )
    return (mean if abs(mean) > 1e-12 * sd else 0.0), sd


def _tidy(value):
    """Twelve figures: what summation leaves behind them is not worth printing."""
    if isinstance(value, tuple):
        return tuple(_tidy(item) for item in value)
    return float(f"{value:.12g}")


def _normal_match(o, unset, values, weights):
    mean, sd = _moments(values, weights)
    return {"mean": mean, "sd": sd}


def _ends(o):
    low, high = check_number("low", o["low"]), check_number("high", o["high"])
    if not low < high:
        raise InputError(f"low must be below high, got {low:g} and {high:g}.", argument="low")
    return low, high


def _uniform_match(o, unset, values, weights):
    present = values[weights > 0]
    return {"low": float(present.min()), "high": float(present.max())}


def _scaled(o):
    return check_number("mean", o["mean"]), check_positive("scale", o["scale"])


def _laplace_domain(o):
    mean, scale = _scaled(o)
    return mean - 12 * scale, mean + 12 * scale


def _laplace_masses(grid, o):
    return _symmetric(grid, *_scaled(o), lambda z: 0.5 * np.exp(-z))


def _laplace_match(o, unset, values, weights):
    mean, sd = _moments(values, weights)
    return {"mean": mean, "scale": sd / math.sqrt(2)}


def _student_domain(o):
    mean, scale = _scaled(o)
    return mean - 20 * scale, mean + 20 * scale


def _student_masses(grid, o):
    from scipy.special import stdtr

    df = check_positive("df", o["df"])
    return _symmetric(grid, *_scaled(o), lambda z: stdtr(df, -z))


def _student_sample(o, n, rng):
    mean, scale = _scaled(o)
    return mean + scale * rng.standard_t(check_positive("df", o["df"]), size=n)


def _student_match(o, unset, values, weights):
    mean, sd = _moments(values, weights)
    df = check_positive("df", o["df"])
    if df <= 2:
        raise InputError(
            f"student-t with df={df:g} has no variance to match.",
            argument="df",
            fix="Give mean and scale, or df above 2.",
        )
    return {"mean": mean, "scale": sd * math.sqrt((df - 2) / df)}


def _beta_parameters(o):
    return check_positive("a", o["a"]), check_positive("b", o["b"])


def _beta_masses(grid, o):
    from scipy.special import betainc

    a, b = _beta_parameters(o)
    edges = np.clip(grid.edges[0], 0.0, 1.0)
    lower, upper = betainc(a, b, edges), betainc(b, a, 1.0 - edges)
    # Each difference on the side where both areas are small.
    mass = np.where(edges[1:] <= a / (a + b), np.diff(lower), -np.diff(upper))
    return mass, float(lower[0] + upper[-1])


def _beta_match(o, unset, values, weights):
    mean, sd = _moments(values, weights)
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"beta lives on 0:1, the data run from {values.min():g} to {values.max():g}.",
            argument="gen",
            fix="Rescale them, or give a and b.",
        )
    total = mean * (1 - mean) / sd**2 - 1
    if total <= 0:
        raise InputError(
            "beta cannot have the moments of data that are only 0 and 1.",
            argument="gen",
            fix="Give a and b.",
        )
    return {"a": mean * total, "b": (1 - mean) * total}


def _poisson_domain(o):
    rate = check_positive("rate", o["rate"])
    reach = 6 * math.sqrt(rate) + 5
    return max(0, math.floor(rate - reach)), math.ceil(rate + reach)


def _poisson_masses(grid, o):
    """Point masses, each in the cell that holds the integer; beyond `reach` they underflow."""
    rate = check_positive("rate", o["rate"])
    reach = 40 * math.sqrt(rate)
    first = max(0, math.floor(rate - reach))
    values = range(first, math.ceil(rate + reach) + 200)
    log_rate = math.log(rate)
    mass = np.exp([k * log_rate - rate - math.lgamma(k + 1) for k in values])
    cell = grid.axes[0].locate(np.array(values, dtype=np.float64))
    inside = cell >= 0
    return np.bincount(cell[inside], mass[inside], grid.size), float(mass[~inside].sum())


def _poisson_match(o, unset, values, weights):
    if values.min() < 0:
        raise InputError(
            f"poisson has no negative values, the data reach {values.min():g}.",
            argument="gen",
            fix="Give a rate, or another preset.",
        )
    return {"rate": _moments(values, weights)[0]}


def _bimodal_parameters(o):
    means = _numbers("means", o["means"])
    shares = _numbers("weights", o["weights"])
    if len(means) != len(shares):
        raise InputError(
            f"bimodal has {len(means)} means and {len(shares)} weights.",
            argument="weights",
            fix="Give as many of both.",
        )
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise InputError(
            f"weights must be above 0 and add up to 1, got {'/'.join(f'{s:g}' for s in shares)}.",
            argument="weights",
        )
    return means, check_positive("sd", o["sd"]), shares


def _bimodal_domain(o):
    means, sd, _ = _bimodal_parameters(o)
    return outward(min(means) - 3.5 * sd, max(means) + 3.5 * sd, parts=10)


def _bimodal_masses(grid, o):
    means, sd, shares = _bimodal_parameters(o)
    return _gaussian_mixture(grid, [(mean,) for mean in means], sd, shares)


def _bimodal_sample(o, n, rng):
    means, sd, shares = _bimodal_parameters(o)
    mode = rng.choice(len(means), size=n, p=np.array(shares) / sum(shares))
    return rng.normal(np.array(means)[mode], sd)


def _bimodal_match(o, unset, values, weights):
    return _two_gaussians(values, weights) if {"means", "sd", "weights"} <= set(unset) else {}


def _two_gaussians(values, weights):
    """Two Gaussians of one sd by EM, from mean -+ sd, on at most 1000 cells of the range.

    Stops when no parameter moves by 1e-8 sd any more, or after 1000 rounds. The common sd is kept
    above 1/1000 of that of the data, where the likelihood of two repeated values has no maximum.
    """
    mean, sd = _moments(values, weights)
    low, high = float(values.min()), float(values.max())
    cell = np.minimum((values - low) * (1000 / (high - low)), 999).astype(np.int64)
    share = np.bincount(cell, weights)
    y = np.bincount(cell, weights * values)[share > 0] / share[share > 0]
    share = share[share > 0]
    means, width, first = np.array([mean - sd, mean + sd]), 0.6 * sd, 0.5
    for _ in range(1000):
        # Log odds of the second Gaussian against the first.
        odds = math.log((1 - first) / first) + (means[1] - means[0]) * (y - means.mean()) / width**2
        second = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
        weight = np.array([share @ (1 - second), share @ second])
        if weight.min() < 1e-12:
            break
        moved = np.array([share @ ((1 - second) * y), share @ (second * y)]) / weight
        spread = share @ ((1 - second) * (y - moved[0]) ** 2 + second * (y - moved[1]) ** 2)
        step = max(np.abs(moved - means).max(), abs(math.sqrt(spread) - width))
        means, width, first = moved, max(math.sqrt(spread), 1e-3 * sd), float(weight[0])
        if step < 1e-8 * sd:
            break
    return {
        "means": tuple(means.tolist()),
        "sd": float(width),
        "weights": (first, 1 - first),
    }


def _mode_shares(o, count):
    """Shares of `count` modes, equal but for those left out and those thinned."""
    shares = np.ones(count)
    for key, factor in (("drop", 0.0), ("thin", THINNED)):
        numbers = () if o[key] == "none" else _numbers(key, o[key])
        for number in numbers:
            if number != int(number) or not 1 <= number <= count:
                raise InputError(
                    f"{key} must name modes 1 to {count}, got {number:g}.", argument=key
                )
            shares[int(number) - 1] *= factor
    if not shares.any():
        raise InputError("drop leaves no mode.", argument="drop", fix="Keep one.")
    return shares / shares.sum()


def _ring_modes(o):
    count = check_integer("modes", o["modes"], minimum=1)
    angle = 2 * math.pi * np.arange(count) / count
    radius, sd = check_positive("radius", o["radius"]), check_positive("sd", o["sd"])
    centres = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return centres, sd, _mode_shares(o, count), radius


def _square_modes(o):
    side = check_integer("side", o["side"], minimum=1)
    spacing, sd = check_positive("spacing", o["spacing"]), check_positive("sd", o["sd"])
    line = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.array([(x, y) for y in line[::-1] for x in line])
    return centres, sd, _mode_shares(o, side * side), float(line[-1])


def _modes_family(modes):
    """The family of a 2-D mixture; its domain is 10 sd wider than the outermost centres."""

    def domain(o):
        _, sd, _, reach = modes(o)
        return -reach - 10 * sd, reach + 10 * sd

    def masses(grid, o):
        return _gaussian_mixture(grid, *modes(o)[:3])

    def sample(o, n, rng):
        centres, sd, shares, _ = modes(o)
        return rng.normal(centres[rng.choice(len(shares), size=n, p=shares)], sd)

    return Family(domain, masses, sample, columns=2)


def _pieces(o):
    """The piece of `disjoint` and the domain that holds both."""
    side = check_choice("side", o["side"], ("left", "right"))
    gap, width = check_positive("gap", o["gap"]), check_positive("width", o["width"])
    near, far = gap / 2, gap / 2 + width
    return ((-far, -near) if side == "left" else (near, far)), (-far, far)


def _fork_parameters(o):
    return check_number("spread", o["spread"]), check_positive("sd", o["sd"])


def _fork_domain(o):
    spread, sd = _fork_parameters(o)
    reach = abs(spread) + 2.4 * sd
    return (0.0, 1.0), (-reach, reach)


def _fork_masses(grid, o):
    """The masses of y|x are exact for every x; over a cell of x Gauss-Legendre takes their mean."""
    spread, sd = _fork_parameters(o)
    along, across = grid.axes
    nodes, weights = np.polynomial.legendre.leggauss(5)
    mass, inside = np.zeros(grid.shape), 0.0
    edges = np.clip(along.edges, 0.0, 1.0)
    for row, low, high in zip(mass, edges[:-1], edges[1:], strict=True):
        if low == high:
            continue
        x = 0.5 * (low + high + nodes * (high - low))
        centres = spread * np.concatenate([-x, x])[:, np.newaxis]
        shares = 0.25 * (high - low) * np.concatenate([weights, weights])[:, np.newaxis]
        parts = np.zeros((shares.size, across.size))
        _add_gaussian(across, centres, sd, shares, parts)
        row += parts.sum(axis=0)
        inside += sum(
            share * (1.0 - _gaussian_outside(across, centre, sd))
            for centre, share in zip(centres.ravel().tolist(), shares.ravel().tolist(), strict=True)
        )
    return mass, max(0.0, 1.0 - inside)


def _fork_sample(o, n, rng):
    spread, sd = _fork_parameters(o)
    x = rng.uniform(size=n)
    y = rng.normal(spread * x * rng.choice((-1.0, 1.0), size=n), sd)
    return np.column_stack([x, y])


FAMILIES = {
    "normal": Family(_normal_domain, _normal_masses, _normal_sample, _normal_match),
    "uniform": Family(
        _ends,
        lambda grid, o: _interval(grid, *_ends(o)),
        lambda o, n, rng: rng.uniform(*_ends(o), size=n),
        _uniform_match,
    ),
    "laplace": Family(
        _laplace_domain,
        _laplace_masses,
        lambda o, n, rng: rng.laplace(*_scaled(o), size=n),
        _laplace_match,
    ),
    "student-t": Family(_student_domain, _student_masses, _student_sample, _student_match),
    "beta": Family(
        lambda o: (0.0, 1.0),
        _beta_masses,
        lambda o, n, rng: rng.beta(*_beta_parameters(o), size=n),
        _beta_match,
    ),
    "poisson": Family(
        _poisson_domain,
        _poisson_masses,
        lambda o, n, rng: rng.poisson(check_positive("rate", o["rate"]), size=n),
        _poisson_match,
        is_counting=True,
    ),
    "bimodal": Family(_bimodal_domain, _bimodal_masses, _bimodal_sample, _bimodal_match),
    "ring8": _modes_family(_ring_modes),
    "grid25": _modes_family(_square_modes),
    "fork": Family(_fork_domain, _fork_masses, _fork_sample, columns=2, names=("x", "y")),
    "disjoint": Family(
        lambda o: _pieces(o)[1],
        lambda grid, o: _interval(grid, *_pieces(o)[0]),
        lambda o, n, rng: rng.uniform(*_pieces(o)[0], size=n),
    ),
}

# Generators that take their shape from the reference.
RELATIVE = {"near-real": _near_real, "independent": _independent}
