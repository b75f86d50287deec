"""The figure of simulated games: phase portrait, eigenvalues of the update, distance by step."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from ratiogan.plots.descent import positive
from ratiogan.plots.fields import thin
from ratiogan.plots.labels import MOST_INSIDE, LineLabels
from ratiogan.plots.look import (
    PREDICTED,
    dress,
    label_height,
    log_axis,
    math_text,
    mix,
    new_axes,
    shorten,
    whole_steps,
    wrap,
)
from ratiogan.plots.phase import (
    draw_crosses,
    draw_runs,
    greek,
    names_of,
    view_of,
)
from ratiogan.plots.several import run_colours
from ratiogan.plots.simplex import is_simplex, plot_simplex

MOST_COORDINATES = 8  # of a state beyond which its two players' distances are the portrait
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NULLCLINES = ((0, (1, 1.4)), (0, (1, 4)))
MOST_RAYS = 8  # multipliers of one method that are still joined to 1
_SHORT = 14  # letters of a name that stands beside its factor
_LEAST, _MOST = 1e-40, 1e40  # on log axes
_LARGEST = 650.0  # its logarithm
_ROUND_OFF = 1e-13


def dynamics_figure(figure, result, look):
    """The panels of a `Dynamics`: portrait (or both simplices), multipliers, distance by step."""
    first = result.trajectories[0]
    known = any(len(run.multipliers) for run in result.trajectories)
    if is_simplex(first.field):
        axes = figure.subplot_mosaic(
            [["x", "y"], ["b", "c"] if known else ["c", "c"]], height_ratios=[1.3, 1]
        )
        plot_simplex(result, 0, axes["x"], look, "a", named=False)
        plot_simplex(result, 1, axes["y"], look, "b")
        letters = "cd"
    elif first.field.size < 2:
        axes = figure.subplot_mosaic([["b", "c"] if known else ["c"]])
        letters = "ab"
    else:
        rows = [["a", "b"], ["a", "c"]] if known else [["a", "c"]]
        axes = figure.subplot_mosaic(
            rows, height_ratios=[1.15, 1][: len(rows)], width_ratios=[1.5, 1]
        )
        draw = plot_portrait if first.field.size <= MOST_COORDINATES else plot_players
        draw(result, axes["a"], look, "a")
        letters = "bc"
    if known:
        plot_multipliers(result, axes["b"], look, letters[0])
    plot_distance(result, axes["c"], look, letters[1] if known else letters[0])


# --- the phase portrait --------------------------------------------------------------------------


def plane_of(field):
    """The two coordinates of a portrait: the first of the generator, the first of the other."""
    return 0, field.n_gen if 0 < field.n_gen < field.size else 1


def paths_of(result):
    """Both coordinates of the portrait of every run: list of arrays (K, 2)."""
    chosen = list(plane_of(result.trajectories[0].field))
    return [run.states[:, chosen] for run in result.trajectories]


def plot_portrait(result, ax=None, style=None, letter="a"):
    """Phase portrait: streamlines by speed, nullclines, equilibria, and every run.

    Of a field with more than two coordinates: the first one of either player; the streamlines are
    those with all others at the equilibrium.

    Parameters
    ----------
    result : Dynamics
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new Figure's otherwise.
    style : str, optional
        slide, paper or dark; by default the font size and colours of `ax`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    run = result.trajectories[0]
    field, plane = run.field, list(plane_of(run.field))
    names = [greek(field.coordinates[at]) for at in plane]
    known = "" if run.equilibrium is None else ", equilibrium ×"
    dress(ax, look, f"({letter}) from hollow to filled{known}", grid=None)
    centre = None if run.equilibrium is None else run.equilibrium[plane]
    view = view_of(paths_of(result), centre, field.lower[plane], field.upper[plane])
    labels = LineLabels(ax, look)
    draw_runs(result, paths_of(result), ax, look, view, labels)
    _flow(ax, look, field, run, view, labels, names)
    crosses = [point[plane] for point in field.equilibria]
    draw_crosses(ax, look, crosses if centre is None else [centre, *crosses], view)
    ax.set(xlim=view[0], ylim=view[1])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    sides = np.diff(view, axis=1)[:, 0]
    if sides.max() < 1.2 * sides.min():
        ax.set_aspect("equal")
        ax.set_anchor("NW")
    said = names[0]
    if field.size > 2:
        where = "start" if run.equilibrium is None else "equilibrium"
        said += f"\narrows: the other {field.size - 2} at the {where}"
    ax.set_xlabel(said, fontsize=look.text, color=look.ink, linespacing=1.3)
    label_height(ax, look, names[1])
    return ax


