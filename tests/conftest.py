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
def two_workers():
    pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")
    from ratiogan.cluster.connection import connected

    with connected("local:2") as found:
        yield found


@pytest.fixture
def client(two_workers):
    """A Dask client of two worker processes, the same for all tests that need one."""
    two_workers.wait_for_workers(2, timeout=30)  # the test before may have killed one
    return two_workers
