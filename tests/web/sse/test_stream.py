"""Streams: what a subscriber of runs gets, read as a browser reads it."""

from __future__ import annotations

import json

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import InvalidUserToken, RunNotFound, UpstreamUnavailable
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.snapshot import StateId
from flask_lakeflow_jobs.watching.watched_run import RunKey
from flask_lakeflow_jobs.web.responses import build_problem
from flask_lakeflow_jobs.web.servers import UNLIMITED, Server
from flask_lakeflow_jobs.web.sse import format as wire
from flask_lakeflow_jobs.web.sse.encoder import MultiRunEventEncoder, encode_run_update
from flask_lakeflow_jobs.web.sse.limits import StreamLimiter
from flask_lakeflow_jobs.web.sse.stream import (
    OPENING,
    POLLING_RETRY_MILLISECONDS,
    RECONNECT_MILLISECONDS,
    RETRY_MILLISECONDS,
    BlockingBody,
    Stream,
    choose_lifetime,
    encode_current_state,
)
from tests.run_documents import SUCCEEDED, build_job, run, run_state, state_id_of
from tests.sse_client import Event, SseParser
from tests.watching.support import POLL_INTERVAL, HubHarness

HEARTBEAT = 10.0
LIFETIME = 280.0

ETL = RunKey(APP, build_job(), 1001)
REPORT = RunKey(APP, build_job("report", 8), 1002)

QUEUED = run(run_state("QUEUED"))
RUNNING = run(run_state("RUNNING"))
ENDED = run(SUCCEEDED)


def read_seen(last_id: str) -> dict[RunKey, StateId]:
    state = StateId.parse(last_id)
    return {ETL: state} if state else {}


