"""Independent tasks on workers: retried, reported one by one, and kept when the client is lost."""

import contextlib
import hashlib
import json
import os
import uuid
import warnings
from dataclasses import dataclass, field
from functools import partial

from ratiogan.cluster.connection import workers_of
from ratiogan.errors import InputError
from ratiogan.files import write_atomically

RETRIES = 2  # of a task that raised; one whose worker died is run again by the scheduler


class TaskFailed(InputError):
    """A task that no worker could bring to its end, and without which there is no result."""

    exit_code = 1
    code = "task-failed"


@dataclass
class Outcome:
    """What became of some tasks.

    Attributes
    ----------
    results : dict
        Number of the task -> what it returned.
    failures : dict
        Number of the task -> the exception that it still raised after all retries.
    repeated : dict
        Number of the task -> how often it was begun, where that is more than once.
    lost : tuple of str
        Addresses of workers that were there at the start, and not at the end.
    interrupted : bool
        Whether Ctrl-C stopped it: then `results` holds what was finished.
    total : object
        Of `sum_tasks`, the sum.
    """

    results: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    repeated: dict = field(default_factory=dict)
    lost: tuple = ()
    interrupted: bool = False
    total: object = 0


def run_tasks(client, function, rows, *, store=None, on_done=None):
    """Call ``function(*row)`` on the workers, a task for every row.

    Parameters
    ----------
    client : distributed.Client
    function : callable
    rows : sequence of tuple
        An item may be a future (see `sent_once`), the last one a partition of a Dask collection (a
        Delayed): the function gets their values.
    store : Store, optional
        Where results are kept as they come; those that it holds are not computed again.
    on_done : callable, optional
        Called as ``on_done(number, result)`` for every result, those of `store` first. What it
        raises ends all tasks.

    Returns
    -------
    Outcome
        Results do not depend on the order in which tasks came to their end.
    """
    return _run(client, function, rows, store, on_done)


def sum_tasks(client, function, rows, *, store=None, on_done=None):
    """As `run_tasks`, for a function that returns a pair: a note, and a term of a sum.

    Notes are the results. The terms are added on the workers, two by two as soon as both are there,
    so that a single one travels here, and no worker holds many. With a `store` all come here: they
    are kept one by one.

    Returns
    -------
    Outcome
        With the sum in `total`. It is not defined if a task failed or was interrupted.
    """
    return _run(client, function, rows, store, on_done, is_sum=True)


def _run(client, function, rows, store, on_done, is_sum=False):
    from distributed import as_completed

    outcome = Outcome()
    topic = f"ratiogan-{uuid.uuid4().hex}"

    def note(number, result):
        if is_sum and isinstance(result, tuple):  # else the term stays where it is
            result, term = result
            outcome.total = outcome.total + term
        outcome.results[number] = result
        if on_done is not None:
            on_done(number, result)

    before = workers_of(client)
    waiting = []
    futures, root = {}, None
    try:
        for number in range(len(rows)):
            if store is not None and number in store:
                note(number, store[number])
            else:
                waiting.append(number)
        tasks = _submitted(client, topic, function, {number: rows[number] for number in waiting})
        futures = {future: number for number, future in tasks.items()}
        if is_sum and store is None and tasks:
            root = _added_up(client, list(tasks.values()))
            futures = {client.submit(_first, f, priority=1): n for n, f in tasks.items()}
        tasks.clear()  # what nobody holds, the workers may forget
        for future in as_completed(list(futures)):
            number = futures.pop(future)
            try:
                result = future.result()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # CancelledError is no Exception
                outcome.failures[number] = error
                continue
            if store is not None:
                store[number] = result
            note(number, result)
            future.release()
        if root is not None and not outcome.failures:
            outcome.total = outcome.total + root.result()[1]
    except KeyboardInterrupt:
        outcome.interrupted = True
    finally:
        left = [*futures, *([] if root is None else [root])]
        if left:
            with contextlib.suppress(Exception):
                client.cancel(left, force=True)
    outcome.repeated = _repeated(client, topic)
    with contextlib.suppress(Exception):  # as there
        outcome.lost = tuple(set(before) - set(workers_of(client)))
    return outcome


