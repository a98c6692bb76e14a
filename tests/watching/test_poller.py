"""The consequences of a poll: backoff, other runs, and calls of the app."""

from __future__ import annotations

import gc
import logging

import pytest
from databricks.sdk.service.jobs import BaseRun

from flask_lakeflow_jobs import NotAllowed, RunNotFound, UpstreamThrottled, UpstreamUnavailable
from flask_lakeflow_jobs.errors import LakeflowJobsError, UpstreamUnauthenticated
from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.poller import throttled_seconds
from flask_lakeflow_jobs.watching.schedule import MIN_DELAY_SECONDS, TERMINAL_DELAY_SECONDS
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import FAILED, SUCCEEDED, Document, run, run_state
from tests.support import own_messages
from tests.watching.support import (
    ALICES,
    ENDED,
    LONG_RUNNING,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    RUNNING,
    TWO,
    HubHarness,
    Processes,
    is_finished,
    outcomes,
    run_keys,
)

# Failures


def test_failed_polls_back_off_up_to_the_poll_interval(harness: HubHarness) -> None:
    harness.subscribe()
    delays = [harness.poll(UpstreamUnavailable("Not now."))]
    for _ in range(6):
        delays.append(harness.poll(after=delays[-1]))
    assert delays == sorted(delays)
    assert delays[0] <= 2 * MIN_DELAY_SECONDS
    assert delays[-1] == POLL_INTERVAL
    harness.poll(RUNNING, after=POLL_INTERVAL)
    assert harness.poll(UpstreamUnavailable("Not now."), after=POLL_INTERVAL) == delays[0]


@pytest.mark.parametrize(("retry_after", "delay"), [(20.0, 20.0), (30.0, 30.0), (600.0, 30.0)])
def test_retry_after_of_the_workspace_is_respected_for_half_a_minute(
    harness: HubHarness, retry_after: float, delay: float
) -> None:
    """With a longer one, the end of the run would be missed."""
    harness.subscribe()
    throttled = UpstreamThrottled("Slow down.", retry_after=retry_after)
    assert harness.poll(throttled) == throttled_seconds(throttled) == delay
    harness.poll(after=delay - 1.0)
    assert len(harness.source.polls) == 1
    harness.poll(RUNNING, after=1.0)
    assert len(harness.source.polls) == 2


def test_outage_is_logged_once_for_all_runs_when_it_begins_and_ends(
    harness: HubHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.subscribe(ONE, TWO)
    harness.source.set_response(UpstreamUnavailable("Not now."), ONE, TWO)
    for _ in range(3):
        harness.poll(after=POLL_INTERVAL)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "Not now." in caplog.text
    harness.source.set_response(RUNNING, ONE)
    harness.poll(after=POLL_INTERVAL)
    assert len(caplog.records) == 1, "one run fails still"
    harness.source.set_response(RUNNING, TWO)
    harness.poll(after=POLL_INTERVAL)
    assert caplog.messages[1:] == ["All runs can be polled again."]


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (UpstreamUnauthenticated("Renew the credentials."), 1),
        (NotAllowed("Grant it."), 1),
        (RunNotFound(1001, "etl"), 0),
    ],
)
def test_error_that_ends_streams_is_logged_once_unless_the_run_is_gone(
    harness: HubHarness, caplog: pytest.LogCaptureFixture, error: LakeflowJobsError, lines: int
) -> None:
    harness.subscribe(ONE, TWO)
    harness.source.set_response(error, ONE, TWO)
    harness.poll()
    text = f"its streams end, as do those of others: {error}"
    assert [text in message for message in own_messages(caplog)] == [True] * lines


def test_end_of_a_run_that_nobody_watches_any_more_does_not_hide_the_next_outage(
    harness: HubHarness, caplog: pytest.LogCaptureFixture
) -> None:
    for key in (ONE, TWO):
        subscription = harness.subscribe(key)
        harness.source.set_response(UpstreamUnavailable("Not now."), key)
        harness.poll(after=POLL_INTERVAL)
        subscription.close()
        del subscription
        harness.poll(after=POLL_INTERVAL)
        harness.source.responses.clear()  # their tracebacks refer to the run
        gc.collect()
    assert len(caplog.records) == 2


