"""Status, Trace and Solution: what a solver hands back, and its file."""

import copy
import dataclasses
import io
import json
import math
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan import catalogue
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError
from ratiogan.grid import Grid
from ratiogan.solution import Prediction, Solution, Status, Trace, load, write_atomically

GLGD_STEPS = (0, 1, 2, 4, 8, 16, 38)
MOCK_UP = dict(
    step=GLGD_STEPS,
    cost=(2.348e-01, 1.071e-01, 4.813e-02, 7.681e-03, 6.265e-05, 1.040e-09, 6.66e-16),
    js=(9.083e-02, 3.897e-02, 1.795e-02, 3.208e-03, 3.060e-05, 5.197e-10, 1.54e-18),
    max_error=(4.94, 3.60, 2.52, 1.07, 1.01e-01, 4.14e-04, 9.87e-11),
    rms_error=(1.12, 7.46e-01, 4.88e-01, 1.85e-01, 1.59e-02, 6.45e-05, 1.54e-11),
    min_ratio=(0.2977, 0.6338, 0.7924, 0.9340, 0.9950, 1.0, 1.0),
    effective_support=(631.0, 715.1, 733.4, 720.6, 697.6, 694.8, 694.8),
)
MOCK_UP_TEXT = """\
CONVERGED in 38 steps: max|R-1| = 9.9e-11, below tol 1e-10.

  step   E[Phi]-min      JSD      max|R-1|   rms|R-1|    min R   cells in use
     0    2.348e-01   9.083e-02   4.94e+00   1.12e+00   0.2977      631.0
     1    1.071e-01   3.897e-02   3.60e+00   7.46e-01   0.6338      715.1
     2    4.813e-02   1.795e-02   2.52e+00   4.88e-01   0.7924      733.4
     4    7.681e-03   3.208e-03   1.07e+00   1.85e-01   0.9340      720.6
     8    6.265e-05   3.060e-05   1.01e-01   1.59e-02   0.9950      697.6
    16    1.040e-09   5.197e-10   4.14e-04   6.45e-05   1.0000      694.8
    38    6.66e-16    1.54e-18    9.87e-11   1.54e-11   1.0000      694.8

                                    predicted        measured       difference
rate per step, 1 - alpha Phi''(1)   0.5              0.5000002      2.1e-07
generator cost g at the end         log 2            0.693147181    1.1e-16
discriminator cost d at the end     2 log 2          1.386294361    1.2e-15
C(R0) - 2 log 2 = 2 KL(m||p_r)      0.234794374      0.234794374    < 1e-15
E[Phi] never rises (alpha <= 1)     yes              yes (38 of 38 steps)"""
PREDICTIONS = (
    Prediction("rate per step, 1 - alpha Phi''(1)", 0.5, 0.50000021, 2.1e-7, 1e-3),
    Prediction(
        "generator cost g at the end", math.log(2), math.log(2), 1.1e-16, 4e-15, text="log 2"
    ),
    Prediction(
        "discriminator cost d at the end", 2 * math.log(2), 1.386294361, 1.2e-15, text="2 log 2"
    ),
    Prediction("C(R0) - 2 log 2 = 2 KL(m||p_r)", 0.234794374, 0.234794374, 0.0, 1e-15),
    Prediction("E[Phi] never rises (alpha <= 1)", "yes", "yes (38 of 38 steps)"),
)
WHY = (
    "Why: with f fixed, g(R, f) is linear in R, so its minimiser is an extreme point: "
    "a delta at argmax f."
)
COLLAPSED = (
    "COLLAPSED at step 1: all generator mass is in 1 of 1024 cells (y = -2.277, where R was "
    "smallest), and\nfrom then on it hops: 12 steps, 12 different cells, JSD between 0.6839 and "
    "0.6930 of log 2 = 0.6931."
)
ALTERNATING_TEXT = f"""\
{COLLAPSED}

  step   generator is at     max f*    cells with max f*    JSD      cells in use    g(R, f*)
     0   (spread out)        0.7706                1       0.0908        631.0         1.024
     1   y = -2.277          1.0000             1023       0.6877          1.0         6.543
     2   y =  2.809          1.0000             1023       0.6917          1.0         8.078
     3   y =  1.090          1.0000             1023       0.6875          1.0         6.502
     4   y =  0.082          1.0000             1023       0.6912          1.0         7.737

                                        predicted      measured
cells in use after one step             1              1.000
next point avoids the present one       always         12 of 12 steps
R = 1 is reached                        never          never in 12 steps

{WHY}"""


