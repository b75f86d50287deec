"""Peak resident memory of a solve, above what was resident before it, in arrays of N doubles."""

import subprocess
import sys
from pathlib import Path

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
