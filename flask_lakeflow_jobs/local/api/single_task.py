"""The single-task format, from the time when a job was one task and had no list of them.

API 2.0 speaks it; later versions still take it, and answer in the format with tasks.
Source: "Updating from Jobs API 2.0 to 2.1" in the documentation.
"""
# MERGED """What the service fills in where a job's settings say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..model import MULTI_TASK, SINGLE_TASK, TASK_KINDS, Settings

_COMPUTE = ("existing_cluster_id", "new_cluster", "libraries")


_FIELDS_OF_THE_TASK = TASK_KINDS.union(
    _COMPUTE, ("max_retries", "min_retry_interval_millis", "retry_on_timeout")
)


_LONGEST_KEY = 100


def with_tasks(given: Mapping[str, Any], name: object) -> Settings:
    """Settings in the format with tasks, whichever they came in.

    The ``format`` that a client gives is ignored, as by the service; it follows from the rest.

    :param name: what the job or run is called; its only task is called the same.
    """
    settings = {key: value for key, value in given.items() if key != "format"}
    if "tasks" in settings:
        return {**settings, "format": MULTI_TASK}
    if not TASK_KINDS & settings.keys():
        return settings
    task = {key: settings.pop(key) for key in _FIELDS_OF_THE_TASK & settings.keys()}
    return {**settings, "format": SINGLE_TASK, "tasks": [{"task_key": _key_of(name), **task}]}


def without_tasks(settings: Settings) -> Settings:
    """A job's settings as API 2.0 tells them; a job that was made with tasks stays as it is."""
    if settings.get("format") != SINGLE_TASK:
        return settings
    (task,) = settings["tasks"]
    others = {key: value for key, value in settings.items() if key != "tasks"}
    return {**others, **{key: each for key, each in task.items() if key in _FIELDS_OF_THE_TASK}}


def parts_of_run(settings: Settings) -> Settings:
    """What a run of a job in the single-task format tells besides: ``task``, ``cluster_spec``."""
    if settings.get("format") != SINGLE_TASK:
        return {}
    (task,) = settings["tasks"]
    return {
        "task": {key: each for key, each in task.items() if key in TASK_KINDS},
        "cluster_spec": {key: each for key, each in task.items() if key in _COMPUTE},
    }


def _key_of(name: object) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", str(name))[:_LONGEST_KEY] or "main"


def add_defaults(settings: Settings) -> Settings:
    """A job's settings as jobs/get tells them.

    Source: what the CLI's own stand-in fills in, after the service (databricks/cli,
    ``libs/testserver/jobs.go``).
    """
    return {
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
