"""The turns of WGAN's algorithm 1 on the line: critic updates, then generator updates, in place.

Either player may see exact expectations or minibatches. The generator descends E_g[u] = sum q u, q
the masses of p_g, u = -f + E_r f, -log sigmoid f or log(1 - sigmoid f) on the cells:

    cells, q ~ w e^theta    exact     dE_g[u]/dtheta_i = q_i (u_i - E_g u)
                            score     (1/m) sum_k u(y_k) ([y_k = i] - q_i),  y_k drawn from q
    shift, y = z + theta    exact     sum_i q0_i u'(y_i + theta)
                            pathwise  (1/m) sum_k u'(z_k + theta),  z_k drawn from q0

where u is linear between the cells, so that a shifted mass counts as its shares in the two cells
around it; what is shifted beyond the last cell stays there.
"""

import math

from ratiogan._jit import inlined, jit, kernel
from ratiogan._vmath import exp
from ratiogan.logits import sigmoid, softplus
from ratiogan.solvers.critics import back, evaluate
from ratiogan.solvers.minibatch import fill_guide, look_up
from ratiogan.solvers.optimizers import descend
from ratiogan.solvers.softmax import CONSTANT, exact_gradient, score_gradient

# Places in `counts`.
TURN, HALF_AT_BOUND = range(2)


def draws_per_turn(disc_steps, gen_steps, batch, sampled):
    """How many uniform numbers one turn takes; `sampled`: the generator's gradient too."""
    return batch * (2 * disc_steps + (gen_steps if sampled else 0))


# --- kernels -------------------------------------------------------------------------------------


@inlined
def place(problem, state, shifts):
    """The masses of p_g, from theta."""
    points, _, masses, base = problem[:4]
    _, theta, gen, _ = state
    n = gen.size
    if not shifts:
        top = theta[0]
        for i in range(1, n):
            top = theta[i] if theta[i] > top else top
        whole = 0.0
        for i in range(n):
            gen[i] = masses[i] * exp(theta[i] - top)
            whole += gen[i]
        for i in range(n):
            gen[i] /= whole
        return
    gen[:] = 0.0
    left = 0
    for i in range(n):
        left, share = _where(points, points[i] + theta[0], left)
        gen[left] += base[i] * (1.0 - share)
        gen[left + 1] += base[i] * share


@jit
def _where(points, x, left):
    """The cell left of x, sought from `left` on, and how far x is on the way to the next one."""
    last = points.size - 2
    while left < last and points[left + 1] <= x:
        left += 1
    share = (x - points[left]) / (points[left + 1] - points[left])
    share = 0.0 if share < 0.0 else share
    return left, 1.0 if share > 1.0 else share


@jit
def _rise(points, u, x):
    """The slope of u at x: 0 beyond the cells, that to the right at a cell."""
    last = points.size - 1
    if x < points[0] or x >= points[last]:
        return 0.0
    left, right = 0, last
    while right - left > 1:
        middle = (left + right) // 2
        if points[middle] <= x:
            left = middle
        else:
            right = middle
    return (u[right] - u[left]) / (points[right] - points[left])


@inlined
def _ascent(masses, gen, values, real_found, gen_found, logits, batch, ascent):
    """How E_r f - E_g f, or E_r log sigmoid f + E_g log(1 - sigmoid f), grows with f.

    Times the batch, where there is one: of the first that leaves whole numbers.
    """
    if batch == 0:
        for i in range(ascent.size):
            if logits:
                ascent[i] = masses[i] * sigmoid(-values[i]) - gen[i] * sigmoid(values[i])
            else:
                ascent[i] = masses[i] - gen[i]
        return
    ascent[:] = 0.0
    for k in range(batch):
        i, j = real_found[k], gen_found[k]
        ascent[i] += sigmoid(-values[i]) if logits else 1.0
        ascent[j] -= sigmoid(values[j]) if logits else 1.0


