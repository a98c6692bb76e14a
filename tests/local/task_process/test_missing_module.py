"""Advice on a module that a task cannot import."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from flask_lakeflow_jobs.local.task_process.missing_module import (
    advise_on_module,
    find_folder_of,
    find_missing_module,
)


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("src/shop.py", "src"),
        ("src/lib/shop/__init__.py", "src/lib"),
        ("src/lib/shop/models.py", "src/lib"),
        ("shop.py", "."),
        ("src/shop/data.csv", None),
        ("src/other.py", None),
        (".venv/lib/shop.py", None),
        ("node_modules/shop.py", None),
    ],
)
def test_folder_of_a_module_of_the_bundle(tmp_path: Path, file: str, folder: str | None) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert find_folder_of("shop", str(tmp_path)) == folder


def test_advice_names_the_folder_that_the_import_path_lacks(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/shop.py").touch()
    advice = advise_on_module("shop.models", ["other"], installs=True, root=str(tmp_path))
    assert advice.startswith("Add src to sys.path before the import of shop: the bundle has")
    missing = advise_on_module("none", ["other"], installs=True, root=str(tmp_path))
    assert missing.startswith("Add the package that has none to the environment of the task. It")


def test_advice_names_the_package_that_has_no_such_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("shop")  # of a folder without __init__.py
    package.__file__, package.__path__ = None, [str(tmp_path / "shop")]
    monkeypatch.setitem(sys.modules, "shop", package)
    for module in ("shop.models", "json.models"):
        advice = advise_on_module(module, ["other"], installs=True, root=str(tmp_path))
        assert advice.startswith(f"The package {module.partition('.')[0]} (/")
        assert ") has no module models. Create it, correct the import, or" in advice


def test_advice_of_a_workspace_that_installs_is_where_to_list_the_package() -> None:
    advice = advise_on_module("yfinance", [], installs=True)
    assert advice.endswith(" does not have. List its package in the task's environment.")
    found = advise_on_module("sklearn.svm", [], installs=True)
    assert found.endswith(" List its package, scikit-learn, in the task's environment.")
    added = advise_on_module("py4j.protocol", ["databricks-feature-engineering"], installs=True)
    assert added.startswith("Add py4j to the environment of the task. It needs the module py4j, ")
    assert added.endswith(" which no package has that it lists: databricks-feature-engineering.")


@pytest.mark.parametrize("installs", [True, False])
def test_module_of_delta_lake_is_installed_beside_pyspark(installs: bool) -> None:
    """The workspace leaves it out of the packages that it installs for a task."""
    advice = advise_on_module("delta.tables", ["dlt-meta", "delta-spark"], installs=installs)
    assert advice.endswith(f" beside pyspark: {sys.executable} -m pip install delta-spark.")


@pytest.mark.parametrize("installs", [True, False])
def test_missing_pyspark_is_an_extra_and_no_package_of_the_task(installs: bool) -> None:
    advice = advise_on_module("pyspark", ["a"], installs=installs)
    assert advice.endswith(" in the local workspace: pip install 'flask-lakeflow-jobs[spark]'.")


@pytest.mark.parametrize("installs", [True, False])
def test_module_of_spark_on_java_is_not_to_be_installed(installs: bool) -> None:
    advice = advise_on_module("pyspark.core.rdd", ["a"], installs=installs)
    assert advice.startswith("Sail has no pyspark.core.rdd, a part of Spark that needs Java. Use ")
    assert "Java" not in advise_on_module("pyspark.sql.nothing", [], installs=False)


@pytest.mark.parametrize("installs", [True, False])
def test_module_of_a_service_of_databricks_is_not_to_be_installed(installs: bool) -> None:
    advice = advise_on_module("databricks.automl", ["a"], installs=installs)
    assert advice.startswith("Leave databricks.automl out for a local run, or simulate the")
    assert advice.endswith(": the local workspace has no AutoML.")


@pytest.mark.parametrize("installs", [True, False])
def test_module_of_pipelines_is_not_to_be_installed(installs: bool) -> None:
    advice = advise_on_module("dlt", ["dlt-meta"], installs=installs)
    assert advice.startswith("Run the file in a pipeline, whose tables it defines: list it under")


def test_listed_package_with_the_name_of_the_module_of_pipelines_is_installed() -> None:
    """The package ``dlt`` of dltHub loads data."""
    advice = advise_on_module("dlt", ["dlt[duckdb]>=1"], installs=False)
    assert advice.startswith("The task needs dlt, which its environment lists: dlt[duckdb]>=1.")


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("import nothing.inner", "nothing"),
        ("from databricks import automl", "databricks.automl"),
        ("from os import nothing", None),
        ("raise ImportError('cannot', name='google')", None),
        ("raise ValueError", None),
    ],
)
def test_module_that_an_error_misses(code: str, module: str | None) -> None:
    with pytest.raises((ImportError, ValueError)) as raised:
        exec(code)  # noqa: S102 (our own)
    assert find_missing_module(raised.value) == module


def test_advice_names_the_package_of_a_module_that_clusters_have() -> None:
    advice = advise_on_module("sklearn.svm", [], installs=False)
    assert advice.startswith(
        "The task needs the module sklearn, which clusters of Databricks have. Install it here: "
        "pip install scikit-learn. Or set LAKEFLOW_JOBS_LOCAL_INSTALL = True"
    )
    listed = advise_on_module("sklearn", ["scikit-learn>=1.2"], installs=False)
    assert listed.startswith("The task needs sklearn, which its environment lists: scikit-learn")
