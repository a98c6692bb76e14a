"""Bundles on disk and clients of a local workspace."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.jobs import Run, RunOutput

from flask_lakeflow_jobs.local import Address
from tests.support import DEADLINE, wait_until

ENDED = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}


def write_bundle(folder: Path, jobs: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """A bundle with these jobs, and these files beside it."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"))
    path = folder / "databricks.yml"
    content = {"bundle": {"name": "tests"}, "resources": {"jobs": dict(jobs)}}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def python_task(key: str, file: str = "main.py", *parameters: str, **more: Any) -> dict[str, Any]:
    """A spark_python_task."""
    body: dict[str, Any] = {"python_file": file}
    if parameters:
        body["parameters"] = list(parameters)
    return {"task_key": key, "spark_python_task": body, **more}


def notebook_task(key: str, path: str = "notebook.py", **more: Any) -> dict[str, Any]:
    """A notebook_task."""
    return {"task_key": key, "notebook_task": {"notebook_path": path}, **more}


def depends_on(*keys: str) -> list[dict[str, str]]:
    """A ``depends_on``."""
    return [{"task_key": key} for key in keys]


class Client:
    """A user of the workspace: the SDK, and bare HTTP where the SDK would hide what is asked."""

    def __init__(self, address: Address, job_ids: Mapping[str, int]) -> None:
        self.address = address
        self.job_ids = job_ids
        self.sdk = WorkspaceClient(
            config=Config(host=address.host, token=address.token, auth_type="pat")
        )
        self.jobs = self.sdk.jobs

    def start(self, key: str, **fields: Any) -> int:
        """Start a job of the bundle; its run's id."""
        return int(self.jobs.run_now(self.job_ids[key], **fields).bind()["run_id"])

    def finish(self, run_id: int) -> Run:
        """The run once it has ended."""
        wait_until(
            lambda: state_fields(self.jobs.get_run(run_id))[0] in ENDED, f"the end of run {run_id}"
        )
        return self.jobs.get_run(run_id)

    def run(self, key: str, **fields: Any) -> Run:
        """Start a job and wait for its end."""
        return self.finish(self.start(key, **fields))

    def outputs(self, run: Run) -> dict[str, RunOutput]:
        """The output of each task; of the last attempt, where there are several."""
        return {
            task.task_key: self.jobs.get_run_output(task.run_id)
            for task in run.tasks or []
            if task.run_id is not None
        }

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """A bare request: the status and the JSON of the answer."""
        connection = HTTPConnection(urlsplit(self.address.host).netloc, timeout=DEADLINE)
        try:
            content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            given = (
                {"Authorization": f"Bearer {self.address.token}"} if headers is None else headers
            )
            connection.request(method, path, content, dict(given))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


def state_fields(run: Any) -> tuple[str, str | None, str | None]:
    """A run's or task's life cycle state, result state and termination code."""
    state, details = run.state, run.status and run.status.termination_details
    return (
        state.life_cycle_state.value,
        state.result_state and state.result_state.value,
        details and details.code and details.code.value,
    )


def task_results(run: Run) -> dict[str, str | None]:
    """The result state of each task, by key; of the last attempt, where there are several."""
    return {
        task.task_key: task.state.result_state.value
        if task.state and task.state.result_state
        else None
        for task in run.tasks or []
    }


def simulated_job(*tasks: dict[str, Any], **simulation: Any) -> dict[str, Any]:
    """A job whose tasks are simulated instead of run."""
    return {"tags": {"local_simulation": json.dumps(simulation)}, "tasks": list(tasks)}


def simulated_task(key: str, *upstream: str, **more: Any) -> dict[str, Any]:
    """A task of a simulated job; its notebook does not exist."""
    more = {"depends_on": depends_on(*upstream), **more} if upstream else more
    return {"task_key": key, "notebook_task": {"notebook_path": "/simulated"}, **more}


def is_running(pid: int) -> bool:
    """Return whether a process exists that is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def state_message(run: Any) -> str:
    """What a run's or task's state says."""
    assert run.state is not None
    return str(run.state.state_message)


def repair(client: Client, run_id: int, **fields: Any) -> int:
    """Run tasks of a run again; the repair's id."""
    status, answer = client.http("POST", "/api/2.2/jobs/runs/repair", {"run_id": run_id, **fields})
    assert status == 200, answer
    return int(answer["repair_id"])


def job_names(client: Client) -> list[str | None]:
    """The names of all jobs, in the order of the list."""
    return [job.settings.name for job in client.jobs.list() if job.settings]
