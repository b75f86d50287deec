"""The example on two workers prints what its page quotes, with one of them killed on the way."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_the_script_prints_what_is_quoted(tmp_path):
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    quoted = re.search(r"^\$ python examples/two_workers.py\n(.*?)^```", page, re.M | re.S)[1]
    done = subprocess.run(
        [sys.executable, EXAMPLES / "two_workers.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},  # this tree, not an installed copy
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the same as alone: True.") == 2
    # The round-off that is left differs from machine to machine.
    left = r"\d\.\de-\d\d"
    assert re.sub(left, "", done.stdout) == re.sub(left, "", quoted)
