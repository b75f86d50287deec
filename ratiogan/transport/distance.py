"""`wasserstein`: W1 between two distributions, with its critic and a proof from both sides."""

import time

import numpy as np

from ratiogan.catalogue import MASSES, METRICS
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, check_choice, check_integer, check_positive
from ratiogan.grid import Grid
from ratiogan.presets import problem
from ratiogan.solution import Status
from ratiogan.transport.certified import EXACT, RESOLVED, Wasserstein, hidden
from ratiogan.transport.euclidean import euclidean
from ratiogan.transport.flows import entering
from ratiogan.transport.line import transport_line
from ratiogan.transport.manhattan import manhattan
from ratiogan.transport.paths import line_plan, margins_off, plan_cost, plan_of_flow
from ratiogan.transport.problem import Plan

MAX_STEPS = 2000
_SINGLE = 1e-5  # the same for arrays of single precision
_ROUND_OFF = 1e-9  # how far the sums of two arrays may differ, relative to them


def wasserstein(
    *,
    gen=None,
    real=None,
    metric="euclidean",
    mass="centre",
    tol=1e-3,
    max_steps=None,
    plan=False,
    flow=False,
    grid=None,
    domain=None,
):
    """The Wasserstein-1 distance between two distributions, between two proven bounds.

    W1(p_r, p_g) is the least cost of moving p_g into p_r, mass times distance, and the greatest
    E_r[f] - E_g[f] over 1-Lipschitz f (Kantorovich-Rubinstein). On the line it is found exactly, in
    one pass. On grids of two and three axes a plan or flow bounds it from above and a critic from
    below, until both are within `tol`; the interval is a proof, not an estimate.

    Parameters
    ----------
    gen, real : Distribution, str or array, optional
        p_g and p_r on one grid: distributions, presets (None is the default problem), or arrays of
        cell masses of one shape, which must sum alike and are divided by their sum.
    metric : {"euclidean", "manhattan"}
        The distance between points. On the line both are |x - y|. `manhattan` is the faster.
    mass : {"centre", "spread"}
        Whether a cell's mass sits at its centre or evenly over the cell; `spread` on the line only.
        In more dimensions W1 with spread mass differs from that with centred mass by at most the
        mean distance from a cell's centre, twice, and by far less where densities are smooth.
    tol : float
        Stop when (upper - lower)/upper is at most this. On the line the gap is round-off anyway.
        Double precision proves down to some 1e-12.
    max_steps : int, optional
        Most steps of the solver on the grid itself; 2000 by default.
    plan : bool
        Whether to return the transport plan.
    flow : bool
        Whether to return the flow between neighbouring cells: on the line, and for `manhattan`.
    grid, domain : optional
        The cells of two presets, or (`grid`, a `Grid`) of two arrays, whose cells are else 1 apart.

    Returns
    -------
    Wasserstein

    Raises
    ------
    InputError
        For distributions on different grids; masses that are negative, not finite or do not sum
        alike; categories, which have no distances; an unknown metric; tol <= 0; and grids too large
        for the memory of this machine.

    References
    ----------
    Villani 2003, "Topics in Optimal Transportation", theorem 1.14. How it is solved: `line`,
    `manhattan` and `euclidean`.

    Examples
    --------
    >>> found = wasserstein()  # the default problem, on the line
    >>> print(found.finding)
    W1 = 0.588179301 exactly (primal = dual to 1e-15).
    >>> moved = wasserstein(gen=[[0, 0], [0, 1]], real=[[1, 0], [0, 0]], plan=True)
    >>> round(moved.value, 12), moved.plan.origin, moved.plan.destination
    (1.414213562373, array([3]), array([0]))
    """
    metric = check_choice("metric", metric, tuple(METRICS))
    mass = check_choice("mass", mass, tuple(MASSES))
    tol = check_positive("tol", tol)
    max_steps = check_integer("max_steps", MAX_STEPS if max_steps is None else max_steps, 1)
    given = as_sources(real, gen, grid)
    _check_sums(real, gen)
    real, gen = problem(*given, grid, domain)
    _check(real.grid, metric, mass, plan, flow)
    compile_seconds = _prepared(metric, mass, real.grid.ndim, plan)
    begun = time.perf_counter()
    if real.grid.ndim == 1:
        found = _on_the_line(real, gen, mass, tol, plan, flow)
    else:
        found = _on_the_grid(real, gen, metric, tol, max_steps, plan, flow)
    found["critic"].flags.writeable = False
    return Wasserstein(
        **found,
        metric=metric,
        mass=mass,
        cancelled=float(np.minimum(real.mass, gen.mass).sum()),
        tol=tol,
        max_steps=max_steps,
        seconds=time.perf_counter() - begun,
        compile_seconds=compile_seconds,
        real=real,
        gen=gen,
    )


