# Functions, types and values.

# %% doubled quotes
spark.sql(
    "CREATE OR REPLACE TABLE dev.snippets.quotes (a STRING COMMENT 'it''s') COMMENT 'b''c' TBLPROPERTIES ('a' = 'b''c')"
)
spark.sql("INSERT INTO dev.snippets.quotes VALUES ('it''s'), ('')")
query = "SELECT a FROM dev.snippets.quotes WHERE a = 'it''s'"
assert spark.sql(query).first().a == "it's"

# %% quotes in expressions
frame = spark.sql("SELECT 'it''s' AS a")
assert frame.filter("a = 'it''s'").selectExpr("concat(a, '''')").first()[0] == "it's'"
assert frame.select(F.expr("'a''b'")).first()[0] == "a'b"

# %% lengths below zero
query = "SELECT left(a, instr(a, '@') - 1) AS n, split(a, '') AS c FROM VALUES ('ab') AS t(a)"
assert spark.sql(query).first()[:] == ("", ["a", "b"])
frame = spark.createDataFrame([("ab", -1)], ["a", "n"])
row = frame.select(F.left("a", "n"), F.right("a", F.lit(1)), F.split("a", ""), F.split("a", "b")).first()
assert row[:] == ("", "b", ["a", "b"], ["a", ""]), row

# %% numbers in place of texts
spark.createDataFrame([(121,)], "n int").createOrReplaceTempView("numbers")
row = spark.sql("SELECT trim(n), initcap(n), split(n, '2'), instr(n, '2') FROM numbers").first()
assert row[:] == ("121", "121", ["1", "1"], 2), row
row = spark.table("numbers").select(F.trim("n"), F.col("n").rlike("^1"), F.initcap("n"), F.expr("ltrim(n)")).first()
assert row[:] == ("121", True, "121", "121"), row
assert spark.range(5, 6).select(F.conv("id", 10, 2)).first()[:] == ("101",)
assert spark.sql("SELECT regexp_like(n, '^1'), levenshtein(n, '12') FROM numbers").first()[:] == (True, 1)
assert spark.table("numbers").select(F.trim("n")).columns == ["trim(n)"]

# %% last days
query = (
    "SELECT d, sum(n) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS s "
    "FROM VALUES (DATE'2024-03-01', 1), (DATE'2024-03-02', 2), (DATE'2024-03-10', 4) AS t(d, n)"
)
frame = spark.sql(query)
assert [row.s for row in frame.orderBy("d").collect()] == [1, 3, 4]
days = spark.sql(query.replace("INTERVAL 1 DAY", "1"))
assert [row.s for row in days.orderBy("d").collect()] == [1, 3, 4]
assert frame.orderBy("d").select(F.weekday("d"), F.expr("weekday(d)")).collect()[2][:] == (6, 6)

# %% words, days and numbers
names = spark.sql(
    "SELECT initcap(a) AS a, count(*) AS n FROM VALUES ('o''brien anne-marie'), (NULL) AS t(a) GROUP BY initcap(a)"
)
assert {row.a for row in names.collect()} == {"O'brien Anne-marie", None}
row = spark.sql(
    "SELECT to_timestamp(1704449730) = TIMESTAMP'2024-01-05 10:15:30' AS a, typeof(nvl(10.5BD, 0)) AS b, decode(2, 1, 'x', 2, 'y') AS c"
).first()
assert tuple(row) == (True, "decimal(11,1)", "y"), row
row = spark.sql(
    "SELECT extract(DOW FROM DATE'2024-01-07'), datediff(DAY, TIMESTAMP'2024-01-01 12:00:00', TIMESTAMP'2024-01-02 11:00:00')"
).first()
assert tuple(row) == (1, 0), row
frame = spark.sql("SELECT 'a-b c' AS a, DATE'2024-01-05' AS d, 1704449730 AS n, 1.5BD AS x")
frame = frame.select(
    F.initcap("a").alias("a"),
    F.date_trunc("month", "d").alias("d"),
    F.to_timestamp("n").alias("n"),
    F.nvl("x", F.lit(0)).alias("x"),
)
assert [kind for _, kind in frame.dtypes] == ["string", "timestamp", "timestamp", "decimal(11,1)"], frame.dtypes
assert (frame.first().a, frame.first().n.year) == ("A-b C", 2024)

