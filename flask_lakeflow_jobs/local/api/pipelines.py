"""Endpoints of pipelines: ``pipelines/…``. Their updates are tasks of jobs."""

from __future__ import annotations

import fnmatch
import glob
import re

from ..errors import InvalidParameterValue
from ..pipeline_registry import PipelineRegistry
from .pipeline_settings import build_spec, parse_pipeline, serialize_details, serialize_pipeline
from .request import Request, Routes
from .serializers import Json


class PipelineEndpoints:
    """The handlers of ``pipelines`` and ``pipelines/{id}``."""

    def __init__(self, pipelines: PipelineRegistry) -> None:
        self._pipelines = pipelines
        self.routes: Routes = {
            ("GET", "pipelines"): self.list,
            ("POST", "pipelines"): self.create,
            ("GET", "pipelines/{id}"): self.get,
            ("PUT", "pipelines/{id}"): self.edit,
            ("DELETE", "pipelines/{id}"): self.delete,
            ("POST", "pipelines/{id}/updates"): self.start_update,
        }

    def list(self, request: Request) -> Json:
        """``GET pipelines``; a filter by name has ``%`` for any characters."""
        pattern = "%"
        if condition := request.read_text("filter"):
            match = re.fullmatch(r"""name\s+LIKE\s+["'](.*)["']""", condition, re.IGNORECASE)
            if match is None:
                raise InvalidParameterValue("Filter pipelines by name, such as: name LIKE '%etl%'.")
            pattern = match[1]
        found = [
            serialize_pipeline(each)
            for each in self._pipelines.all()
            if is_like(each.name, pattern)
        ]
        return {"statuses": found} if found else {}

    def create(self, request: Request) -> Json:
        """``POST pipelines``; with ``dry_run``, only check the settings."""
        is_trial = request.read_bool("dry_run")
        pipeline = self._pipelines.create(
            parse_pipeline(request.fields),
            may_share_name=request.read_bool("allow_duplicate_names"),
            is_trial=is_trial,
        )
        if is_trial:
            return {"effective_settings": build_spec(pipeline.settings)}
        return {"pipeline_id": pipeline.pipeline_id}

    def get(self, request: Request) -> Json:
        return serialize_details(self._pipelines.find(request.fields["id"]))

    def edit(self, request: Request) -> Json:
        """``PUT pipelines/{id}``: replace all settings."""
        self._pipelines.change(
            request.fields["id"],
            parse_pipeline(request.fields),
            may_share_name=request.read_bool("allow_duplicate_names"),
            expected=request.read_int("expected_last_modified"),
        )
        return {}

    def delete(self, request: Request) -> Json:
        self._pipelines.delete(request.fields["id"])
        return {}

    def start_update(self, request: Request) -> Json:
        name = self._pipelines.find(request.fields["id"]).name
        raise InvalidParameterValue(
            "The local workspace updates a pipeline only as a task. Start a job with a "
            f"pipeline_task for {name!r}."
        )


def is_like(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern."""
    return fnmatch.fnmatchcase(name, glob.escape(pattern).replace("%", "*"))
