# Columns of tables.

# %% save a frame that is sorted by many columns
frame = spark.range(9).select(*((F.col("id") * at % 7).alias(f"c{at}") for at in range(24)))
frame.orderBy(*frame.columns).write.saveAsTable("dev.snippets.ordered")
assert spark.table("dev.snippets.ordered").count() == 9

# %% names in any case
spark.sql("CREATE TABLE DEV.Snippets.Cased (Id INT)")
spark.sql("INSERT INTO dev.snippets.CASED VALUES (1)")
spark.sql("SELECT 2 AS Id").write.mode("append").saveAsTable("dev.SNIPPETS.cased")
assert spark.sql("SELECT C.* FROM dev.snippets.Cased c").columns == ["Id"]
assert spark.table("Dev.Snippets.Cased").alias("A").select("a.*").columns == ["Id"]
assert spark.sql("SELECT * FROM IDENTIFIER(:t)", {"t": "dev.snippets.CASED"}).count() == 2
assert spark.catalog.tableExists("dev.Snippets.CASED")
spark.range(1).createOrReplaceTempView("Cased_View")
assert spark.sql("WITH Big AS (SELECT * FROM cased_VIEW) SELECT B.* FROM big b").columns == ["id"]
left, right = spark.range(1).alias("L"), spark.range(1).alias("R")
assert left.join(right, "id").select("l.*", "R.id").first()[:] == (0, 0)
spark.sql("DROP TABLE dev.snippets.cAsEd")
assert not spark.catalog.tableExists("dev.snippets.cased")

# %% columns with capitals
spark.sql("CREATE TABLE dev.snippets.capitals (OrderId INT, Name STRING)")
spark.sql("INSERT INTO dev.snippets.capitals (OrderId, Name) VALUES (1, 'a')")
spark.sql("INSERT INTO dev.snippets.capitals (Name) SELECT 'b'")
spark.sql("INSERT INTO dev.snippets.capitals BY NAME SELECT 'c' AS Name, 3 AS OrderId")
frame = spark.sql("SELECT 'd' AS Name, 4 AS OrderId")
frame.write.mode("append").saveAsTable("dev.snippets.capitals")
frame.writeTo("dev.snippets.capitals").append()
table = spark.table("dev.snippets.capitals")
rows = {tuple(row) for row in table.select("OrderId", "Name").collect()}
assert rows == {(1, "a"), (None, "b"), (3, "c"), (4, "d")}, rows
assert table.columns == ["OrderId", "Name"] and table.count() == 5

# %% new columns
path = "/Volumes/dev/raw/merged/t"
spark.sql("SELECT 1 AS Id").write.format("delta").save(path)
spark.sql("SELECT 2 AS ID").write.format("delta").mode("append").save(path)
more = spark.sql("SELECT 3 AS id, 7 AS New")
more.write.format("delta").mode("append").option("mergeSchema", True).save(path)
spark.sql("SELECT 1 AS Id").write.saveAsTable("dev.snippets.merged")
more.write.mode("append").option("mergeSchema", True).saveAsTable("dev.snippets.merged")
for frame in (spark.read.load(path), spark.table("dev.snippets.merged")):
    rows = {row.Id: row.New for row in frame.collect()}
    assert rows == {1: None, 2: None, 3: 7} or rows == {1: None, 3: 7}, rows
spark.conf.set("spark.databricks.delta.schema.autoMerge.enabled", "true")
spark.sql("SELECT 4 AS Id, 8 AS Later").write.mode("append").saveAsTable("dev.snippets.merged")
spark.conf.set("spark.databricks.delta.schema.autoMerge.enabled", "false")
assert spark.table("dev.snippets.merged").columns == ["Id", "New", "Later"]

