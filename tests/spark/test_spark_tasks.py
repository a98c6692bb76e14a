"""Tasks share Spark and its tables, over runs and restarts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks import spark_server
from tests.example.support import EXAMPLE
from tests.local.support import (
    Client,
    depends_on,
    notebook_task,
    python_task,
    task_results,
)
from tests.spark.conftest import SparkWorkspace
from tests.support import wait_until

Create = Callable[[Mapping[str, Any], Mapping[str, str]], SparkWorkspace]

NOTEBOOK = "# Databricks notebook source\n"
READ = (
    NOTEBOOK
    + """
totals = spark.table("dev.sales.totals").collect()
assert spark.table("main.default.counted").columns == ["n"]
assert spark.table("main.default.`by name`").columns == ["Who is it", "m"]
dbutils.notebook.exit(str(totals))
"""
)

ETL = {
    "etl": {
        "parameters": [{"name": "catalog", "default": "dev"}],
        "tasks": [
            notebook_task("load", "load.py"),
            {
                "task_key": "report",
                "sql_task": {"warehouse_id": "any", "file": {"path": "report.sql"}},
                "depends_on": depends_on("load"),
            },
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
FILES = {
    "load.py": """
# Databricks notebook source
import os
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, pandas_udf, udf

assert SparkSession.getActiveSession() is not None
from shop.prices import double

@udf("int")
def plus_one(number):
    return number + 1

@pandas_udf("long")
def plus_two(numbers):
    return numbers + 2

doubled = udf(double, "int")
catalog = dbutils.widgets.get("catalog")
spark.sql(f"CREATE CATALOG IF NOT EXISTS {catalog}")
spark.sql(f"CREATE SCHEMA IF NOT EXISTS {catalog}.sales")
number = col("id").cast("int")
columns = plus_one(number).alias("p"), plus_two("id"), doubled(number).alias("d")
frame = spark.range(3).select(*columns)
frame.write.mode("overwrite").saveAsTable(f"{catalog}.sales.orders")
allowed = udf(lambda _: os.environ["MLFLOW_ALLOW_FILE_STORE"])  # Spark loads models of MLflow
assert spark.range(1).select(allowed("id")).first()[0] == "true"

# COMMAND ----------
# MAGIC %sql
# MAGIC CREATE TABLE IF NOT EXISTS main.default.visits (who STRING);
# MAGIC INSERT INTO main.default.visits VALUES ('a;b');
# MAGIC USE main.default;
# MAGIC CREATE OR REPLACE VIEW main.default.counted AS SELECT count(*) AS n FROM visits;
# MAGIC CREATE OR REPLACE VIEW `by name` (`Who is it`, m) AS SELECT who, 2 AS `No` FROM visits;
# MAGIC OPTIMIZE main.default.visits;
# MAGIC CREATE WIDGET TEXT schema_name DEFAULT 'default';
# MAGIC SELECT n FROM main.${schema_name}.counted WHERE '$schema_name' = getArgument('schema_name')

# COMMAND ----------
assert dbutils.widgets.get("schema_name") == "default"
spark.conf.set("my.table", "main.default.counted")
row = spark.sql("SELECT '${my.table}' AS t, '${my.none}' AS u FROM ${my.table}").first()
assert (row.t, row.u) == ("main.default.counted", "${my.none}")
display(_sqldf)
dbutils.notebook.exit(str(_sqldf.first().n))
""",
    "shop/__init__.py": "",
    "shop/prices.py": "def twice(n):\n    return 2 * n\n\ndef double(n):\n    return twice(n)\n",
    "report.sql": """
USE CATALOG IDENTIFIER(:catalog);
USE SCHEMA sales;
CREATE OR REPLACE TABLE totals AS SELECT sum(p) AS p, max(d) AS d FROM orders;
SELECT * FROM totals
""",
    "script.py": """
import pandas
pandas.__version__ = "1.5.3"  # tasks may list an older one than pyspark accepts
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("app").master("local[*]").getOrCreate()
assert spark.conf.get("spark.shop.mode") == "batch"
print(spark.table("dev.sales.orders").count(), "orders")
spark.stop()
""",
    "read.py": READ,
}


def notebook_result(client: Client, key: str) -> str:
    run = client.run(key)
    (output,) = client.outputs(run).values()
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    return str(output.notebook_output.result)


def find_server(folder: Path) -> int:
    """Return the process that serves Spark from a folder."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            is_server = b"--sail" in command and Path(f"/proc/{name}/cwd").resolve() == folder
        except OSError:  # it has ended
            continue
        if is_server and parent != os.getpid():  # the other one supervises it
            return int(name)
    return 0


