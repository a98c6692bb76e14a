# Files and folders.

# %% samples
path, trips = "/databricks-datasets/nyctaxi-with-zipcodes/subsampled", spark.table("samples.nyctaxi.trips")
assert spark.read.format("delta").load(path).schema == trips.schema
assert spark.read.format("delta").load(path).count() == trips.count() == 2000

# %% volume
spark.range(2).write.csv("/Volumes/dev/raw/in/n")
assert spark.read.csv("dbfs:/Volumes/dev/raw/in/n").count() == 2
assert spark.sql("SELECT * FROM csv.`/Volumes/dev/raw/in/n`").count() == 2

# %% read_files
open("/Volumes/dev/raw/files/a.csv", "w").write("id,day\n1,2024-01-02\n")
row = spark.sql(
    "SELECT * EXCEPT (_rescued_data), _metadata.file_name FROM read_files('/Volumes/dev/raw/' || :v, "
    "schemaHints => 'id BIGINT, day STRING') AS f WHERE f.id > 0",
    {"v": "files"},
).first()
assert row.asDict() == {"id": 1, "day": "2024-01-02", "file_name": "a.csv"}, row
spark.range(1).createOrReplaceTempView("shown_v")
shown = spark.sql("SHOW TABLES IN dev.snippets").collect()
assert ("snippets", "saved", False) in shown and ("", "shown_v", True) in shown, shown
names = [each.tableName for each in shown] + [each.name for each in spark.catalog.listTables()]
names += [each.viewName for each in spark.sql("SHOW VIEWS").collect()]
assert names.count("shown_v") == 3 and not [each for each in names if "lakeflow" in each], names
assert [tuple(each) for each in spark.sql("SHOW TABLES LIKE 'shown*'").collect()] == [("", "shown_v", True)]

for options, columns in (("header => false", ["_c0", "_c1"]), ("schema => 'a STRING, b STRING'", ["a", "b"])):
    rows = spark.sql(f"SELECT * FROM read_files('/Volumes/dev/raw/files', format => 'csv', {options})")
    assert rows.drop("_rescued_data").columns == columns and rows.count() == 2, rows.collect()

# %% read_files without files
for path, expected in (
    ("dev/raw/none", "PATH_NOT_FOUND] Path does not exist: "),
    ("dev/raw/*/*.parquet", "There is no file in "),
):
    try:
        spark.sql(f"SELECT * FROM read_files('/Volumes/{path}')").collect()
    except Exception as error:
        assert expected in str(error) and path in str(error), error
    else:
        raise AssertionError

# %% read_files into a table
spark.sql(
    "CREATE TABLE dev.snippets.files AS SELECT id, day FROM read_files('/Volumes/dev/raw/files', "
    "format => 'csv', header => true, schema => 'id INT, day DATE')"
)
assert spark.table("dev.snippets.files").first().day.year == 2024

# %% folder without files
import os
from pyspark.errors import AnalysisException

os.makedirs("/Volumes/main/default/empty/in")
path = "/Volumes/main/default/empty"
assert spark.read.schema("id INT").csv(path).count() == 0
try:
    spark.read.csv(path, header=True)
except AnalysisException as error:
    assert "UNABLE_TO_INFER_SCHEMA" in str(error)
else:
    raise AssertionError

# %% values of CSV
open("/Volumes/dev/raw/values/a.csv", "w").write("id,day,name\n1,31/12/2024,a\nx,bad,NA\n")
reader = spark.read.option("header", True).option("dateFormat", "dd/MM/yyyy").option("nullValue", "NA")
reader = reader.schema("id INT, day DATE, name STRING")
rows = reader.csv("/Volumes/dev/raw/values").select("*", "_metadata.file_name").collect()
assert str(rows[0].day) == "2024-12-31" and rows[1][:] == (None, None, None, "a.csv"), rows
assert reader.option("mode", "DROPMALFORMED").csv("/Volumes/dev/raw/values").count() == 1
open("/Volumes/dev/raw/inferred/a.csv", "w").write("n,s\n1,a\nNA,NA\n")
frame = spark.read.csv("/Volumes/dev/raw/inferred", header=True, inferSchema=True, nullValue="NA")
assert frame.dtypes == [("n", "int"), ("s", "string")], frame.dtypes
assert frame.collect()[1][:] == (None, None)

# %% files by address
import os

