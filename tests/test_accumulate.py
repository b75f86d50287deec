"""Counts on cells: equal to NumPy's, value for value; they add up, and survive a file."""

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratiogan as rg
from ratiogan.errors import CannotMeasure, InputError, InputTypeError
from ratiogan.grid import Grid
from ratiogan.sources import read_problem
from ratiogan.twosample.accumulate import Counts


def normal(rows, columns=1, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def awkward(edges, rng):
    """Values on the edges, beside them, between them, and far from them."""
    low, high = edges[0], edges[-1]
    return np.concatenate(
        [
            edges,
            np.nextafter(edges, np.inf),
            np.nextafter(edges, -np.inf),
            low + (high - low) * rng.random(200),
            [np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308],
        ]
    )


# ---- one grid, one array: what numpy.histogram says ----------------------------------------------


@settings(max_examples=60)
@given(
    cells=st.integers(2, 300),
    low=st.sampled_from([0.0, -4.0, 1e9, -1e16, 1e-300, 3e-310, -0.1]),
    width=st.sampled_from([1.0, 0.1, 1e-6, 3.7e11, 1e-309]),
)
def test_equal_cells_are_counted_as_numpy_does(cells, low, width):
    try:
        grid = Grid.regular(cells, low, low + cells * width)
    except InputError:  # cells narrower than numbers can tell
        return
    values = awkward(grid.edges[0], np.random.default_rng(cells))
    counts = Counts(grid).add(values)
    expected = np.histogram(values, grid.edges[0])[0]
    np.testing.assert_array_equal(counts.counts, expected)
    assert counts.outside == values.size - expected.sum()


@pytest.mark.plain
@pytest.mark.parametrize("size", [1, 3, 2049])
def test_any_number_of_values(size):
    values = normal(size)[:, 0]
    for cells in (2, 1000, 20_000):
        grid = Grid.regular(cells, -2, 2)
        expected = np.histogram(values, grid.edges[0])[0]
        np.testing.assert_array_equal(Counts(grid).add(values).counts, expected)


@pytest.mark.plain
def test_nearly_equal_edges_far_from_zero():
    # The quotient is off by several cells here: only the edges can tell.
    edges = 1e16 + 2.0 * np.arange(9)
    edges[3] += 2
    grid = Grid([np.unique(edges)])
    values = 1e16 + 2.0 * np.arange(-3, 12)
    expected = np.histogram(values, grid.edges[0])[0]
    np.testing.assert_array_equal(Counts(grid).add(values).counts, expected)


def test_uneven_and_counting_cells():
    rng = np.random.default_rng(1)
    edges = np.cumsum(rng.exponential(size=40))
    values = awkward(edges, rng)
    np.testing.assert_array_equal(
        Counts(Grid([edges])).add(values).counts, np.histogram(values, edges)[0]
    )
    whole = rng.poisson(3, size=1000)
    counts = Counts(Grid.counts(0, 5)).add(whole)
    np.testing.assert_array_equal(counts.counts, np.bincount(whole)[:6])
    assert counts.outside == (whole > 5).sum()


@pytest.mark.plain
@pytest.mark.parametrize("columns", [2, 3])
def test_several_axes_against_numpy_and_a_plain_loop(columns):
    grid = Grid.product(
        *[Grid.regular(5, -1, 1), Grid([[-2.0, 0.0, 0.5, 2.0]]), Grid.counts(-1, 1)][:columns]
    )
    x = normal(500, columns)
    x[:, -1] = np.round(x[:, -1]) if columns == 3 else x[:, -1]
    x[:4] = grid.edges[0][0], *([0.0] * (columns - 1))
    counts = Counts(grid).add(x)
    np.testing.assert_array_equal(counts.counts, np.histogramdd(x, grid.edges)[0])
    naive = np.zeros(grid.shape, dtype=int)
    outside = 0
    for row in x.tolist():
        place = []
        for value, edges in zip(row, grid.edges, strict=True):
            cells = [
                i
                for i in range(len(edges) - 1)
                if edges[i] <= value < edges[i + 1]
                or (i == len(edges) - 2 and value == edges[i + 1])
            ]
            place += cells
        if len(place) == columns:
            naive[tuple(place)] += 1
        else:
            outside += 1
    np.testing.assert_array_equal(counts.counts, naive)
    assert counts.outside == outside


@pytest.mark.parametrize(
    "x",
    [
        normal(50).astype(np.float32),
        np.arange(-5, 5),
        np.array([True, False, True]),
        np.asfortranarray(normal(50, 3))[:, 1],
        normal(100)[::-2, 0],
        np.frombuffer(normal(20).tobytes()),
        normal(30)[:, 0].tolist(),
        np.arange(6, dtype=np.uint8),
    ],
    ids="float32 int bool fortran strided read-only list uint8".split(),
)
def test_kinds_of_arrays(x):
    grid = Grid.regular(7, -1, 1.5)
    expected = np.histogram(np.asarray(x, dtype=float), grid.edges[0])[0]
    np.testing.assert_array_equal(Counts(grid).add(x).counts, expected)


# ---- the accumulator -----------------------------------------------------------------------------


def test_nan_is_refused_whole_or_dropped_and_counted():
    counts = Counts(Grid.regular(4, 0, 1)).add([0.1])
    with pytest.raises(InputError, match="x holds NaN in 2 rows, the first is row 1"):
        counts.add([0.2, np.nan, np.nan])
    assert counts.rows == 1 and counts.dropped_nan == 0
    counts.add([0.2, np.nan, 9.0], nan="drop")
    assert (counts.inside, counts.outside, counts.dropped_nan, counts.rows) == (2, 1, 1, 3)
    two = Counts(Grid.regular((2, 2), 0, 1)).add([[0.1, np.nan], [9, np.nan]], nan="drop")
    assert (two.outside, two.dropped_nan) == (0, 2)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (normal(3, 2), "x has 2 columns, the grid of mine 1 axes"),
        (np.ones((2, 2, 2)), r"must have shape \(n, d\) or \(n,\), got \(2, 2, 2\)"),
        (np.float64(3), r"got \(\)"),
        (["a"], "x must hold numbers"),
        ([1j], "x must hold numbers"),
    ],
)
def test_refused_additions(x, message):
    counts = Counts(Grid.regular(4, 0, 1), label="mine")
    with pytest.raises(InputError, match=message):
        counts.add(x)
    assert counts.rows == 0
    with pytest.raises(InputTypeError, match="grid must be a Grid, got int"):
        Counts(4)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 1000), min_size=0, max_size=4), st.integers(2, 40))
