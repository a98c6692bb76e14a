"""The packages that the code of a task needs: those of clusters, and those it installs itself."""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.package_names import CLUSTER_PACKAGES
from flask_lakeflow_jobs.local.tasks.code_packages import (
    list_cluster_packages,
    list_notebook_requirements,
    list_notebook_wheels,
    read_notebook_environment,
)
from flask_lakeflow_jobs.local.tasks.packages import Requirements

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
        ("import shop.models.train", "shop/__init__.py"),
        ("from .helper import train", "src/helper.py"),
        ("from ..shop import train", "shop.py"),
        ("# MAGIC %run ./setup", "src/setup.py"),
        ('# MAGIC %run "../setup" $day="1"', "setup.py"),
    ],
)
def test_packages_that_the_code_of_the_bundle_imports(
    tmp_path: Path, code: str, inner: str
) -> None:
    write(tmp_path, {"shop/models/train.py": "", inner: HEADER + "import mlflow"})
    write(tmp_path, {"src/main.py": HEADER + code})
    found = list_cluster_packages([str(tmp_path / "src/main.py")], [str(tmp_path)], "", [])
    assert found == (MLFLOW,)


@pytest.mark.parametrize("inner", ["src/shop.py", "deploy/shop.py"])
def test_packages_of_code_in_a_folder_that_a_notebook_adds_to_its_path(
    tmp_path: Path, inner: str
) -> None:
    main = "deploy/notebooks/main.py"
    write(tmp_path, {main: "import shop", inner: "import mlflow"})
    found = list_cluster_packages([str(tmp_path / main)], [str(tmp_path)], "", [])
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


@pytest.mark.parametrize(
    ("listed", "packages"),
    [
        (["dbldatagen>=0.4"], ("jmespath", "pyparsing")),
        (["dbldatagen", "jmespath==1"], ("pyparsing",)),
    ],
)
def test_packages_that_a_listed_one_expects_on_a_cluster(
    listed: list[str], packages: tuple[str, ...]
) -> None:
    assert list_cluster_packages([], [], "", listed) == packages


def test_module_of_the_bundle_is_no_package(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import mlflow\nimport sklearn.svm", "mlflow.py": ""})
    write(tmp_path, {"sklearn/__init__.py": ""})
    assert list_cluster_packages([str(tmp_path / "main.py")], [], "", []) == ()


def test_files_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"main.py": "import other", "other.py": "import main\nimport mlflow"})
    files = [str(tmp_path / "main.py"), "/none.py"]
    assert list_cluster_packages(files, [], "", []) == (MLFLOW,)


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("%pip install cowsay", ("cowsay",)),
        ("%pip install -U -qqq 'cowsay>=6' pandas[excel]  # both", ("cowsay>=6", "pandas[excel]")),
        ("%pip install cowsay \\\n# MAGIC   moo", ("cowsay", "moo")),
        ("%uv pip install cowsay", ("cowsay",)),
        ("!pip install cowsay", ("cowsay",)),
        ("%pip install ../dist/a.whl /Workspace/a b.tar.gz $package {name}", ()),
        ("%pip install git+https://a.example/b", ("git+https://a.example/b",)),
        ("%pip install -c limits.txt -e . cowsay", ("cowsay",)),
        ("%pip install cowsay --retries 10 --timeout=60 -q", ("cowsay",)),
        ("%pip install 'cowsay", ()),
        ("%pip uninstall cowsay", ()),
        ("\n\npip install cowsay", ("cowsay",)),
        ("\n\n  pip install cowsay", ()),
        ("%sh pip install cowsay", ()),
    ],
)
def test_packages_of_a_source_notebook(
    tmp_path: Path, command: str, packages: tuple[str, ...]
) -> None:
    notebook = tmp_path / "load.py"
    notebook.write_text(f"{HEADER}# MAGIC {command}\n\n# COMMAND ----------\nimport cowsay")
    assert list_notebook_requirements([str(notebook)]) == Requirements(packages)


@pytest.mark.parametrize(
    ("words", "wheels"),
    [
        ("../dist/shop-*.whl --force-reinstall", ["dist/shop-*.whl"]),
        ("/Workspace/Users/a/shop-1-any.whl", ["/Workspace/Users/a/shop-1-any.whl"]),
        ("{folder}/shop-1-py3-none-any.whl", ["shop-1-py3-none-any.whl"]),
        ("$wheel_path", ["*.whl"]),
        ("{wheels}/{name}.whl", ["*.whl"]),
        ("https://a.example/shop-1-py3-none-any.whl {package} $PACKAGE", []),
    ],
)
def test_wheels_of_a_notebook(tmp_path: Path, words: str, wheels: list[str]) -> None:
    # As in SunnyDataInc/dab_training, which installs all wheels of the deployment in a loop.
    notebook = tmp_path / "src" / "load.py"
    notebook.parent.mkdir()
    notebook.write_text(f"{HEADER}for each in found:\n    %pip install -q {words}\n")
    found = list(list_notebook_wheels([str(notebook)]))
    assert [each.removeprefix(f"{tmp_path}/") for each in found] == wheels