# %% windows over groups
query = (
    "SELECT id % 2 = 0 AS even, sum(sum(id)) OVER (ORDER BY id % 2 = 0) AS s FROM range(4) GROUP BY {} ORDER BY even"
)
assert [[row.s for row in spark.sql(query.format(keys)).collect()] for keys in ("ALL", "1")] == [[4, 6]] * 2

# %% groups by their aggregates
rows = "FROM VALUES ('a', 1), ('a', 2), ('b', 5), ('c', -1) AS t(k, n) GROUP BY k"
query = f"SELECT k, sum(n) AS n {rows} HAVING sum(n) > 0 ORDER BY count(*) DESC"
assert [row[:] for row in spark.sql(query).collect()] == [("a", 3), ("b", 5)]
assert [row.k for row in spark.sql(f"SELECT k {rows} ORDER BY sum(n)").collect()] == ["c", "a", "b"]
top = spark.sql(f"SELECT count(*) AS c FROM (SELECT k, avg(n) {rows} ORDER BY round(avg(n), 2) DESC LIMIT 2)")
assert top.first().c == 2
most = spark.sql(f"SELECT k, count(k) {rows} ORDER BY count(k) DESC LIMIT 1")
assert (most.columns, most.first()[:]) == (["k", "count(k)"], ("a", 2))

# %% groups by times
query = "SELECT window(t, '1 hour') AS w, count(*) AS n FROM VALUES (TIMESTAMP'2024-01-01 10:10:00') AS v(t) GROUP BY {}"
for keys in ("w", "1", "ALL"):
    row = spark.sql(f"{query.format(keys)} HAVING count(*) > 0 ORDER BY w.start").first()
    assert (row.w.start.hour, row.w.end.hour, row.n) == (10, 11, 1), row

# %% numbers in texts
rows = spark.createDataFrame([("1", 2), ("4", 2)], "s STRING, n INT")
rows.createOrReplaceTempView("texts")
query = "SELECT avg(s), sum(s), median(s), percentile(s, 0.5), max(power(s, n)), avg('3'), max(floor(texts.S)) FROM texts"
assert spark.sql(query).first()[:] == (2.5, 5, 2.5, 2.5, 16, 3, 4)
assert spark.sql("SELECT s FROM texts GROUP BY s HAVING avg(s) > 2").collect() == [("4",)]
found = rows.agg(F.median("s"), F.stddev_pop("s"), F.corr("s", "n"), F.sum("s"), F.expr("var_pop(s)"))
assert found.first()[:2] == (2.5, 1.5) and found.columns[0] == "median(s)"
assert rows.select(F.pow("s", F.lit(2))).columns == ["POWER(s, 2)"]

# %% statistics
frame = spark.range(5)
names = [row[0] for row in frame.describe().collect()]
assert names == ["count", "mean", "stddev", "min", "max"], names
assert [row[0] for row in frame.summary("max", "min").collect()] == ["max", "min"]
frame = spark.createDataFrame([(1, "5"), (2, "7"), (3, "x")], "n INT, s STRING")
assert frame.summary("75%", "count", "10%").collect() == [("75%", "3", "7.0"), ("count", "3", "3"), ("10%", "1", "5.0")]

# %% halves
row = spark.sql("SELECT 2.5 AS x").select(F.bround("x"), F.rint("x"), F.expr("bround(x)"), F.expr("rint(x)"))
assert row.first()[:] == (2, 2, 2, 2), row.first()

# %% buckets
spark.range(2).write.format("parquet").bucketBy(2, "id").sortBy("id").saveAsTable("dev.snippets.buckets")

