"""Runs the SQL of Databricks on Sail: ``SailSql.sql`` has the steps that each statement takes.

A command is first written with what Sail takes (``sail_commands``), and some have a method that
runs them. Any other statement runs as it is, or as ``statement_rules`` corrects it. These rules
also write what Sail refuses, which is then tried once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, ClassVar

from ...function_calls import replace_calls
from ...paths import WorkspacePaths
from ...sql_statements import is_query, remove_comments, replace_identifiers
from ...sql_syntax import Match, match_syntax, replace_syntax
from ..files.read_files import replace_read_files, view_files
from ..language.spark_advice import find_lack, is_refusal
from ..language.sql_literals import Query, escape_quotes, insert_parameters
from ..language.sql_names import SELECTS, quote_part
from ..tables.delta_log import count_required, find_location, list_versions
from ..tables.table_changes import replace_table_changes
from ..tables.table_history import build_counts, replace_descriptions
from .sail_commands import SailCommands
from .show_commands import replace_show

_INFORMATION = "information_schema"
# Queries that Sail takes, with other rows or columns than Databricks or an error when they run, and
# functions of elements.
_UNLIKE = re.compile(
    r"\bJOIN\b.*\bUSING\s*\(|\bLATERAL\s+(?!VIEW\b)|\bNATURAL\b.*\bJOIN\b|\bUNPIVOT\b"
    r"|\*.*\bORDER\s+BY\s+ALL\b|\bexplode\s*\(.*\b(?:max|min)\s*\("
    r"|\bOVER\b.*\bGROUP\s+BY\s+(?:ALL\b|\d)|window\s*\(.*\bGROUP\b|->|\binitcap\s*\("
    r"|\bAS\s+DATE\s*\)\s*(?:,|FROM\b|$)|::\s*DATE\s*(?:,|FROM\b|$)"
    r"|'(?:true|false)'|[\w)`\]]\s*\[(?!\s*(?:\d+|'[^']*'|\"[^\"]*\")\s*\])"
    r"|\)\s*\.\s*[`\w]|\b(?:VERSION|TIMESTAMP)\s+AS\s+OF\b|\bGROUP\s+BY\b.*\b(?:HAVING|ORDER\s+BY)\b.*\w\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_SETTING = re.compile(r"\$\{\s*(\w+(?:\.\w+)+)\s*\}")  # ${spark.name}
_VERSIONED = r"<word: FROM | JOIN> <name> \@ <version>"
# Beyond it, a statement is data, and parsing takes seconds.
_MAX_LENGTH = 200_000
# Sail plans a MERGE in a tenth of a second with this many columns that are NOT NULL, and in twice
# the time with each further one.
_MOST_REQUIRED = 8


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
        self.session = session
        self.query = session.sql
        self._has_variables = False
        self._volumes = mounts["/Volumes"]
        self._paths = paths
        self._commands = SailCommands(session.sql, self.sql, session.conf, mounts, require)

    def sql(self, statement: str, args: Any = None, **names: Any) -> Any:
        """Run a statement of Databricks."""
        settings = self.session.conf
        statement = _SETTING.sub(lambda key: settings.get(key[1], key[0]), escape_quotes(statement))
        statement = self._paths.translate_sql(remove_comments(statement))
        if args and self._needs_text(statement, args):
            statement, args = insert_parameters(statement, args), None
        statement = replace_identifiers(
            statement, lambda text: self.sql(f"SELECT {text}", args).first()[0]
        )
        run = partial(self.query, args=args, **names)
        statement = self._replace_sources(statement, run)
        if not is_query(statement):
            statement = self._commands.rewrite(statement)
        return self._run_by_syntax(statement, run)

    def _needs_text(self, statement: str, args: Any) -> bool:
        """Return whether parameters become text: Sail takes them in plain queries only."""
        lower = statement.lower()
        is_plain = SELECTS.match(statement) is not None and _INFORMATION not in lower
        has_marked_name = "identifier" in lower and not isinstance(args, dict)  # it takes a mark
        return not is_plain or has_marked_name or self._has_variables

    def _replace_sources(self, statement: str, run: Query) -> str:
        """Replace what has no equal on Sail by queries and views."""

        def evaluate(expression: str) -> Any:
            return run(f"SELECT {expression}").first()[0]

        statement = replace_calls(statement, ["input_file_name"], lambda _: "_metadata.file_path")
        statement = replace_descriptions(statement, self.query)
        if "@v" in statement.lower():
            statement = replace_syntax(
                _VERSIONED,
                statement,
                lambda table: (
                    f"{table['word']} {table['name']} VERSION AS OF {table['version'][1:]}"
                ),
            )
        if is_query(statement):
            statement = replace_show(statement, self.query, self._volumes)
        view = partial(view_files, self.session, evaluate, self._paths.translate_uri)
        statement = replace_read_files(statement, view)
        return replace_table_changes(statement, self.session, evaluate)

    def _run_by_syntax(self, statement: str, run: Query) -> Any:
        for syntax, run_by in self.by_syntax.items():
            match = match_syntax(syntax, statement)
            if match is not None and (frame := run_by(self, match, run)) is not None:
                return frame
        return self.run(statement, run)

    def run_by_tree(self, match: Match, run: Query) -> Any:
        is_data = len(match.string) > _MAX_LENGTH and match_syntax("INSERT", match.string)
        return None if is_data else self._rules.run(match.string, run)

    def change_variables(self, match: Match, run: Query) -> Any:
        self._has_variables = True
        return self._rules.change_variables(match.string)

    def show_functions(self, match: Match, run: Query) -> Any:
        return run(self._rules.functions.show(match, run))

    def count_changes(self, match: Match, run: Query) -> Any:
        """Count changed rows as Databricks does: Sail counts those that it writes."""
        try:
            location = find_location(self.query, match["name"])
        except Exception:  # the statement itself fails with the right message, or has no counts
            return None
        version = list_versions(location)[-1]
        frame = None
        if match["verb"].upper() == "MERGE" and count_required(location) > _MOST_REQUIRED:
            frame = self.run_by_tree(match, run)
        if frame is None:
            frame = self.run(match.string, run)
        counts = build_counts(match["verb"].upper(), location, version)
        return frame if counts is None else self.query(counts)

    def insert_by_name(self, match: Match, run: Query) -> Any:
        rows = match.string[match.end() :]
        columns = ", ".join(map(quote_part, self.run(rows, run).columns))
        return self._run_by_syntax(f"{match.string[: match.end('name')]} ({columns}) {rows}", run)

    def count_inserts(self, match: Match, run: Query) -> Any:
        frame = self.run(match.string, run)
        if frame.columns != ["count"]:
            return frame
        return frame.selectExpr("count AS num_affected_rows", "count AS num_inserted_rows")

    #: What runs a statement, by its syntax. Of several that match, the first to return a frame.
    by_syntax: ClassVar[dict[str, Callable[[SailSql, Match, Query], Any]]] = {
        "(DECLARE | SET (VAR | VARIABLE) | DROP TEMPORARY VARIABLE | EXECUTE IMMEDIATE)": (
            change_variables
        ),
        "COPY INTO": run_by_tree,
        "(CREATE [OR REPLACE] | DROP) [TEMPORARY] FUNCTION": run_by_tree,
        # Sail replaces all rows for these, or adds those that are beside the condition.
        "INSERT (OVERWRITE | … REPLACE WHERE)": run_by_tree,
        # It keeps the columns of a table that it replaces, and checks no lengths of texts.
        r"CREATE [OR REPLACE] TABLE … AS (SELECT | WITH | VALUES | TABLE | FROM | \()": run_by_tree,
        r"CREATE [OR REPLACE] TABLE … (CHAR | VARCHAR) \(": run_by_tree,
        # It keeps the text of a view without the quotes of its names.
        "CREATE [OR REPLACE] VIEW": run_by_tree,
        # It knows its own functions only.
        "SHOW [ALL | <user: USER>] FUNCTIONS [(IN | FROM) <name>] [[LIKE] <text>] $": (
            show_functions
        ),
        "<verb: DELETE | UPDATE | MERGE> [WITH SCHEMA EVOLUTION] [FROM | INTO] <name>": (
            count_changes
        ),
        "INSERT INTO [TABLE] <name> BY NAME": insert_by_name,
        "INSERT": count_inserts,
    }

    def run(self, statement: str, run: Query) -> Any:
        """Run a statement, corrected or, if Sail refuses it, in another form.

        :param run: runs a statement of Sail with the arguments of this one.
        """
        is_short = len(statement) <= _MAX_LENGTH
        if is_short and _UNLIKE.search(statement):
            statement = self._rules.correct(statement, run)
        try:
            frame = run(statement)
            if is_query(statement):
                frame.schema  # noqa: B018  # Sail resolves a query only now
        except Exception as error:
            if (advice := find_lack(statement)) is not None:
                raise NotImplementedError(advice) from error
            can_rewrite = is_refusal(error) or _INFORMATION in statement.lower()
            if not (is_short and can_rewrite):
                raise
            frame = self._rules.run_refused(statement, error, run)
            if frame is None:
                raise
        return frame

    @cached_property
    def _rules(self) -> Any:
        from .statement_rules import StatementRules  # sqlglot takes long to import

        return StatementRules(self)
