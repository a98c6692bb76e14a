"""Authentication: tokens, OAuth, and the endpoints that clients call first."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from ..clock import Clock
from ..errors import ApiError
from .request import Routes
from .serializers import Json

_TOKEN_USER = "token"  # noqa: S105 (the user name for a token sent by HTTP Basic)
_TOKEN_LIFETIME_SECONDS = 3600  # as on the service


class AuthEndpoints:
    """Discovery, ``/oidc/v1/token``, and the one user of SCIM.

    :param token: of the workspace; for OAuth, it is the secret of any client id.
    """

    def __init__(self, token: str, host: str, user: str, workspace_id: int, clock: Clock) -> None:
        self._token = token
        self._host = host
        self._user = user
        self._workspace_id = workspace_id
        self._clock = clock
        self.routes: Routes = {
            ("GET", "preview/scim/v2/Me"): lambda request: self.me(),
        }

    def check(self, authorization: str) -> None:
        """Check the ``Authorization`` header of a request.

        :raises ApiError: 401.
        """
        scheme, _, token = authorization.partition(" ")
        if (credentials := _parse_basic(authorization)) and credentials[0] == _TOKEN_USER:
            token = credentials[1]
        elif scheme.lower() != "bearer":
            raise ApiError(
                401,
                "UNAUTHENTICATED",
                "Credential was not sent or was of an unsupported type for this API.",
            )
        if not (_equal(token, self._token) or self._is_valid(token)):
            raise ApiError(401, "UNAUTHENTICATED", "Invalid access token.")

    def host_metadata(self) -> Json:
        return {
            "oidc_endpoint": f"{self._host}/oidc",
            "workspace_id": str(self._workspace_id),
            "account_id": "00000000-0000-0000-0000-000000000000",
            "cloud": "AWS",
            "host_type": "workspace",
        }

    def oauth_metadata(self) -> Json:
        return {
            "issuer": f"{self._host}/oidc",
            "authorization_endpoint": f"{self._host}/oidc/v1/authorize",
            "token_endpoint": f"{self._host}/oidc/v1/token",
            "grant_types_supported": ["client_credentials"],
        }

    def issue_token(self, authorization: str, form: str) -> Json:
        """``/oidc/v1/token``.

        :raises ApiError: wrong secret or grant.
        """
        fields = {key: values[0] for key, values in parse_qs(form).items()}
        client_id, secret = _parse_basic(authorization) or (
            fields.get("client_id", ""),
            fields.get("client_secret", ""),
        )
        if fields.get("grant_type") != "client_credentials":
            raise ApiError(400, "unsupported_grant_type", "Only client_credentials is supported.")
        if not client_id or not _equal(secret, self._token):
            raise ApiError(401, "invalid_client", "Client authentication failed.")
        return {
            "access_token": self._sign(int(self._clock.time()) + _TOKEN_LIFETIME_SECONDS),
            "token_type": "Bearer",
            "expires_in": _TOKEN_LIFETIME_SECONDS,
            "scope": fields.get("scope", "all-apis"),
        }

    def me(self) -> Json:
        return {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": str(self._workspace_id + 1),
            "userName": self._user,
            "displayName": self._user.partition("@")[0],
            "name": {"givenName": self._user.partition("@")[0]},
            "active": True,
            "emails": [{"value": self._user, "type": "work", "primary": True}],
            "groups": [{"display": "users", "type": "direct", "value": "1"}],
        }

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every response."""
        return {"X-Databricks-Org-Id": str(self._workspace_id)}

    def _sign(self, expires: int) -> str:
        """Return a token that is valid until a time, in seconds since the epoch."""
        signature = hmac.new(self._token.encode(), str(expires).encode(), hashlib.sha256)
        return f"{expires}.{signature.hexdigest()}"

    def _is_valid(self, token: str) -> bool:
        expires = token.partition(".")[0]
        return (
            expires.isascii()
            and expires.isdecimal()
            and int(expires[:15]) > self._clock.time()
            and _equal(token, self._sign(int(expires[:15])))
        )


def _equal(actual: str, expected: str) -> bool:
    return hmac.compare_digest(actual.encode(), expected.encode())


def _parse_basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:  # no base64, not even ASCII, or no text
        return None
    return user, password
