"""Settings of jobs: read from requests, updated, and completed for responses.

A job or submission without a list of tasks is in the single-task format: API 2.0 shows it as it was
sent, later versions as a job of one task. Source: "Updating from Jobs API 2.0 to 2.1" in the
documentation.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from ..bundle.validation import FieldError, convert_request_settings, drop_nulls, validate_settings
from ..errors import ApiError, InvalidParameterValue, UnexpectedType
from ..model import LIST_KEYS, MULTI_TASK, SINGLE_TASK, Settings
from ..task_kinds import TASK_KINDS

_NOT_SETTINGS = {"access_control_list", "idempotency_token", "run_name"}

_SINGLE_TASK_FIELDS = TASK_KINDS.keys() | {
    "existing_cluster_id",
    "new_cluster",
    "libraries",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
}
_MAX_TASK_KEY_LENGTH = 100


def parse_settings(fields: Mapping[str, Any], name: object) -> Settings:
    """Read settings that can be run, in the format with tasks.

    :param name: of the job or run; the key of its task in the single-task format.
    :raises ApiError: they cannot be run.
    """
    return _check(_read_settings(fields, name))


def parse_job_settings(fields: Mapping[str, Any], name: object) -> Settings:
    """Read the settings of a job, which may get its tasks later.

    :raises ApiError: its tasks cannot be run.
    """
    settings = {"format": MULTI_TASK, "tasks": [], **_read_settings(fields, name)}
    return _check(settings, needs_tasks=False)


def update_settings(
    settings: Settings, changes: dict[str, Any], fields_to_remove: list[str]
) -> Settings:
    """Return updated settings: lists are merged by key, all other fields are replaced.

    :raises ApiError: they cannot be run.
    """
    updated = copy.deepcopy(settings)
    drop_nulls(changes)
    changes = _add_tasks(changes, settings["name"])
    is_single_task = changes.get("format") == SINGLE_TASK
    for field, value in changes.items():
        if field in LIST_KEYS and isinstance(value, list) and not is_single_task:
            updated[field] = _merge(updated.get(field, []), value, LIST_KEYS[field])
        else:
            updated[field] = value
    _remove(updated, set(fields_to_remove))
    return _check({**updated, "tasks": updated.get("tasks", [])}, needs_tasks=False)


def complete_settings(settings: Settings, version: str) -> Settings:
    """Return settings as a version of the API shows them, with defaults.

    Source of the defaults: the Databricks CLI's own stand-in for the service (databricks/cli,
    ``libs/testserver/jobs.go``).
    """
    completed = {
        "email_notifications": {},
        "webhook_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": 1,
        "format": MULTI_TASK,
        **settings,
        "tasks": [
            {"email_notifications": {}, "run_if": "ALL_SUCCESS", "timeout_seconds": 0, **task}
            for task in settings["tasks"]
        ],
    }
    if not completed["tasks"]:
        del completed["tasks"]
    elif version == "2.0" and completed["format"] == SINGLE_TASK:
        (task,) = completed.pop("tasks")
        completed |= {key: value for key, value in task.items() if key in _SINGLE_TASK_FIELDS}
    return completed


def _read_settings(fields: Mapping[str, Any], name: object) -> Settings:
    settings = {key: value for key, value in fields.items() if key not in _NOT_SETTINGS}
    drop_nulls(settings)
    return _add_tasks(settings, name)


def _add_tasks(settings: Mapping[str, Any], name: object) -> Settings:
    """Convert the single-task format. As in the service, a ``format`` in the request is ignored."""
    converted = {key: value for key, value in settings.items() if key != "format"}
    if "tasks" in converted:
        return {**converted, "format": MULTI_TASK}
    if not TASK_KINDS & converted.keys():
        return converted
    task = {key: converted.pop(key) for key in _SINGLE_TASK_FIELDS & converted.keys()}
    task_key = re.sub(r"[^A-Za-z0-9_-]+", "_", str(name))[:_MAX_TASK_KEY_LENGTH] or "main"
    return {**converted, "format": SINGLE_TASK, "tasks": [{"task_key": task_key, **task}]}


def _check(settings: Settings, *, needs_tasks: bool = True) -> Settings:
    convert_request_settings(settings)
    try:
        validate_settings(settings, needs_tasks=needs_tasks)
    except FieldError as error:
        raise to_api_error(error) from None
    return settings


def to_api_error(error: FieldError) -> ApiError:
    """Return the error of the API for one in settings."""
    if error.expected:
        name = ".".join(each for each in error.path if isinstance(each, str))
        return UnexpectedType(name, error.expected, error.value)
    return InvalidParameterValue(error.message)


def _merge(items: list[Any], changes: list[Any], key: str) -> list[Any]:
    try:
        merged = {item[key]: item for item in (*items, *changes)}
    except (KeyError, TypeError):
        raise InvalidParameterValue(f"Each item needs a {key!r}.") from None
    return list(merged.values())


def _remove(settings: Settings, paths: set[str]) -> None:
    """Remove fields, such as ``tags``, and items of lists, such as ``tasks/load``."""
    for field in settings.keys() & paths:
        del settings[field]
    for field, key in LIST_KEYS.items():
        if isinstance(items := settings.get(field), list):
            settings[field] = [
                each
                for each in items
                if not isinstance(each, dict) or f"{field}/{each.get(key)}" not in paths
            ]
