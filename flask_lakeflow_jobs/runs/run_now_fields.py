"""The fields of run-now that carry a run's parameters, and the place of each parameter. Pure.

The fields of each task type, and the limits, are those of ``POST /api/2.2/jobs/run-now``.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any

from ..errors import InvalidParameters

#: Fields of run-now that carry parameters, and their JSON types.
RUN_NOW_FIELDS: Mapping[str, type] = {
    "job_parameters": dict,
    "notebook_params": dict,
    "python_named_params": dict,
    "sql_params": dict,
    "pipeline_params": dict,
    "python_params": list,
    "jar_params": list,
    "spark_submit_params": list,
    "dbt_commands": list,
}

#: Fields whose JSON, including the field's name, is limited to ``MAX_FIELD_BYTES``.
LIMITED_FIELDS = {"notebook_params", "jar_params", "python_params", "spark_submit_params"}

MAX_FIELD_BYTES = 10_000

ASCII_FIELDS = {"python_params", "spark_submit_params"}

#: Task types whose parameters have names, and their fields of run-now.
NAMED_FIELDS: Mapping[str, str] = {
    "notebook": "notebook_params",
    "python_wheel": "python_named_params",
    "sql": "sql_params",
    "job": "job_parameters",
    "pipeline": "pipeline_params",
}

#: Task types whose parameters are one list: the field of run-now, and the accepted names.
LIST_NAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "python_script": ("python_params", ("args",)),
    "spark_jar": ("jar_params", ("args",)),
    "dbt_commands": ("dbt_commands", ("commands", "args", "dbt_commands")),
}

PIPELINE_FLAGS = {"full_refresh"}
PIPELINE_LISTS = {
    "full_refresh_selection",
    "refresh_flow_selection",
    "refresh_selection",
    "reset_checkpoint_selection",
}

#: Places the parameters of one task type in the fields of run-now.
Placement = Callable[[Mapping[str, Any]], dict[str, Any]]


def build_run_now_fields(task_type: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Place validated parameters in the fields of run-now. None is ever dropped silently.

    :param task_type: one of :data:`TASK_TYPES`. With ``None``, the parameters must already be named
        after the fields of run-now.
    :raises InvalidParameters: a parameter has no place or cannot be sent.
    """
    fields = TASK_TYPES[task_type](params) if task_type else _place_unchanged(params)
    _check_limits(fields)
    return fields


