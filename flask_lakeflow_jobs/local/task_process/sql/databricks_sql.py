"""The SQL of Databricks as sqlglot reads it, to write it for DuckDB or Sail."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError

from ..sql_statements import replace_tokens
from .sql_advice import UnsupportedStatement

Tree = exp.Expr

_SOURCE = "lakeflow_source"
_DATE_PAIR = 2


def read_difference(arguments: list[Tree]) -> Tree:
    """Return a ``datediff``: without a unit, it counts midnights, and with DAY whole days."""
    if len(arguments) != _DATE_PAIR:
        read: Callable[[list[Tree]], Tree] = Databricks.Parser.FUNCTIONS["DATEDIFF"]
        return read(arguments)
    return exp.DateDiff(this=arguments[0], expression=arguments[1])


class DatabricksDialect(Databricks):
    """Databricks as of runtime 17, where two quotes in a text are one."""

    class Tokenizer(Databricks.Tokenizer):
        STRING_ESCAPES = ["'", '"', "\\"]  # noqa: RUF012 (as in the base class)

    class Parser(Databricks.Parser):  # type: ignore[misc, valid-type]
        FUNCTIONS: dict[str, Callable[..., Any]] = {  # noqa: RUF012 (as in the base class)
            **Databricks.Parser.FUNCTIONS,
            # The base class takes the key for the map.
            "MAP_CONTAINS_KEY": lambda args: exp.ArrayContains(
                this=exp.MapKeys(this=args[0]), expression=args[1]
            ),
            **dict.fromkeys(("DATEDIFF", "DATE_DIFF"), read_difference),
        }


class SailDialect(Databricks):
    """Databricks as Sail takes it: WITH may not stand before INSERT, to which sqlglot moves it.

    Functions of a user keep their case. The others have small letters, as names of columns have.
    """

    class Generator(Databricks.Generator):  # type: ignore[misc, valid-type]
        EXPRESSIONS_WITHOUT_NESTED_CTES: frozenset[type[exp.Expr]] = frozenset()
        TRANSFORMS = {  # noqa: RUF012 (as in the base class)
            key: write
            for key, write in Databricks.Generator.TRANSFORMS.items()
            # Its differences have a unit, and its percentiles are approximate ones.
            if key not in (exp.DateDiff, exp.WithinGroup)
        }

        def normalize_func(self, name: str) -> str:
            return name.lower() if name.isupper() else name


# Its warnings about statements that it does not parse are errors here, with advice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class NodeRule:
    """A change of the nodes of some kinds.

    :param change: returns what takes the place of a node; ``None`` to remove it.
    """

    def __init__(self, change: Callable[[Any], Tree | None], *kinds: type[Tree]) -> None:
        self._change = change
        self._kinds = kinds

    def apply(self, tree: Tree) -> Tree:
        """Replace the inner nodes first: ``transform`` leaves out what is in a replaced node."""
        for node in reversed(list(tree.dfs())):
            replaced = self._change(node) if isinstance(node, self._kinds) else node
            if replaced is node:
                continue
            if node is tree:
                tree = replaced or tree
            else:
                node.replace(replaced)
        return tree


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


def rewrite_text(text: str, rewrite: Callable[[exp.Expr], bool]) -> str:
    """Return an expression in SQL, or a list of them, as a rule writes it.

    :param rewrite: changes the query that selects the expression, and returns whether it did.
    """
    select = parse_one(f"SELECT {text}", DatabricksDialect)
    return ", ".join(map(write_sql, select.expressions)) if rewrite(select) else text


def write_sql(tree: Tree) -> str:
    """Return the SQL of a tree, as Sail takes it."""
    return tree.sql(SailDialect, normalize_functions=False, comments=False)


def fill(template: str, **values: Tree) -> Tree:
    """Return the tree of an expression of DuckDB, with copies of values in place of ``:name``."""

    def insert(node: Tree) -> Tree:
        value = values.get(node.name) if isinstance(node, exp.Placeholder) else None
        return node if value is None else value.copy()

    return _parse_template(template).transform(insert)


@cache
def _parse_template(template: str) -> Tree:
    return sqlglot.parse_one(template, read="duckdb")


def name_of(table: Tree) -> list[str]:
    """Return the parts of the name of a table or a schema."""
    parts = (table.args.get(part) for part in ("catalog", "db", "this"))
    return [part.name for part in parts if isinstance(part, exp.Expression)]


def name_paths(node: Tree) -> Tree:
    """Name the columns that read a path, such as ``column:a.b``, by its last key."""
    for each in list(node.expressions) if isinstance(node, exp.Select) else ():
        path = each
        while isinstance(path, exp.Cast):
            path = path.this
        if isinstance(path, exp.JSONExtract) and path.args.get("variant_extract"):
            keys = [key.name for key in path.expression.find_all(exp.JSONPathKey)]
            if keys:
                each.replace(exp.alias_(each.copy(), keys[-1], quoted=True))
    return node


def list_declared(declare: Tree) -> Iterator[tuple[list[str], Tree | None, Tree]]:
    """Yield the names of the variables that ``DECLARE`` creates, their type and their value."""
    for item in declare.expressions:
        kind, value = item.args.get("kind"), item.args.get("default") or exp.null()
        names = item.this if isinstance(item.this, list) else [item.this]
        yield [each.name for each in names], kind, exp.cast(value, kind) if kind else value.copy()


def read_assigned(item: exp.SetItem) -> tuple[list[str], Tree]:
    """Return the names of the variables that ``SET VAR`` assigns, and a query of their values."""
    target, value = item.this.this, item.this.expression
    if isinstance(target, exp.Tuple):
        return [each.name for each in target.expressions], value.unnest()
    return [target.name], exp.select(value.copy())


class Immediate:
    """The parts of ``EXECUTE IMMEDIATE``.

    :raises UnsupportedStatement: it is none.
    """

    def __init__(self, text: str) -> None:
        pieces = _split(text, ("INTO", "USING"))
        statement = re.sub(r"^\s*IMMEDIATE\s+", "", pieces[""], flags=re.IGNORECASE)
        self.statement = statement
        self.into = [
            each.strip(" `()") for each in pieces.get("INTO", "").split(",") if each.strip()
        ]
        using = pieces.get("USING", "").strip()
        if using.startswith("(") and using.endswith(")"):
            using = using[1:-1]
        self.using: list[Tree] = []
        if using:
            tree = sqlglot.parse_one(f"SELECT {using}", read="databricks")
            self.using = tree.expressions


def number_markers(statement: str, values: list[Any]) -> tuple[str, dict[str, Any]]:
    """Give names to the markers ``?`` of a statement.

    :return: the statement, and the values by name.
    """
    names = iter(range(len(values)))

    def name(token: re.Match[str]) -> str:
        if not token["mark"]:
            return token[0]
        if (number := next(names, None)) is None:
            raise ValueError(f"The statement needs more than {len(values)} values after USING.")
        return f":lakeflow_{number}"

    text = replace_tokens(statement, name)
    return text, {f"lakeflow_{number}": value for number, value in enumerate(values)}


def _split(text: str, words: tuple[str, ...]) -> dict[str, str]:
    """Split a text at words outside of texts and parentheses."""
    try:
        tokens = sqlglot.tokenize(text, dialect="databricks")
    except SqlglotError as error:
        raise UnsupportedStatement(text, error) from None
    depth = 0
    found: dict[str, str] = {}
    word, start = "", 0
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        is_text = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
        if depth == 0 and not is_text and token.text.upper() in words:
            found[word] = text[start : token.start]
            word, start = token.text.upper(), token.end + 1
    return {**found, word: text[start:]}


def drop_key(node: Tree) -> Tree | None:
    """Drop a key of a table, which Databricks does not enforce; a rule for the nodes of a tree."""
    keys = (exp.PrimaryKey, exp.ForeignKey, exp.PrimaryKeyColumnConstraint, exp.Reference)
    if isinstance(node, exp.Constraint):
        kept = [each for each in node.expressions if not isinstance(each, keys)]
        return node if kept and kept == node.expressions else None
    if isinstance(node, exp.ColumnConstraint):  # whose key may have been dropped already
        kind = node.args.get("kind")
        return None if kind is None or isinstance(kind, keys) else node
    return None if isinstance(node, keys) else node


def delete_rows(truncate: exp.TruncateTable) -> exp.Delete:
    """Write ``TRUNCATE TABLE``, perhaps with a partition, as a DELETE."""
    partition = truncate.args.get("partition")
    rows = exp.and_(*(each.copy() for each in partition.expressions)) if partition else None
    return exp.Delete(this=truncate.expressions[0], where=rows and exp.Where(this=rows))


def insert_partition(
    insert: exp.Insert, list_columns: Callable[[exp.Table], Iterable[str]]
) -> exp.Insert:
    """Write ``INSERT … PARTITION (…)`` as an INSERT of whole rows.

    The rows get the values of the partition, and replace only rows that have them.

    A column of the partition without a value comes last in the query.
    """
    table = insert.this.find(exp.Table)
    partition = table.args.get("partition") if table else None
    if partition is None:
        return insert
    table = table.copy()
    table.set("partition", None)
    values = [each for each in partition.expressions if isinstance(each, exp.EQ)]
    fixed = {each.this.name.lower(): each.expression for each in values}
    last = [each.name.lower() for each in partition.expressions if each not in values]
    columns = [exp.to_identifier(name, quoted=True) for name in list_columns(table)]
    given = [each for each in columns if each.name.lower() not in fixed]
    given.sort(key=lambda each: last.index(each.name.lower()) if each.name.lower() in last else -1)
    source = insert.expression
    source = source.copy() if isinstance(source, exp.Values) else exp.Subquery(this=source.copy())
    source.set("alias", exp.TableAlias(this=exp.to_identifier(_SOURCE), columns=given))
    row = [fixed.get(each.name.lower(), exp.column(each)).copy() for each in columns]
    insert.set("this", table)
    insert.set("expression", exp.Select(expressions=row, from_=exp.From(this=source)))
    if insert.args.get("overwrite") and values:
        insert.set("overwrite", False)
        insert.set("where", exp.and_(*(each.copy() for each in values)))
    return insert
