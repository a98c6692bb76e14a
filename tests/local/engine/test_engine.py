"""The event loop: one transaction an event, effects after the commit, restarts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock, states
from flask_lakeflow_jobs.local.errors import InvalidParameterValue
from flask_lakeflow_jobs.local.events import CancelRequested, RunRequest, TaskEnded
from flask_lakeflow_jobs.local.tasks.runner import TaskRunner
from tests.local.engine.conftest import Workshop
from tests.local.support import depends_on, simulated_job, simulated_task
from tests.support import DEADLINE

DAY = 24 * 60 * 60


@pytest.mark.parametrize(("result", "ended"), [("SUCCESS", 2), ("FAILED", 1)])
def test_run_that_takes_no_time_is_committed_once_with_its_end(
    workshop: Workshop,
    open_workshop: Callable[[], Workshop],
    result: str,
    ended: int,
) -> None:
    statements: list[str] = []
    workshop.store._db.set_trace_callback(statements.append)
    simulation = {"result": result, "output": "42"}
    run_id = workshop.start(
        simulated_task("a"), simulated_task("b", "a"), token="t", simulation=simulation
    )
    assert workshop.state(run_id) == result
    assert statements.count("COMMIT") == 1
    workshop.engine.close()
    again = open_workshop()
    run = again.runs.find_run(run_id)
    assert [again.runs.load_output(task).get("result") for task in run.tasks] == [
        *["42"] * ended,
        *[None] * (2 - ended),
    ]
    assert again.start(token="t") == run_id


def test_run_of_many_tasks_that_take_no_time_ends(workshop: Workshop, clock: ManualClock) -> None:
    run_id = workshop.start(*(simulated_task(f"t{number}") for number in range(100)))
    clock.advance(1)
    assert workshop.state(run_id) == "SUCCESS"


def test_run_that_fails_at_once_is_tried_again(workshop: Workshop, clock: ManualClock) -> None:
    task = simulated_task("a", max_retries=1)
    run_id = workshop.start(task, simulation={"result": ["FAILED", "SUCCESS"]})
    assert workshop.state(run_id) == "RUNNING"
    clock.advance(60)
    assert workshop.state(run_id) == "SUCCESS"


def test_run_that_takes_no_time_lets_the_next_one_of_the_queue_begin(
    workshop: Workshop, clock: ManualClock
) -> None:
    first = workshop.start(may_queue=True, simulation={"seconds": 5})
    waiting = [workshop.start(may_queue=True) for _ in range(3)]
    assert [workshop.state(each) for each in waiting] == ["QUEUED"] * 3
    clock.advance(5)
    assert [workshop.state(each) for each in (first, *waiting)] == ["SUCCESS"] * 4


# Events


def test_start_run_handles_all_events_that_follow_from_it(workshop: Workshop) -> None:
    run_id = workshop.start(simulation={"seconds": 5})
    assert workshop.state(run_id) == "RUNNING"
    assert workshop.runs.find_run(run_id).tasks[0].state == states.RUNNING
    workshop.clock.advance(5)
    assert workshop.state(run_id) == "SUCCESS"


def test_submit_from_many_threads_handles_each_event(workshop: Workshop) -> None:
    limit = {"max_concurrent_runs": 100}
    request = RunRequest(1, "etl", "me", {**simulated_job(simulated_task("a"), seconds=5), **limit})
    threads = [
        threading.Thread(target=workshop.engine.start_run, args=(request,)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    active = workshop.runs.active_runs()
    assert [run.state for run in active] == [states.RUNNING] * 16
    workshop.clock.advance(5)
    assert workshop.runs.is_idle


def test_submit_of_an_event_of_a_deleted_run_does_nothing(workshop: Workshop) -> None:
    run_id = workshop.start()
    workshop.clock.advance(0)
    workshop.runs.delete_run(workshop.runs.find_run(run_id))
    workshop.engine.submit(CancelRequested(run_id))


def test_submit_after_close_does_nothing(workshop: Workshop) -> None:
    run_id = workshop.start(simulation={"seconds": 5})
    workshop.engine.close()
    workshop.engine.submit(CancelRequested(run_id))
    assert workshop.state(run_id) == "RUNNING"


def test_output_of_an_ended_task_is_the_one_that_was_committed(workshop: Workshop) -> None:
    run_id = workshop.start(simulation={"seconds": 5, "output": "42"})
    task_id = workshop.runs.find_run(run_id).tasks[0].run_id
    assert workshop.engine.read_output(task_id)[2] == {}
    workshop.clock.advance(5)
    expected = {"result": "42"}
    assert workshop.engine.read_output(task_id)[2] == expected
    workshop.engine.submit(TaskEnded(run_id, task_id, states.FAILED, {"logs": "late"}))
    assert workshop.engine.read_output(task_id)[2] == expected


def test_task_may_end_while_its_log_is_read(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is read without the lock, which the end of the task needs."""
    run_id = workshop.start(simulation={"seconds": 5})
    task_id = workshop.runs.find_run(run_id).tasks[0].run_id
    end = TaskEnded(run_id, task_id, states.SUCCESS, {"logs": "all"})
    submit = threading.Thread(target=workshop.engine.submit, args=(end,))

    def read(self: TaskRunner, task_id: int, *_: int) -> Any:
        if submit.ident is None:
            submit.start()
        submit.join(DEADLINE)
        assert not submit.is_alive(), "the lock is held"
        return {"logs": "so far"}

    monkeypatch.setattr(TaskRunner, "output_of", read)
    monkeypatch.setattr(TaskRunner, "read_log_part", read)
    run, task, output = workshop.engine.read_output(task_id)
    assert output == {"logs": "all"}
    assert (run.is_active, task.state.is_terminal) == (False, True)
    assert workshop.engine.read_log_part(task_id, 0, 100).text == "all"


