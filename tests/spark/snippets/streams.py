# Streams. Each begins with new folders, source and checkpoint, and a new table, name.

# %% auto loader reads each file once
put("a.csv", "id,name\n1,a\n")
put("day=1/b.csv", "id,name\n2,b\n")
put("_hidden/c.csv", "id,name\n9,z\n")
def load():
    frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv") \
        .option("header", True).option("cloudFiles.schemaLocation", checkpoint).load(source)
    assert frame.isStreaming
    query = frame.select("id", F.upper("name").alias("name")).writeStream \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
    query.awaitTermination()
    return query.lastProgress["numInputRows"]
assert load() == 2
assert load() == 0
check(("1", "A"), ("2", "B"))
rows = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv").option("header", True).schema("id INT, name STRING").load(source)
rows.selectExpr("day", "_metadata.file_name AS f").writeStream.trigger(availableNow=True).option("checkpointLocation", checkpoint + "_days").toTable(name + "_days")
assert sorted(map(tuple, spark.table(name + "_days").collect()), key=str) == [(1, "b.csv"), (None, "a.csv")]
put("c.csv", "id,name\n3,c\n")
assert load() == 1
check(("1", "A"), ("2", "B"), ("3", "C"))

# %% name of the file
put("a.json", '{"id": 1}')
put("b.json", '{"id": 2, "more": "x"}')
frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").load(source)
frame = frame.withColumn("file", F.col("_metadata.file_name")).withColumn("path", F.input_file_name())
frame.writeStream.option("checkpointLocation", checkpoint).trigger(once=True).toTable(name)
rows = spark.table(name).orderBy("id").collect()
assert [(r.id, r.more, r.file, r._rescued_data) for r in rows] == [("1", None, "a.json", None), ("2", "x", "b.json", None)]
assert rows[0].path == source + "/a.json"
put("c.json", '{"id": 3}')
spark.readStream.schema("id INT").json(source).select("_metadata.file_name", "id").writeStream.option("checkpointLocation", checkpoint + "_s").toTable(name + "_s")
assert sorted(map(tuple, spark.table(name + "_s").collect())) == [("a.json", 1), ("b.json", 2), ("c.json", 3)]

# %% binary files before there are any
dbutils.fs.mkdirs(source)
def load():
    frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "binaryFile").load(source)
    frame = frame.withColumn("file", F.col("path"))
    frame.writeStream.option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
    return spark.table(name)
assert load().columns == ["path", "modificationTime", "length", "content", "file"], load().columns
put("a.pdf", "x")
assert [(row.file[-5:], row.length) for row in load().collect()] == [("a.pdf", 1)], load().collect()

# %% table to table
spark.range(2).write.saveAsTable(name + "_in")
def load():
    spark.readStream.table(name + "_in").withWatermark("id", "1 day").writeStream.format("delta") \
        .outputMode("append").option("checkpointLocation", checkpoint) \
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

# %% changes of a table
spark.sql(f"CREATE TABLE {name}_in (id INT, v STRING, day STRING) PARTITIONED BY (day) TBLPROPERTIES (delta.enableChangeDataFeed = true)")
spark.sql(f"INSERT INTO {name}_in VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'y'), (4, 'd', 'x')")
def load():
    frame = spark.readStream.option("readChangeFeed", "true").table(name + "_in").drop("_commit_timestamp")
    frame.writeStream.option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
