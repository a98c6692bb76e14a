"""The workspace as a scenario holds it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class PastRun:
    """A run as the workspace knows it. Times are in seconds since the epoch."""

    run_id: int
    start: float
    end: float
    parameters: dict[str, Any]


class Workspace:
    """A workspace in a process of its own; it distinguishes clients by their tokens."""

    def __enter__(self) -> Workspace:
        command = [sys.executable, "-m", "benchmarks.workspace.server"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def host(self) -> str:
        """For ``DATABRICKS_HOST``."""
        return f"http://127.0.0.1:{self.port}"

    def add_job(
        self,
        job_id: int,
        shortest: float,
        longest: float | None = None,
        *,
        past: int = 0,
        step: float | None = None,
    ) -> None:
        """Add a job.

        :param shortest: seconds that a run takes at least.
        :param longest: seconds that it takes at most; ``None``: as many as at least.
        :param past: how many of its runs have ended already.
        :param step: seconds between two changes of a run; ``None``: it only ends.
        """
        self._control(
            "job",
            job_id=job_id,
            shortest=shortest,
            longest=shortest if longest is None else longest,
            past=past,
            step=step,
        )

    def start(self, job_id: int, age: float = 0.0) -> int:
        """Start a run.

        :param age: seconds since its start.
        :return: its id.
        """
        return int(self._control("start", job_id=job_id, age=age)["run_id"])

    def cancel(self, run_id: int) -> None:
        """Cancel a run, without a measured client."""
        self._control("cancel", run_id=run_id)

    def let_fail(self, token: str, **faults: Any) -> None:
        """Let a client's requests fail from now on.

        :param token: its bearer token, in lower case.
        :param faults: as :class:`benchmarks.workspace.faults.Faults` has them.
        """
        self._control("faults", token=token, **faults)

    def asked(self, token: str) -> dict[str, int]:
        """Return the number of requests, by kind.

        :param token: its bearer token, in lower case.
        :return: path after the version of the API → requests.
        """
        return dict(self._control("asked", token=token))

    def reads(self, token: str) -> int:
        """Return how often a client has polled runs.

        :param token: its bearer token, in lower case.
        """
        asked = self.asked(token)
        return asked.get("jobs/runs/get", 0) + asked.get("jobs/runs/list", 0)

    def runs(self, job_id: int) -> list[PastRun]:
        """Return the runs of a job, the oldest first."""
        return [PastRun(**run) for run in self._control("runs", job_id=job_id)]

    def _control(self, path: str, **body: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", f"/control/{path}", json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