def distribution(grid, label="normal:mean=0,sd=1.2", seed=0):
    mass = np.random.default_rng(seed).random(grid.shape) + 0.1
    return Distribution(grid, mass / mass.sum(), label=label, kind="preset", outside=1.8e-4)


def solution(grid=None, **changes):
    """A small run of glgd, made by hand."""
    grid = Grid.regular(6, -4, 4) if grid is None else grid
    real, gen = distribution(grid), distribution(grid, seed=1)
    ratio = gen.mass / real.mass
    settings = dict(
        algorithm="glgd",
        ratio=ratio,
        discriminator=1 / (1 + ratio),
        status=Status.CONVERGED,
        as_predicted=True,
        finding="CONVERGED in 38 steps: max|R-1| = 9.9e-11, below tol 1e-10.",
        n_steps=38,
        trace=Trace(MOCK_UP),
        certificate={"cost_gap_bound": 1e-20, "mean_ratio": 1.0},
        real=real,
        gen=gen,
        options={"game": "non-saturating", "alpha": 1.0, "alpha_is_auto": True, "tol": 1e-10},
        snapshot_steps=(0, 38),
        snapshots=np.stack([ratio, np.ones(grid.shape)]),
        predictions=PREDICTIONS,
        seed=0,
    )
    return Solution(**{**settings, **changes})


def collapsed(grid=None, positions=None, **changes):
    """A small run of alternating, made by hand."""
    grid = Grid.regular(6, -4, 4) if grid is None else grid
    positions = positions or [(math.nan, -2.277, 2.809, 1.090, 0.082)]
    settings = dict(
        algorithm="alternating",
        status=Status.HOPPING,
        finding=COLLAPSED.replace("\n", " "),
        n_steps=12,
        trace=Trace(
            step=range(5),
            cell=(-1, 0, 1, 2, 3),
            **{f"position_{i}": column for i, column in enumerate(positions)},
            max_discriminator=(0.7706, 1, 1, 1, 1),
            ties=(1, 1023, 1023, 1023, 1023),
            js=(0.0908, 0.6877, 0.6917, 0.6875, 0.6912),
            effective_support=(631.0, 1, 1, 1, 1),
            g=(1.024, 6.543, 8.078, 6.502, 7.737),
        ),
        predictions=(
            Prediction("cells in use after one step", "1", "1.000"),
            Prediction("next point avoids the present one", "always", "12 of 12 steps"),
            Prediction("R = 1 is reached", "never", "never in 12 steps"),
        ),
        notes=(WHY,),
    )
    return solution(grid, **{**settings, **changes})


def test_every_status_of_the_catalogue_is_a_member_with_its_sentence():
    assert [status.value for status in Status] == list(catalogue.STATUSES)
    for status in Status:
        assert status.sentence == catalogue.STATUSES[status.value].summary


def test_a_trace_copies_and_freezes_its_columns():
    cost = np.array([3.0, 2.0])
    trace = Trace(step=[0, 1], cost=cost)
    cost[0] = 99.0
    assert trace.cost[0] == 3.0
    with pytest.raises(ValueError, match="read-only"):
        trace.cost[0] = 1.0
    with pytest.raises(AttributeError, match="read-only"):
        trace.cost = cost
    with pytest.raises(TypeError):
        trace.columns["cost"] = cost
    with pytest.raises(AttributeError, match="no column 'kl'"):
        _ = trace.kl


