"""Streams handed off to the one thread of a gthread worker that writes them all."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.run_documents import run_state
from tests.sse_client import Stream
from tests.streaming.conftest import StartServer
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server, gthread, open_streams
from tests.streaming.site import OTHER_APP
from tests.streaming.workspace import FakeWorkspace
from tests.support import DEADLINE, wait_until

THREADS = 4

#: The name of the thread.
WRITER = "lakeflow-push"


def names(viewer: Stream) -> list[str]:
    """The names of the events up to the end of the stream."""
    return [event.name for event in viewer]


@pytest.fixture(scope="module")
def server(start_module_server: StartServer) -> Server:
    """A server for all tests of this module."""
    return start_module_server(gthread(THREADS))


def test_handoff_holds_many_more_streams_than_threads(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    with open_streams(server, run_id, 20 * THREADS) as viewers:
        held = server.held
        assert held["streams"] == len(viewers)
        assert held["watched"] == 1
        assert held["threads"].count(WRITER) == 1
        assert len(held["threads"]) < THREADS + 8
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            event = next(viewer)
            assert event.json["outcome"] == "succeeded"
            assert names(viewer) == ["end"]
    server.wait_until_held(streams=0, watched=0)


def test_other_routes_respond_while_streams_wait_for_a_first_poll(
    server: Server,
    fake_workspace: FakeWorkspace,
    run_id: int,
    in_threads: Callable[..., list[threading.Thread]],
) -> None:
    """Streams without a thread to wait in begin without a state and get it later."""
    runs = [
        fake_workspace.set_state(1_000_000 * place + run_id) for place in range(1, 2 * THREADS + 1)
    ]
    opened: list[Stream] = []

    def view(run_id: int) -> None:
        opened.append(server.stream(run_id))

    with fake_workspace.unresponsive():
        threads = in_threads(*[partial(view, run_id) for run_id in runs])
        wait_until(lambda: len(opened) == THREADS + 1, "the streams that begin without a state")
        assert server.responding_worker()
        assert len(opened) == THREADS + 1, "the other requests wait"
        with server.stream(runs[0], last_event_id="0.4.0-0123456789ab") as finished:
            assert list(finished) == [], "the client may have the end, so it polls"
            assert finished.parser.retry == 5000
    for thread in threads:
        thread.join(DEADLINE)
    with ExitStack() as stack:
        for viewer in opened:
            stack.enter_context(viewer)
            assert next(viewer).json["outcome"] == "running"
    for run in runs:
        fake_workspace.end_run(run)
    server.wait_until_held(streams=0, watched=0)


def test_hundred_closed_streams_leave_nothing_open(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    with open_streams(server, run_id, 1):
        pass
    server.wait_until_held(streams=0, watched=0, connections=1)
    before = server.held["descriptors"]
    for _ in range(5):
        with open_streams(server, run_id, 20):
            pass
    server.wait_until_held(streams=0, watched=0, connections=1)
    assert server.held["descriptors"] < before + 10
    assert "ERROR" not in server.log
    assert "Traceback" not in server.log


def test_client_that_leaves_is_detected_without_a_heartbeat(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS), LAKEFLOW_JOBS_HEARTBEAT="3600")
    request = f"GET {server.stream_path(run_id)}"
    clients = [RawClient(server.url, request) for _ in range(6)]
    server.wait_until_held(streams=6)
    for client in clients[:2]:
        client.leave()
    for client in clients[2:4]:
        client.reset()
    for client in clients[4:]:
        client.read_until(b"running")
        client.leave()
    server.wait_until_held(streams=0, watched=0)


def test_client_that_resets_at_once_leaves_nothing_open(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    for _ in range(20):
        RawClient(server.url, f"GET {server.stream_path(run_id)}").reset()
    assert server.responding_worker()
    server.wait_until_held(streams=0, watched=0)
    assert "Traceback" not in server.log


def test_head_request_leaves_nothing_open(server: Server, run_id: int) -> None:
    with RawClient(server.url, f"HEAD {server.stream_path(run_id)}") as client:
        head = client.read_until(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"text/event-stream" in head
    server.wait_until_held(streams=0, watched=0)


def test_other_connections_are_kept_alive(server: Server, run_id: int) -> None:
    connection = server.connect()
    with open_streams(server, run_id, 3):
        for _ in range(3):
            connection.request("GET", "/ping")
            assert connection.getresponse().read().isdigit()
    connection.close()


def test_handed_off_connection_announces_its_close(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    """A response of one part is not handed off, so its connection is kept."""
    headers = []
    for _ in range(2):
        with server.stream(run_id) as viewer:
            assert next(viewer).name == "message"
            fake_workspace.end_run(run_id)
            assert names(viewer)[-1] == "end"
            headers.append(viewer.headers["Connection"])
    assert headers == ["close", "keep-alive"]


STALLED = 20

#: Bytes of a run's description.
LARGE = 3 * 2**20


def test_stalled_clients_delay_no_other_and_use_bounded_memory(
    server: Server, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    request, large = f"GET {server.stream_path(run_id)}", "x" * LARGE
    stalled = [RawClient(server.url, request, buffer=4096) for _ in range(STALLED)]
    with RawClient(server.url, request) as viewer:
        viewer.read_until(b'"running"')
        before = server.held["resident"]
        for number in range(5):
            fake_workspace.set_state(
                run_id, run_state("RUNNING", message=f"State {number}."), description=large
            )
            viewer.read_until(b"State %d." % number)
        grown = server.held["resident"] - before
        assert grown < len(stalled) * LARGE, f"{grown / 2**20:.0f} MiB"
        fake_workspace.end_run(run_id, description=large)
        viewer.read_until(b"event: end")
    with stalled.pop() as slow:
        rest = slow.read_until(b"\r\n0\r\n\r\n")
    assert b"event: end" in rest, "it reads the rest later"
    for client in stalled:
        client.leave()
    server.wait_until_held(streams=0, watched=0)


@pytest.mark.parametrize("push", ["True", "False"])
def test_document_of_megabytes_is_sent_in_full(
    start_server: StartServer, fake_workspace: FakeWorkspace, push: str, run_id: int
) -> None:
    fake_workspace.set_state(run_id, description="x" * LARGE)
    server = start_server(gthread(THREADS), LAKEFLOW_JOBS_PUSH=push)
    request = f"GET {server.stream_path(run_id)}"
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server.url, request)) for _ in range(3)]
        for client in clients:
            client.read_until(b'"running"')
        fake_workspace.end_run(run_id, description="x" * LARGE)
        for client in clients:
            response = client.read_until(b"\r\n0\r\n\r\n")
            assert response.count(b"x" * LARGE) >= 1
            assert b'"succeeded"' in response
            assert b"event: end\n" in response
    server.wait_until_held(streams=0, watched=0)


def has_writer_thread(server: Server) -> bool:
    """Return whether a stream was handed off."""
    return WRITER in server.held["threads"]


def test_http_1_0_is_not_handed_off_and_not_chunked(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS))
    with RawClient(server.url, f"GET {server.stream_path(run_id)}", http="1.0") as client:
        response = client.read_until(b"running")
        assert not has_writer_thread(server)
        fake_workspace.end_run(run_id)
        response += client.read_all()
    assert b"chunked" not in response.lower()
    assert response.endswith(b"\n\n")
    assert b"event: end\n" in response


@pytest.mark.parametrize("middleware", ["BodyMiddleware", "StartResponseMiddleware"])
def test_stream_behind_a_wrapping_middleware_is_not_handed_off(
    start_server: StartServer, fake_workspace: FakeWorkspace, middleware: str, run_id: int
) -> None:
    server = start_server(gthread(THREADS), SITE_MIDDLEWARE=middleware)
    with open_streams(server, run_id, 2) as viewers:
        assert not has_writer_thread(server)
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.wait_until_held(streams=0, watched=0)
    assert server.log.count("hold a thread each") == 1


def test_streams_not_handed_off_leave_a_quarter_of_the_threads_free(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS), SITE_MIDDLEWARE="StartResponseMiddleware")
    with open_streams(server, run_id, THREADS - 1):
        with open_streams(server, run_id, 1) as [polling]:
            assert list(polling) == []
            assert polling.parser.retry == 5000
        assert server.responding_worker()


def test_apps_of_one_process_share_its_threads(start_server: StartServer, run_id: int) -> None:
    settings = {"SITE_MIDDLEWARE": "StartResponseMiddleware", "SITE_OTHER_APP": "yes"}
    server = start_server(gthread(THREADS), **settings)
    other = server.url + OTHER_APP + server.stream_path(run_id)
    with open_streams(server, run_id, THREADS - 1):
        with Stream.open(other) as polling:
            assert names(polling) == ["message"]
            assert polling.parser.retry == 5000
        assert server.responding_worker()
    server.wait_until_held(streams=0)
    with Stream.open(other) as viewer:
        assert next(viewer).json["outcome"] == "running"
        assert viewer.parser.retry == 2000


def test_stream_of_an_app_with_a_response_class_is_handed_off(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS), SITE_RESPONSE_CLASS="yes")
    with open_streams(server, run_id, 2 * THREADS) as viewers:
        assert has_writer_thread(server)
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.wait_until_held(streams=0, watched=0)


def test_stream_over_tls_is_not_handed_off(
    start_server: StartServer, fake_workspace: FakeWorkspace, tmp_path: Path, run_id: int
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
    server = start_server(gthread(THREADS, f"--keyfile={key}", f"--certfile={certificate}"))
    connection = server.connect()
    connection.request("GET", server.stream_path(run_id))
    with Stream(connection, connection.getresponse()) as viewer:
        assert next(viewer).json["outcome"] == "running"
        assert not has_writer_thread(server)
        fake_workspace.end_run(run_id)
        assert names(viewer) == ["message", "end"]


def test_handoff_can_be_disabled(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS), LAKEFLOW_JOBS_PUSH="False")
    with open_streams(server, run_id, THREADS - 1) as viewers:
        with open_streams(server, run_id, 1) as [polling]:
            assert list(polling) == []
            assert polling.parser.retry == 5000
        assert server.held["streams"] == THREADS - 1
        assert not has_writer_thread(server)
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.wait_until_held(streams=0, watched=0)


def test_stream_at_its_lifetime_ends_and_resumes_without_loss(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(
        gthread(THREADS), LAKEFLOW_JOBS_STREAM_MAX_SECONDS="2", LAKEFLOW_JOBS_HEARTBEAT="30"
    )
    ids: list[str] = []
    while len(ids) < 2:
        with server.stream(run_id, last_event_id=ids[-1] if ids else None) as viewer:
            for event in viewer:
                ids.append(event.last_id)
                fake_workspace.set_state(run_id, run_state("RUNNING", message=f"{len(ids)}"))
            assert viewer.parser.retry is not None
            assert 500 <= viewer.parser.retry <= 3000
    assert len(ids) == len(set(ids))
    fake_workspace.end_run(run_id)
    with server.stream(run_id, last_event_id=ids[-1]) as viewer:
        events = list(viewer)
    assert [event.name for event in events][-1] == "end"
    assert not {event.last_id for event in events} & set(ids)


def test_preload_starts_no_thread_in_the_parent_process(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gthread(THREADS, "--preload", "--workers=2"))
    tasks = Path(f"/proc/{server.process.pid}/task")
    with open_streams(server, run_id, 12) as viewers:
        assert [(task / "comm").read_text() for task in tasks.iterdir()] != []
        assert not any("lakeflow" in (task / "comm").read_text() for task in tasks.iterdir())
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert names(viewer) == ["message", "end"]
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.process.poll() is not None, "the end of the server")
