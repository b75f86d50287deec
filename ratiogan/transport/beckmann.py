"""Beckmann's isotropic transport on a grid: a flow and a potential near those of Euclidean W1.

A field of flow m with divergence b costs the integral of its length |m|; the potential that goes
with it has slopes of length 1 at most. On a grid both live on right-angled triangles, one from
every cell forwards along all axes and one backwards, so that lengths are those of vectors. On a
grid this bounds Euclidean W1 in neither direction, but its potential is nearly a critic and its
flow nearly a plan: `ratiogan/transport/euclidean.py` makes proofs of them.

The iteration is that of `ratiogan/transport/halpern.py` with the shrinkage of vectors in the place
of that of numbers: s + D phi is the nearest flow of the right divergence, phi = (D^T D)^-1
(b - D^T s), and f = phi / tau.
"""

import math

import numpy as np

from ratiogan._jit import jit, kernel
from ratiogan.transport.halpern import refined
from ratiogan.transport.poisson import NeumannPoisson

# As for the Manhattan metric: when to restart, and how the two sides are balanced.
_SHRUNK, _TURNED, _LONG = 0.3, 0.9, 0.36
_MOST_RESCALED = 5.0
_BALANCE = 0.5
_REFLECTION = 1.9


class BeckmannIteration:
    """Restarted Halpern iteration in float32 on one grid.

    Attributes
    ----------
    s : list of six arrays
        The state: flow times length, along axis 0, 1, 2 on the triangle from each cell forwards,
        then the same backwards. Arrays of an axis of one cell have the shape (1, 1, n2).
    phi : array (n0, n1, n2)
    tau : float
    steps : int
    """

    def __init__(self, problem, s=None, tau=None):
        self.problem = problem
        shape, gaps = problem.shape, problem.gaps
        # Slopes are per mean distance along an axis; `ratios` is what the distances are to it.
        self.scales = [g[:-1].mean() if g.size > 1 else math.inf for g in gaps]
        self.ratios = [
            np.append(g[:-1] / scale, 1.0).astype(np.float32)
            for g, scale in zip(gaps, self.scales, strict=True)
        ]
        self.even = all(np.ptp(r) < 1e-6 for r in self.ratios)
        self.slope = np.array([1.0 / scale for scale in self.scales], np.float32)
        self.poisson = NeumannPoisson(shape, np.float32, weights=2.0 * self.slope**2.0)
        self.b = problem.b.astype(np.float32)
        self.s = _nothing(shape) if s is None else s
        self.anchor = [x.copy() for x in self.s]
        self.right = np.empty(shape, np.float32)
        _divergence(*self.s, self.b, self.slope, self.right)
        self.phi = self.poisson.solve(self.right)
        self.right = np.empty(shape, np.float32)
        self.tau = tau
        if tau is None:
            # At the start s = 0: the flow D phi stands to the slopes as it will at the end.
            size = sum(
                float((np.diff(self.phi, axis=a) ** 2).sum()) / scale**2
                for a, scale in enumerate(self.scales)
            )
            self.tau = math.sqrt(size / self.phi.size)
        self.steps = self.since = 0
        self.first = self.last = math.inf

    @classmethod
    def warm(cls, problem, coarse):
        """Start from the end on a coarser grid, or from nothing where `coarse` is None."""
        if coarse is None:
            return cls(problem)
        shape = problem.shape
        pairs = [
            np.arange(n) // (1 if m == n else 2)
            for m, n in zip(coarse.problem.shape, shape, strict=True)
        ]
        shares = [(1.0 / np.bincount(p))[p].astype(np.float32) for p in pairs]
        share = shares[0][:, None, None] * shares[1][:, None] * shares[2]
        s = []
        for axis, part in enumerate(coarse.flow()):
            if shape[axis % 3] == 1:
                s.append(np.zeros((1, 1, shape[2]), np.float32))
                continue
            part = part[np.ix_(*pairs)] * share
            # The last triangle forwards has no leg along its axis, the first backwards neither.
            np.moveaxis(part, axis % 3, 0)[-1 if axis < 3 else 0] = 0.0
            s.append(np.ascontiguousarray(part, np.float32))
        potential = coarse.phi / np.float32(coarse.tau)
        for axis in range(3):
            potential = refined(
                potential, axis, coarse.problem.centres[axis], problem.centres[axis]
            )
        # Flow times length is shared by the parts of a cell; slopes stay.
        halved = sum(m < n for m, n in zip(coarse.problem.shape, shape, strict=True))
        tau = coarse.tau * 0.5**halved
        fresh = cls(problem, s, tau)
        _project(*s, np.ascontiguousarray(potential, np.float32), fresh.slope, np.float32(-tau))
        return cls(problem, s, tau)

    def retarget(self, problem):
        """Go on from here for other masses on the same cells."""
        share = np.float32(self.problem.mass / problem.mass)
        for x in self.s:
            x *= share
        self.tau *= float(share)
        self.problem, self.b = problem, problem.b.astype(np.float32)
        _divergence(*self.s, self.b, self.slope, self.right)
        self.phi, self.right = self.poisson.solve(self.right), self.phi
        self._anchor()

    def flow(self):
        """The flow times length s + D phi, as `s`."""
        flow = [x.copy() for x in self.s]
        _project(*flow, self.phi, self.slope, np.float32(1.0))
        return flow

    def edge_flow(self):
        """What crosses from each cell to the next, one array per axis, in float64."""
        found = []
        forwards = self.flow()
        backwards = forwards[3:]
        for axis in range(3):
            part = forwards[axis].astype(np.float64)
            if self.problem.shape[axis] > 1:
                moved = np.moveaxis(part, axis, 0)
                moved[:-1] += np.moveaxis(backwards[axis], axis, 0)[1:]
                part *= self.slope[axis]
                found.append(part)
            else:
                found.append(np.zeros((1, 1, 1)))
        return found

    def potential(self):
        """f, nearly 1-Lipschitz."""
        return self.phi.astype(np.float64) / self.tau

    def run(self, steps):
        """Take so many steps."""
        for _ in range(steps):
            self._step()

    def _step(self):
        weight = np.float32((self.since + 1) / (self.since + 2))
        flows, slopes, moved = _STEP[self.even](
            *self.s, *self.anchor, self.phi, self.b, self.slope, *self.ratios,
            np.float32(self.tau), np.float32(_REFLECTION), weight, self.right,
        )  # fmt: skip
        self.phi, self.right = self.poisson.solve(self.right), self.phi
        self.steps += 1
        self.since += 1
        if self.since == 1:
            self.first = moved
        turned = moved <= _TURNED**2 * self.first and moved > self.last
        long = self.since >= max(10, _LONG * self.steps)
        self.last = moved
        if self.since > 1 and (moved <= _SHRUNK**2 * self.first or turned or long):
            self._restart(_BALANCE * math.sqrt(flows / slopes) if min(flows, slopes) > 0.0 else 1.0)

    def _restart(self, ratio):
        """Anchor the iteration here, with tau times `ratio`."""
        ratio = min(max(ratio, 1.0 / _MOST_RESCALED), _MOST_RESCALED)
        if abs(ratio - 1.0) > 0.05:
            # Flow and potential stay: s = m - tau D f.
            _project(*self.s, self.phi, self.slope, np.float32(1.0 - ratio))
            self.phi *= np.float32(ratio)
            self.tau *= ratio
        self._anchor()

    def _anchor(self):
        for anchor, now in zip(self.anchor, self.s, strict=True):
            anchor[...] = now
        self.since, self.last = 0, math.inf


