"""Translates a statement of Databricks to statements of DuckDB: sqlglot, and rules for the rest.

Pure. Each rule changes the tree that sqlglot has parsed.
"""

from __future__ import annotations

import logging
import re

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import ErrorLevel, SqlglotError

from .sql_advice import UnsupportedStatement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Tree = exp.Expression

#: The catalog ``main`` in DuckDB, which allows no database of this name.
MAIN_CATALOG = "warehouse"

# These change permissions, statistics, caches or the layout of files, and no result.
_SKIPPED = (exp.Grant, exp.Revoke, exp.Analyze, exp.Cache, exp.Uncache, exp.Refresh, exp.Comment)
_SKIPPED_COMMANDS = re.compile(
    r"\s*(OPTIMIZE|VACUUM|GRANT|REVOKE|ANALYZE|REFRESH|CACHE|UNCACHE|CLEAR\s+CACHE|COMMENT\s+ON"
    r"|REORG|FSCK|MSCK|DENY|ALTER\b.*\bOWNER\s+TO|ALTER\b.*\b(?:UN)?SET\s+TAGS)\b",
    re.IGNORECASE | re.DOTALL,
)
_SKIPPED_ACTIONS = (exp.AlterSet, exp.ClusterProperty, exp.AddConstraint)
_NAMESPACE = re.compile(
    r"(\s*CREATE\s+(?:SCHEMA|DATABASE)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?!IF\s)(?:`[^`]+`|[\w-]+)(?:\.(?:`[^`]+`|[\w-]+))?)\s+\w",
    re.IGNORECASE,
)
_SHOW = re.compile(
    r"(TABLES|VIEWS|SCHEMAS|DATABASES|CATALOGS)(?:\s+(?:IN|FROM)\s+(\S+))?\s*$", re.IGNORECASE
)
_LISTS = {
    "TABLES": "table_name AS tableName FROM information_schema.tables WHERE true",
    "VIEWS": "table_name AS viewName FROM information_schema.tables WHERE table_type = 'VIEW'",
    "SCHEMAS": "schema_name AS databaseName FROM information_schema.schemata WHERE true",
}
_SOURCE = "lakeflow_source"


class _Dialect(Databricks):
    """Databricks as of runtime 17, where two quotes in a text are one."""

    class Tokenizer(Databricks.Tokenizer):
        STRING_ESCAPES = ["'", '"', "\\"]  # noqa: RUF012 (as in the base class)


# Its warnings about statements that it does not parse are errors here, with advice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse(statement: str) -> Tree:
    """Parse a statement of Databricks or, if it is none, of DuckDB.

    :raises UnsupportedStatement: it is neither.
    """
    # Databricks' options of a schema say where it is stored.
    text = match[1] if (match := _NAMESPACE.match(statement)) else statement
    try:
        return _parse_one(text, _Dialect)
    except SqlglotError as error:
        try:
            return _parse_one(text, "duckdb")
        except SqlglotError:
            raise UnsupportedStatement(statement, _describe(error)) from None


def translate(tree: Tree) -> list[str]:
    """Translate a parsed statement to statements of DuckDB, to be run in one transaction."""
    for rule in _RULES:
        tree = tree.transform(rule) or tree
    if isinstance(tree, exp.Command) and tree.name.upper() == "SHOW":
        tree = _translate_show(tree)
    return [
        each.sql("duckdb", unsupported_level=ErrorLevel.IGNORE, comments=False)
        for each in _expand(tree)
    ]


def to_duckdb(statement: str) -> list[str]:
    """Translate one statement of Databricks to statements of DuckDB.

    Parameters ``:name`` become ``$name``. ``IDENTIFIER(…)``, ``USE`` and ``CREATE CATALOG`` need a
    connection: see ``run_statement`` of ``sql``.

    :raises UnsupportedStatement: it is no SQL.
    """
    return translate(parse(statement))


def is_skipped(tree: Tree) -> bool:
    """Return whether a statement changes no result here, so that it need not run."""
    if isinstance(tree, exp.Cache):
        return tree.expression is None  # with AS, it defines a view
    if isinstance(tree, exp.Alter):
        actions = tree.args.get("actions") or []
        return bool(actions) and all(map(_is_skipped_action, actions))
    if isinstance(tree, exp.Command):
        return bool(_SKIPPED_COMMANDS.match(_text_of(tree)))
    return isinstance(tree, _SKIPPED)


