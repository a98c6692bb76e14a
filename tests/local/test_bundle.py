"""Reading ``databricks.yml``: what it means, and what a mistake in it gets."""

from __future__ import annotations

import copy
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import BundleError, load_bundle
from flask_lakeflow_jobs.local.bundle import load

ONE_JOB = """
resources:
  jobs:
    etl:
      tasks:
        - task_key: main
          spark_python_task:
            python_file: main.py
"""


def write(folder: Path, text: str, name: str = "databricks.yml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip("\n"))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text("")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "notebook.py").write_text("# Databricks notebook source\n")
    (tmp_path / "src" / "other.ipynb").write_text("{}")
    return tmp_path


def tasks_of(folder: Path, text: str, **options: Any) -> list[dict[str, Any]]:
    tasks = load_bundle(write(folder, text), **options).jobs["etl"].settings["tasks"]
    assert isinstance(tasks, list)
    return tasks


def test_job_as_it_would_be_deployed(folder: Path) -> None:
    bundle = load_bundle(write(folder, ONE_JOB))
    job = bundle.jobs["etl"]
    assert (bundle.path, bundle.root) == (folder / "databricks.yml", folder)
    assert job.settings == {
        "name": "etl",
        "format": "MULTI_TASK",
        "max_concurrent_runs": 1,
        "queue": {"enabled": True},
        "tasks": [
            {
                "task_key": "main",
                "spark_python_task": {"python_file": f"{bundle.files_path}/main.py"},
            }
        ],
    }
    assert bundle.files_path.startswith("/Workspace/Users/")
    assert load_bundle(folder) == bundle


def test_ids_are_the_same_everywhere(folder: Path) -> None:
    ids = [load_bundle(write(folder, ONE_JOB)).jobs["etl"].job_id for _ in range(2)]
    assert ids == [8099396154102756, 8099396154102756]
    assert ids[0] <= 2**53 - 1


def test_needs_nothing_but_yaml() -> None:
    code = """
import sys
from flask_lakeflow_jobs.local.bundle.load import load_bundle
print(sorted({"waitress", "sqlite3", "databricks.sdk"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stdout == "[]\n"


@pytest.mark.parametrize("given", ["src/notebook", "src/notebook.py", "./src/notebook.py"])
def test_notebook_path(folder: Path, given: str) -> None:
    text = f"""
        resources:
          jobs:
            etl:
              tasks:
                - task_key: main
                  notebook_task: {{notebook_path: {given}}}
    """
    (task,) = tasks_of(folder, text)
    assert task["notebook_task"]["notebook_path"].endswith("/files/src/notebook")


def test_paths_are_relative_to_the_file_in_which_they_stand(folder: Path) -> None:
    write(folder, ONE_JOB.replace("main.py", "../main.py"), "resources/etl.yml")
    (task,) = tasks_of(folder, "include: [resources/*.yml]")
    assert task["spark_python_task"]["python_file"].endswith("/files/main.py")


def test_anchors_and_merge_keys(folder: Path) -> None:
    text = """
        resources:
          jobs:
            etl:
              tasks:
                - &base
                  task_key: main
                  timeout_seconds: 60
                  spark_python_task: {python_file: main.py}
                - <<: *base
                  task_key: second
    """
    main, second = tasks_of(folder, text)
    assert (main["task_key"], second["task_key"]) == ("main", "second")
    assert second["timeout_seconds"] == 60


VARIABLES = """
bundle: {name: flights}
variables:
  day: {default: monday}
  title: {default: "on ${var.day}"}
  limit: {default: 7}
  needed: {description: without a value}
  cluster: {type: complex, default: {size: 3, day: "${var.day}"}}
  warehouse: {lookup: {warehouse: Shared Endpoint}}
targets:
  dev: {default: true, variables: {day: tuesday}}
  prod: {variables: {day: {default: wednesday}, needed: given}}
resources:
  pipelines:
    raw: {name: "raw on ${var.day}"}
  volumes:
    files: {catalog_name: main, schema_name: "${var.day}", name: files}
  schemas:
    sales: {catalog_name: main, name: "sales_${var.day}"}
    unfinished: {name: raw}
    empty:
  jobs:
    etl:
      tasks:
        - task_key: main
          spark_python_task:
            python_file: main.py
            parameters:
              - PARAMETER
"""


@pytest.mark.parametrize(
    ("reference", "target", "value"),
    [
        ("${var.day}", None, "tuesday"),
        ("${var.day}", "prod", "wednesday"),
        ("'the ${var.title}!'", None, "the on tuesday!"),
        ("${var.limit}", None, "7"),
        ("'${var.limit} rows'", None, "7 rows"),
        ("${var.needed}", "prod", "given"),
        ("${bundle.target}", None, "dev"),
        ("${bundle.name}", "prod", "flights"),
        ("${resources.jobs.etl.id}", None, "8099396154102756"),
        ("${resources.pipelines.raw.id}", None, "raw"),
        ("${resources.pipelines.raw.name}", None, "raw on tuesday"),
        ("${resources.volumes.files.volume_path}", None, "/Volumes/main/tuesday/files"),
        ("${resources.volumes.files.id}", None, "main.tuesday.files"),
        ("${resources.schemas.sales.id}", None, "main.sales_tuesday"),
        ("${resources.schemas.unfinished.id}", None, "unfinished"),
        ("${resources.schemas.empty.id}", None, "empty"),
        ("${var.cluster.size}", None, "3"),
        ("${var.cluster}", None, {"size": 3, "day": "tuesday"}),
        ("${var.warehouse}", None, "Shared Endpoint"),
        ("'{{job.id}} ${not a reference} $5'", None, "{{job.id}} ${not a reference} $5"),
    ],
)
def test_variables(folder: Path, reference: str, target: str | None, value: Any) -> None:
    text = VARIABLES.replace("PARAMETER", reference)
    (task,) = tasks_of(folder, text, target=target)
    assert task["spark_python_task"]["parameters"] == [value]


def test_variable_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_file", "main.py")
    text = "variables: {file: {}}" + ONE_JOB.replace("main.py", "${var.file}")
    (task,) = tasks_of(folder, text)
    assert task["spark_python_task"]["python_file"].endswith("/files/main.py")


def test_target_lays_over_tasks_by_key(folder: Path) -> None:
    text = (
        ONE_JOB
        + """
targets:
  dev:
    resources:
      jobs:
        etl:
          name: etl in dev
          tasks:
            - task_key: second
              depends_on: [{task_key: main}]
              notebook_task: {notebook_path: src/notebook.py}
            - task_key: main
              timeout_seconds: 5
"""
    )
    job = load_bundle(write(folder, text)).jobs["etl"]
    assert job.settings["name"] == "etl in dev"
    main, second = job.settings["tasks"]
    assert (main["task_key"], main["timeout_seconds"]) == ("main", 5)
    assert main["spark_python_task"]["python_file"].endswith("main.py")
    assert second["task_key"] == "second"


def tasks_text(*tasks: str) -> str:
    lines = ["resources:", "  jobs:", "    etl:", "      tasks:"]
    return "\n".join(lines + [f"        - {task}" for task in tasks]) + "\n"


SCRIPT = "spark_python_task: {python_file: main.py}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "databricks.yml:1: The file has to hold a mapping with 'bundle' and 'resources'."),
        ("- a\n- b", "databricks.yml:1: The file has to hold a mapping with"),
        ("a: [1,\nb: 2", "databricks.yml:2: This is no YAML: "),
        ("a: 1\na: 2", "databricks.yml:2: This is no YAML: the key 'a' stands twice."),
        (
            "x:\n  - [{{job.parameters.x}}]",
            "A key has to be a text, not a list or a mapping. Put quotes around a reference in",
        ),
        ("x:\n  left: {{job.id}}", "databricks.yml:2: A key has to be a text"),
        ("? [a, b]\n: 1", "databricks.yml:1: A key has to be a text"),
        ("x: " + 3000 * "[" + 3000 * "]", "databricks.yml: It is nested too deeply to be read."),
        (
            "bundle: {git: x, name: '${bundle.git.branch}'}\n" + ONE_JOB,
            "databricks.yml:1: 'git' has to be a mapping.",
        ),
        ("a: &a [*a]", "databricks.yml:1: This is no YAML: an alias that contains itself."),
        ("bundle: {name: x}", "databricks.yml: The bundle has no jobs. Define at least one"),
        ("x: 1\nresources: {jobs: {}}", "databricks.yml:2: The bundle has no jobs."),
        ("resources: 5", "databricks.yml:1: 'resources' has to be a mapping."),
        ("resources: {jobs: {etl: 5}}", "databricks.yml:1: The job 'etl' has to be a mapping."),
        (
            "resources:\n  jobs:\n    etl: {name: x}",
            "databricks.yml:3: Job 'etl': The job has no tasks.",
        ),
        (
            tasks_text(f"{{task_key: a, {SCRIPT}}}", "{task_key: b, magic_task: {}}"),
            "databricks.yml:6: Job 'etl': Task 'b' is of the unknown kind 'magic_task'.",
        ),
        (
            tasks_text("{task_key: a}"),
            "databricks.yml:5: Job 'etl': Task 'a' has no kind. Give it one, such as",
        ),
        (
            tasks_text(f"{{task_key: a, {SCRIPT}, notebook_task: {{notebook_path: x}}}}"),
            "databricks.yml:5: Job 'etl': Task 'a' has 2 kinds (spark_python_task, notebook_task).",
        ),
        (
            tasks_text(f"{{{SCRIPT}}}"),
            "databricks.yml:5: Job 'etl': The task has no 'task_key'.",
        ),
        (tasks_text("5"), "databricks.yml:5: Job 'etl': A task has to be a mapping"),
        (
            tasks_text("{task_key: a, notebook_task: 5}"),
            "databricks.yml:5: Job 'etl': 'notebook_task' of task 'a' has to be a mapping.",
        ),
        (
            tasks_text("{task_key: a, notebook_task: {}}"),
            "databricks.yml:5: Job 'etl': The notebook_task of task 'a' needs a 'notebook_path'.",
        ),
        (
            tasks_text(f"{{task_key: a, {SCRIPT}}}", f"{{task_key: a, {SCRIPT}}}"),
            "databricks.yml:6: Job 'etl': Two tasks have the key 'a'.",
        ),
        (
            tasks_text(
                f"{{task_key: a, {SCRIPT}}}",
                f"{{task_key: b, depends_on: [{{task_key: c}}], {SCRIPT}}}",
            ),
            "databricks.yml:6: Job 'etl': Task 'b' depends on 'c', which is no task of this job.",
        ),
        (
            tasks_text(f"{{task_key: a, depends_on: b, {SCRIPT}}}"),
            "databricks.yml:5: Job 'etl': 'depends_on' of task 'a' has to be a list of mappings",
        ),
        (
            tasks_text(f"{{task_key: a, run_if: MAYBE, {SCRIPT}}}"),
            "databricks.yml:5: Job 'etl': Task 'a' has the unknown run_if 'MAYBE'.",
        ),
        (
            tasks_text(
                f"{{task_key: z, depends_on: [{{task_key: a}}], {SCRIPT}}}",
                f"{{task_key: a, depends_on: [{{task_key: b}}], {SCRIPT}}}",
                f"{{task_key: b, depends_on: [{{task_key: a}}], {SCRIPT}}}",
            ),
            "The tasks depend on each other in a circle: a -> b -> a.",
        ),
        (
            tasks_text("{task_key: a, condition_task: {op: LIKE, left: a, right: b}}"),
            "databricks.yml:5: Job 'etl': The condition_task of task 'a' has the unknown op 'LIKE'",
        ),
        (
            tasks_text("{task_key: a, condition_task: {op: EQUAL_TO, left: a, right: }}"),
            "databricks.yml:5: Job 'etl': The condition_task of task 'a' needs a 'right'.",
        ),
        (
            tasks_text(f"{{task_key: load it, {SCRIPT}}}"),
            "databricks.yml:5: Job 'etl': The task_key 'load it' may hold only letters, digits, ",
        ),
        (
            tasks_text(f"{{task_key: a, for_each_task: {{inputs: [1], task: {{{SCRIPT}}}}}}}"),
            "databricks.yml:5: Job 'etl': 'inputs' of task 'a' has to be a text. Put quotes around",
        ),
        (
            tasks_text("{task_key: a, for_each_task: {inputs: '[]', concurrency: 101, task: }}"),
            "databricks.yml:5: Job 'etl': The for_each_task of task 'a' needs 'inputs' and a",
        ),
        (
            tasks_text(
                "{task_key: a, for_each_task: {inputs: '[]', concurrency: 101, "
                f"task: {{task_key: b, {SCRIPT}}}}}}}"
            ),
            "databricks.yml:5: Job 'etl': 'concurrency' of task 'a' has to be a number from 1 to",
        ),
        (
            tasks_text("{task_key: a, spark_python_task: {python_file: src/none.py}}"),
            "databricks.yml:5: There is no file 'src/none.py' (looked for ",
        ),
        (
            tasks_text("{task_key: a, notebook_task: {notebook_path: src/none}}"),
            "databricks.yml:5: There is no file 'src/none' (looked for ",
        ),
        (
            tasks_text("{task_key: a, spark_python_task: {python_file: '${var.x}'}}"),
            "databricks.yml:5: ${var.x} is not defined. Define it under 'variables'.",
        ),
        (
            "variables: {x: {}}\n"
            + tasks_text("{task_key: a, spark_python_task: {python_file: '${var.x}'}}"),
            "databricks.yml:6: ${var.x} has no value. Give it a 'default'",
        ),
        (
            "variables: {x: {default: '${var.x}'}}\n"
            + tasks_text("{task_key: a, spark_python_task: {python_file: '${var.x}'}}"),
            "databricks.yml:6: ${var.x} refers to itself.",
        ),
        (
            tasks_text("{task_key: a, run_job_task: {job_id: '${resources.jobs.b.id}'}}"),
            "databricks.yml:5: ${resources.jobs.b.id} has no value here.",
        ),
        ("x: 1\ninclude: [none.yml]", "databricks.yml:2: There is no file 'none.yml' to include."),
        ("include: ['/x.yml']", "databricks.yml:1: '/x.yml' has to be a path beside this file."),
        ("include: ['']", "databricks.yml:1: '' has to be a path beside this file."),
        ("variables: 5", "databricks.yml:1: 'variables' has to be a mapping."),
        ("include: 5", "databricks.yml:1: 'include' has to be a list of paths."),
    ],
)
def test_mistakes(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(write(folder, text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("queue: true", "'queue' has to be a mapping."),
        ("job_clusters: true", "'job_clusters' has to be a list."),
        ("environments: 5", "'environments' has to be a list."),
        ("environments: [x]", "Each of 'environments' has to be a mapping."),
        ("environments: [{environment_key: d, spec: x}]", "'spec' has to be a mapping."),
        ("environments: [{spec: {dependencies: pandas}}]", "'dependencies' has to be a list."),
        ("environments: [{environment_key: {}}]", "'environment_key' has to be a text."),
        ("job_clusters: [{new_cluster: small}]", "'new_cluster' has to be a mapping."),
        ("trigger: {file_arrival: /x}", "'file_arrival' has to be a mapping."),
        ("webhook_notifications: {on_start: [x]}", "Each of 'on_start' has to be a mapping."),
        ("email_notifications: {on_failure: me}", "'on_failure' has to be a list."),
        ("parameters: [{name: a, default: {b: 1}}]", "'default' has to be a text. Put quotes"),
        ("parameters: [{name: a}, {name: a}]", "Two parameters of the job have the name 'a'."),
        ("    libraries: [x]", "Each of 'libraries' of task 'main' has to be a mapping."),
        ("    job_cluster_key: [a]", "'job_cluster_key' of task 'main' has to be a text."),
    ],
)
def test_fields_of_the_wrong_type(folder: Path, field: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(write(folder, f"{ONE_JOB}      {field}"))
    assert str(caught.value).startswith(f"databricks.yml:8: Job 'etl': {message}")


def test_a_field_without_a_value_is_none(folder: Path) -> None:
    text = f"""
        resources:
          jobs:
            etl:
              name:
              schedule:
              parameters: [{{name: day, default: }}]
              tasks:
                - task_key: main
                  depends_on:
                  max_retries:
                  {SCRIPT[:-1]}, parameters: [x, ]}}
    """
    job = load_bundle(write(folder, text)).jobs["etl"].settings
    assert (job["name"], "schedule" in job) == ("etl", False)
    assert job["parameters"] == [{"name": "day", "default": ""}]
    assert job["tasks"][0].keys() == {"task_key", "spark_python_task"}


def test_the_outcome_of_a_condition_may_be_written_without_quotes(folder: Path) -> None:
    text = tasks_text(
        "{task_key: a, condition_task: {op: EQUAL_TO, left: 1, right: true}}",
        f"{{task_key: b, depends_on: [{{task_key: a, outcome: true}}], {SCRIPT}}}",
    )
    condition, dependent = tasks_of(folder, text)
    assert condition["condition_task"] == {"op": "EQUAL_TO", "left": "1", "right": "true"}
    assert dependent["depends_on"] == [{"task_key": "a", "outcome": "true"}]


def test_mistake_in_an_included_file(folder: Path) -> None:
    write(folder, tasks_text("{task_key: a}"), "more/jobs.yml")
    with pytest.raises(BundleError, match=r"^more/jobs\.yml:5: Job 'etl': Task 'a' has no kind"):
        load_bundle(write(folder, "include: ['more/*.yml']"))


def test_file_outside_the_bundle(folder: Path) -> None:
    inner = folder / "inner"
    text = tasks_text("{task_key: a, spark_python_task: {python_file: ../main.py}}")
    with pytest.raises(BundleError, match="lies outside the bundle's folder"):
        load_bundle(write(inner, text))


def test_missing_file(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"^nothing\.yml: There is no such file\.$"):
        load_bundle(folder / "nothing.yml")


def test_job_that_is_defined_twice(folder: Path) -> None:
    write(folder, ONE_JOB, "more.yml")
    with pytest.raises(BundleError) as caught:
        load_bundle(write(folder, "include: [more.yml]" + ONE_JOB))
    assert str(caught.value) == (
        "more.yml:3: The job 'etl' is already defined in databricks.yml:4."
    )


def test_target_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder, VARIABLES.replace("PARAMETER", "${bundle.target}"))
    for target in ("dev", "prod"):
        monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", target)
        (task,) = load_bundle(path).jobs["etl"].settings["tasks"]
        assert task["spark_python_task"]["parameters"] == [target]


VALID = yaml.safe_load(VARIABLES.replace("PARAMETER", "${var.day}"))
VALID["presets"] = {"name_prefix": "a", "tags": {"b": "c"}}
VALID["sync"] = {"paths": ["."]}
VALID["targets"]["dev"]["resources"] = copy.deepcopy(VALID["resources"])
VALID["resources"]["jobs"]["etl"]["environments"] = [
    {"environment_key": "e", "spec": {"dependencies": ["./dist/*.whl"]}}
]
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["", "${var.day}", "${x}", "a", "*"]),
    st.just([]),
    st.just({}),
    st.just(["a"]),
    st.just({"a": 1}),
)


@st.composite
def damaged_bundles(draw: st.DrawFn) -> Any:
    """A valid bundle in which one thing, anywhere, is something else."""
    tree = copy.deepcopy(VALID)
    node = tree
    while True:
        steps = list(node if isinstance(node, dict) else range(len(node)))
        step = draw(st.sampled_from(steps))
        if not isinstance(node[step], (dict, list)) or not node[step] or draw(st.booleans()):
            node[step] = draw(junk)
            return tree
        node = node[step]


@given(damaged_bundles())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_damage_is_told_or_harmless(folder: Path, tree: Any) -> None:
    path = folder / "databricks.yml"
    path.write_text(yaml.safe_dump(tree))
    try:
        load_bundle(path)
    except BundleError as error:
        assert error.__cause__ is None, "the reader has failed"  # noqa: PT017 (or is it harmless?)


def test_a_failure_of_the_reader_is_a_bundle_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "convert_bundle_settings", lambda settings: 1 / 0)
    with pytest.raises(BundleError, match=r"^databricks\.yml: The reader .*division by zero") as e:
        load_bundle(write(folder, ONE_JOB))
    assert isinstance(e.value.__cause__, ZeroDivisionError)


def test_unknown_target(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"The bundle has no target 'x'. Its targets: none."):
        load_bundle(write(folder, ONE_JOB), target="x")
