"""Loading a bundle: its jobs, errors with file and line, and warnings."""

from __future__ import annotations

import copy
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import BundleError, Workspace, load_bundle
from flask_lakeflow_jobs.local.bundle import job_document
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import SCRIPT, bundle_text, tasks_text, write_file


def test_load_bundle_completes_job_as_deployed(folder: Path) -> None:
    bundle = load_bundle(write_file(folder, tasks_text(f"{{task_key: main, {SCRIPT}}}")))
    job = bundle.jobs["etl"]
    assert (bundle.path, bundle.root) == (folder / "databricks.yml", folder)
    metadata = f"{bundle.files_path.removesuffix('/files')}/state/metadata.json"
    assert job.settings == {
        "name": "Untitled",
        "deployment": {"kind": "BUNDLE", "metadata_file_path": metadata},
        "edit_mode": "UI_LOCKED",
        "format": "MULTI_TASK",
        "max_concurrent_runs": 1,
        "queue": {"enabled": True},
        "tasks": [
            {
                "task_key": "main",
                "existing_cluster_id": "x",
                "spark_python_task": {"python_file": f"{bundle.files_path}/main.py"},
            }
        ],
    }
    assert bundle.files_path.startswith("/Workspace/Users/")
    assert load_bundle(folder) == bundle


def test_load_bundle_leaves_out_fields_that_are_no_settings(load: Load) -> None:
    job = load(bundle_text("id: 5\n      lifecycle: {}\n      permissions: []")).jobs["etl"]
    assert job.settings.keys() == {
        *("name", "tasks", "max_concurrent_runs", "queue", "format", "edit_mode", "deployment"),
    }


def test_load_bundle_ignores_sections_without_jobs(load: Load) -> None:
    more = """\
definitions: {shared: &shared {a: b}}
permissions: [{level: CAN_VIEW, group_name: users}]
scripts: {build: {content: make}}
"""
    text = bundle_text(more=more)
    bundle = load(text.replace("  jobs:", "  pipelines: {raw: {name: raw}}\n  jobs:"))
    assert bundle.warnings == ()
    assert bundle.jobs == load(bundle_text()).jobs


