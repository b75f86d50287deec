"""Panels of a training run: both losses, JSD beside what minibatches show, coverage, the end."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, MaxNLocator

from ratiogan.catalogue import GAMES
from ratiogan.plots.descent import fill_real, positive
from ratiogan.plots.fields import (
    axis_name,
    colour_bar,
    density_norm,
    draw_map,
    flat_density,
    on_plane,
    outline,
    place_axis,
    thin,
    top_of,
)
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    DASHES,
    PREDICTED,
    dress,
    label_height,
    log_axis,
    mix,
    new_axes,
    whole_steps,
)
from ratiogan.solvers.landmarks import minibatch_floor, modes_of
from ratiogan.spec import format_value, is_own_code, parse

_DECADE = 10.0  # factor between the least and the greatest JSD from which its axis is logarithmic
_MOST_ARROWS = 15  # along an axis of the plane
MOST_BLOCKS = 128  # of cells, whose means are drawn
ROOM = 0.86  # share of the height below the key
_ROOM_OF_TWO = 0.76  # the same below a key of two lines
_FLAT = 0.35  # share of the axis that JSD must have for a band of noise above it to be drawn


def training_figure(figure, solution, look):
    """The panels of a training run: 2 x 2; on the plane three curves above three maps."""
    if on_plane(solution):
        axes = figure.subplots(2, 3)
        curves = axes[0]
        plot_end_maps(solution, axes[1], look)
    else:
        axes = figure.subplots(2, 2)
        curves = axes.ravel()[:3]
        plot_end(solution, axes[1, 1], look)
    for plot, ax in zip((plot_losses, plot_jsd, plot_coverage), curves, strict=True):
        plot(solution, ax, look)


def equilibrium_of(solution):
    """What g and d are predicted to be at R = 1, with their names (log 2); NaN where unknown."""
    found = []
    for name in ("generator cost g", "discriminator cost d"):
        rows = [row for row in solution.predictions if row.name.startswith(name)]
        predicted = float(rows[0].predicted) if rows else np.nan
        found.append((predicted, rows[0].text or f"{predicted:.4g}" if rows else ""))
    return found


# Column of the trace, its name, the role of its colour, how much of the ink is in it, its dashes.
LOSSES = (
    ("g", "g", "gen", 0.0, "-"),
    ("d", "d", "discriminator", 0.0, DASHES[1]),
    ("d_train", "d on data", "discriminator", 0.45, DASHES[2]),
)


def loss_lines(solution):
    """The rows of LOSSES that a run has: d on its data only where it has a data set."""
    return LOSSES if solution.options.get("data") else LOSSES[:2]


def loss_limits(solution):
    """Limits of the axis of the losses: all that is seen of them, within reach of equilibrium."""
    columns = [np.asarray(solution.trace[name], dtype=float) for name, *_ in loss_lines(solution)]
    ends = [value for value, _ in equilibrium_of(solution) if np.isfinite(value)]
    values = np.concatenate([*columns, ends])
    values = values[np.isfinite(values)]
    start = [float(column[0]) for column in columns if np.isfinite(column[0])] or [0.0]
    reach = 6.0 * max(1.0, *(abs(value) for value in [*ends, *start]))
    low, high = max(values.min(), min(start) - reach), min(values.max(), max(start) + reach)
    room = 0.08 * (high - low) or 0.5
    return low - room, high + room


def plot_losses(solution, ax=None, style=None, letter="a"):
    """g and d against turn, d on the data too where there is a data set; dashed at equilibrium.

    Parameters
    ----------
    solution : Solution
        Of `training`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) losses of both players", "turn")
    turn = _turns(ax, look, solution)
    low, high = loss_limits(solution)
    ax.set_ylim(low, high)
    labels = _labels(ax, look, solution)
    for value, said in equilibrium_of(solution):
        if np.isfinite(value):
            _predicted(ax, look, labels, value, said)
    for name, said, role, dark, dash in loss_lines(solution):
        colour = mix(look.colour(role), look.ink, dark)
        # A loss that leaves the axes is labelled where it does.
        x, y = thin(turn, np.clip(solution.trace[name], low, high))
        _draw(ax, look, labels, x, y, said, colour, dash)
    return ax


def _labels(ax, look, solution):
    """Labels at the ends of lines; in the margin where only the start is there."""
    return LineLabels(ax, look, keys=len(solution.trace) == 1)


