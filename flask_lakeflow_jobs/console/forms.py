"""A form: its controls, their values, and what a browser sends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow.fields import Boolean

from ..errors import InvalidParameters
from ..runs.params import flatten_messages
from ..runs.redaction import REDACTED
from ..text import parse_if_json, parse_json

#: The choices of a flag that may be left out.
FLAGS = ("true", "false")

#: What a reader should do, by marshmallow's own messages. Those of the app's schema stay.
PLAIN_MESSAGES: Mapping[str, str] = {
    "Missing data for required field.": "Enter a value.",
    "Field may not be null.": "Enter a value.",
    "Shorter than minimum length 1.": "Enter a value.",
    "Not a valid integer.": "Enter a whole number.",
    "Not a valid number.": "Enter a number.",
    "Not a valid date.": "Enter a date, such as 2026-11-23.",
    "Not a valid datetime.": "Enter a date and a time.",
    "Not a valid aware datetime.": "Enter the offset, too, such as 2026-11-23T06:00:00+01:00.",
    "Not a valid time.": "Enter a time, such as 06:00.",
    "Not a valid email address.": "Enter an email address, such as ada@example.com.",
    "Not a valid URL.": "Enter an address, such as https://example.com.",
}

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

    @property
    def comparable_value(self) -> str:
        """The value, without differences that a browser makes by itself."""
        if self.control == "checkbox":
            return self.value or "false"
        return "\n".join(self.value.splitlines())

    def with_text(self, text: str) -> Control:
        """Return the control with a text; unchanged if the text is redacted.

        :param text: of a flag, any text that marshmallow accepts.
        """
        if text == REDACTED:
            return self
        return replace(self, value=_flag(text) if self.is_flag else text)

    def with_parameter(self, text: str) -> Control:
        """Return the control with a parameter of a job, whose lists are JSON."""
        return self.with_text(_as_lines(text) if self.control == "lines" else text)

    def takes_default(self, text: str) -> bool:
        """Return whether the control can show the value of the definition."""
        if self.value or self.control in ("password", "checkbox"):
            return False
        if self.control in ("lines", "json"):
            return (parse_if_json(text) if self.control == "json" else _read_list(text)) is not None
        return not self.choices or text in self.choices

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
                value = parse_json(text)
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
        return next((each for each in self.fields if each.errors), None)

    def with_values(self, values: Mapping[str, str]) -> Form:
        """Return the form with parameters of a job, by name; redacted values are left out."""
        return replace(
            self,
            fields=[
                each.with_parameter(values[each.name]) if each.name in values else each
                for each in self.fields
            ],
        )

    def with_defaults(self, defaults: Mapping[str, str]) -> Form:
        """Return the form with values, by name, in the controls that have none and show theirs."""
        return self.with_values(
            {
                each.name: text
                for each in self.fields
                if (text := defaults.get(each.name)) and each.takes_default(text)
            }
        )

    def with_sent(self, sent: Mapping[str, str]) -> Form:
        return replace(self, fields=[each.with_text(each.text_in(sent)) for each in self.fields])

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

    def visible_params(self) -> dict[str, Any]:
        """Return the parameters that the page shows: without passwords."""
        visible = [each for each in self.fields if each.control != "password"]
        return replace(self, fields=visible).params({each.name: each.value for each in visible})

    def changes_from(self, before: Form) -> Form:
        """Return the form with only the controls that have another value than before."""
        values = {each.name: each.comparable_value for each in before.fields}
        changed = [each for each in self.fields if each.comparable_value != values[each.name]]
        return replace(self, fields=changed)

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
        messages: dict[str, list[str]] = {}
        for path, text in flatten_messages(error.messages):
            name, *inner = path or (WHOLE_FORM,)
            places = [each if isinstance(each, str) else f"item {each + 1}" for each in inner]
            message = ": ".join([*places, PLAIN_MESSAGES.get(text, text)])
            messages.setdefault(str(name), []).append(message)
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


def _as_lines(text: str) -> str:
    items = _read_list(text)
    return text if items is None else "\n".join(items)


def _read_list(text: str) -> list[str] | None:
    """Return the items of a list of texts that JSON contains; ``None`` if it is something else."""
    items = parse_if_json(text)
    is_list = isinstance(items, list) and all(isinstance(each, str) for each in items)
    return items if is_list else None


def _flag(text: str) -> str:
    """Return one of :data:`FLAGS`; empty for other texts."""
    if text in Boolean.truthy:
        return "true"
    return "false" if text in Boolean.falsy else ""
