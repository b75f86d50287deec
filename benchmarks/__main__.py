"""One command, one table: ``python -m benchmarks [SECTION]... [--quick] [--json]``."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata

from benchmarks.timing import Row

# name: (module:function, what the section measures)
SECTIONS = {
    "one-core": ("benchmarks.step:one_core", "GLGD step, one core"),
    "all-cores": ("benchmarks.step:all_cores", "GLGD step, all cores"),
    "games": ("benchmarks.table:games", "games and geometries, one core, 1e4 cells"),
    "conditional": (
        "benchmarks.conditional:conditional",
        "conditional step, 1,000 rows of 1,024 cells, one thread and two",
    ),
    "divergences": ("benchmarks.divergences:divergences", "all divergences in one pass, one core"),
    "resampling": ("benchmarks.resampling:resampling", "bootstrap and permutations, one core"),
    "coverage": ("benchmarks.coverage:coverage", "coverage of the intervals of divergences"),
    "ground-coverage": (
        "benchmarks.ground_coverage:ground_coverage",
        "coverage of the intervals of W1 on several axes, one core",
    ),
    "power": ("benchmarks.power:power", "power of the JSD test"),
    "ratio-intervals": (
        "benchmarks.ratio_coverage:ratio_intervals",
        "coverage of the exact intervals for R",
    ),
    "histogram": ("benchmarks.histogram:histogram", "histogram of equal cells, one core"),
    "density-ratio": ("benchmarks.histogram:density_ratio", "DensityRatio beside densratio"),
    "large-files": ("benchmarks.memory:large_files", "1e8 values from a file"),
    "line": ("benchmarks.line:line", "W1 on the line, one core"),
    "manhattan": ("benchmarks.manhattan:manhattan", "Manhattan transport, one core"),
    "euclidean": ("benchmarks.euclidean:euclidean", "Euclidean transport, one core"),
    "training": ("benchmarks.training:training", "a training turn, one core, 1,024 cells"),
    "scenarios": ("benchmarks.scenarios:scenarios", "scenarios of run training, 20 seeds each"),
    "sweep": ("benchmarks.sweep:sweep", "a map of training runs"),
    "sweep-cluster": (
        "benchmarks.sweep_cluster:sweep_cluster",
        "a map of training runs on two worker processes",
    ),
    "cluster": ("benchmarks.cluster:cluster", "GLGD on worker processes, and the cost model"),
    "dynamics": ("benchmarks.dynamics:dynamics", "steps of games of few parameters, one core"),
    "startup": ("benchmarks.startup:startup", "start-up"),
    "memory": ("benchmarks.memory:memory", "memory of a solve"),
}

# Minutes each: only where they are named.
SIMULATIONS = (
    "coverage", "ground-coverage", "power", "ratio-intervals", "density-ratio", "manhattan",
    "euclidean", "scenarios", "sweep-cluster", "cluster",
)  # fmt: skip


def main():
    """Measure, print, and return the exit code (0: a figure that falls short is no failure)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="3 rounds, small sizes")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    sections = options.sections or [name for name in SECTIONS if name not in SIMULATIONS]
    report = {"machine": machine(), "quick": options.quick, "sections": {}}
    if not options.json:
        print("  ".join(f"{key} {value}" for key, value in report["machine"].items()))
        print("medians (quartiles) of alternating runs; ratios are taken round by round")
    for name in sections:
        rows = in_fresh_process(name, options.quick) if len(sections) > 1 else run(name, options)
        report["sections"][name] = [row.to_dict() for row in rows]
        if not options.json:
            print(f"\n{name}: {SECTIONS[name][1]}")
            print("\n".join(row.text() for row in rows), flush=True)
    if options.json:
        print(json.dumps(report, indent=1))
    return 0


def run(name, options):
    """The rows of one section, measured here."""
    module, _, function = SECTIONS[name][0].partition(":")
    return getattr(importlib.import_module(module), function)(options.quick)


def in_fresh_process(name, quick):
    """The same in a process of its own: threads and memory of one section spoil the next."""
    command = [sys.executable, "-m", "benchmarks", name, "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return [Row(f"failed with exit code {done.returncode}", float("nan"), "")]
    rows = json.loads(done.stdout)["sections"][name]
    return [Row(**{k: v for k, v in row.items() if k != "verdict"}) for row in rows]


def machine():
    """What the figures were measured on and with, and how busy it was."""
    found = {"cores": os.cpu_count(), "python": platform.python_version()}
    for package in ("numpy", "numba", "jax"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 1)
    return found


if __name__ == "__main__":
    sys.exit(main())
