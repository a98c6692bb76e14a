"""Every run ends in the record and reaches receivers, whatever happens to processes meanwhile."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from databricks.sdk.service.jobs import Run
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from flask_lakeflow_jobs import DatabaseUnavailable, UpstreamUnavailable, run_finished, run_repaired
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.following.ends import EndRecorder
from flask_lakeflow_jobs.following.follower import Follower
from flask_lakeflow_jobs.following.run_finder import RunFinder
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import RunStatus, has_ended, outcome_of
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import PollSettings
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.record.rows import add_run
from tests.records import SwitchableRecord, switchable_record
from tests.run_documents import FAILED, SUCCEEDED, api_response, build_job, run, run_state
from tests.watching.support import (
    POLL_INTERVAL,
    TERMINAL_TTL,
    FakeSource,
    process_cache,
)

JOB = replace(build_job(), follow="all")
ENDS = {"succeeded": SUCCEEDED, "failed": FAILED}

#: Longer than all that following waits for: leases, claims, failed polls and cached ends.
LONG_ENOUGH_INTERVALS = 30


class FakeWorkspace(FakeSource):
    """The runs of a job, as the hub polls them and as they are listed."""

    @property
    def runs(self) -> dict[int, Run]:
        return cast("dict[int, Run]", self.responses)

    def bind(self, *_: Any) -> FakeWorkspace:
        return self

    def list_runs(
        self,
        limit: int,
        *,
        active_only: bool = False,
        start_time_from: int = 0,
        start_time_to: float = inf,
    ) -> Any:
        self._record_read()
        return [
            api_response(each)
            for each in reversed(self.runs.values())
            if start_time_from <= (each.start_time or 0) <= start_time_to
            and not (active_only and has_ended(each))
        ][:limit]

    def read_job(self, _: Job) -> None:
        self._record_read()

    def get_run(self, run_id: int) -> Any:
        return self.read_run(RunKey(APP, JOB, run_id))


class Process:
    """One process of the app."""

    def __init__(
        self,
        record: SwitchableRecord,
        workspace: FakeWorkspace,
        clock: FakeClock,
        receive_end: Any,
        receive_repair: Any,
    ) -> None:
        jobs = {JOB.key: JOB}
        self.app = Flask("app")
        run_finished.connect(receive_end, self.app)
        run_repaired.connect(receive_repair, self.app)
        self.ends = EndRecorder(
            *(self.app, record, jobs, clock, workspace.restore, workspace.read_job),
            has_threads=False,
        )
        self.hub = Hub(
            workspace,
            self._handle_change,
            process_cache(),
            clock,
            PollSettings(POLL_INTERVAL, TERMINAL_TTL),
            spawn=None,
        )
        finder = RunFinder(record, lambda: cast(Any, workspace), jobs, clock, self.hub.reset)
        self.follower = Follower(
            record,
            self.hub,
            jobs,
            clock,
            self.ends,
            finder,
            poll_interval=POLL_INTERVAL,
            spawn=None,
        )

    def step(self) -> None:
        self.follower.step()
        self.hub.step()
        with suppress(DatabaseUnavailable):
            self.ends.outbox.deliver_due()

    def _handle_change(self, run_key: RunKey, snapshot: Snapshot) -> None:
        if snapshot.is_terminal:
            self.ends.finish(run_key, snapshot.status)


class EveryEnd(RuleBasedStateMachine):
    """Runs of a job start, end and are repaired; processes are killed, and services fail."""

    def __init__(self) -> None:
        super().__init__()
        self._resources = ExitStack()
        folder = self._resources.enter_context(TemporaryDirectory())
        self.clock = FakeClock()
        self.record = self._resources.enter_context(switchable_record(Path(folder), self.clock))
        self.workspace = FakeWorkspace()
        self.delivered: dict[int, str] = {}
        self.delivery_ids: dict[int, set[str]] = {}  # by the id of a repair
        self.processes = [self.make_process(), self.make_process()]
        self.started_at: dict[int, int] = {}
        self.repairs = 0

    def make_process(self) -> Process:
        receivers = (self.receive_end, self.receive_repair)
        return Process(self.record, self.workspace, self.clock, *receivers)

    def receive_end(self, sender: Flask, *, run_id: int, status: RunStatus, **_: Any) -> None:
        self.delivered[run_id] = status.outcome.value

    def receive_repair(
        self, sender: Flask, *, repair_id: int, delivery_id: str = "", **_: Any
    ) -> None:
        self.delivery_ids.setdefault(repair_id, set()).add(delivery_id)

    @initialize()
    def begin(self) -> None:
        """Find a run: an outage before the first one loses those that start elsewhere meanwhile."""
        self.advance(1)
        self.start_run(is_own=False)
        self.advance(1)

    def now(self) -> int:
        return int(self.clock.now() * 1000)

    def set_run(self, run_id: int, state: dict[str, Any], **times: int) -> None:
        times["start_time"] = self.started_at[run_id]
        self.workspace.runs[run_id] = run(state, **{"run_id": run_id, **times})

    def choose_run(self, number: int, *, ended: bool) -> int:
        runs = self.workspace.runs.items()
        chosen = [run_id for run_id, each in runs if has_ended(each) == ended]
        return chosen[number % len(chosen)]

    def has_run(self, *, ended: bool) -> bool:
        return any(has_ended(each) == ended for each in self.workspace.runs.values())

    @rule(is_own=st.booleans())
    def start_run(self, is_own: bool) -> None:
        run_id = len(self.workspace.runs) + 1
        if is_own and self.record.is_available:
            with suppress(DatabaseUnavailable):
                add_run(self.record, run_id, job_id=JOB.job_id)
        self.started_at[run_id] = self.now()
        self.set_run(run_id, run_state("RUNNING"))

    @precondition(lambda self: self.has_run(ended=False))
    @rule(number=st.integers(0, 9), outcome=st.sampled_from([*ENDS]))
    def end_run(self, number: int, outcome: str) -> None:
        run_id = self.choose_run(number, ended=False)
        self.set_run(run_id, ENDS[outcome], end_time=self.now())

    def repair_run(self, number: int) -> int:
        run_id = self.choose_run(number, ended=True)
        self.set_run(run_id, run_state("RUNNING"))
        return run_id

    @precondition(lambda self: self.has_run(ended=True))
    @rule(number=st.integers(0, 9), outcome=st.sampled_from([None, *ENDS]))
    def repair_elsewhere(self, number: int, outcome: str | None) -> None:
        """Repair a run without the app; with an outcome, the repair ends at once."""
        self.clock.sleep(0.001)
        run_id = self.repair_run(number)
        if outcome is not None:
            self.set_run(run_id, ENDS[outcome], end_time=self.now())
        self.recover()
        self.advance(LONG_ENOUGH_INTERVALS)  # it has to be noticed

    @precondition(lambda self: self.has_run(ended=True))
    @rule(number=st.integers(0, 9), process=st.integers(0, 1))
    def repair_here(self, number: int, process: int) -> None:
        self.clock.sleep(0.001)
        ended = self.workspace.runs[self.choose_run(number, ended=True)]
        run_key = RunKey(APP, JOB, self.repair_run(number))
        self.repairs += 1
        self.processes[process].ends.repair(
            run_key, RunStatus(self.now(), ended), self.repairs, None
        )
        self.processes[process].hub.reset(run_key)

    @rule(process=st.integers(0, 1))
    def kill_process(self, process: int) -> None:
        self.processes[process] = self.make_process()

    @rule(seconds=st.integers(60, 20_000))
    def kill_all_processes(self, seconds: int) -> None:
        self.processes = [self.make_process(), self.make_process()]
        self.clock.sleep(seconds)

    @rule(is_available=st.booleans())
    def switch_database(self, is_available: bool) -> None:
        self.record.is_available = is_available

    @rule()
    def lose_response(self) -> None:
        self.record.loses_response = True

    @rule(is_available=st.booleans())
    def switch_workspace(self, is_available: bool) -> None:
        self.workspace.error = None if is_available else UpstreamUnavailable("No connection.")

    @rule(intervals=st.integers(1, 10))
    def advance(self, intervals: int) -> None:
        for _ in range(intervals):
            for process in self.processes:
                process.step()
            self.clock.sleep(POLL_INTERVAL)

    def recover(self) -> None:
        self.switch_database(True)
        self.switch_workspace(True)

    def teardown(self) -> None:
        self.recover()
        self.advance(LONG_ENOUGH_INTERVALS)
        while self.has_run(ended=False):
            self.end_run(0, "succeeded")
        self.advance(LONG_ENOUGH_INTERVALS)
        outcomes = {run_id: outcome_of(each).value for run_id, each in self.workspace.runs.items()}
        recorded = {run.run_id: run.outcome for run in self.record.list_runs(limit=1_000)}
        self._resources.close()
        assert recorded == outcomes
        assert self.delivered == outcomes
        assert [repair for repair, ids in self.delivery_ids.items() if len(ids) > 1] == []


TestEveryEnd = EveryEnd.TestCase
TestEveryEnd.settings = settings(max_examples=10, stateful_step_count=15)
