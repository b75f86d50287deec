"""Every name a user can type: presets, games, algorithms, geometries, steps, statuses, styles.

Text only, so that ``ratiogan list``, ``explain`` and completion need not load a numerical library.
The numbers behind a name live in the module that owns it; a test keeps the two in step.
"""

from ratiogan.spec import Entry


def _table(*entries):
    return {entry.name: entry for entry in entries}


PRESETS = _table(
    Entry(
        "normal",
        "Gaussian on the line",
        {"mean": 0, "sd": 1.2},
        {"mean": "mean", "sd": "standard deviation"},
    ),
    Entry(
        "uniform",
        "uniform on an interval",
        {"low": -2, "high": 2},
        {"low": "lower end", "high": "upper end"},
    ),
    Entry(
        "laplace",
        "two-sided exponential",
        {"mean": 0, "scale": 1},
        {"mean": "centre", "scale": "mean absolute deviation"},
    ),
    Entry(
        "student-t",
        "heavy tails",
        {"df": 3, "mean": 0, "scale": 1},
        {"df": "degrees of freedom", "mean": "centre", "scale": "scale"},
    ),
    Entry(
        "beta",
        "on [0, 1]",
        {"a": 2, "b": 5},
        {"a": "first shape", "b": "second shape"},
    ),
    Entry("poisson", "counts 0, 1, 2, ...", {"rate": 3}, {"rate": "mean"}),
    Entry(
        "bimodal",
        "mixture of Gaussians with one sd: the default p_r",
        {"means": (-1.5, 1.5), "sd": 0.7, "weights": (0.6, 0.4)},
        {"means": "centres, separated by /", "sd": "their sd", "weights": "their shares"},
    ),
    Entry(
        "ring8",
        "eight Gaussians on a circle, the standard mode-collapse toy (2-D)",
        {"modes": 8, "radius": 2, "sd": 0.2, "drop": (), "thin": (), "n": 10000},
        {
            "modes": "how many",
            "radius": "of the circle",
            "sd": "of each Gaussian",
            "drop": "numbers of the modes left out, separated by /",
            "thin": "numbers of the modes kept at 30 % of their share",
            "n": "rows drawn where a command needs samples",
        },
    ),
    Entry(
        "grid25",
        "25 Gaussians on a 5 x 5 grid, the other mode-collapse toy (2-D)",
        {"side": 5, "spacing": 2, "sd": 0.3, "drop": (), "thin": (), "n": 10000},
        {
            "side": "modes along one side",
            "spacing": "between neighbours",
            "sd": "of each Gaussian",
            "drop": "numbers of the modes left out, separated by /",
            "thin": "numbers of the modes kept at 30 % of their share",
            "n": "rows drawn where a command needs samples",
        },
    ),
    Entry(
        "disjoint",
        "one of two uniform pieces that do not touch",
        {"side": "left", "gap": 1, "width": 1},
        {
            "side": "left or right (unset: left as real, right as gen)",
            "gap": "between the pieces",
            "width": "of each piece",
        },
    ),
    Entry(
        "fork",
        "x uniform on 0:1, y|x two Gaussians that part as x grows (2-D): the p_r of conditional",
        {"spread": 1.2, "sd": 0.5, "n": 10000},
        {
            "spread": "the centres of y|x are -spread x and spread x",
            "sd": "of each Gaussian",
            "n": "rows drawn where a command needs samples",
        },
    ),
    Entry(
        "independent",
        "p_r(x) p_r(y): the marginals of p_r without what ties y to x (only for --gen)",
    ),
    Entry(
        "near-real",
        "p_r times 1 + amount * a fixed wave of zero mean (only for --gen)",
        {"amount": 0.05, "waves": 3},
        {"amount": "largest relative deviation, below 1", "waves": "periods under p_r"},
    ),
)

