"""Panels of a GLGD run: densities, ratio, discriminator and the error per step."""

import numpy as np
from matplotlib.patches import Polygon

from ratiogan.catalogue import GAMES
from ratiogan.plots.fields import (
    axis_name,
    density_norm,
    draw_map,
    flat_density,
    flat_mass,
    flat_ratio,
    kept,
    outline,
    place_axis,
    ratio_colour_bar,
    ratio_norm,
    shown_steps,
    thin,
    top_of,
)
from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import (
    DASHES,
    PREDICTED,
    dress,
    factor_text,
    label_height,
    log_axis,
    mix,
    new_axes,
    whole_steps,
)
from ratiogan.spec import is_own_code


def descent_figure(figure, solution, look):
    """The panels of a GLGD run on the line: 2 x 2."""
    axes = figure.subplots(2, 2)
    plot_densities(solution, axes[0, 0], look)
    plot_ratio(solution, axes[0, 1], look)
    plot_discriminator(solution, axes[1, 0], look)
    plot_convergence(solution, axes[1, 1], look)


def descent_map_figure(figure, solution, look):
    """The panels of a GLGD run on the plane: five maps in a row, the error below."""
    grid = solution.real.grid
    # Two grids in one: the margins of the maps are none of the panel's below.
    rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.05))
    maps = list(rows[0].subgridspec(1, 5).subplots())
    steps, kept_ratios = kept(solution)
    chosen = three_snapshots(solution)
    real = flat_density(solution)
    start = flat_density(solution, kept_ratios[0])
    norm = density_norm(real, start)
    draw_map(maps[0], look, grid, real, "(a) $p_r$", norm, "viridis")
    draw_map(maps[1], look, grid, start, "(b) $p_g$, step 0", norm, "viridis")
    ratios = [flat_ratio(solution, kept_ratios[index]) for index in chosen]
    norm = ratio_norm(flat_mass(solution.real.mass), ratios[:1])
    for number, (ax, index, ratio) in enumerate(zip(maps[2:], chosen, ratios, strict=False)):
        heading = f"({'cde'[number]}) R, step {steps[index]}"
        mesh = draw_map(ax, look, grid, ratio, heading, norm, "RdBu_r")
    label_height(maps[0], look, axis_name(grid, 1))
    for ax in maps[1:]:
        ax.tick_params(labelleft=False)
    for ax in maps[2 + len(chosen) :]:
        ax.remove()
    ratio_colour_bar(mesh, maps[1 + len(chosen)], look)
    last = rows[1].subgridspec(1, 1).subplots()
    plot_convergence(solution, last, look, letter="abcdef"[2 + len(chosen)])


def three_snapshots(solution):
    """Indices of the first snapshot, the one where rms|R-1| is nearest to a fifth, the last."""
    real = solution.real.mass
    _, ratios = kept(solution)
    count = len(ratios)
    rms = np.array([np.sqrt(np.nansum(real * (ratio - 1) ** 2)) for ratio in ratios])
    if count < 3 or not rms[0] > 0:
        return sorted({0, count - 1})
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(5 * rms / rms[0]))
    middle = 1 + int(np.nanargmin(distance[1:-1]))
    return [0, middle, count - 1]


