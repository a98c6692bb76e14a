"""Four real workers that share a real Redis: they look once, together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from tests.run_documents import words
from tests.sharing.conftest import RedisServer
from tests.sse_client import Stream
from tests.streaming.conftest import RUN_IDS, Start
from tests.streaming.servers import Server, gthread
from tests.streaming.workspace import StatedWorkspace

WORKERS = 4

#: Seconds.
POLL_INTERVAL = 0.5

#: Looks over which their number per interval is found out.
MEASURED = 8


@pytest.fixture
def server(start: Start, redis_server: RedisServer) -> Server:
    """All its workers share the Redis."""
    return start(
        gthread(4, f"--workers={WORKERS}"),
        LAKEFLOW_JOBS_POLL_INTERVAL=str(POLL_INTERVAL),
        LAKEFLOW_JOBS_CACHE=json.dumps(redis_server.config),
    )


#: Viewers among whom there must be some on two workers: the kernel chooses whose each is.
MOST_VIEWERS = 100


@contextmanager
def viewers_of(server: Server, runs: Sequence[int], count: int) -> Iterator[list[Stream]]:
    """Viewers, on several workers, who know the first states of the runs; at least so many."""
    query = "&".join(f"run=etl:{run_id}" for run_id in runs)
    with ExitStack() as stack:
        viewers: list[Stream] = []
        while len(viewers) < count or workers_that_watch(server) < 2:
            assert len(viewers) < MOST_VIEWERS
            viewer = stack.enter_context(Stream.open(f"{server.url}/api/jobs/stream?{query}"))
            assert {next(viewer).json["runId"] for _ in runs} == set(runs)
            viewers.append(viewer)
        yield viewers


def workers_that_watch(server: Server) -> int:
    """How many of the workers watch anything."""
    held = [json.loads(server.get("/held")) for _ in range(10 * WORKERS)]
    return len({one["pid"] for one in held if one["watched"]})


def looks_per_interval(stated: StatedWorkspace, count: int = MEASURED) -> float:
    """How often the workspace is asked from now on."""
    stated.wait_for_looks(1)
    began, before = time.monotonic(), stated.looks
    stated.wait_for_looks(count)
    return (stated.looks - before) * POLL_INTERVAL / (time.monotonic() - began)


def test_forty_viewers_on_four_workers_cost_as_many_looks_as_one(
    server: Server, stated: StatedWorkspace, run_id: int, redis_server: RedisServer
) -> None:
    with viewers_of(server, [run_id], 40) as viewers:
        stated.wait_for_looks(2)
        assert looks_per_interval(stated) <= 1.2
        stated.end(run_id)
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "succeeded"
            assert [event.name for event in viewer] == ["end"]
    for value in redis_server.contents().values():
        assert json.loads(value)["version"] == 1


def test_a_hundred_runs_on_four_workers_are_read_by_their_pages(
    server: Server, stated: StatedWorkspace
) -> None:
    runs = [stated.state(next(RUN_IDS)) for _ in range(100)]
    with viewers_of(server, runs[:50], 12), viewers_of(server, runs[50:], 12):
        stated.wait_for_looks(20)
        assert looks_per_interval(stated, 64) <= 8
    for run_id in runs:
        stated.end(run_id)


def test_a_redis_that_dies_in_mid_run_costs_looks_and_no_viewer_anything(
    server: Server, stated: StatedWorkspace, run_id: int, redis_server: RedisServer
) -> None:
    with viewers_of(server, [run_id], 20) as viewers:
        redis_server.kill()
        stated.wait_for_looks(MEASURED)
        assert 1 <= server.log.count("The shared cache is unavailable") <= WORKERS
        redis_server.start()
        stated.wait_for_looks(4 * WORKERS)
        assert looks_per_interval(stated) <= 1.2, "it is shared again"
        redis_server.kill()
        stated.state(run_id, words("TERMINATING"))
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "terminating"
        stated.end(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    assert "Traceback" not in server.log


def test_a_redis_that_hangs_in_mid_run_hangs_no_viewer(
    server: Server, stated: StatedWorkspace, run_id: int, redis_server: RedisServer
) -> None:
    with viewers_of(server, [run_id], 8) as viewers:
        redis_server.hang()
        stated.end(run_id)
        for viewer in viewers:
            assert [event.name for event in viewer] == ["message", "end"]
    assert server.responding_worker()
