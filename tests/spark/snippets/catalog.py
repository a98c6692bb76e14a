# Catalogs, schemas, views and functions.

# %% described by an identifier
assert spark.sql('DESCRIBE IDENTIFIER(concat(:s, ".t"))', {"s": "dev.snippets"}).first().col_name == "n"
spark.range(9).approxQuantile("id", [0.5], 0.1)

# %% membership
spark.sql("CREATE OR REPLACE VIEW dev.snippets.masked AS SELECT CASE WHEN is_member('hr') THEN 1 END AS n")
assert spark.table("dev.snippets.masked").first().n is None
assert spark.sql("SELECT is_account_group_member('users')").first()[0]

# %% variables
spark.sql("DECLARE OR REPLACE VARIABLE day DATE DEFAULT date'2024-01-05' - INTERVAL 1 DAY")
spark.sql("DECLARE n = 5")
spark.sql("SET VAR n = n + (SELECT max(id) FROM range(3))")
assert spark.sql("SELECT day, session.n, (SELECT max(n) FROM VALUES (1) AS t(n)) AS m").first()[1:] == (7, 1)
spark.sql("CREATE OR REPLACE TABLE dev.snippets.v AS SELECT n AS m FROM range(1)")
spark.sql("SET VAR (n, day) = (SELECT m, current_date() FROM dev.snippets.v WHERE m = n)")
assert spark.sql("EXECUTE IMMEDIATE 'SELECT id FROM range(?)' USING n").count() == 7
assert spark.sql("EXECUTE IMMEDIATE 'SELECT :a + n AS b' USING (3 AS a)").first().b == 10
spark.sql("DECLARE name STRING DEFAULT 'dev.snippets.v'")
assert spark.sql("SELECT * FROM IDENTIFIER(name)").first().m == 7
spark.sql("DROP TEMPORARY VARIABLE n")
spark.sql("SET VAR day = '2024-02-01'")
spark.sql("DECLARE total BIGINT")
spark.sql("EXECUTE IMMEDIATE 'SELECT 5' INTO total")
assert spark.sql("SELECT day, total").dtypes == [("day", "date"), ("total", "bigint")]
try:
    spark.sql("SET VAR missing = 1")
except Exception as error:
    assert "[UNRESOLVED_VARIABLE]" in str(error), error
else:
    raise AssertionError

# %% schema named like a catalog
spark.sql("CREATE SCHEMA IF NOT EXISTS samples")
spark.range(2).write.saveAsTable("samples.own")
spark.sql("MERGE INTO samples.own t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE")
assert spark.table("main.samples.own").count() == 1 and spark.catalog.tableExists("samples.own")
assert spark.sql("SHOW TABLES IN samples").first().tableName == "own"
spark.sql("USE samples")
spark.sql("USE default")
spark.sql("DROP SCHEMA samples CASCADE")

# %% use texts
spark.sql("USE CATALOG 'dev'")
spark.sql("USE IDENTIFIER('snippets')")
spark.table("saved").collect()
spark.sql("USE main.default")

# %% names that are used
def read_current():
    return tuple(spark.sql("SELECT current_catalog(), current_schema()").first())


for statement, current in {
    "USE SCHEMA dev.new1": ("dev", "new1"),
    "USE new2": ("dev", "new2"),
    "USE CATALOG main": ("main", "default"),
    "USE dev.new3;": ("dev", "new3"),
    "SET CATALOG main": ("main", "default"),
    "USE IDENTIFIER('dev.' || '`new-4`')": ("dev", "`new-4`"),
    "USE CATALOG 'main';": ("main", "default"),
    "USE CATALOG system": ("system", "default"),
    "USE CATALOG `main`": ("main", "default"),
}.items():
    spark.sql(statement)
    assert read_current() == current, (statement, read_current())