# %% overwritten columns
spark.sql("CREATE TABLE dev.snippets.over (Id BIGINT GENERATED ALWAYS AS IDENTITY, Name STRING, n INT)")
frame = spark.sql("SELECT 7 AS N, 'a' AS name")
frame.write.mode("overwrite").saveAsTable("dev.snippets.over")
frame.write.mode("overwrite").option("mergeSchema", True).saveAsTable("dev.snippets.over")
table = spark.table("dev.snippets.over")
assert table.columns == ["Id", "Name", "n"] and table.count() == 1
assert table.first().Id is not None and table.first()[1:] == ("a", 7), table.first()
spark.sql("SELECT 1 AS n").write.mode("overwrite").option("overwriteSchema", True).saveAsTable("dev.snippets.over")
assert spark.table("dev.snippets.over").columns == ["n"]
more = spark.sql("SELECT 3 AS More, 1 AS N")
more.write.mode("overwrite").option("mergeSchema", True).saveAsTable("dev.snippets.over")
assert spark.table("dev.snippets.over").first().asDict() == {"n": 1, "More": 3}
frame.write.mode("overwrite").save("/Volumes/dev/raw/over")
more.write.mode("overwrite").option("mergeSchema", True).save("/Volumes/dev/raw/over")
assert spark.read.load("/Volumes/dev/raw/over").first().asDict() == {"N": 1, "name": None, "More": 3}

# %% columns with values of their own
spark.sql(
    "CREATE TABLE dev.snippets.filled (Id BIGINT GENERATED ALWAYS AS IDENTITY, a INT, d STRING DEFAULT 'x', m STRING) "
    "TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"
)
spark.sql("INSERT INTO dev.snippets.filled (a) VALUES (7)")
row = spark.table("dev.snippets.filled").first()
assert row.Id is not None and row[1:] == (7, "x", None), row

# %% replace a table by other columns
for columns in ("1 AS n, 2 AS m", '"x" AS n, 3 AS o'):
    spark.sql(f"CREATE OR REPLACE TABLE dev.snippets.r AS SELECT {columns}")
assert spark.table("dev.snippets.r").first().asDict() == {"n": "x", "o": 3}
spark.sql("CREATE TABLE dev.snippets.u SHALLOW CLONE dev.snippets.r")
assert spark.table("dev.snippets.u").columns == ["n", "o"]

# %% alter a table
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.a (n INT PRIMARY KEY, day STRING) PARTITIONED BY (day) TBLPROPERTIES (delta.enableChangeDataFeed = true)"
)
spark.sql("INSERT INTO dev.snippets.a VALUES (1, 'x')")
for change in ("ADD COLUMNS (m BIGINT AFTER n)", "ADD COLUMN o BIGINT FIRST", "CLUSTER BY (o)"):
    spark.sql(f"ALTER TABLE dev.snippets.a {change}")
assert spark.table("dev.snippets.a").dtypes == [("o", "bigint"), ("n", "int"), ("m", "bigint"), ("day", "string")]
assert tuple(spark.table("dev.snippets.a").first()) == (None, 1, None, "x")
spark.sql(
    "CREATE TABLE dev.snippets.mapped (id BIGINT GENERATED ALWAYS AS IDENTITY, `a b` INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
)
spark.sql("INSERT INTO dev.snippets.mapped (`a b`) VALUES (1)")
spark.sql("ALTER TABLE dev.snippets.mapped ADD COLUMN c INT")
spark.sql("INSERT INTO dev.snippets.mapped (`a b`, c) VALUES (2, 3)")
assert sorted(map(tuple, spark.sql("SELECT `a b`, c FROM dev.snippets.mapped").collect())) == [(1, None), (2, 3)]
assert spark.sql("DESCRIBE DETAIL dev.snippets.a").first().partitionColumns == ["day"]
for change in (
    "SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
    "ADD CONSTRAINT k PRIMARY KEY (n)",
    "CLUSTER BY NONE",
    "ALTER COLUMN n SET DEFAULT 1",
    "ADD COLUMN IF NOT EXISTS N STRING",
):
    spark.sql(f"ALTER TABLE dev.snippets.a {change}")
