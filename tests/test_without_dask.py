"""What needs the extra `dask` says so in one sentence where it is not installed."""

import sys

import pytest

import ratiogan as rg
from ratiogan.cli.main import main
from ratiogan.errors import InputError


@pytest.fixture(autouse=True)
def not_installed(monkeypatch):
    for name in ("dask", "distributed", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    "command",
    [
        "run glgd --grid 16",
        "run conditional --grid 4x4",
        "compare glgd alternating --grid 16",
    ],
)
def test_a_scheduler_names_the_command_that_installs_it(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--scheduler", "local:2"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: scheduler needs Dask, which cannot be imported (")
    assert said.endswith("Install it: pip install 'ratiogan[dask]'.\n")
    assert not list(tmp_path.iterdir())


def test_counts_of_files_too(tmp_path):
    (tmp_path / "x.csv").write_text("1\n2\n3\n")
    with pytest.raises(InputError, match="scheduler needs Dask"):
        rg.count(str(tmp_path / "x.csv"), grid=4, domain="0:4", scheduler="local:2")


def test_parquet_names_the_command_that_installs_it(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"needs pyarrow.*pip install 'ratiogan\[dask\]'"):
        rg.count(str(tmp_path / "x.parquet"), grid=4, domain="0:4")
