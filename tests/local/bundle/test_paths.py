"""Paths of a bundle's files in the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import BundleError, load_bundle
from flask_lakeflow_jobs.local.bundle.paths import (
    PathTranslator,
    find_files_root,
    iter_tasks,
)
from flask_lakeflow_jobs.local.bundle.yaml import LocatedDict
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text, locate, tasks_text, write_file


def translate(folder: Path, settings: Any, *, file: str = "databricks.yml") -> LocatedDict:
    located: LocatedDict = locate(settings, 7, folder / file)
    PathTranslator(folder, "/files", folder).translate(located)
    return located


@pytest.mark.parametrize(
    ("task", "deployed"),
    [
        ({"notebook_task": {"notebook_path": "src/notebook"}}, "/files/src/notebook"),
        ({"notebook_task": {"notebook_path": "src/notebook.py"}}, "/files/src/notebook"),
        ({"notebook_task": {"notebook_path": "./src/other"}}, "/files/src/other"),
        ({"notebook_task": {"notebook_path": "x.designer.ipynb"}}, "/files/x.designer.ipynb"),
        ({"notebook_task": {"notebook_path": "/Workspace/x"}}, "/Workspace/x"),
        ({"notebook_task": {"notebook_path": "none", "source": "GIT"}}, "none"),
        ({"spark_python_task": {"python_file": "main.py"}}, "/files/main.py"),
        ({"spark_python_task": {"python_file": "dbfs:/x.py"}}, "dbfs:/x.py"),
        ({"dbt_task": {"project_directory": "src"}}, "/files/src"),
        ({"sql_task": {"file": {"path": "main.py"}}}, "/files/main.py"),
    ],
)
def test_translate_code_of_task(folder: Path, task: Any, deployed: str) -> None:
    write_file(folder, "{}", "x.designer.ipynb")
    for tasks in ([task], [{"for_each_task": {"task": task}}]):
        *_, translated = iter_tasks(translate(folder, {"tasks": tasks}))
        (body,) = translated.values()
        value = next(iter(body.values()))
        assert (value["path"] if isinstance(value, dict) else value) == deployed


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"spark_python_task": {"python_file": "src/none.py"}}, "There is no file 'src/none.py'"),
        ({"notebook_task": {"notebook_path": "src/none"}}, "There is no file 'src/none'"),
        ({"spark_python_task": {"python_file": "src"}}, "There is no file 'src'"),
        ({"dbt_task": {"project_directory": "dbt"}}, "There is no folder 'dbt'"),
        (
            {"spark_python_task": {"python_file": "../outside.py"}},
            "'../outside.py' lies outside the bundle's folder",
        ),
    ],
)
def test_translate_refuses_missing_file(folder: Path, task: Any, message: str) -> None:
    inner = folder / "inner"
    (inner / "src").mkdir(parents=True)
    write_file(folder, "", "outside.py")
    with pytest.raises(BundleError) as error:
        translate(inner, {"tasks": [task]})
    assert error.value.message.startswith(message)
    assert error.value.location == (inner / "databricks.yml", 7)


def test_missing_file_that_the_folder_of_the_bundle_has_is_named(folder: Path) -> None:
    (folder / "src").mkdir(exist_ok=True)
    write_file(folder, "", "src/load.py")
    task = {"spark_python_task": {"python_file": "./src/load.py"}}
    with pytest.raises(BundleError) as error:
        translate(folder, {"tasks": [task]}, file="resources/jobs/load.yml")
    assert "Write '../../src/load.py': paths start at" in error.value.message


def test_translate_keeps_paths_of_git_source(folder: Path) -> None:
    task = {"spark_python_task": {"python_file": "nowhere/main.py"}}
    settings = translate(folder, {"git_source": {}, "tasks": [task]})
    assert settings["tasks"] == [task]


@pytest.mark.parametrize(
    ("library", "deployed"),
    [
        ({"whl": "./dist/*.whl"}, "/files/dist/*.whl"),
        ({"requirements": "requirements.txt"}, "/files/requirements.txt"),
        ({"whl": "/Workspace/x.whl"}, "/Workspace/x.whl"),
        ({"whl": "../lib/x.whl"}, "{outside}/lib/x.whl"),
        ({"pypi": {"package": "./six"}}, {"package": "./six"}),
    ],
)
def test_translate_library(folder: Path, library: Any, deployed: Any) -> None:
    (task,) = translate(folder, {"tasks": [{"libraries": [library]}]})["tasks"]
    if isinstance(deployed, str):
        deployed = deployed.format(outside=folder.parent)
    assert list(task["libraries"][0].values()) == [deployed]


@pytest.mark.parametrize(
    ("dependency", "deployed"),
    [
        ("../lib/x.whl", "{outside}/lib/x.whl"),
        ("dist/x.whl", "/files/dist/x.whl"),
        ("-r requirements.txt", "-r /files/requirements.txt"),
        ("--editable .", "--editable /files/."),
        ("-r 'with spaces/r.txt'", "-r '/files/with spaces/r.txt'"),
        ("-r /Workspace/r.txt", "-r /Workspace/r.txt"),
        ("requests>=2", "requests>=2"),
        ("https://example.com/x.whl", "https://example.com/x.whl"),
        (5, 5),
    ],
)
def test_translate_dependency(folder: Path, dependency: Any, deployed: Any) -> None:
    environment = {"spec": {"dependencies": [dependency]}}
    settings = translate(folder, {"tasks": [], "environments": [environment, {}]})
    if isinstance(deployed, str):
        deployed = deployed.format(outside=folder.parent)
    assert settings["environments"][0]["spec"]["dependencies"] == [deployed]


def test_translate_files_of_variables(folder: Path) -> None:
    variables = {"spec": {"files": ["conf/a.env", "/Volumes/main/raw/b.env", None]}}
    settings = translate(folder, {"environment_variables": [variables]})
    files = settings["environment_variables"][0]["spec"]["files"]
    assert files == ["/files/conf/a.env", "/Volumes/main/raw/b.env", None]


def test_translate_path_is_relative_to_its_file(folder: Path) -> None:
    task = {"spark_python_task": {"python_file": "../main.py"}}
    settings = translate(folder, {"tasks": [task]}, file="resources/etl.yml")
    assert settings["tasks"] == [{"spark_python_task": {"python_file": "/files/main.py"}}]


@pytest.mark.parametrize(
    ("sync", "root"),
    [
        ({}, "/a/bundle"),
        ({"paths": None}, "/a/bundle"),
        ({"paths": ["."]}, "/a/bundle"),
        ({"paths": ["src"]}, "/a/bundle"),
        ({"paths": ["../shared", "."]}, "/a"),
        ({"paths": ["../../x"]}, "/"),
    ],
)
def test_find_files_root_contains_sync_paths(sync: Any, root: str) -> None:
    located = locate(sync, file=Path("/a/bundle/databricks.yml"))
    assert find_files_root(Path("/a/bundle"), located) == Path(root)


@pytest.mark.parametrize("paths", [5, [1], {"a": "b"}])
def test_find_files_root_refuses_other_paths(paths: Any) -> None:
    with pytest.raises(BundleError, match=r"^'paths' has to be a list of paths\.$"):
        find_files_root(Path("/a"), locate({"paths": paths}))


def test_load_bundle_translates_files_beside_bundle(tmp_path: Path) -> None:
    write_file(tmp_path, "", "shared/main.py")
    text = bundle_text(more="sync: {paths: [../shared, .]}").replace("main.py", "../shared/main.py")
    bundle = load_bundle(write_file(tmp_path / "bundle", text))
    (task,) = bundle.jobs["etl"].settings["tasks"]
    assert task["spark_python_task"]["python_file"] == f"{bundle.files_path}/shared/main.py"
    assert bundle.files_root == tmp_path


def test_load_bundle_path_in_included_file_is_relative_to_it(folder: Path, load: Load) -> None:
    text = tasks_text("{task_key: main, spark_python_task: {python_file: ../main.py}}")
    write_file(folder, text, "resources/etl.yml")
    (task,) = load("include: [resources/*.yml]").jobs["etl"].settings["tasks"]
    assert task["spark_python_task"]["python_file"].endswith("/files/main.py")
