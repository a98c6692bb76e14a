# Keys of joins by a name.

# %% keys of joins by a name
a = spark.createDataFrame([(1, "x"), (2, "y")], "k INT, s STRING").alias("a")
b = spark.createDataFrame([(1, 5)], "k INT, n INT").alias("b")
joined = a.join(b, "k", "left").orderBy("a.k")
assert a.join(b, "k").select(F.expr("a.k"), F.expr("b.n")).columns == ["k", "n"]
assert list(map(tuple, joined.select("a.*", "b.*").collect())) == [(1, "x", 1, 5), (2, "y", None, None)]
assert joined.selectExpr("a.k + 1 AS m", "a.*").columns == ["m", "k", "s"]
assert joined.filter(F.col("b.k").isNull()).select("a.*").first().k == 2
assert joined.withColumn("m", F.col("a.k")).filter("a.k = 2 OR s = 'a.k'").select("a.*", "m").first().m == 2
twice = a.join(b, "k").join(b.alias("c"), ["k"], "left_semi")
assert tuple(twice.select("a.*", "b.n").first()) == (1, "x", 5)
c = b.withColumn("s", F.lit("z"))
assert a.join(c, "k").select("a.*", c["n"]).columns == ["k", "s", "n"]

# %% keys of joins by a name, of frames
a = spark.createDataFrame([(1, "x"), (2, "y")], "k INT, s STRING")
b = spark.createDataFrame([(1, 5)], "k INT, n INT")
c = spark.createDataFrame([("x", 7)], "t STRING, m INT")
joined = a.where("k > 0").join(b, "k", "left").join(c, a["s"] == c["t"])
assert tuple(joined.select(a["k"], b["n"], c["m"]).first()) == (1, 5, 7)
assert joined.drop(a["k"]).columns == ["s", "n", "t", "m"]
assert joined.drop(b["k"]).columns == ["k", "s", "n", "t", "m"]
d = spark.createDataFrame([(1, 9)], "k INT, o INT")
assert tuple(a.join(b, "k").join(d, a["k"] == d["k"]).select(a["k"], "o").first()) == (1, 9)
assert a.join(b, "k").withColumn("m", F.lit(1)).groupBy(a["k"]).count().first().k == 1
assert a.join(b, "k", "right").drop(b["k"]).columns == ["s", "n"]
named = a.alias("x").join(b, "k").join(d, F.col("x.k") == d["k"])
assert tuple(named.select("x.k", "o").first()) == (1, 9)

