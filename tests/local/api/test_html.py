"""HTML pages of the workspace."""

from __future__ import annotations

import base64
import json
from urllib.parse import unquote

from flask_lakeflow_jobs.local.api.html import render_home_page, render_job_page, render_notebook


def test_home_page_redirects_to_the_run_in_its_fragment() -> None:
    assert "location.replace(`/jobs/${run[1]}/runs/${run[2]}`)" in render_home_page()


def test_run_page_names_the_command_that_shows_the_run() -> None:
    page = render_job_page("5", "7")
    assert "Run 7 of job 5" in page
    assert "flask jobs show KEY 7" in page
    assert "LAKEFLOW_JOBS_CONSOLE" in page


def test_notebook_page_escapes_code_and_output() -> None:
    output = {"logs": "<b>", "result": "", "error_trace": "a & b"}
    page = render_notebook("<name>", "1 < 2", output, "<title>")
    assert "<title>&lt;name&gt;</title>" in page
    assert "<h1>&lt;title&gt;</h1>" in page
    assert "<h2>Code</h2>\n<pre>1 &lt; 2</pre>" in page
    assert "<h2>Printed</h2>\n<pre>&lt;b&gt;</pre>" in page
    assert "<h2>Error</h2>\n<pre>a &amp; b</pre>" in page
    assert "Result" not in page


def test_notebook_page_has_the_run_as_a_model() -> None:
    """Programs read it in pages of the service: the app, and those of others."""
    failed = {"logs": "ü", "error": "E: x", "error_trace": "in main"}
    for output, state, data in (
        ({}, "finished", []),
        (failed, "error", [{"type": "ansi", "data": "ü"}]),
    ):
        page = render_notebook("nb", "1 < 2", output, "title")
        encoded = page.partition("__DATABRICKS_NOTEBOOK_MODEL = '")[2].partition("'")[0]
        assert json.loads(unquote(base64.b64decode(encoded).decode())) == {
            "version": "NotebookV1",
            "name": "nb",
            "commands": [
                {
                    "version": "CommandV1",
                    "command": "1 < 2",
                    "position": 1.0,
                    "state": state,
                    "errorSummary": output.get("error"),
                    "error": output.get("error_trace"),
                    "results": {"type": "listResults", "data": data},
                }
            ],
        }