spark.sql("USE dev.`new-4`")
spark.sql("CREATE CATALOG " + "other_while_used")
assert read_current() == ("dev", "`new-4`")
spark.sql("CREATE VOLUME files")
assert spark.sql("SHOW VOLUMES").collect() == [("new-4", "files")]
assert spark.sql("SHOW SCHEMAS IN dev LIKE 'new-*'").collect() == [("new-4",)]
spark.sql("CREATE TABLE t AS SELECT 1 AS n")
query = "SELECT table_schema FROM dev.information_schema.tables WHERE table_name = 't'"
assert ("new-4",) in spark.sql(query).collect()
spark.sql("USE CATALOG main")
spark.sql("CREATE VIEW dev.new5.v AS SELECT 1 AS stream")
spark.sql("CREATE SCHEMA IDENTIFIER('dev' || '.new6')")
spark.sql("-- daily\nCREATE OR REFRESH STREAMING TABLE dev.new6.t AS SELECT * FROM STREAM(dev.new5.v)")
spark.sql("create materialized view if not exists dev.new6.m as select stream from stream dev.new6.t")
assert spark.table("dev.new6.m").collect() == [(1,)]
spark.sql("drop materialized view if exists dev.new6.m")
assert not spark.catalog.tableExists("dev.new6.m")
spark.sql("CREATE TABLE dev.new6.named (a STRING COMMENT 'The identifier (part of a key).')")
spark.sql("INSERT INTO dev.new6.named /* identifier (1) */ VALUES ('it''s identifier (1)') -- identifier (2)")
assert spark.table("dev.new6.named").first().a == "it's identifier (1)"

# %% volumes
spark.sql("CREATE VOLUME IF NOT EXISTS dev.`made`.files COMMENT 'x'")
spark.sql("CREATE VOLUME made")
assert dbutils.fs.ls("/Volumes/dev/made/files") == dbutils.fs.ls("/Volumes/main/default/made") == []
for name in ("b.csv", "a.csv"):
    dbutils.fs.put(f"/Volumes/dev/made/files/{name}", "id")
listed = spark.sql("LIST '/Volumes/dev/made/files/'")
assert listed.select("path", "name", "size").first() == ("/Volumes/dev/made/files/a.csv", "a.csv", 2)
assert listed.first().modification_time.year > 2020
assert spark.sql("LIST '/Volumes/dev/made/files' LIMIT 1").count() == 1
assert spark.sql("SHOW VOLUMES IN dev.made").collect() == [("made", "files")]
spark.sql("DROP VOLUME IF EXISTS dev.made.files")
assert spark.sql("SHOW VOLUMES IN dev.made").collect() == []

# %% commands that change no result
for statement in (
    "-- why\nANALYZE TABLE dev.snippets.t COMPUTE STATISTICS",
    "CACHE LAZY TABLE dev.snippets.t",
    "ALTER TABLE dev.snippets.t SET OWNER TO `me`",
    "COMMENT ON TABLE dev.snippets.t IS 'x'",
    "ALTER TABLE dev.snippets.t SET TAGS ('a' = 'b')",
    "ALTER TABLE dev.snippets.t SET ROW FILTER f ON (a)",
    "ALTER SCHEMA dev.snippets SET DBPROPERTIES ('a' = 'b')",
    "ALTER MATERIALIZED VIEW dev.snippets.m ALTER COLUMN n COMMENT 'x'",
    "ALTER STREAMING TABLE dev.snippets.streamed ADD SCHEDULE EVERY 1 HOUR",
    "SET TIME ZONE 'UTC'",
    "CREATE CATALOG IF NOT EXISTS dev",
):
    spark.sql(statement).collect()

# %% descriptions
for text in ("dev.snippets.t", "TABLE dev.snippets.t", "`dev`.snippets.t", "EXTENDED dev.snippets.t", "SELECT 1\nAS n"):
    for word in ("DESCRIBE", "desc"):
        assert spark.sql(f"{word} {text}").first().col_name == "n", text
assert spark.sql("SHOW USER FUNCTIONS IN dev.snippets").columns == ["function"]

# %% catalog with a name of the run
for name in ("dropped", "replaced"):
    spark.range(1).createOrReplaceTempView(name)
    spark.range(1).createOrReplaceGlobalTempView(name)
