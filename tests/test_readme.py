"""What README.md prints is what happens; its Python examples are doctests of their own."""

import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def blocks(language, text=README):
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def commands(block):
    """Pairs of a command line and the output quoted below it, which may be empty."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


CONSOLE = [pair for block in blocks("console") for pair in commands(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the README shows, each named in its first line."""
    folder = tmp_path_factory.mktemp("readme")
    for block in blocks("python"):
        if named := re.match(r"# (\w+\.py)\n", block):
            (folder / named[1]).write_text(block)
    return folder


def run(words, folder):
    # Nothing but our program, and the files that the README shows.
    assert words[0] == "ratiogan" or (words[0] == "python" and (folder / words[1]).is_file())
    return subprocess.run(
        [sys.executable, *(words[1:] if words[0] == "python" else ["-m", *words])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # this tree, not an installed copy
        capture_output=True,
        text=True,
        timeout=300,
    )


# Bounds on W1 on a grid are proved anew on every machine: the solver's float32 steps differ in
# their last bits, and the bounds by a part of their gap.
BOUNDS = re.compile(r" *(W1 is in|lower|upper|Wasserstein-1) ")


def same_word(quoted, printed, rough=False):
    """Equal, or numbers that differ in the seventh digit, or by a rounding error of 1e-13.

    With `rough` they may differ by 3 %, or be small both.
    """
    if quoted == printed:
        return True
    numbers = []
    for word in (quoted, printed):
        try:
            numbers.append(float(word.strip("(),:;[]")))
        except ValueError:
            return False
    relative, small = (0.03, 1e-2) if rough else (2e-7, 1e-13)
    return math.isclose(*numbers, rel_tol=relative) or max(map(abs, numbers)) < small


def assert_same(quoted, printed):
    # Seconds and memory differ from run to run, and a vanishing difference prints as "< 1e-15".
    printed, quoted = (re.sub(r"< 1e-1\d", "0", text) for text in (printed, quoted))
    printed, quoted = (
        re.sub(r"[\d.]+ m?s(, \d+ MB)?$", "", text, flags=re.M) for text in (printed, quoted)
    )
    quoted, printed = quoted.rstrip().split("\n"), printed.rstrip().split("\n")
    if quoted[-1] == "...":
        quoted.pop()
        printed = printed[: len(quoted)]
    for line, (left, right) in enumerate(zip(quoted, printed, strict=True)):
        assert len(left.split()) == len(right.split()), (line, left, right)
        for a, b in zip(left.split(), right.split(), strict=True):
            assert same_word(a, b, bool(BOUNDS.match(left))), (line, left, right)


def test_two_commands_do_everything():
    first, second = blocks("sh")
    assert all(len(block.splitlines()) == 1 for block in (first, second))
    assert "ratiogan run glgd --grid 1024" in first
    assert "[test]" in second and "pytest" in second


def test_ci_runs_the_two_commands_of_the_readme():
    # It reads them from the fences; a copy could drift.
    assert "README.md" in CI and "```sh" in CI
    assert not any(block.strip() in CI for block in blocks("sh"))


def test_the_main_job_is_quoted():
    assert CONSOLE[0][0] == "ratiogan run glgd --grid 1024"
    assert "CONVERGED in 38 steps" in CONSOLE[0][1]


@pytest.mark.parametrize("command, quoted", CONSOLE, ids=[command for command, _ in CONSOLE])
def test_command_prints_what_is_quoted(command, quoted, folder):
    if "--scheduler" in command:
        pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")
    done = run(shlex.split(command), folder)
    said = re.search(r"^exit (\d)$", quoted, re.M)  # `check` says how it ends
    assert done.returncode == (int(said[1]) if said else 0), done.stderr
    if quoted:
        assert_same(quoted, done.stdout)


def test_comparison_of_outputs_sees_a_changed_digit():
    with pytest.raises(AssertionError):
        assert_same("rate 0.5 0.5000008", "rate 0.5 0.5000018")
    assert_same("g 5.6e-16 rest 0.9 s", "g < 1e-15 rest 2.1 s")
    assert_same("W1 is in [0.3852, 0.3861] (gap 2.4e-03)", "W1 is in [0.3853, 0.3862] (gap 2e-03)")
    with pytest.raises(AssertionError):
        assert_same("  lower 0.385", "  lower 0.405")


def test_commands_named_in_text_exist():
    text = "\n".join(re.findall(r"`(ratiogan [^`]*)`", README))
    named = set(re.findall(r"ratiogan ((?:run )?[a-z]+)", text))
    named |= set(re.findall(r"`(plot|animate) RUN`", README))
    names = {"run glgd", "run alternating", "compare", "games", "explain", "list", "completion"}
    assert named >= names
    for name in sorted(named - {"run"}):
        assert run(["ratiogan", *name.split(), "--help"], ROOT).returncode == 0, name


def test_links_and_pictures_are_there():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_exit_codes_named_are_those_of_the_program():
    printed = run(["ratiogan", "--help"], ROOT).stdout
    named = re.search(r"exit codes \(0: what happened.*?5: the outcome", README, re.S)
    assert named
    for code in (0, 2, 5):
        assert re.search(rf"^  {code}  ", printed, re.M)