GAMES = _table(
    Entry(
        "non-saturating",
        "cross-entropy, u = -log f: what is used in practice",
        also=("ns", "nsgan", "ns-gan", "gan", "vanilla"),
    ),
    Entry(
        "minimax",
        "cross-entropy, u = log(1-f): zero-sum",
        also=("mm", "mgan", "m-gan", "saturating"),
    ),
    Entry(
        "maximum-likelihood",
        "cross-entropy, u = -f/(1-f)",
        also=("ml", "mle", "mlgan"),
    ),
    Entry("logit", "cross-entropy, u = log((1-f)/f)", also=("kl", "reverse-kl")),
    Entry(
        "least-squares",
        "LSGAN with codes a (generated), b (real), c (what the generator wants)",
        {"a": 0, "b": 1, "c": 1},
        {"a": "code of generated", "b": "code of real", "c": "the generator's target"},
        also=("ls", "lsgan", "ls-gan"),
    ),
    Entry("hinge", "max(0, 1-h), max(0, 1+h), u = -h", also=("geometric", "sagan")),
    Entry(
        "concave",
        "Nagarajan-Kolter: maximise E[F(D)] + E[R F(-D)] for a concave F, u = F(-D)",
        {"f": "exponential"},
        {"f": "exponential: -exp(-x), or logistic: -log(1+exp(-x)) (which is minimax)"},
    ),
    *(
        Entry(
            name,
            f"classification losses l+, l- of a margin h: {losses}",
            {"generator": "zero-sum", **weight},
            {
                "generator": "zero-sum (u = -l-) or flipped (u = l+)",
                **{key: "cost weight, between 0 and 1" for key in weight},
            },
        )
        for name, losses, weight in (
            ("0-1", ".5 (1-h), .5 (1+h)", {}),
            ("log", "log(2/(1+h)), log(2/(1-h))", {}),
            ("square", "(1-h)^2, (1+h)^2", {}),
            ("cw", "(1-c)(1-h), c(1+h)", {"c": 0.3}),
            ("exponential", "exp(-h), exp(h)", {}),
            ("boosting", "sqrt((1-h)/(1+h)) and its inverse", {}),
        )
    ),
)

# The rows that `ratiogan games` prints: every game, with the codes and losses that teach something.
GAME_ROWS = (
    "non-saturating",
    "minimax",
    "maximum-likelihood",
    "logit",
    "least-squares:a=0,b=1,c=1",
    "least-squares:a=-1,b=1,c=0",
    "hinge",
    "concave:f=exponential",
    "0-1:generator=zero-sum",
    "0-1:generator=flipped",
    "square:generator=zero-sum",
    "square:generator=flipped",
    "cw:generator=zero-sum,c=0.3",
    "exponential:generator=zero-sum",
    "exponential:generator=flipped",
    "boosting:generator=zero-sum",
    "boosting:generator=flipped",
)

