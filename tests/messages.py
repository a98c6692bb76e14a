"""A service that messages about ends are sent to, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flask_lakeflow_jobs.config.notify import NotifyUrl


class Service(ThreadingHTTPServer):
    """A service that messages are sent to. It answers with :attr:`status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.messages: list[dict[str, Any]] = []

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[Service]:
        """Yield a service that runs."""
        with cls() as service:
            thread = threading.Thread(target=service.serve_forever, args=(0.02,))
            thread.start()
            yield service
            service.shutdown()
            thread.join()

    @property
    def url(self) -> NotifyUrl:
        return NotifyUrl(f"json://user:hunter2@127.0.0.1:{self.server_port}/hook")


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...
