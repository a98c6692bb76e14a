"""Pipelines and programs of Java run on a pyspark with Java, and share its tables."""

from __future__ import annotations

import base64
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, depends_on, python_task, task_results, write_bundle
from tests.spark_jvm.conftest import pipeline_task
from tests.support import wait_until

if "CI" not in os.environ:
    pytest.importorskip("pyspark.pipelines.cli")

# javac --release 8 -g:none of a class Main that prints its arguments. Then it throws
# IllegalStateException("no day") after "fail", and sleeps for ten minutes after "sleep".
MAIN = """
yv66vgAAADQAOQoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWCQAIAAkHAAoM
AAsADAEAEGphdmEvbGFuZy9TeXN0ZW0BAANvdXQBABVMamF2YS9pby9QcmludFN0cmVhbTsIAA4BAAEgCgAQABEH
ABIMABMAFAEAEGphdmEvbGFuZy9TdHJpbmcBAARqb2luAQBFKExqYXZhL2xhbmcvQ2hhclNlcXVlbmNlO1tMamF2
YS9sYW5nL0NoYXJTZXF1ZW5jZTspTGphdmEvbGFuZy9TdHJpbmc7CgAWABcHABgMABkAGgEAE2phdmEvaW8vUHJp
bnRTdHJlYW0BAAdwcmludGxuAQAVKExqYXZhL2xhbmcvU3RyaW5nOylWCAAcAQAEZmFpbAoAEAAeDAAfACABAAZl
cXVhbHMBABUoTGphdmEvbGFuZy9PYmplY3Q7KVoHACIBAB9qYXZhL2xhbmcvSWxsZWdhbFN0YXRlRXhjZXB0aW9u
CAAkAQAGbm8gZGF5CgAhACYMAAUAGggAKAEABXNsZWVwBQAAAAAACSfACgAsAC0HAC4MACgALwEAEGphdmEvbGFu
Zy9UaHJlYWQBAAQoSilWBwAxAQAETWFpbgEABENvZGUBAARtYWluAQAWKFtMamF2YS9sYW5nL1N0cmluZzspVgEA
DVN0YWNrTWFwVGFibGUBAApFeGNlcHRpb25zBwA4AQATamF2YS9sYW5nL0V4Y2VwdGlvbgAhADAAAgAAAAAAAgAB
AAUABgABADIAAAARAAEAAQAAAAUqtwABsQAAAAAACQAzADQAAgAyAAAASQADAAEAAAAzsgAHEg0quAAPtgAVKgMy
Ehu2AB2ZAA27ACFZEiO3ACW/KgMyEie2AB2ZAAkUACm4ACuxAAAAAQA1AAAABAACIRAANgAAAAQAAQA3AAA=
"""
FILES = {
    "pipeline/shop/names.py": 'COLUMN = "n"\n',
    "libraries/rides.py": 'FOLDER = "/databricks-datasets/nyctaxi/sample/json/"\n',
    "pipeline/transformations/orders.py": """
        import sys

        from pyspark import pipelines as dp
        from pyspark.sql.functions import col

        from shop.names import COLUMN

        sys.path.append("../../libraries")
        from rides import FOLDER

        @dp.materialized_view
        def rides():
            return spark.read.json(FOLDER).where("fare_amount < 30")

        @dp.materialized_view(
            schema="item STRING, price INT, CONSTRAINT prices_key PRIMARY KEY (item) RELY"
        )
        def prices():
            price = 3 if spark.conf.get("pipelines.id", None) else 0
            return spark.createDataFrame([("tea", price)], schema="item STRING, price INT")

        @dp.materialized_view
        def shouted():
            frame = spark.read.table("loud")

            def repeat(batches):
                from shop.names import COLUMN

                for batch in batches:
                    yield batch.assign(**{COLUMN.upper(): "2"})

            return frame.mapInPandas(repeat, frame.schema)

        @dp.table
        def texts():
            files = "STREAM read_files('/Volumes/main/sales/landing', format => 'json')"
            return spark.sql(f"SELECT who, '{{}}' AS braces FROM {files} WHERE n = '1'")

        @dp.temporary_view
        def loud():
            frame = spark.readStream.table("landed")  # of a later file
            batch = spark.read.table("landed") if frame.isStreaming else None
            return batch.toDF(*[each.upper() for each in frame.columns])

        @dp.table(name="main.sales.orders", cluster_by_auto=True)
        @dp.expect_or_drop("positive", "n > 0")
        def orders():
            return spark.range(4).select(col("id").cast("int").alias(COLUMN))
    """,
    "pipeline/transformations/trips.sql": """
        CREATE OR REFRESH MATERIALIZED VIEW trips AS
        SELECT count(*) AS n FROM samples.nyctaxi.trips
        WHERE EXISTS (SELECT * FROM samples.tpch.lineitem WHERE l_shipdate > '1992-01-01');

        CREATE OR REFRESH STREAMING TABLE known (
          CONSTRAINT ours EXPECT (who <> 'bob') ON VIOLATION DROP ROW
        ) AS SELECT who FROM STREAM(LIVE.landed);

        CREATE OR REFRESH STREAMING TABLE files AS
        SELECT *, _metadata.file_name AS file FROM STREAM read_files(
          '${shop.landing}', schemaHints => 'who STRING, n INT'
        ) WHERE n > 0;

        CREATE OR REFRESH MATERIALIZED VIEW lines AS
        SELECT who FROM read_files('/Volumes/main/sales/lines', format => 'csv')
        WHERE _rescued_data IS NULL
        UNION ALL SELECT _c0 FROM read_files('/Volumes/main/sales/lines', header => false)
        UNION ALL SELECT who FROM line_stream;
    """,
    "pipeline/notebook.py": """
        # Databricks notebook source
        import dlt

        spark.conf.set("shop.own", "who")
        spark.udf.register("is_known", lambda name: name is not None, "boolean")

        @dlt.view
        def large():
            return dlt.read("LIVE.orders").where("n > 1")

        # COMMAND ----------
        # MAGIC %sql
        # MAGIC CREATE OR REFRESH LIVE TABLE totals (CONSTRAINT some EXPECT (n > 0))
        # MAGIC AS SELECT count(*) AS n, '${shop.day}' AS day FROM LIVE.large

        # COMMAND ----------
        @dlt.table
        def landed():
            files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
            return files.load(spark.conf.get("shop.landing"))

        @dlt.table
        def line_stream():
            files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv")
            lines = files.load("/Volumes/main/sales/lines").where("_rescued_data IS NULL")
            return lines.where(f"is_known({spark.conf.get('shop.own')})")

        @dlt.table
        def changed():
            changes = spark.readStream.option("readChangeFeed", "true").table("landed")
            return changes.filter("_change_type = 'insert'").select("who", "_commit_version")
    """,
    "save.py": """
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        rows = spark.createDataFrame([(1, "tea", 1), (2, "cake", 1)], "id long, item string, v int")
        writer = rows.write.mode("overwrite").partitionBy("item")
        writer.saveAsTable("main.raw.orders")
        spark.sql("DELETE FROM main.raw.orders WHERE id = 1")
        spark.sql("INSERT INTO main.raw.orders VALUES (3, 'tea', 1)")
        spark.sql("CREATE OR REPLACE TABLE dev.raw.day AS SELECT DATE '2025-01-31' AS day")
        text = "SELECT day, 1 AS one FROM dev.raw.day"
        spark.sql(f"CREATE OR REPLACE VIEW dev.raw.days AS {text}")
    """,
    "pipeline/sold.sql": """
        CREATE OR REFRESH MATERIALIZED VIEW main.gold.sold AS
        SELECT id, item, day FROM main.raw.orders CROSS JOIN ${env}.raw.days
        WHERE EXISTS (SELECT * FROM samples.nyctaxi.trips);
    """,
    "pipeline/clash.py": """
        from pyspark import pipelines as dp

        dp.create_streaming_table("orders")

        @dp.append_flow(target="orders")
        def more():
            return spark.readStream.table("main.raw.orders")
    """,
    "change.py": """
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        print("sold", sorted(spark.table("main.gold.sold").collect()))
        spark.sql("ALTER TABLE main.raw.orders ADD COLUMN note STRING")
        spark.sql("INSERT INTO main.raw.orders (id, item, v, note) VALUES (4, 'milk', 1, 'x')")
        spark.sql("DROP TABLE dev.raw.day")
        spark.sql("CREATE TABLE dev.raw.day AS SELECT DATE '2025-02-01' AS day")
    """,
    "after.py": """
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        print("sold", sorted(spark.table("main.gold.sold").collect()))
        print("orders", spark.table("main.raw.orders").count())
        print("day", spark.table("dev.raw.day").first().day)
    """,
    "pipeline/broken.py": """
        from pyspark import pipelines as dp

        @dp.materialized_view
        def broken():
            raise ValueError("no day")

        dp.create_streaming_table("main.unseen.days")
    """,
    "pipeline/lost.sql": "CREATE MATERIALIZED VIEW lost AS SELECT * FROM main.sales.nowhere;",
    "read.py": """
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        print("read on", type(spark).__module__)
        tables = "orders totals landed changed shouted known files lines prices trips texts".split()
        for name in tables:
            print("read", name, sorted(spark.table(f"sales.{name}").collect()))
        print("read rides", spark.table("sales.rides").count())
    """,
}
PIPELINES = {
    "shop": {
        "name": "shop",
        "catalog": "main",
        "schema": "sales",
        "root_path": "pipeline",
        "configuration": {"shop.landing": "/Volumes/main/sales/landing"},
        "libraries": [
            {"glob": {"include": "pipeline/transformations/**"}},
            {"notebook": {"path": "pipeline/notebook"}},
        ],
    },
    "sold": {
        "schema": "raw",
        "configuration": {"env": "dev"},
        "libraries": [{"file": {"path": "pipeline/sold.sql"}}],
    },
    "clash": {"schema": "raw", "libraries": [{"file": {"path": "pipeline/clash.py"}}]},
    "lost": {"libraries": [{"file": {"path": "pipeline/lost.sql"}}]},
    "broken": {"libraries": [{"file": {"path": "pipeline/broken.py"}}]},
}


