"""Prepared statements, for several threads at once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_lakeflow_jobs.database.database import open_database
from flask_lakeflow_jobs.errors import DatabaseUnavailable
from flask_lakeflow_jobs.record.group_commit import Write
from flask_lakeflow_jobs.record.prepared import (
    ADD_TRIGGER,
    BEGIN_RUN,
    COMPLETE_RUN,
    MakeInsert,
    PreparedStatement,
    PreparedWriter,
    Steps,
)
from flask_lakeflow_jobs.record.schema import runs
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import Action
from tests.record.rows import request
from tests.support import DEADLINE


def begin(token: str) -> Write[Steps, bool]:
    return Write(((BEGIN_RUN, {**vars(request(token=token)), "requested_at": 1}),))


def test_execute_all_with_one_bad_text_writes_the_others(record: Record) -> None:
    writes = [begin("one"), begin("\0\ud800"), begin("two")]
    PreparedWriter(record.database)._execute_all(writes)
    assert [write.error is None for write in writes] == [True, False, True]
    assert {run.token for run in record.list_runs()} == {"one", "two"}


def test_execute_all_without_tables_fails_and_keeps_no_connection(record: Record) -> None:
    writes = [begin("one"), begin("two")]
    with record.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE lakeflow_runs RENAME TO lakeflow_away")
    PreparedWriter(record.database)._execute_all(writes)
    assert all("lakeflow_runs" in str(write.error) for write in writes)
    with record.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE lakeflow_away RENAME TO lakeflow_runs")
    PreparedWriter(record.database)._execute_all(writes)
    assert len(record.list_runs()) == 2


def test_execute_all_repeated_token_is_accepted_once(record: Record) -> None:
    writer = PreparedWriter(record.database)
    writer._execute_all([begin("one"), begin("one"), begin("two")])
    action = Action("trigger", "accepted", job_key="etl", job_id=1, source="http")
    triggers: list[Write[Steps, bool]] = [
        Write(
            (
                (ADD_TRIGGER, {**vars(action), "at": 1, "run_id": 7, "token": token}),
                (COMPLETE_RUN, {"token": token, "job_id": 1, "run_id": run_id}),
            )
        )
        for token, run_id in [("one", 7), ("two", 8), ("one", 7), ("one", 7)]
    ]
    writer._execute_all(triggers)
    assert [each.error for each in triggers] == [None] * 4
    results = Counter(action.result for action in record.list_actions())
    assert results == {"accepted": 2, "replayed": 2}


def test_execute_all_refused_row_is_tried_again_and_then_an_error(record: Record) -> None:
    tries: list[int] = []

    class Refused(PreparedStatement):
        def bind(self, dialect: sa.Dialect, row: Mapping[str, Any]) -> tuple[str, Any]:
            tries.append(1)
            return super().bind(dialect, row)

    def build(insert: MakeInsert, new: Mapping[str, Any]) -> sa.Insert:
        return insert(runs).values(token=new["token"])

    write: Write[Steps, bool] = Write(
        ((Refused(build, {"token": runs.c.token}), {"token": "of-a-user"}),)
    )
    PreparedWriter(record.database)._execute_all([write])
    assert isinstance(write.error, DatabaseUnavailable)
    assert isinstance(write.error.__cause__, sa.exc.IntegrityError)
    assert "refuses a statement" in write.error.detail
    assert "of-a-user" not in write.error.detail
    assert len(tries) == 2


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # SQLite has no connections
def test_execute_all_after_cut_connection_writes_again(record: Record, count: int) -> None:
    writer = PreparedWriter(record.database)
    writer._execute_all([begin("before")])
    with record.database.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    writes = [begin(f"token-after-{number}") for number in range(count)]
    writer._execute_all(writes)
    assert [write.result for write in writes] == [True] * count
    assert len(record.list_runs()) == 1 + count


@pytest.mark.parametrize("count", [1, 3])
def test_execute_all_without_server_fails_as_unavailable(tmp_path: Path, count: int) -> None:
    database = open_database(
        "postgresql+psycopg://user@127.0.0.1:1/none", instance_path=tmp_path, setting="RECORD"
    )
    writes = [begin(f"token-{number}") for number in range(count)]
    PreparedWriter(database)._execute_all(writes)
    assert all(isinstance(write.error, DatabaseUnavailable) for write in writes)
    assert len({id(write.error) for write in writes}) == 1  # none was tried alone


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # SQLite asks an index
def test_statements_of_a_trigger_read_no_table_as_a_whole(record: Record) -> None:
    run = {"token": "token", "job_id": 1, "run_id": 7}
    action = Action("trigger", "accepted", job_key="etl", job_id=1, source="http")
    steps: Steps = (
        (BEGIN_RUN, {**vars(request(token="token")), "requested_at": 1}),
        (ADD_TRIGGER, {**vars(action), "at": 1, **run}),
        (COMPLETE_RUN, run),
    )
    with record.database.write() as connection:
        rows = [{**vars(request()), "state": "started", "source": "app", "requested_at": 1}] * 1_000
        rows = [{**row, "token": str(number)} for number, row in enumerate(rows)]
        connection.execute(runs.insert(), rows)
        connection.exec_driver_sql("ANALYZE lakeflow_runs")
        for statement, row in steps:
            sql, params = statement.bind(connection.dialect, row)
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}", params).scalars())
            assert "Seq Scan" not in plan, plan


FORK = """
import os, sys
from pathlib import Path
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.record.store import open_record
from flask_lakeflow_jobs.record.values import RequestedRun

record = open_record(sys.argv[1], Path(), SystemClock())
record.begin_run(RequestedRun("etl", 1, "parent", "app"))
child = os.fork()
record.begin_run(RequestedRun("etl", 1, f"child {not child}", "app"))
if child:
    assert os.waitpid(child, 0)[1] == 0
    record.begin_run(RequestedRun("etl", 1, "parent again", "app"))
"""


def test_begin_run_in_forked_process_uses_its_own_connection(
    record: Record, database_url: str
) -> None:
    command = [sys.executable, "-c", FORK, database_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    tokens = {run.token for run in record.list_runs()}
    assert tokens == {"parent", "child True", "child False", "parent again"}
