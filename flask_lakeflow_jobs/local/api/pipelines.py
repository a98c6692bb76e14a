"""Endpoints of pipelines: ``pipelines/…``. Their updates are tasks of jobs.

Sources: databricks-sdk, ``service/pipelines.py``; databricks/cli, ``libs/testserver/pipelines.go``.
"""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Mapping
from typing import Any

from ..bundle.fields import PIPELINE
from ..bundle.validation import FieldError, convert_request_settings, drop_nulls, validate_types
from ..errors import InvalidParameterValue
from ..model import Settings
from ..pipeline_registry import PipelineRegistry, RegisteredPipeline
from .job_settings import to_api_error
from .request import Request, Routes
from .serializers import Json, find_run_as

#: Fields of a request that are no settings.
_OF_REQUEST = {"allow_duplicate_names", "dry_run", "expected_last_modified", "id", "pipeline_id"}
#: Settings that responses show beside the others.
_BESIDE_SPEC = {"parameters", "run_as"}


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


def parse_pipeline(fields: Mapping[str, Any]) -> Settings:
    """Read the settings of a pipeline.

    :raises ApiError: the service would refuse them.
    """
    settings = {key: value for key, value in fields.items() if key not in _OF_REQUEST}
    drop_nulls(settings, PIPELINE)
    convert_request_settings(settings, PIPELINE)
    try:
        validate_types(settings, PIPELINE)
    except FieldError as error:
        raise to_api_error(error) from None
    if "." in settings.get("target", ""):
        raise InvalidParameterValue(
            f"target {settings['target']!r} is not a valid name of a schema. Name the catalog in "
            "the field catalog."
        )
    return settings


def build_spec(settings: Settings, pipeline_id: str = "") -> Json:
    """Return the settings of a pipeline as responses show them.

    :param pipeline_id: empty if it has not been created.
    """
    spec = {key: value for key, value in settings.items() if key not in _BESIDE_SPEC}
    if not pipeline_id:
        return spec
    is_without_place = not spec.get("storage") and not spec.get("catalog")
    storage = {"storage": f"dbfs:/pipelines/{pipeline_id}"} if is_without_place else {}
    return {**spec, **storage, "id": pipeline_id}


def serialize_pipeline(pipeline: RegisteredPipeline) -> Json:
    """Return a pipeline as a list shows it."""
    return {
        "pipeline_id": pipeline.pipeline_id,
        "name": pipeline.name,
        "state": "IDLE",
        "creator_user_name": pipeline.creator,
        "run_as_user_name": find_run_as(pipeline.settings, pipeline.creator),
    }


def serialize_details(pipeline: RegisteredPipeline) -> Json:
    """Return a pipeline with its settings."""
    beside = {key: value for key, value in pipeline.settings.items() if key in _BESIDE_SPEC}
    return {
        **serialize_pipeline(pipeline),
        **beside,
        "last_modified": pipeline.modified,
        "spec": build_spec(pipeline.settings, pipeline.pipeline_id),
    }
