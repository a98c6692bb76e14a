"""Ends of runs that nobody views, while workers are killed and the database is restarted."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.record.store import Record, open_record
from flask_lakeflow_jobs.record.versions import upgrade_schema

from ..bench import Bench, ours
from ..report import Row, not_measured
from ..servers import NotInstalled, Server, ask, gunicorn
from ..stats import median, s
from ..workspace import Workspace

TOKEN = "ours"  # noqa: S105
JOBS = {"etl": 1}

#: Seconds between two kills.
KILL_INTERVAL = 5.0

#: The default of ``LAKEFLOW_JOBS_POLL_INTERVAL``, in seconds.
POLL_INTERVAL = 5.0

#: Polls of all workers per interval.
MAX_POLLS = 8

#: Seconds that the last ends may take: a claim, two leases and a poll.
TIMEOUT_SECONDS = 150.0

#: Restarts the database; ``None``: it has no server.
Restart = Callable[[], None] | None


class Call(NamedTuple):
    """A call, as a receiver wrote it."""

    what: str
    delivery_id: str
    run_id: int
    pid: int
    at: float


@dataclass
class Chaos:
    """Kills a random worker every few seconds, and waits for new workers in between."""

    server: Server
    killed: set[int] = field(default_factory=set)
    is_over: threading.Event = field(default_factory=threading.Event)

    def kill(self) -> None:
        draw = random.Random(5)
        while not self.is_over.wait(KILL_INTERVAL):
            workers = self.server.workers
            if workers:
                pid = draw.choice(sorted(workers))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed.add(pid)

    def serve(self) -> None:
        while not self.is_over.wait(0.1):
            with contextlib.suppress(OSError, HTTPException):
                ask(self.server.port, "/ping", timeout=2)


def unviewed(bench: Bench) -> list[Row]:
    """Count the recorded and delivered ends of runs without viewers, on SQLite and Postgres."""
    rows = []
    for has_faults in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/record.sqlite3"
            rows.append(_measure(bench, Path(folder), "SQLite", url, None, has_faults))
        try:
            with tempfile.TemporaryDirectory() as folder, _postgres() as (url, restart):
                rows.append(_measure(bench, Path(folder), "Postgres", url, restart, has_faults))
        except NotInstalled as missing:
            rows.append(not_measured("runs without viewers: Postgres", missing))
    return rows


@contextlib.contextmanager
def _postgres() -> Iterator[tuple[str, Restart]]:
    from tests.postgres import PostgresServer, is_installed  # needs psycopg

    if not is_installed():
        raise NotInstalled("Postgres is not installed")
    server = PostgresServer()
    try:
        server.start()
        yield server.url(server.create_database()), server.restart
    finally:
        server.remove()


def _measure(
    bench: Bench, folder: Path, database: str, url: str, restart: Restart, has_faults: bool
) -> Row:
    count, seconds = bench.choose(500, 40), bench.choose(60.0, 15.0)
    received = folder / "received"
    record = open_record(url, folder, SystemClock())
    upgrade_schema(record.database)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, 5.0, seconds)
        environ = ours(workspace, TOKEN, JOBS, RECORD_URL=url, FOLLOW=True)
        options = ("-w", "4", "-k", "gthread", "--threads", "8", "--preload")
        server = stack.enter_context(
            gunicorn("receiving", *options, environ={**environ, "RECEIVED": str(received)})
        )
        chaos = Chaos(server)
        threads = [threading.Thread(target=chaos.kill), threading.Thread(target=chaos.serve)]
        for thread in threads:
            thread.start()
        _start_runs(server, count, seconds)
        if has_faults:
            outage = bench.choose(60.0, 10.0)
            workspace.let_fail(TOKEN, unavailable=1.0, concerns_all=True)
            time.sleep(outage)
            workspace.let_fail(TOKEN, unavailable=0.05, too_many=0.05, concerns_all=True)
        if restart is not None:
            restart()
        _wait_for_ends(record, received, count)
        chaos.is_over.set()
        for thread in threads:
            thread.join()
        reads = workspace.reads(TOKEN)
        ends = {run.run_id: run.end for run in workspace.runs(1)}
    return _row(database, has_faults, count, chaos.killed, received, record, ends, reads)


def _start_runs(server: Server, count: int, seconds: float) -> None:
    """Start runs over some seconds. If a kill interrupts one, send it again with the same key."""
    for number in range(count):
        while True:
            with contextlib.suppress(OSError, HTTPException):
                status, _, _ = ask(
                    server.port,
                    "/api/jobs/etl/run",
                    method="POST",
                    body='{"params": {}}',
                    headers={"Idempotency-Key": f"run-{number}"},
                    timeout=30,
                )
                if status == 200:
                    break
            time.sleep(0.2)
        time.sleep(seconds / count)


def _calls(received: Path) -> list[Call]:
    calls = []
    for line in received.read_text().splitlines() if received.exists() else []:
        what, delivery_id, run_id, pid, at = line.split()
        calls.append(Call(what, delivery_id, int(run_id), int(pid), float(at)))
    return calls


def _wait_for_ends(record: Record, received: Path, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS + 120
    while time.monotonic() < deadline:
        ended = {call.run_id for call in _calls(received) if call.what == "ended"}
        with contextlib.suppress(Exception):
            if len(ended) >= count and not record.list_undelivered():
                return
        time.sleep(1)


def undisturbed(bench: Bench) -> list[Row]:
    """Measure the polls of runs without viewers, and the delay of the signal, without kills."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/record.sqlite3"
        rows += _measure_undisturbed(bench, Path(folder), "SQLite", url)
    try:
        with tempfile.TemporaryDirectory() as folder, _postgres() as (url, _):
            rows += _measure_undisturbed(bench, Path(folder), "Postgres", url)
    except NotInstalled as missing:
        rows.append(not_measured("runs without viewers: Postgres", missing))
    return rows


