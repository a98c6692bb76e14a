"""What the example's tests share: running its tasks by hand, and serving it with gunicorn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

import example_app

EXAMPLE = Path(example_app.__file__).parent
DEADLINE = 60.0  # seconds; far more than anything here takes


def run_task(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the example's scripts as a job does: in a process of its own, in its folder."""
    script = EXAMPLE / "tasks" / f"{name}.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@dataclass(frozen=True)
class ApiResponse:
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """The example as it is served, seen from outside."""

    port: int
    instance: Path
    arbiter: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill_workers(self) -> None:
        """End the processes that serve, as if their machine had run out of memory."""
        children = Path(f"/proc/{self.arbiter}/task/{self.arbiter}/children").read_text()
        for worker in children.split():
            os.kill(int(worker), signal.SIGKILL)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``flask jobs …`` for the same app, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", _app(self.instance), "jobs", *arguments],
            cwd=EXAMPLE.parent,
            env=_environment(self.instance),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def ask(self, path: str, method: str = "GET", **headers: str) -> ApiResponse:
        return self._send(path, method, None, headers)

    def post(self, path: str, document: Any, **headers: str) -> ApiResponse:
        body = json.dumps(document).encode()
        return self._send(path, "POST", body, {"Content-Type": "application/json", **headers})

    def _send(
        self, path: str, method: str, body: bytes | None, headers: dict[str, str]
    ) -> ApiResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)) as connection:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return ApiResponse(response.status, dict(response.headers), response.read().decode())

    def follow(self, path: str) -> Iterator[dict[str, Any]]:
        """The states of a run, as a browser's EventSource would see them: it comes again, with the
        last id, until the stream says that it is over."""
        last_id = ""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            answer = self.ask(path, Last_Event_ID=last_id) if last_id else self.ask(path)
            assert answer.status in (200, 204), answer.body
            if answer.status == 204:
                return
            for block in answer.body.split("\n\n"):
                fields = dict(line.partition(": ")[::2] for line in block.splitlines())
                if fields.get("event") == "end":
                    return
                assert "event" not in fields, block
                if "data" in fields:
                    last_id = fields["id"]
                    yield json.loads(fields["data"])
        raise AssertionError(f"{path} did not end within {DEADLINE} s")

    def run(self, job: str, **params: str) -> str:
        """Start a run and see it to its successful end; gives its path."""
        started = self.post(f"/api/jobs/{job}/run", {"params": params})
        assert started.status == 200, started.body
        path = started.headers["Location"]
        *_, last = self.follow(f"{path}/stream")
        assert last["outcome"] == "succeeded", last
        return path


def serve(instance: Path, *options: str) -> AbstractContextManager[Site]:
    """The example behind gunicorn, from the root of the repository."""
    return _serve(["gunicorn", _app(instance), *options], EXAMPLE.parent, instance)


def _app(instance: Path) -> str:
    return f"example_app:create_app({str(instance)!r})"


def serve_as_databricks_apps(
    home: Path, settings: Mapping[str, str]
) -> AbstractContextManager[Site]:
    """The example by the command of its ``app.yaml``, from its own folder."""
    command = yaml.safe_load((EXAMPLE / "app.yaml").read_text())["command"]
    program, app, *options = (each for each in command if "$DATABRICKS_APP_PORT" not in each)
    return _serve([program, app, *options], EXAMPLE, home, settings)


@contextmanager
def _serve(
    command: list[str], folder: Path, home: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Run a server on a port of this machine."""
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
    """This process's environment without settings of ours, and with a home of its own: gunicorn
    keeps a socket there that all servers of one user would share."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABRICKS_", "LAKEFLOW_"))
    }
    return {**inherited, "HOME": str(home)}
