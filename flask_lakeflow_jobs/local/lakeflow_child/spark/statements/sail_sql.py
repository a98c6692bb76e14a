"""Runs the SQL of Databricks on Sail: ``SailSql.sql`` has the steps that each statement takes.

A command is first written with what Sail takes (``sail_commands``), and some have a method that
runs them. Any other statement runs as it is, or as ``statement_rules`` corrects it. These rules
also write what Sail refuses, which is then tried once more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, ClassVar

from ...sql_statements import is_query, remove_comments, replace_identifiers
from ...sql_syntax import Match, match_syntax
from ...workspace_paths import WorkspacePaths
from ..files.read_files import replace_read_files
from ..language.spark_advice import find_lack, is_refusal
from ..language.sql_names import quote_part
from ..language.sql_text import Query, escape_quotes, insert_parameters, insert_settings
from ..tables.delta_log import build_counts, find_location, list_versions, replace_descriptions
from ..tables.table_changes import replace_table_changes
from .sail_commands import SailCommands
from .show_commands import replace_show

_INFORMATION = "information_schema"
# Queries that Sail takes, with other rows or columns than Databricks, and functions of elements.
_UNLIKE = re.compile(
    r"\bJOIN\b.*\bUSING\s*\(|\bLATERAL\s+(?!VIEW\b)|\bNATURAL\b.*\bJOIN\b|\bUNPIVOT\b"
    r"|\bOVER\b.*\bGROUP\s+BY\s+(?:ALL\b|\d)|->|\binitcap\s*\("
    r"|\b(?:VERSION|TIMESTAMP)\s+AS\s+OF\b|\bGROUP\s+BY\b.*\b(?:HAVING|ORDER\s+BY)\b.*\w\s*\(",
    re.IGNORECASE | re.DOTALL,
)
# Sail takes parameters in other queries only.
_TAKES_NO_PARAMETERS = re.compile(
    r"(?![\s(]*(?:SELECT|WITH|VALUES|TABLE|FROM)\b)|.*\b(?:IDENTIFIER\s*\(|information_schema\b)",
    re.IGNORECASE | re.DOTALL,
)
_NO_IDS = "MERGE INTO tables with Delta identity columns"
# Beyond it, a statement is data, and parsing takes seconds.
_MAX_LENGTH = 200_000
# Rules for trees are imported in functions: sqlglot takes long to import.


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
        self._volumes = mounts["/Volumes"]
        self._paths = paths
        self._commands = SailCommands(session.sql, self.sql, session.conf, mounts, require)
        self._variables: Any = None

    def sql(self, statement: str, args: Any = None, **names: Any) -> Any:
        """Run a statement of Databricks."""
        statement = insert_settings(escape_quotes(statement), self._session.conf)
        statement = self._paths.translate_sql(remove_comments(statement))
        if args and (self._variables is not None or _TAKES_NO_PARAMETERS.match(statement)):
            statement, args = insert_parameters(statement, args), None
        statement = replace_identifiers(
            statement, lambda text: self.sql(f"SELECT {text}").first()[0]
        )
        run = partial(self._query, args=args, **names)
        statement = self._replace_sources(statement, run)
        if not is_query(statement):
            statement = self._commands.rewrite(statement)
        return self._run_by_syntax(statement, run)

    def _replace_sources(self, statement: str, run: Query) -> str:
        """Replace what has no equal on Sail by queries and views."""

        def evaluate(expression: str) -> Any:
            return run(f"SELECT {expression}").first()[0]

        statement = replace_descriptions(statement, self._query)
        if is_query(statement):
            statement = replace_show(statement, self._query, self._volumes)
        translate = self._paths.translate_uri
        statement = replace_read_files(statement, self._session, evaluate, translate)
        return replace_table_changes(statement, self._session, evaluate)

    def _run_by_syntax(self, statement: str, run: Query) -> Any:
        for syntax, run_by in self.by_syntax.items():
            match = match_syntax(syntax, statement)
            if match is not None and (frame := run_by(self, match, run)) is not None:
                return frame
        return self._run(statement, run)

    def change_variables(self, match: Match, run: Query) -> Any:
        if (tree := _parse(match.string)) is None:
            return None
        if self._variables is None:
            from .sql_definitions import SqlVariables

            self._variables = SqlVariables(self.sql)
        return self._variables.run_command(tree)

    def change_functions(self, match: Match, run: Query) -> Any:
        tree = _parse(match.string)
        message = None if tree is None else self._functions.run(tree)
        return None if message is None else run(message)

    def show_functions(self, match: Match, run: Query) -> Any:
        return run(self._functions.show(match, run))

    def copy_files(self, match: Match, run: Query) -> Any:
        if (tree := _parse(match.string)) is None:
            return None
        from .sql_writes import copy_into

        return run(copy_into(tree, self._session))

    def replace_rows(self, match: Match, run: Query) -> Any:
        if len(match.string) > _MAX_LENGTH or (tree := _parse(match.string)) is None:
            return None
        from .sql_writes import replace_rows

        return replace_rows(tree, self._session)

    def create_by_frame(self, match: Match, run: Query) -> Any:
        if (tree := _parse(match.string)) is None:
            return None
        from .sql_writes import create_by_frame

        return create_by_frame(tree, self._session, lambda text: self._run(text, run))

    def limit_texts(self, match: Match, run: Query) -> Any:
        frame = self._run(match.string, run)
        if (tree := _parse(match.string)) is not None:
            from .sql_writes import limit_texts

            limit_texts(tree, self._query)
        return frame

    def count_changes(self, match: Match, run: Query) -> Any:
        """Count changed rows as Databricks does: Sail counts those that it writes."""
        try:
            location = find_location(self._query, match["name"])
        except Exception:  # the statement itself fails with the right message, or has no counts
            return None
        version = list_versions(location)[-1]
        frame = self._run(match.string, run)
        counts = build_counts(match["verb"].upper(), location, version)
        return frame if counts is None else self._query(counts)

    def insert_by_name(self, match: Match, run: Query) -> Any:
        rows = match.string[match.end() :]
        columns = ", ".join(map(quote_part, self._run(rows, run).columns))
        return self._run_by_syntax(f"{match.string[: match.end('name')]} ({columns}) {rows}", run)

    def count_inserts(self, match: Match, run: Query) -> Any:
        frame = self._run(match.string, run)
        if frame.columns != ["count"]:
            return frame
        return frame.selectExpr("count AS num_affected_rows", "count AS num_inserted_rows")

    #: What runs a statement, by its syntax. Of several that match, the first to return a frame.
    by_syntax: ClassVar[dict[str, Callable[[SailSql, Match, Query], Any]]] = {
        "(DECLARE | SET (VAR | VARIABLE) | DROP TEMPORARY VARIABLE)": change_variables,
        "EXECUTE IMMEDIATE": change_variables,
        "(CREATE [OR REPLACE] | DROP) [TEMPORARY] FUNCTION": change_functions,
        # Sail knows its own functions only.
        "SHOW [ALL | <user: USER>] FUNCTIONS [(IN | FROM) <name>] [[LIKE] <text>] $": (
            show_functions
        ),
        "COPY INTO": copy_files,
        # Sail replaces all rows for these, or adds those that are beside the condition.
        "INSERT (OVERWRITE | … REPLACE WHERE)": replace_rows,
        r"CREATE [OR REPLACE] TABLE … AS (SELECT | WITH | VALUES | TABLE | FROM | \()": (
            create_by_frame
        ),
        r"CREATE [OR REPLACE] TABLE … (CHAR | VARCHAR) \(": limit_texts,
        "<verb: DELETE | UPDATE | MERGE> [WITH SCHEMA EVOLUTION] [FROM | INTO] <name>": (
            count_changes
        ),
        "INSERT INTO [TABLE] <name> BY NAME": insert_by_name,
        "INSERT": count_inserts,
    }

    def _run(self, statement: str, run: Query) -> Any:
        """Run a statement, corrected or, if Sail refuses it, in another form."""
        statement = self._correct(statement, run)
        try:
            frame = run(statement)
            if is_query(statement):
                frame.schema  # noqa: B018  # Sail resolves a query only now
            return frame
        except Exception as error:
            if (advice := find_lack(statement)) is not None:
                raise NotImplementedError(advice) from error
            if _NO_IDS in str(error) and (tree := _parse(statement)) is not None:
                from .merge_with_ids import merge_with_ids

                return merge_with_ids(tree, self._query)
            can_rewrite = is_refusal(error) or _INFORMATION in statement.lower()
            rewritten = self._rewrite(statement, run) if can_rewrite else None
            if rewritten is None:
                raise
        return run(rewritten)

    def _correct(self, statement: str, run: Query) -> str:
        """Return a statement that has the rows and columns of Databricks on Sail."""
        if len(statement) > _MAX_LENGTH or _UNLIKE.search(statement) is None:
            return statement
        if (tree := _parse(statement)) is None:
            return statement
        from .statement_rules import correct

        return correct(tree, self._query, lambda text: self._run(text, run)) or statement

    def _rewrite(self, statement: str, run: Query) -> str | None:
        """Return a statement that does the same, or ``None`` if there is none."""
        if len(statement) > _MAX_LENGTH or (tree := _parse(statement)) is None:
            return None
        from .statement_rules import rewrite

        return rewrite(tree, self._query, run, self._functions, self._variables)

    @cached_property
    def _functions(self) -> Any:
        from .sql_definitions import SqlFunctions

        register = self._session.udf.register
        return SqlFunctions(os.environ["LAKEFLOW_LOCAL_SPARK"], register)


def _parse(statement: str) -> Any:
    from .query_columns import parse_query

    return parse_query(statement)
