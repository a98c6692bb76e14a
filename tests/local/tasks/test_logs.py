"""Parts of a log: nothing is lost, and no part has half of a secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.tasks import logs
from flask_lakeflow_jobs.local.tasks.logs import (
    TaskLogPart,
    position_of_stored,
    read_growing,
    read_stored,
    read_tail,
)
from flask_lakeflow_jobs.local.tasks.redaction import SecretRedactor

NO_SECRETS = SecretRedactor([])
REDACTOR = SecretRedactor(["hunter2"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_growing_log_has_its_unfinished_line_apart(log: Path) -> None:
    log.write_bytes("one\ntwo\nthré".encode()[:-1])
    part = read_growing(log, REDACTOR, 0, 4096)
    assert part == TaskLogPart("one\ntwo\n", "thr", 0, 8, is_final=False, line=1)
    with log.open("ab") as file:
        file.write("é".encode()[1:] + b"e\n")
    assert read_growing(log, REDACTOR, 8, 4096) == TaskLogPart(
        "thrée\n", "", 8, 15, is_final=False, line=3
    )
    assert read_growing(log, REDACTOR, 99, 4096).offset == 15


@pytest.mark.parametrize(
    ("offset", "text", "line"),
    [(-3, "d\n", 3), (-5, "cc\nd\n", 2), (4, "cc\nd\n", 2), (-99, ..., 1)],
)
def test_log_from_inside_a_line_begins_with_the_next(
    log: Path, offset: int, text: object, line: int
) -> None:
    log.write_text(whole := "abc\ncc\nd\n")
    part = read_growing(log, NO_SECRETS, offset, 4096)
    assert (part.text, part.line) == (whole if text is ... else text, line)
    stored = read_stored(whole, 0, offset, 4096, is_whole=True)
    assert stored == replace(part, is_final=True)


@pytest.mark.parametrize(
    ("log", "start", "first"),
    [
        *(("aaa bbb ccc ddd eee fff ggg\n", start, first) for start, first in ((13, 16), (12, 12))),
        ("aaa bbb ccc ddd eee\n", 13, 20),
        ("a" * 30, 13, 13),
        # The line is not so long.
        *(("xxxxx\nabc def ghijklmnopq", 11, 11), ("abc def ghi jkl mno pqr\n", 5, 5)),
    ],
)
def test_log_from_inside_a_long_line_begins_with_the_next_word(
    log: str, start: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MIN_PART_BYTES", 8)
    part = read_stored(log, 0, start - len(log), 4096, is_whole=True)
    assert part.offset == first


@pytest.mark.parametrize(
    ("content", "text", "rest"),
    [
        ("aaa bbb ccc ddd\n", "aaa bbb ", ""),
        ("aa\nbb cc", "aa\n", "b cc"),
        ("aa\nhunt", "aa\n", ""),
    ],
    ids=["long line", "unfinished line", "begun secret"],
)
def test_growing_log_is_cut_behind_a_line_or_in_a_long_one_behind_a_word(
    log: Path, content: str, text: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MAX_REST_BYTES", 4)
    log.write_text(content)
    part = read_growing(log, REDACTOR, 0, 9)
    assert (part.text, part.rest) == (text, rest)


@pytest.mark.parametrize(
    ("content", "has_ended", "tail"),
    [
        (None, True, ("", False, 0)),
        (b"ab\n", True, ("ab\n", False, 0)),
        (b"abc defg hijk\n", True, ("efg hijk\n", True, 5)),
        # Redaction moves the lines; then the log begins again behind its end.
        (b"hunter2\n", True, ("[REDACTED]\n", False, 9)),
        (b"x hunter2 abc\n", True, (" abc\n", True, 15)),
        (b"a\xff\n", True, ("a\N{REPLACEMENT CHARACTER}\n", False, 4)),
        (b"a hunt", True, ("a hunt", False, 0)),
        (b"a hunt", False, ("a ", False, 7)),
    ],
)
def test_tail_of_a_log_has_no_piece_of_a_secret(
    log: Path,
    content: bytes | None,
    has_ended: bool,
    tail: tuple[str, bool, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "MAX_OUTPUT_BYTES", 9)
    if content is not None:
        log.write_bytes(content)
    assert read_tail(log, REDACTOR, has_ended=has_ended) == tail


def test_log_of_a_task_that_has_not_started_is_empty(log: Path) -> None:
    assert read_growing(log, NO_SECRETS, 7, 4096) == TaskLogPart(
        "", "", 0, 0, is_final=False, line=1
    )


def test_stored_log_continues_where_the_growing_one_was_read_to() -> None:
    start = position_of_stored("cd\n", size=5, start=2)
    assert read_stored("cd\n", start, 5, 4096, is_whole=False) == TaskLogPart(
        "", "", 5, 5, is_final=True, line=None
    )
    assert read_stored("cd\n", start, 0, 4096, is_whole=False).offset == 2
    later = read_stored("cd\nef\n", 3, 6, 4096, is_whole=False)
    assert (later.text, later.offset, later.next_offset) == ("ef\n", 6, 9)


def test_stored_log_with_redacted_lines_begins_again() -> None:
    log = "[REDACTED]\nab\n"
    start = position_of_stored(log, size=8, start=0)
    part = read_stored(log, start, 8, 4096, is_whole=True)
    assert (part.text, part.offset, part.is_final, part.line) == (log, 9, True, 1)
    assert read_stored(log, start, -3, 4096, is_whole=True).line == 2
    rest = read_stored(log, start, part.next_offset, 4096, is_whole=True)
    assert (rest.text, rest.line) == ("", 3)


def test_line_number_far_into_a_log_is_unknown(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MAX_COUNTED_BYTES", 3)
    log.write_text("a\nb\nc\n")
    assert read_growing(log, NO_SECRETS, 4, 4096).line is None


@given(
    st.text("ab \n", min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(["x", "é", None]), st.sampled_from("\n ")), max_size=30),
    st.integers(40, 60),
)
def test_parts_of_a_log_have_all_of_it_and_no_part_of_a_secret(
    secret: str, words: list[tuple[str | None, str]], limit: int
) -> None:
    log = "".join((word or secret) + blank for word, blank in words).encode()
    redactor = SecretRedactor([secret])

    def read(start: int, end: int) -> bytes:
        return log[start:end]

    offset, texts = 0, []
    for _ in range(len(log) + 1):
        part = logs._read_part(read, len(log), redactor, offset, limit, has_ended=True)
        assert part.offset == offset
        texts.append(part.text)
        offset = part.next_offset
        if part.is_final:
            break
    assert part.is_final
    assert "".join(texts) == redactor.redact(log.decode())


@given(
    st.lists(st.text("ab \n", min_size=1, max_size=6), max_size=3),
    st.lists(st.text("abx \n", max_size=12), max_size=6),
    st.integers(1, 12),
)
@example([" a"], [" a", "aa"], 3)
def test_parts_read_while_a_log_grows_are_those_of_the_whole_log(
    secrets: list[str], pieces: list[str], limit: int
) -> None:
    redactor, offset, texts = SecretRedactor(secrets), 0, []
    log = b""

    def read(start: int, end: int) -> bytes:
        return log[start:end]

    for piece in (*pieces, None):
        log += (piece or "").encode()
        for _ in range(len(log) + 1):
            part = logs._read_part(read, len(log), redactor, offset, limit, has_ended=piece is None)
            assert part.offset == offset
            texts.append(part.text)
            offset = part.next_offset
            if part.is_final:
                break
    assert part.is_final
    assert "".join(texts) == redactor.redact(log.decode())


@given(st.integers(0, 40), st.integers(1, 30))
def test_part_from_any_position_has_no_piece_of_a_secret(offset: int, limit: int) -> None:
    log = b"before PQRSTUVW between PQRSTUVW after\n"
    redactor = SecretRedactor(["PQRSTUVW"])

    def read(start: int, end: int) -> bytes:
        return log[start:end]

    part = logs._read_part(read, len(log), redactor, offset, limit, has_ended=True)
    assert not set("PQSUVW") & set(part.text.replace("[REDACTED]", "") + part.rest)


@given(st.integers(0, 60))
def test_part_from_inside_a_word_has_the_whole_word(offset: int) -> None:
    """The app redacts tokens of progress by their form."""
    log = b"token lfjp_abcdefghijklmnopqrstuvwxyz.0123456789 follows\n"

    def read(start: int, end: int) -> bytes:
        return log[start:end]

    redactor = SecretRedactor([])
    part = logs._read_part(read, len(log), redactor, offset, 4096, has_ended=True)
    words = part.text.split()
    assert set(words) <= {"token", "lfjp_abcdefghijklmnopqrstuvwxyz.0123456789", "follows"}
    assert log[part.offset :].decode() == part.text
