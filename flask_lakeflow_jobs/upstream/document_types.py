"""Documents of the Jobs API whose values have the types of the SDK's dataclasses.

Everything behind this package relies on these types. A proxy, a preview of the service or another
implementation of the API may send others.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

#: Returns a value with the right type, or ``MISSING``.
Converter: TypeAlias = Callable[[Any], Any]

MISSING: Any = object()

#: The limits of the service's integers, which have 64 bits.
MIN_INT, MAX_INT = -(2**63), 2**63 - 1

MAX_INT_CHARS = 20

#: The last time, in milliseconds since the epoch, that has a date in every time zone.
MAX_TIME = 253_370_764_800_000

#: Levels of lists and objects in a field that the SDK does not know.
MAX_UNKNOWN_DEPTH = 50

#: The field that distinguishes the objects of a list. An object without it gets an empty one.
KEY_FIELDS = {
    **dict.fromkeys(("Task", "RunTask", "TaskDependency"), "task_key"),
    **dict.fromkeys(("JobParameter", "JobParameterDefinition"), "name"),
}


def conform(document: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return a document without the values that have another type than the SDK's field.

    Numbers in strings and the reverse are converted. Unknown fields stay as they are, if they can
    be sent on.
    """
    converters = _converters(kind)
    conformed = {}
    for name, value in document.items():
        if value is not None:
            value = converters.get(name, _keep)(value)
        if value is not MISSING:
            conformed[name] = value
    key = KEY_FIELDS.get(kind.__name__)
    if key is not None and conformed.get(key) is None:
        conformed[key] = ""
    return conformed


@cache
def _converters(kind: type) -> Mapping[str, Converter]:
    annotations = get_type_hints(kind)
    converters = {name: _converter(annotation) for name, annotation in annotations.items()}
    times = [name for name in converters if converters[name] is _to_int and _is_time(name)]
    return {**converters, **dict.fromkeys(times, _to_time)}


def _is_time(name: str) -> bool:
    return name.endswith(("_time", "_ms"))


def _converter(annotation: Any) -> Converter:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        options = [each for each in arguments if each is not type(None)]
        return _converter(options[0]) if len(options) == 1 else _keep
    if origin is list:
        return _list_converter(_converter(arguments[0]))
    if origin is dict:
        return _dict_converter(_converter(arguments[1]))
    if not isinstance(annotation, type):
        return _keep
    if issubclass(annotation, Enum):
        return _to_text  # a value that the SDK does not know stays in the document
    if is_dataclass(annotation):
        return lambda value: conform(value, annotation) if isinstance(value, dict) else MISSING
    return SCALARS.get(annotation, _keep)


def _list_converter(convert: Converter) -> Converter:
    def convert_list(values: Any) -> Any:
        if not isinstance(values, list):
            return MISSING
        converted = [MISSING if value is None else convert(value) for value in values]
        return [value for value in converted if value is not MISSING]

    return convert_list


def _dict_converter(convert: Converter) -> Converter:
    def convert_dict(values: Any) -> Any:
        if not isinstance(values, dict):
            return MISSING
        converted = {
            name: MISSING if value is None else convert(value) for name, value in values.items()
        }
        return {name: value for name, value in converted.items() if value is not MISSING}

    return convert_dict


def _keep(value: Any) -> Any:
    """Keep a value of any type, unless it is nested too deeply or has a number that JSON lacks."""
    if not isinstance(value, dict | list | float):
        return value
    level = [value]
    for _ in range(MAX_UNKNOWN_DEPTH):
        if any(isinstance(each, float) and not math.isfinite(each) for each in level):
            return MISSING
        level = [inner for each in level for inner in _members(each)]
        if not level:
            return value
    return MISSING


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _to_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int) and MIN_INT <= value <= MAX_INT else MISSING


def _to_int(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, str) and len(value) <= MAX_INT_CHARS and value.isascii():
        value = int(value) if value.removeprefix("-").isdigit() else MISSING
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return value if is_int and MIN_INT <= value <= MAX_INT else MISSING


def _to_time(value: Any) -> Any:
    time = _to_int(value)
    return time if time is not MISSING and 0 <= time <= MAX_TIME else MISSING


def _to_bool(value: Any) -> Any:
    return value if isinstance(value, bool) else MISSING


SCALARS: Mapping[type, Converter] = {str: _to_text, int: _to_int, bool: _to_bool}