def _flow(ax, look, field, run, view, labels, names):
    """Streamlines, darker where faster, and both nullclines with their names."""
    plane, count = list(plane_of(field)), 51
    x, y = (np.linspace(low, high, count) for low, high in view)
    states = np.empty((count, count, field.size))
    states[:] = field.start if run.equilibrium is None else run.equilibrium
    states[..., plane[0]], states[..., plane[1]] = np.meshgrid(x, y)
    velocity = field.velocity(states)[..., plane]
    velocity[~np.isfinite(velocity).all(axis=-1)] = np.nan
    sides = np.diff(view, axis=1)[:, 0]
    speed = np.hypot(*np.moveaxis(velocity / sides, -1, 0))
    seen = speed[np.isfinite(speed) & (speed > 0)]
    if not seen.size:
        return
    low, high = np.log(np.quantile(seen, [0.05, 0.95]))
    shade = np.clip((np.log(np.maximum(speed, seen.min())) - low) / (high - low or 1.0), 0, 1)
    pale, dark = mix(look.ink, look.ground, 0.85), mix(look.ink, look.ground, 0.52)
    ax.streamplot(
        x, y, *np.moveaxis(velocity, -1, 0), density=0.8, color=np.nan_to_num(shade),
        cmap=LinearSegmentedColormap.from_list("speed", [pale, dark]), linewidth=0.3 * look.line,
        arrowsize=0.35 * look.line, zorder=1.5,
    )  # fmt: skip
    for part, name, dots in zip(np.moveaxis(velocity, -1, 0), names, NULLCLINES, strict=True):
        if np.nanmin(part) < 0 < np.nanmax(part):
            drawn = ax.contour(
                x, y, part, levels=[0.0], colors=look.muted, linestyles=[dots], zorder=2,
                linewidths=0.75 * look.line,
            )  # fmt: skip
            drawn.set_gid("nullcline")
            labels.add(*_name_place(drawn.get_paths(), view), f"{name}' = 0", look.muted, dots)


def _name_place(paths, view):
    """Where a nullcline is named: where it meets the right edge, else at its top."""
    points = np.concatenate([path.vertices for path in paths])
    right = points[np.argmax(points[:, 0])]
    at_edge = right[0] >= view[0, 1] - 0.02 * (view[0, 1] - view[0, 0])
    return (right if at_edge else points[np.argmax(points[:, 1])])[:, None]


