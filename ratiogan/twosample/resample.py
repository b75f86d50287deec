"""Replicates of tables of counts: permutations, half-samples and bootstrap samples.

Each replicate is one row of an array (m, K), drawn from a stream of its own, so that it depends on
the seed and its number only. All laws are exact, for counts up to 1e14, and are built from binomial
draws: a table is first drawn with a random number of rows, and the rows too many or too few are
then taken from it or added, which is the same problem again with far fewer rows.
"""

import numpy as np

from ratiogan._jit import kernel
from ratiogan.errors import InputError

LARGEST = 10**14  # rows: beyond, round-off in the acceptance test of a binomial would show

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_BITS_1 = np.uint64(0x5555555555555555)
_BITS_2 = np.uint64(0x3333333333333333)
_BITS_4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)
_U1, _U2, _U4, _U11 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(11)
_U27, _U30, _U31, _U56 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(56)
_WORD = np.uint64(0xFFFFFFFFFFFFFFFF)
_UNIT = 2.0**-53
_FEW = 10.0  # below this mean, inversion


def permutations(real, gen, m, seed, first=0):
    """Pool the rows of two samples and deal them out again.

    Parameters
    ----------
    real, gen : int array (K,)
        Counts.
    m : int
        Number of replicates.
    seed : int
        0 <= seed < 2**63.
    first : int, optional
        The number of the first replicate: many can be drawn a block at a time.

    Returns
    -------
    real, gen : int array (m, K)
        Multivariate hypergeometric: cell totals and numbers of rows are those given.

    Raises
    ------
    InputError
        For more than 1e14 rows.

    Examples
    --------
    >>> real, gen = permutations(np.array([5, 0, 3]), np.array([1, 2, 3]), 2, seed=0)
    >>> (real + gen).tolist(), gen.sum(axis=1).tolist()
    ([[6, 2, 6], [6, 2, 6]], [6, 6])
    """
    pooled = _counts(real) + _counts(gen)
    few = min(int(np.sum(real)), int(np.sum(gen)))
    out = np.empty((m, len(pooled)), np.int64)
    if len(pooled):
        with np.errstate(over="ignore"):  # without compilation, 64-bit wrap-around warns
            _subsets_kernel(pooled, few, np.uint64(seed), first, out)
    # The smaller sample is dealt: its binomials are the cheaper ones.
    return (pooled - out, out) if few == np.sum(gen) else (out, pooled - out)


def halves(counts, seed, m=None, first=0):
    """Split samples in two, row by row, by tosses of a coin.

    Parameters
    ----------
    counts : int array (K,) or (m, K)
        One table, split `m` times, or many tables, each split once.
    seed : int
    m : int, optional
        Number of replicates, for one table.
    first : int, optional
        As in `permutations`.

    Returns
    -------
    first, second : int array (m, K)
        They add up to `counts`; cell by cell `first` is binomial(counts, 1/2).

    Examples
    --------
    >>> first, second = halves(np.array([5, 0, 3]), seed=0, m=2)
    >>> (first + second).tolist()
    [[5, 0, 3], [5, 0, 3]]
    """
    counts = np.atleast_2d(_counts(counts))
    out = np.empty((len(counts) if m is None else m, counts.shape[1]), np.int64)
    with np.errstate(over="ignore"):
        _halves_kernel(counts, np.uint64(seed), first, out)
    return out, counts - out


def multinomials(counts, m, seed, first=0):
    """Draw as many rows again, with replacement: the bootstrap.

    Parameters
    ----------
    counts : int array (K,)
    m, seed, first : int
        As in `permutations`.

    Returns
    -------
    int array (m, K)

    Examples
    --------
    >>> multinomials(np.array([5, 0, 3]), 2, seed=0).sum(axis=1).tolist()
    [8, 8]
    """
    counts = _counts(counts)
    out = np.empty((m, len(counts)), np.int64)
    with np.errstate(over="ignore"):
        _multinomials_kernel(counts, np.uint64(seed), first, out)
    return out


def mixed_binomials(chances, points, rows, pooled, m, seed, first=0):
    """Draw for every cell a share from a discrete law, then a binomial count with that share.

    Parameters
    ----------
    chances : float array (U, M)
        Cumulative laws on `points`; the last column is 1.
    points : float array (M,)
        Shares between 0 and 1.
    rows : int array (K,)
        Which of the laws is that of a cell.
    pooled : int array (K,)
        Number of trials of a cell.
    m, seed, first : int
        As in `permutations`.

    Returns
    -------
    shares : float array (m, K)
    counts : int array (m, K)

    Examples
    --------
    >>> shares, counts = mixed_binomials(
    ...     np.array([[0.0, 1.0]]), np.array([0.0, 1.0]), np.array([0, 0]), np.array([4, 7]), 1, 0
    ... )
    >>> shares.tolist(), counts.tolist()
    ([[1.0, 1.0]], [[4, 7]])
    """
    shares = np.empty((m, len(pooled)))
    counts = np.empty((m, len(pooled)), np.int64)
    with np.errstate(over="ignore"):
        _mixed_kernel(chances, points, rows, pooled, np.uint64(seed), first, shares, counts)
    return shares, counts