def test_a_trace_is_a_mapping_and_travels():
    trace = Trace({"step": [0, 1, 5]}, cost=[3.0, np.nan, 1.0])
    assert len(trace) == 3
    assert list(trace.columns) == ["step", "cost"]
    assert "cost" in trace and trace["cost"] is trace.cost
    assert trace == pickle.loads(pickle.dumps(trace)) == copy.deepcopy(trace)
    assert trace != Trace(step=[0, 1, 5], cost=[3.0, 0.0, 1.0])
    assert trace.rows([2, 0]) == Trace(step=[5, 0], cost=[1.0, 3.0])


@pytest.mark.parametrize(
    "columns, match",
    [
        ({"cost": [1.0]}, 'needs the column "step"'),
        ({"step": [0, 1], "cost": [1.0]}, "equally long"),
        ({"step": [[0], [1]]}, "1-D"),
    ],
)
def test_a_trace_refuses_columns_that_do_not_fit(columns, match):
    with pytest.raises(InputError, match=match):
        Trace(columns)


@given(st.integers(0, 5000))
@settings(max_examples=40, deadline=None)
def test_log_spaced_rows_are_the_powers_of_two_and_the_last(last):
    trace = Trace(step=np.arange(last + 1))
    naive = sorted({0, last} | {2**k for k in range(13) if 2**k <= last})
    assert trace.step[trace.log_spaced()].tolist() == naive


@given(st.sets(st.integers(1, 5000)))
@settings(max_examples=40, deadline=None)
def test_log_spaced_takes_the_next_recorded_step_where_one_is_missing(recorded):
    steps = np.array(sorted(recorded | {0}))
    rows = Trace(step=steps).log_spaced()
    assert rows[0] == 0 and rows[-1] == len(steps) - 1
    assert np.all(np.diff(rows) > 0)
    for power in (2**k for k in range(13) if 2**k <= steps[-1]):
        assert steps[steps >= power][0] in steps[rows]


def test_log_spaced_of_an_empty_trace_is_empty():
    assert Trace(step=[]).log_spaced().tolist() == []


def test_the_summary_of_glgd_is_the_specified_text():
    assert solution().summary() == MOCK_UP_TEXT


def test_the_summary_of_alternating_is_the_specified_text():
    assert collapsed().summary() == ALTERNATING_TEXT


def test_the_summary_stays_plain_and_narrow_at_the_extremes():
    extreme = {name: [*column] for name, column in MOCK_UP.items()}
    for name in ("cost", "js", "max_error", "rms_error"):
        extreme[name][:3] = [1.234e99, math.inf, math.nan]
    extreme["cost"][3] = -1.234e-2
    extreme["step"][-1] = 100_000
    extreme["effective_support"][0] = 16_777_216.0
    run = solution(
        trace=Trace(extreme),
        finding="NOT CONVERGING, as predicted: " + "word " * 60,
        predictions=(Prediction("n" * 60, 1e-300, 1.234e-5, math.inf), *PREDICTIONS),
    )
    text = run.summary()
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= 120
    assert not any(line.endswith(" ") for line in text.split("\n"))
    rows = text.split("\n\n")[1].split("\n")
    assert {len(row) for row in rows[1:]} == {73}, "a column out of line"


def test_all_rows_prints_every_recorded_row():
    steps = np.arange(39)
    trace = Trace({name: np.interp(steps, GLGD_STEPS, MOCK_UP[name]) for name in MOCK_UP})
    trace = Trace({**trace.columns, "step": steps})
    run = solution(trace=trace)
    assert len(run.summary().split("\n\n")[1].split("\n")) == 1 + 8
    assert len(run.summary(all_rows=True).split("\n\n")[1].split("\n")) == 1 + 39
    assert run.to_dict()["trace"]["step"] == [0, 1, 2, 4, 8, 16, 32, 38]
    assert len(run.to_dict(all_rows=True)["trace"]["step"]) == 39


