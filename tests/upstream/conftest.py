"""Fixtures of the tests of upstream calls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from cachelib import SimpleCache
from flask import Flask
from requests.exceptions import ProxyError

from flask_lakeflow_jobs import current_jobs
from tests.conftest import MakeApp
from tests.support import wait_until
from tests.upstream.reads import Reads, SharedMemory
from tests.upstream.support import SHORT_SECONDS


@pytest.fixture(params=[SimpleCache, SharedMemory], ids=["process", "shared"])
def reads(request: pytest.FixtureRequest) -> Reads:
    """Reads through a cache of this process, and through one that processes share."""
    return Reads(backend=request.param())


@pytest.fixture
def short_timeouts(make_app: MakeApp) -> Iterator[Flask]:
    """An app whose calls time out after a second."""
    app = make_app(
        LAKEFLOW_JOBS_READ_TIMEOUT=SHORT_SECONDS, LAKEFLOW_JOBS_WRITE_TIMEOUT=SHORT_SECONDS
    )
    with app.app_context():
        # It loads the SDK and connects, which may take longer than a call may.
        wait_until(lambda: current_jobs["never"].results.last_run().ok, "a connection")
        yield app


@pytest.fixture(scope="module")
def unreachable() -> requests.ConnectionError:
    """The error of a connection to a port where no server listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(requests.ConnectionError) as refused:
        requests.get(f"http://127.0.0.1:{port}", timeout=5)
    return refused.value


@pytest.fixture(scope="module")
def broken() -> requests.ConnectionError:
    """The error of a connection that the server closes after it has read the request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.close()

        accepting = threading.Thread(target=hang_up)
        accepting.start()
        with pytest.raises(requests.ConnectionError) as error:
            requests.get(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=5)
        accepting.join()
    return error.value


@pytest.fixture(scope="module")
def no_tunnel() -> ProxyError:
    """The error of a proxy that makes no connection to the host."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 407 Login Required\r\nContent-Length: 0\r\n\r\n")

        refusing = threading.Thread(target=refuse)
        refusing.start()
        proxies = {"https": f"http://127.0.0.1:{proxy.getsockname()[1]}"}
        with pytest.raises(ProxyError) as refused:
            requests.get("https://workspace.example", proxies=proxies, timeout=5)
        refusing.join()
    return refused.value
