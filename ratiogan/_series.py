"""Functions of R kept as Chebyshev series of log R on short panels, with their integrals.

A game's own best response, signal and curvature cost a search per cell; kept here they cost a few
multiplications. Panels are halved until the series holds between its nodes; what cannot be fitted
is a jump or a kink, shut into a panel of relative width 2e-10. R = 1 is an edge of panels, and
integrals start there, so that Phi(R) - Phi(1) - Phi'(1)(R-1) has no cancellation near R = 1.
Beyond 1e-9 < R < 1e9 the last panel's law a + b R^k (or a + b log R) goes on.
"""

import math
from dataclasses import dataclass

import numpy as np

from ratiogan._jit import jit, kernel

_SPAN = 21  # the table covers |log R| <= _SPAN: 7.6e-10 .. 1.3e9
_SURE = 14.0  # beyond this |log R| panels spoilt by round-off are left out
_NODES = 16  # Chebyshev nodes per panel
_TEST_POINTS = np.array([-0.93, -0.41, 0.17, 0.71])  # where a panel's fit is judged
_NARROWEST = 2e-10  # panels of log R this narrow hold a jump or a kink
_MOST_PANELS = 400  # losses with so much round-off are kept as well as that allows


@dataclass(frozen=True)
class Values:
    """Quantities at some R, and the round-off to expect in each."""

    best_response: np.ndarray
    signal: np.ndarray
    curvature: np.ndarray
    discriminator_cost: np.ndarray
    loss_gen: np.ndarray  # l_g(f*), the slope of the discriminator's cost
    noise: dict


@dataclass(frozen=True)
class Tail:
    """q = end + b (x^k - 1), x = R/R_end, beyond an end of the table; end + b log x for k = 0."""

    end: float
    b: float
    k: float
    side: int  # 0 towards R = 0, 1 towards R = inf

    def __call__(self, x):
        with np.errstate(all="ignore"):
            if self.b == 0:
                return np.full_like(x, self.end)
            logs = np.log(x)
            value = self.end + self.b * (logs if self.k == 0 else np.expm1(self.k * logs))
            return np.where((x == 0) | (x == np.inf), self.limit, value)

    @classmethod
    def through(cls, values, side, noise=1e-13):
        """The law through three values 2 apart in log R, the outermost first; or a constant."""
        end, one, two = (float(value) for value in values)
        last, previous = end - one, one - two
        growth = last / previous if previous else 0.0
        scale = max(abs(end), abs(one), abs(two))
        if abs(end - two) <= noise * scale or not (math.isfinite(growth) and growth > 0):
            return cls(end, 0.0, 0.0, side)
        outwards = 1.0 if side else -1.0
        k = 0.5 * outwards * math.log(growth)
        if abs(k) < 1e-4:
            return cls(end, 0.5 * outwards * last, 0.0, side)
        return cls(end, last / -math.expm1(-2.0 * outwards * k), k, side)

    def towards(self, limit):
        """The same law with a given limit."""
        return Tail(self.end, self.end - limit, self.k, self.side)

    @property
    def limit(self):
        """q at R = 0, or at R = inf."""
        if self.b == 0:
            return self.end
        outwards = 1 if self.side else -1
        if self.k * outwards >= 0:
            return math.copysign(math.inf, self.b * (outwards if self.k == 0 else 1))
        value = self.end - self.b
        return 0.0 if abs(value) <= 1e-8 * abs(self.end) or abs(value) < 1e-13 else value

    def integral(self, ratio, start, level):
        """Integral of q - level over R from `start`."""
        x = ratio / start
        with np.errstate(all="ignore"):
            if self.b == 0:
                return start * (self.end - level) * (x - 1.0)
            if self.k == 0:
                logs = np.where(x > 0, x * np.log(x), 0.0) - x + 1.0
                return start * ((self.end - level) * (x - 1.0) + self.b * logs)
            power = self.k + 1.0
            grown = np.log(x) if abs(power) < 1e-7 else np.expm1(power * np.log(x)) / power
            return start * ((self.end - self.b - level) * (x - 1.0) + self.b * grown)


