"""Training as it is practised: N_d discriminator steps, then a generator step, on minibatches.

Slide 001, "Algorithm 2: Practical Algorithm". Both players are arrays on the grid, so that what
training does can be set beside what theory says at every turn.
"""

from ratiogan.catalogue import ALGORITHMS, FAMILIES
from ratiogan.errors import InputError, check_choice
from ratiogan.solvers.particles import Particles
from ratiogan.solvers.scenarios import play
from ratiogan.solvers.trainer import Trainer

DEFAULTS = ALGORITHMS["training"].defaults


def training(
    real=None,
    gen=None,
    game=None,
    scenario=None,
    *,
    gen_loss=None,
    family=None,
    alpha_disc=None,
    alpha_gen=None,
    disc_steps=None,
    gen_steps=None,
    batch=None,
    data=None,
    disc_cells=None,
    gen_cells=None,
    disc_smooth=None,
    gen_smooth=None,
    optimizer=None,
    gradient=None,
    baseline=None,
    inner_product=None,
    particles=None,
    discriminator=None,
    bandwidth=None,
    tol=None,
    max_steps=None,
    rng=0,
    grid=None,
    domain=None,
    singular="error",
    record="auto",
    snapshots="auto",
    progress=False,
):
    """Train a discriminator and a generator in turns.

    Arguments left out (None) take the scenario's value, and without a scenario the default named
    below.

    Parameters
    ----------
    real, gen : Distribution or str, optional
        p_r and the p_g to start from, on one grid, or preset specs. Without them the default
        problem: ``bimodal`` and ``normal``.
    game : str or Game
        The two players' losses; non-saturating.
    scenario : str, optional
        A named setting that reproduces one slide, and whose finding is a sentence with its measured
        evidence: ``ratiogan list scenarios``.
    gen_loss : str or Game, optional
        The game whose generator's loss u is taken, where it is not `game`'s.
    family : {"logits", "ratio", "particles"}
        One logit per cell, p_g ~ p_0 e^theta; R itself, projected on {R >= 0, E[R] = 1}; or samples
        that move along -grad u(f(y)).
    alpha_disc, alpha_gen : float
        Learning rates; 0.01 and 2e-4. Of particles alpha_gen is a length or a time; see
        `ratiogan.solvers.particles.Particles`, also for its default.
    disc_steps : int or "best"
        N_d, discriminator updates per turn; 1. "best" solves it: phi = f*(R) of its cells (exact
        expectations only).
    gen_steps : int
        Generator updates per turn; 1.
    batch : int or "exact"
        Size m of the minibatches, fresh for every update; 64. "exact" takes expectations over the
        cells.
    data : int, optional
        Rows of p_r in a fixed data set, drawn once; minibatches are then drawn from it without
        replacement. By default every minibatch is fresh.
    disc_cells, gen_cells : int or tuple of int, optional
        Capacity: weights along each axis, at most the cells of the grid, which is the default.
    disc_smooth, gen_smooth : float
        Sd of a Gaussian (in the unit of the axes) that the player's function is composed with; 0.
    optimizer : str or Optimizer
        Of both players: ``adam``, ``sgd``, ``momentum``, ``rmsprop``, with their constants.
    gradient : {"exact", "score"}
        The generator's, given f: the sum over all cells, or the score-function estimate from a
        minibatch, whose standard deviation is in the trace (``gen_noise``).
    baseline : {"none", "constant", "leave-one-out"} or float
        What the estimate takes off u: nothing, u at R = 1, the mean of the other samples, or a
        number. None of them moves its mean.
    inner_product : {"reference", "euclidean", "fisher"}
        Gradients in weights are divided by their shares of p_r, by nothing (as autodiff has it; the
        learning rate then grows with the number of cells), or, the generator's, by their shares of
        p_g (the natural gradient).
    particles : int or array (n, ndim)
        Of family particles: how many samples, or where they start; 2000.
    discriminator : {"cells", "kde"}
        Of family particles: trained logits, interpolated between the centres of the cells; or
        the best response to kernel density estimates.
    bandwidth : float or tuple of float
        Of discriminator kde: sd of its Gaussian in the unit of the axes; see
        `ratiogan.solvers.particles.Particles`, also for the defaults that particles have.
    tol : float
        Stop when JSD is below at a recorded turn; 0 takes `max_steps` turns.
    max_steps : int
        Most turns; 20,000.
    rng : None, int or Generator
    grid, domain, singular, record, snapshots, progress : optional
        As in `glgd`.

    Returns
    -------
    Solution
        Its trace has the losses ``g`` = E_g[u(f)] and ``d`` = E_r[l_r(f)] + E_g[l_g(f)] over the
        cells (what fresh samples show on average), ``d_train`` on the data, ``d_best`` = E[d*] of
        the best response of as many cells, ``accuracy`` of the discriminator, the norms
        ``disc_gradient`` and ``gen_gradient`` in the inner product, ``gen_noise``, `glgd`'s columns
        that speak of R, ``modes`` of p_r that have half of their share or more, and the ``cell``
        where p_g is highest. ``discriminator`` is f. ``as_predicted`` is False where d is below
        d_best, where a number was lost, and where a scenario's sentence is not borne out.

    Raises
    ------
    InputError
        For an argument that cannot be used.
    SingularMassError
        If the generator has mass where p_r = 0.

    Notes
    -----
    With exact expectations, sgd and the discriminator solved, a generator step is the GLGD step of
    `logits` (inner product reference), of `fisher` (fisher), or R e^(-alpha q)/E[..] with
    q = w R (u - E[Ru]) (euclidean). With N_d updates the two differ by O(alpha) at fixed k alpha.

    References
    ----------
    Slides 001, "Algorithm 2: Practical Algorithm" and "Failure Mode: Mode Collapse"; Goodfellow et
    al. 2014, algorithm 1.

    Examples
    --------
    >>> run = training(grid=64, batch="exact", alpha_disc=0.1, alpha_gen=0.005, max_steps=2000)
    >>> bool(run.trace.js[-1] < 1e-7), round(float(run.trace.d[-1]), 3)
    (True, 1.386)
    """
    given = {
        "real": real, "gen": gen, "game": game, "gen_loss": gen_loss, "family": family,
        "alpha_disc": alpha_disc, "alpha_gen": alpha_gen, "disc_steps": disc_steps,
        "gen_steps": gen_steps, "batch": batch, "data": data, "disc_cells": disc_cells,
        "gen_cells": gen_cells, "disc_smooth": disc_smooth, "gen_smooth": gen_smooth,
        "optimizer": optimizer, "gradient": gradient, "baseline": baseline,
        "inner_product": inner_product, "tol": tol, "max_steps": max_steps, "grid": grid,
        "domain": domain, "particles": particles, "discriminator": discriminator,
        "bandwidth": bandwidth,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if disc_steps == "best" and alpha_disc is not None:
        raise InputError(
            "disc_steps best solves the discriminator: it takes no alpha_disc.",
            argument="alpha_disc",
            fix="Leave alpha_disc out, or pass a number of disc_steps.",
        )
    how = {"record": record, "snapshots": snapshots, "progress": progress}
    if scenario not in (None, "none"):
        return play(scenario, {**given, "singular": singular}, trainer, rng, **how)
    return trainer(rng=rng, singular=singular, **given).solve(**how)


def trainer(family="logits", **options):
    """The solver of a kind of generator; arguments as `training`."""
    check_choice("family", family, tuple(FAMILIES))
    if family == "particles":
        return Particles(**options)
    foreign = [name for name in ("particles", "discriminator", "bandwidth") if name in options]
    if foreign:
        raise InputError(
            f"{foreign[0]} belongs to family particles, got family {family}.",
            argument=foreign[0],
            fix="Pass family particles, or leave it out.",
        )
    return Trainer(family=family, **options)
