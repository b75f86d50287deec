"""Alternating runs and their medians: how to time anything on a machine that others use."""

import os
import statistics
import time
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    """One measured number beside its target.

    Attributes
    ----------
    name : str
    value, low, high : float
        Median and quartiles over the rounds.
    unit : str
    target : str
        What the project asks for, e.g. ``">= 5"``; empty where nothing is asked.
    notes : str
    """

    name: str
    value: float
    unit: str
    low: float = None
    high: float = None
    target: str = ""
    notes: str = ""

    @property
    def verdict(self):
        """PASS or short; empty without a target."""
        if not self.target:
            return ""
        sign, limit = self.target.split()
        passed = self.value >= float(limit) if sign == ">=" else self.value <= float(limit)
        return "PASS" if passed else "short"

    def to_dict(self):
        """For JSON."""
        return {**asdict(self), "verdict": self.verdict}

    def text(self):
        """One line of the table."""
        spread = "" if self.low is None else f"({self.low:.3g} .. {self.high:.3g})"
        line = f"  {self.name:<62} {self.value:>8.3g} {self.unit:<6} {spread:<18}"
        return f"{line} {self.target:<7} {self.verdict:<5} {self.notes}".rstrip()


@dataclass
class Rounds:
    """Times in seconds of several contenders, one per round and contender."""

    times: dict = field(default_factory=dict)

    def row(self, name, contender, per=1.0, unit="s", **more):
        """The median time of one contender, divided by `per`."""
        values = [seconds / per for seconds in self.times[contender]]
        return Row(name, *_median(values, unit), **more)

    def ratio(self, name, over, under, factor=1.0, unit="x", **more):
        """The median of the ratio of two contenders, taken round by round."""
        pairs = zip(self.times[over], self.times[under], strict=True)
        return Row(name, *_median([factor * a / b for a, b in pairs], unit), **more)


def _median(values, unit):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return middle, unit, low, high


def alternate(contenders, rounds):
    """Time every contender once per round, forwards and backwards in turn.

    Parameters
    ----------
    contenders : dict of str to callable
        Each runs its work once; all have been called before. One that returns a float has timed
        itself.
    rounds : int

    Returns
    -------
    Rounds
    """
    times = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            start = time.perf_counter()
            own = contenders[name]()
            taken = time.perf_counter() - start
            times[name].append(taken if own is None else own)
        order.reverse()
    return Rounds(times)


def pin_to_one_core():
    """Keep this process on one core, so that no BLAS or XLA thread helps a contender unseen."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    else:
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