spark.sql("ALTER TABLE dev.snippets.a ADD COLUMNS (p VARCHAR(3) COMMENT 'x', q INT)")
spark.sql("ALTER TABLE dev.snippets.a ALTER COLUMN N COMMENT 'it\\'s'")
rows = [tuple(row) for row in spark.sql("DESCRIBE dev.snippets.a").limit(6).collect()]
assert rows[1] == ("n", "int", "it's") and [("p", "string", "x"), ("q", "int", None)] == rows[4:], rows
spark.sql("CREATE TABLE dev.snippets.taken (a INT)")
for change, remedy in {
    "ADD COLUMN N STRING": "ADD COLUMN IF NOT EXISTS",
    "ADD COLUMNS (r)": "such as r STRING",
    "ADD COLUMN s INT AFTER missing": "columns behind AFTER",
    "ALTER COLUMN m SET NOT NULL": "Give these rows a value",
    "DROP COLUMNS (n, m)": "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    "RENAME COLUMN n TO key": "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    "RENAME TO dev.elsewhere.other": "Write CREATE TABLE dev.elsewhere.other AS SELECT * FROM dev.snippets.a",
    "RENAME TO taken": "Drop it first",
    "ALTER COLUMN n TYPE BIGINT": "CREATE OR REPLACE TABLE dev.snippets.a AS SELECT",
}.items():
    try:
        spark.sql(f"ALTER TABLE dev.snippets.a {change}")
    except Exception as error:
        assert remedy in str(error), error
    else:
        raise AssertionError(change)

