"""Lists of recorded runs in which unfinished runs are as they are now."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs import DatabaseUnavailable, UpstreamTimeout, current_jobs, present_runs
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.console import all_runs
from flask_lakeflow_jobs.following.delivery import Outbox
from flask_lakeflow_jobs.following.ends import NO_RUN
from flask_lakeflow_jobs.present_runs import EXPORT_LIMIT, PAGE_LIMIT, PresentRuns, ReadLimit
from flask_lakeflow_jobs.record.recorded_runs import RunFilter
from flask_lakeflow_jobs.record.values import RowState
from flask_lakeflow_jobs.runs.durations import duration_of, format_duration
from flask_lakeflow_jobs.runs.outcome import Outcome, outcome_of
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.testing.fault_proxy import HasAddress
from flask_lakeflow_jobs.web import run_list
from tests.conftest import MakeApp
from tests.records import record_of, state_of
from tests.support import RunGate, wait_until

FAILED = RunFilter(outcome="failed")
#: A run that the workspace has deleted.
GONE = 7

LIMIT = ReadLimit(2, 10.0, "Only two are read.")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An app with a record that nobody follows."""
    return make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_CONSOLE=True)


@pytest.fixture
def add_ended(app: Flask, workspace: HasAddress) -> Callable[[int], list[int]]:
    """Adds runs that have failed, which the record does not know; the newest first."""
    jobs = WorkspaceClient(host=workspace.host, token=workspace.token).jobs

    def add(count: int) -> list[int]:
        job_id = state_of(app).settings.jobs["failing"].job_id
        run_ids = [int(jobs.run_now(job_id).run_id) for _ in range(count)]
        wait_until(lambda: all(jobs.get_run(each).end_time for each in run_ids), "the ends")
        for number, run_id in enumerate(run_ids):
            record_of(app).add_found_run("failing", job_id, run_id, started_at=1_000 + number)
        return run_ids[::-1]

    return add


@pytest.fixture
def active(app: Flask, workspace: HasAddress, run_gate: RunGate) -> int:
    """A run that is active, with no end in the record."""
    jobs = WorkspaceClient(host=workspace.host, token=workspace.token).jobs
    job_id = state_of(app).settings.jobs["gated"].job_id
    run_id = int(jobs.run_now(job_id, job_parameters=run_gate.params).run_id)
    wait_until(lambda: outcome_of(jobs.get_run(run_id)) is Outcome.RUNNING, "the run")
    record_of(app).add_found_run("gated", job_id, run_id, started_at=500)
    return run_id


def list_by_api(app: Flask, query: str) -> Sequence[Any]:
    return [(run["runId"], run["outcome"]) for run in read_json(app, f"/api/jobs/runs?{query}")]


def list_by_api_pages(app: Flask, query: str) -> Sequence[Any]:
    found, token = [], ""
    for _ in range(9):
        page = app.test_client().get(f"/api/jobs/runs?{query}&pageToken={token}").get_json()
        found += [(run["runId"], run["outcome"]) for run in page["runs"]]
        if (token := page["nextPageToken"]) is None:
            return found
    raise AssertionError("The pages do not end.")


def list_by_json_export(app: Flask, query: str) -> Sequence[Any]:
    exported = read_json(app, f"/jobs/~runs/export?format=json&{query}")
    return [(run["runId"], run["outcome"]) for run in exported]


def read_json(app: Flask, url: str) -> Sequence[Any]:
    found: Sequence[Any] = app.test_client().get(url).get_json()["runs"]
    return found


def list_by_csv_export(app: Flask, query: str) -> Sequence[Any]:
    text = app.test_client().get(f"/jobs/~runs/export?format=csv&{query}").text
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [(int(row["runId"]), row["outcome"]) for row in rows]


def list_by_command(app: Flask, query: str) -> Sequence[Any]:
    options = [f"--{part}" for part in query.split("&") if part]
    command = ["jobs", "record", "export", "--format", "json", *options]
    rows = [json.loads(line) for line in run_command(app, *command).splitlines()]
    return [(row["run_id"], row["outcome"]) for row in rows]


