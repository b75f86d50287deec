"""What ``ratiogan explain NAME`` says: statement, argument, the command that shows it, the source.

Text only. A test holds every name of the catalogue to an entry, every argument to five lines and
every command to the grammar. Notation: E is the expectation over p_r, R = p_g/p_r, u = u(f*(R)) the
generator's signal, Phi the induced cost (Phi' = u).
"""

from dataclasses import dataclass

SLIDES = 'slides "Computing the GAN Equilibrium"'
TAN = 'slides "Nonconvex Optimization in Deep Learning: GAN" (C. W. Tan)'
GLGD_SLIDE = f'{SLIDES}, "Algorithm 2: Generator Loss Gradient Descent (GLGD)"'
ALTERNATING_SLIDE = f'{SLIDES}, "Algorithm 1: Alternating Minimization"'
CONVERGENCE_SLIDE = f'{SLIDES}, "GLGD Convergence for Non-Saturating GAN"'
PRACTICAL_SLIDE = f'{SLIDES}, "Algorithm 2: Practical Algorithm"'
FAILURE_SLIDE = f'{SLIDES}, "Failure Mode: Mode Collapse"'
EQUILIBRIUM_SLIDE = f'{SLIDES}, "Convergence of GANs"'
RATIO_SLIDE = f'{SLIDES}, "Reparameterize Loss Functions"'
TABLE_SLIDE = f'{TAN}, "Minimax Optimization of f-divergence"'
XY_SLIDES = 'slides "Challenges for GAN Optimization"'
LOCAL_SLIDES = 'slides "Gradient Descent GAN Optimization is Locally Stable"'
HERE = "ratiogan (not in the slides)"


@dataclass(frozen=True)
class Explanation:
    """One answer of ``explain``: `printed` is the statement as the slides have it, where wrong."""

    name: str
    kind: str
    statement: str
    argument: str
    command: str
    source: str
    printed: str = None
    aliases: tuple = ()
    related: tuple = ()
    value: float = None


def _entry(kind, name, statement, argument, command, source, **more):
    return Explanation(name, kind, statement, argument, command, source, **more)


_GAMES = (
    _entry(
        "game",
        "non-saturating",
        "u = -log f: GLGD minimises E[Phi(R)] = 2 KL(m||p_r), m = (p_r + p_g)/2, and reaches R ="
        " 1.",
        "With f* = 1/(1+R) the signal is log(1+R) = Phi'(R), so Phi'' = 1/(1+R) > 0: strictly"
        " convex for all R >= 0, and finite at R = 0. Near R = 1 the error shrinks by 1 - alpha/2"
        " per step; alpha <= 1 keeps R >= 0 by itself, and linear stability ends at alpha = 4.",
        "ratiogan run glgd",
        f"{CONVERGENCE_SLIDE}; Goodfellow et al. 2014",
        related=("glgd", "induced-cost", "reference", "0.693"),
    ),
    _entry(
        "game",
        "minimax",
        "u = log(1-f), the zero-sum game: GLGD minimises E[Phi(R)] = 2 JSD(p_g, p_r).",
        "u(f*) = log(R/(1+R)) and Phi'' = 1/(R(1+R)): the same 1/2 at R = 1 as non-saturating, but"
        " unbounded as R -> 0. No fixed alpha keeps R > 0 there, so the step is halved where it"
        " must be, and at R = 0 itself the signal is -inf and the solver stops before the step.",
        "ratiogan run glgd --game minimax --geometry fisher",
        f'{TAN}, "Generative Adversarial Networks (GANs)"; Goodfellow et al. 2014, theorem 1',
        related=("non-saturating", "stiff", "fisher"),
    ),
    _entry(
        "game",
        "maximum-likelihood",
        "u = -f/(1-f): GLGD minimises E[Phi(R)] = KL(p_r||p_g), what maximum likelihood minimises.",
        "f/(1-f) = 1/R at f*, so u = -1/R, Phi = -log R and Phi'' = 1/R^2, which is 1 at R = 1:"
        " twice the rate of the cross-entropy pair. It is very stiff where R is small, because"
        " a mode that p_g misses costs an infinite amount.",
        "ratiogan run glgd --game maximum-likelihood --geometry fisher",
        "Goodfellow 2016, NIPS tutorial, section 3.2.4",
        related=("stiff", "logit"),
    ),
    _entry(
        "game",
        "logit",
        "u = log((1-f)/f): GLGD minimises E[Phi(R)] = KL(p_g||p_r).",
        "At f* the odds (1-f)/f are R, so u = log R and Phi'' = 1/R. In the geometry fisher the"
        " iterates are p_k proportional to p_r^(1-q) p_0^q with q = (1-alpha)^k, the annealing"
        " path: alpha = 1 is one exact step from anywhere.",
        "ratiogan run glgd --game logit --geometry fisher --alpha 1",
        f'{HERE}; KL identities: {SLIDES}, "A Useful Relationships"',
        related=("fisher", "maximum-likelihood"),
    ),
    _entry(
        "game",
        "least-squares",
        "LSGAN with codes a (generated), b (real), c (target): (0,1,1) converges, (-1,1,0) does"
        " not.",
        "f* = (b+aR)/(1+R) and u = (f*-c)^2/2 give Phi''(1) = (a-b)(a+b-2c)/8. For (0,1,1) that is"
        " 1/8: convergence by 1 - alpha/8 per step, alpha <= 8 keeping R >= 0. For (-1,1,0) it is 0"
        " and Phi'' < 0 for R < 1: no restoring force.",
        "ratiogan run glgd --game least-squares:a=0,b=1,c=1",
        f'{TAN}, "Least Squares GANs (LSGANs)"; Mao et al. 2017',
        aliases=("lsgan", "ls"),
        related=("lsgan-pearson",),
    ),
    _entry(
        "game",
        "hinge",
        "l_r = max(0, 1-h), l_g = max(0, 1+h), u = -h: E[Phi] = 2 TV, and constant steps chatter.",
        "The best response is h* = sign(1-R), so u = sign(R-1) has size 1 however close R is to 1:"
        " a constant step overshoots for ever, by about alpha. Phi has a kink at R = 1 (an atom of"
        " Phi'' of mass 2) and no rate.",
        "ratiogan run glgd --game hinge --alpha 0.1 --max-steps 200",
        "Lim and Ye 2017, Geometric GAN",
        related=("chatters", "0-1"),
    ),
    _entry(
        "game",
        "concave",
        "Any concave F: d = -E[F(D)] - E[R F(-D)], u = F(-D). Phi is convex for every such F.",
        "D* solves F'(D) = R F'(-D), and Phi'' = F'(-D*)^2 / -(F''(D*) + R F''(-D*)) >= 0. F ="
        " -log(1+exp(-x)) is the cross-entropy game; F = -exp(-x) has D* = -(log R)/2 and"
        " u = -R^(-1/2), so E[Phi] = 2 H^2 = 2 (1 - E[sqrt(R)]).",
        "ratiogan run glgd --game concave:f=exponential --geometry fisher",
        f"{LOCAL_SLIDES}; Nagarajan and Kolter 2017",
        related=("exponential",),
    ),
    *(
        _entry(
            "game",
            name,
            f"The classification losses {losses} of a margin h make a game: {cost}.",
            "-inf_h [l+(h) + s l-(h)] is convex in s = R. Zero-sum (u = -l-(h*)) descends exactly"
            f" this function; flipped (u = l+(h*)) another one. {remark}",
            f"ratiogan run glgd --game {name} --max-steps 2000",
            f"{TABLE_SLIDE}; Nguyen, Wainwright and Jordan 2009",
            related=("hinge", "concave"),
        )
        for name, losses, cost, remark in (
            ("0-1", "(1-h)/2, (1+h)/2", "E[Phi] = TV", "u jumps at R = 1: steps chatter."),
            (
                "log",
                "log(2/(1+h)), log(2/(1-h))",
                "minimax (zero-sum) and non-saturating (flipped) again",
                "h = 2f - 1 turns it into cross-entropy.",
            ),
            (
                "square",
                "(1-h)^2, (1+h)^2",
                "E[Phi] = sum (p_g-p_r)^2/(p_g+p_r)",
                "The triangular discrimination; Phi''(1) = 1 either way.",
            ),
            (
                "cw",
                "(1-c)(1-h), c(1+h)",
                "the cost-weighted 0-1 loss",
                "For c != 1/2 it vanishes for p_g close to p_r: not a strict divergence.",
            ),
            (
                "exponential",
                "exp(-h), exp(h)",
                "E[Phi] = 2 H^2 = 2 (1 - E[sqrt R])",
                "Zero-sum has u = -R^(-1/2), flipped u = R^(1/2).",
            ),
            (
                "boosting",
                "sqrt((1-h)/(1+h)) and its inverse",
                "the exponential game with another margin",
                "h* = (1-R)/(1+R) instead of -(log R)/2, and the same u.",
            ),
        )
    ),
)

_ALGORITHMS = (
    _entry(
        "algorithm",
        "glgd",
        "Generator-loss gradient descent: f <- f*(R), then R <- R - alpha P_0 u(f). It reaches R ="
        " 1.",
        "With f* held fixed the step descends E[Phi(R)], Phi' = u(f*(R)), not g(R, f*(R)) itself."
        " Where Phi is strictly convex, R = 1 is the only minimum on E[R] = 1, and near it the"
        " error shrinks by 1 - alpha Phi''(1) at every step in the geometry reference.",
        "ratiogan run glgd",
        f"{GLGD_SLIDE}",
        related=("induced-cost", "rate", "alternating", "mixed-geometry"),
    ),
    _entry(
        "algorithm",
        "alternating",
        "Alternating minimization: f <- f*(R), then R <- argmin of g(., f). It collapses at once.",
        "With f fixed, g(R, f) = E[R u(f)] is linear in R, so its minimiser over {R >= 0, E[R] ="
        " 1} is an extreme point: a delta on one cell (argmax f for the cross-entropy games)."
        " After that f* is near 0 there and 1 elsewhere: everything else ties, and the delta hops"
        " for ever.",
        "ratiogan run alternating",
        ALTERNATING_SLIDE,
        related=("mode-collapse", "glgd", "first", "random", "split"),
    ),
    _entry(
        "algorithm",
        "conditional",
        "The conditional game: R(y|x) = p_g(y|x)/p_r(y|x) with one constraint E[R(.|x)] = 1 per x."
        " GLGD takes it to 1 for every x.",
        "Real and generated share p(x) and the discriminator sees (x, y), so f* = 1/(1+R(y|x)) and"
        " the cost is the average of E[Phi(R(.|x))] over p(x): rows that do not feel each other,"
        " each GLGD with the same alpha. In lebesgue the joint density p(x) p(y|x) gives row x the"
        " step alpha p(x): a rare x learns slowly. The run ends with its slowest x. A"
        " KDE's tails make R huge, so the command takes geometry fisher for one.",
        "ratiogan run conditional",
        f'{SLIDES}, "Conditional Generative Adversarial Network"; Mirza and Osindero 2014',
        aliases=("cgan", "conditional-gan", "c-gan"),
        related=("marginal-match", "glgd", "fork", "independent"),
    ),
    _entry(
        "algorithm",
        "wglgd",
        "Wasserstein GLGD: f <- the critic of W1, then R <- R + alpha P_0 f. A constant step ends"
        " in a cycle with mean W1 = (alpha/2) Var f.",
        "|R'-1|^2 = |R-1|^2 - 2 alpha W1 + alpha^2 Var f, and Var f does not shrink as R -> 1: the"
        " critic keeps its slope. alpha = W1/Var f (polyak) makes every step fall: min W1 <="
        " |R0-1| max sd(f)/sqrt(k+1). In fisher a Gaussian shift is an exponential tilt: two steps"
        " do.",
        "ratiogan run wglgd --step polyak",
        f'{SLIDES}, "Wasserstein GAN"; Polyak 1969',
        related=("critic", "polyak", "decay", "cycle"),
    ),
    _entry(
        "algorithm",
        "wgan",
        "WGAN, algorithm 1: n_critic ascent steps of a critic whose weights are clipped to [-c, c],"
        " then one descent step of the generator; all by RMSProp on minibatches.",
        "Slopes as weights have the maximum c W1 exactly, ReLU weights c sum_j |int_{b_j} F|:"
        " another metric. Is it the metric? With the same clipped critic the non-saturating loss"
        " ends about as low (metric-or-tricks). Is clipping just regularisation? Without it the"
        " Wasserstein loss has no maximum; the GAN losses have one (clipping). At the paper's"
        " rates theta moves by 5e-5 a turn: the default problem takes some 30,000 turns.",
        "ratiogan run wgan",
        f'{SLIDES}, "Method 3: Wasserstein Practical Algorithm"; Arjovsky et al. 2017',
        aliases=("wasserstein-gan",),
        related=("critic", "clipping", "metric-or-tricks", "rmsprop", "wglgd"),
    ),
    _entry(
        "algorithm",
        "training",
        "The practical algorithm: N_d steps of the discriminator, then one of the generator, each"
        " on a fresh minibatch.",
        "Both players are arrays on the cells, so that every turn has its exact JSD, R and best"
        " response. With exact expectations, sgd and the discriminator solved, a generator step is"
        " a GLGD step. The default problem at the default rates: JSD 0.0908 falls to 0.0020 by"
        " turn 7369 and stays, where minibatches keep it; with --batch exact it reaches 1.5e-12."
        " Every failure of the slides is an option here.",
        "ratiogan run training",
        f"{PRACTICAL_SLIDE}; Goodfellow et al. 2014, algorithm 1",
        aliases=("practical-algorithm", "train"),
        related=(
            *("minibatch", "discriminator-steps", "capacity", "overfitting", "score-function"),
            *("best-response-gap", "mode-collapse", "glgd", "particles"),
        ),
    ),
)

