"""One row of the trace: every number that is recorded about R, in one pass over the cells."""

import math
from functools import cache

import numpy as np

from ratiogan._jit import jit, kernel, wide_vectors
from ratiogan._vmath import as_bits, from_bits, log
from ratiogan.games import (
    discriminator_cost,
    entropy_excess,
    excess,
    signal,
    two_jensen_shannon,
)
from ratiogan.solvers.team import SOLO
from ratiogan.sums import CHUNK, GROUP, chunk_count

INFINITY_BITS = 0x7FF0000000000000
_LARGEST_BITS = 0x7FFFFFFFFFFFFFFF
_SMALLEST_BITS = -0x8000000000000000

# E[weight (u - mean)^2] is the squared norm of the projected gradient; the weight is a combination
# of 1, p_r, R and R^2.
_WEIGHING = {
    "reference": (1.0, 0.0, 0.0, 0.0),
    "lebesgue": (0.0, 1.0, 0.0, 0.0),
    "fisher": (0.0, 0.0, 1.0, 0.0),
    "logits": (0.0, 0.0, 0.0, 1.0),
}
_SUMS = "cost g d kl js2 squares mean_d entropy mean_ra mean_a weight weight_a weight_aa".split()


def measure(game, geometry, ratio, team=SOLO):
    """The trace row of R.

    Parameters
    ----------
    game : Game
    geometry : Geometry
        Its ``masses`` are w; its inner product is that of ``grad_norm``.
    ratio : array (N,)
        R on the cells with p_r > 0.
    team : Team
        The threads that share the work.

    Returns
    -------
    dict of str to float
        ``cost`` E[Phi]-Phi(1), ``g`` E[R u], ``d`` E[l_r(f*)] + E[R l_g(f*)], ``kl``
        KL(p_g||p_r), ``js`` JSD, ``max_error`` max|R-1|, ``rms_error`` sqrt E[(R-1)^2],
        ``min_ratio``, ``max_ratio``, ``mean_ratio`` E[R], ``effective_support`` exp(entropy of the
        cell masses of p_g), ``grad_norm`` of the projected gradient, and ``gap_bound``
        Cov(R, u) >= E[Phi(R)] - Phi(1) (convex games).
    """
    if game.kernel is None:
        w = geometry.masses
        p = geometry.density if geometry.name == "lebesgue" else w
        sums, extremes = _plain_sums(game, geometry.name, ratio, w, p)
    else:
        sums, extremes = totals(*chunk_sums(game, geometry, ratio, team))
    return row_of(geometry.name, sums, extremes)


def chunk_sums(game, geometry, ratio, team):
    """What a row of the trace is made of: sums and extremes of every chunk, for `totals`."""
    w = geometry.masses
    p = geometry.density if geometry.name == "lebesgue" else w
    parts, bits = _allocate(chunk_count(ratio.size))
    compiled = _compiled(game, geometry.name)

    def work(chunks, cells):
        compiled(ratio[cells], w[cells], p[cells], CHUNK, parts[chunks], bits[chunks])

    team.over_chunks(work, ratio.size)
    return parts, bits


def row_of(name, sums, extremes):
    """The trace row of a geometry's total sums and its extremes."""
    total = dict(zip(_SUMS, (float(x) for x in sums), strict=True))
    return _named(name, total, *map(float, extremes), math)


