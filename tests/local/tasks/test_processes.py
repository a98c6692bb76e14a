"""The pool of processes, with processes that only count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.processes import Exit, ProcessPool, TaskProcess
from tests.support import refuse_threads


class FakeProcess:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.calls.append(name)


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    pool.close()


@pytest.fixture
def processes(pool: ProcessPool) -> list[Any]:
    """Return four processes, two of which run and two of which are queued."""
    processes: list[Any] = [FakeProcess() for _ in range(4)]
    assert [pool.start(each) for each in processes] == [True, True, False, False]
    return processes


def calls(processes: list[Any]) -> list[list[str]]:
    return [each.calls for each in processes]


def test_pool_starts_the_next_process_when_one_has_ended(
    pool: ProcessPool, processes: list[Any]
) -> None:
    assert calls(processes) == [["start"], ["start"], [], []]
    pool.release(processes[1])
    assert calls(processes) == [["start"], ["start"], ["start"], []]


def test_pool_lets_a_stopped_process_of_the_queue_end_at_once(
    pool: ProcessPool, processes: list[Any]
) -> None:
    pool.stop(processes[2])
    pool.stop(processes[0])
    assert calls(processes) == [["start", "stop"], ["start"], ["stop", "start"], []]
    pool.release(processes[2])
    assert processes[3].calls == []
    pool.release(processes[0])
    assert processes[3].calls == ["start"]


def test_pool_that_is_closed_kills_running_processes_and_forgets_the_queue(
    pool: ProcessPool, processes: list[Any]
) -> None:
    pool.close()
    assert calls(processes) == [["start", "kill", "join"]] * 2 + [[], []]
    pool.release(processes[0])
    assert processes[2].calls == []


def test_process_without_a_thread_fails_and_lets_the_next_one_start(
    pool: ProcessPool, processes: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Exit] = []

    def end(exit_: Exit) -> None:
        ends.append(exit_)
        pool.release(refused)

    refused = TaskProcess({}, tmp_path, {}, frozenset, lambda _: {}, lambda: None, end)
    pool.stop(processes[2])
    pool.stop(processes[3])
    last: Any = FakeProcess()
    assert [pool.start(refused), pool.start(last)] == [False, False]
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        pool.release(processes[0])
    error = "The task's process could not be started: can't start new thread."
    assert [each.outcome for each in ends] == [{"error": error}]
    assert last.calls == ["start"]
