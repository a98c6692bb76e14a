"""The class ``DeltaTable`` for Sail, which has its operations in SQL only.

On Databricks it comes with the cluster, as the module ``delta.tables``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ...paths import drop_scheme
from ..language.connect_plans import ColumnSql, name_frame
from .delta_builder import DeltaTableBuilder, IdentityGenerator

_SOURCE = "lakeflow_merge_source"  # the alias of a source without one
# Nothing reads manifests here, and Sail chooses the protocol and the features.
_IGNORED = ("addFeatureSupport", "dropFeatureSupport", "generate", "upgradeTableProtocol")
# Names that Delta Lake's own module has too, so that ``from delta.tables import *`` brings them.
_OF_PYSPARK = {
    **dict.fromkeys(("Column", "DataFrame", "SparkSession"), "pyspark.sql"),
    **dict.fromkeys(("DataType", "StructField", "StructType"), "pyspark.sql.types"),
}


class DeltaTable:
    """A Delta table, by its name or its path, with the methods that Delta Lake documents.

    :param name: as SQL names it.
    """

    def __init__(self, session: Any, name: str, alias: str | None = None) -> None:
        self._session = session
        self._name = name
        self._alias = alias
        self._plans: set[int] = set()

    @classmethod
    def forName(cls, sparkSession: Any, tableOrViewName: str) -> DeltaTable:
        """Return the table of a name.

        :raises AnalysisException: there is none.
        """
        sparkSession.table(tableOrViewName).schema  # noqa: B018  # it asks for the table
        return cls(sparkSession, tableOrViewName)

    @classmethod
    def forPath(cls, sparkSession: Any, path: str, hadoopConf: Any = None) -> DeltaTable:
        """Return the table in a folder.

        :raises AnalysisException: there is none.
        """
        if not cls.isDeltaTable(sparkSession, path):
            from pyspark.errors import AnalysisException

            raise AnalysisException(
                f"[DELTA_MISSING_DELTA_TABLE] `{path}` is not a Delta table. Write it first, with "
                "the format 'delta'."
            )
        return cls(sparkSession, f"delta.`{path}`")

    @staticmethod
    def isDeltaTable(sparkSession: Any, identifier: str) -> bool:
        if "://" not in identifier:
            return os.path.isdir(os.path.join(drop_scheme(identifier), "_delta_log"))
        try:
            sparkSession.read.format("delta").load(identifier).schema  # noqa: B018
        except Exception:  # a storage has many ways to say that there is no table
            return False
        return True

    @staticmethod
    def create(sparkSession: Any = None) -> DeltaTableBuilder:
        """Build a table that must not exist."""
        return DeltaTableBuilder(sparkSession, "CREATE TABLE", DeltaTable)

    @staticmethod
    def createIfNotExists(sparkSession: Any = None) -> DeltaTableBuilder:
        """Build a table, unless it exists."""
        return DeltaTableBuilder(sparkSession, "CREATE TABLE IF NOT EXISTS", DeltaTable)

    @staticmethod
    def createOrReplace(sparkSession: Any = None) -> DeltaTableBuilder:
        """Build a table in place of another one."""
        return DeltaTableBuilder(sparkSession, "CREATE OR REPLACE TABLE", DeltaTable)

    replace = createOrReplace

    def alias(self, aliasName: str) -> DeltaTable:
        """Return the table under another name, for conditions."""
        return DeltaTable(self._session, self._name, aliasName)

    def toDF(self) -> Any:
        frame = self._session.sql(f"SELECT * FROM {self._name}")
        frame = frame if self._alias is None else frame.alias(self._alias)
        self._plans |= _list_plans(frame)
        return frame

    def delete(self, condition: Any = None) -> None:
        where = "" if condition is None else f" WHERE {self._write(condition)}"
        self._session.sql(f"DELETE FROM {self._target}{where}")

    def update(self, condition: Any = None, set: Any = None) -> None:
        where = "" if condition is None else f" WHERE {self._write(condition)}"
        self._session.sql(f"UPDATE {self._target} SET {write_assignments(set, self._write)}{where}")

    def merge(self, source: Any, condition: Any) -> DeltaMergeBuilder:
        return DeltaMergeBuilder(self, source, condition)

    def history(self, limit: int | None = None) -> Any:
        rows = self._session.sql(f"DESCRIBE HISTORY {self._name}")
        return rows if limit is None else rows.limit(limit)

    def detail(self) -> Any:
        return self._session.sql(f"DESCRIBE DETAIL {self._name}")

    def restoreToVersion(self, version: int) -> Any:
        return self._session.sql(f"RESTORE TABLE {self._name} TO VERSION AS OF {int(version)}")

    def restoreToTimestamp(self, timestamp: str) -> Any:
        return self._session.sql(f"RESTORE TABLE {self._name} TO TIMESTAMP AS OF '{timestamp}'")

    def vacuum(self, retentionHours: float | None = None) -> Any:
        """Keep all files: removing old ones changes no result."""
        return self._session.sql("SELECT '' AS path WHERE false")

    def optimize(self) -> DeltaOptimizeBuilder:
        """Begin a change of the files' layout, which has no effect here."""
        return DeltaOptimizeBuilder(self._session)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _IGNORED:
            return lambda *_, **__: None
        raise NotImplementedError(
            f"The DeltaTable of the local workspace has no {name}. Write SQL, or install pyspark "
            "and Java in place of Sail: pip uninstall pysail pyspark-client; pip install pyspark "
            "delta-spark."
        )

    @property
    def _target(self) -> str:
        return self._name if self._alias is None else f"{self._name} AS {self._alias}"

    def _write(self, value: Any) -> str:
        return ColumnSql(self._session.client, lambda _: self._alias).write(value)


