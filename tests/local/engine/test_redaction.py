"""Redaction of secrets in the log and the result of a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.engine.redaction import SecretRedactor


@pytest.fixture
def redactor() -> SecretRedactor:
    return SecretRedactor(["hunter2", "hunter22", "one\ntwo.*", ""])


def test_redact_replaces_secrets_in_all_strings(redactor: SecretRedactor) -> None:
    outcome = {"a": "hunter22 hunter2", "b": [{"c": "one\ntwo.*!"}, 5, None], "d": "public"}
    assert redactor.redact(outcome) == {
        "a": "[REDACTED] [REDACTED]",
        "b": [{"c": "[REDACTED]!"}, 5, None],
        "d": "public",
    }


@pytest.mark.parametrize("secrets", [[], [""]])
def test_redactor_without_secrets_changes_nothing(secrets: list[str]) -> None:
    redactor = SecretRedactor(secrets)
    assert redactor.overlap == 0
    assert redactor.redact("text") == "text"
    assert redactor.redact_log(b"text", 0, has_ended=False) == b"text"


def test_log_from_the_middle_of_a_secret_hides_all_of_it(redactor: SecretRedactor) -> None:
    log = b"xx hunter22 yy hunter2"
    shown = [redactor.redact_log(log, start, has_ended=True) for start in (3, 4, 10, 11)]
    assert shown == [b"[REDACTED] yy [REDACTED]"] * 3 + [b" yy [REDACTED]"]


def test_log_of_a_running_task_holds_back_the_beginning_of_a_secret(
    redactor: SecretRedactor,
) -> None:
    assert redactor.redact_log(b"x hunt", 0, has_ended=False) == b"x "
    assert redactor.redact_log(b"x hunt", 0, has_ended=True) == b"x hunt"
    assert redactor.redact_log(b"x hunt!", 0, has_ended=False) == b"x hunt!"


@given(
    st.text("ab\n", min_size=1, max_size=6),
    st.lists(st.booleans(), max_size=6),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_no_part_of_a_growing_log_shows_a_part_of_a_secret(
    secret: str, pieces: list[bool], start: int, length: int
) -> None:
    redactor = SecretRedactor([secret])
    log = "x".join(secret if is_secret else "" for is_secret in pieces).encode()[:length]
    first = max(0, start - redactor.overlap)
    shown = redactor.redact_log(log[first:], start - first, has_ended=False).decode()
    assert set(shown) <= set("x[REDACTED]")
