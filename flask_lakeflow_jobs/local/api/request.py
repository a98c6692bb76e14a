"""A request as the handlers see it: fields with their types checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_lakeflow_jobs.local import errors


@dataclass(frozen=True, slots=True)
class Request:
    """The fields of a request: of its query for a GET, of its JSON body for a POST.

    :param version: the version of the API in its path, such as ``2.2``.
    """

    version: str
    fields: Mapping[str, Any]

    def integer(self, name: str) -> int | None:
        """A whole number; text that spells one will do, as on the service."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
            number = int(value) if len(value) < 25 else 2**63
        else:
            raise errors.unexpected_type(name, "integer", value)
        if abs(number) >= 2**63:
            raise errors.malformed(f"Could not parse request object: {name} is out of range.")
        return number

    def required_integer(self, name: str) -> int:
        """A whole number without which the request makes no sense."""
        number = self.integer(name)
        if number is None:
            raise errors.invalid_parameter(f"Missing required field: {name}")
        return number

    def boolean(self, name: str) -> bool:
        """A truth value; false if it is not given."""
        value = self.fields.get(name)
        if value in (None, False, "false", "False", ""):
            return False
        if value in (True, "true", "True"):
            return True
        raise errors.unexpected_type(name, "boolean", value)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            return value
        raise errors.unexpected_type(name, "string", value)

    def text_list(self, name: str) -> list[str] | None:
        """A list of strings; numbers and truth values are taken as their text."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise errors.unexpected_type(name, "array", value)
        return [self._text_of(name, each) for each in value]

    def text_map(self, name: str) -> dict[str, str] | None:
        """A mapping of strings; numbers and truth values are taken as their text."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise errors.unexpected_type(name, "object", value)
        return {key: self._text_of(f"{name}.{key}", each) for key, each in value.items()}

    def object(self, name: str) -> dict[str, Any] | None:
        """A mapping of whatever."""
        value = self.fields.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise errors.unexpected_type(name, "object", value)

    def _text_of(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        raise errors.unexpected_type(name, "string", value)