def _submitted(client, topic, function, rows):
    """Number of the task -> its future."""
    futures, lazy = {}, {}
    for number, row in rows.items():
        if row and hasattr(row[-1], "__dask_graph__"):
            lazy[number] = row
            continue
        futures[number] = client.submit(
            _told, topic, number, function, row,
            key=f"{topic}-{number}", retries=RETRIES, pure=False, priority=-number,
        )  # fmt: skip
    if lazy:
        from dask import delayed

        # In one graph: what several partitions are made of is computed once.
        calls = [
            delayed(partial(_told_of, topic, number, function, row[0]))(
                *row[1:], dask_key_name=f"{topic}-{number}"
            )
            for number, row in lazy.items()
        ]
        futures.update(zip(lazy, client.compute(calls, retries=RETRIES), strict=True))
    return futures


def _added_up(client, pairs):
    """The future of the sum of many, which are added in a tree of one shape."""
    while len(pairs) > 1:
        # Before other tasks: each sum makes room.
        sums = [
            client.submit(add_pairs, *both, pure=False, priority=1, retries=RETRIES)
            for both in zip(pairs[::2], pairs[1::2], strict=False)
        ]
        pairs = sums + pairs[2 * len(sums) :]
    return pairs[0]


def add_pairs(one, other):
    """The sum of the terms; notes have been told already."""
    return None, one[1] + other[1]


def _first(pair):
    return pair[0]


def _told(topic, number, function, row):
    """The task itself, on a worker; the scheduler is told that it was begun."""
    from distributed import get_worker

    with contextlib.suppress(ValueError):  # a test calls it where there is no worker
        get_worker().log_event(topic, number)
    return function(*row)


def _told_of(topic, number, function, *row):
    """`_told` where Dask has computed an item of the row."""
    return _told(topic, number, function, row)


def sent_once(client, value):
    """A future of a value that many rows hold: it travels once, and no lost worker loses it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_itself, value, pure=False)


def _itself(value):
    return value


def _repeated(client, topic):
    """How often the tasks were begun that were begun more than once."""
    begun = {}
    with contextlib.suppress(Exception):  # a scheduler that is gone tells nothing
        for _, number in client.get_events(topic):
            begun[number] = begun.get(number, 0) + 1
    return {number: times for number, times in sorted(begun.items()) if times > 1}


class Store:
    """Results of tasks in a folder, one .npz each, so that a client that was lost can go on.

    Parameters
    ----------
    folder : str or path
        Made if it is not there.
    facts : dict of str to str
        What the tasks depend on. A folder of other tasks is refused.
    save : callable
        ``save(result, path)`` writes one result, whole or not at all.
    load : callable
        ``load(path)`` reads it again.

    Raises
    ------
    InputError
        If the folder belongs to something else, or cannot be written.
    """

    def __init__(self, folder, facts, save, load):
        self.folder = os.fspath(folder)
        self._save, self._load = save, load
        open_folder(self.folder, facts)

    def _path(self, number):
        return os.path.join(self.folder, f"task-{number:06d}.npz")

    def __contains__(self, number):
        return os.path.isfile(self._path(number))

    def __getitem__(self, number):
        return self._load(self._path(number))

    def __setitem__(self, number, result):
        self._save(result, self._path(number))


def digest(parts):
    """A short text that tells these bytes from others."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:16]


def open_folder(folder, facts):
    """Make a checkpoint's folder, or see that it is one of the same work.

    `facts` are kept in it as JSON; the error names the first one that differs.
    """
    from ratiogan import __version__

    facts = {"version": __version__, **{key: str(value) for key, value in facts.items()}}
    index = os.path.join(folder, "checkpoint.json")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"checkpoint: cannot make the folder {folder}: {error.strerror}.",
            argument="checkpoint",
            fix="Choose another.",
        ) from error
    if not os.path.isfile(index):
        if os.listdir(folder):
            raise InputError(
                f"checkpoint: {folder} is not empty, and holds no checkpoint.",
                argument="checkpoint",
                fix="Choose a new folder.",
            )
        write_atomically(index, json.dumps(facts, indent=2) + "\n")
        return
    try:
        with open(index, encoding="utf-8") as file:
            kept = json.load(file)
        different = [key for key in {**kept, **facts} if kept.get(key) != facts.get(key)]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"checkpoint: {index} is damaged.", argument="checkpoint", fix="Choose a new folder."
        ) from error
    if different:
        key = different[0]
        raise InputError(
            f"checkpoint: {folder} is of other work: its {key} is {kept.get(key)}, here it is "
            f"{facts.get(key)}.",
            argument="checkpoint",
            fix="Choose a new folder, or run what it was made for.",
        )
