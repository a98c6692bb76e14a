"""The bodies of requests: JSON and forms."""

from __future__ import annotations

import json
import math
from typing import Any

from ..errors import MalformedRequest

MAX_DEPTH = 100  # of JSON; what is deeper could be read, but not always processed


def read_body(environ: dict[str, Any]) -> bytes:
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def read_fields(environ: dict[str, Any], *, may_be_form: bool) -> dict[str, Any]:
    """Read the fields of a body. A file in a form is a field of bytes.

    :raises ApiError: the body is malformed.
    """
    if may_be_form and environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
        return _read_form(environ)
    content = read_body(environ) or b"{}"
    try:
        text = content.decode(json.detect_encoding(content))
        body = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The body has to be an object.")
    if _is_deeper_than(body, MAX_DEPTH):
        raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if ("\\ud" in text or "\\uD" in text) and _has_surrogates(body):
        raise MalformedRequest("The body contains half a character: a lone surrogate.")
    return body


def _to_number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


# Made once: ``json.loads`` with options makes a decoder for each call. JSON has no infinity and no
# NaN: no other client could read a job that has one.
_DECODER = json.JSONDecoder(parse_constant=_to_number, parse_float=_to_number)


def _has_surrogates(body: dict[str, Any]) -> bool:
    """Return whether a body has text that can be neither encoded nor saved."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


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
