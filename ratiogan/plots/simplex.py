"""Mixed strategies over three actions: paths in a triangle whose corners are the actions."""

from itertools import pairwise

import numpy as np
from matplotlib.patches import FancyArrowPatch

from ratiogan.plots.labels import LineLabels
from ratiogan.plots.look import dress, mix, new_axes
from ratiogan.plots.phase import draw_crosses, draw_runs
from ratiogan.plots.several import run_colours

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
PLAYERS = ("generator x", "discriminator y")


def is_simplex(field):
    """Whether a field is a matrix game with three actions for either player."""
    return getattr(field, "payoff", None) is not None and (field.size, field.n_gen) == (6, 3)


def actions_of(field, player):
    """What the corners are called: the field's `actions` (three, or three for each), or the
    player's coordinates."""
    names = getattr(field, "actions", None)
    if not names:
        return tuple(field.coordinates[3 * player : 3 * player + 3])
    return tuple(names if isinstance(names[0], str) else names[player])


def strategies(states, player):
    """States (.., 6) as places (.., 2) in the triangle; the weights need not add up to 1."""
    weights = np.asarray(states, dtype=float)[..., 3 * player : 3 * player + 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        return weights / weights.sum(axis=-1, keepdims=True) @ CORNERS


def plot_simplex(result, player=0, ax=None, style=None, letter="a", named=True):
    """One player's mixed strategy by every method, in the triangle of three actions.

    Where a method plays best responses, its jumps between the corners are arrows beside the
    triangle, thicker where more often.

    Parameters
    ----------
    result : Dynamics
        Of a matrix game with three actions per player.
    player : int
        0 the generator (rows), 1 the discriminator.
    ax, style : optional
        As for `plot_portrait`.
    named : bool
        Whether the runs' names stand beside the triangle.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, look = new_axes(ax, style)
    dress(ax, look, f"({letter}) {PLAYERS[player]}, from hollow to filled", grid=None)
    field = result.trajectories[0].field
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set(xticks=[], yticks=[], xlim=(-0.12, 1.12), ylim=(-0.16, 1.04), aspect="equal")
    # Without a place of its own, a set of equal weights: where the three medians meet.
    for at in range(3):
        opposite = (CORNERS.sum(axis=0) - CORNERS[at]) / 2
        ax.plot(*np.transpose([CORNERS[at], opposite]), color=look.grid, linewidth=look.line / 4)
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=look.muted, linewidth=look.line / 3, gid="triangle")
    sides = (("right", -0.4, "top"), ("left", 0.4, "top"), ("center", 0, "bottom"))
    for place, name, (ha, shift, va) in zip(CORNERS, actions_of(field, player), sides, strict=True):
        ax.annotate(
            name, place, xytext=(shift * look.text, 0.4 * look.text), textcoords="offset points",
            ha=ha, va=va, fontsize=look.text, color=look.ink, gid="action",
        )  # fmt: skip
    paths = [strategies(run.states, player) for run in result.trajectories]
    view = np.column_stack([[-0.12, -0.16], [1.12, 1.04]])
    labels = LineLabels(ax, look, keys=True)
    draw_runs(result, paths, ax, look, view, labels)
    if not named:
        labels.rows = []
    for run, (colour, _) in zip(result.trajectories, run_colours(len(paths)), strict=True):
        if run.moves is not None:
            _jumps(ax, look, np.asarray(run.moves)[:, player], colour)
    points = [run.equilibrium for run in result.trajectories[:1] if run.equilibrium is not None]
    points += list(field.equilibria)
    draw_crosses(ax, look, [strategies(point, player) for point in points], view)
    return ax


def _jumps(ax, look, actions, colour):
    """Arrows beside the triangle for the jumps from one pure action to another."""
    pairs = [(int(a), int(b)) for a, b in pairwise(actions) if a != b]
    for a, b in sorted(set(pairs)):
        share = pairs.count((a, b)) / len(pairs)
        start, end = CORNERS[a], CORNERS[b]
        # Inwards from the corners, then outwards from the triangle; back and forth are two arrows.
        outwards = (CORNERS[a] + CORNERS[b]) / 2 - CORNERS.mean(axis=0)
        outwards *= 0.05 / np.hypot(*outwards)
        arrow = FancyArrowPatch(
            start + 0.12 * (end - start) + outwards, end + 0.12 * (start - end) + outwards,
            connectionstyle=f"arc3,rad={0.12 if (b - a) % 3 == 1 else -0.12}", zorder=2.5,
            arrowstyle="-|>", mutation_scale=4.5 * look.line, shrinkA=0, shrinkB=0,
            color=mix(colour, look.ground, 0.1), linewidth=look.line * (0.2 + 0.5 * share),
            gid="jump",
        )  # fmt: skip
        ax.add_patch(arrow)
