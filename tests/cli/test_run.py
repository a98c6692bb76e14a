"""``flask jobs run``."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import JobConfig, LakeflowJobs, run_finished
from flask_lakeflow_jobs.testing import FaultyWorkspace, GatewayPage
from flask_lakeflow_jobs.watching.hub import Hub
from tests.cli import apps
from tests.cli.conftest import RunFlask
from tests.support import DEADLINE, RunGate


class ObjectParams(Schema):
    obj = fields.Dict()


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (JobConfig(task_type="job", params=ObjectParams), "obj"),
        (JobConfig(), "job_parameters"),
    ],
)
def test_object_parameter_as_text_suggests_a_file(
    flask_jobs: RunFlask, job_ids: Mapping[str, int], job: JobConfig, name: str
) -> None:
    app = Flask("app")
    LakeflowJobs(app, jobs={"object": replace(job, job_id=job_ids["etl"])})
    result = flask_jobs("run", "object", "-p", f'{name}={{"a": 1}}', of=app)
    assert (result.exit_code, result.stdout) == (2, "")
    advice, error, *_ = result.stderr.splitlines()
    assert advice == f"{name} is an object. Pass it in a JSON file, with --params-file."
    assert error.startswith("Error: ")


@pytest.mark.parametrize(
    ("job", "warning"),
    [
        (JobConfig(task_type="job"), "etl defines no parameter 'dayy'. Did you mean 'day'?"),
        (JobConfig(task_type="notebook"), None),  # a notebook may read any
    ],
)
def test_parameter_that_the_job_does_not_define_is_named(
    flask_jobs: RunFlask, job_ids: Mapping[str, int], job: JobConfig, warning: str | None
) -> None:
    app = Flask("app")
    LakeflowJobs(app, jobs={"etl": replace(job, job_id=job_ids["etl"])})
    result = flask_jobs("run", "etl", "-p", "dayy=1", "--no-wait", of=app)
    assert result.exit_code == 0
    assert result.stdout.strip().isdecimal()
    assert (result.stderr.splitlines()[0] == warning) is (warning is not None)


def test_run_follows_and_prints_the_outputs(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "etl", "-p", "day=2013-01-02", "-p", "rows=5", "-p", "dry=yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        *("=======", "Task read:", "5 rows of ☃"),
        *("=======", "Task report:", '{"day": "2013-01-02", "dry": "true", "rows": "5"}'),
    ]
    first, *updates = result.stderr.splitlines()
    assert first.startswith("Run URL: http://127.0.0.1:")
    assert "/jobs/" in first
    states = [line.split()[1:3] for line in updates]
    assert ["report", "SUCCEEDED"] in states
    assert states[-1][0] == "SUCCEEDED"
    assert "Error" not in result.stderr


def test_run_ends_after_the_receivers_of_its_end(
    flask_jobs: RunFlask, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, printed, received = Flask("app"), threading.Event(), []
    LakeflowJobs(app, jobs={"etl": JobConfig(job_ids["etl"])})
    wait_for_polls = Hub.wait_for_polls

    def wait(hub: Hub) -> None:
        printed.set()
        wait_for_polls(hub)

    @run_finished.connect_via(app)
    def receive(sender: Flask, run_id: int, **extra: object) -> None:
        printed.wait(DEADLINE)
        received.append(run_id)

    monkeypatch.setattr(Hub, "wait_for_polls", wait)
    assert flask_jobs("run", "etl", of=app).exit_code == 0
    assert len(received) == 1


@pytest.mark.parametrize(
    ("params", "stdout"),
    [
        (["-p", "args=a=1"], "a=1\n"),
        (["-p", "args=a", "-p", "args=b"], "a\nb\n"),
        ([], ""),
    ],
)
def test_run_of_one_task_prints_only_its_output(
    flask_jobs: RunFlask, params: list[str], stdout: str
) -> None:
    result = flask_jobs("run", "words", *params)
    assert (result.exit_code, result.stdout) == (0, stdout)


def test_failed_run_prints_the_error_and_exits_with_1(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "broken")
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == lines[-1]
    assert lines[0].startswith("Run URL: ")
    assert any(line.startswith("Error: Run ") and "of broken: FAILED." in line for line in lines)
    explanation = lines[lines.index("Task clean: FAILED") :]
    assert "  Traceback (most recent call last):" in explanation
    assert "  ValueError: row 7 has no date" in explanation
    assert "UPSTREAM_FAILED" not in "".join(explanation)


@pytest.mark.parametrize(("options", "exit_code"), [([], 0), (["--strict"], 1)])
def test_success_with_failures_exits_with_1_only_if_strict(
    flask_jobs: RunFlask, options: list[str], exit_code: int
) -> None:
    result = flask_jobs("run", "partly", *options)
    assert result.exit_code == exit_code
    assert "Task tidy:\ntidy\n" in result.stdout
    prefix = "Error" if exit_code else "Warning"
    assert f"{prefix}: Run " in result.stderr
    assert "of partly: SUCCEEDED_WITH_FAILURES." in result.stderr
    assert "Task clean: FAILED" in result.stderr


@pytest.mark.parametrize(
    ("job", "exit_code", "outcome"), [("late", 4, "TIMED_OUT"), ("full", 5, "SKIPPED")]
)
def test_unsuccessful_run_prints_its_outcome(
    flask_jobs: RunFlask, job: str, exit_code: int, outcome: str
) -> None:
    result = flask_jobs("run", job)
    assert result.exit_code == exit_code
    assert f"of {job}: {outcome}." in result.stderr


def test_run_continues_after_the_timeout(flask_jobs: RunFlask, run_gate: RunGate) -> None:
    result = flask_jobs(
        "run", "held", "-p", f"gate={run_gate.params['gate']}", "--timeout", "0.3", "--json"
    )
    run_id = str(result.document["runId"])
    assert result.exit_code == 4
    assert f"Error: Run {run_id} has not ended within 0.3 seconds. It continues." in result.stderr
    assert result.stderr.splitlines()[-1] == f"Watch it again: flask jobs watch held {run_id}"
    run_gate.open()
    assert flask_jobs("watch", "held", run_id).exit_code == 0


def test_run_as_json_prints_one_object(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "etl", "-p", "day=2013-01-02", "--output", "json")
    document = result.document
    assert document["job"] == "etl"
    assert document["outcome"] == "succeeded"
    assert document["run"]["run_id"] == document["runId"]
    assert document["outputs"]["read"]["logs"] == "3 rows of ☃\n"
    assert json.loads(document["outputs"]["report"]["notebook_output"]["result"])["rows"] == "3"
    assert "explanation" not in document
    assert result.stderr.startswith("Run URL: ")


def test_failed_run_as_json_has_an_explanation(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "broken", "--json")
    assert result.exit_code == 1
    assert result.document["outcome"] == "failed"
    (task,) = result.document["explanation"]["tasks"]
    assert task["task_key"] == "clean"
    assert task["error"] == "ValueError: row 7 has no date"


def test_run_without_waiting_prints_the_run_id(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "words", "--no-wait")
    run_id = result.stdout.strip()
    assert result.exit_code == 0
    assert run_id.isdecimal()
    url, last = result.stderr.splitlines()
    assert url.startswith("Run URL: ")
    assert re.search(rf"/jobs/\d+/runs/{run_id}\?o=\d+$", url)
    assert last == f"Watch it: flask jobs watch words {run_id}"
    as_json = flask_jobs("run", "words", "--no-wait", "--json")
    assert set(as_json.document) == {"runId", "replayed"}


def test_run_without_waiting_survives_an_unreadable_run(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask
) -> None:
    fault_proxy.fail(GatewayPage(), path="jobs/runs/get")
    result = flask_jobs("run", "words", "--no-wait", of=apps.create_app())
    assert result.exit_code == 0
    assert result.stderr == f"Watch it: flask jobs watch words {result.stdout}"


def test_param_takes_precedence_over_the_params_file(flask_jobs: RunFlask, tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"day": "2013-01-02", "rows": 7, "dry": true}')
    result = flask_jobs("run", "etl", "--params-file", str(file), "-p", "rows=8")
    assert '{"day": "2013-01-02", "dry": "true", "rows": "8"}' in result.stdout


def test_params_file_may_be_stdin(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "words", "--params-file", "-", input='{"args": ["x", "y"]}')
    assert result.stdout == "x\ny\n"


def test_only_runs_the_named_tasks(flask_jobs: RunFlask) -> None:
    result = flask_jobs("run", "etl", "-p", "day=2013-01-02", "--only", "read", "--json")
    assert result.exit_code == 0
    assert result.document["outputs"]["read"]["logs"] == "3 rows of ☃\n"
    outcomes = {
        task["task_key"]: task["state"].get("result_state")
        for task in result.document["run"]["tasks"]
    }
    assert outcomes.get("report", "EXCLUDED") == "EXCLUDED"


@pytest.mark.parametrize("options", [[], ["--restart"]])
def test_unknown_task_and_missing_parameter_are_one_error(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, options: list[str]
) -> None:
    result = flask_jobs("run", "etl", "--only", "raed", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "The job 'etl' has no task 'raed'. Did you mean 'read'?" in result.stderr
    assert result.stderr.count("day: Missing data for required field.") == 1
    assert not fault_proxy.find_requests("POST", "run-now")


def test_missing_parameter_is_named_if_the_tasks_are_right_or_unknown(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask
) -> None:
    right = flask_jobs("run", "etl", "--only", "read")
    fault_proxy.fail(GatewayPage(502), path="jobs/get")
    unknown = flask_jobs("run", "etl", "--only", "raed", of=apps.create_app())
    assert right.stderr.endswith(" parameters. day: Missing data for required field.\n")
    assert "no task" not in right.stderr
    assert unknown == right


def test_idempotency_key_starts_one_run(flask_jobs: RunFlask) -> None:
    first = flask_jobs("run", "words", "--idempotency-key", "k", "--no-wait")
    again = flask_jobs("run", "words", "--idempotency-key", "k", "--no-wait", "--json")
    assert again.document == {"runId": int(first.stdout), "replayed": True}
    assert f"started run {first.stdout.strip()} before. No new run was started." in again.stderr
    other = flask_jobs("run", "words", "--idempotency-key", "k", "-p", "args=x")
    assert (other.exit_code, other.stdout) == (1, "")
    assert "Error: This idempotency key was used before" in other.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["etl"], "day: Missing data for required field."),
        (["etl", "-p", "day=soon"], "day: Not a valid date."),
        (["etl", "-p", "day=2013-01-02", "-p", "rows=1", "-p", "rows=2"], "rows: "),
        (["etl", "-p", "day=2013-01-02", "-p", "colour=red"], "colour: Unknown field."),
        (["words", "-p", "colour=red"], "colour: "),
        (["words", "-p", "args"], "must be name=value"),
        (["words", "--params-file", "/nowhere/params.json"], "/nowhere/params.json"),
        (["words", "--timeout", "soon"], "is not a duration"),
        (["words", "--only", ",a"], "must be names separated by commas"),
        (["words", "--idempotency-key", ""], "empty"),
        (["words", "--output", "yaml"], "yaml"),
        (["nope"], "Its jobs: 'broken', 'each', 'etl'"),
        ([], "Which job? This app has several: etl, held, words"),
        (["words", "extra"], "extra"),
    ],
)
def test_invalid_input_starts_nothing(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, args: list[str], message: str
) -> None:
    result = flask_jobs("run", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Error" in result.stderr
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []
