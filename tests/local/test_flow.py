"""What follows what: run_if, conditions, for-each, retries, timeouts, queues, repairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, InvalidState
from databricks.sdk.service.jobs import QueueSettings

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    after,
    played,
    script,
    scripted,
    task_words,
    wait_until,
    words,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def message_of(run: Any) -> str:
    assert run.state is not None
    return str(run.state.state_message)


# run_if

UPSTREAM = ["good", "bad"]


@pytest.mark.parametrize(
    ("rule", "results", "expected"),
    [
        (None, ["SUCCESS", "SUCCESS"], "SUCCESS"),
        (None, ["SUCCESS", "FAILED"], "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", ["SUCCESS", "CANCELED"], "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", ["FAILED", "CANCELED"], "UPSTREAM_FAILED"),
        ("ALL_DONE", ["FAILED", "CANCELED"], "SUCCESS"),
        ("NONE_FAILED", ["SUCCESS", "SUCCESS"], "SUCCESS"),
        ("NONE_FAILED", ["SUCCESS", "FAILED"], "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_SUCCESS", ["SUCCESS", "FAILED"], "SUCCESS"),
        ("AT_LEAST_ONE_SUCCESS", ["FAILED", "FAILED"], "UPSTREAM_FAILED"),
        ("ALL_FAILED", ["FAILED", "FAILED"], "SUCCESS"),
        ("ALL_FAILED", ["SUCCESS", "FAILED"], "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", ["SUCCESS", "FAILED"], "SUCCESS"),
        ("AT_LEAST_ONE_FAILED", ["SUCCESS", "SUCCESS"], "EXCLUDED"),
    ],
)
def test_run_if(serve: Serve, rule: str | None, results: list[str], expected: str) -> None:
    more = {"run_if": rule} if rule else {}
    parts = {"a": {"result": results[0]}, "b": {"result": results[1]}}
    client = serve(
        {"etl": scripted(played("a"), played("b"), played("c", "a", "b", **more), tasks=parts)}
    )
    run = client.run("etl")
    assert task_words(run)["c"] == expected
    (*_, last) = run.tasks or []
    assert last.run_if is not None
    assert last.run_if.value == (rule or "ALL_SUCCESS")


def test_success_with_failures(serve: Serve) -> None:
    client = serve(
        {
            "etl": scripted(
                played("a"), played("b", "a", run_if="ALL_DONE"), tasks={"a": {"result": "FAILED"}}
            )
        }
    )
    run = client.run("etl")
    assert words(run)[:2] == ("TERMINATED", "SUCCESS_WITH_FAILURES")
    _, shape = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run.run_id}")
    details = shape["status"]["termination_details"]
    assert (details["code"], details["type"]) == ("SUCCESS_WITH_FAILURES", "SUCCESS")


def test_failed_leaf_fails_the_run(serve: Serve) -> None:
    parts = {"b": {"result": "FAILED"}}
    client = serve({"etl": scripted(played("a"), played("b"), tasks=parts)})
    run = client.run("etl")
    assert words(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
    assert message_of(run) == (
        "Task b failed with message: Workload failed, see run output for details."
    )


def test_disabled_task(serve: Serve) -> None:
    client = serve({"etl": scripted(played("a", disabled=True), played("b"))})
    run = client.run("etl")
    assert task_words(run) == {"a": "DISABLED", "b": "SUCCESS"}
    assert words(run)[1] == "SUCCESS"


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (["b"], ["b"]),
        (["+b"], ["a", "b"]),
        (["b+"], ["b", "c", "d"]),
        (["+c", "x"], ["a", "b", "c", "x"]),
    ],
)
def test_only(serve: Serve, only: list[str], ran: list[str]) -> None:
    tasks = [played("a"), played("b", "a"), played("c", "b"), played("d", "c"), played("x")]
    run = serve({"etl": scripted(*tasks)}).run("etl", only=only)
    assert task_words(run) == dict.fromkeys(ran, "SUCCESS")


def test_a_long_chain(serve: Serve) -> None:
    tasks = [played("t0")] + [played(f"t{n}", f"t{n - 1}", disabled=True) for n in range(1, 600)]
    run = serve({"etl": scripted(*tasks)}).run("etl")
    assert words(run)[1] == "SUCCESS"


# Conditions


def condition(key: str, left: str, op: str, right: str, **more: Any) -> dict[str, Any]:
    body = {"left": left, "op": op, "right": right}
    return {"task_key": key, "condition_task": body, **more}


@pytest.mark.parametrize(
    ("left", "op", "right", "outcome"),
    [
        ("a", "EQUAL_TO", "a", "true"),
        ("12.0", "EQUAL_TO", "12", "false"),
        ("a", "NOT_EQUAL", "b", "true"),
        ("12.0", "GREATER_THAN_OR_EQUAL", "12", "true"),
        ("{{job.parameters.rows}}", "GREATER_THAN", "5", "true"),
        ("10", "LESS_THAN", "9", "false"),
        ("9", "LESS_THAN_OR_EQUAL", "9", "true"),
    ],
)
def test_condition(serve: Serve, left: str, op: str, right: str, outcome: str) -> None:
    branches = [
        script(key, depends_on=[{"task_key": "check", "outcome": key}]) for key in ("true", "false")
    ]
    last = script("last", depends_on=after("true", "false"), run_if="NONE_FAILED")
    job = {
        "parameters": [{"name": "rows", "default": "10"}],
        "tasks": [condition("check", left, op, right), *branches, last],
    }
    run = serve({"etl": job}, {"main.py": ""}).run("etl")
    other = "false" if outcome == "true" else "true"
    assert task_words(run) == {
        "check": "SUCCESS",
        outcome: "SUCCESS",
        other: "EXCLUDED",
        "last": "SUCCESS",
    }
    assert words(run)[1] == "SUCCESS"
    (check, *_) = run.tasks or []
    assert check.condition_task is not None
    assert check.condition_task.outcome == outcome
    if left == "{{job.parameters.rows}}":
        assert check.condition_task.left == "10"


@pytest.mark.parametrize(
    ("left", "op", "message"),
    [
        ("many", "GREATER_THAN", "The condition compares 'many' with '1' by GREATER_THAN, which"),
        ("1", "LIKE", "The condition has the unknown operator 'LIKE'."),
        ("{{tasks.check.values.x}}", "EQUAL_TO", "The reference {{tasks.check.values.x}} has no"),
    ],
)
def test_condition_that_cannot_be_decided(serve: Serve, left: str, op: str, message: str) -> None:
    run = serve({"etl": {"tasks": [condition("check", left, op, "1")]}}).run("etl")
    (check,) = run.tasks or []
    assert words(check) == ("INTERNAL_ERROR", "FAILED", "INVALID_RUN_CONFIGURATION")
    assert message_of(check).startswith(message)


# For each


def for_each(key: str, inputs: Any, task: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"task_key": key, "for_each_task": {"inputs": inputs, "task": task, **more}}


def test_for_each(serve: Serve) -> None:
    inner = script("each", "main.py", "{{input.day}}", "{{input.place}}", "{{task.name}}")
    inputs = '[{"day": 1, "place": "x"}, {"day": 2, "place": [3]}]'
    tasks = [
        for_each("loop", inputs, inner, concurrency=2),
        script("last", "last.py", depends_on=after("loop")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}}, {"main.py": "import sys; print(sys.argv[1:])", "last.py": ""}
    )
    run = client.run("etl")
    assert task_words(run) == {"loop": "SUCCESS", "last": "SUCCESS"}
    (loop, _) = run.tasks or []
    assert loop.run_id is not None
    loop_run = client.jobs.get_run(loop.run_id)
    logs = [
        client.jobs.get_run_output(each.run_id).logs
        for each in loop_run.iterations or []
        if each.run_id
    ]
    assert logs == ["['1', 'x', 'each']\n", "['2', '[3]', 'each']\n"]
    assert loop.for_each_task is not None
    assert loop.for_each_task.stats is not None
    assert loop.for_each_task.stats.task_run_stats is not None
    assert loop.for_each_task.stats.task_run_stats.as_dict() == {
        "total_iterations": 2,
        "scheduled_iterations": 2,
        "active_iterations": 0,
        "completed_iterations": 2,
        "succeeded_iterations": 2,
        "failed_iterations": 0,
    }


def test_for_each_over_a_task_value(serve: Serve) -> None:
    code = "from databricks.sdk.runtime import dbutils; dbutils.jobs.taskValues.set('n', [1, 2, 3])"
    loop = for_each("loop", "{{tasks.list.values.n}}", script("each", "each.py", "{{input}}"))
    loop["depends_on"] = after("list")
    client = serve(
        {"etl": {"tasks": [script("list"), loop]}},
        {"main.py": code, "each.py": "import sys; assert sys.argv[1] != '2'"},
    )
    run = client.run("etl")
    assert task_words(run) == {"list": "SUCCESS", "loop": "FAILED"}
    (_, task) = run.tasks or []
    assert message_of(task) == "1 of 3 iterations failed, see their output for details"
    assert words(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")


def test_for_each_keeps_to_its_concurrency(serve: Serve) -> None:
    code = """
        import os, sys, time
        folder = os.environ["LAKEFLOW_LOCAL_DATA"]
        mark = os.path.join(folder, sys.argv[1])
        open(mark, "w").close()
        assert len(os.listdir(folder)) <= 2
        time.sleep(0.02)
        os.remove(mark)
    """
    loop = for_each("loop", list(range(6)), script("each", "main.py", "{{input}}"), concurrency=2)
    run = serve({"etl": {"tasks": [loop]}}, {"main.py": code}).run("etl")
    assert task_words(run) == {"loop": "SUCCESS"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("nothing", "The inputs of the for_each_task are no JSON: 'nothing'."),
        ("5", "The inputs of the for_each_task have to be a JSON array, not 5."),
    ],
)
def test_for_each_over_nonsense(serve: Serve, inputs: str, message: str) -> None:
    run = serve(
        {"etl": {"tasks": [for_each("loop", inputs, script("each"))]}}, {"main.py": ""}
    ).run("etl")
    (loop,) = run.tasks or []
    assert message_of(loop) == message


def test_for_each_over_nothing(serve: Serve) -> None:
    run = serve({"etl": {"tasks": [for_each("loop", "[]", script("each"))]}}, {"main.py": ""}).run(
        "etl"
    )
    assert task_words(run) == {"loop": "SUCCESS"}


def test_cancel_of_a_for_each(serve: Serve) -> None:
    loop = for_each("loop", "[1, 2, 3]", script("each"))
    client = serve({"etl": {"tasks": [loop]}}, {"main.py": "import time; time.sleep(1000)"})
    run_id = client.start("etl")
    (task,) = client.jobs.get_run(run_id).tasks or []
    assert task.run_id is not None
    task_id = task.run_id
    wait_until(
        lambda: any(
            words(each)[0] == "RUNNING" for each in client.jobs.get_run(task_id).iterations or []
        )
    )
    client.jobs.cancel_run(run_id)
    run = client.finish(run_id)
    assert words(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    iterations = client.jobs.get_run(task_id).iterations or []
    assert [words(each)[1] for each in iterations] == ["CANCELED"] * 3


def test_more_processes_than_there_is_room_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.engine._PROCESSES_AT_ONCE", 2)
    code = """
        import os, sys, time
        deadline = time.monotonic() + 30
        while not os.path.exists(os.environ["LAKEFLOW_LOCAL_DATA"] + "/go"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    """
    tasks = [script(key) for key in "abcd"]
    client = serve({"etl": {"tasks": tasks}}, {"main.py": code})
    run_id = client.start("etl")

    def states() -> list[str]:
        return [words(task)[0] for task in client.jobs.get_run(run_id).tasks or []]

    wait_until(lambda: states() == ["RUNNING", "RUNNING", "QUEUED", "QUEUED"])
    _, shape = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")
    queued = shape["tasks"][2]
    assert queued["status"]["queue_details"]["code"] == "ACTIVE_RUN_JOB_TASKS_LIMIT_REACHED"
    client.jobs.cancel_run(shape["tasks"][3]["run_id"])
    wait_until(lambda: states()[3] == "TERMINATED")
    (tmp_path / "folder" / "data" / "go").write_text("")
    run = client.finish(run_id)
    assert task_words(run) == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS", "d": "CANCELED"}
    third = (run.tasks or [])[2]
    assert third.queue_duration
    assert words(run)[1] == "CANCELED"


# Retries and timeouts


def test_retry(serve: Serve, clock: ManualClock) -> None:
    parts = {"a": {"result": ["FAILED", "FAILED", "SUCCESS"]}}
    job = scripted(
        played("a", max_retries=2, min_retry_interval_millis=3000),
        played("b", "a"),
        seconds=5,
        tasks=parts,
    )
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(5)
    run = client.jobs.get_run(run_id)
    first, blocked, waiting = run.tasks or []
    assert words(first) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    assert words(blocked)[0] == "BLOCKED"
    assert (words(waiting)[0], waiting.attempt_number) == ("WAITING_FOR_RETRY", 1)
    assert waiting.status is not None
    assert waiting.status.state is not None
    assert waiting.status.state.value == "WAITING"
    clock.advance(3 + 5 + 3 + 5 + 5)
    run = client.jobs.get_run(run_id)
    assert words(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    attempts = [(task.task_key, task.attempt_number, words(task)[1]) for task in run.tasks or []]
    assert attempts == [
        ("a", 0, "FAILED"),
        ("b", 0, "SUCCESS"),
        ("a", 1, "FAILED"),
        ("a", 2, "SUCCESS"),
    ]


def test_retries_run_out(serve: Serve) -> None:
    job = scripted(played("a", max_retries=2), result="FAILED")
    run = serve({"etl": job}).run("etl")
    assert [task.attempt_number for task in run.tasks or []] == [0, 1, 2]
    assert words(run)[1] == "FAILED"


@pytest.mark.parametrize(("again", "attempts"), [(False, 1), (True, 2)])
def test_task_timeout(serve: Serve, clock: ManualClock, again: bool, attempts: int) -> None:
    task = played("a", timeout_seconds=3, max_retries=1, retry_on_timeout=again)
    client = serve({"etl": scripted(task, seconds=60)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(2.9)
    assert words(client.jobs.get_run(run_id))[0] == "RUNNING"
    clock.advance(4)
    run = client.jobs.get_run(run_id)
    assert [words(task) for task in run.tasks or []] == [
        ("TERMINATED", "TIMEDOUT", "CANCELED")
    ] * attempts
    assert words(run)[1] == "FAILED"


def test_timeout_of_a_process(serve: Serve) -> None:
    task = script("main", timeout_seconds=1)
    client = serve({"etl": {"tasks": [task]}}, {"main.py": "import time; time.sleep(1000)"})
    run = client.run("etl")
    assert task_words(run) == {"main": "TIMEDOUT"}


def test_run_timeout(serve: Serve, clock: ManualClock) -> None:
    job = {**scripted(played("a"), played("b", "a"), seconds=60), "timeout_seconds": 90}
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(90)
    run = client.jobs.get_run(run_id)
    assert words(run) == ("TERMINATED", "TIMEDOUT", "CANCELED")
    assert task_words(run) == {"a": "SUCCESS", "b": "TIMEDOUT"}
    assert run.state is not None
    assert run.state.user_cancelled_or_timedout is True


def test_no_retry_once_the_run_has_timed_out(serve: Serve, clock: ManualClock) -> None:
    task = played("a", max_retries=3, retry_on_timeout=True)
    client = serve({"etl": {**scripted(task, seconds=60), "timeout_seconds": 30}}, clock=clock)
    run_id = client.start("etl")
    clock.advance(300)
    run = client.jobs.get_run(run_id)
    assert words(run)[1] == "TIMEDOUT"
    assert len(run.tasks or []) == 1


def test_a_repair_has_the_whole_time_again(serve: Serve, clock: ManualClock) -> None:
    job = scripted(played("a"), seconds=60, result=["FAILED", "SUCCESS"])
    client = serve({"etl": {**job, "timeout_seconds": 90}}, clock=clock)
    run_id = client.start("etl")
    clock.advance(60)
    repair(client, run_id, rerun_all_failed_tasks=True)
    clock.advance(60)
    assert words(client.jobs.get_run(run_id))[1] == "SUCCESS"


# Concurrency


def test_over_the_limit_without_a_queue(serve: Serve, clock: ManualClock) -> None:
    job = {**scripted(played("a"), seconds=5), "queue": {"enabled": False}}
    client = serve({"etl": job}, clock=clock)
    first = client.start("etl")
    second = client.jobs.get_run(client.start("etl"))
    assert words(second) == (
        "SKIPPED",
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
    )
    assert message_of(second) == (
        "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    )
    clock.advance(5)
    assert words(client.jobs.get_run(first))[1] == "SUCCESS"


def test_over_the_limit_with_a_queue(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": scripted(played("a"), seconds=5)}, clock=clock)
    first, second, third = (client.start("etl") for _ in range(3))
    queued = client.jobs.get_run(second)
    assert words(queued)[0] == "QUEUED"
    assert queued.state is not None
    assert queued.state.queue_reason == "Queued due to reaching maximum concurrent runs of 1."
    assert queued.status is not None
    assert queued.status.queue_details is not None
    assert queued.status.queue_details.code is not None
    assert queued.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    client.jobs.cancel_run(third)
    assert words(client.jobs.get_run(third)) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    clock.advance(5)
    run = client.jobs.get_run(second)
    assert (words(run)[0], run.queue_duration) == ("RUNNING", 5000)
    clock.advance(5)
    assert words(client.jobs.get_run(second))[1] == "SUCCESS"
    assert words(client.jobs.get_run(first))[1] == "SUCCESS"


def test_a_run_may_refuse_the_queue(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": scripted(played("a"), seconds=5)}, clock=clock)
    client.start("etl")
    run = client.jobs.get_run(client.start("etl", queue=QueueSettings(enabled=False)))
    assert words(run)[0] == "SKIPPED"


def test_limit_of_none_skips_all(serve: Serve) -> None:
    client = serve({"etl": {**scripted(played("a")), "max_concurrent_runs": 0}})
    assert words(client.run("etl"))[0] == "SKIPPED"


def test_cancel_is_answered_before_it_is_done(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": scripted(played("a"), played("b", "a"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    client.jobs.cancel_run(run_id)
    run = client.jobs.get_run(run_id)
    assert words(run)[0] == "TERMINATING"
    (first, _) = run.tasks or []
    assert words(first)[0] == "TERMINATING"
    assert [each.run_id for each in client.jobs.list_runs(active_only=True)] == [run_id]
    clock.advance(0)
    run = client.jobs.get_run(run_id)
    assert words(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    assert task_words(run) == {"a": "CANCELED", "b": "CANCELED"}
    clock.advance(60)
    assert words(client.jobs.get_run(run_id))[1] == "CANCELED"


def test_cancel_of_one_task(serve: Serve, clock: ManualClock) -> None:
    client = serve({"etl": scripted(played("a"), played("b", "a"), seconds=5)}, clock=clock)
    run_id = client.start("etl")
    (first, _) = client.jobs.get_run(run_id).tasks or []
    assert first.run_id is not None
    client.jobs.cancel_run(first.run_id)
    clock.advance(0)
    run = client.jobs.get_run(run_id)
    assert task_words(run) == {"a": "CANCELED", "b": "UPSTREAM_CANCELED"}
    assert words(run)[1] == "CANCELED"


def test_cancel_all(serve: Serve, clock: ManualClock) -> None:
    jobs = {"etl": scripted(played("a"), seconds=5), "other": scripted(played("a"), seconds=5)}
    client = serve(jobs, clock=clock)
    running, queued, other = client.start("etl"), client.start("etl"), client.start("other")
    client.jobs.cancel_all_runs(all_queued_runs=True)
    assert [words(client.jobs.get_run(each))[0] for each in (running, queued, other)] == [
        "RUNNING",
        "TERMINATED",
        "RUNNING",
    ]
    client.start("etl")
    client.jobs.cancel_all_runs(job_id=client.job_ids["etl"])
    clock.advance(0)
    active = [run.run_id for run in client.jobs.list_runs(active_only=True)]
    assert active == [other]


# Repair


def repairable(serve: Serve, clock: ManualClock) -> tuple[Client, int]:
    tasks = [played("a"), played("b", "a"), played("c", "b"), played("x")]
    parts = {"b": {"result": ["FAILED", "FAILED", "SUCCESS"]}}
    client = serve({"etl": scripted(*tasks, seconds=1, tasks=parts)}, clock=clock)
    run_id = client.start("etl")
    clock.advance(10)
    assert task_words(client.jobs.get_run(run_id)) == {
        "a": "SUCCESS",
        "b": "FAILED",
        "c": "UPSTREAM_FAILED",
        "x": "SUCCESS",
    }
    return client, run_id


def repair(client: Client, run_id: int, **fields: Any) -> int:
    status, answer = client.http("POST", "/api/2.2/jobs/runs/repair", {"run_id": run_id, **fields})
    assert status == 200, answer
    return int(answer["repair_id"])


def test_repair(serve: Serve, clock: ManualClock) -> None:
    client, run_id = repairable(serve, clock)
    first = repair(client, run_id, rerun_all_failed_tasks=True)
    run = client.jobs.get_run(run_id)
    assert (words(run)[0], run.end_time) == ("RUNNING", 0)
    clock.advance(10)
    assert words(client.jobs.get_run(run_id))[1] == "FAILED"
    with pytest.raises(InvalidParameterValue) as caught:
        client.jobs.repair_run(run_id, rerun_tasks=["b"])
    assert str(caught.value) == (
        "The latest repair ID needs to be provided in order to create a new repair"
    )
    second = repair(
        client, run_id, latest_repair_id=first, rerun_tasks=["b"], rerun_dependent_tasks=True
    )
    clock.advance(10)
    run = client.jobs.get_run(run_id, include_history=True)
    assert words(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert task_words(run) == dict.fromkeys("abcx", "SUCCESS")
    attempts = [task.attempt_number for task in run.tasks or [] if task.task_key == "b"]
    assert attempts == [0, 1, 2]
    history = run.repair_history or []
    assert [(each.id, each.type and each.type.value) for each in history] == [
        (None, "ORIGINAL"),
        (first, "REPAIR"),
        (second, "REPAIR"),
    ]
    assert [words(each)[1] for each in history] == ["FAILED", "FAILED", "SUCCESS"]
    ids = [task.run_id for task in run.tasks or []]
    assert [each.task_run_ids for each in history] == [ids[:4], ids[4:6], ids[6:8]]
    assert all(each.end_time for each in history)
    assert client.jobs.get_run(run_id).repair_history in (None, [])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given."),
        (
            {"rerun_tasks": ["b"], "rerun_all_failed_tasks": True},
            "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given.",
        ),
        ({"rerun_tasks": ["q"]}, "Task q does not exist in the job."),
        (
            {"rerun_tasks": ["b"], "latest_repair_id": 5},
            "The latest repair ID needs to be provided in order to create a new repair",
        ),
    ],
)
def test_refused_repair(
    serve: Serve, clock: ManualClock, fields: dict[str, Any], message: str
) -> None:
    client, run_id = repairable(serve, clock)
    with pytest.raises(InvalidParameterValue) as caught:
        client.jobs.repair_run(run_id, **fields)
    assert str(caught.value) == message


def test_repair_of_a_run_that_is_going(serve: Serve, clock: ManualClock) -> None:
    client, run_id = repairable(serve, clock)
    client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    with pytest.raises(InvalidState, match="is still active"):
        client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)


def test_repair_with_other_parameters(serve: Serve) -> None:
    job = {
        "parameters": [{"name": "day", "default": "monday"}],
        "tasks": [script("main", "main.py", "{{job.parameters.day}}", "{{job.repair_count}}")],
    }
    code = "import sys; print(sys.argv[1:]); assert sys.argv[1] == 'friday'"
    client = serve({"etl": job}, {"main.py": code})
    run = client.run("etl")
    assert run.run_id is not None
    client.jobs.repair_run(run.run_id, rerun_tasks=["main"], job_parameters={"day": "friday"})
    run = client.finish(run.run_id)
    assert words(run)[1] == "SUCCESS"
    assert client.outputs(run)["main"].logs == "['friday', '1']\n"
