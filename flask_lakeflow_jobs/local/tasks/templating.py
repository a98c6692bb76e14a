"""Dynamic value references: ``{{job.parameters.day}}`` and the like in a task's settings."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..model import JobRun, TaskRun, map_texts
from .work import CannotRun

#: The length of all values for which the references of a task stand.
MAX_LENGTH = 2**24

# A part of a name that holds other characters stands in backticks. Brackets, with a name in quotes
# or without, are in no documentation of today, but in bundles and in what generates bundles.
_REFERENCE = re.compile(r"\{\{\s*([A-Za-z_](?:[\w.\-]|`[^`{}]+`|\[[^\[\]{}]+\])*)\s*\}\}")
_QUOTED = re.compile(r"""`([^`]+)`|\.?\[["']?([^\[\]]+?)["']?\]""")

_NAMESPACES = ("job.", "task.", "tasks.", "workspace.", "backfill.")


class UnknownReference(LookupError):
    """A reference without a value, in a namespace that exists."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The reference {{{{{name}}}}} has no value here. Check its spelling, and that the "
            "task that provides it runs earlier and has set it."
        )


def resolve(value: Any, lookup: TaskReferences | Mapping[str, Any]) -> Any:
    """Replace the references in all strings of a JSON value.

    Braces around anything else than a known namespace stay as they are, as on Databricks.

    :raises UnknownReference: ``lookup`` has no value for a name in a known namespace.
    """

    def replacement(match: re.Match[str]) -> str:
        name = _QUOTED.sub(lambda part: part[1] or f".{part[2]}", match.group(1))
        try:
            return format_parameter(lookup[name])
        except KeyError:
            if name.startswith(_NAMESPACES):
                raise UnknownReference(name) from None
            return match.group(0)

    return map_texts(value, lambda text: _REFERENCE.sub(replacement, text))


def format_parameter(value: Any) -> str:
    """Format a value for a parameter: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


class TaskReferences:
    """The values of the references in the settings of one task.

    The names are those of Databricks' documentation ("Supported value references"), with the older
    forms such as ``{{run_id}}``.
    """

    def __init__(self, run: JobRun, task: TaskRun, workspace: Mapping[str, Any]) -> None:
        self._run = run
        self._task = task
        self._resolving: list[str] = []  # job parameters, each inside the value of the one before
        self._parameters = {
            each["name"]: each.get("value", each["default"]) for each in run.parameters
        }
        self._resolved: dict[str, Any] = {}
        self._length = 0
        self._values = {
            "job.id": run.job_id,
            "job.name": run.name,
            "job.run_id": run.run_id,
            "job.repair_count": max(0, len(run.repairs) - 1),
            "job.trigger.type": run.trigger.lower(),
            # No run is triggered by a file here, and other runs have no location.
            "job.trigger.file_arrival.location": "",
            "task.name": task.key,
            "task.run_id": task.run_id,
            "task.execution_count": task.attempt + 1,
            "job_id": run.job_id,
            "run_id": task.run_id,
            "parent_run_id": run.run_id,
            "task_key": task.key,
            "task_retry_count": task.attempt,
            "start_date": _format_moment(run.start_time, "iso_date"),
            "start_time": run.start_time,
        }
        if path := (task.spec.get("notebook_task") or {}).get("notebook_path"):
            self._values["task.notebook_path"] = path
        self._prefixes: dict[str, Callable[[str], Any]] = {
            "workspace.": workspace.__getitem__,
            "job.parameters.": self._of_job_parameter,
            "job.start_time.": partial(_format_moment, run.start_time),
            "job.trigger.time.": partial(_format_moment, run.start_time),
            "tasks.": self._of_task,
        }
        if task.parent:
            self._values["input"] = task.item
            self._prefixes["input."] = self._of_input

    def __getitem__(self, name: str) -> Any:
        value = self._find(name)
        self._length += len(format_parameter(value))
        if self._length > MAX_LENGTH:
            raise CannotRun(
                f"The references of the task stand for more than {MAX_LENGTH:,} characters. Pass "
                "large values in a file."
            )
        return value

    def _find(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        for prefix, find in self._prefixes.items():
            if name.startswith(prefix):
                return find(name.removeprefix(prefix))
        raise KeyError(name)

    def _of_job_parameter(self, name: str) -> Any:
        """Return a parameter. Its value may hold references, but none that lead back to it."""
        if name in self._resolving:
            raise UnknownReference(f"job.parameters.{name}")
        if name not in self._resolved:
            value = self._parameters[name]
            self._resolving.append(name)
            try:
                self._resolved[name] = resolve(value, self)
            finally:
                self._resolving.pop()
        return self._resolved[name]

    def _of_task(self, path: str) -> Any:
        key, _, attribute = path.partition(".")
        task = self._run.latest_attempts()[key]
        if attribute.startswith("values."):
            return task.values[attribute.removeprefix("values.")]
        if attribute == "output.rows":
            return task.rows
        if attribute.startswith("output.first_row."):
            first_row = task.rows[0] if task.rows else {}
            return first_row[attribute.removeprefix("output.first_row.")]
        return {
            "run_id": task.run_id,
            "result_state": task.state.result.lower(),
            "error_code": _format_error_code(task),
            "execution_count": task.attempt + 1,
        }[attribute]

    def _of_input(self, path: str) -> Any:
        item = self._task.item
        for key in path.split("."):
            if not isinstance(item, dict) or key not in item:
                raise UnknownReference(f"input.{path}")
            item = item[key]
        return item


def _format_error_code(task: TaskRun) -> str:
    """Spell a code as the documentation does: ``RunExecutionError``; empty after a success."""
    return "" if task.state.is_success else task.state.code.title().replace("_", "")


def _format_moment(milliseconds: int, form: str) -> Any:
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
