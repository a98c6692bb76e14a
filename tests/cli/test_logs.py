"""``flask jobs logs``."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from databricks.sdk.service.jobs import RunTask

from flask_lakeflow_jobs import run_changed
from flask_lakeflow_jobs.cli import task_outputs
from flask_lakeflow_jobs.cli.logs import LiveLogs, LogPrinter
from flask_lakeflow_jobs.runs.output_parts import LogPart
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal
from tests.cli.apps import create_app
from tests.cli.conftest import RunFlask, StartFlask, interrupt_a_wait, start_run
from tests.clocks import FakeClock
from tests.support import RunGate


def headings(text: str) -> list[str]:
    return [line.split(" after ")[0] for line in text.splitlines() if line.startswith("===")]


def test_logs_of_a_failed_run_have_outputs_and_errors(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "broken", "--json").document["runId"])
    result = flask_jobs("logs", "broken", run_id)
    assert result.exit_code == 0
    assert headings(result.stdout) == ["=== clean: FAILED", "=== load: UPSTREAM_FAILED"]
    assert result.stdout.count("\nValueError: row 7 has no date\n") == 1


def test_logs_of_failed_tasks_leave_out_the_others(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "partly", "--json").document["runId"])
    assert headings(flask_jobs("logs", "partly", run_id, "--failed").stdout) == [
        "=== clean: FAILED"
    ]
    assert headings(flask_jobs("logs", "partly", run_id, "--task", "tidy").stdout) == [
        "=== tidy: SUCCEEDED"
    ]


@pytest.mark.parametrize("task", ["sya", "+say"])
def test_logs_of_an_unknown_task_are_a_usage_error(flask_jobs: RunFlask, task: str) -> None:
    run_id = start_run(flask_jobs, "words")
    result = flask_jobs("logs", "words", run_id, "--task", task)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"has no task '{task}'. Did you mean 'say'? Its tasks: say." in result.stderr


def test_followed_logs_print_each_task_once_and_exit_as_the_run(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "partly")
    result = flask_jobs("logs", "partly", run_id, "-f")
    assert headings(result.stdout) == ["=== clean: FAILED", "=== tidy: SUCCEEDED"]
    assert result.exit_code == 0
    run_id = start_run(flask_jobs, "broken")
    result = flask_jobs("logs", "broken", run_id, "-f")
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Run {run_id} of broken: FAILED.\n")


@pytest.mark.usefixtures("_default_interrupt")
def test_followed_logs_signal_that_breaks_the_lock_of_a_wait_is_an_interrupt(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start_run(flask_jobs, "words")
    monkeypatch.setattr(LogPrinter, "follow", lambda _: iter(interrupt_a_wait, None))
    result = flask_jobs("logs", "words", run_id, "-f")
    assert result.stderr == f"Interrupted. Run {run_id} continues.\n"
    assert result.exit_code == 130


def test_followed_logs_are_printed_until_the_end_of_a_run_that_takes_long(
    flask_jobs: RunFlask, run_gate: RunGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    monkeypatch.setenv("LAKEFLOW_JOBS_WAIT_TIMEOUT", "0.000001")
    with run_changed.connected_to(lambda sender, **payload: run_gate.open()):
        result = flask_jobs("logs", "held", run_id, "-f", "--failed", of=create_app())
    assert result.exit_code == 0
    assert result.stderr.endswith(f"Run {run_id} of held: SUCCEEDED.\n")


def test_followed_logs_come_line_by_line_while_a_task_runs(
    start_flask_jobs: StartFlask, flask_jobs: RunFlask, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run_id = start_run(flask_jobs, "held", "-p", f"gate={gate}")
    process = start_flask_jobs("logs", "held", run_id, "-f")
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    gate.touch()
    assert process.stdout.read().splitlines()[0].startswith("=== wait: SUCCEEDED after ")
    assert process.wait() == 0


@pytest.mark.parametrize("options", [[], ["--failed"]])
def test_followed_logs_outlast_failures_of_the_workspace(
    flask_jobs: RunFlask, fault_proxy: FaultyWorkspace, options: Sequence[str]
) -> None:
    run_id = start_run(flask_jobs, "partly")
    count = itertools.count()

    def fail_every_second(exchange: Exchange) -> None:
        if next(count) % 2:
            Refusal(503)(exchange)
        else:
            exchange.respond(exchange.forward())

    fault_proxy.fail(fail_every_second, path="jobs/runs/get")
    for path in ("jobs/runs/get-output", "local/task-log"):
        fault_proxy.fail(Refusal(503), path=path, times=1)
    result = flask_jobs("logs", "partly", run_id, "-f", *options, of=create_app())
    assert result.exit_code == 0, result.stderr
    assert result.stderr.endswith(f"Run {run_id} of partly: SUCCEEDED_WITH_FAILURES.\n")
    assert "=== clean: FAILED" in headings(result.stdout)


def test_logs_without_any_say_so(flask_jobs: RunFlask, run_gate: RunGate) -> None:
    ended = str(flask_jobs("run", "words", "--json").document["runId"])
    result = flask_jobs("logs", "words", ended, "--failed")
    assert (result.stdout, result.stderr) == ("", "No task made the run fail.\n")
    active = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    result = flask_jobs("logs", "held", active)
    assert f"There is no log yet. Follow the run: flask jobs logs -f held {active}" in result.stderr


def test_followed_logs_that_cannot_be_written_are_a_failure(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with ``> /dev/full``."""
    run_id = str(flask_jobs("run", "words", "-p", "args=x", "--json").document["runId"])
    echo = click.echo

    def refuse(text: str, err: bool = False) -> None:
        if not err:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        echo(text, err=True)

    monkeypatch.setattr(click, "echo", refuse)
    assert flask_jobs("logs", "words", run_id, "-f").exit_code == 1


