"""Identities, names of users and the requester parameter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import (
    ConfigurationError,
    InvalidParameters,
    InvalidUserToken,
    MissingUserToken,
    ProxyUser,
)
from flask_lakeflow_jobs.identity import (
    APP,
    USER_TOKEN_HEADER,
    Identity,
    add_requester,
    display_name,
    read_user_identity,
)
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import build_job

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
    assert TOKEN not in repr(RunKey(user, build_job(), 1))


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


@pytest.mark.parametrize(
    "token",
    ["a b", "a\nb", "ä", "€", "\ud800", "a\x00", "a" * 70_000, "ann,bob", ",ann"],
    ids=lambda token: ascii(token)[:9],
)
def test_read_user_identity_with_token_that_cannot_be_sent_raises(token: str) -> None:
    with pytest.raises(InvalidUserToken, match=USER_TOKEN_HEADER) as caught:
        read_user_identity(SimpleNamespace(headers={USER_TOKEN_HEADER: token}))
    assert caught.value.code == 401


def test_read_user_identity_of_a_token_names_the_request() -> None:
    token: Any = TOKEN
    with pytest.raises(TypeError, match=r"not str\. Use as_user\(flask\.request\)"):
        read_user_identity(token)


def test_read_user_identity_ignores_the_authorization_header() -> None:
    with (
        Flask(__name__).test_request_context(headers={"Authorization": f"Bearer {TOKEN}"}),
        pytest.raises(MissingUserToken),
    ):
        read_user_identity(request)


class Person:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


class LoginUser(Person):
    """A user of Flask-Login."""

    def get_id(self) -> str:
        return "7"


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("anna", "anna"),
        ("anna\r\nX: y\x00\x1b[31m", "anna X: y [31m"),
        ("a" * 1000, "a" * 255),
        (ProxyUser("1", "anna", "anna@example.com"), "anna@example.com"),
        (ProxyUser("1", "anna"), "anna"),
        (ProxyUser("1"), "1"),
        (7, "7"),
        (True, None),
        (UUID(int=7), str(UUID(int=7))),
        (Person(id=7), "7"),
        (Person(id=UUID(int=7)), str(UUID(int=7))),
        (Person(name="Anna", id=7), "Anna"),
        (Person(username="anna", email=None), "anna"),
        (Person(username="anna", name="Anna Smith"), "anna"),
        (Person(name=print), None),
        (LoginUser(), "7"),
        (LoginUser(email="", name="Anna"), "Anna"),
        (object(), None),
        ({"email": "anna@example.com"}, "anna@example.com"),
    ],
)
def test_display_name_of_any_user_is_one_short_line_or_none(user: Any, name: str | None) -> None:
    assert display_name(user) == name


@pytest.mark.parametrize(
    "fields", [{}, {"job_parameters": {"day": "1"}}, {"sql_params": {"a": "1"}}]
)
def test_add_requester_without_parameter_or_user_adds_nothing(fields: dict[str, Any]) -> None:
    assert add_requester(fields, None, "anna", job="etl") == fields
    assert add_requester(fields, "by", None, job="etl") == fields


def test_add_requester_adds_a_job_parameter_or_raises() -> None:
    fields = {"job_parameters": {"day": "1"}}
    assert add_requester(fields, "by", "anna", job="etl") == {
        "job_parameters": {"day": "1", "by": "anna"}
    }
    assert fields == {"job_parameters": {"day": "1"}}
    with pytest.raises(InvalidParameters):
        add_requester({"job_parameters": {"by": "1"}}, "by", "anna", job="etl")
    with pytest.raises(ConfigurationError, match="'etl'"):
        add_requester({"notebook_params": {"a": "1"}}, "by", "anna", job="etl")
