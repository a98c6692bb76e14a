"""``MERGE`` into a table with an identity column, which Sail refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import copytree, ignore_patterns, rmtree
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from sqlglot import exp, parse_one

from ..language.sql_literals import Query
from ..tables.delta_log import (
    find_location,
    list_fields,
    list_versions,
    read_commits,
    read_metadata,
    write_commit,
    write_fields,
    write_metadata,
)
from .query_columns import write, write_name

_COPY = "_lakeflow_merge_"
_ID = "lakeflow_id"
_IDENTITY = "delta.identity."
_HIGHEST = "delta.identity.highWaterMark"


def merge_with_ids(merge: exp.Merge, query: Query) -> Any:
    """Merge into a table with an identity column; the source brings the ids of its rows.

    As on Databricks, ids may have gaps. The table is merged in a copy without its identity, so that
    a task that is killed leaves it as it was.
    """
    table = write_name(merge.this)
    location = find_location(query, table)
    fields = list_fields(read_metadata(location))
    (column,) = [each for each in fields if f"{_IDENTITY}step" in each["metadata"]]
    name, identity = column["name"], column["metadata"]
    step = identity[f"{_IDENTITY}step"]
    last = identity.get(_HIGHEST, identity[f"{_IDENTITY}start"] - step)
    with _copy_table(location) as copy:
        version = list_versions(copy)[-1] + 1
        plain = {key: each for key, each in identity.items() if not key.startswith(_IDENTITY)}
        write_metadata(copy, _change_column(copy, name, plain))
        _name_folder(merge, copy)
        _bring_ids(merge, name, f"{last} + {step} * row_number() OVER (ORDER BY 1)")
        frame = query(write(merge))
        actions = [each for _, merged in read_commits(copy, version) for each in merged]
        if not actions:
            return frame  # no row has changed
        choose = max if step > 0 else min
        ((found_id,),) = query(f"SELECT {choose.__name__}(`{name}`) FROM delta.`{copy}`").collect()
        highest = last if found_id is None else choose(last, found_id)
        identity = {**identity, _HIGHEST: highest}
        metadata = {**read_metadata(copy), **_change_column(copy, name, identity)}
        _link_new_files(copy, location, actions)
    actions = [*(each for each in actions if "metaData" not in each), {"metaData": metadata}]
    try:
        write_commit(location, version, actions)
    except FileExistsError:
        raise ValueError(
            f"[DELTA_CONCURRENT_WRITE] Another task has written {table} during this MERGE, "
            "which has changed nothing. Let one of the tasks depend on the other."
        ) from None
    return frame


@contextmanager
def _copy_table(location: str) -> Iterator[str]:
    """Copy a table for a while, by links to its files, which no writer changes."""
    copy = os.path.join(location, f"{_COPY}{uuid4().hex}")
    try:
        copytree(location, copy, ignore=ignore_patterns(f"{_COPY}*"), copy_function=os.link)
        yield copy
    finally:
        rmtree(copy, ignore_errors=True)


def _link_new_files(source: str, target: str, actions: list[dict[str, Any]]) -> None:
    """Link the files that actions add into another folder."""
    for path in (unquote(each["add"]["path"]) for each in actions if "add" in each):
        os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
        os.link(os.path.join(source, path), os.path.join(target, path))


def _name_folder(merge: exp.Merge, location: str) -> None:
    """Merge into a folder: the catalog of Sail knows its identity column."""
    folder = exp.table_(exp.to_identifier(location, quoted=True), db="delta")
    folder.set("alias", exp.TableAlias(this=exp.to_identifier(merge.this.alias_or_name)))
    merge.set("this", folder)


def _bring_ids(merge: exp.Merge, name: str, number: str) -> None:
    source = merge.args["using"]
    alias = source.alias_or_name
    ids = exp.alias_(parse_one(number, read="databricks"), _ID)
    rows = exp.select("*", ids).from_(source.copy())
    merge.set("using", rows.subquery(alias))
    for clause in merge.args["whens"].expressions:
        then = clause.args.get("then")
        if not isinstance(then, exp.Insert) or not isinstance(then.this, exp.Tuple):
            continue
        if name.lower() not in (each.name.lower() for each in then.this.expressions):
            then.this.append("expressions", exp.column(name, quoted=True))
            then.expression.append("expressions", exp.column(_ID, table=alias))


def _change_column(location: str, name: str, metadata: dict[str, Any]) -> dict[str, str]:
    """Return what changes in the metadata of a table if a column gets other metadata."""
    fields = list_fields(read_metadata(location))
    for field in fields:
        if field["name"] == name:
            field["metadata"] = metadata
    return write_fields(fields)
