"""What a command imports, because imports are what a user waits for. Times are in benchmarks/."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ratiogan

ROOT = Path(ratiogan.__file__).parent.parent
HEAVY = {"numpy", "numba", "scipy", "matplotlib"}

# Loaded by Numba itself when it first runs a cached kernel: its BLAS wrappers look for
# scipy.linalg.cython_blas. No other part of SciPy belongs on the way of `run`.
NUMBA_LOADS = {"scipy.linalg", "scipy._lib"}

CALL = """
import contextlib, io, json, sys

with contextlib.redirect_stdout(io.StringIO()):
    from ratiogan.cli.main import main

    code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def modules_after(*words, script=CALL):
    """The modules that a command has loaded when it is done, in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout)
    assert code == 0
    return set(modules)


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--version",),
        ("--help",),
        ("run",),
        ("run", "--help"),
        ("run", "glgd", "--help"),
        ("run", "training", "--help"),
        ("compare", "--help"),
        ("games", "--help"),
        ("list",),
        ("list", "games"),
        ("list", "scenarios"),
        ("explain", "glgd"),
        ("explain", "0.693"),
        ("completion", "bash"),
    ],
    ids=" ".join,
)
def test_help_lists_and_explanations_load_no_numerical_library(words):
    assert packages(modules_after(*words)) & HEAVY == set()


def test_importing_the_package_loads_nothing_of_it():
    script = "import json, sys, ratiogan; print(json.dumps([0, sorted(sys.modules)]))"
    modules = modules_after(script=script)
    assert {name for name in modules if name.startswith("ratiogan")} == {"ratiogan"}
    assert packages(modules) & {*HEAVY, "click"} == set()


@pytest.mark.parametrize("words", [("run", "glgd"), ("run", "alternating")], ids=" ".join)
def test_a_run_without_figure_loads_no_more_of_scipy_than_numba_does(words):
    modules = modules_after(*words, "--grid", "64", "--no-plot", "--no-save")
    assert "matplotlib" not in packages(modules)
    loaded = {name for name in modules if name.startswith("scipy.") and name.count(".") == 1}
    own = {name for name in loaded if not name.startswith("scipy._")} - NUMBA_LOADS
    assert own - {"scipy.version"} == set()


def test_a_run_without_figure_starts_no_parallel_backend():
    # Numba's threading layer costs 50 ms; ratiogan shares work between plain threads.
    modules = modules_after("run", "glgd", "--grid", "64", "--no-plot", "--no-save")
    assert not {name for name in modules if name.startswith("numba.np.ufunc.") and "pool" in name}


def test_a_figure_is_drawn_without_pyplot(tmp_path):
    # pyplot chooses a window system and costs half a second.
    modules = modules_after("run", "glgd", "--grid", "64", "--out", str(tmp_path / "run"))
    assert list((tmp_path / "run").glob("*.png"))
    assert "matplotlib" in modules
    assert "matplotlib.pyplot" not in modules
    assert not {name for name in modules if name in ("scipy.stats", "scipy.special")}
