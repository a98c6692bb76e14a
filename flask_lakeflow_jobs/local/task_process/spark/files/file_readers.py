"""Reads files as Spark does: which files a path names, and the columns of files and folders."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable
from copy import copy
from functools import reduce, wraps
from typing import Any

from pyspark.errors import AnalysisException, SparkRuntimeException
from pyspark.sql import functions
from pyspark.sql.types import (
    ArrayType,
    DoubleType,
    LongType,
    NullType,
    StringType,
    StructField,
    StructType,
)

from ...paths import find_address
from ..language.sql_names import FILE_FORMATS, quote_part
from .data_files import (
    NULL_FOLDER,
    Translate,
    begin_at_root,
    copy_by_line,
    expand_pattern,
    find_partition,
    infer_types,
    is_true,
    list_all_files,
    list_files,
    lower_options,
    take_path,
)
from .file_values import parse_schema, read_csv, read_json_files, split_schema

Load = Callable[..., Any]

_UTF_8 = re.compile(r"utf-?8|us-ascii|ascii", re.IGNORECASE)
_INFERRED = frozenset(["avro", "csv", "json", "orc", "parquet"])


def wrap_load(load: Load, translate: Translate) -> Load:
    """Let a reader take paths of the workspace, and fail if its files do not exist."""

    @wraps(load)
    def load_files(
        self: Any, path: Any = None, format: str | None = None, schema: Any = None, **options: Any
    ) -> Any:
        reader = copy(self)  # the one of the task may be used again
        reader._options = {**self._options}
        reader.options(**options)
        path = take_path(reader._options, path)
        if schema is not None:
            reader.schema(schema)
        _refuse_encodings(reader._options)
        source = (format or reader._format or "delta").lower()
        paths = path if isinstance(path, (list, tuple)) else [path]
        if source not in FILE_FORMATS:
            local = [*map(translate, paths)] if path is not None else None
            return load(reader, local, source, reader._schema)
        own = parse_schema(reader._client, reader._schema) if reader._schema else None
        files = _find_files(paths, translate, source, reader._options, has_schema=own is not None)
        # Spark reads NULL in all columns of files.
        return _Files(load, reader, source, files if path is not None else None).read(
            own and own.toNullable()
        )

    return load_files


def _find_files(
    paths: Iterable[Any],
    translate: Translate,
    source: str,
    options: dict[str, Any],
    *,
    has_schema: bool,
) -> list[Any]:
    """Return the files and folders of this machine that Spark reads."""
    paths = [*map(begin_at_root, paths)]
    local = [*map(translate, paths)]
    _require(paths, local, source if source in _INFERRED and not has_schema else None)
    local = [found for each in local for found in expand_pattern(each)]
    if source == "delta":
        return local
    return [file for each in local for file in _leave_out_folders(options, each)]


class _Files:
    """Files of one format that are read together.

    :param load: the method of Sail.
    :param paths: ``None`` if the options name them.
    """

    def __init__(self, load: Load, reader: Any, source: str, paths: list[Any] | None) -> None:
        self._load, self._reader, self._source, self._paths = load, reader, source, paths
        self._folders = _find_folders(paths or []) if source in _INFERRED else {}

    def read(self, schema: StructType | None) -> Any:
        """Read the files.

        :param schema: ``None`` to infer it.
        """
        if self._folders and schema is not None:
            of_files, declared = split_schema(schema, self._folders)
            texts = (StructField(name, StringType()) for name in self._folders)
            schema = StructType([*of_files, *texts])
            self._folders |= {each.name: each.dataType.simpleString() for each in declared}
        if self._source == "binaryfile":
            return _name_paths(self._read_plainly(schema), self._paths or [])
        frame = None
        if self._source == "csv":
            frame = read_csv(self._reader, self._read_plainly, schema)
        elif self._source == "json" and self._paths is not None:
            frame = self._read_json(schema, self._paths)
        if frame is None:
            frame = self._read_plainly(schema)
        return _type_folders(frame, self._folders) if self._folders else frame

    def _read_json(self, schema: Any, paths: list[Any]) -> Any:
        self._paths = paths = _copy_lines(self._reader, paths)
        if schema is None:
            frame = self._read_plainly(None)
            schema = _type_fields(_infer_fields(frame, self._reader, self._load, paths))
        found = read_json_files(self._reader, self._read_lines, schema, self._folders)
        return self._read_plainly(schema) if found is None else found

    def _read_plainly(self, schema: Any) -> Any:
        """Read the files as Sail does."""
        return self._load(self._reader, self._paths, self._source, schema)

    def _read_lines(self) -> Any:
        columns = ", ".join(f"{quote_part(name)} STRING" for name in ("value", *self._folders))
        return self._load(self._reader, self._paths, "text", columns)


def _name_paths(frame: Any, paths: list[Any]) -> Any:
    """Return files with their addresses in the workspace: Sail leaves out the first slash."""
    name = functions.col("path")
    for path in (each for each in paths if isinstance(each, str) and each.startswith("/")):
        rest = functions.expr(f"substring(path, {len(path)})")
        address = functions.concat(functions.lit(find_address(path)), rest)
        name = functions.when(functions.col("path").startswith(path[1:]), address).otherwise(name)
    return frame.withColumn("path", name)


def _refuse_encodings(options: dict[str, Any]) -> None:
    """Refuse texts that are not in UTF-8: Sail would replace their letters."""
    for name, value in options.items():
        if name.lower() in ("charset", "encoding") and not _UTF_8.fullmatch(str(value)):
            raise NotImplementedError(
                f"Sail reads UTF-8 only, not {value}. Read the file with pandas: "
                f"spark.createDataFrame(pandas.read_csv('/Volumes/…', encoding={value!r}))."
            )


def _type_fields(kind: Any) -> Any:
    """Return a type that Sail infers from JSON as Spark does.

    It is sorted, has strings for NULL, and leaves out objects without fields.
    """
    if isinstance(kind, NullType):
        return StringType()
    if isinstance(kind, ArrayType):
        return ArrayType(_type_fields(kind.elementType), kind.containsNull)
    if not isinstance(kind, StructType):
        return kind
    fields = sorted(kind.fields, key=lambda field: field.name)
    own = [StructField(each.name, _type_fields(each.dataType)) for each in fields]
    return StructType([each for each in own if each.dataType != StructType([])])


def _infer_fields(frame: Any, reader: Any, load: Load, paths: list[Any]) -> Any:
    """Return the fields of JSON files, also of those whose types differ, which Sail refuses."""
    try:
        return frame.schema
    except SparkRuntimeException as error:
        if "Fail to merge schema field" not in str(error):
            raise
    files = list_all_files(paths, reader._options)
    return reduce(_merge, (load(reader, [file], "json", None).schema for file in files))


def _merge(kind: Any, other: Any) -> Any:
    """Return the type that Spark infers from values of two types."""
    if kind == other or isinstance(other, NullType):
        return kind
    if isinstance(kind, NullType):
        return other
    if isinstance(kind, StructType) and isinstance(other, StructType):
        kinds = {field.name: field.dataType for field in kind.fields}
        for field in other.fields:
            kinds[field.name] = _merge(kinds.get(field.name, NullType()), field.dataType)
        return StructType([StructField(name, each) for name, each in kinds.items()])
    if isinstance(kind, ArrayType) and isinstance(other, ArrayType):
        return ArrayType(_merge(kind.elementType, other.elementType))
    are_numbers = {kind, other} == {LongType(), DoubleType()}
    return DoubleType() if are_numbers else StringType()


def _find_folders(paths: list[Any]) -> dict[str, str]:
    """Return the columns that folders stand for, and the types of their values."""
    own = [each for each in paths if isinstance(each, str) and each.startswith("/")]
    files = ((each, file) for each in own for file in list_files(each))
    return infer_types(find_partition(*each) for each in files)


def _type_folders(frame: Any, folders: dict[str, str]) -> Any:
    """Give their types to the columns that folders stand for."""
    values = {}
    for name in (each for each in frame.columns if each in folders):
        text = frame[name]
        values[name] = functions.when(text != NULL_FOLDER, text).cast(folders[name])
    return frame.withColumns(values) if values else frame


def _copy_lines(reader: Any, paths: list[Any]) -> list[Any]:
    """Return copies of files with values over several lines, if the options say that they have."""
    own = lower_options(reader._options)
    if not is_true(own, "multiline"):
        return paths
    if not (files := list_all_files(paths, own)):
        return paths
    reader._options = {
        key: value
        for key, value in reader._options.items()
        if key.lower() not in ("multiline", "pathglobfilter")
    }
    folder = os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "json")
    return [copy_by_line(each, folder) for each in files]


def _require(paths: list[Any], local: list[Any], source: str | None) -> None:
    """Require files of this machine.

    :param source: the format, if their columns are found in them; else ``None``.
    """
    for path, file in zip(paths, local, strict=True):
        if not isinstance(file, str) or not file.startswith("/"):
            continue
        # Python's patterns have no {a,b}.
        if not os.path.exists(file) and "{" not in path and not glob.glob(file):
            raise AnalysisException(f"[PATH_NOT_FOUND] Path does not exist: {path}")
        if source is not None and os.path.isdir(file) and not any(e[2] for e in os.walk(file)):
            raise AnalysisException(
                f"[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for {source.upper()}: there is "
                f"no file in {path}. It must be specified manually."
            )


def _leave_out_folders(options: dict[str, Any], path: Any) -> list[Any]:
    """Return the files of a folder that has other folders too, which Spark does not read."""
    is_recursive = is_true(lower_options(options), "recursivefilelookup")
    if is_recursive or not isinstance(path, str) or not os.path.isdir(path):
        return [path]
    entries = [each for each in os.scandir(path) if not each.name.startswith(("_", "."))]
    files = sorted(each.path for each in entries if each.is_file())
    has_others = any(each.is_dir() and "=" not in each.name for each in entries)
    return files if has_others and files else [path]
