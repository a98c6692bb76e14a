"""Tasks share Spark and its tables, over runs and restarts."""

from __future__ import annotations

from tests.engines.conftest import Create
from tests.local.support import Client, depends_on, notebook_task, python_task, task_results


def sql_task(key: str, path: str, *upstream: str) -> dict[str, object]:
    return {
        "task_key": key,
        "sql_task": {"warehouse_id": "any", "file": {"path": path}},
        "depends_on": depends_on(*upstream),
    }


def notebook_result(client: Client, key: str, **fields: object) -> str:
    (output,) = client.outputs(client.run(key, **fields)).values()
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    return str(output.notebook_output.result)


LOAD = """
# Databricks notebook source
from pyspark.sql.functions import col, udf
from shop.prices import double

catalog = dbutils.widgets.get("catalog")
spark.sql(f"CREATE SCHEMA IF NOT EXISTS {catalog}.sales")
doubled = udf(double, "int")
frame = spark.range(3).select(doubled(col("id").cast("int")).alias("d"))
frame.write.mode("overwrite").saveAsTable(f"{catalog}.sales.orders")

# COMMAND ----------
# MAGIC %sql
# MAGIC CREATE OR REPLACE TABLE visits (who STRING);
# MAGIC INSERT INTO visits VALUES ('a;b');
# MAGIC CREATE OR REPLACE VIEW counted AS SELECT count(*) AS n FROM visits;
# MAGIC SELECT n FROM counted

# COMMAND ----------
display(_sqldf)
dbutils.notebook.exit(str(_sqldf.first().n))
"""

SCRIPT = """
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("app").getOrCreate()
assert spark.conf.get("spark.shop.mode") == "batch"
print(spark.table("dev.sales.orders").count(), "orders")
spark.stop()
"""

READ = """
# Databricks notebook source
(total,) = spark.table("dev.sales.totals").collect()
(counted,) = spark.sql("SELECT count(*) AS n FROM main.default.visits").collect()
dbutils.notebook.exit(f"{total.d} {counted.n}")
"""

FILES = {
    "load.py": LOAD,
    "script.py": SCRIPT,
    "read.py": READ,
    "shop/__init__.py": "",
    "shop/prices.py": "def double(n):\n    return 2 * n\n",
    "report.sql": """
        USE CATALOG dev;
        CREATE OR REPLACE TABLE sales.totals AS SELECT sum(d) AS d FROM sales.orders;
        SELECT * FROM sales.totals
        """,
}
ETL = {
    "etl": {
        "parameters": [{"name": "catalog", "default": "dev"}],
        "tasks": [
            notebook_task("load", "load.py"),
            sql_task("report", "report.sql", "load"),
            python_task(
                "script",
                "script.py",
                depends_on=depends_on("load"),
                new_cluster={"spark_conf": {"spark.shop.mode": "batch"}},
            ),
        ],
    },
    "read": {"tasks": [notebook_task("read", "read.py")]},
}


def test_tasks_share_tables_over_runs_and_restarts(create: Create) -> None:
    workspace = create(ETL, FILES)
    client = workspace.start()
    for _ in range(2):  # the second run replaces its tables
        outputs = client.outputs(run := client.run("etl"))
        assert {key: each.error for key, each in outputs.items() if each.error} == {}
        assert client.rows(run, "report") == [["d"], ["6"]]
        assert outputs["script"].logs == "3 orders\n"
    assert notebook_result(client, "read") == "6 1"
    workspace.stop()
    assert notebook_result(workspace.start(), "read") == "6 1"


