"""Workers that hold no stream, and greenlets that hold one each.

``tests/servers`` runs the same journey on every server.
"""

from __future__ import annotations

import pytest

from tests.streaming.conftest import StartServer
from tests.streaming.servers import gunicorn, open_streams
from tests.streaming.workspace import FakeWorkspace


def test_sync_worker_sends_the_current_state_without_extra_polls(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    server = start_server(gunicorn(), LAKEFLOW_JOBS_POLL_INTERVAL="600")
    before = fake_workspace.polls
    seen, last_id = [], None
    while last_id is None or len(seen) < 10:
        with server.stream(run_id, last_event_id=last_id) as viewer:
            events = list(viewer)
        assert viewer.status == 200
        assert viewer.parser.retry == 5000
        seen.append([event.json["outcome"] for event in events])
        last_id = viewer.parser.last_id or last_id
    assert [outcomes for outcomes in seen if outcomes] == [["running"]]
    assert fake_workspace.polls == before + 1
    assert server.held["streams"] == 0


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "loaded before the patch"])
def test_gevent_worker_holds_a_hundred_streams(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int, options: list[str]
) -> None:
    server = start_server(gunicorn("--worker-class=gevent", *options))
    with open_streams(server, run_id, 100) as viewers:
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    server.wait_until_held(streams=0, watched=0)
    assert "Traceback" not in server.log
    assert "No polls were started" not in server.log


def test_sync_worker_responds_before_it_is_killed_for_a_silent_workspace(
    start_server: StartServer, fake_workspace: FakeWorkspace, run_id: int
) -> None:
    # gunicorn counts what the first call loads, which a busy machine may take longer for.
    command = gunicorn("--timeout=20", "--preload")
    server = start_server(command, LAKEFLOW_JOBS_READ_TIMEOUT="60", SITE_LOADS="databricks.sdk")
    fake_workspace.end_run(run_id)
    assert server.get(f"/api/jobs/etl/runs/{run_id}"), "this connects"
    process = server.responding_worker()
    unread = fake_workspace.set_state(run_id + 100_000)
    connection = server.connect()
    with fake_workspace.unresponsive():
        connection.request("GET", f"/api/jobs/etl/runs/{unread}")
        response = connection.getresponse()
        assert response.status == 504
        assert response.headers["Content-Type"] == "application/problem+json"
    connection.close()
    assert server.responding_worker() == process
