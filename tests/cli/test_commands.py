"""The commands, in this process, in front of a workspace that really runs the tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.job_config import env_name
from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    Refusal,
    Reply,
    Silence,
)
from tests.cli import shop
from tests.cli.conftest import SEPARATE, Ended, Run
from tests.support import Gate


@pytest.fixture
def way(road: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch) -> FaultyWorkspace:
    """The app's way to the workspace, which can be made to fail."""
    monkeypatch.setenv("DATABRICKS_HOST", road.host)
    return road


def started(jobs: Run, *args: str) -> str:
    """The id of a run that was started and is not waited for."""
    return jobs("run", *args, "--no-wait").stdout.strip()


# ── run ───────────────────────────────────────────────────────────────────────────────────────────


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


def test_the_run_goes_on_when_the_wait_is_over(jobs: Run, gate: Gate) -> None:
    ended = jobs("run", "held", "-p", f"gate={gate.params['gate']}", "--timeout", "0.3", "--json")
    run_id = str(ended.document["runId"])
    assert ended.code == 4
    assert ended.document["status"] == "RUNNING"
    assert f"Error: Run {run_id} has not ended within 0.3 seconds. It goes on." in ended.stderr
    assert ended.stderr.splitlines()[-1] == f"Watch it again: flask jobs watch held {run_id}"
    gate.open()
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
    assert url.endswith(f"/runs/{run_id}")
    assert last == f"Watch it: flask jobs watch words {run_id}"
    as_json = jobs("run", "words", "--no-wait", "--json")
    assert set(as_json.document) == {"runId", "replayed"}


def test_a_run_that_was_started_is_told_even_if_nothing_can_be_read_any_more(
    way: FaultyWorkspace, jobs: Run
) -> None:
    way.fail(GatewayPage(), path="jobs/runs/get")
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
        (["nope"], "The jobs it has: 'broken', 'etl'"),
        ([], "Which job? This app has several: etl, held, words"),
        (["words", "extra"], "extra"),
    ],
)
def test_bad_input_starts_nothing(
    way: FaultyWorkspace, jobs: Run, args: list[str], why: str
) -> None:
    ended = jobs("run", *args)
    assert (ended.code, ended.stdout) == (2, "")
    assert why in ended.stderr
    assert "Error" in ended.stderr
    assert way.asked("POST", "jobs/run-now") == []


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
        (["etl", "1001abc"], "A run id is a positive whole number, not '1001abc'."),
        (["etl", "0"], "A run id is"),
        (["etl", "1", "2"], "Got more than a job's key and a run id"),
        (["nope", "1"], "There is no job 'nope'"),
        (["etl", "1"], "Job 'etl' has no run 1."),
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
    assert f"Job 'etl' has no run {run_id}." in ended.stderr


