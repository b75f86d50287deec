"""`diagnose` end to end: cells, verdicts, marginals, text and records."""

import math

import numpy as np
import pytest

import ratiogan as rg
from ratiogan.divergences import CORE
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.text import jsonable
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.cells import bin_pair
from ratiogan.twosample.diagnosis import diagnose, diagnose_pair
from ratiogan.twosample.marginals import compare_marginals
from ratiogan.twosample.samples import read_pair

RING = "ring8", "ring8:drop=4,thin=7,n=10000"


@pytest.fixture(scope="module")
def ring():
    return diagnose(*RING)


def normal(n, seed, d=1, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1.0, size=(n, d))


# --- cells ---------------------------------------------------------------------------------------


def test_the_cells_are_halved_until_noise_is_a_tenth():
    binned = bin_pair(read_pair(*RING))
    assert binned.grid.shape == (32, 32) and binned.is_auto
    assert [other[0].grid.shape for other in binned.others] == [(16, 16), (64, 64)]


def test_coarser_and_finer_cells_hold_the_same_rows():
    pair = read_pair(normal(1000, 0, 2), normal(500, 1, 2))
    binned = bin_pair(pair, "24x10")
    assert binned.grid.shape == (24, 10)
    for real, gen in binned.others:
        assert real.inside == 1000 and gen.inside == 500
        # The same as counting there anew.
        again = Counts(real.grid).add(normal(1000, 0, 2))
        assert np.array_equal(real.counts, again.counts)


def test_equal_samples_are_not_cut_further():
    binned = bin_pair(read_pair(normal(5000, 0), normal(5000, 1)))
    assert binned.grid.shape == (16,)


def test_small_samples_get_few_cells():
    binned = bin_pair(read_pair(normal(28, 0), normal(72, 1)))
    assert binned.grid.shape == (4,)


def test_counts_and_categories_keep_their_values():
    rng = np.random.default_rng(0)
    binned = bin_pair(read_pair(rng.poisson(3, 500), rng.poisson(4, 500)))
    assert binned.grid.axes[0].kind == "counts" and binned.others == ()


def test_counted_sources_bring_their_cells():
    grid = rg.Grid.regular(10, -5, 5)
    real = Counts(grid, "real").add(normal(1000, 0)[:, 0])
    found = diagnose(real=real, gen=normal(1000, 1, mean=0.5))
    assert found.grid.same_as(grid)
    with pytest.raises(InputError, match="has its own cells"):
        diagnose(real=real, gen=normal(100, 1), grid=20)
    other = Counts(rg.Grid.regular(5, -5, 5), "other").add([0.0] * 30)
    with pytest.raises(InputError, match="same cells"):
        diagnose(real=real, gen=other)


# --- verdicts ------------------------------------------------------------------------------------


def test_the_ring_with_a_mode_dropped_and_one_thinned(ring):
    assert ring.verdict == "different" and ring.jsd.pvalue == pytest.approx(1 / 2001)
    assert ring.jsd.ci[0] < ring.jsd.estimate < ring.jsd.ci[1] < ring.jsd.value
    # The mixture of the modes gives JSD 0.0597 (shares 0, 0.3 and 1 of 6.3 against 1 of 8).
    shares = np.array([0, 0.3, 1, 1, 1, 1, 1, 1]) / 6.3
    middle = (shares + 1 / 8) / 2
    terms = [
        np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / middle), 0).sum()
        for p in (shares, np.full(8, 1 / 8))
    ]
    assert ring.jsd.ci[0] < 0.5 * sum(terms) < ring.jsd.ci[1]
    worst = ring.regions[0]
    assert worst.verdict == "MISSING"
    assert np.allclose(worst.centre, (-math.sqrt(2), math.sqrt(2)), atol=0.1)
    assert [region.verdict for region in ring.regions].count("over-produced") == 6
    assert ring.divergences["kl-gen-real"].infinite and ring.divergences["kl-real-gen"].infinite
    assert 0.85 < ring.precision_recall.recall < 0.89


