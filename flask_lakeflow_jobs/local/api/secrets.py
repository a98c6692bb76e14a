"""Endpoints of secrets: ``secrets/…``."""

from __future__ import annotations

import base64
import re

from ..clock import Clock
from ..errors import ApiError, InvalidParameterValue
from ..files.secrets import SecretStore
from .request import Request, Routes, read_base64
from .serializers import Json

MAX_SECRET_BYTES = 128 * 1024
MAX_SCOPES = 1000
MAX_SECRETS = 1000  # of a scope

_NAME = re.compile(r"[\w.@/-]{1,128}", re.ASCII)


class SecretEndpoints:
    """Scopes and their secrets."""

    def __init__(self, secrets: SecretStore, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock
        self.routes: Routes = {
            ("POST", "secrets/scopes/create"): self.create_scope,
            ("GET", "secrets/scopes/list"): self.list_scopes,
            ("POST", "secrets/scopes/delete"): self.delete_scope,
            ("POST", "secrets/put"): self.put,
            ("GET", "secrets/get"): self.get,
            ("GET", "secrets/list"): self.list,
            ("POST", "secrets/delete"): self.delete,
        }

    def create_scope(self, request: Request) -> Json:
        scope = request.require_text("scope")
        _check_name("scope", scope)
        if request.read_text("scope_backend_type") not in (None, "", "DATABRICKS"):
            raise InvalidParameterValue(
                "The local workspace keeps secrets itself. Use scope_backend_type DATABRICKS."
            )
        if len(self._secrets.scopes()) >= MAX_SCOPES:
            raise _limit(f"The workspace has {MAX_SCOPES:,} scopes. Delete one first.")
        if not self._secrets.create_scope(scope):
            message = f"Scope {scope} already exists!"
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", message)
        return {}

    def list_scopes(self, request: Request) -> Json:
        scopes = self._secrets.scopes()
        return {"scopes": [{"name": each, "backend_type": "DATABRICKS"} for each in scopes]}

    def delete_scope(self, request: Request) -> Json:
        self._secrets.delete_scope(request.require_text("scope"))
        return {}

    def put(self, request: Request) -> Json:
        scope, key = request.require_text("scope"), request.require_text("key")
        _check_name("key", key)
        text = request.read_text("string_value")
        if (text is None) == (request.fields.get("bytes_value") is None):
            raise InvalidParameterValue("Set one of string_value and bytes_value.")
        value = read_base64(request, "bytes_value") if text is None else text.encode()
        if len(value) > MAX_SECRET_BYTES:
            raise _limit(f"The secret is larger than {MAX_SECRET_BYTES // 1024} KiB.")
        keys = self._secrets.list(scope)
        if key not in keys and len(keys) >= MAX_SECRETS:
            raise _limit(f"Scope {scope} has {MAX_SECRETS:,} secrets. Delete one first.")
        self._secrets.put(scope, key, value, int(self._clock.time() * 1000))
        return {}

    def get(self, request: Request) -> Json:
        """``secrets/get``: the value in base64."""
        scope, key = request.require_text("scope"), request.require_text("key")
        value = self._secrets.get(scope, key)
        return {"key": key, "value": base64.b64encode(value).decode()}

    def list(self, request: Request) -> Json:
        """``secrets/list``: the keys of a scope."""
        secrets = self._secrets.list(request.require_text("scope"))
        return {
            "secrets": [
                {"key": key, "last_updated_timestamp": updated} for key, updated in secrets.items()
            ]
        }

    def delete(self, request: Request) -> Json:
        self._secrets.delete(request.require_text("scope"), request.require_text("key"))
        return {}


def _check_name(name: str, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise InvalidParameterValue(
            f"{name} has to consist of at most 128 letters, digits and characters of _-@./"
        )


def _limit(message: str) -> ApiError:
    return ApiError(400, "RESOURCE_LIMIT_EXCEEDED", message)
