# Changes of rows, and versions of tables.

# %% streaming table
spark.sql(
    "CREATE OR REFRESH STREAMING TABLE dev.snippets.streamed CLUSTER BY AUTO AS SELECT * FROM STREAM dev.snippets.saved"
)
assert spark.table("dev.snippets.streamed").count() > 0

# %% materialized view
spark.sql("CREATE OR REPLACE MATERIALIZED VIEW dev.snippets.m SCHEDULE EVERY 1 DAY AS SELECT * FROM dev.snippets.t")
spark.table("dev.snippets.m").collect()

# %% rows of a subquery
spark.sql("CREATE OR REPLACE TABLE dev.snippets.d CLUSTER BY (n) AS SELECT 1 AS n, 2 AS m")
spark.sql("INSERT INTO dev.snippets.d (n) VALUES (7), (8)")
spark.sql("DELETE FROM dev.snippets.d WHERE n IN (SELECT 8)")
assert sorted(map(tuple, spark.table("dev.snippets.d").collect())) == [(1, 2), (7, None)]
spark.sql("DELETE FROM dev.snippets.d AS d WHERE coalesce(d.m, 2) = 2 AND d.n < 7 AND DATE'2020-01-01' < current_date()")
assert list(map(tuple, spark.table("dev.snippets.d").collect())) == [(7, None)]
spark.sql("TRUNCATE TABLE dev.snippets.d")
assert spark.table("dev.snippets.d").count() == 0

# %% replace some rows
frame = spark.createDataFrame([(1, "x"), (2, "y")], "n INT, day STRING")
frame.write.partitionBy("day").mode("overwrite").saveAsTable("dev.snippets.p")
new = spark.createDataFrame([(3, "y")], "n INT, day STRING").write.mode("overwrite")
new.option("replaceWhere", "n > 1").saveAsTable("dev.snippets.p")
assert sorted(map(tuple, spark.table("dev.snippets.p").collect())) == [(1, "x"), (3, "y")]
spark.createDataFrame([(4, "x")], "n INT, day STRING").write.mode("overwrite").partitionBy("day").option(
    "partitionOverwriteMode", "dynamic"
).saveAsTable("dev.snippets.p")
assert sorted(map(tuple, spark.table("dev.snippets.p").collect())) == [(3, "y"), (4, "x")]
frame.write.partitionBy("day").format("delta").save(folder + "/p")
frame.filter("n = 2").write.format("delta").mode("overwrite").option("replaceWhere", "day = 'y'").save(folder + "/p")
assert spark.read.format("delta").load(folder + "/p").count() == 2
new = spark.createDataFrame([(4, "x")], "n INT, day STRING").write.mode("overwrite").partitionBy("day")
new.format("delta").option("partitionOverwriteMode", "dynamic").save(folder + "/p")
assert sorted(map(tuple, spark.read.format("delta").load(folder + "/p").collect())) == [(2, "y"), (4, "x")]

# %% row that is not replaced
from pyspark.errors import AnalysisException

writer = spark.createDataFrame([(1, "x")], "n INT, p STRING").write.mode("overwrite")
writer.saveAsTable("dev.snippets.replaced")
try:
    writer.option("replaceWhere", "p = 'y'").saveAsTable("dev.snippets.replaced")
except AnalysisException as error:
    assert "Filter them first" in str(error)
else:
    raise AssertionError

# %% rows of other types than the table
from pyspark.errors import AnalysisException

spark.sql("CREATE TABLE dev.snippets.strict (n INT, s ARRAY<STRUCT<a: INT>>)")
spark.sql("SELECT 1 AS n, array(named_struct('a', 1)) AS s").write.format("delta").save(folder + "/strict")
for query in ("SELECT 1L AS n", "SELECT 1.5D AS n", "SELECT '1' AS n", "SELECT array(named_struct('a', 'x')) AS s"):
    for mode in ("append", "overwrite"):
        writer = spark.sql(query).write.mode(mode)
        for write in (
            lambda: writer.saveAsTable("dev.snippets.strict"),
            lambda: writer.option("mergeSchema", "true").saveAsTable("dev.snippets.strict"),
            lambda: writer.format("delta").save(folder + "/strict"),
        ):
            try:
                write()
            except AnalysisException as error:
                assert "[DELTA_FAILED_TO_MERGE_FIELDS]" in str(error), error
            else:
                raise AssertionError(query)
