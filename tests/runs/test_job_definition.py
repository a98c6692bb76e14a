"""What the definition of a job lists."""

from __future__ import annotations

import pytest
from databricks.sdk.service.jobs import Job

from flask_lakeflow_jobs.runs.job_definition import defined_parameters, defined_tasks


def test_tasks_and_parameters_are_those_of_the_settings() -> None:
    settings = {
        "tasks": [{"task_key": "b"}, {"task_key": "a"}],
        "parameters": [{"name": "day", "default": ""}],
    }
    job = Job.from_dict({"job_id": 1, "settings": settings})
    assert [task.task_key for task in defined_tasks(job)] == ["b", "a"]
    assert [parameter.name for parameter in defined_parameters(job)] == ["day"]


@pytest.mark.parametrize("document", [None, {}, {"settings": {}}])
def test_unknown_definition_lists_nothing(document: dict[str, object] | None) -> None:
    job = None if document is None else Job.from_dict(document)
    assert [*defined_tasks(job), *defined_parameters(job)] == []
