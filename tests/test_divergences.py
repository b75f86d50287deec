"""Divergences against SciPy, mpmath, closed forms and hand; and every row of their table."""

import json
import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

import ratiogan as rg
from benchmarks.divergences import one_by_one
from ratiogan._divergence_checks import LIMIT
from ratiogan.catalogue import DIVERGENCES
from ratiogan.divergences import (
    CORE,
    ROWS,
    divergence_row,
    divergence_sums,
    wasserstein_line,
)
from ratiogan.errors import InputError, SingularMassError
from ratiogan.text import jsonable

LOG_2 = math.log(2)
WITH_PARAMETERS = (
    *("alpha:alpha=2", "alpha:alpha=-1", "alpha:alpha=0.99", "alpha:alpha=-0.01", "alpha:alpha=10"),
    *("js-weighted:w=0.5", "js-weighted:w=0.9", "cw:c=0.5", "cw:c=0.8"),
)


def random_pair(cells, seed=0, power=3):
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(2, cells)) ** power


def naive(gen, real):
    """The same numbers with SciPy and NumPy, one after another."""
    q, p = gen / gen.sum(), real / real.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return dict(zip(CORE, one_by_one(q, p)(), strict=True))


def exact(gen, real, name="all"):
    """The same numbers in 60 digits, from the sums of cells as they are."""
    with mpmath.workdps(60):
        q, p = ([mpmath.mpf(float(x)) for x in masses] for masses in (gen, real))
        total_q, total_p = mpmath.fsum(q), mpmath.fsum(p)
        q, p = [x / total_q for x in q], [x / total_p for x in p]

        def over(term):
            return mpmath.fsum(term(a, b) for a, b in zip(q, p, strict=True) if a or b)

        def entropy(a, b):
            return mpmath.inf if a and not b else a * mpmath.log(a / b) if a else mpmath.mpf(0)

        def half(a, b):
            return (entropy(a, (a + b) / 2) + entropy(b, (a + b) / 2)) / 2

        def chi2(a, b):
            return mpmath.inf if a and not b else (a - b) ** 2 / b if b else mpmath.mpf(0)

        terms = {
            "kl-gen-real": entropy,
            "kl-real-gen": lambda a, b: entropy(b, a),
            "jsd": half,
            "jeffreys": lambda a, b: entropy(a, b) + entropy(b, a),
            "tv": lambda a, b: abs(a - b) / 2,
            "hellinger2": lambda a, b: (mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2 / 2,
            "chi2-pearson": chi2,
            "chi2-neyman": lambda a, b: chi2(b, a),
            "triangular": lambda a, b: (a - b) ** 2 / (a + b),
            "alpha": lambda a, b: 4 * (b - mpmath.sqrt(a * b)),
            "js-weighted": lambda a, b: (
                mpmath.mpf(0.3) * entropy(a, mpmath.mpf(0.3) * a + (1 - mpmath.mpf(0.3)) * b)
                + (1 - mpmath.mpf(0.3))
                * entropy(b, mpmath.mpf(0.3) * a + (1 - mpmath.mpf(0.3)) * b)
            ),
            "kl-mix-real": lambda a, b: 2 * entropy((a + b) / 2, b),
        }
        if name != "all":
            return float(over(terms[name]))
        return {key: float(over(terms[key])) for key in CORE}


# ---- the fused pass ------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("cells", [2, 3, 100])
def test_all_at_once_are_scipys_one_by_one(cells):
    gen, real = random_pair(cells)
    found = dict(zip(CORE, divergence_sums(gen, real)[0], strict=True))
    expected = naive(gen, real)
    for name in CORE:
        assert found[name] == pytest.approx(expected[name], rel=1e-13), name


@pytest.mark.parametrize("cells", [4095, 4097, 65535, 65536, 70_001])
def test_chunks_and_the_single_pass_over_large_rows_change_nothing(cells):
    gen, real = random_pair(cells, seed=cells, power=1)
    gen, real = gen / gen.sum(), real / real.sum()
    found, expected = divergence_sums(gen, real)[0], naive(gen, real)
    np.testing.assert_allclose(found, list(expected.values()), rtol=1e-12)
    # with one empty cell, and with masses of another sum
    gen[7] = 0.0
    np.testing.assert_allclose(
        divergence_sums(gen, real)[0], list(naive(gen, real).values()), rtol=1e-12
    )
    np.testing.assert_allclose(
        divergence_sums(3.7 * gen, real)[0], list(naive(gen, real).values()), rtol=1e-12
    )


def test_normalised_rows_are_checked_as_others_are():
    gen, real = (x / x.sum() for x in random_pair(9, power=1))
    gen[5] = -gen[5]
    with pytest.raises(InputError, match="cell 5 of row 0"):
        divergence_sums(gen, real)
    gen[5] = np.nan
    assert np.isnan(divergence_sums(gen, real)).all()
    for tiny in (1e-39, 1e-150, 1e-300, 1e-308, 5e-324, 0.0):
        low = real.copy()
        low[5] = tiny
        low /= low.sum()
        gen[5] = 0.1
        np.testing.assert_allclose(
            divergence_sums(gen / gen.sum(), low)[0],
            list(exact(gen / gen.sum(), low).values()),
            rtol=1e-13 if tiny != 5e-324 else 1e-6,  # R = 1e323 has no more digits
        )
    gen[5] = np.inf
    with pytest.raises(InputError, match="sum inf"):
        divergence_sums(gen, real)


counts = st.lists(
    st.tuples(st.integers(0, 60) | st.integers(0, 10**9), st.integers(0, 60)),
    min_size=1,
    max_size=8,
).filter(lambda rows: all(any(column) for column in zip(*rows, strict=True)))


@settings(max_examples=150)
@given(counts)
def test_random_discrete_pairs_are_exact(rows):
    gen, real = np.array(rows).T
    found, expected = divergence_sums(gen, real)[0], exact(gen, real)
    np.testing.assert_allclose(found, list(expected.values()), rtol=1e-14, atol=0)


@settings(max_examples=100)
@given(counts)
def test_swapping_real_and_gen_swaps_the_directions_to_the_last_bit(rows):
    gen, real = np.array(rows).T
    one = dict(zip(CORE, divergence_sums(gen, real)[0], strict=True))
    two = dict(zip(CORE, divergence_sums(real, gen)[0], strict=True))
    assert one["kl-gen-real"] == two["kl-real-gen"]
    assert one["chi2-pearson"] == two["chi2-neyman"]
    assert all(one[name] == two[name] for name in ("jsd", "jeffreys", "tv", "hellinger2"))


@settings(max_examples=60)
@given(counts, st.integers(1, 50))
def test_proportional_counts_are_equal_distributions(rows, times):
    gen = np.array(rows)[:, 0]
    assert not divergence_sums(times * gen, gen).any()
    assert not divergence_sums(0.125 * times * gen, gen).any()
    assert divergence_sums(0.1 * times * gen, gen).max() < 1e-15  # 0.1 times 5 is no 0.5


@pytest.mark.parametrize("amount", [1e-3, 1e-6, 1e-10, 1e-12])
@pytest.mark.parametrize("name", [*CORE, "alpha", "js-weighted", "kl-mix-real"])
@pytest.mark.parametrize("seed", range(3))
def test_tiny_divergences_keep_their_digits(name, amount, seed):
    # KL of 1e-28 at the last; formulas with f(R) as printed give 0 or noise there. The sums are
    # not 1, and differ by a rounding of the amount.
    rng = np.random.default_rng(seed)
    real = rng.integers(1, 1000, 64) / 2.0**15
    wave = rng.permutation(np.repeat([1.0, -1.0], 32)) * np.round(rng.random(64) * 2**10) / 2**10
    gen = real + amount * 2.0**-10 * wave
    for q, p in ((gen, real), (gen / gen.sum(), real / real.sum())):
        expected = exact(q, p, name)
        # TV is of first order in what a rounding of the sums changes.
        rel = 1e-15 / amount + 1e-12 if name == "tv" else (1e-15 / amount) ** 2 + 1e-12
        assert divergence_row(name).of(gen=q, real=p) == pytest.approx(expected, rel=rel)
        assert 0 < expected < 1e-3


@pytest.mark.plain
def test_nan_is_never_lost():
    for place in range(3):
        gen = np.full((2, 3), 1 / 3)
        gen[0, place] = np.nan
        for found in (divergence_sums(gen, np.ones(3)), divergence_sums(np.ones(3), gen)):
            assert np.isnan(found[0]).all() and not np.isnan(found[1]).any()
    for row in ROWS.values():
        for gen, real in (([0.5, np.nan], [0.5, 0.5]), ([0.5, 0.5], [np.nan, 0.0])):
            assert math.isnan(row.of(gen=gen, real=real)), row.name


def test_singular_and_missing_mass_by_hand():
    # half of p_r is missed, a quarter of p_g lies where p_r = 0
    found = dict(zip(CORE, divergence_sums([0, 3, 1], [2, 2, 0])[0], strict=True))
    assert found["kl-gen-real"] == found["kl-real-gen"] == found["jeffreys"] == math.inf
    assert found["chi2-pearson"] == found["chi2-neyman"] == math.inf
    assert found["tv"] == 0.5
    assert found["hellinger2"] == pytest.approx(1 - math.sqrt(0.375))
    assert found["triangular"] == pytest.approx(0.5 + 0.25 + 0.0625 / 1.25)
    middle = 0.75 * math.log(0.75 / 0.625) + 0.5 * math.log(0.5 / 0.625)
    assert found["jsd"] == pytest.approx(0.5 * (0.75 * LOG_2 + middle))
    # only missing: the other direction stays finite
    found = dict(zip(CORE, divergence_sums([0, 4], [2, 2])[0], strict=True))
    assert found["kl-gen-real"] == pytest.approx(LOG_2)
    assert found["kl-real-gen"] == found["chi2-neyman"] == math.inf
    assert found["chi2-pearson"] == pytest.approx(1.0)
    # and the other way round
    found = dict(zip(CORE, divergence_sums([2, 2], [0, 4])[0], strict=True))
    assert found["kl-real-gen"] == pytest.approx(LOG_2) and found["kl-gen-real"] == math.inf


@pytest.mark.parametrize("tiny", [0.0, 5e-324, 1e-310, 1e-308, 1e-300, 1e-150, 1e-17])
@pytest.mark.parametrize("cells", [2, 3, 7])
def test_jsd_is_at_most_log_2_where_r_is_huge(tiny, cells):
    # R is up to 1e300, and overflows below.
    real = np.full(cells, 1.0 / (cells - 1))
    real[0] = tiny
    gen = np.zeros(cells)
    gen[0] = 1.0
    for a, b in ((gen, real), (real, gen)):
        found = dict(zip(CORE, divergence_sums(a, b)[0], strict=True))
        assert LOG_2 * (1 - 1e-15) <= found["jsd"] <= LOG_2
        assert found["tv"] <= 1 and found["hellinger2"] <= 1 and found["triangular"] <= 2
        for row in ROWS.values():
            low, high = row.range
            assert low <= row.of(gen=a, real=b) <= high, row.name
    if tiny:
        kl = divergence_sums(gen, real)[0][CORE.index("kl-gen-real")]
        assert kl == pytest.approx(-math.log(tiny), rel=1e-14)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_no_divergence_leaves_its_range(rows):
    gen, real = np.array(rows).T
    if not (gen.sum() > 1e-200 and real.sum() > 1e-200):
        return
    for row in ROWS.values():
        low, high = row.range
        assert low <= row.of(gen=gen, real=real) <= high, row.name


def test_batches_and_threads_give_the_same_bytes():
    rng = np.random.default_rng(3)
    gen, real = rng.poisson(2.0, (5, 9000)), rng.poisson(2.0, 9000)
    both = divergence_sums(gen, real)
    for i in range(5):
        assert both[i].tobytes() == divergence_sums(gen[i], real)[0].tobytes()
    assert divergence_sums(gen, real, threads=3).tobytes() == both.tobytes()
    assert divergence_sums(gen.astype(float), real).tobytes() == both.tobytes()
    one, other = (x / x.sum() for x in random_pair(70_000, power=1))
    assert divergence_sums(one, other, threads=2).tobytes() == divergence_sums(one, other).tobytes()


def test_extreme_sums_are_no_trouble():
    gen, real = random_pair(10)
    expected = divergence_sums(gen, real)
    for scale in (1e-290, 1e-100, 1e290):
        np.testing.assert_allclose(divergence_sums(scale * gen, real), expected, rtol=1e-12)
        np.testing.assert_allclose(divergence_sums(gen, scale * real), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("gen", "real", "said"),
    [
        ([0.5, 0.5], [1.0, 1.0, 1.0], r"shape \(1, 2\) and real \(1, 3\)"),
        (np.ones((2, 3)), np.ones((3, 3)), "same rows or one"),
        ([0.5, -0.5], [0.5, 0.5], "gen has the mass -0.5 in cell 1 of row 0"),
        ([0.5, 0.5], [0.0, 0.0], "real has the sum 0 in row 0"),
        ([0.5, np.inf], [0.5, 0.5], "gen has the sum inf"),
        (["a", "b"], [0.5, 0.5], "must be an array of numbers"),
        ([], [], "must be an array of numbers"),
    ],
)
def test_what_is_no_mass_is_refused(gen, real, said):
    with pytest.raises(InputError, match=said):
        divergence_sums(gen, real)


# ---- closed forms --------------------------------------------------------------------------------


def gaussian_pair(cells):
    """N(0.5, 1.3^2) as gen, N(0, 1.5^2) as real; 16 sd hold all the mass a float64 can tell."""
    grid = rg.Grid.regular(cells, -24, 24)
    return rg.preset("normal:mean=0.5,sd=1.3", grid), rg.preset("normal:mean=0,sd=1.5", grid)


def test_gaussians_have_their_closed_forms_to_second_order_of_the_cells():
    m, s, t = 0.5, 1.3, 1.5
    spread = (s * s + t * t) / (2 * s * t)
    a = 2 / (s * s) - 1 / (t * t)
    chi2 = (
        t / (s * s * math.sqrt(a)) * math.exp(-m * m / (s * s) + (2 * m / (s * s)) ** 2 / (2 * a))
    )
    expected = {
        "kl_gen_real": math.log(t / s) + (s * s + m * m) / (2 * t * t) - 0.5,
        "kl_real_gen": math.log(s / t) + (t * t + m * m) / (2 * s * s) - 0.5,
        "hellinger2": 1 - math.exp(-m * m / (4 * (s * s + t * t))) / math.sqrt(spread),
        "chi2_pearson": chi2 - 1,
    }
    errors = {name: [] for name in expected}
    sizes = (64, 128, 256, 512)
    for cells in sizes:
        gen, real = gaussian_pair(cells)
        found = rg.divergence(gen=gen, real=real)
        for name, value in expected.items():
            errors[name].append(abs(getattr(found, name) - value))
    for name, error in errors.items():
        order = -np.polyfit(np.log(sizes), np.log(error), 1)[0]
        assert order == pytest.approx(2, abs=0.05), name
        assert error[-1] < 1e-3 * expected[name]


def test_two_kl_to_the_mixture_is_kl_less_two_jsd():
    record = rg.divergence()
    mixed = record.value("kl-mix-real")
    assert mixed == pytest.approx(record.kl_gen_real - 2 * record.jsd, rel=1e-13)


@pytest.mark.parametrize("grid", [rg.Grid.regular(50, -2, 3), rg.Grid([np.geomspace(1, 9, 40)])])
def test_w1_on_the_line_is_scipys(grid):
    gen, real = (rg.Distribution.from_mass(x, grid) for x in random_pair(grid.size))
    centres = grid.centres[0]
    expected = wasserstein_distance(centres, centres, gen.mass, real.mass)
    assert wasserstein_line(gen=gen, real=real) == pytest.approx(expected, rel=1e-12)


# ---- the record ----------------------------------------------------------------------------------


def test_the_default_problem_has_the_published_numbers():
    found = rg.divergence()
    assert round(found.kl_gen_real, 6) == 0.416456
    assert round(found.kl_real_gen, 6) == 0.359277
    assert round(found.jsd, 6) == 0.090831
    assert round(found.js_distance, 6) == 0.301382
    assert round(found.tv, 6) == 0.365420
    assert round(found.wasserstein, 9) == 0.588179301
    assert round(found.bayes_accuracy, 3) == 0.683


def test_bits_are_nats_over_log_2_and_only_where_there_is_a_logarithm():
    nats, bits = rg.divergence(), rg.divergence(unit="bits")
    assert rg.divergence(base=2).to_dict() == bits.to_dict()
    for name in ("kl_gen_real", "kl_real_gen", "jsd", "jeffreys", "bhattacharyya"):
        assert getattr(bits, name) == pytest.approx(getattr(nats, name) / LOG_2, rel=1e-15)
    for name in ("tv", "hellinger2", "chi2_pearson", "chi2_neyman", "triangular", "wasserstein"):
        assert getattr(bits, name) == getattr(nats, name)
    p, q = nats.real.mass, nats.gen.mass
    assert nats.js_distance == pytest.approx(jensenshannon(p, q), rel=1e-13)
    assert bits.js_distance == pytest.approx(jensenshannon(p, q, base=2), rel=1e-13)
    assert bits.renyi(2) == pytest.approx(math.log2(1 + nats.chi2_pearson), rel=1e-13)
    assert nats.value("jsd", unit="bits") == pytest.approx(bits.jsd)


def test_transforms_of_rows():
    found = rg.divergence()
    assert found.bhattacharyya == pytest.approx(-math.log(1 - found.hellinger2), rel=1e-14)
    assert found.renyi() == pytest.approx(2 * found.bhattacharyya, rel=1e-13)
    assert found.renyi(1) == found.alpha(1) == found.kl_gen_real
    assert found.alpha(0) == found.kl_real_gen
    assert found.alpha() == pytest.approx(4 * found.hellinger2, rel=1e-13)
    assert found.alpha(2) == pytest.approx(found.chi2_pearson / 2, rel=1e-13)
    assert found.alpha(-1) == pytest.approx(found.chi2_neyman / 2, rel=1e-13)
    for order in (0.3, 0.999, 1.001, 3.0):
        p, q = found.real.mass, found.gen.mass
        direct = math.log(np.sum(q**order * p ** (1 - order))) / (order - 1)
        assert found.renyi(order) == pytest.approx(direct, rel=1e-10)
    assert rg.divergence(unit="bits").alpha(1) == pytest.approx(found.alpha(1))
    with pytest.raises(InputError, match="order must be positive"):
        found.renyi(-1)


def test_bhattacharyya_keeps_its_digits_where_the_overlap_is_tiny():
    found = rg.divergence(gen=[1.0, 1e-40], real=[1e-40, 1.0])
    assert found.bhattacharyya == pytest.approx(20 * math.log(10) - LOG_2, rel=1e-13)
    assert found.renyi(0.5) == pytest.approx(2 * found.bhattacharyya, rel=1e-13)
    near = rg.divergence(gen=[0.5 + 2**-34, 0.5 - 2**-34], real=[0.5, 0.5])
    assert near.bhattacharyya == pytest.approx(2.0**-67 * 0.5 * 2, rel=1e-6)


def test_what_is_infinite_says_which_mass_causes_it():
    found = rg.divergence(gen=[0, 3, 1], real=[2, 2, 0])
    assert found.singular_mass == 0.25 and found.missing_mass == 0.5
    assert set(found.infinite) == {
        *("kl_gen_real", "kl_real_gen", "jeffreys", "chi2_pearson", "chi2_neyman"),
    }
    assert found.infinite["kl_gen_real"] == {
        "because": "25% of gen lies where real has no mass",
        "mass": 0.25,
    }
    assert found.infinite["chi2_neyman"]["because"] == "50% of real lies where gen has no mass"
    assert "and" in found.infinite["jeffreys"]["because"]
    assert "25% of gen lies" in found.summary()
    found = rg.divergence(gen=[1.0, 0.0], real=[1e-310, 1.0])
    assert found.infinite["chi2_pearson"]["mass"] is None and math.isfinite(found.kl_gen_real)
    apart = rg.divergence(real="disjoint", gen="disjoint")
    assert apart.jsd == pytest.approx(LOG_2) and apart.tv == 1 and apart.renyi() == math.inf
    assert apart.renyi(2) == math.inf


def test_to_dict_is_strict_json_with_direction_and_unit():
    found = rg.divergence(gen=[0, 3, 1], real=[2, 2, 0]).to_dict()
    again = json.loads(json.dumps(jsonable(found), allow_nan=False))
    assert again["kl_gen_real"] == {
        "value": None,
        "infinite": True,
        "because": "25% of gen lies where real has no mass",
        "mass": 0.25,
        "direction": "gen||real",
        "unit": "nats",
    }
    assert again["jsd"]["largest"] == LOG_2 and again["tv"]["unit"] is None


def test_sources_of_a_record():
    grid = rg.Grid.categories(["a", "b", "c"])
    gen, real = (rg.Distribution.from_mass(m, grid) for m in ([1, 2, 3], [3, 2, 1]))
    found = rg.divergence(gen=gen, real=real)
    assert found.wasserstein is None and found.to_dict()["wasserstein"]["value"] is None
    assert "Wasserstein" not in found.summary()
    assert rg.divergence(gen=[1, 2, 3], real=real).tv == found.tv
    assert rg.divergence(gen=[1, 2, 3], real=[3, 2, 1]).wasserstein == pytest.approx(2 / 3)
    plane = rg.divergence(gen=np.ones((3, 4)), real=np.arange(12).reshape(3, 4))
    assert plane.real.grid.shape == (3, 4)
    assert plane.transport.lower <= plane.wasserstein <= plane.transport.upper
    assert rg.divergence(real="laplace").real.label.startswith("laplace")
    same = rg.divergence(gen="bimodal", real="bimodal")
    assert same.jsd == same.tv == same.wasserstein == 0
    assert same.finding.startswith("EQUAL") and "<table>" in same._repr_html_()
    with pytest.raises(InputError, match="same cells, got the shapes"):
        rg.divergence(gen=[1, 2], real=[1, 2, 3])
    with pytest.raises(InputError, match="one grid"):
        rg.divergence(gen=gen, real=rg.preset("normal"))
    with pytest.raises(InputError, match="base must be 2"):
        rg.divergence(base=10)
    with pytest.raises(InputError, match="unit must be one of"):
        rg.divergence(unit="bans")


def test_singular_mass_is_kept_refused_or_dropped():
    pair = {"gen": [0, 3, 1], "real": [2, 2, 0]}
    with pytest.raises(SingularMassError, match="25% of the generator's mass"):
        rg.divergence(**pair, singular="error")
    found = rg.divergence(**pair, singular="restrict")
    assert found.singular_mass == 0 and found.kl_gen_real == pytest.approx(LOG_2)


# ---- the table -----------------------------------------------------------------------------------


def test_the_table_is_that_of_the_catalogue():
    assert list(ROWS) == list(DIVERGENCES) and len(ROWS) == 24
    assert [check.row for check in rg.table()] == list(ROWS.values())
    assert set(CORE) <= set(ROWS)


@pytest.mark.parametrize("name", [*ROWS, *WITH_PARAMETERS])
def test_every_row_holds(name):
    (check,) = rg.table(name)
    assert check.ok, check.errors
    assert check.max_error < LIMIT and not check.wrong
    assert check.row.f(1.0) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("name", [*ROWS, *WITH_PARAMETERS])
def test_a_row_measures_what_its_f_says(name):
    row = divergence_row(name)
    gen, real = random_pair(40, seed=2, power=2)
    q, p = gen / gen.sum(), real / real.sum()
    assert row.of(gen=gen, real=real) == pytest.approx((p * row.f(q / p)).sum(), rel=1e-11)
    # a quarter of p_g where p_r = 0: priced at f'(inf); p_r where p_g = 0 at f(0)
    found = row.of(gen=[0, 3, 1], real=[2, 2, 0])
    by_hand = 0.5 * row.value_at_zero + 0.5 * float(row.f(1.5)) + 0.25 * row.slope_at_infinity
    assert found == pytest.approx(by_hand, rel=1e-13)
    both = row.of(gen=np.array([q, p]), real=p)
    assert both.shape == (2,) and both[1] == 0


@pytest.mark.parametrize("name", [*ROWS, *WITH_PARAMETERS])
def test_slope_curvature_and_range_of_a_row(name):
    row = divergence_row(name)
    step = 1e-6
    slope = float(row.f(1 + step) - row.f(1 - step)) / (2 * step)
    assert row.slope_at_one == pytest.approx(slope, abs=1e-8)
    assert row.of(gen=[1, 0], real=[0, 1]) == pytest.approx(row.range[1], rel=1e-14)
    if row.curvature == row.curvature:
        real = np.array([0.3, 0.2, 0.5])
        gen = real + 1e-5 * np.array([1, 1, -2])
        second = row.curvature / 2 * np.sum((gen - real) ** 2 / real)
        assert row.of(gen=gen, real=real) == pytest.approx(second, rel=1e-3, abs=1e-20)
    assert json.dumps(jsonable(row.to_dict()), allow_nan=False)


WRONG = {
    "f(1) = 0": {"_f": lambda s: 0.5 * (s - 1) ** 2 + 1e-6},
    "convex": {"_f": lambda s: 0.5 * (s - 1) ** 2 * np.where(s > 5, 0.5, 1.0)},
    "conjugate": {"_conjugate": lambda t: t + 0.5 * t * t + 1e-6 * t},
    "variational bound": {"_conjugate": lambda t: t + 0.49 * t * t},
    "subgradient": {"_optimal": lambda s: 1.001 * (s - 1)},
    "f from its conjugate": {"_conjugate": lambda t: t + 0.51 * t * t},
    "limits": {"value_at_zero": 0.6},
    "curvature": {"curvature": 1.001},
}


@pytest.mark.parametrize("check", WRONG)
def test_a_wrong_row_is_found_out(check):
    right = replace(
        divergence_row("chi2-pearson"),
        value_at_zero=0.5,
        curvature=1.0,
        _f=lambda s: 0.5 * (s - 1) ** 2,
        _conjugate=lambda t: t + 0.5 * t * t,
        _optimal=lambda s: s - 1,
    )
    assert rg.table(right)[0].ok
    (found,) = rg.table(replace(right, **WRONG[check]))
    assert not found.ok and check in found.wrong and found.max_error > LIMIT


def test_wrong_losses_slopes_and_nan_are_found_out():
    row = ROWS["square"]
    for change in (
        {"plus": lambda h: (1 - h) ** 2 / 4, "minus": lambda h: (1 + h) ** 2 / 4},
        {"shift": 1.9},
    ):
        (found,) = rg.table(replace(row, losses=replace(row.losses, **change)))
        assert "brute force over h" in found.wrong
    best = replace(row.losses, best=lambda s: (s - 1) / (1 + s))
    assert rg.table(replace(row, losses=best))[0].wrong == ("h* attains it",)
    for slope in (0.4, math.inf):
        assert "limits" in rg.table(replace(ROWS["jsd"], slope_at_infinity=slope))[0].wrong
    (found,) = rg.table(replace(ROWS["jsd"], _f=lambda s: s * np.nan))
    assert not found.ok


@pytest.mark.parametrize("name", [*ROWS, *WITH_PARAMETERS])
def test_metrics_keep_the_triangle_inequality(name):
    row = divergence_row(name)
    if row.metric_power is None:
        return
    for seed in range(40):
        a, b, c = np.random.default_rng(seed).dirichlet(np.full(3, 0.3), 3)
        ab, bc, ac = (
            row.of(gen=x, real=y) ** row.metric_power for x, y in ((a, b), (b, c), (a, c))
        )
        assert ac <= (ab + bc) * (1 + 1e-12)
        assert row.of(gen=b, real=a) ** row.metric_power == pytest.approx(ab, rel=1e-9)


def test_f_gans_rows_are_its_own_f_of_one_over_r():
    printed = {
        "fgan-kl": lambda u: u * np.log(u),
        "fgan-reverse-kl": lambda u: -np.log(u),
        "fgan-pearson": lambda u: (u - 1) ** 2,
        "fgan-hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
        "fgan-js": lambda u: u * np.log(u) - (1 + u) * np.log((1 + u) / 2),
        "fgan-gan": lambda u: u * np.log(u) - (1 + u) * np.log(1 + u) + 2 * LOG_2,
    }
    gen, real = random_pair(30, power=1)
    q, p = gen / gen.sum(), real / real.sum()
    for name, f in printed.items():
        assert (q * f(p / q)).sum() == pytest.approx(ROWS[name].of(gen=q, real=p), rel=1e-12)


def test_what_the_slides_print_differs_from_the_losses_as_said():
    printed = {
        "0-1": lambda s: 0.5 * np.abs(s - 1),
        "log": lambda s: -np.log(1 + s) - s * np.log((1 + s) / s),
        "square": lambda s: -s / (1 + s) + 0.5,
        "exponential": lambda s: -2 * np.sqrt(s) + 2,
        "boosting": lambda s: -2 * np.sqrt(s) + 2,
    }
    gen, real = random_pair(30, power=1)
    q, p = gen / gen.sum(), real / real.sum()
    for name, f in printed.items():
        row = ROWS[name]
        shift = 2 * LOG_2 if name == "log" else 0.0
        assert row.losses.scale * ((p * f(q / p)).sum() + shift) == pytest.approx(
            row.of(gen=q, real=p), rel=1e-12
        )
    named = [name for name, row in ROWS.items() if row.losses and row.losses.printed]
    assert named == ["0-1", "log", "square", "cw", "boosting"]


def test_a_cost_weight_other_than_a_half_sees_no_small_difference():
    real, gen = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    assert ROWS["cw"].of(gen=gen, real=real) == 0 and not ROWS["cw"].strict
    assert divergence_row("cw:c=0.5").of(gen=gen, real=real) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jds", "Nearest: jsd"),
        ("kl", "Nearest: kl-gen-real, kl-real-gen"),
        ("js", "Nearest: jsd"),
        ("jsd:a=1", 'has no parameter "a"'),
        ("alpha:alpha=1", "Its limit is kl-gen-real"),
        ("alpha:alpha=0", "Its limit is kl-real-gen"),
        ("alpha:alpha=x", "alpha must be a"),
        ("cw:c=1", "between 0 and 1"),
        ("js-weighted:w=0", "w must lie between 0 and 1"),
    ],
)
def test_bad_names_are_answered_with_the_nearest(name, said):
    with pytest.raises(InputError, match=said):
        rg.table(name)


def test_names_of_rows():
    assert divergence_row("alpha", alpha=2).name == "alpha:alpha=2"
    assert divergence_row(ROWS["jsd"]) is ROWS["jsd"]
    assert [check.name for check in rg.table(["jsd", "tv"])] == ["jsd", "tv"]
