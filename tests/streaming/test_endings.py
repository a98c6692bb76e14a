"""Servers that stop, restart or die with streams open: each viewer gets the end, and once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPException

import pytest

from tests.sse_client import Event, Stream
from tests.streaming.conftest import Start
from tests.streaming.servers import Server, gthread, gunicorn
from tests.streaming.workspace import StatedWorkspace
from tests.support import wait_until

VIEWERS = 20

#: Seconds that gunicorn would wait for requests that do not end; all that is compared with.
GRACEFUL = 20

PUSHED = ("push", gthread(4, f"--graceful-timeout={GRACEFUL}"))
PULLED = ("pull", gthread(40, f"--graceful-timeout={GRACEFUL}"))
GREEN = ("gevent", gunicorn("--worker-class=gevent", f"--graceful-timeout={GRACEFUL}"))


def on(*kinds: tuple[str, Sequence[str]], more: Sequence[str] = ()) -> pytest.MarkDecorator:
    """The kinds of workers that a test runs on."""
    return pytest.mark.parametrize(
        ("push", "command"),
        [
            pytest.param(
                str(name == "push"),
                [*command[:-1], *more, command[-1]],
                id=name,
            )
            for name, command in kinds
        ],
    )


@contextmanager
def viewers_of(server: Server, run_id: int, count: int = VIEWERS) -> Iterator[list[Stream]]:
    with ExitStack() as stack:
        viewers = [stack.enter_context(server.stream(run_id)) for _ in range(count)]
        for viewer in viewers:
            assert next(viewer).json["outcome"] == "running"
        yield viewers


def assert_ended_in_good_order(viewer: Stream) -> None:
    """Raises where the response was broken off."""
    assert list(viewer) == [], "the run goes on"
    assert viewer.parser.retry is not None
    assert 500 <= viewer.parser.retry <= 3000


def follow(server: Server, run_id: int, first: Stream) -> list[Event]:
    """What an ``EventSource`` sees that comes back until it is told to stop."""
    events: list[Event] = []
    stream, last_id = first, first.parser.last_id
    while True:
        try:
            for event in stream:
                events.append(event)
                last_id = event.last_id
            stream = server.stream(run_id, last_event_id=last_id)
        except (
            OSError,
            HTTPException,
        ):  # broken off, or nobody there: it comes back after that too
            continue
        if stream.status == 204:
            stream.close()
            return events


@on(PUSHED, PULLED, GREEN)
def test_a_server_that_is_told_to_stop_ends_its_streams_in_good_order_and_soon(
    start: Start, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    with viewers_of(server, run_id) as viewers:
        assert server.stop() < GRACEFUL / 2
        for viewer in viewers:
            assert_ended_in_good_order(viewer)
    assert "Traceback" not in server.log


@on(PUSHED, PULLED)
def test_a_reload_moves_the_viewers_to_the_new_worker(
    start: Start, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    with viewers_of(server, run_id) as viewers:
        old = server.responding_worker()
        server.signal(signal.SIGHUP)
        for viewer in viewers:
            assert_ended_in_good_order(viewer)
    wait_until(lambda: server.responding_worker() not in (0, old), "A new worker")
    wait_until(lambda: not os.path.exists(f"/proc/{old}"), "The end of the old worker")


@on(PUSHED, PULLED, GREEN, more=["--max-requests=12"])
def test_a_worker_that_has_had_its_number_of_requests_makes_room_for_the_next(
    start: Start, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start(command, LAKEFLOW_JOBS_PUSH=push, LAKEFLOW_JOBS_HEARTBEAT="60")
    old = server.responding_worker()
    with viewers_of(server, run_id, 5) as viewers:
        wait_until(lambda: server.responding_worker() not in (0, old), "A new worker")
        for viewer in viewers:
            assert_ended_in_good_order(viewer)
    with viewers_of(server, run_id, 1):
        assert server.responding_worker()


@on(PUSHED, PULLED, more=["--workers=2"])
def test_a_killed_worker_costs_no_viewer_the_end_and_none_gets_it_twice(
    start: Start, stated: StatedWorkspace, run_id: int, push: str, command: Sequence[str]
) -> None:
    server = start(command, LAKEFLOW_JOBS_PUSH=push)
    with viewers_of(server, run_id) as viewers, ThreadPoolExecutor(VIEWERS) as pool:
        following = [pool.submit(follow, server, run_id, viewer) for viewer in viewers]
        workers = {server.responding_worker() for _ in range(10)}
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.responding_worker() not in {0, *workers}, "A new worker")
        stated.end(run_id)
        for followed in following:
            events = followed.result(60)
            assert [event.json["outcome"] for event in events if event.name == "message"] == [
                "succeeded"
            ]
            assert [event.name for event in events].count("end") == 1