# %% columns that are renamed or dropped
spark.sql("CREATE TABLE dev.snippets.moved (k INT, b STRING, c INT, s STRUCT<x: INT>, p INT) PARTITIONED BY (p)")
spark.sql("INSERT INTO dev.snippets.moved VALUES (1, 'a', 2, named_struct('x', 3), 4)")
spark.sql("ALTER TABLE dev.snippets.moved SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
for change in ("RENAME COLUMN B TO new", "DROP COLUMNS (c)", "DROP COLUMN IF EXISTS c", "ADD COLUMNS (c STRING, l ARRAY<STRUCT<y: INT>>)"):
    spark.sql(f"ALTER TABLE dev.snippets.moved {change}")
spark.sql("INSERT INTO dev.snippets.moved (k, new, c, l) VALUES (2, 'z', 'y', array(named_struct('y', 5)))")
spark.sql("UPDATE dev.snippets.moved SET new = 'q' WHERE k = 1")
rows = spark.sql("SELECT k, new, c, s.x, p, l[0].y FROM dev.snippets.moved ORDER BY k").collect()
assert [tuple(row) for row in rows] == [(1, "q", None, 3, 4, None), (2, "z", "y", None, None, 5)], rows
for change, remedy in {"DROP COLUMN d": "no column d", "RENAME COLUMN p TO q": "CREATE OR REPLACE TABLE"}.items():
    try:
        spark.sql(f"ALTER TABLE dev.snippets.moved {change}")
    except Exception as error:
        assert remedy in str(error), error
    else:
        raise AssertionError(change)

# %% tables and views that are renamed
spark.sql("CREATE TABLE dev.snippets.early AS SELECT 1 AS a")
spark.sql("CREATE VIEW dev.snippets.early_view AS SELECT 2 AS a")
spark.sql("ALTER TABLE dev.snippets.early RENAME TO dev.snippets.Late")
spark.sql("ALTER VIEW dev.snippets.early_view RENAME TO late_view")
spark.sql("CREATE TABLE dev.snippets.early AS SELECT 3 AS a")
spark.sql("INSERT INTO dev.snippets.late VALUES (4)")
spark.sql("USE dev.snippets")
spark.sql("ALTER TABLE early RENAME TO `very late`")
found = {name: [row.a for row in spark.table(f"dev.snippets.{name}").orderBy("a").collect()] for name in ("late", "late_view", "`very late`")}
assert found == {"late": [1, 4], "late_view": [2], "`very late`": [3]}, found
assert not spark.catalog.tableExists("dev.snippets.early")

# %% several columns less
spark.sql("CREATE TABLE dev.snippets.less (id INT, a STRING, b STRING)")
spark.sql("INSERT INTO dev.snippets.less (id) VALUES (1)")
spark.sql("INSERT INTO dev.snippets.less BY NAME SELECT 2 AS id")
spark.sql("INSERT INTO dev.snippets.less SELECT 3, NULL, NULL UNION ALL SELECT 4, 'x', 'x'")
spark.sql("INSERT INTO dev.snippets.less (id) WITH w AS (SELECT 5 AS id) SELECT id FROM w")
rows = spark.sql("SELECT * FROM dev.snippets.less ORDER BY id").collect()
assert list(map(tuple, rows)) == [(1, None, None), (2, None, None), (3, None, None), (4, "x", "x"), (5, None, None)], (
    rows
)

# %% fewer columns with mergeSchema
spark.sql(
    "CREATE TABLE dev.snippets.made (id BIGINT GENERATED ALWAYS AS IDENTITY, n INT, m INT GENERATED ALWAYS AS (n + 1), s STRING DEFAULT 'x') "
    "PARTITIONED BY (m) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"
)
spark.createDataFrame([(5,)], "n INT").write.mode("append").option("mergeSchema", True).saveAsTable("dev.snippets.made")
open("/Volumes/dev/raw/in/made.csv", "w").write("n\n6\n")
spark.sql(
    "COPY INTO dev.snippets.made FROM (SELECT n::int AS n FROM '/Volumes/dev/raw/in/made.csv') FILEFORMAT = CSV FORMAT_OPTIONS ('header' = 'true')"
)
rows = spark.sql("SELECT id, n, m, s FROM dev.snippets.made ORDER BY n").collect()
assert list(map(tuple, rows)) == [(1, 5, 6, "x"), (2, 6, 7, "x")], rows

# %% fewer columns
spark.createDataFrame([(5,)], "o BIGINT").write.mode("append").saveAsTable("dev.snippets.a")
assert spark.sql("INSERT INTO dev.snippets.a (o) VALUES (6)").first().num_affected_rows == 1
assert spark.table("dev.snippets.a").count() == 3

# %% features of a table
key, of_a_file = "delta.feature.catalogManaged", "delta.feature.clustering"
spark.sql(f"CREATE TABLE dev.snippets.f1 (id INT) TBLPROPERTIES ('{key}' = 'supported')")
spark.sql(f"ALTER TABLE dev.snippets.f1 SET TBLPROPERTIES ('{key}-preview' = 'supported')")
spark.range(1).write.option(f"{key}-preview", "supported").saveAsTable("dev.snippets.f2")
writer = spark.range(1).writeTo("dev.snippets.f3").using("delta")
writer.tableProperty(of_a_file, "supported").tableProperty("delta.enableRowTracking", "true").create()
assert [spark.table(f"dev.snippets.f{n}").count() for n in (1, 2, 3)] == [0, 1, 1]

# %% constraints
from pyspark.errors import AnalysisException


def refuse(statement, condition):
    try:
        spark.sql(statement)
    except AnalysisException as error:
        assert condition in str(error), error
    else:
        raise AssertionError(statement)


spark.sql("CREATE TABLE dev.snippets.checked (a INT, b INT)")
spark.sql("ALTER TABLE dev.snippets.checked ADD CONSTRAINT pos CHECK (a > 0)")
refuse("INSERT INTO dev.snippets.checked VALUES (-1, 2)", "pos")
spark.sql("ALTER TABLE dev.snippets.checked ADD COLUMN c INT")
spark.sql("INSERT INTO dev.snippets.checked VALUES (1, 2, 3)")
refuse("INSERT INTO dev.snippets.checked (a) VALUES (-1)", "pos")
spark.sql("ALTER TABLE dev.snippets.checked DROP CONSTRAINT IF EXISTS other")
refuse("INSERT INTO dev.snippets.checked VALUES (-1, 2, 3)", "pos")
spark.sql("ALTER TABLE dev.snippets.checked DROP CONSTRAINT Pos")
spark.sql("INSERT INTO dev.snippets.checked VALUES (-1, 2, 3)")
spark.sql("UPDATE dev.snippets.checked SET a = -2")
spark.sql("ALTER TABLE dev.snippets.checked ADD CONSTRAINT neg CHECK (a < 0)")
spark.sql("CREATE OR REPLACE TABLE dev.snippets.checked AS SELECT 1 AS x")
spark.sql("INSERT INTO dev.snippets.checked VALUES (2)")
spark.sql("UPDATE dev.snippets.checked SET x = 3")

# %% lengths of texts
spark.sql(
    'CREATE TABLE dev.snippets.short (id BIGINT GENERATED ALWAYS AS IDENTITY, s VARCHAR(3), c CHAR(2), t STRING) COMMENT "a" PARTITIONED BY (t)'
)
spark.sql("INSERT INTO dev.snippets.short (s, c, t) VALUES ('abc  ', 'ab', 'long'), (NULL, NULL, NULL)")
spark.sql("CREATE TABLE dev.snippets.shorter LIKE dev.snippets.short")
spark.sql("CREATE TABLE IF NOT EXISTS dev.snippets.short (t VARCHAR(1))")
assert spark.sql("SELECT count(*) FROM dev.snippets.short VERSION AS OF 1").first()[0] == 2


def refuse(write, *args):
    try:
        write(*args)
    except Exception as error:
        assert "<= " in str(error), error
    else:
        raise AssertionError(args)


frame = spark.createDataFrame([(9, "abcd", "a", "x")], "id BIGINT, s STRING, c STRING, t STRING")
frame.createOrReplaceTempView("longer")
refuse(spark.sql, "INSERT INTO dev.snippets.short (c) VALUES ('abc')")
refuse(spark.sql, "UPDATE dev.snippets.short SET s = 'abcd'")
refuse(
    spark.sql,
    "MERGE INTO dev.snippets.short t USING longer u ON t.c = u.c WHEN NOT MATCHED THEN INSERT (s) VALUES (u.s)",
)
refuse(frame.drop("id").write.mode("append").saveAsTable, "dev.snippets.short")
refuse(frame.drop("id").write.mode("overwrite").saveAsTable, "dev.snippets.short")
spark.sql("CREATE OR REPLACE TABLE dev.snippets.texts (s VARCHAR(3), n INT)")
refuse(frame.selectExpr("s", "1 AS n").write.mode("overwrite").saveAsTable, "dev.snippets.texts")
spark.table("dev.snippets.texts").withColumnRenamed("s", "u").writeTo("dev.snippets.free").createOrReplace()
spark.sql("INSERT INTO dev.snippets.free VALUES ('abcd', 1)")
spark.sql("ALTER TABLE dev.snippets.texts ADD COLUMN u VARCHAR(1)")
refuse(spark.sql, "INSERT INTO dev.snippets.texts VALUES ('abcd', 1, 'x')")
refuse(
    spark.sql,
    "MERGE INTO dev.snippets.texts t USING longer s ON t.s = s.s WHEN NOT MATCHED THEN INSERT (s) VALUES (s.s)",
)

# %% columns of a table in another one
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.source (id BIGINT GENERATED ALWAYS AS IDENTITY, n INT DEFAULT 7) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"
)
spark.sql("CREATE OR REPLACE TABLE dev.snippets.target AS SELECT * FROM dev.snippets.source")
spark.sql("INSERT INTO dev.snippets.target VALUES (5, 6)")
spark.sql("INSERT INTO dev.snippets.target (id) VALUES (8)")
assert sorted(map(tuple, spark.table("dev.snippets.target").collect())) == [(5, 6), (8, None)]