def list_by_table(app: Flask, query: str) -> Sequence[Any]:
    options = [f"--{part}" for part in query.split("&") if part]
    shown = json.loads(run_command(app, "jobs", "record", "show", "--json", *options))
    return [(row["run_id"], row["outcome"]) for row in shown["runs"]]


def run_command(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


LISTS = [list_by_api, list_by_json_export, list_by_csv_export, list_by_command, list_by_table]


@pytest.mark.parametrize("list_runs", LISTS)
def test_every_list_has_runs_without_a_recorded_end_as_they_are_now(
    app: Flask,
    add_ended: Callable[[int], list[int]],
    active: int,
    list_runs: Callable[[Flask, str], Sequence[Any]],
) -> None:
    (ended,) = add_ended(1)
    assert list_runs(app, "") == [(ended, "failed"), (active, "running")]
    assert record_of(app).list_runs()[0].outcome == "failed", "the list has recorded the end"


@pytest.mark.parametrize("list_runs", LISTS)
def test_every_list_finds_an_outcome_whose_end_is_not_recorded(
    app: Flask,
    add_ended: Callable[[int], list[int]],
    list_runs: Callable[[Flask, str], Sequence[Any]],
) -> None:
    (ended,) = add_ended(1)
    assert list_runs(app, "outcome=failed") == [(ended, "failed")]
    assert list_runs(app, "outcome=succeeded") == []


def test_pages_of_an_active_outcome_have_each_run_once(
    app: Flask,
    add_ended: Callable[[int], list[int]],
    active: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that has ended since takes no place on its page."""
    monkeypatch.setattr(run_list, "PAGE_SIZE", 1)
    add_ended(3)
    assert list_by_api(app, "outcome=running") == [(active, "running")]
    assert list_by_api(app, "outcome=queued") == []


def test_page_by_outcome_ends_where_the_limit_leaves_a_run_unread(
    app: Flask,
    add_ended: Callable[[int], list[int]],
    active: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = add_ended(3)
    monkeypatch.setattr(run_list, "PAGE_LIMIT", ReadLimit(1, 10.0, "One is read."))
    assert list_by_api_pages(app, "outcome=running") == [(active, "running")]
    assert list_by_api_pages(app, "outcome=failed") == [(run_id, "failed") for run_id in ended]


def test_export_by_outcome_ends_where_the_limit_leaves_a_run_unread(
    app: Flask, add_ended: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = add_ended(3)
    monkeypatch.setattr(all_runs, "EXPORT_LIMIT", ReadLimit(2, 10.0, "Two are read."))
    url = "/jobs/~runs/export?format=json&outcome=failed"
    exported = app.test_client().get(url).get_json()
    assert [run["runId"] for run in exported["runs"]] == ended[:2]
    rest = app.test_client().get(f"{url}&pageToken={exported['nextPageToken']}").get_json()
    assert [run["runId"] for run in rest["runs"]] == ended[2:]
    assert rest["nextPageToken"] is None


def test_an_end_that_was_read_before_the_run_was_recorded_is_recorded(
    app: Flask, add_ended: Callable[[int], list[int]]
) -> None:
    """The response is in the cache, so no read of the workspace shows the end."""
    (ended,) = add_ended(1)
    record, client = record_of(app), app.test_client()
    assert client.get(f"/api/jobs/failing/runs/{ended}").status_code == 200
    (row,) = record.list_runs()
    assert (row.state, record.prune(2**50)) == (RowState.ENDED, 1)
    record.add_found_run("failing", row.job_id, ended, started_at=1_000)
    assert list_by_api(app, "outcome=failed") == [(ended, "failed")]


def test_end_from_before_a_repair_elsewhere_is_not_taken_from_the_cache(
    app: Flask, add_ended: Callable[[int], list[int]], workspace: HasAddress
) -> None:
    (run_id,) = add_ended(1)
    assert list_by_api(app, "") == [(run_id, "failed")]
    record, jobs = record_of(app), WorkspaceClient(host=workspace.host, token=workspace.token).jobs
    (ended,) = record.list_runs()
    jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    wait_until(lambda: (jobs.get_run(run_id).end_time or 0) > (ended.ended_at or 0), "the repair")
    record.continue_run(ended)
    assert list_by_api(app, "outcome=failed") == [(run_id, "failed")]
    assert record.list_runs()[0].ends == 2


@pytest.mark.parametrize("list_runs", LISTS)
def test_deleted_run_is_read_once_and_has_an_unknown_end(
    app: Flask,
    fault_proxy: FaultyWorkspace,
    list_runs: Callable[[Flask, str], Sequence[Any]],
) -> None:
    record, job_id = record_of(app), state_of(app).settings.jobs["failing"].job_id
    record.add_found_run("failing", job_id, GONE, started_at=1_000)
    assert list_runs(app, "outcome=unknown") == [(GONE, "unknown")]
    (row,) = record.list_runs()
    assert (row.state, row.ends, row.duration) == (RowState.ENDED, 1, None)
    assert row.error == NO_RUN
    assert list_runs(app, "") == [(GONE, "unknown")]
    assert record.list_runs() == [row]
    assert len(fault_proxy.find_requests("GET", "runs/get")) == 1


def test_list_leaves_a_run_open_that_another_workspace_may_have(make_app: MakeApp) -> None:
    """The workspace has neither the run nor its job, since the host was changed."""
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, jobs={"etl": {"job_id": 5}})
    now = round(state_of(app).clock.now() * 1000)
    record_of(app).add_found_run("etl", 5, GONE, started_at=now)
    present = PresentRuns(state_of(app), LIMIT)
    (row,) = present.list_runs(RunFilter(), limit=9)
    assert (row.state, row.outcome) == (RowState.STARTED, None)
    assert [*present.unread] == ["The job 'etl' has no run 7. List its runs to find the right id."]
    assert record_of(app).list_runs() == [row]


def test_pages_share_the_limit_and_read_no_run_twice(
    app: Flask, add_ended: Callable[[int], list[int]], active: int, fault_proxy: FaultyWorkspace
) -> None:
    ended = add_ended(3)
    present = PresentRuns(state_of(app), LIMIT)
    first = present.list_runs(FAILED, limit=1)
    assert [row.run_id for row in first] == ended[:1]
    second = present.list_runs(FAILED, limit=1, token=first[-1].page_token)
    assert [row.run_id for row in second] == ended[1:2]
    rest = present.list_runs(RunFilter(), limit=9, token=second[-1].page_token)
    assert [(row.run_id, row.outcome) for row in rest] == [(ended[2], None), (active, None)]
    assert len(fault_proxy.find_requests("GET", "runs/get")) == 2
    assert present.unread == {"Only two are read.": 2}


def test_runs_that_cannot_be_read_are_as_recorded_and_counted_by_the_reason(
    app: Flask, active: int, fault_proxy: FaultyWorkspace
) -> None:
    record_of(app).add_found_run("former", 99, 7, started_at=1)
    fault_proxy.fail(Refusal(403, message="Not yours."), path="runs/get")
    present = PresentRuns(state_of(app), PAGE_LIMIT)
    rows = present.list_runs(RunFilter(), limit=9)
    assert [(row.run_id, row.outcome) for row in rows] == [(active, None), (7, None)]
    assert sorted(present.unread.values()) == [1, 1]
    assert "The app no longer has their job." in present.unread


def test_list_waits_shortly_while_the_workspace_does_not_respond(
    app: Flask, active: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def read_none(_read: Any, items: Sequence[Any], seconds: float) -> list[UpstreamTimeout]:
        waits.append(seconds)
        return [UpstreamTimeout("The time is up.") for _ in items]

    monkeypatch.setattr(present_runs, "read_each", read_none)
    breaker = state_of(app).upstream.call_resources.breaker
    for is_open in (False, True):
        while breaker.is_open is not is_open:
            breaker.record_failure()
        assert list_by_api(app, "") == [(active, "running")]
    assert waits == [PAGE_LIMIT.seconds, present_runs.OUTAGE_SECONDS]


def test_end_that_cannot_be_recorded_waits_once(
    app: Flask, add_ended: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_call: object) -> None:
        raise DatabaseUnavailable("The disk is full.")

    (ended,) = add_ended(1)
    deferred: list[object] = []
    monkeypatch.setattr(record_of(app), "_write", refuse)
    monkeypatch.setattr(Outbox, "defer", lambda _, write: deferred.append(write))
    monkeypatch.setattr(Outbox, "has_deferred", property(lambda _: bool(deferred)))
    for _ in range(3):
        assert list_by_api(app, "") == [(ended, "failed")]
    assert len(deferred) == 1


class SlowClock(SystemClock):
    """A clock by which each look takes a minute."""

    def monotonic(self) -> float:
        self.looks = getattr(self, "looks", 0) + 1
        return time.monotonic() + 60 * self.looks


def test_no_run_is_read_once_the_time_is_up(
    app: Flask,
    add_ended: Callable[[int], list[int]],
    fault_proxy: FaultyWorkspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = add_ended(2)
    monkeypatch.setattr(state_of(app), "clock", SlowClock())
    present = PresentRuns(state_of(app), PAGE_LIMIT)
    first = present.list_runs(RunFilter(), limit=1)
    assert [row.outcome for row in first] == ["failed"]
    (second,) = present.list_runs(RunFilter(), limit=1, token=first[0].page_token)
    assert (second.run_id, second.outcome) == (ended[1], None)
    assert present.unread == {PAGE_LIMIT.reason: 1}


def test_export_reads_more_runs_than_a_page(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[ReadLimit] = []
    made = PresentRuns.__init__

    def make(self: PresentRuns, state: Any, limit: ReadLimit) -> None:
        limits.append(limit)
        made(self, state, limit)

    monkeypatch.setattr(PresentRuns, "__init__", make)
    for url in ("~runs", "~runs/export?format=csv"):
        assert app.test_client().get(f"/jobs/{url}").status_code == 200
    assert limits == [PAGE_LIMIT, EXPORT_LIMIT]


def test_repaired_run_has_the_parameters_of_the_repair_and_its_duration(app: Flask) -> None:
    with app.app_context():
        handle = current_jobs["greeting"]
        run_id = handle.run_now({"who": "ada"}).run_id
        handle.wait(run_id)
        handle.repair_run(run_id, rerun_tasks=["greet"], params={"who": "grace"})
        status = handle.wait(run_id)
    took = duration_of(status.run)
    assert took is not None
    (run,) = read_json(app, "/api/jobs/runs")
    assert run["duration"] == round(1000 * took)
    page = app.test_client().get("/jobs/~runs").text
    assert ("who=grace" in page, "who=ada" in page) == (True, False)
    assert format_duration(took) in page


def test_run_that_is_repaired_now_has_the_parameters_of_the_repair(
    app: Flask, run_gate: RunGate, tmp_path: Path
) -> None:
    with app.app_context():
        handle = current_jobs["gated"]
        run_id = handle.run_now({"gate": str(tmp_path / "closed")}).run_id
        handle.cancel_run(run_id)
        handle.wait(run_id)
        handle.repair_run(run_id, params=run_gate.params)
    (run,) = PresentRuns(state_of(app), PAGE_LIMIT).list_runs(RunFilter(), limit=9)
    assert json.loads(run.params or "") == {"job_parameters": run_gate.params}
    assert (run.state, run.duration) == (RowState.STARTED, None)


def test_found_run_has_the_parameters_of_the_workspace(
    app: Flask, active: int, run_gate: RunGate
) -> None:
    (run,) = PresentRuns(state_of(app), PAGE_LIMIT).list_runs(RunFilter(), limit=9)
    assert json.loads(run.params or "") == {"job_parameters": run_gate.params}
