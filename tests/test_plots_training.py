"""The figure of a training run: losses, JSD beside the noise of minibatches, coverage, the end."""

import io

import numpy as np
import pytest
from matplotlib.colors import same_color
from test_plots import lines_of, unreadable, words

import ratiogan as rg
from ratiogan import plots
from ratiogan.animation import animate
from ratiogan.catalogue import PALETTE
from ratiogan.plots import training as panels
from ratiogan.solvers.landmarks import minibatch_floor, modes_of

CUBE = rg.Grid.regular((3, 4, 5), (0, 0, 0), (3, 4, 5))
SHORT = {"grid": 200, "max_steps": 300}
RUNS = {
    "minibatches": SHORT,
    "exact": {**SHORT, "batch": "exact", "disc_cells": 8},
    "large": {**SHORT, "batch": 1000},
    "data": {**SHORT, "data": 100, "alpha_disc": 0.1, "batch": 16},
    "collapsed": {**SHORT, "batch": "exact", "alpha_gen": 0.2, "alpha_disc": 0.001},
    "codes": {**SHORT, "game": "least-squares:a=-1,b=1,c=0", "alpha_gen": 0.01},
    "counts": {"real": "poisson:rate=3", "gen": "poisson:rate=4", "max_steps": 50},
    "plane": {"real": "ring8", "gen": "ring8:drop=4", "grid": "24x24", "max_steps": 60},
    "one turn": {"grid": 64, "max_steps": 1},
    "one sample": {"grid": 2, "max_steps": 5, "batch": 1},
    "cube": {
        "real": rg.Distribution.from_mass(np.arange(1.0, 61).reshape(3, 4, 5), CUBE),
        "gen": rg.Distribution.from_mass(np.arange(60.0, 0, -1).reshape(3, 4, 5), CUBE),
        "max_steps": 20,
    },
    "restricted": {
        "real": "uniform:low=-1,high=1", "gen": "normal", "singular": "restrict",
        "domain": "-4:4", "grid": 300, "max_steps": 50,
    },
    "lost": {
        **SHORT, "optimizer": "sgd", "alpha_disc": 1e200, "game": "maximum-likelihood",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def run():
    found = {}

    def solved(name):
        if name not in found:
            found[name] = rg.training(**RUNS[name])
        return found[name]

    return solved


def by_label(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
@pytest.mark.parametrize("name", RUNS)
def test_no_text_overlaps_or_is_clipped(name, style, run):
    assert unreadable(plots.figure(run(name), style=style, command="ratiogan run training")) == []


def test_four_panels_and_an_axis_for_f(run):
    figure = plots.figure(run("minibatches"))
    losses, jsd, coverage, end, right = sorted(
        figure.axes, key=lambda ax: ax.get_title(loc="left") or "z"
    )
    assert [ax.get_title(loc="left")[:3] for ax in (losses, jsd, coverage, end)] == [
        *("(a)", "(b)", "(c)", "(d)")
    ]
    assert all(ax.get_xlabel() == "turn" for ax in (losses, jsd, coverage))
    trace = run("minibatches").trace
    np.testing.assert_array_equal(by_label(losses, "g").get_ydata(), trace.g)
    np.testing.assert_array_equal(by_label(losses, "d").get_ydata(), trace.d)
    assert len({str(line.get_linestyle()) for line in losses.lines[-2:]}) == 2
    np.testing.assert_allclose(by_label(jsd, "JSD").get_ydata(), trace.js)
    assert right.get_gid() == "f" and len(right.lines) == 1
    assert same_color(right.lines[0].get_color(), PALETTE["discriminator"])
    assert lines_of(end, PALETTE["real"]) and lines_of(end, PALETTE["gen"])


def test_dashed_lines_are_the_predicted_losses(run):
    for name, ends in (("minibatches", (np.log(2), 2 * np.log(2))), ("codes", (0.0, 1.0))):
        ax = plots.plot_losses(run(name))
        dashed = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        assert dashed[:2] == pytest.approx(ends)
    assert {"log 2", "2 log 2", "g", "d"} <= set(words(plots.plot_losses(run("exact")).figure))


def test_a_data_set_adds_d_on_it(run):
    ax = plots.plot_losses(run("data"))
    np.testing.assert_array_equal(by_label(ax, "d on data").get_ydata(), run("data").trace.d_train)
    assert "d on data" not in words(plots.plot_losses(run("minibatches")).figure)


def test_the_noise_band_is_there_for_minibatches_only(run):
    mean, low, high = panels.floor_of(run("large"))
    assert 0 < low < mean < high < np.log(2)
    ax = plots.plot_jsd(run("large"))
    [band] = [patch for patch in ax.patches if patch.get_gid() == "noise floor"]
    box = band.get_bbox()
    assert (box.y0, box.y1) == pytest.approx((low, high))
    assert "two minibatches of 1000" in words(ax.figure)
    assert panels.floor_of(run("exact")) is None and not plots.plot_jsd(run("exact")).patches


def test_noise_far_above_the_jsd_is_a_note(run):
    for name in ("minibatches", "plane"):
        solution = run(name)
        floor = panels.floor_of(solution)
        assert panels.out_of_sight(solution, floor) and not panels.out_of_sight(solution, None)
        ax = plots.plot_jsd(solution)
        assert not [patch for patch in ax.patches if patch.get_gid() == "noise floor"]
        [note] = [text for text in ax.texts if text.get_gid() == "noise floor"]
        assert f"{floor[0]:.2g}, above" in note.get_text()
        assert solution.trace.js.max() < ax.get_ylim()[1] < floor[1]


@pytest.mark.parametrize(
    ("scenario", "options", "name"),
    [
        ("lsgan", {"max_steps": 4}, "(-1, 1, 0)"),
        ("mixture-1d", {"max_steps": 4}, "(0, 1, 1)"),
        ("saturating", {"max_steps": 4}, "minimax"),
        ("too-few-discriminator-steps", {"max_steps": 4, "grid": 32}, "N_d = 1"),
    ],
)
def test_a_scenario_names_its_own_curve(scenario, options, name):
    solution = rg.training(scenario=scenario, **options)
    assert panels.own_name(solution) == name
    labels = [line.get_label() for line in plots.plot_jsd(solution).lines]
    assert name in labels and "JSD" not in labels


def test_particles_of_ones_own_game_have_no_arrows():
    own = rg.Game.from_losses(lambda f: -np.log(f), lambda f: -np.log1p(-f), lambda f: -np.log(f))
    for problem in ({"grid": 64}, {"real": "ring8", "gen": "ring8:drop=4", "grid": "12x12"}):
        solution = rg.training(game=own, family="particles", max_steps=3, **problem)
        figure = plots.figure(solution)
        drawn = [child.get_gid() for ax in figure.axes for child in ax.get_children()]
        assert "particles" in drawn and "field" not in drawn
        assert not any("nabla" in said for said in words(figure))


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
@pytest.mark.parametrize(
    "problem", [{"grid": 1024}, {"real": "ring8", "gen": "ring8:drop=4", "grid": "24x24"}]
)
def test_what_is_drawn_of_particles_is_named(problem, style):
    solution = rg.training(family="particles", max_steps=20, **problem)
    figure = plots.figure(solution, style=style)
    assert unreadable(figure) == []
    said = " ".join(ax.get_title(loc="left") for ax in figure.axes)
    for ax in figure.axes:
        if ax.get_legend():
            said += " ".join(text.get_text() for text in ax.get_legend().get_texts())
    assert "samples" in said and r"$-\nabla u$" in said
    assert "pale: range of cells" in said or "dots: samples" in said


def test_the_axis_of_the_jsd_is_logarithmic_over_a_decade(run):
    assert plots.plot_jsd(run("exact")).get_yscale() == "linear"
    assert panels.jsd_limits(run("minibatches"), (0.01, 1e-4, 0.02))[1]
    # The floor of what is exactly equal: no value at all for a log axis.
    same = rg.training("normal", "normal", grid=32, batch="exact", max_steps=3)
    assert plots.plot_jsd(same).get_yscale() in ("linear", "log")
    assert unreadable(plots.figure(same)) == []


def test_coverage_is_a_share_of_what_p_r_has(run):
    solution = run("collapsed")
    ax = plots.plot_coverage(solution)
    cells, modes = panels.coverage_lines(solution)
    share = solution.trace.effective_support / np.exp(solution.real.entropy())
    np.testing.assert_allclose(cells[0], share)
    assert modes[0][0] == 1.0 and modes[1].endswith(" of 2 modes")
    assert f"{solution.trace.effective_support[-1]:.0f} of " in " ".join(words(ax.figure))


def test_a_spike_says_how_high_it_is(run):
    solution = run("collapsed")
    assert solution.status.value in ("collapsed", "hopping")
    ax = plots.plot_end(solution)
    [said] = [text for text in ax.texts if text.get_gid() == "spike"]
    density = (solution.ratio * solution.real.density).max()
    assert said.get_text() == f"up to {density:.3g}"
    assert ax.get_ylim()[1] < density


def test_blocks_keep_the_mass_and_few_cells_stay():
    grid = rg.Grid.regular(1000, 0, 10)
    row = np.random.default_rng(0).random(1000)
    x, mean, least, most = panels.block_means(grid, row)
    assert len(x) == 128 and np.all((least <= mean) & (mean <= most))
    edges = np.append(grid.edges[0][np.linspace(0, 1000, 129).astype(int)[:-1]], 10)
    assert mean @ np.diff(edges) == pytest.approx(row.mean() * 10)
    few = rg.Grid.regular(50, 0, 1)
    x, mean, least, most = panels.block_means(few, row[:50])
    assert mean is least is most and len(x) == 100


def test_on_the_plane_the_end_is_three_maps(run):
    figure = plots.figure(run("plane"))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert sorted(title[:3] for title in titles) == ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    maps = [ax for ax in figure.axes if ax.collections and "turn" != ax.get_xlabel()]
    assert len(maps) == 3
    f = np.ma.getdata(maps[2].collections[0].get_array())
    np.testing.assert_allclose(f.reshape(24, 24).T, run("plane").discriminator)


def test_a_loss_out_of_reach_leaves_the_axes(run):
    solution = rg.training(grid=32, optimizer="sgd", alpha_disc=1e100, max_steps=20)
    low, high = panels.loss_limits(solution)
    assert high - low < 100 and unreadable(plots.figure(solution)) == []


def test_particles_are_ticks_and_arrows(run, monkeypatch):
    from types import SimpleNamespace

    for name in ("minibatches", "plane"):
        solution = run(name)
        grid = solution.real.grid
        fields = {key: getattr(solution, key) for key in vars(solution)}
        moving = SimpleNamespace(
            **{**fields, "particles": np.zeros((5, grid.ndim))}, grid=solution.real.grid
        )
        field = np.ones((*grid.shape, grid.ndim))
        monkeypatch.setattr(panels, "velocities_of", lambda solution, field=field: field)
        figure = plots.figure(moving)
        assert unreadable(figure) == []
        drawn = [child.get_gid() for ax in figure.axes for child in ax.get_children()]
        assert "particles" in drawn and "field" in drawn


def test_the_floor_is_that_of_naive_pairs():
    real = rg.preset("bimodal")
    mean, low, high = minibatch_floor(real, 16, 50)
    rng = np.random.default_rng(1)
    shares = real.mass.reshape(16, -1).sum(axis=1)
    pairs = rng.multinomial(50, shares, size=(4000, 2)) / 50
    middle = pairs.mean(axis=1, keepdims=True)
    some = np.where(pairs > 0, pairs, 1.0)
    terms = np.where(pairs > 0, pairs * np.log(some / np.where(middle > 0, middle, 1.0)), 0)
    naive = terms.sum(axis=(1, 2)) / 2
    assert mean == pytest.approx(naive.mean(), rel=0.05)
    assert (low, high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), rel=0.15)
    assert minibatch_floor(real, 16, 50) == (mean, low, high)
    assert minibatch_floor(real, 1, 50)[0] == 0


def test_modes_of_the_ring():
    assert modes_of(rg.preset("ring8", grid=rg.Grid.regular((64, 64), (-4, -4), (4, 4)))).max() == 7


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    files = []
    for _ in range(2):
        buffer = io.BytesIO(plots.figure_bytes(plots.figure(run("data")), "png"))
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def test_a_comparison_of_training_shows_the_divergence_left(tmp_path):
    comparison = rg.compare("training", "training:disc_steps=5", grid=64, max_steps=300)
    figure = plots.figure(comparison)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0] == "(a) JSD of $p_g$ and $p_r$" and titles[3].startswith("(d) JSD left")
    assert figure.axes[0].get_xlabel() == "turn" and unreadable(figure) == []
    widths = [bar.get_width() for bar in figure.axes[3].patches]
    left = [comparison.jsd_left()[i][0] for i in comparison.ranking]
    assert widths == pytest.approx(left) and widths == sorted(widths)
    animate(comparison, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "JSD left" in page and "steps to tolerance" not in page and '"unit":"turn"' in page
    mixed = rg.compare("glgd", "training:batch=exact", grid=32, max_steps=60)
    titles = [ax.get_title(loc="left") for ax in plots.figure(mixed).axes]
    assert plots.figure(mixed).axes[0].get_xlabel() == "step"
    assert titles[0].startswith("(a) max|R") and titles[3] == "(d) steps to tolerance"
    assert unreadable(plots.figure(mixed)) == []