# %% columns that have been full
frame = spark.createDataFrame([(1,)], "n INT").withColumn("at", F.current_timestamp())
frame = frame.withColumn("s", F.when(F.col("n") > 0, "a").otherwise("b"))
frame.write.mode("append").saveAsTable("dev.snippets.full")
spark.sql("INSERT INTO dev.snippets.full (n) VALUES (2)")
assert tuple(spark.table("dev.snippets.full").filter("n = 2").first()) == (2, None, None)

# %% values with types
spark.sql("CREATE OR REPLACE TABLE dev.snippets.nested (n INT, x ARRAY<STRUCT<s: STRING, q: INT>>, t TIMESTAMP)")
spark.sql(
    "INSERT INTO dev.snippets.nested VALUES (1, array(named_struct('s', 'a', 'q', 1)), TIMESTAMP'2024-01-01 10:00:00'), (2, NULL, '2024-01-02'), (3, array(struct('b', 2)), NULL)"
)
rows = spark.table("dev.snippets.nested").orderBy("n").collect()
assert [row.x and row.x[0].s for row in rows] == ["a", None, "b"] and rows[1].t.day == 2, rows

# %% columns in any case that are renamed
frame = spark.createDataFrame([(1, 2)], "Abc INT, d INT")
assert frame.withColumnRenamed("abc", "x").columns == ["x", "d"]
assert frame.withColumnsRenamed({"ABC": "x", "D": "y", "e": "z"}).columns == ["x", "y"]
assert frame.withColumnsRenamed({"ABC": "x", "x": "y"}).columns == ["y", "d"]
assert frame.withColumnRenamed("e", "z").columns == ["Abc", "d"]

