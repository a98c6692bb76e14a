"""Parts of a log: nothing is lost, and no part has half of a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.engine import task_logs
from flask_lakeflow_jobs.local.engine.task_logs import (
    TaskLogPart,
    position_of_stored,
    read_growing,
    read_stored,
)
from flask_lakeflow_jobs.local.engine.task_redaction import SecretRedactor

NO_SECRETS = SecretRedactor([])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_growing_log_has_its_unfinished_line_apart(log: Path) -> None:
    log.write_bytes("one\ntwo\nthré".encode()[:-1])
    part = read_growing(log, NO_SECRETS, 0, 4096)
    assert part == TaskLogPart("one\ntwo\n", "thr", 0, 8, is_final=False, line=1)
    with log.open("ab") as file:
        file.write("é".encode()[1:] + b"e\n")
    assert read_growing(log, NO_SECRETS, 8, 4096) == TaskLogPart(
        "thrée\n", "", 8, 15, is_final=False, line=3
    )
    assert read_growing(log, NO_SECRETS, 99, 4096).offset == 15


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
    stored = read_stored(whole, 0, offset, 4096)
    assert (stored.text, stored.offset, stored.is_final) == (part.text, part.offset, True)


def test_log_of_a_task_that_has_not_started_is_empty(log: Path) -> None:
    assert read_growing(log, NO_SECRETS, 7, 4096) == TaskLogPart(
        "", "", 0, 0, is_final=False, line=1
    )


def test_stored_log_continues_where_the_growing_one_was_read_to() -> None:
    start = position_of_stored("cd\n", size=5, start=2)
    assert read_stored("cd\n", start, 5, 4096) == TaskLogPart(
        "", "", 5, 5, is_final=True, line=None
    )
    assert read_stored("cd\n", start, 0, 4096).offset == 2


def test_stored_log_with_redacted_lines_begins_again() -> None:
    start = position_of_stored("[REDACTED]\n", size=5, start=0)
    part = read_stored("[REDACTED]\n", start, 5, 4096)
    assert (part.text, part.offset, part.is_final) == ("[REDACTED]\n", 6, True)
    assert read_stored("[REDACTED]\n", start, part.next_offset, 4096).text == ""


def test_line_number_far_into_a_log_is_unknown(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_logs, "_MAX_COUNTED_BYTES", 3)
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
        part = task_logs._read_part(read, len(log), redactor, offset, limit, has_ended=True)
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
            part = task_logs._read_part(
                read, len(log), redactor, offset, limit, has_ended=piece is None
            )
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

    part = task_logs._read_part(read, len(log), redactor, offset, limit, has_ended=True)
    assert not set("PQSUVW") & set(part.text.replace("[REDACTED]", "") + part.rest)


@given(st.integers(0, 60))
def test_part_from_inside_a_word_has_the_whole_word(offset: int) -> None:
    """The app redacts tokens of progress by their form."""
    log = b"token lfjp_abcdefghijklmnopqrstuvwxyz.0123456789 follows\n"

    def read(start: int, end: int) -> bytes:
        return log[start:end]

    redactor = SecretRedactor([])
    part = task_logs._read_part(read, len(log), redactor, offset, 4096, has_ended=True)
    words = part.text.split()
    assert set(words) <= {"token", "lfjp_abcdefghijklmnopqrstuvwxyz.0123456789", "follows"}
    assert log[part.offset :].decode() == part.text
