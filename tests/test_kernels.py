"""The compiled steps: vector code, the same bytes on any number of threads, a sound cache, and the
same numbers as NumPy as one writes it.
"""

import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numba
import numpy as np
import pytest
from numba import config
from scipy.optimize import brentq, minimize

import ratiogan as rg
from ratiogan._jit import kernel
from ratiogan.catalogue import GAME_ROWS
from ratiogan.games import STEP
from ratiogan.games import game as make_game
from ratiogan.solvers import steps as steps_module
from ratiogan.solvers.glgd import GLGD
from ratiogan.solvers.team import CHUNK

ROOT = Path(rg.__file__).parent.parent
GEOMETRIES = ("reference", "lebesgue", "fisher")
# One game per formula of the signal.
FORMULAS = {make_game(spec).kernel[0]: spec for spec in reversed(GAME_ROWS)}

# Drives cell after cell to R = 0, and so is projected again and again.
UNSTABLE = "least-squares:a=-1,b=1,c=0"

needs_compiler = pytest.mark.skipif(config.DISABLE_JIT, reason="looks at compiled code")


# ---- naive twins: nothing of the package below this line -----------------------------------------

NAIVE_SIGNALS = {
    "non-saturating": lambda r: np.log1p(r),
    "minimax": lambda r: np.log(r) - np.log1p(r),
    "maximum-likelihood": lambda r: -1 / r,
    "logit": lambda r: np.log(r),
    "least-squares:a=0,b=1,c=1": lambda r: 0.5 * (r / (1 + r)) ** 2,
    "least-squares:a=-1,b=1,c=0": lambda r: 0.5 * ((1 - r) / (1 + r)) ** 2,
    "hinge": lambda r: np.sign(r - 1),
    "concave:f=exponential": lambda r: -1 / np.sqrt(r),
    "0-1:generator=zero-sum": lambda r: -0.5 * (1 - np.sign(r - 1)),
    "0-1:generator=flipped": lambda r: 0.5 * (1 + np.sign(r - 1)),
    "square:generator=zero-sum": lambda r: -4 / (1 + r) ** 2,
    "square:generator=flipped": lambda r: 4 * r**2 / (1 + r) ** 2,
    "cw:generator=zero-sum,c=0.3": lambda r: -0.3 * (1 - np.sign(r - 7 / 3)),
    "exponential:generator=zero-sum": lambda r: -1 / np.sqrt(r),
    "exponential:generator=flipped": lambda r: np.sqrt(r),
    "boosting:generator=zero-sum": lambda r: -1 / np.sqrt(r),
    "boosting:generator=flipped": lambda r: np.sqrt(r),
}
# Phi up to c_1 R + c_0, for the games whose step is halved.
NAIVE_COSTS = {
    "minimax": lambda r: r * np.log(r) - (1 + r) * np.log1p(r),
    "maximum-likelihood": lambda r: -np.log(r),
    "logit": lambda r: r * np.log(r) - r,
    "concave:f=exponential": lambda r: -2 * np.sqrt(r),
}


def naive_step(r, w, p, u, alpha, geometry):
    """One step without projection onto R >= 0; p is the density."""
    if geometry == "reference":
        return r - alpha * (u - w @ u)
    if geometry == "lebesgue":
        gradient = p * u
        return r - alpha * (gradient - (w @ gradient) / (w @ p) * p)
    grown = r * np.exp(-alpha * u)
    return grown / (w @ grown)


def naive_projection(r, w, p, geometry):
    """max(0, r - t), or max(0, r - t p), with E = 1; t by bracketing."""
    along = np.ones_like(r) if geometry == "reference" else p

    def excess(t):
        return w @ np.maximum(0, r - t * along) - 1

    high = 1.0
    while excess(high) > 0:
        high *= 2
    low = -1.0
    while excess(low) < 0:
        low *= 2
    return np.maximum(0, r - brentq(excess, low, high, xtol=1e-16, rtol=1e-15) * along)


def naive_halved_step(r, w, p, spec, alpha, geometry):
    """The first of alpha, alpha/2, .. that keeps R > 0 and does not raise E[Phi]."""
    u, cost = NAIVE_SIGNALS[spec](r), NAIVE_COSTS[spec]
    before = w @ cost(r)
    while True:
        after = naive_step(r, w, p, u, alpha, geometry)
        if after.min() > 0 and w @ cost(after) <= before + 1e-14:
            return after
        alpha /= 2


# ---- problems ------------------------------------------------------------------------------------


