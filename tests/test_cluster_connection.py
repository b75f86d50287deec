"""The scheduler as users name it, and tasks on workers: retried, repeated, kept."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from ratiogan.errors import InputError

pytest.importorskip("distributed", reason="needs the extra: pip install '.[dask]'")

from ratiogan.cluster import connection
from ratiogan.cluster.connection import check_scheduler, connected
from ratiogan.cluster.tasks import Store, run_tasks


def square(number, seconds=0.0):
    time.sleep(seconds)
    if number == 7:
        raise ValueError("seven")
    return number * number


@pytest.mark.parametrize("text", ["local", "local:0", "local:-1", "2", "http://a:1", "tcp://a", ""])
def test_other_words_are_no_scheduler(text):
    with pytest.raises(InputError, match=r"scheduler must be local:N or tcp://HOST:PORT"):
        check_scheduler(text)


def test_more_processes_than_cores_can_serve_are_refused():
    with pytest.raises(InputError, match=r"local:4000 asks for 4000 processes, and \d+ are"):
        with connected("local:4000"):
            pass


def test_numbers_are_no_scheduler():
    with pytest.raises(InputError, match="got int"):
        check_scheduler(2)


def test_a_scheduler_that_does_not_answer_is_named_in_time(monkeypatch):
    assert connection.SECONDS == 10
    monkeypatch.setattr(connection, "SECONDS", 1)
    start = time.perf_counter()
    said = r"no scheduler answers at tcp://127\.0\.0\.1:1 within 1 s"
    with pytest.raises(InputError, match=said), connected("tcp://127.0.0.1:1"):
        pass
    assert time.perf_counter() - start < 6


def test_a_client_is_used_as_it_is_and_left_open(client):
    with connected(client) as used:
        assert used is client
    assert client.submit(square, 3).result() == 9


def test_a_running_scheduler_is_reached_by_its_address(client):
    with connected(client.scheduler.address) as other:
        assert other is not client
        assert other.submit(square, 4).result() == 16


def test_a_second_cluster_starts_beside_the_first(client):
    with connected("local:1") as other:
        assert other.submit(square, 5).result() == 25


def test_other_versions_are_refused(client, monkeypatch):
    found = client.get_versions(packages=["ratiogan", "numpy", "numba", "scipy"])
    address = next(iter(found["workers"]))
    found["workers"][address]["packages"]["numpy"] = "1.0"
    found["workers"][address]["packages"]["ratiogan"] = None
    monkeypatch.setattr(type(client), "get_versions", lambda *_, **__: found)
    with pytest.raises(InputError) as refused, connected(client):
        pass
    assert address in str(refused.value)
    assert "ratiogan missing instead of" in str(refused.value)
    assert "numpy 1.0 instead of" in str(refused.value)


def test_failed_tasks_are_retried_and_lose_no_others(client):
    outcome = run_tasks(client, square, [(number,) for number in range(10)])
    assert outcome.results == {k: k * k for k in range(10) if k != 7}
    assert list(outcome.failures) == [7] and str(outcome.failures[7]) == "seven"
    assert outcome.repeated == {7: 3}
    assert not outcome.interrupted


def test_tasks_of_a_killed_worker_are_begun_again(client):
    pid = next(iter(client.run(os.getpid).values()))
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    outcome = run_tasks(client, square, [(number, 0.25) for number in (1, 2, 3, 4, 5, 6)])
    killer.join()
    assert outcome.results == {k: (k + 1) ** 2 for k in range(6)}
    assert outcome.repeated and not outcome.failures


def test_an_interrupt_keeps_what_is_finished(client):
    killer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    killer.start()
    outcome = run_tasks(client, square, [(1, 0.2)] * 40)
    killer.join()
    assert outcome.interrupted
    assert 0 < len(outcome.results) < 40


def test_what_a_store_holds_is_not_computed_again(client, tmp_path):
    def store():
        return Store(
            tmp_path / "kept",
            {"what": "squares"},
            lambda result, path: np.savez(path, result=result),
            lambda path: int(np.load(path)["result"]),
        )

    run_tasks(client, square, [(1,), (2,)], store=store())
    seen = []
    outcome = run_tasks(
        client, square, [(5,), (6,), (3,)], store=store(), on_done=lambda k, r: seen.append(k)
    )
    assert outcome.results == {0: 1, 1: 4, 2: 9}
    assert seen == [0, 1, 2]
    with pytest.raises(InputError, match="its what is squares, here it is cubes"):
        Store(tmp_path / "kept", {"what": "cubes"}, None, None)


def test_a_folder_of_something_else_is_no_checkpoint(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty, and holds no checkpoint"):
        Store(tmp_path, {}, None, None)
