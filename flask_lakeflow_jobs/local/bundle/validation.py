"""Checks of a bundle's fields and of a job's settings, wherever the settings come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..model import Settings
from ..simulation import SIMULATION_TAG, SimulationError, read_simulation
from ..task_kinds import SQL_OBJECTS, TASK_KINDS
from .bundle_error import Location
from .fields import DOCUMENT, JOB, JOB_WITHOUT_TASKS, MISSING, TASK, VALUE, Field
from .yaml import LocatedDict, format_scalar

#: The keys and indexes that lead to a value in a job's settings.
Path = tuple[str | int, ...]

_TASK_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
# 19 digits hold any number of the API.
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
# In the single-task format, a job has the fields of its task.
_SETTINGS = Field(fields={**TASK.fields, **JOB.fields})


class FieldError(ValueError):
    """An error in a job's settings, and its path.

    :param expected: in a type error, the expected type as the API names it.
    :param value: in a type error, the value of another type.
    """

    def __init__(self, path: Path, message: str, expected: str = "", value: Any = None) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.expected = expected
        self.value = value


def find_unknown_fields(
    value: object, field: Field = DOCUMENT
) -> Iterator[tuple[str, Location | None]]:
    """Yield a warning and its location for each unknown field of a bundle's document."""
    if field.title and isinstance(value, LocatedDict):
        for key in value:
            if key not in field.names and key not in value.anchored:
                warning = f"The {field.title} has the unknown field {key!r}, which is ignored."
                yield warning + _suggest(key, field.names), value.locations[key]
    for key, child in field.children(value):
        yield from find_unknown_fields(value[key], child)  # type: ignore[index]


def convert_bundle_settings(settings: Settings) -> None:
    """Convert the values of a bundle's job in place, as the CLI does (its ``libs/dyn/convert``).

    Values that cannot be converted stay as they are, for :func:`validate_settings` to refuse.
    """
    _convert(settings, JOB, _BUNDLE_CONVERSIONS)


def convert_request_settings(settings: Settings, field: Field = JOB) -> None:
    """Convert numbers and booleans that a request has as strings, and the reverse, in place.

    The service accepts either, and Airflow's operators send strings: "Databricks can tolerate
    either numeric or string types in the API backend" (``airflow.providers.databricks.utils``).
    """
    _convert(settings, field, _REQUEST_CONVERSIONS)


def parse_boolean(value: Any) -> Any:
    """Return the boolean that a string spells, and any other value as it is."""
    return _BOOLEANS.get(value, value) if isinstance(value, str) else value


def drop_nulls(settings: Settings, field: Field = _SETTINGS) -> None:
    """Remove fields that are null, in place. Nulls in mappings of strings, such as tags, stay."""
    pending: list[tuple[Any, Field]] = [(settings, field)]
    while pending:
        value, field = pending.pop()
        if isinstance(value, dict) and field.item is not VALUE:
            for key in [key for key, each in value.items() if each is None]:
                del value[key]
            pending += [(each, field.fields.get(key, Field())) for key, each in value.items()]
        elif isinstance(value, list):
            pending += [(each, field.item or Field()) for each in value]


def drop_unknown_fields(value: object, field: Field = JOB) -> None:
    """Remove the fields of a job that :func:`find_unknown_fields` warns of, in place.

    Kinds of tasks stay, for :func:`validate_settings` to refuse.
    """
    if field.title and isinstance(value, dict):
        for key in [key for key in value if key not in field.names and not key.endswith("_task")]:
            del value[key]
    for key, child in field.children(value):
        drop_unknown_fields(value[key], child)  # type: ignore[index]


#: As many as the service accepts.
MAX_TASKS = 1000


def validate_settings(settings: Settings, *, needs_tasks: bool = True) -> None:
    """Check that a job could run, whose settings are converted and have no nulls.

    :param needs_tasks: refuse an empty list of tasks.
    :raises FieldError: it could not.
    """
    is_empty = not needs_tasks and settings["tasks"] == []
    validate_types(settings, JOB_WITHOUT_TASKS if is_empty else JOB)
    try:
        simulation = read_simulation(settings) or {}
    except SimulationError as error:
        raise FieldError(("tags", SIMULATION_TAG), str(error)) from None
    if len(settings["tasks"]) > MAX_TASKS:
        count = len(settings["tasks"])
        raise FieldError(("tasks",), f"A job has at most {MAX_TASKS} tasks, not {count}.")
    names = [each["name"] for each in settings.get("parameters", ())]
    for index in _duplicates(names):
        raise FieldError(
            ("parameters", index), f"Two parameters of the job have the name {names[index]!r}."
        )
    _check_dependencies(settings["tasks"])
    unknown = simulation.get("tasks", {}).keys() - {task["task_key"] for task in settings["tasks"]}
    if unknown and not is_empty:
        raise FieldError(
            ("tags", SIMULATION_TAG),
            f"The tag {SIMULATION_TAG!r} names the task {min(unknown)!r}, which the job has not.",
        )


