"""Wasserstein-1 of samples with several columns: bounds, floor, p-value, where there is none."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import ratiogan as rg
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.twosample import ground
from ratiogan.twosample.ground import MOST_CELLS, PERMUTATIONS, measure_ground

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
