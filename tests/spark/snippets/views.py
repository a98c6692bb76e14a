# Views that a task creates.

# %% view of a table in its schema
for name in ("views", "others"):
    spark.sql(f"USE dev.{name}")
    spark.sql(f"CREATE OR REPLACE TABLE t AS SELECT '{name}' AS n")
    spark.sql(
        "CREATE OR REPLACE VIEW v AS -- all\n WITH c AS (SELECT * FROM t) SELECT c.n, `t`.n AS m FROM c JOIN `t` ON true"
    )
assert tuple(spark.table("dev.views.v").first()) == ("views", "views")
spark.sql("USE main.default")

# %% view with names that need quotes
list_rows = lambda query: [tuple(row) for row in spark.sql(query).collect()]
spark.sql("CREATE CATALOG IF NOT EXISTS `my-lake`")
spark.sql("CREATE SCHEMA IF NOT EXISTS `my-lake`.`raw-1`")
spark.sql("CREATE TABLE `my-lake`.`raw-1`.`new orders` AS SELECT 1 AS `Order No`, 'it''s -- `\\n' AS note")
spark.sql("CREATE VIEW `my-lake`.`raw-1`.v AS SELECT `Order No` + 1 AS `Next No`, note FROM `my-lake`.`raw-1`.`new orders`")
assert spark.table("`my-lake`.`raw-1`.v").first().asDict() == {"Next No": 2, "note": "it's -- `\n"}
spark.sql("ALTER VIEW `my-lake`.`raw-1`.v RENAME TO `a b`")
assert spark.table("`my-lake`.`raw-1`.`a b`").columns == ["Next No", "note"]
statement = list_rows("SHOW CREATE TABLE `my-lake`.`raw-1`.`a b`")[0][0]
assert "(\n  `Next No`,\n  note)\nAS SELECT `Order No` + 1 AS `Next No`" in statement, statement
details = dict(row[:2] for row in list_rows("DESCRIBE EXTENDED `my-lake`.`raw-1`.`a b`"))
assert details["View Text"].startswith("SELECT `Order No` + 1 AS `Next No`"), details
folder = dict(row[:2] for row in list_rows("DESCRIBE EXTENDED `my-lake`.`raw-1`.`new orders`"))["Location"]
spark.sql(f"CREATE VIEW dev.snippets.by_folder AS SELECT `Order No` AS n FROM delta.`{folder}`")
assert spark.table("dev.snippets.by_folder").first().n == 1
spark.sql("DROP CATALOG `my-lake` CASCADE")

# %% view of all columns of a table that gets others
list_rows = lambda query: [tuple(row) for row in spark.sql(query).collect()]
spark.sql("CREATE TABLE dev.snippets.growing AS SELECT 1 AS a, 2 AS b")
spark.sql("CREATE VIEW dev.snippets.all_of_it (x, y) AS SELECT * FROM dev.snippets.growing")
spark.sql("CREATE VIEW dev.snippets.joined_all AS SELECT * FROM dev.snippets.growing g JOIN (SELECT 1 AS k) ON g.a = k")
spark.sql("CREATE OR REPLACE TABLE dev.snippets.growing AS SELECT 0 AS c, 2 AS b, 1 AS a")
assert list_rows("SELECT * FROM dev.snippets.all_of_it") == [(1, 2)]
assert spark.table("dev.snippets.joined_all").first().asDict() == {"a": 1, "b": 2, "k": 1}

# %% view that is altered
spark.sql("CREATE OR REPLACE VIEW dev.snippets.altered AS SELECT 1 AS n")
spark.sql("ALTER VIEW dev.snippets.altered AS SELECT 2 AS m")
assert spark.table("dev.snippets.altered").first().m == 2
