"""The connection to the warehouse, when it cannot be opened."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from flask_lakeflow_jobs.local.task_process.sql import catalogs
from flask_lakeflow_jobs.local.task_process.sql.catalogs import Warehouse


def test_warehouse_that_cannot_be_opened_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else, this process would keep its files, and each other task would wait for them."""
    opened = []

    def fail(database: Any) -> None:
        opened.append(database)
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(catalogs, "add_samples", fail)
        with pytest.raises(OSError, match="no space"):
            Warehouse()
    with pytest.raises(duckdb.ConnectionException):
        opened[0].execute("SELECT 1")
    Warehouse().close()


def test_damaged_file_of_a_catalog_is_not_taken_for_a_locked_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogs, "_MAX_LOCK_WAIT_SECONDS", 0.5)
    attempts = []

    def read() -> None:
        attempts.append(1)
        raise duckdb.IOException("the checksum of a block does not match")

    with pytest.raises(duckdb.IOException):
        catalogs._retry_while_locked(read)
    assert len(attempts) == 1
