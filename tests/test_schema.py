"""The JSON envelope: what every command prints with --json, against the schema that ships."""

import json

import jsonschema
import pytest

from ratiogan.catalogue import STATUSES
from ratiogan.cli.main import COMMANDS, main
from ratiogan.cli.names import schema_text

ORDER = (
    "schema schema_version version kind command seed unit input options finding status exit_code "
    "warnings files timing"
).split()

PLANE = ["--real", "ring8", "--gen", "ring8:thin=7", "--grid", "16x16"]
SMALL = ["--grid", "64", "--no-save"]

COMMAND_LINES = {
    "run glgd": (["run", "glgd", *SMALL], 0),
    "run glgd unstable": (
        ["run", "glgd", "--game", "least-squares:a=-1,b=1,c=0", "--gen", "near-real", *SMALL],
        0,
    ),
    "run glgd 2-D": (
        ["run", "glgd", "--real", "ring8", "--gen", "ring8:thin=7", "--grid", "16x16", "--no-save"],
        0,
    ),
    "run conditional": (["run", "conditional", "--grid", "8x16", "--no-save"], 0),
    "run conditional 1-D": (
        ["run", "conditional", "--real", "normal", "--gen", "normal", *SMALL],
        2,
    ),
    "compare conditional": (
        ["compare", "conditional", "conditional:geometry=fisher", "--grid", "8x16", "--no-save"],
        0,
    ),
    "run alternating": (["run", "alternating", *SMALL], 0),
    "run wglgd": (["run", "wglgd", "--max-steps", "100", *SMALL], 0),
    "run wglgd 2-D": (["run", "wglgd", *PLANE, "--max-steps", "10", "--no-save"], 0),
    "run wgan": (["run", "wgan", "--max-steps", "100", *SMALL], 0),
    "run wgan relu": (
        ["run", "wgan", "--critic", "relu", "--clip", "none", "--max-steps", "100", *SMALL],
        0,
    ),
    "dynamics": (
        [
            *("dynamics", "bilinear", "--method", "simultaneous", "--method", "flow"),
            *("--max-steps", "50", "--no-save"),
        ],
        0,
    ),
    "dynamics, a sweep": (
        ["dynamics", "dirac:reg=r1", "--sweep", "gamma=0.1,1", "--max-steps", "50", "--no-save"],
        0,
    ),
    "dynamics off the domain": (
        ["dynamics", "dirac:reg=clip", "--start", "0,2", "--no-save"],
        2,
    ),
    "stability": (["stability", "dirac:reg=r1", "--method", "implicit", "--no-save"], 0),
    "stability of many": (["stability", "nonparametric", "--no-save"], 0),
    "run training": (["run", "training", "--max-steps", "100", *SMALL], 0),
    "run training, words": (
        [
            *("run", "training", "--batch", "exact", "--disc-steps", "best", "--disc-cells", "8"),
            *("--gen-loss", "minimax", "--inner-product", "fisher", "--max-steps", "20", *SMALL),
        ],
        0,
    ),
    "run training lost": (
        [
            *("run", "training", "--optimizer", "sgd", "--alpha-disc", "1e200"),
            *("--game", "maximum-likelihood", *SMALL),
        ],
        5,
    ),
    "compare training": (
        ["compare", "training:max_steps=50", "training:max_steps=50,disc_steps=2", *SMALL],
        0,
    ),
    "list scenarios": (["list", "scenarios"], 0),
    "no such scenario": (["run", "training", "--scenario", "helthy"], 2),
    "compare": (["compare", "glgd", "glgd:geometry=fisher", "alternating", *SMALL], 0),
    "compare, a map": (
        [
            *("compare", "training", "--sweep", "alpha_gen=1e-3,0.1", "--sweep", "batch=64,exact"),
            *("--max-steps", "40", *SMALL),
        ],
        0,
    ),
    "games": (["games"], 0),
    "games GAME": (["games", "hinge"], 0),
    "table": (["table"], 0),
    "table NAME": (["table", "jsd"], 0),
    "divergence": (["divergence"], 0),
    "wasserstein": (["wasserstein"], 0),
    "wasserstein 2-D": (["wasserstein", *PLANE, "--metric", "manhattan"], 0),
    "wasserstein, interval only": (
        ["wasserstein", *PLANE, "--metric", "manhattan", "--tol", "1e-9", "--max-steps", "2"],
        5,
    ),
    "diagnose": (["diagnose"], 0),
    "diagnose equal": (["diagnose", "--real", "normal", "--gen", "normal"], 0),
    "modes": (["modes"], 0),
    "check": (["check", "--max", "jsd=0.1", "--max", "kl-gen-real=1"], 3),
    "check nothing": (["check"], 2),
    "list": (["list"], 0),
    "list presets": (["list", "presets"], 0),
    "list palettes": (["list", "palettes"], 0),
    "list schema": (["list", "schema"], 0),
    "explain": (["explain"], 0),
    "explain NAME": (["explain", "lsgan-pearson"], 0),
    "completion": (["completion"], 0),
    "completion bash": (["completion", "bash"], 0),
    "no such command": (["frobnicate"], 2),
    "no such game": (["run", "glgd", "--game", "lsgan"], 2),
    "no such file": (["run", "glgd", "--real", "missing.csv"], 2),
    "singular": (
        ["run", "glgd", "--real", "disjoint:side=left", "--gen", "disjoint:side=right", *SMALL],
        2,
    ),
    "no RUN": (["plot"], 2),
}