def jar_task(key: str) -> dict[str, Any]:
    body = {"main_class_name": "Main", "parameters": [key, "{{job.id}}"]}
    return {"task_key": key, "spark_jar_task": body, "libraries": [{"jar": "main.jar"}]}


JOBS = {
    "etl": {
        "parameters": [{"name": "day", "default": "mon"}],
        "tasks": [
            pipeline_task("shop", parameters={"shop.day": "{{job.parameters.day}}"}),
            {**python_task("read", "read.py"), "depends_on": depends_on("shop")},
            pipeline_task("broken"),
            pipeline_task("lost"),
        ],
    },
    "sail": {
        "parameters": [{"name": "deployed", "default": ""}],
        "tasks": [
            python_task("save", "save.py"),
            {**pipeline_task("sold"), "depends_on": depends_on("save")},
            {**python_task("change", "change.py"), "depends_on": depends_on("sold")},
            {
                **pipeline_task("again", pipeline_id="{{job.parameters.deployed}}"),
                "depends_on": depends_on("change"),
            },
            {**pipeline_task("clash"), "depends_on": depends_on("again")},
            {
                **python_task("after", "after.py"),
                "depends_on": depends_on("clash"),
                "run_if": "ALL_DONE",
            },
        ],
    },
    "jars": {"tasks": [jar_task("print"), jar_task("fail")]},
    "long": {"tasks": [jar_task("sleep")]},
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    (tmp_path / "bundle").mkdir()
    path = write_bundle(tmp_path / "bundle", JOBS, FILES)
    content = yaml.safe_load(path.read_text())
    content["resources"]["pipelines"] = PIPELINES
    path.write_text(yaml.safe_dump(content))
    with zipfile.ZipFile(tmp_path / "bundle" / "main.jar", "w") as jar:
        jar.writestr("Main.class", base64.b64decode(MAIN))
    landing = tmp_path / "folder/volumes/main/sales/landing"
    (landing / "ann").mkdir(parents=True)  # where Auto Loader and read_files look too
    (landing / "ann/a.json").write_text('{"who": "ann", "n": "1"}')
    (landing / "b.json").write_text('{"who": "bob", "n": "0"}')
    lines = tmp_path / "folder/volumes/main/sales/lines"
    lines.mkdir()
    (lines / "a.csv").write_text("who\nann\n")
    with Workspace(path, tmp_path / "folder") as address:
        ids = {key: job.job_id for key, job in load_bundle(path).jobs.items()}
        yield Client(address, ids)


def deploy_pipeline(client: Client) -> str:
    """Create a pipeline of an uploaded file; return its id."""
    folder = f"/Workspace/Users/{client.sdk.current_user.me().user_name}/.bundle/tests/other/files"
    content = base64.b64encode(dedent(FILES["pipeline/sold.sql"]).encode()).decode()
    client.http("POST", "/api/2.0/workspace/mkdirs", {"path": folder})
    file = {"path": f"{folder}/sold.sql", "format": "AUTO", "content": content}
    assert client.http("POST", "/api/2.0/workspace/import", file)[0] == 200
    settings = {
        "name": "deployed",
        "schema": "raw",
        "parameters": {"env": "dev"},
        "libraries": [{"glob": {"include": f"{folder}/**"}}],
    }
    return str(client.http("POST", "/api/2.0/pipelines", settings)[1]["pipeline_id"])


def find_processes(text: str) -> list[str]:
    """Return the commands of the processes that name a text, this one not among them."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended
            continue
        if text in command and int(name) != os.getpid():
            found.append(command)
    return found


def test_pipeline_shares_its_tables_and_locates_its_errors(client: Client, tmp_path: Path) -> None:
    before = {path for path in (tmp_path / "bundle").rglob("*") if "__pycache__" not in str(path)}
    run = client.run("etl")
    outputs = client.outputs(run)
    expected = {"shop": "SUCCESS", "read": "SUCCESS", "broken": "FAILED", "lost": "FAILED"}
    assert task_results(run) == expected, outputs
    lines = str(outputs["read"].logs).splitlines()
    rescued, loud = "_rescued_data=None", "_RESCUED_DATA=None"
    assert [line for line in lines if line.startswith("read ")] == [
        "read on pyspark.sql.connect.session",  # Sail, and the pipeline on Java
        "read orders [Row(n=1), Row(n=2), Row(n=3)]",
        "read totals [Row(n=2, day='mon')]",
        f"read landed [Row(n='0', who='bob', {rescued}), Row(n='1', who='ann', {rescued})]",
        "read changed [Row(who='ann', _commit_version=0), Row(who='bob', _commit_version=0)]",
        f"read shouted [Row(N='2', WHO='ann', {loud}), Row(N='2', WHO='bob', {loud})]",
        "read known [Row(who='ann')]",
        f"read files [Row(n=1, who='ann', {rescued}, file='a.json')]",
        "read lines [Row(who='ann'), Row(who='ann'), Row(who='ann'), Row(who='who')]",
        "read prices [Row(item='tea', price=3)]",
        "read trips [Row(n=2000)]",
        "read texts [Row(who='ann', braces='{}')]",
        "read rides 1068",
    ]
    assert outputs["broken"].error == "ValueError: no day"
    assert 'pipeline/broken.py", line 5, in broken' in str(outputs["broken"].error_trace)
    error = str(outputs["lost"].error)
    table = "`spark_catalog`.`sales`.`nowhere`"
    assert error.startswith(f"The table {table} is not in the local workspace. Create it in")
    assert "`sales`.`nowhere` cannot be found" in error
    after = {path for path in (tmp_path / "bundle").rglob("*") if "__pycache__" not in str(path)}
    assert after == before
    assert find_processes(str(tmp_path)) == []


def test_pipeline_reads_the_tables_of_sail_as_they_are(client: Client) -> None:
    """One is of the bundle, and the other one of a deployment."""
    run = client.run("sail", job_parameters={"deployed": deploy_pipeline(client)})
    outputs = client.outputs(run)
    errors = {key: (output.error, output.logs) for key, output in outputs.items()}
    failed = {key for key, result in task_results(run).items() if result != "SUCCESS"}
    assert failed == {"clash"}, errors
    error = "TableIsTaken: The pipeline defines the table raw.orders, but a task has saved main."
    assert str(outputs["clash"].error).startswith(error)
    day = "day=datetime.date(2025, 1, 31)"
    sold = f"sold [Row(id=2, item='cake', {day}), Row(id=3, item='tea', {day})]"
    assert sold in str(outputs["change"].logs)
    lines = str(outputs["after"].logs).splitlines()
    assert len(re.findall(r"day=datetime\.date\(2025, 2, 1\)", lines[0])) == 3, lines
    assert {"orders 3", "day 2025-02-01"} <= set(lines)


def test_jar_prints_its_parameters_and_reports_its_exception(client: Client) -> None:
    run = client.run("jars")
    outputs = client.outputs(run)
    assert task_results(run) == {"print": "SUCCESS", "fail": "FAILED"}, outputs
    assert f"print {client.job_ids['jars']}" in str(outputs["print"].logs)
    error = "ProgramFailed: java.lang.IllegalStateException: no day"
    assert outputs["fail"].error == error


def test_canceled_jar_leaves_no_process_and_no_temporary_file(client: Client) -> None:
    run_id = client.start("long")
    java = "-Djava.io.tmpdir="
    wait_until(
        lambda: any(java in each for each in find_processes("main.jar sleep")), "the start of Java"
    )
    command = next(each for each in find_processes("main.jar sleep") if java in each)
    temporary = Path(command.split(java)[1].split(" ")[0])
    assert temporary.is_dir()
    client.jobs.cancel_run(run_id)
    run = client.finish(run_id)
    assert task_results(run) == {"sleep": "CANCELED"}
    assert find_processes("main.jar sleep") == []
    assert not temporary.exists()
