"""The same journey on every server and behind every proxy."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

import pytest
from docs_servers import THREADS, Stop, Streams

from flask_lakeflow_jobs.web.requests import MAX_STREAMED_RUNS
from tests.run_documents import run_state
from tests.servers.conftest import Site
from tests.sse_client import Event, Stream
from tests.streaming.raw import RawClient
from tests.streaming.servers import Server
from tests.streaming.workspace import FakeWorkspace
from tests.support import wait_until

#: More than the threads of any server of the matrix.
VIEWERS = 2 * THREADS

#: Milliseconds until a viewer polls again, for which no stream is held.
POLLING_RETRY = 5000

PINGS = 20

#: As long as the ids of a workspace.
FIRST_LONG_RUN_ID = 10**15

#: Seconds within which a ping responds, however busy the machine is. A blocked one waits for
#: streams, which last for minutes.
PING_SECONDS = 10.0


class Viewer:
    """An ``EventSource``, but it reconnects at once."""

    def __init__(self, server: Server, run_id: int) -> None:
        self._server = server
        self._run_id = run_id
        self._stream = server.stream(run_id)
        self.events: list[Event] = list(itertools.islice(self._stream, 1))
        if self._stream.parser.retry == POLLING_RETRY:
            self.events += self._stream  # none, if no thread could wait for the first state

    @property
    def outcomes(self) -> list[str]:
        return [event.json["outcome"] for event in self.events if event.name == "message"]

    def wait_for(self, outcome: str) -> None:
        """Read until the run has this outcome."""
        wait_until(lambda: outcome in self.outcomes or self._read_or_reconnect() == 0, outcome)

    def wait_for_end(self) -> None:
        """Read until the end of the run is announced."""
        wait_until(lambda: "end" in self._names or self._read_or_reconnect() == 0, "the end")

    @property
    def _names(self) -> list[str]:
        return [event.name for event in self.events]

    def wait_for_204(self) -> None:
        """Read the rest, until there is no reason to reconnect."""
        wait_until(lambda: self._read_or_reconnect() == 204, "204 after the end")

    def _read_or_reconnect(self) -> int:
        """Read one event, or reconnect at the end of the response; return its status."""
        try:
            event = next(self._stream, None)
            if event is not None:
                self.events.append(event)
            else:
                last_id = self.events[-1].last_id if self.events else None
                self._stream = self._server.stream(self._run_id, last_event_id=last_id)
        except (OSError, HTTPException):
            self._stream.close()
        return self._stream.status

    def wait_for_comment(self) -> None:
        self._stream.wait_for_comment()

    def read_to_end_of_response(self) -> list[Event]:
        """Read the rest of the response; a cut one raises."""
        return list(self._stream)

    def close(self) -> None:
        self._stream.close()


@contextmanager
def open_viewers(server: Server, run_id: int, count: int = VIEWERS) -> Iterator[list[Viewer]]:
    """Let viewers come at the same moment, and read the first state of each."""
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        opening = [pool.submit(Viewer, server, run_id) for _ in range(count)]
        for opened in opening:
            stack.callback(opened.result().close)
        yield [opened.result() for opened in opening]


def count_missed_pings(server: Server) -> int:
    """Ping over new connections, and count the pings without a response in time."""
    missed = 0
    for _ in range(PINGS):
        connection = server.connect(PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            missed += connection.getresponse().status != 200
        except (OSError, HTTPException):
            missed += 1
        finally:
            connection.close()
    return missed


def send(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    """Send a request over a connection, and return the response with its body."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response, response.read()


def skip_if_bodies_are_needed(site: Site) -> None:
    if not site.app_row.sends_empty:
        pytest.skip("This server sends 500 instead of a response without a body.")


def skip_if_no_streams(site: Site) -> None:
    if site.row.streams is Streams.NOTHING:
        pytest.skip("This server holds no streams.")