# %% columns except
spark.sql("CREATE OR REPLACE TEMP VIEW pairs AS SELECT 1 AS n, 2 AS m, '{\"a\": 3}' AS j")
row = spark.sql(
    "SELECT * EXCEPT (j), m + 1 AS p, p * 2 AS q, j:a::int AS a FROM pairs QUALIFY row_number() OVER (ORDER BY n) = 1"
).first()
assert tuple(row) == (1, 2, 3, 6, 3), row
assert spark.table("pairs").selectExpr("* except(M, `j`)", "m + 1 AS j").first().asDict() == {"n": 1, "j": 3}

# %% fields of JSON
open("/Volumes/dev/raw/in/fields.json", "w").write('{"z": 1, "a": {"y": 2, "b": []}, "n": null}\n')
frame = spark.read.json("/Volumes/dev/raw/in/fields.json")
assert frame.dtypes == [("a", "struct<b:array<string>,y:bigint>"), ("n", "string"), ("z", "bigint")], frame.dtypes
assert frame.select("a.y", "_metadata.file_name").first()[:] == (2, "fields.json")

# %% several percentiles
row = spark.sql(
    "SELECT approx_percentile(id, array(0.25, 0.5, 1.0)) AS a, percentile_approx(id, 0.5, 100) AS b FROM range(5)"
).first()
assert (list(row.a), row.b) == ([1, 2, 4], 2), row
days = spark.sql("SELECT percentile_approx(day, 0.9) AS day FROM VALUES (DATE '2025-01-31'), (NULL) AS t(day)")
assert (days.dtypes, str(days.first().day)) == ([("day", "date")], "2025-01-31")
assert spark.range(4).agg(F.percentile_approx("id", [0.5, 1.0])).first()[0] == [1, 3]
assert spark.range(4).approxQuantile("id", [0.5], 0.0) == [1.0]
assert spark.range(0).approxQuantile(["id"], [0.5, 1], 0.0) == [[]]
from pyspark.sql import Window

assert spark.range(3).select(F.percentile_approx("id", 0.5).over(Window.partitionBy())).first()[0] == 1

# %% hash of a plan
(first, same, other) = (spark.range(each).semanticHash() for each in (4, 4, 5))
assert first == same != other

# %% time zone of the session
import datetime, time

spark.conf.set("spark.sql.session.timeZone", "America/New_York")
spark.sql("SET spark.sql.session.timeZone = Asia/Tokyo")
row = spark.sql(
    "SELECT hour(a), string(a), to_date(a), a FROM (SELECT CAST('2024-07-01 22:30:00' AS TIMESTAMP) AS a)"
).first()
assert tuple(row) == (22, "2024-07-01 22:30:00", datetime.date(2024, 7, 1), datetime.datetime(2024, 7, 1, 22, 30)), row
assert (spark.conf.get("spark.sql.session.timeZone"), time.tzname[0]) == ("UTC", "UTC")

# %% part of a variant
row = spark.sql(
    'SELECT to_json(v:a) AS a, v:a.b::int AS b, v:[\'c d\']::int AS c FROM (SELECT parse_json(\'{"a": {"b": 3}, "c d": 4}\') AS v)'
).first()
assert tuple(row) == ('{"b":3}', 3, 4), row
spark.sql(
    "CREATE OR REPLACE TEMP VIEW parts AS SELECT parse_json(v) AS v, v AS j FROM VALUES"
    """ ('{"n": 5, "t": "7", "day": "2024-01-02", "list": [1, 2], "null": null}') AS parts(v)"""
)
query = "SELECT v:n::string, v:list::string, v:null::string, v:t::int, v:day::date, v:list::array<int>, v:n::double FROM parts"
assert tuple(spark.sql(query).first()) == ("5", "[1,2]", None, 7, datetime.date(2024, 1, 2), [1, 2], 5.0)
query = "SELECT e FROM parts a JOIN parts b ON a.j:n = b.j:n LATERAL VIEW explode(b.v:list::array<int>) x AS e"
assert spark.sql(query).collect() == [(1,), (2,)]
assert spark.sql("SELECT pos FROM parts, LATERAL variant_explode(v:list)").count() == 2