spark.sql("SELECT 1S AS n").write.mode("append").saveAsTable("dev.snippets.strict")
spark.sql("SELECT 2L AS n, array(named_struct('a', 1)) AS s").write.insertInto("dev.snippets.strict")
writer = spark.sql("SELECT 3L AS n, array(named_struct('a', 1)) AS s").write.option("partitionOverwriteMode", "dynamic")
writer.insertInto("dev.snippets.strict", overwrite=True)
assert [row.n for row in spark.table("dev.snippets.strict").collect()] == [3]
writer.mode("overwrite").option("overwriteSchema", "true").saveAsTable("dev.snippets.strict")
assert spark.table("dev.snippets.strict").dtypes[0] == ("n", "bigint")

# %% new table whose rows fail
from pyspark.errors import PythonException

for number, write in enumerate(
    (
        lambda frame, name: frame.write.saveAsTable(name),
        lambda frame, name: frame.writeTo(name).create(),
        lambda frame, name: spark.sql(f"CREATE TABLE {name} AS SELECT * FROM {{frame}}", frame=frame),
    )
):
    name = f"dev.snippets.failed{number}"
    try:
        write(spark.range(2).select(F.udf(lambda n: 1 // 0, "int")("id")), name)
    except PythonException:
        assert not spark.catalog.tableExists(name), number
        write(spark.range(2), name)
    assert spark.table(name).count() == 2

# %% table with a record of changes
writer = spark.range(2).write.mode("overwrite").option("delta.enableChangeDataFeed", "true")
writer.saveAsTable("dev.snippets.changing")
writer.format("delta").save(folder + "/changing")
assert spark.sql("UPDATE dev.snippets.changing SET id = 3").first().num_affected_rows == 2

# %% rows of a partition
spark.sql("CREATE OR REPLACE TABLE dev.snippets.parts (n INT, p STRING, m INT) PARTITIONED BY (p)")
spark.sql("INSERT INTO dev.snippets.parts PARTITION (p = 'x') VALUES (1, 2), (3, 4)")
spark.sql("INSERT INTO TABLE dev.snippets.parts PARTITION (P = 'y') SELECT 5, 6")
spark.sql("INSERT OVERWRITE dev.snippets.parts PARTITION (p = 'x') SELECT 7, 8")
spark.sql("INSERT INTO dev.snippets.parts PARTITION (p) SELECT 9, 10, 'z'")
rows = sorted(map(tuple, spark.table("dev.snippets.parts").collect()))
assert rows == [(5, "y", 6), (7, "x", 8), (9, "z", 10)], rows

# %% partitions that are overwritten
spark.createDataFrame([(1, "x"), (2, "y")], "n INT, p STRING").write.partitionBy("p").saveAsTable(
    "dev.snippets.dynamic"
)
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")


def read():
    return sorted(map(tuple, spark.table("dev.snippets.dynamic").collect()))


spark.createDataFrame([(3, "x")]).write.mode("overwrite").insertInto("dev.snippets.dynamic")
assert read() == [(2, "y"), (3, "x")], read()
spark.createDataFrame([(4, "y")], "n INT, p STRING").write.mode("overwrite").saveAsTable("dev.snippets.dynamic")
assert read() == [(3, "x"), (4, "y")], read()
spark.sql("INSERT OVERWRITE dev.snippets.dynamic SELECT 5, 'x'")
spark.sql("INSERT OVERWRITE TABLE dev.snippets.dynamic PARTITION (p) SELECT 6, 'z'")
assert read() == [(4, "y"), (5, "x"), (6, "z")], read()
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "static")
spark.sql("INSERT OVERWRITE dev.snippets.dynamic SELECT 7, 'x'")
assert read() == [(7, "x")], read()

# %% rows beside those that SQL replaces
from pyspark.errors import AnalysisException

spark.sql("CREATE OR REPLACE TABLE dev.snippets.beside AS SELECT 1 AS n, 'x' AS p")
spark.sql("INSERT INTO dev.snippets.beside REPLACE WHERE p = 'x' SELECT 2, 'x'")
try:
    spark.sql("INSERT INTO dev.snippets.beside REPLACE WHERE p = 'x' SELECT 3, 'y'")
except AnalysisException as error:
    assert "REPLACE_WHERE_MISMATCH" in str(error)
else:
    raise AssertionError
assert list(map(tuple, spark.table("dev.snippets.beside").collect())) == [(2, "x")]

# %% merge with ids
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.ids (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), k INT, s STRING)"
)
spark.sql("INSERT INTO dev.snippets.ids (k, s) VALUES (1, 'a')")
merge = "MERGE INTO dev.snippets.ids AS t USING (SELECT * FROM VALUES (1, 'b'), (2, 'c') AS v(k, s)) s ON t.k = s.k WHEN MATCHED THEN UPDATE SET s = s.s WHEN NOT MATCHED THEN INSERT (k, s) VALUES (s.k, s.s)"
assert spark.sql(merge).first().asDict() == {
    "num_affected_rows": 2,
    "num_updated_rows": 1,
    "num_deleted_rows": 0,
    "num_inserted_rows": 1,
}
from delta.tables import DeltaTable

