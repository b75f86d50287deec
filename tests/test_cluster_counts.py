"""Counts and diagnoses on workers: those of one process, byte for byte, whatever is lost."""

import json
import os
import signal
import sys
import time

import jsonschema
import numpy as np
import pytest

import ratiogan as rg
from ratiogan.cli.main import main
from ratiogan.cli.names import schema_text
from ratiogan.errors import CannotMeasure, InputError
from ratiogan.grid import Grid
from ratiogan.tables import Table

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")
pytest.importorskip("pandas", reason="needs the extra: pip install '.[dask]'")
pytest.importorskip("pyarrow", reason="needs the extra: pip install '.[dask]'")

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd

from ratiogan.cluster import counts as cluster_counts
from ratiogan.cluster.counts import Part, count_part, scan_part


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in; files are split into parts of few rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster_counts, "PART_BYTES", 1 << 20)
    return tmp_path


@pytest.fixture
def nobody(monkeypatch):
    """No client is active."""

    def get_client():
        raise ValueError("no client")

    monkeypatch.setattr("distributed.get_client", get_client)
    with dask.config.set(scheduler="threads"):
        yield


def normal(rows, columns=2, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def table(rows=3000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "city": rng.choice(["Rome", "Oslo", "Bern"], rows),
            "count": rng.poisson(3, rows),
        }
    )


def in_parts(frame, parts=3):
    step = -(-len(frame) // parts)
    return [frame[k * step : (k + 1) * step] for k in range(parts)]


def same(one, other):
    """Whether two counts are equal in all that is saved of them."""
    assert one == other
    assert (one.label, one.grid.names) == (other.label, other.grid.names)
    for a, b in zip(one.grid.axes, other.grid.axes, strict=True):
        assert a.edges.tobytes() == b.edges.tobytes() and a.levels == b.levels
    return True


# ---- equal to one process ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (1, {"grid": 64, "domain": "-2:2"}),
        (1, {"grid": "auto"}),
        (2, {"grid": "32x16", "domain": "-3:3,-2:2"}),
        (2, {"grid": "32xauto"}),
        (3, {}),
    ],
)
def test_arrays_in_files(folder, client, columns, cells):
    x = normal(300_000, columns)
    np.save("part-0.npy", x[:200_000])
    np.save("part-1.npy", x[200_000:].astype(np.float32).astype(np.float64))
    one = rg.count(["part-0.npy", "part-1.npy"], **cells)
    assert same(one, rg.count("part-*.npy", scheduler=client, **cells))
    assert one.rows == 300_000


@pytest.mark.parametrize(
    "choice", [{}, {"columns": "count,size"}, {"columns": "city"}, {"categorical": "count"}]
)
def test_tables_of_numbers_and_texts(folder, client, choice):
    frame = table()
    for k, part in enumerate(in_parts(frame)):
        part.to_csv(f"part-{k}.csv", index=False)
        part.to_parquet(f"part-{k}.parquet", row_group_size=250)
    one = rg.count("part-*.csv", **choice)
    assert same(one, rg.count("part-*.csv", scheduler=client, **choice))
    there = rg.count("part-*.parquet", scheduler=client, **choice)
    assert same(rg.count("part-*.parquet", **choice), there)
    assert one == there == rg.count(frame, **choice)
    assert one == rg.count(dd.from_pandas(frame, npartitions=4), **choice)


def test_known_cells_of_categories(folder, client):
    table().to_csv("x.csv", index=False)
    grid = Grid.product(Grid.categories(["Oslo", "Rome"]), Grid.counts(0, 4))
    choice = {"columns": "city,count", "grid": grid}
    assert same(rg.count("x.csv", **choice), rg.count("x.csv", scheduler=client, **choice))


def test_what_is_dropped_and_what_lies_outside(folder, client):
    x = normal(200_000)
    x[[5, 70_000, 150_000], [0, 1, 0]] = np.nan
    np.save("x.npy", x)
    choice = {"grid": "16x16", "nan": "drop"}
    one = rg.count("x.npy", **choice)
    assert same(one, rg.count("x.npy", scheduler=client, **choice))
    assert one.dropped_nan == 3
    assert same(rg.count(x, **choice), rg.count(da.from_array(x, (30_000, 1)), **choice))


