"""``MERGE`` into a table with an identity, which Sail refuses, or with many ``NOT NULL``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import copytree, ignore_patterns, rmtree
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from sqlglot import exp, parse_one

from ...sql.databricks_sql import write_sql
from ..language.sql_literals import Query
from ..language.sql_names import quote_part
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
from .query_columns import write_name

_COPY = "_lakeflow_merge_"
_ID = "lakeflow_id"
_IDENTITY = "delta.identity."
_STEP = "delta.identity.step"
_HIGHEST = "delta.identity.highWaterMark"


def merge_in_copy(merge: exp.Merge, query: Query) -> Any:
    """Merge into a copy of a table, whose columns have no identity and no ``NOT NULL``.

    The source brings the ids of its rows, which may have gaps as on Databricks. The table gets the
    changes of its copy at once, so a task that is killed leaves it as it was.

    :raises ValueError: a column that is ``NOT NULL`` has got NULL, or another task has written.
    """
    table = write_name(merge.this)
    location = find_location(query, table)
    fields = list_fields(read_metadata(location))
    with _copy_table(location) as copy:
        version = list_versions(copy)[-1] + 1
        write_metadata(copy, write_fields([*map(_loosen, fields)]))
        _name_folder(merge, copy)
        for field in filter(_has_ids, fields):
            _bring_ids(merge, field)
        frame = query(write_sql(merge))
        actions = [each for _, merged in read_commits(copy, version) for each in merged]
        if not actions:
            return frame  # no row has changed
        _refuse_nulls(fields, copy, query)
        kept = {each["name"]: _note_highest_id(each, copy, query) for each in fields}
        metadata = read_metadata(copy)  # a merge may add columns
        new_fields = [kept.get(each["name"], each) for each in list_fields(metadata)]
        _link_new_files(copy, location, actions)
    actions = [each for each in actions if "metaData" not in each]
    if new_fields != fields:
        actions.append({"metaData": {**metadata, **write_fields(new_fields)}})
    try:
        write_commit(location, version, actions)
    except FileExistsError:
        raise ValueError(
            f"[DELTA_CONCURRENT_WRITE] Another task has written {table} during this MERGE, "
            "which has changed nothing. Let one of the tasks depend on the other."
        ) from None
    return frame


def _loosen(field: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        key: each for key, each in field["metadata"].items() if not key.startswith(_IDENTITY)
    }
    return {**field, "nullable": True, "metadata": metadata}


def _has_ids(field: dict[str, Any]) -> bool:
    return _STEP in field["metadata"]


def _refuse_nulls(fields: list[dict[str, Any]], copy: str, query: Query) -> None:
    names = [each["name"] for each in fields if not each["nullable"]]
    if not names:
        return
    counts = ", ".join(f"count_if({quote_part(name)} IS NULL)" for name in names)
    (row,) = query(f"SELECT {counts} FROM delta.`{copy}`").collect()
    for name, count in zip(names, row, strict=True):
        if count:
            raise ValueError(
                "[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL constraint violated for column: "
                f"{name}. The MERGE has changed nothing."
            )


def _note_highest_id(field: dict[str, Any], copy: str, query: Query) -> dict[str, Any]:
    """Return a column with the highest of its ids, if it has ids."""
    if not _has_ids(field):
        return field
    identity = field["metadata"]
    choose = max if identity[_STEP] > 0 else min
    name = quote_part(field["name"])
    ((found,),) = query(f"SELECT {choose.__name__}({name}) FROM delta.`{copy}`").collect()
    last = _last_id(field)
    highest = last if found is None else choose(last, found)
    return {**field, "metadata": {**identity, _HIGHEST: highest}}


def _last_id(field: dict[str, Any]) -> int:
    identity = field["metadata"]
    return int(identity.get(_HIGHEST, identity[f"{_IDENTITY}start"] - identity[_STEP]))


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


def _bring_ids(merge: exp.Merge, field: dict[str, Any]) -> None:
    name, step = field["name"], field["metadata"][_STEP]
    number = f"{_last_id(field)} + {step} * row_number() OVER (ORDER BY 1)"
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
