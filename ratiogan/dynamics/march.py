"""The loop that takes the steps, and the built-in fields as compiled code.

One text serves three kinds of fields. Compiled as it stands, `march` runs the built-in fields (an
integer names the field: one compilation for all fields and methods). `own_march` is the same text
with the field, and for arrays of any size the elementwise work, exchanged: a field of your own in
Python, one compiled by Numba, or a game on a grid.

States are 1-D arrays, the generator's coordinates first. A velocity is (theta_G', theta_D'): the
generator's downhill on its loss, the discriminator's uphill on V.
"""

import math
import types
from functools import cache

import numba
import numpy as np

from ratiogan._jit import exact, strict

# Codes of the built-in fields.
BILINEAR, DIRAC, UNIFORM, LINEAR_QUADRATIC, LINEAR_PAIR = range(5)

# Codes of the concave f of V = E f(D(x)) + E f(-D(G(z))).
LOGISTIC, LINEAR, EXPONENTIAL = range(3)

# Codes of what the Dirac-GAN's discriminator pays for its slope.
FREE, SQUARED_SLOPE, SLOPE_TO_TARGET, NOISE = range(4)

# Codes of the methods that take steps.
SIMULTANEOUS, ALTERNATING, IMPLICIT, EXTRAGRADIENT, OPTIMISTIC, MOMENTUM, MOMENTUM_IN_TURN = range(
    7
)

# Gauss-Hermite: expectations over N(0, 1), exact for polynomials up to degree 79.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / math.sqrt(2.0 * math.pi)


@exact
def slope(f, t):
    """f'(t)."""
    if f == LOGISTIC:
        return 1.0 / (1.0 + np.exp(t))
    if f == EXPONENTIAL:
        return np.exp(-t)
    return 1.0 + 0.0 * t


@exact
def curvature(f, t):
    """f''(t)."""
    if f == LOGISTIC:
        rest = 1.0 / (1.0 + np.exp(t))
        return -rest * (1.0 / (1.0 + np.exp(-t)))
    if f == EXPONENTIAL:
        return -np.exp(-t)
    return 0.0 * t


@exact
def dirac_pair(theta, psi, rise, away, penalty, gamma, target):
    """The Dirac-GAN's velocity, where f'(theta psi) and the generator's slope are known."""
    push = theta * rise
    if penalty == SQUARED_SLOPE:
        push -= gamma * psi
    elif penalty == SLOPE_TO_TARGET:
        side = 1.0 if psi.real > 0.0 else -1.0 if psi.real < 0.0 else 0.0
        push -= gamma * (psi - side * target)
    return -psi * away, push


@exact
def uniform_pair(a, w, third):
    """The velocity of the WGAN on the uniform distribution."""
    return 2.0 * third * w * a, third * (1.0 - a * a)


@strict
def velocity(code, p, z, out):
    """The velocity of a built-in field with parameters `p` at `z`, real or complex."""
    if code == BILINEAR:
        rows, columns = int(p[0]), int(p[1])
        for i in range(rows):
            out[i] = 0.0 * z[0]
        for j in range(columns):
            out[rows + j] = 0.0 * z[0]
        for i in range(rows):
            for j in range(columns):
                weight = p[2 + i * columns + j]
                out[i] -= weight * z[rows + j]
                out[rows + j] += weight * z[i]
    elif code == DIRAC:
        f, saturating, penalty, gamma, target = int(p[0]), p[1] > 0.0, int(p[2]), p[3], p[4]
        theta, psi = z[0], z[1]
        if penalty == NOISE:
            gen, disc = 0.0 * theta, 0.0 * theta
            for k in range(_NODES.size):
                noise = gamma * _NODES[k]
                fake = theta + noise
                rise = slope(f, fake * psi)
                gen -= _WEIGHTS[k] * psi * (rise if saturating else slope(f, -fake * psi))
                disc += _WEIGHTS[k] * (fake * rise - noise * slope(f, -noise * psi))
            out[0], out[1] = gen, disc
        else:
            rise = slope(f, theta * psi)
            away = rise if saturating else slope(f, -theta * psi)
            out[0], out[1] = dirac_pair(theta, psi, rise, away, penalty, gamma, target)
    elif code == UNIFORM:
        out[0], out[1] = uniform_pair(z[0], z[1], p[0])
    elif code == LINEAR_PAIR:
        f, mean, sd = int(p[0]), p[1], p[2]
        a, w = z[0], z[1]
        gen, disc = 0.0 * a, 0.0 * a
        for k in range(_NODES.size):
            x = mean + sd * _NODES[k]
            fake = slope(f, -w * a * x)
            gen += _WEIGHTS[k] * fake * w * x
            disc += _WEIGHTS[k] * (x * slope(f, w * x) - a * x * fake)
        out[0], out[1] = gen, disc
    else:
        f, mean, sd = int(p[0]), p[1], p[2]
        a, b, first, second = z[0], z[1], z[2], z[3]
        for i in range(4):
            out[i] = 0.0 * a
        for k in range(_NODES.size):
            x, made = mean + sd * _NODES[k], a * _NODES[k] + b
            real = _WEIGHTS[k] * slope(f, first * x + second * x * x)
            fake = _WEIGHTS[k] * slope(f, -(first * made + second * made * made))
            push = fake * (first + 2.0 * second * made)
            out[0] += push * _NODES[k]
            out[1] += push
            out[2] += real * x - fake * made
            out[3] += real * x * x - fake * made * made


