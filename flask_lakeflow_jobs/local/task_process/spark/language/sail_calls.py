"""Calls of functions whose results Sail computes otherwise than Databricks. Pure.

Each rule is written once, for SQL and for frames: it writes its call with a ``CallWriter``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

#: How Databricks writes a time in JSON.
MILLISECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"

#: Longer calls of ``map`` stay as they are.
_MOST_IN_MAP = 100
_TIMESTAMP = re.compile(r"(?<=[\s:<])TIMESTAMP(?=\s*(?:[,>]|$|NOT\b|COMMENT\b))", re.IGNORECASE)


class CallWriter(Protocol):
    """Writes values, which are texts of SQL or columns of frames; numbers stand for themselves."""

    def call(self, name: str, *arguments: Any) -> Any:
        """Write a call of a function or an operator."""

    def cast(self, value: Any, kind: str) -> Any:
        """Write a cast to a type."""

    def try_cast(self, value: Any, kind: str) -> Any:
        """Write a cast that has NULL for a value that is not of the type."""

    def literal(self, value: str | None) -> Any:
        """Write a constant."""

    def unit(self, name: str) -> Any:
        """Write a unit of time."""

    def column(self, name: str) -> Any:
        """Write a column."""

    def transform(self, array: Any, change: Callable[[Any], Any]) -> Any:
        """Write a call that changes each element."""

    def is_column(self, value: Any) -> bool:
        """Return whether a value is a column alone."""

    def read(self, value: Any, default: Any = "") -> Any:
        """Return the constant that a value is, or a default for another value."""

    def read_array(self, value: Any) -> list[Any] | None:
        """Return the elements of a call of ``array``."""


#: Returns what a call is for Sail, from its arguments; ``None`` if it stays as it is.
Rule = Callable[..., Any]


def correct_call(write: CallWriter, name: str, arguments: Sequence[Any]) -> Any:
    """Return a call as Sail has to compute it; ``None`` if it stays as it is.

    :param name: in lower case.
    """
    own = arguments
    if name in OF_TEXTS and arguments and write.is_column(arguments[0]):
        arguments = [write.cast(arguments[0], "STRING"), *arguments[1:]]
    elif name in _OF_DOUBLES and any(map(write.is_column, arguments)):
        arguments = [write.cast(e, "DOUBLE") if write.is_column(e) else e for e in arguments]
    rule = _RULES.get((name, len(arguments)))
    corrected = rule(write, *arguments) if rule else None
    return write.call(name, *arguments) if corrected is None and arguments is not own else corrected


def split_times(schema: str) -> tuple[str, str] | None:
    """Return a schema of JSON with texts in place of times, and the type to cast its value to.

    :return: ``None`` if the schema has no times.
    """
    texts, count = _TIMESTAMP.subn("STRING", schema)
    is_type = re.match(r"\s*(?:array|map|struct)\s*<", schema, re.IGNORECASE)
    return (texts, schema if is_type else f"STRUCT<{schema}>") if count else None


def check_path(path: Any) -> None:
    """Refuse a path of JSON that Sail does not read."""
    if isinstance(path, str) and "[*]" in path:
        raise NotImplementedError(
            f"Sail reads no [*] in a path of JSON ({path}). Parse the text with from_json, and "
            "take the field of each element with transform."
        )


def _cast(kind: str) -> Rule:
    return lambda write, value: write.cast(value, kind)


def _cast_result(name: str, kind: str) -> Rule:
    return lambda write, *arguments: write.cast(write.call(name, *arguments), kind)


def _rename(name: str) -> Rule:
    return lambda write, *arguments: write.call(name, *arguments)


def _count_distinct(write: CallWriter, value: Any, error: Any = None) -> Any:
    return write.call("approx_count_distinct", write.cast(value, "STRING"))


def _make_nullable(name: str) -> Rule:
    def make_nullable(write: CallWriter, first: Any, second: Any) -> Any:
        if write.read(second) is None:
            return None

        def allow_null(array: Any) -> Any:
            longer = write.call("array_append", array, write.literal(None))
            return write.call("slice", longer, 1, write.call("size", array))

        return write.call(name, allow_null(first), allow_null(second))

    return make_nullable


def _make_map(name: str) -> Rule:
    def make_map(write: CallWriter, *arguments: Any) -> Any:
        if all(isinstance(write.read(each, None), str) for each in arguments):
            return None  # options of a function, which have to be constants
        return write.call("map_concat", write.call(name, *arguments))

    return make_map


def _find_percentile(write: CallWriter, value: Any, by: Any, accuracy: Any = None) -> Any:
    if (shares := write.read_array(by)) is not None:
        return write.call("array", *(_find_percentile(write, value, each) for each in shares))
    rank = write.call("ceil", write.call("*", by, write.call("count", value)))
    place = write.cast(write.call("greatest", write.call("-", rank, 1), 0), "INT")
    return write.call("get", write.call("sort_array", write.call("collect_list", value)), place)


def _round(write: CallWriter, value: Any, *places: Any) -> Any:
    return write.call("bround", write.cast(value, "DOUBLE"), *places)


def _round_down(name: str) -> Rule:
    return lambda write, value, places: write.call(
        name, write.cast(value, "DECIMAL(38, 15)"), places
    )


def _cut(name: str) -> Rule:
    def cut(write: CallWriter, text: Any, length: Any) -> Any:
        if str(write.read(length)).isdecimal():
            return None
        is_negative = write.call("<", length, 0)
        return write.call(name, text, write.call("if", is_negative, 0, length))

    return cut


def _split(write: CallWriter, text: Any, by: Any, *limit: Any) -> Any:
    if write.read(by, None) != "":
        return None
    empty = write.literal("")
    parts = write.call("array_remove", write.call("split", text, by, *limit), empty)
    is_empty = write.call("==", text, empty)
    return write.call("if", is_empty, write.call("array", empty), parts)


def _capitalize(write: CallWriter, text: Any) -> Any:
    def begin(word: Any) -> Any:
        first = write.call("upper", write.call("left", word, 1))
        return write.call("concat", first, write.call("lower", write.call("substring", word, 2)))

    blank = write.literal(" ")
    words = write.transform(write.call("split", text, blank), begin)
    return write.call("array_join", words, blank)


def _read_unit(write: CallWriter, field: Any) -> str:
    """Return the unit of time that a value is, in lower case: a text, or in SQL a word."""
    return str(write.read(field, field)).lower()


def _find_day_of_week(write: CallWriter, field: Any, time: Any) -> Any:
    is_day = _read_unit(write, field) in ("dow", "dayofweek")
    return write.call("dayofweek", time) if is_day else None


def _count_days(name: str) -> Rule:
    def count(write: CallWriter, unit: Any, start: Any, end: Any) -> Any:
        if _read_unit(write, unit) != "day":
            return None
        hours = write.call(name, write.unit("HOUR"), start, end)
        return write.cast(write.call("/", hours, 24), "BIGINT")

    return count


def _read_json(write: CallWriter, text: Any, schema: Any) -> Any:
    written = str(write.read(schema))
    if written.startswith("{"):  # a type of a frame
        from pyspark.sql.types import _parse_datatype_json_string

        written = _parse_datatype_json_string(written).simpleString()
    if (kinds := split_times(written)) is None:
        return None
    return write.try_cast(write.call("from_json", text, write.literal(kinds[0])), kinds[1])


def _write_json(write: CallWriter, value: Any) -> Any:
    names = write.literal("timestampFormat"), write.literal(MILLISECONDS)
    return write.call("to_json", value, write.call("map", *names))


def _check_json_path(write: CallWriter, text: Any, path: Any) -> None:
    if write.is_column(path):  # which has NULL there
        raise NotImplementedError(
            "Sail reads a path of JSON that is a constant. Write one in place of the column, or "
            "parse the text with from_json."
        )
    check_path(write.read(path))


def _find_nan(write: CallWriter, value: Any) -> Any:
    no = write.call("isnotnull", write.literal(None))
    return write.call("coalesce", write.call("isnan", value), no)


def _refuse_several(*_: Any) -> None:
    raise NotImplementedError(
        "Sail returns one value of max_by and min_by. Number the rows with row_number() OVER (… "
        "ORDER BY …) and filter them, or sort an array of structs: sort_array(collect_list(…))."
    )


def find_element(write: CallWriter, array: Any, place: Any, *, is_lenient: bool) -> Any:
    """Write the element of an array at a place that is no constant.

    :param is_lenient: whether a place outside of the array has NULL.
    """
    if is_lenient:
        return write.call("get", array, place)
    # A place below zero becomes one behind the array, where Sail has an error too.
    return write.call("element_at", array, write.call("+", write.call("&", place, 2**32 - 1), 1))


#: Rules by the name of a function and the number of its arguments. Comments say what Sail does.
_RULES: dict[tuple[str, int], Rule] = {
    # It counts no values of some types, such as DOUBLE, and takes no error.
    ("approx_count_distinct", 1): _count_distinct,
    ("approx_count_distinct", 2): _count_distinct,
    # It refuses two arrays if only one of them may have NULL.
    ("array_except", 2): _make_nullable("array_except"),
    ("array_union", 2): _make_nullable("array_union"),
    # It returns a value between two others, and takes no array of shares.
    ("approx_percentile", 2): _find_percentile,
    ("approx_percentile", 3): _find_percentile,
    ("percentile_approx", 2): _find_percentile,
    ("percentile_approx", 3): _find_percentile,
    # It counts the microseconds of a time.
    ("bigint", 1): _cast("BIGINT"),
    # It lacks the ids of pandas on Spark.
    ("distributed_id", 0): _rename("monotonically_increasing_id"),
    # It rounds half up.
    ("bround", 1): _round,
    ("bround", 2): _round,
    ("rint", 1): _round,
    # It rounds a DOUBLE before.
    **{(name, 2): _round_down(name) for name in ("ceil", "ceiling", "floor")},
    # The result for a date has no time zone.
    ("date_trunc", 2): _cast_result("date_trunc", "TIMESTAMP"),
    # The result is a BIGINT. With a unit, it counts midnights.
    ("date_diff", 2): _cast_result("date_diff", "INT"),
    ("date_diff", 3): _count_days("date_diff"),
    ("datediff", 2): _cast_result("datediff", "INT"),
    ("datediff", 3): _count_days("datediff"),
    ("timestampdiff", 3): _count_days("timestampdiff"),
    # A Sunday is 0, and its weekday -1.
    ("date_part", 2): _find_day_of_week,
    ("datepart", 2): _find_day_of_week,
    ("extract", 2): _find_day_of_week,
    ("weekday", 1): lambda write, day: write.call("pmod", write.call("weekday", day), 7),
    # It reads no time with a T.
    ("from_json", 2): _read_json,
    ("to_date", 1): lambda write, text: write.call("to_date", write.cast(text, "TIMESTAMP_NTZ")),
    # It takes whole numbers alone.
    ("try_divide", 2): lambda write, value, by: write.call("/", value, write.call("nullif", by, 0)),
    # It lacks try_to_date.
    ("try_to_date", 1): lambda write, text: write.cast(
        write.try_cast(text, "TIMESTAMP_NTZ"), "DATE"
    ),
    ("try_to_date", 2): lambda write, text, form: write.cast(
        write.call("try_to_timestamp", text, form), "DATE"
    ),
    # It finds nothing with [*].
    ("get_json_object", 2): _check_json_path,
    # It makes a DOUBLE of a decimal and an integer.
    ("ifnull", 2): _rename("coalesce"),
    ("nvl", 2): _rename("coalesce"),
    # It begins a word after each sign.
    ("initcap", 1): _capitalize,
    ("current_metastore", 0): lambda write: write.literal("local"),
    # It has NULL for NULL.
    ("isnan", 1): _find_nan,
    # It lacks the name of a row's file.
    ("input_file_name", 0): lambda write: write.column("_metadata.file_path"),
    # It counts a negative length from the other end.
    ("left", 2): _cut("left"),
    ("right", 2): _cut("right"),
    # It explodes no map whose values cannot be NULL.
    **{("map", count): _make_map("map") for count in range(2, _MOST_IN_MAP, 2)},
    ("map_from_arrays", 2): _make_map("map_from_arrays"),
    ("map_from_entries", 1): _make_map("map_from_entries"),
    # It leaves out the number of values.
    ("max_by", 3): _refuse_several,
    ("min_by", 3): _refuse_several,
    # It takes no value alone.
    ("log", 1): _rename("ln"),
    # The result is a BIGINT.
    ("regexp_count", 2): _cast_result("regexp_count", "INT"),
    # Split by an empty text, it has empty texts at both ends.
    ("split", 2): _split,
    ("split", 3): _split,
    # It writes a time with a T.
    ("string", 1): _cast("STRING"),
    # It writes microseconds.
    ("to_json", 1): _write_json,
    # It drops fractions.
    ("timestamp_seconds", 1): _cast("TIMESTAMP"),
    # It takes a number for microseconds.
    ("timestamp", 1): _cast("TIMESTAMP"),
    ("to_timestamp", 1): _cast("TIMESTAMP"),
    # It takes no seed, which pyspark gives each call.
    ("uuid", 1): lambda write, _: write.call("uuid"),
}

#: Functions and operators that it refuses for a column of numbers in place of texts.
OF_TEXTS = frozenset(
    {"btrim", "conv", "ilike", "initcap", "instr", "levenshtein", "like", "ltrim", "regexp_extract"}
    | {"regexp_extract_all", "regexp_like", "repeat", "replace", "rlike", "rtrim", "soundex"}
    | {"split", "split_part", "trim"}
)
# Functions with a DOUBLE as their result that it refuses for a column of texts, or takes for texts.
_OF_DOUBLES = frozenset(
    {"corr", "covar_pop", "covar_samp", "median", "percentile", "pow", "power", "std", "stddev"}
    | {"stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"}
)
#: The names of functions whose calls are written otherwise.
CALLS = frozenset(
    {*(name for name, _ in _RULES), *_OF_DOUBLES, *OF_TEXTS} - {"ilike", "like", "rlike"}
)
