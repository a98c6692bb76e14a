"""Redaction of secrets in the log and the result of a task."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.tasks.redaction import SecretRedactor


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
    assert redactor.redact_log(b"text", 0, 4) == b"text"


def test_log_from_the_middle_of_a_secret_hides_the_rest_of_it(redactor: SecretRedactor) -> None:
    log = b"xx hunter22 yy hunter2"
    shown = [redactor.redact_log(log, start, len(log)) for start in (3, 4, 10, 11)]
    assert shown == [b"[REDACTED] yy [REDACTED]", *[b" yy [REDACTED]"] * 3]


@pytest.mark.parametrize(
    ("log", "spans"),
    [(b"xababa aba", [(1, 6), (7, 10)]), (b"abaaba", [(0, 3), (3, 6)]), (b"abcba", [(0, 5)])],
)
def test_secrets_that_overlap_count_as_one(log: bytes, spans: list[tuple[int, int]]) -> None:
    assert SecretRedactor(["aba", "abcba", "c"]).find(log) == spans


def test_secret_that_is_not_unicode_is_redacted() -> None:
    redactor = SecretRedactor([b"caf\xe9".decode(errors="surrogateescape")])
    assert redactor.redact_log(b"a caf\xe9 b", 0, 8) == b"a [REDACTED] b"


@pytest.mark.parametrize(
    ("log", "begun"),
    [
        *((b"x hunt", 2), (b"x hunt!", 7), (b"x hunter2h", 9), (b"x hunter2", 2)),
        *((b"hunt", 0), (b"hat", 3), (b"hh", 1)),
    ],
)
def test_find_begun_is_where_a_secret_may_begin(
    redactor: SecretRedactor, log: bytes, begun: int
) -> None:
    assert redactor.find_begun(log) == begun


# Words of few letters overlap, contain each other, and repeat themselves.
secrets = st.lists(st.text("ab\n", min_size=1, max_size=6), max_size=3)


@given(secrets, st.text("abc\n", max_size=40), st.lists(st.integers(0, 40)))
def test_parts_of_a_log_together_are_the_whole_redacted_log(
    secrets: list[str], text: str, positions: list[int]
) -> None:
    redactor, log = SecretRedactor(secrets), text.encode()
    bounds = sorted({0, len(log), *(min(each, len(log)) for each in positions)})
    parts = []
    for start, end in pairwise(bounds):
        first = max(0, start - redactor.overlap)
        data = log[first : end + redactor.overlap]
        parts.append(redactor.redact_log(data, start - first, end - first))
    assert b"".join(parts).decode() == redactor.redact(text)


@given(secrets, st.text("abc\n", max_size=40))
def test_redact_hides_each_byte_of_each_secret_and_nothing_else(
    secrets: list[str], text: str
) -> None:
    hidden = {
        position
        for secret in secrets
        for first in range(len(text))
        if text.startswith(secret, first)
        for position in range(first, first + len(secret))
    }
    shown = SecretRedactor(secrets).redact(text).replace("[REDACTED]", "")
    assert shown == "".join(each for at, each in enumerate(text) if at not in hidden)