def test_unexpected_error_is_logged_and_the_run_polled_again(
    harness: HubHarness, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = harness.subscribe()
    with caplog.at_level(logging.ERROR):
        harness.poll(KeyError("surprise"))
    assert "surprise" in caplog.text
    harness.poll(RUNNING, after=1.0)
    assert outcomes(subscription.collect()) == ["running"]


def test_unexpected_error_at_one_run_stops_no_other_of_its_job(harness: HubHarness) -> None:
    first, bad, last = run_keys(1001, 1002, 1003)
    subscription = harness.subscribe(first, bad, last)
    harness.source.set_response(ENDED, first, last)
    harness.source.set_response(KeyError("surprise"), bad)
    harness.poll()
    assert [update.run_key for update in subscription.collect()] == [first, last]


@pytest.mark.parametrize(
    ("error", "polls"), [(UpstreamUnavailable("Not now."), 0), (NotAllowed("No list for you."), 20)]
)
def test_failed_list_is_followed_by_reads_unless_it_may_be_retried(
    harness: HubHarness,
    monkeypatch: pytest.MonkeyPatch,
    error: LakeflowJobsError,
    polls: int,
) -> None:
    def fail(run_key: RunKey, limit: int) -> None:
        raise error

    keys = run_keys(*range(1, 21))
    harness.source.set_response(RUNNING, *keys)
    monkeypatch.setattr(harness.source, "read_active_runs", fail)
    subscription = harness.subscribe(*keys)
    harness.poll()
    assert len(harness.source.polls) == polls
    updates = subscription.collect()
    assert [update.snapshot is not None for update in updates] == [polls > 0] * 20


# Calls of the app


def test_each_new_state_is_dispatched_once(harness: HubHarness) -> None:
    for _ in range(3):
        harness.subscribe()
    for state in (QUEUED, QUEUED, RUNNING, ENDED):
        harness.poll(state, after=POLL_INTERVAL)
    again = harness.subscribe()
    harness.poll(ENDED)
    assert outcomes(again.collect()) == ["succeeded"]
    assert [(run_key, status.outcome.value) for run_key, status in harness.changes] == [
        (ONE, "queued"),
        (ONE, "running"),
        (ONE, "succeeded"),
    ]


def test_state_that_two_identities_read_is_dispatched_once(harness: HubHarness) -> None:
    harness.subscribe(ONE)
    harness.subscribe(ALICES)
    for state in (QUEUED, RUNNING, ENDED):
        harness.poll(state, after=POLL_INTERVAL)
    dispatched = [status.outcome.value for _, status in harness.changes]
    assert dispatched == ["queued", "running", "succeeded"]


def test_state_from_before_the_last_one_is_not_dispatched(harness: HubHarness) -> None:
    harness.subscribe(ONE)
    harness.poll(ENDED)
    subscription = harness.subscribe(ALICES)
    harness.poll(RUNNING)
    assert outcomes(subscription.collect()) == ["running"]
    assert [status.outcome.value for _, status in harness.changes] == ["succeeded"]


@pytest.mark.parametrize("is_reset", [False, True])
def test_end_is_dispatched_again_only_after_a_reset(harness: HubHarness, is_reset: bool) -> None:
    harness.subscribe()
    harness.poll(ENDED)
    if is_reset:
        harness.hub.reset(ONE)
    else:
        harness.hub.invalidate(ONE.ids)
    harness.subscribe()
    harness.poll(ENDED)
    assert [status.outcome.value for _, status in harness.changes] == ["succeeded"] * (1 + is_reset)
    assert len(harness.source.polls) == 2


# History


def past_runs(*seconds: float) -> list[BaseRun]:
    return [
        BaseRun.from_dict({**SUCCEEDED, "start_time": 1, "end_time": 1 + int(duration * 1000)})
        for duration in seconds
    ]


def predicted_duration(harness: HubHarness) -> float | None:
    """The seconds that a new run of the job takes by its ``eta``."""
    started_at = int(harness.clock.now() * 1000)
    harness.source.set_response(run(start_time=started_at), TWO)
    subscription = harness.subscribe(TWO)
    harness.poll()
    [update] = subscription.wait_for_first(0.0)
    subscription.close()
    assert update.snapshot is not None
    eta = update.snapshot.status.eta
    return None if eta is None else (eta - started_at) / 1000


@pytest.mark.parametrize(
    ("durations", "expected"), [((), None), ((29.0, 30.0), None), ((29.0, 30.0, 31.0), 30.0)]
)
def test_past_runs_predict_the_end(
    harness: HubHarness, durations: tuple[float, ...], expected: float | None
) -> None:
    harness.source.past_runs = past_runs(*durations)
    assert predicted_duration(harness) == expected


def test_run_is_not_polled_before_any_past_run_had_ended(harness: HubHarness) -> None:
    harness.source.past_runs = past_runs(4.0, 4.0, 4.0)
    harness.subscribe()
    delay = harness.poll(run(start_time=int(harness.clock.now() * 1000)))
    assert delay == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(
    ("doing", "expected"),
    [(SUCCEEDED, 10.0), (FAILED, None), (run_state("TERMINATED", "CANCELED"), None)],
)
def test_watched_run_that_succeeds_becomes_history(
    harness: HubHarness, doing: Document, expected: float | None
) -> None:
    harness.source.past_runs = past_runs(10.0, 10.0)
    harness.subscribe()
    harness.poll(LONG_RUNNING)
    now = int(harness.clock.now() * 1000)
    harness.poll(run(doing, start_time=now - 10_000, end_time=now), after=POLL_INTERVAL)
    assert predicted_duration(harness) == expected


def test_ended_run_becomes_history_once_for_many_subscribers(harness: HubHarness) -> None:
    harness.source.past_runs = past_runs(30.0, 30.0, 30.0)
    for _ in range(20):
        subscription = harness.subscribe()
        harness.poll(run(SUCCEEDED, start_time=1000, end_time=2000), after=TERMINAL_DELAY_SECONDS)
        subscription.close()
    assert predicted_duration(harness) == 30.0


# Groups


def test_end_right_after_a_slow_poll_of_a_group_is_known_within_a_poll_interval() -> None:
    processes = Processes(0.0, round_trip=0.01)
    keys = run_keys(*range(1, 21))
    processes.source.set_response(LONG_RUNNING, *keys)
    [subscription] = processes.subscribe(*keys)
    processes.run(6 * POLL_INTERVAL)
    processes.source.read_times.clear()
    while not processes.source.read_times:
        processes.run(TICK_SECONDS / 5)
    processes.source.set_response(ENDED, *keys)
    ended_at = processes.source.read_times[0]
    while not is_finished(subscription):
        processes.run(TICK_SECONDS / 5)
        subscription.collect()
    assert processes.time.elapsed - ended_at <= POLL_INTERVAL