def test_presets_and_arrays_beside_files_are_counted_here(folder, client):
    np.save("x.npy", normal(5000, 1))
    choice = {"grid": 32, "domain": "-3:3", "seed": 4}
    sources = ["x.npy", "normal:n=700"]
    assert same(rg.count(sources, **choice), rg.count(sources, scheduler=client, **choice))
    assert same(rg.count(normal(90, 1), grid=4), rg.count(normal(90, 1), grid=4, scheduler=client))


# ---- Dask's collections --------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["client", "threads"])
def test_dask_arrays_and_frames(where, client, request):
    if where == "threads":
        request.getfixturevalue("nobody")
    x, frame = normal(20_000), table()
    for chunks in ((3000, 2), (7000, 1)):
        assert same(rg.count(x), rg.count(da.from_array(x, chunks)))
    one = normal(1000, 1)[:, 0]
    assert same(rg.count(one), rg.count(da.from_array(one, 300)))
    lazy = dd.from_pandas(frame, npartitions=5)
    assert same(rg.count(frame), rg.count(lazy))
    # Some partitions are empty then, and how many rows there are is not known.
    assert same(rg.count(x[x[:, 0] > 2]), rg.count((a := da.from_array(x, (999, 2)))[a[:, 0] > 2]))
    few = frame[frame["size"] > 2.5].reset_index(drop=True)
    assert rg.count(few) == rg.count(lazy[lazy["size"] > 2.5])
    assert rg.count(frame["count"]) == rg.count(lazy["count"])


def test_what_partitions_share_is_computed_once(nobody):
    seen = []

    def mean():
        seen.append(1)
        return 0.5

    shared = da.from_delayed(dask.delayed(mean)(), (), float)
    x = da.from_array(normal(5000), (500, 2)) - shared
    rg.count(x, grid="8x8", domain="-4:4,-4:4")
    assert len(seen) == 1


@pytest.mark.parametrize("where", ["client", "threads", "scheduler"])
def test_a_diagnosis_is_the_same(where, client, request):
    if where == "threads":
        request.getfixturevalue("nobody")
    scheduler = client if where == "scheduler" else None
    real, gen = table(900), table(700, seed=1)
    choice = {"resamples": 100, "columns": "size", "group": "city"}
    one = rg.diagnose(real, gen, **choice)
    other = rg.diagnose(
        dd.from_pandas(real, npartitions=3),
        dd.from_pandas(gen, npartitions=2),
        scheduler=scheduler,
        **choice,
    )
    assert one.summary() == other.summary() and one.to_dict() == other.to_dict()
    assert one.input == other.input
    assert same(one.real, other.real) and same(one.gen, other.gen)


# Cells of equal shares; the pairs of many columns; columns that are projected.
@pytest.mark.parametrize(("columns", "choice"), [(1, {}), (4, {}), (4, {"project": "pca:1"})])
def test_a_diagnosis_of_files_is_the_same(folder, client, columns, choice):
    real, gen = normal(3000, columns), normal(2000, columns, seed=1)
    real[::100] *= 1000 if columns == 1 else 1
    np.save("real.npy", real)
    np.savetxt("gen.csv", gen, delimiter=",")
    one = rg.diagnose("real.npy", "gen.csv", resamples=100, **choice)
    other = rg.diagnose("real.npy", "gen.csv", resamples=100, scheduler=client, **choice)
    assert one.summary() == other.summary() and one.to_dict() == other.to_dict()


def test_modes_and_check_take_dask_collections_too(client):
    x = normal(2000)
    lazy = da.from_array(x, (600, 2))
    assert rg.modes(x, x + 0.1).summary() == rg.modes(lazy, lazy + 0.1).summary()


# ---- what is lost --------------------------------------------------------------------------------


def slow_rows(k, seconds):
    time.sleep(seconds)
    return normal(500, 1, seed=k)


def slow_array(parts=10, seconds=0.25):
    return da.concatenate(
        [
            da.from_delayed(dask.delayed(slow_rows)(k, seconds), (500, 1), float)
            for k in range(parts)
        ]
    )


class Strike:
    """A progress that sends a signal once two parts are done, while others are under way."""

    def __init__(self, pid, number):
        self.words = pid, number

    def rows(self, done, total, what):
        if done == 2:
            os.kill(*self.words)


