"""The c-transform against all pairs of cells, one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan.errors import InputError
from ratiogan.transport.c_transform import c_transform, near_pairs

SHAPES = [(1,), (7,), (1, 9), (20, 23), (33, 4), (9, 10, 11), (5, 1, 6), (2, 2, 2)]


def distances(centres):
    """|x - y| for all pairs of cells."""
    points = np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, len(centres))
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))


def by_all_pairs(values, mask, centres):
    costs = distances(centres) + np.where(mask, values, np.inf).ravel()
    return costs.min(axis=1).reshape(values.shape)


def places(shape, rng, even):
    return [np.arange(float(n)) if even else np.cumsum(rng.uniform(0.1, 3.0, n)) for n in shape]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_least_over_all_pairs(shape, even, share):
    rng = np.random.default_rng(len(shape))
    centres = places(shape, rng, even)
    every = distances(centres)
    for steepness in (0.1, 1.0, 10.0):
        values = steepness * rng.standard_normal(shape)
        mask = rng.random(shape) < share
        mask.flat[rng.integers(mask.size)] = True
        found, nearest = c_transform(values, mask, centres)
        np.testing.assert_allclose(found, by_all_pairs(values, mask, centres), atol=1e-13)
        assert mask.flat[nearest.ravel()].all()
        reached = values.flat[nearest.ravel()] + every[np.arange(mask.size), nearest.ravel()]
        np.testing.assert_allclose(reached, found.ravel(), atol=1e-13)


def test_values_that_tie_along_rays():
    # A cone over a grid: every cell towards its tip attains the minimum, to round-off.
    centres = [np.arange(40.0), np.arange(40.0)]
    cone = np.hypot(*np.meshgrid(centres[0] - 3.0, centres[1] - 8.0, indexing="ij"))
    found, _ = c_transform(cone, np.ones(cone.shape, dtype=bool), centres)
    np.testing.assert_allclose(found, cone, atol=1e-13)


def test_the_result_is_1_lipschitz_over_all_pairs():
    rng = np.random.default_rng(3)
    centres = places((32, 32), rng, even=False)
    values = 4.0 * rng.standard_normal((32, 32))
    found, _ = c_transform(values, rng.random((32, 32)) < 0.4, centres)
    apart = distances(centres)
    np.fill_diagonal(apart, 1.0)
    steep = np.abs(found.ravel()[:, None] - found.ravel()[None]) / apart
    assert steep.max() <= 1.0 + 1e-12
    again, _ = c_transform(found, np.ones(found.shape, dtype=bool), centres)
    np.testing.assert_allclose(again, found, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-9, 1.0, 1e6]),
)
def test_any_scale_of_values(rows, columns, seed, scale):
    rng = np.random.default_rng(seed)
    centres = places((rows, columns), rng, even=seed % 2)
    values = scale * rng.integers(-3, 4, (rows, columns))
    mask = np.ones(values.shape, dtype=bool)
    found, _ = c_transform(values, mask, centres)
    expected = by_all_pairs(values, mask, centres)
    np.testing.assert_allclose(found, expected, atol=1e-13 * max(1.0, scale))


def test_only_what_is_asked_for():
    rng = np.random.default_rng(5)
    centres = [np.arange(12.0), np.arange(9.0)]
    values, mask = rng.standard_normal((12, 9)), rng.random((12, 9)) < 0.5
    where = rng.random((12, 9)) < 0.3
    found, nearest = c_transform(values, mask, centres, where=where)
    whole, _ = c_transform(values, mask, centres)
    np.testing.assert_array_equal(found[where], whole[where])
    assert np.isnan(found[~where]).all() and (nearest[~where] == -1).all()


@pytest.mark.parametrize("shape", [(15, 14), (6, 5, 7), (30,)])
@pytest.mark.parametrize("most", [1, 4, 50])
def test_pairs_below_a_limit(shape, most):
    rng = np.random.default_rng(7)
    centres = places(shape, rng, even=False)
    values, mask = rng.standard_normal(shape), rng.random(shape) < 0.7
    where = rng.random(shape) < 0.5
    limit = c_transform(values, mask, centres)[0] + rng.uniform(0.0, 2.0, shape)
    x, y = near_pairs(values, mask, centres, where, limit, most)
    costs = distances(centres) + np.where(mask, values, np.inf).ravel()
    for cell in np.flatnonzero(where):
        below = np.sort(costs[cell][costs[cell] < limit.flat[cell]])[:most]
        np.testing.assert_allclose(costs[cell, y[x == cell]], below, atol=1e-13)
    assert set(x) <= set(np.flatnonzero(where))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"values": np.zeros((2, 2, 2, 2))}, "1 to 3 axes"),
        ({"mask": np.ones((3, 3), dtype=bool)}, "mask must have the shape"),
        ({"where": np.ones(4, dtype=bool)}, "where must have the shape"),
        ({"centres": [np.arange(3.0), np.arange(2.0)]}, "one place per cell"),
        ({"mask": np.zeros((2, 2), dtype=bool)}, "one cell at least"),
        ({"values": np.array([[0.0, np.nan], [0.0, 0.0]])}, "finite inside the mask"),
        ({"values": np.array([[0.0, np.inf], [0.0, 0.0]])}, "finite inside the mask"),
    ],
)
def test_what_is_refused(change, text):
    given = {
        "values": np.zeros((2, 2)),
        "mask": np.ones((2, 2), dtype=bool),
        "centres": [np.arange(2.0), np.arange(2.0)],
        **change,
    }
    with pytest.raises(InputError, match=text):
        c_transform(**given)
