"""Writes tables as Databricks does, where Sail writes other rows or columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any

from pyspark.sql import functions
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import NullType, NumericType, StringType, StructField, StructType

from ..files.data_files import (
    Translate,
    begin_at_root,
    is_true,
    lower_options,
    named_parts,
    take_path,
)
from ..language.connect_plans import name_frame
from ..language.sql_literals import write_literal
from ..language.sql_names import FILE_FORMATS, add_schema, create_schema, find_schema, quote_part
from .delta_log import EVOLVES, FEATURE, find_folder, has_limits
from .delta_tables import DeltaTable
from .written_values import cast_columns, check_types, format_values

# What an INSERT does in the modes of writers.
_INSERTS = {"append": "INTO", "overwrite": "OVERWRITE"}
#: Types of a first value that may differ from those of the others.
_FIRST_TYPES = (NullType, NumericType)


def make_nullable(frame: Any, table: Any = None) -> Any:
    """Return a frame whose columns take NULL, as those of a new table do.

    They have no default, identity or limit, even if Sail reads them from columns that have one.

    :param table: gives their types to columns without one, which Sail does not write.
    """
    types = _find_types(frame)
    own = {each.name.lower(): each.dataType for each in table.schema.fields} if table else {}
    for field in types.fields:
        if isinstance(field.dataType, NullType):
            field.dataType = own.get(field.name.lower(), StringType())
    # Sail may find out later that a column has no NULL, such as the current time. In a union with a
    # frame that is sorted by a dozen columns, it looks for orders of all of them, for minutes. Of
    # columns that depend on a random number it knows neither.
    # Without an alias, it confuses the columns of unions in the frame.
    bare = (
        functions.expr(f"CASE WHEN rand() >= 0 THEN {quote_part(name)} END").alias(name)
        for name in frame.columns
    )
    rows = frame.select(*bare).alias("rows")
    return frame.sparkSession.createDataFrame([], types.toNullable()).unionAll(rows)


def _find_types(frame: Any) -> StructType:
    """Return the columns of a frame with the types of its rows.

    Sail gives a column the type of the first value of a ``CASE``, an ``if`` or a union, such as
    ``INT`` if a zero comes before a ``DOUBLE``. The rows have the type of all values, so a table
    would lose their fractions.
    """
    schema = frame.schema
    if not any(isinstance(field.dataType, _FIRST_TYPES) for field in schema.fields):
        return schema
    client = frame.sparkSession.client
    rows, *_ = client.to_table(frame.limit(0)._plan.to_proto(client), {})
    return StructType(
        [
            StructField(field.name, from_arrow_type(column.type), True, field.metadata)
            if isinstance(field.dataType, _FIRST_TYPES)
            else field
            for field, column in zip(schema.fields, rows.schema, strict=True)
        ]
    )


def write_table(save: Callable[..., Any], translate: Translate) -> Any:
    """Let a writer replace some rows of a table, and write columns that take NULL.

    The path of a table is one of the workspace.
    """

    @wraps(save)
    def saveAsTable(
        self: Any,
        name: str,
        format: str | None = None,
        mode: str | None = None,
        partitionBy: Any = None,
        **options: Any,
    ) -> None:
        call_setters(self, options, format=format, mode=mode, partitionBy=partitionBy)
        self._write.options = _drop_features(self._write.options)
        if (path := take_path(self._write.options)) is not None:
            self._write.options["path"] = translate(begin_at_root(path))
        self._write.source = _replace_iceberg(self._write.source)
        create_schema(find_schema(name), self._spark.sql)
        name = add_schema(name, self._spark.sql)
        if self._spark.catalog.tableExists(name):
            _write_existing(self, name, save)
            return
        self._write._child = make_nullable(_frame_of(self))._plan
        with _removed_if_failed(self._spark, name):
            save(self, name)

    return saveAsTable


def _write_existing(writer: Any, name: str, save: Callable[..., Any]) -> None:
    session = writer._spark
    table = session.table(name)
    if find_folder(session.sql, name) is not None:
        _check_types(writer, table)
    frame = _frame_of(writer)
    if (condition := _find_replaced(writer, name)) is not None:
        _insert(session, f"INTO {name} REPLACE WHERE {condition}", frame, table.columns)
    elif _fits(writer, table, name):
        columns = ", ".join(map(quote_part, frame.columns))
        _insert(session, f"{_INSERTS[writer._write.mode]} {name} ({columns})", frame, frame.columns)
    else:
        # If Sail appends to a table, it finds columns in lower case only.
        if writer._write.mode != "append" or _is_merged(writer):
            _match_table(writer, table)
        save(writer, name)


@contextmanager
def _removed_if_failed(session: Any, name: str) -> Iterator[None]:
    """Remove a new table if its rows fail: Sail keeps its name, which the next try would meet."""
    try:
        yield
    except BaseException:
        session.sql(f"DROP TABLE IF EXISTS {name}")
        raise


def call_setters(writer: Any, options: dict[str, Any], **values: Any) -> None:
    """Set what a writer gets with its last call: options, and by their methods other values."""
    writer.options(**options)
    for name, value in values.items():
        if value:
            getattr(writer, name)(value)


def _drop_features(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if not FEATURE.fullmatch(key)}


def _replace_iceberg(name: str | None) -> str | None:
    """Return the format of a new table: see ``SailCommands.use_delta``."""
    return "delta" if name and name.lower() == "iceberg" else name


def _fits(writer: Any, table: Any, name: str) -> bool:
    """Return whether rows have only columns of a table, but not as Sail would write them.

    Of rows that are appended, Sail finds no columns that are missing or have capital letters. Of
    those that overwrite, it would drop the missing ones from the table, refuse another case, and
    not check the lengths of texts.
    """
    names, columns = _frame_of(writer).columns, table.columns
    lower = [*map(str.lower, columns)]
    is_part = {*map(str.lower, names)} <= {*lower} and writer._write.mode in _INSERTS
    if not is_part or _is_replaced(writer):
        return False
    if writer._write.mode == "append":
        return bool(names != lower or (names != columns and _is_merged(writer)))
    return names != columns or has_limits(writer._spark.sql, name)


def _insert(session: Any, target: str, frame: Any, columns: list[str]) -> None:
    with name_frame(frame) as view:
        selected = ", ".join(map(quote_part, columns))
        session.sql(f"INSERT {target} SELECT {selected} FROM {view}")


def _check_types(writer: Any, table: Any) -> None:
    """Refuse rows that are not of the types of a Delta table which gets them."""
    if writer._write.mode in _INSERTS and not _is_replaced(writer):
        check_types(_find_types(_frame_of(writer)), table.schema)


def _is_replaced(writer: Any) -> bool:
    return is_true(lower_options(writer._write.options), "overwriteschema")


def _is_merged(writer: Any) -> bool:
    options = lower_options(writer._write.options)
    if "mergeschema" not in options:
        return bool(writer._spark.conf.get(EVOLVES, "false") == "true")
    return is_true(options, "mergeschema")


def _match_table(writer: Any, table: Any) -> None:
    """Let a writer have the columns of a table that exists, as Sail writes them rightly.

    Sail has a zero for NULL in new columns. It merges only for new columns, as it leaves out ids,
    defaults and generated values then.
    """
    frame, is_merged = _frame_of(writer), _is_merged(writer)
    if writer._write.mode == "append":
        frame = _name_columns(frame, table)
        has_new = is_merged and not set(frame.columns) <= set(table.columns)
        frame = make_nullable(frame, table) if has_new else frame
    elif _is_replaced(writer):
        frame, is_merged = make_nullable(frame), False
    else:
        frame, has_new = make_nullable(_order_columns(frame, table), table), True
    if is_merged:
        writer.option("mergeSchema", str(has_new).lower())
    writer._write._child = frame._plan


def _name_columns(frame: Any, table: Any) -> Any:
    names = {each.lower(): each for each in table.columns}
    return frame.toDF(*(names.get(each.lower(), each) for each in frame.columns))


def _order_columns(frame: Any, table: Any) -> Any:
    """Return a frame with the columns of a table before new ones, as they are in it."""
    named = _name_columns(frame, table)
    own = (
        quote_part(each.name)
        if each.name in named.columns
        else functions.lit(None).cast(each.dataType).alias(each.name)
        for each in table.schema.fields
    )
    new = (quote_part(each) for each in named.columns if each not in table.columns)
    return named.select(*own, *new)


def write_folder(save: Callable[..., Any], translate: Translate) -> Any:
    """Let a writer replace some rows of a folder, whose path is one of the workspace."""

    @wraps(save)
    def save_folder(
        self: Any,
        path: str | None = None,
        format: str | None = None,
        mode: str | None = None,
        partitionBy: Any = None,
        **options: Any,
    ) -> None:
        call_setters(self, options, format=format, mode=mode, partitionBy=partitionBy)
        self._write.options = _drop_features(self._write.options)
        source = (self._write.source or "delta").lower()
        path = take_path(self._write.options, path)
        path = translate(begin_at_root(path) if source in FILE_FORMATS else path)
        if source == "delta":
            _prepare_delta(self, path)
        else:
            options, folders = lower_options(self._write.options), self._write.partitioning_cols
            self._write._child = format_values(_frame_of(self), source, options, folders)._plan
        with nullcontext() if source == "delta" else named_parts(str(path)):
            save(self, path)

    return save_folder


def _prepare_delta(writer: Any, path: str | None) -> None:
    """Let a writer have rows that Sail writes as Databricks does.

    :param path: of the folder on this machine; ``None`` if an option names it.
    """
    if path is None or not DeltaTable.isDeltaTable(writer._spark, path):
        writer._write._child = make_nullable(_frame_of(writer))._plan
        return
    table = writer._spark.read.format("delta").load(path)
    _check_types(writer, table)
    if (condition := _find_replaced(writer, f"delta.`{path}`")) is not None:
        check_replaced(_frame_of(writer), condition)
        writer.option("replaceWhere", condition)
    else:
        _match_table(writer, table)


def insert_into(insert: Callable[..., Any]) -> Any:
    """Let a writer replace the partitions of a table of which it has rows."""

    @wraps(insert)
    def insertInto(self: Any, tableName: str, overwrite: bool | None = None) -> None:
        if overwrite is not None:
            self.mode("overwrite" if overwrite else "append")
        if self._write.mode == "overwrite" and is_dynamic(
            self._spark, lower_options(self._write.options)
        ):
            table = self._spark.table(tableName)
            frame = cast_columns(_frame_of(self).toDF(*table.columns), table)
            writer = frame.write.mode("overwrite").option("partitionOverwriteMode", "dynamic")
            writer.saveAsTable(tableName)
        else:
            insert(self, tableName)

    return insertInto


def is_dynamic(session: Any, options: dict[str, str]) -> bool:
    """Return whether a write replaces only the partitions of which it has rows."""
    setting = session.conf.get("spark.sql.sources.partitionOverwriteMode", "static")
    return bool(options.get("partitionoverwritemode", setting).lower() == "dynamic")


def check_replaced(frame: Any, condition: str) -> None:
    """Check that all rows of a frame are among those that it replaces.

    :raises ValueError: others would be added.
    """
    if not frame.filter(f"NOT coalesce({condition}, false)").isEmpty():
        raise ValueError(
            "[DELTA_REPLACE_WHERE_MISMATCH] There are rows beside those that replaceWhere "
            f"replaces. Filter them first: .filter({condition!r})."
        )


def _find_replaced(writer: Any, table: str) -> str | None:
    """Return the condition of the rows that a writer replaces; ``None`` for all of them.

    :param table: that exists, as SQL names it.
    """
    options = lower_options(writer._write.options)
    if writer._write.mode != "overwrite":
        return None
    if condition := options.get("replacewhere"):
        return condition
    if not is_dynamic(writer._spark, options):
        return None
    columns = writer._write.partitioning_cols
    columns = columns or writer._spark.sql(f"DESCRIBE DETAIL {table}").first().partitionColumns
    if not columns:
        return None
    rows = _frame_of(writer).select(*columns).distinct().collect()
    tests = (
        " AND ".join(
            f"{quote_part(name)} <=> {write_literal(value)}"
            for name, value in zip(columns, row, strict=True)
        )
        for row in rows
    )
    return " OR ".join(f"({test})" for test in tests) or "false"


def _frame_of(writer: Any) -> Any:
    return DataFrame(writer._df, writer._spark)


def create_new(create: Callable[[Any], None]) -> Callable[[Any], None]:
    """Let a method of writers that creates a table create its schema, and columns of its own."""

    def create_in_schema(self: Any) -> None:
        create_schema(find_schema(self._table_name), self._spark.sql)
        self._write._child = make_nullable(_frame_of(self))._plan
        self._write.table_properties = _drop_features(self._write.table_properties)
        self._write.provider = _replace_iceberg(self._write.provider)
        exists = self._spark.catalog.tableExists(self._table_name)
        with nullcontext() if exists else _removed_if_failed(self._spark, self._table_name):
            create(self)

    return create_in_schema


def append_rows(self: Any) -> None:
    """Append to a table by the names of columns."""
    _frame_of(self).write.mode("append").saveAsTable(self._table_name)
