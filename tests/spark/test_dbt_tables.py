"""dbt tasks, which run on DuckDB, and tasks on Sail have the same tables."""

# ruff: noqa: S608  # the notebooks have SQL

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.dbt.conftest import PROFILES, dbt_task, sql_task
from tests.local.support import Client, depends_on, notebook_task, task_results
from tests.spark.conftest import SparkWorkspace

if "CI" not in os.environ:
    pytest.importorskip("dbt.adapters.duckdb")

Create = Callable[[Mapping[str, Any], Mapping[str, str]], SparkWorkspace]

NOTEBOOK = "# Databricks notebook source\n"
FILES = {
    "bronze.py": f"""{NOTEBOOK}
rows = [(1, "tea", [1]), (2, "cake", [2, 3]), (3, "tea", [])]
frame = spark.createDataFrame(rows, "id int, item string, tags array<int>")
frame.write.mode("overwrite").saveAsTable("main.raw.orders")
spark.sql("CREATE OR REPLACE VIEW main.raw.teas AS SELECT * FROM main.raw.orders WHERE id <> 2")
""",
    "dbt/dbt_project.yml": "name: shop\nversion: 1.0.0\nprofile: shop\n",
    "dbt/profiles/profiles.yml": PROFILES,
    "dbt/seeds/prices.csv": "item,price\ntea,2\ncake,3\n",
    "dbt/models/schema.yml": """
        version: 2
        sources:
          - name: raw
            database: main
            schema: raw
            tables: [{name: orders}, {name: teas}]
        """,
    "dbt/models/tagged.sql": """
        {{ config(materialized='ephemeral') }}
        select id, item, size(tags) as tags from {{ source('raw', 'orders') }}
        """,
    # The function is one of Databricks, which DuckDB has under another name.
    "dbt/models/staged.sql": """
        {{ config(materialized='view') }}
        with rows as (select *, collect_list(tags) over () as all_tags from {{ ref('tagged') }})
        select id, item, size(all_tags) as n from rows qualify row_number() over (order by id) > 0
        """,
    "dbt/models/again.sql": "{{ config(materialized='view') }} select * from {{ ref('staged') }}",
    "dbt/models/mart.sql": """
        {{ config(materialized='table', database='gold') }}
        select item, sum(price) as worth, to_timestamp('2025-01-31 10:00:00') as at
        from {{ ref('again') }} join {{ ref('prices') }} using (item) group by item
        """,
    "dbt/models/teas.sql": """
        {{ config(materialized='table') }} select count(*) as n from {{ source('raw', 'teas') }}
        """,
    "read.sql": "SELECT item, worth, typeof(worth) AS kind, at FROM gold.default.mart ORDER BY 1",
    # It writes to a table of dbt, and to one that dbt reads.
    "change.py": f"""{NOTEBOOK}
spark.sql("INSERT INTO main.raw.orders VALUES (4, 'cake', array())")
spark.sql("UPDATE main.default.prices SET price = 5 WHERE item = 'tea'")
spark.sql("DROP TABLE main.default.teas")
counts = [spark.table(f"main.default.{{name}}").count() for name in ("staged", "again")]
dbutils.notebook.exit(str(counts))
""",
    "after.sql": "SHOW TABLES IN main.default",
}
JOBS = {
    "etl": {
        "tasks": [
            notebook_task("bronze", "bronze.py"),
            dbt_task("dbt", "dbt build", depends_on=depends_on("bronze")),
            sql_task("read", "read.sql", depends_on=depends_on("dbt")),
        ]
    },
    "change": {
        "tasks": [
            notebook_task("change", "change.py"),
            dbt_task("dbt", "dbt run --select mart", depends_on=depends_on("change")),
            sql_task("read", "read.sql", depends_on=depends_on("dbt")),
            sql_task("after", "after.sql", depends_on=depends_on("dbt")),
        ]
    },
}


def run(client: Client, job: str) -> Any:
    run = client.run(job)
    outputs = client.outputs(run)
    errors = {key: (output.error, output.logs) for key, output in outputs.items()}
    assert set(task_results(run).values()) == {"SUCCESS"}, errors
    return run


def test_dbt_and_sail_read_each_others_tables(workspaces: Create) -> None:
    workspace = workspaces(JOBS, FILES)
    client = workspace.start()
    first = client.rows(run(client, "etl"), "read")
    assert [row[:3] for row in first[1:]] == [["cake", "3", "bigint"], ["tea", "4", "bigint"]]
    assert first[1][3] == "2025-01-31 10:00:00"
    changed = run(client, "change")
    # Views of dbt are views on Sail too, so that they have the new row before dbt runs again.
    output: Any = client.outputs(changed)["change"]
    assert output.notebook_output.result == "[4, 4]"
    rows = client.rows(changed, "read")
    assert [row[:2] for row in rows[1:]] == [["cake", "6"], ["tea", "10"]]
    names = {row[1] for row in client.rows(changed, "after")[1:]}
    assert names == {"again", "prices", "staged"}