folder = "file:/Volumes/dev/raw/addresses"
spark.sql("SELECT 1 AS id").write.mode("overwrite").csv(folder, header=True)
assert os.path.isdir("/Volumes/dev/raw/addresses")
for path in (folder, folder.replace("file:/", "file:///")):
    assert spark.read.csv(path, header=True).columns == ["id"], path
assert spark.sql(f"SELECT * FROM csv.`{folder}`").count() == 2
assert spark.sql(f"SELECT id FROM read_files('{folder}', format => 'csv', header => true)").count() == 1

# %% files without a folder
spark.sql("SELECT 1 AS id").write.mode("overwrite").csv("relative/a", header=True)
assert [each.name for each in dbutils.fs.ls("/relative")] == ["a/"]
assert spark.read.csv("relative/*", header=True).columns == ["id"]

# %% files that do not exist
from pyspark.errors import AnalysisException

for path in ("/Volumes/dev/raw/files/none.csv", "/Volumes/dev/raw/files/n*", "file:/none.csv", "none.csv"):
    try:
        spark.read.csv(path, schema="n INT")
    except AnalysisException as error:
        assert "[PATH_NOT_FOUND]" in str(error)
        assert str(error).strip().endswith(path)
    else:
        raise AssertionError(path)

# %% copy into
open("/Volumes/dev/raw/copied/a.csv", "w").write("id,name\n1,a\n")
spark.sql("CREATE TABLE IF NOT EXISTS dev.snippets.copied")
before = {each.name for each in spark.catalog.listTables()}
for count in (1, 0):
    row = spark.sql(
        "COPY INTO dev.snippets.copied FROM (SELECT id::int AS id, _metadata.file_name AS f FROM '/Volumes/dev/raw/copied') "
        "FILEFORMAT = CSV FORMAT_OPTIONS ('header' = 'true') COPY_OPTIONS ('mergeSchema' = 'true')"
    ).first()
    assert row.num_affected_rows == count, row
assert tuple(spark.table("dev.snippets.copied").first()) == (1, "a.csv")
assert {each.name for each in spark.catalog.listTables()} == before

# %% name of the file
frame = spark.read.option("header", True).csv("/Volumes/dev/raw/files").withColumn("f", F.col("_metadata.file_name"))
assert frame.columns == ["id", "day", "f"] and frame.first().f == "a.csv", frame.columns
shown = frame._show_string()  # what show() prints
assert "a.csv" in shown and "_metadata" not in shown, shown
(path,) = frame.select("_metadata.file_path").first()
assert path == dbutils.fs.ls("/Volumes/dev/raw/files")[0].path == "dbfs:/Volumes/dev/raw/files/a.csv", path
kept = (
    frame.select("id")
    .where("id > 0")
    .withColumnRenamed("id", "i")
    .withColumns({"p": F.input_file_name(), "q": F.col("_metadata.file_size") > 0})
)
assert kept.columns == ["i", "p", "q"] and kept.first()[1:] == (path, True), kept.first()
read = spark.read.option("header", True).csv("/Volumes/dev/raw/files")
named = read.selectExpr("*", "input_file_name() AS f", "_metadata.file_path AS p")
assert "a.csv" in named.first().f == named.first().p, named.first()
assert "_metadata" not in named.columns
(path,) = spark.sql("SELECT input_file_name() FROM read_files('/Volumes/dev/raw/files', format => 'csv')").first()
assert path.endswith("/a.csv"), path
for _ in range(2):  # the second one writes into the columns of the table
    frame.withColumn("p", F.input_file_name()).write.mode("overwrite").saveAsTable("dev.snippets.named")
    assert spark.table("dev.snippets.named").columns == ["id", "day", "f", "p"]
for name in "ab":
    open(f"/Volumes/dev/raw/alike/{name}.csv", "w").write("id\n1\n")
alike = spark.read.option("header", True).csv("/Volumes/dev/raw/alike").withColumn("f", F.col("_metadata.file_size") > 0)
assert alike.dropDuplicates().count() == 1
counted = alike.mapInPandas(lambda parts: (part.assign(n=part.shape[1]) for part in parts), "id string, f boolean, n int")
assert counted.first().n == 2
assert alike.localCheckpoint().columns == alike.toDF("i", "g").toDF("id", "f").columns == ["id", "f"]

# %% files with NULL where their schema has none
open("/Volumes/dev/raw/values/null.csv", "w").write("id,s\n1,\n,b\n")
from pyspark.sql import types as T

