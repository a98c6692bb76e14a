"""``MERGE`` into tables with an identity column, which Sail refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import copytree, ignore_patterns, rmtree
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from sqlglot import exp, parse_one

from .language.sql_text import Query
from .query_columns import write
from .tables.delta_log import (
    find_location,
    list_fields,
    list_versions,
    read_commits,
    read_metadata,
    write_commit,
    write_metadata,
)

_COPY = "_lakeflow_merge_"
_ID = "lakeflow_id"
_IDENTITY = "delta.identity."
_HIGHEST = "delta.identity.highWaterMark"


def merge_with_ids(merge: exp.Merge, query: Query) -> Any:
    """Merge into a table with an identity column; the source brings the ids of its rows.

    As on Databricks, ids may have gaps. The table is merged in a copy without its identity, so that
    a task that is killed leaves it as it was.

    :param query: runs a statement of Sail.
    :return: ``None`` if the table has no such column.
    """
    table = merge.this.copy()
    table.set("alias", None)
    location = find_location(query, write(table))
    fields = list_fields(read_metadata(location))
    found = [each for each in fields if f"{_IDENTITY}step" in each["metadata"]]
    if not found:
        return None
    name, metadata = found[0]["name"], dict(found[0]["metadata"])
    step = metadata[f"{_IDENTITY}step"]
    last = metadata.get(_HIGHEST, metadata[f"{_IDENTITY}start"] - step)
    with _copy_table(location) as copy:
        version = list_versions(copy)[-1] + 1
        kept = {key: each for key, each in metadata.items() if not key.startswith(_IDENTITY)}
        write_metadata(copy, _replace_field(copy, name, kept))
        _name_folder(merge, copy)
        _bring_ids(merge, name, f"{last} + {step} * row_number() OVER (ORDER BY 1)")
        frame = query(write(merge))
        highest = "max" if step > 0 else "min"
        ((found_id,),) = query(f"SELECT {highest}(`{name}`) FROM delta.`{copy}`").collect()  # noqa: S608
        if found_id is not None:
            metadata[_HIGHEST] = max(last, found_id) if step > 0 else min(last, found_id)
        actions = [each for _, merged in read_commits(copy, version) for each in merged]
        if not actions:
            return frame  # no row has changed
        for path in (unquote(each["add"]["path"]) for each in actions if "add" in each):
            os.makedirs(os.path.dirname(os.path.join(location, path)), exist_ok=True)
            os.link(os.path.join(copy, path), os.path.join(location, path))
        after = {**read_metadata(copy), **_replace_field(copy, name, metadata)}
        actions = [*(each for each in actions if "metaData" not in each), {"metaData": after}]
    try:
        write_commit(location, version, actions)
    except FileExistsError:
        raise ValueError(
            f"[DELTA_CONCURRENT_WRITE] Another task has written {write(table)} during this MERGE, "
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


def _replace_field(location: str, name: str, metadata: dict[str, Any]) -> dict[str, str]:
    """Return the schema of a table with other metadata of a column."""
    schema = json.loads(read_metadata(location)["schemaString"])
    for field in schema["fields"]:
        if field["name"] == name:
            field["metadata"] = metadata
    return {"schemaString": json.dumps(schema)}
