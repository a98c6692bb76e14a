"""``flask jobs run``, in this process, in front of a workspace that really runs the tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.testing import FaultyWorkspace, GatewayPage
from tests.cli import shop
from tests.cli.conftest import Run
from tests.support import RunGate


class Nested(Schema):
    """A parameter that no text can give."""

    obj = fields.Dict()


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (JobConfig(task_type="job", params=Nested), "obj"),
        (JobConfig(), "job_parameters"),
    ],
)
def test_an_object_belongs_into_a_file(
    jobs: Run, job_ids: Mapping[str, int], job: JobConfig, name: str
) -> None:
    app = Flask("app")
    LakeflowJobs(app, jobs={"nested": replace(job, job_id=job_ids["etl"])})
    ended = jobs("run", "nested", "-p", f'{name}={{"a": 1}}', of=app)
    assert (ended.code, ended.stdout) == (2, "")
    hint, *error = ended.stderr.splitlines()
    assert hint == f"{name} is an object: give it in a JSON file, by --params-file."
    assert error[0].startswith("Error: ")


def test_run_follows_and_prints_what_came_out(jobs: Run) -> None:
    ended = jobs("run", "etl", "-p", "day=2013-01-02", "-p", "rows=5", "-p", "dry=yes")
    assert ended.code == 0
    assert ended.stdout.splitlines() == [
        *("=======", "Task read:", "5 rows of ☃"),
        *("=======", "Task report:", '{"day": "2013-01-02", "dry": "true", "rows": "5"}'),
    ]
    first, *changes = ended.stderr.splitlines()
    assert first.startswith("Run URL: http://127.0.0.1:")
    assert "/jobs/" in first
    told = [line.split()[1:3] for line in changes]
    assert ["report", "SUCCEEDED"] in told
    assert told[-1][0] == "SUCCEEDED"
    assert "Error" not in ended.stderr


@pytest.mark.parametrize(
    ("params", "stdout"),
    [
        (["-p", "args=a=1"], "a=1\n"),
        (["-p", "args=a", "-p", "args=b"], "a\nb\n"),
        ([], ""),
    ],
)
def test_the_output_of_one_task_is_bare(jobs: Run, params: list[str], stdout: str) -> None:
    ended = jobs("run", "words", *params)
    assert (ended.code, ended.stdout) == (0, stdout)


def test_a_failed_run_tells_why_and_never_exits_0(jobs: Run) -> None:
    ended = jobs("run", "broken")
    assert (ended.code, ended.stdout) == (1, "")
    lines = ended.stderr.splitlines()
    assert lines[0] == lines[-1]
    assert lines[0].startswith("Run URL: ")
    assert any(line.startswith("Error: Run ") and "of broken: FAILED." in line for line in lines)
    where = lines.index("Task clean: FAILED")
    assert "  Traceback (most recent call last):" in lines[where:]
    assert "  ValueError: row 7 has no date" in lines[where:]
    assert "UPSTREAM_FAILED" not in "".join(lines[where:])


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_a_success_with_failures_is_as_strict_as_is_asked_for(
    jobs: Run, options: list[str], code: int
) -> None:
    ended = jobs("run", "partly", *options)
    assert ended.code == code
    assert "Task tidy:\ntidy\n" in ended.stdout
    said = "Error" if code else "Warning"
    assert f"{said}: Run " in ended.stderr
    assert "of partly: SUCCEEDED_WITH_FAILURES." in ended.stderr
    assert "Task clean: FAILED" in ended.stderr


@pytest.mark.parametrize(
    ("job", "code", "word"), [("late", 4, "TIMED_OUT"), ("full", 5, "SKIPPED")]
)
def test_each_end_has_its_exit_code_and_word(jobs: Run, job: str, code: int, word: str) -> None:
    ended = jobs("run", job)
    assert ended.code == code
    assert f"of {job}: {word}." in ended.stderr


def test_the_run_goes_on_when_the_wait_is_over(jobs: Run, run_gate: RunGate) -> None:
    ended = jobs(
        "run", "held", "-p", f"gate={run_gate.params['gate']}", "--timeout", "0.3", "--json"
    )
    run_id = str(ended.document["runId"])
    assert ended.code == 4
    assert ended.document["status"] == "RUNNING"
    assert f"Error: Run {run_id} has not ended within 0.3 seconds. It continues." in ended.stderr
    assert ended.stderr.splitlines()[-1] == f"Watch it again: flask jobs watch held {run_id}"
    run_gate.open()
    assert jobs("watch", "held", run_id).code == 0


def test_as_json_the_result_is_one_object(jobs: Run) -> None:
    ended = jobs("run", "etl", "-p", "day=2013-01-02", "--output", "json")
    document = ended.document
    assert document["job"] == "etl"
    assert document["outcome"] == "succeeded"
    assert document["run"]["run_id"] == document["runId"]
    assert document["outputs"]["read"]["logs"] == "3 rows of ☃\n"
    assert json.loads(document["outputs"]["report"]["notebook_output"]["result"])["rows"] == "3"
    assert "explanation" not in document
    assert ended.stderr.startswith("Run URL: ")


def test_as_json_a_failure_is_explained(jobs: Run) -> None:
    ended = jobs("run", "broken", "--json")
    assert ended.code == 1
    assert ended.document["outcome"] == "failed"
    (task,) = ended.document["explanation"]["tasks"]
    assert task["task_key"] == "clean"
    assert task["error"] == "ValueError: row 7 has no date"


def test_without_waiting_the_result_is_the_run_id(jobs: Run) -> None:
    ended = jobs("run", "words", "--no-wait")
    run_id = ended.stdout.strip()
    assert ended.code == 0
    assert run_id.isdecimal()
    url, last = ended.stderr.splitlines()
    assert url.startswith("Run URL: ")
    assert re.search(rf"/jobs/\d+/runs/{run_id}\?o=\d+$", url)
    assert last == f"Watch it: flask jobs watch words {run_id}"
    as_json = jobs("run", "words", "--no-wait", "--json")
    assert set(as_json.document) == {"runId", "replayed"}


def test_a_run_that_was_started_is_told_even_if_nothing_can_be_read_any_more(
    fault_proxy: FaultyWorkspace, jobs: Run
) -> None:
    fault_proxy.fail(GatewayPage(), path="jobs/runs/get")
    ended = jobs("run", "words", "--no-wait", of=shop.create_app())
    assert ended.code == 0
    assert ended.stderr == f"Watch it: flask jobs watch words {ended.stdout}"


def test_a_file_of_parameters_gives_way_to_those_on_the_line(jobs: Run, tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"day": "2013-01-02", "rows": 7, "dry": true}')
    ended = jobs("run", "etl", "--params-file", str(file), "-p", "rows=8")
    assert '{"day": "2013-01-02", "dry": "true", "rows": "8"}' in ended.stdout


def test_parameters_may_come_from_stdin(jobs: Run) -> None:
    ended = jobs("run", "words", "--params-file", "-", input='{"args": ["x", "y"]}')
    assert ended.stdout == "x\ny\n"


def test_only_some_tasks_run(jobs: Run) -> None:
    ended = jobs("run", "etl", "-p", "day=2013-01-02", "--only", "read", "--json")
    assert ended.code == 0
    assert ended.document["outputs"]["read"]["logs"] == "3 rows of ☃\n"
    outcomes = {
        task["task_key"]: task["state"].get("result_state")
        for task in ended.document["run"]["tasks"]
    }
    assert outcomes.get("report", "EXCLUDED") == "EXCLUDED"


def test_one_idempotency_key_is_one_run(jobs: Run) -> None:
    first = jobs("run", "words", "--idempotency-key", "k", "--no-wait")
    again = jobs("run", "words", "--idempotency-key", "k", "--no-wait", "--json")
    assert again.document == {"runId": int(first.stdout), "replayed": True}
    assert "started run" in again.stderr
    assert "nothing new" in again.stderr
    other = jobs("run", "words", "--idempotency-key", "k", "-p", "args=x")
    assert (other.code, other.stdout) == (1, "")
    assert "Error: This idempotency key was used before" in other.stderr


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["etl"], "day: Missing data for required field."),
        (["etl", "-p", "day=soon"], "day: Not a valid date."),
        (["etl", "-p", "day=2013-01-02", "-p", "rows=1", "-p", "rows=2"], "rows: "),
        (["etl", "-p", "day=2013-01-02", "-p", "colour=red"], "colour: Unknown field."),
        (["words", "-p", "colour=red"], "colour: "),
        (["words", "-p", "args"], "must be name=value"),
        (["words", "--params-file", "/nowhere/params.json"], "/nowhere/params.json"),
        (["words", "--timeout", "soon"], "no length of time"),
        (["words", "--only", ",a"], "task keys"),
        (["words", "--idempotency-key", ""], "empty"),
        (["words", "--output", "yaml"], "yaml"),
        (["nope"], "Its jobs: 'broken', 'etl'"),
        ([], "Which job? This app has several: etl, held, words"),
        (["words", "extra"], "extra"),
    ],
)
def test_bad_input_starts_nothing(
    fault_proxy: FaultyWorkspace, jobs: Run, args: list[str], why: str
) -> None:
    ended = jobs("run", *args)
    assert (ended.code, ended.stdout) == (2, "")
    assert why in ended.stderr
    assert "Error" in ended.stderr
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []
