"""Settings of pipelines: read from requests, and as responses show them. Pure.

Sources: databricks-sdk, ``service/pipelines.py``; databricks/cli, ``libs/testserver/pipelines.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bundle.fields import PIPELINE
from ..bundle.validation import FieldError, convert_request_settings, drop_nulls, validate_types
from ..errors import InvalidParameterValue
from ..model import Settings
from ..pipeline_registry import RegisteredPipeline
from .job_settings import to_api_error
from .serializers import Json, find_run_as

#: Fields of a request that are no settings.
_OF_REQUEST = {"allow_duplicate_names", "dry_run", "expected_last_modified", "id", "pipeline_id"}
#: Settings that responses show beside the others.
_BESIDE_SPEC = {"parameters", "run_as"}


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
