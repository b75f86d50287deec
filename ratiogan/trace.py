"""What a solver records while it runs, and how that is printed."""

import re
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ratiogan.errors import InputError
from ratiogan.text import scientific


class Trace:
    """What was recorded: columns of equal length, one row per recorded step.

    Parameters
    ----------
    columns : mapping of str to array (n,)
        One of them is ``step``. They are copied, and the copies are read-only.
    **named
        More columns.

    Attributes
    ----------
    columns : mapping of str to array (n,)
        Every column is an attribute as well.

    Raises
    ------
    InputError
        If the columns differ in length, or ``step`` is missing.

    Examples
    --------
    >>> trace = Trace(step=[0, 1, 2], cost=[0.3, 0.1, 0.02])
    >>> len(trace), float(trace.cost[-1])
    (3, 0.02)
    """

    __slots__ = ("columns",)

    def __init__(self, columns=(), /, **named):
        copies = {name: np.array(column) for name, column in dict(columns, **named).items()}
        if "step" not in copies:
            raise InputError('a trace needs the column "step".', argument="columns")
        shapes = {name: column.shape for name, column in copies.items()}
        if any(shape != (copies["step"].size,) for shape in shapes.values()):
            raise InputError(
                f"the columns of a trace must be 1-D and equally long, got shapes {shapes}.",
                argument="columns",
            )
        for column in copies.values():
            column.flags.writeable = False
        object.__setattr__(self, "columns", MappingProxyType(copies))

    def __getattr__(self, name):
        # Only asked for what is no slot; a copy or unpickle asks before the slot is filled.
        if name == "columns" or name not in self.columns:
            raise AttributeError(f"the trace has no column {name!r}")
        return self.columns[name]

    def __setattr__(self, name, value):
        raise AttributeError("a trace is read-only")

    def __getitem__(self, name):
        return self.columns[name]

    def __contains__(self, name):
        return name in self.columns

    def __len__(self):
        return self.columns["step"].size

    def __eq__(self, other):
        if not isinstance(other, Trace):
            return NotImplemented
        return list(self.columns) == list(other.columns) and all(
            same_array(column, other[name]) for name, column in self.columns.items()
        )

    __hash__ = None

    def __dir__(self):
        return [*super().__dir__(), *self.columns]

    def __reduce__(self):
        return Trace, (dict(self.columns),)

    def __repr__(self):
        return f"Trace({len(self)} rows: {', '.join(self.columns)})"

    def rows(self, indices):
        """The trace of these rows only.

        Parameters
        ----------
        indices : sequence of int
        """
        indices = np.asarray(indices, dtype=np.int64)
        return Trace({name: column[indices] for name, column in self.columns.items()})

    def log_spaced(self):
        """Indices of the rows at steps 0, 1, 2, 4, 8, ... and of the last row.

        A step that was not recorded is stood in for by the next one that was.

        Returns
        -------
        array of int

        Examples
        --------
        >>> trace = Trace(step=range(39))
        >>> trace.step[trace.log_spaced()].tolist()
        [0, 1, 2, 4, 8, 16, 32, 38]
        """
        steps = self.step
        if not len(self):
            return np.zeros(0, np.int64)
        doublings = 2 ** np.arange(max(int(steps[-1]), 1).bit_length())
        wanted = np.concatenate(([0], doublings[doublings <= steps[-1]], steps[-1:]))
        return np.unique(np.searchsorted(steps, wanted))


@dataclass(frozen=True)
class Layout:
    """How the tables of one algorithm are laid out: headings stand where their numbers do."""

    heading: str
    row: str
    predictions: tuple  # widths of the columns "name" and "predicted"

    @property
    def headings(self):
        """The headings of the columns, one by one."""
        return re.split(r" {2,}", self.heading.format(place="generator is at", width=0).strip())


_LEVEL = 11  # characters of a category in a table

