"""What an animation shows, as plain data: panels of lines and maps, one state per kept step.

The GIF and the HTML page draw the same scene. Nothing is computed beyond what was kept of the run,
brought down to a drawable number of cells: masses are summed, so that p_g and R stay those of the
coarser cells.
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.ticker import MaxNLocator

from ratiogan.grid import Grid
from ratiogan.plots.collapse import NEXT, contrast_of, places
from ratiogan.plots.conditional import conditional_rows, with_letters
from ratiogan.plots.descent import (
    ERRORS,
    error_limits,
    positive,
    rate_of,
    rate_words,
    ratio_limits,
    responses,
)
from ratiogan.plots.dynamics import (
    course_end,
    course_limits,
    course_of,
    paths_of,
    plane_of,
    players_of,
    predicted_line,
)
from ratiogan.plots.fields import axis_name, gen_mass, kept, on_plane, ratio_norm, thin, top_of
from ratiogan.plots.look import DASHES, command_text, key_sentence, log_ticks, mix, version
from ratiogan.plots.phase import greek, inside, names_of, view_of, within_reach
from ratiogan.plots.several import (
    ERROR_NAMES,
    LEFT,
    LOG_LOG,
    by_jsd,
    error_columns,
    errors_of,
    left_limits,
    run_colours,
    short_labels,
    unit_of,
)
from ratiogan.plots.simplex import CORNERS, PLAYERS, actions_of, is_simplex, strategies
from ratiogan.plots.sweep import telling_runs
from ratiogan.plots.training import (
    MOST_BLOCKS,
    companions,
    equilibrium_of,
    floor_of,
    jsd_limits,
    loss_limits,
    loss_lines,
    noise_words,
    out_of_sight,
    own_name,
)
from ratiogan.plots.transport import cost_limits, cost_lines, critics
from ratiogan.plots.wgan import estimate_lines
from ratiogan.sweeps import are_training, sweep_map
from ratiogan.trace import step_word

SHADES = 64  # of a map; a cell is one letter of ALPHABET
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
DASH = "9 5"
DOTTED = "2 5"


def scene(result, look, command=None, points=400, frames=120, cells=64):
    """The scene of a result.

    Parameters
    ----------
    result : Solution, Comparison or Dynamics
    look : Look
    command : str or sequence of str, optional
    points, cells : int
        Most points of a line, most cells along one side of a map.
    frames : int
        Most states.

    Returns
    -------
    dict
        ``title``, ``command``, ``version``, ``colours``, ``steps`` (one per state), ``unit``
        (what a step is called), ``panels``.
    """
    build = _several if hasattr(result, "runs") else _collapse
    if hasattr(result, "trajectories"):
        build = _dynamics
    elif build is _collapse and result.algorithm != "alternating":
        build = _descent
    steps, panels = build(result, look, points, frames, cells)
    return {
        "title": key_sentence(result.finding),
        "command": command_text(command),
        "version": version(),
        "colours": {"ink": look.ink, "ground": look.ground, "grid": look.grid, "muted": look.muted},
        "steps": [int(step) for step in steps],
        "unit": _unit(result),
        "panels": panels,
    }


def _unit(result):
    """What a step of a result is called."""
    if hasattr(result, "trajectories"):
        return "step"
    return unit_of(result) if hasattr(result, "runs") else step_word(result.algorithm)


# --- axes ----------------------------------------------------------------------------------------


def axis(label, low, high, log=False, halves=False, whole=False):
    """An axis with its ticks, as [value, text] pairs."""
    low, high = float(low), float(high)
    if log:
        ticks = log_ticks(low, high, halves)
    else:
        values = MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)
        ticks = [(float(value), f"{value:.6g}".replace("-", "\u2212")) for value in values]
    slack = 1e-9 * (high - low)
    ticks = [[value, text] for value, text in ticks if low - slack <= value <= high + slack]
    return {"label": label, "low": low, "high": high, "log": log, "ticks": ticks}


def place_axis(grid, coarse, number=0):
    """The axis of a grid; categories by name."""
    edges = coarse.edges[number]
    shown = axis(axis_name(grid, number), edges[0], edges[-1])
    if grid.axes[number].kind == "categories":
        levels = grid.axes[number].levels
        every = -(-len(levels) // 8)
        shown["ticks"] = [[place, str(levels[place])] for place in range(0, len(levels), every)]
    return shown


def panel(heading, x, y):
    return {"type": "plot", "heading": heading, "x": x, "y": y, "series": [], "marks": []}


def line(name, x, y=None, frames=None, colour="#000000", dash="", width=1.0, **more):
    """One line: `y` if it stands still, `frames` if it has one state per step."""
    shape = {"y": _list(y)} if frames is None else {"frames": [_list(row) for row in frames]}
    return {
        "name": name, "x": _list(x), **shape, "colour": colour, "dash": dash, "width": width, **more
    }  # fmt: skip


def _list(values):
    return np.asarray(values, dtype=float).tolist()


def _choose(count, most):
    """Indices of at most `most` of `count` states, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _rows_at(trace_steps, steps):
    """The trace row recorded nearest to each step."""
    trace_steps = np.asarray(trace_steps)
    return np.array([int(np.argmin(np.abs(trace_steps - step))) for step in steps])


