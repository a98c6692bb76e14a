"""Modules that every cluster of Databricks has, such as ``pyspark.dbutils`` and ``delta.tables``.

They are served only where they are not installed.
"""

from __future__ import annotations

import os
import sys
import types
from importlib.machinery import ModuleSpec

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
        connect = {
            "DatabricksSession": types.SimpleNamespace(builder=SessionBuilder(dbutils)),
            "__path__": [],
        }
        super().__init__(
            {
                "pyspark.dbutils": {"DBUtils": lambda *_: dbutils},
                "databricks.connect": connect,
                "databricks.connect.session": connect,
            }
        )

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return how to load a module, if it is one of these."""
        if name == "delta" and "LAKEFLOW_LOCAL_SPARK" in os.environ:
            from .spark.delta_tables import DeltaTable  # few tasks need it

            self._names["delta"] = {"DeltaTable": DeltaTable, "__path__": []}
            self._names["delta.tables"] = {"DeltaTable": DeltaTable}
        return super().find_spec(name)

    def install(self) -> None:
        """Serve the modules from now on."""
        sys.meta_path.append(self)