def uneven_problem(cells, noise=0.1):
    """Two distributions on uneven cells: R between about 0.2 and 3 with little noise."""
    rng = np.random.default_rng(0)
    edges = np.cumsum(rng.uniform(0.5, 1.5, cells + 1)) / cells
    y = np.linspace(-1, 1, cells)
    real = np.exp(-(y**2)) * rng.uniform(0.5, 1.5, cells)
    gen = real * np.exp(1.2 * np.sin(3 * y) + noise * rng.standard_normal(cells))
    grid = rg.Grid(edges=[edges])
    return rg.Distribution.from_mass(real, grid), rg.Distribution.from_mass(gen, grid)


def arrays_of(real, gen):
    return gen.mass / real.mass, real.mass, real.mass / np.diff(real.grid.edges[0])


def solved(real, gen, steps, **options):
    """R after a fixed number of steps, taken in blocks."""
    solution = rg.glgd(
        real=real, gen=gen, tol=0, max_steps=steps, record=steps, snapshots=False, **options
    )
    assert solution.n_steps == steps
    return solution


# ---- vector code ---------------------------------------------------------------------------------

LIBM = re.compile(r"\b(log|log1p|exp|expm1|pow|sqrt)\b")
PACKED = re.compile(r"^\s+v?(add|sub|mul|div|sqrt|max|min|cmp\w*|fn?m(add|sub)\d+)pd\b")
PRODUCT = re.compile(r"^\s+v?(mul|fn?m(add|sub)\d+)[ps]d\b")
PACKED_PRODUCT = re.compile(r"^\s+v?(mul|fn?m(add|sub)\d+)pd\b")
PACKED_STORE = re.compile(r"^\s+v?mov[au]pd\s+%[xyz]mm\d+, .*\(")


def innermost_loops(assembly):
    """The bodies of all loops that hold no other loop, as lists of lines."""
    lines = assembly.splitlines()
    labels, loops = {}, []
    for number, line in enumerate(lines):
        label = re.match(r"^(\.?\w+):", line)
        jump = re.match(r"^\s+j\w+\s+(\.?\w+)$", line)
        if label:
            labels[label[1]] = number
        elif jump and jump[1] in labels:
            loops.append((labels[jump[1]], number))
    return [
        lines[first : last + 1]
        for first, last in loops
        if not any(first < a and b < last for a, b in loops)
    ]


def products_per_vector(assembly):
    """Packed products per vector stored, in the loop that has most: 1 at the most where only the
    mean is taken off, 2 or more in a step.
    """
    best = 0.0
    for loop in innermost_loops(assembly):
        stores = sum(bool(PACKED_STORE.match(line)) for line in loop)
        products = sum(bool(PACKED_PRODUCT.match(line)) for line in loop)
        if stores and not any(re.match(r"^\s+call", line) for line in loop):
            best = max(best, products / stores)
    return best


def calls_in_loops(assembly):
    """Calls in loops that multiply."""
    return [
        line.strip()
        for loop in innermost_loops(assembly)
        if any(PRODUCT.match(line) for line in loop)
        for line in loop
        if re.match(r"^\s+call", line)
    ]


def assembly_of_step(monkeypatch, geometry, code):
    """The step compiled afresh, because Numba shows no assembly of cached code."""
    cached = steps_module._kernel(steps_module.CODES[geometry], code)
    fresh = numba.jit(**cached.targetoptions)(cached.py_func)
    monkeypatch.setattr(steps_module, "_kernel", lambda *_: fresh)
    real, gen = uneven_problem(16)
    solved(real, gen, 2, game=FORMULAS[code], geometry=geometry, alpha=1e-3, threads=1)
    assert len(fresh.signatures) == 1  # one kind of array, or a second compilation at run time
    return fresh.inspect_asm(fresh.signatures[0])


