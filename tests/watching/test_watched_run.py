"""The state that a process keeps of a run goes forward only; its next poll is never lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databricks.sdk.service.jobs import Run
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import RunNotFound, RunStatus, UpstreamUnavailable
from flask_lakeflow_jobs.watching.snapshot import Snapshot
from flask_lakeflow_jobs.watching.watched_run import PollState, RunKey, WatchedRun
from tests.run_documents import FAILED, run, run_state, state_id_of
from tests.watching.support import ALICES, ENDED, ONE, OTHER_KEY, QUEUED, RUNNING

NOW = 100.0


def snapshot(of: Run) -> Snapshot:
    return Snapshot.from_status(RunStatus(1, of))


@pytest.fixture
def watched_run() -> WatchedRun:
    return WatchedRun(ONE, 0.0)


# Keys


@pytest.mark.parametrize("other", [ALICES, OTHER_KEY], ids=["identity", "job key"])
def test_run_key_of_another_identity_or_job_key_differs(other: RunKey) -> None:
    assert other != ONE
    assert other.group != ONE.group


def test_run_key_contains_no_token() -> None:
    assert "token-of-alice" not in ALICES.key


# Publish


def test_publish_returns_whether_the_state_is_new(watched_run: WatchedRun) -> None:
    polls = [QUEUED, QUEUED, RUNNING, RUNNING, ENDED]
    assert [watched_run.publish(snapshot=snapshot(of)) for of in polls] == [
        *(True, False, True, False, True)
    ]
    assert watched_run.state.version == 3
    assert watched_run.state.is_final


def test_publish_ignores_an_earlier_state(watched_run: WatchedRun) -> None:
    watched_run.publish(snapshot=snapshot(RUNNING))
    assert not watched_run.publish(snapshot=snapshot(QUEUED))
    assert watched_run.state.snapshot is not None
    assert watched_run.state.snapshot.id == state_id_of(RUNNING)


@pytest.mark.parametrize(("before", "after"), [("BLOCKED", "PENDING"), ("A_NEW_STATE", "QUEUED")])
def test_publish_accepts_states_without_an_order(
    watched_run: WatchedRun, before: str, after: str
) -> None:
    for state in (before, after):
        assert watched_run.publish(snapshot=snapshot(run(run_state(state))))
    assert watched_run.state.snapshot is not None
    assert watched_run.state.snapshot.status.status == after


def test_publish_counts_the_first_of_consecutive_failures(watched_run: WatchedRun) -> None:
    error = UpstreamUnavailable("Not now.")
    for _ in range(3):
        watched_run.publish(transient_error=error)
    assert watched_run.state.version == 1
    watched_run.publish(snapshot=snapshot(RUNNING))
    assert watched_run.state.transient_error is None
    watched_run.publish(error=RunNotFound(1001, "etl"))
    assert watched_run.state.version == 3
    assert watched_run.state.is_final


def test_publish_wakes_listeners_only_on_a_change(watched_run: WatchedRun) -> None:
    calls: list[int] = []

    def listener() -> None:
        calls.append(watched_run.state.version)

    watched_run.add_listener(listener)
    watched_run.publish(snapshot=snapshot(QUEUED))
    watched_run.publish(snapshot=snapshot(QUEUED))
    assert calls == [1]
    watched_run.remove_listener(listener)
    watched_run.publish(snapshot=snapshot(RUNNING))
    assert calls == [1]


@pytest.mark.parametrize(
    ("end", "seen", "is_outdated"),
    [
        (FAILED, run(attempt_number=1), True),  # the subscriber has seen a repair
        (FAILED, RUNNING, False),
        (FAILED, None, False),
        (run_state("RUNNING"), run(attempt_number=1), False),
    ],
)
def test_end_is_outdated_by_a_later_seen_state(
    watched_run: WatchedRun, end: dict[str, str], seen: Run | None, is_outdated: bool
) -> None:
    watched_run.publish(snapshot=snapshot(run(end)))
    assert watched_run.is_outdated_by(state_id_of(seen) if seen else None) is is_outdated


# Polls


def notify(watched_run: WatchedRun) -> None:
    watched_run.notify("1", NOW)


def invalidate(watched_run: WatchedRun) -> None:
    watched_run.invalidate(NOW)


@pytest.mark.parametrize(
    ("call", "during_poll"),
    [
        (notify, PollState.POLLING_AGAIN),
        (WatchedRun.poll_again, PollState.POLLING_AGAIN),
        (invalidate, PollState.POLLING_VOID),
    ],
)
def test_change_during_a_poll_causes_another_poll(
    watched_run: WatchedRun, call: Callable[[WatchedRun], None], during_poll: PollState
) -> None:
    call(watched_run)
    assert watched_run.poll_state is PollState.IDLE
    watched_run.start_poll()
    call(watched_run)
    assert watched_run.poll_state is during_poll
    watched_run.next_poll_at = NOW + 60.0  # as the poll decides
    watched_run.finish_poll(NOW, min_delay=0.25)
    assert watched_run.poll_state is PollState.IDLE
    assert watched_run.next_poll_at == NOW


def test_void_poll_stays_void_after_a_notification(watched_run: WatchedRun) -> None:
    watched_run.start_poll()
    invalidate(watched_run)
    notify(watched_run)
    assert watched_run.is_poll_void


@pytest.mark.parametrize(
    ("next_poll_at", "is_final", "expected"),
    [(NOW + 5.0, False, NOW + 5.0), (NOW, False, NOW + 0.25), (NOW - 1.0, True, NOW - 1.0)],
)
def test_finish_poll_keeps_the_decided_time_or_waits_a_moment(
    watched_run: WatchedRun, next_poll_at: float, is_final: bool, expected: float
) -> None:
    if is_final:
        watched_run.publish(snapshot=snapshot(ENDED))
    watched_run.start_poll()
    watched_run.next_poll_at = next_poll_at
    watched_run.finish_poll(NOW, min_delay=0.25)
    assert watched_run.next_poll_at == expected


@pytest.mark.parametrize("has_subscriber", [False, True])
@pytest.mark.parametrize("has_notification", [False, True])
@pytest.mark.parametrize("is_final", [False, True])
def test_run_is_needed_by_subscribers_or_a_notification(
    watched_run: WatchedRun, has_subscriber: bool, has_notification: bool, is_final: bool
) -> None:
    watched_run.subscriber_count = int(has_subscriber)
    if has_notification:
        notify(watched_run)
    if is_final:
        watched_run.publish(snapshot=snapshot(ENDED))
    assert watched_run.is_needed is (has_subscriber or (has_notification and not is_final))
    assert watched_run.is_waiting is (not is_final and (has_subscriber or has_notification))
    watched_run.start_poll()
    assert not watched_run.is_waiting


CALLS = st.sampled_from([WatchedRun.start_poll, WatchedRun.poll_again, notify, invalidate])


@given(st.lists(CALLS), st.floats(0.0, 200.0))
def test_finished_poll_always_leaves_a_next_poll(
    calls: list[Callable[[WatchedRun], None]], next_poll_at: float
) -> None:
    watched_run = WatchedRun(ONE, 0.0)
    watched_run.start_poll()
    for call in calls:
        call(watched_run)
    watched_run.next_poll_at = next_poll_at
    watched_run.finish_poll(NOW, min_delay=0.25)
    assert not watched_run.is_polling
    assert NOW <= watched_run.next_poll_at <= max(NOW + 0.25, next_poll_at)
