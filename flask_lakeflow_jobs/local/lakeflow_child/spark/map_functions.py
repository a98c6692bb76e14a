"""Functions of ``pyspark.sql`` with lambdas that Sail lacks, made of ``transform``.

The texts of the same functions in SQL are in ``sql_corrections``.
"""

from __future__ import annotations

from typing import Any


def transform_keys(col: Any, f: Any) -> Any:
    """Return a map with other keys."""
    from pyspark.sql import functions

    def change(entry: Any) -> Any:
        return functions.struct(f(entry["key"], entry["value"]), entry["value"])

    return functions.map_from_entries(functions.transform(functions.map_entries(col), change))


def transform_values(col: Any, f: Any) -> Any:
    """Return a map with other values."""
    from pyspark.sql import functions

    def change(entry: Any) -> Any:
        return functions.struct(entry["key"], f(entry["key"], entry["value"]))

    return functions.map_from_entries(functions.transform(functions.map_entries(col), change))


def map_zip_with(col1: Any, col2: Any, f: Any) -> Any:
    """Return a map of the keys of two maps, with a value for both values of each."""
    from pyspark.sql import functions

    def join(key: Any) -> Any:
        values = (functions.try_element_at(col, key) for col in (col1, col2))
        return functions.struct(key, f(key, *values))

    keys = functions.array_union(functions.map_keys(col1), functions.map_keys(col2))
    return functions.map_from_entries(functions.transform(keys, join))


def zip_with(left: Any, right: Any, f: Any) -> Any:
    """Return an array with a value for both elements of each place of two arrays."""
    from pyspark.sql import functions

    def join(_: Any, place: Any) -> Any:
        return f(functions.get(left, place), functions.get(right, place))

    return functions.transform(functions.arrays_zip(left, right), join)