def test_tasks_share_tables_over_runs_restarts_and_a_killed_server(workspaces: Create) -> None:
    workspace = workspaces(ETL, FILES)
    client = workspace.start()
    for count in ("1", "2"):  # a second run finds what the first one has created
        run = client.run("etl")
        outputs: Any = client.outputs(run)
        assert set(task_results(run).values()) == {"SUCCESS"}, outputs
        assert outputs["load"].notebook_output.result == count
        assert "3 orders" in outputs["script"].logs
    expected = "[Row(p=6, d=4)]"
    assert notebook_result(client, "read") == expected
    os.kill(find_server(workspace.spark_folder), signal.SIGKILL)
    wait_until(lambda: not find_server(workspace.spark_folder), "the end of the server")
    assert notebook_result(client, "read") == expected
    workspace.stop()
    assert not find_server(workspace.spark_folder)
    assert notebook_result(workspace.start(), "read") == expected
    assert {path.name for path in workspace.bundle.iterdir()} == {
        "databricks.yml", "load.py", "read.py", "report.sql", "script.py", "shop",
    }  # fmt: skip


def test_spark_server_ends_if_its_workspace_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "spark"
    folder.mkdir()
    server = spark_server.SailServer(folder, dict(os.environ))
    server.open(["main"])
    assert find_server(folder)
    server._process.kill_all()  # as the death of this process would
    wait_until(lambda: not find_server(folder), "the end of the server")
    server.stop()


KILL = (
    NOTEBOOK
    + """
import os, pathlib, signal
folder = os.environ["LAKEFLOW_LOCAL_SPARK"]
spark.range(1).count()
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        is_server = "--sail" in (process / "cmdline").read_text()
        if is_server and (process / "cwd").samefile(folder):
            os.kill(int(process.name), signal.SIGKILL)
    except OSError:
        continue
spark.range(1).count()
"""
)


def test_task_whose_server_ends_says_so_and_the_next_one_has_another(workspaces: Create) -> None:
    jobs = {key: {"tasks": [notebook_task("main", f"{key}.py")]} for key in ("kill", "count")}
    count = NOTEBOOK + "dbutils.notebook.exit(str(spark.range(3).count()))\n"
    client = workspaces(jobs, {"kill.py": KILL, "count.py": count}).start()
    output = client.outputs(client.run("kill"))["main"]
    assert str(output.error).startswith("Sail has ended while the task ran"), output.error_trace
    assert notebook_result(client, "count") == "3"


