"""Bundles on disk and clients of a local workspace."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.jobs import Run, RunOutput
from waitress import wasyncore

from flask_lakeflow_jobs.local import Address
from tests.support import DEADLINE, wait_until

ENDED = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}


def break_new_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the loop of every server fail that starts from now on.

    Servers that other tests share run in this process too, and continue.
    """
    running, loop = set(threading.enumerate()), wasyncore.loop

    def fail(**options: Any) -> None:
        if threading.current_thread() not in running:
            raise OSError("no more files")
        loop(**options)

    monkeypatch.setattr(wasyncore, "loop", fail)


def require_duckdb() -> None:
    """Skip a test of SQL where DuckDB is missing, or where Spark would run the SQL."""
    pytest.importorskip("duckdb")
    if importlib.util.find_spec("pyspark"):
        pytest.skip("Spark runs SQL in this environment")


def write_bundle(folder: Path, jobs: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """Write a bundle with these jobs, and files beside it; return its path."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"))
    path = folder / "databricks.yml"
    named = {key: {**job, "name": job.get("name", key)} for key, job in jobs.items()}
    content = {"bundle": {"name": "tests"}, "resources": {"jobs": named}}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def python_task(key: str, file: str = "main.py", *parameters: str, **more: Any) -> dict[str, Any]:
    """Return a ``spark_python_task``."""
    body: dict[str, Any] = {"python_file": file}
    if parameters:
        body["parameters"] = list(parameters)
    return {"task_key": key, "spark_python_task": body, **more}


def notebook_task(key: str, path: str = "notebook.py", **more: Any) -> dict[str, Any]:
    """Return a ``notebook_task``."""
    return {"task_key": key, "notebook_task": {"notebook_path": path}, **more}


def depends_on(*keys: str) -> list[dict[str, str]]:
    """Return the value of a task's ``depends_on``."""
    return [{"task_key": key} for key in keys]


class Client:
    """A client of a workspace: the SDK, and plain HTTP for what the SDK hides."""

    def __init__(self, address: Address, job_ids: Mapping[str, int]) -> None:
        self.address = address
        self.job_ids = job_ids
        self.sdk = WorkspaceClient(
            config=Config(host=address.host, token=address.token, auth_type="pat")
        )
        self.jobs = self.sdk.jobs

    def start(self, key: str, **fields: Any) -> int:
        """Start a job of the bundle; return the id of its run.

        :param fields: of run-now, also those that the SDK does not know.
        """
        body = {"job_id": self.job_ids[key], **fields}
        started: Any = self.sdk.api_client.do("POST", "/api/2.2/jobs/run-now", body=body)
        return int(started["run_id"])

    def finish(self, run_id: int) -> Run:
        """Wait for the end of a run and return it."""
        wait_until(
            lambda: state_fields(self.jobs.get_run(run_id))[0] in ENDED, f"the end of run {run_id}"
        )
        return self.jobs.get_run(run_id)

    def run(self, key: str, **fields: Any) -> Run:
        """Start a job of the bundle, wait for its run and return it."""
        return self.finish(self.start(key, **fields))

    def outputs(self, run: Run) -> dict[str, RunOutput]:
        """Return the output of each task, of its last attempt."""
        return {
            task.task_key: self.jobs.get_run_output(task.run_id)
            for task in run.tasks or []
            if task.run_id is not None
        }

    def rows(self, run: Run, key: str) -> list[list[str | None]]:
        """Return the columns and the rows of a SQL task, which older SDKs do not know."""
        task = next(each for each in run.tasks or [] if each.task_key == key)
        path = f"/api/2.2/jobs/runs/get-output?run_id={task.run_id}"
        result = self.http("GET", path)[1]["sql_output"]["file_output"]["query_result"]
        rows = [[value.get("string_value") for value in row["values"]] for row in result["rows"]]
        return [[column["name"] for column in result["columns"]], *rows]

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send a request, by default with the token; return the status and the JSON."""
        status, content = self.raw(method, path, body, headers=headers)
        return status, json.loads(content)

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send a request like :meth:`http`; return the status and the body."""
        connection = HTTPConnection(urlsplit(self.address.host).netloc, timeout=DEADLINE)
        try:
            content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            if headers is None:
                headers = {"Authorization": f"Bearer {self.address.token}"}
            connection.request(method, path, content, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def state_fields(run: Any) -> tuple[str, str | None, str | None]:
    """Return the life cycle state, result state and termination code of a run or task."""
    state, details = run.state, run.status and run.status.termination_details
    return (
        state.life_cycle_state.value,
        state.result_state and state.result_state.value,
        details and details.code and details.code.value,
    )


def task_results(run: Run) -> dict[str, str | None]:
    """Return the result state of each task by key, of its last attempt."""
    return {
        task.task_key: task.state.result_state.value
        if task.state and task.state.result_state
        else None
        for task in run.tasks or []
    }


def simulated_job(*tasks: dict[str, Any], **simulation: Any) -> dict[str, Any]:
    """Return a job whose tasks are simulated."""
    return {"tags": {"local_simulation": json.dumps(simulation)}, "tasks": list(tasks)}


def simulated_task(key: str, *upstream: str, **more: Any) -> dict[str, Any]:
    """Return a task of a simulated job; its notebook does not exist."""
    more = {"depends_on": depends_on(*upstream), **more} if upstream else more
    return {"task_key": key, "notebook_task": {"notebook_path": "/simulated"}, **more}


def is_running(pid: int) -> bool:
    """Return whether a process exists that is not a zombie."""
    state = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):  # it may end at any moment
        return False


def state_message(run: Any) -> str:
    """Return the message in the state of a run or task."""
    assert run.state is not None
    return str(run.state.state_message)


def repair(client: Client, run_id: int, **fields: Any) -> int:
    """Repair a run; return the id of the repair."""
    status, response = client.http(
        "POST", "/api/2.2/jobs/runs/repair", {"run_id": run_id, **fields}
    )
    assert status == 200, response
    return int(response["repair_id"])


def job_names(client: Client) -> list[str | None]:
    """Return the names of all jobs, in the order of the list."""
    return [job.settings.name for job in client.jobs.list() if job.settings]


def call_at_once(calls: Iterable[Callable[[], Any]]) -> None:
    """Call functions in threads that interrupt each other as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(call) for call in calls]:
                each.result()
    finally:
        sys.setswitchinterval(interval)
