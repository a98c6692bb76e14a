"""The bundle of the example."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from example_app.app import EtlParams
from flask_lakeflow_jobs.local import load_bundle
from tests.example.support import EXAMPLE

PATH = EXAMPLE / "databricks.yml"


def read(name: str) -> Any:
    return yaml.safe_load((EXAMPLE / name).read_text())


@pytest.mark.parametrize("target", [None, "dev", "prod"])
def test_bundle_has_both_jobs_for_every_target(target: str | None) -> None:
    jobs = load_bundle(PATH, target=target).jobs
    assert set(jobs) == {"etl", "report"}


def test_etl_tasks_have_the_expected_dependencies() -> None:
    tasks = load_bundle(PATH).jobs["etl"].settings["tasks"]
    before = {
        task["task_key"]: {other["task_key"] for other in task.get("depends_on", [])}
        for task in tasks
    }
    assert before == {
        "extract": set(),
        "clean": {"extract"},
        "by_carrier": {"clean"},
        "by_hour": {"clean"},
        "by_airport": {"clean"},
        "summary": {"by_carrier", "by_hour", "by_airport"},
    }
    kinds = {kind for task in tasks for kind in task if kind.endswith("_task")}
    assert kinds == {"spark_python_task", "notebook_task"}


def test_etl_parameter_defaults_are_valid_params() -> None:
    parameters = load_bundle(PATH).jobs["etl"].settings["parameters"]
    defaults = {each["name"]: each["default"] for each in parameters}
    data = defaults.pop("dataPath")
    assert [defaults.pop(name) for name in ("appUrl", "progressToken")] == ["", ""]  # of the app
    assert EtlParams().validate(defaults) == {}
    assert set(defaults) == {field.data_key for field in EtlParams().fields.values()}
    assert data == "/Volumes/main/default/flights_dev"


def test_python_tasks_have_an_environment_and_notebooks_none() -> None:
    """Serverless compute requires an environment for Python tasks and rejects it for notebooks."""
    for job in load_bundle(PATH).jobs.values():
        environments = {each["environment_key"] for each in job.settings["environments"]}
        for task in job.settings["tasks"]:
            if "notebook_task" in task:
                assert "environment_key" not in task
            else:
                assert task["environment_key"] in environments


def test_app_resources_grant_and_name_each_job() -> None:
    resources = read("databricks.yml")["resources"]["apps"]["flights"]["resources"]
    assert {each["name"]: each["job"] for each in resources} == {
        key: {"id": f"${{resources.jobs.{key}.id}}", "permission": "CAN_MANAGE_RUN"}
        for key in ("etl", "report")
    }
    assert read("app.yaml")["env"] == [
        {"name": f"DATABRICKS_JOB_{each['name'].upper()}", "valueFrom": each["name"]}
        for each in resources
    ]


def test_app_yaml_serves_streams_on_the_apps_port() -> None:
    program, app, *options = read("app.yaml")["command"]
    assert (program, app) == ("gunicorn", "app:app")
    assert "--worker-class=gthread" in options
    assert "--bind=0.0.0.0:$DATABRICKS_APP_PORT" in options
    assert "gunicorn" in (EXAMPLE / "requirements.txt").read_text().splitlines()