load()
spark.sql(f"UPDATE {name}_in SET v = 'z' WHERE id = 1")
spark.sql(f"DELETE FROM {name}_in WHERE id = 2")
spark.createDataFrame([(1, "m", "x"), (9, "n", "q")], "id INT, v STRING, day STRING").createOrReplaceTempView("changed")
spark.sql(f"MERGE INTO {name}_in AS t USING changed AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
later = [
    (1, "a", "x", "update_preimage", 2), (1, "z", "x", "update_postimage", 2), (2, "b", "x", "delete", 3),
    (1, "z", "x", "update_preimage", 4), (1, "m", "x", "update_postimage", 4), (9, "n", "q", "insert", 4),
]
inserted = [(1, "a", "x", "insert", 1), (2, "b", "x", "insert", 1), (3, "c", "y", "insert", 1), (4, "d", "x", "insert", 1)]
load()
load()
check(*sorted(inserted + later))
reader = spark.read.format("delta").option("readChangeFeed", True)
def read(frame):
    return sorted(tuple(row)[:5] for row in frame.collect())
assert read(reader.option("startingVersion", 0).table(name + "_in")) == sorted(inserted + later)
assert read(spark.sql(f"SELECT * FROM table_changes('{name}_in', 2)")) == sorted(later)
changes = reader.option("startingVersion", 1).table(name + "_in")
assert changes.filter("_change_type = 'delete'").select("v").first().v == "b"
assert changes.filter("_commit_version > 3").select("id").distinct().count() == 2
spark.sql(f"CREATE TABLE {name}_c AS SELECT c.id FROM table_changes('{name}_in', 2, 3) AS c WHERE c._change_type = 'delete'")
assert spark.table(name + "_c").first().id == 2
spark.sql(f"INSERT OVERWRITE {name}_in VALUES (3, 'c', 'y')")
spark.sql(f"RESTORE TABLE {name}_in TO VERSION AS OF 4")
times = [row.timestamp for row in spark.sql(f"DESCRIBE HISTORY {name}_in").orderBy("version").collect()]
folder = spark.sql(f"DESCRIBE DETAIL {name}_in").first().location.removeprefix("file:")
reader = spark.read.option("readChangeFeed", True).option("startingTimestamp", str(times[5])).option("endingTimestamp", str(times[6]))
kinds = sorted((row._change_type, row.id, row.day) for row in reader.format("delta").load(folder).collect())
assert kinds == sorted((kind, number, day) for kind in ("delete", "insert") for number, day in ((1, "x"), (4, "x"), (9, "q"))), kinds
for options, message in (({}, "need a start"), ({"startingVersion": 9}, "cannot be greater than the latest version")):
    try:
        spark.read.options(readChangeFeed=True, **options).table(name + "_in")
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError(options)
assert spark.sql(f"SELECT * FROM table_changes('{name}_in', 1, 0)").count() == 0

# %% rows that arrive during the first batch
spark.range(2).write.saveAsTable(name + "_in")
seen = []
def load(batch, number):
    spark.range(5, 6).write.mode("append").saveAsTable(name + "_in")
    seen.append(sorted(row.id for row in batch.collect()))
for _ in range(2):
    spark.readStream.table(name + "_in").writeStream.foreachBatch(load) \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
assert seen == [[0, 1], [5]], seen

# %% changes that are skipped
spark.sql(f"CREATE TABLE {name}_in (id INT, day STRING) PARTITIONED BY (day)")
def load():
    spark.readStream.option("skipChangeCommits", "true").table(name + "_in").writeStream \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
load()
spark.sql(f"INSERT INTO {name}_in VALUES (1, 'x'), (2, 'y')")
spark.sql(f"DELETE FROM {name}_in WHERE id = 1")
spark.sql(f"INSERT INTO {name}_in VALUES (3, 'x')")
load()
check((1, "x"), (2, "y"), (3, "x"))

# %% merge each batch
from delta.tables import DeltaTable
spark.createDataFrame([(1, "old")], "id INT, name STRING").write.saveAsTable(name)
numbers = []
def merge(batch, number):
    numbers.append(number)
    DeltaTable.forName(batch.sparkSession, name).alias("t").merge(batch.alias("s"), "t.id = s.id") \
        .whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
def load():
    spark.readStream.schema("id INT, name STRING").json(source).writeStream.foreachBatch(merge) \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
load()
put("a.json", '{"id": 1, "name": "new"}')
load()
put("b.json", '{"id": 2, "name": "b"}')
load()
assert numbers == [0, 1], numbers
check((1, "new"), (2, "b"))

# %% failed batch is read again
put("a.json", '{"id": 1}')
def fail(batch, number):
    if not tries:
        tries.append(number)
        raise KeyError("first")
    tries.append(batch.count())
tries = []
for _ in range(2):
    try:
        spark.readStream.schema("id INT").json(source).writeStream.foreachBatch(fail) \
            .option("checkpointLocation", checkpoint).start()
    except KeyError:
        pass
assert tries == [0, 1], tries

# %% rows of a table that was changed
def load(version):
    spark.readStream.option("startingVersion", version).option("skipChangeCommits", "true") \
        .table(name + "_in").dropDuplicates(["k"]).writeStream \
        .option("checkpointLocation", checkpoint + version).trigger(availableNow=True).toTable(name + "_" + version)
    return sorted(map(tuple, spark.table(name + "_" + version).collect()))
put_rows(1, ("a", 1))
assert load("latest") == [] and load("0") == [("a", 1)]
put_rows(2, ("b", 2))
assert load("latest") == [("b", 2)] and load("0") == [("a", 1), ("b", 2)]
spark.sql(f"DELETE FROM {name}_in WHERE k = 'b'")
put_rows(3, ("a", 3), ("b", 4))
assert load("latest") == [("a", 3), ("b", 2)] and load("0") == [("a", 1), ("b", 2)]

# %% columns that some files lack
def load():
    spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").load(source).groupBy("k").agg(
        F.sum("n").alias("n"), F.max("m").alias("m")).writeStream.outputMode("update").foreachBatch(
        lambda batch, _: found.append(sorted(map(tuple, batch.collect())))) \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
    return found.pop()
