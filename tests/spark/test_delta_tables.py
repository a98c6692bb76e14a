"""The class ``DeltaTable`` on Sail."""

# ruff: noqa: E501  # lines of snippets

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.spark.support import check_snippets

#: Each begins with a table of three rows, ``t``, and a frame with changes, ``new``.
SNIPPETS = {
    "update all and insert all": """
        t.alias("t").merge(new.alias("s"), "t.id = s.id").whenMatchedUpdateAll() \\
            .whenNotMatchedInsertAll().execute()
        check((1, "a", 10), (2, "B", 200), (3, "c", 30), (4, "d", 40))
    """,
    "columns as conditions and values": """
        t.alias("t").merge(new.alias("s"), (F.col("t.id") == F.col("s.id")) & F.col("s.n").isNotNull()) \\
            .whenMatchedUpdate(set={"name": F.concat("t.name", F.lit("'s")), "n": "t.n + s.n"}) \\
            .whenNotMatchedInsert(values={"id": "s.id", "n": F.when(F.col("s.n") > 39, 1).otherwise(0)}) \\
            .execute()
        check((1, "a", 10), (2, "b's", 220), (3, "c", 30), (4, None, 1))
    """,
    "columns of frames": """
        rows = t.toDF()
        t.alias("t").merge(new.filter("id = 2"), F.col("t.id") == new["id"]).whenMatchedDelete().execute()
        check((1, "a", 10), (3, "c", 30))
    """,
    "rows that the source lacks": """
        t.alias("t").merge(new.alias("s"), "t.id = s.id") \\
            .whenNotMatchedBySourceUpdate("t.id = 1", {"n": F.lit(-1)}) \\
            .whenNotMatchedBySourceDelete().execute()
        check((1, "a", -1), (2, "b", 20))
    """,
    "conditions of clauses": """
        t.alias("t").merge(new.alias("s"), "t.id = s.id").whenMatchedDelete("s.n > 1000") \\
            .whenMatchedUpdateAll(F.col("s.n") > 1000).whenNotMatchedInsertAll("s.id > 9").execute()
        check((1, "a", 10), (2, "b", 20), (3, "c", 30))
    """,
    "new columns": """
        t.alias("t").merge(new.withColumn("more", F.lit(7)).alias("s"), "t.id = s.id") \\
            .withSchemaEvolution().whenNotMatchedInsertAll().execute()
        check((1, "a", 10, None), (2, "b", 20, None), (3, "c", 30, None), (4, "d", 40, 7))
    """,
    "update": """
        t.update("id = 1", {"n": "n + 1"})
        t.update(F.col("id").isin(2, 3), {"name": F.lit("x")})
        t.update(set={"n": F.col("n").cast("long") * 2})
        check((1, "a", 22), (2, "x", 40), (3, "x", 60))
    """,
    "delete": """
        t.delete("id = 1")
        t.delete(F.col("name") == "b")
        check((3, "c", 30))
        t.delete()
        check()
    """,
    "history and restore": """
        t.delete()
        assert [row.operation for row in t.history(1).collect()] == ["DELETE"]
        versions = [row.version for row in t.history().collect()]
        assert versions == sorted(versions, reverse=True), versions
        assert spark.sql(f"DESCRIBE HISTORY {name}").first().version == versions[0]
        assert spark.sql(f"DESCRIBE HISTORY {name} LIMIT 2").count() == 2
        text = "'DESCRIBE HISTORY t'"
        last = f"SELECT max(version) AS version FROM (DESCRIBE HISTORY {name}) WHERE {text} != ''"
        assert spark.sql(last).first().version == versions[0]
        t.restoreToVersion(versions[1])
        check((1, "a", 10), (2, "b", 20), (3, "c", 30))
    """,
    "detail": """
        t.delete("id = 1")
        (row,) = spark.sql(f"DESCRIBE DETAIL {name}").collect()
        assert row == t.detail().first(), row
        assert row.format == "delta" and row.numFiles == 1 and row.location.startswith("file:/")
    """,
    "path": """
        path = folder + "/rows"
        assert not DeltaTable.isDeltaTable(spark, path)
        new.write.format("delta").save(path)
        other = DeltaTable.forPath(spark, path)
        other.alias("t").merge(t.toDF().alias("s"), "t.id = s.id").whenMatchedUpdateAll().execute()
        other.delete("id = 4")
        assert rows_of(other) == [(2, "b", 20)], rows_of(other)
        assert other.history().count() == 3
    """,
    "volume": """
        new.write.format("delta").mode("overwrite").save("/Volumes/dev/raw/in/rows")
        assert DeltaTable.isDeltaTable(spark, "dbfs:/Volumes/dev/raw/in/rows")
        DeltaTable.forPath(spark, "dbfs:/Volumes/dev/raw/in/rows").delete()
        assert rows_of(DeltaTable.forPath(spark, "/Volumes/dev/raw/in/rows")) == []
    """,
    "build a table": """
        def build():
            return DeltaTable.createIfNotExists(spark).tableName("dev.snippets.built") \\
                .addColumn("id", "BIGINT", generatedAlwaysAs=IdentityGenerator(start=5, step=2)) \\
                .addColumn("name", "STRING", nullable=False, comment="it's").addColumns(new.select("n").schema) \\
                .property("quality", "gold").partitionedBy("name").clusterBy("n").execute()
        build()
        spark.sql("INSERT INTO dev.snippets.built (name, n) VALUES ('a', 1), ('b', 2)")
        assert rows_of(build()) == [(5, "a", 1), (7, "b", 2)], rows_of(build())
        assert build().detail().first().partitionColumns == ["name"]
    """,
    "layout of files": """
        t.vacuum(0)
        t.optimize().where("id = 1").executeCompaction()
        t.optimize().executeZOrderBy("id")
        check((1, "a", 10), (2, "b", 20), (3, "c", 30))
    """,
    "missing tables": """
        for find, place in ((DeltaTable.forName, "dev.snippets.none"), (DeltaTable.forPath, "/none")):
            try:
                find(spark, place)
            except AnalysisException:
                continue
            raise AssertionError(place)
    """,
    "exceptions to catch": """
        from delta.exceptions import ConcurrentAppendException, DeltaConcurrentModificationException
        assert issubclass(ConcurrentAppendException, Exception)
    """,
    "builder of sessions": """
        from delta import configure_spark_with_delta_pip
        configure_spark_with_delta_pip(SparkSession.builder).getOrCreate().range(1).count()
    """,
    "all names of the module": """
        names = {}
        exec("from delta.tables import *", names)
        assert names["DeltaTable"] is DeltaTable and isinstance(new, names["DataFrame"])
        assert isinstance(new.schema, names["StructType"]) and not hasattr(sys.modules["delta.tables"], "Row")
    """,
}
ADVISED = {
    "Python in a condition": (
        "t.merge(new, F.udf(lambda n: True, 'boolean')('n')).whenMatchedDelete().execute()",
        "as a text",
    ),
    "no clause": ("t.merge(new, 'true').execute()", "whenMatchedUpdateAll()"),
    "no value": ("t.update('id = 1')", "set={"),
    "no name": ("DeltaTable.create(spark).addColumn('n').location('/a').execute()", "save a frame"),
    "unknown method": ("t.clone('dev.snippets.other')", "Write SQL"),
}
BEGIN = """
import sys
from delta.tables import DeltaTable, IdentityGenerator
from pyspark.errors import AnalysisException

name = "dev.snippets.merged"
schema = "id INT, name STRING, n BIGINT"
new = spark.createDataFrame([(2, "B", 200), (4, "d", 40)], schema)

def rows_of(table):
    return sorted(map(tuple, table.toDF().collect()))

def check(*rows):
    assert rows_of(t) == [*rows], rows_of(t)

def begin():
    rows = spark.createDataFrame([(1, "a", 10), (2, "b", 20), (3, "c", 30)], schema)
    spark.sql(f"DROP TABLE IF EXISTS {name}")
    rows.write.saveAsTable(name)
    return DeltaTable.forName(spark, name)
"""


def test_delta_table_does_in_sql_what_it_does_on_databricks(workspaces: Callable[..., Any]) -> None:
    check_snippets(workspaces, SNIPPETS, ADVISED, begin=BEGIN, prepare="t = begin()")