@strict
def jacobian(code, p, z, out):
    """d velocity / d z of a built-in field, into `out` (n, n)."""
    n = z.size
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0 * z[0]
    if code == BILINEAR:
        rows, columns = int(p[0]), int(p[1])
        for i in range(rows):
            for j in range(columns):
                out[i, rows + j] -= p[2 + i * columns + j]
                out[rows + j, i] += p[2 + i * columns + j]
    elif code == DIRAC:
        f, saturating, penalty, gamma = int(p[0]), p[1] > 0.0, int(p[2]), p[3]
        theta, psi = z[0], z[1]
        nodes = _NODES.size if penalty == NOISE else 1
        for k in range(nodes):
            weight = _WEIGHTS[k] if penalty == NOISE else 1.0
            noise = gamma * _NODES[k] if penalty == NOISE else 0.0
            fake = theta + noise
            rise, bend = slope(f, fake * psi), curvature(f, fake * psi)
            away = rise if saturating else slope(f, -fake * psi)
            turn = bend if saturating else -curvature(f, -fake * psi)
            out[0, 0] -= weight * psi * psi * turn
            out[0, 1] -= weight * (away + psi * fake * turn)
            out[1, 0] += weight * (rise + fake * psi * bend)
            out[1, 1] += weight * fake * fake * bend
            if penalty == NOISE:
                out[1, 1] += weight * noise * noise * curvature(f, -noise * psi)
        if penalty == SQUARED_SLOPE or penalty == SLOPE_TO_TARGET:
            out[1, 1] -= gamma
    elif code == UNIFORM:
        a, w, third = z[0], z[1], p[0]
        out[0, 0] = 2.0 * third * w
        out[0, 1] = 2.0 * third * a
        out[1, 0] = -2.0 * third * a
    elif code == LINEAR_PAIR:
        f, mean, sd = int(p[0]), p[1], p[2]
        a, w = z[0], z[1]
        for k in range(_NODES.size):
            x = mean + sd * _NODES[k]
            fake, bend = slope(f, -w * a * x), curvature(f, -w * a * x)
            out[0, 0] -= _WEIGHTS[k] * bend * w * w * x * x
            cross = _WEIGHTS[k] * (fake * x - bend * w * a * x * x)
            out[0, 1] += cross
            out[1, 0] -= cross
            out[1, 1] += _WEIGHTS[k] * x * x * (curvature(f, w * x) + a * a * bend)
    else:
        f, mean, sd = int(p[0]), p[1], p[2]
        a, b, first, second = z[0], z[1], z[2], z[3]
        for k in range(_NODES.size):
            noise, weight = _NODES[k], _WEIGHTS[k]
            x, made = mean + sd * noise, a * noise + b
            value = first * made + second * made * made
            fake, bend = weight * slope(f, -value), weight * curvature(f, -value)
            real = weight * curvature(f, first * x + second * x * x)
            rise = first + 2.0 * second * made
            # d(fake rise)/d made, and what both discriminator weights do to it
            push = fake * 2.0 * second - bend * rise * rise
            by_first, by_second = (
                fake - bend * made * rise,
                2.0 * fake * made - bend * made * made * rise,
            )
            out[0, 0] += push * noise * noise
            out[0, 1] += push * noise
            out[1, 0] += push * noise
            out[1, 1] += push
            out[0, 2] += by_first * noise
            out[0, 3] += by_second * noise
            out[1, 2] += by_first
            out[1, 3] += by_second
            out[2, 0] -= by_first * noise
            out[2, 1] -= by_first
            out[3, 0] -= by_second * noise
            out[3, 1] -= by_second
            out[2, 2] += real * x * x + bend * made * made
            out[2, 3] += real * x * x * x + bend * made * made * made
            out[3, 2] += real * x * x * x + bend * made * made * made
            out[3, 3] += real * x * x * x * x + bend * made * made * made * made