more = spark.createDataFrame([(3, "d")], "k INT, s STRING")
DeltaTable.forName(spark, "dev.snippets.ids").alias("t").merge(more.alias("u"), "t.k = u.k").whenNotMatchedInsert(
    values={"k": "u.k", "s": "u.s"}
).execute()
spark.sql("INSERT INTO dev.snippets.ids (k, s) VALUES (4, 'e')")
rows = spark.table("dev.snippets.ids").orderBy("k").collect()
assert [row[1:] for row in rows] == [(1, "b"), (2, "c"), (3, "d"), (4, "e")], rows
ids = [row.id for row in rows]
assert ids == sorted(set(ids)) and ids[0] == 10 and not any(each % 5 for each in ids), ids

# %% merge into many columns without NULL
names = [f"c{number}" for number in range(30)]  # Sail alone takes twice the time for each of them
columns = ", ".join(f"{name} INT NOT NULL" for name in names)
spark.sql(f"CREATE OR REPLACE TABLE dev.snippets.required (id INT, {columns}) USING delta")
spark.sql(f"INSERT INTO dev.snippets.required VALUES (1, {', '.join('1' * 30)})")
spark.createDataFrame([(1, *["2"] * 30), (2, *["3"] * 30)], ["id", *names]).createOrReplaceTempView("more")
merge = "MERGE INTO dev.snippets.required t USING more s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
assert spark.sql(merge).first().asDict() == {
    "num_affected_rows": 2,
    "num_updated_rows": 1,
    "num_deleted_rows": 0,
    "num_inserted_rows": 1,
}
try:
    spark.sql(merge.replace("more s", "(SELECT * EXCEPT (c7), NULL AS c7 FROM more) s"))
except Exception as error:
    assert "DELTA_NOT_NULL_CONSTRAINT_VIOLATED" in str(error) and "c7" in str(error), error
else:
    raise AssertionError
table = spark.table("dev.snippets.required")
assert sorted(map(tuple, table.collect())) == [(1, *[2] * 30), (2, *[3] * 30)]
assert [field.nullable for field in table.schema.fields] == [True, *[False] * 30]
history = spark.sql("DESCRIBE HISTORY dev.snippets.required").collect()
assert [(row.version, row.operation) for row in history][:2] == [(2, "MERGE"), (1, "WRITE")]

# %% versions with other columns
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException

spark.sql("CREATE TABLE dev.snippets.older (a INT, b STRING)")
spark.sql("INSERT INTO dev.snippets.older VALUES (1, 'x')")
spark.sql("SELECT a FROM dev.snippets.older").write.mode("overwrite").option("overwriteSchema", True).saveAsTable(
    "dev.snippets.older"
)
spark.sql("ALTER TABLE dev.snippets.older ADD COLUMN c INT")
spark.sql("INSERT INTO dev.snippets.older VALUES (2, 3)")
read = lambda query: sorted(map(tuple, spark.sql(query).collect()))
rows = read("SELECT older.*, n.c FROM dev.snippets.older VERSION AS OF 1 JOIN dev.snippets.older n ON n.a > older.a")
assert rows == [(1, "x", 3)], rows
assert read("SELECT b FROM dev.snippets.older VERSION AS OF 1 AS o WHERE o.a = 1") == [("x",)]
spark.sql("CREATE TABLE dev.snippets.oldest CLONE dev.snippets.older VERSION AS OF 1")
spark.sql("INSERT INTO dev.snippets.oldest SELECT a, b FROM dev.snippets.older VERSION AS OF 1")
assert read("SELECT * FROM dev.snippets.oldest") == [(1, "x"), (1, "x")]
assert spark.read.option("versionAsOf", 1).table("dev.snippets.older").columns == ["a", "b"]
spark.sql("CREATE VIEW dev.snippets.latest AS SELECT a FROM dev.snippets.older VERSION AS OF 4")
assert read("SELECT * FROM dev.snippets.latest") == [(1,), (2,)]
spark.sql("CREATE VIEW dev.snippets.first_rows AS SELECT * FROM dev.snippets.older VERSION AS OF 1")
assert read("SELECT * FROM dev.snippets.first_rows") == [(1, "x")]
last = spark.sql("DESCRIBE HISTORY dev.snippets.older").first()
spark.sql("RESTORE TABLE dev.snippets.Older TO VERSION AS OF 1")
assert read("SELECT * FROM dev.snippets.older") == [(1, "x")]
spark.sql("INSERT INTO dev.snippets.older VALUES (4, 'y')")
spark.sql("UPDATE dev.snippets.older SET b = 'z'")
DeltaTable.forName(spark, "dev.snippets.older").restoreToTimestamp(str(last.timestamp))
assert read("SELECT a, c FROM dev.snippets.older") == [(1, None), (2, 3)]
for moment in ("VERSION AS OF 99", "TIMESTAMP AS OF '2000-01-01'"):
    try:
        spark.sql(f"RESTORE dev.snippets.older TO {moment}")
    except AnalysisException as error:
        assert "DESCRIBE HISTORY" in str(error), error
    else:
        raise AssertionError(moment)

# %% values of several types
spark.sql("CREATE OR REPLACE TEMP VIEW shares AS SELECT * FROM VALUES (1, 0.5D, 0.25BD), (2, 0.75D, NULL) AS t(n, x, y)")
frame = spark.table("shares").select("n", F.when(F.col("n") == 1, 0).otherwise(F.col("x")).alias("x"))
frame.write.mode("overwrite").saveAsTable("dev.snippets.shared")
frame.write.mode("overwrite").save("/Volumes/dev/raw/in/shared")
for written in (spark.table("dev.snippets.shared"), spark.read.load("/Volumes/dev/raw/in/shared")):
    assert sorted(map(tuple, written.collect())) == [(1, 0.0), (2, 0.75)], written.collect()
frame.groupBy("n").agg(F.sum("x").alias("x")).writeTo("dev.snippets.shared").createOrReplace()
assert spark.table("dev.snippets.shared").dtypes == [("n", "int"), ("x", "double")]
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.shared AS SELECT if(n = 1, 0, x) AS a, sum(CASE WHEN n = 1 THEN 0 ELSE y END) AS b "
    "FROM shares GROUP BY ALL UNION ALL SELECT 1.5, NULL"
)
assert sorted(row.a for row in spark.table("dev.snippets.shared").collect()) == [0, 0.75, 1.5]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.shared AS SELECT NULL AS a, 1 AS n UNION ALL SELECT 'x', 5000000000")
assert spark.table("dev.snippets.shared").dtypes == [("a", "string"), ("n", "bigint")]
frames = [spark.createDataFrame(*each) for each in (([(1,)], "a INT"), ([(2.5, 3)], "a DOUBLE, b INT"))]
frames[0].unionByName(frames[1], allowMissingColumns=True).write.saveAsTable("dev.snippets.united")
assert sorted(map(str, spark.table("dev.snippets.united").collect())) == ["Row(a=1.0, b=None)", "Row(a=2.5, b=3)"]

# %% columns without a type
bare = spark.range(2).withColumn("n", F.lit(None))
bare.write.saveAsTable("dev.snippets.bare")
assert spark.table("dev.snippets.bare").dtypes == [("id", "bigint"), ("n", "string")]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.bare (id BIGINT, N INT)")
bare.write.mode("append").saveAsTable("dev.snippets.bare")
bare.write.mode("overwrite").saveAsTable("dev.snippets.bare")
assert spark.table("dev.snippets.bare").dtypes == [("id", "bigint"), ("N", "int")]
for mode in ("overwrite", "append"):
    bare.write.mode(mode).save(folder + "/bare")
    rows = bare.withColumn("m", F.lit(None)).write.mode(mode).option("mergeSchema", True)
    rows.saveAsTable("dev.snippets.bare")
