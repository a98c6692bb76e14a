"""The log of a task, as its page and its download have it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from databricks.sdk.service.jobs import RunLifeCycleState, RunState, RunTask
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.console import log_lines, rich_text
from flask_lakeflow_jobs.console.log_lines import (
    MAX_ADDED_LINES,
    read_log_view,
    read_text,
    view_log,
)
from flask_lakeflow_jobs.runs.output_parts import LogPart


def test_log_view_has_the_last_lines_or_those_around_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_lines, "MAX_LINES", 3)
    monkeypatch.setattr(log_lines, "_LINES_BEFORE", 1)
    part = LogPart("1\n2\n3\n4\n5\n", "6", 0, 10, is_live=True)
    view = view_log(part)
    assert (view.lines, view.first, view.rest, view.next_offset) == (["3", "4", "5"], 3, "6", 10)
    assert (view.has_earlier, view.next_line) == (True, 6)
    around = view_log(part, line=2)
    assert (around.lines, around.first, around.rest) == (["1", "2", "3"], 1, "")
    assert (around.next_offset, around.is_final) == (None, False)


@given(st.lists(st.text("ab", max_size=30), min_size=1, max_size=300), st.data())
def test_log_view_has_the_line_that_a_link_leads_to(lines: list[str], data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(lines)))
    log = "".join(f"{line}\n" for line in lines)
    reads: Any = SimpleNamespace(
        read_log=lambda task, offset, limit: LogPart.from_whole(log, offset, 40)
    )
    view = read_log_view(reads, ENDED, line=number, hide="")
    assert view.first is not None
    assert view.lines[number - view.first] == lines[number - 1]


def test_log_view_of_a_line_beyond_the_end_has_the_last_ones() -> None:
    reads: Any = SimpleNamespace(
        read_log=lambda task, offset, limit: LogPart.from_whole("1\n2\n3\n", offset, limit)
    )
    view = read_log_view(reads, ENDED, line=1_000_000, hide="")
    assert (view.lines, view.first) == (["1", "2", "3"], 1)


def test_log_view_for_the_script_has_as_many_lines_as_its_page_keeps() -> None:
    part = LogPart("x\n" * 4_000, "", 0, 8_000)
    assert len(view_log(part, max_lines=MAX_ADDED_LINES).lines) == 4_000


def test_log_view_renders_the_lines_that_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "MAX_LINES", 2)
    rendered: list[str] = []
    monkeypatch.setattr(rich_text, "_render_line", lambda line, _: rendered.append(line))
    view_log(LogPart("1\n2\n3\n4\n", "", 0, 8), line=1)
    assert rendered == ["1", "2"]


def test_log_view_of_an_unknown_part_has_no_numbers() -> None:
    view = view_log(LogPart("1\n2\n", "", 5, 9, line=None))
    assert (view.first, view.next_line, view.has_earlier) == (None, None, True)
    assert view_log(LogPart("1\n2\n", "", 0, 9, line=None)).first == 1


def test_log_of_a_running_task_has_its_unfinished_line_once() -> None:
    parts = {0: LogPart("a\nb\n", "c", 0, 4), 4: LogPart("", "c", 4, 4)}
    reads: Any = SimpleNamespace(read_log=lambda task, offset, limit: parts[offset])
    assert "".join(read_text(reads, RunTask("note"))) == "a\nb\nc"


MIB = 1024 * 1024


ENDED = RunTask("note", state=RunState(life_cycle_state=RunLifeCycleState.TERMINATED))


DOWN = UpstreamUnavailable("The workspace is down.")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # more than any limit of a page
        ([LogPart("x\n", "", at * MIB, (at + 1) * MIB, at == 40) for at in range(41)], "x\n" * 41),
        ([LogPart("late\n", "", 5, 10, is_final=True, line=None)], f"{log_lines.GAP}late\n"),
        ([LogPart("redacted\n", "", 5, 14, is_final=True)], "redacted\n"),
        (
            [LogPart("x\n", "half", 0, MIB), DOWN],
            "x\n[The log continues, but could not be read: The workspace is down.]\n",
        ),
    ],
    ids=["long", "without its beginning", "rewritten", "interrupted"],
)
def test_log_download_is_whole_or_says_what_is_missing(
    parts: list[LogPart | UpstreamUnavailable], expected: str
) -> None:
    left = iter(parts)

    def read_log(*_: object) -> LogPart:
        if isinstance(part := next(left), LogPart):
            return part
        raise part

    reads: Any = SimpleNamespace(read_log=read_log)
    assert "".join(read_text(reads, ENDED)) == expected


def test_log_download_of_a_task_that_writes_on_ends() -> None:
    reads: Any = SimpleNamespace(
        read_log=lambda task, offset, limit: LogPart("x\n", "", offset, offset + 2)
    )
    assert "".join(read_text(reads, RunTask("note"))) == "x\n"


def test_log_download_without_its_first_part_is_an_error() -> None:
    def read_log(*_: object) -> LogPart:
        raise DOWN

    with pytest.raises(UpstreamUnavailable):
        next(read_text(cast(Any, SimpleNamespace(read_log=read_log)), ENDED))


def test_log_view_hides_nothing_for_a_blank_end() -> None:
    """The trace of a task may be a line feed."""
    assert view_log(LogPart("a\nb\n", "", 0, 4, is_final=True), hide="\n").lines == ["a", "b"]


def test_log_view_hides_an_end_that_the_page_has_elsewhere() -> None:
    part = LogPart("a\nTrace\nE: x\n", "", 0, 12, is_final=True)
    assert view_log(part, hide="Trace\nE: x\n").lines == ["a"]
