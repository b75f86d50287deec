"""The turns of a training run: discriminator updates, then generator updates, in place.

The discriminator descends E_r[l_r(phi)] + E_g[l_g(phi)] in its weights, phi = A_d weights; the
generator descends E_g[u(phi)] in its own:

    logits  p_g ~ p_0 e^(A_g theta)           gradients of `softmax`
    ratio   R itself                          u - E[u], then projected on {R >= 0, E[R] = 1}

A gradient in weights of blocks of cells is divided by their shares of p_r (``reference``), of p_g
(``fisher``, the natural gradient; the generator only), or by nothing (``euclidean``).
"""

import math
from functools import cache

from ratiogan._jit import inlined, kernel
from ratiogan._vmath import exp, log
from ratiogan.logits import (
    CROSS_ENTROPY,
    SOFTPLUS,
    disc_slopes,
    generator_value,
    generator_values,
    logistic_slopes,
    slope_pair,
    softplus_of,
)
from ratiogan.solvers.minibatch import draw_rows, fill_guide, look_up
from ratiogan.solvers.optimizers import clipped, descend, direction, unbiased
from ratiogan.solvers.softmax import EXACT, exact_gradient, score_gradient

EUCLIDEAN, REFERENCE, FISHER = range(3)
# What a block of turns ended on.
ALL_TAKEN, DISC_LOST, GEN_LOST = range(3)


def draws_per_turn(disc_steps, gen_steps, batch, sampled):
    """How many uniform numbers one turn takes; `sampled`: the generator's gradient too."""
    return batch * (2 * disc_steps + (gen_steps if sampled else 0))


# --- kernels -------------------------------------------------------------------------------------


@inlined
def pooled(values, block, scale, sums):
    """Sums over the cells of each weight, times `scale`, into `sums`."""
    if sums.size == values.size:
        for i in range(values.size):
            sums[i] = values[i] * scale[i]
        return
    sums[:] = 0.0
    for i in range(values.size):
        sums[block[i]] += values[i]
    for k in range(sums.size):
        sums[k] *= scale[k]


@inlined
def spread(weights, block, values):
    """The weight of every cell, into `values`."""
    if weights.size == values.size:
        for i in range(values.size):
            values[i] = weights[i]
    else:
        for i in range(values.size):
            values[i] = weights[block[i]]


@inlined
def expected_ascent(real, gen, real_slope, gen_slope, out):
    """dE_r[l_r] + E_g[l_g] in phi, cell by cell: exact expectations."""
    for i in range(out.size):
        out[i] = real[i] * real_slope[i] + gen[i] * gen_slope[i]


@inlined
def sampled_ascent(found_real, found_gen, real_slope, gen_slope, out):
    """The same from two minibatches."""
    out[:] = 0.0
    share = 1.0 / found_real.size
    for k in range(found_real.size):
        out[found_real[k]] += real_slope[found_real[k]] * share
        out[found_gen[k]] += gen_slope[found_gen[k]] * share


@inlined
def place(theta, block, base, centre, logs, gen):
    """The masses of p_g ~ base e^theta; False if they are no numbers.

    `centre` is the log of their sum at the last call: where theta has not moved far, no maximum
    needs to be looked for.
    """
    spread(theta, block, logs)
    for attempt in range(2):
        total = 0.0
        shift = centre[0]
        for i in range(gen.size):
            q = base[i] * exp(logs[i] - shift)
            gen[i] = q
            total += q
        if 1e-100 < total < 1e100:
            for i in range(gen.size):
                gen[i] /= total
            centre[0] = shift + log(total)
            return True
        if attempt == 0:
            top = -math.inf
            for i in range(gen.size):
                if base[i] > 0.0 and logs[i] > top:
                    top = logs[i]
            if not abs(top) < math.inf:
                return False
            centre[0] = top
    return False


@inlined
def project(masses, ratio):
    """R onto {R >= 0, E[R] = 1} in L2(p_r), in place; False if R is not finite.

    R <- max(0, R - t): cells that fall below 0 leave, and t is found anew, until none does
    (Michelot 1986).
    """
    left, level = ratio.size + 1, -math.inf
    while True:
        count = 0
        mass = whole = 0.0
        for i in range(ratio.size):
            if ratio[i] > level:
                mass += masses[i]
                whole += masses[i] * ratio[i]
                count += 1
        if count >= left:  # more than before is round-off in the level
            break
        left, level = count, (whole - 1.0) / mass
        if not abs(level) < math.inf:
            return False
    for i in range(ratio.size):
        ratio[i] = ratio[i] - level if ratio[i] > level else 0.0
    return True