def test_packages_of_a_notebook_in_sql(tmp_path: Path) -> None:
    """Its magics are behind comments of SQL, and its texts and queries install nothing."""
    notebook = tmp_path / "load.sql"
    notebook.write_text(
        "-- Databricks notebook source\n-- MAGIC %pip install cowsay \\\n-- MAGIC moo\n"
        "-- COMMAND ----------\n-- MAGIC %md\n-- MAGIC pip install nothing\n"
        "-- COMMAND ----------\n-- MAGIC %sh\n-- MAGIC pip install nothing\n"
    )
    assert list_notebook_requirements([str(notebook)]) == Requirements(("cowsay", "moo"))


@pytest.mark.parametrize("option", ["-i", "--index-url"])
def test_files_and_indexes_of_a_jupyter_notebook(tmp_path: Path, option: str) -> None:
    command = f"%pip install -r ../dev.txt -r {{file}} {option} https://a.example cowsay"
    cells = [
        {"cell_type": "markdown", "source": ["%pip install nothing"]},
        {"cell_type": "code", "source": ["x = 1\n", command]},
    ]
    notebook = tmp_path / "load.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    expected = Requirements(
        ("cowsay",), (f"{tmp_path}/../dev.txt",), ("--index-url=https://a.example",)
    )
    assert list_notebook_requirements([str(notebook)]) == expected


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"cells": [5]}'])
def test_notebook_that_cannot_be_read_lists_nothing(tmp_path: Path, text: str) -> None:
    notebook = tmp_path / "load.ipynb"
    notebook.write_text(text)
    assert list_notebook_requirements([str(notebook), "/none.py"]) == Requirements()


@pytest.mark.parametrize(
    "command",
    [
        "# MAGIC %run ../setup",
        '# MAGIC %run "../setup" $a="1"',
        "dbutils.notebook.run('../setup', 60)",
    ],
)
def test_packages_of_notebooks_that_a_notebook_runs(tmp_path: Path, command: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "setup.py").write_text(f"{HEADER}# MAGIC %pip install cowsay\n# MAGIC %run ./setup")
    notebook = tmp_path / "src/load.py"
    notebook.write_text(f"{HEADER}# MAGIC %run ./none\n{command}")
    assert list_notebook_requirements([str(notebook)]) == Requirements(("cowsay",))


@pytest.mark.parametrize(
    ("command", "folder"),
    [("# MAGIC %run ./config/setup", "."), ("dbutils.notebook.run('config/setup', 60)", "config")],
)
def test_file_of_packages_is_where_the_notebook_works(
    tmp_path: Path, command: str, folder: str
) -> None:
    """The code of ``%run`` works in the folder of the notebook that has it."""
    install = f"{HEADER}# MAGIC %pip install -r requirements.txt"
    write(tmp_path, {"config/setup.py": install, "load.py": f"{HEADER}{command}"})
    expected = (str(tmp_path / folder / "requirements.txt"),)
    assert list_notebook_requirements([str(tmp_path / "load.py")]).files == expected


def test_plain_file_installs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text('"""Install once:\n\n%pip install cowsay\n"""')
    assert list_notebook_requirements([str(file)]) == Requirements()


_DEPENDENCIES = [
    "cowsay>=6",
    "--editable ..",
    "-r '../dev.txt'",
    "./a.whl",
    "/Workspace/Users/a",
    5,
]
_LOCAL = ["cowsay>=6", "--editable {0}", "-r '{0}/dev.txt'", "{0}/src/a.whl", "/Workspace/Users/a"]


def test_environment_of_a_jupyter_notebook(tmp_path: Path) -> None:
    notebook = tmp_path / "src/load.ipynb"
    environment = {"environment_version": "4", "dependencies": _DEPENDENCIES}
    own = {"application/vnd.databricks.v1+notebook": {"environmentMetadata": environment}}
    write(tmp_path, {"src/load.ipynb": json.dumps({"cells": [], "metadata": own})})
    found = read_notebook_environment(notebook)
    assert found == [each.format(tmp_path) for each in _LOCAL]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Reading TOML needs Python 3.11.")
@pytest.mark.parametrize(("suffix", "comment"), [(".py", "#"), (".sql", "--")])
def test_environment_of_a_source_notebook(tmp_path: Path, suffix: str, comment: str) -> None:
    lines = (
        "Databricks notebook source",
        "/// script",
        "[tool.databricks.environment]",
        'environment_version = "5"',
        "dependencies = [",
        *(f"  {json.dumps(each)}," for each in _DEPENDENCIES),
        "]",
        "///",
        "COMMAND ----------",
    )
    notebook = tmp_path / f"src/load{suffix}"
    write(tmp_path, {f"src/load{suffix}": "".join(f"{comment} {each}\n" for each in lines)})
    found = read_notebook_environment(notebook)
    assert found == [each.format(tmp_path) for each in _LOCAL]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("load.py", HEADER),
        ("load.py", f"{HEADER}# /// script\n# dependencies = [\n# ///\n"),
        ("load.py", f"{HEADER}# /// script\n# dependencies = ['cowsay']\n# ///\n"),
        ("load.ipynb", "no JSON"),
        ("load.ipynb", "{}"),
        ("load.ipynb", '{"metadata": {"application/vnd.databricks.v1+notebook": null}}'),
    ],
)
def test_notebook_without_an_environment_has_no_dependencies(
    tmp_path: Path, name: str, text: str
) -> None:
    write(tmp_path, {name: text})
    assert read_notebook_environment(tmp_path / name) == []
    assert read_notebook_environment(tmp_path / "none.py") == []
