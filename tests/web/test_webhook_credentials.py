"""Credentials of those who send notifications."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence

import pytest
from flask import Flask

from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import ALICE, on_behalf_of
from tests.web.notifications import LOGIN, PASSWORD, PATH, USER, notification, notify

TOKEN = "bearer-of-notifications"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(**LOGIN)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": f"Bearer {PASSWORD}"},
        basic(""),
        basic(":"),
        basic(USER),
        basic(f"{USER}:"),
        basic(f":{PASSWORD}"),
        basic(f"{USER}:{PASSWORD} "),
        basic(f"{USER}:{PASSWORD.upper()}"),
        basic(f"{USER}s:{PASSWORD}"),
        basic(f"{USER}:пароль"),
        on_behalf_of(ALICE),
    ],
    ids=str,
)
def test_notification_with_invalid_credentials_is_401(
    app: Flask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int], headers: dict[str, str]
) -> None:
    body = notification(job_ids["never"], 1)
    response = notify(app, body, headers=headers, auth=None)
    assert response.status_code == 401
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["type"].endswith(":webhook-login-refused")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert PASSWORD not in response.text
    assert fault_proxy.find_requests() == []


@pytest.mark.parametrize(
    ("settings", "schemes"),
    [
        ({"LAKEFLOW_JOBS_WEBHOOK_TOKEN": TOKEN}, ["Bearer"]),
        ({"LAKEFLOW_JOBS_WEBHOOK_TOKEN": TOKEN, **LOGIN}, ["Basic", "Bearer"]),
    ],
    ids=["token", "both"],
)
def test_notification_with_a_bearer_token_is_accepted(
    make_app: MakeApp,
    job_ids: Mapping[str, int],
    settings: dict[str, str],
    schemes: Sequence[str],
) -> None:
    app, body = make_app(**settings), notification(job_ids["never"], 1)
    assert notify(app, body, auth=None, headers=bearer(TOKEN)).status_code == 204
    for wrong in ("", TOKEN + "x", TOKEN[:-1], PASSWORD, f"{USER}:{PASSWORD}"):
        refused = notify(app, body, auth=None, headers=bearer(wrong))
        assert refused.status_code == 401
        login = refused.headers["WWW-Authenticate"]
        assert [scheme for scheme in ("Basic", "Bearer") if scheme in login] == schemes
        assert TOKEN not in refused.text
    accepts_basic = notify(app, body).status_code == 204
    assert accepts_basic is ("Basic" in schemes)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """The values that were compared in constant time."""
    pairs: list[tuple[bytes, bytes]] = []

    def record(one: bytes, other: bytes) -> bool:
        pairs.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("flask_lakeflow_jobs.web.webhook.compare_digest", record)
    return pairs


def test_bearer_token_is_compared_in_constant_time(
    make_app: MakeApp, compared: list[tuple[bytes, bytes]]
) -> None:
    app = make_app(LAKEFLOW_JOBS_WEBHOOK_TOKEN=TOKEN)
    notify(app, {}, auth=None, headers=bearer("wrong"))
    assert compared == [(b"wrong", TOKEN.encode())]


@pytest.mark.parametrize("auth", [(USER, "wrong"), ("wrong", PASSWORD), ("wrong", "wrong")])
def test_credentials_are_both_compared_in_constant_time(
    app: Flask, compared: list[tuple[bytes, bytes]], auth: tuple[str, str]
) -> None:
    assert notify(app, {}, auth=auth).status_code == 401
    assert [other for _, other in compared] == [USER.encode(), PASSWORD.encode()]


def test_credentials_are_checked_before_the_body(app: Flask) -> None:
    assert app.test_client().post(PATH, data="{").status_code == 401
