"""What a viewer of runs is sent, read back as a browser reads it."""

from __future__ import annotations

import json

import pytest
from databricks.sdk.service.jobs import Run
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import RunNotFound, UpstreamUnavailable
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.watched_run import RunKey
from flask_lakeflow_jobs.web.problems import problem
from flask_lakeflow_jobs.web.sse import format as wire
from flask_lakeflow_jobs.web.sse.encoder import EventEncoder, MultiRunEventEncoder, RunEventEncoder
from flask_lakeflow_jobs.web.sse.limits import StreamLimiter
from flask_lakeflow_jobs.web.sse.stream import (
    POLLING_RETRY,
    RETURN,
    BlockingBody,
    Stream,
    jittered,
    present_state,
)
from tests.run_documents import SUCCEEDED, named_job, run, state_of, words
from tests.sse_client import Event, SseParser
from tests.watching.support import POLL_INTERVAL, HubHarness

HEARTBEAT = 10.0
LIFETIME = 280.0

JOB = named_job()
ONE = RunKey(APP, JOB, 1001)
TWO = RunKey(APP, named_job("report", 8), 1002)

QUEUED = run(words("QUEUED"))
RUNNING = run(words("RUNNING"))
ENDED = run(SUCCEEDED)


class Viewer:
    """A browser before a stream of its own.

    :param watched: the hub and its workspace.
    :param targets: the runs that it follows.
    :param last_id: what it says it has seen.
    :param heartbeat: seconds of silence that it is left in.
    """

    def __init__(
        self,
        watched: HubHarness,
        *run_keys: RunKey,
        last_id: str = "",
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.watched = watched
        self.script: EventEncoder = (
            MultiRunEventEncoder(run_keys) if len(run_keys) > 1 else RunEventEncoder(run_keys[0])
        )
        subscription = watched.subscribe(*run_keys, seen=self.script.read(last_id))
        watched.poll(after=POLL_INTERVAL)
        self.slots = StreamLimiter(5)
        assert self.slots.acquire_thread({})
        self.is_closing = False
        first = subscription.wait_for_first(0.0)
        self.stream = Stream(
            subscription,
            self.script,
            ends_at=watched.clock.monotonic() + LIFETIME,
            slots=self.slots,
            holds_thread=True,
        )
        self.body = BlockingBody(
            self.stream,
            self.stream.opening(first),
            heartbeat=heartbeat,
            clock=watched.clock,
            is_closing=lambda: self.is_closing,
        )
        self.parser = SseParser()

    def read(self) -> list[Event]:
        """The events of the next piece that the server sends."""
        return self.parser.feed(next(self.body))

    def sees(self, answer: Run | BaseException, run_key: RunKey = ONE) -> list[Event]:
        """The events after the workspace has said something new."""
        self.watched.source.set_response(answer, run_key)
        self.watched.poll(after=2 * POLL_INTERVAL)
        return self.read()


@pytest.fixture
def watched() -> HubHarness:
    watched = HubHarness()
    watched.source.set_response(RUNNING)
    watched.source.set_response(run(words("QUEUED"), run_id=1002, job_id=8), TWO)
    return watched


# ── one run ───────────────────────────────────────────────────────────────────────────────────────


def test_the_present_state_comes_first_and_at_once(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    [event] = viewer.read()
    assert event.name == "message", "so that onmessage gets it"
    assert event.own_id == str(state_of(RUNNING))
    assert event.json == {
        "status": "RUNNING",
        "outcome": "running",
        "timestamp": int(watched.clock.now() * 1000),
        "run": RUNNING.as_dict(),
    }
    assert viewer.parser.retry is not None


def test_after_the_end_comes_the_end_event_and_then_nothing(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    viewer.read()
    last, end = viewer.sees(ENDED)
    assert (last.name, last.json["outcome"]) == ("message", "succeeded")
    assert (end.name, end.own_id) == ("end", None)
    with pytest.raises(StopIteration):
        viewer.read()
    assert viewer.slots.held == 0
    assert watched.hub.subscribed_run_count == 0


def test_a_run_that_has_ended_already_is_told_whole_in_one_piece(watched: HubHarness) -> None:
    watched.source.set_response(ENDED)
    assert [event.name for event in Viewer(watched, ONE).read()] == ["message", "end"]


def test_what_changes_between_the_first_piece_and_the_next_is_not_lost(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    opening = next(viewer.body)
    watched.poll(ENDED, after=POLL_INTERVAL)
    events = viewer.parser.feed(opening) + viewer.read()
    assert [event.name for event in events] == ["message", "message", "end"]


def test_a_viewer_that_comes_back_is_not_told_twice(watched: HubHarness) -> None:
    before = Viewer(watched, ONE)
    before.read()
    before.body.close()
    after = Viewer(watched, ONE, last_id=before.parser.last_id)
    assert after.read() == []
    assert [event.name for event in after.sees(ENDED)] == ["message", "end"]


@pytest.mark.parametrize(
    "junk", ["", "1017", "\0", "0.2", "é", "x" * 10_000, "9" * 5000, str(state_of(QUEUED))]
)
def test_a_viewer_with_junk_or_an_old_id_is_told_the_present_state(
    watched: HubHarness, junk: str
) -> None:
    [event] = Viewer(watched, ONE, last_id=junk).read()
    assert event.json["outcome"] == "running"


def test_a_process_that_lags_behind_sends_no_older_state(watched: HubHarness) -> None:
    ahead = Viewer(watched, ONE)
    ahead.read()
    lagging = HubHarness()
    lagging.source.set_response(QUEUED)
    viewer = Viewer(lagging, ONE, last_id=ahead.parser.last_id)
    assert viewer.read() == []
    assert [event.json["outcome"] for event in viewer.sees(ENDED)[:1]] == ["succeeded"]


def test_trouble_is_told_without_an_id_and_the_stream_goes_on(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    [state] = viewer.read()
    [stale] = viewer.sees(UpstreamUnavailable("Not now."))
    [fresh] = viewer.sees(RUNNING)
    assert [(event.name, event.own_id) for event in (stale, fresh)] == [
        ("stale", None),
        ("fresh", None),
    ]
    assert stale.json == problem(UpstreamUnavailable("Not now."))
    assert viewer.parser.last_id == state.own_id
    assert [event.name for event in viewer.sees(ENDED)] == ["message", "end"]


def test_a_failure_is_told_as_an_http_error_would_be(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    viewer.read()
    error = RunNotFound(1001, "etl")
    first, *_ = viewer.sees(error)
    assert (first.name, first.own_id) == ("error", None)
    assert first.json == problem(error)
    with pytest.raises(StopIteration):
        viewer.read()


# ── how long it lives ─────────────────────────────────────────────────────────────────────────────


def test_silence_is_filled_with_comments_that_are_bytes_and_move_nothing() -> None:
    watched = HubHarness(clock=SystemClock())
    watched.source.set_response(RUNNING)
    viewer = Viewer(watched, ONE, heartbeat=0.01)
    viewer.read()
    before = viewer.parser.last_id
    assert next(viewer.body) == wire.HEARTBEAT
    assert viewer.read() == []
    assert viewer.parser.comments
    assert viewer.parser.last_id == before


def test_a_stream_ends_itself_and_says_when_to_come_back(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    viewer.read()
    watched.clock.sleep(LIFETIME)
    assert viewer.read() == []
    assert viewer.parser.retry is not None
    assert RETURN[0] <= viewer.parser.retry <= RETURN[1]
    with pytest.raises(StopIteration):
        viewer.read()
    assert viewer.slots.held == 0
    again = Viewer(watched, ONE, last_id=viewer.parser.last_id)
    assert again.read() == []


def test_a_process_that_is_about_to_end_sends_its_viewers_elsewhere(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE)
    viewer.read()
    viewer.is_closing = True
    assert viewer.read() == []
    with pytest.raises(StopIteration):
        viewer.read()
    assert not viewer.parser.is_in_the_middle


def test_streams_do_not_all_end_together() -> None:
    lives = {jittered(LIFETIME) for _ in range(50)}
    assert len(lives) > 40
    assert all(0.9 * LIFETIME <= life <= LIFETIME for life in lives)


@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_a_viewer_that_leaves_gives_its_slot_back_once_whenever_it_leaves(
    watched: HubHarness, pieces: int
) -> None:
    viewer = Viewer(watched, ONE)
    watched.poll(ENDED, after=POLL_INTERVAL)
    for _ in range(pieces):
        viewer.read()
    viewer.body.close()
    viewer.body.close()
    assert viewer.slots.held == 0
    assert watched.hub.subscribed_run_count == 0


# ── several runs ──────────────────────────────────────────────────────────────────────────────────


def test_each_event_of_several_runs_names_its_run(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE, TWO)
    events = viewer.read()
    assert {
        (event.json["job"], event.json["runId"], event.json["outcome"]) for event in events
    } == {
        ("etl", 1001, "running"),
        ("report", 1002, "queued"),
    }
    [event] = viewer.sees(run(run_id=1002, job_id=8), TWO)
    assert (event.json["job"], event.json["status"]) == ("report", "RUNNING")


def test_several_runs_end_when_the_last_has_ended(watched: HubHarness) -> None:
    viewer = Viewer(watched, ONE, TWO)
    viewer.read()
    assert [event.name for event in viewer.sees(ENDED)] == ["message"]
    last, end = viewer.sees(run(SUCCEEDED, run_id=1002, job_id=8), TWO)
    assert (last.json["job"], end.name, end.json) == ("report", "end", {"runs": [1001, 1002]})


def test_a_viewer_of_several_runs_that_comes_back_is_told_only_what_is_new(
    watched: HubHarness,
) -> None:
    before = Viewer(watched, ONE, TWO)
    before.read()
    before.body.close()
    watched.source.set_response(run(run_id=1002, job_id=8), TWO)
    [event] = Viewer(watched, ONE, TWO, last_id=before.parser.last_id).read()
    assert event.json["runId"] == 1002


def test_a_run_that_is_not_there_is_told_and_the_others_go_on(watched: HubHarness) -> None:
    watched.source.set_response(RunNotFound(1002, "report"), TWO)
    viewer = Viewer(watched, ONE, TWO)
    events = {event.name: event for event in viewer.read()}
    assert set(events) == {"message", "error"}
    assert events["error"].json == {
        "job": "report",
        "runId": 1002,
        **problem(RunNotFound(1002, "report")),
    }
    assert [event.name for event in viewer.sees(ENDED)] == ["message", "end"]


SAME_RUN = RunKey(APP, named_job("nightly"), 1001)


def test_a_run_under_two_keys_is_told_under_both_and_resumed_under_both(
    watched: HubHarness,
) -> None:
    before = Viewer(watched, ONE, SAME_RUN)
    assert {event.json["job"] for event in before.read()} == {"etl", "nightly"}
    before.body.close()
    after = Viewer(watched, ONE, SAME_RUN, last_id=before.parser.last_id)
    assert after.read() == []
    assert {event.json["job"] for event in after.sees(ENDED)[:2]} == {"etl", "nightly"}


def test_a_viewer_that_was_told_under_one_key_only_is_told_under_the_other(
    watched: HubHarness,
) -> None:
    before = Viewer(watched, ONE, SAME_RUN)
    first, *_ = before.read()
    before.body.close()
    after = Viewer(watched, ONE, SAME_RUN, last_id=first.last_id)
    assert "nightly" in {event.json["job"] for event in after.read()}


def test_the_ids_of_many_runs_fit_into_a_header() -> None:
    run_keys = [RunKey(APP, JOB, 10**18 + number) for number in range(50)]
    watched = HubHarness()
    for run_key in run_keys:
        watched.source.set_response(run(run_id=run_key.run_id), run_key)
    viewer = Viewer(watched, *run_keys)
    viewer.read()
    assert len(viewer.parser.last_id) < 4096
    assert len(viewer.script.read(viewer.parser.last_id)) == 50


@given(st.text() | st.text("0123456789:.,-abcdef").map(lambda text: "1001:" + text))
def test_any_last_event_id_can_be_read(text: str) -> None:
    for script in (RunEventEncoder(ONE), MultiRunEventEncoder([ONE, TWO])):
        assert set(script.read(text)) <= {ONE, TWO}


@pytest.mark.parametrize(
    "junk", ["9" * 5000 + ":0.2.1-0123456789ab", "٣:0.2.1-0123456789ab", "7:0.2.1-0123456789ab"]
)
def test_the_states_of_other_runs_are_ignored(junk: str) -> None:
    assert MultiRunEventEncoder([ONE, TWO]).read(junk) == {}


# ── where no stream can be held ───────────────────────────────────────────────────────────────────


def polled(watched: HubHarness, last_id: str = "") -> tuple[list[Event], SseParser]:
    script = RunEventEncoder(ONE)
    subscription = watched.subscribe(ONE, seen=script.read(last_id))
    watched.poll(after=POLL_INTERVAL)
    parser = SseParser()
    events = parser.feed(present_state(subscription, subscription.wait_for_first(0.0), script))
    subscription.close()
    return events, parser


def test_without_room_the_present_state_is_told_and_when_to_ask_again(watched: HubHarness) -> None:
    [event], parser = polled(watched)
    assert (event.name, event.json["outcome"]) == ("message", "running")
    assert parser.retry == POLLING_RETRY == 5000
    assert not parser.is_in_the_middle
    nothing, parser = polled(watched, parser.last_id)
    assert nothing == []
    assert parser.retry == POLLING_RETRY
    watched.source.set_response(ENDED)
    events, _ = polled(watched)
    assert [event.name for event in events] == ["message", "end"]


def test_one_serialization_serves_all_viewers(
    watched: HubHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's document can be megabytes large."""
    made = 0
    dumps = json.dumps

    def counting(*args: object, **kwargs: object) -> str:
        nonlocal made
        made += 1
        return dumps(*args, **kwargs)  # type: ignore[arg-type]

    viewers = [Viewer(watched, ONE) for _ in range(10)]
    for viewer in viewers:
        viewer.read()
    watched.source.set_response(run(words("TERMINATING")))
    monkeypatch.setattr(json, "dumps", counting)
    watched.poll(after=POLL_INTERVAL)
    cost_of_the_look = made
    events = [viewer.read() for viewer in viewers]
    assert made <= cost_of_the_look + 1
    assert {event.data for [event] in events} == {events[0][0].data}
