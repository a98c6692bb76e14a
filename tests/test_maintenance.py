"""The upkeep of the record."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service.jobs import BaseRun
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.maintenance import (
    BUSY_SECONDS,
    DAY_SECONDS,
    IDLE_SECONDS,
    RESOLVE_LEASE,
    Maintenance,
    match_requests,
)
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import RecordedRun, RowState
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal, Silence
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.record.rows import add_run, end, request
from tests.records import record_of, state_of
from tests.support import DEADLINE, wait_until


class LateClock(FakeClock):
    """The system's time plus what a test adds."""

    def now(self) -> float:
        return time.time() + self.elapsed


@pytest.fixture
def clock() -> LateClock:
    return LateClock()


@pytest.fixture
def app(make_app: MakeApp, clock: LateClock) -> Flask:
    return make_app(LAKEFLOW_JOBS_RECORD_URL=True, clock=clock)


@pytest.fixture
def record(app: Flask) -> Record:
    return record_of(app)


@pytest.fixture
def maintenance(app: Flask, record: Record) -> Maintenance:
    return Maintenance(state_of(app), record)


@pytest.mark.parametrize("is_found", [False, True])
def test_run_round_unanswered_request_finds_its_run(
    is_found: bool,
    app: Flask,
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
) -> None:
    job_id = job_ids["greeting"]
    token = uuid.uuid4().hex
    params = {"job_parameters": {"who": token}}  # as no run of another test has
    record.begin_run(request("removed", job_id=1))
    record.begin_run(request("renamed", job_id=job_id, params=json.dumps(params), token=token))
    row_id = record.list_runs()[0].id
    state = state_of(app)
    job = state.settings.jobs["greeting"]
    run_id = state.upstream.bind(APP, job).run_now(params, token=token, is_repeatable=True).run_id
    assert maintenance.run_round() == BUSY_SECONDS
    assert record.list_runs()[0].run_id is None  # its process may still wait for the response
    if is_found:  # by a list of the runs of the job, such as that of follow="all"
        record.add_found_run("renamed", job_id, run_id or 0, started_at=round(clock.now() * 1000))
    clock.sleep(200)
    maintenance.run_round()
    (run,) = [run for run in record.list_runs() if run.run_id]
    assert (run.id, run.state, run.run_id) == (row_id, RowState.STARTED, run_id)
    assert maintenance.run_round() == IDLE_SECONDS


def lose_request(app: Flask, record: Record, job_id: int) -> int:
    """Start a run whose request gets no response, and others after it; return its id."""
    token = uuid.uuid4().hex
    params = {"job_parameters": {"who": token}}  # as no run of another test has
    record.begin_run(request("greeting", job_id=job_id, params=json.dumps(params), token=token))
    state = state_of(app)
    calls = state.upstream.bind(APP, state.settings.jobs["greeting"])
    run_id = calls.run_now(params, token=token, is_repeatable=True).run_id
    for _ in range(3):
        calls.run_now({}, token=uuid.uuid4().hex, is_repeatable=False)
    return run_id or 0