_FAMILIES = (
    _entry(
        "family",
        "particles",
        "A generator made of samples, which move along -grad u(f(y)) through the discriminator.",
        "Against the best discriminator their density follows the Wasserstein-2 gradient flow of"
        " E[Phi(R)]: the speed is |grad log R| times 1/(1+R) minimax, R/(1+R) non-saturating, 1/R"
        " maximum likelihood, 1 logit. Where f is flat nothing moves: saturation and vanishing"
        " gradients live here. Defaults: 2000 samples, adam, moves of 1/20,000 of the longest axis,"
        " a smoothed discriminator, inner product euclidean; with --discriminator kde sgd, whose"
        " step is the bandwidth squared.",
        "ratiogan run training --family particles",
        HERE,
        aliases=("particle", "samples-that-move"),
        related=("training", "vanishing-gradient", "mixture-1d"),
    ),
)

_SCENARIOS = (
    _entry(
        "scenario",
        "healthy",
        "What one would like to see: g goes to log 2, d to 2 log 2, JSD falls and stays low.",
        "The losses alone do not show it: they end at log 2 and 2 log 2 in weak-discriminator too."
        " JSD does: 0.0908 to 0.0020 at the default rates, and 4.3e-04 with N_d = 5 (means of the"
        " last quarter of 20000 turns).",
        "ratiogan run training --scenario healthy",
        f'{PRACTICAL_SLIDE}, "What you would like to see"',
        related=("training", "weak-discriminator", "discriminator-steps"),
    ),
    _entry(
        "scenario",
        "weak-discriminator",
        "Looks good, but: with 8 cells for the discriminator both losses are at equilibrium and"
        " JSD stays at 0.015.",
        "Between the edges of its cells it sees shares only, so the game ends where those are"
        " right: R = R_0/E[R_0|cell] in fisher, R_0 - E[R_0|cell] + 1 in reference. There f = 1/2"
        " and the losses are log 2 and 2 log 2, exactly: within 1e-15 with exact expectations and"
        " the discriminator solved, while JSD is 0.0147 and max|R-1| 2.6.",
        "ratiogan run training --scenario weak-discriminator",
        f'{PRACTICAL_SLIDE}, "Could result from a discriminator with insufficient capacity"',
        aliases=("looks-good-but",),
        related=("capacity", "healthy", "0.693"),
    ),
    _entry(
        "scenario",
        "too-few-discriminator-steps",
        "Mode collapse: a generator that is faster than the discriminator runs after its last"
        " favourite cell.",
        "Rates of 0.05 for both. One discriminator step per turn: the generator ends in 1.0 to 1.2"
        " cells (p_r: 695), one of two modes covered, JSD 0.68 to 0.69 of at most 0.693. Fifty:"
        " 668 to 670 cells, both modes, JSD 0.0055 (20 seeds). No lack of capacity is needed: the"
        " generator moves on before the discriminator has seen that it did.",
        "ratiogan run training --scenario too-few-discriminator-steps",
        f'{FAILURE_SLIDE}, "Insufficient number of discriminator updates"',
        related=("discriminator-steps", "mode-collapse", "hopping", "alternating"),
    ),
    _entry(
        "scenario",
        "overfit",
        "A discriminator that learns 1000 rows by heart: d = 1.38 on them, 2.6 to 2.9 on fresh"
        " ones.",
        "It tells the rows from everything else, and the generator learns the rows: JSD falls from"
        " 0.0908 to 0.06 by turn 2000 or so and rises to 0.11 to 0.13; fresh samples at every step"
        " end at 0.002 (20 seeds). Less capacity or more rows help: --disc-cells, --data.",
        "ratiogan run training --scenario overfit",
        f'{FAILURE_SLIDE}, "Overfitting by discriminator"',
        related=("overfitting", "capacity"),
    ),
    _entry(
        "scenario",
        "weak-generator",
        "A generator with too few weights ends at the nearest it can make, and the discriminator"
        " sees the rest.",
        "8 cells for log R leave a JSD of 0.015, 4 cells 0.065, with every mode covered. Unlike a"
        " weak discriminator it shows in the losses: g ends at 0.741 and 0.912 instead of log 2, d"
        " at 1.363 and 1.262 instead of 2 log 2.",
        "ratiogan run training --scenario weak-generator",
        f'{FAILURE_SLIDE}, "Insufficient generator capacity"',
        related=("capacity", "weak-discriminator"),
    ),
    _entry(
        "scenario",
        "saturating",
        "minimax, u = log(1-f): its gradient dies where the discriminator is sure, and samples"
        " that move along it stall.",
        "N(-2, 0.5) against N(2, 0.5), the best response to kernel densities. In 300 turns the"
        " minimax samples go less than 1% of the way, the non-saturating ones all of it: slopes of"
        " 0.02 and less against 15, for du/dphi is -f and f - 1, and f is near 0 there (20 seeds)."
        " With a logit for each cell minimax is no slower: nothing has to travel.",
        "ratiogan run training --scenario saturating",
        f'{SLIDES}, "Concept Wasserstein GAN"; Goodfellow et al. 2014',
        related=("minimax", "vanishing-gradient", "particles"),
    ),
    _entry(
        "scenario",
        "scenario-maximum-likelihood",
        "u = -f/(1-f): at the best response its gradient is that of maximum likelihood, and it is"
        " noisy.",
        "In theta it is p_g - p_r there, to round-off; with the discriminator as trained it is off"
        " by 9 to 31 times its size. From 64 samples (leave-one-out) its standard deviation is 29"
        " times its size at the start and 58 to 79 times in the end; non-saturating 4.4 and 14 to"
        " 16 (20 seeds). Var u = E[1/R] - 1 is large where p_g misses mass: from the default p_g,"
        " which covers p_r, it is no noisier than the others.",
        "ratiogan run training --scenario maximum-likelihood",
        "Goodfellow 2016, NIPS tutorial, section 3.2.4",
        related=("maximum-likelihood", "score-function", "diverged"),
    ),
    _entry(
        "scenario",
        "scenario-lsgan",
        "Least squares pull samples to D = c, from both sides: with codes (-1, 1, 0) that is the"
        " decision boundary.",
        "A linear D, and samples far beyond the data: (-1, 1, 0) moves them back by 2.5 to 2.6, to"
        " D = 0; (0, 1, 1) wants D = 1, not 1/2, and leaves them there; non-saturating moves them"
        " on by 0.3 to 0.5, minimax by 1.9 to 2.5 (20 seeds). u' = D - c is flat at one point"
        " only. The boundary is not the data: all samples end on it, in two cells.",
        "ratiogan run training --scenario lsgan",
        f'{TAN}, "Least Squares GANs (LSGANs)"; Mao et al. 2017',
        related=("least-squares", "lsgan-pearson", "particles"),
    ),
    _entry(
        "scenario",
        "mixture-1d",
        "Samples that learn a mixture of two Gaussians: least squares against cross-entropy.",
        "A trained, smoothed discriminator. Both find both modes; least squares (0, 1, 1) keeps 66"
        " to 80 cells in use and ends at JSD 0.07 to 0.12, non-saturating 28 to 43 cells and 0.20"
        " to 0.27, least squares (-1, 1, 0) 6 to 13 cells and 0.44 to 0.55 (20 seeds). It is the"
        " training: with --discriminator kde, which is the best response, non-saturating does as"
        " well as (0, 1, 1).",
        "ratiogan run training --scenario mixture-1d",
        f'{TAN}, "Gaussian kernel estimation"; Mao et al. 2017',
        related=("particles", "mode-collapse"),
    ),
    _entry(
        "scenario",
        "scenario-wgan",
        "The same problem by WGAN's algorithm: a clipped critic instead of a discriminator.",
        "Its loss is no divergence of the shares but an estimate of W1, and it is read as one: of"
        " the 0.588 at the start some 2.1% are left (50,000 turns at the paper's rates). What the"
        " metric and what the tricks do is told apart in metric-or-tricks.",
        "ratiogan run training --scenario wgan",
        f'{SLIDES}, "Method 3: Wasserstein Practical Algorithm"',
        related=("wgan", "metric-or-tricks"),
    ),
)

_GEOMETRIES = (
    _entry(
        "geometry",
        "reference",
        "L2(p_r): gradient u, projection d - E[d], step R - alpha P_0 u. All errors shrink alike.",
        "Near R = 1, P_0 u = Phi''(1)(R-1) to first order, at every cell: the factor per step is 1"
        " - alpha Phi''(1) everywhere, tails included. alpha auto = 1/(2 Phi''(1)) halves the"
        " error.",
        "ratiogan compare glgd glgd:geometry=fisher glgd:geometry=lebesgue",
        GLGD_SLIDE,
        related=("lebesgue", "fisher", "rate"),
    ),
    _entry(
        "geometry",
        "lebesgue",
        "L2(dy), the slides' P_o: gradient p_r u, projection d - E[d]/E[p_r] p_r. The tails"
        " freeze.",
        "The cell at y contracts by about 1 - alpha Phi''(1) p_r(y) per step, exactly by 1 - alpha"
        " Phi''(1) mu_j with rates mu_j between the densities p_i, sum_i w_i p_i/(p_i - mu) = 0."
        " Where p_r is small nothing moves: this is why the slides find convergence slow.",
        "ratiogan run glgd --geometry lebesgue",
        GLGD_SLIDE,
        related=("reference", "mixed-geometry"),
    ),
    _entry(
        "geometry",
        "fisher",
        "Fisher-Rao: R <- R exp(-alpha u) / E[R exp(-alpha u)]. R stays positive, with no"
        " projection.",
        "This is mirror descent with the entropy: for convex Phi and alpha sup R Phi'' <= 1 the"
        " cost is at most KL(p_r||p_g0)/(alpha k) after k steps. A cell with R = 0 stays at 0 for"
        " ever: a mode once dropped stays dropped.",
        "ratiogan run glgd --geometry fisher",
        HERE,
        related=("reference", "logits", "minimax"),
    ),
    _entry(
        "geometry",
        "logits",
        "Gradient descent on theta = log R: R exp(-alpha q) / E[.], q = R (u - E[R u]).",
        "The chain rule multiplies the gradient by R, so cells with little mass move slowly even"
        " where they are wrong by a large factor. At R = 1 the rate is that of reference and"
        " fisher, 1 - alpha Phi''(1): a softmax generator trained to the end behaves like this.",
        "ratiogan run glgd --geometry logits",
        HERE,
        related=("fisher", "reference"),
    ),
)

_STEPS = (
    _entry(
        "step rule",
        "constant",
        "The same alpha at every step; halved only where R > 0 would fail in a game with u(0+) ="
        " -inf.",
        "If u is non-decreasing and u(0) finite, alpha sup (u(R)-u(0))/R <= 1 keeps R >= 0 by"
        " itself; beyond it R is projected on {R >= 0, E[R] = 1}, and the trace counts it. With"
        " alpha sup Phi'' <= 2 the cost never rises, projection included.",
        "ratiogan run glgd --step constant --alpha 0.5",
        GLGD_SLIDE,
        related=("alpha", "armijo", "newton"),
    ),
    _entry(
        "step rule",
        "armijo",
        "Backtracking: halve the step until E[Phi] falls by a fixed share of what the slope"
        " promises.",
        "It needs no bound on Phi'', so it runs the stiff games (minimax, maximum-likelihood,"
        " logit) in the linear geometries, and shows in its trace how often the step was halved.",
        "ratiogan run glgd --game minimax --step armijo",
        "Armijo 1966",
        related=("constant", "newton", "stiff"),
    ),
    _entry(
        "step rule",
        "newton",
        "d = -(u - lambda)/Phi'', damped by Armijo: quadratic convergence, the cure for \"slow\".",
        "The Hessian of E[Phi] is diagonal in R, so Newton's step costs as much as a gradient step;"
        " lambda = E[u/Phi'']/E[1/Phi''] keeps E[R] = 1. Near R = 1 each step squares the error, in"
        " any geometry. Steps stop at 0.99 of the way to R = 0.",
        "ratiogan run glgd --step newton",
        CONVERGENCE_SLIDE + ', "convergence tends to be slow"',
        related=("constant", "rate"),
    ),
    _entry(
        "step rule",
        "decay",
        "wglgd: alpha/sqrt(k) at the k-th step, the textbook rule of the subgradient method.",
        "min W1 <= (|R0-1|^2 + sum alpha_k^2 Var f)/(2 sum alpha_k), which falls like log k/sqrt(k)"
        " for any alpha: no scale has to be known, but Polyak's step is faster.",
        "ratiogan run wglgd --step decay",
        "Nesterov 2004, section 3.2",
        related=("polyak", "constant", "wglgd"),
    ),
    _entry(
        "step rule",
        "polyak",
        "wglgd: alpha = W1/|P_0 f|^2, as far as the distance to the known minimum W1 = 0 promises.",
        "It minimises the bound |R-1|^2 - 2 alpha W1 + alpha^2 Var f on the next |R-1|^2, so that"
        " sum W1^2/Var f <= |R0-1|^2: R never gets farther from 1, and the least W1 of k+1 steps"
        " is at most |R0-1| max sd(f)/sqrt(k+1).",
        "ratiogan run wglgd --step polyak",
        "Polyak 1969",
        related=("decay", "constant", "wglgd"),
    ),
)

