"""Runs that one of several processes changes: no process shows what was polled before."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import outcome_of
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.watched_run import KEPT_SECONDS, RunKey
from tests.run_documents import FAILED, build_job, run, run_state
from tests.watching.support import (
    ALICES,
    JOB,
    LONG_RUNNING,
    ONE,
    POLL_INTERVAL,
    TERMINATING,
    Processes,
    outcomes,
    run_keys,
)


@pytest.mark.parametrize("changing", [0, 1])
def test_invalidated_run_is_polled_again_by_all(changing: int) -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    processes.run(2 * POLL_INTERVAL)
    for subscription in subscriptions:
        subscription.collect()
    processes.source.set_response(TERMINATING)
    processes.hubs[changing].invalidate(ONE.ids)
    processes.hubs[changing].step()
    assert outcomes(subscriptions[changing].collect()) == ["terminating"]
    processes.run(POLL_INTERVAL)
    assert outcomes(subscriptions[1 - changing].collect()) == ["terminating"]


def test_invalidated_job_is_polled_again_and_no_other_job_is() -> None:
    processes = Processes(0.0, 0.0)
    keys = [*run_keys(1, 2), RunKey(APP, build_job("other", 8), 3)]
    processes.source.set_response(LONG_RUNNING, *keys)
    subscriptions = processes.subscribe(*keys)
    processes.run(2 * POLL_INTERVAL)
    for subscription in subscriptions:
        subscription.collect()
    processes.source.set_response(TERMINATING, *keys)
    hub, _ = processes.hubs
    hub.invalidate_job(JOB.job_id)
    hub.step()
    assert [update.run_key.run_id for update in subscriptions[0].collect()] == [1, 2]
    processes.run(POLL_INTERVAL)
    assert len(subscriptions[1].collect()) == 3


REPAIRED = run(run_state("PENDING"), start_time=1, attempt_number=1)


FAILED_RUN = run(FAILED, start_time=1, end_time=2)


def change_during_the_next_poll(processes: Processes, response: Run, changing: Hub) -> None:
    """Let a process change the run after the source has responded to the next read."""
    read_run = processes.source.read_run

    def read_and_change(run_key: RunKey) -> ApiResponse[Run]:
        outdated = read_run(run_key)
        processes.source.read_run = read_run  # type: ignore[method-assign]
        processes.source.set_response(response)
        changing.invalidate(ONE.ids)
        return outdated

    processes.source.read_run = read_and_change  # type: ignore[method-assign]


@pytest.mark.parametrize("changing", [0, 1], ids=["by us", "by another process"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(FAILED_RUN, REPAIRED), (LONG_RUNNING, TERMINATING)],
    ids=["repair", "cancel"],
)
def test_poll_that_began_before_a_change_does_not_count(
    before: Run, after: Run, changing: int
) -> None:
    processes = Processes(0.0, 0.0)
    polling, other = processes.hubs
    processes.source.set_response(before)
    subscription = polling.subscribe(ONE)
    change_during_the_next_poll(processes, after, processes.hubs[changing])
    assert polling.step() == 0, "another poll is due at once"
    assert subscription.collect() == []
    assert processes.changes == []
    late = other.subscribe(ONE)
    processes.run(2 * TICK_SECONDS)
    expected = outcome_of(after)
    assert [outcomes(each.collect()) for each in (subscription, late)] == [[expected.value]] * 2
    assert [status.outcome for _, status in processes.changes] == [expected] * 2


@pytest.mark.parametrize("changing", [0, 1], ids=["by us", "by another process"])
def test_change_while_a_result_is_published_withdraws_the_result(changing: int) -> None:
    processes = Processes(0.0, 0.0)
    polling, _ = processes.hubs
    processes.source.set_response(FAILED_RUN)
    polling.subscribe(ONE)
    set_entries = processes.store.set_many

    def set_and_change(mapping: dict[str, str], timeout: Any = None) -> list[str]:
        if any("state:" in key for key in mapping):
            processes.store.set_many = set_entries  # type: ignore[method-assign]
            processes.source.set_response(REPAIRED)
            processes.hubs[changing].invalidate(ONE.ids)
        return set_entries(mapping, timeout)

    processes.store.set_many = set_and_change  # type: ignore[method-assign]
    polling.step()
    late = processes.subscribe()
    processes.run(2 * TICK_SECONDS)
    assert [outcomes(each.collect()) for each in late] == [["pending"]] * 2


@pytest.mark.parametrize("identity", [ONE, ALICES], ids=["same identity", "another identity"])
@pytest.mark.parametrize("changing", [0, 1], ids=["by us", "by another process"])
def test_end_is_not_shown_after_a_repair(changing: int, identity: RunKey) -> None:
    processes = Processes(0.0, 0.0)
    polling, _ = processes.hubs
    processes.source.set_response(FAILED_RUN)
    before = polling.subscribe(ONE)
    polling.step()
    assert outcomes(before.collect()) == ["failed"]
    before.close()
    processes.source.set_response(REPAIRED)
    processes.hubs[changing].reset(identity)
    late = processes.subscribe()
    processes.run(2 * TICK_SECONDS)
    assert [outcomes(each.collect()) for each in late] == [["pending"]] * 2


def test_change_during_an_outage_hides_no_later_one() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(LONG_RUNNING)
    subscriptions = processes.subscribe()
    processes.run(POLL_INTERVAL)
    processes.store.is_away = True
    processes.hubs[0].invalidate(ONE.ids)
    processes.store.is_away = False
    processes.source.set_response(FAILED_RUN)
    processes.run(POLL_INTERVAL)
    for subscription in subscriptions:
        subscription.close()
    processes.run(KEPT_SECONDS + POLL_INTERVAL)
    processes.source.set_response(REPAIRED)
    processes.hubs[1].reset(ONE)
    late = processes.hubs[0].subscribe(ONE)
    processes.run(2 * TICK_SECONDS)
    assert outcomes(late.collect()) == ["pending"]
