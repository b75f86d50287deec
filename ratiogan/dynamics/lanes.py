"""Many starts of a built-in field of two coordinates side by side: one start per vector lane."""

from functools import cache

import numpy as np

from ratiogan._jit import jit, kernel, wide_vectors
from ratiogan._vmath import exp
from ratiogan.dynamics.march import (
    ALTERNATING,
    BILINEAR,
    DIRAC,
    EXPONENTIAL,
    EXTRAGRADIENT,
    LOGISTIC,
    MOMENTUM,
    NOISE,
    OPTIMISTIC,
    SIMULTANEOUS,
    UNIFORM,
    dirac_pair,
    uniform_pair,
)

METHODS = (SIMULTANEOUS, ALTERNATING, EXTRAGRADIENT, OPTIMISTIC, MOMENTUM)
BLOCK = 256  # starts at a time: all they need stays in the first-level cache


@jit
def lane_slope(f, t):
    """f'(t) as `march.slope`, in vector code; `f` is a constant wherever this is compiled."""
    if f == LOGISTIC:
        return 1.0 / (1.0 + exp(t))
    if f == EXPONENTIAL:
        return exp(-t)
    return 1.0 + 0.0 * t


@jit
def lane_velocity(code, f, saturating, penalty, a, b, x, y):
    """The velocity at one state; the first four are constants wherever this is compiled."""
    if code == BILINEAR:
        return -a * y, a * x
    if code == UNIFORM:
        return uniform_pair(x, y, a)
    rise = lane_slope(f, x * y)
    away = rise if saturating else lane_slope(f, -x * y)
    return dirac_pair(x, y, rise, away, penalty, a, b)


def covers(field, method, turns):
    """Whether `run` can stand for the march."""
    if field.kernel is None or field.size != 2 or method.code not in METHODS:
        return False
    code, p = field.kernel
    if field.eta or field.consensus or turns != (1, 1):
        return False
    if np.isfinite([*field.lower, *field.upper]).any():
        return False
    return code in (BILINEAR, UNIFORM) or (code == DIRAC and p[2] != NOISE)


def run(field, method, starts, rates, beta, most, keep):
    """States (B, K, 2) at the steps `keep`, as the march finds them but for the last bits."""
    code, p = field.kernel
    shape = (int(p[0]), bool(p[1] > 0), int(p[2])) if code == DIRAC else (0, True, 0)
    numbers = {BILINEAR: (p[2:3], 0.0), UNIFORM: (p[0:1], 0.0)}.get(code, (p[3:4], p[4:5]))
    a, b = (float(np.ravel(number)[0]) for number in numbers)
    loop = _loop(code, *shape, method.code, method.gen_first)
    out = np.empty((keep.size, 2, len(starts)))
    for first in range(0, len(starts), BLOCK):
        block = slice(first, first + BLOCK)
        x, y = (np.array(starts[block, i]) for i in (0, 1))  # the loop writes into them
        room = np.zeros((4, x.size))
        loop(a, b, x, y, *rates, *beta, most, keep, room, out[:, :, block])
    return np.ascontiguousarray(out.transpose(2, 0, 1))


@cache
def _loop(code, f, saturating, penalty, method, gen_first):
    """The loop of one field and one method, compiled for them."""

    @kernel
    def loop(a, b, x, y, rate_x, rate_y, beta_x, beta_y, most, keep, room, out):
        wide_vectors()
        last_x, last_y, new_x, new_y = room[0], room[1], room[2], room[3]
        for i in range(x.size):
            last_x[i], last_y[i] = x[i], y[i]
            if method == OPTIMISTIC:
                last_x[i], last_y[i] = lane_velocity(code, f, saturating, penalty, a, b, x[i], y[i])
        row = 0
        for step in range(most + 1):
            if row < keep.size and keep[row] == step:
                for i in range(x.size):
                    out[row, 0, i] = x[i]
                    out[row, 1, i] = y[i]
                row += 1
            if step == most:
                break
            for i in range(x.size):
                here_x, here_y = x[i], y[i]
                v_x, v_y = lane_velocity(code, f, saturating, penalty, a, b, here_x, here_y)
                if method == SIMULTANEOUS:
                    new_x[i], new_y[i] = here_x + rate_x * v_x, here_y + rate_y * v_y
                elif method == MOMENTUM:
                    new_x[i] = here_x + beta_x * (here_x - last_x[i]) + rate_x * v_x
                    new_y[i] = here_y + beta_y * (here_y - last_y[i]) + rate_y * v_y
                    last_x[i], last_y[i] = here_x, here_y
                elif method == OPTIMISTIC:
                    new_x[i] = here_x + rate_x * (2.0 * v_x - last_x[i])
                    new_y[i] = here_y + rate_y * (2.0 * v_y - last_y[i])
                    last_x[i], last_y[i] = v_x, v_y
                else:  # where the second velocity is asked for
                    new_x[i], new_y[i] = here_x, here_y
                    if method == EXTRAGRADIENT or gen_first:
                        new_x[i] += rate_x * v_x
                    if method == EXTRAGRADIENT or not gen_first:
                        new_y[i] += rate_y * v_y
            if method == EXTRAGRADIENT or method == ALTERNATING:
                # In a loop of its own: with two velocities in one, it would not be vector code.
                for i in range(x.size):
                    w_x, w_y = lane_velocity(code, f, saturating, penalty, a, b, new_x[i], new_y[i])
                    if method == EXTRAGRADIENT or not gen_first:
                        new_x[i] = x[i] + rate_x * w_x
                    if method == EXTRAGRADIENT or gen_first:
                        new_y[i] = y[i] + rate_y * w_y
            x, new_x = new_x, x
            y, new_y = new_y, y

    return loop
