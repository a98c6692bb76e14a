"""Databricks' SQL connector, with the driver that needs no TLS."""

from __future__ import annotations

from tests.clients.conftest import Install
from tests.clients.support import WorkspaceProcess, run_driver


def test_statements_run_in_a_session(
    install_from_pypi: Install, workspace: WorkspaceProcess
) -> None:
    python = install_from_pypi("sql-connector", "databricks-sql-connector[kernel]", "pyarrow")
    results = run_driver("with_sql_connector.py", python, workspace.environ)
    failure = results.pop("failure")
    assert failure.startswith("[TABLE_OR_VIEW_NOT_FOUND] The table or view nowhere cannot be found")
    assert results == {
        "row": [7, "2.50", ["a", None], "?"],
        "are_in_order": True,
        "columns": [
            ["id", "BIGINT", 0],
            ["price", "DECIMAL(9,2)", 1],
            ["tags", "ARRAY<STRING>", 1],
        ],
        "tables": ["orders"],
        "schema": "other",
    }
