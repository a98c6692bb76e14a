"""What is too large is refused before anything is done with it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.web.requests import (
    MAX_BODY_BYTES,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    MAX_NAME_LENGTH,
    MAX_PARAMETERS,
    MAX_VALUE_BYTES,
)

RUN = "/api/jobs/greeting/run"
BODIES = [RUN, "/api/jobs/greeting/runs/1/repair"]


@pytest.fixture(autouse=True)
def _nothing_is_started(fault_proxy: FaultyWorkspace, request: pytest.FixtureRequest) -> Any:
    yield
    if "taken" not in request.node.name:
        assert fault_proxy.requests == []


def padded(size: int) -> bytes:
    """A body of so many bytes that says nothing."""
    return b"{}" + b" " * (size - 2)


@pytest.mark.parametrize("path", BODIES)
def test_a_body_over_a_mebibyte_is_413(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=padded(MAX_BODY_BYTES + 1), content_type="application/json")
    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"
    assert str(MAX_BODY_BYTES) in answer.get_json(force=True)["detail"]


@pytest.mark.parametrize("path", BODIES)
def test_so_is_one_that_does_not_say_how_long_it_is(client: FlaskClient, path: str) -> None:
    answer = client.post(
        path,
        input_stream=io.BytesIO(padded(MAX_BODY_BYTES + 1)),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_one_of_a_mebibyte_is_taken(client: FlaskClient) -> None:
    for more in ({}, {"environ_overrides": {"wsgi.input_terminated": True}}):
        answer = client.post(
            RUN, data=padded(MAX_BODY_BYTES), content_type="application/json", **more
        )
        assert answer.status_code == 200


def test_one_that_the_host_has_read_before_is_taken(
    app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    app.before_request(lambda: print(len(request.get_data())))
    answer = app.test_client().post(
        RUN,
        input_stream=io.BytesIO(b'{"params": {"who": "anna"}}'),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 200
    (sent,) = fault_proxy.find_requests("POST", "run-now")
    assert sent.body["job_parameters"] == {"who": "anna"}


@pytest.mark.parametrize(
    "key", ["", "a" * (MAX_IDEMPOTENCY_KEY_LENGTH + 1), "a\x00b", "a\tb", "a\x7f", "schlüssel"]
)
def test_an_idempotency_key_that_is_none_is_400(client: FlaskClient, key: str) -> None:
    answer = client.post(RUN, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.get_json(force=True)["detail"]
    assert len(answer.data) < 1000


@pytest.mark.parametrize(
    "key", ["a", "a" * MAX_IDEMPOTENCY_KEY_LENGTH, '"8e03978e-40d5-43dd-bc93-6894a57f9324"']
)
def test_any_other_is_taken(client: FlaskClient, key: str) -> None:
    assert client.post(RUN, headers={"Idempotency-Key": key}).status_code == 200


def refusal(client: FlaskClient, params: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(RUN, json={"params": params})
    assert answer.status_code == 400
    document: dict[str, Any] = answer.get_json(force=True)
    assert document["type"].endswith(":invalid-parameters")
    assert len(answer.data) < 2000
    errors: dict[str, Any] = document["errors"]
    return errors


def test_too_many_parameters_are_400(client: FlaskClient) -> None:
    assert set(refusal(client, {f"p{n}": 1 for n in range(MAX_PARAMETERS + 1)})) == {"params"}


@pytest.mark.parametrize(
    "value",
    ["x" * (MAX_VALUE_BYTES + 1), "ü" * (MAX_VALUE_BYTES // 2 + 1), ["x" * MAX_VALUE_BYTES]],
)
def test_a_value_that_is_too_large_is_400_and_named(client: FlaskClient, value: Any) -> None:
    errors = refusal(client, {"who": value, "fine": "x"})
    assert set(errors) == {"who"}


def test_a_name_that_is_too_long_is_400_and_not_repeated(client: FlaskClient) -> None:
    (name,) = refusal(client, {"n" * (MAX_NAME_LENGTH + 1): "x"})
    assert len(name) < 50


def test_parameters_within_the_limits_are_taken(client: FlaskClient) -> None:
    params = {f"p{n}": "x" for n in range(MAX_PARAMETERS - 1)} | {"who": "x" * MAX_VALUE_BYTES}
    assert client.post(RUN, json={"params": params}).status_code == 200


@pytest.mark.parametrize("path", ["{}", "{}/run", "{}/runs/1/stream"])
def test_a_long_key_is_not_repeated(client: FlaskClient, path: str) -> None:
    method = "POST" if path.endswith("/run") else "GET"
    answer = client.open(f"/api/jobs/{path.format('k' * 100_000)}", method=method)
    assert answer.status_code == 404
    assert len(answer.data) < 1000


def test_a_long_key_in_a_stream_of_several_is_not_repeated(client: FlaskClient) -> None:
    answer = client.get(f"/api/jobs/stream?run={'k' * 50_000}:1")
    assert answer.status_code == 404
    assert len(answer.data) < 1000


def test_json_that_nests_too_deep_is_400(client: FlaskClient) -> None:
    body = '{"params": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}"
    answer = client.post(RUN, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert json.loads(answer.data)["status"] == 400