def _counts(counts):
    counts = np.ascontiguousarray(counts, np.int64)
    if counts.size and counts.sum(axis=-1).max() > LARGEST:
        raise InputError(
            f"there are more than {LARGEST:.0e} rows.", argument="real", fix="Count fewer of them."
        )
    return counts


@kernel
def _mixed(z):
    # The finaliser of SplitMix64 (Steele, Lea, Flood 2014), whose state just counts on.
    z = (z ^ (z >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return z ^ (z >> _U31)


@kernel
def _uniform(z):
    return (float(_mixed(z) >> _U11) + 0.5) * _UNIT  # inside (0, 1), never at an end


@kernel
def _ones(bits):
    bits = bits - ((bits >> _U1) & _BITS_1)
    bits = (bits & _BITS_2) + ((bits >> _U2) & _BITS_2)
    bits = (bits + (bits >> _U4)) & _BITS_4
    return np.int64((bits * _ONES) >> _U56)


@kernel
def _coins(n, state):
    """Heads in `n` <= 256 tosses, and the new state."""
    heads = 0
    while n > 0:
        state = state + _GOLDEN
        bits = _mixed(state)
        if n < 64:
            bits = bits >> np.uint64(64 - n)
        heads += _ones(bits)
        n -= 64
    return heads, state


@kernel
def _stirling(k):
    """log k! less its Stirling form in k + 1."""
    if k < 10.0:
        sum_of_logs = 0.0
        j = 2.0
        while j <= k:
            sum_of_logs += np.log(j)
            j += 1.0
        return sum_of_logs - (0.9189385332046727 + (k + 0.5) * np.log(k + 1.0) - (k + 1.0))
    x = 1.0 / (k + 1.0)
    return x * (1.0 / 12.0 - x * x * (1.0 / 360.0 - x * x / 1260.0))


@kernel
def _setup(n, p):
    """What the rejection needs to know of a law, n p >= 10 and p <= 1/2."""
    sd = np.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * sd
    return sd, b, -0.0873 + 0.0248 * b + 0.01 * p, n * p + 0.5, 0.92 - 4.2 / b


@kernel
def _rejected_binomial(n, p, setup, state):
    """Transformed rejection with squeeze (Hoermann 1993, BTRS)."""
    sd, b, a, centre, squeeze = setup
    while True:
        state = state + _GOLDEN
        u = _uniform(state) - 0.5
        state = state + _GOLDEN
        v = _uniform(state)
        us = 0.5 - abs(u)
        k = np.floor((2.0 * a / us + b) * u + centre)
        if us >= 0.07 and v <= squeeze:
            return np.int64(k), state
        if k < 0.0 or k > n:
            continue
        mode = np.floor((n + 1.0) * p)
        odds = p / (1.0 - p)
        left = np.log(v * (2.83 + 5.1 / b) * sd / (a / (us * us) + b))
        right = (
            (mode + 0.5) * np.log((mode + 1.0) / (odds * (n - mode + 1.0)))
            + (n + 1.0) * np.log((n - mode + 1.0) / (n - k + 1.0))
            + (k + 0.5) * np.log(odds * (n - k + 1.0) / (k + 1.0))
            + _stirling(mode)
            + _stirling(n - mode)
            - _stirling(k)
            - _stirling(n - k)
        )
        if left <= right:
            return np.int64(k), state


@kernel
def _inverted_binomial(n, p, state):
    """Inversion from 0 upwards, for n p < 10 and p <= 1/2."""
    state = state + _GOLDEN
    u = _uniform(state)
    odds = p / (1.0 - p)
    chance = np.exp(n * np.log1p(-p))
    k = 0.0
    while u > chance and k < n:
        u -= chance
        chance *= odds * (n - k) / (k + 1.0)
        k += 1.0
        if chance < 1e-300:
            break
    return np.int64(k), state


@kernel
def _binomial(n, p, state):
    """Binomial(n, p) and the new state."""
    if n <= 0 or p <= 0.0:
        return 0, state
    if p >= 1.0:
        return n, state
    if p == 0.5 and n <= 256:
        return _coins(n, state)
    share = p if p <= 0.5 else 1.0 - p
    if n * share < _FEW:
        k, state = _inverted_binomial(float(n), share, state)
    else:
        k, state = _rejected_binomial(float(n), share, _setup(n, share), state)
    return (k if p <= 0.5 else n - k), state


@kernel
def _move(source, rows, target, k, state):
    """Move one by one `k` random rows of the `rows` of `source` to `target`, in place."""
    for _ in range(k):
        state = state + _GOLDEN
        place = np.int64(_uniform(state) * rows)
        i = 0
        while place >= source[i]:
            place -= source[i]
            i += 1
        source[i] -= 1
        target[i] += 1
        rows -= 1
    return state


@kernel
def _move_about(source, rows, target, k, state):
    """Move each row of `source` with probability k/rows; returns how many moved."""
    cells = len(source)
    moved = 0
    if k > cells:
        for i in range(cells):
            x, state = _binomial(source[i], k / rows, state)
            source[i] -= x
            target[i] += x
            moved += x
        return moved, state
    # Few: jump from one to the next, the gaps between them are geometric.
    scale = 1.0 / np.log1p(-k / rows)
    place, i, end = 0.0, 0, float(source[0])
    while True:
        state = state + _GOLDEN
        place += np.floor(np.log(_uniform(state)) * scale)
        while place >= end:
            i += 1
            if i == cells:
                return moved, state
            end += source[i]
        source[i] -= 1
        target[i] += 1
        moved += 1
        place += 1.0


@kernel
def _adjust(inside, size, outside, rows, k, state):
    """Make `inside`, a random subset of `size` of the `rows` rows, one of `k`, in place.

    Whatever its size, it is at all times a random subset of that size: so a surplus may be taken
    from it, and a lack added from what is outside, at random.
    """
    while size != k:
        few = abs(k - size) <= 2
        if size < k and few:
            state = _move(outside, rows - size, inside, k - size, state)
            size = k
        elif few:
            state = _move(inside, size, outside, size - k, state)
            size = k
        elif size < k:
            moved, state = _move_about(outside, rows - size, inside, k - size, state)
            size += moved
        else:
            moved, state = _move_about(inside, size, outside, size - k, state)
            size -= moved


@kernel
def _subsets_kernel(pooled, k, seed, first, out):
    rows = pooled.sum()
    share = k / rows if rows > 0 else 0.0
    outside = np.empty_like(pooled)
    setups = _setups(pooled, share)
    for b in range(len(out)):
        state = _fill(pooled, share, setups, out[b], _stream(seed, first + b))
        size = 0
        for i in range(len(pooled)):
            outside[i] = pooled[i] - out[b, i]
            size += out[b, i]
        _adjust(out[b], size, outside, rows, k, state)


@kernel
def _setups(counts, p):
    setups = np.zeros((len(counts), 5))
    for i in range(len(counts)):
        if counts[i] * p >= _FEW:
            sd, b, a, centre, squeeze = _setup(float(counts[i]), p)
            setups[i, 0], setups[i, 1], setups[i, 2] = sd, b, a
            setups[i, 3], setups[i, 4] = centre, squeeze
    return setups


@kernel
def _fill(counts, p, setups, out, state):
    """Binomial(counts, p), p <= 1/2, cell by cell."""
    for i in range(len(counts)):
        if setups[i, 1] == 0.0 or (p == 0.5 and counts[i] <= 256):
            out[i], state = _binomial(counts[i], p, state)
        else:
            setup = setups[i, 0], setups[i, 1], setups[i, 2], setups[i, 3], setups[i, 4]
            out[i], state = _rejected_binomial(float(counts[i]), p, setup, state)
    return state


@kernel
def _halves_kernel(counts, seed, first, out):
    setups = _setups(counts[0], 0.5)
    for b in range(len(out)):
        if b > 0 and len(counts) > 1:
            setups = _setups(counts[b], 0.5)
        _fill(counts[b if len(counts) > 1 else 0], 0.5, setups, out[b], _stream(seed, first + b))


@kernel
def _multinomials_kernel(counts, seed, first, out):
    for b in range(len(out)):
        state = _stream(seed, first + b)
        left = share = counts.sum()
        for i in range(len(counts)):
            # Of the rows still to be drawn, those in this cell and not in a later one.
            out[b, i], state = _binomial(left, counts[i] / share if share > 0 else 0.0, state)
            left -= out[b, i]
            share -= counts[i]


@kernel
def _stream(seed, b):
    return _mixed(_mixed(seed + _GOLDEN) + np.uint64(b) * _MIX_1)


@kernel
def _mixed_kernel(chances, points, rows, pooled, seed, first, shares, counts):
    for b in range(len(counts)):
        state = _stream(seed, first + b)
        for i in range(len(pooled)):
            state = state + _GOLDEN
            u = _uniform(state)
            law = chances[rows[i]]
            low, high = 0, len(points) - 1
            while low < high:
                middle = (low + high) // 2
                if law[middle] < u:
                    low = middle + 1
                else:
                    high = middle
            shares[b, i] = points[low]
            counts[b, i], state = _binomial(pooled[i], points[low], state)
