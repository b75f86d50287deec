"""The samplers against the laws they claim, in exact cases and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ratiogan._jit import kernel
from ratiogan.errors import InputError
from ratiogan.twosample.resample import (
    _binomial,
    _stream,
    halves,
    mixed_binomials,
    multinomials,
    permutations,
)

ALARM = 1e-4  # per test of a law; the seeds are fixed, so a failure stays one


@kernel
def _many(n, p, m, seed):
    out = np.empty(m, np.int64)
    state = _stream(seed, 0)
    for i in range(m):
        out[i], state = _binomial(n, p, state)
    return out


def _fits(observed, expected):
    """Whether Pearson's test finds nothing at `ALARM`, with classes of at least 5."""
    enough = expected >= 5
    rest = observed[~enough].sum(), expected[~enough].sum()
    statistic = np.sum((observed - expected)[enough] ** 2 / expected[enough])
    if rest[1] > 1:
        statistic += (rest[0] - rest[1]) ** 2 / rest[1]
    return stats.chi2.sf(statistic, enough.sum() - 1 + (rest[1] > 1)) > ALARM


@pytest.mark.parametrize(
    ("n", "p"),
    [
        (1, 0.3), (7, 0.3), (7, 0.7), (64, 0.5), (63, 0.5), (200, 0.5), (256, 0.5), (257, 0.5),
        (25, 0.41), (300, 0.04), (5000, 0.01), (5000, 0.9), (100_000, 0.37), (10**9, 0.25),
        (10**12, 0.5), (10**9, 1e-9), (3, 1e-4),
    ],
)  # fmt: skip
def test_binomial_law(n, p):
    m = 100_000
    drawn = _many(n, p, m, np.uint64(5))
    law = stats.binom(n, p)
    assert drawn.min() >= 0 and drawn.max() <= n
    edges = np.unique(np.round(law.ppf(np.linspace(0.001, 0.999, 40))))
    chances = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    observed = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
    assert _fits(observed, m * chances)


def test_permutations_exact_law():
    """Every table of a small case, as often as the multivariate hypergeometric law says."""
    real, gen = np.array([2, 1, 3]), np.array([1, 1, 1])
    m = 40_000
    tables, times = np.unique(permutations(real, gen, m, 9)[1], axis=0, return_counts=True)
    expected = m * stats.multivariate_hypergeom(real + gen, gen.sum()).pmf(tables)
    assert expected.sum() == pytest.approx(m)
    assert _fits(times, expected)


@pytest.mark.parametrize("sizes", [(400, 700), (50, 3000), (2_000_000, 1000)])
def test_permutations_moments(sizes):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(40))
    real, gen = (rng.multinomial(n, p) for n in sizes)
    m = 4000
    dealt_real, dealt = permutations(real, gen, m, 1)
    pooled, n, k = real + gen, sum(sizes), sizes[1]
    assert (dealt_real + dealt == pooled).all() and (dealt.sum(axis=1) == k).all()
    mean = pooled * k / n
    variance = mean * (1 - k / n) * (n - pooled) / (n - 1)
    scores = (dealt.mean(axis=0) - mean)[variance > 0] / np.sqrt(variance[variance > 0] / m)
    assert np.abs(scores).max() < stats.norm.isf(ALARM / 80)
    assert (dealt.var(axis=0)[variance > 0] / variance[variance > 0]).mean() == pytest.approx(
        1, abs=0.03
    )
    # Two cells vary against each other.
    i, j = np.argsort(pooled)[-2:]
    covariance = -k / n * (1 - k / n) * pooled[i] * pooled[j] / (n - 1)
    found = np.cov(dealt[:, i], dealt[:, j])[0, 1]
    assert found == pytest.approx(covariance, abs=5 * np.sqrt(variance[i] * variance[j] / m))


