"""The tables of the book say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import book_tables
import click
import pytest
from book_tables import Table

from flask_lakeflow_jobs import Outcome
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.cli.exit_codes import ExitCode
from flask_lakeflow_jobs.config.keys import KEYS
from flask_lakeflow_jobs.config.settings import Settings
from flask_lakeflow_jobs.runs.params import TASK_TYPES
from flask_lakeflow_jobs.telemetry import JOB, OPERATION, OUTCOME, REPLAYED, instruments_for
from tests.docs.blocks import ROOT


def first_cells(table: Table) -> list[str]:
    return [row[0].strip("`") for row in table.rows]


@pytest.mark.parametrize("name", book_tables.TABLES)
def test_every_cell_fits_its_table(name: str) -> None:
    table = book_tables.TABLES[name]()
    assert table.rows
    assert all(len(row) == len(table.head) for row in table.rows)
    lines = table.to_markdown().splitlines()
    assert len(lines) == len(table.rows) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.head) + 1}


def test_cells_cannot_break_out_of_their_table() -> None:
    table = Table(("a",), (("one | two\nthree",),))
    assert table.to_markdown() == "| a |\n| --- |\n| one \\| two three |"


def test_every_setting_has_a_key_in_the_table() -> None:
    told = {key.name.removeprefix("LAKEFLOW_JOBS").lower().removeprefix("_") for key in KEYS}
    settings = set(Settings.__dataclass_fields__) - {"jobs", "sdk"}
    assert settings <= told
    assert first_cells(book_tables.keys()) == [key.name for key in KEYS]


def test_defaults_that_a_page_repeats_are_those_that_hold() -> None:
    defaults = {key.name: key.default for key in KEYS}
    repeated = [
        (name, float(number))
        for page in (ROOT / "docs").glob("*.md")
        for name, number in re.findall(
            r"^\| `(LAKEFLOW_JOBS_\w+)` \| (\d[\d.]*)", page.read_text(), re.MULTILINE
        )
    ]
    assert [(name, number) for name, number in repeated if defaults[name] != number] == []


def test_every_task_type_outcome_and_exit_code_is_told() -> None:
    assert set(first_cells(book_tables.task_types())) == set(TASK_TYPES)
    assert first_cells(book_tables.outcomes()) == [outcome.value for outcome in Outcome]
    assert first_cells(book_tables.exit_codes()) == [str(int(code)) for code in ExitCode]


def test_errors_are_told_with_their_status_and_exit_code() -> None:
    rows = {row[0].split("`")[1]: row[1:3] for row in book_tables.errors().rows}
    assert rows["InvalidParameters"] == ("`400`", "`2`")
    assert rows["UpstreamTimeout"] == ("`504`", "`7`")
    types = {row[0].rsplit(":")[-1][:-1]: row[1:3] for row in book_tables.problem_types().rows}
    assert types["invalid-parameters"] == ("`400`", "no")
    assert types["upstream-timeout"] == ("`504`", "yes")
    assert len(types) == len(rows)


def test_every_route_of_the_contract_is_told() -> None:
    told = {(row[0].strip("`"), row[1].strip("`")) for row in book_tables.routes().rows}
    assert {
        ("POST", "/api/jobs/<key>/run"),
        ("GET", "/api/jobs/<key>/runs"),
        ("GET", "/api/jobs/<key>/runs/<id>"),
        ("GET", "/api/jobs/<key>/runs/<id>/stream"),
        ("GET", "/api/jobs/stream"),
        ("GET", "/api/jobs/<key>/runs/<id>/output"),
        ("GET", "/api/jobs/<key>/status"),
        ("DELETE", "/api/jobs/<key>/runs/<id>"),
        ("POST", "/api/jobs/<key>/runs/<id>/repair"),
        ("GET", "/api/jobs/"),
        ("GET", "/api/jobs/<key>"),
        ("GET", "/api/jobs/openapi.json"),
    } <= told


def test_every_command_is_told_with_its_options() -> None:
    told = book_tables.commands()
    context = click.Context(command_group)
    for name in command_group.list_commands(context):
        command = command_group.get_command(context, name)
        assert command is not None
        assert f"### `flask jobs {name}`" in told
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{parameter.opts[-1]}" in told or f", {parameter.opts[-1]}" in told


def test_every_metric_is_told() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    for kind in ("upstream", "trigger", "stream"):
        instruments = instruments_for(kind)
        assert instruments is not None
        assert f"`lakeflow.{kind}.duration`" in page
        assert not instruments.counted or f"`lakeflow.{kind}.{instruments.counted}`" in page
    for attribute in (JOB, OPERATION, OUTCOME, REPLAYED):
        assert f"`{attribute}`" in page


def test_loggers_of_the_package_are_those_in_the_docs() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    documented = set(re.findall(r"^\| `(flask_lakeflow_jobs[\w.]*)`", page, re.MULTILINE))
    used = {
        name
        for module in (ROOT / "flask_lakeflow_jobs").rglob("*.py")
        for name in re.findall(r"getLogger\(([^)]*)\)", module.read_text())
    }
    assert used - {'"waitress.queue"', "_CALLS"} == {f'"{name}"' for name in documented}


def test_contributors_are_told_of_every_environment() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    sections = re.findall(r"^\[testenv:([a-z]+)", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    assert [name for name in sections if f"| `{name}" not in page] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_says_what_the_code_says(page: Path) -> None:
    text = page.read_text()
    hint = "Run: python docs/_ext/book_tables.py"
    assert text.splitlines() == book_tables.rewritten(text).splitlines(), hint


def test_every_table_stands_in_a_page() -> None:
    places = [
        name
        for page in (ROOT / "docs").glob("*.md")
        for _, name, _ in book_tables.PLACE.findall(page.read_text())
    ]
    assert sorted(places) == sorted([*book_tables.TABLES, "commands"])


def test_what_stands_around_a_table_is_left_alone() -> None:
    page = "before\n\n<!-- made of code: exit-codes -->\n\n| old |\n\n<!-- end -->\n\nafter\n"
    written = book_tables.rewritten(page)
    assert written.startswith("before\n\n<!-- made of code: exit-codes -->\n\n| Exit code |")
    assert written.endswith(" |\n\n<!-- end -->\n\nafter\n")
    assert "old" not in written
    assert book_tables.rewritten(written) == written
