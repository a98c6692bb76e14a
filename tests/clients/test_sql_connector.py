"""Databricks' SQL connector, with the driver that needs no TLS, and SQLAlchemy on top of it."""

from __future__ import annotations

from tests.clients.conftest import Install
from tests.clients.support import WorkspaceProcess, run_driver

PACKAGES = ("sql-connector", "databricks-sql-connector[kernel]", "databricks-sqlalchemy", "pyarrow")


def test_statements_run_in_a_session(
    install_from_pypi: Install, workspace: WorkspaceProcess
) -> None:
    python = install_from_pypi(*PACKAGES)
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


def test_sqlalchemy_creates_fills_reads_and_describes_a_table(
    install_from_pypi: Install, workspace: WorkspaceProcess
) -> None:
    python = install_from_pypi(*PACKAGES)
    assert run_driver("with_sqlalchemy.py", python, workspace.environ) == {
        "rows": [[1, "it's", "2.50"]],
        "tables": ["goods"],
        "has_table": [True, False],
        "columns": [["id", "INTEGER"], ["name", "VARCHAR"], ["price", "NUMERIC(9, 2)"]],
    }
