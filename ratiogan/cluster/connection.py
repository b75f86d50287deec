"""Where the workers are: a cluster of processes started here, a running one, or a Dask client.

Dask is an extra: nothing is imported of it before a scheduler is asked for.
"""

import contextlib
import logging
import os
import re
import sys

from ratiogan.errors import InputError, InputTypeError

_PER_CORE = 4  # worker processes: more of them only wait for each other
SECONDS = 10  # that a scheduler has to answer
_INSTALL = "pip install 'ratiogan[dask]'"
# What a worker process begins with: Ctrl-C is for the client, which stops them in good order.
_IGNORING = """
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
"""
_GUARD = 'In a script, call it below `if __name__ == "__main__":`.'
_FORMS = "Write local:2 for two processes here, or tcp://HOST:PORT of a running scheduler."
# What must be the same everywhere, or other numbers come out, or none.
_PACKAGES = ("ratiogan", "numpy", "numba", "scipy", "distributed")


def check_scheduler(scheduler):
    """A scheduler as a user names it: its text, or a Dask client as it is.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> check_scheduler("local:2")
    'local:2'
    """
    if hasattr(scheduler, "submit") and hasattr(scheduler, "scheduler_info"):
        return scheduler
    if not isinstance(scheduler, str):
        raise InputTypeError(
            f"scheduler must be text or a distributed.Client, got {type(scheduler).__name__}.",
            argument="scheduler",
            fix=_FORMS,
        )
    local = re.fullmatch(r"local:0*([1-9]\d{0,3})", scheduler)
    if not local and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+:\d+", scheduler):
        raise InputError(
            f'scheduler must be local:N or tcp://HOST:PORT, got "{scheduler}".',
            argument="scheduler",
            fix=_FORMS,
        )
    return scheduler


def check_place(scheduler, checkpoint):
    """Refuse a scheduler that is none, and a checkpoint without one."""
    if scheduler is not None:
        check_scheduler(scheduler)
    elif checkpoint is not None:
        raise InputError(
            "checkpoint keeps what workers of a scheduler have finished, and there is no "
            "scheduler.",
            argument="checkpoint",
            fix="Add --scheduler local:2, or leave it out.",
        )


@contextlib.contextmanager
def connected(scheduler):
    """A Dask client of `scheduler`, with a worker at least; what was started here ends here.

    Parameters
    ----------
    scheduler : str or distributed.Client
        ``local:N`` starts N worker processes of one thread each, ``tcp://HOST:PORT`` is a running
        scheduler. A client is used as it is, and left open.

    Raises
    ------
    InputError
        If Dask is not installed, nobody answers within 10 seconds, there is no worker, or client
        and workers run different versions.
    """
    connection = open_connection(scheduler)
    try:
        yield connection.client
    finally:
        connection.close()


class Connection:
    """A client, and what has to be closed after it.

    Attributes
    ----------
    client : distributed.Client
    is_local : bool
        Whether the workers are processes that were started here.
    """

    def __init__(self, client, cluster=None, is_ours=True):
        self.client = client
        self.is_local = cluster is not None
        self._cluster = cluster
        self._is_ours = is_ours

    def close(self):
        """Close what was opened here; again is harmless."""
        if not self._is_ours:
            return
        self._is_ours = False
        with contextlib.suppress(Exception):  # a scheduler that is gone is closed
            self.client.close(timeout=2)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)


def open_connection(scheduler):
    """As `connected`, to be closed by the caller."""
    scheduler = check_scheduler(scheduler)
    distributed = _imported()
    if not isinstance(scheduler, str):
        connection = Connection(scheduler, is_ours=False)
    elif scheduler.startswith("local:"):
        connection = _started(distributed, int(scheduler.partition(":")[2]))
    else:
        connection = _reached(distributed, scheduler)
    try:
        _check_workers(connection.client)
        if isinstance(scheduler, str):
            _go_straight(connection.client)
        _check_versions(connection.client)
    except BaseException:
        connection.close()
        raise
    return connection