@strict
def felt(code, p, n_gen, eta, consensus, z, out, work, matrix):
    """The velocity with both regularisers.

    The generator's -eta grad_G |grad_D V|^2 is -2 eta J_DG^T v_D (Nagarajan and Kolter 2017), both
    players' -consensus grad |v|^2/2 is -consensus J^T v (Mescheder, Nowozin and Geiger 2017).
    """
    velocity(code, p, z, out)
    if eta == 0.0 and consensus == 0.0:
        return
    jacobian(code, p, z, matrix)
    n = z.size
    for j in range(n):
        both, disc = 0.0 * z[0], 0.0 * z[0]
        for i in range(n):
            both += matrix[i, j] * out[i]
            if i >= n_gen:
                disc += matrix[i, j] * out[i]
        work[j] = consensus * both
        if j < n_gen:
            work[j] += 2.0 * eta * disc
    for j in range(n):
        out[j] -= work[j]


@strict
def correct(code, p, n_gen, eta, consensus, rates, z, residual, matrix, out):
    """Newton's correction of an implicit step: (I - rates J) out = residual, by elimination.

    The regularisers enter with their part of first order; Newton then takes a step or two more.
    """
    n = z.size
    jacobian(code, p, z, matrix)
    solved = np.zeros((n, n + 1))
    for i in range(n):
        for j in range(n):
            entry = matrix[i, j]
            if consensus != 0.0:
                for k in range(n):
                    entry -= consensus * matrix[k, i] * matrix[k, j]
            if eta != 0.0 and i < n_gen:
                for k in range(n_gen, n):
                    entry -= 2.0 * eta * matrix[k, i] * matrix[k, j]
            solved[i, j] = -rates[i] * entry
        solved[i, i] += 1.0
        solved[i, n] = residual[i]
    for column in range(n):
        best = column
        for i in range(column + 1, n):
            if abs(solved[i, column]) > abs(solved[best, column]):
                best = i
        if best != column:
            for j in range(n + 1):
                solved[column, j], solved[best, j] = solved[best, j], solved[column, j]
        for i in range(column + 1, n):
            factor = solved[i, column] / solved[column, column]
            for j in range(column, n + 1):
                solved[i, j] -= factor * solved[column, j]
    for i in range(n - 1, -1, -1):
        total = solved[i, n]
        for j in range(i + 1, n):
            total -= solved[i, j] * out[j]
        out[i] = total / solved[i, i]


@exact
def shift(z, rates, v, lower, upper, a, b, out):
    """z + rates v of the coordinates from a to b, kept within bounds, into `out`; NaN stays NaN."""
    for i in range(a, b):
        moved = z[i] + rates[i] * v[i]
        if moved < lower[i]:
            moved = lower[i]
        elif moved > upper[i]:
            moved = upper[i]
        out[i] = moved


@strict
def blend(a, x, b, y, out):
    """a x + b y, into `out`."""
    for i in range(x.size):
        out[i] = a * x[i] + b * y[i]


@exact
def put(x, out):
    """x, into `out`; as a loop, because a copy of slices takes seconds to compile."""
    for i in range(x.size):
        out[i] = x[i]


