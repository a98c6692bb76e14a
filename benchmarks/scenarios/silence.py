"""A workspace that takes requests and never answers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from ..bench import Bench, appkit, bare_sdk, ours
from ..clients.pinger import pinging
from ..report import Row
from ..servers import Server, ask, gunicorn, node
from ..stats import ms, percentile, s
from ..workspace import Workspace

THREADS = 16
GTHREAD = ("-k", "gthread", "--threads", str(THREADS))

#: The tiers' timeouts in seconds, set to less than their defaults so that this takes no minutes.
READ, WRITE = 5.0, 10.0


def silence(bench: Bench) -> list[Row]:
    """Measure how long requests take, and the app's other routes, while the workspace is silent."""
    timeout = bench.choose(65.0, 15.0)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, 3600)
        run = workspace.start(1)
        timeouts = {"READ_TIMEOUT": READ, "WRITE_TIMEOUT": WRITE}
        mine = stack.enter_context(
            gunicorn("ours", *GTHREAD, environ=ours(workspace, "ours", {"etl": 1}, **timeouts))
        )
        bare = stack.enter_context(
            gunicorn("bare_sdk", *GTHREAD, environ=bare_sdk(workspace, "sdk", 1))
        )
        theirs = stack.enter_context(
            node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 1}))
        )
        jobs = "/api/jobs/etl"
        ask(mine.port, f"{jobs}/status")
        for token in ("ours", "sdk", "appkit"):
            workspace.let_fail(token, is_silent=True)
        paths = [f"{jobs}/runs/{run + 2 * other}" for other in range(4)]
        with pinging(mine.port, rate=50.0) as pings:
            trigger, *reads = _durations(
                [
                    (mine, "POST", f"{jobs}/run"),
                    *((mine, "GET", path) for path in [*paths, f"{jobs}/status", f"{jobs}/runs"]),
                ],
                timeout,
            )
        peers = _durations([(bare, "GET", f"/runs/{run}"), (theirs, "GET", paths[0])], timeout)
    longest = max(reads)
    calm = percentile(pings.seconds, 0.99)
    return [
        Row(
            "upstream silent: longest request",
            f"Six reads at once and a trigger, with `READ_TIMEOUT` = {READ:g} and `WRITE_TIMEOUT` ="
            f" {WRITE:g} (the defaults are 30 and 120). The peers, with their own defaults, are"
            f" waited for {timeout:g} s.",
            f"{s(longest)} (read), {s(trigger)} (trigger)",
            f"the tier's timeout + 1 s: {READ + 1:g} s, {WRITE + 1:g} s",
            longest <= READ + 1 and trigger <= WRITE + 1,
            f"{_at_least(peers[0], timeout)} (bare SDK), {_at_least(peers[1], timeout)} (AppKit)",
        ),
        Row(
            "upstream silent: the app's other routes",
            f"`/ping`, 50 requests a second, while seven of {THREADS} threads wait for answers.",
            f"p99 {ms(calm)}, {pings.failures} failed",
            "unaffected",
            calm < 0.1 and not pings.failures,
        ),
    ]


def _durations(requests: Sequence[tuple[Server, str, str]], timeout: float) -> list[float]:
    """Send requests at once, and return the seconds that each takes.

    :param requests: server, method and path of each.
    :param timeout: seconds for each.
    """

    def take(request: tuple[Server, str, str]) -> float:
        server, method, path = request
        body = '{"params": {}}' if method == "POST" else None
        began = time.monotonic()
        with contextlib.suppress(OSError, HTTPException):
            ask(server.port, path, method=method, body=body, timeout=timeout)
        return time.monotonic() - began

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(take, requests))


def _at_least(seconds: float, timeout: float) -> str:
    return f"over {timeout:g} s" if seconds >= timeout else s(seconds)
