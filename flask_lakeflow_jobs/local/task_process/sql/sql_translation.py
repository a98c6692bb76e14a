"""Translates a statement of Databricks to statements of DuckDB: sqlglot, and rules for the rest.

Pure. Each rule changes the tree that sqlglot has parsed.
"""

from __future__ import annotations

import duckdb
from sqlglot import exp

# Not by its name in the threads of dbt: sqlglot lists a dialect before it is complete.
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, SqlglotError

from ..sql_statements import find_skipped, remove_comments
from ..sql_syntax import match_syntax
from .catalogs import DATABASE
from .databricks_sql import NodeRule, Tree, drop_key, name_paths, parse_one
from .result_names import name_results
from .sql_advice import UnsupportedStatement
from .sql_expansion import expand
from .sql_files import FILE_RULES
from .sql_functions import FUNCTION_RULES
from .sql_rows import ROW_RULES
from .sql_times import PatternDialect

_SKIPPED_DROPS = "DROP (FEATURE | FOREIGN KEY | PRIMARY KEY)"
# sqlglot reads the first words of these as something else. They are for ``sql_commands``.
_COMMANDS = "<verb: CLEAR | DESC | DESCRIBE | EXECUTE | REORG | RESET | SHOW> <rest>"
# Columns are added as a query needs them, or the statement fails.
_EVOLVES = "(INSERT | MERGE) <part: WITH SCHEMA EVOLUTION>"
# DuckDB has comments of these only.
_COMMENTED = "COMMENT ON (COLUMN | TABLE | VIEW)"
# What to write in place of the last part of a syntax, for sqlglot.
_WRITTEN = {
    "CREATE (DATABASE | SCHEMA) [IF NOT EXISTS] <name> <rest>": "",  # where it is stored
    "CREATE … MATERIALIZED VIEW … <schedule>": "",  # it is always refreshed
    "CREATE … <part: DEEP CLONE>": "CLONE",
    "DROP <part: MATERIALIZED>": "",
    "<part: REPLACE> TABLE": "CREATE OR REPLACE",
    _EVOLVES: "",
}


def parse(statement: str) -> Tree:
    """Parse a statement of Databricks or, if it is none, of DuckDB.

    :raises UnsupportedStatement: it is neither.
    """
    text = remove_comments(statement)
    if find_skipped(text):
        return exp.Command(this="SKIP")
    if match := match_syntax(_COMMANDS, text):
        return exp.Command(this=match["verb"].upper(), expression=exp.Literal.string(match["rest"]))
    is_evolving = match_syntax(_EVOLVES, text) is not None
    if match := match_syntax("TABLE <name> $", text):
        text = f"SELECT * FROM {match['name']}"  # noqa: S608 (a name)
    for syntax, part in _WRITTEN.items():
        if match := match_syntax(syntax, text):
            start, end = match.span(str(match.lastgroup))
            text = text[:start] + part + text[end:]
    try:
        tree = parse_one(text, PatternDialect)
        tree.meta["evolution"] = is_evolving
        return tree
    except SqlglotError as error:
        try:
            return parse_one(text, "duckdb")
        except SqlglotError:
            raise UnsupportedStatement(statement, _describe(error)) from None


def translate(tree: Tree) -> list[str]:
    """Translate a parsed statement to statements of DuckDB, to be run in one transaction.

    Parameters ``:name`` become ``$name``. ``IDENTIFIER(…)``, ``USE`` and ``CREATE CATALOG`` need a
    connection: see ``run_sql.run_statement``.
    """
    for rule in (*_RULES, *FILE_RULES, *ROW_RULES, *FUNCTION_RULES):
        tree = rule.apply(tree)
    return [
        each.sql(DuckDB, unsupported_level=ErrorLevel.IGNORE, comments=False)
        for each in expand(tree)
    ]


def skipped_name(statement: str, tree: Tree) -> str | None:
    """Return the name of a statement that need not run here; ``None`` if it must."""
    if name := find_skipped(statement):
        return name
    bare = remove_comments(statement)
    if match_syntax("COMMENT ON", bare) and not match_syntax(_COMMENTED, bare):
        return "COMMENT ON"
    actions = tree.args.get("actions") if isinstance(tree, exp.Alter) else None
    return "ALTER" if actions and all(map(_is_skipped_action, actions)) else None


def _text_of(command: exp.Command) -> str:
    expression = command.args.get("expression")
    return f"{command.this} {getattr(expression, 'name', None) or expression or ''}"


def _is_skipped_action(action: Tree) -> bool:
    if isinstance(action, exp.AlterSet):
        return not action.args.get("location")
    if isinstance(action, exp.AddConstraint):
        return action.find(exp.CheckColumnConstraint) is None
    if isinstance(action, exp.Command):
        return match_syntax(_SKIPPED_DROPS, _text_of(action)) is not None
    return isinstance(action, exp.ClusterProperty)


def _describe(error: SqlglotError) -> Exception:
    for each in getattr(error, "errors", None) or ():
        if each.get("description"):
            return ValueError(f"{each['description']}, near {each['highlight']!r}")
    return ValueError(str(error).partition("\n")[0])


