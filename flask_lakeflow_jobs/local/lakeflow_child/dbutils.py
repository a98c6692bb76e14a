"""The part of ``dbutils`` that jobs use: widgets, notebook, jobs.taskValues, fs, secrets."""

from __future__ import annotations

import json
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VALUE_LIMIT = 48 * 1024  # bytes of JSON, as the documentation of task values has it
_REQUIRED = object()


class NotebookExit(BaseException):
    """Ends a notebook with a value. No Exception, so that a notebook's own handlers let it pass."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class Widgets:
    """Parameters of a notebook: what the run gives, over the defaults that the notebook
    declares.
    """

    def __init__(self, given: dict[str, str]) -> None:
        self._values = dict(given)

    def set(self, name: str, value: str) -> None:
        """Give a parameter a value that no declaration changes, as ``%run`` does."""
        self._values[name] = value

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:  # noqa: N803
        """Declare a parameter with its default."""
        self._values.setdefault(name, str(defaultValue))

    def dropdown(
        self,
        name: str,
        defaultValue: str,  # noqa: N803
        choices: list[str],
        label: str | None = None,
    ) -> None:
        """Declare a parameter with its default; the choices bind only the user interface."""
        self._values.setdefault(name, str(defaultValue))

    combobox = dropdown
    multiselect = dropdown

    def get(self, name: str) -> str:
        """The value of a parameter."""
        if name not in self._values:
            raise ValueError(
                f"InputWidgetNotDefined: No input widget named {name} is defined. Declare it with "
                f"dbutils.widgets.text({name!r}, ...) or pass it as a parameter of the run."
            )
        return self._values[name]

    def getArgument(self, name: str, optional: str | None = None) -> str:  # noqa: N802
        """The value of a parameter, or the other one where it has none."""
        return self.get(name) if optional is None else self._values.get(name, optional)

    def getAll(self) -> dict[str, str]:  # noqa: N802
        """All parameters with their values."""
        return dict(self._values)

    def remove(self, name: str) -> None:
        """Forget a parameter."""
        self._values.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802
        """Forget all parameters."""
        self._values.clear()


class Notebook:
    """``dbutils.notebook``."""

    def __init__(self, owner: DBUtils, path: str, mounts: dict[str, str]) -> None:
        self._owner = owner
        self._path = path
        self._mounts = mounts

    def find(self, path: str, caller: str | None = None) -> str:
        """The file of a notebook that this one, or another caller, names."""
        from .notebook import find_notebook

        return find_notebook(caller or self._path, path, self._mounts)

    def local(self, path: str) -> str:
        """This machine's path for one of the workspace."""
        from .notebook import local_path

        return local_path(path, self._mounts)

    def exit(self, value: Any = "") -> None:
        """End the notebook; the value becomes its output."""
        raise NotebookExit(value if isinstance(value, str) else str(value))

    def run(
        self,
        path: str,
        timeout_seconds: int = 0,
        arguments: dict[str, Any] | None = None,
    ) -> str:
        """Run another notebook in a namespace of its own and return what it exits with.

        :param timeout_seconds: after which it fails; 0: never.
        :raises TimeoutError: it has not ended in time.
        """
        from .notebook import run_cells
        from .time_limit import time_limit

        file = self.find(path)
        inner = self._owner.for_notebook(
            file, {key: str(each) for key, each in (arguments or {}).items()}
        )
        names = {"__name__": "__main__", **inner.notebook_names()}
        try:
            with time_limit(timeout_seconds, f"The notebook {path!r}"):
                run_cells(file, names)
        except NotebookExit as exit_call:
            return exit_call.value
        return ""

    @property
    def entry_point(self) -> Any:
        """The way to what a notebook may ask about where it runs."""
        return self._owner.entry_point

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"dbutils.notebook.{name} is not served by the local workspace.")


class TaskValues:
    """``dbutils.jobs.taskValues``: small values that one task hands to those after it."""

    def __init__(self, upstream: dict[str, dict[str, Any]]) -> None:
        self._upstream = upstream
        self.collected: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        """Set a value of this task."""
        size = len(json.dumps(value).encode())
        if size > _VALUE_LIMIT:
            raise ValueError(
                f"The task value {key!r} takes {size} bytes as JSON; {_VALUE_LIMIT} is the most."
            )
        self.collected[key] = value

    def get(
        self,
        taskKey: str,  # noqa: N803
        key: str,
        default: Any = _REQUIRED,
        debugValue: Any = None,  # noqa: N803 (only used outside a job)
    ) -> Any:
        """A value that an earlier task has set."""
        values = self._upstream.get(taskKey, {})
        if key in values:
            return values[key]
        if default is _REQUIRED or default is None:
            raise ValueError(
                f"The task {taskKey!r} has set no value {key!r}. Its values: "
                f"{', '.join(values) or 'none'}."
            )
        return default


