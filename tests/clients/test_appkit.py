"""AppKit with its jobs plugin, through its routes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import Install
from tests.clients.support import DRIVERS, WorkspaceProcess
from tests.sse_client import Stream
from tests.support import DEADLINE, wait_until

_APP = "appkit_app.mjs"
_PORT = "PORT="


@pytest.fixture
def appkit(install_from_npm: Install, workspace: WorkspaceProcess) -> Iterator[str]:
    """The address of the jobs plugin's routes."""
    folder = install_from_npm("appkit", "@databricks/appkit")
    shutil.copy(DRIVERS / _APP, folder)  # it imports packages from its own folder
    environ = {
        **workspace.environ,
        # Required, even with other jobs.
        "DATABRICKS_JOB_ID": str(workspace.job_id("etl")),
        "NODE_ENV": "production",
        "DISABLE_APPKIT_INTERNAL_TELEMETRY": "true",
    }
    process = subprocess.Popen(
        [str(folder / "bin" / "node"), _APP],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        try:
            port = next(line for line in process.stdout if line.startswith(_PORT))
            yield f"http://127.0.0.1:{port.removeprefix(_PORT).strip()}/api/jobs"
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # bin/node starts the real one


def test_run_is_streamed_to_its_end_and_listed(appkit: str, workspace: WorkspaceProcess) -> None:
    start = f"{appkit}/etl/run?stream=true"
    with Stream.open(start, method="POST", body={"params": {"day": "2013-02-03"}}) as stream:
        last = list(stream)[-1].json
    assert last["status"] == "TERMINATED"
    assert last["run"]["state"]["result_state"] == "SUCCESS"
    run_id = last["run"]["run_id"]
    assert run_id == workspace.runs("etl")[0].run_id
    status, listed = send("GET", f"{appkit}/etl/runs")
    assert status == 200
    assert listed["runs"][0]["run_id"] == run_id
    assert send("GET", f"{appkit}/etl/runs/{run_id}")[1]["state"]["result_state"] == "SUCCESS"


def test_run_is_canceled(appkit: str, workspace: WorkspaceProcess) -> None:
    status, started = send("POST", f"{appkit}/endless/run", {})
    assert status == 200
    assert send("DELETE", f"{appkit}/endless/runs/{started['runId']}")[0] == 204

    def state() -> Any:  # of the workspace: AppKit caches runs for 60 s
        run = workspace.runs("endless")[0].as_dict()
        return run if run["run_id"] == started["runId"] and "result_state" in run["state"] else None

    assert wait_until(state, "The end of the run")["state"]["result_state"] == "CANCELED"


def send(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """Send a request; return the status and the JSON of the response."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=DEADLINE)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, parts.path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "null")
    finally:
        connection.close()