def _turns(ax, look, solution):
    """The turns, and their axis: few ticks, as there may be many digits; above maps fewer still."""
    turn = np.asarray(solution.trace.step, dtype=float)
    whole_steps(ax, look, turn[-1])
    most = 2 if on_plane(solution) else 5
    ax.xaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10], integer=True))
    return turn


def _draw(ax, look, labels, x, y, said, colour, dash):
    """One line with its label at the right end; a single turn is a dot."""
    ax.plot(
        x, y, color=colour, linestyle=dash, linewidth=0.8 * look.line, label=said,
        marker="o" if len(x) <= 2 else None, markersize=2 * look.line, clip_on=len(x) > 2,
    )  # fmt: skip
    labels.add(x, y, said, colour, dash)


def _predicted(ax, look, labels, value, said):
    """What theory says, dashed across the panel."""
    colour = look.colour("prediction")
    ax.axhline(value, color=colour, linestyle=PREDICTED, linewidth=0.6 * look.line, zorder=1.9)
    labels.add(ax.get_xlim()[1], [value], said, colour, PREDICTED)


def cells_of(solution, player="disc"):
    """The cells of a player along each axis, as its options have them."""
    text = str(solution.options[f"{player}_cells"])
    return tuple(int(part) for part in text.split("x"))


def floor_of(solution):
    """JSD of two minibatches of p_r on the discriminator's cells; None without minibatches.

    Returns
    -------
    (mean, low, high) or None
    """
    batch = solution.options["batch"]
    if batch == "exact":
        return None
    return minibatch_floor(solution.real, cells_of(solution), batch)


def jsd_limits(solution, floor):
    """Limits of the axis of JSD, and whether it is logarithmic: it spans more than a decade.

    `floor` counts unless it is `out_of_sight`.
    """
    values = _jsd_values(solution)
    noted = out_of_sight(solution, floor)
    if floor is not None and not noted:
        values = np.concatenate([values, floor[1:]])
    values = values[values > 0]
    if not values.size:
        return (0.0, 1.0), False
    low, high = _between(values)
    if high > _DECADE * low:
        margin = (high / low) ** 0.08
        return (low / margin, high * margin ** (3.0 if noted else 1.0)), True
    return (0.0, (1.4 if noted else 1.15) * high), False


def _between(values):
    return max(float(values.min()), 1e-20), float(values.max())


def _jsd_values(solution):
    """All that is drawn of JSD, where it is positive and finite."""
    values = positive(np.concatenate([solution.trace.js, *companions(solution).values()]))
    return values[np.isfinite(values)]


def out_of_sight(solution, floor):
    """Whether the noise of minibatches is so far above JSD that it would flatten it."""
    values = _jsd_values(solution)
    if floor is None or not values.size or not floor[1] > values.max():
        return False
    low, high = _between(np.append(values, floor[2]))
    if high > _DECADE * low:
        return bool(np.log(values.max() / low) < _FLAT * np.log(high / low))
    return bool(values.max() < _FLAT * high)


def companions(solution):
    """JSD of the runs that a scenario is told beside, by what they change; none for other runs."""
    columns = solution.trace.columns
    return {name[3:]: column for name, column in columns.items() if name.startswith("js ")}


def own_name(solution):
    """What a run is called beside its companions: by what they change. JSD where it is alone.

    Examples
    --------
    >>> from ratiogan.solvers.training import training
    >>> own_name(training(scenario="overfit", grid=32, max_steps=3))
    '1000 rows'
    """
    if not companions(solution):
        return "JSD"
    from ratiogan.solvers.scenarios import SCENARIOS

    options = solution.options
    scenario = SCENARIOS.get(options.get("scenario"))
    changes = scenario.companions.values() if scenario else ()
    (key,) = next((one for one in changes if len(one) == 1), {None: None})
    value = options.get(key)
    if key == "game" and value is not None:
        game = parse(value) if not is_own_code(value) else None
        if game and game.name == "least-squares" and len(game.options) == 3:
            return f"({', '.join(format_value(part) for part in game.options.values())})"
        return "this run" if game is None else game.name
    words = {"disc_steps": "N_d = {}", "data": "{} rows", "gen_cells": "{} cells"}
    return words[key].format(value) if key in words and value is not None else "this run"