class Jobs:
    """``dbutils.jobs``."""

    def __init__(self, task_values: TaskValues) -> None:
        self.taskValues = task_values


class Library:
    """``dbutils.library``: nothing has to be restarted here."""

    def restartPython(self) -> None:  # noqa: N802
        """Do nothing; the packages are those of the local environment."""


def display(*values: Any) -> None:
    """Print what Databricks would show as a table or a picture."""
    for value in values:
        if hasattr(value, "show") and hasattr(value, "sparkSession"):
            value.show()
        else:
            print(value)


class LazySpark:
    """A ``spark`` that starts its session when it is first used, for that takes seconds."""

    def __getattr__(self, name: str) -> Any:
        try:
            session = __import__("pyspark.sql", fromlist=["SparkSession"]).SparkSession
        except ImportError:
            raise RuntimeError(
                "There is no Spark in this environment. Install pyspark to use 'spark' in the "
                "local workspace."
            ) from None
        return getattr(session.builder.getOrCreate(), name)


class SparkPart:
    """A part of ``spark`` that needs its session when it is first used."""

    def __init__(self, spark: LazySpark, name: str) -> None:
        self._spark = spark
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._spark, self._name), name)


def udf(*args: Any, **options: Any) -> Any:
    """Spark's own; what a notebook calls by this name."""
    return __import__("pyspark.sql.functions", fromlist=["udf"]).udf(*args, **options)


class DBUtils:
    """What notebooks know as ``dbutils``."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload
        parameters = payload["parameters"]
        self.widgets = Widgets(parameters if isinstance(parameters, dict) else {})
        self.notebook = Notebook(self, payload.get("path", ""), payload["mounts"])
        self.jobs = Jobs(TaskValues(payload["task_values"]))
        self.library = Library()
        self.spark = LazySpark()
        self._fs: Any = None

    @property
    def fs(self) -> Any:
        """Files; imported when first used, as few tasks do."""
        if self._fs is None:
            from .filesystem import FileSystem

            dbfs = os.path.join(os.environ["LAKEFLOW_LOCAL_DATA"], "dbfs")
            self._fs = FileSystem(self._payload["mounts"], dbfs)
        return self._fs

    @property
    def entry_point(self) -> Any:
        """The way to where this runs; imported when first used, as few tasks do."""
        from .context import EntryPoint

        return EntryPoint(self._payload)

    @property
    def secrets(self) -> Any:
        """Secrets; imported when first used, as few tasks do."""
        from .vault import Secrets

        return Secrets()

    def for_notebook(self, path: str, arguments: dict[str, str]) -> DBUtils:
        """The ``dbutils`` of a notebook that this one runs."""
        inner = DBUtils({**self._payload, "path": path, "parameters": arguments})
        inner.jobs = self.jobs
        return inner

    def notebook_names(self) -> dict[str, Any]:
        """What a notebook finds defined."""
        return {
            "dbutils": self,
            "spark": self.spark,
            "sc": SparkPart(self.spark, "sparkContext"),
            "sqlContext": self.spark,
            "sql": lambda text: self.spark.sql(text),
            "table": lambda name: self.spark.table(name),
            "udf": udf,
            "display": display,
            "displayHTML": display,
            "getArgument": self.widgets.getArgument,
        }

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"dbutils.{name} is not served by the local workspace.")

    def serve_imports(self, names: dict[str, Any]) -> None:
        """Let ``from databricks.sdk.runtime import dbutils, spark`` give these objects.

        The SDK's module asks ``dbruntime`` first, which is there on a cluster.
        """
        served = {**names, **self.notebook_names()}

        class UserNamespaceInitializer:
            @staticmethod
            def getOrCreate() -> type[UserNamespaceInitializer]:  # noqa: N802
                return UserNamespaceInitializer

            @staticmethod
            def get_namespace_globals() -> dict[str, Any]:
                return served

        runtime = types.ModuleType("dbruntime")
        runtime.UserNamespaceInitializer = UserNamespaceInitializer  # type: ignore[attr-defined]
        sys.modules["dbruntime"] = runtime