# %% value in a text of JSON
rows = spark.sql("""SELECT '{"page": {"name": "a", "my key": [1, 2]}}' AS tags, struct('{"n": 5}' AS inner) AS s""")
found = rows.selectExpr("tags:page.name", "tags:page['my key'][1]::int AS n", "upper(tags:page.name) AS u", "s.inner:n")
assert found.columns == ["name", "n", "u", "n"], found.columns
assert tuple(found.first()) == ("a", 2, "A", "5")
assert rows.filter("tags:page.name = 'a:b'").count() == 0
assert rows.select(F.expr("tags:page.name").alias("x"), F.expr("CAST(NULL AS STRUCT<a:INT>) AS t")).columns == ["x", "t"]

# %% small integers
rows = spark.sql("SELECT DATE'2024-01-03' AS d, 'aba' AS s")
found = rows.select(F.datediff("d", F.date_sub("d", 2)).alias("n"), F.regexp_count("s", F.lit("a")).alias("m"))
counted = spark.sql("SELECT datediff(d, d - 2) AS n, regexp_count(s, 'a') AS m FROM {rows}", rows=rows)
for frame in (found, counted, rows.selectExpr("date_diff(d, date_sub(d, 2)) AS n", "regexp_count(s, 'a') AS m")):
    assert frame.dtypes == [("n", "int"), ("m", "int")] and tuple(frame.first()) == (2, 2), frame.dtypes

# %% arrays and empty objects of JSON
with open(f"/Volumes/dev/raw/values/arrays.json", "w") as file:
    file.write('[{"a": 1}, {"a": "x"}, {"a": 2}]\n {"a": 3}\n5\n\n[ ]\n')
rows = spark.read.schema("a INT").json(f"/Volumes/dev/raw/values/arrays.json").collect()
assert [row.a for row in rows] == [1, None, 2, 3, None], rows
with open(f"/Volumes/dev/raw/values/empty.json", "w") as file:
    file.write('{"a": 1, "h": {}}\n')
