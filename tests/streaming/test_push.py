"""Streams that hold no thread: one thread of a gthread worker writes them all."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.run_documents import run_state
from tests.sse_client import Stream
from tests.streaming.conftest import Start
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server, gthread
from tests.streaming.workspace import StatedWorkspace
from tests.support import DEADLINE, wait_until

THREADS = 4

#: What the one thread that writes them all is called.
WRITER = "lakeflow-push"


@contextmanager
def viewers_of(server: Server, run_id: int, count: int) -> Iterator[list[Stream]]:
    """Some that watch a run, and know its first state."""
    with ExitStack() as stack:
        viewers = [stack.enter_context(server.stream(run_id)) for _ in range(count)]
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "running"
        yield viewers


def names(viewer: Stream) -> list[str]:
    """The events up to the end of the stream."""
    return [event.name for event in viewer]


@pytest.fixture(scope="module")
def server(start_for_all: Start) -> Server:
    """One for all tests: what one of them leaves behind fails the next."""
    return start_for_all(gthread(THREADS))


def test_many_more_streams_than_threads_are_held_and_other_routes_answer(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    with viewers_of(server, run_id, 20 * THREADS) as viewers:
        held = server.held
        assert held["streams"] == len(viewers)
        assert held["watched"] == 1
        assert held["threads"].count(WRITER) == 1
        assert len(held["threads"]) < THREADS + 8
        stated.end(run_id)
        for viewer in viewers:
            event = next(viewer)
            assert event.json["outcome"] == "succeeded"
            assert names(viewer) == ["end"]
    server.holds(streams=0, watched=0)


def test_other_routes_answer_while_first_looks_are_waited_for(
    server: Server,
    stated: StatedWorkspace,
    run_id: int,
    in_threads: Callable[..., list[threading.Thread]],
) -> None:
    """Those for whom no thread can be spared begin without, and are told later."""
    runs = [stated.state(1_000_000 * place + run_id) for place in range(1, 2 * THREADS + 1)]
    begun: list[Stream] = []

    def view(run_id: int) -> None:
        begun.append(server.stream(run_id))

    with stated.silent():
        threads = in_threads(*[partial(view, run_id) for run_id in runs])
        wait_until(lambda: len(begun) == THREADS + 1, "those that begin without")
        assert server.responding_worker()
        assert len(begun) == THREADS + 1, "the others have waited since"
        with server.stream(runs[0], last_event_id="0.4.0-0123456789ab") as knowing:
            assert list(knowing) == [], "who may know the end is to ask again"
            assert knowing.parser.retry == 5000
    for thread in threads:
        thread.join(DEADLINE)
    with ExitStack() as stack:
        for viewer in begun:
            stack.enter_context(viewer)
            assert next(viewer).json["outcome"] == "running"
    for run in runs:
        stated.end(run)
    server.holds(streams=0, watched=0)


def test_a_hundred_streams_that_came_and_went_leave_nothing_behind(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    with viewers_of(server, run_id, 1):
        pass
    server.holds(streams=0, watched=0, connections=1)
    before = server.held["descriptors"]
    for _ in range(5):
        with viewers_of(server, run_id, 20):
            pass
    server.holds(streams=0, watched=0, connections=1)
    assert server.held["descriptors"] < before + 10
    assert "ERROR" not in server.log
    assert "Traceback" not in server.log


def test_a_client_that_leaves_is_noticed_without_a_heartbeat(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(gthread(THREADS), LAKEFLOW_JOBS_HEARTBEAT="3600")
    request = f"GET {server.path_of(run_id)}"
    leaving = [RawClient(server.url, request) for _ in range(6)]
    server.holds(streams=6)
    for client in leaving[:2]:
        client.leave()
    for client in leaving[2:4]:
        client.reset()
    for client in leaving[4:]:
        client.read_until(b"running")
        client.leave()
    server.holds(streams=0, watched=0)


def test_a_client_that_breaks_off_at_once_leaves_nothing_behind(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    for _ in range(20):
        RawClient(server.url, f"GET {server.path_of(run_id)}").reset()
    assert server.responding_worker()
    server.holds(streams=0, watched=0)
    assert "Traceback" not in server.log


def test_a_head_request_holds_nothing(server: Server, run_id: int) -> None:
    with RawClient(server.url, f"HEAD {server.path_of(run_id)}") as client:
        head = client.read_until(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"text/event-stream" in head
    server.holds(streams=0, watched=0)


def test_other_connections_are_kept_alive(server: Server, run_id: int) -> None:
    connection = server.connect()
    with viewers_of(server, run_id, 3):
        for _ in range(3):
            connection.request("GET", "/ping")
            assert connection.getresponse().read().isdigit()
    connection.close()


STALLED = 20

#: Bytes of a run's description.
LARGE = 3 * 2**20


def test_a_reader_that_stalls_delays_nobody_and_the_memory_it_costs_is_bounded(
    server: Server, stated: StatedWorkspace, run_id: int
) -> None:
    request, large = f"GET {server.path_of(run_id)}", "x" * LARGE
    stalled = [RawClient(server.url, request, buffer=4096) for _ in range(STALLED)]
    with RawClient(server.url, request) as viewer:
        viewer.read_until(b'"running"')
        before = server.held["resident"]
        for number in range(5):
            stated.state(
                run_id, run_state("RUNNING", message=f"State {number}."), description=large
            )
            viewer.read_until(b"State %d." % number)
        grown = server.held["resident"] - before
        assert grown < len(stalled) * LARGE, f"{grown / 2**20:.0f} MiB"
        stated.end(run_id, description=large)
        viewer.read_until(b"event: end")
    with stalled.pop() as slow:
        rest = slow.read_until(b"\r\n0\r\n\r\n")
    assert b"event: end" in rest, "it takes what is left in its own time"
    for client in stalled:
        client.leave()
    server.holds(streams=0, watched=0)


@pytest.mark.parametrize("push", ["True", "False"])
def test_a_document_of_megabytes_ends_properly(
    start: Start, stated: StatedWorkspace, push: str, run_id: int
) -> None:
    stated.state(run_id, description="x" * LARGE)
    server = start(gthread(THREADS), LAKEFLOW_JOBS_PUSH=push)
    request = f"GET {server.path_of(run_id)}"
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server.url, request)) for _ in range(3)]
        for client in clients:
            client.read_until(b'"running"')
        stated.end(run_id, description="x" * LARGE)
        for client in clients:
            answer = client.read_until(b"\r\n0\r\n\r\n")
            assert answer.count(b"x" * LARGE) >= 1
            assert b'"succeeded"' in answer
            assert b"event: end\n" in answer
    server.holds(streams=0, watched=0)


# ── what is not fit is pulled ─────────────────────────────────────────────────────────────────────


def is_pulled(server: Server) -> bool:
    """Whether the streams so far have needed threads, of which a quarter stays free."""
    return WRITER not in server.held["threads"]


def test_http_1_0_is_pulled_and_not_chunked(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(gthread(THREADS))
    with RawClient(server.url, f"GET {server.path_of(run_id)}", http="1.0") as client:
        answer = client.read_until(b"running")
        assert is_pulled(server)
        stated.end(run_id)
        answer += client.read_all()
    assert b"chunked" not in answer.lower()
    assert answer.endswith(b"\n\n")
    assert b"event: end\n" in answer


@pytest.mark.parametrize("middleware", ["Gathering", "Answering"])
def test_behind_a_middleware_that_meddles_it_is_pulled(
    start: Start, stated: StatedWorkspace, middleware: str, run_id: int
) -> None:
    server = start(gthread(THREADS), SITE_MIDDLEWARE=middleware)
    with viewers_of(server, run_id, 2) as viewers:
        assert is_pulled(server)
        stated.end(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.holds(streams=0, watched=0)


def test_what_is_pulled_after_all_leaves_a_quarter_of_the_threads_free(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(gthread(THREADS), SITE_MIDDLEWARE="Answering")
    with viewers_of(server, run_id, THREADS - 1):
        with viewers_of(server, run_id, 1) as [over]:
            assert list(over) == []
            assert over.parser.retry == 5000
        assert server.responding_worker()


def test_over_tls_it_is_pulled(
    start: Start, stated: StatedWorkspace, tmp_path: Path, run_id: int
) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = start(gthread(THREADS, f"--keyfile={key}", f"--certfile={certificate}"))
    connection = server.connect()
    connection.request("GET", server.path_of(run_id))
    with Stream(connection, connection.getresponse()) as viewer:
        assert next(viewer).json["outcome"] == "running"
        assert is_pulled(server)
        stated.end(run_id)
        assert names(viewer) == ["message", "end"]


def test_it_can_be_turned_off(start: Start, stated: StatedWorkspace, run_id: int) -> None:
    server = start(gthread(THREADS), LAKEFLOW_JOBS_PUSH="False")
    with viewers_of(server, run_id, THREADS - 1) as viewers:
        with viewers_of(server, run_id, 1) as [over]:
            assert list(over) == []
            assert over.parser.retry == 5000
        assert server.held["streams"] == THREADS - 1
        assert is_pulled(server)
        stated.end(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.holds(streams=0, watched=0)


# ── how long a stream lives ───────────────────────────────────────────────────────────────────────


def test_a_stream_ends_itself_though_news_come_often_and_is_taken_up_where_it_was(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(
        gthread(THREADS), LAKEFLOW_JOBS_STREAM_MAX_SECONDS="2", LAKEFLOW_JOBS_HEARTBEAT="30"
    )
    seen: list[str] = []
    with server.stream(run_id) as viewer:
        for number, event in enumerate(viewer):
            seen.append(event.last_id)
            stated.state(run_id, run_state("RUNNING", message=f"{number}"))
        assert viewer.parser.retry is not None
        assert 500 <= viewer.parser.retry <= 3000
    assert 1 < len(seen) == len(set(seen))
    stated.end(run_id)
    with server.stream(run_id, last_event_id=seen[-1]) as viewer:
        events = list(viewer)
    assert [event.name for event in events][-1] == "end"
    assert not {event.last_id for event in events} & set(seen)


def test_preloading_starts_no_thread_in_the_parent_and_each_worker_watches_for_itself(
    start: Start, stated: StatedWorkspace, run_id: int
) -> None:
    server = start(gthread(THREADS, "--preload", "--workers=2"))
    tasks = Path(f"/proc/{server.process.pid}/task")
    with viewers_of(server, run_id, 12) as viewers:
        assert [(task / "comm").read_text() for task in tasks.iterdir()] != []
        assert not any("lakeflow" in (task / "comm").read_text() for task in tasks.iterdir())
        stated.end(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.process.poll() is not None, "The end of the server")
