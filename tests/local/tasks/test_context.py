"""The packages and libraries of a task's process."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.packages import Packages
from flask_lakeflow_jobs.local.tasks.work import ProcessWork
from tests.local.support import python_task
from tests.local.tasks.support import context, payload


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


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
def test_exact_version_of_a_task_replaces_that_of_a_project(folder: Path) -> None:
    """As on a cluster, where the task's package is installed over the one of the wheel."""
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shop"\ndependencies = ["Py_Dantic==2.9.2", "requests==2.31"]\n'
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
