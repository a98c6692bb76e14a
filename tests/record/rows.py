"""Rows for tests of the record."""

from __future__ import annotations

import itertools
from typing import Any

import sqlalchemy as sa

from flask_lakeflow_jobs.record.schema import VERSION_TABLE
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import RequestedRun, RunEnd

_tokens = itertools.count()


def request(job_key: str = "etl", **values: Any) -> RequestedRun:
    defaults: dict[str, Any] = {"job_id": 1, "token": f"token-{next(_tokens)}", "identity": "app"}
    return RequestedRun(job_key, **{**defaults, **values})


def end(run_id: int = 7, outcome: str = "succeeded", **values: Any) -> RunEnd:
    defaults: dict[str, Any] = {"job_id": 1, "started_at": 1_000, "ended_at": 2_000}
    return RunEnd(outcome=outcome, run_id=run_id, **{**defaults, **values})


def add_run(record: Record, run_id: int = 7, job_key: str = "etl", **values: Any) -> int:
    """Add a run that has started, and return its row."""
    new = request(job_key, **values)
    record.complete_run(record.begin_run(new), new.job_id, run_id)
    run = record.get_run(new.job_id, run_id)
    assert run is not None
    return run.id


def set_version(record: Record, version: str) -> None:
    """Write another version of the schema to a record."""
    with record.database.write() as connection:
        table = sa.table(VERSION_TABLE, sa.column("version_num"))
        connection.execute(sa.update(table).values(version_num=version))
