"""Threads that share one pass over the cells, chunk by chunk.

Kernels release the GIL, so plain threads run them side by side. Each chunk of cells has its own
partial sum, and these are added in a fixed order (`sums`): the same bytes come out on any number of
threads.
"""

import os

from ratiogan.errors import check_integer
from ratiogan.sums import CHUNK, chunk_count

# Handing a pass to a thread costs some 20 microseconds, as much as a step on 30,000 cells.
CELLS_PER_THREAD = 200_000


class Team:
    """A number of threads, started when first needed.

    Parameters
    ----------
    threads : int, optional
        At most so many; by default all cores, where there are 200,000 cells for each.
    cells : int
        The size of the work.
    """

    def __init__(self, threads=None, cells=0):
        cores = _cores()
        if threads is None:
            self.threads = max(1, min(cores, cells // CELLS_PER_THREAD))
        else:
            self.threads = check_integer("threads", threads, minimum=1)
        self._pool = None

    def over_chunks(self, work, cells):
        """Call ``work(chunks, cells)`` with slices that together cover the grid; their results."""
        chunks = chunk_count(cells)
        share = max(1, -(-chunks // self.threads))
        parts = [
            (
                slice(first, min(first + share, chunks)),
                slice(first * CHUNK, (first + share) * CHUNK),
            )
            for first in range(0, chunks, share)
        ]
        return self._share(work, parts)

    def over_rows(self, work, rows):
        """Call ``work(rows)`` with slices that together cover the rows; their results."""
        share = max(1, -(-rows // self.threads))
        return self._share(
            work, [(slice(first, min(first + share, rows)),) for first in range(0, rows, share)]
        )

    def in_each(self, work, most):
        """Call ``work()`` in every thread, in at most `most` of them; their results."""
        return self._share(work, [()] * min(self.threads, most))

    def _share(self, work, parts):
        if len(parts) == 1:
            return [work(*parts[0])]
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor  # a start without threads needs none

            self._pool = ThreadPoolExecutor(self.threads - 1)
        others = [self._pool.submit(work, *part) for part in parts[1:]]
        return [work(*parts[0]), *(other.result() for other in others)]


def _cores():
    """The cores this process may use, which on a shared node are not all of them."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


SOLO = Team(threads=1)