_TIES = (
    _entry(
        "tie rule",
        "first",
        "Of the cells that tie at argmax f, take the first: a cycle of two cells.",
        "After the collapse every cell but the present one has f* = 1, so the first cell always"
        " wins, unless the mass is there: then the second wins. It goes to and fro between these"
        " two.",
        "ratiogan run alternating --ties first",
        ALTERNATING_SLIDE,
        related=("random", "split", "cycle"),
    ),
    _entry(
        "tie rule",
        "random",
        "Of the cells that tie at argmax f, take one at random: the mass wanders and never"
        " settles.",
        "All cells but the present one tie, so the next point is uniform over the others, whatever"
        " p_r is there. --seed makes the walk again.",
        "ratiogan run alternating --ties random --seed 1",
        ALTERNATING_SLIDE,
        related=("first", "split", "hopping"),
    ),
    _entry(
        "tie rule",
        "split",
        "Share the mass among all ties in proportion to p_r: the only rule that leaves R = 1"
        " alone.",
        "At R = 1 all cells tie, and sharing gives R = 1 back. From anywhere else it first"
        " collapses, then alternates between one cell and all the others: still no convergence.",
        "ratiogan run alternating --ties split",
        ALTERNATING_SLIDE,
        related=("first", "random"),
    ),
)

_STATUSES = (
    _entry(
        "status",
        "converged",
        "max|R-1| (dynamics: |velocity|) fell below --tol, or the projected gradient vanished; the"
        " finding says which.",
        "The error is measured on R itself, cell by cell, and not on the loss, which can look"
        " right at a wrong R. The certificate E[Phi(R)] - Phi(1) <= Cov(R, u) is recomputed from R"
        " alone.",
        "ratiogan run glgd",
        HERE,
        related=("max-error", "gap-bound"),
    ),
    _entry(
        "status",
        "converging",
        "A fixed number of steps was asked for (--tol 0), and taken; of dynamics, with the distance"
        " falling.",
        "Not a failure: you set the length. Of glgd the measured rate per step stands beside the"
        " predicted one, so the steps still to go can be read off. Of training the finding says"
        " where JSD went: it fell, hovers, stayed or rose.",
        "ratiogan run glgd --tol 0 --max-steps 20",
        HERE,
        related=("max-steps", "rate"),
    ),
    _entry(
        "status",
        "collapsed",
        "All generator mass is in one cell (in training: in few) and stays there: mode collapse.",
        "Seen in alternating minimization when the best response sends the mass back to where it"
        " is: least squares (-1,1,0) collapses onto the cell with R nearest 1 and stays. In"
        " training it is said where the generator uses less than a tenth of the cells that p_r"
        " does, in the median of the last quarter of the turns.",
        "ratiogan run alternating --game least-squares:a=-1,b=1,c=0",
        f'{ALTERNATING_SLIDE}, "Mode collapse"',
        related=("hopping", "mode-collapse", "alternating"),
    ),
    _entry(
        "status",
        "hopping",
        "All generator mass is in one cell (in training: in few), and it moves on, for ever.",
        "The discriminator learns the present cell (f* near 0 there) and accepts all others (f* ="
        " 1). The generator then moves all its mass to one of those. Rotating mode collapse. Where"
        " the discriminator takes small steps a cell lasts longer: over a thousand turns in"
        " too-few-discriminator-steps.",
        "ratiogan run alternating",
        f'{ALTERNATING_SLIDE}, "Mode collapse"',
        related=("collapsed", "cycle", "random"),
    ),
    _entry(
        "status",
        "cycle",
        "The iterates repeat or swing: no step of this size gets closer.",
        "Tie rule first goes between two cells; a hinge game with a constant alpha jumps across R"
        " = 1 by about alpha at every step. A smaller alpha shrinks the cycle but does not end it."
        " Of dynamics: the distance to the equilibrium has stayed within 2%, as on an orbit."
        " Of training, whose noise never repeats, it is said where JSD has no level and moves far"
        " and smoothly, by more than a factor of 2.",
        "ratiogan run alternating --ties first",
        HERE,
        related=("first", "hinge", "chatters"),
    ),
    _entry(
        "status",
        "unstable",
        "The equilibrium repels: small deviations grow (in R: until it reaches 0 somewhere).",
        "Either the induced cost is not convex at R = 1 (least squares with codes (-1,1,0)), or"
        " alpha is beyond 2/Phi''(1), where the factor per step 1 - alpha Phi''(1) is below -1."
        " In dynamics the spectral radius of a step is above 1: on xy simultaneous steps move away"
        " for every alpha.",
        "ratiogan run glgd --game least-squares:a=-1,b=1,c=0 --gen near-real:amount=0.05",
        f'{TAN}, "Selection of Parameters"',
        related=("lsgan-pearson", "rate", "spectral-radius"),
    ),
    _entry(
        "status",
        "support-not-covered",
        "R = 0 in some cells of p_r, and this geometry cannot fill them again.",
        "A multiplicative step R exp(-alpha u) keeps R = 0 where it is, so a mode once dropped"
        " stays dropped, and what is left converges to the wrong R. reference and lebesgue add mass"
        " back, for games with u(0) finite.",
        "ratiogan run glgd --geometry fisher --real uniform --gen uniform:low=-2,high=1",
        HERE,
        related=("fisher", "logits", "mode-collapse"),
    ),
    _entry(
        "status",
        "max-steps",
        "The steps ran out before the tolerance was met, or cannot suffice.",
        "In the geometry lebesgue the tails freeze and tens of thousands of steps are normal; where"
        " R starts at 1e6 and more, a linear step takes off about alpha log R only. Allow more with"
        " --max-steps, or take --geometry fisher, or for glgd --step newton: the finding says which"
        " fits.",
        "ratiogan run glgd --geometry lebesgue --max-steps 1000",
        HERE,
        related=("lebesgue", "newton", "exit-5"),
    ),
    _entry(
        "status",
        "stalled",
        "No admissible step lowers E[Phi] any further, short of the tolerance; in training JSD"
        " stays within 1% of its start.",
        "Either round-off is reached (a tolerance below about 1e-14 asks too much of 64-bit"
        " numbers), or R is 0 in cells that this game or geometry cannot fill again: fisher keeps"
        " R = 0 for ever, and games with u(0+) = -inf have no step there. In dynamics: Newton finds"
        " no solution of an implicit step.",
        "ratiogan run glgd --gen disjoint:side=left --real uniform --game minimax",
        HERE,
        related=("fisher", "minimax", "stiff"),
    ),
    _entry(
        "status",
        "diverged",
        "A NaN or an infinity appeared in R or in a velocity: the run stopped before it could"
        " spread.",
        "Usually alpha is far too large for the game's Phi'', or losses of your own overflow."
        " Take a smaller --alpha, or --alpha auto.",
        "ratiogan list statuses",
        HERE,
        related=("alpha", "unstable"),
    ),
    _entry(
        "status",
        "interval-only",
        "The two-sided interval is valid, but wider than the tolerance asked for.",
        "Lower and upper end are both feasible points, so the value lies between them whatever"
        " happens; more steps narrow it. Below some 1e-12 the round-off of masses and distances is"
        " wider than the tolerance, and none do.",
        "ratiogan wasserstein --real ring8 --gen ring8:drop=4 --metric manhattan --max-steps 5",
        HERE,
        related=("exit-5", "wasserstein"),
    ),
    _entry(
        "status",
        "interrupted",
        "Stopped by Ctrl-C: the last complete step was kept and written.",
        "run.npz holds R, f and the trace up to that step, exactly as a run with that many"
        " --max-steps would; the exit code is 1.",
        "ratiogan list statuses",
        HERE,
        related=("exit-1",),
    ),
)

_PRESETS = (
    _entry(
        "preset",
        "normal",
        "A Gaussian on the line, N(mean, sd^2); cell masses are differences of its distribution.",
        "The default p_g is N(0, 1.2^2) on -4:4. It covers both modes of bimodal, so R is positive"
        " and finite everywhere and every game and geometry can start from it.",
        "ratiogan run glgd --real normal:mean=0,sd=1 --gen normal:mean=0.3,sd=1",
        HERE,
        related=("bimodal",),
    ),
    _entry(
        "preset",
        "uniform",
        "The uniform distribution on an interval.",
        "Constant p_r makes reference and lebesgue the same geometry up to the scale of alpha.",
        "ratiogan run glgd --real uniform --gen near-real",
        HERE,
        related=("lebesgue",),
    ),
    _entry(
        "preset",
        "laplace",
        "The two-sided exponential distribution.",
        "Its tails are heavier than a Gaussian's: against a normal p_g, R is smallest far out.",
        "ratiogan run glgd --real laplace --gen normal",
        HERE,
        related=("student-t",),
    ),
    _entry(
        "preset",
        "student-t",
        "Student's t: heavy tails, of which part lies outside any finite domain.",
        "What falls outside the cells is reported in the header, never dropped in silence.",
        "ratiogan run glgd --real student-t --gen normal",
        HERE,
        related=("outside-the-domain",),
    ),
    _entry(
        "preset",
        "beta",
        "The beta distribution on [0, 1].",
        "p_r falls to 0 at the ends of its support: R can be very large there.",
        "ratiogan run glgd --real beta --gen beta:a=2,b=4",
        HERE,
    ),
    _entry(
        "preset",
        "poisson",
        "Counts 0, 1, 2, ... on a counting axis, one cell per integer.",
        "Matched to data its rate is the sample's mean: the classical test of count data for excess"
        " zeros and tails.",
        "ratiogan run glgd --real poisson:rate=3 --gen poisson:rate=4",
        HERE,
    ),
    _entry(
        "preset",
        "bimodal",
        "0.6 N(-1.5, 0.7^2) + 0.4 N(1.5, 0.7^2): the default p_r.",
        "Against N(0, 1.2^2) the ratio R runs from 0.298 to 5.94, so everything converges that"
        " should; R is smallest at an interior point beside the larger mode, so alternating"
        " minimization collapses visibly onto a mode and not onto the edge.",
        "ratiogan run glgd --real bimodal --gen normal",
        HERE,
        related=("normal", "near-real"),
    ),
    _entry(
        "preset",
        "ring8",
        "Eight Gaussians on a circle in the plane: the standard toy of mode collapse.",
        "drop=4 leaves mode 4 out, thin=7 keeps 30 % of mode 7, separated by / for several.",
        "ratiogan run glgd --real ring8 --gen ring8:thin=7",
        "Metz et al. 2017, Unrolled GAN",
        related=("grid25", "mode-collapse"),
    ),
    _entry(
        "preset",
        "grid25",
        "25 Gaussians on a 5 x 5 grid in the plane: the other toy of mode collapse.",
        "drop and thin take mode numbers as in ring8.",
        "ratiogan run glgd --real grid25 --gen grid25:thin=13",
        "Srivastava et al. 2017, VEEGAN",
        related=("ring8", "mode-collapse"),
    ),
    _entry(
        "preset",
        "disjoint",
        "One of two uniform pieces that do not touch: real and generator share no cell.",
        "Then all generator mass is singular, R = 0 on all of p_r, and every log-type cost is"
        " infinite or at its maximum: GLGD refuses, and says how much mass lies where.",
        "ratiogan run glgd --real disjoint:side=left --gen disjoint:side=right",
        f'{SLIDES}, "Concept Wasserstein GAN"',
        related=("singular-mass",),
    ),
    _entry(
        "preset",
        "fork",
        "x uniform on 0:1; y given x is half N(-spread x, sd^2), half N(spread x, sd^2): the p_r of"
        " conditional.",
        "At x = 0 there is one mode, at x = 1 there are two, so p(y|x) changes its shape with x"
        " while its mean stays 0: no regression of the mean of y on x shows it.",
        "ratiogan run conditional --real fork:spread=1",
        HERE,
        related=("conditional", "independent", "bimodal"),
    ),
    _entry(
        "preset",
        "independent",
        "A generator with both marginals of p_r and nothing else of it: p_g(x, y) = p_r(x) p_r(y).",
        "p_g(y) = p_r(y) exactly, so every test of y alone passes; KL(p_r||p_g) is then the mutual"
        " information of x and y. x is the first axis, y all others.",
        "ratiogan run conditional --gen independent",
        HERE,
        related=("marginal-match", "conditional", "near-real"),
    ),
    _entry(
        "preset",
        "near-real",
        "p_r times 1 + amount * a fixed wave of zero mean: a start close to equilibrium (--gen"
        " only).",
        "Stability is a statement about small deviations; this preset is one, the same every time,"
        " with max|R-1| = amount.",
        "ratiogan run glgd --gen near-real:amount=0.05",
        HERE,
        related=("rate", "lsgan-pearson"),
    ),
)

_EXITS = (
    _entry(
        "exit code",
        "exit-0",
        "Done, and what happened is what the theory predicts for these settings.",
        "A predicted collapse, orbit or 2-cycle is a success: `run alternating` exits 0 when it"
        " collapses.",
        "ratiogan run alternating",
        HERE,
        related=("exit-5",),
    ),
    _entry(
        "exit code",
        "exit-1",
        "Runtime error, or interrupted by Ctrl-C: what was finished is kept and named.",
        "One sentence on stderr says which; -v shows the traceback of an internal error.",
        "ratiogan --help",
        HERE,
        related=("interrupted",),
    ),
    _entry(
        "exit code",
        "exit-2",
        "Usage: a bad option, a bad file, a refused input.",
        "The sentence on stderr names the argument, what was expected, what came, and the fix."
        " Nothing was written.",
        "ratiogan run glgd --game lsgan",
        HERE,
    ),
    _entry(
        "exit code",
        "exit-3",
        "A check failed.",
        "For gates: a script can tell a failed check from a refused input (2) and from a question"
        " the data cannot answer (4).",
        "ratiogan games",
        HERE,
        related=("exit-4",),
    ),
    _entry(
        "exit code",
        "exit-4",
        "Could not measure: no rows, all NaN, or too few samples for the question.",
        "The command was right and the data cannot answer it. Different from a failed check (3) and"
        " from a refused input (2).",
        "ratiogan --help",
        HERE,
        related=("exit-2", "exit-3"),
    ),
    _entry(
        "exit code",
        "exit-5",
        "The outcome is not the predicted one: it should converge and did not.",
        "max-steps, a stall or a NaN where the theory says that R = 1 is reached. The files are"
        " written all the same.",
        "ratiogan run glgd --geometry lebesgue --max-steps 1000",
        HERE,
        related=("max-steps", "exit-0"),
    ),
)

