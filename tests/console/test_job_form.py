"""The values of a form that runs a run again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flask_lakeflow_jobs.console.forms import WHOLE_FORM
from flask_lakeflow_jobs.console.job_form import build_form, read_run_values
from flask_lakeflow_jobs.runs.run_now_fields import TASK_TYPES, build_run_now_fields
from tests.run_documents import build_job, run

#: Parameters of each task type, and their texts. Lists are JSON.
GIVEN: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "notebook": ({"day": "1"}, {"day": "1"}),
    "python_wheel": ({"day": "1"}, {"day": "1"}),
    "sql": ({"day": "1"}, {"day": "1"}),
    "job": ({"day": "1"}, {"day": "1"}),
    "python_script": ({"args": ["a", "b c"]}, {"args": '["a", "b c"]'}),
    "spark_jar": ({"args": ["a", "b c"]}, {"args": '["a", "b c"]'}),
    "dbt_commands": ({"commands": ["dbt run"]}, {"commands": '["dbt run"]'}),
    "dbt": ({}, {}),
    "pipeline": ({"full_refresh": True}, {"full_refresh": "true"}),
}


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_rerun_values_of_a_run_fill_its_form(task_type: str) -> None:
    params, texts = GIVEN[task_type]
    fields = build_run_now_fields(task_type, params)
    named = fields.pop("job_parameters", {})
    started = run(
        overriding_parameters=fields,
        job_parameters=[{"name": name, "value": value} for name, value in named.items()],
    )
    given = read_run_values(started, task_type)
    assert texts.items() <= given.items()
    if not isinstance(next(iter(params.values()), None), list):
        assert json.loads(given[WHOLE_FORM]) == params


def test_rerun_job_parameters_are_not_task_parameters() -> None:
    started = run(
        overriding_parameters={"notebook_params": {"day": "1"}},
        job_parameters=[{"name": "day", "default": "0", "value": "2"}],
    )
    assert read_run_values(started, "notebook")["day"] == "1"
    assert read_run_values(started, "job")["day"] == "2"


def test_rerun_without_task_type_uses_run_now_fields() -> None:
    started = run(
        overriding_parameters={"notebook_params": {"day": "1"}, "python_params": ["a", "b"]}
    )
    given = read_run_values(started, None)
    assert json.loads(given["notebook_params"]) == {"day": "1"}
    assert json.loads(given["python_params"]) == ["a", "b"]


def test_rerun_redacted_values_are_left_out() -> None:
    started = run(overriding_parameters={"notebook_params": {"day": "1", "token": "***"}})
    given = read_run_values(started, "notebook")
    assert "token" not in given
    assert json.loads(given[WHOLE_FORM]) == {"day": "1"}


def test_rerun_argument_that_is_json_stays_one() -> None:
    form = build_form(replace(build_job(), task_type="python_script"), None)
    started = run(overriding_parameters={"python_params": ['["eu", "us"]']})
    (control,) = form.with_values(read_run_values(started, "python_script")).fields
    assert control.value == '["eu", "us"]'