# The rows that `ratiogan table` prints, in its order.
DIVERGENCES = _table(
    Entry("kl-gen-real", "KL(gen || real)", also=("kl", "rkl", "reverse-kl", "kl-divergence")),
    Entry(
        "kl-real-gen",
        "KL(real || gen): what maximum likelihood minimises",
        also=("kl", "forward-kl", "kl-divergence"),
    ),
    Entry(
        "jsd",
        "Jensen-Shannon divergence, at most log 2",
        also=("js", "jensen-shannon", "jensenshannon", "js-divergence"),
    ),
    Entry("jeffreys", "KL(gen || real) + KL(real || gen)", also=("j", "symmetric-kl")),
    Entry("tv", "total variation, at most 1", also=("total-variation", "l1")),
    Entry(
        "hellinger2",
        "squared Hellinger distance 1 - sum sqrt(p_g p_r)",
        also=("hellinger", "hellinger-squared", "h2", "squared-hellinger"),
    ),
    Entry("chi2-pearson", "sum (p_g - p_r)^2/p_r", also=("chi2", "pearson", "chi-squared")),
    Entry("chi2-neyman", "sum (p_g - p_r)^2/p_g", also=("chi2", "neyman", "chi-squared")),
    Entry(
        "triangular",
        "triangular discrimination, sum (p_g - p_r)^2/(p_g + p_r)",
        also=("vincze-le-cam", "le-cam"),
    ),
    Entry(
        "alpha",
        "alpha divergence, E[R^alpha - 1]/(alpha(alpha-1))",
        {"alpha": 0.5},
        {"alpha": "its order, neither 0 nor 1"},
        also=("renyi", "alpha-divergence"),
    ),
    Entry(
        "js-weighted",
        "Jensen-Shannon divergence of unequal shares",
        {"w": 0.3},
        {"w": "share of p_g, between 0 and 1"},
    ),
    Entry("kl-mix-real", "2 KL(m || real), m = (p_r + p_g)/2: the non-saturating game's cost"),
    Entry("fgan-kl", "f-GAN's KL, u log u: KL(real || gen)"),
    Entry("fgan-reverse-kl", "f-GAN's reverse KL, -log u: KL(gen || real)"),
    Entry("fgan-pearson", "f-GAN's Pearson chi^2, (u-1)^2: chi2-neyman"),
    Entry("fgan-hellinger", "f-GAN's squared Hellinger, (sqrt(u)-1)^2: 2 H^2"),
    Entry("fgan-js", "f-GAN's Jensen-Shannon: 2 JSD"),
    Entry("fgan-gan", "f-GAN's GAN row: 2 JSD - 2 log 2, here shifted to 2 JSD"),
    Entry("0-1", "0-1 loss of a classifier: TV"),
    Entry("log", "logarithmic losses of a classifier: 2 JSD"),
    Entry("square", "square losses of a classifier: triangular"),
    Entry(
        "cw",
        "cost-weighted 0-1 loss of a classifier: no strict divergence",
        {"c": 0.3},
        {"c": "cost weight, between 0 and 1"},
        also=("cost-weighted",),
    ),
    Entry("exponential", "exponential losses of a classifier: 2 H^2"),
    Entry("boosting", "boosting losses of a classifier: 2 H^2"),
)

# What `ratiogan check` can put a limit on.
LIMITS = (
    *DIVERGENCES,
    "wasserstein",
    "p-value",
    "precision",
    "recall",
    "coverage",
    "missing-modes",
)

GEOMETRIES = _table(
    Entry("reference", "L2(p_r): gradient u, projection d - E[d] (default)"),
    Entry("lebesgue", "L2(dy), the slides' P_o: gradient p_r u; tails freeze"),
    Entry("fisher", "Fisher-Rao, multiplicative: R exp(-alpha u) / E[R exp(-alpha u)]"),
    Entry("logits", "gradient descent on theta = log R"),
)

STEPS = _table(
    Entry("constant", "the step alpha, halved only where R > 0 would fail (u(0+) = -inf)"),
    Entry("armijo", "backtracking on E[Phi]"),
    Entry("newton", "d = -(u - lambda)/Phi'', damped: quadratic convergence"),
    Entry("decay", "alpha/sqrt(k) at the k-th step (wglgd)"),
    Entry("polyak", "W1/|P_0 f|^2 in the norm of the geometry (wglgd)"),
)

METRICS = _table(
    Entry("euclidean", "straight lines: the length of x - y (default)"),
    Entry("manhattan", "along the axes: the sum of |x_i - y_i|; the faster to solve"),
)

MASSES = _table(
    Entry("centre", "at the cell's centre (default)"),
    Entry("spread", "evenly over the cell; on the line only"),
)

TIES = _table(
    Entry("first", "the first of the tied cells: falls into a 2-cycle"),
    Entry("random", "one of the tied cells at random: wanders (default)"),
    Entry("split", "all of them, in proportion to p_r: leaves R = 1 alone"),
)