def test_other_routes_respond_and_all_viewers_get_the_end(
    site: Site, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    with open_viewers(site.server, run_id) as viewers:
        assert count_missed_pings(site.server) == 0
        site.app.wait_until_held(streams=site.row.streams.held(VIEWERS))
        for viewer in viewers:
            viewer.wait_for("running")
        fake_workspace.set_state(run_id, run_state("TERMINATING"))
        for viewer in viewers:
            viewer.wait_for("terminating")
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            viewer.wait_for("succeeded")
            assert viewer.outcomes == ["running", "terminating", "succeeded"]
            viewer.wait_for_end()
            if site.app_row.sends_empty:
                viewer.wait_for_204()
            assert [event.name for event in viewer.events].count("end") == 1
    site.app.wait_until_held(streams=0, watched=0)


def test_silent_stream_sends_heartbeats(site: Site, run_id: int) -> None:
    skip_if_no_streams(site)
    with closing(Viewer(site.server, run_id)) as viewer:
        viewer.wait_for("running")
        for _ in range(3):
            viewer.wait_for_comment()


def test_clients_that_leave_early_free_their_streams(site: Site, run_id: int) -> None:
    request = f"GET {site.server.stream_path(run_id)}"
    for _ in range(2):
        RawClient(site.server.url, request).reset()
        RawClient(site.server.url, request).leave()
        client = RawClient(site.server.url, request)
        client.read_until(b"retry: ")
        client.reset()
    site.app.wait_until_held(streams=0, watched=0)
    assert count_missed_pings(site.server) == 0


def test_stalled_client_delays_no_other(
    site: Site, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    skip_if_no_streams(site)
    large = "x" * 2**20
    request = f"GET {site.server.stream_path(run_id)}"
    stalled = RawClient(site.server.url, request, buffer=4096)
    with RawClient(site.server.url, request) as viewer:
        viewer.read_until(b'"running"')
        for number in range(5):
            state = run_state("RUNNING", message=f"State {number}.")
            fake_workspace.set_state(run_id, state, description=large)
            viewer.read_until(b"State %d." % number)
        fake_workspace.end_run(run_id, description=large)
        viewer.read_until(b"event: end\n")
    stalled.reset()
    site.app.wait_until_held(streams=0, watched=0)


def test_head_request_for_a_stream_holds_nothing(site: Site, run_id: int) -> None:
    skip_if_bodies_are_needed(site)
    with closing(site.server.connect()) as connection:
        response, body = send(connection, "HEAD", site.server.stream_path(run_id))
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    site.app.wait_until_held(streams=0, watched=0)


def test_client_that_has_the_end_gets_204(
    site: Site, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    skip_if_bodies_are_needed(site)
    fake_workspace.end_run(run_id)
    with site.server.stream(run_id) as viewer:
        *_, end = viewer
    with site.server.stream(run_id, last_event_id=end.last_id) as again:
        assert again.status == 204
        assert list(again) == []


def test_client_that_has_the_ends_of_many_runs_gets_204(
    site: Site, fake_workspace: FakeWorkspace
) -> None:
    """Servers limit the size of a request, of which these runs and their states are most."""
    skip_if_bodies_are_needed(site)
    run_ids = [FIRST_LONG_RUN_ID + number for number in range(MAX_STREAMED_RUNS)]
    for run_id in run_ids:
        fake_workspace.end_run(run_id)
    query = "&".join(f"run=etl:{run_id}" for run_id in run_ids)
    url = f"{site.server.url}/api/jobs/stream?{query}"
    cookie = {"Cookie": "session=" + 1024 * "x"}
    with Stream.open(url, headers=cookie) as viewer:
        *_, end = viewer
    with Stream.open(url, headers=cookie, last_event_id=end.last_id) as again:
        assert again.status == 204


def test_connection_is_kept_alive(site: Site, run_id: int) -> None:
    run_path = "/api/jobs/etl/runs"
    paths = ["/ping", f"{run_path}/{run_id}", f"{run_path}/1", "/ping"]
    with closing(site.server.connect()) as connection:
        send(connection, "GET", "/ping")
        kept = connection.sock
        try:
            statuses = [send(connection, "GET", path)[0].status for path in paths]
        except ConnectionError:  # some servers close the connection unannounced
            assert not site.app_row.keeps_alive
        else:
            assert statuses == [200, 200, 404, 200]
            is_kept = kept is not None and connection.sock is kept
            assert is_kept is site.app_row.keeps_alive


def test_trigger_responds_with_its_own_document_and_location(site: Site) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": site.row.name}
    run_ids = []
    for _ in range(2):
        with closing(site.server.connect()) as connection:
            body = b'{"params": {}}'
            response, content = send(connection, "POST", "/api/jobs/etl/run", body, headers)
        assert response.status == 200
        document = json.loads(content)
        assert list(document) == ["runId"]
        run_ids.append(document["runId"])
        location = urlsplit(response.headers["Location"])
        assert location.path == f"/api/jobs/etl/runs/{run_ids[-1]}"
        assert location.scheme == "http"
    assert response.headers["Idempotency-Replayed"] == "true"
    assert run_ids[0] == run_ids[1]


def test_trigger_as_a_stream_names_its_run(site: Site, fake_workspace: FakeWorkspace) -> None:
    path = f"{site.server.url}/api/jobs/etl/run?stream=true"
    with Stream.open(path, method="POST", body={"params": {}}) as viewer:
        first = next(viewer)
        assert first.json["outcome"] == "running"
        run_id = first.json["run"]["run_id"]
        assert viewer.headers["Location"].endswith(f"/api/jobs/etl/runs/{run_id}")
    fake_workspace.end_run(run_id)
    site.app.wait_until_held(streams=0, watched=0)


def test_cancel_responds_with_204(site: Site, run_id: int) -> None:
    skip_if_bodies_are_needed(site)
    with closing(site.server.connect()) as connection:
        response, body = send(connection, "DELETE", f"/api/jobs/etl/runs/{run_id}")
    assert (response.status, body) == (204, b"")


def test_server_that_stops_does_not_wait_for_its_streams(site: Site, run_id: int) -> None:
    """The last test of a row, as it stops the server."""
    with open_viewers(site.server, run_id) as viewers:
        site.app.stop()
        if site.app_row.stop is Stop.ENDS:
            assert all(viewer.read_to_end_of_response() == [] for viewer in viewers)
    assert "Traceback" not in site.app.log
