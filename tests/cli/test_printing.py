"""Printed text, and the stream that it goes to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.exit_codes import ExitCode
from flask_lakeflow_jobs.cli.printing import (
    print_document,
    print_json_line,
    print_output,
    print_result,
    quiet_sdk,
    report_retries,
    select_fields,
)
from flask_lakeflow_jobs.testing import (
    FaultyWorkspace,
    GatewayPage,
)
from tests.cli import apps
from tests.cli.conftest import RunFlask, start_run


def test_first_retry_is_printed_once_and_not_logged(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, caplog: pytest.LogCaptureFixture
) -> None:
    fault_proxy.fail(GatewayPage(502), path="jobs/run-now", times=2)
    result = flask_jobs("run", "words", "-p", "args=x", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (0, "x\n")
    first, *others = result.stderr.splitlines()
    assert first.startswith("A call to the workspace failed and is tried again: ")
    assert not any("tried again" in line for line in others)
    assert "tried again" not in caplog.text


def test_retry_is_not_printed_if_the_app_logs_it(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flask_lakeflow_jobs")
    fault_proxy.fail(GatewayPage(502), path="jobs/run-now", times=1)
    result = flask_jobs("run", "words", "-p", "args=x", of=apps.create_app())
    assert "tried again" not in result.stderr
    assert "tried again" in caplog.text


def test_report_retries_restores_the_logger(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("flask_lakeflow_jobs.upstream")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with report_retries():
        logger.info("failed " * 100)
        logger.info("again")
    logger.info("afterwards")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("failed failed")
    assert line.endswith(" …")
    assert len(line) <= 300


def test_json_lines_are_compact_and_documents_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_json_line({"a": [1, "ä"]})
    print_document({"a": 1})
    assert capsys.readouterr().out == '{"a":[1,"\\u00e4"]}\n{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("print_more", "exit_code"),
    [
        (partial(print_output, "x", needs_reader=True), ExitCode.INTERRUPTED),
        (partial(print_json_line, {}), ExitCode.INTERRUPTED),
        (partial(print_output, "x"), None),
        (partial(print_result, "x"), None),
    ],
)
def test_closed_pipe_ends_a_command_that_has_more_to_print(
    print_more: Callable[[], None], exit_code: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that is followed, as in ``flask jobs logs -f etl 12 | grep -m1 ready``."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        if exit_code is None:
            print_more()
        else:
            with pytest.raises(click.exceptions.Exit) as raised:
                print_more()
            assert raised.value.exit_code == exit_code


@pytest.mark.parametrize("text", ["x", "x\n"])
def test_result_ends_with_one_newline(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_result(text)
    assert capsys.readouterr().out == "x\n"


def test_quiet_sdk_keeps_its_warnings_from_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("databricks.sdk")
    before = list(logging.getLogger("databricks").handlers)
    with quiet_sdk(), without_handlers():
        logger.warning("Failed to fetch host metadata")
    assert capsys.readouterr().err == ""
    assert logging.getLogger("databricks").handlers == before


@contextmanager
def without_handlers() -> Iterator[None]:
    """Remove the handlers of the root logger, which pytest has."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    yield
    root.handlers = handlers


@pytest.mark.parametrize(
    ("document", "selected"),
    [
        ({"a": 1, "b": {"c": 2}, "d": 3}, {"a": 1, "b.c": 2}),
        ({"a": 1, "b": None}, {"a": 1, "b.c": None}),
        ({"runs": [{"a": 1, "b": {"c": 2}}, {"a": 3}]}, None),
        ({"runs": []}, {"runs": []}),
    ],
)
def test_select_fields_of_documents(
    document: dict[str, Any], selected: dict[str, Any] | None
) -> None:
    items = [{"a": 1, "b.c": 2}, {"a": 3, "b.c": None}]
    assert select_fields(document, ["a", "b.c"]) == (selected or {"runs": items})


def test_select_fields_unknown_name_suggests_known_ones() -> None:
    with pytest.raises(click.UsageError) as caught:
        select_fields({"run_id": 1}, ["runid"], ["end_time"])
    assert caught.value.message == (
        "There is no field 'runid'. Did you mean 'run_id'? The fields: end_time, run_id."
    )
    assert select_fields({"run_id": 1}, ["end_time"], ["end_time"]) == {"end_time": None}


def test_commands_print_chosen_fields_as_json(flask_jobs: RunFlask) -> None:
    run_id = int(start_run(flask_jobs, "words", "-p", "args=x"))
    flask_jobs("watch", "words", str(run_id))
    names = "run_id,outcome,requested_by,state.result_state,effective_performance_target"
    expected = {
        "run_id": run_id,
        "outcome": "succeeded",
        "state.result_state": "SUCCESS",
        "effective_performance_target": None,
    }
    shown = flask_jobs("show", "words", str(run_id), "--fields", names).document
    assert shown.pop("requested_by").endswith("(command line)")
    assert shown == expected
    runs = flask_jobs("runs", "words", "--fields", "outcome", "--limit", "1").document
    assert runs == {"runs": [{"outcome": "succeeded"}]}
    assert flask_jobs("list", "--fields", "key").document["jobs"][0].keys() == {"key"}
    assert flask_jobs("status", "words", "--fields", "run.run_id").document == {
        "run.run_id": run_id
    }
    refused = flask_jobs("runs", "words", "--fields", "outcom")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Did you mean 'outcome'?" in refused.stderr
