"""What every run of the tests has in common, here and in CI, in front or in the background."""

import signal

import pytest
from hypothesis import settings

# Property tests draw the same examples each time.
settings.register_profile("ratiogan", derandomize=True, deadline=None, database=None)
settings.load_profile("ratiogan")

# A shell that starts a job in the background has it ignore Ctrl-C, and the tests of
# interrupted runs would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def connections():
    """The one connection to workers that tests share, in a list, so that it can be renewed."""
    pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")
    opened = []
    yield opened
    for connection in opened:
        connection.close()


@pytest.fixture
def client(connections):
    """A Dask client of two worker processes, the same for all tests that need one."""
    from ratiogan.cluster.connection import open_connection

    if connections:
        try:
            # The test before may have killed one; another takes its place, sooner or later.
            connections[0].client.wait_for_workers(2, timeout=20)
        except TimeoutError:
            connections.pop().close()
    if not connections:
        connections.append(open_connection("local:2"))
    return connections[0].client