_NUMBERS = (
    _entry(
        "number",
        "0.693",
        "log 2 = 0.693147...: the generator's loss g = E[-R log f] at R = 1, where f = 1/2.",
        "It is also the maximum of JSD in nats, which a collapsed generator nearly reaches. A loss"
        " of 0.693 does not prove R = 1: a discriminator with too little capacity gives the same"
        " number.",
        "ratiogan run glgd",
        EQUILIBRIUM_SLIDE,
        value=0.6931471805599453,
        related=("1.386", "jsd", "non-saturating"),
        aliases=("log-2", "ln-2"),
    ),
    _entry(
        "number",
        "1.386",
        "2 log 2 = 1.386294...: the discriminator's loss d = E[-log f] + E[-R log(1-f)] at R = 1.",
        "At R = 1 the best response is f = 1/2 everywhere and both terms are log 2. It is the"
        " largest value that d(R, f*) can take, and the minimum of C(R) = E[(1+R) log(1+R)].",
        "ratiogan run glgd",
        EQUILIBRIUM_SLIDE,
        value=1.3862943611198906,
        related=("0.693", "induced-cost"),
        aliases=("2-log-2", "2-ln-2"),
    ),
    _entry(
        "number",
        "0.5",
        "1/2: the discriminator at equilibrium, Phi''(1) of cross-entropy, and the factor of alpha"
        " auto.",
        "f* = 1/(1+R) is 1/2 where R = 1. Non-saturating and minimax have Phi''(1) = 1/2; alpha"
        " auto = 1/(2 Phi''(1)) makes the error shrink by 1 - 1/2 at every step near R = 1, in any"
        " game.",
        "ratiogan run glgd",
        EQUILIBRIUM_SLIDE,
        value=0.5,
        related=("alpha", "rate", "best-response"),
        aliases=("1/2",),
    ),
)

_WORDS = (
    _entry(
        "word",
        "cells-in-use",
        "exp(entropy) of the generator's masses: how many cells it effectively uses.",
        "n equal cells give n, one cell gives 1: total collapse. Uneven masses count for less than"
        " their number.",
        "ratiogan run alternating",
        HERE,
        aliases=("effective-support",),
        related=("mode-collapse",),
    ),
    _entry(
        "word",
        "ratio",
        "R(y) = p_g(y)/p_r(y): the generator itself. R = 1 everywhere means p_g = p_r.",
        "Expectations over the generator are E[h(Y~)] = E[R h(Y)], so both players' losses are"
        " integrals against p_r. Valid R form {R >= 0, E[R] = 1}.",
        "ratiogan run glgd",
        RATIO_SLIDE,
        aliases=("r", "density-ratio"),
        related=("best-response", "singular-mass"),
    ),
    _entry(
        "word",
        "expectation",
        "E[a] = sum_i w_i a_i: the expectation over the reference p_r, whose cell masses are w_i.",
        "It is written the same everywhere; expectations over the generator are E[R a].",
        "ratiogan run glgd",
        RATIO_SLIDE,
        aliases=("e",),
        related=("ratio",),
    ),
    _entry(
        "word",
        "best-response",
        "f*(R): the discriminator that minimises d(R, .). 1/(1+R) for the cross-entropy games.",
        "d is separable, so it is minimised cell by cell: -log f - R log(1-f) has its minimum at"
        " f = 1/(1+R) = p_r/(p_r + p_g), the Bayes classifier.",
        "ratiogan games",
        f'{SLIDES}, "Bayes Discriminator and the Likelihood Ratio"',
        aliases=("f*", "f", "bayes-discriminator", "discriminator"),
        related=("signal", "ratio"),
    ),
    _entry(
        "word",
        "marginal-match",
        "p_g(y) = p_r(y) does not make p_g(y|x) = p_r(y|x): the y-marginal is an average over x.",
        "JSD is convex: that of the y-marginals is at most the average over p(x) of that of p(y|x),"
        " and can be 0 while the average is not. A generator that ignores x and draws from p_r(y)"
        " is the extreme case; its average KL(p_r(.|x)||p_g(.|x)) is the mutual information of x"
        " and y.",
        "ratiogan run conditional",
        f'{SLIDES}, "Conditional Generative Adversarial Network"; Cover and Thomas, chapter 2',
        aliases=("marginal", "marginals", "conditional-match", "mutual-information"),
        related=("conditional", "independent", "jsd"),
    ),
    _entry(
        "word",
        "critic",
        "The 1-Lipschitz f with the largest E_r[f] - E_g[f]: the best response in the Wasserstein"
        " game.",
        "On the line its slope is -sign F, F = F_r - F_g the difference of the distribution"
        " functions: E_r[f] - E_g[f] = sum |F| dy = W1. It never saturates, and -f is the gradient"
        " of W1 in R; where F = 0 its slope is not unique, and 0 is taken.",
        "ratiogan run wglgd",
        f'{SLIDES}, "Wasserstein GAN"; Villani 2003, remark 1.15',
        aliases=("wasserstein-critic",),
        related=("wglgd", "best-response", "wasserstein"),
    ),
    _entry(
        "word",
        "wasserstein",
        "W1(p_r, p_g): the least cost of moving p_g into p_r, mass times distance; also the"
        " greatest E_r[f] - E_g[f] over 1-Lipschitz f.",
        "Any transport plan costs at least W1 and any 1-Lipschitz f gives at most W1: one of each"
        " encloses it, and at the optimum they meet (Kantorovich-Rubinstein). On the line W1 = sum"
        " |F_r - F_g| dy, exactly. On grids the interval is what was proved, whatever the solver"
        " did. Unlike JSD it grows with the distance between pieces that do not touch.",
        "ratiogan wasserstein",
        f'{SLIDES}, "Wasserstein GAN"; Villani 2003, theorem 1.14',
        aliases=(
            *("w1", "wasserstein-1", "earth-mover", "earth-movers", "emd", "earth-mover-distance"),
            *("kantorovich", "kantorovich-rubinstein", "optimal-transport"),
        ),
        related=("critic", "transport-plan", "ground-metric", "interval-only", "wglgd"),
    ),
    _entry(
        "word",
        "transport-plan",
        "Which mass of p_g goes where, to become p_r; its cost is an upper bound on W1.",
        "What p_r and p_g have in common, sum min(p_r, p_g) = 1 - TV, may stay in place without"
        " loss: only surplus moves. Along every ray of an optimal plan the critic rises by exactly"
        " its length. Its marginals can be checked by adding up.",
        "ratiogan wasserstein --real ring8 --gen ring8:drop=4 --grid 32x32 --metric manhattan",
        "Villani 2003, section 1.1",
        aliases=("plan", "coupling"),
        related=("wasserstein", "critic"),
    ),
    _entry(
        "word",
        "ground-metric",
        "The distance between points that W1 is made of: euclidean (straight) or manhattan (along"
        " the axes).",
        "|x - y|_2 <= |x - y|_1 <= sqrt(d) |x - y|_2 in d dimensions, and so for W1. On the line"
        " they are the same. In manhattan the cells that touch are all that must be looked at, so"
        " that it is solved sooner.",
        "ratiogan wasserstein --real ring8 --gen ring8:drop=4 --grid 32x32 --metric manhattan",
        HERE,
        aliases=("metric", "euclidean", "manhattan"),
        related=("wasserstein",),
    ),
    _entry(
        "word",
        "metric-or-tricks",
        "Does WGAN converge because of the Wasserstein metric, or because of the other changes?"
        " On the line: under the clip the loss matters little, without it the Wasserstein loss"
        " does worse.",
        "Clipped at 0.01, |f| is small, and -log sigmoid f = log 2 - f/2 + ..: any loss is the"
        " Wasserstein loss to first order. W1 left, % of the first, default problem: WGAN 2.1 +-"
        " 0.1, non-saturating 1.7 +- 0.04, minimax 1.7 +- 0.04 at the paper's rates. Both rates"
        " tuned: WGAN 1.2 +- 0.07, non-saturating 1 +- 0.08; without the clip 6.1 +- 0.4 and"
        " 0.61 +- 0.04; a plain GAN (sgd, autodiff's inner product) 0.53 +- 0.02. n_critic 1:"
        " 3.8 +- 0.3. Exact expectations: <0.1.",
        "ratiogan compare wgan wgan:loss=non-saturating --grid 64",
        f'{SLIDES}, "Method 3: Wasserstein Practical Algorithm"; examples/wgan_ablation.py',
        aliases=("is-it-the-metric",),
        related=("wgan", "clipping", "rmsprop"),
    ),
    _entry(
        "word",
        "clipping",
        "Is clipping the critic's weights just regularisation? Under the Wasserstein loss it is"
        " what bounds the critic: without it there is no maximum, and so no metric.",
        "Without it W1 swings between 18 and 64% of the first at the paper's rates, and 6.1 +-"
        " 0.4% are left with both rates tuned (default problem; 2.1 +- 0.1 and 1.2 +- 0.07 with"
        " it). The size of c is only a unit: c and the critic's rate times 4 give the same run,"
        " up to RMSProp's eps. Which weights are clipped decides which metric: slopes c W1,"
        " ReLUs c sum_j |int_{b_j} F|, which misses about half. The GAN losses have a best"
        " discriminator without it; a small c turns them into the Wasserstein loss.",
        "ratiogan run wgan --critic relu",
        f'{SLIDES}, "Method 3: Wasserstein Algorithm"; examples/wgan_ablation.py',
        aliases=("clip", "weight-clipping", "is-clipping-regularisation"),
        related=("wgan", "metric-or-tricks", "critic"),
    ),
    _entry(
        "word",
        "rmsprop",
        "g/(sqrt v + eps), v a running mean of g^2: the size of a gradient plays no part, so that"
        " one learning rate fits any loss.",
        "v begins at 0 and nothing is taken off for it (adam does): the first step is 10 long,"
        " 1/sqrt(1-rho), and 200 units are gone after 98 steps. So f goes from 0 to the clip in"
        " about 20 turns instead of clip/(alpha n_critic) = 40; minibatch noise, which turns some"
        " signs, makes it about 40 again.",
        "ratiogan run wgan --batch exact --alpha-gen 0 --max-steps 100",
        "Tieleman and Hinton 2012",
        related=("wgan", "clipping"),
    ),
    _entry(
        "word",
        "signal",
        "u(f*(R)): what the generator's loss pays per unit of mass at a cell, given the best"
        " response.",
        "It is the gradient of g(R, f) = E[R u(f)] in R at fixed f = f*(R), in L2(p_r), and the"
        " derivative Phi' of the induced cost.",
        "ratiogan games",
        GLGD_SLIDE,
        aliases=("u", "generator-signal"),
        related=("induced-cost",),
    ),
    _entry(
        "word",
        "induced-cost",
        "E[Phi(R)] with Phi' = u(f*(R)): the functional that descent at fixed f* really goes down.",
        "It is not L(R) = g(R, f*(R)): for the non-saturating game L''(1) = 3/4 but Phi''(1) ="
        " 1/2. Convex Phi with its minimum at R = 1 means convergence; the table of games has one"
        " Phi each.",
        "ratiogan games",
        CONVERGENCE_SLIDE,
        aliases=("phi", "e[phi]", "cost", "e[phi]-min"),
        related=("signal", "curvature", "glgd"),
    ),
    _entry(
        "word",
        "curvature",
        "Phi''(R): above 0 pulls towards R = 1, below 0 pushes away. Phi''(1) sets the local rate.",
        "Linearising R - alpha P_0 u at R = 1 gives the factor 1 - alpha Phi''(1) per step;"
        " stability needs 0 < alpha Phi''(1) < 2.",
        "ratiogan games",
        CONVERGENCE_SLIDE,
        aliases=("phi''", "phi''(1)"),
        related=("rate", "alpha", "induced-cost"),
    ),
    _entry(
        "word",
        "alpha",
        "The step size. auto is 1/(2 Phi''(1)), over max p_r in lebesgue: near R = 1 the error"
        " halves.",
        "Also called h or lr elsewhere. Where Phi''(1) is 0, negative or undefined auto is 0.5, and"
        " the header says so. Too large an alpha gives a factor 1 - alpha Phi''(1) below -1.",
        "ratiogan compare glgd --sweep alpha=0.5,1,2,3.9",
        GLGD_SLIDE,
        aliases=("auto", "lr", "step-size"),
        related=("rate", "constant", "curvature"),
    ),
    _entry(
        "word",
        "rate",
        "The factor by which the error shrinks per step near R = 1: predicted 1 - alpha Phi''(1).",
        "Measured as the geometric mean of the L2(p_r) error ratio while max|R-1| is between 1e-4"
        " and 1e-8. Below five such steps it is not measurable: convergence is then superlinear.",
        "ratiogan run glgd --alpha 0.5",
        CONVERGENCE_SLIDE,
        aliases=("rate-per-step", "factor"),
        related=("alpha", "curvature", "lebesgue"),
    ),
    _entry(
        "word",
        "max-error",
        "max|R-1|: the largest deviation of R from 1 over all cells. --tol is its target.",
        "It judges every cell alike, the emptiest too; rms|R-1| = sqrt(E[(R-1)^2]) weighs cells by"
        " p_r. The two differ most in lebesgue, where the tails freeze.",
        "ratiogan run glgd --tol 1e-6",
        HERE,
        aliases=("max|r-1|", "tol", "tolerance", "rms|r-1|", "rms-error"),
        related=("converged", "lebesgue"),
    ),
    _entry(
        "word",
        "jsd",
        "Jensen-Shannon divergence, in nats: (KL(p_r||m) + KL(p_g||m))/2, m = (p_r + p_g)/2.",
        "Between 0 and log 2. Its square root is a distance. d(R, f*) = 2 log 2 - 2 JSD, and"
        " 2 KL(m||p_r) = KL(p_g||p_r) - 2 JSD.",
        "ratiogan run glgd",
        f'{SLIDES}, "Some Important Functions"',
        aliases=("js", "jensen-shannon"),
        related=("kl", "0.693"),
    ),
    _entry(
        "word",
        "kl",
        "KL(p||q) = sum p log(p/q), in nats; the direction is always written out.",
        "KL(gen||real) = E[R log R] is infinite where the generator has mass and p_r has none;"
        " KL(real||gen) = E[-log R] is infinite where the generator misses a cell of p_r.",
        "ratiogan run glgd -v",
        f'{SLIDES}, "Some Important Functions"',
        aliases=("kullback-leibler",),
        related=("jsd", "singular-mass"),
    ),
    _entry(
        "word",
        "gap-bound",
        "E[Phi(R)] - Phi(1) <= Cov(R, u): a bound on what is left, recomputed from R alone.",
        "Convexity gives Phi(R) - Phi(1) <= Phi'(R)(R-1), and E[R-1] = 0 turns the expectation into"
        " a covariance. It holds for every convex game, at any R.",
        "ratiogan run glgd -v",
        HERE,
        aliases=("certificate",),
        related=("induced-cost", "converged"),
    ),
    _entry(
        "word",
        "positivity",
        "R >= 0 is not kept by P_0: by a small alpha, by the exact projection, or by halving the"
        " step.",
        "alpha sup (u(R)-u(0))/R <= 1 keeps it by itself (non-saturating: alpha <= 1). Beyond, R"
        " is projected on {R >= 0, E[R] = 1} in the norm of its geometry and counted; games with"
        " u(0+) = -inf halve the step instead.",
        "ratiogan run glgd --alpha 3",
        f'{GLGD_SLIDE}, "Projection onto valid parameter space"',
        aliases=("projection", "projected", "p_0", "p_o"),
        related=("constant", "mixed-geometry"),
    ),
    _entry(
        "word",
        "mode-collapse",
        "The generator makes only the samples that the discriminator likes best.",
        "It is not an accident of networks: with the best discriminator held fixed, the best"
        " generator IS a delta, because g is linear in R. Small gradient steps (glgd) avoid it;"
        " training falls into it where the discriminator lags (too-few-discriminator-steps).",
        "ratiogan run alternating",
        ALTERNATING_SLIDE,
        aliases=("collapse",),
        related=("alternating", "collapsed", "hopping"),
    ),
    _entry(
        "word",
        "singular-mass",
        "Generator mass on cells where p_r = 0: R is no density ratio there, and KL(gen||real) ="
        " inf.",
        "GLGD cannot move it: its fixed point would be R = 1 - s. So it refuses, says how much lies"
        " where, and offers a density that covers it (--density kde) or dropping it, said aloud"
        " (--singular restrict).",
        "ratiogan run glgd --real disjoint:side=left --gen disjoint:side=right",
        HERE,
        aliases=("singular", "restrict"),
        related=("disjoint", "kl"),
    ),
    _entry(
        "word",
        "outside-the-domain",
        "The share of a distribution that lies outside the cells; the rest is rescaled to mass 1.",
        "A Gaussian on -4:4 loses its tails. The amount is printed in the header and kept in the"
        " JSON; --domain changes it.",
        "ratiogan run glgd --domain -6:6",
        HERE,
        aliases=("outside", "domain"),
        related=("student-t",),
    ),
    _entry(
        "word",
        "stiff",
        "Phi'' is unbounded as R -> 0, so a fixed step is too long wherever p_g is far too small.",
        "minimax, maximum-likelihood, logit and the exponential rows. The step is halved there,"
        " which is slow; the geometry fisher measures relative changes and does not feel it.",
        "ratiogan compare glgd:game=minimax glgd:game=minimax,geometry=fisher",
        HERE,
        related=("minimax", "fisher", "newton"),
    ),
    _entry(
        "word",
        "chatters",
        "u jumps at R = 1, so a constant step crosses R = 1 back and forth and never settles.",
        "Hinge, 0-1 and cw have such a kink. The error stays of the order of alpha; smaller steps"
        " make it smaller, none makes it 0.",
        "ratiogan run glgd --game hinge --alpha 0.1 --max-steps 200",
        HERE,
        aliases=("chatter", "kink"),
        related=("hinge", "0-1", "cycle"),
    ),
    _entry(
        "word",
        "counts",
        "How many samples each cell holds: all that diagnose, modes and check need of a sample.",
        "Counts on the same cells add up, so each machine can count its own part: agree on --grid"
        " and --domain, or pass the first file of counts as --grid, then merge the files. What"
        " lies outside the cells stays in the file as a number. On a grid, counts is also the"
        " word for one cell per integer.",
        "ratiogan count ring8",
        HERE,
        aliases=("count", "merge", "histogram"),
    ),
    _entry(
        "word",
        "noise-floor",
        "What two samples of one distribution would show on the same cells: never 0.",
        "Two samples differ by chance, and a divergence of their counts adds that up over all"
        " cells. The floor is its mean over permutations of the pooled rows; it grows with the"
        " number of cells, the true divergence hardly does. So the estimate has its bias taken"
        " off, and judge by the estimate and its interval, never by the raw value.",
        "ratiogan diagnose --real normal --gen normal",
        HERE,
        aliases=("noise", "floor", "noise-alone", "raw-value", "estimate", "debiased", "interval"),
        related=("p-value", "jsd", "detectable"),
    ),
    _entry(
        "word",
        "p-value",
        "The share of permutations that show at least as much: (k+1)/(m+1), never 0.",
        "If real and gen came from one distribution, any assignment of the pooled rows to the"
        " two would be as likely. That is exact for unweighted rows, whatever the cells.",
        "ratiogan diagnose --real normal --gen normal",
        HERE,
        aliases=("permutation", "pvalue"),
        related=("noise-floor", "false-discovery-rate"),
    ),
    _entry(
        "word",
        "detectable",
        "The JSD that a test at these sample sizes and cells finds 4 times in 5.",
        "From the noncentral chi^2 law that a small JSD follows. A result that is not"
        " significant says no more than that the JSD is probably below it.",
        "ratiogan diagnose --real normal --gen normal",
        HERE,
        aliases=("power",),
        related=("noise-floor",),
    ),
    _entry(
        "word",
        "false-discovery-rate",
        "The expected share of false ones among the regions, columns or pairs reported.",
        "Columns, pairs and classes: Benjamini and Hochberg's rule. Regions: every block of cells"
        " there could be has its share of the rate, so that not even one of them is false but"
        " in 5 % of the cases. Intervals of what was selected because it stood out are widened"
        " accordingly (false-coverage rate).",
        "ratiogan diagnose",
        "Benjamini and Hochberg 1995; Benjamini and Yekutieli 2005",
        aliases=("fdr", "region", "regions"),
        related=("p-value",),
    ),
    _entry(
        "word",
        "precision",
        "Precision: share of gen on real's support. Recall: share of real on gen's.",
        "Precision is 1 - s, s the generator mass where p_r = 0; recall is P_r(R > 0). The curve"
        " E[min(lambda, R)] against itself over lambda passes 1 - TV at lambda = 1. A dropped"
        " mode lowers recall, invented samples lower precision.",
        "ratiogan diagnose",
        "Sajjadi et al. 2018",
        aliases=("recall",),
        related=("singular-mass", "persistence"),
    ),
    _entry(
        "word",
        "persistence",
        "How far a peak of the density rises above the saddle to a higher one.",
        "Peaks that counting noise can make do not count as modes. Each cell belongs to the mode"
        " that uphill leads to; R of a mode is its share of gen over its share of real. A mode is"
        " missing, thinned or covered by the interval of R; coverage is the share of covered ones.",
        "ratiogan modes",
        "Edelsbrunner, Letscher and Zomorodian 2002",
        aliases=("mode", "modes", "coverage", "covered", "thinned", "missing", "missing-modes"),
        related=("precision",),
    ),
)