def plot_densities(solution, ax=None, style=None, letter="a", *, unit="step", keys=False):
    """p_r filled, p_g at steps 0, 1, 2, 4, .. fading from light to dark.

    Parameters
    ----------
    solution : Solution
        On a grid of one axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.
    unit : str
        What a step is called.
    keys : bool
        Whether the labels stand in the margin; by default where most of the axis is empty.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    real = solution.real.density
    dress(ax, look, f"({letter}) densities", axis_name(grid))
    fill_real(ax, look, grid, real)
    place_axis(ax, grid)
    steps, ratios = kept(solution)
    chosen = shown_steps(steps)
    rows = [flat_density(solution, ratios[index]) for index in chosen]
    ax.set_ylim(0, 1.18 * top_of(real, rows))
    # Label where the lines are furthest apart.
    apart = np.ptp(rows, axis=0)
    place = int(np.argmax(apart if apart.any() else real))
    # Where most of the axis is empty the words would cover the lines: they go into the margin.
    tall = np.max([real, *rows], axis=0) > 0.1 * top_of(real, rows)
    labels = LineLabels(ax, look, join=True, keys=keys or tall.mean() < 0.4)
    _family(
        ax, look, grid, steps[chosen], rows, look.colour("gen"), labels, place, f"$p_g$, {unit} "
    )
    # Low down fewer lines cross the name.
    height = 0.15 if keys else 0.45
    label_real(ax, look, grid, real, grid.centres[0][place], height)
    return ax


def fill_real(ax, look, grid, real, label=False):
    """p_r as a filled area with its outline."""
    colour = look.colour("real")
    x, y = outline(grid, real)
    alpha = 0.5 if look.ground == "#111111" else 0.22
    ax.fill_between(x, y, color=colour, alpha=alpha, linewidth=0)
    ax.plot(x, y, color=colour, linewidth=0.7 * look.line, label="p_r")
    return ax


def label_real(ax, look, grid, real, avoid, height=0.45):
    """The name p_r on the filled area, at the highest cell not near `avoid`, at a share of it."""
    x = grid.centres[0]
    clear = np.abs(x - avoid) > 0.12 * (x[-1] - x[0])
    place = int(np.argmax(np.where(clear, real, -1)))
    ax.annotate(
        "$p_r$", (x[place], height * real[place]), ha="center", va="center",
        fontsize=1.2 * look.text, color=look.words(look.colour("real")),
    )  # fmt: skip


def _family(ax, look, grid, steps, rows, colour, labels, place=None, first="step "):
    """The lines of one quantity at several steps, light to dark, each with its own dashes."""
    for order, (step, row) in enumerate(zip(steps, rows, strict=True)):
        final = order == len(rows) - 1
        share = order / max(1, len(rows) - 1)
        shade = look.fade(colour, share if len(rows) > 1 else 0.8)
        dash = "-" if final else DASHES[1 + order % (len(DASHES) - 1)]
        x, y = outline(grid, row)
        ax.plot(
            x, y, color=shade, linestyle=dash, linewidth=look.line * (0.8 if not final else 1),
            label=f"step {step}", zorder=2.5 + 0.1 * share,
        )  # fmt: skip
        text = f"{first if order == 0 else ''}{step}"
        whole = row[np.linspace(0, len(row) - 1, min(len(row), 400)).astype(int)]
        if place is None:
            labels.add(grid.edges[0][-1], row[np.isfinite(row)][-1:], text, shade, dash, whole)
        else:
            labels.add(grid.centres[0][place], row[place], text, shade, dash, whole)


def plot_ratio(solution, ax=None, style=None, letter="b"):
    """R on a log axis at the same steps as the densities, with the line R = 1."""
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    dress(ax, look, f"({letter}) ratio $R = p_g/p_r$", axis_name(grid))
    place_axis(ax, grid)
    steps, ratios = kept(solution)
    chosen = shown_steps(steps)
    rows = [np.where(solution.real.mass > 0, ratios[index], np.nan) for index in chosen]
    low, high = ratio_limits(rows)
    log_axis(ax, low, high, halves=True)
    with np.errstate(invalid="ignore"):
        rows = [
            np.where(row > 0, np.clip(row, low, high * 2), low * 1e-3 + 0 * row) for row in rows
        ]
    _one(ax, look, 1.0)
    labels = LineLabels(ax, look, join=True)
    _family(ax, look, grid, steps[chosen], rows, look.colour("ratio"), labels)
    return ax


def ratio_limits(rows, floor=1e-6, ceiling=1e6):
    """Limits of a log axis that holds the positive finite values of `rows`, and 1."""
    values = np.concatenate([np.ravel(row) for row in rows])
    values = values[np.isfinite(values) & (values > 0)]
    low = min(values.min(initial=1.0), 1 / 1.02)
    high = max(values.max(initial=1.0), 1.02)
    low, high = max(low, floor), min(high, ceiling)
    margin = (high / low) ** 0.06
    return low / margin, high * margin


def _one(ax, look, value):
    ax.axhline(value, color=look.ink, linestyle=PREDICTED, linewidth=0.7 * look.line, zorder=3)


def responses(solution, ratios):
    """f*(R) of the run's game for each of `ratios`; None if the game is someone's own.

    Its losses are not kept with the run, and a file is not run again only to draw a figure.
    """
    spec = str(solution.options.get("game", "non-saturating"))
    if is_own_code(spec) or spec.partition(":")[0] not in GAMES:
        return None
    from ratiogan.games import game

    chosen = game(spec)
    with np.errstate(divide="ignore", invalid="ignore"):
        return [np.asarray(chosen.best_response(np.asarray(ratio))) for ratio in ratios]


def plot_discriminator(solution, ax=None, style=None, letter="c"):
    """The best response f* to R at the same steps, with its value at equilibrium dashed."""
    ax, look = new_axes(ax, style)
    grid = solution.real.grid
    dress(ax, look, f"({letter}) discriminator $f^*(R)$", axis_name(grid))
    place_axis(ax, grid)
    steps, ratios = kept(solution)
    chosen = shown_steps(steps)
    rows = responses(solution, [ratios[index] for index in chosen])
    rest = responses(solution, [np.ones(1)])
    if rows is None:
        chosen, rows = chosen[-1:], [np.asarray(solution.discriminator)]
    if rest is not None and np.isfinite(rest[0][0]):
        _one(ax, look, float(rest[0][0]))
    finite = np.concatenate([row[np.isfinite(row)] for row in rows] or [np.zeros(1)])
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if 0 <= low and high <= 1 and high - low > 0.2:
        ax.set_ylim(0, 1)
    elif low < high:
        ax.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    labels = LineLabels(ax, look, join=True)
    _family(ax, look, grid, steps[chosen], rows, look.colour("discriminator"), labels)
    return ax


# Column of the trace, what it is called, the role of its colour, how dark, its dashes.
ERRORS = (
    ("max_error", "max|R\u22121|", "ratio", 0.0, "-"),
    ("rms_error", "rms|R\u22121|", "ratio", 0.5, (0, (6, 1.5, 1.2, 1.5))),
    ("cost", "E[Φ]\u2212min", "gen", 0.0, (0, (1.2, 1.2))),
)


def rate_of(solution):
    """The predicted and the measured factor per step, as floats; None where there is none."""
    for prediction in solution.predictions:
        if prediction.name.startswith("rate per step"):
            pair = []
            for value in (prediction.predicted, prediction.measured):
                try:
                    pair.append(float(value))
                except (TypeError, ValueError):
                    pair.append(None)
            return tuple(
                None if value is None or not np.isfinite(value) else value for value in pair
            )
    return None, None


def plot_convergence(solution, ax=None, style=None, letter="d"):
    """max|R-1|, rms and E[Phi]-min against step, with the predicted slope as a dashed triangle."""
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) distance to $R = 1$", "step")
    trace = solution.trace.columns
    step = np.asarray(trace["step"], dtype=float)
    series = [positive(trace.get(column, np.full(step.size, np.nan))) for column, *_ in ERRORS]
    low, high = error_limits(series)
    log_axis(ax, low, high)
    whole_steps(ax, look, step[-1] if step.size else 1)
    labels = LineLabels(ax, look)
    for (column, name, role, dark, dash), values in zip(ERRORS, series, strict=True):
        x, y = thin(step, values)
        colour = mix(look.colour(role), look.ink, dark)
        marker = "o" if len(x) <= 12 else None
        ax.plot(
            x, y, color=colour, linestyle=dash, linewidth=look.line, label=column,
            marker=marker, markersize=2 * look.line, clip_on=marker is None,
        )  # fmt: skip
        labels.add(x, y, name, colour, dash)
    if all(not np.isfinite(values).any() for values in series):
        ax.text(
            0.5, 0.5, "R = 1 exactly, from step 0", transform=ax.transAxes, ha="center",
            fontsize=look.text, color=look.ink,
        )  # fmt: skip
    else:
        slope_triangle(ax, look, step, series[0], *rate_of(solution))
    return ax


def positive(values):
    """What a log axis can show: positive finite values, NaN elsewhere."""
    values = np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def error_limits(series):
    """Decades that hold all of `series`, with room above for the predicted slope and its words."""
    values = np.concatenate(series)
    values = values[np.isfinite(values)]
    if not values.size:
        return 1e-3, 10.0
    low, high = np.log10(max(values.min(), 1e-40)), np.log10(min(values.max(), 1e40))
    span = max(high - low, 0.5)
    return 10 ** (low - 0.05 * span), 10 ** (high + 0.3 * span)


def rate_words(predicted, measured):
    """The factors per step, as lines of text; a negative factor makes the error change its sign.

    Examples
    --------
    >>> rate_words(-0.5, 0.4999995)
    ['predicted × 0.5 per step, sign flips', 'measured × 0.4999995']
    """
    said = []
    if predicted is not None:
        flips = ", sign flips" if predicted < 0 else ""
        said.append(f"predicted × {factor_text(abs(predicted))} per step{flips}")
    if measured is not None:
        said.append(f"measured × {factor_text(abs(measured))}")
    return said


def slope_triangle(ax, look, step, values, predicted, measured):
    """The predicted factor per step as a dashed right triangle above the line, with its number."""
    said = rate_words(predicted, measured)
    if not said:
        return
    ax.text(
        0.99, 0.99, "\n".join(said), transform=ax.transAxes, ha="right", va="top",
        fontsize=look.text, color=look.ink, linespacing=1.2, gid="rate",
    )  # fmt: skip
    good = np.isfinite(values)
    if predicted is None or not 0 < abs(predicted) < 1 or good.sum() < 3:
        return
    if values[good][-1] > 1:  # far from R = 1 the local rate is no prediction
        return
    step, line = step[good], np.log10(values[good])
    low, high = np.log10(ax.get_ylim())
    last, tall = step[-1] - step[0], high - low
    decades = -np.log10(abs(predicted))
    wide = min(0.3 * last, 0.26 * tall / decades)
    words = 0.13 * len(said)
    # Under the words, over the line, where it has settled: as far right as there is room.
    level = high - words * tall
    for share in (0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3):
        start = step[0] + share * last
        along = np.linspace(start, start + wide, 9)
        needed = np.max(np.interp(along, step, line) + decades * (along - start))
        if needed + 0.03 * tall < level:
            break
    else:  # no room: make some
        high = (needed + 0.05 * tall - words * low) / (1 - words)
        ax.set_ylim(10**low, 10**high)
        level = high - words * (high - low)
    end = level - wide * decades
    corners = [(start, 10**level), (start + wide, 10**end), (start + wide, 10**level)]
    ax.add_patch(
        Polygon(
            corners, closed=True, fill=False, edgecolor=look.colour("prediction"),
            linestyle=PREDICTED, linewidth=0.7 * look.line, gid="predicted slope",
        )
    )  # fmt: skip