def test_run_round_more_runs_than_one_list_has_finds_the_run(
    app: Flask,
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.maintenance.RUNS_PER_LIST", 2)
    monkeypatch.setattr("flask_lakeflow_jobs.maintenance.MAX_LISTS", 1_000)
    run_id = lose_request(app, record, job_ids["greeting"])
    clock.sleep(200)
    maintenance.run_round()
    (run,) = record.list_runs()
    assert (run.state, run.run_id) == (RowState.STARTED, run_id)


def test_run_round_more_runs_than_all_lists_have_leaves_it_unknown(
    app: Flask,
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
    monkeypatch: pytest.MonkeyPatch,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.maintenance.RUNS_PER_LIST", 1)
    monkeypatch.setattr("flask_lakeflow_jobs.maintenance.MAX_LISTS", 2)
    lose_request(app, record, job_ids["greeting"])
    clock.sleep(200)
    for _ in range(2):
        maintenance.run_round()
    assert [run.state for run in record.list_runs()] == [RowState.REQUESTED]
    assert len(fault_proxy.find_requests(path="runs/list")) == 2
    assert "stays unknown whether 1 requests of greeting" in caplog.text


def test_run_round_job_that_was_deleted_leaves_it_unknown(
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record.begin_run(request("greeting", job_id=1))  # the key has another id now
    fault_proxy.fail(Refusal(400, "INVALID_PARAMETER_VALUE", "Job 1 does not exist."))
    clock.sleep(200)
    for _ in range(2):
        maintenance.run_round()
    assert [run.state for run in record.list_runs()] == [RowState.REQUESTED]
    (listed,) = fault_proxy.find_requests(path="runs/list")
    assert listed.query["job_id"] == "1"
    assert "stays unknown whether 1 requests of greeting" in caplog.text


def test_run_round_after_an_outage_of_days_lists_only_the_time_of_the_requests(
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
    fault_proxy: FaultyWorkspace,
) -> None:
    now = round(clock.now() * 1000)
    params = json.dumps({"job_parameters": {"who": uuid.uuid4().hex}})  # as no run has
    for age in (0, 1_000, 3 * DAY_SECONDS * 1000):
        unanswered = request("greeting", job_id=job_ids["greeting"], params=params)
        record.begin_run(unanswered, now - round(age))
    clock.sleep(200)
    maintenance.run_round()
    assert {run.state for run in record.list_runs()} == {RowState.NOT_STARTED}
    queries = [sent.query for sent in fault_proxy.find_requests(path="runs/list")]
    # A list has several pages if many other tests have started runs.
    periods = {(int(each["start_time_from"]), int(each["start_time_to"])) for each in queries}
    assert len(periods) == 2
    assert max(end - start for start, end in periods) < 600_000


def test_run_round_request_that_never_arrived_is_not_started(
    app: Flask,
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
) -> None:
    who = uuid.uuid4().hex  # as no run of another test has
    with app.app_context():  # the same run, which belongs to its own request
        current_jobs["greeting"].run_now({"who": who})
    params = json.dumps({"job_parameters": {"who": who}})
    record.begin_run(request("greeting", job_id=job_ids["greeting"], params=params))
    row_id = record.list_runs()[0].id
    clock.sleep(200)
    maintenance.run_round()
    (run,) = [run for run in record.list_runs() if run.id == row_id]
    assert (run.state, run.run_id) == (RowState.NOT_STARTED, None)
    assert run.error is not None
    assert "no run of this request" in run.error


def test_run_round_workspace_fails_resolves_later(
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
    fault_proxy: FaultyWorkspace,
) -> None:
    record.begin_run(request("quick", job_id=job_ids["quick"]))
    clock.sleep(200)
    fault_proxy.fail(Refusal(403), path="runs/list")
    assert maintenance.run_round() == BUSY_SECONDS
    assert record.list_runs()[0].state is RowState.REQUESTED


def test_run_round_other_process_resolves_leaves_requests(
    record: Record,
    maintenance: Maintenance,
    clock: LateClock,
    job_ids: Mapping[str, int],
) -> None:
    record.begin_run(request("quick", job_id=job_ids["quick"]))
    clock.sleep(200)
    record.acquire_lease(RESOLVE_LEASE, "another", 60)
    assert maintenance.run_round() == BUSY_SECONDS
    assert record.list_runs()[0].state is RowState.REQUESTED


def test_run_round_prunes_once_a_day(
    record: Record, maintenance: Maintenance, clock: LateClock
) -> None:
    maintenance.run_round()
    clock.sleep(400 * DAY_SECONDS)
    add_run(record, 8)
    record.finish_run(end(8))
    record.prune(0)
    clock.sleep(400 * DAY_SECONDS)
    maintenance.run_round()
    assert record.list_runs() == []
    add_run(record, 9)
    record.finish_run(end(9))
    clock.sleep(DAY_SECONDS / 2)
    maintenance.run_round()
    assert len(record.list_runs()) == 1


def test_run_round_unreachable_record_waits(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{tmp_path}/file/record.sqlite3")
    assert Maintenance(state_of(app), record_of(app)).run_round() == IDLE_SECONDS


def row(number: int, requested_at: int, params: str | None = None) -> RecordedRun:
    fields: dict[str, Any] = dict.fromkeys(RecordedRun.__dataclass_fields__)
    return RecordedRun(**{**fields, "id": number, "requested_at": requested_at, "params": params})


def base_run(run_id: int, start_time: int, **params: str) -> BaseRun:
    stated = {"overriding_parameters": {"notebook_params": params}} if params else {}
    return BaseRun.from_dict({"run_id": run_id, "start_time": start_time, **stated})


MATCHES: list[tuple[str, list[RecordedRun], list[BaseRun], dict[int, int]]] = [
    ("no runs", [row(1, 0)], [], {}),
    ("one run", [row(1, 0)], [base_run(7, 100)], {1: 7}),
    ("run from before", [row(1, 10_000)], [base_run(7, 4_000)], {}),
    ("clock of the workspace is behind", [row(1, 10_000)], [base_run(7, 6_000)], {1: 7}),
    ("run from long after", [row(1, 0)], [base_run(7, 90_000)], {}),
    (
        "other parameters",
        [row(1, 0, '{"notebook_params": {"day": "1"}}')],
        [base_run(7, 100, day="2"), base_run(8, 200, day="1")],
        {1: 8},
    ),
    (
        "parameters that only one run states",
        [row(1, 0, '{"notebook_params": {"day": "1"}}')],
        [base_run(7, 100), base_run(8, 200, day="1")],
        {1: 8},
    ),
    (
        "same parameters in the order of requests",
        [row(1, 0), row(2, 1_000)],
        [base_run(8, 1_100), base_run(7, 100)],
        {1: 7, 2: 8},
    ),
    ("more requests than runs", [row(1, 0), row(2, 10)], [base_run(7, 100)], {1: 7}),
    (
        "redacted parameters",
        [row(1, 0, '{"notebook_params": {"token": "***"}}')],
        [base_run(7, 100, token="***")],
        {1: 7},
    ),
]


@pytest.mark.parametrize(("rows", "runs", "expected"), [case[1:] for case in MATCHES])
def test_match_requests_finds_first_fitting_run(
    rows: list[RecordedRun], runs: list[BaseRun], expected: dict[int, int]
) -> None:
    assert match_requests(rows, runs, 60_000, ignored=set()) == expected


PROGRAM = """
import sys
from pathlib import Path
from flask import Flask
from flask_lakeflow_jobs import LakeflowJobs, current_jobs

host, token, job_id, instance, name = sys.argv[1:]
app = Flask("app", instance_path=instance)
app.config.update(
    DATABRICKS_HOST=host, DATABRICKS_TOKEN=token, LAKEFLOW_JOBS_RECORD_URL=True,
    LAKEFLOW_JOBS_WARM_UP=False,
)
LakeflowJobs(app, jobs={"greeting": {"job_id": int(job_id), "task_type": "job"}})
with app.app_context():
    current_jobs["greeting"].run_now({"who": name})
"""


@pytest.mark.processes
@pytest.mark.parametrize(("accepted", "kills"), [(True, 2), (False, 1)])
def test_run_round_after_kill_during_request_resolves_it(
    make_app: MakeApp,
    fault_proxy: FaultyWorkspace,
    job_ids: Mapping[str, int],
    clock: LateClock,
    tmp_path: Path,
    accepted: bool,
    kills: int,
) -> None:
    instance = tmp_path / "killed"
    fault_proxy.fail(Silence(accepted=accepted), path="jobs/run-now", times=kills)
    for number in range(kills):
        arguments = [fault_proxy.host, fault_proxy.token, str(job_ids["greeting"]), str(instance)]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, f"{tmp_path.name}-{number}"]
        )
        requests = fault_proxy.wait_for(number + 1, path="jobs/run-now", timeout=DEADLINE)
        if accepted:  # the workspace has started the run
            wait_for_forwarding(requests[-1])
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
    app = make_app(
        LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{instance}/lakeflow-record.sqlite3", clock=clock
    )
    record = record_of(app)
    clock.sleep(200)
    Maintenance(state_of(app), record).run_round()
    runs = record.list_runs()
    assert len(runs) == kills
    for run in runs:
        if not accepted:
            assert (run.state, run.run_id) == (RowState.NOT_STARTED, None)
            continue
        assert run.run_id is not None
        with app.app_context():
            (parameter,) = current_jobs["greeting"].get_run(run.run_id).job_parameters or []
        assert json.loads(run.params or "")["job_parameters"]["who"] == parameter.value


def wait_for_forwarding(request: Any) -> None:
    wait_until(lambda: request.forwarded, "the request forwarded")