OPTIMIZERS = _table(
    Entry("sgd", "the gradient itself"),
    Entry(
        "momentum",
        "heavy ball: m <- beta m + g",
        {"beta": 0.9},
        {"beta": "how much of the last direction stays"},
    ),
    Entry(
        "rmsprop",
        "g/(sqrt v + eps), v a running mean of g^2: the size of the gradient plays no part",
        {"rho": 0.99, "eps": 1e-8},
        {"rho": "memory of g^2", "eps": "added to sqrt v"},
    ),
    Entry(
        "adam",
        "running means of g and g^2, without the bias of their start",
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
        {"beta1": "memory of g", "beta2": "memory of g^2", "eps": "added to sqrt v"},
    ),
)

SCENARIOS = _table(
    Entry("healthy", "what you would like to see: g to log 2, d to 2 log 2, and R to 1"),
    Entry("weak-discriminator", "looks good, but: both losses exact, R far from 1"),
    Entry("too-few-discriminator-steps", "mode collapse: the generator outruns its opponent"),
    Entry("overfit", "a fixed data set: d on it and on fresh samples part"),
    Entry("weak-generator", "a generator of few cells: JSD stays at what they can do"),
    Entry("saturating", "particles far away: minimax stalls where non-saturating moves"),
    Entry("maximum-likelihood", "its gradient: noisy, and its name's only at the best response"),
    Entry("lsgan", "least squares pull samples to the decision boundary; flat at one point"),
    Entry(
        "mixture-1d", "kernel estimates of a mixture, step by step: least squares, cross-entropy"
    ),
    Entry(
        "wgan", "the Wasserstein loss with a clipped critic: W1 falls", also=("wasserstein-gan",)
    ),
)

FAMILIES = _table(
    Entry("logits", "one logit per cell: p_g ~ p_0 e^theta (default)"),
    Entry("ratio", "R itself, projected on {R >= 0, E[R] = 1}"),
    Entry("particles", "samples that move along -grad u(f(y))"),
)

DISCRIMINATORS = _table(
    Entry("cells", "one logit per cell, trained in turns (default)"),
    Entry("kde", "the best response to kernel densities of the particles and of p_r"),
)

INNER_PRODUCTS = _table(
    Entry("reference", "L2(p_r): divided by the cell's share of p_r (default)"),
    Entry("euclidean", "as autodiff gives it: learning rates then grow with the number of cells"),
    Entry("fisher", "the generator's divided by its own shares: the natural gradient"),
)

CRITICS = _table(
    Entry("slopes", "piecewise linear, its slopes are the weights: the maximum is clip W1"),
    Entry("relu", "sum of w_j max(0, y - b_j): the maximum is another metric"),
)

