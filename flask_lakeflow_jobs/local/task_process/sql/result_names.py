"""The names that Databricks gives to columns of a query without an alias."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from .databricks_sql import SailDialect, Tree

# Functions whose names Spark writes in capitals.
_CAPITALS = frozenset({"CEIL", "EXP", "FLOOR", "SQRT"})
_NAMED = (exp.Func, exp.Binary, exp.Unary)
# Their names come from ``sql_rows``, or are too long for anyone to read a column by them.
_OTHERS = (exp.Explode, exp.Posexplode, exp.Query, exp.UDTF, exp.Window)


def name_results(select: exp.Select) -> Tree:
    """Name the calls and calculations that a query selects, such as ``count(1)``.

    Else DuckDB names them after its own functions.
    """
    for each in list(select.expressions):
        if (name := find_result_name(each)) is not None:
            each.replace(exp.alias_(each.copy(), name, quoted=True))
    return select


def find_result_name(column: Tree) -> str | None:
    """Return the name of a call or a calculation; ``None`` for another column."""
    if not isinstance(column, _NAMED) or isinstance(column, exp.Dot) or column.find(*_OTHERS):
        return None
    if isinstance(column, exp.Cast) and isinstance(column.this, exp.Column):
        return str(column.this.name)
    return str(_Names().generate(column))


class _Names(SailDialect.Generator):
    """Writes an expression as Spark names it: with parentheses, and without quotes."""

    def __init__(self) -> None:
        super().__init__(normalize_functions=False, comments=False)

    def normalize_func(self, name: str) -> str:
        return name.upper() if name.upper() in _CAPITALS else name.lower()

    def binary(self, expression: exp.Binary, op: str) -> str:
        if isinstance(expression, exp.Is) or expression.args.get("negate"):  # it changes the sign
            return f"({super().binary(expression, op)})"
        return f"({self.sql(expression, 'this')} {op} {self.sql(expression, 'expression')})"

    def mod_sql(self, expression: exp.Mod) -> str:
        return self.binary(expression, "%")

    def connector_sql(
        self, expression: exp.Connector, op: str, stack: list[Any] | None = None
    ) -> str:
        return self.binary(expression, op)

    def dpipe_sql(self, expression: exp.DPipe) -> str:
        return str(self.func("concat", *expression.flatten()))

    def not_sql(self, expression: exp.Not) -> str:
        return f"({super().not_sql(expression)})"

    def neg_sql(self, expression: exp.Neg) -> str:
        value = self.sql(expression, "this")
        return f"-{value}" if isinstance(expression.this, exp.Literal) else f"(- {value})"

    def boolean_sql(self, expression: exp.Boolean) -> str:
        return str(super().boolean_sql(expression)).lower()

    def paren_sql(self, expression: exp.Paren) -> str:
        return str(self.sql(expression, "this"))

    def literal_sql(self, expression: exp.Literal) -> str:
        return str(expression.name)

    def column_sql(self, expression: exp.Column) -> str:
        return str(expression.name)

    def star_sql(self, expression: exp.Star) -> str:
        return "1"  # of count(*)

    def datediff_sql(self, expression: exp.DateDiff) -> str:
        unit = expression.text("unit").upper()
        if not unit:
            return str(self.func("datediff", expression.this, expression.expression))
        return str(self.func("timestampdiff", unit, expression.expression, expression.this))

    def currentdate_sql(self, expression: exp.CurrentDate) -> str:
        return "current_date()"