def skipped_name(tree: Tree) -> str:
    """Return the name of a statement that is skipped, such as ``OPTIMIZE``."""
    text = _text_of(tree) if isinstance(tree, exp.Command) else type(tree).__name__
    return text.split()[0].upper()


def find_identifiers(statement: str) -> list[tuple[int, int, str]]:
    """Find each ``IDENTIFIER(…)``: its start, its end and the expression inside."""
    found = []
    try:
        tokens = sqlglot.tokenize(statement, dialect=_Dialect)
    except SqlglotError:
        return []
    for index, token in enumerate(tokens[:-1]):
        is_name = token.token_type == TokenType.VAR and token.text.upper() == "IDENTIFIER"
        if not is_name or tokens[index + 1].token_type != TokenType.L_PAREN:
            continue
        depth = 0
        for other in tokens[index + 1 :]:
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(other.token_type, 0)
            if depth == 0:
                inside = statement[tokens[index + 1].end + 1 : other.start]
                found.append((token.start, other.end + 1, inside))
                break
    return found


def name_of(table: Tree) -> list[str]:
    """Return the parts of the name of a table or a schema."""
    parts = (table.args.get(part) for part in ("catalog", "db", "this"))
    return [part.name for part in parts if isinstance(part, exp.Expression)]


def find_created(tree: Tree) -> Tree | None:
    """Return the name of what a CREATE statement creates."""
    if not isinstance(tree, exp.Create):
        return None
    return tree.this if isinstance(tree.this, exp.Table) else tree.this.find(exp.Table)


def _parse_one(text: str, dialect: type[Databricks] | str) -> Tree:
    found = [each for each in sqlglot.parse(text, read=dialect) if isinstance(each, exp.Expression)]
    # A comment behind the last semicolon is one of its own.
    trees = [each for each in found if not isinstance(each, exp.Semicolon)]
    if len(trees) != 1:
        raise SqlglotError(f"There are {len(trees)} statements in place of one.")
    return trees[0]


def _text_of(command: exp.Command) -> str:
    expression = command.args.get("expression")
    return f"{command.this} {getattr(expression, 'name', None) or expression or ''}"


def _is_skipped_action(action: Tree) -> bool:
    if isinstance(action, exp.AlterColumn):
        return action.args.get("comment") is not None
    return isinstance(action, _SKIPPED_ACTIONS)


def _describe(error: SqlglotError) -> Exception:
    for each in getattr(error, "errors", None) or ():
        if each.get("description"):
            return ValueError(f"{each['description']}, near {each['highlight']!r}")
    return ValueError(str(error).partition("\n")[0])


def _rename_main_catalog(node: Tree) -> Tree:
    """DuckDB allows no database to be called ``main``."""
    catalog = node.args.get("catalog") if isinstance(node, (exp.Table, exp.Column)) else None
    if isinstance(catalog, exp.Identifier) and catalog.name.lower() == "main":
        node.set("catalog", exp.to_identifier(MAIN_CATALOG))
    return node


def _refresh_by_replacing(node: Tree) -> Tree:
    """A materialized view is a view, which is always up to date."""
    if isinstance(node, exp.Create) and node.kind == "VIEW" and node.args.get("refresh"):
        node.set("refresh", False)
        node.set("replace", True)
    if isinstance(node, exp.Drop):
        node.set("materialized", False)
    return node


def _call_databases_schemas(node: Tree) -> Tree:
    """A schema may be called a database."""
    if isinstance(node, (exp.Create, exp.Drop)) and node.args.get("kind") == "DATABASE":
        node.set("kind", "SCHEMA")
    return node


def _drop_informational_keys(node: Tree) -> Tree | None:
    """Databricks enforces no keys of a table."""
    keys = (exp.PrimaryKey, exp.ForeignKey, exp.PrimaryKeyColumnConstraint, exp.Reference)
    if isinstance(node, exp.Constraint):
        return None if any(isinstance(each, keys) for each in node.expressions) else node
    if isinstance(node, exp.ColumnConstraint) and isinstance(node.args.get("kind"), keys):
        return None
    return None if isinstance(node, keys) else node


def _read_paths_as_texts(node: Tree) -> Tree:
    """``column:path`` is a text on Databricks, and JSON with its quotes in DuckDB."""
    if isinstance(node, exp.JSONExtract) and node.args.get("variant_extract"):
        return exp.JSONExtractScalar(this=node.this, expression=node.expression)
    return node


