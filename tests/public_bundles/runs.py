"""Runs every job of a bundle on a local workspace of its own, and reports each task."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# The code is other people's: of this machine's environment, it sees what an installer needs.
_ENVIRONMENT = re.compile(
    r"PATH|LANG|LC_.*|TZ|TMPDIR|JAVA_HOME|PYENV_ROOT|UV_.*|PIP_.*|SSL_CERT_\w+|REQUESTS_CA_BUNDLE"
    r"|CURL_CA_BUNDLE|(?:HTTPS?|NO|ALL)_PROXY",
    re.IGNORECASE,
)
_ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
_OTHER_RUN = re.compile(r"Run \d+ of job \d+ failed: ")
_NOT_REACHED = ("UPSTREAM_FAILED", "UPSTREAM_CANCELED", "EXCLUDED")
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class TaskReport:
    """A task that ran, or that failed by itself.

    :param job: the key of its job.
    :param kind: such as ``notebook_task``.
    :param error: empty if it ran.
    """

    job: str
    task: str
    kind: str
    error: str = ""


@dataclass(slots=True)
class BundleReport:
    """The result of a bundle.

    :param refusal: the reason why the bundle does not load; empty if it loads.
    :param not_reached: the number of tasks that wait for a task that failed.
    """

    name: str
    refusal: str = ""
    tasks: list[TaskReport] = field(default_factory=list)
    not_reached: int = 0


def run_bundle(
    name: str,
    root: Path,
    folder: Path,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
    seconds: float = 240.0,
) -> BundleReport:
    """Run every job of a bundle, one after the other.

    :param name: the bundle's name in the report.
    :param root: the folder of its ``databricks.yml``.
    :param folder: of the workspace; it is also the home of the tasks.
    :param seconds: a job that takes longer is canceled.
    """
    report = BundleReport(name)
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local", "--install"]
    command += ["--bundle", str(root), "--folder", str(folder / "workspace")]
    if target:
        command += ["--target", target]
    for key, value in (variables or {}).items():
        command += ["--var", f"{key}={value}"]
    with _running(command, folder) as process:
        lines = _read_exports(process)
        if "DATABRICKS_HOST" not in lines:
            report.refusal = (folder / "log").read_text(errors="replace").strip()
            return report
        client = _Client(lines["DATABRICKS_HOST"], lines["DATABRICKS_TOKEN"])
        for job_id in client.list_jobs():
            _run_job(client, job_id, report, seconds)
    return report


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {
        **{name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)},
        "HOME": str(home),
        "MPLBACKEND": "Agg",
    }
    # The packages of many bundles are the same ones.
    environment.setdefault("UV_CACHE_DIR", str(Path("~/.cache/uv").expanduser()))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read_exports(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return the settings that the workspace prints; none if it refuses the bundle."""
    exports: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        key, _, value = line.decode().removeprefix("export ").strip().partition("=")
        exports[key] = value
        if key == "DATABRICKS_TOKEN":  # only jobs follow, and a bundle may have none
            break
    return exports


class _Client:
    """A client of a workspace."""

    def __init__(self, host: str, token: str) -> None:
        self._netloc = urlsplit(host).netloc
        self._token = token

    def call(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        connection = HTTPConnection(self._netloc, timeout=60)
        try:
            connection.request(
                method,
                f"/api/2.2/jobs/{path}",
                json.dumps(fields) if fields else None,
                {"Authorization": f"Bearer {self._token}"},
            )
            content: dict[str, Any] = json.loads(connection.getresponse().read())
            return content
        finally:
            connection.close()

    def list_jobs(self) -> list[int]:
        """Return the jobs in the order of the bundle: those of the setup often come first."""
        found, token = [], ""
        while True:
            page = self.call("GET", f"list?limit=100&page_token={token}")
            found += [job["job_id"] for job in page.get("jobs", [])]
            if not (token := page.get("next_page_token", "")):
                return found


def _run_job(client: _Client, job_id: int, report: BundleReport, seconds: float) -> None:
    name = client.call("GET", f"get?job_id={job_id}")["settings"].get("name", "")
    started = client.call("POST", "run-now", job_id=job_id)
    if "run_id" not in started:
        report.tasks.append(TaskReport(name, "", "", started.get("message", str(started))))
        return
    path = f"runs/get?run_id={started['run_id']}"
    deadline = time.monotonic() + seconds
    while (run := client.call("GET", path))["state"]["life_cycle_state"] not in _ENDED:
        if deadline and time.monotonic() > deadline:
            client.call("POST", "runs/cancel", run_id=started["run_id"])
            deadline = 0
        time.sleep(_POLL_SECONDS)
    for task in choose_attempts(run.get("tasks", [])):
        _report_task(client, name, task, report)


def choose_attempts(tasks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last attempt of each task that was not canceled before it started."""
    chosen: dict[str, Mapping[str, Any]] = {}
    for task in tasks:  # a retry comes after the attempt that failed
        if task["task_key"] not in chosen or _has_started(task):
            chosen[task["task_key"]] = task
    return list(chosen.values())


def _has_started(task: Mapping[str, Any]) -> bool:
    is_canceled = task["state"].get("result_state") == "CANCELED"
    return not is_canceled or any(task.get(f"{each}_duration") for each in ("setup", "execution"))


def has_own_error(task: Mapping[str, Any], error: str) -> bool:
    """Return whether a task failed by itself, not because of another task.

    One that runs another job fails with it, and the report of that job says why.
    """
    is_reached = task["state"].get("result_state") not in _NOT_REACHED and _has_started(task)
    return is_reached and not _OTHER_RUN.match(error)


def _report_task(client: _Client, job: str, task: Mapping[str, Any], report: BundleReport) -> None:
    kind = next((key for key in task if key.endswith("_task")), "")
    state = task["state"]
    if state.get("result_state") == "SUCCESS":
        report.tasks.append(TaskReport(job, task["task_key"], kind))
        return
    output = client.call("GET", f"runs/get-output?run_id={task['run_id']}")
    error = output.get("error") or state.get("state_message") or str(state)
    if has_own_error(task, error):
        report.tasks.append(TaskReport(job, task["task_key"], kind, error))
    else:
        report.not_reached += 1
