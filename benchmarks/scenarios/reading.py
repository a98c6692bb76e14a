"""Reads: how soon they know of a cancel, what they cost, how fast they are, as whom."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection

from ..bench import Bench, appkit, ours, shared_by
from ..clients.polling import read
from ..report import Row
from ..servers import Server, ask, gunicorn, node, redis, warm
from ..stats import median, ms, s
from ..workspace import Workspace

POLL_INTERVAL = 5.0

HOW_CANCELS = (
    "The longest of {tries}. The run is ten minutes old. `/runs/<id>`, `/runs` and `/status` read"
    " it just before the cancel, and all the time after its answer. The time ends when none of"
    " them, in any worker, shows RUNNING. The peer: once."
)

GTHREAD = ("-k", "gthread", "--threads", "16")


# After a cancel


def cancels(bench: Bench) -> list[Row]:
    """Measure the time from a cancel until every read shows it."""
    tries = bench.choose(5, 2)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, 3600)
        one = stack.enter_context(gunicorn("ours", *GTHREAD, environ=_settings(workspace, "one")))
        shared = {"CACHE": shared_by(stack.enter_context(redis()))}
        environ = _settings(workspace, "four", **shared)
        four = stack.enter_context(gunicorn("ours", "-w", "4", *GTHREAD, environ=environ))
        theirs = stack.enter_context(
            node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 1}))
        )
        peer = _known_after(workspace, theirs, theirs, timeout=bench.choose(90.0, 5.0))
        rows = []
        for where, server in (("1 worker", one), ("4 workers with Redis", four)):
            warm(server, "/api/jobs/etl/status")
            for through, via, target in (
                ("canceled elsewhere", None, POLL_INTERVAL),
                ("through the extension", server, 1.0),
            ):
                took = max(_known_after(workspace, server, via) for _ in range(tries))
                rows.append(
                    Row(
                        f"seconds after a cancel until every read shows it, {through}, {where}",
                        HOW_CANCELS.format(tries=tries),
                        s(took),
                        f"{'<' if via else '≤'} {target:g} s",
                        took < target if via else took <= target + 0.1,
                        s(peer),
                        took / peer,
                    )
                )
        return rows


def _settings(workspace: Workspace, token: str, **settings: object) -> dict[str, str]:
    return ours(workspace, token, {"etl": 1}, POLL_INTERVAL=POLL_INTERVAL, **settings)


def _known_after(
    workspace: Workspace, server: Server, via: Server | None, timeout: float = 20.0
) -> float:
    run = workspace.start(1, age=600.0)
    workers = {str(pid) for pid in server.workers} or {""}
    waiting = {
        (path, worker) for path in (f"runs/{run}", "runs?limit=20", "status") for worker in workers
    }
    _still_running(server, waiting, run)
    if via is None:
        workspace.cancel(run)
    else:
        ask(via.port, f"/api/jobs/etl/runs/{run}", method="DELETE")
    began = time.monotonic()
    while waiting and time.monotonic() - began < timeout:
        waiting = _still_running(server, waiting, run)
    return time.monotonic() - began if not waiting else float("inf")


def _still_running(server: Server, waiting: set[tuple[str, str]], run: int) -> set[tuple[str, str]]:
    """Return the reads, by path and worker, that failed or still show an active run."""
    for path in {path for path, _ in waiting}:
        for _ in range(8):  # each over a connection of its own, so by any worker
            _, headers, body = ask(server.port, f"/api/jobs/etl/{path}")
            if _life_cycle(json.loads(body), run) != "RUNNING":
                waiting = waiting - {(path, headers.get("X-Worker", ""))}
            if not any(path == other for other, _ in waiting):
                break
    return waiting


def _life_cycle(answer: dict[str, object], run: int) -> str:
    """Return the state of a run in a response of any of the reads."""
    document = json.loads(json.dumps(answer))
    candidates = [document, document.get("run"), *document.get("runs", [])]
    found = next((each for each in candidates if each and each.get("run_id") == run), None)
    return "RUNNING" if found is None else str(found["state"]["life_cycle_state"])


# At once


def cold_reads(bench: Bench) -> list[Row]:
    """Measure equal reads at the same moment."""
    count = 200
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, 3600)
        run = workspace.start(1)
        threads = ("-k", "gthread", "--threads", "64")
        servers = {
            "ours": stack.enter_context(
                gunicorn("ours", *threads, environ=ours(workspace, "ours", {"etl": 1}))
            ),
            "appkit": stack.enter_context(
                node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 1}))
            ),
        }
        calls, answered = {}, {}
        for token, server in servers.items():
            ask(server.port, "/api/jobs/etl/runs/999999")  # so that its client is there
            workspace.let_fail(token, delay=0.5)
            before = workspace.asked(token).get("jobs/runs/get", 0)
            statuses = asyncio.run(_read_at_once(server.port, f"/api/jobs/etl/runs/{run}", count))
            answered[token] = statuses.count(200)
            calls[token] = workspace.asked(token)["jobs/runs/get"] - before
    return [
        Row(
            f"{count} equal cold reads at once: calls upstream",
            f"`GET /runs/<id>` over {count} connections to one process (gthread, 64 threads); the"
            " workspace takes 0.5 s to answer.",
            f"{calls['ours']} ({answered['ours']} answered)",
            "1",
            calls["ours"] == 1 and answered["ours"] == count,
            f"{calls['appkit']} ({answered['appkit']} answered)",
            calls["ours"] / calls["appkit"],
        )
    ]


async def _read_at_once(port: int, path: str, count: int) -> Sequence[int]:
    answers = await asyncio.gather(*(read(port, path) for _ in range(count)))
    return [status for status, _ in answers]


# On behalf of a user


def on_behalf(bench: Bench) -> list[Row]:
    """Compare a read with a user's token and the same read as the app."""
    count = bench.choose(600, 60)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, 0, past=4 * count + 2)
        runs = iter([run.run_id for run in workspace.runs(1)])
        environ = ours(workspace, "ours", {"etl": 1, "mine": 1})
        named = json.loads(environ["LAKEFLOW_JOBS"])
        named["mine"]["run_as"] = "user"
        environ["LAKEFLOW_JOBS"] = json.dumps(named)
        mine = stack.enter_context(gunicorn("ours", *GTHREAD, environ=environ))
        theirs = stack.enter_context(
            node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", {"etl": 1}))
        )
        jobs = "/api/jobs"
        app, user = _compare(mine, f"{jobs}/etl/runs/", f"{jobs}/mine/runs/", "alice", runs, count)
        peer_app, peer_user = _compare(theirs, f"{jobs}/etl/runs/", "/as-user/", "bob", runs, count)
        asked, peer_asked = sum(workspace.asked("alice").values()), workspace.asked("bob")
    extra = asked - count
    return [
        Row(
            "a read on behalf of a user, warm, against the same read as the app",
            f"`GET /runs/<id>` of {count} runs each, which no cache holds, in turn on one"
            " connection; medians. Extra calls are those of the user's token beyond one a read.",
            f"{user / app:.2f} times ({ms(user)} / {ms(app)}), {extra} extra calls",
            "≤ 1.1 times, no extra call",
            user / app <= 1.1 and extra == 0,
            f"{peer_user / peer_app:.2f} times ({ms(peer_user)} / {ms(peer_app)}),"
            f" {sum(peer_asked.values()) - count} extra calls",
            (user / app) / (peer_user / peer_app),
        )
    ]


def _compare(
    server: Server, as_app: str, as_user: str, token: str, runs: Iterator[int], count: int
) -> tuple[float, float]:
    """Return the seconds that a read takes as the app, and as a user."""
    connection = HTTPConnection("127.0.0.1", server.port)
    user = {"X-Forwarded-Access-Token": token, "X-Forwarded-User": token}

    def timed(path: str, headers: dict[str, str]) -> float:
        began = time.perf_counter()
        connection.request("GET", f"{path}{next(runs)}", headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        return time.perf_counter() - began

    warm = min(5, count // 4)
    for _ in range(warm):
        timed(as_app, {}), timed(as_user, user)
    pairs = [(timed(as_app, {}), timed(as_user, user)) for _ in range(count - warm)]
    connection.close()
    return median([app for app, _ in pairs]), median([as_user for _, as_user in pairs])
