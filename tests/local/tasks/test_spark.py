"""Sessions of Spark: each begins with a task, ends with its run, and no task waits for long."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.subprocesses import Stopped, never_stopped
from flask_lakeflow_jobs.local.tasks import spark, spark_server
from flask_lakeflow_jobs.local.tasks.spark import Spark
from tests.support import wait_until

# In place of Sail. Both end with their standard input.
NEVER_ANSWERS = "import sys; open('started', 'w'); sys.stdin.read()"
ANSWERS = """
import json, os, socket, sys
servers = {}
for line in sys.stdin:
    request = json.loads(line)
    with open("requests", "a") as file:
        file.write(json.dumps({**request, "pid": os.getpid()}) + "\\n")
    answer = {"number": request["number"]}
    if "open" in request:
        server = socket.create_server(("127.0.0.1", 0))
        answer["port"] = server.getsockname()[1]
        servers[answer["port"]] = server
    else:
        servers.pop(request["close"]).close()
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spark]:
    """The Spark of a workspace, as if Sail were installed."""
    monkeypatch.setattr(spark, "_is_installed", lambda _: True)
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", ANSWERS))
    served = Spark(tmp_path, set, "me")
    yield served
    served.close()


def acquire(
    served: Spark,
    run_id: int,
    is_stopped: Callable[[], bool] = never_stopped,
    *,
    path: Path | None = None,
    **parameters: str,
) -> dict[str, str]:
    """Return the variables for a task of a run."""
    payload = {"run": {"multitaskParentRunId": run_id}, "parameters": parameters}
    return served.acquire({**payload, "path": path and str(path)}, {}, is_stopped)


def address(*arguments: Any, **parameters: Any) -> str:
    return acquire(*arguments, **parameters)["SPARK_REMOTE"]


def read_requests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "requests").read_text().splitlines()]


def list_closed(folder: Path) -> list[int]:
    """Return the ports that have been closed."""
    return [each["close"] for each in read_requests(folder) if "close" in each]


def port_of(remote: str) -> int:
    return int(remote.partition("/;")[0].rpartition(":")[2])


def test_tasks_share_the_session_of_their_run_until_it_ends(served: Spark, tmp_path: Path) -> None:
    first, other = address(served, 1), address(served, 2)
    assert address(served, 1) == first != other
    session = first.partition("session_id=")[2].partition(";")[0]
    files = tmp_path / f"session-{session}.json", tmp_path / "checkpoints" / session
    files[0].write_text("{}")
    files[1].mkdir(parents=True)
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * (spark_server._MAX_LOG_BYTES + 1))
    served.end_run(1)
    wait_until(lambda: not log.stat().st_size, "the end of the session")
    assert list_closed(tmp_path) == [port_of(first)]
    assert not any(file.exists() for file in files)
    assert address(served, 2) == other
    assert address(served, 1) != first  # as a repair does


def test_task_that_names_another_catalog_leaves_the_sessions_of_others(
    served: Spark, tmp_path: Path
) -> None:
    source = tmp_path / "load.py"
    source.write_text("spark.table('three.a.b')")
    remotes = [address(served, 1, catalog=name) for name in ("one", "two", "one", "two")]
    remotes.append(address(served, 1, path=source))
    assert len(set(remotes)) == 3
    assert remotes[:2] == remotes[2:4]
    assert list_closed(tmp_path) == []
    (*_, last) = read_requests(tmp_path)
    assert 'name="three"' in last["open"]["SAIL_CATALOG__LIST"]
    served.end_run(1)
    ports = {port_of(each) for each in remotes}
    wait_until(lambda: set(list_closed(tmp_path)) == ports, "the end of all sessions")


def test_session_has_the_catalogs_of_earlier_runs(served: Spark, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"dev.sales": {"type": "schema"}}')
    acquire(served, 1)
    (request,) = read_requests(tmp_path)
    assert 'name="dev"' in request["open"]["SAIL_CATALOG__LIST"]


def test_server_that_died_is_replaced(served: Spark, tmp_path: Path) -> None:
    first = address(served, 1)
    (request,) = read_requests(tmp_path)
    os.kill(request["pid"], signal.SIGKILL)
    wait_until(lambda: address(served, 1) != first, "another server")
    (*_, request) = read_requests(tmp_path)
    os.kill(request["pid"], signal.SIGKILL)
    served.end_run(1)
    assert "SPARK_REMOTE" in acquire(served, 2)


def test_no_task_waits_for_a_server_after_a_stop_and_no_run_after_its_end(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", NEVER_ANSWERS))
    stopped = threading.Event()
    errors: list[Stopped] = []

    def start() -> None:
        try:
            acquire(served, 1, stopped.is_set)
        except Stopped as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until((tmp_path / "started").exists, "the start of the server")
    served._listeners[2] = []
    served.end_run(2)
    with pytest.raises(Stopped):
        acquire(served, 3, lambda: True)
    assert thread.is_alive()  # it waits for the server still
    stopped.set()
    thread.join()
    assert errors


def test_answer_for_a_stopped_task_is_not_taken_for_another_one(
    served: Spark, tmp_path: Path
) -> None:
    acquire(served, 1)
    with pytest.raises(Stopped):
        acquire(served, 2, lambda: True)
    ports = {port_of(address(served, run_id)) for run_id in (1, 3)}
    assert len(ports) == 2
    wait_until(lambda: list_closed(tmp_path), "the end of the session that nobody uses")
    assert not ports & set(list_closed(tmp_path))


def test_closed_spark_starts_no_server(served: Spark) -> None:
    served.close()
    variables = acquire(served, 1)
    assert variables == {"LAKEFLOW_LOCAL_SPARK_ERROR": "The local workspace stops."}


def test_server_that_did_not_start_is_not_tried_again_at_once(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "open('starts', 'a').write('x'); raise SystemExit(1)"
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", start))
    for run_id in (1, 2):
        found = acquire(served, run_id)
        assert "did not start" in found["LAKEFLOW_LOCAL_SPARK_ERROR"]
    assert (tmp_path / "starts").read_text() == "x"
