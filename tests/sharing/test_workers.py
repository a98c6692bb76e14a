"""Four real workers that share a real Redis or Postgres poll each run once for all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flask_lakeflow_jobs.cache.shared_cache import ENTRY_VERSION
from tests.postgres import PostgresServer
from tests.run_documents import run_state
from tests.sharing.conftest import PostgresStore, SharedStore
from tests.sse_client import Stream
from tests.streaming.conftest import RUN_IDS, StartServer
from tests.streaming.servers import Server, gthread
from tests.streaming.workspace import FakeWorkspace
from tests.support import wait_until

WORKERS = 4

POLL_INTERVAL_SECONDS = 0.5

#: The number of polls that a rate is measured over.
MEASURED_POLLS = 8


@pytest.fixture
def server(start_server: StartServer, shared_store: SharedStore) -> Server:
    """A server whose workers share one cache."""
    return start_server(
        gthread(4, f"--workers={WORKERS}"),
        LAKEFLOW_JOBS_POLL_INTERVAL=str(POLL_INTERVAL_SECONDS),
        LAKEFLOW_JOBS_CACHE=json.dumps(shared_store.config),
    )


#: So many viewers are on two workers at least: the kernel chooses a worker for each.
MAX_VIEWERS = 100


@contextmanager
def open_streams(server: Server, runs: Sequence[int], count: int) -> Iterator[list[Stream]]:
    """Open streams on several workers that have sent the first state of each run.

    :param count: the least number of streams.
    """
    query = "&".join(f"run=etl:{run_id}" for run_id in runs)
    with ExitStack() as stack:
        viewers: list[Stream] = []
        while len(viewers) < count or count_watching_workers(server) < 2:
            assert len(viewers) < MAX_VIEWERS
            viewer = stack.enter_context(Stream.open(f"{server.url}/api/jobs/stream?{query}"))
            assert {next(viewer).json["runId"] for _ in runs} == set(runs)
            viewers.append(viewer)
        yield viewers


def count_watching_workers(server: Server) -> int:
    """Return how many workers have a subscriber."""
    held = [json.loads(server.get("/held")) for _ in range(10 * WORKERS)]
    return len({one["pid"] for one in held if one["watched"]})


def polls_per_interval(fake_workspace: FakeWorkspace, count: int = MEASURED_POLLS) -> float:
    """Measure how often the workspace is polled from now on."""
    fake_workspace.wait_for_polls(1)
    began, before = time.monotonic(), fake_workspace.polls
    fake_workspace.wait_for_polls(count)
    return (fake_workspace.polls - before) * POLL_INTERVAL_SECONDS / (time.monotonic() - began)


def wait_for_shared_polls(
    servers: Sequence[Server],
    fake_workspace: FakeWorkspace,
    count: int = MEASURED_POLLS,
    limit: float = 1.2,
) -> None:
    """Wait until the workspace is polled as often as by one worker; at once, unless one warns.

    A worker that the store keeps waiting, as on a busy machine, warns and leaves it alone for some
    seconds. Meanwhile, it polls for itself.

    :param limit: polls in each interval.
    """

    def are_shared() -> bool:
        rate = polls_per_interval(fake_workspace, count)
        has_warned = any("The shared cache is unavailable" in server.log for server in servers)
        assert rate <= limit or has_warned, rate
        return rate <= limit

    wait_until(are_shared, "polls that are shared")


def count_warned_workers(server: Server) -> int:
    """Return how many workers have warned of the shared cache, and not used it again since."""
    return server.log.count("The shared cache is unavailable") - server.log.count(
        "The shared cache is available again"
    )


def test_forty_viewers_on_four_workers_cost_the_polls_of_one(
    server: Server, fake_workspace: FakeWorkspace, run_id: int, shared_store: SharedStore
) -> None:
    with open_streams(server, [run_id], 40) as viewers:
        fake_workspace.wait_for_polls(2)
        wait_for_shared_polls([server], fake_workspace)
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "succeeded"
            assert [event.name for event in viewer] == ["end"]
    for value in shared_store.contents().values():
        assert json.loads(value)["version"] == ENTRY_VERSION


def test_hundred_runs_on_four_workers_cost_the_pages_of_a_list(
    server: Server, fake_workspace: FakeWorkspace
) -> None:
    runs = [fake_workspace.set_state(next(RUN_IDS)) for _ in range(100)]
    with open_streams(server, runs[:50], 12), open_streams(server, runs[50:], 12):
        # Each worker may still read runs one by one, for its first viewers.
        wait_until(lambda: polls_per_interval(fake_workspace, 16) <= 8, "first reads to end")
        wait_for_shared_polls([server], fake_workspace, 64, limit=8)
    for run_id in runs:
        fake_workspace.end_run(run_id)


def test_store_that_dies_during_a_run_costs_polls_and_no_event(
    server: Server, fake_workspace: FakeWorkspace, run_id: int, shared_store: SharedStore
) -> None:
    with open_streams(server, [run_id], 20) as viewers:
        shared_store.kill()
        fake_workspace.wait_for_polls(MEASURED_POLLS)
        assert 1 <= count_warned_workers(server) <= WORKERS
        shared_store.start()
        wait_for_shared_polls([server], fake_workspace)
        shared_store.kill()
        fake_workspace.set_state(run_id, run_state("TERMINATING"))
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "terminating"
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    assert "Traceback" not in server.log


def test_store_that_hangs_during_a_run_delays_no_end(
    server: Server, fake_workspace: FakeWorkspace, run_id: int, shared_store: SharedStore
) -> None:
    with open_streams(server, [run_id], 8) as viewers:
        shared_store.hang()
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    assert server.responding_worker()


def test_two_instances_of_an_app_cost_the_polls_of_one(
    start_server: StartServer,
    fake_workspace: FakeWorkspace,
    run_id: int,
    postgres_store: PostgresStore,
    tmp_path: Path,
) -> None:
    """As on Databricks Apps, where up to five instances share a database and no Redis."""
    servers: list[Server] = []
    with ExitStack() as stack:
        for _ in range(2):
            server = start_server(
                gthread(2, f"--workers={WORKERS // 2}"),
                LAKEFLOW_JOBS_POLL_INTERVAL=str(POLL_INTERVAL_SECONDS),
                DATABRICKS_CONFIG_FILE=str(tmp_path / "none"),  # as on each instance
                LAKEFLOW_JOBS_RECORD_URL=postgres_store.url,
                LAKEFLOW_JOBS_CACHE=json.dumps({"CACHE_TYPE": postgres_store.config["CACHE_TYPE"]}),
            )
            url = f"{server.url}/api/jobs/etl/runs/{run_id}/stream"
            viewers = [stack.enter_context(Stream.open(url)) for _ in range(10)]
            for viewer in viewers:
                assert next(viewer).json["outcome"] == "running"
            servers.append(server)
        fake_workspace.wait_for_polls(2)
        wait_for_shared_polls(servers, fake_workspace)


def test_connections_cut_during_a_run_cost_no_event(
    start_server: StartServer,
    fake_workspace: FakeWorkspace,
    run_id: int,
    postgres_server: PostgresServer,
    postgres_store: PostgresStore,
) -> None:
    server = start_server(
        gthread(4, f"--workers={WORKERS}"),
        LAKEFLOW_JOBS_POLL_INTERVAL=str(POLL_INTERVAL_SECONDS),
        LAKEFLOW_JOBS_CACHE=json.dumps(postgres_store.config),
    )
    with open_streams(server, [run_id], 20) as viewers:
        for _ in range(5):
            fake_workspace.wait_for_polls(1)
            wait_until(
                lambda: postgres_server.cut_connections(postgres_store.database), "a connection"
            )
        postgres_server.restart()
        wait_for_shared_polls([server], fake_workspace)
        postgres_server.cut_connections(postgres_store.database)
        fake_workspace.end_run(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    assert "Traceback" not in server.log