def plot_players(result, ax=None, style=None, letter="a"):
    """For states of many coordinates: either player's distance to its equilibrium.

    Parameters
    ----------
    result, ax, style
        As for `plot_portrait`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) both players' distances, hollow to filled", "generator")
    paths, view, logarithmic = players_of(result)
    labels = LineLabels(ax, look)
    # On log axes far points need no moving in: their logarithms are near.
    draw_runs(result, paths, ax, look, None if logarithmic else view, labels)
    if logarithmic:
        log_axis(ax, *view[0], "x")
        log_axis(ax, *view[1], "y")
    else:
        ax.set(xlim=view[0], ylim=view[1])
        draw_crosses(ax, look, [(0.0, 0.0)], view)
    label_height(ax, look, "discriminator")
    return ax


def players_of(result):
    """Distances of the generator's and of the discriminator's part.

    Returns
    -------
    paths : list of arrays (K, 2)
    view : array (2, 2)
        Limits of both axes.
    logarithmic : bool
        Whether they are logarithmic: where both distances change by much.
    """
    paths = []
    for run in result.trajectories:
        point = run.states[0] if run.equilibrium is None else run.equilibrium
        with np.errstate(over="ignore", invalid="ignore"):
            gen, disc = np.split((run.states - point) ** 2, [run.field.n_gen], axis=1)
            paths.append(np.sqrt(np.column_stack([gen.sum(axis=1), disc.sum(axis=1)])))
    points = np.concatenate(paths)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return paths, np.array([[0.0, 1.0]] * 2), False
    least = np.array([side[side > 0].min(initial=np.inf) for side in points.T])
    most = points.max(axis=0)
    if np.all(most > 30 * least):
        low, high = np.maximum(least, np.maximum(1e-16 * most, _LEAST)), np.minimum(most, _MOST)
        paths = [np.where(path > 0, np.clip(path, _LEAST, _MOST), np.nan) for path in paths]
        return paths, np.column_stack([low / 1.5, high * 1.5]), True
    view = view_of(paths, np.zeros(2))
    view[:, 0] = -0.04 * view[:, 1]
    return paths, view, False


# --- the multipliers -----------------------------------------------------------------------------


def plot_multipliers(result, ax=None, style=None, letter="b"):
    """Eigenvalues of every method's update in the complex plane, with the unit circle.

    Each is joined to 1, where a step of size 0 has all of them. Where all are near 1 only that
    part of the circle is shown.

    Parameters
    ----------
    result, ax, style
        As for `plot_portrait`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    more = "; shaded: it converges" if look.width > 10 else ""
    dress(ax, look, f"({letter}) eigenvalues of one step{more}")
    known = [run.multipliers for run in result.trajectories if len(run.multipliers)]
    if not known:
        ax.text(
            0.5, 0.5, "no Jacobian here", transform=ax.transAxes, ha="center", va="center",
            fontsize=look.text, color=look.ink,
        )  # fmt: skip
        ax.set(xticks=[], yticks=[])
        return ax
    points = np.concatenate(known)
    low, high = _multiplier_view(points)
    ax.add_patch(
        Circle((0, 0), 1, facecolor=mix(look.ink, look.ground, 0.88), edgecolor="none", zorder=0.5)
    )
    ax.add_patch(
        Circle(
            (0, 0), 1, fill=False, edgecolor=look.ink, linestyle=PREDICTED, zorder=2,
            linewidth=0.6 * look.line, gid="unit circle",
        )
    )  # fmt: skip
    labels, tops, missing = LineLabels(ax, look), [], []
    looks = run_colours(len(result.trajectories))
    for at, (run, name, (colour, dash)) in enumerate(
        zip(result.trajectories, names_of(result), looks, strict=True)
    ):
        shown = run.multipliers[np.abs(run.multipliers - 1) <= _MOST_SHOWN]
        if not len(shown):
            missing += [name] if len(run.multipliers) else []
            continue
        if len(shown) <= MOST_RAYS:
            for value in shown:
                ax.plot(
                    [1, value.real], [0, value.imag], color=colour, linestyle=dash, zorder=2.5,
                    linewidth=0.5 * look.line,
                )  # fmt: skip
        ax.plot(
            shown.real, shown.imag, MARKERS[at % len(MARKERS)], color=colour, zorder=3,
            linestyle="none", markeredgecolor=look.ground, markeredgewidth=0.2 * look.line,
            markersize=(3.4 if len(shown) <= MOST_RAYS else 2.0) * look.line, gid="multipliers",
            label=name,
        )  # fmt: skip
        top = max(shown, key=lambda value: (round(abs(value), 9), value.imag))
        tops.append((complex(top.real, abs(top.imag)), f" {name}", colour, dash))
    # Right of all marks nearby, so that no name covers the mark of another run; of many runs (a)
    # has the names.
    for top, *look_of_name in tops if len(known) <= MOST_INSIDE else ():
        near = [other.real for other, *_ in tops if abs(other - top) < 0.08 * (high - low)[0]]
        labels.add([max(near)], [top.imag], *look_of_name)
    complex_axes(ax, look, low, high)
    if missing:
        ax.set_xlabel(
            f"real part\nfar outside: {', '.join(missing)}", fontsize=look.text, color=look.ink
        )
    return ax


