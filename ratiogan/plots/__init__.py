"""Figures of results: they read a result and draw it; no computing, no pyplot, no rcParams."""

from dataclasses import replace

import numpy as np

from ratiogan.errors import InputError
from ratiogan.plots.bars import plot_level_ratios, plot_marginals, plot_share_rows
from ratiogan.plots.collapse import (
    collapse_figure,
    plot_cells_in_use,
    plot_positions,
    plot_response,
    plot_target,
)
from ratiogan.plots.conditional import conditional_figure, plot_conditionals
from ratiogan.plots.critic_maps import (
    critic_map_figure,
    plot_bounds,
    plot_critic_map,
    plot_slope_map,
)
from ratiogan.plots.descent import (
    descent_figure,
    descent_map_figure,
    plot_convergence,
    plot_densities,
    plot_discriminator,
    plot_ratio,
)
from ratiogan.plots.distance import (
    distance_figure,
    plot_distributions,
    plot_interval,
    plot_line_critic,
    plot_masses,
    plot_rays,
)
from ratiogan.plots.divergences import (
    plot_conjugates,
    plot_generators,
    table_panels,
    table_title,
)
from ratiogan.plots.dynamics import (
    dynamics_figure,
    plot_distance,
    plot_multipliers,
    plot_players,
    plot_portrait,
)
from ratiogan.plots.fields import on_plane, within_sight
from ratiogan.plots.game import game_panels, game_title, plot_game
from ratiogan.plots.look import finish, key_sentence, look_of, new_figure
from ratiogan.plots.modes import (
    modes_panels,
    plot_mode_bars,
    plot_modes_line,
    plot_modes_map,
)
from ratiogan.plots.sample_maps import plot_ratio_map, plot_sample_densities
from ratiogan.plots.samples import (
    diagnosis_panels,
    plot_histograms,
    plot_null,
    plot_ratio_band,
)
from ratiogan.plots.saturation import (
    plot_optimal_critic,
    plot_optimal_discriminator,
    plot_slopes,
    saturation_panels,
)
from ratiogan.plots.saving import figure_bytes, save
from ratiogan.plots.several import (
    plot_errors,
    plot_final,
    plot_left,
    plot_steps,
    several_figure,
)
from ratiogan.plots.simplex import plot_simplex
from ratiogan.plots.stability import (
    plot_eigenvalues,
    plot_jacobian,
    plot_paths,
    plot_radii,
    stability_figure,
)
from ratiogan.plots.sweep import (
    plot_sweep_courses,
    plot_sweep_levels,
    plot_sweep_runs,
    sweep_figure,
)
from ratiogan.plots.training import (
    plot_coverage,
    plot_end,
    plot_end_maps,
    plot_jsd,
    plot_losses,
    training_figure,
)
from ratiogan.plots.transport import plot_cost, plot_critic, transport_figure
from ratiogan.plots.wgan import plot_clipping_error, plot_critics, plot_estimate, wgan_figure
from ratiogan.sweeps import sweep_map

__all__ = [
    "diagnosis_figure",
    "figure",
    "figure_bytes",
    "game_figure",
    "modes_figure",
    "plot_bounds",
    "plot_cells_in_use",
    "plot_clipping_error",
    "plot_conditionals",
    "plot_conjugates",
    "plot_convergence",
    "plot_cost",
    "plot_coverage",
    "plot_critic",
    "plot_critic_map",
    "plot_critics",
    "plot_densities",
    "plot_discriminator",
    "plot_distance",
    "plot_distributions",
    "plot_eigenvalues",
    "plot_end",
    "plot_end_maps",
    "plot_errors",
    "plot_estimate",
    "plot_final",
    "plot_game",
    "plot_generators",
    "plot_histograms",
    "plot_interval",
    "plot_jacobian",
    "plot_jsd",
    "plot_left",
    "plot_level_ratios",
    "plot_line_critic",
    "plot_losses",
    "plot_marginals",
    "plot_masses",
    "plot_mode_bars",
    "plot_modes_line",
    "plot_modes_map",
    "plot_multipliers",
    "plot_null",
    "plot_optimal_critic",
    "plot_optimal_discriminator",
    "plot_paths",
    "plot_players",
    "plot_portrait",
    "plot_positions",
    "plot_radii",
    "plot_ratio",
    "plot_ratio_band",
    "plot_ratio_map",
    "plot_rays",
    "plot_response",
    "plot_sample_densities",
    "plot_share_rows",
    "plot_simplex",
    "plot_slope_map",
    "plot_slopes",
    "plot_steps",
    "plot_sweep_courses",
    "plot_sweep_levels",
    "plot_sweep_runs",
    "plot_target",
    "saturation_figure",
    "save",
    "table_figure",
]


