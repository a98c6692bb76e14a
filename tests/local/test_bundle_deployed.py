"""Bundles as people write them, and the jobs that ``databricks bundle deploy`` makes of them."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service import jobs as sdk

from flask_lakeflow_jobs.local import Bundle, BundleError, Workspace, load_bundle
from flask_lakeflow_jobs.local.bundle.fields import JOB, TASK
from tests.local.test_bundle import SCRIPT, write

Load = Callable[..., Bundle]


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "Jo.Doe")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes a bundle, and the files that it names, and reads it."""

    def from_text(text: str, target: str | None = None, name: str = "databricks.yml") -> Bundle:
        for file in ("main.py", "src/notebook.py"):
            write(tmp_path, "# Databricks notebook source\n", file)
        return load_bundle(write(tmp_path, text, name), target=target)

    return from_text


def etl(bundle: Bundle) -> dict[str, Any]:
    return dict(bundle.jobs["etl"].settings)


JOB_OF_ONE = f"""
bundle: {{name: sales}}
resources:
  jobs:
    etl:
      name: etl
      HERE
      tasks:
        - {{task_key: main, {SCRIPT}}}
"""


def with_field(line: str, more: str = "") -> str:
    return JOB_OF_ONE.replace("HERE", line) + more


@pytest.mark.parametrize("name", ["databricks.yaml", "bundle.yml", "bundle.yaml"])
def test_root_file_by_any_of_its_names(load: Load, tmp_path: Path, name: str) -> None:
    load(with_field("timeout_seconds: 5"), name=name)
    assert load_bundle(tmp_path).path == tmp_path / name


def test_a_path_with_detours(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = load(with_field("timeout_seconds: 5")).path
    (tmp_path / "src").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "src")
    assert load_bundle("..") == load_bundle("../src/../databricks.yml") == load_bundle(path)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("yes", "yes"),
        ("off", "off"),
        ("True", "true"),
        ("007", "7"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("1e3", "1000"),
        ("0.5", "0.5"),
        ("-3", "-3"),
        ("'2024-01-31'", "2024-01-31"),
        ("", ""),
        ("~", ""),
    ],
)
def test_plain_words_mean_what_the_cli_takes_them_for(load: Load, given: str, meant: str) -> None:
    text = with_field(f"parameters: [{{name: day, default: {given}}}]")
    assert etl(load(text))["parameters"] == [{"name": "day", "default": meant}]


def test_a_key_may_be_any_word(load: Load) -> None:
    assert etl(load(with_field("tags: {on: yes, 5: 6, null: x}")))["tags"] == {
        "on": "yes",
        "5": "6",
        "null": "x",
    }


def test_numbers_and_switches_from_variables(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_runs", "3")
    monkeypatch.setenv("BUNDLE_VAR_wait", "false")
    lines = "max_concurrent_runs: ${var.runs}\n      queue: {enabled: '${var.wait}'}"
    settings = etl(load("variables: {runs: {}, wait: {}}" + with_field(lines)))
    assert (settings["max_concurrent_runs"], settings["queue"]) == (3, {"enabled": False})


DEVELOPMENT = """
targets:
  dev: {mode: development, default: true}
  named:
    mode: development
    presets:
      name_prefix: "${workspace.current_user.short_name}: "
      trigger_pause_status: PAUSED
      jobs_max_concurrent_runs: 7
      tags: {dev: me, team: '${bundle.name}'}
  staging: {presets: {name_prefix: "[staging] ", trigger_pause_status: UNPAUSED}}
  prod: {mode: production}
"""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, ("[dev jo_doe] etl", {"dev": "jo_doe", "team": "a"}, "PAUSED", 4)),
        ("named", ("jo_doe: etl", {"dev": "me", "team": "a"}, "PAUSED", 7)),
        ("staging", ("[staging] etl", {"team": "a"}, "UNPAUSED", 1)),
        ("prod", ("etl", {"team": "a"}, None, 1)),
    ],
)
def test_presets(load: Load, target: str | None, expected: tuple[Any, ...]) -> None:
    text = with_field("tags: {team: a}\n      trigger: {periodic: {interval: 1}}", DEVELOPMENT)
    job = etl(load(text, target))
    assert expected == (
        job["name"],
        job["tags"],
        job["trigger"].get("pause_status"),
        job["max_concurrent_runs"],
    )


