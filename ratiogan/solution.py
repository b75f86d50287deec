"""What a solver hands back: how it ended, what it recorded, and how that is kept in a file.

A `Solution` is frozen and has the same fields whatever happened. ``save`` writes one ``.npz`` that
needs no pickle, ``load`` gives back an equal object.
"""

import contextlib
import enum
import json
import math
import os
import shlex
from dataclasses import dataclass, field, fields

import numpy as np

from ratiogan.catalogue import ALGORITHMS, STATUSES
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, check_choice
from ratiogan.files import write_atomically
from ratiogan.grid import Grid
from ratiogan.text import html_block, html_table, jsonable, resolved, scientific, wrap
from ratiogan.trace import Trace, layout_of, same_array, trace_cells, trace_table

RUN_FILE = "run.npz"
_ARCHIVE = b"PK\x03\x04"  # how a .npz file begins
SCHEMA_VERSION = 1


class Status(enum.Enum):
    """How a run ended: a code word, and a sentence that says what it means.

    Examples
    --------
    >>> Status("hopping").sentence
    'All generator mass is in one cell (training: in few), and it moves on.'
    """

    CONVERGED = "converged"
    CONVERGING = "converging"
    COLLAPSED = "collapsed"
    HOPPING = "hopping"
    CYCLE = "cycle"
    UNSTABLE = "unstable"
    SUPPORT_NOT_COVERED = "support-not-covered"
    MAX_STEPS = "max-steps"
    STALLED = "stalled"
    DIVERGED = "diverged"
    INTERVAL_ONLY = "interval-only"
    INTERRUPTED = "interrupted"

    @property
    def sentence(self):
        """One sentence, with advice where there is any."""
        return STATUSES[self.value].summary


