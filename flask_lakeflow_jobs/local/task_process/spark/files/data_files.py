"""Files as Spark finds them: which a path names, and the columns that their folders stand for.

Sail makes all columns of folders such as ``day=2024-01-01`` texts, and knows none if it reads
single files.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from ...paths import drop_scheme
from ..language.sql_names import FILE_FORMATS

#: Returns the path of this machine for one of the workspace, or what is no path of it.
Translate = Callable[[Any], Any]
#: The names and values of a file's folders.
Partition = tuple[tuple[str, str | None], ...]

#: Stands for NULL in the name of a folder.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_MAX_INT = 2**31 - 1
# A random name, and the number of the file unless its folder is a partition.
_SAIL_FILE = re.compile(r"[A-Za-z0-9]{16}(?:_(\d+))?(\.[\w.]+)")
# The types that Spark infers for most values.
_TYPES = {"int": r"-?\d{1,18}", "double": r"-?\d+\.\d+", "date": r"\d{4}-\d\d-\d\d"}


def lower_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of a reader or a writer that have a value, with names in lower case."""
    return {key.lower(): str(value) for key, value in options.items() if value is not None}


def take_path(options: dict[str, Any], path: Any = None) -> Any:
    """Return a path, or else the one that an option names, which is left out of the options."""
    named = [options.pop(each) for each in [*options] if each.lower() == "path"]
    return named[-1] if named and path is None else path


def is_true(options: Mapping[str, str], name: str) -> bool:
    """Return whether an option, whose name is in lower case, is true."""
    return options.get(name, "").lower() == "true"


def wants_changes(options: dict[str, str]) -> bool:
    """Return whether a reader asks for the changes of a table, in place of its rows.

    :param options: with names in lower case.
    """
    return is_true(options, "readchangefeed") or is_true(options, "readchangedata")


def has_headers(options: Mapping[str, str], file_format: str) -> bool:
    """Return whether the files that a reader without a schema reads begin with a header.

    Auto Loader and ``read_files`` assume one in CSV files.

    :param options: of the reader, with names in lower case.
    """
    return file_format.lower() == "csv" and options.get("header", "true").lower() == "true"


def name_rescued(options: Mapping[str, Any], file_format: str, *, is_inferred: bool) -> str | None:
    """Return the name of the column for values that do not fit; ``None`` if there is none.

    :param options: of the reader, with names in lower case.
    :param is_inferred: whether Auto Loader finds the columns.
    """
    name = options.get("rescueddatacolumn") or options.get("cloudfiles.rescueddatacolumn")
    default = "_rescued_data" if is_inferred and file_format.lower() != "binaryfile" else None
    return str(name) if name else default


def is_file_format(name: str) -> bool:
    """Return whether files of a format can be a source."""
    return name.lower() in FILE_FORMATS - {"delta"} | {"cloudfiles"}


def list_files(path: str, pattern: str = "*") -> list[str]:
    """Return the files below a path, which may have ``*`` in it, without hidden ones."""
    path = drop_scheme(path)
    if "://" in path:
        raise NotImplementedError(
            f"A stream of the local workspace reads files of this machine, not {path}. Copy some "
            "to a volume, such as /Volumes/main/raw/in."
        )
    roots = glob.glob(path, recursive=True) if glob.has_magic(path) else [path]
    found = (file for root in roots for file in _walk_files(root))
    return sorted({file for file in found if fnmatch(os.path.basename(file), pattern)})


def list_all_files(paths: Iterable[Any], options: Mapping[str, Any]) -> list[str]:
    """Return the files below some paths that a reader with these options reads."""
    pattern = lower_options(options).get("pathglobfilter", "*")
    return [file for path in paths for file in list_files(str(path), pattern)]


def _walk_files(root: str) -> Iterator[str]:
    if os.path.isfile(root):
        yield root
    for folder, folders, files in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(("_", "."))]
        yield from (os.path.join(folder, each) for each in files if not each.startswith(("_", ".")))


@contextmanager
def named_parts(path: str) -> Iterator[None]:
    """Name the files that the body writes into a folder as Spark does: ``part-00000-…-c000.csv``.

    Code looks for these names, to rename the one file that it has written.
    """
    root, number = drop_scheme(path), uuid4()
    known = {*_walk_files(root)}
    yield
    for file in {*_walk_files(root)} - known:
        folder, name = os.path.split(file)
        if match := _SAIL_FILE.fullmatch(name):
            part = f"part-{int(match[1] or 0):05}-{number}-c000{match[2]}"
            os.rename(file, os.path.join(folder, part))


def has_folders(path: Any) -> bool:
    """Return whether there are files in folders below a path that are no partitions."""
    if not isinstance(path, str) or not path.startswith("/"):
        return False
    folders = (os.path.relpath(os.path.dirname(file), path) for file in list_files(path))
    parts = {part for each in folders for part in each.split(os.sep)}
    return any("=" not in each for each in parts - {os.curdir, os.pardir})


def begin_at_root(path: Any) -> Any:
    """Return a path without a folder as one of DBFS, where Spark of a cluster looks for it.

    Sail would look in its own folder, and return no columns if there is nothing.
    """
    is_relative = isinstance(path, str) and path[:1] not in ("", "/") and ":" not in path
    return f"dbfs:/{path}" if is_relative else path


def expand_pattern(path: Any) -> list[Any]:
    """Return what a pattern such as ``/in/day=*`` matches: Sail finds no rows in such folders."""
    is_pattern = isinstance(path, str) and path.startswith("/") and glob.has_magic(path)
    if not is_pattern or "{" in path:
        return [path]
    return [each for each in sorted(glob.glob(path)) if not os.path.basename(each).startswith("_")]


def find_partition(root: str, file: str) -> Partition:
    """Return the columns of a file below a folder, and none for a pattern or a file."""
    names = os.path.relpath(os.path.dirname(file), root).split(os.sep)
    if names[0] == os.pardir:
        return ()
    pairs = (each.partition("=") for each in names if "=" in each)
    return tuple((unquote(name), _read(value)) for name, _, value in pairs)


def infer_types(partitions: Iterable[Partition]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in (pair for each in partitions for pair in each):
        found.setdefault(name, []).extend(() if value is None else (value,))
    return {name: _infer(values) for name, values in found.items()}


def _read(value: str) -> str | None:
    return None if value == NULL_FOLDER else unquote(value)


def _infer(values: list[str]) -> str:
    for kind, pattern in _TYPES.items():
        if values and all(re.fullmatch(pattern, each) for each in values):
            is_long = kind == "int" and max(abs(int(each)) for each in values) > _MAX_INT
            return "bigint" if is_long else kind
    return "string"


def copy_by_line(file: str, folder: str) -> str:
    """Return a copy of a file that has each value in one line.

    :param folder: keeps the copies.
    """
    with open(file, encoding="utf-8-sig") as source:
        value = json.load(source)
    values = value if isinstance(value, list) else [value]
    text = "".join(json.dumps(each) + "\n" for each in values)
    os.makedirs(folder, exist_ok=True)
    copy = os.path.join(folder, hashlib.sha256(f"{file}{text}".encode()).hexdigest()[:32] + ".json")
    with open(copy, "w", encoding="utf-8") as target:
        target.write(text)
    return copy