def _rename_main_catalog(node: Tree) -> Tree:
    """DuckDB allows no database to be called ``main``."""
    catalog = node.args.get("catalog")
    if isinstance(catalog, exp.Identifier) and catalog.name.lower() == "main":
        node.set("catalog", exp.to_identifier(DATABASE))
    # The name of a function: catalog, schema, and the call.
    path = node.this if isinstance(node, exp.Dot) else None
    is_name = isinstance(path, exp.Dot) and isinstance(node.expression, exp.Func)
    if path is not None and is_name and path.this.name.lower() == "main":
        path.set("this", exp.to_identifier(DATABASE))
    return node


def _refresh_by_replacing(node: exp.Create | exp.Drop) -> Tree:
    """A materialized view is always up to date, and a streaming table has all rows each time."""
    if isinstance(node, exp.Drop):
        node.set("materialized", False)
    elif node.kind in ("TABLE", "VIEW") and node.args.get("refresh"):
        node.set("refresh", False)
        node.set("replace", True)
    return node


def _read_global_views(node: exp.Table) -> Tree:
    """A global temporary view is one of the session, as there is no other session."""
    if node.db.lower() == "global_temp":
        node.set("db", None)
    return node


def _assign_bare_columns(node: exp.Update) -> Tree:
    """DuckDB takes no table in the name of a column that is assigned."""
    for each in node.expressions:
        if isinstance(each, exp.EQ) and isinstance(each.this, exp.Column):
            each.set("this", exp.column(each.this.this.copy()))
    return node


def _compute_columns(node: exp.ComputedColumnConstraint) -> Tree:
    """DuckDB needs parentheses around the expression of a generated column."""
    if not isinstance(node.this, exp.Paren):
        node.set("this", exp.paren(node.this.copy()))
    return node


def _clone_by_query(node: exp.Create) -> Tree:
    """A clone is a copy of the rows."""
    if isinstance(clone := node.args.get("clone"), exp.Clone):
        node.set("expression", exp.select("*").from_(clone.this.copy()))
        node.set("clone", None)
    return node


def _default_parameters(node: exp.UserDefinedFunction) -> Tree:
    """The default of a parameter of a function follows ``:=`` in DuckDB."""
    for column in node.find_all(exp.ColumnDef):
        if duckdb.__version__.startswith("1."):  # which keeps no types of parameters in files
            column.set("kind", None)
        for each in column.find_all(exp.DefaultColumnConstraint):
            text = f"{column.this.sql(DuckDB)} := {each.this.sql(DuckDB)}"
            column.replace(exp.Var(this=text))
    return node


def _call_databases_schemas(node: exp.Create | exp.Drop) -> Tree:
    """A schema may be called a database."""
    if node.args.get("kind") == "DATABASE":
        node.set("kind", "SCHEMA")
    return node


def _read_paths_as_texts(node: exp.JSONExtract) -> Tree:
    """``column:path`` is a text on Databricks, and JSON with its quotes in DuckDB."""
    if node.args.get("variant_extract"):
        return exp.JSONExtractScalar(this=node.this, expression=node.expression)
    return node


def _drop_time_zones(node: exp.DataType) -> Tree:
    """A timestamp of Databricks is shown in the zone of the session, which is UTC."""
    is_zoned = node.this in (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ)
    return exp.DataType.build("timestamp") if is_zoned else node


def _size_decimals(node: exp.DataType) -> Tree:
    """A decimal without a size has 10 digits, and 18 with 3 of them behind the point in DuckDB."""
    is_bare = node.this == exp.DataType.Type.DECIMAL and not node.expressions
    return exp.DataType.build("decimal(10, 0)") if is_bare else node


def _name_column_of_range(node: exp.Table) -> Tree:
    """The column of ``range()`` is ``id`` on Databricks, and ``range`` in DuckDB."""
    if not isinstance(node.this, exp.Anonymous):
        return node
    query = node.find_ancestor(exp.Query)
    is_duckdb = query is not None and any(
        column.name.lower() == "range" for column in query.find_all(exp.Column)
    )
    if node.this.name.lower() == "range" and not is_duckdb:
        columns = [exp.to_identifier(each) for each in node.alias_column_names or ["id"]]
        name = exp.to_identifier(node.alias or "range")
        node.set("alias", exp.TableAlias(this=name, columns=columns))
    return node


_RULES: tuple[NodeRule, ...] = (
    NodeRule(name_paths, exp.Select),
    NodeRule(name_results, exp.Select),
    NodeRule(_rename_main_catalog, exp.Table, exp.Column, exp.Dot),
    NodeRule(_refresh_by_replacing, exp.Create, exp.Drop),
    NodeRule(_read_global_views, exp.Table),
    NodeRule(_assign_bare_columns, exp.Update),
    NodeRule(_compute_columns, exp.ComputedColumnConstraint),
    NodeRule(_clone_by_query, exp.Create),
    NodeRule(_default_parameters, exp.UserDefinedFunction),
    NodeRule(_call_databases_schemas, exp.Create, exp.Drop),
    NodeRule(drop_key, exp.Expr),
    NodeRule(_read_paths_as_texts, exp.JSONExtract),
    NodeRule(_drop_time_zones, exp.DataType),
    NodeRule(_size_decimals, exp.DataType),
    NodeRule(_name_column_of_range, exp.Table),
)
