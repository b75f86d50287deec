"""Branch-free log, log1p, exp and 1/sqrt, at most 2 ulp off, that LLVM turns into vector code.

Numba calls a scalar libm for these functions, which costs a loop five times its arithmetic. Here
exponent and mantissa are split by a bit cast and the rest is a polynomial, so that a loop that
calls them is vectorised as a whole. They hold over the full range: zeros, subnormals, infinities
and NaN come out as IEEE 754 wants them (`log_finite`, `log1p_finite` and `inverse_root` spare
themselves that, and say where they hold). Reassociation would undo the order in which the parts
are added: the functions are ``jit`` (contract only), never inlined at the Python level.

Without compilation (``NUMBA_DISABLE_JIT=1``) bit casts do not run, and NumPy's functions stand in.
"""

import llvmlite.binding
import llvmlite.ir
import numpy as np
from numba import config, types
from numba.extending import intrinsic

from ratiogan._jit import jit

_LN2_HI = 6.93147180369123816490e-01
_LN2_LO = 1.90821492927058770002e-10
_LN2 = 6.93147180559945286227e-01
_LOG2_E = 1.44269504088896338700e00
# Adding 1.5 * 2**52 rounds to a whole number and leaves it in the low bits.
_ROUND = 6755399441055744.0
_ROUND_BITS = 0x4338000000000000
_ROOT_HALF_BITS = 0x3FE6A09E00000000  # sqrt(1/2): mantissas are taken in [sqrt(1/2), sqrt(2))
_ONE_BITS = 0x3FF0000000000000
_MANTISSA = 0x000FFFFFFFFFFFFF
_EXPONENT = 0x7FF0000000000000
_TWO54 = 18014398509481984.0
_TWO_M54 = 1.0 / _TWO54
_SMALLEST_NORMAL = 2.2250738585072014e-308

# log(1+f) = f - s (f - z P(z)), s = f/(2+f), z = s^2: a minimax P on |s| <= 0.1716, the classic
# coefficients of the odd series 2 atanh(s) (error below 2**-58).
_L1 = 6.666666666666735130e-01
_L2 = 3.999999999940941908e-01
_L3 = 2.857142874366239149e-01
_L4 = 2.222219843214978396e-01
_L5 = 1.818357216161805012e-01
_L6 = 1.531383769920937332e-01
_L7 = 1.479819860511658591e-01
# The same for x in [0, 1] at once: atanh(t)/t - 1 = z (1/3 + z/5 + ..), fitted on z <= 1/9.
_U0 = 0.33333333333333487
_U1 = 0.19999999999780063
_U2 = 0.14285714338330496
_U3 = 0.11111106278964857
_U4 = 0.09091130554209872
_U5 = 0.07686637438179002
_U6 = 0.0675117123587855
_U7 = 0.05161334635249541
_U8 = 0.08435350330548605

# 1/(2+f) = (R0 + R1 f)/(1 - e) with |e| <= 0.015 for sqrt(1/2) <= 1+f <= sqrt(2).
_RECIPROCAL_0 = 0.5070295015953765
_RECIPROCAL_1 = -0.2390159992264842
_AVX512 = llvmlite.binding.get_host_cpu_features().get("avx512f", False)

# exp(r) = 1 + r + r^2 Q(r): Q interpolates at the Chebyshev nodes of |r| <= log(2)/2 (error
# 1.3e-17).
_E2 = 0.5000000000000001
_E3 = 0.16666666666666669
_E4 = 0.04166666666662413
_E5 = 0.008333333333330062
_E6 = 0.0013888888917213717
_E7 = 0.00019841269863053618
_E8 = 2.4801521295954376e-05
_E9 = 2.7557268459997064e-06
_E10 = 2.7620088445409746e-07
_E11 = 2.510038549551032e-08


@intrinsic
def as_bits(typingctx, value):
    """The 64 bits of a float64 as an int64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvmlite.ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def from_bits(typingctx, bits):
    """The float64 that has these 64 bits."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvmlite.ir.DoubleType())

    return types.float64(types.int64), codegen


