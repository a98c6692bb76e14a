"""The part of ``dbutils`` that jobs use: widgets, notebook, jobs.taskValues, fs, secrets."""

from __future__ import annotations

import json
import os
import re
import sys
import types
from collections import namedtuple
from contextlib import suppress

from .not_served import raise_not_served

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .spark.session import TaskSpark

    RunNotebook = Callable[["DBUtils", str, float, dict[str, str]], str]

_MAX_TASK_VALUE_BYTES = 48 * 1024  # as JSON; source: Databricks' documentation of task values
_REQUIRED = object()
_SECRET = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")
_SECRETS_TIMEOUT_SECONDS = 30


class NotebookExit(BaseException):
    """Ends a notebook with a value. Not an Exception, so that a notebook does not catch it."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class WidgetsUtils:
    """``dbutils.widgets``: parameters of the run, over the defaults that the notebook declares."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self._values = dict(parameters)
        self._defaults: dict[str, str] = {}

    def set(self, name: str, value: str) -> None:
        """Set a parameter that no declaration changes, as ``%run`` does."""
        self._values[name] = value

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:  # noqa: N803
        """Declare a parameter with its default."""
        self._defaults.setdefault(name, str(defaultValue))

    def dropdown(
        self,
        name: str,
        defaultValue: str,  # noqa: N803
        choices: list[str],
        label: str | None = None,
    ) -> None:
        """Declare a parameter with its default; only the user interface checks the choices."""
        self.text(name, defaultValue, label)

    combobox = dropdown
    multiselect = dropdown

    def get(self, name: str) -> str:
        """Return the value of a parameter."""
        values = self.getAll()
        if name not in values:
            raise ValueError(
                f"InputWidgetNotDefined: No input widget named {name} is defined. Declare it with "
                f"dbutils.widgets.text({name!r}, ...) or pass it as a parameter of the run."
            )
        return values[name]

    def getArgument(self, name: str, optional: str | None = None) -> str:  # noqa: N802
        """Return the value of a parameter, or ``optional`` if it has none."""
        return self.get(name) if optional is None else self.getAll().get(name, optional)

    def getAll(self) -> dict[str, str]:  # noqa: N802
        return {**self._defaults, **self._values}

    def remove(self, name: str) -> None:
        """Drop a declaration. A parameter of the run stays, for the next one."""
        self._defaults.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802
        self._defaults.clear()


class NotebookUtils:
    def __init__(self, owner: DBUtils, run_notebook: RunNotebook) -> None:
        self._owner = owner
        self._run_notebook = run_notebook

    def exit(self, value: Any = "") -> None:
        """End the notebook; the value becomes its output."""
        raise NotebookExit(value if isinstance(value, str) else str(value))

    def run(
        self,
        path: str,
        timeout_seconds: int = 0,
        arguments: dict[str, Any] | None = None,
    ) -> str:
        """Run another notebook in its own namespace; return its exit value.

        :param timeout_seconds: 0: no limit.
        :raises TimeoutError: it did not end in time.
        """
        parameters = {key: str(value) for key, value in (arguments or {}).items()}
        return self._run_notebook(self._owner, path, timeout_seconds, parameters)

    @property
    def entry_point(self) -> Any:
        """Access to the notebook's context."""
        return self._owner.entry_point

    def __getattr__(self, name: str) -> Any:
        raise_not_served(f"notebook.{name}")


class TaskValuesUtils:
    """``dbutils.jobs.taskValues``: small values that a task passes to later ones."""

    def __init__(self, upstream: dict[str, dict[str, Any]]) -> None:
        self._upstream = upstream
        self.collected: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        """Set a value of this task, which the code may change later."""
        text = json.dumps(value)
        size = len(text)
        if size > _MAX_TASK_VALUE_BYTES:
            raise ValueError(
                f"The task value {key!r} takes {size} bytes as JSON. The limit is "
                f"{_MAX_TASK_VALUE_BYTES}."
            )
        self.collected[key] = json.loads(text)

    def get(
        self,
        taskKey: str,  # noqa: N803
        key: str,
        default: Any = _REQUIRED,
        debugValue: Any = None,  # noqa: N803 (only used outside a job)
    ) -> Any:
        """Return a value that an earlier task has set."""
        values = self._upstream.get(taskKey, {})
        if key in values:
            return values[key]
        if default is _REQUIRED or default is None:
            raise ValueError(
                f"Task {taskKey!r} has set no value {key!r}. It has set: "
                f"{', '.join(values) or 'none'}. Set it there, or pass default=."
            )
        return default


class LibraryUtils:
    def restartPython(self) -> None:  # noqa: N802
        """Do nothing; the packages are those of the local environment."""

    def __getattr__(self, name: str) -> Any:
        raise_not_served(f"library.{name}")


class SecretScope(namedtuple("SecretScope", ("name",))):
    """A scope, as ``dbutils.secrets.listScopes`` lists it."""

    __slots__ = ()

    def getName(self) -> str:  # noqa: N802 (its name on Databricks)
        return str(self.name)


#: A secret without its value, as ``dbutils.secrets.list`` lists it.
SecretMetadata = namedtuple("SecretMetadata", ("key",))