found = []
put("a.json", '{"k": "a", "n": 1, "m": "x"}')
assert load() == [("a", 1, "x")]
put("b.json", '{"k": "a", "n": 2}')
assert load() == [("a", 3, "x")]

# %% listener
import json
from pyspark.sql.streaming import StreamingQueryListener
class Listener(StreamingQueryListener):
    def onQueryStarted(self, event):
        found.append(("started", event.name, event.id, event.runId))
    def onQueryProgress(self, event):
        progress = event.progress
        assert json.loads(progress.json)["batchId"] == progress.batchId and source in progress.sources[0].description
        found.append((progress.batchId, progress.numInputRows, progress["name"], progress.id))
    def onQueryTerminated(self, event):
        found.append(("ended", event.exception, event.id, event.runId))
found, listener = [], Listener()
def load(write=lambda batch, _: batch.count()):
    found.clear()
    query = spark.readStream.schema("id INT").json(source).writeStream.queryName("listened") \
        .option("checkpointLocation", checkpoint).foreachBatch(write).start()
    return [each[:2] for each in found], query
failing = object()  # Spark only logs its errors
spark.streams.addListener(failing)
spark.streams.addListener(listener)
put("a.json", '{"id": 1}\n{"id": 2}')
events, query = load()
assert events == [("started", "listened"), (0, 2), ("ended", None)], events
assert [str(found[0][2]), str(found[1][3]), str(found[2][2])] == [query.id] * 3
assert load()[0] == [("started", "listened"), ("ended", None)]
put("b.json", '{"id": 3}')
try:
    load(lambda batch, number: [][number])
except IndexError:
    assert [each[:2] for each in found] == [("started", "listened"), ("ended", "list index out of range")]
else:
    raise AssertionError
spark.streams.removeListener(listener)
spark.streams.removeListener(failing)
assert not load()[0]

# %% folders
put("a.json", '{"id": 1}')
spark.readStream.schema("id INT").json(source + "/*.json").writeStream.format("parquet") \
    .option("checkpointLocation", checkpoint).start(folder + "/out_folders").stop()
assert spark.read.parquet(folder + "/out_folders").count() == 1
spark.readStream.schema("id INT").format("json").load(source).writeStream.format("memory") \
    .queryName("memory_of_stream").start()