@jit
def _log_tail(f):
    # f - log(1+f) for |f| <= sqrt(2) - 1, with full relative accuracy near 0.
    return _tail_by_quotient(f, f / (2.0 + f))


@jit
def _undivided_log_tail(f):
    # _log_tail without the division, which keeps AVX-512 units busy for 16 cycles: a line within
    # 1.5 % of 1/(2+f), then two corrections that each cube its error.
    d = 2.0 + f
    y = _RECIPROCAL_1 * f + _RECIPROCAL_0
    e = 1.0 - d * y
    y = y + y * (e + e * e)
    e = 1.0 - d * y
    s = f * y
    return _tail_by_quotient(f, s + s * (e + e * e))


@jit
def _tail_by_quotient(f, s):
    z = s * s
    p = _L7
    p = p * z + _L6
    p = p * z + _L5
    p = p * z + _L4
    p = p * z + _L3
    p = p * z + _L2
    p = p * z + _L1
    return s * (f - z * p)


@jit
def _log_by_parts(k, f, undivided):
    # k log(2) + log(1+f), sqrt(1/2) <= 1+f <= sqrt(2).
    tail = _undivided_log_tail(f) if undivided else _log_tail(f)
    return (k * _LN2_HI + (k * _LN2_LO + f)) - tail


@jit
def log_finite(x):
    """log(x) for 0 < x < inf only, subnormal numbers included."""
    tiny = x < _SMALLEST_NORMAL
    scaled = x * _TWO54 if tiny else x
    bits = as_bits(scaled) + (_ONE_BITS - _ROOT_HALF_BITS)
    f = from_bits((bits & _MANTISSA) + _ROOT_HALF_BITS) - 1.0
    k = from_bits((bits >> 52) + (_ROUND_BITS - 0x3FF)) - (_ROUND + 54.0 if tiny else _ROUND)
    return _log_by_parts(k, f, _AVX512)


@jit
def log(x):
    """Natural logarithm: -inf at 0, NaN below."""
    value = log_finite(x)
    value = value if x < np.inf else x
    special = -np.inf if x == 0.0 else np.nan
    return value if x > 0.0 else special


@jit
def log1p_finite(x):
    """log(1+x) for -1 < x < 2**1022 only: nothing is promised elsewhere, NaN included.

    For loops that watch their argument and stop on a value out of range.
    """
    exponent = (as_bits(1.0 + x) + (_ONE_BITS - _ROOT_HALF_BITS)) & _EXPONENT
    scale = from_bits(2 * _ONE_BITS - exponent)  # 2**-k
    k = from_bits((exponent >> 52) + (_ROUND_BITS - 0x3FF)) - _ROUND
    # (1+x) 2**-k - 1 with one rounding: both products are exact, and so is scale - 1.
    f = x * scale + (scale - 1.0)
    return _log_by_parts(k, f, _AVX512)


@jit
def log1p_unit(x):
    """log(1+x) for 0 <= x <= 1 only (NaN stays NaN): 2 atanh(x/(2+x)), without a look at its bits.

    The remainder of the series is a Chebyshev fit in z = (x/(2+x))^2 <= 1/9, to 2e-15 relative to
    its first term, of which it is a ninth or less.
    """
    t = x / (2.0 + x)
    z = t * t
    p = _U8
    p = p * z + _U7
    p = p * z + _U6
    p = p * z + _U5
    p = p * z + _U4
    p = p * z + _U3
    p = p * z + _U2
    p = p * z + _U1
    p = p * z + _U0
    return x - t * (x - 2.0 * z * p)


@jit
def log1p(x):
    """log(1+x): -inf at -1, NaN below."""
    huge = x > 1e300
    value = log1p_finite(x * _TWO_M54 if huge else x)
    value = value + 54.0 * _LN2 if huge else value
    value = value if x < np.inf else x
    special = -np.inf if x == -1.0 else np.nan
    return value if x > -1.0 else special