class SecretsUtils:
    """``dbutils.secrets``, from the API; the workspace redacts them in what the task returns.

    :param host: the address of the workspace, such as ``http://127.0.0.1:5000``.
    """

    def __init__(self, host: str, token: str) -> None:
        self._host = host
        self._token = token

    def get(self, scope: str, key: str) -> str:
        return self.getBytes(scope, key).decode()

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 (its name on Databricks)
        from base64 import b64decode

        return b64decode(self._call("get", scope=scope, key=key)["value"])

    def listScopes(self) -> list[SecretScope]:  # noqa: N802
        return [SecretScope(each["name"]) for each in self._call("scopes/list")["scopes"]]

    def list(self, scope: str) -> list[SecretMetadata]:
        return [SecretMetadata(each["key"]) for each in self._call("list", scope=scope)["secrets"]]

    def insert(self, text: str) -> str:
        """Replace each ``{{secrets/scope/key}}`` by the secret."""
        return _SECRET.sub(lambda match: self.get(match[1], match[2]), text)

    def _call(self, endpoint: str, **query: str) -> dict[str, Any]:
        from http.client import HTTPConnection
        from urllib.parse import urlencode

        connection = HTTPConnection(self._host.rpartition("/")[2], timeout=_SECRETS_TIMEOUT_SECONDS)
        try:
            path = f"/api/2.0/secrets/{endpoint}?{urlencode(query)}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            content: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(content["message"])
        return content


def display(*values: Any, **_: Any) -> None:
    """Print what Databricks shows as a table or a picture, or with options as a stream."""
    for value in values:
        if hasattr(value, "show") and hasattr(value, "sparkSession"):
            value.show()
        else:
            print(value)


class LazyObject:
    """An object that is created when it is used, as starting Spark takes seconds."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create

    def __getattr__(self, name: str) -> Any:
        return getattr(self._create(), name)

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        """The class that ``isinstance`` sees. Code that asks for one of Spark has loaded it."""
        if "pyspark.sql" in sys.modules:
            with suppress(Exception):  # this Spark may have no context
                return type(self._create())
        return LazyObject


def udf(*args: Any, **options: Any) -> Any:
    """Create a function for Spark, with Spark's own ``udf``."""
    from pyspark.sql import functions  # few tasks have it

    return functions.udf(*args, **options)


class DBUtils:
    """The object that notebooks know as ``dbutils``.

    :param run_notebook: runs the notebook at a path, with a time limit in seconds and parameters,
        and returns its exit value.
    """

    def __init__(
        self, payload: dict[str, Any], run_notebook: RunNotebook, spark: TaskSpark
    ) -> None:
        self._payload = payload
        self._run_notebook = run_notebook
        # Code may set these variables later, to call another workspace.
        workspace = [os.environ.get(f"DATABRICKS_{name}", "") for name in ("HOST", "TOKEN")]
        self.path: str = payload.get("path", "")
        self.mounts: dict[str, str] = payload["mounts"]
        parameters = payload["parameters"]
        self.widgets = WidgetsUtils(parameters if isinstance(parameters, dict) else {})
        self.notebook = NotebookUtils(self, run_notebook)
        self.jobs = types.SimpleNamespace(taskValues=TaskValuesUtils(payload["task_values"]))
        self.library = LibraryUtils()
        self.secrets = SecretsUtils(*workspace)
        self.task_spark = spark
        self.spark = LazyObject(lambda: spark.session)

    # Few tasks use these two, and their modules delay the start of a task.

    @property
    def fs(self) -> Any:
        from .filesystem import FileSystemUtils

        return FileSystemUtils(self.mounts)

    @property
    def entry_point(self) -> Any:
        """Access to the notebook's context."""
        from .notebook_context import EntryPoint

        return EntryPoint(self._payload)

    def for_notebook(self, path: str, parameters: dict[str, str]) -> DBUtils:
        """Return the ``dbutils`` of a notebook that this one runs."""
        payload = {**self._payload, "path": path, "parameters": parameters}
        inner = DBUtils(payload, self._run_notebook, self.task_spark)
        inner.jobs, inner.secrets = self.jobs, self.secrets
        return inner

    def notebook_names(self) -> dict[str, Any]:
        """Return the names that are defined in a notebook."""
        return {
            "dbutils": self,
            "spark": self.spark,
            "sc": LazyObject(lambda: self.spark.sparkContext),
            "sqlContext": self.spark,
            "sql": lambda text: self.spark.sql(text),
            "table": lambda name: self.spark.table(name),
            "udf": udf,
            "display": display,
            "displayHTML": display,
            "getArgument": self.widgets.getArgument,
        }

    def __getattr__(self, name: str) -> Any:
        raise_not_served(name)

    def serve_imports(self, names: dict[str, Any]) -> None:
        """Make ``from databricks.sdk.runtime import dbutils, spark`` return these objects.

        The SDK's module tries ``dbruntime`` first, which exists on a cluster. Code imports the
        context of its notebook from there.
        """
        namespace = {**names, **self.notebook_names()}

        class UserNamespaceInitializer:
            @staticmethod
            def getOrCreate() -> type[UserNamespaceInitializer]:  # noqa: N802
                return UserNamespaceInitializer

            @staticmethod
            def get_namespace_globals() -> dict[str, Any]:
                return namespace

        runtime = types.ModuleType("dbruntime")
        runtime.UserNamespaceInitializer = UserNamespaceInitializer  # type: ignore[attr-defined]
        runtime.__path__ = []
        context = types.ModuleType("dbruntime.databricks_repl_context")
        vars(context)["get_context"] = lambda: self.entry_point.getContext().to_namespace()
        for module in (runtime, context):
            sys.modules[module.__name__] = module
