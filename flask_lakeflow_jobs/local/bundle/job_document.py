"""A job's document as the CLI writes it: lists merged, defaults filled in, empty values dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import LIST_KEYS, TRIGGER_FIELDS
from .merge import merge_items
from .paths import PathTranslator
from .presets import Presets
from .validation import convert_bundle_settings, drop_nulls, drop_unknown_fields
from .yaml import LocatedDict, LocatedList

# Texts that may be empty: required fields, and mappings with any keys.
_REQUIRED_TEXTS = frozenset(
    [
        "default",
        "entry_point",
        "id",
        "inputs",
        "left",
        "name",
        "notebook_path",
        "op",
        "package_name",
        "path",
        "python_file",
        "quartz_cron_expression",
        "right",
        "spark_version",
        "task_key",
        "timezone_id",
        "url",
        "warehouse_id",
    ]
)
_FREE_MAPPINGS = frozenset(
    [
        "base_parameters",
        "custom_tags",
        "job_parameters",
        "named_parameters",
        "notebook_params",
        "parameters",
        "python_named_params",
        "spark_conf",
        "spark_env_vars",
        "sql_params",
        "tags",
    ]
)


def normalize_document(job: LocatedDict) -> None:
    """Merge lists and convert values of a job, whose references are replaced.

    The order of the steps here and below is that of the CLI's phase ``initialize``.
    """
    # The CLI's resourcemutator/merge_job_*. It does not merge environments, but a workspace refuses
    # two of one key.
    for field, identity in LIST_KEYS.items():
        if isinstance(items := job.get(field), LocatedList):
            job[field] = merge_items(items, identity)
    drop_unknown_fields(job)
    convert_bundle_settings(job)
    drop_nulls(job)


def initialize_document(
    job: LocatedDict, presets: Presets, run_as: Mapping[str, Any] | None
) -> None:
    """Apply presets and defaults to a job.

    :param run_as: the identity that runs the job, unless the job names one.
    """
    if run_as:
        job.setdefault("run_as", LocatedDict(run_as))
    presets.apply(job)
    _fill_in_defaults(job)


def finish_document(job: LocatedDict, paths: PathTranslator, metadata_path: str) -> None:
    """Turn a job into what ``bundle deploy`` would create.

    :param metadata_path: the path of the deployment's metadata in the workspace.
    :raises BundleError: a path in it is wrong.
    """
    _drop_empty_texts(job, "")
    job["name"] = job.get("name") or "Untitled"
    paths.translate(job)
    job["deployment"] = {"kind": "BUNDLE", "metadata_file_path": metadata_path}
    job["edit_mode"] = "UI_LOCKED"
    job["format"] = "MULTI_TASK"


def _fill_in_defaults(job: LocatedDict) -> None:
    job.setdefault("max_concurrent_runs", 1)
    # The CLI queues by default, like jobs that are made in the UI.
    job.setdefault("queue", LocatedDict({"enabled": True}))
    for key in TRIGGER_FIELDS:
        if isinstance(trigger := job.get(key), LocatedDict):
            trigger.setdefault("pause_status", "UNPAUSED")


def _drop_empty_texts(value: Any, parent: str) -> None:
    if isinstance(value, LocatedDict) and parent not in _FREE_MAPPINGS:
        kept = {*_REQUIRED_TEXTS, LIST_KEYS.get(parent)}
        for key in [key for key, each in value.items() if each == "" and key not in kept]:
            del value[key]
        for key, each in value.items():
            _drop_empty_texts(each, key)
    elif isinstance(value, LocatedList):
        for each in value:
            _drop_empty_texts(each, parent)
