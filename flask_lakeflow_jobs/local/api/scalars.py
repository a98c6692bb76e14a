"""Numbers and truth values that come as text.

The service takes either, and Airflow's operators send their numbers so: "Databricks can tolerate
either numeric or string types in the API backend" (``airflow.providers.databricks.utils``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_lakeflow_jobs.local.model import Settings

_OF_A_JOB = frozenset({"max_concurrent_runs", "timeout_seconds"})
_OF_A_TASK = frozenset(
    {"timeout_seconds", "max_retries", "min_retry_interval_millis", "retry_on_timeout", "disabled"}
)
_OF_A_QUEUE = frozenset({"enabled"})
_OF_A_KIND = {"for_each_task": frozenset({"concurrency"}), "run_job_task": frozenset({"job_id"})}
_TRUTH_VALUES = {"true": True, "True": True, "false": False, "False": False}
_LONGEST = 19  # digits of the largest number that the API knows


def with_scalars(given: Mapping[str, Any]) -> Settings:
    """A job's settings with numbers as numbers and truth values as such, whichever they came as.

    Text that spells neither stays, to be found by those who check the settings.
    """
    settings = _read(given, _OF_A_JOB)
    if isinstance(queue := settings.get("queue"), dict):
        settings["queue"] = queue_settings(queue)
    if isinstance(tasks := settings.get("tasks"), list):
        settings["tasks"] = [_task(each) for each in tasks]
    return settings


def queue_settings(given: Mapping[str, Any]) -> Settings:
    """The ``queue`` of a job or a run."""
    return _read(given, _OF_A_QUEUE)


def _task(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    task = _read(given, _OF_A_TASK)
    for kind, fields in _OF_A_KIND.items():
        if isinstance(body := task.get(kind), dict):
            task[kind] = _read(body, fields)
            if "task" in body:
                task[kind]["task"] = _task(body["task"])
    return task


def _read(given: Mapping[str, Any], fields: frozenset[str]) -> Settings:
    return {key: _scalar(each) if key in fields else each for key, each in given.items()}


def _scalar(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST:
        return int(value)
    return _TRUTH_VALUES.get(value, value)
