"""Sums with a fixed association: whoever sums the spans comes to the same bytes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratiogan.sums import (
    CHUNK,
    GROUP,
    SPAN,
    chunk_sums,
    folded,
    group_sums,
    in_order,
    ordered_sum,
    span_sums,
)


@pytest.mark.parametrize("size", [1, 7, CHUNK, CHUNK + 1, 5 * CHUNK + 3, SPAN, 2 * SPAN + 5])
def test_the_sum_is_that_of_exact_arithmetic(size):
    values = np.random.default_rng(size).normal(size=size)
    weights = np.random.default_rng(size + 1).random(size)
    exact = math.fsum((values * weights).tolist())
    assert ordered_sum(values, weights) == pytest.approx(exact, rel=1e-14, abs=1e-9)
    assert ordered_sum(values) == pytest.approx(math.fsum(values.tolist()), rel=1e-14, abs=1e-9)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_spans_summed_apart_lead_to_the_same_bytes(cut):
    values = np.random.default_rng(0).lognormal(size=4 * SPAN - 12345)
    parts = [span_sums(values[: cut * SPAN]), span_sums(values[cut * SPAN :])]
    assert folded(np.concatenate(parts)) == ordered_sum(values)


@given(st.integers(1, 3 * GROUP * GROUP), st.integers(0, 2**32 - 1))
def test_groups_folded_apart_lead_to_the_same_bytes(count, seed):
    parts = np.random.default_rng(seed).normal(size=count)
    assert in_order(group_sums(parts)) == in_order(parts)


def test_other_layouts_and_types_are_read_in_memory_order():
    values = np.arange(24.0).reshape(4, 6)
    assert chunk_sums(values).tolist() == [276.0]
    assert ordered_sum(np.array([True, False, True])) == 2.0
    assert ordered_sum(np.array([1, 2, 3])) == 6.0


def test_nan_and_infinity_are_passed_on():
    assert math.isnan(ordered_sum(np.array([1.0, math.nan])))
    assert ordered_sum(np.array([1.0, math.inf])) == math.inf