# %% patterns
row = spark.sql("SELECT 'abc' LIKE ANY ('x%', 'a%'), 'abc' LIKE ALL ('x%', 'a%'), 'abc' NOT ILIKE ANY ('A%')").first()
assert tuple(row) == (True, False, False), row

# %% lists of objects
assert spark.sql("SHOW CATALOGS").columns == ["catalog"]
spark.sql("CREATE OR REPLACE VIEW dev.snippets.shown AS SELECT 1 AS n")
row = spark.sql("SHOW VIEWS IN dev.snippets LIKE 'shown'").first()
assert (row.namespace, row.viewName, row.isTemporary) == ("snippets", "shown", False)
spark.sql("CREATE OR REPLACE FUNCTION dev.snippets.gone(n INT) RETURNS INT RETURN n")
spark.sql("USE dev.snippets")
spark.sql("DROP FUNCTION IF EXISTS gone")
spark.sql("USE main.default")

# %% times in JSON
from datetime import datetime

texts = [
    ('{"timestamp": "2024-03-01T10:00:00Z", "a": [{"t": "2024-03-01T10:00:00.5+01:00"}]}',),
    ('{"timestamp": "oops"}',),
    ("no JSON",),
]
frame = spark.createDataFrame(texts, ["j"])
kind = "timestamp TIMESTAMP, a ARRAY<STRUCT<t: TIMESTAMP>>"
for parsed in (
    F.from_json("j", kind),
    F.from_json("j", spark.createDataFrame([], kind).schema),
    F.expr(f"from_json(j, '{kind}')"),
):
    rows = [row.p for row in frame.select(parsed.alias("p")).collect()]
    assert rows[0].timestamp == datetime(2024, 3, 1, 10) and rows[0].a[0].t == datetime(2024, 3, 1, 9, 0, 0, 500000), (
        rows
    )
    assert rows[1].timestamp is None and (rows[2] is None or rows[2].timestamp is None), rows

# %% lists over windows
rows = "FROM VALUES (1, 1), (NULL, 2), (3, 3) AS t(a, b)"
frame = spark.sql(
    f"SELECT b, collect_list(a) OVER (ORDER BY b) AS s, array_agg(a) OVER w AS f {rows} WINDOW w AS (ORDER BY b)"
)
assert [tuple(row) for row in frame.orderBy("b").collect()] == [(1, [1], [1]), (2, [1], [1]), (3, [1, 3], [1, 3])]
frame = spark.sql(f"SELECT * {rows}").select("b", F.collect_list("a").over(Window.orderBy("b")).alias("s")).orderBy("b")
assert [row.s for row in frame.collect()] == [[1], [1], [1, 3]]

# %% days of the week and between times
row = spark.sql(
    "SELECT DATE'2024-01-07' AS d, TIMESTAMP'2024-01-01 12:00:00' AS s, TIMESTAMP'2024-01-02 11:00:00' AS e"
)
row = row.select(
    F.date_part(F.lit("dow"), "d"),
    F.extract(F.lit("year"), "d"),
    F.timestamp_diff("DAY", "s", "e"),
    F.timestamp_diff("HOUR", "s", "e"),
).first()
assert row[:] == (1, 2024, 0, 23), row

# %% arrays with and without NULL
frame = spark.createDataFrame([([1, 2],)], "a ARRAY<INT>")
frame = frame.selectExpr("a", "array_except(a, array(1)) AS b", "array_except(a, array(2L)) AS c")
assert tuple(frame.select("b", "c", F.array_except("a", F.array(F.lit(1)))).first()) == ([2], [1], [2])

# %% names of paths
frame = spark.sql("SELECT j:a, j:a.b::int, j:c[0].`d e` FROM (SELECT '{}' AS j)")
assert frame.columns == ["a", "b", "d e"], frame.columns

# %% rows as JSON
frame = spark.sql("SELECT t, to_json(struct(t)) AS a FROM VALUES (TIMESTAMP'2024-01-01 10:00:00') AS v(t)")
row = frame.select("a", F.to_json(F.struct("t")), F.to_json(F.struct("t"), {"timestampFormat": "yyyy"})).first()
assert tuple(row) == (*['{"t":"2024-01-01T10:00:00.000Z"}'] * 2, '{"t":"2024"}'), row

