"""Trajectories in a file: ``run.npz`` of ``ratiogan dynamics``."""

import json
import os

import numpy as np

from ratiogan.dynamics.fields import field as field_from
from ratiogan.dynamics.records import Dynamics, Trajectory
from ratiogan.files import write_atomically
from ratiogan.text import jsonable

SCHEMA = "ratiogan-dynamics"
_ARRAYS = (
    "steps",
    "states",
    "distance",
    "multipliers",
    "equilibrium",
    "conserved_values",
    "moves",
    "gaps",
)
_NUMBERS = (
    *("method", "label", "alpha_gen", "alpha_disc", "n_steps", "status", "as_predicted"),
    *("finding", "factor_predicted", "factor_measured", "end_over_start", "conserved", "drift"),
    "seconds",
)


def save(dynamics, path, command=None):
    """Write trajectories as one ``.npz``, whole or not at all; `ratiogan.load` reads it.

    Parameters
    ----------
    dynamics : Dynamics or Trajectory
    path : str or path
        The file, or a folder, in which ``run.npz`` is written.
    command : sequence of str, optional
        The command line that made it.
    """
    if isinstance(dynamics, Trajectory):
        dynamics = Dynamics(trajectories=(dynamics,), finding=dynamics.finding)
    import ratiogan  # for its version: the package itself stands above this module

    target = os.path.join(path, "run.npz") if os.path.isdir(path) else path
    arrays, rows = {}, []
    for number, run in enumerate(dynamics.trajectories):
        for name in _ARRAYS:
            values = getattr(run, name)
            if values is not None:
                arrays[f"{name}_{number}"] = values
        row = {name: getattr(run, name) for name in _NUMBERS}
        field = {**run.field.source, "eta": run.field.eta, "consensus": run.field.consensus}
        rows.append({**jsonable(row), "field": field})
        if not np.isfinite(run.end_over_start):
            rows[-1]["end_over_start"] = None
    meta = {
        "schema": SCHEMA, "schema_version": 1, "version": ratiogan.__version__,
        "command": None if command is None else list(command), "finding": dynamics.finding,
        "sweep": dynamics.sweep, "trajectories": rows,
    }  # fmt: skip
    arrays["meta"] = np.array(json.dumps(meta, allow_nan=False))
    write_atomically(target, lambda handle: np.savez(handle, **arrays))


def sources(meta):
    """What the fields of a file were made from."""
    return [
        {key: row["field"][key] for key in ("spec", "more", "eta", "consensus")}
        for row in meta["trajectories"]
    ]


def fields_of(sources):
    """The fields themselves, made anew from their names.

    Raises
    ------
    InputError
        If a function of your own is not where it was.
    """
    fields = []
    for source in sources:
        field = field_from(source["spec"], **source["more"])
        more = {name: source[name] - getattr(field, name) for name in ("eta", "consensus")}
        fields.append(field.regularised(**more) if any(more.values()) else field)
    return fields


def from_arrays(arrays, meta, fields):
    """The record of a file's arrays and meta on its fields."""
    runs = []
    for number, (row, field) in enumerate(zip(meta["trajectories"], fields, strict=True)):
        row = {key: value for key, value in row.items() if key != "field"}
        parts = {name: arrays.get(f"{name}_{number}") for name in _ARRAYS}
        if row["end_over_start"] is None:
            row["end_over_start"] = float("nan")
        runs.append(Trajectory(field=field, **row, **parts))
    return Dynamics(trajectories=tuple(runs), finding=meta["finding"], sweep=meta["sweep"])
