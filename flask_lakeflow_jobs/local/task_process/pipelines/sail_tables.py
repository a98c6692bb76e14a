"""Offers the tables and views of Sail to a pipeline, whose Spark with Java cannot read Delta.

The files of a table's last version are linked into a folder, which is a table of Parquet. The
pipeline may read such a table but not define one of its name, as Spark would write to its files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from ..json_files import read_json, write_json
from ..paths import drop_scheme
from ..samples import SPARK_SAMPLES
from ..spark.language.sql_literals import write_text
from ..spark.language.sql_names import quote_name, quote_part
from ..spark.language.view_texts import recreate_view
from ..spark.tables.delta_log import find_files, find_metadata, read_commits
from ..spark.tables.spark_catalog import OFFERED, create_all, list_saved_catalogs, read_catalog
from ..sql_syntax import split_name
from .pipeline_sql import drop_catalogs

Entry = dict[str, Any]


class TableIsTaken(Exception):
    """A table of a pipeline has the name of another one. The message says what to do."""

    __module__ = "builtins"  # errors name the class alone


class SailTables:
    """The tables and views of Sail that a pipeline reads, by schema and name.

    A pipeline has one catalog: of two tables of one name, that of its own catalog is offered.

    :param folder: of Sail.
    :param session: of the Spark with Java.
    :param pipeline: of the payload.
    """

    def __init__(self, folder: str, session: Any, pipeline: dict[str, Any]) -> None:
        self._folder = folder
        self._session = session
        self._pipeline = pipeline
        self._root = os.path.join(folder, OFFERED)
        self._taken: dict[str, str] = {}  # their names on Sail, by those of the pipeline
        self._hidden: dict[str, str] = {}  # what the pipeline reads in place of a table of Sail

    def offer(self) -> None:
        """Create the tables and views that the pipeline can read. Its own tables stay.

        :raises TableIsTaken: the pipeline names a table, but would read another one of its name.
        """
        file = os.path.join(self._root, "offered.json")
        before: dict[str, Any] = read_json(file, {})
        found = self._find(before)
        for path in self._pipeline["files"]:
            with open(path, encoding="utf-8", errors="replace") as code:
                self._refuse_hidden(code.read())
        # If this task is killed, the next one knows that these are no tables of a pipeline.
        write_json(file, {**dict.fromkeys(found), **before})
        for name in before.keys() - found.keys():
            self._drop(name)
        offered = {}

        def create(name: str) -> None:
            table = self._describe(found[name])
            if "view" in table or table != before.get(name):
                self._drop(name)
                self._create(name, table)
            offered[name] = table

        views_last = sorted(found, key=lambda name: bool(found[name]["type"] == "view"))
        failures = create_all(views_last, create)
        for name, failure in failures.items():
            self._drop(name)  # rather than its earlier rows
            reason = str(failure).partition("\n")[0]
            print(f"The pipeline cannot read {self._taken[name]}, which is on Sail: {reason}")
        write_json(file, offered)

    def refuse_taken(self, name: str) -> None:
        """Refuse to define a table that a task has saved.

        :param name: without a catalog, perhaps quoted.
        :raises TableIsTaken: a task has saved one of this name.
        """
        path = ".".join([self._pipeline["schema"], *split_name(name)][-2:])
        if taken := self._taken.get(path.lower()):
            raise TableIsTaken(
                f"The pipeline defines the table {path}, but a task has saved {taken}. Drop that "
                "one in a task before, or give one of them another name."
            )

    def _find(self, before: dict[str, Any]) -> dict[str, Entry]:
        """Return the entries of Sail that the pipeline reads."""
        entries = read_catalog(self._folder)
        own = f"{self._pipeline['catalog']}."
        found: dict[str, Entry] = {}
        for full in sorted(entries, key=lambda name: not name.startswith(own)):
            entry, name = entries[full], full.partition(".")[2].lower()
            kind = entry.get("provider", entry["type"])
            location = entry.get("location", "")
            # Pipelines have samples of their own.
            is_offered = kind in ("delta", "parquet", "view") and full not in SPARK_SAMPLES
            if not is_offered or location.startswith(os.path.join(self._folder, "jvm", "")):
                continue
            if name in found:
                self._hidden[full.lower()] = self._taken[name]
            elif name not in before and self._session.catalog.tableExists(quote_name(name)):
                self._hidden[full.lower()] = f"the pipeline's own {name}"
            else:
                found[name], self._taken[name] = entry, full
        return found

    def _refuse_hidden(self, text: str) -> None:
        plain = re.sub(r"\s*\.\s*", ".", text.lower().replace("`", ""))
        for name, other in self._hidden.items():
            if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", plain):
                raise TableIsTaken(
                    f"The pipeline names the table {name}, but reads {other} in its place, as its "
                    "names have one catalog here. Give one of them another name or schema."
                )

    def _describe(self, entry: Entry) -> Entry:
        """Return the text of a view, or the location of a table, its columns and its files."""
        if entry["type"] == "view":
            self._refuse_hidden(entry["text"])
            text = drop_catalogs(entry["text"], list_saved_catalogs(self._folder))
            return {"view": text, "names": entry.get("names", [])}
        return _describe_table(entry)

    def _drop(self, name: str) -> None:
        for kind in ("TABLE", "VIEW"):
            with suppress(Exception):  # it is of the other kind
                self._session.sql(f"DROP {kind} IF EXISTS {quote_name(name)}")
        shutil.rmtree(os.path.join(self._root, name), ignore_errors=True)

    def _create(self, name: str, table: Entry) -> None:
        query, quoted = self._session.sql, quote_name(name)
        query(f"CREATE DATABASE IF NOT EXISTS {quote_part(name.partition('.')[0])}")
        if "view" in table:
            query(recreate_view(name, table["names"], table["view"]))
            return
        columns, partitions, location = "", "", table["location"]
        if "files" in table:
            from pyspark.sql.types import StructType

            location = os.path.join(self._root, name)
            link_files(table["location"], table["files"], location)
            fields = StructType.fromJson(table["schema"]).fields
            columns = ", ".join(f"{quote_part(f.name)} {f.dataType.simpleString()}" for f in fields)
            columns = f"({columns})"
        if table.get("partitions"):
            partitions = f"PARTITIONED BY ({', '.join(map(quote_part, table['partitions']))})"
        query(
            f"CREATE TABLE {quoted} {columns} USING parquet {partitions} "
            f"LOCATION {write_text(location)}"
        )
        if partitions:
            query(f"MSCK REPAIR TABLE {quoted}")


def link_files(source: str, names: list[str], target: str) -> None:
    """Link files of one folder into another one, or copy them to another file system."""
    os.makedirs(target, exist_ok=True)
    for name in names:
        place = os.path.join(target, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            os.link(os.path.join(source, name), place)
        except OSError:
            shutil.copyfile(os.path.join(source, name), place)


def _describe_table(entry: Entry) -> Entry:
    """Return the location of a table, its columns, partitions and files."""
    location = drop_scheme(entry["location"])
    if entry["provider"] == "parquet":
        return {"location": location}
    commits = list(read_commits(location))
    files, metadata = find_files(commits), find_metadata(commits)
    if any(each.get("deletionVector") for each in files.values()):
        raise ValueError("it has rows that are marked as deleted. Write it again.")
    return {
        "location": location,
        "schema": json.loads(metadata["schemaString"]),
        "partitions": metadata.get("partitionColumns") or [],
        "files": sorted(map(unquote, files)),
    }