def test_parts_add_up_to_the_whole(cuts, cells):
    x = normal(1000, 2)
    grid = Grid.regular((cells, 3), -1.5, 2)
    whole = Counts(grid).add(x)
    parts = [Counts(grid).add(part) for part in np.split(x, sorted(cuts))]
    assert sum(parts) == rg.merge(*parts) == rg.merge(parts) == whole
    again = Counts(grid)
    for part in np.split(x, sorted(cuts)):
        again.add(part)
    assert again == whole


def test_a_sum_is_a_new_object_with_its_own_label():
    grid = Grid.regular(2, 0, 1)
    parts = [Counts(grid, label).add([0.1]) for label in ("a", "b", "c")]
    total = sum(parts)
    assert total.label == "a and 2 more" and parts[0].rows == 1
    assert (parts[0] + parts[0]).label == "a"
    assert repr(total) == "<Counts a and 2 more: 3 rows on 2 cells on 0:1>"
    with pytest.raises(InputError, match=r"b on 3 cells on 0:1: .*the same cells only"):
        parts[0] + Counts(Grid.regular(3, 0, 1), "b")
    with pytest.raises(TypeError):
        parts[0] + 3
    with pytest.raises(InputError, match="merge needs counts"):
        rg.merge()


def test_on_other_cells():
    fine = Counts(Grid.regular(4, 0, 1)).add([0.1, 0.6, 0.9, 7.0])
    coarse = fine.on(Grid.regular(2, 0, 1), fine.counts.reshape(2, 2).sum(axis=1))
    assert coarse.counts.tolist() == [1, 2] and coarse.outside == 1
    with pytest.raises(InputError, match=r"counts of shape \(3,\) for cells of shape \(2,\)"):
        fine.on(Grid.regular(2, 0, 1), [1, 2, 3])


def test_as_a_distribution():
    counts = Counts(Grid.regular(2, 0, 1), "mine").add([0.1, 0.2, 0.7, 8.0])
    p = counts.distribution()
    np.testing.assert_allclose(p.mass, [2 / 3, 1 / 3])
    assert (p.kind, p.label, p.rows, p.outside) == ("counts", "mine", 4, 0.25)
    with pytest.raises(InputError, match="none of the 1 rows of far lies on 2 cells on 0:1"):
        Counts(Grid.regular(2, 0, 1), "far").add([8.0]).distribution()


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_keeps_everything(tmp_path):
    grid = Grid.product(
        Grid.regular(3, 0, 1, names=["age"]), Grid.categories(["a", "b"], name="city")
    )
    counts = Counts(grid, "mine").add([[0.1, 0], [0.5, 1], [3, 0], [np.nan, 1]], nan="drop")
    path = tmp_path / "c.npz"
    counts.save(path, ["ratiogan", "count"])
    loaded = Counts.load(path)
    assert loaded == counts and loaded.label == str(path)
    assert loaded.grid.names == ("age", "city") and loaded.grid.axes[1].levels == ("a", "b")
    assert os.listdir(tmp_path) == ["c.npz"]
    with np.load(path, allow_pickle=False) as arrays:
        assert {"counts", "edges_0", "edges_1", "kinds", "names", "levels_1", "rows"} <= set(arrays)
        assert '"command": ["ratiogan", "count"]' in str(arrays["meta"])
    assert counts.to_dict()["grid"] == grid.to_dict()


