"""Identities: the app or a user, forwarded headers, and who requested an action."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID

from .config.keys import ATTRIBUTION_PARAMETER
from .errors import (
    ConfigurationError,
    InvalidParameters,
    InvalidUserToken,
    MissingUserToken,
    NotAllowed,
)
from .text import UNPRINTABLE

if TYPE_CHECKING:
    from flask import Request

#: The header in which Databricks Apps forwards the token of a user who authorized the app.
#: Source: Databricks Apps documentation, "HTTP headers passed to Databricks apps".
USER_TOKEN_HEADER = "X-Forwarded-Access-Token"  # noqa: S105

#: Returns the current user of the host app, or ``None``.
UserLoader: TypeAlias = Callable[[], Any]

#: Attributes or keys that may hold a user's name, in the order of preference. Idempotency keys and
#: the record know users by it, and two users may have the same "name".
NAME_ATTRIBUTES = ("email", "username", "name", "id")

#: The types of names, and of ids of rows.
NAME_TYPES = (str, int, UUID)

MAX_NAME_CHARS = 255

#: Visible characters of ASCII, and no more than servers accept in a header. No comma: servers join
#: repeated headers with one, and one of these may come from the client.
_TOKEN = re.compile(r"[!-+\--~]{1,32768}")


class Headers(Protocol):
    """A mapping of headers."""

    def get(self, name: str, /) -> str | None: ...


class HasHeaders(Protocol):
    """A request, for its headers."""

    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True)
class Identity:
    """The app itself, or a user by the user's token.

    :param token: the user's token; ``None`` for the app.
    """

    token: str | None = field(default=None, repr=False)

    @property
    def is_user(self) -> bool:
        return self.token is not None

    @cached_property
    def key(self) -> str:
        """Return a name for caches and pools that does not reveal the token."""
        if self.token is None:
            return "app"
        return "user-" + hashlib.sha256(self.token.encode()).hexdigest()[:32]


APP = Identity()


def read_user_identity(request: HasHeaders) -> Identity:
    """Return the identity of the user on whose behalf a request may act.

    :raises MissingUserToken: the request has no token.
    :raises InvalidUserToken: the token cannot be sent.
    :raises TypeError: it is no request.
    """
    if not hasattr(request, "headers"):
        raise TypeError(
            "as_user takes the request of the user, whose header has the token, not"
            f" {type(request).__name__}. Use as_user(flask.request)."
        )
    token = (request.headers.get(USER_TOKEN_HEADER) or "").strip()
    if not token:
        raise MissingUserToken(
            f"This request has no user token ({USER_TOKEN_HEADER}), so the app cannot act on the"
            " user's behalf. Enable user authorization for the app, or use the app's own identity."
        )
    if not _TOKEN.fullmatch(token):
        raise InvalidUserToken(
            f"The user token of this request ({USER_TOKEN_HEADER}) has characters that no token"
            " has, or too many. Check the proxy that sets the header."
        )
    return Identity(token)


@dataclass(frozen=True)
class ProxyUser:
    """A user, as the proxy of Databricks Apps forwards it.

    Source: Databricks Apps documentation, "HTTP headers passed to Databricks apps".

    :param id: ``X-Forwarded-User``.
    :param name: ``X-Forwarded-Preferred-Username``.
    :param email: ``X-Forwarded-Email``.
    """

    id: str | None = None
    name: str | None = None
    email: str | None = None


def read_proxy_user(headers: Headers) -> ProxyUser | None:
    """Read the user from the headers of the proxy of Databricks Apps.

    Any client can send these headers, so call this only behind that proxy.

    :return: ``None`` if there are none.
    :raises NotAllowed: there are several addresses or ids.
    """
    user = ProxyUser(
        id=_decode_header(headers.get("X-Forwarded-User")),
        name=_decode_header(headers.get("X-Forwarded-Preferred-Username")),
        email=_decode_header(headers.get("X-Forwarded-Email")),
    )
    for name, value in (("Email", user.email), ("User", user.id)):
        if "," in (value or ""):  # servers join repeated headers; one of them is the client's
            raise NotAllowed(
                f"X-Forwarded-{name} has several values. The proxy must replace this header, and"
                f" remove X_Forwarded_{name}."
            )
    return None if user == ProxyUser() else user


def read_address(request: Request, *, trust_proxy: bool) -> str | None:
    """Read the address of the client that sent a request.

    :param trust_proxy: whether the proxy of Databricks Apps sets ``X-Real-Ip``, which any client
        can send elsewhere.
    """
    if trust_proxy:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(request.headers.get("X-Real-Ip") or ""))
    return request.remote_addr


def _decode_header(header: str | None) -> str | None:
    """Decode a UTF-8 header, which WSGI passes on as if it were Latin-1."""
    if not header:
        return None
    with contextlib.suppress(UnicodeError):
        header = header.encode("latin-1").decode()
    return header.strip() or None


def display_name(user: Any) -> str | None:
    """Return the name of a user of the host app, as one line for logs.

    :param user: a string, the id of a row, an object or mapping with one of
        :data:`NAME_ATTRIBUTES`, or an object with Flask-Login's ``get_id``.
    """
    if isinstance(user, NAME_TYPES) and not isinstance(user, bool):
        return _one_line(user)
    values = (
        user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        for name in NAME_ATTRIBUTES
    )
    name = next((value for value in values if isinstance(value, NAME_TYPES) and value), None)
    if name is None and callable(get_id := getattr(user, "get_id", None)):
        name = get_id()
    return _one_line(name)


def _one_line(name: Any) -> str | None:
    text = "" if name is None else UNPRINTABLE.sub(" ", str(name)).strip()
    return text[:MAX_NAME_CHARS] or None


def add_requester(
    fields: Mapping[str, Any], parameter: str | None, requested_by: str | None, *, job: str
) -> dict[str, Any]:
    """Add the name of the requester to the job parameters.

    :param fields: the fields of run-now that carry parameters.
    :param parameter: the name of the job parameter; ``None``: do not add it.
    :param requested_by: the name of the requester, if known.
    :raises InvalidParameters: the caller has set that parameter.
    :raises ConfigurationError: the job has parameters of another kind, which the Jobs API does not
        accept together with job parameters.
    """
    if parameter is None:
        return dict(fields)
    if parameter in fields.get("job_parameters", {}):
        message = "The app sets this parameter to the name of the requester."
        raise InvalidParameters.by_name({parameter: message})
    if requested_by is None:
        return dict(fields)
    others = sorted(set(fields) - {"job_parameters"})
    if others:
        raise ConfigurationError(
            f"{ATTRIBUTION_PARAMETER.name} is {parameter!r}, but the job {job!r} uses"
            f" {', '.join(others)}, which the Jobs API does not accept together with job"
            " parameters. Give the job parameters and the task_type 'job', or unset the key."
        )
    return {"job_parameters": {**fields.get("job_parameters", {}), parameter: requested_by}}