@pytest.mark.parametrize("kind", ["files", "collection"])
def test_a_worker_killed_in_the_middle_changes_nothing(folder, client, kind):
    source = slow_array()
    if kind == "files":
        # The quotes keep NumPy's fast reader away: a part takes some tenths of a second.
        for k in range(5):
            rows = [f'"{x}",{y}' for x, y in zip(*normal(40_000, seed=k).T, strict=True)]
            (folder / f"x{k}.csv").write_text("\n".join(['"a,b",c', *rows, ",1"]))
        source = "x*.csv"
    choice = {"columns": "0", "grid": 32, "domain": "-3:3", "nan": "drop"}
    pid = next(iter(client.run(os.getpid).values()))
    found = rg.count(source, scheduler=client, progress=Strike(pid, signal.SIGKILL), **choice)
    if kind == "collection":
        source = np.concatenate([slow_rows(k, 0) for k in range(10)])
    assert same(rg.count(source, **choice), found)
    assert found.notes and all("a worker was lost" in note for note in found.notes)
    assert kind != "files" or "of 5 (x" in found.notes[0]


def test_after_an_interrupt_a_checkpoint_goes_on(folder, client):
    x = np.concatenate([normal(500, 1, seed=k) for k in range(10)])

    def count(array, progress=None):
        choice = {"grid": 32, "domain": "-3:3", "scheduler": client, "checkpoint": "kept"}
        return rg.count(array, progress=progress, **choice)

    array = slow_array()
    with pytest.raises(KeyboardInterrupt, match=r"interrupted; \d of 10 parts are kept in kept"):
        count(array, Strike(os.getpid(), signal.SIGINT))
    kept = {file: file.stat().st_mtime_ns for file in (folder / "kept" / "pass-000").glob("*.npz")}
    assert 0 < len(kept) < 10
    assert same(count(array), rg.count(x, grid=32, domain="-3:3"))
    assert all(file.stat().st_mtime_ns == time for file, time in kept.items())
    assert same(count(array), rg.count(x, grid=32, domain="-3:3"))
    with pytest.raises(InputError, match=r"kept.pass-000 is of other work: its grid is"):
        rg.count(array, grid=16, domain="-3:3", scheduler=client, checkpoint="kept")


def test_a_checkpoint_keeps_what_was_dropped_and_where(folder, client):
    x = normal(200_000)
    x[170_000, 1] = np.nan
    np.save("x.npy", x)
    choice = {"grid": "8x8", "domain": "-3:3,-3:3", "nan": "drop"}
    for _ in range(2):
        found = rg.count("x.npy", scheduler=client, checkpoint="kept", **choice)
        assert same(found, rg.count("x.npy", **choice))
    with pytest.raises(InputError, match="of other work: its nan is drop, here it is refuse"):
        rg.count("x.npy", scheduler=client, checkpoint="kept", **{**choice, "nan": "refuse"})


# ---- bad input -----------------------------------------------------------------------------------


def refusal(*sources, **choice):
    with pytest.raises(InputError) as refused:
        rg.count(*sources, **choice)
    return type(refused.value), str(refused.value)


@pytest.mark.parametrize(
    "name", ["nan.npy", "field.csv", "short.csv", "names.csv", "text.csv", "none.csv", "dates.csv"]
)
@pytest.mark.parametrize("cells", [{}, {"grid": "4x4", "domain": "0:9,0:9"}])
def test_refusals_are_those_of_one_process(folder, client, name, cells):
    x = normal(200_000)
    x[[110_000, 160_000], 1] = np.nan
    np.save("nan.npy", x)
    (folder / "field.csv").write_text("a,b\n1,2\n3,n/a\n5,6\n")
    (folder / "short.csv").write_text("a,b\n1,2\n3\n")
    (folder / "names.csv").write_text("a,b\n" + "".join(f"{k},name{k}\n" for k in range(1500)))
    (folder / "text.csv").write_text("a,b\n1,x\n2,y\n")
    (folder / "none.csv").write_text("a,b\n1,\n2,\n")
    pd.DataFrame({"a": [1.0], "b": [pd.Timestamp("2020-01-01")]}).to_parquet("dates.csv.parquet")
    sources = [name] if name != "dates.csv" else ["dates.csv.parquet"]
    if name == "text.csv" and not cells:  # is no mistake
        np.save("y.npy", normal(9))
        sources.append("y.npy")
    assert refusal(sources, **cells) == refusal(sources, scheduler=client, **cells)


def test_a_file_that_a_worker_cannot_read_is_named_with_the_worker(folder, client):
    heading = Table("x.npy", [0], None, [0])
    part = Part("/nowhere/x.npy", heading, 0, 1, (0,), (), "refuse", ())
    said = str(client.submit(scan_part, part, None).result().refusal)
    assert said.startswith("x.npy: the worker tcp://") and "cannot read /nowhere/x.npy." in said
    np.save("x.npy", normal(9))
    part = Part(os.path.abspath("x.npy"), heading, 0, 1, (0,), (), "refuse", ())
    note, _ = client.submit(count_part, part, Grid.regular(2, 0, 1), None).result()
    assert "finds another table in" in str(note.refusal)


