"""Following unfinished runs: by which process, and what happens to their ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from flask_lakeflow_jobs import RunNotFound, RunStatus, UpstreamUnavailable
from flask_lakeflow_jobs.concurrency import Spawn
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.errors import NotAllowed
from flask_lakeflow_jobs.following import follower
from flask_lakeflow_jobs.following.follower import (
    ERROR_WAIT_SECONDS,
    LEASE_SECONDS,
    MISSING_WAIT_SECONDS,
    Follower,
)
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord
from tests.run_documents import SUCCEEDED, build_job, run
from tests.support import interrupt_lines
from tests.watching.support import LONG_RUNNING, POLL_INTERVAL, HubHarness

ETL = build_job("etl")
SCRATCH = replace(build_job("scratch", 8), follow=False)
JOBS = {"etl": ETL}


class Process:
    """One process of the app: its hub and its follower."""

    def __init__(
        self,
        record: SwitchableRecord,
        jobs: dict[str, Job],
        clock: FakeClock,
        poll_interval: float = POLL_INTERVAL,
        lease_seconds: float = LEASE_SECONDS,
        spawn: Spawn | None = None,
    ) -> None:
        self.harness = HubHarness(clock=clock)
        self.source = self.harness.source
        self.clock = clock
        self.ends: list[tuple[int, str]] = []
        self.abandoned: list[int] = []
        self.is_lost = True
        self.searches = self.ticks = 0
        self.error: Exception | None = None
        self.follower = Follower(
            record,
            self.harness.hub,
            jobs,
            clock,
            cast(Any, self),  # in place of both the recorder of ends and the finder
            cast(Any, self),
            poll_interval=poll_interval,
            lease_seconds=lease_seconds,
            spawn=spawn,
        )

    def step(self) -> float:
        """Follow, and make the polls that are due."""
        delay = self.follower.step()
        self.harness.hub.step()
        return delay

    @property
    def outbox(self) -> Process:
        return self

    def finish(self, run_key: RunKey, status: RunStatus) -> None:
        self.ends.append((run_key.run_id, status.outcome.value))

    def abandon(self, run_key: RunKey) -> bool:
        self.abandoned.append(run_key.run_id)
        return self.is_lost

    def wake(self) -> None:
        self.ticks += 1

    def find(self) -> None:
        self.searches += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def make_process(record: SwitchableRecord, clock: FakeClock) -> Callable[[], Process]:
    return lambda: Process(record, {"etl": ETL}, clock)


@pytest.fixture
def process(make_process: Callable[[], Process]) -> Process:
    return make_process()


def key(run_id: int) -> RunKey:
    return RunKey(APP, ETL, run_id)


class TestFollower:
    def test_unfinished_run_is_polled_without_viewers(
        self, record: SwitchableRecord, process: Process
    ) -> None:
        for run_id in (7, 8):
            add_run(record, run_id, job_id=ETL.job_id)
            process.source.set_response(LONG_RUNNING, key(run_id))
        process.step()
        assert sorted(polled.run_id for polled in process.source.polls) == [7, 8]
        process.source.set_response(run(SUCCEEDED), key(7))
        process.clock.sleep(POLL_INTERVAL)
        process.step()
        assert [status.outcome for _, status in process.harness.changes][-1] == "succeeded"

    def test_runs_that_are_not_followed_keep_no_other_from_being_polled(
        self, record: SwitchableRecord, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follower, "MAX_UNFINISHED_RUNS", 1)
        process = Process(record, {"etl": ETL, "scratch": SCRATCH}, clock)
        record.add_found_run("scratch", SCRATCH.job_id, 1, started_at=0)
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(LONG_RUNNING, key(7))
        process.step()
        assert [polled.run_id for polled in process.source.polls] == [7]

    def test_end_that_the_record_misses_is_written_again(
        self, record: SwitchableRecord, process: Process
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(run(SUCCEEDED), key(7))
        process.step()
        process.step()
        assert process.ends == [(7, "succeeded")]

    def test_recorded_end_ends_the_polls(
        self, record: SwitchableRecord, process: Process, clock: FakeClock
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(LONG_RUNNING, key(7))
        process.step()
        record.finish_run(end(7, job_id=ETL.job_id))
        clock.sleep(POLL_INTERVAL)
        process.step()
        assert process.follower.run_count == 0
        assert len(process.source.polls) == 1

    def test_one_of_several_processes_polls_and_another_takes_over(
        self, record: SwitchableRecord, make_process: Callable[[], Process], clock: FakeClock
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        first, second = make_process(), make_process()
        for each in (first, second):
            each.source.set_response(LONG_RUNNING, key(7))
            each.step()
        assert (len(first.source.polls), len(second.source.polls)) == (1, 0)
        waited = 0.0  # the first process is killed
        while not second.source.polls:
            delay = second.step()
            clock.sleep(delay)
            waited += delay
        assert waited <= 2 * LEASE_SECONDS

    def test_process_that_lost_the_lease_stops_at_once(
        self, record: SwitchableRecord, make_process: Callable[[], Process], clock: FakeClock
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        first, second = make_process(), make_process()
        for each in (first, second):
            each.source.set_response(LONG_RUNNING, key(7))
        first.step()
        clock.sleep(LEASE_SECONDS)  # the first process is paused
        second.step()
        polls = len(first.source.polls)
        first.step()
        assert (first.follower.is_leading, first.follower.run_count) == (False, 0)
        assert len(first.source.polls) == polls

    def test_process_stops_before_its_lease_ends_without_the_record(
        self, record: SwitchableRecord, process: Process, clock: FakeClock
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(LONG_RUNNING, key(7))
        process.step()
        record.is_available = False
        for _ in range(2):
            clock.sleep(POLL_INTERVAL)
            process.step()
            assert process.follower.run_count == 1
        clock.sleep(POLL_INTERVAL)
        process.step()
        assert process.follower.run_count == 0
        record.is_available = True
        process.step()
        assert process.follower.run_count == 1

    @pytest.mark.parametrize("was_read", [False, True])
    def test_run_that_the_workspace_dropped_is_abandoned(
        self, record: SwitchableRecord, process: Process, *, was_read: bool
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        if was_read:
            process.source.set_response(LONG_RUNNING, key(7))
            process.step()
            process.clock.sleep(POLL_INTERVAL)
        process.source.set_response(RunNotFound(7, "etl"), key(7))
        process.step()
        process.step()
        assert (process.abandoned, process.ends) == ([7], [])

    def test_run_that_another_workspace_may_have_is_read_again_after_an_hour(
        self, record: SwitchableRecord, process: Process
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(RunNotFound(7, "etl"), key(7))
        process.is_lost = False
        for _ in range(3):
            process.step()
            process.clock.sleep(MISSING_WAIT_SECONDS / 4)
        assert process.abandoned == [7]
        process.clock.sleep(MISSING_WAIT_SECONDS / 2)
        process.step()
        process.step()
        assert process.abandoned == [7, 7]

    def test_transient_error_does_not_end_following(
        self, record: SwitchableRecord, process: Process, clock: FakeClock
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(UpstreamUnavailable("Down."), key(7))
        process.step()
        process.source.set_response(run(SUCCEEDED), key(7))
        for _ in range(3):
            clock.sleep(POLL_INTERVAL)
            process.step()
        assert process.ends == [(7, "succeeded")]

    @pytest.mark.parametrize("was_read", [False, True])
    def test_refused_run_is_read_again_after_a_while(
        self, record: SwitchableRecord, process: Process, clock: FakeClock, *, was_read: bool
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        if was_read:
            process.source.set_response(LONG_RUNNING, key(7))
            process.step()
            clock.sleep(POLL_INTERVAL)
        process.source.set_response(NotAllowed("No."), key(7))
        for _ in range(4):
            process.step()
        assert len(process.source.polls) == 1 + was_read
        process.source.set_response(run(SUCCEEDED), key(7))
        clock.sleep(ERROR_WAIT_SECONDS)
        process.step()
        process.step()
        assert process.ends == [(7, "succeeded")]

    def test_runs_that_cannot_be_read_keep_no_newer_one_from_being_followed(
        self, record: SwitchableRecord, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follower, "MAX_UNFINISHED_RUNS", 1)
        for run_id in (7, 8):
            add_run(record, run_id, job_id=ETL.job_id)
        process.source.set_response(NotAllowed("No."), key(7))
        process.source.set_response(run(SUCCEEDED), key(8))
        for _ in range(4):
            process.step()
        assert process.ends == [(8, "succeeded")]

    def test_search_is_made_once_per_interval_by_the_holder(
        self, make_process: Callable[[], Process], clock: FakeClock
    ) -> None:
        first, second = make_process(), make_process()
        for _ in range(3):
            first.step(), first.step(), second.step()
            clock.sleep(POLL_INTERVAL)
        assert (first.searches, second.searches) == (3, 0)

    def test_next_search_begins_after_the_end_of_the_one_before(
        self, record: SwitchableRecord, clock: FakeClock
    ) -> None:
        searches: list[Callable[[], object]] = []
        process = Process(record, JOBS, clock, spawn=searches.append)
        for _ in range(2):
            process.step()
            clock.sleep(POLL_INTERVAL)
        assert len(searches) == 1
        searches[0]()
        process.step()
        assert len(searches) == 2

    @pytest.mark.parametrize("error", [UpstreamUnavailable("Down."), ZeroDivisionError()])
    def test_search_that_fails_is_made_again(
        self, process: Process, clock: FakeClock, error: Exception
    ) -> None:
        process.error = error
        for searches in (1, 2):
            process.step()
            assert process.searches == searches
            clock.sleep(POLL_INTERVAL)

    @pytest.mark.parametrize(
        ("poll_interval", "expected"), [(0.1, 0.1), (3_600.0, LEASE_SECONDS / 3)]
    )
    def test_next_step_is_soon_enough_for_polls_and_for_the_lease(
        self, record: SwitchableRecord, clock: FakeClock, poll_interval: float, expected: float
    ) -> None:
        leader, other = (Process(record, JOBS, clock, poll_interval) for _ in range(2))
        assert (leader.step(), other.step()) == (expected, expected)
        assert (leader.ticks, other.ticks) == (1, 1)

    def test_unexpected_error_of_a_step_does_not_end_following(
        self, record: SwitchableRecord, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = Process(record, JOBS, clock, lease_seconds=0)
        reports: list[int] = []

        def report() -> None:
            reports.append(process.ticks)
            if len(reports) == 2:
                process.follower.stop()

        monkeypatch.setattr(process.follower._lease, "renew", lambda: 1 // 0)
        process.follower.run(report)
        assert reports == [1, 2]

    def test_signal_at_any_moment_of_the_wait_stops_the_follower(
        self, process: Process, in_threads: Callable[..., object]
    ) -> None:
        run, stop = process.follower.run, process.follower.stop
        in_threads(lambda: run(lambda: interrupt_lines(stop)))

    def test_stopped_follower_releases_its_lease(
        self, record: SwitchableRecord, process: Process, make_process: Callable[[], Process]
    ) -> None:
        add_run(record, 7, job_id=ETL.job_id)
        process.source.set_response(LONG_RUNNING, key(7))
        followed: list[int] = []

        def stop() -> None:
            followed.append(process.follower.run_count)
            process.follower.stop()

        process.follower.run(stop)
        assert (followed, process.follower.run_count) == ([1], 0)
        other = make_process()
        other.source.set_response(LONG_RUNNING, key(7))
        other.step()
        assert other.follower.is_leading
