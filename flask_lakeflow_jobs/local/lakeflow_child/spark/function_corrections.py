"""Functions of ``pyspark.sql`` that Sail lacks, or computes otherwise than Databricks.

For the texts of the same functions in SQL, and for the reasons, see ``sql_corrections``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import DataType

from .sql_corrections import check_path, split_times


def transform_keys(col: Any, f: Any) -> Any:
    """Return a map with other keys."""
    return _transform_entries(col, lambda key, value: functions.struct(f(key, value), value))


def transform_values(col: Any, f: Any) -> Any:
    """Return a map with other values."""
    return _transform_entries(col, lambda key, value: functions.struct(key, f(key, value)))


def _transform_entries(col: Any, change: Callable[[Any, Any], Any]) -> Any:
    entries = functions.transform(
        functions.map_entries(col), lambda entry: change(entry["key"], entry["value"])
    )
    return functions.map_from_entries(entries)


def map_zip_with(col1: Any, col2: Any, f: Any) -> Any:
    """Return a map of the keys of two maps, with a value for both values of each."""

    def join(key: Any) -> Any:
        values = (functions.try_element_at(col, key) for col in (col1, col2))
        return functions.struct(key, f(key, *values))

    keys = functions.array_union(functions.map_keys(col1), functions.map_keys(col2))
    return functions.map_from_entries(functions.transform(keys, join))


def zip_with(left: Any, right: Any, f: Any) -> Any:
    """Return an array with a value for both elements of each place of two arrays."""

    def join(_: Any, place: Any) -> Any:
        return f(functions.get(left, place), functions.get(right, place))

    return functions.transform(functions.arrays_zip(left, right), join)


def unite_types(array_except: Any) -> Any:
    """Let ``array_except`` take two arrays of which one alone has no NULL."""

    def allow_null(array: Any) -> Any:
        return functions.slice(functions.array_append(array, None), 1, functions.size(array))

    def subtract(col1: Any, col2: Any) -> Any:
        return array_except(allow_null(col1), allow_null(col2))

    return subtract


def cut(function: Any) -> Any:
    """Let ``left`` or ``right`` return an empty text for a negative length."""

    def cut_text(str: Any, len: Any) -> Any:  # noqa: A002 (their names in Spark)
        length = _to_column(len)
        return function(str, functions.when(length < 0, 0).otherwise(length))

    return cut_text


def round_half_even(bround: Any) -> Any:
    """Let ``bround`` or ``rint`` round halves to the even neighbour, as it does with doubles."""
    return lambda col, scale=None: bround(_to_column(col).cast("double"), scale)


def number_weekdays(weekday: Any) -> Any:
    """Let ``weekday`` return 6 for a Sunday."""
    return lambda col: functions.pmod(weekday(col), 7)


def find_percentile(interpolate: Any) -> Any:
    """Let ``percentile_approx`` return one of the values, or several of them.

    :param interpolate: the function of Sail, which stays over a window.
    """

    def find(col: Any, percentage: Any, accuracy: Any = 10_000) -> Any:
        if isinstance(percentage, (list, tuple)):
            return functions.array(*(find(col, each, accuracy) for each in percentage))
        rank = functions.ceil(functions.lit(percentage) * functions.count(col)).cast("int")
        place = functions.greatest(rank - 1, functions.lit(0))
        found: Any = functions.get(functions.sort_array(functions.collect_list(col)), place)
        found.over = interpolate(col, percentage, accuracy).over
        return found

    return find


def begin_words(col: Any) -> Any:
    """Return ``initcap``, which begins a word after a blank only."""

    def begin(word: Any) -> Any:
        return functions.concat(
            functions.upper(word.substr(1, 1)), functions.lower(word.substr(2, 2**30))
        )

    words = functions.transform(functions.split(_to_column(col), " "), begin)
    return functions.array_join(words, " ")


def count_seconds(to_timestamp: Any) -> Any:
    """Let ``to_timestamp`` of a number count seconds, as a cast does."""

    def parse(col: Any, format: Any = None) -> Any:  # noqa: A002 (its name in Spark)
        return _to_column(col).cast("timestamp") if format is None else to_timestamp(col, format)

    return parse


def keep_zone(date_trunc: Any) -> Any:
    """Let ``date_trunc`` return a timestamp for dates too."""

    def truncate(format: Any, timestamp: Any) -> Any:  # noqa: A002 (its name in Spark)
        return date_trunc(format, timestamp).cast("timestamp")

    return truncate


def refuse_elements(get_json_object: Any) -> Any:
    """Let ``get_json_object`` refuse a path that it does not read."""

    def find(col: Any, path: Any) -> Any:
        check_path(path)
        return get_json_object(col, path)

    return find


def count_from_sunday(date_part: Any) -> Any:
    """Let ``date_part`` or ``extract`` return 1 for a Sunday."""

    def extract(field: Any, source: Any) -> Any:
        is_day = any(f"'{name}'" in str(field).lower() for name in ("dow", "dayofweek"))
        return functions.dayofweek(source) if is_day else date_part(field, source)

    return extract


def parse_times(from_json: Any) -> Any:
    """Let ``from_json`` read times as a cast does."""

    def parse(col: Any, schema: Any, options: Any = None) -> Any:
        text = schema.simpleString() if isinstance(schema, DataType) else schema
        kinds = split_times(text) if isinstance(text, str) and not options else None
        if kinds is None:
            return from_json(col, schema, options)
        return from_json(col, kinds[0]).try_cast(kinds[1])

    return parse


def count_days(timestamp_diff: Any) -> Any:
    """Let ``timestamp_diff`` count whole days."""

    def count(unit: str, start: Any, end: Any) -> Any:
        if unit.upper() != "DAY":
            return timestamp_diff(unit, start, end)
        hours = timestamp_diff("HOUR", start, end)
        return (hours / functions.lit(24)).cast("long")

    return count


def skip_null(collect_list: Any) -> Any:
    """Let ``collect_list`` leave out NULL over a window too."""

    def collect(col: Any) -> Any:
        found = collect_list(col)
        found.over = lambda window: functions.filter(
            collect_list(col).over(window), lambda each: each.isNotNull()
        )
        return found

    return collect


def split_characters(split: Any) -> Any:
    """Let ``split`` by an empty text return the characters."""

    def split_text(str: Any, pattern: Any, limit: Any = -1) -> Any:  # noqa: A002
        parts = split(str, pattern, limit)
        if not _is_empty(pattern):
            return parts
        text = _to_column(str)
        characters = functions.array_remove(parts, "")
        return functions.when(text == "", functions.array(functions.lit(""))).otherwise(characters)

    return split_text


def _to_column(value: Any) -> Any:
    return functions.col(value) if isinstance(value, str) else value


def _is_empty(pattern: Any) -> bool:
    return isinstance(pattern, str) and not pattern
