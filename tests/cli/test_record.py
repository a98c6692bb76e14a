"""``flask jobs record``, with the runs of a workspace. ``tests/record`` has the other commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs.cli import record as record_commands
from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.present_runs import ReadLimit
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.state import EXTENSION_KEY
from tests.cli import apps
from tests.cli.conftest import RunFlask, start_run
from tests.support import RunGate, wait_until

#: A run that the workspace has deleted, and the id that a job had before.
GONE, FORMER_ID = 7, 5


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app with a record that nobody follows."""
    monkeypatch.setenv("LAKEFLOW_JOBS_RECORD_URL", "true")
    created = apps.create_app()
    yield created
    created.extensions[EXTENSION_KEY].record.database.close()


@pytest.fixture
def record(app: Flask) -> Record:
    found: Record = app.extensions[EXTENSION_KEY].record
    return found


@pytest.fixture
def ended(record: Record, workspace: Address, job_ids: dict[str, int]) -> int:
    """A run that has failed, which the record does not know."""
    jobs = WorkspaceClient(host=workspace.host, token=workspace.token).jobs
    run_id = jobs.run_now(job_ids["broken"]).run_id
    record.add_found_run("broken", job_ids["broken"], run_id, started_at=2000)
    wait_until(lambda: jobs.get_run(run_id).end_time, "the end of the run")
    return run_id


def row_of(table: str, run_id: object) -> list[str]:
    (row,) = [line.split() for line in table.splitlines() if line.startswith(f"{run_id} ")]
    return row


def test_show_reads_unfinished_runs_again(
    flask_jobs: RunFlask, record: Record, ended: int, job_ids: dict[str, int]
) -> None:
    record.add_found_run("broken", job_ids["broken"], GONE, started_at=1000)
    result = flask_jobs("record", "show")
    assert row_of(result.stdout, ended)[2] == "FAILED"
    assert row_of(result.stdout, ended)[5].startswith("20"), "the end"
    assert row_of(result.stdout, GONE)[2] == "UNKNOWN"
    assert result.stderr == ""
    rows = flask_jobs("record", "show", "--json").document["runs"]
    assert [row["outcome"] for row in rows] == ["failed", "unknown"]


def test_show_by_outcome_has_a_run_whose_end_nobody_has_read(
    flask_jobs: RunFlask, ended: int
) -> None:
    assert row_of(flask_jobs("record", "show", "--outcome", "FAILED").stdout, ended)
    assert flask_jobs("record", "show", "--outcome", "canceled").stdout == ""


def test_show_says_that_a_run_is_running(flask_jobs: RunFlask, run_gate: RunGate) -> None:
    run_id = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    result = flask_jobs("record", "show")
    assert row_of(result.stdout, run_id)[2] in ("PENDING", "RUNNING")
    assert result.stderr == ""


def test_show_without_login_says_what_it_could_not_read(
    flask_jobs: RunFlask, record: Record, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    result = flask_jobs("record", "show", of=apps.create_app())
    assert row_of(result.stdout, ended)[2] == "STARTED"
    assert "could not be read: 1. The workspace does not accept" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize("command", ["show", "export"])
def test_few_runs_are_read_and_none_of_a_former_job(
    flask_jobs: RunFlask,
    record: Record,
    job_ids: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    for name in ("TABLE_LIMIT", "EXPORT_LIMIT"):
        monkeypatch.setattr(record_commands, name, ReadLimit(2, 10.0, "Only two are read."))
    record.add_found_run("broken", job_ids["broken"], GONE, started_at=1000)
    record.add_found_run("broken", job_ids["broken"], GONE + 1, started_at=2000)
    record.add_found_run("broken", FORMER_ID, GONE + 2, started_at=3000)
    record.add_found_run("former", FORMER_ID, GONE + 3, started_at=4000)
    result = flask_jobs("record", command)
    if command == "show":
        outcomes = [row_of(result.stdout, GONE + number)[2] for number in range(4)]
        assert outcomes == ["STARTED", "UNKNOWN", "UNKNOWN", "STARTED"]
    assert "could not be read: 1. Only two are read." in result.stderr
    assert "could not be read: 1. The app no longer has their job." in result.stderr


def test_show_one_run_and_its_actions(flask_jobs: RunFlask) -> None:
    first, second = start_run(flask_jobs, "words"), start_run(flask_jobs, "words")
    for option in ([], ["--actions"]):
        shown = flask_jobs("record", "show", "--run", first, *option).stdout
        assert (first in shown, second in shown) == (True, False)
    result = flask_jobs("record", "show", "--run", "x")
    assert (result.exit_code, "A run id is" in result.stderr) == (2, True)
