"""As whom a call runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from .errors import MissingUserToken

#: The header in which Databricks Apps forwards the token of a user who authorized the app.
#: Source: Databricks Apps documentation, "HTTP headers passed to Databricks apps".
TOKEN_HEADER = "X-Forwarded-Access-Token"  # noqa: S105


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


def user_of(request: HasHeaders) -> Identity:
    """The user on whose behalf a request may act.

    :param request: a Flask request, or anything with its headers.
    :raises MissingUserToken: the request carries no token.
    """
    token = (request.headers.get(TOKEN_HEADER) or "").strip()
    if not token:
        raise MissingUserToken(
            f"This request carries no user token ({TOKEN_HEADER}), so nothing can be done on the"
            " user's behalf. Turn on user authorization for the app, or let the app act as itself."
        )
    return Identity(token)
