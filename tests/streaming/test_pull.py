"""Streams that hold a thread or a greenlet each, on every server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from tests.run_documents import run_state
from tests.sse_client import Stream
from tests.streaming.conftest import Start
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server, gthread, gunicorn, waitress, werkzeug
from tests.streaming.workspace import StatedWorkspace

GEVENT = gunicorn("--worker-class=gevent")
SERVERS = {
    "gthread": gthread(8),
    "gevent": GEVENT,
    "waitress": waitress(8),
    "werkzeug": werkzeug(),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, start_for_all: Start) -> Server:
    """One for all tests: what one of them leaves behind fails the next."""
    return start_for_all(SERVERS[request.param], LAKEFLOW_JOBS_PUSH="False")


@contextmanager
def viewers_of(server: Server, run_id: int, count: int) -> Iterator[list[Stream]]:
    """Some that watch a run, and know its first state."""
    with ExitStack() as stack:
        viewers = [stack.enter_context(server.stream(run_id)) for _ in range(count)]
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "running"
        yield viewers


def test_all_viewers_follow_a_run_to_its_end(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    with viewers_of(server, run_id, 5) as viewers:
        assert server.held["watched"] == 1
        assert viewers[0].wait_for_comment()
        stated.state(run_id, run_state("TERMINATING"))
        assert [next(viewer).json["outcome"] for viewer in viewers] == ["terminating"] * 5
        stated.end(run_id)
        for viewer in viewers:
            last, end = viewer
            assert last.json["outcome"] == "succeeded"
            assert end.name == "end"
    server.holds(streams=0, watched=0)


def test_a_viewer_that_knows_the_end_is_told_to_stop(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    stated.end(run_id)
    with server.stream(run_id) as viewer:
        *_, end = viewer
    with server.stream(run_id, last_event_id=end.last_id) as again:
        assert again.status == 204
    server.holds(streams=0, watched=0)


def test_clients_that_leave_early_leave_nothing_behind(server: Server, run_id: int) -> None:
    request = f"GET {server.path_of(run_id)}"
    for _ in range(2):
        RawClient(server.url, request).reset()
        RawClient(server.url, request).leave()
        client = RawClient(server.url, request)
        client.read_until(b"running")
        client.reset()
    with RawClient(server.url, f"HEAD {server.path_of(run_id)}") as client:
        client.read_until(b"\r\n\r\n")
    server.holds(streams=0, watched=0)
    assert server.responding_worker()


def test_a_reader_that_stalls_delays_nobody(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    large = "x" * 2**20
    request = f"GET {server.path_of(run_id)}"
    stalled = RawClient(server.url, request, buffer=4096)
    with RawClient(server.url, request) as viewer:
        viewer.read_until(b'"running"')
        for number in range(3):
            stated.state(
                run_id, run_state("RUNNING", message=f"State {number}."), description=large
            )
            viewer.read_until(b"State %d." % number)
        stated.end(run_id, description=large)
        viewer.read_until(b"event: end\n")
    stalled.reset()
    server.holds(streams=0, watched=0)


# ── one server each ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "threads"), [(gthread(8), 8), (waitress(8), 8)], ids=["gthread", "waitress"]
)
def test_a_quarter_of_the_threads_stays_free(
    start: Start, run_id: int, command: Sequence[str], threads: int
) -> None:
    server = start(command, LAKEFLOW_JOBS_PUSH="False")
    room = threads * 3 // 4
    with viewers_of(server, run_id, room):
        for _ in range(3):
            with viewers_of(server, run_id, 1) as [over]:
                assert list(over) == []
                assert over.parser.retry == 5000
        assert server.held["streams"] == room
    server.holds(streams=0, watched=0)


def test_a_sync_worker_tells_the_present_state_and_costs_no_look_a_viewer(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(gunicorn(), LAKEFLOW_JOBS_POLL_INTERVAL="30")
    before = stated.looks
    seen, last_id = [], None
    while last_id is None or len(seen) < 10:
        with server.stream(run_id, last_event_id=last_id) as viewer:
            events = list(viewer)
        assert viewer.status == 200
        assert viewer.parser.retry == 5000
        seen.append([event.json["outcome"] for event in events])
        last_id = viewer.parser.last_id or last_id
    assert [outcomes for outcomes in seen if outcomes] == [["running"]]
    assert stated.looks == before + 1
    assert server.held["streams"] == 0


def test_a_greenlet_each_is_all_that_gevents_streams_cost(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(GEVENT)
    with viewers_of(server, run_id, 100) as viewers:
        stated.end(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    server.holds(streams=0, watched=0)
    assert "Traceback" not in server.log
