"""Particles: the flow and its rates, interpolation, both discriminators, and naive twins."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial import hermite_e
from scipy.interpolate import RegularGridInterpolator
from scipy.special import ndtr

import ratiogan as rg
from ratiogan.distribution import Distribution
from ratiogan.errors import InputError
from ratiogan.games import Game
from ratiogan.grid import Grid
from ratiogan.solution import Status, load
from ratiogan.solvers.blur import Blur
from ratiogan.solvers.lattice import Lattice
from ratiogan.solvers.particles import Hats, Particles, velocity_field

FACTORS = {
    "minimax": lambda r: 1 / (1 + r),
    "non-saturating": lambda r: r / (1 + r),
    "maximum-likelihood": lambda r: 1 / r,
    "logit": np.ones_like,
}
NORMAL = "normal:mean=0,sd=1"
FAR = dict(
    real="normal:mean=-3,sd=0.5", gen="normal:mean=3,sd=0.5", domain="-6:6", bandwidth=0.05,
    discriminator="kde", alpha_gen=0.0025, max_steps=1500,
)  # fmt: skip


def velocities(**options):
    """-grad u at the particles: what one turn of sgd moves them by, per unit of the step."""
    step = 2.0**-20
    solver = Particles(optimizer="sgd", alpha_gen=step, **options)
    before = solver.places.copy()
    solver.advance(1)
    return (solver.places - before) / step


# --- interpolation --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (7,), (5, 6), (2, 4, 3)])
def test_interpolation_and_extrapolation_are_scipys(shape):
    rng = np.random.default_rng(0)
    nodes = [np.sort(rng.random(size)) for size in shape]
    points = rng.uniform(-0.5, 1.5, (200, len(shape)))
    values = rng.random(shape)
    lattice = Lattice(nodes)
    spots = lattice.spots(points)
    twin = RegularGridInterpolator(nodes, values, bounds_error=False, fill_value=None)
    found = lattice.values(values.ravel(), spots)
    np.testing.assert_allclose(found, twin(points), rtol=1e-11, atol=1e-11)
    # Multilinear: along an axis a difference within one gap is the slope, whatever its length.
    for axis in range(len(shape)):
        step = np.zeros(len(shape))
        step[axis] = 1e-7
        rise = (twin(points + step) - twin(points - step)) / 2e-7
        slope = lattice.slopes(values.ravel(), spots)[:, axis]
        np.testing.assert_allclose(slope, rise, rtol=1e-5, atol=1e-5)


@pytest.mark.plain
def test_deposits_are_the_transpose():
    rng = np.random.default_rng(1)
    lattice = Lattice([np.array([0.0, 0.3, 1.0]), np.linspace(0, 2, 5)])
    spots = lattice.spots(rng.uniform(-1, 3, (50, 2)))
    amounts, values = rng.random(50), rng.random(15)
    assert lattice.deposit(amounts, spots) @ values == pytest.approx(
        amounts @ lattice.values(values, spots), rel=1e-12
    )
    # Clipped, no share is negative and all of every amount is given away.
    clipped = Lattice([np.array([0.0, 0.3, 1.0]), np.linspace(0, 2, 5)], clip=True)
    given = clipped.deposit(amounts, clipped.spots(rng.uniform(-1, 3, (50, 2))))
    assert given.min() >= 0 and given.sum() == pytest.approx(amounts.sum(), rel=1e-12)


def test_equal_gaps_and_searched_ones_find_the_same_nodes():
    nodes = np.linspace(0.0, 1.0, 11)
    points = np.concatenate((nodes, np.nextafter(nodes, -1), np.nextafter(nodes, 2), [-1, 2]))
    even = Lattice([nodes])
    uneven = Lattice([nodes])
    uneven._scales[:] = 0.0
    for one, other in zip(even.spots(points[:, None]), uneven.spots(points[:, None]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("shape", "cells"), [((12,), 5), ((12,), 2), ((8, 9), (3, 4))])
def test_hats_interpolate_between_the_centres_of_blocks(shape, cells):
    grid = Grid.regular(shape, (0.0,) * len(shape), tuple(float(n) for n in shape))
    counts = cells if isinstance(cells, tuple) else (cells,)
    nodes = []
    for n, count in zip(shape, counts, strict=True):
        block = np.arange(n) * count // n
        nodes.append(
            [
                0.5 * (np.min(i) + np.max(i) + 1)
                for k in range(count)
                for i in np.nonzero(block == k)
            ]
        )
    weights = np.random.default_rng(2).random(counts)
    twin = RegularGridInterpolator(nodes, weights, bounds_error=False, fill_value=None)
    hats = Hats(grid, cells)
    found = hats.spread(weights.ravel())
    np.testing.assert_allclose(found, twin(grid.points()), atol=1e-13)
    values = np.random.default_rng(3).random(grid.size)
    assert hats.pool(values) @ weights.ravel() == pytest.approx(values @ found, rel=1e-12)
    shares = hats.shares(np.full(grid.size, 1 / grid.size))
    assert shares.min() > 0 and shares.sum() == pytest.approx(1.0)


def test_two_nodes_are_a_linear_discriminator():
    found = Hats(Grid.regular(10, -1, 3), 2).spread(np.array([-1.0, 2.5]))
    np.testing.assert_allclose(np.diff(found, 2), 0.0, atol=1e-14)


def naive_blur(masses, width, sd):
    """The reflected Gaussian, image by image."""
    n = len(masses)
    places = np.arange(-60 * n, 61 * n)
    taps = np.exp(-0.5 * (np.arange(-120 * n, 120 * n + 1) * width / sd) ** 2)
    total = taps.sum()
    out = np.zeros(n)
    for i, j in itertools.product(range(n), places):
        source = j % (2 * n)
        source = source if source < n else 2 * n - 1 - source
        out[i] += math.exp(-0.5 * ((i - j) * width / sd) ** 2) / total * masses[source]
    return out


@pytest.mark.parametrize("sd", [0.1, 0.4, 2.0, 7.0])
def test_the_gaussian_against_its_images(sd):
    masses = np.array([0.1, 0.0, 0.5, 0.0, 0.4])
    found = Blur(Grid.regular(5, 0, 2), (sd,))(masses)
    np.testing.assert_allclose(found, naive_blur(masses, 0.4, sd), rtol=1e-12)
    assert found.sum() == pytest.approx(1.0, rel=1e-14)


def test_the_gaussian_is_accurate_far_from_all_mass():
    # The cosine transform leaves 1e-17 there, of either sign.
    masses = np.zeros(400)
    masses[0] = 1.0
    distance = 0.1 * np.arange(300)
    twin = -0.5 * distance**2 + np.log1p(np.exp(-0.1 * distance - 0.005))  # with its reflection
    found = np.log(Blur(Grid.regular(400, 0, 40), (1.0,))(masses)[:300])
    np.testing.assert_allclose(found - found[0], twin - twin[0], rtol=1e-12, atol=1e-12)


def test_the_gaussian_acts_axis_by_axis():
    masses = np.random.default_rng(4).random((6, 5))
    found = Blur(Grid.regular((6, 5), (0, 0), (6, 10)), (0.8, 3.0))(masses).reshape(6, 5)
    twin = np.apply_along_axis(naive_blur, 0, masses, 1.0, 0.8)
    twin = np.apply_along_axis(naive_blur, 1, twin, 2.0, 3.0)
    np.testing.assert_allclose(found, twin, rtol=1e-12)


# --- speeds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("game", FACTORS)
def test_speeds_at_the_optimal_discriminator(game):
    # f and its logit, -log R, hold log R to an ulp of 1/(1 - f) or of 1/f.
    run = rg.glgd(real=NORMAL, gen="normal:mean=1,sd=0.8", domain="-4:4", grid=200, max_steps=1)
    ratio = run.gen.mass / run.real.mass
    run = replace(run, ratio=ratio, discriminator=1 / (1 + ratio), options={"game": game})
    rise = np.gradient(np.log(ratio), run.grid.centres[0])
    (field,) = velocity_field(run)
    np.testing.assert_allclose(-field, FACTORS[game](ratio) * rise, rtol=1e-7, atol=1e-9)


def test_non_saturating_and_minimax_speeds_add_up_to_those_of_logit():
    for options in (
        dict(discriminator="kde"),
        dict(discriminator="cells", batch="exact", alpha_disc=0.5, disc_cells=9),
    ):
        found = {}
        for game in ("minimax", "non-saturating", "logit"):
            solver = Particles(
                NORMAL, "normal:mean=1,sd=1.5", gen_loss=game, particles=300, grid=128,
                domain="-5:5", alpha_gen=0.0, optimizer="sgd", **options,
            )  # fmt: skip
            solver.advance(3)
            found[game] = solver._slopes()
        both = found["minimax"] + found["non-saturating"]
        assert np.abs(found["logit"]).max() > 0.1
        np.testing.assert_allclose(both, found["logit"], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("game", [*FACTORS, "least-squares", "square", "exponential"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_hermite_mode_decays_at_k_times_the_curvature(game, k):
    # d/dt of E_g[He_k] = E_g[He_k' v], v = -Phi''(R) R', by Gauss's rule; the half difference of
    # +eps and -eps leaves O(eps^2).
    y, w = hermite_e.hermegauss(60)
    w = w / w.sum()
    he = hermite_e.HermiteE.basis(k)
    curvature = rg.game(game).curvature
    rates = []
    for eps in (1e-5, -1e-5):
        ratio = 1 + eps * he(y)
        seen = ratio > 0  # the weights of the others are below 1e-20
        velocity = -curvature(np.where(seen, ratio, 1.0)) * eps * he.deriv()(y)
        rates.append(
            -np.sum((w * ratio * he.deriv()(y) * velocity)[seen]) / (eps * math.factorial(k))
        )
    assert np.mean(rates) == pytest.approx(k * float(curvature(np.ones(1))[0]), rel=1e-7)


def quantiles(n, eps, k):
    """n quantiles of p_r (1 + eps He_k), p_r = N(0, 1): F = Phi - eps He_(k-1) p_r."""
    y = np.linspace(-7, 7, 200_001)
    density = np.exp(-0.5 * y * y) / math.sqrt(2 * math.pi)
    cdf = ndtr(y) - eps * hermite_e.HermiteE.basis(k - 1)(y) * density
    return np.interp((np.arange(n) + 0.5) / n, cdf, y)


@pytest.mark.parametrize("game", ["non-saturating", "logit", "least-squares", "exponential"])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("s", [0.3, 0.5])
def test_with_a_gaussian_it_decays_slower(game, k, s):
    # k Phi''(1)/(1 + s^2)^k: docstring of the module. What is left is the tails beyond the outer
    # quantiles, 1/(2n): 0.76% at most (k = 3, s = 0.3), 2.5% with n = 2000, whatever the grid.
    he = hermite_e.HermiteE.basis(k)
    moment, rise = [], []
    for eps in (1e-3, -1e-3):
        places = quantiles(8000, eps, k)
        velocity = velocities(
            real=NORMAL, domain="-8:8", grid=1024, game=game, particles=places, bandwidth=s,
            discriminator="kde",
        )[:, 0]  # fmt: skip
        moment.append(np.mean(he(places)))
        rise.append(np.mean(he.deriv()(places) * velocity))
    rate = -(rise[0] - rise[1]) / (moment[0] - moment[1])
    expected = k * float(rg.game(game).curvature(np.ones(1))[0]) / (1 + s * s) ** k
    assert rate == pytest.approx(expected, rel=0.01)


def test_kernel_densities_offer_the_slopes_of_the_optimal_discriminator():
    # Of the Gaussians that both are after the convolution; D* = 1e-27 where the particles are.
    sd, width = 0.5, 0.2
    wide = math.hypot(sd, width)
    exact = rg.saturation(
        real=f"normal:mean=-3,sd={wide!r}",
        gen=f"normal:mean=3,sd={wide!r}",
        domain="-6:6",
        grid=600,
    )
    middle = np.abs(exact.places - 3) < 1.5 * sd
    for game, slope in (("minimax", exact.minimax), ("non-saturating", exact.non_saturating)):
        places = 3 + sd * quantiles(8000, 0.0, 1)
        solver = Particles(
            f"normal:mean=-3,sd={sd}", game=game, particles=places, discriminator="kde",
            bandwidth=width, domain="-6:6", grid=600,
        )  # fmt: skip
        found = -solver._field[0]
        between = np.sqrt(np.abs(found[1:] * found[:-1])) * np.sign(found[1:])
        # Cells and the shares of neighbours widen p_g by h^2/12, to which D* answers with 0.7%: a
        # quarter of it on twice as many cells, and as much with 2000 particles.
        rtol = 0.01 if game == "minimax" else 2e-5
        np.testing.assert_allclose(between[middle], slope.values[middle], rtol=rtol)


def test_minimax_particles_stall_where_others_move():
    speeds = {}
    for game in FACTORS:
        run = rg.training(family="particles", game=game, **FAR)
        speeds[game] = run.trace.gen_gradient[0]
        moved = run.status is not Status.STALLED
        assert moved == (game in ("non-saturating", "logit")), run.finding
        if moved:
            assert run.trace.js[-1] < 1.5 * 0.02 and "FELL from 0.693" in run.finding
        else:
            assert "STALLED: JSD stayed within 1% of 0.693" in run.finding
            assert "the particles moved by" in run.finding
    # Gaussians of sd^2 = 0.25 + 0.05^2, 6 apart: log R rises by 6/sd^2 everywhere.
    assert speeds["logit"] == pytest.approx(6 / (0.5**2 + 0.05**2), rel=0.02)
    assert speeds["non-saturating"] == pytest.approx(speeds["logit"], rel=1e-9)
    assert 0 < speeds["minimax"] < 1e-9
    assert speeds["maximum-likelihood"] == pytest.approx(speeds["minimax"], rel=1e-6)


# --- the discriminator of nodes -------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, 40])
@pytest.mark.parametrize("batch", ["exact", 16])
@pytest.mark.parametrize(("shape", "cells"), [((15,), 4), ((6, 7), (3, 7))])
def test_gradients_of_the_weights_against_differences(shape, cells, batch, data):
    grid = Grid.regular(shape, (-2.0,) * len(shape), (2.0,) * len(shape))
    rng = np.random.default_rng(5)
    mass = rng.random(shape)
    real = Distribution.from_mass(mass / mass.sum(), grid)
    solver = Particles(real, real, particles=30, disc_cells=cells, batch=batch, data=data, rng=6)
    weights = rng.normal(size=solver.disc_capacity.size)
    solver.state_[0][:] = weights
    solver.phi[:] = solver.disc_capacity.spread(weights)
    uniforms = rng.random(0 if batch == "exact" else 32)
    rows, order = solver.state_[5].copy(), solver.state_[4].copy()
    gradient = solver.disc_capacity.pool(solver._ascent(uniforms))

    seen = np.bincount(rows, minlength=grid.size) / data if data else real.mass.ravel()
    places = solver.places
    if batch != "exact":
        if data:
            found = naive_rows(rows, uniforms[:16])
        else:
            found = np.searchsorted(np.cumsum(seen), uniforms[:16] * seen.sum(), side="right")
        seen = np.bincount(found, minlength=grid.size) / 16
        places = places[naive_rows(order, uniforms[16:])]

    def loss(weights):
        phi = solver.disc_capacity.spread(weights)
        other = RegularGridInterpolator(
            grid.centres, phi.reshape(shape), bounds_error=False, fill_value=None
        )(places)
        return seen @ np.logaddexp(0, -phi) + np.mean(np.logaddexp(0, other))

    for k in range(weights.size):
        step = np.zeros_like(weights)
        step[k] = 1e-5
        rise = (loss(weights + step) - loss(weights - step)) / 2e-5
        assert gradient[k] == pytest.approx(rise, rel=1e-7, abs=1e-9)


def naive_rows(order, uniforms):
    """Different rows, as Fisher and Yates shuffle them."""
    order = list(order)
    for k, uniform in enumerate(uniforms):
        other = k + int(uniform * (len(order) - k))
        order[k], order[other] = order[other], order[k]
    return order[: len(uniforms)]


@pytest.mark.parametrize("inner_product", ["euclidean", "reference"])
def test_two_nodes_of_least_squares_reach_the_regression_line(inner_product):
    solver = Particles(
        "bimodal", "normal:mean=1,sd=0.5", game="least-squares", disc_cells=2, batch="exact",
        optimizer="sgd", alpha_disc=0.5, alpha_gen=0.0, particles=400, grid=50,
        inner_product=inner_product, max_steps=400,
    )  # fmt: skip
    solver.advance(400)
    centres, w = solver.real.grid.centres[0], solver.real.mass
    places = solver.places[:, 0]
    x = np.concatenate((centres, places))
    weight = np.sqrt(np.concatenate((w, np.full(400, 1 / 400))))
    wanted = np.concatenate((np.ones(50), np.zeros(400)))  # b = 1 for real, a = 0
    design = np.column_stack((np.ones_like(x), x)) * weight[:, None]
    line = np.linalg.lstsq(design, wanted * weight, rcond=None)[0]
    np.testing.assert_allclose(solver.phi, line[0] + line[1] * centres, atol=1e-9)


# --- twins ----------------------------------------------------------------------------------------


def naive_histogram(places, edges):
    return np.histogram(places, edges)[0] / len(places)


def naive_adam(state, gradient, rate):
    """One step of adam; state is [m, v, t]."""
    state[2] += 1
    state[0] = 0.9 * state[0] + 0.1 * gradient
    state[1] = 0.999 * state[1] + 0.001 * gradient**2
    m, v = state[0] / (1 - 0.9 ** state[2]), state[1] / (1 - 0.999 ** state[2])
    return rate * m / (np.sqrt(v) + 1e-8)


@pytest.mark.plain
def test_a_naive_twin_of_whole_turns_of_nodes():
    n, cells, batch, turns = 25, 10, 8, 6
    solver = Particles(
        "bimodal", "normal:mean=0,sd=1", grid=cells, domain="-3:3", particles=n, disc_cells=4,
        batch=batch, disc_steps=2, gen_steps=2, alpha_disc=0.3, alpha_gen=0.05, rng=7,
    )  # fmt: skip
    mass, gen = solver.real.mass, solver.gen.mass
    edges = np.linspace(-3, 3, cells + 1)
    centres = 0.5 * (edges[1:] + edges[:-1])
    block = np.arange(cells) * 4 // cells
    nodes = np.array(
        [0.5 * (edges[:-1][block == k][0] + edges[1:][block == k][-1]) for k in range(4)]
    )

    def line(x, xs, ys):
        """Value and slope of the polygon through (xs, ys), with the corners' shares."""
        j = int(np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 2))
        t = (x - xs[j]) / (xs[j + 1] - xs[j])
        return j, t, (1 - t) * ys[j] + t * ys[j + 1], (ys[j + 1] - ys[j]) / (xs[j + 1] - xs[j])

    rng = np.random.default_rng(7)
    start = np.searchsorted(np.cumsum(gen), rng.random(n) * gen.sum(), side="right")
    y = edges[start] + (edges[start + 1] - edges[start]) * rng.random(n)
    weights, phi, order = np.zeros(4), np.zeros(cells), list(range(n))
    disc_state, gen_state = [0.0, 0.0, 0], [0.0, 0.0, 0]
    for _ in range(turns):
        drawn = rng.random(2 * 2 * batch)
        for step in range(2):
            uniforms = drawn[2 * batch * step : 2 * batch * (step + 1)]
            on_cells = np.zeros(cells)
            for uniform in uniforms[:batch]:
                cell = int(np.searchsorted(np.cumsum(mass), uniform * mass.sum(), side="right"))
                on_cells[cell] -= 1 / (1 + math.exp(phi[cell])) / batch
            for k, uniform in enumerate(uniforms[batch:]):
                other = k + int(uniform * (n - k))
                order[k], order[other] = order[other], order[k]
                j, t, value, _ = line(y[order[k]], centres, phi)
                slope = 1 / (1 + math.exp(-value)) / batch
                on_cells[j] += (1 - t) * slope
                on_cells[j + 1] += t * slope
            gradient = np.zeros(4)
            for cell in range(cells):
                j, t, _, _ = line(centres[cell], nodes, weights)
                gradient[j] += (1 - t) * on_cells[cell]
                gradient[j + 1] += t * on_cells[cell]
            weights = weights - naive_adam(disc_state, gradient, 0.3)
            phi = np.array([line(c, nodes, weights)[2] for c in centres])
        for _ in range(2):
            gradient = np.zeros(n)
            for k in range(n):
                _, _, value, slope = line(y[k], centres, phi)
                gradient[k] = -1 / (1 + math.exp(value)) * slope  # u = -log sigmoid
            y = np.clip(y - naive_adam(gen_state, gradient, 0.05), -3, 3)
    solver.advance(turns)
    np.testing.assert_allclose(solver.state_[0], weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solver.phi, phi, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solver.places[:, 0], y, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solver.state_[3], naive_histogram(y, edges), atol=1e-15)


