"""Figures of results: they read a result and draw it; no computing, no pyplot, no rcParams."""

from ratiogan.errors import InputError
from ratiogan.plots.collapse import (
    collapse_figure,
    plot_cells_in_use,
    plot_positions,
    plot_response,
    plot_target,
)
from ratiogan.plots.descent import (
    descent_figure,
    descent_map_figure,
    plot_convergence,
    plot_densities,
    plot_discriminator,
    plot_ratio,
)
from ratiogan.plots.fields import on_plane
from ratiogan.plots.game import game_panels, game_title, plot_game
from ratiogan.plots.look import finish, key_sentence, look_of, new_figure
from ratiogan.plots.saving import figure_bytes, save
from ratiogan.plots.several import plot_errors, plot_final, plot_steps, several_figure

__all__ = [
    "figure",
    "figure_bytes",
    "game_figure",
    "plot_cells_in_use",
    "plot_convergence",
    "plot_densities",
    "plot_discriminator",
    "plot_errors",
    "plot_final",
    "plot_game",
    "plot_positions",
    "plot_ratio",
    "plot_response",
    "plot_steps",
    "plot_target",
    "save",
]


def figure(result, style="slide", command=None):
    """The figure of a result, with its finding as the title.

    Parameters
    ----------
    result : Solution or Comparison
    style : str
        ``slide`` (1920 x 1080 px), ``paper`` (6.75 in wide) or ``dark``.
    command : str or sequence of str, optional
        The command line that made it, for the footer.

    Returns
    -------
    matplotlib.figure.Figure
    """
    look = look_of(style)
    if hasattr(result, "runs"):
        draw = several_figure
    elif result.algorithm == "alternating":
        draw = collapse_figure
    elif result.algorithm == "glgd":
        draw = descent_map_figure if on_plane(result) else descent_figure
    else:
        raise InputError(f"there is no figure for the algorithm {result.algorithm}.")
    drawn = new_figure(look, key_sentence(result.finding), command)
    draw(drawn, result, look)
    return finish(drawn)


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
    return finish(drawn)
