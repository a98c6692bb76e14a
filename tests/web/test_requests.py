"""What requests ask for: read strictly, refused with a sentence."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Request, request
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidParameters, InvalidRequest, UnsupportedMediaType
from flask_lakeflow_jobs.runs.ids import MAX_ID, parse_run_id
from flask_lakeflow_jobs.web.requests import (
    MAX_STREAMED_RUNS,
    read_flag,
    read_last_event_id,
    read_limit,
    read_params,
    read_streamed_runs,
)

app = Flask(__name__)

JSON = "application/json"


def body(data: bytes | str, content_type: str | None = JSON) -> Any:
    return app.test_request_context("/", method="POST", data=data, content_type=content_type)


def query(text: str) -> Any:
    return app.test_request_context(f"/?{text}")


# ── run ids ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("text", "run_id"), [("1", 1), ("0042", 42), (str(MAX_ID), MAX_ID)])
def test_a_run_id_is_a_positive_whole_number(text: str, run_id: int) -> None:
    assert parse_run_id(text) == run_id


@pytest.mark.parametrize(
    "text",
    [
        *("1001abc", "abc", "", "0", "-1", "+1", "1.0", "1e3", " 1", "1\n", "1_0", "٣", "²", "0x1"),
        str(MAX_ID + 1),
        "9" * 5000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="run id") as caught:
        parse_run_id(text)
    assert caught.value.code == 400
    assert len(caught.value.detail) < 200


@given(st.text())
def test_any_path_is_an_id_or_a_refusal(text: str) -> None:
    try:
        run_id = parse_run_id(text)
    except InvalidRequest:
        return
    assert 0 < run_id <= MAX_ID


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "params"),
    [
        ("", {}),
        ("{}", {}),
        ('{"params": null}', {}),
        ('{"params": {}}', {}),
        ('{"params": {"a": 1, "b": null}}', {"a": 1, "b": None}),
        (b'\xef\xbb\xbf{"params": {"a": "\xc3\xbc"}}', {"a": "ü"}),
    ],
)
def test_parameters_are_an_object_in_an_object(data: bytes | str, params: dict[str, Any]) -> None:
    for content_type in (JSON, "application/json; charset=utf-8", "application/vnd.x+json"):
        with body(data, content_type):
            assert read_params(request) == params


def test_a_post_with_nothing_in_it_has_no_parameters() -> None:
    with app.test_request_context("/", method="POST"):
        assert read_params(request) == {}


@pytest.mark.parametrize(
    "data",
    [
        *("{", '{"params": }', '{"params": {}} x', "NaN", b"\xff\xfe\x00", "[" * 100_000),
        *("[]", '"text"', "5", "null"),
        '{"params": {"a": NaN}}',
        '{"params": {"a": -Infinity}}',
        f'{{"params": {{"a": {"9" * 5000}}}}}',
        '{"startDate": "2025-01-01"}',
        '{"params": {}, "only": ["a"]}',
    ],
)
def test_a_body_that_is_no_such_object_is_refused(data: bytes | str) -> None:
    with body(data), pytest.raises(InvalidRequest) as caught:
        read_params(request)
    assert caught.value.code == 400
    assert len(caught.value.detail) < 500


@pytest.mark.parametrize(
    ("data", "promised", "content_type"),
    [
        (b"", {"CONTENT_LENGTH": "50"}, JSON),
        (b"", {"CONTENT_LENGTH": "50"}, None),
        (b'{"params"', {"CONTENT_LENGTH": "50"}, JSON),
        (b'{"params": {}}', {"CONTENT_LENGTH": "50"}, JSON),
        (b"", {"HTTP_TRANSFER_ENCODING": "chunked"}, JSON),
    ],
)
def test_a_body_that_is_not_all_there_is_refused_on_servers_that_end_it_in_silence(
    data: bytes, promised: dict[str, str], content_type: str | None
) -> None:
    """As gunicorn does, when a client has left."""
    given = {"wsgi.input": BytesIO(data), "wsgi.input_terminated": True, **promised}
    with (
        app.test_request_context("/", method="POST", content_type=content_type) as context,
        pytest.raises(InvalidRequest, match="not all there"),
    ):
        read_params(Request({**context.request.environ, **given}))


@pytest.mark.parametrize(
    ("data", "content_type", "params"),
    [(b'{"params": {"a": 1}}', JSON, {"a": 1}), (b"", None, {})],
)
def test_a_body_in_chunks_has_no_length_to_compare(
    data: bytes, content_type: str | None, params: dict[str, Any]
) -> None:
    given = {
        "wsgi.input": BytesIO(data),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    with app.test_request_context("/", method="POST", content_type=content_type) as context:
        assert read_params(Request({**context.request.environ, **given})) == params


def test_what_has_no_meaning_in_the_body_is_named_and_not_ignored() -> None:
    with body('{"params": {}, "jobId": 5}'), pytest.raises(InvalidRequest, match="'jobId'"):
        read_params(request)


@pytest.mark.parametrize("value", ["[]", '"a=1"', "5", "true"])
def test_parameters_that_are_no_object_are_invalid_parameters(value: str) -> None:
    with body(f'{{"params": {value}}}'), pytest.raises(InvalidParameters) as caught:
        read_params(request)
    assert set(caught.value.messages) == {"params"}


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
def test_what_a_form_of_another_site_could_send_is_refused(
    data: str, content_type: str | None
) -> None:
    with body(data, content_type), pytest.raises(UnsupportedMediaType) as caught:
        read_params(request)
    assert caught.value.code == 415


@given(st.binary(max_size=40))
def test_any_body_has_parameters_or_a_refusal(data: bytes) -> None:
    with body(data):
        try:
            params = read_params(request)
        except (InvalidRequest, InvalidParameters):
            return
        assert isinstance(params, dict)


# ── the query ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", 20),
        ("limit=5", 5),
        ("limit=100", 100),
        ("limit=101", 100),
        ("limit=0", 1),
        ("limit=-5", 1),
        ("limit=99999999999999999999", 100),
    ],
)
def test_a_limit_is_clamped(text: str, limit: int) -> None:
    with query(text):
        assert read_limit(request) == limit


@pytest.mark.parametrize("value", ["", "ten", "1.5", "1e2", "٣", "0x10"])
def test_a_limit_that_is_no_number_is_refused(value: str) -> None:
    with query(f"limit={value}"), pytest.raises(InvalidRequest, match="limit"):
        read_limit(request)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", False),
        ("stream=true", True),
        ("stream=TRUE", True),
        ("stream=1", True),
        ("stream=false", False),
        ("stream=0", False),
    ],
)
def test_a_flag_is_yes_or_no(text: str, meant: bool) -> None:
    with query(text):
        assert read_flag(request, "stream") is meant


def test_a_flag_that_is_neither_is_refused() -> None:
    with query("stream=maybe"), pytest.raises(InvalidRequest, match="stream"):
        read_flag(request, "stream")


def test_several_runs_are_named_by_job_and_id_each_once() -> None:
    with query("run=etl:5&run=a:b:6&run=etl:5"):
        assert read_streamed_runs(request) == [("etl", 5), ("a:b", 6)]


@pytest.mark.parametrize(
    "text", ["", "run=", "run=5", "run=etl", "run=etl:", "run=etl:5a", "run=etl:0"]
)
def test_runs_that_are_not_named_so_are_refused(text: str) -> None:
    with query(text), pytest.raises(InvalidRequest):
        read_streamed_runs(request)


def test_one_stream_follows_so_many_runs_and_no_more() -> None:
    names = [f"run=etl:{number}" for number in range(1, MAX_STREAMED_RUNS + 2)]
    with query("&".join(names[:-1])):
        assert len(read_streamed_runs(request)) == MAX_STREAMED_RUNS
    with query("&".join(names)), pytest.raises(InvalidRequest, match=str(MAX_STREAMED_RUNS)):
        read_streamed_runs(request)


@pytest.mark.parametrize(
    ("headers", "text", "seen"),
    [
        ({}, "", ""),
        ({"Last-Event-ID": "a"}, "", "a"),
        ({}, "lastEventId=b", "b"),
        ({"Last-Event-ID": "a"}, "lastEventId=b", "a"),
    ],
)
def test_what_was_seen_last_comes_from_the_browser_or_the_page(
    headers: dict[str, str], text: str, seen: str
) -> None:
    with app.test_request_context(f"/?{text}", headers=headers):
        assert read_last_event_id(request) == seen
