"""The house stands: a module imports only from lines below its own in the README's tree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ratiogan"

# What may be imported inside a function, and why. Standard library and lower lines are no
# exception: an import that hides in a function is one that the tree does not show.
LAZY = {
    ("ratiogan.cli.*", "*"): "a command loads what it needs: --help must not load NumPy",
    ("*", "ratiogan"): "its version: the package itself stands above its modules",
    (
        "ratiogan.solution",
        "ratiogan.plots",
    ): "a result shows itself; computing needs no Matplotlib",
    ("ratiogan.solution", "ratiogan.animation"): "as for plots",
    ("ratiogan.comparison", "ratiogan.plots"): "as for solution",
    ("ratiogan.gradients", "ratiogan.plots"): "as for solution",
    ("ratiogan.transport.certified", "ratiogan.plots"): "as for solution",
    (
        "ratiogan.plots.descent",
        "ratiogan.games",
    ): "for a saved run, of which only one panel asks f*",
    (
        "ratiogan.plots.training",
        "ratiogan.solvers.particles",
    ): "only a generator of particles has a field to show",
    ("ratiogan.plots.training", "ratiogan.solvers.scenarios"): "only a scenario has companions",
    ("ratiogan.presets", "scipy"): "start-up: the default problem needs no SciPy",
    ("ratiogan.twosample.*", "scipy"): "start-up: scipy.stats alone takes 0.9 s",
    ("ratiogan.transport.poisson", "scipy"): "start-up: only grids in several dimensions need it",
    ("ratiogan.solvers.capacity", "scipy"): "start-up: only a player that is smoothed needs it",
    ("ratiogan.peaks", "scipy"): "start-up: the modes of a line need it not",
    ("ratiogan.twosample.diagnosis", "ratiogan.report"): "as for solution",
    ("ratiogan.twosample.*", "ratiogan.plots"): "as for solution",
    ("ratiogan.distribution", "matplotlib"): "only images need it",
    (
        "ratiogan.solution",
        "ratiogan.dynamics",
    ): "start-up: only a file of dynamics needs its fields",
    ("ratiogan.dynamics.records", "ratiogan.plots"): "as for solution",
    ("ratiogan.dynamics.records", "ratiogan.animation"): "as for solution",
    ("ratiogan.cluster.*", "distributed"): "an extra: a start without a scheduler needs it not",
    ("ratiogan.cluster.sweeps", "cloudpickle"): "a part of that extra",
    ("ratiogan.solvers.glgd", "ratiogan.cluster"): "upward: only who asks for workers needs Dask",
    ("ratiogan.solvers.conditional", "ratiogan.cluster"): "as for glgd",
    ("ratiogan.cluster.*", "dask"): "as for distributed",
    (
        "ratiogan.twosample.passes",
        "ratiogan.cluster",
    ): "only where a scheduler is named, or a source is Dask's",
    ("ratiogan.parquet", "pyarrow"): "an extra: only .parquet files need it",
    ("ratiogan.dynamics.*", "scipy"): "start-up: only flows and searches need it",
}

# The only places of each library; NumPy may be used above floor 1.
THIRD_PARTY = {
    "click": "ratiogan.cli.",
    "matplotlib": ("ratiogan.plots", "ratiogan.animation"),
    "PIL": "ratiogan.animation",
    "numba": (
        "ratiogan._jit",
        "ratiogan._vmath",
        "ratiogan.solvers.glgd",
        "ratiogan.dynamics.march",
    ),
    "llvmlite": ("ratiogan._jit", "ratiogan._vmath"),
    "numpy": "ratiogan.",
    "scipy": "ratiogan.twosample.",
}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree():
    """Rows of the README's tree, top to bottom: (files, floor)."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\nratiogan/\n(.*?)^```$", text, re.M | re.S)[1]
    rows = []
    for line in block.splitlines():
        row = re.fullmatch(r"  (\w+/)?\s*((?:\w+\.\w+ +)+)(\d)  \S.*", line)
        assert row, f"not a row of the tree: {line!r}"
        files = [PACKAGE / (row[1] or "") / name for name in row[2].split()]
        rows.append((files, int(row[3])))
    return rows


