"""The generator as samples that move along -grad u(f(y)) through the discriminator.

With the optimal discriminator f = f*(R) the velocity is -grad Phi'(R): the Wasserstein-2 gradient
flow of the E[Phi(R)] that a step in R descends too. Up to the sign it is R Phi''(R) grad log R, so
that the games of one discriminator differ by a factor that saturates where p_g leaves p_r:

    minimax 1/(1+R)    non-saturating R/(1+R)    maximum likelihood 1/R    logit 1

Two discriminators are offered. ``cells`` is trained as in `training`: logits at K nodes (the
centres of K blocks of cells), interpolated multilinearly between them, extrapolated linearly beyond
the outer ones (K = 2 on a line is the linear discriminator of seed 004's slides); where K is less
than the number of cells, the interpolant is taken at the cells' centres and interpolated between
those. ``kde`` needs no training: phi = f*(R~), R~ the quotient of the two distributions after both
were convolved with one Gaussian.

Near R = 1 the Hermite mode k of a deviation from p_r = N(0, 1) falls at the rate k Phi''(1), and,
with a Gaussian of sd s in both, at k Phi''(1)/(1 + s^2)^k: R~ - 1 = eps He_k(y/sigma)/sigma^k with
sigma^2 = 1 + s^2, the velocity is -Phi''(1) eps k He_(k-1)(y/sigma)/sigma^(k+1), and the continuity
equation tested with He_k leaves of He_(k-1)(y/sigma) its leading term, 1/sigma^(k-1) of He_(k-1).

References: Gao, Jiao, Wang, Wang, Yang and Zhang 2019, "Deep generative learning via variational
gradient flow", ICML; Mroueh and Rigotti 2020, "Unbalanced Sobolev descent", NeurIPS; Arjovsky and
Bottou 2017, "Towards principled methods for training generative adversarial networks", ICLR
(vanishing gradients).
"""

import math

import numpy as np

from ratiogan import presets
from ratiogan.errors import InputError, InputTypeError, check_choice, check_integer, check_number
from ratiogan.logits import logits
from ratiogan.ratio import density_ratio
from ratiogan.solvers.blur import Blur
from ratiogan.solvers.capacity import Capacity
from ratiogan.solvers.lattice import Lattice
from ratiogan.solvers.minibatch import draw, draw_rows
from ratiogan.solvers.softmax import EXACT
from ratiogan.solvers.trainer import Trainer, effective_support
from ratiogan.solvers.training_turns import ALL_TAKEN, draws_per_turn
from ratiogan.sums import ordered_sum

_FINEST = 0.5  # cells that the kernel's sd may be short of: less, and the grid cannot show it
_FLOOR_DRAWS = 4  # samples of p_r whose histograms tell what counting leaves of JSD and support
_CROSSING = 20_000  # moves of adam from one end of the longest axis to the other
_MOST_BYTES = 8e9  # that particles and their memories may take
_FAR = 1e300  # an R as good as infinite