class Table:
    """f*, u, Phi'' and the discriminator's cost as Chebyshev series of log R on panels.

    R = 1 is an edge of panels, and the excess is integrated outwards from there.

    Parameters
    ----------
    direct : callable
        `Values` at an array of R.
    size : float
        What a signal is of the order of, to tell a jump from round-off.
    """

    QUANTITIES = ("best_response", "signal", "curvature", "discriminator_cost")

    def __init__(self, direct, size):
        odd = 2 * np.arange(_NODES) + 1
        self._x = np.cos(odd * (math.pi / (2 * _NODES)))
        # Angles are reduced as whole numbers: a rounding here grows with the square of _NODES.
        turns = np.outer(np.arange(_NODES), odd) % (4 * _NODES)
        self._to_series = np.cos(turns * (math.pi / (2 * _NODES))) * (2.0 / _NODES)
        self._to_series[0] *= 0.5
        self._direct, self._size = direct, size
        self._build()
        left, right = self.sides("signal")
        self.jump_at_one = self._jump(left, right)

    def _build(self):
        edges = np.arange(-_SPAN, _SPAN + 1, 1.0)
        low, high = edges[:-1], edges[1:]
        done = []
        while low.size:
            good, series = self._fit(low, high)
            narrow = high - low < _NARROWEST
            crowded = len(done) + low.size > _MOST_PANELS
            for at in np.flatnonzero(good | narrow | crowded):
                coefficients = {what: series[what][at] for what in self.QUANTITIES}
                done.append((low[at], high[at], coefficients, bool(narrow[at] and not good[at])))
            again = ~(good | narrow | crowded)
            middle = 0.5 * (low + high)
            low, high = (
                np.concatenate([low[again], middle[again]]),
                np.concatenate([middle[again], high[again]]),
            )
        done.sort(key=lambda panel: panel[0])
        done = _merged(self._covered(done))
        self.edges = np.array([done[0][0], *(panel[1] for panel in done)])
        self.rough = np.array([panel[3] for panel in done])
        self.series = {what: np.array([p[2][what] for p in done]) for what in self.QUANTITIES}
        self.ends = (math.exp(self.edges[0]), math.exp(self.edges[-1]))
        self._bridge()
        self._integrate()

    def _fit(self, low, high):
        """Series on panels, and whether each holds between its nodes or is to be left out (NaN)."""
        where = np.concatenate([self._x, _TEST_POINTS])
        centre, half = 0.5 * (low + high), 0.5 * (high - low)
        points = centre[:, None] + half[:, None] * where
        values = self._direct(np.exp(points).ravel())
        good = np.ones(low.size, dtype=bool)
        lost = np.zeros(low.size, dtype=bool)
        series = {}
        tests = _chebyshev(_TEST_POINTS)
        for what in self.QUANTITIES:
            grid = getattr(values, what).reshape(points.shape)
            noise = values.noise[what].reshape(points.shape).max(axis=1)
            series[what] = self._series_of(grid[:, :_NODES])
            with np.errstate(invalid="ignore"):
                miss = np.abs(series[what] @ tests - grid[:, _NODES:]).max(axis=1)
                size = np.abs(grid).max(axis=1)
                # Narrow panels may fit worse; and where the last coefficients no longer fall
                # there is round-off in the losses, which halving does not end.
                allowed = np.minimum(1e-11 / (2.0 * half) ** 2, 1e-6)
                tail = np.abs(series[what][:, -8:])
                level = tail[:, 4:].max(axis=1) > 0.1 * tail[:, :4].max(axis=1)
                allowed = np.where(level, 1e-6, allowed)
                good &= miss <= allowed * size + 10.0 * noise
                # Far out round-off may be all there is: the law of cleaner panels goes on there.
                worse = (level & (miss > 1e-6 * size)) | (noise > 1e-5 * size)
                lost |= worse & (np.abs(centre) > _SURE) & (what == "curvature")
            lost |= ~np.isfinite(grid).any(axis=1)
        series["curvature"][lost] = np.nan
        return good | lost, series

    def _series_of(self, values):
        """Chebyshev series through values at the nodes, without their round-off."""
        series = values @ self._to_series.T
        with np.errstate(invalid="ignore"):
            top = np.abs(series).max(axis=-1, keepdims=True)
            return np.where(np.abs(series) <= 2.0**-52 * top, 0.0, series)

    def _covered(self, panels):
        """The panels around R = 1 up to the first that is left out."""
        finite = [all(np.isfinite(c).all() for c in panel[2].values()) for panel in panels]
        start = next(i for i, panel in enumerate(panels) if panel[0] >= 0)
        first, last = start, start
        while first > 0 and (finite[first - 1] or panels[first - 1][3]):
            first -= 1
        while last < len(panels) and (finite[last] or panels[last][3]):
            last += 1
        return panels[first:last]

    def _bridge(self):
        """Straight lines over the panels that hold a jump or a kink; a jump has Phi'' = inf."""
        for at in np.flatnonzero(self.rough):
            for what in self.QUANTITIES:
                table = self.series[what]
                before = clenshaw(table[at - 1], 1.0) if at else table[at][0]
                after = clenshaw(table[at + 1], -1.0) if at + 1 < len(table) else before
                table[at] = 0.0
                table[at, :2] = 0.5 * (before + after), 0.5 * (after - before)
        for at, jump in self._jumps():
            self.series["curvature"][at] = 0.0
            self.series["curvature"][at, 0] = math.copysign(math.inf, jump)

    def _integrate(self):
        """Per panel: Phi at the edge nearer to R = 1 and the series of what to add from there."""
        nodes, weights = np.polynomial.legendre.leggauss(16)
        tau, weights = 0.5 * (nodes + 1.0), 0.5 * weights
        outward = self.edges[:-1] >= 0
        anchors = np.exp(np.where(outward, self.edges[:-1], self.edges[1:]))
        centre, half = 0.5 * (self.edges[1:] + self.edges[:-1]), 0.5 * np.diff(self.edges)
        x = np.concatenate([self._x, [-1.0, 1.0]])
        ratio = np.exp(centre[:, None] + half[:, None] * x)
        inner = anchors[:, None, None] + (ratio - anchors[:, None])[:, :, None] * tau
        with np.errstate(divide="ignore", invalid="ignore"):
            place = (np.log(inner) - centre[:, None, None]) / half[:, None, None]
        bend = clenshaw(self.series["curvature"][:, None, None], np.clip(place, -1.0, 1.0))
        second = bend @ (weights * (1.0 - tau))
        side = np.where(outward, -1.0, 1.0)
        starts = clenshaw(self.series["signal"], side)
        stops = clenshaw(self.series["signal"], -side)
        steps = np.exp(np.where(outward, self.edges[1:], self.edges[:-1])) - anchors
        # Where u jumps or bends it is a straight line from one edge to the other.
        second[self.rough] = (0.5 * (stops - starts) / steps)[self.rough, None]
        self.series["integral"] = self._series_of(second[:, :_NODES])
        self._anchors, self._starts, self._steps = anchors, starts, steps
        self._bends = np.where(outward, second[:, -1], second[:, -2])
        self._first = int(np.searchsorted(self.edges, 0.0))

    def values(self, what, ratio):
        """A quantity at R within the table, NaN elsewhere (an array the caller may change)."""
        out = np.empty_like(ratio)
        _evaluate_kernel(ratio, self.edges, self.series[what], out)
        return out

    def excess(self, ratio, level):
        """Phi(R) - Phi(1) - level (R-1) within the table, NaN elsewhere."""
        starts = self._starts - level
        # The panels beside R = 1 start from zero slope but for a jump there.
        if not self.jump_at_one:
            starts[self._first - 1 : self._first + 1] = 0.0
        gains = self._steps * (starts + self._steps * self._bends)
        heights = np.zeros_like(gains)
        first = self._first
        heights[first + 1 :] = np.cumsum(gains[first:-1])
        heights[: first - 1] = np.cumsum(gains[1:first][::-1])[::-1]
        out = np.empty_like(ratio)
        _excess_kernel(
            ratio, self.edges, self.series["integral"], self._anchors, starts, heights, out
        )
        return out

    def sides(self, what):
        """Limits at R = 1 from below and from above."""
        table = self.series[what]
        return float(clenshaw(table[self._first - 1], 1.0)), float(
            clenshaw(table[self._first], -1.0)
        )

    def jumps(self):
        """(R, jump of u) wherever u jumps."""
        found = [
            (float(np.exp(self.edges[at : at + 2].mean())), jump) for at, jump in self._jumps()
        ]
        return sorted([*found, (1.0, self.jump_at_one)] if self.jump_at_one else found)

    def _jumps(self):
        for at in np.flatnonzero(self.rough):
            before, after = clenshaw(self.series["signal"][at], np.array([-1.0, 1.0]))
            jump = self._jump(before, after)
            if jump:
                yield at, jump

    def _jump(self, before, after):
        gap = float(after - before)
        return gap if abs(gap) > 1e-6 * (abs(before) + abs(after) + self._size) else 0.0

    def samples(self, what):
        """R and a quantity at a score of points per panel, jumps and kinks left out."""
        x = np.cos(math.pi * np.arange(24, -1, -1) / 24)
        centre, half = 0.5 * (self.edges[1:] + self.edges[:-1]), 0.5 * np.diff(self.edges)
        ratio = np.exp(centre[:, None] + half[:, None] * x)
        values = clenshaw(self.series[what][:, None], x)
        # Polynomials leave their own round-off where a quantity is zero.
        top = np.abs(self.series[what]).max(axis=1, keepdims=True)
        values = np.where(np.abs(values) <= 1e-10 * top, 0.0, values)
        smooth = ~self.rough & (half > 1e-4)
        return ratio[smooth].ravel(), values[smooth].ravel()

    def tail(self, what, side, power=0):
        """The law beyond an end of the table of R^power times a quantity."""
        ratio = self.inside(side)
        if what == "loss_gen":
            return Tail.through(self._direct(ratio).loss_gen, side)
        noise = 1e-5 if what == "curvature" else 1e-13
        return Tail.through(ratio**power * self.values(what, ratio), side, noise)

    def inside(self, side):
        """Three R from an end of the table inwards, 2 apart in log R."""
        end = self.edges[-1] if side else self.edges[0]
        return np.exp(end + np.array([1e-9, 2.0, 4.0]) * (-1.0 if side else 1.0))