@dataclass(frozen=True)
class Prediction:
    """What the theory says beside what was measured.

    Parameters
    ----------
    name : str
        The statement; a rate starts with ``rate per step``.
    predicted, measured : float or str
        A str for what is no number: ``"yes"``, ``"yes (38 of 38 steps)"``.
    difference : float, optional
        Of the two, where both are numbers.
    tolerance : float, optional
        How large it may be.
    text : str, optional
        How `predicted` is written: ``"log 2"`` for 0.693...
    """

    name: str
    predicted: object
    measured: object
    difference: float | None = None
    tolerance: float | None = None
    text: str | None = None

    def cells(self):
        """The row of the printed table: name, predicted, measured, difference."""
        predicted, measured = self.predicted, self.measured
        if self.text is not None:
            predicted = self.text
        elif not isinstance(predicted, str):
            predicted = resolved(predicted, exact=True)
        if not isinstance(measured, str):
            measured = resolved(measured, self.difference)
        return self.name, predicted, measured, self._difference()

    def _difference(self):
        if self.difference is None:
            return ""
        if self.difference == 0 and not isinstance(self.measured, str):
            # The same float: they agree to its spacing, and nothing finer was measured.
            size = abs(float(self.measured))
            return f"< 1e{-15 + max(0, math.ceil(math.log10(size))) if size else -15:d}"
        return scientific(self.difference)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Solution:
    """The outcome of one run.

    Attributes
    ----------
    algorithm : str
        A name of `catalogue.ALGORITHMS`.
    ratio, discriminator : array (grid.shape)
        R at the end, and its best response f*(R); NaN where p_r = 0. Read-only.
    status : Status
    as_predicted : bool
        Whether this is the outcome that the theory predicts for these settings.
    finding : str
        What happened, as one sentence with a number in it.
    n_steps : int
    trace : Trace
    certificate : dict of str to float
        What can be recomputed from R and f alone.
    real, gen : Distribution
        The reference p_r, and the generator at the start.
    options : dict
        The settings of the run, as plain values.
    seconds, compile_seconds : float
    snapshot_steps : array (K,)
    snapshots : array (K, *grid.shape)
        R at those steps.
    particles : array (n, grid.ndim)
        Where the samples of a generator that consists of samples are at the end; of any other
        (0, grid.ndim).
    predictions : tuple of Prediction
    warnings, notes : tuple of str
        What to be careful about; what explains the outcome.
    seed : int or None
    command : tuple of str or None
        The words of the command line that made a loaded run.
    """

    algorithm: str
    ratio: np.ndarray
    discriminator: np.ndarray
    status: Status
    as_predicted: bool
    finding: str
    n_steps: int
    trace: Trace
    certificate: dict
    real: Distribution
    gen: Distribution
    options: dict
    seconds: float = 0.0
    compile_seconds: float = 0.0
    snapshot_steps: np.ndarray = ()
    snapshots: np.ndarray | None = None
    predictions: tuple = ()
    warnings: tuple = ()
    seed: int | None = 0
    notes: tuple = ()
    command: tuple | None = field(default=None, compare=False)
    particles: np.ndarray | None = None

    def __post_init__(self):
        check_choice("algorithm", self.algorithm, tuple(ALGORITHMS))
        shape = self.real.grid.shape
        steps = np.asarray(self.snapshot_steps, dtype=np.int64)
        snapshots = np.empty((0, *shape)) if self.snapshots is None else self.snapshots
        ndim = self.real.grid.ndim
        particles = np.empty((0, ndim)) if self.particles is None else self.particles
        arrays = {
            "particles": (particles, (len(particles), ndim)),
            "ratio": (self.ratio, shape),
            "discriminator": (self.discriminator, shape),
            "snapshots": (snapshots, (steps.size, *shape)),
            "snapshot_steps": (steps, (steps.size,)),
        }
        for name, (array, expected) in arrays.items():
            if np.shape(array) != expected:
                raise InputError(
                    f"{name} must have shape {expected}, got {np.shape(array)}.", argument=name
                )
            # A view, not a copy: a grid of 1e8 cells fits in memory once.
            array = np.asarray(array).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        plain = {
            "status": Status(self.status),
            "as_predicted": bool(self.as_predicted),
            "n_steps": int(self.n_steps),
            "seconds": float(self.seconds),
            "compile_seconds": float(self.compile_seconds),
            "certificate": _plain(self.certificate),
            "options": _plain(self.options),
            "predictions": tuple(
                Prediction(*_plain([getattr(p, f.name) for f in fields(Prediction)]))
                for p in self.predictions
            ),
            "warnings": tuple(self.warnings),
            "notes": tuple(self.notes),
            "seed": _plain(self.seed),
            "command": _words(self.command),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def grid(self):
        """The cells that `ratio` lives on."""
        return self.real.grid

    @property
    def max_error(self):
        """max|R-1| over the support of p_r at the end: inf if R is, NaN if R is NaN there."""
        return float(np.max(np.abs(self.ratio[self.real.support] - 1)))

    def __eq__(self, other):
        if not isinstance(other, Solution):
            return NotImplemented
        return all(
            _same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.compare
        )

    __hash__ = None

    def __repr__(self):
        return f"<Solution of {self.algorithm}: {self.finding}>"

    def save(self, path, command=None):
        """Write the run as one ``.npz``: whole or not at all, replacing what was there.

        Nothing is compressed. R holds full-precision mantissas, which shrink by a few percent
        only, and deflating them would take longer than many a run.

        Parameters
        ----------
        path : str or path
            The file, or a folder, in which ``run.npz`` is written.
        command : str or sequence of str, optional
            The command line that made the run.

        Raises
        ------
        InputError
            If the folder does not exist.
        """
        path = os.fspath(path)
        target = os.path.join(path, RUN_FILE) if os.path.isdir(path) else path
        arrays = {
            "ratio": self.ratio,
            "discriminator": self.discriminator,
            "real": self.real.mass,
            "gen": self.gen.mass,
            **{f"edges_{i}": edges for i, edges in enumerate(self.grid.edges)},
            **{f"trace_{name}": column for name, column in self.trace.columns.items()},
            "snapshots": self.snapshots,
            "snapshot_steps": self.snapshot_steps,
            "meta": np.array(json.dumps(self._meta(command), allow_nan=False)),
        }
        if len(self.particles):
            arrays["particles"] = self.particles
        write_atomically(target, lambda handle: np.savez(handle, **arrays))

    def _meta(self, command):
        import ratiogan  # for its version: the package itself stands above this module

        return {
            "schema": "ratiogan-run",
            "schema_version": SCHEMA_VERSION,
            "version": getattr(ratiogan, "__version__", None),
            "command": _words(command) or self.command,
            "axes": [
                {"name": axis.name, "kind": axis.kind, "levels": _pack(axis.levels)}
                for axis in self.grid.axes
            ],
            "distributions": {
                "real": {name: _pack(getattr(self.real, name)) for name in DISTRIBUTION_FIELDS},
                "gen": {name: _pack(getattr(self.gen, name)) for name in DISTRIBUTION_FIELDS},
            },
            "trace": list(self.trace.columns),
            "predictions": [
                {f.name: _pack(getattr(p, f.name)) for f in fields(Prediction)}
                for p in self.predictions
            ],
            **{name: _pack(getattr(self, name)) for name in META_FIELDS},
        }

    def printed_rows(self, all_rows=False):
        """Indices of the trace rows that are printed.

        Log-spaced, where a run converges; the first five of `alternating`, whose generator sits
        somewhere else at every step.
        """
        if all_rows:
            return np.arange(len(self.trace))
        if self.algorithm == "alternating":
            return np.arange(min(5, len(self.trace)))
        return self.trace.log_spaced()

    def to_dict(self, all_rows=False):
        """The run as strict JSON holds it: what ``--json`` prints below its envelope.

        Parameters
        ----------
        all_rows : bool
            Every recorded row of the trace instead of the printed ones.
        """
        trace = self.trace.rows(self.printed_rows(all_rows))
        return jsonable(
            {
                "options": self.options,
                "finding": self.finding,
                "status": {
                    "code": self.status,
                    "as_predicted": self.as_predicted,
                    "sentence": self.status.sentence,
                },
                "warnings": self.warnings,
                "n_steps": self.n_steps,
                "trace": dict(trace.columns),
                "predictions": [
                    {
                        "name": p.name,
                        "predicted": p.predicted,
                        "measured": p.measured,
                        "difference": p.difference,
                        "tolerance": p.tolerance,
                    }
                    for p in self.predictions
                ],
                "certificate": self.certificate,
            }
        )

    def summary(self, all_rows=False):
        """The run as text: the finding, the trace, prediction beside measurement, and why.

        Parameters
        ----------
        all_rows : bool
            Every recorded row of the trace instead of the printed ones.
        """
        parts = [wrap(self.finding), trace_table(*self._printed(all_rows))]
        if self.predictions:
            parts.append(self._prediction_table())
        parts += [wrap(note) for note in self.notes]
        return "\n\n".join(parts)

    def _printed(self, all_rows=False):
        trace = self.trace.rows(self.printed_rows(all_rows))
        return self.algorithm, trace, self.grid

    def _prediction_table(self):
        cells = [prediction.cells() for prediction in self.predictions]
        name, predicted = layout_of(self.algorithm, self.trace).predictions
        name = max(name, *(len(row[0]) + 3 for row in cells))
        predicted = max(predicted, *(len(row[1]) + 2 for row in cells))
        measured = max(15, *(len(row[2]) + 2 if row[3] else 0 for row in cells), 0)
        headings = ("", "predicted", "measured", "difference" if any(r[3] for r in cells) else "")
        return "\n".join(
            f"{row[0]:{name}}{row[1]:{predicted}}{row[2]:{measured}}{row[3]}".rstrip()
            for row in [headings, *cells]
        )

    def plot(self, style="slide"):
        """The figure of the run, as a Matplotlib ``Figure``."""
        # The one upward import: a result must be able to show itself, and plots need Matplotlib,
        # which nobody should pay for who only computes.
        from ratiogan import plots

        return plots.figure(self, style=style)

    def animate(self, path):
        """Write the animation of the run to a ``.gif`` or ``.html`` file."""
        from ratiogan import animation  # upward, as in `plot`

        return animation.animate(self, path)

    def _repr_html_(self):
        headings = layout_of(self.algorithm, self.trace).headings
        trace = html_table(headings, trace_cells(*self._printed()))
        predictions = html_table(
            ("", "predicted", "measured", "difference"),
            [prediction.cells() for prediction in self.predictions],
        )
        tables = (trace, predictions) if self.predictions else (trace,)
        return html_block(self.finding, tables, self.plot(), (*self.warnings, *self.notes))


META_FIELDS = (
    *("algorithm", "status", "as_predicted", "finding", "n_steps", "certificate", "options"),
    *("seconds", "compile_seconds", "warnings", "seed", "notes"),
)
DISTRIBUTION_FIELDS = tuple(f.name for f in fields(Distribution) if f.name not in ("grid", "mass"))


def load(path):
    """Read a run that `Solution.save` wrote.

    Parameters
    ----------
    path : str or path
        The ``.npz`` file, or the folder that holds ``run.npz``.

    Returns
    -------
    Solution
        Equal to the one that was saved.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged or not ours.
    """
    path = os.fspath(path)
    file = os.path.join(path, RUN_FILE) if os.path.isdir(path) else path
    if not os.path.isfile(file):
        raise InputError(
            f"{path} holds no {RUN_FILE}." if file != path else f"there is no file {path}.",
            argument="path",
            fix=f"Pass a saved run: its {RUN_FILE}, or the folder that holds it.",
        )
    with open(file, "rb") as handle:
        start = handle.read(len(_ARCHIVE))
    if not _ARCHIVE.startswith(start):
        raise InputError(
            f"{file} is not a {RUN_FILE}.",
            argument="path",
            fix=f"Pass a {RUN_FILE} written by `ratiogan run` or Solution.save.",
        )
    with _refusing_damage(file):
        if len(start) < len(_ARCHIVE):
            raise EOFError("it ends at once")
        # Opened here: np.load forgets to close a file in which it finds no whole archive.
        with open(file, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(str(arrays["meta"]))
        version = int(meta["schema_version"])
        schema = str(meta["schema"])
    if schema == "ratiogan-dynamics":
        from ratiogan.dynamics import saving  # start-up: only a file of dynamics needs the fields

        with _refusing_damage(file):
            sources = saving.sources(meta)
        fields = saving.fields_of(sources)  # may be refused: a function's file may be gone
        with _refusing_damage(file):
            return saving.from_arrays(arrays, meta, fields)
    if schema != "ratiogan-run":
        raise InputError(
            f"{file} holds no run but {schema.replace('-', ' ')}.",
            argument="path",
            fix="Its arrays can be read with numpy.load.",
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{file} was written by ratiogan {meta.get('version')}, whose files this one cannot "
            "read.",
            argument="path",
            fix="Install that version.",
        )
    with _refusing_damage(file):
        return _from_arrays(arrays, meta)


@contextlib.contextmanager
def _refusing_damage(file):
    """Turn whatever a damaged file raises into one sentence."""
    try:
        yield
    except Exception as error:
        # A flipped bit can surface anywhere: in the zip directory, an npy header, the JSON, or as
        # masses that are no distribution. To the reader it is always the same.
        detail = str(error).strip().split("\n")[0].rstrip(".") or "no details"
        if "allow_pickle" in detail:
            detail = "it holds objects"
        raise InputError(
            f"{file} is damaged, or no run that ratiogan saved ({type(error).__name__}: {detail}).",
            argument="path",
            fix=f"Pass a {RUN_FILE} written by `ratiogan run` or Solution.save.",
        ) from error


def _from_arrays(arrays, meta):
    grid = Grid(
        edges=[arrays[f"edges_{i}"] for i in range(len(meta["axes"]))],
        names=[axis["name"] for axis in meta["axes"]],
        kinds=[axis["kind"] for axis in meta["axes"]],
        levels=[_unpack(axis["levels"]) for axis in meta["axes"]],
    )
    real, gen = (_distribution(arrays[k], grid, meta["distributions"][k]) for k in ("real", "gen"))
    return Solution(
        ratio=arrays["ratio"],
        discriminator=arrays["discriminator"],
        trace=Trace({name: arrays[f"trace_{name}"] for name in meta["trace"]}),
        snapshots=arrays["snapshots"],
        snapshot_steps=arrays["snapshot_steps"],
        particles=arrays.get("particles"),  # only where there are any
        real=real,
        gen=gen,
        predictions=tuple(Prediction(**_unpack(p)) for p in meta["predictions"]),
        command=meta["command"],
        **{name: _unpack(meta[name]) for name in META_FIELDS},
    )


def _distribution(mass, grid, meta):
    return Distribution(grid=grid, mass=mass, **{k: _unpack(meta[k]) for k in DISTRIBUTION_FIELDS})


def _same(one, other):
    if isinstance(one, np.ndarray):
        return same_array(one, other)
    if isinstance(one, Distribution):
        return (
            one.grid.same_as(other.grid)
            and one.grid.names == other.grid.names
            and same_array(one.mass, other.mass)
            and all(_same(getattr(one, k), getattr(other, k)) for k in DISTRIBUTION_FIELDS)
        )
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Prediction):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    both_nan = isinstance(one, float) and isinstance(other, float) and one != one and other != other
    return both_nan or one == other


def _plain(value):
    """Python's own numbers, and tuples for sequences: what a file can give back unchanged."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InputError(
        f"an option or a result must be a number or text, got {type(value).__name__}.",
        fix="Hand over its canonical text.",
    )


def _words(command):
    if command is None:
        return None
    return tuple(shlex.split(command) if isinstance(command, str) else map(str, command))


def _pack(value):
    """As `jsonable`, but NaN and infinities can be told from ``None`` again."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: _pack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(item) for item in value]
    return jsonable(value)


def _unpack(value):
    if isinstance(value, dict):
        if list(value) == ["float"] and isinstance(value["float"], str):
            return float(value["float"])
        return {key: _unpack(item) for key, item in value.items()}
    return tuple(_unpack(item) for item in value) if isinstance(value, list) else value