class Particles(Trainer):
    """Training of samples; arguments as `training`, and these.

    Parameters
    ----------
    particles : int or array (n, ndim)
        How many there are, drawn from p_g at the start, or where they start, in the unit of the
        axes; 2000.
    discriminator : {"cells", "kde"}
        Trained logits on nodes, or the best response to kernel density estimates.
    bandwidth : float or tuple of float, optional
        Sd of the Gaussian of ``kde`` in the unit of the axes, one for all or one for each; by
        default Scott's rule, sd of p_r times n^(-1/(ndim+4)), and at least 1 cell.
    alpha_gen : float, optional
        Of sgd (and momentum) the time step of the flow, in units of an axis squared: by default the
        smallest bandwidth squared (``kde``; it is stable there up to some 5 times that over
        Phi''(1)), or 1% of the longest axis squared (``cells``). Of adam and rmsprop the length of
        a move along each axis: by default the longest axis over 20,000 turns.
    disc_smooth : float, optional
        Of ``cells``: by default Scott's rule, the smallest of all axes, where disc_cells is left
        out and cells are of one size, else 0. Particles drift to the kinks of a discriminator that
        is not smooth, and stay in heaps there.
    optimizer : str or Optimizer, optional
        By default adam with ``cells``, and sgd, which is the flow, with ``kde``.
    batch : int or "exact"
        With ``cells``: so many samples of p_r, at the centres of their cells, and so many of the
        particles, drawn without replacement; 64. All particles move at every generator update.
    inner_product : {"euclidean", "reference"}
        Of the discriminator's weights: as autodiff has it (default, for particles walk where p_r
        has no mass to divide by), or divided by their shares of p_r.

    Raises
    ------
    InputError
        For what only a generator on the cells has (gen_cells, gen_smooth, gradient score,
        baseline, inner_product fisher), what only ``cells`` has (disc_cells, disc_smooth,
        alpha_disc, a number of disc_steps, a batch) or only ``kde`` (bandwidth), and axes that are
        no intervals.

    Notes
    -----
    A particle that would leave the domain stays at its edge. R is the histogram of the particles
    over p_r; they may be where p_r = 0, and start there (``singular`` only matters as "restrict"):
    JSD counts them, KL is infinite. ``g`` and ``d`` in the trace take the histogram at the centres
    of the cells, and ``d_best`` is that of all cells; ``gen_gradient`` is the particles' rms speed
    sqrt(E_g |grad u|^2).

    With ``kde`` particles are given to the centres of the nearest cells by
    the shares of linear interpolation, the Gaussian reflects at the edges, and the velocities are
    those at the centres, from central differences of phi, interpolated multilinearly; where a
    difference is not finite (R~ is infinite more than 37 bandwidths away from all of p_r) there is
    no slope, and a particle stays; phi is 0 where neither has mass.

    Examples
    --------
    >>> solver = Particles(
    ...     "normal:mean=0,sd=1", "normal:mean=1,sd=1", grid=64, discriminator="kde", particles=500
    ... )
    >>> run = solver.solve()
    >>> run.particles.shape, abs(round(float(run.particles.mean()), 1))
    ((500, 1), 0.0)
    """

    families = ("particles",)

    def __init__(
        self,
        real=None,
        gen=None,
        game="non-saturating",
        gen_loss=None,
        *,
        particles=2000,
        discriminator="cells",
        bandwidth=None,
        alpha_gen=None,
        optimizer=None,
        disc_steps=1,
        batch=64,
        disc_smooth=None,
        inner_product="euclidean",
        family="particles",
        **options,
    ):
        self.discriminator = check_choice("discriminator", discriminator, ("cells", "kde"))
        self._read_particles(particles)
        self._bandwidth = bandwidth
        self._alpha_gen = alpha_gen
        given = {
            **options, "disc_steps": disc_steps, "batch": batch, "disc_smooth": disc_smooth
        }  # fmt: skip
        if self.is_kde:
            _refuse_training(given)
            disc_steps, batch = 1, "exact"
        elif disc_steps == "best":
            raise InputError(
                "disc_steps best has no closed form between nodes.",
                argument="disc_steps",
                fix="Take a number of updates, or discriminator kde.",
            )
        elif bandwidth is not None:
            raise InputError(
                "bandwidth belongs to discriminator kde, got discriminator cells.",
                argument="bandwidth",
                fix="Pass discriminator kde, or leave bandwidth out.",
            )
        super().__init__(
            real, gen, game, gen_loss,
            alpha_gen=0.0 if alpha_gen is None else alpha_gen,
            optimizer=optimizer or ("sgd" if self.is_kde else "adam"),
            disc_steps=disc_steps, batch=batch, disc_smooth=disc_smooth,
            inner_product=inner_product, family=family, **options,
        )  # fmt: skip

    @property
    def is_kde(self):
        """Whether the discriminator is the best response to kernel density estimates."""
        return self.discriminator == "kde"

    # --- reading the arguments ---

    def _check_room(self):
        super()._check_room()
        need = 8 * self.samples * (6 * self.real.grid.ndim + 6)
        if need > _MOST_BYTES:
            raise InputError(
                f"particles {self.samples} take {need / 1e9:.3g} GB.",
                argument="particles",
                fix="Pass fewer.",
            )

    def _read_particles(self, particles):
        self._given = None
        if np.ndim(particles) > 0:
            try:
                self._given = np.array(particles, dtype=float)
            except (TypeError, ValueError):
                raise InputTypeError(
                    "particles must be a whole number or an array of numbers, one row each.",
                    argument="particles",
                ) from None
            if self._given.ndim == 1:
                self._given = self._given[:, None]
            particles = len(self._given)
        self.samples = check_integer("particles", particles, minimum=1)

    def _refuse_what_does_not_go_together(self, gen_cells, gen_smooth):
        for name, wrong, what in (
            ("gradient", self.gradient == "score", "score: they have no score"),
            ("baseline", self.baseline != 0, "other than none: it is of gradient score"),
            ("inner_product", self.inner_product == "fisher", "fisher: they have no weights"),
            ("gen_cells", gen_cells is not None, "at all: they are on no cells"),
            ("gen_smooth", gen_smooth != 0, "at all: they have no function"),
        ):
            if wrong:
                raise InputError(
                    f"family particles takes no {name} {what}.",
                    argument=name,
                    fix=f"Leave {name} out, or take family logits.",
                )
        if self.batch is not None and self.batch > self.samples:
            raise InputError(
                f"batch must be at most particles, {self.samples}: they are drawn without "
                f"replacement, got {self.batch}.",
                argument="batch",
                fix=f"Pass batch {self.samples} or less, or more particles.",
            )

    def _read_problem(self, real, gen, grid, domain, singular):
        real, gen = presets.problem(real, gen, grid, domain)
        axis = next((axis for axis in real.grid.axes if axis.is_counting), None)
        if axis is not None:
            raise InputError(
                f"family particles needs axes that are intervals, and {axis.name} is {axis.kind}"
                ": nothing moves between its values.",
                argument="family",
                fix="Take family logits.",
            )
        if singular == "restrict":
            gen = density_ratio(gen=gen, real=real, singular=singular).gen
        super()._read_problem(real, real, None, None, "error")
        # Particles may be where p_r = 0, and are on the whole grid.
        self.gen = gen
        self._masses = real.mass.reshape(-1)
        basins = np.full(real.grid.shape, -1)
        basins[self.support] = self._basins
        self._basins = basins.reshape(-1)
        self._numbers = np.arange(real.grid.size)
        self.real_spread = math.sqrt(float(real.variance().sum()))
        self._edges = np.array([[axis.low, axis.high] for axis in real.grid.axes]).T
        if self._given is not None:
            self._check_places()
        self._lattice = Lattice(
            real.grid.centres, clip=self.is_kde or math.isfinite(self.losses.clip)
        )
        self._find_floor()

    def _check_places(self):
        ndim = self.real.grid.ndim
        if self._given.shape[1:] != (ndim,):
            raise InputError(
                f"particles must have shape (n, {ndim}), got {self._given.shape}.",
                argument="particles",
            )
        inside = (self._given >= self._edges[0]) & (self._given <= self._edges[1])
        if not inside.all():
            raise InputError(
                f"particles must be within the domain, and {np.sum(~inside.all(axis=1))} are not.",
                argument="particles",
                fix="Pass a wider domain.",
            )

    def _find_floor(self):
        """JSD, and the cells in use, of the histogram of as many independent samples of p_r."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(_FLOOR_DRAWS):
            cells = draw(self._masses, rng.random(self.samples))
            share = np.bincount(cells, minlength=self._masses.size) / self.samples
            found.append((_jensen_shannon(share, self._masses), effective_support(share)))
        self.floor, self.real_support = (float(x) for x in np.mean(found, axis=0))

    def _read_capacities(self, disc_cells, disc_smooth, gen_cells, gen_smooth):
        grid = self.real.grid
        even = all(axis.width is not None for axis in grid.axes)
        if disc_smooth is None:
            smooth = even and disc_cells is None and not self.is_kde
            disc_smooth = min(self._scott()) if smooth else 0.0
        bounded = math.isfinite(self.losses.clip)
        self.disc_capacity = Hats(grid, disc_cells, disc_smooth, clip=bounded)
        self.gen_capacity = Capacity(grid, np.ones(grid.shape, dtype=bool))
        longest = float(np.max(self._edges[1] - self._edges[0]))
        self.bandwidth = None
        default = (0.01 * longest) ** 2
        if self.is_kde:
            self.disc_steps = None
            self.bandwidth = self._read_bandwidth()
            self._blur = Blur(grid, self.bandwidth)
            default = min(self.bandwidth) ** 2
        if self.rule.name in ("adam", "rmsprop"):
            default = longest / _CROSSING
        if self._alpha_gen is None:
            self.alpha_gen = default

    def _scott(self):
        """Scott's rule for as many samples of p_r, but at least one cell: one width per axis."""
        grid = self.real.grid
        rule = np.sqrt(self.real.variance()) * self.samples ** (-1.0 / (grid.ndim + 4))
        return tuple(
            max(float(width), axis.width or 0.0)
            for width, axis in zip(rule, grid.axes, strict=True)
        )

    def _read_bandwidth(self):
        grid, given = self.real.grid, self._bandwidth
        if given is None:
            return self._scott()
        widths = tuple(given) if np.ndim(given) else (given,) * grid.ndim
        if len(widths) != grid.ndim:
            raise InputError(
                f"bandwidth needs one number per axis, got {len(widths)} for {grid.ndim}.",
                argument="bandwidth",
                fix="Pass one number for all axes, or one for each.",
            )
        widths = tuple(check_number("bandwidth", width) for width in widths)
        for width, axis in zip(widths, grid.axes, strict=True):
            least = _FINEST * (axis.width or 0.0)  # an uneven axis is refused by Blur
            if not width > 0 or width < least:
                raise InputError(
                    f"bandwidth must be at least half a cell, {least:.3g} along "
                    f"{axis.name}, got {width:g}.",
                    argument="bandwidth",
                    fix="Pass a larger one, or a finer grid.",
                )
        return widths

    # --- the arrays ---

    def _prepare(self):
        disc, masses = self.disc_capacity, self._masses
        scale = np.ones(disc.size)
        if self.inner_product == "reference" and not self.is_kde:
            shares = disc.shares(masses)
            empty = int(np.count_nonzero(shares == 0))
            if empty:
                raise InputError(
                    f"inner_product reference divides by shares of p_r, and {empty} of the "
                    f"discriminator's {disc.size} nodes have none.",
                    argument="inner_product",
                    fix="Take inner_product euclidean.",
                )
            scale = 1.0 / shares
        self._scale = scale
        self._codes = (self.batch or 0, int(self.rows is not None), EXACT)
        trained = 0 if self.is_kde else self.disc_steps
        self._draws = draws_per_turn(trained, self.gen_steps, self.batch or 0, False)
        self._fast = False

    def _restart(self):
        self._rng.bit_generator.state = self._rng_state
        masses, disc, n = self._masses, self.disc_capacity, self.samples
        rows, seen, sums, guide = self._draw_data(masses)
        nothing = np.zeros(0)
        self.cells = (seen, masses, *(nothing,) * 3, self._scale, nothing, sums, guide)
        self._first = self._starting_places() if self._given is None else self._given
        self.state_ = (
            *(np.zeros(disc.size), np.zeros(masses.size), self._first.copy()),
            *(np.zeros(masses.size), np.arange(n), rows, np.zeros(n, dtype=bool)),
        )
        drawn = self._forget(disc.size, self._first.size)
        self._work = (*(None,) * 3, np.empty(disc.size), *(None,) * 3, *drawn)
        self._look()
        if self.is_kde:
            self._real_blurred = self._blur(seen)
            self._alone = self._real_blurred == 0
            self._respond()

    def _starting_places(self):
        """Samples of p_g: a cell each, and anywhere in it."""
        grid, n = self.real.grid, self.samples
        cells = draw(self.gen.mass.reshape(-1), self._rng.random(n))
        along = np.unravel_index(cells, grid.shape)
        places = np.empty((n, grid.ndim))
        for a, (axis, cell) in enumerate(zip(grid.axes, along, strict=True)):
            low, high = axis.edges[cell], axis.edges[cell + 1]
            places[:, a] = low + (high - low) * self._rng.random(n)
        return places

    @property
    def places(self):
        """Where the particles are: array (n, ndim)."""
        return self.state_[2]

    @property
    def ratio(self):
        """R = p_g/p_r on the cells with p_r > 0, p_g the histogram of the particles."""
        return self.state_[3][self.support.reshape(-1)] / self.geometry.masses

    @property
    def first_places(self):
        """Where they began: array (n, ndim)."""
        return self._first

    @property
    def moved(self):
        """Rms distance of the particles from where they began."""
        return _rms(self.places - self._first)

    def _look(self):
        """Between which cells the particles are, and their histogram."""
        places, gen = self.state_[2:4]
        self._spots = self._lattice.spots(places)
        cells = self.real.grid.locate(places)
        gen[:] = np.bincount(cells, minlength=gen.size) / self.samples

    def _put_back(self, before):
        super()._put_back(before)
        self._look()
        if self.is_kde:
            self._find_field()

    # --- one turn ---

    def _turn(self, drawn):
        lost = super()._turn(drawn)
        if lost == ALL_TAKEN and self.is_kde:
            self._respond()
        return lost

    def _update_discriminator(self, drawn):
        return True if self.is_kde else super()._update_discriminator(drawn)

    def _respond(self):
        """phi = f*(R~) at the centres of the cells, and the velocities there."""
        amounts = np.full(self.samples, 1.0 / self.samples)
        blurred = self._blur(self._lattice.deposit(amounts, self._spots))
        with np.errstate(divide="ignore", invalid="ignore"):
            phi = self.losses.best(blurred / self._real_blurred)
        # R~ = inf may have no finite formula, but has a limit; where neither has any mass f may be
        # anything.
        alone = self._alone
        phi = np.where(alone & np.isnan(phi), self.losses.best(np.full(1, _FAR)), phi)
        self.state_[1][:] = np.where(alone & (blurred == 0), 0.0, phi)
        self._find_field()

    def _find_field(self):
        self._field = _field(self.losses, self.phi, self.real.grid)
        self._blind = self._alone | ~np.isfinite(self._field).all(axis=0)
        self._field[:, self._blind] = 0.0

    def _ascent(self, drawn):
        """How E_r[l_r] + E_g[l_g] grows with phi at the centres of the cells."""
        seen, phi = self.cells[0], self.phi
        places, n = self.places, self.samples
        if self.batch is None:
            real, spots = seen * self.losses.slope_real(phi), self._spots
        else:
            found, other = self._draw_real(drawn[: self.batch]), self._work[8]
            draw_rows(self.state_[4], drawn[self.batch :], other)
            n = self.batch
            real = np.bincount(found, self.losses.slope_real(phi[found]), phi.size) / n
            spots = tuple(part[other] for part in self._spots)
            places = places[other]
        slopes = self.losses.slope_gen(self._lattice.values(phi, spots))
        return real + self._lattice.deposit(slopes / n, spots)

    def _slopes(self):
        """grad u at every particle, array (n, ndim)."""
        if self.is_kde:
            parts = [self._lattice.values(part, self._spots) for part in self._field]
            return -np.stack(parts, axis=1)
        phi = self.phi
        rise = self.losses.generator_slope(self._lattice.values(phi, self._spots))
        return rise[:, None] * self._lattice.slopes(phi, self._spots)

    def _update_generator(self, drawn):
        places, held = self.places, self.state_[6]
        gradient = self._slopes()
        self._descend(self.alpha_gen, gradient.reshape(-1), places.reshape(-1), 1, math.inf)
        if not np.isfinite(places).all():
            return False
        low, high = self._edges
        held |= ((places < low) | (places > high)).any(axis=1)
        np.clip(places, low, high, out=places)
        self._look()
        return True

    # --- what is recorded ---

    def measure(self):
        row = super().measure()
        gen = self.state_[3]
        row["effective_support"] = effective_support(gen)
        outside = float(gen[self._masses == 0].sum())
        if outside > 0:
            # Each such cell adds q log 2 to twice the JSD, and makes KL(p_g||p_r) infinite.
            row["js"] += 0.5 * math.log(2.0) * outside
            row["kl"] = math.inf
        return row

    def _least_cost(self, masses, gen):
        """E[d*] of the best response on all cells, which no function on them is below."""
        real = masses > 0
        costs = self.losses.game.discriminator_cost(gen[real] / masses[real])
        least = ordered_sum(costs, masses[real])
        alone = float(gen[~real].sum())
        if alone > 0:
            least += alone * float(self.losses.loss_gen(self.losses.best(np.full(1, _FAR)))[0])
        return least

    def _gen_slope(self, u):
        return {"gen_gradient": _rms(self._slopes()), "gen_noise": 0.0}

    def _discriminator(self):
        """f on the grid; it is known where p_r = 0 as well."""
        return self.losses.link(self.phi).reshape(self.real.grid.shape)

    def blind(self):
        """How many particles stand in cells where the discriminator has no slope."""
        if not self.is_kde:
            return 0
        return int(np.count_nonzero(self._blind[self.real.grid.locate(self.places)]))

    def held(self):
        """How many particles would have left the domain at some time."""
        return int(np.count_nonzero(self.state_[6]))

    def outside(self):
        """Which share of the particles is where p_r = 0."""
        return float(self.state_[3][self._masses == 0].sum())

    def load_kernels(self):
        super().load_kernels()
        before = self._copied()
        self._turn(np.full(self._draws, 0.5))
        self._put_back(before)

    def options(self):
        bandwidth = self.bandwidth
        if bandwidth is not None and len(set(bandwidth)) == 1:
            bandwidth = bandwidth[0]
        return {
            **super().options(),
            "gen_cells": None,
            "particles": self.samples,
            "discriminator": self.discriminator,
            "bandwidth": bandwidth,
        }