@strict
def push_on(z, last, beta, out):
    """z + beta (z - last), into `out`."""
    for i in range(z.size):
        out[i] = z[i] + beta[i] * (z[i] - last[i])


@exact
def size_of(v):
    """The Euclidean norm."""
    total = 0.0
    for i in range(v.size):
        total += v[i] * v[i]
    return math.sqrt(total)


# How a march ends.
ALL_STEPS, AT_REST, NOT_FINITE, NO_SOLUTION = range(4)
_NEWTON_STEPS = 60


@strict
def march(
    code, p, n_gen, eta, consensus, method, rates, beta, gen_steps, disc_steps, gen_first,
    lower, upper, z, tol, most, keep, out,
):  # fmt: skip
    """Take up to `most` steps from `z`, in place; the states at the steps `keep` go into `out`.

    `rates` and `beta` hold one number per coordinate. Ends early where |v| < tol, or where v is no
    longer finite.

    Returns
    -------
    (int, int, int)
        Steps taken, rows of `out` filled, and how it ended.
    """
    n = z.size
    v, work, ahead, last = np.empty(n), np.empty(n), np.empty(n), z.copy()
    v_last = np.empty(n)
    matrix = np.empty((n, n))
    # The coordinates of who moves first, from a to b, and of the other, from c to d.
    a, b, c, d = (0, n_gen, n_gen, n) if gen_first else (n_gen, n, 0, n_gen)
    first_steps, second_steps = gen_steps, disc_steps
    if not gen_first:
        first_steps, second_steps = disc_steps, gen_steps
    row = 0
    step = 0
    while True:
        if row < keep.size and keep[row] == step:
            put(z, out[row])
            row += 1
        felt(code, p, n_gen, eta, consensus, z, v, work, matrix)
        speed = size_of(v)
        if not speed < np.inf:
            return step, row, NOT_FINITE
        if speed < tol:
            return step, row, AT_REST
        if step == most:
            return step, row, ALL_STEPS
        if method == SIMULTANEOUS:
            shift(z, rates, v, lower, upper, 0, n, z)
        elif method == ALTERNATING:
            shift(z, rates, v, lower, upper, a, b, z)
            for _ in range(1, first_steps):
                felt(code, p, n_gen, eta, consensus, z, v, work, matrix)
                shift(z, rates, v, lower, upper, a, b, z)
            for _ in range(second_steps):
                felt(code, p, n_gen, eta, consensus, z, v, work, matrix)
                shift(z, rates, v, lower, upper, c, d, z)
        elif method == EXTRAGRADIENT:
            shift(z, rates, v, lower, upper, 0, n, ahead)
            felt(code, p, n_gen, eta, consensus, ahead, v, work, matrix)
            shift(z, rates, v, lower, upper, 0, n, z)
        elif method == OPTIMISTIC:
            if step == 0:
                put(v, v_last)
            blend(2.0, v, -1.0, v_last, ahead)
            put(v, v_last)
            shift(z, rates, ahead, lower, upper, 0, n, z)
        elif method == MOMENTUM:
            push_on(z, last, beta, ahead)
            put(z, last)
            shift(ahead, rates, v, lower, upper, 0, n, z)
        elif method == MOMENTUM_IN_TURN:
            push_on(z, last, beta, ahead)
            put(z, last)
            shift(ahead, rates, v, lower, upper, a, b, z)
            felt(code, p, n_gen, eta, consensus, z, v, work, matrix)
            shift(ahead, rates, v, lower, upper, c, d, z)
        else:  # IMPLICIT: z' = z + rates v(z')
            shift(z, rates, v, lower, upper, 0, n, ahead)
            solved = False
            smallest = np.inf
            for _ in range(_NEWTON_STEPS):
                felt(code, p, n_gen, eta, consensus, ahead, v, work, matrix)
                shift(z, rates, v, lower, upper, 0, n, v_last)
                blend(1.0, v_last, -1.0, ahead, v_last)
                error = size_of(v_last)
                if error <= 4e-16 * (size_of(ahead) + size_of(z)):
                    solved = True
                    break
                correct(code, p, n_gen, eta, consensus, rates, ahead, v_last, matrix, work)
                blend(1.0, ahead, 1.0, work, ahead)
                moved = size_of(work)
                # Solved to rounding: corrections that shrink no more are what v is off by.
                if moved <= 4e-16 * size_of(ahead) or smallest / 2 < moved < 1e-12:
                    solved = True
                    break
                smallest = min(smallest, moved)
            if not solved:
                return step, row, NO_SOLUTION
            put(ahead, z)
        step += 1