FIELDS = _table(
    Entry(
        "bilinear",
        "the xy game, V = x^T A y; equilibrium 0",
        {"matrix": 1, "rows": None},
        {
            "matrix": "A row by row: 1/2/3/4 is [[1, 2], [3, 4]]",
            "rows": "of A, where it is not square",
        },
        also=("xy",),
    ),
    Entry(
        "dirac",
        "Dirac-GAN: p_g a point at theta, p_r the point 0, D = psi x; equilibrium (0, 0)",
        {
            **{"loss": "gan", "reg": "none", "gamma": 1, "sigma": 1, "target": 1, "clip": 1},
            "eta": 1,
        },
        {
            "loss": "gan, non-saturating, wgan or exponential",
            "reg": "none, r1, r2, gp, noise, clip, consensus or gradient-norm",
            "gamma": "weight of r1, r2, gp, consensus",
            "sigma": "sd of the instance noise",
            "target": "slope that gp asks for",
            "clip": "bound on |psi|",
            "eta": "weight of gradient-norm",
        },
        also=("dirac-gan",),
    ),
    Entry(
        "uniform-wgan",
        "WGAN on the uniform: D = w x^2, G = a z; equilibria a = 1 and -1, w = 0",
        {"eta": 0},
        {"eta": "weight of the generator's regulariser eta |grad_D V|^2"},
    ),
    Entry(
        "linear-pair",
        "D = w x, G = a z: concave for both players; equilibrium a = 1, w = 0",
        {"f": "logistic", "mean": 1, "sd": 0.5},
        {"f": "logistic, linear or exponential", "mean": "of data and noise", "sd": "of both"},
    ),
    Entry(
        "linear-quadratic",
        "D = u x + w x^2, G = a z + b; equilibria a = sd and -sd, b = mean, u = w = 0",
        {"f": "logistic", "mean": 0, "sd": 1},
        {"f": "logistic, linear or exponential", "mean": "of the data", "sd": "of the data"},
        also=("lq", "lqgan"),
    ),
    Entry(
        "rps",
        "rock, paper, scissors; equilibrium 1/3 each",
        also=("rock-paper-scissors",),
    ),
    Entry(
        "matrix-game",
        "any matrix game; equilibria by support enumeration (bare: matching pennies)",
        {"matrix": None, "other": None, "rows": None},
        {
            "matrix": "what x gains, row by row: 1/-1/0/-2/0/1,rows=2 is [[1, -1, 0], [-2, 0, 1]]",
            "other": "what y gains, the same way; without it -matrix",
            "rows": "of matrix, where it is not square",
        },
    ),
    Entry(
        "nonparametric",
        "R and phi on the cells of a grid, for --game GAME or wasserstein; R = 1, phi = phi*",
        {"cells": 64, "tau": 1, "eta": 0},
        {
            "cells": "of the default problem",
            "tau": "how many times faster the discriminator moves",
            "eta": "weight of the generator's regulariser eta |grad_D V|^2",
        },
    ),
)

METHODS = _table(
    Entry("simultaneous", "both players step from the same state (default)"),
    Entry(
        "alternating",
        "one player after the other, the second sees the first's step",
        {"first": "gen"},
        {"first": "who steps first: gen or disc"},
    ),
    Entry("implicit", "z' = z + alpha v(z'): every step solves an equation (proximal point)"),
    Entry("extragradient", "a trial step, then the step with the velocity found there"),
    Entry("optimistic", "twice the velocity less the last one"),
    Entry(
        "momentum",
        "heavy ball, z' = z + alpha v + beta (z - last); beta may be negative",
        {"beta": 0.5, "beta_gen": None, "beta_disc": None, "order": "simultaneous"},
        {
            "beta": "of both players",
            "beta_gen": "the generator's",
            "beta_disc": "the discriminator's",
            "order": "simultaneous or alternating",
        },
    ),
    Entry(
        "consensus",
        "both players also reduce gamma |v|^2/2",
        {"gamma": 1},
        {"gamma": "weight"},
    ),
    Entry(
        "regularised",
        "the generator also reduces eta |grad_D V|^2 (the foresighted one)",
        {"eta": 0.5},
        {"eta": "weight"},
        also=("regularized",),
    ),
    Entry(
        "two-time-scale",
        "simultaneous, the discriminator `ratio` times faster",
        {"ratio": 10},
        {"ratio": "of the discriminator's step size to the generator's"},
        also=("ttur",),
    ),
    Entry("flow", "the continuous flow, infinitesimal steps"),
    Entry("replicator", "matrix games: the flow of growth by relative gain"),
    Entry(
        "fictitious-play",
        "matrix games: the best response to the opponent's average so far",
        {"order": "simultaneous"},
        {"order": "simultaneous or alternating"},
    ),
    Entry(
        "best-response",
        "matrix games: the best pure answer to the opponent's last action",
        {"order": "alternating"},
        {"order": "simultaneous or alternating"},
    ),
    Entry("projected-gradient", "matrix games: simultaneous steps, projected on the simplices"),
)

