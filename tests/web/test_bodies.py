"""Bodies of requests: which are read, and which are refused before anything is done."""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Request, request
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ClientDisconnected

from flask_lakeflow_jobs import InvalidRequest, UnsupportedMediaType
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.web.bodies import MAX_BODY_BYTES, read_object

FLASK = Flask(__name__)

JSON = "application/json"


def body(data: bytes | str, content_type: str | None = JSON) -> Any:
    return FLASK.test_request_context("/", method="POST", data=data, content_type=content_type)


def read(request: Request) -> dict[str, Any]:
    return read_object(request, '{"params": {…}}', ("params",))


def test_read_object_of_a_compressed_body_says_that_it_is_not_decoded() -> None:
    compressed = FLASK.test_request_context(
        method="POST",
        data=gzip.compress(b"{}"),
        content_type=JSON,
        headers={"Content-Encoding": "gzip"},
    )
    with compressed, pytest.raises(UnsupportedMediaType, match="'gzip' is not decoded"):
        read(request)


@pytest.mark.parametrize(
    "data",
    [
        *("{", '{"params": }', '{"params": {}} x', "NaN", b"\xff\xfe\x00", "[" * 100_000),
        *("[]", '"text"', "5", "null"),
        '{"params": {"a": NaN}}',
        '{"params": {"a": 1, "a": 2}}',
        f'{{"params": {{"a": {"9" * 5000}}}}}',
        '{"startDate": "2025-01-01"}',
    ],
)
def test_read_object_malformed_body_raises_invalid_request(data: bytes | str) -> None:
    with body(data), pytest.raises(InvalidRequest) as caught:
        read(request)
    assert caught.value.code == 400
    assert len(caught.value.detail) < 500


@pytest.mark.parametrize(
    ("data", "headers", "content_type"),
    [
        (b"", {"CONTENT_LENGTH": "50"}, JSON),
        (b"", {"CONTENT_LENGTH": "50"}, None),
        (b'{"params"', {"CONTENT_LENGTH": "50"}, JSON),
        (b'{"params": {}}', {"CONTENT_LENGTH": "50"}, JSON),
        (b"", {"HTTP_TRANSFER_ENCODING": "chunked"}, JSON),
    ],
)
def test_read_object_truncated_body_raises_invalid_request(
    data: bytes, headers: dict[str, str], content_type: str | None
) -> None:
    """gunicorn ends the body without an error if the client leaves."""
    environ = {"wsgi.input": BytesIO(data), "wsgi.input_terminated": True, **headers}
    with (
        FLASK.test_request_context("/", method="POST", content_type=content_type) as context,
        pytest.raises(InvalidRequest, match="incomplete"),
    ):
        read(Request({**context.request.environ, **environ}))


def test_read_object_chunked_body_that_the_server_does_not_pass_on_says_what_to_send() -> None:
    environ = {"wsgi.input": BytesIO(b"{}"), "HTTP_TRANSFER_ENCODING": "chunked"}
    with (
        FLASK.test_request_context("/", method="POST", content_type=JSON) as context,
        pytest.raises(InvalidRequest, match=r"^Send the body with Content-Length: "),
    ):
        read(Request({**context.request.environ, **environ}))


class MalformedBody:
    """A body that the server cannot read. gunicorn then raises errors of its own."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> bytes:
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError("Invalid chunk size: b'zz'"), ClientDisconnected()])
@pytest.mark.parametrize(
    "headers", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "9"}]
)
def test_read_object_body_that_the_server_cannot_read_raises_invalid_request(
    headers: dict[str, str], error: Exception
) -> None:
    environ = {"wsgi.input": MalformedBody(error), "wsgi.input_terminated": True, **headers}
    with (
        FLASK.test_request_context("/", method="POST", content_type=JSON) as context,
        pytest.raises(InvalidRequest, match="malformed"),
    ):
        read(Request({**context.request.environ, **environ}))


@pytest.mark.parametrize(
    ("data", "content_type", "document"),
    [(b'{"params": {"a": 1}}', JSON, {"params": {"a": 1}}), (b"", None, {})],
)
def test_read_object_chunked_body_needs_no_length(
    data: bytes, content_type: str | None, document: dict[str, Any]
) -> None:
    environ = {
        "wsgi.input": BytesIO(data),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    with FLASK.test_request_context("/", method="POST", content_type=content_type) as context:
        assert read(Request({**context.request.environ, **environ})) == document


def test_read_object_unknown_member_raises_invalid_request() -> None:
    with body('{"params": {}, "jobId": 5}'), pytest.raises(InvalidRequest, match="'jobId'"):
        read(request)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("a=1", "application/x-www-form-urlencoded"),
        ("", "application/x-www-form-urlencoded"),
        ("", "text/plain"),
        ("{}", "text/plain"),
        ("{}", None),
        ("--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_read_object_other_media_type_raises_unsupported(
    data: str, content_type: str | None
) -> None:
    with body(data, content_type), pytest.raises(UnsupportedMediaType) as caught:
        read(request)
    assert caught.value.code == 415


@given(st.binary(max_size=40))
def test_read_object_any_body_is_read_or_refused(data: bytes) -> None:
    with body(data):
        try:
            document = read(request)
        except InvalidRequest:
            return
        assert isinstance(document, dict)


RUN = "/api/jobs/greeting/run"
BODIES = [RUN, "/api/jobs/greeting/runs/1/repair"]


def padded(size: int) -> bytes:
    """An empty JSON object of so many bytes."""
    return b"{}" + b" " * (size - 2)


def test_body_at_the_limit_is_accepted(client: FlaskClient) -> None:
    for more in ({}, {"environ_overrides": {"wsgi.input_terminated": True}}):
        response = client.post(
            RUN, data=padded(MAX_BODY_BYTES), content_type="application/json", **more
        )
        assert response.status_code == 200


def test_body_that_the_app_has_cached_is_accepted(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    app.before_request(lambda: print(len(request.get_data())))
    response = app.test_client().post(
        RUN,
        input_stream=BytesIO(b'{"params": {"who": "anna"}}'),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "run-now")
    assert sent.body["job_parameters"] == {"who": "anna"}


@pytest.mark.parametrize("path", BODIES)
def test_body_over_the_limit_is_413(
    client: FlaskClient, fault_proxy: FaultyWorkspace, path: str
) -> None:
    response = client.post(path, data=padded(MAX_BODY_BYTES + 1), content_type="application/json")
    assert response.status_code == 413
    assert response.mimetype == "application/problem+json"
    assert str(MAX_BODY_BYTES) in response.get_json(force=True)["detail"]
    assert fault_proxy.requests == []


@pytest.mark.parametrize("path", BODIES)
def test_body_without_a_length_over_the_limit_is_413(
    client: FlaskClient, fault_proxy: FaultyWorkspace, path: str
) -> None:
    response = client.post(
        path,
        input_stream=BytesIO(padded(MAX_BODY_BYTES + 1)),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413
    assert fault_proxy.requests == []
