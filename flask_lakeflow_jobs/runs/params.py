"""Parameters: validate them, then put them where run-now wants them. Pure.

Which field each task type fills, and the limits, are those of ``POST /api/2.2/jobs/run-now``.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any

from marshmallow import Schema, ValidationError
from marshmallow import missing as absent
from marshmallow.utils import get_value

from ..errors import ConfigurationError, InvalidParameters, quote

#: The fields of run-now that carry parameters, and the JSON type of each.
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

#: Fields whose JSON may hold no more than 10,000 bytes, counted with the name of the field.
LIMITED_FIELDS = {"notebook_params", "jar_params", "python_params", "spark_submit_params"}

LIMIT = 10_000
ASCII_FIELDS = {"python_params", "spark_submit_params"}

#: Task types whose parameters have names, and the field of run-now that they go into.
NAMED_FIELDS: Mapping[str, str] = {
    "notebook": "notebook_params",
    "python_wheel": "python_named_params",
    "sql": "sql_params",
    "job": "job_parameters",
    "pipeline": "pipeline_params",
}

#: Task types whose parameters are one list: the field of run-now, and the names that it goes by.
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


def validate_params(schema: Schema | None, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the job is given, under the names that the caller used.

    A schema's defaults and transformations count; a field with a ``data_key`` keeps that name,
    since the job is as much outside as the caller is.

    :param schema: the job's, if it has one.
    :param params: as they came.
    :raises InvalidParameters: with the schema's messages by field, or they are no mapping of names.
    :raises ConfigurationError: the schema loads into an object that has lost a parameter.
    """
    given = _named_values(params)
    if schema is None:
        return given
    try:
        loaded = schema.load(given)
    except ValidationError as error:
        raise InvalidParameters(
            f"The job does not take these parameters. {_told(error.messages_dict)}",
            error.messages_dict,
        ) from error
    wire = {}
    inside = set()
    lost = set()
    for name, field in schema.load_fields.items():
        outside = field.data_key or name
        attribute = field.attribute or name
        inside.add(attribute.split(".")[0])
        value = get_value(loaded, attribute, default=absent)
        if value is not absent:
            wire[outside] = value
        elif outside in given:
            lost.add(outside)
    if isinstance(loaded, Mapping):
        wire.update({key: value for key, value in loaded.items() if key not in inside})
    elif lost:
        raise ConfigurationError(
            f"{type(schema).__name__} loads into a {type(loaded).__name__} without"
            f" {', '.join(sorted(lost))}, so the job would not get it. Let what it loads into have"
            " an attribute of that name, or be a dict."
        )
    return wire


def _named_values(params: object) -> dict[str, Any]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InvalidParameters(
            f"The parameters must be a mapping of names to values, not {type(params).__name__}."
        )
    _check({quote(name): "Must be text." for name in params if not isinstance(name, str)})
    return dict(params)


def _told(messages: Mapping[str, Any]) -> str:
    """What is wrong, in one line: the first message of each field."""
    told = []
    for name, found in messages.items():
        while isinstance(found, Mapping | list) and found:
            found = next(iter(found.values() if isinstance(found, Mapping) else found))
        told.append(str(found) if name == "_schema" else f"{name}: {found}")
    return " ".join(told)


def normalize_task_keys(keys: Sequence[str] | None) -> list[str] | None:
    """Task keys as the Jobs API takes them; a text is one key, not its letters.

    :param keys: as a caller names them.
    """
    if keys is None:
        return None
    return [keys] if isinstance(keys, str) else list(keys)


def validate_task_keys(only: Sequence[str], tasks: Sequence[str], job: str) -> None:
    """Find out whether a job has the tasks that are to run.

    :param only: their keys, with ``+`` before or after for what is up- or downstream.
    :param tasks: the keys of the job's tasks.
    :param job: its key, for the error.
    :raises InvalidParameters: it has not.
    """
    unknown = [name for name in only if name.strip("+") not in tasks]
    if unknown:
        raise InvalidParameters(
            f"The job {job!r} has no task {', '.join(map(repr, unknown))}. Its tasks:"
            f" {', '.join(tasks) or 'none'}.",
            {"only": [f"Has no task {name!r}." for name in unknown]},
        )


