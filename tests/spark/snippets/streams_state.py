# Streams that compare new rows with earlier ones. Each begins as in streams.py.

# %% groups over changes
spark.range(2).write.saveAsTable(name + "_in")
def load():
    frame = spark.readStream.option("readChangeFeed", "true").table(name + "_in").groupBy("_change_type").count()
    frame.writeStream.outputMode("complete").option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
load()
spark.sql(f"DELETE FROM {name}_in WHERE id = 1")
load()
check(("delete", 1), ("insert", 2))

# %% complete
def load():
    spark.readStream.schema("k STRING").json(source).groupBy("k").count().writeStream \
        .outputMode("complete").option("checkpointLocation", checkpoint).toTable(name)
put("a.json", '{"k": "x"}')
load()
put("b.json", '{"k": "x"}')
load()
check(("x", 2))

# %% duplicates of earlier batches
def load(frame, kind):
    frame.writeStream.option("checkpointLocation", checkpoint + kind).trigger(availableNow=True).toTable(name + kind)
    return sorted(map(tuple, spark.table(name + kind).collect()), key=str)
def read_all():
    files = spark.readStream.schema("k STRING, n INT").json(source)
    rows = spark.readStream.table(name + "_in")
    return [
        [load(frame.dropDuplicates(["k"]), f"_keys{i}"), load(frame.distinct().select("n"), f"_all{i}"),
         load(frame.filter(frame.n > 0).dropDuplicates(["k"]).limit(3).select(frame["k"]), f"_three{i}")]
        for i, frame in enumerate((files, rows))
    ]
put_rows(1, ("a", 1), ("a", 1), (None, 2))
assert read_all() == [[[("a", 1), (None, 2)], [(1,), (2,)], [("a",), (None,)]]] * 2, read_all()
put_rows(2, ("a", 3), (None, 2), ("b", -4), ("c", 5))
assert read_all() == [[[("a", 1), ("b", -4), ("c", 5), (None, 2)], [(-4,), (1,), (2,), (3,), (5,)],
                       [("a",), ("c",), (None,)]]] * 2, read_all()
put_rows(3, ("c", 5), ("b", 4), ("d", 7))
assert read_all() == [[[("a", 1), ("b", -4), ("c", 5), ("d", 7), (None, 2)], [(-4,), (1,), (2,), (3,), (4,), (5,), (7,)],
                       [("a",), ("c",), (None,)]]] * 2, read_all()

# %% groups that new rows change
def read_all():
    found = []
    def keep(batch, number):
        found.append((number, sorted(map(tuple, batch.collect()), key=str)))
    files = spark.readStream.schema("k STRING, n INT").json(source)
    rows = spark.readStream.table(name + "_in")
    for i, frame in enumerate((files, rows)):
        grouped = frame.groupBy(frame.k).agg(F.count("*").alias("c"), F.sum("n").alias("n")).filter("c < 9")
        for j, changed in enumerate((grouped, frame.groupBy().count(), frame.dropDuplicates().groupBy("k").count())):
            changed.writeStream.outputMode("update").foreachBatch(keep) \
                .option("checkpointLocation", f"{checkpoint}{i}{j}").trigger(availableNow=True).start()
    return found
put_rows(1, ("a", 1), ("a", 1), (None, 2))
assert read_all() == [(0, [("a", 2, 2), (None, 1, 2)]), (0, [(3,)]), (0, [("a", 1), (None, 1)])] * 2
put_rows(2, (None, 3), ("b", 4))
assert read_all() == [(1, [("b", 1, 4), (None, 2, 5)]), (1, [(5,)]), (1, [("b", 1), (None, 2)])] * 2
put_rows(3, ("a", 0), ("b", 4))
assert read_all() == [(2, [("a", 3, 2), ("b", 2, 8)]), (2, [(7,)]), (2, [("a", 2)])] * 2
assert read_all() == []

