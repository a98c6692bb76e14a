"""Passwords for Lakebase, from the workspace."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs import (
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.testing import FaultyWorkspace, InvalidBody, Refusal, Silence
from flask_lakeflow_jobs.upstream.calls import RetryPolicy
from flask_lakeflow_jobs.upstream.lakebase import POLICY, create_password
from tests.conftest import MakeApp
from tests.lakebase import INSTANCE_PATH, PROJECT_PATH, PasswordEndpoint

ENDPOINT = "projects/orders/branches/production/endpoints/primary"


def create(app: Flask, lakebase: str | bool) -> str:
    return create_password(app.extensions["lakeflow_jobs"].upstream, lakebase)


@pytest.mark.parametrize(
    ("lakebase", "path", "expected"),
    [
        ("orders", INSTANCE_PATH, {"instance_names": ["orders"]}),
        (ENDPOINT, PROJECT_PATH, {"endpoint": ENDPOINT}),
    ],
)
def test_create_password_asks_the_api_of_the_database(
    app: Flask, fault_proxy: FaultyWorkspace, lakebase: str, path: str, expected: dict[str, Any]
) -> None:
    endpoint = PasswordEndpoint()
    fault_proxy.fail(endpoint, path=path)
    passwords = [create(app, lakebase), create(app, lakebase)]
    assert passwords == endpoint.created
    first, second = [dict(request.body) for request in fault_proxy.find_requests("POST", path)]
    if path == INSTANCE_PATH:
        assert first.pop("request_id") != second.pop("request_id")
    assert first == second == expected


def test_create_password_of_an_app_with_oauth_is_its_token(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(
        DATABRICKS_TOKEN=None,
        DATABRICKS_CLIENT_ID="app",
        DATABRICKS_CLIENT_SECRET=fault_proxy.token,
    )
    password = create(app, True)
    assert password != fault_proxy.token
    assert WorkspaceClient(host=fault_proxy.host, token=password).current_user.me().user_name


def test_create_password_without_oauth_says_what_to_set(app: Flask) -> None:
    with pytest.raises(
        UpstreamUnauthenticated, match=r"LAKEFLOW_JOBS_LAKEBASE=true requires OAuth"
    ):
        create(app, True)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Refusal(404), UpstreamError, r"no Lakebase database 'orders'. Check LAKEFLOW_JOBS_LAKE"),
        (Refusal(403), NotAllowed, "denies access"),
        (Refusal(503, retry_after=0), UpstreamUnavailable, "unavailable"),
        (InvalidBody(body=b"{}"), UpstreamError, "cannot be read"),
        (InvalidBody(body=b'{"token": 5}'), UpstreamError, "cannot be read"),
    ],
)
def test_create_password_that_fails_raises_an_error(
    app: Flask,
    fault_proxy: FaultyWorkspace,
    fault: Any,
    error: type[LakeflowJobsError],
    message: str,
) -> None:
    fault_proxy.fail(fault, path=INSTANCE_PATH)
    with pytest.raises(error, match=message):
        create(app, "orders")


def test_create_password_retries_a_transient_error(
    app: Flask, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Refusal(503, retry_after=0), path=INSTANCE_PATH, times=1)
    endpoint = PasswordEndpoint()
    fault_proxy.fail(endpoint, path=INSTANCE_PATH)
    assert create(app, "orders") == "lakebase-token-1"


def test_create_password_ends_within_its_timeout(
    app: Flask, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.upstream.lakebase.POLICY", RetryPolicy(0.2, 1))
    fault_proxy.fail(Silence(), path=INSTANCE_PATH)
    with pytest.raises(UpstreamTimeout):
        create(app, "orders")
    assert POLICY.timeout <= 5
