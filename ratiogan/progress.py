"""One line on stderr that says how a long run is doing."""

import math
import sys
import time


class Progress:
    """One line on stderr while a solver runs, then nothing.

    Only on a terminal, only after `patience` seconds, at most four times a second.

    Parameters
    ----------
    name : str
        Algorithm.
    tol : float or None
        Where the error should arrive, for the time left.
    unit : str
        What a step is called.
    """

    patience = 1.0
    interval = 0.25

    def __init__(self, name, tol, stream=None, unit="step"):
        self.name = name
        self.unit = unit
        self.tol = tol
        self.stream = sys.stderr if stream is None else stream
        self.last = None
        self.width = 0
        self.started = time.perf_counter()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.stream.flush()
            self.width = 0

    def __call__(self, step, max_steps, max_error, rate, seconds):
        if self._is_due(seconds):
            self._show(self.line(step, max_steps, max_error, rate, seconds), seconds)

    def rows(self, done, total=None, what="rows", held=0):
        """Say how many of `total` rows are done; None where only the end will tell.

        `held` of them were there at the start, and took no time.
        """
        seconds = time.perf_counter() - self.started
        if self._is_due(seconds):
            self._show(self.row_line(done, total, what, seconds, held), seconds)

    def _is_due(self, seconds):
        return seconds >= self.patience and (
            self.last is None or seconds - self.last >= self.interval
        )

    def _show(self, line, seconds):
        self.last = seconds
        self.stream.write("\r" + line.ljust(self.width))
        self.stream.flush()
        self.width = max(self.width, len(line))

    def row_line(self, done, total, what, seconds, held=0):
        """The line of `rows`, with the time left where the total is known.

        Examples
        --------
        >>> Progress("count", None).row_line(250_000, 1_000_000, "rows", 2.0)
        'count  250 000 of 1 000 000 rows  about 6 s left'
        """
        parts = [self.name, f"{done:,}".replace(",", " ")]
        if total:
            parts[1] += f" of {total:,}".replace(",", " ")
        parts[1] += f" {what}"
        if total and done > held:
            parts.append(f"about {readable((total - done) * seconds / (done - held))} left")
        return "  ".join(parts)

    def line(self, step, max_steps, max_error, rate, seconds):
        """The line of progress, with the time left where it can be told."""
        left = self.steps_left(step, max_steps, max_error, rate)
        parts = [self.name, f"{self.unit} {step:,}".replace(",", " "), f"max|R-1| {max_error:.1e}"]
        if rate is not None and rate == rate:
            parts.append(f"rate {rate:.4f}")
        if left is not None and step > 0:
            parts.append(f"about {readable(left * seconds / step)} left")
        return "  ".join(parts)

    def steps_left(self, step, max_steps, max_error, rate):
        """Steps until `tol` at the present rate, or until `max_steps` if that is sooner."""
        most = max_steps - step if max_steps else None
        if self.tol and rate is not None and 0 < rate < 1 and max_error > self.tol:
            needed = math.log(self.tol / max_error) / math.log(rate)
            return needed if most is None else min(needed, most)
        return most


def readable(seconds):
    """A duration to be read in passing.

    Examples
    --------
    >>> readable(40), readable(600), readable(7300)
    ('40 s', '10 min', '2.0 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