spark.catalog.dropTempView("dropped")
spark.sql("DROP VIEW global_temp.dropped")
spark.range(2).createOrReplaceTempView("replaced")
spark.range(3).createOrReplaceTempView("kept")
spark.range(1).write.saveAsTable("dev.snippets.staged")
spark.sql("CREATE TABLE dev.snippets.filled_part (id LONG, n INT)")
spark.table("dev.snippets.staged").write.mode("append").saveAsTable("dev.snippets.filled_part")
spark.sql("DROP TABLE dev.snippets.staged")
spark.udf.register("kept_too", lambda n: n, "long")
spark.conf.set("spark.snippets.unset", "1")
spark.conf.unset("spark.snippets.unset")
name = "env" + "_" + "sales"
try:
    spark.sql("CREATE TEMPORARY VIEW failed AS SELECT * FROM no_function(1)")
except Exception as error:
    assert "no_function" in str(error), error
else:
    raise AssertionError
spark.sql(f"CREATE CATALOG IF NOT EXISTS {name}")
spark.sql(f"USE CATALOG {name}")
spark.sql("CREATE SCHEMA IF NOT EXISTS gold")
spark.sql("CREATE TABLE gold.t AS SELECT kept_too(id) AS id FROM kept")
spark.catalog.setCurrentCatalog("main")
assert spark.table(f"{name}.gold.t").count() == 3
assert spark.table("dev.snippets.saved").count() > 0
spark.sql("USE CATALOG system")
spark.range(1).write.saveAsTable("env" + "_other.gold.t")
spark.sql("USE CATALOG main")
assert spark.table(f"{name}.gold.t").count() == 3
assert not spark.catalog.tableExists("dropped") and not spark.catalog.tableExists("global_temp.dropped")
assert spark.conf.get("spark.snippets.unset", "none") == "none"
assert spark.table("replaced").count() == 2 and spark.table("global_temp.replaced").count() == 1
try:
    spark.sql(f"DROP CATALOG {name}")
    raise AssertionError
except ValueError as error:
    assert "Write CASCADE to drop the catalog env_sales with its schemas: gold." in str(error), error
spark.sql(f"DROP CATALOG IF EXISTS {name} CASCADE")
assert spark.sql(f"SHOW SCHEMAS IN {name}").collect() == []
spark.sql(f"USE CATALOG {name}")
spark.sql("CREATE TABLE t AS SELECT 1 AS n")
spark.catalog.setCurrentCatalog("main")

# %% functions
spark.sql("CREATE OR REPLACE FUNCTION dev.snippets.twice(n INT) RETURNS INT RETURN n * 2")
spark.sql("CREATE OR REPLACE FUNCTION dev.snippets.plus(n INT) RETURNS INT LANGUAGE PYTHON AS $$\n  return n + 1\n$$")
row = spark.sql("SELECT dev.snippets.twice(dev.snippets.plus(id::int)) FROM range(3) WHERE id = 2").first()
assert row[0] == 6, row
described = spark.sql("DESCRIBE FUNCTION dev.snippets.twice").collect()
assert described[0].function_desc == "Function: dev.snippets.twice", described
spark.sql("USE dev.snippets")
spark.sql("CREATE FUNCTION dev.snippets.sum2(a INT, b INT DEFAULT 3) RETURNS INT RETURN a + b")
spark.sql("CREATE FUNCTION more(a INT) RETURNS INT RETURN dev.snippets.sum2(a) * 2")
spark.sql("CREATE TEMPORARY FUNCTION best() RETURNS INT RETURN (SELECT max(n) FROM VALUES (7) AS t(n))")
spark.sql("CREATE FUNCTION pairs(a INT) RETURNS TABLE (x INT) RETURN SELECT a AS x")
row = spark.sql("SELECT sum2(1, x), sum2(a => 1), more(5), best(), snippets.plus(x) FROM pairs(2) p").first()
assert tuple(row) == (3, 4, 16, 7, 3), row
spark.sql("CREATE FUNCTION ids(id INT) RETURNS TABLE (id INT, `two x` STRING) RETURN SELECT id, id * 2 FROM range(3)")
assert spark.sql("SELECT `two x` FROM ids(2)").collect() == [("4",)] * 3
assert spark.sql("SELECT b FROM ids(1) AS t(a, b)").columns == ["b"]
called = spark.sql("SELECT r.id, p.x FROM range(2) r, LATERAL pairs(CAST(r.id AS INT)) p")
assert sorted(called.collect()) == [(0, 0), (1, 1)]
shown = [each.function for each in spark.sql("SHOW USER FUNCTIONS IN dev.snippets").collect()]
assert {"dev.snippets.twice", "dev.snippets.more", "dev.snippets.best"} <= set(shown), shown
assert spark.sql("SHOW FUNCTIONS LIKE 'twi*'").collect() == [("dev.snippets.twice",)]
assert spark.sql("SHOW USER FUNCTIONS IN dev.other LIKE 'twice'").count() == 0
for statement, remedy in {
    "SELECT sum2()": "needs the argument a. Give it a value",
    "CREATE FUNCTION f(a INT) RETURNS INT LANGUAGE SCALA RETURN a": "no functions in SCALA. Write it in SQL or Python",
}.items():
    try:
        spark.sql(statement)
    except Exception as error:
        assert remedy in str(error), error
    else:
        raise AssertionError(statement)