@pytest.mark.plain
def test_a_naive_twin_of_whole_turns_of_kernel_densities():
    n, cells, s, turns = 30, 12, 0.7, 5
    solver = Particles(
        "bimodal", "normal:mean=0,sd=1", game="minimax", grid=cells, domain="-3:3", particles=n,
        discriminator="kde", bandwidth=s, alpha_gen=0.2, rng=8,
    )  # fmt: skip
    mass, y = solver.real.mass, solver.places[:, 0].copy()
    edges = np.linspace(-3, 3, cells + 1)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for _ in range(turns):
        deposit = np.zeros(cells)
        for place in y:
            x = np.clip((place - centres[0]) / 0.5, 0, cells - 1)
            j = min(int(x), cells - 2)
            deposit[j] += (j + 1 - x) / n
            deposit[j + 1] += (x - j) / n
        log_ratio = np.log(naive_blur(deposit, 0.5, s) / naive_blur(mass, 0.5, s))
        # u = log(1 - f) = -softplus(phi), phi = -log R: du/dphi = -f = -1/(1 + R).
        field = -np.gradient(log_ratio, 0.5) / (1 + np.exp(log_ratio))
        y = np.clip(y + 0.2 * np.interp(y, centres, field), -3, 3)
    solver.advance(turns)
    np.testing.assert_allclose(solver.places[:, 0], y, rtol=1e-10, atol=1e-12)


