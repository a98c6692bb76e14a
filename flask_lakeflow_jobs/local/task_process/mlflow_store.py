"""Keeps what MLflow records in the folder of the workspace, in place of the service of Databricks.

Otherwise, runs and models would be written beside the author's notebooks.
"""

from __future__ import annotations

import os
import sys
from copy import copy
from functools import partial, wraps

from .import_hooks import change_when_loaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Any

_OF_DATABRICKS = "databricks"  # how the addresses of its tracking and of its registries begin
_FILE_STORE = "mlflow.store.model_registry.file_store"
# The methods of a client that return versions of models.
_VERSIONED = (
    "_create_model_version",
    "copy_model_version",
    "create_model_version",
    "get_latest_versions",
    "get_model_version",
    "get_model_version_by_alias",
    "search_model_versions",
    "transition_model_version_stage",
    "update_model_version",
)
_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


def redirect_mlflow() -> None:
    """Direct ``mlflow`` to the workspace once it is loaded."""
    change_when_loaded({"mlflow": _redirect}, prepare=_set_variables)
    change_when_loaded({_FILE_STORE: _change_store})


def _set_variables() -> None:
    from pathlib import Path  # few tasks use MLflow

    place = (Path(os.environ["LAKEFLOW_LOCAL_DATA"]) / "mlflow").as_uri()
    for name in _VARIABLES:
        if os.environ.get(name, _OF_DATABRICKS).startswith(_OF_DATABRICKS):
            os.environ[name] = place


def _redirect(module: types.ModuleType) -> None:
    """Let the addresses of Databricks stand for the workspace."""
    tracking = getattr(module, "tracking", None)
    for name in ("set_tracking_uri", "set_registry_uri"):
        if (function := getattr(module, name, None)) is not None:
            for each in filter(None, (module, tracking)):
                setattr(each, name, _ignore_databricks(function))
    if (client := getattr(module, "MlflowClient", None)) is not None:
        client.__init__ = _drop_databricks(client.__init__)
        for name in filter(partial(hasattr, client), _VERSIONED):
            setattr(client, name, _write_numbers(getattr(client, name)))
    # It would use what else a cluster has, such as its own folders.
    if (utils := sys.modules.get("mlflow.utils.databricks_utils")) is not None:
        vars(utils)["get_databricks_runtime_version"] = lambda: None


def _ignore_databricks(function: Callable[..., Any]) -> Callable[..., Any]:
    def set_uri(uri: Any) -> None:
        if not str(uri).startswith(_OF_DATABRICKS):
            function(uri)

    return set_uri


def _drop_databricks(initialize: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *uris: Any, **named: Any) -> None:
        kept = [None if str(each).startswith(_OF_DATABRICKS) else each for each in uris]
        rest = {
            key: each for key, each in named.items() if not str(each).startswith(_OF_DATABRICKS)
        }
        initialize(self, *kept, **rest)

    return call


def _write_numbers(find: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method return versions whose numbers are texts, as in Unity Catalog."""

    @wraps(find)
    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        found = find(self, *arguments, **named)
        for each in found if isinstance(found, list) else [found]:
            if isinstance(getattr(each, "_version", None), int):
                each._version = str(each._version)
        return found

    return call


def _change_store(module: types.ModuleType) -> None:
    _leave_metrics_out(module)
    version: Any = module.ModelVersion
    description = version.description
    # Of Unity Catalog, it is never None.
    version.description = description.getter(lambda self: description.fget(self) or "")


def _leave_metrics_out(module: types.ModuleType) -> None:
    """Let tasks change a version of a model with metrics, which the store cannot write.

    It finds the metrics with the model.
    """
    store: Any = module.FileStore
    if (save := getattr(store, "_save_model_version_as_meta_file", None)) is None:
        return

    def save_meta(self: Any, model_version: Any, *arguments: Any, **named: Any) -> Any:
        model_version = copy(model_version)
        model_version._metrics = model_version._params = None
        return save(self, model_version, *arguments, **named)

    store._save_model_version_as_meta_file = save_meta
