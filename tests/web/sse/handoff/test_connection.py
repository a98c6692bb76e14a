"""Connections that are handed off, and what gunicorn keeps of them."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs import loggers
from flask_lakeflow_jobs.web.sse.handoff import connection
from flask_lakeflow_jobs.web.sse.handoff.connection import (
    detach_socket,
    find_connection,
)


class Response:
    """Has the name, the module and the attributes of gunicorn's response."""

    __module__ = "gunicorn.http.wsgi"

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.headers_sent = True
        self.chunked = True
        self.sent = 10

    def start_response(self, *_: Any) -> None:
        """Begin a response."""

    def force_close(self) -> None:
        """Send ``Connection: close``."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    far.settimeout(30)
    with near, far:
        yield near, far


def environ(sock: object, **more: str) -> dict[str, Any]:
    return {
        "gunicorn.socket": sock,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "GET",
        **more,
    }


def test_detach_keeps_the_descriptor_and_disconnects_gunicorns_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    response = Response(near)
    connection = find_connection(environ(near), response.start_response)
    assert connection is not None
    assert connection.has_sent(10)
    descriptor = connection.detach()
    assert descriptor is not None
    with socket.socket(fileno=descriptor) as detached:
        with pytest.raises(BrokenPipeError):
            near.sendall(b"the rest of what gunicorn sends")
        near.close()
        assert not os.get_blocking(descriptor)
        detached.sendall(b"an event")
        assert far.recv(100) == b"an event"


@pytest.mark.parametrize(
    ("attribute", "value"), [("headers_sent", False), ("chunked", False), ("sent", 9)]
)
def test_has_sent_with_an_unexpected_response_is_false(
    pair: tuple[socket.socket, socket.socket], attribute: str, value: object
) -> None:
    response = Response(pair[0])
    connection = find_connection(environ(pair[0]), response.start_response)
    setattr(response, attribute, value)
    assert connection is not None
    assert not connection.has_sent(10)


@pytest.mark.parametrize(
    "more",
    [{"SERVER_PROTOCOL": "HTTP/1.0"}, {"SERVER_PROTOCOL": "HTTP/2"}, {"REQUEST_METHOD": "HEAD"}],
)
def test_find_connection_other_protocols_or_head_is_none(
    pair: tuple[socket.socket, socket.socket], more: dict[str, str]
) -> None:
    response = Response(pair[0])
    assert find_connection(environ(pair[0], **more), response.start_response) is None


def test_find_connection_tls_is_none() -> None:
    with ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(
        socket.socket(), server_hostname="localhost"
    ) as sock:
        assert find_connection(environ(sock), Response(sock).start_response) is None


def test_find_connection_other_server_or_wrapped_response_is_none(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    response = Response(near)
    assert find_connection({}, response.start_response) is None
    assert find_connection(environ(near), lambda *_: response.start_response(*_)) is None
    assert find_connection(environ(far), response.start_response) is None
    del response.sent
    assert find_connection(environ(near), response.start_response) is None


@pytest.mark.parametrize(
    ("more", "is_wrapped", "reason"),
    [
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, False, "because requests arrive over HTTP/1.0"),
        ({}, True, "because a middleware or a tracer wraps start_response"),
    ],
)
def test_find_connection_logs_once_why_there_is_none(
    pair: tuple[socket.socket, socket.socket],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, str],
    is_wrapped: bool,
    reason: str,
) -> None:
    monkeypatch.setattr(loggers, "_logged", {})
    response = Response(pair[0])
    start_response = (lambda *_: None) if is_wrapped else response.start_response
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.web"):
        for _ in range(3):
            assert find_connection(environ(pair[0], **more), start_response) is None
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert reason in record.getMessage()


def test_detach_at_the_limit_on_open_files_returns_none(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = pair
    connection = find_connection(environ(near), Response(near).start_response)
    assert connection is not None

    def raise_emfile() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", raise_emfile)
    assert connection.detach() is None
    near.sendall(b"gunicorn's")
    assert far.recv(100) == b"gunicorn's"


@pytest.fixture
def set_gunicorn_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets the version of gunicorn that runs this process."""
    connection.is_supported.cache_clear()

    def set_version(major: int) -> None:
        monkeypatch.setitem(sys.modules, "gunicorn", SimpleNamespace(version_info=(major, 0, 0)))

    yield set_version
    connection.is_supported.cache_clear()


@pytest.mark.parametrize(("version", "expected"), [(22, False), (23, True), (27, True)])
def test_is_supported_on_new_versions_of_gunicorn_only(
    set_gunicorn_version: Callable[[int], None], version: int, expected: bool
) -> None:
    set_gunicorn_version(version)
    assert connection.is_supported() is expected


def test_is_supported_without_gunicorn_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gunicorn", raising=False)
    connection.is_supported.cache_clear()
    assert not connection.is_supported()


def test_is_supported_is_false_if_detaching_fails(
    set_gunicorn_version: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_gunicorn_version(23)
    monkeypatch.setattr(connection, "detach_socket", lambda sock: sock.dup().detach())
    assert not connection.is_supported()


def test_detach_socket_survives_the_close_of_the_old_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    with socket.socket(fileno=detach_socket(near)) as detached:
        near.close()
        detached.sendall(b"still open")
        assert far.recv(100) == b"still open"