def test_load_bundle_imports_neither_server_nor_sdk() -> None:
    code = """
import sys
from flask_lakeflow_jobs.local.bundle.load import load_bundle
print(sorted({"waitress", "sqlite3", "databricks.sdk"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stdout == "[]\n"


def test_load_bundle_ignores_null_fields(load: Load) -> None:
    text = """
        resources:
          jobs:
            etl:
              name:
              schedule:
              parameters: [{name: day, default: }]
              tasks:
                - task_key: main
                  depends_on:
                  max_retries:
                  spark_python_task: {python_file: main.py, parameters: [x, ]}
    """
    job = load(text).jobs["etl"].settings
    assert (job["name"], "schedule" in job) == ("Untitled", False)
    assert job["parameters"] == [{"name": "day", "default": ""}]
    assert job["tasks"][0].keys() == {"task_key", "spark_python_task"}


def test_load_bundle_converts_values_of_variables(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_runs", "3")
    monkeypatch.setenv("BUNDLE_VAR_wait", "false")
    fields = "max_concurrent_runs: ${var.runs}\n      queue: {enabled: '${var.wait}'}"
    job = load("variables: {runs: {}, wait: {}}\n" + bundle_text(fields)).jobs["etl"].settings
    assert (job["max_concurrent_runs"], job["queue"]) == (3, {"enabled": False})


def test_load_bundle_reads_target_from_environment(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "targets: {dev: {default: true}, prod: {}}"
    for target in ("dev", "prod"):
        monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", target)
        bundle = load(bundle_text("description: ${bundle.target}", more=more))
        assert (bundle.target, bundle.default_target) == (target, "dev")
        assert bundle.jobs["etl"].settings["description"] == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "bundle: {name: x}",
            (
                "databricks.yml: The bundle has no jobs. Define at least one under "
                "'resources.jobs', here or in a file that 'include' lists."
            ),
        ),
        ("x: 1\nresources: {jobs: {}}", "databricks.yml:2: The bundle has no jobs."),
        ("resources: 5", "databricks.yml:1: 'resources' has to be a mapping. List files under"),
        ("variables: 5", "databricks.yml:1: 'variables' has to be a mapping."),
        ("bundle: {git: x}", "databricks.yml:1: 'git' has to be a mapping."),
        (
            "workspace: x\ntargets: {dev: {workspace: {host: h}}}",
            "databricks.yml:1: 'workspace' has to be a mapping.",
        ),
        ("targets: {dev: {workspace: x}}", "databricks.yml:1: 'workspace' has to be a mapping."),
        (
            "python: {mutators: 5}",
            "databricks.yml:1: 'mutators' has to be a list of functions, such as 'my_jobs:load",
        ),
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
            tasks_text("{task_key: a, condition_task: {op: EQUAL_TO, left: a, right: }}"),
            "databricks.yml:5: Job 'etl': The condition_task of task 'a' needs 'right'.",
        ),
        (
            bundle_text("parameters: [{name: a, default: {b: 1}}]"),
            "databricks.yml:6: Job 'etl': 'default' has to be a string. Put quotes around it.",
        ),
        (
            tasks_text("{task_key: a, spark_python_task: {python_file: none.py}}"),
            "databricks.yml:5: There is no file 'none.py'",
        ),
        (
            tasks_text("{task_key: a, spark_python_task: {python_file: '${var.x}'}}"),
            "databricks.yml:5: ${var.x} is not defined. Define it under 'variables'.",
        ),
    ],
)
def test_load_bundle_invalid_names_line_and_problem(load: Load, text: str, message: str) -> None:
    with pytest.raises(BundleError) as error:
        load(text)
    assert str(error.value).startswith(message)


def test_load_bundle_without_jobs_names_a_file_that_it_does_not_include(
    folder: Path, load: Load
) -> None:
    jobs = "resources:\n  # daily\n  jobs: {etl: {}}"
    write_file(folder, jobs, "other/databricks.yml")
    write_file(folder, "jobs: {}", "resources/other.yaml")
    write_file(folder, jobs, "resources/jobs/sales.yaml")
    with pytest.raises(BundleError, match=r"List resources/jobs/sales.yaml, which has some, under"):
        load("include: [resources/*.yml]")


def test_load_bundle_error_in_included_file_names_that_file(folder: Path, load: Load) -> None:
    write_file(folder, tasks_text("{task_key: a}"), "more/jobs.yml")
    with pytest.raises(BundleError, match=r"^more/jobs\.yml:5: Job 'etl': Task 'a' has no kind"):
        load("include: ['more/*.yml']")


def test_load_bundle_error_lists_sources(folder: Path, load: Load) -> None:
    write_file(folder, tasks_text("{task_key: a}"), "more/jobs.yml")
    with pytest.raises(BundleError) as error:
        load("include: ['more/*.yml']")
    assert {folder / "databricks.yml", folder / "more", folder / "more/jobs.yml"} <= set(
        error.value.sources
    )


def test_load_bundle_unexpected_failure_is_bundle_error(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_document, "convert_bundle_settings", lambda settings: 1 / 0)
    message = r"^databricks\.yml: Reading the bundle failed unexpectedly: .*division by zero"
    with pytest.raises(BundleError, match=message) as error:
        load(bundle_text())
    assert isinstance(error.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            bundle_text("timeout_second: 5"),
            (
                "databricks.yml:6: The job has the unknown field 'timeout_second', which is "
                "ignored. Did you mean 'timeout_seconds'?"
            ),
        ),
        (
            bundle_text("email_notifications: {on_failure: me@example.com}"),
            "databricks.yml:6: Job 'etl': 'on_failure' has to be a list. It is ignored.",
        ),
        (
            bundle_text("name: again"),
            "databricks.yml:6: The key 'name' occurs twice. The last value counts.",
        ),
        (
            bundle_text("description: at ${resources.jobs.etl.url}"),
            (
                "databricks.yml:6: Job 'etl': Only a workspace knows ${resources.jobs.etl.url}, so "
                "it stays as it is."
            ),
        ),
        (
            bundle_text().replace("  jobs:\n", "  jobs:\n    idle: {name: x}\n"),
            "databricks.yml:4: The job 'idle' has no tasks, and is left out.",
        ),
    ],
)
def test_load_bundle_warns_of_what_is_odd(load: Load, text: str, warning: str) -> None:
    bundle = load(text)
    assert bundle.warnings == (warning,)
    assert list(bundle.jobs) == ["etl"]


def test_workspace_logs_warnings_of_bundle(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = load(bundle_text("timeout_second: 5")).path
    with caplog.at_level(logging.WARNING), Workspace(path, tmp_path / "folder"):
        assert "databricks.yml:6: The job has the unknown field" in caplog.text


VALID = yaml.safe_load("""
bundle: {name: flights}
presets: {name_prefix: a, tags: {b: c}}
sync: {paths: [.]}
variables:
  day: {default: monday}
  title: {default: "on ${var.day}"}
  limit: {default: 7}
  cluster: {type: complex, default: {size: 3, day: "${var.day}"}}
  warehouse: {lookup: {warehouse: Shared Endpoint}}
targets:
  dev: {default: true, variables: {day: tuesday}}
  prod: {variables: {day: {default: wednesday}, limit: 8}}
resources:
  pipelines: {raw: {name: "raw on ${var.day}"}}
  volumes: {files: {catalog_name: main, schema_name: "${var.day}", name: files}}
  schemas: {sales: {catalog_name: main, name: "sales_${var.day}"}, empty: null}
  jobs:
    etl:
      tasks:
        - {task_key: main, spark_python_task: {python_file: main.py, parameters: ["${var.day}"]}}
""")
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
    """Return a valid bundle in which one value, anywhere, is replaced."""
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
def test_load_bundle_damaged_is_loaded_or_refused(folder: Path, tree: Any) -> None:
    path = folder / "databricks.yml"
    path.write_text(yaml.safe_dump(tree))
    try:
        load_bundle(path)
    except BundleError as error:
        assert error.__cause__ is None, "unexpected failure"  # noqa: PT017 (or is it loaded?)
