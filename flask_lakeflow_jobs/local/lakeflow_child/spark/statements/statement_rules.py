"""The rules for the trees of statements: what they correct, and what they write otherwise."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from ..language.sql_text import Query
from ..tables.delta_log import find_filled, find_folder
from .query_columns import Tree, write
from .query_tables import name_folders, name_keys
from .show_commands import insert_information
from .sql_changes import rewrite_statement
from .sql_definitions import SqlFunctions, SqlVariables
from .sql_queries import (
    filter_laterals,
    hold_filters,
    lift_aggregates,
    name_groups,
    refuse_queries,
    rewrite_queries,
)
from .table_alterations import alter_table


def correct(tree: Tree, query: Query, run: Query) -> str | None:
    """Return a statement that has the rows of Databricks on Sail; ``None`` if this one has them.

    :param query: runs a statement of Sail.
    :param run: runs one of Databricks, with the arguments of this one.
    """

    def describe(text: str) -> dict[str, str]:
        return _list_columns(run(text))

    before = write(tree)
    name_folders(tree, query)
    refuse_queries(tree)
    for select in tree.find_all(exp.Select):
        name_groups(select)
        filter_laterals(select)
    if tree.find(exp.Lambda, exp.Initcap) is not None:
        hold_filters(tree)
    name_keys(tree, describe)
    corrected = write(lift_aggregates(tree, describe))
    return None if corrected == before else corrected


def rewrite(
    tree: Tree, query: Query, run: Query, functions: SqlFunctions, variables: SqlVariables | None
) -> str | None:
    """Return a statement that Sail takes, and that does the same; ``None`` if there is none.

    :param run: runs a statement of Sail with the arguments of this one.
    """

    def describe(text: str) -> dict[str, str]:
        return _list_columns(run(text))

    def find_own(table: str) -> set[str]:
        location = find_folder(query, table)
        return find_filled(location) if location is not None else set()

    if (description := functions.describe(tree)) is not None:
        return description
    if isinstance(tree, exp.Alter):
        return alter_table(tree, query)
    if isinstance(tree, exp.Command):
        return None
    before = write(tree)
    tree = functions.insert(insert_information(tree, query))
    if variables is not None:
        variables.insert(tree, describe)
    after = write(rewrite_queries(rewrite_statement(tree, describe, find_own), describe))
    return after if after != before or isinstance(tree, exp.Query) else None


def _list_columns(frame: Any) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}