@pytest.mark.parametrize(
    "grid, positions, place",
    [
        (Grid.regular((4, 4), -4, 4), [(0, -1.5, 1, 1, 1), (0, 2.25, 1, 1, 1)], "(-1.500, 2.250)"),
        (Grid.counts(0, 9, name="visits"), [(0, 3.0, 1, 1, 1)], "visits = 3 "),
        (Grid.categories(["cat", "dog"], name="kind"), [(0, 1.0, 1, 1, 1)], "kind = dog "),
    ],
)
def test_a_position_is_written_in_the_words_of_its_axes(grid, positions, place):
    lines = collapsed(grid, positions).summary().split("\n\n")[1].split("\n")
    assert lines[1][9:].startswith("(spread out)")
    assert lines[2][9:].startswith(place)
    assert lines[1].index("0.7706") == lines[2].index("1.0000")


def test_a_difference_of_zero_is_bounded_by_the_spacing():
    assert Prediction("", 1.0, 1.0, 0.0).cells()[3] == "< 1e-15"
    assert Prediction("", 5e3, 5e3, 0.0).cells()[3] == "< 1e-11"
    assert Prediction("", 0.0, 0.0, 0.0).cells()[3] == "< 1e-15"
    assert Prediction("", "yes", "no").cells() == ("", "yes", "no", "")


def test_to_dict_is_strict_json_with_the_specified_keys():
    run = solution(
        certificate={"kl": math.inf, "gap": math.nan},
        warnings=("0.1% of gen lies outside the domain",),
    )
    content = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    assert list(content) == [
        *("options", "finding", "status", "warnings"),
        *("n_steps", "trace", "predictions", "certificate"),
    ]
    assert content["status"] == {
        "code": "converged",
        "as_predicted": True,
        "sentence": Status.CONVERGED.sentence,
    }
    assert list(content["predictions"][0]) == [
        *("name", "predicted", "measured", "difference", "tolerance")
    ]
    assert content["certificate"] == {"kl": {"value": None, "infinite": True}, "gap": None}
    assert content["trace"]["step"] == list(GLGD_STEPS)


GRIDS = [
    Grid.regular(6, -4, 4),
    Grid([[0.0, 0.1, 1.0, 5.0]], names=["income"]),
    Grid.counts(-2, 7),
    Grid.categories(["cat", "dog", "None"], name="kind"),
    Grid.product(Grid.regular(3, 0, 1, names=["x"]), Grid.counts(0, 3), Grid.regular(2, 5, 6)),
]


@pytest.mark.parametrize("grid", GRIDS, ids=[grid.describe() for grid in GRIDS])
def test_save_and_load_give_an_equal_solution(tmp_path, grid):
    path = tmp_path / "run.npz"
    run = solution(
        grid,
        certificate={"kl": math.inf, "gap": math.nan, "low": -math.inf, "count": 3},
        options={"means": (-1.5, 1.5), "alpha": None, "nested": {"a": (1, 2.5)}, "flag": False},
        seed=None,
        warnings=("one", "two"),
        compile_seconds=0.25,
    )
    run.save(path, command=["ratiogan", "run", "glgd", "--real", "a b"])
    back = load(path)
    assert back == run
    assert back == load(tmp_path) == load(str(path))
    assert back.command == ("ratiogan", "run", "glgd", "--real", "a b")
    assert back.grid.names == grid.names
    assert back.summary() == run.summary()
    assert back.to_dict(all_rows=True) == run.to_dict(all_rows=True)
    assert [(p.label, p.outside) for p in (back.real, back.gen)] == [
        (p.label, p.outside) for p in (run.real, run.gen)
    ]


def test_a_ratio_with_nan_off_the_support_survives(tmp_path):
    grid = Grid.regular(4, 0, 1)
    real = Distribution(grid, [0.5, 0.0, 0.25, 0.25])
    ratio = np.array([1.0, np.nan, 2.0, 0.0])
    run = solution(grid, real=real, ratio=ratio, discriminator=ratio)
    run.save(tmp_path)
    assert load(tmp_path) == run
    assert run.max_error == 1.0


