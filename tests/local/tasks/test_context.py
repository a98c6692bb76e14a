"""The packages and libraries of a task's process."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.packages import Packages
from flask_lakeflow_jobs.local.tasks.work import ProcessWork
from tests.local.support import python_task
from tests.local.tasks.support import context, payload


@pytest.mark.parametrize(
    ("compute", "packages"),
    [
        ({}, ["cowsay"]),
        ({"environment_key": "default"}, ["moo"]),
        ({"job_cluster_key": "main"}, []),
        ({"new_cluster": {"num_workers": 1}}, []),
    ],
)
def test_notebook_has_its_own_environment_unless_its_task_names_compute(
    folder: Path, compute: dict[str, Any], packages: list[str]
) -> None:
    environment = {"environmentMetadata": {"dependencies": ["cowsay"]}}
    metadata = {"application/vnd.databricks.v1+notebook": environment}
    (folder / "own.ipynb").write_text(json.dumps({"cells": [], "metadata": metadata}))
    environments = [{"environment_key": "default", "spec": {"dependencies": ["moo"]}}]
    spec = {"task_key": "main", "notebook_task": {"notebook_path": "own"}, **compute}
    work = build_work(spec, context(folder, settings={"environments": environments}))
    assert payload(work)["requirements"] == packages


@pytest.mark.parametrize("wheel", ["{wheel}", "{folder}/shop-1-py3-none-any.whl"])
def test_wheels_that_a_notebook_installs_are_imported_from_their_projects(
    folder: Path, wheel: str
) -> None:
    (folder / "notebook.py").write_text(f"# Databricks notebook source\n%pip install {wheel}\n")
    (folder / "libs" / "shop" / "src").mkdir(parents=True)
    (folder / "libs" / "shop" / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    with (folder / "databricks.yml").open("a") as file:
        file.write("\nartifacts: {shop: {path: libs/shop}}\n")
    spec = {"task_key": "main", "notebook_task": {"notebook_path": "notebook"}}
    work = payload(build_work(spec, context(folder)))
    assert str(folder / "libs" / "shop" / "src") in work["libraries"]
    assert work["missing_libraries"] == []


def test_folder_of_installed_packages_is_named_for_functions_of_spark(folder: Path) -> None:
    packages = Packages(folder / "packages", is_enabled=True)
    libraries = [{"pypi": {"package": "cowsay"}}]
    task = {"task_key": "main", "spark_python_task": {"python_file": "main.py"}}
    work = payload(
        build_work({**task, "libraries": libraries}, replace(context(folder), packages=packages))
    )
    assert Path(work["packages"]).parent == folder / "packages"
    assert work["packages"] in work["libraries"]
    assert payload(build_work(task, context(folder)))["packages"] is None


def test_notebook_installs_the_requirements_file_of_the_bundle(folder: Path) -> None:
    (folder / "requirements.txt").touch()
    path = "/Workspace/Users/me@example.com/shop/requirements.txt"
    code = f"# Databricks notebook source\n# MAGIC %pip install -r {path}"
    (folder / "src/load.py").write_text(code)
    spec = {"task_key": "main", "notebook_task": {"notebook_path": "src/load"}}
    work = build_work(spec, context(folder))
    assert isinstance(work, ProcessWork)
    assert work.requirements.files == (str(folder / "requirements.txt"),)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
def test_exact_version_of_a_task_replaces_that_of_a_project(folder: Path) -> None:
    """As on a cluster, where the task's package is installed over the one of the wheel."""
    (folder / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\n'
        'Py_Dantic = "2.9.2"\nrequests = "2.31"\n'
    )
    packages = [{"pypi": {"package": each}} for each in ("py-dantic==2.6.4", "requests")]
    libraries = [{"whl": "./dist/shop-*.whl"}, *packages]
    task = {"task_key": "main", "spark_python_task": {"python_file": "main.py"}}
    work = payload(build_work({**task, "libraries": libraries}, context(folder)))
    assert work["requirements"] == ["py-dantic==2.6.4", "requests", "requests==2.31"]


def test_missing_requirements_file_is_left_to_the_installer(folder: Path) -> None:
    item = {"environment_key": "e", "spec": {"dependencies": ["-r none.txt"]}}
    spec = python_task("main", environment_key="e")
    work = build_work(spec, context(folder, settings={"environments": [item]}))
    assert isinstance(work, ProcessWork)
    assert work.requirements.files == (str(folder / "none.txt"),)
