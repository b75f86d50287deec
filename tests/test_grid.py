"""Grids against NumPy's own histogram edges, and every refusal."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan import grid as grid_module
from ratiogan.errors import InputError, InputTypeError
from ratiogan.grid import Grid, cell_words, check_domain, outward


def test_regular_cells():
    grid = Grid.regular(4, 0, 1)
    np.testing.assert_array_equal(grid.edges[0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(grid.centres[0], [0.125, 0.375, 0.625, 0.875])
    assert (grid.shape, grid.size, grid.ndim) == ((4,), 4, 1)
    assert grid.is_uniform and grid.volume == 0.25
    np.testing.assert_array_equal(grid.volumes, np.full(4, 0.25))


def test_uneven_volumes_are_products_of_widths():
    x, y, z = [0, 1, 3], [0.0, 0.5, 2.0, 2.25], [-1, 1]
    grid = Grid([x, y, z])
    expected = np.diff(x)[:, None, None] * np.diff(y)[None, :, None] * np.diff(z)[None, None, :]
    np.testing.assert_array_equal(grid.volumes, expected)
    assert [axis.kind for axis in grid.axes] == ["uneven", "uneven", "regular"]
    with pytest.raises(InputError, match="differ in volume"):
        _ = grid.volume


def test_even_edges_are_found_to_be_regular():
    assert Grid([np.linspace(-4, 4, 1025)]).axes[0].kind == "regular"
    assert Grid([np.linspace(-4, 4, 1025)]) == Grid.regular(1024, -4, 4)


def test_points_follow_the_flat_order():
    grid = Grid.regular((2, 3), (0, 10), (2, 13))
    points = grid.points()
    assert points.shape == (6, 2)
    np.testing.assert_array_equal(points[4], [1.5, 11.5])
    np.testing.assert_array_equal(grid.locate(points), np.arange(6))


def test_counts_and_categories():
    counts = Grid.counts(-2, 7)
    assert counts.describe() == "10 counts -2..7"
    assert (counts.axes[0].low, counts.axes[0].high, counts.volume) == (-2, 7, 1)
    np.testing.assert_array_equal(counts.locate([-3, -2, 7, 8]), [-1, 0, 9, -1])
    kinds = Grid.categories(["cat", "dog", "eel"])
    assert kinds.describe() == "3 categories"
    np.testing.assert_array_equal(kinds.axes[0].encode(["eel", "cow"]), [2, -1])
    assert kinds.to_dict()["axes"][0]["levels"] == ["cat", "dog", "eel"]


def test_description_and_json():
    assert Grid.regular(1024, -4, 4).describe() == "1024 cells on -4:4"
    assert Grid.regular((128, 128), -4, 4).describe() == "128x128 cells on -4:4,-4:4"
    assert Grid([[0, 1, 3]]).describe() == "2 uneven cells on 0:3"
    mixed = Grid.product(Grid.regular(64, 0, 1), Grid.counts(0, 3), Grid.categories("ab"))
    assert mixed.describe() == "64 cells on 0:1 x 4 counts 0..3 x 2 categories"
    swapped = Grid.product(Grid.categories("ab"), Grid.regular(8, 0, 1))
    assert swapped.describe() == "2 categories x 8 cells on 0:1"
    assert Grid.regular(1024, -4, 4).to_dict() == {
        "shape": [1024],
        "axes": [{"name": "y", "kind": "regular", "low": -4.0, "high": 4.0}],
    }


def test_equality_is_about_cells():
    grid = Grid.regular(8, 0, 1)
    assert grid == Grid.regular(8, 0, 1, names=["age"]) and hash(grid) == hash(
        Grid.regular(8, 0, 1, names=["age"])
    )
    assert grid != Grid.regular(8, 0, 2)
    assert Grid.counts(0, 3) != Grid.regular(4, -0.5, 3.5)
    assert Grid.categories("ab") != Grid.categories("ac")
    assert (grid == "grid") is False


def test_grids_are_frozen():
    grid = Grid.regular(4, 0, 1)
    with pytest.raises(AttributeError):
        grid.axes = ()
    for array in (grid.edges[0], grid.centres[0], grid.volumes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


finite = st.floats(-1e6, 1e6)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 60),
    finite,
    st.floats(1e-3, 1e6),
    st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=40),
)
def test_locate_agrees_with_searchsorted(cells, low, width, places):
    grid = Grid.regular(cells, low, low + width)
    edges = grid.edges[0]
    x = np.concatenate([low + width * np.array(places), edges, np.nextafter(edges, -np.inf)])
    naive = np.searchsorted(edges, x, side="right") - 1
    naive[x == edges[-1]] = cells - 1
    naive[(x < edges[0]) | (x > edges[-1])] = -1
    np.testing.assert_array_equal(grid.locate(x), naive)
    # The same edges without the shortcut for equal cells.
    uneven = Grid([edges], kinds=["uneven"])
    np.testing.assert_array_equal(uneven.locate(x), naive)


@settings(max_examples=30, deadline=None)
@given(st.lists(finite, min_size=3, max_size=20, unique=True))
def test_every_sample_lies_within_its_cell(edges):
    grid = Grid([sorted(edges)])
    x = np.array(edges)
    cell = grid.locate(x)
    assert np.all(grid.edges[0][cell] <= x) and np.all(x <= grid.edges[0][cell + 1])


def test_locate_of_nan_infinity_and_other_layouts():
    grid = Grid.regular((4, 4), 0, 1)
    x = np.array([[0.1, 0.9], [np.nan, 0.5], [0.5, np.inf], [0.99, 0.0]])
    expected = [3, -1, -1, 12]
    np.testing.assert_array_equal(grid.locate(x), expected)
    np.testing.assert_array_equal(grid.locate(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(grid.locate(x.astype(np.float32)), expected)
    x.flags.writeable = False
    np.testing.assert_array_equal(grid.locate(x), expected)
    with pytest.raises(InputError, match="samples has 1 columns, the grid 2 axes"):
        grid.locate([0.5])


def test_a_value_just_below_an_edge_stays_below_it():
    # (v - low) / width rounds up to the next cell here; the edges decide.
    grid = Grid.regular(10, 0, 1)
    edge = grid.edges[0][7]
    assert grid.locate([np.nextafter(edge, 0), edge]).tolist() == [6, 7]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid([[0, 1]]), "at least 2 cells, got 1"),
        (lambda: Grid.regular(1, 0, 1), "at least 2 cells, got 1"),
        (lambda: Grid.counts(3, 3), "at least 2 cells, got 1"),
        (lambda: Grid([[0, 2, 1]]), r"edges\[0\] must increase, but edge 2 is 1 after 2"),
        (lambda: Grid([[0, 1, 2], [0, 0, 1]]), r"edges\[1\] must increase"),
        (lambda: Grid([[0, math.nan, 1]]), r"edges\[0\] must be finite, got nan"),
        (lambda: Grid([[0, math.inf]]), r"edges\[0\] must be finite, got inf"),
        (lambda: Grid([[0.0]]), "at least 2 edges"),
        (lambda: Grid([0, 1, 2]), "Pass a list with one array per axis"),
        (lambda: Grid([["a", "b"]]), "must be an array of numbers"),
        (lambda: Grid([[0, 1]] * 4), "1 to 3 axes, got 4"),
        (lambda: Grid.regular((2, 2, 2, 2), 0, 1), "1 to 3 axes, got 4"),
        (lambda: Grid.regular(8, 1, 1), "lower must be below upper"),
        (lambda: Grid.regular(8, 0, math.inf), "upper must be finite"),
        (lambda: Grid.regular((8, 8), (0, 0, 0), 1), "lower has 3 numbers, shape 2"),
        (lambda: Grid.regular(2.5, 0, 1), "shape must be"),
        (lambda: Grid.regular(1000, 1e16, 1e16 + 100), "narrower than numbers can tell"),
        (lambda: Grid.categories(["a", "a"]), "levels must differ"),
        (lambda: Grid.regular(8, 0, 1, names=["a", "b"]), "2 names for 1 axes"),
    ],
)
def test_refused_grids(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_edges_must_be_a_list():
    with pytest.raises(InputTypeError, match="list of arrays"):
        Grid("0,1,2")


def test_more_cells_than_memory_says_how_much_it_would_need(monkeypatch):
    monkeypatch.setattr(grid_module, "available_memory", lambda: 8e9)
    assert Grid.regular(16_000, 0, 1).size == 16_000
    with pytest.raises(
        InputError, match=r"1000x1000x1000 cells needs about 64 GB of memory.*has 8 GB"
    ):
        Grid.regular((1000, 1000, 1000), 0, 1)
    with pytest.raises(InputError, match=r"64 TB"):
        Grid.counts(0, 10**12)


def test_available_memory_is_below_that_of_the_machine():
    assert 1e8 < grid_module.available_memory()
    if Path("/proc/meminfo").exists():
        total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
        assert grid_module.available_memory() <= total * 1.01


# ---- words and domains ---------------------------------------------------------------------------


def test_words_of_the_command_line():
    assert cell_words("1024") == (1024,)
    assert cell_words("256x256") == (256, 256)
    assert cell_words("64xautoxcounts") == (64, "auto", "counts")
    assert cell_words(8) == (8,)
    assert cell_words((8, "auto")) == (8, "auto")
    with pytest.raises(InputError, match="grid must be auto, a number of cells"):
        cell_words("wide")
    with pytest.raises(InputError, match="grid must be at least 1, got -3"):
        cell_words("-3")


def test_domains_of_the_command_line():
    assert check_domain("-4:4", 1) == ((-4.0, 4.0),)
    assert check_domain("-4:4,auto", 2) == ((-4.0, 4.0), None)
    assert check_domain((-4, 4), 1) == ((-4.0, 4.0),)
    assert check_domain([(0, 1), None], 2) == ((0.0, 1.0), None)
    assert check_domain(None, 3) == (None, None, None)
    for bad in ("4", "a:b", "0:inf", "0:1:2"):
        with pytest.raises(InputError, match="domain must be LOW:HIGH"):
            check_domain(bad, 1)
    with pytest.raises(InputError, match="LOW below HIGH, got 4:-4"):
        check_domain("4:-4", 1)
    with pytest.raises(InputError, match="domain has 1 part, the problem 2 columns"):
        check_domain("-4:4", 2)


@settings(max_examples=100, deadline=None)
@given(finite, st.floats(1e-6, 1e6))
def test_outward_contains_and_is_tight(low, width):
    high = low + width
    if not low < high:
        return
    a, b = outward(low, high)
    slack = 4 * math.ulp(max(abs(low), abs(high)))
    assert a <= low + slack and b >= high - slack
    assert (b - a) <= 1.2 * (high - low) + slack


# ---- pooled grids --------------------------------------------------------------------------------


def test_pooled_integers_are_counts_from_least_to_greatest():
    grid = Grid.pooled([[[3], [5]], [[9], [3]]])
    assert grid == Grid.counts(3, 9)


def test_pooled_integers_with_many_values_are_cut():
    x = np.arange(51.0)[:, None]
    assert Grid.pooled([x]).axes[0].kind == "regular"
    assert Grid.pooled([x], "counts") == Grid.counts(0, 50)
    assert Grid.pooled([x[:50]]).axes[0].kind == "counts"
    far = np.array([[0.0], [1e6]])
    assert Grid.pooled([far]).axes[0].kind == "regular"


def test_pooled_cells_follow_freedman_and_diaconis_within_limits():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 1)), rng.normal(1, 1, size=(2000, 1))
    grid = Grid.pooled([x, y])
    pool = np.concatenate([x, y])[:, 0]
    assert grid.edges[0][0] <= pool.min() and pool.max() <= grid.edges[0][-1]
    width = 2 * np.subtract(*np.quantile(pool, [0.75, 0.25])) * pool.size ** (-1 / 3)
    axis = grid.axes[0]
    assert axis.size == math.ceil((axis.high - axis.low) / width)
    assert Grid.pooled([x[:20]]).size == 16
    assert Grid.pooled([rng.standard_cauchy((3000, 1))]).size == 1024
    assert Grid.pooled([rng.normal(size=(50, 2))]).shape == (32, 32)
    assert Grid.pooled([rng.normal(size=(50, 3))]).shape == (16, 16, 16)


def test_pooled_for_a_kde_is_wider_and_finer():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 1))
    plain, smooth = Grid.pooled([x]).axes[0], Grid.pooled([x], smooth=[(0.2,)]).axes[0]
    assert smooth.low <= x.min() - 0.6 and smooth.high >= x.max() + 0.6
    assert smooth.width <= 0.05 < plain.width


def test_pooled_keeps_a_given_domain_and_names():
    x = np.array([[0.5], [3.0], [0.25]])
    grid = Grid.pooled([x], 8, [(-1, 4)], names=["age"])
    assert grid == Grid.regular(8, -1, 4) and grid.names == ("age",)
    assert Grid.pooled([[[2.0], [3.0]]], "counts", "0:5") == Grid.counts(0, 5)


def test_pooled_levels_are_categories():
    grid = Grid.pooled([[[0, 0.5], [1, 0.7]]], levels=[("cat", "dog"), ()])
    assert [axis.kind for axis in grid.axes] == ["categories", "regular"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[[0.5], [0.5]]],), "one value only"),
        (([[[0.5], [1.5]]], "counts"), "0.5 is not a whole number"),
        (([[[0.5], [1.5]]], "categories"), "holds numbers, not categories"),
        (([[[0.5], [1.5]]], "8x8"), "grid 8x8 has 2 parts, the problem 1 column"),
        (([[[0, 1, 2, 3]]],), "4 columns, a grid at most 3"),
        (([[[math.nan]]],), "no finite value"),
        (([[[[0.0]]]],), "samples must have shape"),
        (([[[0], [1]]], 8, None, None, [("a", "b")]), "which grid 8 cannot cut"),
        (([[[0], [1]]], "auto", "0:1", None, [("a", "b")]), "which have no domain"),
    ],
)
def test_refused_pooled_grids(arguments, message):
    with pytest.raises(InputError, match=message):
        Grid.pooled(*arguments)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kinds": ["regular", "counts"]}, "kinds must have one entry per axis, got 2 for 1 axis"),
        ({"levels": [(), ()]}, "levels must have one entry per axis, got 2"),
        ({"kinds": ["even"]}, "kinds must be one of regular, uneven, counts, categories"),
        ({"kinds": ["regular"]}, "kinds says regular, but the widths of the cells differ"),
        ({"kinds": ["counts"]}, "kinds says counts, but the edges are not one apart"),
        ({"kinds": ["uneven"], "levels": [("a", "b")]}, "needs none, got 2"),
    ],
)
def test_kinds_and_levels_fit_the_edges(options, message):
    with pytest.raises(InputError, match=message):
        Grid([[0.0, 1.0, 3.0]], **options)


def test_categories_need_their_levels():
    edges = [[-0.5, 0.5, 1.5]]
    assert Grid(edges, kinds="categories", levels=[("a", "b")]).axes[0].levels == ("a", "b")
    with pytest.raises(InputError, match="needs 2 levels, got 0"):
        Grid(edges, kinds="categories")
