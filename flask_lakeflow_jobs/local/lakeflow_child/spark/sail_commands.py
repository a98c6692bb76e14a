"""Commands of Databricks on Sail: catalogs, schemas, volumes and views, and what need not run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from ..sql_statements import (
    NO_METRICS,
    describe_skipped,
    find_skipped,
    remove_comments,
    replace_identifiers,
)
from .sail import CATALOG_NAME
from .sql_names import NAME_PART, find_current, find_schema, quote_part
from .sql_text import Query

# Sail does not know these either.
_SKIPPED_ON_SAIL = re.compile(
    r"\s*(?:(COMMENT\s+ON|SET\s+TIME\s*ZONE"
    r"|ALTER\s+(?:SCHEMA|DATABASE|CATALOG|VOLUME|MATERIALIZED\s+VIEW|STREAMING\s+TABLE))"
    r"|ALTER\b.*?\b(ROW\s+FILTER|(?:SET|DROP)\s+MASK))\b",
    re.IGNORECASE | re.DOTALL,
)
_NAME = rf"({NAME_PART})"
#: Creates or uses a catalog.
CATALOG = re.compile(
    r"\s*(CREATE|USE|SET)\s+CATALOG\s+(?:IF\s+NOT\s+EXISTS\s+)?(?!IF\s+NOT\b)['\"]?"
    rf"{_NAME}['\"]?",
    re.IGNORECASE,
)
_VOLUME = re.compile(
    r"\s*(CREATE|DROP)\s+(?:EXTERNAL\s+)?VOLUME\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    rf"{_NAME}(?:\.{_NAME})?(?:\.{_NAME})?(?=[\s;]|$)",
    re.IGNORECASE,
)
_USE = re.compile(
    rf"\s*USE\s+(?:(?:SCHEMA|DATABASE)\s+)?(?:{_NAME}\.)?{_NAME}\s*;?\s*$", re.IGNORECASE
)
_METRICS = re.compile(r"\s*CREATE\s+(?:OR\s+\w+\s+)?VIEW\b.*?\bWITH\s+METRICS\b", re.I | re.S)
_ALTER_VIEW = re.compile(rf"\s*ALTER\s+VIEW\s+({_NAME}(?:\.{_NAME})*)\s+AS\b", re.IGNORECASE)
_REFRESHED = re.compile(
    r"\bCREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?(?:STREAMING\s+(TABLE)|MATERIALIZED\s+(VIEW))\b"
    r"(?:\s+IF\s+NOT\s+EXISTS\b)?",
    re.IGNORECASE,
)
_STREAM = re.compile(
    rf"\b((?:FROM|JOIN)\s+)STREAM(?:\s*\(\s*({_NAME}(?:\.{_NAME})*)\s*\)|\s+(?={_NAME}))",
    re.IGNORECASE,
)
# Sail refuses features of tables that it does not know, and adds by itself what a table needs.
_FEATURE = re.compile(r"(?<![\w.])delta\.(?=feature\.(?!allowColumnDefaults\b))", re.IGNORECASE)


def rewrite(
    statement: str, query: Query, mounts: dict[str, str], require: Callable[[str], None]
) -> str:
    """Return a statement that Sail can run in place of a command of Databricks.

    :param query: runs a statement of Sail.
    :param mounts: the folders of this machine by their paths in the workspace.
    :param require: makes the catalog of a statement known.
    :raises ValueError: a catalog cannot have its name, or Sail has no such object.
    """
    bare = remove_comments(statement)
    if name := find_skipped(bare):
        return _skip(name)
    if match := _SKIPPED_ON_SAIL.match(bare):
        return _skip(match[1].upper() if match[1] else f"ALTER … {match[2].upper()}")
    named = replace_identifiers(statement, lambda text: query(f"SELECT {text}").collect()[0][0])
    bare = remove_comments(named)
    require(bare)
    if match := CATALOG.match(bare):
        name = match[2].strip("`")
        if match[1].upper() == "CREATE":
            return _check_catalog(name)
        used = f"USE CATALOG {quote_part(name)}"
        if name.lower() == "system":  # which has no schema default
            return used
        query(used).collect()
        return "USE SCHEMA default"  # Sail keeps the schema of the catalog before
    if match := _VOLUME.match(bare):
        verb, *names = (part.strip("`") for part in match.groups() if part)
        return _change_volume(verb.upper(), names, query, mounts)
    if _METRICS.match(bare):
        raise ValueError(NO_METRICS.format("Sail"))
    if match := _ALTER_VIEW.match(bare):
        named = f"CREATE OR REPLACE VIEW {match[1]} AS {bare[match.end() :]}"
    if re.match(r"\s*(?:CREATE|ALTER)\b", bare, re.IGNORECASE):
        named = _FEATURE.sub("", named)
    if _REFRESHED.match(bare.lstrip()):
        named = _create_whole(named)
    if schema := find_schema(bare):
        query(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    if match := _USE.match(bare):
        if match[1]:
            query(f"USE CATALOG {match[1]}").collect()
        return f"USE SCHEMA {match[2]}"
    return named


def _skip(name: str) -> str:
    return f"SELECT '{describe_skipped(name)}' AS message"


def _check_catalog(name: str) -> str:
    if not CATALOG_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a catalog in the local workspace. Write only letters, digits, "
            "'_' and '-' in it."
        )
    return f"SELECT 'The catalog {name} exists.' AS message"


def _change_volume(verb: str, names: list[str], query: Query, mounts: dict[str, str]) -> str:
    """Create or drop the folder of a volume.

    :raises ValueError: its name would be another folder.
    """
    path = names
    if len(path) < 3:
        path = [*find_current(query)[: 3 - len(path)], *path]
    if bad := [name for name in path if os.sep in name or name in (".", "..")]:
        raise ValueError(f"{bad[0]!r} is no name of a volume, a schema or a catalog.")
    folder = os.path.join(mounts["/Volumes"], *path)
    if verb == "CREATE":
        os.makedirs(folder, exist_ok=True)
        return f"SELECT 'The volume {'.'.join(names)} exists.' AS message"
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)
    return f"SELECT 'The volume {'.'.join(names)} is removed.' AS message"


def _create_whole(statement: str) -> str:
    """Create a streaming table or a materialized view whole, since Sail has none of them."""
    created = _REFRESHED.sub(
        lambda match: f"CREATE OR REPLACE {match[1] or match[2]}", statement, 1
    )
    return _STREAM.sub(lambda match: match[1] + (match[2] or ""), created)
