"""How requests go over the network: their connections, certificates, URLs, and where they are sent
on to."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, UpstreamError, UpstreamUnavailable, current_jobs
from flask_lakeflow_jobs.upstream.session import install_session

JOB = {"job_id": 7, "settings": {"name": "etl"}}


@dataclass
class Host:
    """A server in the workspace's place.

    :param answer: body, and headers, for a path and its query.
    """

    answer: Callable[[str, dict[str, list[str]]], tuple[int, bytes, dict[str, str]]]
    connections: int = 0
    asked: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    url: str = ""


Serving = Callable[..., Host]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Starts servers, with TLS where they are given a certificate."""
    ends: list[Callable[[], object]] = []

    def start(host: Host, certificate: trustme.LeafCert | None = None) -> Host:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                host.connections += 1
                super().setup()

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                url = urlsplit(self.path)
                query = parse_qs(url.query)
                host.asked.append((url.path, query, self.headers["Authorization"]))
                status, body, headers = host.answer(url.path, query)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        host.url = f"http://127.0.0.1:{server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            host.url = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        ends.extend([server.shutdown, thread.join, server.server_close])
        return host

    yield start
    for end in ends:
        end()


def _spelled(body: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(body).encode(), {"Content-Type": "application/json"}


def _app(host: Host) -> Flask:
    app = Flask("app")
    app.config.update(DATABRICKS_HOST=host.url, DATABRICKS_TOKEN="t", LAKEFLOW_JOBS_READ_TIMEOUT=5)
    LakeflowJobs(app, jobs={"etl": {"job_id": 7, "task_type": "job"}})
    return app


def _of_jobs(host: Host) -> list[str]:
    return [path for path, _, _ in host.asked if "/jobs/" in path]


def test_as_many_calls_as_are_made_at_once_keep_their_connections(serving: Serving) -> None:
    calls = 24
    together = threading.Barrier(calls, timeout=20)

    def answer(path: str, _: object) -> tuple[int, bytes, dict[str, str]]:
        if "run-now" in path:
            together.wait()
        return _spelled({"run_id": 1, "number_in_job": 1})

    host = serving(Host(answer))
    app = _app(host)

    def call() -> None:
        with app.app_context():
            current_jobs["etl"].run_now()

    for _ in range(3):
        threads = [threading.Thread(target=call) for _ in range(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert len(_of_jobs(host)) == 3 * calls
    assert host.connections <= calls + 1  # one of discovery


def test_a_query_is_spelled_so_that_it_arrives(serving: Serving) -> None:
    token = "a b&c=ü/+%"

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        if query.get("page_token") == [token]:
            return _spelled({"runs": [{"run_id": 2, "job_id": 7}]})
        return _spelled({"runs": [{"run_id": 1, "job_id": 7}], "next_page_token": token})

    host = serving(Host(answer))

    with _app(host).app_context():
        runs = current_jobs["etl"].list_runs(limit=2, active_only=True)

    assert [run.run_id for run in runs] == [1, 2]
    first = next(query for path, query, _ in host.asked if path.endswith("runs/list"))
    assert first["active_only"] == ["true"]


def test_a_compressed_answer_is_read(serving: Serving) -> None:
    def answer(*_: object) -> tuple[int, bytes, dict[str, str]]:
        return 200, gzip.compress(json.dumps(JOB).encode()), {"Content-Encoding": "gzip"}

    with _app(serving(Host(answer))).app_context():
        assert current_jobs["etl"].get_job().job_id == 7


class TestSentOn:
    """A workspace that has moved."""

    def test_a_read_is_made_where_it_is_now(self, serving: Serving) -> None:
        def answer(path: str, _: object) -> tuple[int, bytes, dict[str, str]]:
            if path.startswith("/new/"):
                return _spelled(JOB)
            return 308, b"", {"Location": f"/new{path}?job_id=7"}

        host = serving(Host(answer))

        with _app(host).app_context():
            assert current_jobs["etl"].get_job().job_id == 7

    def test_no_other_host_is_told_the_token(self, serving: Serving) -> None:
        other = serving(Host(lambda *_: _spelled(JOB)))
        host = serving(Host(lambda path, _: (307, b"", {"Location": f"{other.url}{path}"})))

        with _app(host).app_context():
            current_jobs["etl"].results.get_job()

        assert {token for _, _, token in host.asked if token} == {"Bearer t"}
        assert _of_jobs(other)
        assert {token for _, _, token in other.asked} == {None}

    def test_going_round_in_circles_is_an_error(self, serving: Serving) -> None:
        host = serving(Host(lambda path, _: (302, b"", {"Location": path})))

        with _app(host).app_context(), pytest.raises(UpstreamError):
            current_jobs["etl"].get_job()


class TestCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def host(self, serving: Serving, authority: trustme.CA) -> Host:
        return serving(Host(lambda *_: _spelled(JOB)), authority.issue_cert("localhost"))

    def test_those_of_the_environment_are_believed(
        self, host: Host, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "authorities.pem"
        authority.cert_pem.write_to_path(bundle)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

        with _app(host).app_context():
            assert current_jobs["etl"].get_job().job_id == 7

    def test_others_are_not(self, host: Host) -> None:
        with _app(host).app_context(), pytest.raises(UpstreamUnavailable, match="CA_BUNDLE"):
            current_jobs["etl"].get_job()

        assert not host.asked


def test_an_sdk_that_has_its_session_elsewhere_keeps_it() -> None:
    client = SimpleNamespace(api_client=SimpleNamespace(renamed=1))

    install_session(cast("WorkspaceClient", client), 64)

    assert vars(client.api_client) == {"renamed": 1}
