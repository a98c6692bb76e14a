"""Checks and conversions of a job's settings."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.bundle.validation import FieldError, validate_settings
from tests.local.bundle.settings import NOTEBOOK, after, condition, job, loop, task

SQL = {"warehouse_id": "x", "file": {"path": "a.sql"}}


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
        job(tags=dict.fromkeys(map(str, range(25)), "")),
        job(schedule={"quartz_cron_expression": "0 0 6 ? * MON-FRI 2026"}),
    ],
)
def test_validate_settings_accepts(settings: dict[str, Any]) -> None:
    validate_settings(settings)


MISTYPED = '{"tasks": {"laod": {"result": "FAILED"}}}'


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
            "'timeout_seconds' has to be a number from 0 to 2147483647, not -1.",
        ),
        (
            job(timeout_seconds=10**400),
            ("timeout_seconds",),
            "'timeout_seconds' has to be a number from 0 to 2147483647, not 1000",
        ),
        (job(tags=[]), ("tags",), "'tags' has to be a mapping of at most 25 tags."),
        (
            job(tags=dict.fromkeys(map(str, range(26)), "")),
            ("tags",),
            "'tags' has to be a mapping of at most 25 tags.",
        ),
        *(
            (
                job(schedule={"quartz_cron_expression": cron}),
                ("schedule", "quartz_cron_expression"),
                f"Invalid quartz_cron_expression: {cron}. Write 6 or 7 fields",
            )
            for cron in ("0 6 * * *", "@daily", "0 30 2,7 * * *", "0 0 6 ? * ?")
        ),
        (
            job(tags={"local_simulation": "["}),
            ("tags", "local_simulation"),
            "The tag 'local_simulation' is not valid",
        ),
        (
            job(task("load", notebook_task=NOTEBOOK), tags={"local_simulation": MISTYPED}),
            ("tags", "local_simulation"),
            "The tag 'local_simulation' names the task 'laod', which the job has not.",
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
            job(task(notebok_task={})),
            ("tasks", 0, "notebok_task"),
            "Task 'a' is of the unknown kind 'notebok_task'. Did you mean 'notebook_task'?",
        ),
        (
            job(task(notebook_task=5)),
            ("tasks", 0, "notebook_task"),
            "'notebook_task' of task 'a' has to be a mapping.",
        ),
        (
            job(task(notebook_task={})),
            ("tasks", 0, "notebook_task", "notebook_path"),
            "The notebook_task of task 'a' needs 'notebook_path'.",
        ),
        (
            job(task(spark_python_task={"python_file": ""})),
            ("tasks", 0, "spark_python_task", "python_file"),
            "The spark_python_task of task 'a' needs 'python_file'.",
        ),
        (
            job(task(python_wheel_task={"package_name": "x"})),
            ("tasks", 0, "python_wheel_task", "entry_point"),
            "The python_wheel_task of task 'a' needs 'entry_point'.",
        ),
        (
            job(task(run_job_task={"job_parameters": {}})),
            ("tasks", 0, "run_job_task", "job_id"),
            "The run_job_task of task 'a' needs 'job_id'.",
        ),
        (
            job(task(pipeline_task={"pipeline_id": ""})),
            ("tasks", 0, "pipeline_task", "pipeline_id"),
            "The pipeline_task of task 'a' needs 'pipeline_id'.",
        ),
        (
            job(task(dbt_task={})),
            ("tasks", 0, "dbt_task", "commands"),
            "The dbt_task of task 'a' needs a list of 'commands'.",
        ),
        (
            job(task(dbt_task={"commands": []})),
            ("tasks", 0, "dbt_task", "commands"),
            "The dbt_task of task 'a' needs a list of 'commands'.",
        ),
        (
            job(task(sql_task={"warehouse_id": "x"})),
            ("tasks", 0, "sql_task"),
            "The sql_task of task 'a' needs a 'file' with a 'path'.",
        ),
        (
            job(task(sql_task={**SQL, "file": {}})),
            ("tasks", 0, "sql_task", "file", "path"),
            "The file of task 'a' needs 'path'.",
        ),
        (
            job(task(sql_task={**SQL, "parameters": "x"})),
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
            "'max_retries' of task 'a' has to be a number from -1 to 2147483647, not 'x'.",
        ),
        (
            job(task(timeout_seconds=True)),
            ("tasks", 0, "timeout_seconds"),
            "'timeout_seconds' of task 'a' has to be a number from 0 to 2147483647, not True.",
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
            "The condition_task of task 'a' needs 'right'.",
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