@strict
def march_rows(
    code, p, n_gen, eta, consensus, method, rates, beta, gen_steps, disc_steps, gen_first,
    lower, upper, z, tol, most, keep, out, steps, ends,
):  # fmt: skip
    """`march` from every row of `z`, one after the other."""
    for i in range(z.shape[0]):
        steps[i], _, ends[i] = march(
            code, p, n_gen, eta, consensus, method, rates, beta, gen_steps, disc_steps, gen_first,
            lower, upper, z[i], tol, most, keep, out[i],
        )  # fmt: skip


@strict
def velocities(code, p, n_gen, eta, consensus, z, out):
    """The velocity, regularisers included, at every row of `z`."""
    n = z.shape[1]
    work, matrix = np.empty(n, z.dtype), np.empty((n, n), z.dtype)
    for i in range(z.shape[0]):
        felt(code, p, n_gen, eta, consensus, z[i], out[i], work, matrix)


# --- the same text around other fields -----------------------------------------------------------


def _plain(function):
    """The Python function behind a kernel (itself where nothing is compiled)."""
    return getattr(function, "py_func", function)


def _rebound(function, **names):
    """The same text, with some of the functions that it calls exchanged."""
    function = _plain(function)
    return types.FunctionType(
        function.__code__, {**function.__globals__, **names}, function.__name__
    )


def march_of(velocity, correct, size):
    """`march` around a field in Python: its elementwise work done by NumPy.

    Parameters
    ----------
    velocity : callable
        ``velocity(z)``, regularisers included.
    correct : callable
        ``correct(z, rates, residual)``: the solution of (I - rates J) x = residual.
    size : callable
        ``size(v)``, the norm.
    """

    def felt(code, p, n_gen, eta, consensus, z, out, work, matrix):
        out[:] = velocity(z)

    def solve(code, p, n_gen, eta, consensus, rates, z, residual, matrix, out):
        out[:] = correct(z, rates, residual)

    def shift(z, rates, v, lower, upper, a, b, out):
        np.clip((z + rates * v)[a:b], lower[a:b], upper[a:b], out=out[a:b])

    def blend(a, x, b, y, out):
        out[:] = a * x + b * y

    def push_on(z, last, beta, out):
        out[:] = z + beta * (z - last)

    return _rebound(
        march, felt=felt, correct=solve, shift=shift, size_of=size, blend=blend, push_on=push_on,
        put=lambda x, out: np.copyto(out, x),
    )  # fmt: skip


@cache
def compiled_march(own):
    """`march_rows` around a field that Numba compiled; compiled once per process.

    Parameters
    ----------
    own : function compiled by ``numba.njit``
        ``own(z)`` returns as many numbers as `z` has.
    """

    def velocity(code, p, z, out):
        found = own(z)
        for i in range(z.size):
            out[i] = found[i]

    compiled = {"velocity": numba.njit(velocity)}
    for name, function in (
        ("jacobian", _differences), ("felt", felt), ("correct", correct),
        ("march", march), ("march_rows", march_rows),
    ):  # fmt: skip
        compiled[name] = numba.njit(_rebound(function, **compiled), error_model="numpy")
    return compiled["march_rows"]


def _differences(code, p, z, out):
    """The Jacobian by central differences, for a field of your own."""
    n = z.size
    ahead, above, below = z.copy(), np.empty(n), np.empty(n)
    for j in range(n):
        step = 6e-6 * max(1.0, abs(z[j]))
        ahead[j] = z[j] + step
        velocity(code, p, ahead, above)
        ahead[j] = z[j] - step
        velocity(code, p, ahead, below)
        ahead[j] = z[j]
        for i in range(n):
            out[i, j] = (above[i] - below[i]) / (2.0 * step)
