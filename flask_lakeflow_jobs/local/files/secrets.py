"""Secrets, by scope and key: those that clients have put, over those of the environment."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..environment import SECRET_PREFIX, find_secrets
from ..errors import ResourceDoesNotExist
from ..folder import WorkspaceFolder

#: An object of the file: scopes by name.
_Content = dict[str, Any]


class SecretStore:
    """The secrets of a workspace, in a file that only this user can read.

    :param environment: returns the environment, whose ``LAKEFLOW_SECRET_<SCOPE>_<KEY>`` are
        secrets too. They are found by scope and key, but not listed.
    :raises WorkspaceError: the file is damaged.
    """

    def __init__(
        self, folder: WorkspaceFolder, environment: Callable[[], Mapping[str, str]]
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._lock = threading.Lock()
        self._scopes: _Content = folder.read_secrets()
        if not all(map(_is_scope, self._scopes.values())):
            raise folder.damaged_secrets()
        # A task may still print a secret that was changed or deleted since it was read.
        self._values = {
            _decode(secret["value"])
            for scope in self._scopes.values()
            for secret in scope["secrets"].values()
        }

    def values(self) -> frozenset[str]:
        """Return all values since the workspace has started, for their redaction."""
        with self._lock:
            own = {value.decode(errors="surrogateescape") for value in self._values}
        return frozenset(own | find_secrets(self._environment()))

    def scopes(self) -> list[str]:
        """Return the names of the scopes in order."""
        return sorted(self._scopes)

    def create_scope(self, scope: str) -> bool:
        """Create a scope; return whether it is new."""
        with self._lock:
            if scope in self._scopes:
                return False
            self._save({**self._scopes, scope: {"secrets": {}}})
        return True

    def delete_scope(self, scope: str) -> None:
        """Delete a scope with its secrets.

        :raises ApiError: it does not exist.
        """
        with self._lock:
            self._find(scope)
            self._save({name: each for name, each in self._scopes.items() if name != scope})

    def list(self, scope: str) -> dict[str, int]:
        """Return when each secret of a scope was put, in milliseconds since the epoch, by key.

        :raises ApiError: it does not exist.
        """
        return {key: each["updated"] for key, each in sorted(self._find(scope)["secrets"].items())}

    def get(self, scope: str, key: str) -> bytes:
        """Return a secret.

        :raises ApiError: it does not exist.
        """
        secret = self._scopes.get(scope, {"secrets": {}})["secrets"].get(key)
        if secret is not None:
            return _decode(secret["value"])
        name = SECRET_PREFIX + re.sub(r"\W", "_", f"{scope}_{key}", flags=re.ASCII).upper()
        value = self._environment().get(name)
        if value is None:
            raise ResourceDoesNotExist(
                f"Secret does not exist with scope: {scope} and key: {key}. Put it with the API, "
                f"or set {name} in the environment of the local workspace."
            )
        return value.encode(errors="surrogateescape")

    def put(self, scope: str, key: str, value: bytes, updated: int) -> None:
        """Create or replace a secret.

        :raises ApiError: its scope does not exist.
        """
        with self._lock:
            secret = {"value": base64.b64encode(value).decode(), "updated": updated}
            self._values.add(value)
            self._change(scope, {**self._find(scope)["secrets"], key: secret})

    def delete(self, scope: str, key: str) -> None:
        """Delete a secret.

        :raises ApiError: it does not exist.
        """
        with self._lock:
            rest = dict(self._find(scope)["secrets"])
            if rest.pop(key, None) is None:
                raise ResourceDoesNotExist(
                    f"Secret does not exist with scope: {scope} and key: {key}. A secret of the "
                    "environment ends with its variable."
                )
            self._change(scope, rest)

    def _find(self, scope: str) -> _Content:
        found: _Content | None = self._scopes.get(scope)
        if found is None:
            raise ResourceDoesNotExist(f"Scope {scope} does not exist!")
        return found

    def _change(self, scope: str, secrets: _Content) -> None:
        self._save({**self._scopes, scope: {**self._scopes[scope], "secrets": secrets}})

    def _save(self, scopes: _Content) -> None:
        # The old content stays valid, also for readers, until the new one is written.
        self._folder.write_secrets(scopes)
        self._scopes = scopes


def _decode(value: str) -> bytes:
    return base64.b64decode(value)


def _is_scope(value: Any) -> bool:
    """Return whether a value of the file is a scope."""
    try:
        return all(
            isinstance(each["updated"], int) and isinstance(_decode(each["value"]), bytes)
            for each in value["secrets"].values()
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return False
