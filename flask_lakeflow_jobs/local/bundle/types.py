"""Which fields of a job are lists, mappings and texts: what all who read a job count on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# A shape is the type of a text, a list with the shape of its items, or a mapping with the shapes
# of some of its fields.
#: The keys and indexes that lead to a value in a job's settings.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error in a job's settings and its path.

    :param expected: in a type error, the expected type as the API names it.
    :param value: in a type error, the value that is there instead.
    """

    path: Path
    message: str
    expected: str = ""
    value: Any = None


_MAPPING: dict[str, Any] = {}

_MAPPINGS = [_MAPPING]
_TEXTS = [str]
_CLUSTER = {
    "autoscale": _MAPPING,
    "aws_attributes": _MAPPING,
    "azure_attributes": _MAPPING,
    "cluster_log_conf": _MAPPING,
    "custom_tags": _MAPPING,
    "docker_image": _MAPPING,
    "gcp_attributes": _MAPPING,
    "init_scripts": _MAPPINGS,
    "spark_conf": _MAPPING,
    "spark_env_vars": _MAPPING,
    "ssh_public_keys": _TEXTS,
    "workload_type": _MAPPING,
}

_WEBHOOKS = {
    "on_duration_warning_threshold_exceeded": _MAPPINGS,
    "on_failure": _MAPPINGS,
    "on_start": _MAPPINGS,
    "on_streaming_backlog_exceeded": _MAPPINGS,
    "on_success": _MAPPINGS,
}

_EMAILS = dict.fromkeys(_WEBHOOKS, _TEXTS)
_WATCHED = {
    "email_notifications": _EMAILS,
    "health": {"rules": _MAPPINGS},
    "notification_settings": _MAPPING,
    "webhook_notifications": _WEBHOOKS,
}

_JOB = {
    **_WATCHED,
    "continuous": _MAPPING,
    "deployment": _MAPPING,
    "environment_variables": [{"environment_variables_key": str, "spec": _MAPPING}],
    "environments": [{"environment_key": str, "spec": {"dependencies": _TEXTS}}],
    "git_source": {"git_snapshot": _MAPPING, "job_source": _MAPPING, "sparse_checkout": _MAPPING},
    "job_clusters": [{"job_cluster_key": str, "new_cluster": _CLUSTER}],
    "queue": _MAPPING,
    "run_as": _MAPPING,
    "schedule": _MAPPING,
    "trigger": {
        "file_arrival": _MAPPING,
        "model": _MAPPING,
        "periodic": _MAPPING,
        "table_update": _MAPPING,
    },
    "triggers": _MAPPINGS,
}

_TASK = {
    **_WATCHED,
    "compute": _MAPPING,
    "condition_task": {"left": str, "right": str},
    "environment_key": str,
    "environment_variables_key": str,
    "existing_cluster_id": str,
    "for_each_task": {"inputs": str},
    "job_cluster_key": str,
    "libraries": _MAPPINGS,
    "new_cluster": _CLUSTER,
}

_PARAMETER = {"default": str}


def misshapen_job(settings: dict[str, Any]) -> Iterator[FieldError]:
    """The fields of a job, apart from its tasks, that are of the wrong type."""
    yield from _misshapen(settings, _JOB, ())


def misshapen_task(task: dict[str, Any], path: Path) -> Iterator[FieldError]:
    """The fields of a task that are of the wrong type.

    :param path: where it is.
    """
    yield from _misshapen(task, _TASK, path)


def misshapen_parameter(parameter: dict[str, Any], path: Path) -> Iterator[FieldError]:
    """The fields of a job's parameter that are of the wrong type.

    :param path: where it is.
    """
    yield from _misshapen(parameter, _PARAMETER, path)


def _misshapen(value: Any, shape: Any, path: Path) -> Iterator[FieldError]:
    if shape is str:
        # Numbers and truth values are taken as their text, as everywhere in the API.
        if isinstance(value, (list, dict)):
            yield _mistake(path, value, "a text. Put quotes around it", "string")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield _mistake(path, value, "a list", "array")
            return
        for index, each in enumerate(value):
            yield from _misshapen(each, shape[0], (*path, index))
    elif not isinstance(value, dict):
        yield _mistake(path, value, "a mapping", "object")
    else:
        for key, inner in shape.items():
            if value.get(key) is not None:
                yield from _misshapen(value[key], inner, (*path, key))


def _mistake(path: Path, value: Any, noun: str, wanted: str) -> FieldError:
    names = [each for each in path if isinstance(each, str)]
    what = f"Each of {names[-1]!r}" if isinstance(path[-1], int) else repr(names[-1])
    return FieldError(path, f"{what} has to be {noun}.", wanted, value)