# --- fields on coarser cells ---------------------------------------------------------------------


def _blocks(runs, points):
    """Most cells of a profile: of training, whose noise is in every cell, as in the figure."""
    return min(points, MOST_BLOCKS) if are_training(runs) else points


class Coarse:
    """The cells of a grid, joined until they can be drawn; masses are summed."""

    def __init__(self, grid, most):
        self.axes = min(grid.ndim, 2)
        self.starts, self.edges = [], []
        for edges in grid.edges[: self.axes]:
            count = len(edges) - 1
            starts = np.unique(np.linspace(0, count, min(count, most) + 1).astype(int))[:-1]
            self.starts.append(starts)
            self.edges.append(np.append(edges[starts], edges[-1]))
        widths = [np.diff(edges) for edges in self.edges]
        self.volumes = widths[0] if self.axes == 1 else np.outer(*widths)
        self.centres = [(edges[1:] + edges[:-1]) / 2 for edges in self.edges]

    def masses(self, mass):
        mass = mass.sum(axis=tuple(range(self.axes, mass.ndim)))
        for number, starts in enumerate(self.starts):
            mass = np.add.reduceat(mass, starts, axis=number)
        return mass

    def density(self, mass):
        return self.masses(mass) / self.volumes

    def ratio(self, real, gen):
        real, gen = self.masses(real), self.masses(gen)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(real > 0, gen / real, np.nan)

    def outline(self, axis_kind, values):
        """x and y of a profile: steps for counts, categories and few cells."""
        if axis_kind in ("counts", "categories") or len(values) <= 64:
            return np.repeat(self.edges[0], 2)[1:-1], np.repeat(values, 2)
        return self.centres[0], values


def _map(heading, coarse, grid, name, palette, low, high, log, frames):
    """A map whose cells are letters: A is `low` or less, the last one `high` or more, ' ' none."""
    letters = np.array([*ALPHABET, " "])

    def letter_rows(values):
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (
                np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)
            )
        level = np.clip(np.nan_to_num(share, posinf=1, neginf=0), 0, 1) * (SHADES - 1)
        level = np.where(np.isnan(share), SHADES, level.round()).astype(int)
        return "".join(letters[level].T.ravel())

    return {
        "type": "map", "heading": heading, "name": name, "palette": palette,
        "x": place_axis(grid, coarse),
        "y": place_axis(grid, coarse, 1),
        "xedges": _list(coarse.edges[0]), "yedges": _list(coarse.edges[1]),
        "scale": axis(name, low, high, log, halves=True),
        "frames": [letter_rows(values) for values in frames],
    }  # fmt: skip


def _palette(name):
    cmap = colormaps[name] if isinstance(name, str) else name
    return [to_hex(cmap(i / (SHADES - 1))) for i in range(SHADES)]


# --- the panels ----------------------------------------------------------------------------------


def _profiles(solution, look, coarse, ratios, target=None):
    """Panel (a): p_r filled, p_g at the start and now."""
    grid = solution.real.grid
    kind = grid.axes[0].kind
    real = coarse.density(solution.real.mass)
    rows = [coarse.density(gen_mass(solution, ratio)) for ratio in ratios]
    top = 1.15 * top_of(real, rows)
    shown = panel("(a) densities", place_axis(grid, coarse), axis("", 0, top))
    x, y = coarse.outline(kind, real)
    shown["series"] = [
        line("p_r", x, y, colour=look.colour("real"), fill=True),
        line(f"{_unit(solution)} 0", x, coarse.outline(kind, rows[0])[1],
             colour=look.fade(look.colour("gen"), 0), dash=DASH, width=0.8),
        line("p_g", x, frames=[coarse.outline(kind, row)[1] for row in rows],
             colour=look.colour("gen")),
    ]  # fmt: skip
    return shown


