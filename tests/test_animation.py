"""Animations: small, self-contained, and nothing but what was kept of the run."""

import json
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import ratiogan as rg
from ratiogan.animation import animate
from ratiogan.errors import InputError
from ratiogan.plots.look import look_of
from ratiogan.plots.scene import ALPHABET, Coarse, scene

NASTY = 'ratiogan run --real "</script><script>alert(1)</script>&amp;" @@SCENE@@ \u2028 ü'

RESULTS = {
    "descent": lambda: rg.glgd(),
    "collapse": lambda: rg.alternating(),
    "long": lambda: rg.glgd(geometry="lebesgue", grid=256, max_steps=3000),
    "plane": lambda: rg.glgd("ring8", "ring8:drop=4", grid="64x64"),
    "collapse on the plane": lambda: rg.alternating("ring8", "ring8:drop=4", grid="64x64"),
    "counts": lambda: rg.glgd("poisson", "poisson:rate=5", max_steps=30),
    "comparison": lambda: rg.compare(
        "glgd", "alternating", sweep="alpha=0.25,0.5,1,1.5,2,3", grid=512
    ),
    "training": lambda: rg.training(grid=128, max_steps=400),
    "training on the plane": lambda: rg.training(
        "ring8", "ring8:drop=4", grid="24x24", batch="exact", max_steps=60
    ),
    "comparison on the plane": lambda: rg.compare(
        "glgd", "alternating", real="ring8", gen="ring8:thin=2", grid="24x24"
    ),
    "hyperparameter map": lambda: rg.compare(
        "training",
        sweep={"alpha_gen": [1e-4 * 2**k for k in range(8)], "disc_steps": [1, 2, 3, 5, 9, 17]},
        max_steps=300,
        grid=512,
    ),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name, make in RESULTS.items():
        result = make()
        animate(result, folder / "page.html", command=NASTY)
        made[name] = (result, (folder / "page.html").read_text(encoding="utf-8"))
    return made


class Page(HTMLParser):
    """Tags with their attributes, and the text of every script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.titles = [], [], []
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title":
            self.titles.append(data)


def scene_of(text):
    def refuse(word):
        raise AssertionError(f"{word} is no strict JSON")

    return json.loads(Page(text).scripts[0], parse_constant=refuse)


def frames_of(item):
    """The frames of a line or map; one that was left out equals the one before it."""
    frames = []
    for frame in item["frames"]:
        frames.append(frames[-1] if frame is None else frame)
    return frames


@pytest.mark.parametrize("name", RESULTS)
def test_page_is_small_and_asks_for_nothing(pages, name):
    _, text = pages[name]
    assert len(text.encode("utf-8")) < 300_000
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|fetch\(|XMLHttp|import\(", text)
    for tag, attributes in Page(text).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "srcset", "data"} & set(attributes)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("name", RESULTS)
def test_command_and_title_cannot_break_the_page(pages, name):
    result, text = pages[name]
    page = Page(text)
    assert len(page.scripts) == 2
    shown = scene_of(text)
    assert shown["command"] == NASTY
    assert shown["title"] == " ".join(page.titles)
    assert shown["title"] in " ".join(result.finding.split())


@pytest.mark.parametrize("name", RESULTS)
def test_limits_on_snapshots_and_points(pages, name):
    _, text = pages[name]
    shown = scene_of(text)
    count = len(shown["steps"])
    assert 1 <= count <= 120 and shown["steps"] == sorted(set(shown["steps"]))
    assert len(shown["panels"]) == 4
    for panel in shown["panels"]:
        for one in panel.get("series", []):
            rows = frames_of(one) if "frames" in one else [one["y"]]
            assert len(one["x"]) <= 400
            assert {len(row) for row in rows} == {len(one["x"])}
            assert len(rows) in (1, count)
            for places in one.get("dots", []):
                assert len(places) == count
        if panel["type"] == "map":
            cells = (len(panel["xedges"]) - 1) * (len(panel["yedges"]) - 1)
            assert {len(frame) for frame in frames_of(panel)} == {cells}
            assert len(panel["palette"]) == len(ALPHABET) == 64


def test_page_has_the_controls_and_keys(pages):
    _, text = pages["descent"]
    tags = Page(text).tags
    assert [attributes["id"] for tag, attributes in tags if tag == "button"] == [
        "play",
        "back",
        "on",
    ]
    assert any(attributes.get("type") == "range" for _, attributes in tags)
    for word in ('" "', "ArrowRight", "ArrowLeft", "pointermove", "@media print", "@page"):
        assert word in text


def test_page_shows_the_numbers_of_the_run(pages):
    run, text = pages["descent"]
    shown = scene_of(text)
    assert shown["steps"] == run.snapshot_steps.tolist()
    ratio = next(one for one in shown["panels"][1]["series"] if one["name"] == "R")
    centres = run.grid.centres[0]
    for row, snapshot in zip(frames_of(ratio), run.snapshots, strict=True):
        # Coarser cells: R of the joined masses, so within half a coarse cell of the curve.
        np.testing.assert_allclose(row, np.interp(ratio["x"], centres, snapshot), rtol=0.02)
    largest = next(one for one in shown["panels"][3]["series"] if one["name"].startswith("max"))
    step, error = largest["dots"]
    np.testing.assert_allclose(error, run.trace.max_error[step], rtol=1e-3)
    note = next(mark for mark in shown["panels"][3]["marks"] if mark["kind"] == "note")
    assert note["text"][0] == "predicted × 0.5 per step"


def test_training_goes_on_in_turns_and_shows_both_losses(pages):
    run, text = pages["training"]
    shown = scene_of(text)
    assert shown["unit"] == "turn" and scene_of(pages["descent"][1])["unit"] == "step"
    losses, jsd = shown["panels"][2:]
    assert [one["name"] for one in losses["series"]] == ["g", "d"]
    assert [mark["y"][0] for mark in losses["marks"]] == pytest.approx([0.6931, 1.386])
    turns, heights = losses["series"][1]["dots"]
    at = np.searchsorted(run.trace.step, turns)
    np.testing.assert_allclose(heights, run.trace.d[at], rtol=1e-3)
    assert [one["name"] for one in jsd["series"]] == ["JSD"]
    mark = jsd["marks"][0]  # the band is far above
    assert mark["kind"] == "note" and mark["text"].startswith("two minibatches of 64: 0.")
    # f is kept of the end only: no panel shows one, and none passes f*(R) off as it.
    assert not any("discriminator f" in panel["heading"] for panel in shown["panels"])
    exact = scene_of(pages["training on the plane"][1])["panels"][3]
    assert exact["heading"].startswith("(d) JSD") and exact["marks"] == []


def test_collapse_is_a_spike_that_moves(pages):
    run, text = pages["collapse"]
    shown = scene_of(text)
    moving = next(one for one in shown["panels"][0]["series"] if one["name"] == "p_g")
    for step, row in list(zip(shown["steps"], frames_of(moving), strict=True))[1:]:
        place = run.trace.position_0[step]
        assert abs(moving["x"][int(np.argmax(row))] - place) < 0.03
    coming = shown["panels"][1]["series"][0]["dots"][0]
    following = run.trace.position_0[np.array(shown["steps"][:-1]) + 1]
    np.testing.assert_allclose(coming[:-1], following, atol=1e-3)


def test_coarse_cells_keep_the_mass():
    rng = np.random.default_rng(1)
    edges = np.cumsum(rng.random(102))
    coarse = Coarse(rg.Grid(edges=[edges]), 20)
    mass = rng.random(101)
    assert len(coarse.volumes) == 20
    np.testing.assert_allclose(coarse.masses(mass).sum(), mass.sum())
    np.testing.assert_allclose(coarse.volumes.sum(), edges[-1] - edges[0])
    naive = [mass[(edges[:-1] >= a) & (edges[:-1] < b)].sum() for a, b in
             zip(coarse.edges[0][:-1], coarse.edges[0][1:], strict=True)]  # fmt: skip
    np.testing.assert_allclose(coarse.masses(mass), naive)


def test_map_letters_read_back_to_R():
    run = rg.glgd("ring8", "ring8:thin=2", grid="20x20", max_steps=2)
    panel = scene(run, look_of("slide"))["panels"][2]
    scale, side = panel["scale"], 20
    level = np.array([ALPHABET.find(letter) for letter in panel["frames"][0]]).reshape(side, side)
    width = np.log(scale["high"] / scale["low"])
    values = scale["low"] * np.exp(width * level / 63)
    true = np.clip(run.snapshots[0].T, scale["low"], scale["high"])
    assert np.all(np.abs(np.log(values / true)) <= 0.51 * width / 63)


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript engine here")
def test_script_is_valid_javascript(pages, tmp_path):
    file = tmp_path / "player.js"
    file.write_text(Page(pages["descent"][1]).scripts[1], encoding="utf-8")
    subprocess.run(["node", "--check", str(file)], check=True, capture_output=True)


@pytest.mark.parametrize("name", ["descent", "collapse on the plane"])
def test_gif_plays_the_run(pages, name, tmp_path):
    result, _ = pages[name]
    start = time.perf_counter()
    animate(result, tmp_path / "run.gif", command=NASTY)
    assert time.perf_counter() - start < 30
    with Image.open(tmp_path / "run.gif") as image:
        assert image.size == (1280, 720)
        assert image.n_frames == len(result.snapshot_steps) <= 60
        assert NASTY.encode() in image.info["comment"]
        first = np.asarray(image.convert("RGB"), dtype=int)
        image.seek(image.n_frames - 1)
        last = np.asarray(image.convert("RGB"), dtype=int)
    assert np.abs(first - last).max() > 100


def test_a_long_run_has_sixty_frames(pages, tmp_path):
    result, _ = pages["long"]
    assert len(result.snapshot_steps) > 45
    shown = scene(result, look_of("slide"), frames=40)
    assert len(shown["steps"]) == 40
    assert (shown["steps"][0], shown["steps"][-1]) == (0, result.n_steps)


def test_dark_page_is_dark(tmp_path):
    animate(rg.glgd(grid=64, max_steps=3), tmp_path / "a.HTML", style="dark")
    shown = scene_of((tmp_path / "a.HTML").read_text(encoding="utf-8"))
    assert shown["colours"]["ground"] == "#111111"


def test_same_result_same_bytes(tmp_path):
    for suffix in ("gif", "html"):
        made = []
        for _ in range(2):
            animate(rg.glgd(grid=16, max_steps=1), tmp_path / f"a.{suffix}", command="x")
            made.append((tmp_path / f"a.{suffix}").read_bytes())
        assert made[0] == made[1]


def test_other_suffix_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"must end in .gif or .html"):
        animate(rg.glgd(grid=64, max_steps=1), tmp_path / "a.mp4")
    with pytest.raises(InputError, match="there is no folder"):
        animate(rg.glgd(grid=64, max_steps=1), tmp_path / "missing" / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_training_is_drawn_in_the_blocks_of_the_figure(tmp_path):
    run = rg.training(family="particles", grid=1024, max_steps=5)
    animate(run, tmp_path / "page.html")
    densities = scene_of((tmp_path / "page.html").read_text(encoding="utf-8"))["panels"][0]
    assert {len(line["x"]) for line in densities["series"]} == {128}
