"""The state of a run at one moment, and the id that names it. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..runs.outcome import RunStatus, classify, has_ended, parse_state

#: How far along a life-cycle word is. Other words, and those of tomorrow, have no place: they may
#: come before and after any of these but the end.
RANKS = {"QUEUED": 0, "PENDING": 1, "RUNNING": 2, "TERMINATING": 3}
ENDED_RANK = 4
NO_RANK = 5

#: Makes a status of its own ``to_dict()``.
Restore = Callable[[dict[str, Any]], RunStatus]

_PATTERN = re.compile(r"(\d{1,6})\.(\d)\.(\d{1,6})-([0-9a-f]{12})", re.ASCII)


@dataclass(frozen=True)
class StateId:
    """Names a state of a run, the same in every process: a pure function of what the run says.

    :param attempts: task attempts and repairs so far; more of them is later.
    :param rank: how far along the life cycle is; 4 is the end, and 5 cannot be told.
    :param done: tasks that have ended.
    :param digest: tells states apart that the numbers do not.
    """

    attempts: int
    rank: int
    done: int
    digest: str

    def __str__(self) -> str:
        return f"{self.attempts}.{self.rank}.{self.done}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> StateId | None:
        """Read an id that a client sends back; junk is none.

        :param text: e.g. ``0.2.1-0123456789ab``.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            return None
        attempts, rank, done, digest = match.groups()
        return cls(int(attempts), int(rank), int(done), digest)

    @property
    def is_terminal(self) -> bool:
        return self.rank == ENDED_RANK

    def is_before(self, other: StateId) -> bool:
        """Whether this state cannot come after the other one.

        :param other: of the same run.
        """
        mine = (self.attempts, self.is_terminal, self.done)
        others = (other.attempts, other.is_terminal, other.done)
        if mine != others or NO_RANK in (self.rank, other.rank):
            return mine < others
        return self.rank < other.rank


def state_id(run: Mapping[str, Any]) -> StateId:
    """Name the state of a run; clocks and durations do not count.

    :param run: as the Jobs API spells it.
    """
    tasks = sorted(run.get("tasks") or [], key=_place)
    words = parse_state(run)
    essence = [
        _essence(run),
        [[task.get("task_key"), task.get("run_id"), _essence(task)] for task in tasks],
    ]
    return StateId(
        attempts=sum(task.get("attempt_number") or 0 for task in [*tasks, run]),
        rank=(
            ENDED_RANK
            if words.ended
            else RANKS.get(words.life_cycle or words.status or "", NO_RANK)
        ),
        done=sum(has_ended(task) for task in tasks),
        digest=hashlib.sha256(json.dumps(essence).encode()).hexdigest()[:12],
    )


def _place(task: Mapping[str, Any]) -> tuple[str, int, int]:
    """The workspace gives the tasks of a run in no order that it promises."""
    return task.get("task_key") or "", task.get("attempt_number") or 0, task.get("run_id") or 0


def _essence(run: Mapping[str, Any]) -> list[str | int | None]:
    words = parse_state(run)
    return [
        words.life_cycle,
        words.result,
        words.status,
        words.termination_code,
        words.message,
        run.get("attempt_number"),
        classify(words).value,
    ]


class Snapshot:
    """A state of a run, encoded once for any number of viewers.

    :param id: names the state.
    :param data: the JSON object of an event.
    :param restore: makes the status of that object, for whoever needs it.
    """

    def __init__(self, id: StateId, data: str, restore: Restore) -> None:  # noqa: A002
        self.id = id
        self.data = data
        self._restore = restore

    @classmethod
    def of(cls, status: RunStatus) -> Snapshot:
        """What was seen of a run.

        :param status: it.
        """
        document = status.to_dict()
        data = json.dumps(document, separators=(",", ":"))
        return cls(state_id(document["run"]), data, lambda _: status)

    @property
    def is_terminal(self) -> bool:
        return self.id.is_terminal

    @cached_property
    def status(self) -> RunStatus:
        return self._restore(json.loads(self.data))