def _merged(panels):
    """Panels with neighbours that hold a jump made one."""
    merged = panels[:1]
    for panel in panels[1:]:
        if panel[3] and merged[-1][3] and panel[0] != 0.0:
            merged[-1] = (merged[-1][0], *panel[1:])
        else:
            merged.append(panel)
    return merged


def peak(function, ratio):
    """The largest value of a function of R: the best of samples, then golden section."""
    at = int(np.argmax(function(ratio)))
    low, high = np.log(ratio[max(at - 1, 0)]), np.log(ratio[min(at + 1, ratio.size - 1)])
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        below, above = function(np.exp(np.array([left, right])))
        low, high = (left, high) if below < above else (low, right)
    return float(np.max(function(np.array([ratio[at], math.exp(0.5 * (low + high))]))))


def _chebyshev(x):
    return np.cos(np.arange(_NODES)[:, None] * np.arccos(x))


def clenshaw(series, x):
    """Chebyshev series along the last axis of `series`, at x."""
    b1 = b2 = 0.0
    for k in range(_NODES - 1, 0, -1):
        b1, b2 = series[..., k] + 2.0 * x * b1 - b2, b1
    return series[..., 0] + x * b1 - b2


def as_flat(ratio):
    ratio = np.asarray(ratio, dtype=np.float64)
    return np.ascontiguousarray(ratio).reshape(-1), ratio.shape


