"""How long a command takes to answer, beside ``python -c "import numba"``."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import Row, alternate

_ROOT = Path(__file__).parent.parent
_BASE = "import numba"

# name: (words, target beside `import numba`)
_LIGHT = ("", "--version", "--help", "list", "explain glgd")
_RUN = "run glgd --grid 1024 --no-plot --no-save"
_SAVED = "run glgd --grid 1024 --no-plot --force --out {folder}/plain"
_DRAWN = "run glgd --grid 1024 --force --out {folder}/drawn"
_TARGETS = {**dict.fromkeys(_LIGHT, "<= 0.3"), _RUN: "<= 3", _SAVED: "<= 3", _DRAWN: "<= 6"}


def startup(quick):
    """Rows for warm starts, relative to `import numba`, and for the first run ever."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder) / "kernels")
        first = _first_runs(environment, folder, 1 if quick else 3)
        contenders = {_BASE: _call([sys.executable, "-c", _BASE], environment)}
        for words in _TARGETS:
            command = [*_program(), *words.format(folder=folder).split()]
            contenders[words] = _call(command, environment)
        for call in contenders.values():
            call()
        found = alternate(contenders, 3 if quick else 9)
    rows = [found.row('python -c "import numba"', _BASE, 1e-3, "ms")]
    for words, target in _TARGETS.items():
        name = "ratiogan " + words.replace("{folder}", "DIR")
        rows.append(found.row(name, words, 1e-3, "ms"))
        rows.append(found.ratio('  / "import numba"', words, _BASE, target=target))
    first.sort()
    middle = first[len(first) // 2]
    name = f"first run ever: ratiogan {_RUN}"
    rows.append(Row(name, middle, "s", first[0], first[-1], "<= 10", "empty kernel cache"))
    return rows


def _first_runs(environment, folder, count):
    taken = []
    for number in range(count):
        fresh = {**environment, "NUMBA_CACHE_DIR": f"{folder}/fresh-{number}"}
        start = time.perf_counter()
        _call([*_program(), *_RUN.split()], fresh)()
        taken.append(time.perf_counter() - start)
    return taken


def _program():
    """The installed command beside this Python, else the module."""
    installed = shutil.which("ratiogan", path=str(Path(sys.executable).parent))
    return [installed] if installed else [sys.executable, "-m", "ratiogan"]


def _environment(cache):
    """What a user has: byte code is kept, and kernels are, in a folder of their own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "MPLBACKEND": "agg"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    paths = [str(_ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _call(command, environment):
    def call():
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")

    return call