_MOST_SHOWN = 20.0  # multipliers further from 1 are named, not drawn: the circle would vanish


def _multiplier_view(points):
    away = np.abs(points - 1)
    reach = away[away <= _MOST_SHOWN].max(initial=0.0)
    if reach < 0.3:  # a piece of the circle around 1
        reach = max(reach, 1e-6)
        return np.array([1 - 2.0 * reach, -1.3 * reach]), np.array([1 + 2.0 * reach, 1.3 * reach])
    shown = points[away <= _MOST_SHOWN]
    high = max(1.0, np.abs(shown.imag).max())
    return (
        1.12 * np.array([min(-1.0, shown.real.min()), -high]),
        1.12 * np.array([max(1.0, shown.real.max()), high]),
    )


def complex_axes(ax, look, low, high, equal=True):
    """Limits and names of a complex plane; `equal`: circles are round, and the panel is filled."""
    ax.axhline(0, color=look.muted, linewidth=look.line / 4, zorder=1)
    ax.axvline(0, color=look.muted, linewidth=look.line / 4, zorder=1)
    # Left to autoscale as far as Matplotlib knows: otherwise it warns of widening a panel.
    ax.set_xlim(low[0], high[0], auto=True)
    ax.set_ylim(low[1], high[1], auto=True)
    if equal:
        ax.set_aspect("equal", adjustable="datalim")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.set_xlabel("real part", fontsize=look.text, color=look.ink, labelpad=0.1 * look.text)
    label_height(ax, look, "imaginary")


# --- distance by step ----------------------------------------------------------------------------


def course_of(result):
    """What is drawn against step: its name, and the values of every run, NaN where not positive.

    The distance to the equilibrium; without one the change of what is conserved, or the speed.
    """
    runs = result.trajectories
    if any(np.isfinite(run.distance).any() for run in runs):
        return "distance to equilibrium", [positive(run.distance) for run in runs]
    if any(run.conserved_values is not None for run in runs):
        found = [
            np.full(len(run.steps), np.nan)
            if run.conserved_values is None
            else np.abs(run.conserved_values - run.conserved_values[0])
            for run in runs
        ]
        return "change of what is conserved", [positive(values) for values in found]
    speeds = [np.linalg.norm(run.field.velocity(run.states), axis=1) for run in runs]
    return "speed", [positive(values) for values in speeds]


def course_limits(series):
    """Limits of the log axis of `course_of`."""
    values = np.concatenate([row[np.isfinite(row)] for row in series] or [np.ones(1)])
    low = max(values.min(initial=1.0 if not values.size else np.inf), _LEAST)
    high = min(max(values.max(initial=0.0), low), _MOST)
    low = min(low, _MOST)
    room = max(1.5, (high / low) ** 0.06)
    return low / room, high * room


def course_end(result, series):
    """The last step of which there is something to see."""
    seen = [
        run.steps[np.isfinite(row) & (row < _MOST)]
        for run, row in zip(result.trajectories, series, strict=True)
    ]
    return max(int(steps.max(initial=1)) for steps in seen)


