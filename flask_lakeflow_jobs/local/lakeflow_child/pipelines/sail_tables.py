"""Offers the tables of Sail to a pipeline, whose Spark with Java reads Parquet but not Delta.

The files of a table's last version are linked into a folder, which is a table of Parquet.
"""

from __future__ import annotations

import json
import os
import shutil
from urllib.parse import unquote

from ..spark.column_sql import write_text
from ..spark.delta_log import read_commits
from ..spark.json_files import read_json, write_json
from ..spark.spark_catalog import OFFERED, quote_name, quote_part, read_catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def offer_tables(folder: str, session: Any, catalog: str) -> None:
    """Let a pipeline read the Delta and Parquet tables of Sail, by schema and name.

    A pipeline's own tables stay. It has one catalog: of two tables of one name, that of its own
    catalog is offered.

    :param folder: of Sail.
    :param session: of the Spark with Java.
    :param catalog: of the pipeline.
    """
    root = os.path.join(folder, OFFERED)
    file = os.path.join(root, "offered.json")
    before: dict[str, Any] = read_json(file, {})
    entries = read_catalog(folder)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(entries, key=lambda name: name.startswith(f"{catalog}.")):
        if entries[name].get("provider") in ("delta", "parquet"):
            found[name.partition(".")[2].lower()] = entries[name]
    for name in before.keys() - found.keys():
        session.sql(f"DROP TABLE IF EXISTS {quote_name(name)}")
        shutil.rmtree(os.path.join(root, name), ignore_errors=True)
    offered = {}
    for name, entry in found.items():
        is_own = name not in before and session.catalog.tableExists(quote_name(name))
        if is_own or entry["location"].startswith(os.path.join(folder, "jvm", "")):
            continue
        try:
            table = _describe(entry)
            if table != before.get(name):
                _create(session, name, table, os.path.join(root, name))
            offered[name] = table
        except Exception as error:
            session.sql(f"DROP TABLE IF EXISTS {quote_name(name)}")  # rather than its earlier rows
            print(f"The pipeline cannot read the table {name} of Sail: {error}")
    write_json(file, offered)


def _describe(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the location of a table, its columns, partitions and files."""
    location = entry["location"].removeprefix("file://")
    if entry["provider"] == "parquet":
        return {"location": location}
    files: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for _, actions in read_commits(location):
        for action in actions:
            metadata = action.get("metaData", metadata)
            if "remove" in action:
                files.pop(unquote(action["remove"]["path"]), None)
            if "add" in action:
                files[unquote(action["add"]["path"])] = action["add"].get("deletionVector")
    if any(files.values()):
        raise ValueError("it has rows that are marked as deleted. Write it again.")
    return {
        "location": location,
        "schema": json.loads(metadata["schemaString"]),
        "partitions": metadata.get("partitionColumns") or [],
        "files": sorted(files),
    }


def _create(session: Any, name: str, table: dict[str, Any], folder: str) -> None:
    from pyspark.sql.types import StructType

    columns, partitions, location = "", "", table["location"]
    shutil.rmtree(folder, ignore_errors=True)
    if "files" in table:
        for each in table["files"]:
            place = os.path.join(folder, each)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.link(os.path.join(location, each), place)
        os.makedirs(folder, exist_ok=True)
        fields = StructType.fromJson(table["schema"]).fields
        columns = ", ".join(f"{quote_part(f.name)} {f.dataType.simpleString()}" for f in fields)
        columns = f"({columns})"
        location = folder
    if table.get("partitions"):
        partitions = f"PARTITIONED BY ({', '.join(map(quote_part, table['partitions']))})"
    session.sql(f"CREATE DATABASE IF NOT EXISTS {quote_part(name.partition('.')[0])}")
    session.sql(f"DROP TABLE IF EXISTS {quote_name(name)}")
    session.sql(
        f"CREATE TABLE {quote_name(name)} {columns} USING parquet {partitions} "
        f"LOCATION {write_text(location)}"
    )
    if partitions:
        session.sql(f"MSCK REPAIR TABLE {quote_name(name)}")