def _convergence(solution, look, steps, letter="d"):
    trace = solution.trace.columns
    step = np.asarray(trace["step"], dtype=float)
    series = [positive(trace.get(column, np.full(step.size, np.nan))) for column, *_ in ERRORS]
    low, high = error_limits(series)
    last = max(1, int(step[-1])) if step.size else 1
    x = axis("step", -0.02 * last, last, whole=True)
    shown = panel(f"({letter}) distance to R = 1", x, axis("", low, high, log=True))
    rows = _rows_at(step, steps)
    for (_, name, role, dark, dash), values in zip(ERRORS, series, strict=True):
        colour = mix(look.colour(role), look.ink, dark)
        dashes = "" if dash == "-" else DOTTED if len(dash[1]) == 2 else "12 4 3 4"
        drawn = line(name, *thin(step, values, 400), colour=colour, dash=dashes)
        drawn["dots"] = [_list(steps), _list(values[rows])]
        shown["series"].append(drawn)
    predicted, measured = rate_of(solution)
    said = rate_words(predicted, measured)
    if said:
        shown["marks"].append({"kind": "note", "text": said})
    good = np.flatnonzero(np.isfinite(series[0]))
    if predicted is not None and 0 < abs(predicted) < 1 and good.size > 2:
        decades = -np.log10(abs(predicted))
        level = np.log10(high) - 0.27 * np.log10(high / low)
        wide = min(0.3 * last, 0.26 * np.log10(high / low) / decades)
        start = 0.6 * last
        corners = [(start, level), (start + wide, level - wide * decades), (start + wide, level)]
        shown["marks"].append(
            {"kind": "path", "x": [a for a, _ in corners] + [corners[0][0]],
             "y": [10**b for _, b in corners] + [10 ** corners[0][1]], "dash": DASH}
        )  # fmt: skip
    return shown


def _descent(solution, look, points, frames, cells):
    all_steps, all_ratios = kept(solution)
    chosen = _choose(len(all_steps), frames)
    steps, ratios = all_steps[chosen], [all_ratios[index] for index in chosen]
    grid = solution.real.grid
    if on_plane(solution):
        coarse = Coarse(grid, cells)
        real = coarse.density(solution.real.mass)
        gens = [gen_mass(solution, ratio) for ratio in ratios]
        densities = [coarse.density(gen) for gen in gens]
        fields = [coarse.ratio(solution.real.mass, gen) for gen in gens]
        top = max(real.max(), densities[0].max())
        limit = ratio_norm(coarse.masses(solution.real.mass), fields[:1]).vmax
        viridis, diverging = _palette("viridis"), _palette("RdBu_r")
        return steps, [
            _map("(a) p_r", coarse, grid, "density", viridis, 0, top, False, [real]),
            _map("(b) p_g", coarse, grid, "density", viridis, 0, top, False, densities),
            _map(
                "(c) ratio R = p_g/p_r",
                coarse,
                grid,
                "R",
                diverging,
                1 / limit,
                limit,
                True,
                fields,
            ),
            {
                "wglgd": lambda: _cost_panel(solution, look, steps),
                "training": lambda: _jsd_panel(solution, look, steps),
                "conditional": lambda: _conditionals(solution, look, points, ratios),
            }.get(solution.algorithm, lambda: _convergence(solution, look, steps, "d"))(),
        ]
    coarse = Coarse(grid, _blocks([solution], points))
    kind, edges = grid.axes[0].kind, coarse.edges[0]
    across = place_axis(grid, coarse)
    rows = [coarse.ratio(solution.real.mass, gen_mass(solution, ratio)) for ratio in ratios]
    low, high = ratio_limits(rows)
    ratio = panel("(b) ratio R = p_g/p_r", across, axis("", low, high, log=True, halves=True))
    x, _ = coarse.outline(kind, rows[0])
    colour = look.colour("ratio")
    ratio["series"] = [
        line(f"{_unit(solution)} 0", x, coarse.outline(kind, rows[0])[1],
             colour=look.fade(colour, 0), dash=DASH, width=0.8),
        line("R", x, frames=[coarse.outline(kind, row)[1] for row in rows], colour=colour),
    ]  # fmt: skip
    ratio["marks"].append({"kind": "path", "x": [edges[0], edges[-1]], "y": [1, 1], "dash": DASH})
    if solution.algorithm in ("wglgd", "wgan"):
        return steps, [
            _profiles(solution, look, coarse, ratios),
            ratio,
            _critic_panel(solution, look, coarse, ratios, across),
            _cost_panel(solution, look, steps),
        ]
    if solution.algorithm == "training":  # of f only the last state is kept: not shown
        return steps, [
            _profiles(solution, look, coarse, ratios),
            ratio,
            _losses_panel(solution, look, steps),
            _jsd_panel(solution, look, steps),
        ]
    answer = _response_panel(solution, look, coarse, rows, across)
    return steps, [
        _profiles(solution, look, coarse, ratios),
        ratio,
        answer,
        _convergence(solution, look, steps, "d"),
    ]


