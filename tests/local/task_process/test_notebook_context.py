"""The context of a notebook."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.notebook_context import Option
from tests.local.conftest import Serve
from tests.local.support import notebook_task
from tests.local.task_process.support import HEADER, notebook_client, output_of


def test_option_with_a_value() -> None:
    option = Option("jobId", "7")
    assert (option.get(), option.getOrElse("none")) == ("7", "7")
    assert option.isDefined()


def test_option_without_a_value() -> None:
    option = Option("jobId", None)
    assert option.getOrElse("none") == "none"
    assert not option.isDefined()
    with pytest.raises(LookupError, match=r"^Write getOrElse.+ the context has no jobId in the"):
        option.get()


CONTEXT = """
import json
context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()
tags = json.loads(context.toJson())["tags"]
flat = json.loads(context.safeToJson())["attributes"]
assert context.extraContext().apply("notebook_path") == context.notebookPath().get()
assert context.userName().get() == context.tags().apply("user") == flat["user"]
assert context.apiUrl().get() == "http://" + context.browserHostName().get()
assert context.currentRunId().isDefined() and not context.clusterId().isDefined()
assert context.clusterId().getOrElse("none") == "none"
from dbruntime.databricks_repl_context import get_context
assert get_context().jobId == tags["jobId"] == flat["jobId"]
assert get_context().apiToken == context.apiToken().get()
assert get_context().workspaceUrl == context.browserHostName().get()
"""


def test_context_names_the_notebook_and_its_run(serve: Serve) -> None:
    text = (
        CONTEXT
        + """
assert dbutils.entry_point.getDbutils().notebook().getContext().apiToken().isDefined()
path = dbutils.notebook.run("deep/inner")
dbutils.notebook.exit(f"{path} {tags['jobId']} {tags['multitaskParentRunId']} {tags['runId']}")
"""
    )
    inner = HEADER + CONTEXT + "dbutils.notebook.exit(context.notebookPath().get())"
    files = {"notebook.py": HEADER + text, "deep/inner.py": inner}
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, files)
    run = client.run("etl")
    (task,) = run.tasks or []
    output = client.outputs(run)["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    path, *ids = (output.notebook_output.result or "").split()
    assert path.startswith("/Users/")
    assert path.endswith("/files/deep/inner")
    assert ids == [str(run.job_id), str(run.run_id), str(task.run_id)]


def test_missing_value_of_the_context_is_an_error(serve: Serve) -> None:
    text = CONTEXT + "context.clusterId().get()"
    client = notebook_client(serve, text)
    assert output_of(client).error == (
        "LookupError: Write getOrElse(…) in place of get(): the context has no clusterId in the "
        "local workspace."
    )


def test_current_bindings_are_the_parameters_of_the_run(serve: Serve) -> None:
    text = """
bindings = dbutils.notebook.entry_point.getCurrentBindings()
dbutils.notebook.exit(" ".join(f"{key}={bindings[key]}" for key in bindings))
"""
    task = notebook_task("main")
    task["notebook_task"]["base_parameters"] = {"day": "1"}
    client = serve({"etl": {"tasks": [task]}}, {"notebook.py": HEADER + text})
    output = client.outputs(client.run("etl"))["main"]
    assert output.notebook_output is not None, output.error_trace
    assert output.notebook_output.result == "day=1"
