"""The list of fields."""

from __future__ import annotations

from dataclasses import fields

import pytest
from databricks.sdk.service import jobs as sdk

from flask_lakeflow_jobs.local.bundle.fields import JOB, TASK
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS

CLOSED_KINDS = {name: TASK.fields[name] for name in TASK_KINDS if TASK.fields[name].title}


def test_fields_of_job_and_task_include_those_of_the_sdk() -> None:
    assert {each.name for each in fields(sdk.JobSettings)} <= set(JOB.names)
    assert {each.name for each in fields(sdk.Task)} <= set(TASK.names)


def test_fields_are_closed_for_kinds_that_run_locally() -> None:
    assert CLOSED_KINDS.keys() == {
        *("condition_task", "dbt_task", "for_each_task", "notebook_task", "pipeline_task"),
        *("python_wheel_task", "run_job_task", "spark_python_task", "sql_task"),
    }


@pytest.mark.parametrize("kind", sorted(CLOSED_KINDS))
def test_fields_of_kind_include_those_of_the_sdk(kind: str) -> None:
    name = "".join(part.capitalize() for part in kind.split("_"))
    names = {each.name for each in fields(getattr(sdk, name))}
    assert names <= set(CLOSED_KINDS[kind].names)
