"""The commands for existing runs: watch, cancel and repair."""

from __future__ import annotations

import json

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs.runs.outcome import select_last_attempts
from tests.cli.conftest import RunFlask, start_run
from tests.support import RunGate


def test_watch_follows_an_existing_run(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "words", "-p", "args=x")
    result = flask_jobs("watch", "words", run_id)
    assert (result.exit_code, result.stdout) == (0, "x\n")


def test_watch_as_json_prints_a_line_per_update(flask_jobs: RunFlask, run_gate: RunGate) -> None:
    run_id = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    waits = (  # on a busy machine, the first one may end before the first poll
        flask_jobs("watch", "held", run_id, "--timeout", seconds, "--json")
        for seconds in ("0.3", "3", "60")
    )
    timed_out = next(wait for wait in waits if wait.stdout)
    assert timed_out.exit_code == 4
    run_gate.open()
    result = flask_jobs("watch", "held", run_id, "--json")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in (timed_out.stdout + result.stdout).splitlines()]
    assert {(line["job"], line["runId"]) for line in lines} == {("held", int(run_id))}
    assert lines[0]["status"] != "TERMINATED"
    assert lines[-1]["outcome"] == "succeeded"
    assert set(lines[-1]) == {"job", "runId", "status", "outcome", "timestamp", "run"}


def test_watch_of_a_failed_run_exits_with_1(flask_jobs: RunFlask) -> None:
    run_id = flask_jobs("run", "broken", "--json").document["runId"]
    result = flask_jobs("watch", "broken", str(run_id))
    assert result.exit_code == 1
    assert "Task clean: FAILED" in result.stderr


def test_cancel_ends_the_run_and_its_watch_exits_with_3(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "held", "-p", "gate=/nowhere")
    canceled = flask_jobs("cancel", "held", run_id)
    assert (canceled.exit_code, canceled.stdout) == (0, "")
    assert canceled.stderr.endswith(f"flask jobs watch held {run_id}\n")
    result = flask_jobs("watch", "held", run_id)
    assert result.exit_code == 3
    assert f"Error: Run {run_id} of held: CANCELED." in result.stderr
    assert result.stderr.count("Run cancelled.") == 1
    shown = flask_jobs("show", "held", run_id).stdout
    assert "Canceled: by " in shown
    assert "Run cancelled." not in shown
    again = flask_jobs("cancel", "held", run_id)
    assert (again.exit_code, again.stderr) == (0, f"Run {run_id} had already ended: CANCELED.\n")


def test_repair_of_an_active_run_fails(flask_jobs: RunFlask, run_gate: RunGate) -> None:
    run_id = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    result = flask_jobs("repair", "held", run_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"Error: Run {run_id} has not ended." in result.stderr


def test_repair_reruns_failed_tasks_and_follows_the_run(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "broken", "--json").document["runId"])
    result = flask_jobs("repair", "broken", run_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Task clean: FAILED, attempt 2" in result.stderr
    again = flask_jobs("repair", "broken", run_id, "--json")
    assert again.exit_code == 1
    assert again.document["runId"] == int(run_id)
    assert again.document["repairId"] > 0
    assert again.document["explanation"]["tasks"][0]["attempt"] == 2


def test_repair_without_waiting_prints_its_id(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "broken", "--json").document["runId"])
    result = flask_jobs("repair", "broken", run_id, "--no-wait")
    assert result.exit_code == 0
    assert result.stdout.strip().isdecimal()
    assert result.stderr == (
        "Rerunning clean (failed), load (upstream failed).\n"
        f"Watch it: flask jobs watch broken {run_id}\n"
    )
    flask_jobs("watch", "broken", run_id)
    as_json = flask_jobs("repair", "broken", run_id, "--no-wait", "--json")
    assert set(as_json.document) == {"repairId"}
    flask_jobs("watch", "broken", run_id)


@pytest.mark.parametrize(
    ("options", "attempts"),
    [
        (["--only", "read"], {"read": 1, "report": 0}),
        (["--only", "read", "--dependents"], {"read": 1, "report": 1}),
    ],
)
def test_repair_of_a_successful_run_reruns_named_tasks(
    flask_jobs: RunFlask, options: list[str], attempts: dict[str, int]
) -> None:
    first = flask_jobs("run", "etl", "-p", "day=2013-01-02", "--json").document
    result = flask_jobs("repair", "etl", str(first["runId"]), *options, "--json")
    assert result.exit_code == 0
    tasks = select_last_attempts(Run.from_dict(result.document["run"]).tasks)
    assert {task.task_key: task.attempt_number for task in tasks} == attempts


def test_repair_of_a_successful_run_needs_task_keys(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "words", "--json").document["runId"])
    result = flask_jobs("repair", "words", run_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Name the tasks to rerun." in result.stderr
    refused = flask_jobs("repair", "words", run_id, "--only", "nope")
    assert refused.exit_code == 2
    assert refused.stderr == "Error: The job 'words' has no task 'nope'. Its tasks: say.\n"
