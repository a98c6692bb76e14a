"""The live display of a run."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from flask_lakeflow_jobs.cli.live import LiveDisplay, render_live_run, select_tasks
from flask_lakeflow_jobs.runs.outcome import RunStatus, select_last_attempts
from flask_lakeflow_jobs.runs.progress import Progress, RunProgress
from tests import run_documents
from tests.clocks import FakeClock
from tests.run_documents import FAILED, SUCCEEDED, Document, run_state, task

#: 2026-11-24 15:02:01 UTC, in seconds.
NOW = 1_795_532_521.0
MOMENT = int(NOW * 1000)

UPSTREAM_FAILED = run_state("TERMINATED", "UPSTREAM_FAILED")


def state(
    doing: Document | None = None, *tasks: Document, eta: int | None = None, **fields: Any
) -> RunStatus:
    fields.setdefault("start_time", MOMENT - 70_500)
    return RunStatus(MOMENT, run_documents.run(doing, tasks=list(tasks), **fields), eta)


def render(
    status: RunStatus, *, width: int = 80, max_tasks: int = 20, now: float = NOW
) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(render_live_run("etl", status, now, max_tasks))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_active_run_is_drawn_with_its_tasks_and_eta() -> None:
    status = state(
        None,
        task("read", SUCCEEDED, execution_duration=61_000),
        task("clean", run_state("RUNNING"), start_time=MOMENT - 9_400),
        task("load", run_state("BLOCKED")),
        eta=MOMENT + 12_800,
    )
    assert render(status) == [
        "etl: RUNNING  1 min 10 s, ends in about 12 s, at 15:02:13",
        "TASK   STATE      DURATION",
        "read   SUCCEEDED  1 min 1 s",
        "clean  RUNNING    9 s",
        "load   BLOCKED",
    ]
    later = render(status, now=NOW + 15)
    assert later[0] == "etl: RUNNING  1 min 25 s, ends any moment"
    assert later[3] == "clean  RUNNING    24 s"


def test_progress_is_drawn_at_the_run_and_at_its_task() -> None:
    read = Progress(50, "half", "read", MOMENT)
    progress = RunProgress(10.9, "1 of 9", None, MOMENT, {"read": read})
    status = replace(state(None, task("read", run_state("RUNNING"))), progress=progress)
    drawn = render(status)
    assert drawn[1] == f"{'━━':<20} 10 %  1 of 9"
    assert drawn[3] == f"read  RUNNING            {'━' * 10:<20} 50 %  half"
    only_task = replace(status, progress=RunProgress(50, "half", "read", MOMENT, {"read": read}))
    assert render(only_task) == [drawn[0], *drawn[2:]]


def test_ended_run_is_drawn_with_its_final_duration() -> None:
    status = state(SUCCEEDED, task("read", SUCCEEDED), run_duration=4_200, eta=MOMENT)
    assert render(status)[0] == "etl: SUCCEEDED  4.2 s"


def test_queued_run_is_drawn_with_the_reason() -> None:
    status = state(
        run_state("QUEUED", message="Queued due to\nits maximum of runs."), start_time=None
    )
    assert render(status) == ["etl: QUEUED", "Queued due to its maximum of runs."]


def test_attempts_and_iterations_are_drawn() -> None:
    def loop(**stats: int) -> Document:
        return {"inputs": "[]", "task": {"task_key": "x"}, "stats": {"task_run_stats": stats}}

    status = state(
        None,
        task("read", FAILED),
        task("read", run_state("RUNNING"), attempt_number=1),
        task("each", run_state("RUNNING"), for_each_task=loop(total_iterations=40)),
        task(
            "all",
            run_state("RUNNING"),
            for_each_task=loop(total_iterations=40, completed_iterations=12, failed_iterations=1),
        ),
        task(
            "none",
            run_state("TERMINATED", "CANCELED"),
            for_each_task=loop(total_iterations=4, completed_iterations=4, failed_iterations=4),
        ),
    )
    assert [line.split("  ")[-1].strip() for line in render(status)[2:]] == [
        "attempt 2",
        "0 of 40 iterations",
        "12 of 40 iterations, 1 failed",
        "0 of 4 iterations, 4 failed",
    ]


@pytest.mark.parametrize("width", [60, 80])
def test_long_message_of_progress_leaves_the_task_readable(width: int) -> None:
    report = Progress(50, "reading the orders of the last quarter from Frankfurt", "read", MOMENT)
    progress = RunProgress(50, "half", "read", MOMENT, {"read": report})
    lines = render(
        replace(state(None, task("read", run_state("RUNNING"))), progress=progress), width=width
    )
    assert lines[1].split() == ["TASK", "STATE", "DURATION"]
    assert lines[2].startswith("read  RUNNING")
    assert "50 %" in lines[2]
    assert lines[2].endswith("…")
    assert len(lines) == 3


@pytest.mark.parametrize("width", [20, 40, 60])
def test_narrow_terminal_truncates_lines(width: int) -> None:
    status = state(
        run_state("QUEUED", message="Queued due to its maximum of runs. " * 5),
        task("load_the_flights_of_all_carriers_into_the_warehouse", run_state("RUNNING")),
        *(task(f"t{number}", run_state("BLOCKED")) for number in range(9)),
        eta=MOMENT + 90_000,
    )
    lines = render(status, width=width, max_tasks=5)
    assert len(lines) == 1 + 1 + 1 + 5 + 1
    assert max(map(len, lines)) <= width
    assert lines[3].startswith("load") or width == 20


def test_the_most_important_tasks_are_drawn_if_not_all_fit() -> None:
    tasks = [
        *(task(f"done{n:03}", SUCCEEDED, end_time=n + 1) for n in range(150)),
        task("bad", FAILED, end_time=1),
        task("never", UPSTREAM_FAILED, end_time=999),
        *(task(f"waits{n:03}", run_state("BLOCKED")) for n in range(46)),
        task("goes", run_state("RUNNING")),
    ]
    assert render(state(None, *tasks), max_tasks=4) == [
        "etl: RUNNING  1 min 10 s",
        "TASK     STATE      DURATION",
        "done148  SUCCEEDED",
        "done149  SUCCEEDED",
        "bad      FAILED",
        "goes     RUNNING",
        "… and 148 SUCCEEDED, 1 UPSTREAM_FAILED, 46 BLOCKED",
    ]


def test_all_tasks_are_selected_if_they_fit() -> None:
    run = run_documents.run(tasks=[task("a", SUCCEEDED), task("b", run_state("BLOCKED"))])
    selected = select_tasks(select_last_attempts(run.tasks), 2)
    assert [each.task_key for each in selected] == ["a", "b"]


def test_live_progress_fits_the_screen_and_keeps_the_last_state() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, height=10, force_terminal=True, color_system=None)
    tasks = [task(f"t{number}", run_state("RUNNING")) for number in range(200)]
    with LiveDisplay("etl", FakeClock(NOW), console) as progress:
        progress.show(state(None, *tasks))
        progress.show(state(SUCCEEDED, *(each | SUCCEEDED for each in tasks), run_duration=1_000))
    # A thread of the console may have drawn a state more than once.
    _, *drawn = file.getvalue().split("etl: ")
    assert len(drawn) >= 2
    assert max(each.count("\n") for each in drawn) < 10
    last = drawn[-1]
    assert last.startswith("SUCCEEDED  1.0 s")
    assert "… and 195 SUCCEEDED" in last


def test_escapes_of_the_workspace_are_not_drawn() -> None:
    hostile = "\x1b]0;owned\x1b\\\x07\x9b2J\u202e"
    waiting = run_state("PENDING", message=f"a{hostile}b")
    lines = render(state(waiting, task(f"ta{hostile}sk", SUCCEEDED)))
    assert lines[1] == "ab"
    assert lines[3].startswith("task")
    assert not any(character in "".join(lines) for character in "\x1b\x07\x9b\u202e")
