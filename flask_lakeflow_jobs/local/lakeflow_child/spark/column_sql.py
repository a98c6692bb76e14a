"""SQL of the columns that code builds, for statements that Sail takes only as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# The types of values that have a literal in SQL.
_LITERALS = (bool, bytes, date, Decimal, float, int, str, type(None))


class ColumnSql:
    """Turns columns of Spark Connect into text.

    :param client: of the session.
    :param find_alias: returns the alias of the frame to which ``frame["name"]`` belongs, by the id
        of its plan.
    """

    def __init__(self, client: Any, find_alias: Callable[[int], str | None]) -> None:
        self._client = client
        self._find_alias = find_alias

    def write(self, value: Any) -> str:
        """Return the SQL of a column; a text is SQL already.

        :raises NotImplementedError: the column has no SQL, for example as it calls Python.
        """
        if isinstance(value, str):
            return value
        if hasattr(value, "to_plan"):
            return self._write(value.to_plan(self._client))
        from pyspark.sql import functions

        return self.write(functions.lit(value))

    def _write(self, node: Any) -> str:
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
        alias = self._find_alias(node.plan_id) if node.HasField("plan_id") else None
        return name if alias is None or name.startswith(f"{alias}.") else f"{alias}.{name}"

    def _write_alias(self, node: Any) -> str:
        return self._write(node.expr)

    def _write_cast(self, node: Any) -> str:
        kind = node.type_str if node.WhichOneof("cast_to_type") == "type_str" else None
        if kind is None:
            from pyspark.sql.connect.types import proto_schema_to_pyspark_data_type

            kind = proto_schema_to_pyspark_data_type(node.type).simpleString()
        function = "TRY_CAST" if node.eval_mode == node.EVAL_MODE_TRY else "CAST"
        return f"{function}({self._write(node.expr)} AS {kind})"

    def _write_unresolved_extract_value(self, node: Any) -> str:
        return f"{self._write(node.child)}[{self._write(node.extraction)}]"

    def _write_call_function(self, node: Any) -> str:
        return f"{node.function_name}({', '.join(map(self._write, node.arguments))})"

    def _write_unresolved_function(self, node: Any) -> str:
        arguments = [self._write(each) for each in node.arguments]
        if node.function_name == "when":
            pairs = zip(arguments[::2], arguments[1::2], strict=False)
            branches = " ".join(f"WHEN {test} THEN {result}" for test, result in pairs)
            otherwise = f" ELSE {arguments[-1]}" if len(arguments) % 2 else ""
            return f"CASE {branches}{otherwise} END"
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


def write_literal(value: Any) -> str:
    """Return a value of Python as a literal of Spark's SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):  # which is a date too
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, Decimal):
        return f"{value:f}BD"
    if isinstance(value, float):
        return f"CAST('{value}' AS DOUBLE)"
    if isinstance(value, (bytes, bytearray)):
        return f"X'{value.hex()}'"
    return str(value) if isinstance(value, (bool, int)) else write_text(str(value))


def write_text(value: str) -> str:
    """Return a text as a literal of Spark's SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_rows(columns: dict[str, str] | list[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a query for rows.

    :param columns: with their types, or those of texts.
    """
    kinds = columns if isinstance(columns, dict) else dict.fromkeys(columns, "STRING")
    values = ", ".join(
        f"({', '.join(_write_value(*pair) for pair in zip(row, kinds.values(), strict=True))})"
        for row in rows
    )
    if not values:
        nulls = ", ".join(f"{_write_value(None, kind)} AS {name}" for name, kind in kinds.items())
        return f"SELECT {nulls} WHERE false"
    return f"SELECT * FROM VALUES {values} AS shown({', '.join(kinds)})"  # noqa: S608 (texts are quoted)


def _write_value(value: Any, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind == "STRING":
        return write_text(_to_text(value))
    if kind == "TIMESTAMP":
        return f"timestamp_millis({value}L)"
    if kind.startswith("ARRAY"):
        return f"CAST(array({', '.join(map(write_text, value))}) AS {kind})"
    if kind.startswith("MAP"):
        pairs = [write_text(_to_text(each)) for pair in value.items() for each in pair]
        return f"CAST(map({', '.join(pairs)}) AS {kind})"
    return f"CAST({write_text(_to_text(value))} AS {kind})"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