def _nothing(shape):
    return [
        np.zeros(shape if shape[axis % 3] > 1 else (1, 1, shape[2]), np.float32)
        for axis in range(6)
    ]


# --- kernels -------------------------------------------------------------------------------------
# In the arrays of an axis of one cell all rows are the same row of zeros, and stay so.


@kernel
def _divergence(s0, s1, s2, t0, t1, t2, b, slope, right):
    """b - D^T (s, t) into `right`."""
    n0, n1, n2 = b.shape
    k0, k1, k2 = slope[0], slope[1], slope[2]
    for i in range(n0):
        for j in range(n1):
            row = right[i, j]
            s, t, given = s2[i, j], t2[i, j], b[i, j]
            for k in range(n2):
                row[k] = given[k] + k2 * (s[k] - t[k])
            inner = row[1:]
            for k in range(n2 - 1):
                inner[k] -= k2 * s[k]
            after = t[1:]
            for k in range(n2 - 1):
                row[k] += k2 * after[k]
            if n0 > 1:
                s, t = s0[i, j], t0[i, j]
                for k in range(n2):
                    row[k] += k0 * (s[k] - t[k])
                if i > 0:
                    s = s0[i - 1, j]
                    for k in range(n2):
                        row[k] -= k0 * s[k]
                if i < n0 - 1:
                    t = t0[i + 1, j]
                    for k in range(n2):
                        row[k] += k0 * t[k]
            if n1 > 1:
                s, t = s1[i, j], t1[i, j]
                for k in range(n2):
                    row[k] += k1 * (s[k] - t[k])
                if j > 0:
                    s = s1[i, j - 1]
                    for k in range(n2):
                        row[k] -= k1 * s[k]
                if j < n1 - 1:
                    t = t1[i, j + 1]
                    for k in range(n2):
                        row[k] += k1 * t[k]