def plot_jsd(solution, ax=None, style=None, letter="b"):
    """JSD(p_r, p_g) against turn, over the band of what two minibatches of p_r show.

    A scenario's companions, which differ from the run in one thing, are grey.

    Parameters
    ----------
    solution : Solution
        Of `training`.
    ax, style : optional
        As for `plot_losses`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) JSD of $p_g$ and $p_r$", "turn")
    turn = _turns(ax, look, solution)
    floor = floor_of(solution)
    (low, high), logarithmic = jsd_limits(solution, floor)
    if logarithmic:
        log_axis(ax, low, high)
    else:
        ax.set_ylim(low, high)
    labels = _labels(ax, look, solution)
    values = positive(solution.trace.js) if logarithmic else np.asarray(solution.trace.js)
    if np.isfinite(values).any():
        x, y = thin(turn, values)
        _draw(ax, look, labels, x, y, own_name(solution), look.colour("ratio"), "-")
    for number, (name, column) in enumerate(companions(solution).items(), 1):
        x, y = thin(turn, positive(column) if logarithmic else column)
        _draw(ax, look, labels, x, y, name, look.muted, DASHES[number])
    if floor is not None:
        said = f"two minibatches of {solution.options['batch']}"
        if out_of_sight(solution, floor):
            paper, plane = look.width < 10, on_plane(solution)
            said = noise_words(said, floor, "\n" if paper or plane else " ")
            if paper and plane:
                said = said.replace("minibatches ", "minibatches\n")
            _noise_note(ax, look, turn, values, said)
            return ax
        if on_plane(solution) and 0.52 * look.text * len(said) > 0.19 * 72 * look.width:
            said = f"noise of {solution.options['batch']}"
        _noise_band(ax, look, floor, turn, [values, *companions(solution).values()], said)
    return ax


def noise_words(said, floor, gap=" "):
    """What is said of a band of noise that is above the axes."""
    return f"{said}:{gap}{floor[0]:.2g}, above"


def _noise_note(ax, look, turn, values, said):
    """A note at the top, where the line is lower, in place of the band."""
    good = np.isfinite(values)
    middle = 0.5 * (turn[0] + turn[-1])
    sides = [
        np.max(values[good & chosen], initial=0) for chosen in (turn <= middle, turn >= middle)
    ]
    left = sides[0] < sides[1]
    ax.text(
        0.03 if left else 0.97, 0.985, said, transform=ax.transAxes, ha="left" if left else "right",
        va="top", fontsize=look.text, color=look.words(look.colour("floor")), linespacing=1.05,
        gid="noise floor",
    )  # fmt: skip


def _noise_band(ax, look, floor, turn, curves, said):
    """The grey band of minibatches, its mean dotted, and its name where it is clear."""
    mean, least, most = np.clip(floor, *ax.get_ylim())  # a log axis has no place for 0
    grey = look.colour("floor")
    ax.axhspan(least, most, color=grey, alpha=0.3, linewidth=0, zorder=1, gid="noise floor")
    ax.axhline(mean, color=grey, linestyle=DASHES[2], linewidth=0.6 * look.line, zorder=1.5)
    place = ax.transData + ax.transAxes.inverted()
    heights = [place.transform((0, value))[1] for value in (least, most)]
    line = np.concatenate(
        [place.transform(np.column_stack([turn, positive(values)])) for values in curves]
    )
    line = line[np.isfinite(line).all(axis=1)]
    # Above the band or below it, at the left or at the right: where the line is farthest.
    best = None
    for x, side in ((0.03, "left"), (0.97, "right")):
        near = line[(line[:, 0] < 0.7) if side == "left" else (line[:, 0] > 0.3), 1]
        for y, upright in ((heights[1] + 0.02, "bottom"), (heights[0] - 0.02, "top")):
            end = y + (0.1 if upright == "bottom" else -0.1)
            if not (0.0 <= min(y, end) and max(y, end) <= 1.0):
                continue
            gap = np.min(np.abs(near - (y + end) / 2), initial=1.0)
            if best is None or gap > best[0]:
                best = (gap, x, y, side, upright)
    _, x, y, side, upright = best or (0, 0.97, np.mean(heights), "right", "center")
    ax.text(
        x, y, said, transform=ax.transAxes, ha=side, va=upright, fontsize=look.text,
        color=look.words(grey), gid="noise floor", zorder=3,
        path_effects=[withStroke(linewidth=look.text / 5, foreground=look.ground)],
    )  # fmt: skip


def coverage_lines(solution):
    """Cells in use and modes covered, as shares of p_r's own: (share, how it ends, role, dashes).

    Returns
    -------
    list of (array, str, str, dash)
    """
    cells = float(np.exp(solution.real.entropy()))
    modes = int(modes_of(solution.real).max(initial=-1)) + 1
    used, covered = solution.trace.effective_support, solution.trace.modes
    found = [(used / cells, f"{used[-1]:.0f} of {cells:.0f} cells", "gen", "-")]
    if modes:
        covers = f"{covered[-1]} of {modes} mode{'' if modes == 1 else 's'}"
        found.append((covered / modes, covers, "discriminator", DASHES[1]))
    return found


def _coverage_words(solution, look):
    """Above maps and on paper there is less room."""
    if on_plane(solution) or look.width < 10:
        return "cells, modes, relative to"
    return "cells in use and modes, relative to"


def plot_coverage(solution, ax=None, style=None, letter="c"):
    """Cells in use and modes covered against turn, as shares of what p_r has, which is dashed.

    Parameters
    ----------
    solution : Solution
        Of `training`.
    ax, style : optional
        As for `plot_losses`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) {_coverage_words(solution, look)} $p_r$", "turn")
    turn = _turns(ax, look, solution)
    found = coverage_lines(solution)
    ax.set_ylim(0, 1.1 * max(1.0, *(float(np.max(share)) for share, *_ in found)))
    labels = _labels(ax, look, solution)
    _predicted(ax, look, labels, 1.0, "$p_r$")
    for share, said, role, dash in found:
        x, y = thin(turn, share)
        _draw(ax, look, labels, x, y, said, look.colour(role), dash)
    return ax


