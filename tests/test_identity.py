"""As whom a call runs, and that no token leaks out of it."""

from __future__ import annotations

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import MissingUserToken
from flask_lakeflow_jobs.identity import APP, USER_TOKEN_HEADER, Identity, read_user_identity
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import named_job

TOKEN = "dapi-very-secret"


def test_the_app_is_one_identity_and_each_token_another() -> None:
    assert not APP.is_user
    assert Identity(TOKEN).is_user
    keys = {APP.key, Identity(TOKEN).key, Identity(TOKEN + "2").key}
    assert len(keys) == 3
    assert Identity(TOKEN).key == Identity(TOKEN).key


def test_a_token_shows_in_no_key_and_no_repr() -> None:
    user = Identity(TOKEN)
    assert TOKEN not in user.key
    assert TOKEN not in repr(user)
    assert TOKEN not in repr(RunKey(user, named_job(), 1))


def test_a_token_that_spells_the_apps_key_is_still_a_user() -> None:
    assert Identity("app").key != APP.key


@pytest.mark.parametrize("sent", [TOKEN, f"  {TOKEN} "])
def test_the_user_is_who_the_request_carries(sent: str) -> None:
    with Flask(__name__).test_request_context(headers={USER_TOKEN_HEADER: sent}):
        assert read_user_identity(request) == Identity(TOKEN)


@pytest.mark.parametrize("headers", [{}, {USER_TOKEN_HEADER: ""}, {USER_TOKEN_HEADER: "  "}])
def test_without_a_token_nobody_steps_in(headers: dict[str, str]) -> None:
    with (
        Flask(__name__).test_request_context(headers=headers),
        pytest.raises(MissingUserToken, match=USER_TOKEN_HEADER) as caught,
    ):
        read_user_identity(request)
    assert caught.value.code == 401


def test_the_authorization_header_is_no_user_token() -> None:
    with (
        Flask(__name__).test_request_context(headers={"Authorization": f"Bearer {TOKEN}"}),
        pytest.raises(MissingUserToken),
    ):
        read_user_identity(request)
