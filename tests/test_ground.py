"""Wasserstein-1 of samples with several columns: bounds, floor, p-value, where there is none."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

import ratiogan as rg
from benchmarks import ground_coverage
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.twosample import ground
from ratiogan.twosample.ground import MOST_CELLS, PERMUTATIONS, can_exclude_0, measure_ground
from ratiogan.twosample.replicates import Replicates

EDGES = [np.arange(9.0), np.arange(9.0)]


def drawn(seed, shift=0.0, n=400, d=2):
    return np.random.default_rng(seed).normal(shift, 1, size=(n, d))


def counted(seed, shift=0.0, n=400):
    return np.histogramdd(drawn(seed, shift, n), bins=[np.linspace(-4, 5, 9)] * 2)[0].astype(int)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_a_shift_is_found_and_measured(metric):
    found = measure_ground(counted(0), counted(1, 1.0), EDGES, metric=metric)
    assert found.bounds[0] <= found.value <= found.bounds[1] and found.metric == metric
    assert found.pvalue == 1 / (PERMUTATIONS + 1) and found.resamples == PERMUTATIONS
    assert found.floor < 0.4 * found.value and found.floor <= found.floor_upper
    length = {"euclidean": np.sqrt(2), "manhattan": 2.0}[metric] * 8 / 9  # in cells
    assert found.ci[0] < length < found.ci[1]
    again = measure_ground(counted(0), counted(1, 1.0), EDGES, metric=metric)
    assert again == found


def test_equal_laws_are_not_told_apart():
    found = measure_ground(counted(6), counted(7), EDGES, metric="manhattan")
    assert found.pvalue > 0.05 and found.ci[0] == 0
    same = measure_ground(counted(2), counted(2), EDGES, metric="manhattan")
    assert same.value == 0 and same.pvalue == 1


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.98, 0.99, 0.999])
def test_interval_is_above_0_only_where_the_pvalue_says_so(level, monkeypatch):
    # A rule that always says "above 0", and p-values on both sides of (1 - level)/2.
    monkeypatch.setattr(ground.intervals, "ground", lambda value, *_: (value, value / 2, value))
    found = []
    for rank in range(PERMUTATIONS + 1):
        null = np.where(np.arange(PERMUTATIONS) < rank, 9.0, 0.1)  # `rank` of them are above
        law = Replicates(null, null, null, null, np.empty(0), np.empty(0))
        monkeypatch.setattr(ground, "_replicates", lambda *_, law=law: law)
        found.append(measure_ground(counted(0), counted(1, 1.0), EDGES, metric="manhattan",
                                    level=level))  # fmt: skip
    ranks = np.arange(1, PERMUTATIONS + 2)
    assert [one.pvalue for one in found] == (ranks / (PERMUTATIONS + 1)).tolist()
    # In whole numbers: 2 rank/100 <= 1 - level.
    above = [one.ci[0] > 0 for one in found]
    assert above == (20 * ranks <= round(1000 * (1 - level))).tolist()
    assert can_exclude_0(level) == (level <= 0.98) == any(above)


def test_diagnosis_says_where_the_level_is_beyond_the_permutations():
    said = "starts at 0 whatever the samples: above 0 at level 0.999 takes p <= 0.0005"
    real, gen = drawn(0), drawn(1, 0.7)
    quick = {"rng": 0, "resamples": 100}
    found = rg.diagnose(real, gen, level=0.999, grid="8x8", metric="manhattan", **quick)
    assert found.wasserstein.ci[0] == 0 < found.wasserstein.estimate
    assert [said in warning for warning in found.warnings].count(True) == 1
    found = rg.diagnose(real, gen, level=0.98, grid="8x8", metric="manhattan", **quick)
    assert found.wasserstein.ci[0] > 0
    assert not any("Wasserstein" in warning for warning in found.warnings)
    # On one axis all `resamples` permutations are made.
    found = rg.diagnose(real[:, :1], gen[:, :1], level=0.999, **quick)
    assert not any("Wasserstein" in warning for warning in found.warnings)


@pytest.mark.parametrize("name", ground_coverage.PAIRS)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_simulated_coverage_is_of_the_true_distance(name, metric):
    ot = pytest.importorskip("ot")
    real, gen, edges = ground_coverage.PAIRS[name][0]()
    assert real.sum() == pytest.approx(1) and gen.sum() == pytest.approx(1)
    centres = (edges[1:] + edges[:-1]) / 2
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    costs = cdist(points, points, {"manhattan": "cityblock"}.get(metric, metric))
    expected = ot.emd2(real.ravel() / real.sum(), gen.ravel() / gen.sum(), costs)
    found = ground_coverage.true_value(real, gen, edges, metric)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_intervals_hold_the_truth_mostly():
    # Measured at large by `python -m benchmarks ground-coverage`: 98 % of 400.
    found = ground_coverage.simulate("moved by 0.4 sd", "manhattan", 20)
    assert found["covered"] >= 0.9 and found["found"] == 1 and abs(found["bias"]) < 1


def test_one_row_of_cells_is_the_line():
    real, gen = counted(4)[3:4], counted(5, 0.5)[3:4]
    found = measure_ground(real, gen, [EDGES[0][:2], EDGES[1]])
    y = np.arange(8.0)
    expected = wasserstein_distance(y, y, real[0], gen[0])
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_many_cells_are_not_resampled():
    side = int(np.sqrt(MOST_CELLS)) + 1
    bins = np.linspace(-4, 5, side + 1)
    real, gen = (
        np.histogramdd(drawn(i, 0.5 * i), bins=[bins, bins])[0].astype(int) for i in (0, 1)
    )
    found = measure_ground(real, gen, [bins, bins], metric="manhattan")
    assert found.pvalue is None and found.ci is None and np.isnan(found.floor)
    assert found.to_dict()["estimate"] is None and found.to_dict()["ci"] == [None, None]
    diagnosis = rg.diagnose(drawn(0), drawn(1, 0.5), grid=f"{side}x{side}", metric="manhattan")
    text = diagnosis.summary()
    assert "too many cells to resample: try --grid 32x32" in text
    with pytest.raises(CannotMeasure, match="not resampled"):
        check_of(drawn(0), drawn(1, 0.5), side)


def check_of(real, gen, side):
    found = rg.check(real, gen, grid=f"{side}x{side}", max={"wasserstein": 1.0})
    assert found.exit_code == 4
    raise CannotMeasure(found.checks[0].because)


def test_diagnosis_of_two_columns_has_it():
    found = rg.diagnose(drawn(0), drawn(1, 0.7), rng=0, metric="manhattan")
    measured = found.wasserstein
    assert measured.metric == "manhattan" and measured.unit == "data"
    text = found.summary()
    (row,) = [line for line in text.splitlines() if line.startswith("  Wasserstein-1   ")]
    assert row.endswith("units of the data") and "0.01" in row
    assert "manhattan, between cell centres; raw value within [" in text
    assert max(map(len, text.splitlines())) <= 120
    assert found.to_dict()["divergences"]["wasserstein"]["bounds"][0] <= measured.value


def test_a_limit_on_it_is_tested():
    found = rg.check(drawn(0), drawn(1, 0.7), max={"wasserstein": 0.1})
    assert found.exit_code == 3 and found.checks[0].ci[0] > 0.1


def test_other_limits_do_not_pay_for_it(monkeypatch):
    monkeypatch.setattr(ground, "euclidean", lambda *a, **k: pytest.fail("solved for nothing"))
    assert rg.check(drawn(0), drawn(1), max={"jsd": 0.5}).exit_code == 0


def test_categories_have_none_and_unknown_metrics_are_refused():
    table = np.column_stack([drawn(0)[:, 0], np.repeat([0.0, 1.0], 200)])
    found = rg.diagnose(table, table[::-1], categorical=[1])
    assert "wasserstein" not in found.divergences
    with pytest.raises(InputError, match="Nearest: euclidean"):
        rg.diagnose(drawn(0), drawn(1), metric="euclid")
