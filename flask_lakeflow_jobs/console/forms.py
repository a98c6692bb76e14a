"""The form of a job: its controls, their values, and what a browser sends. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from marshmallow.fields import AwareDateTime, Boolean

from ..errors import InvalidParameters
from ..runs.params import LIST_NAMES, NAMED_FIELDS
from ..runs.params_schema import build_json_schema
from ..runs.redaction import REDACTED, SecretOverrides, is_secret_name
from .summaries import job_parameters_of

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


#: The choices of a flag that may be left out.
FLAGS = ("true", "false")


#: The name of the control that holds all parameters, and of errors of the whole form.
WHOLE_FORM = "_schema"


@dataclass(frozen=True)
class Control:
    """A control of the form.

    :param control: the ``type`` of an input, or ``select``, ``lines``, ``json``.
    :param choices: of a ``select``.
    :param attributes: limits, as HTML spells them.
    """

    name: str
    label: str
    control: str
    value: str = ""
    required: bool = False
    choices: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    errors: Sequence[str] = ()

    @property
    def is_flag(self) -> bool:
        return self.control == "checkbox" or self.choices == FLAGS

    @property
    def is_checked(self) -> bool:
        return self.value == "true"

    def with_text(self, text: str) -> Control:
        """Return the control with a text; unchanged if the text is redacted.

        :param text: of a flag, any text that marshmallow accepts.
        """
        if text == REDACTED:
            return self
        return replace(self, value=_flag(text) if self.is_flag else text)

    def text_in(self, sent: Mapping[str, str]) -> str:
        """Return its text in a form that a browser has sent.

        A browser sends nothing for a box that is not checked.
        """
        return sent.get(self.name, "false" if self.control == "checkbox" else "")

    def read(self, text: str) -> Any:
        """Parse a text that is not empty.

        :raises ValueError: the text cannot be parsed; the message says why.
        """
        if self.control == "checkbox":
            return text == "true"
        if self.control == "lines":
            if REDACTED in text:
                raise ValueError(
                    f"Contains {REDACTED} for a secret. Enter the secret, or remove the line."
                )
            return [line for line in text.splitlines() if line.strip()]
        if self.control == "json":
            try:
                value = json.loads(text)
            except ValueError as error:
                raise ValueError(f"This is not valid JSON: {error}.") from None
            if self.name == WHOLE_FORM and not isinstance(value, dict):
                raise ValueError("Must be {…}.")
            return value
        return text


@dataclass(frozen=True)
class Form:
    """The form of a job.

    :param inside: run-now's field for the parameters, if the job does not define it.
    :param errors: those of no single control.
    """

    fields: Sequence[Control]
    inside: str | None = None
    errors: Sequence[str] = ()

    @property
    def is_refused(self) -> bool:
        return bool(self.errors) or self.first_invalid is not None

    @property
    def first_invalid(self) -> Control | None:
        """The first control with an error."""
        return next((each for each in self.fields if each.errors), None)

    def with_values(self, values: Mapping[str, str]) -> Form:
        """Return the form with values, by name; redacted values are left out."""
        return replace(
            self,
            fields=[
                each.with_text(values[each.name]) if each.name in values else each
                for each in self.fields
            ],
        )

    def with_sent(self, sent: Mapping[str, str]) -> Form:
        """Return the form with what a browser has sent."""
        return self.with_values({each.name: each.text_in(sent) for each in self.fields})

    def params(self, sent: Mapping[str, str]) -> dict[str, Any]:
        """Parse the parameters that a browser has sent.

        Empty controls are left out, and so are those that :meth:`find_unreadable` returns.
        """
        params, _ = self._read(sent)
        if self.inside is None:
            return params
        if self.inside == WHOLE_FORM:
            whole: dict[str, Any] = params.get(WHOLE_FORM, {})
            return whole
        return {self.inside: params} if params else {}

    def find_unreadable(self, sent: Mapping[str, str]) -> dict[str, list[str]]:
        """Return the errors of texts that cannot be parsed, by name."""
        _, wrong = self._read(sent)
        return wrong

    def _read(self, sent: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        params: dict[str, Any] = {}
        wrong: dict[str, list[str]] = {}
        for each in self.fields:
            text = each.text_in(sent)
            if not text:
                continue
            try:
                params[each.name] = each.read(text)
            except ValueError as error:
                wrong[each.name] = [str(error)]
        return params, wrong

    def with_errors(self, error: InvalidParameters) -> Form:
        """Return the form with the error's messages at their controls."""
        messages = {name: list(_flatten(found)) for name, found in error.messages.items()}
        names = {each.name for each in self.fields}
        rest = [
            message if name == WHOLE_FORM else f"{name}: {message}"
            for name, found in messages.items()
            if name not in names
            for message in found
        ]
        return replace(
            self,
            fields=[replace(each, errors=messages.get(each.name, ())) for each in self.fields],
            errors=rest or ([] if messages else [error.detail]),
        )