# %% windows that a watermark closes
def read_all():
    frames = spark.readStream.schema("k STRING, n INT").json(source), spark.readStream.table(name + "_in")
    for i, frame in enumerate(frames):
        timed = frame.withColumn("t", F.timestamp_seconds("n")).withWatermark("t", "10 seconds")
        grouped = timed.groupBy(F.window("t", "5 seconds"), "k").count()
        grouped.select(F.unix_timestamp("window.end").alias("ends"), "k", "count").writeStream.outputMode("append") \
            .option("checkpointLocation", f"{checkpoint}{i}").trigger(availableNow=True).toTable(f"{name}_{i}")
        timed.dropDuplicates(["k", "t"]).select("n", "k").writeStream \
            .option("checkpointLocation", f"{checkpoint}d{i}").trigger(availableNow=True).toTable(f"{name}_d{i}")
        timed.dropDuplicatesWithinWatermark(["k"]).select("n", "k").writeStream \
            .option("checkpointLocation", f"{checkpoint}w{i}").trigger(availableNow=True).toTable(f"{name}_w{i}")
    return [[sorted(map(tuple, spark.table(f"{name}_{kind}{i}").collect())) for kind in ("", "d", "w")] for i in (0, 1)]
put_rows(1, ("a", 1), ("a", 1), ("b", 14))
assert read_all() == [[[], [(1, "a"), (14, "b")], [(1, "a"), (14, "b")]]] * 2, read_all()
put_rows(2, ("a", 4), ("a", 16), ("b", 14))
assert read_all() == [[[(5, "a", 3)], [(1, "a"), (14, "b"), (16, "a")], [(1, "a"), (14, "b")]]] * 2, read_all()
put_rows(3, ("a", 4), ("a", 36))
closed, timed = [(5, "a", 3), (15, "b", 2), (20, "a", 1)], [(1, "a"), (14, "b"), (16, "a"), (36, "a")]
assert read_all() == [[closed, timed, [(1, "a"), (14, "b")]]] * 2, read_all()
put_rows(4, ("b", 37))
assert read_all() == [[closed, [*timed, (37, "b")], [(1, "a"), (14, "b"), (37, "b")]]] * 2, read_all()

# %% rows of two streams
def load():
    one = spark.readStream.schema("k STRING, n INT").json(source)
    two = spark.readStream.table(name + "_in").alias("t")
    one.join(two, one["k"] == F.col("t.k")).select(one["k"], one["n"], F.col("t.n").alias("m")).writeStream \
        .option("checkpointLocation", checkpoint).trigger(availableNow=True).toTable(name)
put("1.json", '{"k": "a", "n": 1}')
spark.createDataFrame([], "k STRING, n INT").write.saveAsTable(name + "_in")
load()
check()
put_rows(2, ("a", 2))
load()
check(("a", 1, 2), ("a", 2, 2))
put_rows(3, ("a", 2), ("b", 3))
load()
check(*sorted([("a", 1, 2), ("a", 2, 2), ("a", 1, 2), ("a", 2, 2), ("a", 2, 2), ("a", 2, 2), ("b", 3, 3)]))

# %% window over rows of a table
spark.range(2).write.saveAsTable(name + "_in")
last = spark.table(name + "_in").withColumn("n", F.row_number().over(Window.orderBy("id"))).orderBy("n")
rows = spark.readStream.table(name + "_in").join(last, "id")
rows.groupBy(F.window(F.timestamp_seconds("id"), "1 second")).count().orderBy("count").writeStream \
    .outputMode("complete").option("checkpointLocation", checkpoint).toTable(name)
assert [row["count"] for row in spark.table(name).collect()] == [1, 1]

# %% windows of a rate
rows = spark.readStream.format("rate").option("rowsPerSecond", 3).load().withWatermark("timestamp", "1 second")
counts = rows.groupBy(F.window("timestamp", "1 hour")).count()
for _ in range(2):
    counts.writeStream.outputMode("complete").option("checkpointLocation", checkpoint).toTable(name)
assert sum(row["count"] for row in spark.table(name).collect()) == 6