@needs_compiler
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="knows the assembly of x86"
)
class TestVectorCode:
    @pytest.mark.parametrize("geometry", GEOMETRIES)
    @pytest.mark.parametrize("code", FORMULAS, ids=list(FORMULAS.values()))
    def test_every_step_is_a_vector_loop_without_calls(self, monkeypatch, code, geometry):
        assembly = assembly_of_step(monkeypatch, geometry, code)
        products = products_per_vector(assembly)
        assert products >= 2
        assert calls_in_loops(assembly) == []
        assert [line for line in assembly.splitlines() if LIBM.search(line)] == []
        # The functions of _vmath are inlined, the second call of one function too.
        assert "_vmath" not in re.sub(r"^\s*\.\w+.*$", "", assembly, flags=re.MULTILINE)

    def test_the_widest_registers_are_used(self, monkeypatch):
        features = numba.core.codegen.get_host_cpu_features()
        register = next(
            name
            for feature, name in (("+avx512f", "%zmm"), ("+avx", "%ymm"), ("", "%xmm"))
            if feature in features
        )
        assembly = assembly_of_step(monkeypatch, "reference", 0)
        wide = [
            sum(bool(PACKED.match(line)) and register in line for line in loop)
            for loop in innermost_loops(assembly)
        ]
        assert max(wide) >= 20

    def test_a_scalar_loop_is_recognised(self):
        # Were the checks above blind, they would pass this loop with its call of libm.
        @numba.njit
        def scalar(r, w):
            total = 0.0
            for i in range(r.size):
                r[i] -= 0.5 * np.log1p(r[i])
                total += w[i] * r[i]
            return total

        scalar(np.ones(3), np.ones(3))
        assembly = scalar.inspect_asm(scalar.signatures[0])
        assert products_per_vector(assembly) == 0
        assert calls_in_loops(assembly)
        assert LIBM.search(assembly)


# ---- the same bytes ------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("cells", [CHUNK - 1, CHUNK + 1, 3 * CHUNK + 7, 300_000])
def test_threads_blocks_and_single_steps_give_the_same_bytes(cells, geometry):
    real, gen = uneven_problem(cells)
    steps = 21  # blocks of 1, 2, 4, 8 and the rest
    one = solved(real, gen, steps, geometry=geometry, threads=1)
    two = solved(real, gen, steps, geometry=geometry, threads=2)
    assert one.ratio.tobytes() == two.ratio.tobytes()
    assert all(
        one.trace.columns[name].tobytes() == two.trace.columns[name].tobytes()
        for name in one.trace.columns
    )
    *_, (step, single) = GLGD(real, gen, geometry=geometry, threads=1).iter_states(steps)
    assert step == steps
    assert one.ratio.tobytes() == single.tobytes()


@needs_compiler
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("cells", [64, CHUNK + 1, 120_000])
def test_a_run_ends_at_the_same_step_with_the_same_bytes_however_it_is_taken(cells, geometry):
    # A block watches one cell. It has to stop before the first step below tol, and to go on where
    # another cell has become the farthest from 1.
    real, gen = uneven_problem(cells)
    options = {"geometry": geometry, "alpha": 0.3 if geometry == "lebesgue" else 0.8}
    states = [state for _, state in GLGD(real, gen, threads=1, **options).iter_states(48)]
    errors = [float(np.max(np.abs(state - 1.0))) for state in states]
    for first in (2, 3, 17, 33, 48):
        before = min(errors[:first])
        assert errors[first] < before
        for threads in (1, 2):
            tol = np.nextafter(errors[first], np.inf)  # both judge R as it is stored
            run = rg.glgd(real, gen, tol=tol, threads=threads, record="log", **options)
            assert run.status is rg.Status.CONVERGED and run.n_steps == first
            assert run.ratio.tobytes() == states[first].tobytes()


@pytest.mark.parametrize("game", [UNSTABLE, "minimax"])
def test_blocks_that_must_be_taken_back_give_the_same_bytes(game):
    # Steps so long that R is projected, or the step halved, inside blocks.
    real, gen = uneven_problem(64, noise=2.0)
    blocks = solved(real, gen, 40, game=game, alpha=1.7)
    *_, (_, single) = GLGD(real, gen, game=game, alpha=1.7).iter_states(40)
    assert blocks.trace.halvings[-1] + blocks.trace.projected[-1] > 0
    assert blocks.ratio.tobytes() == single.tobytes()


# ---- the same numbers as NumPy -------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("spec", GAME_ROWS)
def test_the_signal_of_a_step_is_the_signal_of_the_game(spec):
    game = make_game(spec)
    code, a, b, c = game.kernel

    @kernel
    def in_a_loop(r, out, a, b, c):
        for i in range(r.size):
            out[i] = steps_module.finite_signal(code, r[i], a, b, c)

    rng = np.random.default_rng(1)
    kink = np.array([a if code == STEP else 1.0])
    r = np.concatenate(
        [
            10.0 ** rng.uniform(-300, 300, 4000),
            np.exp(rng.normal(size=2000)),
            1.0 + rng.normal(size=1000) * 10.0 ** rng.uniform(-16, -2, 1000),
            [1e-300, 1e300, 1.0, 0.5, 2.0],
            *(kink, np.nextafter(kink, 0), np.nextafter(kink, 9)),
        ]
    )
    out = np.empty_like(r)
    in_a_loop(r, out, a, b, c)
    u = game.signal(r)
    assert np.all(np.abs(out - u) <= 4 * np.finfo(float).eps * np.maximum(1.0, np.abs(u)))
    if code == STEP:
        np.testing.assert_array_equal(out, u)


