"""Opening a stream: the decision as a table, and that each response frees what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from databricks.sdk.service.jobs import Run
from flask import Flask, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from flask_lakeflow_jobs import NotAllowed, RunNotFound, RunStatus, UpstreamUnavailable
from flask_lakeflow_jobs.watching.snapshot import Snapshot, StateId
from flask_lakeflow_jobs.watching.watched_run import RunUpdate
from flask_lakeflow_jobs.web.sse.encoder import encode_run_update
from flask_lakeflow_jobs.web.sse.opener import (
    FirstRead,
    StreamDecision,
    StreamOpener,
    decide_stream,
)
from tests.run_documents import state_id_of
from tests.watching.support import ENDED, ONE, RUNNING, HubHarness
from tests.web.frames import call_from

GOING, OVER = state_id_of(RUNNING), state_id_of(ENDED)

NEW = RunUpdate(ONE, snapshot=Snapshot.from_status(RunStatus(1, RUNNING)))
NEW_END = RunUpdate(ONE, snapshot=Snapshot.from_status(RunStatus(1, ENDED)))
STALE = RunUpdate(ONE, transient_error=UpstreamUnavailable("Not now."))
MISSING = RunUpdate(ONE, error=RunNotFound(1001, "etl"))


NOT_FOUND, FINISHED = StreamDecision.NOT_FOUND, StreamDecision.FINISHED
SNAPSHOT, STREAM = StreamDecision.SNAPSHOT, StreamDecision.STREAM

#: Updates, number of runs, whether they are finished, states that the client has; the decision
#: with a permit and without.
TABLE: list[
    tuple[str, list[RunUpdate], int, bool, list[StateId], StreamDecision, StreamDecision]
] = [
    ("a new state", [NEW], 1, False, [], STREAM, SNAPSHOT),
    ("a newer state", [NEW], 1, False, [OVER], STREAM, SNAPSHOT),
    ("no newer state", [], 1, False, [GOING], STREAM, SNAPSHOT),
    ("no state yet", [], 1, False, [], STREAM, SNAPSHOT),
    ("a transient error", [STALE], 1, False, [], STREAM, SNAPSHOT),
    ("the end", [NEW_END], 1, True, [], STREAM, SNAPSHOT),
    ("the end after a state", [NEW_END], 1, True, [GOING], STREAM, SNAPSHOT),
    ("the end again", [], 1, True, [OVER], FINISHED, FINISHED),
    ("no run", [MISSING], 1, True, [], NOT_FOUND, NOT_FOUND),
    ("no run any more", [MISSING], 1, True, [GOING], NOT_FOUND, NOT_FOUND),
    ("a run of two", [NEW, MISSING], 2, False, [], STREAM, SNAPSHOT),
    ("an unread run of two", [MISSING], 2, False, [], STREAM, SNAPSHOT),
    ("one end of two again", [NEW], 2, False, [OVER], STREAM, SNAPSHOT),
    ("both ends again", [], 2, True, [OVER, OVER], FINISHED, FINISHED),
    ("one end again and no other", [MISSING], 2, True, [OVER], FINISHED, FINISHED),
    ("one new end and no other", [NEW_END, MISSING], 2, True, [OVER], STREAM, SNAPSHOT),
    ("no run of two", [MISSING, MISSING], 2, True, [], NOT_FOUND, NOT_FOUND),
    ("no run of two any more", [MISSING, MISSING], 2, True, [OVER], NOT_FOUND, NOT_FOUND),
]


@pytest.mark.parametrize(
    ("updates", "run_count", "is_finished", "last_states", "with_permit", "without_permit"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_decide_with_and_without_a_permit(
    updates: list[RunUpdate],
    run_count: int,
    is_finished: bool,
    last_states: list[StateId],
    with_permit: StreamDecision,
    without_permit: StreamDecision,
) -> None:
    first = FirstRead(updates, run_count, is_finished)
    assert decide_stream(first, last_states, has_permit=True) is with_permit
    assert decide_stream(first, last_states, has_permit=False) is without_permit


@pytest.mark.parametrize(
    ("last_states", "expected"),
    [([], STREAM), ([GOING], STREAM), ([GOING, OVER], STREAM), ([OVER], SNAPSHOT)],
)
def test_decide_unpolled_run_that_may_be_finished_is_polled_by_the_client(
    last_states: list[StateId], expected: StreamDecision
) -> None:
    first = FirstRead([], len(last_states) or 1, False)
    assert decide_stream(first, last_states, has_permit=True) is expected


first_reads = st.builds(
    FirstRead,
    st.lists(st.sampled_from([NEW, NEW_END, STALE, MISSING]), max_size=3),
    st.integers(3, 4),
    st.booleans(),
)
states = st.lists(st.sampled_from([GOING, OVER]), max_size=3)


@given(first_reads, states, st.booleans())
def test_decide_for_a_trigger_never_refuses(
    first: FirstRead, last_states: list[StateId], has_permit: bool
) -> None:
    decision = decide_stream(first, last_states, has_permit=has_permit, is_trigger=True)
    assert decision is not NOT_FOUND


@given(first_reads, states, st.booleans())
def test_decide_finishes_only_what_the_client_has_seen(
    first: FirstRead, last_states: list[StateId], is_trigger: bool
) -> None:
    decision = decide_stream(first, last_states, has_permit=True, is_trigger=is_trigger)
    is_known = first.is_finished and bool(last_states) and not {NEW, NEW_END} & set(first.updates)
    assert (decision is FINISHED) <= is_known
    without = decide_stream(first, last_states, has_permit=False, is_trigger=is_trigger)
    assert without is (SNAPSHOT if decision is STREAM else decision)


class Opened:
    """A stream opener in front of a hub, and the response to one request."""

    def __init__(self, *, max_streams: int | None = None) -> None:
        self.hub_harness = HubHarness()
        self.is_closing = False
        settings = SimpleNamespace(
            max_streams=max_streams,
            heartbeat=10.0,
            push=False,
            read_timeout=0.0,
            stream_max_seconds=280.0,
        )
        self.opener = StreamOpener(
            cast("Any", settings), self.hub_harness.clock, lambda: self.is_closing
        )

    def request(self, response: Run | BaseException, last_state: StateId | None = None) -> Response:
        seen = {ONE: last_state} if last_state else {}
        subscription = self.hub_harness.subscribe(seen=seen)
        self.hub_harness.poll(response)
        with Flask(__name__).app_context():
            return call_from(
                "werkzeug.test",
                "open",
                None,
                lambda: self.opener.open(
                    subscription,
                    encode_run_update,
                    [last_state] if last_state else [],
                    EnvironBuilder().get_environ(),
                    poll=False,
                ),
            )

    def assert_freed(self) -> None:
        assert self.opener.limiter.held == 0
        assert self.hub_harness.hub.subscribed_run_count == 0


def test_open_stream_holds_a_permit_until_the_response_is_closed() -> None:
    opened = Opened()
    response = opened.request(RUNNING)
    beginning = next(iter(cast("Iterable[bytes]", response.response)))
    assert beginning.startswith(b"retry: 2000\n")
    assert opened.opener.limiter.held == 1
    response.close()
    opened.assert_freed()


@pytest.mark.parametrize(("max_streams", "is_closing"), [(0, False), (None, True)])
def test_open_without_a_permit_sends_the_current_state(
    max_streams: int | None, is_closing: bool
) -> None:
    opened = Opened(max_streams=max_streams)
    opened.is_closing = is_closing
    response = opened.request(RUNNING)
    assert response.data.startswith(b"retry: 5000\n")
    assert b'"outcome":"running"' in response.data
    opened.assert_freed()


def test_open_for_a_client_that_has_the_end_is_204() -> None:
    opened = Opened()
    response = opened.request(ENDED, OVER)
    assert response.status_code == 204
    assert response.headers["Cache-Control"] == "no-store"  # a proxy may store a 204
    opened.assert_freed()


@pytest.mark.parametrize("error", [RunNotFound(1001, "etl"), NotAllowed("Not you.")])
def test_open_without_a_readable_run_raises_its_error(error: Exception) -> None:
    opened = Opened()
    with pytest.raises(type(error)):
        opened.request(error)
    opened.assert_freed()


def test_open_closes_streams_whose_bodies_are_gone() -> None:
    """A function of the app that runs after the view raised, or a middleware does not close them,
    as ``for part in app(environ, start_response): yield part`` does not."""
    opened = Opened()
    opened.request(RUNNING)
    body = cast("Iterator[bytes]", opened.request(RUNNING).response)
    next(body)
    response = opened.request(RUNNING)
    assert opened.opener.limiter.held == 2
    del body
    newest = opened.request(RUNNING)
    assert opened.opener.limiter.held == 2
    for each in (response, newest):
        each.close()
    opened.assert_freed()
