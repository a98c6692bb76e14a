"""Runs the SQL of Databricks on Sail: statements that Sail refuses are written otherwise.

A query runs as it is, or as the rules of ``sql_queries`` and ``query_tables`` write it. A command
is first written with what Sail takes (``sail_commands``). Other rules write what Sail refuses,
which is then tried once more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from ...sql_statements import is_query, remove_comments, replace_identifiers
from ...sql_syntax import match_syntax
from ...workspace_paths import WorkspacePaths
from ..files.read_files import replace_read_files
from ..language.spark_advice import find_lack, is_refusal
from ..language.sql_text import escape_quotes, insert_parameters, insert_settings
from ..tables.delta_log import (
    build_counts,
    find_filled,
    find_folder,
    find_location,
    list_versions,
    replace_descriptions,
)
from ..tables.table_changes import replace_table_changes
from .sail_commands import SailCommands
from .show_commands import insert_information, replace_show

#: Runs a statement with the arguments of another one.
Run = Callable[[str], Any]

_CREATE_AS = r"CREATE [OR REPLACE] TABLE … AS (SELECT | WITH | VALUES | TABLE | FROM | \()"
_LIMITED = r"CREATE [OR REPLACE] TABLE … (CHAR | VARCHAR) \("
# Sail counts the rows that it has written for these, which may be others.
_CHANGE = "<verb: DELETE | UPDATE | MERGE> [WITH SCHEMA EVOLUTION] [FROM | INTO] <name>"
# Sail replaces all rows for these, or adds those that are beside the condition.
_REPLACES = "INSERT (OVERWRITE | … REPLACE WHERE)"
_VARIABLES = "(DECLARE | SET (VAR | VARIABLE) | DROP TEMPORARY VARIABLE | EXECUTE IMMEDIATE)"
# Sail knows its own functions only.
_SHOW_FUNCTIONS = "SHOW [ALL | <user: USER>] FUNCTIONS [(IN | FROM) <name>] [[LIKE] <text>] $"
_INFORMATION = "information_schema"
# Queries that Sail takes, with other rows or columns than Databricks.
_UNLIKE = re.compile(
    r"\bJOIN\b.*\bUSING\s*\(|\bLATERAL\s+(?!VIEW\b)|\bNATURAL\b.*\bJOIN\b|\bUNPIVOT\b"
    r"|\bOVER\b.*\bGROUP\s+BY\s+(?:ALL\b|\d)"
    r"|\b(?:VERSION|TIMESTAMP)\s+AS\s+OF\b|\bGROUP\s+BY\b.*\b(?:HAVING|ORDER\s+BY)\b.*\w\s*\(",
    re.IGNORECASE | re.DOTALL,
)
# Functions of elements; see ``sail_requests``.
_LAMBDA = re.compile(r"->|\binitcap\s*\(", re.IGNORECASE)
_NO_IDS = "MERGE INTO tables with Delta identity columns"
# Rules for trees are imported in functions: sqlglot takes long to import.
# Beyond it, a statement is data, and parsing takes seconds.
_MAX_LENGTH = 200_000


class SailSql:
    """The method ``sql`` of a session.

    :param session: whose own method runs what Sail takes. It is replaced later.
    :param mounts: the folders of this machine by their paths in the workspace.
    :param require: makes a catalog known.
    """

    def __init__(
        self,
        session: Any,
        mounts: dict[str, str],
        paths: WorkspacePaths,
        require: Callable[[str], None],
    ) -> None:
        self._session = session
        self._query = session.sql
        self._require = require
        self._variables: Any = None
        self._mounts = mounts
        self._paths = paths

    def sql(self, statement: str, args: Any = None, **names: Any) -> Any:
        """Run a statement of Databricks."""
        statement = insert_settings(escape_quotes(statement), self._session.conf)
        statement = self._paths.translate_sql(remove_comments(statement))
        is_show = match_syntax("(DESC | DESCRIBE | EXPLAIN | SHOW)", statement)
        is_information = _INFORMATION in statement.lower()
        needs_text = is_show is not None or is_information or self._variables is not None
        if args and (needs_text or not is_query(statement)):
            statement, args = insert_parameters(statement, args), None
        if needs_text:  # Sail knows IDENTIFIER in other queries only, and without variables
            statement = replace_identifiers(
                statement, lambda text: self.sql(f"SELECT {text}").first()[0]
            )
        run = partial(self._query, args=args, **names)

        def evaluate(expression: str) -> Any:
            return run(f"SELECT {expression}").first()[0]

        statement = replace_descriptions(statement, self._query)
        if is_query(statement):
            statement = replace_show(statement, self._query, self._mounts["/Volumes"])
        statement = replace_read_files(
            statement, self._session, evaluate, self._paths.translate_uri
        )
        statement = replace_table_changes(statement, self._session, evaluate)
        if is_query(statement):
            return self._run_or_rewrite(statement, run)
        return self._run_command(statement, partial(self._query, **names), names)

    def _run_command(self, statement: str, run: Run, names: dict[str, Any]) -> Any:
        """Run a statement that is no query: as others, by a frame, or as Sail takes it."""
        if match_syntax(_VARIABLES, statement) and (tree := _parse(statement)) is not None:
            ran = self._find_variables().run_command(tree)
            if ran is not None:
                return ran
        statement = SailCommands(
            self._query,
            lambda text: self.sql(text, **names),
            self._session.conf,
            self._mounts,
            self._require,
        ).rewrite(statement)
        written = self._write_by_frame(statement, run)
        if written is not None:
            return written
        frame = self._run_and_count(statement, run)
        if match_syntax(_LIMITED, statement) and (tree := _parse(statement)) is not None:
            from .sql_writes import limit_texts

            limit_texts(tree, self._query)
        return frame

    def _write_by_frame(self, statement: str, run: Run) -> Any:
        """Run a statement by a frame; return ``None`` if Sail does the right thing."""
        is_short = len(statement) <= _MAX_LENGTH
        is_replaced = is_short and match_syntax(_REPLACES, statement) is not None
        if not is_replaced and match_syntax(_CREATE_AS, statement) is None:
            return None
        if (tree := _parse(statement)) is None:
            return None
        from .sql_writes import create_by_frame, replace_rows

        if is_replaced:
            return replace_rows(tree, self._session)
        return create_by_frame(tree, self._session, lambda text: self._run_or_rewrite(text, run))

    def _run_and_count(self, statement: str, run: Run) -> Any:
        """Run a statement; return the numbers of rows that it has changed as Databricks does."""
        change = self._find_change(statement)
        frame = self._run_or_rewrite(statement, run)
        if change is not None and (counts := build_counts(*change)) is not None:
            return self._query(counts)
        if match_syntax("INSERT", statement) and frame.columns == ["count"]:
            return frame.selectExpr("count AS num_affected_rows", "count AS num_inserted_rows")
        return frame

    def _find_change(self, statement: str) -> tuple[str, str, int] | None:
        """Return what a statement does, the folder of its table, and the version of that."""
        if (match := match_syntax(_CHANGE, statement)) is None:
            return None
        try:
            location = find_location(self._query, match["name"])
        except Exception:  # the statement itself fails with the right message, or has no counts
            return None
        return match["verb"].upper(), location, list_versions(location)[-1]

    def _run_or_rewrite(self, statement: str, run: Run) -> Any:
        statement = self._correct(statement, run)
        if match_syntax("DROP [TEMPORARY] FUNCTION", statement):  # Sail would accept any name
            return run(self._rewrite(statement, run) or statement)
        if match := match_syntax(_SHOW_FUNCTIONS, statement):
            return run(self._functions.show(match, run))
        try:
            frame = run(statement)
            if is_query(statement):
                frame.schema  # noqa: B018  # Sail resolves a query only now
        except Exception as error:
            if (advice := find_lack(statement)) is not None:
                raise NotImplementedError(advice) from error
            if _NO_IDS in str(error) and (tree := _parse(statement)) is not None:
                from .sql_writes import merge_with_ids

                return merge_with_ids(tree, self._query)
            can_rewrite = is_refusal(error) or _INFORMATION in statement.lower()
            if not can_rewrite or len(statement) > _MAX_LENGTH:
                raise
            rewritten = self._rewrite(statement, run)
            if rewritten is None:
                raise
            frame = run(rewritten)
        return frame

    def _correct(self, statement: str, run: Run) -> str:
        """Return a statement that has the rows and columns of Databricks on Sail."""
        is_unlike = _UNLIKE.search(statement) or _LAMBDA.search(statement)
        if len(statement) > _MAX_LENGTH or not is_unlike:
            return statement
        if (tree := _parse(statement)) is None:
            return statement
        from sqlglot import exp

        from .query_columns import write
        from .query_tables import name_folders, name_keys
        from .sql_queries import (
            filter_laterals,
            hold_filters,
            lift_aggregates,
            name_groups,
            refuse_queries,
        )

        def describe(text: str) -> dict[str, str]:
            return _list_columns(self._run_or_rewrite(text, run))

        before = write(tree)
        has_lambda = _LAMBDA.search(statement) is not None
        name_folders(tree, self._query)
        refuse_queries(tree)
        for select in tree.find_all(exp.Select):
            name_groups(select)
            filter_laterals(select)
        if has_lambda:
            hold_filters(tree)
        name_keys(tree, describe)
        corrected = write(lift_aggregates(tree, describe))
        return statement if corrected == before else corrected

    def _rewrite(self, statement: str, run: Run) -> str | None:
        """Return a statement that does the same, or ``None`` if there is none."""
        if (tree := _parse(statement)) is None:
            return None
        from sqlglot import exp

        from .query_columns import write
        from .sql_changes import rewrite_statement
        from .sql_queries import rewrite_queries
        from .sql_writes import copy_into
        from .table_alterations import alter_table

        def describe(text: str) -> dict[str, str]:
            return _list_columns(run(text))

        def find_own(table: str) -> set[str]:
            location = find_folder(self._query, table)
            return find_filled(location) if location is not None else set()

        if isinstance(tree, exp.Copy):
            return copy_into(tree, self._session)
        functions = self._functions
        if (message := functions.run(tree)) is not None:
            return str(message)
        if isinstance(tree, exp.Alter):
            return alter_table(tree, self.sql)
        if isinstance(tree, exp.Command):
            return None
        before = write(tree)
        if _INFORMATION in statement.lower():
            tree = insert_information(tree, self._query)
        tree = functions.insert(tree)
        if self._variables is not None:
            self._variables.insert(tree, describe)
        after = write(rewrite_queries(rewrite_statement(tree, describe, find_own), describe))
        return after if after != before or is_query(statement) else None

    @cached_property
    def _functions(self) -> Any:
        from .sql_definitions import SqlFunctions

        register = self._session.udf.register
        return SqlFunctions(os.environ["LAKEFLOW_LOCAL_SPARK"], register)

    def _find_variables(self) -> Any:
        if self._variables is None:
            from .sql_definitions import SqlVariables

            self._variables = SqlVariables(self.sql)
        return self._variables


def _list_columns(frame: Any) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}


def _parse(statement: str) -> Any:
    from .query_columns import parse_query

    return parse_query(statement)
