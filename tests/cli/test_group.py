"""Errors, exit codes, help and colors of all commands."""

from __future__ import annotations

import re
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.testing import (
    Fault,
    FaultyWorkspace,
    GatewayPage,
    Refusal,
    Silence,
)
from tests.cli import apps
from tests.cli.conftest import SEPARATE_STREAMS, CommandResult, RunFlask, start_run

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


@pytest.mark.parametrize(
    ("fault", "timeout", "exit_code", "args"),
    [
        *((Refusal(403), "30", 6, args) for args in COMMANDS),
        (GatewayPage(502), "0.2", 7, COMMANDS[0]),
        (GatewayPage(502), "0.2", 7, COMMANDS[1]),
        (Refusal(401), "30", 6, COMMANDS[0]),
        (Refusal(400, "SOMETHING_NEW"), "30", None, COMMANDS[0]),
        (Silence(), "0.2", 7, COMMANDS[1]),
    ],
    ids=repr,
)
def test_failing_workspace_is_an_error_and_an_exit_code(
    fault_proxy: FaultyWorkspace,
    flask_jobs: RunFlask,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    fault: Fault,
    timeout: str,
    exit_code: int | None,
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_TIMEOUT", timeout)
    fault_proxy.fail(fault, path="jobs/run-now")
    fault_proxy.fail(fault, path="jobs/runs/get")
    fault_proxy.fail(fault, path="jobs/runs/list")
    result = flask_jobs(*args, of=apps.create_app())
    assert result.stdout == ""
    assert result.exit_code == exit_code or (exit_code is None and result.exit_code in (2, 7))
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_unreachable_workspace_is_an_error_after_one_retry_notice(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    result = flask_jobs("run", "words", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (7, "")
    *retries, last = result.stderr.splitlines()
    assert last.startswith("Error: The workspace cannot be reached.")
    assert len(retries) == 1


def invoke_entry_point(create_app: Callable[[], Flask], *args: str) -> CommandResult:
    group = FlaskGroup(create_app=create_app, load_dotenv=False)
    group.add_command(command_group)
    result = CliRunner(**SEPARATE_STREAMS).invoke(group, ["jobs", *args])
    return CommandResult(result.exit_code, result.stdout, result.stderr)


def test_invalid_settings_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group loads the app itself if flask finds it by its entry point."""
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "soon")
    result = invoke_entry_point(apps.create_app, "list")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: LAKEFLOW_JOBS_POLL_INTERVAL")
    assert "Traceback" not in result.stderr


def test_app_without_the_extension_is_a_usage_error() -> None:
    result = invoke_entry_point(lambda: Flask("bare"), "list")
    assert result.exit_code == 2
    assert "This app has no Lakeflow Jobs" in result.stderr


def test_colors_are_for_terminals_without_no_color(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_run(flask_jobs, "words")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    plain = flask_jobs("runs", "words", "--limit", "1").stdout
    colored = flask_jobs("runs", "words", "--limit", "1", color=True).stdout
    assert "\x1b" not in plain
    assert colored != click.unstyle(colored)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as environment:
            environment.setenv(name, value)
            assert "\x1b" not in flask_jobs("runs", "words", "--limit", "1", color=True).stdout


def test_unknown_command_is_a_usage_error(flask_jobs: RunFlask) -> None:
    result = flask_jobs("compair")
    assert result.exit_code == 2
    assert "No such command 'compair'. Did you mean 'compare'?" in result.stderr


@pytest.mark.parametrize("group", [[], ["record"]])
def test_no_summary_of_a_command_is_cut(flask_jobs: RunFlask, group: list[str]) -> None:
    _, *lines = flask_jobs(*group, "--help").stdout.splitlines()  # the usage ends with dots
    assert [line for line in lines if line.endswith("...") or len(line) > 80] == []


@pytest.mark.parametrize("args", [[], ["run"], ["watch"]])
def test_help_has_the_exit_codes(flask_jobs: RunFlask, args: list[str]) -> None:
    result = flask_jobs(*args, "--help")
    assert result.exit_code == 0
    assert re.search(r"^ +130  interrupted; the run continues$", result.stdout, re.MULTILINE)
