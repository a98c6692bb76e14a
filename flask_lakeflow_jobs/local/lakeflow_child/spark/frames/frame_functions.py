"""Functions of ``pyspark.sql`` and statistics of frames that Sail lacks, or computes otherwise.

For the texts of the same functions in SQL, and for the reasons, see ``sail_calls``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions
from pyspark.sql.types import DataType, StringType, StructField, StructType

from ..files.file_sources import METADATA
from ..language.sail_calls import MILLISECONDS, check_path, split_times
from ..language.sql_names import quote_part

#: The functions of pyspark, some of which are replaced later.
_SAIL = SimpleNamespace(**vars(functions))
#: In the order of Spark.
_STATISTICS = ("count", "mean", "stddev", "min", "25%", "50%", "75%", "max")
_DISTINCT = {
    "count_distinct": functions.count_distinct,
    "approx_count_distinct": functions.approx_count_distinct,
}


def zip_with(left: Any, right: Any, f: Any) -> Any:
    """Return an array with a value for both elements of each place of two arrays."""

    def join(_: Any, place: Any) -> Any:
        return f(functions.get(left, place), functions.get(right, place))

    return functions.transform(functions.arrays_zip(left, right), join)


def array_except(col1: Any, col2: Any) -> Any:
    """Take two arrays of which one alone has no NULL."""

    def allow_null(array: Any) -> Any:
        return functions.slice(functions.array_append(array, None), 1, functions.size(array))

    return _SAIL.array_except(allow_null(col1), allow_null(col2))


def _cut(function: Any) -> Any:
    """Let ``left`` or ``right`` return an empty text for a negative length."""

    def cut_text(str: Any, len: Any) -> Any:
        length = _to_column(len)
        return function(str, functions.when(length < 0, 0).otherwise(length))

    return cut_text


def bround(col: Any, scale: Any = None) -> Any:
    """Round halves to the even neighbour, as Sail does with doubles."""
    return _SAIL.bround(_to_column(col).cast("double"), scale)


def weekday(col: Any) -> Any:
    """Return 6 for a Sunday."""
    return functions.pmod(_SAIL.weekday(col), 7)


def percentile_approx(col: Any, percentage: Any, accuracy: Any = 10_000) -> Any:
    """Return one of the values, or several of them; over a window, it is that of Sail."""
    if isinstance(percentage, (list, tuple)):
        return functions.array(*(percentile_approx(col, each, accuracy) for each in percentage))
    rank = functions.ceil(functions.lit(percentage) * functions.count(col)).cast("int")
    place = functions.greatest(rank - 1, functions.lit(0))
    found: Any = functions.get(functions.sort_array(_SAIL.collect_list(col)), place)
    found.over = _SAIL.percentile_approx(col, percentage, accuracy).over
    return found


def initcap(col: Any) -> Any:
    """Begin a word after a blank only."""

    def begin(word: Any) -> Any:
        return functions.concat(
            functions.upper(word.substr(1, 1)), functions.lower(word.substr(2, 2**30))
        )

    words = functions.transform(functions.split(_to_column(col), " "), begin)
    return functions.array_join(words, " ")


def to_date(col: Any, format: Any = None) -> Any:
    """Take a text with a time after a T, as a cast to a time does."""
    if format is not None:
        return _SAIL.to_date(col, format)
    return _SAIL.to_date(_to_column(col).cast("timestamp_ntz"))


def try_to_date(col: Any, format: Any = None) -> Any:
    """Return NULL for a text that is no date; Sail lacks it."""
    if format is None:
        return _to_column(col).try_cast("timestamp_ntz").cast("date")
    return _SAIL.try_to_timestamp(col, functions.lit(format)).cast("date")


def to_timestamp(col: Any, format: Any = None) -> Any:
    """Count the seconds of a number, as a cast does."""
    return _to_column(col).cast("timestamp") if format is None else _SAIL.to_timestamp(col, format)


def date_trunc(format: Any, timestamp: Any) -> Any:
    """Return a timestamp for dates too."""
    return _SAIL.date_trunc(format, timestamp).cast("timestamp")


def get_json_object(col: Any, path: Any) -> Any:
    """Refuse a path that Sail does not read."""
    check_path(path)
    return _SAIL.get_json_object(col, path)


def _as_int(function: Any) -> Any:
    """Let a function return an ``INT`` in place of a ``BIGINT``."""
    return lambda *values, **named: function(*values, **named).cast("int")


def _count_from_sunday(date_part: Any) -> Any:
    """Let ``date_part`` or ``extract`` return 1 for a Sunday."""

    def extract(field: Any, source: Any) -> Any:
        is_day = any(f"'{name}'" in str(field).lower() for name in ("dow", "dayofweek"))
        return functions.dayofweek(source) if is_day else date_part(field, source)

    return extract


def from_json(col: Any, schema: Any, options: Any = None) -> Any:
    """Read times as a cast does."""
    text = schema.simpleString() if isinstance(schema, DataType) else schema
    kinds = split_times(text) if isinstance(text, str) and not options else None
    if kinds is None:
        return _SAIL.from_json(col, schema, options)
    return _SAIL.from_json(col, kinds[0]).try_cast(kinds[1])


def to_json(col: Any, options: Any = None) -> Any:
    """Write times as Databricks does."""
    return _SAIL.to_json(col, options or {"timestampFormat": MILLISECONDS})


def timestamp_diff(unit: str, start: Any, end: Any) -> Any:
    """Count whole days."""
    if unit.upper() != "DAY":
        return _SAIL.timestamp_diff(unit, start, end)
    return (_SAIL.timestamp_diff("HOUR", start, end) / functions.lit(24)).cast("long")


def collect_list(col: Any) -> Any:
    """Leave out NULL over a window too."""
    found = _SAIL.collect_list(col)
    found.over = lambda window: functions.filter(
        _SAIL.collect_list(col).over(window), lambda each: each.isNotNull()
    )
    return found


def split(str: Any, pattern: Any, limit: Any = -1) -> Any:
    """Return the characters for an empty pattern."""
    parts = _SAIL.split(str, pattern, limit)
    if not _is_empty(pattern):
        return parts
    text = _to_column(str)
    characters = functions.array_remove(parts, "")
    return functions.when(text == "", functions.array(functions.lit(""))).otherwise(characters)


def _to_column(value: Any) -> Any:
    return functions.col(value) if isinstance(value, str) else value


def find_quantiles(self: Any, col: Any, probabilities: Any, relativeError: float) -> Any:
    """Return quantiles by an aggregate."""
    names = [col] if isinstance(col, str) else col
    found = [
        [
            float(self.select(functions.percentile_approx(name, float(each))).first()[0])
            for each in probabilities
        ]
        for name in names
    ]
    return found[0] if isinstance(col, str) else found


def order_statistics(method: Callable[..., Any]) -> Callable[..., Any]:
    """Sort statistics as Spark does, or as the call names them."""

    def order(self: Any, *names: Any) -> Any:
        named = [*(str(each) for each in names), *_STATISTICS]
        place = functions.array_position(functions.lit(named), functions.col("summary"))
        return method(self, *names).orderBy(place)

    return order


def summarize(summary: Callable[..., Any]) -> Callable[..., Any]:
    """Give a summary quantiles that are values of the frame, and numbers of distinct values."""

    def find_summary(self: Any, *statistics: Any) -> Any:
        asked = [str(each) for each in statistics or _STATISTICS]
        own = [each for each in asked if each.endswith("%") or each in _DISTINCT]
        others = [each for each in asked if each not in own]
        if unknown := {*others} - {*_STATISTICS}:
            raise IllegalArgumentException(
                f"There is no statistic {min(unknown)!r}. Frames have "
                f"{', '.join((*_STATISTICS, *_DISTINCT))}, and other shares such as '10%'."
            )
        frame = summary(self, *(others or ["count"]))
        if not own:
            return frame
        kinds = dict(self.dtypes)

        def find(name: str, statistic: str) -> Any:
            column = functions.col(quote_part(name))
            if count := _DISTINCT.get(statistic):
                return count(column)
            value = column.try_cast("double") if kinds[name] == "string" else column
            return functions.percentile_approx(value, float(statistic[:-1]) / 100)

        names = frame.columns[1:]
        found = self.select(
            *(functions.array(*(find(name, each).cast("string") for each in own)) for name in names)
        ).first()
        rows = [(each, *(values[number] for values in found)) for number, each in enumerate(own)]
        texts = StructType([StructField(name, StringType()) for name in frame.columns])
        own_rows = self.sparkSession.createDataFrame(rows, texts)
        return (frame if others else frame.limit(0)).unionAll(own_rows)

    return find_summary


def count_pairs(self: Any, col1: str, col2: str) -> Any:
    """Return the numbers of rows with each pair of values, NULL included."""
    first, second = (
        functions.coalesce(functions.col(quote_part(each)).cast("string"), functions.lit("null"))
        for each in (col1, col2)
    )
    pairs = self.select(first.alias(f"{col1}_{col2}"), second.alias("second"))
    values = sorted(row[0] for row in pairs.select("second").distinct().collect())
    counts = pairs.groupBy(functions.col(quote_part(f"{col1}_{col2}"))).pivot("second", values)
    return counts.count().fillna(0)


def _is_empty(pattern: Any) -> bool:
    return isinstance(pattern, str) and not pattern


#: What takes the place of the functions of pyspark, by their names.
CORRECTED: dict[str, Any] = {
    "approx_percentile": percentile_approx,
    "array_except": array_except,
    "bround": bround,
    "collect_list": collect_list,
    "date_trunc": date_trunc,
    "from_json": from_json,
    "get_json_object": get_json_object,
    "ifnull": functions.coalesce,
    "initcap": initcap,
    # Sail lacks the name of a row's file.
    "input_file_name": lambda: functions.col(f"{METADATA}.file_path"),
    "left": _cut(functions.left),
    "nvl": functions.coalesce,
    "percentile_approx": percentile_approx,
    "right": _cut(functions.right),
    "rint": bround,
    "split": split,
    "timestamp_diff": timestamp_diff,
    # Sail's own drops fractions.
    "timestamp_seconds": to_timestamp,
    "to_date": to_date,
    "to_json": to_json,
    "to_timestamp": to_timestamp,
    "try_to_date": try_to_date,
    # Sail has no ids with a seed, which pyspark gives each call.
    "uuid": lambda _=None: functions.expr("uuid()"),
    "weekday": weekday,
    "zip_with": zip_with,
    **{
        name: _as_int(getattr(functions, name))
        for name in ("date_diff", "datediff", "regexp_count")
    },
    **{
        name: _count_from_sunday(getattr(functions, name))
        for name in ("date_part", "datepart", "extract")
    },
}
