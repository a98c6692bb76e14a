"""Statements of an app on Sail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.local.support import notebook_task


def test_statements_that_change_rows_return_their_numbers(workspaces: Callable[..., Any]) -> None:
    jobs = {"etl": {"tasks": [notebook_task("main", "main.py")]}}
    api = workspaces(jobs, {"main.py": ""}).start().sdk.statement_execution

    def execute(statement: str) -> dict[str, str]:
        response = api.execute_statement(statement, "10ca10ca10ca10ca", wait_timeout="50s")
        while response.status.state.value in ("PENDING", "RUNNING"):  # on a busy machine
            response = api.get_statement(response.statement_id)
        assert response.status.state.value == "SUCCEEDED", response.status
        columns = [each.name for each in response.manifest.schema.columns or ()]
        (row,) = response.result.data_array or [()]
        return dict(zip(columns, row, strict=True))

    assert execute("CREATE TABLE dev.default.counted (a INT, b STRING)") == {}
    values = "INSERT INTO dev.default.counted VALUES (1, 'x'), (2, 'y')"
    assert execute(values) == {"num_affected_rows": "2", "num_inserted_rows": "2"}
    assert execute("UPDATE dev.default.counted SET b = 'z' WHERE a = 1") == {
        "num_affected_rows": "1"
    }
    merge = (
        "MERGE INTO dev.default.counted AS t USING (SELECT 2 AS a, 'n' AS b) AS s ON t.a = s.a "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    assert execute(merge)["num_updated_rows"] == "1"
    assert execute("DELETE FROM dev.default.counted") == {"num_affected_rows": "2"}
    assert execute("SELECT count(*) FROM dev.default.counted") == {"count(1)": "0"}
