"""``delta.tables.DeltaTable`` over SQL, for Sail: the library of Delta Lake needs Java.

Source of names and meanings: the documentation of Delta Lake, "Table deletes, updates, and merges".
"""

from __future__ import annotations

import datetime
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SOURCE = "merge_source"  # the view that is the source of a merge
_QUALIFIER = re.compile(r"(?<![\w.`'])([A-Za-z_]\w*)\.[\w`]")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPERATORS = {
    **{each: each for each in ("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "<=>", "and", "or")},
    "==": "=",
    "!=": "<>",
    "<>": "<>",
}
_EPOCH = datetime.date(1970, 1, 1)


class DeltaTable:
    """A Delta table of the catalog or of a path."""

    def __init__(self, session: Any, name: str, alias: str = "") -> None:
        self._session = session
        self._name = name
        self._alias = alias

    @classmethod
    def forName(cls, sparkSession: Any, tableOrViewName: str) -> DeltaTable:
        """Return the table of a name, such as ``main.default.orders``.

        :raises AnalysisException: there is no such table.
        """
        table = cls(sparkSession, tableOrViewName)
        table.toDF().schema  # noqa: B018  # it asks for the table
        return table

    @classmethod
    def forPath(cls, sparkSession: Any, path: str, *_: Any) -> DeltaTable:
        """Return the table in a folder.

        :raises AnalysisException: there is no such table.
        """
        return cls.forName(sparkSession, f"delta.`{path}`")

    @classmethod
    def isDeltaTable(cls, sparkSession: Any, identifier: str) -> bool:
        """Return whether there is a table in a folder."""
        try:
            cls.forPath(sparkSession, identifier)
        except Exception:
            return False
        return True

    def alias(self, aliasName: str) -> DeltaTable:
        """Return the table under another name, for conditions."""
        return DeltaTable(self._session, self._name, aliasName)

    def toDF(self) -> Any:
        """Return the rows as a frame."""
        frame = self._session.sql(f"SELECT * FROM {self._name}")
        return frame.alias(self._alias) if self._alias else frame

    def delete(self, condition: Any = None) -> None:
        """Delete the rows that meet a condition; ``None``: all rows."""
        self._session.sql(f"DELETE FROM {self._name}{self._where(condition)}").collect()

    def update(self, condition: Any = None, set: Any = None) -> None:
        """Change the rows that meet a condition; ``None``: all rows.

        :param set: the new value of each column, as SQL or as a column.
        """
        changes = _write_assignments(self._session, set)
        statement = f"UPDATE {self._name} SET {changes}{self._where(condition)}"
        self._session.sql(statement).collect()

    def merge(self, source: Any, condition: Any) -> DeltaMergeBuilder:
        """Begin a merge of a frame, with the condition on which rows match."""
        return DeltaMergeBuilder(self._session, self._name, self._alias, source, condition)

    def _where(self, condition: Any) -> str:
        return "" if condition is None else f" WHERE {write_sql(self._session, condition)}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(
            f"Sail, which runs Spark in the local workspace, has no DeltaTable.{name}. Use a "
            "pyspark of your own with delta-spark (pip uninstall pysail pyspark-client && pip "
            "install pyspark delta-spark), or simulate the job (tag 'local_simulation')."
        )


class DeltaMergeBuilder:
    """A merge, clause by clause; :meth:`execute` runs it."""

    def __init__(self, session: Any, target: str, alias: str, source: Any, condition: Any) -> None:
        self._session = session
        self._target = target
        self._alias = alias
        self._source = source
        self._condition = write_sql(session, condition)
        self._clauses: list[str] = []

    def whenMatchedUpdate(self, condition: Any = None, set: Any = None) -> DeltaMergeBuilder:
        """Change a row that matches."""
        return self._update("MATCHED", condition, set)

    def whenMatchedUpdateAll(self, condition: Any = None) -> DeltaMergeBuilder:
        """Change all columns of a row that matches to those of the source."""
        return self._add("MATCHED", condition, "UPDATE SET *")

    def whenMatchedDelete(self, condition: Any = None) -> DeltaMergeBuilder:
        """Delete a row that matches."""
        return self._add("MATCHED", condition, "DELETE")

    def whenNotMatchedInsert(self, condition: Any = None, values: Any = None) -> DeltaMergeBuilder:
        """Insert a row of the source that matches none.

        :param values: the value of each column, as SQL or as a column.
        """
        texts = [write_sql(self._session, each) for each in values.values()]
        action = f"INSERT ({', '.join(values)}) VALUES ({', '.join(texts)})"
        return self._add("NOT MATCHED", condition, action)

    def whenNotMatchedInsertAll(self, condition: Any = None) -> DeltaMergeBuilder:
        """Insert a row of the source that matches none, with all columns."""
        return self._add("NOT MATCHED", condition, "INSERT *")

    def whenNotMatchedBySourceUpdate(
        self, condition: Any = None, set: Any = None
    ) -> DeltaMergeBuilder:
        """Change a row that no row of the source matches."""
        return self._update("NOT MATCHED BY SOURCE", condition, set)

    def whenNotMatchedBySourceDelete(self, condition: Any = None) -> DeltaMergeBuilder:
        """Delete a row that no row of the source matches."""
        return self._add("NOT MATCHED BY SOURCE", condition, "DELETE")

    def execute(self) -> Any:
        """Run the merge.

        :raises ValueError: it has no clause.
        """
        if not self._clauses:
            raise ValueError("A merge needs a clause, such as whenMatchedUpdateAll().")
        alias = f" AS {self._alias}" if self._alias else ""
        self._source.createOrReplaceTempView(_SOURCE)
        try:
            return self._session.sql(
                f"MERGE INTO {self._target}{alias} USING {_SOURCE} AS {self._find_source_alias()} "
                f"ON {self._condition} {' '.join(self._clauses)}"
            )
        finally:
            self._session.catalog.dropTempView(_SOURCE)

    def _update(self, match: str, condition: Any, values: Any) -> DeltaMergeBuilder:
        action = f"UPDATE SET {_write_assignments(self._session, values)}"
        return self._add(match, condition, action)

    def _add(self, match: str, condition: Any, action: str) -> DeltaMergeBuilder:
        test = "" if condition is None else f" AND ({write_sql(self._session, condition)})"
        self._clauses.append(f"WHEN {match}{test} THEN {action}")
        return self

    def _find_source_alias(self) -> str:
        """Return the name that the condition has for the source, since a frame tells none."""
        names = _QUALIFIER.findall(_TEXT.sub("", self._condition))
        target = {self._alias, self._target.rpartition(".")[2].strip("`")}
        return next((each for each in names if each not in target), _SOURCE)


def write_sql(session: Any, value: Any) -> str:
    """Return the SQL of a column; a text is SQL already, any other value a literal.

    :raises NotImplementedError: the column has no SQL, for example as it calls Python.
    """
    if isinstance(value, str):
        return value
    if not hasattr(value, "to_plan"):
        from pyspark.sql import functions  # its import starts a session

        value = functions.lit(value)
    return _write(value.to_plan(session.client))


def _write_assignments(session: Any, values: Any) -> str:
    if not values:
        raise ValueError("An update needs 'set', such as set={'name': 'updates.name'}.")
    return ", ".join(f"{name} = {write_sql(session, value)}" for name, value in values.items())


def _write(expression: Any) -> str:
    """Write an expression of the protocol of Spark Connect."""
    kind = expression.WhichOneof("expr_type")
    node = getattr(expression, kind)
    if kind == "expression_string":
        return f"({node.expression})"
    if kind == "unresolved_attribute":
        return str(node.unparsed_identifier)
    if kind == "alias":
        return _write(node.expr)
    if kind == "literal":
        return _write_literal(node)
    if kind == "unresolved_function":
        return _write_call(node.function_name, [_write(each) for each in node.arguments])
    raise NotImplementedError(
        f"This column has no SQL ({kind}), which a DeltaTable needs on Sail. Write the expression "
        "as a text, or add the column to the source with withColumn."
    )


def _write_call(name: str, arguments: list[str]) -> str:
    if name in _OPERATORS and len(arguments) == 2:
        return f"({arguments[0]} {_OPERATORS[name]} {arguments[1]})"
    if name == "in":
        return f"({arguments[0]} IN ({', '.join(arguments[1:])}))"
    return f"{name}({', '.join(arguments)})"


def _write_literal(node: Any) -> str:
    kind = node.WhichOneof("literal_type")
    value = getattr(node, kind)
    if kind == "null":
        return "NULL"
    if kind == "string":
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if kind == "decimal":
        return str(value.value)
    if kind == "date":
        return f"DATE '{_EPOCH + datetime.timedelta(value)}'"
    if kind == "timestamp":
        return f"timestamp_micros({value})"
    return str(value)
