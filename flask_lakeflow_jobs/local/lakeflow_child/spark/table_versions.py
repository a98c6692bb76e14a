"""Earlier versions of tables in SQL: Sail reads their last columns only, and restores none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from sqlglot import exp

from .alter_tables import reload_table
from .delta_log import Commit, find_info, find_location, list_fields, read_commits, restore
from .query_columns import Tree, write


def name_folders(tree: Tree, query: Callable[[str], Any]) -> None:
    """Read earlier versions from the folders of tables, if those have changed their columns.

    Sail cannot read a folder in a view.
    """
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return
    for table in list(tree.find_all(exp.Table)):
        if table.args.get("version") is None:
            continue
        bare = exp.Table(**{key: table.args.get(key) for key in ("this", "db", "catalog")})
        with suppress(ValueError):  # it is no Delta table
            location = find_location(query, write(bare))
            if len(set(_list_columns(location))) > 1:
                table.set("alias", table.args.get("alias") or exp.TableAlias(this=table.this))
                table.set("this", exp.to_identifier(location, quoted=True))
                table.set("db", exp.to_identifier("delta"))
                table.set("catalog", None)


def _list_columns(location: str) -> Iterator[str]:
    """Yield the columns that a table has had."""
    for _, actions in read_commits(location):
        for each in actions:
            if "metaData" in each:
                fields = list_fields(each["metaData"])
                yield json.dumps([(field["name"], field["type"]) for field in fields])


def restore_table(query: Callable[[str], Any], table: str, kind: str, value: str) -> str:
    """Restore an earlier version of a table, and return a statement that says so.

    :param kind: ``VERSION`` or ``TIMESTAMP``, of the value.
    :param value: an expression.
    """
    is_version = kind == "VERSION"
    written = value if is_version else f"unix_millis(CAST({value} AS TIMESTAMP))"
    wanted = int(query(f"SELECT {written}").first()[0])

    def is_wanted(commit: Commit) -> bool:
        version, actions = commit
        return version == wanted if is_version else find_info(actions)["timestamp"] <= wanted

    if restore(find_location(query, table), table, is_wanted):
        reload_table(query, table)
    return "SELECT 'The table is restored.' AS message"
