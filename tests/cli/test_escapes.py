"""Escapes in text from the workspace: none reaches a terminal or a pipe."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import cli
from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.cli.escapes import KEEP_COLORS, keep_words, remove_escapes
from flask_lakeflow_jobs.cli.formatting import format_outcome
from flask_lakeflow_jobs.cli.printing import (
    clean,
    print_error,
    print_output,
    print_progress,
    print_result,
    print_warning,
)
from flask_lakeflow_jobs.runs.outcome import Outcome

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
