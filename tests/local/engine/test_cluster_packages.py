"""The packages that code imports because clusters of Databricks have them."""

from __future__ import annotations

import importlib.util
import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.engine.cluster_packages import list_cluster_packages
from flask_lakeflow_jobs.local.lakeflow_child.cluster_packages import CLUSTER_PACKAGES

MLFLOW = CLUSTER_PACKAGES["mlflow"]
HEADER = "# Databricks notebook source\n"


@pytest.fixture(autouse=True)
def _only_yaml_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        assert name in CLUSTER_PACKAGES
        return ModuleSpec(name, None) if name == "yaml" else None

    monkeypatch.setattr(importlib.util, "find_spec", find)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("code", "packages"),
    [
        ("import mlflow", (MLFLOW,)),
        ("import os, mlflow as flow, sklearn.svm", (MLFLOW, "scikit-learn")),
        ("from sklearn.svm import SVC", ("scikit-learn",)),
        ("from sklearn.svm import (\n    SVC,\n)", ("scikit-learn",)),
        ("def run():\n    import mlflow", (MLFLOW,)),
        ("from azure.storage import blob", ("azure-storage-blob",)),
        ("from azure.storage.blob import BlobClient", ("azure-storage-blob",)),
        ("import yaml", ()),
        ("import torch, cowsay", ()),
        ("# import mlflow\nx = 'import mlflow'", ()),
    ],
)
def test_packages_that_a_script_imports(
    tmp_path: Path, code: str, packages: tuple[str, ...]
) -> None:
    write(tmp_path, {"main.py": code})
    assert list_cluster_packages([str(tmp_path / "main.py")], [], "", []) == packages


def test_folders_of_a_task_without_a_package_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may hold thousands of files, and the thread that starts tasks reads them."""
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("All files were listed."))
    assert list_cluster_packages([], [str(tmp_path)], "", []) == ()


@pytest.mark.parametrize(
    ("code", "inner"),
    [
        ("import helper", "src/helper.py"),
        ("from helper import train", "src/helper/__init__.py"),
        ("from helper import train", "src/helper/train.py"),
        ("from shop.models import train", "shop/models/train.py"),
        ("import shop.models.train", "shop/models/train.py"),
        ("from .helper import train", "src/helper.py"),
        ("from ..shop import train", "shop.py"),
        ("# MAGIC %run ./setup", "src/setup.py"),
        ('# MAGIC %run "../setup" $day="1"', "setup.py"),
    ],
)
def test_packages_that_the_code_of_the_bundle_imports(
    tmp_path: Path, code: str, inner: str
) -> None:
    write(tmp_path, {inner: HEADER + "import mlflow", "src/main.py": HEADER + code})
    found = list_cluster_packages([str(tmp_path / "src/main.py")], [str(tmp_path)], "", [])
    assert found == (MLFLOW,)


def test_packages_of_a_jupyter_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import mlflow"]},
        {"cell_type": "code", "source": ["x = 1\n", "import sklearn"]},
    ]
    write(tmp_path, {"main.ipynb": json.dumps({"cells": cells})})
    found = list_cluster_packages([str(tmp_path / "main.ipynb")], [], "", [])
    assert found == ("scikit-learn",)


def test_packages_of_a_wheel_are_those_that_its_modules_import(tmp_path: Path) -> None:
    write(tmp_path, {"src/my_shop/jobs/train.py": "import mlflow", "src/other.py": "import boto3"})
    folders = [str(tmp_path / "src"), str(tmp_path)]
    assert list_cluster_packages([], folders, "my-shop", []) == (MLFLOW,)


def test_packages_that_the_task_lists_are_left_to_it(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import mlflow, sklearn"})
    listed = ["Scikit_Learn[x]>=1.2", "cowsay"]
    assert list_cluster_packages([str(tmp_path / "main.py")], [], "", listed) == (MLFLOW,)
    listed = ["mlflow-skinny==3.7", "scikit"]
    found = list_cluster_packages([str(tmp_path / "main.py")], [], "", listed)
    assert found == ("scikit-learn",)


def test_module_of_the_bundle_is_no_package(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import mlflow\nimport sklearn.svm", "mlflow.py": ""})
    write(tmp_path, {"sklearn/__init__.py": ""})
    assert list_cluster_packages([str(tmp_path / "main.py")], [], "", []) == ()


def test_files_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import other", "other.py": "import main\nimport mlflow"})
    files = [str(tmp_path / "main.py"), "/none.py"]
    assert list_cluster_packages(files, [], "", []) == (MLFLOW,)
