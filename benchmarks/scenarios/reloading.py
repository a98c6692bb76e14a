"""Workers that are reloaded while the machine is overloaded."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from ..bench import Bench, ours
from ..clients.pinger import pinging
from ..clients.viewers import Viewer, follow_all
from ..report import Row
from ..servers import Server, gunicorn, warm
from ..stats import ms, percentile, s
from ..workspace import Workspace

RELOADS = 3

#: Seconds between two reloads.
PAUSE = 6.0

#: Requests a second for another route.
PACE = 20.0

#: Seconds after the end of the run within which all viewers must know it.
TIMEOUT_SECONDS = 90.0


def reloading(bench: Bench) -> list[Row]:
    """Reload four workers three times while a hundred viewers follow a run."""
    viewers, load = bench.choose(100, 20), bench.choose(20, 2)
    seconds = (RELOADS + 1) * PAUSE
    options = ("-w", "4", "-k", "gthread", "--threads", "16", "--preload")
    with Workspace() as workspace:
        workspace.add_job(1, seconds)
        environ = ours(workspace, "ours", {"etl": 1})
        with gunicorn("preloaded", *options, environ=environ) as server:
            warm(server, "/api/jobs/etl/status")
            path = f"/api/jobs/etl/runs/{workspace.start(1)}/stream"
            crowd = [Viewer(server.port, path) for _ in range(viewers)]
            with _busy_loops(load), pinging(server.port, rate=PACE) as pings, _reloads(server):
                asyncio.run(follow_all(crowd, seconds + TIMEOUT_SECONDS))
        end = workspace.runs(1)[-1].end
    known = [viewer.knows_end_at for viewer in crowd if viewer.knows_end_at is not None]
    late = max(known) - end if known else float("inf")
    asked = len(pings.seconds) + pings.failures
    return [
        Row(
            f"{RELOADS} times SIGHUP with {viewers} viewers, 4 workers and {load} busy loops",
            f"gthread with `--preload` and the SDK imported by the app; every {PAUSE:g} s, and the"
            f" run ends {PAUSE:g} s after the last; {PACE:g} requests a second for `/ping`"
            " meanwhile.",
            f"{len(known)} of {viewers} viewers received the end, the last {s(late)} late;"
            f" {pings.failures} of {asked} pings failed,"
            f" p99 {ms(percentile(pings.seconds, 0.99))}",
            "all viewers receive the end, ≤ 1 % of pings failed",
            len(known) == viewers and pings.failures <= 0.01 * asked,
        )
    ]


@contextlib.contextmanager
def _busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextlib.contextmanager
def _reloads(server: Server) -> Iterator[None]:
    def reload() -> None:
        for _ in range(RELOADS):
            time.sleep(PAUSE)
            server.process.send_signal(signal.SIGHUP)

    thread = threading.Thread(target=reload)
    thread.start()
    try:
        yield
    finally:
        thread.join()
