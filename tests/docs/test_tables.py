"""The tables of the documentation match the code, and its pages are complete."""

from __future__ import annotations

import re
from configparser import ConfigParser

import click
import docs_commands
import docs_console
import docs_routes
import docs_tables
import pytest
import yaml
from docs_markdown import Table, params_of

from flask_lakeflow_jobs import JobConfig, Outcome, RunStatus
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.cli.exit_codes import ExitCode
from flask_lakeflow_jobs.config.keys import KEYS
from flask_lakeflow_jobs.config.settings import AppSettings
from flask_lakeflow_jobs.runs.run_now_fields import TASK_TYPES
from flask_lakeflow_jobs.telemetry import (
    JOB_ATTRIBUTE,
    OPERATION_ATTRIBUTE,
    OUTCOME_ATTRIBUTE,
    REPLAYED_ATTRIBUTE,
    instruments_for,
)
from tests.docs.blocks import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))


def first_cells(table: Table) -> list[str]:
    return [row[0].strip("`") for row in table.rows]


def test_table_rows_have_as_many_cells_as_the_head() -> None:
    for name, build in docs_tables.TABLES.items():
        table = build()
        assert table.rows, name
        assert all(len(row) == len(table.head) for row in table.rows), name
        lines = table.to_markdown().splitlines()
        assert len(lines) == len(table.rows) + 2
        assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.head) + 1}


def test_table_escapes_pipes_and_newlines() -> None:
    table = Table(("a",), (("one | two\nthree",),))
    assert table.to_markdown() == "| a |\n| --- |\n| one \\| two three |"


def test_keys_table_has_every_setting() -> None:
    keys = {key.name.removeprefix("LAKEFLOW_JOBS").lower().removeprefix("_") for key in KEYS}
    settings = set(AppSettings.__dataclass_fields__) - {"jobs", "sdk"}
    assert settings <= keys
    assert first_cells(docs_tables.keys()) == [key.name for key in KEYS]


def test_defaults_repeated_in_pages_are_current() -> None:
    defaults = {key.name: key.default for key in KEYS}
    repeated = [
        (name, float(number))
        for page in PAGES
        for name, number in re.findall(
            r"^\| `(LAKEFLOW_JOBS_\w+)` \| (\d[\d.]*)", page.read_text(), re.MULTILINE
        )
    ]
    assert [(name, number) for name, number in repeated if defaults[name] != number] == []


def test_tables_have_all_task_types_outcomes_exit_codes() -> None:
    assert set(first_cells(docs_tables.task_types())) == set(TASK_TYPES)
    assert first_cells(docs_tables.outcomes()) == [outcome.value for outcome in Outcome]
    assert first_cells(docs_tables.exit_codes()) == [str(int(code)) for code in ExitCode]


def test_errors_table_has_status_and_exit_code() -> None:
    rows = {row[0].split("`")[1]: row[1:3] for row in docs_tables.errors().rows}
    assert rows["InvalidParameters"] == ("`400`", "`2`")
    assert rows["UpstreamTimeout"] == ("`504`", "`7`")
    types = {row[0].rsplit(":")[-1][:-1]: row[1:3] for row in docs_tables.problem_types().rows}
    assert types["invalid-parameters"] == ("`400`", "no")
    assert types["upstream-timeout"] == ("`504`", "yes")
    assert len(types) == len(rows)


def test_routes_table_has_every_contract_route() -> None:
    routes = {(row[0].strip("`"), row[1].strip("`")) for row in docs_routes.routes().rows}
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
    } <= routes


def test_job_settings_table_has_every_field_with_its_meaning() -> None:
    rows = docs_tables.job_settings().rows
    assert [row[0].strip("`") for row in rows] == list(JobConfig.__dataclass_fields__)
    assert all(row[2] for row in rows)


def test_run_status_table_has_every_attribute() -> None:
    table = docs_tables.run_status()
    properties = {name for name, member in vars(RunStatus).items() if isinstance(member, property)}
    assert set(first_cells(table)) == properties | set(RunStatus.__dataclass_fields__)
    in_json = {row[1].strip("`") for row in table.rows} - {""}
    assert in_json == {"status", "outcome", "timestamp", "eta", "progress", "run"}


def test_console_tables_have_a_meaning_in_each_row() -> None:
    tables = (
        docs_console.template_globals(),
        docs_console.console_endpoints(),
        docs_console.css_variables(),
    )
    assert [row[0] for table in tables for row in table.rows if not row[-1]] == []


def test_template_globals_table_has_signatures() -> None:
    table = docs_console.template_globals()
    assert "lakeflow_run(key, run_id)" in first_cells(table)