assert [tuple(row) for row in spark.read.json(f"/Volumes/dev/raw/values/empty.json").collect()] == [(1,)]

# %% elements of arrays
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.elements AS SELECT 1 AS i, 'a' AS k, array(5, 6) AS a, array(array(1), array(2, 3)) AS b, map('a', 7) AS m, map(2, 8) AS n"
)
row = spark.sql(
    "SELECT a[i], a[2 - i] AS x, b[i][i], split('p,q', ',') AS parts, parts[size(parts) - 1] AS y, m[k], n[i + 1], "
    "transform(a, (e, j) -> a[1 - j]) AS z, a[nullif(i, 1)] AS none FROM dev.snippets.elements"
).first()
assert tuple(row) == (6, 6, 3, ["p", "q"], "q", 7, 8, [6, 5], None), row
assert row.__fields__[0] == "a[i]", row.__fields__
groups = spark.sql("SELECT collect_list(id)[max(id) - 1] AS v FROM range(3)")
assert groups.first().v in (0, 1, 2)
frame = spark.table("dev.snippets.elements")
row = frame.select(
    F.col("a")[F.col("i")], F.col("a").getItem(F.size("a") - 2), F.expr("a[i]"), F.expr("a[i - 1] AS x"), F.col("m")[F.col("k")],
    F.array(F.lit(1), F.lit(2))[(F.rand() * 2).cast("int")].isin(1, 2),
).first()
assert tuple(row) == (6, 5, 6, 5, 7, True) and row.__fields__[0] == "a[i]" and row.__fields__[2:4] == ["a[i]", "x"], row
assert frame.filter("a[i] = 6").groupBy("k").agg(F.expr("max(a[i]) AS x")).first().x == 6
for place in ("-1", "-i - 1", "i + 1"):
    try:
        spark.sql(f"SELECT a[{place}] FROM dev.snippets.elements").collect()
    except Exception as error:
        assert "out of bounds" in str(error), error
    else:
        raise AssertionError(place)

# %% many values of maps by columns
analyze, requests = spark.client._analyze, []
spark.client._analyze = lambda *values, **named: requests.append(1) or analyze(*values, **named)
try:
    frame = spark.table("dev.snippets.elements")
    for place in range(12):
        frame = frame.withColumn(f"v{place}", F.col("m")[F.col("k")])
    assert frame.first()[-1] == 7
    assert len(requests) < 50, len(requests)
finally:
    spark.client._analyze = analyze

# %% field of the structs in an array
rows = spark.sql("SELECT 1 AS g, array(named_struct('p', 1, 'q', 'x'), NULL) AS items, map('p', 5) AS m, named_struct('inner', array(named_struct('w', 3))) AS s")
row = rows.select(rows.items.q, F.col("items")["p"], F.array_compact("items").getItem("p").alias("n"), rows.s.inner.w, F.col("m")["p"]).first()
assert tuple(row) == (["x", None], [1, None], [1], [3], 5) and row.__fields__[0] == "items.q", row
assert rows.filter(F.array_contains(rows.items.q, "x")).count() == 1
assert rows.groupBy("g").agg(F.collect_list(F.struct("g")).getField("g").alias("v")).first().v == [1]

# %% part of a variant in a frame
frame = spark.sql("""SELECT parse_json(j) AS v, j FROM VALUES ('{"n": 5, "t": "7", "list": [1, 2]}') AS t(j)""")
frame = frame.selectExpr("v:n::int + 1 AS n", "v:t::string", "j:t AS j", "to_json(v:list) AS list", "v").where("v:t::int > 6")
row = frame.withColumn("m", F.expr("v:n").cast("long")).withColumn("v", F.expr("v:n")).first()
assert (tuple(row)[:4], str(row.v), row.m) == ((6, "7", "7", "[1,2]"), "5", 5), row
