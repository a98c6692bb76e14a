"""The page of a task: outputs, logs, rows, iterations and neighbors."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunLifeCycleState, RunState, RunTask
from flask import Flask, has_request_context
from flask.testing import FlaskClient

from flask_lakeflow_jobs import LakeflowJobs, current_jobs
from flask_lakeflow_jobs.console import task_page
from flask_lakeflow_jobs.console.task_page import TRUNCATED_NOTE, Text, texts_of
from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.console.support import text_of
from tests.local.support import notebook_task, python_task, write_bundle
from tests.support import DEADLINE

NOTEBOOK = """# Databricks notebook source
print("<b>printed</b> \\x1b[31mred\\x1b[0m")
dbutils.notebook.exit('{"rows": 12, "url": "https://example.org/"}')
"""
REGION = """# Databricks notebook source
region = dbutils.widgets.get("region")
if region == "south":
    raise ValueError("no such region")
dbutils.notebook.exit(f"{region}: 12 rows")
"""
JOBS = {
    "daily": {
        "tasks": [
            notebook_task("note", "note.py"),
            python_task("retried", "broken.py", max_retries=1),
            {
                "task_key": "regions",
                "for_each_task": {
                    "inputs": '["north", "south"]',
                    "task": {
                        "task_key": "region",
                        "notebook_task": {
                            "notebook_path": "region.py",
                            "base_parameters": {"region": "{{input}}"},
                        },
                    },
                },
            },
            {"task_key": "query", "sql_task": {"file": {"path": "q.sql"}, "warehouse_id": "x"}},
            notebook_task("report", "report.py"),
        ]
    }
}
FILES = {
    "note.py": NOTEBOOK,
    "region.py": REGION,
    "report.py": """# Databricks notebook source