def test_solutions_that_differ_anywhere_are_not_equal():
    run = solution()
    other = Distribution(run.grid, np.ones(6) / 6, label=run.real.label)
    changes = dict(
        n_steps=39,
        status=Status.STALLED,
        ratio=run.ratio + 1e-16,
        certificate={},
        seed=1,
        seconds=2.0,
        real=other,
        predictions=PREDICTIONS[:-1],
        trace=run.trace.rows([0, 1]),
        notes=("x",),
    )
    assert run == solution()
    for name, value in changes.items():
        assert run != solution(**{name: value}), name
    assert run != "run"


def test_particles_are_saved_where_there_are_any(tmp_path):
    places = np.random.default_rng(3).normal(size=(5, 1))
    run = solution(particles=places)
    run.save(tmp_path / "a.npz")
    again = load(tmp_path / "a.npz")
    assert again == run and np.array_equal(again.particles, places)
    assert not run.particles.flags.writeable and run != solution()
    # A run without any, as every file from before there were particles is, has an empty array.
    solution().save(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as stored:
        assert "particles" not in stored.files
    again = load(tmp_path / "b.npz")
    assert again == solution() and again.particles.shape == (0, 1)
    with pytest.raises(InputError, match=r"particles must have shape \(5, 1\), got \(5, 2\)"):
        solution(particles=np.zeros((5, 2)))


def test_the_file_has_the_specified_keys_and_needs_no_pickle(tmp_path):
    solution().save(tmp_path / "a.npz", command="ratiogan run glgd --seed 0")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert set(stored.files) == {
            *("ratio", "discriminator", "real", "gen", "edges_0", "snapshots"),
            *("snapshot_steps", "meta", *(f"trace_{name}" for name in MOCK_UP)),
        }
        assert stored["meta"].ndim == 0 and stored["meta"].dtype.kind == "U"
        meta = json.loads(str(stored["meta"]), parse_constant=pytest.fail)
    assert meta["command"] == ["ratiogan", "run", "glgd", "--seed", "0"]
    assert meta["axes"] == [{"name": "y", "kind": "regular", "levels": []}]


def saved_bytes():
    buffer = io.BytesIO()
    run = solution()

    def keep(handle):
        buffer.write(handle.read())

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run.save(folder)
        with open(os.path.join(folder, "run.npz"), "rb") as handle:
            keep(handle)
    return buffer.getvalue()


def test_a_truncated_file_is_refused_at_every_length(tmp_path):
    content = saved_bytes()
    path = tmp_path / "run.npz"
    lengths = {
        *range(0, 200),
        *range(200, len(content), 97),
        *range(len(content) - 60, len(content)),
    }
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="is damaged"):
            load(path)


def test_a_flipped_byte_is_refused_or_harmless(tmp_path):
    content = saved_bytes()
    run = solution()
    path = tmp_path / "run.npz"
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(len(content), size=300):
        broken = bytearray(content)
        broken[position] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            assert load(path) == run
        except InputError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    "name, writer",
    [
        ("foreign.npz", lambda path: np.savez(path, counts=np.arange(3))),
        ("meta.npz", lambda path: np.savez(path, meta=np.array("{}"))),
        ("list.npz", lambda path: np.savez(path, meta=np.array("[1]"))),
        ("samples.npy", lambda path: np.save(path, np.arange(3.0))),
        ("text.csv", lambda path: path.write_text("a,b\n1,2\n")),
        ("empty.npz", lambda path: path.write_bytes(b"")),
        ("objects.npz", lambda path: np.savez(path, meta=np.array([{}], dtype=object))),
    ],
)
def test_a_foreign_file_is_refused_in_one_sentence(tmp_path, name, writer):
    path = tmp_path / name
    writer(path)
    said = (
        "is not a run.npz" if name in ("samples.npy", "text.csv") else "no run that ratiogan saved"
    )
    with pytest.raises(InputError, match=said) as caught:
        load(path)
    assert "\n" not in str(caught.value) and "pickle" not in str(caught.value)