# %% keys of joins with USING
for name, rows in {"ul": "(1, 'x'), (2, 'y') AS t(k, s)", "ur": "(1, 5), (3, 6) AS t(k, n)"}.items():
    spark.sql(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM VALUES {rows}")


def read(text):
    return sorted(map(tuple, spark.sql(text, {"n": 4}).collect()))


assert read("SELECT l.*, r.n FROM ul l JOIN (SELECT * FROM ur WHERE n > :n) r USING (k)") == [(1, "x", 5)]
assert read("SELECT l.k, l.* EXCEPT (k) FROM ul l LEFT JOIN ur USING (k) WHERE l.k > 1 ORDER BY l.k") == [(2, "y")]
assert read("SELECT ur.*, s FROM ul RIGHT JOIN ur USING (k)") == [(1, 5, "x"), (3, 6, None)]
assert read("SELECT ul.* FROM ul LEFT ANTI JOIN ur USING (k)") == [(2, "y")]
assert read("SELECT k, ul.k IS NULL, count(ur.k) FROM ul FULL JOIN ur USING (k) GROUP BY k, ul.k ORDER BY k") == [
    (1, False, 1),
    (2, False, 0),
    (3, True, 1),
]
assert read("SELECT k, s FROM ul LEFT JOIN ur r USING (k) WHERE r.k IS NULL") == [(2, "y")]
assert read("SELECT s, (SELECT max(ul.k) FROM ur ul) FROM ul JOIN ur USING (k)") == [("x", 3)]
text = "WITH o AS (SELECT 1), a AS (SELECT l.*, r.n FROM ul l LEFT JOIN ur r USING (k)), b AS (SELECT a.* FROM a JOIN ur USING (k)) "
assert read(text + "SELECT b.*, EXISTS (SELECT 1 FROM ur WHERE ur.k = 3) FROM b JOIN ur USING (k)") == [
    (1, "x", 5, True)
]
spark.sql("CREATE OR REPLACE TABLE dev.snippets.joined AS SELECT ul.* FROM ul JOIN ur USING (k)")
spark.sql("INSERT INTO dev.snippets.joined SELECT ul.* FROM ul LEFT JOIN ur USING (k) GROUP BY ul.k, s HAVING ul.k > 1")
assert read("SELECT * FROM dev.snippets.joined") == [(1, "x"), (2, "y")]

# %% laterals
spark.sql("CREATE OR REPLACE TEMP VIEW lists AS SELECT * FROM VALUES (1, array(1, 2)), (2, NULL), (3, array()) AS t(id, a)")
assert read("SELECT id, x FROM lists, LATERAL explode(a) AS t(x)") == [(1, 1), (1, 2)]
assert read("SELECT l.id, t.x, u.pos FROM lists l JOIN LATERAL explode(a) AS t(x), LATERAL posexplode(a) AS u") == [
    (1, x, place) for x in (1, 2) for place in (0, 1)
]
assert read("SELECT id, x FROM lists LATERAL VIEW explode(a) t AS x WHERE t.x > 1 OR id = 2") == [(1, 2)]
assert read("SELECT id, x + y FROM lists LATERAL VIEW explode(a) AS x LATERAL VIEW explode(a) AS y WHERE x > y") == [
    (1, 3)
]
rows = spark.sql("SELECT id, x FROM lists LATERAL VIEW OUTER explode(a) t AS x WHERE x IS NULL OR x > 1 ORDER BY id")
assert [row[:] for row in rows.collect()] == [(1, 2), (2, None), (3, None)]
assert read("SELECT id, n FROM lists, LATERAL (SELECT id * 2 AS n) WHERE id = 3") == [(3, 6)]

# %% all columns of a frame
a = spark.createDataFrame([(1, "x"), (2, "y")], "K INT, s STRING")
b = spark.createDataFrame([(1, 5)], "k INT, n INT")
joined = a.join(b, a["k"] == b["k"], "left")
assert joined.select(a["*"], b["n"]).columns == ["K", "s", "n"]
assert tuple(joined.filter(b["k"].isNull()).select(a["*"]).first()) == (2, "y")
assert tuple(a.join(b, "k").select(F.lit(1).alias("m"), b["n"], a["*"]).first()) == (1, 5, 1, "x")

# %% rows that both frames have
frames = [spark.createDataFrame([(n,) for n in each], "n INT") for each in ((1, 1, 2, None), (1, None, None))]
assert sorted(map(str, frames[0].intersectAll(frames[1]).collect())) == ["Row(n=1)", "Row(n=None)"]

# %% sorted rows in another frame
rows = spark.createDataFrame([(n * 7919 % 20011, n % 3) for n in range(20011)], "n INT, k INT").orderBy("n")

def check_sorted(frame):
    found = [row[0] for row in frame.collect()]
    assert len(found) >= 1000 and found == sorted(found)

check_sorted(rows.select((F.col("n") + 1).alias("next")))
check_sorted(rows.select(rows.n + 1, rows["k"]))
check_sorted(rows.select("n", F.explode(F.array(F.lit(1), F.lit(2)))))
check_sorted(rows.select("n").mapInPandas(lambda parts: parts, "n INT"))
check_sorted(spark.sql("SELECT * FROM {rows} ORDER BY n", rows=rows).withColumn("two", F.explode(F.array("k"))))
numbered = rows.withColumn("number", F.monotonically_increasing_id()).orderBy("number")
assert [row.n for row in numbered.collect()] == [*range(20011)]
rows.createOrReplaceTempView("sorted_rows")
check_sorted(spark.sql("SELECT n, explode(array(1)) FROM sorted_rows"))
check_sorted(spark.sql("SELECT n FROM sorted_rows WHERE k = 1"))

# %% sorted rows in groups
first, last = ({row.k: row[1] for row in rows.groupBy("k").agg(each("n")).collect()} for each in (F.first, F.last))
all_n = {row.k: row[1] for row in rows.groupBy("k").agg(F.collect_list("n")).collect()}
assert {k: (first[k], last[k], sorted(all_n[k])) for k in all_n} == {k: (values[0], values[-1], values) for k, values in all_n.items()}
latest = rows.orderBy(F.desc("n")).dropDuplicates(["k"])
assert {row.k: row.n for row in latest.collect()} == last

# %% pivot of a source with a name
spark.createDataFrame([(1, "a", 2), (1, "b", 3)], "id INT, k STRING, n INT").createOrReplaceTempView("facts")
for source in ("facts f", "(SELECT * FROM facts) AS f"):
    row = spark.sql(f"SELECT f.id, a, b FROM {source} PIVOT (sum(f.n) FOR f.k IN ('a', 'b'))").first()
    assert row[:] == (1, 2, 3), row
