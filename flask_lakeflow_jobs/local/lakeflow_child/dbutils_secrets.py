"""``dbutils.secrets``: the secrets of the workspace, from its API.

The workspace redacts them in the log and the result of the task.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_REFERENCE = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")
_TIMEOUT_SECONDS = 30


class SecretScope:
    """A scope, as ``dbutils.secrets.listScopes`` lists it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getName(self) -> str:  # noqa: N802 (its name on Databricks)
        return self.name

    def __repr__(self) -> str:
        return f"SecretScope(name={self.name!r})"


class SecretMetadata:
    """A secret without its value, as ``dbutils.secrets.list`` lists it."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return f"SecretMetadata(key={self.key!r})"


class SecretsUtils:
    """``dbutils.secrets``.

    :param host: the address of the workspace, such as ``http://127.0.0.1:5000``.
    """

    def __init__(self, host: str, token: str) -> None:
        self._host = host
        self._token = token

    def get(self, scope: str, key: str) -> str:
        return self.getBytes(scope, key).decode()

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 (its name on Databricks)
        from base64 import b64decode

        return b64decode(self._call("get", scope=scope, key=key)["value"])

    def listScopes(self) -> list[SecretScope]:  # noqa: N802
        return [SecretScope(each["name"]) for each in self._call("scopes/list")["scopes"]]

    def list(self, scope: str) -> list[SecretMetadata]:
        return [SecretMetadata(each["key"]) for each in self._call("list", scope=scope)["secrets"]]

    def insert(self, text: str) -> str:
        """Replace each ``{{secrets/scope/key}}`` by the secret."""
        return _REFERENCE.sub(lambda match: self.get(match[1], match[2]), text)

    def _call(self, endpoint: str, **query: str) -> dict[str, Any]:
        import json
        from http.client import HTTPConnection
        from urllib.parse import urlencode

        connection = HTTPConnection(self._host.rpartition("/")[2], timeout=_TIMEOUT_SECONDS)
        try:
            path = f"/api/2.0/secrets/{endpoint}?{urlencode(query)}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            content: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(content["message"])
        return content