def test_css_variables_table_has_both_schemes() -> None:
    rows = {row[0]: row[1:] for row in docs_console.css_variables().rows}
    assert rows["`--lf-bad`"][:2] == ("`#b92a43`", "`#ff8095`")
    assert rows["`--lf-gap`"][:2] == ("`1rem`", "the same")


def test_params_of_reads_units_and_roles_of_a_docstring() -> None:
    def documented() -> None:
        """Do it.

        :param seconds: seconds; ``None``: as
            :meth:`run_now` has it.
        :param key: the key.
        :raises ValueError: never.
        """

    assert params_of(documented) == {
        "seconds": "Seconds; `None`: as `run_now` has it.",
        "key": "The key.",
    }


def test_commands_section_has_every_option() -> None:
    section = docs_commands.commands()
    context = click.Context(command_group)
    for name in command_group.list_commands(context):
        command = command_group.get_command(context, name)
        assert command is not None
        assert f"### `flask jobs {name}`" in section
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{parameter.opts[-1]}" in section or f", {parameter.opts[-1]}" in section


def test_commands_section_has_the_commands_of_groups() -> None:
    assert "### `flask jobs record upgrade`" in docs_commands.commands()


def test_observability_page_has_every_metric() -> None:
    page = (ROOT / "docs" / "reference" / "observability.md").read_text()
    for kind in ("upstream", "trigger", "stream"):
        instruments = instruments_for(kind)
        assert instruments is not None
        assert f"`lakeflow.{kind}.duration`" in page
        assert not instruments.counted or f"`lakeflow.{kind}.{instruments.counted}`" in page
    for attribute in (JOB_ATTRIBUTE, OPERATION_ATTRIBUTE, OUTCOME_ATTRIBUTE, REPLAYED_ATTRIBUTE):
        assert f"`{attribute}`" in page


def test_observability_page_has_every_logger() -> None:
    page = (ROOT / "docs" / "reference" / "observability.md").read_text()
    documented = set(re.findall(r"^\| `(flask_lakeflow_jobs[\w.]*)`", page, re.MULTILINE))
    used = {
        name
        for module in (ROOT / "flask_lakeflow_jobs").rglob("*.py")
        for name in re.findall(r"getLogger\((\"[^\"]*\")\)", module.read_text())
    }
    assert used - {'"waitress.queue"', '"sqlglot"'} == {f'"{name}"' for name in documented}


def test_contributing_has_every_tox_environment() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    sections = re.findall(r"^\[testenv:([a-z]+)", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    assert [name for name in sections if f"| `{name}" not in page] == []


def tox_environments() -> set[str]:
    """Return the environments of ``env_list`` in tox.ini, with ``name{1,2}`` expanded."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    environments = set()
    for entry in config["tox"]["env_list"].split():
        prefix, _, factors = entry.rstrip("}").partition("{")
        environments |= {prefix + factor for factor in factors.split(",")}
    return environments


def workflow_environments(workflow: str) -> set[str]:
    """Return the tox environments in the matrices of a GitHub workflow."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())["jobs"]
    return {
        entry["tox"]
        for job in jobs.values()
        for entry in job.get("strategy", {}).get("matrix", {}).get("include", [])
        if "tox" in entry
    }


WORKFLOWS = sorted(path.name for path in (ROOT / ".github" / "workflows").glob("*.y*ml"))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflow_environments_are_in_tox_env_list(workflow: str) -> None:
    assert workflow_environments(workflow) <= tox_environments()


def test_nightly_workflow_runs_every_tox_environment() -> None:
    assert workflow_environments("nightly.yaml") == tox_environments()


def test_ci_run_runs_every_tox_environment_but_py() -> None:
    """Its first command, the test line of the README, is ``py``."""
    named = re.findall(r" -e (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert sorted(",".join(named).split(",")) == sorted(tox_environments() - {"py"})


def test_tables_of_pages_are_up_to_date() -> None:
    for page in PAGES:
        text = page.read_text()
        advice = f"{page.name}: run: python docs/_ext/docs_tables.py"
        assert text.splitlines() == docs_tables.update_page(text).splitlines(), advice


def test_every_table_is_in_a_page() -> None:
    sections = [
        name for page in PAGES for _, name, _ in docs_tables.SECTION.findall(page.read_text())
    ]
    assert sorted(sections) == sorted([*docs_tables.TABLES, "commands"])


def test_update_page_keeps_text_around_a_table() -> None:
    page = "before\n\n<!-- made of code: exit-codes -->\n\n| old |\n\n<!-- end -->\n\nafter\n"
    updated = docs_tables.update_page(page)
    assert updated.startswith("before\n\n<!-- made of code: exit-codes -->\n\n| Exit code |")
    assert updated.endswith(" |\n\n<!-- end -->\n\nafter\n")
    assert "old" not in updated
    assert docs_tables.update_page(updated) == updated