@inlined
def disc_update(disc, cells, state, memory, work, rule, codes, rates, uniforms):
    """One update of the discriminator's weights, and of phi on the cells."""
    form, parameters, clip = disc
    real, _, _, disc_block, _, disc_scale, _, real_sums, real_guide = cells
    weights, phi, _, gen, _, rows = state
    real_slope, gen_slope, ascent, gradient, _, gen_sums, gen_guide, found, other = work
    batch, from_rows = codes[0], codes[1]
    disc_slopes(form, parameters, phi, real_slope, gen_slope)
    if batch == 0:
        expected_ascent(real, gen, real_slope, gen_slope, ascent)
    else:
        if from_rows:
            draw_rows(rows, uniforms[:batch], found)
        else:
            look_up(real_sums, real_guide, uniforms[:batch], found)
        look_up(gen_sums, gen_guide, uniforms[batch:], other)
        sampled_ascent(found, other, real_slope, gen_slope, ascent)
    pooled(ascent, disc_block, disc_scale, gradient)
    first, second, count = memory
    descend(rule[0], rule[1], rates[0], gradient, weights, first, second, count, clip)
    spread(weights, disc_block, phi)


@inlined
def gen_gradient(cells, state, work, codes, baseline, uniforms):
    """The gradient of E_g[u] in the generator's weights, into the work space; u is there."""
    _, masses, _, _, gen_block, _, gen_scale, _, _ = cells
    _, _, _, gen, _, _ = state
    _, u, ascent, _, gradient, gen_sums, gen_guide, found, _ = work
    kind, inner, is_ratio = codes[2], codes[3], codes[4]
    if is_ratio:
        mean = 0.0
        for i in range(gen.size):
            mean += masses[i] * u[i]
        for i in range(gen.size):
            ascent[i] = masses[i] * (u[i] - mean)
    elif kind == EXACT:
        exact_gradient(u, gen, ascent)
    else:
        fill_guide(gen, gen_sums, gen_guide)
        look_up(gen_sums, gen_guide, uniforms, found)
        score_gradient(kind, baseline, u, gen, found, ascent)
    pooled(ascent, gen_block, gen_scale, gradient)
    if inner == FISHER:
        shares = ascent[: gradient.size]
        spread_sums(gen, gen_block, shares)
        for k in range(gradient.size):
            gradient[k] = gradient[k] / shares[k] if shares[k] > 0.0 else 0.0


@inlined
def spread_sums(values, block, sums):
    """Sums over the cells of each weight, into `sums`."""
    if sums.size == values.size:
        for i in range(values.size):
            sums[i] = values[i]
        return
    sums[:] = 0.0
    for i in range(values.size):
        sums[block[i]] += values[i]


@inlined
def gen_update(cells, state, memory, work, rule, codes, rates):
    """One update of the generator's weights along the gradient; False if p_g is lost."""
    _, masses, base, _, gen_block, _, _, _, _ = cells
    _, _, theta, gen, centre, _ = state
    logs, gradient = work[2], work[4]
    first, second, count = memory
    descend(rule[0], rule[1], rates[1], gradient, theta, first, second, count, math.inf)
    if codes[4]:
        if not project(masses, theta):
            return False
        for i in range(gen.size):
            gen[i] = masses[i] * theta[i]
        return True
    return place(theta, gen_block, base, centre, logs, gen)


@inlined
def is_lost(values):
    """Whether there is a NaN or an infinity among them."""
    total = 0.0
    for i in range(values.size):
        total += 0.0 * values[i]
    return total != 0.0


