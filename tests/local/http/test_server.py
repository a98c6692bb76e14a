"""The HTTP server: its address, and its life."""

from __future__ import annotations

import resource
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from flask_lakeflow_jobs.local.folder import WorkspaceError
from flask_lakeflow_jobs.local.http import server as server_module
from flask_lakeflow_jobs.local.http.server import FilePart, HttpServer
from tests.local.support import break_new_servers
from tests.support import DEADLINE, wait_until

FILE_BYTES = 2**28


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def test_server_serves_an_application_until_it_is_stopped() -> None:
    server = HttpServer(0)
    server.start(hello)
    with urlopen(server.host) as response:  # noqa: S310 (http)
        assert response.read() == b"hello"
    server.stop()
    assert not server.is_serving
    with pytest.raises(OSError, match="refused"):
        urlopen(server.host)  # noqa: S310


def test_server_without_its_address_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_LOOPBACK", "192.0.2.1")  # no machine has it: RFC 5737
    with pytest.raises(WorkspaceError, match=r"^The local workspace cannot listen on 192\.0\.2\.1"):
        HttpServer(0)


def test_server_takes_another_port_if_the_preferred_one_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HttpServer(port)
        assert server.port not in (0, port)
        server.start(hello)
        server.stop()


def test_server_listens_on_loopback_only() -> None:
    server = HttpServer(0)
    server.start(hello)
    parts = urlsplit(server.host)
    assert parts.hostname == "127.0.0.1"
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in addresses - {"127.0.0.1", "::1"}:
        with pytest.raises(OSError, match=r"."):
            socket.create_connection((str(address), parts.port or 0), timeout=2).close()
    server.stop()


def test_server_failure_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = HttpServer(0)
    break_new_servers(monkeypatch)
    server.start(hello)
    wait_until(lambda: not server.is_serving, "the end of the server")
    assert "The server failed" in caplog.text
    server.stop()


def test_idle_connections_give_way_to_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (16, 16))
    server = HttpServer(0)
    server.start(hello)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    idle[0].send(b"GET / HT")  # a part of a request is none
    with urlopen(server.host, timeout=DEADLINE) as response:  # noqa: S310 (http)
        assert response.read() == b"hello"
    for each in idle:
        each.close()
    server.stop()


@pytest.fixture
def file_server() -> Iterator[tuple[HttpServer, Any]]:
    """A server of a large file at /file, and that file."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/file":
            return hello(environ, start_response)
        start_response("200 OK", [("Content-Length", str(FILE_BYTES))])
        return FilePart(open(file.name, "rb"))

    with tempfile.NamedTemporaryFile() as file:
        file.truncate(FILE_BYTES)
        server = HttpServer(0)
        server.start(application)
        yield server, file
        server.stop()


def test_clients_that_do_not_read_take_no_threads(file_server: tuple[HttpServer, Any]) -> None:
    """The server has four threads."""
    server, _ = file_server
    with ExitStack() as stack:
        for _ in range(6):
            address = ("127.0.0.1", server.port)
            client = stack.enter_context(socket.create_connection(address, DEADLINE))
            client.send(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            assert client.recv(1) == b"H"
        with urlopen(server.host, timeout=DEADLINE) as response:  # noqa: S310 (http)
            assert response.read() == b"hello"


@pytest.mark.parametrize(
    "head", [b"GET http://[::1/ HTTP/1.1", b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000]
)
def test_head_that_cannot_be_read_gets_an_answer(head: bytes) -> None:
    server = HttpServer(0)
    server.start(hello)
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
        client.send(head + b"\r\nHost: x\r\n\r\n")
        assert client.recv(2**10).startswith(b"HTTP/1.")
    server.stop()


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("size", "kept"), [(10, 10), (2**16, 2**16), (2**16 + 1, 0), (2**24, 0)])
def test_body_over_the_limit_is_not_kept(size: int, kept: int, is_chunked: bool) -> None:
    bodies: list[tuple[str, int]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bodies.append((environ["CONTENT_LENGTH"], len(environ["wsgi.input"].read())))
        return hello(environ, start_response)

    server = HttpServer(0)
    server.start(application, lambda *request: 2**16)
    body = iter([b"x" * size]) if is_chunked else b"x" * size
    connection = HTTPConnection(urlsplit(server.host).netloc, timeout=DEADLINE)
    for _ in range(2):  # the connection stays open
        connection.request("POST", "/", body)
        assert connection.getresponse().read() == b"hello"
        body = b""
    connection.close()
    server.stop()
    assert bodies == [(str(size), kept), ("0", 0)]