@kernel
def _project(s0, s1, s2, t0, t1, t2, phi, slope, share):
    """(s, t) <- (s, t) + share D phi, in place."""
    n0, n1, n2 = phi.shape
    k0, k1, k2 = share * slope[0], share * slope[1], share * slope[2]
    for i in range(n0):
        for j in range(n1):
            p = phi[i, j]
            s, t = s2[i, j], t2[i, j, 1:]
            for k in range(n2 - 1):
                g = k2 * (p[k + 1] - p[k])
                s[k] += g
                t[k] += g
            if i < n0 - 1:
                s, t, q = s0[i, j], t0[i + 1, j], phi[i + 1, j]
                for k in range(n2):
                    g = k0 * (q[k] - p[k])
                    s[k] += g
                    t[k] += g
            if j < n1 - 1:
                s, t, q = s1[i, j], t1[i, j + 1], phi[i, j + 1]
                for k in range(n2):
                    g = k1 * (q[k] - p[k])
                    s[k] += g
                    t[k] += g


@jit
def _row(s, i, j):
    """Row (i, j) of the cells, or the one row that stands for all."""
    return s[i if s.shape[0] > 1 else 0, j if s.shape[1] > 1 else 0]


def _step_kernel(even):
    """The step on axes that are all even, or on any: a constant of the kernel.

    On even axes P below is the projection on a ball of radius tau. With legs c times the mean
    distance it is one on an ellipsoid: z_a = y_a c_a^2 / (c_a^2 + l) with |z / c| = tau, where l
    comes from Newton's method on 1 / |z / c|, which is nearly linear in l.
    """

    @kernel
    def step(
        s0, s1, s2, t0, t1, t2, a0, a1, a2, b0, b1, b2, phi, b, slope, c0, c1, c2, tau, share,
        weight, right,
    ):  # fmt: skip
        """A step of the iteration: s forwards, t backwards in place; b - D^T (s, t) into `right`.

        s <- anchor + weight (s + share (g - P(s + 2 g)) - anchor), g = D phi.

        Returns
        -------
        flows, slopes, moved : float
            Squared sums of the flow s + D phi, of D phi, and of the step.
        """
        n0, n1, n2 = phi.shape
        one = tau / tau
        zero = tau - tau
        most = tau * tau
        all_flows = all_slopes = all_moved = 0.0
        x2, legs = np.empty_like(phi[0, 0]), np.empty_like(c2)
        for i in range(n0):
            for j in range(n1):
                p = phi[i, j]
                for way in range(2):
                    sign = one - way - way
                    k0, k1, k2 = sign * slope[0], sign * slope[1], sign * slope[2]
                    if way == 0:
                        x0 = phi[i + 1, j] if i < n0 - 1 else p
                        x1 = phi[i, j + 1] if j < n1 - 1 else p
                        for k in range(n2 - 1):
                            x2[k] = p[k + 1]
                            legs[k] = c2[k]
                        x2[n2 - 1] = p[n2 - 1]
                        legs[n2 - 1] = one
                        e0, e1 = c0[i] * c0[i], c1[j] * c1[j]
                        r0, r1, r2 = _row(s0, i, j), _row(s1, i, j), _row(s2, i, j)
                        h0, h1, h2 = _row(a0, i, j), _row(a1, i, j), _row(a2, i, j)
                    else:
                        x0 = phi[i - 1, j] if i > 0 else p
                        x1 = phi[i, j - 1] if j > 0 else p
                        for k in range(1, n2):
                            x2[k] = p[k - 1]
                            legs[k] = c2[k - 1]
                        x2[0] = p[0]
                        legs[0] = one
                        e0, e1 = c0[max(i - 1, 0)], c1[max(j - 1, 0)]
                        e0, e1 = e0 * e0, e1 * e1
                        r0, r1, r2 = _row(t0, i, j), _row(t1, i, j), _row(t2, i, j)
                        h0, h1, h2 = _row(b0, i, j), _row(b1, i, j), _row(b2, i, j)
                    flows = slopes = moved = zero
                    for k in range(n2):
                        g0 = k0 * (x0[k] - p[k])
                        g1 = k1 * (x1[k] - p[k])
                        g2 = k2 * (x2[k] - p[k])
                        f0 = r0[k] + g0
                        f1 = r1[k] + g1
                        f2 = r2[k] + g2
                        y0 = f0 + g0
                        y1 = f1 + g1
                        y2 = f2 + g2
                        if even:
                            size = y0 * y0 + y1 * y1 + y2 * y2
                            shrink = math.sqrt(most / size) if size > most else one
                            y0, y1, y2 = shrink * y0, shrink * y1, shrink * y2
                        else:
                            e2 = legs[k] * legs[k]
                            q0, q1, q2 = y0 * y0 * e0, y1 * y1 * e1, y2 * y2 * e2
                            root = zero
                            if q0 / (e0 * e0) + q1 / (e1 * e1) + q2 / (e2 * e2) > most:
                                for _ in range(6):
                                    u0, u1, u2 = (
                                        one / (e0 + root),
                                        one / (e1 + root),
                                        one / (e2 + root),
                                    )
                                    v0, v1, v2 = q0 * u0 * u0, q1 * u1 * u1, q2 * u2 * u2
                                    size = v0 + v1 + v2
                                    slant = v0 * u0 + v1 * u1 + v2 * u2
                                    root += size * (math.sqrt(size) / tau - one) / slant
                            y0, y1, y2 = (
                                y0 * e0 / (e0 + root),
                                y1 * e1 / (e1 + root),
                                y2 * e2 / (e2 + root),
                            )
                        d0, d1, d2 = g0 - y0, g1 - y1, g2 - y2
                        flows += f0 * f0 + f1 * f1 + f2 * f2
                        slopes += g0 * g0 + g1 * g1 + g2 * g2
                        moved += d0 * d0 + d1 * d1 + d2 * d2
                        r0[k] = h0[k] + weight * (r0[k] + share * d0 - h0[k])
                        r1[k] = h1[k] + weight * (r1[k] + share * d1 - h1[k])
                        r2[k] = h2[k] + weight * (r2[k] + share * d2 - h2[k])
                    all_flows += flows
                    all_slopes += slopes
                    all_moved += moved
        _divergence(s0, s1, s2, t0, t1, t2, b, slope, right)
        return all_flows, all_slopes, all_moved

    return step


_STEP = {even: _step_kernel(even) for even in (True, False)}
