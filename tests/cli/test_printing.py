"""Printed text, and the stream that it goes to."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import cli
from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.cli.exit_codes import ExitCode
from flask_lakeflow_jobs.cli.formatting import format_outcome
from flask_lakeflow_jobs.cli.printing import (
    KEEP_COLORS,
    clean,
    keep_words,
    print_document,
    print_error,
    print_json_line,
    print_output,
    print_progress,
    print_result,
    print_warning,
    quiet_loggers,
    remove_escapes,
    report_retries,
    select_fields,
)
from flask_lakeflow_jobs.runs.outcome import Outcome
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


def test_report_retries_leaves_the_app_what_it_logs(caplog: pytest.LogCaptureFixture) -> None:
    """``flask jobs follow`` runs for as long as a server, and its app logs outages."""
    logger = logging.getLogger("flask_lakeflow_jobs.upstream")
    with caplog.at_level(logging.WARNING), report_retries():
        logger.info("A call failed and is tried again.")
        logger.warning("The workspace does not respond.")
    assert caplog.messages == ["The workspace does not respond."]


def test_json_lines_are_compact_and_documents_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_json_line({"a": [1, "ä"]})
    print_document({"a": 1})
    assert capsys.readouterr().out == '{"a":[1,"\\u00e4"]}\n{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("print_more", "exit_code"),
    [
        (partial(print_output, "x", needs_reader=True), ExitCode.INTERRUPTED),
        (partial(print_json_line, {}), ExitCode.INTERRUPTED),
        (partial(print_result, "x", needs_reader=True), ExitCode.INTERRUPTED),
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


def test_quiet_loggers_keeps_warnings_from_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("databricks.sdk")
    before = list(logging.getLogger("databricks").handlers)
    with quiet_loggers(), without_handlers():
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
    with pytest.raises(click.UsageError) as inner:
        select_fields({"run": {"state": {"result": 1}}, "status": 2}, ["state.result"])
    assert "There is no field 'state.result'. Did you mean 'run.state.result'?" in str(inner.value)
    assert select_fields({"run_id": 1}, ["end_time"], ["end_time"]) == {"end_time": None}


def test_commands_print_chosen_fields_as_json(flask_jobs: RunFlask) -> None:
    run_id = int(start_run(flask_jobs, "words", "-p", "args=x"))
    flask_jobs("watch", "words", str(run_id))
    names = "run_id,outcome,requested_by,state.result_state,git_source"
    expected = {
        "run_id": run_id,
        "outcome": "succeeded",
        "state.result_state": "SUCCESS",
        "git_source": None,
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


RED = "\x1b[31m"
RESET = "\x1b[0m"
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

HOSTILE = {
    "title": "a\x1b]0;owned\x07b",
    "clipboard": "a\x1b]52;c;ZWNobw==\x1b\\b",
    "cursor": "a\x1b[2J\x1b[1;1Hb",
    "private mode": "a\x1b[?1049hb",
    "reset": "a\x1bcb",
    "character set": "a\x1b(0b",
    "device control": "a\x1bP$qm\x1b\\b",
    "C1 sequence": "a\x9b2Jb",
    "C1 string": "a\x9d0;owned\x9cb",
    "lone escape": "a\x1b",
    "unterminated string": "a\x1b]0;b",
    "bell and backspace": "a\x07\x08b",
    "bidi": "a\u202e\u2066b\u2069\u202c",
    "hidden": "a\x1b[8mb\x1b[0m",
    "color": f"a{RED}b{RESET}",
    "color of an outcome": f"a{RED}FAILEDb{RESET}",
}


class ColorTerminal(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_clean_removes_what_a_terminal_obeys(text: str) -> None:
    assert not OBEYED.search(clean(text))
    assert clean(text).startswith("a")


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - {"lone escape", "unterminated string"}))
def test_clean_removes_whole_sequences(name: str) -> None:
    assert clean(HOSTILE[name]).replace("FAILED", "") == "ab"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("a\tb\n", "a\tb\n"), ("1%\r2%\r\n", "1%\n2%\n"), ("ä ‏אב ", "ä ‏אב "), ("", "")],
)
def test_clean_keeps_text(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        *map(format_outcome, Outcome),
        *(click.style(f"{level.value:<8}", fg="green") for level in Level),
    ],
)
def test_clean_keeps_the_colors_of_commands(text: str) -> None:
    assert clean(f"{text} x") == f"{text} x"


@given(st.text(st.sampled_from("a0;[]P\\\n\t\r\x07\x1b\x90\x9b\x9c\x9d\x9f\u202em")))
def test_no_text_leaves_an_escape(text: str) -> None:
    assert not OBEYED.search(remove_escapes(text, keep_words(["word"])))
    with_colors = remove_escapes(text, KEEP_COLORS)
    assert not OBEYED.search(re.sub(r"\x1b\[[0-9;]*m", "", with_colors))
    assert "\x1b" not in with_colors or with_colors.endswith(RESET)


@pytest.mark.parametrize(
    "print_text", [print_result, print_progress, print_error, print_warning, print_output]
)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_all_printing_cleans_text(
    print_text: Callable[[str], None], is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ColorTerminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    for text in HOSTILE.values():
        print_text(text)
    assert not OBEYED.search(re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()))


def test_output_keeps_its_colors_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = []
    for stream in (ColorTerminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        print_output(f"{RED}a\x1b]0;b\x07\n")
        printed.append(stream.getvalue())
    assert printed == [f"{RED}a{RESET}\n", "a\n"]


def test_output_that_is_json_is_a_table_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    document = '[{"name": "a\\u001b]0;b\\u0007"}]'
    printed = []
    for stream in (ColorTerminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        print_output(document)
        printed.append(stream.getvalue())
    assert printed == ["name\na\n", f"{document}\n"]


def test_only_one_module_writes_to_the_streams() -> None:
    """A command that prints by other means would not remove escapes."""
    writes = re.compile(r"\bprint\(|\bs?echo\(|\.write\(|\bsecho\b")
    folder = Path(cli.__file__).parent
    found = {path.name for path in folder.rglob("*.py") if writes.search(path.read_text())}
    assert found == {"printing.py"}
