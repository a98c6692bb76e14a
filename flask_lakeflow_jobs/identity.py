"""As whom a call runs."""
# MERGED """Who asked for something, and how a job learns it. Pure."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from .config.keys import ATTRIBUTION_PARAMETER
from .errors import ConfigurationError, InvalidParameters, MissingUserToken

#: The header in which Databricks Apps forwards the token of a user who authorized the app.
#: Source: Databricks Apps documentation, "HTTP headers passed to Databricks apps".
USER_TOKEN_HEADER = "X-Forwarded-Access-Token"  # noqa: S105


class Headers(Protocol):
    """The part of a header mapping that is needed."""

    def get(self, name: str, /) -> str | None: ...


class HasHeaders(Protocol):
    """Any request: what counts is what it carries."""

    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True)
class Identity:
    """The app itself, or one user by that user's token.

    :param token: the user's token; none means the app.
    """

    token: str | None = field(default=None, repr=False)

    @property
    def is_user(self) -> bool:
        return self.token is not None

    @cached_property
    def key(self) -> str:
        """Names the identity in caches and pools, and gives nothing away of the token."""
        if self.token is None:
            return "app"
        return "user-" + hashlib.sha256(self.token.encode()).hexdigest()[:32]


APP = Identity()


def read_user_identity(request: HasHeaders) -> Identity:
    """The user on whose behalf a request may act.

    :param request: a Flask request, or anything with its headers.
    :raises MissingUserToken: the request carries no token.
    """
    token = (request.headers.get(USER_TOKEN_HEADER) or "").strip()
    if not token:
        raise MissingUserToken(
            f"This request has no user token ({USER_TOKEN_HEADER}), so the app cannot act on the"
            " user's behalf. Enable user authorization for the app, or use the app's own identity."
        )
    return Identity(token)


#: Gives the host's current user, or ``None``.
UserLoader: TypeAlias = Callable[[], Any]


#: What a user's name is looked for under, whatever the host's class for users is.
NAME_ATTRIBUTES = ("email", "name", "username", "id")


MAX_NAME_CHARS = 255


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class ProxyUser:
    """A user as the proxy of Databricks Apps names them.

    Source: Databricks Apps documentation, "HTTP headers passed to Databricks apps".

    :param id: ``X-Forwarded-User``.
    :param name: ``X-Forwarded-Preferred-Username``.
    :param email: ``X-Forwarded-Email``.
    """

    id: str | None = None
    name: str | None = None
    email: str | None = None


def read_proxy_user(headers: Headers) -> ProxyUser | None:
    """The user of a request that came through the proxy of Databricks Apps, and of no other.

    :param headers: the request's.
    """
    user = ProxyUser(
        id=_text(headers.get("X-Forwarded-User")),
        name=_text(headers.get("X-Forwarded-Preferred-Username")),
        email=_text(headers.get("X-Forwarded-Email")),
    )
    return None if user == ProxyUser() else user


def _text(header: str | None) -> str | None:
    """A header as the proxy meant it: WSGI hands UTF-8 on as if it were Latin-1."""
    if not header:
        return None
    with contextlib.suppress(UnicodeError):
        header = header.encode("latin-1").decode()
    return header.strip() or None


def display_name(user: Any) -> str | None:
    """A plain name for whatever the host has as a user, fit for logs.

    :param user: a text, or an object or a mapping with one of :data:`NAME_ATTRIBUTES`, or an
        object with Flask-Login's ``get_id``.
    """
    if user is None or isinstance(user, str):
        return _one_line(user)
    found = (
        user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        for name in NAME_ATTRIBUTES
    )
    name = next((value for value in found if isinstance(value, str | int) and value), None)
    if name is None and callable(get_id := getattr(user, "get_id", None)):
        name = get_id()
    return _one_line(name)


def _one_line(name: Any) -> str | None:
    text = "" if name is None else _CONTROLS.sub(" ", str(name)).strip()
    return text[:MAX_NAME_CHARS] or None


def add_requester(
    fields: Mapping[str, Any], parameter: str | None, requested_by: str | None, *, job: str
) -> dict[str, Any]:
    """The fields of run-now with who asked among the job parameters.

    :param fields: run-now's.
    :param parameter: the name of the job parameter; ``None``: jobs are not told.
    :param requested_by: who asked, if that is known.
    :param job: the job's key.
    :raises InvalidParameters: the caller has filled that parameter in.
    :raises ConfigurationError: the job takes parameters of another kind, and the Jobs API takes no
        job parameters beside them.
    """
    if parameter is None:
        return dict(fields)
    if parameter in fields.get("job_parameters", {}):
        message = "Is filled in by the app, with who asked."
        raise InvalidParameters(f"{parameter}: {message}", {parameter: [message]})
    if requested_by is None:
        return dict(fields)
    others = sorted(set(fields) - {"job_parameters"})
    if others:
        raise ConfigurationError(
            f"{ATTRIBUTION_PARAMETER.name} is {parameter!r}, and the job {job!r} takes"
            f" {', '.join(others)}, beside which the Jobs API takes no job parameters. Give the job"
            " parameters of its own and task_type 'job', or unset the key."
        )
    return {
        **fields,
        "job_parameters": {**fields.get("job_parameters", {}), parameter: requested_by},
    }
