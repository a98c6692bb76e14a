"""Parses the SQL of Databricks, to write it for DuckDB or Sail."""

from __future__ import annotations

import logging

import sqlglot
from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError

Tree = exp.Expr


class DatabricksDialect(Databricks):
    """Databricks as of runtime 17, where two quotes in a text are one."""

    class Tokenizer(Databricks.Tokenizer):
        STRING_ESCAPES = ["'", '"', "\\"]  # noqa: RUF012 (as in the base class)

    class Parser(Databricks.Parser):  # type: ignore[misc, valid-type]
        FUNCTIONS = {  # noqa: RUF012 (as in the base class)
            **Databricks.Parser.FUNCTIONS,
            # The base class takes the key for the map.
            "MAP_CONTAINS_KEY": lambda args: exp.ArrayContains(
                this=exp.MapKeys(this=args[0]), expression=args[1]
            ),
        }


class SailDialect(Databricks):
    """Databricks as Sail takes it: WITH may not stand before INSERT, to which sqlglot moves it."""

    class Generator(Databricks.Generator):  # type: ignore[misc, valid-type]
        EXPRESSIONS_WITHOUT_NESTED_CTES: frozenset[type[exp.Expr]] = frozenset()


# Its warnings about statements that it does not parse are errors here, with advice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse_one(text: str, dialect: type[Databricks] | str) -> Tree:
    """Parse one statement.

    :raises SqlglotError: it cannot be parsed, or there are others beside it.
    """
    found = [each for each in sqlglot.parse(text, read=dialect) if isinstance(each, exp.Expression)]
    # A comment behind the last semicolon is one of its own.
    trees = [each for each in found if not isinstance(each, exp.Semicolon)]
    if len(trees) != 1:
        raise SqlglotError(f"There are {len(trees)} statements in place of one.")
    return trees[0]


def name_of(table: Tree) -> list[str]:
    """Return the parts of the name of a table or a schema."""
    parts = (table.args.get(part) for part in ("catalog", "db", "this"))
    return [part.name for part in parts if isinstance(part, exp.Expression)]
