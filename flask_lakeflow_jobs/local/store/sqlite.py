"""The database of a workspace folder, in SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..folder import WorkspaceError
from ..model import JobRun, Settings, TaskRun

_MAX_DUMPED = 256  # settings of jobs and tasks whose JSON is kept
_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE jobs (
    job_id INTEGER PRIMARY KEY, created INTEGER NOT NULL, creator TEXT NOT NULL,
    settings TEXT NOT NULL
);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL UNIQUE,
    job_id INTEGER NOT NULL, run_type TEXT NOT NULL, started INTEGER NOT NULL,
    active INTEGER NOT NULL, settings TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX runs_by_start ON runs (started DESC, number DESC);
CREATE INDEX runs_by_job ON runs (job_id, started DESC, number DESC);
CREATE INDEX runs_active ON runs (active) WHERE active = 1;
CREATE TABLE tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL UNIQUE,
    job_run_id INTEGER NOT NULL, settings TEXT NOT NULL, record TEXT NOT NULL
);
CREATE INDEX tasks_by_run ON tasks (job_run_id, number);
CREATE TABLE outputs (run_id INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE tokens (token TEXT PRIMARY KEY, run_id INTEGER NOT NULL);
CREATE TABLE permissions (object TEXT PRIMARY KEY, entries TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class RunSelection:
    """A selection of runs. Times are milliseconds since the epoch, both ends inclusive.

    :param active: only active runs (true) or only ended ones (false).
    """

    job_id: int | None = None
    active: bool | None = None
    run_type: str | None = None
    started_from: int | None = None
    started_to: int | None = None


class Store:
    """The database of one workspace folder. Not thread-safe: the run store guards it."""

    def __init__(self, path: Path) -> None:
        # Only this user may read parameters and outputs. SQLite copies the mode to its other files.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._dumped: dict[int, tuple[Settings, str]] = {}
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path) -> None:
        # With WAL, a killed process loses nothing; with NORMAL, a power cut may.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        # Pages that change with each run are moved into the database, and flushed, less often.
        self._db.execute("PRAGMA wal_autocheckpoint = 4000")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(
                f"BEGIN;{_SCHEMA}PRAGMA user_version = {_SCHEMA_VERSION};COMMIT;"
            )
        elif version != _SCHEMA_VERSION:
            raise WorkspaceError(
                f"{path} was written by another version of the local workspace. "
                f"Move {path.parent} away, or name another folder."
            )

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes in the body, or none if it fails."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite rolls back itself if the disk is full
                self._db.execute("ROLLBACK")
            raise

    # Runs

    def add_run(self, run: JobRun, token: str | None = None) -> None:
        """Insert a run with its tasks and the idempotency token that started it."""
        self._db.execute(
            "INSERT INTO runs (run_id, job_id, run_type, started, active, settings, record) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                run.run_id,
                run.job_id,
                run.run_type,
                run.start_time,
                run.is_active,
                self._dump_settings(run.settings),
                _dump(run.to_record()),
            ),
        )
        self.add_tasks(run, run.tasks)
        if token:
            self._db.execute("INSERT INTO tokens VALUES (?, ?)", (token, run.run_id))

    def _dump_settings(self, settings: Settings) -> str:
        """Return settings as JSON. Runs of a job share one object, which never changes."""
        kept = self._dumped.get(id(settings))
        if kept is None or kept[0] is not settings:
            if len(self._dumped) >= _MAX_DUMPED:
                self._dumped.clear()
            kept = self._dumped[id(settings)] = (settings, _dump(settings))
        return kept[1]

    def add_tasks(self, run: JobRun, tasks: Iterable[TaskRun]) -> None:
        """Insert attempts of a run's tasks."""
        self._db.executemany(
            "INSERT INTO tasks (run_id, job_run_id, settings, record) VALUES (?, ?, ?, ?)",
            [
                (
                    task.run_id,
                    run.run_id,
                    self._dump_settings(task.spec),
                    _dump(task.to_record()),
                )
                for task in tasks
            ],
        )

    def save_run(self, run: JobRun) -> None:
        """Update a run without its tasks."""
        self._db.execute(
            "UPDATE runs SET active = ?, settings = ?, record = ? WHERE run_id = ?",
            (run.is_active, self._dump_settings(run.settings), _dump(run.to_record()), run.run_id),
        )

    def save_tasks(self, tasks: Iterable[TaskRun]) -> None:
        """Update attempts."""
        self._db.executemany(
            "UPDATE tasks SET record = ? WHERE run_id = ?",
            [(_dump(task.to_record()), task.run_id) for task in tasks],
        )

    def load_run(self, run_id: int) -> JobRun | None:
        """Return a run with its tasks, or ``None`` if it does not exist."""
        row = self._find("SELECT record, settings FROM runs WHERE run_id = ?", run_id)
        if row is None:
            return None
        rows = self._db.execute(
            "SELECT record, settings FROM tasks WHERE job_run_id = ? ORDER BY number", (run_id,)
        )
        tasks = [TaskRun.from_record(_parse(record), _parse(settings)) for record, settings in rows]
        return JobRun.from_record(_parse(row[0]), _parse(row[1]), tasks)

    def job_run_of_task(self, task_run_id: int) -> int | None:
        """Return the id of the run to which an attempt belongs."""
        row = self._find("SELECT job_run_id FROM tasks WHERE run_id = ?", task_run_id)
        return row and int(row[0])

    def active_run_ids(self) -> list[int]:
        """Return the ids of the active runs, the oldest first."""
        rows = self._db.execute("SELECT run_id FROM runs WHERE active = 1 ORDER BY number")
        return [run_id for (run_id,) in rows]

    def list_runs(
        self,
        selection: RunSelection,
        limit: int,
        *,
        offset: int = 0,
        after: tuple[int, int] | None = None,
        before: tuple[int, int] | None = None,
    ) -> list[tuple[tuple[int, int], int]]:
        """Return runs by descending start time.

        :param after: start after the run at this position.
        :param before: end before the run at this position.
        :return: the position and the id of each run.
        """
        conditions = {
            "job_id = ?": selection.job_id,
            "active = ?": selection.active,
            "run_type = ?": selection.run_type,
            "started >= ?": selection.started_from,
            "started <= ?": selection.started_to,
        }
        clauses = [clause for clause, value in conditions.items() if value is not None]
        values: list[Any] = [value for value in conditions.values() if value is not None]
        if after is not None:
            clauses.append("(started, number) < (?, ?)")
            values += after
        if before is not None:
            clauses.append("(started, number) > (?, ?)")
            values += before
        order = "DESC" if before is None else "ASC"
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        rows = self._db.execute(
            f"SELECT started, number, run_id FROM runs {where} "  # noqa: S608 (fixed clauses)
            f"ORDER BY started {order}, number {order} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        found = [((started, number), run_id) for started, number, run_id in rows]
        return found if before is None else found[::-1]

    def delete_run(self, run: JobRun) -> None:
        """Delete a run, its tasks and its outputs. Its idempotency token stays in use."""
        self._delete_runs("run_id = ?", run.run_id)

    def delete_runs_before(self, moment: int) -> None:
        """Delete ended runs that started before a moment, in milliseconds since the epoch."""
        self._delete_runs("started < ? AND active = 0", moment)

    def _delete_runs(self, condition: str, value: int) -> None:
        runs = f"SELECT run_id FROM runs WHERE {condition}"  # noqa: S608 (fixed text)
        tasks = f"SELECT run_id FROM tasks WHERE job_run_id IN ({runs})"  # noqa: S608
        self._db.execute(f"DELETE FROM outputs WHERE run_id IN ({tasks})", (value,))  # noqa: S608
        self._db.execute(f"DELETE FROM tasks WHERE job_run_id IN ({runs})", (value,))  # noqa: S608
        self._db.execute(f"DELETE FROM runs WHERE {condition}", (value,))  # noqa: S608

    def run_id_of_token(self, token: str) -> int | None:
        """Return the id of the run that an idempotency token has started."""
        row = self._find("SELECT run_id FROM tokens WHERE token = ?", token)
        return row and int(row[0])

    # Outputs

    def save_outputs(self, outputs: Mapping[int, dict[str, Any]]) -> None:
        """Insert or replace the outputs of attempts, by their ids."""
        self._db.executemany(
            "INSERT OR REPLACE INTO outputs VALUES (?, ?)",
            [(run_id, _dump(output)) for run_id, output in outputs.items()],
        )

    def load_output(self, task_run_id: int) -> dict[str, Any]:
        """Return the output of an attempt; empty if there is none."""
        row = self._find("SELECT record FROM outputs WHERE run_id = ?", task_run_id)
        return dict(_parse(row[0])) if row else {}

    # Jobs created through the API

    def save_created(self, job_id: int, created: int, creator: str, settings: Settings) -> None:
        """Insert or replace a job.

        :param created: milliseconds since the epoch.
        """
        self._db.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)",
            (job_id, created, creator, _dump(settings)),
        )

    def delete_created(self, job_id: int) -> None:
        """Delete a job and its permissions, but not its runs."""
        self._db.execute("DELETE FROM permissions WHERE object = ?", (f"jobs/{job_id}",))
        self._db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def load_created(self) -> list[dict[str, Any]]:
        """Return all jobs, each with the values of its columns by their names."""
        rows = self._db.execute("SELECT * FROM jobs")
        names = [column[0] for column in rows.description]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [{**each, "settings": _parse(each["settings"])} for each in found]

    # Permissions

    def save_permissions(self, path: str, entries: Iterable[Mapping[str, str]]) -> None:
        """Insert or replace the permissions on an object, by its path such as ``jobs/7``."""
        self._db.execute(
            "INSERT OR REPLACE INTO permissions VALUES (?, ?)", (path, _dump(list(entries)))
        )

    def load_permissions(self, path: str) -> list[Mapping[str, str]] | None:
        """Return the permissions on an object; ``None`` if they were never set."""
        row = self._find("SELECT entries FROM permissions WHERE object = ?", path)
        return row and list(_parse(row[0]))

    def _find(self, query: str, key: int | str) -> Any:
        """Return the row of a key, or ``None``."""
        return self._db.execute(query, (key,)).fetchone()


# Made once: ``json.dumps`` with options makes an encoder for each call.
_dump = json.JSONEncoder(separators=(",", ":")).encode


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise sqlite3.DatabaseError("a record is damaged") from None
