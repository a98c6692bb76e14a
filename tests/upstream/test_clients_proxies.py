"""SDK clients behind a proxy that the environment names."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from flask import Flask

from flask_lakeflow_jobs import UpstreamUnavailable, current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp


class ForwardingProxy(NamedTuple):
    """A proxy, and the paths of the requests through it."""

    url: str
    paths: list[str]


@pytest.fixture
def proxy(fault_proxy: FaultyWorkspace) -> Iterator[ForwardingProxy]:
    """A proxy that forwards all hosts to the workspace."""
    paths: list[str] = []
    opener = build_opener(ProxyHandler({}))

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(urlsplit(self.path).netloc + urlsplit(self.path).path)
            url = urlsplit(fault_proxy.host)._replace(
                path=urlsplit(self.path).path, query=urlsplit(self.path).query
            )
            token = {"Authorization": self.headers["Authorization"]}
            with opener.open(Request(url.geturl(), headers=token)) as response:  # noqa: S310
                body = response.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield ForwardingProxy(f"http://127.0.0.1:{server.server_port}", paths)
        server.shutdown()
        thread.join()


def test_proxy_of_the_environment_is_used(
    make_app: MakeApp, proxy: ForwardingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)

    with make_app(DATABRICKS_HOST="http://workspace.example").app_context():
        assert current_jobs["never"].get_job().job_id

    # other requests of this process may use the proxy too
    assert "workspace.example/api/2.2/jobs/get" in proxy.paths


def test_no_proxy_of_the_environment_is_respected(
    app: Flask, proxy: ForwardingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    with app.app_context():
        assert current_jobs["never"].get_job().job_id

    assert not proxy.paths


@pytest.mark.parametrize("no_proxy", [None, "example.com", "127.0.0.10", "*"])
def test_workspace_on_this_machine_is_reached_without_a_proxy(
    app: Flask,
    proxy: ForwardingProxy,
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: str | None,
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", no_proxy or "")
    if no_proxy is None:
        monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", proxy.url)

    with app.app_context():
        assert current_jobs["never"].get_job().job_id

    assert not proxy.paths
    added = [] if no_proxy == "*" else ["127.0.0.1"]
    assert os.environ["no_proxy"].split(",") == [*filter(None, [no_proxy]), *added]


def test_proxy_that_does_not_run_is_named(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused.getsockname()[1]}")
        app = make_app(DATABRICKS_HOST="http://workspace.example")
        with app.app_context(), pytest.raises(UpstreamUnavailable, match="PROXY") as failed:
            current_jobs["never"].run_now()
    assert failed.value.retryable
    assert not failed.value.is_ambiguous