def _conditionals(solution, look, points, ratios):
    """The JSD of p(y|x) of every state; where x has many cells, its mean over drawn ones."""
    grid = with_letters(solution.real.grid)
    coarse = Coarse(Grid([grid.edges[0]], [grid.axes[0].name]), points)
    shares = solution.real.mass.reshape(grid.shape[0], -1).sum(axis=1)
    rows = [
        coarse.ratio(shares, shares * np.nan_to_num(row))
        for row in conditional_rows(solution, ratios)
    ]
    top = max(1.15 * float(np.nanmax(rows, initial=0.0)), 1e-12)
    shown = panel("(d) JSD of p(y|x), nats", place_axis(grid, coarse), axis("", 0.0, top))
    kind = grid.axes[0].kind
    x, first = coarse.outline(kind, rows[0])
    colour = look.colour("gen")
    shown["series"] = [
        line("step 0", x, first, colour=look.fade(colour, 0), dash=DASH, width=0.8),
        line("JSD", x, frames=[coarse.outline(kind, row)[1] for row in rows], colour=colour),
    ]
    return shown


def _critic_panel(solution, look, coarse, ratios, across):
    """The critic of every state: its means over the drawn cells."""
    cells = coarse.masses(np.ones(solution.real.grid.shape))
    rows = [coarse.masses(row) / cells for row in critics(solution, ratios)]
    low, high = float(np.min(rows)), float(np.max(rows))
    room = 0.1 * (high - low) or 1.0
    shown = panel("(c) critic f, slope +1 or \u22121", across, axis("", low - room, high + room))
    kind = solution.real.grid.axes[0].kind
    x, _ = coarse.outline(kind, rows[0])
    frames = [coarse.outline(kind, row)[1] for row in rows]
    shown["series"] = [line("f", x, frames=frames, colour=look.colour("discriminator"))]
    return shown


def _cost_panel(solution, look, steps):
    """W1 against step on log axes; dashed (alpha/2) Var f, or a clipped critic's estimate."""
    if solution.algorithm == "wgan":
        _, cost, other = estimate_lines(solution)
        step, unit = solution.trace.step + 1.0, "turn"  # the start is shown as well: before turn 1
        heading, limits, beside = "(d) W1 before each turn", cost_limits(cost, cost), "value/Lip"
    else:
        step, cost, other = cost_lines(solution)
        limits, beside = cost_limits(cost, other), "(\u03b1/2) Var f"
        heading, unit = "(d) W1 before each step", "step"
    x = axis(f"{unit}, the first is 1", 1.0, max(float(step[-1]), 10.0), log=True)
    shown = panel(heading, x, axis("", *limits, log=True))
    at = _rows_at(step - 1, steps)
    for name, values, role, dash in (
        ("W1", cost, "gen", ""),
        (beside, other, "prediction", DASH),
    ):
        drawn = line(name, *thin(step, values, 400), colour=look.colour(role), dash=dash)
        drawn["dots"] = [_list(steps + 1.0), _list(values[at])]
        shown["series"].append(drawn)
    return shown


def _losses_panel(solution, look, steps):
    """Both losses against turn; dashed where they are at equilibrium."""
    step, ends = solution.trace.step, [0, max(int(solution.trace.step[-1]), 1)]
    low, high = loss_limits(solution)
    shown = panel("(c) losses of both players", _turns(ends[1]), axis("", low, high))
    rows = _rows_at(step, steps)
    for column, name, role, dark, dash in loss_lines(solution):
        values = np.clip(solution.trace[column], low, high)
        colour = mix(look.colour(role), look.ink, dark)
        drawn = line(name, *thin(step, values, 400), colour=colour, dash=_words(dash))
        drawn["dots"] = [_list(steps), _list(values[rows])]
        shown["series"].append(drawn)
    shown["marks"] = [
        {"kind": "path", "x": ends, "y": [value, value], "dash": DASH}
        for value, _ in equilibrium_of(solution)
        if np.isfinite(value)
    ]
    return shown


