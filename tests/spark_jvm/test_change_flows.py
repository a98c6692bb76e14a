"""Flows of changes (AUTO CDC) in pipelines of Python and SQL, over several updates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, depends_on, python_task, task_results, write_bundle
from tests.spark_jvm.conftest import pipeline_task

if "CI" not in os.environ:
    pytest.importorskip("pyspark.pipelines.cli")

LANDING = "/Volumes/main/shop/landing"
FILES = {
    "python/users.py": """
        import dlt
        from pyspark.sql.functions import col, expr

        dlt.apply_changes(
            target="main.shop.users",
            source="changes",
            keys=[col("id")],
            sequence_by=col("seq"),
            apply_as_deletes=expr("op = 'DELETE'"),
            apply_as_truncates="op = 'TRUNCATE'",
            except_column_list=["op", col("seq")],
        )

        @dlt.view
        def changes():
            files = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
            files = files.schema("id INT, name STRING, city STRING, seq INT, op STRING")
            return files.load(spark.conf.get("landing"))
    """,
    "python/targets.py": """
        from pyspark import pipelines as dp

        dp.create_streaming_table("users", comment="Users as they are now", path="/x")
        dp.create_streaming_table("plain")
        dp.create_streaming_table("copies")
        dp.create_auto_cdc_from_snapshot_flow("copies", "user_count", ["count"])

        @dp.append_flow(target="plain")
        def names():
            return spark.readStream.table("changes").where("op = 'INSERT'").select("name")

        @dp.append_flow(target="plain")
        def changed_names():
            return spark.readStream.table("changes").where("op = 'UPDATE'").select("name")

        @dp.materialized_view
        def user_count():
            return spark.read.table("users").groupBy().count()
    """,
    "python/people.py": """
        import dlt

        @dlt.table
        def people():
            return dlt.read("users").drop("city").distinct().dropna()

        @dlt.table
        def people_count():
            return dlt.read("people").groupBy().count()

        @dlt.table
        def ids():
            known = dlt.read_stream("changes").where("id IS NOT NULL")
            return known.dropDuplicates(["id"]).drop("name", "city", "seq", "op")
    """,
    "sql/history.sql": """
        CREATE OR REFRESH STREAMING TABLE raw AS
        SELECT * FROM STREAM read_files('${landing}', format => 'json',
          schema => 'id INT, name STRING, city STRING, seq INT, op STRING');

        CREATE OR REFRESH STREAMING TABLE main.shop.history (
          id INT, name STRING, city STRING, __START_AT INT, __END_AT INT,
          CONSTRAINT history_key PRIMARY KEY (id, __START_AT) RELY
        ) COMMENT 'all; versions' CLUSTER BY AUTO;

        -- The users who have left; their history stays.
        CREATE FLOW versions AS AUTO CDC INTO main.shop.history
        FROM (SELECT * FROM STREAM(raw) WHERE op <> 'TRUNCATE')
        KEYS (id)
        APPLY AS DELETE WHEN op = "${gone}"
        SEQUENCE BY seq
        COLUMNS * EXCEPT (op, seq)
        STORED AS SCD TYPE 2
        TRACK HISTORY ON * EXCEPT (city);

        CREATE OR REFRESH STREAMING TABLE cities;
        APPLY CHANGES INTO LIVE.cities FROM (SELECT * FROM STREAM(LIVE.raw) WHERE id IS NOT NULL)
        KEYS (id) SEQUENCE BY struct(seq, name) COLUMNS (id, city);
    """,
    "streamed/stream.py": """
        from pyspark import pipelines as dp

        @dp.table
        def again():
            return spark.readStream.table("main.shop.current")

        dp.create_streaming_table("current")
        dp.create_auto_cdc_flow("current", "source", ["id"], "seq")
    """,
    "unordered/numbers.py": """
        from pyspark import pipelines as dp

        @dp.table
        def numbers():
            files = spark.readStream.format("json").schema("id INT, seq INT")
            return files.load(spark.conf.get("landing"))
    """,
    "unordered/latest.sql": """
        CREATE STREAMING TABLE latest FLOW AUTO CDC FROM STREAM(numbers)
        KEYS (id) SEQUENCE BY seq;
    """,
    "read.py": """
        import sys
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
        for name in sys.argv[1:]:
            print(name, *sorted(tuple(row) for row in spark.table(f"shop.{name}").collect()))
        logs = spark.sql("SHOW TABLES IN shop LIKE '__*'")
        print("logs", *(row.tableName for row in logs.collect()))
    """,
}
PIPELINES = {
    key: {
        "name": key,
        "catalog": "main",
        "schema": "shop",
        "configuration": {"landing": LANDING, "gone": "DELETE"},
        "libraries": [{"glob": {"include": f"{key}/**"}}],
    }
    for key in ("python", "sql", "streamed", "unordered")
}
TABLES = [
    "users",
    "plain",
    "user_count",
    "history",
    "cities",
    "people",
    "people_count",
    "ids",
    "copies",
]


JOBS = {
    "update": {
        "tasks": [
            pipeline_task("python"),
            pipeline_task("sql"),
            {
                **python_task("read", "read.py"),
                "depends_on": depends_on("python", "sql"),
                "spark_python_task": {"python_file": "read.py", "parameters": TABLES},
            },
        ],
    },
    "again": {"tasks": [pipeline_task("python", full_refresh_selection=["main.shop.users"])]},
    "read": {
        "tasks": [
            {
                "task_key": "read",
                "spark_python_task": {"python_file": "read.py", "parameters": ["users", "plain"]},
            }
        ]
    },
    "wrong": {"tasks": [pipeline_task("streamed"), pipeline_task("unordered")]},
}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "folder/volumes/main/shop/landing"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def client(tmp_path: Path, landing: Path) -> Iterator[Client]:
    (tmp_path / "bundle").mkdir()
    path = write_bundle(tmp_path / "bundle", JOBS, FILES)
    content = yaml.safe_load(path.read_text())
    content["resources"]["pipelines"] = PIPELINES
    path.write_text(yaml.safe_dump(content))
    with Workspace(path, tmp_path / "folder") as address:
        ids = {key: job.job_id for key, job in load_bundle(path).jobs.items()}
        yield Client(address, ids)


def run(client: Client, job: str) -> list[str]:
    """Run a job, and return the lines of its task that reads tables."""
    finished = client.run(job)
    outputs = client.outputs(finished)
    assert set(task_results(finished).values()) == {"SUCCESS"}, outputs
    return str(outputs["read"].logs).splitlines() if "read" in outputs else []


def test_changes_of_several_updates_make_the_tables_of_their_sequence(
    client: Client, landing: Path
) -> None:
    (landing / "1.json").write_text(
        '{"id": 1, "name": "ann", "city": "Rome", "seq": 1, "op": "INSERT"}\n'
        '{"id": 2, "name": "bob", "city": "Oslo", "seq": 2, "op": "INSERT"}\n'
        '{"id": 1, "name": "eve", "city": "Bonn", "seq": 6, "op": "UPDATE"}\n'
    )
    assert run(client, "update") == [
        "users (1, 'eve', 'Bonn') (2, 'bob', 'Oslo')",
        "plain ('ann',) ('bob',) ('eve',)",
        "user_count (2,)",
        "history (1, 'ann', 'Rome', 1, 6) (1, 'eve', 'Bonn', 6, None) (2, 'bob', 'Oslo', 2, None)",
        "cities (1, 'Bonn') (2, 'Oslo')",
        "people (1, 'eve') (2, 'bob')",
        "people_count (2,)",
        "ids (1,) (2,)",
        "copies (2,)",
        "logs",
    ]
    (landing / "2.json").write_text(
        '{"id": 1, "name": "ann", "city": "Bari", "seq": 3, "op": "UPDATE"}\n'  # late
        '{"id": 2, "name": null, "city": null, "seq": 7, "op": "DELETE"}\n'
        '{"id": 3, "name": "joe", "city": "Lyon", "seq": 4, "op": "INSERT"}\n'
        '{"id": null, "name": null, "city": null, "seq": 5, "op": "TRUNCATE"}\n'
    )
    lines = run(client, "update")
    assert lines == [
        "users (1, 'eve', 'Bonn')",
        "plain ('ann',) ('ann',) ('bob',) ('eve',) ('joe',)",
        "user_count (1,)",
        (
            "history (1, 'ann', 'Bari', 1, 6) (1, 'eve', 'Bonn', 6, None) (2, 'bob', 'Oslo', 2, 7)"
            " (3, 'joe', 'Lyon', 4, None)"
        ),
        "cities (1, 'Bonn') (2, None) (3, 'Lyon')",
        "people (1, 'eve')",
        "people_count (1,)",
        "ids (1,) (2,) (3,)",
        "copies (1,)",
        "logs",
    ]
    (landing / "1.json").unlink()
    run(client, "again")
    assert run(client, "read")[:2] == ["users", lines[1]]


def test_streams_of_a_target_and_changes_without_a_sequence_fail(
    client: Client, landing: Path
) -> None:
    (landing / "1.json").write_text('{"id": 1, "seq": 1}\n{"id": 2, "seq": null}')
    outputs = client.outputs(client.run("wrong"))
    assert str(outputs["streamed"].error).startswith(
        "ValueError: Read current as a table, or its source as a stream: a stream of current has"
    )
    error = "A change of latest has NULL as its sequence or in a key. Filter such rows in"
    assert error in str(outputs["unordered"].error)
