# What most notebooks do.

# %% show
spark.range(3).show()

# %% create a frame
spark.createDataFrame([(1, "a")], ["n", "s"]).collect()

# %% frame of pandas
import pandas as pd

spark.createDataFrame(pd.DataFrame({"n": [1]})).show()

# %% to pandas
assert len(spark.range(3).toPandas()) == 3

# %% group
spark.range(4).groupBy((F.col("id") % 2).alias("k")).count().collect()

# %% window
w = Window.partitionBy("k").orderBy("id")
spark.range(4).withColumn("k", F.lit(1)).withColumn("n", F.row_number().over(w)).collect()

# %% join
spark.range(3).join(spark.range(2), "id", "left").collect()

# %% udf
spark.range(2).select(F.udf(lambda n: n + 1, "long")("id")).collect()

# %% registered udf
spark.udf.register("g", lambda n: n, "long")
spark.sql("SELECT g(1)").collect()

# %% map in pandas
spark.range(2).mapInPandas(lambda frames: frames, "id long").collect()

# %% apply in pandas
spark.range(2).groupBy("id").applyInPandas(lambda f: f, "id long").collect()

# %% temporary view
spark.range(2).createOrReplaceTempView("v")
spark.table("v").collect()

# %% save a table
spark.range(2).write.mode("overwrite").saveAsTable("dev.snippets.saved")

# %% append to it
spark.range(2).write.mode("append").saveAsTable("dev.snippets.saved")

# %% insert into it
spark.range(2).write.insertInto("dev.snippets.saved")

# %% write to
spark.range(2).writeTo("dev.snippets.other").createOrReplace()

# %% create a Delta table
spark.sql("CREATE TABLE IF NOT EXISTS dev.snippets.t (n INT) USING delta")

# %% insert
spark.sql("INSERT INTO dev.snippets.t VALUES (1)")

# %% insert a parameter
spark.sql("INSERT INTO dev.snippets.t VALUES (:n)", {"n": 2})

# %% merge
spark.sql(
    "MERGE INTO dev.snippets.t t USING (SELECT 1 n) s ON t.n = s.n WHEN MATCHED THEN UPDATE SET n = 3 WHEN NOT MATCHED THEN INSERT *"
)

# %% update
spark.sql("UPDATE dev.snippets.t SET n = 4 WHERE n = 3")

# %% delete
spark.sql("DELETE FROM dev.snippets.t WHERE n = 4")

# %% time travel
spark.sql("SELECT * FROM dev.snippets.t VERSION AS OF 0").collect()
assert spark.sql("SELECT a.n FROM dev.snippets.t@v0 AS a JOIN dev.snippets.t@v0 b ON '@v' = 'JOIN t@v1'").columns == ["n"]
assert (spark.table("dev.snippets.t@v0").count(), spark.sql("SELECT * FROM dev.snippets.t@v1").count()) == (0, 1)

# %% identifier
spark.sql("SELECT * FROM IDENTIFIER(:t)", {"t": "dev.snippets.t"}).collect()
spark.sql("SELECT * FROM IDENTIFIER(:t) WHERE array_contains(:ids, n)", {"t": "dev.snippets.t", "ids": [1]}).collect()
assert spark.sql("SELECT ? AS a FROM IDENTIFIER(?) WHERE n > ? LIMIT 1", [5, "dev.snippets.T", 0]).first().a == 5

# %% named schema
spark.sql("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:s)", {"s": "dev.named"})

# %% create a volume
spark.sql("CREATE VOLUME IF NOT EXISTS dev.snippets.files")

# %% detail
assert spark.sql("DESCRIBE DETAIL dev.snippets.t").first().format == "delta"

# %% history
spark.sql("DESCRIBE HISTORY dev.snippets.t").select("version", "operation").collect()

# %% DeltaTable
from delta.tables import DeltaTable

DeltaTable.forName(spark, "dev.snippets.t").toDF().count()

# %% stream
writer = spark.readStream.table("dev.snippets.saved").writeStream
writer.option("checkpointLocation", f"{folder}/copied").toTable("dev.snippets.copy")

# %% optimize
spark.sql("OPTIMIZE dev.snippets.t ZORDER BY (n)")

# %% vacuum
spark.sql("VACUUM dev.snippets.t")

# %% grant
spark.sql("GRANT SELECT ON TABLE dev.snippets.t TO `readers`")

# %% cache
spark.range(3).cache().count()

# %% csv
spark.range(2).write.mode("overwrite").option("header", True).csv(folder + "/csv")
assert spark.read.option("header", True).csv(folder + "/csv").count() == 2

# %% json
spark.range(2).write.mode("overwrite").json(folder + "/json")
spark.read.json(folder + "/json").collect()

# %% catalog
assert spark.catalog.tableExists("dev.snippets.t")
spark.catalog.listTables()

# %% checkpoint
spark.range(3).checkpoint().count()

# %% save in a new schema
spark.range(2).write.saveAsTable("dev.unseen.saved")

# %% write to a new schema
spark.range(2).writeTo("dev.unseen_too.saved").create()

# %% use a new schema
spark.sql("USE dev.unseen_as_well")
spark.sql("USE main.default")

# %% tests of frames
from pyspark.testing import assertDataFrameEqual

assertDataFrameEqual(spark.range(2), spark.range(2))

# %% modules of a cluster
from databricks.connect import DatabricksSession
from pyspark.dbutils import DBUtils

DatabricksSession.builder.getOrCreate().range(1).collect()
DBUtils(spark).fs.ls("/Volumes/dev/raw/in")

# %% lists as RDDs
spark.sparkContext.setLogLevel("WARN")
from pyspark import SparkContext

