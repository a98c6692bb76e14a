"""Endpoints of pipelines, for code that looks one up: those of the bundle, which tasks update."""

from __future__ import annotations

import fnmatch
import glob
import re

from ..errors import InvalidParameterValue, ResourceDoesNotExist
from ..model import Settings
from ..registry import Registry
from .request import Request, Routes
from .serializers import Json


class PipelineEndpoints:
    """The handlers of ``pipelines`` and ``pipelines/{id}``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.routes: Routes = {("GET", "pipelines"): self.list, ("GET", "pipelines/{id}"): self.get}

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
        key = request.fields["id"]
        settings = self._registry.bundle.pipelines.get(key)
        if settings is None:
            raise ResourceDoesNotExist(
                f"The specified pipeline {key} was not found. Define it under "
                "'resources.pipelines' of the bundle."
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
    """Return whether a name matches a pattern."""
    return fnmatch.fnmatchcase(name, glob.escape(pattern).replace("%", "*"))


def _name_of(key: str, settings: Settings) -> str:
    return str(settings.get("name") or key)
