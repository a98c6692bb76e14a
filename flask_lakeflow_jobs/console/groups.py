"""The tasks of a run by their state: what a page of many tasks shows first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .labels import KIND_NAMES

if TYPE_CHECKING:
    from .tasks import Attempt

#: The kinds of states in the order of the page: what needs attention comes first.
KIND_ORDER = (
    *("bad", "late", "unknown", "retry", "going", "ending", "waiting"),
    *("stopped", "partly", "never", "good"),
)

#: Groups that are closed until a reader opens them.
CLOSED_KINDS = frozenset({"waiting", "never", "good"})

#: Up to this number of tasks, their rows are in one list, in the order of their start.
MAX_LISTED_TASKS = 40

#: From this number of tasks on, a page offers filters.
MIN_FILTERED_TASKS = 13


@dataclass(frozen=True)
class TaskFilter:
    """The tasks that a reader has asked to see.

    :param kind: of the states; empty: all.
    :param text: that the keys of the tasks contain.
    """

    kind: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> TaskFilter:
        """Read a query; ignore what is not valid."""
        kind = query.get("state", "")
        return cls(kind if kind in KIND_NAMES else "", query.get("find", "")[:100].strip())

    def matches(self, key: str) -> bool:
        """Return whether the key of a task contains the text."""
        return self.text.casefold() in key.casefold()


NO_FILTER = TaskFilter()


@dataclass(frozen=True)
class TaskGroup:
    """The tasks whose last attempts have states of one kind.

    :param count: the number of tasks.
    :param rows: their attempts.
    """

    kind: str
    count: int
    rows: Sequence[Attempt]

    @property
    def name(self) -> str:
        return KIND_NAMES[self.kind]

    @property
    def is_open(self) -> bool:
        return self.kind not in CLOSED_KINDS


def group_rows(rows: Iterable[Attempt]) -> list[TaskGroup]:
    """Group the attempts of a run by the state of the last attempt of their task."""
    rows = list(rows)
    kinds = {row.key: row.state.kind for row in rows if row.is_last}
    found: dict[str, list[Attempt]] = {kind: [] for kind in KIND_ORDER}
    for row in rows:
        found[kinds.get(row.key, row.state.kind)].append(row)
    counts = list(kinds.values())
    return [TaskGroup(kind, counts.count(kind), some) for kind, some in found.items()]
