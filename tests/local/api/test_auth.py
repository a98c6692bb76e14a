"""Authentication, and the endpoints that clients call first."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import Client


def basic(user: str, password: str) -> dict[str, str]:
    pair = f"{user}:{password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def test_token_by_http_basic_is_accepted(client: Client) -> None:
    headers = basic("token", client.address.token)
    assert client.http("GET", "/api/2.0/jobs/list", headers=headers)[0] == 200


def test_other_credentials_are_refused(client: Client) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {client.address.token}"},
        basic("token", "wrong"),
        basic("somebody", client.address.token),
        {"Authorization": "Bearer 99999999999.abc"},
        {"Authorization": "Bearer ü"},
        {"Authorization": "Basic ü"},
    ):
        status, body = client.http("GET", "/api/2.2/jobs/list", headers=headers)
        assert status == 401, headers
        assert body["error_code"] == "UNAUTHENTICATED"
        assert client.address.token not in json.dumps(body)


def test_discovery_and_current_user(client: Client) -> None:
    status, config = client.http("GET", "/.well-known/databricks-config", headers={})
    assert status == 200
    assert config["oidc_endpoint"] == f"{client.address.host}/oidc"
    assert config["host_type"] == "workspace"
    status, oauth = client.http("GET", "/oidc/.well-known/oauth-authorization-server", headers={})
    assert status == 200
    assert oauth["token_endpoint"] == f"{client.address.host}/oidc/v1/token"
    me = client.sdk.current_user.me()
    assert me.user_name
    assert me.user_name.endswith("@localhost")
    assert str(client.sdk.get_workspace_id()) == config["workspace_id"]


def test_sdk_logs_in_by_client_id_and_secret(client: Client) -> None:
    machine = WorkspaceClient(
        config=Config(
            host=client.address.host,
            client_id="some-app",
            client_secret=client.address.token,
            auth_type="oauth-m2m",
        )
    )
    assert [job.job_id for job in machine.jobs.list()] == [client.job_ids["etl"]]


@pytest.mark.parametrize(
    ("secret", "form", "error"),
    [
        (None, "grant_type=client_credentials&scope=all-apis", None),
        (None, "grant_type=client_credentials&client_id=app&client_secret={token}", None),
        ("wrong", "grant_type=client_credentials", "invalid_client"),
        (None, "grant_type=password", "unsupported_grant_type"),
        (None, "", "unsupported_grant_type"),
        # Of a client without a token, large bodies are not kept.
        (None, f"grant_type=client_credentials&scope={'x' * 2**16}", "unsupported_grant_type"),
    ],
)
def test_token_endpoint_checks_secret_and_grant(
    client: Client, secret: str | None, form: str, error: str | None
) -> None:
    token = client.address.token
    headers = {} if "client_id" in form else basic("app", secret or token)
    content = form.format(token=token).encode()
    status, body = client.http("POST", "/oidc/v1/token", content, headers=headers)
    if error:
        assert status in (400, 401)
        assert body["error"] == error
        return
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert client.http("GET", "/api/2.2/jobs/list", headers=bearer)[0] == 200


def test_oauth_token_expires_after_an_hour(
    serve: Serve, etl_jobs: dict[str, Any], clock: ManualClock
) -> None:
    client = serve(etl_jobs, clock=clock)
    _, issued = client.http(
        "POST",
        "/oidc/v1/token",
        b"grant_type=client_credentials",
        headers=basic("app", client.address.token),
    )
    bearer = {"Authorization": f"Bearer {issued['access_token']}"}
    statuses = []
    for seconds in (0, 3599, 2):
        clock.advance(seconds)
        statuses.append(client.http("GET", "/api/2.2/jobs/list", headers=bearer)[0])
    assert statuses == [200, 200, 401]
