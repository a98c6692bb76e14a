"""The catalogs that a bundle names, which Spark has to know before its first statement."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..task_process.spark.language.sql_names import CATALOG_NAME
from ..task_process.spark.tables.spark_catalog import list_saved_catalogs

#: Catalogs that every workspace has. The first is the default one.
BUILT_IN_CATALOGS = ("main", "hive_metastore", "samples", "spark_catalog", "workspace")

_PROVIDED_BY_SPARK = frozenset({"system"})
_SOURCE_SUFFIXES = frozenset({".ipynb", ".json", ".py", ".sql", ".yaml", ".yml"})
_MAX_SOURCE_BYTES = 1024 * 1024
_MAX_SOURCES = 2000
_TABLE_NAME = re.compile(r"([A-Za-z_][\w-]*)\.[\w-]+\.[\w-]+", re.ASCII)

_NAME = r"`?([A-Za-z_][\w-]*)`?"
_EXISTS = r"(?:\s+IF\s+(?:NOT\s+)?EXISTS)?"
_STREAM = r"(?:STREAM\b\s*\(?\s*)?"
_QUOTE = r"\\?[\"']"  # in a notebook's JSON, those of code have a backslash
_TEXT = rf"{_QUOTE}([A-Za-z_][\w-]*){_QUOTE}"
# The rest of the name of a table, perhaps in an f-string such as f"sales.{day}.{names['a.b']}".
_REST = r"\.(?:[`\w-]|\{[^{}\n]*\})+\.[`\w{]"
_IS = rf"{_QUOTE}?\]?\s*(?::\s*\w+\s*)?[=:]\s*"  # = "…", : str = "…", "…": "…"
# Repetitions have limits: a notebook has results in it, such as images.
_IN_SOURCE = re.compile(
    "|".join(
        (
            # In SQL
            rf"\b(?:ALTER|CREATE|DROP|IN|ON|SET|USE)\s+CATALOG{_EXISTS}\s+{_NAME}",
            rf"\b(?:DATABASE|SCHEMA|USE|(?:SCHEMAS|TABLES|VIEWS)\s+IN){_EXISTS}\s+{_NAME}\.`?\w",
            rf"\b(?:FROM|INTO|JOIN|TABLE|UPDATE|USING|VIEW|VOLUME){_EXISTS}\s+{_STREAM}{_NAME}{_REST}(?![\w.]{{0,99}}\s+import\b)",
            # In calls
            rf"\b(?:insertInto|writeTo|forName|\w{{0,40}}table\w{{0,40}})\(\s*(?:[\w.]{{1,99}}\s*,\s*)?f?{_QUOTE}{_NAME}{_REST}",
            rf"\bsetCurrentCatalog\(\s*{_TEXT}",
            rf"\(\s*{_QUOTE}-{{0,2}}\w{{0,40}}catalog\w{{0,40}}{_QUOTE}\s*,\s*(?:\w+\s*=\s*)?{_TEXT}",
            rf"{_QUOTE}-{{0,2}}\w{{0,40}}catalog\w{{0,40}}{_QUOTE}[^()]{{0,200}}?\bdefault\s*=\s*{_TEXT}",
            # In variables, and in files of settings
            rf"catalog\w{{0,40}}{_IS}{_TEXT}",
            rf"(?:table|tbl|view)\w{{0,40}}{_IS}f?{_QUOTE}{_NAME}{_REST}",
            rf"(?:schema|database)\w{{0,40}}{_IS}f?{_QUOTE}{_NAME}\.[\w-]+{_QUOTE}",
            r"^[ -]{0,20}\w{0,40}catalog\w{0,40}:\s*([A-Za-z_][\w-]*)\s*$",
        )
    ),
    re.IGNORECASE | re.ASCII | re.MULTILINE,
)
_KEYWORDS = frozenset({"false", "if", "identifier", "none", "not", "null", "true"})


def find_catalogs(settings: Any) -> set[str]:
    """Return the catalogs in settings or parameters.

    They are the values of fields such as ``catalog`` or ``target_catalog``, and the first part of
    each value that is the name of a table.
    """
    return set(map(str.lower, _walk(settings, ""))) - _PROVIDED_BY_SPARK


def find_catalogs_in_source(text: str) -> set[str]:
    """Return the catalogs that SQL, Python or a file of settings names."""
    names = (next(filter(None, match.groups())).lower() for match in _IN_SOURCE.finditer(text))
    return {*names} - _KEYWORDS - _PROVIDED_BY_SPARK


def find_catalogs_in_file(path: str | None) -> set[str]:
    """Return the catalogs that a notebook, a file of SQL or Python, or one of settings names.

    :param path: of the file. Others, and ones that are too large, name none.
    """
    if path is None or not _is_source(file := Path(path)):
        return set()
    try:
        status = file.stat()
        return set(_read_catalogs(file, status.st_mtime_ns, status.st_size))
    except OSError:  # removed since it was listed
        return set()


def find_catalogs_in_folder(root: Path) -> set[str]:
    """Return the catalogs that the notebooks and the files of a folder name."""
    return {name for path in _list_sources(root) for name in find_catalogs_in_file(str(path))}


def find_saved_catalogs(folder: Path) -> set[str]:
    """Return the catalogs with tables of earlier runs.

    Without them, the next run could not load these tables, and would remove them from the file.

    :param folder: that of Spark.
    """
    try:
        names = list_saved_catalogs(str(folder))
    except (OSError, ValueError):
        return set()
    return set(filter(CATALOG_NAME.fullmatch, names)) - _PROVIDED_BY_SPARK


def _walk(value: Any, field: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        # A job parameter is a mapping with its name and its value.
        name = value.get("name") if isinstance(value.get("name"), str) else None
        for key, each in value.items():
            yield from _walk(each, name if name and key in ("default", "value") else str(key))
    elif isinstance(value, list):
        previous = ""
        for each in value:
            yield from _walk(each, previous)
            is_name = isinstance(each, str) and each.startswith("-") and "=" not in each
            previous = each if is_name else ""
    elif isinstance(value, str):
        option, is_option, argument = value.partition("=")
        if is_option and option.startswith("-"):
            field, value = option, argument
        if "catalog" in field.lower() and CATALOG_NAME.fullmatch(value):
            yield value
        elif match := _TABLE_NAME.fullmatch(value):
            yield match[1]


def _list_sources(root: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [
            each for each in folders if not each.startswith(".") and each != "node_modules"
        ]
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for name in files:
            path = Path(folder, name)
            if _is_source(path):
                yield path
                count += 1
                if count == _MAX_SOURCES:
                    return


def _is_source(path: Path) -> bool:
    # Others are pipes, or dead links.
    return path.suffix in _SOURCE_SUFFIXES and path.is_file()


@lru_cache(_MAX_SOURCES)
def _read_catalogs(path: Path, version: int, size: int) -> frozenset[str]:
    """Read a file, once for each of its versions: each run looks for new catalogs."""
    if size > _MAX_SOURCE_BYTES:
        return frozenset()
    text = path.read_text(encoding="utf-8", errors="replace")
    return frozenset(find_catalogs_in_source(text))