# --- the plane ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    dict(discriminator="kde"),
    dict(batch="exact", disc_cells=8, alpha_disc=0.1, alpha_gen=0.01),
    dict(batch="exact", disc_smooth=0.3, optimizer="sgd", alpha_disc=5.0, alpha_gen=0.05),
])  # fmt: skip
def test_rotated_and_mirrored_problems_have_rotated_and_mirrored_runs(options):
    grid = Grid.regular((16, 16), (-2, -2), (2, 2))
    rng = np.random.default_rng(9)
    mass = rng.random((16, 16))
    mass /= mass.sum()
    start = rng.uniform(-1.5, 1.5, (50, 2))

    def run(mass, start):
        real = Distribution.from_mass(mass, grid)
        solver = Particles(real, real, particles=start, **options)
        solver.advance(20)
        assert np.abs(solver.places - start).max() > 0.05
        return solver.places

    plain = run(mass, start)
    for turned, matrix in (
        (mass.T, [[0, 1], [1, 0]]),  # mirrored at the diagonal
        (mass[::-1], [[-1, 0], [0, 1]]),  # at an axis
        (mass[::-1, ::-1], [[-1, 0], [0, -1]]),  # turned by 180 degrees
        (mass.T[::-1], [[0, -1], [1, 0]]),  # by 90
    ):
        matrix = np.array(matrix, dtype=float)
        np.testing.assert_allclose(run(turned, start @ matrix.T), plain @ matrix.T, atol=1e-9)


