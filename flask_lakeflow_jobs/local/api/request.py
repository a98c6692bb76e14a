"""The fields of a request, read as types."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from ..errors import InvalidParameterValue, MalformedRequest, UnexpectedType

AnyValue = TypeVar("AnyValue")

_MAX_DIGITS = 25  # of text that is converted to a number


@dataclass(frozen=True, slots=True)
class Request:
    """The fields of a request: of its path, its query and its JSON body.

    :param version: the API version in its path, such as ``2.2``.
    :param byte_range: the header ``Range``; empty if there is none.
    :param unmodified_since: the header ``If-Unmodified-Since``; empty if there is none.
    """

    version: str
    fields: Mapping[str, Any] = field(repr=False)  # a secret may be among them
    byte_range: str = ""
    unmodified_since: str = ""

    def read_int(self, name: str) -> int | None:
        """Read an integer, or text that spells one, as the service does."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
            number = int(value) if len(value) < _MAX_DIGITS else 2**63
        else:
            raise UnexpectedType(name, "integer", value)
        if abs(number) >= 2**63:
            raise MalformedRequest(f"{name} is out of range.")
        return number

    def require_int(self, name: str) -> int:
        """Read an integer that must not be missing."""
        number = self.read_int(name)
        if number is None:
            raise InvalidParameterValue(f"Missing required field: {name}")
        return number

    def read_bool(self, name: str) -> bool:
        """Read a boolean, or text that spells one; false if it is missing."""
        value = self.fields.get(name)
        if value in (None, False, "false", "False", ""):
            return False
        if value in (True, "true", "True"):
            return True
        raise UnexpectedType(name, "boolean", value)

    def read_text(self, name: str) -> str | None:
        return self._read(name, str, "string")

    def require_text(self, name: str) -> str:
        """Read a string that must be neither missing nor blank."""
        text = self.read_text(name)
        if not text or text.isspace():
            raise InvalidParameterValue(f"Missing required field: {name}")
        return text

    def read_choice(self, name: str, choices: Sequence[str]) -> str:
        """Read one of several strings; empty if it is missing."""
        value = self.read_text(name) or ""
        if value and value not in choices:
            raise InvalidParameterValue(
                f"Unknown {name} {value!r}. Use one of {', '.join(choices)}."
            )
        return value

    def read_text_list(self, name: str) -> list[str] | None:
        """Read a list of strings; numbers and booleans become text."""
        value = self._read(name, list, "array")
        return None if value is None else [_to_text(name, each) for each in value]

    def read_text_map(self, name: str) -> dict[str, str] | None:
        """Read a mapping to strings; numbers and booleans become text."""
        value = self.read_object(name)
        if value is None:
            return None
        return {key: _to_text(f"{name}.{key}", each) for key, each in value.items()}

    def read_object(self, name: str) -> dict[str, Any] | None:
        return self._read(name, dict, "object")

    def require_object(self, name: str) -> dict[str, Any]:
        """Read an object that may be empty, but must not be missing."""
        value = self.read_object(name)
        if value is None:
            raise InvalidParameterValue(f"Missing required field: {name}")
        return value

    def read_items(self, name: str) -> list[Request]:
        """Read a list of objects, each as a request with its fields; empty if it is missing."""
        items = self._read(name, list, "array") or []
        for each in items:
            if not isinstance(each, dict):
                raise UnexpectedType(name, "object", each)
        return [Request(self.version, each) for each in items]

    def _read(self, name: str, kind: type[AnyValue], expected: str) -> AnyValue | None:
        value = self.fields.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise UnexpectedType(name, expected, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Request):
    """A request whose body is a file."""

    body: BinaryIO
    length: int


#: Returns the response to a request.
Handler = Callable[[Request], Any]


@dataclass(frozen=True, slots=True)
class UploadRoute:
    """The handler of an upload.

    :param max_bytes: the size of the largest file.
    """

    handle: Callable[[Upload], Any]
    max_bytes: int


#: Handlers by method and path below ``/api/2.x/``. ``{name}`` in a path stands for one part of it,
#: ``{name...}`` for all that is left; the request has their values among its fields.
Routes = Mapping[tuple[str, str], Handler | UploadRoute]


def read_base64(request: Request, name: str) -> bytes:
    """Read bytes from text in base64.

    :raises ApiError: it is something else.
    """
    try:
        return base64.b64decode(request.read_text(name) or "", validate=True)
    except ValueError:
        raise MalformedRequest(f"{name} is not base64.") from None


def _to_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UnexpectedType(name, "string", value)