assert spark.table("dev.snippets.bare").dtypes == [("id", "bigint"), ("N", "int"), ("m", "string")]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.bare AS SELECT 1 AS a, NULL AS b")
assert [tuple(row) for row in spark.table("dev.snippets.bare").collect()] == [(1, None)]

# %% commands with comments, quoted names and other lines
spark.sql("CREATE TABLE dev.snippets.`my src` AS SELECT 1 AS n, 'it''s' AS t")
spark.sql("create or replace table dev.snippets.`my copy` /* DEEP */ deep\n clone dev . snippets . `my src` -- all;")
assert spark.table("dev.snippets.`my copy`").collect() == [(1, "it's")]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.`my copy` AS SELECT 5 AS other")
spark.sql("CREATE OR REPLACE TABLE dev.snippets.`my copy` SHALLOW CLONE dev.snippets.`my src` VERSION AS OF 0")
assert spark.table("dev.snippets.`my copy`").columns == ["n", "t"]
spark.sql("INSERT INTO dev.snippets.`my src` BY\nNAME SELECT 'BY NAME' AS t, id AS n FROM {rows}", rows=spark.range(1))
spark.sql("RESTORE TABLE dev.snippets.`my src` TO VERSION AS OF 0")
assert spark.table("dev.snippets.`my src`").count() == 1
assert spark.sql("SELECT * FROM dev.snippets.`my src` VERSION AS OF 1").count() == 2
assert spark.sql("SELECT version FROM (DESC /* all */ HISTORY dev.snippets.`my src`)").count() == 3
assert spark.sql("DELETE FROM dev . snippets . `my src`").first().num_affected_rows == 1
spark.sql("-- new\nCREATE SCHEMA dev.`my schema` COMMENT 'managed location' MANAGED LOCATION 's3://c' ;")
spark.sql("use /* it */ dev . `my schema` ;")
spark.sql("CREATE TABLE `t 1`")
spark.range(1).write.mode("append").saveAsTable("`t 1`")
spark.sql("CREATE VIEW `v 1` COMMENT 'with metrics' AS SELECT 'STREAM' AS stream")
assert spark.table("dev.`my schema`.`v 1`").collect() == [("STREAM",)]
spark.sql("ALTER VIEW `v 1`\nAS SELECT 2 AS m")
assert spark.table("dev.`my schema`.`v 1`").first().m == 2
spark.sql("ALTER TABLE `t 1` ALTER COLUMN id COMMENT 'set mask'")
assert spark.sql("DESCRIBE `t 1`").first().comment == "set mask"
spark.sql("USE main.default")
spark.sql("SET spark.snippets.day = 'a;b' ;")
assert spark.sql("SET spark.snippets.day").first().value == "a;b"
assert spark.sql("desc /* of */ query (select 1 as n);").collect() == [("n", "int", None)]

# %% columns of a merge
from delta.tables import DeltaTable

spark.sql("CREATE OR REPLACE TABLE dev.snippets.merging AS SELECT 1 AS k, 'a' AS v, 'b' AS w, 'c' AS x")
source = spark.sql("SELECT 1 AS k, 'n' AS v, map('m', 'o') AS m").alias("s")
target = DeltaTable.forName(spark, "dev.snippets.merging").alias("t")
changes = {
    "v": F.expr("concat(s.v, t.v)").alias("v"),
    "w": F.col("s.m")["m"],
    "x": F.call_function("upper", F.col("s.v")),
}
target.merge(source, "t.k = s.k").whenMatchedUpdate(set=changes).execute()
assert tuple(spark.table("dev.snippets.merging").first()) == (1, "na", "o", "N")

# %% tables of Iceberg
spark.range(2).write.format("iceberg").saveAsTable("dev.snippets.ice")
spark.sql("CREATE TABLE dev.snippets.iced USING ICEBERG AS SELECT * FROM dev.snippets.ice")
spark.range(2).writeTo("dev.snippets.icy").using("iceberg").create()
formats = {spark.sql(f"DESCRIBE DETAIL dev.snippets.{name}").first().format for name in ("ice", "iced", "icy")}
assert formats == {"delta"}