LAYOUTS = {
    "glgd": Layout(
        "  step   E[Phi]-min      JSD      max|R-1|   rms|R-1|    min R   cells in use",
        "{:>6}   {:>10}   {:<9}   {:>8}   {:>8}   {:>6} {:>10}",
        predictions=(36, 17),
    ),
    "conditional": Layout(
        "  step   E[Phi]-min   JSD         JSD worst        at x   JSD of y    max|R-1|    min R",
        "{:>6}   {:>10}   {:<9}   {:<9}{:>12}   {:<9}   {:>8}   {:>6}",
        predictions=(36, 17),
    ),
    "alternating": Layout(
        "  step   {place:{width}}     max f*    cells with max f*    JSD      "
        "cells in use    g(R, f*)",
        "{:>6}   {:{width}}     {:>6}    {:>13}       {:>6}      {:>7}     {:>9}",
        predictions=(40, 15),
    ),
    "wglgd": Layout(
        "  step      W1         min W1      floor      alpha      JSD      max|R-1|    min R   "
        "cells in use",
        "{:>6}   {:>9}   {:>9}   {:>8}   {:>8}   {:<9}{:>8}   {:>6} {:>10}",
        predictions=(46, 17),
    ),
    "wglgd on grids": Layout(
        "  step    W1 at least  at most    least yet    floor      alpha      JSD      max|R-1|"
        "    min R   cells in use",
        "{:>6}   {:>9}   {:>9}   {:>9}   {:>8}   {:>8}   {:<9}{:>8}   {:>6} {:>10}",
        predictions=(46, 17),
    ),
    "wgan": Layout(
        "  turn      W1       estimate      value      its bound   at clip   agreement     JSD"
        "      max|R-1|   cells in use",
        "{:>6}   {:>9}   {:>9}   {:>9}   {:>9}   {:>6}   {:>9}     {:<9} {:>8}   {:>9}",
        predictions=(62, 12),
    ),
    "training": Layout(
        "  turn           g           d         JSD   KL(gen||real)   max|R-1|"
        "   cells in use   modes   accuracy",
        "{:>6}   {:>9}   {:>9}   {:>9}   {:>13}   {:>8}   {:>12}   {:>5}   {:>8}",
        predictions=(46, 17),
    ),
}


def step_word(algorithm):
    """What one step of an algorithm is called: training and WGAN go on in turns.

    Examples
    --------
    >>> step_word("glgd"), step_word("training")
    ('step', 'turn')
    """
    return "turn" if algorithm in ("training", "wgan") else "step"


def layout_of(algorithm, trace):
    """The layout of the tables of an algorithm; W1 in an interval has a column more."""
    return LAYOUTS["wglgd on grids" if "upper" in trace else algorithm]


def trace_cells(algorithm, trace, grid):
    """The rows of a trace as text, in the order of the headings of its layout."""
    if algorithm == "alternating":
        return _alternating_cells(trace, grid)
    if algorithm == "wgan":
        return _clipped_cells(trace)
    if algorithm == "training":
        return _training_cells(trace)
    if algorithm == "conditional":
        return _conditional_cells(trace, grid)
    return _transport_cells(trace) if algorithm == "wglgd" else _descent_cells(trace)


def trace_table(algorithm, trace, grid):
    """A trace as the table that is printed for its algorithm.

    Parameters
    ----------
    algorithm : str
    trace : Trace
    grid : Grid
        Whose axes name the places of `alternating`.
    """
    layout, rows = layout_of(algorithm, trace), trace_cells(algorithm, trace, grid)
    # Only a place, in 1 to 3 dimensions, has no width of its own: the second column.
    width = max([15, *(len(row[1]) for row in rows)])
    heading = layout.heading.format(place="generator is at", width=width)
    return "\n".join([heading, *(layout.row.format(*row, width=width) for row in rows)])


def _descent_cells(trace):
    """Rows of text in the order of the headings."""
    return [
        (
            str(step),
            _excess(cost),
            _excess(js),
            scientific(largest, 3),
            scientific(rms, 3),
            f"{lowest:.4f}",
            f"{cells:.1f}",
        )
        for step, cost, js, largest, rms, lowest, cells in zip(
            trace.step,
            trace.cost,
            trace.js,
            trace.max_error,
            trace.rms_error,
            trace.min_ratio,
            trace.effective_support,
            strict=True,
        )
    ]