# %% explained with parameters
spark.sql("EXPLAIN SELECT id FROM range(3) WHERE id > :n", {"n": 1}).collect()
spark.sql("DESCRIBE SCHEMA EXTENDED dev.snippets").collect()
spark.range(1).select(F.uuid()).collect()

# %% dates of times
from datetime import date as day

frame = spark.sql("SELECT '2024-01-05T23:11:12-05:00' AS a, DATE'2024-01-05' AS b, TIMESTAMP'2024-01-05 23:59:59' AS c")
row = frame.select(*map(F.to_date, frame.columns), F.expr("to_date(a)"), F.to_date(F.lit("05.01.2024"), "dd.MM.yyyy"))
assert row.first()[:] == (day(2024, 1, 5),) * 5, row.first()
assert row.columns[0] == "to_date(a)"
row = frame.select(F.try_to_date("a"), F.try_to_date(F.lit("x")), F.try_to_date(F.lit("5.1.24"), "d.M.yy"))
assert row.first()[:] == (day(2024, 1, 5), None, day(2024, 1, 5)), row.first()
assert spark.sql("SELECT to_date('2024-01-05T10:11:12Z')").first()[0] == day(2024, 1, 5)
times = spark.sql("SELECT '2024-01-05T10:11:12Z' AS a, TIMESTAMP '2024-01-05 10:11:12' AS b, 'x' AS c")
row = times.select(F.col("a").cast("date"), times.b.cast(T.DateType()), F.col("c").try_cast("date")).first()
assert row.asDict() == {"a": day(2024, 1, 5), "b": day(2024, 1, 5), "c": None}, row
row = times.selectExpr("CAST(a AS DATE)", "CAST(b AS DATE)", "try_cast(c AS DATE)", "a::date").first()
assert tuple(row) == (day(2024, 1, 5), day(2024, 1, 5), None, day(2024, 1, 5)), row
named = times.selectExpr("CAST(a AS DATE)", "b :: date")
assert named.columns == ["a", "b"], named.columns
times.createOrReplaceTempView("times")
days = spark.sql("WITH d AS (SELECT CAST(t.a AS DATE), b::DATE, c FROM times t) SELECT a, b, c FROM d")
assert days.first()[:] == (day(2024, 1, 5), day(2024, 1, 5), "x"), days.first()
days = spark.sql("SELECT CAST(a AS DATE), count(*) FROM times GROUP BY CAST(a AS DATE) ORDER BY a")
assert days.first()[:] == (day(2024, 1, 5), 1) and days.columns == ["a", "count(1)"], days.columns

# %% seconds of times
found = spark.range(1).selectExpr("bigint(TIMESTAMP'1970-01-01 00:00:05')", "BIGINT ('7')")
assert found.first()[:] == (5, 7), found.first()
times = spark.range(1).select(F.timestamp_seconds(F.lit(1.5)), F.expr("timestamp_seconds(1.5)")).first()
assert [each.microsecond for each in times] == [500_000] * 2, times

# %% numbers of distinct values
rows = spark.sql("SELECT id, id % 3 AS third FROM range(9)")
found = rows.summary("max", "count_distinct", "10%", "approx_count_distinct").collect()
assert [tuple(row) for row in found] == [("max", "8", "2"), ("count_distinct", "9", "3"), ("10%", "0", "0"), ("approx_count_distinct", "9", "3")], found
assert rows.limit(0).summary("50%").first().id is None
try:
    rows.summary("middle")
except Exception as error:
    assert "There is no statistic 'middle'" in str(error)
else:
    raise AssertionError("a statistic that does not exist")

# %% views that are dropped
spark.range(1).createOrReplaceTempView("dropped")
assert [spark.catalog.dropTempView("dropped"), spark.catalog.dropTempView("dropped")] == [True, False]