def write_declared_values(task_type: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Write lists and objects that a schema declares as JSON, if the job takes texts by name.

    :raises InvalidParameters: JSON cannot express one of them.
    """
    values, messages = dict(params), {}
    if task_type not in NAMED_FIELDS or task_type == "pipeline":
        return values
    for name, value in params.items():
        if isinstance(value, list | tuple | dict):
            try:
                values[name] = json.dumps(
                    value, default=_format_item, ensure_ascii=False, allow_nan=False
                )
            except (TypeError, ValueError, RecursionError, InvalidParameters):
                messages[name] = (
                    "Cannot be sent as text: it contains a value that JSON does not have, such as"
                    " NaN."
                )
    _raise_if_any(messages)
    return values


def _format_item(value: object) -> str:
    return _format_values({"item": value})["item"]


def _place_unchanged(params: Mapping[str, Any]) -> dict[str, Any]:
    params = _present(params)
    misplaced = sorted(set(params) - set(RUN_NOW_FIELDS))
    if misplaced:
        raise InvalidParameters(
            "The job has no task type. Set its 'task_type' in LakeflowJobs(jobs=…): to 'job' if the"
            " job declares parameters, otherwise to the type of its tasks, one of"
            f" {', '.join(TASK_TYPES)}. Without it, parameters must be named after the fields of"
            f" run-now: {', '.join(RUN_NOW_FIELDS)}.",
            {name: ["Is not allowed without a task type."] for name in misplaced},
        )
    _raise_if_any(
        {
            name: f"Must be {'an object' if RUN_NOW_FIELDS[name] is dict else 'a list'}."
            for name, value in params.items()
            if not isinstance(value, Mapping if RUN_NOW_FIELDS[name] is dict else list)
        }
    )
    fields: dict[str, Any] = {}
    for name, value in params.items():
        if name == "pipeline_params":
            fields |= _place_pipeline(value)
        elif RUN_NOW_FIELDS[name] is list:
            fields |= _place_list(name, value, name=name)
        else:
            fields |= _named_placement(name)(value)
    return fields


def _named_placement(field: str) -> Placement:
    def place(params: Mapping[str, Any]) -> dict[str, Any]:
        texts = _format_values(_present(params))
        return {field: texts} if texts else {}

    return place


def _list_placement(field: str, names: tuple[str, ...]) -> Placement:
    def place(params: Mapping[str, Any]) -> dict[str, Any]:
        params = _present(params)
        messages = {
            name: f"Is not allowed: this job accepts one list, {names[0]!r}."
            for name in params
            if name not in names
        }
        first, *others = [name for name in params if name in names] or names
        messages |= {
            name: f"Is the same list as {first!r}. Set only one of them."
            for name in others
            if name in params
        }
        _raise_if_any(messages)
        return _place_list(field, params[first], name=first) if params else {}

    return place


def _place_list(field: str, values: object, *, name: str) -> dict[str, Any]:
    if not isinstance(values, list | tuple):
        raise InvalidParameters.by_name({name: "Must be a list."})
    items = {f"{name}[{position}]": value for position, value in enumerate(values)}
    _raise_if_any({item: "Must not be null." for item, value in items.items() if value is None})
    return {field: list(_format_values(items).values())}


def _place_nothing(params: Mapping[str, Any]) -> dict[str, Any]:
    _raise_if_any(
        dict.fromkeys(_present(params), "Is not allowed: a dbt job accepts no parameters.")
    )
    return {}


def _place_pipeline(params: Mapping[str, Any]) -> dict[str, Any]:
    params = _present(params)
    messages = {}
    for name, value in params.items():
        if name in PIPELINE_FLAGS:
            if not isinstance(value, bool):
                messages[name] = "Must be true or false."
        elif name in PIPELINE_LISTS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                messages[name] = "Must be a list of names."
        else:
            messages[name] = (
                "Is not allowed: a pipeline accepts"
                f" {', '.join(sorted(PIPELINE_FLAGS | PIPELINE_LISTS))}."
            )
    _raise_if_any(messages)
    return {"pipeline_params": dict(params)} if params else {}


#: The task types and their placements.
TASK_TYPES: Mapping[str, Placement] = {
    "notebook": _named_placement(NAMED_FIELDS["notebook"]),
    "python_wheel": _named_placement(NAMED_FIELDS["python_wheel"]),
    **{task_type: _list_placement(*placement) for task_type, placement in LIST_NAMES.items()},
    "sql": _named_placement(NAMED_FIELDS["sql"]),
    "dbt": _place_nothing,
    "job": _named_placement(NAMED_FIELDS["job"]),
    "pipeline": _place_pipeline,
}


def _present(params: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in params.items() if value is not None}


def _format_values(values: Mapping[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    messages = {}
    for name, value in values.items():
        text = format_param(value)
        if text is None:
            messages[name] = (
                f"Must be a finite number, not {value}."
                if isinstance(value, float | Decimal)
                else f"Cannot be sent as text: a {type(value).__name__}. Declare it in the job's"
                " 'params', or send JSON as text."
            )
        else:
            texts[name] = text
    _raise_if_any(messages)
    return texts


def format_param(value: object) -> str | None:
    """Format a parameter as text, the only type that jobs accept.

    :return: ``None`` if the value has no obvious text form.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return format_param(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, int | uuid.UUID | IPv4Address | IPv6Address | PurePath):
        return str(value)
    return None


def _check_limits(fields: Mapping[str, Any]) -> None:
    messages = {}
    for name, value in fields.items():
        if name in ASCII_FIELDS and not all(item.isascii() for item in value):
            messages[name] = "Must be ASCII: the Jobs API accepts nothing else here."
        elif name in LIMITED_FIELDS:
            size = len(json.dumps({name: value}, separators=(",", ":")).encode())
            if size > MAX_FIELD_BYTES:
                messages[name] = (
                    f"Is too long: {size} bytes as JSON. The Jobs API accepts {MAX_FIELD_BYTES}."
                )
    _raise_if_any(messages)


def _raise_if_any(messages: Mapping[str, str]) -> None:
    if messages:
        raise InvalidParameters.by_name(messages)