_TRAINING_WORDS = (
    _entry(
        "word",
        "minibatch",
        "m samples stand for an expectation: the gradient is right on average, and noisy.",
        "Two minibatches of p_r itself differ: 64 samples each, on 8 cells, by a JSD of 0.026, on"
        " the default 1024 by 0.63. That is the grey band of the figure. Averaged over turns by"
        " small steps p_g comes far below it, to 0.0020 at the default rates; the rest is noise"
        " that f keeps, so that d ends at 1.3927, above 2 log 2 = 1.3863: worse than saying 1/2.",
        "ratiogan run training --batch 256",
        f'{PRACTICAL_SLIDE}, "GetRandomBatch"',
        aliases=("batch", "minibatches", "getrandombatch"),
        related=("training", "noise-floor", "score-function"),
    ),
    _entry(
        "word",
        "discriminator-steps",
        "N_d, discriminator updates per turn: the more, the nearer f is to f*(R), and the"
        " generator to GLGD.",
        "With exact expectations the gap to GLGD falls geometrically in N_d. Too few, and the"
        " generator chases a discriminator of the past: collapse. With minibatches more updates"
        " also average more samples: N_d = 5 ends at a JSD of 4.3e-04, N_d = 1 at 2.0e-03, at the"
        " default rates. --disc-steps best is the limit.",
        "ratiogan compare training training:disc_steps=5",
        f'{PRACTICAL_SLIDE}, "For N_d iterations"; {FAILURE_SLIDE}',
        aliases=("n-d", "nd", "n-critic", "disc-steps", "discriminator-updates"),
        related=("too-few-discriminator-steps", "best-response-gap", "glgd"),
    ),
    _entry(
        "word",
        "capacity",
        "How many weights a player has: one for each block of cells, or all of them smoothed.",
        "A discriminator on K cells measures the divergence of the K shares: what differs within"
        " a block is nobody's loss (weak-discriminator). A generator on K cells can only scale"
        " whole blocks of p_0 (weak-generator). Less capacity is also less to learn by heart:"
        " with 300 rows of data 16 cells end at a JSD of 0.011, 1024 at 0.288.",
        "ratiogan run training --disc-cells 8 --batch exact",
        f'{PRACTICAL_SLIDE}, "insufficient capacity"; {FAILURE_SLIDE}',
        aliases=("disc-cells", "gen-cells", "disc-smooth", "gen-smooth"),
        related=("weak-discriminator", "weak-generator", "overfit"),
    ),
    _entry(
        "word",
        "overfitting",
        "The discriminator learns its data, not p_r: d on the data is far below d on fresh"
        " samples.",
        "Both are known here: d is taken over the cells, d_train over the rows. The finding names"
        " it where they differ by 5%. With 300 rows, a capacity of 1024 cells and a rate of 0.02"
        " they are 1.37 and 6.09. The generator then reproduces the rows: 231 cells are in use, of"
        " p_r's 695.",
        "ratiogan run training --data 300 --alpha-disc 0.02",
        FAILURE_SLIDE,
        aliases=("d-train", "data", "overfits"),
        related=("overfit", "capacity"),
    ),
    _entry(
        "word",
        "score-function",
        "grad E_g[u] = E_g[u grad log p_g]: the generator's gradient from samples alone, without"
        " any slope of u.",
        "What discrete generators (text) use. It is unbiased and noisy: at the start u = log 2"
        " everywhere, so all of it is noise. On the default problem its standard deviation is 12"
        " times the gradient in the last quarter with 64 samples, and JSD has come to 0.0164"
        " after 20000 turns, where the exact gradient has long been at 0.0020.",
        "ratiogan run training --gradient score",
        "Williams 1992, REINFORCE",
        aliases=("score", "reinforce", "likelihood-ratio-gradient", "gradient-score"),
        related=("leave-one-out", "minibatch"),
    ),
    _entry(
        "word",
        "leave-one-out",
        "A baseline: from u of each sample the mean of the others is taken, which moves no mean"
        " and removes most of the noise.",
        "E_g[grad log p_g] = 0, so anything that does not depend on the sample may be taken off."
        " After the first turn the standard deviation is 1036 times the gradient without a"
        " baseline and 2.7 times with one. After 20000 turns JSD is 0.0164 without, 0.0066 with"
        " the constant u(R = 1), 0.0063 with leave-one-out.",
        "ratiogan run training --gradient score --baseline leave-one-out",
        "Kool, van Hoof and Welling 2019",
        aliases=("baseline", "rloo"),
        related=("score-function",),
    ),
    _entry(
        "word",
        "best-response-gap",
        "d >= E[d*] at every turn: no discriminator is better than the best response.",
        "d is separable, so its least value is the expectation of the cells' own least values;"
        " of K cells, of the K shares. d - E[d*] is what the discriminator has not learnt, and"
        " 2 log 2 - E[d*] twice the JSD that its cells see (cross-entropy). In the last quarter"
        " of the default run d is 0.0103 above; a run below it would be a mistake, and exit 5.",
        "ratiogan run training -v",
        HERE,
        aliases=("d-best", "e[d*]", "d >= e[d*]"),
        related=("best-response", "training", "jsd"),
    ),
)