class Hats(Capacity):
    """The map from logits at the centres of K blocks of cells to the centres of all cells.

    It interpolates multilinearly, and goes on linearly beyond the outer nodes; or, with `clip`,
    stays at their values, where f must not leave [-1, 1]. Arguments as `Capacity`; `size` is the
    number of blocks.

    Examples
    --------
    >>> from ratiogan.grid import Grid
    >>> hats = Hats(Grid.regular(6, 0, 6), cells=2)
    >>> hats.spread(np.array([1.0, 4.0])), hats.pool(np.ones(6))
    (array([0., 1., 2., 3., 4., 5.]), array([3., 3.]))
    """

    def __init__(self, grid, cells=None, smooth=0.0, clip=False):
        super().__init__(grid, np.ones(grid.shape, dtype=bool), cells, smooth, "disc")
        self._points = grid.points()
        self._nodes = [
            _block_centres(edges, count)
            for edges, count in zip(grid.edges, self.cells, strict=True)
        ]
        self._lattice = Lattice(self._nodes, clip=clip)
        self._spots = self._lattice.spots(self._points)

    def spread(self, weights):
        values = self._lattice.values(weights, self._spots) if self.pooled else weights
        return values if self.factors is None else self._smoothed(values)

    def pool(self, values):
        if self.factors is not None:
            values = self._smoothed(values)
        return self._lattice.deposit(values, self._spots) if self.pooled else values

    def shares(self, masses):
        """Masses of the nodes, each cell's divided between those around it: never below 0."""
        lattice = Lattice(self._nodes, clip=True)
        return lattice.deposit(masses, lattice.spots(self._points))


