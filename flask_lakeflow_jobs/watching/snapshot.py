"""The state of a run at one moment, and the id of that state. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..runs.outcome import RunStatus, StateFields, classify, parse_state
from ..runs.progress import RunProgress

#: The order of the life-cycle states. All others, known or not, are unranked: they may come before
#: and after any of these except the end.
RANKS = {"QUEUED": 0, "PENDING": 1, "RUNNING": 2, "TERMINATING": 3}
TERMINAL_RANK = 4
UNRANKED = 5

#: Rebuilds a status from its ``to_dict()``.
Restore = Callable[[dict[str, Any]], RunStatus]

_PATTERN = re.compile(r"(\d{1,6})\.(\d)\.(\d{1,6})-([0-9a-f]{12})(?:-([0-9a-f]{8}))?", re.ASCII)


@dataclass(frozen=True)
class StateId:
    """Identifies a state of a run: a pure function of the run, so the same in every process.

    :param attempts: task attempts and repairs so far; a larger number is later.
    :param rank: the position in the life cycle.
    :param done: tasks that have ended.
    :param digest: distinguishes states whose numbers are equal.
    :param progress: distinguishes states by the progress that the run has reported; empty if none.
    """

    attempts: int
    rank: int
    done: int
    digest: str
    progress: str = ""

    def __str__(self) -> str:
        progress = f"-{self.progress}" if self.progress else ""
        return f"{self.attempts}.{self.rank}.{self.done}-{self.digest}{progress}"

    @classmethod
    def parse(cls, text: str) -> StateId | None:
        """Read an id that a client sends back, such as ``0.2.1-0123456789ab`` or, with progress,
        ``0.2.1-0123456789ab-01234567``.

        :return: ``None`` if the text is not an id.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            return None
        attempts, rank, done, digest, progress = match.groups()
        return cls(int(attempts), int(rank), int(done), digest, progress or "")

    @property
    def is_terminal(self) -> bool:
        return self.rank == TERMINAL_RANK

    def is_before(self, other: StateId) -> bool:
        """Return whether this state of a run cannot come after another one of it."""
        own_order = (self.attempts, self.is_terminal, self.done)
        other_order = (other.attempts, other.is_terminal, other.done)
        if own_order != other_order or UNRANKED in (self.rank, other.rank):
            return own_order < other_order
        return self.rank < other.rank


def compute_state_id(run: Mapping[str, Any]) -> StateId:
    """Compute the id of a run's state. Timestamps and durations do not change it.

    :param run: the JSON object of the Jobs API.
    """
    tasks = sorted(run.get("tasks") or [], key=_task_order)
    state, states = parse_state(run), [parse_state(task) for task in tasks]
    values = [
        _state_values(run, state),
        [
            [task.get("task_key"), task.get("run_id"), _state_values(task, each)]
            for task, each in zip(tasks, states, strict=True)
        ],
    ]
    return StateId(
        attempts=sum(task.get("attempt_number") or 0 for task in [*tasks, run]),
        rank=(
            TERMINAL_RANK
            if state.has_ended
            else RANKS.get(state.life_cycle or state.status or "", UNRANKED)
        ),
        done=sum(each.has_ended for each in states),
        digest=hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12],
    )


def _task_order(task: Mapping[str, Any]) -> tuple[str, int, int]:
    """Sort tasks: the workspace returns them in no particular order."""
    return task.get("task_key") or "", task.get("attempt_number") or 0, task.get("run_id") or 0


def _state_values(run: Mapping[str, Any], state: StateFields) -> list[str | int | None]:
    return [
        state.life_cycle,
        state.result,
        state.status,
        state.termination_code,
        state.message,
        run.get("attempt_number"),
        classify(state).value,
    ]


class Snapshot:
    """A state of a run, encoded once for all subscribers.

    :param data: the JSON object of an event.
    :param restore: rebuilds the status from that object when it is first needed.
    """

    def __init__(self, id: StateId, data: str, restore: Restore) -> None:  # noqa: A002
        self.id = id
        self.data = data
        self._restore = restore

    @classmethod
    def from_status(cls, status: RunStatus) -> Snapshot:
        document = status.to_dict()
        data = json.dumps(document, separators=(",", ":"))
        state_id = compute_state_id(document["run"])
        if status.progress is not None:
            state_id = replace(state_id, progress=status.progress.digest)
        return cls(state_id, data, lambda _: status)

    def with_progress(self, progress: RunProgress | None) -> Snapshot:
        return Snapshot.from_status(replace(self.status, progress=progress))

    @property
    def is_terminal(self) -> bool:
        return self.id.is_terminal

    @cached_property
    def status(self) -> RunStatus:
        return self._restore(json.loads(self.data))
