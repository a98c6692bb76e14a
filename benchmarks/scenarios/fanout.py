"""Streams of one run to thousands of viewers: memory, delay, and the app's other routes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..bench import Bench, ours
from ..clients.fanout import Fanout
from ..clients.pinger import pinging
from ..report import Row
from ..servers import Server, gunicorn, node
from ..stats import median, ms, percentile
from ..workspace import Workspace

#: Seconds between two polls of the run, each of which has an update.
INTERVAL = 1

#: Broadcasts that are measured.
BROADCASTS = 15

HOW = (
    "{count:,} streams of one run from one process, followed by one epoll loop on the same cores; a"
    " poll a second, each with an update of about 1.3 KB; from the server's receiving the update"
    " (the event's `timestamp`) to the last viewer's; memory is resident memory per stream over"
    " that of the process after its first stream."
)


@dataclass(frozen=True)
class Measured:
    """The results for the streams of one run. Times are in seconds.

    :param kib: memory per stream.
    :param opened_in: until all streams had begun.
    :param delays: from each update to the last viewer.
    :param incomplete: updates that did not reach every viewer.
    :param missing: a remark about them.
    :param pings: how long another route took meanwhile.
    """

    kib: float
    opened_in: float
    delays: list[float]
    incomplete: int
    missing: str
    pings: list[float]

    @property
    def typical(self) -> float:
        return median(self.delays)

    @property
    def worst(self) -> float:
        """The 99th percentile, which is the longest of so few."""
        return percentile(self.delays, 0.99)

    @property
    def text(self) -> str:
        lost = f", {self.incomplete} incomplete ({self.missing})" if self.incomplete else ""
        return (
            f"{self.kib:.1f} KiB, {ms(self.typical)} / {ms(self.worst)}{lost},"
            f" ping p99 {ms(percentile(self.pings, 0.99))}, open in {self.opened_in:.1f} s"
        )


def measure(server: Server, path: str, count: int) -> Measured:
    """Open streams, and measure how updates reach them."""
    with _following(server, path, 1) as first:
        first.follow(2 * INTERVAL)
        before = server.memory
        with _following(server, path, count) as viewers:
            viewers.follow(3 * INTERVAL)
            kib = (server.memory - before) / count
            viewers.restart_counts()
            with pinging(server.port) as pings:
                viewers.follow((BROADCASTS + 0.5) * INTERVAL)
            delays, incomplete, missing = viewers.delays, viewers.incomplete, viewers.missing
    return Measured(kib, viewers.opened_in, delays, incomplete, missing, pings.seconds)


@contextlib.contextmanager
def _following(server: Server, path: str, count: int) -> Iterator[Fanout]:
    viewers = Fanout(server.port, path, count)
    try:
        viewers.open(timeout=120)
        yield viewers
    finally:
        viewers.close()


def measure_ours(workspace: Workspace, count: int, *options: str, **settings: object) -> Measured:
    """Measure the extension."""
    run = _run(workspace)
    environ = ours(
        workspace, "ours", {"etl": 1}, POLL_INTERVAL=INTERVAL, MAX_STREAMS=count + 1, **settings
    )
    many = ("--worker-connections", str(2 * count))
    with gunicorn("ours", *many, *options, environ=environ) as server:
        return measure(server, f"/api/jobs/etl/runs/{run}/stream", count)


def measure_express(
    bench: Bench, workspace: Workspace, count: int, broadcast: str, version: int = 22
) -> Measured:
    """Measure Express.

    :param broadcast: ``best`` or ``appkit``.
    :param version: of Node.js: 22, which AppKit asks for, or the newest.
    """
    environ = {
        "DATABRICKS_HOST": workspace.host,
        "DATABRICKS_TOKEN": broadcast,
        "RUN": str(_run(workspace)),
        "BROADCAST": broadcast,
        "POLL_INTERVAL": str(INTERVAL),
    }
    with node(bench.peers, "express.mjs", environ=environ, version=version) as server:
        return measure(server, "/stream", count)


def _run(workspace: Workspace) -> int:
    workspace.add_job(1, 24 * 3600, step=0.1)
    return workspace.start(1)


def threads(bench: Bench) -> list[Row]:
    """Measure a thousand streams, a thread each."""
    count = bench.choose(1000, 100)
    with Workspace() as workspace:
        mine = measure_ours(
            workspace, count, "-k", "gthread", "--threads", str(count * 7 // 5), PUSH=False
        )
        theirs = measure_express(bench, workspace, count, "appkit")
    return [
        Row(
            f"{count:,} streams in one process, gthread without push: memory a stream, all reached"
            " p50 / p99",
            HOW.format(count=count) + " The peer: AppKit's own stream manager under Express, all"
            " viewers on one of its streams, which its jobs plugin does not offer.",
            mine.text,
            "p99 < 200 ms",
            mine.worst < 0.2 and not mine.incomplete,
            theirs.text,
            mine.worst / theirs.worst,
        )
    ]


def push(bench: Bench) -> list[Row]:
    """Measure ten thousand streams without a thread each."""
    count = bench.choose(10_000, 500)
    with Workspace() as workspace:
        best = measure_express(bench, workspace, count, "best")
        mine = measure_ours(workspace, count, "-k", "gthread", "--threads", "16")
        newest = measure_express(bench, workspace, count, "best", version=26)
        theirs = measure_express(bench, workspace, count, "appkit")
    ping = percentile(mine.pings, 0.99)
    what = f"{count:,} streams in one gthread process with push"
    how = HOW.format(count=count)
    return [
        Row(
            f"{what}: memory a stream",
            how,
            f"{mine.kib:.2f} KiB",
            "≤ 1 KB",
            mine.kib <= 1,
            f"{best.kib:.1f} KiB (Express), {theirs.kib:.1f} KiB (AppKit's stream manager)",
            mine.kib / best.kib,
        ),
        Row(
            f"{what}: all reached p50 / p99",
            how + " The peer: Express at its best, one write a viewer of what was encoded once; and"
            " AppKit's own stream manager under Express; on Node.js 22, which AppKit asks for.",
            mine.text,
            "faster than Express",
            mine.typical < best.typical and mine.worst < best.worst and not mine.incomplete,
            f"{best.text} (Express; on Node.js 26 {newest.text}); {theirs.text} (AppKit's stream"
            " manager)",
            mine.worst / best.worst,
        ),
        Row(
            f"{what}: `/ping` p99 meanwhile",
            "In the same run, 100 requests a second on one connection of another process, each"
            " counted from the moment it was due.",
            ms(ping),
            "< 20 ms",
            ping < 0.02,
            ms(percentile(best.pings, 0.99)),
            ping / percentile(best.pings, 0.99),
        ),
    ]


def greenlets(bench: Bench) -> list[Row]:
    """Measure ten thousand streams, a greenlet each."""
    count = bench.choose(10_000, 500)
    with Workspace() as workspace:
        config = "python:benchmarks.apps.gevent_config"
        mine = measure_ours(workspace, count, "-k", "gevent", "-c", config)
    return [
        Row(
            f"{count:,} streams in one gevent process: memory a stream, all reached p50 / p99",
            HOW.format(count=count)
            + " The garbage collector as docs/reference/servers.md sets it.",
            mine.text,
            "≤ 21 KB, p99 < 700 ms",
            mine.kib <= 21 and mine.worst < 0.7 and not mine.incomplete,
        )
    ]
