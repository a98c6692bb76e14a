"""Conversions of a job's settings."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.bundle.fields import JOB
from flask_lakeflow_jobs.local.bundle.validation import (
    FieldError,
    convert_bundle_settings,
    convert_request_settings,
    drop_nulls,
    parse_boolean,
    validate_settings,
)
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS
from tests.local.bundle.settings import condition, job, loop, task

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.sampled_from("ab5")
)


keys = st.sampled_from(
    [*sorted(JOB.fields), "task_key", "depends_on", "run_if", "for_each_task", "inputs", "task"]
)


trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


tasks = st.builds(
    lambda key, kind, body, fields: {**fields, "task_key": key, kind: body},
    st.sampled_from("abc"),
    st.sampled_from(sorted(TASK_KINDS)),
    st.dictionaries(keys, trees, max_size=4),
    st.dictionaries(keys, trees, max_size=3),
)


jobs = st.builds(
    lambda fields, tasks: {**fields, "tasks": tasks},
    st.dictionaries(keys, trees, max_size=5),
    st.lists(tasks, max_size=3),
)


Convert = Callable[[dict[str, Any]], None]


CONVERSIONS: list[Convert] = [convert_bundle_settings, convert_request_settings]


@given(jobs, st.sampled_from(CONVERSIONS))
def test_validate_settings_accepts_or_refuses_any_json(settings: Any, convert: Convert) -> None:
    convert(settings)
    drop_nulls(settings)
    try:
        validate_settings(settings)
    except FieldError as error:
        assert error.message.endswith(".")  # noqa: PT017 (or the settings are valid)


@given(jobs, st.sampled_from(CONVERSIONS))
def test_conversions_and_drop_nulls_are_idempotent(settings: Any, convert: Convert) -> None:
    convert(settings)
    drop_nulls(settings)
    once = copy.deepcopy(settings)
    convert(settings)
    drop_nulls(settings)
    assert repr(settings) == repr(once)


@pytest.mark.parametrize(
    ("field", "value", "in_bundle", "in_request"),
    [
        ("description", 5, "5", "5"),
        ("description", True, "true", "true"),
        ("description", [1], [1], [1]),
        ("description", None, None, None),
        ("max_concurrent_runs", "5", 5, 5),
        ("max_concurrent_runs", "-5", -5, -5),
        ("max_concurrent_runs", " 5 ", " 5 ", " 5 "),
        ("max_concurrent_runs", "soon", "soon", "soon"),
        ("max_concurrent_runs", 1.5, 1.5, 1.5),
        ("max_concurrent_runs", 2.0, 2, 2.0),
        ("queue", {"enabled": "true"}, {"enabled": True}, {"enabled": True}),
        ("queue", {"enabled": "False"}, {"enabled": False}, {"enabled": False}),
        ("queue", {"enabled": "maybe"}, {"enabled": "maybe"}, {"enabled": "maybe"}),
        ("tags", {"a": 1, "b": None}, {"a": "1", "b": ""}, {"a": "1", "b": None}),
        (
            "parameters",
            [{"name": 1, "default": None}],
            [{"name": "1", "default": ""}],
            [{"name": "1", "default": None}],
        ),
        (
            "job_clusters",
            [{"new_cluster": {"spark_env_vars": {"A": 1}, "num_workers": "1"}}],
            [{"new_cluster": {"spark_env_vars": {"A": "1"}, "num_workers": 1}}],
            [{"new_cluster": {"spark_env_vars": {"A": "1"}, "num_workers": 1}}],
        ),
    ],
)
def test_conversions_of_field_in_bundle_and_request(
    field: str, value: Any, in_bundle: Any, in_request: Any
) -> None:
    for convert, expected in zip(CONVERSIONS, (in_bundle, in_request), strict=True):
        settings = {field: copy.deepcopy(value)}
        convert(settings)
        assert repr(settings) == repr({field: expected})


def test_convert_bundle_settings_of_any_kind_of_task() -> None:
    settings = job(
        task(1, **condition(left=1, right=True)),  # type: ignore[arg-type]
        task(depends_on=[{"task_key": 1, "outcome": True}], max_retries="2"),
        task(spark_jar_task={"parameters": [1, None, {"name": 1}]}, retry_on_timeout="true"),
        task(**loop(task(python_wheel_task={"named_parameters": {"a": 1.0}}), inputs=5)),
        task(run_job_task={"job_id": "5", "job_parameters": {"a": None}, "jar_params": [1]}),
        task(run_job_task={"job_id": "{{x}}"}),
    )
    convert_bundle_settings(settings)
    assert settings == job(
        task("1", **condition(left="1", right="true")),
        task(depends_on=[{"task_key": "1", "outcome": "true"}], max_retries=2),
        task(spark_jar_task={"parameters": ["1", None, {"name": 1}]}, retry_on_timeout=True),
        task(**loop(task(python_wheel_task={"named_parameters": {"a": "1"}}), inputs="5")),
        task(run_job_task={"job_id": 5, "job_parameters": {"a": ""}, "jar_params": ["1"]}),
        task(run_job_task={"job_id": "{{x}}"}),
    )


@pytest.mark.parametrize(
    ("value", "parsed"),
    [("true", True), ("True", True), ("false", False), ("False", False), (True, True), ("x", "x")],
)
def test_parse_boolean_of_string(value: Any, parsed: Any) -> None:
    assert parse_boolean(value) is parsed


def test_drop_nulls_keeps_values_of_strings() -> None:
    settings = {
        "name": None,
        "tags": {"a": None},
        "tasks": [{"run_if": None, "notebook_task": {"base_parameters": {"day": None}}}],
        "notebook_task": {"source": None, "base_parameters": {"day": None}},
        "schedule": {"anything": [{"a": None}, None]},
    }
    drop_nulls(settings)
    assert settings == {
        "tags": {"a": None},
        "tasks": [{"notebook_task": {"base_parameters": {"day": None}}}],
        "notebook_task": {"base_parameters": {"day": None}},
        "schedule": {"anything": [{}, None]},
    }


def test_drop_nulls_accepts_any_depth() -> None:
    settings: dict[str, Any] = {}
    for _ in range(5000):
        settings = {"a": [settings], "b": None}
    drop_nulls(settings)
    assert settings.keys() == {"a"}