@pytest.fixture
def schema():
    return json.loads(schema_text())


def output(capsys, arguments):
    code = main([*arguments, "--json"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_schema_is_a_schema(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_every_command_keeps_to_the_schema(name, capsys, schema, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, expected = COMMAND_LINES[name]
    code, text, errors = output(capsys, arguments)
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    jsonschema.Draft202012Validator(schema).validate(found)
    assert code == found["exit_code"] == expected
    assert list(found)[: len(ORDER)] == ORDER
    assert text.isascii()
    assert (found["kind"] == "error") == errors.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_every_command_is_in_the_schema(schema):
    kinds = set(schema["properties"]["kind"]["enum"])
    assert {*COMMANDS, "error"} == kinds


def test_every_status_is_in_the_schema(schema):
    assert set(schema["$defs"]["status"]["properties"]["code"]["enum"]) == set(STATUSES)


def test_the_schema_refuses_what_it_should(schema):
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid({"schema": "ratiogan", "kind": "run"})
    main_keys = {
        "schema": "ratiogan", "schema_version": 1, "version": "0", "kind": "list",
        "command": ["ratiogan", "list"], "seed": 0, "unit": None, "input": None, "options": {},
        "finding": None, "status": None, "exit_code": 0, "warnings": [], "files": {},
        "timing": {"seconds": 0.1, "compile_seconds": 0.0, "threads": 1}, "entries": [],
    }  # fmt: skip
    assert validator.is_valid(main_keys)
    assert not validator.is_valid({**main_keys, "unknown": 1})
    assert not validator.is_valid({**main_keys, "command": ["somebody", "else"]})
    assert not validator.is_valid({**main_keys, "seed": None})


@pytest.mark.parametrize("name", ["run alternating", "compare", "games GAME"])
def test_everything_but_timing_is_the_same_again(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, _ = COMMAND_LINES[name]
    one, two = (json.loads(output(capsys, arguments)[1]) for _ in range(2))
    assert one.pop("timing") and two.pop("timing")
    assert one == two


def test_the_report_on_disk_is_what_json_prints(capsys, tmp_path, monkeypatch, schema):
    monkeypatch.chdir(tmp_path)
    _, text, _ = output(capsys, ["run", "glgd", "--grid", "64", "--no-plot"])
    report = (tmp_path / "ratiogan-runs" / "glgd-001" / "report.json").read_text()
    assert report == text
    files = json.loads(text)["files"]
    assert files["folder"] == "ratiogan-runs/glgd-001" and files["run"] == "run.npz"
    assert "figure" not in files


def test_json_names_the_command_with_its_seed(capsys):
    found = json.loads(output(capsys, ["list", "ties"])[1])
    assert found["command"] == ["ratiogan", "list", "ties", "--json", "--seed", "0"]
    found = json.loads(output(capsys, ["list", "ties", "--seed=3"])[1])
    assert found["command"] == ["ratiogan", "list", "ties", "--seed=3", "--json"]
    assert found["seed"] == 3


def test_an_error_names_the_argument_as_python_does(capsys):
    code, text, errors = output(capsys, ["run", "glgd", "--max-steps", "many"])
    problem = json.loads(text)["error"]
    assert code == 2
    assert problem["code"] == "usage" and problem["argument"] == "max_steps"
    assert errors == f"Error: {problem['message']}\n"
