"""Which connections are taken over, and what is left of those that are."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from flask_lakeflow_jobs.web.sse.handoff import connection
from flask_lakeflow_jobs.web.sse.handoff.connection import connection_of, swap
from tests.web.test_server import GeventWorker, ThreadWorker, run_on


class Response:
    """Has the name, the module and the attributes by which gunicorn's is known."""

    __module__ = "gunicorn.http.wsgi"

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.headers_sent = True
        self.chunked = True
        self.sent = 10

    def start_response(self, *_: Any) -> None:
        """Begin a response."""

    def force_close(self) -> None:
        """Say in the headers that the connection is closed."""


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


def test_what_is_taken_still_sends_and_what_is_left_is_a_lost_connection(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    response = Response(near)
    connection = connection_of(environ(near), response.start_response)
    assert connection is not None
    descriptor = connection.take(10)
    assert descriptor is not None
    with socket.socket(fileno=descriptor) as taken:
        with pytest.raises(BrokenPipeError):
            near.sendall(b"the rest of what gunicorn sends")
        near.close()
        assert not os.get_blocking(descriptor)
        taken.sendall(b"an event")
        assert far.recv(100) == b"an event"


@pytest.mark.parametrize(
    ("attribute", "value"), [("headers_sent", False), ("chunked", False), ("sent", 9)]
)
def test_a_response_that_is_not_where_it_should_be_is_left_alone(
    pair: tuple[socket.socket, socket.socket], attribute: str, value: object
) -> None:
    near, far = pair
    response = Response(near)
    connection = connection_of(environ(near), response.start_response)
    setattr(response, attribute, value)
    assert connection is not None
    assert connection.take(10) is None
    near.sendall(b"gunicorn's")
    assert far.recv(100) == b"gunicorn's"


@pytest.mark.parametrize(
    "more",
    [{"SERVER_PROTOCOL": "HTTP/1.0"}, {"SERVER_PROTOCOL": "HTTP/2"}, {"REQUEST_METHOD": "HEAD"}],
)
def test_other_protocols_and_requests_without_a_body_are_left_alone(
    pair: tuple[socket.socket, socket.socket], more: dict[str, str]
) -> None:
    response = Response(pair[0])
    assert connection_of(environ(pair[0], **more), response.start_response) is None


def test_tls_is_left_alone() -> None:
    with ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(
        socket.socket(), server_hostname="localhost"
    ) as sock:
        assert connection_of(environ(sock), Response(sock).start_response) is None


def test_other_servers_and_wrapped_responses_are_left_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    response = Response(near)
    assert connection_of({}, response.start_response) is None
    assert connection_of(environ(near), lambda *_: response.start_response(*_)) is None
    assert connection_of(environ(far), response.start_response) is None
    del response.sent
    assert connection_of(environ(near), response.start_response) is None


def test_without_room_for_another_file_the_connection_is_left_alone(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = pair
    connection = connection_of(environ(near), Response(near).start_response)
    assert connection is not None

    def no_room() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", no_room)
    assert connection.take(10) is None
    near.sendall(b"gunicorn's")
    assert far.recv(100) == b"gunicorn's"


@pytest.fixture
def _anew() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    connection.is_possible.cache_clear()
    yield
    connection.is_possible.cache_clear()
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_anew")
@pytest.mark.parametrize(
    ("worker", "possible"), [(None, False), (GeventWorker(1), False), (ThreadWorker(1), True)]
)
def test_it_is_possible_on_gthread_workers(worker: ThreadWorker | None, possible: bool) -> None:
    if worker is not None:
        run_on(worker)
    assert connection.is_possible() is possible


@pytest.mark.usefixtures("_anew")
def test_where_the_trial_fails_it_is_not_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    run_on(ThreadWorker(1))
    monkeypatch.setattr(connection, "swap", lambda sock: sock.dup().detach())
    assert not connection.is_possible()


def test_a_swapped_socket_is_closed_without_closing_what_was_taken(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    with socket.socket(fileno=swap(near)) as taken:
        near.close()
        taken.sendall(b"still open")
        assert far.recv(100) == b"still open"