@needs_compiler
@pytest.mark.parametrize("alpha", [2.0**-7, 0.37, 1.0, 3.0])
@pytest.mark.parametrize("spec", [spec for spec in GAME_ROWS if make_game(spec).has_kink])
def test_a_fisher_step_of_a_game_that_jumps_multiplies_by_one_of_three_factors(spec, alpha):
    code, a, b, c = make_game(spec).kernel
    fisher = steps_module.FISHER

    @kernel
    def in_a_loop(r, out, alpha, a, b, c):
        for i in range(r.size):
            out[i] = steps_module.descended(fisher, code, r[i], 0.0, alpha, a, b, c)

    at = np.array([a])
    r = np.concatenate([np.linspace(0, 5, 101), at, np.nextafter(at, 0), np.nextafter(at, 9)])
    r = np.append(r, [1e-300, 1e300, 5e-324])
    out = np.empty_like(r)
    in_a_loop(r, out, alpha, a, b, c)
    with mpmath.workdps(40):
        for ratio, value in zip(r.tolist(), out.tolist(), strict=True):
            u = b if ratio < a else c if ratio > a else (b + c) / 2
            exact = ratio * mpmath.exp(-mpmath.mpf(alpha) * u)
            assert abs(value - exact) <= 2 * math.ulp(float(exact)), ratio


@pytest.mark.parametrize("cells", [13, CHUNK + 5])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("spec", GAME_ROWS)
def test_fifty_steps_are_those_of_the_naive_twin(spec, geometry, cells):
    real, gen = uneven_problem(cells)
    r, w, p = arrays_of(real, gen)
    alpha = 0.01 / (p.max() if geometry == "lebesgue" else 1.0)
    solution = rg.glgd(
        real=real, gen=gen, game=spec, geometry=geometry, alpha=alpha, tol=0, max_steps=50
    )
    assert solution.trace.halvings[-1] == solution.trace.projected[-1] == 0
    for _ in range(50):
        r = naive_step(r, w, p, NAIVE_SIGNALS[spec](r), alpha, geometry)
    # One rounding per step and cell, none of which contraction has forgotten yet.
    np.testing.assert_allclose(solution.ratio, r, rtol=200 * np.finfo(float).eps)