def test_a_file_with_one_array_exchanged_is_refused(tmp_path):
    solution().save(tmp_path)
    with np.load(tmp_path / "run.npz") as stored:
        arrays = dict(stored)
    for name, bad in [("real", -arrays["real"]), ("ratio", np.ones(3)), ("edges_0", np.zeros(7))]:
        np.savez(tmp_path / "bad.npz", **{**arrays, name: bad})
        with pytest.raises(InputError, match="is damaged"):
            load(tmp_path / "bad.npz")


def test_a_newer_file_names_the_version_it_needs(tmp_path):
    solution().save(tmp_path)
    with np.load(tmp_path / "run.npz") as stored:
        arrays = dict(stored)
    meta = {**json.loads(str(arrays["meta"])), "schema_version": 99, "version": "7.0"}
    np.savez(tmp_path / "run.npz", **{**arrays, "meta": np.array(json.dumps(meta))})
    with pytest.raises(InputError, match=r"written by ratiogan 7\.0"):
        load(tmp_path)


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no run\.npz"):
        load(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        load(tmp_path / "nothing.npz")


def test_a_solution_is_frozen_and_checked():
    run = solution()
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.n_steps = 3
    with pytest.raises(ValueError, match="read-only"):
        run.ratio[0] = 1.0
    with pytest.raises(InputError, match=r"ratio must have shape \(6,\), got \(5,\)"):
        solution(ratio=np.ones(5))
    with pytest.raises(InputError, match="snapshots must have shape"):
        solution(snapshot_steps=(0,))
    with pytest.raises(InputError, match="algorithm must be one of"):
        solution(algorithm="sgd")
    with pytest.raises(InputError, match="must be a number or text, got object"):
        solution(options={"game": object()})
    assert repr(run) == f"<Solution of glgd: {run.finding}>"
    assert copy.deepcopy(run) == run == pickle.loads(pickle.dumps(run))


def test_no_snapshots_is_an_empty_stack():
    run = solution(snapshot_steps=(), snapshots=None)
    assert run.snapshots.shape == (0, 6)


# write_atomically


@pytest.mark.parametrize("content", [b"new", "new", lambda handle: handle.write(b"new")])
def test_write_atomically_replaces_the_whole_file(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    write_atomically(path, content)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failure_in_the_middle_leaves_the_old_file_and_no_litter(tmp_path, failure, old):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def fail(handle):
        handle.write(b"half")
        raise failure

    with pytest.raises(failure):
        write_atomically(path, fail)
    assert os.listdir(tmp_path) == ([] if old is None else ["file"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, moment):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_a_failed_save_leaves_the_old_run(tmp_path, monkeypatch):
    solution().save(tmp_path)
    old = (tmp_path / "run.npz").read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    with pytest.raises(OSError, match="disk full"):
        solution(n_steps=99).save(tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "run.npz").read_bytes() == old
    assert os.listdir(tmp_path) == ["run.npz"]


def test_write_atomically_refuses_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        write_atomically(tmp_path / "missing" / "file", b"")
    with pytest.raises(InputError, match="it is no file"):
        write_atomically(tmp_path, b"")
    with pytest.raises(InputError, match="it is no file"):
        write_atomically(os.devnull, b"")


def test_write_atomically_follows_a_link_and_honours_the_umask(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    umask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "link", b"new")
    finally:
        os.umask(umask)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o640


# notebook


class StubFigure:
    def get_figwidth(self):
        return 19.2

    def savefig(self, handle, format, dpi):
        assert (format, dpi) == ("png", 50)
        handle.write(b"PNG")


def test_the_notebook_shows_the_finding_the_figure_and_both_tables(monkeypatch):
    run = solution(finding="R < 1 & more", warnings=("careful",))
    monkeypatch.setattr(Solution, "plot", lambda self: StubFigure())
    shown = run._repr_html_()
    assert "<b>R &lt; 1 &amp; more</b>" in shown
    assert 'src="data:image/png;base64,UE5H"' in shown
    assert shown.count("<table>") == 2
    assert "<th>cells in use</th>" in shown and "<td>2.348e-01</td>" in shown
    assert "<p>careful</p>" in shown
    assert "<td>y =  2.809</td>" in collapsed()._repr_html_()
