"""Two samples as a user names them, read a chunk at a time, and every refusal."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ratiogan as rg
from ratiogan import tables
from ratiogan.errors import CannotMeasure, InputError, InputTypeError
from ratiogan.grid import Grid, Summary
from ratiogan.twosample import rows as opened_rows
from ratiogan.twosample import scan
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.samples import read_pair


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path.name


def normal(rows, columns=1, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def rows_of(side):
    return np.concatenate([np.array(chunk) for chunk in side.chunks()])


# ---- what a pair says ----------------------------------------------------------------------------


def test_the_example():
    pair = read_pair()
    assert pair.header == [
        "real  ring8:modes=8,radius=2,sd=0.2                    20000 rows drawn",
        "gen   ring8:modes=8,radius=2,sd=0.2,drop=4,thin=7      10000 rows drawn",
    ]
    assert pair.names == ("y0", "y1") and pair.levels == ((), ())
    assert (pair.real.kind, pair.real.rows, pair.gen.rows) == ("preset", 20_000, 10_000)
    record = pair.input_record()
    assert record["real"] == {
        "source": "ring8:modes=8,radius=2,sd=0.2",
        "type": "preset",
        "rows": 20_000,
        "dropped_nan": 0,
        "outside": None,
    }
    assert record["gen"]["singular_mass"] is None and record["grid"] is None


def test_the_record_with_counts():
    grid = Grid.regular(2, 0, 1)
    pair = read_pair([[0.1], [0.2], [5.0]], [[0.1], [0.7], [0.8]])
    real, gen = (Counts(grid).add(rows_of(side)) for side in (pair.real, pair.gen))
    record = pair.input_record(real, gen)
    assert record["real"]["outside"] == pytest.approx(1 / 3)
    assert record["gen"]["singular_mass"] == pytest.approx(2 / 3)
    assert record["grid"] == grid.to_dict()


def test_draws_are_independent_and_follow_the_seed():
    pair = read_pair("normal:n=50", "normal:n=50", seed=3)
    assert not np.array_equal(rows_of(pair.real), rows_of(pair.gen))
    again = read_pair("normal:n=50", "laplace:n=50", seed=3)
    np.testing.assert_array_equal(rows_of(pair.real), rows_of(again.real))
    other = read_pair("normal:n=50", "normal:n=50", seed=4)
    assert not np.array_equal(rows_of(pair.real), rows_of(other.real))


def test_a_preset_takes_the_moments_of_data():
    x = 3 + 2 * normal(500)
    pair = read_pair(x, "normal:n=9")
    assert pair.gen.label == f"normal:mean={x.mean():.12g},sd={x.std():.12g}"
    assert pair.header[1].endswith("9 rows drawn (moments of real)")
    assert read_pair("normal:mean=0,sd=1,n=9", x).header[0].endswith("9 rows drawn")
    counts = Counts(Grid.counts(0, 9), "c").add(np.random.default_rng(0).poisson(2, 400))
    found = read_pair(counts, "poisson:n=9").gen.label
    assert found == f"poisson:rate={counts.distribution().mean()[0]:.12g}"


def test_near_real_and_disjoint():
    pair = read_pair("uniform:low=0,high=1,n=20000", "near-real:amount=0.9,waves=1")
    x = rows_of(pair.gen)[:, 0]
    # R = 1 + 0.9 sin(2 pi y): the first half holds 1/2 + 0.9/pi of the mass, +-0.004 at 1 sd.
    assert abs((x < 0.5).mean() - (0.5 + 0.9 / np.pi)) < 0.02
    pair = read_pair("disjoint:n=99", "disjoint:n=99")
    assert pair.real.high[0] < 0 < pair.gen.low[0]
    with pytest.raises(InputError, match="near-real is drawn beside a preset only"):
        read_pair(normal(9), "near-real")


# ---- columns -------------------------------------------------------------------------------------


def test_columns_are_paired_by_name(folder):
    write(folder / "a.csv", "age,city,income", "1,Rome,5", "2,Oslo,6", "3,Rome,7")
    write(folder / "b.csv", "income,age,city", "8,4,Bern", "9,5,Rome")
    pair = read_pair("a.csv", "b.csv")
    assert pair.names == ("age", "city", "income")
    assert pair.levels == ((), ("Bern", "Oslo", "Rome"), ())
    np.testing.assert_array_equal(rows_of(pair.gen), [[4, 0, 8], [5, 2, 9]])
    assert pair.gen.low.tolist() == [4, 0, 8] and pair.gen.high.tolist() == [5, 2, 9]
    some = pair.take([2, 0])
    assert some.names == ("income", "age") and some.levels == ((), ())
    np.testing.assert_array_equal(rows_of(some.real), [[5, 1], [6, 2], [7, 3]])
    assert some.real.low.tolist() == [5, 1]
    chosen = read_pair("a.csv", "b.csv", columns="income,age", categorical=["age"])
    assert chosen.levels == ((), ("1", "2", "3", "4", "5"))
    write(folder / "c.csv", "x,y,z", "1,Rome,2")
    assert "columns are paired by position" in read_pair("a.csv", "c.csv").warnings[0]


def test_many_columns_and_projections(folder):
    x, y = normal(400, 5) * [3, 1, 1, 1, 0.1], normal(300, 5, 1)
    pair = read_pair(x, y)
    assert pair.real.columns == 5 and pair.names == tuple(f"y{i}" for i in range(5))
    seen = read_pair(x, y, project="pca:2")
    pool = np.concatenate([x, y])
    sizes, vectors = np.linalg.eigh(np.cov(pool.T, bias=True))
    expected = (pool - pool.mean(axis=0)) @ vectors[:, ::-1][:, :2]
    found = np.concatenate([rows_of(seen.real), rows_of(seen.gen)])
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-10)
    assert seen.names == ("pc1", "pc2")
    assert seen.projection.explained == pytest.approx(sizes[-2:].sum() / sizes.sum())
    np.testing.assert_allclose(seen.real.low, rows_of(seen.real).min(axis=0))
    assert (seen.projection.matrix[np.abs(seen.projection.matrix).argmax(axis=0), [0, 1]] > 0).all()
    matrix = normal(5, 2, 7)
    np.save("w.npy", matrix)
    for project in ("w.npy", matrix):
        given = read_pair(x, y, project=project)
        np.testing.assert_allclose(rows_of(given.gen), y @ matrix)


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("pca", "pca:1, pca:2, pca:3 or a file, got 'pca'"),
        ("pca:4", "pca:1, pca:2, pca:3 or a file"),
        ("pca:3", "needs 3 columns, the samples have 2.*pca:2"),
        ("pca:2", "varies in 1 direction only, pca:2 needs 2.*pca:1"),
        ("none.npy", "--project none.npy is no file"),
        (np.ones((3, 1)), r"has shape \(3, 1\): \(2, K\)"),
        (np.full((2, 1), np.nan), "must hold finite numbers"),
    ],
)
def test_refused_projections(project, message):
    x = np.outer(np.arange(5.0), [1, 2])
    with pytest.raises(InputError, match=message):
        read_pair(x, x, project=project)


def test_projections_need_numbers(folder):
    write(folder / "a.csv", "city,n", "Rome,1", "Oslo,2")
    with pytest.raises(InputError, match="column city holds categories"):
        read_pair("a.csv", "a.csv", project="pca:1")
    with pytest.raises(InputError, match="holds counts, which cannot be projected"):
        read_pair(Counts(Grid.regular(2, 0, 1), "c").add([0.1]), [0.2], project="pca:1")


# ---- classes -------------------------------------------------------------------------------------


def test_classes_from_a_column_or_from_elsewhere(folder):
    write(folder / "a.csv", "x,digit", "1,7", "n/a,8", "2,9", "3,7")
    write(folder / "b.csv", "digit,x", "9,4", "7,5")
    pair = read_pair("a.csv", "b.csv", group="digit", nan="drop")
    assert pair.names == ("x",) and pair.real.columns == 1
    assert pair.real.classes.tolist() == ["7", "9", "7"]
    assert pair.gen.classes.tolist() == ["9", "7"]
    np.testing.assert_array_equal(rows_of(pair.real)[:, 0], [1, 2, 3])
    assert pair.real.dropped_nan == 1
    np.save("labels.npy", np.array([9, 7]))
    x = np.array([[1.0], [np.nan], [3.0]])
    pair = read_pair(
        x, [4.0, 5.0], labels_real=["cat", "dog", "cat"], labels_gen="labels.npy", nan="drop"
    )
    assert pair.real.classes.tolist() == ["cat", "cat"]
    assert pair.gen.classes.tolist() == ["9", "7"]
    assert read_pair([1.0], [2.0]).real.classes is None
    wide = read_pair(
        normal(20, 4), normal(10, 4), project="pca:2", labels_real=["a"] * 20, labels_gen=["b"] * 10
    )
    assert set(wide.gen.classes) == {"b"} and wide.real.columns == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "z"}, 'a.csv has no column "z"'),
        ({"group": "x", "labels_real": [1]}, "name the classes twice"),
        ({"labels_real": [1, 2]}, "--labels-real needs --labels-gen beside it"),
        ({"labels_real": [1], "labels_gen": [1, 2]}, "a.csv has more rows, its labels are 1"),
        ({"labels_real": [1] * 3, "labels_gen": [1, 2]}, "a.csv has 2 rows, its labels are 3"),
        ({"labels_real": [[1, 2]], "labels_gen": [1, 2]}, "labels must be one column"),
        ({"labels_real": ["", "a"], "labels_gen": [1, 2]}, "labels row 0, column 0: the field is"),
    ],
)
def test_refused_classes(folder, options, message):
    write(folder / "a.csv", "x,y", "1,2", "3,4")
    with pytest.raises(InputError, match=message):
        read_pair("a.csv", "a.csv", **options)


def test_classes_need_tables():
    with pytest.raises(InputError, match="classes need rows with labels, and --gen is no table"):
        read_pair([1.0, 2.0], "normal", labels_real=[1, 2], labels_gen=[1])


# ---- sources of all kinds ------------------------------------------------------------------------


def test_every_format_holds_the_same_rows(folder):
    x = normal(300, 2)
    np.save("x.npy", x)
    np.save("f.npy", np.asfortranarray(x))
    np.savez("x.npz", x)
    np.savetxt("x.csv", x, fmt="%.17g", delimiter=",")
    np.savetxt("x.txt", x, fmt="%.17g")
    records = np.zeros(300, dtype=[("a", "f8"), ("b", "f8")])
    records["a"], records["b"] = x.T
    np.save("records.npy", records)

    class Frame:
        columns = ("a", "b")

        def __getitem__(self, name):
            return records[name]

        def to_numpy(self):
            return x

    many = (*"x.npy f.npy x.npz x.csv x.txt records.npy".split(), records, Frame(), x.tolist())
    for source in (*many, x.astype(object), np.asfortranarray(x)):
        side = read_pair(source, "x.npy").real
        np.testing.assert_array_equal(rows_of(side), x)
        np.testing.assert_array_equal(side.low, x.min(axis=0))
        np.testing.assert_array_equal(side.high, x.max(axis=0))
    assert read_pair("records.npy", x).names == ("a", "b")
    with open("x.csv", "rb") as stream:
        np.testing.assert_array_equal(rows_of(read_pair("-", x, stdin=stream).real), x)


@pytest.mark.parametrize("kind", ["f4", "i8", "u1", "?", "f2"])
def test_numbers_of_all_types(kind):
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(kind)
    side = read_pair(x, x).real
    assert next(side.chunks()).dtype == np.float64
    np.testing.assert_array_equal(rows_of(side), x.astype(float))


def test_python_objects_are_read_as_fields():
    x = np.array([[1, "a"], [2.5, "b"], [None, "a"]], dtype=object)
    pair = read_pair(x, x, nan="drop")
    assert pair.levels == ((), ("a", "b")) and pair.real.dropped_nan == 1
    with pytest.raises(InputError, match="real array row 2, column 0: the field is empty"):
        read_pair(x, x)


def test_counts_beside_samples(folder):
    grid = Grid.product(Grid.categories(["a", "b"]), Grid.regular(2, 0, 1))
    Counts(grid).add([[0, 0.1], [1, 0.2], [1, 3]]).save("c.npz")
    write(folder / "x.csv", "letter,v", "b,0.5", "z,0.5")
    pair = read_pair("c.npz", "x.csv")
    assert pair.real.kind == "counts" and pair.real.rows == 3
    assert pair.real.counts == Counts.load("c.npz")
    np.testing.assert_array_equal(rows_of(pair.gen), [[1, 0.5], [-1, 0.5]])  # z is no level
    assert Counts(grid).add(rows_of(pair.gen)).outside == 1
    assert "(1 outside)" in pair.header[0]
    assert pair.warnings == (
        "33% of real lies outside the cells it was counted on: all numbers are about the rest.",
    )
    with pytest.raises(InputError, match=r"c.npz holds counts, not samples"):
        pair.real.sample(3)
    with pytest.raises(InputError, match="columns cannot be separated"):
        pair.take([0])
    other = Counts(Grid.regular((2, 2), 0, 1), "other")
    with pytest.raises(InputError, match="both must have the same cells"):
        read_pair("c.npz", other)


# ---- a chunk at a time ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(20, 100), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_blocks_of_text_are_the_whole_text(size, with_text, end):
    lines = ["a,b", *(f"{i},{'x' * (i % 3 + 1) if with_text else i * 0.5}" for i in range(40))]
    if with_text:
        lines[3] = '3,"x,""quoted""\nover two lines"'
        lines.insert(20, "")
    data = end.join(lines).encode()
    whole = tables.read_text(data, "t.csv", ".csv")
    parts = list(tables.TextReader(io.BytesIO(data), "t.csv", ".csv", size=size).blocks())
    assert len(parts) > 1
    for i in range(2):
        np.testing.assert_array_equal(
            np.concatenate([part.columns[i] for part in parts]), whole.columns[i]
        )
    if whole.lines is not None:
        np.testing.assert_array_equal(np.concatenate([part.lines for part in parts]), whole.lines)


def test_a_bad_field_far_down_is_found_by_its_line(folder, monkeypatch):
    monkeypatch.setattr(
        opened_rows, "TextReader", lambda *arguments: tables.TextReader(*arguments, size=500)
    )
    lines = ["age,income", *(f"{i},{i / 2}" for i in range(5000))]
    for line in (4183, 4500):
        lines[line - 1] = "4,n/a"
    write(folder / "real.csv", *lines)
    with pytest.raises(
        InputError,
        match=r'real.csv line 4183, column income: "n/a" is not a number; 2 such fields. Pass',
    ):
        read_pair("real.csv", "real.csv")
    pair = read_pair("real.csv", "real.csv", nan="drop")
    assert (pair.real.rows, pair.real.dropped_nan) == (4998, 2)
    lines[3000] = "7"
    write(folder / "real.csv", *lines)
    with pytest.raises(InputError, match=r"line 3001 has 1 fields, the first line 2"):
        read_pair("real.csv", "real.csv")


def test_a_lone_quote_does_not_swallow_the_file():
    data = b"a\n" + b'x"\n' + b"1\n" * 2000
    reader = tables.TextReader(io.BytesIO(data), "t.csv", ".csv", size=64)
    assert sum(part.rows for part in reader.blocks()) == 2001


def test_parsed_text_that_does_not_fit_goes_to_a_file(monkeypatch):
    monkeypatch.setattr(scan, "_BUFFER", 1000)
    spool = scan.Spool(3)
    x = normal(500, 3)
    for part in np.array_split(x, 7):
        spool.append(part)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(spool.chunks())), x)
    assert spool._file is not None


@pytest.mark.parametrize("chunk", [10, 64, 1 << 18])
def test_facts_do_not_depend_on_the_chunks(chunk, monkeypatch):
    monkeypatch.setattr(opened_rows, "CHUNK", chunk)
    whole = np.random.default_rng(0).integers(0, 30, size=(200, 1)).astype(float)
    many = np.arange(200.0)[:, np.newaxis]
    x = np.column_stack([normal(200), whole, many, whole * 1000])
    side = read_pair(x, x).real
    for i, summary in enumerate(side.summaries()):
        expected = Summary.of(x[:, i])
        assert (summary.low, summary.high, summary.rows) == (
            expected.low,
            expected.high,
            expected.rows,
        )
        assert (summary.part is None) == (expected.part is None)
        # Beyond 10,000 nobody makes counts of whole numbers, few or not.
        assert summary.is_few == (expected.is_few and i != 3)
        np.testing.assert_array_equal(summary.values, x[:, i])
    assert Grid.covering(side.take([1]).summaries()) == Grid.pooled([whole])
    assert side.sample(1000).shape == (200, 4)
    some = side.sample(50, 1)
    np.testing.assert_array_equal(some, side.sample(50, 1))
    place = some[:, 2].astype(int)
    assert (np.diff(place) > 0).all() and (place // 4 == np.arange(50)).all()


def test_every_row_is_as_likely_to_be_looked_at():
    x = np.arange(10.0)[:, np.newaxis]
    side = read_pair(x, x).real
    found = np.zeros(10)
    for seed in range(400):
        found[side.sample(3, seed)[:, 0].astype(int)] += 1
    # Binomial(400, 0.3), sd 9.2; 5 sd on each of 10 rows: false alarm below 1e-5.
    assert np.abs(found - 120).max() < 46


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "gen", "message"),
    [
        (normal(3), None, "--gen is not given.*Pass --gen"),
        (None, "normal", "--real is not given"),
        ("-", "-", "cannot both be read from stdin"),
        (normal(3), normal(3, 2), "gen array has 2 columns, real array has 1"),
        ("normal", "ring8", "--gen ring8 has 2 columns, --real normal has 1: choose two"),
        (normal(3, 2), "normal", "--gen normal has 1 column, real array has 2"),
        ([1, np.nan], [1.0], 'real array row 1, column 0: "nan" is not a number; 1 such field'),
        ([1.0], [1, -np.inf], 'gen array row 1, column 0: "-inf" is not finite'),
        (np.ones((2, 2, 2)), [1.0], r"Flatten each sample: x.reshape"),
        (np.array(5), [1.0], "must be an array, a file or a preset, got"),
        ({"a": 1}, [1.0], "got dict"),
        (np.ones((3, 0)), [1.0], r"shape \(3, 0\)"),
        (normal(3).astype(complex), [1.0], "complex128"),
        (np.array(["2020-01-01"], "M8[D]"), [1.0], "datetime64"),
        (["a", "b"], [1.0, 2.0], "column 0 holds text in real array and numbers in gen array"),
        (["a", "b"], "normal", "normal gives numbers, real array holds categories"),
        ("normal:mu=3", "normal", 'preset "normal" has no parameter "mu"'),
        ("nrmal", "normal", 'no preset or file "nrmal"'),
    ],
)
def test_refused_pairs(real, gen, message):
    with pytest.raises(InputError, match=message):
        read_pair(real, gen)


def test_nothing_to_measure(folder):
    (folder / "empty.csv").write_text("")
    write(folder / "missing.csv", "a,b", "1,n/a", "2,")
    write(folder / "crossed.csv", "a,b", "1,n/a", ",2")
    for source, nan, message in (
        (np.empty((0, 1)), "refuse", "real array has no rows"),
        ([], "refuse", "real array has no rows"),
        ("empty.csv", "refuse", "empty.csv has no rows"),
        ("missing.csv", "drop", "missing.csv, column b: none of the 2 rows holds a number"),
        ("crossed.csv", "drop", "crossed.csv has no row without NaN"),
    ):
        with pytest.raises(CannotMeasure, match=message):
            read_pair(source, source, nan=nan)


def test_files_that_are_not_what_they_say(folder):
    write(folder / "fake.npy", "1", "2")
    (folder / "fake.csv").write_bytes(bytes(range(256)))
    write(folder / "x.dat", "1")
    (folder / "image.png").write_bytes(b"\x89PNG")
    for name, message in (
        ("fake.npy", "fake.npy is not a .npy file"),
        ("fake.csv", "fake.csv is not a text file"),
        ("./x.dat", "has no suffix that says what it holds"),
        ("image.png", "is an image, which has no rows"),
        (str(folder), "is a folder"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            read_pair([1.0], name)
        assert caught.value.argument == "gen"


def test_options_without_a_table():
    for options, message in (
        ({"columns": "0"}, "--columns needs a table"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"nan": "keep"}, "nan must be one of"),
    ):
        with pytest.raises(InputError, match=message):
            read_pair(**options)
    with pytest.raises(InputTypeError, match="seed must be a whole number"):
        read_pair(seed=1.5)
    assert rg.count("normal:n=3", seed=0).rows == 3
