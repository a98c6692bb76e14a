"""Endpoints of pipelines, for code that looks one up: those of the bundle, which tasks update."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import ApiError, InvalidParameterValue
from ..model import Settings
from ..registry import Registry
from .request import Request
from .serializers import Json


class PipelineEndpoints:
    """The handlers of ``pipelines`` and ``pipelines/{id}``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def routes(self) -> dict[tuple[str, str], Callable[[Request], Json]]:
        """The routes of these endpoints."""
        return {("GET", "pipelines"): self.list, ("GET", "pipelines/{id}"): self.get}

    def list(self, request: Request) -> Json:
        """``GET pipelines``; a filter by name has ``%`` for any characters."""
        pattern = "%"
        if condition := request.read_text("filter"):
            match = re.fullmatch(r"""name\s+LIKE\s+["'](.*)["']""", condition, re.IGNORECASE)
            if match is None:
                raise InvalidParameterValue("Filter pipelines by name, such as: name LIKE '%etl%'.")
            pattern = match[1]
        found = [
            self._describe(key, settings)
            for key, settings in self._registry.bundle.pipelines.items()
            if is_like(_name_of(key, settings), pattern)
        ]
        return {"statuses": found} if found else {}

    def get(self, request: Request) -> Json:
        """``GET pipelines/{id}``."""
        key = request.fields["id"]
        settings = self._registry.bundle.pipelines.get(key)
        if settings is None:
            raise ApiError(
                404,
                "RESOURCE_DOES_NOT_EXIST",
                f"The specified pipeline {key} was not found. Define it under "
                "'resources.pipelines' of the bundle.",
            )
        return {**self._describe(key, settings), "spec": {**settings, "id": key}}

    def _describe(self, key: str, settings: Settings) -> Json:
        return {
            "pipeline_id": key,
            "name": _name_of(key, settings),
            "state": "IDLE",
            "creator_user_name": self._registry.user,
            "run_as_user_name": self._registry.user,
        }


def is_like(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern, in time that grows with the length of both."""
    first, *parts = pattern.split("%")
    if not parts:
        return name == first
    last = parts.pop()
    position, end = len(first), len(name) - len(last)
    if position > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in parts:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _name_of(key: str, settings: Settings) -> str:
    return str(settings.get("name") or key)