def measure_rows(game, name, ratio, masses, density, team=SOLO):
    """As `measure`, for every row of R on its own.

    Parameters
    ----------
    game : Game
    name : str
        The geometry.
    ratio, masses, density : array (B, N)
        R, w and, for `lebesgue`, p_r, row by row. The weights of a row add up to 1; cells of
        weight 0 add nothing.
    team : Team

    Returns
    -------
    dict of str to array (B,)
        The keys of `measure`, and ``entropy``, sum q log q over the masses q = w R.
    """
    if game.kernel is None:
        rows = zip(ratio, masses, density, strict=True)
        found = [_plain_sums(game, name, *row) for row in rows]
        parts = np.array([sums for sums, _ in found])
        low, high, largest = np.array([extremes for _, extremes in found]).T
    else:
        parts, bits = _allocate(len(ratio))
        compiled = _compiled(game, name)
        width = ratio.shape[1]

        def work(rows):
            flat = (array[rows].reshape(-1) for array in (ratio, masses, density))
            compiled(*flat, width, parts[rows], bits[rows])

        team.over_rows(work, len(ratio))
        low, high, largest = bits.view(np.float64).T
    total = dict(zip(_SUMS, parts.T, strict=True))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return {**_named(name, total, low, high, largest, np), "entropy": total["entropy"]}


def _allocate(parts):
    return np.empty((parts, len(_SUMS))), np.empty((parts, 3), dtype=np.int64)


def _compiled(game, name):
    """``f(ratio, masses, density, width, sums, bits)``: the sums of every `width` cells."""
    kernel = _kernel(game.kernel[0], game.discriminator_kernel[0])
    weighing = _WEIGHING[name]
    parameters = (*game.kernel[1:], *game.discriminator_kernel[1:], game.signal_at_one)

    def sums(ratio, masses, density, width, parts, bits):
        kernel(ratio, masses, density, width, weighing, parameters, parts, bits)

    return sums


def _named(geometry, total, low, high, largest, of):
    """The row of the trace from its sums; `of` is math for one row, NumPy for arrays of them."""
    return {
        "cost": total["cost"],
        "g": total["g"],
        "d": total["d"],
        "kl": total["kl"],
        "js": 0.5 * total["js2"],
        "max_error": largest,
        "rms_error": of.sqrt(total["squares"]),
        "min_ratio": low,
        "max_ratio": high,
        "mean_ratio": 1.0 + total["mean_d"],
        "effective_support": of.exp(-total["entropy"]),
        "grad_norm": _gradient_norm(geometry, total, of),
        "gap_bound": total["mean_ra"] - (1.0 + total["mean_d"]) * total["mean_a"],
    }


def _gradient_norm(geometry, total, of):
    # a = u - u(1), so that near R = 1 nothing large is subtracted.
    weight, weight_a, weight_aa = total["weight"], total["weight_a"], total["weight_aa"]
    mean = total["mean_ra"] if geometry == "logits" else weight_a / weight
    square = weight_aa - 2.0 * mean * weight_a + mean * mean * weight
    # The larger of it and 0, NaN where it is NaN.
    return of.sqrt(0.5 * (square + abs(square)))


