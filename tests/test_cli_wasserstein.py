"""`ratiogan wasserstein`: the interval first, its files, its figure, what it refuses."""

import io
import json
import time

import numpy as np
import pytest
from matplotlib.colors import same_color
from PIL import Image
from test_plots import unreadable

import ratiogan as rg
from ratiogan import plots
from ratiogan.catalogue import PALETTE
from ratiogan.cli.main import main
from ratiogan.explanations import find
from ratiogan.plots.distance import MOST_RAYS, intervals, rays_of
from ratiogan.progress import Progress

PLANE = ("--real", "ring8", "--gen", "ring8:drop=4,thin=7", "--grid", "24x24")
QUICK = (*PLANE, "--metric", "manhattan")


def run(capsys, *words):
    code = main(["wasserstein", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def as_json(capsys, *words):
    return json.loads(run(capsys, *words, "--json")[1])


# ---- what is printed -----------------------------------------------------------------------------


def test_default_problem_is_exact(capsys):
    code, text, errors = run(capsys)
    lines = text.splitlines()
    assert code == 0 and errors == ""
    assert lines[0] == "ratiogan wasserstein   real bimodal   gen normal   1024 cells on -4:4"
    assert lines[1].startswith(
        "W1 = 0.588179301 exactly (primal = dual to 1e-15).   critic slope +-1, 3 changes of sign  "
    )
    assert lines[-2:] == [
        "wrote nothing (add -o FOLDER for critic, plan and figure)",
        "again: ratiogan wasserstein --seed 0",
    ]


def test_spread_mass_is_another_number_on_the_line(capsys):
    text = run(capsys, "--mass", "spread")[1]
    assert "mass spread over the cells" in text and "W1 = 0.588176461 exactly" in text


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_plane_prints_the_interval_first_and_then_what_proves_it(capsys, metric):
    code, text, _ = run(capsys, *PLANE, "--metric", metric, "--tol", "0.05")
    lines = text.splitlines()
    assert code == 0 and text.isascii() and max(map(len, lines)) <= 120
    assert lines[0].startswith("ratiogan wasserstein   real ring8   gen ring8   24x24 cells on ")
    assert f", {metric}, cancelled common mass 79." in lines[0]
    assert lines[1].startswith("W1 is in [") and "<= tol): a proof" in lines[1]
    assert lines[2].startswith("  lower   0.") and "1-Lipschitz critic" in lines[2]
    assert lines[3].startswith("  upper   0.") and "exact to" in lines[3]
    assert lines[4].startswith("  W1 in the unit of the data; 0.0") and lines[4].endswith(" MB")
    lower, upper = (float(line.split()[1]) for line in lines[2:4])
    found = as_json(capsys, *PLANE, "--metric", metric, "--tol", "0.05")
    assert lower <= found["lower"] <= found["upper"] <= upper


def test_tolerance_that_is_not_reached_exits_5_with_an_interval(capsys):
    words = (*QUICK, "--tol", "1e-9", "--max-steps", "3")
    code, text, _ = run(capsys, *words)
    assert code == 5
    assert "> tol 1e-09 after 3 steps): interval valid, try --max-steps 100." in text
    found = as_json(capsys, *words)
    assert found["exit_code"] == 5 and found["status"]["code"] == "interval-only"
    assert 0 < found["lower"] < found["upper"]


def test_images_are_measured_in_pixels(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, column in (("a", 3), ("b", 6)):
        pixels = np.zeros((8, 12), dtype=np.uint8)
        pixels[4, column] = 255
        Image.fromarray(pixels).save(f"{name}.png")
    code, text, _ = run(capsys, "--real", "a.png", "--gen", "b.png", "--metric", "manhattan")
    assert code == 0 and "W1 = 3 exactly" in text
    assert "W1 in pixels; 0.15 of the diagonal" in text  # 3 of 8 + 12


def test_samples_say_that_noise_is_in_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("real", "gen"):
        np.save(f"{name}.npy", rng.normal(size=200))
    text = run(capsys, "--real", "real.npy", "--gen", "gen.npy")[1]
    assert "200 rows, kde" in text and "ratiogan diagnose says how much" in text


def test_three_dimensions(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    np.save("real.npy", rng.normal(size=(400, 3)))
    np.save("gen.npy", rng.normal(0.5, 1, size=(400, 3)))
    words = ("--real", "real.npy", "--gen", "gen.npy", "--grid", "6x6x6", "--metric", "manhattan")
    code, text, _ = run(capsys, *words, "-o", "out")
    assert code == 0 and "6x6x6 cells" in text and (tmp_path / "out" / "figure.png").is_file()


def test_json_has_the_keys_of_the_specification(capsys):
    found = as_json(capsys, *QUICK)
    for key in ("value", "lower", "upper", "gap", "metric", "critic_lipschitz"):
        assert key in found
    assert found["kind"] == "wasserstein" and found["unit"] is None
    assert found["gap"] == pytest.approx(found["upper"] - found["lower"])
    assert found["critic_lipschitz"] <= 1 + 1e-12
    assert found["options"] == {
        "metric": "manhattan",
        "mass": "centre",
        "tol": 1e-3,
        "max_steps": 2000,
        "singular": "error",
    }
    quiet = run(capsys, *QUICK, "-q")[1]
    assert quiet == found["finding"] + "\n"
    assert "steepest slope of the critic" in run(capsys, *QUICK, "-v")[1]


def test_a_terminal_shows_the_seconds_and_then_nothing(capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(Progress, "patience", 0.0)
    monkeypatch.setattr(Progress, "interval", 0.01)
    monkeypatch.setattr("ratiogan.wasserstein", slowly(rg.wasserstein), raising=False)
    assert main(["wasserstein", "--grid", "16"]) == 0
    shown = terminal.getvalue().split("\r")
    assert shown[1].startswith("wasserstein  ") and shown[1].endswith(" s") and shown[-1] == ""


def slowly(function):
    def wrapped(**options):
        time.sleep(0.2)
        return function(**options)

    return wrapped


def test_equal_distributions_are_0_apart(capsys):
    code, text, _ = run(capsys, "--real", "ring8", "--gen", "ring8", "--grid", "16x16")
    assert code == 0 and "W1 = 0 exactly: p_g = p_r in every cell." in text
    assert "cancelled common mass 100.0%" in text


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_folder_holds_what_proves_both_ends(capsys, tmp_path, metric):
    folder = tmp_path / "w1"
    words = (*PLANE, "--metric", metric, "--tol", "0.05")
    code, text, _ = run(capsys, *words, "-o", str(folder))
    assert code == 0 and f"wrote {folder}/  (figure.png run.npz report.json log.txt)" in text
    found = json.loads((folder / "report.json").read_text())
    stored = np.load(folder / "run.npz")
    real, gen, f = (stored[name].ravel() for name in ("real", "gen", "critic"))
    assert (real - gen) @ f == pytest.approx(found["lower"], rel=1e-12)
    centres = [(e[1:] + e[:-1]) / 2 for e in (stored["edges_0"], stored["edges_1"])]
    x = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2)
    ways = x[stored["plan_origin"]] - x[stored["plan_destination"]]
    apart = np.abs(ways).sum(axis=1) if metric == "manhattan" else np.hypot(*ways.T)
    assert stored["plan_mass"] @ apart == pytest.approx(found["upper"], rel=1e-12)
    moved = np.bincount(stored["plan_destination"], stored["plan_mass"], f.size)
    moved -= np.bincount(stored["plan_origin"], stored["plan_mass"], f.size)
    np.testing.assert_allclose(gen + moved, real, rtol=0, atol=1e-14)
    assert run(capsys, *words, "-o", str(folder))[0] == 2
    assert run(capsys, *words, "-o", str(folder), "--force", "--no-plot")[0] == 0


def test_no_save_and_out_disagree(capsys):
    assert "wrote nothing (--no-save)" in run(capsys, "--no-save")[1]
    assert run(capsys, "--no-save", "-o", "x")[0] == 2


# ---- the figure ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["slide", "paper", "dark"])
def test_line_figure_shades_w1_between_the_distribution_functions(style):
    figure = plots.figure(rg.wasserstein(), style=style)
    upper, lower = figure.axes
    assert {"W1", "slope +1"} <= {c.get_gid() for ax in figure.axes for c in ax.collections}
    colours = [line.get_color() for line in upper.lines]
    assert all(any(same_color(PALETTE[role], c) for c in colours) for role in ("real", "gen"))
    assert len(lower.lines) == 2 and not unreadable(figure)


@pytest.mark.parametrize("style", ["slide", "paper"])
@pytest.mark.parametrize("plan", [True, False])
def test_plane_figure_has_densities_interval_critic_and_rays(style, plan):
    found = rg.wasserstein(
        real="ring8", gen="ring8:drop=4", grid="24x24", metric="manhattan", plan=plan
    )
    figure = plots.figure(found, style=style)
    headings = [ax.get_title(loc="left") for ax in figure.axes]
    assert [heading[:3] for heading in headings] == ["(a)", "(b)", "(c)", "(d)"]
    marks = {c.get_gid() for ax in figure.axes for c in ax.collections}
    assert ("rays" in marks) == plan and not unreadable(figure)
    if plan:
        rays = rays_of(found)
        assert len(rays) == min(MOST_RAYS, len(found.plan))
        assert rays.mass.min() >= np.sort(found.plan.mass)[-len(rays)]


def test_intervals_only_shrink_and_end_with_the_result():
    found = rg.wasserstein(
        real="ring8", gen="ring8:drop=4", grid="24x24", metric="manhattan", tol=1e-4
    )
    steps, lower, upper = intervals(found)
    assert np.all(np.diff(lower) >= 0) and np.all(np.diff(upper) <= 0)
    assert (lower[-1], upper[-1]) == (found.lower, found.upper) and steps[-1] == found.n_steps


def test_small_and_equal_distributions_are_drawn():
    for pair in (
        {"gen": [0.5, 0.5], "real": [0.2, 0.8]},
        {"gen": [1, 2, 1], "real": [1, 2, 1]},
        {"gen": [[0, 1], [1, 0]], "real": [[0, 1], [1, 0]], "metric": "manhattan"},
    ):
        assert not unreadable(plots.figure(rg.wasserstein(**pair)))


# ---- what is refused, and where it is explained --------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tol", "0"], "tol must be above 0"),
        (["--tol", "-1"], "at least 0"),
        (["--metric", "chebyshev"], "euclidean, manhattan"),
        (["--max-steps", "0"], "at least 1"),
        ([*QUICK, "--mass", "spread"], "mass must be centre on 2 axes"),
        (["--real", "missing.csv"], "missing.csv"),
        (["--real", "ring8", "--gen", "normal"], "normal"),
    ],
)
def test_refuses_in_a_sentence(capsys, words, said):
    code, _, errors = run(capsys, *words)
    assert code == 2 and errors.startswith("Error: ") and said in errors
    assert errors.count("\n") == 1


def test_help_is_complete(capsys):
    code, text, _ = run(capsys, "--help")
    assert code == 0
    for option in ("--metric", "--mass", "--tol", "--max-steps", "-o", "Exit codes"):
        assert option in text


@pytest.mark.parametrize("name", ["wasserstein", "earth-mover", "emd", "kantorovich", "W1"])
def test_it_is_explained_under_its_names(name):
    assert find(name).name == "wasserstein"


def test_critic_and_metric_are_explained():
    assert "wasserstein" in find("critic").related
    assert find("manhattan").name == find("metric").name == "ground-metric"
