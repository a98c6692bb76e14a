"""The compatibility ledger has a row for each route, kind of task and field of the workspace."""

from __future__ import annotations

from collections.abc import Callable

import docs_ledger
import pytest
from docs_ledger import LedgerError, find_entries, read_entries, read_fields, read_routes

from flask_lakeflow_jobs.local.engine import kinds
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS

#: What a kind that cannot run here says.
NOT_HERE = ", which the local workspace cannot do: "

ADVICE = (
    "Mark the test that shows how it compares with Databricks (see docs/_ext/docs_ledger.py), "
    'such as @pytest.mark.ledger("GET jobs/get", same="API"), '
    '@pytest.mark.ledger("dbt_task", differs="It runs on DuckDB.") or '
    '@pytest.mark.ledger("sql_task", refused="The beginning of the message"). '
    "Then run: python docs/_ext/docs_tables.py"
)


def subjects(*verdicts: str) -> set[str]:
    """Return the subjects of the ledger with one of these verdicts, or with any."""
    return {each.subject for each in read_entries() if not verdicts or each.verdict in verdicts}


@pytest.mark.parametrize(
    "read",
    [read_routes, lambda: frozenset(TASK_KINDS), read_fields],
    ids=["routes", "kinds", "fields"],
)
def test_ledger_has_a_row_for_each_part(read: Callable[[], frozenset[str]]) -> None:
    missing = sorted(read() - subjects())
    assert missing == [], f"No row in the compatibility ledger: {', '.join(missing)}. {ADVICE}"


def test_ledger_has_no_row_for_a_part_that_is_gone() -> None:
    """A route that begins with a slash is outside the API, and not in the route tables."""
    gone = subjects() - read_routes() - TASK_KINDS.keys() - read_fields()
    assert sorted(each for each in gone if " /" not in each) == [], "Correct or remove the mark."


def test_ledger_says_which_kinds_run() -> None:
    refused = {each.subject for each in read_entries() if each.detail == NOT_HERE}
    assert subjects("same", "differs") & TASK_KINDS.keys() == set(kinds._BUILDERS), ADVICE
    assert refused == TASK_KINDS.keys() - kinds._BUILDERS.keys(), ADVICE


def test_ledger_has_each_message_of_a_task_that_cannot_run() -> None:
    messages = [each.detail for each in read_entries() if each.verdict == "refused"]
    missing = [
        text
        for text in sorted(docs_ledger.read_refusals())
        if not any(message in text for message in messages)
    ]
    assert missing == [], f"No row in the compatibility ledger: {missing}. {ADVICE}"


def test_ledger_has_only_messages_of_the_code() -> None:
    texts = docs_ledger.read_texts()
    assert [
        f"{each.file}: {each.detail}"
        for each in read_entries()
        if each.verdict == "refused" and not any(each.detail in text for text in texts)
    ] == [], "No code has this message. Write it as the code does, with … for what varies."


def test_ledger_differences_are_sentences() -> None:
    assert [
        each.detail
        for each in read_entries()
        if each.verdict == "differs" and not (each.detail[0].isupper() and each.detail[-1] == ".")
    ] == []


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("'job: x', same='hearsay'", ":2: Use a source of API, "),
        ("'job: x', likely='yes'", ":2: Use a subject, and same, "),
        ("same='API'", ":2: Use a subject, and same, "),
        ("'job: x', same=SOURCE", ":2: Use literals: "),
        ("'job: x', same='API', differs='It is.'", ":2: Use literals: "),
    ],
)
def test_find_entries_refuses_other_marks(mark: str, message: str) -> None:
    text = f"import pytest\n@pytest.mark.ledger({mark})\ndef test_x() -> None: ..."
    with pytest.raises(LedgerError, match=f"^tests/test_x.py{message}"):
        list(find_entries(text, docs_ledger.ROOT / "tests" / "test_x.py"))
