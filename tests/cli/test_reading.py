"""The commands for runs that exist, in this process, in front of a real workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from databricks.sdk.service.jobs import Run as JobRun
from flask import Flask

from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.runs.outcome import select_last_attempts
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Reply
from tests.cli import shop
from tests.cli.conftest import SEPARATE, Ended, Run, started
from tests.support import RunGate

# ── which job, which run ──────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("one_job")
def test_the_only_job_needs_no_name() -> None:
    app = shop.create_app_of_one_job()
    runner = app.test_cli_runner(**SEPARATE)

    def jobs(*args: str) -> Ended:
        result = runner.invoke(args=["jobs", *args])
        return Ended(result.exit_code, result.stdout, result.stderr)

    run_id = started(jobs)
    assert jobs("watch", run_id).code == 0
    assert jobs("watch", "default", run_id).code == 0
    assert jobs("status").stdout.startswith(f"Run:      {run_id} of default\n")


@pytest.mark.parametrize("command", ["watch", "show", "output", "cancel", "repair"])
@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "[KEY] RUN"),
        (["1"], "Which job?"),
        (["etl"], "Which run of etl? They are listed by: flask jobs runs etl"),
        (["etl", "1001abc"], "A run id is a positive whole number, not '1001abc'."),
        (["etl", "0"], "A run id is"),
        (["etl", "1", "2"], "Got more than a job's key and a run id"),
        (["nope", "1"], "This app has no job 'nope'"),
        (["etl", "1"], "The job 'etl' has no run 1."),
    ],
)
def test_a_run_that_is_not_there_is_a_usage_error(
    jobs: Run, command: str, words: list[str], why: str
) -> None:
    ended = jobs(command, *words)
    assert (ended.code, ended.stdout) == (2, "")
    assert why in ended.stderr


@pytest.mark.parametrize("command", ["watch", "show", "output", "cancel", "repair"])
def test_a_run_of_another_job_is_not_there(jobs: Run, command: str) -> None:
    run_id = started(jobs, "words")
    ended = jobs(command, "etl", run_id)
    assert (ended.code, ended.stdout) == (2, "")
    assert f"The job 'etl' has no run {run_id}." in ended.stderr


def test_an_app_without_jobs_says_how_to_get_some(
    jobs: Run, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in job_ids:
        monkeypatch.delenv(build_env_name(key))
    ended = jobs("run", of=shop.create_app_of_one_job())
    assert ended.code == 2
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME>" in ended.stderr
    listed = jobs("list", of=shop.create_app_of_one_job())
    assert (listed.code, listed.stdout) == (0, "")
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME>" in listed.stderr


# ── watch, cancel, repair ─────────────────────────────────────────────────────────────────────────


def test_watch_picks_up_a_run(jobs: Run) -> None:
    run_id = started(jobs, "words", "-p", "args=x")
    ended = jobs("watch", "words", run_id)
    assert (ended.code, ended.stdout) == (0, "x\n")


def test_as_json_watch_prints_a_line_per_change(jobs: Run, run_gate: RunGate) -> None:
    run_id = started(jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    over = jobs("watch", "held", run_id, "--timeout", "0.3", "--json")
    assert over.code == 4
    run_gate.open()
    ended = jobs("watch", "held", run_id, "--json")
    assert ended.code == 0
    lines = [json.loads(line) for line in (over.stdout + ended.stdout).splitlines()]
    assert {(line["job"], line["runId"]) for line in lines} == {("held", int(run_id))}
    assert lines[0]["status"] != "TERMINATED"
    assert lines[-1]["outcome"] == "succeeded"
    assert set(lines[-1]) == {"job", "runId", "status", "outcome", "timestamp", "run"}


def test_watching_a_failed_run_exits_as_its_run_did(jobs: Run) -> None:
    run_id = jobs("run", "broken", "--json").document["runId"]
    ended = jobs("watch", "broken", str(run_id))
    assert ended.code == 1
    assert "Task clean: FAILED" in ended.stderr


def test_a_canceled_run_exits_with_3(jobs: Run) -> None:
    run_id = started(jobs, "held", "-p", "gate=/nowhere")
    asked = jobs("cancel", "held", run_id)
    assert (asked.code, asked.stdout) == (0, "")
    assert asked.stderr.endswith(f"flask jobs watch held {run_id}\n")
    ended = jobs("watch", "held", run_id)
    assert ended.code == 3
    assert f"Error: Run {run_id} of held: CANCELED." in ended.stderr


def test_a_run_that_goes_on_cannot_be_repaired(jobs: Run, run_gate: RunGate) -> None:
    run_id = started(jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    ended = jobs("repair", "held", run_id)
    assert (ended.code, ended.stdout) == (1, "")
    assert f"Error: Run {run_id} has not ended." in ended.stderr


def test_repair_runs_what_failed_again_and_follows_it(jobs: Run) -> None:
    run_id = str(jobs("run", "broken", "--json").document["runId"])
    ended = jobs("repair", "broken", run_id)
    assert (ended.code, ended.stdout) == (1, "")
    assert "Task clean: FAILED, attempt 2" in ended.stderr
    again = jobs("repair", "broken", run_id, "--json")
    assert again.code == 1
    assert again.document["runId"] == int(run_id)
    assert again.document["repairId"] > 0
    assert again.document["explanation"]["tasks"][0]["attempt"] == 2


def test_without_waiting_the_result_of_repair_is_its_id(jobs: Run) -> None:
    run_id = str(jobs("run", "broken", "--json").document["runId"])
    ended = jobs("repair", "broken", run_id, "--no-wait")
    assert ended.code == 0
    assert ended.stdout.strip().isdecimal()
    assert ended.stderr == f"Watch it: flask jobs watch broken {run_id}\n"
    jobs("watch", "broken", run_id)
    as_json = jobs("repair", "broken", run_id, "--no-wait", "--json")
    assert set(as_json.document) == {"repairId"}
    jobs("watch", "broken", run_id)


@pytest.mark.parametrize(
    ("options", "attempts"),
    [
        (["--only", "read"], {"read": 1, "report": 0}),
        (["--only", "read", "--dependents"], {"read": 1, "report": 1}),
    ],
)
def test_tasks_of_a_run_that_succeeded_run_again_if_they_are_named(
    jobs: Run, options: list[str], attempts: dict[str, int]
) -> None:
    first = jobs("run", "etl", "-p", "day=2013-01-02", "--json").document
    ended = jobs("repair", "etl", str(first["runId"]), *options, "--json")
    assert ended.code == 0
    tasks = select_last_attempts(JobRun.from_dict(ended.document["run"]).tasks)
    assert {task.task_key: task.attempt_number for task in tasks} == attempts


def test_a_run_without_a_failure_is_not_repaired_unasked(jobs: Run) -> None:
    run_id = str(jobs("run", "words", "--json").document["runId"])
    ended = jobs("repair", "words", run_id)
    assert (ended.code, ended.stdout) == (1, "")
    assert "Name the tasks to rerun." in ended.stderr
    refused = jobs("repair", "words", run_id, "--only", "nope")
    assert refused.code == 2
    assert "Task nope does not exist" in refused.stderr


# ── read ──────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_the_jobs(jobs: Run, job_ids: Mapping[str, int]) -> None:
    header, *rows = jobs("list").stdout.splitlines()
    assert header.split() == ["KEY", "JOB", "ID", "TASK", "TYPE", "RUNS", "AS", "DESCRIPTION"]
    etl = next(row for row in rows if row.startswith("etl "))
    assert etl.split() == ["etl", str(job_ids["etl"]), "job", "app", "Flights", "by", "day"]
    assert len(rows) == len(job_ids)


def test_as_json_reads_are_as_over_http(app: Flask, jobs: Run) -> None:
    run_id = started(jobs, "words", "-p", "args=x")
    jobs("watch", "words", run_id)
    client = app.test_client()
    for args, path in [
        (["runs", "words"], "/words/runs"),
        (["runs", "words", "--limit", "1"], "/words/runs?limit=1"),
        (["show", "words", run_id], f"/words/runs/{run_id}"),
        (["status", "words"], "/words/status"),
        (["output", "words", run_id], f"/words/runs/{run_id}/output"),
    ]:
        assert jobs(*args, "--json").document == client.get(f"/api/jobs{path}").get_json()
    assert jobs("list", "--json").document == client.get("/api/jobs").get_json()


def test_runs_are_listed_newest_first(jobs: Run) -> None:
    older, newer = started(jobs, "words"), started(jobs, "words")
    rows = jobs("runs", "words", "--limit", "2").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [newer, older]


def test_show_tells_the_tasks_and_why_a_run_failed(jobs: Run) -> None:
    run_id = jobs("run", "broken", "--json").document["runId"]
    ended = jobs("show", "broken", str(run_id))
    assert ended.code == 0
    assert ended.stdout.startswith(f"Run:      {run_id} of broken\nOutcome:  FAILED\n")
    assert "\nload   UPSTREAM_FAILED  1 " in ended.stdout
    assert ended.stdout.endswith("  ValueError: row 7 has no date\n")


def test_a_job_without_runs_has_no_status(
    jobs: Run, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    fault_proxy.fail(_no_runs, path="jobs/runs/list")
    for command in ("status", "runs"):
        ended = jobs(command, "etl")
        assert (ended.code, ended.stdout, ended.stderr) == (0, "", "etl has no runs yet.\n")
    nothing = {"status": None, "outcome": None, "run": None}
    assert jobs("status", "etl", "--json").document == nothing
    assert jobs("runs", "etl", "--json").document == {"runs": []}


def _no_runs(exchange: Exchange) -> None:
    exchange.respond(Reply(200, {"Content-Type": "application/json"}, b"{}"))
