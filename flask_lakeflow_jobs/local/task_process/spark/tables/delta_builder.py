"""Builds a Delta table column by column, as ``DeltaTable.create`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..language.sql_literals import write_text
from ..language.sql_names import quote_part


@dataclass
class IdentityGenerator:
    """Numbers of a column that the table gives."""

    start: int = 1
    step: int = 1

    def __str__(self) -> str:
        return f"IDENTITY (START WITH {self.start} INCREMENT BY {self.step})"


class DeltaTableBuilder:
    """A table to create, with the methods that Delta Lake documents.

    :param session: of Spark; by default the active one.
    :param statement: the SQL that creates it, such as ``CREATE TABLE``.
    """

    def __init__(self, session: Any, statement: str, table_class: Any) -> None:
        if session is None:
            from pyspark.sql import SparkSession

            session = SparkSession.getActiveSession()
        self._session = session
        self._statement = statement
        self._table_class = table_class
        self._name = ""
        self._clauses: dict[str, str] = {}
        self._columns: list[str] = []
        self._properties: list[str] = []

    def tableName(self, identifier: str) -> DeltaTableBuilder:
        self._name = identifier
        return self

    def location(self, location: str) -> DeltaTableBuilder:
        self._clauses["LOCATION"] = write_text(location)
        return self

    def comment(self, comment: str) -> DeltaTableBuilder:
        self._clauses["COMMENT"] = write_text(comment)
        return self

    def property(self, key: str, value: str) -> DeltaTableBuilder:
        self._properties.append(f"{write_text(key)} = {write_text(str(value))}")
        self._clauses["TBLPROPERTIES"] = f"({', '.join(self._properties)})"
        return self

    def partitionedBy(self, *cols: Any) -> DeltaTableBuilder:
        names = cols[0] if len(cols) == 1 and not isinstance(cols[0], str) else cols
        self._clauses["PARTITIONED BY"] = f"({', '.join(map(quote_part, names))})"
        return self

    def clusterBy(self, *cols: Any) -> DeltaTableBuilder:
        """Choose nothing: the layout of files changes no result."""
        return self

    def addColumn(
        self,
        colName: str,
        dataType: Any = "string",
        nullable: bool = True,
        generatedAlwaysAs: Any = None,
        generatedByDefaultAs: Any = None,
        comment: str | None = None,
    ) -> DeltaTableBuilder:
        kind = dataType if isinstance(dataType, str) else dataType.simpleString()
        parts = [quote_part(colName), kind]
        if not nullable:
            parts.append("NOT NULL")
        for when, value in (("ALWAYS", generatedAlwaysAs), ("BY DEFAULT", generatedByDefaultAs)):
            if value is not None:
                text = f"({value})" if isinstance(value, str) else str(value)
                parts.append(f"GENERATED {when} AS {text}")
        if comment:
            parts.append(f"COMMENT {write_text(comment)}")
        self._columns.append(" ".join(parts))
        return self

    def addColumns(self, cols: Any) -> DeltaTableBuilder:
        for each in cols:
            self.addColumn(
                each.name, each.dataType, each.nullable, comment=each.metadata.get("comment")
            )
        return self

    def execute(self) -> Any:
        if not self._name:
            raise ValueError(
                "A table on Sail needs tableName(…). To write into a folder alone, save a frame: "
                "….write.format('delta').save('/…')."
            )
        clauses = "".join(f" {name} {text}" for name, text in self._clauses.items())
        columns = f" ({', '.join(self._columns)})" if self._columns else ""
        self._session.sql(f"{self._statement} {self._name}{columns} USING delta{clauses}")
        return self._table_class.forName(self._session, self._name)