def _plain_sums(game, geometry, r, w, p):
    """The same sums in NumPy, for games without a kernel."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = game.signal(r)
        q = w * r
        a = u - game.signal_at_one
        d = r - 1.0
        here = q > 0
        log_r = np.log(np.where(r > 0, r, 1.0))
        weight = {"reference": w, "lebesgue": w * p, "fisher": q, "logits": q * r}[geometry]
        a_weighed = np.where(weight > 0, a, 0.0)
        terms = (
            w * game.excess(r),
            q * np.where(here, u, 0.0),
            w * game.discriminator_cost(r),
            w * (r * log_r - d),
            w * (r * log_r - (1.0 + r) * np.log1p(0.5 * d)),
            w * d * d,
            w * d,
            q * np.log(np.where(here, q, 1.0)),
            q * np.where(here, a, 0.0),
            w * a,
            weight,
            weight * a_weighed,
            weight * a_weighed * a_weighed,
        )
        return [term.sum() for term in terms], (r.min(), r.max(), np.abs(d).max())


# --- kernels -------------------------------------------------------------------------------------


@cache
def _kernel(code, disc_code):
    """The sums of every chunk of `width` cells, compiled for one pair of codes.

    It closes over whole numbers only: a kernel that closes over another one would be compiled
    anew in every process.
    """

    @kernel
    def chunk_sums(ratio, masses, density, width, weighing, parameters, sums, bits):
        wide_vectors()
        a, b, c, da, db, u_one = parameters
        one, of_p, of_r, of_rr = weighing
        for k in range(sums.shape[0]):
            ratios = ratio[k * width : (k + 1) * width]
            weights = masses[k * width : (k + 1) * width]
            densities = density[k * width : (k + 1) * width]
            cost = g = d_cost = kl = js2 = squares = mean_d = entropy = 0.0
            mean_ra = mean_a = weight_1 = weight_a = weight_aa = 0.0
            low = np.int64(_LARGEST_BITS)
            high = np.int64(_SMALLEST_BITS)
            largest = np.int64(0)
            for i in range(ratios.size):
                r = ratios[i]
                w = weights[i]
                u = signal(code, r, a, b, c)
                d = r - 1.0
                q = w * r
                # A cell without generator mass adds nothing to E[R u]: 0 (-inf) = 0 here.
                seen = u if r != 0.0 else 0.0
                dev = u - u_one
                cost += w * excess(code, r, a, b, c)
                g += q * seen
                d_cost += w * discriminator_cost(disc_code, r, da, db, 0.0)
                kl += w * entropy_excess(d)
                js2 += w * two_jensen_shannon(r)
                squares += w * (d * d)
                mean_d += w * d
                entropy += q * log(q if q != 0.0 else 1.0)
                mean_ra += q * (seen - u_one)
                mean_a += w * dev
                weight = w * (one + of_p * densities[i] + r * (of_r + of_rr * r))
                weighed = dev if weight != 0.0 else 0.0
                weight_1 += weight
                weight_a += weight * weighed
                weight_aa += weight * weighed * weighed
                # Doubles order like their bits (negative ones below all others), and NaN lies
                # above infinity: whole-number extremes are vector code and lose no NaN.
                bits_r = as_bits(r)
                low = bits_r if bits_r < low else low
                high = bits_r if bits_r > high else high
                bits_d = as_bits(abs(d))
                largest = bits_d if bits_d > largest else largest
            sums[k, 0] = cost
            sums[k, 1] = g
            sums[k, 2] = d_cost
            sums[k, 3] = kl
            sums[k, 4] = js2
            sums[k, 5] = squares
            sums[k, 6] = mean_d
            sums[k, 7] = entropy
            sums[k, 8] = mean_ra
            sums[k, 9] = mean_a
            sums[k, 10] = weight_1
            sums[k, 11] = weight_a
            sums[k, 12] = weight_aa
            bits[k, 0] = low
            bits[k, 1] = high
            bits[k, 2] = largest

    return chunk_sums


@jit
def totals(sums, bits):
    """Column sums as `sums.in_order` has them, and min R, max R, max|R-1| from their bits."""
    while sums.shape[0] > GROUP:
        sums, bits = group_totals(sums, bits)
    sums, bits = group_totals(sums, bits)
    return sums[0], (from_bits(bits[0, 0]), from_bits(bits[0, 1]), from_bits(bits[0, 2]))


@jit
def group_totals(sums, bits):
    """The same for every group of chunks: sums (groups, columns), bits (groups, 3)."""
    groups = -(-sums.shape[0] // GROUP)
    total = np.zeros((groups, sums.shape[1]))
    extremes = np.empty((groups, 3), dtype=np.int64)
    for group in range(groups):
        first = group * GROUP
        low, high, largest = bits[first, 0], bits[first, 1], bits[first, 2]
        for k in range(first, min(first + GROUP, sums.shape[0])):
            for j in range(sums.shape[1]):
                total[group, j] += sums[k, j]
            low = min(low, bits[k, 0])
            high = max(high, bits[k, 1])
            largest = max(largest, bits[k, 2])
        extremes[group, 0], extremes[group, 1], extremes[group, 2] = low, high, largest
    return total, extremes