@jit
def _panel_of(s, edges):
    low, high = 0, edges.size - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if edges[middle] <= s:
            low = middle
        else:
            high = middle
    return low


@jit
def _series_at(s, edges, series, panel):
    low, high = edges[panel], edges[panel + 1]
    x = (2.0 * s - (low + high)) / (high - low)
    b1 = b2 = 0.0
    for k in range(series.shape[1] - 1, 0, -1):
        b1, b2 = series[panel, k] + 2.0 * x * b1 - b2, b1
    return series[panel, 0] + x * b1 - b2


@kernel
def _evaluate_kernel(ratio, edges, series, out):
    last = edges.size - 1
    for i in range(ratio.size):
        s = math.log(ratio[i]) if ratio[i] > 0.0 else np.nan
        if edges[0] <= s <= edges[last]:
            out[i] = _series_at(s, edges, series, _panel_of(s, edges))
        else:
            out[i] = np.nan


@kernel
def _excess_kernel(ratio, edges, series, anchors, starts, heights, out):
    last = edges.size - 1
    for i in range(ratio.size):
        s = math.log(ratio[i]) if ratio[i] > 0.0 else np.nan
        if edges[0] <= s <= edges[last]:
            panel = _panel_of(s, edges)
            step = ratio[i] - anchors[panel]
            bend = _series_at(s, edges, series, panel)
            out[i] = heights[panel] + step * (starts[panel] + step * bend)
        else:
            out[i] = np.nan
