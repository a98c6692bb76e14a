"""Translates a statement of Databricks to statements of DuckDB: sqlglot, and rules for the rest.

Pure. Each rule changes the tree that sqlglot has parsed.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from ..sql_statements import find_skipped, remove_comments
from ..sql_syntax import match_syntax
from .catalogs import DATABASE
from .databricks_sql import drop_key, name_paths, parse_one
from .sql_advice import UnsupportedStatement
from .sql_expansion import expand
from .sql_files import FILE_RULES
from .sql_functions import FUNCTION_RULES
from .sql_rows import ROW_RULES
from .sql_times import PatternDialect

Tree = exp.Expr

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
        tree = _apply(rule, tree)
    return [
        each.sql("duckdb", unsupported_level=ErrorLevel.IGNORE, comments=False)
        for each in expand(tree)
    ]


def _apply(rule: Callable[[Tree], Tree | None], tree: Tree) -> Tree:
    """Replace the inner nodes first: ``transform`` leaves out what is in a replaced node."""
    for node in reversed(list(tree.dfs())):
        replaced = rule(node)
        if replaced is node:
            continue
        if node is tree:
            tree = replaced or tree
        else:
            node.replace(replaced)
    return tree


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
    catalog = node.args.get("catalog") if isinstance(node, (exp.Table, exp.Column)) else None
    if isinstance(catalog, exp.Identifier) and catalog.name.lower() == "main":
        node.set("catalog", exp.to_identifier(DATABASE))
    # The name of a function: catalog, schema, and the call.
    path = node.this if isinstance(node, exp.Dot) else None
    is_name = isinstance(path, exp.Dot) and isinstance(node.expression, exp.Func)
    if path is not None and is_name and path.this.name.lower() == "main":
        path.set("this", exp.to_identifier(DATABASE))
    return node


def _refresh_by_replacing(node: Tree) -> Tree:
    """A materialized view is a view, which is always up to date."""
    if isinstance(node, exp.Create) and node.kind == "VIEW" and node.args.get("refresh"):
        node.set("refresh", False)
        node.set("replace", True)
    if isinstance(node, exp.Drop):
        node.set("materialized", False)
    return node


def _read_global_views(node: Tree) -> Tree:
    """A global temporary view is one of the session, as there is no other session."""
    if isinstance(node, exp.Table) and node.db.lower() == "global_temp":
        node.set("db", None)
    return node


def _assign_bare_columns(node: Tree) -> Tree:
    """DuckDB takes no table in the name of a column that is assigned."""
    if isinstance(node, exp.Update):
        for each in node.expressions:
            if isinstance(each, exp.EQ) and isinstance(each.this, exp.Column):
                each.set("this", exp.column(each.this.this.copy()))
    return node


def _compute_columns(node: Tree) -> Tree:
    """DuckDB needs parentheses around the expression of a generated column."""
    if isinstance(node, exp.ComputedColumnConstraint) and not isinstance(node.this, exp.Paren):
        node.set("this", exp.paren(node.this.copy()))
    return node


def _clone_by_query(node: Tree) -> Tree:
    """A clone is a copy of the rows."""
    if isinstance(node, exp.Create) and isinstance(clone := node.args.get("clone"), exp.Clone):
        node.set("expression", exp.select("*").from_(clone.this.copy()))
        node.set("clone", None)
    return node


def _default_parameters(node: Tree) -> Tree:
    """The default of a parameter of a function follows ``:=`` in DuckDB."""
    if isinstance(node, exp.UserDefinedFunction):
        for column in node.find_all(exp.ColumnDef):
            if duckdb.__version__.startswith("1."):  # which keeps no types of parameters in files
                column.set("kind", None)
            for each in column.find_all(exp.DefaultColumnConstraint):
                text = f"{column.this.sql('duckdb')} := {each.this.sql('duckdb')}"
                column.replace(exp.Var(this=text))
    return node


def _call_databases_schemas(node: Tree) -> Tree:
    """A schema may be called a database."""
    if isinstance(node, (exp.Create, exp.Drop)) and node.args.get("kind") == "DATABASE":
        node.set("kind", "SCHEMA")
    return node


def _read_paths_as_texts(node: Tree) -> Tree:
    """``column:path`` is a text on Databricks, and JSON with its quotes in DuckDB."""
    if isinstance(node, exp.JSONExtract) and node.args.get("variant_extract"):
        return exp.JSONExtractScalar(this=node.this, expression=node.expression)
    return node


def _drop_time_zones(node: Tree) -> Tree:
    """A timestamp of Databricks is shown in the zone of the session, which is UTC."""
    if isinstance(node, exp.DataType) and node.this in (
        exp.DataType.Type.TIMESTAMPTZ,
        exp.DataType.Type.TIMESTAMPLTZ,
    ):
        return exp.DataType.build("timestamp")
    return node


def _size_decimals(node: Tree) -> Tree:
    """A decimal without a size has 10 digits, and 18 with 3 of them behind the point in DuckDB."""
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.DECIMAL:
        return node if node.expressions else exp.DataType.build("decimal(10, 0)")
    return node


def _name_column_of_range(node: Tree) -> Tree:
    """The column of ``range()`` is ``id`` on Databricks, and ``range`` in DuckDB."""
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Anonymous):
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


_RULES: tuple[Callable[[Tree], Tree | None], ...] = (
    _rename_main_catalog,
    _refresh_by_replacing,
    _read_global_views,
    _assign_bare_columns,
    _compute_columns,
    _clone_by_query,
    _default_parameters,
    _call_databases_schemas,
    drop_key,
    name_paths,
    _read_paths_as_texts,
    _drop_time_zones,
    _size_decimals,
    _name_column_of_range,
)
