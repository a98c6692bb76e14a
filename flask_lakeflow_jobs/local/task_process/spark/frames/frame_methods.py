"""Methods of frames that Sail lacks, or computes otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions
from pyspark.sql.types import StringType, StructField, StructType

from ..language.sql_names import quote_part

#: In the order of Spark.
_STATISTICS = ("count", "mean", "stddev", "min", "25%", "50%", "75%", "max")
_PLACE = "lakeflow_place"
_DISTINCT = {
    "count_distinct": functions.count_distinct,
    "approx_count_distinct": functions.approx_count_distinct,
}


def find_quantiles(self: Any, col: Any, probabilities: Any, relativeError: float) -> Any:
    """Return quantiles by an aggregate."""
    names = [col] if isinstance(col, str) else col
    shares = [*map(float, probabilities)]
    row = self.select(*(functions.percentile_approx(name, shares) for name in names)).first()
    found = [[float(each) for each in values if each is not None] for values in row]
    return found[0] if isinstance(col, str) else found


def count_pairs(self: Any, col1: str, col2: str) -> Any:
    """Count the pairs of values of two columns, of which NULL is one."""
    columns = [functions.col(quote_part(name)).cast("string") for name in (col1, col2)]
    texts = [functions.coalesce(each, functions.lit("null")) for each in columns]
    key = f"{col1}_{col2}"
    pairs = self.select(texts[0].alias(key), texts[1].alias("value"))
    return pairs.groupBy(key).pivot("value").count().na.fill(0)


def unpivot(self: Any, ids: Any, values: Any, variableColumnName: str, valueColumnName: str) -> Any:
    """Return a row for each value of some columns."""
    kept = [*ids] if isinstance(ids, (list, tuple)) else [ids]
    if isinstance(values, (list, tuple)):
        columns = [*values]
    else:
        columns = self.drop(*kept).columns if values is None else [values]
    names = self.select(*columns).columns
    pairs = functions.posexplode(functions.array(*columns)).alias(_PLACE, valueColumnName)
    name = functions.element_at(functions.lit(names), functions.col(_PLACE) + 1)
    rows = self.select(*kept, pairs).withColumn(variableColumnName, name)
    return rows.select(*self.select(*kept).columns, variableColumnName, valueColumnName)


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