def build_form(job: Job, definition: SdkJob | None, hidden: Iterable[str] = ()) -> Form:
    """Build the form of a job, from its schema or otherwise from its definition.

    :param definition: ``None``: the workspace's definition could not be read.
    :param hidden: names that the app fills in itself.
    """
    if job.schema is not None:
        form = _from_schema(
            build_json_schema(job.schema), job.secret_overrides, _fields_with_offset(job.schema)
        )
    elif job.task_type in (None, "job"):
        form = Form(
            [_text(name, value) for name, value in _job_parameters(definition)],
            inside=None if job.task_type else "job_parameters",
        )
    elif job.task_type == "notebook":
        form = Form([_text(name, value) for name, value in _notebook_parameters(definition)])
    elif job.task_type in LIST_NAMES:
        _, (name, *_) = LIST_NAMES[job.task_type]
        form = Form([Control(name, LIST_LABELS[name], "lines", help="One a line.")])
    elif job.task_type == "dbt":
        form = Form([])
    else:
        form = Form(
            [Control(WHOLE_FORM, "Parameters", "json", value="{}", help="A JSON object.")],
            inside=WHOLE_FORM,
        )
    left_out = set(hidden)
    return replace(form, fields=[each for each in form.fields if each.name not in left_out])


def _fields_with_offset(schema: Schema) -> set[str]:
    """Return the fields that need an offset from UTC, for which browsers have no control."""
    return {
        field.data_key or name
        for name, field in schema.load_fields.items()
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
                is_secret=secrets.get(name, is_secret_name(name)),
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
        return replace(made, control="lines", value=lines, help=made.help or "One a line.")
    if kind in ("array", "object"):
        text = "" if default is None else json.dumps(default)
        return replace(made, control="json", value=text, help=made.help or "As JSON.")
    if is_secret:
        return replace(made, control="password", value="", attributes=_limits(described))
    if has_offset:
        return replace(made, help=made.help or "With its offset, as 2026-11-23T06:00:00+01:00.")
    control = BY_FORMAT.get(described.get("format", ""), "text")
    return replace(made, control=control, attributes=_limits(described))


def _limits(described: Mapping[str, Any]) -> dict[str, str]:
    return {LIMITS[name]: str(value) for name, value in described.items() if name in LIMITS}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _flag(text: str) -> str:
    """Return one of :data:`FLAGS`; empty for other texts."""
    if text in Boolean.truthy:
        return "true"
    return "false" if text in Boolean.falsy else ""


def _text(name: str, default: str | None) -> Control:
    secret = is_secret_name(name)
    help_ = f"Default: {default}" if default and not secret else ""
    value = "" if secret else default or ""
    return Control(name, name, "password" if secret else "text", value=value, help=help_)


def _job_parameters(definition: SdkJob | None) -> list[tuple[str, str | None]]:
    settings = definition.settings if definition else None
    return [(each.name, each.default) for each in (settings.parameters if settings else None) or []]


def _notebook_parameters(definition: SdkJob | None) -> list[tuple[str, str | None]]:
    settings = definition.settings if definition else None
    found: dict[str, str | None] = {}
    for task in (settings.tasks if settings else None) or []:
        if task.notebook_task:
            found.update(task.notebook_task.base_parameters or {})
    return list(found.items())


def _flatten(messages: object) -> Iterable[str]:
    """Yield the texts of marshmallow's messages, which may be nested."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            for text in _flatten(inner):
                yield f"{name}: {text}" if isinstance(name, str) else f"item {name + 1}: {text}"
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flatten(inner)
    else:
        yield str(messages)


def read_run_values(run: Run, task_type: str | None) -> dict[str, str]:
    """Return the values of a redacted run for the form of its job, to run it again.

    Redacted values are left out, but not those in lists.
    """
    params = {
        name: value for name, value in _run_params(run, task_type).items() if value != REDACTED
    }
    texts = {name: _format_run_value(value) for name, value in params.items()}
    return {**texts, WHOLE_FORM: json.dumps(params, indent=2)}


def _run_params(run: Run, task_type: str | None) -> Mapping[str, Any]:
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    if task_type is None or task_type == "job":
        return {**fields, **job_parameters_of(run)}
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        return dict.fromkeys(names, fields.get(field, []))
    found: Mapping[str, Any] = fields.get(NAMED_FIELDS.get(task_type, ""), {})
    return found


def _format_run_value(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
