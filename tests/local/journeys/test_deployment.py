"""A deployment by another client: its files, jobs, pipelines and permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import ResourceDoesNotExist

from flask_lakeflow_jobs.local import Workspace
from flask_lakeflow_jobs.local.tasks import pipeline_updates
from tests.local.conftest import Serve
from tests.local.journeys.deployment import Deployment
from tests.local.support import Client, write_bundle

NOTEBOOK = """\
# Databricks notebook source
import json, words
dbutils.notebook.exit(words.GREETING + " " + dbutils.widgets.get("name"))
"""
FILES = {
    "src/hello.py": NOTEBOOK,
    "src/words.py": "GREETING = 'Hello'\n",
    "src/main.py": "import words\nprint(words.GREETING, 'from a file')\n",
}


def greeting(root: str) -> dict[str, Any]:
    """Return a job of a notebook and a file, with the paths of a deployment."""
    notebook = {"notebook_path": f"{root}/files/src/hello", "base_parameters": {"name": "Ada"}}
    file = {"python_file": f"{root}/files/src/main.py"}
    return {
        "name": "greeting",
        "tags": {"team": "a"},
        "tasks": [
            {"task_key": "notebook", "notebook_task": notebook},
            {"task_key": "file", "spark_python_task": file},
        ],
        "permissions": [{"group_name": "team", "level": "CAN_MANAGE_RUN"}],
    }


def deployment(client: Client, name: str = "other") -> Deployment:
    deployed = Deployment(client, name, FILES, {})
    deployed.jobs = {"greeting": greeting(deployed.root), "empty": {"name": "Untitled"}}
    return deployed


OUTPUTS = {"notebook": "Hello Ada", "file": "Hello from a file\n"}


def test_deployed_job_runs_its_uploaded_files(client: Client) -> None:
    deployed = deployment(client)
    deployed.deploy()
    assert deployed.run("greeting") == OUTPUTS
    job_id = deployed.job_ids["greeting"]
    permissions = client.http("GET", f"/api/2.0/permissions/jobs/{job_id}")[1]
    assert [each.get("group_name") for each in permissions["access_control_list"]] == [
        "team",
        None,
        "admins",
    ]
    deployed.files = {**FILES, "src/words.py": "GREETING = 'Servus'\n"}
    deployed.jobs = {"greeting": {**greeting(deployed.root), "name": "[dev] greeting"}}
    deployed.deploy()
    assert deployed.job_ids["greeting"] == job_id
    assert deployed.run("greeting")["notebook"] == "Servus Ada"
    job = client.jobs.get(job_id)
    assert job.settings is not None
    assert (job.settings.name, job.settings.tags) == ("[dev] greeting", {"team": "a"})
    deployed.destroy()
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(job_id)
    status, _ = client.http("GET", f"/api/2.0/workspace/get-status?path={deployed.root}")
    assert status == 404


def test_deployment_survives_a_restart(etl_jobs: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    bundle = write_bundle(tmp_path / "bundle", etl_jobs, {})
    with Workspace(bundle, tmp_path / "folder") as address:
        deployment(Client(address, {})).deploy()
    with Workspace(bundle, tmp_path / "folder") as address:
        deployed = deployment(Client(address, {}))
        deployed.load_state()
        assert deployed.run("greeting") == OUTPUTS
        deployed.destroy()


def test_bundle_of_the_workspace_is_deployed_beside_itself(serve: Serve) -> None:
    """Its files are there already, and stay; its jobs get ids of their own."""
    task = {"task_key": "notebook", "notebook_task": {"notebook_path": "src/hello.py"}}
    parameters = {"notebook_task": {**task["notebook_task"], "base_parameters": {"name": "Eve"}}}  # type: ignore[dict-item]
    client = serve({"etl": {"tasks": [{**task, **parameters}]}}, FILES)
    deployed = deployment(client, "tests")
    deployed.deploy()
    assert deployed.run("greeting") == OUTPUTS
    assert deployed.job_ids["greeting"] != client.job_ids["etl"]
    deployed.destroy()
    run = client.run("etl")
    output = client.outputs(run)["notebook"].notebook_output
    assert output is not None
    assert output.result == "Hello Eve"


def test_deployed_pipeline_survives_a_restart_for_its_job(
    etl_jobs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that succeeds needs Java: see ``tests/spark_jvm``."""
    monkeypatch.setattr(pipeline_updates, "require_jvm", lambda *_: None)
    (tmp_path / "bundle").mkdir()
    bundle = write_bundle(tmp_path / "bundle", etl_jobs, {})
    task = {"pipeline_id": "${resources.pipelines.sales.id}"}
    with Workspace(bundle, tmp_path / "folder") as address:
        deployed = deployment(Client(address, {}))
        deployed.jobs = {"etl": {"tasks": [{"task_key": "main", "pipeline_task": task}]}}
        deployed.pipelines = {"sales": {"name": "sales"}}
        deployed.deploy()
        pipeline_id = deployed.pipeline_ids["sales"]
        assert deployed.run("etl")["main"].startswith("The pipeline has no libraries.")
        file = f"{deployed.root}/files/src/gone"
        settings = {"name": "sales", "libraries": [{"notebook": {"path": file}}]}
        granted = [{"group_name": "team", "level": "CAN_RUN"}]
        deployed.pipelines = {"sales": {**settings, "permissions": granted}}
        deployed.deploy()
        assert deployed.pipeline_ids["sales"] == pipeline_id
    with Workspace(bundle, tmp_path / "folder") as address:
        client = Client(address, {})
        deployed = deployment(client)
        deployed.load_state()
        assert deployed.run("etl")["main"].startswith("The pipeline has no file '")
        deployed.destroy()
        assert list(client.sdk.pipelines.list_pipelines()) == []
