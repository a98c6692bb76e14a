"""Runs statements by their trees, and corrects them by rules, in their order."""

from __future__ import annotations

import os
from contextvars import ContextVar
from functools import partial
from typing import Any

from sqlglot import exp

from ...sql.databricks_sql import write_sql
from ...sql.query_scopes import Describe, find_kind, list_selects
from ...sql.text_casts import convert_texts
from ..files.read_files import FILES_PREFIX
from ..language.array_elements import name_elements
from ..language.sql_literals import Query
from ..language.view_texts import hold_query
from ..tables.delta_log import find_filled
from .merge_in_copy import merge_in_copy
from .query_columns import expand_stars, parse_query
from .query_groups import lift_aggregates, name_groups, name_repeated_keys, order_by_stars
from .query_tables import name_folders, name_keys
from .show_commands import insert_information
from .sql_changes import rewrite_statement
from .sql_definitions import SqlFunctions, SqlVariables
from .sql_queries import (
    filter_laterals,
    hold_filters,
    name_dates,
    refuse_queries,
    replace_unpivots,
    rewrite_queries,
)
from .sql_writes import copy_into, create_by_frame, limit_texts, replace_rows
from .table_alterations import alter_table

# What is asked about a statement may have to be corrected too, and may have what is asked about.
_MAX_DEPTH = 2
_depth: ContextVar[int] = ContextVar("depth", default=0)
_BOOLEANS = ("false", "true")  # as texts, which Sail does not compare with booleans
_NO_FILES = (
    "Sail keeps no view of read_files. Write CREATE TABLE … AS SELECT, or CREATE TEMPORARY VIEW "
    "for this run."
)
_NO_IDS = "MERGE INTO tables with Delta identity columns"


class StatementRules:
    """Runs and corrects statements by their trees, except for those that sqlglot does not know.

    Each method gets a function that runs a statement of Sail with the arguments of this one.

    :param sql: the ``SailSql`` of the session.
    """

    def __init__(self, sql: Any) -> None:
        self._sql = sql
        self._variables = SqlVariables(sql.sql)
        register = sql.session.udf.register
        self.functions = SqlFunctions(os.environ["LAKEFLOW_LOCAL_SPARK"], register)

    def run(self, statement: str, run: Query) -> Any:
        """Run a statement that Sail runs otherwise; return ``None`` for another one."""
        sql, tree = self._sql, parse_query(statement)
        if tree is None:
            return None
        if isinstance(tree, exp.Copy):
            return run(copy_into(tree, sql.session))
        if isinstance(tree, exp.Insert):
            return replace_rows(tree, sql.session)
        if isinstance(tree, exp.Merge):
            return merge_in_copy(tree, lambda text: sql.run(text, run))
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            return self._create_view(tree, run)
        if isinstance(tree, exp.Create) and tree.kind == "TABLE":
            if tree.expression is not None:
                return create_by_frame(tree, sql.session, lambda text: sql.run(text, run))
            frame = sql.run(statement, run)
            limit_texts(tree, sql.query)
            return frame
        message = self.functions.run(tree, sql.query)
        return None if message is None else run(message)

    def _create_view(self, tree: exp.Create, run: Query) -> Any:
        """Create a view with the columns that it has now, and with the quotes of its names."""
        if any(each.name.startswith(FILES_PREFIX) for each in tree.find_all(exp.Table)):
            raise NotImplementedError(_NO_FILES)

        def keep(statement: str) -> Any:
            created = parse_query(statement)
            if not isinstance(created, exp.Create):
                return run(statement)
            query = hold_query(write_sql(created.args["expression"].pop()))
            return run(f"{write_sql(created)} AS {query}")

        describe = _describe_by(lambda text: self._sql.run(text, run))
        for select in list_selects(tree):
            if select.args.get("from_"):
                expand_stars(select, describe, is_all=True)
        return self._sql.run(write_sql(tree), keep)

    def change_variables(self, statement: str) -> Any:
        tree = parse_query(statement)
        return None if tree is None else self._variables.run_command(tree)

    def correct(self, statement: str, run: Query) -> str:
        """Return a statement that has the rows of Databricks on Sail."""
        if _depth.get() == _MAX_DEPTH or (tree := parse_query(statement)) is None:
            return statement
        token = _depth.set(_depth.get() + 1)
        try:
            return self._correct(statement, tree, run)
        finally:
            _depth.reset(token)

    def _correct(self, statement: str, tree: exp.Expr, run: Query) -> str:
        describe = _describe_by(lambda text: self._sql.run(text, run))
        before = write_sql(tree)
        name_folders(tree, self._sql.query)
        refuse_queries(tree)
        tree = replace_unpivots(tree)
        for select in tree.find_all(exp.Select):
            name_dates(select)
            name_groups(select)
            name_repeated_keys(select)
            filter_laterals(select)
        if tree.find(exp.Lambda, exp.Initcap) is not None:
            hold_filters(tree)
        has_elements = tree.find(exp.Bracket, exp.Dot) is not None
        has_booleans = any(each.name.lower() in _BOOLEANS for each in tree.find_all(exp.Literal))
        is_lenient = self._is_lenient() if has_elements or has_booleans else False
        for select in list_selects(tree):
            find = partial(find_kind, select, describe)
            if has_elements:
                name_elements(select, find, is_lenient=is_lenient)
            if has_booleans:
                convert_texts(select, find, is_lenient=is_lenient)
        name_keys(tree, describe)
        order_by_stars(tree, describe)
        corrected = write_sql(lift_aggregates(tree, describe))
        return statement if corrected == before else corrected

    def run_refused(self, statement: str, error: Exception, run: Query) -> Any:
        """Run a statement that Sail has refused in another form; ``None`` if there is none."""
        query, tree = self._sql.query, parse_query(statement)
        if isinstance(tree, exp.Merge) and _NO_IDS in str(error):
            return merge_in_copy(tree, query)
        if isinstance(tree, exp.Alter):
            altered = alter_table(tree, query)
            return None if altered is None else run(altered)
        if tree is None or isinstance(tree, exp.Command):
            return None
        if (description := self.functions.describe(tree)) is not None:
            return run(description)
        describe, before = _describe_by(run), write_sql(tree)
        tree = insert_information(tree, query, self.functions.list_routines)
        tree = self.functions.insert(tree)
        # Queries in the tree may be such as Sail refuses.
        self._variables.insert(tree, _describe_by(lambda text: self._sql.run(text, run)))
        tree = rewrite_statement(tree, describe, partial(find_filled, query))
        after = write_sql(rewrite_queries(tree, describe, is_lenient=self._is_lenient()))
        return run(after) if after != before or isinstance(tree, exp.Query) else None

    def _is_lenient(self) -> bool:
        return bool(self._sql.session.conf.get("spark.sql.ansi.enabled") == "false")


def _describe_by(run: Query) -> Describe:
    def describe(text: str) -> dict[str, str]:
        return {each.name: each.dataType.simpleString() for each in run(text).schema.fields}

    return describe