def test_an_app_without_jobs_says_how_to_get_some(
    jobs: Run, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in job_ids:
        monkeypatch.delenv(env_name(key))
    ended = jobs("run", of=shop.create_app_of_one_job())
    assert ended.code == 2
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME>" in ended.stderr


# ── watch, cancel, repair ─────────────────────────────────────────────────────────────────────────


def test_watch_picks_up_a_run(jobs: Run) -> None:
    run_id = started(jobs, "words", "-p", "args=x")
    ended = jobs("watch", "words", run_id)
    assert (ended.code, ended.stdout) == (0, "x\n")


def test_as_json_watch_prints_a_line_per_change(jobs: Run, gate: Gate) -> None:
    run_id = started(jobs, "held", "-p", f"gate={gate.params['gate']}")
    over = jobs("watch", "held", run_id, "--timeout", "0.3", "--json")
    assert over.code == 4
    gate.open()
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


def test_a_run_that_goes_on_cannot_be_repaired(jobs: Run, gate: Gate) -> None:
    run_id = started(jobs, "held", "-p", f"gate={gate.params['gate']}")
    ended = jobs("repair", "held", run_id)
    assert (ended.code, ended.stdout) == (1, "")
    assert f"Error: Run {run_id} goes on." in ended.stderr


def test_repair_runs_what_failed_again(jobs: Run) -> None:
    run_id = str(jobs("run", "broken", "--json").document["runId"])
    ended = jobs("repair", "broken", run_id)
    assert ended.code == 0
    assert ended.stdout.strip().isdecimal()
    assert ended.stderr == f"Watch it: flask jobs watch broken {run_id}\n"
    again = jobs("watch", "broken", run_id)
    assert again.code == 1
    assert "Task clean: FAILED, attempt 2" in again.stderr
    assert set(jobs("repair", "broken", run_id, "--json").document) == {"repairId"}


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
    over_http = client.get("/api/jobs").get_json()["jobs"]
    for job in over_http:
        del job["params"]
    assert jobs("list", "--json").document == {"jobs": over_http}


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
    jobs: Run, way: FaultyWorkspace, job_ids: Mapping[str, int]
) -> None:
    way.fail(_no_runs, path="jobs/runs/list")
    for command in ("status", "runs"):
        ended = jobs(command, "etl")
        assert (ended.code, ended.stdout, ended.stderr) == (0, "", "etl has no runs yet.\n")
    nothing = {"status": None, "outcome": None, "run": None}
    assert jobs("status", "etl", "--json").document == nothing
    assert jobs("runs", "etl", "--json").document == {"runs": []}


def _no_runs(exchange: Exchange) -> None:
    exchange.answer(Reply(200, {"Content-Type": "application/json"}, b"{}"))


# ── when things go wrong ──────────────────────────────────────────────────────────────────────────