_FIELDS = (
    _entry(
        "field",
        "bilinear",
        "The xy game, V = x^T A y (bare: V = x y): x goes down, y goes up. The flow circles around"
        " 0.",
        "J = [[0, -1], [1, 0]] has the eigenvalues +-i: marginal. A step alpha multiplies the"
        " radius by sqrt(1 + alpha^2) simultaneous, 1/sqrt(1 + alpha^2) implicit, sqrt((1 -"
        " alpha^2)^2 + alpha^2) extragradient; alternating keeps x^2 + y^2 - alpha x y. Every"
        " singular value s of a matrix A is such a pair +-s i; what A does not see is at rest.",
        "ratiogan dynamics bilinear --method simultaneous --method alternating --alpha 0.2",
        f'{XY_SLIDES}, "Adversarial training - example"; Gidel et al. 2019',
        aliases=("xy", "xy-game"),
        related=("xy-chaos", "method-alternating", "extragradient", "energy"),
    ),
    _entry(
        "field",
        "dirac",
        "The Dirac-GAN: p_g is the point theta, p_r the point 0, D(x) = psi x. Without a penalty"
        " it circles.",
        "Eigenvalues at (0, 0), with F = f'(0), which is 1/2 for gan and 1 for wgan, and S ="
        " f''(0), -1/4 and 0: none +-F i; r1, r2 -gamma/2 +- sqrt(gamma^2/4 - F^2); noise S"
        " sigma^2 +- sqrt(S^2 sigma^4 - F^2); consensus -gamma F^2 +- F i; gradient-norm -eta F^2"
        " +- F sqrt(eta^2 F^2 - 1). gp has no Jacobian at psi = 0. non-saturating: those of gan,"
        " but the flow creeps in, at the distance sqrt(8/t).",
        "ratiogan stability dirac:loss=gan,reg=r1,gamma=0.5",
        "Mescheder, Geiger and Nowozin 2018",
        aliases=("dirac-gan", "r1", "r2", "instance-noise", "gradient-penalty"),
        related=("eigenvalue", "critical-damping", "consensus", "regularised"),
    ),
    _entry(
        "field",
        "uniform-wgan",
        "A WGAN that learns the uniform on [-1, 1]: D(x) = w x^2, G(z) = a z. Its orbits close and"
        " never arrive.",
        "V = w (1 - a^2)/3. At a = 1 or -1, w = 0 the eigenvalues are +-2i/3, and the flow keeps"
        " w^2 + a^2/2 - log|a|. With the generator's eta |grad_D V|^2 they are -4 eta/9 +- (2/3)"
        " sqrt(4 eta^2/9 - 1): stable for every eta > 0, and a real pair from eta = 3/2 on."
        " Simultaneous steps near it: sqrt(1 + 4 alpha^2/9) per step, outwards.",
        "ratiogan stability uniform-wgan --sweep eta=0,0.5,1.5",
        f'{LOCAL_SLIDES}, "WGAN", "Regularized WGAN (learning a uniform distribution)"',
        related=("regularised", "eta-not-too-large", "conserved-quantity", "critical-damping"),
    ),
    _entry(
        "field",
        "linear-pair",
        "D(x) = w x, G(z) = a z: V is concave in w and in a, although a minimises it. Its"
        " equilibrium is stable all the same.",
        "grad_a^2 V = E[w^2 z^2 f''] <= 0 is 0 at w = 0, so the generator's concavity does no harm"
        " there, and the discriminator's curvature damps both. With m the mean and q = f''(0)"
        " E[x^2] the eigenvalues are q +- sqrt(q^2 - f'(0)^2 m^2): -0.3125 +- 0.3903i by default."
        " f = linear has q = 0 and circles. With mean = 0 D sees no a: a line of equilibria.",
        "ratiogan stability linear-pair",
        f'{LOCAL_SLIDES}, "Why is proving GAN stability hard?"',
        aliases=("concave-concave",),
        related=("nagarajan-kolter", "jacobian", "linear-quadratic"),
    ),
    _entry(
        "field",
        "linear-quadratic",
        "D(x) = u x + w x^2, G(z) = a z + b learns a Gaussian: stable as a GAN, a circle as a"
        " WGAN.",
        "By default (b, u) and (a, w) are pairs of their own: -1/4 +- i sqrt(3)/4 and -3/4 +- i"
        " sqrt(7)/4, and I to III hold. With f = linear the damping f''(0) is gone: +-i and +-2i."
        " Simultaneous steps converge for alpha < 1.5, alternating ones for alpha < 1 only.",
        "ratiogan stability linear-quadratic",
        f'{LOCAL_SLIDES}, "Main result"; Nagarajan and Kolter 2017',
        aliases=("lq", "lqgan", "linear-quadratic-gan"),
        related=("nagarajan-kolter", "linear-pair", "method-alternating"),
    ),
    _entry(
        "field",
        "rps",
        "Rock, paper, scissors: zero-sum, its only equilibrium is 1/3 each, and who answers the"
        " last move never gets there.",
        "Best responses in turn play rock, paper, scissors, rock, .. for ever. The payoff matrix"
        " has the eigenvalues 0 and +-sqrt(3) i, so simultaneous projected steps multiply the"
        " distance by sqrt(1 + 3 alpha^2); the replicator flow circles (+-i/sqrt(3)) and keeps the"
        " sum of all log x_i and log y_i. Averages arrive (fictitious play), extragradient and"
        " optimistic steps too.",
        "ratiogan dynamics rps --method best-response",
        f'{XY_SLIDES}, "Possible behaviour #3: Cycles"',
        aliases=("rock-paper-scissors",),
        related=("method-best-response", "fictitious-play", "replicator", "duality-gap"),
    ),
    _entry(
        "field",
        "matrix-game",
        "Two players with finitely many actions each, mixed with probabilities x and y: x gains"
        " x^T A y, y gains x^T B y.",
        "B = -A, zero-sum, unless other= gives it; bare it is matching pennies, 1/-1/-1/1, with"
        " the equilibrium 1/2 each. Once it is known which actions an equilibrium uses it solves"
        " linear equations, for all of them must gain the same: so every pair of such sets is"
        " tried (support enumeration). Nash: at least one equilibrium exists.",
        "ratiogan dynamics matrix-game:matrix=1/-1/-1/1 --method replicator",
        "Nash 1951; von Stengel 2002",
        aliases=("matching-pennies", "support-enumeration", "mixed-strategy"),
        related=("rps", "nash-equilibrium", "duality-gap"),
    ),
    _entry(
        "field",
        "nonparametric",
        "The whole game as one field: the ratio R and the logit phi of D on every cell, both in"
        " L2(p_r).",
        "Every mode off R = 1 obeys lambda^2 + a lambda + a Phi''(1) = 0, a the curvature of d: 1/2"
        " for logits, 2 least squares, 2|f''(0)| a concave f. non-saturating and minimax: -1/4 +-"
        " i sqrt(3)/4; maximum-likelihood and logit: -1/4 +- i sqrt(7)/4. D tau times faster: real"
        " from tau = 4 Phi''(1)/a on, one then goes to -Phi''(1), GLGD's rate. wasserstein: +-i,"
        " with eta -eta +- sqrt(eta^2 - 1).",
        "ratiogan stability nonparametric --game non-saturating",
        HERE,
        related=("curvature", "two-time-scale", "glgd", "critical-damping", "nagarajan-kolter"),
    ),
)

_METHODS = (
    _entry(
        "method",
        "simultaneous",
        "Both players step from the same state, z <- z + alpha v(z). On xy the radius grows by"
        " sqrt(1 + alpha^2) at every step.",
        "Its multipliers are 1 + alpha lambda: the eigenvalue -c + w i of J shrinks while alpha <"
        " 2 c/(c^2 + w^2), and for no alpha where c = 0. What the flow only turns, these steps"
        " drive outwards; what it damps they follow, if alpha is small: below 2 for dirac with r1"
        " and gamma = 0.5.",
        "ratiogan dynamics bilinear --method simultaneous --alpha 0.2",
        f'{XY_SLIDES}, "Possible behaviour #1: Convergence"',
        related=("bilinear", "eigenvalue", "xy-chaos", "flow"),
    ),
    _entry(
        "method",
        "method-alternating",
        "One player after the other; the second sees the first's step. On xy neither in nor out:"
        " x^2 + y^2 - alpha x y stays.",
        "On xy the step has determinant 1 and the multipliers e^(+-i t), 2 cos t = 2 - alpha^2: an"
        " ellipse, up to alpha = 2, or 2/sqrt(n_g n_d) with n_g and n_d steps a turn. Where"
        " something damps it converges: dirac, r1, gamma = 0.5 for alpha < 2.472 (simultaneous 2),"
        " linear-quadratic for alpha < 1 only (1.5). first=disc turns the order and the sign of"
        " alpha x y.",
        "ratiogan dynamics bilinear --method alternating --alpha 0.2",
        "Gidel et al. 2019; Bailey, Gidel and Piliouras 2020",
        aliases=("alternating:first=gen", "alternating:first=disc", "alternating-steps"),
        related=("simultaneous", "conserved-quantity", "bilinear", "alternating"),
    ),
    _entry(
        "method",
        "implicit",
        "z' = z + alpha v(z'), the proximal point: on xy the radius shrinks by 1/sqrt(1 +"
        " alpha^2), for every alpha.",
        "The multipliers are 1/(1 - alpha lambda), smaller than 1 wherever the real part of lambda"
        " is at most 0 (lambda not 0). Each step solves an equation, by Newton. Beware: where the"
        " flow leaves, lambda = c + w i with c > 0, it too shrinks for alpha > 2 c/(c^2 + w^2).",
        "ratiogan dynamics bilinear --method implicit --alpha 0.2",
        "Rockafellar 1976",
        aliases=("proximal-point",),
        related=("simultaneous", "extragradient", "optimistic"),
    ),
    _entry(
        "method",
        "extragradient",
        "A trial step, then the step with the velocity found there. On xy the radius is multiplied"
        " by sqrt((1 - alpha^2)^2 + alpha^2).",
        "The multipliers are 1 + alpha lambda + alpha^2 lambda^2, implicit's up to the second"
        " order. On xy stable for alpha < 1, best at alpha = 1/sqrt(2) with sqrt(3)/2 = 0.866 per"
        " step; at 0.2 it is 0.9806. It costs two velocities a step.",
        "ratiogan dynamics bilinear --method extragradient --alpha 0.2",
        "Korpelevich 1976; Mokhtari, Ozdaglar and Pattathil 2020",
        aliases=("extra-gradient",),
        related=("optimistic", "implicit", "bilinear"),
    ),
    _entry(
        "method",
        "optimistic",
        "z' = z + alpha (2 v - v_last): the last velocity says where this one is heading. On xy"
        " stable for alpha < 1/sqrt(3).",
        "The multipliers solve mu^2 - (1 + 2 alpha lambda) mu + alpha lambda = 0. On xy it"
        " converges for alpha < 0.577, best at alpha = 1/2 with 1/sqrt(2) = 0.707 per step; at 0.2"
        " it is 0.9789. Extragradient at the price of one velocity a step; the first step is a"
        " plain one.",
        "ratiogan dynamics bilinear --method optimistic --alpha 0.2",
        "Popov 1980; Daskalakis et al. 2018",
        aliases=("ogda", "optimism"),
        related=("extragradient", "implicit", "bilinear"),
    ),
    _entry(
        "method",
        "momentum",
        "Heavy ball, z' = z + alpha v + beta (z - last). In games a negative beta, in turns, is"
        " what helps.",
        "On xy simultaneous steps converge for no beta: with |beta| < 1 and alpha > 0, mu + beta/mu"
        " = 1 + beta + alpha i has no |mu| = 1. In turns |mu|^2 = 1 + 2 beta alpha^2/(1-beta)^3 ..:"
        " beta = -0.5 converges for alpha < 1, best at 0.871 with 0.885 per step. With damping a"
        " positive beta narrows the range: dirac, r1, gamma = 0.5: alpha < 3/7 for 0.5, < 2 for 0,"
        " < 3 for -0.5.",
        "ratiogan dynamics bilinear --method momentum:beta=-0.5,order=alternating --alpha 0.2",
        "Gidel et al. 2019, Negative momentum; Polyak 1964",
        aliases=("heavy-ball", "negative-momentum"),
        related=("method-alternating", "spectral-radius"),
    ),
    _entry(
        "method",
        "consensus",
        "Both players also reduce gamma |v|^2/2: on xy the eigenvalues +-i become -gamma +- i.",
        "v - gamma J^T v has the Jacobian J - gamma J^T J at an equilibrium. Simultaneous steps on"
        " xy converge for alpha < 2 gamma/(1 + gamma^2), best at half of it with 1/sqrt(1 +"
        " gamma^2) per step. Beware: a large gamma makes every equilibrium with invertible J"
        " stable, also one that the players would leave.",
        "ratiogan dynamics bilinear --method consensus:gamma=1 --alpha 0.2",
        "Mescheder, Nowozin and Geiger 2017, The Numerics of GANs",
        aliases=("consensus-optimization",),
        related=("regularised", "dirac"),
    ),
    _entry(
        "method",
        "regularised",
        "The generator also reduces eta |grad_D V|^2: on xy the eigenvalues +-i become -eta +-"
        " sqrt(eta^2 - 1).",
        "It adds -2 eta P^T grad_D V to the generator's velocity, P = grad_G grad_D V. On xy it is"
        " critical at eta = 1; simultaneous steps converge for alpha < 2 eta up to there, for alpha"
        " < 2/(eta + sqrt(eta^2 - 1)) beyond. At eta = alpha = 1 two steps reach 0 exactly. On"
        " uniform-wgan it is critical at 3/2.",
        "ratiogan dynamics uniform-wgan --method simultaneous --method regularised:eta=0.5",
        f'{LOCAL_SLIDES}, "Gradient-norm based regularization"',
        aliases=("regularized", "gradient-norm", "eta"),
        related=("foresighted-generator", "eta-not-too-large", "critical-damping", "consensus"),
    ),
    _entry(
        "method",
        "two-time-scale",
        "Simultaneous, with the discriminator `ratio` times faster: helps where it has curvature,"
        " not on xy.",
        "A pair with lambda^2 + c lambda + k = 0 turns into lambda^2 + ratio c lambda + ratio k ="
        " 0: real from ratio = 4 k/c^2 on, then one root goes to -k/c, the generator against the"
        " best response. On xy c = 0: it circles sqrt(ratio) times faster, and a step multiplies"
        " the radius by sqrt(1 + ratio alpha^2). The generator's alpha must shrink: dirac, r1,"
        " gamma = 0.5, ratio = 10: alpha < 0.451.",
        "ratiogan dynamics dirac:reg=r1,gamma=0.5 --method simultaneous"
        " --method two-time-scale:ratio=4",
        f'{LOCAL_SLIDES}, "Some concurrent work"; Heusel et al. 2017',
        aliases=("ttur", "two-time-scales", "tau"),
        related=("nonparametric", "discriminator-steps", "critical-damping"),
    ),
    _entry(
        "method",
        "flow",
        "The continuous flow z' = v(z), infinitely small steps: only here does xy run in a circle.",
        "An eigenvalue lambda of J grows as e^(lambda t); alpha is the time between two recorded"
        " states, no step size (Runge-Kutta of order 8, tolerance 1e-13). Nagarajan and Kolter's"
        " theorem is about it; steps can still be too large (largest stable alpha), or drive"
        " outwards what it turns. It knows no clipping.",
        "ratiogan dynamics bilinear --method flow --method simultaneous",
        f'{XY_SLIDES}, "Possible behaviour #3: Cycles"; {LOCAL_SLIDES}, "GAN optimization"',
        aliases=("continuous", "gradient-flow"),
        related=("simultaneous", "eigenvalue", "conserved-quantity", "nagarajan-kolter"),
    ),
    _entry(
        "method",
        "replicator",
        "Matrix games: x_i' = x_i ((A y)_i - x^T A y), an action grows by what it gains above the"
        " mean.",
        "An action with x_i = 0 stays out. In zero-sum games with an equilibrium (p, q) that uses"
        " all actions, sum p_i log x_i + sum q_j log y_j is conserved: it goes round, never"
        " arrives, and its time averages do. Period near it 2 pi sqrt(3) in rps, 2 pi in matching"
        " pennies. GLGD in geometry fisher moves R by the same rule.",
        "ratiogan dynamics rps --method replicator",
        "Taylor and Jonker 1978; Hofbauer and Sigmund 1998",
        aliases=("replicator-dynamics",),
        related=("conserved-quantity", "rps", "fisher"),
    ),
    _entry(
        "method",
        "fictitious-play",
        "Matrix games: the best pure answer to the opponent's average so far. In zero-sum games"
        " the averages converge.",
        "The play itself never settles where the equilibrium mixes: in rps it goes round in longer"
        " and longer runs, while the duality gap of the averages falls like 1/sqrt(k) after k"
        " steps. The averages need not converge in games that are not zero-sum.",
        "ratiogan dynamics rps --method fictitious-play --max-steps 10000",
        "Brown 1951; Robinson 1951; Shapley 1964",
        related=("duality-gap", "method-best-response", "rps"),
    ),
    _entry(
        "method",
        "method-best-response",
        "Matrix games: the best pure answer to the opponent's last action. It ends in a pure"
        " equilibrium or goes round.",
        "There are finitely many pairs of actions and the answer depends on the pair alone, so it"
        " ends in a pure equilibrium or in a cycle: rps in turn has one of 3 turns, matching"
        " pennies one of 2. It is the game's alternating minimization: exact, and greedy.",
        "ratiogan dynamics rps --method best-response",
        f'{XY_SLIDES}, "Possible behaviour #3: Cycles"',
        aliases=("best-response:order=alternating", "best-response:order=simultaneous"),
        related=("rps", "alternating", "fictitious-play", "best-response"),
    ),
    _entry(
        "method",
        "projected-gradient",
        "Matrix games: simultaneous steps x + alpha A y, projected back on the probabilities.",
        "Inside, the projection only takes off the mean, and the step is xy's: outwards, by sqrt(1"
        " + 3 alpha^2) in rps and sqrt(1 + 4 alpha^2) in matching pennies. At the edge the"
        " projection stops it: it then goes round the edge and gets no nearer. `simultaneous` is"
        " the same here.",
        "ratiogan dynamics rps --method projected-gradient --alpha 0.1",
        HERE,
        related=("simultaneous", "rps", "bilinear"),
    ),
)

