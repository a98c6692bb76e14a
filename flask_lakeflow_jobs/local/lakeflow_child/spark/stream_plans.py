"""The plan of a stream, and the marks in it that Sail does not know."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

from pyspark.sql.connect.plan import LogicalPlan

from .connect_plans import find_messages, list_inputs

#: The marks of plans: the source whose rows are replaced, the column of the event time with the
#: delay, and whether duplicates are dropped within the watermark only.
SOURCE, WATERMARK, WITHIN_WATERMARK = (
    "_lakeflow_source",
    "_lakeflow_watermark",
    "_lakeflow_within_watermark",
)
_STATEFUL = ("aggregate", "deduplicate", "join", "limit")


class StreamPlan:
    """The plan of a frame, as a message, and its marks by the numbers of plans."""

    def __init__(self, frame: Any) -> None:
        self.relation = frame._plan.plan(frame.sparkSession.client)
        self.sources = find_marks(frame, SOURCE)
        self.watermarks: dict[int, tuple[str, str]] = find_marks(frame, WATERMARK)
        self.within_watermark = find_marks(frame, WITHIN_WATERMARK)
        found = filter(self.is_stateful, find_messages(self.relation, "Relation"))
        self.stateful = {str(each.WhichOneof("rel_type")) for each in found}

    def is_stateful(self, relation: Any) -> bool:
        """Return whether a node needs the rows that the stream has read before."""
        kind = relation.WhichOneof("rel_type")
        streams = [each for each in list_inputs(relation) if find_numbers(each, self.sources)]
        return kind in _STATEFUL and len(streams) > (kind == "join")

    def has_state(self, relation: Any) -> bool:
        """Return whether a node, or one below it, groups rows or compares them with others."""
        found = filter(self.is_stateful, find_messages(relation, "Relation"))
        return any(each.WhichOneof("rel_type") != "join" for each in found)

    def find_watermarks(self, relation: Any) -> list[Any]:
        """Return the nodes with a watermark, at a node and below it."""
        return find_numbers(relation, self.watermarks)


def mark_frame(frame: Any, name: str, mark: Any) -> Any:
    """Return a frame with a mark on its plan, which columns of the frame know by its number."""
    plan = copy(frame._plan)
    setattr(plan, name, mark)
    return type(frame)(plan, frame.sparkSession)


def find_marks(frame: Any, name: str) -> dict[int, Any]:
    """Return the marks of a name in the plan of a frame."""
    return {
        each._plan_id: getattr(each, name) for each in _walk(frame._plan) if hasattr(each, name)
    }


def find_numbers(relation: Any, numbers: dict[int, Any]) -> list[Any]:
    """Return the nodes of some numbers, at a node and below it."""
    found = find_messages(relation, "Relation")
    return [each for each in found if each.common.plan_id in numbers]


def _walk(plan: Any) -> Iterator[Any]:
    """Yield a plan and all below it, each once."""
    visited: set[int] = set()
    pending = [plan]
    while pending:
        each = pending.pop()
        if not isinstance(each, LogicalPlan) or id(each) in visited:
            continue
        visited.add(id(each))
        yield each
        for value in vars(each).values():
            pending += value if isinstance(value, (list, tuple)) else [value]
