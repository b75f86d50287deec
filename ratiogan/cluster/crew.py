"""The chunks of a grid on their workers, asked as one; and what is done when a worker is lost.

What is told to all chunks is logged. Given those numbers every cell evolves on its own, so that a
chunk that was lost is made again from its source and told them once more, without the others.
"""

import math
import time

from ratiogan.cluster.connection import workers_of
from ratiogan.cluster.holder import Holder
from ratiogan.cluster.journal import MISSING
from ratiogan.errors import InputError
from ratiogan.grid import plural

_PATIENCE = 20  # seconds in which a lost worker may be replaced before others take its chunks
_FORGOTTEN = 60  # seconds after which a worker that seemed lost may have been cut off only
_MOST_LOSSES = 20  # in a row, without an answer in between


class Crew:
    """The chunks of one grid, spread over the workers of a client.

    Parameters
    ----------
    client : distributed.Client
    journal : Journal, optional
        What was asked and answered before the client was lost, and where it goes on.
    tell : callable, optional
        Told one sentence when a worker is lost, and one when its chunks have caught up.

    Attributes
    ----------
    replayed : list of str
        What was done again, one sentence each.
    """

    def __init__(self, client, journal=None, tell=None):
        self.client = client
        self.journal = journal
        self.tell = tell
        self.recipes = []
        self.log = []
        self.holders = {}  # worker -> actor
        self.homes = {}  # chunk -> worker
        self.replayed = []
        self.lost = {}  # worker -> when
        self.is_closed = False
        self._row_at = 0
        self.size = len(workers_of(client))

    def load(self, recipes):
        """Make these chunks instead of those before. Nothing is done until something is asked."""
        self.recipes, self.log, self.homes = list(recipes), [], {}
        calls = [(w, self._called(actor, "forget")) for w, actor in self.holders.items()]
        for worker, call in calls:  # or it might come after what is made next
            self._answer(worker, call)

    def ask(self, fold, name, *arguments, own=None):
        """Call a method of `Chunk` on all chunks; their replies, in the order of the grid, folded.

        Parameters
        ----------
        fold : callable
            Makes a few numbers of the list of replies: they are what a journal keeps.
        name : str
        *arguments
        own : dict of int to tuple, optional
            Further arguments of single chunks, which only shape their replies.
        """
        if self.is_closed:
            raise InputError(
                "R was freed by close().",
                argument="scheduler",
                fix="Call gather(), coarse() or save() before.",
            )
        if self.is_catching_up:
            known = self.journal.next(name, arguments)
            if known is not MISSING:
                return known
        result = fold(self._replies(name, arguments, own or {}))
        if self.journal is not None:
            self.journal.write(name, arguments, result)
        return result

    def remember(self, name, value):
        """The value, or the one that a journal has of it."""
        if self.is_catching_up:
            known = self.journal.next(name, ())
            if known is not MISSING:
                return known
        if self.journal is not None:
            self.journal.write(name, (), value)
        return value

    def warm(self, *arguments):
        """Have every worker load its kernels."""
        calls = []
        for worker in self._workers():
            actor = self._holder(worker)
            if actor is not None:
                calls.append((worker, self._called(actor, "warm", *arguments)))
        for worker, call in calls:
            self._answer(worker, call)

    def change(self, fold, name, *arguments, own=None):
        """As `ask`, for what changes the chunks: it is logged, so that a lost one is told again."""
        result = self.ask(fold, name, *arguments, own=own)
        self.log.append((name, arguments))
        return result

    def _replies(self, name, arguments, own):
        replies, waiting, losses = {}, set(range(len(self.recipes))), 0
        while waiting:
            losses += not self._settle_chunks()
            calls = {}
            for worker, actor in list(self.holders.items()):
                mine = sorted(k for k in waiting if self.homes.get(k) == worker)
                if mine:
                    calls[worker] = self._called(actor, "ask", mine, name, arguments, own)
            for worker, call in calls.items():
                found = self._answer(worker, call)
                if found is None:
                    losses += 1
                    continue
                replies.update(found)
                waiting -= set(found)
            if losses > _MOST_LOSSES:
                raise InputError(
                    f"the workers were lost {losses} times at one step.",
                    argument="scheduler",
                    fix="See their logs: they may be short of memory.",
                )
        return [replies[k] for k in range(len(self.recipes))]

    # --- who holds what ---

    def _settle_chunks(self):
        """See that every chunk has a worker, and has been told everything; False if some have not.

        Then a worker was lost while it caught up.
        """
        homeless = [k for k in range(len(self.recipes)) if k not in self.homes]
        if not homeless:
            return True
        is_first = not self.homes and not self.log
        workers = self._workers()
        # In order, and evenly: neighbours stay together.
        load = {worker: sum(home == worker for home in self.homes.values()) for worker in workers}
        share = -(-len(self.recipes) // len(workers))
        calls = []
        for k in homeless:
            worker = next((w for w in workers if load[w] < share), min(load, key=load.get))
            load[worker] += 1
            actor = self._holder(worker)
            if actor is not None:
                call = self._called(actor, "adopt", k, self.recipes[k], self.log)
                calls.append((k, worker, call))
        for k, worker, call in calls:
            if self._answer(worker, call) is not None:
                self.homes[k] = worker
        if not is_first and self.log:
            moved = [k for k in homeless if k in self.homes]
            if moved:
                self._note(
                    f"replayed {plural(len(moved), 'chunk')} of {len(self.recipes)} from the "
                    f"source with {plural(len(self.log), 'recorded operation')}"
                )
        return all(k in self.homes for k in homeless)

    def _workers(self):
        """The workers that can hold chunks; a moment's patience for one that is being replaced."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            now = time.monotonic()
            # The scheduler may not know yet that a worker is lost.
            workers = [
                worker
                for worker in workers_of(self.client)
                if now - self.lost.get(worker, -math.inf) > _FORGOTTEN
            ]
            if len(workers) >= self.size or (workers and time.monotonic() > deadline):
                self.size = len(workers)
                return workers
            if time.monotonic() > deadline + _PATIENCE:
                raise InputError(
                    "all workers are gone.",
                    argument="scheduler",
                    fix="Start some, and run the command again (with --checkpoint it goes on).",
                )
            time.sleep(0.1)

    def _holder(self, worker):
        """The actor on a worker; None if it is lost."""
        if worker not in self.holders:
            known = workers_of(self.client).get(worker)
            if known is None:
                return None
            future = self.client.submit(
                Holder, known["nthreads"], actor=True, workers=[worker], pure=False,
                allow_other_workers=False,
            )  # fmt: skip
            try:
                actor = future.result(timeout=_PATIENCE)
            except Exception:  # the worker went away meanwhile
                self.lost[worker] = time.monotonic()
                return None
            # Unpacked, it took the newest client of this process for its own.
            with self.client.as_current():
                self.holders[worker] = type(actor)(Holder, worker, future.key)
        return self.holders[worker]

    def _called(self, actor, name, *arguments):
        try:
            return getattr(actor, name)(*arguments)
        except (OSError, RuntimeError):  # an actor whose worker is known to be lost
            return None

    def _answer(self, worker, call):
        """What a holder answers; None if it was lost, and then its chunks are homeless."""
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        if call is not None:
            try:
                reply = call.result()
                return {} if reply is None else reply
            except (OSError, CancelledError, CommClosedError, TimeoutError):
                pass
            except RuntimeError as error:
                if "Actor" not in str(error):
                    raise
        self.lost[worker] = time.monotonic()
        if worker in self.holders:
            del self.holders[worker]
            lost = [k for k, home in self.homes.items() if home == worker]
            for k in lost:
                del self.homes[k]
            self._note(f"worker {worker} was lost with {plural(len(lost), 'chunk')}")
        return None

    def begin_row(self):
        """Note where the questions of a row of the trace begin."""
        if self.journal is not None:
            self._row_at = self.journal.place

    def end_journal(self, is_interrupted):
        """Write no more; the last row of a run that was interrupted, nobody else would ask for."""
        journal, self.journal = self.journal, None
        if journal is not None:
            if is_interrupted:
                journal.rewind(self._row_at)
            journal.close()

    def _note(self, sentence):
        self.replayed.append(sentence)
        if self.tell is not None:
            self.tell(sentence)

    @property
    def is_catching_up(self):
        """Whether a journal still answers instead of the workers."""
        return self.journal is not None and self.journal.is_behind

    def close(self):
        """Let the workers free what they hold."""
        self.holders.clear()
        self.is_closed = True
