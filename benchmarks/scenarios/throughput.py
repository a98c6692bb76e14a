"""Requests a second, loaded by wrk."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

from ..bench import Bench, appkit, bare_sdk, ours
from ..report import Row
from ..servers import ask, granian, gunicorn, needed, node
from ..stats import median
from ..workspace import Workspace

#: Connections that wrk holds.
CONNECTIONS = 32

#: Without the last, now and then one worker takes all connections, and a row shows who was lucky.
GTHREAD = (
    *("-w", "2", "-k", "gthread", "--threads", "8"),
    *("--worker-connections", str(CONNECTIONS * 3 // 4)),
)

TRIGGER = Path(__file__).parent.parent / "clients" / "trigger.lua"


def throughput(bench: Bench) -> list[Row]:
    """Compare cached reads and triggers with AppKit and the bare SDK."""
    wrk = needed("wrk")
    rounds, seconds = bench.choose(7, 1), bench.choose(3, 2)
    jobs = "/api/jobs/etl"
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        for job_id in (1, 2, 3):
            workspace.add_job(job_id, 0, past=25)
        environs = {
            "ours": ours(workspace, "ours", {"etl": 1}),
            "appkit": appkit(workspace, "appkit", {"etl": 2}),
            "sdk": bare_sdk(workspace, "sdk", 3),
        }
        ports = {
            "ours": stack.enter_context(gunicorn("ours", *GTHREAD, environ=environs["ours"])).port,
            "appkit": stack.enter_context(
                node(bench.peers, "appkit.mjs", environ=environs["appkit"])
            ).port,
            "appkit26": stack.enter_context(
                node(bench.peers, "appkit.mjs", environ=environs["appkit"], version=26)
            ).port,
            "sdk": stack.enter_context(
                gunicorn("bare_sdk", *GTHREAD, environ=environs["sdk"])
            ).port,
            "wsgi": stack.enter_context(gunicorn("bare_wsgi", *GTHREAD, environ={})).port,
        }
        bare_wsgi: list[float] = []
        empty: list[float] = []
        reads: dict[str, list[float]] = {"ours": [], "appkit": [], "appkit26": []}
        triggers: dict[str, list[float]] = {"ours": [], "appkit": [], "appkit26": [], "sdk": []}
        for _ in range(rounds):
            bare_wsgi.append(measure_rate(wrk, ports["wsgi"], "/ping", seconds))
            empty.append(measure_rate(wrk, ports["ours"], "/ping", seconds))
            for name, rates in reads.items():
                rates.append(measure_rate(wrk, ports[name], f"{jobs}/status", seconds))
        for _ in range(rounds):
            for name, rates in triggers.items():
                path = "/run" if name == "sdk" else f"{jobs}/run"
                rates.append(measure_rate(wrk, ports[name], path, seconds, "-s", str(TRIGGER)))
    read, peer_read, newest_read = (median(rates) for rates in reads.values())
    trigger, peer_trigger, newest_trigger, bare = (median(rates) for rates in triggers.values())
    how = (
        f"wrk, {CONNECTIONS} connections, medians of {rounds} rounds of {seconds} s in turn; this"
        " package and the bare SDK on gunicorn with 2 gthread workers of 8 threads, each with at"
        " most three quarters of the connections; AppKit as it comes, in one process, on Node.js"
        " 22, and for the record on 26; all of them, wrk and the workspace on the same cores."
    )
    return [
        Row(
            "`GET /<key>/status` cached, requests/s, 2 gthread workers",
            how + " The newest run has ended.",
            f"{read:.0f} (an empty view of the same app: {median(empty):.0f}; a bare WSGI app on"
            f" the same server: {median(bare_wsgi):.0f})",
            "≥ 1.4 times AppKit",
            read >= 1.4 * peer_read,
            f"{peer_read:.0f} (AppKit; on Node.js 26 {newest_read:.0f})",
            read / peer_read,
        ),
        Row(
            "`POST /<key>/run`, requests/s, likewise: against AppKit",
            how + " Each is a run upstream.",
            f"{trigger:.0f}",
            "≥ 1.1 times AppKit",
            trigger >= 1.1 * peer_trigger,
            f"{peer_trigger:.0f} (AppKit; on Node.js 26 {newest_trigger:.0f})",
            trigger / peer_trigger,
        ),
        Row(
            "`POST /<key>/run`, requests/s, likewise: against the bare SDK in a plain Flask view",
            how + " The SDK mints no idempotency token and returns the response of the workspace.",
            f"{trigger:.0f}",
            "≥ 0.9 times the bare SDK",
            trigger >= 0.9 * bare,
            f"{bare:.0f} (bare SDK)",
            trigger / bare,
        ),
    ]


#: How many times as many cached reads as AppKit each server is to answer, with two workers.
SERVER_TARGETS = {"gunicorn with gthread": 1.0, "granian": 1.8}


def servers(bench: Bench) -> list[Row]:
    """Compare cached reads on gunicorn and granian with AppKit."""
    wrk = needed("wrk")
    rounds, seconds = bench.choose(7, 1), bench.choose(3, 2)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        for job_id in (1, 2):
            workspace.add_job(job_id, 600)
            workspace.start(job_id)
        environ = ours(workspace, "ours", {"etl": 1})
        peer = node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 2}))
        started = {
            "gunicorn with gthread": gunicorn("ours", *GTHREAD, environ=environ),
            "granian": granian("ours", "--workers", "2", environ=environ),
            "AppKit": peer,
        }
        ports = {name: stack.enter_context(server).port for name, server in started.items()}
        rates: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(rounds):
            for name, port in ports.items():
                rates[name].append(measure_rate(wrk, port, "/api/jobs/etl/status", seconds))
    how = (
        f"wrk, {CONNECTIONS} connections, medians of {rounds} rounds of {seconds} s in turn, of a"
        " job whose run is in progress; gunicorn with 2 workers of 8 threads, each with at most"
        " three quarters of the connections; granian with 2 workers, and otherwise as it comes;"
        " AppKit as it comes, in one process."
    )
    read = {name: median(values) for name, values in rates.items()}
    return [
        Row(
            f"`GET /<key>/status` cached, requests/s, on {name}",
            how,
            f"{read[name]:.0f}",
            f"≥ {target:g} times AppKit",
            read[name] >= target * read["AppKit"],
            f"{read['AppKit']:.0f}",
            read[name] / read["AppKit"],
        )
        for name, target in SERVER_TARGETS.items()
    ]


def measure_rate(wrk: str, port: int, path: str, seconds: int, *options: str) -> float:
    """Return the requests a second that a path serves."""
    if not options:
        ask(port, path)
    load = ("-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s")
    command = [wrk, *load, *options, f"http://127.0.0.1:{port}{path}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise RuntimeError(f"not every answer of {path} was a success: {output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    return float(found[1])