def _measure_undisturbed(bench: Bench, folder: Path, database: str, url: str) -> list[Row]:
    count, length = bench.choose(100, 20), bench.choose(60.0, 20.0)
    intervals = bench.choose(6, 2)
    received = folder / "received"
    record = open_record(url, folder, SystemClock())
    upgrade_schema(record.database)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        workspace.add_job(1, length * 2 / 3, length * 4 / 3)
        environ = ours(workspace, TOKEN, JOBS, RECORD_URL=url, FOLLOW=True)
        options = ("-w", "4", "-k", "gthread", "--threads", "8", "--preload")
        server = stack.enter_context(
            gunicorn("receiving", *options, environ={**environ, "RECEIVED": str(received)})
        )
        _start_runs(server, count, seconds=5.0)
        time.sleep(POLL_INTERVAL)
        before = workspace.reads(TOKEN)
        time.sleep(intervals * POLL_INTERVAL)
        polls = (workspace.reads(TOKEN) - before) / intervals
        _wait_for_ends(record, received, count)
        ends = {run.run_id: run.end for run in workspace.runs(1)}
    delays = [call.at - ends[call.run_id] for call in _calls(received) if call.what == "began"]
    how = (
        f"{count} runs of one job of about {length:.0f} s, 4 gthread workers, no viewers or kills."
    )
    return [
        Row(
            f"Delay from the end to `run_finished` without viewers: {database}",
            f"{how} A receiver writes down each call.",
            f"median {s(median(delays))}, longest {s(max(delays))}",
            f"at most one poll interval, {POLL_INTERVAL:g} s",
            len(delays) == count and max(delays) <= POLL_INTERVAL,
        ),
        Row(
            f"Polls for {count} runs without viewers: {database}",
            f"{how} Reads of the workspace over {intervals} intervals.",
            f"{polls:.1f} per interval",
            f"≤ {MAX_POLLS} per interval",
            polls <= MAX_POLLS,
        ),
    ]


def _row(
    database: str,
    has_faults: bool,
    count: int,
    killed: set[int],
    received: Path,
    record: Record,
    ends: dict[int, float],
    reads: int,
) -> Row:
    calls = _calls(received)
    began = [call for call in calls if call.what == "began"]
    first = {call.run_id: call.at for call in reversed(began)}
    delivered = {call.run_id for call in calls if call.what == "ended"}
    repeats = [pair for pair in Counter(call.delivery_id for call in began).items() if pair[1] > 1]
    last_of = {call.pid: call.delivery_id for call in began}
    explained = 0
    for delivery_id, _ in repeats:
        *earlier, _ = [call for call in began if call.delivery_id == delivery_id]
        explained += all(
            call.pid in killed and last_of[call.pid] == delivery_id for call in earlier
        )
    unexplained = len(repeats) - explained
    recorded = sum(run.ends == 1 for run in record.list_runs(limit=10 * count) if run.outcome)
    missed = count - len(delivered & set(ends))
    delays = [at - ends[run_id] for run_id, at in first.items() if run_id in ends]
    faults = ", the workspace away for a minute and 10 % of requests refused" if has_faults else ""
    restarted = "" if database == "SQLite" else ", the database restarted once"
    return Row(
        f"{count} runs without viewers, 4 workers, one killed every {KILL_INTERVAL:g} s"
        f"{restarted}{faults}: {database}",
        "Each worker is a gthread worker that follows after its first request. A receiver writes"
        f" down each call and takes 20 ms. {len(killed)} kills; {reads} reads upstream. A repeat is"
        " explained if the call before was the last one of a killed process.",
        f"{recorded} ends recorded, {len(delivered)} delivered, {missed} missed;"
        f" {len(repeats)} delivered twice, {unexplained} of them without a kill; delay median"
        f" {s(median(delays))}, longest {s(max(delays))}",
        f"{count} recorded and delivered, 0 missed, no repeat without a kill",
        recorded == count and missed == 0 and unexplained == 0,
    )