dbutils.notebook.exit("# Orders\\n- **12** of <b>emea</b>")
""",
    "broken.py": "print('before')\nraise ValueError('row 7, see https://example.org/7')\n",
    "q.sql": "SELECT 1 AS n, '=1+1' AS formula UNION ALL SELECT NULL, '<i>'",
}


@pytest.fixture(scope="module")
def run_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FlaskClient, Any]]:
    """A client of an app, and a run with tasks of several kinds that has ended."""
    pytest.importorskip("duckdb")
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "bundle").mkdir()
    bundle = write_bundle(folder / "bundle", JOBS, FILES)
    with Workspace(bundle, folder / "workspace") as address:
        app = Flask("app", instance_path=str(folder / "instance"))
        app.config.update(
            SECRET_KEY="a key for tests that is long enough",
            DATABRICKS_HOST=address.host,
            DATABRICKS_TOKEN=address.token,
            LAKEFLOW_JOBS_CONSOLE=True,
            LAKEFLOW_JOBS_POLL_INTERVAL=0.1,
        )
        LakeflowJobs(app, jobs={"daily": {"job_id": load_bundle(bundle).jobs["daily"].job_id}})
        with app.app_context():
            run_id = current_jobs["daily"].run_now().run_id
            run = current_jobs["daily"].wait(run_id, timeout=DEADLINE).run
        yield app.test_client(), run


def test_log_file_is_named_for_its_task(run_pages: tuple[FlaskClient, Any]) -> None:
    client, run = run_pages
    task_id = run.tasks[0].run_id
    file = client.get(f"/jobs/daily/runs/{run.run_id}/tasks/{task_id}/log")
    named = f'attachment; filename="daily-{run.run_id}-{task_id}.log"'
    assert file.headers["Content-Disposition"] == named


def page_of(run_pages: tuple[FlaskClient, Any], key: str, end: str = "") -> str:
    client, run = run_pages
    task = [each for each in run.tasks if each.task_key == key][-1]
    response = client.get(f"/jobs/daily/runs/{run.run_id}/tasks/{task.run_id}{end}")
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_notebook_page_has_its_printed_text_and_its_result(
    run_pages: tuple[FlaskClient, Any],
) -> None:
    page = page_of(run_pages, "note")
    assert '<span>&lt;b&gt;printed&lt;/b&gt; <span class="lf-t-red">red</span></span>' in page
    assert 'id="L1"' in page
    assert re.search(r"<details open><summary>2 members</summary>", page)
    assert '<a href="https://example.org/" rel="noreferrer noopener nofollow">' in page
    assert re.findall(r"<h(\d)", page.partition("<main")[2]) == ["1", "2", "2"]
    log = page_of(run_pages, "note", "/log")
    assert log == "<b>printed</b> \x1b[31mred\x1b[0m\n"
    assert "The task has left no output." not in page
    bare = page_of(run_pages, "note", "?bare=1")
    assert 'id="L1"' not in bare
    assert "printed" in bare


def test_notebook_page_renders_a_result_in_markdown(run_pages: tuple[FlaskClient, Any]) -> None:
    page = page_of(run_pages, "report")
    rendered = page.partition('<div class="lf-markdown">')[2].partition("</div>")[0]
    assert "<p><strong>Orders</strong></p>" in rendered
    assert "<li><strong>12</strong> of &lt;b&gt;emea&lt;/b&gt;</li>" in rendered
    assert "# Orders" in page  # as text


def test_failed_task_page_has_its_error_once_and_its_attempts(
    run_pages: tuple[FlaskClient, Any],
) -> None:
    page = page_of(run_pages, "retried")
    assert page.count("ValueError: row 7") == 1
    assert "before" in page
    assert 'aria-label="Attempt 1"' in page
    assert 'rel="prev">← note' in page
    assert 'rel="next">regions →' in page


def test_run_page_links_addresses_in_an_error(run_pages: tuple[FlaskClient, Any]) -> None:
    client, run = run_pages
    page = client.get(f"/jobs/daily/runs/{run.run_id}").text
    assert (
        'lf-error-line" dir="auto">ValueError: row 7, see <a href="https://example.org/7"' in page
    )


def test_for_each_page_has_its_iterations_and_they_have_pages(
    run_pages: tuple[FlaskClient, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(run_pages, "regions")
    for text in ("north: 12 rows", "ValueError: no such region", ">south</td>"):
        assert text in page
    links = re.findall(r'scope="row"><a href="([^"]+)">[12]</a>', page)
    assert ["Input south" in text_of(run_pages[0].get(link).text) for link in links] == [
        False,
        True,
    ]
    link = links[0]
    iteration = run_pages[0].get(link).get_data(as_text=True)
    assert 'rel="next">' in iteration
    assert "region iteration 1 " in text_of(iteration)
    assert "Input north" in text_of(iteration)
    assert re.search(r"/tasks/\d+\">regions</a>", iteration)
    monkeypatch.setattr(task_page, "ITERATIONS_PER_PAGE", 1)
    second = page_of(run_pages, "regions", "?page=2")
    assert "2 to 2 of 2" in second
    assert "north" not in second


def test_for_each_page_leads_to_the_iterations_that_failed(
    run_pages: tuple[FlaskClient, Any],
) -> None:
    page = page_of(run_pages, "regions")
    (link,) = re.findall(r'<a href="[^"]+(\?failed=1)">1 failed</a>', page)
    failed = page_of(run_pages, "regions", link)
    assert "ValueError: no such region" in failed
    assert "north: 12 rows" not in failed
    (back,) = re.findall(r'<a href="([^"]+)">All iterations</a>', failed)
    assert "north: 12 rows" in run_pages[0].get(back).text


def test_query_page_has_its_rows_and_a_file_without_formulas(
    run_pages: tuple[FlaskClient, Any],
) -> None:
    page = page_of(run_pages, "query")
    assert "<td>=1+1</td>" in page
    assert "<td>&lt;i&gt;</td>" in page
    assert ">NULL<" in page
    assert page_of(run_pages, "query", "/rows") == "n,formula\r\n1,'=1+1\r\n,<i>\r\n"


def test_files_of_a_task_without_rows_or_of_no_task_are_errors(
    run_pages: tuple[FlaskClient, Any],
) -> None:
    client, run = run_pages
    url = f"/jobs/daily/runs/{run.run_id}/tasks"
    assert client.get(f"{url}/{run.tasks[0].run_id}/rows").status_code == 404
    assert client.get(f"{url}/7").status_code == 404
    assert client.get(f"{url}/7/lines").status_code == 400


def test_lines_continue_a_log_from_an_offset(run_pages: tuple[FlaskClient, Any]) -> None:
    lines = page_of(run_pages, "retried", "/lines?offset=7")
    assert 'data-offset="7"' in lines
    assert "data-final" in lines
    assert "Traceback" in lines
    assert "before" not in lines


@pytest.mark.parametrize(("query", "has_ids"), [("", True), ("?bare=1", False)])
def test_added_lines_of_a_log_have_ids_only_on_the_page_of_their_task(
    run_pages: tuple[FlaskClient, Any], query: str, has_ids: bool
) -> None:
    """A page of a run may show several logs, and ids are unique in a page."""
    page = html.unescape(page_of(run_pages, "retried", query))
    source = re.search(r'data-log="([^"]+)"', page)
    assert source
    lines = run_pages[0].get(source[1]).text
    assert ' id="L1"' in page if has_ids else ' id="L' not in page
    assert ' id="L1"' in lines if has_ids else ' id="L' not in lines


ENDED = RunTask("note", state=RunState(life_cycle_state=RunLifeCycleState.TERMINATED))


def test_log_download_is_read_within_its_request(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request knows how long a read may take before the server kills it."""
    monkeypatch.setattr(task_page, "_find_task", lambda *_: ENDED)
    lines = (f"{has_request_context()}\n" for _ in range(3))
    monkeypatch.setattr(task_page, "read_text", lambda *_: lines)
    assert app.test_client().get("/jobs/nightly/runs/1/tasks/2/log").text == "True\n" * 3


def test_output_error_comes_first_and_once() -> None:
    output = {"info": "two", "error": "E: x", "error_trace": "Trace\nE: x\n"}
    assert texts_of(output) == [Text("Error", "Trace\nE: x"), Text("Info", "two")]
    assert texts_of({"error": "x", "error_trace": "T"}) == [Text("Error", "x\n\nT")]


def test_output_truncated_has_a_note() -> None:
    output = {"notebook_output": {"result": "12", "truncated": True}}
    assert texts_of(output) == [Text("Result", "12", TRUNCATED_NOTE)]


def test_output_links_have_places() -> None:
    output = {
        "sql_output": {"query_output": {"output_link": "https://x/q"}},
        "dbt_output": {"artifacts_link": "https://x/d"},
    }
    assert [text.title for text in texts_of(output)] == ["Rows in Databricks", "Artifacts"]
    alert = {"sql_output": {"alert_output": {"output_link": "https://x/a"}}}
    assert texts_of(alert) == [Text("Rows in Databricks", "https://x/a")]
