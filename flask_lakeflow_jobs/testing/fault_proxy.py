"""A proxy in front of a workspace that records requests and injects faults."""

from __future__ import annotations

import logging
import random as random_module
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

from .exchange import (
    Exchange,
    RecordedRequest,
    Reply,
    hash_token,
    keep_end_to_end,
    parse_body,
    send_request,
)
from .faults import Fault

_log = logging.getLogger("flask_lakeflow_jobs.local")


class HasAddress(Protocol):
    """The address of a workspace, such as that of ``flask_lakeflow_jobs.local.Workspace``."""

    @property
    def host(self) -> str: ...

    @property
    def token(self) -> str: ...


@dataclass
class FaultRule:
    """A fault and the requests that it applies to.

    :param method: e.g. ``POST``; ``None``: any.
    :param path: the end of the path; ``None``: any.
    :param times: the maximum number of requests; ``None``: no maximum.
    :param rate: the share of the requests.
    :param random: selects that share.
    :param applied: the number of requests so far.
    """

    fault: Fault
    method: str | None = None
    path: str | None = None
    times: int | None = None
    rate: float = 1.0
    random: random_module.Random | None = None
    applied: int = 0

    def matches(self, request: RecordedRequest) -> bool:
        """Return whether the fault applies to a request."""
        if self.times is not None and self.applied >= self.times:
            return False
        if not request.matches(self.method, self.path):
            return False
        return self.random is None or self.random.random() < self.rate


class FaultyWorkspace:
    """A proxy between a client and a workspace that records requests and injects faults.

    Give the client :attr:`host` and :attr:`token` instead of the workspace's own::

        with FaultyWorkspace(address) as workspace:
            workspace.fail(Drop(accepted=True), method="POST", path="jobs/run-now", times=1)
            app.config.update(DATABRICKS_HOST=workspace.host, DATABRICKS_TOKEN=workspace.token)

    :param workspace: the address of a local workspace, or any object with a host and a token.
    :param tokens: accepted bearer tokens of users. The proxy forwards them as the workspace's own.
    """

    def __init__(self, workspace: HasAddress, *, tokens: Iterable[str] = ()) -> None:
        self._workspace = workspace
        self._tokens = frozenset(tokens)
        self._rules: list[FaultRule] = []
        self._requests: list[RecordedRequest] = []
        self._changed = threading.Condition()
        self._port = 0

    @property
    def host(self) -> str:
        """The value for ``DATABRICKS_HOST``. It stays the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def token(self) -> str:
        """The value for ``DATABRICKS_TOKEN``."""
        return self._workspace.token

    def start(self) -> None:
        """Listen on the loopback interface."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="faulty-workspace", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and break open connections, as if the workspace were down."""
        self._server.shutdown()
        self._thread.join()
        self._server.break_connections()
        self._server.server_close()

    def __enter__(self) -> FaultyWorkspace:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        times: int | None = None,
        rate: float = 1.0,
        random: random_module.Random | None = None,
    ) -> FaultRule:
        """Inject a fault from now on. If several rules match a request, the first one applies.

        :param method: e.g. ``POST``; ``None``: any.
        :param path: the end of the path, e.g. ``jobs/run-now``, ``oidc/v1/token`` or
            ``databricks-config``; ``None``: any.
        :param times: the maximum number of requests; ``None``: no maximum.
        :param rate: the share of the requests, selected at random.
        :param random: the random generator for ``rate``. Seed it to make a test reproducible.
        :return: the rule, which counts the requests.
        :raises ValueError: a rate without a random generator.
        :raises TypeError: a class in place of a fault.
        """
        if isinstance(fault, type):
            raise TypeError(f"{fault.__name__} is a class. Pass a fault, as {fault.__name__}(…).")
        if rate < 1.0 and random is None:
            raise ValueError("A rate requires 'random', such as random.Random(1).")
        rule = FaultRule(fault, method, path, times, rate, random)
        with self._changed:
            self._rules.append(rule)
        return rule

    def clear_faults(self) -> None:
        """Remove all faults. Requests that hang keep hanging."""
        with self._changed:
            self._rules.clear()

    def record(self, request: RecordedRequest) -> Fault | None:
        """Record a request and return the fault that applies to it."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            rule = next((rule for rule in self._rules if rule.matches(request)), None)
            if rule is None:
                return None
            rule.applied += 1
            return rule.fault

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests so far, in the order of their arrival."""
        return self.find_requests()

    def find_requests(
        self, method: str | None = None, path: str | None = None
    ) -> list[RecordedRequest]:
        """Return the requests so far with a method and a path.

        :param method: e.g. ``GET``; ``None``: any.
        :param path: the end of the path; ``None``: any.
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
        """Wait for a number of requests with a method and a path, and return them.

        :param method: e.g. ``GET``; ``None``: any.
        :param path: the end of the path; ``None``: any.
        :param timeout: seconds.
        :raises TimeoutError: the requests did not arrive in time.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self.find_requests(method, path)) >= count, timeout
            ):
                raise TimeoutError(
                    f"{len(self.find_requests(method, path))} of {count} requests arrived within"
                    f" {timeout:g} seconds."
                )
            return self.find_requests(method, path)

    def forward(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        """Send a request to the workspace, with its token in place of a user's.

        :param target: path and query.
        :return: the response, with the proxy's address in place of the workspace's.
        :raises OSError: the workspace cannot be reached.
        """
        forwarded = keep_end_to_end(headers)
        if read_bearer_token(headers) in self._tokens:
            forwarded["Authorization"] = f"Bearer {self.token}"
        host = self._workspace.host
        reply = send_request(host, method, target, forwarded, body)
        return replace(reply, body=reply.body.replace(host.encode(), self.host.encode()))


def read_bearer_token(headers: Any) -> str:
    """Return the bearer token in the headers of a request, or an empty string."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], workspace: FaultyWorkspace) -> None:
        self.workspace = workspace
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._workers: WeakSet[threading.Thread] = WeakSet()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        # a script may end without stopping the workspace, while a client keeps a connection open
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._workers.add(thread)
        thread.start()

    def server_close(self) -> None:
        super().server_close()
        for thread in list(self._workers):
            thread.join()

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        self.closing.set()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                _log.debug("A connection was already closed.")

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("A client disconnected during an exchange.", exc_info=True)


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
            partial(workspace.forward, self.command, self.path, self.headers, raw),
            self.connection,
            self.wfile,
            self.server.closing,
        )
        fault = workspace.record(request) or _no_fault
        try:
            fault(exchange)
        except OSError:  # the workspace is down, or the client has disconnected
            exchange.reset()
        self.close_connection = self.close_connection or exchange.is_over

    do_DELETE = do_HEAD = do_PATCH = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        _log.debug(format, *args)


def _no_fault(exchange: Exchange) -> None:
    exchange.respond(exchange.forward())
