"""The form of a job, from its schema or its definition. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from marshmallow.fields import AwareDateTime

from ..runs.job_definition import defined_parameters, defined_tasks
from ..runs.json_schema import build_json_schema
from ..runs.params import accepted_fields
from ..runs.redaction import REDACTED, SecretOverrides, has_secret, is_secret, is_secret_name
from ..runs.run_now_fields import LIST_NAMES, NAMED_FIELDS
from ..runs.run_parameters import job_parameters_of, overriding_fields
from ..text import format_value
from .forms import FLAGS, WHOLE_FORM, Control, Form

if TYPE_CHECKING:
    from marshmallow import Schema

    from ..config.jobs import Job
    from ..sdk_types import Run, SdkJob

#: Inputs by the format of a text.
BY_FORMAT: Mapping[str, str] = {
    "date": "date",
    "date-time": "datetime-local",
    "time": "time",
    "email": "email",
    "uri": "url",
}

#: Labels of lists of parameters, by name.
LIST_LABELS: Mapping[str, str] = {"args": "Arguments", "commands": "Commands"}

#: Attributes of an input, by their names in JSON Schema.
LIMITS: Mapping[str, str] = {
    "minimum": "min",
    "maximum": "max",
    "minLength": "minlength",
    "maxLength": "maxlength",
    "pattern": "pattern",
}


def build_form(job: Job, definition: SdkJob | None, hidden: Iterable[str] = ()) -> Form:
    """Build the form of a job, from its schema or otherwise from its definition.

    :param definition: ``None``: the workspace's definition could not be read.
    :param hidden: names that the app fills in itself.
    """
    if job.schema is not None:
        form = _from_schema(
            build_json_schema(job.schema), job.secret_overrides, _fields_with_offset(job.schema)
        ).with_defaults(_defined_values(job, definition))
    elif job.task_type in (None, "job"):
        form = Form(
            [_text(name, value) for name, value in _job_parameters(definition)],
            inside=None if job.task_type else "job_parameters",
        )
    elif job.task_type == "notebook":
        form = Form([_text(name, value) for name, value in _notebook_parameters(definition)])
    elif job.task_type in LIST_NAMES:
        _, (name, *_) = LIST_NAMES[job.task_type]
        form = Form([Control(name, LIST_LABELS[name], "lines", help="One per line.")])
    elif job.task_type == "dbt":
        form = Form([])
    else:
        form = Form(
            [Control(WHOLE_FORM, "Parameters", "json", value="{}", help="A JSON object.")],
            inside=WHOLE_FORM,
        )
    left_out = set(hidden)
    return replace(form, fields=[each for each in form.fields if each.name not in left_out])


def _defined_values(job: Job, definition: SdkJob | None) -> dict[str, str]:
    """Return the values that the definition gives the parameters, except references and secrets."""
    read = _notebook_parameters if job.task_type == "notebook" else _job_parameters
    return {
        name: value
        for name, value in read(definition)
        if value and "{{" not in value and not has_secret(name, value, job.secret_overrides)
    }


def _fields_with_offset(schema: Schema) -> set[str]:
    """Return the fields that need an offset from UTC, for which browsers have no control."""
    return {
        name
        for name, field in accepted_fields(schema).items()
        if isinstance(field, AwareDateTime) and field.default_timezone is None
    }


def _from_schema(
    document: Mapping[str, Any], secrets: SecretOverrides, with_offset: set[str]
) -> Form:
    required = document.get("required", [])
    return Form(
        [
            _field(
                name,
                described,
                required=name in required,
                is_secret=is_secret(name, secrets),
                has_offset=name in with_offset,
            )
            for name, described in document["properties"].items()
        ]
    )


def _field(
    name: str,
    described: Mapping[str, Any],
    *,
    required: bool,
    is_secret: bool,
    has_offset: bool,
) -> Control:
    kinds = described.get("type", "string")
    kind = (
        next((each for each in kinds if each != "null"), "string")
        if isinstance(kinds, list)
        else kinds
    )
    default = described.get("default")
    made = Control(
        name=name,
        label=described.get("title") or name,
        control="text",
        value=_as_text(default),
        required=required,
        help=described.get("description", ""),
    )
    if "enum" in described:
        return replace(
            made, control="select", choices=[_as_text(each) for each in described["enum"]]
        )
    if kind == "boolean" and (required or "default" in described):
        return replace(made, control="checkbox", required=False)
    if kind == "boolean":  # a box cannot be left out: unchecked, it means false
        return replace(made, control="select", choices=FLAGS)
    if kind in ("integer", "number"):
        step = "1" if kind == "integer" else "any"
        return replace(made, control="number", attributes={"step": step, **_limits(described)})
    if kind == "array" and described.get("items", {}).get("type", "string") == "string":
        lines = "\n".join(map(str, default)) if isinstance(default, list) else ""
        return replace(made, control="lines", value=lines, help=made.help or "One per line.")
    if kind in ("array", "object"):
        return replace(made, control="json", help=made.help or "As JSON.")
    if is_secret:
        return replace(made, control="password", value="", attributes=_limits(described))
    if has_offset:
        return replace(made, help=made.help or "With its offset, as 2026-11-23T06:00:00+01:00.")
    control = BY_FORMAT.get(described.get("format", ""), "text")
    return replace(made, control=control, attributes=_limits(described))


def _limits(described: Mapping[str, Any]) -> dict[str, str]:
    return {LIMITS[name]: str(value) for name, value in described.items() if name in LIMITS}


def _as_text(value: object) -> str:
    return "" if value is None else format_value(value)


def _text(name: str, default: str | None) -> Control:
    value = "" if has_secret(name, default or "", {}) else default or ""
    help_ = f"Default: {value}" if value else ""
    control = "password" if is_secret_name(name) else "text"
    return Control(name, name, control, value=value, help=help_)


def _job_parameters(definition: SdkJob | None) -> list[tuple[str, str | None]]:
    return [(each.name, each.default) for each in defined_parameters(definition)]


def _notebook_parameters(definition: SdkJob | None) -> list[tuple[str, str | None]]:
    found: dict[str, str | None] = {}
    for task in defined_tasks(definition):
        if task.notebook_task:
            found.update(task.notebook_task.base_parameters or {})
    return list(found.items())


def read_run_values(run: Run, task_type: str | None) -> dict[str, str]:
    """Return the values of a redacted run for the form of its job, to run it again.

    Redacted values are left out, but not those in lists.
    """
    params = {
        name: value for name, value in _run_params(run, task_type).items() if value != REDACTED
    }
    texts = {name: format_value(value) for name, value in params.items()}
    return {**texts, WHOLE_FORM: json.dumps(params, indent=2)}


def _run_params(run: Run, task_type: str | None) -> Mapping[str, Any]:
    fields = overriding_fields(run)
    if task_type is None or task_type == "job":
        return {**fields, **job_parameters_of(run)}
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        return dict.fromkeys(names, fields.get(field, []))
    found: Mapping[str, Any] = fields.get(NAMED_FIELDS.get(task_type, ""), {})
    return found