# %% merge by which a table evolves
spark.conf.set("spark.databricks.delta.schema.autoMerge.enabled", "true")
spark.sql("CREATE OR REPLACE TABLE dev.snippets.evolving AS SELECT 1 AS k")
spark.sql(
    "MERGE INTO dev.snippets.evolving t USING (SELECT 2 AS k, 3 AS n) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT *"
)
spark.conf.unset("spark.databricks.delta.schema.autoMerge.enabled")
assert spark.table("dev.snippets.evolving").orderBy("k").collect()[1].n == 3

# %% table that is built
from delta.tables import DeltaTable, IdentityGenerator

builder = DeltaTable.createOrReplace().tableName("dev.snippets.built").comment("numbers")
builder.addColumn("id", "BIGINT", generatedByDefaultAs=IdentityGenerator(start=5))
builder.addColumn("day", "DATE").addColumn("y", "INT", generatedAlwaysAs="year(day)").execute()
spark.sql("INSERT INTO dev.snippets.built (day) VALUES (DATE '2024-01-02')")
assert tuple(spark.sql("SELECT id, y FROM dev.snippets.built").first()) == (5, 2024)
assert spark.sql("DESCRIBE DETAIL dev.snippets.built").first().description == "numbers"

# %% merge of texts into numbers
spark.sql("CREATE TABLE dev.snippets.merged_texts AS SELECT 1L AS k, DATE'2024-01-01' AS d, 1.5D AS x")
texts = spark.createDataFrame([("1", "2024-02-01", "2.5"), ("2", "2024-03-01", "3")], "k STRING, d STRING, x STRING")
target = DeltaTable.forName(spark, "dev.snippets.merged_texts").alias("t")
target.merge(texts.alias("s"), "t.k = s.k").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
rows = [(row.k, str(row.d), row.x) for row in spark.table("dev.snippets.merged_texts").orderBy("k").collect()]
assert rows == [(1, "2024-02-01", 2.5), (2, "2024-03-01", 3.0)], rows

# %% names of written files
import os

written = "/Volumes/dev/raw/written"
rows = spark.range(3).selectExpr("id", "string(id % 2) AS s")

def list_names(folder):
    return sorted(name.split("-")[0] + "-" + name.split("-")[1] + name[name.index("-c000") :] for name in os.listdir(folder))

rows.coalesce(1).write.csv(f"{written}/one")
rows.write.mode("append").option("header", "true").csv(f"dbfs:{written}/one")
assert list_names(f"{written}/one") == ["part-00000-c000.csv"] * 2, os.listdir(f"{written}/one")
[part, _] = [each.path for each in dbutils.fs.ls(f"{written}/one") if each.name.startswith("part-")]
dbutils.fs.mv(part, f"dbfs:{written}/one.csv")
rows.write.partitionBy("s").option("compression", "gzip").json(f"{written}/days")
assert list_names(f"{written}/days/s=1") == ["part-00000-c000.json.gz"], os.listdir(f"{written}/days/s=1")
assert spark.read.json(f"{written}/days").count() == 3
spark.range(70_000).write.parquet(f"{written}/many")
names = os.listdir(f"{written}/many")
assert len({name[:10] for name in names}) == len(names) and all(name.startswith("part-0000") for name in names), names

# %% paths in options
import os

optional = "/Volumes/dev/raw/optional"
rows.write.format("csv").option("path", f"{optional}/in").save()
assert spark.read.format("csv").option("path", f"dbfs:{optional}/in").load().count() == 3
rows.write.option("path", f"{optional}/t").saveAsTable("dev.snippets.optional")
rows.write.mode("append").saveAsTable("dev.snippets.optional", path=f"{optional}/t")
assert spark.read.format("delta").load(f"{optional}/t").count() == spark.table("dev.snippets.optional").count() == 6
stream = spark.readStream.schema("id INT, s STRING").csv(f"{optional}/in").writeStream.option("checkpointLocation", f"{optional}/c")
stream.option("path", f"{optional}/streamed").trigger(availableNow=True).toTable("dev.snippets.streamed_to_path").awaitTermination()
assert spark.read.format("delta").load(f"{optional}/streamed").count() == 3
assert sorted(os.listdir(optional)) == ["c", "in", "streamed", "t"], os.listdir(optional)