# %% decimals beside doubles
rows = spark.sql("SELECT id * 1.25D AS x, CAST(id * 1.5 AS DECIMAL(10,2)) AS d FROM range(1, 3)")
found = rows.selectExpr("coalesce(x, 0.0) AS a", "CASE WHEN x > 2 THEN x ELSE 0.0 END AS b", "sum(if(x > 2, 0.0, x)) OVER () AS c", "coalesce(d, 0.0) AS d")
assert [type(value).__name__ for value in found.first()] == ["float", "float", "float", "Decimal"], found.first()
assert [tuple(map(float, row)) for row in found.collect()] == [(1.25, 0, 1.25, 1.5), (2.5, 2.5, 1.25, 3)]
spark.sql("SELECT coalesce(1D, 0.0) AS x").write.mode("overwrite").saveAsTable("dev.snippets.doubles")
assert dict(spark.table("dev.snippets.doubles").dtypes) == {"x": "double"}

# %% more lengths, days and differences
frame = spark.sql("SELECT 'ab' AS s, DATE '2024-01-07' AS d, '{\"a\": 1}' AS j")
row = frame.select(
    F.right("s", F.lit(-1)), F.extract(F.lit("dow"), "d"), F.get_json_object("j", "$.a")
).first()
assert tuple(row) == ("", 1, "1"), row
assert frame.select(F.date_diff("d", "d")).dtypes[0][1] == "int"
assert frame.select(F.approx_percentile(F.lit(2), 0.5)).first()[0] == 2

# %% names of columns that are calls
frame = spark.createDataFrame([("2024-01-05", "a b", 1.5)], "d string, s string, v double")
names = frame.groupBy(F.date_trunc("month", "d")).agg(F.percentile_approx("v", 0.5), F.approx_count_distinct("v", 0.05)).columns
assert names == ["date_trunc(month, d)", "percentile_approx(v, 0.5, 10000)", "approx_count_distinct(v, 0.05)"], names
names = frame.select(F.initcap("s"), F.rtrim("s"), F.coalesce(F.datediff("d", "d"), F.lit(1)), F.weekday("d").alias("w")).columns
assert names == ["initcap(s)", "rtrim(s)", "coalesce(datediff(d, d), 1)", "w"], names

# %% operators that are NULL in place of an error
row = spark.sql("SELECT 2 / try_divide(1, 4), try_divide(1.5D, 0D), try_add(1.5D, 2), try_multiply(n, 2.5), try_subtract(n, 1), try_add(2147483647, 1) FROM VALUES (CAST(3 AS BIGINT)) AS t(n)").first()
assert [None if each is None else float(each) for each in row][:5] == [8, None, 3.5, 7.5, 2], row
assert spark.sql("SELECT try_add(2147483647, 1)").first()[0] is None
row = spark.createDataFrame([(1.5, 0.0)], "a double, b double").select(F.try_divide("a", F.lit(2)), F.try_divide("a", "b")).first()
assert tuple(row) == (0.75, None), row

# %% aggregates of pandas on Spark
import pyspark.pandas as ps
found = ps.DataFrame({"k": ["a", "b", "a"], "v": [1.0, 2.0, 3.0]})
assert found.nunique(approx=True).to_dict() == {"k": 2, "v": 3}
assert found.groupby("k").v.sum().sort_index().to_dict() == {"a": 4.0, "b": 2.0}
assert found[["v"]].agg(["sum", "min"])["v"].to_dict() == {"sum": 6.0, "min": 1.0}

# %% rounded down and up
row = spark.sql("SELECT floor(2.1267D, 2), ceil(2.1237D, 2), floor(-2.1267D, 2), ceiling(1234, -2)").first()
assert [float(each) for each in row] == [2.12, 2.13, -2.13, 1300], row

# %% view of the session and table of one name
spark.range(1).createOrReplaceTempView("both")
spark.range(3).write.saveAsTable("both")
assert (spark.table("both").count(), spark.table("default.both").count()) == (1, 3)
spark.sql("CREATE OR REPLACE TABLE both AS SELECT * FROM both UNION ALL SELECT 5")
assert spark.table("default.both").count() == 2
spark.sql("DROP TABLE default.both")
spark.catalog.dropTempView("both")