def _jsd_panel(solution, look, steps):
    """JSD against turn, over what two minibatches of p_r show."""
    last = max(int(solution.trace.step[-1]), 1)
    floor = floor_of(solution)
    limits, logarithmic = jsd_limits(solution, floor)
    shown = panel("(d) JSD of p_g and p_r", _turns(last), axis("", *limits, log=logarithmic))
    values = positive(solution.trace.js) if logarithmic else solution.trace.js
    drawn = line(
        own_name(solution), *thin(solution.trace.step, values, 400), colour=look.colour("ratio")
    )
    drawn["dots"] = [_list(steps), _list(values[_rows_at(solution.trace.step, steps)])]
    shown["series"] = [drawn]
    for number, (name, column) in enumerate(companions(solution).items(), 1):
        beside = thin(solution.trace.step, positive(column) if logarithmic else column, 400)
        dash = _words(DASHES[number])
        shown["series"].append(line(name, *beside, colour=look.muted, dash=dash, width=0.8))
    said = f"two minibatches of {solution.options['batch']}"
    if out_of_sight(solution, floor):
        shown["marks"] = [{"kind": "note", "text": noise_words(said, floor)}]
    elif floor is not None:
        mean, least, most = np.clip(floor, *limits)  # a log axis has no place for 0
        # Round both halves of the band, from its middle, where its name is written.
        shown["marks"] = [
            {"kind": "area", "x": [0, last, last, 0, 0, last, last],
             "y": [mean, mean, most, most, least, least, mean], "colour": look.colour("floor"),
             "text": said}
        ]  # fmt: skip
    return shown


def _turns(last):
    return axis("turn", -0.02 * last, last, whole=True)


def _response_panel(solution, look, coarse, rows, across, letter="c"):
    """f* to the ratios of the drawn cells; its last state alone for someone's own game."""
    kind = solution.real.grid.axes[0].kind
    answers = responses(solution, rows)
    rest = responses(solution, [np.ones(1)])
    colour = look.colour("discriminator")
    if answers is None:
        sums = coarse.masses(np.ones(solution.real.grid.shape))
        answers = [coarse.masses(np.nan_to_num(solution.discriminator)) / sums] * len(rows)
    finite = np.concatenate([row[np.isfinite(row)] for row in answers] or [np.zeros(1)])
    low, high = finite.min(initial=0.5), finite.max(initial=0.5)
    if 0 <= low and high <= 1 and high - low > 0.2:
        low, high = 0.0, 1.05
    else:
        span = high - low or 1.0
        low, high = low - 0.1 * span, high + 0.1 * span
    shown = panel(f"({letter}) discriminator f*(R)", across, axis("", low, high))
    x, _ = coarse.outline(kind, answers[0])
    shown["series"] = [
        line("f*", x, frames=[coarse.outline(kind, row)[1] for row in answers], colour=colour)
    ]
    if rest is not None and np.isfinite(rest[0][0]):
        value = float(rest[0][0])
        ends = [across["low"], across["high"]]
        shown["marks"].append({"kind": "path", "x": ends, "y": [value, value], "dash": DASH})
    return shown


def _collapse(solution, look, points, frames, cells):
    all_steps, all_ratios = kept(solution)
    chosen = _choose(len(all_steps), frames)
    steps, ratios = all_steps[chosen], [all_ratios[index] for index in chosen]
    grid, trace = solution.real.grid, solution.trace.columns
    trace_steps = np.asarray(trace["step"])
    where = places(solution)
    rows = _rows_at(trace_steps, steps)
    following = np.minimum(rows + 1, len(trace_steps) - 1)
    coarse = Coarse(grid, cells if on_plane(solution) else points)
    fields = [coarse.ratio(solution.real.mass, gen_mass(solution, ratio)) for ratio in ratios]
    if on_plane(solution):
        panels = _collapse_maps(solution, look, coarse, fields, where, rows, following)
    else:
        panels = _collapse_lines(solution, look, coarse, ratios, fields, where, rows, following)
    last = max(1, int(trace_steps[-1]))
    along = axis("step", -0.02 * last, last, whole=True)
    use = panel(
        f"(d) cells in use, of {grid.size}", along, axis("", 0.8, 1.6 * max(grid.size, 2), log=True)
    )
    used = np.maximum(np.asarray(trace["effective_support"], dtype=float), 1.0)
    contrast = contrast_of(solution)
    if contrast is not None:
        use["series"].append(line("GLGD", *contrast, colour=look.colour("floor"), dash=DASH))
    drawn = line("alternating", *thin(trace_steps, used, 400), colour=look.colour("gen"))
    drawn["dots"] = [_list(steps), _list(used[rows])]
    use["series"].append(drawn)
    return steps, [*panels, use]


