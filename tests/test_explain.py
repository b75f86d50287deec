"""What `ratiogan explain` knows: every name a user can type, and nothing that cannot be run."""

import shlex
import textwrap

import pytest

from ratiogan import catalogue
from ratiogan.cli.frame import EXIT_CODES
from ratiogan.cli.main import cli
from ratiogan.explanations import ALIASES, EXPLANATIONS, find

TABLES = {
    "game": catalogue.GAMES,
    "algorithm": catalogue.ALGORITHMS,
    "geometry": catalogue.GEOMETRIES,
    "step rule": catalogue.STEPS,
    "tie rule": catalogue.TIES,
    "status": catalogue.STATUSES,
    "preset": catalogue.PRESETS,
    "field": catalogue.FIELDS,
    "method": catalogue.METHODS,
}
# Methods that are called like an algorithm or a word, which keep the name.
TAKEN = {"method": ("alternating", "best-response")}


@pytest.mark.parametrize("kind", TABLES)
def test_every_name_of_the_catalogue_is_explained(kind):
    for name in TABLES[kind]:
        name = f"{kind}-{name}" if name in TAKEN.get(kind, ()) else name
        assert find(name) is not None, name
        assert find(name).kind == kind
        assert find(name).name == name


def test_every_scenario_has_a_page_of_its_own():
    for name in catalogue.SCENARIOS:
        # Three are called like a game or an algorithm, which keep the name.
        page = EXPLANATIONS.get(f"scenario-{name}") or EXPLANATIONS[name]
        assert page.kind == "scenario" and page.command.endswith(f" --scenario {name}")
    for name in (*catalogue.FAMILIES, "n-d", "N_d", "d >= E[d*]", "REINFORCE", "baseline"):
        assert find(name) is not None, name


def test_exit_codes_numbers_and_errata_are_explained():
    for code in EXIT_CODES:
        assert find(f"exit-{code}").kind == "exit code"
        assert find(str(code)).name == f"exit-{code}"
    assert find("0.693").kind == find("1.386").kind == "number"
    for name in ("lsgan-pearson", "mixed-geometry", "xy-chaos", "eta-not-too-large"):
        assert find(name).printed, name


@pytest.mark.parametrize("entry", EXPLANATIONS.values(), ids=lambda entry: entry.name)
def test_an_entry_is_short_plain_and_complete(entry):
    assert len(textwrap.wrap(entry.argument, 105)) <= 5
    texts = [entry.statement, entry.argument, entry.source, entry.printed or "-"]
    for text in texts:
        assert text.isascii() and text.strip() == text and text
    assert "  " not in " ".join(texts)
    assert entry.statement.endswith(".") and entry.argument.endswith(".")
    assert set(entry.related) <= set(EXPLANATIONS)
    assert entry.name not in entry.related


@pytest.mark.parametrize("command", sorted({entry.command for entry in EXPLANATIONS.values()}))
def test_the_command_that_shows_it_can_be_typed(command):
    program, *words = shlex.split(command)
    assert program == "ratiogan"
    if command == "ratiogan run glgd --game lsgan":  # shows what a refusal looks like
        return
    context, group = None, cli
    while hasattr(group, "table") and words and not words[0].startswith("-"):
        name, words = words[0], words[1:]
        group = group.get_command(context, name)
        assert group is not None, name
    if words != ["--help"]:
        group.make_context("ratiogan", words, obj=words)


def test_aliases_lead_somewhere_and_shadow_nothing():
    assert set(ALIASES.values()) <= set(EXPLANATIONS)
    assert not set(ALIASES) & set(EXPLANATIONS)
    assert len(ALIASES) == sum(len(entry.aliases) for entry in EXPLANATIONS.values())
    for alias in ALIASES:
        assert find(alias).name == ALIASES[alias]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Cells in use", "cells-in-use"),
        ("max|R-1|", "max-error"),
        ("Phi''(1)", "curvature"),
        ("R", "ratio"),
        ("0.69", "0.693"),
        ("0.69314718", "0.693"),
        ("1.3863", "1.386"),
        ("least-squares:a=-1,b=1,c=0", "lsgan-pearson"),
        ("bimodal:sd=1", "bimodal"),
        ("exit 5", "exit-5"),
        ("xy", "bilinear"),
        ("momentum:beta=-0.5", "momentum"),
        ("alternating:first=disc", "method-alternating"),
        ("eta-factor", "eta-not-too-large"),
        ("Nash equilibrium", "nash-equilibrium"),
    ],
)
def test_names_are_found_as_people_write_them(text, name):
    assert find(text).name == name


@pytest.mark.parametrize("text", ["", "nonsense", "0.7", "0.694", "nan", "17"])
def test_what_is_not_known_is_not_guessed(text):
    assert find(text) is None