def _check(grid, metric, mass, plan, flow):
    """Refuse what a grid cannot have."""
    for axis in grid.axes:
        if axis.kind == "categories":
            raise InputError(
                f"the categories of {axis.name} have no distances, so there is no W1.",
                argument="grid",
                fix="Use a divergence, or columns of numbers.",
            )
    if mass == "spread" and grid.ndim > 1:
        raise InputError(
            f"mass must be centre on {grid.ndim} axes: spread mass is for the line.",
            argument="mass",
            fix="Leave it out, and take finer cells if it matters.",
        )
    if mass == "spread" and plan:
        raise InputError(
            "a plan between cells needs mass=centre, got spread.",
            argument="plan",
            fix="Leave one of the two out.",
        )
    if flow and metric == "euclidean" and grid.ndim > 1:
        raise InputError(
            "flow runs between neighbouring cells, which is for metric=manhattan, got euclidean.",
            argument="flow",
            fix="Pass plan=True.",
        )


def as_sources(real, gen, grid=None):
    """Arrays of masses as distributions: on the other's grid, on `grid`, or on cells 1 apart.

    Parameters
    ----------
    real, gen : Distribution, str, array or None
    grid : Grid, optional
        Anything else is left to the presets.

    Returns
    -------
    real, gen : Distribution, str or None

    Raises
    ------
    InputError
        If shapes differ.
    """
    given = {"real": real, "gen": gen}
    arrays = _arrays(given)
    if not arrays:
        return real, gen
    cells = [value.grid for value in given.values() if isinstance(value, Distribution)]
    cells += [grid] if isinstance(grid, Grid) else []
    shapes = {array.shape for array in arrays.values()} | {known.shape for known in cells}
    if len(shapes) > 1:
        raise InputError(
            f"gen and real must have the same cells, got the shapes "
            f"{' and '.join(str(shape) for shape in sorted(shapes))}.",
            argument="gen",
        )
    made = cells[0] if cells else _unit_cells(next(iter(arrays.values())).shape)
    for name, array in arrays.items():
        given[name] = Distribution.from_mass(array, made, label=f"{name} array")
    return given["real"], given["gen"]


def _arrays(given):
    return {
        name: np.asarray(value)
        for name, value in given.items()
        if value is not None and not isinstance(value, (str, Distribution)) and np.ndim(value) > 0
    }


def _unit_cells(shape):
    if max(shape) > 1 and min(shape) == 1:
        return Grid.regular(shape, -0.5, np.array(shape) - 0.5)  # one whole number makes no axis
    axes = [Grid.counts(0, size - 1, name=f"y{i}") for i, size in enumerate(shape)]
    return axes[0] if len(axes) == 1 else Grid.product(*axes)


def _check_sums(real, gen):
    """Refuse two arrays of masses that do not sum alike: divided each by its sum, one would lie."""
    arrays = _arrays({"real": real, "gen": gen}).values()
    sums = [float(np.sum(a, dtype=float)) for a in arrays]
    single = any(a.dtype in (np.float16, np.float32) for a in arrays)
    if len(sums) == 2 and abs(sums[0] - sums[1]) > (_SINGLE if single else _ROUND_OFF) * max(sums):
        raise InputError(
            f"the masses of real and gen must sum alike, got {sums[0]:.12g} and {sums[1]:.12g}.",
            argument="gen",
            fix="Divide each by its sum.",
        )


