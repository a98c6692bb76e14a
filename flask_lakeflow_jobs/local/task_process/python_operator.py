"""Calls a function by its full name, with arguments of the types that it declares.

The service does so with the package databricks-lakeflow-integrations 0.0.4. As there, parameters
that the function does not take have no effect, an empty text stands for the default, and the
function's return value is dropped.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
import typing
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from importlib import import_module
from typing import Any

from .dbutils import DBUtils
from .script import extend_import_path

_PACKAGE = "databricks.lakeflow"
_BOOLEANS = {"true": True, "false": False}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


def run_operator(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Call the function ``main`` with ``parameters``."""
    extend_import_path(payload)
    dbutils.serve_imports({})
    function = import_function(payload["main"])
    function(**convert_arguments(function, payload["main"], payload["parameters"]))


def import_function(name: str) -> Callable[..., Any]:
    """Import a function by its name with that of its module, such as ``shop.jobs.send``.

    :raises ImportError: there is no such module or function.
    :raises TypeError: it is something else than a plain function.
    """
    module_name, _, function_name = name.rpartition(".")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{error.name}.".startswith(f"{_PACKAGE}."):
            raise ImportError(
                "The code needs databricks-lakeflow-integrations, which takes Python 3.12. Install "
                "it where the local workspace runs, or write a plain function without its "
                "decorator."
            ) from error
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module exists, but imports another one that does not
        raise ImportError(
            f"There is no module {error.name!r} for the main {name!r} of the python_operator_task. "
            "Name a module of the bundle or of the task's environment."
        ) from None
    function = getattr(module, function_name, None)
    if function is None:
        raise ImportError(
            f"{module.__file__} has no function {function_name!r}, which the python_operator_task "
            "names."
        )
    if isinstance(function, type):
        raise TypeError(
            f"{name} is a class, such as a sensor or an operator, which the local workspace cannot "
            "run: write a function, or simulate its job (tag 'local_simulation')."
        )
    if not inspect.isfunction(function):
        kind = type(function).__name__
        raise TypeError(f"{name} is no function, but of the type {kind}. Name a function.")
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{_describe(function, name)} is a coroutine, which nothing would await. Write it "
            "without 'async', and call asyncio.run() in it."
        )
    return function


def convert_arguments(
    function: Callable[..., Any], name: str, parameters: dict[str, str]
) -> dict[str, Any]:
    """Convert parameters of a task to the types that a function declares.

    :param name: of the function, for messages.
    :raises TypeError: a parameter is missing.
    :raises ValueError: a value is not of its type.
    """
    types_by_name = find_types(function)
    place = _describe(function, name)
    declared = inspect.signature(function).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in declared.values())
    arguments = dict(parameters) if takes_any else {}
    for key, each in declared.items():
        if each.kind in _POSITIONAL or each.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        has_default = each.default is not inspect.Parameter.empty
        value = parameters.get(key)
        if value is None or (value == "" and has_default):
            arguments.pop(key, None)
            if not has_default:
                raise TypeError(
                    f"{place} needs the parameter {key!r}. Add it to the 'parameters' of the "
                    "python_operator_task."
                )
            continue
        try:
            arguments[key] = convert_value(value, types_by_name.get(key, str))
        except ValueError as error:
            raise ValueError(f"The parameter {key!r} of {place} {error}") from None
    if ignored := sorted(parameters.keys() - declared.keys() - arguments.keys()):
        print(f"{place} does not take these parameters: {', '.join(ignored)}.", file=sys.stderr)
    return arguments


def find_types(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of a function's parameters.

    One that cannot be found, as of an import for type checkers only, is the text of its annotation.
    """
    try:
        return typing.get_type_hints(function)
    except Exception:  # of any code in an annotation
        annotations = _read_annotations(function)
    found: dict[str, Any] = {}
    names = inspect.unwrap(function).__globals__
    for key, annotation in annotations.items():
        found[key] = annotation
        if isinstance(annotation, str):
            with suppress(Exception):
                found[key] = eval(annotation, names)  # noqa: S307 (it is the function's own)
    return found


def _read_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return inspect.get_annotations(function)
    except NameError:  # Python 3.14 evaluates them here
        library: Any = import_module("annotationlib")
        found: dict[str, Any] = library.get_annotations(function, format=library.Format.FORWARDREF)
        return found


def convert_value(text: str, kind: Any) -> Any:
    """Convert a text to a type: one of JSON, an enumeration, or one of these or ``None``.

    :raises ValueError: it is not of the type, or of one that no text is converted to.
    """
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        others = [each for each in typing.get_args(kind) if each is not type(None)]
        kind = others[0] if len(others) == 1 else kind
    if isinstance(kind, type) and issubclass(kind, Enum):
        if text not in kind.__members__:
            raise ValueError(f"has to be one of {', '.join(kind.__members__)}, not {text!r}.")
        return kind[text]
    if kind is bool:
        if text not in _BOOLEANS:
            raise ValueError(f"has to be true or false, not {text!r}.")
        return _BOOLEANS[text]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"has to be of the type {kind.__name__}, not {text!r}.") from None
    if kind in (list, dict):
        return _read_json(text, kind)
    if isinstance(kind, type) and issubclass(kind, str):
        return kind(text)
    raise ValueError(
        f"is of the type {kind}, to which no text is converted: use str, int, float, bool, list, "
        "dict or an enumeration."
    )


def _read_json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise ValueError(f"has to be a {kind.__name__} as JSON, not {text!r}.")
    return value


def _describe(function: Callable[..., Any], name: str) -> str:
    code = inspect.unwrap(function).__code__
    return f"{name} ({code.co_filename}:{code.co_firstlineno})"