def _collapse_lines(solution, look, coarse, ratios, fields, where, rows, following):
    grid = solution.real.grid
    across = place_axis(grid, coarse)
    first = _profiles(solution, look, coarse, ratios)
    before = _response_panel(solution, look, coarse, fields, across, "b")
    x = where[following, 0]
    answers = before["series"][0]
    heights = [
        float(np.interp(at, answers["x"], row)) if np.isfinite(at) else np.nan
        for at, row in zip(x, answers["frames"], strict=True)
    ]
    answers["dots"] = [_list(x), heights]
    answers["dotname"] = NEXT
    steps = np.asarray(solution.trace.columns["step"])
    last = max(1, int(steps[-1]))
    room = 0.13 * last
    position = panel(
        "(c) position of the generator", axis("step", -room, 1.02 * last, whole=True),
        place_axis(grid, coarse),
    )  # fmt: skip
    position["x"]["ticks"] = [tick for tick in position["x"]["ticks"] if tick[0] >= 0]
    real = coarse.density(solution.real.mass)
    side_y, side = coarse.outline(grid.axes[0].kind, real)
    side_x = -room + 0.85 * room * side / side.max()
    position["marks"].append(
        {"kind": "area", "x": [-room, *_list(side_x), -room],
         "y": [float(side_y[0]), *_list(side_y), float(side_y[-1])],
         "colour": look.colour("real"), "text": "p_r"}
    )  # fmt: skip
    keep = _choose(len(steps), 400)
    drawn = line(
        "p_g", steps[keep], where[keep, 0], colour=look.colour("gen"), width=0.4, points=True
    )
    drawn["dots"] = [_list(steps[rows]), _list(where[rows, 0])]
    position["series"].append(drawn)
    return [first, before, position]


def _collapse_maps(solution, look, coarse, fields, where, rows, following):
    grid = solution.real.grid
    real = coarse.density(solution.real.mass)
    viridis = _palette("viridis")
    green = LinearSegmentedColormap.from_list(
        "f",
        ["#FFFFFF", look.colour("discriminator"), mix(look.colour("discriminator"), "#000", 0.6)],
    )
    target = _map("(a) p_r", coarse, grid, "density", viridis, 0, real.max(), False, [real])
    target["dots"] = [_list(where[following, 0]), _list(where[following, 1])]
    target["dotname"] = NEXT
    answers = responses(solution, fields)
    if answers is None:
        sums = coarse.masses(np.ones(grid.shape))
        answers = [coarse.masses(np.nan_to_num(solution.discriminator)) / sums] * len(fields)
    finite = np.concatenate([row[np.isfinite(row)] for row in answers])
    low, high = min(finite.min(initial=0), 0), max(finite.max(initial=0), 1e-9)
    best = _map(
        "(b) discriminator f*(R)", coarse, grid, "f", _palette(green), low, high, False, answers
    )
    path = _map(
        "(c) path of the generator", coarse, grid, "density", viridis, 0, real.max(), False, [real]
    )
    path["dots"] = [_list(where[rows, 0]), _list(where[rows, 1])]
    path["trail"] = True
    return [target, best, path]


def _words(dash):
    """The dashes of a line as SVG has them."""
    return "" if dash == "-" else " ".join(f"{3 * part:g}" for part in dash[1])


