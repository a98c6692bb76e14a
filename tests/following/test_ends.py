"""Recorded ends: the error in one line, and runs that the workspace dropped."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import (
    JobNotFound,
    Outcome,
    RunStatus,
    UpstreamUnavailable,
    run_finished,
    run_repaired,
)
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.following.ends import NO_RUN, RECENT_SECONDS, EndRecorder, summarize_error
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.record.values import RowState
from flask_lakeflow_jobs.runs import RETENTION_MS
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.record.rows import add_run, request
from tests.records import switchable_record
from tests.run_documents import SUCCEEDED, build_job, run, run_state, task
from tests.watching.support import FakeSource

JOB = build_job()


def failed(message: str) -> dict[str, Any]:
    return run_state("TERMINATED", "FAILED", message=message)


@pytest.mark.parametrize(
    ("state", "tasks", "error"),
    [
        (SUCCEEDED, [task("load", failed("Boom"))], None),
        (failed("Task load failed."), [task("load", failed("Boom"))], "load: Boom"),
        (failed("Task load failed."), [task("load", failed(""))], "Task load failed."),
        (failed("No cluster."), [], "No cluster."),
        (failed("No\ncluster."), [], "No cluster."),
        (failed(""), [], None),
    ],
)
def test_error_of_an_end_is_the_message_of_its_cause(
    state: dict[str, Any], tasks: list[dict[str, Any]], error: str | None
) -> None:
    assert summarize_error(JOB, RunStatus(1, run(state, tasks=tasks))) == error


def read_job(_: Job) -> None:
    """Read a job that the workspace has."""


@pytest.mark.parametrize("is_deferred", [False, True])
def test_end_that_comes_before_the_row_of_its_run_is_delivered_once(
    is_deferred: bool, tmp_path: Path, clock: FakeClock
) -> None:
    app, job = Flask("app"), replace(JOB, follow="own")
    received: list[str | None] = []

    def receive(sender: Flask, delivery_id: str | None = None, **_: Any) -> None:
        received.append(delivery_id)

    started = round(clock.now() * 1000)
    status = RunStatus(1, run(SUCCEEDED, start_time=started, end_time=started + 1))
    run_key = RunKey(APP, job, status.run.run_id or 0)
    with switchable_record(tmp_path, clock) as record, run_finished.connected_to(receive, app):

        def begin() -> None:
            record.begin_run(request(job.key, job_id=job.job_id, token="token"), started)

        def complete() -> None:
            record.complete_run("token", job.job_id, run_key.run_id)

        restore = FakeSource().restore
        ends = EndRecorder(app, record, {job.key: job}, clock, restore, read_job, has_threads=False)
        if is_deferred:  # the record was unavailable when the run was started
            ends.outbox.defer(begin)
            ends.outbox.defer(complete)
            ends.finish(run_key, status)
        else:  # the process ended before the response to its request, which is found later
            begin()
            ends.finish(run_key, status)
            complete()
        for _ in range(2):
            ends.outbox.deliver_due()
        ends.finish(run_key, status)
        ends.outbox.deliver_due()
        (row,) = record.list_runs()
    assert (row.state, row.source, row.ends) == (RowState.ENDED, "app", 1)
    assert len(received) == 1


def test_end_that_another_process_sees_first_after_an_outage_is_delivered_once(
    tmp_path: Path, clock: FakeClock
) -> None:
    app, job, received = Flask("app"), replace(JOB, follow="own"), []

    def receive(sender: Flask, delivery_id: str | None = None, **_: Any) -> None:
        received.append(delivery_id)

    started = round(clock.now() * 1000)
    status = RunStatus(1, run(SUCCEEDED, run_id=7, start_time=started, end_time=started + 1))
    with ExitStack() as stack:
        stack.enter_context(run_finished.connected_to(receive, app))
        records = [stack.enter_context(switchable_record(tmp_path, clock)) for _ in range(2)]
        starting, seeing = (
            EndRecorder(
                *(app, record, {job.key: job}, clock, FakeSource().restore, read_job),
                has_threads=False,
            )
            for record in records
        )
        records[1].is_available = False
        records[1].attempt(records[1].list_runs)
        new = request(job.key, job_id=job.job_id, token="token")
        starting.defer(lambda: records[0].complete_run(records[0].begin_run(new), job.job_id, 7))
        records[1].is_available = True
        seeing.finish(RunKey(APP, job, 7), status)
        for ends in (seeing, starting, starting):
            ends.outbox.deliver_due()
        (row,) = records[0].list_runs()
    assert (row.state, row.source, row.ends) == (RowState.ENDED, "app", 1)
    assert len(received) == 1
    assert received[0] is not None


def test_ends_of_unrecorded_runs_are_sent_after_an_outage(tmp_path: Path, clock: FakeClock) -> None:
    app, job, received = Flask("app"), replace(JOB, follow="own"), []

    def receive(sender: Flask, run_id: int, **_: Any) -> None:
        received.append(run_id)

    with switchable_record(tmp_path, clock) as record, run_finished.connected_to(receive, app):
        restore = FakeSource().restore
        ends = EndRecorder(app, record, {job.key: job}, clock, restore, read_job, has_threads=False)
        record.is_available = False
        for run_id in (7, 8):
            status = RunStatus(1, run(SUCCEEDED, run_id=run_id, start_time=1_000, end_time=2_000))
            ends.finish(RunKey(APP, job, run_id), status)
        record.is_available = True
        for _ in range(2):
            ends.outbox.deliver_due()
        assert not ends.outbox.has_deferred
    assert received == [7, 8]


@pytest.mark.parametrize(
    ("settings", "seconds_ago", "is_recorded"),
    [
        ({"follow": "all"}, 10.0, True),
        ({"follow": "all"}, RECENT_SECONDS + 10.0, False),
        ({"follow": "all", "run_as": "user"}, 10.0, False),
        ({"follow": "own"}, 10.0, False),
    ],
    ids=str,
)
def test_end_of_a_run_from_elsewhere_is_recorded_if_its_job_is_followed(
    settings: dict[str, Any],
    seconds_ago: float,
    is_recorded: bool,
    tmp_path: Path,
    clock: FakeClock,
) -> None:
    app, job = Flask("app"), replace(JOB, **settings)
    ended = round((clock.now() - seconds_ago) * 1000)
    status = RunStatus(1, run(SUCCEEDED, run_id=7, start_time=ended - 1, end_time=ended))
    with switchable_record(tmp_path, clock) as record:
        restore = FakeSource().restore
        ends = EndRecorder(app, record, {job.key: job}, clock, restore, read_job, has_threads=False)
        ends.finish(RunKey(APP, job, 7), status)
        assert [row.run_id for row in record.list_runs()] == ([7] if is_recorded else [])


@pytest.mark.parametrize("is_deferred", [False, True])
def test_repair_that_comes_before_the_row_of_its_run_is_delivered(
    is_deferred: bool, tmp_path: Path, clock: FakeClock
) -> None:
    app, job = Flask("app"), replace(JOB, follow="own" if is_deferred else "all")
    received: list[str] = []

    def receive(sender: Flask, delivery_id: str, **keywords: Any) -> None:
        received.append("repair" if "repair_id" in keywords else "end")

    run_key, now = RunKey(APP, job, 7), round(clock.now() * 1000)
    ended = RunStatus(1, run(failed("Boom"), run_id=7, start_time=now, end_time=now + 1))
    with ExitStack() as stack:
        record = stack.enter_context(switchable_record(tmp_path, clock))
        for signal in (run_finished, run_repaired):
            stack.enter_context(signal.connected_to(receive, app))
        restore = FakeSource().restore
        ends = EndRecorder(app, record, {job.key: job}, clock, restore, read_job, has_threads=False)
        if is_deferred:  # the record was unavailable when the run was started
            new = request(job.key, job_id=job.job_id, token="token")
            ends.outbox.defer(lambda: record.complete_run(record.begin_run(new), job.job_id, 7))
        ends.repair(run_key, ended, 1, None)  # otherwise no process has found the run yet
        for _ in range(2):
            ends.outbox.deliver_due()
        (row,) = record.list_runs()
    assert (row.state, row.ends, row.repairs) == (RowState.STARTED, 1, 1)
    assert received == ["end", "repair"]


def test_end_from_before_a_repair_that_is_seen_late_ends_no_run(
    tmp_path: Path, clock: FakeClock
) -> None:
    app, received = Flask("app"), []

    def receive(sender: Flask, status: RunStatus, **_: Any) -> None:
        received.append(status.outcome)

    run_key = RunKey(APP, JOB, 7)
    before = RunStatus(1, run(failed("Boom"), run_id=7, start_time=1_000, end_time=2_000))
    after = RunStatus(2, run(SUCCEEDED, run_id=7, start_time=1_000, end_time=3_000))
    with switchable_record(tmp_path, clock) as record, run_finished.connected_to(receive, app):
        add_run(record, 7, job_id=JOB.job_id)
        restore = FakeSource().restore
        ends = EndRecorder(app, record, {JOB.key: JOB}, clock, restore, read_job, has_threads=False)
        ends.repair(run_key, before, 1, None)
        ends.finish(run_key, before)
        (row,) = record.list_runs()
        assert (row.state, row.ends) == (RowState.STARTED, 1)
        clock.sleep(1.0)
        ends.finish(run_key, after)
        ends.outbox.deliver_due()
    assert received == [Outcome.FAILED, Outcome.SUCCEEDED]


def test_run_that_the_workspace_dropped_has_no_known_outcome(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with switchable_record(tmp_path, clock) as record:
        add_run(record, 7, job_id=JOB.job_id)
        restore = FakeSource().restore
        ends = EndRecorder(
            *(Flask("app"), record, {JOB.key: JOB}, clock, restore, read_job), has_threads=False
        )
        for _ in range(2):
            ends.abandon(RunKey(APP, JOB, 7))
        (row,) = record.list_runs()
        assert (row.outcome, row.error) == ("unknown", NO_RUN)
        assert len(caplog.records) == 1
        assert record.list_unfinished_runs([JOB.job_id]) == []
        assert record.list_undelivered() == []


@pytest.mark.parametrize(
    "error", [JobNotFound("No such job."), UpstreamUnavailable("Down.")], ids=["job", "workspace"]
)
def test_run_is_not_lost_while_another_workspace_may_have_it(
    tmp_path: Path, clock: FakeClock, error: Exception
) -> None:
    """Such as after DATABRICKS_HOST was changed."""

    def fail(_: Job) -> None:
        raise error

    with switchable_record(tmp_path, clock) as record:
        add_run(record, 7, job_id=JOB.job_id)
        restore = FakeSource().restore
        ends = EndRecorder(
            *(Flask("app"), record, {JOB.key: JOB}, clock, restore, fail), has_threads=False
        )
        assert [ends.abandon(RunKey(APP, JOB, 7)) for _ in range(2)] == [False, False]
        assert [run.run_id for run in record.list_unfinished_runs([JOB.job_id])] == [7]
        clock.sleep(RETENTION_MS / 1000 + 1)
        assert ends.abandon(RunKey(APP, JOB, 7))
        assert record.list_unfinished_runs([JOB.job_id]) == []