def _imported():
    try:
        import distributed
    except ImportError as error:
        raise InputError(
            f"scheduler needs Dask, which cannot be imported ({error}).",
            argument="scheduler",
            fix=f"Install it: {_INSTALL}.",
        ) from error
    return distributed


def _started(distributed, workers):
    """Worker processes on this machine, quiet: what is lost is told by us."""
    import multiprocessing  # as asyncio below: 30 ms that a start without a scheduler need not pay

    if multiprocessing.parent_process() is not None:
        # Each of them reads the script that starts them.
        raise InputError(
            "a worker process asked for workers of its own.",
            argument="scheduler",
            fix=_GUARD,
        )
    most = _PER_CORE * (os.cpu_count() or 1)
    if workers > most:
        raise InputError(
            f"scheduler local:{workers} asks for {workers} processes, and {most} are the most on "
            "the cores of this machine.",
            argument="scheduler",
            fix=f"Take local:{max(2, most // _PER_CORE)}.",
        )
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # None would be port 8787, which may be taken
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            preload=[_IGNORING],
        )
        return Connection(distributed.Client(cluster, direct_to_workers=True), cluster)
    except (OSError, TimeoutError, RuntimeError) as error:
        raise InputError(
            f"scheduler local:{workers} could not be started: {_first_line(error)}.",
            argument="scheduler",
            fix=f"{_GUARD} Otherwise take fewer workers.",
        ) from error


def _reached(distributed, address):
    quiet = logging.getLogger("distributed")
    before = quiet.level
    quiet.setLevel(logging.CRITICAL)  # one sentence of ours instead of several of Dask's
    try:
        client = distributed.Client(address, timeout=SECONDS)
    except Exception as error:  # whatever else listens there may answer anything at all
        raise InputError(
            f"no scheduler answers at {address} within {SECONDS} s ({_first_line(error)}).",
            argument="scheduler",
            fix="Start one there (dask scheduler), or take local:2.",
        ) from error
    finally:
        quiet.setLevel(before)
    return Connection(client)


def _check_workers(client):
    try:
        client.wait_for_workers(1, timeout=SECONDS)
    except TimeoutError as error:
        raise InputError(
            f"the scheduler at {address_of(client)} has no worker after {SECONDS} s.",
            argument="scheduler",
            fix=f"Start some: dask worker {address_of(client)}.",
        ) from error


def _go_straight(client):
    """Have actors called at their workers, if these can be reached: half the way of each step."""
    if client.direct_to_workers:
        return
    import asyncio

    first = next(iter(workers_of(client)))

    async def identity():
        return await asyncio.wait_for(client.rpc(first).identity(), 2)

    with contextlib.suppress(Exception):  # behind a gateway all goes through the scheduler
        client.sync(identity)
        client.direct_to_workers = True


def _check_versions(client):
    """Refuse workers whose ratiogan, NumPy, Numba or Python differ from those here."""
    found = client.get_versions(packages=[name for name in _PACKAGES if name != "distributed"])
    here = _versions_of(found["client"])
    for address, there in found["workers"].items():
        there = _versions_of(there)
        different = [name for name in here if here[name] != there.get(name)]
        if different:
            said = ", ".join(
                f"{name} {there.get(name) or 'missing'} instead of {here[name]}"
                for name in different
            )
            raise InputError(
                f"the worker {address} has {said}.",
                argument="scheduler",
                fix="Install the same versions on client and workers.",
            )


def _versions_of(entry):
    packages = entry.get("packages", {})
    versions = {name: packages.get(name) for name in _PACKAGES}
    python = packages.get("python") or ".".join(map(str, sys.version_info[:3]))
    return {"python": ".".join(str(python).split(".")[:2]), **versions}


def _first_line(error):
    return (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")


def address_of(client):
    """The address of a client's scheduler."""
    return client.scheduler.address


def workers_of(client):
    """Address of every worker -> what the scheduler knows of it, in a fixed order."""
    return dict(sorted(client.scheduler_info(n_workers=-1)["workers"].items()))