def _conditional_cells(trace, grid):
    """Rows of text in the order of the headings."""
    return [
        (
            str(trace.step[row]),
            _excess(trace.cost[row]),
            scientific(trace.js[row], 3),
            scientific(trace.js_worst[row], 3),
            x_text(trace.worst_x[row], grid.axes[0])[:_LEVEL],
            scientific(trace.js_marginal[row], 3),
            scientific(trace.max_error[row], 3),
            f"{trace.min_ratio[row]:.4f}",
        )
        for row in range(len(trace))
    ]


def x_name(axis):
    """What x is called: by its name, if somebody gave it one."""
    return "x" if axis.name in ("", "y0") else axis.name


def x_text(x, axis):
    """A place on one axis: three figures, a whole number or a level.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> x_text(0.123456, Grid.regular(4, 0, 1).axes[0])
    '0.123'
    """
    return _place(x, axis, 0) if axis.is_counting else f"{x:.3g}"


def _transport_cells(trace):
    """Rows of text in the order of the headings."""
    return [
        (
            str(trace.step[row]),
            scientific(trace.cost[row], 4),
            *([scientific(trace.upper[row], 4)] if "upper" in trace else []),
            scientific(trace.best[row], 4),
            scientific(trace.floor[row], 3),
            scientific(trace.alpha[row], 3),
            scientific(trace.js[row], 3),
            scientific(trace.max_error[row], 3),
            f"{trace.min_ratio[row]:.4f}",
            f"{trace.effective_support[row]:.1f}",
        )
        for row in range(len(trace))
    ]


def _clipped_cells(trace):
    """Rows of text in the order of the headings."""
    return [
        (
            str(trace.step[row]),
            *(scientific(trace[name][row], 4) for name in ("cost", "estimate", "value", "bound")),
            f"{100 * trace.at_bound[row]:.0f}%",
            "-" if np.isnan(trace.agreement[row]) else f"{trace.agreement[row]:.4f}",
            scientific(trace.js[row], 3),
            scientific(trace.max_error[row], 3),
            f"{trace.effective_support[row]:.1f}",
        )
        for row in range(len(trace))
    ]


def _training_cells(trace):
    """Rows of text in the order of the headings."""
    return [
        (
            str(trace.step[row]),
            *(_loss(trace[name][row]) for name in ("g", "d")),
            *(scientific(trace[name][row], 4) for name in ("js", "kl")),
            scientific(trace.max_error[row], 3),
            f"{trace.effective_support[row]:.1f}",
            str(trace.modes[row]),
            f"{100 * trace.accuracy[row]:.1f}%",
        )
        for row in range(len(trace))
    ]


def _loss(value):
    """A loss to five decimals, which tell it from log 2; a huge one to four digits."""
    return f"{value:.5f}" if abs(value) < 1000 else scientific(value, 4)


def _excess(value):
    """A sum of non-negative terms: below the spacing of 1 one digit less, as in a footnote."""
    return scientific(value, 4) if not abs(value) < 1e-15 else f"{scientific(value, 3):<9}"


def _alternating_cells(trace, grid):
    """Rows of text in the order of the headings."""
    return [
        (
            str(trace.step[row]),
            place_text(trace, row, grid, width=6),
            f"{trace.max_discriminator[row]:.4f}",
            str(trace.ties[row]),
            f"{trace.js[row]:.4f}",
            f"{trace.effective_support[row]:.1f}",
            f"{trace.g[row]:.3f}",
        )
        for row in range(len(trace))
    ]


def place_text(trace, row, grid, width=0):
    """Where the generator of an `alternating` run sits: ``y = -2.277``, or ``(-1.414, 1.414)``."""
    if trace.cell[row] < 0:
        return "(spread out)"
    places = [
        _place(trace[f"position_{i}"][row], axis, width if grid.ndim == 1 else 0)
        for i, axis in enumerate(grid.axes)
    ]
    return f"{grid.axes[0].name} = {places[0]}" if grid.ndim == 1 else f"({', '.join(places)})"


def _place(value, axis, width):
    if axis.kind == "categories":
        return str(axis.levels[round(value)])
    return f"{value:.0f}" if axis.kind == "counts" else f"{value:{width}.3f}"


def same_array(one, other):
    """Whether two arrays agree everywhere, NaN with NaN."""
    nan = one.dtype.kind == "f" and other.dtype.kind == "f"
    return np.array_equal(one, other, equal_nan=nan)