def settled(drawn):
    """As `finish`, and the places of the panels rounded.

    The last bits of the layout's solver differ from figure to figure, and an SVG names its clip
    paths by them: without this the same result would not give the same file.
    """
    finish(drawn)
    for ax in drawn.axes:
        ax.set_position(np.round(ax.get_position(original=True).bounds, 9))
    return drawn


def figure(result, style="slide", command=None):
    """The figure of a result, with its finding as the title.

    Parameters
    ----------
    result : Solution, Comparison, Diagnosis, Modes, Saturation, Wasserstein, Dynamics or Stability
    style : str
        ``slide`` (1920 x 1080 px), ``paper`` (6.75 in wide) or ``dark``.
    command : str or sequence of str, optional
        The command line that made it, for the footer.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if hasattr(result, "modes"):
        return modes_figure(result, style, command)
    if hasattr(result, "verdict") and not hasattr(result, "eigenvalues"):
        return diagnosis_figure(result, style, command)
    if hasattr(result, "non_saturating"):
        return saturation_figure(result, style, command)
    look = look_of(style)
    if hasattr(result, "trajectories"):
        draw = dynamics_figure
    elif hasattr(result, "eigenvalues"):
        draw = stability_figure
    elif hasattr(result, "runs"):
        draw = sweep_figure if sweep_map(result) else several_figure
    elif hasattr(result, "cancelled"):
        draw = distance_figure
    elif result.algorithm == "alternating":
        draw = collapse_figure
    elif result.algorithm == "wglgd":
        draw = critic_map_figure if on_plane(result) else transport_figure
    elif result.algorithm == "wgan":
        draw = wgan_figure
    elif result.algorithm == "training":
        draw = training_figure
    elif result.algorithm == "conditional":
        draw = conditional_figure
    elif result.algorithm == "glgd":
        draw = descent_map_figure if on_plane(result) else descent_figure
    else:
        raise InputError(f"there is no figure for the algorithm {result.algorithm}.")
    drawn = new_figure(look, key_sentence(result.finding), command)
    draw(drawn, result, look)
    return settled(drawn)


def game_figure(game, style="slide", command=None):
    """The figure of one game: u, Phi and Phi'' against R, where Phi'' < 0 shaded red.

    Parameters
    ----------
    game : Game
    style, command
        As for `figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = look_of(style)
    drawn = new_figure(look, game_title(game), command)
    game_panels(drawn, game, look)
    return settled(drawn)


def diagnosis_figure(diagnosis, style="slide", command=None, framed=True):
    """The figure of a `Diagnosis`, with its finding as the title.

    One column: both histograms, R with its band and regions, the JSD beside what noise alone shows.
    Two: both densities, the map of log R with its regions, the JSD. Three: that map for the three
    pairs of columns. More: the JSD of every column and pair in units of its noise floor.

    Parameters
    ----------
    diagnosis : Diagnosis
    style, command
        As for `figure`.
    framed : bool
        Whether to write title and footer; a page has its own.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = look_of(style)
    drawn = new_figure(look, key_sentence(diagnosis.finding) if framed else "", command)
    for text in () if framed else tuple(drawn.texts):
        text.remove()
    view = diagnosis.grid and within_sight(diagnosis.grid)
    if view is not diagnosis.grid:
        diagnosis = replace(diagnosis, real=_on(diagnosis.real, view), gen=_on(diagnosis.gen, view))
    diagnosis_panels(drawn, diagnosis, look)
    return settled(drawn)


def modes_figure(modes, style="slide", command=None):
    """The figure of a `Modes` record, with its finding as the title.

    The real density with every mode marked: full where covered, half where thinned, empty where
    missing; beside it R of every mode with its interval. Classes have bars only.

    Parameters
    ----------
    modes : Modes
    style, command
        As for `figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = look_of(style)
    drawn = new_figure(look, key_sentence(modes.finding), command)
    view = modes.grid and within_sight(modes.grid)
    if view is not modes.grid:
        modes = replace(modes, grid=view, real=_on(modes.real, view), gen=_on(modes.gen, view))
    modes_panels(drawn, modes, look)
    return settled(drawn)


def saturation_figure(found, style="slide", command=None):
    """The figure of a `Saturation`: D* and the critic over both densities, the slopes they offer.

    Parameters
    ----------
    found : Saturation
    style, command
        As for `figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = look_of(style)
    drawn = new_figure(look, key_sentence(found.finding), command)
    saturation_panels(drawn, found, look)
    return settled(drawn)


def _on(counts, grid):
    return counts.on(grid, counts.counts)


def table_figure(rows, style="slide", command=None):
    """The figure of the table of divergences: every f, and every conjugate, on one scale.

    Parameters
    ----------
    rows : sequence of RowCheck or Divergence
        What `table` returns.
    style, command
        As for `figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = tuple(rows)
    look = look_of(style)
    drawn = new_figure(look, table_title(rows), command)
    table_panels(drawn, rows, look)
    return settled(drawn)
