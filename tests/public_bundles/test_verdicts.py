"""The verdict on an error, and its remedy."""

from __future__ import annotations

import pytest

from tests.public_bundles.verdicts import (
    Verdict,
    find_verdict,
    has_remedy,
    read_first_sentences,
)


@pytest.mark.parametrize(
    ("error", "verdict", "is_helpful"),
    [
        ("The task needs cowsay, which its environment lists. Set X = True.", Verdict.EXTRA, True),
        ("Sail has no RDDs. Use DataFrames. More.", Verdict.NOT_HERE, True),
        ("NotImplementedError: Sail runs no scripts. Write them.", Verdict.NOT_HERE, True),
        ("Copy the file to /Volumes/a. FileNotFoundError: x", Verdict.SURROUNDINGS, True),
        ("ValueError: No secret with scope: a. Put it with the API.", Verdict.SURROUNDINGS, True),
        ("The task needs the module a, and lists b. Build it.", Verdict.EXTRA, True),
        ("m.sql: the model m failed: DuckDB has no streams. Read a.", Verdict.NOT_HERE, True),
        ("E: It reads no abfss://a. Copy some to a volume.", Verdict.SURROUNDINGS, True),
        ("Leave a.b out for a local run: it has no c.", Verdict.NOT_HERE, True),
        ("a.yml:1: No YAML. Quote a value.", Verdict.OWN, True),
        ("ValueError: the input is empty", Verdict.OWN, False),
        ("RuntimeError: SetupError", Verdict.OWN, False),
        ("An alert_task checks an alert. Simulate its job.", Verdict.NOT_HERE, True),
    ],
)
def test_verdict_and_remedy(error: str, verdict: Verdict, is_helpful: bool) -> None:
    assert (find_verdict(error), has_remedy(error)) == (verdict, is_helpful)


def test_first_sentences_end_where_the_advice_ends() -> None:
    assert read_first_sentences("Sail has no x.y. Use 1.5 of it.\nMore. Text") == (
        "Sail has no x.y. Use 1.5 of it."
    )