@jit
def log1p_excess(x):
    """x - log(1+x), which is >= 0, with full relative accuracy near x = 0."""
    near = (x > -0.29) & (x < 0.41)
    tail = _log_tail(x if near else 0.0)
    return tail if near else x - log1p(x)


@jit
def _split(x, d, subnormal):
    # k and f of x = 2**k (1+f), where d = x - 1 is known to more digits: then f is d.
    tiny = subnormal and x < _SMALLEST_NORMAL
    scaled = x * _TWO54 if tiny else x
    bits = as_bits(scaled) + (_ONE_BITS - _ROOT_HALF_BITS)
    k = from_bits((bits >> 52) + (_ROUND_BITS - 0x3FF)) - (_ROUND + 54.0 if tiny else _ROUND)
    f = from_bits((bits & _MANTISSA) + _ROOT_HALF_BITS) - 1.0
    return k, d if k == 0.0 else f


@jit
def log_excesses(u, v, t, subnormal):
    """t - log(u) and -t - log(v), u = 1+t and v = 1-t: both >= 0, and accurate near t = 0.

    For -1 < t < 1, given all three to full accuracy; finite but of no meaning where u or v is 0.
    NaN in t is never lost. `subnormal` says whether u or v may be below 2**-1022.
    """
    k, f = _split(u, t, subnormal)
    m, g = _split(v, -t, subnormal)
    # One division for both quotients f/(2+f), g/(2+g).
    x, y = 2.0 + f, 2.0 + g
    w = 1.0 / (x * y)
    tail_f = _tail_by_quotient(f, f * (y * w))
    tail_g = _tail_by_quotient(g, g * (x * w))
    return (
        ((t - f) - k * _LN2_HI) - (k * _LN2_LO - tail_f),
        ((-t - g) - m * _LN2_HI) - (m * _LN2_LO - tail_g),
    )


@jit
def inverse_root(x):
    """1/sqrt(x) for 0 < x < inf only, subnormal numbers included, without division or root.

    A guess from the bits (halving the exponent), within 3.5 %, then three steps that each cube
    its error.
    """
    tiny = x < _SMALLEST_NORMAL
    scaled = x * (_TWO54 * _TWO54) if tiny else x
    y = from_bits(0x5FE6EB50C7B537A9 - (as_bits(scaled) >> 1))
    for _ in range(3):
        e = 1.0 - (scaled * y) * y
        y = y + y * (e * (0.5 + 0.375 * e))
    return y * _TWO54 if tiny else y


@jit
def exp(x):
    """Exponential, down to subnormal results and up to inf."""
    clamped = x if x > -746.0 else -746.0
    clamped = clamped if clamped < 710.0 else 710.0
    shifted = clamped * _LOG2_E + _ROUND
    n = shifted - _ROUND
    k = as_bits(shifted) - _ROUND_BITS
    r = (clamped - n * _LN2_HI) - n * _LN2_LO
    p = _E11
    p = p * r + _E10
    p = p * r + _E9
    p = p * r + _E8
    p = p * r + _E7
    p = p * r + _E6
    p = p * r + _E5
    p = p * r + _E4
    p = p * r + _E3
    p = p * r + _E2
    p = 1.0 + (r + r * r * p)
    # Two factors, because 2**k itself overflows or underflows before the result does.
    half = k >> 1
    value = (p * from_bits((half + 0x3FF) << 52)) * from_bits((k - half + 0x3FF) << 52)
    return value if x == x else x


if config.DISABLE_JIT:

    def as_bits(value):
        return int(np.float64(value).view(np.int64))

    def from_bits(bits):
        return float(np.int64(bits).view(np.float64))

    def inverse_root(x):
        return 1.0 / np.sqrt(x)

    log = log_finite = np.log
    log1p = log1p_finite = log1p_unit = np.log1p
    exp = np.exp
