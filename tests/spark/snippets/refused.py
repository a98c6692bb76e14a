# What Sail refuses, and a part of the advice.

# %% RDD
# Advice: Use DataFrames
spark.range(3).rdd.aggregate(0, max, max)

# %% SparkContext
# Advice: Use DataFrames
spark.sparkContext.wholeTextFiles("/a")

# %% Kafka
# Advice: the format kafka
spark.read.format("kafka").load().collect()

# %% function of two elements
# Advice: no function zip_with
spark.sql("SELECT zip_with(array(1), array(2), (a, b) -> a + b)").collect()

# %% frame with a function of two elements
# Advice: no function transform_values
spark.sql("SELECT map('a', 1) AS m").select(F.transform_values("m", lambda k, v: v + 1)).collect()

# %% NULL in a group of two frames
# Advice: no NULL in cogroup
groups = spark.sql("SELECT 1 AS k, CAST(NULL AS INT) AS n").groupBy("k")
groups.cogroup(groups).applyInPandas(lambda left, right: left, "k INT, n INT").collect()

# %% files that are overwritten while they are read
# Advice: overwrites the folder that its frame reads
spark.range(3).write.parquet(f"{folder}/own")
spark.read.parquet(f"{folder}/own").where("id > 0").write.mode("overwrite").parquet(f"{folder}/own")

# %% function of a model
# Advice: local_simulation
spark.sql("SELECT ai_query('m', 'p')").collect()

# %% column that a table does not have
# Advice: no column size here
spark.table("dev.snippets.saved").select("id").distinct().where("size = 1").count()

# %% text for a number in a table that gets columns
# Advice: does not convert the column id here. Give it the type
spark.sql("CREATE TABLE dev.snippets.numbers AS SELECT 1L AS id")
spark.sql("MERGE WITH SCHEMA EVOLUTION INTO dev.snippets.numbers t USING (SELECT 'x' AS id, 1 AS n) s ON t.id = 1 WHEN NOT MATCHED THEN INSERT * WHEN MATCHED THEN UPDATE SET *")

# %% array of NULL
# Advice: Give one to
spark.sql("SELECT 1 AS a, array() AS b").write.saveAsTable("dev.snippets.nothing")

# %% key of an outer join
# Advice: Join by a condition
spark.range(2).alias("a").join(spark.range(1).alias("b"), "id", "full").filter("b.id IS NULL").collect()

# %% key of an outer join of frames
# Advice: Join by a condition
b = spark.range(1)
spark.range(2).join(b, "id", "left").withColumn("m", F.lit(1)).select(b["id"]).collect()

# %% key of an outer join with USING
# Advice: has no ur.k here after a JOIN with USING (k). Join by a condition, such as ON ur.k = other.k
spark.sql("SELECT ur.* FROM ul LEFT JOIN ur USING (k)").collect()

# %% key with USING in a query within
# Advice: Join by a condition
spark.sql("SELECT (SELECT max(o.n) FROM ur o WHERE o.k = ul.k) FROM ul JOIN ur USING (k)").collect()

# %% key with USING below an alias
# Advice: Join by a condition
spark.sql("SELECT upper(s) AS k FROM ul JOIN ur USING (k) ORDER BY ul.k").collect()

# %% several keys
# Advice: In place of JOIN … USING (k), join by a condition with ON
spark.sql("SELECT ul.k FROM ul JOIN ur USING (k) JOIN ur o ON ul.k = o.k").collect()

# %% value of another type
# Advice: Read the column as a STRING
open("/Volumes/dev/raw/copied/bad.csv", "w").write("x\n")
spark.read.csv("/Volumes/dev/raw/copied/bad.csv", schema="n INT", mode="FAILFAST").collect()

# %% function that was dropped
# Advice: with CREATE FUNCTION
spark.sql("SELECT dev.snippets.gone(1)").collect()

# %% all elements of a path
# Advice: reads no [*]
spark.sql("SELECT j:a[*].b FROM (SELECT '{}' AS j)").collect()

