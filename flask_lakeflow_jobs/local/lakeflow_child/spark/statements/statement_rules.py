"""Runners of statements by their trees, and the rules that correct trees, in their order.

Each runner gets the ``SailSql`` of the session, and a function that runs a statement of Sail with
the arguments of this one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlglot import exp

from ..language.sql_text import Query
from ..tables.delta_log import find_filled
from .merge_with_ids import merge_with_ids
from .query_columns import Describe, Tree, write
from .query_tables import name_folders, name_keys
from .show_commands import insert_information
from .sql_changes import rewrite_statement
from .sql_definitions import SqlVariables
from .sql_queries import (
    filter_laterals,
    hold_filters,
    lift_aggregates,
    name_groups,
    refuse_queries,
    rewrite_queries,
)
from .sql_writes import copy_into, create_by_frame, limit_texts, replace_rows
from .table_alterations import alter_table

_NO_IDS = "MERGE INTO tables with Delta identity columns"


def run_tree(tree: Tree, statement: str, sql: Any, run: Query) -> Any:
    """Run a statement that Sail runs otherwise; return ``None`` for another one."""
    if isinstance(tree, exp.Copy):
        return run(copy_into(tree, sql.session))
    if isinstance(tree, exp.Insert):
        return replace_rows(tree, sql.session)
    if isinstance(tree, exp.Create) and tree.kind == "TABLE":
        if tree.expression is not None:
            return create_by_frame(tree, sql.session, lambda text: sql.run(text, run))
        frame = sql.run(statement, run)
        limit_texts(tree, sql.query)
        return frame
    message = sql.functions.run(tree)
    return None if message is None else run(message)


def change_variables(tree: Tree, sql: Any) -> Any:
    sql.variables = sql.variables or SqlVariables(sql.sql)
    return sql.variables.run_command(tree)


def correct(tree: Tree, sql: Any, run: Query) -> str | None:
    """Return a statement that has the rows of Databricks on Sail; ``None`` if this one has them."""
    describe = _describe_by(lambda text: sql.run(text, run))
    before = write(tree)
    name_folders(tree, sql.query)
    refuse_queries(tree)
    for select in tree.find_all(exp.Select):
        name_groups(select)
        filter_laterals(select)
    if tree.find(exp.Lambda, exp.Initcap) is not None:
        hold_filters(tree)
    name_keys(tree, describe)
    corrected = write(lift_aggregates(tree, describe))
    return None if corrected == before else corrected


def run_refused(tree: Tree, error: Exception, sql: Any, run: Query) -> Any:
    """Run a statement that Sail has refused in another form; ``None`` if there is none."""
    if isinstance(tree, exp.Merge) and _NO_IDS in str(error):
        return merge_with_ids(tree, sql.query)
    if (description := sql.functions.describe(tree)) is not None:
        return run(description)
    if isinstance(tree, exp.Alter):
        altered = alter_table(tree, sql.query)
        return None if altered is None else run(altered)
    if isinstance(tree, exp.Command):
        return None
    describe, before = _describe_by(run), write(tree)
    tree = sql.functions.insert(insert_information(tree, sql.query))
    if sql.variables is not None:
        sql.variables.insert(tree, describe)
    tree = rewrite_statement(tree, describe, partial(find_filled, sql.query))
    after = write(rewrite_queries(tree, describe))
    return run(after) if after != before or isinstance(tree, exp.Query) else None


def _describe_by(run: Query) -> Describe:
    def describe(text: str) -> dict[str, str]:
        return {each.name: each.dataType.simpleString() for each in run(text).schema.fields}

    return describe
