"""The plan of a stream on Sail, and the rows that a batch adds to its result.

Marks in the plan say what Sail does not know. Its streams have no state.

In place of a state, the rows that the stream has read before are read again. A node that groups
rows or compares them with earlier ones gets both, and passes on what the new ones change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from itertools import product
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Window, functions
from pyspark.sql.connect.plan import LogicalPlan

from ..files.file_sources import METADATA, FileSource
from ..language.connect_plans import find_messages, list_inputs, make_frame, union_frames
from ..language.sql_names import quote_part

#: The marks of plans: the source whose rows are replaced, the column of the event time with the
#: delay, and whether duplicates are dropped within the watermark only.
SOURCE, WATERMARK = "_lakeflow_source", "_lakeflow_watermark"
WITHIN_WATERMARK = "_lakeflow_within_watermark"
_STATEFUL = ("aggregate", "deduplicate", "join", "limit")

#: The rows that a stream has read before, those of the batch, and both.
OLD, NEW, ALL = "old", "new", "all"
_IS_NEW = "_lakeflow_is_new"
_RANK = "_lakeflow_rank"
_MODE = "[STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION]"


class StreamPlan:
    """The plan of a frame, as a message, and its marks by the numbers of plans."""

    def __init__(self, frame: Any) -> None:
        self.relation = frame._plan.plan(frame.sparkSession.client)
        #: Whether it names the file of a row.
        self.has_metadata = METADATA.encode() in self.relation.SerializeToString()
        self.sources = find_marks(frame, SOURCE)
        for number, each in self.sources.items():
            if self.has_metadata and isinstance(each, FileSource):
                self.sources[number] = each.with_metadata()
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


class StreamResult:
    """The result of a batch.

    :param rows: the old and the new rows of each source, by the number of its plan.
    :raises AnalysisException: Spark has no such stream with this mode.
    """

    def __init__(
        self, session: Any, plan: StreamPlan, rows: dict[int, dict[str, Any]], mode: str
    ) -> None:
        self._session = session
        self._client = session.client
        self._plan = plan
        self._rows = rows
        self._mode = mode
        if mode == "complete" and "aggregate" not in plan.stateful:
            raise refuse_mode(
                "complete", "a stream that groups no rows", "Use outputMode('append'), or groupBy."
            )

    def build(self) -> Any:
        kind = ALL if self._mode == "complete" else NEW
        return self._read(self._plan.relation, kind).select("*")

    def _fill(self, relation: Any, kind: str) -> list[Any]:
        """Return relations over some of the rows, whose union is the result."""
        number = relation.common.plan_id
        if kind == NEW and self._plan.is_stateful(relation):
            node = relation.WhichOneof("rel_type")
            if node == "join":
                return self._join(relation)
            filled = deepcopy(self._to_relation(getattr(self, f"_{node}")(relation)))
            filled.common.plan_id = number  # columns of nodes above refer to it
            return [filled]
        filled = deepcopy(relation)
        if number in self._rows:
            rows = self._rows[number]
            frame = rows[OLD].unionAll(rows[NEW]) if kind == ALL else rows[kind]
            filled.project.input.CopyFrom(self._to_relation(frame))
            return [filled]
        inputs = [self._fill(each, kind) for each in list_inputs(relation)]
        if filled.HasField("set_op"):
            inputs = [[self._to_relation(self._unite(each))] for each in inputs]
        if len(inputs) == 1 and kind == NEW and self._plan.has_state(relation):
            _drop_plans(filled)
        return [_replace_inputs(filled, each) for each in product(*inputs)]

    def _aggregate(self, relation: Any) -> Any:
        """Group all rows. Return the groups of new ones, or in the mode append those that end."""
        node = relation.aggregate
        rows = self._mark(self._read(node.input, OLD), self._read(node.input, NEW))
        grouped = deepcopy(relation)
        _drop_plans(grouped)
        grouped.aggregate.input.CopyFrom(self._to_relation(rows))
        is_new: Any = functions.max(_IS_NEW).alias(_IS_NEW)
        grouped.aggregate.aggregate_expressions.append(is_new.to_plan(self._client))
        frame = make_frame(self._session, grouped)
        end = self._find_end(relation, frame)
        if self._mode == "update":
            frame = frame.filter(f"{_IS_NEW} = 1")
        elif end is None:
            raise refuse_mode(
                "append",
                "an aggregation without a watermark",
                "Use outputMode('update') with foreachBatch, outputMode('complete'), or group by a "
                "window of a column that withWatermark names.",
            )
        else:
            watermark = self._find_watermark(OLD, NEW)
            is_closed = functions.lit(False) if watermark is None else end <= watermark
            frame = frame.filter(is_closed)
        if end is not None and (watermark := self._find_watermark(OLD)) is not None:
            frame = frame.filter(end > watermark)
        return frame.drop(_IS_NEW)

    def _deduplicate(self, relation: Any) -> Any:
        """Return the first new row of each key that no old row has."""
        node = relation.deduplicate
        old = self._read(node.input, OLD)
        if relation.common.plan_id in self._plan.within_watermark:
            old = self._drop_late(old, node.input, is_delayed=True)
        new = self._drop_late(self._read(node.input, NEW), node.input)
        names = [*node.column_names] or [name for name in new.columns if name != METADATA]
        rows = self._mark(old, new)
        first = Window.partitionBy(*map(_column, names)).orderBy(_IS_NEW)
        rows = rows.withColumn(_RANK, functions.row_number().over(first))
        return rows.filter(f"{_RANK} = 1 AND {_IS_NEW} = 1").drop(_RANK, _IS_NEW)

    def _join(self, relation: Any) -> list[Any]:
        """Return the joins of the new rows of each side with all rows of the other one."""
        node = relation.join
        if node.join_type not in (node.JOIN_TYPE_INNER, node.JOIN_TYPE_CROSS):
            raise NotImplementedError(
                "Sail joins two streams by an inner join only. Join each batch with the table of "
                "the other stream in foreachBatch."
            )
        joins = []
        for kinds in ((NEW, NEW), (NEW, OLD), (OLD, NEW)):
            sides = []
            for side, kind in zip((node.left, node.right), kinds, strict=True):
                frame = self._read(side, kind)
                sides.append(self._drop_late(frame, side) if kind == NEW else frame)
            joins.append(_replace_inputs(relation, [self._to_relation(each) for each in sides]))
        return joins

    def _limit(self, relation: Any) -> Any:
        """Return as many new rows as the old ones leave."""
        node = relation.limit
        left = max(0, node.limit - self._read(node.input, OLD).count())
        return self._read(node.input, NEW).limit(left)

    def _read(self, relation: Any, kind: str) -> Any:
        """Return the frame of a relation over some of the rows."""
        return self._unite(self._fill(relation, kind))

    def _unite(self, relations: list[Any]) -> Any:
        return union_frames([make_frame(self._session, each) for each in relations])

    def _mark(self, old: Any, new: Any) -> Any:
        """Return old and new rows, with a column that tells them apart."""
        old, new = (
            rows.withColumn(_IS_NEW, functions.lit(value)) for value, rows in enumerate((old, new))
        )
        return old.unionAll(new)

    def _drop_late(self, frame: Any, relation: Any, *, is_delayed: bool = False) -> Any:
        """Drop the rows before the watermark.

        :param is_delayed: keep rows until their delay has passed.
        """
        watermark = self._find_watermark(OLD)
        for each in self._plan.find_watermarks(relation) if watermark is not None else ():
            column, delay = self._plan.watermarks[each.common.plan_id]
            if column in frame.columns:
                time = functions.col(column)
                if is_delayed:
                    time = time + functions.expr(f"INTERVAL {delay}")
                frame = frame.filter(time > watermark)
        return frame

    def _find_end(self, relation: Any, frame: Any) -> Any:
        """Return the column that a watermark closes the groups by; ``None`` if there is none."""
        watermarks = self._plan.find_watermarks(relation)
        times = {self._plan.watermarks[each.common.plan_id][0].lower() for each in watermarks}
        keys = frame.schema.fields[: len(relation.aggregate.grouping_expressions)]
        for key in keys if times else ():
            if "end" in getattr(key.dataType, "names", ()):  # a window
                return _column(key.name)["end"]
            if key.name.lower() in times:
                return _column(key.name)
        return None

    def _find_watermark(self, *kinds: str) -> Any:
        """Return the time before which there are no more rows; ``None`` if there is none."""
        times: list[Any] = []
        for each in self._plan.find_watermarks(self._plan.relation):
            column, delay = self._plan.watermarks[each.common.plan_id]
            last = functions.max(column) - functions.expr(f"INTERVAL {delay}")
            found = (self._read(each, kind).select(last).first()[0] for kind in kinds)
            times.append(max(filter(None, found), default=None))
        return None if not times or None in times else min(times)

    def _to_relation(self, frame: Any) -> Any:
        return frame._plan.plan(self._client)


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


def refuse_nodes(plan: StreamPlan, mode: str) -> None:
    """Refuse what Spark does with batches only: windows over rows, and their order.

    :raises AnalysisException: a node above a source does so.
    """
    for relation in find_messages(plan.relation, "Relation"):
        if not any(find_numbers(each, plan.sources) for each in list_inputs(relation)):
            continue
        kind = str(relation.WhichOneof("rel_type"))
        if kind == "sort" and mode != "complete":
            raise AnalysisException(
                "[UNSUPPORTED_STREAMING_OPERATION] Sorting is not supported on streams, except for "
                "groups with outputMode('complete'). Sort each batch in foreachBatch, or the table."
            )
        own = deepcopy(getattr(relation, kind))
        if "input" in own.DESCRIPTOR.fields_by_name:
            own.ClearField("input")
            if any(find_messages(own, "Window")):
                raise AnalysisException(
                    "[NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING] Windows over rows, such as "
                    "row_number, are not supported on streams. Write them in foreachBatch, or drop "
                    "duplicates with dropDuplicates."
                )


def _replace_inputs(relation: Any, inputs: Sequence[Any]) -> Any:
    replaced = deepcopy(relation)
    for each, value in zip(list_inputs(replaced), inputs, strict=True):
        each.CopyFrom(value)
    return replaced


def _drop_plans(node: Any) -> None:
    """Let columns be known by their names: the rows are no longer those of a plan."""
    for each in find_messages(node, "UnresolvedAttribute"):
        each.ClearField("plan_id")


def refuse_mode(mode: str, stream: str, remedy: str) -> Exception:
    """Return the error of Spark for a stream that it does not write with a mode."""
    error: Exception = AnalysisException(
        f"{_MODE} The output mode {mode} is not supported for {stream}. {remedy}"
    )
    return error


def _column(name: str) -> Any:
    return functions.col(quote_part(name))


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