def _suggest(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _check_task(task: Any, path: Path) -> str:
    """Check that a task has a key and one kind, and return its key."""
    if not isinstance(task, dict):
        raise FieldError(path, "A task has to be a mapping with a 'task_key'.")
    key = task.get("task_key")
    if not isinstance(key, str) or not key:
        raise FieldError(path, "The task has no 'task_key'.")
    if not _TASK_KEY.fullmatch(key):
        raise FieldError(
            (*path, "task_key"),
            f"The task_key {key!r} may hold only letters, digits, '_' and '-', and at most 100 of "
            "them.",
        )
    kinds = [name for name in task if name.endswith("_task")]
    for kind in kinds:
        if kind not in TASK_KINDS:
            message = f"Task {key!r} is of the unknown kind {kind!r}.{_suggest(kind, TASK_KINDS)}"
            raise FieldError((*path, kind), message)
    if len(kinds) != 1:
        number = f"has {len(kinds)} kinds ({', '.join(kinds)})" if kinds else "has no kind"
        raise FieldError(path, f"Task {key!r} {number}. Give it one, such as 'notebook_task'.")
    if isinstance(loop := task.get("for_each_task"), dict):
        path = (*path, "for_each_task")
        if "inputs" not in loop or "task" not in loop:
            raise FieldError(
                path, f"The for_each_task of task {key!r} needs 'inputs' and a 'task'."
            )
        if isinstance(loop["task"], dict) and "for_each_task" in loop["task"]:
            raise FieldError(
                (*path, "task"),
                f"The for_each_task of task {key!r} cannot hold another for_each_task.",
            )
    if isinstance(sql := task.get("sql_task"), dict) and not {"file", *SQL_OBJECTS} & sql.keys():
        raise FieldError(
            (*path, "sql_task"), f"The sql_task of task {key!r} needs a 'file' with a 'path'."
        )
    return key


def validate_types(value: Any, field: Field, path: Path = (), task: str = "") -> None:
    """Check the types of all fields inside a value.

    :param path: of the value in the settings.
    :param task: the key of the task to which it belongs.
    :raises FieldError: one has another type.
    """
    if field is TASK:
        task = _check_task(value, path)
    for key, child in field.fields.items():
        if child.is_required and key not in value:
            missing = replace(child, message=MISSING, expected="") if child.accepts(None) else child
            raise _field_error(missing, None, (*path, key), task)
    for key, child in field.children(value):
        each, inner = value[key], (*path, key)
        if each is None and isinstance(value, dict):
            continue
        if not child.accepts(each):
            raise _field_error(child, each, inner, task)
        validate_types(each, child, inner, task)


def _field_error(field: Field, value: Any, path: Path, task: str) -> FieldError:
    key = next(step for step in reversed(path) if isinstance(step, str))
    name = f"{key!r} of task {task!r}" if task else repr(key)
    if isinstance(path[-1], int):
        name = f"Each of {name}"
    message = field.message.format(name=name, key=key, task=task, kind=path[-2:][0], value=value)
    return FieldError(path, message, field.expected, value)


def _check_dependencies(tasks: list[Settings]) -> None:
    keys = [task["task_key"] for task in tasks]
    for index in _duplicates(keys):
        raise FieldError(
            ("tasks", index, "task_key"),
            f"Two tasks have the key {keys[index]!r}. Each task of a job needs a key of its own.",
        )
    parents = {
        task["task_key"]: [each["task_key"] for each in task.get("depends_on", ())]
        for task in tasks
    }
    for index, key in enumerate(keys):
        for position, parent in enumerate(parents[key]):
            if parent not in parents:
                raise FieldError(
                    ("tasks", index, "depends_on", position),
                    f"Task {key!r} depends on {parent!r}, which is not a task of this job. Its "
                    f"tasks: {', '.join(keys)}.",
                )
    if cycle := find_cycle(parents):
        raise FieldError(
            ("tasks", keys.index(cycle[0]), "depends_on"),
            f"The tasks depend on each other in a circle: {' -> '.join(cycle)}.",
        )


def find_cycle(parents: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of a cycle, each followed by one of its parents; empty if there is none.

    The cycle starts and ends with the one that comes first in ``parents``.
    """
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        *cycle, _ = reversed(error.args[1])
        start = cycle.index(next(key for key in parents if key in cycle))
        return [*cycle[start:], *cycle[: start + 1]]
    return []


def _duplicates(names: list[str]) -> Iterator[int]:
    first = {name: index for index, name in reversed([*enumerate(names)])}
    return (index for index, name in enumerate(names) if first[name] != index)


def _convert(value: Any, field: Field, conversions: Mapping[str, Callable[[Any], Any]]) -> None:
    for key, child in field.children(value):
        # An item of a list that is null stays.
        if child.conversion in conversions and (value[key] is not None or isinstance(value, dict)):
            value[key] = conversions[child.conversion](value[key])
        _convert(value[key], child, conversions)


def _parse_number(value: Any) -> Any:
    is_integer = isinstance(value, str) and _INTEGER.fullmatch(value)
    return int(value) if is_integer else value


def _convert_number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():  # as the CLI converts 1.0
        return int(value)
    return _parse_number(value)


_REQUEST_CONVERSIONS = {
    "number": _parse_number,
    "boolean": parse_boolean,
    "string": format_scalar,
    "value": format_scalar,
}
_BUNDLE_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "number": _convert_number,
    "boolean": parse_boolean,
    "string": format_scalar,
    "value": lambda value: "" if value is None else format_scalar(value),
}