def _keep_dates(node: Tree) -> Tree:
    """A date and days are a date on Databricks, and a timestamp in DuckDB."""
    is_date = isinstance(node.parent, exp.Cast) and node.parent.to.this == exp.DataType.Type.DATE
    if isinstance(node, (exp.TsOrDsAdd, exp.AddMonths)) and not is_date:
        return exp.cast(node.copy(), "date")
    return node


def _drop_time_zones(node: Tree) -> Tree:
    """A timestamp of Databricks is shown in the zone of the session, which is UTC."""
    if isinstance(node, exp.DataType) and node.this in (
        exp.DataType.Type.TIMESTAMPTZ,
        exp.DataType.Type.TIMESTAMPLTZ,
    ):
        return exp.DataType.build("timestamp")
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
    _call_databases_schemas,
    _drop_informational_keys,
    _read_paths_as_texts,
    _keep_dates,
    _drop_time_zones,
    _name_column_of_range,
)


def _translate_show(command: exp.Command) -> Tree:
    """``SHOW … IN`` of Databricks, as a query."""
    match = _SHOW.match(_text_of(command).partition(" ")[2].strip())
    if not match:
        return command
    kind = match[1].upper().replace("DATABASES", "SCHEMAS")
    if kind == "CATALOGS":
        query = "SELECT database_name AS catalog FROM duckdb_databases() WHERE NOT internal"
        return _parse_one(query, "duckdb")
    names = match[2].replace("`", "").split(".") if match[2] else []
    if kind == "SCHEMAS":
        catalog, schema = (names or [""])[0], ""
    else:
        catalog, schema = ["", *names][-2:] if names else ("", "")
    catalog = MAIN_CATALOG if catalog.lower() == "main" else catalog
    prefix = "catalog_name" if kind == "SCHEMAS" else "table_catalog"
    query = f"SELECT {_LISTS[kind]} AND {prefix} = " + (
        _quote(catalog) if catalog else "current_catalog()"
    )
    if kind != "SCHEMAS":
        query += f" AND table_schema = {_quote(schema) if schema else 'current_schema()'}"
    return _parse_one(query + " ORDER BY 1", "duckdb")


def _quote(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")


def _expand(tree: Tree) -> list[Tree]:
    """Return the statements that do the work of one which DuckDB lacks."""
    if isinstance(tree, exp.Insert) and (tree.args.get("overwrite") or tree.args.get("where")):
        return _expand_overwrite(tree)
    if isinstance(tree, exp.Create) and tree.find(exp.GeneratedAsIdentityColumnConstraint):
        return _expand_identity(tree)
    return [tree]


def _expand_overwrite(insert: exp.Insert) -> list[Tree]:
    """Delete the rows that an INSERT replaces. Its query may read them, so it runs first."""
    target = insert.this.find(exp.Table)
    if target is None or insert.this.find(exp.Partition):
        return [insert]
    source = exp.to_table(_SOURCE)
    query = insert.expression
    where = insert.args.get("where")
    insert.set("overwrite", False)
    insert.set("where", None)
    insert.set("expression", exp.select("*").from_(source.copy()))
    delete = exp.Delete(this=target.copy(), where=where and exp.Where(this=where.copy()))
    properties = exp.Properties(expressions=[exp.TemporaryProperty()])
    create = exp.Create(
        this=source.copy(), kind="TABLE", replace=True, expression=query, properties=properties
    )
    return [create, delete, insert, exp.Drop(tables=[source.copy()], kind="TABLE")]


def _expand_identity(create: exp.Create) -> list[Tree]:
    """Number the rows by a sequence: DuckDB has no identity columns."""
    table = find_created(create)
    statements: list[Tree] = []
    for column in list(create.find_all(exp.ColumnDef)):
        for constraint in column.args.get("constraints") or []:
            kind = constraint.args.get("kind")
            if not isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) or table is None:
                continue
            sequence = table.copy()
            sequence.set("this", exp.to_identifier(f"{table.name}_{column.name}_sequence"))
            start, step = kind.args.get("start"), kind.args.get("increment")
            text = f"CREATE SEQUENCE IF NOT EXISTS {sequence.sql('duckdb', identify=True)}"
            text += f" START {start.sql('duckdb')}" if start else ""
            text += f" INCREMENT {step.sql('duckdb')}" if step else ""
            statements.append(exp.Command(this=text))
            name = exp.Literal.string(sequence.sql("duckdb", identify=True))
            default = exp.DefaultColumnConstraint(this=exp.func("nextval", name))
            constraint.set("kind", default)
    return [*statements, create]