SNIPPETS = {
    "merge": """
        spark.sql("CREATE TABLE t (id INT, v STRING)")
        spark.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        spark.createDataFrame([(2, "c"), (3, "d")], ["id", "v"]).createOrReplaceTempView("s")
        spark.sql("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v "
                  "WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)")
        result = sorted(row.v for row in spark.table("t").collect())
        assert result == ["a", "c", "d"], result
        """,
    "update and delete": """
        spark.range(4).write.saveAsTable("u")
        spark.sql("UPDATE u SET id = 9 WHERE id = 0")
        spark.sql("DELETE FROM u WHERE id = 1")
        assert sorted(row.id for row in spark.table("u").collect()) == [2, 3, 9]
        """,
    "overwrite and append": """
        spark.range(2).write.mode("overwrite").saveAsTable("o")
        spark.range(3).write.mode("overwrite").saveAsTable("o")
        spark.range(1).write.mode("append").saveAsTable("o")
        assert spark.table("o").count() == 4
        """,
    "DeltaTable": """
        from delta.tables import DeltaTable
        spark.createDataFrame([(1, "a"), (2, "b")], ["id", "v"]).write.saveAsTable("dt")
        new = spark.createDataFrame([(2, "c"), (3, "d")], ["id", "v"])
        table = DeltaTable.forName(spark, "dt")
        (table.alias("t").merge(new.alias("n"), "t.id = n.id").whenMatchedUpdateAll()
            .whenNotMatchedInsertAll().execute())
        table.delete("id = 1")
        table.update("id = 3", {"v": "'z'"})
        assert sorted(row.v for row in table.toDF().collect()) == ["c", "z"]
        """,
    "files": """
        import tempfile
        folder = tempfile.mkdtemp()
        spark.range(3).write.mode("overwrite").csv(f"{folder}/csv", header=True)
        assert spark.read.csv(f"{folder}/csv", header=True).count() == 3
        spark.range(3).write.parquet(f"{folder}/parquet")
        assert spark.read.parquet(f"{folder}/parquet").count() == 3
        """,
    "without effect": """
        spark.range(3).write.saveAsTable("w")
        spark.sql("OPTIMIZE w ZORDER BY (id)")
        spark.sql("VACUUM w")
        spark.sql("CREATE CATALOG IF NOT EXISTS main")
        """,
    "to and from pandas": """
        frame = spark.range(3).toPandas()
        assert spark.createDataFrame(frame).count() == 3
        """,
}


def test_snippet_runs(create: Create) -> None:
    tasks = [notebook_task(key.replace(" ", "_"), f"{key}.py") for key in SNIPPETS]
    for task, before in zip(tasks[1:], tasks, strict=False):  # one at a time, on two cores
        task["depends_on"] = depends_on(before["task_key"])
        task["run_if"] = "ALL_DONE"
    files = {
        f"{key}.py": "# Databricks notebook source\n" + "\n".join(map(str.strip, text.split("\n")))
        for key, text in SNIPPETS.items()
    }
    client = create({"all": {"tasks": tasks}}, files).start()
    outputs = client.outputs(client.run("all"))
    assert {key: each.error for key, each in outputs.items() if each.error} == {}


def test_error_says_what_to_do(create: Create) -> None:
    files = {
        "rdd.py": "# Databricks notebook source\nspark.sparkContext.parallelize([1])",
        "catalog.py": "# Databricks notebook source\nspark.sql('CREATE TABLE nowhere.a.b (n INT)')",
    }
    jobs = {key: {"tasks": [notebook_task("main", f"{key}.py")]} for key in ("rdd", "catalog")}
    client = create(jobs, files).start()
    (rdd,) = client.outputs(client.run("rdd")).values()
    (catalog,) = client.outputs(client.run("catalog")).values()
    assert (rdd.error or "").startswith("Sail, which runs Spark in the local workspace, refused")
    assert "into a variable or parameter whose name contains 'catalog'" in (catalog.error or "")


def test_two_tasks_at_once_keep_both_tables(create: Create) -> None:
    text = "# Databricks notebook source\nspark.range(2).write.saveAsTable('{}')"
    count = "# Databricks notebook source\nassert spark.sql('SELECT * FROM a, b').count() == 4"
    tasks = [notebook_task("a", "a.py"), notebook_task("b", "b.py")]
    tasks.append(notebook_task("c", "c.py", depends_on=depends_on("a", "b")))
    files = {"a.py": text.format("a"), "b.py": text.format("b"), "c.py": count}
    client = create({"etl": {"tasks": tasks}}, files).start()
    assert task_results(client.run("etl")) == dict.fromkeys("abc", "SUCCESS")
