"""Modules that every cluster of Databricks has: ``pyspark.dbutils`` and ``databricks.connect``.

They are served only where they are not installed.
"""

from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .dbutils import DBUtils


class SessionBuilder:
    """The builder of Databricks Connect: every setting is ignored, since one session is active."""

    def __init__(self, dbutils: DBUtils) -> None:
        self._dbutils = dbutils

    def getOrCreate(self) -> Any:  # noqa: N802 (its name on Databricks)
        """Return the session of the task."""
        return self._dbutils.task_spark.session

    create = getOrCreate

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: self


class RuntimeModules:
    """Finds these modules after all other ones.

    :param dbutils: of the task.
    """

    def __init__(self, dbutils: DBUtils) -> None:
        self._names: dict[str, dict[str, Any]] = {
            "pyspark.dbutils": {"DBUtils": lambda *_: dbutils},
            "databricks.connect": {
                "DatabricksSession": types.SimpleNamespace(builder=SessionBuilder(dbutils)),
                "__path__": [],
            },
        }
        self._names["databricks.connect.session"] = self._names["databricks.connect"]

    def install(self) -> None:
        """Serve the modules from now on."""
        sys.meta_path.append(self)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return how to load a module, if it is one of these."""
        return ModuleSpec(name, self) if name in self._names else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        """Leave the creation to Python."""
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Fill in the names of the module."""
        vars(module).update(self._names[module.__name__])