kind = T.StructType([T.StructField("id", T.StringType(), False), T.StructField("s", T.StringType(), False)])
reader = spark.read.option("header", True)
for read in (
    reader.schema(kind).csv,
    lambda path: reader.csv(path, schema="id STRING NOT NULL COMMENT 'NOT NULL', s STRING NOT NULL"),
):
    rows = read("/Volumes/dev/raw/values/null.csv")
    rows.write.mode("overwrite").saveAsTable("dev.snippets.nulls")
    assert [*map(tuple, spark.table("dev.snippets.nulls").collect())] == [("1", None), (None, "b")]

# %% JSON over several lines
open("/Volumes/dev/raw/lines/a.json", "w").write('[\n{"n": 1},\n{"n": 2}\n]')
assert spark.read.option("multiLine", True).json("/Volumes/dev/raw/lines").count() == 2

# %% types of parameters
from datetime import date, datetime
from decimal import Decimal

values = [date(2024, 1, 2), datetime(2024, 1, 2, 3), Decimal("1.50"), "a?", None, 2.5]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.typed AS SELECT :d AS d, :t AS t, :x AS x", dict(zip("dtx", values)))
assert spark.table("dev.snippets.typed").dtypes == [("d", "date"), ("t", "timestamp"), ("x", "decimal(3,2)")]
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.marked (d DATE, t TIMESTAMP, x DECIMAL(3, 2), s STRING, n INT, f DOUBLE)"
)
spark.sql("INSERT INTO dev.snippets.marked SELECT ?, ?, ?, ?, ?, ? WHERE '?' = '?'", values)
assert list(spark.table("dev.snippets.marked").first()) == values

# %% types of folders
frame = spark.createDataFrame([(1, 2, 1.5, "2024-01-01", "x")], "n INT, i INT, f DOUBLE, d STRING, s STRING")
frame.write.partitionBy("i", "f", "d", "s").parquet("/Volumes/dev/raw/in/typed")
kinds = spark.read.parquet("/Volumes/dev/raw/in/typed").select("i", "f", "d", "s", "_metadata.file_name").dtypes
assert [kind for _, kind in kinds] == ["int", "double", "date", "string", "string"], kinds
for pattern in ("i=*", "*/f=1.5/*", "i={2,3}"):
    assert spark.read.parquet(f"/Volumes/dev/raw/in/typed/{pattern}").count() == 1, pattern
try:
    spark.read.parquet("/Volumes/dev/raw/in/typed/none=*")
except Exception as error:
    assert "PATH_NOT_FOUND" in str(error)
else:
    raise AssertionError

# %% frame of a list of files
assert spark.createDataFrame(dbutils.fs.ls("/Volumes/dev/raw/in")).columns == [
    "path",
    "name",
    "size",
    "modificationTime",
]

# %% version of a location
spark.range(2).write.mode("overwrite").saveAsTable("dev.snippets.versions")
spark.range(3).write.mode("overwrite").saveAsTable("dev.snippets.versions")
location = spark.sql("DESCRIBE DETAIL dev.snippets.versions").first().location
assert spark.read.format("delta").option("versionAsOf", 0).load(location).count() == 2

# %% corrupt lines of CSV
open("/Volumes/dev/raw/corrupt/a.csv", "w").write("id,n\n1,10\n2,x\n3\n")
reader = spark.read.option("header", True)
rows = reader.schema("id INT, n INT, _corrupt_record STRING").csv("/Volumes/dev/raw/corrupt").orderBy("id").collect()
assert list(map(tuple, rows)) == [(1, 10, None), (2, None, "2,x"), (3, None, None)], rows
assert spark.read.csv("/Volumes/dev/raw/corrupt", header=True).filter("n IS NULL").first().id == "3"

# %% values beside their hint
open("/Volumes/dev/raw/hinted/a.csv", "w").write("id,n\n1,2.5\n2,x\n")
stream = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv")
stream = stream.option("cloudFiles.schemaHints", "n DOUBLE").load("/Volumes/dev/raw/hinted")
stream.writeStream.option("checkpointLocation", folder + "/hinted").trigger(availableNow=True).toTable(
    "dev.snippets.hinted"
).awaitTermination()
assert {row.id: row.n for row in spark.table("dev.snippets.hinted").collect()} == {"1": 2.5, "2": None}

