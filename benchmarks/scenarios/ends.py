"""Many viewers of one run: how late they know its end, and what that costs upstream."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from ..bench import Bench, appkit, ours, shared_by
from ..clients.polling import Poller, poll_all
from ..clients.viewers import Viewer, follow_all
from ..report import Row
from ..servers import gunicorn, node, redis
from ..stats import median, s
from ..workspace import Workspace

#: The past runs that a job has.
PAST = 25

#: Seconds between two reads of a page that polls.
POLL = 5.0

#: Jobs whose runs are watched at the same time.
TEN = {f"job{number}": number for number in range(1, 11)}
FIVE = {key: job_id for key, job_id in TEN.items() if job_id <= 5}

GTHREAD = ("-k", "gthread", "--threads", "16")


def ends(bench: Bench) -> list[Row]:
    """Measure the delay until all viewers know that a run has ended."""
    viewers, seconds = bench.choose(40, 8), bench.choose(60.0, 10.0)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        for job_id in TEN.values():
            workspace.add_job(job_id, 0.95 * seconds, 1.05 * seconds, past=PAST)
        mine = stack.enter_context(gunicorn("ours", *GTHREAD, environ=ours(workspace, "ours", TEN)))
        theirs = stack.enter_context(
            node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", TEN))
        )
        runs = {key: workspace.start(job_id) for key, job_id in TEN.items()}
        streams = {
            key: [_stream(mine.port, key, run) for _ in range(viewers)] for key, run in runs.items()
        }
        pages = {
            key: [
                Poller(theirs.port, f"/api/jobs/{key}/runs/{run}", POLL, number * POLL / viewers)
                for number in range(viewers)
            ]
            for key, run in runs.items()
        }
        joined = [seconds * number / (len(TEN) + 1) for number in range(len(TEN))]
        asyncio.run(_watch(joined, streams, pages, seconds + bench.choose(75.0, 15.0)))
        ended = {key: workspace.runs(job_id)[-1].end for key, job_id in TEN.items()}
    delays = [_last(streams[key]) - ended[key] for key in TEN]
    peer_delays = [_last(pages[key]) - ended[key] for key in TEN]
    return [
        Row(
            f"{viewers} viewers of one {seconds:g} s run: delay until all know it has ended",
            f"{len(TEN)} jobs with {PAST} past runs ± 5 % and a run each; the viewers of the first"
            " come at its start, those of the last near its end. Median and longest over the runs."
            f" The peer: AppKit's `GET /runs/<id>`, which each viewer reads every {POLL:g} s.",
            f"median {s(median(delays))}, longest {s(max(delays))}",
            "median ≤ 1.5 s, longest ≤ 5 s (`POLL_INTERVAL`)",
            median(delays) <= 1.5 and max(delays) <= 5.0,
            f"median {s(median(peer_delays))}, longest {s(max(peer_delays))}",
            median(delays) / median(peer_delays),
        )
    ]


def _stream(port: int, key: str, run: int) -> Viewer:
    return Viewer(port, f"/api/jobs/{key}/runs/{run}/stream")


async def _watch(
    joined: Sequence[float],
    streams: dict[str, list[Viewer]],
    pages: dict[str, list[Poller]],
    timeout: float,
) -> None:
    began = time.monotonic()

    async def join(key: str, at: float) -> None:
        await asyncio.sleep(at)
        left = timeout - (time.monotonic() - began)
        await asyncio.gather(follow_all(streams[key], left), poll_all(pages[key], left))

    await asyncio.gather(*(join(key, at) for key, at in zip(streams, joined, strict=True)))


def _last(viewers: Sequence[Viewer] | Sequence[Poller]) -> float:
    return max(viewer.knows_end_at or float("inf") for viewer in viewers)


def sharing(bench: Bench) -> list[Row]:
    """Count the reads upstream for many viewers, on one worker and on four."""
    many, seconds = bench.choose(40, 8), bench.choose(60.0, 10.0)
    setups = [("1", 1), ("1", many), ("4", 1), ("4", many)]
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        for job_id in FIVE.values():
            workspace.add_job(job_id, 0.95 * seconds, 1.05 * seconds, past=PAST)
        viewers: list[Viewer] = []
        servers = []
        for workers, count in setups:
            settings = {}
            if workers != "1":
                settings = {"CACHE": shared_by(stack.enter_context(redis()))}
            environ = ours(workspace, f"w{workers}v{count}", FIVE, **settings)
            servers.append(
                stack.enter_context(gunicorn("ours", "-w", workers, *GTHREAD, environ=environ))
            )
        for key, job_id in FIVE.items():
            run = workspace.start(job_id)
            for server, (_, count) in zip(servers, setups, strict=True):
                viewers += [_stream(server.port, key, run) for _ in range(count)]
        asyncio.run(follow_all(viewers, seconds + 20))
        reads = [workspace.reads(f"w{workers}v{count}") for workers, count in setups]
    unserved = sum(len(viewer.ends) != 1 for viewer in viewers)
    one, one_many, four, four_many = reads
    how = (
        f"Runs of {len(FIVE)} jobs of {seconds:g} s ± 5 %, all four set-ups watching the same ones;"
        " all reads of runs and lists are counted, those for the history too. Each viewer must"
        " receive the end once."
    )
    return [
        Row(
            f"upstream reads for {many} viewers of a run, on {where}",
            how,
            f"{count / len(FIVE):.1f} a run"
            + (f"; {unserved} viewers did not receive the end" if unserved else ""),
            "at most 20 % more than for one viewer",
            count / one <= 1.2 and not unserved,
            f"{one / len(FIVE):.1f} for one viewer on 1 worker ({four / len(FIVE):.1f} on 4)",
            count / one,
        )
        for where, count in (("1 worker", one_many), ("4 workers with Redis", four_many))
    ]


def together(bench: Bench) -> list[Row]:
    """Count the reads upstream for many runs of one job."""
    count, seconds, interval = bench.choose(100, 30), bench.choose(60.0, 10.0), 5.0
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        for job_id in (1, 2):
            workspace.add_job(job_id, 600, past=PAST)
        mine = stack.enter_context(
            gunicorn("ours", *GTHREAD, environ=ours(workspace, "ours", {"etl": 1}))
        )
        theirs = stack.enter_context(
            node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 2}))
        )
        watched = [_stream(mine.port, "etl", workspace.start(1)) for _ in range(count)]
        watched += [
            Viewer(theirs.port, "/api/jobs/etl/run?stream=true", "POST") for _ in range(count)
        ]
        at_start = asyncio.run(_count_reads(workspace, watched, settle=interval, seconds=seconds))
    reached = sum(bool(viewer.events) for viewer in watched)
    reads, peer_reads = (at_start[token] * interval / seconds for token in ("ours", "appkit"))
    return [
        Row(
            f"{count} watched runs of one job, reads per interval of {interval:g} s",
            f"A viewer a run; reads of runs and lists over {seconds:g} s that begin {interval:g} s"
            " after the watches, divided by the intervals. The peer polls each run by itself, and"
            " ever more seldom: from every 5 s down to every 30 s."
            + (
                ""
                if reached == len(watched)
                else f" Only {reached} of {len(watched)} viewers had an update."
            ),
            f"{reads:.1f}",
            "≤ 8",
            reads <= 8 and reached == len(watched),
            f"{peer_reads:.1f}",
            reads / peer_reads if peer_reads else None,
        )
    ]


async def _count_reads(
    workspace: Workspace, viewers: Sequence[Viewer], *, settle: float, seconds: float
) -> dict[str, int]:
    watching = asyncio.create_task(follow_all(viewers, settle + seconds + 10))
    tokens = ("ours", "appkit")
    await asyncio.sleep(settle)
    before = {token: workspace.reads(token) for token in tokens}
    await asyncio.sleep(seconds)
    after = {token: workspace.reads(token) for token in tokens}
    watching.cancel()
    return {token: after[token] - before[token] for token in tokens}
