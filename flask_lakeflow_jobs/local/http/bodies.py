"""The bodies of requests: JSON and forms."""

from __future__ import annotations

import json
from typing import Any

from ..errors import MalformedRequest

MAX_DEPTH = 100  # of JSON; what is deeper could be read, but not always processed


def read_body(environ: dict[str, Any]) -> bytes:
    """Read the body of a request."""
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def read_fields(environ: dict[str, Any]) -> dict[str, Any]:
    """Read the fields of a body. A file in a form is a field of bytes.

    :raises ApiError: the body is malformed.
    """
    if environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
        return _read_form(environ)
    try:
        body = json.loads(read_body(environ) or b"{}")
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The body has to be an object.")
    if _is_deeper_than(body, MAX_DEPTH):
        raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    return body


def _read_form(environ: dict[str, Any]) -> dict[str, Any]:
    from werkzeug.formparser import FormDataParser  # few requests need it

    try:
        _, form, files = FormDataParser(silent=False, max_form_parts=100).parse_from_environ(
            environ
        )
    except Exception:  # of several kinds
        raise MalformedRequest("The body is not a form.") from None
    fields: dict[str, Any] = form.to_dict()
    for name, file in files.items():
        with file.stream:
            fields[name] = file.read()
    return fields


def _is_deeper_than(body: dict[str, Any], levels: int) -> bool:
    level: list[Any] = [body]
    for _ in range(levels):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for values in inner for each in values if isinstance(each, (dict, list))]
        if not level:
            return False
    return True
