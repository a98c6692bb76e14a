"""Compression, limits and middlewares between the routes and the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from tests.conftest import MakeApp
from tests.hosts.support import import_package
from tests.sse_client import SseParser

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def finish_run(app: Flask) -> str:
    """Run a job to its end, and return the path of the stream of its run."""
    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)
    return f"/api/jobs/quick/runs/{run_id}/stream"


ALL_ENCODINGS = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def test_flask_compress_leaves_streams_alone_by_default(app: Flask) -> None:
    app.config["COMPRESS_MIN_SIZE"] = 1
    import_package("flask_compress").Compress(app)
    client = app.test_client()

    assert client.get("/api/jobs/", headers=ALL_ENCODINGS).headers["Content-Encoding"] == "zstd"
    stream = client.get(finish_run(app), headers=ALL_ENCODINGS)
    assert "Content-Encoding" not in stream.headers
    assert SseParser().feed(stream.data)[-1].name == "end"


@pytest.mark.parametrize("compresses", [True, False])
def test_flask_compress_set_to_compress_streams_needs_another_setting(
    app: Flask, compresses: bool
) -> None:
    app.config["COMPRESS_MIMETYPES"] = ["text/event-stream", "application/json"]
    app.config["COMPRESS_STREAMS"] = compresses
    import_package("flask_compress").Compress(app)

    stream = app.test_client().get(finish_run(app), headers=ALL_ENCODINGS)
    assert ("Content-Encoding" in stream.headers) is compresses


def limit(app: Flask, **options: object) -> object:
    flask_limiter = import_package("flask_limiter")
    limiter = flask_limiter.Limiter(
        lambda: "everybody", app=app, default_limits=["1 per hour"], storage_uri="memory://"
    )
    app.add_url_rule("/page", "page", lambda: "a page of the host")
    return limiter


def test_flask_limiter_counts_polls_and_its_refusal_can_be_retried(app: Flask) -> None:
    limit(app)
    client, path = app.test_client(), finish_run(app)

    assert client.get(path).status_code == 200
    refused = client.get(path)
    assert refused.status_code == 429
    assert refused.get_json()["retryable"]


def test_flask_limiter_does_not_count_the_exempt_blueprint(app: Flask) -> None:
    limiter = limit(app)
    limiter.exempt(app.blueprints["lakeflow_jobs"])  # type: ignore[attr-defined]
    client, path = app.test_client(), finish_run(app)

    assert [client.get(path).status_code for _ in range(3)] == [200] * 3
    assert [client.get("/page").status_code for _ in range(2)] == [200, 429]


class Buffer:
    """A middleware that reads bodies to their end, except streams of events."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._app(environ, start_response)
        if "text/event-stream" in environ.get("HTTP_ACCEPT", ""):
            return body
        try:
            return [b"".join(body)]
        finally:
            if hasattr(body, "close"):
                body.close()


def test_middleware_that_buffers_passes_streams_by_their_accept_header(make_app: MakeApp) -> None:
    app = make_app()
    app.wsgi_app = Buffer(app.wsgi_app)  # type: ignore[method-assign]
    with app.app_context():
        run_id = current_jobs["never"].run_now().run_id
    stream = app.test_client().get(
        f"/api/jobs/never/runs/{run_id}/stream",
        headers={"Accept": "text/event-stream"},
        buffered=False,
    )
    parser = SseParser()
    assert any(parser.feed(part) for part in stream.iter_encoded()), "an event of an active run"
    stream.close()