COMMANDS = [
    ["run", "words"],
    ["watch", "words", "1"],
    ["status", "words"],
    ["runs", "words"],
    ["show", "words", "1"],
    ["output", "words", "1"],
    ["cancel", "words", "1"],
    ["repair", "words", "1"],
]


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
@pytest.mark.parametrize(
    ("fault", "timeout", "code"),
    [
        (Refusal(401), "30", 6),
        (Refusal(403), "30", 6),
        (Refusal(400, "SOMETHING_NEW"), "30", None),
        (Silence(), "0.2", 7),
        (GatewayPage(502), "0.2", 7),
    ],
    ids=["unauthenticated", "denied", "refused", "silent", "failing"],
)
def test_a_workspace_that_does_not_answer_well_is_a_sentence_and_an_exit_code(
    way: FaultyWorkspace,
    jobs: Run,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    fault: Fault,
    timeout: str,
    code: int | None,
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_TIMEOUT", timeout)
    way.fail(fault, path="jobs/run-now")
    way.fail(fault, path="jobs/runs/get")
    way.fail(fault, path="jobs/runs/list")
    app = shop.create_app()
    ended = jobs(*args, of=app)
    assert ended.stdout == ""
    assert ended.code == code or (code is None and ended.code in (2, 7))
    assert ended.stderr.startswith("Error: ")
    assert "Traceback" not in ended.stderr


def test_a_workspace_that_is_not_there_is_a_sentence(
    jobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    ended = jobs("run", "words", of=shop.create_app())
    assert (ended.code, ended.stdout) == (7, "")
    assert ended.stderr.startswith("Error: The workspace cannot be reached.")


def test_an_output_that_cannot_be_read_does_not_make_a_failure_of_a_success(
    way: FaultyWorkspace, jobs: Run
) -> None:
    way.fail(Refusal(403), path="jobs/runs/get-output")
    ended = jobs("run", "words", of=shop.create_app())
    assert (ended.code, ended.stdout) == (0, "")
    assert "Warning: The output cannot be read:" in ended.stderr
    assert "flask jobs output words" in ended.stderr


class Until:
    """Hands requests on until an answer has a text in it, and refuses those that follow."""

    def __init__(self, text: bytes, refusal: Refusal) -> None:
        self._text = text
        self._refusal = refusal
        self._seen = False

    def __call__(self, exchange: Exchange) -> None:
        if self._seen:
            self._refusal(exchange)
            return
        reply = exchange.forward()
        self._seen = self._text in reply.body
        exchange.answer(reply)


def test_a_watch_that_is_refused_tells_where_the_run_is(
    way: FaultyWorkspace, jobs: Run, gate: Gate
) -> None:
    way.fail(Until(b"RUNNING", Refusal(403)), path="jobs/runs/get")
    ended = jobs("run", "held", "-p", f"gate={gate.params['gate']}", of=shop.create_app())
    assert (ended.code, ended.stdout) == (6, "")
    url, last = ended.stderr.splitlines()[-2:]
    run_id = url.rpartition("/")[2]
    assert last == f"Watch it again: flask jobs watch held {run_id}"


def test_a_run_that_is_deleted_meanwhile_is_not_to_be_watched_again(
    way: FaultyWorkspace, jobs: Run, gate: Gate
) -> None:
    way.fail(Until(b"RUNNING", Refusal(404)), path="jobs/runs/get")
    ended = jobs("run", "held", "-p", f"gate={gate.params['gate']}", of=shop.create_app())
    assert (ended.code, ended.stdout) == (2, "")
    assert "Error: Job 'held' has no run" in ended.stderr
    assert "Watch it again" not in ended.stderr


def test_a_failure_that_cannot_be_explained_is_still_a_failure(
    way: FaultyWorkspace, jobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_CACHE_TTL", "0")
    way.fail(Until(b"INTERNAL_ERROR", Refusal(403)), path="jobs/runs/get")
    ended = jobs("run", "broken", of=shop.create_app())
    assert (ended.code, ended.stdout) == (1, "")
    assert "Warning: Why it ended so cannot be read:" in ended.stderr
    assert "of broken: FAILED.\n" in ended.stderr


def test_a_job_that_runs_as_its_users_runs_for_the_operator(
    job_ids: Mapping[str, int], jobs: Run
) -> None:
    app = Flask("app")
    mine = JobConfig(job_id=job_ids["words"], run_as="user")
    LakeflowJobs(app, jobs={"mine": mine})
    assert jobs("run", "mine", of=app).code == 0


def test_settings_that_make_no_sense_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the group is found by its entry point, and loads the app itself."""
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "soon")
    ended = _by_entry_point(shop.create_app, "list")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Error: LAKEFLOW_JOBS_POLL_INTERVAL")
    assert "Traceback" not in ended.stderr


def test_an_app_without_the_extension_says_so() -> None:
    ended = _by_entry_point(lambda: Flask("bare"), "list")
    assert ended.code == 2
    assert "This app has no Lakeflow Jobs" in ended.stderr


def _by_entry_point(create_app: Callable[[], Flask], *args: str) -> Ended:
    group = FlaskGroup(create_app=create_app, load_dotenv=False)
    group.add_command(command_group)
    result = CliRunner(**SEPARATE).invoke(group, ["jobs", *args])
    return Ended(result.exit_code, result.stdout, result.stderr)


# ── how it looks ──────────────────────────────────────────────────────────────────────────────────


def test_colours_are_for_terminals_that_want_them(
    jobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(jobs, "words")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = jobs("runs", "words", "--limit", "1").stdout
    coloured = jobs("runs", "words", "--limit", "1", color=True).stdout
    assert "\x1b" not in plain
    assert coloured != click.unstyle(coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in jobs("runs", "words", "--limit", "1", color=True).stdout


@pytest.mark.parametrize("args", [[], ["run"], ["watch"]])
def test_help_tells_the_exit_codes(jobs: Run, args: list[str]) -> None:
    ended = jobs(*args, "--help")
    assert ended.code == 0
    assert "\n  130  interrupted; the run goes on" in ended.stdout.replace("    130", "  130")
