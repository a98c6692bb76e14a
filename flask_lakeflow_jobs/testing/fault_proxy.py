"""A workspace with a faulty road in front of it."""

from __future__ import annotations

import logging
import random as random_module
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from .exchange import (
    HOP_BY_HOP_HEADERS,
    Exchange,
    ForwardedRequest,
    RecordedRequest,
    hash_token,
    parse_body,
)
from .faults import Fault

_log = logging.getLogger("flask_lakeflow_jobs.local")


class Address(Protocol):
    """Where a workspace answers: what ``flask_lakeflow_jobs.local`` gives, or anything like it."""

    @property
    def host(self) -> str: ...

    @property
    def token(self) -> str: ...


@dataclass
class Rule:
    """Which requests a fault befalls.

    :param fault: what happens to them.
    :param method: e.g. ``POST``; ``None``: any.
    :param path: the end of their path; ``None``: any.
    :param times: how many of them; ``None``: all.
    :param rate: the share of them that it befalls.
    :param random: draws them.
    :param applied: how many it has befallen.
    """

    fault: Fault
    method: str | None = None
    path: str | None = None
    times: int | None = None
    rate: float = 1.0
    random: random_module.Random | None = None
    applied: int = 0

    def matches(self, request: RecordedRequest) -> bool:
        """Whether it is this request's turn; if so, it is counted.

        :param request: it.
        """
        if self.times is not None and self.applied >= self.times:
            return False
        if not request.matches(self.method, self.path):
            return False
        if self.random is not None and self.random.random() >= self.rate:
            return False
        self.applied += 1
        return True


class FaultyWorkspace:
    """Stands between a client and a workspace, breaks what it is told to break, and records all.

    Give a client :attr:`host` and :attr:`token` in place of the workspace's own::

        with FaultyWorkspace(address) as workspace:
            workspace.fail(Drop(accepted=True), method="POST", path="jobs/run-now", times=1)
            app.config.update(DATABRICKS_HOST=workspace.host, DATABRICKS_TOKEN=workspace.token)

    :param workspace: the workspace: an local one's address, or anything with a host and a token.
    :param tokens: what else is let in as a bearer token, for users; to the workspace each of them
        passes as its own token.
    """

    def __init__(self, workspace: Address, *, tokens: Iterable[str] = ()) -> None:
        self._workspace = workspace
        self._tokens = frozenset(tokens)
        self._rules: list[Rule] = []
        self._requests: list[RecordedRequest] = []
        self._changed = threading.Condition()
        self._port = 0

    @property
    def host(self) -> str:
        """For ``DATABRICKS_HOST``; the same after a stop and a start."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """For ``DATABRICKS_TOKEN``."""
        return self._workspace.token

    # ── up and down ───────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Listen, on the loopback interface only."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="faulty-workspace", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and break what is open: to clients the workspace is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.break_connections()
        self._server.server_close()

    def __enter__(self) -> FaultyWorkspace:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ── faults ────────────────────────────────────────────────────────────────────────────────────

    def fail(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        times: int | None = None,
        rate: float = 1.0,
        random: random_module.Random | None = None,
    ) -> Rule:
        """Let something go wrong from now on. Of several rules for a request the first holds.

        :param fault: what.
        :param method: e.g. ``POST``; ``None``: with any.
        :param path: the end of the request's path, e.g. ``jobs/run-now``, ``oidc/v1/token`` or
            ``databricks-config``; ``None``: with any.
        :param times: with how many requests; ``None``: with all of them.
        :param rate: with which share of them, drawn by chance.
        :param random: the source of chance; a seeded one makes the draw the same each time.
        :return: the rule, which counts.
        :raises ValueError: a rate without a source of chance.
        """
        if rate < 1.0 and random is None:
            raise ValueError("A rate needs 'random', such as random.Random(1), to draw by.")
        rule = Rule(fault, method, path, times, rate, random)
        with self._changed:
            self._rules.append(rule)
        return rule

    def clear_faults(self) -> None:
        """Let nothing go wrong any more; what hangs goes on hanging."""
        with self._changed:
            self._rules.clear()

    def record(self, request: RecordedRequest) -> Fault | None:
        """Record a request, and find out what befalls it.

        :param request: it.
        """
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return next((rule.fault for rule in self._rules if rule.matches(request)), None)

    # ── records ───────────────────────────────────────────────────────────────────────────────────

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests so far, in the order in which they came."""
        return self.find_requests()

    def find_requests(
        self, method: str | None = None, path: str | None = None
    ) -> list[RecordedRequest]:
        """The requests of a kind so far.

        :param method: e.g. ``GET``; ``None``: any.
        :param path: the end of their path; ``None``: any.
        """
        with self._changed:
            return [request for request in self._requests if request.matches(method, path)]

    def wait_for(
        self,
        count: int = 1,
        *,
        method: str | None = None,
        path: str | None = None,
        timeout: float = 30.0,
    ) -> list[RecordedRequest]:
        """Wait until requests of a kind have come.

        :param count: how many.
        :param method: e.g. ``GET``; ``None``: any.
        :param path: the end of their path; ``None``: any.
        :param timeout: seconds.
        :raises TimeoutError: they have not.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self.find_requests(method, path)) >= count, timeout
            ):
                raise TimeoutError(
                    f"{len(self.find_requests(method, path))} of {count} requests came within"
                    f" {timeout:g} seconds."
                )
            return self.find_requests(method, path)

    # ── what the connections need ─────────────────────────────────────────────────────────────────

    def build_forwarded_request(
        self, method: str, target: str, headers: Any, body: bytes
    ) -> ForwardedRequest:
        """A client's request as the workspace gets it.

        :param method: e.g. ``GET``.
        :param target: path and query.
        :param headers: the client's.
        :param body: the bytes.
        """
        kept = {name: headers[name] for name in headers if name.lower() not in HOP_BY_HOP_HEADERS}
        if read_bearer_token(headers) in self._tokens:
            kept["Authorization"] = f"Bearer {self.token}"
        return ForwardedRequest(self._workspace.host, method, target, kept, body)

    def rewrite(self, body: bytes) -> bytes:
        """Lead whoever follows an address in a body over this road too.

        :param body: as the workspace sent it.
        """
        return body.replace(self._workspace.host.encode(), self.host.encode())


def read_bearer_token(headers: Any) -> str:
    """The token of a request; empty without one.

    :param headers: the request's.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # they are waited for when the server closes

    def __init__(self, address: tuple[str, int], workspace: FaultyWorkspace) -> None:
        self.workspace = workspace
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        self.closing.set()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                _log.debug("A connection was gone already.")

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("A client went away in the middle of an exchange.", exc_info=True)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        workspace = self.server.workspace
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        token = read_bearer_token(self.headers)
        request = RecordedRequest(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            body=parse_body(raw),
            token=hash_token(token) if token else "",
        )
        exchange = Exchange(
            request,
            workspace.build_forwarded_request(self.command, self.path, self.headers, raw),
            self.connection,
            self.wfile,
            self.server.closing,
            workspace.rewrite,
        )
        fault = workspace.record(request) or _no_fault
        try:
            fault(exchange)
        except OSError:  # the workspace is not there, or the client is gone
            exchange.reset()
        self.close_connection = self.close_connection or exchange.is_over

    do_DELETE = do_HEAD = do_PATCH = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        _log.debug(format, *args)


def _no_fault(exchange: Exchange) -> None:
    exchange.respond(exchange.forward())
