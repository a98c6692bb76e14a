"""Helpers for the example's tests: run its tasks as scripts, and serve it with gunicorn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

import example_app
from flask_lakeflow_jobs.local import stop_workspace
from tests.support import DEADLINE

EXAMPLE = Path(example_app.__file__).parent


def run_task(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the example as a job does: in its own process and folder."""
    script = EXAMPLE / "tasks" / f"{name}.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """The served example and an HTTP client for it."""

    port: int
    instance: Path
    arbiter: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill_workers(self) -> None:
        """Kill the worker processes."""
        children = Path(f"/proc/{self.arbiter}/task/{self.arbiter}/children").read_text()
        for worker in children.split():
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(int(worker), signal.SIGKILL)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``flask jobs`` for the same app in another process."""
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", _app(self.instance), "jobs", *arguments],
            cwd=EXAMPLE.parent,
            env=_environment(self.instance),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def request(self, path: str, method: str = "GET", **headers: str) -> HttpResponse:
        return self._send(path, method, None, headers)

    def post(self, path: str, document: Any, **headers: str) -> HttpResponse:
        body = json.dumps(document).encode()
        return self._send(path, "POST", body, {"Content-Type": "application/json", **headers})

    def _send(
        self, path: str, method: str, body: bytes | None, headers: dict[str, str]
    ) -> HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)) as connection:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return HttpResponse(response.status, dict(response.headers), response.read().decode())

    def follow(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the states of a run. Reconnect with the last id, as an EventSource does."""
        last_id = ""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            response = self.request(path, Last_Event_ID=last_id) if last_id else self.request(path)
            assert response.status in (200, 204), response.body
            if response.status == 204:
                return
            for block in response.body.split("\n\n"):
                fields = dict(line.partition(": ")[::2] for line in block.splitlines())
                if fields.get("event") == "end":
                    return
                assert "event" not in fields, block
                if "data" in fields:
                    last_id = fields["id"]
                    yield json.loads(fields["data"])
        raise AssertionError(f"{path} did not end within {DEADLINE} s")

    def run(self, job: str, **params: str) -> str:
        """Start a run, wait for its success and return its path."""
        started = self.post(f"/api/jobs/{job}/run", {"params": params})
        assert started.status == 200, started.body
        path = started.headers["Location"]
        *_, last = self.follow(f"{path}/stream")
        assert last["outcome"] == "succeeded", last
        return path


@contextmanager
def serve(instance: Path, *options: str) -> Iterator[Site]:
    """Serve the example with gunicorn from the root of the repository, with its own workspace."""
    # gunicorn kills a worker that is silent for longer, as while a busy machine loads the SDK.
    command = ["gunicorn", _app(instance), f"--timeout={DEADLINE:g}", *options]
    try:
        with _serve(command, EXAMPLE.parent, instance) as site:
            yield site
    finally:
        stop_workspace(instance / "lakeflow")


def _app(instance: Path) -> str:
    return f"example_app:create_app({str(instance)!r})"


def serve_as_databricks_apps(
    home: Path, settings: Mapping[str, str]
) -> AbstractContextManager[Site]:
    """Serve the example with the command of its ``app.yaml``, from its own folder."""
    command = yaml.safe_load((EXAMPLE / "app.yaml").read_text())["command"]
    program, app, *options = (each for each in command if "$DATABRICKS_APP_PORT" not in each)
    return _serve([program, app, *options], EXAMPLE, home, settings)


@contextmanager
def _serve(
    command: list[str], folder: Path, home: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Run a server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--log-level=warning", f"--bind=fd://{descriptor}"],
            cwd=folder,
            pass_fds=[descriptor],
            env={**_environment(home), **(settings or {})},
        )
        try:
            yield Site(listener.getsockname()[1], home, process.pid)
        finally:
            process.terminate()
            process.wait(DEADLINE)


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment without settings, and with another home folder.

    gunicorn has a socket in the home folder that all servers of a user would share.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABRICKS_", "LAKEFLOW_"))
    }
    return {**inherited, "HOME": str(home)}