def plot_end(solution, ax=None, style=None, letter="d"):
    """The final p_g over p_r, and the discriminator f on an axis of its own at the right.

    Of many cells the means of up to 128 blocks are drawn, over what their cells reach in a paler
    colour: minibatches leave their noise in every single cell. Particles, where the generator is
    made of them, are ticks below, and arrows show where the discriminator sends them.

    Parameters
    ----------
    solution : Solution
        Of `training`, on a grid of one axis.
    ax, style : optional
        As for `plot_losses`.

    Returns
    -------
    matplotlib.axes.Axes
        The axis of f is its twin.
    """
    ax, look = new_axes(ax, style)
    grid, real = solution.real.grid, solution.real.density
    row = flat_density(solution, solution.ratio)
    x, mean, least, most = block_means(grid, row)
    pale = "; pale: range of cells" if np.any(most > least) else ""
    dress(ax, look, f"({letter}) at the end{pale}", axis_name(grid))
    place_axis(ax, grid)
    fill_real(ax, look, grid, real)
    colour = look.colour("gen")
    top = 1.05 * top_of(real, [mean, most])
    room = ROOM if particles_of(solution) is None else _ROOM_OF_TWO
    ax.set_ylim(0, top / room)
    _banded(ax, look, (x, mean, least, most), (0, top), colour, "-", "p_g")
    if mean.max() > top:
        at = x[int(np.argmax(mean))]
        left = at < np.mean(ax.get_xlim())
        ax.annotate(
            f"up to {row.max():.3g}", (at, 0.88 * top),
            xytext=((0.4 if left else -0.4) * look.text, 0), textcoords="offset points",
            va="top", ha="left" if left else "right", fontsize=look.text,
            color=look.words(colour), gid="spike",
            path_effects=[withStroke(linewidth=look.text / 6, foreground=look.ground)],
        )  # fmt: skip
    _draw_f(solution, ax, look, room)
    more = _draw_particles(solution, ax, look)
    keys = [
        Patch(facecolor=mix(look.colour("real"), look.ground, 0.7), label="$p_r$"),
        Line2D([], [], color=colour, linewidth=0.8 * look.line, label="$p_g$"),
        Line2D(
            [], [], color=look.colour("discriminator"), linestyle=DASHES[1],
            linewidth=0.8 * look.line, label="$f$ (right)",
        ),
    ]  # fmt: skip
    if more:  # filled column by column: the long words in one column
        keys = [keys[2], more[0], keys[0], *more[1:], keys[1]]
    ax.legend(
        handles=keys, loc="upper center", ncols=3, frameon=False, fontsize=look.text,
        labelcolor=look.ink, borderaxespad=0, handlelength=1.3, columnspacing=0.8, borderpad=0.1,
        handletextpad=0.5,
    )  # fmt: skip
    return ax


