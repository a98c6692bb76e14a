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
        sql("make", "make.sql", body={"parameters": {"least": "2"}}),
        sql("sum", "sum.sql", body={"parameters": {"least": "2"}}, depends_on=depends_on("make")),
        sql("broken", "broken.sql", depends_on=depends_on("make")),
        sql("missing", "sum.sql", depends_on=depends_on("make")),
        python_task("rows", "main.py", "{{tasks.sum.output.rows}}", depends_on=depends_on("sum")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}},
        {
            "make.sql": """
                -- a comment with :no_parameter
                USE CATALOG sales; USE SCHEMA raw; /* ; */
                CREATE OR REPLACE TABLE numbers AS
                    SELECT {{ least }} AS t, explode(sequence(0, 4)) AS n;
            """,
            "sum.sql": "SELECT sum(n) AS total FROM sales.raw.numbers WHERE n >= int(:least)",
            "broken.sql": "SELECT * FROM nowhere;",
            "main.py": "import sys; print(sys.argv[1])",
        },
    )
    run = client.run("etl")
    assert task_results(run) == {
        "make": "SUCCESS",
        "sum": "SUCCESS",
        "rows": "SUCCESS",
        "broken": "FAILED",
        "missing": "FAILED",
    }
    outputs = client.outputs(run)
    assert outputs["sum"].sql_output is not None
    assert "nowhere" in (outputs["broken"].error or "")
    missing = outputs["missing"].error or ""
    assert missing.startswith("ValueError: The parameter least has no value. Give it one under")
    assert outputs["rows"].logs == '[{"total": 9}]\n'
    assert client.rows(run, "sum") == [["total"], ["9"]]