@inlined
def _critic_turn(problem, state, memory, work, rule, codes, rates, uniforms):
    """All updates of the critic in one turn; its values are left in `state`."""
    _, gaps, masses, _, real_sums, real_guide, _, _ = problem
    weights, _, gen, values = state
    ascent, gradient, gen_sums, gen_guide, _, _, found, other = work
    relu, logits, _, _, _, batch, disc_steps, _ = codes
    alpha, _, clip = rates
    first, second, count = memory
    if batch:
        fill_guide(gen, gen_sums, gen_guide)
    for step in range(disc_steps):
        if batch:
            begin = 2 * batch * step
            look_up(real_sums, real_guide, uniforms[begin : begin + batch], found)
            look_up(gen_sums, gen_guide, uniforms[begin + batch : begin + 2 * batch], other)
        if logits:
            evaluate(weights, gaps, relu, values)
        _ascent(masses, gen, values, found, other, logits, batch, ascent)
        back(ascent, 1.0 / batch if batch else 1.0, gaps, relu, not logits, gradient)
        descend(rule[0], rule[1], -alpha, gradient, weights, first, second, count, clip)
    evaluate(weights, gaps, relu, values)


@inlined
def gen_gradient(problem, state, work, codes, uniforms):
    """The gradient of the generator's loss in theta, into the work space."""
    points, _, masses, base, _, _, base_sums, base_guide = problem
    _, theta, gen, values = state
    _, _, gen_sums, gen_guide, u, gradient, found, _ = work
    _, logits, shifts, sampled, by_mass, batch, _, _ = codes
    n = gen.size
    level = 0.0
    for i in range(n):
        level += masses[i] * values[i]
    for i in range(n):
        if logits == 0:
            u[i] = level - values[i]
        else:
            u[i] = softplus(-values[i]) if logits == 1 else -softplus(values[i])
    if shifts:
        gradient[0] = 0.0
        if sampled:
            look_up(base_sums, base_guide, uniforms, found)
            for k in range(batch):
                gradient[0] += _rise(points, u, points[found[k]] + theta[0]) / batch
        else:
            for i in range(n):
                gradient[0] += base[i] * _rise(points, u, points[i] + theta[0])
        return
    if sampled:
        fill_guide(gen, gen_sums, gen_guide)
        look_up(gen_sums, gen_guide, uniforms, found)
        score_gradient(CONSTANT, 0.0, u, gen, found, gradient)
    else:
        exact_gradient(u, gen, gradient)
    if by_mass:
        for i in range(n):
            gradient[i] /= masses[i]


@kernel
def take_turns(problem, state, disc, gener, work, rule, codes, rates, uniforms, counts, turns):
    """`turns` times: the critic's updates, then the generator's.

    Parameters
    ----------
    problem : points, gaps, masses w, base q0, and running sums and guide tables of w and q0
    state : weights of the critic, theta, masses q of p_g, values f
    disc, gener : m, v and the count of each player's optimizer
    work : ascent, gradient, sums, guide, u, gradient in theta, drawn cells (twice)
    rule : code and constants of the optimizer
    codes : relu, logits (1 non-saturating, 2 minimax), shifts, sampled, by_mass (0 or 1), batch
        (0: exact), disc_steps, gen_steps
    rates : alpha_disc, alpha_gen, clip
    uniforms : array (turns, draws_per_turn)
    counts : TURN, and the first one after which half of the weights sat at the bound, or -1
    """
    weights, theta, _, _ = state
    gradient = work[5]
    _, _, shifts, sampled, _, batch, disc_steps, gen_steps = codes
    first, second, count = gener
    for turn in range(turns):
        _critic_turn(problem, state, disc, work, rule, codes, rates, uniforms[turn])
        for step in range(gen_steps):
            begin = 2 * batch * disc_steps + (batch * step if sampled else 0)
            end = begin + (batch if sampled else 0)
            gen_gradient(problem, state, work, codes, uniforms[turn, begin:end])
            descend(rule[0], rule[1], rates[1], gradient, theta, first, second, count, math.inf)
            place(problem, state, shifts)
        counts[TURN] += 1
        if counts[HALF_AT_BOUND] < 0:
            reached = 0
            for i in range(1, weights.size):
                reached += abs(weights[i]) >= rates[2]
            if 2 * reached >= weights.size - 1:
                counts[HALF_AT_BOUND] = counts[TURN]