# %% CSV with blanks and tabs
path = "/Volumes/dev/raw/files/blanks.csv"
open(path, "w").write("n\t s \n 1\t a \n")
reader = spark.read.option("header", True).option("sep", r"\t").option("ignoreLeadingWhiteSpace", True)
assert reader.csv(path).first().asDict() == {"n": "1", "s ": "a "}
reader = reader.option("ignoreTrailingWhiteSpace", "true")
assert reader.option("inferSchema", True).csv(path).first().asDict() == {"n": 1, "s": "a"}
assert reader.schema("n STRING, s STRING").csv(path).first()[:] == ("1", "a")

# %% JSON values of another type
values = tempfile.mkdtemp()
with open(f"{values}/values.json", "w") as file:
    file.write('{"n": 1, "s": {"a": 1}}\n\n{"n": "b", "s": {"a": "x"}}\n{"n": 3000000000, "s": 1}\nno JSON\n')
rows = spark.read.schema("n INT, s STRUCT<a: INT>").json(f"{values}/values.json")
assert [(row.n, row.s and row.s.a) for row in rows.collect()] == [(1, 1), (None, None), (None, None), (None, None)]
assert rows.select("_metadata.file_name", "n").first() == ("values.json", 1)
with open(f"{values}/mixed.json", "w") as file:
    file.write('{"n": 1}\n{"n": "b"}\n')
assert [row.n for row in spark.read.json(f"{values}/mixed.json").collect()] == ["1", "b"]

# %% paths of binary files
dbutils.fs.put("/Volumes/dev/raw/in/binary/a.bin", "abc")
for path in ("/Volumes/dev/raw/in/binary", "/Volumes/dev/raw/in/binary/a.bin", "/Volumes/dev/raw/in/bin*"):
    row = spark.read.format("binaryFile").load(path).first()
    assert (row.path, row.length) == ("dbfs:/Volumes/dev/raw/in/binary/a.bin", 3), row

# %% types of CSV values
inferred = tempfile.mkdtemp()
with open(f"{inferred}/values.csv", "w") as file:
    file.write(
        "int,long,double,bool,date,time,text,empty,mixed,day,number\n"
        "1,3000000000,1,true,2024-01-02,2024-01-02 03:04:05,a,,2024-01-02,2024-13-45,12345678901234567890\n"
        "-2147483648,2,1.5,FALSE,2024-02-29,2024-01-02T03:04:05Z,1,,2024-01-02 03:04:05,2024-01-02,1\n"
        ",,,,,,,,,,\n"
    )
reader = spark.read.option("header", True)
rows = reader.csv(f"{inferred}/values.csv", inferSchema=True)
kinds = ["int", "bigint", "double", "boolean", "date", "timestamp", "string", "string", "timestamp", "string", "double"]
assert [kind for _, kind in rows.dtypes] == kinds, rows.dtypes
first = rows.first()
assert (first.int, first.long, first.date.day, first.time.hour, first.empty) == (1, 3000000000, 2, 3, None), first
assert [row.bool for row in rows.collect()] == [True, False, None]
texts = spark.read.csv(f"{inferred}/values.csv", header=True)
assert {kind for _, kind in texts.dtypes} == {"string"}, texts.dtypes
spark.sql("CREATE TABLE dev.snippets.inferred (int INT, time TIMESTAMP)")
rows.select("int", "time").write.mode("append").saveAsTable("dev.snippets.inferred")
with open(f"{inferred}/values.csv", "w") as file:
    file.write("day,time\n31/01/2024,31/01/2024 10:30\n")
reader = reader.options(inferSchema="true", dateFormat="dd/MM/yyyy", timestampFormat="dd/MM/yyyy HH:mm")
assert [kind for _, kind in reader.csv(f"{inferred}/values.csv").dtypes] == ["date", "timestamp"]
with open(f"{inferred}/values.csv", "w") as file:
    file.write(",bool,n,day,time\n7,1, 7 ,2024-01-02T03:04:05Z,2024-01-02\n8,true,7,20240102,2024-01-02 03:04:05\n")
assert spark.read.csv(f"{inferred}/values.csv", header=True, inferSchema=True).dtypes == [
    ("_c0", "int"), ("bool", "string"), ("n", "double"), ("day", "string"), ("time", "timestamp")
]
rows = spark.read.schema("_c0 INT, bool BOOLEAN, n INT, day DATE, time STRING").csv(f"{inferred}/values.csv", header=True).collect()
assert [(row.bool, row.n, str(row.day)) for row in rows] == [(None, None, "2024-01-02"), (True, 7, "None")], rows