spark.sql("USE main.default")

# %% information schema
query = (
    "SELECT column_name FROM dev.information_schema.columns WHERE table_schema = 'snippets' AND table_name = 'named'"
)
assert spark.sql(query).count() == 4
query = "SELECT * FROM IDENTIFIER(:catalog || '.information_schema.columns') WHERE table_name = 'named'"
assert spark.sql(query, args={"catalog": "dev"}).filter("table_schema = 'snippets'").count() == 4
assert spark.sql("SHOW SCHEMAS IN dev").filter("databaseName = 'snippets'").count() == 1

# %% information schema with comments and times
wide = ", ".join(f"c{each} INT" for each in range(12))
spark.sql(f"CREATE TABLE dev.snippets.wide (k INT COMMENT 'key', {wide}) COMMENT 'of many columns'")
where = "WHERE table_schema = 'snippets' AND table_name = 'wide'"
row = spark.sql(f"SELECT * FROM dev.information_schema.tables {where} AND created <= last_altered").first()
assert row.comment == "of many columns" and row.storage_path.startswith("file:/"), row
rows = spark.sql(f"SELECT column_name, comment FROM dev.information_schema.columns {where} ORDER BY ordinal_position")
assert [tuple(each) for each in rows.collect()][::11] == [("k", "key"), ("c10", None)], rows.collect()

# %% information schema beside a view of a dropped table
spark.sql("CREATE TABLE dev.snippets.gone (a INT)")
spark.sql("CREATE VIEW dev.snippets.broken AS SELECT a FROM dev.snippets.gone")
spark.sql("DROP TABLE dev.snippets.gone")
spark.sql("CREATE TABLE dev.snippets.kept (a INT NOT NULL)")
rows = spark.sql("SELECT is_nullable FROM dev.information_schema.columns WHERE table_name = 'kept'").collect()
assert [row[0] for row in rows] == ["NO"], rows

# %% columns of a table
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.c COMMENT 'all' TBLPROPERTIES ('shop.kind' = 'x') AS SELECT 1 AS a, 'x' AS b, 2 AS c"
)
assert tuple(spark.sql("SHOW TBLPROPERTIES dev.snippets.c ('shop.kind')").first()) == ("shop.kind", "x")
assert spark.sql("DESCRIBE DETAIL dev.snippets.c").first().description == "all"
for change in ("a COMMENT 'first'", "a SET NOT NULL", "b SET NOT NULL", "b DROP NOT NULL"):
    spark.sql(f"ALTER TABLE dev.snippets.c ALTER COLUMN {change}")
rows = [("a", "int", "first"), ("b", "string", None), ("c", "int", None)]
assert list(map(tuple, spark.sql("DESCRIBE dev.snippets.c").collect())) == rows
assert list(map(tuple, spark.sql("DESC TABLE dev.snippets.c a").collect())) == [
    ("col_name", "a"),
    ("data_type", "int"),
    ("comment", "first"),
]
spark.sql("INSERT INTO dev.snippets.c VALUES (3, NULL, 4)")
assert list(map(tuple, spark.sql("SELECT * FROM dev.snippets.c WHERE a = 3").collect())) == [(3, None, 4)]
for statement in (
    "INSERT INTO dev.snippets.c VALUES (NULL, NULL, 5)",
    "ALTER TABLE dev.snippets.c ALTER COLUMN b SET NOT NULL",
):
    try:
        spark.sql(statement)
    except Exception as error:
        assert "NULL" in str(error)
    else:
        raise AssertionError(statement)
