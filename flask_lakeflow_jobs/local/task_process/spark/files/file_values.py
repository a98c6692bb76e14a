"""Values of CSV and JSON files as Databricks reads them: Sail fails where one is not of its type.

Apache Spark, documentation of CSV and JSON files: by default (``PERMISSIVE``), such a value is
NULL. Of CSV, Sail knows no ``nullValue`` and no formats of dates either, and infers ``BIGINT`` for
all integers. So all columns are read as texts. Lines of JSON are too, and converted by a function
of Sail that does the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import reduce
from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import ArrayType, LongType, MapType, StringType, StructField, StructType

from ..language.sql_names import quote_part
from .data_files import is_true, lower_options

#: Reads the files with a schema.
Read = Callable[[Any], Any]

_FORMATS = {"date": "dateformat", "timestamp": "timestampformat"}
#: Functions that cut blanks off texts, and the same ones for names.
_CUTS: dict[str, Callable[[str], str]] = {
    "ltrim": str.lstrip,
    "rtrim": str.rstrip,
    "trim": str.strip,
}
_NESTED = ("array", "map", "struct", "variant")
#: What values of a type look like, the more special types first. Numbers without a fraction and
#: booleans have no blanks around them.
_INFERRED = {
    "int": r"^[+-]?\d{1,10}$",
    "bigint": r"^[+-]?\d{1,19}$",
    "double": r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$|^NaN$",
    "boolean": r"^(?i:true|false)$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "timestamp": r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?$",
}
#: Sail converts more texts to these types than Databricks, such as ``yes`` and `` 7 ``.
_STRICT = {
    **dict.fromkeys(("tinyint", "smallint", "int"), _INFERRED["int"]),
    **{kind: _INFERRED[kind] for kind in ("bigint", "boolean")},
}
#: A few rows exclude most types, which takes much longer with all of them.
_FIRST_ROWS = 1000
_PLAIN = frozenset(["inferschema", "pathglobfilter", "primitivesasstring", "recursivefilelookup"])
_ROW = "_lakeflow_row"
_NO_ROWS = r"^\s*(\[\s*\]\s*)?$"
# Sail fails at a value that is not of these types, or lets a number that is too large wrap around.
_TEXTS = ("date", "decimal", "timestamp")
_SMALL = ("tinyint", "smallint", "int")


def read_csv(reader: Any, read: Read, schema: StructType | None) -> Any:
    """Read CSV files; return ``None`` if Sail reads them as Databricks does.

    :param reader: whose options are changed.
    :param schema: a type; ``None`` to infer it.
    """
    options = lower_options(reader._options)
    if _find_mode(options) == "PERMISSIVE":  # a line with fewer columns has NULL
        reader._options.setdefault("allowTruncatedRows", "true")
    for name in ("sep", "delimiter"):
        if options.get(name) == r"\t":
            reader.option(name, "\t")
    if schema is None:
        return _read_undeclared(reader, read, options)
    return _read_declared(read, schema.fields, options)


def _find_mode(options: dict[str, str]) -> str:
    return options.get("mode", "PERMISSIVE").upper()


def _read_undeclared(reader: Any, read: Read, options: dict[str, str]) -> Any:
    cut, null = _find_cut(options), options.get("nullvalue", "")
    frame = _read_texts(reader, read)
    texts = {name: _text(name, null, cut) for name in frame.columns}
    if is_true(options, "inferschema"):
        frame = frame.withColumns(_infer_types(frame, texts, options))
    elif null or cut:
        frame = frame.withColumns(texts)
    return frame.toDF(*map(_CUTS[cut], frame.columns)) if cut else frame


def _read_declared(read: Read, fields: list[StructField], options: dict[str, str]) -> Any:
    mode, cut, null = _find_mode(options), _find_cut(options), options.get("nullvalue", "")
    kinds = {each.name: each.dataType.simpleString() for each in fields}
    corrupt = options.get("columnnameofcorruptrecord", "_corrupt_record")
    has_corrupt = kinds.pop(corrupt, None) is not None
    is_plain = not has_corrupt and set(kinds.values()) == {"string"} and not (null or cut)
    is_nested = any(kind.startswith(_NESTED) for kind in kinds.values())
    if is_plain or is_nested or mode == "FAILFAST":
        return None
    frame = read(", ".join(f"{quote_part(name)} STRING" for name in kinds))
    texts = {name: _text(name, null, cut) for name in kinds}
    values = {name: _convert(texts[name], kind, options) for name, kind in kinds.items()}
    if mode == "DROPMALFORMED":
        for name, value in values.items():
            frame = frame.where(texts[name].isNull() | value.isNotNull())
    if has_corrupt:
        values[corrupt] = _find_corrupt(texts, values, options.get("sep", ","))
    return frame.withColumns(values)


def _read_texts(reader: Any, read: Read) -> Any:
    """Read files without a schema, and all values as texts."""
    own = reader._options
    reader._options = {key: own[key] for key in own if key.lower() != "inferschema"}
    frame = read(None)
    if "" in frame.columns:  # such as that of the index of pandas
        frame = frame.toDF(*(name or f"_c{n}" for n, name in enumerate(frame.columns)))
    return frame


def _infer_types(frame: Any, texts: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    """Convert the texts of each column to the first type that all of them are of."""
    kinds = {name: [*_INFERRED] for name in texts}
    found: dict[tuple[str, str], bool | None] = {}
    for rows in (frame.limit(_FIRST_ROWS), frame):
        found = _test_kinds(rows, texts, kinds, options)
        kinds = {
            name: [each for each in kinds[name] if found[name, each] is not False] for name in texts
        }
    values = {}
    for name, text in texts.items():
        certain = (kind for kind in kinds[name] if found[name, kind])
        values[name] = _convert(text, next(certain, "string"), options)
    return values


def _test_kinds(
    frame: Any, texts: dict[str, Any], kinds: dict[str, list[str]], options: dict[str, str]
) -> dict[tuple[str, str], bool | None]:
    """Return whether all values of columns are of some types; ``None`` if all are NULL."""
    pairs = [(name, kind) for name in texts for kind in kinds[name]]
    tests = [
        functions.min(_is_of(kind, texts[name], options)).alias(str(number))
        for number, (name, kind) in enumerate(pairs)
    ]
    return dict(zip(pairs, frame.agg(*tests).first(), strict=True)) if tests else {}


def _is_of(kind: str, text: Any, options: dict[str, str]) -> Any:
    """Test whether a text is of a type; NULL for NULL."""
    test = _convert(text, kind, options).isNotNull()
    if kind not in _STRICT and options.get(_FORMATS.get(kind, "")) is None:
        test &= text.rlike(_INFERRED[kind])
    return functions.when(text.isNotNull(), test)


def _find_corrupt(texts: dict[str, Any], values: dict[str, Any], separator: str) -> Any:
    """Return the line of a row with a value that is not of its type, from its texts."""
    tests = (texts[name].isNotNull() & values[name].isNull() for name in texts)
    is_corrupt = reduce(lambda test, other: test | other, tests)
    filled = (functions.coalesce(text, functions.lit("")) for text in texts.values())
    return functions.when(is_corrupt, functions.concat_ws(separator, *filled))


def parse_schema(session: Any, schema: Any) -> Any:
    """Return the type of a schema, which may be its JSON or its text."""
    if isinstance(schema, str) and schema.lstrip().startswith("{"):
        return StructType.fromJson(json.loads(schema))
    return session.createDataFrame([], schema).schema if isinstance(schema, str) else schema


def split_schema(schema: StructType, folders: Collection[str]) -> tuple[StructType, StructType]:
    """Return the columns of the files themselves, and those that their folders stand for."""
    of_files = [each for each in schema.fields if each.name not in folders]
    of_folders = [each for each in schema.fields if each.name in folders]
    return StructType(of_files), StructType(of_folders)


def _find_cut(options: dict[str, str]) -> str:
    """Return the function that cuts blanks off the texts, which Sail keeps; empty for none."""
    is_cut = [is_true(options, f"ignore{side}whitespace") for side in ("leading", "trailing")]
    if all(is_cut):
        return "trim"
    return "ltrim" if is_cut[0] else "rtrim" if is_cut[1] else ""


def _text(name: str, null: str, cut: str) -> Any:
    text = functions.col(quote_part(name))
    if cut:
        text = getattr(functions, cut)(text)
    return functions.when(text != null, text) if null else text


def _convert(text: Any, kind: str, options: dict[str, str]) -> Any:
    if kind == "string":
        return text
    if pattern := options.get(_FORMATS.get(kind, "")):
        return functions.try_to_timestamp(text, functions.lit(pattern)).cast(kind)
    if pattern := _STRICT.get(kind):
        return functions.when(text.rlike(pattern), text.try_cast(kind))
    return parse_date(text) if kind == "date" else text.try_cast(kind)


def parse_date(text: Any) -> Any:
    """Return the date of a text, which may have a time too; NULL if it has none.

    Sail's cast to a date takes no time, and its cast to a time takes a year alone.
    """
    return functions.when(text.contains("-"), text.try_cast("timestamp")).cast("date")


def read_json_files(reader: Any, read: Any, schema: StructType, folders: Collection[str]) -> Any:
    """Read JSON files with a schema; return ``None`` if an option asks for more than this does.

    :param read: reads the files as texts, with the columns of their folders.
    :param folders: the columns that folders stand for.
    """
    if {*map(str.lower, reader._options)} - _PLAIN:
        return None
    if any(field.name == "_corrupt_record" for field in schema.fields):
        return None
    rows = read()
    rows = rows.where(~rows.value.rlike(_NO_ROWS))
    of_lines, _ = split_schema(schema, folders)
    # A line may be an array, which has several rows.
    text = functions.trim("value")
    array = functions.when(text.startswith("["), text).otherwise(
        functions.format_string("[%s]", text)
    )
    found = functions.from_json(array, ArrayType(_widen(of_lines)))
    rows = rows.withColumn(_ROW, functions.explode_outer(found))
    row = functions.col(_ROW)
    values = (_narrow(row[each.name], each.dataType).alias(each.name) for each in of_lines)
    return rows.select(*values, *folders)


def _widen(kind: Any) -> Any:
    """Return a type that takes all values, from which a type is converted."""
    if isinstance(kind, StructType):
        return StructType([StructField(each.name, _widen(each.dataType)) for each in kind.fields])
    if isinstance(kind, ArrayType):
        return ArrayType(_widen(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _widen(kind.valueType))
    if kind.simpleString().startswith(_TEXTS):
        return StringType()
    return LongType() if kind.simpleString() in _SMALL else kind


def _narrow(value: Any, kind: Any) -> Any:
    if _widen(kind) == kind:
        return value
    if kind.simpleString() == "date":
        return parse_date(value)
    if kind.simpleString() == "timestamp":
        seconds = value.try_cast("bigint").cast(kind)
        return functions.coalesce(seconds, value.try_cast(kind))
    return value.try_cast(kind)


def infer_texts(files: Iterable[str], hints: Any) -> Any:
    """Return the columns of JSON files as Auto Loader infers them: texts, also of nested values.

    :param hints: fields with other types.
    """
    names: set[str] = set()
    for file in files:
        with open(file, encoding="utf-8-sig") as lines:
            for line in lines:
                with suppress(ValueError):  # it is NULL in all columns
                    value = json.loads(line)
                    names.update(value if isinstance(value, dict) else ())
    known = {field.name: field for field in hints}
    return StructType([known.get(each, StructField(each, StringType())) for each in sorted(names)])
