"""The server of Spark: it starts for tasks, and no task waits for it longer than it has to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.engine import spark
from flask_lakeflow_jobs.local.engine.spark import Spark
from flask_lakeflow_jobs.local.programs import Stopped, never_stopped
from tests.support import wait_until

# In place of Sail. Both end when their lifeline is cut.
NEVER_LISTENS = "import os, sys; os.read(int(sys.argv[1]), 1)"
LISTENS = """
import json, os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
with open("environment.json", "w") as file:
    json.dump(dict(os.environ), file)
with open("address.json.part", "w") as file:
    json.dump({"port": server.getsockname()[1]}, file)
os.rename("address.json.part", "address.json")
os.read(int(sys.argv[1]), 1)
"""


def payload(task_id: int, **parameters: str) -> dict[str, Any]:
    run = {"runId": task_id, "multitaskParentRunId": 1}
    return {"run": run, "parameters": parameters}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spark]:
    """The Spark of a workspace, as if Sail were installed."""
    monkeypatch.setattr(spark, "_is_installed", lambda _: True)
    monkeypatch.setattr(spark, "SAIL_ARGUMENTS", ("-c", LISTENS))
    served = Spark(tmp_path, set, "me")
    yield served
    served.close()


def read_server_environment(folder: Path) -> dict[str, str]:
    return dict(json.loads((folder / "environment.json").read_text()))


def test_tasks_neither_wait_for_a_server_after_their_end_nor_after_a_stop(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark, "SAIL_ARGUMENTS", ("-c", NEVER_LISTENS))
    stopped = threading.Event()
    errors: list[Stopped] = []

    def acquire() -> None:
        try:
            served.acquire(payload(100), {}, stopped.is_set)
        except Stopped as error:
            errors.append(error)

    thread = threading.Thread(target=acquire)
    thread.start()
    wait_until((tmp_path / "server.log").exists, "the start of the server")
    served.release(101)
    with pytest.raises(Stopped):
        served.acquire(payload(102), {}, lambda: True)
    assert thread.is_alive()  # it waits for the server still
    stopped.set()
    thread.join()
    assert errors


def test_server_has_the_catalogs_of_earlier_runs(served: Spark, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"dev.sales": {"type": "schema"}}')
    served.acquire(payload(100, catalog="two"), {}, never_stopped)
    catalogs = read_server_environment(tmp_path)["SAIL_CATALOG__LIST"]
    assert 'name="dev"' in catalogs
    assert 'name="two"' in catalogs


def test_server_is_replaced_for_a_catalog_unless_other_tasks_use_it(served: Spark) -> None:
    addresses = [
        served.acquire(payload(task_id, catalog=catalog), {}, never_stopped)["SPARK_REMOTE"]
        for task_id, catalog in ((100, "one"), (101, "two"))
    ]
    for task_id in (100, 101):
        served.release(task_id)
    addresses.append(served.acquire(payload(102, catalog="two"), {}, never_stopped)["SPARK_REMOTE"])
    first, second, third = addresses
    assert first == second != third


def test_closed_spark_starts_no_server(served: Spark) -> None:
    served.close()
    variables = served.acquire(payload(100), {}, never_stopped)
    assert variables == {"LAKEFLOW_LOCAL_SPARK_ERROR": "The local workspace stops."}


def test_server_that_did_not_start_is_not_tried_again_at_once(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "open('starts', 'a').write('x'); raise SystemExit(1)"
    monkeypatch.setattr(spark, "SAIL_ARGUMENTS", ("-c", start))
    for task_id in (100, 101):
        found = served.acquire(payload(task_id), {}, never_stopped)
        assert "did not start" in found["LAKEFLOW_LOCAL_SPARK_ERROR"]
    assert (tmp_path / "starts").read_text() == "x"