def modules():
    """Module name -> (line, floor, path)."""
    return {
        module_of(path): (line, floor, path)
        for line, (files, floor) in enumerate(tree())
        for path in files
        if path.suffix == ".py"
    }


MODULES = modules()


def imports(path):
    """Pairs (module imported, whether inside a function) of a source file."""
    pairs = []

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            if isinstance(child, ast.Import):
                pairs.extend((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path.name}: write imports from the package's name"
                for alias in child.names:
                    full = f"{child.module}.{alias.name}"
                    pairs.append((full if full in MODULES else child.module, inside))
            visit(child, inside or function)

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return pairs


def is_outside(name):
    top = name.split(".")[0]
    return top != "ratiogan" and top not in sys.stdlib_module_names


def matches(pattern, name):
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern or (name.startswith(f"{pattern}.") and pattern != "ratiogan")


def test_tree_is_the_one_on_disk():
    drawn = [path for files, _ in tree() for path in files]
    on_disk = {path for kind in ("py", "html", "json") for path in PACKAGE.rglob(f"*.{kind}")}
    assert len(drawn) == len(set(drawn))
    difference = sorted(str(path.relative_to(ROOT)) for path in set(drawn) ^ on_disk)
    assert not difference, f"only in the README's tree, or only on disk: {difference}"


def test_floors_go_down():
    floors = [floor for _, floor in tree()]
    assert floors == sorted(floors, reverse=True)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_from_below(module):
    line, _, path = MODULES[module]
    for name, inside in imports(path):
        if not inside and name.split(".")[0] == "ratiogan":
            assert name in MODULES, f"{module} imports {name}, which is no module"
            assert MODULES[name][0] > line, f"{module} imports {name}, which is not below it"


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_functions_have_a_reason(module):
    for name, inside in imports(MODULES[module][2]):
        if inside and (is_outside(name) or name.split(".")[0] == "ratiogan"):
            assert any(matches(a, module) and matches(b, name) for a, b in LAZY), (module, name)


def test_every_reason_is_needed():
    found = {
        (module, name)
        for module in MODULES
        for name, inside in imports(MODULES[module][2])
        if inside
    }
    for a, b in LAZY:
        assert any(matches(a, module) and matches(b, name) for module, name in found), (a, b)


@pytest.mark.parametrize("module", MODULES)
def test_libraries_stay_in_their_rooms(module):
    _, floor, path = MODULES[module]
    for name, inside in imports(path):
        top = name.split(".")[0]
        if not is_outside(name) or inside:
            continue
        assert top in THIRD_PARTY, f"{module} imports {name}: not a core dependency"
        assert module.startswith(THIRD_PARTY[top]), f"{module} imports {name}"
        assert floor > 1 or module == "ratiogan._jit", f"{module} imports {name} on floor 1"


def test_sources_name_no_extra():
    for path in PACKAGE.rglob("*.py"):
        for name, _ in imports(path):
            top = name.split(".")[0]
            # Dask is the one extra with a room of its own, loaded when a scheduler is asked for.
            if top in {"dask", "distributed"} and path.parent.name == "cluster":
                continue
            assert top not in {"dask", "distributed", "jax", "sklearn", "pandas", "ot"}, path


def loaded(code):
    """Top-level and ratiogan modules in sys.modules after running code in a new process."""
    script = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing():
    names = loaded("import ratiogan")
    assert not names & {"numpy", "numba", "scipy", "matplotlib", "click"}
    assert {name for name in names if name.startswith("ratiogan")} == {"ratiogan"}


def test_solving_loads_neither_matplotlib_nor_the_command_line():
    names = loaded("import ratiogan as rg; rg.glgd(grid=16)")
    assert not names & {"matplotlib", "scipy.stats", "click", "ratiogan.cli", "ratiogan.plots"}
