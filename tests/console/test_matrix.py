"""The tasks of the last runs, and the comparison of two runs."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunParameters
from flask import Flask

from flask_lakeflow_jobs import RunNotFound, current_jobs
from flask_lakeflow_jobs.console import lists, matrix, queries
from flask_lakeflow_jobs.console.comparison import build_comparison
from flask_lakeflow_jobs.console.matrix import build_cells, build_matrix, read_matrix
from flask_lakeflow_jobs.console.summaries import summarize
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.testing.fault_proxy import Address
from tests.console.conftest import MakeShop
from tests.console.support import run as run_job
from tests.console.support import text_of
from tests.run_documents import FAILED, SUCCEEDED, Document, run, run_state, task

NOW = 100_000
NEVER = run_state("TERMINATED", "UPSTREAM_FAILED")


def ended(key: str, start: int, seconds: int, state: Document, **fields: Any) -> Document:
    times = {"start_time": start, "end_time": start + 1000 * seconds}
    return task(key, state, execution_duration=1000 * seconds, **times, **fields)


EARLIER = run(
    SUCCEEDED,
    run_id=1,
    start_time=1000,
    end_time=9000,
    job_parameters=[{"name": "day", "default": "1"}, {"name": "to", "default": "x"}],
    tasks=[ended("b", 3000, 4, SUCCEEDED), ended("a", 1000, 2, SUCCEEDED)],
)
LATER = run(
    FAILED,
    run_id=2,
    start_time=20_000,
    end_time=24_000,
    job_parameters=[{"name": "day", "default": "1", "value": "2"}],
    tasks=[
        ended("a", 20_000, 1, FAILED, run_id=5),
        ended("a", 21_000, 3, FAILED, run_id=6, attempt_number=1),
        task("b", NEVER, start_time=24_000, end_time=24_000),
        ended("c", 20_500, 1, SUCCEEDED),
    ],
)


def test_matrix_has_the_last_attempt_of_each_task_in_order_of_starts() -> None:
    columns = [build_cells(each, NOW) for each in (LATER, EARLIER)]
    built = build_matrix([summarize(each, NOW) for each in (LATER, EARLIER)], columns)
    assert [
        (row.key, [cell and (cell.state.word, cell.length, cell.number) for cell in row.cells])
        for row in built.rows
    ] == [
        ("c", [("succeeded", 1000, 1), None]),
        ("a", [("failed", 3000, 2), ("succeeded", 2000, 1)]),
        ("b", [("upstream failed", None, 1), ("succeeded", 4000, 1)]),
    ]
    assert [*built.kinds] == ["good", "bad", "never"]


def test_comparison_marks_what_differs() -> None:
    runs = [EARLIER, LATER]
    compared = build_comparison(
        [summarize(each, NOW) for each in runs],
        [build_cells(each, NOW) for each in runs],
        ["", "x"],
    )
    assert compared.change == -4000
    assert [(row.name, [*row.values], row.differs) for row in compared.parameters] == [
        ("day", ["1", "2"], True),
        ("to", ["x", None], True),
    ]
    assert [(row.key, row.change, row.differs) for row in compared.tasks] == [
        ("a", 1000, True),
        ("b", None, True),
        ("c", None, True),
    ]


def test_matrix_reads_ended_runs_once(make_shop: MakeShop, shop: Address) -> None:
    with FaultyWorkspace(shop) as proxy:
        app = make_shop(config={"DATABRICKS_HOST": proxy.host, "LAKEFLOW_JOBS_CACHE_TTL": 0})
        run_id = run_job(app, "broken")
        client = app.test_client()
        assert client.get("/jobs/broken/matrix").status_code == 200
        before = len(proxy.find_requests(path="runs/get"))
        page = client.get("/jobs/broken/matrix").text
        assert len(proxy.find_requests(path="runs/get")) == before
    assert re.search(rf'<th scope="row" title="only">.*/runs/{run_id}/tasks/\d+', page, re.DOTALL)


def test_matrix_has_an_empty_column_for_a_run_that_is_gone(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_run(run_id: int) -> None:
        raise RunNotFound(run_id, "broken")

    reads = SimpleNamespace(
        identity_key="app",
        get_run=get_run,
        run_concurrently=lambda read, runs: [read(each) for each in runs],
    )
    monkeypatch.setattr(matrix, "cached_reads_of", lambda *args, **kwargs: reads)
    monkeypatch.setattr(queries, "list_runs", lambda *args: [EARLIER])
    with app.app_context():
        found = read_matrix(current_jobs["broken"])
    assert (len(found.runs), found.rows) == (1, [])


def test_matrix_does_not_keep_the_tasks_of_an_earlier_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached run may be from before a repair that the list already knows."""
    repaired = replace(EARLIER, end_time=12_000)
    documents = [EARLIER.as_dict(), repaired.as_dict()]
    reads = SimpleNamespace(
        identity_key="app",
        get_run=lambda run_id: SimpleNamespace(value=documents.pop(0)),
        run_concurrently=lambda read, runs: [read(each) for each in runs],
    )
    monkeypatch.setattr(matrix, "cached_reads_of", lambda *args, **kwargs: reads)
    monkeypatch.setattr(queries, "list_runs", lambda *args: [repaired])
    with app.app_context():
        for left in (1, 0, 0):
            read_matrix(current_jobs["broken"])
            assert len(documents) == left


def test_comparison_page_shows_parameters_without_secrets(app: Flask) -> None:
    params = {"day": "2026-11-23", "apiToken": "s3cret"}
    ids = [run_job(app, "nightly", {**params, "sample": sample}) for sample in (10, 20)]
    page = app.test_client().get(f"/jobs/nightly/compare?run={ids[1]}&run={ids[0]}")
    assert page.status_code == 200
    text = text_of(page.text)
    assert "s3cret" not in page.text
    assert re.search(r"day 2026-11-23 2026-11-23 (?!differs)", text)
    assert text.index(str(ids[0])) < text.index(str(ids[1])), "the earlier run is first"


def test_comparison_page_tells_an_empty_parameter_from_a_missing_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_empty = replace(LATER, overriding_parameters=RunParameters(python_named_params={"to": ""}))
    moment, columns = NOW, [build_cells(run, NOW) for run in (EARLIER, LATER)]
    runs = [summarize(run, moment) for run in (replace(EARLIER, job_parameters=[]), with_empty)]
    compared = build_comparison(runs, columns, ["", ""])
    monkeypatch.setattr(lists, "read_comparison", lambda *_: compared)
    text = text_of(app.test_client().get("/jobs/broken/compare?run=1&run=2").text)
    assert "to not set empty differs" in text


@pytest.mark.parametrize(
    ("query", "code"), [("", 400), ("?run=1", 400), ("?run=1&run=1", 400), ("?run=1&run=2", 404)]
)
def test_comparison_needs_two_runs_of_the_job(app: Flask, query: str, code: int) -> None:
    page = app.test_client().get(f"/jobs/broken/compare{query}")
    assert page.status_code == code
    assert code == 404 or "Select two runs" in page.text


@pytest.mark.parametrize("page", ["matrix", "compare?run=1&run=2"])
def test_matrix_and_comparison_need_the_permission_to_view(make_shop: MakeShop, page: str) -> None:
    app = make_shop(policy=lambda user, action, job: action != "view")
    assert app.test_client().get(f"/jobs/broken/{page}").status_code == 404