SHARING = f"""{NOTEBOOK}
import json, os, tempfile
os.environ["LAKEFLOW_LOCAL_DATA"] = tempfile.mkdtemp()
from task_process.dbt.shared_tables import SharedTables
from task_process.sql.catalogs import Warehouse

def share(*statements, spark_statements=()):
    tables = SharedTables(spark, os.environ["LAKEFLOW_LOCAL_DATA"] + "/shared.json", lambda _: None)
    tables.fetch()
    database = Warehouse()
    for statement in statements:
        database.execute(statement)
    database.close()
    for statement in spark_statements:
        spark.sql(statement)
    return tables.publish()

def kinds(name):
    return sorted(map(list, spark.table(name).dtypes))

results = {{}}
"""
SNIPPETS = {
    "types": (
        """
errors = share(
    "CREATE TABLE warehouse.default.kinds AS SELECT 1::HUGEINT AS h, [2::UBIGINT] AS u, "
    "{'time': TIME '10:00', 'at': TIMESTAMP '2025-01-01'} AS s, INTERVAL 1 DAY AS i, "
    "MAP {'k': 1.5::DECIMAL(4, 1)} AS m, 'x'::ENUM('x', 'y(') AS e, NULL AS n, 'a'::BLOB AS b, "
    "DATE '2025-01-01' AS d, uuid() AS id"
)
result = [errors, errors or kinds("main.default.kinds")]
""",
        [
            [],
            [
                ["b", "binary"],
                ["d", "date"],
                ["e", "string"],
                ["h", "bigint"],
                ["i", "string"],
                ["id", "string"],
                ["m", "map<string,decimal(4,1)>"],
                ["n", "string"],
                ["s", "struct<time:string,at:timestamp>"],
                ["u", "array<decimal(20,0)>"],
            ],
        ],
    ),
    "conflict": (
        """
share("CREATE TABLE warehouse.default.both AS SELECT 1 AS n")
errors = share(
    "INSERT INTO warehouse.default.both VALUES (2)",
    spark_statements=["INSERT INTO main.default.both VALUES (3)"],
)
share()
database = Warehouse()
rows = [database.execute("SELECT n FROM warehouse.default.both ORDER BY n").fetchall()]
rows.append([tuple(each) for each in spark.table("main.default.both").orderBy("n").collect()])
database.close()
result = [errors, rows]
""",
        [
            [
                (
                    "Another task wrote the table main.default.both while dbt did, so the rows of "
                    "dbt are lost. Let one of the two tasks depend on the other."
                )
            ],
            [[[1], [3]], [[1], [3]]],
        ],
    ),
    "view that sail cannot run": (
        """
share("CREATE TABLE warehouse.default.one AS SELECT 1 AS n",
      "CREATE VIEW warehouse.default.seen AS SELECT n FROM warehouse.default.one")
share("INSERT INTO warehouse.default.one VALUES (2)")
result = spark.table("main.default.seen").count()
""",
        2,
    ),
    "table replaces view": (
        """
spark.sql("CREATE VIEW main.default.kind AS SELECT 1 AS n")
share("DROP TABLE warehouse.default.kind",
      "CREATE VIEW warehouse.default.kind AS SELECT 2 AS n")
share("DROP VIEW warehouse.default.kind", "CREATE TABLE warehouse.default.kind AS SELECT 3 AS n")
first = spark.table("main.default.kind").collect()[0].n
spark.sql("CREATE OR REPLACE TABLE main.default.kind AS SELECT 'four' AS n")
share("CREATE TABLE warehouse.default.copied AS SELECT n FROM warehouse.default.kind")
result = [first, spark.table("main.default.copied").collect()[0].n]
""",
        [3, "four"],
    ),
    "dropped tables": (
        """
share("CREATE TABLE warehouse.default.gone AS SELECT 1 AS n")
share("DROP TABLE warehouse.default.gone")
first = spark.catalog.tableExists("main.default.gone")
spark.sql("CREATE TABLE main.default.gone AS SELECT 2 AS n")
share()
second = spark.table("main.default.gone").collect()[0].n
spark.sql("DROP TABLE main.default.gone")
share()
database = Warehouse()
third = database.execute(
    "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'gone'"
).fetchone()[0]
database.close()
result = [first, second, third]
""",
        [False, 2, 0],
    ),
    "empty table": (
        """
spark.sql("CREATE TABLE main.default.empty (n INT, day DATE)")
errors = share("CREATE TABLE warehouse.default.empty2 AS FROM warehouse.default.empty")
result = [errors, errors or kinds("main.default.empty2")]
""",
        [[], [["day", "date"], ["n", "int"]]],
    ),
    "type that sail lacks": (
        """
share("CREATE TABLE warehouse.default.odd AS SELECT 1 AS n")
errors = share(
    "CREATE OR REPLACE TABLE warehouse.default.odd AS SELECT 10000000000000000000::HUGEINT AS n",
    "CREATE TABLE warehouse.default.even AS SELECT 2 AS n",
)
exist = [spark.catalog.tableExists(f"main.default.{name}") for name in ("odd", "even")]
database = Warehouse()
kept = len(database.execute("SELECT n FROM warehouse.default.odd").fetchall())
database.close()
result = [[each.partition(": ")[0] for each in [*errors, *share()]], exist, kept]
""",
        [["Tasks on Spark cannot read the table main.default.odd of dbt"] * 2, [False, True], 1],
    ),
}


def test_shared_tables_have_the_rows_of_the_last_writer(workspaces: Create) -> None:
    code = SHARING
    for name, (text, _) in SNIPPETS.items():
        code += f"{text}\nresults[{name!r}] = result\n"
    code += "dbutils.notebook.exit(json.dumps(results))\n"
    jobs = {"etl": {"tasks": [notebook_task("main", "main.py")]}}
    client = workspaces(jobs, {"main.py": code}).start()
    output: Any = client.outputs(client.run("etl"))["main"]
    assert output.error is None, output.error_trace
    results = json.loads(output.notebook_output.result)
    for name, (_, expected) in SNIPPETS.items():
        assert results[name] == expected, name