spark.range(1).write.format("delta").save("/Volumes/dev/raw/in/described")
spark.sql("CREATE TABLE dev.snippets.described LOCATION '/Volumes/dev/raw/in/described'")
assert spark.sql("DESCRIBE dev.snippets.described").first().col_name == "id"

# %% view of the name of a table
from pyspark.errors import AnalysisException

try:
    spark.sql("CREATE OR REPLACE VIEW dev.snippets.saved AS SELECT 5 AS n")
except AnalysisException as error:
    assert "Drop it first, with DROP TABLE dev.snippets.saved" in str(error)
else:
    raise AssertionError

# %% entries of the catalog
spark.sql("CREATE TABLE dev.snippets.known (a INT COMMENT 'b', b STRING NOT NULL, p DATE) PARTITIONED BY (p)")
known = spark.catalog.listColumns("dev.snippets.known")
spark.sql("ALTER TABLE dev.snippets.known ALTER COLUMN a COMMENT 'c'")
spark.sql("ALTER TABLE dev.snippets.known ALTER COLUMN a COMMENT 'b'")
assert spark.catalog.listColumns("dev.snippets.known") == known
described = [(each.name, each.description, each.nullable, each.isPartition) for each in known]
assert described == [("a", "b", True, False), ("b", None, False, False), ("p", None, True, True)]
spark.range(1).createOrReplaceTempView("numbers")
assert [each.name for each in spark.catalog.listColumns("numbers")] == ["id"]
spark.catalog.dropTempView("numbers")

# %% partitions of a table
rows = spark.createDataFrame([(1, "b"), (2, "a"), (3, "a")], "n INT, p STRING")
rows.write.partitionBy("p").saveAsTable("dev.snippets.divided")
assert [tuple(row) for row in spark.sql("SHOW PARTITIONS dev.snippets.divided").collect()] == [("a",), ("b",)]
try:
    spark.sql("SHOW PARTITIONS dev.snippets.saved")
except Exception as error:
    assert "has no partitions" in str(error), error
else:
    raise AssertionError

# %% value of a setting
spark.sql("SET spark.snippets.day = 'monday'")
assert spark.sql("SET spark.snippets.day").first() == ("spark.snippets.day", "monday")
assert spark.sql("SET spark.snippets.none").first().value == "<undefined>"

# %% lists as Databricks has them
def list_rows(text):
    return [tuple(row) for row in spark.sql(text).collect()]


spark.sql("CREATE SCHEMA dev.shown")
spark.sql("CREATE TABLE dev.shown.day (id INT COMMENT 'key', name STRING) TBLPROPERTIES ('a' = 'b')")
spark.sql("CREATE VIEW dev.shown.night AS SELECT 1 AS n")
spark.sql("CREATE VOLUME dev.shown.files")
assert spark.sql("show schemas in dev like 'x|SHO%'").toPandas().to_dict("list") == {"databaseName": ["shown"]}
assert ("dev",) in list_rows("SHOW CATALOGS LIKE 'd*'")
assert list_rows("SHOW TABLES FROM dev.shown 'd*';") == [("shown", "day", False)]
assert [row[1:] for row in list_rows("SHOW VIEWS IN dev.shown LIKE 'n*'")] == [("night", False, False)]
assert list_rows("SHOW COLUMNS IN day FROM dev.shown") == [("id",), ("name",)]
assert spark.sql("SHOW COLUMNS IN dev.shown.day").columns == ["col_name"]
assert list_rows("-- all\nSHOW /* own */ VOLUMES IN dev.shown") == [("shown", "files")]
assert spark.sql("SHOW VOLUMES").columns == ["database", "volume_name"]
volume = spark.sql("DESCRIBE VOLUME dev.shown.files").first().asDict()
assert volume["storageLocation"] == "/Volumes/dev/shown/files" and volume["volumeType"] == "MANAGED", volume
assert list_rows("DESC QUERY SELECT 1 AS n") == [("n", "int", None)]
assert list_rows("DESCRIBE TABLE dev.shown.day ID")[1:] == [("data_type", "int"), ("comment", "key")]
rows = list_rows("DESC FORMATTED dev.shown.day")
assert rows[0] == ("id", "int", "key") and ("# Detailed Table Information", "", "") in rows, rows
assert list_rows("SHOW GRANTS ON TABLE dev.shown.day") == []
assert "(\n  id INT,\n  name STRING)" in list_rows("SHOW CREATE TABLE dev.shown.day")[0][0]
assert spark.sql("DESCRIBE SCHEMA EXTENDED dev.shown").count() > 1 and spark.sql("SHOW FUNCTIONS").count() > 9
assert spark.sql("DESCRIBE CATALOG dev").first().info_value == "dev"
try:
    spark.sql("DESCRIBE VOLUME dev.shown.none")