_DYNAMICS_WORDS = (
    _entry(
        "word",
        "jacobian",
        "J: how the velocity changes with the state, at an equilibrium. Its eigenvalues decide"
        " whether small deviations die out.",
        "v = (-grad_G V, grad_D V), so J = [[-V_GG, -P^T], [P, V_DD]], P = grad_G grad_D V: not"
        " symmetric, so eigenvalues may be complex. Where D = 0 is all that is left, V_GG = 0."
        " Built-in fields know it exactly; complex steps (v(z + ih)/h, h = 1e-30, no"
        " cancellation) and central differences check it. WGAN-GP has none at psi = 0.",
        "ratiogan stability dirac:loss=gan,reg=r1,gamma=0.5",
        f'{LOCAL_SLIDES}, "Proving stability"',
        aliases=("j", "complex-step", "linearization", "linearization-theorem"),
        related=("eigenvalue", "nagarajan-kolter", "spectral-radius"),
    ),
    _entry(
        "word",
        "eigenvalue",
        "Of J: the real part says how fast a deviation dies out (below 0) or grows, the imaginary"
        " part how fast it turns.",
        "In the flow a deviation is multiplied by e^(lambda t): all real parts below 0 is"
        " exponentially stable, one above is unstable, the largest at 0 is marginal, and J does"
        " not decide. One round takes 2 pi/|Im lambda|. Of one step it is the multiplier (1 +"
        " alpha lambda if simultaneous): |multiplier| is the factor of the distance per step, its"
        " angle the turn.",
        "ratiogan stability dirac:loss=gan,reg=r1,gamma=0.5",
        f'{LOCAL_SLIDES}, "Proving stability"',
        aliases=(
            *("eigenvalues", "multiplier", "multipliers", "real-part", "imaginary-part", "verdict"),
            *("exponentially-stable", "marginally-stable", "hurwitz"),
        ),
        related=("jacobian", "spectral-radius", "critical-damping", "simultaneous"),
    ),
    _entry(
        "word",
        "spectral-radius",
        "The largest |multiplier| of one step: the predicted factor of the distance per step."
        " Below 1 it converges.",
        "The largest stable alpha is where it reaches 1, the best alpha where it is least."
        " Simultaneous steps: the least 2 c/(c^2 + w^2) over the eigenvalues -c + w i. Multipliers"
        " of 1 along a subspace of equilibria do not count. Measured: the linear map fitted to the"
        " last states.",
        "ratiogan stability bilinear --method extragradient --method optimistic --alpha 0.2",
        HERE,
        aliases=("largest-stable-alpha", "best-alpha", "radius"),
        related=("eigenvalue", "rate", "momentum"),
    ),
    _entry(
        "word",
        "nash-equilibrium",
        "A state that no player can improve alone. Inside the domain the velocity is 0 there; that"
        " it is 0 does not make it one.",
        "On xy it is (0, 0), the saddle of x y. In GANs p_g = p_r with D = 0 is one: against D = 0"
        " every generator does alike, and against p_g = p_r no D does better. Whether the players"
        " get there is another question, which J answers: on xy they circle. Matrix games always"
        " have one in mixed strategies, not always in pure ones (rps).",
        "ratiogan stability bilinear",
        f'{XY_SLIDES}, "Possible behaviour #1: Convergence"; Nash 1951',
        aliases=("equilibrium", "equilibria", "nash", "saddle-point", "fixed-point"),
        related=("bilinear", "matrix-game", "duality-gap", "jacobian"),
    ),
    _entry(
        "word",
        "conserved-quantity",
        "A function of the state that a method leaves alone: an orbit stays on one level of it, so"
        " nothing converges.",
        "The flow keeps x^2 + y^2 on xy, theta^2 + psi^2 on dirac (a zero-sum loss, no penalty),"
        " w^2 + a^2/2 - log|a| on uniform-wgan; alternating steps keep x^2 + y^2 - alpha x y on"
        " xy; the replicator in zero-sum games sum p_i log x_i + sum q_j log y_j. The drift is"
        " what rounding changes it by: some 1e-14 over 500 steps of xy.",
        "ratiogan dynamics bilinear --method alternating --method flow --alpha 0.2",
        HERE,
        aliases=("conserved", "drift", "invariant", "orbit"),
        related=("energy", "method-alternating", "replicator", "uniform-wgan"),
    ),
    _entry(
        "word",
        "energy",
        "|z|^2, the squared distance from the equilibrium: what a game that only turns leaves as it"
        " is.",
        "d|z|^2/dt = 2 z^T v = z^T (J + J^T) z to first order: the symmetric part of J gains or"
        " loses, the antisymmetric part only turns. On xy J + J^T = 0: the flow keeps it. A"
        " simultaneous step multiplies it by 1 + alpha^2, an implicit one divides it by that, and"
        " alternating ones swing within fixed bounds.",
        "ratiogan dynamics bilinear --method simultaneous --method implicit --method flow",
        HERE,
        related=("conserved-quantity", "bilinear", "jacobian"),
    ),
    _entry(
        "word",
        "critical-damping",
        "Where a complex pair of eigenvalues becomes real: below it deviations swing, above it one"
        " of them gets slower again.",
        "lambda^2 + c lambda + k = 0 has the pair -c/2 +- i w for c < 2 sqrt(k), and both roots at"
        " -sqrt(k) for c = 2 sqrt(k), the fastest there is; far beyond, the slow one is -k/c. xy"
        " eta = 1, uniform-wgan eta = 3/2, dirac (gan) gamma = 1, sigma = sqrt(2), eta = 2;"
        " nonparametric tau = 4 Phi''(1)/a, which is 4 for non-saturating. `stability` marks it.",
        "ratiogan stability uniform-wgan --sweep eta=0,0.5,1.5,3",
        HERE,
        aliases=("damping", "critical-eta", "critical"),
        related=("eigenvalue", "regularised", "two-time-scale", "uniform-wgan"),
    ),
    _entry(
        "word",
        "nagarajan-kolter",
        "Under assumptions I to III a GAN is locally exponentially stable, although V is not convex"
        " for the generator (of linear-pair it is concave for both).",
        "I: p_g = p_r and D = 0, so V_GG = 0. II: K = V_DD is negative definite. III: P = grad_G"
        " grad_D V has full column rank. Then J = [[0, -P^T], [P, K]] and Re lambda |(g, d)|^2 ="
        " d^T K d <= 0, which is 0 only for d = 0, so P g = 0, so g = 0. A WGAN has K = 0: II"
        " fails. Where II or III fail along equilibria only, it is stable modulo these.",
        "ratiogan stability linear-quadratic",
        f'{LOCAL_SLIDES}, "Assumption 1", "Main result"; Nagarajan and Kolter 2017',
        aliases=(
            *("assumptions", "assumption-1", "assumption-2", "assumption-3", "locally-stable"),
            *("i-realisable", "ii-curvature", "iii-rank", "subspace", "stable-modulo-equilibria"),
        ),
        related=("jacobian", "linear-pair", "linear-quadratic", "eta-not-too-large"),
    ),
    _entry(
        "word",
        "foresighted-generator",
        "It minimises V + eta |grad_D V|^2: where V is small and the discriminator has nothing to"
        " learn. The greedy one collapses.",
        "In minimax, with D = f*(R_0), |grad_D V|^2 = E[(R - R_0)^2/(1 + R_0)^2], so that its"
        " minimum is a GLGD step: R_0 - (1 + R_0)^2 (u - lambda)/(2 eta), while R >= 0. eta acts"
        " as 1/(2 alpha). Near R = 1 the factor per step is 1 - 2 Phi''(1)/eta: it converges"
        " locally iff eta > Phi''(1) = 1/2, and eta -> 0 is the collapse.",
        "ratiogan dynamics uniform-wgan --method simultaneous --method regularised:eta=0.5",
        f'{LOCAL_SLIDES}, "Foresighted generator"',
        aliases=("foresighted", "greedy", "greedy-generator"),
        related=("regularised", "alternating", "glgd", "mode-collapse"),
    ),
    _entry(
        "word",
        "duality-gap",
        "max_i (A y)_i - min_j (A^T x)_j: what both players of a zero-sum matrix game could gain"
        " by a better answer.",
        "It is at least 0, for x^T A y lies between the two, and 0 exactly at an equilibrium (von"
        " Neumann's minimax theorem). It needs no distance to an equilibrium, of which there may"
        " be many. In rps it is 2 for any two pure actions, 0 at 1/3 each.",
        "ratiogan dynamics rps --method fictitious-play --max-steps 10000",
        "von Neumann 1928",
        aliases=("gap", "exploitability"),
        related=("fictitious-play", "matrix-game", "nash-equilibrium"),
    ),
)

