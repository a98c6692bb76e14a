"""Calls of functions in the plans of frames, as Sail has to compute them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyspark.sql.connect.expressions import LiteralExpression, UnresolvedNamedLambdaVariable
from pyspark.sql.connect.proto import Expression

from ...sql_syntax import NAME, split_name
from ..language.column_names import GENERATORS
from ..language.connect_plans import list_messages
from ..language.sail_calls import OF_TEXTS, correct_call

# Messages whose expressions are columns of the result, and have names.
_NAMED = ("Aggregate", "Project")
_DATE = re.compile(
    rf"\s*(?:CAST\s*\(\s*(?P<cast>{NAME})\s+AS\s+DATE\s*\)|(?P<short>{NAME})\s*::\s*DATE)\s*",
    re.IGNORECASE,
)
# Functions that have another correction over a window, or none.
_OVER = ("approx_percentile", "collect_list", "percentile_approx")
_SIGNS = ("%", "*", "+", "-", "/")
# Functions that have other names in Spark, and keep them on Sail.
_UNNAMED = (OF_TEXTS - {"initcap", "split"}) | GENERATORS
# Functions whose names Spark writes in capitals.
_CAPITALS = ("ceil", "exp", "floor", "log10", "log2", "power", "signum", "sqrt")


def correct_frame_calls(message: Any, parent: str = "") -> bool:
    """Change the calls of a message and of all below it; columns keep their names.

    :param parent: the type of the message above.
    :return: whether there are any.
    """
    kind = message.DESCRIPTOR.name
    name = find_name(message) if kind == "Expression" and parent in _NAMED else None
    # ``correct_texts`` changes such a text later.
    is_changed = bool(name) and message.HasField("expression_string")
    for each in list_messages(message):  # no comprehension: plans are as deep as Python allows
        if correct_frame_calls(each, kind):
            is_changed = True
    corrected = _correct(message, parent) if kind == "Expression" else None
    if corrected is not None:
        message.CopyFrom(corrected)
        is_changed = True
    if name and is_changed:
        name_column(message, name)
    return is_changed


def _correct(expression: Any, parent: str) -> Any:
    call = expression.unresolved_function
    name = call.function_name.lower()
    if name and not call.is_distinct and not (parent == "Window" and name in _OVER):
        return correct_call(FrameCalls(), name, call.arguments)
    cast = expression.cast
    if cast.type_str.lower() == "date" or cast.type.WhichOneof("kind") == "date":
        # It reads no date of a text that has a T.
        dated = Expression()
        dated.CopyFrom(expression)
        dated.cast.expr.CopyFrom(expression)
        dated.cast.expr.cast.type_str = "timestamp_ntz"
        return dated
    over = expression.window.window_function.unresolved_function
    if over.function_name == "collect_list" and not over.is_distinct:
        # It keeps NULL over a window.
        write = FrameCalls()
        return write.each("filter", expression, lambda each: write.call("isnotnull", each))
    return None


def name_column(expression: Any, name: str) -> None:
    """Give a column a name."""
    named = Expression()
    named.alias.expr.CopyFrom(expression)
    named.alias.name.append(name)
    expression.CopyFrom(named)


def find_name(expression: Any) -> str | None:
    """Return the name of a column, as Spark has it; ``None`` if Sail has the same."""
    if date := _DATE.fullmatch(expression.expression_string.expression):
        return split_name(date["cast"] or date["short"])[-1]
    for column in (expression, expression.cast.expr):
        if name := column.unresolved_attribute.unparsed_identifier:
            return split_name(name)[-1]
    return _write_name(expression)


def _write_name(expression: Any) -> str | None:
    """Return the name of a column that is a call, as Spark has it; ``None`` for another one."""
    if expression.WhichOneof("expr_type") == "literal":
        return str(LiteralExpression._to_value(expression.literal))
    if name := expression.unresolved_attribute.unparsed_identifier:
        return str(name)
    element = expression.unresolved_extract_value
    if element.child.HasField("unresolved_function"):
        return f"{_write_name(element.child)}[{_write_name(element.extraction)}]"
    call = expression.unresolved_function
    name, names = call.function_name, [_write_name(each) for each in call.arguments]
    if name in _SIGNS and len(names) == 2 and None not in names:
        return f"({names[0]} {name} {names[1]})"
    if not name.isidentifier() or name in _UNNAMED or call.is_distinct or None in names:
        return None
    written = name.upper() if name in _CAPITALS else name
    return f"{written}({', '.join(map(str, names))})"


class FrameCalls:
    """Writes expressions of Spark Connect."""

    def call(self, name: str, *arguments: Any) -> Any:
        written = Expression()
        written.unresolved_function.function_name = name
        for each in arguments:
            value = self.literal(each) if isinstance(each, int) else each
            written.unresolved_function.arguments.add().CopyFrom(value)
        return written

    def cast(self, value: Any, kind: str) -> Any:
        written = Expression()
        written.cast.expr.CopyFrom(value)
        written.cast.type_str = kind
        return written

    def try_cast(self, value: Any, kind: str) -> Any:
        written = self.cast(value, kind)
        written.cast.eval_mode = written.cast.EVAL_MODE_TRY
        return written

    def literal(self, value: str | int | None) -> Any:
        return LiteralExpression._from_value(value).to_plan(None)

    def unit(self, name: str) -> Any:
        return self.literal(name)

    def column(self, name: str) -> Any:
        written = Expression()
        written.unresolved_attribute.unparsed_identifier = name
        return written

    def each(self, name: str, array: Any, function: Callable[[Any], Any]) -> Any:
        """Write a call with a function of elements."""
        written, variable = self.call(name, array), Expression()
        unique = UnresolvedNamedLambdaVariable.fresh_var_name("x")
        variable.unresolved_named_lambda_variable.name_parts.append(unique)
        inner = written.unresolved_function.arguments.add().lambda_function
        inner.function.CopyFrom(function(variable))
        inner.arguments.add().CopyFrom(variable.unresolved_named_lambda_variable)
        return written

    def transform(self, array: Any, change: Callable[[Any], Any]) -> Any:
        return self.each("transform", array, change)

    def is_column(self, value: Any) -> bool:
        return bool(value.HasField("unresolved_attribute"))

    def read(self, value: Any, default: Any = "") -> Any:
        return LiteralExpression._to_value(value.literal) if value.HasField("literal") else default

    def read_array(self, value: Any) -> list[Any] | None:
        call = value.unresolved_function
        return list(call.arguments) if call.function_name == "array" else None