@kernel
def take_turns(losses, cells, state, memories, work, rule, codes, rates, baseline, uniforms, turns):
    """Up to `turns` turns; returns how many stand, and what the next one was lost to.

    Parameters
    ----------
    losses : form, parameters and clip of the discriminator; form, link, a, b of the generator
    cells : masses the discriminator sees as real, w of p_r, masses of p_0, the weight of each cell
        (discriminator, generator), factors of the gradients (same), running sums and guide of the
        first
    state : weights of the discriminator, phi, those of the generator, masses of p_g, centre, rows
    memories : m, v and count of each player's optimizer
    work : slopes (real; generated, or u), ascent, gradients of both, sums, guide, cells drawn twice
    rule : code and constants of the optimizer
    codes : batch (0: exact), whether rows are drawn, kind of the generator's gradient, its inner
        product, whether it is R itself, disc_steps, gen_steps
    rates : alpha_disc, alpha_gen
    baseline : float
    uniforms : array (turns, draws_per_turn)
    """
    disc, gener = losses
    batch, kind, disc_steps, gen_steps = codes[0], codes[2], codes[5], codes[6]
    form, link, a, b = gener
    phi, gen = state[1], state[3]
    gen_sums, gen_guide = work[5], work[6]
    for turn in range(turns):
        drawn = uniforms[turn]
        begin = 0
        if batch:
            fill_guide(gen, gen_sums, gen_guide)
        for _ in range(disc_steps):
            end = begin + 2 * batch
            disc_update(disc, cells, state, memories[0], work, rule, codes, rates, drawn[begin:end])
            begin = end
        if is_lost(state[0]):
            return turn, DISC_LOST
        for _ in range(gen_steps):
            end = begin + (batch if kind != EXACT else 0)
            generator_values(form, link, a, b, phi, work[1])
            gen_gradient(cells, state, work, codes, baseline, drawn[begin:end])
            if not gen_update(cells, state, memories[1], work, rule, codes, rates):
                return turn, GEN_LOST
            begin = end
    return turns, ALL_TAKEN


@cache
def expected_turns(disc_form, gen_form, rule_code):
    """`take_turns` in few passes over the cells, for the plainest and most frequent case.

    Exact expectations, a weight for every cell, generator logits, one update of each player per
    turn. Between two updates of the discriminator e^-|phi| is kept: slopes and softplus share it.
    It closes over whole numbers only: a kernel that closes over another one would be compiled anew
    in every process.
    """

    @kernel
    def fused(losses, cells, state, memories, work, rule, codes, rates, baseline, uniforms, turns):
        (_, (p, q, s), clip), (_, _, ua, ub) = losses
        real, _, base, _, gen_block, disc_scale, gen_scale, _, _ = cells
        weights, phi, theta, gen, centre, _ = state
        (m_d, v_d, count_d), (m_g, v_g, count_g) = memories
        a, b, _ = rule[1]
        small, u, logs = work[0], work[1], work[2]
        natural = codes[3] == FISHER
        if disc_form == CROSS_ENTROPY:
            for i in range(phi.size):
                small[i] = exp(-abs(phi[i]))
        for turn in range(turns):
            count_d[0] += 1
            grow, eps = unbiased(rule_code, a, b, rule[1][2], count_d[0])
            lost = 0.0
            for i in range(phi.size):
                x = phi[i]
                if disc_form == CROSS_ENTROPY:
                    pull, push = logistic_slopes(x, small[i])
                else:
                    pull, push = slope_pair(disc_form, p, q, s, x)
                g = (real[i] * pull + gen[i] * push) * disc_scale[i]
                way, m, v = direction(rule_code, a, b, grow, eps, g, m_d[i], v_d[i])
                x = clipped(x - rates[0] * way, clip)
                m_d[i] = m
                v_d[i] = v
                phi[i] = x
                lost += 0.0 * x
            if lost != 0.0:
                return turn, DISC_LOST
            mean = 0.0
            for i in range(phi.size):
                x = phi[i]
                if disc_form == CROSS_ENTROPY:
                    small[i] = exp(-abs(x))
                if disc_form == CROSS_ENTROPY and gen_form == SOFTPLUS:
                    seen = ua * softplus_of(ub * x, small[i])  # ub is 1 or -1
                else:
                    seen = generator_value(gen_form, ua, ub, x)
                seen = seen if gen[i] != 0.0 else 0.0
                u[i] = seen
                mean += gen[i] * seen
            count_g[0] += 1
            grow, eps = unbiased(rule_code, a, b, rule[1][2], count_g[0])
            total = 0.0
            shift = centre[0]
            for i in range(phi.size):
                weight = 1.0 if natural else gen[i] * gen_scale[i]
                g = weight * (u[i] - mean) if gen[i] != 0.0 else 0.0
                way, m, v = direction(rule_code, a, b, grow, eps, g, m_g[i], v_g[i])
                x = theta[i] - rates[1] * way
                m_g[i] = m
                v_g[i] = v
                theta[i] = x
                mass = base[i] * exp(x - shift)
                gen[i] = mass
                total += mass
            if 1e-100 < total < 1e100:
                scale = 1.0 / total
                for i in range(gen.size):
                    gen[i] *= scale
                centre[0] = shift + log(total)
            elif not place(theta, gen_block, base, centre, logs, gen):
                return turn, GEN_LOST
        for i in range(phi.size):
            weights[i] = phi[i]
        return turns, ALL_TAKEN

    return fused