def test_modes_of_the_plane_are_found():
    run = rg.training(
        family="particles", discriminator="kde", real="ring8", gen="ring8:drop=4",
        grid=(48, 48), bandwidth=0.3, max_steps=800,
    )  # fmt: skip
    assert run.trace.modes[0] == 7 and run.trace.modes[-1] == 8
    assert run.particles.shape == (2000, 2)


def test_three_axes_work():
    grid = Grid.regular((6, 5, 4), (0, 0, 0), (6, 5, 4))
    real = Distribution.from_mass(np.full((6, 5, 4), 1 / 120), grid)
    for options in (dict(discriminator="kde"), dict(batch=20)):
        solver = Particles(real, real, particles=40, **options)
        solver.advance(3)
        assert np.isfinite(solver.places).all()


# --- whole runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {}, dict(data=300, disc_steps=2), dict(optimizer="momentum", disc_cells=10),
    dict(discriminator="kde"), dict(discriminator="kde", data=300, optimizer="adam"),
])  # fmt: skip
def test_runs_repeat_themselves_to_the_last_bit(options):
    options = dict(options, particles=200, grid=64, family="particles", max_steps=30)
    one, two = rg.training(**options), rg.training(**options)
    for a, b in zip(one.trace.columns.values(), two.trace.columns.values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.particles.tobytes() == two.particles.tobytes()
    assert one.ratio.tobytes() == two.ratio.tobytes()
    assert rg.training(**options, rng=1).particles.tobytes() != one.particles.tobytes()
    # Turn by turn, and from the start once more.
    solver = Particles(**{k: v for k, v in options.items() if k != "family"})
    *_, (_, ratio) = solver.iter_states()
    np.testing.assert_array_equal(solver.places, one.particles)
    np.testing.assert_array_equal(ratio, one.ratio)


@pytest.mark.parametrize("options", [{}, dict(discriminator="kde")])
def test_the_trace_has_the_columns_of_every_training(options):
    few = dict(grid=32, max_steps=3)
    run = rg.training(family="particles", particles=100, **few, **options)
    assert list(run.trace.columns) == list(rg.training(**few).trace.columns)
    assert set(rg.training(**few).options) < set(run.options)
    assert np.all(run.trace.d >= run.trace.d_best - 1e-12)
    ratio = np.histogram(run.particles, run.grid.edges[0])[0] / 100 / run.real.mass
    np.testing.assert_allclose(run.ratio, ratio, rtol=1e-12)


def test_the_speed_in_the_trace_is_that_of_the_particles():
    solver = Particles(discriminator="kde", particles=300, grid=128, alpha_gen=1e-6)
    speed = solver.measure()["gen_gradient"]
    before = solver.places.copy()
    solver.advance(1)
    assert np.sqrt(np.mean((solver.places - before) ** 2)) == pytest.approx(1e-6 * speed, rel=1e-8)


def test_kernel_densities_come_as_near_as_counting_allows():
    run = rg.training(family="particles", discriminator="kde", max_steps=1000)
    assert run.trace.js[-1] < 0.07
    assert "The histogram of 2000 independent samples of p_r has JSD 0.06" in run.finding
    # (K - 1)/(8 n) of K cells in use, where each has many samples: too much where it has 2.
    coarse = Particles(grid=32, domain="-3:3", particles=100_000)
    assert coarse.floor == pytest.approx(31 / 8e5, rel=0.5)


def test_nodes_with_a_gaussian_come_nearer():
    run = rg.training(
        family="particles", optimizer="sgd", inner_product="reference", grid=256, max_steps=4000
    )
    assert run.trace.js[-1] < 0.3 * run.trace.js[0] and run.status is Status.CONVERGING


def test_particles_heap_up_at_kinks():
    run = rg.training(
        family="particles", optimizer="sgd", inner_product="reference", disc_smooth=0.0,
        alpha_disc=0.1, grid=128, max_steps=3000,
    )  # fmt: skip
    assert run.status is Status.HOPPING
    # 2000 samples occupy fewer cells than p_r does.
    samples = Particles(grid=128).real_support
    assert f"2000 samples of p_r {samples:.0f};" in run.finding
    assert samples < np.exp(run.real.entropy())


def test_two_nodes_do_not_see_what_is_left():
    run = rg.training(
        family="particles", disc_cells=2, optimizer="sgd", batch="exact", alpha_disc=0.3,
        alpha_gen=0.02, gen="normal:mean=0.5,sd=0.2", max_steps=1500, grid=128,
    )  # fmt: skip
    assert run.trace.js[-1] > 0.4 and run.status is Status.CONVERGING
    assert "equilibrium values all the same: the discriminator does not see" in run.finding


def test_a_save_keeps_the_particles(tmp_path):
    run = rg.training(family="particles", particles=70, grid=32, max_steps=2)
    run.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz") == run and len(run.particles) == 70
    assert rg.training(grid=32, max_steps=2).particles.shape == (0, 1)


def test_particles_stay_within_the_domain_and_are_counted():
    run = rg.training(
        real="normal:mean=0,sd=1", gen="normal:mean=0,sd=1", domain="-2:2", grid=64,
        family="particles", particles=200, batch="exact", alpha_gen=0.5, max_steps=20,
    )  # fmt: skip
    assert np.abs(run.particles).max() <= 2.0
    assert any("particles would have left the domain" in text for text in run.warnings)


def test_disjoint_supports():
    grid = Grid.regular(80, -4, 4)
    centres = grid.centres[0]
    real = Distribution.from_mass(np.where((centres > -3) & (centres < -2), 0.1, 0.0), grid)
    gen = Distribution.from_mass(np.where((centres > 2) & (centres < 3), 0.1, 0.0), grid)
    problem = dict(real=real, gen=gen, family="particles", particles=500)
    run = rg.training(discriminator="kde", bandwidth=0.3, max_steps=2000, **problem)
    assert run.trace.js[0] == pytest.approx(math.log(2)) and run.trace.kl[0] == math.inf
    assert run.trace.mean_ratio[0] == 0 and run.trace.effective_support[0] == pytest.approx(10, 0.1)
    assert run.trace.js[-1] < 0.05
    # In steps so short that no particle arrives, JSD says nothing of their way.
    slow = rg.training(discriminator="kde", bandwidth=0.3, max_steps=40, alpha_gen=1e-3, **problem)
    assert "JSD stayed within 1% of 0.693 in 40 turns, while the particles moved by" in slow.finding
    assert "100.00% of the particles are where p_r = 0" in slow.warnings[0]
    # 37 bandwidths away a double holds none of p_r.
    for game in ("non-saturating", "least-squares"):
        blind = rg.training(discriminator="kde", bandwidth=0.06, max_steps=5, game=game, **problem)
        assert blind.status is Status.STALLED
        assert "500 of 500 particles see no slope" in blind.warnings[-1]
        assert np.array_equal(blind.particles, Particles(**{
            k: v for k, v in problem.items() if k != "family"
        }, game=game).places)  # fmt: skip


def test_particles_that_start_at_the_data_have_not_stalled():
    run = rg.training(
        real=NORMAL, gen=NORMAL, family="particles", particles=10, batch=10, grid=4, max_steps=2
    )
    assert run.status is Status.CONVERGING and "independent samples of p_r has" in run.finding


def test_your_own_game_and_every_game_of_the_table():
    own = Game.from_losses(
        loss_real=lambda f: -np.log(f), loss_gen=lambda f: -np.log1p(-f),
        generator_loss=lambda f: -np.log(f), domain=(0, 1),
    )  # fmt: skip
    for options in (dict(discriminator="kde"), dict(batch="exact")):
        places = []
        for game in (own, "non-saturating"):
            solver = Particles(game=game, particles=100, grid=40, **options)
            solver.advance(5)
            places.append(solver.places)
        np.testing.assert_allclose(*places, atol=1e-6)
    for game in ("hinge", "0-1", "log", "square", "cw:c=0.3", "boosting", "concave:f=exponential"):
        run = rg.training(family="particles", discriminator="kde", game=game, grid=64, max_steps=3)
        assert np.all(run.trace.d >= run.trace.d_best - 1e-12), game


def test_a_lost_run_ends_before_the_loss():
    run = rg.training(
        real=NORMAL, gen="normal:mean=4,sd=0.3", domain="-6:6", game="concave:f=exponential",
        family="particles", batch="exact", optimizer="sgd", alpha_disc=1e4, alpha_gen=1.0,
        grid=64, max_steps=50,
    )  # fmt: skip
    assert run.status is Status.DIVERGED and "DIVERGED at turn" in run.finding
    assert np.isfinite(run.particles).all()


# --- the field ------------------------------------------------------------------------------------


def test_the_field_is_what_particles_at_the_centres_feel():
    grid = Grid.regular(40, -4, 4)
    places = grid.centres[0][3:-3]
    options = dict(real="bimodal", grid=grid, particles=places, bandwidth=0.5, alpha_gen=0.0)
    run = rg.training(family="particles", discriminator="kde", max_steps=1, **options)
    (field,) = velocity_field(run)
    del options["alpha_gen"]
    moved = velocities(discriminator="kde", **options)[:, 0]
    np.testing.assert_allclose(moved, field[3:-3], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("game", ["minimax", "non-saturating"])
def test_the_field_where_the_discriminator_is_certain(game):
    run = rg.training(family="particles", game=game, **{**FAR, "max_steps": 1})
    (field,) = velocity_field(run)
    f = run.discriminator
    assert np.any(f == 1) and not np.isinf(field).any()
    sure = f[1:-1] == 1
    sure &= (f[:-2] == 1) & (f[2:] == 1)
    # -log f is flat at f = 1; log(1 - f) is infinite there.
    found = field[1:-1][sure]
    assert np.all(np.isnan(found) if game == "minimax" else found == 0)
    fake = np.abs(run.grid.centres[0] - 3) < 0.3
    assert f[fake].max() < 1e-20
    assert np.abs(field[fake]).max() < 1e-15 if game == "minimax" else np.all(field[fake] < -10)


def test_the_field_of_other_runs():
    run = rg.training(grid=(8, 8), real="ring8", gen="ring8:drop=4", max_steps=50, game="minimax")
    fields = velocity_field(run)
    assert [field.shape for field in fields] == [(8, 8), (8, 8)]
    # u = log(1 - f): its gradient from f itself.
    for axis, field in enumerate(fields):
        f = run.discriminator
        twin = np.gradient(f, run.grid.centres[axis], axis=axis) / (1 - f)
        np.testing.assert_allclose(field, twin, atol=0.02 * np.abs(twin).max())
    with pytest.raises(InputError, match="a run of wgan has no game"):
        velocity_field(rg.wgan(grid=16, max_steps=1))


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "words"), [
    (dict(gen_cells=4), "family particles takes no gen_cells at all"),
    (dict(gen_smooth=0.1), "family particles takes no gen_smooth at all"),
    (dict(gradient="score"), "family particles takes no gradient score: they have no score"),
    (dict(baseline=0.5), "family particles takes no baseline other than none"),
    (dict(inner_product="fisher"), "takes no inner_product fisher: they have no weights"),
    (dict(particles=0), "particles must be at least 1, got 0"),
    (dict(particles=2.5), "particles must be a whole number, got 2.5"),
    (dict(particles=["few"]), "particles must be a whole number or an array of numbers"),
    (dict(particles=50), "batch must be at most particles, 50: .* got 64"),
    (dict(particles=np.zeros((3, 2)), batch=2), r"must have shape \(n, 1\), got \(3, 2\)"),
    (dict(particles=np.full(99, 9.0), domain="-4:4"), "within the domain, and 99 are not"),
    (dict(particles=np.full(99, np.nan)), "within the domain, and 99 are not"),
    (dict(discriminator="net"), "discriminator"),
    (dict(disc_steps="best"), "disc_steps best has no closed form between nodes"),
    (dict(bandwidth=0.1), "bandwidth belongs to discriminator kde"),
    (dict(discriminator="kde", disc_cells=4), "kde is not trained: it takes no disc_cells"),
    (dict(discriminator="kde", disc_smooth=0.2), "it takes no disc_smooth"),
    (dict(discriminator="kde", alpha_disc=0.2), "it takes no alpha_disc"),
    (dict(discriminator="kde", disc_steps=2), "it takes no disc_steps"),
    (dict(discriminator="kde", batch=32), "it takes no batch"),
    (dict(discriminator="kde", bandwidth=-1.0), "bandwidth must be at least half a cell"),
    (dict(discriminator="kde", bandwidth=1e-4), "bandwidth must be at least half a cell, 0.0"),
    (dict(discriminator="kde", bandwidth=(1.0, 2.0)), "one number per axis, got 2 for 1"),
    (dict(discriminator="kde", bandwidth="wide"), "bandwidth"),
    (dict(alpha_gen=-1.0), "alpha_gen must be at least 0"),
    (dict(data=10), "batch must be at most data, 10"),
])  # fmt: skip
def test_what_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        rg.training(family="particles", **options)


def test_grids_that_are_refused():
    counts = Grid.counts(0, 9)
    poisson = Distribution.from_mass(np.full(10, 0.1), counts)
    with pytest.raises(InputError, match="needs axes that are intervals, and y is counts"):
        Particles(poisson, poisson)
    uneven = Grid([np.array([0.0, 1.0, 3.0, 4.0])])
    real = Distribution.from_mass(np.full(3, 1 / 3), uneven)
    with pytest.raises(InputError, match="discriminator kde needs cells of one size"):
        Particles(real, real, discriminator="kde")
    solver = Particles(real, real, particles=100)  # nodes may be anywhere
    solver.advance(2)
    half = Distribution.from_mass(np.repeat([0.1, 0.0], 10), Grid.regular(20, 0, 1))
    with pytest.raises(
        InputError, match="divides by shares of p_r, and 10 of the discriminator's 20"
    ):
        Particles(half, half, inner_product="reference")