def _several(comparison, look, points, frames, cells):
    if sweep_map(comparison):  # of a whole map nobody could follow every run
        comparison, names = telling_runs(comparison)
    else:
        names = short_labels(comparison.labels)
    runs = comparison.runs
    colours = run_colours(len(runs))
    dashes = [_words(dash) for _, dash in colours]
    histories = [kept(run) for run in runs]
    every = np.unique(np.concatenate([steps for steps, _ in histories]))
    steps = every[_choose(len(every), frames)]
    counts = [max(1, run.n_steps) for run in runs]
    logarithmic = max(counts) > LOG_LOG * min(counts)
    panels = []
    for letter, column in zip("ab", error_columns(comparison), strict=True):
        lines = [errors_of(run, column) for run in runs]
        values = np.concatenate([y[np.isfinite(y)] for _, y in lines] or [np.ones(1)])
        low = max(values.min(initial=1.0), 1e-40)
        high = min(values.max(initial=1e-3), 1e40)
        margin = (high / low) ** 0.06
        first = 0.9 if logarithmic else -0.02 * max(counts)
        shown = panel(
            f"({letter}) {ERROR_NAMES[column]}",
            axis(unit_of(comparison), first, max(counts), logarithmic, whole=True),
            axis("", low / margin, high * margin, log=True),
        )  # fmt: skip
        for (x, y), name, (colour, _), dash in zip(lines, names, colours, dashes, strict=True):
            at = _rows_at(x, steps)
            good = x >= first
            drawn = line(name, *thin(x[good], y[good], 400), colour=colour, dash=dash)
            # Where a run has ended, its dot stays.
            drawn["dots"] = [_list(x[at]), _list(y[at])]
            shown["series"].append(drawn)
        panels.append(shown)
    panels.append(_ends(comparison, look, names, colours, dashes, histories, steps, points, cells))
    panels.append(_bars(comparison, names, colours, counts))
    return steps, panels


def _bars(comparison, names, colours, counts):
    """Panel (d) of a comparison: steps to tolerance, or the JSD left."""
    order, runs = comparison.ranking, comparison.runs
    shown = {
        "type": "bars", "heading": f"(d) {LEFT}", "x": None,
        "names": [names[i] for i in order], "values": None,
        "colours": [colours[i][0] for i in order],
    }  # fmt: skip
    if by_jsd(comparison):
        left = [comparison.jsd_left()[i] for i in order]
        low, high = left_limits(left)
        means = [mean for mean, _, _ in left]
        return shown | {
            "x": axis("JSD", low, high, log=True), "values": [max(mean, low) for mean in means],
            "met": [True] * len(order), "texts": [f"{mean:.2g}" for mean in means],
        }  # fmt: skip
    met = [runs[i].status.value == "converged" for i in order]
    return shown | {
        "heading": "(d) steps to tolerance", "x": axis("steps", 0.8, 2 * max(counts), log=True),
        "values": [counts[i] for i in order], "met": met,
        "texts": [
            f"{runs[i].n_steps}" if reached else f"not met in {runs[i].n_steps}"
            for i, reached in zip(order, met, strict=True)
        ],
    }  # fmt: skip


def _ends(comparison, look, names, colours, dashes, histories, steps, points, cells):
    """Panel (c) of a comparison: p_g of every run at the same step; a map of the best one's."""
    grid = comparison.real.grid
    states = []
    for known, ratios in histories:
        at = np.searchsorted(known, steps, side="right") - 1
        states.append([gen_mass(comparison, ratios[max(0, i)]) for i in at])
    if on_plane(comparison):
        best = comparison.ranking[0]
        coarse = Coarse(grid, cells)
        densities = [coarse.density(mass) for mass in states[best]]
        top = max(density.max() for density in densities)
        return _map(
            f"(c) p_g of {names[best]}", coarse, grid, "density", _palette("viridis"), 0, top,
            False, densities,
        )  # fmt: skip
    coarse = Coarse(grid, _blocks(comparison.runs, points))
    kind = grid.axes[0].kind
    real = coarse.density(comparison.real.mass)
    rows = [[coarse.density(mass) for mass in run] for run in states]
    shown = panel(
        "(c) p_g over p_r (filled)", place_axis(grid, coarse),
        axis("", 0, 1.2 * top_of(real, [row for run in rows for row in run])),
    )  # fmt: skip
    x, y = coarse.outline(kind, real)
    shown["series"].append(line("p_r", x, y, colour=look.colour("real"), fill=True, silent=True))
    for run, name, (colour, _), dash in zip(rows, names, colours, dashes, strict=True):
        frames = [coarse.outline(kind, row)[1] for row in run]
        shown["series"].append(line(name, x, frames=frames, colour=colour, dash=dash))
    return shown


# --- trajectories of games -----------------------------------------------------------------------

_REACH = 3  # half widths of the view: how far a line goes on beyond it


