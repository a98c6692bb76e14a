"""As whom a call runs, and that no token leaks out of it."""

from __future__ import annotations

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import MissingUserToken
from flask_lakeflow_jobs.identity import APP, USER_TOKEN_HEADER, Identity, read_user_identity
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import named_job

TOKEN = "dapi-very-secret"


def test_identity_key_is_distinct_for_app_and_each_token() -> None:
    assert not APP.is_user
    assert Identity(TOKEN).is_user
    keys = {APP.key, Identity(TOKEN).key, Identity(TOKEN + "2").key}
    assert len(keys) == 3
    assert Identity(TOKEN).key == Identity(TOKEN).key


def test_identity_key_and_repr_hide_the_token() -> None:
    user = Identity(TOKEN)
    assert TOKEN not in user.key
    assert TOKEN not in repr(user)
    assert TOKEN not in repr(RunKey(user, named_job(), 1))


def test_identity_with_token_named_app_is_a_user() -> None:
    assert Identity("app").key != APP.key


@pytest.mark.parametrize("sent", [TOKEN, f"  {TOKEN} "])
def test_read_user_identity_returns_the_requests_user(sent: str) -> None:
    with Flask(__name__).test_request_context(headers={USER_TOKEN_HEADER: sent}):
        assert read_user_identity(request) == Identity(TOKEN)


@pytest.mark.parametrize("headers", [{}, {USER_TOKEN_HEADER: ""}, {USER_TOKEN_HEADER: "  "}])
def test_read_user_identity_without_token_raises(headers: dict[str, str]) -> None:
    with (
        Flask(__name__).test_request_context(headers=headers),
        pytest.raises(MissingUserToken, match=USER_TOKEN_HEADER) as caught,
    ):
        read_user_identity(request)
    assert caught.value.code == 401


def test_read_user_identity_ignores_the_authorization_header() -> None:
    with (
        Flask(__name__).test_request_context(headers={"Authorization": f"Bearer {TOKEN}"}),
        pytest.raises(MissingUserToken),
    ):
        read_user_identity(request)
