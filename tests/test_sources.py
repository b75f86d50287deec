"""Presets, tables, histograms and images as a user names them, and every refusal."""

import io
import json
import re

import numpy as np
import pytest

from ratiogan import sources
from ratiogan.distribution import Distribution
from ratiogan.errors import CannotMeasure, InputError, InputTypeError
from ratiogan.grid import Grid
from ratiogan.presets import preset
from ratiogan.sources import read_problem


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, so that sources can be named as a user does."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path.name


def normal(rows, columns=1, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


# ---- presets -------------------------------------------------------------------------------------


def test_header_and_record_of_the_default_problem():
    problem = read_problem()
    assert problem.header == [
        "real  bimodal:means=-1.5/1.5,sd=0.7,weights=0.6/0.4      outside the domain 1.8e-04",
        "gen   normal:mean=0,sd=1.2                               outside the domain 8.6e-04",
    ]
    assert problem.warnings == ()
    record = problem.input
    assert list(record) == ["real", "gen", "grid", "density"]
    assert record["real"].pop("outside") == pytest.approx(1.8e-4, rel=0.02)
    assert record["gen"].pop("outside") == pytest.approx(8.6e-4, rel=0.02)
    assert record["real"] == {
        "source": "bimodal:means=-1.5/1.5,sd=0.7,weights=0.6/0.4",
        "type": "preset",
        "rows": None,
        "dropped_nan": 0,
    }
    assert record["gen"] == {
        "source": "normal:mean=0,sd=1.2",
        "type": "preset",
        "rows": None,
        "dropped_nan": 0,
        "singular_mass": 0.0,
    }
    assert record["grid"] == {
        "shape": [1024],
        "axes": [{"name": "y", "kind": "regular", "low": -4.0, "high": 4.0}],
    }
    assert record["density"] is None
    json.dumps(record, allow_nan=False)


def test_grid_and_domain_are_texts_too():
    problem = read_problem("ring8", "ring8:drop=4", grid="32x64", domain="-3:3,-2.5:3")
    assert problem.real.grid == Grid.regular((32, 64), (-3, -2.5), 3)
    assert read_problem(grid="auto").real.grid.size == 1024


def test_a_preset_wins_over_a_file_of_its_name(folder):
    write(folder / "normal", "1", "2")
    assert read_problem("normal").real.kind == "preset"
    with pytest.raises(InputError, match=r"\./normal has no suffix .*\.npy"):
        read_problem("./normal")


def test_distributions_pass_through():
    grid = Grid.regular(10, -1, 1)
    real = Distribution.from_mass(np.ones(10), grid, label="mine")
    problem = read_problem(real, "normal")
    assert problem.real is real and problem.gen.grid is grid
    # Uniform on -1:1, but for the width of the cells.
    assert problem.header[1].startswith("gen   normal:mean=0,sd=0.574 (moments of real)")
    beside = read_problem(preset("normal", grid), "laplace")
    assert beside.gen.label == "laplace:mean=0,scale=1"


def test_much_mass_outside_is_a_warning():
    problem = read_problem("uniform", "normal")
    assert problem.warnings == (
        "9.6% of gen lies outside the domain: all numbers are about the rest, rescaled.",
    )


# ---- samples -------------------------------------------------------------------------------------


def test_all_formats_hold_the_same_sample(folder):
    x = normal(40, 2)
    np.save("x.npy", x)
    np.savez("x.npz", x)
    np.savez("named.npz", a=x[:, 0], b=x[:, 1])
    rows = [[repr(float(v)) for v in row] for row in x]
    write(folder / "x.csv", "a,b", *(",".join(row) for row in rows))
    write(folder / "plain.csv", *(",".join(row) for row in rows))
    write(folder / "quoted.csv", '"a";"b"', *(";".join(f'"{v}"' for v in row) for row in rows))
    write(folder / "x.tsv", "a\tb", *("\t".join(row) for row in rows))
    write(folder / "x.txt", *("  ".join(row) for row in rows))
    (folder / "bom.csv").write_text("a,b\r\n\r\n" + "\r\n".join(map(",".join, rows)), "utf-8-sig")
    names = ("x.npz", "named.npz", "x.csv", "plain.csv", "quoted.csv", "x.tsv", "x.txt", "bom.csv")
    for name in names:
        problem = read_problem("x.npy", name)
        np.testing.assert_array_equal(problem.real.mass, problem.gen.mass)
        assert (problem.gen.rows, problem.gen.label, problem.gen.kind) == (40, name, "samples")
        named = name in ("named.npz", "x.csv", "quoted.csv", "x.tsv", "bom.csv")
        assert problem.gen.grid.names == (("a", "b") if named else ("y0", "y1"))


def test_stdin_is_csv_or_npy(folder):
    x = normal(30)
    np.save("x.npy", x)
    text = "\n".join(repr(float(v)) for v in x[:, 0])
    data = (folder / "x.npy").read_bytes()
    for stream, kind in (
        (io.StringIO(text), "csv"),
        (io.BytesIO(text.encode()), "csv"),
        (io.TextIOWrapper(io.BytesIO(text.encode())), "csv"),
        (io.BytesIO(data), "npy"),
    ):
        problem = read_problem("-", "x.npy", stdin=stream, stdin_format=kind)
        np.testing.assert_array_equal(problem.real.mass, problem.gen.mass)
        assert problem.real.label == "stdin"


def test_continuous_columns_are_smoothed_and_the_header_says_so(folder):
    np.save("a.npy", normal(400))
    np.save("b.npy", normal(300, seed=1) + 0.5)
    problem = read_problem("a.npy", "b.npy")
    assert problem.real.mass.min() > 0 and problem.gen.mass.min() > 0
    assert problem.input["density"] == "kde" and problem.input["real"]["rows"] == 400
    assert max(problem.real.outside, problem.gen.outside) < 1e-4
    pattern = r"real  a\.npy  400 rows, kde \(Scott, bandwidth 0\.\d+\) +outside the domain \S+"
    assert re.fullmatch(pattern, problem.header[0])
    assert problem.header[0].index("outside") == problem.header[1].index("outside")
    rough = read_problem("a.npy", "b.npy", density="histogram")
    assert rough.input["density"] == "histogram" and rough.real.outside == 0
    assert rough.header[0].startswith("real  a.npy  400 rows, histogram ")


def test_whole_numbers_are_counts_and_text_is_categories(folder):
    write(folder / "a.csv", "visits,city", "0,Rome", "3,Oslo", "3,Rome")
    write(folder / "b.csv", "visits,city", "1,Bonn", "2,Rome")
    problem = read_problem("a.csv", "b.csv")
    assert problem.real.grid.describe() == "4 counts 0..3 x 3 categories"
    assert problem.real.grid.axes[1].levels == ("Bonn", "Oslo", "Rome")
    assert problem.real.mass[3, 2] == 1 / 3 and problem.gen.mass[1, 0] == 1 / 2
    assert problem.input["density"] == "histogram"
    assert problem.input["gen"]["singular_mass"] == 1.0
    smooth = read_problem("a.csv", "b.csv", density="kde", columns="visits")
    assert smooth.real.mass.min() > 0


def test_categorical_columns_on_request(folder):
    write(folder / "a.csv", "code,x", "1,0.5", "7,0.25", "7,0.1")
    write(folder / "b.csv", "code,x", "7.0,0.5", "9,0.3")
    for categorical in ("code", ["code"], ["0"]):
        grid = read_problem("a.csv", "b.csv", categorical=categorical).real.grid
        assert grid.axes[0].levels == ("1", "7", "9") and grid.axes[1].kind == "regular"


def test_columns_by_name_and_number_and_order(folder):
    write(folder / "a.csv", "age,city,income", "30,Rome,1.5", "41,Oslo,2.25")
    write(folder / "b.csv", "income,age,city", "1.5,30,Rome", "2.25,41,Oslo")
    for columns in ("age,income", ["age", "income"]):
        problem = read_problem("a.csv", "b.csv", columns=columns, density="histogram")
        assert problem.real.grid.names == ("age", "income")
        np.testing.assert_array_equal(problem.real.mass, problem.gen.mass)
    # All columns: those of gen are put in the order of real.
    problem = read_problem("a.csv", "b.csv", density="histogram")
    np.testing.assert_array_equal(problem.real.mass, problem.gen.mass)
    assert read_problem("a.csv", "normal", columns="2").real.grid.names == ("income",)


def test_columns_with_other_names_are_paired_by_position_with_a_warning(folder):
    write(folder / "a.csv", "x", "0.5", "1.5", "2.5")
    write(folder / "b.csv", "score", "0.5", "1.0", "2.0")
    (warning,) = read_problem("a.csv", "b.csv").warnings
    assert warning == "columns are paired by position: x of a.csv with score of b.csv."


def test_grids_for_samples(folder):
    x = normal(200, 3)
    x[:, 1] = np.round(3 * x[:, 1])
    np.save("x.npy", x)
    grid = read_problem("x.npy", "x.npy", grid="8xcountsx9", domain="-4:4,auto,-5:5").real.grid
    low, high = x[:, 1].min(), x[:, 1].max()
    expected = Grid.product(
        Grid.regular(8, -4, 4), Grid.counts(int(low), int(high)), Grid.regular(9, -5, 5)
    )
    assert grid == expected
    np.savez("edges.npz", edges_0=[-9, 0, 9.0])
    cut = read_problem("x.npy", "normal", columns=[0], grid="edges.npz", density="histogram")
    np.testing.assert_allclose(cut.real.mass[0], np.mean(x[:, 0] < 0))


def test_missing_fields_are_dropped_and_counted_on_request(folder):
    write(folder / "a.csv", "x,city", "0.5,Rome", "n/a,Oslo", "1.5,", ",Rome", "2.5,Rome", "3,Bonn")
    problem = read_problem("a.csv", "a.csv", nan="drop")
    assert (problem.real.rows, problem.real.dropped_nan) == (3, 3)
    assert problem.input["gen"]["dropped_nan"] == 3
    assert "3 rows (3 with NaN dropped), kde" in problem.header[0]
    assert problem.real.grid.axes[1].levels == ("Bonn", "Rome")
    x = normal(10)
    x[3], x[4] = np.nan, np.inf
    np.save("x.npy", x)
    assert read_problem("x.npy", "x.npy", nan="drop").real.rows == 8


def test_equal_files_give_equal_masses(folder):
    np.save("a.npy", normal(100, 2))
    np.save("b.npy", normal(100, 2))
    problem = read_problem("a.npy", "b.npy")
    np.testing.assert_array_equal(problem.real.mass, problem.gen.mass)


# ---- presets beside data -------------------------------------------------------------------------


def test_a_bare_preset_takes_the_moments_of_the_data(folder):
    x = np.random.default_rng(3).poisson(2.86, size=2000)
    write(folder / "visits.csv", "visits", *map(str, x))
    problem = read_problem("visits.csv", "poisson")
    assert problem.gen.label == f"poisson:rate={round(float(x.mean()), 4)}"
    title = f"gen   poisson:rate={float(f'{x.mean():.3g}')} (moments of real)"
    assert problem.header[1].startswith(title)
    assert problem.real.grid == Grid.counts(0, int(x.max()))
    given = read_problem("visits.csv", "poisson:rate=3")
    assert given.header[1].startswith("gen   poisson:rate=3 ") and "moments" not in given.header[1]
    other_way = read_problem("normal", "visits.csv")
    assert "(moments of gen)" in other_way.header[0]


def test_whole_numbers_beside_poisson_are_counts_however_many(folder):
    write(folder / "many.csv", "visits", *map(str, range(60)))
    assert read_problem("many.csv", "poisson").real.grid == Grid.counts(0, 59)
    assert read_problem("many.csv", "normal").real.grid.axes[0].kind == "regular"


def test_relative_and_two_dimensional_presets_beside_data(folder):
    np.save("x.npy", normal(300))
    problem = read_problem("x.npy", "near-real:amount=0.1")
    R = problem.gen.mass / problem.real.mass
    assert 1.08 < R.max() < 1.12
    np.save("xy.npy", normal(300, 2))
    assert read_problem("xy.npy", "ring8").gen.label == "ring8:modes=8,radius=2,sd=0.2"


# ---- histograms and images -----------------------------------------------------------------------


def test_counts_with_their_edges(folder):
    np.savez("h.npz", counts=[2, 0, 6], edges_0=[0, 1, 2, 4.0], names=["age"])
    problem = read_problem("h.npz", "h.npz")
    np.testing.assert_array_equal(problem.real.mass, [0.25, 0, 0.75])
    assert problem.input["real"]["type"] == "counts" and problem.input["real"]["rows"] == 8
    assert problem.real.grid.names == ("age",)
    np.savez("k.npz", counts=[1, 1], edges_0=[-0.5, 0.5, 1.5], kinds=["counts"])
    assert read_problem("k.npz", "poisson").real.grid == Grid.counts(0, 1)
    np.save("x.npy", np.array([0.5, 3.0, 3.5]))
    beside = read_problem("h.npz", "x.npy", density="histogram")
    np.testing.assert_allclose(beside.gen.mass, [1 / 3, 0, 2 / 3])


def test_images_as_densities(folder):
    from matplotlib.image import imsave

    grey = np.random.default_rng(0).integers(1, 255, size=(6, 9), dtype=np.uint8)
    imsave("a.png", np.dstack([grey] * 3))
    imsave("b.png", np.dstack([grey[::-1]] * 3))
    problem = read_problem("a.png", "b.png")
    np.testing.assert_allclose(problem.real.mass, grey[::-1].T / grey.sum(), rtol=1e-6)
    np.testing.assert_array_equal(problem.gen.mass, problem.real.mass[:, ::-1])
    assert problem.input["real"]["type"] == "image"
    imsave("small.png", np.dstack([grey[:3]] * 3))
    with pytest.raises(InputError, match=r"9x6 cells on .* small.png 9x3 cells .* same cells"):
        read_problem("a.png", "small.png")
    with pytest.raises(InputError, match=r"a.png has its own cells \(9x6"):
        read_problem("a.png", "b.png", grid="64x64")


# ---- singular mass -------------------------------------------------------------------------------


def test_restrict_drops_singular_mass_aloud():
    problem = read_problem("uniform", "normal", domain="-4:4", singular="restrict")
    share = preset("normal", Grid.regular(1024, -4, 4)).mass[problem.real.mass == 0].sum()
    assert problem.gen.restricted == pytest.approx(share)
    assert problem.input["gen"]["restricted"] == pytest.approx(share)
    assert problem.input["gen"]["singular_mass"] == 0
    assert problem.header[1].endswith("outside the domain 8.6e-04, 9.5% where p_r = 0 dropped")
    assert problem.warnings[0].startswith("9.5% of the generator's mass lay where p_r = 0")
    kept = read_problem("uniform", "normal", domain="-4:4")
    assert kept.gen.restricted == 0 and kept.input["gen"]["singular_mass"] == pytest.approx(share)
    assert "restricted" not in kept.input["gen"]


# ---- refusals ------------------------------------------------------------------------------------


def test_different_columns_as_documented(folder):
    write(folder / "real.csv", "age,income,city", "30,1.5,Rome", "41,2.5,Oslo")
    write(folder / "gen.csv", "age,income", "30,1.5", "41,2.5")
    with pytest.raises(InputError) as caught:
        read_problem("real.csv", "gen.csv")
    assert str(caught.value) == (
        "--gen gen.csv has 2 columns, --real real.csv has 3 (age, income, city): "
        "export the same columns, or pass --columns age,income."
    )
    with pytest.raises(InputError) as caught:
        read_problem("gen.csv", "normal")
    assert str(caught.value) == (
        "--gen normal has 1 column, --real gen.csv has 2 (age, income): pass --columns age."
    )


def test_nan_as_documented(folder):
    rows = ["1,2,3"] * 4181 + ["1,n/a,3"] + ["1,,3"] * 15 + ["?,2,3"]
    write(folder / "real.csv", "age,income,size", *rows)
    with pytest.raises(InputError) as caught:
        read_problem("real.csv", "real.csv")
    assert str(caught.value) == (
        'real.csv line 4183, column income: "n/a" is not a number; 17 such fields. '
        "Pass --nan drop to leave those rows out."
    )
    assert caught.value.argument == "nan"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1", "nan", "3"], r'line 2, column 0: "nan" is not a number; 1 such field\. Pass --nan'),
        (["1", "-inf", "3"], r'line 2, column 0: "-inf" is not finite'),
        (["x,y", "1,2", "1,"], "line 3, column y: the field is empty; 1 such field"),
        (["x,y", "1,2", "", "1,2,3"], "line 4 has 3 fields, the first line 2"),
        (["x,y", '1,"2', "3,4"], "line 3 cannot be read: unexpected end of data"),
    ],
)
def test_refused_fields(folder, lines, message):
    write(folder / "bad.csv", *lines)
    with pytest.raises(InputError, match=message):
        read_problem("bad.csv", "bad.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "bad.csv has no rows"),
        ("\n\n", "bad.csv has no rows"),
        ("age,income\n", "bad.csv has no rows"),
        ("age\nn/a\nnan\n", "column age: none of the 2 rows holds a number"),
        ("a,b\n1,\n,2\n", "no row without NaN"),
    ],
)
def test_nothing_to_measure(folder, content, message):
    (folder / "bad.csv").write_text(content)
    with pytest.raises(CannotMeasure, match=message) as caught:
        read_problem("bad.csv", "bad.csv", nan="drop")
    assert caught.value.exit_code == 4 and caught.value.argument == "real"