@pytest.mark.parametrize(("is_truncated", "line"), [(False, 1), (True, None)])
def test_line_numbers_of_a_stored_log_are_known_if_it_has_its_beginning(
    workshop: Workshop, is_truncated: bool, line: int | None
) -> None:
    run_id = workshop.start(simulation={"seconds": 5})
    task_id = workshop.runs.find_run(run_id).tasks[0].run_id
    output = {"logs": "[REDACTED]\n", "logs_start": 9, "logs_truncated": is_truncated}
    workshop.engine.submit(TaskEnded(run_id, task_id, states.SUCCESS, output))
    assert workshop.engine.read_log_part(task_id, 0, 100).line == line


# The queue of a job


# Restarts


def test_restart_marks_active_runs_as_lost(
    workshop: Workshop, open_workshop: Callable[[], Workshop]
) -> None:
    running = workshop.start(
        simulated_task("a"), simulated_task("b", "a"), may_queue=True, simulation={"seconds": 5}
    )
    queued = workshop.start(may_queue=True)
    workshop.engine.close()
    again = open_workshop()
    lost = again.runs.find_run(running)
    assert [lost.state, *(each.state for each in lost.tasks)] == [
        states.WORKSPACE_LOST,
        states.WORKSPACE_LOST,
        states.UPSTREAM_FAILED,
    ]
    assert again.runs.find_run(queued).state == states.LOST_IN_QUEUE
    assert again.runs.is_idle
    assert again.state(again.start(simulation={"seconds": 5})) == "RUNNING"


def test_restart_deletes_ended_runs_after_sixty_days(
    workshop: Workshop, open_workshop: Callable[[], Workshop]
) -> None:
    old = workshop.start()
    workshop.clock.advance(2 * DAY)
    recent = workshop.start()
    workshop.clock.advance(59 * DAY)
    workshop.engine.close()
    again = open_workshop()
    assert again.state(recent) == "SUCCESS"
    with pytest.raises(InvalidParameterValue, match="does not exist"):
        again.runs.find_run(old)


def test_settings_of_a_run_survive_a_restart(
    workshop: Workshop, open_workshop: Callable[[], Workshop]
) -> None:
    run_id = workshop.start(simulated_task("a"), simulated_task("b", "a"))
    workshop.clock.advance(0)
    before = workshop.runs.find_run(run_id)
    workshop.engine.close()
    assert open_workshop().runs.find_run(run_id) == before
    assert json.loads(before.settings["tags"]["local_simulation"]) == {}
    assert before.tasks[1].spec["depends_on"] == depends_on("a")
