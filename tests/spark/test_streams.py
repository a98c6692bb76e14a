"""Streams on Sail: each start reads what is new, once."""

# ruff: noqa: E501  # lines of snippets

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.spark.support import check_snippets

#: Each begins with new folders, ``source`` and ``checkpoint``, and a new table, ``name``.
SNIPPETS = {
    "auto loader reads each file once": """
        put("a.csv", "id,name\\n1,a\\n")
        put("day=1/b.csv", "id,name\\n2,b\\n")
        put("_hidden/c.csv", "id,name\\n9,z\\n")
        def load():
            frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv") \\
                .option("header", True).option("cloudFiles.schemaLocation", checkpoint).load(source)
            assert frame.isStreaming
            query = frame.select("id", F.upper("name").alias("name")).writeStream \\
                .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
            query.awaitTermination()
            return query.lastProgress["numInputRows"]
        assert load() == 2
        assert load() == 0
        check(("1", "A"), ("2", "B"))
        put("c.csv", "id,name\\n3,c\\n")
        assert load() == 1
        check(("1", "A"), ("2", "B"), ("3", "C"))
    """,
    "name of the file": """
        put("a.json", '{"id": 1}')
        put("b.json", '{"id": 2, "more": "x"}')
        frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").load(source)
        frame = frame.withColumn("file", F.col("_metadata.file_name")).withColumn("path", F.input_file_name())
        frame.writeStream.option("checkpointLocation", checkpoint).trigger(once=True).toTable(name)
        rows = spark.table(name).orderBy("id").collect()
        assert [(r.id, r.more, r.file, r._rescued_data) for r in rows] == [(1, None, "a.json", None), (2, "x", "b.json", None)]
        assert rows[0].path == source + "/a.json"
    """,
    "table to table": """
        spark.range(2).write.saveAsTable(name + "_in")
        def load():
            spark.readStream.table(name + "_in").withWatermark("id", "1 day").writeStream.format("delta") \\
                .outputMode("append").option("checkpointLocation", checkpoint) \\
                .trigger(availableNow=True).toTable(name)
        load()
        spark.range(2, 4).write.mode("append").saveAsTable(name + "_in")
        load()
        load()
        check((0,), (1,), (2,), (3,))
        spark.sql(f"DELETE FROM {name}_in WHERE id = 1")
        try:
            load()
        except ValueError as error:
            assert "skipChangeCommits" in str(error)
        else:
            raise AssertionError("a deletion passed")
    """,
    "changes that are skipped": """
        spark.sql(f"CREATE TABLE {name}_in (id INT, day STRING) PARTITIONED BY (day)")
        def load():
            spark.readStream.option("skipChangeCommits", "true").table(name + "_in").writeStream \\
                .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
        load()
        spark.sql(f"INSERT INTO {name}_in VALUES (1, 'x'), (2, 'y')")
        spark.sql(f"DELETE FROM {name}_in WHERE id = 1")
        spark.sql(f"INSERT INTO {name}_in VALUES (3, 'x')")
        load()
        check((1, "x"), (2, "y"), (3, "x"))
    """,
    "merge each batch": """
        from delta.tables import DeltaTable
        spark.createDataFrame([(1, "old")], "id INT, name STRING").write.saveAsTable(name)
        numbers = []
        def merge(batch, number):
            numbers.append(number)
            DeltaTable.forName(batch.sparkSession, name).alias("t").merge(batch.alias("s"), "t.id = s.id") \\
                .whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
        def load():
            spark.readStream.schema("id INT, name STRING").json(source).writeStream.foreachBatch(merge) \\
                .option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
        load()
        put("a.json", '{"id": 1, "name": "new"}')
        load()
        put("b.json", '{"id": 2, "name": "b"}')
        load()
        assert numbers == [0, 1], numbers
        check((1, "new"), (2, "b"))
    """,
    "failed batch is read again": """
        put("a.json", '{"id": 1}')
        def fail(batch, number):
            if not tries:
                tries.append(number)
                raise KeyError("first")
            tries.append(batch.count())
        tries = []
        for _ in range(2):
            try:
                spark.readStream.schema("id INT").json(source).writeStream.foreachBatch(fail) \\
                    .option("checkpointLocation", checkpoint).start()
            except KeyError:
                pass
        assert tries == [0, 1], tries
    """,
    "complete": """
        def load():
            spark.readStream.schema("k STRING").json(source).groupBy("k").count().writeStream \\
                .outputMode("complete").option("checkpointLocation", checkpoint).toTable(name)
        put("a.json", '{"k": "x"}')
        load()
        put("b.json", '{"k": "x"}')
        load()
        check(("x", 2))
    """,
    "folders": """
        put("a.json", '{"id": 1}')
        spark.readStream.schema("id INT").json(source + "/*.json").writeStream.format("parquet") \\
            .option("checkpointLocation", checkpoint).start(folder + "/out_folders").stop()
        assert spark.read.parquet(folder + "/out_folders").count() == 1
        spark.readStream.schema("id INT").format("json").load(source).writeStream.format("memory") \\
            .queryName("memory_of_stream").start()
        assert spark.table("memory_of_stream").count() == 1
        spark.streams.awaitAnyTermination()
        assert not spark.streams.active
    """,
    "checkpoint in a volume": """
        put("a.json", '{"id": 1}')
        for _ in range(2):
            spark.readStream.schema("id INT").json(source).writeStream.trigger(availableNow=True) \\
                .option("checkpointLocation", "/Volumes/dev/raw/in/check").toTable(name)
        check((1,))
        assert dbutils.fs.ls("/Volumes/dev/raw/in/check")
    """,
    "table before there are files": """
        spark.readStream.schema("id INT").json(source).writeStream \\
            .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
        check()
    """,
}
ADVISED = {
    "no file and no schema": ("spark.readStream.json(source)", ".schema("),
    "kafka": ("spark.readStream.format('kafka').load()", "format kafka"),
    "other machine": ("spark.readStream.json('s3://bucket/in')", "Copy some"),
    "foreach": (
        "spark.readStream.schema('n INT').json(source).writeStream.foreach(print)",
        "foreachBatch",
    ),
    "batch": ("spark.range(1).writeStream.start()", "needs a stream"),
    "sink": (
        "put('a.json', '{\"n\": 1}'); spark.readStream.json(source).writeStream.format('kafka').start()",
        "kafka",
    ),
    "feed of changes": (
        "spark.range(1).write.saveAsTable(name); spark.readStream.option('readChangeFeed', True).table(name)",
        "feed of changes",
    ),
}
BEGIN = """
import os

def begin():
    global name, source, checkpoint
    number = os.urandom(4).hex()
    name, source, checkpoint = f"dev.snippets.s{number}", f"{folder}/in{number}", f"{folder}/check{number}"
    os.mkdir(source)

def put(file, text):
    path = os.path.join(source, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)

def check(*rows):
    found = sorted(map(tuple, spark.table(name).collect()))
    assert found == [*rows], found
"""


@pytest.mark.ledger(
    "notebook_task", differs="Streams on Sail read what is new once, and end; they keep no state."
)
def test_streams_read_what_is_new_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    check_snippets(workspaces, SNIPPETS, ADVISED, begin=BEGIN, prepare="begin()")
