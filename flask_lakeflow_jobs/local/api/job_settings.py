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

from ..bundle.conversion import drop_nulls
from ..bundle.validation import validate_settings
from ..errors import InvalidParameterValue, UnexpectedType
from ..model import MULTI_TASK, SINGLE_TASK, TASK_KINDS, Settings

#: The lists of a job's settings, and the key by which an update merges their items.
LIST_KEYS = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}
_NOT_SETTINGS = {"access_control_list", "idempotency_token", "run_name"}

_SINGLE_TASK_FIELDS = TASK_KINDS | {
    "existing_cluster_id",
    "new_cluster",
    "libraries",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
}
_MAX_TASK_KEY_LENGTH = 100

# Fields that may be text. "Databricks can tolerate either numeric or string types in the API
# backend" (``airflow.providers.databricks.utils``), and Airflow's operators send numbers as text.
_JOB_SCALARS = frozenset({"max_concurrent_runs", "timeout_seconds"})
_TASK_SCALARS = frozenset(
    {"timeout_seconds", "max_retries", "min_retry_interval_millis", "retry_on_timeout", "disabled"}
)
_QUEUE_SCALARS = frozenset({"enabled"})
_KIND_SCALARS = {
    "for_each_task": frozenset({"concurrency"}),
    "run_job_task": frozenset({"job_id"}),
}
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_MAX_DIGITS = 19  # of the largest number in the API


def parse_settings(fields: Mapping[str, Any], name: object) -> Settings:
    """Read settings that can be run, in the format with tasks.

    :param name: of the job or run; the key of its task in the single-task format.
    :raises ApiError: they cannot be run.
    """
    settings = {key: value for key, value in fields.items() if key not in _NOT_SETTINGS}
    drop_nulls(settings)
    return _check(_add_tasks(settings, name))


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
    for path in fields_to_remove:
        _remove(updated, path)
    return _check(updated)


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
    if version == "2.0" and completed["format"] == SINGLE_TASK:
        (task,) = completed.pop("tasks")
        completed |= {key: value for key, value in task.items() if key in _SINGLE_TASK_FIELDS}
    return completed


def parse_queue(queue: Mapping[str, Any]) -> Settings:
    """Read the ``queue`` of a job or a run."""
    return _convert_scalars(queue, _QUEUE_SCALARS)


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


def _check(settings: Settings) -> Settings:
    settings = _convert_scalars(settings, _JOB_SCALARS)
    if isinstance(queue := settings.get("queue"), dict):
        settings["queue"] = parse_queue(queue)
    if isinstance(tasks := settings.get("tasks"), list):
        settings["tasks"] = [_convert_task(each) for each in tasks]
    for error in validate_settings(settings):
        if error.expected:
            name = ".".join(each for each in error.path if isinstance(each, str))
            raise UnexpectedType(name, error.expected, error.value)
        raise InvalidParameterValue(error.message)
    return settings


def _convert_task(task: Any) -> Any:
    if not isinstance(task, dict):
        return task
    converted = _convert_scalars(task, _TASK_SCALARS)
    for kind, fields in _KIND_SCALARS.items():
        if isinstance(body := converted.get(kind), dict):
            converted[kind] = _convert_scalars(body, fields)
            if "task" in body:
                converted[kind]["task"] = _convert_task(body["task"])
    return converted


def _convert_scalars(settings: Mapping[str, Any], fields: frozenset[str]) -> Settings:
    return {key: _to_scalar(each) if key in fields else each for key, each in settings.items()}


def _to_scalar(value: Any) -> Any:
    """Convert text to a number or boolean; keep text that spells neither, which is then invalid."""
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS:
        return int(value)
    return _BOOLEANS.get(value, value)


def _merge(items: list[Any], changes: list[Any], key: str) -> list[Any]:
    try:
        merged = {item[key]: item for item in (*items, *changes)}
    except (KeyError, TypeError):
        raise InvalidParameterValue(f"Each item needs a {key!r}.") from None
    return list(merged.values())


def _remove(settings: Settings, path: str) -> None:
    field, _, item_key = path.partition("/")
    if not item_key:
        settings.pop(field, None)
    elif field in LIST_KEYS:
        key = LIST_KEYS[field]
        settings[field] = [item for item in settings.get(field, []) if item.get(key) != item_key]