# %% dates and decimals of JSON
with open(f"{values}/days.json", "w") as file:
    file.write('{"d": "2024-01-02", "t": "2024-01-02T03:04:05Z", "c": 1.25, "s": {"c": "1.5"}}\n')
    file.write('{"d": "2024-01-02T03:04:05Z", "t": 1704164645, "c": "1.25", "s": {"c": "x"}}\n')
    file.write('{"d": "bad", "t": "bad", "c": 123456789012.5, "s": 1}\n{"d": 19724}\n')
rows = spark.read.schema("d DATE, t TIMESTAMP, c DECIMAL(10,2), s STRUCT<c: DECIMAL(3,1)>").json(f"{values}/days.json")
found = [(row.d and str(row.d), row.t and row.t.second, row.c and str(row.c), row.s and row.s.c and float(row.s.c)) for row in rows.collect()]
first = ("2024-01-02", 5, "1.25")
assert found == [(*first, 1.5), (*first, None), (None,) * 4, (None,) * 4], found

# %% order of written rows
import glob

def read_written(frame):
    frame.write.mode("overwrite").csv(f"{values}/ordered")
    return [line.strip() for name in glob.glob(f"{values}/ordered/*.csv") for line in open(name)]

sorted_rows = spark.range(6).orderBy(F.desc("id"))
down = ["5", "4", "3", "2", "1", "0"]
for frame in (sorted_rows, sorted_rows.coalesce(1), sorted_rows.repartition(1), spark.sql("SELECT id FROM range(6) ORDER BY id DESC")):
    assert read_written(frame) == down, read_written(frame)
assert read_written(spark.range(6).coalesce(1).sortWithinPartitions(F.desc("id"))) == down
assert read_written(sorted_rows.filter("id > 1")) == down[:4]
assert [row.id for row in sorted_rows.coalesce(1).collect()] == [5, 4, 3, 2, 1, 0]
assert len(read_written(spark.range(6).repartition(3))) == 6
rows = spark.createDataFrame([(n * 7919 % 20011,) for n in range(20011)], "n INT")
assert read_written(rows.orderBy("n").filter("n > 5")) == [str(n) for n in range(6, 20011)]
assert [row.n for row in spark.read.csv(f"{values}/ordered", schema="n INT").filter("n % 2 = 0").collect()] == [*range(6, 20011, 2)]

# %% a batch of rows above 128 MiB
spark.range(34_000).selectExpr("id", "repeat(md5(string(id)), 128) AS t").write.parquet(f"{values}/wide")
assert spark.read.parquet(f"{values}/wide").orderBy("id").toArrow().num_rows == 34_000

# %% texts of written values
rows = spark.sql("SELECT DATE'2024-01-02' AS d, TIMESTAMP'2024-01-02 03:04:05' AS t, ' a ' AS s, 1 AS n").coalesce(1)

def read_text(frame_writer, source):
    frame_writer.mode("overwrite").format(source).save(f"{values}/texts")
    [name] = glob.glob(f"{values}/texts/*.{source}")
    return open(name).read()

assert read_text(rows.write, "csv") == "2024-01-02,2024-01-02T03:04:05.000Z,a,1\n"
assert read_text(rows.write, "json") == '{"d":"2024-01-02","t":"2024-01-02T03:04:05.000Z","s":" a ","n":1}\n'
formats = {"dateFormat": "dd/MM/yyyy", "timestampFormat": "HH:mm", "ignoreLeadingWhiteSpace": "false"}
assert read_text(rows.write.options(**formats), "csv") == "02/01/2024,03:04, a,1\n"
assert read_text(rows.write.options(**formats), "json") == '{"d":"02/01/2024","t":"03:04","s":" a ","n":1}\n'
rows.write.mode("overwrite").partitionBy("d", "s").csv(f"{values}/folders")
assert os.path.isdir(f"{values}/folders/d=2024-01-02/s= a ")

