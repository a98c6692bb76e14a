"""The commands that show jobs and runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import click
import pytest
from flask import Flask

from flask_lakeflow_jobs.cli import show as show_commands
from flask_lakeflow_jobs.testing import Drop, Exchange, FaultyWorkspace, Refusal, Reply
from tests.cli import apps
from tests.cli.conftest import RunFlask, start_run
from tests.support import RunGate

TEN_HOURS = 10 * 3_600_000


def test_list_has_a_row_for_each_job(flask_jobs: RunFlask, job_ids: Mapping[str, int]) -> None:
    flask_jobs("run", "broken")
    header, *rows = flask_jobs("list").stdout.splitlines()
    assert header.split("  ")[0] == "KEY"
    assert "TASK TYPE" not in header
    assert "JOB ID" not in header, "with it, no line of 80 characters has room for a description"
    etl = next(row for row in rows if row.startswith("etl "))
    assert etl.endswith("  Flights by day")
    assert next(row for row in rows if row.startswith("broken ")).split()[1] == "FAILED"
    assert len(rows) == len(job_ids)


def test_list_as_wide_table_has_all_columns(
    flask_jobs: RunFlask, job_ids: Mapping[str, int]
) -> None:
    header, *rows = flask_jobs("list", "-o", "wide").stdout.splitlines()
    assert header.split("  ")[-2:] == ["RUNS AS", "DESCRIPTION"]
    etl = next(row for row in rows if row.startswith("etl "))
    assert etl.split()[-6:] == [str(job_ids["etl"]), "job", "app", "Flights", "by", "day"]


@pytest.mark.usefixtures("own_workspace")
def test_list_has_descriptions_of_the_bundle(flask_jobs: RunFlask) -> None:
    """Descriptions in a real workspace would take a request per job."""
    _, *rows = flask_jobs("list", of=apps.create_app()).stdout.splitlines()
    assert next(row for row in rows if row.startswith("words ")).endswith("  Prints its arguments")
    assert next(row for row in rows if row.startswith("etl ")).endswith("  Flights by day")


@pytest.mark.usefixtures("own_workspace")
def test_list_does_not_start_a_local_workspace_and_names_the_command(flask_jobs: RunFlask) -> None:
    result = flask_jobs("list", of=apps.create_app())
    assert "start the local workspace: flask jobs local\n" in result.stderr
    assert flask_jobs("local", "--status", of=apps.create_app()).stdout == "Not running.\n"


def test_list_without_workspace_warns_and_has_its_jobs(
    flask_jobs: RunFlask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    fault_proxy.fail(Drop())
    result = flask_jobs("list")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1 + len(job_ids))
    assert (
        f"Warning: Cannot read the newest runs of {len(job_ids)} of {len(job_ids)} jobs:"
        in result.stderr
    )
    assert result.stderr.count("Warning:") == 1


def test_list_waits_only_so_long_for_the_newest_runs(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch, job_ids: Mapping[str, int]
) -> None:
    """The workspace has no time at all."""
    monkeypatch.setattr(show_commands, "MAX_TABLE_READ_SECONDS", 0)
    result = flask_jobs("list")
    assert "did not respond within 0 seconds" in result.stderr
    assert len(result.stdout.splitlines()) == 1 + len(job_ids)


def test_list_with_a_hidden_job_has_the_runs_of_the_others(
    flask_jobs: RunFlask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    for key in job_ids:
        start_run(flask_jobs, key, *(["-p", "day=2013-01-01"] if key == "etl" else []))
    fault_proxy.fail(Refusal(403, "PERMISSION_DENIED"), path="jobs/runs/list", times=1)
    result = flask_jobs("list")
    _, *rows = result.stdout.splitlines()
    times = [row for row in rows if re.search(r"\d\d:\d\d:\d\d", row)]
    assert (result.exit_code, result.stderr, len(times)) == (0, "", len(rows) - 1)


def test_json_equals_that_of_the_http_api(app: Flask, flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "words", "-p", "args=x")
    flask_jobs("watch", "words", run_id)
    other = start_run(flask_jobs, "words")
    flask_jobs("watch", "words", other)
    client = app.test_client()
    for args, path in [
        (["runs", "words"], "/words/runs"),
        (["runs", "words", "--limit", "1"], "/words/runs?limit=1"),
        (["show", "words", run_id], f"/words/runs/{run_id}"),
        (["compare", "words", run_id, other], f"/words/compare?run={run_id}&run={other}"),
        (["status", "words"], "/words/status"),
        (["output", "words", run_id], f"/words/runs/{run_id}/output"),
        (["output", "words", run_id, "--task", "say"], f"/words/runs/{run_id}/output?task=say"),
    ]:
        assert flask_jobs(*args, "--json").document == client.get(f"/api/jobs{path}").get_json()
    assert flask_jobs("list", "-o", "json").document == client.get("/api/jobs").get_json()


def test_compare_shows_what_differs(flask_jobs: RunFlask) -> None:
    first, second = (start_run(flask_jobs, "etl", "-p", f"day=2013-01-0{day}") for day in (1, 2))
    for run_id in (first, second):
        flask_jobs("watch", "etl", run_id)
    lines = flask_jobs("compare", "etl", second, first).stdout.splitlines()
    facts = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert facts["Run"] == [first, second]
    assert facts["day"] == ["2013-01-01", "2013-01-02", "differs"]
    assert lines[lines.index("") + 1].split("  ")[0] == "TASK"


@pytest.mark.parametrize("args", [["1"], ["etl", "1"], ["etl", "1", "2", "3"], ["etl", "1", "x"]])
def test_compare_asks_for_two_runs(flask_jobs: RunFlask, args: list[str]) -> None:
    result = flask_jobs("compare", *args)
    assert result.exit_code == 2
    assert "run" in result.stderr


def test_runs_are_listed_newest_first(flask_jobs: RunFlask) -> None:
    older, newer = start_run(flask_jobs, "words"), start_run(flask_jobs, "words")
    rows = flask_jobs("runs", "words", "--limit", "2").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [newer, older]


def test_runs_have_addresses_in_a_wide_table_only(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "words")
    assert "http" not in flask_jobs("runs", "words").stdout
    wide = flask_jobs("runs", "words", "-o", "wide").stdout.splitlines()
    assert f"/runs/{run_id}?" in wide[1]


def test_show_opens_the_page_in_a_browser(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    run_id = start_run(flask_jobs, "words")
    result = flask_jobs("show", "words", run_id, "--web")
    assert [f"/runs/{run_id}?" in url for url in opened] == [True]
    assert (result.stdout, result.stderr) == ("", f"Run URL: {opened[0]}\n")


def test_show_has_the_tasks_and_the_error_of_a_failed_run(flask_jobs: RunFlask) -> None:
    run_id = flask_jobs("run", "broken", "--json").document["runId"]
    result = flask_jobs("show", "broken", str(run_id))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Run:      {run_id} of broken\nOutcome:  FAILED\n")
    assert "\nload   UPSTREAM_FAILED  1\n" in result.stdout
    assert result.stdout.endswith("  ValueError: row 7 has no date\n")


@pytest.mark.parametrize("command", ["show", "status"])
def test_duration_during_a_repair_leaves_out_the_time_before_it(
    flask_jobs: RunFlask, fault_proxy: FaultyWorkspace, run_gate: RunGate, command: str
) -> None:
    def start_ten_hours_earlier(exchange: Exchange) -> None:
        reply = exchange.forward()
        document = json.loads(reply.body)
        for run in document.get("runs") or [document]:
            run["start_time"] -= TEN_HOURS
            for effort in run.get("repair_history", [])[:1]:
                effort["start_time"] -= TEN_HOURS
                effort["end_time"] -= TEN_HOURS
        exchange.respond(replace(reply, body=json.dumps(document).encode()))

    params = [f"-p{name}={value}" for name, value in run_gate.params.items()]
    run_id = start_run(flask_jobs, "held", *params)
    flask_jobs("cancel", "held", run_id)
    flask_jobs("watch", "held", run_id)
    assert flask_jobs("repair", "held", run_id, "--no-wait").exit_code == 0
    for path in ("runs/get", "runs/list"):
        fault_proxy.fail(start_ten_hours_earlier, path=path)

    shown = flask_jobs(command, "held", *([run_id] if command == "show" else [])).stdout

    (duration,) = re.findall(r"^Duration: *(.*)", shown, re.MULTILINE)
    assert " h " not in duration


def test_show_status_and_runs_have_the_parameters_without_secrets(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "words", "-p", "args=--day=1", "-p", "args=--token=hunter2")
    for args in (["show", "words", run_id], ["status", "words"]):
        result = flask_jobs(*args)
        assert "\nPARAMETER      VALUE\npython_params  --day=1 --token=***\n" in result.stdout
    listed = flask_jobs("runs", "words", "-o", "wide", "--limit", "1")
    assert "  python_params=--day=1 --token=***" in listed.stdout


def test_job_without_runs_is_reported_on_stderr(
    flask_jobs: RunFlask, fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    fault_proxy.fail(send_no_runs, path="jobs/runs/list")
    for command in ("status", "runs"):
        result = flask_jobs(command, "etl")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "etl has no runs yet.\n")
    empty = {"status": None, "outcome": None, "run": None}
    assert flask_jobs("status", "etl", "--json").document == empty
    assert flask_jobs("runs", "etl", "--json").document == {"runs": []}


def send_no_runs(exchange: Exchange) -> None:
    exchange.respond(Reply(200, {"Content-Type": "application/json"}, b"{}"))


def test_output_of_a_task_that_never_ran_says_that_there_is_none(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "broken", "--json").document["runId"])
    result = flask_jobs("output", "broken", run_id, "--task", "load")
    assert (result.stdout, result.stderr) == ("", "There is no output.\n")


def test_compare_needs_two_different_runs(flask_jobs: RunFlask) -> None:
    """As over HTTP and in the console: one run beside itself says nothing."""
    result = flask_jobs("compare", "etl", "5", "5")
    assert (result.exit_code, "Name two different ones." in result.stderr) == (2, True)
