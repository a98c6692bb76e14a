"""The changes to pyspark in a task on Sail: all of them are listed here.

Each was needed with Sail 0.7.2 and pyspark 4.2. To find out whether it still is, leave it out and
run ``tests/spark``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any
from zlib import crc32

from pyspark import cloudpickle
from pyspark.errors import AnalysisException
from pyspark.serializers import CloudPickleSerializer
from pyspark.sql import SparkSession
from pyspark.sql.catalog import Column
from pyspark.sql.connect.catalog import Catalog
from pyspark.sql.connect.client import SparkConnectClient
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.readwriter import DataFrameReader, DataFrameWriter, DataFrameWriterV2
from pyspark.sql.connect.streaming.readwriter import DataStreamReader, DataStreamWriter

from ..files.data_files import Translate, lower_options, wants_changes
from ..files.file_readers import wrap_load
from ..frames.frame_methods import count_pairs, find_quantiles, order_statistics, summarize, unpivot
from ..frames.local_rdds import LocalContext, LocalRdd, take_rdds
from ..language.sql_names import quote_part
from ..statements.sail_sql import SailSql
from ..streams.spark_streams import (
    keep_function,
    load_files,
    load_table,
    refuse_function,
    start_streams,
)
from ..streams.stream_queries import StreamManager
from ..streams.stream_results import SOURCE, WATERMARK, WITHIN_WATERMARK, find_marks, mark_frame
from ..tables.delta_log import find_location
from ..tables.table_changes import TableChanges, load_changes
from ..tables.table_writers import append_rows, create_new, insert_into, write_folder, write_table

ZONE = "spark.sql.session.timeZone"
_VERSION = re.compile(r"(.+)@v(\d+)")
_CACHES = (
    *("cacheTable", "clearCache", "recoverPartitions", "refreshByPath", "refreshTable"),
    "uncacheTable",
)


def patch_pyspark(
    session_class: Any,
    runner: SailSql,
    translate: Translate,
    folders: tuple[str, ...],
    packages: str | None = None,
) -> None:
    """Change the classes of Spark Connect, once in a process.

    :param folders: of the bundle's modules.
    :param packages: the folder of those that were installed for the task.
    """

    def keep(self: Any, *_: Any) -> Any:
        return self

    patches: dict[Any, dict[str, Any]] = {
        # Databricks ignores it, and Spark Connect refuses it.
        SparkSession.Builder: {"master": keep},
        session_class: {
            # Other tasks of the run use the session too.
            "stop": lambda self: None,
            # Sail refuses some statements of Databricks, and catalogs that a task names first.
            "sql": _run_by(runner),
            # Sail has no context.
            "sparkContext": property(LocalContext),
            "createDataFrame": take_rdds(session_class.createDataFrame),
            "streams": property(lambda self: StreamManager()),
        },
        # Sail can import neither the modules of the bundle nor the packages of the task.
        CloudPickleSerializer: {
            "dumps": _pickle_modules(CloudPickleSerializer.dumps, folders, packages)
        },
        # Sail reads times in the zone of the session, but takes hours and days from them in UTC.
        SparkConnectClient: {"config": _keep_utc(SparkConnectClient.config)},
        Catalog: {
            "setCurrentCatalog": _set_catalog,
            # Sail forgets the columns of a table that it knows by its folder.
            "listColumns": _list_columns,
            # Sail fails if there is no such view.
            "dropTempView": _drop_view(Catalog.dropTempView),
            # Sail keeps no copies of tables.
            **dict.fromkeys(_CACHES, lambda self, *_: None),
            "isCached": lambda self, _: False,
        },
        DataFrame: {
            # Databricks has it beside those of Spark.
            "display": lambda self, *_, **__: self.show(truncate=False),
            # Sail has no metrics of frames. A query of its own finds them.
            "observe": _observe,
            # Sail finds columns in their own case only.
            "withColumnsRenamed": _rename_columns(DataFrame.withColumnsRenamed),
            # Sail returns all rows of the left side that the other one has.
            "intersectAll": lambda self, other: self.exceptAll(self.exceptAll(other)),
            # Sail has no hash of a plan, with which MLflow tells datasets apart.
            "semanticHash": lambda self: crc32(self._explain_string().encode()),
            # Sail leaves out the rows with NULL.
            "crosstab": count_pairs,
            # Sail refuses values of which only some may be NULL.
            **dict.fromkeys(("melt", "unpivot"), unpivot),
            # Sail lacks quantiles and RDDs.
            "approxQuantile": find_quantiles,
            "rdd": property(lambda self: LocalRdd(self.sparkSession, lambda: iter(self.collect()))),
            # Sail returns these rows in any order.
            "describe": order_statistics(DataFrame.describe),
            "summary": order_statistics(summarize(DataFrame.summary)),
            # Sail has no streams, so that marks say what a plan reads.
            "isStreaming": property(lambda self: bool(find_marks(self, SOURCE))),
            "withWatermark": lambda self, eventTime, delayThreshold: mark_frame(
                self, WATERMARK, (eventTime, delayThreshold)
            ),
            "dropDuplicatesWithinWatermark": lambda self, subset=None: mark_frame(
                self.dropDuplicates(subset), WITHIN_WATERMARK, True
            ),
        },
        # Sail reads and writes batches only.
        DataStreamReader: {
            "load": load_files(translate),
            "option": DataFrameReader.option,  # its own one writes True for true
            "table": load_table,
        },
        DataStreamWriter: {
            "_start_internal": start_streams(translate),
            "foreach": refuse_function,
            "foreachBatch": keep_function,
            "table": DataStreamWriter.toTable,  # as Databricks has it
        },
        # Sail reads other files, and writes other rows and columns.
        DataFrameReader: {
            "load": load_changes(wrap_load(DataFrameReader.load, translate), translate),
            "table": _read_table(DataFrameReader.table),
        },
        DataFrameWriter: {
            "insertInto": insert_into(DataFrameWriter.insertInto),
            "save": write_folder(DataFrameWriter.save, translate),
            "saveAsTable": write_table(DataFrameWriter.saveAsTable, translate),
            # Sail refuses it, though the layout of files changes no result.
            **dict.fromkeys(("bucketBy", "clusterBy", "sortBy"), keep),
        },
        DataFrameWriterV2: {
            "append": append_rows,
            "create": create_new(DataFrameWriterV2.create),
            "createOrReplace": create_new(DataFrameWriterV2.createOrReplace),
            "clusterBy": keep,
        },
    }
    for owner, values in patches.items():
        for name, value in values.items():
            setattr(owner, name, value)


def _set_catalog(self: Any, catalogName: str) -> None:
    self._sparkSession.sql(f"USE CATALOG {quote_part(catalogName)}")


def _keep_utc(config: Callable[..., Any]) -> Callable[..., Any]:
    def change(self: Any, operation: Any) -> Any:
        for pair in operation.set.pairs:
            if pair.key == ZONE:
                if pair.value not in ("UTC", "Etc/UTC", "GMT"):
                    print(
                        f"The time zone of the session stays UTC on Sail: {pair.value} has no "
                        "effect. Convert times with from_utc_timestamp.",
                        file=sys.stderr,
                    )
                pair.value = "UTC"
        return config(self, operation)

    return change


class _Packed:
    """A value that Sail unpacks once it can import from a folder."""

    def __init__(self, pickled: bytes, folder: str) -> None:
        self._arguments = pickled, folder

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, self._arguments


def _unpack(pickled: bytes, folder: str) -> Any:
    """Unpack a value in the process of Sail, to which the code of this function is sent."""
    import pickle
    import sys

    if folder not in sys.path:  # at its end, for other tasks use the packages of Sail meanwhile
        sys.path.append(folder)
    return pickle.loads(pickled)  # noqa: S301 (a value of the user's own task)


def _pickle_modules(
    dumps: Callable[..., Any], folders: tuple[str, ...], packages: str | None
) -> Callable[..., Any]:
    """Send the code of modules along, as Sail runs functions in its own process."""
    register: Any = cloudpickle.register_pickle_by_value
    places = tuple(f"{folder}/" for folder in folders)

    def dumps_with_modules(self: Any, value: Any) -> Any:
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(places) and module.__spec__:
                register(module)
        pickled = dumps(self, value)
        if packages is None:
            return pickled
        register(sys.modules[__name__])
        return cloudpickle.dumps(_Packed(pickled, packages))

    return dumps_with_modules


def _run_by(runner: SailSql) -> Callable[..., Any]:
    def sql(self: Any, sqlQuery: str, args: Any = None, **names: Any) -> Any:
        try:
            return runner.sql(sqlQuery, args, **names)
        except ValueError as error:
            if not str(error).startswith("["):
                raise
            raise AnalysisException(str(error)) from error  # it has a condition of Spark

    return sql


def _list_columns(self: Any, tableName: str, dbName: str | None = None) -> list[Any]:
    name = tableName if dbName is None else f"{dbName}.{tableName}"
    rows = self._sparkSession.sql(f"DESCRIBE {name}").collect()
    names = [row.col_name for row in rows]
    comments = {row.col_name: row.comment for row in rows[::-1]}
    partitions = names[names.index("# col_name") + 1 :] if "# col_name" in names else ()
    return [
        Column(
            field.name,
            comments.get(field.name),
            field.dataType.simpleString(),
            field.nullable,
            field.name in partitions,
            False,
            False,
        )
        for field in self._sparkSession.table(name).schema.fields
    ]


def _drop_view(drop: Callable[..., Any]) -> Callable[..., Any]:
    def drop_view(self: Any, viewName: str) -> bool:
        try:
            drop(self, viewName)
        except AnalysisException as error:
            if "not found" not in str(error):
                raise
            return False
        return True

    return drop_view


def _rename_columns(rename: Callable[..., Any]) -> Callable[..., Any]:
    def rename_columns(self: Any, colsMap: dict[str, str]) -> Any:
        columns = self.columns
        found: dict[str, str] = {}
        for name, new in colsMap.items():
            own = [column for column in columns if column.lower() == name.lower()]
            found |= dict.fromkeys(own or [name], new)
        return rename(self, found)

    return rename_columns


def _observe(self: Any, observation: Any, *exprs: Any) -> Any:
    if not isinstance(observation, str):  # listeners are called for a name only
        observation._result = self.agg(*exprs).first().asDict()
    return self


def _read_table(table: Callable[..., Any]) -> Callable[..., Any]:
    """Read changes of tables, and earlier versions from folders, for their own columns."""

    def read_table(self: Any, tableName: str) -> Any:
        if match := _VERSION.fullmatch(tableName):
            return self.option("versionAsOf", match[2]).table(match[1])
        own = lower_options(self._options)
        if wants_changes(own):
            return TableChanges(self._client, tableName).read_range(own)
        if {"versionasof", "timestampasof"} & own.keys():
            return self.format("delta").load(find_location(self._client.sql, tableName))
        return table(self, tableName)

    return read_table
