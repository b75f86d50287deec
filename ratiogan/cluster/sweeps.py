"""Runs side by side on workers: a task for each, with the bytes it has in one process.

A run's arguments say all about it, its seed too, so it is the same wherever it is made, and a
worker that is lost costs time only.
"""

import contextlib
import math
import os
import pickle
import sys
import time
import warnings
from dataclasses import replace

import numpy as np

from ratiogan.cluster.connection import connected
from ratiogan.cluster.tasks import Store, digest, run_tasks
from ratiogan.errors import InputError
from ratiogan.progress import Progress
from ratiogan.solution import Solution, load
from ratiogan.spec import USER_MODULE, is_own_code
from ratiogan.trace import same_array

# What Dask raises for a task whose end it never saw, in words of ours.
_LOST = {
    "KilledWorker": "every worker that began it died, perhaps for want of memory",
    "FutureCancelledError": "the scheduler was lost, or what the run needs",
    "CancelledError": "the scheduler was lost, or what the run needs",
}


def run_calls(calls, real, gen, *, scheduler, checkpoint=None, progress=None):
    """Call solvers on the workers, a task for every call.

    Parameters
    ----------
    calls : sequence of (label, solver, options)
        What to call, beside `real` and `gen`.
    real, gen : Distribution
        Sent to every worker once.
    scheduler, checkpoint, progress : optional
        As in `ratiogan.compare`.

    Returns
    -------
    Outcome
        Its results are Solutions, equal to those made here but for the time they took; a failure
        that is none of the run itself is a ConnectionError.

    Raises
    ------
    InputError
        If a run refuses its input, with the sentence it has here.
    """
    store = None
    if checkpoint is not None:
        store = Store(checkpoint, _facts(calls, real, gen), _keep, load)
    held = sum(number in store for number in range(len(calls))) if store is not None else 0
    with connected(scheduler) as client, _telling(progress, len(calls), held) as tell:
        problem = _sent(client, {"real": real, "gen": gen})
        rows = [(packed(label, call), problem) for label, *call in calls]

        def on_done(number, result):
            if isinstance(result, InputError):
                raise result
            tell(result)

        outcome = run_tasks(client, _run, rows, store=store, on_done=on_done)
    outcome.results = {k: _settled(run, real, gen) for k, run in outcome.results.items()}
    outcome.failures = {k: _in_our_words(error) for k, error in outcome.failures.items()}
    return outcome


def _run(packed, problem):
    """One run, on a worker. What it refuses it would refuse again: no reason for another try."""
    solver, options = pickle.loads(packed)
    try:
        return solver(**problem, **options)
    except InputError as error:
        return error


def _keep(result, path):
    if isinstance(result, Solution):
        result.save(path)


def packed(label, thing):
    """Anything as bytes. Losses of your own go by value: workers may not see their file."""
    import cloudpickle

    files = [module for name, module in sys.modules.items() if name.startswith(USER_MODULE)]
    for module in files:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(thing)
    except Exception as error:  # whatever the user's objects raise when they are asked
        raise InputError(
            f"{label} cannot be sent to workers ({told(error)}).",
            argument="scheduler",
            fix="Keep open files, locks and the like out of its losses.",
        ) from error
    finally:
        for module in files:
            cloudpickle.unregister_pickle_by_value(module)


def _sent(client, problem):
    """The problem on the workers: as a task, which is done again where it was lost."""
    packed = pickle.dumps(problem, protocol=pickle.HIGHEST_PROTOCOL)
    with warnings.catch_warnings():  # that it is large: it is sent once
        warnings.filterwarnings("ignore", message="Sending large graph")
        return client.submit(pickle.loads, packed, pure=False)


def _settled(run, real, gen):
    """A run that came from elsewhere as one made here: read-only, on the very same problem."""
    here = {
        role: mine
        for role, mine in (("real", real), ("gen", gen))
        if same_array(getattr(run, role).mass, mine.mass)
    }
    return replace(run, **here)


def _in_our_words(error):
    lost = _LOST.get(type(error).__name__)
    return ConnectionError(lost) if lost else error


def told(error):
    """An exception as a part of a sentence."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def _telling(progress, total, held):
    """``tell(run)``, by which whoever wants to know hears of another run that is there."""
    started = time.perf_counter()
    errors = []

    def tell(run):
        errors.append(run.max_error)
        if hasattr(progress, "rows"):
            progress.rows(len(errors), total, "runs", held)
        elif progress:
            least = min((e for e in errors if e == e), default=math.nan)
            progress(len(errors), total, least, math.nan, time.perf_counter() - started)

    if progress is True:
        with Progress("compare", None) as progress:
            yield tell
    else:
        yield tell


def _facts(calls, real, gen):
    """What the runs depend on, as a checkpoint keeps it: words to read first, then a digest."""
    labels = [label for label, *_ in calls]
    seeds = {options["rng"] for *_, options in calls if "rng" in options}
    return {
        "command": "compare",
        "number of runs": len(labels),
        "first run": labels[0],
        "last run": labels[-1],
        "seed": seeds.pop() if seeds else None,
        "real": real.label,
        "gen": gen.label,
        "grid": real.grid.describe(),
        "digest of the problem": problem_digest(real, gen),
        "digest of the settings": digest(
            repr(
                (label, solver.__name__, {k: setting_text(v) for k, v in options.items()})
            ).encode()
            for label, solver, options in calls
        ),
    }


def problem_digest(real, gen):
    """What tells a problem from another one."""
    return digest(array.tobytes() for array in (*real.grid.edges, real.mass, gen.mass))


def setting_text(value):
    """A setting as text that is the same in every process."""
    if isinstance(value, np.ndarray):
        return digest([repr((value.shape, value.dtype.str)).encode(), value.tobytes()])
    spec = getattr(value, "spec", None)
    if spec is None:
        return repr(value)
    path = spec.rpartition(":")[0]
    if is_own_code(spec) and os.path.isfile(path):
        with open(path, "rb") as file:
            return f"{spec} {digest([file.read()])}"
    return spec