def test_server_that_does_not_start_fails_only_tasks_that_use_spark(
    workspaces: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = {
        "spark": {"tasks": [notebook_task("main", "spark.py")]},
        "plain": {"tasks": [notebook_task("main", "plain.py")]},
    }
    files = {"spark.py": NOTEBOOK + "spark.range(3).count()\n", "plain.py": NOTEBOOK + "1 + 1\n"}
    monkeypatch.setattr(spark_server, "SAIL_ARGUMENTS", ("-c", "raise SystemExit(3)"))
    client = workspaces(jobs, files).start()
    assert task_results(client.run("plain")) == {"main": "SUCCESS"}
    run = client.run("spark")
    output = client.outputs(run)["main"]
    assert "The Sail server" in str(output.error)
    assert "pip install" in str(output.error)


def test_other_runs_and_catalogs_leave_the_session_of_a_running_task(
    workspaces: Create, tmp_path: Path
) -> None:
    flags = tmp_path / "begun", tmp_path / "may_end"
    wait = f"""# Databricks notebook source
import pathlib, time
spark.range(3).createOrReplaceTempView("mine")
pathlib.Path({str(flags[0])!r}).touch()
while not pathlib.Path({str(flags[1])!r}).exists():
    time.sleep(0.05)
dbutils.notebook.exit(str(spark.table("mine").count()))
"""
    parameter = {"name": "target_catalog", "default": "one"}
    other = {"parameters": [parameter], "tasks": [notebook_task("main", "other.py")]}
    code = "c = dbutils.widgets.get('target_catalog')\nspark.sql(f'CREATE SCHEMA {c}.s')\n"
    files = {"wait.py": wait, "other.py": NOTEBOOK + code}
    workspace = workspaces(
        {"wait": {"tasks": [notebook_task("main", "wait.py")]}, "other": other}, files
    )
    client = workspace.start()
    run_id = client.start("wait")
    wait_until(flags[0].exists, "the task's view")
    for name in ("one", "two"):
        run = client.run("other", job_parameters={"target_catalog": name})
        assert task_results(run) == {"main": "SUCCESS"}, client.outputs(run)
    flags[1].touch()
    output = client.outputs(client.finish(run_id))["main"]
    assert output.notebook_output is not None, output.error_trace
    assert output.notebook_output.result == "3"
    wait_until(lambda: not list(workspace.spark_folder.glob("session-*.json")), "the end of all")


UNITY = """
# Databricks notebook source
from databricks.sdk import WorkspaceClient
w = WorkspaceClient()
spark.sql("CREATE TABLE dev.sales.made (id BIGINT NOT NULL COMMENT 'key', n INT) COMMENT 'all'")
assert w.tables.exists("dev.sales.made").table_exists
made = w.tables.get("dev.sales.made")
columns = [(each.name, each.type_text, each.nullable, each.comment) for each in made.columns]
w.schemas.create("fresh", "dev")
schemas = [row[0] for row in spark.sql("SHOW SCHEMAS IN dev").collect()]
w.tables.delete("dev.sales.made")
gone = not spark.catalog.tableExists("dev.sales.made")
dbutils.notebook.exit(str((made.comment, columns, "fresh" in schemas, gone)))
"""


def test_task_and_its_calls_of_unity_catalog_see_each_others_tables(workspaces: Create) -> None:
    jobs = {"etl": {"tasks": [notebook_task("main", "main.py")]}}
    client = workspaces(jobs, {"main.py": UNITY}).start()
    columns = [("id", "bigint", False, "key"), ("n", "int", True, None)]
    assert notebook_result(client, "etl") == str(("all", columns, True, True))


def test_error_names_a_missing_table_as_the_task_wrote_it(workspaces: Create) -> None:
    files = {"read.py": READ, "sql.py": NOTEBOOK + "spark.sql('TABLE dev.sales.totals')"}
    tasks = [notebook_task("read", "read.py"), notebook_task("sql", "sql.py")]
    client = workspaces({"both": {"tasks": tasks}}, files).start()
    outputs = client.outputs(client.run("both"))
    for output in outputs.values():
        assert str(output.error).startswith("The table dev.sales.totals is not in the local")
    assert len(outputs) == 2


def test_example_saves_its_result_as_a_table(workspaces: Create, tmp_path: Path) -> None:
    result = tmp_path / "data" / "1" / "summary.json"
    result.parent.mkdir(parents=True)
    groups = [{"key": "UA", "flights": 2, "departureDelay": 14.5}]
    result.write_text(json.dumps({"byCarrier": groups}))
    task = (EXAMPLE / "tasks" / "table.py").read_text()
    arguments = ("--data", str(tmp_path / "data"), "--table", "main.shop.by_carrier")
    jobs = {"report": {"tasks": [python_task("table", "table.py", *arguments)]}}
    client = workspaces(jobs, {"table.py": task}).start()
    run = client.run("report")
    output = client.outputs(run)["table"]
    assert output.error is None, output.error_trace
    assert "14.5" in (output.logs or "")


MERGE = """
# Databricks notebook source
import os, signal
spark.sql("CREATE TABLE dev.sales.ids (id BIGINT GENERATED ALWAYS AS IDENTITY, n INT)")
spark.sql("INSERT INTO dev.sales.ids (n) VALUES (1)")
task = os.getpid()
spark.udf.register("kill_task", lambda n: os.kill(task, signal.SIGKILL) or n, "int")
spark.sql("MERGE INTO dev.sales.ids t USING (SELECT kill_task(2) AS n) s ON t.n = s.n "
          "WHEN NOT MATCHED THEN INSERT (n) VALUES (s.n)")
"""
MERGE_AGAIN = """
# Databricks notebook source
from delta.tables import DeltaTable
spark.sql("INSERT INTO dev.sales.ids (n) VALUES (3)")
table = DeltaTable.forName(spark, "dev.sales.ids")
new = spark.createDataFrame([(4,)], "n INT").alias("s")
table.alias("t").merge(new, "t.n = s.n").whenNotMatchedInsert(values={"n": "s.n"}).execute()
dbutils.notebook.exit(str(sorted(map(tuple, table.toDF().collect()))))
"""


def test_merge_that_is_killed_leaves_the_ids_of_a_table(workspaces: Create) -> None:
    files = {"merge.py": MERGE, "again.py": MERGE_AGAIN}
    tasks = [
        notebook_task("merge", "merge.py"),
        notebook_task("again", "again.py", depends_on=depends_on("merge"), run_if="ALL_DONE"),
    ]
    client = workspaces({"etl": {"tasks": tasks}}, files).start()
    run = client.run("etl")
    output = client.outputs(run)["again"]
    assert "SIGKILL" in str(client.outputs(run)["merge"].error)
    assert task_results(run) == {"merge": "FAILED", "again": "SUCCESS"}, output.error_trace
    assert output.notebook_output is not None
    assert output.notebook_output.result == "[(1, 1), (2, 3), (3, 4)]"
