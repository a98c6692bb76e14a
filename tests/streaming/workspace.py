"""A workspace of one job whose runs are in whatever state a test says, over real HTTP."""

from __future__ import annotations

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

#: Runs in one page of runs/list. Source: Jobs API 2.2.
PAGE = 25


class StatedWorkspace:
    """Answers for runs as they are stated, and counts how often it is asked."""

    token = "dapi-of-the-app"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, Document] = {}
        self._asked: list[str] = []
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._server = _Server(("127.0.0.1", 0), self)
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> StatedWorkspace:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def state(self, run_id: int, doing: Document = RUNNING, **fields: Any) -> int:
        """Let a run be in a state from now on.

        :return: its id.
        """
        with self._lock:
            self._runs[run_id] = {
                "run_id": run_id,
                "job_id": JOB_ID,
                "start_time": 1,
                **doing,
                **fields,
            }
        return run_id

    def end(self, run_id: int, **fields: Any) -> None:
        """Let a run end well."""
        self.state(run_id, SUCCEEDED, end_time=2, **fields)

    def delete(self, run_id: int) -> None:
        with self._lock:
            del self._runs[run_id]

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let nobody have an answer."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    @property
    def looks(self) -> int:
        """How often it was asked for runs that go on, by run or by page."""
        with self._lock:
            return sum(asked != "past" for asked in self._asked)

    def wait_for_looks(self, more: int) -> None:
        """Wait until it was asked so many times more."""
        enough = self.looks + more
        wait_until(lambda: self.looks >= enough, f"{more} more looks")

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Document]:
        """The status and the body for a request."""
        self._may_answer.wait(DEADLINE)
        with self._lock:
            if path.endswith("/jobs/runs/get"):
                self._asked.append("run")
                run = self._runs.get(int(query["run_id"]))
                if run is not None:
                    return 200, run
            if path.endswith("/jobs/runs/list"):
                if "completed_only" in query:
                    self._asked.append("past")
                    return 200, {"runs": []}
                self._asked.append("page")
                return 200, self._page(int(query.get("page_token") or 0))
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "It is not there."}

    def _page(self, begin: int) -> Document:
        going = sorted((run for run in self._runs.values() if "end_time" not in run), key=_newest)
        page: Document = {"runs": going[begin : begin + PAGE]}
        if len(going) > begin + PAGE:
            page["next_page_token"] = str(begin + PAGE)
        return page


def _newest(run: Document) -> int:
    return -int(run["run_id"])


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], workspace: StatedWorkspace) -> None:
        self.workspace = workspace
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may be killed; that is what is tested."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        status, document = self.server.workspace.answer(parts.path, query)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""