def test_permutations_of_billions():
    real = np.array([3 * 10**9, 2 * 10**9, 10**9, 5])
    gen = np.array([10**9, 2 * 10**9, 3 * 10**9, 0])
    with pytest.raises(ValueError):
        np.random.default_rng(0).multivariate_hypergeometric(real + gen, 10, method="marginals")
    dealt = permutations(real, gen, 500, 0)[1]
    assert (dealt.sum(axis=1) == gen.sum()).all()
    share = gen.sum() / (real + gen).sum()
    deviation = np.sqrt((real + gen)[:3] * share * (1 - share) / 500)
    assert (np.abs(dealt.mean(axis=0)[:3] - (real + gen)[:3] * share) < 5 * deviation).all()


def test_halves():
    counts = np.array([0, 1, 50, 64, 1000, 10**7])
    first, second = halves(counts, 3, 3000)
    assert (first + second == counts).all()
    assert (np.abs(first.mean(axis=0) - counts / 2) < 5 * np.sqrt(counts / 4 / 3000) + 1e-12).all()
    ratio = first.var(axis=0)[1:] / (counts[1:] / 4)
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(2 / 3000)
    each, rest = halves(first, 4)
    assert (each + rest == first).all() and each.shape == first.shape


def test_multinomials():
    counts = np.array([5, 0, 3, 992])
    drawn = multinomials(counts, 4000, 2)
    assert (drawn.sum(axis=1) == 1000).all() and (drawn[:, 1] == 0).all()
    variance = counts * (1 - counts / 1000)
    assert (np.abs(drawn.mean(axis=0) - counts) <= 5 * np.sqrt(variance / 4000)).all()
    assert drawn.var(axis=0)[[0, 2, 3]] == pytest.approx(variance[[0, 2, 3]], rel=0.12)


def test_mixed_binomials():
    chances = np.array([[0.25, 0.25, 1.0], [0.0, 1.0, 1.0]])
    points = np.array([0.0, 0.5, 1.0])
    shares, counts = mixed_binomials(chances, points, np.array([0, 1]), np.array([10, 8]), 4000, 0)
    assert set(shares[:, 0]) == {0.0, 1.0} and set(shares[:, 1]) == {0.5}
    assert (counts[:, 0] == 10 * shares[:, 0]).all()
    assert shares[:, 0].mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.1875 / 4000))
    assert counts[:, 1].mean() == pytest.approx(4, abs=5 * np.sqrt(2 / 4000))


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.integers(0, 2**63 - 1),
)
def test_permutations_keep_their_margins(real, gen, seed):
    cells = min(len(real), len(gen))
    real, gen = np.array(real[:cells]), np.array(gen[:cells])
    dealt_real, dealt = permutations(real, gen, 3, seed)
    assert (dealt >= 0).all() and (dealt_real >= 0).all()
    assert (dealt_real + dealt == real + gen).all()
    assert (dealt.sum(axis=1) == gen.sum()).all()


def test_a_replicate_does_not_depend_on_the_others():
    real, gen = np.arange(1, 200), np.arange(200, 1, -1)
    for draw in (
        lambda m, first: permutations(real, gen, m, 7, first)[1],
        lambda m, first: halves(real, 7, m, first)[0],
        lambda m, first: multinomials(real, m, 7, first),
    ):
        assert (draw(6, 0)[2:] == draw(4, 2)).all()
        assert (draw(6, 0) == draw(6, 0)).all()
        assert (draw(6, 0)[0] != draw(6, 0)[1]).any()


def test_too_many_rows():
    with pytest.raises(InputError, match="more than 1e\\+14 rows"):
        halves(np.array([2 * 10**14]), 0, 1)


@pytest.mark.plain
def test_plain():
    """With and without compilation the very same replicates."""
    real, gen = np.array([30, 5, 2]), np.array([4, 4, 30])
    assert permutations(real, gen, 2, 1)[1].tolist() == [[18, 4, 16], [19, 5, 14]]
    assert halves(np.array([30, 500, 2]), 1, 2)[0].tolist() == [[17, 248, 2], [17, 230, 1]]
    assert multinomials(real, 2, 1).tolist() == [[31, 5, 1], [32, 5, 0]]
