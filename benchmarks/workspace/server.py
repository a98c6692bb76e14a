"""The process of the workspace: ``python -m benchmarks.workspace.server``.

It prints its port. Beside the Jobs API it has ``/control/…``, by which the scenarios steer it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from .faults import Faults
from .runs import Job, Runs

#: What cannot be served.
NOT_FOUND = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "There is none."}

ApiResponse = tuple[int, dict[str, Any]]


class State:
    """The jobs, runs and faults of the workspace."""

    def __init__(self) -> None:
        self.runs = Runs(random.Random(7))
        self.faults: defaultdict[str, Faults] = defaultdict(Faults)
        self.asked: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> ApiResponse:
        """Answer a request for the Jobs API.

        :param path: the part from ``jobs/`` on.
        :param query: its last values by name.
        """
        now = time.time()
        if (method, path) == ("POST", "jobs/run-now"):
            run = self.runs.start(body["job_id"], body.get("idempotency_token"), body, now)
            return 200, {"run_id": run.run_id, "number_in_job": run.run_id}
        if (method, path) == ("GET", "jobs/runs/list"):
            return 200, self.runs.page(query, now)
        if (method, path) == ("GET", "jobs/runs/get"):
            found = self.runs.find(int(query["run_id"]))
            return (404, NOT_FOUND) if found is None else (200, self.runs.to_document(found, now))
        if (method, path) == ("POST", "jobs/runs/cancel"):
            found = self.runs.find(int(body["run_id"]))
            if found is None:
                return 404, NOT_FOUND
            found.cancel(now)
            return 200, {}
        if path == "preview/scim/v2/Me":
            return 200, {"id": "1", "userName": "app@example.com"}
        return 404, NOT_FOUND

    def control(self, path: str, body: Any) -> Any:
        """Carry out a command of a scenario.

        :param path: after ``/control/``.
        """
        if path == "job":
            past = body.pop("past", 0)
            self.runs.add_job(Job(**body), past, time.time())
        elif path == "faults":
            token = body.pop("token")
            self.faults[token] = Faults(**body)
        elif path == "start":
            started = time.time() - body["age"]
            return {"run_id": self.runs.start(body["job_id"], None, {}, started).run_id}
        elif path == "cancel":
            run = self.runs.find(body["run_id"])
            assert run is not None
            run.cancel(time.time())
        elif path == "asked":
            return self.asked[body["token"]]
        elif path == "runs":
            return [
                {
                    "run_id": run.run_id,
                    "start": run.start,
                    "end": run.end,
                    "parameters": run.parameters,
                }
                for run in self.runs.jobs[body["job_id"]].runs
            ]
        return {}


class Connection(asyncio.Protocol):
    """One connection of HTTP/1.1, kept alive."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._received = b""
        self._answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self._received = rest[length:]
            method, target, _ = lines[0].split(" ")
            self._serve(method, target, headers, rest[:length])

    def _serve(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> None:
        path, _, query = target.partition("?")
        body = json.loads(raw) if raw else {}
        if path.startswith("/control/"):
            self._send(200, self._state.control(path.removeprefix("/control/"), body))
            return
        token = headers.get("authorization", "").removeprefix("bearer ")
        short = path.split("/", 3)[-1] if path.startswith("/api/") else path
        self._state.asked[token][short] += 1
        faults = self._state.faults[token]
        if faults.is_silent:
            return
        may_fail = short == "jobs/run-now" or faults.concerns_all
        fault = faults.draw() if may_fail else None
        if fault in ("429", "503"):
            self._refuse(int(fault))
            return
        status, answer = self._state.answer(method, short, dict(parse_qsl(query)), body)
        if fault == "drop":
            self._transport.abort()
        elif faults.delay:
            loop = asyncio.get_running_loop()
            self._answering = loop.call_later(faults.delay, self._send, status, answer)
        else:
            self._send(status, answer)

    def _refuse(self, status: int) -> None:
        code = "REQUEST_LIMIT_EXCEEDED" if status == 429 else "TEMPORARILY_UNAVAILABLE"
        extra = "Retry-After: 1\r\n" if status == 429 else ""
        self._send(status, {"error_code": code, "message": "Asked for."}, extra)

    def _send(self, status: int, answer: Any, extra: str = "") -> None:
        body = json.dumps(answer, separators=(",", ":")).encode()
        head = (
            f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n"
            f"x-databricks-org-id: 1\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


async def serve() -> None:
    """Serve until the process is ended."""
    state = State()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