_ERRATA = (
    _entry(
        "erratum",
        "lsgan-pearson",
        "Training with (-1,1,0) descends the partial gradient at fixed f*, and there R = 1 is"
        " unstable.",
        "Only with f* substituted AND E[(f*-c)^2] added is 2C = sum (p_r-p_g)^2/(p_r+p_g). The"
        " step keeps f* fixed, so its cost has Phi'' = 2(R-1)/(1+R)^3: negative for R < 1. Near R"
        " = 1, delta' = -(delta^2 - E[delta^2])/8: no restoring force, and perturbations of size"
        " eps leave in a few 1/(alpha eps) steps. (0,1,1) converges, with Phi''(1) = 1/8.",
        "ratiogan run glgd --game least-squares:a=-1,b=1,c=0 --gen near-real:amount=0.05",
        f'{TAN}, "Least Squares GANs (LSGANs)", "Theoretical analysis"; Mao et al. 2017',
        printed="LSGAN minimises the Pearson chi2 of p_d + p_g and 2 p_g if b - c = 1 and b - a ="
        " 2.",
        aliases=("least-squares:a=-1,b=1,c=0", "lsgan(-1,1,0)"),
        related=("least-squares", "unstable", "induced-cost"),
    ),
    _entry(
        "erratum",
        "mixed-geometry",
        "Gradient and projection must use ONE inner product; mixed, the fixed point is not R = 1.",
        "P_o is the orthogonal projection of L2(dy), where the gradient is p_r log(1+R). In L2(p_r)"
        " the gradient is log(1+R) and the projection d - E[d]. Putting log(1+R) into P_o keeps"
        " E[R] = 1, so tests of mass pass, but it stops where log(1+R) = lambda p_r: a trap.",
        "ratiogan compare glgd glgd:geometry=lebesgue",
        GLGD_SLIDE,
        printed="R <- R - alpha P_o grad_R g(R, f*), P_o d = d - E[d]/E[p_r] p_r, grad g ="
        " log(1+R).",
        related=("reference", "lebesgue", "positivity"),
    ),
    _entry(
        "erratum",
        "vanishing-gradient",
        "Where D* -> 0, which is where p_g lives, the slope of log(1-D*) vanishes; that of -log D*"
        " does not, unless p_r = 0 there.",
        "With D* = 1/(1+R) these slopes are D* and 1 - D* times that of log R. Between N(-3,1) and"
        " N(3,1), log R = 6 y: at y = 3 they are 9.1e-08 and 6, the critic's is 1. (Where D* -> 1,"
        " at y = -3, it is the other way round, but p_g has hardly any mass there.) Where p_r = 0"
        " and p_g > 0 the first is exactly 0, -log D* is infinite and has none, and only the"
        " critic has a slope. In Python: rg.saturation(gen=, real=) finds all three for any pair.",
        "ratiogan wasserstein --real normal:mean=-3,sd=1 --gen normal:mean=3,sd=1 --domain -8:8",
        f'{SLIDES}, "Concept Wasserstein GAN"; Arjovsky, Chintala, Bottou 2017',
        printed='Problem with GAN training using "-log D trick" [...] Problems with vanishing'
        " gradient. Below the figure: [...] the traditional GAN discriminator saturates and results"
        " in vanishing gradients.",
        aliases=("saturation", "log-d-trick", "vanishing-gradients"),
        related=("critic", "wasserstein", "minimax", "non-saturating"),
    ),
    _entry(
        "erratum",
        "xy-chaos",
        "Nothing is chaotic, and signs play no part: every simultaneous step multiplies the radius"
        " by exactly sqrt(1 + alpha^2).",
        "x^2 + y^2 <- (x - alpha y)^2 + (y + alpha x)^2 = (1 + alpha^2)(x^2 + y^2), and each step"
        " turns by arctan(alpha): a linear spiral, in which two runs part by the same factor. At"
        " alpha = 0.1 it is 1.00499 per step: twice the radius after 139 steps, 1.37 times after"
        " each turn of 63. The circle of the slides is the flow's alone.",
        "ratiogan dynamics bilinear --method simultaneous --alpha 0.1",
        f'{XY_SLIDES}, "Possible behaviour #2: Chaotic behaviour", "#3: Cycles"',
        printed="Once x and y have different signs, every following gradient update causes huge"
        " oscillation and the instability gets worse in time. [...] It can get stuck in cycles or"
        " become chaotic.",
        aliases=("chaos", "chaotic", "oscillation"),
        related=("bilinear", "simultaneous", "flow", "energy"),
    ),
    _entry(
        "erratum",
        "eta-not-too-large",
        "Sufficient, not necessary: in continuous time every eta > 0 with K - 2 eta P P^T < 0 is"
        " stable, if P has full column rank.",
        "The norm has no 1/2: J = [[K, P], [-P^T (I + 2 eta K), -2 eta P^T P]] (D first). With g +"
        " 2 eta P^T d for g it is [[K - 2 eta P P^T, P], [-P^T, 0]], which is Hurwitz then, as in"
        " nagarajan-kolter. A WGAN, K = 0, needs full row rank too: critic directions that P does"
        " not reach keep eigenvalue 0. What limits eta is the step: on xy alpha < 2/(eta +"
        " sqrt(eta^2 - 1)) from eta = 1 on.",
        "ratiogan stability uniform-wgan --sweep eta=0,0.5,1.5,10",
        f'{LOCAL_SLIDES}, "Gradient-norm based regularization"',
        printed="Under similar assumptions, the equilibrium of the regularized simultaneous"
        " gradient descent (W)GAN system is locally exponentially stable when eta not too large.",
        aliases=("eta-factor", "not-too-large"),
        related=("regularised", "nagarajan-kolter", "uniform-wgan", "critical-damping"),
    ),
)

_DIVERGENCES = (
    _entry(
        "divergence",
        "kl-gen-real",
        "KL(gen || real) = E[R log R]: infinite where p_g has mass and p_r none.",
        "f(s) = s log s with f'(inf) = inf: mass outside real's support costs an infinite"
        " amount, a missed mode no more than its share. Near R = 1 it is E[(R-1)^2]/2, as"
        " KL(real || gen) is; elsewhere the two differ, so the direction is always written out.",
        "ratiogan table kl-gen-real",
        "Kullback and Leibler 1951",
        aliases=("reverse-kl",),
        related=("kl", "kl-real-gen", "singular-mass"),
    ),
    _entry(
        "divergence",
        "kl-real-gen",
        "KL(real || gen) = E[-log R]: infinite where the generator misses something real.",
        "f(s) = -log s with f(0) = inf: a dropped mode costs an infinite amount, mass outside"
        " real's support nothing of its own (f'(inf) = 0). Maximum likelihood minimises it. The"
        " P of f-GAN is real, so its KL is this one.",
        "ratiogan table kl-real-gen",
        "Kullback and Leibler 1951; Nowozin, Cseke and Tomioka 2016",
        aliases=("forward-kl",),
        related=("kl", "kl-gen-real", "maximum-likelihood"),
    ),
    _entry(
        "divergence",
        "tv",
        "Total variation, sum |p_g - p_r|/2: the best classifier is right (1 + TV)/2 of the time.",
        "With as many real as generated draws the Bayes rule says real where R < 1. TV lies"
        " between 0 and 1 and is a metric; some texts print the L1 distance, which is twice it."
        " f(s) = |s-1|/2 has a kink at 1, so constant steps chatter.",
        "ratiogan table tv",
        "Nguyen, Wainwright and Jordan 2009",
        aliases=("total-variation", "bayes-accuracy"),
        related=("hinge", "0-1", "jsd"),
    ),
    _entry(
        "divergence",
        "hellinger2",
        "H^2 = 1 - sum sqrt(p_g p_r), the squared Hellinger distance, between 0 and 1.",
        "f(s) = (sqrt(s)-1)^2/2, and H is a metric. Some texts leave out the 1/2; so do the"
        " exponential and boosting losses, whose D_f is 2 H^2. -log(1-H^2) is Bhattacharyya's"
        " distance, half of Renyi's divergence of order 1/2.",
        "ratiogan table hellinger2",
        TABLE_SLIDE,
        aliases=("hellinger", "bhattacharyya", "renyi"),
        related=("exponential", "boosting", "tv"),
    ),
    _entry(
        "divergence",
        "chi2-pearson",
        "Pearson's chi^2, E[(R-1)^2] = sum (p_g - p_r)^2/p_r; Neyman's divides by p_g.",
        "Near R = 1 every smooth divergence is f''(1)/2 times it. Renyi's divergence of order 2"
        " is log(1 + chi^2). The division is by the reference: Pearson's row of f-GAN, whose P"
        " is real, is Neyman's here.",
        "ratiogan table chi2-pearson",
        "Pearson 1900; Neyman 1949",
        aliases=("chi2", "chi2-neyman", "pearson", "neyman"),
        related=("triangular", "lsgan-pearson"),
    ),
    _entry(
        "divergence",
        "triangular",
        "Triangular discrimination, sum (p_g - p_r)^2/(p_g + p_r), between 0 and 2.",
        "Square losses of a margin give all of it: the f printed in the slides is a quarter."
        " Half of it is the divergence of Vincze and Le Cam, which is Pearson's chi^2 of p_g"
        " from m = (p_r + p_g)/2. Its root is a metric.",
        "ratiogan table triangular",
        TABLE_SLIDE,
        aliases=("le-cam", "vincze-le-cam"),
        related=("square", "chi2-pearson"),
    ),
    _entry(
        "divergence",
        "jeffreys",
        "Jeffreys' divergence, KL(gen || real) + KL(real || gen) = E[(R-1) log R].",
        "The symmetric sum: infinite as soon as one side has mass where the other has none."
        " Some texts print half of it.",
        "ratiogan table jeffreys",
        "Jeffreys 1946",
        aliases=("symmetric-kl",),
        related=("kl-gen-real", "kl-real-gen"),
    ),
    _entry(
        "divergence",
        "alpha-divergence",
        "E[R^a - 1]/(a(a-1)): one family with both KL (a -> 1, a -> 0), H^2 and chi^2.",
        "a = 1/2 is 4 H^2, a = 2 half of Pearson's chi^2, a = -1 half of Neyman's; f''(1) = 1"
        " for all. Mass outside real's support is infinite from a = 1 upwards, missed mass from"
        " a = 0 downwards. Renyi's divergence is log(1 + a(a-1) D_a)/(a-1).",
        "ratiogan table alpha:alpha=2",
        "Liese and Vajda 2006",
        aliases=("alpha:alpha=0.5", "alpha:alpha=2"),
        related=("kl-gen-real", "kl-real-gen", "hellinger2", "chi2-pearson"),
    ),
    _entry(
        "divergence",
        "js-weighted",
        "The Jensen-Shannon divergence of shares w and 1-w: what one draw tells about its label.",
        "w KL(gen || m) + (1-w) KL(real || m) with m = w p_g + (1-w) p_r; w = 1/2 is the JSD."
        " Its largest value is the entropy of (w, 1-w), its f''(1) is w(1-w).",
        "ratiogan table js-weighted:w=0.1",
        "Lin 1991",
        related=("jsd",),
    ),
    _entry(
        "divergence",
        "kl-mix-real",
        "2 KL(m || real), m = (p_r + p_g)/2: what descent on the non-saturating loss minimises.",
        "E[(1+R) log((1+R)/2)] is the induced cost of u = -log f less its constant. Where"
        " KL(gen || real) is finite it is that minus 2 JSD; mass outside real's support makes"
        " both infinite.",
        "ratiogan table kl-mix-real",
        CONVERGENCE_SLIDE,
        related=("non-saturating", "jsd", "kl-gen-real"),
    ),
    _entry(
        "divergence",
        "fgan",
        "The table of f-GAN: its P is real, so its u is p_r/p_g = 1/R and its f(u) is our s"
        " f(1/s).",
        "Its KL is KL(real || gen), its Pearson row Neyman's chi^2 here, its JS 2 JSD, its"
        " squared Hellinger 2 H^2. Its GAN row is 2 JSD - 2 log 2, which is not 0 at R = 1; the"
        " row here is shifted.",
        "ratiogan table fgan-kl",
        "Nowozin, Cseke and Tomioka 2016, table 1",
        aliases=(
            "f-gan",
            "fgan-kl",
            "fgan-reverse-kl",
            "fgan-pearson",
            "fgan-hellinger",
            "fgan-js",
            "fgan-gan",
        ),
        related=("kl-real-gen", "jsd", "minimax"),
    ),
)

EXPLANATIONS = {
    entry.name: entry
    for group in (
        _ALGORITHMS,
        _SCENARIOS,
        _FAMILIES,
        _GAMES,
        _FIELDS,
        _METHODS,
        _GEOMETRIES,
        _STEPS,
        _TIES,
        _STATUSES,
        _PRESETS,
        _EXITS,
        _NUMBERS,
        _DIVERGENCES,
        _WORDS,
        _TRAINING_WORDS,
        _DYNAMICS_WORDS,
        _ERRATA,
    )
    for entry in group
}


def _key(text):
    """How names are looked up: lower case, one hyphen for blanks and underscores."""
    return "-".join(str(text).strip().lower().replace("_", "-").split())


ALIASES = {_key(alias): entry.name for entry in EXPLANATIONS.values() for alias in entry.aliases}


def find(text):
    """The explanation of a name, alias, spec, exit code or number; None where there is none.

    Examples
    --------
    >>> find("Cells in use").name, find("0.6931").name, find("minimax").name, find("exit 5").name
    ('cells-in-use', '0.693', 'minimax', 'exit-5')
    >>> find("least-squares:a=0,b=1,c=1").name, find("bimodal:sd=1").name
    ('least-squares', 'bimodal')
    """
    name = _key(text)
    for key in (name, name.partition(":")[0]):
        key = ALIASES.get(key, key)
        if key in EXPLANATIONS:
            return EXPLANATIONS[key]
    return EXPLANATIONS.get(f"exit-{name}") or _by_value(name)


def _by_value(text):
    """The number that `text` is, rounded or cut off after at least two digits."""
    digits = len(text.partition(".")[2])
    try:
        number = float(text)
    except ValueError:
        return None
    unit = 10.0**-digits
    for entry in EXPLANATIONS.values():
        if entry.value is not None and digits >= 2:
            rest = entry.value - number
            if 0 <= rest < unit or abs(rest) <= unit / 2:
                return entry
    return None