def test_nothing_on_the_grid(folder):
    np.save("x.npy", normal(20))
    with pytest.raises(CannotMeasure, match=r"none of the 20 rows of x.npy lies on the grid"):
        read_problem("x.npy", "normal", domain="50:60", density="histogram")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nrmal", 'no preset or file "nrmal". Nearest: normal.* See: ratiogan list presets'),
        ("nrmal:mean=2", 'no preset or file "nrmal:mean=2". Nearest: normal'),
        ("none.csv", "none.csv does not exist"),
        ("none/there", "none/there does not exist"),
        ("folder.npy", "folder.npy is a folder, not a file"),
        ("data.feather", "data.feather has no suffix that says what it holds"),
        ("text.npy", r"text.npy is not a .npy file. Check the suffix"),
        ("text.npz", r"text.npz is not a .npz file"),
        ("text.png", "text.png is not an image"),
        ("binary.csv", "binary.csv is not a text file in UTF-8"),
        ("short.npy", "short.npy cannot be read"),
        ("short.npz", "short.npz cannot be read"),
        ("damaged.npz", "damaged.npz cannot be read"),
        ("objects.npy", "objects.npy cannot be read: .*Python objects"),
        ("objects.npz", "objects.npz cannot be read: .*[Oo]bject arrays"),
        ("complex.npy", "complex.npy holds an array of complex128"),
        ("cube.npy", r"with shape \(2, 2, 2\): numbers or texts of shape"),
        ("mixed.npz", "mixed.npz holds a, b: one array of samples"),
        ("wide.npy", r"wide.npy has 5 columns \(0, 1, 2, 3, 4\), a grid at most 3.*--columns 0,1"),
        ("negative.npz", "got -1 in cell 1"),
        ("normal:mu=3", 'no parameter "mu"'),
    ],
)
def test_refused_sources(folder, name, message):
    (folder / "folder.npy").mkdir()
    for other in ("data.feather", "text.npy", "text.npz", "text.png"):
        write(folder / other, "no array")
    (folder / "binary.csv").write_bytes(b"\x93\xff\x00\x01")
    np.save("whole.npy", normal(50))
    (folder / "short.npy").write_bytes((folder / "whole.npy").read_bytes()[:200])
    np.savez("whole.npz", normal(50))
    data = bytearray((folder / "whole.npz").read_bytes())
    (folder / "short.npz").write_bytes(data[:200])
    data[150:170] = bytes(20)
    (folder / "damaged.npz").write_bytes(data)
    np.save("objects.npy", np.array([{}, []], dtype=object))
    np.savez("objects.npz", np.array([{}, []], dtype=object))
    np.save("complex.npy", np.ones(3, dtype=complex))
    np.save("cube.npy", np.ones((2, 2, 2)))
    np.savez("mixed.npz", a=np.ones(3), b=np.ones((2, 2)))
    np.save("wide.npy", normal(10, 5))
    np.savez("negative.npz", counts=[1, -1, 2], edges_0=[0, 1, 2, 3])
    gen = "near-real" if name != "nrmal:mean=2" else "normal"
    with pytest.raises(InputError, match=message):
        read_problem(name, gen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "size"}, 'x.csv has no column "size". It has age, city, code'),
        ({"columns": "agee"}, "Nearest: age"),
        ({"columns": "7"}, 'no column "7"'),
        ({"columns": "age,0"}, "names one column of x.csv twice"),
        ({"columns": "age", "grid": "8x8"}, "grid 8x8 has 2 parts, the problem 1 column"),
        ({"columns": "age", "grid": "counts"}, "0.5 is not a whole number"),
        ({"columns": "city", "grid": "8"}, "city holds categories, which grid 8 cannot cut"),
        ({"columns": "age", "domain": "4:1"}, "LOW below HIGH"),
        ({"columns": "age", "grid": "none.npz"}, "none.npz is not a file"),
        ({"columns": "age", "grid": "bad.npz"}, "bad.npz has no array edges_0: it holds arr_0"),
        ({"columns": "age", "grid": "edges.npz", "domain": "0:1"}, "have their own domain"),
        ({"columns": "age", "nan": "keep"}, "nan must be one of refuse, drop"),
        ({"columns": "age", "singular": "keep"}, "singular must be one of error, restrict"),
        ({"columns": "age", "density": "spline"}, "density must be one of kde, histogram"),
        ({"columns": "code", "density": "kde", "grid": "8"}, "code has one value only"),
        ({"columns": "code", "density": "histogram"}, "at least 2 cells, got 1"),
        ({"categorical": "town"}, 'no column "town"'),
    ],
)
def test_refused_options(folder, options, message):
    write(folder / "x.csv", "age,city,code", "0.5,Rome,3", "1.5,Oslo,3", "2.5,Rome,3")
    np.savez("bad.npz", np.ones(3))
    np.savez("edges.npz", edges_0=[0, 1, 3.0])
    with pytest.raises(InputError, match=message):
        read_problem("x.csv", "x.csv", **options)