assert SparkContext.getOrCreate().parallelize([1, 2]).sum() == 3
assert spark.range(3).rdd.flatMap(lambda row: row).collect() == [0, 1, 2]
assert spark.createDataFrame(spark.sparkContext.parallelize([(1, "a")]), ["n", "s"]).first().s == "a"

# %% pandas on Spark
import pyspark.pandas as ps

frame = ps.from_pandas(__import__("pandas").DataFrame({"k": ["a", "a", "b"], "n": [1, 2, 3]}))
assert frame.groupby("k")["n"].sum().to_dict() == {"a": 3, "b": 3}
assert spark.range(5).pandas_api().loc[1:2].shape == (2, 1)
assert frame.iloc[1:3]["n"].to_numpy().tolist() == [2, 3]

# %% metrics of a frame
from pyspark.sql import Observation

observation = Observation("rows")
assert spark.range(3).observe(observation, F.count("*").alias("n")).count() == 3
assert observation.get == {"n": 3}

# %% display
spark.range(2).display()
spark.catalog.refreshTable("dev.snippets.saved")

# %% settings
spark.sql("SET spark.a.b = 3")
assert spark.conf.get("spark.a.b") == "3"
spark.conf.get("spark.databricks.workspaceUrl")
assert spark.conf.get("spark.master").startswith("local")
spark.conf.set("spark.sql.shuffle.partitions", "8")

# %% spark is a session
from pyspark.sql.connect.session import SparkSession as ConnectSession

assert isinstance(spark, (SparkSession, ConnectSession))

# %% another session
SparkSession.builder.master("local[2]").appName("a").getOrCreate().range(1).count()

# %% frame of two hundred steps
steps = spark.range(1)
for number in range(200):
    steps = steps.withColumn(f"c{number % 5}", F.lit(number))
assert steps.first().c4 == 199

# %% samples of orders
lines = spark.sql("SELECT * FROM samples.tpch.lineitem JOIN samples.tpch.orders ON l_orderkey = o_orderkey")
assert lines.filter("l_shipdate > o_orderdate AND l_commitdate > o_orderdate AND l_quantity > 0").count() == 6000
for name in ("region", "nation", "supplier", "part", "partsupp", "customer"):
    assert spark.table(f"samples.tpch.{name}").collect()[0][-1] == "made up", name
spark.sql("CREATE OR REPLACE TABLE dev.snippets.customer AS SELECT * FROM samples.tpch.customer")
assert spark.table("dev.snippets.customer").schema["c_acctbal"].dataType.simpleString() == "decimal(18,2)"

# %% frame of many steps
frame = spark.range(1)
for number in range(600):
    frame = frame.withColumn(f"c{number % 5}", F.lit(number))
assert frame.first()[:] == (0, 595, 596, 597, 598, 599)

# %% calculations with texts
rows = spark.createDataFrame([("a", "1", "2.5"), ("b", "4", "0.5")], "k STRING, n STRING, x STRING")
rows.createOrReplaceTempView("unread")
row = spark.sql("SELECT n * 2, 10 - n, x * 2.0, n / 2, n div 2 FROM unread ORDER BY k").first()
assert row[:] == (2, 9, 5.0, 0.5, 0), row
frame = rows.select(F.col("n") * 2, F.col("x") + 0.5, F.ceil("x"), F.expr("n % 3 + 1"))
assert frame.columns == ["(n * 2)", "(x + 0.5)", "CEIL(x)", "((n % 3) + 1)"], frame.columns
assert frame.first()[:] == (2, 3.0, 3, 2), frame.first()
found = rows.withColumn("m", F.col("n") * 2).groupBy().agg(F.avg("x"), F.sum(F.col("m") - F.col("n")))
assert found.first()[:] == (1.5, 5) and found.columns[0] == "avg(x)", found.collect()
assert [row.k for row in rows.filter("n * 2 > 4").collect()] == ["b"]
rows.withColumn("total", F.col("n") * F.lit(2)).write.saveAsTable("dev.snippets.unread")
assert spark.table("dev.snippets.unread").schema["total"].dataType.simpleString() == "bigint"
spark.conf.set("spark.sql.ansi.enabled", "false")
try:
    found = [each[:] for each in rows.select(F.col("n") * F.col("x"), F.col("k") * 2).collect()]
finally:
    spark.conf.set("spark.sql.ansi.enabled", "true")
assert found == [(2.5, None), (2.0, None)], found

# %% fields of the structs in an array
lines = spark.createDataFrame([("a", 2), ("b", 5)], "k STRING, n INT")
lines.createOrReplaceTempView("lines")
query = "SELECT sort_array(collect_list(struct(n, k))).k AS k, array(struct(struct(1 AS b) AS a)).a.b AS b FROM lines"
assert spark.sql(query).first()[:] == (["a", "b"], [1])
row = lines.agg(F.expr("filter(collect_list(struct(n, k)), line -> line.n > 2).k"), F.expr("max(struct(n, k)).k")).first()
assert row[:] == (["b"], "b"), row
assert spark.sql("SELECT k FROM lines WHERE array_contains(array(struct(k)).k, 'a')").first().k == "a"

# %% volume in a function
open("/Volumes/dev/raw/texts/a.txt", "w").write("hello")
folder_of_texts = "/Volumes/dev/raw/texts"
read = F.udf(lambda name: open(f"{folder_of_texts}/{name}").read())
assert spark.sql("SELECT 'a.txt' AS name").select(read("name")).first()[0] == "hello"
files = spark.read.format("binaryFile").load(folder_of_texts)
assert files.select(F.udf(lambda path: open(path).read())("path")).first()[0] == "hello"

# %% old names of functions
from pyspark.sql.functions import *

found = spark.range(3).agg(countDistinct("id"), sumDistinct("id"), toDegrees(lit(0.0)))
assert found.first()[:] == (3, 3, 0.0)
