"""A fake workspace over real HTTP: tests set the states of the runs of its one job."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.run_documents import JOB_ID, SUCCEEDED, Document, run_state
from tests.support import DEADLINE, wait_until

RUNNING = run_state("RUNNING")
CANCELED = run_state("TERMINATED", "CANCELED", status="TERMINATED", code="USER_CANCELED")

#: Runs in one page of runs/list. Source: Jobs API 2.2.
PAGE = 25


class FakeWorkspace:
    """Answers for runs as they are fake_workspace, and counts how often it is asked."""

    token = "dapi-of-the-app"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, Document] = {}
        self._requests: list[str] = []
        self._new_run_ids = itertools.count(500_001)
        self._is_responsive = threading.Event()
        self._is_responsive.set()
        self._server = _Server(("127.0.0.1", 0), self)
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> FakeWorkspace:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def set_state(self, run_id: int, state: Document = RUNNING, **fields: Any) -> int:
        """Set the state of a run, and return its id."""
        with self._lock:
            self._runs[run_id] = {
                "run_id": run_id,
                "job_id": JOB_ID,
                "start_time": 1,
                **state,
                **fields,
            }
        return run_id

    def end_run(self, run_id: int, **fields: Any) -> None:
        """Let a run succeed."""
        self.set_state(run_id, SUCCEEDED, end_time=2, **fields)

    @contextmanager
    def unresponsive(self) -> Iterator[None]:
        """Send no response meanwhile."""
        self._is_responsive.clear()
        try:
            yield
        finally:
            self._is_responsive.set()

    @property
    def polls(self) -> int:
        """The number of requests for active runs, by run or by page."""
        with self._lock:
            return sum(request != "past" for request in self._requests)

    def wait_for_polls(self, more: int) -> None:
        """Wait for so many more polls."""
        expected = self.polls + more
        wait_until(lambda: self.polls >= expected, f"{more} more polls")

    def respond(self, path: str, query: dict[str, str]) -> tuple[int, Document]:
        """Return the status and the body of a response."""
        self._is_responsive.wait(DEADLINE)
        with self._lock:
            if path.endswith("/jobs/runs/get"):
                self._requests.append("run")
                run = self._runs.get(int(query["run_id"]))
                if run is not None:
                    return 200, run
            if path.endswith("/jobs/runs/list"):
                if "completed_only" in query:
                    self._requests.append("past")
                    return 200, {"runs": []}
                self._requests.append("page")
                return 200, self._page(int(query.get("page_token") or 0))
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "It is not there."}

    def receive(self, path: str, document: Document) -> tuple[int, Document]:
        """Start or cancel a run, and return the status and the body of the response."""
        if path.endswith("/jobs/run-now"):
            run_id = self.set_state(next(self._new_run_ids))
            return 200, {"run_id": run_id, "number_in_job": run_id}
        if path.endswith("/jobs/runs/cancel"):
            self.set_state(document["run_id"], CANCELED, end_time=2)
            return 200, {}
        return self.respond(path, {})

    def _page(self, begin: int) -> Document:
        active = sorted((run for run in self._runs.values() if "end_time" not in run), key=_newest)
        page: Document = {"runs": active[begin : begin + PAGE]}
        if len(active) > begin + PAGE:
            page["next_page_token"] = str(begin + PAGE)
        return page


def _newest(run: Document) -> int:
    return -int(run["run_id"])


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], workspace: FakeWorkspace) -> None:
        self.workspace = workspace
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: some tests kill clients."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self._send(*self.server.workspace.respond(parts.path, query))

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(*self.server.workspace.receive(self.path, document))

    def _send(self, status: int, document: Document) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""