def test_logs_of_a_for_each_task_have_its_iterations(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "each", "--json").document["runId"])
    lines = flask_jobs("logs", "each", run_id).stdout.splitlines()
    assert lines[1].split()[:2] == ["ITERATION", "OUTCOME"]
    assert [line.split()[-1] for line in lines[2:4]] == ["north", "south"]
    at = lines.index("--- iteration 1: north")
    assert lines[at + 1 : at + 3] == ["Reading north", "north: 12 rows"]
    assert lines.count("ValueError: no such region") == 1
    shown = flask_jobs("show", "each", run_id).stdout
    assert "\nIterations of loop:\nITERATION " in shown


def test_logs_of_failed_tasks_leave_out_iterations_that_succeeded(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "each", "--json").document["runId"])
    lines = flask_jobs("logs", "each", run_id, "--failed").stdout.splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["south", "south"]
    assert lines[3] == "--- iteration 2: south"
    assert "ValueError: no such region" in lines


def test_logs_of_many_iterations_have_those_that_failed(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_outputs, "MAX_ITERATIONS", 1)
    run_id = str(flask_jobs("run", "each", "--json").document["runId"])
    for command in ("logs", "output"):
        lines = flask_jobs(command, "each", run_id).stdout.splitlines()
        assert "ValueError: no such region" in lines
        assert "--- iteration 1: north" not in lines
        assert "[the outputs of 1 more iterations are left out]" in lines


def test_followed_log_that_begins_again_repeats_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = iter(
        [
            LogPart("one\ntwo\n", "", 0, 8, line=1),
            # The task has ended, and its log is read again from a new position.
            LogPart("ONE\n", "", 20, 24, line=1),
            LogPart("TWO\nthree\n", "", 24, 34, line=2),
            LogPart("four", "", 34, 38, is_final=True, line=4),
        ]
    )
    handle: Any = SimpleNamespace(read_log=lambda *_, **__: next(parts))
    logs = LiveLogs(handle, 1, FakeClock())
    logs.print_new(RunTask("say", run_id=2), task_count=1)
    assert capsys.readouterr().out == "one\ntwo\nthree\nfour\n"
