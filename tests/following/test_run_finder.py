"""Finding runs that were started or repaired elsewhere."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import inf
from types import SimpleNamespace
from typing import Any, cast

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import DatabaseUnavailable, LakeflowJobsError, UpstreamUnavailable
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.following import run_finder
from flask_lakeflow_jobs.following.run_finder import (
    LOOKBACK_MS,
    REPAIR_MS,
    REPAIRED_SECONDS,
    RunFinder,
)
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs import RUNS_PER_PAGE
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord
from tests.run_documents import SUCCEEDED, build_job, run, run_state

ETL = build_job("etl")
ALL = replace(ETL, follow="all")
OWN = build_job("own", job_id=2)

RECORDED_END = end().ended_at


class Workspace:
    """Lists of runs, as the upstream returns them."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int, bool]] = []
        self.requests: list[tuple[float, float]] = []
        self.ended_meanwhile: set[int] = set()
        self.ends: dict[int, int] = {}
        self.failing_job: str | None = None
        self.polled_again: list[RunKey] = []

    def bind(self, _: Any, job: Job) -> Workspace:
        self.job = job
        return self

    def list_runs(
        self,
        limit: int,
        *,
        active_only: bool = False,
        start_time_from: int = 0,
        start_time_to: float = inf,
    ) -> list[Any]:
        self.requests.append((start_time_from, start_time_to))
        if self.job.key == self.failing_job:
            raise UpstreamUnavailable("No connection.")
        return [
            SimpleNamespace(value=self.build_run(run_id, started, is_active=is_active))
            for run_id, started, is_active in reversed(self.runs)
            if start_time_from <= started <= start_time_to and (is_active or not active_only)
        ][:limit]

    def get_run(self, run_id: int) -> Any:
        is_active = (run_id not in self.ended_meanwhile) and run_id not in self.ends
        return SimpleNamespace(value=self.build_run(run_id, is_active=is_active))

    def build_run(self, run_id: int, started: int = 1_000, *, is_active: bool) -> Run:
        return run(
            run_state("RUNNING") if is_active else SUCCEEDED,
            run_id=run_id,
            start_time=started,
            end_time=0 if is_active else self.ends.get(run_id, RECORDED_END),
            creator_user_name="scheduler",
        )


class TestRunFinder:
    @pytest.fixture
    def workspace(self) -> Workspace:
        return Workspace()

    @pytest.fixture
    def finder(self, record: SwitchableRecord, workspace: Workspace, clock: FakeClock) -> RunFinder:
        return self.build_finder({"etl": ALL, "own": OWN}, record, workspace, clock)

    def build_finder(
        self,
        jobs: dict[str, Job],
        record: SwitchableRecord,
        workspace: Workspace,
        clock: FakeClock,
    ) -> RunFinder:
        poll_again = workspace.polled_again.append
        return RunFinder(record, lambda: cast(Any, workspace), jobs, clock, poll_again)

    def found(self, record: SwitchableRecord) -> list[int | None]:
        runs = record.list_unfinished_runs([ETL.job_id])
        assert all(each.source == "found" for each in runs)
        return [each.run_id for each in runs]

    def test_new_runs_are_found_by_one_request_per_job(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        finder.find()
        assert len(workspace.requests) == 3  # once also those that are active, and the newest
        now = int(clock.now() * 1000)
        workspace.runs += [(1, now + 1, True), (2, now + 2, False)]
        finder.find()
        finder.find()
        assert len(workspace.requests) == 5
        assert self.found(record) == [1, 2]
        assert {run.requested_by for run in record.list_runs()} == {"scheduler"}

    def test_failure_of_one_job_is_reported_and_costs_no_run_of_the_others(
        self, record: SwitchableRecord, workspace: Workspace, clock: FakeClock
    ) -> None:
        first = replace(build_job("first", job_id=3), follow="all")
        finder = self.build_finder({"first": first, "etl": ALL}, record, workspace, clock)
        workspace.runs.append((1, int(clock.now() * 1000), True))
        workspace.failing_job = "first"
        with pytest.raises(UpstreamUnavailable):
            finder.find()
        assert self.found(record) == [1]

    @pytest.mark.parametrize("jump", [3 * 3600, -3 * 3600], ids=["ahead", "back"])
    def test_clock_that_jumps_for_a_while_hides_no_run(
        self,
        jump: float,
        record: SwitchableRecord,
        workspace: Workspace,
        finder: RunFinder,
        clock: FakeClock,
    ) -> None:
        finder.find()
        now = int(clock.now() * 1000)
        for run_id, change in enumerate([jump, -jump], start=1):
            clock.jump(change)
            finder.find()
            clock.sleep(5)
            workspace.runs.append((run_id, now + int(clock.elapsed * 1000), False))
            finder.find()
            clock.sleep(600)
        assert self.found(record) == [1, 2]

    def test_clock_that_was_ahead_at_the_start_of_the_process_hides_no_run(
        self, record: SwitchableRecord, workspace: Workspace, clock: FakeClock
    ) -> None:
        now = int(clock.now() * 1000)
        clock.jump(3 * 3600)
        finder = self.build_finder({"etl": ALL}, record, workspace, clock)
        finder.find()
        clock.jump(-3 * 3600)
        clock.sleep(5)
        workspace.runs.append((1, now + 5_000, False))
        finder.find()
        assert self.found(record) == [1]

    def test_run_that_was_requested_by_a_clock_ahead_hides_no_later_run(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        now = int(clock.now() * 1000)
        clock.jump(3 * 3600)
        add_run(record, job_id=ETL.job_id)
        clock.jump(-3 * 3600)
        finder.find()
        workspace.runs.append((99, now + 1, False))
        finder.find()
        assert 99 in record.get_runs(ETL.job_id, [99])

    def test_first_search_finds_active_runs_and_no_past_ones(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        hour_ago = int(clock.now() * 1000) - 3_600_000
        workspace.runs += [(1, hour_ago, True), (2, hour_ago, False)]
        finder.find()
        assert self.found(record) == [1]

    @pytest.mark.parametrize(
        ("key", "job_id"), [("renamed", ETL.job_id), ("etl", 8)], ids=["another key", "another id"]
    )
    def test_runs_of_an_outage_are_found_if_the_job_had_another_key_or_id_before(
        self,
        record: SwitchableRecord,
        workspace: Workspace,
        finder: RunFinder,
        clock: FakeClock,
        key: str,
        job_id: int,
    ) -> None:
        now = int(clock.now() * 1000)
        record.add_found_run(key, job_id, 1, started_at=now - 7_200_000)
        record.finish_run(end(1, job_id=job_id))
        workspace.runs += [(2, now - 10_800_000, False), (3, now - 3_600_000, False)]
        finder.find()
        assert self.found(record) == [3]

    def test_runs_of_an_outage_are_found_for_a_day(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        now = int(clock.now() * 1000)
        record.add_found_run("etl", ETL.job_id, 1, started_at=now - 2 * LOOKBACK_MS)
        record.finish_run(end(1, job_id=ETL.job_id))
        workspace.runs += [(2, now - LOOKBACK_MS - 3_600_000, False), (3, now - 3_600_000, False)]
        finder.find()
        assert self.found(record) == [3]

    def test_later_run_of_the_app_hides_none_that_was_started_elsewhere(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        now = int(clock.now() * 1000)
        record.add_found_run("etl", ETL.job_id, 1, started_at=now - LOOKBACK_MS)
        record.finish_run(end(1, job_id=ETL.job_id))
        workspace.runs.append((2, now - 3_600_000, False))
        add_run(record, 3, job_id=ETL.job_id)
        finder.find()
        assert [run.run_id for run in record.list_unfinished_runs([ETL.job_id])] == [2, 3]

    def test_runs_of_an_outage_are_found_after_a_run_of_the_app(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        add_run(record, 1, job_id=ETL.job_id)
        record.finish_run(end(1, job_id=ETL.job_id))
        clock.sleep(7_200)
        add_run(record, 2, "other", job_id=2)  # that of another job counts for nothing
        workspace.runs.append((3, int(clock.now() * 1000) - 3_600_000, False))
        finder.find()
        assert self.found(record) == [3]

    def test_failure_of_the_record_loses_no_older_run_of_a_list(
        self,
        record: SwitchableRecord,
        workspace: Workspace,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = int(clock.now() * 1000)
        record.add_found_run("etl", ETL.job_id, 1, started_at=now - LOOKBACK_MS)
        record.finish_run(end(1, job_id=ETL.job_id))
        workspace.runs += [(2, now - 3_600_000, False), (3, now - 1_800_000, False)]
        add = record.add_found_run

        def add_and_fail(*args: Any, **values: Any) -> None:
            add(*args, **values)
            raise DatabaseUnavailable("It has ended.")

        monkeypatch.setattr(record, "add_found_run", add_and_fail)
        with pytest.raises(DatabaseUnavailable):
            self.build_finder({"etl": ALL}, record, workspace, clock).find()
        monkeypatch.undo()
        self.build_finder({"etl": ALL}, record, workspace, clock).find()
        assert self.found(record) == [2, 3]

    def test_no_run_is_lost_if_more_have_started_than_a_list_has(
        self,
        record: SwitchableRecord,
        workspace: Workspace,
        finder: RunFinder,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(run_finder, "MAX_FOUND_RUNS", 20)
        now, ten_minutes = int(clock.now() * 1000), 600_000
        record.add_found_run("etl", ETL.job_id, 1, started_at=now - LOOKBACK_MS)
        record.finish_run(end(1, job_id=ETL.job_id))
        count = LOOKBACK_MS // ten_minutes
        assert count > run_finder.MAX_FOUND_RUNS
        workspace.runs += [
            (2 + n, now - LOOKBACK_MS + n * ten_minutes, False) for n in range(count)
        ]
        finder.find()
        found = {run.run_id for run in record.list_unfinished_runs([ETL.job_id], limit=2 * count)}
        assert found == {run_id for run_id, *_ in workspace.runs}

    def test_quiet_day_costs_one_request_per_search(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        finder.find()
        for _ in range(24):
            clock.sleep(3_600)
            finder.find()
        del workspace.requests[:]
        finder.find()
        assert len(workspace.requests) == 1

    def test_own_runs_are_not_found_again(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        add_run(record, 1, job_id=ETL.job_id)
        workspace.runs.append((1, int(clock.now() * 1000), True))
        finder.find()
        ((run_id, source),) = [
            (each.run_id, each.source) for each in record.list_unfinished_runs([ETL.job_id])
        ]
        assert (run_id, source) == (1, "app")

    def test_run_that_was_repaired_since_its_recorded_end_is_followed_again(
        self, record: SwitchableRecord, workspace: Workspace, finder: RunFinder, clock: FakeClock
    ) -> None:
        started = int(clock.now() * 1000) - 3_600_000
        for run_id in (1, 2, 3, 4):
            record.add_found_run("etl", ETL.job_id, run_id, started_at=started)
            record.finish_run(end(run_id, job_id=ETL.job_id, outcome="failed"))
        finder.find()
        workspace.runs += [(run_id, started, run_id <= 2) for run_id in (1, 2, 3, 4)]
        workspace.ended_meanwhile = {2}
        workspace.ends = {4: RECORDED_END + 1}  # its repair has ended as well
        clock.sleep(REPAIRED_SECONDS)
        finder.find()
        assert self.found(record) == [1, 4]
        assert workspace.polled_again == [RunKey(APP, ALL, run_id) for run_id in (1, 4)]

    @pytest.mark.parametrize("what", ["record", "workspace"])
    def test_search_for_repaired_runs_is_repeated_at_once_after_an_outage(
        self,
        what: str,
        record: SwitchableRecord,
        workspace: Workspace,
        finder: RunFinder,
    ) -> None:
        record.add_found_run("etl", ETL.job_id, 1, started_at=1_000)
        record.finish_run(end(1, job_id=ETL.job_id, outcome="failed"))
        workspace.runs.append((1, 1_000, False))
        workspace.ends = {1: RECORDED_END + 1}
        record.is_available, workspace.failing_job = what != "record", "etl"
        with pytest.raises(LakeflowJobsError):
            finder.find()
        record.is_available, workspace.failing_job = True, None
        finder.find()
        assert self.found(record) == [1]

    def test_repaired_run_is_polled_again_though_the_response_of_the_record_was_lost(
        self, record: SwitchableRecord, workspace: Workspace, clock: FakeClock
    ) -> None:
        add_run(record, 1, "own", job_id=OWN.job_id)
        record.finish_run(end(1, job_id=OWN.job_id, outcome="failed"))
        workspace.runs.append((1, 1_000, True))
        record.loses_response = True
        with suppress(DatabaseUnavailable):
            self.build_finder({"own": OWN}, record, workspace, clock).find()
        assert [run.run_id for run in record.list_unfinished_runs([OWN.job_id])] == [1]
        assert workspace.polled_again == [RunKey(APP, OWN, 1)]

    @pytest.mark.parametrize(
        ("outcome", "age_ms", "followed"),
        [
            ("failed", 3_600_000, True),
            ("succeeded", 3_600_000, False),
            ("failed", REPAIR_MS, False),
        ],
    )
    def test_own_run_that_was_repaired_elsewhere_is_followed_if_it_failed_lately(
        self,
        record: SwitchableRecord,
        workspace: Workspace,
        finder: RunFinder,
        clock: FakeClock,
        outcome: str,
        age_ms: int,
        followed: bool,
    ) -> None:
        add_run(record, 1, "own", job_id=OWN.job_id)
        record.finish_run(end(1, job_id=OWN.job_id, outcome=outcome))
        clock.sleep(age_ms / 1000 + 1)
        started = int(clock.now() * 1000)
        workspace.runs += [(1, started, True), (2, started, True)]
        workspace.runs += [(3 + number, started, False) for number in range(RUNS_PER_PAGE)]
        finder.find()
        expected = [1] if followed else []
        assert [run.run_id for run in record.list_unfinished_runs([OWN.job_id])] == expected
        assert workspace.polled_again == [RunKey(APP, OWN, run_id) for run_id in expected]