def _on_the_line(real, gen, mass, tol, plan, flow):
    """The fields of a `Wasserstein` on one axis."""
    solved = transport_line(gen=gen, real=real, mass=mass)
    lower, upper = sorted((solved.value, solved.dual))
    flows = (np.cumsum(gen.mass - real.mass)[:-1],)
    return {
        "lower": lower,
        "upper": upper,
        "value": solved.value,
        "critic": solved.critic,
        "plan": line_plan(real.mass - gen.mass) if plan else None,
        "flow": flows if flow else None,
        "n_steps": 0,
        "residual": abs(float((gen.mass - real.mass).sum())),
        "history": np.array([[0.0, lower, upper]]),
        "status": _status(lower, upper, tol, real.grid),
    }


def _on_the_grid(real, gen, metric, tol, max_steps, plan, flow):
    """The fields of a `Wasserstein` on two or three axes."""
    options = {"tol": tol, "max_steps": max_steps}
    if metric == "manhattan":
        solve, options["flow"] = manhattan, flow or plan
    else:
        solve, options["plan"] = euclidean, plan
    solved = solve(gen.mass, real.mass, real.grid.edges, **options)
    found = {
        name: getattr(solved, name)
        for name in ("lower", "upper", "value", "critic", "plan", "n_steps", "residual")
    }
    found["flow"] = solved.flow if flow else None
    if plan and metric == "manhattan":
        found |= _by_plan(found, grid_plan(solved.flow, real.grid.centres), real, gen)
    found["history"] = np.asarray(solved.history)
    found["status"] = _status(found["lower"], found["upper"], tol, real.grid)
    return found


def _status(lower, upper, tol, grid):
    """Whether the relative gap met `tol`, and masses that sum to 1 tell so much of W1."""
    if upper <= hidden(grid):
        return Status.CONVERGED
    met = upper - lower <= max(tol, EXACT) * upper
    told = hidden(grid) <= max(tol, RESOLVED) * upper
    return Status.CONVERGED if met and told else Status.INTERVAL_ONLY


def grid_plan(flow, centres):
    """The plan that a flow between neighbouring cells carries out; it costs no more than the flow.

    Examples
    --------
    >>> down, right = np.array([[0.0, 0.5]]), np.array([[0.5], [0.0]])
    >>> moved = grid_plan((down, right), [np.arange(2.0), np.arange(2.0)])
    >>> moved.origin, moved.destination, moved.mass
    (array([0]), array([3]), array([0.5]))
    """
    shape = tuple(c.size for c in centres)
    extra = (1,) * (3 - len(shape))
    enters = entering(flow)
    padded = [np.zeros((1, 1, 1)) for _ in extra]
    for axis, along in enumerate(flow):
        out = np.pad(along, [(0, int(a == axis)) for a in range(len(shape))])
        padded.append(out.reshape(extra + shape) if shape[axis] > 1 else np.zeros((1, 1, 1)))
    places = [np.zeros(1) for _ in extra] + [np.array(c) for c in centres]
    return Plan(*plan_of_flow(padded, enters.reshape(extra + shape), places))


def _by_plan(found, plan, real, gen):
    """What a plan made from the flow changes: going straight it may cost less than the flow."""
    difference = real.mass - gen.mass
    by_plan = plan_cost(plan, difference, real.grid.centres, order=1)
    upper = max(min(found["upper"], by_plan), found["lower"])
    return {
        "plan": plan,
        "upper": upper,
        "value": 0.5 * (found["lower"] + upper),
        "residual": float(np.abs(margins_off(plan, difference)).max()),
    }


_READY = set()  # what this process has compiled or loaded


def _prepared(metric, mass, ndim, plan):
    """Seconds for compiling or loading the kernels, on a problem of a few cells; 0 if they are."""
    key = (metric, ndim, bool(plan)) if ndim > 1 else mass
    if key in _READY:
        return 0.0
    _READY.add(key)
    begun = time.perf_counter()
    cells = {1: 4, 2: 16, 3: 8}[ndim]
    grid = Grid.regular((cells,) * ndim, 0, 1)
    rng = np.random.default_rng(0)
    sides = [Distribution.from_mass(rng.random(grid.shape), grid) for _ in range(2)]
    if ndim == 1:
        transport_line(gen=sides[0], real=sides[1], mass=mass)
    else:
        _on_the_grid(*sides, metric, 0.1, 20, plan, False)
    return time.perf_counter() - begun
