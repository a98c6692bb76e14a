"""Choices of a form besides parameters: tasks, the queue and the performance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .tasks import kind_label

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

    from ..sdk_types import SdkJob

#: The names of the controls. No parameter of a job begins with a tilde.
ONLY, QUEUE, TARGET = "~only", "~queue", "~target"

#: The choices of a run above the limit of concurrent runs.
QUEUE_CHOICES: Mapping[str, bool] = {"wait": True, "skip": False}


@dataclass(frozen=True)
class TaskChoice:
    """A task of a job, as a form offers it.

    :param kind: such as ``Notebook``.
    :param after: the keys of the tasks that it waits for.
    """

    key: str
    kind: str
    after: Sequence[str] = ()


@dataclass(frozen=True)
class RunChoices:
    """The choices of a reader.

    :param only: the keys of the tasks to run; empty for all.
    :param queue: one of :data:`QUEUE_CHOICES`; empty for the job's own setting.
    :param target: a performance target of the Jobs API; empty for the job's own setting.
    """

    only: Sequence[str] = ()
    queue: str = ""
    target: str = ""

    @classmethod
    def of(cls, sent: MultiDict[str, str]) -> RunChoices:
        """Read a form that a browser has sent."""
        return cls(sent.getlist(ONLY), sent.get(QUEUE, ""), sent.get(TARGET, ""))

    @property
    def is_empty(self) -> bool:
        return not (self.only or self.queue or self.target)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`JobHandle.run_now`."""
        return {
            "only": list(self.only) or None,
            "queue": QUEUE_CHOICES.get(self.queue),
            "performance_target": self.target or None,
        }


def task_choices_of(definition: SdkJob | None) -> list[TaskChoice]:
    """Return the tasks of a job, in the order of its definition.

    :param definition: ``None``: not known.
    """
    settings = definition.settings if definition else None
    return [
        TaskChoice(
            task.task_key, kind_label(task), [each.task_key for each in task.depends_on or []]
        )
        for task in (settings.tasks if settings else None) or []
    ]