def block_means(grid, row):
    """A profile on up to 128 blocks of cells: x, mean, least and most.

    Counts, categories and few cells stay as they are.
    """
    n = row.size
    edges = grid.edges[0]
    if grid.axes[0].kind in ("counts", "categories") or n <= MOST_BLOCKS:
        x, y = outline(grid, row)
        return x, y, y, y
    starts = np.linspace(0, n, MOST_BLOCKS + 1).astype(int)[:-1]
    widths = np.diff(edges)
    mean = np.add.reduceat(row * widths, starts) / np.add.reduceat(widths, starts)
    ends = np.append(edges[starts], edges[-1])
    centres = (ends[1:] + ends[:-1]) / 2
    return centres, mean, np.minimum.reduceat(row, starts), np.maximum.reduceat(row, starts)


def _banded(ax, look, profile, limits, colour, dash, name):
    """The mean of a profile as a line, over the range of its cells in a paler colour."""
    x, mean, least, most = (np.clip(part, *limits) if i else part for i, part in enumerate(profile))
    if np.any(most > least):
        ax.fill_between(x, least, most, color=colour, alpha=0.22, linewidth=0, gid="range")
    ax.plot(x, mean, color=colour, linestyle=dash, linewidth=0.8 * look.line, label=name)


def _draw_f(solution, ax, look, room):
    """The discriminator on a twin axis with ticks in its colour."""
    grid, f = solution.real.grid, np.asarray(solution.discriminator, dtype=float)
    green = look.colour("discriminator")
    beside = ax.twinx()
    beside.set_gid("f")
    dress(beside, look, "", grid=None)
    beside.patch.set_visible(False)
    for side in ("left", "bottom"):
        beside.spines[side].set_visible(False)
    beside.spines["right"].set_visible(True)
    beside.spines["right"].set_color(green)
    beside.tick_params(axis="y", labelcolor=look.words(green), color=green)
    low, high = f_limits(f)
    beside.set_ylim(low, low + (high - low) / room)
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    ticks = [tick for tick in ticks if low - slack <= tick <= high + slack]
    beside.yaxis.set_major_locator(FixedLocator(ticks))
    _banded(beside, look, block_means(grid, f), (low, high), green, DASHES[1], "f")


