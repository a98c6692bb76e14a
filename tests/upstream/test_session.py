"""The requests session: connections, URLs, redirects and certificates."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import LakeflowJobs, UpstreamError, UpstreamUnavailable, current_jobs
from flask_lakeflow_jobs.upstream import session
from flask_lakeflow_jobs.upstream.session import (
    MAX_RESPONSE_BYTES,
    install_session,
    replace_half_characters,
)
from tests.support import DEADLINE

JOB = {"job_id": 7, "settings": {"name": "etl"}}


@dataclass
class Host:
    """A server in place of the workspace.

    :param respond: returns status, body and headers for a path and its query.
    """

    respond: Callable[[str, dict[str, list[str]]], tuple[int, bytes, dict[str, str]]]
    connections: int = 0
    requests: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    url: str = ""


Serve = Callable[..., Host]


@pytest.fixture
def serve_host() -> Iterator[Serve]:
    """Starts servers, with TLS if they have a certificate."""
    with ExitStack() as stack:

        def start(host: Host, certificate: trustme.LeafCert | None = None) -> Host:
            server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(host))
            server.daemon_threads = True
            host.url = f"http://127.0.0.1:{server.server_port}"
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                certificate.configure_cert(context)
                server.socket = context.wrap_socket(server.socket, server_side=True)
                host.url = f"https://localhost:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.enter_context(server)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return host

        yield start


def make_handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            host.connections += 1
            super().setup()

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            host.requests.append((url.path, query, self.headers["Authorization"]))
            status, body, headers = host.respond(url.path, query)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    return Handler


def json_response(body: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(body).encode(), {"Content-Type": "application/json"}


def make_app(host: Host, **config: Any) -> Flask:
    app = Flask("app")
    app.config.update(DATABRICKS_HOST=host.url, DATABRICKS_TOKEN="t", LAKEFLOW_JOBS_READ_TIMEOUT=60)
    app.config.update(config)
    LakeflowJobs(app, jobs={"etl": {"job_id": 7, "task_type": "job"}})
    return app


def job_paths_of(host: Host) -> list[str]:
    return [path for path, _, _ in host.requests if "/jobs/" in path]


def test_simultaneous_calls_reuse_their_connections(serve_host: Serve) -> None:
    calls = 24
    together = threading.Barrier(calls, timeout=DEADLINE)

    def respond(path: str, _: object) -> tuple[int, bytes, dict[str, str]]:
        if "run-now" in path:
            together.wait()
        return json_response({"run_id": 1, "number_in_job": 1})

    host = serve_host(Host(respond))
    app = make_app(host)

    def call() -> None:
        with app.app_context():
            current_jobs["etl"].run_now()

    for _ in range(3):
        threads = [threading.Thread(target=call) for _ in range(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)

    assert len(job_paths_of(host)) == 3 * calls
    assert host.connections <= calls + 1  # one for discovery


def test_query_is_encoded(serve_host: Serve) -> None:
    token = "a b&c=ü/+%"

    def respond(path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        if query.get("page_token") == [token]:
            return json_response({"runs": [{"run_id": 2, "job_id": 7}]})
        return json_response({"runs": [{"run_id": 1, "job_id": 7}], "next_page_token": token})

    host = serve_host(Host(respond))

    with make_app(host).app_context():
        runs = current_jobs["etl"].list_runs(limit=2, active_only=True)

    assert [run.run_id for run in runs] == [1, 2]
    first = next(query for path, query, _ in host.requests if path.endswith("runs/list"))
    assert first["active_only"] == ["true"]


def test_compressed_response_is_read(serve_host: Serve) -> None:
    def respond(*_: object) -> tuple[int, bytes, dict[str, str]]:
        return 200, gzip.compress(json.dumps(JOB).encode()), {"Content-Encoding": "gzip"}

    with make_app(serve_host(Host(respond))).app_context():
        assert current_jobs["etl"].get_job().job_id == 7


class TestLargeResponses:
    @pytest.mark.parametrize("extra", [0, 1], ids=["at the limit", "above"])
    @pytest.mark.parametrize("status", [200, 500])
    def test_response_is_read_up_to_the_limit(
        self, serve_host: Serve, monkeypatch: pytest.MonkeyPatch, extra: int, status: int
    ) -> None:
        body = json.dumps({**JOB, "message": "x" * 200_000}).encode()
        monkeypatch.setattr(session, "MAX_RESPONSE_BYTES", len(body) - extra)
        host = serve_host(Host(lambda *_: (status, body, {"Content-Type": "application/json"})))
        app = make_app(host, LAKEFLOW_JOBS_READ_ATTEMPTS=1)

        with app.app_context():
            if status == 200 and not extra:
                assert current_jobs["etl"].get_job().job_id == 7
                return
            with pytest.raises(UpstreamError) as failed:
                current_jobs["etl"].get_job()

        assert ("too large" in failed.value.detail) is bool(extra)
        assert failed.value.retryable is not bool(extra)

    def test_compressed_response_is_limited_by_its_decompressed_size(
        self, serve_host: Serve
    ) -> None:
        body = gzip.compress(b" " * (MAX_RESPONSE_BYTES + 1))
        assert len(body) < 100_000

        host = serve_host(Host(lambda *_: (200, body, {"Content-Encoding": "gzip"})))

        with make_app(host).app_context(), pytest.raises(UpstreamError, match="too large"):
            current_jobs["etl"].get_job()

        assert len(job_paths_of(host)) == 1

    def test_large_page_of_a_redirect_is_not_read(self, serve_host: Serve) -> None:
        body = b" " * (MAX_RESPONSE_BYTES + 1)
        host = serve_host(Host(lambda path, _: (302, body, {"Location": "/elsewhere"})))

        with make_app(host).app_context(), pytest.raises(UpstreamError, match="too large"):
            current_jobs["etl"].get_job()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r'"\ud800"', r'"\ufffd"'),
        (r'"\uDFFF\uD83D"', r'"\ufffd\ufffd"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ude00\ud83d"', r'"\ufffd\ufffd"'),
        (r'"C:\\ud800"', r'"C:\\ud800"'),
        (r'"\\\ud800"', r'"\\\ufffd"'),
        (r'"\u0041"', r'"\u0041"'),
    ],
)
def test_half_characters_in_json_are_replaced(body: str, expected: str) -> None:
    assert replace_half_characters(body.encode()) == expected.encode()


@given(st.text(alphabet=st.characters(exclude_categories=[]) | st.sampled_from('\\"ud8\ud83d')))
def test_other_characters_in_json_are_kept(text: str) -> None:
    read = json.loads(replace_half_characters(json.dumps(text).encode()))
    assert read == json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


class TestRedirects:
    def test_redirect_to_a_new_path_succeeds(self, serve_host: Serve) -> None:
        def respond(path: str, _: object) -> tuple[int, bytes, dict[str, str]]:
            if path.startswith("/new/"):
                return json_response(JOB)
            return 308, b"", {"Location": f"/new{path}?job_id=7"}

        host = serve_host(Host(respond))

        with make_app(host).app_context():
            assert current_jobs["etl"].get_job().job_id == 7

    def test_redirect_to_another_host_does_not_send_the_token(self, serve_host: Serve) -> None:
        other = serve_host(Host(lambda *_: json_response(JOB)))
        host = serve_host(Host(lambda path, _: (307, b"", {"Location": f"{other.url}{path}"})))

        with make_app(host).app_context():
            current_jobs["etl"].results.get_job()

        assert {token for _, _, token in host.requests if token} == {"Bearer t"}
        assert job_paths_of(other)
        assert {token for _, _, token in other.requests} == {None}

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_redirect_of_a_write_is_not_followed(self, serve_host: Serve, status: int) -> None:
        """The parameters in its body would be sent to another host."""
        other = serve_host(Host(lambda *_: json_response({"run_id": 1})))
        host = serve_host(Host(lambda path, _: (status, b"", {"Location": f"{other.url}{path}"})))

        with make_app(host).app_context(), pytest.raises(UpstreamError) as failed:
            current_jobs["etl"].run_now({"day": "secret"})

        assert "DATABRICKS_HOST" in failed.value.detail
        assert "may still have been carried out" not in failed.value.detail
        assert not failed.value.retryable
        assert len(job_paths_of(host)) == 1
        assert not job_paths_of(other)

    def test_redirect_in_a_circle_is_an_error(self, serve_host: Serve) -> None:
        host = serve_host(Host(lambda path, _: (302, b"", {"Location": path})))

        with make_app(host).app_context(), pytest.raises(UpstreamError):
            current_jobs["etl"].get_job()


class TestCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def host(self, serve_host: Serve, authority: trustme.CA) -> Host:
        return serve_host(Host(lambda *_: json_response(JOB)), authority.issue_cert("localhost"))

    def test_ca_bundle_of_the_environment_is_trusted(
        self, host: Host, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "authorities.pem"
        authority.cert_pem.write_to_path(bundle)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

        with make_app(host).app_context():
            assert current_jobs["etl"].get_job().job_id == 7

    def test_unknown_ca_is_not_trusted(self, host: Host) -> None:
        with make_app(host).app_context(), pytest.raises(UpstreamUnavailable, match="CA_BUNDLE"):
            current_jobs["etl"].get_job()

        assert not host.requests


def test_install_session_ignores_an_unexpected_sdk() -> None:
    client = SimpleNamespace(api_client=SimpleNamespace(renamed=1))

    install_session(cast("WorkspaceClient", client), 64)

    assert vars(client.api_client) == {"renamed": 1}
