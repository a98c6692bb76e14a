"""``COPY INTO`` on Sail, which lacks it: files that a table does not have yet are appended."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from sqlglot import exp

from ..json_files import read_json, write_json
from .files.data_files import list_files
from .files.file_sources import METADATA, FileSource
from .language.connect_plans import name_frame
from .language.sql_text import write_rows
from .query_columns import write
from .tables.delta_log import find_location
from .tables.written_values import cast_columns

_STATE = "_lakeflow_copied.json"  # in the folder of the table, so that it goes with it


def copy_into(tree: exp.Copy, session: Any) -> str:
    """Append the rows of new files to a table; return a query for their number.

    :raises ValueError: the statement names no files.
    """
    table, options = write(tree.this), _read_parameters(tree)
    (source,) = tree.args["files"]
    path = source.find(exp.Table) if isinstance(source, exp.Subquery) else source
    if path is None:
        raise ValueError("COPY INTO needs files, such as FROM '/Volumes/main/raw/in'.")
    files = list_files(path.name.strip("'"), options["copy"].pop("pattern", "*"))
    exists = session.catalog.tableExists(table)
    state = os.path.join(find_location(session.sql, table), _STATE) if exists else None
    copied = set(read_json(state, ())) if state else set()
    forced = options["copy"].get("force", "").lower() == "true"
    new = [each for each in files if forced or _mark(each) not in copied]
    count = 0
    if new:
        rows = _load(session, options, new, has_metadata=METADATA in write(source))
        with name_frame(rows) as view:
            count = _append(_select(session, source, view), table, exists=exists)
    state = state or os.path.join(find_location(session.sql, table), _STATE)
    write_json(state, sorted({*copied, *map(_mark, new)}))
    columns = ["num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files"]
    return write_rows(dict.fromkeys(columns, "BIGINT"), [(count, count, 0)])


def _read_parameters(tree: exp.Copy) -> dict[str, Any]:
    found: dict[str, Any] = {"format": "parquet", "read": {}, "copy": {}}
    for each in tree.args.get("params") or ():
        name = each.name.upper()
        values = {
            str(pair.this.name): str(pair.args["value"].name).lower()
            if isinstance(pair.args["value"], exp.Boolean)
            else str(pair.args["value"].name)
            for pair in each.expressions
            if isinstance(pair, exp.Property)
        }
        if name == "FILEFORMAT":
            found["format"] = each.expression.name.lower()
        elif name == "FORMAT_OPTIONS":
            found["read"] = values
        elif name == "COPY_OPTIONS":
            found["copy"] |= {key.lower(): value for key, value in values.items()}
        elif name == "PATTERN":
            found["copy"]["pattern"] = each.expression.name
    found["read"].pop("mergeSchema", None)
    return found


def _load(session: Any, options: dict[str, Any], files: list[str], *, has_metadata: bool) -> Any:
    if has_metadata:
        source = FileSource(session, files[0], options["format"], None, options["read"])
        return source.read(files)
    return session.read.format(options["format"]).options(**options["read"]).load(files)


def _select(session: Any, source: exp.Expr, view: str) -> Any:
    """Return the columns that a query of the files selects.

    :param view: of the rows of the files.
    """
    if not isinstance(source, exp.Subquery):
        return session.table(view)
    table = source.find(exp.Table)
    if table is not None:
        table.replace(exp.to_table(view))
    return session.sql(write(source.this))


def _append(rows: Any, table: str, *, exists: bool) -> int:
    if exists:
        rows = cast_columns(rows, rows.sparkSession.table(table))
    writer = rows.write.format("delta").mode("append").option("mergeSchema", "true")
    writer.saveAsTable(table)
    return int(rows.count())


def _mark(file: str) -> str:
    """Return what tells a file from a later one of its name."""
    status = os.stat(file)
    text = f"{file} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