def _dynamics(result, look, points, frames, cells):
    """Both players' path in the plane and the distance by step, growing; or both simplices."""
    runs = result.trajectories
    heading, series = course_of(result)
    last = course_end(result, series)
    every = np.unique(np.concatenate([run.steps for run in runs]))
    every = every[every <= last]
    steps = every[_choose(len(every), frames)]
    first = runs[0].field
    if is_simplex(first):
        panels = [_simplex(result, player, letter) for player, letter in enumerate("ab")]
    elif first.size < 2:
        panels = []
    else:
        panels = [_portrait(result) if first.size <= 8 else _players(result)]
    for shown, paths in panels:
        view = np.array([[shown[side]["low"], shown[side]["high"]] for side in "xy"])
        if not shown["x"]["log"]:
            paths = (
                [np.where(inside(path, view)[:, None], path, np.nan) for path in paths],
                [within_reach(path, view, _REACH) for path in paths],
            )
        else:
            paths = paths, paths
        shown["series"] = _growing(result, look, steps, points, *paths)
    panels = [shown for shown, _ in panels]
    along = panel(
        f"({'abc'[len(panels)]}) {heading}", axis("step", -0.02 * last, last, whole=True),
        axis("", *course_limits(series), log=True),
    )  # fmt: skip
    series = [np.where(row < 1e40, row, np.nan) for row in series]
    courses = [np.column_stack([run.steps, row]) for run, row in zip(runs, series, strict=True)]
    along["series"] = _growing(result, look, steps, points, courses, courses)
    for run in runs if heading.startswith("distance") else ():
        predicted = predicted_line(run)
        if predicted is not None:
            x, y = predicted
            along["marks"].append({"kind": "path", "x": _list(x), "y": _list(y), "dash": DASH})
    return steps, [*panels, along]


def _growing(result, look, steps, points, heads, paths):
    """The runs as lines that are shown up to the state of the step, which a dot marks."""
    series = []
    looks = run_colours(len(paths))
    for run, name, head, path, (colour, dash) in zip(
        result.trajectories, names_of(result), heads, paths, looks, strict=True
    ):
        path = np.where(np.isfinite(path).all(axis=1)[:, None], path, np.nan)
        keep = _choose(len(path), points)
        at = np.searchsorted(run.steps, steps, side="right") - 1
        drawn = line(name, *path[keep].T, colour=colour, dash=_words(dash), width=0.7)
        drawn["upto"] = np.searchsorted(run.steps[keep], steps, side="right").tolist()
        drawn["dots"] = [_list(side) for side in head[at].T]
        series.append(drawn)
    return series


def _plane(heading, x, y, names):
    """A panel whose two axes are alike: square; at the pointer both coordinates are read off."""
    return panel(heading, x, y) | {"plane": names}


def _portrait(result):
    run = result.trajectories[0]
    field, plane = run.field, list(plane_of(run.field))
    names = [greek(field.coordinates[at]) for at in plane]
    centre = None if run.equilibrium is None else run.equilibrium[plane]
    paths = paths_of(result)
    (left, right), (low, high) = view_of(paths, centre, field.lower[plane], field.upper[plane])
    shown = _plane("(a) phase plane", axis(names[0], left, right), axis(names[1], low, high), names)
    if centre is not None:  # where the dashed lines meet
        x, y = centre.tolist()
        shown["marks"] = [
            {"kind": "path", "x": [left, right], "y": [y, y], "dash": DASH},
            {"kind": "path", "x": [x, x], "y": [low, high], "dash": DASH},
        ]
    return shown, paths


def _players(result):
    paths, view, logarithmic = players_of(result)
    names = ["generator", "discriminator"]
    x, y = (axis(name, *limits, log=logarithmic) for name, limits in zip(names, view, strict=True))
    y["label"] = ""  # there is no room for it
    return _plane("(a) distances, discriminator up", x, y, names), paths


def _simplex(result, player, letter):
    field = result.trajectories[0].field
    one, two, three = actions_of(field, player)
    x = axis(f"{one} (left), {two} (right), {three} (top)", -0.05, 1.05)
    y = axis("", -0.11, 0.99)
    x["ticks"], y["ticks"] = [], []
    shown = _plane(f"({letter}) {PLAYERS[player]}", x, y, ["", ""])
    corners = CORNERS[[0, 1, 2, 0]]
    shown["marks"] = [
        {"kind": "path", "x": _list(corners[:, 0]), "y": _list(corners[:, 1]), "dash": DASH}
    ]
    return shown, [strategies(run.states, player) for run in result.trajectories]
