"""`check`: limits, intervals, exit codes; the commands diagnose, modes and check."""

import json
import shlex

import numpy as np
import pytest

from ratiogan.catalogue import LIMITS
from ratiogan.cli.main import main
from ratiogan.errors import InputError
from ratiogan.twosample.check import check
from ratiogan.twosample.diagnosis import diagnose
from ratiogan.twosample.modes import modes

RING = "--real ring8:n=4000 --gen ring8:drop=4,thin=7,n=4000"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Run a command line in this process: (exit code, stdout, stderr)."""

    def run(text):
        code = main(shlex.split(text))
        return code, *capsys.readouterr()

    return run


def normal(n, seed, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1.0, size=n)


# --- limits --------------------------------------------------------------------------------------


def test_the_unfavourable_end_is_tested():
    real, gen = normal(2000, 0), normal(2000, 1, 0.5)
    jsd = diagnose(real=real, gen=gen).jsd
    low, high = jsd.ci
    inside = 0.5 * (jsd.estimate + high)
    assert check(real=real, gen=gen, max={"jsd": inside}).exit_code == 3
    assert check(real=real, gen=gen, max={"jsd": inside}, bound="value").exit_code == 0
    assert check(real=real, gen=gen, max={"jsd": high * 1.001}).exit_code == 0
    assert check(real=real, gen=gen, min={"jsd": 0.5 * (low + jsd.estimate)}).exit_code == 3
    assert check(real=real, gen=gen, min={"jsd": low * 0.999}).exit_code == 0
    assert check(real=real, gen=gen, max={"jsd": 0.9 * jsd.estimate}, bound="lower").passed == (
        low <= 0.9 * jsd.estimate
    )


@pytest.mark.parametrize("name", LIMITS)
def test_every_name_can_be_limited(name):
    # Two categories that both samples have: every divergence is finite.
    real, gen = np.repeat([0, 1], [70, 30]), np.repeat([0, 1], [60, 40])
    [found] = check(real=real, gen=gen, max={name: 1e9}, resamples=100).checks
    if name in ("coverage", "missing-modes"):
        assert found.passed is not None
        return
    assert found.passed and found.estimate <= found.tested
    if found.ci is not None:
        assert found.ci[0] <= found.estimate <= found.ci[1] == found.tested


def test_an_infinite_divergence_fails_any_limit():
    [found] = check(real=normal(100, 0), gen=normal(100, 1, 8), max={"kl-gen-real": 1e9}).checks
    assert found.passed is False and "of gen lies where real has no sample" in found.because


def test_precision_has_an_exact_interval():
    from scipy.stats import binomtest

    real, gen = np.zeros(50), np.repeat([0, 1], [45, 5])
    [found] = check(real=real, gen=gen, min={"precision": 0.5}).checks
    expected = binomtest(45, 50).proportion_ci(0.95, "exact")
    assert found.estimate == 0.9 and found.ci == pytest.approx((expected.low, expected.high))


def test_limits_are_checked():
    with pytest.raises(InputError, match="check needs a limit"):
        check(real=normal(50, 0), gen=normal(50, 1))
    with pytest.raises(InputError, match="limit"):
        check(real=normal(50, 0), gen=normal(50, 1), max={"jds": 1})


# --- the command line ----------------------------------------------------------------------------


def test_a_gate_that_fails(call):
    code, out, err = call(f"check {RING} --max jsd=0.02 --min coverage=0.95")
    lines = out.splitlines()
    assert code == 3 and err == ""
    assert lines[0].startswith("FAIL  jsd       0.0") and "> 0.02)" in lines[0]
    assert lines[1].startswith("FAIL  coverage  0.750 [0.750, 0.750]   limit 0.95")
    assert lines[2] == "exit 3"


def test_a_gate_that_passes(call):
    code, out, _ = call("check --real normal --gen normal --max jsd=0.02 --min p-value=0.001")
    assert code == 0 and out.splitlines()[-1] == "exit 0"
    assert (
        call("check --real normal --gen normal --max jsd=0.02 -q")[1] == "PASSED: 1 limit holds.\n"
    )


def test_a_gate_that_cannot_measure(call, tmp_path):
    np.savetxt("a.csv", normal(100, 0))
    np.savetxt("b.csv", normal(3, 1))
    code, out, _ = call("check --real a.csv --gen b.csv --max jsd=0.02 --min precision=0")
    assert code == 4
    assert "CANNOT MEASURE jsd: gen has 3 rows, 20 are needed" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("check --max jsd", "--max must read NAME=X, got 'jsd'."),
        ("check --max jds=1", "jds"),
        ("check --min coverage=lots", "must be a number"),
        ("check", "check needs a limit."),
        ("check --max jsd=1 --bound middle", "upper"),
        ("diagnose --level 95", "--level must lie between 0 and 1, got 95."),
        ("diagnose --resamples 3", "--resamples must be at least 100, got 3."),
        ("modes --covered -1", "--covered must be above 0"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, words, sentence):
    code, out, err = call(words)
    assert code == 2 and out == "" and sentence in err and "Traceback" not in err


def test_diagnose_prints_the_report_and_writes_where_told(call, tmp_path):
    code, out, err = call(f"diagnose {RING} -o found --html found.html")
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].startswith("ratiogan diagnose   real 4000 rows   gen 4000 rows   2 columns   ")
    assert lines[1].startswith("real  ring8:") and lines[1].endswith("4000 rows drawn")
    assert lines[4].startswith("DIFFERENT: JSD is 0.0")
    assert lines[-1] == f"again: ratiogan diagnose {RING} -o found --html found.html --seed 0"
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "figure.png",
        "log.txt",
        "report.json",
    }
    page = (tmp_path / "found.html").read_text(encoding="utf-8")
    assert "DIFFERENT: JSD is 0.0" in page and len(page) < 300_000
    assert json.loads((tmp_path / "found" / "report.json").read_text())["kind"] == "diagnose"
    assert call(f"diagnose {RING} -o found")[0] == 2  # nothing is overwritten unasked


def test_diagnose_writes_nothing_unasked(call, tmp_path):
    code, out, _ = call("diagnose --real normal:n=200 --gen normal:n=200 -q")
    assert code == 0 and out.startswith("NOT DISTINGUISHABLE: JSD ") and out.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_markdown_has_the_finding_and_the_tables(call):
    out = call(f"diagnose {RING} --markdown")[1]
    assert out.startswith("**DIFFERENT: ") and "| JSD |" in out and "MISSING" in out


def test_modes_names_what_is_missing(call):
    code, out, _ = call(f"modes {RING} -q")
    assert code == 0 and out == "6 of 8 modes covered, 1 thinned, 1 MISSING.\n"


def test_what_lies_outside_is_never_waved_through():
    gen = np.concatenate([normal(500, 1), np.full(500, 100.0)])
    found = check(real=normal(500, 0), gen=gen, domain="-4:4", max={"jsd": 0.02})
    assert found.exit_code == 4 and "50% of gen lies outside the domain" in found.checks[0].because
    assert any("outside the domain" in text for text in found.warnings)
    assert found.input["gen"]["outside"] == 0.5


def test_missing_modes_are_tested_at_the_unfavourable_end():
    # R of class b is 0.025, [0.008, 0.06]: it may be missing.
    sides = {"real": np.zeros(1000), "gen": np.zeros(1000)}
    labels = {
        "labels_real": np.repeat(["a", "b"], [800, 200]),
        "labels_gen": np.repeat(["a", "b"], [995, 5]),
    }
    [found] = check(**sides, **labels, max={"missing-modes": 0}).checks
    assert found.ci[1] == 1 and not found.passed
    # R of class b is 0.8, far from missing, though not clearly covered.
    labels["labels_gen"] = np.repeat(["a", "b"], [840, 160])
    [found] = check(**sides, **labels, max={"missing-modes": 0}).checks
    assert found.ci == (0, 0) and found.passed


def test_the_interval_of_the_coverage_holds_for_all_modes_together():
    # 20 classes with R = 0.9: all are covered. A miss has a chance of 5 % at most per run.
    missed = 0
    names = np.array([f"c{i}" for i in range(20)])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        found = modes(
            real=np.zeros(400),
            gen=np.zeros(400),
            labels_real=rng.choice(names, 400),
            labels_gen=rng.choice(names, 400),
        )
        low, high = found.coverage["ci"]
        missed += not low <= 1.0 <= high
    assert missed <= 6  # 7 or more have a chance of 0.1 %


def test_many_columns_cannot_be_gated_jointly():
    wide = np.random.default_rng(0).normal(size=(100, 5))
    for name in ("jsd", "coverage"):
        [found] = check(real=wide, gen=wide, max={name: 1}).checks
        assert found.passed is None and "5 columns" in found.because


def test_a_limit_is_a_number():
    for limit in ("lots", float("nan")):
        with pytest.raises(InputError, match="max jsd"):
            check(real=normal(50, 0), gen=normal(50, 1), max={"jsd": limit})