except Exception as error:
    assert "There is no volume dev.shown.none. Create it" in str(error), error
else:
    raise AssertionError

# %% table of a query in a folder
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.placed USING DELTA PARTITIONED BY (k) COMMENT 'one' "
    "LOCATION '/Volumes/dev/raw/placed' TBLPROPERTIES ('team' = 'a') AS SELECT 1 AS id, 'x' AS k"
)
detail = spark.sql("DESCRIBE DETAIL dev.snippets.placed").first()
assert detail.location.endswith("/dev/raw/placed") and detail.partitionColumns == ["k"], detail
assert (detail.description, detail.properties["team"]) == ("one", "a"), detail

# %% information schema of all catalogs
for view, column in (("catalogs", "catalog_name"), ("schemata", "catalog_name"), ("views", "table_catalog")):
    spark.sql("CREATE OR REPLACE VIEW dev.snippets.viewed AS SELECT 1 AS n")
    rows = spark.sql(f"SELECT {column} FROM system.information_schema.{view}").collect()
    assert ("dev",) in map(tuple, rows), (view, rows)

# %% information schema of keys, tags and privileges
query = (
    "SELECT c.table_name, k.column_name FROM dev.information_schema.table_constraints c "
    "JOIN dev.information_schema.key_column_usage k USING (constraint_name) WHERE c.constraint_type = 'PRIMARY KEY'"
)
assert spark.sql(query).columns == ["table_name", "column_name"] and not spark.sql(query).collect()
assert spark.sql("SELECT tag_value FROM system.information_schema.table_tags WHERE tag_name = 'pii'").count() == 0

# %% information schema of functions
spark.sql("USE CATALOG dev")
spark.sql("USE SCHEMA snippets")
spark.sql("CREATE OR REPLACE FUNCTION routine_sold(n INT) RETURNS TABLE (a INT) RETURN SELECT n")
spark.sql("CREATE OR REPLACE FUNCTION dev.snippets.routine_up(s STRING) RETURNS STRING LANGUAGE PYTHON AS $$\nreturn s.upper()\n$$")
query = (
    "SELECT routine_name, data_type, routine_body, external_language FROM DEV.information_schema.routines "
    "WHERE routine_schema = 'snippets' AND routine_type = 'FUNCTION' AND routine_name LIKE 'routine_%' ORDER BY 1"
)
rows = [("routine_sold", "TABLE_TYPE", "SQL", None), ("routine_up", "STRING", "EXTERNAL", "PYTHON")]
assert [tuple(each) for each in spark.sql(query).collect()] == rows
assert spark.sql("SELECT * FROM main.information_schema.routines WHERE specific_name LIKE 'routine_%'").count() == 0

# %% temporary function that is dropped
spark.sql("CREATE TEMPORARY FUNCTION passing(n INT) RETURNS INT RETURN n + 1")
assert spark.sql("SELECT passing(1)").first()[0] == 2
spark.sql("DROP TEMPORARY FUNCTION passing")
