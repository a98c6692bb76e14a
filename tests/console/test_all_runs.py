"""The page with the runs of all jobs, and its export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import UpstreamTimeout, present_runs
from flask_lakeflow_jobs.console import all_runs
from flask_lakeflow_jobs.console.all_runs import write_csv
from flask_lakeflow_jobs.following.ends import NO_RUN
from flask_lakeflow_jobs.record.recorded_runs import RunFilter
from flask_lakeflow_jobs.record.values import RunEnd
from flask_lakeflow_jobs.text import FORMULA_STARTS
from tests.console.conftest import MakeShop
from tests.console.support import run, start, text_of
from tests.support import RunGate, wait_until

#: A run that the workspace has deleted.
GONE = 7

ROW: dict[str, Any] = {
    "job": "etl", "runId": 1, "outcome": "failed", "requestedBy": None, "requestedAt": "t",
    "startedAt": None, "endedAt": None, "duration": None, "error": None,
}  # fmt: skip


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_csv_cell_is_never_a_formula(start: str) -> None:
    text = write_csv([{**ROW, "error": f"{start}HYPERLINK()", "requestedBy": f"{start}x"}])
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["error"] == f"'{start}HYPERLINK()"
    assert row["requestedBy"] == f"'{start}x"
    assert row["runId"] == "1"
    assert row["startedAt"] == ""


def test_all_runs_page_and_export_show_the_runs_of_every_job(app: Flask) -> None:
    key = "broken"
    run_id = run(app, key)
    client = app.test_client()
    page = client.get("/jobs/~runs")
    assert page.status_code == 200
    assert f"/jobs/{key}/runs/{run_id}" in page.text
    assert "broken Broken boats" in text_of(page.text)
    assert "Export as CSV" in text_of(page.text)
    assert str(run_id) not in client.get("/jobs/~runs?by=nobody").text

    exported = client.get(f"/jobs/~runs/export?format=csv&job={key}")
    assert exported.mimetype == "text/csv"
    assert "attachment" in exported.headers["Content-Disposition"]
    rows = [*csv.DictReader(io.StringIO(exported.text))]
    assert str(run_id) in [row["runId"] for row in rows]
    runs = client.get("/jobs/~runs/export?format=json").get_json()["runs"]
    assert run_id in [one["runId"] for one in runs]


def test_export_reads_several_pages_and_says_if_there_are_more(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run(app, "flaky") for _ in range(3)]
    monkeypatch.setattr(all_runs, "EXPORT_PAGE_SIZE", 1)
    monkeypatch.setattr(all_runs, "MAX_EXPORT_PAGES", 2)
    client, url = app.test_client(), "/jobs/~runs/export?job=flaky"
    named = client.get(f"{url}&format=csv").headers["Content-Disposition"]
    assert named == "attachment; filename=runs-newest-2.csv"
    exported = client.get(f"{url}&format=json").get_json()
    assert [each["runId"] for each in exported["runs"]] == [runs[2], runs[1]]
    token = exported["nextPageToken"]
    older = client.get(f"/api/jobs/runs?job=flaky&pageToken={token}").get_json()["runs"]
    assert older[0]["runId"] == runs[0]
    page = client.get(f"/jobs/~runs?job=flaky&pageToken={token}").text
    assert [f"/runs/{run_id}" in page for run_id in runs] == [True, False, False]
    assert 'href="/jobs/~runs?job=flaky">Newest' in page


@pytest.mark.parametrize("record", [True, None])
def test_all_runs_page_has_parameters_without_secrets_and_root_errors(
    make_shop: MakeShop, record: bool | None
) -> None:
    app = make_shop(config={"LAKEFLOW_JOBS_RECORD_URL": record})
    run(app, "nightly", {"day": "2026-11-23", "sample": 77, "apiToken": "s3cret"})
    run(app, "flaky")
    client = app.test_client()
    page = client.get("/jobs/~runs?job=nightly").text
    assert "sample=77" in page
    assert "s3cret" not in page
    error = "load: ValueError: no orders"
    # The record is written in the background.
    wait_until(lambda: error in client.get("/jobs/~runs?job=flaky").text, "the root error")
    if (opened := app.extensions["lakeflow_jobs"].record) is not None:
        opened.database.close()


def test_all_runs_page_skipped_run_has_no_duration(make_shop: MakeShop, run_gate: RunGate) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    start(app, "alone", run_gate.params)
    run_id = run(app, "alone", run_gate.params)
    page = app.test_client().get("/jobs/~runs?job=alone&outcome=skipped").text
    (row,) = [row for row in page.split("<tr>") if f"/runs/{run_id}" in row]
    assert 'lf-took">\N{EN DASH}' in row


@pytest.fixture
def behind(app: Flask, make_shop: MakeShop) -> Iterator[Flask]:
    """An app whose record has not learned that its runs have ended."""
    recording = make_shop(config={"LAKEFLOW_JOBS_RECORD_URL": True})
    state = recording.extensions["lakeflow_jobs"]
    job_id = state.settings.jobs["broken"].job_id
    for run_id in (run(app, "broken"), GONE):
        state.record.add_found_run("broken", job_id, run_id, started_at=1000)
    yield recording
    state.record.database.close()


def list_outcomes(app: Flask) -> list[str]:
    page = app.test_client().get("/jobs/~runs?job=broken")
    assert page.status_code == 200
    return re.findall(r'class="lf-state[^>]*>.*?([a-z ]+)</span>', page.text)


def test_run_whose_end_is_not_recorded_is_shown_as_it_is_now(behind: Flask) -> None:
    assert sorted(list_outcomes(behind)) == ["failed", "unknown"]
    text = text_of(behind.test_client().get("/jobs/~runs?job=broken").text)
    assert re.search(r"failed only: ValueError: the boat is leaking [\d.]+ m?s ", text)
    assert f"unknown {NO_RUN} \N{EN DASH}" in text, "nobody knows how long it took"
    record = behind.extensions["lakeflow_jobs"].record
    outcomes = {row.outcome for row in record.list_runs(RunFilter(job_keys=["broken"]), limit=9)}
    assert outcomes == {"failed", "unknown"}, "the read has recorded the ends"


def test_run_of_a_former_id_of_its_job_has_no_link(behind: Flask) -> None:
    record, former = behind.extensions["lakeflow_jobs"].record, 5
    for run_id in (51, 52):
        record.add_found_run("broken", former, run_id, started_at=1000)
    record.finish_run(RunEnd(former, 52, "failed", 1000, 2000, "It broke."), [])
    page = behind.test_client().get("/jobs/~runs?job=broken").text
    assert page.count("It broke.") == 2, "the text and its title"
    assert not re.search(r"/runs/5[12]\b", page)  # other ids may begin with these digits
    assert sorted(list_outcomes(behind)) == ["failed", "failed", "unknown", "unknown"]


def test_all_runs_page_in_an_outage_is_as_recorded(
    behind: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def time_out(_read: Any, items: Sequence[Any], _seconds: float) -> list[UpstreamTimeout]:
        waits.append(len(items))
        return [UpstreamTimeout("The time is up.") for _ in items]

    monkeypatch.setattr(present_runs, "read_each", time_out)
    monkeypatch.setattr(all_runs, "read_each", time_out)
    assert list_outcomes(behind) == ["running", "running"]
    assert waits == [2], "the page waits for both runs, and then not for the name of the job"


@pytest.mark.parametrize(
    "url", ["~runs?outcome=fine", "~runs?from=x", "~runs/export", "~runs/export?format=xls"]
)
def test_invalid_filter_or_format_is_400(app: Flask, url: str) -> None:
    assert app.test_client().get(f"/jobs/{url}").status_code == 400