# %% layouts of files
spark.range(1).write.bucketBy(2, "id").sortBy("id").mode("overwrite").saveAsTable("dev.snippets.laid")
spark.range(1).write.clusterBy("id").mode("overwrite").saveAsTable("dev.snippets.laid")
spark.range(1).writeTo("dev.snippets.laid").clusterBy("id").createOrReplace()

# %% filters by functions of elements
spark.sql("CREATE OR REPLACE TABLE dev.snippets.words AS SELECT * FROM VALUES ('x y', array(1, 2), 1), ('z', array(3), 2), (NULL, NULL, 3) AS v(s, a, n)")
words = spark.table("dev.snippets.words")
words.createOrReplaceTempView("words")
spark.sql("CREATE OR REPLACE VIEW dev.snippets.titles AS SELECT initcap(s) AS s, n FROM dev.snippets.words")
titles = words.withColumn("s", F.initcap("s"))
titles.createOrReplaceTempView("titles")
for query in (
    "SELECT n FROM dev.snippets.words WHERE initcap(s) = 'X Y' AND n > 0",
    "SELECT n FROM dev.snippets.words WHERE exists(a, x -> x = 2)",
    "SELECT w.n FROM words w, titles t WHERE w.n = t.n AND size(filter(w.a, x -> x < 3)) = 2",
    "SELECT n FROM (SELECT n, initcap(s) AS s FROM dev.snippets.words) WHERE s = 'X Y'",
    "SELECT n FROM dev.snippets.titles WHERE s = 'X Y'",
    "SELECT n FROM titles WHERE s = 'X Y'",
):
    assert [row.n for row in spark.sql(query).collect()] == [1], query
for frame in (
    words.filter(F.exists("a", lambda x: x == 2)),
    words.filter("exists(a, x -> x = 2)"),
    titles.filter("s = 'X Y'"),
    words.withColumn("b", F.expr("transform(a, x -> x + 1)")).filter(F.col("b")[0] == 2),
    spark.sql("SELECT initcap(s) AS s, n FROM dev.snippets.words").filter(F.col("s") == "X Y"),
):
    assert [row.n for row in frame.collect()] == [1]
assert titles.groupBy(F.initcap("s")).count().count() == 3
spark.sql("DELETE FROM dev.snippets.words WHERE exists(a, x -> x = 2)")
assert words.count() == 2

# %% lenient casts
spark.conf.set("spark.sql.ansi.enabled", "false")
rows = spark.createDataFrame([("abc", "2.5"), ("", "1")], "a string, b string")
kinds = ("boolean", "date", "decimal(9,2)", "double", "int", "timestamp")
for kind in kinds:
    assert rows.select(F.col("a").cast(kind)).distinct().collect() == [(None,)], kind
    assert rows.selectExpr(f"CAST(a AS {kind})").distinct().collect() == [(None,)], kind
assert [row[0] for row in rows.select(F.col("b").cast("double")).collect()] == [2.5, 1]
assert spark.sql("SELECT CAST('abc' AS DOUBLE), to_date('abc'), 1 / 0").first() == (None, None, None)
spark.conf.set("spark.sql.ansi.enabled", "true")
try:
    rows.select(F.col("a").cast("double")).collect()
except Exception as error:
    assert "Cannot cast" in str(error), error
else:
    raise AssertionError("a strict cast of no number")

# %% groups that are sorted before they are counted or written
groups = spark.range(600).withColumn("g", F.col("id") % 60).groupBy("g")
assert groups.agg(F.sum("id")).orderBy("g").count() == 60
groups.agg(F.max("id").alias("m")).orderBy(F.desc("m")).write.format("delta").save(f"{folder}/maxima")
assert spark.read.format("delta").load(f"{folder}/maxima").first() == (59, 599)
assert spark.sql("SELECT id % 60 AS g, max(id) AS m FROM range(600) GROUP BY 1 ORDER BY m").count() == 60