def velocity_field(solution):
    """-grad u(f) at the cell centres: how particles would move through the discriminator of a run.

    Parameters
    ----------
    solution : Solution
        Of any solver whose ``discriminator`` is f of a game in its options.

    Returns
    -------
    list of arrays (grid.shape)
        One per axis, in the unit of u per unit of that axis: sgd moves a particle by alpha_gen
        times it. From central differences of the logit of f times du/dphi, one-sided at the ends;
        where f is 0 or 1 to all digits and has no finite logit, of u(f) itself. NaN where u is
        infinite there too (log(1 - f) at f = 1), and beside cells whose f is not known (where
        p_r = 0, but for particles).

    Raises
    ------
    InputError
        If the run has no game.

    Examples
    --------
    >>> from ratiogan.solvers.glgd import glgd
    >>> run = glgd(real="normal:mean=0,sd=1", gen="normal:mean=1,sd=1", grid=64, max_steps=1)
    >>> (field,) = velocity_field(run)
    >>> field.shape
    (64,)
    """
    options = solution.options
    if "game" not in options:
        raise InputError(
            f"a run of {solution.algorithm} has no game whose u could have a gradient.",
            argument="solution",
        )
    losses = logits(options["game"], options.get("gen_loss"))
    phi = losses.unlink(solution.discriminator)
    field = _field(losses, phi, solution.grid)
    u = losses.generator_loss(phi)
    for part, slopes in zip(field, _central(u, solution.grid), strict=True):
        lost = ~np.isfinite(part)
        part[lost] = np.where(np.isfinite(slopes), -slopes, np.nan)[lost]
    return list(field)