# %% folders for NULL
rows = spark.sql("SELECT * FROM VALUES (1, 'a', 1.5D, DATE'2024-01-02', 7), (2, NULL, NULL, NULL, NULL), (3, '', 2D, DATE'2024-01-03', 8) AS t(i, s, x, d, n)")
for source in ("parquet", "json"):
    for name, found in {"s": ["a", None, None], "x": [1.5, None, 2], "d": ["2024-01-02", None, "2024-01-03"], "n": [7, None, 8]}.items():
        rows.select("i", name).write.partitionBy(name).format(source).save(f"{values}/{source}/{name}")
        read = spark.read.format(source).load(f"{values}/{source}/{name}")
        assert dict(read.dtypes)[name] == dict(rows.dtypes)[name], read.dtypes
        value = F.col(name).cast("string") if name == "d" else F.col(name)
        assert [row.v for row in read.orderBy("i").select(value.alias("v")).collect()] == found, name
        assert os.path.isdir(f"{values}/{source}/{name}/{name}=__HIVE_DEFAULT_PARTITION__")
        for schema, kind in (("i INT", dict(rows.dtypes)[name]), (f"{name} STRING, i INT", "string")):
            typed = spark.read.schema(schema).format(source).load(f"{values}/{source}/{name}")
            assert typed.dtypes == [("i", "int"), (name, kind)], typed.dtypes
            assert typed.filter(f"{name} IS NULL").count() == found.count(None)

# %% files in other folders
os.makedirs(f"{values}/nested/other")
for name, n in {"a.csv": 1, "other/b.csv": 2}.items():
    with open(f"{values}/nested/{name}", "w") as file:
        file.write(f"n\n{n}\n")
reader = spark.read.option("header", True)
assert [row.n for row in reader.csv(f"{values}/nested").collect()] == ["1"]
assert reader.option("recursiveFileLookup", "true").csv(f"{values}/nested").count() == 2

# %% JSON files whose types differ
for number, lines in enumerate(['{"a": 1, "b": 2, "s": {"x": [1]}}', '{"a": 1.5, "b": "t", "s": {"x": [2.5], "y": true}}']):
    dbutils.fs.put(f"/Volumes/dev/raw/differ/{number}.json", lines, True)
read = spark.read.json("/Volumes/dev/raw/differ")
assert read.schema.simpleString() == "struct<a:double,b:string,s:struct<x:array<double>,y:boolean>>", read.schema
assert [tuple(row) for row in read.orderBy("a").collect()] == [(1, "2", ([1], None)), (1.5, "t", ([2.5], True))]

# %% files that match a pattern
dbutils.fs.put("/Volumes/dev/raw/matched/a.csv", "id\n1\n", True)
dbutils.fs.put("/Volumes/dev/raw/matched/b.txt", "no\n", True)
spark.sql("CREATE TABLE IF NOT EXISTS dev.snippets.matched (id INT)")
row = spark.sql(
    "COPY INTO dev.snippets.matched FROM '/Volumes/dev/raw/matched' FILEFORMAT = CSV "
    "PATTERN = '*.csv' FORMAT_OPTIONS ('header' = 'true')"
).first()
assert row.num_inserted_rows == 1, row
spark.sql("CREATE TABLE IF NOT EXISTS dev.snippets.unfilled")
for copy, advice in [
    ("matched FROM (SELECT 1 AS id)", "COPY INTO needs files, such as FROM"),
    ("unfilled FROM '/Volumes/dev/raw/unfilled'", "Put a file there, or create the table with"),
]:
    try:
        spark.sql(f"COPY INTO dev.snippets.{copy} FILEFORMAT = CSV")
        raise AssertionError
    except ValueError as error:
        assert advice in str(error), error

# %% stream of a folder
spark.range(2).write.format("delta").mode("overwrite").save("/Volumes/dev/raw/streamed")
stream = spark.readStream.format("delta").load("/Volumes/dev/raw/streamed").withColumn("k", F.lit(1))
for _ in range(2):
    writer = stream.writeStream.option("checkpointLocation", f"{folder}/of_folder")
    query = writer.partitionBy("k").start("/Volumes/dev/raw/streamed_too")
    spark.range(2, 3).write.format("delta").mode("append").save("/Volumes/dev/raw/streamed")
assert query.recentProgress[0]["numInputRows"] == 1, query.recentProgress
assert spark.read.format("delta").load("/Volumes/dev/raw/streamed_too").count() == 3
stream.writeStream.format("console").option("checkpointLocation", f"{folder}/shown").start()

# %% schema of a load
from pyspark.sql.types import LongType, StructField, StructType

columns = StructType([StructField("id", LongType(), False)])
dbutils.fs.put("/Volumes/dev/raw/matched/a.csv", "id\n1\n", True)
frame = spark.read.load("/Volumes/dev/raw/matched/a.csv", "csv", columns, header=True)
assert frame.schema["id"].nullable and frame.first().id == 1
