"""Checks and conversions of a job's settings."""

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
    find_undefined_keys,
    find_unknown_fields,
    parse_boolean,
    validate_settings,
)
from flask_lakeflow_jobs.local.bundle.yaml import load_yaml
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import SCRIPT, bundle_text, locate, write_file

NOTEBOOK = {"notebook_path": "/x"}


def task(key: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a task, of a notebook unless it has another kind."""
    kind = {} if any(name.endswith("_task") for name in fields) else {"notebook_task": NOTEBOOK}
    return {"task_key": key, **kind, **fields}


def job(*tasks: Any, **fields: Any) -> dict[str, Any]:
    return {"tasks": list(tasks) or [task()], **fields}


def after(*keys: str) -> list[dict[str, str]]:
    return [{"task_key": key} for key in keys]


def loop(inner: Any, **fields: Any) -> dict[str, Any]:
    return {"for_each_task": {"inputs": "[]", "task": inner, **fields}}


def condition(**fields: Any) -> dict[str, Any]:
    return {"condition_task": {"op": "EQUAL_TO", "left": "a", "right": "b", **fields}}


@pytest.mark.parametrize(
    "settings",
    [
        job(),
        job(task(), task("b", depends_on=after("a"), run_if="ALL_DONE", max_retries=-1)),
        job(
            task(depends_on=[{"task_key": "b", "outcome": "true"}]), task("b", **condition(left=""))
        ),
        job(task(**loop(task("b"), concurrency=100))),
        job(task(spark_jar_task={"parameters": ["a"], "anything": 5})),
        job(task(run_job_task={"job_id": "{{job.parameters.id}}"})),
        job(task(notebook_task={**NOTEBOOK, "base_parameters": {"a": None}})),
        job(name="x", tags={"a": "b"}, parameters=[{"name": "a", "default": 5}], queue={}),
        job(max_concurrent_runs=1000, timeout_seconds=0, anything=[{}]),
        job(environments=[{"environment_key": "e", "spec": {"dependencies": ["x", 5]}}]),
    ],
)
def test_validate_settings_accepts(settings: dict[str, Any]) -> None:
    validate_settings(settings)


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ({}, ("tasks",), "The job has no tasks. List at least one under 'tasks'."),
        ({"tasks": []}, ("tasks",), "The job has no tasks."),
        ({"tasks": {}}, ("tasks",), "The job has no tasks."),
        (job(name=5), ("name",), "The name of a job has to be a string."),
        (
            job(max_concurrent_runs=1001),
            ("max_concurrent_runs",),
            "'max_concurrent_runs' has to be a number from 0 to 1000, not 1001.",
        ),
        (
            job(timeout_seconds=-1),
            ("timeout_seconds",),
            "'timeout_seconds' has to be a number from 0 on, not -1.",
        ),
        (job(tags=[]), ("tags",), "'tags' has to be a mapping."),
        (
            job(tags={"local_simulation": "["}),
            ("tags", "local_simulation"),
            "The tag 'local_simulation' is not valid",
        ),
        (
            job(parameters=[{"name": "a"}, {}]),
            ("parameters",),
            "'parameters' has to be a list of mappings with a 'name'.",
        ),
        (
            job(parameters=[{"name": "a"}, {"name": "a"}]),
            ("parameters", 1),
            "Two parameters of the job have the name 'a'.",
        ),
        (job(5), ("tasks", 0), "A task has to be a mapping with a 'task_key'."),
        (job({"notebook_task": {}}), ("tasks", 0), "The task has no 'task_key'."),
        (job(task("")), ("tasks", 0), "The task has no 'task_key'."),
        (
            job(task("load it")),
            ("tasks", 0, "task_key"),
            "The task_key 'load it' may hold only letters, digits, '_' and '-', and at most 100",
        ),
        (job(task("a" * 101)), ("tasks", 0, "task_key"), "The task_key 'aaa"),
        (
            job({"task_key": "a"}),
            ("tasks", 0),
            "Task 'a' has no kind. Give it one, such as 'notebook_task'.",
        ),
        (
            job(task(notebook_task=NOTEBOOK, dbt_task={})),
            ("tasks", 0),
            "Task 'a' has 2 kinds (notebook_task, dbt_task). Give it one",
        ),
        (
            job(task(magic_task={})),
            ("tasks", 0, "magic_task"),
            "Task 'a' is of the unknown kind 'magic_task'.",
        ),
        (
            job(task(notebook_task=5)),
            ("tasks", 0, "notebook_task"),
            "'notebook_task' of task 'a' has to be a mapping.",
        ),
        (
            job(task(notebook_task={})),
            ("tasks", 0, "notebook_task", "notebook_path"),
            "The notebook_task of task 'a' needs a 'notebook_path'.",
        ),
        (
            job(task(spark_python_task={"python_file": ""})),
            ("tasks", 0, "spark_python_task", "python_file"),
            "The spark_python_task of task 'a' needs a 'python_file'.",
        ),
        (
            job(task(python_wheel_task={"package_name": "x"})),
            ("tasks", 0, "python_wheel_task", "entry_point"),
            "The python_wheel_task of task 'a' needs a 'entry_point'.",
        ),
        (
            job(task(sql_task={"parameters": "x"})),
            ("tasks", 0, "sql_task", "parameters"),
            "'parameters' of task 'a' is of the wrong type.",
        ),
        (
            job(task(notebook_task={**NOTEBOOK, "base_parameters": []})),
            ("tasks", 0, "notebook_task", "base_parameters"),
            "'base_parameters' of task 'a' is of the wrong type.",
        ),
        (
            job(task(max_retries="x")),
            ("tasks", 0, "max_retries"),
            "'max_retries' of task 'a' has to be a number from -1 on, not 'x'.",
        ),
        (
            job(task(timeout_seconds=True)),
            ("tasks", 0, "timeout_seconds"),
            "'timeout_seconds' of task 'a' has to be a number from 0 on, not True.",
        ),
        (
            job(task(run_if="MAYBE")),
            ("tasks", 0, "run_if"),
            "Task 'a' has the unknown run_if 'MAYBE'. It is one of ALL_SUCCESS, ALL_DONE,",
        ),
        (
            job(task(depends_on="b")),
            ("tasks", 0, "depends_on"),
            "'depends_on' of task 'a' has to be a list of mappings with a 'task_key'.",
        ),
        (
            job(task(**condition(op="LIKE"))),
            ("tasks", 0, "condition_task", "op"),
            "The condition_task of task 'a' has the unknown op 'LIKE'. It is one of EQUAL_TO,",
        ),
        (
            job(task(condition_task={"left": "a", "right": "b"})),
            ("tasks", 0, "condition_task", "op"),
            "The condition_task of task 'a' has the unknown op None.",
        ),
        (
            job(task(condition_task={"op": "EQUAL_TO", "left": "a"})),
            ("tasks", 0, "condition_task", "right"),
            "The condition_task of task 'a' needs a 'right'.",
        ),
        (
            job(task(for_each_task={"inputs": "[]"})),
            ("tasks", 0, "for_each_task"),
            "The for_each_task of task 'a' needs 'inputs' and a 'task'.",
        ),
        (
            job(task(**loop(task("b", **loop(task("c")))))),
            ("tasks", 0, "for_each_task", "task"),
            "The for_each_task of task 'a' cannot hold another for_each_task.",
        ),
        (
            job(task(**loop(5))),
            ("tasks", 0, "for_each_task", "task"),
            "A task has to be a mapping with a 'task_key'.",
        ),
        (
            job(task(**loop(task("b", max_retries="x")))),
            ("tasks", 0, "for_each_task", "task", "max_retries"),
            "'max_retries' of task 'b' has to be a number",
        ),
        (
            job(task(**loop(task("b"), concurrency=101))),
            ("tasks", 0, "for_each_task", "concurrency"),
            "'concurrency' of task 'a' has to be a number from 1 to 100, not 101.",
        ),
        (
            job(task(), task("b"), task()),
            ("tasks", 2, "task_key"),
            "Two tasks have the key 'a'. Each task of a job needs a key of its own.",
        ),
        (
            job(task(), task("b", depends_on=after("a", "c"))),
            ("tasks", 1, "depends_on", 1),
            "Task 'b' depends on 'c', which is not a task of this job. Its tasks: a, b.",
        ),
        (
            job(
                task("z", depends_on=after("a")),
                task(depends_on=after("b")),
                task("b", depends_on=after("a")),
            ),
            ("tasks", 1, "depends_on"),
            "The tasks depend on each other in a circle: a -> b -> a.",
        ),
    ],
)
def test_validate_settings_refuses_with_path_and_message(
    settings: dict[str, Any], path: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(FieldError) as error:
        validate_settings(settings)
    assert error.value.path == path
    assert error.value.message.startswith(message)
    assert error.value.expected == ""


@pytest.mark.parametrize(
    ("settings", "expected", "message"),
    [
        (job(queue=True), "object", "'queue' has to be a mapping."),
        (job(job_clusters=True), "array", "'job_clusters' has to be a list."),
        (job(environments=["x"]), "object", "Each of 'environments' has to be a mapping."),
        (job(environments=[None]), "object", "Each of 'environments' has to be a mapping."),
        (job(environments=[{"spec": "x"}]), "object", "'spec' has to be a mapping."),
        (
            job(environments=[{"spec": {"dependencies": "x"}}]),
            "array",
            "'dependencies' has to be a list.",
        ),
        (
            job(environments=[{"environment_key": {}}]),
            "string",
            "'environment_key' has to be a string. Put quotes around it.",
        ),
        (job(job_clusters=[{"new_cluster": "x"}]), "object", "'new_cluster' has to be a mapping."),
        (job(trigger={"file_arrival": "x"}), "object", "'file_arrival' has to be a mapping."),
        (
            job(webhook_notifications={"on_start": ["x"]}),
            "object",
            "Each of 'on_start' has to be a mapping.",
        ),
        (job(email_notifications={"on_failure": "x"}), "array", "'on_failure' has to be a list."),
        (
            job(parameters=[{"name": "a", "default": {}}]),
            "string",
            "'default' has to be a string. Put quotes around it.",
        ),
        (
            job(task(libraries=["x"])),
            "object",
            "Each of 'libraries' of task 'a' has to be a mapping.",
        ),
        (
            job(task(job_cluster_key=["x"])),
            "string",
            "'job_cluster_key' of task 'a' has to be a string.",
        ),
        (
            job(task(**loop(task("b"), inputs=[1]))),
            "string",
            "'inputs' of task 'a' has to be a string. Put quotes around it.",
        ),
        (
            job(task(**condition(left=[]))),
            "string",
            "'left' of task 'a' has to be a string. Put quotes around it.",
        ),
    ],
)
def test_validate_settings_type_error_names_expected_type(
    settings: dict[str, Any], expected: str, message: str
) -> None:
    with pytest.raises(FieldError) as error:
        validate_settings(settings)
    assert (error.value.expected, error.value.message[: len(message)]) == (expected, message)


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
        return
    list(find_undefined_keys(settings))


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
        ("description", 5, "5", 5),
        ("description", True, "true", True),
        ("description", [1], [1], [1]),
        ("description", None, None, None),
        ("max_concurrent_runs", "5", 5, 5),
        ("max_concurrent_runs", "-5", -5, -5),
        ("max_concurrent_runs", " 5 ", 5, " 5 "),
        ("max_concurrent_runs", "soon", "soon", "soon"),
        ("max_concurrent_runs", "٣", 3, "٣"),
        ("max_concurrent_runs", "1" * 20, int("1" * 20), "1" * 20),
        ("max_concurrent_runs", 1.5, 1.5, 1.5),
        ("queue", {"enabled": "true"}, {"enabled": True}, {"enabled": True}),
        ("queue", {"enabled": "False"}, {"enabled": False}, {"enabled": False}),
        ("queue", {"enabled": "maybe"}, {"enabled": "maybe"}, {"enabled": "maybe"}),
        ("tags", {"a": 1, "b": None}, {"a": "1", "b": ""}, {"a": 1, "b": None}),
        (
            "parameters",
            [{"name": 1, "default": None}],
            [{"name": "1", "default": ""}],
            [{"name": 1, "default": None}],
        ),
        (
            "job_clusters",
            [{"new_cluster": {"spark_env_vars": {"A": 1}, "num_workers": "1"}}],
            [{"new_cluster": {"spark_env_vars": {"A": "1"}, "num_workers": 1}}],
            [{"new_cluster": {"spark_env_vars": {"A": 1}, "num_workers": 1}}],
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


def test_find_undefined_keys_of_clusters_and_environments() -> None:
    settings = job(
        task("a", job_cluster_key="c", environment_key="e"),
        task("b", job_cluster_key="x"),
        task("c", environment_key="x"),
        job_clusters=[{"job_cluster_key": "c"}],
        environments=[{"environment_key": "e"}],
    )
    assert [(error.path, error.message) for error in find_undefined_keys(settings)] == [
        (
            ("tasks", 1, "job_cluster_key"),
            (
                "Task 'b' names the job_cluster_key 'x', which is not among the job's "
                "'job_clusters'. A workspace refuses that."
            ),
        ),
        (
            ("tasks", 2, "environment_key"),
            (
                "Task 'c' names the environment_key 'x', which is not among the job's "
                "'environments'. A workspace refuses that."
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        ({"jobs": {}}, "The bundle has the unknown field 'jobs'"),
        ({"bundle": {"names": 1}}, "The 'bundle' has the unknown field 'names'"),
        ({"presets": {"prefix": 1}}, "The 'presets' has the unknown field 'prefix'"),
        ({"variables": {"a": {"defaults": 1}}}, "The variable has the unknown field 'defaults'"),
        ({"targets": {"a": {"preset": 1}}}, "The target has the unknown field 'preset'"),
        (
            {"targets": {"a": {"presets": {"prefix": 1}}}},
            "The 'presets' has the unknown field 'prefix'",
        ),
    ],
)
def test_find_unknown_fields_of_document(tree: Any, field: str) -> None:
    ((message, location),) = find_unknown_fields(locate(tree, 5))
    assert message.startswith(f"{field}, which is ignored.")
    assert location is not None
    assert location[1] == 5


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"max_retries": 5}, "The job has the unknown field 'max_retries'"),
        (job({"timeout": 5}), "The task has the unknown field 'timeout'"),
        (
            job(task(spark_python_task={"arguments": []})),
            "The spark_python_task has the unknown field 'arguments'",
        ),
        (
            job(task(**loop(task(notebook_task={"path": ""})))),
            "The notebook_task has the unknown field 'path'",
        ),
    ],
)
def test_find_unknown_fields_of_job(fields: Any, unknown: str) -> None:
    resources = {"resources": {"jobs": {"etl": fields}}}
    for tree in (resources, {"targets": {"dev": resources}}):
        ((message, _),) = find_unknown_fields(locate(tree))
        assert message.startswith(f"{unknown}, which is ignored.")


@pytest.mark.parametrize(
    "tree",
    [
        {"targets": {"a": None, "b": 5}, "variables": [], "resources": {"jobs": {"a": 5}}},
        {"resources": {"jobs": {"etl": job(task(spark_jar_task={"anything": 5}))}}},
        {"resources": {"jobs": {"etl": {"queue": {"anything": 5}}}, "pipelines": {"x": {}}}},
        {"workspace": {"anything": 5}, "sync": {"anything": 5}},
    ],
)
def test_find_unknown_fields_ignores_open_mappings(tree: Any) -> None:
    assert list(find_unknown_fields(locate(tree))) == []


def test_find_unknown_fields_suggests_similar_name() -> None:
    ((message, _),) = find_unknown_fields(locate({"resource": {}}))
    assert message.endswith("which is ignored. Did you mean 'resources'?")


def test_find_unknown_fields_ignores_anchored_values(load: Load, tmp_path: Any) -> None:
    anchors = "x-defaults: &d {max_retries: 3}\nx-list: [&a {name: a}]\n"
    text = anchors + bundle_text(task=f"<<: *d, {SCRIPT}")
    assert list(find_unknown_fields(load_yaml(write_file(tmp_path, text)))) == []
    bundle = load(text)
    assert bundle.warnings == ()
    assert bundle.jobs["etl"].settings["tasks"][0]["max_retries"] == 3
