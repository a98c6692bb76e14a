"""Tasks that run SQL, on DuckDB."""

from __future__ import annotations

from typing import Any

from tests.local.conftest import Serve
from tests.local.support import (
    depends_on,
    python_task,
    require_duckdb,
    task_results,
)


def sql(key: str, path: str, **more: Any) -> dict[str, Any]:
    body = {"warehouse_id": "any", "file": {"path": path, "source": "WORKSPACE"}}
    return {"task_key": key, "sql_task": {**body, **more.pop("body", {})}, **more}


def test_sql_task_runs_the_statements_of_its_file(serve: Serve) -> None:
    require_duckdb()
    tasks = [
        sql("make", "make.sql"),
        sql("sum", "sum.sql", body={"parameters": {"least": "2"}}, depends_on=depends_on("make")),
        sql("broken", "broken.sql", depends_on=depends_on("make")),
        sql("missing", "sum.sql", depends_on=depends_on("make")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}},
        {
            "make.sql": """
                -- a comment with :no_parameter
                CREATE TABLE numbers AS SELECT range::INTEGER AS n, 'a:b' AS t FROM range(5);
            """,
            "sum.sql": "SELECT 1;\nSELECT sum(n) AS total FROM numbers WHERE n >= :least::INTEGER;",
            "broken.sql": "SELECT * FROM nowhere;",
        },
    )
    run = client.run("etl")
    assert task_results(run) == {
        "make": "SUCCESS",
        "sum": "SUCCESS",
        "broken": "FAILED",
        "missing": "FAILED",
    }
    outputs = client.outputs(run)
    assert outputs["sum"].sql_output is not None
    assert "nowhere" in (outputs["broken"].error or "")
    missing = outputs["missing"].error or ""
    assert missing.startswith("Give the parameter least a value: under 'parameters'")
    assert missing.endswith("ValueError: The parameter least has no value.")
    assert client.rows(run, "sum") == [["total"], ["9"]]


def test_sql_task_accepts_the_dialect_of_databricks(serve: Serve) -> None:
    require_duckdb()
    tasks = [
        sql("make", "make.sql"),
        sql("read", "read.sql", depends_on=depends_on("make")),
        sql("full", "full.sql", depends_on=depends_on("make")),
        python_task(
            "rows",
            "main.py",
            "{{tasks.read.output.first_row.day}}",
            "{{tasks.read.output.rows}}",
            depends_on=depends_on("read"),
        ),
    ]
    parameters = [
        {"name": "catalog", "default": "sales"},
        {"name": "schema", "default": "raw"},
        {"name": "day", "default": "mon;day"},
    ]
    client = serve(
        {"etl": {"parameters": parameters, "tasks": tasks}},
        {
            "make.sql": """
                -- Created; each time
                USE CATALOG {{catalog}};
                USE IDENTIFIER({{schema}});
                CREATE OR REPLACE TABLE `all days` AS SELECT {{ day }} AS day, 'a;b' AS text;
                CREATE TABLE IF NOT EXISTS other (n INT); /* ; */
            """,
            "read.sql": """
                USE CATALOG {{catalog}};
                SELECT day, text FROM IDENTIFIER(:schema || '.all days');
            """,
            "full.sql": """
                SELECT day FROM sales.raw.`all days`;
            """,
            "main.py": "import sys; print(*sys.argv[1:], sep='\\n')",
        },
    )
    run = client.run("etl")
    outputs = client.outputs(run)
    assert task_results(run) == dict.fromkeys(("make", "read", "full", "rows"), "SUCCESS"), outputs
    assert outputs["rows"].logs == 'mon;day\n[{"day": "mon;day", "text": "a;b"}]\n'
