"""The form of a job: from its schema, else from its definition. Pure."""
# MERGED """What the form of a job is filled with, so that a run can be run again. Pure."""

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

#: The input for a format of text, where it is not a plain one.
BY_FORMAT: Mapping[str, str] = {
    "date": "date",
    "date-time": "datetime-local",
    "time": "time",
    "email": "email",
    "uri": "url",
}


#: What lists of parameters are called, by the names that they go by.
LIST_LABELS: Mapping[str, str] = {"args": "Arguments", "commands": "Commands"}


#: The limits that an input can hold, by their names in JSON Schema.
LIMITS: Mapping[str, str] = {
    "minimum": "min",
    "maximum": "max",
    "minLength": "minlength",
    "maxLength": "maxlength",
    "pattern": "pattern",
}


#: What is chosen from where a flag may stay unsaid.
FLAGS = ("true", "false")


#: Of the form itself, not of a field.
WHOLE = "_schema"


@dataclass(frozen=True)
class Field:
    """A control of the form.

    :param name: the parameter's.
    :param control: the ``type`` of an input, or ``select``, ``lines``, ``json``.
    :param value: what stands in it.
    :param choices: of a ``select``.
    :param attributes: limits, as an input has them.
    :param help: for people.
    :param errors: what is wrong with its value.
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

    def holding(self, text: str) -> Field:
        """The same with a text in it; what is masked stays away.

        :param text: what stands in it; of a flag in any of the words that a schema takes.
        """
        if text == REDACTED:
            return self
        return replace(self, value=_flag(text) if self.is_flag else text)

    def text_in(self, sent: Mapping[str, str]) -> str:
        """What stands in it when a browser sends the form: of a box without its tick, nothing is.

        :param sent: by name.
        """
        return sent.get(self.name, "false" if self.control == "checkbox" else "")

    def read(self, text: str) -> Any:
        """The value that a text in it stands for.

        :param text: not an empty one.
        :raises ValueError: it stands for none; the sentence says why.
        """
        if self.control == "checkbox":
            return text == "true"
        if self.control == "lines":
            if REDACTED in text:
                raise ValueError(
                    f"Has {REDACTED} where a secret was. Write the secret, or drop the line."
                )
            return [line for line in text.splitlines() if line.strip()]
        if self.control == "json":
            try:
                value = json.loads(text)
            except ValueError as error:
                raise ValueError(f"This is not valid JSON: {error}.") from None
            if self.name == WHOLE and not isinstance(value, dict):
                raise ValueError("Must be {…}.")
            return value
        return text


@dataclass(frozen=True)
class Form:
    """The form of a job.

    :param fields: its controls.
    :param inside: the field of run-now that the parameters go into, where the job does not say.
    :param errors: what is wrong with no one field.
    """

    fields: Sequence[Field]
    inside: str | None = None
    errors: Sequence[str] = ()

    @property
    def is_refused(self) -> bool:
        return bool(self.errors) or self.first_wrong is not None

    @property
    def first_wrong(self) -> Field | None:
        """The first control whose value is refused."""
        return next((each for each in self.fields if each.errors), None)

    def filled(self, values: Mapping[str, str]) -> Form:
        """The same with values in it; a masked one stays away.

        :param values: by name.
        """
        return replace(
            self,
            fields=[
                each.holding(values[each.name]) if each.name in values else each
                for each in self.fields
            ],
        )

    def refilled(self, sent: Mapping[str, str]) -> Form:
        """The same with what a browser has sent in it.

        :param sent: by name.
        """
        return self.filled({each.name: each.text_in(sent) for each in self.fields})

    def params(self, sent: Mapping[str, str]) -> dict[str, Any]:
        """The parameters that a browser has sent; an empty control stands for none.

        So does one whose text cannot be read; :meth:`unreadable` has those.

        :param sent: by name.
        """
        params, _ = self._read(sent)
        if self.inside is None:
            return params
        if self.inside == WHOLE:
            whole: dict[str, Any] = params.get(WHOLE, {})
            return whole
        return {self.inside: params} if params else {}

    def unreadable(self, sent: Mapping[str, str]) -> dict[str, list[str]]:
        """What is wrong with texts that stand for no value, by name.

        :param sent: by name.
        """
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
        """The same with what is wrong, at the fields that it is wrong with.

        :param error: the refusal.
        """
        messages = {name: list(_flat(found)) for name, found in error.messages.items()}
        names = {each.name for each in self.fields}
        rest = [
            message if name == WHOLE else f"{name}: {message}"
            for name, found in messages.items()
            if name not in names
            for message in found
        ]
        return replace(
            self,
            fields=[replace(each, errors=messages.get(each.name, ())) for each in self.fields],
            errors=rest or ([] if messages else [error.detail]),
        )


def form_of(job: Job, definition: SdkJob | None, hidden: Iterable[str] = ()) -> Form:
    """The form of a job.

    :param job: the settings' job.
    :param definition: the workspace's job, where it could be read.
    :param hidden: names that the app fills in itself.
    """
    if job.schema is not None:
        form = _from_schema(
            build_json_schema(job.schema), job.secret_overrides, _with_offset(job.schema)
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
        form = Form([Field(name, LIST_LABELS[name], "lines", help="One a line.")])
    elif job.task_type == "dbt":
        form = Form([])
    else:
        form = Form(
            [Field(WHOLE, "Parameters", "json", value="{}", help="A JSON object.")], inside=WHOLE
        )
    left_out = set(hidden)
    return replace(form, fields=[each for each in form.fields if each.name not in left_out])


def _with_offset(schema: Schema) -> set[str]:
    """The names of moments that want an offset from UTC, for which browsers have no control."""
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
) -> Field:
    kinds = described.get("type", "string")
    kind = (
        next((each for each in kinds if each != "null"), "string")
        if isinstance(kinds, list)
        else kinds
    )
    default = described.get("default")
    made = Field(
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
    if kind == "boolean":  # a box cannot be left alone: without its tick it says false
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
    """One of :data:`FLAGS`, or nothing for what is neither."""
    if text in Boolean.truthy:
        return "true"
    return "false" if text in Boolean.falsy else ""


def _text(name: str, default: str | None) -> Field:
    secret = is_secret_name(name)
    help_ = f"Default: {default}" if default and not secret else ""
    value = "" if secret else default or ""
    return Field(name, name, "password" if secret else "text", value=value, help=help_)


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


def _flat(messages: object) -> Iterable[str]:
    """The texts in what marshmallow says of a field, which may be nested."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            for text in _flat(inner):
                yield f"{name}: {text}" if isinstance(name, str) else f"item {name + 1}: {text}"
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flat(inner)
    else:
        yield str(messages)


def given_to(run: Run, task_type: str | None) -> dict[str, str]:
    """The texts for the controls of a form; what was masked stays away, but for list items.

    :param run: whose parameters they are, with its secrets masked.
    :param task_type: of its job; it decides by which names they go.
    """
    params = {name: value for name, value in _params(run, task_type).items() if value != REDACTED}
    texts = {name: _given_as_text(value) for name, value in params.items()}
    return {**texts, WHOLE: json.dumps(params, indent=2)}


def _params(run: Run, task_type: str | None) -> Mapping[str, Any]:
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    if task_type is None or task_type == "job":
        return {**fields, **job_parameters_of(run)}
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        return dict.fromkeys(names, fields.get(field, []))
    found: Mapping[str, Any] = fields.get(NAMED_FIELDS.get(task_type, ""), {})
    return found


def _given_as_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