def test_identical_samples_are_exactly_equal():
    x = normal(500, 0)
    found = diagnose(real=x, gen=x)
    assert found.verdict == "not-distinguishable"
    assert found.jsd.estimate == 0 and found.jsd.value == 0 and found.jsd.pvalue == 1
    assert found.regions == () and found.finding.startswith("NOT DISTINGUISHABLE: JSD 0 raw,")


def test_swapping_real_and_gen_swaps_the_kls():
    # Two categories that both have: nothing is infinite.
    real, gen = np.repeat([0, 1], [700, 300]), np.repeat([0, 1], [500, 500])
    one, other = diagnose(real=real, gen=gen), diagnose(real=gen, gen=real)
    for name, mirror in (("kl_gen_real", "kl_real_gen"), ("chi2_pearson", "chi2_neyman")):
        assert getattr(one, name).value == pytest.approx(getattr(other, mirror).value, rel=1e-12)
    assert one.jsd.value == pytest.approx(other.jsd.value, rel=1e-12)
    low, high = one.ratio_band
    back_low, back_high = other.ratio_band
    assert np.allclose(low * back_high, 1) and np.allclose(high * back_low, 1)


def test_real_against_real_is_rejected_no_more_often_than_it_says():
    # 60 runs at level 5 %: 9 or more rejections have a chance of 0.3 %.
    rejected = 0
    for seed in range(60):
        x = normal(300, 1000 + seed)
        found = diagnose(real=x[:180], gen=x[180:], resamples=200, rng=seed)
        rejected += found.verdict == "different"
    assert rejected <= 8


def test_a_collapsed_generator_is_rejected():
    found = diagnose(real=normal(400, 0), gen=np.full(200, 0.3), rng=1)
    assert found.verdict == "different" and found.jsd.estimate > 0.4


def test_the_wasserstein_distance_is_that_of_the_cells():
    from scipy.stats import wasserstein_distance

    found = diagnose(real=normal(500, 0), gen=normal(400, 1, mean=0.7))
    centres = found.grid.centres[0]
    expected = wasserstein_distance(centres, centres, found.real.counts, found.gen.counts)
    assert found.wasserstein.value == pytest.approx(expected, rel=1e-12)


def test_bits_are_nats_over_log_two():
    real, gen = normal(500, 0), normal(500, 1, mean=0.7)
    nats, bits = diagnose(real=real, gen=gen), diagnose(real=real, gen=gen, unit="bits")
    assert bits.jsd.estimate == pytest.approx(nats.jsd.estimate / math.log(2))
    assert bits.detectable == pytest.approx(nats.detectable / math.log(2))
    assert bits.tv.value == nats.tv.value
    assert "of its maximum 1 bit" in bits.finding


def test_the_same_seed_gives_the_same_numbers():
    one, other = (diagnose("normal:n=300", "laplace:n=300", rng=7) for _ in range(2))
    assert jsonable(one.to_dict()) == jsonable(other.to_dict())
    assert diagnose("normal:n=300", "laplace:n=300", rng=8).jsd.value != one.jsd.value


def test_rows_outside_the_domain_are_counted():
    found = diagnose(real=normal(500, 0), gen=normal(500, 1), domain="-1:1")
    assert any("of real lie outside the domain" in text for text in found.warnings)
    assert found.real.outside > 0 and found.real.rows == 500


def test_too_few_rows():
    with pytest.raises(CannotMeasure, match="gen has 3 rows, 20 are needed"):
        diagnose(real=normal(100, 0), gen=normal(3, 1))


# --- classes, projections, many columns -----------------------------------------------------------


def test_classes_are_compared_beside_the_columns():
    rng = np.random.default_rng(0)
    found = diagnose(
        real=normal(600, 0),
        gen=normal(600, 1),
        labels_real=rng.choice(["cat", "dog"], 600),
        labels_gen=np.repeat(["cat"], 600),
    )
    assert {row.label for row in found.classes} >= {"class dog"}
    dog = next(row for row in found.classes if row.label == "class dog")
    assert dog.verdict == "MISSING" and "class dog" in found.summary()


