"""A request as the handlers see it: fields with their types checked."""
# MERGED """Numbers and truth values that come as text.
#
# The service takes either, and Airflow's operators send their numbers so: "Databricks can tolerate
# either numeric or string types in the API backend" (``airflow.providers.databricks.utils``).
# """

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidParameterValue, MalformedRequest, UnexpectedType
from ..model import Settings


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
            raise UnexpectedType(name, "integer", value)
        if abs(number) >= 2**63:
            raise MalformedRequest(f"{name} is out of range.")
        return number

    def required_integer(self, name: str) -> int:
        """A whole number without which the request makes no sense."""
        number = self.integer(name)
        if number is None:
            raise InvalidParameterValue(f"Missing required field: {name}")
        return number

    def boolean(self, name: str) -> bool:
        """A truth value; false if it is not given."""
        value = self.fields.get(name)
        if value in (None, False, "false", "False", ""):
            return False
        if value in (True, "true", "True"):
            return True
        raise UnexpectedType(name, "boolean", value)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            return value
        raise UnexpectedType(name, "string", value)

    def text_list(self, name: str) -> list[str] | None:
        """A list of strings; numbers and truth values are taken as their text."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise UnexpectedType(name, "array", value)
        return [self._text_of(name, each) for each in value]

    def text_map(self, name: str) -> dict[str, str] | None:
        """A mapping of strings; numbers and truth values are taken as their text."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise UnexpectedType(name, "object", value)
        return {key: self._text_of(f"{name}.{key}", each) for key, each in value.items()}

    def object(self, name: str) -> dict[str, Any] | None:
        """A mapping of whatever."""
        value = self.fields.get(name)
        if value is None or isinstance(value, dict):
            return value
        raise UnexpectedType(name, "object", value)

    def _text_of(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        raise UnexpectedType(name, "string", value)


_OF_A_JOB = frozenset({"max_concurrent_runs", "timeout_seconds"})


_OF_A_TASK = frozenset(
    {"timeout_seconds", "max_retries", "min_retry_interval_millis", "retry_on_timeout", "disabled"}
)


_OF_A_QUEUE = frozenset({"enabled"})


_OF_A_KIND = {"for_each_task": frozenset({"concurrency"}), "run_job_task": frozenset({"job_id"})}


_TRUTH_VALUES = {"true": True, "True": True, "false": False, "False": False}


_LONGEST = 19  # digits of the largest number that the API knows


def convert_scalars(given: Mapping[str, Any]) -> Settings:
    """A job's settings with numbers as numbers and truth values as such, whichever they came as.

    Text that spells neither stays, to be found by those who check the settings.
    """
    settings = _read(given, _OF_A_JOB)
    if isinstance(queue := settings.get("queue"), dict):
        settings["queue"] = parse_queue(queue)
    if isinstance(tasks := settings.get("tasks"), list):
        settings["tasks"] = [_task(each) for each in tasks]
    return settings


def parse_queue(given: Mapping[str, Any]) -> Settings:
    """The ``queue`` of a job or a run."""
    return _read(given, _OF_A_QUEUE)


def _task(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    task = _read(given, _OF_A_TASK)
    for kind, fields in _OF_A_KIND.items():
        if isinstance(body := task.get(kind), dict):
            task[kind] = _read(body, fields)
            if "task" in body:
                task[kind]["task"] = _task(body["task"])
    return task


def _read(given: Mapping[str, Any], fields: frozenset[str]) -> Settings:
    return {key: _scalar(each) if key in fields else each for key, each in given.items()}


def _scalar(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST:
        return int(value)
    return _TRUTH_VALUES.get(value, value)
