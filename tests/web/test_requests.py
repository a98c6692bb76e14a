"""Reading requests: what is accepted, and what is refused before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from flask_lakeflow_jobs import InvalidParameters, InvalidRequest
from flask_lakeflow_jobs.runs.output_parts import (
    DEFAULT_PART_BYTES,
    MAX_PART_BYTES,
    MIN_PART_BYTES,
)
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.web.requests import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    MAX_NUMBER,
    MAX_PARAMETERS,
    MAX_STREAMED_RUNS,
    MAX_VALUE_BYTES,
    read_flag,
    read_last_event_id,
    read_limit,
    read_log_request,
    read_number,
    read_params,
    read_streamed_runs,
    read_tasks,
)

FLASK = Flask(__name__)

JSON = "application/json"


def body(data: bytes | str, content_type: str | None = JSON) -> Any:
    return FLASK.test_request_context("/", method="POST", data=data, content_type=content_type)


def query(text: str) -> Any:
    return FLASK.test_request_context(f"/?{text}")


@pytest.mark.parametrize(
    ("data", "params"),
    [
        ("", {}),
        ("{}", {}),
        ('{"params": null}', {}),
        ('{"params": {}}', {}),
        ('{"params": {"a": 1, "b": null}}', {"a": 1, "b": None}),
        ('{"params": {"a": "\\ud800"}}', {"a": "\ud800"}),
        (b'\xef\xbb\xbf{"params": {"a": "\xc3\xbc"}}', {"a": "ü"}),
    ],
)
def test_read_params_returns_the_object(data: bytes | str, params: dict[str, Any]) -> None:
    for content_type in (JSON, "application/json; charset=utf-8", "application/vnd.x+json"):
        with body(data, content_type):
            assert read_params(request) == params


def test_read_params_of_an_empty_request_is_empty() -> None:
    with FLASK.test_request_context("/", method="POST"):
        assert read_params(request) == {}


def test_read_params_deeply_nested_body_is_refused() -> None:
    nested = '{"params": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}"
    # Python 3.14 can parse it, and finds it too large.
    with body(nested), pytest.raises((InvalidRequest, InvalidParameters)) as caught:
        read_params(request)
    assert caught.value.code == 400


@pytest.mark.parametrize("value", ["[]", '"a=1"', "5", "true"])
def test_read_params_not_an_object_raises_invalid_parameters(value: str) -> None:
    with body(f'{{"params": {value}}}'), pytest.raises(InvalidParameters) as caught:
        read_params(request)
    assert set(caught.value.messages) == {"params"}


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
def test_read_limit_is_clamped(text: str, limit: int) -> None:
    with query(text):
        assert read_limit(request) == limit


@pytest.mark.parametrize("value", ["", "ten", "1.5", "1e2", "٣", "0x10"])
def test_read_limit_not_a_whole_number_raises_invalid_request(value: str) -> None:
    with query(f"limit={value}"), pytest.raises(InvalidRequest, match="limit"):
        read_limit(request)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task=a", ("a", None, 0, DEFAULT_PART_BYTES)),
        ("taskRunId=7&attempt=2&offset=-5", (7, 2, -5, DEFAULT_PART_BYTES)),
        ("task=a&attempt=0&limit=1", ("a", None, 0, MIN_PART_BYTES)),
        (f"task=a&limit={10**12}", ("a", None, 0, MAX_PART_BYTES)),
    ],
)
def test_read_log_request_is_clamped(text: str, expected: tuple[Any, ...]) -> None:
    names = ("task", "attempt", "offset", "limit")
    with query(text):
        assert read_log_request(request) == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize(("sign", "expected"), [("", MAX_NUMBER), ("-", -MAX_NUMBER)])
def test_read_number_fits_into_64_bits(sign: str, expected: int) -> None:
    with query(f"offset={sign}{'9' * 99}"):
        assert read_number(request, "offset", 1) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("stream=true", True),
        ("stream=TRUE", True),
        ("stream=1", True),
        ("stream=false", False),
        ("stream=0", False),
    ],
)
def test_read_flag_returns_the_boolean(text: str, expected: bool) -> None:
    with query(text):
        assert read_flag(request, "stream") is expected


def test_read_flag_other_value_raises_invalid_request() -> None:
    with query("stream=maybe"), pytest.raises(InvalidRequest, match="stream"):
        read_flag(request, "stream")


def test_read_streamed_runs_returns_each_run_once() -> None:
    with query("run=etl:5&run=a:b:6&run=etl:5"):
        assert read_streamed_runs(request) == [("etl", 5), ("a:b", 6)]


@pytest.mark.parametrize(
    "text", ["", "run=", "run=5", "run=etl", "run=etl:", "run=etl:5a", "run=etl:0"]
)
def test_read_streamed_runs_malformed_raises_invalid_request(text: str) -> None:
    with query(text), pytest.raises(InvalidRequest):
        read_streamed_runs(request)


def test_read_streamed_runs_over_the_limit_raises_invalid_request() -> None:
    names = [f"run=etl:{number}" for number in range(1, MAX_STREAMED_RUNS + 2)]
    with query("&".join(names[:-1])):
        assert len(read_streamed_runs(request)) == MAX_STREAMED_RUNS
    with query("&".join(names)), pytest.raises(InvalidRequest, match=str(MAX_STREAMED_RUNS)):
        read_streamed_runs(request)


@pytest.mark.parametrize(
    ("headers", "text", "expected"),
    [
        ({}, "", ""),
        ({"Last-Event-ID": "a"}, "", "a"),
        ({}, "lastEventId=b", "b"),
        ({"Last-Event-ID": "a"}, "lastEventId=b", "a"),
    ],
)
def test_read_last_event_id_prefers_the_header(
    headers: dict[str, str], text: str, expected: str
) -> None:
    with FLASK.test_request_context(f"/?{text}", headers=headers):
        assert read_last_event_id(request) == expected


RUN = "/api/jobs/greeting/run"


@pytest.fixture
def _no_upstream_request(fault_proxy: FaultyWorkspace) -> Iterator[None]:
    yield
    assert fault_proxy.requests == []


def test_read_tasks_limits_their_number() -> None:
    assert query_tasks("task=a&task=b&task=a") == ["a", "b"]
    with pytest.raises(InvalidRequest, match="at most 100 tasks"):
        query_tasks("&".join(f"task=t{number}" for number in range(101)))


def query_tasks(text: str) -> list[str]:
    with query(text):
        return read_tasks(request)


@pytest.mark.parametrize(
    "key", ["a", "a" * MAX_KEY_LENGTH, '"8e03978e-40d5-43dd-bc93-6894a57f9324"']
)
def test_valid_idempotency_key_is_accepted(client: FlaskClient, key: str) -> None:
    assert client.post(RUN, headers={"Idempotency-Key": key}).status_code == 200


def refusal(client: FlaskClient, params: dict[str, Any]) -> dict[str, Any]:
    response = client.post(RUN, json={"params": params})
    assert response.status_code == 400
    document: dict[str, Any] = response.get_json(force=True)
    assert document["type"].endswith(":invalid-parameters")
    assert len(response.data) < 2000
    errors: dict[str, Any] = document["errors"]
    return errors


def test_parameters_at_the_limits_are_accepted(client: FlaskClient) -> None:
    params = {f"p{n}": "x" for n in range(MAX_PARAMETERS - 1)} | {"who": "x" * MAX_VALUE_BYTES}
    assert client.post(RUN, json={"params": params}).status_code == 200


@pytest.mark.usefixtures("_no_upstream_request")
class TestRefused:
    @pytest.mark.parametrize(
        "key", ["", "a" * (MAX_KEY_LENGTH + 1), "a\x00b", "a\tb", "a\x7f", "schlüssel"]
    )
    def test_invalid_idempotency_key_is_400(self, client: FlaskClient, key: str) -> None:
        response = client.post(RUN, headers={"Idempotency-Key": key})
        assert response.status_code == 400
        assert "Idempotency-Key" in response.get_json(force=True)["detail"]
        assert len(response.data) < 1000

    def test_too_many_parameters_are_400(self, client: FlaskClient) -> None:
        assert set(refusal(client, {f"p{n}": 1 for n in range(MAX_PARAMETERS + 1)})) == {"params"}

    @pytest.mark.parametrize(
        "value",
        ["x" * (MAX_VALUE_BYTES + 1), "ü" * (MAX_VALUE_BYTES // 2 + 1), ["x" * MAX_VALUE_BYTES]],
    )
    def test_parameter_value_over_the_limit_is_400_by_name(
        self, client: FlaskClient, value: Any
    ) -> None:
        errors = refusal(client, {"who": value, "fine": "x"})
        assert set(errors) == {"who"}

    def test_parameter_name_over_the_limit_is_400_and_cut(self, client: FlaskClient) -> None:
        (name,) = refusal(client, {"n" * (MAX_NAME_LENGTH + 1): "x"})
        assert len(name) < 50

    @pytest.mark.parametrize("path", ["{}", "{}/run", "{}/runs/1/stream"])
    def test_long_unknown_job_key_is_cut_in_the_error(self, client: FlaskClient, path: str) -> None:
        method = "POST" if path.endswith("/run") else "GET"
        response = client.open(f"/api/jobs/{path.format('k' * 100_000)}", method=method)
        assert response.status_code == 404
        assert len(response.data) < 1000

    def test_long_unknown_job_key_of_a_stream_is_cut_in_the_error(
        self, client: FlaskClient
    ) -> None:
        response = client.get(f"/api/jobs/stream?run={'k' * 50_000}:1")
        assert response.status_code == 404
        assert len(response.data) < 1000