def predicted_line(run):
    """The predicted distance at the first and last step, through the run where it is nearest.

    There the linear map is most of the truth: at the end of a run that converges, at the start of
    one that leaves.

    Returns
    -------
    (array (2,), array (2,)) or None
        Steps and distances; None where nothing is predicted.
    """
    factor, distance = run.factor_predicted, positive(run.distance)
    if factor is None or not np.isfinite(factor) or factor <= 0:
        return None
    size = 1.0 if run.equilibrium is None else max(1.0, float(np.abs(run.equilibrium).max()))
    good = np.isfinite(distance) & (distance > _ROUND_OFF * size)
    if not good.any():
        return None
    near = good & (distance <= np.median(distance[good]))
    rate = np.log(factor)
    if rate > 1e-6:  # its first steps: where it ends, bounds or other terms may have stopped it
        near = good & (run.steps <= run.steps[0] + 0.05 * (run.steps[-1] - run.steps[0]))
        near = near if near.any() else good
    offset = np.mean(np.log(distance[near]) - rate * run.steps[near])
    ends = np.array([run.steps[0], run.steps[-1]], dtype=float)
    if abs(offset + rate * ends[1]) > _LARGEST:  # up to where it can still be written down
        ends[1] = (np.copysign(_LARGEST, rate) - offset) / rate
    return ends, np.exp(offset + rate * ends)


def conserved_words(result):
    """One line for each of the first two runs that conserve something, with the drift."""
    said = []
    for run, name in zip(result.trajectories, names_of(result), strict=True):
        if run.conserved != "nothing" and run.conserved_values is not None:
            drift = "" if run.drift is None else f" to {run.drift:.0e}"
            said.append(f"{name} keeps {run.conserved}{drift}".replace("-", "\u2212"))
    return said[:2]


def factor_words(run):
    """The predicted factor, or else the measured one, with digits that tell it from 1."""
    factor = run.factor_predicted if run.factor_predicted is not None else run.factor_measured
    if factor is None or not np.isfinite(factor):
        return ""
    if not 0.1 < factor < 100:
        return f"× {factor:.3g}".replace("-", "\u2212")
    beyond = abs(factor - 1)
    digits = 1 - int(np.floor(np.log10(beyond))) if beyond > 1e-6 else 4
    return f"× {factor:.{max(4, digits)}f}"


def plot_distance(result, ax=None, style=None, letter="c"):
    """Distance to the equilibrium against step on a log axis, the predicted factor dashed.

    Parameters
    ----------
    result, ax, style
        As for `plot_portrait`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    heading, series = course_of(result)
    is_distance = heading.startswith("distance")
    predicted = [predicted_line(run) if is_distance else None for run in result.trajectories]
    by = "; dashed: predicted" if any(line is not None for line in predicted) else ""
    short = heading if look.width > 10 or not by else "distance"
    dress(ax, look, f"({letter}) {short}{by}")
    whole_steps(ax, look, course_end(result, series))
    renderer, wide = ax.figure._get_renderer(), 0.42 * ax.figure.bbox.width
    said = [row for text in conserved_words(result)
            for row in shorten(wrap(text, look.text, wide, renderer), 2)]  # fmt: skip
    ax.set_xlabel(
        "\n".join(["step", *said]), fontsize=look.text, color=look.ink,
        linespacing=1.3, parse_math=False,
    )  # fmt: skip
    log_axis(ax, *course_limits(series))
    labels = LineLabels(ax, look)
    looks = run_colours(len(series))
    # Long names, and all on a narrow page, stand in (a) alone.
    roomy = look.width > 10 and max(map(len, names_of(result))) <= _SHORT
    for run, values, line, name, (colour, dash) in zip(
        result.trajectories, series, predicted, names_of(result), looks, strict=True
    ):
        x, y = thin(run.steps, values)
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=look.line, label=name)
        factor = factor_words(run) if is_distance else ""
        words = factor if factor and not roomy else f"{name} {factor}".strip()
        labels.add(x, np.where(y < _MOST, y, np.nan), math_text(words), colour, dash)
        if line is not None:
            ax.plot(
                *line, color=look.ink, linestyle=PREDICTED, linewidth=0.4 * look.line,
                zorder=3, gid="predicted",
            )  # fmt: skip
    return ax
