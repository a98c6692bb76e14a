"""The Sail server of a workspace: when it starts, and that no task waits for long."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.subprocesses import Stopped, never_stopped
from flask_lakeflow_jobs.local.tasks import spark, spark_server
from flask_lakeflow_jobs.local.tasks.spark import Spark
from tests.support import wait_until

# In place of Sail.
NEVER_ANSWERS = "import os, sys; open('started', 'w'); os.read(int(sys.argv[1]), 1)"
ANSWERS = """
import os, sys
with open("starts", "a") as file:
    file.write(f"{os.getpid()} {os.environ['SAIL_CATALOG__LIST']}\\n")
print(7000 + len(open("starts").readlines()), flush=True)
os.read(int(sys.argv[1]), 1)
"""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spark]:
    """The Spark of a workspace, as if Sail were installed."""
    monkeypatch.setattr(spark, "find_spec", lambda _: True)
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", ANSWERS))
    served = Spark(tmp_path, lambda: {"bundles"})
    yield served
    served.close()


def acquire(
    served: Spark, is_stopped: Callable[[], bool] = never_stopped, **parameters: str
) -> dict[str, str]:
    payload = {"root": "/bundle", "parameters": parameters}
    return served.acquire(payload, dict(os.environ), is_stopped)


def starts(folder: Path) -> list[str]:
    return (folder / "starts").read_text().splitlines()


def test_tasks_share_one_server_that_knows_the_catalogs(served: Spark, tmp_path: Path) -> None:
    (tmp_path / "tables.json").write_text(json.dumps({"earlier.a.b": ["delta", "/x"]}))
    first = acquire(served)
    assert first == acquire(served)
    assert first["SPARK_REMOTE"] == "sc://127.0.0.1:7001"
    assert first["LAKEFLOW_LOCAL_SPARK"] == str(tmp_path)
    (line,) = starts(tmp_path)
    for each in ("main", "workspace", "hive_metastore", "bundles", "earlier"):
        assert f'name="{each}"' in line


def test_task_that_names_another_catalog_leaves_the_server_of_others(
    served: Spark, tmp_path: Path
) -> None:
    first, second = acquire(served), acquire(served, catalog="dev")
    assert second == acquire(served)
    assert first != second
    (process, _), _ = (line.split(maxsplit=1) for line in starts(tmp_path))
    os.kill(int(process), 0)


def test_server_that_died_is_replaced(served: Spark, tmp_path: Path) -> None:
    first = acquire(served)
    process = int(starts(tmp_path)[0].split()[0])
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: acquire(served) != first, "another server")


def test_no_task_waits_for_a_server_after_a_stop(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", NEVER_ANSWERS))
    stopped = threading.Event()
    errors: list[Stopped] = []

    def run() -> None:
        try:
            acquire(served, stopped.is_set)
        except Stopped as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until((tmp_path / "started").exists, "the start of the server")
    stopped.set()
    for thread in threads:
        thread.join()
    assert len(errors) == 2


def test_server_that_did_not_start_is_not_tried_again_at_once(
    served: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "open('starts', 'a').write('x\\n'); raise SystemExit(1)"
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", start))
    for _ in range(2):
        message = acquire(served)["LAKEFLOW_LOCAL_SPARK_ERROR"]
        assert message.startswith("The Sail server, which runs Spark in the local workspace, did")
    assert starts(tmp_path) == ["x"]


def test_closed_workspace_starts_no_server(served: Spark, tmp_path: Path) -> None:
    served.close()
    assert acquire(served) == {"LAKEFLOW_LOCAL_SPARK_ERROR": "The local workspace stops."}
    assert not (tmp_path / "starts").exists()


def test_spark_of_the_user_is_left_alone(served: Spark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://elsewhere")
    assert acquire(served) == {}
    monkeypatch.delenv("SPARK_REMOTE")
    monkeypatch.setattr(spark, "find_spec", lambda name: name != "pysail")
    assert acquire(served) == {}