ALGORITHMS = _table(
    Entry(
        "glgd",
        "generator-loss gradient descent: converges to R = 1",
        {
            "game": "non-saturating",
            "geometry": "reference",
            "step": "constant",
            "alpha": "auto",
            "tol": 1e-10,
            "max_steps": 100_000,
        },
        {
            "game": "the two players' losses",
            "geometry": "inner product of gradient, projection and step",
            "step": "the step rule",
            "alpha": "the step size",
            "tol": "stop when max|R-1| is below",
            "max_steps": "most steps",
        },
    ),
    Entry(
        "conditional",
        "glgd of p(y|x), one constraint E[R(.|x)] = 1 per x: R(y|x) -> 1 for every x",
        {
            "game": "non-saturating",
            "geometry": "reference",
            "alpha": "auto",
            "tol": 1e-10,
            "max_steps": 100_000,
        },
        {
            "game": "the two players' losses",
            "geometry": "inner product of gradient, projection and step",
            "alpha": "the step size; in lebesgue row x runs with alpha p(x)",
            "tol": "stop when max|R-1| is below, for every x",
            "max_steps": "most steps",
        },
    ),
    Entry(
        "alternating",
        "alternating minimization: collapses onto one point",
        {"game": "non-saturating", "ties": "random", "max_steps": 12},
        {
            "game": "the two players' losses",
            "ties": "which cell when several attain argmax f",
            "max_steps": "most steps",
        },
    ),
    Entry(
        "wglgd",
        "descent on Wasserstein-1: a constant step ends in a cycle",
        {
            "geometry": "reference",
            "step": "constant",
            "alpha": "auto",
            "tol": 1e-10,
            "max_steps": "auto",
        },
        {
            "geometry": "inner product of projection and step: reference or fisher",
            "step": "the step rule: constant, decay or polyak",
            "alpha": "the step size",
            "tol": "stop when W1 (on grids its upper bound) is below",
            "max_steps": "most steps: by default 2000, on grids 20 to 200",
        },
    ),
    Entry(
        "training",
        "the practical algorithm: minibatches, discriminator steps, then a generator step",
        {
            "scenario": "none",
            "game": "non-saturating",
            "gen_loss": "same",
            "family": "logits",
            "alpha_disc": 0.01,
            "alpha_gen": 2e-4,
            "disc_steps": 1,
            "gen_steps": 1,
            "batch": 64,
            "data": "fresh",
            "disc_cells": "all",
            "gen_cells": "all",
            "disc_smooth": 0,
            "gen_smooth": 0,
            "optimizer": "adam",
            "gradient": "exact",
            "baseline": "none",
            "inner_product": "reference",
            "particles": "none",
            "discriminator": "none",
            "bandwidth": "none",
            "tol": 0,
            "max_steps": 20_000,
        },
        {
            "scenario": "a named setting, which the other options override",
            "game": "the two players' losses",
            "gen_loss": "the generator's loss, where it is another game's",
            "family": "of generators: logits (one per cell), ratio (R itself) or particles",
            "alpha_disc": "learning rate of the discriminator",
            "alpha_gen": "learning rate of the generator",
            "disc_steps": "discriminator updates per turn, N_d; best: solved",
            "gen_steps": "generator updates per turn",
            "batch": "minibatch size m, or exact",
            "data": "rows of a fixed data set; fresh samples without",
            "disc_cells": "capacity of the discriminator in cells",
            "gen_cells": "capacity of the generator in cells",
            "disc_smooth": "sd of the Gaussian that the discriminator is smoothed with",
            "gen_smooth": "the same of the generator's log-ratio",
            "optimizer": "of both players",
            "gradient": "of the generator: exact, or by minibatch score",
            "baseline": "of the score: none, constant, leave-one-out, or a number",
            "inner_product": "of the weights: reference, euclidean or fisher",
            "particles": "how many samples (family particles); 2000 without",
            "discriminator": "of particles: cells or kde; cells without",
            "bandwidth": "sd of the kernels of discriminator kde; read off the data without",
            "tol": "stop when JSD is below",
            "max_steps": "most turns",
        },
    ),
    Entry(
        "wgan",
        "WGAN algorithm 1: clipped critic, RMSProp, minibatches",
        {
            "critic": "slopes",
            "clip": 0.01,
            "alpha_disc": 5e-5,
            "alpha_gen": 5e-5,
            "disc_steps": 5,
            "gen_steps": 1,
            "batch": 64,
            "optimizer": "rmsprop",
            "loss": "wasserstein",
            "family": "cells",
            "gradient": "exact",
            "inner_product": "euclidean",
            "tol": 0,
            "max_steps": 50_000,
        },
        {
            "critic": "slopes or relu",
            "clip": "weights are clipped to [-clip, clip], or none",
            "alpha_disc": "learning rate of the critic",
            "alpha_gen": "learning rate of the generator",
            "disc_steps": "critic updates per turn, n_critic",
            "gen_steps": "generator updates per turn",
            "batch": "minibatch size m, or exact",
            "optimizer": "of both players",
            "loss": "wasserstein; non-saturating or minimax with the critic as logit",
            "family": "of generators: cells (one logit each) or shift (p_g moved as a whole)",
            "gradient": "of the generator: exact; by minibatch score (cells), pathwise (shift)",
            "inner_product": "of the logits: euclidean or reference",
            "tol": "stop when W1 is below",
            "max_steps": "most turns",
        },
    ),
)

