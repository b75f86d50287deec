"""The commands count and merge, as a user types them."""

import io
import json
import sys

import jsonschema
import numpy as np
import pytest

from ratiogan.cli.main import main
from ratiogan.cli.names import schema_text
from ratiogan.grid import Grid
from ratiogan.progress import Progress
from ratiogan.twosample.accumulate import Counts


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys, *words):
    code = main(list(words))
    captured = capsys.readouterr()
    assert captured.out.isascii() and all(len(line) <= 120 for line in captured.out.split("\n"))
    return code, captured.out, captured.err


def normal(rows, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


def test_bare_it_counts_the_example(folder, capsys):
    code, out, err = call(capsys, "count")
    assert code == 0 and err == "" and list(folder.iterdir()) == []
    lines = out.splitlines()
    assert lines[0] == "ratiogan count   ring8   seed 0"
    assert lines[2].startswith("COUNTED 10000 rows on 32x32 cells on -2.")
    assert lines[2].endswith("; none of them outside.")
    assert lines[-2:] == [
        "wrote nothing (add -o FILE.npz for the counts)",
        "again: ratiogan count --seed 0",
    ]
    assert call(capsys, "count", "-q")[1].strip() == lines[2]


def test_two_machines_make_one_histogram(folder, capsys):
    x = normal(3000)
    np.save("a.npy", x[:1000])
    np.save("b.npy", x[1000:])
    cells = ("--grid", "16", "--domain", "-2:2")
    assert call(capsys, "count", "a.npy", *cells, "-o", "a.npz")[0] == 0
    # The second takes its cells from the first.
    assert call(capsys, "count", "b.npy", "--grid", "a.npz", "-o", "b.npz")[0] == 0
    code, out, err = call(capsys, "merge", "a.npz", "b.npz", "-o", "all.npz")
    assert code == 0 and err == ""
    share = f"{100 * np.mean(np.abs(x) > 2):.2g}%"
    assert f"MERGED 3000 rows on 16 cells on -2:2; {share} of them outside." in out
    assert "wrote all.npz" in out
    whole = Counts(Grid.regular(16, -2, 2)).add(x)
    assert Counts.load("all.npz") == whole
    with np.load("all.npz") as arrays:
        command = json.loads(str(arrays["meta"]))["command"]
    assert command == ["ratiogan", "merge", "a.npz", "b.npz", "-o", "all.npz", "--seed", "0"]
    assert call(capsys, "count", "a.npy", "b.npy", *cells, "-o", "both.npz")[0] == 0
    assert Counts.load("both.npz") == whole


def test_json_keeps_to_the_schema(folder, capsys):
    schema = jsonschema.Draft202012Validator(json.loads(schema_text()))
    code, out, _ = call(capsys, "count", "normal", "--domain=-1:1", "-o", "c.npz", "--json")
    found = json.loads(out)
    schema.validate(found)
    assert code == 0 and found["kind"] == "count"
    assert found["input"]["sources"] == ["normal"] and found["files"] == {"counts": "c.npz"}
    assert found["input"]["grid"]["axes"][0]["low"] == -1
    assert found["rows"] == 10_000 == found["inside"] + found["outside"]
    share = f"{found['outside'] / 100:.2g}%"
    assert found["warnings"][0].startswith(f"{share} of the rows lie outside the cells")
    code, out, _ = call(capsys, "merge", "c.npz", "c.npz", "--json")
    found = json.loads(out)
    schema.validate(found)
    assert found["kind"] == "merge" and found["rows"] == 20_000


def test_stdin(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a,b\n1,x\n2,y\n2,x\n"))
    code, out, _ = call(capsys, "count", "-", "-q")
    assert code == 0
    assert out == "COUNTED 3 rows on 2 counts 1..2 x 2 categories; none of them outside.\n"


def test_dropped_and_outside_are_said(folder, capsys):
    (folder / "x.csv").write_text("v\n0.5\nn/a\n7\n")
    code, out, err = call(capsys, "count", "x.csv", "--grid=4", "--domain=0:1", "--nan", "drop")
    assert code == 0
    assert "rows in the cells 1 1 of 4 in use" in " ".join(out.split())
    assert "50% of them outside" in out and "NaN dropped" in out
    assert err.startswith("Warning: 50% of the rows lie outside the cells")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["merge"], 2, "merge needs files of counts"),
        (["merge", "none.npz"], 2, "none.npz cannot be read"),
        (["merge", "x.npz"], 2, "x.npz holds no counts: it has arr_0"),
        (["merge", "a.npz", "b.npz"], 2, "counts add up on the same cells only"),
        (["count", "a.npz"], 2, "a.npz holds counts already.*ratiogan merge"),
        (["count", "x.csv"], 2, 'x.csv line 3, column v: "n/a" is not a number; 1 such field'),
        (["count", "empty.csv"], 4, "empty.csv has no rows"),
        (["count", "normal", "-o", "c.csv"], 2, "--out c.csv must end in .npz"),
        (["count", "normal", "-o", "a.npz"], 2, "a.npz exists; choose another --out, or --force"),
        (["count", "normal", "--grid", "99999999999999"], 2, "needs about .* of memory"),
        (["count", "--colums", "a"], 2, "no option --colums.*Nearest: --columns"),
    ],
)
def test_refusals(folder, capsys, words, code, message):
    Counts(Grid.regular(2, 0, 1)).add([0.1]).save("a.npz")
    Counts(Grid.regular(3, 0, 1)).add([0.1]).save("b.npz")
    np.savez("x.npz", normal(3))
    (folder / "x.csv").write_text("v\n0.5\nn/a\n7\n")
    (folder / "empty.csv").write_text("")
    before = sorted(path.name for path in folder.iterdir())
    found, out, err = call(capsys, *words)
    assert found == code and out == ""
    assert len(err.splitlines()) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(err)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_force_replaces(folder, capsys):
    for words in ((), ("--force",)):
        assert call(capsys, "count", "normal:n=9", "-o", "c.npz", *words)[0] == 0
    assert Counts.load("c.npz").rows == 9


def test_help_names_the_exit_codes_and_an_example(capsys):
    for name in ("count", "merge"):
        code, out, _ = call(capsys, name, "--help")
        assert code == 0 and f"ratiogan {name} " in out and "Exit codes" in out


def test_progress_of_rows():
    stream = io.StringIO()
    with Progress("count", None, stream) as progress:
        progress.rows(10, 100)
        assert stream.getvalue() == ""
        progress.started -= 2
        progress.rows(250_000, 1_000_000, "rows counted")
        assert "count  250 000 of 1 000 000 rows counted  about 6 s left" in stream.getvalue()
        progress.started -= 2
        progress.rows(300_000)
        assert "count  300 000 rows" in stream.getvalue()
    assert stream.getvalue().endswith("\r")
