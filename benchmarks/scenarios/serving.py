"""Viewers and other requests on crowded workers, and on workers that stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..bench import Bench, bare_sdk, ours
from ..clients.fanout import Fanout
from ..clients.pinger import Pings, pinging
from ..clients.viewers import Viewer, follow_all
from ..report import Row
from ..servers import Server, gunicorn, is_running, warm
from ..stats import ms, percentile, s
from ..workspace import Workspace

#: Requests a second for another route.
PACE = 20.0


@dataclass
class Crowd:
    """The results for viewers and other requests.

    :param pings: the other requests.
    :param reached: how many viewers received the end.
    :param killed: workers that were gone at the end.
    """

    pings: Pings
    reached: int
    killed: int

    @property
    def slow(self) -> float:
        return percentile(self.pings.seconds, 0.99)

    def text(self, viewers: int) -> str:
        return (
            f"p99 {ms(self.slow)} of {len(self.pings.seconds)} answers, {self.pings.failures}"
            f" failed, {self.killed} workers killed, {self.reached} of {viewers} viewers received"
            " the end"
        )


def crowds(bench: Bench) -> list[Row]:
    """Measure viewers on four workers, and the app's other routes meanwhile."""
    viewers, seconds = bench.choose(40, 12), bench.choose(45.0, 10.0)
    kinds = {"sync": ("-k", "sync"), "gthread": ("-k", "gthread", "--threads", "4")}
    with Workspace() as workspace:
        workspace.add_job(1, seconds)
        environ = ours(workspace, "ours", {"etl": 1})
        mine = {}
        for kind, options in kinds.items():
            with gunicorn("ours", "-w", "4", *options, environ=environ) as server:
                warm(server, "/api/jobs/etl/status")
                path = f"/api/jobs/etl/runs/{workspace.start(1)}/stream"
                mine[kind] = _crowd(server, path, viewers, seconds)
        with gunicorn("naive", "-w", "4", environ=bare_sdk(workspace, "naive", 1)) as server:
            path = f"/runs/{workspace.start(1)}/stream"
            usual = _crowd(server, path, viewers, seconds)
    return [
        Row(
            f"{viewers} viewers, `gunicorn -w 4`, {kind}: other routes meanwhile",
            f"A run of {seconds:g} s, longer than gunicorn's `timeout`; {PACE:g} requests a second"
            " for `/ping`, each counted from the moment it was due, so that one that waits counts"
            " for those behind it; each worker has made a call before, since the first imports the"
            " SDK. The peer: a view that streams from a generator, on the sync workers that the"
            " documentation of Databricks Apps sets up.",
            crowd.text(viewers),
            "every request answered, p99 < 1 s; no worker killed",
            crowd.slow < 1
            and not (crowd.pings.failures or crowd.killed)
            and crowd.reached == viewers,
            usual.text(viewers),
            crowd.slow / usual.slow,
        )
        for kind, crowd in mine.items()
    ]


def _crowd(server: Server, path: str, viewers: int, seconds: float) -> Crowd:
    before = set(server.workers)
    crowd = [Viewer(server.port, path) for _ in range(viewers)]
    with pinging(server.port, rate=PACE) as pings:
        asyncio.run(follow_all(crowd, seconds + 15))
    reached = sum(bool(viewer.ends) for viewer in crowd)
    return Crowd(pings, reached, len(before - set(server.workers)))


def ending(bench: Bench) -> list[Row]:
    """Measure a server that is stopped while streams are open."""
    count = bench.choose(1000, 100)
    threads = str(count * 7 // 5)
    kinds = {
        "gthread with push": (("-k", "gthread", "--threads", "16"), {}),
        "gthread without": (("-k", "gthread", "--threads", threads), {"PUSH": False}),
        "gevent": (("-k", "gevent"), {}),
    }
    rows = []
    with Workspace() as workspace:
        workspace.add_job(1, 3600, step=0.1)
        run = workspace.start(1)
        for kind, (options, settings) in kinds.items():
            environ = ours(workspace, "ours", {"etl": 1}, MAX_STREAMS=count, **settings)
            many = ("--worker-connections", str(2 * count))
            with gunicorn("ours", *many, *options, environ=environ) as server:
                clean, gone = _end(server, f"/api/jobs/etl/runs/{run}/stream", count)
            rows.append(
                Row(
                    f"SIGTERM with {count:,} open streams, {kind}",
                    "To gunicorn, as a platform sends it. A clean end is the last chunk of the"
                    " body; the time is until the worker is gone.",
                    f"{clean} clean ends, gone in {s(gone)}",
                    f"{count} clean ends, gone in < 4 s",
                    clean == count and gone < 4,
                )
            )
    return rows


def _end(server: Server, path: str, count: int) -> tuple[int, float]:
    viewers = Fanout(server.port, path, count)
    viewers.open(timeout=60)
    viewers.follow(2)
    workers = server.workers
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    gone: list[float] = []

    def watch() -> None:
        while any(map(is_running, workers)) and time.monotonic() - began < 60:
            time.sleep(0.01)
        gone.append(time.monotonic() - began)

    watching = threading.Thread(target=watch)
    watching.start()
    viewers.follow(60)
    watching.join()
    viewers.close()
    return viewers.endings["clean"], gone[0]


def killing(bench: Bench) -> list[Row]:
    """Kill a worker while streams are open."""
    count = bench.choose(100, 20)
    with Workspace() as workspace:
        workspace.add_job(1, 15)
        environ = ours(workspace, "ours", {"etl": 1})
        options = ("-w", "2", "-k", "gthread", "--threads", "8")
        with gunicorn("ours", *options, environ=environ) as server:
            path = f"/api/jobs/etl/runs/{workspace.start(1)}/stream"
            viewers = [Viewer(server.port, path) for _ in range(count)]
            with _killed_after(5.0, server.workers):
                asyncio.run(follow_all(viewers, 60))
        started = len(workspace.runs(1)) - 1
    reached = sum(len(viewer.ends) >= 1 for viewer in viewers)
    twice = sum(len(viewer.ends) > 1 for viewer in viewers)
    broken = sum(len(viewer.statuses) > 2 for viewer in viewers)
    return [
        Row(
            f"a worker killed (SIGKILL) with {count} open streams on two",
            "The viewers come back as a browser's `EventSource` does, with `Last-Event-ID`, until a"
            " 204; the run ends 10 s after the kill.",
            f"{reached} of {count} viewers received the end, {twice} of them twice, {started} runs"
            f" started; {broken} had lost their stream",
            "every viewer gets the end, none twice, no run started",
            reached == count and not twice and not started and broken > 0,
        )
    ]


@contextlib.contextmanager
def _killed_after(seconds: float, workers: Sequence[int]) -> Iterator[None]:
    timer = threading.Timer(seconds, os.kill, (workers[0], signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
