"""Tables of changes on a real Spark, beside a model that applies one change after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.task_process.pipelines.change_sql import (
    Changes,
    write_query,
    write_snapshot,
)

if "CI" not in os.environ:
    pytest.importorskip("pyspark.pipelines.cli")

# id, name, city, sequence, operation
Change = tuple[int | None, str | None, str | None, int, str]
# The documentation of Databricks, "The AUTO CDC APIs", has these changes and their tables.
DOCUMENTED: list[Change] = [
    (124, "Raul", "Oaxaca", 1, "INSERT"),
    (123, "Isabel", "Monterrey", 1, "INSERT"),
    (125, "Mercedes", "Tijuana", 2, "INSERT"),
    (126, "Lily", "Cancun", 2, "INSERT"),
    (123, None, None, 6, "DELETE"),
    (125, "Mercedes", "Guadalajara", 6, "UPDATE"),
    (125, "Mercedes", "Mexicali", 5, "UPDATE"),
    (123, "Isabel", "Chihuahua", 5, "UPDATE"),
]
TRUNCATE: Change = (None, None, None, 3, "TRUNCATE")
ONLY_DATA = ("op", "seq")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name, value in {
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # no time to optimize
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def run(spark: Any, changes: Changes, rows: list[Change], *, has_truncates: bool = False) -> Any:
    frame = spark.createDataFrame(rows, "id INT, name STRING, city STRING, seq INT, op STRING")
    frame.selectExpr(
        "*",
        "seq AS __change_sequence",
        "op = 'DELETE' AS __change_deleted",
        "op = 'TRUNCATE' AS __change_truncated",
    ).createOrReplaceTempView("log")
    found = spark.sql(write_query(changes, "log", has_truncates=has_truncates))
    return found.columns, sorted((tuple(row) for row in found.collect()), key=str)


@pytest.mark.parametrize(
    ("changes", "rows", "columns", "expected"),
    [
        (
            Changes(("id",), except_columns=ONLY_DATA),
            DOCUMENTED,
            ["id", "name", "city"],
            [
                (124, "Raul", "Oaxaca"),
                (125, "Mercedes", "Guadalajara"),
                (126, "Lily", "Cancun"),
            ],
        ),
        (
            Changes(("id",), except_columns=ONLY_DATA),
            [*DOCUMENTED, TRUNCATE],
            ["id", "name", "city"],
            [(125, "Mercedes", "Guadalajara")],
        ),
        (
            Changes(("ID",), has_history=True, except_columns=("OP", "seq", "op")),
            DOCUMENTED,
            ["id", "name", "city", "__START_AT", "__END_AT"],
            [
                (123, "Isabel", "Chihuahua", 5, 6),
                (123, "Isabel", "Monterrey", 1, 5),
                (124, "Raul", "Oaxaca", 1, None),
                (125, "Mercedes", "Guadalajara", 6, None),
                (125, "Mercedes", "Mexicali", 5, 6),
                (125, "Mercedes", "Tijuana", 2, 5),
                (126, "Lily", "Cancun", 2, None),
            ],
        ),
        (
            Changes(("id",), True, columns=("city", "id", "name"), except_tracked=("city",)),
            DOCUMENTED,
            ["city", "id", "name", "__START_AT", "__END_AT"],
            [
                ("Cancun", 126, "Lily", 2, None),
                ("Chihuahua", 123, "Isabel", 1, 6),
                ("Guadalajara", 125, "Mercedes", 2, None),
                ("Oaxaca", 124, "Raul", 1, None),
            ],
        ),
        (
            Changes(("id",), True, columns=("name", "seq"), tracked=("name",)),
            [(1, "a", None, 1, ""), (1, "a", None, 2, ""), (1, None, None, 3, "")],
            ["name", "seq", "__START_AT", "__END_AT"],
            [("a", 2, 1, 3), (None, 3, 3, None)],
        ),
        (
            Changes(("id", "name")),
            [(1, "a", "x", 1, ""), (1, "b", "y", 1, "DELETE"), (1, "a", "z", 1, "")],
            ["id", "name", "city", "seq", "op"],
            [(1, "a", "z", 1, "")],
        ),
    ],
)
def test_query_has_the_rows_of_the_documentation(
    spark: Any, changes: Changes, rows: list[Change], columns: list[str], expected: Any
) -> None:
    has_truncates = TRUNCATE in rows
    assert run(spark, changes, rows, has_truncates=has_truncates) == (columns, expected)


def test_snapshot_has_each_key_once(spark: Any) -> None:
    spark.range(3).createOrReplaceTempView("snapshot")
    query = write_snapshot(("id",), "snapshot", "it's")
    assert spark.sql(query).columns == ["id"]
    assert sorted(row.id for row in spark.sql(query).collect()) == [0, 1, 2]
    spark.sql("SELECT id % 2 AS id FROM snapshot").createOrReplaceTempView("repeated")
    with pytest.raises(Exception, match="The snapshot for it's has a key more than once"):
        spark.sql(write_snapshot(("id",), "repeated", "it's")).collect()


def apply_changes(rows: list[Change], tracked: tuple[int, ...] | None) -> list[Any]:
    """Return the table after each change in its turn; with its versions if columns are tracked."""
    current: dict[int | None, list[Any]] = {}
    closed: list[Any] = []
    for key, name, city, seq, operation in sorted(rows, key=lambda row: row[3]):
        before = current.get(key)
        if operation == "TRUNCATE":
            current.clear()
        elif operation == "DELETE":
            closed += [(*before, seq)] if before else []
            current.pop(key, None)
        else:
            after = [key, name, city, seq]
            if before and tracked is not None:
                if all(before[column] == after[column] for column in tracked):
                    after[3] = before[3]
                else:
                    closed.append((*before, seq))
            current[key] = after
    rest = [(*row, None) for row in current.values()]
    if tracked is None:
        rest = [row[:3] for row in rest]
    return sorted(closed * (tracked is not None) + rest, key=str)


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Return changes in any order; no two of them have one place in the sequence."""
    operations = st.sampled_from(["INSERT", "UPDATE", "UPDATE", "DELETE", "TRUNCATE"])
    texts = st.sampled_from(["a", "b", None])
    parts = st.tuples(st.integers(1, 3), texts, texts, operations)
    listed = draw(st.lists(parts, max_size=14))
    rows = [(key, name, city, seq, op) for seq, (key, name, city, op) in enumerate(listed)]
    return list(draw(st.permutations(rows)))


@given(rows=histories(), tracked=st.sampled_from([None, (1, 2), (1,), (2,)]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_query_equals_changes_that_are_applied_in_their_sequence(
    spark: Any, rows: list[Change], tracked: tuple[int, ...] | None
) -> None:
    if tracked is not None:
        rows = [row for row in rows if row[4] != "TRUNCATE"]
    names = None if tracked in (None, (1, 2)) else tuple(["", "name", "city"][i] for i in tracked)
    changes = Changes(
        ("id",), has_history=tracked is not None, except_columns=ONLY_DATA, tracked=names
    )
    _, found = run(spark, changes, rows, has_truncates=True)
    assert found == apply_changes(rows, tracked)