class DeltaMergeBuilder:
    """A merge, clause by clause, as Delta Lake documents it."""

    def __init__(self, table: DeltaTable, source: Any, condition: Any) -> None:
        self._table = table
        self._source = source
        self._condition = condition
        self._clauses: list[str] = []
        self._evolves = False

    def whenMatchedUpdate(self, condition: Any = None, set: Any = None) -> DeltaMergeBuilder:
        return self._update("WHEN MATCHED", condition, set)

    def whenMatchedUpdateAll(self, condition: Any = None) -> DeltaMergeBuilder:
        return self._add("WHEN MATCHED", condition, "UPDATE SET *")

    def whenMatchedDelete(self, condition: Any = None) -> DeltaMergeBuilder:
        return self._add("WHEN MATCHED", condition, "DELETE")

    def whenNotMatchedInsert(self, condition: Any = None, values: Any = None) -> DeltaMergeBuilder:
        texts = [self._write(each) for each in values.values()]
        action = f"INSERT ({', '.join(map(str, values))}) VALUES ({', '.join(texts)})"
        return self._add("WHEN NOT MATCHED", condition, action)

    def whenNotMatchedInsertAll(self, condition: Any = None) -> DeltaMergeBuilder:
        return self._add("WHEN NOT MATCHED", condition, "INSERT *")

    def whenNotMatchedBySourceUpdate(
        self, condition: Any = None, set: Any = None
    ) -> DeltaMergeBuilder:
        return self._update("WHEN NOT MATCHED BY SOURCE", condition, set)

    def whenNotMatchedBySourceDelete(self, condition: Any = None) -> DeltaMergeBuilder:
        return self._add("WHEN NOT MATCHED BY SOURCE", condition, "DELETE")

    def withSchemaEvolution(self) -> DeltaMergeBuilder:
        self._evolves = True
        return self

    def execute(self) -> Any:
        if not self._clauses:
            raise ValueError("A merge needs a clause, such as whenMatchedUpdateAll().")
        evolution = "WITH SCHEMA EVOLUTION " if self._evolves else ""
        with name_frame(self._source) as view:
            return self._table._session.sql(
                f"MERGE {evolution}INTO {self._table._target} USING {view} AS {self._alias} "
                f"ON {self._write(self._condition)} {' '.join(self._clauses)}"
            )

    def _update(self, match: str, condition: Any, values: Any) -> DeltaMergeBuilder:
        return self._add(match, condition, f"UPDATE SET {write_assignments(values, self._write)}")

    def _add(self, match: str, condition: Any, action: str) -> DeltaMergeBuilder:
        test = "" if condition is None else f" AND ({self._write(condition)})"
        self._clauses.append(f"{match}{test} THEN {action}")
        return self

    @property
    def _alias(self) -> str:
        return find_alias(self._source) or _SOURCE

    def _write(self, value: Any) -> str:
        table = self._table

        def find_owner(plan: int) -> str | None:
            return table._alias if plan in table._plans else self._alias

        return ColumnSql(table._session.client, find_owner).write(value)


class DeltaOptimizeBuilder:
    """A change of the layout of files, which has no effect here."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def where(self, partitionFilter: str) -> DeltaOptimizeBuilder:
        return self

    def executeCompaction(self) -> Any:
        return self._session.sql("SELECT '' AS path WHERE false")

    def executeZOrderBy(self, *cols: Any) -> Any:
        return self.executeCompaction()


def write_assignments(values: Any, write: Any) -> str:
    if not values:
        raise ValueError("An update needs 'set', such as set={'name': 'updates.name'}.")
    return ", ".join(f"{column} = {write(value)}" for column, value in values.items())


def find_alias(frame: Any) -> str | None:
    """Return the alias of a frame, which it keeps after a filter or a selection."""
    aliases = (getattr(each, "_alias", None) for each in _walk(frame._plan))
    return next((each for each in aliases if isinstance(each, str)), None)


def _list_plans(frame: Any) -> set[int]:
    plans = _walk(frame._plan)
    return {getattr(each, "_root_plan_id", None) or each._plan_id for each in plans}  # 4.2, 4.0


def _walk(plan: Any) -> Iterator[Any]:
    while plan is not None:
        yield plan
        plan = getattr(plan, "_child", None)


def build_modules() -> dict[str, dict[str, Any]]:
    """Return the names of the modules below ``delta``."""
    names: dict[str, Any] = {
        "DeltaTable": DeltaTable,
        "DeltaMergeBuilder": DeltaMergeBuilder,
        "DeltaOptimizeBuilder": DeltaOptimizeBuilder,
        "DeltaTableBuilder": DeltaTableBuilder,
        "IdentityGenerator": IdentityGenerator,
    }
    return {
        "delta": {**names, "configure_spark_with_delta_pip": _keep_builder, "__path__": []},
        "delta.tables": {
            **names,
            "__all__": (*names, *_OF_PYSPARK),
            "__getattr__": _get_from_pyspark,
        },
        "delta.exceptions": {"__getattr__": _make_exception},
    }


def _get_from_pyspark(name: str) -> Any:
    if name not in _OF_PYSPARK:
        raise AttributeError(name)
    return getattr(import_module(_OF_PYSPARK[name]), name)


def _keep_builder(spark_session_builder: Any, extra_packages: Any = None) -> Any:
    """Return the builder as it is: Sail reads Delta tables without a package."""
    return spark_session_builder


def _make_exception(name: str) -> type[Exception]:
    """Return an exception to catch. Sail raises none of them."""
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (Exception,), {})
