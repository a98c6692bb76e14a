"""MLflow in tasks: its runs and models are kept in the folder of the workspace."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.mlflow_store import redirect_mlflow

# The names of MLflow that take the address of a service.
MLFLOW = """\
import os
from types import SimpleNamespace

SEEN = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}

def set_tracking_uri(uri):
    SEEN["tracking"] = uri

def set_registry_uri(uri):
    SEEN["registry"] = uri

class MlflowClient:
    def __init__(self, tracking_uri=None, registry_uri=None):
        self.uris = [tracking_uri, registry_uri]

    def get_model_version(self, name, version):
        return SimpleNamespace(name=name, _version=int(version))

    def search_model_versions(self, filter_string=None):
        return [self.get_model_version("m", 1), self.get_model_version("m", 2)]

tracking = SimpleNamespace(set_tracking_uri=set_tracking_uri)
"""


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for MLflow, as a task imports it."""
    (tmp_path / "mlflow.py").write_text(MLFLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "https://mlflow.example")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    redirect_mlflow()
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    yield importlib.import_module("mlflow")
    sys.modules.pop("mlflow", None)


def test_service_of_databricks_is_the_folder_of_the_workspace(mlflow: Any, tmp_path: Path) -> None:
    assert {
        "MLFLOW_TRACKING_URI": (tmp_path / "data/mlflow").as_uri(),
        "MLFLOW_REGISTRY_URI": "https://mlflow.example",
    } == mlflow.SEEN


def test_addresses_of_databricks_are_ignored_and_others_are_used(mlflow: Any) -> None:
    for uri in ("databricks", "databricks://profile"):
        mlflow.set_tracking_uri(uri)
        mlflow.tracking.set_tracking_uri(uri)
    mlflow.set_registry_uri("databricks-uc")
    assert not mlflow.SEEN.keys() & {"tracking", "registry"}
    mlflow.set_tracking_uri("https://a.example")
    mlflow.set_registry_uri(Path("models"))
    assert (mlflow.SEEN["tracking"], mlflow.SEEN["registry"]) == (
        "https://a.example",
        Path("models"),
    )


def test_mlflow_does_not_look_for_what_else_a_cluster_has(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    utils = SimpleNamespace(get_databricks_runtime_version=lambda: "17.3")
    monkeypatch.setitem(sys.modules, "mlflow.utils.databricks_utils", utils)
    monkeypatch.delitem(sys.modules, "mlflow")
    importlib.import_module("mlflow")
    assert utils.get_databricks_runtime_version() is None


def test_client_takes_only_the_addresses_of_others(mlflow: Any) -> None:
    assert mlflow.MlflowClient("databricks", registry_uri="databricks-uc").uris == [None, None]
    assert mlflow.MlflowClient(None, "https://a.example").uris == [None, "https://a.example"]


def test_numbers_of_versions_are_texts_as_in_unity_catalog(mlflow: Any) -> None:
    client = mlflow.MlflowClient()
    assert vars(client.get_model_version("m", version="3")) == {"name": "m", "_version": "3"}
    assert [each._version for each in client.search_model_versions("name='m'")] == ["1", "2"]
    assert not hasattr(client, "get_latest_versions")


STORE = """\
class FileStore:
    def _save_model_version_as_meta_file(self, model_version, meta_dir=None, overwrite=True):
        return vars(model_version), meta_dir

class ModelVersion:
    _description = None

    @property
    def description(self):
        return self._description

    @description.setter
    def description(self, description):
        self._description = description
"""


def test_file_store_saves_no_metrics_and_reads_a_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow fails to write metrics, as in ``update_model_version``."""
    folder = tmp_path / "mlflow/store/model_registry"
    folder.mkdir(parents=True)
    (folder / "file_store.py").write_text(STORE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path / "data"))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    redirect_mlflow()
    for name in [each for each in sys.modules if each.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    module = importlib.import_module("mlflow.store.model_registry.file_store")
    store = module.FileStore()
    version = SimpleNamespace(name="m", _metrics=[1], _params=[2])
    saved, meta_dir = store._save_model_version_as_meta_file(version, meta_dir="d")
    assert saved == {"name": "m", "_metrics": None, "_params": None}
    assert (version._metrics, meta_dir) == ([1], "d")
    entity = module.ModelVersion()
    assert entity.description == ""
    entity.description = "text"
    assert entity.description == "text"
    for name in [each for each in sys.modules if each.partition(".")[0] == "mlflow"]:
        del sys.modules[name]
