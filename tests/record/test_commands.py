"""``flask jobs record``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from flask_lakeflow_jobs.cli.record import parse_time_option
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import Action
from flask_lakeflow_jobs.record.versions import VERSIONS
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.record.rows import add_run, end, set_version
from tests.records import record_of

REFUSE_WRITES = "PRAGMA query_only = 1"


@pytest.fixture
def app(make_app: MakeApp, clock: FakeClock) -> Flask:
    return make_app(LAKEFLOW_JOBS_RECORD_URL=True, clock=clock)


@pytest.fixture
def record(app: Flask) -> Record:
    return record_of(app)


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["jobs", "record", *arguments])


def test_commands_without_record_name_key(make_app: MakeApp) -> None:
    result = run(make_app(), "show")
    assert result.exit_code == 2
    assert "Set LAKEFLOW_JOBS_RECORD_URL" in result.stderr


def test_upgrade_creates_tables_once(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{tmp_path}/record.sqlite3")
    assert "flask jobs record upgrade" in run(app, "show").stderr
    assert f"has version {VERSIONS[-1]} now" in run(app, "upgrade").stderr
    assert f"has version {VERSIONS[-1]} already" in run(app, "upgrade").stderr
    assert "no such runs" in run(app, "show").stderr


@pytest.mark.parametrize("command", ["show", "export", "prune", "upgrade"])
def test_command_with_the_tables_of_a_newer_version_names_remedy(
    app: Flask, record: Record, command: str
) -> None:
    add_run(record)
    set_version(record, "9999")
    result = run(app, command)
    assert result.exit_code == 2
    assert "newer version of flask-lakeflow-jobs. Install that version" in result.stderr
    assert doctor(app)["record"]["level"] == "error"


def test_show_filters_runs(app: Flask, record: Record) -> None:
    add_run(record, 7, "etl", requested_by="ada")
    add_run(record, 8, "report", requested_by="bob")
    record.finish_run(end(8, "failed", error="Boom"))
    result = run(app, "show")
    _, *rows = [line.split() for line in result.stdout.splitlines()]
    assert [" ".join([*row[:3], *row[5:]]) for row in rows] == [
        "8 report FAILED 1970-01-01 00:00:02 bob Boom",
        "7 etl STARTED ada",
    ]
    for arguments in (["--job", "report"], ["--by", "bob"], ["--outcome", "FAILED"]):
        result = run(app, "show", *arguments)
        assert "Boom" in result.output
        assert "etl" not in result.output


@pytest.mark.parametrize("command", ["show", "export"])
@pytest.mark.parametrize("option", ["--job", "--by"])
def test_filter_that_is_no_text_matches_nothing(
    app: Flask, record: Record, command: str, option: str
) -> None:
    add_run(record, 7, "etl", requested_by="ada")
    result = run(app, command, option, "\udcff")
    assert (result.exit_code, "etl" in result.stdout) == (0, False)


def test_show_json_has_all_fields(app: Flask, record: Record) -> None:
    add_run(record, 7, params='{"day": 1}')
    (shown,) = json.loads(run(app, "show", "--json").stdout)["runs"]
    assert (shown["run_id"], shown["state"], shown["params"]) == (7, "started", '{"day": 1}')


def test_show_actions_says_who_did_what(app: Flask, record: Record) -> None:
    record.record_action(
        Action("cancel", "refused", "etl", 1, 7, "mallory", source="http", address="192.0.2.7")
    )
    output = run(app, "show", "--actions").output
    for text in ("cancel", "refused", "mallory", "http 192.0.2.7"):
        assert text in output


def test_show_actions_with_outcome_is_usage_error(app: Flask) -> None:
    assert run(app, "show", "--actions", "--outcome", "failed").exit_code == 2


@pytest.mark.parametrize("more", [["--actions"], ["--job", "etl"], ["--since", "2025-01-31"]])
def test_show_undelivered_with_filters_is_usage_error(app: Flask, more: list[str]) -> None:
    result = run(app, "show", "--undelivered", *more)
    assert (result.exit_code, "Omit" in result.stderr) == (2, True)


def test_show_unknown_outcome_is_usage_error(app: Flask) -> None:
    result = run(app, "show", "--outcome", "failure")
    assert result.exit_code == 2
    assert "timed_out" in result.stderr


def test_show_undelivered_shows_last_error(app: Flask, record: Record) -> None:
    add_run(record, 7)
    record.finish_run(end(7), ["app.send_mail"])
    (delivery,) = record.list_due_deliveries()
    record.claim_delivery(delivery.delivery_id, "here", 10)
    record.fail_delivery(delivery.delivery_id, "here", "SMTPError: no")
    output = run(app, "show", "--undelivered").output
    for text in ("app.send_mail", "given up", "SMTPError: no"):
        assert text in output


def test_export_csv_has_every_row(app: Flask, record: Record, clock: FakeClock) -> None:
    for run_id in range(3):
        add_run(record, run_id, requested_by="=HYPERLINK(1)")
        clock.sleep(1)
    rows = list(csv.DictReader(io.StringIO(run(app, "export").stdout)))
    assert [row["run_id"] for row in rows] == ["2", "1", "0"]
    assert {row["requested_by"] for row in rows} == {"'=HYPERLINK(1)"}


@pytest.mark.parametrize("options", [(), ("--actions",)])
def test_export_csv_without_rows_has_the_same_columns(
    app: Flask, record: Record, options: tuple[str, ...]
) -> None:
    (empty,) = run(app, "export", *options).stdout.splitlines()
    add_run(record, 7)
    record.record_action(Action("cancel", "accepted", "etl", 1, 7, source="http"))
    assert run(app, "export", *options).stdout.splitlines()[0] == empty


def test_export_json_has_one_object_per_line(app: Flask, record: Record) -> None:
    add_run(record, 7)
    add_run(record, 8)
    lines = run(app, "export", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["run_id"] for line in lines] == [8, 7]


def test_export_ends_when_its_reader_does(
    app: Flask, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in ``flask jobs record export | head -1``."""

    def refuse(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    add_run(record, 7)
    monkeypatch.setattr(click, "echo", refuse)
    assert run(app, "export").exit_code == 130


def test_prune_deletes_older_rows(app: Flask, record: Record, clock: FakeClock) -> None:
    add_run(record, 7)
    record.finish_run(end(7))
    record.record_action(Action("trigger", "accepted", "etl", 1, 7))
    clock.sleep(10 * 24 * 3600)
    assert "Deleted 0 runs and 0 actions" in run(app, "prune").stderr
    result = run(app, "prune", "--days", "9")
    assert "Deleted 1 runs and 1 actions that were older than 9 days" in result.stderr
    assert record.list_runs() == []


@pytest.mark.parametrize(
    "arguments",
    [("prune", "--days", "nan"), ("prune", "--days", "1e308"), ("show", "--limit", "9" * 20)],
)
def test_number_that_no_database_counts_is_a_usage_error(
    app: Flask, arguments: tuple[str, ...]
) -> None:
    result = run(app, *arguments)
    assert (result.exit_code, "Invalid value" in result.stderr) == (2, True)


@pytest.mark.parametrize("text", ["yesterday", "2025-13-01", ""])
def test_show_invalid_time_is_usage_error(app: Flask, text: str) -> None:
    result = run(app, "show", "--since", text)
    assert result.exit_code == 2
    assert "is not a time" in result.stderr


def test_parse_time_with_zone_is_milliseconds() -> None:
    assert parse_time_option("1970-01-01T00:00:01+00:00") == 1_000


def test_doctor_old_record_names_command(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{tmp_path}/record.sqlite3")
    findings = doctor(app)
    assert findings["record"]["level"] == "error"
    assert "flask jobs record upgrade" in findings["record"]["message"]
    run(app, "upgrade")
    assert doctor(app)["record"]["level"] == "ok"


def test_doctor_record_that_cannot_be_written_is_error(app: Flask, record: Record) -> None:
    """On a full disk, what is in the record can still be read."""
    run(app, "show")
    sa.event.listen(
        record.database.engine,
        "begin",
        lambda connection: connection.exec_driver_sql(REFUSE_WRITES),
    )
    finding = doctor(app)["record"]
    assert finding["level"] == "error"
    assert "attempt to write a readonly database" in finding["message"]


def test_doctor_unreachable_record_is_error_without_password(make_app: MakeApp) -> None:
    url = "postgresql+psycopg://app:s3cret@127.0.0.1:9/name"
    finding = doctor(make_app(LAKEFLOW_JOBS_RECORD_URL=url))["record"]
    assert finding["level"] == "error"
    assert "does not respond" in finding["message"]
    assert "s3cret" not in json.dumps(finding)


def doctor(app: Flask) -> dict[str, Any]:
    result = app.test_cli_runner().invoke(args=["jobs", "doctor", "--json"])
    return {finding["about"]: finding for finding in json.loads(result.stdout)["findings"]}