def test_partitions_with_other_columns_are_refused(client):
    one, other = table(20), table(20).rename(columns={"city": "town"})
    parts = [dask.delayed(one), dask.delayed(other)]
    lazy = dd.from_delayed(parts, meta=one, verify_meta=False)
    with pytest.raises(InputError, match=r"partition 1 of array has the columns size, town, count"):
        rg.count(lazy)


def test_texts_of_all_partitions_are_counted(client):
    frame = pd.DataFrame({"name": [f"name{k}" for k in range(1500)]})
    assert refusal(frame) == refusal(dd.from_pandas(frame, npartitions=3))


def failing():
    raise OSError("the disk is gone")


def test_a_part_that_fails_is_named(client):
    x = da.concatenate(
        [da.zeros((5, 1)), da.from_delayed(dask.delayed(failing)(), (5, 1), float)]
    ).rechunk((5, 1))
    with pytest.raises(InputError, match=r"part 2 of 2 \(array\) could not be read.*disk is gone"):
        rg.count(x, grid=2, domain="0:1", scheduler=client)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (da.zeros((4, 2, 2)), InputError, "array holds an array of float64 with shape"),
        (da.zeros((0, 2)), CannotMeasure, "array has no rows"),
        (dask.delayed(3), InputError, "a sample must be a Dask array or data frame, got Delayed"),
        ("none-*.npy", InputError, 'no file matches "none-'),
    ],
)
def test_sources_that_are_none(nobody, source, error, message):
    with pytest.raises(error, match=message):
        rg.count(source)


def test_parquet_without_pyarrow(folder, monkeypatch):
    table(9).to_parquet("x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        InputError, match=r"x.parquet needs pyarrow.*pip install 'ratiogan\[dask\]'"
    ):
        rg.count("x.parquet")


def test_parquet_columns(folder):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "text": ["a", None, "b"],
            "kind": pd.Categorical(["u", "v", "u"]),
            "flag": [True, False, True],
        },
        index=[5, 6, 7],
    )
    frame.to_parquet("x.parquet")
    assert rg.count("x.parquet", columns="kind,flag").counts.tolist() == [[0, 2], [1, 0]]
    message = "x.parquet row 1, column whole: the field is not finite|x.parquet row 1, column whole"
    with pytest.raises(InputError, match=message):
        rg.count("x.parquet", columns="whole,text")
    assert rg.count("x.parquet", columns="whole,text", nan="drop").dropped_nan == 1
    (folder / "y.parquet").write_text("a,b\n")
    with pytest.raises(InputError, match=r"y.parquet is not a .parquet file"):
        rg.count("y.parquet")


# ---- the command line ----------------------------------------------------------------------------


def test_the_commands_say_the_same(folder, client, capsys):
    np.save("part-0.npy", normal(3000))
    np.save("part-1.npy", normal(2000, seed=1))
    address = ("--scheduler", client.scheduler.address)
    schema = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for words in (
        ("count", "part-*.npy", "--grid", "16x16", "--domain=-2:2,-2:2"),
        ("diagnose", "--real=part-0.npy", "--gen=part-1.npy", "--columns=0"),
    ):
        texts = []
        for more in ((), address):
            assert main([*words, *more]) == 0
            out = capsys.readouterr().out
            texts.append([line for line in out.splitlines() if not line.startswith("again:")])
        assert texts[0] == texts[1]
        assert main([*words, *address, "--checkpoint", "kept-" + words[0], "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        schema.validate(found)
        assert found["options"]["scheduler"] == client.scheduler.address
        assert found["options"]["checkpoint"] == "kept-" + words[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("count", "x.npy", "--checkpoint", "kept"), "checkpoint keeps what workers have finished"),
        (("count", "x-*.npy", "--scheduler", "local:2"), 'no file matches "x-'),
        (("count", "normal", "--scheduler", "two"), "scheduler must be local:N or tcp"),
        (("diagnose", "--real=x.npy", "--gen=no.npy", "--scheduler=local:2"), "no.npy does not"),
    ],
)
def test_refusals_on_the_command_line(folder, capsys, words, message):
    np.save("x.npy", normal(9))
    assert main(list(words)) == 2
    assert message in capsys.readouterr().err
