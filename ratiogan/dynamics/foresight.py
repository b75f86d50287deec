"""A generator that looks ahead: it minimises V + eta |grad_phi V|^2 exactly, again and again.

At the discriminator's best response phi = phi*(R_k) the gradient of V in phi is linear in R and 0
at R_k: S = l_g'(phi) (R - R_k). So the generator solves, over {R >= 0, E[R] = 1},

    min E[R u] + eta E[b^2 (R - R_k)^2],   b = l_g'(phi*(R_k)),   u = u(phi*(R_k)),

and the answer is water-filling: R = max(0, R_k - (u - lambda)/(2 eta b^2)). In the minimax game
b = 1/(1+R_k): it is a step of GLGD, of size (1+R_k)^2/(2 eta) in each cell. With eta = 0 it is the
greedy generator of alternating minimisation, which collapses. Near R = 1 every deviation is
multiplied by 1 - Phi''(1)/(2 eta b^2), b at R = 1: where Phi''(1) > 0 it converges from nearby iff
eta > Phi''(1)/(4 b^2), which is Phi''(1) where b = 1/2, as in every game of cross-entropy.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan import presets
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError, check_integer, check_not_negative
from ratiogan.logits import logits
from ratiogan.ratio import density_ratio

_ALL_STEPS = 256  # up to so many steps every one is recorded
_LONGEST_CYCLE = 8
_REPEATS = 1e-9  # of max R: two iterates this close are one
_ROUND_OFF = 8.0 * float(np.finfo(np.float64).eps)  # of max R: nothing has moved


@dataclass(frozen=True, eq=False, kw_only=True)
class Foresight:
    """What a foresighted generator did.

    Attributes
    ----------
    game : str
    eta : float
    real : Distribution
        p_r.
    cells : int array (N,)
        The cells where it has mass, as flat indices of its grid.
    steps : int array (K,)
        The recorded steps, from 0 on: all of them, of more than 256 log-spaced ones and the last.
    ratios : array (K, N)
        R in those cells.
    max_error : array (K,)
        max|R - 1|.
    value : array (K,)
        V = -E[l_r(phi*)] - E[R l_g(phi*)], at the discriminator's best response to R.
    effective_cells : array (K,)
        exp(entropy of p_g).
    n_steps : int
    status : str
        A code of `catalogue.STATUSES`.
    finding : str
        One sentence with a number in it.
    threshold : float
        Phi''(1)/(4 b^2): it converges from nearby iff this is above 0 and eta is larger.
    factor_predicted : float
        1 - Phi''(1)/(2 eta b^2), of every deviation per step near R = 1; -inf for eta = 0, NaN
        where Phi''(1) is 0 too.
    factor_measured : float or None
        Of the component of R_{k+1} - 1 along R_k - 1, at the step nearest to R = 1; None where no
        step began within 0.1 of it.
    """

    game: str
    eta: float
    real: Distribution = field(repr=False)
    cells: np.ndarray = field(repr=False)
    steps: np.ndarray
    ratios: np.ndarray = field(repr=False)
    max_error: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)
    effective_cells: np.ndarray = field(repr=False)
    n_steps: int
    status: str
    finding: str
    threshold: float
    factor_predicted: float
    factor_measured: float | None


def foresighted(
    real=None,
    gen=None,
    game="minimax",
    eta=2.0,
    max_steps=100,
    tol=1e-10,
    *,
    grid=None,
    domain=None,
):
    """Let the generator minimise V + eta |grad_phi V|^2 exactly, the discriminator V in its turn.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, or preset specs; without them the default problem.
    game : str or Game
        Both players' losses; V is what the generator minimises, E[R u]. (`value` is the
        discriminator's: the same but for a constant where the game is zero-sum.)
    eta : float
        Weight of the discriminator's squared gradient, in the logit and in L2(p_r). 0 is the greedy
        generator: all mass where u is least, in the first of tied cells.
    max_steps : int
    tol : float
        Stop when max|R-1| is below.
    grid, domain : optional
        The cells, where `real` and `gen` are presets.

    Returns
    -------
    Foresight

    Raises
    ------
    InputError
        For a game with a kink, whose best response has no gradient that vanishes.

    Examples
    --------
    >>> near = foresighted(gen="near-real", eta=0.8, grid=64)
    >>> near.status, round(near.factor_predicted, 4), round(near.factor_measured, 4)
    ('converged', -0.25, -0.25)
    >>> foresighted(eta=0.0, grid=64).status
    'cycle'
    """
    eta, tol = check_not_negative("eta", eta), check_not_negative("tol", tol)
    max_steps = check_integer("max_steps", max_steps, minimum=1)
    losses = _smooth_losses(game)
    real, gen = presets.problem(real, gen, grid, domain)
    start = density_ratio(gen=gen, real=real, singular="error")
    cells = np.flatnonzero(real.mass.reshape(-1) > 0)
    masses, ratio = real.mass.reshape(-1)[cells], start.values.reshape(-1)[cells]

    keep = set(_recorded(max_steps))
    steps, rows, last, factors = [], [], [], []
    ending = None
    step = 0
    while True:
        last = [*last[-_LONGEST_CYCLE:], ratio]
        ending = _ending(last, tol) or (_unfinished(last) if step == max_steps else None)
        if step in keep or ending:
            steps.append(step)
            rows.append(ratio)
        if ending:
            break
        off = ratio - 1.0
        ratio = generator_step(losses, masses, ratio, eta)
        size = float(np.dot(masses, off * off))
        if 0.0 < size < 0.01:
            factors.append((size, float(np.dot(masses, off * (ratio - 1.0))) / size))
        step += 1

    one = losses.best(np.ones(1))
    pull = 4.0 * float(losses.slope_gen(one)[0]) ** 2
    threshold = losses.game.curvature_at_one / pull
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = float(1.0 - 2.0 * threshold / np.float64(eta))
    # Further in, round-off of R = 1 shows in the quotient.
    clean = [pair for pair in factors if pair[0] > 1e-18] or factors[:1]
    measured = min(clean)[1] if clean else None
    ratios = np.array(rows)
    errors = np.abs(ratios - 1.0).max(axis=1)
    effective = _effective_cells(masses * ratios)
    return Foresight(
        game=losses.game.spec,
        eta=eta,
        real=real,
        cells=cells,
        steps=np.array(steps),
        ratios=ratios,
        max_error=errors,
        value=-(losses.game.discriminator_cost(ratios) @ masses),
        effective_cells=effective,
        n_steps=step,
        status=ending,
        finding=_finding(ending, step, eta, threshold, errors[-1], effective[-1], predicted),
        threshold=threshold,
        factor_predicted=predicted,
        factor_measured=measured,
    )


def generator_step(losses, masses, ratio, eta):
    """The R that minimises E[R u] + eta E[b^2 (R - R_0)^2] over {R >= 0, E[R] = 1}.

    Exact: the set of cells with R > 0 is a prefix of those sorted by the u at which they fill.

    Where u = -inf (R_0 = 0 in minimax, maximum likelihood, logit) the limit of u -> -inf: those
    cells take all the mass, in proportion to 1/b^2. Where b = inf (R_0 = 0 in the exponential
    games) R stays 0.

    Parameters
    ----------
    losses : Logits
    masses, ratio : array (N,)
        w, and R_0 to which the discriminator has responded.
    eta : float

    Returns
    -------
    array (N,)
    """
    with np.errstate(all="ignore"):
        phi = losses.best(ratio)
        u = losses.generator_loss(phi)
        if eta == 0.0:
            out = np.zeros_like(ratio)
            at = int(np.argmin(u))
            out[at] = 1.0 / masses[at]
            return out
        rate = 0.5 / (eta * losses.slope_gen(phi) ** 2)
        free = (u == -math.inf) & (rate > 0)
        if free.any():
            return np.where(free, rate, 0.0) / np.dot(masses[free], rate[free])
        moving = np.flatnonzero(rate > 0)
        out = ratio.copy()
        share = 1.0 - float(np.dot(np.delete(masses, moving), np.delete(ratio, moving)))
        out[moving] = water_filled(masses[moving], ratio[moving], u[moving], rate[moving], share)
    return out


def water_filled(masses, ratio, u, rate, share=1.0):
    """max(0, R - rate (u - lambda)) with the lambda for which E[.] = share; O(N log N).

    Parameters
    ----------
    masses, ratio, u, rate : array (N,)
        All finite, `rate` > 0.
    share : float

    Returns
    -------
    array (N,)

    Examples
    --------
    >>> water_filled(np.full(3, 1 / 3), np.ones(3), np.array([0.0, 0.5, 9.0]), np.ones(3))
    array([1.75, 1.25, 0.  ])
    """
    fills_at = u - ratio / rate  # the lambda at which the cell rises above 0
    order = np.argsort(fills_at, kind="stable")
    weight = (masses * rate)[order]
    level = (share + np.cumsum(weight * fills_at[order])) / np.cumsum(weight)
    # Levels fall as long as the next cell lies below them: the last one above its own cell.
    count = int(np.flatnonzero(level > fills_at[order])[-1]) + 1
    filled = order[:count]
    w, r, g = masses[filled], ratio[filled], rate[filled]
    # Once more in terms of R and of differences of u: fills_at is large where the rate is small,
    # and u - lambda is small where the rate is large.
    rise = u[filled] - u[filled[0]]
    level = (share - np.dot(w, r) + np.dot(w * g, rise)) / np.dot(w, g)
    out = np.zeros_like(ratio)
    out[filled] = np.maximum(0.0, r - g * (rise - level))
    return out


def _smooth_losses(game):
    losses = logits(game)
    if losses.game.has_kink:
        raise InputError(
            f"the best response of {losses.game.spec} jumps: the discriminator's gradient does not "
            "vanish there, and a generator cannot look ahead along it.",
            argument="game",
            fix="Take a smooth game, for instance minimax.",
        )
    return losses


def _recorded(max_steps):
    if max_steps <= _ALL_STEPS:
        return range(max_steps + 1)
    spaced = np.geomspace(1, max_steps, _ALL_STEPS).round().astype(int)
    return [0, *np.unique(spaced).tolist()]


def _ending(last, tol):
    """How the run ends here, from its last iterates, the present one at the end; None: it goes on.

    An iterate is a function of the one before, so that one repetition is a cycle.
    """
    ratio = last[-1]
    error = np.abs(ratio - 1.0).max()
    if error < tol:
        return "converged"
    if len(last) < 2:
        return None
    move = np.abs(ratio - last[-2]).max()
    if move <= _ROUND_OFF * ratio.max():
        empty = ratio == 0.0
        if np.count_nonzero(~empty) == 1:
            return "collapsed"
        return "support-not-covered" if empty.any() else "stalled"
    for before in last[-3::-1]:
        # Slow convergence repeats almost as well, but gets there by small steps, or near R = 1.
        near = np.abs(ratio - before).max()
        if near <= _REPEATS * ratio.max() and near <= 1e-3 * move and near <= 1e-6 * error:
            return "cycle"
    return None


def _unfinished(last):
    in_one = all(np.count_nonzero(ratio) == 1 for ratio in last[-2:])
    return "hopping" if in_one else "max-steps"


def _effective_cells(mass):
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(mass > 0, mass * np.log(mass), 0.0)
    return np.exp(-terms.sum(axis=-1))


def _finding(status, step, eta, threshold, error, effective, factor):
    if not threshold > 0:
        against = f"Phi''(1) = {threshold:.3g} is not above 0, so that no eta makes R = 1 attract"
    elif eta > threshold:
        far = "" if status == "converged" else ", which attracts from nearby only"
        against = f"eta = {eta:.4g} is above Phi''(1)/(4 b^2) = {threshold:.4g}{far}"
    else:
        against = f"eta = {eta:.4g} is not above Phi''(1)/(4 b^2) = {threshold:.4g}"
    if status == "converged":
        return f"R = 1 to {error:.1e} in {step} steps: {against}, factor {factor:.4g} per step."
    if status == "max-steps":
        return (
            f"max|R-1| = {error:.3g} after {step} steps: {against}, factor {factor:.4g} per step."
        )
    kind = {
        "collapsed": "all mass stays in one cell",
        "hopping": "all mass is in one cell, and it moves on",
        "cycle": "R comes back to where it was",
        "support-not-covered": "cells with R = 0 stay empty",
        "stalled": "R no longer moves",
    }[status]
    return (
        f"From step {step} on {kind}, with p_g in {effective:.3g} effective cells and max|R-1| = "
        f"{error:.3g}: {against}."
    )
