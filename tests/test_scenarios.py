"""The scenarios: each sentence borne out, and taken back where the settings do not show it.

`python -m benchmarks scenarios` counts over 20 seeds.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from ratiogan.catalogue import SCENARIOS as NAMES
from ratiogan.logits import logits
from ratiogan.solvers.scenarios import SCENARIOS
from ratiogan.solvers.training import training

EXAMPLES = Path(__file__).parent.parent / "examples" / "README.md"


def test_every_scenario_of_the_catalogue_is_there():
    assert list(SCENARIOS) == [name for name in NAMES if name in SCENARIOS]
    assert set(SCENARIOS) == set(NAMES)


def quoted(name):
    """What the examples' page says this scenario prints."""
    command = rf"^\$ ratiogan run training --scenario {re.escape(name)} -q\n(.*)$"
    return re.search(command, EXAMPLES.read_text(encoding="utf-8"), re.M)[1]


def numbers(text):
    return [float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", text)]


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_the_examples_quote_what_it_says(name):
    run, said = training(scenario=name, snapshots=False), quoted(name)
    pattern = r"[-+]?\d+\.?\d*(?:e[-+]\d+)?"
    assert re.sub(pattern, "#", run.finding) == re.sub(pattern, "#", said)
    # Minibatches and hovering amplify round-off, which differs from machine to machine.
    assert numbers(run.finding) == pytest.approx(numbers(said), rel=0.25, abs=1e-4)


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_its_sentence_is_true_of_this_run(name):
    run = training(scenario=name, rng=11, record="log", snapshots=False)
    assert run.as_predicted and "NOT SEEN" not in run.finding
    assert re.search(r"\d", run.finding) and run.options["scenario"] == name
    assert run.finding.isascii()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("too-few-discriminator-steps", {"disc_steps": 40}),
        ("overfit", {"data": 200_000, "max_steps": 2000}),
        ("weak-generator", {"gen_cells": 256, "max_steps": 3000}),
        ("weak-discriminator", {"disc_cells": 1024}),
        ("healthy", {"alpha_gen": 0.05}),
        ("saturating", {"game": "non-saturating"}),
    ],
)
def test_settings_that_do_not_show_it_are_told(name, options):
    run = training(scenario=name, record="log", snapshots=False, **options)
    assert run.finding.startswith("NOT SEEN with these settings") and not run.as_predicted


def test_the_same_seed_gives_the_same_sentence():
    runs = [training(scenario="overfit", rng=3, max_steps=2000) for _ in range(2)]
    assert runs[0].finding == runs[1].finding
    np.testing.assert_array_equal(runs[0].ratio, runs[1].ratio)


def test_least_squares_are_flat_at_one_point_only():
    phi = np.linspace(-40, 40, 8001)
    slopes = {
        name: np.abs(logits(name).generator_slope(phi))
        for name in ("least-squares:a=-1,b=1,c=0", "non-saturating", "minimax")
    }
    assert np.count_nonzero(slopes["least-squares:a=-1,b=1,c=0"] < 1e-3) == 1
    assert np.all(slopes["non-saturating"][phi > 7] < 1e-3)
    assert np.all(slopes["minimax"][phi < -7] < 1e-3)


def test_without_a_seed_companions_start_where_the_run_does():
    assert training(scenario="lsgan", rng=None, record="log", snapshots=False).as_predicted


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("saturating", {"gen": "normal:mean=2,sd=0.5"}),
        ("maximum-likelihood", {"gradient": "exact", "baseline": "none", "batch": "exact"}),
        ("lsgan", {"gen": "normal:mean=-2,sd=0.3"}),
        ("weak-generator", {"data": 300, "max_steps": 300}),
        ("healthy", {"game": "logit"}),
    ],
)
def test_other_settings_end_in_a_sentence(name, options):
    run = training(scenario=name, record="log", snapshots=False, **options)
    assert run.finding.isascii() and "nan" not in run.finding
