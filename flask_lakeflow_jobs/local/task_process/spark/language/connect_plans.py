"""Plans and columns of Spark Connect, as messages to the server, and as SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from .call_texts import write_call
from .sail_calls import CALLS
from .sql_literals import write_literal

# pyspark is imported in functions: its import starts a session, and that of ``delta`` does not.
#: How the names of views begin that last for one statement.
FRAME_PREFIX = "lakeflow_frame_"
# The types of values that have a literal in SQL.
_LITERALS = (bool, bytes, date, Decimal, float, int, str, type(None))


def list_messages(message: Any) -> Iterator[Any]:
    """Yield the messages of the fields of a message."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = value.values()
        else:
            values = [value] if hasattr(value, "ListFields") else value
        yield from (each for each in values if hasattr(each, "ListFields"))


def walk(message: Any) -> Iterator[Any]:
    """Yield a message and all below it, the inner ones first."""
    found = [message]
    for each in found:  # which grows meanwhile
        found += list_messages(each)
    yield from reversed(found)


def find_messages(message: Any, name: str) -> Iterator[Any]:
    """Yield the messages of a type at a message and below it, the inner ones first."""
    return (each for each in walk(message) if each.DESCRIPTOR.name == name)


def list_inputs(message: Any) -> Iterator[Any]:
    """Yield the relations that a relation reads."""
    for each in list_messages(message):
        if each.DESCRIPTOR.name == "Relation":
            yield each
        else:
            yield from list_inputs(each)


def make_frame(session: Any, relation: Any) -> Any:
    """Return a frame of a relation, whose columns are known by their names only."""
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.plan import LogicalPlan

    plan: Any = LogicalPlan(None)
    plan.plan = lambda _: relation
    return DataFrame(plan, session)


@contextmanager
def name_frame(frame: Any) -> Iterator[str]:
    """Name a frame while the body runs, as no other task does that shares the session."""
    view = f"{FRAME_PREFIX}{uuid4().hex}"
    frame.createOrReplaceTempView(view)
    try:
        yield view
    finally:
        frame.sparkSession.catalog.dropTempView(view)


def union_frames(frames: list[Any]) -> Any:
    """Return the rows of frames, in a plan that is not deep: the server limits its depth."""
    half = len(frames) // 2
    if half == 0:
        return frames[0]
    return union_frames(frames[:half]).unionAll(union_frames(frames[half:]))


@dataclass
class ColumnSql:
    """Turns columns of Spark Connect into text.

    :param find_alias: returns the alias of the frame to which ``frame["name"]`` belongs, by the id
        of its plan.
    """

    client: Any
    find_alias: Callable[[int], str | None]

    def write(self, value: Any) -> str:
        """Return the SQL of a column; a text is SQL already.

        :raises NotImplementedError: the column has no SQL, for example as it calls Python.
        """
        if isinstance(value, str):
            return value
        if hasattr(value, "to_plan"):
            return self.write_plan(value.to_plan(self.client))
        from pyspark.sql import functions

        return self.write(functions.lit(value))

    def write_plan(self, node: Any) -> str:
        """Return the SQL of a column in a plan, with the same errors."""
        kind = node.WhichOneof("expr_type")
        write = getattr(self, f"_write_{kind}", None)
        if write is None:
            raise NotImplementedError(
                f"The local workspace cannot write this column as SQL, which Sail needs here "
                f"({kind}). Write the expression as a text, or add it to the source with "
                "withColumn and name the new column."
            )
        return str(write(getattr(node, kind)))

    def _write_expression_string(self, node: Any) -> str:
        return f"({node.expression})"

    def _write_unresolved_attribute(self, node: Any) -> str:
        name = str(node.unparsed_identifier)
        alias = self.find_alias(node.plan_id) if node.HasField("plan_id") else None
        return name if alias is None or name.startswith(f"{alias}.") else f"{alias}.{name}"

    def _write_alias(self, node: Any) -> str:
        return self.write_plan(node.expr)

    def _write_cast(self, node: Any) -> str:
        kind = node.type_str if node.WhichOneof("cast_to_type") == "type_str" else None
        if kind is None:
            from pyspark.sql.connect.types import proto_schema_to_pyspark_data_type

            kind = proto_schema_to_pyspark_data_type(node.type).simpleString()
        function = "TRY_CAST" if node.eval_mode == node.EVAL_MODE_TRY else "CAST"
        return f"{function}({self.write_plan(node.expr)} AS {kind})"

    def _write_unresolved_extract_value(self, node: Any) -> str:
        return f"{self.write_plan(node.child)}[{self.write_plan(node.extraction)}]"

    def _write_call_function(self, node: Any) -> str:
        return f"{node.function_name}({', '.join(map(self.write_plan, node.arguments))})"

    def _write_unresolved_function(self, node: Any) -> str:
        arguments = [self.write_plan(each) for each in node.arguments]
        if node.function_name == "when":
            pairs = zip(arguments[::2], arguments[1::2], strict=False)
            branches = " ".join(f"WHEN {test} THEN {result}" for test, result in pairs)
            otherwise = f" ELSE {arguments[-1]}" if len(arguments) % 2 else ""
            return f"CASE {branches}{otherwise} END"
        if node.function_name in CALLS:
            return write_call(node.function_name, arguments)
        distinct = "DISTINCT " if node.is_distinct else ""
        return f"`{node.function_name}`({distinct}{', '.join(arguments)})"

    def _write_literal(self, node: Any) -> str:
        from pyspark.sql.connect.expressions import LiteralExpression

        value = LiteralExpression._to_value(node)
        if not isinstance(value, _LITERALS):
            raise NotImplementedError(
                f"The local workspace cannot write the literal {value!r} as SQL. Write the "
                "expression as a text."
            )
        return write_literal(value)