def test_what_a_job_says_itself_wins_over_presets(load: Load) -> None:
    text = with_field(
        "max_concurrent_runs: 1\n      schedule: {pause_status: UNPAUSED}", DEVELOPMENT
    )
    job = etl(load(text))
    assert (job["max_concurrent_runs"], job["schedule"]) == (1, {"pause_status": "UNPAUSED"})


REFERENCES = """
workspace: {host: https://example.com, root_path: ~/bundles}
variables:
  sizes: {type: complex, default: [{rows: 3}, {rows: 5}]}
  whole: {type: complex, default: "${var.sizes}"}
  old: {value: 8}
targets:
  dev: {mode: development, default: true, variables: {sizes: [{rows: 4}]}}
  shared: {workspace: {root_path: '/Shared/${bundle.name}', file_path: "${workspace.root_path}/f"}}
  broad: {workspace: {artifact_path: /Volumes/a/b/c}}
"""


@pytest.mark.parametrize(
    ("reference", "target", "value"),
    [
        ("${workspace.root_path}", "dev", "/Workspace/Users/Jo.Doe@localhost/bundles"),
        ("${workspace.file_path}", "dev", "/Workspace/Users/Jo.Doe@localhost/bundles/files"),
        ("${workspace.root_path}", "shared", "/Workspace/Shared/sales"),
        ("${workspace.file_path}", "shared", "/Workspace/Shared/sales/f"),
        ("${workspace.artifact_path}", "broad", "/Volumes/a/b/c"),
        ("/Workspace/${workspace.file_path}/x", "shared", "/Workspace/Shared/sales/f/x"),
        ("/Workspace${workspace.root_path}", "shared", "/Workspace/Shared/sales"),
        ("${workspace.host}", "dev", "https://example.com"),
        ("${workspace.current_user.userName}", "dev", "Jo.Doe@localhost"),
        ("${workspace.current_user.short_name}", "dev", "jo_doe"),
        ("${workspace.current_user.domain_friendly_name}", "dev", "jo-doe"),
        ("${bundle.mode}", "dev", "development"),
        ("${bundle.git.branch}", "dev", ""),
        ("${var.sizes[0].rows}", "dev", "4"),
        ("${var.sizes[1].rows}", "shared", "5"),
        ("${var.whole[1].rows}", "shared", "5"),
        ("${variables.old.value}", "shared", "8"),
        ("${resources.jobs.etl.tasks[0].task_key}", "dev", "main"),
        ("${resources.jobs.etl.name}", "dev", "[dev jo_doe] etl"),
        ("${resources.schemas.raw.name}", "dev", "dev_jo_doe_raw"),
        ("${resources.schemas.raw.name}", "shared", "raw"),
        ("${resources.clusters.small.cluster_id}", "dev", "small"),
        ("${HOME} ${env:DAY} ${spark.x}", "dev", "${HOME} ${env:DAY} ${spark.x}"),
    ],
)
def test_references(load: Load, reference: str, target: str, value: str) -> None:
    text = with_field(f"parameters: [{{name: a, default: '{reference}'}}]", REFERENCES).replace(
        "resources:\n",
        "resources:\n  schemas: {raw: {name: raw, catalog_name: main}}\n"
        "  clusters: {small: {num_workers: 1}}\n",
    )
    assert etl(load(text, target))["parameters"][0]["default"] == value


def test_git_details(load: Load, tmp_path: Path) -> None:
    write(tmp_path, "ref: refs/heads/feature/x\n", ".git/HEAD")
    write(tmp_path, "abc1 refs/heads/feature/x\n", ".git/packed-refs")
    write(tmp_path, '[remote "origin"]\n\turl = https://example.com/a.git\n', ".git/config")
    names = ("branch", "commit", "origin_url", "bundle_root_path")
    values = ", ".join(f"{{name: {name}, default: '${{bundle.git.{name}}}'}}" for name in names)
    job = etl(load(with_field(f"parameters: [{values}]")))
    assert [each["default"] for each in job["parameters"]] == [
        "feature/x",
        "abc1",
        "https://example.com/a.git",
        ".",
    ]


