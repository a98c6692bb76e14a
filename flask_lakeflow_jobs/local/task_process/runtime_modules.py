"""Modules that every cluster of Databricks has, such as ``pyspark.dbutils`` and ``delta.tables``.

They are served only where they are not installed. That of the feature store takes the place of an
installed one too, which needs the service; on Sail, so does that of Delta Lake, which needs Java.
"""

from __future__ import annotations

import os
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder

from .ipython_shell import Shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils


class SessionBuilder:
    """The builder of Databricks Connect: every setting is ignored, since one session is active."""

    def __init__(self, dbutils: DBUtils) -> None:
        self._dbutils = dbutils

    def getOrCreate(self) -> Any:  # noqa: N802 (its name on Databricks)
        return self._dbutils.task_spark.session

    create = getOrCreate

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: self


class ServedModules:
    """Loads modules that consist of given names.

    :param names: those of each module.
    """

    def __init__(self, names: dict[str, dict[str, Any]]) -> None:
        self._names = names

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return how to load a module, if it is one of these."""
        return ModuleSpec(name, self) if name in self._names else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        """Leave the creation to Python."""
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Fill in the names of the module."""
        vars(module).update(self._names[module.__name__])


class RuntimeModules(ServedModules):
    """Finds these modules after all other ones."""

    def __init__(self, dbutils: DBUtils) -> None:
        self._shell = Shell(lambda: dbutils.notebook_names())
        connect = {
            "DatabricksSession": types.SimpleNamespace(builder=SessionBuilder(dbutils)),
            "__path__": [],
        }
        super().__init__(
            {
                "pyspark.dbutils": {"DBUtils": lambda *_: dbutils},
                "databricks.connect": connect,
                "databricks.connect.session": connect,
                # mlflow 2 imports it, and the protobuf that Spark needs has it no more.
                "google.protobuf.service": {"Service": type("Service", (), {})},
            }
        )

    def install(self) -> None:
        """Serve the modules from now on."""
        sys.meta_path.append(self)
        self._shell.install()
        sys.meta_path.insert(0, FeatureModules({}))
        if "LAKEFLOW_LOCAL_SAIL" in os.environ:
            sys.meta_path.insert(0, DeltaModules({}))


class DeltaModules(ServedModules):
    """Finds the modules of Delta Lake before all other ones, but not a ``delta`` of the bundle."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return how to load a module of Delta Lake."""
        if name == "delta" and not self._names:
            installed = PathFinder.find_spec(name)
            folders = (installed and installed.submodule_search_locations) or ()
            if installed and not any(os.path.exists(f"{each}/tables.py") for each in folders):
                return None
            from .spark.tables.delta_tables import build_modules  # few tasks need it

            self._names = build_modules()
        return super().find_spec(name)


class FeatureModules(ServedModules):
    """Finds the modules of the feature store before all other ones."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return how to load a module of the feature store."""
        if name in ("databricks.feature_engineering", "databricks.feature_store"):
            from .spark.features.feature_client import build_feature_modules  # few tasks need it

            self._names = self._names or build_feature_modules()
        return super().find_spec(name)