def test_a_theory_command_reads_the_same_file(tmp_path):
    path = str(tmp_path / "c.npz")
    Counts(Grid.regular(8, -2, 2)).add(normal(1000)).save(path)
    problem = read_problem(path, "normal")
    assert problem.real.kind == "counts" and problem.real.rows == 1000
    assert problem.real.outside == pytest.approx(np.mean(np.abs(normal(1000)) > 2), abs=1e-12)


def test_counts_from_elsewhere(tmp_path):
    path = tmp_path / "h.npz"
    np.savez(path, counts=[1.0, 2.0], edges_0=[0, 1, 3.0])
    assert Counts.load(path).counts.tolist() == [1, 2]
    for arrays, message in (
        ({"counts": [1.5, 2]}, "not whole numbers from 0 on"),
        ({"counts": [-1, 2]}, "not whole numbers from 0 on"),
        ({"counts": [1, 2, 3]}, r"shape \(3,\) for cells of shape \(2,\)"),
        ({"counts": [1, 2], "rows": 7}, "says it holds 7 rows, but its counts add up to 3"),
        ({"counts": [1, 2], "outside": -1}, "outside must be a whole number"),
    ):
        np.savez(path, edges_0=[0, 1, 3.0], **arrays)
        with pytest.raises(InputError, match=message):
            Counts.load(path)
    np.savez(path, x=[1.0])
    with pytest.raises(InputError, match=r"holds no counts: it has x.*ratiogan count"):
        rg.merge(path)


# ---- count: sources of any length ----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_pass_and_two_count_the_same(folder):
    x = normal(5000, 2)
    np.save("x.npy", x)
    np.save("f.npy", np.asfortranarray(x))
    np.savetxt("x.csv", x, fmt="%.17g", delimiter=",", header="a,b", comments="")
    np.savez("x.npz", x)
    found = rg.count("x.npy", grid="8x6")
    assert found.rows == 5000 and found.grid.names == ("y0", "y1")
    np.testing.assert_array_equal(found.counts, np.histogram2d(*x.T, found.grid.edges)[0])
    found.save("cells.npz")
    for source in (x, "x.npy", "f.npy", "x.csv", "x.npz"):
        assert rg.count(source, grid="8x6") == found
        assert rg.count(source, grid="cells.npz") == found
        assert rg.count(source, grid=found.grid) == found
    with open("x.csv", "rb") as stream:
        assert rg.count("-", grid="8x6", stdin=stream) == found
    with open("x.npy", "rb") as stream:
        assert rg.count("-", grid="8x6", stdin=stream, stdin_format="npy") == found
    both = rg.count(["x.npy", "x.csv"], grid="8x6")
    assert both == found + found


def test_auto_cells_are_those_of_the_pooled_sample():
    for x in (normal(3000), normal(3000, 2), np.random.default_rng(0).poisson(2, (300, 1))):
        assert rg.count(x).grid == Grid.pooled([x])
    assert rg.count(normal(500), grid=20, domain="-1:1").outside == np.sum(abs(normal(500)) > 1)


