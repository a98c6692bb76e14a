"""What the commands say when things go wrong, and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    Refusal,
    Silence,
)
from tests.cli import shop
from tests.cli.conftest import SEPARATE, Ended, Run, started
from tests.support import RunGate

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
    fault_proxy: FaultyWorkspace,
    jobs: Run,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    fault: Fault,
    timeout: str,
    code: int | None,
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_TIMEOUT", timeout)
    fault_proxy.fail(fault, path="jobs/run-now")
    fault_proxy.fail(fault, path="jobs/runs/get")
    fault_proxy.fail(fault, path="jobs/runs/list")
    app = shop.create_app()
    ended = jobs(*args, of=app)
    assert ended.stdout == ""
    assert ended.code == code or (code is None and ended.code in (2, 7))
    assert ended.stderr.startswith("Error: ")
    assert "Traceback" not in ended.stderr


def test_a_call_that_is_tried_again_is_told_once(
    fault_proxy: FaultyWorkspace, jobs: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fault_proxy.fail(GatewayPage(502), path="jobs/run-now", times=2)
    ended = jobs("run", "words", "-p", "args=x", of=shop.create_app())
    assert (ended.code, ended.stdout) == (0, "x\n")
    first, *others = ended.stderr.splitlines()
    assert first.startswith("A call to the workspace failed and is tried again: ")
    assert not any("tried again" in line for line in others)
    assert "tried again" not in caplog.text


def test_an_app_that_logs_calls_tells_of_them_itself(
    fault_proxy: FaultyWorkspace, jobs: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flask_lakeflow_jobs")
    fault_proxy.fail(GatewayPage(502), path="jobs/run-now", times=1)
    ended = jobs("run", "words", "-p", "args=x", of=shop.create_app())
    assert "tried again" not in ended.stderr
    assert "tried again" in caplog.text


def test_a_workspace_that_is_not_there_is_a_sentence(
    jobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    ended = jobs("run", "words", of=shop.create_app())
    assert (ended.code, ended.stdout) == (7, "")
    *retries, last = ended.stderr.splitlines()
    assert last.startswith("Error: The workspace cannot be reached.")
    assert len(retries) == 1


def test_an_output_that_cannot_be_read_does_not_make_a_failure_of_a_success(
    fault_proxy: FaultyWorkspace, jobs: Run
) -> None:
    fault_proxy.fail(Refusal(403), path="jobs/runs/get-output")
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
        exchange.respond(reply)


def test_a_watch_that_is_refused_tells_where_the_run_is(
    fault_proxy: FaultyWorkspace, jobs: Run, run_gate: RunGate
) -> None:
    fault_proxy.fail(Until(b"RUNNING", Refusal(403)), path="jobs/runs/get")
    ended = jobs("run", "held", "-p", f"gate={run_gate.params['gate']}", of=shop.create_app())
    assert (ended.code, ended.stdout) == (6, "")
    url, last = ended.stderr.splitlines()[-2:]
    run_id = url.rpartition("/")[2].partition("?")[0]
    assert last == f"Watch it again: flask jobs watch held {run_id}"


def test_a_run_that_is_deleted_meanwhile_is_not_to_be_watched_again(
    fault_proxy: FaultyWorkspace, jobs: Run, run_gate: RunGate
) -> None:
    fault_proxy.fail(Until(b"RUNNING", Refusal(404)), path="jobs/runs/get")
    ended = jobs("run", "held", "-p", f"gate={run_gate.params['gate']}", of=shop.create_app())
    assert (ended.code, ended.stdout) == (2, "")
    assert "Error: The job 'held' has no run" in ended.stderr
    assert "Watch it again" not in ended.stderr


def test_a_failure_that_cannot_be_explained_is_still_a_failure(
    fault_proxy: FaultyWorkspace, jobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_CACHE_TTL", "0")
    fault_proxy.fail(Until(b"INTERNAL_ERROR", Refusal(403)), path="jobs/runs/get")
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
