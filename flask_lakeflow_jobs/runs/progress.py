"""Progress that the tasks of a run report themselves. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidParameters
from ..text import HALF_CHARACTER, HALF_CHARACTER_MESSAGE, PROGRESS_TOKENS, UNPRINTABLE

MAX_MESSAGE_CHARS = 1_000

#: Of a task key in the Jobs API.
MAX_TASK_CHARS = 100


@dataclass(frozen=True)
class Progress:
    """One report of progress.

    :param percent: from 0 to 100.
    :param message: one line.
    :param task: the task key; ``None``: the run as a whole.
    :param timestamp: when the report arrived, in milliseconds since the epoch. It is later than
        those of the run's earlier reports, also if the clock was put back.
    """

    percent: float
    message: str
    task: str | None
    timestamp: int

    @classmethod
    def create(cls, percent: Any, message: Any, task: Any, timestamp: int) -> Progress:
        """Check the values of a report.

        :raises InvalidParameters: a value is invalid.
        """
        errors = {
            name: [text]
            for name, text in (
                ("percent", _find_percent_error(percent)),
                ("message", _find_text_error(message, MAX_MESSAGE_CHARS)),
                ("task", _find_text_error(task, MAX_TASK_CHARS)),
            )
            if text is not None
        }
        if errors:
            details = " ".join(f"{name}: {text}" for name, (text,) in errors.items())
            raise InvalidParameters(f"The progress report is invalid. {details}", errors)
        line = PROGRESS_TOKENS.sub("***", UNPRINTABLE.sub(" ", message or "")).strip()
        is_whole = isinstance(percent, float) and percent.is_integer()
        return cls(int(percent) if is_whole else percent, line, task or None, timestamp)

    @classmethod
    def parse(cls, stored: Any) -> Progress | None:
        """Read a stored report; ``None`` if it has another shape."""
        match stored:
            case {
                "percent": int() | float() as percent,
                "message": str(message),
                "task": str() | None as task,
                "timestamp": int(timestamp),
            }:
                return cls(percent, message, task, timestamp)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class RunProgress(Progress):
    """The progress of a run: its own if it was reported, otherwise the newest of its tasks.

    :param tasks: the progress of the active tasks that have reported, by task key.
    """

    tasks: Mapping[str, Progress] = field(default_factory=dict)

    @classmethod
    def parse(cls, stored: Any) -> RunProgress | None:
        progress = Progress.parse(stored)
        if progress is None:
            return None
        tasks = stored.get("tasks")
        items = tasks.items() if isinstance(tasks, dict) else ()
        parsed = {key: report for key, each in items if (report := Progress.parse(each))}
        return cls(**vars(progress), tasks=parsed)

    def to_dict(self) -> dict[str, Any]:
        """Return the progress for JSON, with that of the tasks by their keys."""
        tasks = {key: each.to_dict() for key, each in self.tasks.items()}
        return {**super().to_dict(), "tasks": tasks}

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that identify what is shown. Timestamps do not change it."""
        values = [
            [each.task, each.percent, each.message]
            for each in (self, *(self.tasks[key] for key in sorted(self.tasks)))
        ]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]


def _find_percent_error(percent: Any) -> str | None:
    is_number = isinstance(percent, int | float) and not isinstance(percent, bool)
    return None if is_number and 0 <= percent <= 100 else "Must be a number from 0 to 100."


def _find_text_error(text: Any, max_chars: int) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        return "Must be text."
    if len(text) > max_chars:
        return f"Has {len(text)} characters. The maximum is {max_chars}."
    return HALF_CHARACTER_MESSAGE if HALF_CHARACTER.search(text) else None