class Viewer:
    """A browser that reads a stream of its own.

    :param last_id: its ``Last-Event-ID``.
    """

    def __init__(
        self,
        hub_harness: HubHarness,
        *run_keys: RunKey,
        last_id: str = "",
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.hub_harness = hub_harness
        runs = [(run_key.job.key, run_key.run_id) for run_key in run_keys]
        encode = encode_run_update if len(runs) == 1 else MultiRunEventEncoder(runs, {}).encode
        subscription = hub_harness.subscribe(*run_keys, seen=read_seen(last_id))
        hub_harness.poll(after=POLL_INTERVAL)
        self.limiter = StreamLimiter(5)
        permit = self.limiter.acquire_thread(Server("any", threads=UNLIMITED))
        assert permit is not None
        self.is_closing = False
        first = subscription.wait_for_first(0.0)
        ends_at = hub_harness.clock.monotonic() + LIFETIME
        stream = Stream(subscription, encode, ends_at=ends_at, permit=permit)
        self.body = BlockingBody(
            stream,
            OPENING + stream.encode(first),
            heartbeat=heartbeat,
            clock=hub_harness.clock,
            is_closing=lambda: self.is_closing,
            abandon=lambda _: None,
        )
        self.parser = SseParser()

    def read(self) -> list[Event]:
        """Return the events of the next part of the body."""
        return self.parser.feed(next(self.body))

    def read_after(self, response: Run | BaseException, run_key: RunKey = ETL) -> list[Event]:
        """Return the events after the next poll, with a new response of the workspace."""
        self.hub_harness.source.set_response(response, run_key)
        self.hub_harness.poll(after=2 * POLL_INTERVAL)
        return self.read()

    def holds_nothing(self) -> bool:
        return self.limiter.held == 0 and self.hub_harness.hub.subscribed_run_count == 0


@pytest.fixture
def hub_harness() -> HubHarness:
    """A hub in front of a running and a queued run."""
    hub_harness = HubHarness()
    hub_harness.source.set_response(RUNNING)
    hub_harness.source.set_response(run(run_state("QUEUED"), run_id=1002, job_id=8), REPORT)
    return hub_harness


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_stream_begins_with_the_retry_delay_and_the_current_state(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    [event] = viewer.read()
    assert event.own_id == str(state_id_of(RUNNING))
    assert event.json["timestamp"] == int(hub_harness.clock.now() * 1000)
    assert viewer.parser.retry == RETRY_MILLISECONDS


def test_stream_after_the_terminal_state_sends_the_end_and_closes(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    viewer.read()
    last, end = viewer.read_after(ENDED)
    assert (last.name, last.json["outcome"]) == ("message", "succeeded")
    assert (end.name, end.own_id, end.json) == ("end", None, {"runs": [1001]})
    with pytest.raises(StopIteration):
        viewer.read()
    assert viewer.holds_nothing()


def test_stream_of_an_ended_run_is_one_part(hub_harness: HubHarness) -> None:
    hub_harness.source.set_response(ENDED)
    assert names(Viewer(hub_harness, ETL).read()) == ["message", "end"]


def test_stream_update_between_two_parts_is_sent(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    beginning = next(viewer.body)
    hub_harness.poll(ENDED, after=POLL_INTERVAL)
    events = viewer.parser.feed(beginning) + viewer.read()
    assert names(events) == ["message", "message", "end"]


def test_stream_resumed_sends_no_state_twice(hub_harness: HubHarness) -> None:
    before = Viewer(hub_harness, ETL)
    before.read()
    before.body.close()
    after = Viewer(hub_harness, ETL, last_id=before.parser.last_id)
    assert after.read() == []
    assert names(after.read_after(ENDED)) == ["message", "end"]


@pytest.mark.parametrize(
    "last_id", ["", "1017", "\0", "0.2", "é", "x" * 10_000, "9" * 5000, str(state_id_of(QUEUED))]
)
def test_stream_with_an_invalid_or_old_id_sends_the_current_state(
    hub_harness: HubHarness, last_id: str
) -> None:
    [event] = Viewer(hub_harness, ETL, last_id=last_id).read()
    assert event.json["outcome"] == "running"


def test_stream_resumed_in_a_process_that_lags_sends_no_older_state(
    hub_harness: HubHarness,
) -> None:
    ahead = Viewer(hub_harness, ETL)
    ahead.read()
    lagging = HubHarness()
    lagging.source.set_response(QUEUED)
    viewer = Viewer(lagging, ETL, last_id=ahead.parser.last_id)
    assert viewer.read() == []
    assert [event.json["outcome"] for event in viewer.read_after(ENDED)[:1]] == ["succeeded"]


def test_stream_transient_error_is_stale_then_fresh(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    [state] = viewer.read()
    [stale] = viewer.read_after(UpstreamUnavailable("Not now."))
    [fresh] = viewer.read_after(RUNNING)
    assert names([stale, fresh]) == ["stale", "fresh"]
    assert stale.json == build_problem(UpstreamUnavailable("Not now."))
    assert viewer.parser.last_id == state.own_id
    assert names(viewer.read_after(ENDED)) == ["message", "end"]


def test_stream_permanent_error_ends_it(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    viewer.read()
    error = RunNotFound(1001, "etl")
    first, end = viewer.read_after(error)
    assert (first.name, first.own_id, end.name) == ("error", None, "end")
    assert first.json == build_problem(error)
    with pytest.raises(StopIteration):
        viewer.read()


def test_stream_whose_user_token_expires_makes_the_client_reconnect(
    hub_harness: HubHarness,
) -> None:
    """The request with which it reconnects may have a new token, as proxies renew them."""
    viewer = Viewer(hub_harness, ETL)
    viewer.read()
    assert viewer.read_after(InvalidUserToken("It has expired.")) == []
    assert viewer.parser.retry is not None
    with pytest.raises(StopIteration):
        viewer.read()
    assert viewer.holds_nothing()


def test_stream_with_a_token_that_was_never_accepted_ends_with_the_error(
    hub_harness: HubHarness,
) -> None:
    hub_harness.source.set_response(InvalidUserToken("It is none."))
    assert names(Viewer(hub_harness, ETL).read()) == ["error", "end"]


def test_body_without_updates_sends_comments() -> None:
    hub_harness = HubHarness(clock=SystemClock())
    hub_harness.source.set_response(RUNNING)
    viewer = Viewer(hub_harness, ETL, heartbeat=0.01)
    viewer.read()
    last_id = viewer.parser.last_id
    assert next(viewer.body) == wire.HEARTBEAT_COMMENT
    assert viewer.read() == []
    assert viewer.parser.comments
    assert viewer.parser.last_id == last_id


def test_body_after_its_lifetime_makes_the_client_reconnect(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    viewer.read()
    hub_harness.clock.sleep(LIFETIME)
    assert viewer.read() == []
    assert viewer.parser.retry is not None
    shortest, longest = RECONNECT_MILLISECONDS
    assert shortest <= viewer.parser.retry <= longest
    with pytest.raises(StopIteration):
        viewer.read()
    assert viewer.limiter.held == 0
    assert Viewer(hub_harness, ETL, last_id=viewer.parser.last_id).read() == []


def test_body_of_a_closing_process_ends(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL)
    viewer.read()
    viewer.is_closing = True
    assert viewer.read() == []
    with pytest.raises(StopIteration):
        viewer.read()
    assert not viewer.parser.is_incomplete


@pytest.mark.parametrize(
    ("server", "limit"),
    [(Server("any"), LIFETIME), (Server("any", request_timeout=60.0), 30.0)],
    ids=["app", "server"],
)
def test_lifetime_is_up_to_a_tenth_less_than_app_and_server_allow(
    server: Server, limit: float
) -> None:
    lifetimes = {choose_lifetime(LIFETIME, server) for _ in range(50)}
    assert len(lifetimes) > 40
    assert all(0.9 * limit <= lifetime <= limit for lifetime in lifetimes)


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_body_closed_at_any_time_releases_its_permit_once(
    hub_harness: HubHarness, parts: int
) -> None:
    viewer = Viewer(hub_harness, ETL)
    hub_harness.poll(ENDED, after=POLL_INTERVAL)
    for _ in range(parts):
        viewer.read()
    viewer.body.close()
    viewer.body.close()
    assert viewer.holds_nothing()


def test_stream_of_several_runs_ends_after_the_last(hub_harness: HubHarness) -> None:
    viewer = Viewer(hub_harness, ETL, REPORT)
    viewer.read()
    assert names(viewer.read_after(ENDED)) == ["message"]
    last, end = viewer.read_after(run(SUCCEEDED, run_id=1002, job_id=8), REPORT)
    assert (last.json["job"], end.name, end.json) == ("report", "end", {"runs": [1001, 1002]})


def read_current_state(hub_harness: HubHarness, last_id: str = "") -> tuple[list[Event], SseParser]:
    """The response of a server that holds no stream."""
    subscription = hub_harness.subscribe(ETL, seen=read_seen(last_id))
    hub_harness.poll(after=POLL_INTERVAL)
    updates = subscription.wait_for_first(0.0)
    parser = SseParser()
    events = parser.feed(encode_current_state(subscription, updates, encode_run_update))
    subscription.close()
    return events, parser


def test_current_state_is_sent_once_and_makes_the_client_poll(hub_harness: HubHarness) -> None:
    [event], parser = read_current_state(hub_harness)
    assert (event.name, event.json["outcome"]) == ("message", "running")
    assert parser.retry == POLLING_RETRY_MILLISECONDS == 5000
    assert not parser.is_incomplete
    nothing, parser = read_current_state(hub_harness, parser.last_id)
    assert nothing == []
    assert parser.retry == POLLING_RETRY_MILLISECONDS
    hub_harness.source.set_response(ENDED)
    events, _ = read_current_state(hub_harness)
    assert names(events) == ["message", "end"]


def test_streams_of_one_run_encode_an_update_once(
    hub_harness: HubHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's document can be megabytes long."""
    calls = 0
    dumps = json.dumps

    def counting(*args: object, **kwargs: object) -> str:
        nonlocal calls
        calls += 1
        return dumps(*args, **kwargs)  # type: ignore[arg-type]

    viewers = [Viewer(hub_harness, ETL) for _ in range(10)]
    for viewer in viewers:
        viewer.read()
    hub_harness.source.set_response(run(run_state("TERMINATING")))
    monkeypatch.setattr(json, "dumps", counting)
    hub_harness.poll(after=POLL_INTERVAL)
    calls_of_the_poll = calls
    events = [viewer.read() for viewer in viewers]
    assert calls <= calls_of_the_poll + 2, "with the document of the run, and without"
    assert {event.data for [event] in events} == {events[0][0].data}
