"""Servers that are found from the requests that they serve."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import waitress
from flask import Flask, request
from waitress import wasyncore
from werkzeug.serving import make_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_lakeflow_jobs.web.servers import UNLIMITED, Server, find_server, three_quarters

pytestmark = pytest.mark.usefixtures("_no_found_server")


def seen_by(app: Flask) -> list[Server]:
    """The servers of the requests of an app."""
    seen: list[Server] = []

    @app.get("/")
    def index() -> str:
        seen.append(find_server(request.environ))
        return "seen"

    return seen


def test_find_server_recognizes_the_test_client_but_no_adapter() -> None:
    app = Flask(__name__)
    seen = seen_by(app)
    app.test_client().get("/")
    run_wsgi_app(app, EnvironBuilder().get_environ())  # as serverless-wsgi does
    assert [server.stream_capacity for server in seen] == [three_quarters(UNLIMITED), 0]


@pytest.fixture(params=["werkzeug", "werkzeug-1", "waitress"])
def real_server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int, list[Server]]]:
    """The name and the port of a server, and a list of what its requests see."""
    app = Flask(__name__)
    seen = seen_by(app)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        server: Any
        if request.param == "waitress":
            server = Waitress(app, sock)
        else:
            is_threaded = request.param == "werkzeug"
            server = make_server("127.0.0.1", port, app, threaded=is_threaded, fd=sock.fileno())
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield request.param, port, seen
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Waitress:
    """Waitress with the methods of a server of Werkzeug; its own has none that stops it."""

    def __init__(self, app: Flask, sock: socket.socket) -> None:
        self._server = waitress.create_server(app, sockets=[sock], threads=8)
        self._is_stopping = False

    def serve_forever(self) -> None:
        while not self._is_stopping:
            wasyncore.loop(timeout=1, map=self._server._map, count=1)

    def shutdown(self) -> None:
        self._is_stopping = True
        self._server.pull_trigger()

    def server_close(self) -> None:
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._server._map)


def test_find_server_recognizes_a_real_server(real_server: tuple[str, int, list[Server]]) -> None:
    name, port, seen = real_server
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"seen"
    connection.close()
    expected = {"werkzeug": three_quarters(UNLIMITED), "werkzeug-1": 0, "waitress": 6}
    assert [server.stream_capacity for server in seen] == [expected[name]]