@pytest.mark.parametrize("geometry", ["reference", "lebesgue"])
def test_projected_steps_are_those_of_the_naive_twin(geometry):
    real, gen = uneven_problem(40, noise=1.0)
    r, w, p = arrays_of(real, gen)
    alpha = 1.5 / (p.max() if geometry == "lebesgue" else 1.0)
    solution = solved(real, gen, 20, game=UNSTABLE, geometry=geometry, alpha=alpha)
    projected = 0
    for _ in range(20):
        r = naive_step(r, w, p, NAIVE_SIGNALS[UNSTABLE](r), alpha, geometry)
        if r.min() < 0:
            r = naive_projection(r, w, p, geometry)
            projected += 1
    assert solution.trace.projected[-1] == projected > 1
    np.testing.assert_allclose(solution.ratio, r, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("geometry", ["reference", "lebesgue"])
def test_the_projection_is_the_nearest_point_that_slsqp_finds(geometry):
    real, gen = uneven_problem(8, noise=1.0)
    r, w, p = arrays_of(real, gen)
    alpha = 20.0 / (p.max() if geometry == "lebesgue" else 1.0)
    solution = solved(real, gen, 1, game=UNSTABLE, geometry=geometry, alpha=alpha)
    assert solution.trace.projected[-1] == 1
    assert np.count_nonzero(solution.ratio == 0) > 1
    target = naive_step(r, w, p, NAIVE_SIGNALS[UNSTABLE](r), alpha, geometry)
    weights = w if geometry == "reference" else np.diff(real.grid.edges[0])
    found = minimize(
        lambda x: weights @ (x - target) ** 2,
        np.ones(8),
        jac=lambda x: 2 * weights * (x - target),
        method="SLSQP",
        bounds=[(0, None)] * 8,
        constraints={"type": "eq", "fun": lambda x: w @ x - 1, "jac": lambda x: w},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(solution.ratio, found.x, atol=1e-6)


@pytest.mark.parametrize("geometry", ["reference", "lebesgue"])
@pytest.mark.parametrize("spec", NAIVE_COSTS)
def test_halved_steps_are_those_of_the_naive_twin(spec, geometry):
    real, gen = uneven_problem(40, noise=2.0)
    r, w, p = arrays_of(real, gen)
    alpha = 1.7 / (p.max() if geometry == "lebesgue" else 1.0)
    solution = solved(real, gen, 30, game=spec, geometry=geometry, alpha=alpha)
    assert solution.trace.halvings[-1] > 0
    for _ in range(30):
        r = naive_halved_step(r, w, p, spec, alpha, geometry)
    np.testing.assert_allclose(solution.ratio, r, rtol=1e-11)


# ---- the cache -----------------------------------------------------------------------------------

COUNTING = """
import json
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(str(event.data["dispatcher"]))

    def on_end(self, event):
        pass

event.register("numba:compile", Listener())
import ratiogan as rg

rg.glgd(grid=64)
rg.alternating(grid=64)
rg.game("non-saturating").cost(2.0)
print(json.dumps(compiled))
"""


def python(script, package=ROOT, **environment):
    """Run a script in a new process; its standard output."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**base, "PYTHONPATH": str(package), **environment},
        cwd="/" if os.name == "posix" else None,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def files_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@needs_compiler
class TestCache:
    def test_a_second_process_compiles_nothing_and_writes_nothing(self, tmp_path):
        assert len(json.loads(python(COUNTING, NUMBA_CACHE_DIR=str(tmp_path)))) > 3
        first = files_in(tmp_path)
        assert {path.suffix for path in first} == {".nbi", ".nbc"}
        assert json.loads(python(COUNTING, NUMBA_CACHE_DIR=str(tmp_path))) == []
        assert files_in(tmp_path) == first

    def test_an_edit_of_vmath_changes_what_kernels_compute_in_the_next_process(self, tmp_path):
        package = tmp_path / "ratiogan"
        shutil.copytree(ROOT / "ratiogan", package, ignore=shutil.ignore_patterns("__pycache__"))
        script = "import ratiogan as rg; print(float(rg.game('non-saturating').signal(1.0)))"
        environment = {"package": tmp_path, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
        assert float(python(script, **environment)) == pytest.approx(np.log(2.0), rel=1e-15)
        source = package / "_vmath.py"
        text = source.read_text()
        edited = text.replace("_LN2_HI = 6.93147180369123816490e-01", "_LN2_HI = 0.75")
        assert edited != text
        source.write_text(edited)
        assert float(python(script, **environment)) == pytest.approx(0.75, rel=1e-8)
        source.write_text(text)
        assert float(python(script, **environment)) == pytest.approx(np.log(2.0), rel=1e-15)
        assert len(list((tmp_path / "kernels").iterdir())) == 2

    @pytest.mark.skipif(os.name != "posix", reason="needs a path that nobody can make")
    @pytest.mark.parametrize(
        "environment",
        [{"NUMBA_CACHE_DIR": "/dev/null/kernels"}, {"HOME": "/dev/null", "XDG_CACHE_HOME": ""}],
        ids=["cache-folder", "home"],
    )
    def test_where_nothing_can_be_written_kernels_run_uncached_in_silence(self, environment):
        script = (
            "import ratiogan as rg; from ratiogan._jit import CACHE_FOLDER\n"
            "assert CACHE_FOLDER is None\n"
            "print(float(rg.game('logit').signal(1.0)))"
        )
        assert python(script, **environment) == "0.0\n"

    def test_the_users_own_functions_are_left_alone(self, tmp_path):
        script = (
            "import numba\n"
            "before = {k: v for k, v in vars(numba.config).items() if k.isupper()}\n"
            "import ratiogan.solvers.glgd\n"
            "assert before == {k: v for k, v in vars(numba.config).items() if k.isupper()}\n"
            "divide = numba.njit(lambda a, b: a / b)\n"
            "try:\n"
            "    divide(1.0, 0.0)\n"
            "except ZeroDivisionError:\n"
            "    print('as before')\n"
        )
        assert python(script, NUMBA_CACHE_DIR=str(tmp_path)) == "as before\n"

    def test_kernels_never_lie_in_the_package(self):
        assert not [path for path in (ROOT / "ratiogan").rglob("*.nb[ci]")]
