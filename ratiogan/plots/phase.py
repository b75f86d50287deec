"""Runs as paths in a plane: how much of it is shown, their lines, starts, ends and equilibria."""

import numpy as np

from ratiogan.plots.several import run_colours

RUNAWAY = 4.0  # times the start's distance: how far the view follows a run that leaves
FAR = 30.0  # half widths of the view beyond which a line is cut; it is out of sight long before
GREEK = {"theta": "θ", "psi": "ψ", "phi": "φ", "eta": "η", "gamma": "γ", "alpha": "α"}


def names_of(result):
    """What the figure calls the runs."""
    return [
        run.label if len(run.label) <= 24 else f"{run.label[:23]}…" for run in result.trajectories
    ]


def greek(name):
    """A coordinate or parameter as figures write it.

    Examples
    --------
    >>> greek("theta"), greek("w")
    ('θ', 'w')
    """
    return GREEK.get(name, name)


def view_of(paths, centre=None, lower=(-np.inf, -np.inf), upper=(np.inf, np.inf)):
    """Limits of a portrait: all runs, but of one that leaves only a few times its first distance.

    Parameters
    ----------
    paths : list of arrays (K, 2)
    centre : array (2,), optional
        The equilibrium.
    lower, upper : sequences of 2 floats
        Bounds of the field, beyond which nothing is shown.

    Returns
    -------
    array (2, 2)
        Low and high of either axis, both as long where they are of one size.
    """
    paths = [path[np.isfinite(path).all(axis=1)] for path in paths]
    paths = [path for path in paths if len(path)]
    if not paths:
        return np.array([[-1.0, 1.0], [-1.0, 1.0]])
    middle = np.mean([path[0] for path in paths], axis=0) if centre is None else np.array(centre)
    shown = [middle[None]]
    for path in paths:
        with np.errstate(over="ignore"):
            away = np.hypot(*(path - middle).T)
        half = (len(away) + 1) // 2
        first = away[0] if centre is not None else np.median(away)
        stays = away[half:].max(initial=0.0) <= 1.5 * away[:half].max()
        shown.append(path[away <= (np.inf if stays or first == 0 else RUNAWAY * first)])
    points = np.concatenate(shown)
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2, 1e-12 * np.maximum(1.0, np.abs(middle)))
    if half.max() <= 3 * half.min() or min(high - low) < 1e-9 * max(high - low):
        half = np.full(2, half.max())
    if half.max() < 1e-9:
        half = np.ones(2)
    centre = (low + high) / 2
    room = 1.12 * half
    return np.column_stack(
        [np.maximum(centre - room, lower), np.minimum(centre + room, upper)]
    )  # fmt: skip


def within_reach(path, view, reach=FAR):
    """A path whose far points are moved in, along their ray from the middle of the view.

    Lines leave the view where they do, and no number is too large to be drawn. Where two points
    in turn are far, the line is broken.
    """
    middle, half = view.mean(axis=1), np.maximum(np.diff(view, axis=1)[:, 0] / 2, 1e-300)
    path = np.where(np.isfinite(path).all(axis=1, keepdims=True), path, np.nan)
    most = np.abs(path).max(axis=1, keepdims=True)
    scaled = (path * (1e150 / np.maximum(most, 1e150)) - middle) / half
    size = np.abs(scaled).max(axis=1)
    far = size > reach
    scaled[far] *= (reach / size[far])[:, None]
    scaled[1:][far[1:] & far[:-1]] = np.nan
    return middle + half * scaled


def inside(path, view):
    """Which points of a path are in the view."""
    if view is None:
        return np.ones(len(path), dtype=bool)
    return ((path >= view[:, 0]) & (path <= view[:, 1])).all(axis=1)


def draw_runs(result, paths, ax, look, view, labels):
    """Every run as a line with its start hollow and its end filled, named where it is last seen.

    `view` None: all of it is in sight.
    """
    names, looks = names_of(result), run_colours(len(paths))
    for path, name, (colour, dash) in zip(paths, names, looks, strict=True):
        good = np.isfinite(path).all(axis=1)
        if not good.any():
            continue
        seen = path[good] if view is None else within_reach(path[good], view)
        ax.plot(
            *seen.T, color=colour, linestyle=dash, linewidth=0.8 * look.line, label=name, zorder=3,
            gid="run",
        )  # fmt: skip
        shown = np.flatnonzero(inside(path[good], view))
        labels.add(*seen[shown[-1:] if shown.size else slice(1)].T, f" {name}", colour, dash)
    # Marks over all lines: the start is common as a rule, and the ends may be one point.
    for path, (colour, _) in zip(paths, looks, strict=True):
        good = path[np.isfinite(path).all(axis=1)]
        for places, face, gid, size in (
            (good[:1], look.ground, "start", 3.2),
            (good[-1:], colour, "end", 2.6),
        ):
            if len(places) and inside(places, view)[0]:
                ax.plot(
                    *places.T, "o", color=colour, markerfacecolor=face, markersize=size * look.line,
                    markeredgewidth=0.5 * look.line, zorder=4, gid=gid,
                )  # fmt: skip


def draw_crosses(ax, look, places, view):
    """A cross at every equilibrium in sight."""
    places = np.unique(np.round(np.reshape(places, (-1, 2)), 12), axis=0)
    for place in places[inside(places, view)]:
        ax.plot(
            *place[:, None], "x", color=look.ink, markersize=4.5 * look.line,
            markeredgewidth=0.7 * look.line, zorder=5, gid="equilibrium",
        )  # fmt: skip
