"""Statements that cannot be started, and the end of their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.tasks import processes, statement_runner
from flask_lakeflow_jobs.local.tasks.processes import Exit
from flask_lakeflow_jobs.local.tasks.statement_runner import (
    Statement,
    StatementRequest,
    StatementRunner,
    StatementSession,
)
from tests.local.tasks.support import task_services

REQUEST = StatementRequest("SELECT 1")


class FakeProcess:
    """A process that starts nothing, and ends when the test says so."""

    def __init__(self, *arguments: Any, on_exit: Callable[[Exit], None], **more: Any) -> None:
        self.end = on_exit
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.calls.append(name)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StatementRunner]:
    """A runner whose processes are fakes."""
    monkeypatch.setattr(processes, "TaskProcess", FakeProcess)
    files: Any = SimpleNamespace(
        root=tmp_path, projects=(), mounts={}, wheels=tmp_path, localize=dict
    )
    runner = StatementRunner(tmp_path / "statements", files, task_services(tmp_path))
    yield runner
    runner.close()


def process_of(statement: Statement) -> Any:
    return statement.process


def test_statement_that_cannot_be_started_does_not_stay(
    runner: StatementRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement_runner, "MAX_KEPT", 1)
    (tmp_path / "statements").write_text("no folder")
    for _ in range(2):
        with pytest.raises(NotADirectoryError):
            runner.start(REQUEST)
    (tmp_path / "statements").unlink()
    statement = runner.start(REQUEST)
    assert process_of(statement).calls == ["start"]


def test_statement_whose_process_cannot_start_fails(
    runner: StatementRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(process: FakeProcess) -> None:
        process.end(Exit({"error": "no thread"}, "", logs_truncated=False))

    monkeypatch.setattr(FakeProcess, "start", start, raising=False)
    first, second = runner.start(REQUEST), runner.start(REQUEST)
    assert [(each.state, each.error) for each in (first, second)] == [("FAILED", "no thread")] * 2


def test_statement_after_the_end_of_the_workspace_is_refused(runner: StatementRunner) -> None:
    running = runner.start(REQUEST)
    runner.close()
    assert process_of(running).calls == ["start", "kill", "join", "stop"]
    assert running.ended.is_set()
    with pytest.raises(ApiError, match="The workspace is stopping") as caught:
        runner.start(REQUEST)
    assert caught.value.status == 503


def test_statement_that_begins_while_the_workspace_stops_does_not_run(
    runner: StatementRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = runner._build_process

    def build_while_the_pool_closes(statement: Statement) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(runner, "cancel", lambda _: None)  # to which close() comes last
            runner.close()
        return build(statement)

    monkeypatch.setattr(runner, "_build_process", build_while_the_pool_closes)
    assert process_of(runner.start(REQUEST)).calls == []


def test_statement_ends_although_its_session_cannot(
    runner: StatementRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = runner.start(REQUEST), runner.start(REQUEST)

    def fail(number: int) -> None:
        raise OSError("no more threads")

    monkeypatch.setattr(runner._services.spark, "end_run", fail)
    with pytest.raises(OSError, match="no more threads"):
        process_of(first).end(Exit({"columns": []}, "", logs_truncated=False))
    assert (first.state, process_of(second).calls) == ("SUCCEEDED", ["start"])


def test_result_that_made_room_meanwhile_is_not_found(
    runner: StatementRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement_runner, "MAX_KEPT", 1)
    first = runner.start(REQUEST)
    chunk = {"row_offset": 0, "row_count": 1, "byte_count": 3}
    result = tmp_path / "statements" / first.statement_id / "0"
    result.write_text(json.dumps([["1"]]))
    process_of(first).end(Exit({"chunks": [chunk]}, "", logs_truncated=False))
    assert runner.read_rows(first, 0) == [["1"]]
    runner.start(REQUEST)
    with pytest.raises(ApiError, match="keeps the last 1 statements") as caught:
        runner.read_chunk(first, 0)
    assert caught.value.status == 404


def test_session_moves_only_with_a_statement_that_succeeds(runner: StatementRunner) -> None:
    session = StatementSession("dev", "s")
    outcomes: dict[str, dict[str, Any]] = {
        "dev.s": {"error": "no", "location": ["main", "default"]},
        "main.t": {"location": ["main", "t"]},
    }
    for place, outcome in outcomes.items():
        process_of(runner.start(REQUEST, session)).end(Exit(outcome, "", logs_truncated=False))
        assert f"{session.catalog}.{session.schema}" == place
