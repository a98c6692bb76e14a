"""Dynamic value references: ``{{job.parameters.day}}`` and the like, replaced in a task's
settings.
"""
# MERGED """What dynamic value references mean inside a run."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..model import JobRun, TaskRun

# A part of a name that holds other characters stands in backticks, or, as once, in brackets.
REFERENCE = re.compile(r"\{\{\s*([A-Za-z_](?:[\w.\-]|`[^`{}]+`|\[[^\[\]{}]+\])*)\s*\}\}")

_NAMESPACES = ("job.", "task.", "tasks.", "workspace.", "backfill.")


class UnknownReference(LookupError):
    """A reference into a namespace that exists, to a value that does not."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The reference {{{{{name}}}}} has no value here. Check its spelling, and that the "
            "task "
            f"which is to provide it runs earlier and has set it."
        )


Lookup = Callable[[str], Any]


"""Takes the name inside the braces; raises KeyError where it knows none."""


def resolve(value: Any, lookup: Lookup) -> Any:
    """The same value with the references in each of its strings replaced.

    :param value: a string, list, dict or anything else that JSON holds.
    :param lookup: gives the value for a name.
    :raises UnknownReference: a name in a known namespace that ``lookup`` does not know. Braces
        around
        anything else stay as they are, as on Databricks.
    """
    if isinstance(value, str):
        return _resolve_text(value, lookup) if "{{" in value else value
    if isinstance(value, list):
        return [resolve(each, lookup) for each in value]
    if isinstance(value, dict):
        return {key: resolve(each, lookup) for key, each in value.items()}
    return value


def _resolve_text(text: str, lookup: Lookup) -> str:
    def replacement(match: re.Match[str]) -> str:
        name = re.sub(r"[`\[\]]", "", match.group(1))
        try:
            return as_text(lookup(name))
        except KeyError:
            if name.startswith(_NAMESPACES):
                raise UnknownReference(name) from None
            return match.group(0)

    return REFERENCE.sub(replacement, text)


def as_text(value: Any) -> str:
    """A value as it appears inside a parameter: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def reference_lookup(run: JobRun, task: TaskRun, workspace: Mapping[str, Any]) -> Lookup:
    """The lookup for references in a task's settings, after the list in Databricks' documentation
    ("Supported value references"), with the older forms such as ``{{run_id}}``."""
    simple: dict[str, Callable[[], Any]] = {
        "job.id": lambda: run.job_id,
        "job.name": lambda: run.name,
        "job.run_id": lambda: run.run_id,
        "job.repair_count": lambda: max(0, len(run.repairs) - 1),
        "job.trigger.type": lambda: run.trigger.lower(),
        # Nothing is started by a file here, and otherwise there is none.
        "job.trigger.file_arrival.location": lambda: "",
        "task.name": lambda: task.key,
        "task.run_id": lambda: task.run_id,
        "task.execution_count": lambda: task.attempt + 1,
        "task.notebook_path": lambda: task.spec["notebook_task"]["notebook_path"],
        "job_id": lambda: run.job_id,
        "run_id": lambda: task.run_id,
        "parent_run_id": lambda: run.run_id,
        "task_key": lambda: task.key,
        "task_retry_count": lambda: task.attempt,
        "start_date": lambda: _moment(run.start_time, "iso_date"),
        "start_time": lambda: run.start_time,
    }

    resolving: list[str] = []

    def parameter(name: str) -> Any:
        """Its value may hold references too, but none that lead back to it."""
        if name in resolving:
            raise UnknownReference(name)
        resolving.append(name)
        try:
            return resolve(_parameter(run, name.removeprefix("job.parameters.")), lookup)
        finally:
            resolving.pop()

    def lookup(name: str) -> Any:
        if name in simple:
            return simple[name]()
        if name.startswith("workspace."):
            return workspace[name.removeprefix("workspace.")]
        if name.startswith("job.parameters."):
            return parameter(name)
        for moment in ("job.start_time.", "job.trigger.time."):
            if name.startswith(moment):
                return _moment(run.start_time, name.removeprefix(moment))
        if name.startswith("tasks."):
            return _of_task(run, name.removeprefix("tasks."))
        if task.parent and (name == "input" or name.startswith("input.")):
            return _of_input(task.item, name)
        raise KeyError(name)

    return lookup


def _parameter(run: JobRun, name: str) -> str:
    for each in run.parameters:
        if each["name"] == name:
            return each.get("value", each["default"])
    raise KeyError(name)


def _of_task(run: JobRun, path: str) -> Any:
    key, _, attribute = path.partition(".")
    task = run.latest_attempts()[key]
    if attribute.startswith("values."):
        return task.values[attribute.removeprefix("values.")]
    if attribute == "output.rows":
        return task.rows
    if attribute.startswith("output.first_row."):
        (first, *_) = task.rows or [{}]
        return first[attribute.removeprefix("output.first_row.")]
    return {
        "run_id": task.run_id,
        "result_state": task.state.result.lower(),
        "error_code": _error_code(task),
        "execution_count": task.attempt + 1,
    }[attribute]


def _error_code(task: TaskRun) -> str:
    """As the documentation has it: ``RunExecutionError``, or nothing after a success."""
    return "" if task.state.is_success else task.state.code.title().replace("_", "")


def _of_input(item: Any, name: str) -> Any:
    for key in name.split(".")[1:]:
        if not isinstance(item, dict) or key not in item:
            raise UnknownReference(name)
        item = item[key]
    return item


def _moment(milliseconds: int, form: str) -> Any:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return {
        "timestamp_ms": milliseconds,
        "iso_date": moment.date().isoformat(),
        "iso_datetime": moment.isoformat(timespec="seconds"),
        "iso_weekday": moment.isoweekday(),
        "is_weekday": moment.isoweekday() <= 5,
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
    }[form]
