"""Statements of Databricks that need more than a translation: the catalogs, or the session."""

# ruff: noqa: S608  # names are quoted
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlglot
from sqlglot import exp

from ..sql_syntax import match_syntax
from .catalogs import (
    create_catalog,
    drop_catalog,
    prepare_create,
    quote_in_duckdb,
    transaction,
    use,
)
from .databricks_sql import Tree, insert_partition, name_of, read_assigned
from .sql_advice import UnsupportedStatement
from .sql_expansion import find_created, find_several_matches, name_merged_columns, sequence_of
from .sql_session import assign_session_variables, declare_variables, drop_variable
from .sql_show import describe, describe_query, duckdb_path, show_objects
from .sql_translation import parse, translate

Evaluate = Callable[[Tree], tuple[Any, ...]]

# DuckDB would look for tables of these names.
_UNKNOWN = ("ALL FUNCTIONS", "FUNCTIONS", "SYSTEM FUNCTIONS", "USER FUNCTIONS", "VOLUMES")
_DROPPED_CATALOG = "DROP CATALOG [IF EXISTS] <column> [RESTRICT] [<clause: CASCADE>] $"
_OLD = "lakeflow_old"
_FILE_FORMATS = {"AVRO", "CSV", "JSON", "ORC", "PARQUET", "TEXT"}
_IS_TABLE = "database_name = $1 AND schema_name = $2 AND lower(table_name) = lower($3)"
# What DuckDB does not do in ALTER, but in CREATE.
_REBUILT = (exp.CheckColumnConstraint, exp.ColumnPosition)


class Commands:
    """Runs what is no query and no change of rows.

    :param evaluate: runs a query, and returns its first row.
    :param parameters: of the task; ``CREATE WIDGET`` adds to them.
    """

    def __init__(self, database: Any, evaluate: Evaluate, parameters: dict[str, Any]) -> None:
        self._database = database
        self._evaluate = evaluate
        self._parameters = parameters

    def run(self, statement: str, tree: Tree) -> tuple[bool, Any]:
        """Return whether the statement has run, and the connection if it has a result."""
        database = self._database
        if isinstance(tree, exp.Use):
            self._use(tree)
        elif isinstance(tree, exp.Declare):
            declare_variables(database, tree, self._evaluate)
        elif isinstance(tree, exp.Set):
            return self._set(tree), None
        elif isinstance(tree, exp.Command):
            return self._run_command(statement, tree)
        elif isinstance(tree, exp.Alter):
            return self._alter(statement, tree), None
        else:
            return False, None
        return True, None

    def prepare(self, tree: Tree) -> None:
        """Create the catalog and the schema that a statement needs; name the columns of rows.

        :raises UnsupportedStatement: it creates what DuckDB would take for something else.
        """
        if isinstance(tree, exp.Create):
            _check_created(tree)
        if (created := find_created(tree)) is not None:
            kind = str(tree.args["kind"])
            prepare_create(self._database, kind, name_of(created))
            if kind in ("TABLE", "VIEW") and not self._list_columns(created):
                tree.set("exists", False)  # then it has comments, in statements of their own
        if isinstance(tree, exp.Insert):
            insert_partition(tree, self._list_columns)
        if isinstance(tree, exp.Merge):
            if (query := find_several_matches(tree)) is not None:
                self._evaluate(query)
            name_merged_columns(tree, self._list_columns)

    def clean_up(self, tree: Tree) -> None:
        """Drop the sequences of the identity columns of a table that is dropped."""
        if not isinstance(tree, exp.Drop) or tree.args.get("kind") != "TABLE":
            return
        for table in tree.args["tables"]:
            *path, name = duckdb_path(self._database, name_of(table))
            query = (
                "SELECT sequence_name FROM duckdb_sequences() WHERE database_name = $1 AND "
                "schema_name = $2 AND starts_with(sequence_name, $3) AND "
                "ends_with(sequence_name, $4)"
            )
            start, _, end = sequence_of(name, "\0").partition("\0")
            for (sequence,) in self._database.execute(query, [*path, start, end]).fetchall():
                self._database.execute(f"DROP SEQUENCE {quote_in_duckdb([*path, sequence])}")

    def _use(self, tree: exp.Use) -> None:
        is_catalog = tree.text("kind").upper() == "CATALOG"
        if isinstance(tree.this.this, exp.Placeholder):
            names = str(self._evaluate(tree.this.this)[0]).split(".")
        else:
            names = name_of(tree.this)
        use(self._database, is_catalog=is_catalog, names=names)

    def _set(self, tree: exp.Set) -> bool:
        """Set variables; skip settings of Databricks."""
        for item in tree.expressions:
            if str(item.args.get("kind") or "").upper() in ("VARIABLE", "VAR"):
                names, values = read_assigned(item)
                assign_session_variables(self._database, names, self._evaluate(values))
                return True
            name = item.this.this.sql() if isinstance(item.this, exp.EQ) else item.this.sql()
            query = "SELECT count(*) > 0 FROM duckdb_settings() WHERE lower(name) = lower($1)"
            if not self._database.execute(query, [name]).fetchone()[0]:
                print(f"SET {name} is skipped: it has no effect in the local workspace.")
                return True
        return False

    def _run_command(self, statement: str, tree: exp.Command) -> tuple[bool, Any]:
        word, text = tree.name.upper(), tree.text("expression") or str(tree.expression)
        result = None
        if word == "SHOW":
            result = show_objects(self._database, text)
            if result is None and text.upper().startswith(_UNKNOWN):
                raise UnsupportedStatement(statement, ValueError("nothing to show"))
        elif word in ("DESCRIBE", "DESC"):
            if (match := match_syntax("[QUERY] <query>", text)) is None:
                result = describe(self._database, text)
            else:
                (translated,) = translate(parse(match["query"]))
                self._database.create_macros(translated)
                result = describe_query(self._database, translated)
        elif match := match_syntax(_DROPPED_CATALOG, f"{word} {text}"):
            name = match["column"].strip("`")
            drop_catalog(self._database, name, is_cascade=bool(match["clause"]))
            return True, None
        elif match := match_syntax("CREATE CATALOG [IF NOT EXISTS] <column>", f"{word} {text}"):
            create_catalog(self._database, match["column"].strip("`"))
            return True, None
        elif match := match_syntax("WIDGET <column> <name> DEFAULT <text>", text):
            self._parameters.setdefault(match["name"], match["text"])
            return True, None
        elif word == "DROP":
            return drop_variable(self._database, f"DROP {text}"), None
        return result is not None, result

    def _alter(self, statement: str, tree: exp.Alter) -> bool:
        """Alter a table by creating it again, where DuckDB cannot alter it."""
        actions = tree.args.get("actions") or []
        for action in actions:
            if isinstance(action, exp.AlterSet):
                raise UnsupportedStatement(statement, ValueError("a location"))
            if isinstance(action, exp.Drop) and action.args.get("kind") == "CONSTRAINT":
                self._check_no_checks(statement, tree)
                return True
        if tree.find(*_REBUILT) is None:
            return False
        self._rebuild(statement, tree, actions)
        return True

    def _rebuild(self, statement: str, tree: exp.Alter, actions: list[Tree]) -> None:
        path = self._path(tree.this)
        query = f"SELECT sql FROM duckdb_tables() WHERE {_IS_TABLE}"
        found = self._database.execute(query, path).fetchone()
        if found is None:
            raise UnsupportedStatement(statement, ValueError("there is no such table"))
        create = sqlglot.parse_one(found[0], read="duckdb")
        columns = [each for each in create.this.expressions if isinstance(each, exp.ColumnDef)]
        kept = [each.name for each in columns if not each.find(exp.ComputedColumnConstraint)]
        table, names = quote_in_duckdb(path), ", ".join(quote_in_duckdb([each]) for each in kept)
        query = f"SELECT column_name, comment FROM duckdb_columns() WHERE {_IS_TABLE}"
        comments = self._database.execute(query, path).fetchall()
        for action in actions:
            _apply(create.this, action, comments)
        create.this.set("this", exp.to_table(table, dialect="duckdb"))
        create.set("replace", True)
        copied = f"CREATE OR REPLACE TEMP TABLE {_OLD} AS SELECT {names} FROM {table}"
        filled = f"INSERT INTO {table} ({names}) SELECT {names} FROM {_OLD}"
        statements = [copied, create.sql("duckdb"), filled, f"DROP TABLE {_OLD}"]
        for name, comment in comments:
            if comment:
                text = exp.Literal.string(comment).sql("duckdb")
                statements.append(f"COMMENT ON COLUMN {table}.{quote_in_duckdb([name])} IS {text}")
        with transaction(self._database):
            for each in statements:
                self._database.execute(each)

    def _check_no_checks(self, statement: str, tree: exp.Alter) -> None:
        """Refuse to drop a constraint of a table with checks: their names are not kept.

        Keys are not kept at all, so that there is nothing to drop in a table without checks.
        """
        query = (
            f"SELECT count(*) FROM duckdb_constraints() WHERE {_IS_TABLE} AND "
            "constraint_type = 'CHECK'"
        )
        if self._database.execute(query, self._path(tree.this)).fetchone()[0]:
            raise UnsupportedStatement(statement, ValueError("names of constraints are not kept"))

    def _list_columns(self, table: exp.Table) -> list[str]:
        query = f"SELECT column_name FROM duckdb_columns() WHERE {_IS_TABLE} ORDER BY column_index"
        return [name for (name,) in self._database.execute(query, self._path(table)).fetchall()]

    def _path(self, table: Any) -> list[str]:
        return duckdb_path(self._database, name_of(table))