def test_git_details_of_a_worktree(tmp_path: Path, load: Load) -> None:
    origin = tmp_path / "origin"
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run((*git, "init", "-q", "-b", "main", origin), check=True)
    subprocess.run((*git, "-C", origin, "commit", "-q", "--allow-empty", "-m", "x"), check=True)
    inner = tmp_path / "tree" / "inner"
    subprocess.run(
        (*git, "-C", origin, "worktree", "add", "-q", "-b", "b", inner.parent), check=True
    )
    text = with_field("parameters: [{name: c, default: '${bundle.git.commit}'}]")
    write(inner, "", "main.py")
    (commit,) = etl(load_bundle(write(inner, text)))["parameters"]
    display_path = subprocess.run(
        (*git, "-C", origin, "rev-parse", "main"), check=True, capture_output=True, text=True
    )
    assert commit["default"] == display_path.stdout.strip()


def test_variable_file_of_a_target(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "variables: {a: {default: 1}, b: {}}" + with_field(
        "parameters: [{name: a, default: '${var.a}'}, {name: b, default: '${var.b}'}]"
    )
    write(
        tmp_path, '{"a": "file", "b": "file"}', ".databricks/bundle/default/variable-overrides.json"
    )
    monkeypatch.setenv("BUNDLE_VAR_b", "environment")
    values = [each["default"] for each in etl(load(text))["parameters"]]
    assert values == ["file", "environment"]


def test_target_merges_lists_by_their_keys(load: Load) -> None:
    job = etl(
        load(
            with_field(
                """parameters: [{name: a, default: base}, {name: b, default: base}]
      job_clusters: [{job_cluster_key: one, new_cluster: {num_workers: 1, spark_version: x}}]
      environments: [{environment_key: env, spec: {client: "1"}}]""",
                """
targets:
  dev:
    resources:
      jobs:
        etl:
          parameters: [{name: b, default: dev}, {name: c, default: dev}]
          job_clusters: [{job_cluster_key: one, new_cluster: {num_workers: 2}}]
          environments: [{environment_key: env, spec: {dependencies: [requests]}}]
          tasks: [{task_key: main, max_retries: 2}]
""",
            )
        )
    )
    assert job["parameters"] == [
        {"name": "a", "default": "base"},
        {"name": "b", "default": "dev"},
        {"name": "c", "default": "dev"},
    ]
    (cluster,) = job["job_clusters"]
    assert cluster["new_cluster"] == {"num_workers": 2, "spark_version": "x"}
    (environment,) = job["environments"]
    assert environment["spec"] == {"client": "1", "dependencies": ["requests"]}
    assert job["tasks"][0]["max_retries"] == 2


def test_a_reference_counts_as_its_value_where_a_target_changes_it(load: Load) -> None:
    base = """
variables:
  small: {type: complex, default: {num_workers: 1, spark_version: x}}
  large: {type: complex, default: {num_workers: 9}}
"""
    clusters = [
        "{job_cluster_key: a, new_cluster: '${var.small}'}",
        "{job_cluster_key: b, new_cluster: {num_workers: 2, node_type_id: y}}",
    ]
    over = """
targets:
  dev:
    variables: {small: {num_workers: 4, spark_version: z}}
    resources:
      jobs:
        etl:
          job_clusters:
            - {job_cluster_key: a, new_cluster: {num_workers: 3}}
            - {job_cluster_key: b, new_cluster: "${var.large}"}
"""
    job = etl(load(with_field(f"job_clusters: [{', '.join(clusters)}]", base + over)))
    assert [each["new_cluster"] for each in job["job_clusters"]] == [
        {"num_workers": 3, "spark_version": "z"},
        {"num_workers": 9, "node_type_id": "y"},
    ]


def test_targets_under_their_former_name(load: Load) -> None:
    more = "\nenvironments: {a: {}, b: {default: true, mode: development}}"
    assert etl(load(with_field("timeout_seconds: 1", more)))["name"] == "[dev jo_doe] etl"


@pytest.mark.parametrize(
    ("reference", "deployed"),
    [
        ("libraries: [{whl: ./dist/*.whl}]", "{files}/dist/*.whl"),
        ("libraries: [{requirements: requirements.txt}]", "{files}/requirements.txt"),
        ("libraries: [{whl: /Workspace/x.whl}]", "/Workspace/x.whl"),
        ("libraries: [{whl: ../lib/x.whl}]", "{outside}/lib/x.whl"),
        ("environments: [../lib/x.whl]", "{outside}/lib/x.whl"),
        ("environments: ['dist/x.whl']", "{files}/dist/x.whl"),
        ("environments: ['-r requirements.txt']", "-r {files}/requirements.txt"),
        ("environments: ['--editable .']", "--editable {files}/."),
        ("environments: ['requests>=2']", "requests>=2"),
    ],
)
def test_libraries(tmp_path: Path, load: Load, reference: str, deployed: str) -> None:
    kind, _, value = reference.partition(": ")
    if kind == "libraries":
        text = with_field("timeout_seconds: 1").replace(
            ", spark_python", f", {reference}, spark_python"
        )
    else:
        text = with_field(
            f"environments: [{{environment_key: e, spec: {{dependencies: {value}}}}}]"
        )
    bundle = load(text)
    job = etl(bundle)
    found = (
        next(iter(job["tasks"][0]["libraries"][0].values()))
        if kind == "libraries"
        else job["environments"][0]["spec"]["dependencies"][0]
    )
    assert found == deployed.format(files=bundle.files_path, outside=tmp_path.parent)


def test_paths_of_a_git_source_stay(load: Load) -> None:
    text = with_field("git_source: {git_url: https://example.com, git_provider: gitHub}")
    assert etl(load(text.replace("main.py", "nowhere/main.py")))["tasks"][0][
        "spark_python_task"
    ] == {"python_file": "nowhere/main.py"}


def test_files_beside_the_bundle(tmp_path: Path) -> None:
    write(tmp_path, "", "shared/main.py")
    text = "sync: {paths: [../shared, .]}" + with_field("timeout_seconds: 1").replace(
        "main.py", "../shared/main.py"
    )
    bundle = load_bundle(write(tmp_path / "bundle", text))
    (task,) = bundle.jobs["etl"].settings["tasks"]
    assert task["spark_python_task"]["python_file"] == f"{bundle.files_path}/shared/main.py"
    assert bundle.files_root == tmp_path


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            with_field("timeout_second: 5"),
            (
                "databricks.yml:6: The job has the unknown field 'timeout_second', which is "
                "ignored. Did you mean 'timeout_seconds'?"
            ),
        ),
        (
            with_field("timeout_seconds: 5", "job: {}\n"),
            "databricks.yml:9: The bundle has the unknown field 'job', which is ignored.",
        ),
        (
            with_field("max_retries: 5"),
            "databricks.yml:6: The job has the unknown field 'max_retries', which is ignored. ",
        ),
        (
            with_field("timeout_seconds: 5").replace("python_file:", "arguments: [], python_file:"),
            "databricks.yml:8: The spark_python_task has the unknown field 'arguments', which",
        ),
        (
            with_field("timeout_seconds: 5", "targets: {dev: {preset: {}}}\n"),
            (
                "databricks.yml:9: The target has the unknown field 'preset', which is ignored. "
                "Did you mean 'presets'?"
            ),
        ),
        (
            with_field("timeout_seconds: 5").replace("main, ", "main, job_cluster_key: x, "),
            (
                "databricks.yml:8: Job 'etl': Task 'main' names the job_cluster_key 'x', which is "
                "not among the job's 'job_clusters'."
            ),
        ),
    ],
)
def test_oddities_are_told_and_stop_nothing(load: Load, text: str, warning: str) -> None:
    (told,) = load(text).warnings
    assert told.startswith(warning)