def f_limits(f):
    """The axis of f: 0 to 1 where it is a probability, else what it reaches, without its spikes."""
    finite = f[np.isfinite(f)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.quantile(finite, [0.005, 0.995])
    if 0 <= finite.min() and finite.max() <= 1:
        return 0.0, 1.0
    room = 0.15 * (high - low) or 0.5
    return float(low - room), float(high + room)


def particles_of(solution):
    """The particles of a run, shape (M, ndim); None where its generator is on the cells."""
    particles = getattr(solution, "particles", None)
    if particles is None or not np.size(particles):
        return None
    particles = np.asarray(particles, dtype=float)
    return particles.reshape(len(particles), -1)


def velocities_of(solution):
    """Where f sends particles from the centre of each cell, shape (*grid.shape, ndim).

    None for a game of somebody's own: its losses are not kept with the run.
    """
    for key in ("game", "gen_loss"):
        spec = str(solution.options.get(key) or "minimax")
        if is_own_code(spec) or spec.partition(":")[0] not in GAMES:
            return None
    from ratiogan.solvers.particles import velocity_field

    field = np.asarray(velocity_field(solution), dtype=float)
    grid = solution.real.grid
    if field.shape == (grid.ndim, *grid.shape):
        field = np.moveaxis(field, 0, -1)
    return field.reshape(*grid.shape, grid.ndim)


def _draw_particles(solution, ax, look):
    """On the line: ticks at the particles, arrows above them; their keys."""
    particles = particles_of(solution)
    if particles is None:
        return []
    grid, colour = solution.real.grid, look.colour("gen")
    top = ax.get_ylim()[1]
    y = particles[:, 0]
    ticks = {"color": colour, "markersize": 0.6 * look.text, "markeredgewidth": 0.3 * look.line}
    ax.plot(y, np.full(y.size, 0.03 * top), "|", gid="particles", **ticks)
    keys = [Line2D([], [], linestyle="", marker="|", label="samples", **ticks)]
    velocities = velocities_of(solution)
    if velocities is None:
        return keys
    centres = grid.centres[0]
    at = np.linspace(0, centres.size - 1, min(_MOST_ARROWS, centres.size)).round().astype(int)
    speed = velocities[at, 0]
    height = np.full(at.size, 0.1 * top)
    _arrows(ax, (centres[at], height), (speed, np.zeros(at.size)), look.muted)
    arrow = Line2D(
        [], [], linestyle="", marker=r"$\rightarrow$", color=look.muted, markersize=look.text,
        markeredgewidth=0, label=r"$-\nabla u$",
    )  # fmt: skip
    return [*keys, arrow]


def _arrows(ax, places, vectors, colour):
    """Arrows of which the longest is as long as they are apart, and none is where nothing moves."""
    x = np.unique(places[0])
    apart = np.median(np.diff(x)) if x.size > 1 else 1.0
    longest = float(np.nanmax(np.hypot(*vectors), initial=0.0))
    if not longest > 0:
        return
    ax.quiver(
        *places, *vectors, color=colour, pivot="middle", angles="xy", scale_units="xy",
        scale=longest / apart, width=0.005, gid="field",
    )  # fmt: skip


def plot_end_maps(solution, axes, style=None, letters="def"):
    """On the plane: maps of p_r, of the final p_g and of the discriminator f.

    Parameters
    ----------
    solution : Solution
        Of `training`, on a grid of 2 or 3 axes; of three the sum, of f the mean, over the last.
    axes : sequence of 3 matplotlib.axes.Axes
    style : optional
        As for `plot_losses`.

    Returns
    -------
    list of matplotlib.axes.Axes
    """
    look = new_axes(axes[0], style)[1]
    grid = solution.real.grid
    real, gen = flat_density(solution), flat_density(solution, solution.ratio)
    norm = density_norm(real)
    first, second, third = letters
    draw_map(axes[0], look, grid, real, f"({first}) $p_r$", norm, "viridis")
    particles = particles_of(solution)
    velocities = None if particles is None else velocities_of(solution)
    dots = "" if particles is None else "; dots: samples"
    arrows = "" if velocities is None else r"; arrows: $-\nabla u$"
    at_end = "" if dots and look.width < 10 else " at the end"  # so that it has room
    draw_map(axes[1], look, grid, gen, f"({second}) $p_g${at_end}{dots}", norm, "viridis")
    f = flat_f(solution)
    low, high = f_limits(f)
    mesh = draw_map(
        axes[2],
        look,
        grid,
        f,
        f"({third}) {'' if arrows else 'discriminator '}$f${arrows}",
        Normalize(low, high),
        green_map(look),
    )
    colour_bar(mesh, axes[2], look)
    label_height(axes[0], look, axis_name(grid, 1))
    if particles is not None:
        axes[1].plot(
            *particles.T[:2], ".", color="#FFFFFF", markersize=0.8 * look.line, gid="particles"
        )
    if velocities is not None:
        _draw_field(solution, velocities, axes[2])
    return list(axes)


def flat_f(solution):
    """f on the first two axes: the mean over a third one, where p_r is."""
    f = np.asarray(solution.discriminator, dtype=float)
    return f if f.ndim < 3 else np.nanmean(f, axis=tuple(range(2, f.ndim)))


def green_map(look):
    """White to the discriminator's green to dark."""
    green = look.colour("discriminator")
    return LinearSegmentedColormap.from_list("f", ["#FFFFFF", green, mix(green, "#000", 0.6)])


def _draw_field(solution, field, ax):
    grid = solution.real.grid
    at = [np.linspace(0, n - 1, min(_MOST_ARROWS, n)).round().astype(int) for n in grid.shape[:2]]
    if grid.ndim > 2:
        field = field.mean(axis=tuple(range(2, grid.ndim)))
    shown = field[np.ix_(*at)]
    x, y = np.meshgrid(grid.centres[0][at[0]], grid.centres[1][at[1]], indexing="ij")
    _arrows(ax, (x, y), (shown[..., 0], shown[..., 1]), "#111111")