def _check_created(tree: exp.Create) -> None:
    """Refuse code in Python, which would be a text, and tables of files, which would be empty."""
    named = tree.find_all(exp.FileFormatProperty, exp.LanguageProperty)
    kinds = {each.name.upper() for each in named}
    has_path = any(each.name.lower() == "path" for each in tree.find_all(exp.Property))
    is_stored = has_path or tree.find(exp.LocationProperty) is not None
    if "PYTHON" in kinds or (is_stored and kinds & _FILE_FORMATS):
        raise UnsupportedStatement(tree.sql("databricks"), ValueError("it cannot be created"))


def _apply(schema: Tree, action: Tree, comments: list[tuple[str, Any]]) -> None:
    """Add a constraint or a column to the schema of a table."""
    if isinstance(action, exp.AddConstraint):
        checks = action.find_all(exp.CheckColumnConstraint)
        schema.set("expressions", [*schema.expressions, *(each.copy() for each in checks)])
        return
    for column in action.expressions if isinstance(action, exp.Schema) else [action]:
        place = column.args.get("position")
        column.set("position", None)
        for each in list(column.find_all(exp.CommentColumnConstraint)):
            comments.append((column.name, each.this.name))
            each.parent.pop()
        names = [each.name.lower() for each in schema.expressions]
        index = len([each for each in schema.expressions if isinstance(each, exp.ColumnDef)])
        if place is not None:
            index = names.index(place.this.name.lower()) + 1 if place.this else 0
        expressions = list(schema.expressions)
        expressions.insert(index, column)
        schema.set("expressions", expressions)