def _field(losses, phi, grid):
    """-du/dphi grad phi at the cell centres, (ndim, *phi.shape)."""
    with np.errstate(invalid="ignore", over="ignore"):
        return -losses.generator_slope(phi) * _central(phi, grid)


def _central(values, grid):
    """Central differences at the cell centres along each axis, (ndim, *values.shape)."""
    shaped = values.reshape(grid.shape)
    rise = np.zeros((grid.ndim, *grid.shape))
    with np.errstate(invalid="ignore", over="ignore"):
        for a, centres in enumerate(grid.centres):
            if centres.size > 1:
                rise[a] = np.gradient(shaped, centres, axis=a)
    return rise.reshape(grid.ndim, *values.shape)


def _refuse_training(given):
    """Refuse what has no meaning for a discriminator that is not trained."""
    for name, usual in (
        ("disc_cells", (None,)),
        ("disc_smooth", (None, 0, 0.0)),
        ("alpha_disc", (None, 0.01)),
        ("disc_steps", (1, "best")),
        ("batch", (64, None, "exact")),
    ):
        if given.get(name) not in usual:
            raise InputError(
                f"discriminator kde is not trained: it takes no {name}.",
                argument=name,
                fix=f"Leave {name} out, or take discriminator cells.",
            )


def _block_centres(edges, count):
    """Middles of `count` blocks of cells, as `Capacity` cuts them."""
    n = edges.size - 1
    first = -(-np.arange(count + 1) * n // count)  # the least i with i count // n == block
    return 0.5 * (edges[first[:-1]] + edges[first[1:]])


def _rms(vectors):
    """sqrt of the mean squared length of rows."""
    with np.errstate(over="ignore"):
        return math.sqrt(float(np.sum(vectors * vectors)) / len(vectors))


def _jensen_shannon(p, q):
    """JSD of masses of cells."""
    total = 0.0
    for one in (p, q):
        some = one > 0
        total += 0.5 * ordered_sum(np.log(2.0 * one[some] / (p + q)[some]), one[some])
    return total
