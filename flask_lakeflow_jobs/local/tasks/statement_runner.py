"""Runs the statements of the Statement Execution API, one after another, and keeps their results.

Each runs in a process of its own, like a SQL task, with which it shares the database. Statements
and results are kept until newer ones need their place, or until a restart, and so are sessions: the
catalog and the schema in which the statements of a client run.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import ApiError, ResourceDoesNotExist
from .context import TaskContext
from .files import WorkspaceFiles
from .processes import Exit, ProcessPool, TaskProcess, TaskServices

#: A client may open sessions and never close them; the service ends those that are idle.
MAX_SESSIONS = 1000

MAX_KEPT = 200
MAX_KEPT_BYTES = 256 * 2**20

PENDING, RUNNING = "PENDING", "RUNNING"
SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
#: Where rows are: in replies; behind links; or where the workspace wants them, which is in replies.
INLINE, LINKS, ANY_DISPOSITION = "INLINE", "EXTERNAL_LINKS", "INLINE_OR_EXTERNAL_LINKS"
JSON, ARROW = "JSON_ARRAY", "ARROW_STREAM"


@dataclass(slots=True)
class StatementSession:
    """The current catalog and schema; empty: the default ones."""

    catalog: str = ""
    schema: str = ""


class StatementSessions:
    """The sessions of all clients, until a restart."""

    def __init__(self) -> None:
        self._sessions: dict[str, StatementSession] = {}

    def open(self, session: StatementSession) -> str:
        """Keep a session, and return its id. The oldest one may be closed for it."""
        session_id = str(uuid.uuid4())
        self._sessions[session_id] = session
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)), None)
        return session_id

    def find(self, session_id: str) -> StatementSession:
        """Return a session.

        :raises ApiError: it is unknown, or closed.
        """
        try:
            return self._sessions[session_id]
        except KeyError:
            raise ResourceDoesNotExist(
                f"The session {session_id} was not found. Connect again: the local workspace keeps "
                f"{MAX_SESSIONS} sessions, and none over a restart."
            ) from None

    def close(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)


@dataclass(frozen=True, slots=True)
class StatementRequest:
    """A statement to run.

    :param parameters: each with ``name`` or ``ordinal``, ``value`` and ``type``.
    :param row_limit: 0: none.
    :param byte_limit: 0: none.
    """

    statement: str
    catalog: str = ""
    schema: str = ""
    parameters: list[dict[str, Any]] = field(default_factory=list)
    row_limit: int = 0
    byte_limit: int = 0
    disposition: str = INLINE
    format: str = JSON


@dataclass(slots=True)
class Statement:
    """A statement, and its result so far.

    :param columns: those of its result.
    :param chunks: the position and the size of each part of its result.
    """

    statement_id: str
    request: StatementRequest
    session: StatementSession | None = None
    state: str = PENDING
    error: str = ""
    columns: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[dict[str, int]] = field(default_factory=list)
    is_truncated: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    process: TaskProcess | None = None

    @property
    def size(self) -> int:
        """The bytes of its result."""
        return sum(chunk["byte_count"] for chunk in self.chunks)


class StatementRunner:
    """Runs statements.

    :param folder: keeps results; what an earlier workspace has left there is removed.
    """

    def __init__(self, folder: Path, files: WorkspaceFiles, services: TaskServices) -> None:
        self._folder = folder
        self._files = files
        self._services = services
        # Only one process at a time can open the database.
        self._pool = ProcessPool(1)
        self._lock = threading.RLock()  # a process that cannot start ends at once
        self._statements: dict[str, Statement] = {}
        self._is_closed = False
        shutil.rmtree(folder, ignore_errors=True)

    def start(
        self, request: StatementRequest, session: StatementSession | None = None
    ) -> Statement:
        """Run a statement once those before it have ended.

        :param session: moves to the catalog and schema that the statement makes the current ones.
        :raises ApiError: too many are waiting.
        :raises OSError: its folder cannot be created.
        """
        statement = Statement(str(uuid.uuid4()), request, session)
        with self._lock:
            if self._is_closed:
                raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The workspace is stopping.")
            self._make_room()
            self._statements[statement.statement_id] = statement
        try:
            statement.process = self._build_process(statement)
        except BaseException:  # without a process, it would never end
            with self._lock:
                del self._statements[statement.statement_id]
            raise
        with self._lock:
            if not (statement.ended.is_set() or self._is_closed):
                self._pool.start(statement.process)
        return statement

    def find(self, statement_id: str) -> Statement:
        """Return a statement.

        :raises ApiError: it is unknown, or not kept any more.
        """
        statement = self._statements.get(statement_id)
        if statement is None:
            raise _not_kept(statement_id)
        return statement

    def cancel(self, statement: Statement) -> None:
        """Cancel a statement; one that has ended stays as it is."""
        with self._lock:
            if statement.ended.is_set():
                return
            statement.state = CANCELED
            statement.ended.set()
        if statement.process is not None:
            self._pool.stop(statement.process)

    def read_rows(self, statement: Statement, index: int) -> list[list[str | None]]:
        """Return a part of a result in the format JSON.

        :raises ApiError: it is not kept any more.
        """
        return list(json.loads(self.read_chunk(statement, index)))

    def read_chunk(self, statement: Statement, index: int) -> bytes:
        """Return a part of the result of a statement that has succeeded, in its format.

        :raises ApiError: it is not kept any more.
        """
        try:
            return (self._results_of(statement) / str(index)).read_bytes()
        except FileNotFoundError:
            raise _not_kept(statement.statement_id) from None

    def close(self) -> None:
        """Kill the processes, and end the wait for statements."""
        with self._lock:
            self._is_closed = True
        self._pool.close()
        for statement in list(self._statements.values()):
            self.cancel(statement)

    def _build_process(self, statement: Statement) -> TaskProcess:
        results = self._results_of(statement)
        results.mkdir(mode=0o700, parents=True)
        # Spark knows its runs by a number. Each statement has a session of its own.
        number = uuid.UUID(statement.statement_id).int % 2**53
        run = {"runId": number, "multitaskParentRunId": number}
        context = TaskContext({}, self._files, self._services.packages, run)
        work = context.build_process(
            "statement",
            {},
            self._files.root,
            chunks_folder=str(results),
            parameters=asdict(statement.request),
        )
        return self._services.create_process(
            work,
            results.with_suffix(".process"),
            on_start=partial(self._note_start, statement),
            on_exit=partial(self._note_end, statement, number),
        )

    def _note_start(self, statement: Statement) -> None:
        with self._lock:
            if statement.state == PENDING:
                statement.state = RUNNING

    def _note_end(self, statement: Statement, number: int, end: Exit) -> None:
        self._set_end(statement, end)
        if statement.process is not None:
            self._pool.release(statement.process)
        self._services.spark.end_run(number)

    def _set_end(self, statement: Statement, end: Exit) -> None:
        with self._lock:
            if statement.state == CANCELED:
                return
            if "error" in end.outcome:
                statement.error = str(end.outcome["error"])
                statement.state = FAILED
            else:
                statement.columns = end.outcome.get("columns", [])
                statement.chunks = end.outcome.get("chunks", [])
                statement.is_truncated = end.outcome.get("truncated", False)
                if statement.session and (location := end.outcome.get("location")):
                    statement.session.catalog, statement.session.schema = location
                statement.state = SUCCEEDED  # last, as requests read without the lock
            statement.ended.set()

    def _make_room(self) -> None:
        """Remove the oldest statements that have ended, as far as the limits require it."""
        ended = [each for each in self._statements.values() if each.ended.is_set()]
        size = sum(each.size for each in ended)
        for statement in ended:
            if len(self._statements) < MAX_KEPT and size <= MAX_KEPT_BYTES:
                return
            del self._statements[statement.statement_id]
            shutil.rmtree(self._results_of(statement), ignore_errors=True)
            size -= statement.size
        if len(self._statements) >= MAX_KEPT:
            raise ApiError(
                429,
                "RESOURCE_EXHAUSTED",
                f"{MAX_KEPT} statements are waiting. Wait for their end, or cancel some.",
            )

    def _results_of(self, statement: Statement) -> Path:
        return self._folder / statement.statement_id


def _not_kept(statement_id: str) -> ApiError:
    return ResourceDoesNotExist(
        f"The statement {statement_id} was not found. The local workspace keeps the last "
        f"{MAX_KEPT} statements, and none over a restart."
    )