def test_no_word_about_what_is_there_to_be_repeated(load: Load) -> None:
    more = "x-defaults: &d {max_retries: 3}\nx-list: [&a {name: a}]\n"
    text = more + with_field("timeout_seconds: 5").replace("task_key", "<<: *d, task_key")
    bundle = load(text)
    assert bundle.warnings == ()
    assert etl(bundle)["tasks"][0]["max_retries"] == 3


def test_warnings_stand_in_the_log(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = load(with_field("timeout_second: 5")).path
    with caplog.at_level(logging.WARNING), Workspace(path, tmp_path / "folder"):
        assert "databricks.yml:6: The job has the unknown field" in caplog.text


def test_every_field_of_the_sdk_is_known() -> None:
    assert {each.name for each in fields(sdk.JobSettings)} <= JOB.fields.keys()
    assert {each.name for each in fields(sdk.Task)} <= TASK.fields.keys()
    kinds = {name: kind for name, kind in TASK.fields.items() if kind.title}
    assert len(kinds) == 9
    for kind, field in kinds.items():
        name = "".join(part.capitalize() for part in kind.split("_"))
        assert {each.name for each in fields(getattr(sdk, name))} <= set(field.names), kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            with_field("timeout_seconds: 1", "targets: {a: {}, b: {}}"),
            (
                "databricks.yml:9: None of the targets a, b is the default. Mark one with "
                "'default: true', or name one in DATABRICKS_BUNDLE_TARGET."
            ),
        ),
        (
            with_field("timeout_seconds: 1", "targets: {a: {default: true}, b: {default: true}}"),
            (
                "databricks.yml:9: The targets a, b are all marked as default. Leave "
                "'default: true' at one."
            ),
        ),
        (
            with_field("timeout_seconds: 1", "targets:\n  a: {variables: {x: 1}}"),
            "databricks.yml:10: The target gives a value to the variable 'x', which is not",
        ),
        (
            with_field("timeout_seconds: 1", "targets:\n  a: {mode: dev}"),
            "databricks.yml:10: Unknown mode 'dev'. Use 'development' or 'production'.",
        ),
        (
            with_field("timeout_seconds: 1", "presets:\n  trigger_pause_status: NO"),
            "databricks.yml:10: 'trigger_pause_status' is one of PAUSED, UNPAUSED, not 'NO'.",
        ),
        (
            with_field("parameters: ['${var.a.b}']", "variables: {a: {default: '${var.a.b}'}}"),
            "databricks.yml:6: ${var.a.b} refers to itself.",
        ),
        (
            with_field("timeout_seconds: 1", "presets:\n  name_prefix: [x]"),
            "databricks.yml:10: 'name_prefix' has to be a text.",
        ),
        (
            with_field("timeout_seconds: 1", "presets:\n  tags: []\n  name_prefix: x"),
            "databricks.yml:10: 'tags' of the presets has to be a mapping.",
        ),
        (
            with_field("timeout_seconds: 1", "sync:\n  paths: 5"),
            "databricks.yml:10: 'paths' has to be a list of paths.",
        ),
        (
            with_field("timeout_seconds: 1", "include: ['*.py']"),
            "databricks.yml:9: '*.py' includes main.py, which is neither YAML nor JSON.",
        ),
        (
            "python: {resources: ['resources:load']}",
            (
                "databricks.yml: The bundle has no jobs. Define at least one under "
                "'resources.jobs'. Jobs that its Python code defines cannot be read here."
            ),
        ),
        (
            with_field("timeout_seconds: 1").replace(
                SCRIPT, "dbt_task: {project_directory: dbt, commands: [dbt run]}"
            ),
            "databricks.yml:8: There is no folder 'dbt' (looked for ",
        ),
    ],
)
def test_mistakes(load: Load, text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        load(text)
    assert message in str(caught.value)


def test_only_the_root_file_includes(load: Load, tmp_path: Path) -> None:
    write(tmp_path, "include: [other.yml]\nvariables: {a: {default: 1}}", "more/a.yml")
    write(tmp_path, "", "more/empty.yml")
    write(tmp_path, "variables: {b: {}}", "more/deeper/b.yml")
    bundle = load(
        with_field("timeout_seconds: 1", "include: ['more/**/*.yml', 'more/*.yml', '*.yml']")
    )
    assert bundle.warnings == (
        "more/a.yml:1: Only the root file may include others. List these files there.",
    )
    assert [file.name for file in bundle.sources if file.suffix] == [
        "databricks.yml",
        "b.yml",
        "a.yml",
        "empty.yml",
        "variable-overrides.json",
    ]


@pytest.mark.parametrize(
    "text",
    ["# resources:\n#   jobs:\n", "resources:\n#  jobs:\n", "resources:\n  jobs:\n#    b:\n"],
)
def test_what_is_commented_out_of_an_included_file_leaves_the_others_alone(
    load: Load, tmp_path: Path, text: str
) -> None:
    (tmp_path / "idle.yml").write_text(text)
    assert list(load(with_field("timeout_seconds: 1", "include: [idle.yml]")).jobs) == ["etl"]


def test_a_target_takes_nothing_away(load: Load) -> None:
    target = "targets: {dev: {resources: {jobs: {etl: {timeout_seconds: , tasks: }}}}}"
    job = load(with_field("timeout_seconds: 1", target)).jobs["etl"].settings
    assert (job["timeout_seconds"], len(job["tasks"])) == (1, 1)


def test_a_job_without_tasks_stops_no_other(load: Load) -> None:
    bundle = load(
        with_field("timeout_seconds: 1").replace("  jobs:\n", "  jobs:\n    idle: {name: x}\n")
    )
    assert list(bundle.jobs) == ["etl"]
    (warning,) = bundle.warnings
    assert warning.endswith("The job 'idle' has no tasks, and is left out.")