def build_run_now_fields(task_type: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Put parameters into the fields of run-now; none ever vanishes.

    :param task_type: one of :data:`TASK_TYPES`, or ``None``: then the parameters must already be
        named after the fields of run-now.
    :param params: validated ones.
    :raises InvalidParameters: for a parameter that has no place or cannot be sent.
    """
    fields = TASK_TYPES[task_type](params) if task_type else _as_they_are(params)
    _check_limits(fields)
    return fields


def _as_they_are(params: Mapping[str, Any]) -> dict[str, Any]:
    params = _present(params)
    misplaced = sorted(set(params) - set(RUN_NOW_FIELDS))
    if misplaced:
        raise InvalidParameters(
            "Without a task type, parameters must be named after the fields of run-now"
            f" ({', '.join(RUN_NOW_FIELDS)}). Set the job's 'task_type' to one of"
            f" {', '.join(TASK_TYPES)} to have them put where they belong.",
            {name: ["Has no place without a task type."] for name in misplaced},
        )
    _check(
        {
            name: f"Must be {'an object' if RUN_NOW_FIELDS[name] is dict else 'a list'}."
            for name, value in params.items()
            if not isinstance(value, Mapping if RUN_NOW_FIELDS[name] is dict else list)
        }
    )
    fields: dict[str, Any] = {}
    for name, value in params.items():
        if name == "pipeline_params":
            fields |= _pipeline(value)
        elif RUN_NOW_FIELDS[name] is list:
            fields |= _list_field(name, value, of=name)
        else:
            fields |= _named(name)(value)
    return fields


def _named(field: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def mapper(params: Mapping[str, Any]) -> dict[str, Any]:
        texts = _texts(_present(params))
        return {field: texts} if texts else {}

    return mapper


def _listed(field: str, *names: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def mapper(params: Mapping[str, Any]) -> dict[str, Any]:
        params = _present(params)
        wrong = {
            name: f"Has no place: this job takes a list, as '{names[0]}'."
            for name in params
            if name not in names
        }
        first, *others = [name for name in params if name in names] or names
        wrong |= {
            name: f"Is the same list as '{first}': give one of them."
            for name in others
            if name in params
        }
        _check(wrong)
        return _list_field(field, params[first], of=first) if params else {}

    return mapper


def _list_field(field: str, values: object, *, of: str) -> dict[str, Any]:
    if not isinstance(values, list | tuple):
        raise _refusal({of: "Must be a list."})
    named = {f"{of}[{position}]": value for position, value in enumerate(values)}
    _check({name: "Must not be null." for name, value in named.items() if value is None})
    return {field: list(_texts(named).values())}


def _nothing(params: Mapping[str, Any]) -> dict[str, Any]:
    _check(dict.fromkeys(_present(params), "Has no place: a dbt job takes no parameters."))
    return {}


def _pipeline(params: Mapping[str, Any]) -> dict[str, Any]:
    params = _present(params)
    wrong = {}
    for name, value in params.items():
        if name in PIPELINE_FLAGS:
            if not isinstance(value, bool):
                wrong[name] = "Must be true or false."
        elif name in PIPELINE_LISTS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                wrong[name] = "Must be a list of names."
        else:
            wrong[name] = (
                "Has no place: a pipeline takes"
                f" {', '.join(sorted(PIPELINE_FLAGS | PIPELINE_LISTS))}."
            )
    _check(wrong)
    return {"pipeline_params": dict(params)} if params else {}


#: Every task type, and how it places parameters.
TASK_TYPES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "notebook": _named(NAMED_FIELDS["notebook"]),
    "python_wheel": _named(NAMED_FIELDS["python_wheel"]),
    **{task_type: _listed(field, *names) for task_type, (field, names) in LIST_NAMES.items()},
    "sql": _named(NAMED_FIELDS["sql"]),
    "dbt": _nothing,
    "job": _named(NAMED_FIELDS["job"]),
    "pipeline": _pipeline,
}


def _present(params: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in params.items() if value is not None}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    wrong = {}
    for name, value in values.items():
        text = as_text(value)
        if text is None:
            wrong[name] = f"Cannot be passed as text: a {type(value).__name__}."
        else:
            texts[name] = text
    _check(wrong)
    return texts


def as_text(value: object) -> str | None:
    """How a value reaches a job, which knows only text; ``None`` where there is no plain way.

    :param value: a validated one.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return as_text(value.value)
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
    wrong = {}
    for name, value in fields.items():
        if name in ASCII_FIELDS and not all(item.isascii() for item in value):
            wrong[name] = "Must be ASCII: the Jobs API takes nothing else here."
        elif name in LIMITED_FIELDS:
            size = len(json.dumps({name: value}, separators=(",", ":")).encode())
            if size > LIMIT:
                wrong[name] = f"Too long: {size} bytes as JSON, and the Jobs API takes {LIMIT}."
    _check(wrong)


def _check(wrong: Mapping[str, str]) -> None:
    if wrong:
        raise _refusal(wrong)


def _refusal(wrong: Mapping[str, str]) -> InvalidParameters:
    detail = "; ".join(f"{name}: {message}" for name, message in wrong.items())
    return InvalidParameters(detail, {name: [message] for name, message in wrong.items()})