# Which of the step rules and geometries an algorithm has.
ALGORITHM_STEPS = {
    "glgd": ("constant", "armijo", "newton"),
    "conditional": ("constant",),
    "wglgd": ("constant", "decay", "polyak"),
}
ALGORITHM_GEOMETRIES = {
    "glgd": tuple(GEOMETRIES),
    "conditional": tuple(GEOMETRIES),
    "wglgd": ("reference", "fisher"),
}

STATUSES = _table(
    Entry(
        "converged",
        "The stopping rule was met: R = 1, the bounds on W1 or the velocity within tol, or the"
        " gradient is zero.",
    ),
    Entry(
        "converging",
        "A fixed number of steps was asked for, and taken (dynamics: and it came nearer).",
    ),
    Entry("collapsed", "All generator mass is in one cell (training: in few), and stays there."),
    Entry(
        "hopping",
        "All generator mass is in one cell (training: in few), and it moves on.",
    ),
    Entry("cycle", "The iterates repeat or swing: no step of this size gets closer."),
    Entry(
        "unstable",
        "The equilibrium repels: small deviations grow (in R: until it reaches 0 somewhere).",
    ),
    Entry(
        "support-not-covered",
        "R = 0 in some cells stays 0 in a multiplicative geometry: a dropped mode stays dropped.",
    ),
    Entry(
        "max-steps",
        "The steps ran out before tol was met, or cannot suffice: the finding says what helps.",
    ),
    Entry(
        "stalled",
        "Nothing moves any further, short of tol: no admissible step, or hardly any gradient.",
    ),
    Entry("diverged", "A NaN or infinity appeared: take a smaller alpha."),
    Entry("interval-only", "The interval is valid but wider than tol: allow more steps."),
    Entry("interrupted", "Stopped by Ctrl-C: what was finished is kept."),
)

STYLES = _table(
    Entry("slide", "16:9, 1920 x 1080 px, text of 20 pt and more (default)"),
    Entry("paper", "6.75 in wide, 9 pt text"),
    Entry("dark", "slide, light text on #111"),
)

FIGURE_FORMATS = ("png", "svg", "pdf")

# Colour-blind safe, the same everywhere: what each colour means in every figure.
PALETTE = {
    "real": "#0072B2",
    "gen": "#D55E00",
    "ratio": "#CC79A7",
    "discriminator": "#009E73",
    "prediction": "#000000",
    "floor": "#999999",
}
