"""Peak resident memory: of a solve, in arrays of N doubles; of counting a file, in all."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import Row

_SIZE = 16_000_000
_MOST = 5  # arrays of N doubles

_CHILD = """
import sys
from pathlib import Path
from benchmarks.step import problem
import ratiogan as rg

size, geometry = int(sys.argv[1]), sys.argv[2]

def status(key):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024

def solve(real, gen):
    return rg.glgd(real=real, gen=gen, geometry=geometry, alpha=1e-2, tol=0, max_steps=8)

def pair(size):
    ratio, masses, _ = problem(size)
    grid = rg.Grid.regular(size, -4, 4)
    return rg.Distribution.from_mass(masses, grid), rg.Distribution.from_mass(masses * ratio, grid)

solve(*pair(1000))  # the kernels are loaded: their memory is not the arrays'
real, gen = pair(size)
Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again here
before = status("VmRSS")
solve(real, gen)
print((status("VmHWM") - before) / (8 * size))
"""


def memory(quick):
    """Rows for the peak memory of `rg.glgd`."""
    if not Path("/proc/self/clear_refs").exists():
        return [Row("not measured: needs /proc (Linux)", float("nan"), "")]
    size = _SIZE // 16 if quick else _SIZE
    rows = []
    for geometry in ("reference", "fisher") if quick else ("reference", "lebesgue", "fisher"):
        command = [sys.executable, "-c", _CHILD, str(size), geometry]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        name = f"{size:.2g} cells, {geometry}: peak above the start"
        rows.append(Row(name, float(done.stdout), "arrays", target=f"<= {_MOST}"))
    return rows


_ROWS = 100_000_000
_COUNT = """
import sys, time
from pathlib import Path
import ratiogan as rg
start = time.perf_counter()
found = rg.count(**eval(sys.argv[1]))
seconds = time.perf_counter() - start
# Not getrusage: its maximum holds what the parent had before this program began.
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) * 1024 / 1e6, seconds, found.rows)
"""


def large_files(quick):
    """Rows for the peak memory of counting 1e8 doubles in a .npy file, and of text.

    Everything the process holds is counted: Python, NumPy, compiled kernels, pages of the file.
    """
    if not Path("/proc/self/status").exists():
        return [Row("not measured: needs /proc (Linux)", float("nan"), "")]
    rows = []
    size = _ROWS // 20 if quick else _ROWS
    with tempfile.TemporaryDirectory(prefix="ratiogan-bench-") as folder:
        path = os.path.join(folder, "values.npy")
        write_normal(path, size)
        for name, options in (
            ("cells known: one pass", {"grid": 1024, "domain": "-6:6"}),
            ("--grid auto: the range first", {}),
        ):
            rows += _counted(f"{size:.3g} doubles, {name}", {"source": path, **options})
        text = os.path.join(folder, "values.csv")
        write_text(path, text, size // 20)
        rows += _counted(f"csv with {size // 20:.3g} rows", {"source": text})
    return rows


def write_normal(path, size, step=1_000_000):
    """A .npy file of standard normal values, written a chunk at a time."""
    rng = np.random.default_rng(0)
    header = {"descr": "<f8", "fortran_order": False, "shape": (size,)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, size, step):
            rng.standard_normal(min(step, size - start)).tofile(file)


def write_text(path, target, rows):
    """The first values as a CSV file with a header."""
    values = np.load(path, mmap_mode="r")
    with open(target, "w", encoding="ascii") as file:
        file.write("value\n")
        for start in range(0, rows, 100_000):
            file.writelines(f"{v!r}\n" for v in values[start : start + 100_000].tolist())


def _counted(name, options):
    command = [sys.executable, "-c", _COUNT, repr(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, seconds, rows = map(float, done.stdout.split())
    notes = f"{seconds:.1f} s, {rows:.3g} rows counted"
    return [Row(f"{name}: peak memory", peak, "MB", target="<= 400", notes=notes)]