# %% all elements in a frame
# Advice: reads no [*]
spark.sql("SELECT '{}' AS j").select(F.get_json_object("j", "$.a[*].b")).collect()

# %% all elements by the function
# Advice: reads no [*]
spark.sql("SELECT get_json_object('{}', '$.a[*].b')").collect()

# %% several values of a maximum
# Advice: returns one value of max_by and min_by. Number the rows
spark.sql("SELECT max_by(x, y, 2) FROM VALUES ('a', 1), ('b', 2) AS t(x, y)").collect()

# %% numbers in two texts
# Advice: CAST(… AS DOUBLE)
spark.sql("SELECT a * a FROM VALUES ('1') AS t(a)").collect()

# %% groups by sessions
# Advice: Sail does not support this statement or function
spark.sql("SELECT session_window(t, '1 day') AS w FROM VALUES (TIMESTAMP'2024-01-01') AS v(t) GROUP BY w").collect()

# %% description as JSON
# Advice: Sail describes nothing as JSON
spark.sql("DESCRIBE TABLE EXTENDED dev.snippets.saved AS JSON")

# %% path of JSON in a column
# Advice: Write one in place of the column
spark.sql("SELECT get_json_object(t, p) FROM VALUES ('{}', '$.a') AS v(t, p)").collect()

# %% map of constant texts
# Advice: has a defect
spark.sql("SELECT explode(map('a', 'b'))").collect()

# %% column that is moved
# Advice: columns in another order
spark.sql("ALTER TABLE dev.snippets.saved ALTER COLUMN id FIRST")

# %% insert into a folder
# Advice: Write a frame into the folder
spark.sql("-- more\nINSERT INTO delta.`/Volumes/dev/raw/in/none` VALUES (1)")

# %% natural join
# Advice: Name the keys
spark.sql("SELECT a.* FROM (SELECT 1 AS k) a NATURAL JOIN (SELECT 1 AS k) b").collect()

# %% look-around
# Advice: Write it without them, or match in Python
spark.sql(r"SELECT regexp_replace('ab', '(?<=a)b', 'c')").collect()

# %% look-around in a frame
# Advice: Write it without them, or match in Python
spark.range(1).select(F.split(F.lit('aB'), '(?=[A-Z])')).collect()

# %% look-around in a condition
# Advice: Write it without them, or match in Python
spark.range(1).filter("string(id) RLIKE '^(?!1)'").collect()

# %% reference to a group
# Advice: Write it without them, or match in Python
spark.sql(r"SELECT regexp_extract('aa', '(a)\\1', 1)").collect()

# %% unpivot of several values
# Advice: Write a SELECT for each name
spark.sql("SELECT * FROM (SELECT 1 AS a, 2 AS b) UNPIVOT ((n, m) FOR k IN ((a, b), (b, a)))").collect()

# %% cached query
# Advice: Write it otherwise
spark.sql("CACHE TABLE kept AS SELECT 1 AS n")

# %% view of files
# Advice: or CREATE TEMPORARY VIEW
spark.sql("CREATE VIEW dev.snippets.m AS SELECT * FROM read_files('/Volumes/dev/raw/in/n', format => 'text')")

# %% metric view
# Advice: Write a plain view
spark.sql("CREATE VIEW dev.snippets.m WITH METRICS LANGUAGE YAML AS $$source: t$$")

# %% other letters than those of UTF-8
# Advice: Read the file with pandas
spark.read.option("encoding", "ISO-8859-1").csv("/Volumes/dev/raw/in/n")

# %% table by its path
# Advice: Give it a name and LOCATION
spark.sql("CREATE TABLE delta.`/Volumes/main/default/rows` (n INT)")

# %% dates among times
# Advice: Convert the dates
spark.sql("SELECT DATE'2024-01-01' AS d UNION ALL SELECT TIMESTAMP'2024-01-01'").collect()

# %% aggregates of a column and of a cast of it
# Advice: Cast it before
spark.range(3).agg(F.avg("id"), F.avg(F.col("id").cast("float"))).collect()
