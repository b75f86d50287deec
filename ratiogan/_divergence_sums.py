"""The divergences that share one pass over the masses and two logarithms per cell (nats)."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np

from ratiogan._jit import kernel, wide_vectors
from ratiogan._vmath import log_excesses
from ratiogan.errors import InputError

# What one pass over the masses yields, in the order of its columns.
CORE = (
    "kl-gen-real",
    "kl-real-gen",
    "jsd",
    "jeffreys",
    "tv",
    "hellinger2",
    "chi2-pearson",
    "chi2-neyman",
    "triangular",
)

_CHUNK = 4096  # cells per partial sum, whatever the number of threads
_SHIFT = 64  # masses are worked on times 2^64, so that the inverse of the smallest one is finite
_SMALL = 1e-40  # a cell with a smaller share of the mass is worked with in no hurry
_DOWN = 2.0**-_SHIFT
_ONE = 64 * np.finfo(float).eps  # a sum this near 1 is that of normalised masses
_LARGEST = {"jsd": np.log(2.0), "tv": 1.0, "hellinger2": 1.0, "triangular": 2.0}


def divergence_sums(gen, real, threads=1):
    """All divergences of `CORE` at once, for one pair of distributions or many (nats).

    Parameters
    ----------
    gen, real : array (B, K) or (K,)
        Cell masses or counts of p_g and p_r; every row is divided by its own sum (one within
        64 eps of 1 is taken as 1). A single row is paired with all rows of the other.
    threads : int
        The result does not depend on it.

    Returns
    -------
    array (B, len(CORE))
        KL(p_g||p_r), KL(p_r||p_g), JSD, Jeffreys, TV, H^2, Pearson's and Neyman's chi^2,
        triangular discrimination; ``inf`` where mass of one lies where the other has none. A row
        with NaN is NaN throughout. Round-off beyond the largest value (log 2 for JSD, 1 for TV
        and H^2, 2 for triangular) is taken off.

    Raises
    ------
    InputError
        For other shapes, negative or infinite masses, or a row without mass.

    Notes
    -----
    With t = (p_g - p_r)/(p_g + p_r) every summand is a function of t, 1+t and 1-t that vanishes
    with t^2: nothing cancels near R = 1, and divergences of 1e-20 have all their digits. The two
    logarithms log(1+t), log(1-t) serve all rows. Where R or 1/R is beyond 1e308, masses below
    1e-308 of the other's leave the KL 7 digits.

    Examples
    --------
    >>> kl, _, jsd = divergence_sums([0.5, 0.5], [0.25, 0.75])[0, :3]
    >>> round(kl, 6), round(jsd, 6)
    (np.float64(0.143841), np.float64(0.033822))
    """
    gen, real = _rows("gen", gen), _rows("real", real)
    _check_shapes(gen, real)
    parts = _sums_of_one(gen, real, threads)
    if parts is not None:
        return _finish(parts)
    gen, real, gen_sums, real_sums, gap, is_full = _pair(gen, real)
    close = np.isfinite(gap)
    shift = _SHIFT - np.frexp(gen_sums)[1] - np.frexp(real_sums)[1]
    scales = np.stack([real_sums, gen_sums, np.where(close, gap, 0.0)], axis=1)
    scales = np.ldexp(scales, shift[:, None])
    chunks = -(-gen.shape[1] // _CHUNK)
    parts = np.zeros((gen_sums.size, chunks, _COLUMNS))
    work = _sums_kernel(is_full)
    _over_units(parts.shape[0] * chunks, threads, work, gen, real, scales, close, parts)
    return _finish(parts.sum(axis=1) / np.ldexp(gen_sums * real_sums, shift)[:, None])


def _pair(gen, real):
    """Checked masses, the sums of their rows, and the gap between these, N_r - N_g.

    Sums that are 1 up to round-off are given as 1. The gap is NaN where one sum is more than 1.5
    times the other. Also whether all masses are well above 0.
    """
    gen, gen_sums, gen_full = _summed("gen", gen)
    real, real_sums, real_full = _summed("real", real)
    gen_sums, real_sums = np.broadcast_arrays(gen_sums, real_sums)
    plain = (np.abs(gen_sums - 1.0) <= _ONE) & (np.abs(real_sums - 1.0) <= _ONE)
    # Cell by cell: the sums themselves are rounded, and their difference is that rounding.
    gap = np.empty(gen_sums.size)
    _gaps(gen, real, gap)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where(np.abs(gap) <= 0.5 * np.minimum(gen_sums, real_sums), gap, np.nan)
    gen_sums, real_sums = np.where(plain, 1.0, gen_sums), np.where(plain, 1.0, real_sums)
    return gen, real, gen_sums, real_sums, gap, bool(gen_full and real_full)


def _sums_of_one(gen, real, threads):
    """The kernel's sums for one pair that is normalised and has no empty cells, else None.

    What tells is summed in the same pass: reading large masses once more costs a tenth.
    """
    if gen.shape[0] * real.shape[0] > 1 or not (0 < gen[0, 0] < 1 and 0 < real[0, 0] < 1):
        return None  # counts, mostly
    chunks = -(-gen.shape[1] // _CHUNK)
    parts = np.zeros((1, chunks, _COLUMNS))
    scales, close = np.array([[2.0**_SHIFT, 2.0**_SHIFT, 0.0]]), np.array([False])
    _over_units(chunks, threads, _sums_kernel(True), gen, real, scales, close, parts)
    sums = parts.sum(axis=1) / 2.0**_SHIFT
    both, ahead = sums[0, _TOTALS:].tolist()
    # An empty cell, or one too small for a hurry, makes a chi^2 huge; a negative one, or NaN, NaN.
    well = sums[0, :_TOTALS].max() < _DOWN / _SMALL
    # Next to a tiny difference the rounding of the sums shows.
    well = well and (ahead == 0 or sums[0, _TRIANGULAR] > 1e-6)
    return sums if well and abs(both - 2.0) <= _ONE and abs(ahead) <= _ONE else None


def _raised(chi2):
    with np.errstate(over="ignore"):  # above 1.8e308 it is inf
        return chi2 * (2.0 / _DOWN)


def normalised(gen, real):
    """Both as (B, K) arrays whose rows have the sum 1, and (p_gen - p_real)/p_real.

    Checked as in `divergence_sums`; the last is accurate where gen and real are close.
    """
    gen, real = _rows("gen", gen), _rows("real", real)
    _check_shapes(gen, real)
    gen, real, *columns, _ = _pair(gen, real)
    gen_sums, real_sums, gap = (column[:, None] for column in columns)
    p_gen, p_real = gen / gen_sums, real / real_sums
    with np.errstate(all="ignore"):
        close = ((gen - real) * real_sums + real * gap) / (real * gen_sums)
        return p_gen, p_real, np.where(np.abs(close) < 0.5, close, (p_gen - p_real) / p_real)


def _check_shapes(gen, real):
    rows = {gen.shape[0], real.shape[0]}
    if gen.shape[1] != real.shape[1] or len(rows - {1}) > 1:
        raise InputError(
            f"gen has the shape {gen.shape} and real {real.shape}: both need the same cells, and "
            "the same rows or one.",
            argument="gen",
            fix="Pass masses of shape (K,) or (B, K).",
        )


def _rows(name, masses):
    """Masses as (B, K) float64, C-ordered."""
    array = np.asarray(masses)
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind not in "buif":
        raise InputError(
            f"{name} must be an array of numbers of shape (K,) or (B, K), got {array.dtype} of "
            f"shape {array.shape}.",
            argument=name,
        )
    return np.ascontiguousarray(np.atleast_2d(array), dtype=np.float64)


def _summed(name, masses):
    """The masses, scaled by a power of two if their sums are out of the ordinary, and the sums.

    Also whether all masses are well above 0.
    """
    sums = np.empty(masses.shape[0])
    negative, small = np.empty((2, masses.shape[0]), dtype=np.int64)
    _row_sums(masses, sums, negative, small)
    if negative.any():
        row, cell = np.argwhere(masses < 0)[0]
        raise InputError(
            f"{name} has the mass {masses[row, cell]:g} in cell {cell} of row {row}: masses are "
            "not negative.",
            argument=name,
        )
    if np.isinf(sums).any() or (sums == 0).any():
        row = int(np.argmax(np.isinf(sums) | (sums == 0)))
        raise InputError(
            f"{name} has the sum {sums[row]:g} in row {row}: masses need a positive, finite sum.",
            argument=name,
        )
    exponents = np.frexp(sums)[1]
    if np.abs(exponents).max() > 400:
        masses = np.ldexp(masses, -exponents[:, None])
        return masses, np.ldexp(sums, -exponents), False
    return masses, sums, not small.any()


def _over_units(units, threads, work, *arrays):
    """Run a kernel over [0, units) in as many parts as there are threads."""
    threads = max(1, min(int(threads), units))
    if threads == 1:
        work(*arrays, 0, units)
        return
    edges = [units * i // threads for i in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(work, *arrays, *pair) for pair in pairwise(edges)]
        for job in jobs:
            job.result()


def _finish(sums):
    """Columns of `CORE` from the sums of the kernel, with what is infinite."""
    a_of_a, a_of_b, b_of_a, b_of_b, tv, hellinger = sums.T[:6]
    pearson, neyman, triangular, lost, missed = sums.T[6:_TOTALS]
    # Added, not put in place: NaN stays NaN.
    beyond = np.where(lost > 0, np.inf, 0.0)
    short = np.where(missed > 0, np.inf, 0.0)
    # In this order the two change places, to the last bit, when gen and real do.
    kl = triangular - (a_of_a - a_of_b) + beyond
    reverse = triangular - (b_of_b - b_of_a) + short
    columns = {
        "kl-gen-real": kl,
        "kl-real-gen": reverse,
        "jsd": 0.5 * (triangular - (a_of_a + b_of_b)),
        "jeffreys": kl + reverse,
        "tv": 0.5 * tv,
        "hellinger2": 0.5 * hellinger,
        "chi2-pearson": _raised(pearson) + beyond,
        "chi2-neyman": _raised(neyman) + short,
        "triangular": triangular,
    }
    for name, largest in _LARGEST.items():
        value = columns[name]
        columns[name] = np.where(value > largest, largest, value)
    return np.stack([columns[name] for name in CORE], axis=1)


# --- kernels -------------------------------------------------------------------------------------

_COLUMNS = 13
_TRIANGULAR = 8  # its column
_TOTALS = 11  # the first of two columns that say whether the masses are normalised


@kernel
def _row_sums(masses, sums, negative, small):
    wide_vectors()
    for row in range(masses.shape[0]):
        line = masses[row]
        total = 0.0
        below = 0
        near_zero = 0
        for i in range(line.size):
            total += line[i]
            below += 1 if line[i] < 0.0 else 0
            near_zero += 1 if line[i] < _SMALL else 0
        sums[row] = total
        negative[row] = below
        small[row] = near_zero


@kernel
def _gaps(gen, real, gap):
    for row in range(gap.size):
        g = gen[row if gen.shape[0] > 1 else 0]
        r = real[row if real.shape[0] > 1 else 0]
        total = 0.0
        for i in range(g.size):
            total += r[i] - g[i]
        gap[row] = total


@cache
def _sums_kernel(full):
    """The kernel for masses that are all well above 0, where less need be watched, or for any."""

    @kernel
    def partial_sums(gen, real, scales, close, parts, first, last):
        # Units first..last-1; unit = row * chunks + chunk.
        wide_vectors()
        chunks = parts.shape[1]
        for unit in range(first, last):
            row = unit // chunks
            chunk = unit - row * chunks
            g = gen[row if gen.shape[0] > 1 else 0, chunk * _CHUNK : (chunk + 1) * _CHUNK]
            r = real[row if real.shape[0] > 1 else 0, chunk * _CHUNK : (chunk + 1) * _CHUNK]
            of_gen, of_real, gap = scales[row, 0], scales[row, 1], scales[row, 2]
            is_close = close[row]
            a_of_a = a_of_b = b_of_a = b_of_b = 0.0
            tv = hellinger = pearson = neyman = triangular = lost = missed = 0.0
            both = ahead = 0.0
            for i in range(g.size):
                a = g[i] * of_gen
                b = r[i] * of_real
                s = a + b
                # the same difference; near R = 1 the first form has its digits
                d = (g[i] - r[i]) * of_gen + r[i] * gap if is_close else a - b
                inverse = 1.0 / (s if full or s != 0.0 else 1.0)
                t = d * inverse
                twice = 2.0 * inverse
                u = a * twice  # 1 + t
                v = b * twice  # 1 - t
                excess_u, excess_v = log_excesses(u, v, t, not full)
                weighed = s * (t * t)
                a_of_a += a * excess_u
                a_of_b += a * excess_v
                b_of_a += b * excess_u
                b_of_b += b * excess_v
                tv += abs(d)
                triangular += weighed
                product = u * v
                more = 1.0 + np.sqrt(product)
                if full:
                    # one division for three
                    part = weighed / (product * more)
                    hellinger += part * product
                    part = part * more
                    pearson += part * u
                    neyman += part * v
                    both += s
                    ahead += d
                else:
                    hellinger += weighed / more
                    lowered = weighed * _DOWN  # a chi^2 of 1e300 is still a number
                    pearson += lowered / (v if v != 0.0 else 1.0)
                    neyman += lowered / (u if u != 0.0 else 1.0)
                    lost += a if b == 0.0 else 0.0
                    missed += b if a == 0.0 else 0.0
            parts[row, chunk, 0] = a_of_a
            parts[row, chunk, 1] = a_of_b
            parts[row, chunk, 2] = b_of_a
            parts[row, chunk, 3] = b_of_b
            parts[row, chunk, 4] = tv
            parts[row, chunk, 5] = hellinger
            parts[row, chunk, 6] = pearson * (_DOWN if full else 1.0)
            parts[row, chunk, 7] = neyman * (_DOWN if full else 1.0)
            parts[row, chunk, 8] = triangular
            parts[row, chunk, 9] = lost
            parts[row, chunk, 10] = missed
            parts[row, chunk, 11] = both
            parts[row, chunk, 12] = ahead

    return partial_sums