def test_refused_pairs(folder):
    write(folder / "a.csv", "city", "Rome", "Oslo")
    write(folder / "b.csv", "city", "1", "2")
    with pytest.raises(
        InputError, match=r"holds text in a.csv and numbers in b.csv.*--categorical"
    ):
        read_problem("b.csv", "a.csv")
    assert read_problem("b.csv", "a.csv", categorical="city").real.grid.size == 4
    with pytest.raises(InputError, match="cannot both be read from stdin"):
        read_problem("-", "-")
    with pytest.raises(InputError, match="--columns needs a table"):
        read_problem(columns="age")
    with pytest.raises(InputError, match="--categorical needs a table"):
        read_problem(categorical=["age"])
    with pytest.raises(InputTypeError, match="must be a preset, a file or a Distribution, got int"):
        read_problem(3)
    np.savez("h.npz", counts=[1, 2], edges_0=[0, 1, 2.0])
    with pytest.raises(InputError, match=r"h.npz has its own cells"):
        read_problem("h.npz", "b.csv", domain="0:1")


def test_too_many_levels(folder, monkeypatch):
    monkeypatch.setattr(sources, "MAX_LEVELS", 3)
    write(folder / "id.csv", "id", *"abcd")
    with pytest.raises(InputError, match=r"column id has 4 different texts.*--columns"):
        read_problem("id.csv", "id.csv")


def test_the_side_at_fault_is_named(folder):
    for real, gen, argument in (("none.csv", "normal", "real"), ("normal", "none.csv", "gen")):
        with pytest.raises(InputError) as caught:
            read_problem(real, gen)
        assert caught.value.argument == argument
