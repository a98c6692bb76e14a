"""The table function ``read_files`` on Sail, which lacks it: each call becomes a temporary view."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from ...function_calls import FunctionCall, replace_calls
from ..language.sql_names import hide_metadata
from .data_files import Translate, list_files
from .file_sources import METADATA, FileSource

Evaluate = Callable[[str], Any]

#: How the names of the views begin.
FILES_PREFIX = "lakeflow_files_"

_OPTION = re.compile(r"\s*(?:`([^`]+)`|([\w.]+))\s*=>\s*(.*)", re.DOTALL)
# The options of read_files by those of readers; others are the same.
_OPTIONS = {
    "filenamepattern": "pathGlobFilter",
    "format": "cloudFiles.format",
    "infercolumntypes": "cloudFiles.inferColumnTypes",
    "schema": "schema",
    "schemahints": "cloudFiles.schemaHints",
}
_OTHERS = {"jsonl": "json", "ndjson": "json", "tsv": "csv", "txt": "text"}
_FORMATS = {each: each for each in ("avro", "csv", "json", "orc", "parquet")} | _OTHERS


def replace_read_files(statement: str, define: Callable[[FunctionCall, bool], str]) -> str:
    """Replace each call of ``read_files`` by the name of a view of the files.

    :param statement: without comments.
    :param define: defines a view, perhaps with the column ``_metadata``, and returns its name.
    """
    has_metadata = METADATA in statement
    views: list[str] = []

    def write(call: FunctionCall) -> str:
        views.append(define(call, has_metadata))
        return views[-1]

    replaced = replace_calls(statement, ["read_files"], write, must_end=True)
    for each in views if has_metadata else ():
        replaced = hide_metadata(replaced, each)
    return replaced


def view_files(
    session: Any, evaluate: Evaluate, translate: Translate, call: FunctionCall, has_metadata: bool
) -> str:
    """Return the name of a new view of the files of a call."""
    path, settings = read_options(call.arguments, evaluate)
    path = str(translate(path))
    schema = settings.pop("schema", None)
    if "cloudFiles.format" not in settings:
        settings["cloudFiles.format"] = find_format(path)
    source = FileSource(session, path, "cloudFiles", schema, settings)
    return create_view((source.with_metadata() if has_metadata else source).read_all())


def create_view(frame: Any) -> str:
    """Return the name of a new view of a frame, for a statement."""
    view = f"{FILES_PREFIX}{os.urandom(8).hex()}"
    # A global view is not among the tables of a schema.
    frame.createOrReplaceGlobalTempView(view)
    return f"global_temp.{view}"


def read_options(arguments: list[str], evaluate: Evaluate) -> tuple[str, dict[str, str]]:
    """Return the path of a call, and its options by the names of Auto Loader's."""
    path, settings = "", {"cloudFiles.inferColumnTypes": "true"}
    for argument in arguments:
        if match := _OPTION.fullmatch(argument):
            name = match[1] or match[2]
            value = evaluate(match[3])
            text = str(value).lower() if isinstance(value, bool) else str(value)
            settings[_OPTIONS.get(name.lower(), name)] = text
        else:
            path = str(evaluate(argument))
    return path, settings


def find_format(path: str) -> str:
    """Return the format of the files of a path by their names, or by the end of the path.

    :raises ValueError: they name none, or there are no files.
    """
    files = list_files(path)
    for file in (*files, path):
        for extension in os.path.basename(file).lower().split(".")[:0:-1]:
            if extension in _FORMATS:
                return _FORMATS[extension]
    if not files:
        raise ValueError(f"[PATH_NOT_FOUND] Path does not exist: {path}")
    raise ValueError(
        "read_files does not find the format of the files. Name it, as in format => 'csv'."
    )
