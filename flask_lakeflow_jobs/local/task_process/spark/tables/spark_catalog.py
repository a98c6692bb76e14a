"""Keeps the catalog of Sail, which has it in memory only, in a file of the workspace.

The sessions of several runs may change it at once. So each knows the catalog that it has loaded
or saved last, and saves what it has changed since.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import dropwhile, takewhile
from typing import Any

from ...json_files import read_json, write_json
from ...paths import drop_scheme
from ...samples import SPARK_SAMPLES
from ..files.data_files import list_files
from ..language.sql_literals import write_text
from ..language.sql_names import list_catalogs, list_schemas, list_tables, quote_name, quote_part
from ..language.view_texts import read_view, recreate_view

Entries = dict[str, dict[str, Any]]

#: The folder with the tables that pipelines have from Sail.
OFFERED = os.path.join("jvm", "offered")

#: Prefix of tables that pipelines keep for themselves, as with the Hive metastore of Databricks.
CHANGE_LOG = "__apply_changes_storage_"

_MARK = "spark.lakeflow.catalog"
_ORDER = {"schema": 0, "table": 1, "view": 2}
_SELF_DESCRIBING = ("delta", "parquet")


def load_catalog(session: Any) -> None:
    """Bring a session up to date with the file.

    An entry that cannot be created stays in the file: the session does not know it, so that it
    does not count as removed.
    """
    with _locked() as folder:
        saved = {**SPARK_SAMPLES, **read_catalog(folder)}
        is_known = session.conf.get(_MARK, "")
        known = read_json(_session_file(folder, session), {}) if is_known else {}
        failed = _apply(session, known, saved)
        loaded = {name: entry for name, entry in saved.items() if name not in failed}
        write_json(_session_file(folder, session), loaded)
        session.conf.set(_MARK, "loaded")


def save_catalog(session: Any) -> None:
    """Add the changes of a session to the file."""
    with _locked() as folder:
        known = read_json(_session_file(folder, session), {})
        own = describe_catalog(session, known)
        if own == known:
            return
        write_json(_catalog_file(folder), merge_changes(known, own, read_catalog(folder)))
        write_json(_session_file(folder, session), own)


def read_catalog(folder: str) -> Entries:
    """Return the schemas, tables and views that tasks have saved.

    :param folder: of Sail.
    """
    return dict(read_json(_catalog_file(folder), {}))


def list_saved_catalogs(folder: str) -> set[str]:
    """Return the catalogs with tables that tasks have saved."""
    return {name.partition(".")[0] for name in read_catalog(folder)}


def add_tables(folder: str, session: Any, catalog: str, schema: str) -> None:
    """Add the tables of a Spark with Java to the file: its tables are Parquet, which Sail reads.

    :param folder: of Sail.
    :param session: of that Spark, which has one catalog.
    :param catalog: to which the tables belong on Sail.
    """
    path = f"{catalog}.{schema}".lower()
    entries: Entries = {path: {"type": "schema"}}
    for table in list_tables(session.sql, schema):
        if table.startswith(CHANGE_LOG):
            continue
        entry = _describe_table(session, f"{schema}.{table}")
        if entry["type"] == "table" and entry["provider"] in _SELF_DESCRIBING:
            entry["location"] = drop_scheme(entry["location"])
            if entry["location"].startswith(os.path.join(folder, OFFERED, "")):
                continue  # a table of Sail
            entries[f"{path}.{table}"] = entry
    with _locked(folder):
        write_json(_catalog_file(folder), read_catalog(folder) | entries)


def merge_changes(known: Entries, own: Entries, saved: Entries) -> Entries:
    """Apply the changes from one catalog to another one to a third."""
    merged = dict(saved)
    for name in known.keys() | own.keys():
        if own.get(name) == known.get(name):
            continue
        if name in own:
            merged[name] = own[name]
        else:
            merged.pop(name, None)
    return merged


def _apply(session: Any, known: Entries, saved: Entries) -> set[str]:
    """Change a session from one catalog to another; return the names that it cannot have."""
    changed = [name for name in known.keys() | saved.keys() if known.get(name) != saved.get(name)]
    if not changed:
        return set()
    for name in changed:
        if name in known and known[name]["type"] != "schema":
            session.sql(f"DROP {known[name]['type'].upper()} IF EXISTS {quote_name(name)}")
    # A run that started before another one has named a catalog does not have it.
    catalogs = {*list_catalogs(session.sql)}
    missing = {name for name in saved if name.partition(".")[0] not in catalogs}
    created = sorted(
        (name for name in changed if name in saved and name not in missing),
        key=lambda name: _ORDER[saved[name]["type"]],
    )
    failures = create_all(created, lambda name: session.sql(_create_statement(name, saved[name])))
    for name, failure in failures.items():
        reason = str(failure).partition("\n")[0]
        print(
            f"The {saved[name]['type']} {name} of an earlier run cannot be read now: {reason} Its "
            f"entry stays in {_catalog_file(os.environ['LAKEFLOW_LOCAL_SPARK'])}."
        )
    return missing | failures.keys()


def create_all(names: list[str], create: Callable[[str], Any]) -> dict[str, Exception]:
    """Create tables and views; return the errors of those that cannot be created.

    :param names: views last. A view may need another one, so it is tried again after others.
    """
    waiting = [*names]
    failures: dict[str, Exception] = {}
    while len(failures) < len(waiting):
        name = waiting.pop(0)
        try:
            create(name)
            failures.clear()
        except Exception as error:
            waiting.append(name)
            failures[name] = error
    return failures


def _create_statement(name: str, entry: dict[str, Any]) -> str:
    quoted = quote_name(name)
    if entry["type"] == "schema":
        return f"CREATE SCHEMA IF NOT EXISTS {quoted}"
    if entry["type"] == "view":
        return recreate_view(name, entry.get("names", []), entry["text"])
    columns = ", ".join(f"{quote_part(column)} {kind}" for column, kind in entry.get("columns", ()))
    options = ", ".join(
        f"{write_text(key)} {write_text(value)}" for key, value in entry.get("options", {}).items()
    )
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted} {f'({columns}) ' if columns else ''}"
        f"USING {entry['provider']} {f'OPTIONS ({options}) ' if options else ''}"
        f"LOCATION {write_text(entry['location'])}"
    )


def describe_catalog(session: Any, known: Entries | None = None) -> Entries:
    """Return the schemas, tables and views that a session can read now.

    :param known: has the entries of what cannot be described any more, as its files are lost.
    """
    entries: Entries = {}
    for catalog in list_catalogs(session.sql):
        if catalog == "system":
            continue
        for schema in list_schemas(session.sql, quote_part(catalog)):
            path = f"{catalog}.{schema}"
            if schema != "default":
                entries[path] = {"type": "schema"}
            for name in (f"{path}.{table}" for table in list_tables(session.sql, path)):
                try:
                    entries[name] = _describe_table(session, name)
                except Exception as error:
                    print(f"The table {name} cannot be read now: {error}", file=sys.stderr)
                    if known and name in known:
                        entries[name] = known[name]
    return entries


def _describe_table(session: Any, name: str) -> dict[str, Any]:
    rows = session.sql(f"DESCRIBE EXTENDED {quote_name(name)}").collect()
    columns, details = read_description([(row.col_name, row.data_type) for row in rows])
    if details["Type"] == "VIEW":
        names = [column for column, _ in columns]
        return {"type": "view", "names": names, "text": read_view(details["View Text"])}
    provider = details["Provider"]
    entry: dict[str, Any] = {"type": "table", "provider": provider, "location": details["Location"]}
    if provider not in _SELF_DESCRIBING:
        entry["columns"] = columns
        entry["options"] = read_source_options(details.get("Table Properties", ""))
    elif provider == "parquet" and not list_files(entry["location"]):
        entry["columns"] = columns  # no file has them
    return entry


def read_description(rows: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Split the rows of DESCRIBE EXTENDED into columns and details."""
    columns = list(takewhile(lambda row: row[0] and not row[0].startswith("#"), rows))
    details = dropwhile(lambda row: not row[0].startswith("# Detailed"), rows)
    return columns, dict(details)


def read_source_options(properties: str) -> dict[str, str]:
    """Read the options of a data source, as DESCRIBE lists them: ``[option.header=true]``."""
    options = {}
    for each in properties.strip("[]").split(", "):
        key, _, value = each.partition("=")
        if key.startswith("option."):
            options[key.removeprefix("option.")] = value
    return options


@contextmanager
def _locked(folder: str | None = None) -> Iterator[str]:
    folder = folder or os.environ["LAKEFLOW_LOCAL_SPARK"]
    lock = os.open(os.path.join(folder, "catalog.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)


def _catalog_file(folder: str) -> str:
    return os.path.join(folder, "catalog.json")


def _session_file(folder: str, session: Any) -> str:
    return os.path.join(folder, f"session-{session.session_id}.json")
