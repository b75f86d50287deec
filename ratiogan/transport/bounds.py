"""Two bounds on W1 in the Manhattan metric, from any potential and from any flow.

Both are proofs whatever they are given: the potential is made 1-Lipschitz first, the divergence
of the flow exact.
"""

import numpy as np

from ratiogan._jit import kernel
from ratiogan.sums import ordered_sum
from ratiogan.transport.flows import cost, divergence, project
from ratiogan.transport.poisson import NeumannPoisson


def lower_bound(potential, problem):
    """The bound by a potential made 1-Lipschitz, and this potential.

    f(x) = max over sinks y of f(y) - |x - y|_1, then f(x) = min over sources of f(y) + |x - y|_1:
    the first keeps every sink at least as high and is 1-Lipschitz everywhere, and so all sources
    are as low as the sinks allow; the second raises the sinks to what these sources allow.
    """
    b, gaps = problem.b, problem.gaps
    f = potential.astype(np.float64)
    # Of a potential that is far from 0 throughout, sums with distances would round off too much.
    f -= f[b > 0.0].max()
    for sign in (1.0, -1.0):
        _turn(f, b, sign)
        _distance_transform(f, *gaps)
    return ordered_sum(f, b), f


def upper_bound(flow, problem):
    """The bound by a flow of float64 with its divergence made exact, in place.

    Returns
    -------
    upper : float
        What it costs, with what would make its divergence exact to the last bit.
    flow : list of arrays
    """
    right = np.empty(problem.shape)
    divergence(*flow, problem.b, right)
    phi = NeumannPoisson(problem.shape, np.float64).solve(right)
    project(*flow, phi, 1.0)
    divergence(*flow, problem.b, right)
    upper = cost(*flow, np.zeros_like(phi), *problem.gaps)
    # What is still off could be brought in order across the whole grid.
    return upper + 0.5 * float(np.abs(right).sum()) * problem.width, flow


# --- kernels -------------------------------------------------------------------------------------


@kernel
def _turn(f, b, sign):
    """-f where b has this sign, infinity elsewhere, in place."""
    f, b = f.reshape(f.size), b.reshape(b.size)
    for k in range(f.size):
        f[k] = -f[k] if sign * b[k] > 0.0 else np.inf


@kernel
def _distance_transform(f, h0, h1, h2):
    """f(x) <- min over y of f(y) + |x - y|_1, in place: there and back along each axis."""
    n0, n1, n2 = f.shape
    rows = f.reshape(n0 * n1, n2)
    first = 0
    # Four rows at once: within one, every minimum waits for the last.
    while first + 4 <= n0 * n1:
        a = rows[first]
        b = rows[first + 1]
        c = rows[first + 2]
        d = rows[first + 3]
        for k in range(1, n2):
            h = h2[k - 1]
            a[k] = min(a[k], a[k - 1] + h)
            b[k] = min(b[k], b[k - 1] + h)
            c[k] = min(c[k], c[k - 1] + h)
            d[k] = min(d[k], d[k - 1] + h)
        for k in range(n2 - 2, -1, -1):
            h = h2[k]
            a[k] = min(a[k], a[k + 1] + h)
            b[k] = min(b[k], b[k + 1] + h)
            c[k] = min(c[k], c[k + 1] + h)
            d[k] = min(d[k], d[k + 1] + h)
        first += 4
    for row in range(first, n0 * n1):
        a = rows[row]
        for k in range(1, n2):
            a[k] = min(a[k], a[k - 1] + h2[k - 1])
        for k in range(n2 - 2, -1, -1):
            a[k] = min(a[k], a[k + 1] + h2[k])
    for i in range(n0):
        for j in range(1, n1):
            _lower_row(f[i, j], f[i, j - 1], h1[j - 1])
        for j in range(n1 - 2, -1, -1):
            _lower_row(f[i, j], f[i, j + 1], h1[j])
    for i in range(1, n0):
        for j in range(n1):
            _lower_row(f[i, j], f[i - 1, j], h0[i - 1])
    for i in range(n0 - 2, -1, -1):
        for j in range(n1):
            _lower_row(f[i, j], f[i + 1, j], h0[i])


@kernel
def _lower_row(row, beside, gap):
    for k in range(row.size):
        other = beside[k] + gap
        row[k] = other if other < row[k] else row[k]