def test_many_columns_are_compared_one_and_two_at_a_time():
    real, gen = normal(400, 0, 4), normal(400, 1, 4)
    gen[:, 2] += 1.0
    found = diagnose(real=real, gen=gen, rng=0)
    assert found.grid is None and len(found.columns) == 4 and len(found.pairs) == 6
    assert found.columns[0].names == ("y2",) and found.columns[0].different
    # The others have true p-values; at most a tenth of what is found may be false, on average.
    assert all("y2" in pair.names and pair.different for pair in found.pairs[:3])
    assert min(column.pvalue_adjusted for column in found.columns[1:]) > 0.005
    assert "--project pca:2" in found.summary()
    with pytest.raises(InputError, match="at most 3 columns"):
        diagnose(real=real, gen=gen, grid=10)


def test_a_correlation_shows_in_a_pair_only():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(1500, 4))
    gen = rng.normal(size=(1500, 4))
    gen[:, 1] = 0.8 * gen[:, 0] + 0.6 * gen[:, 1]
    found = diagnose(real=real, gen=gen)
    assert not any(column.different for column in found.columns)
    assert found.pairs[0].names == ("y0", "y1") and found.pairs[0].different


def test_no_column_differs_between_equal_samples():
    # Each run errs with a chance of 5 % at the most: 5 or more of 20 have one of 0.3 %.
    errors = 0
    for seed in range(20):
        x = normal(400, 50 + seed, 5)
        pair = read_pair(x[:200], x[200:])
        columns, pairs, _ = compare_marginals(pair, 0.95, 200, seed, "nats")
        errors += any(marginal.different for marginal in (*columns, *pairs))
    assert errors <= 4


def test_a_projection_is_a_lower_bound():
    real, gen = normal(800, 0, 6), normal(800, 1, 6, mean=0.4)
    found = diagnose(real=real, gen=gen, project="pca:2")
    assert found.projected and found.grid.ndim == 2
    assert "at least" in found.finding and "JSD >=" in found.summary()


# --- what is said --------------------------------------------------------------------------------


def test_no_line_is_wider_than_120(ring):
    found = diagnose(real=normal(300, 0, 5), gen=normal(300, 1, 5))
    for text in (ring.summary(), ring.summary(all_rows=True), found.summary()):
        assert text.isascii()
        assert max(map(len, text.split("\n"))) <= 120


def test_the_report_names_every_number(ring):
    text = ring.summary()
    for words in ("JSD", "KL(gen || real)", "sensitivity", "power:", "precision", "MISSING"):
        assert words in text
    assert "The verdict does not depend on the grid." in text
    assert ring.markdown().startswith("**DIFFERENT") and "| JSD |" in ring.markdown()


def test_the_record_is_strict_json(ring):
    import json

    found = json.loads(json.dumps(jsonable(ring.to_dict()), allow_nan=False))
    assert set(CORE) <= set(found["divergences"])
    assert found["divergences"]["kl-gen-real"]["infinite"] is True
    assert found["divergences"]["jsd"]["floor"] == ring.jsd.floor


def test_a_pair_that_was_read_gives_the_same():
    pair = read_pair(*RING, seed=0)
    assert diagnose_pair(pair, seed=0).jsd.value == diagnose(*RING).jsd.value


def test_arguments_are_checked():
    for arguments in ({"level": 95}, {"resamples": 3}, {"unit": "bans"}, {"rng": -1}):
        with pytest.raises(InputError, match=next(iter(arguments))):
            diagnose(real=normal(50, 0), gen=normal(50, 1), **arguments)


def test_a_column_of_categories():
    real, gen = np.repeat(["a", "b", "c"], [300, 200, 100]), np.repeat(["a", "c"], [300, 300])
    found = diagnose(real=real, gen=gen)
    assert found.grid.axes[0].kind == "categories" and found.verdict == "different"
    assert found.regions[0].verdict == "MISSING" and found.regions[0].label == "y b"
    assert rg.modes(real=real, gen=gen).finding.endswith("1 MISSING.")