def test_a_long_file_is_never_held_whole(folder):
    np.save("long.npy", normal(2_000_000)[:, 0])
    rg.count("long.npy", grid=64, domain="-4:4")  # compiled
    for options in ({"grid": 64, "domain": "-4:4"}, {}):
        tracemalloc.start()
        counts = rg.count("long.npy", **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert counts.rows == 2_000_000
        assert peak < 8e6  # the file is 16 MB


def test_texts_are_categories(folder):
    (folder / "c.csv").write_text("city,n\nRome,1\nOslo,2\nRome,1\n")
    counts = rg.count("c.csv")
    assert counts.grid.describe() == "2 categories x 2 counts 1..2"
    assert counts.grid.axes[0].levels == ("Oslo", "Rome")
    assert counts.counts.tolist() == [[0, 1], [2, 0]]
    counts.save("cells.npz")
    (folder / "d.csv").write_text("city,n\nBern,1\nOslo,2\n")
    other = rg.count("d.csv", grid="cells.npz")
    assert other.outside == 1 and other.inside == 1
    assert rg.count("c.csv", columns="n", categorical="n").grid.axes[0].levels == ("1", "2")
    with pytest.raises(InputError, match=r"column n holds text in d.csv, the cells are numbers"):
        rg.count("d.csv", columns="n", categorical="n", grid=2, domain="0:3")


def test_presets_are_drawn_with_the_seed():
    assert rg.count("ring8:n=300").rows == 300
    assert rg.count("normal", grid=8, domain="-4:4").rows == 10_000
    assert rg.count("normal:n=50", seed=1) == rg.count("normal:n=50", seed=1)
    assert rg.count("normal:n=50", seed=1) != rg.count("normal:n=50", seed=2)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([1.0, np.nan, 2.0, np.nan], {}, 'array row 1, column 0: "nan" is not a number; 2 such'),
        ([1.0, np.inf], {}, 'array row 1, column 0: "inf" is not finite; 1 such field'),
        ([1.0, np.inf], {"grid": 4, "domain": "0:1"}, '"inf" is not finite'),
        ([3.5, 3.5], {}, r"column y has one value only \(3.5\).*--domain LOW:HIGH"),
        ([3, 3], {}, "at least 2 cells, got 1.*wider domain"),
        ([0.5, 2], {"grid": "100000x100000"}, "grid 100000x100000 has 2 parts, the problem 1"),
        (normal(9, 2), {"grid": "9999999x9999999"}, "needs about .* of memory"),
        (normal(9, 4), {}, "array has 4 columns .*a grid at most 3.*--columns 0,1"),
        (normal(9, 2), {"grid": Grid.regular(4, 0, 1)}, "have 1 axes, the source 2 columns"),
        ([1.0], {"grid": Grid.regular(4, 0, 1), "domain": "0:1"}, "Leave out --domain"),
        (np.ones((2, 2, 2)), {}, "Flatten each sample"),
        (3.0, {}, "must be an array, a file or a preset, got 3.0"),
        (normal(3).astype(complex), {}, "holds an array of complex128"),
        ([[1, 2], [3]], {}, "must be an array with one row per sample"),
        ("none.npy", {}, "none.npy does not exist"),
        ("nrmal", {}, 'no preset or file "nrmal".*Nearest: normal'),
        ("near-real", {}, "near-real is a generator relative to the reference"),
        ("normal:n=0", {}, "n must be at least 1"),
        ([1.0, 2.0], {"nan": "keep"}, "nan must be one of refuse, drop"),
        ([1.0, 2.0], {"columns": "2"}, 'array has no column "2"'),
    ],
)
def test_refused_sources(source, options, message):
    with pytest.raises(InputError, match=message):
        rg.count(source, **options)


def test_refused_files(folder):
    np.savez("counts.npz", counts=[1, 2], edges_0=[0, 1, 2.0])
    np.save("x.npy", normal(5))
    np.save("objects.npy", np.array([{}, []], dtype=object))
    (folder / "empty.csv").write_text("")
    (folder / "heading.csv").write_text("a,b\n")
    (folder / "fake.npy").write_text("1,2\n3,4\n")
    (folder / "fake.csv").write_bytes(bytes(range(256)))
    (folder / "short.npy").write_bytes((folder / "x.npy").read_bytes()[:140])
    (folder / "a.csv").write_text("a,b\n1,2\n2,3\n")
    (folder / "c.csv").write_text("a,c\n1,2\n2,3\n")
    for source, kind, message in (
        ("counts.npz", InputError, "holds counts already.*ratiogan merge"),
        ("empty.csv", CannotMeasure, "empty.csv has no rows"),
        ("heading.csv", CannotMeasure, "heading.csv has no rows"),
        ("fake.npy", InputError, "fake.npy is not a .npy file"),
        ("fake.csv", InputError, "fake.csv is not a text file in UTF-8"),
        ("short.npy", InputError, "short.npy cannot be read"),
        ("objects.npy", InputError, "objects.npy cannot be read.*not Python objects"),
        (["a.csv", "c.csv"], InputError, "c.csv has the columns a, c, others a, b"),
        (["a.csv", "x.npy"], InputError, "x.npy has 1 column, a.csv 2"),
    ):
        with pytest.raises(kind, match=message):
            rg.count(source)
    with pytest.raises(CannotMeasure, match="has no rows"):
        rg.count(np.empty((0, 2)))
    with pytest.raises(CannotMeasure, match="none of the 2 rows holds a number"):
        rg.count([np.nan, np.nan], nan="drop")


def test_dropped_rows_are_counted(folder):
    (folder / "a.csv").write_text("a\n1\nn/a\n2\ninf\n4\n")
    counts = rg.count("a.csv", nan="drop")
    assert (counts.rows, counts.dropped_nan) == (3, 2)
    counts = rg.count("a.csv", nan="drop", grid=4, domain="0:3")
    assert (counts.inside, counts.outside, counts.dropped_nan) == (2, 1, 2)
    with pytest.raises(InputError, match=r'a.csv line 3, column a: "n/a" is not a number; 2 such'):
        rg.count("a.csv", grid=4, domain="0:3")
