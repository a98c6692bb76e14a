"""The cost of the record: triggers with and without it, and pages of a long one."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..bench import Bench, ours
from ..report import Row
from ..servers import NotInstalled, gunicorn, needed
from ..stats import median
from ..workspace import Workspace
from .throughput import CONNECTIONS, GTHREAD, TRIGGER, measure_rate

#: Names of the databases, and how much of the requests a second the record may cost.
TARGETS = {"SQLite": 0.15, "Postgres": 0.25}

#: Filters of pages; one outcome and one person are rare.
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "job": {"job_keys": ("job-1",)},
    "outcome": {"outcome": "timed_out"},
    "person": {"requested_by": "rare@example.com"},
    "job, outcome and person": {
        "job_keys": ("job-1",),
        "outcome": "failed",
        "requested_by": "user-3@example.com",
    },
    "no match": {"job_keys": ("job-1",), "outcome": "timed_out", "requested_by": "user-4"},
    "time": {"since": 40_000_000, "until": 60_000_000},
}

MAX_PAGE_SECONDS = 0.05


def recording(bench: Bench) -> list[Row]:
    """Measure triggers without a record, with SQLite and with Postgres, in turn."""
    wrk = needed("wrk")
    rounds, seconds = bench.choose(7, 1), bench.choose(3, 2)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {
            "SQLite": f"sqlite:///{folder}/record.sqlite3",
            "Postgres": stack.enter_context(_postgres()),
        }
        workspace = stack.enter_context(Workspace())
        ports: dict[str, int] = {}
        for job_id, (name, url) in enumerate([("none", ""), *urls.items()], 1):
            workspace.add_job(job_id, 0, past=25)
            settings = {"RECORD_URL": url} if url else {}
            if url:
                _open_record(url, folder).database.close()
            environ = ours(workspace, f"ours-{job_id}", {"etl": job_id}, **settings)
            ports[name] = stack.enter_context(gunicorn("ours", *GTHREAD, environ=environ)).port
        rates: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(rounds):
            for name, port in ports.items():
                rate = measure_rate(wrk, port, "/api/jobs/etl/run", seconds, "-s", str(TRIGGER))
                rates[name].append(rate)
    without = median(rates["none"])
    how = (
        f"wrk, {CONNECTIONS} connections, medians of {rounds} rounds of {seconds} s in turn, on"
        " gunicorn with 2 gthread workers of 8 threads; the database on the same cores, and its"
        " writes on disk."
    )
    return [
        Row(
            f"`POST /<key>/run`, requests/s, with a record in {name}",
            how,
            f"{median(rates[name]):.0f} ({1 - median(rates[name]) / without:.0%} fewer)",
            f"≤ {target:.0%} fewer than without a record",
            median(rates[name]) >= (1 - target) * without,
            f"{without:.0f} (without)",
            median(rates[name]) / without,
        )
        for name, target in TARGETS.items()
    ]


def listing(bench: Bench) -> list[Row]:
    """Measure pages of a record of 100,000 runs."""
    from flask_lakeflow_jobs.record.recorded_runs import RunFilter  # needs the extra "record"

    count = bench.choose(100_000, 5_000)
    rows = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(_postgres())
        for name, url in {
            "SQLite": f"sqlite:///{folder}/record.sqlite3",
            "Postgres": postgres,
        }.items():
            record = _open_record(url, folder)
            _fill(record, count)
            took: dict[str, float] = {}
            scans: list[str] = []
            for label, values in FILTERS.items():
                filters = RunFilter(**values)
                middle = record.list_runs(filters, limit=1)[:1]
                for token in (None, middle[0].page_token if middle else None):
                    record.list_runs(filters, token=token)
                    began = time.process_time(), time.perf_counter()
                    record.list_runs(filters, token=token)
                    used = time.process_time() - began[0], time.perf_counter() - began[1]
                    # SQLite works in this process; the processor time of Postgres is not known
                    spent = used[0] if record.database.is_sqlite else max(used)
                    took[label] = max(took.get(label, 0.0), spent)
                if _scans_table(record, filters):
                    scans.append(label)
            record.database.close()
            slowest = max(took, key=lambda label: took[label])
            rows.append(
                Row(
                    f"A page of 50 of {count:,} recorded runs, in {name}",
                    f"The slowest of these filters: {', '.join(FILTERS)}; the first page and the"
                    " one after its first row; processor time with SQLite, time with Postgres.",
                    f"{took[slowest] * 1000:.1f} ms ({slowest});"
                    f" {'scans: ' + ', '.join(scans) if scans else 'each uses an index'}",
                    "≤ 50 ms, and an index",
                    took[slowest] <= MAX_PAGE_SECONDS and not scans,
                )
            )
    return rows


def _fill(record: Any, count: int) -> None:
    from flask_lakeflow_jobs.record.schema import runs

    def outcome(number: int) -> str:
        if number % 10_000 == 0:
            return "timed_out"
        return "failed" if number % 10 == 0 else "succeeded"

    values = [
        {
            "job_key": f"job-{number % 4}",
            "job_id": number % 4,
            "run_id": number,
            "state": "ended",
            "source": "app",
            "token": f"token-{number}",
            "requested_by": "rare@example.com"
            if number == count // 2
            else f"user-{number % 50}@example.com",
            "identity": "app",
            "params": '{"notebook_params": {"day": "2013-01-01"}}',
            "requested_at": number * 1_000,
            "outcome": outcome(number),
        }
        for number in range(count)
    ]
    for start in range(0, count, 10_000):
        with record.database.write() as connection:
            connection.execute(runs.insert(), values[start : start + 10_000])
    with record.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")


def _scans_table(record: Any, filters: Any) -> bool:
    """Return whether the database reads the whole table, or sorts, for a page."""
    from sqlalchemy import event

    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        if not sql.startswith("EXPLAIN"):
            prefix = "EXPLAIN QUERY PLAN " if record.database.is_sqlite else "EXPLAIN "
            result = connection.exec_driver_sql(prefix + sql, values)
            plans.extend(" ".join(map(str, row)) for row in result)

    engine = record.database.engine
    event.listen(engine, "before_cursor_execute", explain)
    try:
        record.list_runs(filters)
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    text = "\n".join(plans)
    return "Seq Scan" in text or "SCAN lakeflow_runs\n" in f"{text}\n" or "TEMP B-TREE" in text


def _open_record(url: str, folder: Path) -> Any:
    from flask_lakeflow_jobs.clock import SystemClock
    from flask_lakeflow_jobs.record.store import open_record
    from flask_lakeflow_jobs.record.versions import upgrade_schema

    record = open_record(url, folder, SystemClock())
    upgrade_schema(record.database)
    return record


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    from tests.postgres import SETTINGS, PostgresServer, find_executable

    if find_executable("initdb") is None:
        raise NotInstalled("there is no Postgres server")
    server = PostgresServer({**SETTINGS, "fsync": "on"})
    try:
        server.start()
        yield server.url(server.create_database())
    finally:
        server.remove()