def test_columns_of_one_value_are_left_out():
    real, gen = normal(300, 0, 5), normal(300, 1, 5)
    real[:, 2] = gen[:, 2] = 0.5
    real[:, 4] = gen[:, 4] = 0.0
    found = diagnose(real=real, gen=gen)
    assert [marginal.names[0] for marginal in sorted(found.columns, key=lambda m: m.names)] == [
        "y0",
        "y1",
        "y3",
    ]
    assert "left out, one value in both samples: y2, y4." in found.warnings
    with pytest.raises(InputError, match=r"column y1 has one value only .* Leave it out"):
        diagnose(real=real[:, :3:2], gen=gen[:, :3:2])


def test_the_headline_names_the_worst():
    rng = np.random.default_rng(0)
    real, gen = rng.normal(size=(2000, 4)), rng.normal(size=(2000, 4))
    gen[:, 0] += 0.15
    gen[:, 3] = gen[:, 2]
    found = diagnose(real=real, gen=gen)
    assert found.columns[0].different and "worst y2 x y3" in found.finding


def test_intervals_stay_in_the_range():
    found = diagnose(real=np.zeros(100), gen=np.ones(100))
    for name, most in (("jsd", math.log(2)), ("tv", 1), ("hellinger2", 1), ("triangular", 2)):
        measured = found.divergences[name]
        assert measured.estimate <= measured.ci[1] <= most


def test_far_values_do_not_blind_the_cells():
    # Equal cells of the range would hold all rows but one in the first.
    real, gen = normal(3000, 0), normal(3000, 1, mean=0.3)
    gen[0] = 1e6
    found = diagnose(real=real, gen=gen)
    assert found.grid.axes[0].kind == "uneven" and found.verdict == "different"
    assert found.real.outside == found.gen.outside == 0
    assert rg.modes(real=real, gen=gen).finding == "1 of 1 mode covered."
    rng = np.random.default_rng(0)
    heavy = diagnose(real=rng.standard_cauchy(5000), gen=1.3 * rng.standard_cauchy(5000))
    # The JSD of Cauchy distributions of scales 1 and 1.3, by quadrature.
    assert heavy.verdict == "different" and heavy.jsd.ci[0] < 0.0043 < heavy.jsd.ci[1]


def test_cells_of_equal_shares_reject_no_more_often():
    # 60 runs at level 5 %: 9 or more rejections have a chance of 0.3 %.
    rejected = 0
    for seed in range(60):
        x = np.random.default_rng(seed).standard_cauchy(600)
        found = diagnose(real=x[:300], gen=x[300:], resamples=200, rng=seed)
        rejected += found.verdict == "different"
    assert rejected <= 8


def test_names_are_no_categories(tmp_path):
    numbers = normal(200, 0, 2)
    path = tmp_path / "commas.csv"
    rows = [f"{a:.4f};{b:.4f}".replace(".", ",") for a, b in numbers]
    path.write_text("\n".join(["a;b", *rows]))
    with pytest.raises(InputError, match=r"column a has .* different texts in 200 rows"):
        diagnose(real=str(path), gen=str(path))


def test_what_speaks_against_the_verdict_is_said():
    # Two modes in one coarse cell: the finding depends on the grid.
    rng = np.random.default_rng(0)
    real = rng.uniform(-1, 1, 3000)
    gen = rng.uniform(-1, 1, 3000)
    gen = np.where(np.sin(60 * gen) > 0, gen, gen + np.pi / 60)
    found = diagnose(real=real, gen=gen, grid=8, domain="-1:1")
    verdicts = {row["pvalue"] <= 0.05 for row in found.sensitivity}
    assert ("The verdict depends on the grid." in found.finding) == (len(verdicts) == 2)


def test_far_values_do_not_rule_the_figure():
    rng = np.random.default_rng(0)
    found = diagnose(real=rng.standard_cauchy(2000), gen=rng.standard_cauchy(2000))
    panel = found.plot().axes[0]
    assert -200 < panel.get_xlim()[0] < panel.get_xlim()[1] < 200
    assert f"{found.grid.axes[0].high:.3g}" in panel.get_xlabel()