assert spark.table("memory_of_stream").count() == 1
spark.streams.awaitAnyTermination()
assert not spark.streams.active

# %% auto loader reads JSON as texts
put("a.json", '{"id": 1, "more": {"n": 1, "list": [1.5, null]}}\n{"id": "b", "more": null}\n')
put("b.json", '{"id": 2.5, "more": "text", "new": true}\n')
frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").load(source)
assert frame.dtypes == [("id", "string"), ("more", "string"), ("new", "string"), ("_rescued_data", "string")]
os.remove(f"{source}/b.json")
def read(**options):
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    return reader.options(**options).load(source)
frame = read(**{"cloudFiles.schemaHints": "id INT"}).select("id", "more", F.expr("more:n::int"))
frame.writeStream.option("checkpointLocation", checkpoint).toTable(name)
assert sorted(map(tuple, spark.table(name).collect()), key=str) == [(1, '{"n":1,"list":[1.5,null]}', 1), (None, None, None)]
assert read(**{"cloudFiles.schemaHints": "more STRUCT<n: INT>"}).dtypes[1] == ("more", "struct<n:int>")
assert read(**{"cloudFiles.inferColumnTypes": "true"}).dtypes[0] == ("id", "string")
assert read(**{"rescuedDataColumn": "rest"}).columns == ["id", "more", "rest"]
typed = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json").schema("id INT")
typed.load(source).writeStream.option("checkpointLocation", checkpoint + "_typed").toTable(name + "_typed")
assert {r.id for r in spark.table(name + "_typed").collect()} == {None, 1}

# %% auto loader finds columns by their names
put("a.csv", "id,name\n1,a\n")
put("b.csv", "name,more,id\nb,x,2\n")
def load():
    frame = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv").option("header", "true").load(source)
    frame.drop("_rescued_data").writeStream.option("checkpointLocation", checkpoint).toTable(name)
load()
check(("1", "a", None), ("2", "b", "x"))
put("c.csv", "more,name\ny,c\n")
load()
assert sorted(map(tuple, spark.table(name).collect()), key=str) == [("1", "a", None), ("2", "b", "x"), (None, "c", "y")]

# %% types of the table
spark.sql(f"CREATE TABLE {name} (id INT)")
spark.range(2).write.saveAsTable(name + "_in")
stream = spark.readStream.table(name + "_in").writeStream.option("checkpointLocation", checkpoint)
stream.toTable(name)
assert spark.table(name).dtypes == [("id", "int")]
check((0,), (1,))

# %% checkpoint of the session
spark.range(2).write.saveAsTable(name + "_in")
spark.conf.set("spark.sql.streaming.checkpointLocation", checkpoint)
for _ in range(2):
    spark.readStream.table(name + "_in").writeStream.queryName("copy").toTable(name)
spark.conf.unset("spark.sql.streaming.checkpointLocation")
check((0,), (1,))

# %% checkpoint in a volume
put("a.json", '{"id": 1}')
for _ in range(2):
    spark.readStream.schema("id INT").json(source).writeStream.trigger(availableNow=True) \
        .option("checkpointLocation", "/Volumes/dev/raw/in/check").toTable(name)
check((1,))
assert dbutils.fs.ls("/Volumes/dev/raw/in/check")

# %% table before there are files
spark.readStream.schema("id INT").json(source).writeStream \
    .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
check()

# %% rate
def load():
    rows = spark.readStream.format("rate").option("rowsPerSecond", 2).load()
    rows.filter("value != 1").select("value", F.unix_micros("timestamp").alias("time")).writeStream \
        .option("checkpointLocation", checkpoint).toTable(name)

for _ in range(2):
    load()
found = sorted(map(tuple, spark.table(name).collect()))
assert [(value, time - found[0][1]) for value, time in found] == [(0, 0), (2, 1_000_000), (3, 1_500_000)], found
